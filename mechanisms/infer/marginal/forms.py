"""Linear forms: arrays whose elements are linear in what nobody observed, with polynomials of parameters as weights.

`model.setting` reads equations by indexing, `+` and `*` only. Run on these arrays it writes the equations out: one
element is Σ weight · product of parameters · (1 or one unknown quantity). Two unknown quantities that are multiplied
make no linear form, and are refused by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
CONSTANT = -1  # stands where an unknown quantity would


class BentError(Exception):
    """Unknown quantities are multiplied or bent; the message says which, after `the equations …`."""


@dataclass(eq=False)
class Algebra:
    """The products of parameters met so far, each as the sorted positions of its factors, and the unknown quantities.

    Quantities are announced in runs of equal kind, so that a position has a name.
    """

    products: list[tuple[int, ...]] = field(default_factory=lambda: [()])
    size: int = 0
    _place: dict[tuple[int, ...], int] = field(default_factory=lambda: {(): 0})
    _runs: list[tuple[int, str]] = field(default_factory=list)

    def announce(self, count: int, name: str) -> int:
        """Room for some unknown quantities of one name; the position of the first."""
        start = self.size
        self._runs.append((start, name))
        self.size += count
        return start

    def name(self, quantity: int) -> str:
        """What an unknown quantity is."""
        return next(name for start, name in reversed(self._runs) if start <= quantity)

    def product(self, factors: Sequence[int]) -> int:
        """The number of a product of parameters."""
        key = tuple(sorted(factors))
        if key not in self._place:
            self._place[key] = len(self.products)
            self.products.append(key)
        return self._place[key]

    def multiply(self, one: Whole, other: Whole) -> Whole:
        """The numbers of the products of two arrays of products."""
        count = len(self.products)
        pairs, back = np.unique(one * count + other, return_inverse=True)
        found = [
            self.product((*self.products[a], *self.products[b])) for a, b in zip(*divmod(pairs, count), strict=True)
        ]
        return np.asarray(found, dtype=np.int64)[back]

    def parameter(self, position: int) -> "Form":
        """One parameter, as a scalar."""
        return _single(self, None, np.zeros(1, dtype=np.int64), CONSTANT, np.array([self.product((position,))]), 1.0)

    def constants(self, values: Any) -> "Form":
        """Known numbers."""
        array = np.asarray(values, dtype=np.float64)
        rows = np.flatnonzero(array)
        n = None if array.ndim == 0 else len(array)
        return _single(self, n, rows, CONSTANT, np.zeros(len(rows), dtype=np.int64), array.reshape(-1)[rows])

    def unknown(self, n: int, rows: Whole, first: int, weight: float = 1.0) -> "Form":
        """An array of n, 0 but in some rows: unknown quantities in succession, the first at this position."""
        return _single(self, n, rows, first + np.arange(len(rows)), np.zeros(len(rows), dtype=np.int64), weight)


@dataclass(frozen=True, eq=False)
class Form:
    """An array of `n` linear forms, or one (n None): each term has a row, an unknown quantity, a product, and a weight."""

    algebra: Algebra
    n: int | None
    row: Whole
    unknown: Whole
    product: Whole
    weight: Floats

    __array_ufunc__ = None  # so that NumPy's arrays leave `+` and `*` to this class

    @property
    def ndim(self) -> int:
        """0 for a scalar, else 1."""
        return 0 if self.n is None else 1

    def __add__(self, other: Any) -> "Form":
        more = self._as_form(other)
        n = self.n if self.n is not None else more.n
        one, two = self._stretched(n), more._stretched(n)
        parts = [np.concatenate(pair) for pair in zip(one._terms, two._terms, strict=True)]
        return Form(self.algebra, n, *parts)

    __radd__ = __add__

    def __neg__(self) -> "Form":
        return Form(self.algebra, self.n, self.row, self.unknown, self.product, -self.weight)

    def __sub__(self, other: Any) -> "Form":
        return self + -self._as_form(other)

    def __rsub__(self, other: Any) -> "Form":
        return -self + self._as_form(other)

    def __mul__(self, other: Any) -> "Form":
        if not isinstance(other, Form):
            return self._weighted(np.asarray(other, dtype=np.float64))
        if self.n is None or other.n is None:
            scalar, array = (self, other) if self.n is None else (other, self)
            return array._times_scalar(scalar)
        return self._times(other)

    __rmul__ = __mul__

    def __gt__(self, other: Any) -> "Form":
        """Curves ask on which side of a knot a value lies, which nobody knows of an unknown quantity."""
        unknown = self.unknown[self.unknown >= 0]
        raise BentError(f"bend {self.algebra.name(int(unknown[0])) if unknown.size else 'parameters'}")

    __le__ = __gt__

    def __getitem__(self, key: Any) -> "Form":
        index = np.asarray(key[-1] if isinstance(key, tuple) else key, dtype=np.int64)
        assert self.n is not None
        index = np.where(index < 0, index + self.n, index)
        order = np.argsort(self.row, kind="stable")
        start = np.searchsorted(self.row[order], np.arange(self.n + 1))
        count = (start[1:] - start[:-1])[index]
        taken = order[_ranges(start[index], count)]
        row = np.repeat(np.arange(len(index)), count)
        return Form(self.algebra, len(index), row, self.unknown[taken], self.product[taken], self.weight[taken])

    @property
    def _terms(self) -> tuple[Any, Any, Any, Any]:
        return self.row, self.unknown, self.product, self.weight

    def _as_form(self, other: Any) -> "Form":
        return other if isinstance(other, Form) else self.algebra.constants(other)

    def _stretched(self, n: int | None) -> "Form":
        if self.n is not None or n is None:
            return self
        rows = np.repeat(np.arange(n), len(self.row))
        return Form(self.algebra, n, rows, *(np.tile(part, n) for part in self._terms[1:]))

    def _weighted(self, by: Floats) -> "Form":
        if by.ndim == 0:
            factor, form = np.full(len(self.row), float(by)), self
        else:
            form = self._stretched(len(by))
            factor = by[form.row]
        kept = factor != 0
        weight = form.weight[kept] * factor[kept]
        return Form(self.algebra, form.n, form.row[kept], form.unknown[kept], form.product[kept], weight)

    def _times_scalar(self, scalar: "Form") -> "Form":
        taken = np.tile(np.arange(len(self.row)), len(scalar.row))
        other = np.repeat(np.arange(len(scalar.row)), len(self.row))
        return self._joined(scalar, taken, other)

    def _times(self, other: "Form") -> "Form":
        order = np.argsort(other.row, kind="stable")
        start = np.searchsorted(other.row[order], np.arange((other.n or 0) + 1))
        count = (start[1:] - start[:-1])[self.row]
        taken = np.repeat(np.arange(len(self.row)), count)
        return self._joined(other, taken, order[_ranges(start[self.row], count)])

    def _joined(self, other: "Form", mine: Whole, theirs: Whole) -> "Form":
        """The products of pairs of terms."""
        one, two = self.unknown[mine], other.unknown[theirs]
        if (both := np.flatnonzero((one >= 0) & (two >= 0))).size:
            names = [self.algebra.name(int(each[both[0]])) for each in (one, two)]
            raise BentError(f"multiply {' times '.join(names)}")
        product = self.algebra.multiply(self.product[mine], other.product[theirs])
        weight = self.weight[mine] * other.weight[theirs]
        return Form(self.algebra, self.n, self.row[mine], np.maximum(one, two), product, weight)


def _single(algebra: Algebra, n: int | None, rows: Whole, unknown: Any, product: Whole, weight: Any) -> Form:
    size = len(rows)
    return Form(algebra, n, rows, np.broadcast_to(unknown, size), product, np.broadcast_to(np.float64(weight), size))


def _ranges(start: Whole, count: Whole) -> Whole:
    """start, start + 1, … (count of them), one after the other."""
    ends = np.cumsum(count)
    return np.repeat(start - (ends - count), count) + np.arange(int(ends[-1]) if len(ends) else 0)
