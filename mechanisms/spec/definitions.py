"""`is`: what a variable is made of: a weighted sum of terms, or the unit's own coefficient or spread (language 1.4).

The theory keeps the text in canonical form; `parse_definition` takes it apart.
"""

import re
from dataclasses import dataclass

from mechanisms.errors import NOWHERE, Place, SpecError
from mechanisms.spec.arrows import parse_arrow
from mechanisms.spec.foreign import SUMS
from mechanisms.spec.said import read_number
from mechanisms.spec.terms import CONSTANT, Term, parse_term

MOST_PARTS = 500
_FOREIGN = re.compile(r":=|\*\*|[/%^{}\[\]|&~;<>!]")


@dataclass(frozen=True)
class WeightedSum:
    """A computed variable: each term with its weight."""

    parts: tuple[tuple[float, Term], ...]

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms without their weights."""
        return tuple(term for _, term in self.parts)

    def __str__(self) -> str:
        text = ""
        for weight, term in self.parts:
            sign = (" - " if weight < 0 else " + ") if text else ("-" if weight < 0 else "")
            size = "" if abs(weight) == 1 else f"{repr(abs(weight)).removesuffix('.0')} * "
            text += f"{sign}{size}{term}"
        return text


@dataclass(frozen=True)
class OwnCoefficient:
    """A coefficient variable: each unit's own coefficient of an arrow."""

    cause: Term
    effect: Term

    def __str__(self) -> str:
        return f"{self.cause} -> {self.effect}"


@dataclass(frozen=True)
class OwnSpread:
    """A coefficient variable: each unit's own `sigma(v)`."""

    effect: Term

    def __str__(self) -> str:
        return str(self.effect)


Definition = WeightedSum | OwnCoefficient | OwnSpread


def parse_definition(text: str, place: Place = NOWHERE) -> Definition:
    """Read what stands under `is`; anything but sums, differences, an arrow or sigma(v) is a `SpecError`."""
    if "->" in text and "<->" not in text:
        pairs = parse_arrow(text, place)
        if len(pairs) != 1 or pairs[0][0] == CONSTANT:
            raise SpecError(f"'{text.strip()}': one arrow is wanted, x(t-1) -> y", place)
        return OwnCoefficient(*pairs[0])
    if re.match(r"\s*(sigma|precision|any|amount)\s*\(", text):
        term = parse_term(text, place)
        if term.spread != "sigma":
            raise SpecError(f"'{text.strip()}': a unit's own spread is sigma(v)", place)
        return OwnSpread(term)
    pieces = _pieces(text)
    if len(pieces) > MOST_PARTS:
        raise SpecError(f"more than {MOST_PARTS} terms in one sum", place)
    parts = [_part(sign, piece, text, place) for sign, piece in pieces]
    terms = [term for _, term in parts]
    if len(set(terms)) < len(terms):
        twice = next(term for term in terms if terms.count(term) > 1)
        raise SpecError(f"'{text.strip()}': {twice} is said twice; give it one weight", place)
    return WeightedSum(tuple(parts))


def _pieces(text: str) -> list[tuple[float, str]]:
    """The signed pieces of a sum; signs inside brackets belong to an occasion."""
    found: list[tuple[float, str]] = []
    sign, piece, depth = 1.0, "", 0
    for char in text:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char in "+-" and depth == 0:
            if piece.strip() or found:
                found.append((sign, piece))
            sign, piece = (1.0 if char == "+" else -1.0), ""
        else:
            piece += char
    return [*found, (sign, piece)]


def _part(sign: float, piece: str, whole: str, place: Place) -> tuple[float, Term]:
    factors = [factor.strip() for factor in piece.split("*")]
    weight = read_number(factors[0]) if len(factors) == 2 else 1.0
    foreign = _FOREIGN.search(whole)
    if foreign or len(factors) > 2 or weight is None:
        raise SpecError(
            f"'{whole.strip()}': only sums and differences of variables ('{foreign[0] if foreign else '*'}'). {SUMS.partition('. ')[2]}",
            place,
        )
    if not factors[-1] or read_number(factors[-1]) is not None or weight == 0:
        raise SpecError(f"'{whole.strip()}': a sum of terms is wanted, bdi - bdi(0) or 0.5 * a + 0.5 * b", place)
    term = parse_term(factors[-1], place)
    if term.spread or term == CONSTANT:
        raise SpecError(f"'{whole.strip()}': '{term}' is not a term of a sum", place)
    return sign * weight, term
