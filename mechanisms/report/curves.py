"""The curves that an arrow may take from box to box, before one of them is chosen.

Curves are polylines of points in inches, cut at the borders of the boxes.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from mechanisms.report.layout import Box, Point
from mechanisms.report.lettering import Curve

STEPS, FINE = 48, 400  # points of a curve, and before it is cut at the borders
LOOP = 0.22
DEPTHS = (0.35, 0.55, 0.8)  # how far an arc hangs under the boxes that it joins


def loop(box: Box, *, rounded: bool) -> list[tuple[Curve, float]]:
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


def hang(one: Box, other: Box) -> list[tuple[Curve, float]]:
    """Arcs from the lower border of a box to that of another, and from the upper to the upper, for boxes in a row."""
    found = []
    for down, dear in ((-1, 0.0), (1, 0.6)):
        start, end = ((box.x, box.y + down * (box.height / 2 + 0.02)) for box in (one, other))
        edge = down * max(down * start[1], down * end[1])
        for depth in DEPTHS:
            low = edge + down * depth
            t = np.linspace(0, 1, FINE)[:, None]
            a, b, c, d = (np.array(point) for point in (start, (start[0], low), (end[0], low), end))
            curve = (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
            found.append((_thinned(curve), dear + depth))
    return found


def bend(start: Point | Curve, end: Point | Curve, bow: float) -> Curve:
    """A quadratic curve whose middle stands `bow` lengths to the left of the straight line."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    aside = np.array([-(b - a)[1], (b - a)[0]]) * bow * 2
    return _quadratic(a, (a + b) / 2 + aside, b)


def price(start: Point | Curve, end: Point | Curve, bow: float) -> float:
    """What bending costs, the more the farther it leads from the straight way."""
    return (3 + 0.7 * float(np.hypot(end[0] - start[0], end[1] - start[1]))) * abs(bow)


def pass_through(start: Point, control: Point, end: Point) -> Curve:
    """A curve drawn towards a point on its way."""
    return _quadratic(np.asarray(start, float), np.asarray(control, float), np.asarray(end, float))


def _quadratic(a: Curve, control: Curve, b: Curve) -> Curve:
    t = np.linspace(0, 1, FINE)[:, None]
    return np.asarray((1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * b)


def draw_line(line: Curve) -> Curve:
    """The straight line between the ends of another."""
    return np.linspace(line[0], line[-1], STEPS)


def join(points: Iterable[Point]) -> Curve:
    """A smooth curve through the points (Catmull-Rom)."""
    knots = np.array([*points], float)
    padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    t = np.linspace(0, 1, FINE)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.vstack(pieces)


def cut(curve: Curve, shapes: Sequence[tuple[Box, bool]]) -> Curve:
    """The part of a curve outside the shapes at its ends."""
    outside = np.ones(len(curve), dtype=bool)
    for box, rounded in shapes:
        x = np.abs(curve[:, 0] - box.x) / (box.width / 2 + 0.02)
        y = np.abs(curve[:, 1] - box.y) / (box.height / 2 + 0.02)
        outside &= (x**2 + y**2 > 1) if rounded else (x > 1) | (y > 1)
    return _thinned(curve[outside] if outside.sum() > 1 else curve)


def _thinned(curve: Curve) -> Curve:
    return np.asarray(curve[np.linspace(0, len(curve) - 1, STEPS).round().astype(int)])
