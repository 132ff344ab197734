"""The inner loop over draws and rows, in machine code: a curve of the linear predictor, averaged over the rows."""

import numpy as np

from mechanisms.infer.compiling import compiled

_BLOCK = 512  # rows at once, so that they stay in the nearest cache


@compiled()
def _fit_cubics(values, out):  # type: ignore[no-untyped-def]
    """Between two nodes each, the cubic through these and their neighbours; out[i] begins at node i + 1."""
    for i in range(len(out)):
        a, b, c, d = values[i], values[i + 1], values[i + 2], values[i + 3]
        out[i, 0] = b
        out[i, 1] = c - b / 2 - a / 3 - d / 6
        out[i, 2] = (a + c) / 2 - b
        out[i, 3] = (d - a) / 6 + (b - c) / 2


@compiled()
def add_curves(coefficients, design, weights, low, high, tables, shares, start, density, out):  # type: ignore[no-untyped-def]
    """Add to `out`, for every draw, Σ weight · curve(coefficients · design) over the rows, between its `low` and its `high`.

    Draw d's curve at the nodes start + i / density is Σ_k shares[d, k] · tables[k]; between two nodes it is the cubic
    through these and their neighbours, beyond the ends its value there.
    """
    terms, rows = design.shape
    last = tables.shape[1] - 3
    end = last - 1e-9
    curve, cubic = np.empty(tables.shape[1]), np.empty((last, 4))
    eta, nodes = np.empty(_BLOCK), np.empty(_BLOCK, np.int32)
    for draw in range(coefficients.shape[0]):
        first = min(max(int((low[draw] - start) * density) - 2, 0), last - 1)
        after = min(max(int((high[draw] - start) * density) + 2, first + 1), last)
        own = curve[first : after + 3]
        own[:] = 0.0
        for k in range(tables.shape[0]):
            share, table = shares[draw, k], tables[k, first : after + 3]
            for i in range(len(own)):
                own[i] += share * table[i]
        between = cubic[first:after]
        _fit_cubics(own, between)
        total = 0.0
        for begin in range(0, rows, _BLOCK):
            size = min(_BLOCK, rows - begin)
            eta[:] = -start
            for t in range(terms):
                factor = coefficients[draw, t]
                column = design[t, begin : begin + size]
                for i in range(size):
                    eta[i] += factor * column[i]
            for i in range(size):  # loops apart, so that this one is worked on several rows at once
                place = eta[i] * density - 1.0
                place = place if place > 0.0 else 0.0
                place = place if place < end else end
                nodes[i] = int(place)
                eta[i] = place - nodes[i]
            part, share = 0.0, weights[begin : begin + size]
            for i in range(size):
                node, x = nodes[i], eta[i]
                part += share[i] * (cubic[node, 0] + x * (cubic[node, 1] + x * (cubic[node, 2] + x * cubic[node, 3])))
            total += part
        out[draw] += total


@compiled()
def add_products(some, much, weights, slope, sd, nodes, shares, tables, own, start, amounts, begin, density, out):  # type: ignore[no-untyped-def]
    """Add to `out`, for every draw, Σ over rows and nodes of weight · share · curve(some + slope · node) · amount(much + sd · node).

    `some` and `much` have the shape (draws, rows). A draw's curve at the nodes start + i / density is Σ_k own[draw, k] · tables[k],
    its amount at begin + i / density is amounts[draw, i]; between nodes both are cubics, as in `add_curves`.
    """
    last, end = tables.shape[1] - 3 - 1e-9, amounts.shape[1] - 3 - 1e-9
    curve = np.empty(tables.shape[1])
    first, second = np.empty((tables.shape[1] - 3, 4)), np.empty((amounts.shape[1] - 3, 4))
    for draw in range(some.shape[0]):
        curve[:] = 0.0
        for k in range(tables.shape[0]):
            for i in range(len(curve)):
                curve[i] += own[draw, k] * tables[k, i]
        _fit_cubics(curve, first)
        _fit_cubics(amounts[draw], second)
        step, stride, total = slope[draw] * density, sd[draw] * density, 0.0
        for row in range(some.shape[1]):
            one, other = (some[draw, row] - start) * density - 1.0, (much[draw, row] - begin) * density - 1.0
            part = 0.0
            for node in range(len(nodes)):
                p, q = one + step * nodes[node], other + stride * nodes[node]
                p, q = p if p > 0.0 else 0.0, q if q > 0.0 else 0.0
                p, q = p if p < last else last, q if q < end else end
                i, j = int(p), int(q)
                x, y = p - i, q - j
                left = first[i, 0] + x * (first[i, 1] + x * (first[i, 2] + x * first[i, 3]))
                right = second[j, 0] + y * (second[j, 1] + y * (second[j, 2] + y * second[j, 3]))
                part += shares[node] * left * right
            total += weights[row] * part
        out[draw] += total


@compiled()
def heap_up(coefficients, design, weights, start, density, heaps):  # type: ignore[no-untyped-def]
    """Add every row to the heap of the node below its coefficients · design: weight · (1, x, x², x³), x the way to the next.

    `heaps` has the shape (draws, nodes, 4); the rows lie between its second node and its last but two.
    """
    terms, rows = design.shape
    last = heaps.shape[1] - 3
    eta = np.empty(_BLOCK)
    for draw in range(coefficients.shape[0]):
        heap = heaps[draw]
        for begin in range(0, rows, _BLOCK):
            size = min(_BLOCK, rows - begin)
            eta[:] = -start
            for t in range(terms):
                factor = coefficients[draw, t]
                for i in range(size):
                    eta[i] += factor * design[t, begin + i]
            for i in range(size):
                place = min(max(eta[i] * density, 1.0), last + 0.0)
                node = int(place)
                x = place - node
                weight = weights[begin + i]
                heap[node, 0] += weight
                weight *= x
                heap[node, 1] += weight
                weight *= x
                heap[node, 2] += weight
                heap[node, 3] += weight * x


@compiled()
def level_heaps(levels, heaps, begin, tables, shares, start, density, out):  # type: ignore[no-untyped-def]
    """Write to `out`, for every draw, Σ weight · curve(level + what was heaped); curves as in `add_curves`, heaps from `begin` on."""
    nodes = heaps.shape[1]
    last = tables.shape[1] - 4
    curve, values = np.empty(tables.shape[1]), np.empty(nodes)
    for draw in range(len(levels)):
        curve[:] = 0.0
        for k in range(tables.shape[0]):
            share = shares[draw, k]
            for i in range(len(curve)):
                curve[i] += share * tables[k, i]
        place = (levels[draw] + begin - start) * density - 1.0
        first = int(np.floor(place))
        x = place - first
        a, b = -x * (x - 1) * (x - 2) / 6, (x + 1) * (x - 1) * (x - 2) / 2
        c, d = -(x + 1) * x * (x - 2) / 2, (x + 1) * x * (x - 1) / 6
        for j in range(nodes):
            i = min(max(first + j, 0), last)
            values[j] = a * curve[i] + b * curve[i + 1] + c * curve[i + 2] + d * curve[i + 3]
        total = 0.0
        for j in range(1, nodes - 2):
            a, b, c, d = values[j - 1], values[j], values[j + 1], values[j + 2]
            total += heaps[draw, j, 0] * b + heaps[draw, j, 1] * (c - b / 2 - a / 3 - d / 6)
            total += heaps[draw, j, 2] * ((a + c) / 2 - b) + heaps[draw, j, 3] * ((d - a) / 6 + (b - c) / 2)
        out[draw] = total
