"""What the data come as: each frame or file as a `Source`, a table with one row per unit of a level."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np

from mechanisms.data.files import read_frame, refuse_repeated
from mechanisms.data.renaming import Renaming
from mechanisms.data.units import Rows
from mechanisms.errors import DataError, did_you_mean, listed

Series = nw.Series[Any]
Table = nw.DataFrame[Any] | nw.LazyFrame[Any]


@dataclass(frozen=True, eq=False)
class Source:
    """One table: columns by the theory's names, one row per unit of `level`; `rows` number the rows of the data from 1.

    `members` and `weights` hold the columns of a level that units share. `present` are the frame's own column names,
    `wide` says that the rows were made of columns, one per occasion.
    """

    level: str
    series: Mapping[str, Series]
    rows: Rows
    present: tuple[str, ...]
    members: Mapping[str, tuple[Series, ...]]
    weights: Mapping[str, tuple[Series, ...]]
    polars: bool = False
    wide: bool = False

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self.rows)


def open_table(frame: Any) -> Table:
    """A frame of any kind, or a file, as narwhals sees it; other things and odd column names are refused."""
    if isinstance(frame, str | Path):
        frame = read_frame(frame)
    if isinstance(frame, Mapping):
        raise DataError("the data are a mapping: make a pandas or polars frame of it, pandas.DataFrame(data)")
    try:
        table: Table = nw.from_native(frame)
        names = table.collect_schema().names()
    except TypeError:
        kind = type(frame).__name__
        raise DataError(
            f"the data are a {kind}: give a pandas or polars frame, or the path of a .csv or .parquet file"
        ) from None
    except nw.exceptions.DuplicateError:
        refuse_repeated([str(name) for name in frame.columns])
        raise
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise DataError(f"column names must be text; {listed(repr(name) for name in odd)} is not: rename with .rename")
    return table


def read_source(
    table: Table, level: str, wanted: Iterable[str], renaming: Renaming
) -> tuple[Source, Mapping[str, Series]]:
    """The wanted columns of one frame, and those of wide variables by their own names; a lazy frame computes no others."""
    present = tuple(table.collect_schema().names())
    several_of = {*renaming.wide, *renaming.members}
    here = {name: renaming.column(name) for name in wanted if name == level or name not in several_of}
    _refuse_index(table, [column for column in here.values() if column not in present])
    here = {name: column for name, column in here.items() if column in present}
    many = {**renaming.members, **{f"{level} weight": columns for level, columns in renaming.weights.items()}}
    others = [column for columns in many.values() for column in columns]
    others += [column for said in renaming.wide.values() for column in said.values()]
    chosen = list(dict.fromkeys([*here.values(), *(column for column in others if column in present)]))
    table = table.select(chosen or present[:1])  # rows are counted where nothing is wanted, too
    eager = table.collect() if isinstance(table, nw.LazyFrame) else table
    n = _rows(eager, here or others)
    held = {column: eager[column] for column in eager.columns}

    def several(said: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[Series, ...]]:
        return {name: tuple(held[c] for c in of) for name, of in said.items() if all(c in held for c in of)}

    series = {name: held[column] for name, column in here.items()}
    polars = eager.implementation.is_polars()
    rows = np.arange(1, n + 1)
    return Source(level, series, rows, present, several(renaming.members), several(renaming.weights), polars), held


def miss_column(name: str, present: Iterable[str]) -> DataError:
    """What to say where a variable has no column."""
    present = list(present)
    hint = did_you_mean(name, present) or f" It has {listed(present)}."
    return DataError(
        f"The theory needs '{name}', but the data have no such column.{hint} "
        f'If it has another name there: columns={{"{name}": "…"}}'
    )


def _rows(table: nw.DataFrame[Any], needed: Any) -> int:
    n = len(table)
    if needed and n < 2:
        raise DataError("the data have no rows" if n == 0 else "the data have one row: nothing varies in it")
    return n


def say_kind(dtype: Any) -> str:
    """What a column holds, for people."""
    if dtype == nw.Duration:
        return "durations"
    return "dates or times" if dtype.is_temporal() else str(dtype)


def _refuse_index(table: Table, wanted: Iterable[str]) -> None:
    """Refuse a pandas frame that holds a wanted column as its index."""
    index = getattr(getattr(nw.to_native(table), "index", None), "names", None) or ()
    if hidden := [name for name in wanted if name in index]:
        raise DataError(
            f"{listed(repr(name) for name in hidden)} {'is' if len(hidden) == 1 else 'are'} the frame's index and no column: "
            "give data.reset_index()"
        )


def find_missing(series: Series) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Where a column has no value: null or NaN."""
    empty = series.is_null().to_numpy()
    if series.dtype.is_float():
        empty = empty | series.is_nan().fill_null(True).to_numpy()
    return np.asarray(empty, dtype=np.bool_)
