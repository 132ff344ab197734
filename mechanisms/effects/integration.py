"""The outcome's mean in a world, averaged over the population: mediators carry their noise, the outcome its mean.

The mediators' distribution is integrated, never its mean pushed through a link. Noise that the outcome is linear in
is dropped (exact); polynomials get the Gauss–Hermite nodes that make them exact; normal noise that reaches the
outcome's link linearly is summed into one normal and integrated in one dimension (in closed form for probit); 0/1 mediators
are summed over. Only where the grid would be too large is it replaced by a fixed set of Sobol' points.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, inf, prod

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc

from mechanisms.effects.worlds import Scene, Source, Version, World, find_degree, trace
from mechanisms.model.families import inverse_link
from mechanisms.model.plan import Equation
from mechanisms.model.predictor import linear_predictor

Floats = NDArray[np.float64]
Columns = Mapping[str, float]
Traced = tuple[tuple[Version, dict[str, Source]], ...]
LARGEST_GRID = 2048
SOBOL_POINTS = 1024
NODES = 21
_CELLS = 4_000_000  # numbers held at once in the largest array


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


@dataclass(frozen=True, eq=False)
class Noise:
    """One version's random part on its axis of the grid: nodes and, for a normal, weights (0/1: its own probability)."""

    axis: int
    nodes: Floats
    weights: Floats | None


@dataclass(frozen=True, eq=False)
class Value:
    """mean + Σ loadings · standard normals; arrays broadcast over (draws, rows, grid axes …)."""

    mean: Floats
    loadings: Mapping[Version, Floats]

    def __add__(self, other: "Value") -> "Value":
        loadings = dict(self.loadings)
        for key, loading in other.loadings.items():
            loadings[key] = loadings[key] + loading if key in loadings else loading
        return Value(self.mean + other.mean, loadings)

    def __mul__(self, other: "Value") -> "Value":
        if self.loadings and other.loadings:
            raise AssertionError("a product of two values that both carry noise belongs on the grid")
        loadings = {key: loading * other.mean for key, loading in self.loadings.items()}
        loadings |= {key: loading * self.mean for key, loading in other.loadings.items()}
        return Value(self.mean * other.mean, loadings)


