"""Averages over one or two mediators' values without cells: the same nodes, summed in machine code, row by row.

A number of 100 000 rows × 4000 draws × 30 nodes is never held; what is held are 64 draws × 1024 rows of the predictors.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.averages.curves import DENSITY, FAR
from mechanisms.effects.averages.grids import Layout
from mechanisms.effects.averages.mixtures import ALONE, AMOUNT, AXES, Axis, Groups, Mixture, find_mixture
from mechanisms.effects.averages.nodes import check_width
from mechanisms.effects.averages.outlines import MANY
from mechanisms.effects.averages.polynomials import Polynomial
from mechanisms.effects.averages.zeros import tabulate_amounts
from mechanisms.effects.headway import count_off
from mechanisms.effects.stages import Population, Stage
from mechanisms.effects.worlds import Traced
from mechanisms.infer.cores import cut, share_out
from mechanisms.model.laws import Given

Floats = NDArray[np.float64]
_MOST = 300.0  # mean of a count whose probability of 0 is a number
_TOP = 600.0  # where exponentials leave the numbers
_DEARER = 4  # cells take so much longer than nodes of a table
_AT_ONCE, _ROWS_AT_ONCE = 64, 1024


@dataclass(frozen=True, eq=False)
class _Work:
    """A mixture with the polynomials of its chance, its amount, its mediators and its noise, and their coefficients.

    `factors` have the shape (draws, terms) each.
    """

    mixture: Mixture
    axes: tuple[Axis, Axis]
    groups: tuple[Groups, ...]
    factors: tuple[tuple[Floats, ...], ...]


def average_mixture(stage: Stage, traced: Traced, rows: Population, layout: Layout, some: slice) -> Floats | None:
    """The outcome's mean in a world in some draws; None where it takes cells, or these are few.

    Raises
    ------
    TooNarrowError
        The sum over a count has to be wider.
    """
    parameters = {address: values[some] for address, values in stage.parameters.items()}
    count = len(next(iter(parameters.values())))
    if layout.sobol or not rows.columns or count * len(rows.weights) * layout.cells < MANY:
        return None
    mixture = find_mixture(replace(stage, parameters=parameters), traced, rows, layout)
    return None if mixture is None else _average(mixture, count)


def _average(mixture: Mixture, count: int) -> Floats | None:
    """As many draws and rows at once as stay near the processor."""
    first, second, *_ = (*mixture.axes, ALONE, ALONE)
    groups = mixture.chance, mixture.amount, _split(first, second), (mixture.variance or Polynomial({}),)
    factors = tuple(tuple(_find_factors(each, count) for each in group) for group in groups)
    if not all(np.isfinite(each).all() for group in factors for each in group):
        return None
    work, found = _Work(mixture, (first, second), groups, factors), np.zeros(count)
    some, pieces = cut(count, _AT_ONCE), cut(len(mixture.rows.weights), _ROWS_AT_ONCE)

    def run(draws: slice) -> bool:
        return all(_add(work, draws, rows, found[draws]) for rows in pieces)

    done = share_out(run, some, partial(count_off, "pieces", of=len(some)))
    return found if all(done) else None


def _split(first: Axis, second: Axis) -> Groups:
    """The mediators' own predictors: of v₁, of v₂, and what v₁ adds to that of v₂."""
    terms = second.lean.terms
    alone = {term: value for term, value in terms.items() if AXES[0] not in term}
    moved = {
        tuple(column for column in term if column != AXES[0]): value for term, value in terms.items() if AXES[0] in term
    }
    return first.lean, Polynomial(alone), Polynomial(moved)


def _find_factors(predictor: Polynomial, count: int) -> Floats:
    return predictor.coefficients(count) if predictor.terms else np.zeros((count, 0))


