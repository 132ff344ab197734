"""Points and weights that average a polynomial over standard normal deviations exactly."""

from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
HIGHEST = 5


def find_points(size: int, degree: float) -> tuple[Floats, Floats]:
    """Points (k, size) and weights (k,) that are exact up to a degree of 1, 3 or 5 (McNamee & Stenger 1967)."""
    if size == 0 or degree <= 1:
        return np.zeros((1, size)), np.ones(1)
    axes = np.eye(size)
    if degree <= 3:
        points = np.sqrt(size) * np.concatenate([axes, -axes])
        return points, np.full(2 * size, 1 / (2 * size))
    far = np.sqrt(3.0)
    pairs = [
        far * (one * axes[i] + other * axes[j])
        for i, j in combinations(range(size), 2)
        for one, other in product((1, -1), repeat=2)
    ]
    points = np.concatenate([np.zeros((1, size)), far * axes, -far * axes, np.reshape(pairs, (-1, size))])
    weights = np.concatenate(
        [[1 + (size**2 - 7 * size) / 18], np.full(2 * size, (4 - size) / 18), np.full(len(pairs), 1 / 36)]
    )
    return points, weights
