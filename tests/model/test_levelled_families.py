"""Families with several linear predictors, censored times and moved spreads in a theory with levels.

At a random point the density of the symbolic model equals SciPy's at linear predictors written out here from the point's own
coefficients and deviations; the NumPy interpreter finds the same predictors.
"""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import mechanisms as mx
from mechanisms.errors import SpecError
from mechanisms.model.courses import predict
from mechanisms.model.families import inverse_link
from mechanisms.model.setting import Setting

CLIENTS, OCCASIONS = 12, 6
TEXT = """
levels: [session, client]
time: session
variables:
  s: {family: ordinal, values: [lo, mid, hi]}
  q: {family: sequential, values: [a, b, c], link: cloglog}
  k: {family: categorical, values: [u, v, w]}
  d: {family: negative_binomial, zeros: hurdle}
  i: {family: poisson, zeros: inflated}
  o: {family: ordered_beta}
  w: {family: weibull, event: e}
  e: {family: bernoulli}
  y: {family: normal}
  x: {family: normal}
  z: {level: client}
arrows:
  x -> s, k: {varies_by: client}
  x -> q=b:
  x -> d, i, o, w:
  x(whole t-1) -> o:
  x -> sigma(y):
  1 -> sigma(y): {varies_by: client}
  1 -> any(i): {varies_by: []}
  s(t-1), d, o -> y:
  z -> q, k, amount(d), precision(w):
"""
VARYING = (
    "1 -> s", "1 -> q", "1 -> k=v", "1 -> k=w", "1 -> amount(d)", "1 -> any(d)", "1 -> amount(i)", "1 -> o", "1 -> w",
    "1 -> y", "1 -> sigma(y)", "1 -> x", "x(session) -> s", "x(session) -> k=v", "x(session) -> k=w",
)  # fmt: skip


def state(plan):
    """Numbers for every parameter, thresholds in order."""
    rng = np.random.default_rng(8)
    found = {address: float(rng.normal(0, 0.3)) for address in plan.parameters}
    found |= {each: float(rng.uniform(0.2, 0.6)) for each in plan.parameters if each.startswith("sd(")}
    found |= {each: float(rng.uniform(0.8, 1.5)) for each in plan.parameters if each.startswith(("sigma", "precision"))}
    found |= {"1 -> s=mid": 0.7, "1 -> s=hi": -0.8, "1 -> any(o)": 1.4, "1 -> o=1": -1.3, "precision(o)": 4.0}
    return found | {"cor(client)": 0}


@pytest.fixture(scope="module")
def world():
    plan = mx.compile(mx.parse(TEXT))
    rows = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": [*range(OCCASIONS)] * CLIENTS})
    rows["z"] = np.repeat(np.random.default_rng(1).normal(size=CLIENTS), OCCASIONS)
    rows["e"] = 1
    frame = mx.simulate(plan, rows, state(plan), seed=4)
    frame["e"] = np.random.default_rng(2).integers(0, 2, len(frame))
    return plan, frame, mx.bind(plan.theory, frame)


@pytest.fixture(scope="module")
def point(world):
    """The model's log densities at a random point, with its coefficients, deviations and spreads."""
    import pymc as pm
    import pytensor

    plan, _, data = world
    model = mx.to_pymc(plan, data)
    rng = np.random.default_rng(5)  # leaves thresholds in order: elsewhere there is no density
    begin = {name: value + rng.normal(0, 0.15, np.shape(value)) for name, value in model.initial_point().items()}
    names = [f"coefficients({each.response})" for each in plan.equations]
    names += ["deviations(client)", *(each for equation in plan.equations for each in equation.extras)]
    observed = [each for each in model.observed_RVs if each.name != "x"]
    outputs = model.replace_rvs_by_values([*(model[name] for name in names)])
    densities = model.logp(vars=observed, sum=False)
    assert isinstance(model, pm.Model)
    run = pytensor.function(model.value_vars, [*outputs, *densities], mode="FAST_COMPILE", on_unused_input="ignore")
    found = run(*(begin[each.name] for each in model.value_vars))
    stated = dict(zip(names, found, strict=False))
    parameters = {name: value for name, value in stated.items() if np.ndim(value) == 0}
    for equation in plan.equations:
        parameters |= dict(zip(equation.addresses, stated[f"coefficients({equation.response})"], strict=True))
    deviations = dict(zip(plan.varying[0].quantities, stated["deviations(client)"], strict=True))
    return parameters, deviations, dict(zip([each.name for each in observed], found[len(names) :], strict=True))


