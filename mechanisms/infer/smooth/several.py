"""The likelihood of rows with several linear predictors or further parameters: any family that has a log density.

Gradient and Hessian are those of the log density row by row, by central differences of the fourth order with respect to
each predictor, the log of the spread, and the shape, and from there exact. They guide the search for the mode and shape
proposals; no result rests on them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mechanisms.model.equations import Equation
from mechanisms.model.log_densities import Numeric, Row, log_density

Floats = NDArray[np.float64]
_ROWS, _CELLS = 512, 65_536  # rows, and rows × points, that are worked on at once
_STEP = 2e-3
_FIRST = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
_SECOND = ((-2, -1 / 12), (-1, 4 / 3), (0, -5 / 2), (1, 4 / 3), (2, -1 / 12))


@dataclass(frozen=True, eq=False)
class Several:
    """Rows `y` and the design of each predictor, in working coefficients; points hold these, then spread and shape.

    `out_of` and `ended` are numbers for each row, `ended` None where no time is censored; `counts` says how often each row
    occurs, None once each.
    """

    equation: Equation
    designs: tuple[Floats, ...]
    y: Floats
    counts: Floats | None
    out_of: Floats
    ended: Floats | None

    @cached_property
    def extras(self) -> tuple[str, ...]:
        """The further parameters, in the order of a point's last coordinates."""
        return tuple(name for name in ("spread", "shape") if getattr(self.equation, name))

    def evaluate(self, points: Floats) -> Floats:
        """Σ log p(y | η, …)."""
        size = max(1, _CELLS // _ROWS)
        return np.concatenate([self._add_up(points[at : at + size]) for at in range(0, len(points), size)])

    def slope(self, point: Floats) -> tuple[float, Floats]:
        """The log likelihood and its gradient."""
        return float(self.evaluate(point[None])[0]), self.differentiate(point)[0]

    def differentiate(self, point: Floats) -> tuple[Floats, Floats]:
        """With respect to the coefficients, the spread and the shape."""
        number, count = len(self.designs), len(point) - len(self.extras)
        etas = [design @ point[:count] for design in self.designs]
        lines = np.array([np.log(value) if name == "spread" else value for name, value in self._named(point)])
        slope, bend = _differences(lambda moved: self._rows(etas, lines, moved), number + len(lines))
        if self.counts is not None:
            slope, bend = slope * self.counts, bend * self.counts
        gradient, hessian = np.zeros(len(point)), np.zeros((len(point), len(point)))
        unit = np.ones((len(self.y), 1))
        maps = [(slice(0, count), design) for design in self.designs]
        maps += [(slice(count + place, count + place + 1), unit) for place in range(len(lines))]
        for i, (own, design) in enumerate(maps):
            gradient[own] += design.T @ slope[i]
            for j, (other, beside) in enumerate(maps):
                hessian[own, other] += (design * bend[i, j][:, None]).T @ beside
        return self._from_logs(point, gradient, hessian)

    def _from_logs(self, point: Floats, gradient: Floats, hessian: Floats) -> tuple[Floats, Floats]:
        """From the log of the spread to the spread."""
        if "spread" not in self.extras:
            return gradient, hessian
        at = len(point) - len(self.extras)
        spread, slope = float(point[at]), float(gradient[at])
        scale = np.ones(len(point))
        scale[at] = 1 / spread
        hessian = hessian * np.outer(scale, scale)
        hessian[at, at] -= slope / spread**2
        return gradient * scale, hessian

    def _named(self, point: Floats) -> list[tuple[str, float]]:
        return list(zip(self.extras, point[len(point) - len(self.extras) :], strict=True))

    def _rows(self, etas: Sequence[Floats], lines: Floats, moved: Floats) -> Floats:
        """The log density of every row, its predictors and further parameters moved this far."""
        here = [eta + step for eta, step in zip(etas, moved, strict=False)]
        extras = lines + moved[len(etas) :]
        values = {n: np.exp(v) if n == "spread" else v for n, v in zip(self.extras, extras, strict=True)}
        row = Row(Numeric, self.equation, here, values.get("spread"), values.get("shape"), self.out_of, self.ended)
        with np.errstate(all="ignore"):
            return np.asarray(log_density(row, self.y))

    def _add_up(self, points: Floats) -> Floats:
        found = np.zeros(len(points))
        count = points.shape[1] - len(self.extras)
        across = np.ascontiguousarray(points[:, :count].T)
        extras = {name: points[:, count + place] for place, name in enumerate(self.extras)}
        for start in range(0, len(self.y), _ROWS):
            rows = slice(start, start + _ROWS)
            etas = [design[rows] @ across for design in self.designs]
            ended = None if self.ended is None else self.ended[rows, None]
            given = (extras.get("spread"), extras.get("shape"), self.out_of[rows, None], ended)
            with np.errstate(all="ignore"):
                each = log_density(Row(Numeric, self.equation, etas, *given), self.y[rows, None])
            found += each.sum(axis=0) if self.counts is None else self.counts[rows] @ each
        return found


def _differences(function: Callable[[Floats], Floats], size: int) -> tuple[Floats, Floats]:
    """First (size, rows) and second (size, size, rows) derivatives of a function of a few numbers, for each row."""
    units = np.eye(size) * _STEP
    slopes = [sum(weight * function(k * unit) for k, weight in _FIRST) / _STEP for unit in units]
    here = function(np.zeros(size))
    bends = np.zeros((size, size, len(here)))
    for i, unit in enumerate(units):
        bends[i, i] = sum(weight * (function(k * unit) if k else here) for k, weight in _SECOND) / _STEP**2
    for i, j in combinations(range(size), 2):
        corners = [one * other * function(one * units[i] + other * units[j]) for one in (-1, 1) for other in (-1, 1)]
        bends[i, j] = bends[j, i] = np.sum(corners, axis=0) / (4 * _STEP**2)
    return np.array(slopes), bends
