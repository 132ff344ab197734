"""Compiled loops: the log density of residuals with unknown quantities integrated out, its gradient, and draws of them.

A unit is a connected set of rows and unknown quantities z. Its residuals are r = r₀ + J z, so with Q = P + JᵀJ (P is 1
where z has a normal(0, 1) prior) and ẑ = −Q⁻¹Jᵀr₀

    log ∫ exp(−½|r|² − ½ zᵀPz) dz = −½|r₀ + Jẑ|² − ½ ẑᵀPẑ − ½ log|Q| + constant,

and its derivative is the expectation of that of −½|r|² over z ~ normal(ẑ, Q⁻¹). Units with the same J share it: each
further one is another column of r₀. Compiled once for an installation; the data are arguments, a `layout.Layout`.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def _multiply(symbols, factors):  # type: ignore[no-untyped-def]
    out = np.ones(factors.shape[0])
    for m in range(factors.shape[0]):
        for d in range(factors.shape[1]):
            if factors[m, d] < 0:
                break
            out[m] *= symbols[factors[m, d]]
    return out


@njit(cache=True)
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


@njit(cache=True)
def _enter(layout, products):  # type: ignore[no-untyped-def]
    """The entries' values."""
    out = np.zeros(len(layout.starts) - 1)
    for e in range(len(out)):
        total = 0.0
        for t in range(layout.starts[e], layout.starts[e + 1]):
            total += layout.weights[t] * products[layout.products[t]]
        out[e] = total
    return out


@njit(cache=True)
def _factorise(layout, unit, values, root):  # type: ignore[no-untyped-def]
    """Write the Cholesky root of Q into `root` and return log|Q|; nan where Q is not positive definite."""
    first = layout.unit_unknowns[unit]
    size = layout.unit_unknowns[unit + 1] - first
    for k in range(size):
        for j in range(k):
            root[k, j] = 0.0
        root[k, k] = layout.priors[first + k]
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        for one in range(layout.row_entries[i], layout.row_entries[i + 1]):
            for two in range(layout.row_entries[i], one + 1):
                root[layout.places[one], layout.places[two]] += values[one] * values[two]
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


@njit(cache=True)
def _centre(layout, unit, values, root, column, out):  # type: ignore[no-untyped-def]
    """Write ẑ of one column into `out`."""
    size = layout.unit_unknowns[unit + 1] - layout.unit_unknowns[unit]
    out[:size] = 0.0
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        constant = values[layout.row_constants[i] + column]
        for e in range(layout.row_entries[i], layout.row_entries[i + 1]):
            out[layout.places[e]] -= values[e] * constant
    for k in range(size):
        for j in range(k):
            out[k] -= root[k, j] * out[j]
        out[k] /= root[k, k]
    _back(root, out, size)


@njit(cache=True)
def _back(root, out, size):  # type: ignore[no-untyped-def]
    """Solve rootᵀ x = out in place."""
    for k in range(size - 1, -1, -1):
        for j in range(k + 1, size):
            out[k] -= root[j, k] * out[j]
        out[k] /= root[k, k]


@njit(cache=True)
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


@njit(cache=True)
def _add_slopes(layout, unit, values, column, centre, slopes):  # type: ignore[no-untyped-def]
    """The fit of one column; add to `slopes` the derivatives by the entries. Returns |r|² + ẑᵀPẑ."""
    first = layout.unit_unknowns[unit]
    square = 0.0
    for k in range(layout.unit_unknowns[unit + 1] - first):
        square += layout.priors[first + k] * centre[k] ** 2
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        rest = values[layout.row_constants[i] + column]
        for e in range(layout.row_entries[i], layout.row_entries[i + 1]):
            rest += values[e] * centre[layout.places[e]]
        square += rest * rest
        if len(slopes):
            slopes[layout.row_constants[i] + column] -= rest
            for e in range(layout.row_entries[i], layout.row_entries[i + 1]):
                slopes[e] -= rest * centre[layout.places[e]]
    return square


