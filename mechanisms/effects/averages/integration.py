"""The outcome's mean in a world, averaged over the population: mediators carry their noise, the outcome its mean.

The mediators' distribution is integrated, never its mean pushed through a link. Noise that the outcome is linear in
is dropped (exact); polynomials get the Gauss–Hermite nodes that make them exact; normal noise that reaches the
outcome's link linearly is summed into one normal and integrated in one dimension (in closed form for probit); 0/1 mediators
and counts are summed over. What is left is put on an equidistant grid (the trapezoid rule, which converges geometrically for
such integrands: Trefethen & Weideman 2014; `effects.averages.nodes` for other families), refined and widened until some draws no longer
change: where they always do, the mean does not exist. Only where that grid would be too large are its directions, but for
0/1 mediators, replaced by a fixed set of Sobol' points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.averages.grids import SOBOL_POINTS, Fineness, Layout, Noise, lay_out, scatter
from mechanisms.effects.averages.nodes import TooNarrowError, check_width, spread_out, weigh_values
from mechanisms.effects.averages.outlines import average_outline
from mechanisms.effects.averages.smoothing import level_off
from mechanisms.effects.averages.ties import refuse_tied
from mechanisms.effects.averages.weighing import average_mixture
from mechanisms.effects.averages.zeros import average_zeros
from mechanisms.effects.headway import count_off
from mechanisms.effects.looking import measure
from mechanisms.effects.stages import Population, Stage, add_up, find_rows, merge_rows, predict
from mechanisms.effects.values import Kinds, Value
from mechanisms.effects.worlds import Scene, Traced, Version, World, trace
from mechanisms.errors import IdentificationError, listed
from mechanisms.infer.cores import cut, share_out
from mechanisms.model.equations import Equation
from mechanisms.model.families import FAMILIES
from mechanisms.model.laws import Given, find_mean, give

Floats = NDArray[np.float64]
Columns = Mapping[str, float]
_CELLS = 250_000  # numbers held at once in the largest array
_FINENESS = ((0.5, 6.5), (0.25, 7.0), (0.125, 7.5), (0.0625, 7.8), (0.03125, 8.1))
_TRIED = 12  # draws on which a grid is tried
CLOSE = 1e-6
_LOOSE = 1e-3  # a change that large, of what is widened still, is no rounding
_LONG_TAILED = ("student", "lognormal", "gamma", "weibull", "negative_binomial")


@dataclass(frozen=True, eq=False)
class Average:
    """The outcome's population mean in a world per draw, shape (draws,); `note` says so where it is not near-exact."""

    values: Floats
    note: str | None


