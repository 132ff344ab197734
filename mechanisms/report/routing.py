"""How arrows run between the boxes, and where their labels stand: each the cheapest of a few candidates.

Curves are polylines of points in inches. A line that runs through a box is dearest, then a label on a box or on
another label, then crossings; among equals the straightest line and the most central label win.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mechanisms.report.layout import Box, Point
from mechanisms.report.lettering import Curve, place_label, point_at, run_of
from mechanisms.report.picture import Link, Moderation

BOWS = (0.0, 0.12, -0.12, 0.22, -0.22, 0.35, -0.35, 0.5, -0.5)
ARCS = (0.2, -0.2, 0.3, -0.3, 0.45, -0.45, 0.65, -0.65)  # hidden common causes are never straight
STEPS, FINE = 48, 400  # points of a curve, and before it is cut at the borders
MARGIN, BADGE, DOT, LOOP = 0.07, 0.2, 0.1, 0.22
COARSE, NEAR, APART = 20, 0.08, 0.36
ENDS = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74)  # where along an arrow a moderator's arrow may end
ALONE = 0.8  # what being straight costs one of several arrows between the same two boxes


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
    beside_each_other = Counter(frozenset(link.ends) for link in links)
    for link in sorted(links, key=lambda link: (_rank(link), _length(link, boxes))):
        taken = np.stack([_coarse(each.curve) for each in found]) if found else np.empty((0, COARSE, 2))
        ways = _ways(link, boxes, waypoints, found, round_boxes)
        several = beside_each_other[frozenset(link.ends)] > 1 and not isinstance(link, Moderation)
        if several:
            fellows = [each.curve for each in found if {*each.link.ends} == {*link.ends} and len({*link.ends}) > 1]
            ways = [(curve, dear + ALONE * _is_straight(curve) + _crowded(curve, fellows)) for curve, dear in ways]
        found.append(Route(link, _cheapest(ways, link, boxes, taken)))
    placed = [badge(each.curve) for each in found if each.link.curved]
    placed += [
        Box("", float(each.curve[-1, 0]), float(each.curve[-1, 1]), DOT, DOT)
        for each in found
        if each.link.kind == "moderation"
    ]
    curves = np.stack([each.curve for each in found]) if found else np.empty((0, STEPS, 2))
    light = np.array([each.link.light for each in found])
    done = []
    for at, each in enumerate(found):
        size, rest = labels.get(each.link), np.arange(len(found)) != at
        label = place_label(each.curve, size, [*boxes.values()], placed, curves[rest], light[rest]) if size else None
        placed += [label] if label else []
        done.append(Route(each.link, each.curve, label))
    return tuple(done)


def badge(curve: Curve) -> Box:
    """Where the sign of a curved arrow stands: on the arrow, before its head."""
    x, y = point_at(curve, max(0.5, 1 - 0.36 / max(run_of(curve)[-1], 1e-9)))
    return Box("", float(x), float(y), BADGE, BADGE)


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
                cost += 20 * _inside(_straight(line), boxes.values()) + float(np.hypot(*(line[0] - line[1])))
                cost += 0.5 * _crossings(line, np.stack([_coarse(curve) for curve in onto]))
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
        target = next(each for each in found if each.link.name == link.onto and each.link.kind in ("arrow", "loading"))
        sign = badge(target.curve)
        points = [(point_at(target.curve, share), 4 * abs(share - 0.5)) for share in ENDS]
        ends = [
            (at, dear + 5 * (target.link.curved and sign.holds(float(at[0]), float(at[1]), 0.06)))
            for at, dear in points
        ]
        ways = [(_bow(start, end, bow), dear + _bent(start, end, bow)) for end, dear in ends for bow in BOWS[:7]]
    elif link.tail == link.head:
        return _loops(tail, rounded=link.tail in round_boxes)
    else:
        head = boxes[link.head]
        end = (head.x, head.y)
        clip.append((head, link.head in round_boxes))
        bows = {"hidden": ARCS, "loading": (0.0,)}.get(link.kind, BOWS)
        ways = [(_bow(start, end, bow), _bent(start, end, bow)) for bow in bows]
        if link.kind == "hidden":  # between things beside each other an arc hangs rather than stands
            ways = [(curve, dear + 0.6 * (curve[len(curve) // 2, 1] > (start[1] + end[1]) / 2)) for curve, dear in ways]
        if link.pos is not None:
            ways = [(_through(start, link.pos, end), 0.0)]
        elif (passed := waypoints.get(link.ends)) and not link.light:
            shifts = ((0.0, 0.8), (0.3, 1.0), (-0.3, 1.0))
            ways += [(_spline([start, *((x, y + up) for x, y in passed), end]), dear) for up, dear in shifts]
    return [(_cut(curve, clip), dear) for curve, dear in ways]


def _loops(box: Box, *, rounded: bool) -> list[tuple[Curve, float]]:
    """Loops over and under a box, in the middle and at its corners."""
    found = []
    wide = min(LOOP, box.width / 4)
    t = np.linspace(0, 1, FINE)[:, None]
    for up, dear in ((1, 0.0), (-1, 0.6)):
        for aside, more in ((0.0, 0.0), (0.5, 0.1), (-0.5, 0.2)):
            x = box.x + aside * (box.width / 2 - wide)
            edges = []
            for at in (x - wide * 0.75, x + wide * 0.75):
                share = (at - box.x) / (box.width / 2)
                tall = (1 - share**2) ** 0.5 if rounded else 1.0
                edges.append(np.array([at, box.y + up * (box.height / 2 * tall + 0.02)]))
            high = up * LOOP * 2
            one, other = edges[0] + [-wide, high], edges[1] + [wide, high]
            curve = (1 - t) ** 3 * edges[0] + 3 * t * (1 - t) ** 2 * one + 3 * t**2 * (1 - t) * other + t**3 * edges[1]
            found.append((_thinned(curve), dear + more))
    return found


def _crowded(curve: Curve, fellows: Sequence[Curve]) -> float:
    """What it costs that arrows between the same boxes leave each other no room for labels."""
    gaps = [float(np.hypot(*(curve[len(curve) // 2] - other[len(other) // 2]))) for other in fellows]
    return sum(6 * max(0.0, APART - gap) for gap in gaps)


def _is_straight(curve: Curve) -> bool:
    """Whether a curve hardly leaves the line between its ends."""
    return bool(np.hypot(*(curve[len(curve) // 2] - (curve[0] + curve[-1]) / 2)) < 0.02)


def _cheapest(ways: Sequence[tuple[Curve, float]], link: Link, boxes: Mapping[str, Box], taken: Curve) -> Curve:
    """The best of the candidates; those whose shape alone costs more are not looked at."""
    own = (link.tail, link.head if link.kind != "moderation" else "")
    others = [box for box in boxes.values() if box.name not in own]
    weight = 0.03 if link.light and link.kind == "arrow" else 0.7
    best, lowest = ways[0][0], float("inf")
    for curve, dear in sorted(ways, key=lambda way: way[1]):
        if dear >= lowest:
            break
        cost = dear + 30 * _inside(curve, others)
        if cost < lowest and len(taken):
            coarse = _coarse(curve)
            there = taken[_may_meet(coarse, taken)]
            cost += weight * _crossings(coarse, there) + 10 * _near(coarse, there)
        if cost < lowest:
            best, lowest = curve, cost
    return best


def _bow(start: Point | Curve, end: Point | Curve, bow: float) -> Curve:
    """A quadratic curve whose middle stands `bow` lengths to the left of the straight line."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    aside = np.array([-(b - a)[1], (b - a)[0]]) * bow * 2
    return _quadratic(a, (a + b) / 2 + aside, b)


