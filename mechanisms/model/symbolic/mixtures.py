"""Missing values of discrete variables that other equations look at: summed out, row by row.

In a row where such values are missing, the density of everything in the row is the sum over what they may have been:
Σ P(m) · p(what m points at | m). So no sampler ever meets a discrete unknown. Values of 0/1 variables, categories and
trials are few; those of counts are summed up to a bound, and what lies beyond it is kept an eye on (`beyond`).
"""

from dataclasses import dataclass, replace
from itertools import product as every
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from scipy import stats

from mechanisms.data.dataset import Categories, Column, Dataset, response_values
from mechanisms.errors import DataError, listed
from mechanisms.model.equations import Equation
from mechanisms.model.families import FAMILIES
from mechanisms.model.log_densities import log_density
from mechanisms.model.missing import find_unknown
from mechanisms.model.plan import Plan
from mechanisms.model.setting import Setting, find_out_of
from mechanisms.model.symbolic.densities import give_rows
from mechanisms.model.symbolic.noise import find_sigma, predict_all

MOST = 2_000_000  # combinations of values × rows
ops: Any = pt  # untyped in PyTensor's stubs
Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Summed:
    """A discrete response, its rows with missing values that are looked at, and the values that are summed over.

    `open` where there are greater values beyond: counts.
    """

    equation: Equation
    rows: Rows
    values: Floats
    open: bool

    @property
    def name(self) -> str:
        """The response."""
        return self.equation.response


def find_discrete(plan: Plan, data: Dataset, equations: tuple[Equation, ...]) -> tuple[Summed, ...]:
    """The discrete variables with missing values that other equations look at.

    Raises
    ------
    DataError
        Such a variable is looked at from other rows (a lag, another level, a sum over them) or has a correlated residual
        beside it, so that the sum would not fall apart into rows; or there are too many combinations.
    """
    found = tuple(
        _sum(each, data, rows)
        for each in equations
        if FAMILIES[each.family].whole and (rows := find_unknown(plan, each, data)).size
    )
    for each in found:
        _check_rows(plan, data, each.equation)
    if found and plan.residuals:
        _refuse(found[0].equation, f"residuals are correlated ({listed(r.address for r in plan.residuals)})")
    if len({each.equation.level for each in found}) > 1:
        _refuse(found[0].equation, "so has a discrete variable of another level")
    combinations = np.prod([float(len(each.values)) for each in found])
    if found and combinations * len(mixed_rows(found)) > MOST:
        others = f" together with {listed(each.name for each in found[1:])}" if len(found) > 1 else ""
        _refuse(found[0].equation, f"{combinations:.0f} values or combinations{others} are too many to sum over")
    return found


def _check_rows(plan: Plan, data: Dataset, equation: Equation) -> None:
    """Refuse what looks at a response from another row."""
    name = equation.response
    for other in plan.equations:
        for reading in other.readings:
            now = reading.steps == 0 and reading.occasion is None and other.level == equation.level
            if reading.variable == name and reading.part != "course" and not now:
                _refuse(equation, f"{other.response} looks at it from another occasion or level")
    for variable in plan.theory.variables:
        if data.tables and variable.computed and name in plan.take_apart([variable.name])[1:]:
            _refuse(equation, f"{variable.name} is computed from it")


def _refuse(equation: Equation, why: str) -> None:
    raise DataError(
        f"{equation.response} is {equation.family} and has missing values, and {why}: such values are not summed out yet. "
        "Drop these rows and say so, or impute"
    )


def _sum(equation: Equation, data: Dataset, rows: Rows) -> Summed:
    """The values that a response may have had."""
    column, family = data[equation.response], FAMILIES[equation.family]
    if family.kind != "count":
        size = len(column.values) if isinstance(column, Categories) else 2
        return Summed(equation, rows, np.arange(float(size)), False)
    seen = response_values(column)[column.observed]
    exposure = data.numbers(equation.out_of).values if isinstance(equation.out_of, str) else None
    if equation.family == "binomial":
        most = float(equation.out_of) if exposure is None else float(exposure[rows].max())
        return Summed(equation, rows, np.arange(most + 1.0), False)
    longer = 1.0 if exposure is None else max(1.0, float(exposure[rows].max() / exposure[column.observed].max()))
    return Summed(equation, rows, np.arange(_bound(equation.family, seen * longer) + 1.0), True)


def _bound(family: str, seen: Floats) -> float:
    """What a count does not exceed: in a Poisson distribution of twice the greatest one seen, or of twice the spread of all."""
    top = float(stats.poisson.isf(1e-15, 2.0 * seen.max() + 5.0))
    mean, variance = float(seen.mean()), float(seen.var())
    if family == "poisson" or variance <= mean:
        return top
    size = mean**2 / (variance - mean)
    return max(top, float(stats.nbinom.isf(1e-13, size, size / (size + 2.0 * mean))))


