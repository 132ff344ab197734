"""Log densities of responses given their linear predictors, written once for NumPy and PyTensor.

On the predictors' own scale, so that a probability near 0 or 1 keeps its digits. `model.laws` has the same distributions
as SciPy knows them, with their means and their draws, and `symbolic.densities` as PyMC does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import special

from mechanisms.model.equations import Equation
from mechanisms.model.laws import FREEDOM, place_skew

_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


class Numeric:
    """What a log density needs of an array library, for numbers."""

    exp, log, log1p, logaddexp = np.exp, np.log, np.log1p, np.logaddexp
    gammaln, gammaincc, log_ndtr = special.gammaln, special.gammaincc, special.log_ndtr
    switch, minimum, maximum = np.where, np.minimum, np.maximum

    @staticmethod
    def softplus(x: Any) -> Any:
        """log(1 + exp x)."""
        return np.logaddexp(0.0, x)

    @staticmethod
    def log1mexp(x: Any) -> Any:
        """log(1 − exp x) of what is below 0 (Mächler 2012)."""
        x = np.asarray(x, dtype=np.float64)
        return np.where(x > -np.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


@dataclass(frozen=True, eq=False)
class Row:
    """What rows are given: linear predictors in the order of `equation.predictors`, and further parameters.

    `ops` are the functions of the array library; `ended` is 1 where a time was not censored.
    """

    ops: Any
    equation: Equation
    etas: Sequence[Any]
    spread: Any = None
    shape: Any = None
    out_of: Any = 1.0
    ended: Any = None

    @property
    def eta(self) -> Any:
        """The response's own linear predictor."""
        return self.etas[0]

    @cached_property
    def scale(self) -> Any:
        """The spread, or what the predictor of its logarithm makes it."""
        found = self.find("spread")
        return self.spread if found is None else self.ops.exp(found)

    def find(self, role: str) -> Any:
        """The linear predictor with a role; None where there is none."""
        found = zip(self.equation.predictors, self.etas, strict=True)
        return next((eta for each, eta in found if each.role == role), None)


def log_density(row: Row, y: Any) -> Any:
    """The log density of values."""
    equation = row.equation
    if equation.predictors[0].role == "step":
        return _STEPS[equation.family](row, y)
    if equation.zeros:
        return _with_zeros(row, y)
    if equation.family == "ordered_beta":
        return _heaped(row, y)
    own = _OWN[equation.family]
    if row.ended is None:
        return own(row, y)
    return row.ops.switch(row.ended > 0, own(row, y), _LATER[equation.family](row, y))


def log_chance(ops: Any, link: str, eta: Any) -> Any:
    """The logarithm of a probability."""
    if link == "logit":
        return -ops.softplus(-eta)
    return ops.log_ndtr(eta) if link == "probit" else ops.log1mexp(-ops.exp(eta))


def log_rest(ops: Any, link: str, eta: Any) -> Any:
    """The logarithm of 1 minus a probability."""
    return -ops.exp(eta) if link == "cloglog" else log_chance(ops, link, -eta)


def log_between(ops: Any, link: str, more: Any, less: Any) -> Any:
    """The logarithm of the difference of two probabilities; −∞ where the first is not the greater."""
    ordered = more > less
    gap = ops.switch(ordered, more - less, 1.0)
    if link == "logit":
        found = log_chance(ops, link, more) + log_rest(ops, link, less) + ops.log1mexp(-gap)
    else:
        upper = less > 0  # the nearer tail keeps its digits
        one, other = ops.switch(upper, -less, more), ops.switch(upper, -more, less)
        top = log_chance(ops, link, one)
        found = top + ops.log1mexp(ops.minimum(log_chance(ops, link, other) - top, -1e-300))
    return ops.switch(ordered, found, -np.inf)


# --- values that are steps ---


def _pick(ops: Any, y: Any, terms: Sequence[Any]) -> Any:
    """The term of each row's own value; a value may be taken for at most the last."""
    found = terms[-1]
    for position in range(len(terms) - 2, -1, -1):
        found = ops.switch(y < position + 0.5, terms[position], found)
    return found


def _ordinal(row: Row, y: Any) -> Any:
    ops, link, etas = row.ops, row.equation.link, row.etas
    inside = [log_between(ops, link, more, less) for more, less in pairwise(etas)]
    return _pick(ops, y, [log_rest(ops, link, etas[0]), *inside, log_chance(ops, link, etas[-1])])


def _sequential(row: Row, y: Any) -> Any:
    ops, link = row.ops, row.equation.link
    so_far: Any = 0.0
    terms = []
    for eta in row.etas:
        terms.append(so_far + log_rest(ops, link, eta))
        so_far = so_far + log_chance(ops, link, eta)
    return _pick(ops, y, [*terms, so_far])


def _categorical(row: Row, y: Any) -> Any:
    ops = row.ops
    total = 0.0 * row.eta
    for eta in row.etas:
        total = ops.logaddexp(total, eta)
    return _pick(ops, y, [-total, *(eta - total for eta in row.etas)])


_STEPS: dict[str, Callable[[Row, Any], Any]] = {
    "ordinal": _ordinal,
    "sequential": _sequential,
    "categorical": _categorical,
}


# --- zeros, heaps, times that did not end ---


