"""What the data fix of a curve: knots that are frozen when data are bound, and its columns at any value.

A curve is linear in the coefficients of its columns, and every column is 0 where its variable is 0: so is what does not
exist, and moderators and intercepts keep their meaning, the effect at 0. Columns are written by `+`, `*` and comparisons,
so that the same lines run on the data, on tensors, and on every value under an intervention.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.errors import DataError
from mechanisms.spec.shapes import count_columns, list_powers, spell
from mechanisms.spec.theory import Arrow, Shape, Theory

Floats = NDArray[np.float64]
_COLUMN = re.compile(r"(.+)~([^\[]+)\[(\d+)\]")
_MOST_DIGITS = 1e12  # a power of mean / sd that large leaves fewer than four digits


@dataclass(frozen=True)
class Basis:
    """The columns of one variable in one shape; `lowest` and `highest` are the ends of its data.

    Column j is constants[j] + slopes[j]·u + Σ weights[j, k]·max(u − knots[k], 0)^degree with u = (x − start) / width.
    Degree 0 stands for the logarithm; of a monotonic curve, column j is 1 from the jth of `steps` on, else 0.
    """

    variable: str
    shape: str
    degree: int
    start: float
    width: float
    knots: tuple[float, ...]
    constants: tuple[float, ...]
    slopes: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    lowest: float
    highest: float
    steps: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many columns there are."""
        return len(self.constants)

    @property
    def places(self) -> tuple[float, ...]:
        """The knots in units of the data."""
        return tuple(self.start + self.width * knot for knot in self.knots)

    def column(self, piece: int, values: Any) -> Any:
        """Column `piece` (from 1) at some values; the logarithm of what does not exist, a 0, is 0."""
        if self.steps:
            return (values > piece - 0.5) * 1.0
        if not self.degree:
            safe = values * (values > 0) + (values <= 0)
            return safe.log() if hasattr(safe, "log") else np.log(safe)
        u = (values - self.start) * (1.0 / self.width)
        found = self.constants[piece - 1] + u * self.slopes[piece - 1]
        for knot, weight in zip(self.knots, self.weights[piece - 1], strict=True):
            if weight:
                beyond = (u - knot) * (u > knot)
                found = found + weight * (beyond * beyond * beyond if self.degree == 3 else beyond)
        return found

    def place(self, piece: int) -> str:
        """Where on the curve a coefficient stands, in short."""
        if self.steps:
            return f"into {self.steps[piece - 1]}"
        if not self.degree:
            return ""
        if self.degree == 3:
            return f"at {self.places[piece]:.3g}"
        edges = [f"{place:.3g}" for place in self.places]
        if piece == 1:
            return f"below {edges[0]}"
        return f"above {edges[-1]}" if piece == self.size else f"{edges[piece - 2]} to {edges[piece - 1]}"

    def say(self, piece: int) -> str:
        """What the coefficient of a column is."""
        name = self.variable
        if self.steps:
            return f"the step of {name} into {self.steps[piece - 1]}"
        if not self.degree:
            return f"per unit of log {name}"
        if self.degree == 3:
            return f"the curve at {name} = {self.places[piece]:.4g} against that at {self.places[0]:.4g}"
        edges = [f"{place:.4g}" for place in self.places]
        if piece == 1:
            return f"the slope below {name} = {edges[0]}"
        if piece == self.size:
            return f"the slope above {name} = {edges[-1]}"
        return f"the slope of {name} from {edges[piece - 2]} to {edges[piece - 1]}"


def name_basis(variable: str, shape: str) -> str:
    """The key of a basis: its variable and shape, whatever part or occasion of the variable is read."""
    return f"{variable}~{shape}"


def variable_of(column: str) -> str:
    """The variable that a column shows: of `age`, `arm=cbt`, `bond(whole t-1)` and `bond~spline:4[1]`."""
    return re.split("[=(~]", column, maxsplit=1)[0]


