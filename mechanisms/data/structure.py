"""The units of every level, and of which unit each row of the data speaks."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from mechanisms.data.frames import Source
from mechanisms.data.identity import number_ids
from mechanisms.data.members import follow_up, lift_members, lift_shared, read_weights, refuse_lost
from mechanisms.data.series import check_timed, find_timed, lay_out, list_lags
from mechanisms.data.units import NOWHERE, ROW, Membership, Rows, Units
from mechanisms.errors import DataError, did_you_mean, listed
from mechanisms.spec.levels import Units as SaidUnits
from mechanisms.spec.theory import Level, Theory


@dataclass(frozen=True, eq=False)
class Structure:
    """Every level's units; `rows[i][level]` has for each row of source i its unit of that level, -1 for none."""

    tables: Mapping[str, Units]
    rows: tuple[Mapping[str, Rows], ...]
    grid: Mapping[str, tuple[int, ...]]


class _Draft:
    """What is known of the units so far, while levels are read from the coarsest to the finest."""

    def __init__(self, theory: Theory, said: SaidUnits, sources: tuple[Source, ...]) -> None:
        self.theory, self.said, self.sources = theory, said, sources
        self.labels: dict[str, tuple[Any, ...]] = {}
        self.rows: tuple[dict[str, Rows], ...] = tuple({} for _ in sources)
        self.many: tuple[dict[str, Rows], ...] = tuple({} for _ in sources)
        self.series: dict[str, tuple[tuple[int, ...], Rows, Rows, Any]] = {}

    def below(self, level: str) -> tuple[int, ...]:
        """The sources whose rows lie in units of this level, its own first."""
        found = [at for at, s in enumerate(self.sources) if s.level == level or level in self.said.above[s.level]]
        return tuple(sorted(found, key=lambda at: self.sources[at].level != level))


def find_structure(theory: Theory, said: SaidUnits, sources: tuple[Source, ...]) -> Structure:
    """The units of all levels, checked; a theory without levels has one, `row`."""
    if not theory.levels:
        n = sources[0].n
        every = Units(ROW, (None,) * n, {}, None, np.ones(n, dtype=np.bool_))
        return Structure({ROW: every}, ({ROW: np.arange(n)},), {})
    draft = _Draft(theory, said, sources)
    for level in sorted(theory.levels, key=lambda each: len(said.above[each.name])):
        if level.name in theory.time:
            _read_occasions(draft, level)
        else:
            _read_ids(draft, level)
    tables = _tables(draft)
    rows = tuple(_reach(source, own, tables) for source, own in zip(sources, draft.rows, strict=True))
    grid = {name: series[0] for name, series in draft.series.items()}
    return Structure(tables, rows, MappingProxyType(grid))


def _read_ids(draft: _Draft, level: Level) -> None:
    """The units of a level without time: those of its own frame, or of the frames below it."""
    name, at = level.name, draft.below(level.name)
    own = [i for i in at if draft.sources[i].level == name]
    holders = [i for i in at if name in draft.sources[i].series]
    several = [i for i in at if name in draft.sources[i].members]
    if not holders and not several and not own:
        raise _no_column(draft, name, at)
    if own and own[0] not in holders and at != tuple(own):
        raise DataError(
            f"the frame of {name} has no column '{name}', so nothing says which row is whose. "
            f'If it has another name there: columns={{"{name}": "…"}}'
        )
    if own and own[0] not in holders:
        n = draft.sources[own[0]].n
        draft.labels[name], draft.rows[own[0]][name] = tuple(range(1, n + 1)), np.arange(n)
        return
    known: dict[Any, int] = {}
    for i in dict.fromkeys([*holders, *several]):
        source = draft.sources[i]
        columns = source.members.get(name) or (source.series[name],)
        found = [_resolve(number_ids(column), known, fixed=bool(own) and i != own[0]) for column in columns]
        _refuse_strangers(draft, level, source, found)
        if name in source.members or _is_shared(draft, source.level, name):
            draft.many[i][name] = np.column_stack([codes for codes, _ in found])
        else:
            draft.rows[i][name] = found[0][0]
            _refuse_gaps(level, source, found[0][0])
    draft.labels[name] = tuple(known)
    if own:
        _refuse_repeated(draft, name, draft.sources[own[0]], draft.rows[own[0]][name])


def _is_shared(draft: _Draft, below: str, name: str) -> bool:
    """Whether it is by `shared_by` that a source's rows lie in this level."""
    levels = {below, *draft.said.above[below]}
    return any(name in each.shared_by for each in draft.theory.levels if each.name in levels)


