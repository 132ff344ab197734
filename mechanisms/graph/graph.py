"""A theory as a mixed graph of names, and the questions every graph can answer (Pearl 2009, ch. 1).

`draw` makes the contemporaneous graph out of the expansion. Hidden common causes (`a <-> b`) are read as a parent of
both that nobody measured. Computed variables (`gain = post - pre`) stay in the graph so that a question can run
through them, and are contracted away wherever independence is judged (`canonical`), since they have no noise.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import networkx as nx

from mechanisms.errors import SpecError
from mechanisms.graph.expansion import Expansion, computed_from, expand
from mechanisms.spec.terms import unknown
from mechanisms.spec.theory import Condition, Theory

Edge = tuple[str, str]


@dataclass(frozen=True)
class Graph:
    """Nodes in declared order, `arrows` (tail, head), `hidden` pairs (`a <-> b`), `unmeasured` nodes.

    `unmeasured` nodes have no data at all; `latent` ones are known through their indicators (a fit can adjust for
    them, but no independence about them can be read off the data); `computed` ones are sums of their parents.
    """

    nodes: tuple[str, ...]
    arrows: tuple[Edge, ...]
    hidden: tuple[Edge, ...] = ()
    unmeasured: frozenset[str] = frozenset()
    latent: frozenset[str] = frozenset()
    computed: frozenset[str] = frozenset()


def variable_of(node: str) -> str:
    """The variable that a node is, or is a part of: `alliance` of `alliance(5)` and of `alliance(client)`."""
    return node.partition("(")[0]


def occasion_of(node: str) -> int | None:
    """The occasion of a departure's node, `alliance(5)`; None for every other node."""
    inside = node.partition("(")[2].removesuffix(")")
    return int(inside) if inside.isdigit() else None


def draw(theory: Theory) -> Graph:
    """The graph of a theory without levels. Moderators and conditions are parents whatever `without` says (R11).

    A theory with levels is drawn over time, with courses as nodes: `unrolling.unroll`.
    """
    _refuse_levels(theory)
    expansion = expand(theory)
    arrows = dict.fromkeys(_arrows(theory, expansion))
    hidden = tuple(dict.fromkeys((cause.one.name, cause.other.name) for cause in theory.hidden))
    indicators = [name for variable in theory.variables for name in variable.measured_by or ()]
    mentioned = [*theory.names, *(name for arrow in arrows for name in arrow), *indicators]
    nodes = dict.fromkeys([*mentioned, *(name for pair in hidden for name in pair)])
    graph = Graph(
        nodes=tuple(nodes),
        arrows=tuple(arrows),
        hidden=hidden,
        unmeasured=frozenset(variable.name for variable in theory.variables if variable.measured_by == ()),
        latent=frozenset(variable.name for variable in theory.variables if variable.measured_by),
        computed=frozenset(variable.name for variable in theory.variables if computed_from(variable)),
    )
    causal_order(graph)
    return graph


def _refuse_levels(theory: Theory) -> None:
    terms = [term for arrow in theory.arrows for term in (arrow.cause, arrow.effect, *chain(*arrow.moderated_by))]
    terms += [term for cause in theory.hidden for term in (cause.one, cause.other)]
    odd = next((str(term) for term in terms if term.part or term.when), None)
    if theory.levels or theory.time or odd:
        found = f"'{odd}'" if odd else "levels" if theory.levels else "time"
        raise SpecError(
            f"{found}: a theory with levels, parts or lags is drawn over time, by unroll(theory)", theory.place
        )


def _arrows(theory: Theory, expansion: Expansion) -> Iterator[Edge]:
    for coefficient in expansion.coefficients:
        effect = coefficient.effect.name
        yield coefficient.cause.name, effect
        for product in coefficient.moderators:
            yield from ((term.name, effect) for term in product)
        if coefficient.arrow is not None:
            yield from ((name, effect) for name in _conditions(coefficient.arrow.only_when))
    for variable in theory.variables:
        yield from ((name, variable.name) for name in _conditions(variable.only_when))
        yield from ((term.name, variable.name) for term in computed_from(variable))
        yield from ((variable.name, indicator) for indicator in variable.measured_by or ())
        if isinstance(variable.out_of, str):
            yield variable.out_of, variable.name


def _conditions(condition: Condition | None) -> tuple[str, ...]:
    return tuple(name for name, _ in condition.values) if condition else ()


