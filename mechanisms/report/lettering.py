"""Where the label of an arrow stands: on it or beside it, clear of boxes, of other labels and of other arrows."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from mechanisms.report.layout import Box

Curve = NDArray[np.float64]

PLACES = (0.5, 0.42, 0.58, 0.35, 0.65, 0.28, 0.72, 0.22, 0.78)
ASIDE = (
    (0, 0),
    (0, 1),
    (0, -1),
    (1, 0),
    (-1, 0),
    (0.7, 1),
    (-0.7, 1),
    (0.7, -1),
    (-0.7, -1),
    (0, 2),
    (0, -2),
    (1.6, 0),
    (-1.6, 0),
    (0, 3),
    (0, -3),
)  # how far from its place on the arrow a label may stand
SHORT = 1.05  # an arrow so short is not hidden under its own label


def place_label(
    curve: Curve, size: tuple[float, float], boxes: Sequence[Box], labels: Sequence[Box], others: Curve, light: Curve
) -> Box:
    """The cheapest rectangle for a label; `others` are the other arrows, a row each, and `light` says which are pale."""
    places = sorted(_candidates(curve, size), key=lambda place: place[0])
    best, lowest = places[0][1], float("inf")
    for dear, label in places:
        if dear >= lowest:
            break
        cost = dear + 1000 * sum(label.meets(box, 0.05) for box in boxes)
        cost += 50 * sum(label.meets(other, 0.06) for other in labels)
        if cost < lowest:
            hidden = float(_within(label, curve).mean())
            cost += 20 * max(0.0, hidden - 0.55) + 3 * (hidden > 0 and run_of(curve)[-1] < SHORT)
            cost += float((_within(label, others).any(axis=-1) * np.where(light, 0.5, 3.0)).sum())
        if cost < lowest:
            best, lowest = label, cost
    return best


def _candidates(curve: Curve, size: tuple[float, float]) -> list[tuple[float, Box]]:
    width, height = size
    found = []
    for share, (dx, dy) in product(PLACES, ASIDE):
        x, y = point_at(curve, share)
        label = Box("", x + dx * (width / 2 + 0.08), y + dy * (height / 2 + 0.09), width, height)
        found.append((3 * abs(share - 0.5) + 1.5 * abs(dx) + 1.0 * abs(dy), label))
    return found


def _within(label: Box, curve: Curve) -> NDArray[np.bool_]:
    """Which points of a curve lie under a label."""
    x, y = np.abs(curve[..., 0] - label.x), np.abs(curve[..., 1] - label.y)
    return np.asarray((x < label.width / 2) & (y < label.height / 2))


def point_at(curve: Curve, share: float) -> Curve:
    """The point after a share of the curve's length."""
    along = run_of(curve)
    return np.array([np.interp(share * along[-1], along, curve[:, axis]) for axis in (0, 1)])


def run_of(curve: Curve) -> Curve:
    """The length of a curve up to each of its points."""
    return np.asarray(np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))]))