def _bent(start: Point | Curve, end: Point | Curve, bow: float) -> float:
    """What bending costs, the more the farther it leads from the straight way."""
    return (3 + 0.7 * float(np.hypot(end[0] - start[0], end[1] - start[1]))) * abs(bow)


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
    return _thinned(curve[outside] if outside.sum() > 1 else curve)


def _thinned(curve: Curve) -> Curve:
    return np.asarray(curve[np.linspace(0, len(curve) - 1, STEPS).round().astype(int)])


def _inside(curve: Curve, boxes: Iterable[Box]) -> float:
    """The share of the curve that runs through boxes, or too near them; any touch counts as a quarter."""
    hit = 0.0
    for box in boxes:
        near = (np.abs(curve[:, 0] - box.x) < box.width / 2 + MARGIN) & (
            np.abs(curve[:, 1] - box.y) < box.height / 2 + MARGIN
        )
        hit += float(near.mean()) + 0.25 * bool(near.any())
    return hit


def _coarse(curve: Curve) -> Curve:
    """A curve in few points: enough to tell crossings."""
    return np.asarray(curve[np.linspace(0, len(curve) - 1, COARSE).round().astype(int)])


def _may_meet(one: Curve, others: Curve) -> NDArray[np.bool_]:
    """Which of several polylines come so near that they could cross."""
    far = (others.max(1) < one.min(0) - NEAR) | (others.min(1) > one.max(0) + NEAR)
    return np.asarray(~far.any(axis=1))


def _crossings(one: Curve, others: Curve) -> int:
    """How often a polyline crosses others, one in each row."""
    a, b = one[:-1, None, None], one[1:, None, None]
    c, d = others[None, :, :-1], others[None, :, 1:]

    def side(p: Curve, q: Curve, r: Curve) -> Curve:
        return np.asarray((q - p)[..., 0] * (r - p)[..., 1] - (q - p)[..., 1] * (r - p)[..., 0])

    return int(((side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)).sum())


def _near(one: Curve, others: Curve) -> float:
    """The shares of a curve that run on top of others, where these are more than their ends."""
    gap = np.hypot(*(one[None, :, None] - others[:, None]).transpose(3, 0, 1, 2)).min(axis=2)
    return float(np.maximum((gap < NEAR).mean(axis=1) - 0.08, 0).sum())
