"""Units as flat arrays, for compiled loops."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mechanisms.infer.marginal.units.elimination import pair_up
from mechanisms.infer.marginal.units.gaussian import Residuals
from mechanisms.infer.marginal.units.unit import Unit

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


class Layout(NamedTuple):
    """Units as flat arrays.

    `factors` (products, degree) are the symbols of each product, −1 where there are fewer. A unit has entries from
    `unit_entries`, rows from `unit_rows`, unknown quantities from `unit_unknowns` (`priors` is 1 or 0 for each),
    `columns` of r₀, and `lanes`; lane l stands for `members[unit_members + l]` units. An entry is the sum of its terms
    from `starts`, products times `weights`; term t of unit u has the weights of its lanes from
    `unit_weights[u]` + lanes · (t − the unit's first), and values of entries stand likewise from `unit_values`.
    Row i has `row_sizes[i]` entries of J from `row_entries[i]`, for the unit's quantities `places`; its r₀ are the entries
    from `row_constants[i]`. The column of quantity k in the root of JᵀJ is at the `root_rows` from `root_starts[k]`,
    `updates` from `unit_updates` (`elimination`), and products of entries of row i belong at its `pairs` from
    `row_pairs[i]`; places in the root count from the unit's first.
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
    row_pairs: Whole
    pairs: Whole
    root_starts: Whole
    root_rows: Whole
    unit_updates: Whole
    updates: Whole
    log_weights: Floats


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
    roots = [each.root for each in units if each.root is not None]
    sizes = np.concatenate([np.zeros(0), *(each[3] for each in slopes)]).astype(np.int64)
    pairs = list(_pair_entries(units, slopes))
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
        row_sizes=sizes,
        places=np.concatenate([part[4] for part in parts]).astype(np.int64),
        row_constants=np.concatenate([np.zeros(0), *row_constants]).astype(np.int64),
        row_pairs=_counted(sizes * (sizes + 1) // 2),
        pairs=np.concatenate([np.zeros(0), *pairs]).astype(np.int64),
        root_starts=_counted(np.concatenate([np.zeros(0), *(np.diff(each.starts) for each in roots)])),
        root_rows=np.concatenate([np.zeros(0), *(each.rows for each in roots)]).astype(np.int64),
        unit_updates=_counted([len(each.updates) for each in roots]),
        updates=np.concatenate([np.zeros(0), *(each.updates for each in roots)]).astype(np.int64),
        log_weights=residuals.log_weights,
    )


def _counted(sizes: Whole | list[int]) -> Whole:
    """Where each of some parts begins, and where the last ends."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _slope_entries(units: tuple[Unit, ...]) -> Iterator[tuple[Whole, Whole, Floats, Whole, Whole]]:
    """For each unit: terms of each entry of J, their products and weights, entries of each row, and whose they are."""
    for unit in units:
        key = unit.slopes.row * (len(unit.flat) + 1) + unit.slopes.unknown
        entries, first, lengths = np.unique(key, return_index=True, return_counts=True)
        rows = np.bincount(entries // (len(unit.flat) + 1), minlength=unit.rows)
        yield lengths, unit.slopes.product, unit.weights, rows, unit.slopes.unknown[first]


def _pair_entries(units: tuple[Unit, ...], slopes: list[tuple[Whole, Whole, Floats, Whole, Whole]]) -> Iterator[Whole]:
    """For each row of each unit: where in the root products of its entries belong."""
    for unit, (_, _, _, sizes, places) in zip(units, slopes, strict=True):
        if unit.root is None:
            raise AssertionError("a root that takes too much is not laid out")
        pairs = [pair_up(size) for size in sizes]
        begins = np.repeat(np.cumsum(sizes) - sizes, [len(one) for one, _ in pairs])
        one, other = (
            np.concatenate([np.zeros(0), *each]).astype(np.int64) + begins for each in zip(*pairs, strict=True)
        )
        yield unit.root.find(places[one], places[other])


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
