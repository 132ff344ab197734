"""The `levels` and `time` keys, and which unit lies in which (language 1.3)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from mechanisms.errors import SpecError
from mechanisms.spec.conditions import read_condition
from mechanisms.spec.nodes import Entries, Items, Node, Text
from mechanisms.spec.terms import check_name
from mechanisms.spec.theory import Level, Theory
from mechanisms.spec.words import Reader, read_list, read_options, read_text, strange_key

_EXAMPLE = "levels: [session, client, therapist]"


def read_levels(node: Node) -> tuple[Level, ...]:
    """A list, each level in the next, or a mapping from levels to their options."""
    if isinstance(node, Text) and not node.said:
        return ()
    if isinstance(node, Entries):
        return tuple(_level(key, value) for key, value in node.entries)
    words = read_list(node, "levels")
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


@dataclass(frozen=True, eq=False)
class Units:
    """Which unit lies in which: for every level those above it, for every variable its level (None if there are none).

    `times` are the ordered levels, whose names are variables too.
    """

    above: Mapping[str, tuple[str, ...]]
    levels: Mapping[str, str | None]
    times: tuple[str, ...]
    occasions: Mapping[str, tuple[int, ...]]

    def is_repeated(self, name: str) -> bool:
        """Whether a variable has occasions."""
        return name not in self.times and self.levels.get(name) in self.times

    def parts(self, name: str) -> tuple[str, ...]:
        """The levels at which a variable has a part: its own and those above."""
        level = self.levels.get(name)
        return () if level is None else (level, *self.above[level])


def find_units(theory: Theory) -> Units:
    """The units of a theory whose levels make sense (`level_checks.check_levels`)."""
    parents = {level.name: (*level.within, *level.shared_by) for level in theory.levels}
    above = {name: tuple(_climb(name, parents)) for name in parents}
    usual = finest(theory)
    levels = {variable.name: variable.level or usual for variable in theory.variables}
    for variable in theory.variables:
        for name in variable.measured_by or ():
            levels.setdefault(name, levels[variable.name])
    levels.update({name: name for name in theory.time})
    return Units(above, levels, theory.time, {level.name: level.occasions for level in theory.levels})


def finest(theory: Theory) -> str | None:
    """The level that all others lie above, if there is one."""
    coarser = {name for level in theory.levels for name in (*level.within, *level.shared_by)}
    lowest = [level.name for level in theory.levels if level.name not in coarser]
    return lowest[0] if len(lowest) == 1 else None


def _climb(level: str, parents: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Every level above, the nearest first."""
    seen, waiting = {level}, [level]
    while waiting:
        for parent in parents.get(waiting.pop(0), ()):
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
                yield parent
