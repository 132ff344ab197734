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
    """The data of a fit, laid out over `grid`; `level` is the level of time, `client` that of its series, "" of a single one."""

    data: Dataset
    lattice: Lattice
    level: str
    client: str
    grid: tuple[int, ...]

    @cached_property
    def rows(self) -> Mapping[int, Rows]:
        """For each occasion, the row of the data of each client, −1 where there is none."""
        units, known = self.data.units(self.level), self.data.grid[self.level]
        none = np.full(self.clients, -1, dtype=np.intp)
        return {each: units.at(known.index(each), self.client) if each in known else none for each in self.grid}

    @property
    def clients(self) -> int:
        """How many series there are."""
        return self.data.units(self.client).n if self.client else 1

    @property
    def owners(self) -> Rows:
        """Whose series each row of the data belongs to."""
        units = self.data.units(self.level)
        return np.asarray(units.above[self.client].index if self.client else np.zeros(units.n, dtype=np.intp))

    def window(self, places: tuple[int, ...]) -> Dataset:
        """The data at some places of the grid, place after place, for every client."""
        count = len(places)
        index = np.tile(np.arange(self.clients), count)
        above = {self.client: Membership(index)} if self.client else {}
        for coarse in self.lattice.above(self.level):
            if coarse != self.client:
                above[coarse] = self._member(coarse, places)
        sizes = {name: self.data.units(name).n for name in above}
        labels = tuple(range(len(index)))
        place = np.repeat(np.asarray(places, dtype=np.intp), self.clients)
        table = Units(self.level, labels, above, place, np.ones(len(index), dtype=bool), sizes)
        columns = tuple(
            self._column(column, places) if self.data.level(column.name) == self.level else column
            for column in self.data.columns
        )
        tables = tuple(table if each.level == self.level else each for each in self.data.tables)
        return replace(self.data, columns=columns, tables=tables, grid={**self.data.grid, self.level: self.grid})

    def _member(self, coarse: str, places: tuple[int, ...]) -> Membership:
        above = self.data.units(self.client).above
        if coarse in above:
            own = above[coarse]
            weights = None if own.weights is None else np.tile(own.weights, (len(places), 1))
            repeats = (len(places),) if own.index.ndim == 1 else (len(places), 1)
            return Membership(np.tile(own.index, repeats), weights)
        whole = self.data.units(self.level).above[coarse].index
        owner = self.owners
        first = np.array([whole[np.flatnonzero(owner == each)[0]] for each in range(self.clients)])
        parts = [np.where(self.rows[self.grid[p]] >= 0, whole[self.rows[self.grid[p]]], first) for p in places]
        return Membership(np.concatenate(parts))

    def _column(self, column: Column, places: tuple[int, ...]) -> Column:
        if column.name == self.level and isinstance(column, Numbers):
            return replace(column, values=np.repeat([float(self.grid[p]) for p in places], self.clients), absent=None)
        if isinstance(column, Categories):
            codes = np.concatenate([self._at(column.codes.astype(np.float64), column.observed, p) for p in places])
            counts = np.bincount(column.codes[column.observed])
            return replace(column, codes=np.where(np.isnan(codes), counts.argmax(), codes).astype(np.intp), absent=None)
        owner = self.owners
        seen = column.observed
        total = np.bincount(owner[seen], weights=column.values[seen], minlength=self.clients)
        count = np.bincount(owner[seen], minlength=self.clients)
        means = np.divide(total, count, out=np.full(self.clients, column.mean), where=count > 0)
        found = [self._at(column.values, seen, p) for p in places]
        values = np.concatenate([np.where(np.isnan(each), means, each) for each in found])
        return replace(column, values=values, absent=None)

    def _at(self, values: Floats, seen: NDArray[np.bool_], place: int) -> Floats:
        rows = self.rows[self.grid[place]]
        known = (rows >= 0) & seen[rows]
        return np.where(known, values[rows], np.nan)
