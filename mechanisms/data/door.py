"""The door: a frame or a file, held against a theory, becomes a `Dataset`, or one clear `DataError`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np

from mechanisms.data.columns import read_column
from mechanisms.data.dataset import Dataset
from mechanisms.data.files import read_frame, refuse_repeated
from mechanisms.errors import DataError, did_you_mean, expect, listed
from mechanisms.spec.theory import Theory, Variable


def bind(theory: Theory, frame: Any, columns: Mapping[str, str] | None = None) -> Dataset:
    """Hold `frame` against `theory`: every measured variable becomes one checked column.

    Parameters
    ----------
    theory
        What the columns mean: families, values, ranges.
    frame
        A pandas or polars frame (a lazy one is collected, with the needed columns only), or the path of a
        .csv or .parquet file.
    columns
        `{variable: column}` where the data use other names.

    Raises
    ------
    DataError
        A column is missing, empty, infinite, constant, text where numbers are needed, or breaks what the theory
        declares of it (values, range, family). All missing values are counted in one message.
    """
    expect(theory, Theory, "what data are held against", "mx.load or mx.parse makes one")
    _refuse_shapes(theory)
    return bind_some(theory, frame, [each.name for each in theory.variables if each.measured_by != ()], columns)


def _refuse_shapes(theory: Theory) -> None:
    """Refuse theories whose data are more than one complete column per variable."""
    if theory.levels or theory.time:
        raise DataError(
            "data of several levels (units within units, occasions) are not bound yet: this version takes one row per unit"
        )
    for variable in theory.variables:
        for what, said in (
            ("is computed", variable.computed),
            ("exists only sometimes", variable.only_when),
            ("is measured by indicators", variable.measured_by),
        ):
            if said:
                raise DataError(f"'{variable.name}' {what}: such variables are not bound yet")


def bind_some(theory: Theory, frame: Any, only: Iterable[str], columns: Mapping[str, str] | None = None) -> Dataset:
    """`bind` for the named variables only; the frame need not hold the others."""
    table = _table(frame)
    wanted = {name: theory.variable(name) for name in only}
    names = _names(wanted, table.collect_schema().names(), _renamed(columns))
    table = table.select(list(dict.fromkeys(names.values())))
    eager = table.collect() if isinstance(table, nw.LazyFrame) else table
    n = len(eager)
    if n < 2:
        raise DataError("the data have no rows" if n == 0 else "the data have one row: nothing varies in it")
    _no_missing(eager, names)
    return Dataset(tuple(read_column(variable, eager[names[name]]) for name, variable in wanted.items()), n)


def _table(frame: Any) -> nw.DataFrame[Any] | nw.LazyFrame[Any]:
    if isinstance(frame, str | Path):
        frame = read_frame(frame)
    if isinstance(frame, Mapping):
        raise DataError("the data are a mapping: make a pandas or polars frame of it, pandas.DataFrame(data)")
    try:
        table: nw.DataFrame[Any] | nw.LazyFrame[Any] = nw.from_native(frame)
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


def _renamed(columns: Any) -> dict[str, str]:
    """`columns=` as {variable: column}."""
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise DataError(f"columns= is a mapping, {{variable: column}}, not a {type(columns).__name__}")
    for name, column in columns.items():
        if not isinstance(name, str) or not isinstance(column, str):
            raise DataError(f"columns=: one column name for one variable is wanted, not {name!r}: {column!r}")
    return dict(columns)


def _names(wanted: Mapping[str, Variable], present: list[str], columns: dict[str, str]) -> dict[str, str]:
    for name, column in columns.items():
        if name not in wanted:
            raise DataError(f"columns=: the theory measures no variable '{name}'.{did_you_mean(name, wanted)}")
        if column not in present:
            raise DataError(
                f"columns=: '{name}' should be '{column}', but the data have no such column.{did_you_mean(column, present)}"
            )
    names = {name: columns.get(name, name) for name in wanted}
    for name, column in names.items():
        if column not in present:
            hint = did_you_mean(column, present) or f" It has {listed(present)}."
            raise DataError(
                f"The theory needs '{name}', but the data have no such column.{hint} "
                f'If it has another name there: columns={{"{name}": "…"}}'
            )
    return names


def _no_missing(table: nw.DataFrame[Any], names: Mapping[str, str]) -> None:
    gaps = {}
    anywhere = np.zeros(len(table), dtype=bool)
    for name, column in names.items():
        series = table[column]
        empty = series.is_null().to_numpy()
        if series.dtype.is_float():
            empty = empty | series.is_nan().fill_null(True).to_numpy()
        if count := int(np.count_nonzero(empty)):
            gaps[name] = count
            anywhere |= empty.astype(bool)
    if gaps:
        raise DataError(
            f"missing values in {listed((f'{name} ({count})' for name, count in gaps.items()), most=12)}: "
            f"{int(anywhere.sum())} of {len(table)} rows. This version fits complete rows only and does not drop rows "
            f"by itself: drop them: frame = {_dropping(table, list(names.values()))}, and say so, or impute"
        )


def _dropping(table: nw.DataFrame[Any], columns: list[str]) -> str:
    """How to drop the rows with gaps in the columns that the theory needs, and in no others."""
    if table.implementation.is_polars():
        return f"frame.fill_nan(None).drop_nulls(subset={columns})"
    return f"frame.dropna(subset={columns})"
