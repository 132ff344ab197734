"""A theory over time: a column for each occasion, a row for each variable, courses and plain variables at the left.

An occasion is its variable's course and a departure from it: a rail leads from each course to its occasions. Variables
of coarser levels that start at an occasion stand at the right. Indicators are left out: they stand where their latent
variables stand and say nothing about time. Pale is what the language adds, as in the diagram of the theory.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mechanisms.errors import SpecError
from mechanisms.graph.expansion import Expansion, expand
from mechanisms.graph.graph import Graph, occasion_of, variable_of
from mechanisms.graph.levels import Design, survey
from mechanisms.graph.unrolling import unroll
from mechanisms.report.composition import find_kind
from mechanisms.report.layout import Box
from mechanisms.report.picture import Link, Node, Picture
from mechanisms.report.routing import route
from mechanisms.report.standing import Sheet, box_size
from mechanisms.report.ways import Route
from mechanisms.report.wordings import typeset
from mechanisms.spec.theory import HiddenCause, Theory

COLUMN, ROW, STEP = 0.9, 0.75, 0.3
CAPTION = "What stands at an occasion is the course of its variable (an ellipse) and the departure from it."
RAIL = 0.17  # how far over its boxes a course's rail runs
Sizes = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class _Cells:
    """The nodes by where they stand: occasions in rows and columns, courses in their rows, the rest at the sides."""

    graph: Graph
    nodes: tuple[str, ...]

    @property
    def seen(self) -> tuple[str, ...]:
        """The nodes of occasions."""
        return tuple(node for node in self.nodes if occasion_of(node) is not None)

    @property
    def rows(self) -> list[str]:
        """The variables with occasions."""
        return [*dict.fromkeys(variable_of(node) for node in self.seen)]

    @property
    def courses(self) -> tuple[str, ...]:
        """The courses, of any level, of the variables with occasions and of others."""
        return tuple(node for node in self.nodes if "(" in node and occasion_of(node) is None)

    def sides(self) -> tuple[list[str], list[str]]:
        """What stands at the left and at the right: there what an occasion moves."""
        rest = [node for node in self.nodes if node not in self.seen and node not in self.courses]
        late = {head for tail, head in self.graph.arrows if tail in self.seen and head in rest}
        while more := {head for tail, head in self.graph.arrows if tail in late and head in rest} - late:
            late |= more
        return [node for node in rest if node not in late], [node for node in rest if node in late]


def unrolled_sheet(theory: Theory, occasions: bool | int) -> Sheet:
    """The graph over the occasions of the grid, or over so many of them."""
    if not theory.time:
        raise SpecError("unrolled: a theory without a time level has no occasions; write time:", theory.place)
    graph, design = unroll(theory, None if occasions is True else int(occasions)), survey(theory)
    cells = _Cells(graph, tuple(node for node in graph.nodes if variable_of(node) not in design.indicators))
    nodes = tuple(_node(name, cells, design) for name in cells.nodes)
    boxes = _stand(cells, {node.name: box_size(node) for node in nodes}, design)
    own = frozenset(
        variable.name for variable in theory.variables if variable.computed and variable.name not in graph.computed
    )
    links = _links(theory, expand(theory), cells, own)
    round_boxes = frozenset(node.name for node in nodes if node.kind == "latent")
    rails = _rails(cells, boxes, design)
    picture = Picture(nodes, (*links, *(each.link for each in rails)), caption=CAPTION if rails else "")
    return Sheet(picture, boxes, (*rails, *route(links, boxes, {}, {}, round_boxes)))


def _node(name: str, cells: _Cells, design: Design) -> Node:
    variable = design.variables.get(variable_of(name))
    kind = "latent" if name in cells.courses else find_kind(variable_of(name), variable, design)
    return Node(name, kind=kind, means=(variable.means or "") if variable else "")


def _links(theory: Theory, expansion: Expansion, cells: _Cells, own: frozenset[str]) -> list[Link]:
    """Arrows and hidden causes, pale where no arrow of the author stands for them; `own` are coefficients."""
    written = {(each.cause.name, each.effect.name) for each in expansion.coefficients if each.written}
    links = []
    for tail, head in cells.graph.arrows:
        if not {tail, head} <= {*cells.nodes}:
            continue
        text, start, end = typeset(f"{tail} -> {head}"), occasion_of(tail), occasion_of(head)
        within = variable_of(tail) == variable_of(head) and head in cells.courses
        drawn = (variable_of(tail), variable_of(head)) in written and not within
        if head in cells.graph.computed:
            links.append(Link(tail, head, "part", light=True, way="=", text=text))
        elif tail in own and not drawn:
            links.append(Link(tail, head, "part", light=True, way="sigma", text=text))
        else:
            lagged = start is not None and end is not None and start < end
            between = drawn and tail in cells.courses and head not in cells.seen
            links.append(Link(tail, head, light=not drawn, lagged=lagged, between=between, text=text))
    for one, other in cells.graph.hidden:
        if {one, other} <= {*cells.nodes}:
            drawn = any(_draws(pair, one, other, cells) for pair in theory.hidden)
            links.append(Link(one, other, "hidden", light=not drawn, text=typeset(f"{one} <-> {other}")))
    return links


def _draws(pair: HiddenCause, one: str, other: str, cells: _Cells) -> bool:
    """Whether the author drew the hidden cause of two nodes; between courses a part is named, or one has no course."""
    terms = (pair.one, pair.other)
    plain = any(term.name not in cells.rows for term in terms)
    return any(
        all(
            variable_of(node) == term.name and (node not in cells.courses or plain or term.part is not None)
            for node, term in zip(nodes, terms, strict=True)
        )
        for nodes in ((one, other), (other, one))
    )


def _stand(cells: _Cells, sizes: Sizes, design: Design) -> dict[str, Box]:
    """Occasions in a grid; courses left of their rows, a column for each level; the rest at the sides."""
    tall = max(height for _, height in sizes.values())
    times = sorted({at for node in cells.seen if (at := occasion_of(node)) is not None})
    wide = max((sizes[node][0] for node in cells.seen), default=1.0)
    level = {name: -at * (tall + ROW) for at, name in enumerate(cells.rows)}
    boxes = {
        node: Box(node, times.index(at) * (wide + COLUMN), level[variable_of(node)], *sizes[node])
        for node in cells.seen
        if (at := occasion_of(node)) is not None
    }
    middle = -(tall + ROW) * (len(cells.rows) - 1) / 2
    x = -wide / 2
    for column in _levels(cells, design):
        others = [node for node in column if variable_of(node) not in level]
        lower = {node: -(tall + ROW) * (len(cells.rows) + at) for at, node in enumerate(others)}
        x = _beside(
            x,
            -1,
            [(node, (level | lower).get(node, level.get(variable_of(node), 0.0))) for node in column],
            sizes,
            boxes,
        )
    before, after = cells.sides()
    middle, under = -(tall + ROW) * (len(cells.rows) - 1) / 2, -(tall + ROW) * len(cells.rows)
    acting = any(tail in before and head in cells.seen for tail, head in cells.graph.arrows)
    if acting:
        x = -wide / 2  # under the grid, where no course stands between them and the occasions
    right = (len(times) - 1) * (wide + COLUMN) + wide / 2
    for names, side, edge in ((before, -1, x), (after, 1, right)):
        reached = edge
        for column in _layers(names, cells.graph)[::side]:
            top = middle + (len(column) - 1) * (tall + STEP) / 2 if side > 0 or not acting else under
            reached = _beside(
                reached, side, [(node, top - at * (tall + STEP)) for at, node in enumerate(column)], sizes, boxes
            )
    return boxes


def _beside(edge: float, side: int, column: list[tuple[str, float]], sizes: Sizes, boxes: dict[str, Box]) -> float:
    """Boxes at their heights in a column at the left (-1) or right (1) of an edge, and the column's far edge."""
    half = max(sizes[node][0] for node, _ in column) / 2
    for node, y in column:
        boxes[node] = Box(node, edge + side * (COLUMN + half), y, *sizes[node])
    return edge + side * (COLUMN + 2 * half)


