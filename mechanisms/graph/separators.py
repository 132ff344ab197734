"""Minimal separators of a DAG, one after another: the engine under adjustment sets and implied independences.

x and y are d-separated by Z in a DAG exactly if Z separates them in the moral graph of the ancestors of x, y and Z
(Lauritzen et al. 1990). Minimal separators lie among the ancestors of x and y, so one undirected graph serves for all
of them, and Takata (2010) lists the minimal vertex separators of an undirected graph with polynomial delay: every
branch of the search is known to hold a separator before it is entered, so subsets are never tried out. Used for
causal graphs as in van der Zander, Liśkiewicz & Textor (2014, 2019). Vertex sets are the bits of whole numbers.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from mechanisms.graph.graph import reach

Parents = Mapping[str, Collection[str]]


def list_separators(
    above: Parents, xs: Collection[str], ys: Collection[str], allowed: Collection[str], including: Collection[str] = ()
) -> Iterator[frozenset[str]]:
    """Every minimal set among `allowed` that d-separates `xs` from `ys`; each holds `including`, minimal beyond it.

    `above` gives every node's parents. The order is deterministic; the set nearest to `xs` comes first.
    """
    kept = reach(above, [*xs, *ys, *including])
    names = [node for node in above if node in kept and node not in including]
    bit = {node: 1 << index for index, node in enumerate(names)}
    neighbours = _moral(above, kept, bit)
    start, end = sum(bit[x] for x in xs), sum(bit[y] for y in ys)
    for node in names:
        if node not in allowed and not bit[node] & (start | end):
            _contract(neighbours, bit[node].bit_length() - 1)
    for separator in _takata(neighbours, start, end):
        yield frozenset(node for node in names if bit[node] & separator) | frozenset(including)


def find_open_path(
    above: Parents, xs: Collection[str], ys: Collection[str], given: Collection[str]
) -> tuple[str, ...] | None:
    """A shortest path from `xs` to `ys` that `given` leaves open, drawn as `x <- c -> y` word by word; None if none.

    A node with two arrowheads on the path lets it through when it or a descendant is in `given`, any other node when
    it is not in `given`. The shortest such walk never visits a node twice, so it is a path.
    """
    opened = reach(above, given)
    below: dict[str, list[str]] = {node: [] for node in above}
    for node, found in above.items():
        for parent in found:
            below[parent].append(node)
    steps: dict[tuple[str, bool], tuple[str, ...]] = {(x, False): (x,) for x in xs}
    queue = deque(steps)
    while queue:
        node, into = queue.popleft()
        walk = steps[node, into]
        if node in ys:
            return walk
        first = len(walk) == 1
        up = first or (node in opened if into else node not in given)
        down = first or node not in given
        onward = [(parent, False, "<-") for parent in above[node] if up]
        for other, head, sign in onward + [(child, True, "->") for child in below[node] if down]:
            if (other, head) not in steps and other not in xs:
                steps[other, head] = (*walk, sign, other)
                queue.append((other, head))
    return None


def _moral(above: Parents, kept: Collection[str], bit: Mapping[str, int]) -> list[int]:
    """The moral graph of an ancestral set: parents joined to their child and to each other."""
    neighbours = [0] * len(bit)
    for node in kept:
        family = [bit[member] for member in (node, *above[node]) if member in bit]
        for one, other in combinations(family, 2):
            neighbours[one.bit_length() - 1] |= other
            neighbours[other.bit_length() - 1] |= one
    return neighbours


def _contract(neighbours: list[int], gone: int) -> None:
    """Take a vertex out that no separator may hold: its neighbours become neighbours of each other."""
    around = neighbours[gone]
    for index in _bits(around):
        neighbours[index] = (neighbours[index] | around) & ~(1 << index) & ~(1 << gone)
    neighbours[gone] = 0


def _takata(neighbours: Sequence[int], start: int, end: int) -> Iterator[int]:
    """Every minimal separator of two vertex sets (Takata 2010).

    A branch is `inside` (the start's side holds at least these) and `outside` (it holds none of these). `near` is the
    smallest side that fits; its separator is the only one left once all of it is outside.
    """
    everything = (1 << len(neighbours)) - 1
    branches = [(start, 0)]
    while branches:
        inside, outside = branches.pop()
        rim = _around(neighbours, inside)
        if (rim | inside) & end:
            continue
        far = _component(neighbours, end, everything & ~rim)
        separator = _around(neighbours, far)
        near = _component(neighbours, inside, everything & ~separator)
        if near & outside:
            continue
        free = separator & ~outside
        if not free:
            yield separator
            continue
        chosen = free & -free
        branches.append((near | chosen, outside))
        branches.append((near, outside | chosen))


def _bits(vertices: int) -> Iterable[int]:
    while vertices:
        lowest = vertices & -vertices
        yield lowest.bit_length() - 1
        vertices ^= lowest


def _around(neighbours: Sequence[int], vertices: int) -> int:
    """The vertices next to a set."""
    found = 0
    for index in _bits(vertices):
        found |= neighbours[index]
    return found & ~vertices


def _component(neighbours: Sequence[int], start: int, within: int) -> int:
    """Everything reachable from `start` within a set."""
    found = frontier = start
    while frontier:
        new = _around(neighbours, frontier) & within & ~found
        found |= new
        frontier = new
    return found
