"""The `priors` key: what is known of a parameter beforehand (language 1.9)."""

from mechanisms.errors import Place, SpecError
from mechanisms.spec.addresses import Address, parse_address
from mechanisms.spec.nodes import Entries, Node, Text
from mechanisms.spec.theory import DISTRIBUTIONS, Distribution, Prior, Scalar, read_number
from mechanisms.spec.unread import KEYS, refuse, refuse_key
from mechanisms.spec.words import (
    Reader,
    read_citation,
    read_numbers,
    read_one_number,
    read_options,
    read_text,
    read_word,
    strange_key,
)

READ_DISTRIBUTIONS = tuple(name for name in DISTRIBUTIONS if name not in KEYS["prior"])


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
        address = parse_readable(key.value, key.place)
    except SpecError as error:
        message = error.message.removeprefix(f"'{key.value.strip()}': ")
        raise SpecError(f"{where}{message}", key.place) from None
    if isinstance(value, Text):
        raise SpecError(f"{where}say what is known, {{normal: [0, 1]}}, {{fixed: 1}} or {{same_as: …}}", value.place)
    said = read_options(value, where, READERS, lambda word: _strange(word, where))
    named = [name for name in READ_DISTRIBUTIONS if name in said]
    if len(named) > 1:
        raise SpecError(f"{where}{named[0]} and {named[1]}: one distribution is wanted", key.place)
    for name in named:
        said["distribution"] = Distribution(name=name, arguments=said.pop(name), place=key.place)
    return Prior(address=str(address), place=key.place, **said)


def parse_readable(text: str, place: Place) -> Address:
    """An address that this version reads."""
    address = parse_address(text, place)
    if address.kind in ("sd", "cor", "reliability"):
        raise refuse(f"{address.kind}()", place)
    for term in address.terms:
        if term.when is not None or term.part is not None:
            raise refuse(f"'{term}' in an address", place)
        if term.spread is not None and (address.kind != "spread" or term.spread != "sigma"):
            raise refuse(f"'{term}' in an address", place)
    if address.effect is not None and address.effect.value is not None:
        raise refuse(f"'{address.effect}' as an effect, one step of {address.effect.name},", place)
    if any(power > 2 for _, power in address.factors):
        raise refuse(f"a power above 2 in '{address}'", place)
    return address


def _strange(key: Text, where: str) -> SpecError:
    if key.value in KEYS["prior"]:
        return refuse_key("prior", key.value, where, key.place)
    return strange_key(key, where, (*READERS, *KEYS["prior"]))


def _same_as(node: Node, where: str) -> str:
    return str(parse_readable(read_text(node, where), node.place))


def _scale(node: Node, where: str) -> str:
    return read_word(node, where, ("raw", "standardised"), "scale")


def _at(node: Node, where: str) -> tuple[tuple[str, Scalar], ...]:
    if not isinstance(node, Entries):
        raise SpecError(f"{where}: a mapping is wanted, {{moderator: value}}", node.place)
    return tuple((key.value.strip(), read_scalar(value, f"{where}: {key.value}")) for key, value in node.entries)


def read_scalar(node: Node, where: str) -> Scalar:
    """A number, or a word such as `cbt`, `mean`, `+1 sd`, `90%`."""
    text = read_text(node, where).strip()
    number = read_number(text)
    return text if number is None else number


READERS: dict[str, Reader] = {
    **dict.fromkeys(READ_DISTRIBUTIONS, read_numbers),
    "fixed": read_one_number,
    "same_as": _same_as,
    "scale": _scale,
    "at": _at,
    "above": read_one_number,
    "below": read_one_number,
    "because": read_text,
    "source": read_citation,
}
