"""Compiled: the steps of a tape run forwards, and their derivatives backwards.

What a step does is numbered in `tape`: products (0, 1 with known numbers), sums (2, 4 with known numbers), differences (3),
elements at an index (5), quotients (6), the root of a matrix in another order (7).
"""

import numpy as np

from mechanisms.infer.compiling import compiled, compiled_within


@compiled(error_model="numpy")
def run_forwards(steps, indices, known, cells):  # type: ignore[no-untyped-def]
    """Fill the cells, step by step; the first ones hold what the steps start from."""
    for k in range(len(steps)):
        what, at, n = steps[k, 0], steps[k, 1], steps[k, 2]
        one, one_stride, other, other_stride = steps[k, 3], steps[k, 4], steps[k, 5], steps[k, 6]
        out = cells[at : at + n]
        if what == 7:
            _write_root(indices[one:], one_stride, other == 1, cells, out)
        elif what == 5:
            _take(cells, one, indices[other : other + n], out)
        else:
            x = cells[one : one + (n if one_stride else 1)]
            source = known if what in (1, 4) else cells
            y = source[other : other + (n if other_stride else 1)]
            if what <= 1:
                _multiply(x, y, out)
            elif what == 6:
                for i in range(n):
                    out[i] = x[i * one_stride] / y[i * other_stride]
            else:
                _sum(x, -1.0 if what == 3 else 1.0, y, out)


@compiled(error_model="numpy")
def run_backwards(steps, indices, known, cells, slopes):  # type: ignore[no-untyped-def]
    """Add to `slopes` of cells what later cells' slopes make of them."""
    for k in range(len(steps) - 1, -1, -1):
        what, at, n = steps[k, 0], steps[k, 1], steps[k, 2]
        one, one_stride, other, other_stride = steps[k, 3], steps[k, 4], steps[k, 5], steps[k, 6]
        out = slopes[at : at + n]
        wide, more = n if one_stride else 1, n if other_stride else 1
        if what == 7:
            _return_root(indices[one:], one_stride, other == 1, cells, cells[at : at + n], slopes, out)
        elif what == 5:
            _take_back(slopes, one, indices[other : other + n], out)
        elif what == 4:
            _add(out, 1.0, slopes[one : one + wide])
        elif what == 1:
            _add_product(out, known[other : other + more], slopes[one : one + wide])
        elif what == 0:
            _add_product(out, cells[other : other + more], slopes[one : one + wide])
            _add_product(out, cells[one : one + wide], slopes[other : other + more])
        elif what == 6:
            for i in range(n):
                slope = out[i] / cells[other + i * other_stride]
                slopes[one + i * one_stride] += slope
                slopes[other + i * other_stride] -= slope * cells[at + i]
        else:
            _add(out, 1.0, slopes[one : one + wide])
            _add(out, -1.0 if what == 3 else 1.0, slopes[other : other + more])


@compiled_within()
def _take(cells, one, index, out):  # type: ignore[no-untyped-def]
    for i in range(len(out)):
        out[i] = cells[one + index[i]] if index[i] >= 0 else 0.0


@compiled_within()
def _take_back(slopes, one, index, out):  # type: ignore[no-untyped-def]
    """Add to the slopes; rows of one unit follow each other mostly, and are added up before memory is written to."""
    into, last, total = slopes[one:], -1, 0.0
    for i in range(len(out)):
        at = index[i]
        if at != last:
            if last >= 0:
                into[last] += total
            last, total = at, 0.0
        total += out[i]
    if last >= 0:
        into[last] += total


@compiled_within()
def _multiply(x, y, out):  # type: ignore[no-untyped-def]
    if len(x) == len(y):
        for i in range(len(out)):
            out[i] = x[i] * y[i]
        return
    factor, array = (y[0], x) if len(x) == len(out) else (x[0], y)
    for i in range(len(out)):
        out[i] = factor * array[i]


@compiled_within()
def _sum(x, sign, y, out):  # type: ignore[no-untyped-def]
    if len(x) == len(y):
        for i in range(len(out)):
            out[i] = x[i] + sign * y[i]
    elif len(x) == len(out):
        for i in range(len(out)):
            out[i] = x[i] + sign * y[0]
    else:
        for i in range(len(out)):
            out[i] = x[0] + sign * y[i]


@compiled_within(fastmath={"reassoc"})
def _add(out, sign, into):  # type: ignore[no-untyped-def]
    if len(into) == len(out):
        for i in range(len(out)):
            into[i] += sign * out[i]
        return
    total = 0.0
    for i in range(len(out)):
        total += out[i]
    into[0] += sign * total


@compiled_within(fastmath={"reassoc"})
def _add_product(out, by, into):  # type: ignore[no-untyped-def]
    if len(into) == len(out) and len(by) == len(out):
        for i in range(len(out)):
            into[i] += out[i] * by[i]
    elif len(into) == len(out):
        factor = by[0]
        for i in range(len(out)):
            into[i] += out[i] * factor
    else:
        stride, total = int(len(by) == len(out)), 0.0
        for i in range(len(out)):
            total += out[i] * by[i * stride]
        into[0] += total


@compiled_within()
def _read_root(index, size, cells):  # type: ignore[no-untyped-def]
    out = np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            if index[i * size + j] >= 0:
                out[i, j] = cells[index[i * size + j]]
    return out


@compiled_within(error_model="numpy")
def _write_root(index, size, as_it_is, cells, out):  # type: ignore[no-untyped-def]
    """Write the root of the same matrix with rows and columns in another order; nan where rounding leaves none."""
    made = _read_root(index, size, cells)
    if not as_it_is:
        root, order = made, index[size * size :]
        made = np.zeros((size, size))
        for k in range(size):
            for j in range(k + 1):
                for i in range(size):
                    made[k, j] += root[order[k], i] * root[order[j], i]
        for k in range(size):
            for j in range(k + 1):
                total = made[k, j]
                for i in range(j):
                    total -= made[k, i] * made[j, i]
                made[k, j] = total / made[j, j] if j < k else np.sqrt(total)
    for i in range(size * size):
        out[i] = made[i // size, i % size]


@compiled_within(error_model="numpy")
def _return_root(index, size, as_it_is, cells, ordered, slopes, out):  # type: ignore[no-untyped-def]
    """Add to `slopes` by a root's entries, given those by the root in another order (Murray 2016, arXiv:1602.07527)."""
    found = out.copy().reshape((size, size))
    if not as_it_is:
        _return_order(_read_root(index, size, cells), ordered, index[size * size :], found)
    for i in range(size * size):
        if index[i] >= 0:
            slopes[index[i]] += found[i // size, i % size]


@compiled_within(error_model="numpy")
def _return_order(root, ordered, order, found):  # type: ignore[no-untyped-def]
    """Turn slopes by the ordered root R into those by the root: R⁻ᵀ Φ(Rᵀ slopes) R⁻¹ by the matrix, Φ halving the diagonal."""
    size = len(root)
    inner = np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            for k in range(i, size):
                inner[i, j] += ordered[k * size + i] * found[k, j]
            inner[i, j] *= 0.5 if i == j else 1.0
    for _ in range(2):  # Rᵀ X = inner, and the same with what that gave turned
        for i in range(size - 1, -1, -1):
            for j in range(size):
                for k in range(i + 1, size):
                    inner[i, j] -= ordered[k * size + i] * inner[k, j]
                inner[i, j] /= ordered[i * size + i]
        inner = inner.T.copy()
    for i in range(size):
        for j in range(size):
            found[order[i], j] = 0.0
            for k in range(size):
                found[order[i], j] += (inner[i, k] + inner[k, i]) * root[order[k], j]
