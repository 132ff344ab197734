"""What hidden causes forbid, judged on measured variables alone.

The latent projection (Verma & Pearl 1990) leaves the measured variables, the arrows between them and a `<->` wherever
something hidden moves both. In it, a variable's effects are identified by adjustment (and several variables' joint
effect by the g-formula, Robins 1986) when each can be *fixed*: nothing that it moves shares its district, the set of
variables linked to it by `<->` (Tian & Pearl 2002; Richardson, Evans, Robins & Shpitser 2023). Nested counterfactuals
also need that no district holds both a variable which responds to the moved and one which responds to the baseline
value of the exposure: a recanting district (Shpitser 2013).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations

from mechanisms.graph.graph import Edge, Graph, causal_order, children, parents, reach

Ways = tuple[tuple[str, frozenset[bool]], ...]


@dataclass(frozen=True)
class Projection:
    """A graph over measured variables: `arrows`, and `hidden` pairs with what hides behind each."""

    nodes: tuple[str, ...]
    arrows: frozenset[Edge]
    hidden: frozenset[Edge]


@dataclass(frozen=True)
class Clash:
    """Two variables that a chain of hidden causes links though the question needs them apart."""

    one: str
    other: str


def project(graph: Graph) -> Projection:
    """The latent projection of a graph on its measured variables; computed variables are passed through as well."""
    passed = graph.unmeasured | graph.computed
    nodes = tuple(node for node in causal_order(graph) if node not in passed)
    arrows = {(node, head) for node in nodes for head in _met(graph, children(graph, node), passed)}
    sources = [node for node in graph.nodes if node in graph.unmeasured]
    moved = [_met(graph, children(graph, source), passed) for source in sources]
    moved += [_met(graph, pair, passed) for pair in graph.hidden]
    pairs = {pair for met in moved for pair in combinations([node for node in nodes if node in met], 2)}
    return Projection(nodes, frozenset(arrows), frozenset(pairs))


def _met(graph: Graph, start: Iterable[str], passed: Collection[str]) -> set[str]:
    """The first measured variables that are met going down from `start`."""
    links = {node: children(graph, node) for node in passed}
    return {node for node in reach(links, start) if node not in passed}


def find_unfixable(projection: Projection, treated: Collection[str], targets: Collection[str]) -> Clash | None:
    """The first treated variable that shares a district with something it moves; None when all can be fixed.

    Variables are fixed one after another, latest first; whatever is no longer an ancestor of the targets is dropped.
    """
    arrows, hidden = projection.arrows, projection.hidden
    pending = [node for node in reversed(projection.nodes) if node in treated]
    while pending:
        relevant = reach(_links(arrows, backwards=True), targets)
        pending = [node for node in pending if node in relevant]
        clashes: list[Clash] = []
        for node in pending:
            moved = reach(_links(arrows), [node]) & relevant - {node}
            linked = _district(hidden, relevant, node)
            if clash := [other for other in projection.nodes if other in moved & linked]:
                clashes.append(Clash(node, clash[0]))
                continue
            arrows = frozenset(arrow for arrow in arrows if arrow[1] != node)
            hidden = frozenset(pair for pair in hidden if node not in pair)
            pending.remove(node)
            clashes.clear()
            break
        if clashes:
            return clashes[0]
    return None


def find_recanting_district(
    graph: Graph, of: Collection[str], targets: Collection[str], treated: Collection[str], chosen: frozenset[Edge]
) -> Clash | None:
    """Two variables of one district, the first moved by `of` along the set of arrows, the second kept at baseline."""
    projection = project(graph)
    random = frozenset(arrow for arrow in projection.arrows if arrow[0] not in treated and arrow[1] not in treated)
    relevant = reach(_links(random, backwards=True), targets) - set(treated)
    ways = first_steps(graph, of, chosen)
    for node, how in ways:
        if node in relevant and True in how:
            linked = _district(projection.hidden, relevant, node)
            for other, otherwise in ways:
                if other in linked and False in otherwise:
                    return Clash(node, other)
    return None


def first_steps(graph: Graph, of: Collection[str], chosen: frozenset[Edge]) -> Ways:
    """The measured variables that `of` moves first, and for each whether along arrows in the set, outside it, or both.

    Both means that something nobody measured stands between: the data cannot tell the two ways apart.
    """
    passed = graph.unmeasured | graph.computed
    links: dict[tuple[str, bool], list[tuple[str, bool]]] = {}
    for node in (*of, *passed):
        for child in children(graph, node):
            for inside in (True, False):
                links.setdefault((node, inside), []).append((child, inside and (node, child) in chosen))
    starts = [(node, True) for node in of]
    found = reach(links, starts) - set(starts)
    return tuple(
        (node, ways)
        for node in causal_order(graph)
        if node not in passed and (ways := frozenset(how for name, how in found if name == node))
    )


def hidden_behind(graph: Graph, one: str, other: str) -> tuple[str, ...]:
    """The unmeasured variables that move both; none when a `<->` was drawn or a longer chain links them."""
    passed = graph.unmeasured | graph.computed
    sources = [node for node in graph.nodes if node in graph.unmeasured]
    return tuple(source for source in sources if {one, other} <= _met(graph, children(graph, source), passed))


def unseen_between(graph: Graph, of: Collection[str], node: str) -> tuple[str, ...]:
    """The unmeasured and computed variables on a path from `of` to a variable that it moves first."""
    passed = graph.unmeasured | graph.computed
    before = reach({name: parents(graph, name) for name in (*passed, node)}, [node])
    after = reach({name: children(graph, name) for name in (*of, *passed)}, of)
    return tuple(name for name in causal_order(graph) if name in passed and name in before and name in after)


def _links(arrows: Iterable[Edge], *, backwards: bool = False) -> dict[str, list[str]]:
    links: dict[str, list[str]] = {}
    for tail, head in arrows:
        links.setdefault(head if backwards else tail, []).append(tail if backwards else head)
    return links


def _district(hidden: Iterable[Edge], within: Collection[str], node: str) -> frozenset[str]:
    """Everything linked to a node by hidden causes within a set of variables, itself included."""
    links: dict[str, list[str]] = {}
    for one, other in hidden:
        if one in within and other in within:
            links.setdefault(one, []).append(other)
            links.setdefault(other, []).append(one)
    return reach(links, [node])
