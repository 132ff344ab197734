"""Rows of residuals turned so that few of them look at what nobody observed.

Occasions of a client look at the client's deviations in the same way, or in proportion to what is known of them. An
orthogonal turn of such rows leaves sums of squares as they are, puts all that they say about the deviations into as
many rows as there are directions (their mean, their slope), and the rest into rows that look at nothing unknown.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mechanisms.infer.marginal.units.gaussian import Residuals

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
MOST = 500  # rows turned at once: it takes a matrix of that size
NOISE = 1e-12


@dataclass(frozen=True, eq=False)
class Terms:
    """Terms of residuals, each (row, unknown or −1, product) once, in that order."""

    row: Whole
    unknown: Whole
    product: Whole
    weight: Floats

    @property
    def codes(self) -> Whole:
        """A number for each (unknown, product), in that order."""
        return (self.unknown + 1) * (int(self.product.max(initial=0)) + 1) + self.product

    def part(self, kept: Whole | NDArray[np.bool_]) -> "Terms":
        """Some of them."""
        return Terms(self.row[kept], self.unknown[kept], self.product[kept], self.weight[kept])


def merge_terms(residuals: Residuals) -> Terms:
    """Terms of the same row, unknown quantity and product as one; without those that cancel."""
    terms, count = residuals.terms, len(residuals.terms.algebra.products)
    column = (terms.unknown + 1) * count + terms.product
    shape = (terms.n or 0, (terms.algebra.size + 1) * count)
    made = sparse.coo_matrix((terms.weight, (terms.row, column)), shape=shape).tocsr()
    made.sum_duplicates()
    made.eliminate_zeros()
    row = np.repeat(np.arange(shape[0]), np.diff(made.indptr))
    found = made.indices.astype(np.int64)
    return Terms(row, found // count - 1, found % count, made.data)


def turn_rows(terms: Terms, kind: Whole) -> Terms:
    """Rows of one kind that look at the same unknown quantities, turned."""
    linked = terms.unknown >= 0
    rng = np.random.default_rng(0)
    codes, position = np.unique(terms.codes[linked], return_inverse=True)
    looks = rng.integers(2**62, size=int(kind.max(initial=0)) + 1, dtype=np.uint64)[kind]
    names = rng.integers(2**62, size=len(codes), dtype=np.uint64)
    np.add.at(looks, terms.row[linked], names[position])  # a sum of random numbers names a set
    looking = np.zeros(len(kind), dtype=bool)
    looking[terms.row[linked]] = True
    _, first, members, sizes = np.unique(looks, return_index=True, return_inverse=True, return_counts=True)
    turned = (sizes > 1) & (sizes <= MOST) & looking[first]
    if not turned.any():
        return terms
    owner = members[terms.row]
    order = np.argsort(owner, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(owner, minlength=len(sizes)))[:-1])
    made = [terms.part(np.flatnonzero(~turned[owner]))]
    made += [_turn(terms.part(parts[each])) for each in np.flatnonzero(turned)]
    joined = [
        np.concatenate([getattr(each, name) for each in made]) for name in ("row", "unknown", "product", "weight")
    ]
    order = np.lexsort((joined[2], joined[1], joined[0]))
    return Terms(*(each[order] for each in joined))


def _turn(terms: Terms) -> Terms:
    """One set of rows: the first few look at what is unknown, the others at nothing."""
    rows, row = np.unique(terms.row, return_inverse=True)
    _, first, column = np.unique(terms.codes, return_index=True, return_inverse=True)
    columns = terms.unknown[first], terms.product[first]
    table = np.zeros((len(rows), len(first)))
    table[row, column] = terms.weight
    free = columns[0] >= 0
    turn, sizes, _ = np.linalg.svd(table[:, free])
    directions = int(np.sum(sizes > NOISE * sizes[0]))
    table = turn.T @ table
    table[directions:, free] = 0.0
    table[np.abs(table) < NOISE * np.abs(table).max(axis=0)] = 0.0
    row, column = np.nonzero(table)
    return Terms(rows[row], columns[0][column], columns[1][column], table[row, column])
