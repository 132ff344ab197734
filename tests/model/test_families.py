"""Every family: its density in PyMC and in SciPy against one written out, its mean, its draws, its default priors."""

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from scipy import special

import mechanisms as mx
from mechanisms.errors import FitError, SpecError
from mechanisms.model.families import (
    FAMILIES,
    inverse_link,
)
from mechanisms.model.laws import Given, draw, find_law, find_mean
from mechanisms.model.prior_words import print_priors
from mechanisms.model.priors import state_beliefs
from mechanisms.model.symbolic import to_pymc
from mechanisms.model.symbolic.densities import distribute

CHEAP = Mode(linker="py", optimizer="fast_compile")
TRIALS = 12.0
ONE = [family for family in FAMILIES.values() if family.kind not in ("category", "heaped")]  # a single linear predictor
PAIRS = [(family.name, link) for family in ONE for link in family.links]
log, lgamma = np.log, special.gammaln


def log_normal_density(z):
    return -0.5 * z**2 - 0.5 * log(2 * np.pi)


def chance(link, eta):
    return {
        "logit": 1 / (1 + np.exp(-eta)),
        "probit": special.erfc(-eta / np.sqrt(2)) / 2,
        "cloglog": 1 - np.exp(-np.exp(eta)),
    }[link]


def skewed(y, mean, sd, slant):
    """Azzalini's density, its location and scale solved from the mean and the sd."""
    delta = slant / np.sqrt(1 + slant**2)
    scale = sd / np.sqrt(1 - 2 * delta**2 / np.pi)
    z = (y - mean) / scale + delta * np.sqrt(2 / np.pi)
    return log(2 / scale) + log_normal_density(z) + special.log_ndtr(slant * z)


def student(y, mean, s):
    z = (y - mean) / s
    return lgamma(2.5) - lgamma(2.0) - 0.5 * log(4 * np.pi) - log(s) - 2.5 * np.log1p(z**2 / 4)


def gamma(y, mean, a):
    return a * log(a / mean) + (a - 1) * log(y) - a * y / mean - lgamma(a)


def weibull(y, mean, k):
    scale = mean / special.gamma(1 + 1 / k)
    return log(k / scale) + (k - 1) * log(y / scale) - (y / scale) ** k


def negative_binomial(y, mean, a):
    return lgamma(y + a) - lgamma(a) - lgamma(y + 1) + a * log(a / (a + mean)) + y * log(mean / (a + mean))


def beta(y, mean, a):
    p, q = mean * a, (1 - mean) * a
    return (p - 1) * log(y) + (q - 1) * log(1 - y) - special.betaln(p, q)


def binomial(y, n, p):
    return lgamma(n + 1) - lgamma(y + 1) - lgamma(n - y + 1) + y * log(p) + (n - y) * log(1 - p)


def written_out(family, link, y, eta, spread, shape, out_of):
    return {
        "normal": lambda: log_normal_density((y - eta) / spread) - log(spread),
        "student": lambda: student(y, eta, spread),
        "skew_normal": lambda: skewed(y, eta, spread, shape),
        "lognormal": lambda: log_normal_density((log(y) - eta) / spread) - log(spread * y),
        "gamma": lambda: gamma(y, np.exp(eta), spread),
        "weibull": lambda: weibull(y, np.exp(eta), spread),
        "bernoulli": lambda: binomial(y, 1.0, chance(link, eta)),
        "hazard": lambda: binomial(y, 1.0, chance(link, eta)),
        "binomial": lambda: binomial(y, out_of, chance(link, eta)),
        "poisson": lambda: y * log(out_of * np.exp(eta)) - out_of * np.exp(eta) - lgamma(y + 1),
        "negative_binomial": lambda: negative_binomial(y, out_of * np.exp(eta), spread),
        "beta": lambda: beta(y, chance(link, eta), spread),
    }[family]()


def points(family, n=40):
    """Linear predictors, parameters and values that the family allows."""
    rng = np.random.default_rng(3)
    eta, spread = rng.normal(0.2, 0.8, n), rng.uniform(0.3, 4, n)
    shape, out_of = rng.normal(0, 3, n), np.full(n, TRIALS if FAMILIES[family].kind == "count" else 1.0)
    y = {
        "real": rng.normal(0, 2, n),
        "positive": rng.uniform(0.05, 6, n),
        "share": rng.uniform(0.02, 0.98, n),
        "count": rng.integers(0, 13, n).astype(float),
        "binary": np.resize([0.0, 1.0], n),
    }[FAMILIES[family].kind]
    return y, eta, spread, shape, out_of


