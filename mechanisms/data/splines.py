"""Splines and piecewise lines as powers and truncated powers: the numbers behind a `Basis`, made of the data.

Each function gives degree, start, width, knots, constants, slopes and weights, and for B-splines squares and heights: see `Basis`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def write_natural(df: Any, values: Floats) -> Any:
    """Cardinal natural cubic splines at quantiles: column j is 1 at knot j + 1 and 0 at all others, before its shift.

    Natural splines by truncated powers: Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, 5.2.1.
    """
    places = place_knots(df, values)
    start, width = float(places[0]), float(places[-1] - places[0])
    knots = (places - start) / width
    rest = len(knots) - 2
    cubes = np.zeros((len(knots), rest))  # the weight of every truncated power in every bent column
    for k in range(rest):
        cubes[k, k] += 1.0 / (1.0 - knots[k])
        cubes[-2, k] -= 1.0 / (1.0 - knots[-2])
        cubes[-1, k] = -cubes[:-1, k].sum()
    powers = np.maximum(knots[:, None] - knots, 0.0) ** 3
    plain = np.column_stack([np.ones(len(knots)), knots, powers @ cubes])
    cardinal = np.linalg.inv(plain)[:, 1:]
    weights = tuple(map(tuple, (cubes @ cardinal[2:]).T.tolist()))
    return 3, start, width, knots.tolist(), cardinal[0].tolist(), cardinal[1].tolist(), weights


def write_bspline(df: Any, values: Floats) -> Any:
    """Cardinal cubic splines with free ends: column j is 1 at place j + 1 and 0 at all others, before its shift.

    The space is that of B-splines (de Boor 2001, A Practical Guide to Splines, ch. IX) on the data's ends and df − 3 quantiles,
    as R's splines::bs places them, and goes straight on beyond the ends. The places are the knots' averages (Greville's),
    where each B-spline lies: through heights there an interpolating spline is tame wherever the knots are.
    """
    places = place_knots(df - 2, values)
    distinct = np.unique(values)
    if np.linalg.matrix_rank(_bend((distinct - places[0]) / (places[-1] - places[0]), _scale(places))) <= df:
        places = np.quantile(distinct, np.linspace(0.0, 1.0, df - 1))
    start, width, knots = float(places[0]), float(places[-1] - places[0]), _scale(places)
    long = np.concatenate([[0.0] * 3, knots, [1.0] * 3])
    heights = np.array([long[j + 1 : j + 4].mean() for j in range(df + 1)])
    cardinal = np.linalg.inv(_bend(heights, knots))[:, 1:]
    constants, slopes, squares, cubes = cardinal[0], cardinal[1], cardinal[2], cardinal[3:]
    curved = squares + 3.0 * (1.0 - knots[:-1]) @ cubes  # half the second derivative at the last knot, given up there
    weights = np.vstack([cubes, -cubes.sum(axis=0)])
    squared = tuple((float(one), -float(other)) for one, other in zip(squares, curved, strict=True))
    written = tuple(map(tuple, weights.T.tolist()))
    line = (constants.tolist(), slopes.tolist())
    return 3, start, width, knots.tolist(), *line, written, squared, tuple(heights.tolist())


def _scale(places: Floats) -> Floats:
    return np.asarray((places - places[0]) / (places[-1] - places[0]))


def _bend(u: Floats, knots: Floats) -> Floats:
    """A constant, u, its square, and its cubes beyond every knot but the last."""
    return np.column_stack([np.ones(len(u)), u, u**2, np.maximum(u[:, None] - knots[:-1], 0.0) ** 3])


def place_knots(pieces: int, values: Floats) -> Floats:
    """The ends of so many pieces: those of the data, and between them quantiles.

    Of values that many units share, quantiles of all values may coincide; then they are those of the different values.
    """
    shares = np.linspace(0.0, 1.0, pieces + 1)
    knots = np.quantile(values, shares)
    if np.min(np.diff(knots)) <= 1e-6 * (knots[-1] - knots[0]):
        knots = np.quantile(np.unique(values), shares)
    return np.asarray(knots)


def write_pieces(knots: Any, _values: Floats) -> Any:
    """One slope for every stretch between stated knots."""
    size = len(knots) + 1
    weights = np.zeros((size, size - 1))
    for k in range(size - 1):
        weights[k, k], weights[k + 1, k] = -1.0, 1.0
    slopes = [float(piece == 0) for piece in range(size)]
    return 1, 0.0, 1.0, [float(knot) for knot in knots], [0.0] * size, slopes, tuple(map(tuple, weights.tolist()))
