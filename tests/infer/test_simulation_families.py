"""Responses of every family are simulated with the mean and spread that were stated, and are data that `bind` takes."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import DataError, FitError
from mechanisms.model.families import (
    FAMILIES,
    inverse_link,
)
from mechanisms.model.laws import Given, find_law

N = 4000
SAID = {
    **{
        name: f"family: {name}"
        for name, each in FAMILIES.items()
        if each.kind not in ("category", "heaped") and name != "hazard"
    },
    "binomial": "family: binomial, out_of: 20",
    "cloglog": "family: bernoulli, link: cloglog",
    "exposure": "family: negative_binomial, out_of: days",
    "trials": "family: binomial, link: probit, out_of: days",
}


def compiled(said, levels=False):
    head = "levels: [session, client]\ntime: session\n" if levels else ""
    cause = "x(whole)" if levels else "x"
    return mx.compile(mx.parse(f"{head}variables:\n  x:\n  days:\n  y: {{{said}}}\narrows: [{cause} -> y]\n"))


def frame(n=N):
    rng = np.random.default_rng(6)
    return pd.DataFrame({"x": rng.normal(0, 1, n), "days": rng.integers(5, 30, n)})


def truth(plan):
    values = {"sigma(y)": 0.7, "precision(y)": 3.0, "skew(y)": 4.0, "1 -> y": 0.4}
    return {address: values.get(address, 0.5) for address in plan.parameters}


@pytest.mark.parametrize("name", SAID)
def test_the_stated_distribution_is_drawn(name):
    """Probability integral transforms of the draws are uniform (of counts: randomised; Smith 1985)."""
    plan = compiled(SAID[name])
    given = frame()
    made = mx.simulate(plan, given, truth(plan), seed=4)
    equation = plan.equation("y")
    eta = 0.4 + 0.5 * given["x"].to_numpy()
    spread = truth(plan).get(equation.spread)
    out_of = given["days"].to_numpy() if isinstance(equation.out_of, str) else equation.out_of
    law = find_law(Given(equation.family, inverse_link(equation.link, eta), spread, 4.0, out_of))
    y = made["y"].to_numpy().astype(float)
    upper = law.cdf(y)
    if FAMILIES[equation.family].kind in ("count", "binary"):
        lower = law.cdf(y - 1)
        upper = lower + np.random.default_rng(1).random(N) * (upper - lower)
    gap = np.abs(np.sort(upper) - (np.arange(N) + 0.5) / N).max()
    assert gap < 1.95 / np.sqrt(N)  # Kolmogorov's 0.1 percent
    assert mx.bind(plan.theory, made).n == N


@pytest.mark.parametrize("name", ["gamma", "poisson", "exposure", "skew_normal", "beta"])
def test_theories_with_levels_draw_them_too(name):
    plan = compiled(SAID[name], levels=True)
    given = frame(200).assign(client=np.repeat(np.arange(40), 5), session=np.tile(np.arange(5), 40))
    values = truth(plan) | {each: 0.2 for varying in plan.varying for each in varying.spreads}
    made = mx.simulate(plan, given, values | {"cor(client)": 0} if plan.varying[0].correlated else values, seed=4)
    assert mx.bind(plan.theory, made).n == 200


def test_a_mean_beyond_all_numbers_is_refused():
    plan = compiled("family: poisson")
    with pytest.raises(FitError, match="'y' grows beyond all numbers"):
        mx.simulate(plan, frame(50), {"1 -> y": 800.0, "x -> y": 1.0}, seed=1)


THEORY = "variables:\n  n:\n  y: {{{}}}\narrows: [n -> y]\n"


@pytest.mark.parametrize(
    ("said", "y", "words"),
    [
        ("family: gamma", [1.0, 2, 0, 3], "'y' is a positive quantity (gamma) but holds 0: its values are above 0; with zeros"),
        ("family: lognormal", [1.0, 2, -1, 3], "lognormal) but holds -1"),
        ("family: weibull", [1.0, 2, 0, 3], "'y' is a time (weibull) but holds 0"),
        ("family: beta", [0.2, 0.4, 1, 0.1], "'y' is a share (beta) but holds 1: its values are above 0 and below 1"),
        ("family: poisson", [1.0, 2, 2.5, 3], "counts are whole and not below 0"),
        ("family: binomial, out_of: 3", [1.0, 2, 4, 3], "'y' is binomial, out of 3, but holds 4 where there are 3 trials (1 values"),
        ("family: binomial, out_of: n", [1.0, 7, 4, 3], "'y' is binomial, out of n, but holds 7 where there are 6 trials"),
    ],
)  # fmt: skip
def test_values_that_a_family_does_not_have_are_refused(said, y, words):
    with pytest.raises(DataError) as refused:
        mx.bind(mx.parse(THEORY.format(said)), pd.DataFrame({"n": [5, 6, 7, 8], "y": y}))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("said", "n", "words"),
    [
        ("family: poisson, out_of: n", [1.0, 0, 2, 3], "y: out_of: 'n' holds 0; it must be above 0"),
        ("family: binomial, out_of: n", [4.5, 9, 8, 7], "'n' holds 4.5; it must be a number of trials"),
    ],
)
def test_trials_and_exposures_are_checked(said, n, words):
    with pytest.raises(DataError) as refused:
        mx.bind(mx.parse(THEORY.format(said)), pd.DataFrame({"n": n, "y": [1.0, 2, 3, 4]}))
    assert words in str(refused.value)


def test_an_exposure_has_no_gaps():
    theory = mx.parse("variables:\n  x:\n  n: {family: normal}\n  y: {family: poisson, out_of: n}\narrows: [x -> y]\n")
    data = mx.bind(theory, pd.DataFrame({"x": [1.0, 2, 3, 5], "n": [1.0, None, 2, 3], "y": [1, 2, 3, 4]}))
    with pytest.raises(DataError, match="n is conditioned on and has missing values"):
        mx.to_pymc(mx.compile(theory), data)
