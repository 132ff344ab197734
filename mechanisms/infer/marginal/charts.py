"""Compiled: from unbounded coordinates to the symbols of a likelihood, the prior's log density, and the way back.

The chart is `coordinates.Chart`; everything is differentiated by hand, a correlation's root row by row from the last.
"""

from math import erfc

import numpy as np

from mechanisms.infer.compiling import compiled, compiled_within


@compiled_within()
def _natural(chart, d, q):  # type: ignore[no-untyped-def]
    """A believed quantity, its derivative, and the log of that with its own derivative."""
    bounds = chart.bounds[d]
    if bounds == 1:
        grown = np.exp(q)
        return chart.lower[d] + grown, grown, q, 1.0
    if bounds == 2:
        grown = np.exp(q)
        return chart.upper[d] - grown, -grown, q, 1.0
    if bounds == 3:
        share = 1 / (1 + np.exp(-q))
        width = chart.upper[d] - chart.lower[d]
        slope = share * (1 - share)
        return chart.lower[d] + width * share, width * slope, np.log(slope), 1 - 2 * share
    if bounds == 4:  # the integral of the normal distribution function up to q
        share, density = 0.5 * erfc(-q / np.sqrt(2.0)), np.exp(-0.5 * q * q) / np.sqrt(2 * np.pi)
        width = chart.upper[d] - chart.lower[d]
        return chart.lower[d] + width * (q * share + density), width * share, np.log(share), density / share
    return q, 1.0, 0.0, 0.0


@compiled()
def log_shape(family, x, a, b, c):  # type: ignore[no-untyped-def]
    """The log density of a family at x, up to a constant, and its derivative; `FAMILIES` has the numbers."""
    if family == 1:  # normal
        return -0.5 * ((x - a) / b) ** 2, -(x - a) / b**2
    if family == 2:  # student
        return -0.5 * (a + 1) * np.log1p(((x - b) / c) ** 2 / a), -(a + 1) * (x - b) / (a * c**2 + (x - b) ** 2)
    if family == 3:  # half_normal
        return -0.5 * (x / a) ** 2, -x / a**2
    if family == 4:  # exponential
        return -a * x, -a
    if family == 5:  # lognormal
        z = (np.log(x) - a) / b
        return -np.log(x) - 0.5 * z**2, -(1 + z / b) / x
    if family == 6:  # gamma
        return (a - 1) * np.log(x) - b * x, (a - 1) / x - b
    if family == 7:  # beta
        return (a - 1) * np.log(x) + (b - 1) * np.log1p(-x), (a - 1) / x - (b - 1) / (1 - x)
    return 0.0, 0.0  # uniform, and what has its density from a root


@compiled_within()
def _write_root(chart, r, q):  # type: ignore[no-untyped-def]
    """A root, its rows before they were scaled to length 1, and the log density of its coordinates."""
    size, start = chart.root_sizes[r], chart.root_starts[r]
    root, rows = np.zeros((size, size)), np.zeros((size, size))
    total = 0.0
    for k in range(size):
        length = 1.0
        rows[k, k] = 1.0
        for j in range(k):
            place = chart.root_free[start + k * size + j]
            if place >= 0:
                rows[k, j] = np.sinh(q[place])
                total += np.log(np.cosh(q[place]))
            else:
                for i in range(j):
                    rows[k, j] -= rows[k, i] * root[j, i]
                rows[k, j] /= root[j, j]
            length += rows[k, j] * rows[k, j]
        for j in range(k + 1):
            root[k, j] = rows[k, j] / np.sqrt(length)
        total -= 0.5 * (size + 2 * chart.root_shapes[r] - 1) * np.log(length)
    return root, rows, total


@compiled_within()
def _pull_root(chart, r, q, slopes, gradient):  # type: ignore[no-untyped-def]
    """Write the gradient by a root's coordinates, given the `slopes` (size, size) by the root; these are used up."""
    size, start = chart.root_sizes[r], chart.root_starts[r]
    root, rows, _ = _write_root(chart, r, q)
    by_row = np.empty(size)
    for k in range(size - 1, -1, -1):
        scale, along = root[k, k], 0.0  # 1 / the row's length
        for j in range(k + 1):
            along += slopes[k, j] * rows[k, j]
        pulled = along * scale**3 + (size + 2 * chart.root_shapes[r] - 1) * scale**2
        for j in range(k):
            by_row[j] = slopes[k, j] * scale - pulled * rows[k, j]
        for j in range(k - 1, -1, -1):
            place = chart.root_free[start + k * size + j]
            if place >= 0:
                gradient[place] = by_row[j] * np.cosh(q[place]) + np.tanh(q[place])
                continue
            share = -by_row[j] / root[j, j]
            slopes[j, j] += share * rows[k, j]
            for i in range(j):
                by_row[i] += share * root[j, i]
                slopes[j, i] += share * rows[k, i]


