"""Terms: a variable, or one value, part, occasion or spread of it. Terms are the same everywhere (language 1.1)."""

import re
from dataclasses import dataclass

from mechanisms.errors import NOWHERE, Place, SpecError, did_you_mean, listed

RESERVED = frozenset({"t", "whole", "sigma", "precision", "any", "amount", "sd", "cor", "reliability"})
SPREADS = ("sigma", "precision", "any", "amount")
NAME = re.compile(r"[^\W\d][\w.]*")
LONGEST_NAME = 100
_VALUE = re.compile(r"[^\s,()*=<>|^]([^,()*=<>|^\n\r]*[^\s,()*=<>|^])?")


@dataclass(frozen=True, order=True)
class Relative:
    """An occasion counted from now: `t-1` is −1, `t` 0, `t+2` 2; `onward` is `t..` (questions only)."""

    steps: int
    onward: bool = False

    def __str__(self) -> str:
        sign = f"{self.steps:+d}" if self.steps else ""
        return f"t{sign}{'..' if self.onward else ''}"


@dataclass(frozen=True, order=True)
class Occasions:
    """One occasion of the grid, or a range of them (questions only)."""

    first: int
    last: int | None = None

    def __str__(self) -> str:
        return str(self.first) if self.last is None else f"{self.first}..{self.last}"


When = Relative | Occasions


@dataclass(frozen=True)
class Term:
    """A variable (`alliance`), a part (`alliance(client)`), an occasion (`alliance(t-1)`), a category
    (`arm=cbt`), a spread or hurdle part (`sigma(y)`), or the constant `1`.
    """

    name: str
    part: str | None = None
    when: When | None = None
    value: str | None = None
    spread: str | None = None
    piece: int | None = None  # of a curve, in addresses only: `x[1]`

    @property
    def plain(self) -> bool:
        """Whether the term is just a variable's name."""
        return all(said is None for said in (self.part, self.when, self.value, self.spread, self.piece))

    def __str__(self) -> str:
        inside = " ".join(str(word) for word in (self.part, self.when) if word is not None)
        text = f"{self.name}({inside})" if inside else self.name
        text = f"{self.spread}({text})" if self.spread else text
        text = text if self.piece is None else f"{text}[{self.piece}]"
        return text if self.value is None else f"{text}={self.value}"


CONSTANT = Term("1")


def parse_term(text: str, place: Place = NOWHERE, *, question: bool = False) -> Term:
    """Read one term. `question=True` also allows `t`, `t+K`, `A..B` and `t..` as occasions."""
    body, _, value = text.strip().partition("=")
    body, value = body.strip(), value.strip()
    if "=" in text and not _VALUE.fullmatch(value):
        raise SpecError(f"'{text.strip()}': write a category as variable=value", place)
    name, inside = _split(body, text, place)
    spread = None
    if name in SPREADS and inside is not None:
        spread, name, inside = name, inside, None
        if not is_name(name) or "=" in text:
            raise SpecError(f"'{text.strip()}': write {spread}(y), with the name of a variable", place)
    if name != "1":
        if not is_name(name) and (hint := _near_miss(text, question=question)):
            raise SpecError(f"'{text.strip()}' is not a term.{hint}", place)
        check_name(name, place)
    elif inside is not None or spread or "=" in text:
        raise SpecError(f"'{text.strip()}': 1 is the constant and stands alone", place)
    part, when = _inside(inside, text, place, question=question) if inside is not None else (None, None)
    return Term(name, part, when, value if "=" in text else None, spread)


def name_in(text: str) -> str:
    """The variable that a term names, in a question: `y` of `y(5)` and `y(client)`."""
    return parse_term(text, question=True).name


def is_name(word: str) -> bool:
    """Whether a word can name a variable or a level: any alphabet, then letters, digits, `_` and `.`."""
    return word.replace(".", "_").isidentifier() and word[0] != "." and ".." not in word and word not in RESERVED


