"""Quantities on the real line: a bounded one is transformed, so that a density over it has neither edge nor wall.

The usual log and logit leave exponential tails where a density is positive at its bound, too far-reaching for proposals
around a mode. These transforms make an exponential quantity above a bound, and a uniform one between two, standard normal.
An sd among units is often known to be some of its own sds away from 0 with a density that is not 0 there: on a `straight`
line it stays what it is far from 0, and the tail towards 0 is that of a normal.
"""

from dataclasses import dataclass
from math import erfc, exp, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from mechanisms.model.beliefs import Belief

Floats = NDArray[np.float64]
_ROOT_TWO, _PEAK = sqrt(2.0), 1 / sqrt(2 * pi)
_TAME = 5.0  # nearer to 0 than this, plain formulas lose no digits


@dataclass(frozen=True)
class Line:
    """A believed-in quantity q as a function of a number t on the real line.

    q is `middle` + `width`·t without bounds, or the exponential of that (`log`), `low` + (`high` − `low`)·Φ(t) between
    two, and with one bound `low` or `high` plus `width` times −log Φ(−t), or `straight` tΦ(t) + φ(t); `width` is negative
    below a bound.
    """

    belief: Belief
    low: float
    high: float
    middle: float
    width: float
    log: bool = False
    straight: bool = False

    @property
    def bounds(self) -> int:
        """How many there are that the transform has to keep."""
        return 0 if self.log else int(np.isfinite(self.low)) + int(np.isfinite(self.high))

    def reach(self, t: Floats) -> Floats:
        """The quantity."""
        if self.bounds == 2:
            return np.asarray(self.low + (self.high - self.low) * special.ndtr(t))
        if self.bounds == 1:
            grown = _climb(np.asarray(t)) if self.straight else -special.log_ndtr(-t)
            return np.asarray(self._edge + self.width * grown)
        found = self.middle + self.width * t
        return np.asarray(np.exp(found) if self.log else found)

    def slopes(self, t: float) -> tuple[float, float]:
        """The first and the second derivative of the quantity."""
        if self.bounds == 2:
            first = float((self.high - self.low) * np.exp(-0.5 * t**2) / np.sqrt(2 * np.pi))
            return first, -t * first
        if self.bounds == 1 and self.straight:
            return self.width * float(special.ndtr(t)), self.width * float(np.exp(-0.5 * t**2) / np.sqrt(2 * np.pi))
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
        believed = _log_shape(self.belief, self.reach(t))
        if self.bounds == 2:
            return np.asarray(believed - 0.5 * t**2)
        if self.bounds == 1 and self.straight:
            return np.asarray(believed + special.log_ndtr(t))
        return np.asarray(believed - 0.5 * t**2 - special.log_ndtr(-t)) if self.bounds else believed

    def bend_prior(self, t: float) -> tuple[float, float]:
        """The first and the second derivative of `log_prior`."""
        if self.log:
            return -t, -1.0
        first, second = _bend_shape(self.belief, np.float64(self.reach(np.asarray(t))))
        steep, bent = self.slopes(t)
        own = (0.0, 0.0)
        if self.bounds == 2:
            own = (-t, -1.0)
        elif self.bounds == 1 and self.straight:
            mills = float(np.exp(-0.5 * t**2 - special.log_ndtr(t)) / np.sqrt(2 * np.pi))
            own = (mills, -mills * (t + mills))
        elif self.bounds == 1:
            mills = float(np.exp(-0.5 * t**2 - special.log_ndtr(-t)) / np.sqrt(2 * np.pi))
            own = (mills - t, mills * (mills - t) - 1.0)
        return first * steep + own[0], second * steep**2 + first * bent + own[1]

    def look(self, t: float) -> tuple[float, float, float, float]:
        """The quantity, its slope, `log_prior` and the slope of that, at one place: in plain numbers, since it is asked often."""
        if self.log:
            q = exp(self.middle + self.width * t)
            return q, self.width * q, -0.5 * t * t, -t
        bounds = self.bounds
        if bounds == 1 and self.straight and abs(t) < _TAME:
            share, density = 0.5 * erfc(-t / _ROOT_TWO), _PEAK * exp(-0.5 * t * t)
            q = self._edge + self.width * (t * share + density)
            first, _ = _bend_shape(self.belief, np.float64(q))
            shape = float(_log_shape(self.belief, np.asarray(q)))
            return q, self.width * share, shape + log(share), float(first) * self.width * share + density / share
        at = np.array([t])
        return float(self.reach(at)[0]), self.slopes(t)[0], float(self.log_prior(at)[0]), float(self.bend_prior(t)[0])

    def place(self, q: float) -> float:
        """The t of a quantity inside the bounds; 0 for one outside."""
        if not self.low < q < self.high:
            return 0.0
        if self.log:
            return float((np.log(q) - self.middle) / self.width)
        if self.bounds == 2:
            return float(special.ndtri((q - self.low) / (self.high - self.low)))
        if self.bounds == 1 and self.straight:
            share = (q - self._edge) / self.width
            return float(optimize.brentq(lambda t: float(_climb(np.asarray(t))) - share, -30.0, share + 1.0))
        if self.bounds == 1:
            return -float(special.ndtri_exp((self._edge - q) / self.width))
        return (q - self.middle) / self.width

    @property
    def _edge(self) -> float:
        return self.low if np.isfinite(self.low) else self.high


