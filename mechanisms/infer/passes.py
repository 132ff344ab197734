"""Rows that are not in memory: which sums a plan needs of them, and an equation's moments out of these sums."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, ColumnView, Dataset
from mechanisms.data.sums import Monomial, Sums, add_up, close, express
from mechanisms.errors import DataError
from mechanisms.model.equations import Equation
from mechanisms.model.plan import Plan
from mechanisms.model.standardising import Working, name_monomial

Floats = NDArray[np.float64]
_ROWS_AT_ONCE = 65_536


def cover(plan: Plan, data: Dataset) -> Dataset:
    """The data with all sums that the plan's equations need; the source is read once more where products are among them.

    Raises
    ------
    DataError
        Products of columns are needed that were not summed, and the rows cannot be read again.
    """
    if data.sums is None:
        return data
    wanted = list_monomials(plan, data.sums.monomials)
    if data.sums.holds(wanted):
        return data
    if data.again is None:
        raise DataError(
            "the plan has products of columns that were not summed, and the rows that came later are not kept: "
            "fit all rows together"
        )
    return replace(data, sums=data.again(wanted))


def list_monomials(plan: Plan, besides: tuple[Monomial, ...] = ()) -> tuple[Monomial, ...]:
    """The products of columns in a plan's equations with all that divide them, and some others."""
    terms = [name_monomial(each.factors) for equation in plan.equations for each in equation.coefficients]
    return close([*terms, *(((equation.response, 1),) for equation in plan.equations), *besides])


def sum_up(plan: Plan, data: Dataset) -> Sums:
    """The sums that a plan needs of rows in memory."""
    linear = [
        ((column, 1),)
        for each in data.everything
        for column in (
            [f"{each.name}={value}" for value in each.values[1:]] if isinstance(each, Categories) else [each.name]
        )
    ]
    found = add_up(_slice(data), list_monomials(plan, tuple(linear)))
    assert found is not None
    return found


def _slice(data: Dataset) -> Iterator[Mapping[str, Floats]]:
    view = ColumnView(data)
    columns = {name: view[name] for name in view}
    for start in range(0, data.n, _ROWS_AT_ONCE):
        yield {name: values[start : start + _ROWS_AT_ONCE] for name, values in columns.items()}


def weigh_design(working: Working, sums: Sums) -> Floats:
    """The working design's columns as weights of the sums' monomials, shape (monomials, 1 + k)."""
    centres = {name: standard.centre for name, standard in working.standards.items()}
    scales = {name: standard.scale for name, standard in working.standards.items()}
    found = express(sums, [(), *working.kept], centres, scales)
    if working.denied:
        found[:, 1:] += express(sums, working.denied, centres, scales) @ working.denied_from
    return found


def weigh_response(equation: Equation, sums: Sums, shift: float) -> Floats:
    """A response about `shift` as weights of the sums' monomials, shape (monomials,)."""
    name = equation.response
    return express(sums, [((name, 1),)], {name: shift}, {name: 1.0})[:, 0]
