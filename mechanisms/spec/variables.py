"""The `variables` key: names and the design facts about them (language 1.4)."""

from mechanisms.errors import Place, SpecError, did_you_mean
from mechanisms.spec.conditions import read_condition
from mechanisms.spec.definitions import parse_definition
from mechanisms.spec.foreign import NOT_OURS, instead_of_family
from mechanisms.spec.levels import read_names
from mechanisms.spec.nodes import Entries, Node, Text
from mechanisms.spec.said import Scalar
from mechanisms.spec.terms import check_name
from mechanisms.spec.theory import FAMILIES, LINKS, Variable
from mechanisms.spec.words import (
    Reader,
    bound_names,
    read_citation,
    read_list,
    read_options,
    read_pair,
    read_scalar,
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
        options = read_options(value, where, READERS, lambda word, where=where: strange_key(word, where, READERS))  # type: ignore[misc]
        if "is" in options:
            options["computed"] = options.pop("is")
        for name in split_names(key.value, key.place):
            found.append(Variable(name=check_name(name, key.place), place=key.place, **options))
        bound_names(len(found), key.place)
    return tuple(found)


def _choice(kind: str, *words: str) -> Reader:
    return lambda node, where: read_word(node, where, words, kind)


def _name(node: Node, where: str) -> str:
    return check_name(read_text(node, where).strip(), node.place)


def _out_of(node: Node, where: str) -> Scalar:
    said = read_scalar(node, where)
    return check_name(said, node.place) if isinstance(said, str) else said


def _is(node: Node, where: str) -> str:
    try:
        return str(parse_definition(read_text(node, where), node.place))
    except SpecError as error:
        raise SpecError(f"{where}: {error.message}", node.place) from None


def _family(node: Node, where: str) -> str:
    word = read_text(node, where).strip()
    if instead := instead_of_family(word):
        before = where.removesuffix("family")
        raise SpecError(f"{before}family '{word}' is {NOT_OURS}; {instead}", node.place)
    return read_word(node, where, FAMILIES, "family")


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
    "level": _name,
    "family": _family,
    "link": _choice("link", *LINKS),
    "zeros": _choice("word for zeros", "hurdle", "inflated"),
    "values": _values,
    "out_of": _out_of,
    "event": _name,
    "range": read_range,
    "unit": read_text,
    "assigned": _assigned,
    "assessed": _choice("word for assessed", "start", "end"),
    "centre": _choice("word for centre", "latent", "observed"),
    "measured_by": read_names,
    "is": _is,
    "only_when": read_condition,
    "source": read_citation,
    "pos": read_pair,
}
