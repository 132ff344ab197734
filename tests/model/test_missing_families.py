"""Missing values of any family: rows that leave an equation, values on a line of their own, sums over what they may have been."""

import itertools

import numpy as np
import pandas as pd
import pytensor
import pytest
from pytensor.compile.mode import Mode
from scipy import integrate, special, stats

import mechanisms as mx
from mechanisms.errors import DataError
from mechanisms.infer.smooth.likelihoods import make_likelihood
from mechanisms.model.discrete import find_mixture
from mechanisms.model.missing import refuse_incomplete
from mechanisms.model.priors import state_beliefs
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")
N = 12


def bound(text, frame):
    theory = mx.parse(text)
    return mx.compile(theory), mx.bind(theory, frame)


def world(family, gone, values, arrows):
    """x -> m -> y, with m of a family and missing in the rows `gone`."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=N), "m": values, "y": rng.normal(size=N)})
    frame["m"] = frame["m"].where(~frame.index.isin(gone))
    return frame, *bound(f"variables: {{x: , m: {{family: {family}}}, y: }}\narrows: {arrows}\n", frame)


def reader(model):
    """Evaluates every quantity, potential and row's log density of a model at a point."""
    wanted = [*model.free_RVs, *model.deterministics, *model.potentials]
    outputs = [*model.replace_rvs_by_values(wanted), *model.logp(model.observed_RVs, sum=False)]
    names = [*(each.name for each in wanted), *(f"logp {each.name}" for each in model.observed_RVs)]
    run = pytensor.function(model.value_vars, outputs, mode=CHEAP, on_unused_input="ignore")
    return lambda point: dict(zip(names, run(*(point[each.name] for each in model.value_vars)), strict=True))


def somewhere(model, seed=0):
    rng = np.random.default_rng(seed)
    return {name: value + rng.normal(0, 0.3, np.shape(value)) for name, value in model.initial_point().items()}


def numbers(model, found):
    """The coefficients by address."""
    return {
        address: value
        for name, terms in model.coords.items()
        if name.startswith("terms(")
        for address, value in zip(terms, found[f"coefficients({name[6:-1]})"], strict=True)
    }


# --- rows that leave ---

RESPONSES = {
    "poisson, zeros: hurdle": lambda rng: np.where(rng.random(N) < 0.4, 0.0, 1.0 + rng.poisson(2, N)),
    "ordered_beta": lambda rng: np.clip(rng.normal(0.5, 0.4, N), 0, 1),
    "ordinal, values: [a, b, c]": lambda rng: np.array(list("abc") * 4),
    "gamma, event: e": lambda rng: rng.gamma(2, 1, N),
}


