"""The `variables` key: names and the design facts about them (language 1.4)."""

from mechanisms.errors import Place, SpecError, did_you_mean, listed
from mechanisms.spec.nodes import Entries, Items, Node, Text
from mechanisms.spec.terms import check_name
from mechanisms.spec.theory import FAMILIES, LINKS, Variable
from mechanisms.spec.unread import KEYS, READ_FAMILIES, READ_LINKS, refuse, refuse_key
from mechanisms.spec.words import (
    Reader,
    bound_names,
    read_citation,
    read_list,
    read_options,
    read_pair,
    read_text,
    read_word,
    split_names,
    strange_key,
)


def read_variables(node: Node) -> tuple[Variable, ...]:
    """Every declared variable, in order; `A, B` shares its options."""
    if isinstance(node, Text) and not node.said:
        return ()
    if not isinstance(node, Entries):
        raise SpecError('variables: a mapping is wanted; names alone are written variables: {"x, m, y": }', node.place)
    found: list[Variable] = []
    for key, value in node.entries:
        where = f"{key.value}: "
        options = read_options(value, where, READERS, lambda word, where=where: _strange(word, where))  # type: ignore[misc]
        for name in split_names(key.value, key.place):
            found.append(Variable(name=check_name(name, key.place), place=key.place, **options))
        bound_names(len(found), key.place)
    return tuple(found)


def _strange(key: Text, where: str) -> SpecError:
    if key.value in KEYS["variable"]:
        return refuse_key("variable", key.value, where, key.place)
    return strange_key(key, where, (*READERS, *KEYS["variable"]))


def _family(node: Node, where: str) -> str:
    return _known(node, where, "family", FAMILIES, READ_FAMILIES)


def _link(node: Node, where: str) -> str:
    return _known(node, where, "link", LINKS, READ_LINKS)


def _known(node: Node, where: str, kind: str, words: "list[str] | tuple[str, ...]", read: tuple[str, ...]) -> str:
    word = read_word(node, where, words, kind)
    if word not in read:
        raise refuse(f"{where} '{word}'", node.place, f"it reads {listed(read)}")
    return word


def _values(node: Node, where: str) -> tuple[str, ...]:
    values = [word.value for word in read_list(node, where)]
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise SpecError(f"{where}: '{twice}' is said twice", node.place)
    return tuple(values)


def _assigned(node: Node, where: str) -> str:
    word = read_text(node, where).strip()
    if word != "randomised":
        hint = did_you_mean(word, ["randomised"]) or " The word is 'randomised'."
        raise SpecError(f"{where}: unknown word '{word}'.{hint}", node.place)
    return word


def _measured_by(node: Node, where: str) -> tuple[str, ...]:
    if isinstance(node, Items) and not node.items:
        return ()
    read_list(node, where)
    raise refuse(f"{where} with indicators", node.place, "measured_by: [] (nothing measures it) is read")


def read_range(node: Node, where: str) -> tuple[float, float]:
    """Two numbers, the lower first."""
    lower, upper = read_pair(node, where)
    if lower > upper:
        raise SpecError(f"{where}: {lower:g} lies above {upper:g}; the lower bound comes first", node.place)
    return lower, upper


def declare(name: str, place: Place) -> Variable:
    """A variable of which only the name is known, from an arrow."""
    return Variable(name=check_name(name, place), place=place)


READERS: dict[str, Reader] = {
    "means": read_text,
    "family": _family,
    "link": _link,
    "values": _values,
    "range": read_range,
    "unit": read_text,
    "assigned": _assigned,
    "measured_by": _measured_by,
    "source": read_citation,
    "pos": read_pair,
}
