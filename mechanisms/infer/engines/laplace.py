"""Smooth fixed-effect blocks of any family: mode, curvature, and importance sampling around them.

Newton's method finds the mode of the density over the block's independent quantities (`target`), where its Hessian is
the proposal's shape; `importance` draws, and says whether its draws are to be believed. They are obeyed: a block that
fails goes to NUTS.
"""

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.errors import listed
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.engines.contract import Equations, Settings, UnreliableError
from mechanisms.infer.smooth.importance import draw_smoothed, refuse_unreliable
from mechanisms.infer.smooth.target import Target, find_owner, make_target, order_lenders
from mechanisms.model.plan import Plan
from mechanisms.model.priors import state_beliefs

Floats = NDArray[np.float64]
WHY = "smooth, fixed effects: independent draws by importance sampling around the mode"
_STEPS, _HALVINGS = 100, 40
_FLAT = 1e-10  # of the greatest curvature
_NEAR = 1e-4  # squared distance from the mode in posterior sds that does no harm to a proposal


def applies(plan: Plan, data: Dataset, block: Equations) -> str | None:
    """None where the engine applies to the block, else the reason why not."""
    if data.tables:
        return "units of several levels, with courses and deviations of their own"
    names = {equation.response for equation in block}
    if tied := [each.address for each in plan.residuals if each.one in names]:
        return f"residuals are correlated ({listed(tied)})"
    used = dict.fromkeys(name for equation in block for name in (equation.response, *equation.parents))
    if gaps := [name for name in used if not data[name].observed.all()]:
        return f"{listed(gaps)} {'has' if len(gaps) == 1 else 'have'} missing values"
    beliefs = {equation.response: state_beliefs(plan, equation, data) for equation in block}
    spreads = {each.spread: beliefs[each.response].spread for each in block if each.spread}
    if any(belief.average for each in beliefs.values() for belief in each.beliefs):
        return "steps of one sign are believed in together"
    if order_lenders(block, beliefs) is None or any(find_owner(name, spreads)[1] is None for name in spreads):
        return f"{listed(sorted(names))} borrow parameters from each other in a circle"
    return None


def draw(plan: Plan, data: Dataset, block: Equations, settings: Settings) -> Drawn:
    """Independent draws of every parameter of the block.

    Raises
    ------
    UnreliableError
        No mode was found, or the draws are not to be believed.
    """
    target = make_target(plan, data, block)
    target = target.focus(*find_mode(target))
    mode, covariance = find_mode(target)
    count, rng = settings.chains * settings.draws, np.random.default_rng(settings.seed)
    drawn = draw_smoothed(target.evaluate, mode, covariance, count, rng, speaks_of=target.report)
    refuse_unreliable(drawn)
    found = target.report(drawn.draws).reshape(settings.chains, settings.draws, -1)
    return Drawn({address: found[..., k] for k, address in enumerate(target.addresses)}, note=str(drawn))


def find_mode(target: Target) -> tuple[Floats, Floats]:
    """Where the density is greatest, and the inverse of its curvature there, by Newton steps that are cut until they rise.

    Raises
    ------
    UnreliableError
        No mode, or one without curvature.
    """
    point = target.start
    height = float(target.evaluate(point[None])[0])
    for _ in range(_STEPS):
        gradient, hessian = target.differentiate(point)
        if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            break
        values, vectors = np.linalg.eigh(-hessian)
        if not values.any():
            break
        curved = np.maximum(np.abs(values), _FLAT * np.abs(values).max())
        step = vectors @ ((vectors.T @ gradient) / curved)
        rise = float(gradient @ step)
        if rise < 1e-9 and values[0] > 0:
            return point, np.asarray((vectors / values) @ vectors.T)
        point, height, moved = _climb(target, point, height, step, rise)
        if not moved:  # within rounding of the mode, or lost
            if rise < _NEAR and values[0] > 0:
                return point, np.asarray((vectors / values) @ vectors.T)
            break
    raise UnreliableError("no mode with curvature was found")


def _climb(target: Target, point: Floats, height: float, step: Floats, rise: float) -> tuple[Floats, float, bool]:
    """The first of the halved steps that rises enough."""
    share = 1.0
    for _ in range(_HALVINGS):
        there = point + share * step
        above = float(target.evaluate(there[None])[0])
        if above > height + 1e-4 * share * rise:
            return there, above, True
        share /= 2
    return point, height, False
