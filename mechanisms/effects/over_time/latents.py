"""What the fit says of variables without values in the data: each unit's inertia, growth or volatility, and latent variables."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Column, Dataset, Numbers, readable
from mechanisms.infer.posterior import Fit
from mechanisms.infer.scheduling import schedule
from mechanisms.model.courses import latent_value, predict
from mechanisms.model.equations import Equation
from mechanisms.model.families import inverse_link
from mechanisms.model.missing import first_rows
from mechanisms.model.setting import Setting, spread

Floats = NDArray[np.float64]
_DRAWS, _VALUES = 200, 400_000  # of the posterior, and of each latent variable in all
_ENDS = (0.001, 0.999)


def add_latents(fit: Fit) -> Fit:
    """The fit with a column for every coefficient variable, its posterior mean for each unit, and with what the fit says of
    latent variables: their means and sds. The same fit without any.

    Contrasts and conditions are chosen by these columns; effects are not worked out from them.
    """
    fit = _gauge_latents(fit) if fit.plan.unseen else fit
    names = [each.response for each in fit.plan.equations if each.latent and each.response not in fit.data]
    if not names:
        return fit
    parameters = {name: draws[:, None] for name, draws in fit.parameters.items()}
    values = {column.name: readable(column) for column in fit.data.columns}
    setting = Setting(fit.plan, fit.data, parameters, fit.deviations, values, inverse_link)
    columns = [_column(name, np.asarray(latent_value(setting, name)).mean(axis=0)) for name in names]
    home = {**fit.data.home, **{name: fit.plan.design.level(name) for name in names}}
    return replace(fit, data=replace(fit.data, columns=(*fit.data.columns, *columns), home=home))


def _column(name: str, values: Floats) -> Numbers:
    lowest, highest = float(values.min()), float(values.max())
    sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Numbers(name, values, float(values.mean()), sd, lowest, highest, binary=False)


def _gauge_latents(fit: Fit) -> Fit:
    """The columns of latent variables with the moments of values drawn from their equations, given what was observed."""
    data, drawn = fit.data, _draw_latents(fit)

    def gauged(column: Column) -> Column:
        if column.name not in drawn or not isinstance(column, Numbers):
            return column
        exists = slice(None) if column.absent is None else ~column.absent
        found = drawn[column.name][:, exists]
        shares = (np.arange(len(column.values)) + 0.5) / len(column.values)
        lowest, highest = map(float, np.quantile(found, _ENDS))
        sd = float(np.sqrt(found.var(axis=1, ddof=1).mean()))
        shown = np.quantile(found, shares)
        return replace(column, mean=float(found.mean()), sd=sd, lowest=lowest, highest=highest, shown=shown)

    return replace(fit, data=replace(data, columns=tuple(map(gauged, data.columns))))


def _draw_latents(fit: Fit) -> dict[str, Floats]:
    """Values of every latent variable for some posterior draws, noise included; shape (draws, units)."""
    plan, data, rng = fit.plan, fit.data, np.random.default_rng(fit.seed)
    total = int(np.prod(fit.shape))
    count = min(_DRAWS, max(1, _VALUES // data.n))
    some = np.linspace(0, total - 1, count).astype(np.intp)
    parameters = {name: draws[some][:, None] for name, draws in fit.parameters.items()}
    deviations = {key: draws[some] for key, draws in fit.deviations.items()}
    sizes = {name: len(data.numbers(name).values) for name in plan.unseen}
    values = {column.name: _fill(column) for column in data.columns}
    values |= {name: np.zeros((count, size)) for name, size in sizes.items()}
    setting = Setting(plan, data, parameters, deviations, values, inverse_link)
    for step in schedule(plan, data):
        name = step.equation.response
        if name in sizes:
            setting.known.clear()
            shape = (count, sizes[name])
            eta = np.broadcast_to(predict(setting, step.equation), shape)[:, step.rows]
            sigma = np.broadcast_to(_sigma(setting, step.equation, data), shape)[:, step.rows]
            values[name][:, step.rows] = eta + sigma * rng.standard_normal(eta.shape)
    return {name: values[name] for name in sizes}


def _fill(column: Column) -> Floats:
    """A column with its mean, or its reference, where nothing was observed."""
    known = readable(column)
    return np.where(column.observed, known, column.mean) if isinstance(column, Numbers) else known


def _sigma(setting: Setting, equation: Equation, data: Dataset) -> Floats:
    """The residual sd of every unit."""
    if equation.volatility:
        level = setting.design.level(equation.volatility)
        return np.asarray(np.exp(spread(setting, latent_value(setting, equation.volatility), equation.level, level)))
    moved = [each for each in equation.parts if each.role == "spread"]
    usual = np.exp(predict(setting, moved[0])) if moved else setting.parameters[str(equation.spread)]
    if equation.initial is None:
        return np.asarray(usual)
    first = first_rows(equation, setting.plan, data)
    return np.where(first, setting.parameters[equation.initial], usual) if first.any() else np.asarray(usual)
