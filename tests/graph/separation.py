"""Paths and separation by networkx, for the tests to hold the graph's own searches against."""

from collections.abc import Iterable, Iterator

import networkx as nx

from mechanisms.graph.graph import Graph, canonical, to_networkx


def directed_paths(graph: Graph, of: str, on: str) -> Iterator[tuple[str, ...]]:
    """Every directed path."""
    return map(tuple, nx.all_simple_paths(to_networkx(graph, hidden=False), of, on))


def d_separated(graph: Graph, xs: str | Iterable[str], ys: str | Iterable[str], given: Iterable[str] = ()) -> bool:
    """Whether the graph makes `xs` and `ys` independent given `given`; hidden common causes count as open ways."""
    above = canonical(graph)
    drawn = nx.DiGraph((parent, node) for node, found in above.items() for parent in found)
    drawn.add_nodes_from(above)
    return nx.is_d_separator(drawn, *({each} if isinstance(each, str) else {*each} for each in (xs, ys)), {*given})
