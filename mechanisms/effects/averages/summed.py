"""A population of which only sums are in memory: points that have its means and covariances.

What is linear or quadratic in the columns has over these points exactly the average that it has over the rows (the points
of the unscented transform: Julier & Uhlmann 1997). What is neither is refused where it is averaged.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Dataset, Numbers
from mechanisms.data.sums import Sums
from mechanisms.effects.stages import Population
from mechanisms.errors import DataError

Floats = NDArray[np.float64]


def represent(
    data: Dataset, observed: frozenset[str], at: Mapping[str, float | str], words: Sequence[str]
) -> Population:
    """Points with the means and covariances of the observed columns; under a condition with the means of those who meet it.

    Parameters
    ----------
    at
        One 0/1 or categorical variable at a value that it has.

    Raises
    ------
    DataError
        The condition names other variables, or several.
    """
    sums = data.sums
    assert sums is not None
    names = [column for name in sorted(observed | at.keys()) for column in _columns(data[name])]
    if at:
        means, share = _condition(data, sums, names, at)
        count = round(share * data.n)
        points, weights = means[None, :], np.ones(1)
    else:
        means, covariances = sums.means(names), sums.covariances(names) * (data.n - 1) / data.n
        points, weights, count = _spread(means, covariances), np.full(max(1, 2 * len(names)), 1.0), data.n
    columns = {name: points[:, place].copy() for place, name in enumerate(names)}
    _add_references(data, columns)
    whom = (
        f"the {count} of {data.n} units in the data with {' and '.join(words)}"
        if at
        else f"the {data.n} units in the data"
    )
    return Population(columns, weights / weights.sum(), whom, degree=1.0 if at else 2.0)


def _columns(column: Numbers | Categories) -> list[str]:
    """The columns that were summed: of a category those of all values but the reference."""
    if isinstance(column, Categories):
        return [f"{column.name}={value}" for value in column.values[1:]]
    return [column.name]


def _add_references(data: Dataset, columns: dict[str, Floats]) -> None:
    """The indicators of references: what the others leave."""
    for column in data.columns:
        if isinstance(column, Categories) and f"{column.name}={column.values[1]}" in columns:
            others = [columns[name] for name in _columns(column)]
            columns[f"{column.name}={column.reference}"] = 1.0 - np.sum(others, axis=0)


def _spread(means: Floats, covariances: Floats) -> Floats:
    """Two points for each direction of the covariances, shape (points, columns); one where there is no column."""
    size = len(means)
    if not size:
        return np.zeros((1, 0))
    values, vectors = np.linalg.eigh(covariances)
    steps = np.sqrt(size * np.clip(values, 0.0, None))[:, None] * vectors.T
    return np.asarray(means + np.concatenate([steps, -steps]))


def _condition(data: Dataset, sums: Sums, names: list[str], at: Mapping[str, float | str]) -> tuple[Floats, float]:
    """Means among those who have a value, E[c | v] = E[c] + cov(c, v) / P(v), and their share."""
    (name, value), *more = at.items()
    column = data[name]
    if more or not (isinstance(column, Categories) or column.binary):
        raise DataError(
            f"at: {', '.join(at)}: the rows were summed while they were read, and of these sums one 0/1 or categorical "
            "variable can be conditioned on. Collect the source, if memory holds it, and bind that: mx.bind(theory, frame.collect())"
        )
    means, among = sums.means(names), sums.covariances(names) * (data.n - 1) / data.n
    sign = np.zeros(len(names))  # the indicator of having the value as a sum of columns, but for a constant
    if isinstance(column, Categories):
        own, base = [names.index(each) for each in _columns(column)], value == column.reference
        sign[own] = -1.0 if base else [float(each == value) for each in column.values[1:]]
        share = column.share(str(value))
    else:
        if value not in (0.0, 1.0):
            raise DataError(f"at: {name} is 0 or 1, not {value}")
        sign[names.index(name)] = 1.0 if value else -1.0
        share = column.mean if value else 1 - column.mean
    return means + among @ sign / share, share
