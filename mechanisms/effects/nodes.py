"""What a mediator of any family may be, and how likely: its noise on an axis of the grid.

Noise that η only shifts or stretches is put at quantiles of a standard normal z: m = η + σ q(z), exp(η) q(z). A share is
put on its log-odds, with its own density as weights; a count is summed over, up to a tail that does not matter; a skew
normal is a normal with weights 2Φ(slant · z) (Azzalini 1985).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from mechanisms.effects.grids import LARGEST_GRID, Noise
from mechanisms.effects.worlds import Version
from mechanisms.model.laws import Given, find_law, place_skew

Floats = NDArray[np.float64]


class TooNarrowError(Exception):
    """The sum over a count leaves out more of its tail than is allowed; `width` terms would do."""

    def __init__(self, version: Version, width: int) -> None:
        super().__init__(f"{width} terms of {version.name} are needed")
        self.version, self.width = version, width


def spread_out(given: Given, noise: Noise, nodes: Floats) -> tuple[Floats, Floats | None]:
    """A mediator's values at the nodes of its axis, and what the weight of each is multiplied with (None: 1)."""
    if noise.scattered and given.family in ("beta", "binomial", "poisson", "negative_binomial"):
        return np.asarray(find_law(given).ppf(special.ndtr(nodes)), dtype=np.float64), None
    return _SPREAD[given.family](given, nodes)


def check_width(version: Version, given: Given, noise: Noise) -> None:
    """Refuse a sum over counts that leaves out more of the tail than `noise.tail`, in any draw.

    Raises
    ------
    TooNarrowError
        With how many terms would do.
    """
    axes = tuple(range(1, np.ndim(given.place)))
    place = np.max(given.place, axis=axes, keepdims=True)
    out_of = np.max(np.broadcast_to(given.out_of, np.broadcast_shapes(np.shape(given.out_of), place.shape)))
    law = find_law(Given(given.family, place, given.spread, None, out_of))
    if np.max(law.sf(len(noise.nodes) - 1)) > noise.tail:
        raise TooNarrowError(version, int(min(np.max(law.isf(noise.tail)), LARGEST_GRID)) + 2)


def _shifted(given: Given, nodes: Floats) -> tuple[Floats, None]:
    return np.asarray(given.place + given.spread * nodes), None


def _skewed(given: Given, nodes: Floats) -> tuple[Floats, Floats]:
    location, scale = place_skew(given.place, given.spread, given.shape)
    return np.asarray(location + scale * nodes), np.asarray(2.0 * special.ndtr(given.shape * nodes))


def _lognormal(given: Given, nodes: Floats) -> tuple[Floats, None]:
    return np.asarray(given.place * np.exp(given.spread * nodes)), None


def _gamma(given: Given, nodes: Floats) -> tuple[Floats, None]:
    tail = special.ndtr(-np.abs(nodes))
    low, high = special.gammaincinv(given.spread, tail), special.gammainccinv(given.spread, tail)
    return np.asarray(given.place * np.where(nodes < 0, low, high) / given.spread), None


def _weibull(given: Given, nodes: Floats) -> tuple[Floats, None]:
    power = 1.0 / given.spread
    return np.asarray(given.place * (-special.log_ndtr(-nodes)) ** power / special.gamma(1.0 + power)), None


def _beta(given: Given, nodes: Floats) -> tuple[Floats, Floats]:
    a, b = given.place * given.spread, (1.0 - given.place) * given.spread
    middle, sd = special.psi(a) - special.psi(b), np.sqrt(special.polygamma(1, a) + special.polygamma(1, b))
    odds = middle + sd * nodes
    rest = np.log1p(np.exp(-np.abs(odds)))
    yes, no = np.minimum(odds, 0.0) - rest, np.minimum(-odds, 0.0) - rest  # the logarithms of m and of 1 − m
    step = nodes.ravel()[1] - nodes.ravel()[0]
    density = np.exp(a * yes + b * no + (np.log(sd * step) - special.betaln(a, b)))
    return np.asarray(np.exp(yes)), np.asarray(density)


# SciPy's masses check each number, which takes most of the time of an effect through a count.


def _known_mean(given: Given) -> Floats:
    """A count's mean, so that its logarithm is a number."""
    return np.asarray(np.clip(given.place * given.out_of, 1e-300, 1e300))


def _poisson(given: Given, nodes: Floats) -> tuple[Floats, Floats]:
    mean = _known_mean(given)
    return nodes, np.asarray(np.exp(nodes * np.log(mean) - special.gammaln(nodes + 1.0) - mean))


def _negative_binomial(given: Given, nodes: Floats) -> tuple[Floats, Floats]:
    mean, size = _known_mean(given), given.spread
    ways = special.gammaln(nodes + size) - special.gammaln(nodes + 1.0) - special.gammaln(size)
    none = -size * np.log1p(mean / size)
    return nodes, np.asarray(np.exp(ways + none + nodes * (np.log(mean) - np.log(size + mean))))


def _binomial(given: Given, nodes: Floats) -> tuple[Floats, Floats]:
    return nodes, np.asarray(stats.binom.pmf(nodes, given.out_of, given.place))


_SPREAD: Mapping[str, Callable[[Given, Floats], tuple[Floats, Any]]] = {
    "normal": _shifted, "student": _shifted, "skew_normal": _skewed, "lognormal": _lognormal, "gamma": _gamma,
    "weibull": _weibull, "beta": _beta, "binomial": _binomial, "poisson": _poisson,
    "negative_binomial": _negative_binomial,
}  # fmt: skip
