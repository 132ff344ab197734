"""Compiled loops of `kernels` for units of the same structure side by side: the unit is the innermost index.

A processor then works on several at once: a hundred clients with slopes of their own take a fifth of the time. Divisions
by zero give what IEEE says, since a check in each lane would undo that. Arrays are handed on whole, with the places in
them: a slice costs as much as a lane's work.
"""

import numpy as np

from mechanisms.infer.compiling import compiled_within


@compiled_within(forceinline=True)
def read_unit(layout, unit, values):  # type: ignore[no-untyped-def]
    """A unit's part of values, (entries, lanes)."""
    part = values[layout.unit_values[unit] : layout.unit_values[unit + 1]]
    return part.reshape((layout.unit_entries[unit + 1] - layout.unit_entries[unit], layout.lanes[unit]))


@compiled_within(error_model="numpy")
def go_through_lanes(layout, values, slopes, owners, drawn):  # type: ignore[no-untyped-def]
    """The log density of units of several lanes; add to `slopes`, if it has any length, its derivatives by the entries.

    If `drawn` has any length, draws of the unknown quantities take its place at `owners`.
    """
    total, place = 0.0, 0
    for unit in range(len(layout.lanes)):
        first, last, lanes = layout.unit_unknowns[unit], layout.unit_unknowns[unit + 1], layout.lanes[unit]
        size, entries = last - first, layout.root_starts[last] - layout.root_starts[first]
        if lanes == 1:
            place += layout.columns[unit] * size
            continue
        own, centred, noise = read_unit(layout, unit, values), np.empty((size, lanes)), np.empty((size, lanes))
        sloped, root, rest = (
            read_unit(layout, unit, slopes) if len(slopes) else own[:0],
            np.empty((entries, lanes)),
            np.empty(lanes),
        )
        if size:
            total -= 0.5 * factorise_lanes(layout, unit, own, root)
            if np.isnan(total):
                return total
        for column in range(layout.columns[unit]):
            if size:
                centre_lanes(layout, unit, own, root, column, centred)
            if len(drawn) == 0:
                total -= 0.5 * add_slopes_lanes(layout, unit, own, column, centred, rest, sloped)
                continue
            for k in range(size):
                for b in range(lanes):
                    noise[k, b] = drawn[owners[place + k * lanes + b]]
            return_lanes(layout, unit, root, noise)
            for k in range(size):
                for b in range(lanes):
                    drawn[owners[place + k * lanes + b]] = centred[k, b] + noise[k, b]
            place += size * lanes
        if size and len(slopes):
            inverse = np.empty((entries, lanes))
            invert_lanes(layout, unit, root, inverse)
            add_spread_lanes(layout, unit, own, inverse, sloped)
    return total


@compiled_within(error_model="numpy")
def factorise_lanes(layout, unit, values, root):  # type: ignore[no-untyped-def]
    """Write the Cholesky root of Q (entries, lanes) into `root`; Σ members · log|Q|, nan where that is none."""
    first, last, start = layout.unit_unknowns[unit], layout.unit_unknowns[unit + 1], layout.unit_entries[unit]
    lanes, begin = layout.lanes[unit], layout.root_starts[first]
    root[:] = 0.0
    for k in range(first, last):
        for b in range(lanes):
            root[layout.root_starts[k] - begin, b] = layout.priors[k]
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        at, pair = layout.row_entries[i] - start, layout.row_pairs[i]
        for one in range(at, at + layout.row_sizes[i]):
            for two in range(at, one + 1):
                e = layout.pairs[pair]
                pair += 1
                for b in range(lanes):
                    root[e, b] += values[one, b] * values[two, b]
    return _decompose(layout, unit, root)


@compiled_within(error_model="numpy")
def _decompose(layout, unit, root):  # type: ignore[no-untyped-def]
    first, begin = layout.unit_unknowns[unit], layout.root_starts[layout.unit_unknowns[unit]]
    lanes, members, update = layout.lanes[unit], layout.unit_members[unit], layout.unit_updates[unit]
    log_det = 0.0
    for k in range(first, layout.unit_unknowns[unit + 1]):
        at, end = layout.root_starts[k] - begin, layout.root_starts[k + 1] - begin
        for b in range(lanes):
            if not root[at, b] > 0.0:
                return np.nan
            log_det += layout.members[members + b] * np.log(root[at, b])
        for b in range(lanes):
            root[at, b] = np.sqrt(root[at, b])
        for e in range(at + 1, end):
            for b in range(lanes):
                root[e, b] /= root[at, b]
        for one in range(at + 1, end):
            for two in range(at + 1, one + 1):
                e = layout.updates[update]
                update += 1
                for b in range(lanes):
                    root[e, b] -= root[one, b] * root[two, b]
    return log_det


