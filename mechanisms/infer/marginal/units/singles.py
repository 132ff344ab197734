"""Compiled loops of `kernels` for units of one lane, written into their caller; the column of r₀ is the innermost index.

Handing a layout on costs as much as what they do. Columns are worked on a few at a time, `count` from `column` on.
"""

import numpy as np

from mechanisms.infer.compiling import compiled_within

BLOCK = 64  # columns that are worked on at once


@compiled_within(error_model="numpy", forceinline=True)
def _find_shift(layout, unit):  # type: ignore[no-untyped-def]
    """How far the values of a unit of one lane stand from its entries."""
    return layout.unit_values[unit] - layout.unit_entries[unit]


@compiled_within(error_model="numpy", forceinline=True)
def _factorise(layout, unit, values, root):  # type: ignore[no-untyped-def]
    """Write the entries of the Cholesky root of Q into `root` and return log|Q|; nan where Q is not positive definite."""
    first, last, shift = layout.unit_unknowns[unit], layout.unit_unknowns[unit + 1], _find_shift(layout, unit)
    begin, update, log_det = layout.root_starts[first], layout.unit_updates[unit], 0.0
    root[: layout.root_starts[last] - begin] = 0.0
    for k in range(first, last):
        root[layout.root_starts[k] - begin] = layout.priors[k]
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        at, pair = layout.row_entries[i], layout.row_pairs[i]
        for one in range(at, at + layout.row_sizes[i]):
            for two in range(at, one + 1):
                root[layout.pairs[pair]] += values[shift + one] * values[shift + two]
                pair += 1
    for k in range(first, last):
        at, end = layout.root_starts[k] - begin, layout.root_starts[k + 1] - begin
        if not root[at] > 0.0:
            return np.nan
        log_det += np.log(root[at])
        root[at] = np.sqrt(root[at])
        for e in range(at + 1, end):
            root[e] /= root[at]
        for one in range(at + 1, end):
            for two in range(at + 1, one + 1):
                root[layout.updates[update]] -= root[one] * root[two]
                update += 1
    return log_det


@compiled_within(error_model="numpy", forceinline=True)
def _centre(layout, unit, values, root, column, count, out):  # type: ignore[no-untyped-def]
    """Write ẑ (quantities, columns) into `out`."""
    first, shift = layout.unit_unknowns[unit], _find_shift(layout, unit)
    begin, size = layout.root_starts[first], layout.unit_unknowns[unit + 1] - first
    for k in range(size):
        for c in range(count):
            out[k, c] = 0.0
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        constant, at = shift + layout.row_constants[i] + column, layout.row_entries[i]
        for e in range(at, at + layout.row_sizes[i]):
            k, value = layout.places[e], values[shift + e]
            for c in range(count):
                out[k, c] -= value * values[constant + c]
    for k in range(size):
        at, end = layout.root_starts[first + k] - begin, layout.root_starts[first + k + 1] - begin
        for c in range(count):
            out[k, c] /= root[at]
        for e in range(at + 1, end):
            i = layout.root_rows[begin + e]
            for c in range(count):
                out[i, c] -= root[e] * out[k, c]
    _put_back(layout, unit, root, count, out)


@compiled_within(error_model="numpy", forceinline=True)
def _put_back(layout, unit, root, count, out):  # type: ignore[no-untyped-def]
    """Solve rootᵀ x = out in place."""
    first = layout.unit_unknowns[unit]
    begin, size = layout.root_starts[first], layout.unit_unknowns[unit + 1] - first
    for k in range(size - 1, -1, -1):
        at, end = layout.root_starts[first + k] - begin, layout.root_starts[first + k + 1] - begin
        for e in range(at + 1, end):
            i = layout.root_rows[begin + e]
            for c in range(count):
                out[k, c] -= root[e] * out[i, c]
        for c in range(count):
            out[k, c] /= root[at]


@compiled_within(error_model="numpy", forceinline=True)
def _invert(layout, unit, root, out):  # type: ignore[no-untyped-def]
    """Write Q⁻¹ into `out`, where the root has entries."""
    first, update = layout.unit_unknowns[unit], layout.unit_updates[unit + 1]
    begin = layout.root_starts[first]
    for k in range(layout.unit_unknowns[unit + 1] - 1, first - 1, -1):
        at, end = layout.root_starts[k] - begin, layout.root_starts[k + 1] - begin
        update -= (end - at - 1) * (end - at) // 2
        pair = update
        for one in range(at + 1, end):
            total = 0.0
            for two in range(at + 1, one):
                inverse = out[layout.updates[pair]]
                pair += 1
                total -= root[two] * inverse
                out[two] -= root[one] * inverse
            out[one] = total - root[one] * out[layout.updates[pair]]
            pair += 1
        total = 1 / root[at]
        for e in range(at + 1, end):
            out[e] /= root[at]
            total -= root[e] * out[e]
        out[at] = total / root[at]


