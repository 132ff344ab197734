"""Which coefficients of an entry its options reach (R9), and the products that a list of moderators stands for."""

from dataclasses import replace
from itertools import combinations

from mechanisms.errors import SpecError
from mechanisms.graph.expansion.coefficients import Coefficient, Product
from mechanisms.graph.levels import Design
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import Arrow


def give_options(arrow: Arrow, coefficients: list[Coefficient], design: Design) -> list[Coefficient]:
    """The coefficients with the moderators, levels and conditions that reach them; what reaches none is an error."""
    varying = {level: _reached_by(level, arrow, coefficients, design) for level in arrow.varies_by or ()}
    products = list_moderators(arrow)
    for product in products:
        strange = next(
            (term for term in product if not any(moderates(term, each, design) for each in coefficients)), None
        )
        if strange is not None and coefficients:
            level = frame(coefficients[0], design)
            course = replace(strange, part=level, when=None)
            remedy = "" if design.trend(strange.name) else f"; its course is {course}"
            raise SpecError(f"{arrow}: moderator {strange} varies within {level}{remedy}", arrow.place)
    return [
        replace(
            each,
            moderators=tuple(p for p in products if all(moderates(term, each, design) for term in p)),
            varies_by=tuple(level for level, reached in varying.items() if each in reached),
            only_when=arrow.only_when,
        )
        for each in coefficients
    ]


def list_moderators(arrow: Arrow) -> tuple[Product, ...]:
    """Every product that a list of moderators stands for, shorter ones first: `w * z` is w, z and w*z."""
    found: dict[frozenset[Term], Product] = {}
    for product in arrow.moderated_by:
        if arrow.cause in product:
            message = f"{arrow}: a variable does not moderate itself; that is shape: quadratic"
            raise SpecError(message, arrow.place)
        for size in range(1, len(product) + 1):
            for part in combinations(product, size):
                found.setdefault(frozenset(part), part)
    return tuple(found.values())


def frame(coefficient: Coefficient, design: Design) -> str:
    """The units for which a coefficient may differ by a moderator: its part's, else the effect's."""
    return coefficient.units if coefficient.carries == "course" else design.level(coefficient.effect.name)


def moderates(term: Term, coefficient: Coefficient, design: Design) -> bool:
    """Whether a moderator does not vary within the units that a coefficient compares."""
    level, units = design.units(term), frame(coefficient, design)
    return level == units or design.lattice.lies_below(units, level)


def _reached_by(level: str, arrow: Arrow, coefficients: list[Coefficient], design: Design) -> list[Coefficient]:
    """Those whose cause varies within the units of a level: below it, or crossed with it where the effect lies below."""
    lattice = design.lattice
    if level not in lattice.names:
        raise SpecError(f"{arrow}: varies_by: unknown level '{level}'", arrow.place)
    below = [each for each in coefficients if lattice.lies_below(each.units, level)]
    crossed = [
        each
        for each in coefficients
        if lattice.lies_below(design.level(each.effect.name), level)
        and each.units != level
        and not lattice.lies_below(level, each.units)
    ]
    if coefficients and not (below or crossed):
        raise SpecError(f"{arrow}: varies_by {level}: nothing in this arrow varies below it", arrow.place)
    return below or crossed