@pytest.mark.parametrize(("family", "link"), PAIRS)
def test_both_densities_are_the_one_written_out(family, link):
    y, eta, spread, shape, out_of = points(family)
    expected = written_out(family, link, y, eta, spread, shape, out_of)
    made = distribute(family, link, pt.as_tensor(eta), pt.as_tensor(spread), pt.as_tensor(shape), out_of)
    values = y.astype(int) if made.counts else y
    exact = 1e-7 if family == "skew_normal" else 1e-9  # PyMC takes the root of 2 in single precision there
    np.testing.assert_allclose(made.log_density(values).eval(mode=CHEAP), expected, rtol=exact, atol=1e-10)
    law = find_law(Given(family, inverse_link(link, eta), spread, shape, out_of))
    numeric = law.logpmf(y) if FAMILIES[family].kind in ("count", "binary") else law.logpdf(y)
    np.testing.assert_allclose(numeric, expected, rtol=1e-9, atol=1e-10)


VARIANCES = {
    "student": lambda m, s, n: 2 * s**2,
    "skew_normal": lambda m, s, n: s**2,
    "gamma": lambda m, s, n: m**2 / s,
    "negative_binomial": lambda m, s, n: m + m**2 / s,
    "beta": lambda m, s, n: m * (1 - m) / (1 + s),
    "poisson": lambda m, s, n: m,
    "binomial": lambda m, s, n: m * (1 - m / n),
}


@pytest.mark.parametrize(("family", "link"), PAIRS)
def test_means_and_spreads_are_those_of_the_distribution(family, link):
    _, eta, spread, shape, out_of = points(family)
    given = Given(family, inverse_link(link, eta), spread, shape, out_of)
    np.testing.assert_allclose(find_mean(given), find_law(given).mean(), rtol=1e-9, atol=1e-12)
    if family in VARIANCES:
        expected = VARIANCES[family](find_mean(given), spread, out_of)
        np.testing.assert_allclose(find_law(given).var(), expected, rtol=1e-9)


@pytest.mark.parametrize(("family", "link"), PAIRS)
def test_draws_have_the_mean(family, link):
    given = Given(family, inverse_link(link, 0.3), 2.5, -2.0, TRIALS if FAMILIES[family].kind == "count" else 1.0)
    drawn = draw(given, (100_000,), np.random.default_rng(8))
    error = float(drawn.std()) / np.sqrt(len(drawn))
    assert abs(drawn.mean() - find_mean(given)) < 4 * error


# --- whole models ---

SAID = {
    "student": "family: student", "skew_normal": "family: skew_normal", "lognormal": "family: lognormal",
    "gamma": "family: gamma", "weibull": "family: weibull", "beta": "family: beta", "poisson": "family: poisson",
    "binomial": "family: binomial, out_of: 12", "negative_binomial": "family: negative_binomial",
    "cloglog": "family: bernoulli, link: cloglog", "exposure": "family: poisson, out_of: n",
}  # fmt: skip


def world(said, levels=False, priors=""):
    rng = np.random.default_rng(2)
    head = "levels: [session, client]\ntime: session\n" if levels else ""
    text = f"{head}variables:\n  x:\n  n:\n  y: {{{said}}}\narrows: [{'x(whole)' if levels else 'x'} -> y]\n{priors}"
    theory = mx.parse(text)
    n = 60
    count = rng.integers(0, 13, n).astype(float)
    positive = np.exp(rng.normal(1, 0.7, n))
    y = {"poisson": count, "binomial": count, "negative_binomial": count, "beta": rng.uniform(0.1, 0.9, n)}
    y |= {"lognormal": positive, "gamma": positive, "weibull": positive, "bernoulli": (count > 5).astype(float)}
    family = theory.variable("y").family
    frame = pd.DataFrame(
        {"x": rng.normal(3, 2, n), "n": rng.integers(15, 30, n), "y": y.get(family, rng.normal(5, 3, n))}
    )
    if levels:
        frame["client"], frame["session"] = np.repeat(np.arange(12), 5), np.tile(np.arange(5), 12)
    return mx.compile(theory), mx.bind(theory, frame), frame


