"""How much a part of a variable varies: the units in which defaults and standardised priors speak (language 1.9).

Parts are measured by moments of what was observed: a course by the means of the units that have any, a departure by
what is left of the values around these means. The sd of observed means is never 0 by chance: where units do not differ
it is that of the mean of a few occasions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.causes import find_cause
from mechanisms.data.dataset import Categories, Column, Dataset, response_values
from mechanisms.data.shapes import Basis, split_column, variable_of
from mechanisms.model.courses import value_of
from mechanisms.model.equations import Coefficient, Equation, Reading
from mechanisms.model.families import FAMILIES, LINKS, inverse_link
from mechanisms.model.middles import find_middle_of_part
from mechanisms.model.plan import Plan
from mechanisms.model.predictor import bend_s
from mechanisms.model.setting import Setting, sum_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Standard:
    """How one column is standardised: (value − centre) / scale.

    `part` is the unit of a theory's own standardised priors where that is another: the sd of a course among the units
    of its level. Defaults take the variable's own sd there, which does not vanish where units hardly differ.
    """

    centre: float
    scale: float
    lowest: float
    highest: float
    part: float | None = None
    bent: Callable[[Any], float] | None = None  # of a curve's column: its value at one of its variable, None: the mean


def standard_of(data: Dataset, column: str) -> Standard:
    """Centre and scale of a whole variable's column (`age`, `arm=cbt`)."""
    found = data[variable_of(column)]
    if split := split_column(column):
        return _of_curve(data.bases[split[1]], split[2], response_values(found))
    if isinstance(found, Categories):
        return Standard(found.share(column.partition("=")[2]), 1.0, 0.0, 1.0)
    return Standard(found.mean, found.scale, found.lowest, found.highest)


def standardise(plan: Plan, equation: Equation, data: Dataset) -> dict[str, Standard]:
    """Centre and scale of every column of an equation."""
    columns = sorted({factor.column for each in equation.coefficients for factor in each.factors})
    if not data.tables:
        return {column: standard_of(data, column) for column in columns}
    setting = as_observed(plan, data)
    return {column: _standard(setting, equation.reading(column)) for column in columns}


def as_observed(plan: Plan, data: Dataset) -> Setting:
    """The data as they are, with NaN where nothing was observed."""
    values = {column.name: column.telling for column in data.columns if not isinstance(column, Categories)}
    return Setting(plan, data, {}, {}, values, inverse_link)


def find_effect_scale(plan: Plan, equation: Equation, data: Dataset, coefficient: Coefficient | None = None) -> float:
    """One standardised unit of the effect: its sd, of a 0/1 column too; on a link scale the link's own unit.

    A positive family's is the sd of the logarithm, so that no unit of measurement matters beside the intercept.
    With levels, of the part that the coefficient moves: the course of its units, or the departures. A coefficient
    variable has the unit of its coefficient; the log of a residual sd counts in ones.
    """
    if equation.latent:
        return _owned_scale(plan, equation, data)
    if equation.role != "" or (equation.link != "identity" and not FAMILIES[equation.family].positive):
        return LINKS[equation.link].unit
    if not data.tables or coefficient is None or not equation.intercepts:
        return find_spread_scale(equation, data)
    values = _on_link(equation, data)
    if coefficient.moves == "course":
        return _between(values, data, equation.level, coefficient.unit)
    return _within(values, data, equation.level, equation.intercepts[0])


def find_spread_scale(equation: Equation, data: Dataset) -> float:
    """The sd of a response, of its logarithm where it is positive."""
    found = data.numbers(equation.response)
    if not FAMILIES[equation.family].positive:
        return found.sd
    values = np.log(found.values[found.values > 0])  # NaN where nothing was observed is not above 0 either
    return float(values.std(ddof=1))


def _on_link(equation: Equation, data: Dataset) -> Floats:
    values = data.numbers(equation.response).telling
    if not FAMILIES[equation.family].positive:
        return values
    return np.log(np.where(values > 0, values, np.nan))  # zeros are none of the amount


