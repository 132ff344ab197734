"""Exact inference for one normal equation with complete data: independent draws, whatever the number of rows.

One pass over the rows gives the Gram matrix of the working design. Given the residual sd σ the coefficients are
normal; integrating them out leaves the one-dimensional marginal of σ, which is tabulated on a fine grid of log σ and
drawn from by inversion (Gelman et al., Bayesian Data Analysis, 3rd ed., section 14.8, with an independent normal prior and any
prior on σ). Coefficients are then drawn given σ in the eigenbasis of the whitened Gram matrix.
"""

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.errors import FitError, listed
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.engines.contract import Equations, Settings
from mechanisms.infer.moments import Moments, gather
from mechanisms.model.beliefs import Belief, log_density
from mechanisms.model.equations import Equation
from mechanisms.model.plan import Plan
from mechanisms.model.priors import Beliefs, find_joint, state_beliefs

Floats = NDArray[np.float64]
_GRID = 4001
_REACH = 60.0  # how far below its greatest value the log density of σ is followed


WHY = "normal, complete data, normal priors on the coefficients: independent draws"


def applies(plan: Plan, data: Dataset, block: Equations) -> str | None:
    """None where the engine applies to the block, else the reason why not."""
    if data.tables:
        return "units of several levels, with courses and deviations of their own"
    names = {equation.response for equation in block}
    if tied := [each.address for each in plan.residuals if each.one in names]:
        return f"residuals are correlated ({listed(tied)})"
    if gaps := [name for name in data.incomplete if name in names]:
        return f"{listed(gaps)} {'has' if len(gaps) == 1 else 'have'} missing values"
    reasons = (_against(equation, state_beliefs(plan, equation, data.reference)) for equation in block)
    return next((reason for reason in reasons if reason), None)


def draw(plan: Plan, data: Dataset, block: Equations, settings: Settings) -> Drawn:
    """Independent draws of every parameter of the block."""
    found: dict[str, Floats] = {}
    count = settings.chains * settings.draws
    for equation, child in zip(block, settings.seed.spawn(len(block)), strict=True):
        beliefs = state_beliefs(plan, equation, data.reference)
        rng = np.random.default_rng(child)
        drawn = draw_equation(equation, beliefs, gather(equation, beliefs, data), count, rng)
        found |= {address: values.reshape(settings.chains, settings.draws) for address, values in drawn.items()}
    return Drawn(found)


def _against(equation: Equation, beliefs: Beliefs) -> str | None:
    if equation.family != "normal":
        return f"{equation.response} is {equation.family}, not normal"
    if equation.parts:
        return f"the residual sd of {equation.response} depends on {listed(equation.parts[0].parents)}"
    if together := find_joint((equation,), (beliefs,)):
        return together
    odd = [name for name, belief in zip(beliefs.names, beliefs.beliefs, strict=True) if not belief.plain_normal]
    if odd:
        return f"the prior on {odd[0]} is not a plain normal"
    if beliefs.borrowed or isinstance(beliefs.spread, str):
        return f"{equation.response} shares a parameter with another equation"
    return None


def draw_equation(
    equation: Equation, beliefs: Beliefs, moments: Moments, count: int, rng: np.random.Generator
) -> dict[str, Floats]:
    """`count` independent draws of each parameter of the equation, by address, in data units; shape (count,) each."""
    # Everything below is in units of sd(y), so that no column's unit matters to the arithmetic.
    unit = moments.sd
    to_working = beliefs.working_matrix / unit
    start = beliefs.working_offset / unit
    start[0] -= moments.shift / unit
    cross, square = moments.cross / unit, moments.square / unit**2
    gram = to_working.T @ moments.gram @ to_working
    pull = to_working.T @ (cross - moments.gram @ start)
    rest = float(square - 2 * start @ cross + start @ moments.gram @ start)
    values, vectors = np.linalg.eigh(gram)
    values = np.clip(values, 0.0, None)
    turned = vectors.T @ pull
    sigma = _sigma(beliefs.spread, unit, moments.n, values, turned, rest, count, rng) / unit
    precision = values + (sigma**2)[:, None]
    # Turned into the eigenbasis and back, so that an eigenvector's sign, which rounding decides, does not matter.
    noise = rng.standard_normal((count, len(values))) @ vectors
    quantities = turned / precision + noise * sigma[:, None] / np.sqrt(precision)
    raw = (quantities @ vectors.T) @ beliefs.matrix.T + beliefs.offset
    draws = {address: raw[:, position] for position, address in enumerate(equation.addresses)}
    return draws | {str(equation.spread): sigma * unit}


def _sigma(
    spread: Belief | float | str | None,
    unit: float,
    n: int,
    values: Floats,
    turned: Floats,
    rest: float,
    count: int,
    rng: np.random.Generator,
) -> Floats:
    """Draws of σ in data units from its marginal, by inversion on a grid of log σ."""
    if isinstance(spread, float):
        return np.full(count, spread)
    if not isinstance(spread, Belief):
        raise AssertionError("applies() lets only a belief or a number through")

    def log_marginal(log_sigma: Floats) -> Floats:
        variance = np.exp(2 * log_sigma)[:, None]
        fitted = (turned**2 / (values + variance)).sum(axis=1)
        penalty = np.log1p(values / variance).sum(axis=1)
        likelihood = -n * log_sigma - 0.5 * penalty - 0.5 * (rest - fitted) / variance[:, 0]
        prior = log_density(spread, np.exp(log_sigma) * unit) + log_sigma
        return np.asarray(likelihood + prior)

    lower, upper = _bounds(spread, unit)
    for _ in range(60):
        grid = np.linspace(lower, upper, _GRID)
        height = log_marginal(grid)
        if not lower < upper or not np.isfinite(height).any():
            raise FitError(f"the prior on the residual sd ({spread}) leaves it nowhere to be")
        near = np.flatnonzero(height > height.max() - _REACH)
        first, last = grid[max(near[0] - 1, 0)], grid[min(near[-1] + 1, _GRID - 1)]
        if len(near) > _GRID // 3:
            break
        lower, upper = first, last
    density = np.exp(height - height.max())
    mass = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    where = rng.uniform(0, mass[-1], count)
    return np.asarray(np.exp(np.interp(where, mass, grid)) * unit)


def _bounds(spread: Belief, unit: float) -> tuple[float, float]:
    """Where log(σ / unit) is looked for: inside the prior's bounds, so that no draw leaves them."""
    above, below = spread.above or 0.0, np.inf if spread.below is None else spread.below
    if spread.name in ("uniform", "beta"):
        low, high = spread.arguments if spread.name == "uniform" else (0.0, 1.0)
        above, below = max(above, low), min(below, high)
    lower = max(-25.0, float(np.log(above / unit))) if above > 0 else -25.0
    return lower, min(15.0, float(np.log(below / unit)))
