"""Worlds as sums over the values of one or two mediators, for which no cells are needed (`effects.averages.weighing`).

Given the mediators' values v₁ and v₂, nodes of a normal one's noise, 0 or 1, or a count, the outcome's predictors are
a + b v₁ + c v₂ + d v₁ v₂, each of the four a polynomial in the rows' columns; what is looked at is a tabulated curve
(`effects.averages.curves`), an amount (`effects.averages.zeros`), or their product. Normal noise that the outcome's curve sees
straight, but of which each row has another sd, is such a mediator as well. What there are more than two of, or what is no such
polynomial, is left to cells.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.shapes import variable_of
from mechanisms.effects.averages.curves import CURVED, FAR, Tables, tabulate
from mechanisms.effects.averages.grids import Layout, Noise
from mechanisms.effects.averages.polynomials import Polynomial, symbolise
from mechanisms.effects.averages.smoothing import find_nodes
from mechanisms.effects.looking import MEAN, Look
from mechanisms.effects.stages import Population, Stage, add_up, predict
from mechanisms.effects.values import Kinds, Value
from mechanisms.effects.worlds import Source, Traced, Version
from mechanisms.infer.cores import cut
from mechanisms.model.equations import Equation
from mechanisms.model.families import FAMILIES

Floats = NDArray[np.float64]
Groups = tuple[Polynomial, ...]  # what stands alone, before v₁, before v₂, before v₁ v₂
STRAIGHT, CHANCE, AMOUNT, BOTH = range(4)  # what the kernel is told to average, and how a mediator is distributed
_LINKS = {"logit": 1, "probit": 2, "cloglog": 3}
_COUNTS = {"poisson": 4, "negative_binomial": 5}
AXES = "\0one", "\0two"  # stand for v₁ and v₂ among the columns
_AMOUNTS = ("gamma", "lognormal", "weibull", "poisson", "negative_binomial")
_ROWS_AT_ONCE = 8192
_NONE = Polynomial({(): 0.0})
_STILL: Groups = (Polynomial({}),) * 4


@dataclass(frozen=True, eq=False)
class Axis:
    """A mediator's values: nodes with fixed weights, or values whose probabilities follow from its own predictor, `lean`."""

    nodes: Floats
    shares: Floats
    kind: int = 0
    lean: Polynomial = _NONE
    count: tuple[Version, Equation, Noise] | None = None


ALONE = Axis(np.zeros(1), np.ones(1))


@dataclass(frozen=True, eq=False)
class Mixture:
    """A world ready to be averaged: its axes, and the predictors of the outcome's chance and of its amount.

    `tables` is the curve of the chance; `variance` is that of normal noise for which the second axis stands, of another sd in
    each row.
    """

    parameters: Mapping[str, Floats]
    rows: Population
    equation: Equation | None
    axes: list[Axis]
    what: int
    chance: Groups = _STILL
    amount: Groups = _STILL
    tables: Tables | None = None
    variance: Polynomial | None = None

    @property
    def outcome(self) -> Equation:
        """The outcome's equation, where it has one."""
        assert self.equation is not None
        return self.equation


def find_mixture(stage: Stage, traced: Traced, rows: Population, layout: Layout) -> Mixture | None:
    """A world as a sum over its mediators' values; None where it is none."""
    parameters = {address: Polynomial({(): values}) for address, values in stage.parameters.items()}
    columns, axes = symbolise(rows.columns), list[Axis]()
    values: dict[Version, Value | Kinds] = {}
    for version, sources in traced:
        last = version == traced[-1][0]
        if parts := stage.scene.parts(version.name):
            values[version] = made = add_up(stage, parts, sources, values, columns)
            if last:
                return _sum_up(Mixture(stage.parameters, rows, None, axes, STRAIGHT), [made], stage.scene.look)
            continue
        equation = stage.scene.plan.equation(version.name)
        if not _is_straight(equation, sources):
            return None
        etas, out_of = predict(stage, equation, sources, values, columns, parameters)
        if not isinstance(out_of, int | float) or out_of != 1:
            return None
        if last:
            return _sum_up(Mixture(stage.parameters, rows, equation, axes, CHANCE), etas, stage.scene.look)
        found = _take(version, equation, etas, layout, parameters, axes)
        if found is None or len(axes) > len(AXES):
            return None
        values[version] = found
    return None


def _is_straight(equation: Equation, sources: Mapping[str, Source]) -> bool:
    """Whether what is moved, or drawn, acts by itself or by products, and not by a curve."""
    predictors = equation.predictors
    return not any(
        each.traits or any("~" in column and sources[variable_of(column)].version for column in each.columns)
        for each in predictors
    )


