"""What a response is expected to be where its linear predictors stand: by `+`, `*` and `/` only, for tensors and for numbers.

A course as a cause is on the variable's own scale: the inverse link of one linear predictor, or what several make of it.
With zeros that is the chance of any times the place of the amount; of an ordered_beta its mean; of a category the chance of
each value (docs/decisions/0025).
"""

from collections.abc import Callable, Sequence
from typing import Any

from mechanisms.model.equations import Equation

Inverse = Callable[[str, Any], Any]


def list_mean_predictors(equation: Equation) -> tuple[Equation, ...]:
    """The linear predictors that make the mean: all but that of a spread."""
    return tuple(each for each in equation.predictors if each.role != "spread")


def find_usual(equation: Equation, inverse: Inverse, etas: Sequence[Any]) -> Any:
    """A response's own scale, from the linear predictors of its mean; a category has none."""
    if equation.predictors[0].role == "step":
        raise AssertionError(f"{equation.family}: categories have no mean")
    predictors = list_mean_predictors(equation)
    places = {each.role: inverse(each.link, eta) for each, eta in zip(predictors, etas, strict=True)}
    if "top" in places:
        return places["top"] + (places["any"] - places["top"]) * places[""]
    return places["any"] * places[""] if "any" in places else places[""]


def find_chances(equation: Equation, inverse: Inverse, etas: Sequence[Any]) -> tuple[Any, ...]:
    """The chance of each value of a category, in their order, from its linear predictors."""
    if equation.family == "categorical":
        weights = [inverse("log", eta) for eta in etas]
        total = 1.0 + sum(weights)
        return (1.0 / total, *(weight / total for weight in weights))
    places = [inverse(each.link, eta) for each, eta in zip(list_mean_predictors(equation), etas, strict=True)]
    if equation.family == "ordinal":
        reached = [1.0, *places, 0.0]
        return tuple(reached[k] - reached[k + 1] for k in range(len(reached) - 1))
    found: list[Any] = []
    still: Any = 1.0
    for place in places:
        found.append(still * (1.0 - place))
        still = still * place
    return (*found, still)
