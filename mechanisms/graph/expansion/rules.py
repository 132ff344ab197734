"""What a theory stands for: its coefficients, written ones first, then those its moderators and conditions imply.

The rules are those of language 1.7; chains and sets (R16) are taken apart by the reader already.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from mechanisms.errors import NOWHERE, SpecError, expect
from mechanisms.graph.expansion.additions import (
    Key,
    attach,
    is_denied,
    is_given,
    list_brought,
    refuse_idle_denials,
)
from mechanisms.graph.expansion.circles import refuse_circles
from mechanisms.graph.expansion.coefficients import Coefficient, Expansion
from mechanisms.graph.expansion.courses import find_correlations, find_courses, find_owned
from mechanisms.graph.expansion.cuts import refuse_cut
from mechanisms.graph.expansion.equations import write_equations
from mechanisms.graph.expansion.options import give_options
from mechanisms.graph.expansion.parts import Intercepts, Part, find_intercepts, is_loading, list_loadings, split
from mechanisms.graph.expansion.refusals import refuse_arrows, refuse_priors
from mechanisms.graph.levels import Design, survey
from mechanisms.spec.terms import CONSTANT, Term
from mechanisms.spec.theory import LINEAR, Arrow, Theory


def expand(theory: Theory) -> Expansion:
    """The coefficients of a theory, written first and then added, each with its reason.

    An arrow of a repeated cause stands for its within and its between coefficient (R1), a lagged one for the within
    (R2); a written part for itself. A product `w * z` that moderates `x -> y` brings `w`, `z` and `w * z`; its own
    lower-order product `w * z -> y` counts as `w` moderated by `z` (by the next factor where `without` denies the
    first; it goes where all are denied).
    """
    expect(theory, Theory, "the theory", "mx.load or mx.parse makes one")
    return _expand(_One(theory))


class _One:
    """A theory by identity: what an equal one stands for may lie at other lines of its file."""

    def __init__(self, theory: Theory) -> None:
        self.theory = theory

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _One) and self.theory is other.theory

    def __hash__(self) -> int:
        return id(self.theory)


@lru_cache(maxsize=16)
def _expand(one: _One) -> Expansion:
    """The expansion of one theory, which its equations, its graph and every question ask for again."""
    theory = one.theory
    design = survey(theory)
    refuse_arrows(theory, design)
    intercepts = find_intercepts(theory, design)
    written = [each for arrow in theory.arrows for each in _written(arrow, design, intercepts)]
    table = {(each.cause, each.effect): each for each in written}
    _refuse_said_twice(written)
    spent: set[Key] = set()
    for source in written:
        for cause, word, why in list_brought(source, design):
            for each in _added(cause, source, word, why, design, intercepts):
                denials = is_denied(cause, each.effect, theory) | is_denied(each.cause, each.effect, theory)
                given = (each.cause, each.effect) in table or is_given(cause, each.effect, theory.arrows, design)
                if not given and not denials:
                    table[each.cause, each.effect] = each
                spent |= denials - table.keys()
        for product in source.moderators:
            if len(product) > 1:
                attach(table, source, product, design)
    refuse_idle_denials(theory, spent)
    added = [each for each in table.values() if not each.written]
    found = (*(table[each.cause, each.effect] for each in written), *added)
    whole = Expansion(found, theory.hidden, loadings=list_loadings(theory))
    if theory.levels:  # with a single level, whoever draws the graph finds its circles
        refuse_circles(theory, found, design)
        courses = find_courses(theory, found, design, intercepts)
        whole = replace(whole, courses=courses, correlations=find_correlations(theory, found, courses, design))
    return replace(whole, equations=write_equations(whole, design, find_owned(found, design)))


def check_expansion(theory: Theory) -> Expansion:
    """The expansion of a theory that makes sense as one: no circle, no prior on several coefficients, no cut question.

    Raises
    ------
    SpecError
        What `expand` refuses; a circle at one occasion or among courses (R14); a prior whose arrow stands for several
        coefficients, which are named; an indirect effect whose path is cut (R13), with the arrow to draw.
    """
    expansion, design = check_coefficients(theory), survey(theory)
    for question in theory.questions:
        refuse_cut(theory, expansion, question, design)
    return expansion


def check_coefficients(theory: Theory) -> Expansion:
    """The same without a look at the questions: what one of them asks in vain is no fault of the others."""
    expansion, design = expand(theory), survey(theory)
    refuse_circles(theory, expansion.coefficients, design)
    refuse_priors(theory, expansion.coefficients, design)
    return expansion


def _written(arrow: Arrow, design: Design, intercepts: Intercepts) -> list[Coefficient]:
    """The coefficients of one written arrow; none for `1 -> y` and for loadings without options of their own."""
    if arrow.cause == CONSTANT:
        return []
    plain = not (arrow.moderated_by or arrow.varies_by or arrow.only_when or arrow.cause.part)
    if plain and is_loading(design, arrow.cause, arrow.effect):
        return []
    found: list[Coefficient] = []
    for effect in _effects(arrow.effect, design):
        parts = split(arrow, effect, design, intercepts)
        made = [_coefficient(part, effect, arrow, design) for part in parts]
        found += give_options(arrow, made, design)
    return found


def _coefficient(part: Part, effect: Term, arrow: Arrow, design: Design) -> Coefficient:
    return Coefficient(
        part.term,
        effect,
        part.shape,
        (),
        True,
        f"written; {part.reason}" if part.reason else "written",
        arrow,
        carries=part.carries,
        units=design.units(part.term),
        said=arrow.cause,
    )


def _effects(effect: Term, design: Design) -> Iterator[Term]:
    """An arrow into a variable with excess zeros reaches both of its parts (language 1.6)."""
    variable = design.variables.get(effect.name)
    spreads = ("any", "amount") if variable and variable.zeros and effect.plain else (effect.spread,)
    for spread in spreads:
        yield replace(effect, spread=spread)


def _added(
    cause: Term, source: Coefficient, word: str, why: str, design: Design, intercepts: Intercepts
) -> Iterator[Coefficient]:
    """An automatic arrow's coefficients: the same rules as for a written one without options."""
    place = source.arrow.place if source.arrow else NOWHERE
    arrow = Arrow(cause=cause, effect=source.effect, place=place)
    for part in split(arrow, source.effect, design, intercepts):
        made = _coefficient(part, source.effect, arrow, design)
        reason = f"added: {why}" + (f"; {part.reason}" if part.reason else "")
        yield replace(made, written=False, reason=reason, arrow=source.arrow, added=word, shape=LINEAR)


def _refuse_said_twice(written: list[Coefficient]) -> None:
    """Each coefficient and each product is said once, by the terms as written and by the parts they stand for."""
    seen: dict[tuple[frozenset[Term], Term], tuple[Term, Coefficient]] = {}
    for each in written:
        for cause in dict.fromkeys((each.said or each.cause, each.cause)):
            for product in ((), *each.moderators):
                factors = frozenset((cause, *product))
                first, other = seen.setdefault((factors, each.effect), (cause, each))
                if other is not each and other.arrow is not each.arrow:
                    text = " * ".join(map(str, (first, *sorted((t for t in factors if t != first), key=str))))
                    hint = f": {first} moderating {cause} is {cause} moderating {first}"
                    message = f"{text} -> {each.effect} is said twice{hint if product else ''}"
                    raise SpecError(message, each.arrow.place if each.arrow else NOWHERE)
