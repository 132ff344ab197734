"""The `arrows`, `unmeasured` and `without` keys: entries become single arrows and hidden causes (language 1.5)."""

from collections.abc import Iterator
from itertools import pairwise

from mechanisms.errors import SpecError, did_you_mean, listed
from mechanisms.spec.arrows import MOST_ARROWS, Pair, is_hidden, parse_arrow, parse_hidden
from mechanisms.spec.conditions import read_condition
from mechanisms.spec.levels import read_names
from mechanisms.spec.nodes import Entries, Items, Node, Text
from mechanisms.spec.said import read_number
from mechanisms.spec.terms import Term, parse_term
from mechanisms.spec.theory import SHAPES, Arrow, HiddenCause, Shape
from mechanisms.spec.words import (
    Reader,
    read_citation,
    read_list,
    read_numbers,
    read_one_number,
    read_options,
    read_pair,
    read_text,
    strange_key,
)


def read_arrows(node: Node) -> tuple[tuple[Arrow, ...], tuple[HiddenCause, ...]]:
    """Every arrow and every hidden cause by itself; options go to all that their entry stands for."""
    arrows: list[Arrow] = []
    hidden: list[HiddenCause] = []
    count = 0
    for key, value in _entries(node):
        where = f"{key.value.strip()}: "
        if is_hidden(key.value):
            pairs = parse_hidden(key.value, key.place)
            said = read_options(value, where, HIDDEN_READERS, lambda word, where=where: _strange_hidden(word, where))  # type: ignore[misc]
        else:
            said = read_options(value, where, ARROW_READERS, lambda word, where=where: _strange(word, where))  # type: ignore[misc]
            pairs = parse_arrow(key.value, key.place, lag=said.pop("lag", 0))
        count += len(pairs) * (1 + len(said.get("moderated_by", ())))
        if count > MOST_ARROWS:
            raise SpecError(f"more than {MOST_ARROWS} arrows and products", key.place)
        if is_hidden(key.value):
            hidden.extend(HiddenCause(one=one, other=other, place=key.place, **said) for one, other in pairs)
        else:
            arrows.extend(Arrow(cause=cause, effect=effect, place=key.place, **said) for cause, effect in pairs)
    return tuple(arrows), tuple(hidden)


def read_unmeasured(node: Node) -> tuple[HiddenCause, ...]:
    """`[[a, b, c]]`: hidden causes between all pairs of each group."""
    if isinstance(node, Text) and not node.said:
        return ()
    hidden: list[HiddenCause] = []
    for group in node.items if isinstance(node, Items) else (node,):
        names = [word.value for word in read_list(group, "unmeasured")]
        if len(names) < 2:
            raise SpecError("unmeasured: each entry is a list of two or more, [[a, b]]", group.place)
        joined = ", ".join(names)
        pairs = parse_hidden(f"{joined} <-> {joined}", group.place)
        hidden.extend(HiddenCause(one=one, other=other, place=group.place) for one, other in pairs)
        if len(hidden) > MOST_ARROWS:
            raise SpecError(f"more than {MOST_ARROWS} arrows", group.place)
    return tuple(hidden)


def read_without(node: Node) -> tuple[tuple[Pair, Text], ...]:
    """The arrows left out, each with the text that says so."""
    pairs: list[tuple[Pair, Text]] = []
    for key, value in _entries(node):
        if isinstance(value, Entries | Items) or value.said:
            raise SpecError("without: an arrow that is left out takes no options", value.place)
        if is_hidden(key.value):
            continue
        if "*" in key.value:
            raise SpecError(
                f"without: '{key.value}': a product is no arrow; leave the moderator out where it is named", key.place
            )
        pairs.extend((pair, key) for pair in parse_arrow(key.value, key.place))
        if len(pairs) > MOST_ARROWS:
            raise SpecError(f"more than {MOST_ARROWS} arrows", key.place)
    return tuple(pairs)


def read_without_hidden(node: Node) -> tuple[HiddenCause, ...]:
    """The hidden causes left out of what a theory is based on."""
    return tuple(
        HiddenCause(one=one, other=other, place=key.place)
        for key, _ in _entries(node)
        if is_hidden(key.value)
        for one, other in parse_hidden(key.value, key.place)
    )


