"""The linear predictor, written once with operators only: PyTensor runs it to sample, NumPy to intervene."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mechanisms.model.equations import Coefficient, Equation, Factor


def linear_predictor(equation: "Equation", parameters: Mapping[str, Any], columns: Mapping[str, Any]) -> Any:
    """η = intercept + Σ coefficient · Π factors, in data units.

    `parameters` maps addresses, `columns` column names (`age`, `arm=cbt`), to anything with `+` and `*`: tensors
    while sampling, arrays that broadcast while intervening.
    """
    eta = parameters[equation.intercept]
    for coefficient in equation.coefficients:
        eta = eta + parameters[coefficient.address] * product(coefficient.factors, columns, parameters)
    return eta


def product(
    factors: "tuple[Factor, ...]", columns: Mapping[str, Any], parameters: Mapping[str, Any] = MappingProxyType({})
) -> Any:
    """Π column^power over the factors of one coefficient; without parameters an S-curve is a straight line."""
    result: Any = None
    for factor in factors:
        value = columns[factor.column]
        if parameters and "~logistic" in factor.column:
            value = bend_s(value, *(parameters[trait] for trait in factor.traits))
        for _ in range(factor.power):
            result = value if result is None else result * value
    return result


def find_share(equation: "Equation", own: "Coefficient", parameters: Mapping[str, Any]) -> Any:
    """A step of a climb that differs among units, in average steps: so much it moves where a unit's average step moves by 1.

    The steps share out every unit's climb alike (Bürkner & Charpentier 2020).
    """
    steps = [parameters[each.address] for each in equation.coefficients if each.climb == own.climb]
    return parameters[own.address] * float(len(steps)) / sum(steps)


def bend_s(values: Any, midpoint: Any, width: Any) -> Any:
    """The share of an S-curve's climb at some values, less that at 0: expit((x − midpoint) / width), shifted."""
    if is_trace(values):
        return values.bend(bend_s, midpoint, width)
    rate = 0.5 / width
    return 0.5 * (_tanh((values - midpoint) * rate) + _tanh(midpoint * rate))


def is_trace(values: Any) -> bool:
    """Whether something that stands for values says only what they rest on (`model.traces`)."""
    return hasattr(values, "bend")


def _tanh(x: Any) -> Any:
    return x.tanh() if hasattr(x, "tanh") else np.tanh(x)
