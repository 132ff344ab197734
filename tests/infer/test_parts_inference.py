"""Parameters of families with several linear predictors, further parameters or censoring come back, and engines agree."""

import numpy as np
import pandas as pd
import pytest
from parts_worlds import CASES, study

import mechanisms as mx
from mechanisms.errors import DataError, FitError
from mechanisms.infer.diagnostics import count_divergences, worst

HARD = "inflated negative_binomial"  # how many zeros are in excess and how dispersed counts are say much the same


def holds(fit, truth):
    """Every parameter within 4 posterior sds of the truth: one in 15 000 is farther where the model is right."""
    for address, value in truth.items():
        draws = fit.parameters[address]
        assert abs(draws.mean() - value) < 4 * draws.std(), address
        assert draws.std() < 1.0, address


@pytest.mark.parametrize("name", [name for name in CASES if name != HARD])
def test_parameters_come_back_by_importance_sampling(name):
    plan, data, truth = study(name)
    fit = mx.sample(plan, data, draws=1000, chains=2, seed=1)
    assert [block.engine for block in fit.blocks] == ["laplace"]
    holds(fit, truth)


PLAIN = {
    "student": "family: student", "skew_normal": "family: skew_normal", "lognormal": "family: lognormal",
    "gamma": "family: gamma", "weibull": "family: weibull", "beta": "family: beta",
    "negative_binomial": "family: negative_binomial, out_of: days", "binomial": "family: binomial, out_of: 12, link: probit",
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_families_with_one_predictor_come_back_too(name):
    plan = mx.compile(mx.parse(f"variables:\n  x:\n  days:\n  y: {{{PLAIN[name]}}}\narrows: [x -> y]\n"))
    rng = np.random.default_rng(2)
    given = pd.DataFrame({"x": rng.normal(size=600), "days": rng.integers(1, 6, 600)})
    truth = {
        address: {"precision(y)": 3.0, "sigma(y)": 0.7, "skew(y)": 3.0}.get(address, 0.3) for address in plan.parameters
    }
    fit = mx.sample(plan, mx.bind(plan.theory, mx.simulate(plan, given, truth, seed=5)), draws=1000, chains=2, seed=1)
    assert [block.engine for block in fit.blocks] == ["laplace"]
    holds(fit, truth)


def same(one, other, addresses):
    """Means within 4 Monte Carlo errors of each other, sds within a tenth."""
    for address in addresses:
        a, b = one.parameters[address], other.parameters[address]
        assert abs(a.mean() - b.mean()) < 4 * b.std() * np.sqrt(2 / 400), address
        assert a.std() == pytest.approx(b.std(), rel=0.15), address


def test_laplace_and_nuts_agree_on_an_ordinal_response_of_seven_values():
    """NUTS needs its thresholds in order from the start, which chance would rarely give seven of."""
    values = "abcdefg"
    text = f"variables:\n  x:\n  y: {{family: ordinal, values: [{', '.join(values)}]}}\narrows: [x -> y]\n"
    plan = mx.compile(mx.parse(text))
    truth = {f"1 -> y={v}": 2.5 - k for k, v in enumerate(values[1:])} | {"x -> y": 0.5}
    given = pd.DataFrame({"x": np.random.default_rng(4).normal(size=300)})
    data = mx.bind(plan.theory, mx.simulate(plan, given, truth, seed=2))
    one = mx.sample(plan, data, draws=1000, chains=2, seed=1, engine="laplace")
    other = mx.sample(plan, data, draws=500, tune=500, chains=2, seed=1, engine="nuts")
    r_hat, ess = worst(other.draws)
    assert r_hat < 1.03
    assert ess > 200
    assert count_divergences(other.idata) == 0
    same(one, other, plan.parameters)
    holds(one, truth)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["sequential", "categorical", "hurdle negative_binomial", HARD, "ordered_beta", "censored gamma", "hurdle gamma"],
)
def test_parameters_come_back_by_nuts(name):
    plan, data, truth = study(name, n=400)
    fit = mx.sample(plan, data, draws=500, tune=500, chains=2, seed=1, engine="nuts")
    assert worst(fit.draws)[0] < 1.05
    assert count_divergences(fit.idata) == 0
    for address, value in truth.items():
        assert abs(fit.parameters[address].mean() - value) < 4 * fit.parameters[address].std(), address