def split_column(column: str) -> tuple[str, str, int] | None:
    """A basis column as the column that is bent, the key of its basis, and its number; None for any other column."""
    found = _COLUMN.fullmatch(column)
    return (found[1], name_basis(variable_of(found[1]), found[2]), int(found[3])) if found else None


def bare(column: str) -> str:
    """The column that a curve's column is made of; any other column itself."""
    split = split_column(column)
    return column if split is None else split[0]


def see(bases: Mapping[str, Basis], column: str, values: Any) -> Any:
    """A column made of the values of its variable: these values, or one column of a basis at them."""
    split = split_column(column)
    return values if split is None else bases[split[1]].column(split[2], values)


def refuse_value(bases: Mapping[str, Basis], variable: str, value: Any) -> None:
    """Refuse to set a variable to what its curve does not take: the logarithm of 0 and below."""
    logged = any(basis.variable == variable and not basis.degree for basis in bases.values())
    if logged and isinstance(value, int | float) and value <= 0:
        raise DataError(f"{variable} = {value:g} has no logarithm, by which it acts (shape: log): name a value above 0")


class Bending(dict[str, Any]):
    """Values by column; those of curves are made of their variable's when they are looked at."""

    def __init__(self, values: Mapping[str, Any], bases: Mapping[str, Basis]) -> None:
        super().__init__(values)
        self._bases = bases

    def __missing__(self, column: str) -> Any:
        split = split_column(column)
        if split is None:
            raise KeyError(column)
        basis = self._bases[split[1]]
        if basis.steps and split[0] not in self:
            return sum(self[each] for each in list_indicators(basis, column))
        return see(self._bases, column, self[split[0]])


def list_indicators(basis: Basis, column: str) -> tuple[str, ...]:
    """The indicators that a column of a monotonic curve is the sum of: of the value that is stepped into, and all above it."""
    own, _, piece = split_column(column) or ("", "", 0)
    return tuple(f"{own}={step}" for step in basis.steps[piece - 1 :])


def find_bases(theory: Theory, columns: Mapping[str, Any]) -> dict[str, Basis]:
    """The bases that the arrows of a theory need of these columns.

    Raises
    ------
    DataError
        A variable has too few different values for its shape, or holds what a logarithm does not take.
    """
    found: dict[str, Basis] = {}
    for arrow in theory.arrows:
        name, shape, column = arrow.cause.name, arrow.shape, columns.get(arrow.cause.name)
        if column is None:
            continue
        if hasattr(column, "codes"):
            if shape.kind == "monotonic":
                found[name_basis(name, "monotonic")] = _climb(name, column.values[1:])
            continue
        values = column.values[~np.isnan(column.values)]
        _check_distinct(arrow, values)
        _check_powers(arrow, values)
        if shape.kind == "log":
            _check_log(arrow, values, bool(column.missing.any()))
        if count_columns(shape):
            found[name_basis(name, spell(shape))] = make_basis(name, shape, values)
    return found


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
    made = _spline(shape.argument, values) if shape.kind == "spline" else _piecewise(shape.argument)
    degree, start, width, knots, constants, slopes, weights = made
    bare = Basis(
        variable, name, degree, start, width, tuple(knots), tuple(constants), tuple(slopes), weights, low, high
    )
    zero = [float(bare.column(piece + 1, np.float64(0.0))) for piece in range(bare.size)]
    level = tuple(constant - at for constant, at in zip(constants, zero, strict=True))
    return Basis(variable, name, degree, start, width, bare.knots, level, bare.slopes, weights, low, high)


