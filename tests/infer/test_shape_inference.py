"""Curves that data were simulated from are found again, and what a straight line misses is seen."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import FitError

TRUTH = {
    "{polynomial: 3}": {"x -> y": 0.5, "x^2 -> y": -0.4, "x^3 -> y": 0.1},
    "log": {"x -> y": 1.2},
    "{spline: 4}": {"x[1] -> y": 1.0, "x[2] -> y": 2.0, "x[3] -> y": 1.5, "x[4] -> y": -2.0},
    "{bspline: 4}": {"x[1] -> y": 1.0, "x[2] -> y": 2.0, "x[3] -> y": 1.5, "x[4] -> y": -2.0},
    "{piecewise: [3, 6]}": {"x[1] -> y": 0.8, "x[2] -> y": 0.0, "x[3] -> y": -0.6},
}


def exposures(n, seed=2):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"x": rng.gamma(5.0, 0.9, n)})


@pytest.mark.parametrize("shape", TRUTH)
def test_each_shape_is_recovered(shape):
    """Simulated from stated coefficients, fitted by the exact engine; within 5 posterior sds of every one."""
    plan = mx.compile(mx.parse(f"arrows:\n  x -> y: {{shape: {shape}}}\n"))
    truth = TRUTH[shape] | {"1 -> y": 0.7, "sigma(y)": 0.8}
    made = mx.simulate(plan, exposures(4000), truth, seed=3)
    fit = mx.fit(plan.theory, made, seed=1, engine="exact")
    for address, value in truth.items():
        draws = fit.parameters[address]
        assert abs(draws.mean() - value) < 5 * draws.std(), address
        assert draws.std() < 0.5


def test_a_spline_out_of_a_simulated_mediator_is_recovered():
    """Its knots lie at quantiles of the mediator that was just simulated, as they will when the data are bound."""
    text = "arrows:\n  x -> m:\n  m -> y: {shape: {spline: 3}}\n"
    truth = {"1 -> m": 1, "x -> m": 0.5, "sigma(m)": 1, "1 -> y": 0, "sigma(y)": 0.5}
    truth |= {"m[1] -> y": 1.0, "m[2] -> y": 0.5, "m[3] -> y": -3.0}
    made = mx.simulate(mx.compile(mx.parse(text)), exposures(3000), truth, seed=3)
    fit = mx.fit(mx.parse(text), made, seed=1)
    for address, value in truth.items():
        assert abs(fit.parameters[address].mean() - value) < 5 * fit.parameters[address].std(), address


def test_the_engines_agree_on_a_curve():
    frame = exposures(300)
    frame["y"] = np.sin(frame["x"]) + np.random.default_rng(1).normal(0, 0.4, 300)
    theory = mx.parse("arrows: {x -> y: {shape: {spline: 4}}}")
    exact, sampled = (mx.fit(theory, frame, seed=2, engine=engine, draws=1000) for engine in ("exact", "nuts"))
    for address in exact.plan.parameters:
        one, other = exact.parameters[address], sampled.parameters[address]
        assert abs(one.mean() - other.mean()) < 0.2 * one.std()
        assert other.std() == pytest.approx(one.std(), rel=0.2)


def test_a_curve_does_not_hang_on_the_unit():
    """In minutes or hours, from 0 or from 100: the same curve, the same posterior (splines, slopes and logarithms)."""
    frame = exposures(200)
    frame["y"] = np.sin(frame["x"])
    for shape, shift in [("{spline: 3}", 100.0), ("{bspline: 4}", 100.0), ("{polynomial: 3}", 100.0), ("log", 0.0)]:
        theory = mx.parse(f"arrows: {{x -> y: {{shape: {shape}}}}}")
        question = mx.Question(of="x", on="y", contrast=(2.0, 7.0))
        moved = question.model_copy(update={"contrast": (2.0 * 60 + shift, 7.0 * 60 + shift)})
        here = mx.estimate(mx.fit(theory, frame, seed=2), question).summary()
        there = mx.estimate(mx.fit(theory, frame.assign(x=frame["x"] * 60 + shift), seed=2), moved).summary()
        np.testing.assert_allclose(there.loc["total", ["mean", "sd"]], here.loc["total", ["mean", "sd"]], rtol=1e-6)


def test_an_inverted_u_that_a_straight_line_does_not_see():
    """Too little and too much alliance: no linear effect, and a peak at 4 that two shapes agree upon."""
    rng = np.random.default_rng(7)
    x = rng.uniform(1, 7, 500)
    frame = pd.DataFrame({"x": x, "y": -0.4 * (x - 4) ** 2 + rng.normal(0, 1, 500)})
    line = mx.estimate(mx.fit(mx.parse("arrows: [x -> y]"), frame, seed=1), mx.Question(of="x", on="y")).summary()
    assert line.loc["total", "lower"] < 0 < line.loc["total", "upper"]
    assert abs(line.loc["total", "mean"]) < 0.1
    for shape in ("quadratic", "{spline: 4}"):
        fit = mx.fit(mx.parse(f"arrows: {{x -> y: {{shape: {shape}}}}}"), frame, seed=1)
        turn = mx.turning_point(fit, "x", "y", draws=400).turns[0]
        assert turn.shapes["inverted U"] > 0.95
        assert np.nanmedian(turn.peak) == pytest.approx(4.0, abs=0.35)


def test_a_missing_cause_of_a_curve_is_sampled_with_it():
    """A missing x bends with the rest: no engine takes it for linear, and NUTS finds the coefficients."""
    plan = mx.compile(mx.parse("variables: {x: {family: normal}, y: }\narrows: {x -> y: {shape: {piecewise: [0]}}}"))
    rng = np.random.default_rng(4)
    truth = {"1 -> y": 0.0, "x[1] -> y": 1.0, "x[2] -> y": -1.0, "sigma(y)": 0.5}
    made = mx.simulate(plan, pd.DataFrame({"x": rng.normal(0, 1, 150)}), truth, seed=3)
    made.loc[:9, "x"] = np.nan
    data = mx.bind(plan.theory, made)
    assert "nuts" in str(mx.explain(plan, data))
    fit = mx.sample(plan, data, seed=1, draws=300)
    for address, value in truth.items():
        assert abs(fit.parameters[address].mean() - value) < 5 * fit.parameters[address].std(), address


def test_a_spline_of_what_is_simulated_step_by_step_has_no_knots_yet():
    text = "levels: {session: {in: client, occasions: [0, 1, 2]}, client: }\ntime: session\narrows:\n  y(t-1) -> y: {shape: {spline: 2}}\n"
    plan = mx.compile(mx.parse(text))
    frame = pd.DataFrame({"client": np.repeat(range(9), 3), "session": [0, 1, 2] * 9, "y": np.arange(27.0) % 7})
    numbers = dict.fromkeys(plan.parameters, 0.1)
    with pytest.raises(FitError, match="being simulated itself"):
        mx.simulate(plan, frame, numbers, seed=1)
    made = mx.simulate(plan, mx.bind(plan.theory, frame), numbers, seed=1)
    assert np.isfinite(made["y"]).all()


def test_parabolas_that_differ_among_clients_are_recovered():
    """80 clients of 8 sessions, slopes and squares of their own that correlate: means and sds within 4 posterior sds."""
    levels = "levels: {session: {in: client, occasions: [0, 1, 2, 3, 4, 5, 6, 7]}, client: }\ntime: session\n"
    plan = mx.compile(mx.parse(levels + "arrows:\n  x(whole) -> y: {shape: quadratic, varies_by: client}\n"))
    truth = {"1 -> y": 1.0, "x(whole) -> y": 0.5, "x(whole)^2 -> y": -0.4, "sigma(y)": 0.6}
    truth |= {"sd(1 -> y | client)": 0.7, "sd(x(whole) -> y | client)": 0.5, "sd(x(whole)^2 -> y | client)": 0.3}
    related = {"x(whole) -> y <-> x(whole)^2 -> y": -0.5}
    frame = pd.DataFrame({"client": np.repeat(range(80), 8), "session": np.tile(range(8), 80)})
    frame["x"] = np.random.default_rng(1).normal(size=640)
    fit = mx.fit(plan.theory, mx.simulate(plan, frame, truth | {"cor(client)": related}, seed=1), seed=1)
    assert fit.blocks[0].engine == "collapsed"
    for address, value in truth.items():
        assert abs(fit.parameters[address].mean() - value) < 4 * fit.parameters[address].std(), address
    found = fit.correlations["client"][:, 1, 2]
    assert abs(found.mean() + 0.5) < 4 * found.std()


def test_steps_of_one_sign_are_recovered():
    """Three steps, one of them nearly nothing: NUTS finds them, and none of them ever has the other sign."""
    rng = np.random.default_rng(1)
    text = "variables:\n  stage: {family: ordinal, values: [a, b, c, d]}\n  y:\narrows:\n  stage -> y: {shape: monotonic}\n"
    truth = {"1 -> y": 0.0, "stage[1] -> y": 1.0, "stage[2] -> y": 0.05, "stage[3] -> y": 2.0, "sigma(y)": 0.5}
    plan = mx.compile(mx.parse(text))
    given = pd.DataFrame({"stage": rng.choice(list("abcd"), 400), "y": rng.normal(size=400)})
    made = mx.simulate(plan, mx.bind(plan.theory, given), truth, seed=1)
    fit = mx.fit(plan.theory, made, seed=1, draws=500)
    for address, value in truth.items():
        assert abs(fit.parameters[address].mean() - value) < 5 * fit.parameters[address].std(), address
    steps = np.stack([fit.parameters[f"stage[{j}] -> y"] for j in (1, 2, 3)])
    assert (np.sign(steps) == np.sign(steps[0])).all()
