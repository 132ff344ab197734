"""The door: a frame or a file, held against a theory, becomes a `Dataset`, or one clear `DataError`."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np

from mechanisms.data.dataset import Categories, Column, Dataset, Floats, Numbers
from mechanisms.data.files import read_frame, refuse_repeated
from mechanisms.errors import DataError, did_you_mean, expect, listed
from mechanisms.spec.terms import is_value
from mechanisms.spec.theory import Theory, Variable

_WORDS = (("no", "yes"), ("false", "true"), ("n", "y"))
_COUNTS = frozenset({"poisson", "negative_binomial", "binomial"})
_MOST_KINDS = 20  # categories that are worth offering to declare
_PLAIN = re.compile(r"[^\W_][\w .+/-]*(?<! )")  # a value that needs no quotes in a theory
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
    return Dataset(tuple(_column(variable, eager[names[name]]) for name, variable in wanted.items()), n)


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
    raise _refused_text(variable, words, sorted(kinds))


def _numbers_among(series: nw.Series[Any]) -> Floats | None:
    """The values of an object column that holds nothing but numbers."""
    values = series.to_list()
    plain = all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in values)
    return np.array(values, dtype=np.float64) if plain else None


def _refused_text(variable: Variable, words: list[str], kinds: list[str]) -> DataError:
    """What to do about a column of text where numbers are needed."""
    name = variable.name
    wrong = [kind for kind in kinds if not _is_number(kind)]
    if "" in kinds:
        return DataError(f"'{name}' is blank in {words.count('')} rows: make them missing, or give them a word")
    if not wrong:
        return DataError(
            f"'{name}' holds numbers written as text ({listed(kinds, most=3)}): convert the column to numbers first"
        )
    if len(wrong) < len(kinds) and len(kinds) > 10:
        return DataError(f"'{name}' should hold numbers but also holds {listed(map(repr, wrong), most=4)}")
    if len(kinds) == 1:
        return DataError(
            f"'{name}' is constant ('{kinds[0]}' in every row): it can neither cause nor vary with anything"
        )
    held = f"'{name}' holds text ({listed(map(repr, kinds), most=6)}) where a number is needed"
    if variable.family == "bernoulli" and len(kinds) > 2:
        return DataError(f"{held}: it is declared bernoulli, which has two values, but there are {len(kinds)}")
    if odd := [kind for kind in kinds if not is_value(kind) or ".." in kind]:
        return DataError(
            f"{held}: to be categories of a theory, rename {listed(map(repr, odd), most=3)} first "
            "(no brackets, commas, bars, '..', *, =, <, > or ^)"
        )
    if len(kinds) > _MOST_KINDS:
        return DataError(f"{held}: {len(kinds)} different texts are too many for categories; group them, or code them")
    family = "bernoulli" if len(kinds) == 2 else "categorical"
    return DataError(
        f"{held}. Declare it in the theory, the first value being the reference: "
        f"{name}: {{family: {family}, values: [{_pasted(kinds)}]}}"
    )


def _pasted(kinds: list[str]) -> str:
    """Values as they are written in a theory, quoted where YAML would read more into them."""
    return ", ".join(kind if _PLAIN.fullmatch(kind) else "'" + kind.replace("'", "''") + "'" for kind in kinds)


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
            f"'{variable.name}' is {variable.family}: declare its values in the theory, the first being the reference: "
            f"values: [{_pasted(kinds[:_MOST_KINDS])}]"
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


def _sample(values: Floats) -> str:
    kinds = np.unique(values)
    return listed((f"{kind:g}" for kind in kinds), most=4)
