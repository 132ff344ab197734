"""Smooth blocks of any family: mode, curvature, and importance sampling around them; one grouping of units integrated out.

Newton's method finds the mode of the density over the block's independent quantities (`target`), where its Hessian is
the proposal's shape; `importance` draws, and says whether its draws are to be believed. They are obeyed: a block that
fails goes to NUTS. Where units of one level have deviations of their own, these are integrated out by quadrature, so that
few quantities remain; NUTS then runs on what remains. Deviations are drawn afterwards given the parameters.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.errors import listed
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.engines.contract import Equations, Settings, UnreliableError
from mechanisms.infer.smooth.importance import draw_smoothed, propose, refuse_unreliable
from mechanisms.infer.smooth.parts import Part
from mechanisms.infer.smooth.predictors import NotLinearError, find_groups, write_predictors
from mechanisms.infer.smooth.target import Target, find_owner, make_target, order_lenders
from mechanisms.model.deviations import state_deviations
from mechanisms.model.missing import find_unknown
from mechanisms.model.plan import Plan
from mechanisms.model.priors import find_joint, state_beliefs

Floats = NDArray[np.float64]
WHY = "smooth, fixed effects or deviations of one level, which are integrated out: draws by importance sampling around the mode"
WORK = 1e6  # rows × nodes of one log density: up to 20 ms, with ten thousand to come
WALK = (
    4e4  # the same where NUTS needs gradients, ten times as many and three times as dear: PyMC's NUTS is no slower then
)
_STEPS, _HALVINGS = 100, 40
_FLAT = 1e-10  # of the greatest curvature
TRIED = 12  # points at which orders of quadrature are compared, the mode beside them
_NEAR = 1e-4  # squared distance from the mode in posterior sds that does no harm to a proposal


def applies(plan: Plan, data: Dataset, block: Equations) -> str | None:
    """None where the engine applies to the block, else the reason why not."""
    names = {equation.response for equation in block}
    if tied := [each.address for each in plan.residuals if each.one in names]:
        return f"residuals are correlated ({listed(tied)})"
    if against := _find_against_groups(plan, data, block) if data.tables else _find_gaps(plan, data, block):
        return against
    if believed := [entry.address for each in state_deviations(plan, data) for entry in each.entries]:
        return f"there is a prior on a single correlation ({listed(believed)})"
    beliefs = {equation.response: state_beliefs(plan, equation, data) for equation in block}
    spreads = {each.spread: beliefs[each.response].spread for each in block if each.spread}
    if together := find_joint(block, beliefs.values()):
        return together
    if order_lenders(block, beliefs) is None or any(find_owner(name, spreads)[1] is None for name in spreads):
        return f"{listed(sorted(names))} borrow parameters from each other in a circle"
    return None


def _find_gaps(plan: Plan, data: Dataset, block: Equations) -> str | None:
    """Missing values that are looked at; where nothing does, their rows leave the equation, but normal ones are summed up whole."""
    whole = [
        each for each in block if (each.family == "normal" and not each.parts) or find_unknown(plan, each, data).size
    ]
    used = dict.fromkeys([*(each.response for each in whole), *(name for each in block for name in each.parents)])
    if gaps := [name for name in used if not data[name].observed.all()]:
        return f"{listed(gaps)} {'has' if len(gaps) == 1 else 'have'} missing values"
    return None


def _find_against_groups(plan: Plan, data: Dataset, block: Equations) -> str | None:
    """Why quadrature does not take what varies among units; None where it does."""
    try:
        groups, _ = find_groups(plan, write_predictors(plan, data, block))
    except NotLinearError as error:
        return str(error)
    from mechanisms.infer.smooth.densities import FAMILIES  # noqa: PLC0415  (loads numba)

    for group in groups:
        looking = [each.equation for each in group.predicted]
        if odd := [each.response for each in looking if (each.family, each.link) not in FAMILIES]:
            return f"{listed(odd)}: quadrature has no density of that family"
        rows = sum(len(each.y) for each in group.predicted)
        if rows * 15.0 ** len(group.quantities) > WORK:
            return f"{rows} rows are too many for quadrature over {len(group.quantities)} deviations of a {group.level}"
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
    if not plan.varying:
        points, note = _draw_around(target, mode, covariance, settings, np.random.default_rng(settings.seed))
        return _report(target, points, note)
    trying, proposing, walking, rest = settings.seed.spawn(4)
    target = _refine(target, mode, covariance, np.random.default_rng(trying))
    mode, covariance = find_mode(target)
    try:
        points, note = _draw_around(target, mode, covariance, settings, np.random.default_rng(proposing))
        drawn = _report(target, points, note)
    except UnreliableError as failed:
        if sum(part.likelihood.work for part in target.grouped) > WALK:
            raise UnreliableError(f"{failed}; NUTS on what remains would take long") from None
        from mechanisms.infer.marginal.whitened import sample_whitened  # noqa: PLC0415  (loads nutpie)

        points, statistics, stopped = sample_whitened(
            target.slope, mode, np.linalg.cholesky(covariance), settings, walking, speaks_of=target.report
        )
        drawn = _report(target, points, f"NUTS on what remains, since {failed}")
        drawn = replace(drawn, statistics=statistics, stopped=stopped)
    return _add_deviations(drawn, plan, data, target, points, rest)


def _draw_around(
    target: Target, mode: Floats, covariance: Floats, settings: Settings, rng: np.random.Generator
) -> tuple[Floats, str]:
    """Points (chains, draws, size) by importance sampling, and how good they are."""
    count = settings.chains * settings.draws
    drawn = draw_smoothed(target.evaluate, mode, covariance, count, rng, speaks_of=target.report)
    refuse_unreliable(drawn)
    return drawn.draws.reshape(settings.chains, settings.draws, -1), str(drawn)


def _report(target: Target, points: Floats, note: str) -> Drawn:
    found = target.report(points.reshape(-1, target.size)).reshape(*points.shape[:2], -1)
    return Drawn({address: found[..., k] for k, address in enumerate(target.addresses)}, note=note)


def _refine(target: Target, mode: Floats, covariance: Floats, rng: np.random.Generator) -> Target:
    """The density with as many nodes as it takes where its mass is, and the units' modes sought from where they are."""
    points = np.vstack([mode, propose(mode, covariance, TRIED, rng)[0]])
    parts: dict[int, Part] = {id(part): part for part in target.parts}
    for part in target.grouped:
        begun = part.likelihood.start_from(target.points_of(part, mode[None])[0])
        refined = begun.refine(target.points_of(part, points), WORK)
        if refined is None:
            raise UnreliableError(f"quadrature over deviations of a {part.group.level} does not settle")
        parts[id(part)] = replace(part, likelihood=refined)
    return replace(target, parts=tuple(parts.values()), start=mode)


