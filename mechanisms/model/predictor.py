"""The linear predictor, written once with operators only: PyTensor runs it to sample, NumPy to intervene."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mechanisms.model.equations import Equation, Factor


def linear_predictor(equation: "Equation", parameters: Mapping[str, Any], columns: Mapping[str, Any]) -> Any:
    """η = intercept + Σ coefficient · Π factors, in data units.

    `parameters` maps addresses, `columns` column names (`age`, `arm=cbt`), to anything with `+` and `*`: tensors
    while sampling, arrays that broadcast while intervening.
    """
    eta = parameters[equation.intercept]
    for coefficient in equation.coefficients:
        eta = eta + parameters[coefficient.address] * product(coefficient.factors, columns)
    return eta


def product(factors: "tuple[Factor, ...]", columns: Mapping[str, Any]) -> Any:
    """Π column^power over the factors of one coefficient."""
    result: Any = None
    for factor in factors:
        for _ in range(factor.power):
            result = columns[factor.column] if result is None else result * columns[factor.column]
    return result