@compiled_within(error_model="numpy")
def centre_lanes(layout, unit, values, root, column, out):  # type: ignore[no-untyped-def]
    """Write ẑ (quantities, lanes) of one column into `out`."""
    first, start, lanes, size = layout.unit_unknowns[unit], layout.unit_entries[unit], layout.lanes[unit], len(out)
    begin = layout.root_starts[first]
    out[:] = 0.0
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        constant, at = layout.row_constants[i] + column - start, layout.row_entries[i]
        for e in range(at, at + layout.row_sizes[i]):
            k = layout.places[e]
            for b in range(lanes):
                out[k, b] -= values[e - start, b] * values[constant, b]
    for k in range(size):
        at, end = layout.root_starts[first + k] - begin, layout.root_starts[first + k + 1] - begin
        for b in range(lanes):
            out[k, b] /= root[at, b]
        for e in range(at + 1, end):
            i = layout.root_rows[begin + e]
            for b in range(lanes):
                out[i, b] -= root[e, b] * out[k, b]
    return_lanes(layout, unit, root, out)


@compiled_within(error_model="numpy")
def return_lanes(layout, unit, root, out):  # type: ignore[no-untyped-def]
    """Solve rootᵀ x = out in place."""
    first, lanes = layout.unit_unknowns[unit], layout.lanes[unit]
    begin = layout.root_starts[first]
    for k in range(len(out) - 1, -1, -1):
        at, end = layout.root_starts[first + k] - begin, layout.root_starts[first + k + 1] - begin
        for e in range(at + 1, end):
            i = layout.root_rows[begin + e]
            for b in range(lanes):
                out[k, b] -= root[e, b] * out[i, b]
        for b in range(lanes):
            out[k, b] /= root[at, b]


@compiled_within(error_model="numpy")
def invert_lanes(layout, unit, root, out):  # type: ignore[no-untyped-def]
    """Write Q⁻¹ into `out`, where the root has entries."""
    first, lanes, update = layout.unit_unknowns[unit], layout.lanes[unit], layout.unit_updates[unit + 1]
    begin = layout.root_starts[first]
    out[:] = 0.0
    for k in range(layout.unit_unknowns[unit + 1] - 1, first - 1, -1):
        at, end = layout.root_starts[k] - begin, layout.root_starts[k + 1] - begin
        update -= (end - at - 1) * (end - at) // 2
        pair = update
        for one in range(at + 1, end):
            for two in range(at + 1, one + 1):
                e = layout.updates[pair]
                pair += 1
                for b in range(lanes):
                    out[one, b] -= root[two, b] * out[e, b]
                if two < one:
                    for b in range(lanes):
                        out[two, b] -= root[one, b] * out[e, b]
        for b in range(lanes):
            out[at, b] = 1 / root[at, b]
        for e in range(at + 1, end):
            for b in range(lanes):
                out[e, b] /= root[at, b]
                out[at, b] -= root[e, b] * out[e, b]
        for b in range(lanes):
            out[at, b] /= root[at, b]


@compiled_within(error_model="numpy")
def add_slopes_lanes(layout, unit, values, column, centre, rest, slopes):  # type: ignore[no-untyped-def]
    """The fit of one column; add to `slopes` the derivatives by the entries. Returns Σ |r|² + ẑᵀPẑ."""
    first, start, lanes = layout.unit_unknowns[unit], layout.unit_entries[unit], layout.lanes[unit]
    square = 0.0
    for k in range(len(centre)):
        prior = layout.priors[first + k]
        for b in range(lanes):
            square += prior * centre[k, b] ** 2
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        own, begin = layout.row_constants[i] + column - start, layout.row_entries[i]
        for b in range(lanes):
            rest[b] = values[own, b]
        for e in range(begin, begin + layout.row_sizes[i]):
            k = layout.places[e]
            for b in range(lanes):
                rest[b] += values[e - start, b] * centre[k, b]
        for b in range(lanes):
            square += rest[b] ** 2
        if len(slopes):
            for b in range(lanes):
                slopes[own, b] -= rest[b]
            for e in range(begin, begin + layout.row_sizes[i]):
                k = layout.places[e]
                for b in range(lanes):
                    slopes[e - start, b] -= rest[b] * centre[k, b]
    return square


@compiled_within(error_model="numpy")
def add_spread_lanes(layout, unit, values, inverse, slopes):  # type: ignore[no-untyped-def]
    """Add to `slopes` what the uncertainty of the unknown quantities contributes."""
    start, lanes, members = layout.unit_entries[unit], layout.lanes[unit], layout.unit_members[unit]
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        at, pair = layout.row_entries[i] - start, layout.row_pairs[i]
        for one in range(at, at + layout.row_sizes[i]):
            for two in range(at, one + 1):
                e = layout.pairs[pair]
                pair += 1
                for b in range(lanes):
                    slopes[one, b] -= layout.members[members + b] * values[two, b] * inverse[e, b]
                if two < one:
                    for b in range(lanes):
                        slopes[two, b] -= layout.members[members + b] * values[one, b] * inverse[e, b]
