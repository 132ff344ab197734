"""From residuals to units: connected sets of rows and unknown quantities, those of the same structure together.

Units whose unknown quantities enter alike share one matrix J. Where they are many, their constants are replaced by the
triangular factor of a QR decomposition: as few columns as there are terms, with the same sums of squares and products.
These are the sufficient statistics of a pattern of missing values, so that the cost does not grow with the units. Units
that differ in their numbers alone (clients with slopes on their own values) are lanes of one, worked on side by side.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from mechanisms.infer.marginal.keeping import keep_with
from mechanisms.infer.marginal.units.elimination import Elimination, eliminate
from mechanisms.infer.marginal.units.gaussian import Residuals
from mechanisms.infer.marginal.units.reduction import Terms, merge_terms, turn_rows

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
FEWEST = 4  # lanes: below it they are not worth their own loops


@dataclass(frozen=True, eq=False)
class Unit:
    """Sets of `rows` residuals with a J of one structure, `slopes`, with `weights` (lanes, terms) of its own in each lane.

    `constants` (lanes, columns, pairs) weigh the (row, product) `pairs`; a lane stands for `members` (lanes,).
    `owners` (lanes, members, unknowns) says which quantities the unknowns of each member are, `flat` which have no prior;
    they stand in the order of their `root`, None where that takes too much.
    """

    rows: int
    slopes: Terms
    weights: Floats
    pairs: tuple[Whole, Whole]
    constants: Floats
    members: Floats
    owners: Whole
    flat: NDArray[np.bool_]
    root: Elimination | None = None


@keep_with(0)
def find_units(residuals: Residuals, *, compressed: bool) -> tuple[Unit, ...]:
    """The units of a block; `compressed` with constants of the same sums of squares in place of each member's own."""
    found = _gather_units(residuals)
    joined = _join([_compress(each) for each in found] if compressed else found)
    return tuple(_order(each) for each in joined)


@keep_with(0)
def _gather_units(residuals: Residuals) -> list[Unit]:
    """Rows and unknown quantities that hang together, those of the same J together."""
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
    return found + _of_sets(terms, residuals, labels, alone)


def count_work(units: tuple[Unit, ...]) -> float:
    """About how many multiplications one log density takes with its gradient."""
    total = 0.0
    for each in units:
        if each.root is None:
            return np.inf
        entries = np.bincount(
            np.unique(each.slopes.row * len(each.flat) + each.slopes.unknown) // max(1, len(each.flat))
        )
        own = 2 * len(each.slopes.row) + entries @ (entries + 1) + 3 * len(each.root.updates)
        columns = each.constants.shape[1]
        total += (
            len(each.members) * (own + columns * (3 * entries.sum() + 2 * len(each.root.rows)))
            + 2 * each.constants.size
        )
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


def _order(unit: Unit) -> Unit:
    """Unknown quantities in the order in which they are eliminated."""
    root = eliminate(len(unit.flat), unit.slopes.row, unit.slopes.unknown)
    if root is None:
        return unit
    rank = np.empty(len(root.order), dtype=np.int64)
    rank[root.order] = np.arange(len(rank))
    terms = unit.slopes
    order = np.lexsort((terms.product, rank[terms.unknown], terms.row))
    slopes = Terms(terms.row, rank[terms.unknown], terms.product, terms.weight).part(order)
    flat, owners = unit.flat[root.order], unit.owners[..., root.order]
    return replace(unit, slopes=slopes, weights=unit.weights[:, order], flat=flat, owners=owners, root=root)


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
