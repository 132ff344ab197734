"""The parameters of a fit in tables: an equation each, then what varies among the units of each level."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.shapes import is_gap, say_gap
from mechanisms.effects.effects import MASS
from mechanisms.infer.posterior import Fit
from mechanisms.model.equations import Coefficient, Equation, Reading, Varying
from mechanisms.report.numbers import count, decimals_for, show

Floats = NDArray[np.float64]
MOST = 6  # correlations of a level that are shown one by one
HEAD = ("parameter", "mean", "sd", "lower", "upper", "what it is")
PARTS = {"departure": "within", "whole": "whole value", "trend": "trend", "value": ""}


@dataclass(frozen=True)
class Table:
    """A table with its heading, and a sentence under it."""

    heading: str
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def tabulate(fit: Fit) -> Iterator[Table]:
    """A table for each equation, for residual correlations, and for each level among whose units something varies."""
    draws = fit.parameters
    for equation in fit.plan.equations:
        coefficients = (each for predictor in equation.predictors for each in predictor.coefficients)
        words = {each.address: describe_coefficient(equation, each) for each in coefficients}
        if equation.initial:
            words[equation.initial] = "of first occasions"
        rows = [_row(name, draws[name], words.get(name, "")) for name in equation.parameters if name in draws]
        if rows:
            yield Table(equation.response, tuple(rows))
    if residuals := [_row(each.address, draws[each.address]) for each in fit.plan.residuals]:
        yield Table("Correlations of residuals", tuple(residuals))
    for varying in fit.plan.varying:
        yield _level_table(fit, varying)


def describe_coefficient(equation: Equation, coefficient: Coefficient) -> str:
    """`within`, `between clients`, `trend`: which part of each cause acts; nothing in a theory without levels."""
    columns = {each.column: each for each in equation.readings}
    readings = [columns[factor.column] for factor in coefficient.factors if factor.column in columns]
    said = " × ".join(filter(None, map(_part, readings)))
    return f"{said}, varies by {' and '.join(coefficient.varies_by)}" if coefficient.varies_by and said else said


def _part(reading: Reading) -> str:
    if is_gap(reading.column):
        return say_gap(reading.variable, reading.basis.partition("~")[2])
    words = f"between {reading.level}s" if reading.part == "course" else PARTS[reading.part]
    if not reading.steps:
        return words
    return f"{words}, {count(-reading.steps, 'occasion')} before".removeprefix(", ")


def _level_table(fit: Fit, varying: Varying) -> Table:
    """The sds among a level's units and their largest correlations."""
    draws, matrix = fit.parameters, fit.correlations[varying.level]
    rows = [_row(address, draws[address], "sd of the deviations") for address in varying.sds]
    names = varying.quantities
    pairs = [
        (f"{names[j]} ~ {names[i]}", matrix[:, i, j])
        for i in range(len(names))
        for j in range(i)
        if not varying.are_joined(names[i], names[j])
    ]
    pairs.sort(key=lambda pair: -abs(float(pair[1].mean())))
    rows += [_row(name, values, "correlation of the deviations") for name, values in pairs[:MOST]]
    return Table(f"Among {varying.level}s", tuple(rows), _rest(pairs[MOST:], varying))


def _rest(pairs: list[tuple[str, Floats]], varying: Varying) -> str:
    """What is said of the correlations that are not shown."""
    if not pairs:
        return ""
    means = [float(values.mean()) for _, values in pairs]
    return (
        f"The means of the other {count(len(pairs), 'correlation')} lie between {show(min(means), 2)} and "
        f"{show(max(means), 2)}; all are in fit.draws['{varying.correlation}']."
    )


def _row(address: str, draws: Floats, words: str = "") -> tuple[str, ...]:
    lower, upper = np.quantile(draws, [(1 - MASS) / 2, (1 + MASS) / 2])
    sd = float(draws.std())
    places = decimals_for(sd, 3)
    return (address, *(show(number, places) for number in (float(draws.mean()), sd, float(lower), float(upper))), words)
