"""From residuals to units: connected sets of rows and unknown quantities, those of the same structure together.

Units whose unknown quantities enter alike share one matrix J. Where they are many, their constants are replaced by the
triangular factor of a QR decomposition: as few columns as there are terms, with the same sums of squares and products.
These are the sufficient statistics of a pattern of missing values, so that the cost does not grow with the units.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from mechanisms.infer.marginal.gaussian import Residuals
from mechanisms.infer.marginal.reduction import Terms, merge_terms, turn_rows

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


class Layout(NamedTuple):
    """Units as flat arrays.

    `factors` (products, degree) are the symbols of each product, −1 where there are fewer. Entry e is the sum of
    `weights` times products from `starts[e]`. A unit has rows from `unit_rows`, unknown quantities from `unit_unknowns`
    (`priors` is 1 or 0 for each), `columns` of r₀, and stands for `members` units. Row i has entries of J from
    `row_entries[i]`, for the unit's quantities `places`; its r₀ are the entries from `row_constants[i]`.
    """

    factors: Whole
    starts: Whole
    products: Whole
    weights: Floats
    unit_rows: Whole
    unit_unknowns: Whole
    priors: Floats
    columns: Whole
    members: Floats
    row_entries: Whole
    places: Whole
    row_constants: Whole
    log_weights: Floats


@dataclass(frozen=True, eq=False)
class Unit:
    """Sets of `rows` residuals with one J, `slopes`; `constants` (columns, pairs) weigh the (row, product) `pairs`.

    `owners` (members, unknowns) says which quantities the unknowns of each member are, `flat` which have no prior.
    """

    rows: int
    slopes: Terms
    pairs: tuple[Whole, Whole]
    constants: Floats
    members: int
    owners: Whole
    flat: NDArray[np.bool_]


def find_units(residuals: Residuals, *, compressed: bool) -> tuple[Unit, ...]:
    """The units of a block; `compressed` with constants of the same sums of squares in place of each member's own."""
    terms, unknowns = turn_rows(merge_terms(residuals), residuals.kind), residuals.terms.algebra.size
    rows = residuals.terms.n or 0
    linked = terms.unknown >= 0
    graph = sparse.coo_matrix(
        (np.ones(int(linked.sum())), (terms.row[linked], rows + terms.unknown[linked])),
        shape=(rows + unknowns, rows + unknowns),
    )
    labels = csgraph.connected_components(graph, directed=False)[1].astype(np.int64)
    alone = np.ones(rows, dtype=bool)
    alone[terms.row[linked]] = False
    found = []
    for kind in np.unique(residuals.kind[alone]):
        found.append(_of_rows(terms, np.flatnonzero(alone & (residuals.kind == kind))))
    found += _of_sets(terms, residuals, labels, alone)
    return tuple(_compress(each) if compressed else each for each in found)


def lay_out(units: tuple[Unit, ...], residuals: Residuals) -> Layout:
    """The units as flat arrays."""
    products = residuals.terms.algebra.products
    degree = max(1, *(len(each) for each in products))
    factors = np.full((len(products), degree), -1, dtype=np.int64)
    for place, each in enumerate(products):
        factors[place, : len(each)] = each
    slopes = list(_slope_entries(units))
    constants = list(_constant_entries(units))
    lengths = np.concatenate([each for part in (slopes, constants) for each in (entry[0] for entry in part)])
    row_entries = np.cumsum(np.concatenate([[0], *(each[3] for each in slopes)]))
    columns = np.concatenate([each[3] for each in constants])
    whole = np.int64
    return Layout(
        factors=factors,
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(whole),
        products=np.concatenate([each[1] for part in (slopes, constants) for each in part]).astype(whole),
        weights=np.concatenate([each[2] for part in (slopes, constants) for each in part]),
        unit_rows=np.cumsum([0, *(each.rows for each in units)]).astype(whole),
        unit_unknowns=np.cumsum([0, *(len(each.flat) for each in units)]).astype(whole),
        priors=np.concatenate([np.zeros(0), *(1.0 - each.flat for each in units)]),
        columns=np.array([len(each.constants) for each in units], dtype=whole),
        members=np.array([each.members for each in units], dtype=np.float64),
        row_entries=row_entries.astype(whole),
        places=np.concatenate([each[4] for each in slopes]).astype(whole),
        row_constants=(row_entries[-1] + np.concatenate([[0], np.cumsum(columns)[:-1]])).astype(whole),
        log_weights=residuals.log_weights,
    )


def count_work(units: tuple[Unit, ...]) -> float:
    """About how many multiplications one log density takes."""
    total = 0.0
    for each in units:
        wide = len(each.slopes.row) / max(each.rows, 1)
        total += each.rows * wide**2 + len(each.flat) ** 3 + each.constants.size
    return total


def _of_rows(terms: Terms, rows: Whole) -> Unit:
    """Rows without unknown quantities, each a member of one unit."""
    place = np.full(int(terms.row[-1]) + 1, -1)
    place[rows] = np.arange(len(rows))
    own = terms.part(place[terms.row] >= 0)
    products, position = np.unique(own.product, return_inverse=True)
    constants = np.zeros((len(rows), len(products)))
    constants[place[own.row], position] = own.weight
    nothing = own.part(np.zeros(0, dtype=np.int64))
    pairs = (np.zeros(len(products), dtype=np.int64), products)
    return Unit(1, nothing, pairs, constants, len(rows), np.zeros((len(rows), 0), np.int64), np.zeros(0, bool))