def test_what_laplace_does_not_trust_goes_to_nuts_by_name():
    plan, data, _ = study(HARD)
    with pytest.raises(FitError, match="engine laplace is not reliable here: k̂ is"):
        mx.sample(plan, data, draws=500, chains=2, seed=1, engine="laplace")


def test_a_theory_of_parts_is_explained():
    plan, data, _ = study("hurdle gamma")
    shown = repr(mx.explain(plan, data))
    assert "y by laplace" in shown
    assert "1 -> precision(y)" in shown
    assert "about the share observed" in shown


# --- what is refused ---

STEPS = "family: ordinal, values: [a, b, c]"


def bound(said, y, more=None):
    names = "  x:\n" + "".join(f"  {name}: {{family: bernoulli}}\n" for name in more or {})
    theory = mx.parse(f"variables:\n{names}  y: {{{said}}}\narrows: [x -> y]\n")
    return mx.bind(theory, pd.DataFrame({"x": np.arange(len(y), dtype=float), "y": y, **(more or {})}))


@pytest.mark.parametrize(
    ("said", "y", "words"),
    [
        (STEPS, ["a", "b", "a", "b"], "nobody in the data has the value 'c'"),
        (STEPS, ["a", "b", "d", "c"], "the value 'd' in 1 rows, which the theory does not declare"),
        ("family: poisson, zeros: hurdle", [1, 2, 3, 1], "zeros are declared a hurdle, but it holds none"),
        ("family: poisson, zeros: inflated", [1, 2, 3, 1], "zeros are declared inflated, but it holds none"),
        ("family: gamma, zeros: hurdle", [0.0, 2, 0, 2], "'y' is 0 or 2 and nothing else"),
        ("family: gamma, zeros: hurdle", [0.0, 2, -1, 2], "holds -1"),
        ("family: ordered_beta", [0.2, 0.5, 0.7, 0.1], "holds neither 0 nor 1: family beta is for that"),
        ("family: ordered_beta", [0, 1, 0.5, 0], "fewer than two different values between 0 and 1"),
        ("family: ordered_beta", [0, 50.0, 100, 20], "'y' is a share (ordered_beta) but holds 20"),
    ],
)
def test_data_that_a_family_says_nothing_about_are_refused(said, y, words):
    with pytest.raises(DataError) as refused:
        bound(said, y)
    assert words in str(refused.value)


def test_censoring_where_nothing_ended_and_where_everything_did():
    with pytest.raises(DataError, match="all times are censored"):
        bound("family: weibull, event: e", [1.0, 2, 3, 4], {"e": [0, 0, 0, 0]})
    with pytest.raises(DataError, match="'e' says where times ended and is 0 or 1, but holds"):
        bound("family: weibull, event: e", [1.0, 2, 3, 4], {"e": [0, 2, 1, 1]})
    data = bound("family: weibull, event: e", [1.0, 2, 3, 4], {"e": [1, 1, 1, 1]})
    assert data.numbers("e").values.all()


def test_thresholds_out_of_order_are_no_parameters():
    plan, data, truth = study("ordinal")
    with pytest.raises(FitError, match=r"1 -> y=high must be below 1 -> y=mid"):
        mx.simulate(plan, data, truth | {"1 -> y=high": 1.0})
    plan, data, truth = study("ordered_beta")
    with pytest.raises(FitError, match=r"1 -> y=1 must be below 1 -> any\(y\)"):
        mx.simulate(plan, data, truth | {"1 -> y=1": 1.0})


def test_missing_values_beside_parts_are_sampled_with_them():
    theory = mx.parse(f"variables:\n  x: {{family: normal}}\n  y: {{{STEPS}}}\narrows: [x -> y]\n")
    data = mx.bind(theory, pd.DataFrame({"x": [1.0, None, 2, 3], "y": ["a", "b", "c", "a"]}))
    (block,) = mx.explain(mx.compile(theory), data).blocks
    assert (block.responses, block.engine) == (("x", "y"), "nuts")