def _entries(node: Node) -> Iterator[tuple[Text, Node]]:
    """A mapping, a list of texts and mappings, or one text."""
    if isinstance(node, Entries):
        yield from node.entries
    elif isinstance(node, Items):
        for item in node.items:
            if isinstance(item, Items):
                raise SpecError('an arrow is a text; inside [ ] several causes need quotes: "x, w -> y"', item.place)
            yield from _entries(item)
    elif node.said:
        yield node, Text("", node.place, said=False)


def _strange(key: Text, where: str) -> SpecError:
    return strange_key(key, where, ARROW_READERS)


def _strange_hidden(key: Text, where: str) -> SpecError:
    if key.value in ARROW_READERS:
        takes = listed(HIDDEN_READERS)
        return SpecError(f"{where}a hidden common cause takes {takes} only, not '{key.value}'", key.place)
    return strange_key(key, where, HIDDEN_READERS)


def _shape(node: Node, where: str) -> Shape:
    word, argument = node, None
    if isinstance(node, Entries) and len(node.entries) == 1:
        word, argument = node.entries[0]
    kind = read_text(word, where).strip()
    if kind not in SHAPES:
        hint = did_you_mean(kind, SHAPES) or f" It is one of {listed(SHAPES, joint='or', most=10)}."
        called = " Arguments are written {shape: {spline: 4}}" if "(" in kind else ""
        raise SpecError(f"{where.removesuffix(': shape')}: unknown shape '{kind}'.{hint}{called}", word.place)
    if argument is not None and kind not in TAKES:
        raise SpecError(f"{where}: {kind} takes no argument", word.place)
    if argument is None and kind in TAKES:
        raise SpecError(f"{where}: {kind} takes {TAKES[kind]}", word.place)
    said = None if argument is None else _argument(kind, argument, f"{where}: {kind}")
    return Shape(kind=kind, argument=said, place=word.place)


def _argument(kind: str, node: Node, where: str) -> int | tuple[float, ...]:
    if kind == "piecewise":
        knots = read_numbers(node, where)
        if not knots or any(later <= earlier for earlier, later in pairwise(knots)):
            raise SpecError(f"{where} takes {TAKES[kind]}, in order", node.place)
        return knots
    text = read_text(node, where).strip()
    number = read_number(text)
    if number is None or number != int(number) or not LEAST[kind] <= number <= 50:
        raise SpecError(f"{where} takes {TAKES[kind]}, not '{text}'", node.place)
    return int(number)


def _lag(node: Node, where: str) -> int:
    number = read_one_number(node, where)
    if number != int(number) or not 0 <= number <= 100_000:
        raise SpecError(f"{where}: a whole number of occasions is wanted, not {number:g}", node.place)
    return int(number)


def _moderators(node: Node, where: str) -> tuple[tuple[Term, ...], ...]:
    products: list[tuple[Term, ...]] = []
    for word in read_list(node, where):
        factors = word.value.split("*")
        if not all(factor.strip() for factor in factors):
            raise SpecError(f"{where}: '{word.value}': a product is written w * z", word.place)
        if len(factors) > 4:
            raise SpecError(f"{where}: '{word.value}': products of more than four are not read", word.place)
        products.append(tuple(parse_term(factor, word.place) for factor in factors))
    return tuple(products)


TAKES = {
    "polynomial": "its degree from 2 on, {polynomial: 3}",
    "spline": "its degrees of freedom from 2 on, {spline: 4}",
    "bspline": "its degrees of freedom from 3 on, {bspline: 5}",
    "piecewise": "its knots, {piecewise: [20, 30]}",
}
LEAST = {"polynomial": 2, "spline": 2, "bspline": 3}
HIDDEN_READERS: dict[str, Reader] = {"because": read_text, "source": read_citation, "pos": read_pair}
ARROW_READERS: dict[str, Reader] = {
    "shape": _shape,
    "moderated_by": _moderators,
    "varies_by": read_names,
    "only_when": read_condition,
    "lag": _lag,
    **HIDDEN_READERS,
}