def _of_sets(terms: Terms, residuals: Residuals, labels: Whole, alone: NDArray[np.bool_]) -> list[Unit]:
    """Sets of rows that unknown quantities connect, those of one structure together."""
    rows = len(alone)
    within = _rank(labels[:rows]), _rank(labels[rows:])
    owners_of = _gathered(labels[rows:], np.arange(len(labels) - rows))
    kinds_of = _gathered(labels[:rows][~alone], residuals.kind[~alone])
    kept = np.flatnonzero(~alone[terms.row])
    label = labels[terms.row[kept]]
    kept = kept[np.argsort(label, kind="stable")]
    ends = np.cumsum(np.bincount(label, minlength=int(labels.max()) + 1)) if len(label) else np.zeros(0, int)
    found: dict[tuple[bytes, ...], list[tuple[Terms, Terms, Whole, int]]] = {}
    for name, kinds in kinds_of.items():
        part = terms.part(kept[ends[name - 1] if name else 0 : ends[name]])
        free, own = part.unknown >= 0, owners_of[name]
        slopes, constants = part.part(free), part.part(~free)
        place = np.where(slopes.unknown >= 0, within[1][slopes.unknown], 0)
        slopes = Terms(within[0][slopes.row], place, slopes.product, slopes.weight)
        constants = Terms(within[0][constants.row], constants.unknown, constants.product, constants.weight)
        arrays = (slopes.row, slopes.unknown, slopes.product, slopes.weight, kinds, residuals.flat[own])
        found.setdefault(tuple(each.tobytes() for each in arrays), []).append((slopes, constants, own, len(kinds)))
    return [_of_members(members, residuals) for members in found.values()]


def _of_members(members: list[tuple[Terms, Terms, Whole, int]], residuals: Residuals) -> Unit:
    slopes, _, first, rows = members[0]
    count = len(residuals.terms.algebra.products)
    keys = np.concatenate([each.row * count + each.product for _, each, _, _ in members])
    pairs, position = np.unique(keys, return_inverse=True)
    owner = np.repeat(np.arange(len(members)), [len(each.row) for _, each, _, _ in members])
    constants = np.zeros((len(members), len(pairs)))
    constants[owner, position] = np.concatenate([each.weight for _, each, _, _ in members])
    owners = np.stack([each for _, _, each, _ in members])
    return Unit(rows, slopes, (pairs // count, pairs % count), constants, len(members), owners, residuals.flat[first])


def _compress(unit: Unit) -> Unit:
    members, pairs = unit.constants.shape
    if members <= pairs:
        return unit
    fewer = np.linalg.qr(unit.constants, mode="r")
    return Unit(unit.rows, unit.slopes, unit.pairs, fewer, unit.members, unit.owners, unit.flat)


def _rank(labels: Whole) -> Whole:
    """The place of each element among those of its label."""
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=1)
    starts = np.cumsum(counts) - counts
    found = np.empty(len(labels), dtype=np.int64)
    found[order] = np.arange(len(labels)) - starts[labels[order]]
    return found


def _gathered(labels: Whole, values: Whole) -> dict[int, Whole]:
    """The values of each label, in their order."""
    if not len(labels):
        return {}
    order = np.argsort(labels, kind="stable")
    names, starts = np.unique(labels[order], return_index=True)
    return {int(n): part for n, part in zip(names, np.split(values[order], starts[1:]), strict=True)}


def _slope_entries(units: tuple[Unit, ...]) -> Iterator[tuple[Whole, Whole, Floats, Whole, Whole]]:
    """For each unit: terms of each entry of J, their products and weights, entries of each row, and whose they are."""
    for unit in units:
        key = unit.slopes.row * (len(unit.flat) + 1) + unit.slopes.unknown
        entries, first, lengths = np.unique(key, return_index=True, return_counts=True)
        rows = np.bincount(entries // (len(unit.flat) + 1), minlength=unit.rows)
        yield lengths, unit.slopes.product, unit.slopes.weight, rows, unit.slopes.unknown[first]


def _constant_entries(units: tuple[Unit, ...]) -> Iterator[tuple[Whole, Whole, Floats, Whole]]:
    """For each unit: terms of each entry of r₀, row by row and column by column; and how many entries a row has."""
    for unit in units:
        columns, (pair_row, product) = len(unit.constants), unit.pairs
        counts = np.bincount(pair_row, minlength=unit.rows)
        ends = np.cumsum(counts)
        parts = [unit.constants[:, end - count : end] for count, end in zip(counts, ends, strict=True)]
        names = [np.tile(product[end - count : end], columns) for count, end in zip(counts, ends, strict=True)]
        weights = np.concatenate([each.reshape(-1) for each in parts])
        yield np.repeat(counts, columns), np.concatenate(names), weights, np.full(unit.rows, columns)