def _levels(cells: _Cells, design: Design) -> list[list[str]]:
    """The courses by level, the finest first."""
    found: dict[str, list[str]] = {}
    for node in cells.courses:
        found.setdefault(node.partition("(")[2].removesuffix(")"), []).append(node)
    return [found[name] for name in sorted(found, key=lambda name: -len(design.lattice.above(name)))]


def _layers(names: list[str], graph: Graph) -> list[list[str]]:
    """Causes before effects."""
    layer = dict.fromkeys(names, 0)
    for _ in names:
        for tail, head in graph.arrows:
            if tail in layer and head in layer:
                layer[head] = max(layer[head], layer[tail] + 1)
    return [[name for name in names if layer[name] == at] for at in sorted({*layer.values()})]


def _rails(cells: _Cells, boxes: Mapping[str, Box], design: Design) -> list[Route]:
    """From each variable's finest course over its row and down into every occasion."""
    found = []
    finest = {variable_of(node): node for column in _levels(cells, design)[::-1] for node in column}
    for node in cells.seen:
        course = finest.get(variable_of(node))
        if course is None:
            continue
        start, end = boxes[course], boxes[node]
        over = max(boxes[other].height for other in cells.seen) / 2 + RAIL
        left, across = start.x + start.width / 2, end.x - 0.3 * end.width
        curve = np.array([
            (left + 0.02, start.y), (left + 0.2, start.y), (left + 0.2, end.y + over), (across, end.y + over),
            (across, end.y + end.height / 2 + 0.02),
        ])  # fmt: skip
        text = typeset(f"{course} is part of {node}")
        found.append(Route(Link(course, node, "part", light=True, way="=", text=text), curve))
    return found
