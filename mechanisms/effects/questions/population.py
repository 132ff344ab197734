"""Whom an effect is averaged over, and the values that a question names."""

import re
from collections.abc import Mapping
from dataclasses import replace
from math import ceil, floor, isfinite, log10

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, ColumnView, Dataset, Numbers
from mechanisms.data.shapes import see, variable_of
from mechanisms.effects.averages.summed import represent
from mechanisms.effects.stages import Population
from mechanisms.errors import DataError, IdentificationError, did_you_mean, listed
from mechanisms.spec.theory import Question, Scalar

Floats = NDArray[np.float64]
_SD = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)?)\s*sd")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_FEW = 12


def find_population(
    data: Dataset, observed: frozenset[str], at: Mapping[str, Scalar], question: Question
) -> Population:
    """The rows that `at` leaves, with the variables in `observed` as they were observed.

    `at` conditions: a value that rows have keeps exactly these rows, with everything else they bring along. A value
    of a continuous variable that hardly any row has keeps all rows, weighted by their nearness to it (normal kernel,
    Silverman's bandwidth), so that what is correlated with the variable is as it is among units near the value. Rows
    in which some of these variables are missing are left out, and the description says so.
    """
    if question.population != "these":
        raise IdentificationError(
            f"population: {question.population} is not answered yet; 'these' averages over the units in the data"
        )
    if data.sums is not None:
        chosen = {name: choose(data[name], value) for name, value in at.items()}
        words = [f"{name} = {shown(data[name], value)}" for name, value in chosen.items()]
        return represent(data, observed, chosen, words)
    weights, near, exact, words = weigh({name: data[name] for name in at}, at, data.n)
    view = ColumnView(_put(data, near))
    columns = {key: view[key] for key in view if variable_of(key) in observed | at.keys()}
    sums = {name: np.full(data.n, value) for name, value in near.items() if name in data.made}
    columns |= {key: see(data.bases, key, sums[variable_of(key)]) for key in columns if variable_of(key) in sums}
    gaps = sorted(name for name in observed if name in data and data[name].missing.any())
    for name in gaps:
        weights = weights * data[name].observed
    if not weights.any():
        raise DataError(f"nobody in the data has {listed(gaps)} observed" + (f" and {listed(words)}" if words else ""))
    kept = weights != 0
    fewer = exact or bool(gaps)
    count = f"the {int(kept.sum())} of {data.n} units in the data" if fewer else f"the {data.n} units in the data"
    description = count + (" with " + " and ".join(words) if at else "")
    description += f" whose {listed(gaps)} {'is' if len(gaps) == 1 else 'are'} known" if gaps else ""
    return Population(
        {key: values[kept] for key, values in columns.items()}, weights[kept] / weights.sum(), description
    )


def _put(data: Dataset, near: Mapping[str, float]) -> Dataset:
    """The data where every unit has these values; sums of them follow."""
    columns = (
        replace(each, values=np.full(data.n, near[each.name]))
        if each.name in near and isinstance(each, Numbers)
        else each
        for each in data.columns
    )
    return replace(data, columns=tuple(columns))


def weigh(
    columns: Mapping[str, Numbers | Categories], at: Mapping[str, Scalar], n: int
) -> tuple[Floats, dict[str, float], bool, list[str]]:
    """Weights of n units for a condition; the values of what is conditioned on by nearness, if any; whether some
    values are kept exactly; the condition in words."""
    chosen = {name: choose(columns[name], value) for name, value in at.items()}
    exact = {name for name, value in chosen.items() if _has_rows(columns[name], value)}
    weights = np.ones(n)
    for name in exact:
        weights = weights * _same(columns[name], chosen[name])
    words = [f"{name} = {shown(columns[name], chosen[name])}" for name in exact]
    if not weights.any():
        raise DataError(f"nobody in the data has {listed(words)} together")
    near: dict[str, float] = {}
    for name, value in chosen.items():
        column = columns[name]
        if name in exact or isinstance(column, Categories):
            continue
        weights, width = _near(column, float(value), weights)
        near[name] = float(value)
        outside = "" if column.lowest <= float(value) <= column.highest else "; outside the data: an extrapolation"
        words.append(
            f"{name} = {shown(column, value)} (units weighted by their nearness, bandwidth {width:.3g}{outside})"
        )
    return weights, near, bool(exact), words