def test_a_step_that_few_rows_reach_needs_rows_enough():
    theory = mx.parse(
        "variables:\n  x:\n  z:\n  y: {family: sequential, values: [a, b, c]}\narrows: [x -> y, z -> y]\n"
    )
    frame = pd.DataFrame({"x": np.arange(12.0) ** 2, "z": np.arange(12.0), "y": ["a"] * 9 + ["b", "b", "c"]})
    with pytest.raises(DataError, match="3 rows cannot carry the 3 coefficients of y=c"):
        mx.sample(mx.compile(theory), mx.bind(theory, frame))


def test_values_of_another_theory_are_refused():
    plan, _, _ = study("ordinal", n=60)
    other = mx.parse(
        "variables:\n  x:\n  m:\n  y: {family: ordinal, values: [high, mid, low]}\narrows: [x -> y, m -> y]\n"
    )
    frame = pd.DataFrame({"x": [1.0, 2, 3, 4], "m": [2.0, 1, 5, 3], "y": ["low", "mid", "high", "low"]})
    with pytest.raises(DataError, match="'y' was bound with the values high, mid and low, not low, mid and high"):
        mx.sample(plan, mx.bind(other, frame))


# --- causes that split an outcome perfectly ---

BINARY = "variables:\n  x:\n  z:\n  y: {family: bernoulli}\narrows: [x -> y, z -> y]\n"


def notes(text, **columns):
    theory = mx.parse(text)
    return mx.explain(mx.compile(theory), mx.bind(theory, pd.DataFrame(columns))).notes


@pytest.mark.parametrize(
    ("x", "z", "words"),
    [
        ([1.0, 2, 3, 4, 5, 6, 7, 8], [3.0, 1, 2, 5, 4, 1, 2, 3], "x splits y perfectly"),
        ([1.0, 2, 3, 3, 4, 2, 1, 6], [1.0, 2, 1, 4, 4, 5, 6, 1], "x and z split y perfectly"),  # by their sum
    ],
)
def test_a_split_of_a_yes_and_no_outcome_is_said(x, z, words):
    y = [0, 0, 0, 0, 1, 1, 1, 1] if "x splits" in words else [0, 0, 0, 1, 1, 1, 1, 1]
    (note,) = notes(BINARY, x=x, z=z, y=y)
    assert words in note


def test_an_empty_cell_is_a_split_and_overlap_is_none():
    one = [0, 0, 0, 1, 1, 1, 0, 0]
    assert "z splits y" in notes(BINARY, x=[1.0, 5, 3, 2, 4, 6, 2, 5], z=one, y=[0, 1, 0, 1, 1, 1, 1, 0])[0]
    assert notes(BINARY, x=[1.0, 5, 3, 2, 4, 6, 2, 5], z=one, y=[0, 1, 0, 1, 0, 1, 1, 0]) == ()


def test_steps_and_hurdles_can_be_split_too():
    x = [1.0, 2, 3, 4, 5, 6, 7, 8]
    steps = "variables:\n  x:\n  y: {family: %s, values: [a, b, c]}\narrows: [x -> y]\n"
    for family in ("ordinal", "sequential", "categorical"):
        assert notes(steps % family, x=x, y=list("aabbbccc"))
        assert notes(steps % family, x=x, y=list("abcabcab")) == ()
    # b and c are told apart by x, a and b are not: a slope for all steps is bounded, one for each is not
    assert notes(steps % "ordinal", x=x, y=list("abababcc")) == ()
    assert notes(steps % "categorical", x=x, y=list("abababcc"))
    hurdle = "variables:\n  x:\n  y: {family: poisson, zeros: hurdle}\narrows: [x -> y]\n"
    assert "x -> any(y)" in notes(hurdle, x=x, y=[0, 0, 0, 1, 3, 1, 2, 1])[0]


def test_a_diagnosis_says_what_is_split():
    rng = np.random.default_rng(1)
    x, z = rng.normal(size=80), rng.normal(size=80)
    theory = mx.parse(BINARY)
    fit = mx.fit(theory, pd.DataFrame({"x": x, "z": z, "y": (x > 0).astype(int)}), draws=500, chains=2, seed=1)
    assert "x splits y perfectly" in repr(mx.diagnose(fit))
