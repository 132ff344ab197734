"""Distributions of responses given their linear predictors, for numbers: means, densities, draws (NumPy and SciPy).

With place = inverse link(η):

    normal, student, skew_normal   mean place; sd sigma (student: scale sigma, 4 degrees of freedom)
    lognormal                      median place, sigma the sd of the logarithm: mean place · exp(sigma² / 2)
    gamma, weibull                 mean place; precision the shape, 1 for an exponential
    bernoulli · binomial           probability place · of each of `out_of` trials
    poisson · negative_binomial    mean place · `out_of` (the exposure); variance mean + mean² / precision
    beta                           mean place; variance place (1 − place) / (1 + precision)

`model.symbolic.densities` says the same in PyMC.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from mechanisms.model.families import inverse_link

Array = NDArray[np.float64]
FREEDOM = 4.0  # degrees of freedom of student: docs/decisions/0016


@dataclass(frozen=True, eq=False)
class Given:
    """What a response's distribution is made of; arrays broadcast. `place` is the inverse link of η."""

    family: str
    place: Any
    spread: Any = None
    shape: Any = None
    out_of: Any = 1.0


def give(family: str, link: str, eta: Any, spread: Any = None, shape: Any = None, out_of: Any = 1.0) -> Given:
    """What a response's distribution is made of, from its linear predictor."""
    return Given(family, inverse_link(link, eta), spread, shape, out_of)


def find_mean(given: Given) -> Array:
    """E[y]."""
    if given.family == "lognormal":
        return np.asarray(given.place * np.exp(np.square(given.spread) / 2))
    return np.asarray(given.place * given.out_of)


def find_law(given: Given) -> Any:
    """The distribution as SciPy knows it: `.logpdf` or `.logpmf`, `.ppf`, `.rvs`."""
    return _LAWS[given.family](given)


def draw(given: Given, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Random responses."""
    if given.family == "bernoulli":
        return np.asarray(rng.random(shape) < given.place, dtype=np.float64)
    return np.asarray(find_law(given).rvs(size=shape, random_state=rng), dtype=np.float64)


def place_skew(place: Any, spread: Any, shape: Any) -> tuple[Any, Any]:
    """Location and scale of the skew normal with this mean, sd and slant (Azzalini 1985).

    With operators only, so that tensors go through it as well.
    """
    slant = shape / (1.0 + shape**2) ** 0.5
    scale = spread / (1.0 - 2.0 / np.pi * slant**2) ** 0.5
    return place - scale * slant * (2.0 / np.pi) ** 0.5, scale


def _skewed(given: Given) -> Any:
    location, scale = place_skew(given.place, given.spread, given.shape)
    return stats.skewnorm(given.shape, location, scale)


_LAWS: dict[str, Callable[[Given], Any]] = {
    "normal": lambda g: stats.norm(g.place, g.spread),
    "student": lambda g: stats.t(FREEDOM, g.place, g.spread),
    "skew_normal": _skewed,
    "lognormal": lambda g: stats.lognorm(g.spread, scale=g.place),
    "gamma": lambda g: stats.gamma(g.spread, scale=g.place / g.spread),
    "weibull": lambda g: stats.weibull_min(g.spread, scale=g.place / special.gamma(1.0 + 1.0 / g.spread)),
    "bernoulli": lambda g: stats.bernoulli(g.place),
    "binomial": lambda g: stats.binom(g.out_of, g.place),
    "poisson": lambda g: stats.poisson(g.place * g.out_of),
    "negative_binomial": lambda g: stats.nbinom(g.spread, g.spread / (g.spread + g.place * g.out_of)),
    "beta": lambda g: stats.beta(g.place * g.spread, (1.0 - g.place) * g.spread),
}
