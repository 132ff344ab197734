"""The residual sd or precision of each row of an equation, and its linear predictors, on tensors."""

from typing import Any

import pytensor.tensor as pt

from mechanisms.model.courses import latent_value, predict
from mechanisms.model.equations import Equation
from mechanisms.model.missing import first_rows
from mechanisms.model.setting import Setting, spread

ops: Any = pt  # untyped in PyTensor's stubs


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
