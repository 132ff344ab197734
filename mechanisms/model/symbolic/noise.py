"""The residual sd of each row of an equation, on tensors."""

from typing import Any

import pytensor.tensor as pt

from mechanisms.model.courses import latent_value
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
