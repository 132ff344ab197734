"""A linear predictor as a polynomial in the columns of the rows, with a coefficient for every draw.

The one linear predictor runs on these as it runs on tensors and on arrays: they know `+` and `*`. What it gives for
millions of cells, draws × rows, is then a small matrix of coefficients, and the cells are never held.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Term = tuple[str, ...]  # the columns that are multiplied, sorted; () is the constant


@dataclass(frozen=True, eq=False)
class Polynomial:
    """Σ coefficient · Π columns; coefficients are numbers, or (draws,)."""

    terms: Mapping[Term, Any]
    __array_ufunc__ = None  # so that an array leaves `array * polynomial` to it

    def __add__(self, other: Any) -> "Polynomial":
        found = dict(self.terms)
        for term, value in _terms(other).items():
            found[term] = found[term] + value if term in found else value
        return Polynomial(found)

    def __mul__(self, other: Any) -> "Polynomial":
        found: dict[Term, Any] = {}
        for one, factor in self.terms.items():
            for two, value in _terms(other).items():
                term = tuple(sorted((*one, *two)))
                found[term] = found[term] + factor * value if term in found else factor * value
        return Polynomial(found)

    __radd__ = __add__
    __rmul__ = __mul__

    @property
    def constant(self) -> bool:
        """Whether no column is in it."""
        return not any(self.terms)

    def coefficients(self, count: int) -> Floats:
        """The coefficients of every draw, shape (count, terms)."""
        return np.column_stack(
            [np.broadcast_to(np.asarray(value).reshape(-1), (count,)) for value in self.terms.values()]
        )

    def design(self, columns: Mapping[str, Floats], rows: slice) -> Floats:
        """The products of the columns in some rows, shape (terms, rows)."""
        size = len(range(*rows.indices(len(next(iter(columns.values()))))))
        found = np.ones((len(self.terms), size))
        for place, term in enumerate(self.terms):
            for name in term:
                found[place] *= columns[name][rows]
        return found


def symbolise(columns: Mapping[str, Floats]) -> dict[str, Polynomial]:
    """Each column as a polynomial in itself; one that has the same value in all rows is this number."""
    return {
        name: Polynomial({(): values[0]} if (values == values[0]).all() else {(name,): 1.0})
        for name, values in columns.items()
    }


def _terms(value: Any) -> Mapping[Term, Any]:
    return value.terms if isinstance(value, Polynomial) else {(): value}
