"""Courses, and how they are joined: the pair rule R8 of the language.

Every modelled variable has an intercept that varies at each level above its own. At each level every two varying
quantities are joined exactly once, by the arrow drawn between them there or else by a correlation: with both, four
numbers would stand for three moments. Deviations of indicators are independent unless `<->` is drawn, and curves by gp always.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from mechanisms.graph.expansion.coefficients import Coefficient, Correlation, Course
from mechanisms.graph.expansion.parts import Intercepts
from mechanisms.graph.levels import Design, computed_from
from mechanisms.spec.terms import CONSTANT, Term
from mechanisms.spec.theory import HiddenCause, Theory, Variable

Coefficients = tuple[Coefficient, ...]


@dataclass(frozen=True)
class _Quantity:
    """Something that varies among the units of a level: its address, and whose course it is, if one."""

    address: str
    effect: Term | None = None
    alone: bool = False  # an indicator's deviation, or a process


def find_courses(
    theory: Theory, coefficients: Coefficients, design: Design, intercepts: Intercepts
) -> tuple[Course, ...]:
    """A course for every modelled variable at every level above its own."""
    found: list[Course] = []
    for effect in _modelled(theory, coefficients, design):
        own_level = design.level(effect.name)
        for level in design.lattice.above(own_level):
            own = level in intercepts.get(str(effect), ())
            ours = [each for each in coefficients if each.effect == effect]
            moved = tuple(each.address for each in ours if _moves(each, level, design))
            slopes = tuple(each.address for each in ours if level in each.varies_by)
            if effect.spread in ("sigma", "precision") and not own:
                continue
            reason = f"an intercept of its own for each {level}" if own else f"no intercept of its own for each {level}"
            found.append(Course(effect, level, own, moved, slopes, f"{reason} (R8)"))
    return tuple(found)


def find_correlations(
    theory: Theory, coefficients: Coefficients, courses: tuple[Course, ...], design: Design
) -> tuple[Correlation, ...]:
    """How every two quantities that vary at a level are joined there."""
    return tuple(
        _join(one, other, level, coefficients, theory.hidden, design)
        for level in design.lattice.names
        for one, other in combinations(_quantities(coefficients, courses, design, level), 2)
        if not (one.alone or other.alone) or _drawn(one, other, level, theory.hidden)
    )


def _moves(coefficient: Coefficient, level: str, design: Design) -> bool:
    """Whether a coefficient is a term of the course at this very level: a cause or a course there, or a trend."""
    if coefficient.carries == "trend":
        return design.lattice.client(coefficient.units) == level
    return moves_course(coefficient, design) and coefficient.units == level


def moves_course(coefficient: Coefficient, design: Design) -> bool:
    """Whether a coefficient is a term of a course: what differs between the units of a coarser level, departures too."""
    units, own = coefficient.units, design.level(coefficient.effect.name)
    return coefficient.carries not in ("trend", "loading") and design.lattice.lies_below(own, units)


def joins(coefficient: Coefficient, level: str, design: Design) -> bool:
    """Whether a coefficient carries what varies at a level: courses do, and values at this occasion; departures not."""
    cause = coefficient.cause
    variable = design.variables.get(cause.name)
    whole = coefficient.carries == "whole" and cause.when is None and not (variable and computed_from(variable))
    value = coefficient.carries == "value" and cause.when is None
    if not (whole or value or coefficient.carries == "course"):
        return False
    return coefficient.units == level or design.lattice.lies_below(coefficient.units, level)


def find_owned(coefficients: Coefficients, design: Design) -> dict[str, Variable]:
    """The coefficient variables by the address of what they are: `session -> alliance`, `sigma(mood)`.

    Of an arrow that stands for two coefficients it is the one that varies by the variable's level.
    """
    found: dict[str, Variable] = {}
    for variable in design.variables.values():
        if variable.computed and not computed_from(variable):
            text = " ".join(variable.computed.split())
            split = [
                each.address
                for each in coefficients
                if f"{each.said} -> {each.effect}" == text and design.level(variable.name) in each.varies_by
            ]
            found[split[0] if split else text] = variable
    return found


def _modelled(theory: Theory, coefficients: Coefficients, design: Design) -> tuple[Term, ...]:
    """Every term with an equation: what is pointed at, latents, and exogenous causes whose course is needed."""
    pointed = [each.effect for each in coefficients] + [a.effect for a in theory.arrows if a.cause == CONSTANT]
    split = {each.cause.name for each in coefficients if each.carries in ("departure", "course")}
    found: dict[Term, None] = {}
    owned = {f"1 -> {spread}" for spread in find_owned(coefficients, design)}
    for name in design.levels:
        variable = design.variables.get(name)
        if variable and computed_from(variable):
            continue
        ours = [term for term in pointed if term.name == name]
        observed = variable is not None and variable.centre == "observed"
        latent = variable is not None and (variable.measured_by is not None or variable.computed is not None)
        if ours or latent or name in design.indicators or (name in split and not observed):
            zeros = variable is not None and variable.zeros
            found |= dict.fromkeys(Term(name, spread=part) for part in (("any", "amount") if zeros else (None,)))
        spreads = [term for term in ours if term.spread in ("sigma", "precision") and f"1 -> {term}" not in owned]
        found |= dict.fromkeys(spreads)
    return tuple(found)


def _quantities(
    coefficients: Coefficients, courses: Iterable[Course], design: Design, level: str
) -> Iterator[_Quantity]:
    owned = find_owned(coefficients, design)
    for course in courses:
        if course.own and course.level == level:
            yield _Quantity(f"1 -> {course.effect}", course.effect, course.effect.name in design.indicators)
    for each in coefficients:
        owner = owned.get(each.address)
        above = owner is not None and design.level(owner.name) in (level, *_below(level, design))
        if level in each.varies_by and not above:
            yield _Quantity(each.address, alone=each.shape.kind == "gp")
    for variable in owned.values():
        if design.level(variable.name) == level:
            yield _Quantity(variable.name, Term(variable.name))


def _below(level: str, design: Design) -> tuple[str, ...]:
    return tuple(name for name in design.lattice.names if design.lattice.lies_below(name, level))


def _join(
    one: _Quantity,
    other: _Quantity,
    level: str,
    coefficients: Coefficients,
    hidden: tuple[HiddenCause, ...],
    design: Design,
) -> Correlation:
    drawn = _drawn(one, other, level, hidden)
    if drawn:
        return Correlation(level, one.address, other.address, None, f"correlated: {drawn} is drawn")
    arrows = [
        each
        for each in coefficients
        for cause, effect in ((one.effect, other.effect), (other.effect, one.effect))
        if cause and effect and each.cause.name == cause.name and each.effect == effect and joins(each, level, design)
    ]
    arrows.sort(key=lambda each: each.units != level)  # the part of this very level first
    if not arrows:
        return Correlation(level, one.address, other.address, None, "correlated: no arrow joins them there (R8)")
    arrow = arrows[0]
    stands_in = f"; the {arrow.units} coefficient stands in for the {level}'s" if arrow.units != level else ""
    reason = f"joined by the arrow {arrow.address}{stands_in} (R8)"
    return Correlation(level, one.address, other.address, arrow.address, reason)


def _drawn(one: _Quantity, other: _Quantity, level: str, hidden: tuple[HiddenCause, ...]) -> HiddenCause | None:
    """The `<->` between two courses that is drawn at this level."""
    if one.effect is None or other.effect is None:
        return None
    names = {one.effect.name, other.effect.name}
    for pair in hidden:
        if {pair.one.name, pair.other.name} == names and level in (pair.one.part, pair.other.part):
            return pair
    return None