def _add_deviations(
    drawn: Drawn, plan: Plan, data: Dataset, target: Target, points: Floats, seed: np.random.SeedSequence
) -> Drawn:
    """The units' deviations given the parameters of each point, and the correlations."""
    flat, shape = points.reshape(-1, target.size), points.shape[:2]
    deviations = {
        each.level: np.empty((len(flat), len(each.quantities), data.units(each.level).n)) for each in plan.varying
    }
    free = {each.varying.level for each in state_deviations(plan, data) if each.shape is not None}
    sizes = {each.level: len(each.quantities) for each in plan.varying if each.level in free}
    correlations = {level: np.tile(np.eye(size), (len(flat), 1, 1)) for level, size in sizes.items()}
    for part, child in zip(target.grouped, seed.spawn(len(target.grouped)), strict=True):
        varying = next(each for each in plan.varying if each.level == part.group.level)
        places = [varying.quantities.index(address) for address in part.group.quantities]
        here = target.points_of(part, flat)
        own = part.likelihood.draw_deviations(here, child)
        deviations[varying.level][:, places] = own[..., : data.units(varying.level).n]
        if len(places) == 2 and varying.level in correlations:
            one, other = places
            correlations[varying.level][:, one, other] = correlations[varying.level][:, other, one] = here[:, -1]
    return replace(
        drawn,
        correlations={level: found.reshape(*shape, *found.shape[1:]) for level, found in correlations.items()},
        deviations={level: found.reshape(*shape, *found.shape[1:]) for level, found in deviations.items()},
    )


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
