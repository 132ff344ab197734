"""The occasions that an effect is worked out at, and the units it is worked out for, as data that equations can be read on.

Every client has every occasion here. What a client was not observed at is taken, where the theory conditions on it, from
the client's own mean, or the most frequent category.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Column, Dataset, Numbers
from mechanisms.data.units import Membership, Units
from mechanisms.spec.levels import Lattice

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Timeline:
    """The data of a fit, laid out over `grid`; `level` is the level of time, `client` that of its series, "" of a single one.
    Other series of the same clients stand in `beside`, on the same grid.

    Without time `level` is "" and `grid` empty: the data stand as they are.
    """

    data: Dataset
    lattice: Lattice
    level: str
    client: str
    grid: tuple[int, ...]
    beside: tuple[str, ...] = ()

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels of all series."""
        return (self.level, *self.beside) if self.level else ()

    @cached_property
    def rows(self) -> Mapping[str, Mapping[int, Rows]]:
        """For each series and occasion, the row of the data of each client, −1 where there is none."""
        none = np.full(self.clients, -1, dtype=np.intp)
        found = {}
        for level in self.levels:
            units, known = self.data.units(level), self.data.grid[level]
            at = {each: units.at(known.index(each), self.client) if each in known else none for each in self.grid}
            found[level] = at
        return found

    @property
    def clients(self) -> int:
        """How many series there are; without time, units of the finest level."""
        if not self.level:
            return self.data.n
        return self.data.units(self.client).n if self.client else 1

    def owners(self, level: str) -> Rows:
        """Whose series each row of a level's data belongs to."""
        units = self.data.units(level)
        return np.asarray(units.above[self.client].index if self.client else np.zeros(units.n, dtype=np.intp))

    def window(self, places: tuple[int, ...]) -> Dataset:
        """The data at some places of the grid, place after place, for every client."""
        if not self.level:
            return self.data
        tables = {level: self._table(level, places) for level in self.levels}
        columns = tuple(
            self._column(column, level, places) if (level := self.data.level(column.name)) in self.levels else column
            for column in self.data.columns
        )
        grids = {**self.data.grid, **dict.fromkeys(self.levels, self.grid)}
        found = tuple(tables.get(each.level, each) for each in self.data.tables)
        return replace(self.data, columns=columns, tables=found, grid=grids)

    def _table(self, level: str, places: tuple[int, ...]) -> Units:
        """The units of a series at these places."""
        count = len(places)
        index = np.tile(np.arange(self.clients), count)
        above = {self.client: Membership(index)} if self.client else {}
        for coarse in self.lattice.above(level):
            if coarse != self.client:
                above[coarse] = self._member(level, coarse, places)
        sizes = {name: self.data.units(name).n for name in above}
        place = np.repeat(np.asarray(places, dtype=np.intp), self.clients)
        return Units(level, tuple(range(len(index))), above, place, np.ones(len(index), dtype=bool), sizes)

    def see(self, name: str, occasion: int | None) -> Column:
        """A repeated variable at an occasion, one value for each client; missing where nobody saw it."""
        column, rows = self.data[name], self.rows[self.data.level(name)].get(-1 if occasion is None else occasion)
        if rows is None:
            rows = np.full(self.clients, -1, dtype=np.intp)
        if isinstance(column, Categories):
            return replace(column, codes=np.where(rows >= 0, column.codes[rows], -1), absent=None)
        return replace(column, values=np.where(rows >= 0, column.values[rows], np.nan), absent=None)

    def _member(self, level: str, coarse: str, places: tuple[int, ...]) -> Membership:
        above = self.data.units(self.client).above
        if coarse in above:
            own = above[coarse]
            weights = None if own.weights is None else np.tile(own.weights, (len(places), 1))
            repeats = (len(places),) if own.index.ndim == 1 else (len(places), 1)
            return Membership(np.tile(own.index, repeats), weights)
        whole = self.data.units(level).above[coarse].index
        owner, rows = self.owners(level), self.rows[level]
        first = np.array([whole[np.flatnonzero(owner == each)[0]] for each in range(self.clients)])
        parts = [np.where(rows[self.grid[p]] >= 0, whole[rows[self.grid[p]]], first) for p in places]
        return Membership(np.concatenate(parts))

    def _column(self, column: Column, level: str, places: tuple[int, ...]) -> Column:
        if column.name == level and isinstance(column, Numbers):
            return replace(column, values=np.repeat([float(self.grid[p]) for p in places], self.clients), absent=None)
        if isinstance(column, Categories):
            codes = np.concatenate(
                [self._at(column.codes.astype(np.float64), column.observed, level, p) for p in places]
            )
            counts = np.bincount(column.codes[column.observed])
            return replace(column, codes=np.where(np.isnan(codes), counts.argmax(), codes).astype(np.intp), absent=None)
        owner = self.owners(level)
        seen = column.observed
        total = np.bincount(owner[seen], weights=column.values[seen], minlength=self.clients)
        count = np.bincount(owner[seen], minlength=self.clients)
        means = np.divide(total, count, out=np.full(self.clients, column.mean), where=count > 0)
        found = [self._at(column.values, seen, level, p) for p in places]
        values = np.concatenate([np.where(np.isnan(each), means, each) for each in found])
        return replace(column, values=values, absent=None)

    def _at(self, values: Floats, seen: NDArray[np.bool_], level: str, place: int) -> Floats:
        rows = self.rows[level][self.grid[place]]
        known = (rows >= 0) & seen[rows]
        return np.where(known, values[rows], np.nan)