def _with_zeros(row: Row, y: Any) -> Any:
    ops, family = row.ops, row.equation.family
    some = row.find("any")
    more, none = log_chance(ops, "logit", some), log_rest(ops, "logit", some)
    over = more + _OWN[family](row, ops.maximum(y, 1) if family in _NOTHING else ops.switch(y > 0, y, 1.0))
    if family not in _NOTHING:
        return ops.switch(y > 0, over, none)
    nothing = _NOTHING[family](row)
    if row.equation.zeros == "inflated":
        return ops.switch(y > 0, over, ops.logaddexp(none, more + nothing))
    return ops.switch(y > 0, over - ops.log1mexp(nothing), none)


def _heaped(row: Row, y: Any) -> Any:
    ops, more, top = row.ops, row.find("any"), row.find("top")
    inside = log_between(ops, "logit", more, top) + _beta(row, ops.switch((y > 0) & (y < 1), y, 0.5))
    return ops.switch(y > 0, ops.switch(y < 1, inside, log_chance(ops, "logit", top)), log_rest(ops, "logit", more))


def _weibull_power(row: Row, y: Any) -> Any:
    """Log (y / scale)^k, with the scale that makes the mean."""
    ops, k = row.ops, row.scale
    return k * (ops.log(y) - row.eta + ops.gammaln(1.0 + 1.0 / k))


_LATER: dict[str, Callable[[Row, Any], Any]] = {  # the log probability that a time is longer
    "lognormal": lambda row, y: row.ops.log_ndtr((row.eta - row.ops.log(y)) / row.scale),
    "weibull": lambda row, y: -row.ops.exp(_weibull_power(row, y)),
    "gamma": lambda row, y: row.ops.log(row.ops.gammaincc(row.scale, row.scale * y * row.ops.exp(-row.eta))),
}


# --- one distribution ---


def _normal(row: Row, y: Any) -> Any:
    z = (y - row.eta) / row.scale
    return -0.5 * z**2 - row.ops.log(row.scale) - _HALF_LOG_2PI


def _student(row: Row, y: Any) -> Any:
    constant = special.gammaln((FREEDOM + 1) / 2) - special.gammaln(FREEDOM / 2) - 0.5 * np.log(FREEDOM * np.pi)
    z = (y - row.eta) / row.scale
    return constant - row.ops.log(row.scale) - (FREEDOM + 1) / 2 * row.ops.log1p(z**2 / FREEDOM)


def _skew_normal(row: Row, y: Any) -> Any:
    location, scale = place_skew(row.eta, row.scale, row.shape)
    z = (y - location) / scale
    return np.log(2) - row.ops.log(scale) - 0.5 * z**2 - _HALF_LOG_2PI + row.ops.log_ndtr(row.shape * z)


def _lognormal(row: Row, y: Any) -> Any:
    log_y = row.ops.log(y)
    return _normal(row, log_y) - log_y


def _gamma(row: Row, y: Any) -> Any:
    ops, a = row.ops, row.scale
    return a * (ops.log(a) - row.eta) - ops.gammaln(a) + (a - 1) * ops.log(y) - a * y * ops.exp(-row.eta)


def _weibull(row: Row, y: Any) -> Any:
    power = _weibull_power(row, y)
    return row.ops.log(row.scale) - row.ops.log(y) + power - row.ops.exp(power)


def _binomial(row: Row, y: Any) -> Any:
    ops, link, n = row.ops, row.equation.link, row.out_of
    ways = ops.gammaln(n + 1.0) - ops.gammaln(y + 1.0) - ops.gammaln(n - y + 1.0)
    return ways + y * log_chance(ops, link, row.eta) + (n - y) * log_rest(ops, link, row.eta)


def _poisson(row: Row, y: Any) -> Any:
    ops = row.ops
    log_mean = row.eta + ops.log(row.out_of)
    return y * log_mean - ops.exp(log_mean) - ops.gammaln(y + 1.0)


def _negative_binomial(row: Row, y: Any) -> Any:
    ops, a = row.ops, row.scale
    log_mean = row.eta + ops.log(row.out_of)
    more = ops.gammaln(y + a) - ops.gammaln(a) - ops.gammaln(y + 1.0)
    return more - (a + y) * ops.softplus(log_mean - ops.log(a)) + y * (log_mean - ops.log(a))


def _beta(row: Row, y: Any) -> Any:
    ops, a = row.ops, row.scale
    p, q = a * ops.exp(log_chance(ops, "logit", row.eta)), a * ops.exp(log_rest(ops, "logit", row.eta))
    size = ops.gammaln(p) + ops.gammaln(q) - ops.gammaln(a)
    return (p - 1) * ops.log(y) + (q - 1) * ops.log1p(-y) - size


_OWN: dict[str, Callable[[Row, Any], Any]] = {
    "normal": _normal,
    "student": _student,
    "skew_normal": _skew_normal,
    "lognormal": _lognormal,
    "gamma": _gamma,
    "weibull": _weibull,
    "bernoulli": _binomial,  # of one trial
    "binomial": _binomial,
    "hazard": _binomial,  # of one trial
    "poisson": _poisson,
    "negative_binomial": _negative_binomial,
    "beta": _beta,
}
_NOTHING: dict[str, Callable[[Row], Any]] = {  # the log probability of a zero
    "poisson": lambda row: -row.ops.exp(row.eta + row.ops.log(row.out_of)),
    "negative_binomial": lambda row: (
        -row.scale * row.ops.softplus(row.eta + row.ops.log(row.out_of) - row.ops.log(row.scale))
    ),
}
