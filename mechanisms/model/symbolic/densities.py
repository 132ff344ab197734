"""The distributions of responses as PyMC knows them: the symbolic twins of those in `model.laws`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from mechanisms.model.equations import Equation
from mechanisms.model.families import FAMILIES
from mechanisms.model.laws import FREEDOM, place_skew
from mechanisms.model.log_densities import Row
from mechanisms.model.setting import Setting, find_out_of
from mechanisms.model.symbolic.links import inverse_link
from mechanisms.model.symbolic.parts import Parts, Tensors

_EDGE = 1e-12  # how near a probability may come to 0 and 1
ops: Any = pt  # untyped in PyTensor's stubs


@dataclass(frozen=True, eq=False)
class Made:
    """A PyMC distribution and its arguments; `counts` where its values are whole numbers."""

    distribution: Any
    arguments: dict[str, Any]
    counts: bool = False

    def observe(self, name: str, values: Any, dims: str | None = None) -> Any:
        """The observed variable, within the model of the context."""
        seen = values.astype(np.int64) if self.counts else values
        return self.distribution(name, observed=seen, dims=dims, **self.arguments)

    def log_density(self, values: Any) -> Any:
        """The log density of values that may be unknown themselves."""
        return pm.logp(self.distribution.dist(**self.arguments), values)


@dataclass(frozen=True, eq=False)
class _Given:
    link: str
    eta: Any
    spread: Any
    shape: Any
    out_of: Any

    @property
    def place(self) -> Any:
        return inverse_link(self.link, self.eta)

    @property
    def chance(self) -> Any:
        return pm.math.clip(self.place, _EDGE, 1 - _EDGE)

    @property
    def mean(self) -> Any:
        return self.place * self.out_of


def distribute(family: str, link: str, eta: Any, spread: Any = None, shape: Any = None, out_of: Any = 1.0) -> Made:
    """The distribution of a response given its linear predictor."""
    return _MADE[family](_Given(link, eta, spread, shape, out_of))


def distribute_parts(
    equation: Equation,
    etas: Sequence[Any],
    spread: Any = None,
    shape: Any = None,
    out_of: Any = 1.0,
    ended: Any = None,
) -> Made | Parts:
    """The distribution of a response given all its linear predictors; `ended` is 1 where a time was not censored."""
    row = Row(Tensors(), equation, etas, spread, shape, out_of, ended)
    if equation.role or ended is not None or any(each.role != "spread" for each in equation.parts):
        return Parts(row, FAMILIES[equation.family].whole)
    return distribute(equation.family, equation.link, etas[0], row.scale, shape, out_of)


def distribute_rows(
    setting: Setting, equation: Equation, etas: Sequence[Any], spread: Any, rows: NDArray[np.intp]
) -> Made | Parts:
    """The distribution of some rows of a response, from the linear predictors and the spread of all."""
    row = give_rows(setting, equation, etas, spread, rows)
    return distribute_parts(equation, row.etas, row.spread, row.shape, row.out_of, row.ended)


def give_rows(setting: Setting, equation: Equation, etas: Sequence[Any], spread: Any, rows: NDArray[np.intp]) -> Row:
    """What some rows of a response are given, from the linear predictors and the spread of all; rows are the last axis."""
    n = setting.data.units(equation.level).n
    shape = setting.parameters[equation.shape] if equation.shape else None
    trials = find_out_of(setting, equation)
    trials = (
        np.float64(trials) if isinstance(trials, int | float) else trials
    )  # PyTensor takes a Python 7.0 for a float32
    own, further, out_of = (_at(each, rows, n) for each in (spread, shape, trials))
    ended = setting.data.numbers(equation.event).values[rows] if equation.event else None
    return Row(Tensors(), equation, [_at(eta, rows, n) for eta in etas], own, further, out_of, ended)


def _at(values: Any, rows: NDArray[np.intp], n: int) -> Any:
    """Some rows of values; all of them, or a single number, as they are."""
    whole = len(rows) == n or getattr(values, "ndim", 0) == 0
    return values if whole else values[..., rows]


def _skew_normal(given: _Given) -> Made:
    location, scale = place_skew(given.eta, given.spread, given.shape)
    return Made(pm.SkewNormal, {"mu": location, "sigma": scale, "alpha": given.shape})


def _weibull(given: _Given) -> Made:
    scale = given.place / ops.exp(ops.gammaln(1.0 + 1.0 / given.spread))
    return Made(pm.Weibull, {"alpha": given.spread, "beta": scale})


def _bernoulli(given: _Given) -> Made:
    return Made(pm.Bernoulli, {"logit_p": given.eta} if given.link == "logit" else {"p": given.chance}, counts=True)


def _binomial(given: _Given) -> Made:
    chance = {"logit_p": given.eta} if given.link == "logit" else {"p": given.chance}
    return Made(pm.Binomial, {"n": ops.as_tensor(given.out_of).astype("int64"), **chance}, counts=True)


def _beta(given: _Given) -> Made:
    alpha, beta = given.chance * given.spread, (1.0 - given.chance) * given.spread
    return Made(pm.Beta, {"alpha": alpha, "beta": beta})


_MADE: dict[str, Callable[[_Given], Made]] = {
    "normal": lambda g: Made(pm.Normal, {"mu": g.eta, "sigma": g.spread}),
    "student": lambda g: Made(pm.StudentT, {"nu": np.float64(FREEDOM), "mu": g.eta, "sigma": g.spread}),
    "skew_normal": _skew_normal,
    "lognormal": lambda g: Made(pm.LogNormal, {"mu": g.eta, "sigma": g.spread}),
    "gamma": lambda g: Made(pm.Gamma, {"alpha": g.spread, "beta": g.spread / g.place}),
    "weibull": _weibull,
    "bernoulli": _bernoulli,
    "hazard": _bernoulli,
    "binomial": _binomial,
    "poisson": lambda g: Made(pm.Poisson, {"mu": g.mean}, counts=True),
    "negative_binomial": lambda g: Made(pm.NegativeBinomial, {"mu": g.mean, "alpha": g.spread}, counts=True),
    "beta": _beta,
}
