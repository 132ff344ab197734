"""The arrows that nobody wrote: a moderator's own, the lower-order products', a condition's (R10, R11).

The principle is Nelder's (1977) marginality: a product stands with the lower-order terms that it contains, unless the
author denies them with `without`.
"""

from collections.abc import Iterator
from dataclasses import replace

from mechanisms.errors import SpecError
from mechanisms.graph.expansion.coefficients import Coefficient, Product
from mechanisms.graph.expansion.options import moderates
from mechanisms.graph.levels import Design
from mechanisms.spec.influences import list_implied
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import Arrow, Theory

Key = tuple[Term, Term]


def list_brought(source: Coefficient, design: Design) -> Iterator[tuple[Term, str, str]]:
    """The main effects that a coefficient brings along (R11): (cause, the language's word, the reason in words).

    Of what its arrow brings, the moderators that reach this coefficient, and no condition on occasions for a course,
    which is there all the same.
    """
    shown = f"{source.said or source.cause} -> {source.effect}"
    if source.arrow is None:
        return
    for term, word, own in list_implied(source.arrow, design.variables, design.lattice, design.levels):
        if word == "moderator" and (term,) in source.moderators:
            yield term, word, f"{term} moderates {shown}"
        elif word == "only_when" and (own or not design.lattice.lies_below(design.level(term.name), source.units)):
            yield term, word, f"{shown} exists only for some {term.name}"


def is_given(cause: Term, effect: Term, arrows: tuple[Arrow, ...], design: Design) -> bool:
    """Whether an arrow for this term, or (for a repeated cause at this occasion) for a part of it, is written."""
    goals = {effect, replace(effect, spread=None), replace(effect, value=None)}
    for arrow in arrows:
        same = replace(arrow.cause, part=None) == cause and design.repeated(cause.name) and cause.when is None
        if arrow.effect in goals and (arrow.cause == cause or same):
            return True
    return False


def attach(table: dict[Key, Coefficient], source: Coefficient, product: Product, design: Design) -> None:
    """Give `product -> effect` to the first of its factors with a coefficient of its own, unless it is there."""
    same = [each for each in table.values() if each.effect == source.effect]
    if any(set(product) == {each.said or each.cause, *other} for each in same for other in each.moderators):
        return
    for factor in product:
        owners = [each for each in same if factor in (each.said, each.cause)]
        others = tuple(term for term in product if term != factor)
        for owner in owners:
            if all(moderates(term, owner, design) for term in others):
                shown = f"{source.said or source.cause} -> {source.effect}"
                reason = f"{owner.reason}; {'*'.join(map(str, product))} moderates {shown}"
                changed = replace(owner, moderators=(*owner.moderators, others), reason=reason)
                table[owner.cause, owner.effect] = changed
        if owners:
            return


def refuse_idle_denials(theory: Theory, spent: set[Key]) -> None:
    """`without` must leave something out; a theory `based_on` another may have removed the arrow already."""
    for cause, effect in theory.without:
        if (cause, effect) not in spent and theory.based_on is None:
            drawn = any((arrow.cause, arrow.effect) == (cause, effect) for arrow in theory.arrows)
            fault = "it is drawn; draw it or leave it out" if drawn else "there is no such arrow to leave out"
            raise SpecError(f"without: '{cause} -> {effect}': {fault}", theory.place)


def is_denied(cause: Term, effect: Term, theory: Theory) -> set[Key]:
    """Those of the theory's denials that leave out this arrow."""
    keys = {(cause, effect), (cause, replace(effect, spread=None)), (cause, replace(effect, value=None))}
    return keys & set(theory.without)
