"""Wide data made long: a column per occasion becomes a row per occasion."""

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np

from mechanisms.data.frames import Series, Source, find_missing
from mechanisms.data.renaming import Renaming
from mechanisms.data.units import Rows
from mechanisms.errors import DataError, listed
from mechanisms.spec.theory import Level, Theory


def find_wide(theory: Theory, renaming: Renaming, home: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """For each level of time that the data hold wide, the variables (and levels) that have a column per occasion."""
    found: dict[str, tuple[str, ...]] = {}
    for name in renaming.wide:
        time = next((each.name for each in theory.levels if each.name in theory.time and name in each.within[1:]), None)
        time = time or (home.get(name) if home.get(name) in theory.time and name not in theory.time else None)
        if time is None and name in [level.name for level in theory.levels]:
            raise DataError(
                f'columns=: \'{name}\' is a level, whose ids stand in one column: columns={{"{name}": "…"}}'
            )
        if time is None and name in home:
            raise DataError(
                f"columns=: '{name}' has one value per {home[name]}, so it has no occasions: give one column"
            )
        if time is None:
            continue  # no variable of the theory: refused with the other names
        found[time] = (*found.get(time, ()), name)
    return found


def make_long(
    source: Source, held: Mapping[str, Series], level: Level, names: tuple[str, ...], renaming: Renaming
) -> tuple[Source, Source]:
    """The wide frame with an id for every row, and its rows per occasion: those where anything was observed."""
    client = level.within[0]
    source = number_rows(source, client)
    occasions = sorted({occasion for name in names for occasion in renaming.wide[name]})
    if level.occasions and (odd := [each for each in occasions if each not in level.occasions]):
        raise DataError(
            f"columns=: '{names[0]}' has an occasion {odd[0]}, but the theory's occasions of {level.name} are "
            f"{listed(map(str, level.occasions), most=12)}"
        )
    if lost := [column for name in names for column in renaming.wide[name].values() if column not in held]:
        raise DataError(
            f"columns=: '{lost[0]}' is not in the frame of {source.level}, whose rows have the occasions: put it there"
        )
    stacks = {name: [held.get(renaming.wide[name].get(each, "")) for each in occasions] for name in names}
    seen = np.concatenate(
        [_any_seen([stack[at] for stack in stacks.values()], source.n) for at in range(len(occasions))]
    )
    kept = np.flatnonzero(seen)
    if not kept.size:
        raise DataError(
            f"columns=: {listed(map(repr, names))} {'has' if len(names) == 1 else 'have'} no value at any occasion: nothing can be "
            "said about it"
        )
    at, row = kept // source.n, kept % source.n
    series = {name: _stack(name, stack, source.n, kept) for name, stack in stacks.items()}
    series[level.name] = _series(level.name, np.array(occasions)[at])
    series[client] = _series(client, _values(source.series[client])[row])
    long = Source(level.name, series, source.rows[row], source.present, {}, {}, source.polars, wide=True)
    return source, long


def number_rows(source: Source, level: str) -> Source:
    """The source with ids of its units: the rows' numbers where the data have none."""
    if level in source.series:
        return source
    series = {**source.series, level: _series(level, source.rows)}
    return Source(
        source.level, series, source.rows, source.present, source.members, source.weights, source.polars, source.wide
    )


def _any_seen(columns: list[Series | None], n: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The rows in which at least one of an occasion's columns has a value."""
    seen = np.zeros(n, dtype=np.bool_)
    for column in columns:
        if column is not None:
            seen |= ~find_missing(column)
    return seen


def _stack(name: str, columns: list[Series | None], n: int, kept: Rows) -> Series:
    """One column below the other; numbers stay numbers, all else is an object column."""
    if all(column is None or column.dtype.is_numeric() for column in columns):
        empty = np.full(n, np.nan)
        parts = [empty if column is None else _floats(column) for column in columns]
        return _series(name, np.concatenate(parts)[kept])
    cells = np.full(n * len(columns), None, dtype=object)
    for position, column in enumerate(columns):
        if column is not None:
            cells[position * n : (position + 1) * n] = _values(column)
    return _series(name, cells[kept])


def _floats(column: Series) -> np.ndarray[Any, np.dtype[np.float64]]:
    missing = find_missing(column)
    found = np.full(len(column), np.nan)
    found[~missing] = (
        column.filter(~column.is_null()).to_numpy()
        if missing.any() and not column.dtype.is_float()
        else column.to_numpy()[~missing]
    )
    return found


def _values(column: Series) -> np.ndarray[Any, Any]:
    """The cells as Python has them, None where there is none."""
    cells = np.empty(len(column), dtype=object)
    cells[:] = column.to_list()
    cells[find_missing(column)] = None
    return cells


def _series(name: str, values: np.ndarray[Any, Any]) -> Series:
    import pandas as pd  # noqa: PLC0415  (slow to import, and only wide data need it)

    return nw.from_native(pd.Series(values, name=name), series_only=True)
