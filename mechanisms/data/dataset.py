"""The data as the theory sees them: one checked column per variable, and the units of every level."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.shapes import Basis, see, variable_of
from mechanisms.data.sums import Monomial, Sums
from mechanisms.data.units import ROW, Floats, Units
from mechanisms.data.unread import Unread
from mechanisms.spec.definitions import WeightedSum

Mask = NDArray[np.bool_]
_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Numbers:
    """A numeric column: `values` in data units, NaN where none was observed; `binary` where only 0 and 1 occur.

    Mean, sd and ends are those of the observed values. `labels` names the two values of a 0/1 column that was read
    from words (first = 0). `absent` marks where the variable does not exist (language R12). Of a latent variable no value
    was observed; mean, sd and ends are then its marker's, and `shown` the marker's values in its units.
    """

    name: str
    values: Floats
    mean: float
    sd: float
    lowest: float
    highest: float
    binary: bool
    labels: tuple[str, str] | None = None
    absent: Mask | None = None
    shown: Floats | None = None

    @property
    def latent(self) -> bool:
        """Whether nobody observed any value, because it is measured by others."""
        return self.shown is not None

    @property
    def telling(self) -> Floats:
        """The values by which it is judged how much units differ: its own, or those of its marker."""
        return self.values if self.shown is None else self.shown

    @property
    def scale(self) -> float:
        """What one standardised unit is: the sd, and 1 for a 0/1 column (language 1.9)."""
        return 1.0 if self.binary else self.sd

    @property
    def observed(self) -> Mask:
        """Where there is a value."""
        return ~np.isnan(self.values)

    @property
    def missing(self) -> Mask:
        """Where the variable exists and has no value."""
        return _missing(self.observed, self.absent)


@dataclass(frozen=True, eq=False)
class Categories:
    """A categorical column: `codes` index `values`, whose first is the reference; -1 where none was observed."""

    name: str
    codes: NDArray[np.intp]
    values: tuple[str, ...]
    absent: Mask | None = None

    @property
    def reference(self) -> str:
        """The category that the others are contrasted with."""
        return self.values[0]

    @property
    def observed(self) -> Mask:
        """Where there is a value."""
        return np.asarray(self.codes >= 0)

    @property
    def missing(self) -> Mask:
        """Where the variable exists and has no value."""
        return _missing(self.observed, self.absent)

    def indicator(self, value: str) -> Floats:
        """1.0 where the column has this value, else 0.0, and NaN where none was observed."""
        found = np.asarray(self.codes == self.values.index(value), dtype=np.float64)
        return found if self.observed.all() else np.where(self.observed, found, np.nan)

    def share(self, value: str) -> float:
        """The share of the observed values that are this one."""
        return float(np.mean(self.codes[self.observed] == self.values.index(value)))


@dataclass(frozen=True, eq=False)
class Counted(Categories):
    """A categorical column of rows that are not in memory: the share of each value."""

    shares: tuple[float, ...] = ()

    def share(self, value: str) -> float:
        """The share of the rows that have this value."""
        return self.shares[self.values.index(value)]


def _missing(observed: Mask, absent: Mask | None) -> Mask:
    return ~observed if absent is None else ~observed & ~absent


Column = Numbers | Categories


def readable(column: Column) -> Floats:
    """A column as equations read it: its values or the codes of its categories, 0 where none was observed."""
    values = column.codes.astype(np.float64) if isinstance(column, Categories) else column.values
    return np.where(column.observed, values, 0.0)


def response_values(column: Column) -> Floats:
    """A column as a response: its values, or the positions of its categories; NaN where none was observed."""
    if isinstance(column, Categories):
        return np.where(column.observed, column.codes.astype(np.float64), np.nan)
    return column.values


@dataclass(frozen=True, eq=False)
class Dataset:
    """Checked columns, one per measured variable of the theory. Made by `bind`.

    `n` counts the rows of the data at the finest level. A column is as long as its variable's level has units. `tables`
    are the levels' units, `grid` the occasions of each level of time, `home` each variable's level; all three are empty
    for a theory without levels. `bases` are the curves' knots, frozen when data are bound. `warnings` are what an author should know and nothing can decide.
    `made` defines the computed variables of a theory without levels: their columns are worked out from those of their
    parts whenever they are asked for, so that they follow whatever is put there.

    Of rows that are not in memory there are `sums`, columns without values, and `again`, which reads the rows once more for other
    sums; None where rows came later (`update`). `first` are then the data that the priors speak of.
    """

    columns: tuple[Column, ...]
    n: int
    tables: tuple[Units, ...] = ()
    grid: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: _NONE)
    home: Mapping[str, str] = field(default_factory=lambda: _NONE)
    warnings: tuple[str, ...] = ()
    bases: Mapping[str, Basis] = field(default_factory=lambda: _NONE)
    sums: Sums | None = None
    again: Callable[[tuple[Monomial, ...]], Sums] | None = None
    first: "Dataset | None" = None
    made: Mapping[str, WeightedSum] = field(default_factory=lambda: _NONE)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        return _add_up(self, name)

    def __contains__(self, name: object) -> bool:
        if any(column.name == name for column in self.columns):
            return True
        return name in self.made and all(term.name in self for term in self.made[str(name)].terms)

    @property
    def everything(self) -> tuple[Column, ...]:
        """The columns, and the sums of them that the theory computes."""
        held = {column.name for column in self.columns}
        return (*self.columns, *(self[name] for name in self.made if name not in held and name in self))

    @property
    def reference(self) -> "Dataset":
        """The data in whose units priors are stated: these, or those before any rows were added."""
        return self.first or self

    @property
    def incomplete(self) -> tuple[str, ...]:
        """The variables with missing values; a variable that does not exist somewhere is not missing there."""
        if self.sums is not None:
            return ()
        return tuple(column.name for column in self.columns if column.missing.any())

    def numbers(self, name: str) -> Numbers:
        """The numeric column of that name; `KeyError` when it holds categories or is not there."""
        column = self[name]
        if isinstance(column, Categories):
            raise KeyError(name)
        return column

    def units(self, level: str) -> Units:
        """The units of a level; without levels there is one, `row`."""
        if self.sums is not None:
            Unread("a unit for each row").refuse()
        if not self.tables and level == ROW:
            return Units(ROW, tuple(range(self.n)), {}, None, np.ones(self.n, dtype=np.bool_))
        for table in self.tables:
            if table.level == level:
                return table
        raise KeyError(level)

    def level(self, variable: str) -> str:
        """The level that a variable has one value per unit of; latent and computed variables too."""
        return self.home[variable] if self.tables else ROW

    def __repr__(self) -> str:
        from mechanisms.data.portrait import describe_data  # noqa: PLC0415  (words about this type need the type)

        return describe_data(self)


def _add_up(data: Dataset, name: str) -> Numbers:
    """A computed variable: missing where a part is missing, and nowhere where a part does not exist."""
    definition = data.made[name]
    parts = [data.numbers(term.name) for term in definition.terms]
    weights = [weight for weight, _ in definition.parts]
    values = np.asarray(sum(weight * part.values for weight, part in zip(weights, parts, strict=True)))
    masks = [part.absent for part in parts if part.absent is not None]
    return summarise_sum(name, values, np.any(masks, axis=0) if masks else None)


def summarise_sum(name: str, values: Floats, absent: Mask | None) -> Numbers:
    """A computed variable's column: its values, NaN where they are not known, with their moments."""
    known = values[~np.isnan(values)]
    ends = (float(known.min()), float(known.max())) if known.size else (np.nan, np.nan)
    mean, sd = (float(known.mean()), float(known.std(ddof=1))) if known.size > 1 else (np.nan, np.nan)
    values.flags.writeable = False
    return Numbers(name, values, mean, sd, *ends, False, None, absent)


class ColumnView(Mapping[str, Floats]):
    """The dataset's columns as the linear predictor names them: `age`, `arm=cbt` for a category, `age~spline:4[1]` for a curve."""

    def __init__(self, data: Dataset) -> None:
        self._data = data

    def __getitem__(self, key: str) -> Floats:
        column = self._data[variable_of(key)]
        if isinstance(column, Categories) and "=" in key:
            return column.indicator(key.partition("=")[2])
        return np.asarray(see(self._data.bases, key, response_values(column)))

    def __iter__(self) -> Iterator[str]:
        for column in self._data.everything:
            if isinstance(column, Categories):
                yield from (f"{column.name}={value}" for value in column.values)
            else:
                yield column.name
        for key, basis in self._data.bases.items():
            yield from (f"{key}[{piece}]" for piece in range(1, basis.size + 1))

    def __len__(self) -> int:
        return sum(1 for _ in self)