def mixed_rows(discrete: tuple[Summed, ...]) -> Rows:
    """The rows in which at least one of the discrete variables is missing."""
    return np.unique(np.concatenate([each.rows for each in discrete])) if discrete else np.zeros(0, dtype=np.intp)


def add_mixture(setting: Setting, equations: tuple[Equation, ...], discrete: tuple[Summed, ...]) -> None:
    """The density of the mixed rows, as a potential of the model; `beyond(m)` bounds the log of what a count's sum leaves out."""
    rows = mixed_rows(discrete)
    here = tuple(each for each in equations if each.level == discrete[0].equation.level)
    grid = np.array(list(every(*(each.values for each in discrete))))
    setting, at = _narrow(setting, rows)
    missing = [np.isin(rows, each.rows) for each in discrete]
    counts = np.ones((len(grid), len(rows)), dtype=np.bool_)
    values = dict(setting.values)
    for each, chosen, gone in zip(discrete, grid.T, missing, strict=True):
        counts &= gone | (chosen == each.values[0])[:, None]  # a value that was seen counts once
        known = np.array(values[each.name], dtype=np.float64)
        filled = np.repeat(known[None], len(grid), axis=0)
        filled[:, at[gone]] = chosen[:, None]
        if each.equation.family == "binomial":
            trials = np.broadcast_to(np.asarray(find_out_of(setting, each.equation), dtype=np.float64), known.shape)
            counts &= ~gone | (chosen[:, None] <= trials[at])
            filled = np.minimum(filled, np.where(np.isin(np.arange(len(known)), at[gone]), trials, np.inf))
        values[each.name] = filled
    versions = replace(setting, values=values, known={})
    term = _log_density(versions, here, at, {each.name: each.rows for each in discrete}, rows)
    weights = ops.switch(counts, term + np.zeros(counts.shape), -np.inf)
    total = ops.logsumexp(weights, axis=0)
    pm.Potential(f"summed({', '.join(each.name for each in discrete)})", total.sum())
    for each, chosen, gone in zip(discrete, grid.T, missing, strict=True):
        if each.open:
            tops = [gone & (chosen == k)[:, None] for k in each.values[:-3:-1]]
            last, before = (ops.logsumexp(ops.switch(top, weights, -np.inf), axis=0) for top in tops)
            beyond = ops.switch(gone, _follow(last - total, last - before), -np.inf)
            pm.Deterministic(f"beyond({each.name})", beyond)


def _narrow(setting: Setting, rows: Rows) -> tuple[Setting, Rows]:
    """The setting of these rows alone, and where they stand in it: where no row looks at another the rest is not needed."""
    data = setting.data
    if data.tables:
        return setting, rows
    columns = tuple(_pick(column, rows) for column in data.columns)
    values = {name: each[rows] for name, each in setting.values.items()}
    fewer = replace(data, columns=columns, n=len(rows))
    return replace(setting, data=fewer, values=values, known={}), np.arange(len(rows))


def _pick(column: Column, rows: Rows) -> Column:
    absent = None if column.absent is None else column.absent[rows]
    if isinstance(column, Categories):
        return replace(column, codes=column.codes[rows], absent=absent)
    return replace(column, values=column.values[rows], absent=absent)


def _log_density(
    setting: Setting, equations: tuple[Equation, ...], at: Rows, summed: dict[str, Rows], rows: Rows
) -> Any:
    """Σ over equations of the log density in the rows; what is missing and nothing looks at says nothing."""
    total: Any = np.zeros(len(at))
    for equation in equations:
        name = equation.response
        column = setting.data[name]
        counted = column.observed[at]
        if name in summed:
            counted = counted | np.isin(rows, summed[name])
        elif not FAMILIES[equation.family].whole:
            counted = counted | np.isin(at, find_unknown(setting.plan, equation, setting.data))
        if not counted.any():
            continue
        allowed = response_values(column)[column.observed][:1] if column.observed.any() else np.ones(1)
        row = give_rows(setting, equation, predict_all(setting, equation), find_sigma(setting, equation), at)
        values = ops.where(counted, setting.values[name][..., at], allowed[0])
        total = total + ops.where(counted, log_density(row, values), 0.0)
    return total


def _follow(last: Any, rise: Any) -> Any:
    """The log of what follows the last term of a sum whose terms fall ever faster: last · r / (1 − r)."""
    falls = rise < 0
    return ops.switch(falls, last + rise - ops.log1mexp(ops.switch(falls, rise, -1.0)), np.inf)