def average(stage: Stage, world: World) -> Average:
    """The outcome's population mean in a world, one number per posterior draw.

    Raises
    ------
    IdentificationError
        The mean does not exist, or depends on a correlation of mediators' residuals.
    """
    traced = trace(stage.scene, world)
    refuse_tied(stage.scene, traced)
    rows = find_rows(stage, traced)
    coarsest = lay_out(stage.scene, traced, Fineness(*_FINENESS[0], {}))
    if (found := average_outline(stage, traced, rows, coarsest)) is not None:
        return Average(found, None)
    if (found := average_zeros(stage, traced, rows)) is not None:
        return Average(found, None)
    rows = merge_rows(rows)
    count = len(next(iter(stage.parameters.values())))
    widths: dict[Version, int] = {}
    while True:
        try:
            layout, note = _settle(stage, traced, rows, widths, coarsest)
            step = max(1, _CELLS // max(1, len(rows.weights) * layout.cells))
            found = average_mixture(stage, traced, rows, layout, slice(None))
            if found is not None:
                return Average(found, note)
            some = cut(count, step)
            watch = partial(count_off, "pieces", of=len(some))
            pieces = share_out(partial(_piece, stage, traced, rows, layout), some, watch)
        except TooNarrowError as narrow:
            widths[narrow.version] = narrow.width
        else:
            return Average(np.concatenate(pieces), note)


def _settle(
    stage: Stage, traced: Traced, rows: Population, widths: Mapping[Version, int], coarsest: Layout | None
) -> tuple[Layout, str | None]:
    """The coarsest grid that a finer one does not change on some draws; else the finest that fits, and a note.

    Raises
    ------
    IdentificationError
        What is farther out matters however far one goes: the mean does not exist, or nothing is known of it.
    """
    if coarsest is not None and not coarsest.shape:
        return coarsest, None
    fineness = [Fineness(step, reach, widths) for step, reach in _FINENESS]
    layout = lay_out(stage.scene, traced, fineness[0])
    if layout is not None and layout.cells == (lay_out(stage.scene, traced, fineness[1]) or layout).cells:
        return layout, None
    count = len(next(iter(stage.parameters.values())))
    some = slice(0, count, max(1, count // _TRIED))
    error, size = np.inf, 1.0
    for finer in fineness[1:]:
        if layout is None:
            break
        candidate = lay_out(stage.scene, traced, finer)
        if candidate is None:
            break
        with np.errstate(over="ignore", invalid="ignore"):
            found = _try_out(stage, traced, rows, candidate, some)
            change = found - _try_out(stage, traced, rows, layout, some)
        error, size = float(np.max(np.abs(change))), max(1.0, float(np.max(np.abs(found))))
        if error < CLOSE * size:
            return layout, None
        layout = candidate
    if layout is not None and not error < _LOOSE * size and error != np.inf:
        raise IdentificationError(_endless(stage.scene, traced))
    if layout is None or (error == np.inf and lay_out(stage.scene, traced, fineness[1]) is None):
        sobol = scatter(stage.scene, traced)
        return sobol, f"the mediators' noise is integrated over {SOBOL_POINTS} Sobol' points (errors of about 0.001)"
    return layout, f"the mediators' noise is integrated on a grid of {layout.cells} points (error about {error:.1g})"


def _endless(scene: Scene, traced: Traced) -> str:
    """Why a mean does not settle, in words."""
    names = [version.name for version, _ in traced[:-1] if not scene.parts(version.name)]
    long = [name for name in names if scene.plan.equation(name).family in _LONG_TAILED]
    whose = f" of {listed(dict.fromkeys(long))}" if long else ""
    return (
        f"the mean of {scene.on} hangs on the farthest tail{whose} and may not exist: through a log link a long tail has no "
        "mean. Let the cause act by its logarithm or another family, or ask for a controlled effect"
    )


def _try_out(stage: Stage, traced: Traced, rows: Population, layout: Layout, some: slice) -> Floats:
    """The averages in a few draws."""
    found = average_mixture(stage, traced, rows, layout, some)
    return _piece(stage, traced, rows, layout, some) if found is None else found


def _piece(stage: Stage, traced: Traced, rows: Population, layout: Layout, some: slice) -> Floats:
    """The averages in some draws; as many rows at once as memory is meant to hold."""
    parameters = {address: values[some] for address, values in stage.parameters.items()}
    count = len(next(iter(parameters.values())))
    found, step = np.zeros(count), max(1, _CELLS // (count * layout.cells))
    for at in range(0, len(rows.weights), step):
        here = slice(at, at + step)
        few = {name: values[here] for name, values in rows.columns.items()}
        found += _average(stage, traced, Population(few, rows.weights[here], ""), layout, parameters)
    return found


def _average(
    stage: Stage, traced: Traced, rows: Population, layout: Layout, parameters: Mapping[str, Floats]
) -> Floats:
    axes = len(layout.shape)
    shaped = {address: values.reshape(-1, *(1,) * (1 + axes)) for address, values in parameters.items()}
    columns = {name: _narrow(values).reshape(1, -1, *(1,) * axes) for name, values in rows.columns.items()}
    values: dict[Version, Value | Kinds] = {}
    weight: Floats = np.ones((1,) * (2 + axes)) / (SOBOL_POINTS if layout.sobol else 1)
    mean: Floats = weight
    for version, sources in traced:
        if parts := stage.scene.parts(version.name):
            values[version] = made = add_up(stage, parts, sources, values, columns)
            mean = made.mean
            continue
        equation = stage.scene.plan.equation(version.name)
        etas, out_of = predict(stage, equation, sources, values, columns, shaped)
        if version == traced[-1][0]:
            mean = measure(
                stage.scene.look, _give(equation, list(map(_settled, equation.predictors, etas)), out_of, shaped)
            )
            continue
        given = _give(equation, [eta.mean for eta in etas], out_of, shaped)
        if version in layout.noises:
            values[version], factor = _noisy(stage.scene, version, given, etas[0], layout.noises[version], axes)
            weight = weight * factor
        elif FAMILIES[equation.family].shifts:
            own = {version: given.spread} if version in layout.loaded else {}
            values[version] = Value(etas[0].mean, {**etas[0].loadings, **own})
        elif given.chances:
            values[version] = Kinds(_names(stage.scene, version), given.chances)
        else:
            values[version] = Value(find_mean(given), {})
    shape = np.broadcast_shapes(mean.shape, weight.shape, (1, 1, *layout.shape))
    per_row = np.broadcast_to(mean * weight, shape).sum(axis=tuple(range(2, 2 + axes)))
    found = per_row @ rows.weights if per_row.shape[1] > 1 else per_row[:, 0] * rows.weights.sum()
    return np.broadcast_to(found, (len(next(iter(parameters.values()))),)).copy()


def _narrow(values: Floats) -> Floats:
    """A column that has one value throughout, as one cell that broadcasts."""
    return values[:1] if (values == values[0]).all() else values


def _give(equation: Equation, etas: Sequence[Floats], out_of: Any, shaped: Mapping[str, Floats]) -> Given:
    """What a response's distribution is made of in every cell."""
    spread, shape = (shaped[name] if name else None for name in (equation.spread, equation.shape))
    return give(equation, etas, spread, shape, out_of)


def _settled(predictor: Equation, eta: Value) -> Floats:
    """A linear predictor of the outcome without the normal noise that it carries."""
    if not eta.loadings:
        return eta.mean
    variance: Floats = np.asarray(sum(np.square(loading) for loading in eta.loadings.values()))
    return level_off(predictor.link, eta.mean, variance)


def _names(scene: Scene, version: Version) -> tuple[str, ...]:
    return scene.plan.theory.variable(version.name).values


def _noisy(
    scene: Scene, version: Version, given: Given, eta: Value, noise: Noise, axes: int
) -> tuple[Value | Kinds, Floats]:
    """A mediator's value on its axis, and the weight of each node."""
    nodes = noise.nodes.reshape(1, 1, *(-1 if axis == noise.axis else 1 for axis in range(axes)))
    one: Floats = np.ones((1,) * (2 + axes))
    if given.chances:
        are, factor = weigh_values(given, noise, nodes)
        return Kinds(_names(scene, version), are), one if factor is None else factor
    if given.family == "bernoulli":
        if noise.scattered:
            return Value((nodes < given.place).astype(np.float64), {}), one
        return Value(nodes, {}), np.where(nodes == 1.0, given.place, 1.0 - given.place)
    if noise.tail:
        check_width(version, given, noise)
    value, density = spread_out(given, noise, nodes)
    weight = one if noise.weights is None else noise.weights.reshape(nodes.shape)
    return Value(value, eta.loadings), weight if density is None else weight * density
