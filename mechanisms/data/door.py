"""The door: a frame or a file, held against a theory, becomes a `Dataset`, or one clear `DataError`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np

from mechanisms.data.dataset import Categories, Column, Dataset, Floats, Numbers
from mechanisms.errors import DataError, did_you_mean, listed
from mechanisms.spec.theory import Theory, Variable

_WORDS = (("no", "yes"), ("false", "true"), ("n", "y"))
_COUNTS = frozenset({"poisson", "negative_binomial", "binomial"})
_CATEGORIES = frozenset({"categorical", "ordinal", "sequential"})


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
    return bind_some(theory, frame, [each.name for each in theory.variables if each.measured_by != ()], columns)


def bind_some(theory: Theory, frame: Any, only: Iterable[str], columns: Mapping[str, str] | None = None) -> Dataset:
    """`bind` for the named variables only; the frame need not hold the others."""
    table = _table(frame)
    wanted = {name: theory.variable(name) for name in only}
    names = _names(wanted, table.collect_schema().names(), dict(columns or {}))
    table = table.select(list(dict.fromkeys(names.values())))
    eager = table.collect() if isinstance(table, nw.LazyFrame) else table
    n = len(eager)
    if n == 0:
        raise DataError("the data have no rows")
    _no_missing(eager, names)
    return Dataset(tuple(_column(variable, eager[names[name]]) for name, variable in wanted.items()), n)


def read_frame(path: str | Path) -> Any:
    """A .csv or .parquet file as a frame (pandas); anything else, or a file that is not one, is a `DataError`."""
    import pandas as pd  # noqa: PLC0415  (slow to import, and only files need it)

    path = Path(path)
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    if path.suffix.lower() not in readers:
        raise DataError(f"{path}: data are read from .csv and .parquet files, or given as a pandas or polars frame")
    if not path.is_file():
        near = did_you_mean(path.name, [file.name for file in path.parent.glob("*")]) if path.parent.is_dir() else ""
        raise DataError(f"{path}: there is no such file.{near}")
    try:
        return readers[path.suffix.lower()](path)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: the file is empty") from None
    except (ValueError, OSError) as error:
        raise DataError(f"{path} cannot be read as {path.suffix[1:]}: {str(error).splitlines()[0]}") from error


def _table(frame: Any) -> nw.DataFrame[Any] | nw.LazyFrame[Any]:
    if isinstance(frame, str | Path):
        frame = read_frame(frame)
    if isinstance(frame, Mapping):
        raise DataError("the data are a mapping: make a pandas or polars frame of it, pandas.DataFrame(data)")
    try:
        table: nw.DataFrame[Any] | nw.LazyFrame[Any] = nw.from_native(frame)
    except TypeError:
        kind = type(frame).__name__
        raise DataError(
            f"the data are a {kind}: give a pandas or polars frame, or the path of a .csv or .parquet file"
        ) from None
    try:
        names = table.collect_schema().names()
    except ValueError as error:
        raise DataError(f"the frame's columns cannot be told apart: {str(error).splitlines()[0]}") from None
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise DataError(
            f"column names must be text; {listed(repr(name) for name in odd)} is not: rename with .rename or columns="
        )
    return table


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
            "by itself: drop them (frame.dropna), and say so, or impute"
        )


def _column(variable: Variable, series: nw.Series[Any]) -> Column:
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
    mean = float(values.mean())
    sd = float(np.sqrt(np.square(values - mean).sum() / (len(values) - 1)))
    values.flags.writeable = False
    return Numbers(name, values, mean, sd, lowest, highest, binary, labels)


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
    words = _words(series)
    kinds = sorted(set(words))
    for zero, one in _WORDS:
        if {kind.casefold() for kind in kinds} == {zero, one}:
            return np.array([word.casefold() == one for word in words], dtype=np.float64), (zero, one)
    numeric = _numeric_text(words)
    if numeric:
        raise DataError(
            f"'{variable.name}' holds numbers written as text ({listed(kinds, most=3)}): convert the column to numbers first"
        )
    number_like = [word for word in kinds if _is_number(word)]
    if number_like and len(kinds) > 10:
        bad = [word for word in kinds if not _is_number(word)]
        raise DataError(
            f"'{variable.name}' should hold numbers but also holds {listed((repr(word) for word in bad), most=4)}"
        )
    if len(kinds) == 1:
        raise DataError(
            f"'{variable.name}' is constant ('{kinds[0]}' in every row): it can neither cause nor vary with anything"
        )
    family = "bernoulli" if variable.family == "bernoulli" or len(kinds) == 2 else "categorical"
    raise DataError(
        f"'{variable.name}' holds text ({listed((repr(kind) for kind in kinds), most=6)}) where a number is needed. Declare it in the theory, "
        f"the first value being the reference: {variable.name}: {{family: {family}, values: [{', '.join(kinds[:12])}]}}"
    )


def _own(series: nw.Series[Any]) -> Floats:
    values: Floats = np.asarray(series.to_numpy(), dtype=np.float64)
    return values.view()


def _two_values(variable: Variable, series: nw.Series[Any]) -> Floats:
    codes = _coded(variable, series)
    return codes.astype(np.float64)


def _categories(variable: Variable, series: nw.Series[Any]) -> Categories:
    if not variable.values:
        kinds = sorted({_shown(value) for value in series.unique().to_list()})
        raise DataError(
            f"'{variable.name}' is {variable.family}: declare its values in the theory, the first being the reference: "
            f"values: [{', '.join(kinds[:12])}]"
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
    numbers = {float(value): index for value, index in declared.items() if _is_number(value)}
    kinds = series.unique().to_list()
    code: dict[Any, int] = {}
    for kind in kinds:
        text = _shown(kind)
        if text in declared:
            code[kind] = declared[text]
        elif _is_number(text) and float(text) in numbers:
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


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numeric_text(words: list[str]) -> bool:
    return all(_is_number(word) for word in set(words))


def _sample(values: Floats) -> str:
    kinds = np.unique(values)
    return listed((f"{kind:g}" for kind in kinds[:5]), most=4) + (" and others" if len(kinds) > 5 else "")
