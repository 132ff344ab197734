"""Priors: the theory's own where it has them, else weakly informative on the standardised scale.

Defaults (after Gelman et al. 2008 and rstanarm): a slope is normal(0, 2.5) in units of sd(effect) / sd(cause), at the
means of the variables it is multiplied with; 0/1 causes and categories keep their units; on a link scale the effect's
sd is 1 for logit and 0.6 for probit. The intercept, at the means of all causes, is normal(mean(effect), 2.5 sd(effect)); a
residual sd is exponential with mean sd(effect). Every prior speaks about one linear functional of an equation's
coefficients, so that rescaling or shifting a column changes no standardised posterior.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mechanisms.data.dataset import Categories, Dataset
from mechanisms.errors import DataError, listed
from mechanisms.model.families import LINKS
from mechanisms.model.plan import Coefficient, Equation, Plan, shown_prior
from mechanisms.model.standardising import Standard, Working, standard_of, working_basis
from mechanisms.spec.theory import Prior, Scalar

Floats = NDArray[np.float64]
WIDTH = 2.5


@dataclass(frozen=True)
class Belief:
    """A distribution in data units over one quantity; `above`/`below` truncate it. `own`: the theory's, not a default."""

    name: str
    arguments: tuple[float, ...]
    above: float | None = None
    below: float | None = None
    own: bool = False

    @property
    def plain_normal(self) -> bool:
        """Whether it is a normal without bounds."""
        return self.name == "normal" and self.above is None and self.below is None

    def __str__(self) -> str:
        bounds = [f"> {self.above:g}"] if self.above is not None else []
        bounds += [f"< {self.below:g}"] if self.below is not None else []
        text = f"{self.name}({', '.join(f'{value:.4g}' for value in self.arguments)})"
        return f"{text} {' and '.join(bounds)}" if bounds else text


@dataclass(frozen=True, eq=False)
class Beliefs:
    """The prior of one equation as independent quantities.

    Raw coefficients (intercept first, in the order of `equation.addresses`) = `matrix` @ quantities + `offset` +
    `borrowed_matrix` @ the coefficients at `borrowed` addresses of other equations (`same_as`). A plain normal
    quantity stands standardised: its mean and sd are in `matrix` and `offset`, itself is normal(0, 1). `names` say
    which coefficient each quantity is about, `beliefs` what was believed of it in data units. `working_matrix` and
    `working_offset` give the working coefficients in the same way: what to compute with, since columns far from 0
    make large raw numbers that cancel.
    """

    names: tuple[str, ...]
    beliefs: tuple[Belief, ...]
    matrix: Floats
    offset: Floats
    working_matrix: Floats
    working_offset: Floats
    borrowed: tuple[str, ...]
    borrowed_matrix: Floats
    working: Working
    spread: "Belief | float | str | None"

    @property
    def exactly_normal(self) -> bool:
        """Whether all quantities are plain normals and nothing is borrowed."""
        return all(belief.plain_normal for belief in self.beliefs) and not self.borrowed


def state_beliefs(plan: Plan, equation: Equation, data: Dataset) -> Beliefs:
    """The prior of one equation on these data.

    Raises
    ------
    DataError
        A theory's prior on a coefficient at moderators = 0 where 0 lies outside the data (language 1.9: `at`).
    """
    working = working_basis(equation, data)
    size = len(equation.addresses)
    index = {address: position for position, address in enumerate(equation.addresses)}
    rows, constants, names, beliefs, borrowed = [], np.zeros(size), [], [], []
    borrowed_at, free_at, fixed_at, same_at = [], [], [], []
    for position, address in enumerate(equation.addresses):
        prior = plan.prior(address)
        raw = working.to_raw[position]
        if prior is None:
            rows.append(np.eye(size)[position])
            belief = _default(equation, data, working, position)
        elif prior.fixed is not None:
            rows.append(_functional(prior, equation, data, working, position) @ working.to_raw if prior.at else raw)
            constants[position] = prior.fixed * _unit(prior, equation, data, working, position)
            fixed_at += [] if prior.at else [position]
            continue
        elif prior.same_as is not None and prior.same_as in index:
            rows.append(raw - working.to_raw[index[prior.same_as]])
            same_at.append((position, index[prior.same_as]))
            continue
        elif prior.same_as is not None:
            rows.append(raw)
            borrowed_at.append(position)
            borrowed.append(prior.same_as)
            continue
        else:
            rows.append(_functional(prior, equation, data, working, position) @ working.to_raw)
            belief = _own(prior, _unit(prior, equation, data, working, position))
        free_at.append(position)
        names.append(address)
        beliefs.append(belief)
    back = np.linalg.inv(np.array(rows))
    matrix, offset = back[:, free_at], back @ constants
    for column, belief in enumerate(beliefs):
        if belief.plain_normal:
            mean, sd = belief.arguments
            offset = offset + matrix[:, column] * mean
            matrix[:, column] *= sd
    raw_matrix, raw_offset, raw_borrowed = (working.to_raw @ part for part in (matrix, offset, back[:, borrowed_at]))
    for position in fixed_at + borrowed_at:  # to the last digit, so that a coefficient fixed at 0 has no sign
        raw_matrix[position], raw_offset[position] = 0.0, constants[position]
        raw_borrowed[position] = [float(position == lent) for lent in borrowed_at]
    for position, same in same_at:
        for part in (raw_matrix, raw_offset, raw_borrowed):
            part[position] = part[same]
    return Beliefs(
        tuple(names),
        tuple(beliefs),
        raw_matrix,
        raw_offset,
        matrix,
        offset,
        tuple(borrowed),
        raw_borrowed,
        working,
        _spread(plan, equation, data),
    )