def _climb(t: Floats) -> Floats:
    """∫ Φ up to t: t far above 0, and next to nothing far below."""
    below = np.minimum(t, 0.0)
    density = np.exp(-0.5 * below**2) / np.sqrt(2 * np.pi)
    low = density * (1.0 + below * np.sqrt(np.pi / 2) * special.erfcx(-below / np.sqrt(2)))
    above = np.maximum(t, 0.0)
    high = above * special.ndtr(above) + np.exp(-0.5 * above**2) / np.sqrt(2 * np.pi)
    return np.asarray(np.where(t < 0, low, high))


def _log_shape(belief: Belief, q: Floats) -> Floats:
    """The log density of a belief up to a constant, within its support."""
    a = belief.arguments
    if belief.name in ("normal", "half_normal"):
        middle = a[0] if belief.name == "normal" else 0.0
        return np.asarray(-0.5 * ((q - middle) / a[-1]) ** 2)
    if belief.name == "student":
        return np.asarray(-0.5 * (a[0] + 1) * np.log1p(((q - a[1]) / a[2]) ** 2 / a[0]))
    if belief.name == "exponential":
        return np.asarray(-a[0] * q)
    if belief.name == "lognormal":
        return np.asarray(-np.log(q) - 0.5 * ((np.log(q) - a[0]) / a[1]) ** 2)
    if belief.name == "gamma":
        return np.asarray(special.xlogy(a[0] - 1, q) - a[1] * q)
    if belief.name == "beta":
        return np.asarray(special.xlogy(a[0] - 1, q) + special.xlog1py(a[1] - 1, -q))
    if belief.name == "uniform":
        return np.zeros_like(q)
    raise AssertionError(f"no line for {belief.name}")


def _bend_shape(belief: Belief, q: np.float64) -> tuple[float, float]:
    """The first and the second derivative of `_log_shape`."""
    a = belief.arguments
    if belief.name in ("normal", "half_normal"):
        middle = a[0] if belief.name == "normal" else 0.0
        return -(q - middle) / a[-1] ** 2, -1 / a[-1] ** 2
    if belief.name == "student":
        z, scale = q - a[1], a[0] * a[2] ** 2
        return -(a[0] + 1) * z / (scale + z**2), -(a[0] + 1) * (scale - z**2) / (scale + z**2) ** 2
    if belief.name == "exponential":
        return -a[0], 0.0
    if belief.name == "lognormal":
        z = (np.log(q) - a[0]) / a[1] ** 2
        return -(1 + z) / q, (1 + z - 1 / a[1] ** 2) / q**2
    if belief.name == "gamma":
        return (a[0] - 1) / q - a[1], -(a[0] - 1) / q**2
    if belief.name == "beta" and a == (1.0, 1.0):
        return 0.0, 0.0
    if belief.name == "beta":
        return (a[0] - 1) / q - (a[1] - 1) / (1 - q), -(a[0] - 1) / q**2 - (a[1] - 1) / (1 - q) ** 2
    return 0.0, 0.0


def draw_line(belief: Belief, *, straight: bool = False) -> Line:
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
    return Line(belief, low, high, middle, width if low > -np.inf or high == np.inf else -width, straight=straight)
