"""The text of an arrow: sets and chains become single arrows (language 1.1, R16)."""

import re
from dataclasses import replace
from itertools import pairwise

from mechanisms.errors import NOWHERE, Place, SpecError
from mechanisms.spec.foreign import DEFINED, SUMS, is_function
from mechanisms.spec.terms import CONSTANT, Occasions, Relative, Term, parse_term
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


def parse_arrow(text: str, place: Place = NOWHERE, *, lag: int = 0) -> tuple[Pair, ...]:
    """`a, b -> c -> d` → a → c, b → c, c → d. `lag` is the shorthand: it goes to every cause.

    Only differences of occasions count: a(t-2) -> b(t-1) is a(t-1) -> b.
    """
    _refuse_strange(text, "->", place)
    steps = [_terms(step, text, place) for step in text.split("->")]
    _bound(sum(len(one) * len(other) for one, other in pairwise(steps)), place)
    if any(term == CONSTANT for step in steps[1:] for term in step):
        raise SpecError(f"'{text.strip()}': nothing points at 1", place)
    if lag and (timed := next((term for step in steps for term in step if term.when), None)):
        raise SpecError(f"{text.strip()}: lag and '{timed}' both name an occasion; keep one of the two", place)
    return tuple(
        _pair(cause, effect, lag, place)
        for causes, effects in pairwise(steps)
        for cause in causes
        for effect in effects
    )


def _pair(cause: Term, effect: Term, lag: int, place: Place) -> Pair:
    """One arrow, its effect at lag 0."""
    text = f"{cause} -> {effect}"
    if effect.part is not None:
        if is_function(effect.name):
            raise SpecError(f"{text}: '{effect}': {SUMS}", place)
        raise SpecError(f"{text}: the part is named on the cause, not on the effect", place)
    if isinstance(effect.when, Occasions):
        raise SpecError(
            f"{text}: an arrow into one occasion. Moderate by a categorical occasion, or declare the occasions as "
            "variables of their own",
            place,
        )
    if cause.spread is not None:
        raise SpecError(f"{text}: '{cause}' is no cause; a unit's own spread is a variable, {{is: sigma(v)}}", place)
    steps = (cause.when.steps if isinstance(cause.when, Relative) else 0) - lag
    if isinstance(effect.when, Relative):
        if isinstance(cause.when, Occasions):
            raise SpecError(f"{text}: count both occasions from t, or name the cause's alone: {cause} -> y", place)
        steps -= effect.when.steps
        effect = replace(effect, when=None)
        if steps > 0:
            raise SpecError(f"{text}: the future does not cause the past", place)
    if cause == CONSTANT and lag:
        raise SpecError(f"{text}: 1 has no occasions; lag goes to the other causes", place)
    if isinstance(cause.when, Occasions):
        return cause, effect
    return replace(cause, when=Relative(steps) if steps else None), effect


def parse_hidden(text: str, place: Place = NOWHERE) -> tuple[Pair, ...]:
    """`a, b <-> a, b, c` → every pair of different terms, once, the later occasion at t."""
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
    for term in (term for pair in pairs.values() for term in pair):
        if term == CONSTANT or term.value is not None or term.spread is not None or isinstance(term.when, Occasions):
            raise SpecError(f"'{text.strip()}': a hidden common cause joins two variables", place)
    if not pairs:
        raise SpecError(f"'{text.strip()}': a hidden common cause joins two different variables", place)
    return tuple(dict.fromkeys(_later_first(*pair) for pair in pairs.values()))


def _later_first(one: Term, other: Term) -> Pair:
    """The same pair with its later side at t."""
    steps = [term.when.steps if isinstance(term.when, Relative) else 0 for term in (one, other)]
    later = max(steps)
    one, other = (
        replace(term, when=Relative(step - later) if step < later else None)
        for term, step in zip((one, other), steps, strict=True)
    )
    return one, other


def _terms(step: str, text: str, place: Place) -> list[Term]:
    if not step.strip():
        raise SpecError(f"'{text.strip()}': an arrow has a term on both sides, x -> y", place)
    if "*" in step:
        raise SpecError(
            f"'{text.strip()}': a product is no end of an arrow and has no options of its own; "
            "write x -> y: {moderated_by: w}",
            place,
        )
    return [parse_term(word, place) for word in split_names(step, place)]


def _refuse_strange(text: str, wanted: str, place: Place) -> None:
    for sign, instead in _STRANGE.items():
        if sign in text:
            raise SpecError(f"'{text.strip()}': '{sign}' is not an arrow; write {instead}", place)
    if ":=" in text:
        raise SpecError(f"'{text.strip()}': {DEFINED}", place)
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
