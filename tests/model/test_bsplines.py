"""B-splines: SciPy's column space on R's knots, heights as coefficients, and what is fitted and asked of them."""

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import BSpline
from small_worlds import noise, pinned, values

import mechanisms as mx
from mechanisms.data.bases import make_basis
from mechanisms.spec.theory import Shape


def exposures(n=400, seed=1):
    return np.random.default_rng(seed).gamma(6.0, 1.0, n)


def knots_of(df, x):
    """As splines::bs(x, df) in R: df − 3 interior knots at quantiles (type 7), the ends fourfold."""
    inner = np.quantile(x, np.linspace(0.0, 1.0, df - 1))
    return np.concatenate([[inner[0]] * 3, inner, [inner[-1]] * 3])


def scipys(df, x, at):
    return BSpline.design_matrix(at, knots_of(df, x), 3).toarray()


def columns(df, x, at):
    basis = make_basis("x", Shape(kind="bspline", argument=df), x)
    return np.column_stack([basis.column(j, at) for j in range(1, df + 1)])


@pytest.mark.parametrize("df", [3, 4, 5, 8, 12])
def test_the_space_is_that_of_scipys_b_splines(df):
    """A constant and df columns span what SciPy's df + 1 B-splines span on the same knots, no less and no more."""
    x = exposures()
    made, theirs = np.column_stack([np.ones(len(x)), columns(df, x, x)]), scipys(df, x, x)
    assert np.linalg.matrix_rank(made) == np.linalg.matrix_rank(theirs) == df + 1
    share, *_ = np.linalg.lstsq(theirs, made, rcond=None)
    np.testing.assert_allclose(theirs @ share, made, atol=1e-9)


def test_knots_are_those_of_r():
    """attr(bs(c(1, 2, 4, 8, 16, 32, 64), df = 5), "knots") in R: 33.33% at 4, 66.67% at 16."""
    x = np.array([1.0, 2, 4, 8, 16, 32, 64])
    basis = make_basis("x", Shape(kind="bspline", argument=5), x)
    np.testing.assert_allclose(basis.places, [1, 4, 16, 64])


@pytest.mark.parametrize("df", [3, 5, 9])
def test_each_number_is_a_height_at_the_middle_of_a_b_spline(df):
    """Any heights: the curve is SciPy's spline that passes through them at the knots' averages, and 0 at x = 0."""
    x = exposures()
    basis = make_basis("x", Shape(kind="bspline", argument=df), x)
    knots = knots_of(df, x)
    places = np.array([knots[j + 1 : j + 4].mean() for j in range(df + 1)])
    np.testing.assert_allclose(basis.stands, places)
    heights = np.concatenate([[0.0], np.random.default_rng(df).normal(size=df)])
    curve = BSpline(knots, np.linalg.solve(scipys(df, x, places), heights), 3)

    def through(at):
        first, last = knots[0], knots[-1]
        below, above = (curve(end) + curve(end, 1) * (at - end) for end in (first, last))
        return np.where(at < first, below, np.where(at > last, above, curve(np.clip(at, first, last))))

    grid = np.linspace(-3.0, 25.0, 141)
    np.testing.assert_allclose(columns(df, x, grid) @ heights[1:], through(grid) - through(0.0), atol=1e-8)
    assert basis.say(2) == f"the curve at x = {places[2]:.4g} against that at {places[0]:.4g}"


def test_a_curve_between_moderate_heights_is_moderate_wherever_the_knots_are():
    """Heights of at most 1: the curve stays below 2.5 in the data, also where half of them lie in a hundredth of the range."""
    x = np.concatenate([np.linspace(0, 1, 200), np.linspace(1, 100, 200)])
    for df in (4, 7, 12):
        grid = np.linspace(0, 100, 5001)
        made = columns(df, x, grid)
        assert (np.abs(made).sum(axis=1) + np.abs(1 - made.sum(axis=1))).max() < 2.5


