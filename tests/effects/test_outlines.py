"""Averages without cells: those over cells again, to what a table of a curve may be off; and where they do not apply."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, special, stats

import mechanisms as mx
from mechanisms.effects.averages import curves, outlines
from mechanisms.effects.averages.curves import average_curve
from mechanisms.effects.averages.polynomials import Polynomial
from mechanisms.model.families import inverse_link

N = 150
OFF = 4e-9  # 0.024 h⁴ max|f''''| with h = 1/64: up to 1e-9 (cloglog), twice where rows are heaped, and in both worlds


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(3)
    found = pd.DataFrame({"x": rng.integers(0, 2, N) * 1.0, "c": rng.normal(2, 1.5, N), "g": rng.choice(["u", "v"], N)})
    found["m"] = 0.5 * found.x + 0.3 * found.c + rng.normal(size=N)
    found["w"] = 0.4 * found.m - 0.2 * found.x + rng.normal(size=N)
    eta = -0.6 + 0.5 * found.m + 0.3 * found.w + 0.4 * found.x - 0.2 * found.c
    return found.assign(y=(rng.random(N) < special.expit(eta)) * 1, z=eta + rng.normal(size=N), b=(found.m > 0) * 1)


def pose(arrows, frame, draws=12, **families):
    """Fits of made-up values, one for each draw, so that nothing has to be sampled."""
    families = {"g": "categorical, values: [u, v]"} | families
    known = ", ".join(
        f"{name}: {{family: {families[name]}}}" if name in families else f"{name}: " for name in "xcmwyzgb"
    )
    theory = mx.parse(f"variables: {{{known}}}\narrows:\n{arrows}")
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    rng = np.random.default_rng(1)
    centre = {name: 0.7 if name.startswith("sigma") else rng.normal(0, 0.4) for name in plan.parameters}
    values = [{name: value * (1 + 0.05 * rng.normal()) for name, value in centre.items()} for _ in range(draws)]
    return [mx.pin(plan, data, each) for each in values]


def together(fits):
    """The same draws as one fit."""
    posterior = xr.concat([each.idata["posterior"].to_dataset() for each in fits], dim="draw")
    return replace(fits[0], idata=xr.DataTree.from_dict({"posterior": posterior}))


CASES = {
    "a chain": "  x -> m -> w -> y:\n  x, c, g -> y:\n  c -> m:\n",
    "two ways": "  x -> m, w -> y:\n  x -> y:\n  c, g -> m, w, y:\n",
    "a product with the exposure": "  x -> m:\n  m -> y: {moderated_by: [x]}\n  c -> m, y:\n",
    "bent covariates": "  x -> m -> y:\n  c -> y: {shape: quadratic, moderated_by: [g]}\n  x -> y: {moderated_by: [c]}\n",
    "a spline of a covariate": "  x -> m -> y:\n  c -> y: {shape: {spline: 3}}\n  x -> y:\n",
    "no mediator": "  x -> y: {moderated_by: [g]}\n  c -> y:\n",
    "nothing but the exposure": "  x -> m -> y:\n  x -> y:\n",
}


@pytest.mark.parametrize("heaped", [1, np.inf], ids=["heaped", "row by row"])
@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
@pytest.mark.parametrize("case", CASES)
def test_tables_give_the_averages_over_cells(frame, monkeypatch, case, link, heaped):
    monkeypatch.setattr(curves, "_HEAPED", heaped)
    fit = together(pose(CASES[case], frame, y=f"bernoulli, link: {link}"))
    for asked in ({}, {"at": {"g": "v"}}, {"at": {"c": 2.5}}, {"scale": "link"}):
        if ("g" not in CASES[case] and "at" in asked) or ("c" not in CASES[case] and asked):
            continue
        monkeypatch.setattr(outlines, "MANY", np.inf)
        cells = mx.decompose(fit, "x", "y", **asked)
        monkeypatch.setattr(outlines, "MANY", 1)
        tables = mx.decompose(fit, "x", "y", **asked)
        assert [row.label for row in tables.rows] == [row.label for row in cells.rows]
        for one, other in zip(tables.rows, cells.rows, strict=True):
            np.testing.assert_allclose(one.draws, other.draws, rtol=0, atol=OFF * (20 if asked.get("scale") else 1))


def test_linear_outcomes_average_products_of_columns(frame, monkeypatch):
    arrows = "  x -> m: {moderated_by: [c]}\n  m -> z: {moderated_by: [c, g]}\n  x -> z: {moderated_by: [c]}\n"
    fit = together(pose(arrows, frame))
    monkeypatch.setattr(outlines, "MANY", np.inf)
    cells = mx.decompose(fit, "x", "z")
    monkeypatch.setattr(outlines, "MANY", 1)
    for one, other in zip(mx.decompose(fit, "x", "z").rows, cells.rows, strict=True):
        np.testing.assert_allclose(one.draws, other.draws, rtol=1e-12, atol=1e-14)


ELSEWHERE = {
    "noise that differs between rows": ("  x -> m:\n  m -> y: {moderated_by: [c]}\n  c -> m:\n", {}),
    "a 0/1 mediator": ("  x -> b -> y:\n  c -> b, y:\n", {"b": "bernoulli"}),
    "a curve of a mediator": ("  x -> m:\n  m -> y: {shape: quadratic}\n  c -> y:\n", {}),
    "a count": ("  x -> m -> y:\n  c -> y:\n", {"y": "poisson"}),
    "a mediator with long tails": ("  x -> m -> y:\n  c -> m, y:\n", {"m": "student"}),
    "an ordered outcome": ("  x -> m -> y:\n  c -> m, y:\n", {"y": 'ordinal, values: ["0", "1"]'}),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_what_is_no_curve_of_one_predictor_is_left_to_cells(frame, monkeypatch, case):
    arrows, families = ELSEWHERE[case]
    fit = together(pose(arrows, frame, 3, **{"y": "bernoulli"} | families))
    monkeypatch.setattr(outlines, "MANY", np.inf)
    cells = mx.decompose(fit, "x", "y")
    monkeypatch.setattr(outlines, "MANY", 1)
    for one, other in zip(mx.decompose(fit, "x", "y").rows, cells.rows, strict=True):
        np.testing.assert_array_equal(one.draws, other.draws)


@pytest.mark.parametrize("heaped", [1, np.inf], ids=["heaped", "row by row"])
@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
@pytest.mark.parametrize(("least", "most"), [(0.0, 0.0), (0.5, 0.5), (0.0, 0.9), (0.2, 4.0)])
def test_tables_against_quadrature(monkeypatch, link, least, most, heaped):
    """Three draws × four rows, each mean by adaptive integration over the noise."""
    monkeypatch.setattr(curves, "_HEAPED", heaped)
    rows = {"a": np.array([-30.0, -1.5, 0.7, 25.0])}
    weights = np.arange(1.0, 5.0) / 10
    level, slope, sd = np.array([-0.3, 0.2, 1.0]), np.array([1.0, 0.8, 1.3]), np.linspace(least, most, 3)
    off = 1.3e-7 if 0 < most < 1 and link == "logit" else OFF  # there 11 nodes do, as they do over cells
    found = average_curve(link, Polynomial({(): level, ("a",): slope}), sd**2, rows, weights, {})
    for mean, middle, factor, noise in zip(found, level, slope, sd, strict=True):
        each = [_integrate(link, float(middle + factor * value), float(noise)) for value in rows["a"]]
        assert mean == pytest.approx(np.dot(weights, each), abs=off)


def test_draws_beyond_the_tables_are_sure_beside_draws_that_are_not():
    rows, weights = {"a": np.linspace(-1.0, 1.0, 7)}, np.full(7, 1 / 7)
    level, slope = np.array([-1e9, -300.0, -41.0, -39.5, 0.2, 39.5, 41.0, 300.0, 1e9]), np.linspace(0.2, 1.5, 9)
    for noise in (np.zeros(9), np.linspace(0.1, 0.9, 9)):
        found = average_curve("logit", Polynomial({(): level, ("a",): slope}), noise**2, rows, weights, {})
        for place in range(9):
            each = [_integrate("logit", float(level[place] + slope[place] * a), float(noise[place])) for a in rows["a"]]
            assert found[place] == pytest.approx(np.mean(each), abs=1.3e-7 if noise.any() else OFF)


@pytest.mark.parametrize("heaped", [1, np.inf], ids=["heaped", "row by row"])
def test_worlds_that_differ_by_a_constant_share_what_is_known_and_others_do_not(monkeypatch, heaped):
    monkeypatch.setattr(curves, "_HEAPED", heaped)
    rng = np.random.default_rng(4)
    rows, weights, known = {"a": rng.normal(size=30), "b": rng.normal(size=30)}, np.full(30, 1 / 30), {}
    slopes = rng.normal(size=(3, 5))
    worlds = [
        {(): slopes[0], ("a",): slopes[1]},
        {(): slopes[0] + 2, ("a",): slopes[1]},
        {(): slopes[0], ("a",): slopes[2]},
        {(): slopes[0], ("b",): slopes[2]},
        {(): slopes[0], ("a", "b"): slopes[2]},
    ]
    for world in worlds:
        found = average_curve("logit", Polynomial(world), np.zeros(5), rows, weights, known)
        wanted = (
            special.expit(Polynomial(world).coefficients(5) @ Polynomial(world).design(rows, slice(0, 30))) @ weights
        )
        np.testing.assert_allclose(found, wanted, rtol=0, atol=OFF)


def _integrate(link, eta, noise):
    def height(z):
        return stats.norm.pdf(z) * inverse_link(link, np.float64(eta + noise * z))

    return integrate.quad(height, -9, 9, epsabs=1e-10, limit=200, points=[0.0])[0]


def test_polynomials_are_their_values():
    rng = np.random.default_rng(0)
    a, b, columns = rng.normal(size=5), rng.normal(size=5), {"u": rng.normal(size=9), "v": rng.normal(size=9)}
    u, v = (Polynomial({(name,): 1.0}) for name in "uv")
    one, two = Polynomial({(): a}), Polynomial({(): b})
    made = (one + two * u) * (u * v + one) + np.float64(2.0) * v + 1.0
    x, y = columns["u"], columns["v"]
    wanted = (a[:, None] + b[:, None] * x) * (x * y + a[:, None]) + 2 * y + 1
    np.testing.assert_allclose(made.coefficients(5) @ made.design(columns, slice(0, 9)), wanted, rtol=1e-13)
    assert not made.constant
    assert (one * two + 1.0).constant


def test_memory_does_not_grow_with_draws_and_rows(frame):
    """400 draws × 100 000 rows: one array of all cells would take 320 MB."""
    rng = np.random.default_rng(2)
    large = pd.DataFrame({"x": rng.integers(0, 2, 100_000) * 1.0, "c": rng.normal(size=100_000)})
    large = large.assign(m=large.x + rng.normal(size=100_000), y=rng.integers(0, 2, 100_000))
    theory = mx.parse("variables: {x: , c: , m: , y: {family: bernoulli}}\narrows:\n  x -> m -> y:\n  x, c -> y:\n")
    plan, data = mx.compile(theory), mx.bind(theory, large)
    one = mx.pin(plan, data, dict.fromkeys(plan.parameters, 0.5))
    fit = together([one] * 400)
    tracemalloc.start()
    mx.decompose(fit, "x", "y")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 160e6
