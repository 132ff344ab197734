"""The statements of dagitty text, as written: names, signs between them, attributes in square brackets."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from mechanisms.errors import Place, SpecError
from mechanisms.spec.nodes import Node, Source

SIGNS = ("->", "<-", "<->")
_TOKEN = re.compile(
    r"""(?P<space>[\s;]+)|(?P<quoted>"(?:[^"\\\n]|\\.)*")|(?P<sign><->|->|<-(?!-)|@-@|@->|<-@|@--|--@|--|o->|<-o)"""
    r"""|(?P<mark>[{}\[\]=,])|(?P<word>-?\.?\w(?:[\w.]|-(?!>|-|@))*)"""
)
_OTHER_GRAPHS = ("graph", "mag", "pdag", "pag")
MOST_NODES = 2_000


@dataclass(frozen=True)
class Name:
    """A node as it was written."""

    text: str
    place: Place


@dataclass(frozen=True)
class Attribute:
    """`key=value`, or `key` alone; what is no text (networkx) has its value as a node already."""

    key: str
    value: str | Node | None
    place: Place


@dataclass(frozen=True)
class Statement:
    """Sides joined by signs with attributes; no sign is a node by itself; `graph` is an attribute of the graph."""

    sides: tuple[tuple[Name, ...], ...]
    signs: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    place: Place
    graph: Attribute | None = None


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: Place


def read_statements(source: Source) -> Iterator[Statement]:
    """Every statement between the braces, or of the bare text."""
    reading = _Reading(_tokens(source), source)
    braced = reading.header()
    while (token := reading.peek()) is not None and not (braced and token.text == "}" and token.kind == "mark"):
        yield reading.statement()
    if braced:
        reading.take("}")
        if (rest := reading.peek()) is not None:
            raise SpecError(f"'{rest.text}' stands after the last brace", rest.place)


def _tokens(source: Source) -> Iterator[_Token]:
    """The tokens, one by one, so that a wrong text is refused at its first fault."""
    at, line = 0, 1
    while at < len(source.text):
        match = _TOKEN.match(source.text, at)
        if match is None or match.lastgroup is None:
            char = source.text[at]
            hint = " Comments are not part of dagitty text" if char in "#/" else ""
            hint = " A quotation mark is not closed" if char == '"' else hint
            raise SpecError(
                f"'{char}' is not part of dagitty text; names with other characters are quoted.{hint}",
                source.place(line),
            )
        text = match[0]
        if match.lastgroup == "quoted":
            plain = unicodedata.normalize("NFC", re.sub(r"\\(.)", r"\1", text[1:-1]))
            yield _Token("quoted", plain, source.place(line))
        elif match.lastgroup != "space":
            yield _Token(match.lastgroup, unicodedata.normalize("NFC", text), source.place(line))
        line += len((text + ".").splitlines()) - 1
        at = match.end()


class _Reading:
    """A cursor over the tokens."""

    def __init__(self, tokens: Iterator[_Token], source: Source) -> None:
        self.coming = tokens
        self.tokens: list[_Token] = []
        self.at = 0
        self.end = source.place(len(source.lines))

    def peek(self, ahead: int = 0) -> _Token | None:
        missing = self.at + ahead + 1 - len(self.tokens)
        self.tokens.extend(islice(self.coming, max(missing, 0)))
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else None

    def is_mark(self, text: str, ahead: int = 0) -> bool:
        token = self.peek(ahead)
        return token is not None and token.kind == "mark" and token.text == text

    def take(self, wanted: str = "") -> _Token:
        token = self.peek()
        if token is None:
            raise SpecError(f"the text ends where {wanted or 'more'} is wanted", self.end)
        if wanted and not self.is_mark(wanted):
            raise SpecError(f"'{wanted}' is wanted before '{token.text}'", token.place)
        self.at += 1
        return token

    def header(self) -> bool:
        """Step over `dag name {`; whether there was one."""
        start = 0
        first = self.peek()
        if first is not None and first.kind == "word" and first.text.casefold() == "strict":
            start = 1
        kind = self.peek(start)
        named = 2 if self.is_mark("{", start + 2) else 1
        if kind is None or kind.kind != "word" or not self.is_mark("{", start + named):
            return False
        word = kind.text.casefold()
        if word in _OTHER_GRAPHS:
            raise SpecError(
                f"'{kind.text}' is another class of graphs; a theory is a dag: write dag {{ … }}", kind.place
            )
        if word not in ("dag", "digraph"):
            return False
        self.at = start + named + 1
        return True

    def statement(self) -> Statement:
        first = self.peek()
        place = first.place if first else self.end
        if first is not None and first.kind == "word" and self.is_mark("=", 1):
            return Statement((), (), (), place, graph=self.attribute())
        sides, signs = [self.side()], []
        while (token := self.peek()) is not None and token.kind == "sign":
            self.at += 1
            if token.text not in SIGNS:
                raise SpecError(f"'{token.text}' is not part of the language; arrows are ->, <- and <->", token.place)
            signs.append(token.text)
            if len(signs) > MOST_NODES:
                raise SpecError(f"more than {MOST_NODES} arrows in one chain", token.place)
            sides.append(self.side())
        return Statement(tuple(sides), tuple(signs), tuple(self.attributes()), place)

    def side(self) -> tuple[Name, ...]:
        if not self.is_mark("{"):
            return (self.name(),)
        opening = self.take()
        names: list[Name] = []
        while not self.is_mark("}"):
            if self.is_mark(","):
                self.take()
                continue
            names.append(self.name())
            if len(names) > MOST_NODES:
                raise SpecError(f"more than {MOST_NODES} names in one place", opening.place)
        self.take("}")
        if not names:
            raise SpecError("the braces are empty; write {a b} -> c", opening.place)
        return tuple(names)

    def name(self) -> Name:
        token = self.take()
        if token.kind not in ("word", "quoted"):
            raise SpecError(f"a name is wanted before '{token.text}'", token.place)
        if token.kind == "word" and token.text.casefold() in ("graph", "node", "edge"):
            raise SpecError(f"'{token.text}' is a word of dagitty text and cannot name a variable", token.place)
        return Name(token.text, token.place)

    def attributes(self) -> Iterator[Attribute]:
        while self.is_mark("["):
            opening = self.take()
            while not self.is_mark("]"):
                if self.peek() is None:
                    raise SpecError("a square bracket is not closed", opening.place)
                if self.is_mark(","):
                    self.take()
                    continue
                yield self.attribute()
            self.take("]")

    def attribute(self) -> Attribute:
        key = self.take()
        if key.kind not in ("word", "quoted"):
            raise SpecError(f"an attribute is wanted before '{key.text}'", key.place)
        if not self.is_mark("="):
            return Attribute(key.text, None, key.place)
        self.take("=")
        value = self.take()
        if value.kind not in ("word", "quoted"):
            raise SpecError(f"{key.text}: a value is wanted before '{value.text}'", value.place)
        return Attribute(key.text, value.text, key.place)
