"""Coefficient variables as columns: what the fit says that each unit's inertia, growth or volatility is."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Numbers
from mechanisms.infer.posterior import Fit
from mechanisms.model.courses import latent_value
from mechanisms.model.families import inverse_link
from mechanisms.model.setting import Setting


def add_latents(fit: Fit) -> Fit:
    """The fit with a column for every coefficient variable, its posterior mean for each unit; the same fit without any.

    Contrasts and conditions are chosen by these columns; effects are not worked out from them.
    """
    names = [each.response for each in fit.plan.equations if each.latent and each.response not in fit.data]
    if not names:
        return fit
    values = {
        column.name: np.where(column.observed, column.codes if isinstance(column, Categories) else column.values, 0.0)
        for column in fit.data.columns
    }
    parameters = {name: draws[:, None] for name, draws in fit.parameters.items()}
    setting = Setting(fit.plan, fit.data, parameters, fit.deviations, values, inverse_link)
    columns = [_column(name, np.asarray(latent_value(setting, name)).mean(axis=0)) for name in names]
    home = {**fit.data.home, **{name: fit.plan.design.level(name) for name in names}}
    return replace(fit, data=replace(fit.data, columns=(*fit.data.columns, *columns), home=home))


def _column(name: str, values: NDArray[np.float64]) -> Numbers:
    lowest, highest = float(values.min()), float(values.max())
    sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Numbers(name, values, float(values.mean()), sd, lowest, highest, binary=False)