@compiled_within(error_model="numpy", forceinline=True)
def _add_slopes(layout, unit, values, column, count, centred, rest, slopes):  # type: ignore[no-untyped-def]
    """The fit of some columns; add to `slopes` the derivatives by the entries. Returns |r|² + ẑᵀPẑ."""
    first, shift = layout.unit_unknowns[unit], _find_shift(layout, unit)
    square = 0.0
    for k in range(layout.unit_unknowns[unit + 1] - first):
        if layout.priors[first + k] > 0.0:
            for c in range(count):
                square += centred[k, c] ** 2
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        own, at = shift + layout.row_constants[i] + column, layout.row_entries[i]
        for c in range(count):
            rest[c] = values[own + c]
        for e in range(at, at + layout.row_sizes[i]):
            k, value = layout.places[e], values[shift + e]
            for c in range(count):
                rest[c] += value * centred[k, c]
        for c in range(count):
            square += rest[c] * rest[c]
        if len(slopes):
            for c in range(count):
                slopes[own + c] -= rest[c]
            for e in range(at, at + layout.row_sizes[i]):
                k, total = layout.places[e], 0.0
                for c in range(count):
                    total += rest[c] * centred[k, c]
                slopes[shift + e] -= total
    return square


@compiled_within(error_model="numpy", forceinline=True)
def _add_spread(layout, unit, values, inverse, slopes):  # type: ignore[no-untyped-def]
    """Add to `slopes` what the uncertainty of the unknown quantities contributes."""
    members, shift = layout.members[layout.unit_members[unit]], _find_shift(layout, unit)
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        at, pair = layout.row_entries[i], layout.row_pairs[i]
        for one in range(at, at + layout.row_sizes[i]):
            for two in range(at, one):
                share = members * inverse[layout.pairs[pair]]
                pair += 1
                slopes[shift + one] -= share * values[shift + two]
                slopes[shift + two] -= share * values[shift + one]
            slopes[shift + one] -= members * inverse[layout.pairs[pair]] * values[shift + one]
            pair += 1


@compiled_within(error_model="numpy")
def go_through_singles(layout, values, slopes, owners, drawn):  # type: ignore[no-untyped-def]
    """The log density of units of one lane; add to `slopes`, if it has any length, its derivatives by the entries.

    If `drawn` has any length, draws of the unknown quantities take its place at `owners`.
    """
    entries, widest = _find_room(layout)
    root, inverse, rest = np.empty(entries), np.empty(entries), np.empty(BLOCK)
    centred, noise = np.empty((widest, BLOCK)), np.empty((widest, BLOCK))
    total, place = 0.0, 0
    for unit in range(len(layout.lanes)):
        size, columns = layout.unit_unknowns[unit + 1] - layout.unit_unknowns[unit], layout.columns[unit]
        if layout.lanes[unit] > 1:
            place += columns * size * layout.lanes[unit]
            continue
        if size:
            total -= 0.5 * layout.members[layout.unit_members[unit]] * _factorise(layout, unit, values, root)
            if np.isnan(total):
                return total
        for column in range(0, columns, BLOCK):
            count = min(BLOCK, columns - column)
            if size:
                _centre(layout, unit, values, root, column, count, centred)
            if len(drawn) == 0:
                total -= 0.5 * _add_slopes(layout, unit, values, column, count, centred, rest, slopes)
                continue
            for c in range(count):
                for k in range(size):
                    noise[k, c] = drawn[owners[place + c * size + k]]
            _put_back(layout, unit, root, count, noise)
            for c in range(count):
                for k in range(size):
                    drawn[owners[place + c * size + k]] = centred[k, c] + noise[k, c]
            place += count * size
        if size and len(slopes):
            _invert(layout, unit, root, inverse)
            _add_spread(layout, unit, values, inverse, slopes)
    return total


@compiled_within()
def _find_room(layout):  # type: ignore[no-untyped-def]
    """The most entries that roots of units of one lane have, and the most quantities."""
    entries, widest = 1, 1
    for unit in range(len(layout.lanes)):
        first, last = layout.unit_unknowns[unit], layout.unit_unknowns[unit + 1]
        if layout.lanes[unit] == 1:
            entries, widest = (
                max(entries, layout.root_starts[last] - layout.root_starts[first]),
                max(widest, last - first),
            )
    return entries, widest
