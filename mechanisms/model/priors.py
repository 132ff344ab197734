"""Priors: the theory's own where it has them, else weakly informative on the standardised scale.

Defaults (after Gelman et al. 2008 and rstanarm): a slope is normal(0, 2.5) in units of sd(effect) / sd(cause), at the
means of the variables it is multiplied with; 0/1 causes and categories keep their units; on a link scale the effect's
sd is 1 for logit, 0.6 for probit and 0.7 for cloglog, 1 for the log of a count's mean, and for the log of a positive
response the sd of its logarithm. A threshold or a step has its middle where the observed share puts it, whether there is any
where the share of any does. The log of a residual sd is normal about log sd(effect) with sd 1, of a precision as below. A precision, which has no unit, is lognormal(1, 2), a slant normal(0, 4). The intercept, at the means of all causes, is normal(mean(effect), 2.5 sd(effect)); a
residual sd is exponential with mean sd(effect). Every prior speaks about one linear functional of an equation's
coefficients, so that rescaling or shifting a column changes no standardised posterior.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.errors import DataError, listed
from mechanisms.model.beliefs import WIDTH, Belief, Spread, rescale_prior
from mechanisms.model.curve_priors import believe_in_steps, believe_in_wave, count_steps, find_wave, state_traits
from mechanisms.model.equations import Equation
from mechanisms.model.families import FAMILIES
from mechanisms.model.functionals import place_zero, weigh_coefficients, weigh_leftover
from mechanisms.model.plan import Plan
from mechanisms.model.scales import find_effect_scale, find_middle, find_spread_scale, split_spread
from mechanisms.model.standardising import Basis, Working, find_cause_scale, list_bases
from mechanisms.spec.theory import Prior

Floats = NDArray[np.float64]
PRECISION = (1.0, 2.0)  # nine in ten between 0.1 and 73: docs/decisions/0016
SLANT = 4.0
LOG_SPREAD = 1.0  # a factor of 2.7 in a residual sd for one sd of a cause: docs/decisions/0021


@dataclass(frozen=True, eq=False)
class Beliefs:
    """The prior of one equation as independent quantities.

    Raw coefficients (intercept first, in the order of `equation.addresses`) = `matrix` @ quantities + `offset` +
    `borrowed_matrix` @ the coefficients at `borrowed` addresses of other equations (`same_as`). A plain normal
    quantity stands standardised: its mean and sd are in `matrix` and `offset`, itself is normal(0, 1). `names` say
    which coefficient each quantity is about, `beliefs` what was believed of it in data units. `working_matrix` and
    `working_offset` give the working coefficients in the same way: what to compute with, since columns far from 0
    make large raw numbers that cancel. `to_raw` @ those are the raw ones, and `bases` say what each linear predictor makes
    of them.
    """

    names: tuple[str, ...]
    beliefs: tuple[Belief, ...]
    matrix: Floats
    offset: Floats
    working_matrix: Floats
    working_offset: Floats
    borrowed: tuple[str, ...]
    borrowed_matrix: Floats
    to_raw: Floats
    bases: tuple[Basis, ...]
    spread: Spread
    shape: Spread
    traits: Mapping[str, Belief | float]

    @property
    def working(self) -> Working:
        """The working basis of the response's own linear predictor."""
        return self.bases[0].working

    @property
    def exactly_normal(self) -> bool:
        """Whether all quantities are plain normals and nothing is borrowed."""
        return all(belief.plain_normal for belief in self.beliefs) and not self.borrowed


@dataclass(frozen=True, eq=False)
class _Free:
    """`row` @ the working coefficients is a quantity of its own, believed to be like this."""

    row: Floats
    belief: Belief


@dataclass(frozen=True, eq=False)
class _Fixed:
    """`row` @ the working coefficients is `value`; `raw` where that is the raw coefficient itself."""

    row: Floats
    value: float
    raw: bool


@dataclass(frozen=True, eq=False)
class _Same:
    """`row` @ the working coefficients is 0: the raw coefficient equals the one at position `other`."""

    row: Floats
    other: int


@dataclass(frozen=True, eq=False)
class _Borrowed:
    """`row` @ the working coefficients, the raw coefficient, is that at `address` of another equation."""

    row: Floats
    address: str


_Step = _Free | _Fixed | _Same | _Borrowed


