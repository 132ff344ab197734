"""Importance sampling around a mode: Student proposals, Pareto-smoothed weights, and a verdict on whether to believe it.

The proposal is a t with 7 degrees of freedom at the mode, whose tails are heavier than a posterior's nearly everywhere.
The largest weights are smoothed by a generalised Pareto distribution (Vehtari, Simpson, Gelman, Yao & Gabry 2024,
Pareto smoothed importance sampling, JMLR 25); its shape k̂ says whether means exist that the draws could estimate.
Twice as many points are proposed as draws are wanted, so that resampling hardly ever takes a point twice and the draws
are independent for practical purposes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mechanisms.infer.cores import cut, share_out
from mechanisms.infer.engines.contract import UnreliableError

Floats = NDArray[np.float64]
LogDensity = Callable[[Floats], Floats]
"""Log density up to a constant of points (m, d), shape (m,); −inf or nan where a point is impossible. Threads may share it."""

FREEDOM = 7.0
LEAST = 2000  # proposals, however few draws are wanted: below it the verdict would say little
AGAIN = 2
PIECE = 500  # points at once, on every machine: rounding goes by it; so few that BLAS wakes no threads of its own
K_HAT, ESS, APART = 0.5, 400.0, 4.0


@dataclass(frozen=True, eq=False)
class Smoothed:
    """Draws (count, d) in random order, and what speaks for them.

    `k_hat` is the greatest Pareto shape among the weights and the weights times the square of each wanted quantity (about
    its mean), so that it speaks about means and sds. `ess` of `proposed` points is 1 / Σ weight². `halves_agree` says
    whether the two halves of the proposals give the same mean and sd of each within Monte Carlo error.
    """

    draws: Floats
    k_hat: float
    ess: float
    proposed: int
    halves_agree: bool

    def __str__(self) -> str:
        return f"k̂ {self.k_hat:.2f}, effective size {self.ess:.0f} of {self.proposed} points"


def draw_smoothed(
    log_density: LogDensity,
    mode: Floats,
    covariance: Floats,
    count: int,
    rng: np.random.Generator,
    *,
    speaks_of: Callable[[Floats], Floats] = lambda points: points,
) -> Smoothed:
    """`count` draws from a density of which the mode and the covariance there (inverse curvature) are known.

    `speaks_of` (points → quantities, a column each) names what the draws are wanted for, where that is not the points'
    own coordinates: the log of an sd near 0 has a tail that the sd has not.

    A skewed density has its mass beside its mode. Where that shows, points are proposed anew, twice at most, with the mean
    and the covariance that the last ones found; the verdict is on the newest ones alone.
    """
    found, points, weights = _draw(log_density, mode, covariance, count, rng, speaks_of)
    for again in range(AGAIN):
        good = found.k_hat < K_HAT and (again > 0 or found.ess > found.proposed / 2)
        if good or found.ess < 10 * len(mode):  # or too few points to say where the mass is
            break
        mean = weights @ points
        spread = ((points - mean) * weights[:, None]).T @ (points - mean)
        found, points, weights = _draw(log_density, mean, spread, count, rng, speaks_of)
    return found


def _draw(
    log_density: LogDensity,
    centre: Floats,
    covariance: Floats,
    count: int,
    rng: np.random.Generator,
    speaks_of: Callable[[Floats], Floats],
) -> tuple[Smoothed, Floats, Floats]:
    """Draws, and the points that they were drawn from with their weights."""
    proposed = max(2 * count, LEAST)
    points, log_proposal = propose(centre, covariance, proposed, rng)
    heights = share_out(lambda some: log_density(points[some]), cut(proposed, PIECE))
    log_ratio = np.concatenate(heights) - log_proposal
    log_ratio = np.where(np.isnan(log_ratio), -np.inf, log_ratio)
    if not np.isfinite(log_ratio).any():
        nothing = Smoothed(np.tile(centre, (count, 1)), np.inf, 0.0, proposed, False)
        return nothing, points, np.full(proposed, 1 / proposed)
    weights, k_hat = smooth(log_ratio)
    wanted = speaks_of(points)
    with np.errstate(divide="ignore"):
        apart = 2 * np.log(np.abs(wanted - weights @ wanted))
    k_hat = max(k_hat, *(find_k_hat(log_ratio + each) for each in apart.T if np.isfinite(each).any()))
    chosen = rng.permutation(_resample(weights, count, rng))
    ess = float(1 / (weights @ weights))
    return Smoothed(points[chosen], k_hat, ess, proposed, _halves_agree(wanted, weights)), points, weights


def refuse_unreliable(smoothed: Smoothed) -> None:
    """Raise what is wrong with the draws, where something is.

    Raises
    ------
    UnreliableError
        k̂ of 0.5 or more, an effective size below 400, or halves that disagree.
    """
    found = [f"k̂ is {smoothed.k_hat:.2f}, not below {K_HAT:g}"] if not smoothed.k_hat < K_HAT else []
    found += [f"the effective size is {smoothed.ess:.0f}, below {ESS:g}"] if smoothed.ess < ESS else []
    found += ["two halves of the draws disagree"] if not smoothed.halves_agree else []
    if found:
        raise UnreliableError("; ".join(found))


def smooth(log_ratio: Floats) -> tuple[Floats, float]:
    """Weights that sum to 1 with their greatest Pareto-smoothed, and k̂; −∞ where nothing has a tail to fit."""
    weights = np.exp(log_ratio - log_ratio.max())
    order = np.argsort(weights, kind="stable")
    tail = order[len(order) - _count_tail(len(order)) :]
    least = weights[order[len(order) - len(tail) - 1]]
    excess = weights[tail] - least
    k_hat = -np.inf
    if _is_tail(excess):
        k_hat, scale = _fit_pareto(excess)
        chances = (np.arange(len(tail)) + 0.5) / len(tail)
        grown = -np.log1p(-chances) if k_hat == 0 else np.expm1(-k_hat * np.log1p(-chances)) / k_hat
        weights[tail] = np.minimum(least + scale * grown, 1.0)
    return weights / weights.sum(), float(k_hat)


def find_k_hat(log_ratio: Floats) -> float:
    """The k̂ of `smooth`, for which the tail alone has to be in order."""
    weights = np.exp(log_ratio - log_ratio.max())
    first = len(weights) - _count_tail(len(weights)) - 1
    top = np.sort(np.partition(weights, first)[first:])
    excess = top[1:] - top[0]
    return _fit_pareto(excess)[0] if _is_tail(excess) else -np.inf


def _count_tail(size: int) -> int:
    return int(min(0.2 * size, 3 * np.sqrt(size)))


def _is_tail(excess: Floats) -> bool:
    """Whether sorted excesses are such that a distribution can be fitted."""
    return bool(excess[0] > 0 or excess[len(excess) // 4] > 0)


def _fit_pareto(excess: Floats) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution from sorted excesses.

    The approximate posterior mean of Zhang & Stephens (2009, Technometrics 51), the shape drawn towards 0.5 with the
    weight of 10 observations.
    """
    size = len(excess)
    grid = 30 + int(np.sqrt(size))
    quartile = excess[max(int(size / 4 + 0.5) - 1, 0)]
    theta = 1 / excess[-1] + (1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3 * quartile)
    shapes = np.log1p(-theta[:, None] * excess).mean(axis=1)
    height = size * (np.log(-theta / shapes) - shapes - 1)
    best = float(special.softmax(height) @ theta)
    shape = float(np.log1p(-best * excess).mean())
    scale = -shape / best
    return (size * shape + 5) / (size + 10), scale


