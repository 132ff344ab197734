"""YAML text as a small tree that remembers its lines. Scalars stay text; whatever the language bans is refused here.

The tree is built from the parser's events, never by `yaml.load`: depth, aliases and tags are refused while they are
read, so no text can make the reader build more than it says.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from mechanisms.errors import NOWHERE, Place, SpecError
from mechanisms.spec.foreign import DEFINED, FORMULAS, is_formula

MOST_BYTES = 256_000
DEEPEST = 12
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WIDEST = 160


@dataclass(frozen=True)
class Text:
    """A scalar, as written; `said` is false where nothing was."""

    value: str
    place: Place = NOWHERE
    said: bool = True


@dataclass(frozen=True)
class Items:
    """A list."""

    items: tuple["Node", ...]
    place: Place = NOWHERE


@dataclass(frozen=True)
class Entries:
    """A mapping; keys are words and none is there twice."""

    entries: tuple[tuple[Text, "Node"], ...]
    place: Place = NOWHERE

    def get(self, key: str) -> "Node | None":
        """What stands under `key`, or None."""
        return next((node for word, node in self.entries if word.value == key), None)


Node = Text | Items | Entries


@dataclass(frozen=True)
class Source:
    """The text being read; gives every line its place."""

    text: str
    file: str | None
    lines: tuple[str, ...]

    def place(self, line: int) -> Place:
        """The place of a line, counted from 1."""
        if not 1 <= line <= len(self.lines):
            return Place(self.file, min(max(line, 1), max(len(self.lines), 1)))
        shown = self.lines[line - 1]
        return Place(self.file, line, shown if len(shown) <= _WIDEST else shown[:_WIDEST] + " …")


def open_source(text: str | bytes, file: str | None = None) -> Source:
    """The text as UTF-8 of a bounded size, without control characters; anything else is a `SpecError`."""
    whole = Place(file)
    if len(text) > MOST_BYTES:
        raise SpecError(f"a theory file may hold {MOST_BYTES // 1000} kB; this one is larger", whole)
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise SpecError(
                "a theory file is UTF-8 text; this is binary or another encoding", Place(file, line)
            ) from None
    text = text.removeprefix("\ufeff")
    if bad := _CONTROL.search(text):
        line = len((text[: bad.start()] + ".").splitlines())
        raise SpecError(f"a theory is text; U+{ord(bad[0]):04X} is not a character of it", Place(file, line))
    if len(text.encode()) > MOST_BYTES:
        raise SpecError(f"a theory file may hold {MOST_BYTES // 1000} kB; this one is larger", whole)
    return Source(text, file, tuple(text.splitlines()))


def read_nodes(source: Source, what: str = "a theory", wanted: str = "arrows, e.g. arrows: [x -> m -> y]") -> Entries:
    """The mapping that the whole text is; errors call it `what` and say what is `wanted` in it."""
    reading = _Reading(source)
    try:
        tree = reading.document()
    except yaml.YAMLError as error:
        raise _malformed(error, source) from None
    if tree is None:
        raise SpecError(f"the text is empty; {what} needs {wanted}", Place(source.file))
    if not isinstance(tree, Entries) and is_formula(source.text):
        raise SpecError(f"{what} is written with {wanted}: this is a formula. {FORMULAS}", tree.place)
    if not isinstance(tree, Entries):
        raise SpecError(f"{what} is a mapping of keys; it needs {wanted}", tree.place)
    return tree


class _Reading:
    """One pass over the events; recursion is bounded by `DEEPEST`."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.events: Iterator[Any] = yaml.parse(source.text, Loader=_LOADER)

    def document(self) -> Node | None:
        tree: Node | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if tree is not None:
                    raise SpecError("a file holds one theory; a second document begins here", self.place(event))
                if event.version or event.tags:
                    raise SpecError("directives (%YAML, %TAG) are not part of the language", self.place(event))
            elif isinstance(event, yaml.NodeEvent):
                tree = self.node(event, 1)
        return tree

    def place(self, event: Any) -> Place:
        return self.source.place(event.start_mark.line + 1)

    def node(self, event: Any, depth: int) -> Node:
        place = self.place(event)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise SpecError("anchors and aliases are not part of the language; write it out", place)
        if event.tag is not None:
            raise SpecError(f"tags ({event.tag}) are not part of the language", place)
        if isinstance(event, yaml.ScalarEvent):
            value = unicodedata.normalize("NFC", event.value)
            return Text(value, place, said=bool(value) or event.style not in (None, ""))
        if depth > DEEPEST:
            raise SpecError(f"nested deeper than {DEEPEST}", place)
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(tuple(self.items(depth)), place)
        return Entries(tuple(self.entries(depth)), place)

    def items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            yield self.node(event, depth + 1)

    def entries(self, depth: int) -> Iterator[tuple[Text, Node]]:
        lines: dict[str, int | None] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            word = _word(key, self.source)
            if word.value in lines:
                raise SpecError(f"'{word.value}' is said twice (first on line {lines[word.value]})", word.place)
            lines[word.value] = word.place.line
            yield word, self.node(next(self.events), depth + 1)


