"""Families with several linear predictors, arrows into spreads, censored times: densities, draws, priors, equations."""

import itertools

import numpy as np
import pandas as pd
import pytest
from parts_worlds import CASES, study
from pytensor.compile.mode import Mode
from scipy import special, stats

import mechanisms as mx
from mechanisms.data.dataset import ColumnView, response_values
from mechanisms.infer.smooth.likelihoods import make_likelihood
from mechanisms.model.laws import draw, find_amount, find_any, find_chance, find_mean, give
from mechanisms.model.log_densities import Numeric, Row, log_between, log_density
from mechanisms.model.predictor import linear_predictor
from mechanisms.model.prior_words import print_priors
from mechanisms.model.priors import state_beliefs
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")
CHANCE = {"logit": special.expit, "probit": stats.norm.cdf, "cloglog": lambda eta: 1 - np.exp(-np.exp(eta))}


def negative_binomial(mean, size):
    return stats.nbinom(size, size / (size + mean))


def weibull(mean, k):
    return stats.weibull_min(k, scale=mean / special.gamma(1 + 1 / k))


def density_of_steps(family, link, y, etas):
    """The probability of each row's value, from those of every value."""
    ones = np.ones_like(etas[0])
    reached = [CHANCE[link](eta) for eta in etas]
    if family == "categorical":
        parts = np.exp([0 * ones, *etas])
        chances = parts / parts.sum(axis=0)
    elif family == "ordinal":
        chances = np.array([one - more for one, more in itertools.pairwise([ones, *reached, 0 * ones])])
    else:
        before = np.cumprod([ones, *reached], axis=0)
        chances = before * np.array([*(1 - each for each in reached), ones])
    np.testing.assert_allclose(chances.sum(axis=0), 1)
    return np.log(chances[y.astype(int), np.arange(len(y))])


def written_out(name, y, etas, values, days, ended):
    """The log density of each row by SciPy; `etas` by target, `values` the other parameters."""
    family, _, other = name.partition(" ")
    amount, some = etas.get("amount(y)"), special.expit(etas.get("any(y)", 0.0))
    with np.errstate(all="ignore"):
        if family in ("ordinal", "sequential", "categorical"):
            return density_of_steps(family, other.removeprefix("by ") or "logit", y, list(etas.values()))
        if name in ("hurdle poisson", "hurdle negative_binomial"):
            mean = np.exp(amount) * (days if "neg" in name else 1.0)
            law = stats.poisson(mean) if other == "poisson" else negative_binomial(mean, values["precision(y)"])
            return np.where(y == 0, np.log(1 - some), np.log(some) + law.logpmf(y) - np.log(1 - law.pmf(0)))
        if family == "inflated":
            law = stats.poisson(np.exp(amount))
            law = law if other == "poisson" else negative_binomial(np.exp(amount), values["precision(y)"])
            return np.log((y == 0) * (1 - some) + some * law.pmf(y))
        if name == "hurdle gamma":
            shape = np.exp(etas["precision(y)"])
            law = stats.gamma(shape, scale=np.exp(amount) / shape)
            return np.where(y == 0, np.log(1 - some), np.log(some) + law.logpdf(y))
        if name == "hurdle lognormal":
            law = stats.lognorm(values["sigma(y)"], scale=np.exp(amount))
            return np.where(y == 0, np.log(1 - some), np.log(some) + law.logpdf(y))
        if name == "normal with sigma":
            return stats.norm(etas["y"], np.exp(etas["sigma(y)"])).logpdf(y)
        if name == "beta with precision":
            mean, size = special.expit(etas["y"]), np.exp(etas["precision(y)"])
            return stats.beta(mean * size, (1 - mean) * size).logpdf(y)
        if name == "ordered_beta":
            mean, size, one = special.expit(etas["y"]), values["precision(y)"], special.expit(etas["y=1"])
            inside = np.log(some - one) + stats.beta(mean * size, (1 - mean) * size).logpdf(y)
            return np.where(y == 0, np.log(1 - some), np.where(y == 1, np.log(one), inside))
        k = values.get("precision(y)")
        law = {
            "censored weibull": lambda: weibull(np.exp(etas["y"]), k),
            "censored gamma": lambda: stats.gamma(k, scale=np.exp(etas["y"]) / k),
            "censored lognormal": lambda: stats.lognorm(np.exp(etas["sigma(y)"]), scale=np.exp(etas["y"])),
        }[name]()
        return np.where(ended == 1, law.logpdf(y), law.logsf(y))


