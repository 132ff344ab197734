"""Whom an effect is averaged over, and the values that a question names."""

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, ColumnView, Dataset, Numbers
from mechanisms.effects.integration import Population
from mechanisms.errors import DataError, IdentificationError, did_you_mean, listed
from mechanisms.spec.theory import Question, Scalar

Floats = NDArray[np.float64]
_SD = re.compile(r"([+-]?\d*\.?\d*)\s*sd")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_FEW = 12


def find_population(data: Dataset, moving: frozenset[str], at: Mapping[str, Scalar], question: Question) -> Population:
    """The rows that `at` leaves, with what the exposure does not move at its observed values.

    `at` conditions: a value that rows have keeps exactly these rows, with everything else they bring along. A value
    of a continuous variable that hardly any row has keeps all rows, weighted by their nearness to it (normal kernel,
    Silverman's bandwidth), so that what is correlated with the variable is as it is among units near the value.
    """
    if question.population != "these":
        raise IdentificationError(
            f"population: {question.population} is not answered yet; 'these' averages over the units in the data"
        )
    view = ColumnView(data)
    columns = {key: view[key] for key in view if key.partition("=")[0] not in moving}
    weights = np.ones(data.n)
    words = [f"the {data.n} units in the data"]
    for name, value in at.items():
        column = data[name]
        chosen = choose(column, value)
        same, note = _nearness(column, chosen)
        weights = weights * same
        if isinstance(column, Numbers) and isinstance(chosen, float) and note:
            columns[name] = np.full(data.n, chosen)
        words.append(f"{name} = {shown(column, chosen)}{note}")
    if weights.sum() <= 0:
        raise DataError(f"nobody in the data has {listed(words[1:])} together")
    kept = weights > 0
    if at and not any("weighted" in word for word in words):
        words[0] = f"the {int(kept.sum())} of {data.n} units in the data"
    description = words[0] + (" with " + " and ".join(words[1:]) if at else "")
    return Population(
        {key: values[kept] for key, values in columns.items()}, weights[kept] / weights.sum(), description
    )


def choose(column: Numbers | Categories, value: Scalar) -> float | str:
    """A question's value in data units: a number, a category, `mean`, `+1 sd`, `90%`; the 0/1 words of a 0/1 column."""
    text = f"{value:g}" if isinstance(value, float) else str(value).strip()
    if isinstance(column, Categories):
        if text in column.values:
            return text
        raise DataError(
            f"{column.name} has no value '{text}'; it has {listed(column.values)}.{did_you_mean(text, column.values)}"
        )
    if isinstance(value, int | float):
        return float(value)
    if column.labels and text in column.labels:
        return float(column.labels.index(text))
    if text == "mean":
        return column.mean
    if match := _SD.fullmatch(text):
        steps = match[1] + "1" if match[1] in ("", "+", "-") else match[1]
        return column.mean + float(steps) * column.sd
    if match := _SHARE.fullmatch(text):
        return float(np.quantile(column.values, min(float(match[1]), 100.0) / 100))
    words = f", {' or '.join(column.labels)}" if column.labels else ""
    raise DataError(f"{column.name}: '{text}' is not a value: a number in data units, mean, +1 sd, 90%{words}")


def every_value(column: Numbers | Categories) -> tuple[Scalar, ...]:
    """What `each` stands for: the categories, or the distinct values of a column that has few."""
    if isinstance(column, Categories):
        return column.values
    kinds = np.unique(column.values)
    if len(kinds) > _FEW:
        raise DataError(
            f"at: each: {column.name} has {len(kinds)} different values; name some, such as [-1 sd, mean, +1 sd]"
        )
    return tuple(float(kind) for kind in kinds)


def shown(column: Numbers | Categories, value: float | str) -> str:
    """A value for people: the category, the word of a 0/1 column, or the number."""
    if isinstance(value, float) and isinstance(column, Numbers):
        if column.labels and value in (0.0, 1.0):
            return column.labels[int(value)]
        return f"{value:.4g}"
    return str(value)


def place(column: Numbers | Categories, value: float | str) -> dict[str, float]:
    """The columns that the linear predictor sees when a variable is set to a value."""
    if isinstance(column, Categories):
        return {f"{column.name}={kind}": float(kind == value) for kind in column.values}
    return {column.name: float(value)}


def _nearness(column: Numbers | Categories, chosen: float | str) -> tuple[Floats, str]:
    if isinstance(column, Categories):
        return (column.codes == column.values.index(str(chosen))).astype(np.float64), ""
    value = float(chosen)
    exact = column.values == value
    if column.binary or exact.sum() >= max(10, 0.02 * len(exact)):
        if not exact.any():
            raise DataError(f"nobody in the data has {column.name} = {value:g}; it holds 0 and 1")
        return exact.astype(np.float64), ""
    low, high = np.quantile(column.values, [0.25, 0.75])
    width = 0.9 * (min(column.sd, (high - low) / 1.34) or column.sd) * len(exact) ** -0.2
    distance = np.square((column.values - value) / width) / 2
    outside = "" if column.lowest <= value <= column.highest else ", outside the data: an extrapolation"
    return np.exp(distance.min() - distance), f" (units weighted by their nearness to it{outside})"
