"""Columns of rows that are never in memory together: each is checked while it is read, and what stays are sums.

Complete rows of normal equations need no more (`data.sums`). Whatever needs a row by itself is refused: missing values,
variables with arrows into them that are not normal, curves whose knots lie at quantiles.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np

from mechanisms.data.columns import CATEGORIES, check_range, encode
from mechanisms.data.dataset import Categories, Column, Counted, Dataset, Numbers
from mechanisms.data.frames import Series, miss_column
from mechanisms.data.making import list_made
from mechanisms.data.renaming import Renaming
from mechanisms.data.streams import Batch, Stream
from mechanisms.data.sums import Monomial, Sums, add_up, close
from mechanisms.data.units import Floats
from mechanisms.data.unread import Unread
from mechanisms.errors import DataError, listed
from mechanisms.spec.definitions import WeightedSum, parse_definition
from mechanisms.spec.influences import declared
from mechanisms.spec.shapes import count_columns
from mechanisms.spec.theory import Theory, Variable

_TAKEN = (None, "normal", "bernoulli", *sorted(CATEGORIES))
_REMEDY = "Collect the source, if memory holds it, and bind that: mx.bind(theory, frame.collect())"


@dataclass(frozen=True)
class Ends:
    """What is known of a column of numbers besides its sums."""

    lowest: float = np.inf
    highest: float = -np.inf
    binary: bool = True
    labels: tuple[str, str] | None = None


Known = dict[str, Ends]


def summarise(theory: Theory, names: Iterable[str], stream: Stream, renaming: Renaming) -> Dataset:
    """The named variables of a source in one pass, as sums.

    Raises
    ------
    DataError
        A column is missing, has gaps, is not numeric or breaks what the theory declares of it; the theory needs rows.
    """
    refuse_rows(theory)
    variables = tuple(declared(theory)[name] for name in (*names, *list_made(theory)))

    def again(monomials: tuple[Monomial, ...], known: Known | None = None) -> Sums:
        sums = add_up(read(variables, stream, renaming, {} if known is None else known), monomials)
        if sums is None:
            raise DataError("the data have no rows")
        return sums

    known: Known = {}
    sums = again(close(((column, 1),) for column in _list_columns(variables)), known)
    if sums.n < 2:
        raise DataError("the data have one row: nothing varies in it")
    return describe(variables, sums, known, again)


def describe(
    variables: tuple[Variable, ...], sums: Sums, known: Known, again: Callable[[tuple[Monomial, ...]], Sums] | None
) -> Dataset:
    """The dataset that some sums amount to."""
    made = {each.name: parse_definition(each.computed, each.place) for each in variables if each.computed}
    columns = tuple(_column(each, sums, known) for each in variables)
    return Dataset(columns, sums.n, sums=sums, again=again, made=made)  # type: ignore[arg-type]


def refuse_rows(theory: Theory) -> None:
    """Refuse what sums cannot answer, as far as the theory itself says so."""
    effects = {arrow.effect.name for arrow in theory.arrows}
    for variable in declared(theory).values():
        normal = ("normal", None) if variable.name in effects else _TAKEN
        if variable.family not in normal:
            raise DataError(
                f"{variable.name}'s equation is {variable.family}, and only normal equations can be fitted from sums, "
                f"without the rows. {_REMEDY}"
            )
        if variable.measured_by:
            raise DataError(
                f"{variable.name} is latent, and what its indicators say of it is looked up row by row. {_REMEDY}"
            )
        if variable.only_when is not None:
            raise DataError(f"only_when of {variable.name} is looked up row by row. {_REMEDY}")
    for arrow in theory.arrows:
        if arrow.only_when is not None:
            raise DataError(f"{arrow}: only_when is looked up row by row. {_REMEDY}")
        if count_columns(arrow.shape) or arrow.shape.kind == "monotonic":
            raise DataError(f"{arrow}: shape: {arrow.shape.kind}: the curve is made of the rows. {_REMEDY}")


def read(
    variables: tuple[Variable, ...], stream: Stream, renaming: Renaming, known: Known
) -> Iterator[Mapping[str, Floats]]:
    """Checked batches of a stream, by the names that equations use; what they hold is noted in `known`."""
    made = {each.name: parse_definition(each.computed, each.place) for each in variables if each.computed}
    columns = {each.name: renaming.column(each.name) for each in variables if each.name not in made}
    for name, column in columns.items():
        if column not in stream.names:
            raise miss_column(name, stream.names)
    seen = 0
    for batch in stream.read(list(dict.fromkeys(columns.values()))):
        if not len(batch):
            continue
        found: dict[str, Floats] = {}
        for variable in variables:
            if isinstance(definition := made.get(variable.name), WeightedSum):
                found[variable.name] = _add_up(variable.name, definition, found, known)
            else:
                found |= _read(variable, batch[columns[variable.name]], seen, known)
        yield found
        seen += len(batch)


def _add_up(name: str, definition: WeightedSum, found: Mapping[str, Floats], known: Known) -> Floats:
    """A computed variable of some rows; its parts are there before it."""
    values = np.asarray(sum(weight * found[term.name] for weight, term in definition.parts))
    ends = known.get(name, Ends(binary=False))
    known[name] = replace(
        ends, lowest=min(ends.lowest, float(values.min())), highest=max(ends.highest, float(values.max()))
    )
    return values


def as_stream(frame: Batch) -> Stream:
    """A frame in memory as a stream of one batch."""
    return Stream(tuple(frame.columns), lambda names: iter([frame.select(list(names))]))


def _list_columns(variables: Iterable[Variable]) -> Iterator[str]:
    for variable in variables:
        coded = variable.family in CATEGORIES
        yield from (f"{variable.name}={value}" for value in variable.values[1:]) if coded else (variable.name,)


def _read(variable: Variable, series: Series, seen: int, known: Known) -> dict[str, Floats]:
    name = variable.name
    if series.null_count():
        _refuse_gap(name, int(np.argmax(series.is_null().to_numpy())) + seen)
    if variable.family in CATEGORIES:
        if not variable.values:
            raise DataError(f"'{name}' is {variable.family}: declare its values in the theory")
        codes = encode(variable, series, np.arange(seen, seen + len(series))).cells
        return {f"{name}={value}": (codes == index) * 1.0 for index, value in enumerate(variable.values) if index}
    values, labels = _numbers(variable, series, seen)
    ends = known.get(name, Ends(labels=labels))
    lowest, highest = float(values.min()), float(values.max())
    if np.isnan(lowest):
        _refuse_gap(name, int(np.argmax(np.isnan(values))) + seen)
    if not np.isfinite((lowest, highest)).all():
        raise DataError(f"'{name}' holds infinite values")
    check_range(variable, lowest, highest)
    binary = ends.binary and lowest >= 0 and highest <= 1 and bool(np.all((values == 0) | (values == 1)))
    known[name] = replace(ends, lowest=min(ends.lowest, lowest), highest=max(ends.highest, highest), binary=binary)
    return {name: values}


def _numbers(variable: Variable, series: Series, seen: int) -> tuple[Floats, tuple[str, str] | None]:
    dtype = series.dtype
    if dtype == nw.Boolean:
        return series.to_numpy().astype(np.float64), ("false", "true")
    if variable.family == "bernoulli" and variable.values:
        cells = encode(variable, series, np.arange(seen, seen + len(series)))
        return cells.cells, cells.labels
    if not dtype.is_numeric():
        held = listed((repr(str(kind)) for kind in series.unique().to_list()[:6]), most=4)
        raise DataError(
            f"'{variable.name}' holds {held} ({dtype}) where numbers are needed: make it a number in the source, or declare its "
            "categories in the theory (family: categorical, values: […])"
        )
    return np.asarray(series.to_numpy(), dtype=np.float64), None


def _refuse_gap(name: str, row: int) -> None:
    raise DataError(
        f"'{name}' has no value in row {row + 1} of the source, the first such row: rows that are only summed must be "
        f"complete. Drop such rows in the source, frame.drop_nulls(), and say so. Or: {_REMEDY}"
    )


def _column(variable: Variable, sums: Sums, known: Known) -> Column:
    name, unread = variable.name, Unread(variable.name)
    values: Any = unread
    if variable.family in CATEGORIES:
        shares = sums.means([f"{name}={value}" for value in variable.values[1:]])
        counts = np.rint(sums.n * np.array([1 - shares.sum(), *shares]))
        if empty := [repr(value) for value, count in zip(variable.values, counts, strict=True) if not count]:
            raise DataError(
                f"'{name}': nobody in the data has the value {listed(empty)}, so nothing can be said about it: take it out "
                "of the theory's values"
            )
        return Counted(name, values, variable.values, shares=tuple((counts / counts.sum()).tolist()))
    ends, mean, sd = known[name], float(sums.means([name])[0]), float(np.sqrt(sums.covariances([name])[0, 0]))
    if not np.isfinite(sd):
        raise DataError(f"'{name}' holds numbers too large to compute with (up to {ends.highest:.1g}): rescale it")
    if not sd > 1e-13 * max(abs(ends.lowest), abs(ends.highest)):
        raise DataError(
            f"'{name}' is constant up to rounding ({mean:.6g} in all {sums.n} rows): take it out of the theory"
        )
    if variable.family == "bernoulli" and not ends.binary:
        raise DataError(f"'{name}' is declared bernoulli but holds numbers from {ends.lowest:g} to {ends.highest:g}")
    return Numbers(name, values, mean, sd, ends.lowest, ends.highest, ends.binary, ends.labels)


def known_of(column: Column) -> Known:
    """What is known of a checked column besides its sums."""
    if isinstance(column, Categories):
        return {}
    return {column.name: Ends(column.lowest, column.highest, column.binary, column.labels)}
