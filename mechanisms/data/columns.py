"""One column held against its variable: numbers or categories, checked, or one clear `DataError`."""

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np

from mechanisms.data.dataset import Categories, Column, Mask, Numbers
from mechanisms.data.frames import Series, find_missing, say_kind
from mechanisms.data.support import check_support
from mechanisms.data.units import Floats, Rows
from mechanisms.data.words import MOST_KINDS, is_number, paste, refuse_text
from mechanisms.errors import DataError, did_you_mean, listed
from mechanisms.spec.theory import Variable

_WORDS = (("no", "yes"), ("false", "true"), ("n", "y"))
CATEGORIES = frozenset({"categorical", "ordinal", "sequential"})


@dataclass(frozen=True, eq=False)
class Encoded:
    """A column's cells as numbers, NaN where there is none; for categories the index of the value."""

    cells: Floats
    labels: tuple[str, str] | None = None

    def take(self, cells: Floats) -> "Encoded":
        """Other cells of the same kind."""
        return Encoded(cells, self.labels)


def encode(variable: Variable, series: Series, rows: Rows) -> Encoded:
    """A column's cells as its variable's family reads them; `rows` number the rows of the data."""
    missing = find_missing(series)
    if not missing.any():
        return _encode(variable, series, rows)
    if missing.all():
        return Encoded(np.full(len(series), np.nan))
    kept = _encode(variable, series.filter((~missing).tolist()), rows[~missing])
    cells = np.full(len(series), np.nan)
    cells[~missing] = kept.cells
    return kept.take(cells)


def finish(
    variable: Variable, encoded: Encoded, absent: Mask | None, *, event: bool = False, following: bool = False
) -> Column:
    """The checked column: what is observed varies, and keeps to the family and range that the theory declares.

    `event` tells that it says where times ended: that all did is no fault. `following` tells that it says how long units are
    followed, or that none has ended yet: all may be alike.
    """
    name, cells = variable.name, encoded.cells
    known = ~np.isnan(cells)
    observed = cells if known.all() else cells[known]
    if not len(observed):
        exists = "where it exists" if absent is not None and not absent.all() else "in any row"
        raise DataError(
            f"'{name}' has no value {exists}: take it out of the theory, or declare that nothing measures it (measured_by: [])"
        )
    if variable.family in CATEGORIES:
        codes = np.full(len(cells), -1, dtype=np.intp)
        codes[known] = observed
        _check_categories(variable, codes[known])
        return Categories(name, codes, variable.values, absent)
    if event:
        return _finish_event(variable, encoded, observed, absent, following=following)
    if following:
        check_support(variable, observed)
        ends = float(observed.min()), float(observed.max())
        return Numbers(name, cells, float(observed.mean()), float(observed.std()), *ends, False, None, absent)
    _check_numbers(variable, observed)
    mean, sd = _mean_and_sd(name, observed)
    lowest, highest = float(observed.min()), float(observed.max())
    binary = lowest == 0 and highest == 1 and bool(np.all((observed == 0) | (observed == 1)))
    if variable.family == "bernoulli" and not binary:
        raise DataError(
            f"'{name}' is declared bernoulli but holds {_sample(observed)}: 0 and 1, yes and no, "
            f"or declare its two values (values: [first, second], the second is 1)"
        )
    cells.flags.writeable = False
    return Numbers(name, cells, mean, sd, lowest, highest, binary, encoded.labels, absent)


def _finish_event(
    variable: Variable, encoded: Encoded, observed: Floats, absent: Mask | None, *, following: bool
) -> Numbers:
    """0 and 1, 1 where a time ended; refused where none did, unless they are still being followed."""
    name = variable.name
    if not np.all((observed == 0) | (observed == 1)):
        raise DataError(f"'{name}' says where times ended and is 0 or 1, but holds {_sample(observed)}")
    if not observed.any() and not following:
        raise DataError(f"'{name}' is 0 in every row: all times are censored, and nothing says how long they last")
    mean, sd, cells = float(observed.mean()), float(observed.std(ddof=1)), encoded.cells
    cells.flags.writeable = False
    return Numbers(name, cells, mean, sd, float(observed.min()), 1.0, True, encoded.labels, absent)


def _check_numbers(variable: Variable, values: Floats) -> None:
    """Refuse what is infinite, constant, out of range or beyond what the family allows."""
    name = variable.name
    if not np.isfinite(values).all():
        raise DataError(f"'{name}' holds {int(np.count_nonzero(~np.isfinite(values)))} infinite values")
    lowest, highest = float(values.min()), float(values.max())
    if lowest == highest:
        raise DataError(
            f"'{name}' is constant ({_shown(lowest)} in all {len(values)} rows): it can neither cause nor vary with anything"
        )
    check_range(variable, lowest, highest)
    check_support(variable, values)


def _mean_and_sd(name: str, values: Floats) -> tuple[float, float]:
    with np.errstate(over="ignore", under="ignore"):
        mean = float(values.mean())
        sd = float(np.sqrt(np.square(values - mean).sum() / (len(values) - 1)))
    if not np.isfinite(sd):
        raise DataError(
            f"'{name}' holds numbers too large to compute with (up to {np.abs(values).max():.1g}): rescale it"
        )
    if sd <= 1e-13 * np.abs(values).max() or sd * sd == 0:
        raise DataError(
            f"'{name}' is constant up to rounding: its sd is {sd:.1g} around {mean:.6g}. Centre it or rescale it first"
        )
    return mean, sd


