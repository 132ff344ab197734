"""Compiled loops: the log density of residuals with unknown quantities integrated out, its gradient, and draws of them.

A unit is a connected set of rows and unknown quantities z. Its residuals are r = r₀ + J z, so with Q = P + JᵀJ (P is 1
where z has a normal(0, 1) prior) and ẑ = −Q⁻¹Jᵀr₀

    log ∫ exp(−½|r|² − ½ zᵀPz) dz = −½|r₀ + Jẑ|² − ½ ẑᵀPẑ − ½ log|Q| + constant,

and its derivative is the expectation of that of −½|r|² over z ~ normal(ẑ, Q⁻¹). Units with the same J share it: each
further one is another column of r₀. Units of the same structure are lanes (`marginal.lanes`); a unit of one lane is
worked on here, by loops that are written into their caller: handing a layout on costs as much as what they do. Compiled
once for an installation; the data are arguments, a `layout.Layout`.
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
def _shift(layout, unit):  # type: ignore[no-untyped-def]
    """How far the values of a unit of one lane stand from its entries."""
    return layout.unit_values[unit] - layout.unit_entries[unit]


@compiled(inline="always")
def _factorise(layout, unit, values, root):  # type: ignore[no-untyped-def]
    """Write the Cholesky root of Q into `root` and return log|Q|; nan where Q is not positive definite."""
    first, shift = layout.unit_unknowns[unit], _shift(layout, unit)
    size = layout.unit_unknowns[unit + 1] - first
    for k in range(size):
        for j in range(k):
            root[k, j] = 0.0
        root[k, k] = layout.priors[first + k]
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        begin = layout.row_entries[i]
        for one in range(begin, begin + layout.row_sizes[i]):
            for two in range(begin, one + 1):
                root[layout.places[one], layout.places[two]] += values[shift + one] * values[shift + two]
    log_det = 0.0
    for k in range(size):
        for j in range(k + 1):
            total = root[k, j]
            for i in range(j):
                total -= root[k, i] * root[j, i]
            if j < k:
                root[k, j] = total / root[j, j]
            elif total > 0.0:
                root[k, k] = np.sqrt(total)
                log_det += np.log(total)
            else:
                return np.nan
    return log_det


@compiled(inline="always")
def _centre(layout, unit, values, root, column, out):  # type: ignore[no-untyped-def]
    """Write ẑ of one column into `out`."""
    size, shift = layout.unit_unknowns[unit + 1] - layout.unit_unknowns[unit], _shift(layout, unit)
    out[:size] = 0.0
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        constant, begin = values[shift + layout.row_constants[i] + column], layout.row_entries[i]
        for e in range(begin, begin + layout.row_sizes[i]):
            out[layout.places[e]] -= values[shift + e] * constant
    for k in range(size):
        for j in range(k):
            out[k] -= root[k, j] * out[j]
        out[k] /= root[k, k]
    _back(root, out, size)


@compiled()
def _back(root, out, size):  # type: ignore[no-untyped-def]
    """Solve rootᵀ x = out in place."""
    for k in range(size - 1, -1, -1):
        for j in range(k + 1, size):
            out[k] -= root[j, k] * out[j]
        out[k] /= root[k, k]


@compiled()
def _invert(root, size, out):  # type: ignore[no-untyped-def]
    """Write Q⁻¹ into `out`."""
    for k in range(size):
        for j in range(size):
            out[k, j] = 0.0
        out[k, k] = 1.0
        for i in range(k, size):
            for j in range(k, i):
                out[k, i] -= root[i, j] * out[k, j]
            out[k, i] /= root[i, i]
        _back(root, out[k], size)


@compiled(inline="always")
def _add_slopes(layout, unit, values, column, centre, slopes):  # type: ignore[no-untyped-def]
    """The fit of one column; add to `slopes` the derivatives by the entries. Returns |r|² + ẑᵀPẑ."""
    first, shift = layout.unit_unknowns[unit], _shift(layout, unit)
    square = 0.0
    for k in range(layout.unit_unknowns[unit + 1] - first):
        square += layout.priors[first + k] * centre[k] ** 2
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        own, begin = shift + layout.row_constants[i] + column, layout.row_entries[i]
        rest = values[own]
        for e in range(begin, begin + layout.row_sizes[i]):
            rest += values[shift + e] * centre[layout.places[e]]
        square += rest * rest
        if len(slopes):
            slopes[own] -= rest
            for e in range(begin, begin + layout.row_sizes[i]):
                slopes[shift + e] -= rest * centre[layout.places[e]]
    return square


@compiled(inline="always")
def _add_spread(layout, unit, values, inverse, slopes):  # type: ignore[no-untyped-def]
    """Add to `slopes` what the uncertainty of the unknown quantities contributes."""
    members, shift = layout.members[layout.unit_members[unit]], _shift(layout, unit)
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        begin = layout.row_entries[i]
        for one in range(begin, begin + layout.row_sizes[i]):
            total = 0.0
            for two in range(begin, begin + layout.row_sizes[i]):
                total += values[shift + two] * inverse[layout.places[one], layout.places[two]]
            slopes[shift + one] -= members * total


@compiled(inline="always")
def _return_slopes(layout, symbols, count, slopes, back):  # type: ignore[no-untyped-def]
    """Write the slopes by the symbols, given those by the entries."""
    by_product = np.zeros(count)
    for unit in range(len(layout.lanes)):
        lanes, at, w = layout.lanes[unit], layout.unit_values[unit], layout.unit_weights[unit]
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
    """The most unknown quantities that a unit of one lane has; and how many numbers a square of them and a column take in others."""
    widest, square, column = 1, 1, 1
    for unit in range(len(layout.lanes)):
        size, lanes = layout.unit_unknowns[unit + 1] - layout.unit_unknowns[unit], layout.lanes[unit]
        if lanes == 1:
            widest = max(widest, size)
        else:
            square, column = max(square, size * size * lanes), max(column, max(size, 1) * lanes)
    return widest, square, column


@compiled(inline="always")
def _add_single(layout, unit, values, root, inverse, centre, slopes):  # type: ignore[no-untyped-def]
    """The log density of a unit of one lane; add to `slopes` its derivatives by the entries."""
    size, total = layout.unit_unknowns[unit + 1] - layout.unit_unknowns[unit], 0.0
    if size:
        total -= 0.5 * layout.members[layout.unit_members[unit]] * _factorise(layout, unit, values, root)
        if np.isnan(total):
            return total
    for column in range(layout.columns[unit]):
        if size:
            _centre(layout, unit, values, root, column, centre)
        total -= 0.5 * _add_slopes(layout, unit, values, column, centre, slopes)
    if size and len(slopes):
        _invert(root, size, inverse)
        _add_spread(layout, unit, values, inverse, slopes)
    return total


@compiled(inline="always")
def _add_lanes(layout, unit, values, room, more, other, rest, slopes):  # type: ignore[no-untyped-def]
    """The same for a unit of several lanes."""
    size, lanes = layout.unit_unknowns[unit + 1] - layout.unit_unknowns[unit], layout.lanes[unit]
    root, centre = (
        room[: size * size * lanes].reshape((size, size, lanes)),
        other[: size * lanes].reshape((size, lanes)),
    )
    own, total = _of_unit(layout, unit, values), 0.0
    sloped = _of_unit(layout, unit, slopes) if len(slopes) else own[:0]
    if size:
        total -= 0.5 * factorise_lanes(layout, unit, own, root)
        if np.isnan(total):
            return total
    for column in range(layout.columns[unit]):
        if size:
            centre_lanes(layout, unit, own, root, column, centre)
        total -= 0.5 * add_slopes_lanes(layout, unit, own, column, centre, rest, sloped)
    if size and len(slopes):
        inverse = more[: size * size * lanes].reshape((size, size, lanes))
        invert_lanes(root, inverse)
        add_spread_lanes(layout, unit, own, inverse, sloped)
    return total


@compiled(inline="always")
def collapse(layout, symbols, back):  # type: ignore[no-untyped-def]
    """The log density at these symbols, up to a constant; its slopes by the symbols into `back`, if that has any length."""
    products = _multiply(symbols, layout.factors)
    values = _enter(layout, products)
    slopes = np.zeros(len(values) if len(back) else 0)
    widest, square, column = _find_room(layout)
    root, inverse, centre = np.zeros((widest, widest)), np.zeros((widest, widest)), np.zeros(widest)
    room, more, other, rest = np.empty(square), np.empty(square), np.empty(column), np.empty(column)
    total = 0.0
    for s in range(len(layout.log_weights)):
        if layout.log_weights[s] != 0.0:
            total += layout.log_weights[s] * np.log(symbols[s])
    for unit in range(len(layout.lanes)):
        if layout.lanes[unit] == 1:
            total += _add_single(layout, unit, values, root, inverse, centre, slopes)
        else:
            total += _add_lanes(layout, unit, values, room, more, other, rest, slopes)
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
    widest, square, column = _find_room(layout)
    single, alone, apart = np.zeros((widest, widest)), np.zeros(widest), np.zeros(widest)
    room, other, more = np.empty(square), np.empty(column), np.empty(column)
    for point in range(len(symbols)):
        values = _enter(layout, _multiply(symbols[point], layout.factors))
        place = 0
        for unit in range(len(layout.lanes)):
            size, lanes = layout.unit_unknowns[unit + 1] - layout.unit_unknowns[unit], layout.lanes[unit]
            if size == 0:
                continue
            root = (
                room[: size * size * lanes].reshape((size, size, lanes))
                if lanes > 1
                else single.reshape((widest, widest, 1))
            )
            centre, noise = (other, more) if lanes > 1 else (alone, apart)
            if lanes > 1:
                factorise_lanes(layout, unit, _of_unit(layout, unit, values), root)
            else:
                _factorise(layout, unit, values, single)
            for each in range(layout.columns[unit]):
                for k in range(size * lanes):
                    noise[k] = drawn[point, owners[place + k]]
                if lanes > 1:
                    own = centre[: size * lanes].reshape((size, lanes))
                    centre_lanes(layout, unit, _of_unit(layout, unit, values), root, each, own)
                    return_lanes(root, noise[: size * lanes].reshape((size, lanes)))
                else:
                    _centre(layout, unit, values, single, each, centre)
                    _back(single, noise, size)
                for k in range(size * lanes):
                    drawn[point, owners[place + k]] = centre[k] + noise[k]
                place += size * lanes
