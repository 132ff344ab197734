"""The `levels` and `time` keys, and which unit lies in which (language 1.3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from mechanisms.errors import SpecError
from mechanisms.spec.conditions import read_condition
from mechanisms.spec.nodes import Entries, Items, Node, Text
from mechanisms.spec.terms import Occasions, Term, check_name
from mechanisms.spec.theory import Condition, Level, Theory
from mechanisms.spec.words import Reader, read_list, read_options, read_text, strange_key

_EXAMPLE = "levels: [session, client, therapist]"


def read_levels(node: Node) -> tuple[Level, ...]:
    """A list, each level in the next, or a mapping from levels to their options."""
    if isinstance(node, Text) and not node.said:
        return ()
    if isinstance(node, Entries):
        return tuple(_level(key, value) for key, value in node.entries)
    words = read_list(node, "levels")
    if not words:
        raise SpecError("levels: name at least one level, finest first: levels: [session, client]", node.place)
    above = [(check_name(word.value, word.place),) for word in words[1:]]
    return tuple(
        Level(name=check_name(word.value, word.place), within=within, place=word.place)
        for word, within in zip(words, [*above, ()], strict=True)
    )


def read_time(node: Node) -> tuple[str, ...]:
    """The ordered level, or several."""
    return () if isinstance(node, Text) and not node.said else read_names(node, "time")


def read_names(node: Node, where: str) -> tuple[str, ...]:
    """Different names; an empty list is none."""
    if isinstance(node, Items) and not node.items:
        return ()
    names = [check_name(word.value, word.place) for word in read_list(node, where)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SpecError(f"{where}: '{twice}' is said twice", node.place)
    return tuple(names)


def _level(key: Text, node: Node) -> Level:
    where = f"{key.value.strip()}: "
    said = read_options(node, where, READERS, lambda word: strange_key(word, where, READERS))
    if "in" in said:
        said["within"] = said.pop("in")
    return Level(name=check_name(key.value.strip(), key.place), place=key.place, **said)


def _occasions(node: Node, where: str) -> tuple[int, ...]:
    found = []
    for word in read_list(node, where):
        if not word.value.isdecimal() or not word.value.isascii() or len(word.value) > 6:
            raise SpecError(f"{where}: '{word.value}' is not an occasion; they are whole numbers from 0 on", word.place)
        found.append(int(word.value))
    if any(later <= earlier for earlier, later in pairwise(found)):
        raise SpecError(f"{where}: the occasions are in order, each once: [0, 2, 5, 10]", node.place)
    return tuple(found)


READERS: dict[str, Reader] = {
    "in": read_names,
    "shared_by": read_names,
    "only_when": read_condition,
    "occasions": _occasions,
    "means": read_text,
}


@dataclass(frozen=True)
class Lattice:
    """Levels in declared order, what lies above each, and which of them are ordered in time."""

    levels: tuple[Level, ...]
    time: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The levels' names, as declared."""
        return tuple(level.name for level in self.levels)

    def above(self, name: str) -> tuple[str, ...]:
        """Every coarser level, the nearest first."""
        found: dict[str, None] = {}
        waiting = list(self._next(name))
        while waiting:
            level = waiting.pop(0)
            if level not in found:
                found[level] = None
                waiting.extend(self._next(level))
        found.pop(name, None)
        return tuple(found)

    def lies_below(self, one: str, other: str) -> bool:
        """Whether `one` is strictly finer than `other`."""
        return other in self.above(one)

    def client(self, time: str) -> str | None:
        """The level in which an ordered level begins anew; None for one series without clients."""
        return next(iter(self._next(time)), None)

    def finest(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the levels that lie above none of the others."""
        names = tuple(dict.fromkeys(names))
        return tuple(name for name in names if not any(self.lies_below(other, name) for other in names))

    def gather(self, found: Iterable[tuple[str, Term]]) -> str | None:
        """The level of a sum of terms, each with the level of its variable: the finest, if that is one."""
        single = ((level, isinstance(term.when, Occasions) and level in self.time) for level, term in found)
        finest = self.finest((self.client(level) or level) if once else level for level, once in single)
        return finest[0] if len(finest) == 1 else None

    def shared(self, one: str, other: str) -> tuple[str, ...]:
        """The finest levels at which both have values; two where the levels are crossed, none in separate trees."""
        ours = {one, *self.above(one)}
        return self.finest(name for name in (other, *self.above(other)) if name in ours)

    def condition(self, name: str) -> Condition | None:
        """Where the units of a level exist at all."""
        return next((level.only_when for level in self.levels if level.name == name), None)

    def _next(self, name: str) -> tuple[str, ...]:
        return next(((*each.within, *each.shared_by) for each in self.levels if each.name == name), ())


@dataclass(frozen=True, eq=False)
class Units:
    """Which unit lies in which: for every level those above it, for every variable its level (None if there are none).

    `times` are the ordered levels, whose names are variables too.
    """

    lattice: Lattice
    levels: Mapping[str, str | None]
    occasions: Mapping[str, tuple[int, ...]]

    @property
    def times(self) -> tuple[str, ...]:
        """The ordered levels."""
        return self.lattice.time

    @property
    def above(self) -> Mapping[str, tuple[str, ...]]:
        """For every level those above it, the nearest first."""
        return {name: self.lattice.above(name) for name in self.lattice.names}

    def is_repeated(self, name: str) -> bool:
        """Whether a variable has occasions."""
        return name not in self.times and self.levels.get(name) in self.times

    def has_one(self, home: str, level: str) -> bool:
        """Whether a unit of `level` has one value of what has one value per `home`."""
        return home == level or home in self.lattice.above(level)

    def parts(self, name: str) -> tuple[str, ...]:
        """The levels at which a variable has a part: its own and those above."""
        level = self.levels.get(name)
        return () if level is None else (level, *self.lattice.above(level))


def find_units(theory: Theory) -> Units:
    """The units of a theory whose levels make sense (`level_checks.check_levels`)."""
    lattice = Lattice(theory.levels, theory.time)
    usual = finest(theory)
    levels = {variable.name: variable.level or usual for variable in theory.variables}
    for variable in theory.variables:
        for name in variable.measured_by or ():
            levels.setdefault(name, levels[variable.name])
    levels.update({name: name for name in theory.time})
    return Units(lattice, levels, {level.name: level.occasions for level in theory.levels})


def finest(theory: Theory) -> str | None:
    """The level that all others lie above, if there is one."""
    lowest = Lattice(theory.levels).finest(level.name for level in theory.levels)
    return lowest[0] if len(lowest) == 1 else None
