"""A study while it is being simulated: what is given of it, and arrays that are filled response by response."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mechanisms.data.bases import find_bases, make_basis
from mechanisms.data.causes import find_cause, name_cause
from mechanisms.data.dataset import Categories, Column, Dataset, Numbers, readable
from mechanisms.data.shapes import name_basis
from mechanisms.errors import DataError, FitError
from mechanisms.infer.ending import find_remaining
from mechanisms.infer.margins import list_hidden
from mechanisms.model.equations import Equation
from mechanisms.model.families import FAMILIES
from mechanisms.model.plan import Plan
from mechanisms.spec.levels import finest
from mechanisms.spec.shapes import spell
from mechanisms.spec.theory import Variable

Floats = NDArray[np.float64]
_PLACED = ("log", "logistic", "piecewise")  # curves whose columns are the same whatever values there are


@dataclass(frozen=True, eq=False)
class Canvas:
    """`data` holds a column for every variable, those of responses empty at first; `values` what equations read.

    Both are filled in place by `fill`: where a response does not exist its value is NaN, and 0 to be read.
    """

    plan: Plan
    data: Dataset
    values: Mapping[str, Floats]

    def fill(self, response: str, rows: NDArray[np.intp], drawn: Floats, exists: NDArray[np.bool_]) -> None:
        """Put the values of some units of a response's level in their places."""
        column = self.data[response]
        assert column.absent is not None
        column.absent[rows] = ~exists
        if isinstance(column, Categories):
            column.codes[rows] = np.where(exists, drawn, -1)
        else:
            column.values[rows] = np.where(exists, drawn, np.nan)
        self.values[response][rows] = np.where(exists, drawn, 0.0)

    def change(self, name: str, rows: NDArray[np.intp], values: Floats) -> None:
        """Put other values where some were given: where a time ended in its event."""
        column = self.data[name]
        assert isinstance(column, Numbers)
        column.values[rows] = values
        self.values[name][rows] = values

    def hide(self, name: str, rows: NDArray[np.intp]) -> None:
        """Take out the given values of units for which a variable turns out not to exist."""
        column = self.data[name]
        assert column.absent is not None
        column.absent[rows] = True
        if isinstance(column, Categories):
            column.codes[rows] = -1
        else:
            column.values[rows] = np.nan
        self.values[name][rows] = 0.0

    def freeze(self, equation: Equation) -> None:
        """Make the curves of an equation whose causes are simulated themselves, once all their values are there.

        Curves that stated numbers place need no values.

        Raises
        ------
        FitError
            A spline's knots lie at quantiles of values that are still being simulated.
        """
        for reading in equation.readings:
            if not reading.basis or reading.basis in self.data.bases:
                continue
            name, theory = reading.variable, self.plan.theory
            part = reading.level if reading.part in ("departure", "course") else ""
            key = f"{name}({part})" if part else name
            column = find_cause(theory, self.data, name, part)
            shapes = (each.shape for each in theory.arrows if each.cause.name == name)
            shape = next((each for each in shapes if name_basis(name, spell(each), part) == reading.basis), None)
            if shape is not None and shape.kind in _PLACED:
                bases = {reading.basis: make_basis(key, shape, np.array([0.0, 1.0]))}
            elif shape is None or not find_cause(theory, self.data, name).missing.any():  # conditions have no shape
                bases = find_bases(theory, {key: column}, name_cause=partial(name_cause, theory, self.data))
            else:
                raise FitError(
                    f"the curve {reading.basis} is placed by the values of {name}, which is being simulated itself: give "
                    "`simulate` bound data that hold them, mx.bind(theory, frame)"
                )
            self.data.bases.update(bases)  # type: ignore[attr-defined]


def stretch(plan: Plan, given: Dataset) -> Canvas:
    """An empty canvas over what is given: units, occasions and exogenous variables."""
    columns: dict[str, Column] = {name: given[name] for name in (*plan.exogenous, *given.grid)}
    columns |= {name: _copied(given[name]) for name in (*list_hidden(plan), *_list_events(plan))}
    for equation in (each for each in plan.equations if not each.latent):
        n = given.units(plan.design.level(equation.response)).n
        columns[equation.response] = _empty(plan.theory.variable(equation.response), n)
    values = {name: readable(column) for name, column in columns.items()}
    words = {
        name: column for name, column in columns.items() if isinstance(column, Categories)
    }  # steps need no quantiles
    data = replace(
        given, columns=tuple(columns.values()), warnings=(), bases=dict(given.bases) | find_bases(plan.theory, words)
    )
    return Canvas(plan, data, values)


