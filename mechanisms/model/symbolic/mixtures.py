"""Missing values of 0/1 variables that other equations look at: summed out, row by row.

In a row where such values are missing, the density of everything in the row is the sum over what they may have been:
Σ P(m) · p(what m points at | m). So no sampler ever meets a discrete unknown.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product as every
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.errors import DataError, listed
from mechanisms.model.courses import predict
from mechanisms.model.equations import Equation
from mechanisms.model.missing import find_unknown
from mechanisms.model.plan import Plan
from mechanisms.model.setting import Setting
from mechanisms.model.symbolic.densities import distribute_rows
from mechanisms.model.symbolic.links import inverse_link
from mechanisms.model.symbolic.noise import find_sigma

MOST = 4  # variables summed over at once
ops: Any = pt  # untyped in PyTensor's stubs


def find_discrete(plan: Plan, data: Dataset, equations: tuple[Equation, ...]) -> tuple[Equation, ...]:
    """The equations of 0/1 variables with missing values that other equations look at.

    Raises
    ------
    DataError
        Such a variable is looked at from other rows (a lag, another level, a sum) or has a correlated residual beside it,
        so that the sum would not fall apart into rows; or there are too many of them.
    """
    found = tuple(each for each in equations if each.family == "bernoulli" and find_unknown(plan, each, data).size)
    for each in found:
        for other in plan.equations:
            for reading in other.readings:
                now = reading.steps == 0 and reading.occasion is None and other.level == each.level
                if reading.variable == each.response and reading.part != "course" and not now:
                    _refuse(each, f"{other.response} looks at it from another occasion or level")
        for variable in plan.theory.variables:
            if variable.computed and each.response in variable.computed:
                _refuse(each, f"{variable.name} is computed from it")
    if found and plan.residuals:
        _refuse(found[0], f"residuals are correlated ({listed(r.address for r in plan.residuals)})")
    if len(found) > MOST:
        _refuse(found[0], f"so have {len(found) - 1} others, and at most {MOST} are summed over together")
    if len({each.level for each in found}) > 1:
        _refuse(found[0], "so has a discrete variable of another level")
    return found


def _refuse(equation: Equation, why: str) -> None:
    raise DataError(
        f"{equation.response} is {equation.family} and has missing values, and {why}: such values are not summed out yet. "
        "Drop these rows and say so, or impute"
    )


def mixed_rows(plan: Plan, data: Dataset, discrete: tuple[Equation, ...]) -> NDArray[np.intp]:
    """The rows in which at least one of the discrete variables is missing."""
    rows = [find_unknown(plan, each, data) for each in discrete]
    return np.unique(np.concatenate(rows)) if rows else np.zeros(0, dtype=np.intp)


def add_mixture(setting: Setting, equations: tuple[Equation, ...], discrete: tuple[Equation, ...]) -> None:
    """The density of the mixed rows, as a potential of the model."""
    rows = mixed_rows(setting.plan, setting.data, discrete)
    here = tuple(each for each in equations if each.level == discrete[0].level)
    terms = [_log_density(each, here, rows) for each in _versions(setting, discrete)]
    gaps = np.zeros(len(rows))
    for each in discrete:
        gaps += np.isin(rows, find_unknown(setting.plan, each, setting.data))
    # Where fewer are missing than are summed over, equal terms are counted more than once.
    repeats = (len(discrete) - gaps) * np.log(2.0)
    total = ops.logsumexp(pt.stack(terms), axis=0) - repeats
    pm.Potential(f"summed({', '.join(each.response for each in discrete)})", total.sum())


def _versions(setting: Setting, discrete: tuple[Equation, ...]) -> Iterator[Setting]:
    """The setting with each combination of values in the places of what is missing."""
    for choice in every((0.0, 1.0), repeat=len(discrete)):
        values = dict(setting.values)
        for equation, value in zip(discrete, choice, strict=True):
            filled = np.array(values[equation.response], dtype=np.float64)
            filled[find_unknown(setting.plan, equation, setting.data)] = value
            values[equation.response] = filled
        yield replace(setting, values=values, known={})


def _log_density(setting: Setting, equations: tuple[Equation, ...], rows: NDArray[np.intp]) -> Any:
    """Σ over equations of the log density in the rows; what is missing and nothing looks at says nothing."""
    total: Any = np.zeros(len(rows))
    for equation in equations:
        column = setting.data.numbers(equation.response)
        counted = column.observed.copy()
        counted[find_unknown(setting.plan, equation, setting.data)] = True
        eta, values = predict(setting, equation), setting.values[equation.response][rows]
        if equation.family == "bernoulli":
            chance = pm.math.clip(inverse_link(equation.link, eta[rows]), 1e-12, 1 - 1e-12)
            term = values * pt.log(chance) + (1 - values) * pt.log(1 - chance)
        else:
            allowed = column.values[column.observed][0]  # 0, which stands where nothing is, may have no density
            made = distribute_rows(setting, equation, [eta], find_sigma(setting, equation), rows)
            term = made.log_density(ops.where(counted[rows], values, allowed))
        total = total + term * counted[rows]
    return total
