"""The residual sd or precision of each row of an equation, and its linear predictors, on tensors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from mechanisms.model.courses import latent_value, predict
from mechanisms.model.equations import Equation
from mechanisms.model.missing import first_rows
from mechanisms.model.setting import Setting, spread
from mechanisms.model.symbolic.correlations import is_zero

ops: Any = pt  # untyped in PyTensor's stubs


@dataclass(frozen=True, eq=False)
class Together:
    """Equations whose residuals are correlated, with the root of their correlations; or a single one."""

    equations: tuple[Equation, ...]
    root: list[list[Any]] | None = None


def predict_together(setting: Setting, together: Together) -> list[tuple[Equation, list[Any], Any]]:
    """Each equation with its linear predictors and residual sd, given the residuals of those before it.

    Residuals in units of each row's own sd have the correlations: a row's covariance is D R D with its sds in D.
    """
    if together.root is None:
        return [(each, predict_all(setting, each), find_sigma(setting, each)) for each in together.equations]
    root, standard, found = together.root, list[Any](), []
    for k, equation in enumerate(together.equations):
        eta, *logs = predict_all(setting, equation)
        own = find_sigma(setting, equation)
        sigma = ops.exp(logs[0]) if logs else own
        shared = sum((root[k][i] * standard[i] for i in range(k) if not is_zero(root[k][i])), np.float64(0.0))
        standard.append(((setting.values[equation.response] - eta) / sigma - shared) / root[k][k])
        left = [each + ops.log(root[k][k]) for each in logs]
        found.append((equation, [eta + sigma * shared, *left], None if logs else own * root[k][k]))
    return found


def find_sigma(setting: Setting, equation: Equation) -> Any:
    """The residual sd, of each row where first occasions have their own; None for families without one."""
    if equation.volatility:
        level = setting.design.level(equation.volatility)
        own: Any = pt.exp(spread(setting, latent_value(setting, equation.volatility), equation.level, level))
    elif equation.spread is None:
        return None
    else:
        own = setting.parameters[equation.spread]
    first = first_rows(equation, setting.plan, setting.data)
    if equation.initial is None or not first.any():
        return own
    return ops.where(first, setting.parameters[equation.initial], own)


def predict_all(setting: Setting, equation: Equation) -> list[Any]:
    """The linear predictors of an equation, its own first; that of a spread is another number at first occasions."""
    etas = []
    first = first_rows(equation, setting.plan, setting.data)
    for each in equation.predictors:
        eta = predict(setting, each)
        if each.role == "spread" and equation.initial is not None and first.any():
            eta = ops.where(first, ops.log(setting.parameters[equation.initial]), eta)
        etas.append(eta)
    return etas
