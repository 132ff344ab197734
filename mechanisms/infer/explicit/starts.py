"""Where the chains of a PyMC model begin."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import numpy as np
import pymc as pm
from numpy.typing import NDArray
from pymc.initial_point import make_initial_point_fn

Floats = NDArray[np.float64]


def place_starts(model: pm.Model, moved: set[Any], names: Sequence[str]) -> Callable[[int], list[Floats]]:
    """A function of a seed that gives an unconstrained value for each name: `moved` variables at random, others at their middle.

    It may be called by several threads.
    """
    start = make_initial_point_fn(model=model, jitter_rvs=moved, return_transformed=True)
    starting = Lock()

    def begin(seed: int) -> list[Floats]:
        with starting:  # the generators inside are shared by all chains
            point = start(seed)
        return [np.asarray(point[name], dtype=np.float64) for name in names]

    return begin
