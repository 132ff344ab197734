"""Which arrows lie on the directed paths of a kind: through some nodes, or along some names, in one sweep each way.

A path is read node by node by a small reader: `Stops` remembers which names were met, `Paths` how far along the names
the path has come. An arrow belongs where some path that the reader accepts takes it. So nothing is listed, and
repeated variables, whose nodes over time are many, cost no more than their number.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mechanisms.graph.graph import Edge, Graph, between, children, occasion_of, variable_of

State = frozenset[int] | int | None


@dataclass(frozen=True)
class Stops:
    """Accepts the paths that meet a node of every name."""

    groups: tuple[tuple[str, ...], ...]

    def start(self, node: str) -> State:
        """What has been met at the first node."""
        return self.step(frozenset(), node)

    def step(self, state: State, node: str) -> State:
        """What has been met once the path comes to a node."""
        met = state if isinstance(state, frozenset) else frozenset()
        return met | {index for index, group in enumerate(self.groups) if node in group}

    def accepts(self, state: State) -> bool:
        """Whether every name has been met."""
        return state == frozenset(range(len(self.groups)))


@dataclass(frozen=True)
class Paths:
    """Accepts the paths whose variables are these names in this order; `carrying`: each may hand on to itself later.

    A name with an occasion or a part, `m(2)`, is that node only. What a variable is made of (a coarser course, the course and departure of a value) is one name either way.
    """

    names: tuple[str, ...]
    carrying: bool = False

    def start(self, node: str) -> State:
        """The place of the first node among the names."""
        return 0 if _is(node, self.names[0]) else None

    def step(self, state: State, node: str) -> State:
        """The place once the path comes to a node; None when it has left the names."""
        if not isinstance(state, int):
            return None
        if state + 1 < len(self.names) and _is(node, self.names[state + 1]):
            return state + 1
        own = self.carrying or occasion_of(node) is None
        return state if own and _is(node, self.names[state]) else None

    def accepts(self, state: State) -> bool:
        """Whether the last name has been reached."""
        return state == len(self.names) - 1


def _is(node: str, name: str) -> bool:
    """Whether a node is what a name of a path means; the value that is looked at, `y(whole 3)`, is `y(3)`."""
    return name in (variable_of(node), node.replace("(whole ", "("))


def follow(graph: Graph, of: Iterable[str], on: str, wanted: Stops | Paths) -> frozenset[Edge]:
    """The arrows of all directed paths from `of` to `on` that are wanted."""
    of = tuple(of)
    inside = between(graph, of, on)
    links = {node: [child for child in children(graph, node) if child in inside] for node in inside}
    ahead = _ahead(inside, links, of, wanted)
    accepted = _accepted(inside, links, on, wanted, ahead)
    return frozenset(
        (node, child)
        for node in inside
        for child in links[node]
        if any(wanted.step(state, child) in accepted[child] for state in ahead[node])
    )


def find_strays(
    graph: Graph, of: Iterable[str], on: str, wanted: Stops | Paths, found: frozenset[Edge]
) -> tuple[str, ...]:
    """The nodes where a path made of these arrows turns into one that is not wanted; none if there is no such path."""
    of = tuple(of)
    inside = between(graph, of, on)
    links = {node: [child for child in children(graph, node) if (node, child) in found] for node in inside}
    ahead = _ahead(inside, links, of, wanted)
    accepted = _accepted(inside, links, on, wanted, ahead)
    return tuple(
        node
        for node in inside
        if any(
            state in accepted[node] and wanted.step(state, child) not in accepted[child]
            for state in ahead[node]
            for child in links[node]
        )
    )


def _ahead(
    order: tuple[str, ...], links: dict[str, list[str]], of: tuple[str, ...], wanted: Stops | Paths
) -> dict[str, set[State]]:
    """The states in which paths come to each node."""
    found: dict[str, set[State]] = {node: set() for node in order}
    for node in of:
        if node in found:
            found[node].add(wanted.start(node))
    for node in order:
        for child in links[node]:
            found[child] |= {wanted.step(state, child) for state in found[node]}
    return found


def _accepted(
    order: tuple[str, ...],
    links: dict[str, list[str]],
    on: str,
    wanted: Stops | Paths,
    ahead: dict[str, set[State]],
) -> dict[str, set[State]]:
    """Those of the states at each node from which a wanted path goes on to the end."""
    found: dict[str, set[State]] = {node: set() for node in order}
    for node in reversed(order):
        for state in ahead[node]:
            ends = node == on and wanted.accepts(state)
            if ends or any(wanted.step(state, child) in found[child] for child in links[node]):
                found[node].add(state)
    return found