def test_what_varies(world):
    plan, *_ = world
    assert set(plan.varying[0].quantities) == set(VARYING)


def test_log_densities_are_those_of_scipy(world, point):
    _, frame, _ = world
    b, u, found = point
    etas = write_out(frame, b, u)
    for name, wanted in densities(frame, b, etas).items():
        np.testing.assert_allclose(found[name], wanted, rtol=1e-9, atol=1e-9, err_msg=name)


def test_the_interpreter_for_numbers_finds_the_same_predictors(world, point):
    plan, frame, data = world
    b, u, _ = point
    values = {each.name: each.codes * 1.0 if hasattr(each, "codes") else each.values for each in data.columns}
    setting = Setting(plan, data, b, {(name, "client"): own for name, own in u.items()}, values, inverse_link)
    etas = write_out(frame, b, u)
    for equation in plan.equations:
        for each in equation.predictors:
            if each.target in etas:
                np.testing.assert_allclose(predict(setting, each), etas[each.target], rtol=1e-10, err_msg=each.target)


def write_out(frame, b, u):
    """Every linear predictor by hand."""
    who, first = frame.client.to_numpy(), frame.session.to_numpy() == 0
    u = {name: own[who] for name, own in u.items()}
    course = b["1 -> x"] + u["1 -> x"]
    within, z = frame.x - course, frame.z

    def by_x(effect, slope=0.0):
        return (b[f"x(session) -> {effect}"] + slope) * within + b[f"x(client) -> {effect}"] * course

    def before(column):
        return np.where(first, 0, np.roll(column, 1))

    found = {f"s={v}": b[f"1 -> s={v}"] + u["1 -> s"] + by_x("s", u["x(session) -> s"]) for v in ("mid", "hi")}
    found |= {f"q={v}": b[f"1 -> q={v}"] + u["1 -> q"] + b["z -> q"] * z for v in ("b", "c")}
    found["q=b"] = found["q=b"] + by_x("q=b")
    for v in ("v", "w"):
        slope = u[f"x(session) -> k={v}"]
        found[f"k={v}"] = b[f"1 -> k={v}"] + u[f"1 -> k={v}"] + by_x(f"k={v}", slope) + b[f"z -> k={v}"] * z
    found["amount(d)"] = b["1 -> amount(d)"] + u["1 -> amount(d)"] + by_x("amount(d)") + b["z -> amount(d)"] * z
    found["any(d)"] = b["1 -> any(d)"] + u["1 -> any(d)"] + by_x("any(d)")
    found["amount(i)"] = b["1 -> amount(i)"] + u["1 -> amount(i)"] + by_x("amount(i)")
    # any(i) has no intercept of a client's own, so that the whole of x acts on it by one coefficient (R4)
    found["any(i)"] = b["1 -> any(i)"] + b["x -> any(i)"] * frame.x
    lagged = b["x(whole t-1) -> o"] * before(frame.x)
    for target, address in (("o", "1 -> o"), ("any(o)", "1 -> any(o)"), ("o=1", "1 -> o=1")):
        found[target] = b[address] + u["1 -> o"] + by_x("o") + lagged + first * b["1 -> o | first"]
    found["w"] = b["1 -> w"] + u["1 -> w"] + by_x("w")
    found["precision(w)"] = b["1 -> precision(w)"] + b["z -> precision(w)"] * z
    found["sigma(y)"] = b["1 -> sigma(y)"] + u["1 -> sigma(y)"] + by_x("sigma(y)")
    drinks = np.exp(
        b["1 -> amount(d)"] + u["1 -> amount(d)"] + b["x(client) -> amount(d)"] * course + b["z -> amount(d)"] * z
    )
    drinks = drinks * special.expit(b["1 -> any(d)"] + u["1 -> any(d)"] + b["x(client) -> any(d)"] * course)
    usual = u["1 -> o"] + b["x(client) -> o"] * course
    inside, some, top = (special.expit(b[each] + usual) for each in ("1 -> o", "1 -> any(o)", "1 -> o=1"))
    share = top + (some - top) * inside
    steps = sum(b[f"s(t-1)={v} -> y"] * before(frame.s == v) for v in ("mid", "hi"))
    found["y"] = (
        b["1 -> y"] + u["1 -> y"] + steps + b["d(session) -> y"] * (frame.d - drinks) + b["d(client) -> y"] * drinks
    )
    found["y"] += b["o(session) -> y"] * (frame.o - share) + b["o(client) -> y"] * share
    return {name: np.asarray(eta) for name, eta in found.items()}


