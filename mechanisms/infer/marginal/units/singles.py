"""Compiled loops of `kernels` for a unit of one lane, written into their caller; the column of r₀ is the innermost index.

Handing a layout on costs as much as what they do. Columns are worked on a few at a time, `count` from `column` on.
"""

import numpy as np

from mechanisms.infer.compiling import compiled


@compiled(inline="always")
def find_shift(layout, unit):  # type: ignore[no-untyped-def]
    """How far the values of a unit of one lane stand from its entries."""
    return layout.unit_values[unit] - layout.unit_entries[unit]


@compiled(inline="always")
def factorise(layout, unit, values, root):  # type: ignore[no-untyped-def]
    """Write the entries of the Cholesky root of Q into `root` and return log|Q|; nan where Q is not positive definite."""
    first, last, shift = layout.unit_unknowns[unit], layout.unit_unknowns[unit + 1], find_shift(layout, unit)
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


@compiled(inline="always")
def centre(layout, unit, values, root, column, count, out):  # type: ignore[no-untyped-def]
    """Write ẑ (quantities, columns) into `out`."""
    first, shift = layout.unit_unknowns[unit], find_shift(layout, unit)
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
    put_back(layout, unit, root, count, out)


@compiled(inline="always")
def put_back(layout, unit, root, count, out):  # type: ignore[no-untyped-def]
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


@compiled(inline="always")
def invert(layout, unit, root, out):  # type: ignore[no-untyped-def]
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


@compiled(inline="always")
def add_slopes(layout, unit, values, column, count, centred, rest, slopes):  # type: ignore[no-untyped-def]
    """The fit of some columns; add to `slopes` the derivatives by the entries. Returns |r|² + ẑᵀPẑ."""
    first, shift = layout.unit_unknowns[unit], find_shift(layout, unit)
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


@compiled(inline="always")
def add_spread(layout, unit, values, inverse, slopes):  # type: ignore[no-untyped-def]
    """Add to `slopes` what the uncertainty of the unknown quantities contributes."""
    members, shift = layout.members[layout.unit_members[unit]], find_shift(layout, unit)
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
