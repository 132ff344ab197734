"""A linear predictor's normal noise averaged out: the predictor without noise whose inverse link is the mean of theirs."""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.averages.grids import hermite, trapezoid
from mechanisms.model.families import LINKS, inverse_link

Floats = NDArray[np.float64]


def level_off(link: str, middle: Floats, variance: Floats) -> Floats:
    """The η whose inverse link is E[inverse link(η)] for a normal η."""
    if link == "log":
        return middle + variance / 2
    if link == "probit":
        return np.asarray(middle / np.sqrt(1.0 + variance))
    if link == "identity":
        return middle
    with np.errstate(divide="ignore"):  # a chance of exactly 0 or 1 has its η at infinity
        return np.asarray(LINKS[link].forward(average_noise(link, middle, np.sqrt(variance))))


def average_noise(link: str, middle: Floats, spread: Floats) -> Floats:
    """E[inverse link(η)] for a normal η with this middle and sd, by nodes."""
    nodes, weights = find_nodes(link, float(spread.max()))
    total: Floats = np.zeros(np.broadcast_shapes(middle.shape, spread.shape))
    for node, weight in zip(nodes, weights, strict=True):
        total += weight * inverse_link(link, middle + spread * node)
    return np.clip(total, 0.0, 1.0)  # weights that sum to 1 but for rounding


def find_nodes(link: str, largest: float) -> tuple[Floats, Floats]:
    """Nodes and weights that average an inverse link over normal noise of at most this sd."""
    if largest < 1 and link == "logit":
        return hermite(11)
    # the logistic function's poles lie π / spread from the axis; exp(−exp η) grows π / (2 spread) from it
    steep = np.log2(max(largest * (2.0 if link == "cloglog" else 1.0), 2.8)) - 0.485
    return trapezoid(2.0 ** -min(ceil(steep), 8))
