"""From residuals to units: connected sets of rows and unknown quantities, those of the same structure together.

Units whose unknown quantities enter alike share one matrix J. Where they are many, their constants are replaced by the
triangular factor of a QR decomposition: as few columns as there are terms, with the same sums of squares and products.
These are the sufficient statistics of a pattern of missing values, so that the cost does not grow with the units. Units
that differ in their numbers alone (clients with slopes on their own values) are lanes of one, worked on side by side.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from mechanisms.infer.marginal.keeping import keep_with
from mechanisms.infer.marginal.units.gaussian import Residuals
from mechanisms.infer.marginal.units.reduction import Terms, merge_terms, turn_rows

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
FEWEST = 4  # lanes: below it they are not worth their own loops


class Layout(NamedTuple):
    """Units as flat arrays.

    `factors` (products, degree) are the symbols of each product, −1 where there are fewer. A unit has entries from
    `unit_entries`, rows from `unit_rows`, unknown quantities from `unit_unknowns` (`priors` is 1 or 0 for each),
    `columns` of r₀, and `lanes`; lane l stands for `members[unit_members + l]` units. An entry is the sum of its terms
    from `starts`, products times `weights`; term t of unit u has the weights of its lanes from
    `unit_weights[u]` + lanes · (t − the unit's first), and values of entries stand likewise from `unit_values`.
    Row i has `row_sizes[i]` entries of J from `row_entries[i]`, for the unit's quantities `places`; its r₀ are the entries
    from `row_constants[i]`.
    """

    factors: Whole
    starts: Whole
    products: Whole
    weights: Floats
    unit_entries: Whole
    unit_weights: Whole
    unit_values: Whole
    unit_rows: Whole
    unit_unknowns: Whole
    priors: Floats
    columns: Whole
    lanes: Whole
    unit_members: Whole
    members: Floats
    row_entries: Whole
    row_sizes: Whole
    places: Whole
    row_constants: Whole
    log_weights: Floats


@dataclass(frozen=True, eq=False)
class Unit:
    """Sets of `rows` residuals with a J of one structure, `slopes`, with `weights` (lanes, terms) of its own in each lane.

    `constants` (lanes, columns, pairs) weigh the (row, product) `pairs`; a lane stands for `members` (lanes,).
    `owners` (lanes, members, unknowns) says which quantities the unknowns of each member are, `flat` which have no prior.
    """

    rows: int
    slopes: Terms
    weights: Floats
    pairs: tuple[Whole, Whole]
    constants: Floats
    members: Floats
    owners: Whole
    flat: NDArray[np.bool_]


@keep_with(0)
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
    return _join([_compress(each) if compressed else each for each in found])


def lay_out(units: tuple[Unit, ...], residuals: Residuals) -> Layout:
    """The units as flat arrays."""
    products = residuals.terms.algebra.products
    degree = max(1, *(len(each) for each in products))
    factors = np.full((len(products), degree), -1, dtype=np.int64)
    for place, each in enumerate(products):
        factors[place, : len(each)] = each
    slopes, constants = list(_slope_entries(units)), list(_constant_entries(units))
    parts = [part for each in zip(slopes, constants, strict=True) for part in each]
    entries = [len(one[0]) + len(other[0]) for one, other in zip(slopes, constants, strict=True)]
    lanes = [len(each.members) for each in units]
    terms = [len(one[1]) + len(other[1]) for one, other in zip(slopes, constants, strict=True)]
    begins = np.cumsum([0, *entries])
    row_entries = [first + np.cumsum([0, *one[3][:-1]]) for first, one in zip(begins, slopes, strict=False)]
    row_constants = [
        first + len(one[0]) + len(unit.constants[0]) * np.arange(unit.rows)
        for first, unit, one in zip(begins, units, slopes, strict=False)
    ]
    return Layout(
        factors=factors,
        starts=_counted([each for part in parts for each in part[0]]),
        products=np.concatenate([part[1] for part in parts]).astype(np.int64),
        weights=np.concatenate([part[2].T.reshape(-1) for part in parts]),
        unit_entries=begins.astype(np.int64),
        unit_weights=_counted(np.multiply(terms, lanes)),
        unit_values=_counted(np.multiply(entries, lanes)),
        unit_rows=_counted([each.rows for each in units]),
        unit_unknowns=_counted([len(each.flat) for each in units]),
        priors=np.concatenate([np.zeros(0), *(1.0 - each.flat for each in units)]),
        columns=np.array([len(each.constants[0]) for each in units], dtype=np.int64),
        lanes=np.array(lanes, dtype=np.int64),
        unit_members=_counted(lanes),
        members=np.concatenate([np.zeros(0), *(each.members for each in units)]),
        row_entries=np.concatenate([np.zeros(0), *row_entries]).astype(np.int64),
        row_sizes=np.concatenate([np.zeros(0), *(each[3] for each in slopes)]).astype(np.int64),
        places=np.concatenate([part[4] for part in parts]).astype(np.int64),
        row_constants=np.concatenate([np.zeros(0), *row_constants]).astype(np.int64),
        log_weights=residuals.log_weights,
    )


def _counted(sizes: Whole | list[int]) -> Whole:
    """Where each of some parts begins, and where the last ends."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def count_work(units: tuple[Unit, ...]) -> float:
    """About how many multiplications one log density takes."""
    total = 0.0
    for each in units:
        wide = len(each.slopes.row) / max(each.rows, 1)
        total += (each.rows * wide**2 + len(each.flat) ** 3) * len(each.members) + each.constants.size
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
    owners = np.zeros((1, len(rows), 0), dtype=np.int64)
    members = np.array([len(rows)], dtype=np.float64)
    return Unit(1, nothing, np.zeros((1, 0)), pairs, constants[None], members, owners, np.zeros(0, bool))


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
    owners = np.stack([each for _, _, each, _ in members])[None]
    sizes, flat = np.array([len(members)], dtype=np.float64), residuals.flat[first]
    pairs_of = (pairs // count, pairs % count)
    return Unit(rows, slopes, slopes.weight[None], pairs_of, constants[None], sizes, owners, flat)


def _compress(unit: Unit) -> Unit:
    _, members, pairs = unit.constants.shape
    if members <= pairs:
        return unit
    return replace(unit, constants=np.linalg.qr(unit.constants, mode="r"))


def _join(units: list[Unit]) -> tuple[Unit, ...]:
    """Units that differ in their numbers alone, as lanes of one."""
    alike: dict[tuple[bytes | int, ...], list[Unit]] = {}
    for each in units:
        arrays = (each.slopes.row, each.slopes.unknown, each.slopes.product, *each.pairs, each.flat)
        shape = (each.rows, each.constants.shape[1], each.owners.shape[1])
        alike.setdefault((*shape, *(part.tobytes() for part in arrays)), []).append(each)
    names = ("weights", "constants", "members", "owners")
    found: list[Unit] = []
    for same in alike.values():
        if len(same) < FEWEST:
            found += same
        else:
            joined: dict[str, Any] = {name: np.concatenate([getattr(each, name) for each in same]) for name in names}
            found.append(replace(same[0], **joined))
    return tuple(found)


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
        yield lengths, unit.slopes.product, unit.weights, rows, unit.slopes.unknown[first]


def _constant_entries(units: tuple[Unit, ...]) -> Iterator[tuple[Whole, Whole, Floats, Whole, Whole]]:
    """For each unit the same of r₀, row by row and column by column; all are nobody's."""
    for unit in units:
        columns, (pair_row, product) = len(unit.constants[0]), unit.pairs
        counts = np.bincount(pair_row, minlength=unit.rows)
        ends = np.cumsum(counts)
        parts = [unit.constants[:, :, end - count : end] for count, end in zip(counts, ends, strict=True)]
        names = [np.tile(product[end - count : end], columns) for count, end in zip(counts, ends, strict=True)]
        weights = np.concatenate([each.reshape(len(each), -1) for each in parts], axis=1)
        nobody = np.zeros(unit.rows * columns, dtype=np.int64)
        yield np.repeat(counts, columns), np.concatenate(names), weights, np.full(unit.rows, columns), nobody
