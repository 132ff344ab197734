"""The outcome's mean in a world, averaged over the population: mediators carry their noise, the outcome its mean.

The mediators' distribution is integrated, never its mean pushed through a link. Noise that the outcome is linear in
is dropped (exact); polynomials get the Gauss–Hermite nodes that make them exact; normal noise that reaches the
outcome's link linearly is summed into one normal and integrated in one dimension (in closed form for probit); 0/1 mediators
and counts are summed over. What is left is put on an equidistant grid (the trapezoid rule, which converges geometrically for
such integrands: Trefethen & Weideman 2014; `effects.nodes` for other families), refined and widened until some draws no longer
change: where they always do, the mean does not exist. Only where that grid would be too large are its directions, but for
0/1 mediators, replaced by a fixed set of Sobol' points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.shapes import Basis, list_indicators, see, split_column, variable_of
from mechanisms.effects.grids import SOBOL_POINTS, Fineness, Layout, Noise, lay_out, scatter
from mechanisms.effects.looking import measure
from mechanisms.effects.nodes import TooNarrowError, check_width, spread_out, weigh_values
from mechanisms.effects.smoothing import level_off
from mechanisms.effects.values import Kinds, Value, silence
from mechanisms.effects.worlds import Scene, Source, Traced, Version, World, find_degree, trace
from mechanisms.errors import IdentificationError, listed
from mechanisms.model.equations import Equation
from mechanisms.model.families import FAMILIES
from mechanisms.model.laws import Given, find_mean, give
from mechanisms.model.predictor import linear_predictor

Floats = NDArray[np.float64]
Columns = Mapping[str, float]
_CELLS = 4_000_000  # numbers held at once in the largest array
_FINENESS = ((0.5, 6.5), (0.25, 7.0), (0.125, 7.5), (0.0625, 7.8), (0.03125, 8.1))
_TRIED = 12  # draws on which a grid is tried
CLOSE = 1e-6
_LOOSE = 1e-3  # a change that large, of what is widened still, is no rounding
_LONG_TAILED = ("student", "lognormal", "gamma", "weibull", "negative_binomial")


@dataclass(frozen=True, eq=False)
class Population:
    """Whom an effect is averaged over: columns (rows,) of what the exposure does not move, and weights that sum to 1."""

    columns: Mapping[str, Floats]
    weights: Floats
    description: str


@dataclass(frozen=True, eq=False)
class Stage:
    """Everything that the worlds of one contrast share. `low`, `high`, `held` give columns their set values."""

    scene: Scene
    parameters: Mapping[str, Floats]
    population: Population
    low: Columns
    high: Columns
    held: Columns
    bases: Mapping[str, Basis]


@dataclass(frozen=True, eq=False)
class Average:
    """The outcome's population mean in a world per draw, shape (draws,); `note` says so where it is not near-exact."""

    values: Floats
    note: str | None


