"""Addresses of parameters (language 1.8): keys of `priors` and parameter files, names of draws."""

import itertools
import re
from dataclasses import dataclass, replace
from typing import Literal

from mechanisms.errors import NOWHERE, Place, SpecError
from mechanisms.spec.foreign import DERIVED, NOT_OURS, is_derived
from mechanisms.spec.terms import CONSTANT, Term, is_name, parse_term

Kind = Literal[
    "coefficient", "intercept", "spread", "residual", "sd", "cor", "reliability", "skew",
    "amplitude", "lengthscale", "midpoint", "width",
]  # fmt: skip
Factor = tuple[Term, int]
CURVES: dict[str, Kind] = {
    "amplitude": "amplitude", "lengthscale": "lengthscale", "midpoint": "midpoint", "width": "width"
}  # fmt: skip
_CALLED = re.compile(r"(sd|cor|reliability|skew)\s*\((.*)\)")
_GAPS = r"first(?: [2-9]\d*| 1\d+)?|before \d+|not [\d.,-]+"
_TRAIT = re.compile(rf"({'|'.join(CURVES)})\s*\(((?:[^()]|\([^()]*\))*->(?:[^()]|\([^()]*\))*)\)")


@dataclass(frozen=True)
class Address:
    """One parameter. `factors` are the causes with their powers, for a residual correlation its two sides.

    `of` is the address whose sd an `sd(… | level)` is, or whose curve a trait belongs to; `level` belongs to `sd` and `cor`. `gap` marks what
    belongs to occasions at which something does not act, `sigma(y | first)`, `1 -> y | not 2..`.
    """

    kind: Kind
    factors: tuple[Factor, ...] = ()
    effect: Term | None = None
    of: "Address | None" = None
    level: str | None = None
    gap: str = ""

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for two texts of the same parameter: `a * b -> y` is `b * a -> y`."""
        factors = tuple(sorted((str(term), power) for term, power in self.factors))
        return (self.kind, factors, str(self.effect), self.of.key if self.of else None, self.level, self.gap)

    @property
    def terms(self) -> tuple[Term, ...]:
        """Every term the address names, the effect last."""
        inner = self.of.terms if self.of else ()
        return (*inner, *(term for term, _ in self.factors), *((self.effect,) if self.effect else ()))

    def __str__(self) -> str:
        causes = [str(term) if power == 1 else f"{term}^{power}" for term, power in self.factors]
        when = f" | {self.gap}" if self.gap else ""
        if self.kind == "coefficient":
            return f"{' * '.join(causes)} -> {self.effect}{when}"
        if self.kind == "intercept":
            return f"1 -> {self.effect}{when}"
        if self.kind == "residual":
            return " <-> ".join(causes)
        if self.kind == "sd":
            return f"sd({self.of} | {self.level})"
        if self.kind in CURVES:
            return f"{self.kind}({self.of})"
        if self.kind == "cor":
            return f"cor({self.level})"
        if self.gap:
            return f"{str(self.effect)[:-1]}{when})"
        return f"{self.kind}({self.effect})" if self.kind in ("reliability", "skew") else str(self.effect)


def parse_address(text: str, place: Place = NOWHERE) -> Address:
    """Read the address of one parameter; a text that names none, or several, is a `SpecError`."""
    text = text.strip()
    if is_derived(text) or ":=" in text:
        raise SpecError(f"'{text}': {DERIVED}", place)
    if word := _CALLED.fullmatch(text) or _TRAIT.fullmatch(text):
        return _called(word[1], word[2].strip(), text, place)
    if word := re.fullmatch(r"(sigma|precision)\s*\((.*)\|\s*first\s*\)", text):
        return replace(parse_address(f"{word[1]}({word[2]})", place), gap="first")
    if word := re.fullmatch(rf"(.*->.*)\|\s*({_GAPS})", text):
        return replace(parse_address(word[1], place), gap=word[2])
    if re.search(r"==|[<>]=|(?<![-<])>|<(?!-)", text):
        raise SpecError(
            f"'{text}': no inequality or constraint is part of the language: fixed, same_as, above, below", place
        )
    if "<->" in text:
        return _residual(text, place)
    if "->" in text:
        return _arrow(text, place)
    term = parse_term(text, place)
    if term.spread not in ("sigma", "precision") or term.value is not None:
        raise SpecError(
            f"'{text}' is not the address of a parameter: write an arrow (x -> y), 1 -> y, sigma(y) or x <-> y", place
        )
    return Address("spread", effect=term)


def _called(word: str, inside: str, text: str, place: Place) -> Address:
    if word == "sd":
        body, bar, level = inside.rpartition("|")
        if not bar or not is_name(level.strip()):
            raise SpecError(f"'{text}': write sd(x -> y | level)", place)
        inner = parse_address(body, place)
        if inner.kind not in ("coefficient", "intercept"):
            raise SpecError(f"'{text}': what varies is an arrow or an intercept", place)
        return Address("sd", of=inner, level=level.strip())
    if word in CURVES:
        inner = parse_address(inside, place)
        if inner.kind != "coefficient":
            raise SpecError(f"'{text}': a curve belongs to an arrow; write {word}(x -> y)", place)
        return Address(CURVES[word], of=inner)
    if not is_name(inside):
        pair = "; the correlation of two courses is a(client) <-> b(client)" if word == "cor" else ""
        what = {"cor": "level", "reliability": "indicator"}.get(word, "variable")
        raise SpecError(f"'{text}': write {word}({what}){pair}", place)
    if word == "cor":
        return Address("cor", level=inside)
    return Address("skew" if word == "skew" else "reliability", effect=Term(inside))


def _residual(text: str, place: Place) -> Address:
    sides = [side.strip() for side in text.split("<->")]
    if any("->" in side for side in sides):
        raise SpecError(
            f"'{text}': a single correlation other than that of two courses is {NOT_OURS}; the nearest are a(client) <-> b(client) "
            "and cor(client), all of a level together",
            place,
        )
    if len(sides) != 2 or any("," in side for side in sides):
        raise SpecError(f"'{text}': a prior goes on one pair, a <-> b", place)
    one, other = (parse_term(side, place) for side in sides)
    if one == other:
        raise SpecError(f"'{text}': a residual correlation has two different sides; a spread is sigma({one})", place)
    return Address("residual", factors=((one, 1), (other, 1)))


def _arrow(text: str, place: Place) -> Address:
    steps = [step.strip() for step in text.split("->")]
    if len(steps) > 2:
        raise SpecError(
            f"'{text}': a prior goes on one arrow, {' or '.join(_pairs(steps))}; "
            "`mx.simulate` shows what your priors imply for an indirect effect",
            place,
        )
    causes, effect = steps
    if "," in text:
        first = f"{causes.split(',')[0].strip()} -> {effect.split(',')[0].strip()}"
        raise SpecError(f"'{text}': a prior goes on one arrow; write each by itself, beginning with {first}", place)
    factors = tuple(_factor(factor, text, place) for factor in causes.split("*"))
    target = parse_term(effect, place)
    if factors == ((CONSTANT, 1),):
        return Address("intercept", effect=target)
    if any(term == CONSTANT for term, _ in factors) or target == CONSTANT:
        raise SpecError(f"'{text}': 1 stands alone before the arrow, 1 -> y", place)
    if len({term for term, _ in factors}) < len(factors):
        raise SpecError(f"'{text}': a term is multiplied by itself; the square is written x^2", place)
    return Address("coefficient", factors, target)


def _pairs(steps: list[str]) -> list[str]:
    return [f"{one} -> {other}" for one, other in itertools.pairwise(steps)]


def _factor(text: str, whole: str, place: Place) -> Factor:
    body, hat, power = text.strip().partition("^")
    if hat and not re.fullmatch(r"[1-9][0-9]?", power.strip()):
        raise SpecError(f"'{whole}': '{power}' is not a power; write x^2", place)
    piece = re.fullmatch(r"(.+)\[([1-9][0-9]?)\]", body.strip())
    if piece is None:
        return parse_term(body, place), int(power) if hat else 1
    if hat:
        raise SpecError(f"'{whole}': a column of a curve has no powers", place)
    return replace(parse_term(piece[1], place), piece=int(piece[2])), 1