def _spline(df: Any, values: Floats) -> Any:
    """Cardinal natural cubic splines at quantiles: column j is 1 at knot j + 1 and 0 at all others, before its shift.

    Natural splines by truncated powers: Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, 5.2.1.
    """
    places = place_knots(df, values)
    start, width = float(places[0]), float(places[-1] - places[0])
    knots = (places - start) / width
    rest = len(knots) - 2
    cubes = np.zeros((len(knots), rest))  # the weight of every truncated power in every bent column
    for k in range(rest):
        cubes[k, k] += 1.0 / (1.0 - knots[k])
        cubes[-2, k] -= 1.0 / (1.0 - knots[-2])
        cubes[-1, k] = -cubes[:-1, k].sum()
    powers = np.maximum(knots[:, None] - knots, 0.0) ** 3
    plain = np.column_stack([np.ones(len(knots)), knots, powers @ cubes])
    cardinal = np.linalg.inv(plain)[:, 1:]
    weights = tuple(map(tuple, (cubes @ cardinal[2:]).T.tolist()))
    return 3, start, width, knots.tolist(), cardinal[0].tolist(), cardinal[1].tolist(), weights


def place_knots(df: int, values: Floats) -> Floats:
    """One knot more than columns: the ends of the data, and between them quantiles.

    Of values that many units share, quantiles of all values may coincide; then they are those of the different values.
    """
    shares = np.linspace(0.0, 1.0, df + 1)
    knots = np.quantile(values, shares)
    if np.min(np.diff(knots)) <= 1e-6 * (knots[-1] - knots[0]):
        knots = np.quantile(np.unique(values), shares)
    return np.asarray(knots)


def _piecewise(knots: Any) -> Any:
    """One slope for every stretch between stated knots."""
    size = len(knots) + 1
    weights = np.zeros((size, size - 1))
    for k in range(size - 1):
        weights[k, k], weights[k + 1, k] = -1.0, 1.0
    slopes = [float(piece == 0) for piece in range(size)]
    return 1, 0.0, 1.0, [float(knot) for knot in knots], [0.0] * size, slopes, tuple(map(tuple, weights.tolist()))


def _check_distinct(arrow: Arrow, values: Floats) -> None:
    """Refuse a curve through fewer different values than it has coefficients and one more."""
    kind = arrow.shape.kind
    terms = max(len(list_powers(arrow.shape)), count_columns(arrow.shape))
    if kind == "linear":
        return
    distinct, name = len(np.unique(values)), arrow.cause.name
    if distinct == 2:
        raise DataError(f"{arrow}: {name} has two values, between which nothing bends: leave out shape")
    if kind == "piecewise":
        _check_stretches(arrow, values)
    elif distinct < terms + 1:
        raise DataError(
            f"{arrow}: {arrow.shape} needs {terms + 1} different values of {name}, which has {distinct}: "
            f"choose at most {distinct - 1}, or leave out shape"
        )


def _check_stretches(arrow: Arrow, values: Floats) -> None:
    """Refuse a knot outside the data: there is no slope beyond it to be seen."""
    knots: Iterable[float] = arrow.shape.argument if isinstance(arrow.shape.argument, tuple) else ()
    low, high = float(values.min()), float(values.max())
    if outside := [knot for knot in knots if not low < knot < high]:
        raise DataError(
            f"{arrow}: knot {outside[0]:g} lies outside the data, in which {arrow.cause.name} goes from {low:g} to "
            f"{high:g}: name knots inside"
        )


def _check_log(arrow: Arrow, values: Floats, gaps: bool) -> None:
    name = arrow.cause.name
    if values.min() <= 0:
        raise DataError(
            f"{arrow}: {name} holds {values.min():g}, which has no logarithm: shift it in the data ({name} + 1), "
            f"or choose another shape ({{spline: 3}})"
        )
    if gaps:
        raise DataError(
            f"{arrow}: {name} has missing values, whose logarithm is not modelled yet: take the logarithm in the data"
        )


def _check_powers(arrow: Arrow, values: Floats) -> None:
    """Refuse cubes and higher powers of what lies so far from 0 that raw ones cannot be told apart."""
    top, sd = list_powers(arrow.shape)[-1], float(values.std())
    if top > 2 and (abs(float(values.mean())) / sd) ** top > _MOST_DIGITS:
        raise DataError(
            f"{arrow}: {arrow.cause.name} is {values.mean():.4g} on average with an sd of {sd:.3g}, so that its powers are "
            "alike to the last digits: subtract its mean in the data, or choose {spline: 3}"
        )