def densities(frame, b, etas):
    """The log density of every value by SciPy."""
    rows = np.arange(len(frame))
    chances = {}
    reach = special.expit([etas["s=mid"], etas["s=hi"]])
    chances["s"] = (np.array([1 - reach[0], reach[0] - reach[1], reach[1]]), ["lo", "mid", "hi"])
    on = -np.expm1(-np.exp([etas["q=b"], etas["q=c"]]))
    chances["q"] = (np.array([1 - on[0], on[0] * (1 - on[1]), on[0] * on[1]]), ["a", "b", "c"])
    chances["k"] = (special.softmax([0 * etas["k=v"], etas["k=v"], etas["k=w"]], axis=0), ["u", "v", "w"])
    found = {
        name: np.log(each[[values.index(v) for v in frame[name]], rows]) for name, (each, values) in chances.items()
    }
    size, mean = b["precision(d)"], np.exp(etas["amount(d)"])
    count, some = stats.nbinom(size, size / (size + mean)), special.expit(etas["any(d)"])
    with np.errstate(divide="ignore"):
        found["d"] = np.log(np.where(frame.d == 0, 1 - some, some * count.pmf(frame.d) / (1 - count.pmf(0))))
    some, own = special.expit(etas["any(i)"]), stats.poisson(np.exp(etas["amount(i)"]))
    found["i"] = np.log(some * own.pmf(frame.i) + (1 - some) * (frame.i == 0))
    place, some, top = (special.expit(etas[each]) for each in ("o", "any(o)", "o=1"))
    size = np.where(frame.session == 0, b["precision(o | first)"], b["precision(o)"])
    inside = stats.beta(place * size, (1 - place) * size).pdf(np.clip(frame.o, 1e-9, 1 - 1e-9))
    found["o"] = np.log(np.where(frame.o == 0, 1 - some, np.where(frame.o == 1, top, (some - top) * inside)))
    shape = np.exp(etas["precision(w)"])
    time = stats.weibull_min(shape, scale=np.exp(etas["w"]) / special.gamma(1 + 1 / shape))
    found["w"] = np.where(frame.e == 1, time.logpdf(frame.w), time.logsf(frame.w))
    sd = np.where(frame.session == 0, b["sigma(y | first)"], np.exp(etas["sigma(y)"]))
    found["y"] = stats.norm(etas["y"], sd).logpdf(frame.y)
    return found


