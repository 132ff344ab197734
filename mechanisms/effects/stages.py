"""What the worlds of one contrast share, and the equations' predictors in a world.

`predict` runs the one linear predictor on whatever the parameters and the rows' columns are: arrays over all cells, or
polynomials that stand for them (`effects.averages.polynomials`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.shapes import Basis, list_indicators, see, split_column, variable_of
from mechanisms.effects.values import Kinds, Value, silence
from mechanisms.effects.worlds import Scene, Source, Traced, Version, find_degree
from mechanisms.errors import DataError, listed
from mechanisms.model.equations import Equation
from mechanisms.model.predictor import linear_predictor

Floats = NDArray[np.float64]
Columns = Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Population:
    """Whom an effect is averaged over: columns (rows,) of what the exposure does not move, and weights that sum to 1.

    `degree` is that of the polynomials in the columns that these rows average right: some stand for others by their moments.
    """

    columns: Mapping[str, Floats]
    weights: Floats
    description: str
    degree: float = np.inf
    known: dict[str, Any] = field(default_factory=dict)  # a cache of `effects.averages.curves`


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


def find_rows(stage: Stage, traced: Traced) -> Population:
    """The population's rows as far as they matter: their mean where that is exact, else all of them."""
    needed = sorted(
        {
            column
            for version, sources in traced
            for column in stage.scene.columns(version.name)
            if sources[variable_of(column)].kind == "row"
        }
    )
    weights = stage.population.weights
    columns = {column: stage.population.columns[column] for column in needed}
    degree = find_degree(stage.scene, traced, None)
    if degree > stage.population.degree:
        raise DataError(
            f"{stage.scene.on} depends on {listed(columns)} in such a way that the average over the units needs each of their "
            "rows, but these were summed while they were read. Collect the source, if memory holds it, and bind that: "
            "mx.bind(theory, frame.collect())"
        )
    if not columns or degree == 0 or (degree <= 1 and stage.scene.plain):
        means = {column: np.array([values @ weights]) for column, values in columns.items()}
        return Population(means, np.ones(1), "")
    return Population(columns, weights, "")


def merge_rows(rows: Population) -> Population:
    """The distinct rows, each with the weight of all that are like it."""
    columns, weights = rows.columns, rows.weights
    if not columns or any(len(np.unique(values)) == len(weights) for values in columns.values()):
        return rows
    table, inverse = np.unique(np.column_stack(list(columns.values())), axis=0, return_inverse=True)
    distinct = {column: table[:, position].copy() for position, column in enumerate(columns)}
    return Population(distinct, np.bincount(inverse.reshape(-1), weights, len(table)), "")


def predict(
    stage: Stage,
    equation: Equation,
    sources: Mapping[str, Source],
    values: Mapping[Version, Value | Kinds],
    columns: Mapping[str, Any],
    parameters: Mapping[str, Any],
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
        needed = (*each.addresses, *(trait for trait in each.traits if trait in parameters))
        lifted = {address: Value(parameters[address], {}) for address in needed}
        etas.append(linear_predictor(each, lifted, quiet if each.role == "spread" else seen))
    known = isinstance(equation.out_of, str) and equation in looked_at
    return etas, seen[str(equation.out_of)].mean if known else equation.out_of


def add_up(
    stage: Stage,
    parts: Sequence[tuple[float, str]],
    sources: Mapping[str, Source],
    values: Mapping[Version, Value | Kinds],
    columns: Mapping[str, Any],
) -> Value:
    """A computed variable in a world: the sum of its parts as they are there, with the noise that they carry."""
    seen = _Lifted(stage, sources, values, columns)
    first, *more = (Value(np.float64(weight), {}) * seen[name] for weight, name in parts)  # type: ignore[arg-type]
    return sum(more, first)


class _Lifted(dict[str, Value]):
    """A node's columns as `Value`s, each from its source."""

    def __init__(
        self,
        stage: Stage,
        sources: Mapping[str, Source],
        values: Mapping[Version, Value | Kinds],
        columns: Mapping[str, Any],
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
