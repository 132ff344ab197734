"""The bases that the arrows of a theory need of these data, and data that cannot carry a curve refused."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.elsewhere import list_gaps, make_gap, name_gap
from mechanisms.data.shapes import Basis, name_basis, spell_condition
from mechanisms.data.splines import write_bspline, write_natural, write_pieces
from mechanisms.data.units import ROW
from mechanisms.errors import DataError, did_you_mean, listed
from mechanisms.spec.shapes import WAVES, count_columns, list_powers, spell
from mechanisms.spec.theory import Arrow, Condition, Shape, Span, Theory

Floats = NDArray[np.float64]
_MOST_DIGITS = 1e12  # a power of mean / sd that large leaves fewer than four digits
_FREE = {"gp": 3, "logistic": 3}  # how many different values a curve needs at least whose columns do not say it
BOUNDARY = 3.2  # how far the sine waves of a gp reach, in half ranges of the data


def find_bases(
    theory: Theory,
    columns: Mapping[str, Any],
    grids: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
    name_cause: Callable[[Arrow], str] = lambda arrow: arrow.cause.name,
) -> dict[str, Basis]:
    """The bases that the arrows of a theory need of these columns, and of the occasions of each level of time.

    Raises
    ------
    DataError
        A variable has too few different values for its shape, or holds what a logarithm does not take.
    """
    for arrow in theory.arrows:
        _check_words(arrow, columns)
    found = _find_conditions(theory, columns)
    for time, grid in grids.items():
        found |= {name_gap(time, words)[0]: make_gap(time, words, grid) for words in list_gaps(theory)}
    for arrow in theory.arrows:
        name, shape = name_cause(arrow), arrow.shape
        column = columns.get(name)
        if column is None:
            continue
        if hasattr(column, "codes"):
            if shape.kind == "monotonic":
                found[name_basis(name, "monotonic")] = _climb(name, column.values[1:])
            continue
        if column.latent:  # only shapes that need no values are compiled
            continue
        values = column.values[~np.isnan(column.values)]
        if not values.size:
            raise DataError(f"{arrow}: nobody has all that {name} is made of: take it out of the theory")
        _check_distinct(arrow, name, values)
        _check_powers(arrow, name, values)
        if shape.kind == "log":
            _check_log(arrow, name, values, bool(column.missing.any()))
        if count_columns(shape):
            found[name_basis(name, spell(shape))] = make_basis(name, shape, values)
    return found


def _find_conditions(theory: Theory, columns: Mapping[str, Any]) -> dict[str, Basis]:
    """A column for each condition under which an arrow of a theory without levels acts: 1 where it holds."""
    found: dict[str, Basis] = {}
    for arrow in _list_conditional(theory):
        for name, said in arrow.only_when.values if arrow.only_when else ():
            if (column := columns.get(name)) is not None:
                shape = spell_condition(said)
                found[name_basis(name, shape)] = _accept(name, shape, said, column)
    return found


def _list_conditional(theory: Theory) -> tuple[Arrow, ...]:
    """The arrows whose conditions are columns: those of a theory whose only level are its rows."""
    flat = all(level.name == ROW for level in theory.levels)
    return tuple(arrow for arrow in theory.arrows if flat and arrow.only_when)


def _accept(name: str, shape: str, said: tuple[float | str, ...] | Span, column: Any) -> Basis:
    """A condition's column: category codes, or intervals of numbers."""
    steps: tuple[str, ...] = ()
    if isinstance(said, Span):
        intervals = [(-np.inf if said.first is None else said.first, np.inf if said.last is None else said.last)]
    else:
        words = [each if isinstance(each, str) else f"{each:.10g}" for each in said]
        known = column.values if hasattr(column, "codes") else column.labels or ()
        steps = tuple(words) if hasattr(column, "codes") else ()
        codes = [float(known.index(word)) if word in known else float(word) for word in words]
        intervals = [(code, code) for code in codes]
    return Basis(name, shape, -1, 0.0, 1.0, (), (0.0,), (0.0,), ((),), 0.0, 1.0, steps, tuple(intervals))


def check_conditions(theory: Theory, data: Any) -> None:
    """Refuse conditions that nobody sees: of a theory without levels, where a variable that they speak of is missing.

    Raises
    ------
    DataError
        The arrow and the variable.
    """
    for arrow in _list_conditional(theory):
        for name in arrow.only_when.names if arrow.only_when else ():
            if name in data and data[name].missing.any():
                raise DataError(
                    f"{arrow}: only_when: {name} has missing values ({int(data[name].missing.sum())} of {data.n} rows), so nobody "
                    "sees where the arrow acts: drop these rows and say so"
                )