def test_a_simulated_study_has_the_shares_that_were_stated():
    """1200 clients: shares and means of each family at deviations integrated over by many, within 4 standard errors."""
    plan = mx.compile(mx.parse(TEXT.replace("x -> s, k: {varies_by: client}", "x -> s, k:")))
    given = state(plan) | {each: 0.0 for each in plan.parameters if each.startswith(("sd(", "x", "z"))}
    given |= {address: 0.0 for address in plan.parameters if " -> y" in address and not address.startswith("1")}
    rows = pd.DataFrame({"client": np.repeat(np.arange(1200), 2), "session": [0, 1] * 1200, "z": 0.0, "e": 1})
    rows["z"] = np.repeat(np.random.default_rng(1).normal(size=1200), 2)
    frame = mx.simulate(plan, rows, given, seed=9)
    b = given
    reach = special.expit([b["1 -> s=mid"], b["1 -> s=hi"]])
    on = -np.expm1(-np.exp([b["1 -> q=b"], b["1 -> q=c"]]))
    odds = np.exp([0.0, b["1 -> k=v"], b["1 -> k=w"]])
    wanted = {
        ("s", "mid"): reach[0] - reach[1], ("q", "c"): on[0] * on[1], ("k", "w"): odds[2] / odds.sum(),
    }  # fmt: skip
    n = len(frame)
    for (name, value), chance in wanted.items():
        assert abs((frame[name] == value).mean() - chance) < 4 * np.sqrt(chance * (1 - chance) / n), name
    some = special.expit(b["1 -> any(d)"])
    assert abs((frame.d > 0).mean() - some) < 4 * np.sqrt(some * (1 - some) / n)
    log_sd = np.log(frame.y[frame.session == 1].std())
    assert abs(log_sd - b["1 -> sigma(y)"]) < 4 / np.sqrt(n)


HEAD = "levels: [session, client]\ntime: session\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("variables: {x: , s: {family: sequential, values: [a, b]}}\narrows: {x -> s: , '1 -> s=b': {varies_by: []}}", "1 -> s says it of all"),
        (
            "variables: {x: , y: , v: {level: client, is: sigma(y)}}\narrows: {x -> y: , x -> sigma(y): , 1 -> sigma(y): {varies_by: client}}",
            "sigma(y) is a variable of its own here",
        ),
        (
            "variables: {x: , d: {family: poisson, zeros: hurdle}, g: {level: client, is: x -> amount(d)}}\narrows: {x -> amount(d): {varies_by: client}}",
            "several linear predictors",
        ),
    ],
)  # fmt: skip
def test_what_is_not_compiled_says_so(text, words):
    with pytest.raises(SpecError, match=re.escape(words)):
        mx.compile(mx.parse(HEAD + text))


GAPS = "variables: {x: {family: normal}, m: {family: bernoulli}, s: {family: ordinal, values: [a, b, c]}}\narrows: ['x, m -> s']"


def with_gaps(name):
    """A study with one missing value."""
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"client": np.repeat(np.arange(8), 4), "session": [*range(4)] * 8})
    rows["x"], rows["m"], rows["s"] = rng.normal(size=32), rng.integers(0, 2, 32) * 1.0, rng.choice(["a", "b", "c"], 32)
    rows.loc[9, name] = None
    return rows


def test_what_is_missing_of_a_cause_is_a_quantity_of_the_model_and_of_a_response_leaves_its_row_out():
    theory = mx.parse(HEAD + GAPS)
    plan = mx.compile(theory)
    model = mx.to_pymc(plan, mx.bind(theory, with_gaps("x")))
    assert model.rvs_to_values[model["s"]].eval().shape == (32,)
    assert "missing(x)" in {each.name for each in model.free_RVs}
    model = mx.to_pymc(plan, mx.bind(theory, with_gaps("s")))
    assert model.rvs_to_values[model["s"]].eval().shape == (31,)


def test_what_is_missing_of_a_0_1_cause_is_summed_out_of_its_row():
    """Both its departure and its course are causes; the row leaves the other rows' density and stands in the sum."""
    theory = mx.parse(HEAD + GAPS)
    model = mx.to_pymc(mx.compile(theory), mx.bind(theory, with_gaps("m")))
    assert [each.name for each in model.potentials if each.name.startswith("summed")] == ["summed(m)"]
    assert model.rvs_to_values[model["s"]].eval().shape == (31,)
