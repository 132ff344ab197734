"""At which occasions a question moves and looks (language 1.10), in a graph that is long enough for it.

Without occasions: `x(t)` on `y(t+h)`, h the longest drawn way without self-arrows; a client's cause on the mean of all
occasions of y. A relative `t` stands for an occasion before which there are twice as many as the longest lag reaches
back, so that nothing depends on the beginning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import networkx as nx

from mechanisms.errors import SpecError, listed
from mechanisms.graph.expansion import computed_from, expand
from mechanisms.graph.graph import Graph
from mechanisms.graph.levels import Design, find_occasions, survey
from mechanisms.graph.unrolling import HORIZON, occurs, unroll
from mechanisms.spec.terms import Occasions, Relative, Term
from mechanisms.spec.theory import Question, Span, Theory

MOST_WAYS = 10_000


@dataclass(frozen=True)
class Moment:
    """The graph, the occasions moved and looked at (none where that side has no occasions), and how `t` was read."""

    graph: Graph
    moved: tuple[int, ...]
    seen: tuple[int, ...]
    said: str = ""


def find_moment(theory: Theory, question: Question) -> Moment:
    """The occasions of a question, and the graph up to the last of them."""
    design, past = survey(theory), 2 * longest_lag(theory)
    moves, sees = is_timed(question.of, design), is_timed(question.on, design)
    if moves and sees:
        _refuse_mixed(question)
    span = _span(theory, question) if moves and sees and _is_open(question) else 0
    grid = list_occasions(theory, question)
    whole = unroll(theory, len(grid))
    there = {term.name: [f"{term.name}({each})" in whole.nodes for each in grid] for term in (question.of, question.on)}
    when, then = (question.of.when if moves else None), (question.on.when if sees else None)
    first: int | None = None
    seen: tuple[int, ...] = ()
    said = ""
    if isinstance(then, Occasions):
        seen = tuple(each for each in grid if then.first <= each <= (then.last or then.first))
    elif sees and not moves and then is None:
        seen, said = (
            grid,
            "the mean of its occasions" if find_occasions(theory) else f"the mean of its occasions (here {len(grid)})",
        )
    if isinstance(when, Occasions):
        first = grid.index(when.first)
        if sees and not seen:
            seen = grid[min(first + span, len(grid) - 1) :][:1]
            said = f"{_later(span)}, the longest way drawn" if then is None else ""
    elif moves and seen:
        first = grid.index(seen[0]) - span
        said = f"{_later(span).replace('later', 'earlier')}, the longest way drawn"
        if first < 0:
            raise SpecError(
                f"question: {question.on} is too early for {question.of}; name both occasions", question.place
            )
    if (moves and first is None) or (sees and not seen):
        start = when.steps if isinstance(when, Relative) else 0
        step = then.steps - start if isinstance(then, Relative) else span
        checks = [*([(question.of.name, 0)] if moves else []), *([(question.on.name, step)] if sees else [])]
        place = _represent(question, there, checks, past, len(grid))
        first, seen = place, grid[place + step :][:1] if sees else ()
        said = f"occasion {grid[place]} stands for t{f'{start:+d}' if start else ''}"
        if moves and sees and then is None:
            said = f"{_later(step)}, the longest way drawn; {said}"
    return _moment(theory, question, grid, first if moves else None, seen, said)


def _refuse_mixed(question: Question) -> None:
    """Refuse `a(t)` on `y(4)` and `a(1)` on `y(t)`: how far apart they are is then not said."""
    of, on, name = question.of, question.on, question.on.name
    if isinstance(of.when, Relative) and isinstance(on.when, Occasions):
        fix = f"{name}(t+{max(of.when.steps, 0) + 1})" + ("" if of.when.onward else f", or {of.name}({on.when.first})")
    elif isinstance(of.when, Occasions) and isinstance(on.when, Relative):
        fix = f"{name}({of.when.first + on.when.steps})"
    else:
        return
    fault = (
        f"of and on count their occasions alike, both from t or both by name: {of} on {on}; write for instance {fix}"
    )
    raise SpecError(f"question: {fault}", question.place)


def _later(step: int) -> str:
    return f"{step} occasion{'s' * (step > 1)} later" if step else "at the same occasion"


def longest_lag(theory: Theory) -> int:
    """How many occasions the longest lag reaches back; at least 1."""
    return max([1, *_lags(theory)])


def is_timed(term: Term, design: Design) -> bool:
    """Whether a term is a value at occasions, not a course nor a variable without occasions."""
    return occurs(design, term.name) and term.part in (None, "whole", design.level(term.name))


def _moment(
    theory: Theory, question: Question, grid: tuple[int, ...], first: int | None, seen: tuple[int, ...], said: str
) -> Moment:
    """The moment with a graph up to the last occasion that matters; what does not exist there is refused."""
    last = grid.index(seen[-1]) if seen else len(grid) - 1
    graph = unroll(theory, last + 1)
    onward = isinstance(question.of.when, Relative) and question.of.when.onward
    moved = () if first is None else grid[first : last + 1] if onward else (grid[first],)
    kept = [tuple(each for each in times if f"{term.name}({each})" in graph.nodes)
            for term, times in ((question.of, moved), (question.on, seen))]  # fmt: skip
    for term, times, left in ((question.of, moved, kept[0]), (question.on, seen, kept[1])):
        if times and not left:
            raise SpecError(
                f"question: '{term}': {term.name} does not exist at occasion {listed(map(str, times))}", question.place
            )
    return Moment(graph, kept[0], kept[1], said)


def _represent(
    question: Question, there: dict[str, list[bool]], checks: list[tuple[str, int]], past: int, length: int
) -> int:
    """The first place with enough past at which both sides exist; else the last such place at all."""
    places = [
        place
        for place in range(length)
        if all(0 <= place + step < length and there[name][place + step] for name, step in checks)
    ]
    if not places:
        raise SpecError(f"question: {question.of} on {question.on}: no occasion of the grid has both", question.place)
    return next((place for place in places if place >= past), places[-1])


def list_occasions(theory: Theory, question: Question) -> tuple[int, ...]:
    """The declared occasions, or whole numbers that leave room before and after what the theory and question name."""
    if declared := find_occasions(theory):
        return declared
    design = survey(theory)
    timed = is_timed(question.of, design) and is_timed(question.on, design)
    room = 2 * longest_lag(theory) + (_span(theory, question) if timed and _is_open(question) else 0)
    steps = [term.when.steps for term in (question.of, question.on) if isinstance(term.when, Relative)]
    named = [
        term.when.last or term.when.first for term in (question.of, question.on) if isinstance(term.when, Occasions)
    ]
    begins = [arrow.cause.when.first for arrow in theory.arrows if isinstance(arrow.cause.when, Occasions)]
    conditions = [each.only_when for each in theory.variables] + [each.only_when for each in theory.arrows]
    for condition in (*conditions, *(each.only_when for each in theory.levels)):
        for name, said in condition.values if condition else ():
            if name in theory.time:
                ends = (said.first, said.last) if isinstance(said, Span) else said
                begins += [int(end) for end in ends if isinstance(end, float | int)]
    return tuple(range(max([room + max([0, *begins, *named]) + max([0, *steps]) + 1, HORIZON])))


def _lags(theory: Theory) -> Iterator[int]:
    """Every lag in arrows, moderators, hidden causes and sums."""
    terms = chain(
        (term for arrow in theory.arrows for term in (arrow.cause, *chain(*arrow.moderated_by))),
        (term for pair in theory.hidden for term in (pair.one, pair.other)),
        (term for variable in theory.variables for term in computed_from(variable)),
    )
    yield from (-term.when.steps for term in terms if isinstance(term.when, Relative))


def _is_open(question: Question) -> bool:
    """Whether the distance in time between the two sides is left open."""
    return question.on.when is None or (question.of.when is None and isinstance(question.on.when, Occasions))


def _span(theory: Theory, question: Question) -> int:
    """How many occasions the longest drawn way takes, self-arrows and names met twice left out."""
    drawn: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    drawn.add_nodes_from((question.of.name, question.on.name))
    longest: dict[tuple[str, str], int] = {}
    for each in expand(theory).coefficients:
        for term in (each.cause, *chain(*each.moderators)):
            lag = -term.when.steps if isinstance(term.when, Relative) else 0
            pair = term.name, each.effect.name
            longest[pair] = max(lag, longest.get(pair, 0))
    for variable in theory.variables:
        for term in computed_from(variable):
            longest.setdefault((term.name, variable.name), 0)
    ways = nx.DiGraph(pair for pair in longest if pair[0] != pair[1])
    ways.add_nodes_from((question.of.name, question.on.name))
    found = 0
    for number, way in enumerate(nx.all_simple_edge_paths(ways, question.of.name, question.on.name)):
        if number == MOST_WAYS:
            raise SpecError(
                "question: too many ways lead there to say how long they take; name the occasions", question.place
            )
        found = max(found, sum(longest[pair] for pair in way))
    return found