def average(stage: Stage, world: World) -> Average:
    """The outcome's population mean in a world, one number per posterior draw."""
    traced = trace(stage.scene, world)
    rows = _rows(stage, traced)
    count = len(next(iter(stage.parameters.values())))
    widths: dict[Version, int] = {}
    while True:
        try:
            layout, note = _settle(stage, traced, rows, widths)
            step = max(1, _CELLS // max(1, len(rows.weights) * layout.cells))
            pieces = [_piece(stage, traced, rows, layout, slice(at, at + step)) for at in range(0, count, step)]
        except TooNarrowError as found:
            widths[found.version] = found.width
        else:
            return Average(np.concatenate(pieces), note)


def _settle(stage: Stage, traced: Traced, rows: Population, widths: Mapping[Version, int]) -> tuple[Layout, str | None]:
    """The coarsest grid that a finer one does not change on some draws; else the finest that fits, and a note.

    Raises
    ------
    IdentificationError
        What is farther out matters however far one goes: the mean does not exist, or nothing is known of it.
    """
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
            found = _piece(stage, traced, rows, candidate, some)
            change = found - _piece(stage, traced, rows, layout, some)
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
    long = [version.name for version, _ in traced[:-1] if scene.plan.equation(version.name).family in _LONG_TAILED]
    whose = f" of {listed(dict.fromkeys(long))}" if long else ""
    return (
        f"the mean of {scene.on} hangs on the farthest tail{whose} and may not exist: through a log link a long tail has no "
        "mean. Let the cause act by its logarithm or another family, or ask for a controlled effect"
    )


def _piece(stage: Stage, traced: Traced, rows: Population, layout: Layout, some: slice) -> Floats:
    parameters = {address: values[some] for address, values in stage.parameters.items()}
    return _average(stage, traced, rows, layout, parameters)


def _rows(stage: Stage, traced: Traced) -> Population:
    """The population's rows as far as they matter: their mean where that is exact, else the distinct ones."""
    needed = sorted(
        {
            column
            for version, sources in traced
            for each in stage.scene.predictors(version.name)
            for column in each.columns
            if sources[variable_of(column)].kind == "row"
        }
    )
    weights = stage.population.weights
    columns = {column: stage.population.columns[column] for column in needed}
    degree = find_degree(stage.scene, traced, None)
    if not columns or degree == 0 or (degree <= 1 and stage.scene.plain):
        means = {column: np.array([values @ weights]) for column, values in columns.items()}
        return Population(means, np.ones(1), "")
    table, inverse = np.unique(np.column_stack(list(columns.values())), axis=0, return_inverse=True)
    if len(table) == len(weights):
        return Population(columns, weights, "")
    distinct = {column: table[:, position].copy() for position, column in enumerate(columns)}
    return Population(distinct, np.bincount(inverse.reshape(-1), weights, len(table)), "")


def _average(
    stage: Stage, traced: Traced, rows: Population, layout: Layout, parameters: Mapping[str, Floats]
) -> Floats:
    axes = len(layout.shape)
    shaped = {address: values.reshape(-1, *(1,) * (1 + axes)) for address, values in parameters.items()}
    columns = {name: values.reshape(1, -1, *(1,) * axes) for name, values in rows.columns.items()}
    values: dict[Version, Value | Kinds] = {}
    weight: Floats = np.ones((1,) * (2 + axes)) / (SOBOL_POINTS if layout.sobol else 1)
    mean: Floats = weight
    for version, sources in traced:
        equation = stage.scene.plan.equation(version.name)
        etas, out_of = _predict(stage, equation, sources, values, columns, shaped)
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


def _predict(
    stage: Stage,
    equation: Equation,
    sources: Mapping[str, Source],
    values: Mapping[Version, Value | Kinds],
    columns: Mapping[str, Floats],
    parameters: Mapping[str, Floats],
) -> tuple[list[Value], Any]:
    """The one linear predictor, run on `Value`s, for each of an equation's; and the trials or the exposure.

    What is not looked at is not known, NaN. A spread sees no noise: where it matters to a spread, it is on the grid.
    """
    looked_at = stage.scene.predictors(equation.response)
    seen = _Lifted(stage, sources, values, columns)
    quiet = _Lifted(stage, sources, {key: silence(value) for key, value in values.items()}, columns)
    etas: list[Value] = []
    for each in equation.predictors:
        if each not in looked_at:
            etas.append(Value(np.full((1,) * np.ndim(parameters[equation.intercept]), np.nan), {}))
            continue
        lifted = {address: Value(parameters[address], {}) for address in each.addresses}
        etas.append(linear_predictor(each, lifted, quiet if each.role == "spread" else seen))
    known = isinstance(equation.out_of, str) and equation in looked_at
    return etas, seen[str(equation.out_of)].mean if known else equation.out_of


class _Lifted(dict[str, Value]):
    """A node's columns as `Value`s, each from its source."""

    def __init__(
        self,
        stage: Stage,
        sources: Mapping[str, Source],
        values: Mapping[Version, Value | Kinds],
        columns: Mapping[str, Floats],
    ) -> None:
        super().__init__()
        self._stage, self._sources, self._values, self._columns = stage, sources, values, columns

    def __missing__(self, column: str) -> Value:
        source = self._sources[variable_of(column)]
        if source.kind == "row":
            return Value(self._columns[column], {})
        if (split := split_column(column)) is not None:
            basis = self._stage.bases[split[1]]
            if basis.steps:
                first, *more = (self[each] for each in list_indicators(basis, column))
                return sum(more, first)
            return self._bend(column, self[split[0]])
        if source.version is not None:
            value = self._values[source.version]
            return value.chance(column) if isinstance(value, Kinds) else value
        chosen = self._stage.held if source.kind == "held" else self._stage.high if source.moved else self._stage.low
        return Value(np.asarray(chosen[column], dtype=np.float64), {})

    def _bend(self, column: str, value: Value) -> Value:
        """A curve's column at a value, whose noise is on the grid."""
        if value.loadings:
            raise AssertionError("noise that passes a curve belongs on the grid")
        return Value(np.asarray(see(self._stage.bases, column, value.mean)), {})