def at_random_parameters(plan, data, seed=3):
    """A point of the PyMC model, and the raw parameters there."""
    equation, model = plan.equation("y"), to_pymc(plan, data)
    rng = np.random.default_rng(seed)
    point = {key: value + rng.uniform(-0.15, 0.15, np.shape(value)) for key, value in model.initial_point().items()}
    beliefs = state_beliefs(plan, equation, data)
    raw = beliefs.matrix @ point["z(y)"] + beliefs.offset
    values = dict(zip(equation.addresses, raw, strict=True))
    values |= {name: float(np.exp(point[f"{name}_log__"])) for name in equation.extras}
    return model, point, values


@pytest.mark.parametrize("name", CASES)
def test_every_density_is_the_one_written_out(name):
    """In PyMC, by NumPy, and in the likelihood that the laplace engine adds up."""
    plan, data, _ = study(name, n=150)
    equation = plan.equation("y")
    model, point, values = at_random_parameters(plan, data)
    view = ColumnView(data)
    etas = {each.target: linear_predictor(each, values, view) + np.zeros(data.n) for each in equation.predictors}
    y = response_values(data["y"])
    days = data.numbers("days").values if "days" in data else None
    ended = data.numbers("ended").values if "ended" in data else None
    expected = written_out(name, y, etas, values, days, ended)
    spread = values.get(equation.spread)
    row = Row(Numeric, equation, list(etas.values()), spread, None, 1.0 if days is None else days, ended)
    np.testing.assert_allclose(log_density(row, y), expected, rtol=1e-9, atol=1e-9)
    assert model.compile_logp(vars=[model["y"]], mode=CHEAP)(point) == pytest.approx(expected.sum(), rel=1e-9)
    if name != "normal with sigma":
        beliefs = state_beliefs(plan, equation, data)
        working = beliefs.working_matrix @ point["z(y)"] + beliefs.working_offset
        whole = np.append(working, [values[each] for each in equation.extras])
        assert make_likelihood(equation, beliefs, data).evaluate(whole[None])[0] == pytest.approx(expected.sum())


@pytest.mark.parametrize(
    "name", ["ordinal", "hurdle negative_binomial", "hurdle gamma", "ordered_beta", "censored gamma"]
)
def test_slopes_and_bends_are_those_of_the_likelihood(name):
    """Against differences of the whole sum, whose error of the fourth order is some 1e-7 of its size."""
    plan, data, truth = study(name, n=80)
    equation = plan.equation("y")
    likelihood = make_likelihood(equation, beliefs := state_beliefs(plan, equation, data), data)
    raw = np.array([truth[address] for address in equation.addresses])
    point = np.append(np.linalg.solve(beliefs.to_raw, raw), [truth[each] for each in equation.extras])
    gradient, hessian = likelihood.differentiate(point)
    step, size = 1e-3, len(point)
    units = np.eye(size) * step
    value = {k: likelihood.evaluate(point + k * units) for k in (-2, -1, 1, 2)}
    np.testing.assert_allclose(
        gradient, (value[-2] - 8 * value[-1] + 8 * value[1] - value[2]) / (12 * step), rtol=1e-6, atol=1e-5
    )
    slopes = {k: np.array([likelihood.differentiate(point + k * unit)[0] for unit in units]) for k in (-1, 1)}
    np.testing.assert_allclose(
        hessian, (slopes[1] - slopes[-1]) / (2 * step), rtol=1e-4, atol=1e-3 * np.abs(hessian).max()
    )