def log_density(belief: Belief, x: Floats) -> Floats:
    """Log density at x up to a constant (truncation only shifts it); −inf outside the bounds."""
    a = belief.arguments
    frozen = {
        "normal": lambda: stats.norm(a[0], a[1]), "student": lambda: stats.t(a[0], a[1], a[2]),
        "half_normal": lambda: stats.halfnorm(scale=a[0]), "exponential": lambda: stats.expon(scale=1 / a[0]),
        "lognormal": lambda: stats.lognorm(a[1], scale=np.exp(a[0])), "gamma": lambda: stats.gamma(a[0], scale=1 / a[1]),
        "beta": lambda: stats.beta(a[0], a[1]), "uniform": lambda: stats.uniform(a[0], a[1] - a[0]),
    }[belief.name]()  # fmt: skip
    inside = (x >= (-np.inf if belief.above is None else belief.above)) & (
        x <= (np.inf if belief.below is None else belief.below)
    )
    density: Floats = np.where(inside, frozen.logpdf(x), -np.inf)
    return density


def print_priors(plan: Plan, data: Dataset) -> tuple[tuple[str, str, str], ...]:
    """(address, prior in data units, where it comes from) for every parameter of the plan."""
    lines = []
    for equation in plan.equations:
        beliefs = state_beliefs(plan, equation, data)
        stated = dict(zip(beliefs.names, beliefs.beliefs, strict=True))
        for address in equation.addresses:
            prior = plan.prior(address)
            if address in stated and prior is None:
                default = _in_data_units(stated[address], equation, beliefs.working, address)
                lines.append((address, str(default), _default_words(equation, address)))
            elif address in stated and prior is not None:
                lines.append((address, str(stated[address]), f"the theory: {shown_prior(prior)}"))
            elif prior is not None and prior.fixed is not None:
                value = prior.fixed * _unit(prior, equation, data, beliefs.working, equation.addresses.index(address))
                lines.append((address, f"fixed at {value:.4g}", f"the theory: {shown_prior(prior)}"))
            elif prior is not None:
                lines.append((address, shown_prior(prior), "the theory"))
        if equation.spread:
            own = plan.prior(equation.spread)
            where = f"the theory: {shown_prior(own)}" if own else f"default: its mean is sd({equation.response})"
            lines.append((equation.spread, _shown_spread(beliefs.spread), where))
    return tuple(lines)


def _shown_spread(spread: "Belief | float | str | None") -> str:
    if isinstance(spread, float):
        return f"fixed at {spread:.4g}"
    return f"the same as {spread}" if isinstance(spread, str) else str(spread)


def _default_words(equation: Equation, address: str) -> str:
    if address == equation.intercept:
        return "default: at the means of all causes"
    own = next(each for each in equation.coefficients if each.address == address)
    others = {
        factor.variable
        for each in equation.coefficients
        if set(own.factors) < set(each.factors)
        for factor in set(each.factors) - set(own.factors)
    }
    curved = any(
        f.column == own.factors[0].column
        and f.power > own.factors[0].power
        and len(each.factors) == len(own.factors) == 1
        for each in equation.coefficients
        for f in each.factors
    )
    at = [f"{name} at its mean" for name in sorted(others)] + (["at its own mean"] if curved else [])
    return f"default: {WIDTH} standardised" + (f", with {listed(at)}" if at else "")


def _in_data_units(belief: Belief, equation: Equation, working: Working, address: str) -> Belief:
    """A default, which speaks about a working coefficient, per unit of the cause."""
    mean, sd = belief.arguments
    return Belief("normal", (mean, sd / _cause_scale(equation, working, equation.addresses.index(address))))


def _effect_scale(equation: Equation, data: Dataset) -> float:
    if equation.link == "identity":
        return standard_of(data, equation.response).scale
    return LINKS[equation.link].unit


def _cause_scale(equation: Equation, working: Working, position: int) -> float:
    if position == 0:
        return 1.0
    return float(np.prod([working.standards[column].scale ** power for column, power in working.kept[position - 1]]))


