"""Compiled loops: the log density of residuals with unknown quantities integrated out, its gradient, and draws of them.

A unit is a connected set of rows and unknown quantities z. Its residuals are r = r₀ + J z, so with Q = P + JᵀJ (P is 1
where z has a normal(0, 1) prior) and ẑ = −Q⁻¹Jᵀr₀

    log ∫ exp(−½|r|² − ½ zᵀPz) dz = −½|r₀ + Jẑ|² − ½ ẑᵀPẑ − ½ log|Q| + constant,

and its derivative is the expectation of that of −½|r|² over z ~ normal(ẑ, Q⁻¹). Q has a sparse root (`elimination`). Units
with the same J share it: each further one is another column of r₀. Units of the same structure are `lanes`; a unit of one
lane has loops of its own (`singles`). Compiled once for an installation; the data are arguments, a `layout.Layout`.
"""

import numpy as np

from mechanisms.infer.compiling import compiled
from mechanisms.infer.marginal.units.lanes import (
    add_slopes_lanes,
    add_spread_lanes,
    centre_lanes,
    factorise_lanes,
    invert_lanes,
    return_lanes,
)
from mechanisms.infer.marginal.units.singles import add_slopes, add_spread, centre, factorise, invert, put_back

BLOCK = 64  # columns of a unit of one lane that are worked on at once


@compiled()
def _multiply(symbols, factors):  # type: ignore[no-untyped-def]
    out = np.ones(factors.shape[0])
    for m in range(factors.shape[0]):
        for d in range(factors.shape[1]):
            if factors[m, d] < 0:
                break
            out[m] *= symbols[factors[m, d]]
    return out


@compiled()
def _multiply_back(symbols, factors, slopes, back):  # type: ignore[no-untyped-def]
    """Add to `back` the slopes by the symbols, given those by the products."""
    for m in range(factors.shape[0]):
        if slopes[m] == 0.0:
            continue
        for d in range(factors.shape[1]):
            if factors[m, d] < 0:
                break
            other = slopes[m]
            for e in range(factors.shape[1]):
                if factors[m, e] < 0:
                    break
                if e != d:
                    other *= symbols[factors[m, e]]
            back[factors[m, d]] += other


@compiled(inline="always")
def _enter(layout, products):  # type: ignore[no-untyped-def]
    """The entries' values, of each unit (entries, lanes)."""
    out = np.zeros(layout.unit_values[-1])
    for unit in range(len(layout.lanes)):
        lanes, w = layout.lanes[unit], layout.unit_weights[unit]
        first, last = layout.unit_entries[unit], layout.unit_entries[unit + 1]
        if lanes == 1:
            shift = layout.unit_values[unit] - first
            for e in range(first, last):
                total = 0.0
                for t in range(layout.starts[e], layout.starts[e + 1]):
                    total += layout.weights[w] * products[layout.products[t]]
                    w += 1
                out[shift + e] = total
            continue
        own = _of_unit(layout, unit, out)
        weights = layout.weights[w : layout.unit_weights[unit + 1]].reshape((-1, lanes))
        for e in range(first, last):
            for t in range(layout.starts[e], layout.starts[e + 1]):
                product = products[layout.products[t]]
                for b in range(lanes):
                    own[e - first, b] += weights[t - layout.starts[first], b] * product
    return out


@compiled(inline="always")
def _of_unit(layout, unit, values):  # type: ignore[no-untyped-def]
    """A unit's part of values, (entries, lanes)."""
    part = values[layout.unit_values[unit] : layout.unit_values[unit + 1]]
    return part.reshape((layout.unit_entries[unit + 1] - layout.unit_entries[unit], layout.lanes[unit]))


@compiled(inline="always")
def _return_slopes(layout, symbols, count, slopes, back):  # type: ignore[no-untyped-def]
    """Write the slopes by the symbols, given those by the entries."""
    by_product = np.zeros(count)
    for unit in range(len(layout.lanes)):
        lanes, at, w = layout.lanes[unit], layout.unit_values[unit], layout.unit_weights[unit]
        if lanes == 1:
            for e in range(layout.unit_entries[unit], layout.unit_entries[unit + 1]):
                for t in range(layout.starts[e], layout.starts[e + 1]):
                    by_product[layout.products[t]] += layout.weights[w] * slopes[at]
                    w += 1
                at += 1
            continue
        for e in range(layout.unit_entries[unit], layout.unit_entries[unit + 1]):
            for t in range(layout.starts[e], layout.starts[e + 1]):
                total = 0.0
                for b in range(lanes):
                    total += layout.weights[w + b] * slopes[at + b]
                by_product[layout.products[t]] += total
                w += lanes
            at += lanes
    back[:] = 0.0
    for s in range(len(layout.log_weights)):
        if layout.log_weights[s] != 0.0:
            back[s] = layout.log_weights[s] / symbols[s]
    _multiply_back(symbols, layout.factors, by_product, back)


@compiled(inline="always")
def _find_room(layout):  # type: ignore[no-untyped-def]
    """The most entries that roots have, quantities that a unit of one lane has, and numbers that a column takes in others."""
    entries, widest, column = 1, 1, 1
    for unit in range(len(layout.lanes)):
        first, last, lanes = layout.unit_unknowns[unit], layout.unit_unknowns[unit + 1], layout.lanes[unit]
        entries = max(entries, (layout.root_starts[last] - layout.root_starts[first]) * lanes)
        if lanes == 1:
            widest = max(widest, last - first)
        else:
            column = max(column, max(last - first, 1) * lanes)
    return entries, widest, column


