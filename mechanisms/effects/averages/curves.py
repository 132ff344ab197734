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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from mechanisms.effects.averages.polynomials import Polynomial
from mechanisms.effects.averages.smoothing import average_noise
from mechanisms.model.families import inverse_link

Floats = NDArray[np.float64]
CURVED = ("logit", "probit", "cloglog")
_DENSITY = 64.0  # nodes of a grid for a unit of η
_FAR = 40.0  # beyond it a chance is 0 or 1
_CLOSE = 1e-10
_NODES = (1, 6, 12, 24, 48)
_ROWS_AT_ONCE = 65_536
_HEAPED = 8_000  # rows from which a grid of them pays
_MOST = 32_000_000  # numbers that such grids may take: 256 MB


@dataclass(frozen=True, eq=False)
class Tables:
    """Curves at the nodes start + i / density, shape (curves, nodes), and each draw's shares in them, (draws, curves)."""

    start: float
    values: Floats
    shares: Floats


@dataclass(frozen=True, eq=False)
class Heaps:
    """Rows on a grid of the predictor without its constant, from `start` on; shape (draws, nodes, powers of the place)."""

    terms: tuple[Any, ...]
    factors: Floats
    start: float
    values: Floats


def average_curve(
    link: str,
    eta: Polynomial,
    variance: Floats,
    columns: Mapping[str, Floats],
    weights: Floats,
    known: dict[str, Heaps],
) -> Floats | None:
    """E[inverse link(η + noise)] averaged over the rows, shape (draws,); None where no table meets the curve.

    Parameters
    ----------
    variance
        That of the normal noise which η carries in each draw, shape (draws,).
    known
        A cache: the rows on the grid that was used last.
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
    low, high = _reach(beside, moved, columns)
    reach = float((level + low).min()), float((level + high).max())
    tables = _tabulate(link, reach, np.sqrt(variance))
    if tables is None:
        return None
    found = np.zeros(len(level))
    nodes = int((high.max() - low.min()) * _DENSITY) + 6
    few = len(weights) < _HEAPED or len(level) * nodes * 4 > _MOST or max(map(abs, reach)) > _FAR
    if few:
        _add(factors, beside, place, columns, weights, tables, found)
        return found
    heaps = _heap(beside, moved, columns, weights, float(low.min()), nodes, known)
    _level(level, heaps, tables, found)
    return found


def _reach(beside: Polynomial, factors: Floats, columns: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """Bounds of the predictor without its constant in every draw; met where the rows are few."""
    rows = len(next(iter(columns.values())))
    if len(factors) * rows <= 4_000_000:
        values = factors @ beside.design(columns, slice(0, rows))
        return values.min(axis=1), values.max(axis=1)
    ends = []
    for term in beside.terms:
        value: Floats = np.ones(1)
        for name in term:
            value = value * columns[name]
        ends.append((float(value.min()), float(value.max())))
    low, high = np.array(ends).reshape(-1, 2).T
    return np.minimum(factors * low, factors * high).sum(axis=1), np.maximum(factors * low, factors * high).sum(axis=1)


def _tabulate(link: str, reach: tuple[float, float], spread: Floats) -> Tables | None:
    """The curves that all draws need between these values of η."""
    low, high = (min(max(end, -_FAR), _FAR) for end in reach)
    start = np.floor(low * _DENSITY - 4) / _DENSITY
    nodes = start + np.arange(int((high - start) * _DENSITY) + 8) / _DENSITY
    least, most = float(spread.min()), float(spread.max())
    if most == least:
        curve = inverse_link(link, nodes) if most == 0 else average_noise(link, nodes, np.array([most]))
        return Tables(start, curve[None, :], np.ones((len(spread), 1)))
    middle, width = (most + least) / 2, (most - least) / 2
    for count in _NODES:
        values = average_noise(link, nodes[None, :], (middle + width * chebyshev.chebpts1(count))[:, None])
        between = np.append(np.cos(np.pi * np.arange(1, count) / count), (-1.0, 1.0))
        wanted = average_noise(link, nodes[None, :], (middle + width * between)[:, None])
        if np.abs(_weigh(between, count) @ values - wanted).max() < _CLOSE:
            return Tables(start, values, _weigh((spread - middle) / width, count))
    return None


def _weigh(where: Floats, count: int) -> Floats:
    """The shares of the values at `count` Chebyshev nodes in the polynomial through them, shape (where, count)."""
    own = chebyshev.chebvander(chebyshev.chebpts1(count), count - 1)
    return np.asarray(chebyshev.chebvander(where, count - 1) @ np.linalg.inv(own))


def _add(
    factors: Floats,
    beside: Polynomial,
    place: int,
    columns: Mapping[str, Floats],
    weights: Floats,
    tables: Tables,
    out: Floats,
) -> None:
    """Row by row."""
    from mechanisms.effects.averages.kernels import add_curves  # noqa: PLC0415  (numba is slow to import)

    def run(some: slice, design: Floats, share: Floats) -> None:
        add_curves(factors[some], design, share, tables.values, tables.shares[some], tables.start, _DENSITY, out[some])

    for rows in _cut(len(weights), _ROWS_AT_ONCE):
        design = np.insert(beside.design(columns, rows), place, 1.0, axis=0)
        _share_out(len(factors), design.shape[1], run, design, np.ascontiguousarray(weights[rows]))


def _heap(
    beside: Polynomial,
    factors: Floats,
    columns: Mapping[str, Floats],
    weights: Floats,
    low: float,
    nodes: int,
    known: dict[str, Heaps],
) -> Heaps:
    """All rows on a grid; that of the last world where it is the same."""
    from mechanisms.effects.averages.kernels import heap_up  # noqa: PLC0415

    last, terms = known.get("heaps"), tuple(beside.terms)
    if last is not None and last.terms == terms and np.array_equal(last.factors, factors):
        return last
    known.clear()
    start = low - 2.0 / _DENSITY
    found = Heaps(terms, factors, start, np.zeros((len(factors), nodes, 4)))

    def run(some: slice, design: Floats, share: Floats) -> None:
        heap_up(factors[some], design, share, start, _DENSITY, found.values[some])

    for rows in _cut(len(weights), _ROWS_AT_ONCE):
        design = beside.design(columns, rows)
        _share_out(len(factors), design.shape[1], run, design, np.ascontiguousarray(weights[rows]))
    known["heaps"] = found
    return found


def _level(level: Floats, heaps: Heaps, tables: Tables, out: Floats) -> None:
    """The curve of every heap, moved by the predictor's constant."""
    from mechanisms.effects.averages.kernels import level_heaps  # noqa: PLC0415

    def run(some: slice) -> None:
        curves = tables.values, tables.shares[some], tables.start
        level_heaps(level[some], heaps.values[some], heaps.start, *curves, _DENSITY, out[some])

    _share_out(len(level), heaps.values.shape[1], run)


def _cut(size: int, step: int) -> list[slice]:
    return [slice(at, min(at + step, size)) for at in range(0, size, step)]


def _share_out(draws: int, cells: int, run: Callable[..., None], *given: Floats) -> None:
    """The draws among the processor's cores, where there is enough to do."""
    workers = max(1, min(os.cpu_count() or 1, draws * cells // 1_000_000))
    parts = _cut(draws, -(-draws // workers))
    if len(parts) == 1:
        run(parts[0], *given)
        return
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(lambda some: run(some, *given), parts))
