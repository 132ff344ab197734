"""Compiled: residuals r = c + X u of groups, with u = M z and z ~ normal(0, 1) integrated out of each, and their slopes.

With G = Xᵀ X and h = Xᵀ c the density of a group is

    −½ |c|² + ½ (Mᵀh)ᵀ B⁻¹ Mᵀh − ½ log|B|,   B = 1 + Mᵀ G M,

and its derivative is the expectation of that of −½ |c + X M z|² over z ~ normal(−B⁻¹Mᵀh, B⁻¹). The group is the innermost
index, so that a processor works on several at once.
"""

import numpy as np

from mechanisms.infer.compiling import compiled_within


@compiled_within(error_model="numpy", fastmath={"reassoc", "contract"})
def multiply(one, other, first, last):  # type: ignore[no-untyped-def]
    """The sum of products of some elements."""
    total = 0.0
    for i in range(first, last):
        total += one[i] * other[i]
    return total


@compiled_within(error_model="numpy")
def read_part(program, part, cells, room):  # type: ignore[no-untyped-def]
    """A part's columns of X, and c last, times the part's scale; (columns + 1, rows) from the beginning of `room`."""
    first, last = program.part_columns[part], program.part_columns[part + 1]
    rows, scale = program.part_rows[part], _scale(program, part, cells)
    out = room[: (last - first) * rows].reshape((last - first, rows))
    for k in range(last - first):
        at = program.column_at[first + k]
        column = out[k]
        values = program.known[at : at + rows] if program.column_known[first + k] else cells[at : at + rows]
        for i in range(rows):
            column[i] = scale * values[i]
    return out


@compiled_within()
def _scale(program, part, cells):  # type: ignore[no-untyped-def]
    return cells[program.part_scales[part]] if program.part_scales[part] >= 0 else 1.0


@compiled_within(error_model="numpy")
def return_part(program, part, columns, by_column, cells, slopes):  # type: ignore[no-untyped-def]
    """Add to the slopes by the cells, given those by a part's scaled columns."""
    first, last = program.part_columns[part], program.part_columns[part + 1]
    rows, scale = program.part_rows[part], _scale(program, part, cells)
    total = 0.0
    for k in range(last - first):
        total += multiply(columns[k], by_column[k], 0, rows)
        if not program.column_known[first + k]:
            at = program.column_at[first + k]
            into, found = slopes[at : at + rows], by_column[k]
            for i in range(rows):
                into[i] += scale * found[i]
    if program.part_scales[part] >= 0:
        slopes[program.part_scales[part]] += total / scale


@compiled_within(error_model="numpy")
def add_gram(program, part, columns, gram):  # type: ignore[no-untyped-def]
    """Add a part's products to `gram` (quantities + 1, quantities + 1, groups), its lower half; the last row is c's."""
    first, size = program.part_columns[part], len(columns)
    starts = program.bounds[program.part_bounds[part] :]
    for one in range(size):
        for two in range(one + 1):
            k, j = program.column_places[first + one], program.column_places[first + two]
            x, y = columns[one], columns[two]
            for g in range(gram.shape[2]):
                gram[k, j, g] += multiply(x, y, starts[g], starts[g + 1])


@compiled_within(error_model="numpy")
def return_gram(program, part, columns, outer, by_column):  # type: ignore[no-untyped-def]
    """Write the slopes by a part's columns, given `outer`, the slopes by the symmetric products of each group."""
    first, size = program.part_columns[part], len(columns)
    starts = program.bounds[program.part_bounds[part] :]
    by_column[:] = 0.0
    for one in range(size):
        into, k = by_column[one], program.column_places[first + one]
        for two in range(size):
            j, values = program.column_places[first + two], columns[two]
            for g in range(outer.shape[2]):
                factor = 2 * outer[k, j, g]
                for i in range(starts[g], starts[g + 1]):
                    into[i] += factor * values[i]


@compiled_within(error_model="numpy")
def integrate(gram, spread, outer, by_spread):  # type: ignore[no-untyped-def]
    """The log density of all groups, nan where a root does not exist; its slopes by their products and by M, into `outer` and `by_spread`."""
    size, groups = len(spread), gram.shape[2]
    root, centre = _prepare(gram, spread)
    total = -0.5 * decompose_lanes(root, np.ones(groups))
    for g in range(groups):
        total -= 0.5 * gram[size, size, g]
    solve_lanes(root, centre)
    for k in range(size):
        for a in range(k, size):
            total -= 0.5 * spread[a, k] * multiply(centre[k], gram[size, a], 0, groups)
    inverse = np.empty((size, size, groups))
    invert_lanes(root, inverse)
    mean, seconds = _expect(spread, centre, inverse)
    _write_slopes(gram, spread, centre, mean, seconds, outer, by_spread)
    return total


