"""What arrows look at, as the data show it: variables, sums, courses and departures; their curves are frozen with it.

Without levels a sum is a column like any other (`Dataset.made`). With levels its parts may stand at other levels and
occasions. What is expected of a unit is nobody's to see: its course is shown by the mean of its observed values, and
departures by what is left of these.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mechanisms.data.dataset import Categories, Column, Dataset, Numbers, readable, summarise_sum
from mechanisms.data.units import Floats
from mechanisms.data.ways import see_term
from mechanisms.spec.definitions import WeightedSum, parse_definition
from mechanisms.spec.influences import declared
from mechanisms.spec.levels import Lattice
from mechanisms.spec.theory import Arrow, Theory


def list_causes(theory: Theory, data: Dataset) -> Mapping[str, Column]:
    """Every column by name, and what else acts by curves as far as the data hold it: sums, and parts as `name_cause` names them."""
    found: dict[str, Column] = {column.name: column for column in data.everything}
    sums = _Sums(theory, data)
    for arrow in theory.arrows if theory.levels else ():
        name, _, part = name_cause(theory, data, arrow).partition("(")
        if arrow.shape.kind != "linear" and sums.has(name):
            key = f"{name}({part}" if part else name
            found.setdefault(key, find_cause(theory, data, name, part.removesuffix(")")))
    return found


def name_cause(theory: Theory, data: Dataset, arrow: Arrow) -> str:
    """The variable whose curve an arrow follows, with the level of its part in brackets: `x`, `x(client)`, `x(session)`.

    A curve out of a repeated variable runs on the whole value (R3), unless a part is written, or the effect is none of its
    own level's: then it is the course (R6).
    """
    cause, lattice = arrow.cause, Lattice(theory.levels, theory.time)
    variable = declared(theory).get(cause.name)
    own, effect = data.home.get(cause.name, ""), data.home.get(arrow.effect.name, "")
    if not theory.levels or variable is None or variable.computed or not lattice.above(own) or cause.part == "whole":
        return cause.name
    if cause.part is not None:
        return f"{cause.name}({cause.part})"
    if cause.when is not None or effect in ("", own) or lattice.lies_below(effect, own):
        return cause.name
    shared = lattice.shared(own, effect)
    return f"{cause.name}({shared[0]})" if len(shared) == 1 else cause.name


def find_cause(theory: Theory, data: Dataset, name: str, part: str = "") -> Column:
    """The column of a variable or of a sum, or of a variable's part at a level.

    Raises
    ------
    KeyError
        The data hold neither the variable nor all parts of a sum of that name.
    """
    if name in data:
        return _show(data, Lattice(theory.levels, theory.time), name, part)
    sums = _Sums(theory, data)
    if not sums.has(name):
        raise KeyError(name)
    return sums.column(name)


def _show(data: Dataset, lattice: Lattice, name: str, part: str) -> Column:
    """A variable, its departures (its own level), or what is observed of its course for each unit of a coarser level."""
    column = data[name]
    if not part or isinstance(column, Categories):
        return column
    own = data.level(name)
    if part != own:
        return summarise_sum(f"{name}({part})", _average(data, column, own, part), None)
    nearest = lattice.above(own)[0]
    index = _owners(data, own, nearest)
    usual = np.where(index >= 0, _average(data, column, own, nearest)[index], np.nan)
    return summarise_sum(f"{name}({part})", column.values - usual, column.absent)


def _average(data: Dataset, column: Numbers, own: str, level: str) -> Floats:
    """The mean of what was observed, for each unit of a coarser level; NaN where nothing was."""
    index = _owners(data, own, level)
    seen, n = column.observed & (index >= 0), data.units(level).n
    total = np.bincount(index[seen], weights=column.values[seen], minlength=n)
    count = np.bincount(index[seen], minlength=n)
    return np.asarray(np.divide(total, count, out=np.full(n, np.nan), where=count > 0))


def _owners(data: Dataset, own: str, level: str) -> Any:
    """Which unit of a coarser level each unit lies in; where several share it, the first."""
    index = data.units(own).above[level].index
    return index if index.ndim == 1 else index[:, 0]


class _Sums:
    """The sums of a theory with levels; NaN where a part is missing, and absent where a part does not exist."""

    def __init__(self, theory: Theory, data: Dataset) -> None:
        self.data, self.lattice = data, Lattice(theory.levels, theory.time)
        self.declared = declared(theory)
        self.definitions: dict[str, WeightedSum] = {}
        for name, variable in self.declared.items():
            definition = parse_definition(variable.computed, variable.place) if variable.computed else None
            if isinstance(definition, WeightedSum):
                self.definitions[name] = definition

    def has(self, name: str) -> bool:
        """Whether the data show a variable as numbers, or all that it is computed from."""
        if name in self.definitions:
            return all(self.has(term.name) for term in self.definitions[name].terms)
        return name in self.data and not isinstance(found := self.data[name], Categories) and not found.latent

    def column(self, name: str) -> Column:
        """A sum for each unit of its level."""
        total, known, there = self._add_up(name)
        return summarise_sum(name, np.where(known > 0, total, np.nan), there <= 0)

    def _add_up(self, name: str) -> tuple[Any, Any, Any]:
        """The values of a variable, where they are known, and where there are any."""
        if name not in self.definitions:
            column = self.data.numbers(name)
            there = np.ones(len(column.values)) if column.absent is None else 1.0 - column.absent
            return readable(column), column.observed.astype(np.float64), there
        level = self._level(name)
        none: Any = np.zeros(self.data.units(level).n)
        total, known, there = none, none + 1.0, none + 1.0
        for weight, term in self.definitions[name].parts:
            own = self._level(term.name)
            parts = (see_term(self.data, self.lattice, term, each, own, level) for each in self._add_up(term.name))
            value, seen, exists = parts
            total, known, there = total + weight * value, known * (seen > 1.0 - 1e-9), there * (exists > 0)
        return total, known, there

    def _level(self, name: str) -> str:
        variable = self.declared.get(name)
        if variable is not None and variable.level is None and name in self.definitions:
            found = self.lattice.gather((self._level(each.name), each) for each in self.definitions[name].terms)
            return found or self.data.level(name)
        return self.data.level(name)
