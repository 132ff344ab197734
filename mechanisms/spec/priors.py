"""The `priors` key: what is known of a parameter beforehand (language 1.9)."""

from mechanisms.errors import SpecError
from mechanisms.spec.addresses import parse_address
from mechanisms.spec.nodes import Entries, Node, Text
from mechanisms.spec.theory import DISTRIBUTIONS, Distribution, Prior, Scalar
from mechanisms.spec.words import (
    Reader,
    read_citation,
    read_numbers,
    read_one_number,
    read_options,
    read_scalar,
    read_text,
    read_word,
    strange_key,
)


def read_priors(node: Node) -> tuple[Prior, ...]:
    """Every prior, its address in canonical words."""
    if isinstance(node, Text) and not node.said:
        return ()
    if not isinstance(node, Entries):
        raise SpecError("priors: a mapping is wanted, x -> y: {normal: [0, 1]}", node.place)
    return tuple(_prior(key, value) for key, value in node.entries)


def _prior(key: Text, value: Node) -> Prior:
    where = f"prior on '{key.value.strip()}': "
    try:
        address = parse_address(key.value, key.place)
    except SpecError as error:
        message = error.message.removeprefix(f"'{key.value.strip()}': ")
        raise SpecError(f"{where}{message}", key.place) from None
    if isinstance(value, Text):
        raise SpecError(f"{where}say what is known, {{normal: [0, 1]}}, {{fixed: 1}} or {{same_as: …}}", value.place)
    said = read_options(value, where, READERS, lambda word: strange_key(word, where, READERS))
    named = [name for name in DISTRIBUTIONS if name in said]
    if len(named) > 1:
        raise SpecError(f"{where}{named[0]} and {named[1]}: one distribution is wanted", key.place)
    for name in named:
        said["distribution"] = Distribution(name=name, arguments=said.pop(name), place=key.place)
    return Prior(address=str(address), place=key.place, **said)


def _same_as(node: Node, where: str) -> str:
    return str(parse_address(read_text(node, where), node.place))


def _scale(node: Node, where: str) -> str:
    return read_word(node, where, ("raw", "standardised"), "scale")


def _at(node: Node, where: str) -> tuple[tuple[str, Scalar], ...]:
    if not isinstance(node, Entries):
        raise SpecError(f"{where}: a mapping is wanted, {{moderator: value}}", node.place)
    return tuple((key.value.strip(), read_scalar(value, f"{where}: {key.value}")) for key, value in node.entries)


READERS: dict[str, Reader] = {
    **dict.fromkeys(DISTRIBUTIONS, read_numbers),
    "fixed": read_one_number,
    "same_as": _same_as,
    "evidence": read_text,
    "discount": read_one_number,
    "scale": _scale,
    "at": _at,
    "above": read_one_number,
    "below": read_one_number,
    "because": read_text,
    "source": read_citation,
}
