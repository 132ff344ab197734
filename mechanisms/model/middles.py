"""Where the default prior of a further linear predictor's intercept has its middle: what is observed, on its link.

Shares are drawn half a case towards neither end, so that one of 0 or 1 has a link.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Dataset
from mechanisms.model.equations import Equation
from mechanisms.model.families import FAMILIES, LINKS

PRECISION_MIDDLE = 1.0
Codes = NDArray[np.intp]


def find_middle_of_part(equation: Equation, data: Dataset) -> float:
    """The middle for a predictor that has a role."""
    if equation.role == "spread":
        return _spread(equation, data)
    if equation.role == "step":
        column = data[equation.response]
        assert isinstance(column, Categories)
        codes, place = column.codes[column.observed], column.values.index(equation.target.partition("=")[2])
        return _STEPS[equation.family](codes, place, equation.link)
    values = data.numbers(equation.response).values
    known = values[np.isfinite(values)]
    return _on_link(equation.link, int(np.sum(known > 0 if equation.role == "any" else known == 1)), len(known))


def _on_link(link: str, count: int, size: int) -> float:
    return float(LINKS[link].forward((count + 0.5) / (size + 1.0)))


def _spread(equation: Equation, data: Dataset) -> float:
    family = FAMILIES[equation.family]
    if family.spread == "precision":
        return PRECISION_MIDDLE
    values = data.numbers(equation.response).values
    known = values[np.isfinite(values)]
    return float(np.log(np.std(np.log(known[known > 0]) if family.positive else known, ddof=1)))


def _reach(codes: Codes, place: int, link: str) -> float:
    return _on_link(link, int(np.sum(codes >= place)), len(codes))


def _go_on(codes: Codes, place: int, link: str) -> float:
    return _on_link(link, int(np.sum(codes >= place)), int(np.sum(codes >= place - 1)))


def _choose(codes: Codes, place: int, link: str) -> float:
    return float(np.log((np.sum(codes == place) + 0.5) / (np.sum(codes == 0) + 0.5)))


_STEPS: dict[str, Callable[[Codes, int, str], float]] = {
    "ordinal": _reach,
    "sequential": _go_on,
    "categorical": _choose,
}