@pytest.mark.parametrize("name", SAID)
def test_the_pymc_model_says_the_same_of_its_rows(name):
    plan, data, frame = world(SAID[name])
    equation = plan.equation("y")
    model = to_pymc(plan, data)
    rows = model.compile_fn(model.logp(vars=[model["y"]], sum=False), inputs=model.value_vars, mode=CHEAP)
    point = {key: np.asarray(value) + 0.1 for key, value in model.initial_point().items()}
    beliefs = state_beliefs(plan, equation, data)
    intercept, slope = beliefs.matrix @ point["z(y)"] + beliefs.offset
    spread = np.exp(point[f"{equation.spread}_log__"]) if equation.spread else None
    out_of = frame["n"].to_numpy() if name == "exposure" else equation.out_of
    eta, shape = intercept + slope * frame["x"].to_numpy(), point.get("skew(y)")
    expected = written_out(equation.family, equation.link, frame["y"].to_numpy(), eta, spread, shape, out_of)
    np.testing.assert_allclose(rows(point)[0], expected, rtol=1e-7)
    leveled, held, _ = world(SAID[name], levels=True)
    assert np.isfinite(to_pymc(leveled, held).compile_logp(mode=CHEAP)(to_pymc(leveled, held).initial_point()))


@pytest.mark.parametrize("name", ["lognormal", "gamma", "weibull"])
def test_a_unit_of_a_positive_response_matters_to_the_intercept_alone(name):
    plan, data, frame = world(SAID[name])
    other = mx.bind(plan.theory, frame.assign(y=1000 * frame["y"]))
    one, two = (state_beliefs(plan, plan.equation("y"), each) for each in (data, other))
    np.testing.assert_allclose(two.matrix, one.matrix, rtol=1e-10)
    np.testing.assert_allclose(two.offset - one.offset, [np.log(1000), 0], atol=1e-10)
    assert one.spread.name == two.spread.name
    np.testing.assert_allclose(two.spread.arguments, one.spread.arguments, rtol=1e-10)


def test_lognormal_is_normal_in_the_logarithm():
    plan, data, frame = world(SAID["lognormal"])
    normal, logs, _ = world("family: normal")
    logs = mx.bind(normal.theory, frame.assign(y=np.log(frame["y"])))
    one, two = (state_beliefs(p, p.equation("y"), d) for p, d in ((plan, data), (normal, logs)))
    np.testing.assert_allclose(one.matrix, two.matrix, rtol=1e-10)
    np.testing.assert_allclose(one.offset, two.offset, rtol=1e-10)
    np.testing.assert_allclose(one.spread.arguments, two.spread.arguments, rtol=1e-10)


def test_the_exposure_moves_the_middle_of_the_intercept():
    plan, data, frame = world(SAID["exposure"])
    found = state_beliefs(plan, plan.equation("y"), data).beliefs[0]
    assert found.arguments == pytest.approx((np.log(frame["y"].mean() / frame["n"].mean()), 2.5))


@pytest.mark.parametrize(
    ("name", "address", "prior", "where"),
    [
        ("gamma", "precision(y)", "lognormal(1, 2)", "default: a precision has no unit"),
        ("skew_normal", "skew(y)", "normal(0, 4)", "default: 0 is no skew"),
        ("lognormal", "sigma(y)", "exponential(", "default: its mean is sd(log y)"),
        ("student", "sigma(y)", "exponential(", "default: its mean is sd(y)"),
        ("poisson", "x -> y", "normal(0, ", "default: 2.5 standardised"),
    ],
)
def test_default_priors_are_printed(name, address, prior, where):
    plan, data, _ = world(SAID[name])
    lines = {line[0]: line[1:] for line in print_priors(plan, data)}
    assert lines[address][0].startswith(prior)
    assert lines[address][1] == where