@njit(cache=True)
def _add_spread(layout, unit, values, inverse, slopes):  # type: ignore[no-untyped-def]
    """Add to `slopes` what the uncertainty of the unknown quantities contributes."""
    members = layout.members[unit]
    for i in range(layout.unit_rows[unit], layout.unit_rows[unit + 1]):
        for one in range(layout.row_entries[i], layout.row_entries[i + 1]):
            total = 0.0
            for two in range(layout.row_entries[i], layout.row_entries[i + 1]):
                total += values[two] * inverse[layout.places[one], layout.places[two]]
            slopes[one] -= members * total


@njit(cache=True)
def _return_slopes(layout, symbols, count, slopes, back):  # type: ignore[no-untyped-def]
    """Write the slopes by the symbols, given those by the entries."""
    by_product = np.zeros(count)
    for e in range(len(slopes)):
        for t in range(layout.starts[e], layout.starts[e + 1]):
            by_product[layout.products[t]] += layout.weights[t] * slopes[e]
    back[:] = 0.0
    for s in range(len(layout.log_weights)):
        if layout.log_weights[s] != 0.0:
            back[s] = layout.log_weights[s] / symbols[s]
    _multiply_back(symbols, layout.factors, by_product, back)


@njit(cache=True)
def collapse(layout, symbols, back):  # type: ignore[no-untyped-def]
    """The log density at these symbols, up to a constant; its slopes by the symbols into `back`, if that has any length."""
    products = _multiply(symbols, layout.factors)
    values = _enter(layout, products)
    slopes = np.zeros(len(values) if len(back) else 0)
    widest = 1
    for unit in range(len(layout.columns)):
        widest = max(widest, layout.unit_unknowns[unit + 1] - layout.unit_unknowns[unit])
    root, inverse, centre = np.zeros((widest, widest)), np.zeros((widest, widest)), np.zeros(widest)
    total = 0.0
    for s in range(len(layout.log_weights)):
        if layout.log_weights[s] != 0.0:
            total += layout.log_weights[s] * np.log(symbols[s])
    for unit in range(len(layout.columns)):
        size = layout.unit_unknowns[unit + 1] - layout.unit_unknowns[unit]
        if size:
            total -= 0.5 * layout.members[unit] * _factorise(layout, unit, values, root)
            if np.isnan(total):
                return total
        for column in range(layout.columns[unit]):
            if size:
                _centre(layout, unit, values, root, column, centre)
            total -= 0.5 * _add_slopes(layout, unit, values, column, centre, slopes)
        if size and len(back):
            _invert(root, size, inverse)
            _add_spread(layout, unit, values, inverse, slopes)
    if len(back):
        _return_slopes(layout, symbols, len(products), slopes, back)
    return total


@njit(cache=True)
def condition(layout, symbols, owners, drawn):  # type: ignore[no-untyped-def]
    """Turn `drawn` (points, quantities), normal(0, 1), into draws of the unknown quantities given data and symbols.

    `owners` lists for each unit, column by column, which quantities its unknowns are.
    """
    widest = 1
    for unit in range(len(layout.columns)):
        widest = max(widest, layout.unit_unknowns[unit + 1] - layout.unit_unknowns[unit])
    root, centre, noise = np.zeros((widest, widest)), np.zeros(widest), np.zeros(widest)
    for point in range(len(symbols)):
        values = _enter(layout, _multiply(symbols[point], layout.factors))
        place = 0
        for unit in range(len(layout.columns)):
            size = layout.unit_unknowns[unit + 1] - layout.unit_unknowns[unit]
            if size == 0:
                continue
            _factorise(layout, unit, values, root)
            for column in range(layout.columns[unit]):
                _centre(layout, unit, values, root, column, centre)
                for k in range(size):
                    noise[k] = drawn[point, owners[place + k]]
                _back(root, noise, size)
                for k in range(size):
                    drawn[point, owners[place + k]] = centre[k] + noise[k]
                place += size
