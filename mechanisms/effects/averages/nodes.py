"""What a mediator of any family may be, and how likely: its noise on an axis of the grid.

Noise that η only shifts or stretches is put at quantiles of a standard normal z: m = η + σ q(z), exp(η) q(z). A share is
put on its log-odds, with its own density as weights; a count is summed over, up to a tail that does not matter; a skew
normal is a normal with weights 2Φ(slant · z) (Azzalini 1985). A value that has a probability of its own beside all this, the
zero of an amount or the ends of a share, is a node in front.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from mechanisms.effects.averages.grids import LARGEST_GRID, Noise
from mechanisms.effects.worlds import Version
from mechanisms.model.families import FAMILIES
from mechanisms.model.laws import Given, find_law, place_skew

Floats = NDArray[np.float64]


class TooNarrowError(Exception):
    """The sum over a count leaves out more of its tail than is allowed; `width` terms would do."""

    def __init__(self, version: Version, width: int) -> None:
        super().__init__(f"{width} terms of {version.name} are needed")
        self.version, self.width = version, width


def spread_out(given: Given, noise: Noise, nodes: Floats) -> tuple[Floats, Floats | None]:
    """A mediator's values at the nodes of its axis, and what the weight of each is multiplied with (None: 1)."""
    if noise.scattered:
        return _scatter(given, nodes)
    if noise.atoms:
        return _beside_atoms(given, noise, nodes)
    values, weights = _SPREAD[given.family](given, nodes)
    return values, weights if given.some is None else _with_zeros(given, nodes, weights)


def weigh_values(given: Given, noise: Noise, nodes: Floats) -> tuple[tuple[Floats, ...], Floats | None]:
    """Whether a category is each of its values, 0 or 1, at the nodes of its axis; and the nodes' weights (None: 1)."""
    if noise.scattered:
        ends = np.cumsum(np.broadcast_arrays(*given.chances), axis=0)
        code = sum(np.asarray(nodes >= end, dtype=np.float64) for end in ends[:-1])
        return tuple(np.asarray(code == k, dtype=np.float64) for k in range(len(given.chances))), None
    are = tuple(np.asarray(nodes == k, dtype=np.float64) for k in range(len(given.chances)))
    return are, np.asarray(sum(one * chance for one, chance in zip(are, given.chances, strict=True)))


def check_width(version: Version, given: Given, noise: Noise) -> None:
    """Refuse a sum over counts that leaves out more of the tail than `noise.tail`, in any draw.

    Raises
    ------
    TooNarrowError
        With how many terms would do.
    """
    axes = tuple(range(1, np.ndim(given.place)))
    place = np.max(given.place, axis=axes, keepdims=True)
    spread = None if given.spread is None else np.min(given.spread, axis=tuple(range(1, np.ndim(given.spread))))
    spread = None if spread is None else spread.reshape(-1, *(1,) * len(axes))
    out_of = np.max(np.broadcast_to(given.out_of, np.broadcast_shapes(np.shape(given.out_of), place.shape)))
    law = find_law(Given(given.family, place, spread, None, out_of))
    allowed = noise.tail * (law.sf(0) if given.zeros == "hurdle" else 1.0)
    if np.any(law.sf(len(noise.nodes) - 1) > allowed):
        wanted = np.nan_to_num(law.isf(allowed), nan=LARGEST_GRID)  # there is none of an infinite mean
        raise TooNarrowError(version, int(min(np.max(wanted), LARGEST_GRID)) + 2)


def _beside_atoms(given: Given, noise: Noise, nodes: Floats) -> tuple[Floats, Floats]:
    """The values at the atoms and between them: 0 for what there is none of, 1 for the whole of a share."""
    axis = 2 + noise.axis
    rest = np.split(nodes, [noise.atoms], axis=axis)[1]
    values, weights = _SPREAD[given.family](given, rest)
    none, whole = 1.0 - given.some, given.top if noise.atoms == 2 else 0.0
    between = (given.some - whole) * (np.ones_like(rest) if weights is None else weights)
    ends = [(0.0, none), (1.0, whole)][: noise.atoms]
    return _stack([*(np.zeros(1) + at for at, _ in ends), values], axis), _stack([*(p for _, p in ends), between], axis)


def _stack(pieces: list[Any], axis: int) -> Floats:
    """Pieces one behind the other along an axis, along every other as wide as the widest."""
    shapes = [(1,) * (np.ndim(pieces[-1]) - np.ndim(piece)) + np.shape(piece) for piece in pieces]
    sizes = [shape[axis] for shape in shapes]
    wide = list(np.broadcast_shapes(*((*shape[:axis], 1, *shape[axis + 1 :]) for shape in shapes)))
    wide_at = [(*wide[:axis], size, *wide[axis + 1 :]) for size in sizes]
    return np.concatenate([np.broadcast_to(piece, at) for piece, at in zip(pieces, wide_at, strict=True)], axis=axis)


def _with_zeros(given: Given, nodes: Floats, masses: Floats) -> Floats:
    """The masses of a count whose zeros are inflated, or a hurdle."""
    none = (1.0 - given.some) * (nodes == 0)
    if given.zeros == "inflated":
        return np.asarray(none + given.some * masses)
    above = find_law(replace(given, zeros="", some=None)).sf(0)
    return np.asarray(none + given.some * np.where(nodes == 0, 0.0, masses) / above)


def find_quantile(given: Given, nodes: Floats) -> Floats:
    """The values of a response that is no skew normal at quantiles of a standard normal."""
    return np.asarray(_scatter(given, nodes)[0])


def _scatter(given: Given, nodes: Floats) -> tuple[Floats, Floats | None]:
    """The values at quantiles of a standard normal, and their weights."""
    family, some = given.family, given.some
    if some is None:
        quantiles = family in ("beta", "binomial", "poisson", "negative_binomial")
        return (_quantile(given, nodes), None) if quantiles else _SPREAD[family](given, nodes)
    top = given.top if FAMILIES[family].kind == "heaped" else 0.0
    share = special.ndtr(nodes)
    plain = replace(given, family="beta" if family == "ordered_beta" else family, zeros="", some=None, top=None)
    inside = np.clip((share - (1.0 - some)) / (some - top), 1e-12, 1 - 1e-12)
    if given.zeros == "hurdle" and FAMILIES[family].kind == "count":
        none = find_law(plain).cdf(0)
        inside = np.clip(none + (1.0 - none) * inside, None, 1 - 1e-12)
        found = np.maximum(_quantile(plain, special.ndtri(inside)), 1.0)
    else:
        found = _quantile(plain, special.ndtri(inside))
    return np.where(share < 1.0 - some, 0.0, np.where(share >= 1.0 - top, 1.0, found)), None


def _quantile(given: Given, nodes: Floats) -> Floats:
    if given.family in ("beta", "binomial", "poisson", "negative_binomial"):
        return np.asarray(find_law(given).ppf(special.ndtr(nodes)), dtype=np.float64)
    return np.asarray(_SPREAD[given.family](given, nodes)[0])


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
    "weibull": _weibull, "beta": _beta, "ordered_beta": _beta, "binomial": _binomial, "poisson": _poisson,
    "negative_binomial": _negative_binomial,
}  # fmt: skip