def _take(
    version: Version,
    equation: Equation,
    etas: list[Value],
    layout: Layout,
    parameters: Mapping[str, Any],
    axes: list[Axis],
) -> Value | None:
    """A mediator as a polynomial in the columns and in what its axis stands for."""
    if len(etas) > 1 or equation.parts:
        return None
    (eta,), noise, family = etas, layout.noises.get(version), equation.family
    mean = _NONE + eta.mean
    if noise is None and FAMILIES[family].shifts:
        own: dict[Version, Any] = {version: parameters[str(equation.spread)]} if version in layout.loaded else {}
        return Value(mean, {**eta.loadings, **own})  # type: ignore[arg-type]
    symbol = Polynomial({(AXES[min(len(axes), 1)],): 1.0})
    if noise is not None and noise.weights is not None and family in ("normal", "student"):
        axes.append(Axis(noise.nodes, noise.weights))
        return Value(mean + parameters[str(equation.spread)] * symbol, eta.loadings)
    if eta.loadings:
        return None
    if family == "bernoulli":
        axes.append(Axis(np.array([0.0, 1.0]), np.zeros(2), _LINKS[equation.link], mean))
    elif family in _COUNTS and noise is not None:
        axes.append(Axis(noise.nodes, np.zeros(len(noise.nodes)), _COUNTS[family], mean, (version, equation, noise)))
    else:
        return None
    return Value(symbol, {})  # type: ignore[arg-type]


def _sum_up(mixture: Mixture, etas: list[Value], look: Look) -> Mixture | None:
    """What is looked at: the outcome itself, a chance, an amount, or their product."""
    equation = mixture.equation
    if equation is None or (look == MEAN and equation.link == "identity" and not equation.parts):
        return _keep(replace(mixture, what=STRAIGHT), chance=_NONE + etas[0].mean)
    by_role = dict(zip((each.role for each in equation.predictors), etas, strict=True))
    if look == MEAN and equation.family == "bernoulli" and not equation.parts:
        return _bend(mixture, equation.link, by_role[""])
    if equation.family not in _AMOUNTS or by_role.keys() - {"", "any"} or look.what not in ("mean", "any", "amount"):
        return None
    if look.what == "any":
        return _bend(mixture, "logit", by_role["any"])
    found: Mixture | None = mixture
    if "any" in by_role and look.what == "mean":
        found = _bend(mixture, "logit", by_role["any"])
    much, variance = _NONE + by_role[""].mean, _find_variance(by_role[""])
    if found is None or found.variance is not None:
        return None
    both = found.chance is not _STILL
    return _keep(replace(found, what=BOTH if both else AMOUNT), amount=much + variance * 0.5)


def _find_variance(eta: Value) -> Polynomial:
    return sum((_NONE + loading * loading for loading in eta.loadings.values()), _NONE)


def _bend(mixture: Mixture, link: str, eta: Value) -> Mixture | None:
    """A chance with the normal noise that its predictor carries: in the curve, or on an axis where rows differ in it."""
    count = len(next(iter(mixture.parameters.values())))
    mean, variance = _NONE + eta.mean, _find_variance(eta)
    if link not in CURVED:
        return None
    noise = np.zeros(count)
    if variance.constant:
        noise = variance.coefficients(count).sum(axis=1)
        if link == "probit":
            mean, noise = mean * (1.0 / np.sqrt(1.0 + noise)), np.zeros(count)
    elif link == "probit" or len(mixture.axes) > 1 or any(name in term for term in variance.terms for name in AXES):
        return None
    else:
        mixture = replace(
            mixture, variance=variance, axes=[*(mixture.axes or [ALONE]), _widen(mixture, link, variance)]
        )
    tables = tabulate(link, (-FAR, FAR), np.sqrt(noise)) if np.isfinite(noise).all() else None
    return None if tables is None else _keep(replace(mixture, tables=tables), chance=mean)


def _widen(mixture: Mixture, link: str, variance: Polynomial) -> Axis:
    """The axis of noise that has another sd in each row."""
    count, rows = len(next(iter(mixture.parameters.values()))), mixture.rows
    factors, largest = variance.coefficients(count), 0.0
    for here in cut(len(rows.weights), _ROWS_AT_ONCE):
        largest = max(largest, float((factors @ variance.design(rows.columns, here)).max()))
    return Axis(*find_nodes(link, float(np.sqrt(max(largest, 0.0)))))


def _keep(mixture: Mixture, **predictors: Polynomial) -> Mixture | None:
    """The predictors as what stands alone and before v₁, v₂, v₁ v₂; None where they are no such sums."""
    found: dict[str, Groups] = {}
    for name, predictor in predictors.items():
        groups: list[dict[tuple[str, ...], Any]] = [{}, {}, {}, {}]
        for term, value in predictor.terms.items():
            one, two = (term.count(axis) for axis in AXES)
            if max(one, two) > 1:
                return None
            groups[one + 2 * two][tuple(column for column in term if column not in AXES)] = value
        found[name] = tuple(Polynomial(group) for group in groups)
    return replace(mixture, **found)  # type: ignore[arg-type]
