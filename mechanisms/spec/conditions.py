"""`only_when`: where a level, a variable or an arrow exists (language 1.3, 1.4, 1.5)."""

import re

from mechanisms.errors import SpecError
from mechanisms.spec.nodes import Entries, Items, Node
from mechanisms.spec.said import Scalar, read_number
from mechanisms.spec.terms import check_name
from mechanisms.spec.theory import Condition, Span
from mechanisms.spec.words import read_scalar, read_text

_EXAMPLES = "{arm: cbt}, {arm: [cbt, act]} or {session: 1..}"
_SPAN = re.compile(r"\s*(-?[0-9.]*?)\s*\.\.\s*(-?[0-9.]*)\s*")


def read_condition(node: Node, where: str) -> Condition:
    """A mapping from variables or levels to a value, a list of values, or a range."""
    if not isinstance(node, Entries) or not node.entries:
        raise SpecError(f"{where}: a condition is a mapping, {_EXAMPLES}", node.place)
    values = tuple(
        (check_name(key.value.strip(), key.place), _values(value, f"{where}: {key.value}"))
        for key, value in node.entries
    )
    return Condition(values=values, place=node.place)


def _values(node: Node, where: str) -> tuple[Scalar, ...] | Span:
    if isinstance(node, Items):
        found = tuple(read_scalar(item, where) for item in node.items)
        if not found:
            raise SpecError(f"{where}: a value is wanted", node.place)
        if odd := [value for value in found if isinstance(value, str) and ".." in value]:
            raise SpecError(f"{where}: the range {odd[0]} stands alone, not in a list", node.place)
        if len(set(found)) < len(found):
            raise SpecError(f"{where}: a value is said twice", node.place)
        return found
    text = read_text(node, where)
    return _span(text, node, where) if ".." in text else (read_scalar(node, where),)


def _span(text: str, node: Node, where: str) -> Span:
    match = _SPAN.fullmatch(text)
    ends = [read_number(end) for end in match.groups()] if match else []
    said = [end for end in match.groups() if end] if match else []
    first, last = ends if len(ends) == 2 else (None, None)
    if not said or len(said) != len([end for end in ends if end is not None]):
        raise SpecError(f"{where}: '{text.strip()}' is not a range of numbers; write 1..5, 1.. or ..5", node.place)
    if first is not None and last is not None and first > last:
        raise SpecError(f"{where}: a range counts upward; write {last:g}..{first:g}", node.place)
    return Span(first, last)
