"""What a row says as a function of its linear predictor: one entry per family and link, with its two derivatives.

A family whose mean is all it has gets an engine (`laplace`) by an entry in `CURVES`. `add_up` is what takes the time:
rows × points numbers, so it is written in few passes over pieces that a processor's cache holds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
PIECE = 512  # rows that are added up at once, so that a product of as many factors between 1 and 2 is still a number


@dataclass(frozen=True)
class Curve:
    """`add_up(y, counts, eta)` is Σ counts · log p(y | η) over at most `PIECE` rows, for η of shape (rows, points), which
    it may overwrite; counts None is one each. `bend(y, eta)` gives the first and the second derivative row by row."""

    add_up: Callable[[Floats, Floats | None, Floats], Floats]
    bend: Callable[[Floats, Floats], tuple[Floats, Floats]]


def _add_logit(y: Floats, counts: Floats | None, eta: Floats) -> Floats:
    """Σ yη − log(1 + e^η), with log(1 + e^η) = (η + |η|)/2 + log(1 + e^−|η|)."""
    each = np.ones(len(y)) if counts is None else counts
    total = (each * (y - 0.5)) @ eta
    size = np.abs(eta, out=eta)
    total -= 0.5 * (each @ size)
    rest = np.exp(np.negative(size, out=size), out=size)
    if counts is None:
        rest += 1.0
        return np.asarray(total - np.log(np.multiply.reduce(rest, axis=0)))  # one logarithm for all rows
    return np.asarray(total - counts @ np.log1p(rest, out=rest))


def _bend_logit(y: Floats, eta: Floats) -> tuple[Floats, Floats]:
    mean = special.expit(eta)
    return y - mean, -mean * (1 - mean)


def _add_probit(y: Floats, counts: Floats | None, eta: Floats) -> Floats:
    eta *= (2 * y - 1)[:, None]
    terms = special.log_ndtr(eta, out=eta)
    return np.asarray(terms.sum(axis=0) if counts is None else counts @ terms)


def _bend_probit(y: Floats, eta: Floats) -> tuple[Floats, Floats]:
    sign = 2 * y - 1
    signed = sign * eta
    mills = np.exp(-0.5 * signed**2 - special.log_ndtr(signed)) / np.sqrt(2 * np.pi)
    return sign * mills, -mills * (mills + signed)


def _add_cloglog(y: Floats, counts: Floats | None, eta: Floats) -> Floats:
    """Σ (y log(1 − exp(−e^η)) − (1 − y) e^η)."""
    rate = np.exp(eta, out=eta)
    no = (1 - y)[:, None] * rate
    yes = np.log(-np.expm1(np.negative(rate, out=rate)), where=y[:, None] > 0, out=np.zeros_like(rate))
    terms = yes - no
    return np.asarray(terms.sum(axis=0) if counts is None else counts @ terms)


def _bend_cloglog(y: Floats, eta: Floats) -> tuple[Floats, Floats]:
    rate = np.exp(np.minimum(eta, 500.0))
    with np.errstate(over="ignore"):
        odds = np.where(rate < 700, rate / np.expm1(np.minimum(rate, 700.0)), 0.0)
    return y * odds - (1 - y) * rate, y * odds * (1 - rate - odds) - (1 - y) * rate


def _add_poisson(y: Floats, counts: Floats | None, eta: Floats) -> Floats:
    """Σ (yη − e^η − log y!)."""
    each = np.ones(len(y)) if counts is None else counts
    total = (each * y) @ eta - each @ special.gammaln(y + 1)
    return np.asarray(total - each @ np.exp(eta, out=eta))


def _bend_poisson(y: Floats, eta: Floats) -> tuple[Floats, Floats]:
    mean = np.exp(eta)
    return y - mean, -mean


CURVES = {
    ("bernoulli", "logit"): Curve(_add_logit, _bend_logit),
    ("bernoulli", "probit"): Curve(_add_probit, _bend_probit),
    ("bernoulli", "cloglog"): Curve(_add_cloglog, _bend_cloglog),
    ("poisson", "log"): Curve(_add_poisson, _bend_poisson),
}
