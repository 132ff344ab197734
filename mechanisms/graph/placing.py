"""Where a question stands in the graph over time: which nodes are moved, which looked at, which named.

One session moved, `x(5)`, is the departure of that session: the client's course stays. `x(t..)` moves the departures
from t on, `x(client)` the course. What is looked at is a value, `y(whole 10)`: the course of y and its departure
together; of several occasions each is one aim, and all must be identified.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mechanisms.errors import SpecError
from mechanisms.graph.expansion import expand
from mechanisms.graph.graph import Edge, Graph, descendants, draw, occasion_of, variable_of
from mechanisms.graph.levels import Design, survey
from mechanisms.graph.moments import Moment, find_moment, is_timed
from mechanisms.graph.question import Aim, aim, condition_names, held_names
from mechanisms.graph.routes import Paths, follow
from mechanisms.spec.question_checks import check_question
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import Question, Theory


@dataclass(frozen=True)
class Placed:
    """A question on a graph: the question as it is read, an aim for each outcome, and the reading in words.

    `over_time` tells whether the graph is that of a theory with levels; where nothing is to be read there is no reading.
    """

    question: Question
    graph: Graph
    aims: tuple[Aim, ...]
    over_time: bool = False
    reading: str = ""


def place(theory: Theory, question: Question) -> Placed:
    """The question laid on the graph of its theory; a `SpecError` for occasions and parts that are not there."""
    if not theory.levels and not theory.time:
        aimed = aim(question)
        graph = _narrow(draw(theory), theory, question.on, (aimed.on,))
        return Placed(question, graph, (aimed,))
    check_question(question, theory)
    design = survey(theory)
    for term in (question.of, question.on):
        if design.trend(term.name):
            raise SpecError(f"question: '{term}' is time itself: nothing moves it", question.place)
    question = read_part(question, design)
    moment = find_moment(theory, question)
    graph, ends = _add_values(moment.graph, question, moment.seen, design)
    of = tuple(_known(node, graph, question) for node in _moved(question, moment, design))
    graph = _narrow(graph, theory, question.on, tuple(node for end in ends for node in (end[0], *end[1])))
    named = _Named(graph, question, of, design)
    aims = tuple(named.aim(on, made_of) for on, made_of in ends)
    return Placed(question, graph, aims, True, _read(question, moment, design))


def read_part(question: Question, design: Design) -> Question:
    """`x` on an outcome without occasions moves the course of x at the finest level that both share (R6)."""
    of, on = question.of, question.on
    if not is_timed(of, design) or is_timed(on, design) or of.when or of.part:
        return question
    shared = design.lattice.shared(design.level(of.name), on.part or design.level(on.name))
    return question.model_copy(update={"of": Term(of.name, part=shared[0])}) if len(shared) == 1 else question


def _moved(question: Question, moment: Moment, design: Design) -> tuple[str, ...]:
    of = question.of
    if is_timed(of, design):
        return tuple(f"{of.name}({occasion})" for occasion in moment.moved)
    return (_coarse(of, design),)


def _coarse(term: Term, design: Design) -> str:
    return f"{term.name}({term.part})" if term.part not in (None, "whole", design.level(term.name)) else term.name


def _known(node: str, graph: Graph, question: Question) -> str:
    if node in graph.nodes:
        return node
    fault = f"nothing in the theory makes {node} differ: no arrow needs the course of {variable_of(node)}"
    raise SpecError(f"question: {fault}", question.place)


def _add_values(
    graph: Graph, question: Question, seen: Iterable[int], design: Design
) -> tuple[Graph, tuple[tuple[str, tuple[str, ...]], ...]]:
    """The graph with the values that are looked at, and each with what it is the sum of."""
    name = question.on.name
    if not is_timed(question.on, design):
        node = _known(_coarse(question.on, design), graph, question)
        return graph, ((node, _courses(question.on, graph, design)),)
    courses = _courses(Term(name), graph, design)
    if not courses:
        return graph, tuple((f"{name}({occasion})", ()) for occasion in seen)
    added = {f"{name}(whole {occasion})": f"{name}({occasion})" for occasion in seen}
    arrows = [(source, value) for value, departure in added.items() for source in (courses[0], departure)]
    grown = replace(graph, nodes=(*graph.nodes, *added), arrows=(*graph.arrows, *arrows))
    return grown, tuple((value, (departure, *courses)) for value, departure in added.items())


def _courses(term: Term, graph: Graph, design: Design) -> tuple[str, ...]:
    """The nodes of a variable's courses above its own level or a part's, the nearest first."""
    own = design.level(term.name) if term.part in (None, "whole") else str(term.part)
    found = (f"{term.name}({level})" for level in design.lattice.above(own))
    return tuple(node for node in found if node in graph.nodes)


@dataclass(frozen=True)
class _Named:
    """What the other names of a question mean as nodes, given what is moved."""

    graph: Graph
    question: Question
    of: tuple[str, ...]
    design: Design

    def aim(self, on: str, made_of: tuple[str, ...]) -> Aim:
        """The question about one outcome node."""
        said, ends = self.question, {*self.of, on, *made_of}
        last = max((at for node in (on, *made_of) if (at := occasion_of(node)) is not None), default=None)
        aimed = Aim(
            self.of,
            on,
            said.kind,
            made_of,
            through=tuple(self.besides(self.nodes(name), name, ends) for name in said.through),
            path=said.path,
            held=tuple(node for name in held_names(said) for node in self.besides(self.held(name, last), name, ends)),
            conditions=tuple(node for name in condition_names(said) for node in self.at_start(name)),
            adjust=None if said.adjust is None else tuple(node for name in said.adjust for node in self.before(name)),
            interventional=said.mediators == "interventional",
        )
        if said.path and not follow(self.graph, self.of, on, Paths(said.path)):
            return replace(aimed, carrying=True)
        return aimed

    def besides(self, nodes: tuple[str, ...], name: str, ends: set[str]) -> tuple[str, ...]:
        """The nodes without those that the question is about; refused where none is left."""
        kept = tuple(node for node in nodes if node not in ends)
        if nodes and not kept:
            raise SpecError(f"question: {name} is what the question is about ('of' or 'on')", self.question.place)
        return kept

    @property
    def start(self) -> int | None:
        """The first occasion moved; None where that is a course or has no occasions."""
        return min((at for node in self.of if (at := occasion_of(node)) is not None), default=None)

    def nodes(self, name: str) -> tuple[str, ...]:
        """Everything a variable is: its courses and departures, or itself; with an occasion or a part that node only."""
        if "(" in name:
            return self.some(tuple(node for node in self.graph.nodes if node == name), name)
        return tuple(node for node in self.graph.nodes if variable_of(node) == name and "(whole" not in node)

    def held(self, name: str, last: int | None) -> tuple[str, ...]:
        """What is set: the departures from the first occasion moved to the outcome, and courses when a level is moved."""
        found = []
        for node in self.nodes(name):
            at = occasion_of(node)
            inside = at is None and self.start is None
            if at is not None:
                inside = (self.start is None or at >= self.start) and (last is None or at <= last)
            if inside or node == name:
                found.append(node)
        return self.some(tuple(found), name)

    def at_start(self, name: str) -> tuple[str, ...]:
        """What is conditioned on: the value when the exposure is moved or at the occasion that is named, or the course."""
        named = occasion_of(name)
        if named is not None:
            self.nodes(name)  # refused where it is not there
        elif "(" in name:
            return self.nodes(name)
        at = self.start if named is None else named
        found = [node for node in self.nodes(variable_of(name)) if occasion_of(node) in (None, at)]
        return self.some(tuple(found), name)

    def before(self, name: str) -> tuple[str, ...]:
        """What is adjusted for: the course and all that is known of a variable before the exposure is moved.

        With an occasion or a part that node only, whenever it is.
        """
        if "(" in name:
            return self.nodes(name)
        moved = descendants(self.graph, *self.of)
        found = []
        for node in self.nodes(name):
            at = occasion_of(node)
            past = at is None or self.start is None or at < self.start or (at == self.start and node not in moved)
            if past and node not in self.of and (at is None or self.start is not None):
                found.append(node)
        return self.some(tuple(found), name)

    def some(self, found: tuple[str, ...], name: str) -> tuple[str, ...]:
        """The nodes, when there are any."""
        if not found:
            raise SpecError(f"question: {name} has no value at the occasions that are asked about", self.question.place)
        return found


def _narrow(graph: Graph, theory: Theory, on: Term, ends: tuple[str, ...]) -> Graph:
    """The graph without arrows into the outcome that act on another part of it than `any(y)`, `amount(y)`, `sigma(y)`."""
    if on.spread is None:
        return graph
    acting: dict[bool, set[str]] = {True: set(), False: set()}
    for each in expand(theory).coefficients:
        if each.effect.name == on.name:
            names = {each.cause.name, *(term.name for product in each.moderators for term in product)}
            acting[each.effect.spread == on.spread] |= names
    gone = acting[False] - acting[True] - {on.name}
    arrows: tuple[Edge, ...] = tuple(
        (tail, head) for tail, head in graph.arrows if not (head in ends and variable_of(tail) in gone)
    )
    return replace(graph, arrows=arrows)


def _read(question: Question, moment: Moment, design: Design) -> str:
    """How the two sides were read: what moves, and when the outcome is looked at."""
    of, on = question.of, question.on
    if not (moment.moved or moment.seen) and _coarse(of, design) == of.name:
        return ""
    if moment.moved:
        first, last = moment.moved[0], moment.moved[-1]
        one = f"occasion {first} (its departure; the course stays)"
        how = one if first == last else f"occasions {first} to {last} (departures; the course stays)"
        how = f"{of.name} moved at {how}"
    elif _coarse(of, design) != of.name:
        how = f"the course of {of.name} of a {of.part} moved"
    else:
        how = f"{of.name} moved"
    if not moment.seen:
        what = f"on {on}"
    elif len(moment.seen) == 1:
        what = f"on {on.name} at occasion {moment.seen[0]}"
    else:
        what = f"on {on.name} at occasions {moment.seen[0]} to {moment.seen[-1]}"
    return f"{how}, {what}{f'; {moment.said}' if moment.said else ''}"