@compiled(inline="always")
def _add_single(layout, unit, values, root, inverse, centred, rest, slopes):  # type: ignore[no-untyped-def]
    """The log density of a unit of one lane; add to `slopes` its derivatives by the entries."""
    size, total = layout.unit_unknowns[unit + 1] - layout.unit_unknowns[unit], 0.0
    if size:
        total -= 0.5 * layout.members[layout.unit_members[unit]] * factorise(layout, unit, values, root)
        if np.isnan(total):
            return total
    for column in range(0, layout.columns[unit], BLOCK):
        count = min(BLOCK, layout.columns[unit] - column)
        if size:
            centre(layout, unit, values, root, column, count, centred)
        total -= 0.5 * add_slopes(layout, unit, values, column, count, centred, rest, slopes)
    if size and len(slopes):
        invert(layout, unit, root, inverse)
        add_spread(layout, unit, values, inverse, slopes)
    return total


@compiled(inline="always")
def _add_lanes(layout, unit, values, room, more, other, rest, slopes):  # type: ignore[no-untyped-def]
    """The same for a unit of several lanes."""
    first, last, lanes = layout.unit_unknowns[unit], layout.unit_unknowns[unit + 1], layout.lanes[unit]
    size, entries = last - first, layout.root_starts[last] - layout.root_starts[first]
    root, centred = room[: entries * lanes].reshape((entries, lanes)), other[: size * lanes].reshape((size, lanes))
    own, total = _of_unit(layout, unit, values), 0.0
    sloped = _of_unit(layout, unit, slopes) if len(slopes) else own[:0]
    if size:
        total -= 0.5 * factorise_lanes(layout, unit, own, root)
        if np.isnan(total):
            return total
    for column in range(layout.columns[unit]):
        if size:
            centre_lanes(layout, unit, own, root, column, centred)
        total -= 0.5 * add_slopes_lanes(layout, unit, own, column, centred, rest, sloped)
    if size and len(slopes):
        inverse = more[: entries * lanes].reshape((entries, lanes))
        invert_lanes(layout, unit, root, inverse)
        add_spread_lanes(layout, unit, own, inverse, sloped)
    return total


@compiled(inline="always")
def collapse(layout, symbols, back):  # type: ignore[no-untyped-def]
    """The log density at these symbols, up to a constant; its slopes by the symbols into `back`, if that has any length."""
    products = _multiply(symbols, layout.factors)
    values = _enter(layout, products)
    slopes = np.zeros(len(values) if len(back) else 0)
    entries, widest, column = _find_room(layout)
    root, inverse, centred, fit = np.empty(entries), np.empty(entries), np.empty((widest, BLOCK)), np.empty(BLOCK)
    other, rest = np.empty(column), np.empty(column)
    total = 0.0
    for s in range(len(layout.log_weights)):
        if layout.log_weights[s] != 0.0:
            total += layout.log_weights[s] * np.log(symbols[s])
    for unit in range(len(layout.lanes)):
        if layout.lanes[unit] == 1:
            total += _add_single(layout, unit, values, root, inverse, centred, fit, slopes)
        else:
            total += _add_lanes(layout, unit, values, root, inverse, other, rest, slopes)
        if np.isnan(total):
            return total
    if len(back):
        _return_slopes(layout, symbols, len(products), slopes, back)
    return total


@compiled()
def condition(layout, symbols, owners, drawn):  # type: ignore[no-untyped-def]
    """Turn `drawn` (points, quantities), normal(0, 1), into draws of the unknown quantities given data and symbols.

    `owners` lists for each unit, column by column and quantity by quantity, which quantities those of the lanes are.
    """
    entries, widest, column = _find_room(layout)
    root, centred, noise = np.empty(entries), np.empty((widest, BLOCK)), np.empty((widest, BLOCK))
    other, more = np.empty(column), np.empty(column)
    for point in range(len(symbols)):
        values, place = _enter(layout, _multiply(symbols[point], layout.factors)), 0
        for unit in range(len(layout.lanes)):
            size, lanes = layout.unit_unknowns[unit + 1] - layout.unit_unknowns[unit], layout.lanes[unit]
            if size == 0:
                continue
            if lanes == 1:
                factorise(layout, unit, values, root)
                for first in range(0, layout.columns[unit], BLOCK):
                    count = min(BLOCK, layout.columns[unit] - first)
                    centre(layout, unit, values, root, first, count, centred)
                    for c in range(count):
                        for k in range(size):
                            noise[k, c] = drawn[point, owners[place + c * size + k]]
                    put_back(layout, unit, root, count, noise)
                    for c in range(count):
                        for k in range(size):
                            drawn[point, owners[place + c * size + k]] = centred[k, c] + noise[k, c]
                    place += count * size
                continue
            place = _condition_lanes(layout, unit, values, owners, place, drawn[point], root, other, more)


@compiled(inline="always")
def _condition_lanes(layout, unit, values, owners, place, drawn, room, other, more):  # type: ignore[no-untyped-def]
    """The same for a unit of several lanes; where its part of `owners` ends."""
    first, last, lanes = layout.unit_unknowns[unit], layout.unit_unknowns[unit + 1], layout.lanes[unit]
    size, entries = last - first, layout.root_starts[last] - layout.root_starts[first]
    own, root = _of_unit(layout, unit, values), room[: entries * lanes].reshape((entries, lanes))
    centred, noise = other[: size * lanes].reshape((size, lanes)), more[: size * lanes].reshape((size, lanes))
    factorise_lanes(layout, unit, own, root)
    for column in range(layout.columns[unit]):
        for k in range(size * lanes):
            more[k] = drawn[owners[place + k]]
        centre_lanes(layout, unit, own, root, column, centred)
        return_lanes(layout, unit, root, noise)
        for k in range(size * lanes):
            drawn[owners[place + k]] = other[k] + more[k]
        place += size * lanes
    return place
