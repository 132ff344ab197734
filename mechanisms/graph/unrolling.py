"""The graph of a theory with levels over time: departures `alliance(5)`, courses `alliance(client)`, plain names else.

A repeated variable's value at an occasion is its course plus its departure, and each has a node of its own: arrows that
carry departures join departures, arrows that carry courses join courses, and whole values start from both. So a client's
level cannot travel by an arrow that carries departures only (R13), and no path cancels another. A variable without an
intercept of its own (a hazard) has no course: what moves it moves each occasion. A course has one node for all
occasions, so a cause that acts from some occasion on (`only_when: {session: 1..}`) is drawn into the whole course.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from mechanisms.graph.expansion import Coefficient, Expansion, check_coefficients, computed_from
from mechanisms.graph.expansion.coefficients import condition_names
from mechanisms.graph.expansion.courses import find_owned, moves_course
from mechanisms.graph.graph import Edge, Graph, causal_order, variable_of
from mechanisms.graph.levels import Design, course_weights, find_occasions, restrict, survey
from mechanisms.spec.terms import Occasions, Relative, Term, parse_term
from mechanisms.spec.theory import Condition, Span, Theory, Variable

HORIZON = 4


@dataclass(frozen=True)
class _Time:
    """The occasions, and at which of them each variable and each arrow exists."""

    theory: Theory
    design: Design
    grid: tuple[int, ...]

    def occurs(self, name: str) -> bool:
        """Whether a variable has values at occasions."""
        return occurs(self.design, name)

    def exists(self, condition: Condition | None, occasion: int) -> bool:
        """Whether a condition on time holds at an occasion; other conditions hold for some units at every one."""
        for name, said in condition.values if condition else ():
            if name in self.design.lattice.time:
                inside = occasion in said if isinstance(said, Span) else occasion in {_number(value) for value in said}
                if not inside:
                    return False
        return True

    def at(self, name: str, occasion: int) -> Iterator[str]:
        """The node of a variable at an occasion, where it exists."""
        variable = self.design.variables.get(name)
        if occasion in self.grid and self.exists(variable.only_when if variable else None, occasion):
            yield f"{name}({occasion})"

    def before(self, occasion: int, term: Term) -> int:
        """The occasion of a term seen from another: the K-th before it in the grid, or the one it names."""
        if isinstance(term.when, Occasions):
            return term.when.first
        steps = term.when.steps if isinstance(term.when, Relative) else 0
        place = self.grid.index(occasion) + steps
        return self.grid[place] if place >= 0 else -1


def occurs(design: Design, name: str) -> bool:
    """Whether a variable has values at occasions: its level is ordered, or lies below one that is."""
    level, lattice = design.level(name), design.lattice
    return level in lattice.time or any(lattice.lies_below(level, time) for time in lattice.time)


def unroll(theory: Theory, horizon: int | None = None) -> Graph:
    """The graph over the occasions of the grid, or the first `horizon` of them.

    Without a grid these are whole numbers, four of them or as many as the theory and its questions name.

    Courses and departures are known through the data as latent variables are through their indicators. Courses that R8
    correlates share a hidden cause. Trends are no nodes: at a given occasion time is a constant.
    """
    expansion, design = check_coefficients(theory), survey(theory)
    time = _Time(theory, design, _grid(theory, horizon))
    own = {(course.effect.name, course.level) for course in expansion.courses if course.own}
    nodes = dict.fromkeys(_nodes(time, own))
    owners = find_owned(expansion.coefficients, design)
    arrows = [edge for each in expansion.coefficients for edge in _edges(each, time, own)]
    arrows += [edge for address, variable in owners.items() for edge in _owned(address, variable, expansion, time, own)]
    late = _late(expansion, design, owners)
    arrows += [edge for name in design.levels for edge in _declared(name, time, own, late)]
    hidden = dict.fromkeys([*_drawn(theory, time), *_correlated(expansion)])
    graph = Graph(
        nodes=tuple(nodes),
        arrows=tuple(dict.fromkeys(edge for edge in arrows if set(edge) <= nodes.keys())),
        hidden=tuple(pair for pair in hidden if set(pair) <= nodes.keys()),
        unmeasured=frozenset(node for node in nodes if _variable(node, design, "measured_by") == ()),
        latent=frozenset(node for node in nodes if _is_latent(node, design, owners)),
        computed=frozenset(node for node in nodes if _is_sum(node, design)),
    )
    causal_order(graph)
    return graph


def find_idle(theory: Theory, name: str, occasion: int) -> frozenset[Edge]:
    """The arrows into a variable's courses that do not hold at an occasion (`only_when: {session: 1..}`)."""
    expansion, design = check_coefficients(theory), survey(theory)
    time = _Time(theory, design, _grid(theory, None))
    own = {(course.effect.name, course.level) for course in expansion.courses if course.own}
    idle: set[Edge] = set()
    held: set[Edge] = set()
    for each in expansion.parents(name):
        (held if time.exists(each.only_when, occasion) else idle).update(_edges(each, time, own))
    return frozenset(idle - held)