def check_name(name: str, place: Place = NOWHERE) -> str:
    """A name as the language wants it, or a `SpecError`."""
    if name in RESERVED:
        raise SpecError(f"'{name}' is a word of the language and cannot name a variable or level", place)
    if not is_name(name):
        shown = name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "…"
        raise SpecError(
            f"'{shown}' is not a name: a letter or _ first, then letters, digits, _ and . (no spaces; does a line above lack the colon at its end?)",
            place,
        )
    if len(name) > LONGEST_NAME:
        raise SpecError(f"a name has at most {LONGEST_NAME} characters; '{name[:20]}…' has {len(name)}", place)
    return name


def _split(body: str, text: str, place: Place) -> tuple[str, str | None]:
    """`a(b)` → (a, b); `a` → (a, None)."""
    if "(" not in body and ")" not in body:
        return body, None
    name, _, rest = body.partition("(")
    if not rest.endswith(")") or not rest[:-1].strip():
        raise SpecError(f"'{text.strip()}' is not a term: a bracket is missing or empty", place)
    return name.strip(), rest[:-1].strip()


def _inside(inside: str, text: str, place: Place, *, question: bool) -> tuple[str | None, When | None]:
    part: str | None = None
    when: When | None = None
    for word in inside.split():
        moment = _when(word, question=question)
        if moment is not None and when is None:
            when = moment
        elif moment is None and part is None and when is None and (word == "whole" or is_name(word)):
            part = word
        else:
            allowed = "t-1, 0, 5, t, t+1, t.., 5..10" if question else "t-1, 0, 5"
            raise SpecError(
                f"'{text.strip()}': '{word}' is neither an occasion ({allowed}) nor a level, nor whole."
                f"{_near_miss(text, question=question)}",
                place,
            )
    if isinstance(when, Occasions) and when.last is not None and when.last < when.first:
        raise SpecError(f"'{text.strip()}': a range counts upward; write {when.last}..{when.first}", place)
    return part, when


def _near_miss(text: str, *, question: bool) -> str:
    """`" Did you mean 'a(t-1)'?"` (with its leading space) for `a(t - 1)`, `a(T-1)`, `a[t-1]`, `a(t-1 whole)`, else `""`."""
    match = re.fullmatch(r"\s*([^\s\[\]()]+)\s*[\[(](.*)[\])]\s*", text)
    if match is None or not is_name(match[1]):
        return ""
    inside = re.sub(r"\bT(?=[-+.]|$)", "t", re.sub(r"\s*([-+])\s*", r"\1", match[2]))
    words = sorted(inside.split(), key=lambda word: _when(word, question=question) is not None)
    mended = f"{match[1]}({' '.join(words)})"
    whens = sum(_when(word, question=question) is not None for word in words)
    fits = whens == 1 and len(words) <= 2 and all(word == "whole" or is_name(word) for word in words[:-1])
    return f" Did you mean '{mended}'?" if fits and mended != text.strip() else ""


def _when(word: str, *, question: bool) -> When | None:
    if match := re.fullmatch(r"t-([1-9]\d{0,5})", word):
        return Relative(-int(match[1]))
    if re.fullmatch(r"\d{1,6}", word):
        return Occasions(int(word))
    if not question:
        return None
    if match := re.fullmatch(r"t(\+[1-9]\d{0,5})?(\.\.)?", word):
        return Relative(int(match[1] or 0), onward=bool(match[2]))
    if match := re.fullmatch(r"(\d{1,6})\.\.(\d{1,6})", word):
        return Occasions(int(match[1]), int(match[2]))
    return None


def is_value(text: str) -> bool:
    """Whether a category can be named in a term: no brackets, commas, bars, `*`, `=`, `<`, `>` or `^` in it."""
    return _VALUE.fullmatch(text) is not None


def unknown(kind: str, name: str, known: list[str], place: Place = NOWHERE) -> SpecError:
    """The error for a name that nothing declares."""
    hint = did_you_mean(name, known) or (f" Known: {listed(known)}." if known else "")
    return SpecError(f"unknown {kind} '{name}'.{hint}", place)
