"""Averages of outcomes with zeros without cells: whether there is any, times how much of it, from two linear predictors.

Both predictors are polynomials in the rows' columns with normal noise, (η₁, η₂). Given the noise of η₂, on an equidistant grid,
η₁ has normal noise left, which only bends its logistic curve: so the mean is Σ over nodes of a smoothed curve of η₁ times the
amount at η₂, however many mediators there are. Curve and amount are tabulated, as in `effects.averages.curves`: a cubic
between nodes 1/64 apart is off by 1e-9 of them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.averages.curves import DENSITY, FAR, Tables, average_curve, tabulate
from mechanisms.effects.averages.grids import trapezoid
from mechanisms.effects.averages.outlines import MANY, find_outline
from mechanisms.effects.averages.polynomials import Polynomial
from mechanisms.effects.stages import Population, Stage, merge_rows
from mechanisms.effects.values import Value
from mechanisms.effects.worlds import Traced
from mechanisms.infer.cores import cut, share_out
from mechanisms.model.equations import Equation
from mechanisms.model.laws import Given, find_amount

Floats = NDArray[np.float64]
_AT_ONCE = 64  # draws
_ROWS_AT_ONCE = 8_192
_REACH = 6.5  # sds of noise beyond which nothing is looked for, and one more for each sd that a log link tilts it by
_WIDEST = 0.8  # step: with it the normal density itself is off by 1e-13
_STEEP = 0.45  # sd of η₂ × step, which keeps the grid's error below 1e-9: the amount's poles lie π / 2 sds away
_TOP = 600.0  # where exponentials leave the numbers
_NONE = Polynomial({(): 0.0})
_COUNTS = ("gamma", "lognormal", "poisson", "negative_binomial")


def average_zeros(stage: Stage, traced: Traced, rows: Population) -> Floats | None:
    """The mean of an outcome with zeros, or of one of its parts, shape (draws,); None where it takes cells, or these are few."""
    scene, count = stage.scene, len(next(iter(stage.parameters.values())))
    if scene.parts(scene.on) or not rows.columns or count * len(rows.weights) < MANY:
        return None
    equation, what = scene.plan.equation(scene.on), scene.look.what
    own = [each.role for each in equation.parts] == ["any"] and equation.out_of == 1 and equation.family in _COUNTS
    if not own or what not in ("mean", "any", "amount"):
        return None
    noisy = frozenset(version for version, _ in traced[:-1] if not scene.parts(version.name))
    if (found := find_outline(stage, traced, rows, noisy)) is None:
        return None
    etas, few = dict(zip((each.role for each in equation.predictors), found, strict=True)), merge_rows(rows)
    everybody = Value(_NONE, {})  # type: ignore[arg-type]
    some = everybody if what == "amount" else etas["any"]
    much = everybody if what == "any" else etas[""]
    noises = [_cross(*pair) for pair in ((some, some), (some, much), (much, much))]
    if not all(each.constant for each in noises):
        return None
    own_noise, between, other = (each.coefficients(count).sum(axis=1) for each in noises)
    if what == "any":
        return average_curve("logit", some.mean + _NONE, own_noise, few.columns, few.weights, stage.population.known)
    sd = np.sqrt(other)
    slope = np.divide(between, sd, out=np.zeros_like(sd), where=sd > 0)
    left = np.sqrt(np.maximum(own_noise - slope**2, 0.0))
    if what == "amount":
        tables: Tables | None = Tables(0.0, np.ones((1, 8)), np.ones((count, 1)))
    else:
        tables = tabulate("logit", (-FAR, FAR), left)
    if tables is None:
        return None
    return _average(stage, equation, (some.mean + _NONE, much.mean + _NONE), (slope, sd), tables, few)


def _cross(one: Any, two: Any) -> Polynomial:
    """The covariance of two predictors' noise."""
    shared = (loading * two.loadings[version] for version, loading in one.loadings.items() if version in two.loadings)
    return sum(shared, _NONE)


def _average(
    stage: Stage,
    equation: Equation,
    means: tuple[Polynomial, Polynomial],
    noise: tuple[Floats, Floats],
    tables: Tables,
    rows: Population,
) -> Floats | None:
    """`noise` is what a standard unit of η₂'s noise moves η₁ by, and η₂ itself, (draws,); `tables` are the curves of η₁."""
    from mechanisms.effects.averages.kernels import add_products  # noqa: PLC0415  (numba is slow to import)

    slope, sd = noise
    factors = [each.coefficients(len(sd)) for each in means]
    if not all(np.isfinite(each).all() for each in (*noise, *factors)):
        return None
    widest = float(sd.max())
    step = min(_WIDEST, _STEEP / max(widest, 1e-6), 2.0 * _STEEP / max(float(np.abs(slope).max()), 1e-6))
    nodes, shares = trapezoid(step, _REACH + widest) if widest > 0 else (np.zeros(1), np.ones(1))
    reach = widest * float(nodes[-1])
    found = np.zeros(len(sd))
    for begin in range(0, len(rows.weights), _ROWS_AT_ONCE):
        here = slice(begin, begin + _ROWS_AT_ONCE)
        designs, weights = [each.design(rows.columns, here) for each in means], np.ascontiguousarray(rows.weights[here])
        span = _find_span(factors[1], designs[1], reach)
        if span[1] > _TOP or span[1] - span[0] > _TOP:
            return None

        def run(draws: slice, designs: list[Floats] = designs, weights: Floats = weights, span: Any = span) -> None:
            etas = [factor[draws] @ design for factor, design in zip(factors, designs, strict=True)]
            own = stage.parameters[equation.spread][draws] if equation.spread else None
            start, amounts = tabulate_amounts(equation, own, span, len(etas[0]))
            curves = tables.values, np.ascontiguousarray(tables.shares[draws]), tables.start
            moves = slope[draws], sd[draws], nodes, shares
            add_products(*etas, weights, *moves, *curves, amounts, start, DENSITY, found[draws])

        share_out(run, cut(len(sd), _AT_ONCE))
    return found


def _find_span(factors: Floats, design: Floats, reach: float) -> tuple[float, float]:
    """Between which values η₂ lies in all draws and rows."""
    low, high = np.inf, -np.inf
    for some in cut(len(factors), _AT_ONCE):
        values = factors[some] @ design
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    return low - reach, high + reach


def tabulate_amounts(
    equation: Equation, own: Floats | None, span: tuple[float, float], count: int
) -> tuple[float, Floats]:
    """The mean of what there is where there is any, or all that is no excess zero, on a grid of η₂ for every draw.

    `own` are the draws' spreads, (count,).
    """
    start = float(np.floor(span[0] * DENSITY - 4) / DENSITY)
    nodes = start + np.arange(int((span[1] - start) * DENSITY) + 8) / DENSITY
    spread = None if own is None else own[:, None]
    given = Given(equation.family, np.exp(nodes)[None, :], spread, zeros=equation.zeros, some=1.0)
    return start, np.broadcast_to(find_amount(given), (count, len(nodes))).copy()
