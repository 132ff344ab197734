"""Distributions of responses given their linear predictors, for numbers: means, densities, draws (NumPy and SciPy).

With place = inverse link(η):

    normal, student, skew_normal   mean place; sd sigma (student: scale sigma, 4 degrees of freedom)
    lognormal                      median place, sigma the sd of the logarithm: mean place · exp(sigma² / 2)
    gamma, weibull                 mean place; precision the shape, 1 for an exponential
    bernoulli · binomial           probability place · of each of `out_of` trials
    hazard                         probability place that the event happens now, given that it has not happened before
    poisson · negative_binomial    mean place · `out_of` (the exposure); variance mean + mean² / precision
    beta                           mean place; variance place (1 − place) / (1 + precision)
    ordered_beta                   0, 1, or between them such a beta (Kubinec 2023)
    ordinal · sequential · categorical   the probabilities of their values, from one predictor for each but the first

`zeros`: a hurdle leaves zero with probability `some` for the distribution above zero; inflated zeros are added to it
with probability 1 − `some`.

`model.symbolic.densities` says the same in PyMC.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from mechanisms.model.equations import Equation
from mechanisms.model.families import FAMILIES, inverse_link

Array = NDArray[np.float64]
FREEDOM = 4.0  # degrees of freedom of student: docs/decisions/0016


@dataclass(frozen=True, eq=False)
class Given:
    """What a response's distribution is made of; arrays broadcast. `place` is the inverse link of its own predictor.

    `some` is the probability that `any(y)` speaks of: that y is above a hurdle, that a zero is no excess zero, that a share
    is above 0; `top` that a share is 1. `chances` are the probabilities of a category's values, in their order.
    """

    family: str
    place: Any
    spread: Any = None
    shape: Any = None
    out_of: Any = 1.0
    zeros: str = ""
    some: Any = None
    top: Any = None
    chances: tuple[Any, ...] = ()


def give(equation: Equation, etas: Sequence[Any], spread: Any = None, shape: Any = None, out_of: Any = 1.0) -> Given:
    """What a response's distribution is made of, from its linear predictors in the order of `equation.predictors`."""
    places = [inverse_link(each.link, eta) for each, eta in zip(equation.predictors, etas, strict=True)]
    parts = {each.role: place for each, place in zip(equation.parts, places[1:], strict=True)}
    chances = _SHARED[equation.family](etas, places) if equation.family in _SHARED else ()
    return Given(
        equation.family,
        places[0],
        parts.get("spread", spread),
        shape,
        out_of,
        equation.zeros,
        parts.get("any"),
        parts.get("top"),
        chances,
    )


def find_mean(given: Given) -> Array:
    """E[y]; a category has none, but `find_chance` of each of its values."""
    if given.chances:
        raise AssertionError(f"{given.family}: categories have no mean")
    if given.family == "ordered_beta":
        return np.asarray(given.top + (given.some - given.top) * given.place)
    amount = find_amount(given)
    return amount if given.some is None else np.asarray(given.some * amount)


def find_chance(given: Given, value: int) -> Array:
    """The probability of a category's value, counted from 0."""
    return np.asarray(given.chances[value])


def find_any(given: Given) -> Array:
    """The probability that `any(y)` speaks of."""
    return np.asarray(given.some)


def find_amount(given: Given) -> Array:
    """The mean that `amount(y)` speaks of: above a hurdle E[y | y > 0]; of inflated zeros E[y] without the excess ones."""
    mean = given.place * given.out_of
    if given.family == "lognormal":
        return np.asarray(given.place * np.exp(np.square(given.spread) / 2))
    if given.zeros != "hurdle" or given.family not in _NONE:
        return np.asarray(mean)
    mean = np.maximum(mean, 1e-300)  # with next to no mean, what is above 0 is 1
    return np.asarray(mean / -np.expm1(_NONE[given.family](mean, given.spread)))


_NONE: dict[str, Callable[[Any, Any], Any]] = {  # the logarithm of the probability of a zero
    "poisson": lambda mean, size: -mean,
    "negative_binomial": lambda mean, size: -size * np.log1p(mean / size),
}


def _cumulate(etas: Sequence[Any], places: Sequence[Any]) -> tuple[Any, ...]:
    """Of an ordinal response: places are the probabilities of reaching each value."""
    reached = [1.0, *places, 0.0]
    return tuple(one - more for one, more in itertools.pairwise(reached))


def _go_on(etas: Sequence[Any], places: Sequence[Any]) -> tuple[Any, ...]:
    """Of a sequential response: places are the probabilities of going on into each value from the one before."""
    found, still = [], 1.0
    for place in places:
        found.append(still * (1.0 - place))
        still = still * place
    return (*found, still)


def _choose(etas: Sequence[Any], places: Sequence[Any]) -> tuple[Any, ...]:
    """Of a categorical response: each value against the first (multinomial logit)."""
    etas = np.broadcast_arrays(*etas)
    most = np.maximum(0.0, np.max(etas, axis=0))
    weights = [np.exp(-most), *(np.exp(eta - most) for eta in etas)]
    total = sum(weights)
    return tuple(weight / total for weight in weights)


_SHARED: dict[str, Callable[[Sequence[Any], Sequence[Any]], tuple[Any, ...]]] = {
    "ordinal": _cumulate,
    "sequential": _go_on,
    "categorical": _choose,
}


def find_law(given: Given) -> Any:
    """The distribution as SciPy knows it: `.logpdf` or `.logpmf`, `.ppf`, `.rvs`."""
    return _LAWS[given.family](given)


def draw(given: Given, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Random responses; of a category the position of its value."""
    if given.chances:
        below = np.cumsum([np.broadcast_to(each, shape) for each in given.chances[:-1]], axis=0)
        return np.asarray((rng.random(shape) >= below).sum(axis=0), dtype=np.float64)
    if given.family == "ordered_beta":
        place = rng.random(shape)
        inside = find_law(replace(given, family="beta")).rvs(size=shape, random_state=rng)
        return np.where(place < given.top, 1.0, np.where(place < given.some, inside, 0.0))
    if given.some is not None:
        there = rng.random(shape) < given.some
        return np.where(there, draw_some(given, shape, rng), 0.0)
    if FAMILIES[given.family].kind == "binary":
        return np.asarray(rng.random(shape) < given.place, dtype=np.float64)
    return np.asarray(find_law(given).rvs(size=shape, random_state=rng), dtype=np.float64)


def draw_some(given: Given, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Random responses of what is over a hurdle, or no excess zero."""
    if given.zeros == "inflated" or given.family not in _NONE:
        return draw(replace(given, some=None), shape, rng)
    none = np.exp(_NONE[given.family](given.place * given.out_of, given.spread))
    place = none + (1.0 - none) * rng.random(shape)
    return np.maximum(np.asarray(find_law(given).ppf(np.minimum(place, 1 - 1e-16)), dtype=np.float64), 1.0)


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
    "hazard": lambda g: stats.bernoulli(g.place),
    "binomial": lambda g: stats.binom(g.out_of, g.place),
    "poisson": lambda g: stats.poisson(g.place * g.out_of),
    "negative_binomial": lambda g: stats.nbinom(g.spread, g.spread / (g.spread + g.place * g.out_of)),
    "beta": lambda g: stats.beta(g.place * g.spread, (1.0 - g.place) * g.spread),
}