def _resolve(found: tuple[Rows, tuple[Any, ...]], known: dict[Any, int], *, fixed: bool) -> tuple[Rows, list[Any]]:
    """The codes of one column in terms of all ids known so far, and those that a fixed list lacks."""
    codes, labels = found
    strange = [label for label in labels if label not in known] if fixed else []
    for label in () if fixed else labels:
        known.setdefault(label, len(known))
    numbers = np.array([*(known.get(label, NOWHERE) for label in labels), NOWHERE], dtype=np.intp)
    return numbers[codes], strange


def _refuse_strangers(draft: _Draft, level: Level, source: Source, found: list[tuple[Rows, list[Any]]]) -> None:
    strange = [label for _, labels in found for label in labels]
    if strange:
        own = next(s for s in draft.sources if s.level == level.name)
        known = [str(each) for each in number_ids(own.series[level.name])[1]]
        hint = (
            did_you_mean(str(strange[0]), known)
            if str(strange[0]) not in known
            else " Text in one, numbers in the other."
        )
        raise DataError(
            f"{level.name} {listed(map(repr, strange), most=4)} of the frame of {source.level} {'is' if len(strange) == 1 else 'are'} "
            f"not in the frame of {level.name}.{hint}"
        )


def _refuse_gaps(level: Level, source: Source, codes: Rows) -> None:
    """Refuse rows without an id, unless the level does not exist everywhere."""
    gone = codes < 0
    if gone.any() and (level.only_when is None or source.level == level.name):
        first, count = int(source.rows[np.argmax(gone)]), int(gone.sum())
        where = f"row {first} of the data has" if count == 1 else f"{count} rows of the data, first row {first}, have"
        raise DataError(
            f"{where} no '{level.name}': nobody knows whose they are. Fill in the id, drop the rows, or declare where a "
            f"{level.name} exists: {level.name}: {{only_when: {{…}}}}"
        )


def _refuse_repeated(draft: _Draft, name: str, source: Source, codes: Rows) -> None:
    counts = np.bincount(codes, minlength=len(draft.labels[name]))
    if counts.max(initial=0) > 1:
        unit = int(np.argmax(counts > 1))
        rows = source.rows[np.flatnonzero(codes == unit)[:2]]
        raise DataError(
            f"{name} '{draft.labels[name][unit]}' has more than one row (rows {rows[0]} and {rows[1]} of the data), but a row "
            f"stands for one {name}. {_say_occasions(draft, name)}"
        )


def _say_occasions(draft: _Draft, name: str) -> str:
    """What several rows of a unit may be: occasions of it, or, of a level that lies in another, occasions of that."""
    if draft.theory.time:
        return f"Keep one row for each {name}"
    if parents := draft.said.above[name]:
        return f"If its numbers begin anew in every {parents[0]}, it is a level of time: say time: {name}"
    return f"Rows that are occasions need levels: [session, {name}], time: session, and one column per variable"


def _no_column(draft: _Draft, name: str, at: tuple[int, ...]) -> DataError:
    present = [column for i in at for column in draft.sources[i].present]
    hint = did_you_mean(name, present) or (f" It has {listed(present)}." if present else "")
    return DataError(
        f"The theory needs '{name}', but the data have no such column.{hint} "
        f'If it has another name there: columns={{"{name}": "…"}}'
    )


def _read_occasions(draft: _Draft, level: Level) -> None:
    """The units of a level of time, each client's own series."""
    name, at = level.name, draft.below(level.name)
    if level.shared_by and not level.within:
        raise DataError(f"{name} is a level of time and lies in one {level.shared_by[0]}: {name}: {{in: …}}")
    client = level.within[0] if level.within else None
    holders = [i for i in at if name in draft.sources[i].series and (client is None or client in draft.rows[i])]
    if not holders or draft.sources[at[0]].level == name != draft.sources[holders[0]].level:
        raise _no_column(draft, name, at)
    owners: list[Rows | None] = [None] * len(draft.sources)
    for i in holders:
        owners[i] = np.zeros(draft.sources[i].n, dtype=np.intp) if client is None else draft.rows[i][client]
    terms = find_timed(draft.theory, draft.said, name)
    clients = draft.labels[client] if client else ()
    series = lay_out(level, draft.sources, tuple(owners), clients, complete=bool(terms))
    for i, rows in enumerate(series.rows):
        if rows is not None:
            draft.rows[i][name] = rows
    draft.series[name] = series.grid, series.owners, series.place, series.seen
    occasions = np.array(series.grid)[series.place].tolist()
    owned = zip(series.owners.tolist(), occasions, strict=True)
    draft.labels[name] = tuple((clients[owner] if client else None, occasion) for owner, occasion in owned)
    bare = Units(name, draft.labels[name], {name: Membership(series.owners)}, series.place, series.seen)
    lags = {
        k: bool((series.seen & series.seen[bare.before(k, name)] & (bare.before(k, name) >= 0)).any())
        for k in list_lags(terms)
    }
    check_timed(name, series.grid, terms, lags)