def state_beliefs(plan: Plan, equation: Equation, data: Dataset) -> Beliefs:
    """The prior of one equation on these data.

    Raises
    ------
    DataError
        A theory's prior on a coefficient at 0 of a moderator, or of a variable that bends, where 0 lies outside the
        data (language 1.9: `at`).
    """
    bases, to_raw = list_bases(plan, equation, data)
    steps = [_step(plan, equation, data, bases, to_raw, address) for address in equation.addresses]
    free = [(position, step.belief) for position, step in enumerate(steps) if isinstance(step, _Free)]
    lent = [(position, step.address) for position, step in enumerate(steps) if isinstance(step, _Borrowed)]
    back = np.linalg.inv(np.array([step.row for step in steps]))
    constants = np.array([step.value if isinstance(step, _Fixed) else 0.0 for step in steps])
    matrix, offset = back[:, [position for position, _ in free]], back @ constants
    for column, (_, belief) in enumerate(free):
        if belief.plain_normal:
            mean, sd = belief.arguments
            offset = offset + matrix[:, column] * mean
            matrix[:, column] *= sd
    borrowed = back[:, [position for position, _ in lent]]
    raw_matrix, raw_offset, raw_borrowed = (to_raw @ part for part in (matrix, offset, borrowed))
    _make_exact(steps, raw_matrix, raw_offset, raw_borrowed)
    return Beliefs(
        names=tuple(equation.addresses[position] for position, _ in free),
        beliefs=tuple(belief for _, belief in free),
        matrix=raw_matrix,
        offset=raw_offset,
        working_matrix=matrix,
        working_offset=offset,
        borrowed=tuple(address for _, address in lent),
        borrowed_matrix=raw_borrowed,
        to_raw=to_raw,
        bases=bases,
        spread=_spread(plan, equation, data),
        shape=_shape(plan, equation),
        traits=state_traits(plan, equation, data, [each.working for each in bases]),
    )


def find_multiplier(
    plan: Plan, prior: Prior, equation: Equation, data: Dataset, working: Working, position: int
) -> float:
    """What the prior's numbers are multiplied with to be in data units."""
    if prior.scale == "raw":
        return 1.0
    own = equation.coefficients[position - 1] if position else None
    effect = find_effect_scale(plan, equation, data, own) if equation.link == "identity" else 1.0
    return effect / find_cause_scale(working, position, part=True)


def _step(plan: Plan, equation: Equation, data: Dataset, bases: Sequence[Basis], to_raw: Floats, address: str) -> _Step:
    """What is known of the coefficient at this address; the rows of all of them make a basis."""
    prior, place = plan.prior(address), equation.addresses.index(address)
    predictor, position = equation.locate(address)
    basis = bases[equation.predictors.index(predictor)]
    raw = to_raw[place]
    scale = find_cause_scale(basis.working, position)
    if position and count_steps(predictor, position) and (prior is None or prior.fixed is None):
        unit = find_multiplier(plan, prior, predictor, data, basis.working, position) if prior else 1.0
        belief = believe_in_steps(plan, predictor, data, position, scale, unit)
        row = weigh_coefficients(prior, predictor, data, basis.working, position) if prior else None
        own = np.eye(len(raw))[place] / scale if row is None else row @ basis.working.to_raw @ basis.share
        return _Free(own, belief)
    if position and (wave := find_wave(predictor, position)):
        return _Free(np.eye(len(raw))[place] / scale, believe_in_wave(predictor, data, position, wave))
    if prior is None:
        late = weigh_leftover(predictor, plan.design, data.bases, basis.working, position)
        row = np.eye(len(raw))[place] if late is None else late @ basis.working.to_raw @ basis.share * scale
        return _Free(row, _default(plan, predictor, data, position))
    if prior.same_as in equation.addresses:
        other = equation.addresses.index(prior.same_as)
        return _Same(raw - to_raw[other], other)
    if prior.same_as is not None:
        return _Borrowed(raw, prior.same_as)
    unit = find_multiplier(plan, prior, predictor, data, basis.working, position)
    if position == 0 and (zero := place_zero(plan.theory, predictor, basis.working, prior)) is not None:
        return _Fixed(zero @ basis.share, prior.fixed or 0.0, raw=False)
    if prior.fixed is not None and not prior.at:
        return _Fixed(raw, prior.fixed * unit, raw=True)
    row = weigh_coefficients(prior, predictor, data, basis.working, position) @ basis.working.to_raw @ basis.share
    if prior.fixed is not None:
        return _Fixed(row, prior.fixed * unit, raw=False)
    return _Free(row, rescale_prior(prior, unit))