def _list_events(plan: Plan) -> tuple[str, ...]:
    """The variables that say whether a time ended in its event."""
    return tuple(each.event for each in plan.equations if each.event)


def _copied(column: Column) -> Column:
    """A column that can be changed in place."""
    none = np.zeros(len(column.observed), dtype=np.bool_)
    if isinstance(column, Categories):
        return replace(column, codes=column.codes.copy(), absent=none)
    return replace(column, values=column.values.copy(), absent=none)


def show(canvas: Canvas) -> pd.DataFrame:
    """The long frame that `bind` takes: ids, occasions, variables; a row per unit of the finest level."""
    plan, data = canvas.plan, canvas.data
    theory = plan.theory
    lowest = (finest(theory) or "") if theory.levels else "row"
    units = data.units(lowest)
    found: dict[str, Any] = {}
    for level in reversed(plan.design.lattice.names if theory.levels else ()):
        found[level] = _ids(data, lowest, level)
    for name in theory.names:
        if theory.variable(name).computed or theory.variable(name).measured_by:
            continue
        shown = _in_words(data[name], theory.variable(name))
        home = plan.design.level(name)
        found[name] = shown if home == lowest else _spread(shown, units.above[home].index)
    frame = pd.DataFrame(found)
    shown = units.seen & find_remaining(plan, data, lowest)
    return frame[shown].reset_index(drop=True) if not shown.all() else frame


def check_showable(plan: Plan, data: Dataset) -> None:
    """Refuse units that one long frame cannot hold."""
    theory = plan.theory
    if not theory.levels:
        return
    lowest = finest(theory)
    if lowest is None:
        raise FitError("no level lies below all others: a study with two kinds of rows is not simulated yet")
    for level in theory.levels:
        if level.shared_by:
            raise FitError(f"{level.name} is shared by several units: this is not simulated yet")
    units = data.units(lowest)
    for name, member in units.above.items():
        there = np.unique(member.index[units.seen])
        lost = np.setdiff1d(np.arange(data.units(name).n), there)
        if lost.size:
            label = data.units(name).labels[int(lost[0])]
            raise DataError(
                f"{name} {label!r} has no {lowest} ({lost.size} in all), so no row of a simulated frame could show it: "
                "leave it out of the data"
            )


def _empty(variable: Variable, n: int) -> Column:
    """A column to be filled; its moments are nobody's."""
    if FAMILIES[variable.family or "normal"].kind == "category":
        return Categories(variable.name, np.full(n, -1, dtype=np.intp), variable.values, np.zeros(n, dtype=np.bool_))
    binary = FAMILIES[variable.family or "normal"].kind == "binary"
    labels = (variable.values[0], variable.values[1]) if binary and variable.values else None
    nan = float("nan")
    return Numbers(variable.name, np.full(n, nan), nan, nan, nan, nan, binary, labels, np.zeros(n, dtype=np.bool_))


def _ids(data: Dataset, lowest: str, level: str) -> NDArray[Any]:
    """A level's ids, or its occasions, row by row."""
    if level in data.grid:
        grid = np.asarray(data.grid[level])
        place = data.units(level).place
        assert place is not None
        shown: NDArray[Any] = grid[place]
    else:
        labels = data.units(level).labels
        shown = pd.Series(list(labels)).to_numpy()
    return shown if level == lowest else _spread(shown, data.units(lowest).above[level].index)


def _spread(shown: NDArray[Any], index: NDArray[np.intp]) -> NDArray[Any]:
    """The values of coarser units, row by row; nothing where a unit lies in none."""
    if (index >= 0).all():
        return np.asarray(shown[index])
    return np.array([shown[at] if at >= 0 else None for at in index], dtype=object)


def _in_words(column: Column, variable: Variable) -> NDArray[Any]:
    """A column as a frame holds it: words where it was read from words, whole numbers for zeros and ones."""
    seen = column.observed
    if isinstance(column, Categories):
        return np.array([*column.values, None], dtype=object)[column.codes]
    if column.labels or (variable.family == "bernoulli" and variable.values):
        words = np.array([*(column.labels or variable.values), None], dtype=object)
        return np.asarray(words[np.where(seen, column.values, -1).astype(np.intp)])
    if (column.binary or variable.family == "bernoulli") and seen.all():
        return column.values.astype(np.int64)
    return column.values