def propose(mode: Floats, covariance: Floats, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Points (count, size) of the t distribution around a mode, and their log density up to a constant."""
    size = len(mode)
    root = np.linalg.cholesky(covariance)
    noise = rng.standard_normal((count, size)) / np.sqrt(rng.chisquare(FREEDOM, count) / FREEDOM)[:, None]
    log_density = -0.5 * (FREEDOM + size) * np.log1p((noise**2).sum(axis=1) / FREEDOM)
    points = np.concatenate([mode + noise[some] @ root.T for some in cut(count, PIECE)])
    return points, np.asarray(log_density)


def _resample(weights: Floats, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Positions of `count` points by systematic resampling: each as often as its weight says, to within one."""
    bounds = np.cumsum(weights)
    where = (np.arange(count) + rng.random()) / count * bounds[-1]
    return np.asarray(np.searchsorted(bounds, where, side="right"))


def _halves_agree(wanted: Floats, weights: Floats) -> bool:
    """Whether both halves give the same means and sds within Monte Carlo error."""
    sd = np.sqrt(weights @ (wanted - weights @ wanted) ** 2)
    moving = wanted[:, sd > 0] / sd[sd > 0]
    middle = len(moving) // 2
    means, sds, sizes = [], [], []
    for part in (slice(None, middle), slice(middle, None)):
        total = weights[part].sum()
        if total == 0:
            return False
        own = weights[part] / total
        means.append(own @ moving[part])
        sds.append(np.sqrt(own @ (moving[part] - means[-1]) ** 2))
        sizes.append(1 / (own @ own))
    error = np.sqrt(1 / sizes[0] + 1 / sizes[1])
    apart = np.abs([means[0] - means[1], sds[0] - sds[1]])  # an sd of 1 has about 0.7 of the error of its mean
    return bool(apart.max(initial=0.0) < APART * error)