def _encode(variable: Variable, series: Series, rows: Rows) -> Encoded:
    """A complete column; numbers as they are (a copy only where needed), words as 0 and 1 or as categories."""
    dtype = series.dtype
    if dtype == nw.Object:
        _check_cells(variable.name, series)
    if variable.family in CATEGORIES:
        _need_values(variable, series)
        return Encoded(_coded(variable, series))
    if variable.family == "bernoulli" and variable.values:
        return Encoded(_coded(variable, series), (variable.values[0], variable.values[1]))
    if dtype.is_numeric():
        return Encoded(_own(series))
    if dtype == nw.Boolean:
        return Encoded(series.to_numpy().astype(np.float64), ("false", "true"))
    if not _is_text(dtype):
        fix = "make it a number first" + (", such as a number of days" if dtype.is_temporal() else "")
        raise DataError(f"'{variable.name}' holds {say_kind(dtype)}, neither numbers nor text: {fix}")
    if dtype == nw.Object and (numbers := _numbers_among(series)) is not None:
        return Encoded(numbers)
    words = _words(series)
    kinds = set(words)
    for zero, one in _WORDS:
        if {kind.casefold() for kind in kinds} == {zero, one}:
            return Encoded(np.array([word.casefold() == one for word in words], dtype=np.float64), (zero, one))
    raise refuse_text(variable, words, rows.tolist())


def _numbers_among(series: Series) -> Floats | None:
    """The values of an object column that holds nothing but numbers."""
    values = series.to_list()
    plain = all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in values)
    try:
        return np.array(values, dtype=np.float64) if plain else None
    except OverflowError:
        raise DataError(f"'{series.name}' holds whole numbers too large to compute with: rescale it") from None


def _check_cells(name: str, series: Series) -> None:
    """Refuse cells that are neither numbers nor text, lists for instance."""
    for cell in series.to_list():
        if isinstance(cell, list | dict | set | tuple | np.ndarray):
            kind = type(cell).__name__
            raise DataError(f"'{name}' holds a {kind}, which is neither a number nor text: one value for each row")


def _own(series: Series) -> Floats:
    """The column's numbers: those of a polars column itself, which nobody can change, else a copy."""
    fixed = series.implementation.is_polars()
    values: Floats = np.array(series.to_numpy(), dtype=np.float64, copy=None if fixed else True)
    return values.view()


def _need_values(variable: Variable, series: Series) -> None:
    if not variable.values:
        kinds = sorted({_shown(value) for value in series.unique().to_list()})
        raise DataError(
            f"'{variable.name}' is {variable.family}: declare its values in the theory, the first being the reference (the comparison condition): "
            f"values: [{paste(kinds[:MOST_KINDS])}]"
        )


def _check_categories(variable: Variable, codes: Rows) -> None:
    counts = np.bincount(codes, minlength=len(variable.values))
    absent = [value for value, count in zip(variable.values, counts, strict=True) if count == 0]
    if len(absent) == len(variable.values) - 1:
        only = variable.values[int(np.argmax(counts))]
        raise DataError(
            f"'{variable.name}' is constant ('{only}' in every row): it can neither cause nor vary with anything"
        )
    if absent:
        raise DataError(
            f"'{variable.name}': nobody in the data has the value {listed(repr(value) for value in absent)}, so nothing can be said "
            "about it: take it out of the theory's values"
        )


def _coded(variable: Variable, series: Series) -> Floats:
    """Each row's index in the declared values, matched as text and as number (language 1.4)."""
    declared = {value: index for index, value in enumerate(variable.values)}
    numbers = {float(value): index for value, index in declared.items() if is_number(value)}
    kinds = series.unique().to_list()
    code: dict[Any, int] = {}
    for kind in kinds:
        text = _shown(kind)
        if text in declared:
            code[kind] = declared[text]
        elif is_number(text) and float(text) in numbers:
            code[kind] = numbers[float(text)]
        else:
            count = int((series == kind).sum())
            raise DataError(
                f"'{variable.name}' has the value '{text}' in {count} rows, which the theory does not declare "
                f"(values: {listed(variable.values)}).{did_you_mean(text, variable.values)}"
            )
    if series.dtype == nw.Object:
        return np.fromiter((code[value] for value in series.to_list()), dtype=np.float64, count=len(series))
    codes = np.empty(len(series))
    for kind, index in code.items():
        codes[np.asarray((series == kind).to_numpy(), dtype=np.bool_)] = index
    return codes


def check_range(variable: Variable, lowest: float, highest: float) -> None:
    """Refuse what lies outside the range that the theory declares."""
    if variable.range is None:
        return
    low, high = variable.range
    if lowest < low or highest > high:
        found = lowest if lowest < low else highest
        raise DataError(f"'{variable.name}' holds {found:g}, outside its declared range [{low:g}, {high:g}]")


def _is_text(dtype: Any) -> bool:
    return dtype in (nw.String, nw.Categorical, nw.Object) or isinstance(dtype, nw.Enum)


def _words(series: Series) -> list[str]:
    return [str(value).strip() for value in series.to_list()]


def _shown(value: Any) -> str:
    """A value as a theory would write it: 1.0 as `1`, text stripped."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _sample(values: Floats) -> str:
    kinds = np.unique(values)
    return listed((f"{kind:g}" for kind in kinds), most=4)