def average(stage: Stage, world: World) -> Floats:
    """The outcome's population mean in a world, one number per posterior draw; shape (draws,)."""
    traced = trace(stage.scene, world)
    rows = _rows(stage, traced)
    noises, loaded, sobol = _lay_out(stage.scene, traced)
    cells = len(rows.weights) * (SOBOL_POINTS if sobol else prod(len(noise.nodes) for noise in noises.values()))
    count = len(next(iter(stage.parameters.values())))
    step = max(1, _CELLS // max(1, cells))
    pieces = []
    for start in range(0, count, step):
        parameters = {address: values[start : start + step] for address, values in stage.parameters.items()}
        pieces.append(_average(stage, traced, rows, noises, loaded, parameters, sobol=sobol))
    return np.concatenate(pieces)


def uses_points(scene: Scene, world: World) -> bool:
    """Whether the grid of a world is replaced by Sobol' points."""
    return _lay_out(scene, trace(scene, world))[2]


def _rows(stage: Stage, traced: Traced) -> Population:
    """The population's rows as far as they matter: their mean where that is exact, else the distinct ones."""
    needed = sorted(
        {
            factor.column
            for version, sources in traced
            for each in stage.scene.plan.equation(version.name).coefficients
            for factor in each.factors
            if sources[factor.variable].kind == "row"
        }
    )
    weights = stage.population.weights
    columns = {column: stage.population.columns[column] for column in needed}
    last = stage.scene.plan.equation(traced[-1][0].name)
    degree = find_degree(stage.scene, traced, None)
    if not columns or degree == 0 or (degree <= 1 and last.link == "identity"):
        means = {column: np.array([values @ weights]) for column, values in columns.items()}
        return Population(means, np.ones(1), "")
    table, inverse = np.unique(np.column_stack(list(columns.values())), axis=0, return_inverse=True)
    if len(table) == len(weights):
        return Population(columns, weights, "")
    distinct = {column: table[:, position].copy() for position, column in enumerate(columns)}
    return Population(distinct, np.bincount(inverse.reshape(-1), weights, len(table)), "")


def _lay_out(scene: Scene, traced: Traced) -> tuple[dict[Version, Noise], frozenset[Version], bool]:
    """Which versions get an axis of the grid, which are carried as loadings, and whether points replace the grid."""
    last = traced[-1][0]
    final = scene.plan.equation(last.name)
    identity = final.link == "identity"
    degrees = {version: find_degree(scene, traced, frozenset({version})) for version, _ in traced if version != last}
    normal = {version for version in degrees if scene.plan.equation(version.name).family == "normal"}
    loaded: list[Version] = []
    if not identity:
        for version in reversed(list(degrees)):
            if (
                version in normal
                and degrees[version] == 1
                and find_degree(scene, traced, frozenset([*loaded, version])) <= 1
            ):
                loaded.append(version)
    sizes: dict[Version, int] = {}
    for version, degree in degrees.items():
        if degree == 0 or version in loaded or (identity and degree <= 1):
            continue
        if version not in normal:
            sizes[version] = 2
        else:
            sizes[version] = ceil((degree + 1) / 2) if identity and degree < inf else NODES
    sobol = prod(sizes.values()) > LARGEST_GRID
    return (_points(sizes, normal) if sobol else _grid(sizes, normal)), frozenset(loaded), sobol


def _grid(sizes: Mapping[Version, int], normal: set[Version]) -> dict[Version, Noise]:
    noises = {}
    for axis, (version, size) in enumerate(sizes.items()):
        if version in normal:
            nodes, weights = _hermite(size)
            noises[version] = Noise(axis, nodes, weights)
        else:
            noises[version] = Noise(axis, np.array([0.0, 1.0]), None)
    return noises


def _points(sizes: Mapping[Version, int], normal: set[Version]) -> dict[Version, Noise]:
    """One shared axis of Sobol' points: normal quantiles, and uniform numbers for 0/1 versions."""
    points = qmc.Sobol(len(sizes), scramble=True, rng=np.random.default_rng(20260101)).random(SOBOL_POINTS)
    points = np.clip(points, 1e-9, 1 - 1e-9)
    return {
        version: Noise(0, norm.ppf(points[:, k]) if version in normal else points[:, k], None)
        for k, version in enumerate(sizes)
    }


@lru_cache(maxsize=64)
def _hermite(size: int) -> tuple[Floats, Floats]:
    """Nodes and weights for the mean of a function of a standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(size)
    return nodes, weights / np.sqrt(2 * np.pi)


def _average(
    stage: Stage,
    traced: Traced,
    rows: Population,
    noises: Mapping[Version, Noise],
    loaded: frozenset[Version],
    parameters: Mapping[str, Floats],
    *,
    sobol: bool,
) -> Floats:
    axes = 1 if sobol else len(noises)
    shaped = {address: values.reshape(-1, *(1,) * (1 + axes)) for address, values in parameters.items()}
    columns = {name: values.reshape(1, -1, *(1,) * axes) for name, values in rows.columns.items()}
    values: dict[Version, Value] = {}
    weight: Floats = np.ones((1,) * (2 + axes)) / (SOBOL_POINTS if sobol else 1)
    mean: Floats = weight
    for version, sources in traced:
        equation = stage.scene.plan.equation(version.name)
        eta = _predict(stage, equation, sources, values, columns, shaped)
        if version == traced[-1][0]:
            mean = _mean(equation.link, eta)
        elif version in noises:
            noise = noises[version]
            nodes = noise.nodes.reshape(1, 1, *(-1 if axis == noise.axis else 1 for axis in range(axes)))
            values[version], factor = _noisy(equation, eta, nodes, noise, shaped, axes, sobol=sobol)
            weight = weight * factor
        elif equation.family == "normal":
            values[version] = Value(
                eta.mean, {**eta.loadings, **({version: shaped[str(equation.spread)]} if version in loaded else {})}
            )
        else:
            values[version] = Value(inverse_link(equation.link, eta.mean), {})
    grid = tuple(range(2, 2 + axes))
    per_row = np.broadcast_to(
        mean * weight, np.broadcast_shapes(mean.shape, weight.shape, _grid_shape(noises, axes, sobol))
    )
    per_row = per_row.sum(axis=grid) if grid else per_row
    found = per_row @ rows.weights if per_row.shape[1] > 1 else per_row[:, 0] * rows.weights.sum()
    return np.broadcast_to(found, (len(next(iter(parameters.values()))),)).copy()


def _grid_shape(noises: Mapping[Version, Noise], axes: int, sobol: bool) -> tuple[int, ...]:
    if sobol:
        return (1, 1, SOBOL_POINTS)
    return (1, 1, *(len(noise.nodes) for noise in noises.values()))[: 2 + axes]


def _noisy(
    equation: Equation, eta: Value, nodes: Floats, noise: Noise, shaped: Mapping[str, Floats], axes: int, *, sobol: bool
) -> tuple[Value, Floats]:
    """A mediator's value on its axis, and the weight of each node."""
    one: Floats = np.ones((1,) * (2 + axes))
    if equation.family == "normal":
        value = Value(eta.mean + shaped[str(equation.spread)] * nodes, eta.loadings)
        return value, one if noise.weights is None else noise.weights.reshape(nodes.shape)
    chance = inverse_link(equation.link, eta.mean)
    if sobol:
        return Value((nodes < chance).astype(np.float64), {}), one
    return Value(nodes, {}), np.where(nodes == 1.0, chance, 1.0 - chance)


def _predict(
    stage: Stage,
    equation: Equation,
    sources: Mapping[str, Source],
    values: Mapping[Version, Value],
    columns: Mapping[str, Floats],
    parameters: Mapping[str, Floats],
) -> Value:
    """The one linear predictor, run on `Value`s."""
    lifted = {address: Value(parameters[address], {}) for address in equation.addresses}
    eta: Value = linear_predictor(equation, lifted, _Lifted(stage, sources, values, columns))
    return eta


class _Lifted(dict[str, Value]):
    """A node's columns as `Value`s, each from its source."""

    def __init__(
        self,
        stage: Stage,
        sources: Mapping[str, Source],
        values: Mapping[Version, Value],
        columns: Mapping[str, Floats],
    ) -> None:
        super().__init__()
        self._stage, self._sources, self._values, self._columns = stage, sources, values, columns

    def __missing__(self, column: str) -> Value:
        source = self._sources[column.partition("=")[0]]
        if source.version is not None:
            return self._values[source.version]
        if source.kind == "row":
            return Value(self._columns[column], {})
        chosen = self._stage.held if source.kind == "held" else self._stage.high if source.moved else self._stage.low
        return Value(np.asarray(chosen[column], dtype=np.float64), {})


def _mean(link: str, eta: Value) -> Floats:
    """E[inverse link(η)] over the loadings' normal noise."""
    if link == "identity" or not eta.loadings:
        return inverse_link(link, eta.mean)
    variance: Floats = np.asarray(sum(np.square(loading) for loading in eta.loadings.values()))
    if link == "probit":
        return inverse_link(link, eta.mean / np.sqrt(1.0 + variance))
    spread = np.sqrt(variance)
    largest = float(spread.max())
    nodes, weights = _hermite(9 if largest < 0.75 else 15 if largest < 1.5 else NODES if largest < 3 else 61)
    total: Floats = np.zeros(np.broadcast_shapes(eta.mean.shape, spread.shape))
    for node, weight in zip(nodes, weights, strict=True):
        total += weight * inverse_link(link, eta.mean + spread * node)
    return total
