"""How many units a simulated study has and how they nest: the `design` section of a parameter file.

design:
  therapist: 13                    # so many, with the clients spread evenly over them
  therapist: {client: 4..8}        # or: each has four to eight clients, every number as likely; {client: 5} is five
  session: {occasions: 0..14, dropout: 0.05, missed: 0.1}

`occasions` is the grid, where the theory does not declare it: a range or a list. `dropout` is the share of clients
there that leave after each occasion, `missed` the share of the occasions before that which leave no row.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from mechanisms.errors import SpecError
from mechanisms.spec.nodes import Entries, Items, Node, Text
from mechanisms.spec.terms import check_name
from mechanisms.spec.words import read_one_number, read_text, strange_key

_WORDS = ("occasions", "dropout", "missed")
_EXAMPLE = "therapist: {client: 4..8} or session: {occasions: 0..14, dropout: 0.05}"
_SPAN = re.compile(r"(\d{1,6})(?:\.\.(\d{1,6}))?")


@dataclass(frozen=True)
class Count:
    """So many units; the units below are spread evenly over them."""

    units: int


@dataclass(frozen=True)
class Each:
    """Every unit holds `least` to `most` units of the level `below`."""

    below: str
    least: int
    most: int


@dataclass(frozen=True)
class Occasions:
    """A level of time: its grid (empty where the theory declares it), and how rows get lost."""

    grid: tuple[int, ...] = ()
    dropout: float = 0.0
    missed: float = 0.0


Arrangement = Count | Each | Occasions


def read_design(node: Node) -> Mapping[str, Arrangement]:
    """What is said of each level."""
    if not isinstance(node, Entries):
        raise SpecError(f"design: a mapping is wanted, {_EXAMPLE}", node.place)
    return MappingProxyType(
        {check_name(key.value.strip(), key.place): _arrangement(key, value) for key, value in node.entries}
    )


def _arrangement(key: Text, node: Node) -> Arrangement:
    where = f"design: {key.value.strip()}"
    if isinstance(node, Text):
        if not node.said:
            return Occasions()
        least, most = _span(node, where)
        if least != most or least < 1:
            raise SpecError(f"{where}: a whole number of units is wanted, at least 1, or {_EXAMPLE}", node.place)
        return Count(least)
    if not isinstance(node, Entries) or not node.entries:
        raise SpecError(f"{where}: {_EXAMPLE} is wanted", node.place)
    words = [word.value for word, _ in node.entries]
    if len(words) == 1 and words[0] not in _WORDS:
        word, value = node.entries[0]
        least, most = _span(value, f"{where}: {word.value}")
        if not 1 <= least <= most:
            raise SpecError(f"{where}: {word.value}: a range counts upward from 1, 4..8", value.place)
        return Each(check_name(word.value.strip(), word.place), least, most)
    for word, _ in node.entries:
        if word.value not in _WORDS:
            raise strange_key(word, f"{where}: ", _WORDS)
    said = {word.value: value for word, value in node.entries}
    grid = _grid(said["occasions"], f"{where}: occasions") if "occasions" in said else ()
    shares = {word: _share(said[word], f"{where}: {word}") for word in ("dropout", "missed") if word in said}
    return Occasions(grid, **shares)


def _span(node: Node, where: str) -> tuple[int, int]:
    text = read_text(node, where).strip()
    match = _SPAN.fullmatch(text)
    if match is None:
        raise SpecError(f"{where}: a whole number or a range is wanted, 5 or 4..8, not '{text}'", node.place)
    return int(match[1]), int(match[2] or match[1])


def _grid(node: Node, where: str) -> tuple[int, ...]:
    if isinstance(node, Items):
        found = tuple(_span(item, where)[0] for item in node.items)
    else:
        first, last = _span(node, where)
        found = tuple(range(first, last + 1))
    if len(found) < 2 or any(later <= earlier for earlier, later in pairwise(found)):
        raise SpecError(f"{where}: two or more occasions in order, 0..14 or [0, 2, 5, 10]", node.place)
    return found


def _share(node: Node, where: str) -> float:
    share = read_one_number(node, where)
    if not 0 <= share < 1:
        raise SpecError(f"{where}: a share from 0 to below 1 is wanted, not {share:g}", node.place)
    return share
