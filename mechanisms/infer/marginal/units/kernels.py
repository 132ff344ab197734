"""Compiled loops: the log density of residuals with unknown quantities integrated out, its gradient, and draws of them.

A unit is a connected set of rows and unknown quantities z. Its residuals are r = r₀ + J z, so with Q = P + JᵀJ (P is 1
where z has a normal(0, 1) prior) and ẑ = −Q⁻¹Jᵀr₀

    log ∫ exp(−½|r|² − ½ zᵀPz) dz = −½|r₀ + Jẑ|² − ½ ẑᵀPẑ − ½ log|Q| + constant,

and its derivative is the expectation of that of −½|r|² over z ~ normal(ẑ, Q⁻¹). Q has a sparse root (`elimination`). Units
with the same J share it: each further one is another column of r₀. Units of the same structure are `lanes`; units of one
lane have loops of their own (`singles`). Compiled once for an installation; the data are arguments, a `layout.Layout`.
"""

import numpy as np

from mechanisms.infer.compiling import compiled, compiled_within
from mechanisms.infer.marginal.units.lanes import go_through_lanes, read_unit
from mechanisms.infer.marginal.units.singles import go_through_singles


@compiled_within()
def _multiply(symbols, factors):  # type: ignore[no-untyped-def]
    out = np.ones(factors.shape[0])
    for m in range(factors.shape[0]):
        for d in range(factors.shape[1]):
            if factors[m, d] < 0:
                break
            out[m] *= symbols[factors[m, d]]
    return out


@compiled_within()
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


@compiled_within()
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
        own = read_unit(layout, unit, out)
        weights = layout.weights[w : layout.unit_weights[unit + 1]].reshape((-1, lanes))
        for e in range(first, last):
            for t in range(layout.starts[e], layout.starts[e + 1]):
                product = products[layout.products[t]]
                for b in range(lanes):
                    own[e - first, b] += weights[t - layout.starts[first], b] * product
    return out


@compiled_within()
def _return_slopes(layout, symbols, count, slopes, back):  # type: ignore[no-untyped-def]
    """Write the slopes by the symbols, given those by the entries."""
    by_product = np.zeros(count)
    for unit in range(len(layout.lanes)):
        lanes, at, w = layout.lanes[unit], layout.unit_values[unit], layout.unit_weights[unit]
        if lanes == 1:
            for e in range(layout.unit_entries[unit], layout.unit_entries[unit + 1]):
                for t in range(layout.starts[e], layout.starts[e + 1]):
                    by_product[layout.products[t]] += layout.weights[w] * slopes[at]
                    w += 1
                at += 1
            continue
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
def collapse(layout, symbols, back):  # type: ignore[no-untyped-def]
    """The log density at these symbols, up to a constant; its slopes by the symbols into `back`, if that has any length."""
    products = _multiply(symbols, layout.factors)
    values = _enter(layout, products)
    slopes, nobody = np.zeros(len(values) if len(back) else 0), np.empty(0)
    total = 0.0
    for s in range(len(layout.log_weights)):
        if layout.log_weights[s] != 0.0:
            total += layout.log_weights[s] * np.log(symbols[s])
    total += go_through_singles(layout, values, slopes, layout.starts[:0], nobody)
    if not np.isnan(total):
        total += go_through_lanes(layout, values, slopes, layout.starts[:0], nobody)
    if len(back) and not np.isnan(total):
        _return_slopes(layout, symbols, len(products), slopes, back)
    return total


@compiled()
def condition(layout, symbols, owners, drawn):  # type: ignore[no-untyped-def]
    """Turn `drawn` (points, quantities), normal(0, 1), into draws of the unknown quantities given data and symbols.

    `owners` lists for each unit, column by column and quantity by quantity, which quantities those of the lanes are.
    """
    for point in range(len(symbols)):
        values = _enter(layout, _multiply(symbols[point], layout.factors))
        go_through_singles(layout, values, values[:0], owners, drawn[point])
        go_through_lanes(layout, values, values[:0], owners, drawn[point])