def _word(key: Node, source: Source) -> Text:
    if not isinstance(key, Text):
        raise SpecError(_braces(source, key.place) or "a key is a word, not a list or a mapping", key.place)
    if key.value == "<<":
        raise SpecError("'<<' (merge) is not part of the language; write it out", key.place)
    if ":{" in key.value or ":[" in key.value:
        raise SpecError(f"'{key.value}': a space is missing after a colon", key.place)
    if set("{}[]") & set(re.sub(r"(?<=[\w)])\[[0-9]+\]", "", key.value)):  # a column of a curve, x[1], is an address
        fix = (
            "an occasion stands in round brackets, a(t-1)"
            if re.search(r"\w\[", key.value)
            else ("a space may be missing after a colon")
        )
        raise SpecError(f"'{key.value}': a key holds no braces or brackets; {fix}", key.place)
    if not key.value.strip():
        raise SpecError("a key is missing before the colon", key.place)
    return key


def _braces(source: Source, place: Place) -> str:
    """What to write instead of `{x, w} -> y:`, if the line looks like that."""
    line = source.lines[place.line - 1] if place.line and place.line <= len(source.lines) else ""
    shape = re.match(r"\s*(?:- )?(.*?)\s*(?::\s.*)?:?\s*$", line)
    said = shape[1] if shape else ""
    if not re.search(r"[{\[][^{}\[\]:]*[}\]]\s*(->|<->)|(->|<->)\s*[{\[]", said):
        return ""
    return f"braces begin a mapping in YAML; write {re.sub(r'[{}\[\]]', '', said)}"


def _malformed(error: yaml.YAMLError, source: Source) -> SpecError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    places = [source.place(m.line + 1) for m in (mark, getattr(error, "context_mark", None)) if m is not None]
    for place in places:
        line = place.text or ""
        if braces := _braces(source, place):
            return SpecError(braces, place)
        if "\t" in line[: len(line) - len(line.lstrip())]:
            return SpecError("lines are indented with spaces, not with tabs", place)
    place = places[0] if places else Place(source.file)
    before = source.place(place.line - 1) if place.line and place.line > 1 else place
    for each in (*places, before):
        if ":=" in (each.text or ""):
            return SpecError(DEFINED, each)
    if (
        "->" in (before.text or "")
        and before.line != place.line
        and not (before.text or "").rstrip().endswith((":", "}", ",", "]"))
    ):
        return SpecError(
            "this is not YAML: the line ends without a colon; an arrow in a mapping is written x -> y:", before
        )
    return SpecError(f"this is not YAML: {problem}.{_hint(place.text or '')}", place)


def _hint(line: str) -> str:
    if len(re.findall(r":(?:\s|$)", line)) > 1 or " #" in line or ("," in line and re.search(r"[\[{]", line)):
        return " Text that holds ': ', ' #' or, inside {} or [], a comma needs quotes: \"…\""
    return " Check the indentation, quotes and brackets of this line and the one before"
