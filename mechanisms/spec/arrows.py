"""The text of an arrow: sets and chains become single arrows (language 1.1, R16)."""

import re
from itertools import pairwise

from mechanisms.errors import NOWHERE, Place, SpecError
from mechanisms.spec.terms import CONSTANT, Term, parse_term
from mechanisms.spec.unread import refuse, refuse_term
from mechanisms.spec.words import split_names

MOST_ARROWS = 5_000
Pair = tuple[Term, Term]
_STRANGE = {
    "<-->": "a <-> b", "-->": "x -> y", "=>": "x -> y", "→": "x -> y", "↔": "a <-> b", "–>": "x -> y", "--": "x -> y",
    "~": "x -> y",
}  # fmt: skip


def is_hidden(text: str) -> bool:
    """Whether the text draws a hidden common cause."""
    return "<->" in text


def parse_arrow(text: str, place: Place = NOWHERE) -> tuple[Pair, ...]:
    """`a, b -> c -> d` → a → c, b → c, c → d."""
    _refuse_strange(text, "->", place)
    steps = [_terms(step, text, place) for step in text.split("->")]
    _bound(sum(len(one) * len(other) for one, other in pairwise(steps)), place)
    for term in (term for step in steps[1:] for term in step):
        if term == CONSTANT:
            raise SpecError(f"'{text.strip()}': nothing points at 1", place)
        if term.value is not None:
            raise refuse(f"'{term}' as an effect, one step of {term.name},", place)
    if any(term == CONSTANT for term in steps[0]):
        raise refuse("an arrow from 1, the intercept,", place, "a prior on 1 -> y is read")
    return tuple((cause, effect) for causes, effects in pairwise(steps) for cause in causes for effect in effects)


def parse_hidden(text: str, place: Place = NOWHERE) -> tuple[Pair, ...]:
    """`a, b <-> a, b, c` → every pair of different terms, once."""
    _refuse_strange(text, "<->", place)
    steps = [_terms(step, text, place) for step in text.split("<->")]
    _bound(sum(len(one) * len(other) for one, other in pairwise(steps)), place)
    pairs = {
        frozenset((one, other)): (one, other)
        for ones, others in pairwise(steps)
        for one in ones
        for other in others
        if one != other
    }
    for one, _ in pairs.values():
        if one == CONSTANT or one.value is not None:
            raise SpecError(f"'{text.strip()}': a hidden common cause joins two variables", place)
    if not pairs:
        raise SpecError(f"'{text.strip()}': a hidden common cause joins two different variables", place)
    return tuple(pairs.values())


def parse_plain(text: str, place: Place = NOWHERE) -> Term:
    """A term that this version reads: a variable or one category of it."""
    term = parse_term(text, place)
    refuse_term(term, place)
    return term


def _terms(step: str, text: str, place: Place) -> list[Term]:
    if not step.strip():
        raise SpecError(f"'{text.strip()}': an arrow has a term on both sides, x -> y", place)
    return [parse_plain(word, place) for word in split_names(step, place)]


def _refuse_strange(text: str, wanted: str, place: Place) -> None:
    for sign, instead in _STRANGE.items():
        if sign in text:
            raise SpecError(f"'{text.strip()}': '{sign}' is not an arrow; write {instead}", place)
    rest = text.replace(wanted, " , ")
    if "->" in rest:
        raise SpecError(f"'{text.strip()}' mixes -> and <->; write two entries", place)
    if "<-" in rest:
        raise SpecError(f"'{text.strip()}': arrows point to the right; write the cause first, x -> y", place)
    if wanted not in text:
        comma = (
            ' Inside [ ] an arrow of several causes needs quotes: "x, w -> y"'
            if re.fullmatch(r"\s*\S+\s*", text)
            else ""
        )
        raise SpecError(f"'{text.strip()}' is not an arrow; write x -> y.{comma}", place)


def _bound(count: int, place: Place) -> None:
    if count > MOST_ARROWS:
        raise SpecError(f"this entry stands for {count} arrows; at most {MOST_ARROWS} are read", place)
