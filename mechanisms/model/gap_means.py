"""What stands for the course of a variable that is conditioned on: the mean of a unit's values, with its gaps among them.

An exogenous variable has no course of its own where it is complete, so that in a modelled course each unit's mean of what
was observed stands for it. A gap changes nothing of that: it counts in the mean as the unknown value that it is.
A discrete one counts as what its completing equation expects of the unit, since all gaps of a unit would have to be
weighed together otherwise.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.ways import pick
from mechanisms.model.equations import Equation
from mechanisms.model.expecting import find_usual
from mechanisms.model.families import FAMILIES
from mechanisms.model.setting import Setting, find_equation, observed_mean, spread

Floats = NDArray[np.float64]


def find_mean(setting: Setting, name: str, level: str, course: Callable[[Setting, Equation, str], Any]) -> Any:
    """The mean of a variable for each unit of a level above its own: observed values, and gaps where it is completed.

    `course` reads the course of an equation. With `centre: observed` it is the mean of what was observed.
    """
    equation = find_equation(setting, name)
    if equation is None or not equation.completing or setting.plan.theory.variable(name).centre == "observed":
        return observed_mean(setting, name, level)
    known, shares = _weigh(setting, name, level)
    if FAMILIES[equation.family].whole:
        unseen = 1.0 - shares[0]
        expected = find_usual(equation, setting.inverse, [course(setting, equation, level)])
        return known + unseen * (expected * _find_trials(setting, equation, level))
    total: Any = known
    for place, weight in _list_gaps(setting, name, level):
        total = total + pick(setting.values[name], place) * (weight * shares[1])
    return total


def _weigh(setting: Setting, name: str, level: str) -> tuple[Floats, tuple[Floats, Floats]]:
    """What observed values add to each unit's mean; the share of them, and 1 / how many values there are."""
    key = ("mean", name, level, "with gaps")
    if key not in setting.known:
        column = setting.data[name]
        units, weights, rows = _flatten(setting, name, level, column.observed | column.missing)
        count = np.bincount(units, weights, minlength=setting.data.units(level).n)
        seen = np.bincount(units, weights * column.observed[rows], minlength=len(count))
        inverse = np.divide(1.0, count, out=np.zeros(len(count)), where=count > 0)
        share = np.where(count > 0, seen * inverse, 1.0)
        setting.known[key] = observed_mean(setting, name, level) * share, (share, inverse)
    found: tuple[Floats, tuple[Floats, Floats]] = setting.known[key]
    return found


def _list_gaps(setting: Setting, name: str, level: str) -> list[tuple[NDArray[np.intp], Floats]]:
    """The first gap of each unit, the second, …: in which row it is, −1 where there is none, and what it weighs."""
    n = setting.data.units(level).n
    units, weights, rows = _flatten(setting, name, level, setting.data[name].missing)
    order = np.argsort(units, kind="stable")
    units, weights, rows = units[order], weights[order], rows[order]
    number = np.arange(len(units)) - np.searchsorted(units, units)
    found = []
    for k in range(int(number.max(initial=-1)) + 1):
        place, weight, here = np.full(n, -1), np.zeros(n), number == k
        place[units[here]], weight[units[here]] = rows[here], weights[here]
        found.append((place, weight))
    return found


def _flatten(
    setting: Setting, name: str, level: str, counted: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], Floats, NDArray[np.intp]]:
    """The units of a level in which these rows lie, with what each row weighs there, and the rows."""
    member = setting.data.units(setting.design.level(name)).above[level]
    index = member.index.reshape(len(counted), -1)
    share = np.ones(index.shape) if member.weights is None else member.weights
    rows, slots = np.nonzero(counted[:, None] & (index >= 0))
    return index[rows, slots], share[rows, slots], rows


def _find_trials(setting: Setting, equation: Equation, level: str) -> Any:
    """The trials or the exposure of a unit, a mean where they differ between its occasions."""
    name = equation.out_of
    if not isinstance(name, str):
        return name
    own = setting.design.level(name)
    if own == level or setting.design.lattice.lies_below(level, own):
        return spread(setting, setting.values[name], level, own)
    return observed_mean(setting, name, level)