def find_middle(plan: Plan, equation: Equation, data: Dataset) -> float:
    """Where the default prior of an intercept has its middle."""
    if equation.latent:
        target = next((each for each in plan.equations if each.volatility == equation.response), None)
        return float(np.log(data.numbers(target.response).sd)) if target else 0.0
    if equation.role:
        return find_middle_of_part(equation, data)
    found = data.numbers(equation.response)
    if equation.family == "hazard":
        known = found.values[found.observed]
        return float(LINKS[equation.link].forward((known.sum() + 0.5) / (known.size + 1.0)))
    if equation.family == "lognormal":
        return float(np.log(found.values[found.values > 0]).mean())
    if equation.family == "ordered_beta":
        inside = found.values[(found.values > 0) & (found.values < 1)]
        return float(LINKS["logit"].forward(inside.mean()))
    if equation.link == "log":
        exposure = data.numbers(equation.out_of).mean if isinstance(equation.out_of, str) else equation.out_of
        mean = found.values[found.values > 0].mean() if equation.zeros else found.mean
        return float(np.log(mean / exposure))
    return found.mean if equation.link == "identity" else 0.0


def _owned_scale(plan: Plan, equation: Equation, data: Dataset) -> float:
    for target in plan.equations:
        for each in target.owned:
            if each.owner == equation.response:
                setting = as_observed(plan, data)
                cause = 1.0
                for factor in each.factors:
                    cause *= _standard(setting, target.reading(factor.column)).scale ** factor.power
                return find_effect_scale(plan, target, data, each) / cause
    return 1.0


def split_spread(data: Dataset, name: str, level: str) -> tuple[float, float]:
    """The sds of a variable's observed means of a level's units, and of its values around them."""
    values = data.numbers(name).telling
    return _between(values, data, data.level(name), level), _within(values, data, data.level(name), level)


def intraclass(data: Dataset, name: str, level: str) -> float:
    """The intraclass correlation by moments (one-way ANOVA; Shrout & Fleiss 1979); below 0 where units differ less than by chance."""
    values, index, n = _observed(data.numbers(name).telling, data, data.level(name), level)
    counts = np.bincount(index, minlength=n).astype(np.float64)
    used = counts > 0
    groups, total = int(used.sum()), float(counts.sum())
    if groups < 2 or total <= groups:
        return float("nan")
    means = np.bincount(index, weights=values, minlength=n)[used] / counts[used]
    around = np.square(values - _mean_of(values, index, n)[index]).sum()
    within = around / (total - groups)
    between = float(counts[used] @ np.square(means - values.mean())) / (groups - 1)
    size = (total - np.square(counts[used]).sum() / total) / (groups - 1)
    variance = (between - within) / size
    return float(variance / (variance + within)) if variance + within > 0 else 0.0


def _standard(setting: Setting, reading: Reading) -> Standard:
    data, name = setting.data, reading.variable
    if reading.basis:
        return _of_curve(data.bases[reading.basis], reading.piece, response_values(_find(setting, reading)))
    if reading.category is not None:
        found = data[name]
        if isinstance(found, Categories):
            return Standard(found.share(reading.category), 1.0, 0.0, 1.0)
    if reading.part == "departure":
        values = data.numbers(name)
        above = setting.design.lattice.above(reading.level)
        scale = 1.0 if values.binary else _within(values.telling, data, reading.level, above[0])
        reach = values.highest - values.lowest
        return Standard(0.0, scale, -reach, reach)
    if reading.part == "course":
        values = data.numbers(name)
        among = None if values.binary else _between(values.telling, data, data.level(name), reading.level)
        return Standard(values.mean, values.scale, values.lowest, values.highest, among)
    latent = next((each for each in setting.plan.equations if each.response == name and each.latent), None)
    if latent is not None:
        scale = find_effect_scale(setting.plan, latent, data)
        return Standard(find_middle(setting.plan, latent, data), scale, -np.inf, np.inf)
    if sum_of(setting, name) is None and name in data:
        return standard_of(data, name)
    return _of_numbers(np.asarray(value_of(setting, reading), dtype=np.float64))


