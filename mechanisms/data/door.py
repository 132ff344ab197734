"""The door: frames or files, held against a theory, become a `Dataset`, or one clear `DataError`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import narwhals as nw

from mechanisms.data.bases import check_conditions, check_occasions, find_bases
from mechanisms.data.causes import list_causes, name_cause
from mechanisms.data.cautions import unmeasured, warn, warn_of_coarse, warn_of_unread
from mechanisms.data.dataset import Column, Dataset
from mechanisms.data.frames import Source, miss_column, open_table, read_source
from mechanisms.data.gaps import refuse_gaps
from mechanisms.data.hazards import check_hazards
from mechanisms.data.holding import Holding
from mechanisms.data.latents import list_latents
from mechanisms.data.making import check_made, list_made
from mechanisms.data.renaming import Renaming, check_renaming, take_apart
from mechanisms.data.streams import Stream, collect_small, open_stream
from mechanisms.data.structure import find_structure
from mechanisms.data.summaries import Known, as_stream, read, refuse_rows, summarise
from mechanisms.data.support import check_out_of
from mechanisms.data.units import ROW, Floats
from mechanisms.data.wide import find_wide, make_long
from mechanisms.errors import DataError, did_you_mean, expect, listed
from mechanisms.spec.influences import declared
from mechanisms.spec.levels import Units as SaidUnits
from mechanisms.spec.levels import find_units, finest
from mechanisms.spec.theory import Theory, Variable


def bind(theory: Theory, frame: Any, columns: Mapping[str, Any] | None = None) -> Dataset:
    """Hold `frame` against `theory`: every measured variable becomes one checked column, every level its units.

    A latent variable gets a column in which every value is missing, in the units of its marker.

    Parameters
    ----------
    theory
        What the columns mean: levels, families, values, ranges.
    frame
        A pandas or polars frame, a polars lazy frame, a dask frame, a pyarrow data set, or the path of a .csv or .parquet file
        or of a folder of .parquet files. What is read in batches is collected, with the needed columns only, up to 20 million
        cells; a larger source is summed while it is read, once or twice, and its rows are never in memory: then all equations must
        be normal, the rows complete, and only what sums tell can be asked. With levels: one row per unit of the finest level, with a column of ids for every
        level; or a frame for each level, `{"session": s, "client": c}`; lazy ones are collected.
    columns
        `{variable: column}` where the data use other names; `{"bdi": {0: "bdi.pre", 2: "bdi.2m"}}` where they have a
        column per occasion; `{"therapist": ["th1", "th2"], "therapist weight": ["w1", "w2"]}` where units share others.

    Raises
    ------
    DataError
        A column is missing, empty, infinite, constant, text where numbers are needed, or breaks what the theory
        declares of it (values, range, family, level, where it exists); ids are missing, repeated or contradict each
        other; a value is missing of a variable that the theory says nothing of.
    """
    expect(theory, Theory, "what data are held against", "mx.load or mx.parse makes one")
    return bind_some(theory, frame, _measured(theory), columns)


def bind_some(
    theory: Theory,
    frame: Any,
    only: Iterable[str],
    columns: Mapping[str, Any] | None = None,
    *,
    following: Iterable[str] = (),
) -> Dataset:
    """`bind` for the named variables only; the data need not hold the others.

    `following` are times and their events that say how long each unit is followed: all may be censored, and at one time.
    """
    said, known = find_units(theory), _place_indicators(theory)
    only = tuple(only)
    wanted = _with_conditions(theory, only, known)
    shared = [name for level in theory.levels for name in level.shared_by]
    renaming = take_apart(columns, shared)
    if not theory.levels and (stream := open_stream(frame)) is not None:
        frame = _collect(theory, stream, renaming, wanted)
        if isinstance(frame, Stream):
            summed = summarise(theory, only, frame, renaming)
            return replace(summed, warnings=warn_of_unread(theory, renaming, frame.names))
    sources = _open(theory, said, frame, renaming, wanted)
    structure = find_structure(theory, said, sources)
    holding = Holding(theory, said, known, sources, structure, frozenset(following))
    refuse_gaps(theory, said, only, holding)
    found: tuple[Column, ...] = tuple(holding.column(name) for name in (*only, *theory.time))
    found += list_latents(theory, {column.name: column for column in found}, holding)
    holding.check_levels()
    tables = tuple(structure.tables[level.name] for level in theory.levels)
    home = {name: str(level) for name, level in said.levels.items()} if theory.levels else {}
    bottom = [name for name in said.above if not any(name in above for above in said.above.values())]
    n = sum(int(structure.tables[name].seen.sum()) for name in bottom or [ROW])
    warnings = warn(theory, said, structure, {column.name: column for column in found})
    warnings += warn_of_unread(theory, renaming, [name for source in sources for name in source.present])
    warnings += warn_of_coarse({name: home[name] for name in only if name in home}, said, sources, renaming)
    data = Dataset(found, n, tables, structure.grid, MappingProxyType(home), warnings, made=list_made(theory))
    check_made(data)
    name = partial(name_cause, theory, data)
    data = replace(data, bases=MappingProxyType(find_bases(theory, list_causes(theory, data), structure.grid, name)))
    check_conditions(theory, data)
    check_occasions(theory, data.grid)
    check_out_of(theory, data)
    check_hazards(theory, data)
    return data


def open_rows(
    theory: Theory, frame: Any, names: Iterable[str], columns: Mapping[str, Any] | None = None
) -> tuple[tuple[Variable, ...], Iterator[Mapping[str, Floats]], Known]:
    """Rows that are to be added to others: the variables, checked batches, and what becomes known while these are read."""
    renaming, names, known = take_apart(columns), tuple(names), Known()
    refuse_rows(theory)
    stream = open_stream(frame)
    if stream is None:
        table = open_table(frame)
        stream = as_stream(table.collect() if isinstance(table, nw.LazyFrame) else table)
    check_renaming(renaming, names, unmeasured(theory), list(stream.names))
    variables = tuple(declared(theory)[name] for name in names)
    return variables, read(variables, stream, renaming, known), known


def _collect(theory: Theory, stream: Stream, renaming: Renaming, wanted: tuple[str, ...]) -> Any:
    """What is read in batches as a frame if it is small, with the needed columns only; else the stream."""
    check_renaming(renaming, wanted, unmeasured(theory), list(stream.names))
    columns = [renaming.column(name) for name in wanted]
    for name, column in zip(wanted, columns, strict=True):
        if column not in stream.names:
            raise miss_column(name, stream.names)
    return collect_small(stream, list(dict.fromkeys(columns)))


def _measured(theory: Theory) -> list[str]:
    """The variables that have a column: all but latent, computed and coefficient variables."""
    return [each.name for each in declared(theory).values() if each.measured_by is None and each.computed is None]


def _place_indicators(theory: Theory) -> dict[str, Variable]:
    """Every variable by name; an indicator exists where all its latents do, unless it says otherwise."""
    known = declared(theory)
    for name, variable in known.items():
        where = [latent.only_when for latent in theory.variables if name in (latent.measured_by or ())]
        if variable.only_when is None and where and where[0] is not None and all(each == where[0] for each in where):
            known[name] = variable.model_copy(update={"only_when": where[0]})
    return known


def _with_conditions(theory: Theory, only: tuple[str, ...], known: Mapping[str, Variable]) -> tuple[str, ...]:
    """The variables that are to be read, and those that say where they and the levels exist."""
    found = dict.fromkeys(only)
    waiting = [*only, *(n for level in theory.levels if level.only_when for n in level.only_when.names)]
    while waiting:
        name = waiting.pop()
        if name in known:
            if known[name].computed is not None or known[name].measured_by is not None:
                raise DataError(
                    f"only_when: '{name}' has no column, so nobody sees where it holds: name a measured variable"
                )
            found[name] = None
            condition = known[name].only_when
            waiting += [each for each in (condition.names if condition else ()) if each not in found]
    return tuple(found)


def _open(
    theory: Theory, said: SaidUnits, frame: Any, renaming: Renaming, wanted: tuple[str, ...]
) -> tuple[Source, ...]:
    """Every frame as a source, wide ones made long; `columns=` is held against all of them."""
    home = {name: str(level) for name, level in said.levels.items()}
    wide = find_wide(theory, renaming, home) if theory.levels else {}
    if renaming.wide and not theory.levels:
        raise DataError(f"columns=: '{next(iter(renaming.wide))}' has occasions, but the theory has no levels")
    frames = {level: open_table(each) for level, each in _frames(theory, frame, wide).items()}
    if both := [time for time in wide if time in frames]:
        raise DataError(
            f"columns=: '{wide[both[0]][0]}' has a column per occasion, but there is a frame of {both[0]}: one of the two"
        )
    present = [name for table in frames.values() for name in table.collect_schema().names()]
    check_renaming(renaming, (*wanted, *said.above), unmeasured(theory), present)
    found: list[Source] = []
    for level, table in frames.items():
        here = [
            name for name in (*wanted, *said.above) if not theory.levels or said.has_one(home.get(name, name), level)
        ]
        source, held = read_source(table, level, here, renaming)
        below = [each for each in theory.levels if each.name in wide and each.within[:1] == (level,)]
        for time in below:
            source, long = make_long(source, held, time, wide[time.name], renaming)
            found.append(long)
        found.append(source)
    if lost := [time for time in wide if time not in [source.level for source in found]]:
        raise DataError(
            f"columns=: '{wide[lost[0]][0]}' has a column per occasion, but no frame has a row per client of {lost[0]}"
        )
    for level, columns in renaming.weights.items():
        if not any(level in each.weights and (level in each.members or level in each.series) for each in found):
            raise DataError(
                f"columns=: '{level} weight': {listed(map(repr, columns))} must stand in the frame that holds the {level}s"
            )
    return tuple(found)


def _frames(theory: Theory, frame: Any, wide: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Which frame has one row per unit of which level."""
    levels = [level.name for level in theory.levels]
    if isinstance(frame, Mapping) and levels:
        for name in frame:
            if name not in levels:
                raise DataError(
                    f"the data are a mapping, one frame for each level, but there is no level {name!r}."
                    f"{did_you_mean(str(name), levels)} The levels are {listed(levels)}"
                )
        if not frame:
            raise DataError("the data are an empty mapping: one frame for each level is wanted")
        return dict(frame)
    if not levels:
        return {ROW: frame}
    rows = {level.within[0] for level in theory.levels if level.name in wide and level.within}
    if len(rows) > 1:
        raise DataError(
            f"columns=: a row cannot be a {listed(sorted(rows), joint='and a')} at once: give a frame for each level"
        )
    level = rows.pop() if rows else finest(theory)
    if level is None:
        lowest = ", ".join(f'"{name}": …' for name in levels)
        raise DataError(f"no level lies below all others, so give a frame for each: {{{lowest}}}")
    return {level: frame}
