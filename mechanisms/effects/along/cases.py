"""Which cases a curve runs over: those that `at` leaves, and of a cause that acts by its departures only, these."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Column, Numbers
from mechanisms.data.ways import hand_down
from mechanisms.effects.questions.asking import find_conditions, name_conditions
from mechanisms.effects.questions.population import shown, weigh
from mechanisms.errors import DataError, listed
from mechanisms.graph.graph import variable_of
from mechanisms.infer.posterior import Fit
from mechanisms.model.setting import mean_observed
from mechanisms.spec.theory import Question, Scalar

Floats = NDArray[np.float64]
Cases = NDArray[np.bool_]


def keep_cases(fit: Fit, question: Question, column: Column) -> Column:
    """A column of numbers with the values of those alone whom some condition of a question leaves.

    Raises
    ------
    DataError
        All of them have one value.
    """
    if not question.at or not isinstance(column, Numbers) or column.binary or column.latent:
        return column
    found = list_cases(fit, question, column)
    kept = np.logical_or.reduce([*found.values()])
    if np.ptp(column.values[kept & column.observed]) == 0:
        raise DataError(
            f"everybody with {listed(found, joint='or')} has the same value of {column.name}: no curve runs along it"
        )
    values = column.values[kept & column.observed]
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    among = np.where(kept, column.values, np.nan)
    return replace(column, values=among, mean=mean, sd=sd, lowest=float(values.min()), highest=float(values.max()))


def list_cases(fit: Fit, question: Question, column: Column) -> dict[str, Cases]:
    """The units of a column's level that each condition of a question leaves, by the condition in words."""
    conditions = find_conditions(fit, question)
    level = fit.data.level(column.name)
    return {
        words: _find_cases(fit, at, level, len(column.observed))
        for words, at in zip(name_conditions(fit, conditions), conditions, strict=True)
    }


def _find_cases(fit: Fit, at: Mapping[str, Scalar], level: str, n: int) -> Cases:
    """Units with the values that are kept exactly; what is conditioned on by nearness, or at an occasion, leaves all of them."""
    data, found = fit.data, np.ones(n, dtype=bool)
    for name, value in at.items():
        if "(" in name:
            continue
        column, own = data[variable_of(name)], data.level(variable_of(name))
        weights, near, _, _ = weigh({name: column}, {name: value}, len(column.observed))
        kept = column.observed if near else weights > 0
        if own == level:
            found &= kept
        elif own in data.units(level).above:
            found &= np.asarray(hand_down(data, kept.astype(np.float64), level, own) > 0)
        elif level in data.units(own).above:
            index = data.units(own).above[level].index.reshape(len(kept), -1)[kept]
            found &= np.isin(np.arange(n), index)
    return found


def find_range(fit: Fit, question: Question, column: Numbers) -> tuple[float, float]:
    """From where to where all conditions have cases.

    Raises
    ------
    DataError
        They have none in common.
    """
    if not question.at or column.latent:
        return column.lowest, column.highest
    inside = [column.values[kept & column.observed] for kept in list_cases(fit, question, column).values()]
    low, high = max(float(each.min()) for each in inside), min(float(each.max()) for each in inside)
    if low >= high:
        words = listed(list_cases(fit, question, column))
        raise DataError(f"no values of {column.name} are those of {words} alike: ask under one condition at a time")
    return low, high


def take_departures(fit: Fit, column: Numbers) -> tuple[Numbers, str]:
    """A repeated cause that acts by its departures only, as these about its mean, and a note; any other as it is."""
    name, design = column.name, fit.plan.design
    readings = [
        each for one in fit.plan.equations for part in one.predictors for each in part.readings if each.variable == name
    ]
    parts = {each.part for each in readings}
    if not design.repeated(name) or column.latent or "departure" not in parts or parts & {"whole", "value"}:
        return column, ""
    level = design.level(name)
    above = design.lattice.above(level)[0]
    courses = hand_down(fit.data, mean_observed(fit.data, name, above), level, above)
    values = column.mean + column.values - courses
    moved = replace(column, values=values, lowest=float(np.nanmin(values)), highest=float(np.nanmax(values)))
    low, high = (shown(column, end - column.mean) for end in (moved.lowest, moved.highest))
    return moved, (
        f"{name} acts by how far it departs from what is usual of its {above}: the curve runs over such departures in the data, "
        f"{low} to {high}, about the mean of {name}, {shown(column, column.mean)}"
    )
