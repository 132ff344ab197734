"""A plan of one level with complete data as a PyMC model: the same linear predictor, run on tensors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm

from mechanisms.data.dataset import Categories, Dataset, response_values
from mechanisms.data.shapes import Bending, bare, variable_of
from mechanisms.model.equations import Equation
from mechanisms.model.plan import Plan
from mechanisms.model.predictor import linear_predictor
from mechanisms.model.priors import state_beliefs
from mechanisms.model.symbolic.densities import distribute_parts
from mechanisms.model.symbolic.quantities import declare_parameters


def build_flat(plan: Plan, data: Dataset, chosen: tuple[Equation, ...]) -> pm.Model:
    """The model of equations whose rows are units of one level, all complete."""
    beliefs = {equation.response: state_beliefs(plan, equation, data) for equation in chosen}
    row = _row(data)
    coords: dict[str, Any] = {row: np.arange(data.n)}
    coords |= {f"terms({equation.response})": list(equation.addresses) for equation in chosen}
    with pm.Model(coords=coords) as model:
        tensors = _data(data, chosen)
        parameters = declare_parameters(chosen, beliefs)
        for equation in chosen:
            tensors[equation.response] = _likelihood(equation, data, parameters, tensors)
    return model


def _row(data: Dataset) -> str:
    """The name of the dimension of rows, which no variable may share in PyMC."""
    return "rows" if "row" in data else "row"


def _data(data: Dataset, equations: tuple[Equation, ...]) -> dict[str, Any]:
    """One data container per column that some equation uses, or sums up, and that no equation here generates."""
    generated = {equation.response for equation in equations}
    tensors: dict[str, Any] = {}
    waiting = [column for equation in reversed(equations) for column in reversed(equation.columns)]
    while waiting:
        column = waiting.pop()
        name, own = variable_of(column), bare(column)
        if name in data.made:
            waiting += [term.name for term in reversed(data.made[name].terms)]
            continue
        if name in generated or own in tensors:
            continue
        found = data[name]
        value = own.partition("=")[2]
        values = found.indicator(value) if value and isinstance(found, Categories) else response_values(found)
        tensors[own] = pm.Data(own, values, dims=_row(data))
    return _Summing(tensors, data)


class _Summing(Bending):
    """Values by column; those of sums are added up of their parts' when they are looked at."""

    def __init__(self, values: Mapping[str, Any], data: Dataset) -> None:
        super().__init__(values, data.bases)
        self._made = data.made

    def __missing__(self, column: str) -> Any:
        if column not in self._made:
            return super().__missing__(column)
        return sum(weight * self[term.name] for weight, term in self._made[column].parts)


def _likelihood(equation: Equation, data: Dataset, parameters: Mapping[str, Any], tensors: Mapping[str, Any]) -> Any:
    etas = [linear_predictor(each, parameters, tensors) for each in equation.predictors]
    spread, shape = (parameters[name] if name else None for name in (equation.spread, equation.shape))
    out_of = tensors[equation.out_of] if isinstance(equation.out_of, str) else equation.out_of
    ended = data.numbers(equation.event).values if equation.event else None
    made = distribute_parts(equation, etas, spread, shape, out_of, ended)
    return made.observe(equation.response, response_values(data[equation.response]), _row(data))