def check_occasions(theory: Theory, grid: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse what acts or exists at occasions only that the data do not have.

    Raises
    ------
    DataError
        The arrow or variable, and the occasions of the data.
    """
    said: list[tuple[str, Condition | None]] = [(str(each), each.only_when) for each in theory.arrows]
    said += [(each.name, each.only_when) for each in theory.variables]
    for what, condition in said:
        for name, values in condition.values if condition else ():
            if name not in grid:
                continue
            if not any(_is_among(each, values) for each in grid[name]):
                raise DataError(
                    f"{what}: only_when: {Condition(values=((name, values),))}, but the data have {name} {grid[name][0]} to "
                    f"{grid[name][-1]}: name an occasion of the data, or leave it out"
                )


def _is_among(occasion: int, said: Span | tuple[Any, ...]) -> bool:
    """Whether an occasion is one of those said."""
    return occasion in said if isinstance(said, Span) else str(occasion) in {f"{float(each):g}" for each in said}


def _check_words(arrow: Arrow, columns: Mapping[str, Any]) -> None:
    """Refuse a word in the condition of an arrow that the data do not have: they alone say what an undeclared variable holds."""
    for name, said in arrow.only_when.values if arrow.only_when else ():
        column = columns.get(name)
        if column is None or isinstance(said, Span):
            continue
        known = column.values if hasattr(column, "codes") else column.labels or ()
        words = (each for each in said if isinstance(each, str) and each not in known)
        if (word := next(words, None)) is not None:
            has = f"has {listed(known)}" if len(known) else f"holds numbers; a range is {name}: 3.."
            raise DataError(f"{arrow}: only_when: {name} has no value '{word}': it {has}{did_you_mean(word, known)}")


def _climb(name: str, steps: tuple[str, ...]) -> Basis:
    """A column for each step of a monotonic curve."""
    none = (0.0,) * len(steps)
    weights: tuple[tuple[float, ...], ...] = ((),) * len(steps)
    return Basis(name, "monotonic", -1, 0.0, 1.0, (), none, none, weights, 0.0, float(len(steps)), steps)


def make_basis(variable: str, shape: Shape, values: Floats) -> Basis:
    """The basis of a shape on some observed values."""
    name, low, high = spell(shape), float(values.min()), float(values.max())
    if shape.kind == "log":
        return Basis(variable, name, 0, 0.0, 1.0, (), (0.0,), (0.0,), ((),), low, high)
    if shape.kind == "logistic":
        middle, width = float(values.mean()), 0.5 * float(values.std(ddof=1))
        return Basis(variable, name, -1, middle, width, (), (0.0,), (0.0,), ((),), low, high)
    if shape.kind == "gp":
        return _waves(variable, low, high)
    make = {"spline": write_natural, "bspline": write_bspline, "piecewise": write_pieces}[shape.kind]
    degree, start, width, knots, constants, slopes, weights, *more = make(shape.argument, values)
    bare = Basis(
        variable,
        name,
        degree,
        start,
        width,
        tuple(knots),
        tuple(constants),
        tuple(slopes),
        weights,
        low,
        high,
        (),
        (),
        *more,
    )
    zero = [float(bare.column(piece + 1, np.float64(0.0))) for piece in range(bare.size)]
    return replace(bare, constants=tuple(constant - at for constant, at in zip(constants, zero, strict=True)))


def _waves(variable: str, low: float, high: float) -> Basis:
    """Sine waves on an interval that reaches beyond the data: the Hilbert space basis of a Gaussian process.

    Solin & Särkkä (2020), without the root of the half width; the interval and the number of waves by the rule of
    Riutort-Mayol et al. (2023) for this covariance: with 20 waves on 3.2 half ranges S, the squared exponential covariance is
    right to 0.006 of its variance at every lengthscale from 1.75 · 3.2 / 20 = 0.28 to 3.2 / 3.2 = 1 half range.
    """
    middle, width, none = (low + high) / 2, BOUNDARY * (high - low) / 2, (0.0,) * WAVES
    weights: tuple[tuple[float, ...], ...] = ((),) * WAVES
    bare = Basis(variable, "gp", -1, middle, width, (), none, none, weights, low, high)
    zero = tuple(-float(bare.column(piece, np.float64(0.0))) for piece in range(1, WAVES + 1))
    return replace(bare, constants=zero)


def _check_distinct(arrow: Arrow, name: str, values: Floats) -> None:
    """Refuse a curve through fewer different values than it has coefficients and one more."""
    kind = arrow.shape.kind
    terms = _FREE.get(kind, max(len(list_powers(arrow.shape)), count_columns(arrow.shape)))
    if kind == "linear":
        return
    distinct = len(np.unique(values))
    if distinct == 2:
        raise DataError(f"{arrow}: {name} has two values, between which nothing bends: leave out shape")
    if kind == "piecewise":
        _check_stretches(arrow, name, values)
    elif distinct < terms + 1:
        raise DataError(
            f"{arrow}: {arrow.shape} needs {terms + 1} different values of {name}, which has {distinct}: "
            f"{'' if kind in _FREE else f'choose at most {distinct - 1}, or '}leave out shape"
        )


def _check_stretches(arrow: Arrow, name: str, values: Floats) -> None:
    """Refuse a knot outside the data: there is no slope beyond it to be seen."""
    knots: Iterable[float] = arrow.shape.argument if isinstance(arrow.shape.argument, tuple) else ()
    low, high = float(values.min()), float(values.max())
    if outside := [knot for knot in knots if not low < knot < high]:
        raise DataError(
            f"{arrow}: knot {outside[0]:g} lies outside the data, in which {name} goes from {low:g} to "
            f"{high:g}: name knots inside"
        )


def _check_log(arrow: Arrow, name: str, values: Floats, gaps: bool) -> None:
    if values.min() <= 0:
        raise DataError(
            f"{arrow}: {name} holds {values.min():g}, which has no logarithm: shift it in the data ({name} + 1), "
            f"or choose another shape ({{spline: 3}})"
        )
    if gaps:
        raise DataError(
            f"{arrow}: {name} has missing values, whose logarithm is not modelled yet: take the logarithm in the data"
        )


def _check_powers(arrow: Arrow, name: str, values: Floats) -> None:
    """Refuse cubes and higher powers of what lies so far from 0 that raw ones cannot be told apart."""
    top, sd = list_powers(arrow.shape)[-1], float(values.std())
    if top > 2 and (abs(float(values.mean())) / sd) ** top > _MOST_DIGITS:
        raise DataError(
            f"{arrow}: {name} is {values.mean():.4g} on average with an sd of {sd:.3g}, so that its powers are "
            "alike to the last digits: subtract its mean in the data, or choose {spline: 3}"
        )