def _find(setting: Setting, reading: Reading) -> Column:
    """What a curve runs on, as the data show it."""
    part = reading.level if reading.part in ("departure", "course") else ""
    return find_cause(setting.plan.theory, setting.data, reading.variable, part)


def _of_curve(basis: Basis, piece: int, values: Floats) -> Standard:
    """A curve's column: a spline's counts in the height of the curve, a slope in the variable's sd, a logarithm in its own."""
    known = values[np.isfinite(values)]
    if basis.intervals or basis.gap:
        return _of_condition(basis, known)
    mean = float(known.mean())
    if basis.shape == "logistic":  # at a middle and a width to begin with: the true ones are not known
        shares = bend_s(known, basis.start, basis.width)
        return Standard(float(shares.mean()), 1.0, basis.lowest, basis.highest, bent=_at_zero)
    made = basis.column(piece, known)
    scale = {0: float(made.std(ddof=1)), 1: float(known.std(ddof=1))}.get(basis.degree, 1.0)

    def at(value: float | None) -> float:
        return float(basis.column(piece, np.float64(mean if value is None else value)))

    return Standard(float(made.mean()), scale, basis.lowest, basis.highest, bent=at)


def _of_condition(basis: Basis, values: Floats) -> Standard:
    """The column of a condition, which counts as 0/1; a category may be asked of by its name. Means are without gaps."""
    share = 0.0 if basis.gap else float(np.mean(basis.column(1, values)))

    def at(value: float | str | None) -> float:
        if isinstance(value, str):
            return float(value in basis.steps)
        return share if value is None else float(basis.column(1, np.float64(value)))

    return Standard(share, 1.0, 0.0, 1.0, bent=at)


def _at_zero(value: float | None) -> float:
    """An S-curve's column where its variable is 0, whatever its middle."""
    if value != 0:
        raise AssertionError("an S-curve is not known elsewhere")
    return 0.0


def _of_numbers(values: Floats) -> Standard:
    known = values[np.isfinite(values)]
    sd = float(known.std(ddof=1)) if known.size > 1 else 0.0
    return Standard(float(known.mean()), sd or 1.0, float(known.min()), float(known.max()))


def _between(values: Floats, data: Dataset, fine: str, coarse: str) -> float:
    """The sd of the observed means of a coarser level's units."""
    known, index, n = _observed(values, data, fine, coarse)
    used = np.bincount(index, minlength=n) > 0
    means = _mean_of(known, index, n)[used]
    sd = float(means.std(ddof=1)) if means.size > 1 else 0.0
    return sd if sd > 1e-9 * float(known.std()) else float(known.std(ddof=1))


def _within(values: Floats, data: Dataset, fine: str, coarse: str) -> float:
    """The sd of the values around the means of a coarser level's units."""
    known, index, n = _observed(values, data, fine, coarse)
    groups = int((np.bincount(index, minlength=n) > 0).sum())
    around = float(np.square(known - _mean_of(known, index, n)[index]).sum())
    if known.size <= groups or around <= 0:
        return float(known.std(ddof=1))
    return float(np.sqrt(around / (known.size - groups)))


def _observed(values: Floats, data: Dataset, fine: str, coarse: str) -> tuple[Floats, NDArray[np.intp], int]:
    """The observed values that lie in a unit of the coarser level, and which."""
    index = data.units(fine).above[coarse].index
    index = index if index.ndim == 1 else index[:, 0]
    kept = np.isfinite(values) & (index >= 0)
    return values[kept], index[kept], data.units(coarse).n


def _mean_of(values: Floats, index: NDArray[np.intp], n: int) -> Floats:
    counts = np.maximum(np.bincount(index, minlength=n), 1)
    return np.asarray(np.bincount(index, weights=values, minlength=n) / counts)
