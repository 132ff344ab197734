"""Quantities on the real line: a bounded one is transformed, so that a density over it has neither edge nor wall.

The usual log and logit leave exponential tails where a density is positive at its bound, too far-reaching for proposals
around a mode. These transforms make an exponential quantity above a bound, and a uniform one between two, standard normal.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mechanisms.model.beliefs import Belief, log_density

Floats = NDArray[np.float64]
_STEP = 1e-4


@dataclass(frozen=True)
class Line:
    """A believed-in quantity q as a function of a number t on the real line.

    q is `middle` + `width`·t without bounds, or the exponential of that (`log`), `low` + (`high` − `low`)·Φ(t) between two, and with one bound `low` or `high`
    plus `width` times −log Φ(−t); `width` is negative below a bound.
    """

    belief: Belief
    low: float
    high: float
    middle: float
    width: float
    log: bool = False

    @property
    def bounds(self) -> int:
        """How many there are that the transform has to keep."""
        return 0 if self.log else int(np.isfinite(self.low)) + int(np.isfinite(self.high))

    def reach(self, t: Floats) -> Floats:
        """The quantity."""
        if self.bounds == 2:
            return np.asarray(self.low + (self.high - self.low) * special.ndtr(t))
        if self.bounds == 1:
            return np.asarray(self._edge - self.width * special.log_ndtr(-t))
        found = self.middle + self.width * t
        return np.asarray(np.exp(found) if self.log else found)

    def slopes(self, t: float) -> tuple[float, float]:
        """The first and the second derivative of the quantity."""
        if self.bounds == 2:
            first = float((self.high - self.low) * np.exp(-0.5 * t**2) / np.sqrt(2 * np.pi))
            return first, -t * first
        if self.bounds == 1:
            mills = float(np.exp(-0.5 * t**2 - special.log_ndtr(-t)) / np.sqrt(2 * np.pi))
            return self.width * mills, self.width * mills * (mills - t)
        if self.log:
            here = float(self.reach(np.asarray(t)))
            return self.width * here, self.width**2 * here
        return self.width, 0.0

    def log_prior(self, t: Floats) -> Floats:
        """Log density of t up to a constant: the belief's at q, and the log of |dq/dt|."""
        if self.log:  # a lognormal quantity on this line is standard normal
            return np.asarray(-0.5 * t**2)
        believed = log_density(self.belief, self.reach(t))
        if self.bounds == 2:
            return np.asarray(believed - 0.5 * t**2)
        return np.asarray(believed - 0.5 * t**2 - special.log_ndtr(-t)) if self.bounds else believed

    def bend_prior(self, t: float) -> tuple[float, float]:
        """The first and the second derivative of `log_prior`, by differences: they shape proposals, not results."""
        below, here, above = self.log_prior(np.array([t - _STEP, t, t + _STEP]))
        return float(above - below) / (2 * _STEP), float(above - 2 * here + below) / _STEP**2

    def place(self, q: float) -> float:
        """The t of a quantity inside the bounds; 0 for one outside."""
        if not self.low < q < self.high:
            return 0.0
        if self.log:
            return float((np.log(q) - self.middle) / self.width)
        if self.bounds == 2:
            return float(special.ndtri((q - self.low) / (self.high - self.low)))
        if self.bounds == 1:
            return -float(special.ndtri_exp((self._edge - q) / self.width))
        return (q - self.middle) / self.width

    @property
    def _edge(self) -> float:
        return self.low if np.isfinite(self.low) else self.high


def draw_line(belief: Belief) -> Line:
    """The line of a quantity: its belief's support within the bounds that the theory sets."""
    a = belief.arguments
    low, high = belief.support
    middle = {"normal": a[0], "student": a[len(a) - 2]}.get(belief.name, 0.0)
    width = a[-1]
    if belief.name == "lognormal" and low <= 0 and high == np.inf:
        return Line(belief, low, high, a[0], a[1], log=True)
    if belief.name == "lognormal":
        width = float(np.exp(a[0]))
    elif belief.name == "gamma":
        width = a[0] / a[1]
    elif belief.name == "exponential":
        width = 1 / a[0]
    return Line(belief, low, high, middle, width if low > -np.inf or high == np.inf else -width)
