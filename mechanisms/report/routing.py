"""How arrows run between the boxes, and where their labels stand: each the cheapest of a few candidates.

A line that runs through a box is dearest, then a label on a box or on another label or nearer to another arrow than to
its own, then crossings; among equals the straightest line and the most central label win.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from mechanisms.report.crossings import crossings, thin, touched
from mechanisms.report.curves import draw_line
from mechanisms.report.layout import Box, Point
from mechanisms.report.lettering import Curve, point_at
from mechanisms.report.picture import Link, Moderation
from mechanisms.report.settling import Settlement
from mechanisms.report.ways import Paper, Route


def route(
    links: Sequence[Link],
    boxes: Mapping[str, Box],
    waypoints: Mapping[tuple[str, str], Sequence[Point]],
    labels: Mapping[Link, tuple[float, float]],
    round_boxes: frozenset[str] = frozenset(),
    borders: Sequence[float] = (),
) -> tuple[Route, ...]:
    """Ways for all links: arrows first, then hidden causes, moderators, and light arrows; then their labels.

    `labels` holds the sizes of the labels of those links that have one; `round_boxes` names the ellipses, `borders`
    the heights of the lines between bands, on which no label should stand.
    """
    found: list[Route] = []
    paper = Paper(boxes, waypoints, round_boxes, borders, labels)
    beside_each_other = Counter(frozenset(link.ends) for link in links)
    for link in sorted(links, key=lambda link: (_rank(link), _length(link, boxes))):
        alone = beside_each_other[frozenset(link.ends)] == 1 or isinstance(link, Moderation) or link.tail == link.head
        found.append(Route(link, paper.cheapest(link, found, alone=alone)))
    return Settlement(paper, found).settle()


def beside(
    name: str, size: tuple[float, float], onto: Sequence[Curve], boxes: Mapping[str, Box], room: float = 0.95
) -> Box:
    """A place above or below everything for a mere moderator, where its arrows cross least."""
    middles = [point_at(curve, 0.5) for curve in onto]
    centre = float(np.mean([middle[0] for middle in middles]))
    top = max(box.y + box.height / 2 for box in boxes.values()) + room + size[1] / 2
    bottom = min(box.y - box.height / 2 for box in boxes.values()) - room - size[1] / 2
    best: tuple[float, Box] | None = None
    for y in (top, bottom):
        for aside in (0.0, 0.8, -0.8, 1.6, -1.6, 2.6, -2.6, 4.0, -4.0):
            box = Box(name, centre + aside, y, *size)
            if any(box.meets(other, 0.3) for other in boxes.values()):
                continue
            cost = 0.15 * abs(aside)
            for middle in middles:
                line = np.array([[box.x, box.y], middle])
                cost += 20 * touched(draw_line(line), boxes.values()) + float(np.hypot(*(line[0] - line[1])))
                cost += 0.5 * crossings(line, np.stack([thin(curve) for curve in onto]))
            if best is None or cost < best[0] - 1e-9:
                best = (cost, box)
    return best[1] if best else Box(name, centre, bottom - room, *size)


def _rank(link: Link) -> int:
    if link.kind == "loading":
        return -1
    return ("arrow", "hidden", "moderation", "part").index(link.kind) + 4 * link.light


def _length(link: Link, boxes: Mapping[str, Box]) -> float:
    tail, head = boxes[link.tail], boxes[link.head]
    return abs(tail.x - head.x) + abs(tail.y - head.y)
