"""Splines out of mediators of every family that has numbers, against SciPy's natural cubics inside sums and integrals.

The laws and means are those that `test_family_table` writes out; a curve is SciPy's through heights at knots.
"""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import CubicSpline
from small_worlds import values
from test_family_table import (
    COVARIATES,
    FAMILIES,
    HIGH,
    LOW,
    SHARE,
    STEPPED,
    columns,
    etas,
    law,
    looked_at,
    predictors,
    stated,
)

import mechanisms as mx

HEIGHTS = (0.5, -0.3, 0.2)  # above the first knot's
MEDIATORS = [name for name in FAMILIES if name not in (*STEPPED, "bernoulli")]
TABLE = [*product(MEDIATORS, ("normal", "bernoulli")), *product(("normal", "beta"), FAMILIES)]


def fitted(mediator, outcome):
    """A theory with the two, pinned, and the mediator's column."""
    theory = mx.parse(
        f"variables:\n  x:\n  c:\n  m: {{{FAMILIES[mediator]}}}\n  y: {{{FAMILIES[outcome]}}}\n"
        "arrows:\n  x -> m, y:\n  c -> m, y:\n  m -> y: {shape: {spline: 3}}\n"
    )
    rng, n = np.random.default_rng(1), 42
    frame = pd.DataFrame({"x": rng.normal(0.7, 1, n), "c": np.resize(COVARIATES, n)})
    frame = frame.assign(m=spread(mediator, rng, n), y=columns(outcome, rng, n))
    plan = mx.compile(theory)
    return mx.pin(plan, mx.bind(theory, frame), {each: height(each) for each in plan.parameters}), frame["m"].to_numpy()


def spread(mediator, rng, n):
    """A mediator's column whose quantiles all differ."""
    if "poisson" in mediator or "negbin" in mediator:
        return rng.permutation(np.resize(np.arange(8.0), n))
    some = columns(mediator, rng, n)
    return np.where(np.arange(n) % 10, rng.uniform(0.5, 3, n), 0.0) if mediator.startswith("hurdle") else some


def height(address):
    """A parameter's value: the spline's are heights, times the share of their part."""
    cause, _, target = address.partition(" -> ")
    if not cause.startswith("m["):
        return stated(address)
    return stated(f"m -> {target}") / -0.12 * HEIGHTS[int(cause[2]) - 1]


def draw_curve(m):
    """A natural cubic through the heights at the knots, straight beyond them, 0 at 0."""
    knots = np.quantile(m, np.linspace(0, 1, 4))
    curve = CubicSpline(knots, [0, *HEIGHTS], bc_type="natural")
    low, high = knots[0], knots[-1]

    def draw(at):
        inside = np.clip(at, low, high)
        return curve(inside) + (at - inside) * np.where(at < low, curve(low, 1), curve(high, 1))

    return lambda at: draw(at) - draw(0.0)


def mean(mediator, outcome, curve, x, star):
    """E[Y(x, M(star))] averaged over the covariate, for each row that the outcome has."""
    total = {}
    for c in COVARIATES:
        at, weight = law(mediator, False, star, c)
        eta = etas("y", outcome, {"x": x, "c": c})
        eta = {part: eta[part] + SHARE[share] * curve(at) for part, share in predictors(outcome).items()}
        for value, quantity in looked_at(outcome, eta).items():
            total[value] = total.get(value, 0.0) + float(quantity @ weight) / len(COVARIATES)
    return total


@pytest.mark.parametrize(("mediator", "outcome"), dict.fromkeys(TABLE))
def test_table(mediator, outcome):
    fit, m = fitted(mediator, outcome)
    curve = draw_curve(m)
    found = values(mx.decompose(fit, "x", "y", contrast=(LOW, HIGH)))
    worlds = {(x, star): mean(mediator, outcome, curve, x, star) for x, star in product((LOW, HIGH), repeat=2)}
    parts = {
        "total": ((HIGH, HIGH), (LOW, LOW)),
        "direct": ((HIGH, LOW), (LOW, LOW)),
        "indirect": ((HIGH, HIGH), (HIGH, LOW)),
    }
    for value in worlds[LOW, LOW]:
        end = f" [y={value}]" if value else ""
        size = max(1.0, *(abs(world[value]) for world in worlds.values()))
        for label, (one, other) in parts.items():
            expected = worlds[one][value] - worlds[other][value]
            assert found[f"{label}{end}"] == pytest.approx(expected, abs=4e-6 * size), (label, value)
