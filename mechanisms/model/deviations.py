"""What is believed of the deviations of a level's units: their sds and correlations, and how each is best sampled.

Default: an sd is exponential with the sd of the effect's part per sd of the cause's part as its mean, correlations are
LKJ(1) (Lewandowski, Kurowicka & Joe 2009), uniform for two quantities; a pair that an arrow joins has none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mechanisms.data.dataset import Dataset
from mechanisms.data.shapes import Basis
from mechanisms.errors import DataError
from mechanisms.model.beliefs import Belief, rescale_prior
from mechanisms.model.curve_priors import find_frequency, scale_wave
from mechanisms.model.equations import Coefficient, Equation, Varying
from mechanisms.model.plan import Plan
from mechanisms.model.scales import Standard, find_effect_scale, intraclass, split_spread, standardise
from mechanisms.model.single_correlations import Entry, believe_entries
from mechanisms.spec.theory import Prior

INFORMED = 3.0  # units that say this many times more about a deviation than its prior are sampled centred


@dataclass(frozen=True)
class Deviating:
    """The prior of one level's deviations: a belief or a fixed number for each sd, `shape` the η of the LKJ density.

    `shape` is None where all correlations are fixed at 0; `entries` are priors on single ones, which multiply it. `centred`
    says of each quantity whether it is sampled as itself (the units' own data say much about it) or in units of its sd.
    The density counts all quantities: for each that only completes an exogenous variable, or is a wave, `shape` is less by a half.
    """

    varying: Varying
    spreads: tuple[Belief | float, ...]
    shape: float | None
    centred: tuple[bool, ...]
    entries: tuple[Entry, ...] = ()


def state_deviations(plan: Plan, data: Dataset) -> tuple[Deviating, ...]:
    """The prior of everything that varies among units, level by level."""
    return tuple(_of_level(plan, data, varying) for varying in plan.varying)


def find_slope(plan: Plan, address: str) -> tuple[Equation, Coefficient | None]:
    """The equation of an intercept or slope, and the coefficient where it is one."""
    for equation in (each for whole in plan.equations for each in whole.predictors):
        if address in (equation.deviating, equation.response):
            return equation, None
        for each in equation.coefficients:
            if each.deviating == address:
                return equation, each
    raise KeyError(address)


def find_unit(plan: Plan, data: Dataset, address: str) -> float:
    """One standardised unit of an intercept's or a slope's deviations, in data units."""
    equation, slope = find_slope(plan, address)
    effect = find_effect_scale(plan, equation, data, slope)
    if slope is None:
        return effect
    standards = standardise(plan, equation, data)
    _check_curve(slope, standards)
    steps = sum(bool(slope.climb) and each.climb == slope.climb for each in equation.coefficients) or 1
    return effect / steps / float(np.prod([standards[f.column].scale ** f.power for f in slope.factors]))


def find_sds(
    varying: Varying, bases: Mapping[str, Basis], parameters: Mapping[str, Any], exp: Callable[[Any], Any] = np.exp
) -> list[Any]:
    """The sd of each quantity's deviations: the parameter, of a wave what that and the lengthscale make of it."""
    found = dict(zip(varying.quantities, (parameters[each] for each in varying.spreads), strict=True))
    for wave in varying.waves:
        frequency = find_frequency(bases[wave.basis], wave.piece)
        found[wave.address] = scale_wave(frequency, found[wave.address], parameters[wave.lengthscale], exp)
    return list(found.values())


def _check_curve(slope: Coefficient, standards: Mapping[str, Standard]) -> None:
    """Refuse curves that differ about a place far from all data: the units' own intercepts would be there as well."""
    (factor, *_) = slope.factors
    standard = standards[factor.column]
    bent = factor.power > 1 or (standard.bent is not None and "~log[" not in factor.column)
    reach = standard.highest - standard.lowest
    if bent and not standard.lowest - reach <= 0 <= standard.highest + reach:
        raise DataError(
            f"{slope.address}: curves differ among {slope.varies_by[0]}s about {factor.variable} = 0, but {factor.variable} runs "
            f"from {standard.lowest:g} to {standard.highest:g}: subtract its mean, or any value inside, in the data"
        )


def _of_level(plan: Plan, data: Dataset, varying: Varying) -> Deviating:
    spreads = tuple(
        _spread(plan.prior(text), find_unit(plan, data, address), text)
        for address, text in zip(varying.quantities, varying.spreads, strict=True)
    )
    centred = tuple(_informed(plan, data, varying.level, address) for address in varying.quantities)
    entries = believe_entries(varying, (), plan.priors)
    shape = _shape(plan.prior(varying.correlation), varying)
    if (
        shape is not None
    ):  # what is correlated with nothing, since it only completes or is a wave, changes no belief about what is
        completing = [each.deviating for each in plan.equations if each.completing]
        alone = {*completing, *(wave.address for wave in varying.waves)}
        shape -= 0.5 * len(alone & {*varying.quantities})
    return Deviating(varying, spreads, shape, centred, entries)


def _spread(prior: Prior | None, unit: float, text: str) -> Belief | float:
    if prior is None:
        return Belief("exponential", (1.0 / unit,))
    size = unit if prior.scale == "standardised" else 1.0
    if prior.fixed is not None:
        if prior.fixed < 0:
            raise DataError(f"prior on '{text}': an sd is not below 0; it is fixed at {prior.fixed:g}")
        return prior.fixed * size
    own = rescale_prior(prior, size)
    return replace(own, above=max(0.0, own.above or 0.0))


def _shape(prior: Prior | None, varying: Varying) -> float | None:
    if not varying.correlated:
        return None
    if prior is None:
        return 1.0
    if prior.fixed is not None:
        if prior.fixed != 0:
            raise DataError(
                f"prior on '{varying.correlation}': all correlations of a level are fixed at 0 or not at all"
            )
        return None
    distribution = prior.distribution
    if distribution is None or distribution.name != "lkj":
        raise DataError(f"prior on '{varying.correlation}': correlations take {{lkj: η}} or fixed: 0")
    return float(distribution.arguments[0])


def _informed(plan: Plan, data: Dataset, level: str, address: str) -> bool:
    """Whether the units' own data say more than `INFORMED` times as much about an intercept as its prior does.

    By moments: n times the between variance over the within variance. Slopes are never: an uninformed slope that is
    sampled centred diverges, an informed one that is not only costs time. Nor are intercepts of a level above another one
    at which they vary: what a therapist's clients say is counted in clients, who are few.
    """
    equation, slope = find_slope(plan, address)
    if slope is not None or equation.link != "identity" or equation.latent:
        return False
    if any(plan.design.lattice.lies_below(each, level) for each in equation.intercepts):
        return False
    share = intraclass(data, equation.response, level)
    index = data.units(equation.level).above[level].index
    if not np.isfinite(share) or share >= 1 or index.ndim > 1:
        return False
    seen = np.isfinite(data.numbers(equation.response).telling) & (index >= 0)
    counts = np.bincount(index[seen], minlength=data.units(level).n)
    within = split_spread(data, equation.response, level)[1]
    return bool(within > 0 and np.median(counts[counts > 0]) * share / (1 - share) > INFORMED)