def _add(work: _Work, draws: slice, rows: slice, out: Floats) -> bool:
    """Add some rows' share to the averages of some draws; False where a number leaves what is tabulated."""
    from mechanisms.effects.averages.mixing import add_mixtures  # noqa: PLC0415  (numba is slow to import)

    mixture, axes = work.mixture, work.axes
    chance, amount, leans, (variance,) = _predict(work, draws, rows, len(out))
    if mixture.variance is not None:
        chance[2] += np.sqrt(np.maximum(variance, 0.0))
    if not _check_counts(work, leans, draws):
        return False
    reach = [float(np.abs(axis.nodes).max()) for axis in axes]
    low, high = _span(amount, reach)
    begin, much = 0.0, np.ones((len(out), 8))
    if mixture.what >= AMOUNT:
        span = float(low.min()), float(high.max())
        if span[1] > _TOP or span[1] - span[0] > min(_TOP, _find_widest(work)):
            return False
        begin, much = tabulate_amounts(
            mixture.outcome, _find_spread(work, mixture.outcome.spread, draws), span, len(out)
        )
    curves: tuple[Floats, Floats, float] = np.ones((1, 8)), np.ones((len(out), 1)), 0.0
    if (tables := mixture.tables) is not None:
        curves = tables.values, np.ascontiguousarray(tables.shares[draws]), tables.start
    sizes = np.ones((2, len(out)))
    for size, axis in zip(sizes, axes, strict=True):
        if axis.count is not None and (spread := _find_spread(work, axis.count[1].spread, draws)) is not None:
            size[:] = spread
    kinds, nodes, shares = zip(*((axis.kind, axis.nodes, axis.shares) for axis in axes), strict=True)
    mediators = kinds, leans, sizes, nodes, shares, np.ascontiguousarray(mixture.rows.weights[rows])
    bounds = np.clip(_span(chance, reach), -2 * FAR, 2 * FAR)
    add_mixtures(mixture.what, chance, amount, *mediators, *bounds, *curves, much, begin, DENSITY, out)
    return True


def _predict(work: _Work, draws: slice, rows: slice, count: int) -> Iterator[Floats]:
    """The values of each group of polynomials in some draws and rows; shape (polynomials, draws, rows)."""
    columns, weights = work.mixture.rows.columns, work.mixture.rows.weights[rows]
    for group, factors in zip(work.groups, work.factors, strict=True):
        found = np.zeros((len(group), count, len(weights)))
        for place, each in enumerate(group):
            if each.terms:
                np.matmul(factors[place][draws], each.design(columns, rows), out=found[place])
        yield found


def _find_widest(work: _Work) -> float:
    """How wide a table of amounts may be to cost less than the cells that it saves."""
    first, second = work.axes
    rows = min(len(work.mixture.rows.weights), _ROWS_AT_ONCE)
    return _DEARER * rows * len(first.nodes) * len(second.nodes) / DENSITY


def _find_spread(work: _Work, address: str | None, draws: slice) -> Floats | None:
    return work.mixture.parameters[address][draws] if address else None


def _check_counts(work: _Work, leans: Floats, draws: slice) -> bool:
    """Refuse sums over counts that are too narrow; False where a count is so large that nobody has none."""
    first = work.axes[0].nodes
    ends = (leans[1] + end * leans[2] for end in (first.min(), first.max()))
    for axis, lean in zip(work.axes, (leans[0], np.maximum(*ends)), strict=True):
        if axis.count is None:
            continue
        if lean.max() > np.log(_MOST):
            return False
        version, equation, noise = axis.count
        spread = _find_spread(work, equation.spread, draws)
        given = Given(equation.family, np.exp(lean), None if spread is None else spread[:, None])
        check_width(version, given, noise)
    return True


def _span(predictor: Floats, reach: list[float]) -> tuple[Floats, Floats]:
    """Bounds of a predictor in each draw, whatever the mediators' values."""
    low, high = predictor[0].min(axis=1), predictor[0].max(axis=1)
    for each, far in zip(predictor[1:], (reach[0], reach[1], reach[0] * reach[1]), strict=True):
        if far:
            width = far * np.maximum(each.max(axis=1), -each.min(axis=1))
            low, high = low - width, high + width
    return low, high