def _grid(theory: Theory, horizon: int | None) -> tuple[int, ...]:
    """The declared occasions, or whole numbers from 0 as far as the theory and its questions name them."""
    declared = find_occasions(theory)
    if horizon is not None:
        return declared[:horizon] or tuple(range(horizon))
    ends = [arrow.cause.when for arrow in theory.arrows]
    ends += [term.when for question in theory.questions for term in (question.of, question.on)]
    named = [when.last or when.first for when in ends if isinstance(when, Occasions)]
    return declared or tuple(range(max([HORIZON - 1, *named]) + 1))


def _nodes(time: _Time, own: set[Edge]) -> Iterator[str]:
    for name in time.design.levels:
        for level in reversed(time.design.lattice.above(time.design.level(name))):
            if (name, level) in own or any(
                time.design.levels.get(other) for other in course_weights(time.design, name)
            ):
                yield f"{name}({level})"
        if time.occurs(name):
            yield from (node for occasion in time.grid for node in time.at(name, occasion))
        else:
            yield name


def _edges(each: Coefficient, time: _Time, own: set[Edge]) -> Iterator[Edge]:
    """The arrows of one coefficient, of its moderators and of its condition."""
    condition = each.arrow.only_when if each.arrow and each.written else None
    others = [term for product in each.moderators for term in product]
    known = [name for name in condition_names(condition) if name in time.design.levels]
    others += [Term(name, when=each.cause.when if time.design.repeated(name) else None) for name in known]
    first = _named(each.cause) or 0  # what is known at an occasion acts from then on
    for occasion, sink in _sinks(each, time, own):
        if occasion is not None and (occasion < first or not time.exists(condition, occasion)):
            continue
        kind = "departure" if _serves_both(each, time, own) else each.carries
        sources = list(_sources(each.cause, kind, occasion, time))
        if occasion is not None and not sources:  # before the grid nothing acts (R15), nor what moderates it
            continue
        yield from ((source, sink) for source in sources)
        for term in others:
            yield from ((source, sink) for source in _sources(term, "whole", occasion, time) if source != sink)
            if occasion is None and _varies(term, time) and term.when is None:  # its course has a share in this course
                yield from (
                    (f"{term.name}({above})", sink)
                    for above in time.design.lattice.above(time.design.level(term.name))[:1]
                )
    if _serves_both(each, time, own):
        for level in time.design.lattice.above(each.units):
            yield f"{each.cause.name}({level})", f"{each.effect.name}({level})"
            for term in (term for product in each.moderators for term in product):
                yield from ((source, f"{each.effect.name}({level})") for source in _at_course(term, level, time))


