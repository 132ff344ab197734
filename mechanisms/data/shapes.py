"""What the data fix of a curve: knots that are frozen when data are bound, and its columns at any value.

A curve is linear in the coefficients of its columns, and every column is 0 where its variable is 0: so is what does not
exist, and moderators and intercepts keep their meaning, the effect at 0. Columns are written by `+`, `*` and comparisons,
so that the same lines run on the data, on tensors, and on every value under an intervention. An S-curve alone is not
linear in its parameters: its column holds the variable itself, and `model.predictor` bends it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from mechanisms.errors import DataError
from mechanisms.spec.theory import Span

_WHEN = "when:"
GAP = "gap:"
_PART = re.compile(r"[^(]+\(([\w.]+)(?: .*)?\)")
_COLUMN = re.compile(r"(.+)~([^\[]+)\[(\d+)\]")


@dataclass(frozen=True)
class Basis:
    """The columns of one variable in one shape; `lowest` and `highest` are the ends of its data.

    Column j is constants[j] + slopes[j]·u + Σ weights[j, k]·max(u − knots[k], 0)^degree with u = (x − start) / width.
    Of a B-spline, column j has squares[j, 0] and squares[j, 1] times the squares of max(u, 0) and max(u − 1, 0) as well, and
    its coefficients are heights at places of their own, in units of u: elsewhere these are the knots.
    Degree 0 stands for the logarithm; of a monotonic curve, column j is 1 from the jth of `steps` on, else 0. Of a gp it is
    constants[j] + sin(jπ(u + 1)/2), a sine wave that is 0 where |u| is 1, and stays so beyond; of a logistic the variable
    itself, where `start` and `width` are a middle and a width to begin with. Of a condition the one column is 1 in the
    `intervals`, ends included, else 0; of categories, whose values the `steps` then are, these hold codes.
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
    intervals: tuple[tuple[float, float], ...] = ()
    squares: tuple[tuple[float, float], ...] = ()
    heights: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """How many columns there are."""
        return len(self.constants)

    @property
    def gap(self) -> bool:
        """Whether the one column says at which occasions something else does not act."""
        return self.shape.startswith(GAP)

    @property
    def places(self) -> tuple[float, ...]:
        """The knots in units of the data."""
        return tuple(self.start + self.width * knot for knot in self.knots)

    @property
    def stands(self) -> tuple[float, ...]:
        """Where a spline's coefficients are heights, in units of the data; the first is what they are measured against."""
        return tuple(self.start + self.width * place for place in self.heights or self.knots)

    def column(self, piece: int, values: Any) -> Any:
        """Column `piece` (from 1) at some values; the logarithm of what does not exist, a 0, is 0."""
        if self.gap and not self.intervals:
            return values * 0.0
        if self.intervals:
            return sum((values >= low) * (values <= high) * 1.0 for low, high in self.intervals)
        if self.steps:
            return (values > piece - 0.5) * 1.0
        if self.shape == "logistic":
            return values
        if self.shape == "gp":
            return self.constants[piece - 1] + self._wave(piece, values)
        if not self.degree:
            safe = values * (values > 0) + (values <= 0)
            return safe.log() if hasattr(safe, "log") else np.log(safe)
        u = (values - self.start) * (1.0 / self.width)
        found = self.constants[piece - 1] + u * self.slopes[piece - 1]
        for knot, weight in zip(self.knots, self.weights[piece - 1], strict=True):
            if weight:
                beyond = (u - knot) * (u > knot)
                found = found + weight * (beyond * beyond * beyond if self.degree == 3 else beyond)
        for edge, weight in zip((0.0, 1.0), self.squares[piece - 1] if self.squares else (), strict=False):
            beyond = (u - edge) * (u > edge)
            found = found + weight * (beyond * beyond)
        return found

    def _wave(self, piece: int, values: Any) -> Any:
        u = (values - self.start) * (1.0 / self.width)
        inside = u * (u > -1.0) * (u < 1.0) + (u >= 1.0) * 1.0 - (u <= -1.0) * 1.0
        angle = (inside + 1.0) * (0.5 * np.pi * piece)
        return angle.sin() if hasattr(angle, "sin") else np.sin(angle)

    def place(self, piece: int) -> str:
        """Where on the curve a coefficient stands, in short."""
        if self.intervals or self.gap:
            return ""
        if self.steps:
            return f"into {self.steps[piece - 1]}"
        if self.shape == "gp":
            return f"wave {piece}"
        if not self.degree or self.shape == "logistic":
            return ""
        if self.degree == 3:
            return f"at {self.stands[piece]:.3g}"
        edges = [f"{place:.3g}" for place in self.places]
        if piece == 1:
            return f"below {edges[0]}"
        return f"above {edges[-1]}" if piece == self.size else f"{edges[piece - 2]} to {edges[piece - 1]}"

    def say(self, piece: int) -> str:
        """What the coefficient of a column is."""
        name = self.variable
        if self.gap:
            return f"{say_gap(self.variable, self.shape)}, against the others at the means of what is gone"
        if self.intervals:
            return f"only where {name} is {unquote(self.shape.partition(':')[2]).replace(',', ' or ')}"
        if self.steps:
            return f"the step of {name} into {self.steps[piece - 1]}"
        if self.shape == "gp":
            return f"the height of sine wave {piece} over {name}"
        if self.shape == "logistic":
            return f"the whole climb of the S-curve along {name}"
        if not self.degree:
            return f"per unit of log {name}"
        if self.degree == 3:
            return f"the curve at {name} = {self.stands[piece]:.4g} against that at {self.stands[0]:.4g}"
        edges = [f"{place:.4g}" for place in self.places]
        if piece == 1:
            return f"the slope below {name} = {edges[0]}"
        if piece == self.size:
            return f"the slope above {name} = {edges[-1]}"
        return f"the slope of {name} from {edges[piece - 2]} to {edges[piece - 1]}"


