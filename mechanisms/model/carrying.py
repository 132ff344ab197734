"""What data of several levels cannot carry at all: departures of what never departs."""

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset, Numbers
from mechanisms.errors import DataError
from mechanisms.model.equations import Coefficient, Reading
from mechanisms.model.plan import Plan

FEWEST = 2  # units that must show some change, for slopes that vary among them


def refuse_still(plan: Plan, data: Dataset) -> None:
    """Refuse a repeated variable that is the same at every occasion of every unit, and slopes on it that vary among units.

    Raises
    ------
    DataError
        The variable, what was to act or respond, and the remedy: to declare it at the level at which it varies.
    """
    if not data.tables:
        return
    for equation in plan.equations:
        departing = [reading.variable for reading in equation.readings if reading.part == "departure"]
        for name in (*departing, *(() if equation.latent else (equation.response,))):
            level = plan.design.client(name)
            if level and _is_number(data, name) and not _moves(data, name, level).any():
                raise DataError(
                    f"'{name}' has one value for each {level} in these data: nothing departs from it at an occasion. "
                    f"Declare it so, {name}: {{level: {level}}}"
                )
        for slope in equation.coefficients:
            for reading in (equation.reading(factor.column) for factor in slope.factors):
                _check_slope(plan, data, slope, reading)


def _check_slope(plan: Plan, data: Dataset, slope: Coefficient, reading: Reading) -> None:
    name = reading.variable
    if reading.part not in ("departure", "whole") or not _is_number(data, name) or not plan.design.repeated(name):
        return
    for level in slope.varies_by:
        if int(_moves(data, name, level).sum()) < FEWEST:
            raise DataError(
                f"'{name}' varies within fewer than {FEWEST} {level}s in these data, so that {slope.address} cannot differ "
                f"among {level}s: leave out varies_by"
            )


def _is_number(data: Dataset, name: str) -> bool:
    return name in data and isinstance(data[name], Numbers)


def _moves(data: Dataset, name: str, level: str) -> NDArray[np.bool_]:
    """For each unit of a level, whether a variable has two different observed values there."""
    column = data.numbers(name)
    index = data.units(data.level(name)).above[level].index
    index = index if index.ndim == 1 else index[:, 0]
    known = np.isfinite(column.telling) & (index >= 0)
    count = data.units(level).n
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, index[known], column.telling[known])
    np.maximum.at(high, index[known], column.telling[known])
    return np.asarray(high > low)