def _owned(address: str, owner: Variable, expansion: Expansion, time: _Time, own: set[Edge]) -> Iterator[Edge]:
    """A coefficient variable moves what its coefficient does: occasions, or the course where that is a trend."""
    each = next((each for each in expansion.coefficients if each.address == address), None)
    if each is None:  # sigma(v): the spread of every occasion
        name = address.removeprefix("sigma(").removeprefix("precision(").removesuffix(")")
        nodes = [node for occasion in time.grid for node in time.at(name, occasion)] if time.occurs(name) else [name]
    elif each.carries == "trend" and (each.effect.name, owner.level) in own:
        nodes = [f"{each.effect.name}({owner.level})"]
    else:
        nodes = [node for _, node in _sinks(replace(each, carries="departure"), time, own)]
        if _serves_both(each, time, own):
            nodes += [f"{each.effect.name}({level})" for level in time.design.lattice.above(each.units)]
    yield from ((owner.name, node) for node in nodes)


def _serves_both(each: Coefficient, time: _Time, own: set[Edge]) -> bool:
    """Whether a whole value at the same occasion moves the course of its effect by the same coefficient."""
    client = time.design.client(each.cause.name)
    return each.carries == "whole" and each.cause.when is None and (each.effect.name, client) in own


def _sinks(each: Coefficient, time: _Time, own: set[Edge]) -> Iterator[tuple[int | None, str]]:
    """What a coefficient acts on: each occasion of its effect, its course (both, by products), or the effect itself."""
    name, lattice = each.effect.name, time.design.lattice
    if each.effect.spread in ("sigma", "precision") and time.occurs(name):  # how far it departs, and not the course
        yield from ((occasion, node) for occasion in time.grid for node in time.at(name, occasion))
        return
    level = lattice.client(each.units) if each.carries == "trend" else each.units
    course = each.carries == "trend" or (moves_course(each, time.design) and level not in lattice.time)
    course = course and (name, level) in own and not isinstance(each.cause.when, Occasions)
    if course:
        yield None, f"{name}({level})"
        if not any(_varies(term, time) for product in each.moderators for term in product):
            return
    if time.occurs(name):
        yield from ((occasion, node) for occasion in time.grid for node in time.at(name, occasion))
    else:
        yield None, name


def _varies(term: Term, time: _Time) -> bool:
    """Whether a moderator is another at every occasion, time itself apart, whose products are trends of the course."""
    return time.occurs(term.name) and not time.design.trend(term.name) and not term.part


def _sources(term: Term, carries: str, occasion: int | None, time: _Time) -> Iterator[str]:
    """The nodes that a term's value is made of, seen from an occasion."""
    name, design = term.name, time.design
    above = design.lattice.above(design.level(name))
    if term.part in above:
        yield f"{name}({term.part})"
    elif not time.occurs(name):
        yield name
    else:
        seen = time.before(occasion, term) if occasion is not None else _named(term)
        found = list(time.at(name, seen)) if seen is not None else []
        yield from found
        if found and carries not in ("departure", "loading") and above:
            yield f"{name}({above[0]})"


def _at_course(term: Term, level: str, time: _Time) -> Iterator[str]:
    """What a moderator's value is for a whole unit, where a product of whole values moves its course: no departure is."""
    name, design = term.name, time.design
    if design.trend(name) or term.when is not None or term.part == design.level(name):
        return
    if time.occurs(name) or term.part:
        yield f"{name}({term.part or level})"
    elif design.level(name) == level or design.lattice.lies_below(level, design.level(name)):
        yield name


def _named(term: Term) -> int | None:
    return term.when.first if isinstance(term.when, Occasions) else None


def _late(expansion: Expansion, design: Design, owners: Mapping[str, Variable]) -> frozenset[str]:
    """The variables whose course is moved otherwise at one occasion than another, so that it does not cancel in a change.

    Something acts at some occasions only or more at later ones, or it moves how the course changes over time.
    """
    found = set()
    for each in expansion.coefficients:
        others = [term.name for product in each.moderators for term in product] + list(condition_names(each.only_when))
        timed = [name for name in others if design.trend(name)]
        moved = each.carries == "trend" and (len(timed) < len(others) or each.address in owners)
        if moved or (timed and moves_course(each, design)):
            found.add(each.effect.name)
    return frozenset(found)


