"""Where the label of an arrow stands: on it or beside it, clear of boxes, of other labels and of other arrows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mechanisms.report.layout import Box

Curve = NDArray[np.float64]

PLACES = tuple(0.5 + side * step / 50 for step in range(22) for side in ((1, -1) if step else (1,)))
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
    (1, 0.6),
    (-1, 0.6),
    (1, 1.2),
    (-1, 1.2),
    (1.6, 0),
    (-1.6, 0),
)  # how far from its place on the arrow a label may stand, in halves of its size
SHORT = 1.05  # an arrow so short is not hidden under its own label
LOST = 12.0  # what it costs that a label is as near to another arrow as to its own
CLEAR = 0.03  # so much farther than its own arrow every other has to be
DENSE = 160  # points of a curve where distances are told


def place_label(
    curve: Curve,
    size: tuple[float, float],
    boxes: Sequence[Box],
    labels: Sequence[Box],
    others: Curve,
    borders: Sequence[float] = (),
) -> tuple[Box, float]:
    """The cheapest rectangle for a label and its cost; `others` are the other arrows, dense, a row each, `borders` levels of lines.

    Dearest is a place on a box, then one on another label, then one that is as near to another arrow as to its own.
    """
    places = sorted(_candidates(curve, size), key=lambda place: place[0])
    own, short = thicken(curve), run_of(curve)[-1] < SHORT
    standing = [label for _, label in places]
    taken = 1000 * _overlaps(standing, boxes, 0.05) + 50 * _overlaps(standing, labels, 0.06)
    best, lowest = places[0][1], float("inf")
    for (dear, label), more in zip(places, taken, strict=True):
        if dear >= lowest:
            break
        cost = dear + float(more)
        if cost < lowest:
            cost += 3 * sum(abs(label.y - line) < label.height / 2 + 0.02 for line in borders)
        if cost < lowest:
            hidden = float(_within(label, own).mean())
            cost += 20 * max(0.0, hidden - 0.55) + 3 * (hidden > 0 and short)
            cost += LOST * int((gaps(label, others) < gaps(label, own) + CLEAR).sum())
        if cost < lowest:
            best, lowest = label, cost
    return best, lowest


def _overlaps(labels: Sequence[Box], others: Sequence[Box], margin: float) -> Curve:
    """How many other rectangles each label overlaps or comes nearer to than the margin."""
    one, two = (
        np.array([(box.x, box.y, box.width, box.height) for box in each]).reshape(-1, 4) for each in (labels, others)
    )
    apart = np.abs(one[:, None, :2] - two[None, :, :2])
    near = apart < (one[:, None, 2:] + two[None, :, 2:]) / 2 + margin
    return np.asarray(near.all(axis=2).sum(axis=1), dtype=np.float64)


def gaps(label: Box, curves: Curve) -> Curve:
    """How far a rectangle is from a curve, or from each of several; 0 where they meet."""
    x = np.maximum(np.abs(curves[..., 0] - label.x) - label.width / 2, 0)
    y = np.maximum(np.abs(curves[..., 1] - label.y) - label.height / 2, 0)
    return np.asarray(np.hypot(x, y).min(axis=-1))


def thicken(curve: Curve) -> Curve:
    """A curve in so many points that the distance to the nearest of them is that to the curve."""
    along = run_of(curve)
    steps = np.linspace(0, along[-1], DENSE)
    return np.column_stack([np.interp(steps, along, curve[:, axis]) for axis in (0, 1)])


def _candidates(curve: Curve, size: tuple[float, float]) -> list[tuple[float, Box]]:
    """Places on the arrow, beside it across its direction, and up, down, left and right of it."""
    width, height = size
    found = []
    for share in PLACES:
        x, y = point_at(curve, share)
        away = 3 * abs(share - 0.5)
        for dx, dy in ASIDE:
            at = x + dx * (width / 2 + 0.08), y + dy * (height / 2 + 0.09)
            found.append((away + 1.5 * abs(dx) + 1.0 * abs(dy), Box("", *at, width, height)))
        (ahead, behind) = (point_at(curve, min(max(share + step, 0), 1)) for step in (0.02, -0.02))
        across = np.array([behind[1] - ahead[1], ahead[0] - behind[0]])
        across /= max(float(np.hypot(*across)), 1e-9)
        far = 0.04 + abs(across[0]) * width / 2 + abs(across[1]) * height / 2
        for side in (1, -1):
            at = float(x + side * far * across[0]), float(y + side * far * across[1])
            found.append((away + 0.8, Box("", *at, width, height)))
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
