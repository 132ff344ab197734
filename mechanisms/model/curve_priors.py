"""What is believed of curves whose numbers belong together: steps of one sign, waves of a Gaussian process, S-curves.

Steps: Bürkner & Charpentier (2020). A gp is a Gaussian process with a squared exponential covariance, amplitude² ·
exp(−(x − x′)² / (2 lengthscale²)), by sine waves (Solin & Särkkä 2020; Riutort-Mayol et al. 2023): the coefficient of wave
j is normal about 0 with an sd that the spectral density at its frequency gives. An S-curve has a midpoint and a width.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import log, pi, sqrt
from typing import Any

import numpy as np

from mechanisms.data.bases import BOUNDARY
from mechanisms.data.dataset import Dataset
from mechanisms.data.shapes import Basis
from mechanisms.errors import DataError
from mechanisms.model.beliefs import WIDTH, Belief, rescale_prior
from mechanisms.model.equations import Equation, Factor
from mechanisms.model.plan import Plan
from mechanisms.model.scales import find_effect_scale
from mechanisms.model.standardising import Working, find_cause_scale
from mechanisms.spec.shapes import WAVES
from mechanisms.spec.theory import Prior

SHORTEST = 1.75 / WAVES  # of the half width of the waves' interval: what so many waves can follow
_LOOSE, _STEEP = 0.5, 0.7  # the sds of the logarithms of a lengthscale and of a width


def count_steps(equation: Equation, position: int) -> int:
    """How many steps of one sign a coefficient is one of, or a change of one; 0 where it is neither."""
    own, *others = equation.coefficients[position - 1].factors
    if "~monotonic" not in own.column:
        return 0
    start = f"{own.column.partition('[')[0]}["
    alike = (each.factors for each in equation.coefficients if each.factors[1:] == tuple(others))
    return sum(first.column.startswith(start) for first, *_ in alike)


def believe_in_steps(
    plan: Plan, equation: Equation, data: Dataset, position: int, unit: float, multiplier: float
) -> Belief:
    """By default the whole climb, from the lowest value to the highest, is as wide as any other contrast.

    A moderator changes how high all is climbed, and not how the steps share it. `unit` is one of the moderator's, and
    `multiplier` that of a theory's own prior.
    """
    own, steps = equation.coefficients[position - 1], count_steps(equation, position)
    first, *others = map(str, own.causes)
    cause, effect = first.partition("[")[0], own.address.partition(" -> ")[2]
    prior = plan.prior(own.address)
    if prior is None:
        average = Belief("normal", (0.0, WIDTH * find_effect_scale(plan, equation, data, own) / unit / steps))
    else:
        average = rescale_prior(prior, multiplier)
    together = f"{' * '.join([cause, *others])} -> {effect}"
    return Belief(
        "steps",
        (float(steps),),
        own=prior is not None,
        average=average,
        together=together,
        shared=f"{cause} -> {effect}",
    )


def find_wave(equation: Equation, position: int) -> Factor | None:
    """The wave of a gp that a coefficient is about; None where it is about something else."""
    return next((each for each in equation.coefficients[position - 1].factors if "~gp[" in each.column), None)


def believe_in_wave(equation: Equation, data: Dataset, position: int, wave: Factor) -> Belief:
    """A standard normal number times what amplitude and lengthscale make of the wave: its frequency and the interval's half width."""
    reading = equation.reading(wave.column)
    found = find_frequency(data.bases[reading.basis], reading.piece)
    return Belief("wave", found, together=wave.traits[1].partition("(")[2][:-1], traits=wave.traits)


def find_frequency(basis: Basis, piece: int) -> tuple[float, float]:
    """The frequency of a wave of a gp, and the half width of the waves' interval."""
    return piece * pi / (2 * basis.width), basis.width


def scale_wave(wave: Any, amplitude: Any, lengthscale: Any, exp: Callable[[Any], Any] = np.exp) -> Any:
    """The sd of a wave's coefficient: amplitude · √(√(2π) lengthscale / L) · exp(−(frequency · lengthscale)² / 4).

    `wave` is its frequency and the half width L, as a belief's arguments have them; one for each of several waves.
    """
    frequency, half = wave
    scaled = frequency * lengthscale
    return amplitude * (sqrt(2 * pi) / half * lengthscale) ** 0.5 * exp(-0.25 * scaled * scaled)


def state_traits(
    plan: Plan, equation: Equation, data: Dataset, workings: Sequence[Working]
) -> dict[str, Belief | float]:
    """What is believed of each trait of an equation's curves, in data units; a number where it is fixed.

    Raises
    ------
    DataError
        A lengthscale is fixed, or bounded, where the waves cannot follow it.
    """
    found: dict[str, Belief | float] = {}
    for each, working in zip(equation.predictors, workings, strict=True):
        for position, coefficient in enumerate(each.coefficients, start=1):
            for factor in (one for one in coefficient.factors if one.traits):
                basis = data.bases[each.reading(factor.column).basis]
                unit = find_effect_scale(plan, each, data, coefficient) / find_cause_scale(working, position)
                for trait in factor.traits:
                    if trait not in found:
                        found[trait] = _believe_in_trait(plan.prior(trait), trait, basis, unit)
    return found


def find_reach(basis: Basis) -> tuple[float, float]:
    """The shortest and the longest lengthscale at which the waves of a gp are the process that they stand for."""
    return SHORTEST * basis.width, basis.width / BOUNDARY


def _believe_in_trait(prior: Prior | None, trait: str, basis: Basis, unit: float) -> Belief | float:
    word, low, high = trait.partition("(")[0], None, None
    if word == "lengthscale":
        low, high = find_reach(basis)
    elif word != "midpoint":
        low = 0.0
    if prior is None:
        return _default(word, basis, unit)
    if prior.fixed is not None:
        if (low is not None and not prior.fixed >= low) or (high is not None and prior.fixed > high):
            raise DataError(_outside(trait, low, high))
        return prior.fixed
    own = rescale_prior(prior, 1.0)
    above = max((each for each in (low, own.above) if each is not None), default=None)
    below = min((each for each in (high, own.below) if each is not None), default=None)
    if above is not None and below is not None and not above < below:
        raise DataError(_outside(trait, low, high))
    return replace(own, above=above, below=below)


def _default(word: str, basis: Basis, unit: float) -> Belief:
    """By default a gp goes up and down by an sd of the effect, in stretches that its waves can follow."""
    if word == "amplitude":
        return Belief("exponential", (1.0 / unit,))
    if word == "lengthscale":
        low, high = find_reach(basis)
        return Belief("lognormal", (0.5 * log(low * high), _LOOSE), low, high)
    if word == "midpoint":
        return Belief("normal", (basis.start, 2.0 * basis.width))
    return Belief("lognormal", (log(basis.width), _STEEP))


def _outside(trait: str, low: float | None, high: float | None) -> str:
    if high is None:
        return f"prior on '{trait}': it is above 0"
    return f"prior on '{trait}': {WAVES} waves follow lengthscales from {low:.4g} to {high:.4g} in these data: choose one of these"