def checked(graph: Graph, *names: str) -> tuple[str, ...]:
    """The names, when all of them are in the graph; else a `SpecError` with the near miss."""
    for name in names:
        if name not in graph.nodes:
            raise unknown("variable", name, list(graph.nodes))
    return names


@lru_cache(maxsize=64)
def _links(graph: Graph) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Parents and children of every node, in the order in which the arrows were drawn."""
    above: dict[str, list[str]] = {node: [] for node in graph.nodes}
    below: dict[str, list[str]] = {node: [] for node in graph.nodes}
    for tail, head in graph.arrows:
        checked(graph, tail, head)
        above[head].append(tail)
        below[tail].append(head)
    return {k: tuple(v) for k, v in above.items()}, {k: tuple(v) for k, v in below.items()}


def parents(graph: Graph, node: str) -> tuple[str, ...]:
    """The direct causes of a node."""
    return _links(graph)[0][checked(graph, node)[0]]


def children(graph: Graph, node: str) -> tuple[str, ...]:
    """The direct effects of a node."""
    return _links(graph)[1][checked(graph, node)[0]]


def ancestors(graph: Graph, *nodes: str) -> frozenset[str]:
    """Everything with a directed path to one of the nodes; not the nodes themselves."""
    return reach(_links(graph)[0], checked(graph, *nodes)) - set(nodes)


def descendants(graph: Graph, *nodes: str) -> frozenset[str]:
    """Everything to which a directed path leads from one of the nodes; not the nodes themselves."""
    return reach(_links(graph)[1], checked(graph, *nodes)) - set(nodes)


def reach[T: Hashable](links: Mapping[T, Iterable[T]], start: Iterable[T]) -> frozenset[T]:
    """The start and everything that can be reached from it along the links."""
    found = set(start)
    frontier = list(found)
    while frontier:
        new = set(links.get(frontier.pop(), ())) - found
        found |= new
        frontier += new
    return frozenset(found)


def between(graph: Graph, of: str | Iterable[str], on: str) -> tuple[str, ...]:
    """Every node on a directed path from `of` (one node or several) to `on`, ends included, in causal order."""
    above, below = _links(graph)
    starts = checked(graph, *((of,) if isinstance(of, str) else of))
    after, before = reach(below, starts), reach(above, checked(graph, on))
    return tuple(node for node in causal_order(graph) if node in after and node in before)


def causal_order(graph: Graph) -> tuple[str, ...]:
    """Causes before effects, and declared order wherever the arrows leave a choice; a circle is a `SpecError`."""
    return _causal_order(graph)


@lru_cache(maxsize=64)
def _causal_order(graph: Graph) -> tuple[str, ...]:
    drawn = to_networkx(graph, hidden=False)
    place = {node: index for index, node in enumerate(graph.nodes)}
    try:
        return tuple(nx.lexicographical_topological_sort(drawn, key=place.__getitem__))
    except nx.NetworkXUnfeasible:
        circle = [tail for tail, _ in nx.find_cycle(drawn)]
        shown = " -> ".join([*circle, circle[0]])
        raise SpecError(f"a circle: {shown}. One of them comes later: {circle[-1]}(t-1)") from None


def canonical(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Every node's parents in the DAG that judges independence: each hidden common cause is a node `a <-> b` of its
    own, and what a computed variable causes is caused by what it is computed from."""
    above: dict[str, dict[str, None]] = {}
    for node in causal_order(graph):
        found: dict[str, None] = {}
        for parent in parents(graph, node):
            found |= above[parent] if parent in graph.computed else {parent: None}
        above[node] = found
    for one, other in graph.hidden:
        cause = f"{one} <-> {other}"
        above[cause] = {}
        above[checked(graph, one)[0]][cause] = None
        above[checked(graph, other)[0]][cause] = None
    return {node: tuple(found) for node, found in above.items()}


def to_networkx(graph: Graph, *, hidden: bool = True) -> "nx.DiGraph[Any]":
    """The graph as a `networkx.DiGraph`; hidden common causes as nodes `a <-> b` with the attribute `hidden`."""
    drawn: nx.DiGraph[Any] = nx.DiGraph()
    for node in graph.nodes:
        drawn.add_node(node, unmeasured=node in graph.unmeasured, hidden=False)
    drawn.add_edges_from(graph.arrows)
    for one, other in graph.hidden if hidden else ():
        cause = f"{one} <-> {other}"
        drawn.add_node(cause, unmeasured=True, hidden=True)
        drawn.add_edges_from([(cause, one), (cause, other)])
    return drawn