def _make_exact(steps: Sequence[_Step], matrix: Floats, offset: Floats, borrowed: Floats) -> None:
    """Write what is known of raw coefficients to the last digit, so that one fixed at 0 has no sign."""
    lent = [position for position, step in enumerate(steps) if isinstance(step, _Borrowed)]
    for position, step in enumerate(steps):
        if isinstance(step, _Borrowed) or (isinstance(step, _Fixed) and step.raw):
            matrix[position] = 0.0
            offset[position] = step.value if isinstance(step, _Fixed) else 0.0
            borrowed[position] = [float(position == other) for other in lent]
    for position, step in enumerate(steps):
        if isinstance(step, _Same):
            for part in (matrix, offset, borrowed):
                part[position] = part[step.other]


def _default(plan: Plan, equation: Equation, data: Dataset, position: int) -> Belief:
    """The default in the units of the functional it speaks about: the working coefficient."""
    mean = 0.0 if position else find_middle(plan, equation, data)
    own = equation.coefficients[position - 1] if position else None
    return Belief("normal", (mean, find_width(equation, position) * find_effect_scale(plan, equation, data, own)))


def find_width(equation: Equation, position: int) -> float:
    """How many standardised units a default prior is wide: of the log of a residual sd or of a precision fewer."""
    if equation.role != "spread":
        return WIDTH
    return PRECISION[1] if position == 0 and FAMILIES[equation.family].spread == "precision" else LOG_SPREAD


def _spread(plan: Plan, equation: Equation, data: Dataset) -> Spread:
    if equation.spread is None:
        return None
    prior = plan.prior(equation.spread)
    if prior is None:
        return default_spread(equation, data)
    if prior.same_as is not None:
        return prior.same_as
    sigma = FAMILIES[equation.family].spread == "sigma"
    unit = find_spread_scale(equation, data) if prior.scale == "standardised" and sigma else 1.0
    if prior.fixed is not None:
        if prior.fixed <= 0:
            what = "a residual sd" if sigma else "a precision"
            raise DataError(f"prior on '{equation.spread}': {what} is above 0, not {prior.fixed:g}")
        return prior.fixed * unit
    own = rescale_prior(prior, unit)
    return replace(own, above=max(0.0, own.above or 0.0))


def first_spread(equation: Equation, data: Dataset) -> Belief:
    """The prior of the residual sd at first occasions: lognormal about the sd within units, 95 % within a factor of 2.7.

    Not exponential: each unit has one first occasion and an intercept of its own, so that the joint density of all of
    them grows beyond bounds where this sd goes to 0, and a sampler of the joint density is caught there.
    """
    if equation.family != "normal":
        return default_spread(equation, data)
    sd = data.numbers(equation.response).sd
    if data.tables and equation.intercepts:
        sd = split_spread(data, equation.response, equation.intercepts[0])[1]
    return Belief("lognormal", (float(np.log(sd)), 0.5))


def default_spread(equation: Equation, data: Dataset) -> Belief:
    """What is believed of a residual sd or a precision, of first occasions too, where the theory says nothing."""
    if FAMILIES[equation.family].spread == "precision":
        return Belief("lognormal", PRECISION)
    return Belief("exponential", (1.0 / find_spread_scale(equation, data),))


def _shape(plan: Plan, equation: Equation) -> Spread:
    if equation.shape is None:
        return None
    prior = plan.prior(equation.shape)
    if prior is None:
        return Belief("normal", (0.0, SLANT))
    return prior.fixed if prior.fixed is not None else rescale_prior(prior, 1.0)


def find_joint(equations: Iterable[Equation], beliefs: Iterable[Beliefs]) -> str:
    """Why the coefficients of some equations are no independent quantities in which these are linear; nothing where they are."""
    if any(belief.average for each in beliefs for belief in each.beliefs):
        return "steps of one sign are believed in together"
    if traits := [trait for each in equations for trait in each.traits]:
        return f"{listed(traits)} {'is' if len(traits) == 1 else 'are'} sought with the curve"
    return ""