def law_of(plan, data, truth):
    equation = plan.equation("y")
    etas = [linear_predictor(each, truth, {"x": 0.5, "m": 1.5}) for each in equation.predictors]
    return give(equation, etas, truth.get(equation.spread), None, 2.0 if "days" in data else 1.0)


@pytest.mark.parametrize("name", [name for name in CASES if "censored" not in name])
def test_draws_have_the_means_and_shares_that_the_laws_say(name):
    law = law_of(*study(name, n=100))
    drawn = draw(law, (100_000,), np.random.default_rng(4))
    error = 4 * drawn.std() / np.sqrt(len(drawn))
    if law.chances:
        for value in range(len(law.chances)):
            share = float(find_chance(law, value))
            assert abs(np.mean(drawn == value) - share) < 4 * np.sqrt(share * (1 - share) / len(drawn))
        return
    assert abs(drawn.mean() - find_mean(law)) < error
    if law.zeros == "hurdle":
        assert abs(np.mean(drawn > 0) - find_any(law)) < 4 / np.sqrt(4 * len(drawn))
        over = drawn[drawn > 0]
        assert abs(over.mean() - find_amount(law)) < 4 * over.std() / np.sqrt(len(over))
    if law.top is not None:
        assert abs(np.mean(drawn == 1) - law.top) < 4 / np.sqrt(4 * len(drawn))


def test_probabilities_far_out_keep_their_digits():
    """P(between) = e^-40 (1 - e^-1) to the last digits, on either side."""
    expected = -40 + np.log(np.expm1(1.0) / np.e)
    assert log_between(Numeric, "logit", -40.0, -41.0) == pytest.approx(expected, rel=1e-14)
    assert log_between(Numeric, "logit", 41.0, 40.0) == pytest.approx(expected, rel=1e-14)
    assert log_between(Numeric, "probit", 31.0, 30.0) == pytest.approx(stats.norm.logcdf(-30.0), rel=1e-14)
    assert log_between(Numeric, "logit", 1.0, 2.0) == -np.inf


@pytest.mark.parametrize("name", ["ordinal", "sequential", "categorical", "hurdle gamma", "ordered_beta"])
def test_default_priors_speak_at_the_means_of_the_causes(name):
    """Of every predictor: its intercept there is the quantity that the prior's words print, whatever is shared."""
    plan, data, _ = study(name)
    equation = plan.equation("y")
    beliefs = state_beliefs(plan, equation, data)
    z = np.random.default_rng(5).normal(size=len(beliefs.names))
    raw = dict(zip(equation.addresses, beliefs.matrix @ z + beliefs.offset, strict=True))
    x, m = data.numbers("x").values, data.numbers("m").values
    means = {"x": x.mean(), "m": m.mean()}
    for each in equation.predictors:
        position = beliefs.names.index(each.intercept)
        mean, sd = beliefs.beliefs[position].arguments
        at_means = linear_predictor(each, raw, means)
        assert at_means == pytest.approx(mean + sd * z[position])
    printed = {line[0]: line[1] for line in print_priors(plan, data)}
    assert set(printed) == set(plan.parameters)


