"""Occasions: the grid of a level of time, and each client's series on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.frames import Source, find_missing, say_kind
from mechanisms.data.units import Rows
from mechanisms.errors import DataError, listed
from mechanisms.spec.definitions import OwnCoefficient, WeightedSum, parse_definition
from mechanisms.spec.levels import Units as SaidUnits
from mechanisms.spec.terms import Occasions, Relative, Term
from mechanisms.spec.theory import Level, Theory

MOST_OCCASIONS = 10_000  # beyond it the numbers are dates or times, and a grid of them is not what was meant


@dataclass(frozen=True, eq=False)
class Calendar:
    """The occasions of all clients, sorted by client and place; `rows` says for each source where its rows went."""

    grid: tuple[int, ...]
    owners: Rows
    place: Rows
    seen: NDArray[np.bool_]
    rows: tuple[Rows | None, ...]


def lay_out(
    level: Level,
    sources: tuple[Source, ...],
    owners: tuple[Rows | None, ...],
    labels: tuple[object, ...],
    complete: bool,
) -> Calendar:
    """Every occasion of every client; `complete` adds those between the grid's first and the client's last.

    `owners` has each source's clients by row, None where a source has no such occasions.
    """
    given = [(s, own) for s, own in zip(sources, owners, strict=True) if own is not None]
    occasions = [_occasions(source, level) for source, _ in given]
    grid = _grid(level, np.concatenate(occasions))
    places = [_places(level, grid, source, found) for (source, _), found in zip(given, occasions, strict=True)]
    width = len(grid)
    keys = [own * width + place for (_, own), place in zip(given, places, strict=True)]
    main = next((keys[at] for at, (source, _) in enumerate(given) if source.level == level.name), None)
    if main is not None:
        source = next(source for source, _ in given if source.level == level.name)
        _refuse_twice(level, source, main, labels, grid)
    shown = np.unique(main if main is not None else np.concatenate(keys))
    every = _complete(shown, width) if complete else shown
    found = [_find(every, key, level, source, labels, grid) for (source, _), key in zip(given, keys, strict=True)]
    waiting = iter(found)
    rows = tuple(None if own is None else next(waiting) for own in owners)
    return Calendar(grid, every // width, every % width, np.isin(every, shown), rows)


def _occasions(source: Source, level: Level) -> Rows:
    """The column of occasions as whole numbers from 0 on."""
    name, series = level.name, source.series[level.name]
    fix = f"number the occasions 0, 1, 2, … in every {level.within[0] if level.within else 'series'}"
    if not series.dtype.is_numeric():
        raise DataError(f"'{name}' is a level of time but holds {say_kind(series.dtype)}, not whole numbers: {fix}")
    missing = find_missing(series)
    if missing.any():
        raise DataError(f"'{name}' is missing in {_where(source, missing)}: drop these rows, or {fix}")
    values = np.asarray(series.to_numpy(), dtype=np.float64)
    faults = (
        (~np.isfinite(values), "is infinite"),
        (values != np.floor(values), "is no whole number"),
        (values < 0, "is negative"),
        (values >= 2**62, "is too large"),
    )
    for wrong, words in faults:
        if wrong.any():
            at = int(np.argmax(wrong))
            more = f" (and so in {int(wrong.sum()) - 1} more rows)" if wrong.sum() > 1 else ""
            raise DataError(
                f"'{name}' {words} in row {source.rows[at]} of the data{more}: {values[at]:g}. Occasions are whole numbers "
                f"from 0 on: {fix}"
            )
    return values.astype(np.intp)


def _grid(level: Level, occasions: Rows) -> tuple[int, ...]:
    if level.occasions:
        return level.occasions
    first, last = int(occasions.min()), int(occasions.max())
    if last - first >= MOST_OCCASIONS:
        raise DataError(
            f"'{level.name}' runs from {first} to {last}: these are no numbered occasions (dates, perhaps). Number them, "
            f"or declare them: {level.name}: {{occasions: […]}}"
        )
    return tuple(range(first, last + 1))


def _places(level: Level, grid: tuple[int, ...], source: Source, occasions: Rows) -> Rows:
    known = np.array(grid)
    place = np.minimum(np.searchsorted(known, occasions), len(grid) - 1)
    strange = known[place] != occasions
    if strange.any():
        odd = [str(each) for each in np.unique(occasions[strange])]
        raise DataError(
            f"'{level.name}' is {listed(odd, most=4)} in {_where(source, strange)}, which the theory does not declare "
            f"(occasions: {listed(map(str, grid), most=12)}): add it to the occasions, or drop these rows"
        )
    return place.astype(np.intp)


def _refuse_twice(level: Level, source: Source, keys: Rows, labels: tuple[object, ...], grid: tuple[int, ...]) -> None:
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    if not len(same):
        return
    one, other = order[same[0]], order[same[0] + 1]
    owner, place = divmod(int(keys[one]), len(grid))
    whose = f"{level.within[0]} '{labels[owner]}' has" if level.within else "there is"
    more = f", and so in {len(same) - 1} more" if len(same) > 1 else ""
    raise DataError(
        f"{whose} {level.name} {grid[place]} twice (rows {source.rows[one]} and {source.rows[other]} of the data{more}): "
        "keep one row for each, or number them apart"
    )


def _complete(shown: Rows, width: int) -> Rows:
    """The keys of every place from the grid's first to each client's last."""
    owners, place = shown // width, shown % width
    last = np.zeros(int(owners.max()) + 1, dtype=np.intp)
    np.maximum.at(last, owners, place)
    kinds = np.unique(owners)
    lengths = last[kinds] + 1
    starts = np.cumsum(lengths) - lengths
    return np.repeat(kinds * width - starts, lengths) + np.arange(int(lengths.sum()))


def _find(
    every: Rows, keys: Rows, level: Level, source: Source, labels: tuple[object, ...], grid: tuple[int, ...]
) -> Rows:
    found = np.minimum(np.searchsorted(every, keys), len(every) - 1)
    lost = every[found] != keys
    if lost.any():
        owner, place = divmod(int(keys[np.argmax(lost)]), len(grid))
        whose = f" of {level.within[0]} '{labels[owner]}'" if level.within else ""
        raise DataError(
            f"{level.name} {grid[place]}{whose} is in the frame of {source.level}, but not in that of {level.name}: add it there"
        )
    return found.astype(np.intp)


def _where(source: Source, mask: NDArray[np.bool_]) -> str:
    first, count = int(source.rows[np.argmax(mask)]), int(mask.sum())
    return f"row {first} of the data" if count == 1 else f"{count} rows of the data, first in row {first}"


def find_timed(theory: Theory, said: SaidUnits, level: str) -> tuple[Term, ...]:
    """The terms of arrows, moderators, hidden causes and sums that name an earlier occasion of this level."""
    terms = [t for a in theory.arrows for t in (a.cause, *(t for product in a.moderated_by for t in product))]
    terms += [term for pair in theory.hidden for term in (pair.one, pair.other)]
    for variable in theory.variables:
        definition = parse_definition(variable.computed) if variable.computed else None
        if isinstance(definition, WeightedSum):
            terms += definition.terms
        elif isinstance(definition, OwnCoefficient):
            terms.append(definition.cause)
    timed = (term for term in terms if term.when is not None and said.levels.get(term.name) == level)
    return tuple(dict.fromkeys(timed))


def check_timed(level: str, grid: tuple[int, ...], terms: tuple[Term, ...], gaps: dict[int, bool]) -> None:
    """Refuse an occasion that the data do not have, and a lag that no client's series is long enough for."""
    for term in terms:
        if isinstance(term.when, Occasions) and term.when.first not in grid:
            ends = f"{grid[0]} to {grid[-1]}" if len(grid) > 1 else str(grid[0])
            raise DataError(f"'{term}': no row of the data has {level} {term.when.first}; they have {ends}")
        if isinstance(term.when, Relative) and not gaps[-term.when.steps]:
            raise DataError(
                f"'{term}': no series is that long: nobody in the data has two {level}s that lie {-term.when.steps} "
                "apart in the grid of occasions. Take a shorter lag"
            )


def list_lags(terms: tuple[Term, ...]) -> tuple[int, ...]:
    """By how many places each lagged term looks back."""
    return tuple({-term.when.steps for term in terms if isinstance(term.when, Relative)})
