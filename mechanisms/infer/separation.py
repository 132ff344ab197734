"""Causes that split an outcome perfectly: combinations of columns on whose two sides only one of two answers is found.

The likelihood then rises for ever with a coefficient, and how large it comes out is what its prior says (Albert & Anderson
1984, Biometrika 71). Whether there is such a combination is a linear programme (Konis 2007): coefficients between −1 and 1
that put no row on the wrong side, and some on the right one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from mechanisms.data.dataset import Categories, ColumnView, Dataset, response_values
from mechanisms.errors import listed
from mechanisms.model.equations import Coefficient, Equation
from mechanisms.model.families import FAMILIES
from mechanisms.model.plan import Plan
from mechanisms.model.predictor import product

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_MOST = 20_000  # rows; in more, what splits them would be no secret
_LEAST = 1e-7


def find_separated(plan: Plan, data: Dataset) -> tuple[str, ...]:
    """A sentence for every yes-or-no question of a plan without levels that some of its causes answer without fail."""
    if data.tables or data.sums is not None or data.incomplete or data.n > _MOST:
        return ()
    return tuple(note for equation in plan.equations for note in _of_equation(equation, data))


def _of_equation(equation: Equation, data: Dataset) -> Iterator[str]:
    questions = [each for each in _questions(equation, data) if not each.alike]
    if questions and (addresses := _split(questions, data)):
        causes = list(dict.fromkeys(address.partition(" -> ")[0] for address in addresses))
        what = f"{listed(causes)} {'split' if len(causes) > 1 else 'splits'}"
        yield (
            f"{what} {equation.response} perfectly, so that the data set no "
            f"bound to {listed(addresses)}: how large {'these come' if len(addresses) > 1 else 'it comes'} out is what the prior says"
        )


@dataclass(frozen=True, eq=False)
class _Question:
    """What a predictor decides: who answers yes, among those who are asked."""

    predictor: Equation
    yes: Mask
    asked: Mask

    @property
    def alike(self) -> bool:
        """Whether everybody gives the same answer."""
        return len(np.unique(self.yes[self.asked])) < 2


def _questions(equation: Equation, data: Dataset) -> Iterator[_Question]:
    column = data[equation.response]
    y, everyone = response_values(column), np.ones(data.n, dtype=np.bool_)
    if FAMILIES[equation.family].kind == "binary":
        yield _Question(equation, y == 1, everyone)
    for each in equation.predictors:
        if each.role == "any" and equation.zeros == "hurdle":
            yield _Question(each, y > 0, everyone)
        elif each.role == "step" and isinstance(column, Categories):
            place = column.values.index(each.target.partition("=")[2])
            asked = {"categorical": (y == place) | (y == 0), "sequential": y >= place - 1}
            yes = y == place if equation.family == "categorical" else y >= place
            yield _Question(each, yes, asked.get(equation.family, everyone))


def _split(questions: list[_Question], data: Dataset) -> tuple[str, ...]:
    """The coefficients that can grow for ever, if some can."""
    slopes = tuple(dict.fromkeys(c.address for each in questions for c in _straight(each.predictor)))
    addresses = (*(each.predictor.intercept for each in questions), *slopes)
    if not slopes:
        return ()
    signed = np.vstack([_signed(each, addresses, ColumnView(data)) for each in questions])
    kept = list(range(len(addresses)))
    if not _separates(signed):
        return ()
    for place in range(len(addresses) - 1, len(questions) - 1, -1):  # those that it takes, as few as there are
        fewer = [each for each in kept if each != place]
        kept = fewer if _separates(signed[:, fewer]) else kept
    return tuple(addresses[place] for place in kept if addresses[place] in slopes)


def _straight(predictor: Equation) -> list[Coefficient]:
    """The coefficients but those of waves, which could split anything and which a gp holds back."""
    return [each for each in predictor.coefficients if not any("~gp[" in factor.column for factor in each.factors)]


def _separates(signed: Floats) -> bool:
    """Whether some combination of the columns is on no row's wrong side."""
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1), method="highs")
    return bool(found.status == 0 and -found.fun > _LEAST * len(signed))


def _signed(question: _Question, addresses: tuple[str, ...], view: ColumnView) -> Floats:
    """A row for each answer: the standardised causes, their sign turned where the answer is no."""
    sign = np.where(question.yes[question.asked], 1.0, -1.0)
    design = np.zeros((len(sign), len(addresses)))
    design[:, addresses.index(question.predictor.intercept)] = 1.0
    for each in _straight(question.predictor):
        values = product(each.factors, view)
        spread = float(values.std())
        design[:, addresses.index(each.address)] = (values[question.asked] - values.mean()) / (spread or 1.0)
    return np.asarray(sign[:, None] * design)
