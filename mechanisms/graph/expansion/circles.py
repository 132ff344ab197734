"""Circles: at one occasion, and among courses at each level (R14). Feedback needs an earlier occasion."""

from collections.abc import Iterator

import networkx as nx

from mechanisms.errors import SpecError
from mechanisms.graph.expansion.coefficients import Coefficient, condition_names
from mechanisms.graph.expansion.courses import find_owned
from mechanisms.graph.expansion.options import frame
from mechanisms.graph.levels import Design, computed_from, course_weights
from mechanisms.spec.terms import Occasions
from mechanisms.spec.theory import Theory

Node = tuple[str, str]  # a variable and the level of the units it is taken for
Edge = tuple[Node, Node]


def refuse_circles(theory: Theory, coefficients: tuple[Coefficient, ...], design: Design) -> None:
    """A `SpecError` that names the circle with its levels: `a (client) -> y (client) -> a (client)`."""
    drawn: nx.DiGraph[Node] = nx.DiGraph()
    for tail, head in edges(coefficients, design):
        drawn.add_edge(tail, head)
    try:
        found: list[Node] = [edge[0] for edge in nx.find_cycle(drawn)]
    except nx.NetworkXNoCycle:
        return
    order = {name: number for number, name in enumerate(design.levels)}
    start = min(range(len(found)), key=lambda index: order[found[index][0]])
    circle = [*found[start:], *found[:start]]
    names = {name for name, _ in circle}
    closing = [a for a in theory.arrows if a.cause.name == circle[-1][0] and a.effect.name == circle[0][0]]
    places = closing or [arrow for arrow in theory.arrows if {arrow.cause.name, arrow.effect.name} <= names]
    place = places[0].place if places else theory.place
    shown = " -> ".join(f"{name} ({level})" for name, level in (*circle, circle[0]))
    steps = zip(circle, [*circle[1:], circle[0]], strict=True)
    late = [one for (one, _), (other, _) in steps if design.repeated(one) and design.repeated(other)]
    later = f"One of them comes later: {late[-1]}(t-1)" if late else "Reverse or remove one arrow"
    raise SpecError(f"a circle: {shown}. {later}", place)


def edges(coefficients: tuple[Coefficient, ...], design: Design) -> Iterator[Edge]:
    """What moves what without a lag: a variable at its own level, and its course at each level above."""
    for each in coefficients:
        yield from _own_edges(each, design)
        name = each.effect.name
        for term in (term for product in each.moderators for term in product if term.when is None):
            yield (term.name, design.units(term)), (name, frame(each, design))
        conditions = each.arrow.only_when if each.arrow else None
        for other in condition_names(conditions):
            if other in design.levels and each.cause.when is None:
                yield (other, design.level(other)), (name, frame(each, design))
    for name, level in design.levels.items():
        for above in design.lattice.above(level):
            yield (name, above), (name, level)
        yield from _declared_edges(name, design)
    for what, variable in find_owned(coefficients, design).items():
        yield from _coefficient_variable(what, variable.name, coefficients, design)


def _own_edges(each: Coefficient, design: Design) -> Iterator[Edge]:
    lattice, cause, effect = design.lattice, each.cause, each.effect.name
    target = design.level(effect)
    if isinstance(cause.when, Occasions):
        if cause.name != effect:  # it acts at its own occasion too, and after
            yield (cause.name, design.level(cause.name)), (effect, target)
        return
    if cause.when or each.carries == "trend":
        return
    if each.carries == "departure":
        yield (cause.name, each.units), (effect, each.units)
        return
    for level in (each.units, *lattice.above(each.units)):
        if level == target or lattice.lies_below(target, level):
            yield (cause.name, level), (effect, level)


def _declared_edges(name: str, design: Design) -> Iterator[Edge]:
    """What a variable's declaration says: components, conditions, indicators."""
    level = design.level(name)
    variable = design.variables.get(name)
    if variable is None:
        return
    for term in computed_from(variable):
        if term.when is None and term.name in design.levels:
            yield (term.name, level), (name, level)
        elif isinstance(term.when, Occasions) and level not in design.lattice.time and term.name in design.levels:
            yield (term.name, design.level(term.name)), (name, level)
    for other in course_weights(design, name):
        yield from (((other, one), (name, one)) for one in design.lattice.above(level) if other in design.levels)
    for other in condition_names(variable.only_when):
        if other in design.levels:
            yield (other, design.level(other)), (name, level)
    for indicator in variable.measured_by or ():
        for one in (level, *design.lattice.above(level)):
            yield (name, one), (indicator, one)


def _coefficient_variable(
    what: str, name: str, coefficients: tuple[Coefficient, ...], design: Design
) -> Iterator[Edge]:
    """A unit's own slope moves what its arrow moves: a trend its course, any other arrow and a spread its value."""
    level = design.level(name)
    target = what.rpartition("->")[2].strip().removeprefix("sigma(").removesuffix(")")
    if target not in design.levels:
        return
    trend = any(each.address == what and each.carries == "trend" for each in coefficients)
    yield (name, level), (target, level if trend else design.level(target))
