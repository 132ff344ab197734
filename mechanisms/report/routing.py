"""How arrows run between the boxes, and where their labels stand: each the cheapest of a few candidates.

Curves are polylines of points in inches. A line that runs through a box is dearest, then a label on a box or on
another label, then crossings; among equals the straightest line and the most central label win.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mechanisms.report.layout import Box, Point
from mechanisms.report.picture import Link, Moderation

Curve = NDArray[np.float64]

BOWS = (0.0, 0.12, -0.12, 0.22, -0.22, 0.35, -0.35, 0.5, -0.5)
ARCS = (0.3, -0.3, 0.45, -0.45, 0.65, -0.65)  # hidden common causes are never straight
STEPS, FINE = 48, 400  # points of a curve, and before it is cut at the borders
MARGIN, BADGE, DOT = 0.07, 0.2, 0.1
PLACES = (0.5, 0.42, 0.58, 0.35, 0.65, 0.28, 0.72, 0.22, 0.78)
ENDS = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74)  # where along an arrow a moderator's arrow may end


@dataclass(frozen=True, eq=False)
class Route:
    """A link's way over the paper, from border to border, and its label's rectangle where it has one."""

    link: Link
    curve: Curve
    label: Box | None = None


def route(
    links: Sequence[Link],
    boxes: Mapping[str, Box],
    waypoints: Mapping[tuple[str, str], Sequence[Point]],
    labels: Mapping[Link, tuple[float, float]],
    round_boxes: frozenset[str] = frozenset(),
) -> tuple[Route, ...]:
    """Ways for all links: arrows first, then hidden causes, moderators, and light arrows; then their labels.

    `labels` holds the sizes of the labels of those links that have one; `round_boxes` names the ellipses.
    """
    found: list[Route] = []
    for link in sorted(links, key=lambda link: (_rank(link), _length(link, boxes))):
        taken = [each.curve for each in found]
        ways = _ways(link, boxes, waypoints, found, round_boxes)
        best = min(ways, key=lambda way: _cost(way, link, boxes, taken))
        found.append(Route(link, best[0]))
    placed = [badge(each.curve) for each in found if each.link.curved]
    placed += [
        Box("", float(each.curve[-1, 0]), float(each.curve[-1, 1]), DOT, DOT)
        for each in found
        if each.link.kind == "moderation"
    ]
    done = []
    for each in found:
        others = [other for other in found if other is not each]
        size = labels.get(each.link)
        label = _place(each.curve, size, list(boxes.values()), placed, others) if size else None
        placed += [label] if label else []
        done.append(Route(each.link, each.curve, label))
    return tuple(done)


def badge(curve: Curve) -> Box:
    """Where the sign of a curved arrow stands: on the arrow, before its head."""
    x, y = _at(curve, max(0.5, 1 - 0.36 / max(_run(curve)[-1], 1e-9)))
    return Box("", float(x), float(y), BADGE, BADGE)


def beside(
    name: str, size: tuple[float, float], onto: Sequence[Curve], boxes: Mapping[str, Box], room: float = 0.95
) -> Box:
    """A place above or below everything for a mere moderator, where its arrows cross least."""
    middles = [_at(curve, 0.5) for curve in onto]
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
                cost += 20 * _inside(_straight(line), boxes.values()) + float(np.hypot(*(line[0] - line[1])))
                cost += 0.5 * sum(_crossings(line, curve) for curve in onto)
            if best is None or cost < best[0] - 1e-9:
                best = (cost, box)
    return best[1] if best else Box(name, centre, bottom - room, *size)


def _rank(link: Link) -> int:
    return ("arrow", "hidden", "moderation").index(link.kind) + 3 * link.light


def _length(link: Link, boxes: Mapping[str, Box]) -> float:
    tail, head = boxes[link.tail], boxes[link.head]
    return abs(tail.x - head.x) + abs(tail.y - head.y)


def _ways(
    link: Link,
    boxes: Mapping[str, Box],
    waypoints: Mapping[tuple[str, str], Sequence[Point]],
    found: Sequence[Route],
    round_boxes: frozenset[str],
) -> list[tuple[Curve, float]]:
    """Candidate curves, cut at the borders, each with what its shape costs."""
    tail = boxes[link.tail]
    start = (tail.x, tail.y)
    clip = [(boxes[link.tail], link.tail in round_boxes)]
    if isinstance(link, Moderation):
        target = next(each for each in found if each.link.ends == link.onto and each.link.kind == "arrow")
        sign = badge(target.curve)
        points = [(_at(target.curve, share), 4 * abs(share - 0.5)) for share in ENDS]
        ends = [
            (at, dear + 5 * (target.link.curved and sign.holds(float(at[0]), float(at[1]), 0.06)))
            for at, dear in points
        ]
        ways = [(_bow(start, end, bow), dear + 3 * abs(bow)) for end, dear in ends for bow in BOWS]
    else:
        head = boxes[link.head]
        end = (head.x, head.y)
        clip.append((head, link.head in round_boxes))
        bows = ARCS if link.kind == "hidden" else BOWS
        ways = [(_bow(start, end, bow), 3 * abs(bow)) for bow in bows]
        if link.pos is not None:
            ways = [(_through(start, link.pos, end), 0.0)]
        elif (passed := waypoints.get(link.ends)) and not link.light:
            ways.append((_spline([start, *passed, end]), 0.8))
    return [(_cut(curve, clip), dear) for curve, dear in ways]


def _cost(way: tuple[Curve, float], link: Link, boxes: Mapping[str, Box], taken: Sequence[Curve]) -> float:
    curve, dear = way
    others = [
        box for box in boxes.values() if box.name not in (link.tail, link.head if link.kind != "moderation" else "")
    ]
    crossings = sum(_crossings(curve, other) for other in taken)
    along = sum(_near(curve, other) for other in taken)
    weight = 0.03 if link.light and link.kind == "arrow" else 0.7
    return dear + 30 * _inside(curve, others) + weight * crossings + 3 * along


def _bow(start: Point | Curve, end: Point | Curve, bow: float) -> Curve:
    """A quadratic curve whose middle stands `bow` lengths to the left of the straight line."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    aside = np.array([-(b - a)[1], (b - a)[0]]) * bow * 2
    return _quadratic(a, (a + b) / 2 + aside, b)