@pytest.mark.parametrize(
    ("name", "address", "middle"),
    [
        ("ordinal", "1 -> y=high", lambda y: special.logit((np.sum(y == 2) + 0.5) / (len(y) + 1))),
        ("sequential", "1 -> y=high", lambda y: special.logit((np.sum(y == 2) + 0.5) / (np.sum(y > 0) + 1))),
        ("categorical", "1 -> y=mid", lambda y: np.log((np.sum(y == 1) + 0.5) / (np.sum(y == 0) + 0.5))),
        ("hurdle poisson", "1 -> amount(y)", lambda y: np.log(y[y > 0].mean())),
        ("hurdle poisson", "1 -> any(y)", lambda y: special.logit((np.sum(y > 0) + 0.5) / (len(y) + 1))),
        ("hurdle lognormal", "1 -> amount(y)", lambda y: np.log(y[y > 0]).mean()),
        ("normal with sigma", "1 -> sigma(y)", lambda y: np.log(y.std(ddof=1))),
        ("beta with precision", "1 -> precision(y)", lambda y: 1.0),
        ("ordered_beta", "1 -> y=1", lambda y: special.logit((np.sum(y == 1) + 0.5) / (len(y) + 1))),
    ],
)
def test_default_priors_have_their_middle_where_the_data_put_it(name, address, middle):
    plan, data, _ = study(name)
    beliefs = state_beliefs(plan, plan.equation("y"), data)
    found = beliefs.beliefs[beliefs.names.index(address)].arguments
    assert found[0] == pytest.approx(middle(response_values(data["y"])))
    wide = {"1 -> sigma(y)": 1.0, "1 -> precision(y)": 2.0}.get(address, 2.5)
    assert found[1] == pytest.approx(
        wide
        if name != "hurdle lognormal"
        else 2.5 * np.log(data.numbers("y").values[data.numbers("y").values > 0]).std(ddof=1)
    )


def test_a_theorys_own_priors_reach_steps_parts_and_equalities():
    said = (
        "priors:\n  1 -> y=mid: {normal: [1, 0.5]}\n  x -> y=mid: {fixed: 0.2}\n  x -> y=high: {same_as: x -> y=mid}\n"
    )
    plan, data, _ = study("categorical", more=said)
    beliefs = state_beliefs(plan, equation := plan.equation("y"), data)
    z = np.random.default_rng(1).normal(size=len(beliefs.names))
    raw = dict(zip(equation.addresses, beliefs.matrix @ z + beliefs.offset, strict=True))
    assert raw["x -> y=mid"] == raw["x -> y=high"] == 0.2
    assert raw["1 -> y=mid"] == pytest.approx(1 + 0.5 * z[beliefs.names.index("1 -> y=mid")])


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("ordinal", ["logit P(y ≥ v) = b0[v] + b·x + b·m for v in mid, high,  ordinal"]),
        ("categorical", ["log P(y = mid) / P(y = the first) = b0 + b·x,  categorical", "P(y = high) / P(y = the first) = b0 + b·x + b·m"]),
        ("hurdle gamma", ["log E[y | y > 0] = b0 + b·x,  gamma, zeros a hurdle", "logit P(y > 0) =", "log precision(y) ="]),
        ("censored weibull", ["weibull with precision(y), censored where ended is 0"]),
        ("ordered_beta", ["logit E[y | 0 < y < 1] = b0 + b·m", "logit P(y > 0) = b0", "logit P(y = 1) = b0"]),
    ],
)  # fmt: skip
def test_equations_say_every_predictor(name, lines):
    shown = repr(study(name, n=60)[0])
    assert all(line in shown for line in lines), shown


def test_a_categorical_mediator_reaches_its_children_by_indicators():
    """Data simulated through it have the mean that the shares of its values say."""
    text = "variables:\n  x:\n  m: {family: categorical, values: [a, b, c]}\n  y:\narrows: [x -> m -> y]\n"
    plan = mx.compile(mx.parse(text))
    truth = {"1 -> m=b": 0.5, "1 -> m=c": -0.2, "x -> m=b": 0.8, "x -> m=c": 0.0, "1 -> y": 1.0,
             "m=b -> y": 2.0, "m=c -> y": -3.0, "sigma(y)": 0.1}  # fmt: skip
    assert set(plan.parameters) == set(truth)
    made = mx.simulate(plan, pd.DataFrame({"x": np.random.default_rng(1).normal(size=500)}), truth, seed=3)
    expected = 1 + 2 * (made["m"] == "b") - 3 * (made["m"] == "c")
    assert np.abs(made["y"] - expected).max() < 0.1 * 4.5
    assert plan.equation("y").columns == ("m=b", "m=c")
