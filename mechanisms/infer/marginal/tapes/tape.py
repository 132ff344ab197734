"""Arithmetic on arrays, written down once to be run again with its derivatives by compiled code.

`Tape` holds the steps; numbers that change stand in cells, numbers that do not in `known`. A `Line` is an array whose
elements are a value plus Σ coefficient · an unknown quantity of the element's owner, with values and coefficients on the
tape: the twin of `forms.Form`, where coefficients change with what is sampled and are not written out.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.infer.marginal.forms import BentError

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
MULTIPLY, MULTIPLY_KNOWN, ADD, SUBTRACT, ADD_KNOWN, TAKE, DIVIDE, ROOT = range(8)


@dataclass(frozen=True)
class Node:
    """Cells on the tape: `n` numbers from `at`, or one (n None)."""

    at: int
    n: int | None

    @property
    def size(self) -> int:
        """How many cells it has."""
        return 1 if self.n is None else self.n


Value = Node | Floats
"""What may stand in an expression: cells, or known numbers (an array, or one as an array without dimensions)."""


@dataclass(eq=False)
class Tape:
    """Steps of arithmetic, each written once: (what, result, count, one, its stride, other, its stride)."""

    size: int = 0
    steps: list[tuple[int, ...]] = field(default_factory=list)
    known: list[Floats] = field(default_factory=list)
    indices: list[Whole] = field(default_factory=list)
    _done: dict[tuple[int, ...], Node] = field(default_factory=dict)
    _places: dict[bytes, int] = field(default_factory=dict)
    _lengths: list[int] = field(default_factory=lambda: [0, 0])

    def reserve(self, n: int | None) -> Node:
        """New cells."""
        made = Node(self.size, n)
        self.size += made.size
        return made

    def add(self, one: Value, other: Value) -> Value:
        """One + other."""
        if not isinstance(one, Node):
            one, other = other, one
        if not isinstance(one, Node):
            return np.asarray(one + np.asarray(other))
        if isinstance(other, Node):
            return self._step(ADD, one, other)
        return self._step(ADD_KNOWN, one, other) if other.any() else self._stretch(one, other)

    def subtract(self, one: Value, other: Value) -> Value:
        """One − other."""
        if isinstance(one, Node) and isinstance(other, Node):
            return self._step(SUBTRACT, one, other)
        return self.add(one, self.multiply(other, np.asarray(-1.0)))

    def multiply(self, one: Value, other: Value) -> Value:
        """One · other."""
        if not isinstance(one, Node):
            one, other = other, one
        if not isinstance(one, Node):
            return np.asarray(one * np.asarray(other))
        if isinstance(other, Node):
            return self._step(MULTIPLY, one, other)
        if not other.any():
            n = _broadcast(one.n, _length(other))
            return np.zeros(() if n is None else n)
        return self._stretch(one, other) if np.all(other == 1) else self._step(MULTIPLY_KNOWN, one, other)

    def divide(self, one: Value, other: Value) -> Value:
        """One / other."""
        if isinstance(one, Node) and isinstance(other, Node):
            return self._step(DIVIDE, one, other)
        if isinstance(other, Node):
            raise TypeError("known numbers are not divided by cells")
        return self.multiply(one, 1 / other)

    def take(self, one: Value, index: Whole) -> Value:
        """The elements at an index; 0 where it is −1. A single number is taken for each."""
        index = np.asarray(index, dtype=np.int64)
        if not isinstance(one, Node):
            values = np.broadcast_to(one, len(index)) if one.ndim == 0 else np.append(one, 0.0)[index]
            return np.where(index >= 0, values, 0.0)
        if one.n is None:
            index = np.where(index >= 0, 0, -1)
        elif len(index) == one.n and np.array_equal(index, np.arange(one.n)):
            return one
        return self._write(TAKE, len(index), (one.at, 1, self._index(index), 1))

    def root(self, entries: Whole, order: Whole) -> Node:
        """The Cholesky root (q · q cells) of a correlation matrix in another order, from the cells of its root's `entries`.

        `entries` (q, q) are −1 where there is a 0.
        """
        size = len(order)
        sorted_already = int(np.array_equal(order, np.arange(size)))
        index = self._index(np.concatenate([entries.reshape(-1), order]))
        return self._write(ROOT, size * size, (index, size, sorted_already, 0))

    def _stretch(self, one: Node, like: Floats) -> Node:
        """A node, as an array where the other is one."""
        if one.n is None and like.ndim:
            return self._write(TAKE, len(like), (one.at, 1, self._index(np.zeros(len(like), dtype=np.int64)), 1))
        return one

    def _step(self, what: int, one: Node, other: Value) -> Node:
        n = _broadcast(one.n, other.n if isinstance(other, Node) else _length(other))
        place = other.at if isinstance(other, Node) else self._place(other)
        stride = 0 if (other.n if isinstance(other, Node) else _length(other)) is None else 1
        return self._write(what, n, (one.at, 0 if one.n is None else 1, place, stride))

    def _write(self, what: int, n: int | None, given: tuple[int, ...]) -> Node:
        key = (what, -1 if n is None else n, *given)
        if key not in self._done:
            made = self.reserve(n)
            self.steps.append((what, made.at, made.size, *given))
            self._done[key] = made
        return self._done[key]

    def _place(self, values: Floats) -> int:
        return self._keep(0, self.known, np.atleast_1d(np.asarray(values, dtype=np.float64)))

    def _index(self, values: Whole) -> int:
        return self._keep(1, self.indices, values)

    def _keep(self, which: int, held: list[Any], values: NDArray[Any]) -> int:
        key = bytes([which]) + values.tobytes()
        if key not in self._places:
            self._places[key] = self._lengths[which]
            self._lengths[which] += len(values)
            held.append(values)
        return self._places[key]

    def known_at(self, values: Floats) -> int:
        """Where known numbers stand."""
        return self._place(values)


@dataclass(frozen=True, eq=False)
class Line:
    """An array of `n` elements, or one (n None): `value`, and by name the coefficients of unknown quantities.

    `owners` says for each element whose quantities they are: the position of a unit, −1 where there are none.
    """

    tape: Tape
    n: int | None
    value: Value
    coefficients: dict[str, Value] = field(default_factory=dict)
    owners: Whole | None = None

    __array_ufunc__ = None  # so that NumPy's arrays leave `+` and `*` to this class

    @property
    def ndim(self) -> int:
        """0 for a scalar, else 1."""
        return 0 if self.n is None else 1

    def __add__(self, other: Any) -> "Line":
        return self._combined(other, self.tape.add)

    __radd__ = __add__

    def __neg__(self) -> "Line":
        return self * np.asarray(-1.0)

    def __sub__(self, other: Any) -> "Line":
        more = self._as_line(other)
        return self._combined(-more, self.tape.add) if more.coefficients else self._combined(more, self.tape.subtract)

    def __rsub__(self, other: Any) -> "Line":
        return -self + self._as_line(other)

    def __mul__(self, other: Any) -> "Line":
        more = self._as_line(other)
        if self.coefficients and more.coefficients:
            raise BentError("multiply unknown quantities that are to be integrated out")
        line, by = (self, more) if self.coefficients else (more, self)
        made = {name: self.tape.multiply(each, by.value) for name, each in line.coefficients.items()}
        made = {name: each for name, each in made.items() if isinstance(each, Node) or each.any()}
        n = _broadcast(self.n, more.n)
        return Line(self.tape, n, self.tape.multiply(line.value, by.value), made, _stretched(line, n) if made else None)

    __rmul__ = __mul__

    def __gt__(self, other: Any) -> "Line":
        raise BentError("bend an unknown quantity")

    __le__ = __gt__

    def __getitem__(self, key: Any) -> "Line":
        """The elements at an index; 0, and nobody's, where it is −1."""
        index = np.asarray(key[-1] if isinstance(key, tuple) else key, dtype=np.int64)
        made = {name: self.tape.take(each, index) for name, each in self.coefficients.items()}
        owners = None if self.owners is None else np.where(index >= 0, self.owners[index], -1)
        return Line(self.tape, len(index), self.tape.take(self.value, index), made, owners)

    def _as_line(self, other: Any) -> "Line":
        if isinstance(other, Line):
            return other
        values = np.asarray(other, dtype=np.float64)
        return Line(self.tape, _length(values), values)

    def _combined(self, other: Any, combine: Any) -> "Line":
        more = self._as_line(other)
        n = _broadcast(self.n, more.n)
        made = dict(self.coefficients)
        for name, each in more.coefficients.items():
            made[name] = self.tape.add(made[name], each) if name in made else each
        owners = [_stretched(each, n) for each in (self, more) if each.owners is not None]
        return Line(self.tape, n, combine(self.value, more.value), made, _merged(owners))


def _stretched(line: Line, n: int | None) -> Whole | None:
    if line.owners is None or line.n == n:
        return line.owners
    return np.full(() if n is None else n, line.owners)


def _merged(owners: list[Any]) -> Whole | None:
    """Whose the elements of a sum are."""
    if len(owners) < 2:
        return owners[0] if owners else None
    one, other = owners
    if np.any((one != other) & (one >= 0) & (other >= 0)):
        raise BentError("mix the deviations of several units in one row")
    return np.asarray(np.maximum(one, other))


def _length(values: Floats) -> int | None:
    return None if values.ndim == 0 else len(values)


def _broadcast(one: int | None, other: int | None) -> int | None:
    return other if one is None else one
