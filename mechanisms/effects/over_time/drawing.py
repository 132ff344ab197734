"""A response of any family from its noise: the value at a quantile that all versions of a world share.

Noise is a standard normal z for each unit; the value is the quantile of the response's distribution at Φ(z), so that
what is moved little changes little. A skew normal has no quantile in closed form and takes a second z: it is a half-normal
and a normal added (Azzalini 1985).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mechanisms.effects.averages.nodes import find_quantile
from mechanisms.model.families import FAMILIES
from mechanisms.model.laws import FREEDOM, Given, place_skew

Floats = NDArray[np.float64]


def take(given: Given, z: Floats, other: Floats) -> Floats:
    """The value at Φ(z); of a category the place of its value. `other` is further noise, which few families need."""
    if given.chances:
        share = special.ndtr(z)
        ends = np.cumsum(np.broadcast_arrays(*given.chances[:-1]), axis=0)
        return np.asarray(sum(np.asarray(share >= end, dtype=np.float64) for end in ends))
    if FAMILIES[given.family].kind == "binary":
        return np.asarray(special.ndtr(z) < given.place, dtype=np.float64)
    if FAMILIES[given.family].shifts:
        return np.asarray(given.place + take_residual(given.family, given.spread, given.shape, z, other))
    return find_quantile(given, z)


def take_residual(family: str, spread: Any, shape: Any, z: Floats, other: Floats) -> Floats:
    """What noise adds to the mean of a response that it only shifts."""
    if family == "student":
        return np.asarray(spread * special.stdtrit(FREEDOM, special.ndtr(z)))
    if family == "skew_normal":
        location, scale = place_skew(0.0, spread, shape)
        slant = shape / np.sqrt(1.0 + np.square(shape))
        return np.asarray(location + scale * (slant * np.abs(other) + np.sqrt(1.0 - np.square(slant)) * z))
    return np.asarray(spread * z)
