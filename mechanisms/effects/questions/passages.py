"""The paths that a total effect is taken apart into, each by its arrows: single ones, or groups by their first step."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, pairwise

import networkx as nx

from mechanisms.effects.questions.posing import Posed, Ways
from mechanisms.effects.questions.routing import Routes
from mechanisms.errors import IdentificationError, ZeroEffectError
from mechanisms.graph.graph import Edge, Graph, between, variable_of
from mechanisms.graph.question import Aim, hold, list_arrows, own_arrows, witnesses
from mechanisms.graph.verdicts import find_refusal, lay

MOST_PATHS = 64
Names = tuple[str, ...]


@dataclass(frozen=True)
class Passage:
    """One path by its variables; over time every way that visits these in this order. `linear` are the nodes at which
    it splits, so that it rests on linearity."""

    names: Names
    ways: Ways
    label: str
    meaning: str
    linear: Names = ()


@dataclass(frozen=True)
class Passages:
    """The paths that are identified, and those that are not (a recanting node where not all is linear)."""

    good: tuple[Passage, ...] = ()
    refused: tuple[Names, ...] = ()


def find_passages(asked: Posed, routes: Routes) -> Passages:
    """Every mediated path; none where there are more than `MOST_PATHS`."""
    found = list(islice(_names(routes), MOST_PATHS + 2))
    mediated = [names for names in found if len(names) > 2 or routes.placed.over_time]
    if len(mediated) > MOST_PATHS:
        return Passages()
    good: list[Passage] = []
    refused: list[Names] = []
    for names in mediated:
        try:
            passage = _passage(asked, routes, names)
        except IdentificationError:
            refused.append(names)
            continue
        if passage is not None:
            good.append(passage)
    return Passages(tuple(good), tuple(refused))


def group(routes: Routes) -> Iterator[tuple[str, Ways]]:
    """The arrows of all mediated paths with the same first step, step by step."""
    rest = routes.rest
    firsts = dict.fromkeys(
        variable_of(head)
        for arrows, aim in zip(rest.arrows, routes.placed.aims, strict=True)
        for tail, head in routes.placed.graph.arrows
        if (tail, head) in arrows and tail in aim.of
    )
    for first in firsts:
        ways = Ways(
            tuple(
                _onward(routes.placed.graph, aim, arrows, first)
                for aim, arrows in zip(routes.placed.aims, rest.arrows, strict=True)
            )
        )
        if ways:
            yield first, ways


def _names(routes: Routes) -> Iterator[Names]:
    """The variables of each directed path, in order."""
    drawn: nx.DiGraph[str] = nx.DiGraph()
    of, on = routes.placed.question.of.name, routes.placed.question.on.name
    chosen = routes.total.all
    for tail, head in routes.placed.graph.arrows:
        if (tail, head) in chosen and variable_of(tail) != variable_of(head):
            drawn.add_edge(variable_of(tail), variable_of(head))
    if of in drawn and on in drawn:
        yield from (tuple(path) for path in nx.all_simple_paths(drawn, of, on))


def _passage(asked: Posed, routes: Routes, names: Names) -> Passage | None:
    """One path, when it leads anywhere; raises where it is not identified."""
    over_time, graph = routes.placed.over_time, routes.placed.graph
    found: list[frozenset[Edge]] = []
    linear: dict[str, None] = {}
    for aim, total in zip(routes.placed.aims, routes.total.arrows, strict=True):
        arrows = _arrows(graph, aim, names, total, over_time=over_time)
        found.append(arrows)
        if not over_time:
            linear |= dict.fromkeys(witnesses(hold(graph, aim.fixed), aim.of, aim.on, arrows))
        elif arrows and len(names) > 2:
            linear |= dict.fromkeys(_recanting(graph, aim, names))
    ways = Ways(tuple(found))
    if not ways:
        return None
    if linear and not asked.additive(ways, tuple(linear)):
        raise IdentificationError("a mediator would have to respond and not respond at once", tuple(linear))
    shown = " -> ".join(names)
    if len(names) == 2:
        meaning = "by other occasions or courses of the two only"
        return Passage(names, ways, f"{shown}, carried over", meaning, tuple(linear))
    meaning = "these variables in this order, each may carry over in time" if over_time else "this path alone"
    return Passage(names, ways, shown, meaning, tuple(dict.fromkeys(map(variable_of, linear))))


def _arrows(graph: Graph, aim: Aim, names: Names, total: frozenset[Edge], *, over_time: bool) -> frozenset[Edge]:
    if not over_time:
        return frozenset(pairwise(names))
    if not total:
        return frozenset()
    try:
        arrows = list_arrows(graph, _along(aim, names))
    except ZeroEffectError:
        return frozenset()
    if len(names) > 2:
        return arrows
    ends = {*aim.made_of, aim.on}
    left = arrows - own_arrows(aim, total)
    return left if any(not ends.issuperset(arrow) for arrow in left) else frozenset()


def _along(aim: Aim, names: Names) -> Aim:
    return replace(aim, kind="indirect", through=(), path=names, carrying=True)


def _recanting(graph: Graph, aim: Aim, names: Names) -> Names:
    """The nodes at which a path over time splits; raises where linearity would not help."""
    refusal = find_refusal(lay(graph, _along(aim, names)))
    if refusal is None:
        return ()
    if not refusal.needs_linear:
        raise IdentificationError(refusal.reason, refusal.witness)
    return refusal.needs_linear


def _onward(graph: Graph, aim: Aim, arrows: frozenset[Edge], first: str) -> frozenset[Edge]:
    """The arrows of the paths whose first step is one variable."""
    steps = {(tail, head) for tail, head in arrows if tail in aim.of and variable_of(head) == first}
    if not steps or (first == variable_of(aim.on) and aim.on in {head for _, head in steps}):
        return frozenset()
    held = hold(graph, aim.fixed)
    inside = set(between(held, [head for _, head in steps], aim.on))
    return frozenset(steps) | frozenset(a for a in arrows if inside.issuperset(a))