@pytest.mark.parametrize("family", RESPONSES)
def test_rows_without_a_response_of_several_predictors_leave_its_equation(family):
    """The likelihood that `laplace` climbs, and PyMC's, are those of the rows that have a value."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=N), "e": [1, 0, 1] * 4, "y": RESPONSES[family](rng)})
    frame.loc[[0, 7], "y"] = None
    kinds = (
        f"x: , e: {{family: bernoulli}}, y: {{family: {family}}}"
        if "event" in family
        else f"x: , y: {{family: {family}}}"
    )
    text = f"variables: {{{kinds}}}\narrows: [x -> y]\n"
    plan, data = bound(text, frame)
    assert mx.explain(plan, data).blocks[-1].engine == "laplace"
    equation, beliefs = plan.equation("y"), state_beliefs(plan, plan.equation("y"), data)
    fewer = mx.bind(plan.theory, frame.dropna())
    found, wanted = (make_likelihood(equation, beliefs, each) for each in (data, fewer))
    points = np.abs(rng.normal(1.0, 0.3, (4, len(beliefs.names) + len(equation.extras))))
    points[:, [beliefs.names.index(name) for name in beliefs.names if name in ("1 -> y=c", "1 -> y=1")]] -= 3.0
    np.testing.assert_allclose(found.evaluate(points), wanted.evaluate(points), rtol=1e-12)
    assert np.isfinite(found.evaluate(points)).all()
    model = to_pymc(plan, data)
    assert model.rvs_to_values[model["y"]].eval().shape == (N - 2,)


def test_a_time_whose_end_nobody_knows_is_refused_unless_it_is_missing_too():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=N), "e": [1.0, 0, 1] * 4, "y": rng.gamma(2, 1, N)})
    text = "variables: {x: , e: {family: bernoulli}, y: {family: weibull, event: e}}\narrows: [x -> y]\n"
    frame.loc[[2, 3], ["e", "y"]] = None
    refuse_incomplete(*bound(text, frame))
    frame.loc[5, "e"] = None
    with pytest.raises(
        DataError, match="e is missing in 1 rows with a time y, of which nobody knows then whether it ended"
    ):
        refuse_incomplete(*bound(text, frame))


# --- values on a line of their own ---

POSITIVE = np.array([0.6, 1.4, 2.2, 0.9, 3.1, 0.4, 1.1, 1.9, 2.6, 0.7, 1.3, 0.8])
CONTINUOUS = {
    "gamma": (POSITIVE, lambda eta, s: stats.gamma(s, scale=np.exp(eta) / s), (0, np.inf)),
    "lognormal": (POSITIVE, lambda eta, s: stats.lognorm(s, scale=np.exp(eta)), (0, np.inf)),
    "weibull": (
        POSITIVE,
        lambda eta, s: stats.weibull_min(s, scale=np.exp(eta) / special.gamma(1 + 1 / s)),
        (0, np.inf),
    ),
    "beta": (POSITIVE / 4, lambda eta, s: stats.beta(special.expit(eta) * s, special.expit(-eta) * s), (0, 1)),
    "student": (POSITIVE, lambda eta, s: stats.t(4, eta, s), (-np.inf, np.inf)),
}


@pytest.mark.parametrize("family", CONTINUOUS)
@pytest.mark.parametrize("shape", ["linear", "quadratic"])
def test_a_missing_value_is_integrated_over_on_its_own_line(family, shape):
    """Over its whole line the model's density integrates to ∫ p(m) p(y | m) dm by SciPy: the slope of the line is in it."""
    values, law, ends = CONTINUOUS[family]
    frame, plan, data = world(family, [4], values, arrows=f"{{x -> m: , m -> y: {{shape: {shape}}}, x -> y: }}")
    model = to_pymc(plan, data)
    read, point = reader(model), somewhere(model) | {"precision(m)_log__": np.array(1.5)}
    x, y = frame.loc[4, ["x", "y"]]
    line = np.linspace(-150, 150, 3001) if family == "student" else np.linspace(-14, 14, 401)
    made = [read(point | {"missing(m)": np.array([z])}) for z in line]
    b, own = numbers(model, made[0]), made[0]
    given = law(b["1 -> m"] + b["x -> m"] * x, own["precision(m)" if "precision(m)" in own else "sigma(m)"])

    def density(m):
        mean = b["1 -> y"] + b["x -> y"] * x + b["m -> y"] * m + b.get("m^2 -> y", 0.0) * m**2
        return given.pdf(m) * stats.norm.pdf(y, mean, own["sigma(y)"])

    heights = [np.exp(each["unknown(m)"] + each.get("scale(m)", 0.0) + each["logp y"][4]) for each in made]
    seen = np.delete(values, 4)
    there = {"student": lambda v: v, "beta": special.logit}.get(family, np.log)
    wanted, _ = integrate.quad(density, *ends, limit=500, epsabs=0, epsrel=1e-9)
    assert np.trapezoid(heights, line) * there(seen).std(ddof=1) == pytest.approx(wanted, rel=1e-6)


# --- sums over what they may have been ---

COUNTS = np.array([0, 3, 1, 2, 4, 1, 0, 2, 4, 1, 2, 3.0])
M = np.arange(400)
DISCRETE = {
    "poisson": lambda b, x, s: stats.poisson(np.exp(b["1 -> m"] + b["x -> m"] * x)).logpmf(M),
    "negative_binomial": lambda b, x, s: stats.nbinom(s, s / (s + np.exp(b["1 -> m"] + b["x -> m"] * x))).logpmf(M),
    "binomial, out_of: 7": lambda b, x, s: stats.binom(7, special.expit(b["1 -> m"] + b["x -> m"] * x)).logpmf(M),
    "poisson, zeros: hurdle": lambda b, x, s: over_a_hurdle(b, x),
    "ordinal, values: [0, 1, 2, 3, 4]": lambda b, x, s: graded(b, x),
}


def over_a_hurdle(b, x):
    some, mean = b["1 -> any(m)"] + b["x -> any(m)"] * x, np.exp(b["1 -> amount(m)"] + b["x -> amount(m)"] * x)
    above = stats.poisson(mean).logpmf(M) - np.log(-np.expm1(-mean)) - np.logaddexp(0, -some)
    return np.where(M == 0, -np.logaddexp(0, some), above)