def test_knots_that_leave_a_b_spline_without_data_are_those_of_the_different_values():
    """Quartiles of these values differ, but four of seven lie below the first: one B-spline would have no value of its own."""
    x = np.repeat([0.0, 1, 2, 3, 4, 5, 6], [1, 1, 1, 21, 26, 26, 24])
    distinct = np.unique(x)
    assert np.linalg.matrix_rank(scipys(6, x, distinct)) == 6
    basis = make_basis("x", Shape(kind="bspline", argument=6), x)
    np.testing.assert_allclose(basis.places, np.quantile(distinct, np.linspace(0, 1, 5)))
    assert np.linalg.matrix_rank(np.column_stack([np.ones(7), columns(6, x, distinct)])) == 7


def test_a_fit_is_that_of_least_squares_on_scipys_columns():
    """Wide priors: the exact engine's posterior of the curve has the mean and the sds of least squares on SciPy's basis."""
    x = exposures(300)
    rng = np.random.default_rng(2)
    y = np.sin(x) + rng.normal(0, 0.5, 300)
    theory = mx.parse(
        "arrows:\n  x -> y: {shape: {bspline: 6}}\npriors: {x -> y: {normal: [0, 1000]}, 1 -> y: {normal: [0, 1000]}}\n"
    )
    fit = mx.fit(theory, pd.DataFrame({"x": x, "y": y}), seed=1, engine="exact", draws=4000)
    grid = np.quantile(x, np.linspace(0, 1, 9))
    drawn = np.stack([fit.parameters[f"x[{j}] -> y"].ravel() for j in range(1, 7)])
    heights = fit.parameters["1 -> y"].ravel() + columns(6, x, grid) @ drawn
    design = scipys(6, x, x)
    solved, rest, *_ = np.linalg.lstsq(design, y, rcond=None)
    covariance = np.linalg.inv(design.T @ design) * float(rest[0]) / (300 - 7)
    at = scipys(6, x, grid)
    sds = np.sqrt(np.einsum("ij,jk,ik->i", at, covariance, at))
    draws = heights.shape[1]
    assert (np.abs(heights.mean(axis=1) - at @ solved) < 4 * sds / np.sqrt(draws)).all()
    np.testing.assert_allclose(heights.std(axis=1), sds, rtol=4 / np.sqrt(2 * draws) + 0.01)


# --- what is asked of a curve ---

HEIGHTS = (1.5, 2.0, 0.5, -1.0)


@pytest.fixture(scope="module")
def bent():
    """x -> y by stated heights, moderated by w, and the curve by SciPy, less its value at 0."""
    frame = noise(300, "w", "y", seed=2).assign(x=exposures(300))
    numbers = {"1 -> y": 0.4, "sigma(y)": 1.0, "w -> y": 0.2}
    for j, height in enumerate(HEIGHTS, start=1):
        numbers |= {f"x[{j}] -> y": height, f"x[{j}] * w -> y": 0.5 * height}
    fit = pinned("arrows:\n  x -> y: {shape: {bspline: 4}, moderated_by: w}\n", frame, numbers)
    x = frame["x"].to_numpy()
    knots = knots_of(4, x)
    places = np.array([knots[j + 1 : j + 4].mean() for j in range(5)])
    return fit, frame, BSpline(knots, np.linalg.solve(scipys(4, x, places), [0.0, *HEIGHTS]), 3)


def test_effects_and_turns_are_those_of_scipys_curve(bent):
    fit, frame, curve = bent
    size = 1 + 0.5 * frame["w"].mean()
    found = values(mx.estimate(fit, mx.Question(of="x", on="y", contrast=(3, 8))))["total"]
    assert found == pytest.approx(size * (curve(8.0) - curve(3.0)), rel=1e-9)
    turn = mx.turning_point(fit, "x", "y").turns[0]
    grid = np.linspace(frame["x"].min(), frame["x"].max(), 200_001)
    (turns,) = np.nonzero(np.diff(np.sign(curve(grid, 1))))
    assert len(turns) == 1
    assert float(turn.peak[0]) == pytest.approx(grid[turns[0]], abs=1e-2)


def test_beyond_the_data_it_goes_straight_on_and_that_is_said(bent):
    fit, frame, curve = bent
    top = frame["x"].max()
    asked = mx.estimate(fit, mx.Question(of="x", on="y", contrast=(top, top + 5)))
    assert values(asked)["total"] == pytest.approx((1 + 0.5 * frame["w"].mean()) * 5 * curve(top, 1), rel=1e-8)
    assert "extrapolation" in asked.contrast
