"""Cholesky roots of correlations as functions of unbounded coordinates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mechanisms.model.single_correlations import Entry

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Root:
    """A Cholesky root of correlations: `free` entries come from coordinates at `places`, the others follow.

    `shape` is the η of LKJ, `believed` has priors on single correlations, which multiply it. `entries` are the positions that
    are not always 0; of the inverse where `inverted`.
    The twin of `symbolic.correlations.correlate`, whose density this has.
    """

    names: tuple[str, ...]
    free: tuple[tuple[int, int], ...]
    places: NDArray[np.intp]
    shape: float
    inverted: bool
    entries: tuple[tuple[int, int], ...]
    believed: tuple[Entry, ...]

    def matrix(self, q: Floats) -> Floats:
        """The root (…, size, size).

        A correlation that data say little about leaves v the tails of a t with 2 degrees of freedom, heavier than any
        proposal's. The coordinates q with v = sinh(q) have exponential ones.
        """
        size, place = len(self.names), {pair: int(where) for pair, where in zip(self.free, self.places, strict=True)}
        root = np.zeros((*q.shape[:-1], size, size))
        for k in range(size):
            row = np.zeros((*q.shape[:-1], k + 1))
            row[..., k] = 1.0
            for j in range(k):
                if (k, j) in place:
                    row[..., j] = np.sinh(q[..., place[k, j]])
                elif j:
                    row[..., j] = -(row[..., :j] * root[..., j, :j]).sum(-1) / root[..., j, j]
            root[..., k, : k + 1] = row / np.sqrt((row * row).sum(-1))[..., None]
        return root