def graded(b, x):
    reach = [1.0, *(special.expit(b[f"1 -> m={v}"] + b["x -> m"] * x) for v in range(1, 5)), 0.0]
    return np.array([*(np.log(one - more) for one, more in itertools.pairwise(reach)), *np.full(len(M) - 5, -np.inf)])


def climb(b, effect):
    """What each value of m adds to a predictor: a slope, or of a category its own coefficient."""
    if f"m -> {effect}" in b:
        return b[f"m -> {effect}"] * M
    return np.array([0.0, *(b[f"m={v} -> {effect}"] for v in range(1, 5)), *np.zeros(len(M) - 5)])


@pytest.mark.parametrize("family", DISCRETE)
@pytest.mark.parametrize("seed", [0, 1])
def test_missing_discrete_values_are_summed_out(family, seed):
    """Σ P(m) p(y | m) p(z | m) by SciPy up to 399, in each row without m; y is a gamma with a hurdle, missing once itself.

    What the sum leaves out is no more than `beyond(m)` says, and not much less; 1e-300 is as good as nothing.
    """
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": rng.normal(size=N), "m": COUNTS, "y": POSITIVE, "z": rng.normal(size=N)})
    frame.loc[[0, 3, 8], "y"] = 0.0
    frame.loc[[1, 6, 8], "m"] = np.nan
    frame.loc[6, "y"] = np.nan
    if "ordinal" in family:
        frame["m"] = frame["m"].map(lambda v: None if np.isnan(v) else str(int(v)))
    kinds = f"x: , m: {{family: {family}}}, y: {{family: gamma, zeros: hurdle}}, z: "
    plan, data = bound(f"variables: {{{kinds}}}\narrows: [x -> m, m -> y, m -> z, x -> z]\n", frame)
    model = to_pymc(plan, data)
    found = reader(model)(somewhere(model, seed))
    b, shape = numbers(model, found), found["precision(y)"]
    some, mean = b["1 -> any(y)"] + climb(b, "any(y)"), np.exp(b["1 -> amount(y)"] + climb(b, "amount(y)"))
    total, left = 0.0, []
    for row in (1, 6, 8):
        x, y, z = frame.loc[row, ["x", "y", "z"]]
        terms = DISCRETE[family](b, x, found.get("precision(m)"))
        terms = terms + stats.norm.logpdf(z, b["1 -> z"] + climb(b, "z") + b["x -> z"] * x, found["sigma(z)"])
        if y == 0:
            terms -= np.logaddexp(0, some)
        elif y > 0:
            terms += stats.gamma(shape, scale=mean / shape).logpdf(y) - np.logaddexp(0, -some)
        total += special.logsumexp(terms)
        left.append(terms - special.logsumexp(terms))
    assert found["summed(m)"] == pytest.approx(total, rel=1e-8)
    assert len(found["logp z"]) == N - 3
    if family in ("poisson", "negative_binomial"):
        top = find_mixture(plan, data, plan.equations).discrete[0].values[-1]
        beyond = np.array([special.logsumexp(each[top < M]) for each in left])
        said, beyond = (np.maximum(each, np.log(1e-300)) for each in (found["beyond(m)"], beyond))
        assert (beyond <= said).all()  # an upper bound: terms fall ever faster
        assert said.max() < beyond.max() + 1.0