def _tables(draft: _Draft) -> dict[str, Units]:
    direct = {level.name: _direct(draft, level) for level in draft.theory.levels}
    sizes = MappingProxyType({name: len(labels) for name, labels in draft.labels.items()})
    found = {}
    for level in draft.theory.levels:
        name, labels = level.name, draft.labels[level.name]
        above = follow_up(direct, name, draft.labels, draft.said.above[name])
        _, _, place, seen = draft.series.get(name, ((), None, None, np.ones(len(labels), dtype=np.bool_)))
        found[name] = Units(name, labels, MappingProxyType(above), place, seen, sizes)
        _refuse_alone(found[name], direct[name], draft)
    return found


def _direct(draft: _Draft, level: Level) -> dict[str, Membership]:
    """The memberships that the theory names: `in` and `shared_by`."""
    name, labels = level.name, draft.labels[level.name]
    found: dict[str, Membership] = {}
    for parent in level.within:
        if name in draft.series and parent == level.within[0]:
            found[parent] = Membership(draft.series[name][1])
            continue
        pairs = [
            (draft.rows[i][name], draft.rows[i][parent], draft.sources[i])
            for i in draft.below(name)
            if name in draft.rows[i] and parent in draft.rows[i]
        ]
        if not pairs:
            raise DataError(
                f"nothing says which {parent} each {name} lies in: add the column '{parent}' to the frame of {name}"
            )
        index = lift_members(name, parent, pairs, len(labels), draft.labels)
        if _condition(draft, parent) is None:
            seen = draft.series[name][3] if name in draft.series else np.ones(len(labels), dtype=np.bool_)
            refuse_lost(name, parent, (index >= 0) | ~seen, labels)
        found[parent] = Membership(index)
    return found | {parent: _shared(draft, name, parent) for parent in level.shared_by}


def _shared(draft: _Draft, name: str, parent: str) -> Membership:
    at = [i for i in draft.below(name) if parent in draft.many[i] and name in draft.rows[i]]
    if not at:
        raise DataError(
            f'nothing says which {parent}s share each {name}: columns={{"{parent}": ["…", "…"]}}, and their weights: '
            f'"{parent} weight": ["…", "…"]'
        )
    source, members = draft.sources[at[0]], draft.many[at[0]][parent]
    weights = read_weights(name, parent, members, source.weights.get(parent, ()), source)
    labels = draft.labels[name]
    found = lift_shared(name, parent, draft.rows[at[0]][name], members, weights, len(labels), labels)
    if _condition(draft, parent) is None:
        refuse_lost(name, parent, (found.index >= 0).any(axis=1), labels)
    return found


def _condition(draft: _Draft, name: str) -> Any:
    return next(level.only_when for level in draft.theory.levels if level.name == name)


def _refuse_alone(table: Units, direct: Mapping[str, Membership], draft: _Draft) -> None:
    """Refuse a level that has one unit, or in which every unit is alone: nothing tells the two levels apart."""
    for parent, membership in direct.items():
        labels, index = draft.labels[parent], membership.index[table.seen]
        if len(labels) == 1:
            raise DataError(
                f"there is one {parent} ('{labels[0]}'): nothing varies between {parent}s. Take the level out of the theory"
            )
        used = index[index >= 0]
        if index.ndim == 1 and len(np.unique(used)) == len(used):
            raise DataError(
                f"no {parent} has more than one {table.level}: nothing tells the two levels apart. Take {table.level} out "
                f"of the levels, so that its variables have one value per {parent}"
            )


def _reach(source: Source, rows: dict[str, Rows], tables: Mapping[str, Units]) -> Mapping[str, Rows]:
    """Each row's unit of every level above, also where only another frame says it."""
    found = dict(rows)
    own = rows[source.level]
    for name, membership in tables[source.level].above.items():
        if name not in found and membership.index.ndim == 1:
            found[name] = membership.index[own]
    return found