def _default(equation: Equation, data: Dataset, working: Working, position: int) -> Belief:
    """The default in the units of the functional it speaks about: the working coefficient."""
    effect = _effect_scale(equation, data)
    if position:
        return Belief("normal", (0.0, WIDTH * effect))
    mean = data.numbers(equation.response).mean
    centre = mean if equation.link == "identity" else 0.0
    return Belief("normal", (centre, WIDTH * effect))


def _unit(prior: Prior, equation: Equation, data: Dataset, working: Working, position: int) -> float:
    """What the prior's numbers are multiplied with to be in data units."""
    if prior.scale == "raw":
        return 1.0
    effect = standard_of(data, equation.response).scale if equation.link == "identity" else 1.0
    return effect / _cause_scale(equation, working, position)


def _own(prior: Prior, unit: float) -> Belief:
    distribution = prior.distribution
    if distribution is None:
        raise AssertionError("a prior is a distribution, fixed or same_as")
    return Belief(
        distribution.name,
        _scaled(distribution.name, distribution.arguments, unit),
        None if prior.above is None else prior.above * unit,
        None if prior.below is None else prior.below * unit,
        own=True,
    )


def _scaled(name: str, arguments: tuple[float, ...], unit: float) -> tuple[float, ...]:
    """A distribution's arguments when its variable is multiplied by `unit`."""
    if unit == 1.0:
        return arguments
    if name == "student":
        return (arguments[0], arguments[1] * unit, arguments[2] * unit)
    if name == "exponential":
        return (arguments[0] / unit,)
    if name == "gamma":
        return (arguments[0], arguments[1] / unit)
    if name == "lognormal":
        return (arguments[0] + float(np.log(unit)), arguments[1])
    if name == "beta":
        raise DataError("a beta prior lies between 0 and 1 in data units: leave out scale: standardised")
    return tuple(argument * unit for argument in arguments)


def _functional(prior: Prior, equation: Equation, data: Dataset, working: Working, position: int) -> Floats:
    """The raw coefficients' weights in the quantity that the prior is about: the coefficient at `at`, else at 0."""
    weights: Floats = np.eye(len(equation.addresses))[position]
    if position == 0:
        return weights
    own = equation.coefficients[position - 1]
    given = {name: _number(name, value, data) for name, value in prior.at}
    for other, coefficient in enumerate(equation.coefficients, start=1):
        extra = set(coefficient.factors) - set(own.factors)
        if not set(own.factors) < set(coefficient.factors):
            continue
        if all(factor.variable in given for factor in extra):
            weights[other] = float(np.prod([_at(factor.column, given) ** factor.power for factor in extra]))
        _check_zero(own, coefficient, given, working.standards, prior)
    return weights


def _number(name: str, value: Scalar, data: Dataset) -> float | str:
    column = data[name]
    if isinstance(column, Categories):
        text = f"{value:g}" if isinstance(value, float) else value
        if text not in column.values:
            raise DataError(f"prior at {name}: {name} has no value '{text}'; it has {listed(column.values)}")
        return text
    if value == "mean":
        return column.mean
    if isinstance(value, str):
        raise DataError(f"prior at {name}: '{value}' is not a number; write a number in data units, or mean")
    return value


def _at(column: str, given: dict[str, float | str]) -> float:
    name, _, category = column.partition("=")
    value = given[name]
    return float(value == category) if category else float(value)


def _check_zero(
    own: Coefficient, product: Coefficient, given: dict[str, float | str], standards: dict[str, Standard], prior: Prior
) -> None:
    for factor in set(product.factors) - set(own.factors):
        standard = standards[factor.column]
        if factor.variable not in given and not standard.lowest <= 0 <= standard.highest:
            raise DataError(
                f"prior on '{own.address}' speaks at {factor.variable} = 0, but {factor.variable} runs from "
                f"{standard.lowest:g} to {standard.highest:g}: say where it holds, at: {{{factor.variable}: mean}}"
                + (f"\n\n{prior.place}" if prior.place.line else "")
            )


def _spread(plan: Plan, equation: Equation, data: Dataset) -> "Belief | float | str | None":
    if equation.spread is None:
        return None
    sd = standard_of(data, equation.response).scale
    prior = plan.prior(equation.spread)
    if prior is None:
        return Belief("exponential", (1.0 / sd,))
    if prior.same_as is not None:
        return prior.same_as
    unit = sd if prior.scale == "standardised" else 1.0
    if prior.fixed is not None:
        if prior.fixed <= 0:
            raise DataError(f"prior on '{equation.spread}': a residual sd is above 0, not {prior.fixed:g}")
        return prior.fixed * unit
    own = _own(prior, unit)
    return Belief(own.name, own.arguments, max(0.0, own.above or 0.0), own.below, own=True)
