"""The arrows that nobody wrote: a moderator's own, the lower-order products', a condition's (R10, R11).

The principle is Nelder's (1977) marginality: a product stands with the lower-order terms that it contains, unless the
author denies them with `without`.
"""

from collections.abc import Iterator
from dataclasses import replace

from mechanisms.errors import SpecError
from mechanisms.graph.expansion.coefficients import Coefficient, Product, condition_names
from mechanisms.graph.expansion.options import moderates
from mechanisms.graph.levels import Design
from mechanisms.spec.terms import Occasions, Term
from mechanisms.spec.theory import Arrow, Theory

Key = tuple[Term, Term]


def list_implied(source: Coefficient, design: Design) -> Iterator[tuple[Term, str, str]]:
    """The main effects that a coefficient brings along: (cause, the language's word, the reason in words)."""
    shown = f"{source.said or source.cause} -> {source.effect}"
    for product in source.moderators:
        if len(product) == 1:
            yield product[0], "moderator", f"{product[0]} moderates {shown}"
    if source.arrow is None:
        return
    effect = design.variables.get(source.effect.name)
    kept = (*condition_names(effect.only_when if effect else None), *_level_condition(source.effect, design))
    cause = design.variables.get(source.cause.name)
    of_cause = (*condition_names(cause.only_when if cause else None), *_level_condition(source.cause, design))
    of_arrow = condition_names(source.arrow.only_when)
    for name in dict.fromkeys((*of_arrow, *of_cause)):
        if name in kept or name in (source.cause.name, source.effect.name) or name in design.lattice.names:
            continue
        if name not in of_arrow and design.lattice.lies_below(design.level(name), source.units):
            continue  # the condition chooses among occasions; a course is there all the same
        when = source.cause.when if design.repeated(name) else None
        yield Term(name, when=when), "only_when", f"{shown} exists only for some {name}"


def _level_condition(term: Term, design: Design) -> tuple[str, ...]:
    return condition_names(design.lattice.condition(design.level(term.name)))


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


def occasion_of(term: Term) -> int | None:
    """The occasion that a term names, if it names one."""
    return term.when.first if isinstance(term.when, Occasions) else None