def name_basis(variable: str, shape: str, part: str = "") -> str:
    """The key of a basis: its variable and shape, and the level of a course or of departures; at whatever occasion they are read."""
    return f"{variable}({part})~{shape}" if part else f"{variable}~{shape}"


def spell_condition(said: tuple[float | str, ...] | Span) -> str:
    """The shape of the column that is 1 where a variable has one of these values, or lies in this range."""
    if isinstance(said, Span):
        return f"{_WHEN}{said}"
    words = (each if isinstance(each, str) else f"{each:.10g}" for each in said)
    return _WHEN + ",".join(quote(word, safe=" ") for word in words)


def say_gap(time: str, shape: str) -> str:
    """`at the first session`, `before session 3`, `where session is not 2..`: the occasions of such a basis."""
    words = shape.removeprefix(GAP)
    kind, _, rest = words.partition(" ")
    if kind == "first":
        return f"at the first {rest} {time}s" if rest else f"at the first {time}"
    return f"before {time} {rest}" if kind == "before" else f"where {time} is {words}"


def is_gap(column: str) -> bool:
    """Whether a column says at which occasions something else does not act (`data.elsewhere`)."""
    return f"~{GAP}" in column


def is_condition(column: str) -> bool:
    """Whether a column says where something else acts."""
    return f"~{_WHEN}" in column


@lru_cache(maxsize=4096)
def variable_of(column: str) -> str:
    """The variable that a column shows: of `age`, `arm=cbt`, `bond(whole t-1)` and `bond~spline:4[1]`."""
    return re.split("[=(~]", column, maxsplit=1)[0]


def split_column(column: str) -> tuple[str, str, int] | None:
    """A basis column as the column that is bent, the key of its basis, and its number; None for any other column."""
    found = _COLUMN.fullmatch(column)
    return (found[1], name_basis(variable_of(found[1]), found[2], _part_of(found[1])), int(found[3])) if found else None


def _part_of(column: str) -> str:
    """The level of the course or the departures that a column shows: of `bond(client)` and `bond(session t-1)`; else nothing."""
    found = _PART.fullmatch(column)
    return "" if found is None or found[1] == "whole" or found[1].isdecimal() else found[1]


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