def test_several_missing_values_are_summed_over_together():
    """A count, a 0/1 variable and trials of different number in one row: every combination, and each once."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {"n": [3.0, 5, 4] * 4, "k": COUNTS, "b": [0.0, 1] * 6, "m": [1.0, 2, 0] * 4, "y": rng.normal(size=N)}
    )
    frame.loc[[2, 5], "k"] = np.nan
    frame.loc[[2, 7], "b"] = np.nan
    frame.loc[[2, 5, 9], "m"] = np.nan
    kinds = "n: , k: {family: poisson}, b: {family: bernoulli}, m: {family: binomial, out_of: n}, s: {is: k - m}, y: "
    plan, data = bound(f"variables: {{{kinds}}}\narrows: [n -> k, n -> b, b -> m, s -> y, b -> y]\n", frame)
    model = to_pymc(plan, data)
    found = reader(model)(somewhere(model))
    b, total = numbers(model, found), 0.0
    for row in range(N):
        n, y = frame.loc[row, ["n", "y"]]
        seen = {name: frame.loc[row, name] for name in "kbm"}
        tops = {"k": range(80), "b": range(2), "m": range(int(n) + 1)}
        terms = []
        for k, one, m in itertools.product(*(tops[name] if np.isnan(v) else [v] for name, v in seen.items())):
            terms.append(stats.poisson(np.exp(b["1 -> k"] + b["n -> k"] * n)).logpmf(k))
            terms[-1] += stats.bernoulli(special.expit(b["1 -> b"] + b["n -> b"] * n)).logpmf(one)
            terms[-1] += stats.binom(n, special.expit(b["1 -> m"] + b["b -> m"] * one)).logpmf(m)
            terms[-1] += stats.norm.logpdf(
                y, b["1 -> y"] + b["s -> y"] * (k - m) + b["b -> y"] * one, found["sigma(y)"]
            )
        total += special.logsumexp(terms)
    made = found["summed(k, b, m)"] + sum(found[f"logp {name}"].sum() for name in "kbmy")
    assert made == pytest.approx(total, rel=1e-8)


def test_with_levels_a_missing_mediator_beside_an_ordinal_outcome_is_summed_out():
    """The row's two terms written out, with the client's own intercepts."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"client": np.repeat(range(8), 4), "session": [*range(4)] * 8, "m": rng.integers(0, 2, 32) * 1.0}
    )
    frame["s"] = rng.choice(["a", "b", "c"], 32)
    frame.loc[9, "m"] = np.nan
    text = "levels: [session, client]\ntime: session\nvariables: {m: {family: bernoulli}, s: {family: ordinal, values: [a, b, c]}}\n"
    plan, data = bound(text + "arrows: {1 -> m: {varies_by: []}, m(whole) -> s: , session -> m: }\n", frame)
    model = to_pymc(plan, data)
    found = reader(model)(somewhere(model))
    b = numbers(model, found)
    own = found["deviations(client)"][0][2]
    chance = special.expit(b["1 -> m"] + b["session -> m"] * 1)
    reach = [special.expit(b[f"1 -> s={v}"] + own + b["m(whole) -> s"] * np.array([0, 1])) for v in "bc"]
    likely = {"a": 1 - reach[0], "b": reach[0] - reach[1], "c": reach[1]}[frame["s"][9]]
    assert found["summed(m)"] == pytest.approx(np.log((1 - chance) * likely[0] + chance * likely[1]), rel=1e-9)


# --- what stays refused ---


@pytest.mark.parametrize(
    ("text", "values", "words"),
    [
        ("variables: {x: , m: {family: gamma, zeros: hurdle}, y: }\narrows: [x -> m -> y]\n", [0.0, 1.5, 2.5] * 4, "neither summed nor"),
        ("variables: {x: , m: {family: ordered_beta}, y: }\narrows: [x -> m -> y]\n", [0.0, 0.5, 1.0, 0.25] * 3, "neither summed nor"),
        ("variables: {x: , m: {family: poisson}, y: }\narrows: [x -> m -> y]\n", [0.0, 2e6, 9.0] * 4, "too many to sum over"),
    ],
)  # fmt: skip
def test_what_is_neither_summed_nor_imputed_says_so(text, values, words):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=N), "m": values, "y": rng.normal(size=N)})
    frame.loc[4, "m"] = np.nan
    with pytest.raises(DataError, match=words):
        to_pymc(*bound(text, frame))


# --- a fit ---


@pytest.mark.slow
def test_a_fit_with_missing_counts_is_that_of_all_rows():
    """A count missing by what it causes: complete rows alone are biased, and the sum over what it may have been is not."""
    rng = np.random.default_rng(1)
    n = 400
    x = rng.normal(size=n)
    m = rng.poisson(np.exp(0.8 + 0.4 * x)).astype(float)
    y = 1 + 0.5 * m + 0.3 * x + rng.normal(size=n)
    gone = rng.random(n) < special.expit(2.0 * (y - 3.5))
    theory = mx.parse("variables: {x: , m: {family: poisson}, y: }\narrows: [x -> m -> y, x -> y]\n")
    frame = pd.DataFrame({"x": x, "m": np.where(gone, np.nan, m), "y": y})
    fit = mx.fit(theory, frame, seed=1, draws=500, chains=2, tune=500)
    assert fit.blocks[0].engine == "nuts"
    assert mx.diagnose(fit).ok
    few = mx.fit(theory, frame.dropna(), seed=1)
    truth = {"1 -> m": 0.8, "x -> m": 0.4, "1 -> y": 1.0, "m -> y": 0.5, "x -> y": 0.3, "sigma(y)": 1.0}
    off = {}
    for address, value in truth.items():
        draws, biased = fit.parameters[address], few.parameters[address]
        assert abs(draws.mean() - value) < 4 * draws.std(), address
        off[address] = abs(biased.mean() - value) / biased.std()
    assert max(off.values()) > 4
