"""The `questions` key: what is asked of a theory (language 1.10)."""

from mechanisms.errors import SpecError
from mechanisms.spec.nodes import Entries, Items, Node, Text
from mechanisms.spec.terms import Term, check_name, parse_term
from mechanisms.spec.theory import Question, Scalar
from mechanisms.spec.words import (
    Reader,
    read_list,
    read_options,
    read_scalar,
    read_text,
    read_word,
    split_names,
    strange_key,
)


def read_questions(node: Node) -> tuple[Question, ...]:
    """Every question, in order."""
    if isinstance(node, Text) and not node.said:
        return ()
    items = node.items if isinstance(node, Items) else (node,)
    return tuple(_question(item) for item in items)


def _question(node: Node) -> Question:
    where = "question: "
    if not isinstance(node, Entries):
        raise SpecError(f"{where}a mapping is wanted, {{of: x, on: y}}", node.place)
    said = read_options(node, where, READERS, lambda key: strange_key(key, where, READERS))
    for key in ("of", "on"):
        if key not in said:
            raise SpecError(f"{where}'{key}' is missing; {{of: x, on: y}}", node.place)
    through = said.pop("through", ())
    if isinstance(through, str):
        said["path"] = tuple(split_names(through.replace("->", ","), node.place))
    else:
        said["through"] = through
    return Question(place=node.place, **said)


def _term(node: Node, where: str) -> Term:
    return parse_term(read_text(node, where), node.place, question=True)


def _names(node: Node, where: str) -> tuple[str, ...]:
    if isinstance(node, Text) and not node.said:
        raise SpecError(f"{where}: nothing stands here", node.place)
    names = [str(parse_term(word.value, word.place, question=True)) for word in read_list(node, where)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SpecError(f"{where}: '{twice}' is said twice", node.place)
    return tuple(names)


def _through(node: Node, where: str) -> tuple[str, ...] | str:
    if isinstance(node, Text) and "->" in node.value:
        steps = [step.strip() for step in node.value.split("->")]
        return " -> ".join(str(parse_term(step, node.place, question=True)) for step in steps)
    return _names(node, where)


def _contrast(node: Node, where: str) -> tuple[Scalar, Scalar]:
    if not isinstance(node, Items) or len(node.items) != 2:
        raise SpecError(f"{where}: two values are wanted, [from, to]", node.place)
    first, second = (read_scalar(item, where) for item in node.items)
    return first, second


def _mapping(node: Node, where: str) -> Entries:
    if not isinstance(node, Entries) or not node.entries:
        raise SpecError(f"{where}: a mapping is wanted, {{variable: value}}", node.place)
    return node


def _at(node: Node, where: str) -> tuple[tuple[str, tuple[Scalar, ...]], ...]:
    pairs: list[tuple[str, tuple[Scalar, ...]]] = []
    for key, value in _mapping(node, where).entries:
        items = value.items if isinstance(value, Items) else (value,)
        if not items:
            raise SpecError(f"{where}: {key.value}: a value is wanted", value.place)
        term = parse_term(key.value, key.place, question=True)
        pairs.append((str(term), tuple(read_scalar(item, f"{where}: {key.value}") for item in items)))
    return tuple(pairs)


def _set(node: Node, where: str) -> tuple[tuple[str, Scalar | tuple[Scalar, ...]], ...]:
    return tuple((name, values if len(values) > 1 else values[0]) for name, values in _at(node, where))


def _population(node: Node, where: str) -> str | tuple[str, str]:
    if isinstance(node, Entries):
        if len(node.entries) != 1:
            raise SpecError(f"{where}: one of {{new: client}} and {{each: client}} is wanted", node.place)
        word, level = node.entries[0]
        kind = read_word(word, where, ("new", "each"), "population")
        return kind, check_name(read_text(level, f"{where}: {kind}").strip(), level.place)
    kind = read_text(node, where).strip()
    if kind in ("new", "each"):
        raise SpecError(f"{where}: {kind} names a level, {{{kind}: client}}", node.place)
    return read_word(node, where, ("these", "typical"), "population")


def _choice(kind: str, *words: str) -> Reader:
    return lambda node, where: read_word(node, where, words, kind)


READERS: dict[str, Reader] = {
    "of": _term,
    "on": _term,
    "kind": _choice("kind", "total", "direct", "indirect", "controlled"),
    "through": _through,
    "contrast": _contrast,
    "at": _at,
    "set": _set,
    "population": _population,
    "mediators": _choice("word for mediators", "natural", "interventional"),
    "adjust": _names,
    "scale": _choice("scale", "raw", "standardised", "link"),
    "name": read_text,
    "because": read_text,
}
