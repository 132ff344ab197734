"""What stands in the way of an arrow: boxes that it touches, other arrows that it crosses or covers."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from mechanisms.report.layout import Box
from mechanisms.report.lettering import Curve
from mechanisms.report.picture import Link

MARGIN = 0.07
COARSE, NEAR = 20, 0.08


def cost_of(curve: Curve, link: Link, boxes: Mapping[str, Box], taken: Curve) -> float:
    """What it costs that a way touches boxes and crosses or covers other arrows (thin, a row each)."""
    own = (link.tail, link.head if link.kind != "moderation" else "")
    cost = 30 * touched(curve, [box for box in boxes.values() if box.name not in own])
    if len(taken):
        weight = 0.03 if link.light and link.kind == "arrow" else 0.7
        coarse = thin(curve)
        there = taken[_may_meet(coarse, taken)]
        cost += weight * crossings(coarse, there) + 10 * _near(coarse, there)
    return cost


def touched(curve: Curve, boxes: Iterable[Box]) -> float:
    """The share of the curve that runs through boxes, or too near them; any touch counts as a quarter."""
    hit = 0.0
    for box in boxes:
        near = (np.abs(curve[:, 0] - box.x) < box.width / 2 + MARGIN) & (
            np.abs(curve[:, 1] - box.y) < box.height / 2 + MARGIN
        )
        hit += float(near.mean()) + 0.25 * bool(near.any())
    return hit


def thin(curve: Curve) -> Curve:
    """A curve in few points: enough to tell crossings."""
    return np.asarray(curve[np.linspace(0, len(curve) - 1, COARSE).round().astype(int)])


def _may_meet(one: Curve, others: Curve) -> NDArray[np.bool_]:
    """Which of several polylines come so near that they could cross."""
    far = (others.max(1) < one.min(0) - NEAR) | (others.min(1) > one.max(0) + NEAR)
    return np.asarray(~far.any(axis=1))


def crossings(one: Curve, others: Curve) -> int:
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