def _declared(name: str, time: _Time, own: set[Edge], late: frozenset[str]) -> Iterator[Edge]:
    """What lies in the declarations: courses within courses, sums, indicators, conditions."""
    design, variable = time.design, time.design.variables.get(name)
    levels = [level for level in design.lattice.above(design.level(name)) if (name, level) in own]
    yield from ((f"{name}({above})", f"{name}({level})") for level, above in pairwise(levels))
    for level in levels:
        deciding = restrict(
            design, variable.only_when if variable else None, level
        )  # where it cannot be, it has no course
        yield from ((other, f"{name}({level})") for other in condition_names(deciding))
    if levels and not time.occurs(name):
        yield f"{name}({levels[0]})", name
    if variable is None:
        return
    spots: list[tuple[int | None, str]] = [(None, name)]
    if time.occurs(name):
        spots = [(occasion, node) for occasion in time.grid for node in time.at(name, occasion)]
    conditions = [Term(other) for other in condition_names(variable.only_when) if other in design.levels]
    for occasion, node in spots:
        for term in (*computed_from(variable), *conditions):
            lasting = term.name in late and term.name not in course_weights(design, name)
            kind = "departure" if term not in conditions and occasion is not None and not lasting else "whole"
            yield from ((source, node) for source in _sources(term, kind, occasion, time))
        for indicator in variable.measured_by or ():
            yield node, indicator if occasion is None else f"{indicator}({occasion})"
    yield from _courses(name, time)


def _courses(name: str, time: _Time) -> Iterator[Edge]:
    """A sum's course is the sum of courses, without those that cancel; an indicator's follows its latent's."""
    design, variable = time.design, time.design.variables[name]
    for level in design.lattice.above(design.level(name)):
        yield from ((f"{other}({level})", f"{name}({level})") for other in course_weights(design, name))
        yield from ((f"{name}({level})", f"{other}({level})") for other in variable.measured_by or ())


def _drawn(theory: Theory, time: _Time) -> Iterator[Edge]:
    """Hidden causes: at each occasion, or between courses where a part is named or one side has no occasions."""
    for pair in theory.hidden:
        ends = (pair.one, pair.other)
        if all(time.occurs(term.name) and term.part is None for term in ends):
            for occasion in time.grid:
                ones, others = (time.at(term.name, time.before(occasion, term)) for term in ends)
                yield from zip(ones, others, strict=False)
        else:
            coarse = next((time.design.level(term.name) for term in ends if not time.occurs(term.name)), None)
            parts = [term.part or (coarse if time.occurs(term.name) else None) for term in ends]
            one, other = (f"{term.name}({part})" if part else term.name for term, part in zip(ends, parts, strict=True))
            yield one, other


def _correlated(expansion: Expansion) -> Iterator[Edge]:
    """A hidden cause for every two courses and coefficient variables that no arrow joins (R8)."""
    for each in expansion.correlations:
        one, other = (_quantity(address, each.level) for address in (each.one, each.other))
        if each.joined_by is None and one and other and one != other:
            yield one, other


def _quantity(address: str, level: str) -> str:
    """The node of what varies at a level: a course, a coefficient variable; nothing for a slope without a name."""
    if address.startswith("1 -> "):
        return f"{parse_term(address.removeprefix('1 -> ')).name}({level})"
    return "" if "->" in address or "(" in address else address


def _variable(node: str, design: Design, field: str) -> object:
    variable = design.variables.get(variable_of(node))
    return getattr(variable, field) if variable else None


def _is_latent(node: str, design: Design, owners: Mapping[str, Variable]) -> bool:
    """Whether a node is known through the data without being a column: parts, coefficients, what indicators measure."""
    variable = design.variables.get(variable_of(node))
    if variable is not None and variable.measured_by == ():
        return False
    owned = any(owner.name == node for owner in owners.values())
    return "(" in node or owned or bool(variable and variable.measured_by)


def _is_sum(node: str, design: Design) -> bool:
    variable = design.variables.get(variable_of(node))
    return bool(variable and computed_from(variable))


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
