"""A curve per posterior draw: worked out at few points, known between them.

The effects engine is asked at Chebyshev points, twice as many each time, until the polynomial through the old ones
foretells the new ones to a thousandth of the rise (Trefethen 2013, Approximation Theory and Approximation Practice). A straight
line or a parabola is then known exactly, and a smooth curve to about a millionth. A curve with corners never settles; it is
joined from point to point without overshooting (Fritsch & Carlson 1980).
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from mechanisms.effects.headway import count_off

Floats = NDArray[np.float64]
_SIZES = (4, 8, 16, 32, 64)
_FORETOLD = 1e-3  # of the rise: half as many points foretell the others; the polynomial through all is far closer
_STRAIGHT = 1e-9
GRID = 201


@dataclass(frozen=True, eq=False)
class Curve:
    """A height for every value between `low` and `high`, in every draw: `heights` (draws, points) at `points`.

    `smooth` tells a polynomial through the points from pieces between them.
    """

    points: Floats
    heights: Floats
    smooth: bool

    @property
    def low(self) -> float:
        """Where it begins."""
        return float(self.points[0])

    @property
    def high(self) -> float:
        """Where it ends."""
        return float(self.points[-1])

    @property
    def grid(self) -> Floats:
        """Equidistant values from end to end, to look at it."""
        return np.linspace(self.low, self.high, GRID)

    @property
    def straight(self) -> bool:
        """Whether it is a straight line in every draw."""
        share = (self.points - self.low) / (self.high - self.low)
        line = self.heights[:, :1] + (self.heights[:, -1:] - self.heights[:, :1]) * share
        return bool(np.max(np.abs(self.heights - line)) <= _STRAIGHT * np.max(np.abs(self.heights)))

    @property
    def level(self) -> bool:
        """Whether it is the same everywhere in every draw."""
        return bool(np.max(np.ptp(self.heights, axis=1)) <= _STRAIGHT * np.max(np.abs(self.heights)))

    def at(self, values: Floats) -> Floats:
        """Heights at some values, shape (draws, values)."""
        if not self.smooth:
            return np.asarray(PchipInterpolator(self.points, self.heights, axis=1)(values))
        return np.asarray(chebyshev.chebvander(self._place(values), len(self.points) - 1) @ self._series).T

    def pick(self, values: Floats) -> Floats:
        """Each draw's height at a value of its own, shape (draws,); NaN where its value is."""
        if self.smooth:
            return np.asarray(chebyshev.chebval(self._place(values), self._series, tensor=False))
        pieces = PchipInterpolator(self.points, self.heights, axis=1).c
        piece = np.clip(np.searchsorted(self.points, values, side="right") - 1, 0, len(self.points) - 2)
        own = pieces[:, piece, np.arange(len(values))]
        return np.asarray(np.polyval(own, values - self.points[piece]))

    def slope(self, values: Floats) -> Floats:
        """How steeply it rises at some values, shape (draws, values)."""
        if not self.smooth:
            return np.asarray(PchipInterpolator(self.points, self.heights, axis=1).derivative()(values))
        rate = chebyshev.chebder(self._series) * 2 / (self.high - self.low)
        return np.asarray(chebyshev.chebvander(self._place(values), len(rate) - 1) @ rate).T

    @property
    def _series(self) -> Floats:
        """Coefficients of the Chebyshev polynomials, shape (points, draws)."""
        return np.linalg.solve(chebyshev.chebvander(self._place(self.points), len(self.points) - 1), self.heights.T)

    def _place(self, values: Floats) -> Floats:
        return (2 * np.asarray(values) - self.low - self.high) / (self.high - self.low)


def follow[T: Hashable](evaluate: Callable[[float], Mapping[T, Floats]], low: float, high: float) -> dict[T, Curve]:
    """The curves of everything that `evaluate` gives heights (draws,) at a value."""
    found: dict[float, Mapping[T, Floats]] = {}
    curves: dict[T, Curve] = {}
    for size in _SIZES:
        points = spread_points(low, high, size)
        new = [value for value in points.tolist() if value not in found]
        found |= {value: evaluate(value) for value in count_off("points of the curve", new)}
        before = curves
        curves = {name: _join(name, points, found) for name in found[float(points[0])]}
        if before and all(_miss(before[name], curve) < _FORETOLD for name, curve in curves.items()):
            return curves
    return {name: Curve(curve.points, curve.heights, smooth=False) for name, curve in curves.items()}


def spread_points(low: float, high: float, size: int) -> Floats:
    """Chebyshev points of the second kind; those of half the size are among them, to the last digit."""
    share = np.sin(np.pi * np.arange(size + 1) / (2 * size)) ** 2
    share = np.round(share, 15)
    points = low + (high - low) * share
    points[0], points[-1] = low, high
    return np.asarray(points)


def _join[T: Hashable](name: T, points: Floats, found: Mapping[float, Mapping[T, Floats]]) -> Curve:
    return Curve(points, np.stack([found[value][name] for value in points.tolist()], axis=1), smooth=True)


def _miss(before: Curve, curve: Curve) -> float:
    """How far the polynomial through fewer points misses the others, against how far the curve rises and falls."""
    rise = float(np.max(np.ptp(curve.heights, axis=1)))
    if rise <= _STRAIGHT * float(np.max(np.abs(curve.heights))):
        return 0.0
    return float(np.max(np.abs(before.at(curve.points) - curve.heights))) / rise
