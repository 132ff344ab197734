"""Sufficient statistics of one equation in one pass over the rows, and what they say about its sources."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, ColumnView, Dataset, response_values
from mechanisms.errors import DataError, listed
from mechanisms.infer.passes import weigh_design, weigh_response
from mechanisms.model.equations import Equation
from mechanisms.model.priors import Beliefs
from mechanisms.model.standardising import working_columns

Floats = NDArray[np.float64]
_ROWS_AT_ONCE = 16_384
_COLLINEAR = 1e-10
_NOISELESS = 1e-12


@dataclass(frozen=True, eq=False)
class Moments:
    """n, W'W (1+k, 1+k), W'y (1+k,) and y'y of the working design W, y centred at `shift`; `sd` is y's."""

    n: int
    gram: Floats
    cross: Floats
    square: float
    shift: float
    sd: float


def gather(equation: Equation, beliefs: Beliefs, data: Dataset) -> Moments:
    """One pass over the rows, in pieces, so that memory does not grow with them; or what such a pass has left.

    Raises
    ------
    DataError
        Fewer rows than coefficients, or sources that determine each other or the response exactly.
    """
    size = len(equation.addresses)
    if data.n <= size:
        raise DataError(
            f"{data.n} rows cannot carry the {size} coefficients of {equation.response}'s equation (intercept included): "
            "more data, or fewer arrows into it"
        )
    y = data.numbers(equation.response)
    add = _sum_rows if data.sums is None else _turn_sums
    gram, cross, square = add(equation, beliefs, data)
    _check_rank(equation, equation.addresses, gram)
    if equation.family == "normal":
        _check_noise(equation, gram, cross, square)
    return Moments(data.n, gram, cross, square, y.mean, y.sd)


def _sum_rows(equation: Equation, beliefs: Beliefs, data: Dataset) -> tuple[Floats, Floats, float]:
    """W'W, W'y and y'y of rows in memory."""
    size, y, view = len(equation.addresses), data.numbers(equation.response), ColumnView(data)
    columns = {name: view[name] for name in beliefs.working.standards}
    gram, cross, square = np.zeros((size, size)), np.zeros(size), 0.0
    for start in range(0, data.n, _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        response = y.values[rows] - y.mean
        design = working_columns(beliefs.working, {name: values[rows] for name, values in columns.items()})
        gram += design.T @ design
        cross += design.T @ response
        square += float(response @ response)
    return gram, cross, square


def _turn_sums(equation: Equation, beliefs: Beliefs, data: Dataset) -> tuple[Floats, Floats, float]:
    """The same of rows that were summed while they were read."""
    assert data.sums is not None
    products, design = data.sums.products, weigh_design(beliefs.working, data.sums)
    response = weigh_response(equation, data.sums, data.numbers(equation.response).mean)
    return design.T @ products @ design, design.T @ products @ response, float(response @ products @ response)


def check_sources(equation: Equation, beliefs: Beliefs, data: Dataset) -> None:
    """Refuse what `gather` refuses, of every linear predictor by itself, in the rows that say something about it.

    Raises
    ------
    DataError
        Fewer rows than coefficients, or sources that determine each other exactly.
    """
    if not equation.parts and not equation.role and not equation.traits:
        gather(equation, beliefs, data)
        return
    y, view = response_values(data[equation.response]), ColumnView(data)
    for each, basis in zip(equation.predictors, beliefs.bases, strict=True):
        telling = _find_telling(each, data, y)
        solid = [place for place, name in enumerate(each.addresses) if name not in _list_waves(each)]
        if telling.sum() <= len(solid):
            raise DataError(
                f"{telling.sum()} rows cannot carry the {len(solid)} coefficients of {each.target or each.response} "
                "(intercept included): more data, or fewer arrows into it"
            )
        if each.coefficients:
            columns = {name: view[name][telling] for name in basis.working.standards}
            design = working_columns(basis.working, columns)[:, solid]
            _check_rank(each, [each.addresses[place] for place in solid], design.T @ design)


def _find_telling(predictor: Equation, data: Dataset, y: Floats) -> NDArray[np.bool_]:
    """The rows in which a predictor has a say: of a step those that came so far, of an amount those above 0."""
    everyone = np.ones(len(y), dtype=np.bool_)
    if predictor.role == "step" and predictor.family == "sequential":
        column = data[predictor.response]
        assert isinstance(column, Categories)
        return np.asarray(y >= column.values.index(predictor.target.partition("=")[2]) - 1)
    hurdle = predictor.zeros == "hurdle" and predictor.role != "any"
    return np.asarray(y > 0) if hurdle else everyone


def _list_waves(equation: Equation) -> list[str]:
    """The coefficients of waves: these are alike within the data, and only what is believed of them tells them apart."""
    return [each.address for each in equation.coefficients if any("~gp[" in factor.column for factor in each.factors)]


def _check_rank(equation: Equation, addresses: Sequence[str], gram: Floats) -> None:
    """Refuse sources of which one is a linear function of the others, and name them."""
    size = np.sqrt(np.diag(gram))
    flat = [address for address, length in zip(addresses, size, strict=True) if length == 0]
    if flat:
        raise DataError(f"'{flat[0]}' has nothing to act with: its column is 0 in every row")
    values, vectors = np.linalg.eigh(gram / np.outer(size, size))
    if values[0] > _COLLINEAR * values[-1]:
        return
    weights = np.abs(vectors[:, 0])
    involved = [
        addresses[int(i)].partition(" -> ")[0]
        for i in np.flatnonzero(weights > 1e-3 * weights.max())
        if i or weights[0] > 0.3
    ]
    names = [name for name in involved if name != "1"]
    what = (
        f"{listed(names)} determine each other exactly"
        if len(names) > 1
        else f"{listed(names)} is constant given the intercept"
    )
    raise DataError(
        f"in {equation.target or equation.response}'s equation {what} in these data: leave one of them out of the theory"
    )


def _check_noise(equation: Equation, gram: Floats, cross: Floats, square: float) -> None:
    """Refuse a response that its sources determine: sums of squares cannot tell such a residual from rounding."""
    rest = square - cross @ np.linalg.solve(gram, cross)
    if rest <= _NOISELESS * square:
        raise DataError(
            f"{equation.response} is determined exactly by {listed(equation.parents)} in these data, as if computed "
            "from them: there is nothing left to estimate. Leave out the arrow into it, or what it is computed from"
        )
