"""The order in which a unit's unknown quantities are eliminated, and where the entries of the Cholesky root stand.

Clients of a therapist have nothing to do with each other but through the therapist, and a missing value with those of the
same client alone. Eliminated in a good order, such quantities leave a root with few entries: always the one that is
connected with the fewest of those that remain (Davis 2006, Direct Methods for Sparse Linear Systems). Of the inverse only
entries where the root has some are wanted, and these follow from each other (Takahashi, Fagan & Chin 1973).
"""

from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]
MOST = 10**7  # multiplications: a root that takes more is not written out


@dataclass(frozen=True, eq=False)
class Elimination:
    """A sparse root: `order` says which quantity comes when, and `starts` where columns begin among the entries' `rows`.

    A column's first entry is the diagonal's, the others follow by row. `updates` are the entries at the row of one and the
    column of another of a column's entries below the diagonal, column by column: the pairs (one, other), other up to one.
    """

    order: Whole
    starts: Whole
    rows: Whole
    updates: Whole

    def find(self, row: Whole, column: Whole) -> Whole:
        """The entries at these rows and columns, in the new order; the row is never less than the column."""
        size = len(self.order)
        keys = np.repeat(np.arange(size), np.diff(self.starts)) * size + self.rows
        return np.asarray(np.searchsorted(keys, column * size + row), dtype=np.int64)


def eliminate(size: int, row: Whole, unknown: Whole) -> Elimination | None:
    """The elimination of `size` quantities, of which rows look at some together; None where it takes too much.

    `row` and `unknown` say in pairs which row looks at which quantity, in the order of rows.
    """
    linked: list[set[int]] = [set() for _ in range(size)]
    rows = {tuple(part) for part in np.split(unknown, np.flatnonzero(np.diff(row)) + 1)}
    if sum(len(set(together)) ** 2 for together in rows) > MOST:
        return None
    for together in rows:
        for each in map(int, together):
            linked[each].update(map(int, together))
    for each, others in enumerate(linked):
        others.discard(each)
    waiting = [(len(others), each) for each, others in enumerate(linked)]
    heapify(waiting)
    order: list[int] = []
    columns: dict[int, set[int]] = {}
    work = 0
    while waiting:
        degree, each = heappop(waiting)
        if each in columns or degree != len(linked[each]):
            continue
        columns[each] = others = linked[each]
        order.append(each)
        work += degree * degree
        if work > MOST:
            return None
        for other in others:
            linked[other] |= others
            linked[other] -= {each, other}
            heappush(waiting, (len(linked[other]), other))
    return _write_out(np.array(order, dtype=np.int64), [columns[each] for each in order])


def _write_out(order: Whole, columns: list[set[int]]) -> Elimination:
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    below = [np.sort(rank[np.fromiter(each, dtype=np.int64, count=len(each))]) for each in columns]
    starts = np.cumsum([0, *(len(each) + 1 for each in below)]).astype(np.int64)
    rows = np.concatenate([np.zeros(0), *(np.append(k, each) for k, each in enumerate(below))]).astype(np.int64)
    pairs = [pair_up(len(each)) for each in below]
    found = Elimination(order, starts, rows, np.zeros(0, dtype=np.int64))
    one, other = (
        np.concatenate([np.zeros(0), *(each[pair[which]] for each, pair in zip(below, pairs, strict=True))])
        for which in (0, 1)
    )
    return Elimination(order, starts, rows, found.find(one.astype(np.int64), other.astype(np.int64)))


def pair_up(count: int) -> tuple[Whole, Whole]:
    """The pairs (one, other) of so many things, other up to one, in the order of loops."""
    one, other = np.tril_indices(count)
    return one, other
