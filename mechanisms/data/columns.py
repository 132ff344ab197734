"""One column held against its variable: numbers or categories, checked, or one clear `DataError`."""

from typing import Any

import narwhals as nw
import numpy as np

from mechanisms.data.dataset import Categories, Column, Floats, Numbers
from mechanisms.data.words import MOST_KINDS, is_number, paste, refuse_text
from mechanisms.errors import DataError, did_you_mean, listed
from mechanisms.spec.theory import Variable

_WORDS = (("no", "yes"), ("false", "true"), ("n", "y"))
_COUNTS = frozenset({"poisson", "negative_binomial", "binomial"})
_CATEGORIES = frozenset({"categorical", "ordinal", "sequential"})


def read_column(variable: Variable, series: nw.Series[Any]) -> Column:
    """One column as its variable's family wants it: numbers or categories; anything else is a `DataError`."""
    if variable.family in _CATEGORIES:
        return _categories(variable, series)
    values, labels = _as_numbers(variable, series)
    name = variable.name
    if not np.isfinite(values).all():
        raise DataError(f"'{name}' holds {int(np.count_nonzero(~np.isfinite(values)))} infinite values")
    lowest, highest = float(values.min()), float(values.max())
    if lowest == highest:
        raise DataError(
            f"'{name}' is constant ({_shown(lowest)} in all {len(values)} rows): it can neither cause nor vary with anything"
        )
    _check_range(variable, lowest, highest)
    binary = lowest == 0 and highest == 1 and bool(np.all((values == 0) | (values == 1)))
    if variable.family == "bernoulli" and not binary:
        raise DataError(
            f"'{name}' is declared bernoulli but holds {_sample(values)}: 0 and 1, yes and no, "
            f"or declare its two values (values: [first, second], the second is 1)"
        )
    if variable.family in _COUNTS and (lowest < 0 or not np.array_equal(values, np.floor(values))):
        odd = values[(values < 0) | (values != np.floor(values))]
        raise DataError(
            f"'{name}' is a count ({variable.family}) but holds {_sample(odd)}: counts are whole and not below 0"
        )
    mean, sd = _mean_and_sd(name, values)
    values.flags.writeable = False
    return Numbers(name, values, mean, sd, lowest, highest, binary, labels)


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


def _as_numbers(variable: Variable, series: nw.Series[Any]) -> tuple[Floats, tuple[str, str] | None]:
    """Numbers as they are (a copy only where needed); two words of a bernoulli variable become 0 and 1."""
    dtype = series.dtype
    if variable.family == "bernoulli" and variable.values:
        return _two_values(variable, series), (variable.values[0], variable.values[1])
    if dtype.is_numeric():
        return _own(series), None
    if dtype == nw.Boolean:
        return series.to_numpy().astype(np.float64), ("false", "true")
    if not _is_text(dtype):
        raise DataError(f"'{variable.name}' holds {dtype}, which is neither numbers nor text: make it a number first")
    if dtype == nw.Object and (numbers := _numbers_among(series)) is not None:
        return numbers, None
    words = _words(series)
    kinds = set(words)
    for zero, one in _WORDS:
        if {kind.casefold() for kind in kinds} == {zero, one}:
            return np.array([word.casefold() == one for word in words], dtype=np.float64), (zero, one)
    raise refuse_text(variable, words)


def _numbers_among(series: nw.Series[Any]) -> Floats | None:
    """The values of an object column that holds nothing but numbers."""
    values = series.to_list()
    plain = all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in values)
    return np.array(values, dtype=np.float64) if plain else None


def _own(series: nw.Series[Any]) -> Floats:
    """The column's numbers: those of a polars column itself, which nobody can change, else a copy."""
    fixed = series.implementation.is_polars()
    values: Floats = np.array(series.to_numpy(), dtype=np.float64, copy=None if fixed else True)
    return values.view()


def _two_values(variable: Variable, series: nw.Series[Any]) -> Floats:
    codes = _coded(variable, series)
    return codes.astype(np.float64)


def _categories(variable: Variable, series: nw.Series[Any]) -> Categories:
    if not variable.values:
        kinds = sorted({_shown(value) for value in series.unique().to_list()})
        raise DataError(
            f"'{variable.name}' is {variable.family}: declare its values in the theory, the first being the reference (the comparison condition): "
            f"values: [{paste(kinds[:MOST_KINDS])}]"
        )
    codes = _coded(variable, series)
    counts = np.bincount(codes, minlength=len(variable.values))
    absent = [value for value, count in zip(variable.values, counts, strict=True) if count == 0]
    if absent:
        raise DataError(
            f"'{variable.name}': nobody in the data has the value {listed(repr(value) for value in absent)}, so nothing can be said "
            "about it: take it out of the theory's values"
        )
    return Categories(variable.name, codes, variable.values)


def _coded(variable: Variable, series: nw.Series[Any]) -> np.ndarray[Any, np.dtype[np.intp]]:
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
    if len({code[kind] for kind in kinds}) == 1:
        raise DataError(
            f"'{variable.name}' is constant ('{_shown(kinds[0])}' in every row): it can neither cause nor vary with anything"
        )
    return np.fromiter((code[value] for value in series.to_list()), dtype=np.intp, count=len(series))


def _check_range(variable: Variable, lowest: float, highest: float) -> None:
    if variable.range is None:
        return
    low, high = variable.range
    if lowest < low or highest > high:
        found = lowest if lowest < low else highest
        raise DataError(f"'{variable.name}' holds {found:g}, outside its declared range [{low:g}, {high:g}]")


def _is_text(dtype: Any) -> bool:
    return dtype in (nw.String, nw.Categorical, nw.Object) or isinstance(dtype, nw.Enum)


def _words(series: nw.Series[Any]) -> list[str]:
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
