"""Where things exist: an `only_when` held against the data (language 1.3, 1.4, R12)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mechanisms.data.columns import Encoded
from mechanisms.data.dataset import Mask
from mechanisms.data.units import ROW, Floats, Rows, Units
from mechanisms.errors import DataError, listed
from mechanisms.spec.said import read_number
from mechanisms.spec.theory import Condition, Scalar, Span, Variable

Held = tuple[Encoded, Mask | None, str]  # a column's cells, where it does not exist, and its level
Wanted = tuple[Scalar, ...] | Span


def find_existing(
    who: str,
    condition: Condition,
    level: str,
    tables: Mapping[str, Units],
    read: Callable[[str], Held],
    known: Mapping[str, Variable],
) -> tuple[Mask, Mask]:
    """For the units of `level`: where the condition holds, and where a missing value leaves that open."""
    holds = np.ones(tables[level].n, dtype=np.bool_)
    unknown = np.zeros(tables[level].n, dtype=np.bool_)
    for name, values in condition.values:
        at_home, open_at_home, home = _at_home(who, name, values, tables, read, known)
        index = _way(who, name, level, home, tables)
        there = index >= 0
        holds &= there & at_home[index]
        unknown |= there & open_at_home[index]
    return holds & ~unknown, unknown


def _at_home(
    who: str,
    name: str,
    values: Wanted,
    tables: Mapping[str, Units],
    read: Callable[[str], Held],
    known: Mapping[str, Variable],
) -> tuple[Mask, Mask, str]:
    """Whether the values are taken, at the level of the variable itself; what is absent takes none."""
    if name in tables and tables[name].place is None and name != ROW:
        wanted = {str(_plain(value)) for value in values} if isinstance(values, tuple) else set()
        if isinstance(values, Span):
            raise DataError(f"{who}: only_when: {name} has no order; list its units")
        taken = np.array([str(label) in wanted for label in tables[name].labels], dtype=np.bool_)
        return taken, np.zeros(len(taken), dtype=np.bool_), name
    encoded, absent, home = read(name)
    gone = np.isnan(encoded.cells)
    if absent is not None:
        gone &= ~absent
    return _taken(who, name, values, encoded, known.get(name)), gone, home


def _taken(who: str, name: str, values: Wanted, encoded: Encoded, variable: Variable | None) -> Mask:
    """Which cells hold one of the values, or lie in the span; categories by name, numbers as numbers."""
    words = variable.values if variable and variable.values else encoded.labels or ()
    cells = encoded.cells
    if isinstance(values, Span):
        if variable and variable.values:
            numbers = [read_number(word) for word in words]
            if None in numbers:
                raise DataError(f"{who}: only_when: the values of {name} are no numbers; list those that count")
            cells = np.array([*(number or 0.0 for number in numbers), np.nan])[_codes(cells)]
        low, high = values.first, values.last
        return (cells >= (-np.inf if low is None else low)) & (cells <= (np.inf if high is None else high))
    wanted = [_number(who, name, value, words, variable) for value in values]
    return np.isin(cells, wanted)


def _codes(cells: Floats) -> Rows:
    return np.where(np.isnan(cells), -1, cells).astype(np.intp)


def _number(who: str, name: str, value: Scalar, words: tuple[str, ...], variable: Variable | None) -> float:
    """The number that stands for a value in the cells."""
    text = str(_plain(value))
    if text in words:
        return float(words.index(text))
    if isinstance(value, float | int) and not (variable and variable.values):
        return float(value)
    raise DataError(f"{who}: only_when: '{name}' has no value '{text}'{f'; it has {listed(words)}' if words else ''}")


def _plain(value: Scalar) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _way(who: str, name: str, level: str, home: str, tables: Mapping[str, Units]) -> Rows:
    """For each unit of `level` the unit at which the condition's variable has its value."""
    if level == home:
        return np.arange(tables[level].n)
    above = tables[level].above.get(home)
    if above is None or above.index.ndim != 1:
        raise DataError(f"{who}: only_when: '{name}' has no one value for each {level}: it is a variable of {home}")
    return above.index


def check_absent(variable: Variable, encoded: Encoded, holds: Mask, unknown: Mask, table: Units) -> Mask | None:
    """Where the variable does not exist; a value there is refused, and so is a row that nobody can place."""
    there = ~np.isnan(encoded.cells)
    name, condition = variable.name, variable.only_when
    wrong = there & ~holds & ~unknown
    if wrong.any():
        raise DataError(
            f"'{name}' exists only when {condition}, but has a value {_where(table, wrong)}: make it missing there, or "
            "correct the only_when"
        )
    lost = unknown & table.seen & ~there
    if lost.any():
        names = listed(map(repr, condition.names if condition else ()))
        raise DataError(
            f"nobody knows whether '{name}' exists {_where(table, lost)}: {names} is missing there, and it exists only when {condition}"
        )
    absent = ~holds & ~unknown
    return absent if absent.any() else None


def check_level(child: Units, level: str, condition: Condition, holds: Mask, unknown: Mask) -> None:
    """Refuse ids of a level where it does not exist, and lost ids where it does."""
    index = child.above[level].index
    there = (index >= 0) if index.ndim == 1 else (index >= 0).any(axis=1)
    said = f"{level} exists only when {condition}"
    if (wrong := there & ~holds & ~unknown).any():
        raise DataError(
            f"{said}, but {_where(child, wrong)} a {level} is named: take the id out, or correct the only_when"
        )
    if (lost := ~there & holds & child.seen).any():
        raise DataError(f"{said}, but {_where(child, lost)} no {level} is named: fill in the id, or drop these rows")


def _where(table: Units, mask: Mask) -> str:
    """The first unit, and how many there are."""
    first, count = int(np.argmax(mask)), int(mask.sum())
    label = table.labels[first]
    if table.level == ROW:
        text = f"in row {first + 1} of the data"
    elif table.place is not None and isinstance(label, tuple):
        client, occasion = label
        text = f"at {table.level} {occasion}" + (f" of {next(iter(table.above))} '{client}'" if table.above else "")
    else:
        text = f"for {table.level} '{label}'"
    return text + (f" ({count} in all)" if count > 1 else "")
