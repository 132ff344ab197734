"""Compiled: from unbounded coordinates to the symbols of a likelihood, the prior's log density, and the way back.

The chart is `coordinates.Chart`. Single coordinates are differentiated by hand; a correlation's root by a complex step,
exact to rounding (Squire & Trapp 1998, SIAM Review 40).
"""

import numpy as np
from numba import njit

from mechanisms.infer.marginal.kernels import collapse

STEP = 1e-30


@njit(cache=True)
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
    return q, 1.0, 0.0, 0.0


@njit(cache=True)
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


@njit(cache=True)
def _write_root(chart, r, q):  # type: ignore[no-untyped-def]
    """A root's entries, or those of its inverse, and the log density of its coordinates."""
    size, start = chart.root_sizes[r], chart.root_starts[r]
    root = np.zeros((size, size), q.dtype)
    total = q[0] * 0.0
    for k in range(size):
        length = q[0] * 0.0 + 1.0
        for j in range(k):
            place = chart.root_free[start + k * size + j]
            if place >= 0:
                root[k, j] = np.sinh(q[place])
                total += np.log(np.cosh(q[place]))
            else:
                for i in range(j):
                    root[k, j] -= root[k, i] * root[j, i]
                root[k, j] /= root[j, j]
            length += root[k, j] * root[k, j]
        scale = 1 / np.sqrt(length)
        root[k, k] = 1.0
        for j in range(k + 1):
            root[k, j] *= scale
        total -= 0.5 * (size + 2 * chart.root_shapes[r] - 1) * np.log(length)
    if chart.root_inverted[r]:
        inverse = np.zeros((size, size), q.dtype)
        for j in range(size):
            inverse[j, j] = 1 / root[j, j]
            for k in range(j + 1, size):
                for i in range(j, k):
                    inverse[k, j] -= root[k, i] * inverse[i, j]
                inverse[k, j] /= root[k, k]
        root = inverse
    first, last = chart.entry_starts[r], chart.entry_starts[r + 1]
    entries = np.empty(last - first, q.dtype)
    for e in range(first, last):
        entries[e - first] = root[chart.entry_rows[e], chart.entry_columns[e]]
    return entries, total


@njit(cache=True)
def _enter(chart, q, symbols):  # type: ignore[no-untyped-def]
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
        entries, density = _write_root(chart, r, q)
        symbols[start + chart.entry_starts[r] : start + chart.entry_starts[r + 1]] = entries
        total += density
    return total


@njit(cache=True)
def _pull(chart, q, symbols, slopes, gradient):  # type: ignore[no-untyped-def]
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
    stepped = q.astype(np.complex128)
    for r in range(len(chart.root_sizes)):
        size, first = chart.root_sizes[r], chart.root_starts[r]
        for place in chart.root_free[first : first + size * size]:
            if place < 0:
                continue
            stepped[place] += STEP * 1j
            entries, density = _write_root(chart, r, stepped)
            total = density.imag
            for e in range(len(entries)):
                total += entries[e].imag * slopes[start + chart.entry_starts[r] + e]
            gradient[place] = total / STEP
            stepped[place] = q[place]


@njit(cache=True)
def find_symbols(chart, points):  # type: ignore[no-untyped-def]
    """The symbols at each point."""
    size = len(chart.base) + len(chart.inverted) + chart.entry_starts[-1]
    out = np.empty((len(points), size))
    for m in range(len(points)):
        _enter(chart, points[m], out[m])
    return out


@njit(cache=True)
def evaluate(chart, layout, points):  # type: ignore[no-untyped-def]
    """The log posterior density at each point, up to a constant."""
    symbols = np.empty(len(chart.base) + len(chart.inverted) + chart.entry_starts[-1])
    out, nothing = np.empty(len(points)), np.zeros(0)
    for m in range(len(points)):
        prior = _enter(chart, points[m], symbols)
        out[m] = prior + collapse(layout, symbols, nothing)
    return out


@njit(cache=True)
def differentiate(chart, layout, point, gradient):  # type: ignore[no-untyped-def]
    """The log posterior density at one point, up to a constant; its gradient into `gradient`."""
    symbols = np.empty(len(chart.base) + len(chart.inverted) + chart.entry_starts[-1])
    prior = _enter(chart, point, symbols)
    slopes = np.empty(len(symbols))
    total = prior + collapse(layout, symbols, slopes)
    _pull(chart, point, symbols, slopes, gradient)
    return total
