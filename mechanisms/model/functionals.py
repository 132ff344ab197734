"""Functionals: what a theory's prior speaks about, as weights of an equation's raw coefficients.

A prior on a coefficient speaks about the derivative of the linear predictor by that coefficient's columns, with every
other column, and its own where it bends, at the value that `at` names, else at 0. For `w -> y` beside `w^2 -> y` it is
the slope at one value of w, b1 + 2 b2 w; for `x -> y` moderated by w the slope of x at one value of w, b1 + b3 w.
"""

from collections import Counter
from collections.abc import Mapping
from math import comb, prod

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Dataset
from mechanisms.data.shapes import Basis, is_condition, is_gap
from mechanisms.errors import DataError, listed
from mechanisms.graph.levels import Design
from mechanisms.model.elsewhere import list_replaced
from mechanisms.model.equations import Coefficient, Equation, Factor
from mechanisms.model.scales import Standard
from mechanisms.model.standardising import Working
from mechanisms.spec.measuring import find_gauges, list_gauge_priors
from mechanisms.spec.theory import Prior, Scalar, Theory

Floats = NDArray[np.float64]
Given = dict[str, float | str | None]  # by variable; None is the mean of each column: 0 of departures


def weigh_coefficients(prior: Prior, equation: Equation, data: Dataset, working: Working, position: int) -> Floats:
    """The raw coefficients' weights in the quantity that the prior is about, intercept first.

    Raises
    ------
    DataError
        The prior speaks at 0 of a variable whose data do not reach 0 (language 1.9: `at`), or at a value that the
        variable does not have.
    """
    weights: Floats = np.eye(len(equation.addresses))[position]
    if position == 0:
        return weights
    own = equation.coefficients[position - 1]
    given = {name: _number(name, value, data) for name, value in prior.at}
    for other, coefficient in enumerate(equation.coefficients, start=1):
        beyond = coefficient.beyond(own)
        if beyond:
            weights[other] = _weight(own, coefficient, beyond, given, working)
        for factor in beyond:
            _check_zero(own, factor, given, working.standards[factor.column], prior)
    return weights


def weigh_leftover(
    equation: Equation, design: Design, bases: Mapping[str, Basis], working: Working, position: int
) -> Floats | None:
    """The raw coefficients' weights in what a coefficient of some occasions alone is believed to be, intercept first.

    That is how far they lie from the others at the means of what they lack: in all, where a course has a coefficient for
    the very same occasions. None of any other coefficient.
    """
    own = equation.coefficients[position - 1] if position else None
    if own is None or not is_gap(own.factors[-1].column):
        return None
    weights: Floats = np.zeros(len(equation.addresses))
    for place, each in enumerate(equation.coefficients, start=1):
        rest, more = _rest(own), _rest(each)
        if not (_same_occasions(own, each, equation, bases) and rest <= more):
            continue
        share = _mean(working, more - rest)  # where what is multiplied with both is at its mean
        weights[place] += share
        for other, gone in list_replaced(equation, each, design):
            weights[other] -= share * _mean(working, Counter({factor.column: factor.power for factor in gone}))
    return weights


def _rest(coefficient: Coefficient) -> Counter[str]:
    return Counter({factor.column: factor.power for factor in coefficient.factors[:-1]})


def _mean(working: Working, powers: Counter[str]) -> float:
    return float(prod(working.standards[column].centre ** power for column, power in powers.items()))


def _same_occasions(own: Coefficient, other: Coefficient, equation: Equation, bases: Mapping[str, Basis]) -> bool:
    """Whether another coefficient speaks of the very same occasions; a course's counts for values, not the reverse."""
    if own.factors[-1] == other.factors[-1]:
        return own.moves in (other.moves, "mean")
    if own.moves != "mean" or other.moves != "trend" or not is_gap(other.factors[-1].column):
        return False
    one, two = (bases.get(equation.reading(each.factors[-1].column).basis) for each in (own, other))
    return one is not None and two is not None and one.intervals == two.intervals


def place_zero(theory: Theory, equation: Equation, working: Working, prior: Prior) -> Floats | None:
    """The working coefficients' weights in the intercept that gives a latent variable its zero, intercept first.

    It is taken at the means of all other causes: at their zeros, which may be far away, the zero would be where no unit
    is, and the other priors with it. None of any other intercept, and where nothing else acts.

    Raises
    ------
    DataError
        The theory itself fixes that intercept, at zeros that the data of a cause do not reach.
    """
    gauge = next((each for each in find_gauges(theory) if each.zero == equation.addresses[0]), None)
    others = [] if gauge is None else [each for each in equation.coefficients if not _only_of(gauge.latent, each)]
    if gauge is None or not others or prior.fixed is None:
        return None
    if prior not in list_gauge_priors(theory):
        for standard, name in ((working.standards[f.column], f.variable) for each in others for f in each.factors):
            if name != gauge.latent and not standard.lowest <= 0 <= standard.highest:
                raise DataError(
                    f"prior on '{prior.address}' puts the zero of {gauge.latent} where {name} is 0, but {name} runs from "
                    f"{standard.lowest:g} to {standard.highest:g}: take the prior out, so that it is at the means, or centre {name}"
                    + (f"\n\n{prior.place}" if prior.place.line else "")
                )
        return None
    weights: Floats = np.eye(len(equation.addresses))[0]
    for position, each in enumerate(equation.coefficients, start=1):
        if _only_of(gauge.latent, each):
            weights -= working.standards[each.factors[0].column].centre * working.to_raw[position]
    return weights


def _only_of(latent: str, coefficient: Coefficient) -> bool:
    return coefficient.degree == 1 and coefficient.factors[0].variable == latent


def _weight(
    own: Coefficient, coefficient: Coefficient, beyond: tuple[Factor, ...], given: Given, working: Working
) -> float:
    """The share of a larger product in the derivative by `own`'s columns, where `given` says."""
    return float(
        prod(
            comb(coefficient.powers[factor.column], own.powers[factor.column])
            * _at(factor.column, given, working.standards[factor.column]) ** factor.power
            for factor in beyond
        )
    )


def _at(column: str, given: Given, standard: Standard) -> float:
    category = column.partition("=")[2]
    value = given.get(Factor(column).variable, 0.0)
    if standard.bent is not None and (is_condition(column) or not isinstance(value, str)):
        return standard.bent(value)
    if value is None:
        return standard.centre
    return float(value == category) if category else float(value)


def _number(name: str, value: Scalar, data: Dataset) -> float | str | None:
    """Where `at` puts a variable: a number, a category, or None for the mean of whatever column of it there is."""
    if name in data and isinstance(column := data[name], Categories):
        text = f"{value:g}" if isinstance(value, float) else value
        if text not in column.values:
            raise DataError(f"prior at {name}: {name} has no value '{text}'; it has {listed(column.values)}")
        return text
    if value == "mean":
        return None
    if isinstance(value, str):
        raise DataError(f"prior at {name}: '{value}' is not a number; write a number in data units, or mean")
    return value


def _check_zero(own: Coefficient, factor: Factor, given: Given, standard: Standard, prior: Prior) -> None:
    name = factor.variable
    if name not in given and not standard.lowest <= 0 <= standard.highest:
        raise DataError(
            f"prior on '{own.address}' speaks at {name} = 0, but {name} runs from {standard.lowest:g} to "
            f"{standard.highest:g}: say where it holds, at: {{{name}: mean}}"
            + (f"\n\n{prior.place}" if prior.place.line else "")
        )