def choose(column: Numbers | Categories, value: Scalar) -> float | str:
    """A question's value in data units: a number, a category, `mean`, `+1 sd`, `90%`; the 0/1 words of a 0/1 column."""
    text = f"{value:g}" if isinstance(value, float) else str(value).strip()
    if isinstance(column, Categories):
        if text in column.values:
            return text
        raise DataError(
            f"{column.name} has no value '{text}'; it has {listed(column.values)}.{did_you_mean(text, column.values)}"
        )
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    if column.labels and text in column.labels:
        return float(column.labels.index(text))
    if text == "mean":
        return column.mean
    if match := _SD.fullmatch(text):
        steps = match[1] + "1" if match[1] in ("", "+", "-") else match[1]
        return column.mean + float(steps) * column.sd
    if (match := _SHARE.fullmatch(text)) and float(match[1]) <= 100:
        return float(np.quantile(column.telling[np.isfinite(column.telling)], float(match[1]) / 100))
    words = f", {' or '.join(column.labels)}" if column.labels else ""
    raise DataError(f"{column.name}: '{text}' is not a value: a number in data units, mean, +1 sd, 90%{words}")


def every_value(column: Numbers | Categories) -> tuple[Scalar, ...]:
    """What `each` stands for: the categories, or the distinct values of a column that has few."""
    if isinstance(column, Categories):
        return column.values
    kinds = np.unique(column.values[column.observed])
    if len(kinds) > _FEW:
        raise DataError(
            f"each: {column.name} has {len(kinds)} different values; name some, such as [-1 sd, mean, +1 sd]"
        )
    return tuple(float(kind) for kind in kinds)


def shown(column: Numbers | Categories, value: float | str) -> str:
    """A value for people: the category, the word of a 0/1 column, or the number to a thousandth of the column's sd."""
    if not isinstance(value, float) or isinstance(column, Categories):
        return str(value)
    if column.labels and value in (0.0, 1.0):
        return column.labels[int(value)]
    if value == round(value, 10) and len(f"{value:.10g}") <= 6:
        return f"{value:.10g}"
    decimals = max(0, 3 - floor(log10(column.sd)))
    text = f"{value:.{min(decimals, 15)}f}" if abs(value) < 1e12 else f"{value:.6g}"
    return text if float(text) else text.removeprefix("-")


def place(column: Numbers | Categories, value: float | str) -> dict[str, float]:
    """The columns that the linear predictor sees when a variable is set to a value."""
    if isinstance(column, Categories):
        return {f"{column.name}={kind}": float(kind == value) for kind in column.values}
    return {column.name: float(value)}


def _has_rows(column: Numbers | Categories, value: float | str) -> bool:
    """Whether enough rows have exactly this value to condition on it by keeping them."""
    if isinstance(column, Categories) or column.binary:
        return True
    return int(np.count_nonzero(column.values == value)) >= max(10, ceil(0.02 * len(column.values)))


def _same(column: Numbers | Categories, value: float | str) -> Floats:
    if isinstance(column, Categories):
        return np.asarray(column.codes == column.values.index(str(value)), dtype=np.float64)
    if column.binary and value not in (0.0, 1.0):
        raise DataError(f"at: {column.name} is 0 or 1, not {value}")
    return np.asarray(column.values == value, dtype=np.float64)


def _near(column: Numbers, value: float, base: Floats) -> tuple[Floats, float]:
    """Weights of the rows for the mean at a value, by local linear regression (Fan & Gijbels 1996, ch. 2), and its bandwidth.

    They may be slightly negative, so that what changes linearly with the column is not pulled to the column's mean.
    """
    known = column.observed
    base = base * known
    low, high = np.quantile(column.values[known], [0.25, 0.75])
    width = 0.9 * (min(column.sd, (high - low) / 1.34) or column.sd) * np.count_nonzero(base) ** -0.2
    distance = np.where(known, column.values - value, 0.0) / width
    nearest = np.square(distance[base > 0]).min()
    kernel = base * np.exp((nearest - np.square(distance)) / 2)
    first, second = kernel @ distance, kernel @ np.square(distance)
    weights = kernel * (second - first * distance)
    enough = weights.sum() > 1e-6 * kernel.sum() * second
    return (weights if enough else kernel), float(width)
