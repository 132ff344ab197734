"""Arrows that say a thing twice or reach nothing, and priors that address several coefficients (language 1.7, 1.9)."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from mechanisms.errors import SpecError, did_you_mean
from mechanisms.graph.expansion.coefficients import Coefficient
from mechanisms.graph.expansion.parts import is_loading
from mechanisms.graph.levels import Design, computed_from
from mechanisms.spec.addresses import Address, parse_address
from mechanisms.spec.terms import CONSTANT, Term
from mechanisms.spec.theory import Arrow, Prior, Theory

_SEVERAL = ("quadratic", "polynomial")


def refuse_arrows(theory: Theory, design: Design) -> None:
    """A `SpecError` for arrows into what is computed, for a part said beside the whole, of a cause or of an effect."""
    for arrow in theory.arrows:
        target = design.variables.get(arrow.effect.name)
        if target and computed_from(target):
            message = f"{arrow}: {target.name} is computed; draw the arrow into what it is computed from"
            raise SpecError(message, arrow.place)
    pairs: dict[tuple[str, str], list[Arrow]] = {}
    for arrow in theory.arrows:
        if arrow.cause != CONSTANT:
            pairs.setdefault((arrow.cause.name, arrow.effect.name), []).append(arrow)
    for arrows in pairs.values():
        for one, other in combinations(arrows, 2):
            _refuse_cause_twice(other, one, design)
            _refuse_effect_twice(other, one)


def _refuse_cause_twice(one: Arrow, other: Arrow, design: Design) -> None:
    """R7: who names one part of a cause names them all; its course beside a value without occasions is a contrast."""
    same = replace(one.cause, part=None) == replace(other.cause, part=None) and one.effect == other.effect
    own = design.level(one.cause.name)
    if not same or is_loading(design, one.cause, one.effect):
        return
    bare, named = (one, other) if one.cause.part is None else (other, one)
    if bare.cause.part is not None or named.cause.part is None:
        return
    repeated = design.repeated(bare.cause.name) and design.client(bare.cause.name) is not None
    if design.level(bare.effect.name) == own if repeated else named.cause.part in (own, "whole"):
        parts = [replace(bare.cause, part=part) for part in (own, *design.lattice.above(own)[:1])]
        split = bare.cause.when is None and len(parts) > 1
        both = f"write {parts[0]} and {parts[1]}" if split else f"write {bare.cause} alone"
        message = f"{bare}: name one part of a cause and you name them all; beside {named.cause} {both}"
        raise SpecError(message, bare.place)


def _refuse_effect_twice(one: Arrow, other: Arrow) -> None:
    """An arrow into a variable reaches everything that makes its mean; a part of the same is then said again."""
    if one.cause != other.cause or one.effect.name != other.effect.name:
        return
    whole, part = (one, other) if one.effect.plain else (other, one)
    if not whole.effect.plain or part.effect.plain or part.effect.spread in ("sigma", "precision"):
        return
    means = "both parts" if part.effect.spread else "every step"
    raise SpecError(f"{whole} already means {means}; {part} says one of them again", part.place)


def refuse_priors(theory: Theory, coefficients: tuple[Coefficient, ...], design: Design) -> None:
    """A prior on an arrow that stands for several coefficients has to say which."""
    for prior in theory.priors:
        for text in (prior.address, prior.same_as):
            if text is not None:
                address = parse_address(text, prior.place)
                level = address.level if address.kind == "sd" else None
                inner = address.of if address.kind == "sd" else address
                if inner is not None and inner.kind == "coefficient":
                    _refuse_prior(prior, text, inner, level, coefficients, design)


def _refuse_prior(
    prior: Prior, text: str, address: Address, level: str | None, coefficients: tuple[Coefficient, ...], design: Design
) -> None:
    effect = address.effect
    if effect is None or any(is_loading(design, term, effect) for term, _ in address.factors):
        return
    ours = [each for each in coefficients if level is None or level in each.varies_by]
    whole = _of_every_value(address, design)
    exact = {shown for each in ours for one in (address, whole) for shown in _addresses(each, one, said=False)}
    if exact:
        return
    found = list(dict.fromkeys(shown for each in ours for shown in _addresses(each, address, said=True)))
    if len(found) > 1:
        shown = " | ".join(f"sd({one} | {level})" if level else one for one in found)
        raise SpecError(
            f"prior on '{text}': that arrow stands for {len(found)} coefficients; say which: {shown}", prior.place
        )
    if not found:
        hint = did_you_mean(str(address), [each.address for each in ours])
        raise SpecError(f"prior on '{text}': no such parameter.{hint}", prior.place)


def _of_every_value(address: Address, design: Design) -> Address:
    """`x -> y=v` of a categorical y as the arrow that it may come from, `x -> y`, which has a coefficient for each value."""
    variable = design.variables.get(address.effect.name) if address.effect else None
    if address.effect is None or variable is None or variable.family != "categorical":
        return address
    return replace(address, effect=replace(address.effect, value=None))


def _addresses(each: Coefficient, address: Address, *, said: bool) -> Iterator[str]:
    """The addresses of a coefficient and its products that a prior's address means, exactly or by what was written."""
    effect, wanted = each.effect, address.effect
    if wanted is None or wanted not in ((effect, replace(effect, spread=None)) if said else (effect,)):
        return
    powers = {power for _, power in address.factors}
    if max(powers) > 1 and each.shape.kind not in _SEVERAL:
        return
    terms = [replace(term, piece=None) for term, _ in address.factors]
    for product in ((), *each.moderators):
        own = (each.said or each.cause) if said else each.cause
        if _same(terms, [own, *product]) or (said and _same(terms, [each.cause, *product])):
            yield f"{' * '.join(map(str, (each.cause, *product)))} -> {effect}"


def _same(terms: list[Term], others: list[Term]) -> bool:
    """Whether the terms are the same in any order; a category addresses the variable's own coefficient too."""
    left = list(others)
    for term in terms:
        match = next((one for one in left if one in (term, replace(term, value=None))), None)
        if match is None:
            return False
        left.remove(match)
    return not left
