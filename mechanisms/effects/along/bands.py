"""Bands around a curve's posterior: for each value by itself, and for all values at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.along.tracing import Curve

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Band:
    """Equal-tailed intervals of a curve that leave out a share `tail` of the draws on each side, at every value.

    `name` is "pointwise" (each interval holds `mass`) or "simultaneous" (the whole curve lies inside in `mass` of the draws).
    """

    name: str
    mass: float
    tail: float

    def at(self, curve: Curve, values: Floats) -> tuple[Floats, Floats]:
        """Lower and upper ends at some values."""
        lower, upper = np.quantile(curve.at(values), [self.tail, 1 - self.tail], axis=0)
        return lower, upper


def find_bands(curve: Curve, mass: float) -> tuple[Band, Band]:
    """The pointwise and the simultaneous band of a curve."""
    return Band("pointwise", mass, (1 - mass) / 2), Band("simultaneous", mass, _tail(curve, mass))


def _tail(curve: Curve, mass: float) -> float:
    """The largest tail with which the band holds whole curves in `mass` of the draws.

    How extreme a draw is, is its most extreme rank along the curve (Besag, Green, Higdon & Mengersen 1995); the band is
    the sup-t band with quantiles in place of standard errors, so that it follows a skewed posterior (Montiel Olea &
    Plagborg-Møller 2019).
    """
    draws = curve.at(curve.grid)
    draws = draws[:, np.ptp(draws, axis=0) > 0]
    count = len(draws)
    order, places = np.argsort(draws, axis=0), np.arange(1, count + 1)[:, None]
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(places, order.shape), axis=0)
    extreme = np.sort(np.minimum(ranks, count + 1 - ranks).min(axis=1, initial=count))
    outside = int(np.floor((1 - mass) * count))
    return float((extreme[outside] - 1) / max(1, count - 1))
