"""From rows of the data to units: each unit's one value of a variable, checked to be one."""

import numpy as np

from mechanisms.data.columns import Encoded
from mechanisms.data.frames import Source
from mechanisms.data.units import Rows, Units
from mechanisms.errors import DataError
from mechanisms.spec.theory import Variable


def lift(variable: Variable, encoded: Encoded, units: Rows, table: Units, source: Source) -> Encoded:
    """One value per unit; `units` has each row's. Rows of a unit that differ are refused, gaps among them are filled."""
    cells = encoded.cells
    if len(cells) == table.n and np.array_equal(units, np.arange(table.n)):
        return encoded
    known = ~np.isnan(cells)
    _refuse_nowhere(variable, known & (units < 0), table.level, source)
    known &= units >= 0
    lifted = np.full(table.n, np.nan)
    lifted[units[known]] = cells[known]
    wrong = lifted[units[known]] != cells[known]
    if wrong.any():
        raise _varies(variable, encoded, units, np.flatnonzero(known), table, source)
    return encoded.take(lifted)


def _refuse_nowhere(
    variable: Variable, wrong: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]", level: str, source: Source
) -> None:
    if wrong.any():
        row = source.rows[np.argmax(wrong)]
        raise DataError(
            f"'{variable.name}' has one value per {level}, but row {row} of the data has a value and no {level} "
            f"({int(wrong.sum())} rows in all): make it missing there, or fill in the {level}"
        )


def _varies(variable: Variable, encoded: Encoded, units: Rows, known: Rows, table: Units, source: Source) -> DataError:
    """The first unit whose rows differ, with two of them."""
    cells = encoded.cells
    first = np.full(table.n, len(cells), dtype=np.intp)
    np.minimum.at(first, units[known], known)
    at = int(known[np.argmax(cells[first[units[known]]] != cells[known])])
    one, name, level = int(first[units[at]]), variable.name, table.level
    values = [_shown(variable, encoded, cells[row]) for row in (one, at)]
    return DataError(
        f"'{name}' has one value per {level} in the theory, but varies within {level} {table.labels[units[at]]!r}: "
        f"{values[0]} in row {source.rows[one]} of the data, {values[1]} in row {source.rows[at]}. Declare "
        f"{name}: {{level: {source.level}}}, or correct the data"
    )


def refuse_contradiction(
    variable: Variable, read: Encoded, other: Encoded, table: Units, sources: tuple[Source, Source]
) -> None:
    """Refuse two frames that say different things of one unit; a value that only the frame not read has is one of them."""
    shown = [
        np.array([_shown(variable, each, cell) if np.isfinite(cell) else "" for cell in each.cells])
        for each in (read, other)
    ]
    wrong = (shown[0] != shown[1]) & (shown[1] != "")
    if wrong.any():
        first = int(np.argmax(wrong))
        one, two = (each[first] or "no value" for each in shown)
        raise DataError(
            f"'{variable.name}' stands in two frames that differ, for {int(wrong.sum())} {table.level}s: of {table.level} "
            f"{table.labels[first]!r} the frame of {sources[0].level} says {one}, that of {sources[1].level} {two}. Correct one, or "
            f"take the column out of it"
        )


def _shown(variable: Variable, encoded: Encoded, cell: float) -> str:
    words = encoded.labels or variable.values
    return repr(words[int(cell)]) if words else f"{cell:g}"