def _through(start: Point, control: Point, end: Point) -> Curve:
    return _quadratic(np.asarray(start, float), np.asarray(control, float), np.asarray(end, float))


def _quadratic(a: Curve, control: Curve, b: Curve) -> Curve:
    t = np.linspace(0, 1, FINE)[:, None]
    return np.asarray((1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * b)


def _straight(line: Curve) -> Curve:
    return np.linspace(line[0], line[-1], STEPS)


def _spline(points: Iterable[Point]) -> Curve:
    """A smooth curve through the points (Catmull-Rom)."""
    knots = np.array([*points], float)
    padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    t = np.linspace(0, 1, FINE)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.vstack(pieces)


def _cut(curve: Curve, shapes: Sequence[tuple[Box, bool]]) -> Curve:
    """The part of a curve outside the shapes at its ends."""
    outside = np.ones(len(curve), dtype=bool)
    for box, rounded in shapes:
        x = np.abs(curve[:, 0] - box.x) / (box.width / 2 + 0.02)
        y = np.abs(curve[:, 1] - box.y) / (box.height / 2 + 0.02)
        outside &= (x**2 + y**2 > 1) if rounded else (x > 1) | (y > 1)
    kept = curve[outside] if outside.sum() > 1 else curve
    return np.asarray(kept[np.linspace(0, len(kept) - 1, STEPS).round().astype(int)])


def _inside(curve: Curve, boxes: Iterable[Box]) -> float:
    """The share of the curve that runs through boxes, or too near them; any touch counts as a tenth."""
    hit = 0.0
    for box in boxes:
        near = (np.abs(curve[:, 0] - box.x) < box.width / 2 + MARGIN) & (
            np.abs(curve[:, 1] - box.y) < box.height / 2 + MARGIN
        )
        hit += float(near.mean()) + 0.1 * bool(near.any())
    return hit


def _crossings(one: Curve, other: Curve) -> int:
    """How often two polylines cross, their ends apart."""
    one, other = one[:: max(1, len(one) // 16)], other[:: max(1, len(other) // 16)]
    if (one.max(0) < other.min(0)).any() or (other.max(0) < one.min(0)).any():
        return 0
    a, b = one[:-1, None], one[1:, None]
    c, d = other[None, :-1], other[None, 1:]

    def side(p: Curve, q: Curve, r: Curve) -> Curve:
        return np.asarray((q - p)[..., 0] * (r - p)[..., 1] - (q - p)[..., 1] * (r - p)[..., 0])

    return int(((side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)).sum())


def _near(one: Curve, other: Curve) -> float:
    """The share of a curve that runs on top of another."""
    gap = np.hypot(*(one[::4, None] - other[None, ::4]).transpose(2, 0, 1)).min(axis=1)
    return float(np.maximum((gap < 0.06).mean() - 0.15, 0))


def _at(curve: Curve, share: float) -> Curve:
    """The point after a share of the curve's length."""
    along = _run(curve)
    return np.array([np.interp(share * along[-1], along, curve[:, axis]) for axis in (0, 1)])


def _run(curve: Curve) -> Curve:
    """The length of a curve up to each of its points."""
    return np.asarray(np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))]))


def _place(
    curve: Curve, size: tuple[float, float], boxes: Sequence[Box], labels: Sequence[Box], others: Sequence[Route]
) -> Box:
    """The rectangle of a label on its curve, or beside it where there is no room on it."""
    width, height = size
    best: tuple[float, Box] | None = None
    for share in PLACES:
        x, y = _at(curve, share)
        for dx, dy in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)):
            label = Box("", x + dx * (width / 2 + 0.08), y + dy * (height / 2 + 0.14), width, height)
            cost = 3 * abs(share - 0.5) + 1.5 * (dx != 0) + 1.0 * (dy != 0)
            cost += 1000 * sum(label.meets(box, 0.05) for box in boxes) + 50 * sum(label.meets(o, 0.08) for o in labels)
            cost += sum((0.5 if other.link.light else 3) * _covers(label, other.curve) for other in others)
            if best is None or cost < best[0] - 1e-9:
                best = (cost, label)
    assert best is not None
    return best[1]


def _covers(label: Box, curve: Curve) -> bool:
    inside = (np.abs(curve[:, 0] - label.x) < label.width / 2) & (np.abs(curve[:, 1] - label.y) < label.height / 2)
    return bool(inside.any())
