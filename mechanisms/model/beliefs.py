"""Beliefs: distributions over one quantity, in data units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mechanisms.errors import DataError
from mechanisms.spec.theory import Prior

Floats = NDArray[np.float64]
WIDTH = 2.5  # standardised units of a default prior on what a cause changes
POSITIVE = ("half_normal", "exponential", "lognormal", "gamma")


@dataclass(frozen=True)
class Belief:
    """A distribution in data units over one quantity; `above`/`below` truncate it. `own`: the theory's, not a default.

    Steps of one sign are believed in `together`: `average` is the belief in the average of them, and each step's share of
    their sum is Dirichlet(1, …, 1) (Bürkner & Charpentier 2020); `arguments` then count them, and what is `shared` is so by
    several such beliefs. Waves of a gp are standard
    normal numbers times what the parameters at `traits` make of them (`curve_priors.scale_wave`).
    """

    name: str
    arguments: tuple[float, ...]
    above: float | None = None
    below: float | None = None
    own: bool = False
    average: "Belief | None" = None
    together: str = ""
    shared: str = ""
    traits: tuple[str, ...] = ()

    @property
    def plain_normal(self) -> bool:
        """Whether it is a normal without bounds."""
        return self.name == "normal" and self.above is None and self.below is None

    @property
    def support(self) -> tuple[float, float]:
        """Where it has a density: the distribution's own range, within the bounds."""
        a = self.arguments
        own = {"uniform": (a[0], a[-1]), "beta": (0.0, 1.0)} | dict.fromkeys(POSITIVE, (0.0, np.inf))
        low, high = own.get(self.name, (-np.inf, np.inf))
        return (
            low if self.above is None else max(low, self.above),
            high if self.below is None else min(high, self.below),
        )

    def __str__(self) -> str:
        if self.traits:
            return f"normal about 0, by {' and '.join(each.partition('(')[0] for each in self.traits)}"
        if self.average is not None:
            return f"of one sign, on average {self.average}"
        bounds = [f"> {self.above:g}"] if self.above is not None else []
        bounds += [f"< {self.below:g}"] if self.below is not None else []
        text = f"{self.name}({', '.join(f'{value:.4g}' for value in self.arguments)})"
        return f"{text} {' and '.join(bounds)}" if bounds else text


Spread = Belief | float | str | None
"""A residual sd: believed in, fixed, the same as at another address, or not there."""


def rescale_prior(prior: Prior, unit: float) -> Belief:
    """What a theory's distribution says in data units, when its numbers count units of `unit`.

    Raises
    ------
    DataError
        A beta prior, which has no scale, in other units than the data's.
    """
    distribution = prior.distribution
    if distribution is None:
        raise AssertionError("a prior is a distribution, fixed or same_as")
    return Belief(
        distribution.name,
        _scaled(distribution.name, distribution.arguments, unit),
        None if prior.above is None else prior.above * unit,
        None if prior.below is None else prior.below * unit,
        own=True,
    )


def log_density(belief: Belief, x: Floats) -> Floats:
    """Log density at x up to a constant (truncation only shifts it); −inf outside the bounds."""
    a = belief.arguments
    frozen = {
        "normal": lambda: stats.norm(a[0], a[1]), "student": lambda: stats.t(a[0], a[1], a[2]),
        "half_normal": lambda: stats.halfnorm(scale=a[0]), "exponential": lambda: stats.expon(scale=1 / a[0]),
        "lognormal": lambda: stats.lognorm(a[1], scale=np.exp(a[0])), "gamma": lambda: stats.gamma(a[0], scale=1 / a[1]),
        "beta": lambda: stats.beta(a[0], a[1]), "uniform": lambda: stats.uniform(a[0], a[1] - a[0]),
    }[belief.name]()  # fmt: skip
    inside = (x >= (-np.inf if belief.above is None else belief.above)) & (
        x <= (np.inf if belief.below is None else belief.below)
    )
    density: Floats = np.where(inside, frozen.logpdf(x), -np.inf)
    return density


def _scaled(name: str, arguments: tuple[float, ...], unit: float) -> tuple[float, ...]:
    """A distribution's arguments when its variable is multiplied by `unit`."""
    if unit == 1.0:
        return arguments
    if name == "student":
        return (arguments[0], arguments[1] * unit, arguments[2] * unit)
    if name == "exponential":
        return (arguments[0] / unit,)
    if name == "gamma":
        return (arguments[0], arguments[1] / unit)
    if name == "lognormal":
        return (arguments[0] + float(np.log(unit)), arguments[1])
    if name == "beta":
        raise DataError("a beta prior lies between 0 and 1 in data units: leave out scale: standardised")
    return tuple(argument * unit for argument in arguments)
