"""The data in hand: each variable's column at its own level, with where it exists."""

from collections.abc import Mapping

import numpy as np

from mechanisms.data.columns import Encoded, encode, finish
from mechanisms.data.conditions import Held, check_absent, check_level, find_existing
from mechanisms.data.dataset import Column, Mask
from mechanisms.data.frames import Source, miss_column
from mechanisms.data.lifting import lift, refuse_contradiction
from mechanisms.data.structure import Structure
from mechanisms.data.units import ROW
from mechanisms.errors import DataError, listed
from mechanisms.spec.levels import Units as SaidUnits
from mechanisms.spec.theory import Theory, Variable


class Holding:
    """Reads each variable once: its cells, lifted to its level, and where it does not exist."""

    def __init__(
        self,
        theory: Theory,
        said: SaidUnits,
        known: Mapping[str, Variable],
        sources: tuple[Source, ...],
        structure: Structure,
        following: frozenset[str] = frozenset(),
    ) -> None:
        self.theory, self.said, self.known = theory, said, known
        self.sources, self.structure, self.following = sources, structure, following
        self._read: dict[str, Held] = {}

    def column(self, name: str) -> Column:
        """The checked column of a variable, or of a level of time."""
        encoded, absent, _ = self.read(name)
        ends = any(each.event == name for each in self.theory.variables)
        variable = self.known.get(name) or Variable(name=name)
        return finish(variable, encoded, absent, event=ends, following=name in self.following)

    def find_gaps(self, name: str) -> Mask:
        """The units for which a variable exists and has no value."""
        encoded, absent, _ = self.read(name)
        gone = np.isnan(encoded.cells)
        return gone if absent is None else gone & ~absent

    def source(self, name: str) -> Source:
        """The table that a variable is read from: that of its own level, else the first below it."""
        return self.sources[self._find(name)[0]]

    def read(self, name: str) -> Held:
        """A variable's cells, where it does not exist, and its level."""
        if name not in self._read:
            self._read[name] = self._of_time(name) if name in self.theory.time else self._of_variable(name)
        return self._read[name]

    def check_levels(self) -> None:
        """Refuse levels whose ids stand where they do not exist, or lack where they do."""
        for level in self.theory.levels:
            if level.only_when is None:
                continue
            for child in self.theory.levels:
                if level.name in (*child.within, *child.shared_by):
                    holds, unknown = self._exists(level.name, child.name)
                    check_level(self.structure.tables[child.name], level.name, level.only_when, holds, unknown)
            if level.within:
                self._check_own(level.name)

    def _check_own(self, name: str) -> None:
        """Units of a level whose condition their own superiors decide."""
        condition = next(level.only_when for level in self.theory.levels if level.name == name)
        above = self.said.above[name]
        homes = {self.said.levels.get(each, each) for each in (condition.names if condition else ())}
        if homes <= set(above):
            holds, unknown = self._exists(name, name)
            wrong = ~holds & ~unknown
            if wrong.any():
                table = self.structure.tables[name]
                raise DataError(
                    f"{name} exists only when {condition}, but {name} {table.labels[int(np.argmax(wrong))]!r} does not lie "
                    f"there ({int(wrong.sum())} in all): drop these rows, or correct the only_when"
                )

    def _exists(self, level: str, child: str) -> tuple[Mask, Mask]:
        condition = next(each.only_when for each in self.theory.levels if each.name == level)
        assert condition is not None
        return find_existing(level, condition, child, self.structure.tables, self.read, self.known)

    def _of_time(self, name: str) -> Held:
        grid = np.array(self.structure.grid[name], dtype=np.float64)
        return Encoded(grid[self.structure.tables[name].place]), None, name

    def _of_variable(self, name: str) -> Held:
        variable, level = self.known[name], self.said.levels.get(name) or ROW
        table, (at, *others) = self.structure.tables[level], self._find(name)
        encoded = self._lift(variable, level, at)
        for other in others:
            sources = self.sources[at], self.sources[other]
            refuse_contradiction(variable, encoded, self._lift(variable, level, other), table, sources)
        if variable.only_when is None:
            return encoded, None, level
        holds, unknown = find_existing(name, variable.only_when, level, self.structure.tables, self.read, self.known)
        return encoded, check_absent(variable, encoded, holds, unknown, table), level

    def _lift(self, variable: Variable, level: str, at: int) -> Encoded:
        """What one table says of a variable, unit by unit."""
        source = self.sources[at]
        encoded = encode(variable, source.series[variable.name], source.rows)
        return lift(variable, encoded, self.structure.rows[at][level], self.structure.tables[level], source)

    def _find(self, name: str) -> list[int]:
        """The tables that hold a variable; first that of its own level, else the first below it."""
        level = self.said.levels.get(name) or ROW
        holders = [
            at for at, source in enumerate(self.sources) if name in source.series and level in self.structure.rows[at]
        ]
        if not holders:
            raise self._no_column(name, level)
        return sorted(holders, key=lambda at: self.sources[at].level != level)

    def _no_column(self, name: str, level: str) -> DataError:
        present = list(dict.fromkeys(column for source in self.sources for column in source.present))
        rows = listed([source.level for source in self.sources if not source.wide])
        if any(source.wide and source.level == level for source in self.sources):
            return DataError(
                f"'{name}' has a value per {level}, but the data have one row per {rows}: give a column for each "
                f'occasion, columns={{"{name}": {{0: "…", 1: "…"}}}}, or declare {name}: {{level: {rows}}}'
            )
        if name in present and self.theory.levels:
            rows = listed([source.level for source in self.sources if name in source.present])
            return DataError(
                f"'{name}' has a value per {level}, but stands in the frame of {rows}: put it into the frame of {level}, or "
                f"declare {name}: {{level: {rows}}}"
            )
        return miss_column(name, present)