def test_sampling_begins_at_the_median_of_a_precision():
    """Its mean is 20, where a weibull's density is beyond all numbers."""
    plan, data, _ = world(SAID["weibull"])
    assert to_pymc(plan, data).initial_point()["precision(y)_log__"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "said", "shown"),
    [
        ("skew_normal", "skew(y): {fixed: 2}", "fixed at 2"),
        ("skew_normal", "skew(y): {normal: [1, 0.5], above: 0}", "normal(1, 0.5) > 0"),
        ("beta", "precision(y): {gamma: [2, 0.1]}", "gamma(2, 0.1) > 0"),
        ("beta", "precision(y): {fixed: 8}", "fixed at 8"),
        ("gamma", "precision(y): {lognormal: [1, 1], scale: standardised}", "lognormal(1, 1) > 0"),
    ],
)
def test_a_theorys_own_priors_on_spreads_and_slants(name, said, shown):
    plan, data, _ = world(SAID[name], priors=f"priors:\n  {said}\n")
    address = said.partition(":")[0]
    assert {line[0]: line[1] for line in print_priors(plan, data)}[address] == shown
    assert np.isfinite(to_pymc(plan, data).compile_logp(mode=CHEAP)(to_pymc(plan, data).initial_point()))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("skew(x): {fixed: 0}", "no such parameter"),
        ("skew(y): {same_as: skew(z)}", "'same_as' for a slant"),
        ("sigma(y): {same_as: precision(k)}", "a sigma and a precision"),
        ("skew(y | client): {fixed: 0}", "write skew(variable)"),
    ],
)
def test_priors_on_what_is_not_there(said, words):
    kinds = "x:\n  y: {family: skew_normal}\n  z: {family: skew_normal}\n  k: {family: gamma}"
    with pytest.raises(SpecError) as refused:
        mx.compile(mx.parse(f"variables:\n  {kinds}\narrows: [x -> y, x -> z, x -> k]\npriors:\n  {said}\n"))
    assert words in str(refused.value)


def test_a_precision_is_above_0():
    plan, data, _ = world(SAID["gamma"])
    with pytest.raises(FitError, match=r"precision\(y\) is a precision and must be above 0, not -1"):
        mx.simulate(plan, data, {"1 -> y": 0, "x -> y": 0, "precision(y)": -1})


def test_equations_say_what_the_linear_predictor_is_of():
    shown = {name: str(world(said)[0].equation("y")) for name, said in SAID.items()}
    assert shown["gamma"] == "log E[y] = b0 + b·x,  gamma with precision(y)"
    assert shown["lognormal"] == "log median of y = b0 + b·x,  lognormal with sigma(y)"
    assert shown["skew_normal"] == "y = b0 + b·x,  skew_normal with sigma(y) and skew(y)"
    assert shown["exposure"] == "log E[y] / n = b0 + b·x,  poisson"
    assert shown["binomial"] == "logit E[y] / 12 = b0 + b·x,  binomial"
    assert shown["cloglog"] == "cloglog P(y = 1) = b0 + b·x"


def test_a_missing_binary_cause_of_a_positive_response_is_summed_out():
    """One row without m: its density is the mixture over m, of a gamma with either mean."""
    theory = mx.parse("variables:\n  x:\n  m: {family: bernoulli}\n  y: {family: gamma}\narrows: [x -> m -> y]\n")
    frame = pd.DataFrame({"x": [0.5, 1, 2, 4], "m": [0, 1, None, 1], "y": [1.0, 2.0, 0.7, 3.0]})
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    model = to_pymc(plan, data)
    point = {key: np.asarray(value) + 0.2 for key, value in model.initial_point().items()}
    (summed,) = [each for each in model.potentials if str(each.name).startswith("summed")]
    found = float(
        model.compile_fn(model.replace_rvs_by_values([summed]), inputs=model.value_vars, mode=CHEAP)(point)[0]
    )
    b = {each.response: state_beliefs(plan, each, data) for each in plan.equations}
    to_m, to_y = (b[name].matrix @ point[f"z({name})"] + b[name].offset for name in ("m", "y"))
    p = chance("logit", to_m[0] + 2 * to_m[1])
    shape = np.exp(point["precision(y)_log__"])
    parts = [gamma(0.7, np.exp(to_y[0] + m * to_y[1]), shape) for m in (0, 1)]
    assert found == pytest.approx(log((1 - p) * np.exp(parts[0]) + p * np.exp(parts[1])), rel=1e-9)
