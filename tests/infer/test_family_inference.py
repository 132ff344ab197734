"""Inference for families beside the normal: what a row says and its slopes, and parameters that come back."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mechanisms as mx
from mechanisms.infer.diagnostics import count_divergences, worst
from mechanisms.infer.smooth.curves import CURVES
from mechanisms.infer.smooth.likelihoods import Rows
from mechanisms.model.families import inverse_link
from mechanisms.model.laws import Given, find_law


@pytest.mark.parametrize(("family", "link"), CURVES)
def test_a_row_says_what_its_distribution_says(family, link):
    rng = np.random.default_rng(5)
    eta = rng.uniform(-4, 3, (60, 3))
    y = np.resize([0.0, 1.0, 1.0] if family == "bernoulli" else [0.0, 1.0, 7.0, 40.0], 60)
    expected = find_law(Given(family, inverse_link(link, eta))).logpmf(y[:, None])
    if link == "cloglog":  # 1 − p loses the digits that are held against
        expected = np.where(y[:, None] == 1, expected, -np.exp(eta))
    curve = CURVES[family, link]
    np.testing.assert_allclose(curve.add_up(y, None, eta.copy()), expected.sum(axis=0), rtol=1e-11)
    counts = rng.integers(1, 5, 60).astype(float)
    np.testing.assert_allclose(curve.add_up(y, counts, eta.copy()), counts @ expected, rtol=1e-11)


@pytest.mark.parametrize(("family", "link"), CURVES)
def test_slopes_and_bends_are_those_of_the_density(family, link):
    """Five-point differences, whose error is of the fourth order."""
    eta = np.linspace(-4, 2, 25)
    y = np.resize([0.0, 1.0] if family == "bernoulli" else [0.0, 3.0], 25)
    step = 1e-3
    at = [find_law(Given(family, inverse_link(link, eta + k * step))).logpmf(y) for k in (-2, -1, 0, 1, 2)]
    slope, bend = CURVES[family, link].bend(y, eta)
    np.testing.assert_allclose(slope, (at[0] - 8 * at[1] + 8 * at[3] - at[4]) / (12 * step), rtol=1e-7, atol=1e-9)
    second = (-at[0] + 16 * at[1] - 30 * at[2] + 16 * at[3] - at[4]) / (12 * step**2)
    np.testing.assert_allclose(bend, second, rtol=1e-5, atol=1e-7)


def test_an_exposure_is_an_offset():
    rng = np.random.default_rng(1)
    design, days = np.column_stack([np.ones(30), rng.normal(size=30)]), rng.uniform(1, 9, 30)
    y, points = rng.poisson(days).astype(float), rng.normal(0, 0.3, (4, 2))
    rows = Rows(CURVES["poisson", "log"], design, y, None, np.log(days))
    expected = stats.poisson.logpmf(y[:, None], days[:, None] * np.exp(design @ points.T)).sum(axis=0)
    np.testing.assert_allclose(rows.evaluate(points), expected, rtol=1e-12)
    slope, _ = rows.differentiate(points[0])
    np.testing.assert_allclose(slope, design.T @ (y - days * np.exp(design @ points[0])), rtol=1e-10)


# --- parameters come back ---

STUDY = "variables:\n  x:\n  days:\n  m: {}\n  y: {}\narrows: [x -> m -> y, x -> y]\n"
TRUTH = {
    "1 -> m": 0.3, "x -> m": 0.4, "sigma(m)": 0.6, "precision(m)": 3.0, "skew(m)": 4.0,
    "1 -> y": -0.5, "m -> y": 0.25, "x -> y": -0.3, "sigma(y)": 0.8, "precision(y)": 4.0, "skew(y)": -3.0,
}  # fmt: skip


def recovered(m, y, engine, n=600):
    """Every parameter within 4 posterior sds of the truth: one in 15 000 is farther where the model is right."""
    plan = mx.compile(mx.parse(STUDY.format(m, y)))
    rng = np.random.default_rng(3)
    given = pd.DataFrame({"x": rng.normal(0, 1, n), "days": rng.integers(2, 9, n)})
    truth = {address: TRUTH[address] for address in plan.parameters}
    data = mx.bind(plan.theory, mx.simulate(plan, given, truth, seed=7))
    fit = mx.sample(plan, data, draws=500, tune=500, chains=2, seed=2, engine=engine)
    for address, value in truth.items():
        draws = fit.parameters[address]
        assert abs(draws.mean() - value) < 4 * draws.std(), address
        assert draws.std() < 1.0, address
    return fit


def settled(fit):
    """Two chains of 500 draws agree and say enough."""
    r_hat, ess = worst(fit.draws)
    assert r_hat < 1.03
    assert ess > 200
    assert count_divergences(fit.idata) == 0


@pytest.mark.parametrize(
    ("m", "y"),
    [
        ("{family: bernoulli, link: cloglog}", "{family: poisson, out_of: days}"),
        ("{family: poisson}", "{family: bernoulli, link: cloglog}"),
    ],
)
def test_families_with_a_curve_are_fitted_by_laplace(m, y):
    fit = recovered(m, y, "auto")
    assert [block.engine for block in fit.blocks] == ["laplace", "laplace"]


def test_a_gamma_mediator_of_a_negative_binomial_comes_back_by_nuts():
    settled(recovered("{family: gamma}", "{family: negative_binomial, out_of: days}", "nuts"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("m", "y"),
    [
        ("{family: student}", "{family: lognormal}"),
        ("{family: skew_normal}", "{family: beta}"),
        ("{family: weibull}", "{family: skew_normal}"),
        ("{family: binomial, out_of: 12}", "{family: student}"),
        ("{family: beta}", "{family: binomial, out_of: days, link: probit}"),
        ("{family: lognormal}", "{family: weibull}"),
    ],
)
def test_every_other_family_comes_back_by_nuts(m, y):
    settled(recovered(m, y, "nuts"))
