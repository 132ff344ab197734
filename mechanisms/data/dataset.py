"""The data as the theory sees them: one checked column per variable, numbers or categories."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Numbers:
    """A numeric column: `values` (n,) in data units; `binary` where only 0 and 1 occur.

    `labels` names the two values of a 0/1 column that was read from words (first = 0)."""

    name: str
    values: Floats
    mean: float
    sd: float
    lowest: float
    highest: float
    binary: bool
    labels: tuple[str, str] | None = None

    @property
    def scale(self) -> float:
        """What one standardised unit is: the sd, and 1 for a 0/1 column (language 1.9)."""
        return 1.0 if self.binary else self.sd


@dataclass(frozen=True, eq=False)
class Categories:
    """A categorical column: `codes` (n,) index `values`, whose first is the reference."""

    name: str
    codes: NDArray[np.intp]
    values: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The category that the others are contrasted with."""
        return self.values[0]

    def indicator(self, value: str) -> Floats:
        """1.0 where the column has this value, else 0.0; shape (n,)."""
        return np.asarray(self.codes == self.values.index(value), dtype=np.float64)

    def share(self, value: str) -> float:
        """The share of rows with this value."""
        return float(np.mean(self.codes == self.values.index(value)))


Column = Numbers | Categories


@dataclass(frozen=True, eq=False)
class Dataset:
    """Checked columns, one per variable of the theory, all of length `n`. Made by `bind`."""

    columns: tuple[Column, ...]
    n: int

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(column.name == name for column in self.columns)

    def numbers(self, name: str) -> Numbers:
        """The numeric column of that name; `KeyError` when it holds categories or is not there."""
        column = self[name]
        if isinstance(column, Categories):
            raise KeyError(name)
        return column

    def __repr__(self) -> str:
        lines = [f"Dataset: {self.n} rows"]
        width = max((len(column.name) for column in self.columns), default=0)
        lines += [f"  {column.name:<{width}}  {_described(column)}" for column in self.columns]
        return "\n".join(lines)


def _described(column: Column) -> str:
    if isinstance(column, Categories):
        shares = ", ".join(f"{value} {column.share(value):.0%}" for value in column.values)
        return f"categories: {shares} (reference {column.reference})"
    if column.binary:
        zero, one = column.labels or ("0", "1")
        return f"{one} {column.mean:.0%} (1), {zero} {1 - column.mean:.0%} (0)"
    return f"mean {column.mean:.4g}, sd {column.sd:.4g}, from {column.lowest:.4g} to {column.highest:.4g}"


class ColumnView(Mapping[str, Floats]):
    """The dataset's columns as the linear predictor names them: `age`, and `arm=cbt` for a category."""

    def __init__(self, data: Dataset) -> None:
        self._data = data

    def __getitem__(self, key: str) -> Floats:
        name, _, value = key.partition("=")
        column = self._data[name]
        if isinstance(column, Categories):
            return column.indicator(value)
        return column.values

    def __iter__(self) -> Iterator[str]:
        for column in self._data.columns:
            if isinstance(column, Categories):
                yield from (f"{column.name}={value}" for value in column.values)
            else:
                yield column.name

    def __len__(self) -> int:
        return sum(1 for _ in self)
