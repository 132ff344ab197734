"""Averages without cells: where all that the outcome's mean needs is one linear predictor, as a polynomial in the rows' columns.

What is linear on the way averages by the means of products of columns, exactly; a chance averages by tables of its curve
(`effects.averages.curves`). Everything else is left to cells of draws × rows × nodes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.shapes import variable_of
from mechanisms.effects.averages.curves import CURVED, average_curve
from mechanisms.effects.averages.grids import Layout
from mechanisms.effects.averages.polynomials import Polynomial, symbolise
from mechanisms.effects.looking import MEAN
from mechanisms.effects.stages import Population, Stage, add_up, merge_rows, predict
from mechanisms.effects.values import Kinds, Value
from mechanisms.effects.worlds import Scene, Source, Traced, Version
from mechanisms.model.equations import Equation

Floats = NDArray[np.float64]
MANY = 200_000  # draws × rows from which this pays
_ROWS_AT_ONCE = 65_536


def average_outline(stage: Stage, traced: Traced, rows: Population, layout: Layout | None) -> Floats | None:
    """The outcome's mean in a world, shape (draws,); None where it takes cells, or these are few."""
    count = len(next(iter(stage.parameters.values())))
    if layout is None or layout.shape or not rows.columns or count * len(rows.weights) < MANY:
        return None
    if not _is_chance_or_straight(stage.scene):
        return None
    etas = find_outline(stage, traced, rows, frozenset(layout.loaded))
    if etas is None:
        return None
    (eta,) = etas
    if stage.scene.plain:
        return _average_products(eta.mean, rows, count)
    variance = sum((loading * loading for loading in eta.loadings.values()), Polynomial({(): 0.0}))
    if not variance.constant:
        return None
    few = merge_rows(rows)
    link, noise = stage.scene.plan.equation(stage.scene.on).link, variance.coefficients(count).sum(axis=1)
    return average_curve(link, eta.mean, noise, few.columns, few.weights, stage.population.known)


def _average_products(mean: Polynomial, rows: Population, count: int) -> Floats:
    """A polynomial's average, by those of its products of columns."""
    found = np.zeros(len(mean.terms))
    for at in range(0, len(rows.weights), _ROWS_AT_ONCE):
        some = slice(at, at + _ROWS_AT_ONCE)
        found += mean.design(rows.columns, some) @ rows.weights[some]
    return np.asarray(mean.coefficients(count) @ found)


def find_outline(stage: Stage, traced: Traced, rows: Population, noisy: frozenset[Version]) -> list[Any] | None:
    """The outcome's linear predictors as `Value`s of polynomials in the rows' columns; None where they are none.

    The normal variables in `noisy` carry their noise.
    """
    parameters = {address: Polynomial({(): values}) for address, values in stage.parameters.items()}
    columns = symbolise(rows.columns)
    values: dict[Version, Value | Kinds] = {}
    for version, sources in traced:
        last = version == traced[-1][0]
        if parts := stage.scene.parts(version.name):
            values[version] = made = add_up(stage, parts, sources, values, columns)
            if last:
                return [made]
            continue
        equation = stage.scene.plan.equation(version.name)
        carried = {each for each in values if each in noisy or getattr(values[each], "loadings", None)}
        if not _is_outlined(equation, sources, carried, last=last):
            return None
        etas, _ = predict(stage, equation, sources, values, columns, parameters)
        if last:
            return list(etas)
        (eta,) = etas
        own: dict[Version, Any] = {version: parameters[str(equation.spread)]} if version in noisy else {}
        values[version] = Value(eta.mean, {**eta.loadings, **own})
    return None


def _is_chance_or_straight(scene: Scene) -> bool:
    """Whether the outcome's mean is linear in its one predictor, or a curve of it."""
    if scene.parts(scene.on):
        return True
    equation = scene.plan.equation(scene.on)
    chance = equation.family == "bernoulli" and equation.link in CURVED
    return scene.look == MEAN and not equation.parts and (chance or equation.family == "normal")


def _is_outlined(equation: Equation, sources: Mapping[str, Source], carried: set[Version], *, last: bool) -> bool:
    """Whether a variable's mean, or what the outcome's predictors are, is linear in what carries noise."""
    if any("~" in c and sources[variable_of(c)].version for each in equation.predictors for c in each.columns):
        return False
    if any(each.traits for each in equation.predictors) or (equation.parts and not last):
        return False
    for each in equation.predictors:
        for coefficient in each.coefficients:
            noisy = (f for f in coefficient.factors if sources[f.variable].version in carried)
            if sum(factor.power for factor in noisy) > 1:
                return False
    return last or equation.family == "normal"