@compiled_within()
def _find_correlation(root, row, column):  # type: ignore[no-untyped-def]
    """One correlation, of the later with the earlier quantity."""
    total = 0.0
    for i in range(column + 1):
        total += root[row, i] * root[column, i]
    return total


@compiled_within()
def _believe(chart, r, root):  # type: ignore[no-untyped-def]
    """The log density of priors on single correlations of a root."""
    total = 0.0
    for e in range(len(chart.believed)):
        own, row, column, family = chart.believed[e]
        if own == r:
            a, b, c = chart.believed_arguments[e]
            total += log_shape(family, _find_correlation(root, row, column), a, b, c)[0]
    return total


@compiled_within()
def _add_believed(chart, r, root, slopes):  # type: ignore[no-untyped-def]
    """Add the derivatives of `_believe` by the root."""
    for e in range(len(chart.believed)):
        own, row, column, family = chart.believed[e]
        if own == r:
            a, b, c = chart.believed_arguments[e]
            slope = log_shape(family, _find_correlation(root, row, column), a, b, c)[1]
            for i in range(column + 1):
                slopes[row, i] += slope * root[column, i]
                slopes[column, i] += slope * root[row, i]


@compiled_within()
def _invert(root):  # type: ignore[no-untyped-def]
    size = len(root)
    inverse = np.zeros((size, size))
    for j in range(size):
        inverse[j, j] = 1 / root[j, j]
        for k in range(j + 1, size):
            for i in range(j, k):
                inverse[k, j] -= root[k, i] * inverse[i, j]
            inverse[k, j] /= root[k, k]
    return inverse


@compiled_within()
def _return_inverse(inverse, slopes):  # type: ignore[no-untyped-def]
    """The slopes by a root, −inverseᵀ slopes inverseᵀ, given those by its inverse; loops compile faster than `@`."""
    size = len(inverse)
    half, out = np.zeros((size, size)), np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            for k in range(i, size):
                half[i, j] += inverse[k, i] * slopes[k, j]
    for i in range(size):
        for j in range(i + 1):
            for k in range(j + 1):
                out[i, j] -= half[i, k] * inverse[j, k]
    return out


@compiled_within()
def enter_symbols(chart, q, symbols):  # type: ignore[no-untyped-def]
    """Write the symbols, and return the log prior."""
    natural, total = np.empty(len(q)), 0.0
    for d in range(len(q)):
        natural[d], _, log_slope, _ = _natural(chart, d, q[d])
        a, b, c = chart.arguments[d]
        total += log_shape(chart.families[d], natural[d], a, b, c)[0] + log_slope
    known = len(chart.base)
    for p in range(known):
        value = chart.base[p]
        for d in range(len(q)):
            value += chart.matrix[p, d] * natural[d]
        symbols[p] = value
    for i in range(len(chart.inverted)):
        symbols[known + i] = 1 / symbols[chart.inverted[i]]
    start = known + len(chart.inverted)
    for r in range(len(chart.root_sizes)):
        root, _, density = _write_root(chart, r, q)
        density += _believe(chart, r, root)
        root = _invert(root) if chart.root_inverted[r] else root
        for e in range(chart.entry_starts[r], chart.entry_starts[r + 1]):
            symbols[start + e] = root[chart.entry_rows[e], chart.entry_columns[e]]
        total += density
    return total


@compiled_within()
def pull_slopes(chart, q, symbols, slopes, gradient):  # type: ignore[no-untyped-def]
    """Write the gradient by q of the log prior plus what has these `slopes` by the symbols."""
    known = len(chart.base)
    by_parameter = slopes[:known].copy()
    for i in range(len(chart.inverted)):
        by_parameter[chart.inverted[i]] -= slopes[known + i] * symbols[known + i] ** 2
    for d in range(len(q)):
        natural, slope, _, log_slope = _natural(chart, d, q[d])
        a, b, c = chart.arguments[d]
        total = log_shape(chart.families[d], natural, a, b, c)[1]
        for p in range(known):
            total += chart.matrix[p, d] * by_parameter[p]
        gradient[d] = total * slope + log_slope
    start = known + len(chart.inverted)
    for r in range(len(chart.root_sizes)):
        by_root = np.zeros((chart.root_sizes[r], chart.root_sizes[r]))
        for e in range(chart.entry_starts[r], chart.entry_starts[r + 1]):
            by_root[chart.entry_rows[e], chart.entry_columns[e]] = slopes[start + e]
        if chart.root_inverted[r] or len(chart.believed):
            root = _write_root(chart, r, q)[0]
            if chart.root_inverted[r]:
                by_root = _return_inverse(_invert(root), by_root)
            _add_believed(chart, r, root, by_root)
        _pull_root(chart, r, q, by_root, gradient)


@compiled()
def find_symbols(chart, points):  # type: ignore[no-untyped-def]
    """The symbols at each point."""
    size = len(chart.base) + len(chart.inverted) + chart.entry_starts[-1]
    out = np.empty((len(points), size))
    for m in range(len(points)):
        enter_symbols(chart, points[m], out[m])
    return out
