"""The inner loop over draws, rows and the values of one or two mediators, in machine code."""

from math import erfc, exp, expm1, log1p, sqrt

import numpy as np

from mechanisms.effects.averages.kernels import _fit_cubics
from mechanisms.infer.compiling import compiled, compiled_within

FIXED, LOGIT, PROBIT, CLOGLOG, POISSON, NEGATIVE_BINOMIAL = range(6)  # how a mediator is distributed
STRAIGHT, CHANCE, AMOUNT, BOTH = range(4)  # what is averaged
_NOTHING = 1e-19


@compiled_within(inline="always")
def _weigh(kind, eta, size, bounded, out):  # type: ignore[no-untyped-def]
    """Write the probability of 0, 1, 2, … to `out`; gives how many matter, all where what is averaged has no bounds."""
    if kind <= CLOGLOG:
        if kind == LOGIT:
            one = 1.0 / (1.0 + exp(-eta))
        elif kind == PROBIT:
            one = 0.5 * erfc(-eta / sqrt(2.0))
        else:
            one = -expm1(-exp(eta))
        out[0], out[1] = 1.0 - one, one
        return 2
    mean = exp(eta)
    share, rate, more = exp(-mean), mean, 0.0
    if kind == NEGATIVE_BINOMIAL:
        share, rate, more = exp(-size * log1p(mean / size)), size * mean / (size + mean), mean / (size + mean)
    out[0] = share
    for k in range(1, len(out)):
        share *= (rate + (k - 1) * more) / k
        out[k] = share
        if bounded and k > mean and share < _NOTHING:
            return k + 1
    return len(out)


@compiled_within(inline="always")
def _fit_between(low, high, tables, own, start, density, curve, cubic):  # type: ignore[no-untyped-def]
    """Write a draw's curve, between its bounds, to `cubic`, as in `add_curves`."""
    last = tables.shape[1] - 3
    left = min(max(int((low - start) * density) - 2, 0), last - 1)
    right = min(max(int((high - start) * density) + 2, left + 1), last)
    part = curve[left : right + 3]
    part[:] = 0.0
    for k in range(tables.shape[0]):
        for i in range(len(part)):
            part[i] += own[k] * tables[k, left + i]
    _fit_cubics(part, cubic[left:right])


@compiled_within(inline="always")
def _read(cubic, place):  # type: ignore[no-untyped-def]
    """A curve's value at a place, in nodes from its second on; beyond its ends its value there."""
    place, end = place if place > 0.0 else 0.0, len(cubic) - 1e-9
    place = place if place < end else end
    node = int(place)
    x = place - node
    return cubic[node, 0] + x * (cubic[node, 1] + x * (cubic[node, 2] + x * cubic[node, 3]))


@compiled_within(inline="always")
def _mix(what, a, b, c, d, nodes, shares, first, second):  # type: ignore[no-untyped-def]
    """Σ over nodes of share · outcome(a + b · node, c + d · node); but for `STRAIGHT`, both in nodes of the tables."""
    found = 0.0
    if what == STRAIGHT:
        for k in range(len(shares)):
            found += shares[k] * (a + b * nodes[k])
    elif what == CHANCE:
        for k in range(len(shares)):
            found += shares[k] * _read(first, a + b * nodes[k])
    elif what == AMOUNT:
        for k in range(len(shares)):
            found += shares[k] * _read(second, c + d * nodes[k])
    else:
        for k in range(len(shares)):
            found += shares[k] * _read(first, a + b * nodes[k]) * _read(second, c + d * nodes[k])
    return found


@compiled()
def add_mixtures(  # type: ignore[no-untyped-def]
    what,
    chances,
    amounts,
    kinds,
    leans,
    sizes,
    nodes,
    shares,
    weights,
    low,
    high,
    tables,
    own,
    start,
    much,
    begin,
    density,
    out,
):
    """Add to `out`, for every draw, Σ over rows, v₁ and v₂ of weight · P(v₁) · P(v₂ | v₁) · outcome(η₁, η₂).

    Parameters
    ----------
    what
        The outcome: η₁ itself, a curve of η₁, an amount at η₂, or their product.
    chances, amounts
        Of η₁ and of η₂ what stands alone, before v₁, before v₂ and before v₁ v₂; (4, draws, rows).
    kinds, leans, sizes
        How v₁ and v₂ are distributed, given their own predictors: that of v₁, that of v₂ and what v₁ adds to it, (3, draws,
        rows); precisions (2, draws).
    nodes, shares
        The values of each; the weights of those that are `FIXED`.
    low, high, tables, own, start
        The curve of η₁ as in `add_curves`, between each draw's bounds.
    much, begin
        The amount of each draw at begin + i / density.
    """
    outer, inner = shares[0].copy(), shares[1].copy()
    curve, first = np.empty(tables.shape[1]), np.empty((tables.shape[1] - 3, 4))
    second = np.empty((much.shape[1] - 3, 4))
    chanced, bounded = what in (CHANCE, BOTH), what == CHANCE
    scale, shift = (density, start * density + 1.0) if chanced else (1.0, 0.0)
    stretch, offset = density, begin * density + 1.0
    for draw in range(len(out)):
        if chanced:
            _fit_between(low[draw], high[draw], tables, own[draw], start, density, curve, first)
        if what >= AMOUNT:
            _fit_cubics(much[draw], second)
        total, one, two = 0.0, len(outer), len(inner)
        for row in range(len(weights)):
            if kinds[0] != FIXED:
                one = _weigh(kinds[0], leans[0, draw, row], sizes[0, draw], bounded, outer)
            found = 0.0
            for i in range(one):
                v = nodes[0][i]
                if kinds[1] != FIXED:
                    two = _weigh(
                        kinds[1], leans[1, draw, row] + v * leans[2, draw, row], sizes[1, draw], bounded, inner
                    )
                a = scale * (chances[0, draw, row] + v * chances[1, draw, row]) - shift
                b = scale * (chances[2, draw, row] + v * chances[3, draw, row])
                c = stretch * (amounts[0, draw, row] + v * amounts[1, draw, row]) - offset
                d = stretch * (amounts[2, draw, row] + v * amounts[3, draw, row])
                found += outer[i] * _mix(what, a, b, c, d, nodes[1], inner[:two], first, second)
            total += weights[row] * found
        out[draw] += total
