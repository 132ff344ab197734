"""A theory over time: a column for each occasion, a row for each variable, courses and plain variables at the left.

Indicators are left out: they stand where their latent variables stand and say nothing about time.
"""

import re

from mechanisms.errors import SpecError
from mechanisms.graph.levels import survey
from mechanisms.graph.unrolling import unroll
from mechanisms.report.layout import Box
from mechanisms.report.picture import Link, Node, Picture
from mechanisms.report.routing import route
from mechanisms.report.standing import Sheet, box_size
from mechanisms.spec.theory import Theory

COLUMN, ROW = 0.9, 0.75
_SEEN = re.compile(r"(.+)\((\d+)\)")


def unrolled_sheet(theory: Theory, occasions: bool | int) -> Sheet:
    """The graph over the occasions of the grid, or over so many of them."""
    if not theory.time:
        raise SpecError("unrolled: a theory without a time level has no occasions; write time:", theory.place)
    graph, design = unroll(theory, None if occasions is True else int(occasions)), survey(theory)
    drawn = [node for node in graph.nodes if node.partition("(")[0] not in design.indicators]
    seen = {node: match for node in drawn if (match := _SEEN.fullmatch(node))}
    courses = {node for node in drawn if "(" in node and node not in seen}
    nodes = tuple(
        Node(
            node,
            kind="latent" if node in graph.unmeasured or node in courses else "measured",
            means=str(variable.means or "") if (variable := design.variables.get(node.partition("(")[0])) else "",
        )
        for node in drawn
    )
    sizes = {node.name: box_size(node) for node in nodes}
    rows = [*dict.fromkeys(match[1] for match in seen.values())]
    times = sorted({int(match[2]) for match in seen.values()})
    boxes = _grid(nodes, sizes, seen, rows, times)
    links = [
        Link(tail, head, light=tail in courses, text=f"{tail} -> {head}")
        for tail, head in graph.arrows
        if tail in boxes and head in boxes
    ]
    links += [
        Link(one, other, "hidden", light={one, other} <= courses)
        for one, other in graph.hidden
        if one in boxes and other in boxes
    ]
    round_boxes = frozenset(node.name for node in nodes if node.kind == "latent")
    return Sheet(Picture(nodes, tuple(links)), boxes, route(links, boxes, {}, {}, round_boxes))


def _grid(
    nodes: tuple[Node, ...],
    sizes: dict[str, tuple[float, float]],
    seen: dict[str, re.Match[str]],
    rows: list[str],
    times: list[int],
) -> dict[str, Box]:
    tall = max(height for _, height in sizes.values())
    wide = max((sizes[name][0] for name in seen), default=1.0)
    aside = [node.name for node in nodes if node.name not in seen]
    left = max((sizes[name][0] for name in aside), default=0.0)
    boxes = {
        name: Box(
            name, times.index(int(match[2])) * (wide + COLUMN), -rows.index(match[1]) * (tall + ROW), *sizes[name]
        )
        for name, match in seen.items()
    }
    step = (tall + ROW) * max(len(rows) - 1, 1) / max(len(aside) - 1, 1)
    step = max(step, tall + 0.3)
    top = step * (len(aside) - 1) / 2 - (tall + ROW) * (len(rows) - 1) / 2
    x = -wide / 2 - COLUMN - left / 2
    return boxes | {name: Box(name, x, top - at * step, *sizes[name]) for at, name in enumerate(aside)}