@compiled_within(error_model="numpy")
def _expect(spread, centre, inverse):  # type: ignore[no-untyped-def]
    """E[u] and E[u zᵀ]."""
    size, groups = centre.shape
    mean, seconds = np.zeros((size, groups)), np.zeros((size, size, groups))
    for a in range(size):
        for k in range(a + 1):
            for g in range(groups):
                mean[a, g] += spread[a, k] * centre[k, g]
        for k in range(size):
            for g in range(groups):
                seconds[a, k, g] = mean[a, g] * centre[k, g]
            for j in range(a + 1):
                for g in range(groups):
                    seconds[a, k, g] += spread[a, j] * inverse[j, k, g]
    return mean, seconds


@compiled_within(error_model="numpy")
def _write_slopes(gram, spread, centre, mean, seconds, outer, by_spread):  # type: ignore[no-untyped-def]
    """Slopes by the products of each group, −½ E[(u, 1) (u, 1)ᵀ], and by M."""
    size, groups = mean.shape
    outer[size, size] = -0.5
    for a in range(size):
        for k in range(a + 1):
            slope = multiply(gram[size, a], centre[k], 0, groups)
            for c in range(size):
                slope += multiply(gram[max(a, c), min(a, c)], seconds[c, k], 0, groups)
            by_spread[a, k] = -slope
        for c in range(a + 1):
            for g in range(groups):
                outer[a, c, g] = 0.0
            for k in range(c + 1):
                for g in range(groups):
                    outer[a, c, g] -= 0.5 * seconds[a, k, g] * spread[c, k]
            for g in range(groups):
                outer[c, a, g] = outer[a, c, g]
        for g in range(groups):
            outer[a, size, g] = -0.5 * mean[a, g]
            outer[size, a, g] = outer[a, size, g]


@compiled_within(error_model="numpy")
def _prepare(gram, spread):  # type: ignore[no-untyped-def]
    """B and −Mᵀh."""
    size, groups = len(spread), gram.shape[2]
    moved, root, centre = np.zeros((size, size, groups)), np.zeros((size, size, groups)), np.zeros((size, groups))
    for a in range(size):
        for k in range(size):
            for c in range(k, size):
                for g in range(groups):
                    moved[a, k, g] += gram[max(a, c), min(a, c), g] * spread[c, k]
    for k in range(size):
        for j in range(k + 1):
            for g in range(groups):
                root[k, j, g] = 1.0 if j == k else 0.0
            for a in range(k, size):
                for g in range(groups):
                    root[k, j, g] += spread[a, k] * moved[a, j, g]
        for a in range(k, size):
            for g in range(groups):
                centre[k, g] -= spread[a, k] * gram[size, a, g]
    return root, centre


@compiled_within(error_model="numpy")
def solve_lanes(root, out):  # type: ignore[no-untyped-def]
    """Solve root rootᵀ x = out in place."""
    for k in range(len(out)):
        for j in range(k):
            for b in range(out.shape[1]):
                out[k, b] -= root[k, j, b] * out[j, b]
        for b in range(out.shape[1]):
            out[k, b] /= root[k, k, b]
    return_lanes(root, out)


@compiled_within(error_model="numpy")
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


@compiled_within(error_model="numpy")
def return_lanes(root, out):  # type: ignore[no-untyped-def]
    """Solve rootᵀ x = out in place."""
    lanes = root.shape[2]
    for k in range(len(out) - 1, -1, -1):
        for j in range(k + 1, len(out)):
            for b in range(lanes):
                out[k, b] -= root[j, k, b] * out[j, b]
        for b in range(lanes):
            out[k, b] /= root[k, k, b]


@compiled_within(error_model="numpy")
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


@compiled_within(error_model="numpy")
def condition_groups(gram, spread, noise):  # type: ignore[no-untyped-def]
    """Turn `noise` (quantities, groups), normal(0, 1), into draws of u given the residuals' products and M."""
    root, centre = _prepare(gram, spread)
    decompose_lanes(root, np.ones(gram.shape[2]))
    solve_lanes(root, centre)
    return_lanes(root, noise)
    for a in range(len(spread) - 1, -1, -1):
        for g in range(gram.shape[2]):
            total = 0.0
            for k in range(a + 1):
                total += spread[a, k] * (centre[k, g] + noise[k, g])
            noise[a, g] = total
