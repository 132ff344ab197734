"""Compiled loops of `kernels` for units of the same structure side by side: the unit is the innermost index.

A processor then works on several at once: a hundred clients with slopes of their own take a fifth of the time. Divisions
by zero give what IEEE says, since a check in each lane would undo that. Arrays are handed on whole, with the places in
them: a slice costs as much as a lane's work.
"""

import numpy as np

from mechanisms.infer.compiling import compiled


@compiled(error_model="numpy")
def factorise_lanes(layout, unit, values, root):  # type: ignore[no-untyped-def]
    """Write the Cholesky root of Q (quantities, quantities, lanes) into `root`; Σ members · log|Q|, nan where that is none."""
    first, start, lanes = layout.unit_unknowns[unit], layout.unit_entries[unit], layout.lanes[unit]
    size, members = layout.unit_unknowns[unit + 1] - first, layout.unit_members[unit]
    for k in range(size):
        for j in range(k + 1):
            prior = layout.priors[first + k] if j == k else 0.0
            for b in range(lanes):
                root[k, j, b] = prior
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        begin = layout.row_entries[i]
        for one in range(begin, begin + layout.row_sizes[i]):
            for two in range(begin, one + 1):
                k, j = layout.places[one], layout.places[two]
                for b in range(lanes):
                    root[k, j, b] += values[one - start, b] * values[two - start, b]
    return decompose_lanes(root, layout.members[members : members + lanes])


@compiled(error_model="numpy")
def decompose_lanes(root, members):  # type: ignore[no-untyped-def]
    """Turn each lane's matrix, of which the lower half counts, into its Cholesky root; Σ members · log|matrix|."""
    log_det = 0.0
    for k in range(len(root)):
        for j in range(k + 1):
            for i in range(j):
                for b in range(len(members)):
                    root[k, j, b] -= root[k, i, b] * root[j, i, b]
            if j < k:
                for b in range(len(members)):
                    root[k, j, b] /= root[j, j, b]
        for b in range(len(members)):
            if not root[k, k, b] > 0.0:
                return np.nan
            log_det += members[b] * np.log(root[k, k, b])
        for b in range(len(members)):
            root[k, k, b] = np.sqrt(root[k, k, b])
    return log_det


@compiled(error_model="numpy")
def centre_lanes(layout, unit, values, root, column, out):  # type: ignore[no-untyped-def]
    """Write ẑ (quantities, lanes) of one column into `out`."""
    start, lanes, size = layout.unit_entries[unit], layout.lanes[unit], len(out)
    for k in range(size):
        for b in range(lanes):
            out[k, b] = 0.0
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        constant, begin = layout.row_constants[i] + column - start, layout.row_entries[i]
        for e in range(begin, begin + layout.row_sizes[i]):
            k = layout.places[e]
            for b in range(lanes):
                out[k, b] -= values[e - start, b] * values[constant, b]
    for k in range(size):
        for j in range(k):
            for b in range(lanes):
                out[k, b] -= root[k, j, b] * out[j, b]
        for b in range(lanes):
            out[k, b] /= root[k, k, b]
    return_lanes(root, out)


@compiled(error_model="numpy")
def return_lanes(root, out):  # type: ignore[no-untyped-def]
    """Solve rootᵀ x = out in place."""
    lanes = root.shape[2]
    for k in range(len(out) - 1, -1, -1):
        for j in range(k + 1, len(out)):
            for b in range(lanes):
                out[k, b] -= root[j, k, b] * out[j, b]
        for b in range(lanes):
            out[k, b] /= root[k, k, b]


@compiled(error_model="numpy")
def invert_lanes(root, out):  # type: ignore[no-untyped-def]
    """Write Q⁻¹ (quantities, quantities, lanes) into `out`."""
    size, lanes = len(root), root.shape[2]
    for k in range(size):
        for i in range(size):
            for b in range(lanes):
                out[k, i, b] = 1.0 if i == k else 0.0
        for i in range(k, size):
            for j in range(k, i):
                for b in range(lanes):
                    out[k, i, b] -= root[i, j, b] * out[k, j, b]
            for b in range(lanes):
                out[k, i, b] /= root[i, i, b]
        return_lanes(root, out[k])


@compiled(error_model="numpy")
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


@compiled(error_model="numpy")
def add_spread_lanes(layout, unit, values, inverse, slopes):  # type: ignore[no-untyped-def]
    """Add to `slopes` what the uncertainty of the unknown quantities contributes."""
    start, lanes, members = layout.unit_entries[unit], layout.lanes[unit], layout.unit_members[unit]
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        begin = layout.row_entries[i]
        for one in range(begin, begin + layout.row_sizes[i]):
            for two in range(begin, begin + layout.row_sizes[i]):
                k, j = layout.places[one], layout.places[two]
                for b in range(lanes):
                    slopes[one - start, b] -= layout.members[members + b] * values[two - start, b] * inverse[k, j, b]
