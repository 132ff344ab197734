"""The average over many rows of a curve of one linear predictor, draw by draw, by tables of the curve.

A chance is a fixed curve of its linear predictor, whose normal noise, if it carries any, bends the curve by how much of it
there is. Curve and noise are tabulated once: on an equidistant grid of the predictor, where a cubic between nodes h apart is
off by at most 0.024 h⁴ |f''''| (2e-10 for a logistic curve), and at Chebyshev nodes of the noise's sd, as many as needed
to meet curves in between that are worked out anew.

Rows that are many are put on a grid themselves, each with its place between two nodes to the third power, which is all that a
cubic asks of it. Worlds that differ by a constant only, as those of one contrast mostly do, then share the pass over the rows.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from mechanisms.effects.averages.polynomials import Polynomial
from mechanisms.effects.averages.smoothing import average_noise
from mechanisms.infer.cores import cut, share_out
from mechanisms.model.families import inverse_link

Floats = NDArray[np.float64]
CURVED = ("logit", "probit", "cloglog")
DENSITY = 64.0  # nodes of a grid for a unit of η
FAR = 40.0  # beyond it a chance is 0 or 1
_CLOSE = 1e-10
_NODES = (1, 6, 12, 24, 48)
_ROWS_AT_ONCE = 65_536
_HEAPED = 8_000  # rows from which a grid of them pays
_MOST = 32_000_000  # numbers that such grids may take: 256 MB
_SHARED = 250_000  # draws × rows, or nodes, that are worth a thread: about a millisecond
_AT_ONCE = 128  # draws of which the predictor is worked out at once, so that it stays in a processor's cache


@dataclass(frozen=True, eq=False)
class Tables:
    """A draw's curve at the nodes start + i / density is `shares` @ `values`, (draws, powers) and (powers, nodes).

    Powers are Chebyshev polynomials of the noise's sd, one where all draws have the same noise.
    """

    start: float
    values: Floats
    shares: Floats


@dataclass(frozen=True, eq=False)
class Spans:
    """Bounds of the predictor without its constant in every draw, with the terms and factors that it has."""

    terms: tuple[Any, ...]
    factors: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class Heaps:
    """Rows on a grid of the predictor without its constant, from `start` on; shape (draws, nodes, powers of the place)."""

    spans: Spans
    start: float
    values: Floats


def average_curve(
    link: str,
    eta: Polynomial,
    variance: Floats,
    columns: Mapping[str, Floats],
    weights: Floats,
    known: dict[str, Any],
) -> Floats | None:
    """E[inverse link(η + noise)] averaged over the rows, shape (draws,); None where no table meets the curve.

    Parameters
    ----------
    variance
        That of the normal noise which η carries in each draw, shape (draws,).
    known
        A cache: the bounds of the predictor that was used last, and its rows on a grid.
    """
    factors = (eta + Polynomial({(): 0.0})).coefficients(len(variance))
    terms = tuple((eta + Polynomial({(): 0.0})).terms)
    if link == "probit":
        factors, variance = factors / np.sqrt(1.0 + variance)[:, None], np.zeros(len(variance))
    if not (np.isfinite(factors).all() and np.isfinite(variance).all()):
        return None
    place = terms.index(())
    level, moved = factors[:, place], np.delete(factors, place, axis=1)
    beside = Polynomial(dict.fromkeys(term for term in terms if term))
    spans = _span(beside, moved, columns, known)
    low, high = (np.clip(level + end, -2 * FAR, 2 * FAR) for end in (spans.low, spans.high))
    reach = float(low.min()), float(high.max())
    tables = tabulate(link, reach, np.sqrt(variance))
    if tables is None:
        return None
    found = np.zeros(len(level))
    start, end = float(spans.low.min()), float(spans.high.max())
    nodes = int((end - start) * DENSITY) + 6
    few = len(weights) < _HEAPED or len(level) * nodes * 4 > _MOST or max(map(abs, reach)) > FAR
    if few:
        _add(factors, beside, place, columns, weights, (low, high), tables, found)
        return found
    heaps = _heap(beside, spans, columns, weights, start, nodes, known)
    _level(level, heaps, tables, found)
    return found


def _span(beside: Polynomial, factors: Floats, columns: Mapping[str, Floats], known: dict[str, Any]) -> Spans:
    """Bounds of the predictor without its constant, met where the rows are few; those of the last world where it is the same."""
    last, terms = known.get("spans"), tuple(beside.terms)
    if isinstance(last, Spans) and last.terms == terms and np.array_equal(last.factors, factors):
        return last
    known.clear()
    rows = len(next(iter(columns.values())))
    if len(factors) * rows <= 4_000_000:
        design, low, high = beside.design(columns, slice(0, rows)), np.empty(len(factors)), np.empty(len(factors))
        for some in cut(len(factors), _AT_ONCE):
            values = factors[some] @ design
            low[some], high[some] = values.min(axis=1), values.max(axis=1)
    else:
        ends = np.array([_find_ends(term, columns) for term in beside.terms]).reshape(-1, 2).T
        corners = factors * ends[0], factors * ends[1]
        low, high = np.minimum(*corners).sum(axis=1), np.maximum(*corners).sum(axis=1)
    known["spans"] = found = Spans(terms, factors, low, high)
    return found


def _find_ends(term: tuple[str, ...], columns: Mapping[str, Floats]) -> tuple[float, float]:
    """The least and the greatest value of a product of columns."""
    value: Floats = np.ones(1)
    for name in term:
        value = value * columns[name]
    return float(value.min()), float(value.max())


def tabulate(link: str, reach: tuple[float, float], spread: Floats) -> Tables | None:
    """The curves that all draws need between these values of η."""
    low, high = (min(max(end, -FAR), FAR) for end in reach)
    start = np.floor(low * DENSITY - 4) / DENSITY
    nodes = start + np.arange(int((high - start) * DENSITY) + 8) / DENSITY
    least, most = float(spread.min()), float(spread.max())
    if most == least:
        curve = inverse_link(link, nodes) if most == 0 else average_noise(link, nodes, np.array([most]))
        return Tables(start, curve[None, :], np.ones((len(spread), 1)))
    middle, width = (most + least) / 2, (most - least) / 2
    for count in _NODES:
        knots = chebyshev.chebpts1(count)
        values = average_noise(link, nodes[None, :], (middle + width * knots)[:, None])
        values = np.linalg.solve(chebyshev.chebvander(knots, count - 1), values)
        between = np.append(np.cos(np.pi * np.arange(1, count) / count), (-1.0, 1.0))
        wanted = average_noise(link, nodes[None, :], (middle + width * between)[:, None])
        if np.abs(chebyshev.chebvander(between, count - 1) @ values - wanted).max() < _CLOSE:
            shares = chebyshev.chebvander((spread - middle) / width, count - 1)
            return Tables(start, values, np.ascontiguousarray(shares))
    return None


def _add(
    factors: Floats,
    beside: Polynomial,
    place: int,
    columns: Mapping[str, Floats],
    weights: Floats,
    ends: tuple[Floats, Floats],
    tables: Tables,
    out: Floats,
) -> None:
    """Row by row."""
    from mechanisms.effects.averages.kernels import add_curves  # noqa: PLC0415  (numba is slow to import)

    def run(some: slice, design: Floats, share: Floats) -> None:
        curves = tables.values, tables.shares[some], tables.start
        add_curves(factors[some], design, share, ends[0][some], ends[1][some], *curves, DENSITY, out[some])

    for rows in cut(len(weights), _ROWS_AT_ONCE):
        design = np.insert(beside.design(columns, rows), place, 1.0, axis=0)
        _share(len(factors), design.shape[1], run, design, np.ascontiguousarray(weights[rows]))


def _heap(
    beside: Polynomial,
    spans: Spans,
    columns: Mapping[str, Floats],
    weights: Floats,
    low: float,
    nodes: int,
    known: dict[str, Any],
) -> Heaps:
    """All rows on a grid; that of the last world where it is the same."""
    from mechanisms.effects.averages.kernels import heap_up  # noqa: PLC0415

    last, factors = known.get("heaps"), spans.factors
    if isinstance(last, Heaps) and last.spans is spans:
        return last
    start = low - 2.0 / DENSITY
    found = Heaps(spans, start, np.zeros((len(factors), nodes, 4)))

    def run(some: slice, design: Floats, share: Floats) -> None:
        heap_up(factors[some], design, share, start, DENSITY, found.values[some])

    for rows in cut(len(weights), _ROWS_AT_ONCE):
        design = beside.design(columns, rows)
        _share(len(factors), design.shape[1], run, design, np.ascontiguousarray(weights[rows]))
    known["heaps"] = found
    return found


def _level(level: Floats, heaps: Heaps, tables: Tables, out: Floats) -> None:
    """The curve of every heap, moved by the predictor's constant."""
    from mechanisms.effects.averages.kernels import level_heaps  # noqa: PLC0415

    def run(some: slice) -> None:
        curves = tables.values, tables.shares[some], tables.start
        level_heaps(level[some], heaps.values[some], heaps.start, *curves, DENSITY, out[some])

    _share(len(level), heaps.values.shape[1], run)


def _share(draws: int, cells: int, run: Callable[..., None], *given: Floats) -> None:
    """The draws among the processor's cores, where there is enough to do."""
    workers = max(1, min(os.cpu_count() or 1, draws * cells // _SHARED))
    share_out(lambda some: run(some, *given), cut(draws, -(-draws // workers)))
