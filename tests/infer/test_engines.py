"""Engines: NUTS against the exact engine, NUTS and laplace against importance sampling written out here; who is chosen why.

Three PyMC models are compiled (fixtures of module scope), which is what this file costs. All tolerances are Monte
Carlo errors.
"""

import arviz_stats
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import optimize, special, stats

import mechanisms as mx
from mechanisms.errors import DataError, FitError
from mechanisms.infer.diagnostics import assess, count_divergences

Z = 5.0


def assert_sampled(fit):
    """Believable draws: R-hat, effective sizes, divergences."""
    for quality in assess(fit.draws):
        assert quality.r_hat < 1.02, quality
        assert quality.ess_bulk > 400, quality
        assert quality.ess_tail > 300, quality
    assert count_divergences(fit.idata) == 0


def errors_of(fit, name):
    """Monte Carlo errors of the mean and of the sd of one parameter."""
    table = xr.Dataset({"v": fit.draws[name]})
    return tuple(float(arviz_stats.mcse(table, method=method)["v"]) for method in ("mean", "sd"))


def assert_like(fit, name, mean, sd, mean_error, sd_error):
    own_mean, own_sd = errors_of(fit, name)
    draws = fit.parameters[name]
    assert abs(draws.mean() - mean) < Z * np.hypot(own_mean, mean_error), name
    assert abs(draws.std() - sd) < Z * np.hypot(own_sd, sd_error), name


def importance(log_density, start, seed=0, count=40_000):
    """Independent posterior summaries: mode, curvature there, Student proposals, weights.

    Returns `summary(function) -> (mean, sd, error of the mean, error of the sd)`.
    """
    found = optimize.minimize(lambda point: -log_density(point[None])[0], start, method="BFGS")
    k, h = len(start), 1e-4
    steps = np.eye(k) * h
    corners = [[log_density((found.x + s * a + t * b)[None])[0] for s, t in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
               for a in steps for b in steps]  # fmt: skip
    hessian = np.array([(pp - pm - mp + mm) / (4 * h * h) for pp, pm, mp, mm in corners]).reshape(k, k)
    proposal = stats.multivariate_t(found.x, np.linalg.inv(-hessian), df=7, seed=seed)
    points = proposal.rvs(count)
    log_weights = log_density(points) - proposal.logpdf(points)
    weights = special.softmax(log_weights)
    assert 1 / np.sum(weights**2) > 0.3 * count

    def summary(function):
        values = function(points)
        mean = weights @ values
        sd = np.sqrt(weights @ (values - mean) ** 2)
        mean_error = np.sqrt(np.sum((weights * (values - mean)) ** 2))
        sd_error = np.sqrt(np.sum((weights * ((values - mean) ** 2 - sd**2)) ** 2)) / (2 * sd)
        return mean, sd, mean_error, sd_error

    return summary


# --- exact and NUTS: a product, a category, a prior that speaks at a moderator's mean ---

MODERATED = """variables:
  x, w, y:
  g: {family: categorical, values: [a, b, c]}
arrows:
  x -> y: {moderated_by: [w]}
  g -> y:
priors:
  x -> y: {normal: [0.4, 0.2], scale: standardised, at: {w: mean}}
"""


@pytest.fixture(scope="module")
def moderated():
    rng = np.random.default_rng(21)
    n = 120
    x, w = rng.normal(3, 2, n), rng.normal(20, 4, n)
    g = np.array(list("abc"))[rng.integers(0, 3, n)]
    y = 5 + 0.6 * x + 0.2 * w + 0.1 * (x - 3) * (w - 20) + 1.5 * (g == "c") + rng.normal(0, 2, n)
    theory = mx.parse(MODERATED)
    return mx.compile(theory), mx.bind(theory, pd.DataFrame({"x": x, "w": w, "g": g, "y": y}))


@pytest.fixture(scope="module")
def both(moderated):
    plan, data = moderated
    exact = mx.sample(plan, data, seed=1, draws=5000, chains=4, engine="exact")
    nuts = mx.sample(plan, data, seed=2, draws=1000, chains=2, tune=1000, engine="nuts")
    return exact, nuts


def test_exact_and_nuts_agree_on_means_and_sds(both):
    exact, nuts = both
    assert_sampled(nuts)
    assert list(nuts.draws) == list(exact.draws)
    for name, draws in exact.parameters.items():
        assert_like(nuts, name, draws.mean(), draws.std(), *errors_of(exact, name))


def test_exact_and_nuts_agree_on_correlations(both):
    exact, nuts = (np.corrcoef(list(fit.parameters.values())) for fit in both)
    least = min(quality.ess_bulk for quality in assess(both[1].draws))
    upper = np.triu_indices_from(exact, 1)
    # Fisher's z has sd 1/√ess for both.
    apart = np.abs(np.arctanh(exact[upper]) - np.arctanh(nuts[upper]))
    assert apart.max() < Z * np.sqrt(1 / least + 1 / 20_000)


def test_nuts_says_how_it_ran(both):
    exact, nuts = both
    assert "sample_stats" not in exact.idata.children
    assert set(nuts.idata["sample_stats"].data_vars) == {"diverging", "depth"}
    assert nuts.shape == (2, 1000)
    assert nuts.blocks[0].engine == "nuts"
    assert "2 chains × 1000 draws (y by nuts)" in repr(nuts)


# --- NUTS and laplace: an equality across equations and a bounded prior that is not normal ---

JOINED = """arrows:
  x -> m:
  m, x -> y:
priors:
  x -> y: {same_as: x -> m}
  m -> y: {student: [4, 0, 0.3], above: 0}
  sigma(m): {same_as: sigma(y)}
"""


@pytest.fixture(scope="module", params=["nuts", "laplace"])
def joined(request):
    rng = np.random.default_rng(33)
    x = rng.normal(1, 1.5, 60)
    m = 0.5 * x + rng.normal(size=60)
    y = 0.4 * x + 0.3 * m + rng.normal(size=60)
    frame = pd.DataFrame({"x": x, "m": m, "y": y})
    theory = mx.parse(JOINED)
    return mx.fit(theory, frame, seed=3, draws=1000, chains=2, tune=1000, engine=request.param), frame


def test_an_equality_and_a_bound_against_importance_sampling(joined):
    fit, frame = joined
    assert_sampled(fit)
    x, m, y = (frame[name].to_numpy() for name in "xmy")
    sd = frame.std()

    def log_density(points):
        level_m, level_y, slope, log_b, log_s = points.T  # levels at the means of the causes
        b, s = np.exp(log_b), np.exp(log_s)
        mean_m = level_m[:, None] + slope[:, None] * (x - x.mean())
        mean_y = level_y[:, None] + slope[:, None] * (x - x.mean()) + b[:, None] * (m - m.mean())
        return (
            stats.norm.logpdf(m, mean_m, s[:, None]).sum(axis=1) + stats.norm.logpdf(y, mean_y, s[:, None]).sum(axis=1)
            + stats.norm.logpdf(level_m, m.mean(), 2.5 * sd.m) + stats.norm.logpdf(level_y, y.mean(), 2.5 * sd.y)
            + stats.norm.logpdf(slope, 0, 2.5 * sd.m / sd.x)
            + stats.t.logpdf(b, 4, 0, 0.3) + log_b + stats.expon.logpdf(s, scale=sd.y) + log_s
        )  # fmt: skip

    summary = importance(log_density, np.array([m.mean(), y.mean(), 0.4, -1.0, 0.0]))
    expected = {
        "x -> m": lambda p: p[:, 2],
        "x -> y": lambda p: p[:, 2],
        "m -> y": lambda p: np.exp(p[:, 3]),
        "1 -> m": lambda p: p[:, 0] - p[:, 2] * x.mean(),
        "1 -> y": lambda p: p[:, 1] - p[:, 2] * x.mean() - np.exp(p[:, 3]) * m.mean(),
        "sigma(m)": lambda p: np.exp(p[:, 4]),
        "sigma(y)": lambda p: np.exp(p[:, 4]),
    }
    assert set(expected) == set(fit.parameters)
    for name, function in expected.items():
        assert_like(fit, name, *summary(function))
    np.testing.assert_allclose(fit.parameters["x -> y"], fit.parameters["x -> m"], rtol=1e-12)
    np.testing.assert_array_equal(fit.parameters["sigma(y)"], fit.parameters["sigma(m)"])
    assert fit.parameters["m -> y"].min() > 0
    assert [block.responses for block in fit.blocks] == [("m", "y")]


# --- NUTS and laplace: a 0/1 outcome ---


@pytest.fixture(scope="module", params=["nuts", "laplace"])
def binary(request):
    rng = np.random.default_rng(44)
    x, z = rng.normal(10, 3, 90), np.arange(90) % 2
    eta = -0.3 + 0.3 * (x - 10) + 0.8 * z
    y = (rng.random(90) < special.expit(eta)).astype(int)
    frame = pd.DataFrame({"x": x, "z": z, "y": y})
    theory = mx.parse("variables:\n  x, z:\n  y: {family: bernoulli}\narrows:\n  x -> y: {moderated_by: [z]}\n")
    return mx.fit(theory, frame, seed=4, draws=1000, chains=2, tune=1000, engine=request.param), frame


def test_a_logit_outcome_against_importance_sampling(binary):
    fit, frame = binary
    assert_sampled(fit)
    x = (frame.x - frame.x.mean()).to_numpy() / frame.x.std()
    z = (frame.z - frame.z.mean()).to_numpy()
    design = np.column_stack([np.ones(90), x, x * z, z])
    sign = np.where(frame.y == 1, 1, -1)

    def log_density(points):
        likelihood = special.log_expit(sign * (points @ design.T)).sum(axis=1)
        return likelihood + stats.norm.logpdf(points, 0, 2.5).sum(axis=1)

    summary = importance(log_density, np.zeros(4))
    scale, centre, share = frame.x.std(), frame.x.mean(), frame.z.mean()
    expected = {
        "x * z -> y": lambda p: p[:, 2] / scale,
        "x -> y": lambda p: (p[:, 1] - p[:, 2] * share) / scale,
        "z -> y": lambda p: p[:, 3] - p[:, 2] * centre / scale,
        "1 -> y": lambda p: p[:, 0] - p[:, 1] * centre / scale - p[:, 3] * share + p[:, 2] * centre * share / scale,
    }
    assert set(expected) == set(fit.plan.equation("y").addresses)
    for name, function in expected.items():
        assert_like(fit, name, *summary(function))


def test_each_block_has_its_own_engine(frame):
    theory = mx.parse("variables:\n  x, y:\n  d: {family: bernoulli}\narrows:\n  x -> y:\n  x, y -> d:\n")
    fit = mx.fit(theory, frame, seed=4, draws=1000, chains=2)
    assert [(block.responses, block.engine) for block in fit.blocks] == [(("y",), "exact"), (("d",), "laplace")]
    assert list(fit.draws) == list(fit.plan.parameters)
    assert fit.shape == (2, 1000)


# --- who is chosen, and why ---


def bound(text, frame):
    theory = mx.parse(text)
    return mx.compile(theory), mx.bind(theory, frame)


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(1)
    return pd.DataFrame(rng.normal(size=(30, 4)), columns=list("xwmy")).assign(d=np.arange(30) % 2)


@pytest.mark.parametrize(
    ("priors", "responses", "engine", "words"),
    [
        ("", "m", "exact", ["independent draws", "complete data"]),
        ("x -> m: {student: [4, 0, 1]}", "m", "collapsed", ["the prior on x -> m is not a plain normal"]),
        ("x -> m: {normal: [0, 1], above: 0}", "m", "collapsed", ["the prior on x -> m is not a plain normal"]),
        ("x -> m: {fixed: 0}", "m", "exact", []),
        ("sigma(m): {half_normal: 1}", "m", "exact", []),
        ("x -> m: {same_as: m -> y}", "m, y", "collapsed", ["m shares a parameter with another equation"]),
        ("sigma(y): {same_as: sigma(m)}", "m, y", "collapsed", ["y shares a parameter with another equation"]),
        ("x -> y: {same_as: m -> y}", "y", "exact", []),
    ],
)
def test_explain_names_block_engine_and_reason(frame, priors, responses, engine, words):
    plan, data = bound("arrows:\n  x -> m -> y: \n  x -> y:\n" + (f"priors:\n  {priors}\n" if priors else ""), frame)
    shown = mx.explain(plan, data)
    block = next(block for block in shown.blocks if ", ".join(block.responses) == responses)
    assert block.engine == engine
    assert "Inference plan for 30 rows" in repr(shown)
    assert f"{responses} by {engine}: {block.reason}" in repr(shown)
    for word in words:
        assert word in block.reason
    assert all(block.engine == "nuts" for block in mx.explain(plan, data, engine="nuts").blocks)
    if engine != "exact":
        with pytest.raises(FitError, match=r"engine exact does not apply: .*engine='auto' or 'nuts' fits it"):
            mx.sample(plan, data, engine="exact")
    for address in plan.parameters:
        assert f"  {address} " in repr(shown)


def test_a_link_is_nothing_for_exact(frame):
    plan, data = bound("variables:\n  x:\n  d: {family: bernoulli}\narrows:\n  x -> d:\n", frame)
    assert "d is bernoulli, not normal" in repr(mx.explain(plan, data))
    with pytest.raises(FitError, match="engine exact does not apply: d is bernoulli"):
        mx.sample(plan, data, engine="exact")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"engine": "exakt"},
            "no engine 'exakt'; there are auto, exact, collapsed, laplace and nuts. Did you mean 'exact'",
        ),
        ({"engine": None}, "no engine 'None'"),
        ({"draws": 0}, "draws must be a whole number of at least 1, not 0"),
        ({"draws": True}, "draws must be a whole number"),
        ({"chains": 1.5}, "chains must be a whole number of at least 1, not 1.5"),
        ({"tune": -1}, "tune must be a whole number of at least 0, not -1"),
        ({"seed": -1}, "seed must be a whole number of at least 0, not -1"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": "a"}, "seed must be a whole number"),
    ],
)
def test_options_that_make_no_sense_are_refused(frame, options, words):
    with pytest.raises(FitError, match=words):
        mx.sample(*bound("arrows:\n  x -> y:\n", frame), **options)


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("arrows:\n  x -> y:\n", "arrows:\n  x, w -> y:\n", "bound to another theory: they have no w"),
        (
            "arrows:\n  d -> y:\n",
            "variables:\n  y:\n  d: {family: categorical, values: [0, 1]}\narrows:\n  d -> y:\n",
            "'d' was bound as numbers, but this theory needs d=1",
        ),
        (
            "variables:\n  y:\n  d: {family: categorical, values: [0, 1]}\narrows:\n  d -> y:\n",
            "arrows:\n  d -> y:\n",
            "'d' was bound as the categories 0 and 1, but this theory needs d",
        ),
        (
            "arrows:\n  x -> y:\n",
            "variables:\n  x:\n  y: {family: bernoulli}\narrows:\n  x -> y:\n",
            "'y' is bernoulli here, but was bound to a theory where it is not",
        ),
        (
            "variables:\n  x:\n  d: {family: categorical, values: [0, 1]}\narrows:\n  d -> x:\n",
            "variables:\n  x:\n  d: {family: bernoulli}\narrows:\n  x -> d:\n",
            "'d' holds categories, but its equation is bernoulli",
        ),
    ],
)
def test_data_of_another_theory_are_refused(frame, one, other, words):
    _, data = bound(one, frame)
    plan = mx.compile(mx.parse(other))
    for ask in (mx.sample, mx.explain):
        with pytest.raises(DataError, match=words):
            ask(plan, data)


# --- stated parameters ---

STATED = {"1 -> y": 1.0, "x -> y": 0.5, "sigma(y)": 2.0}


def test_pin_makes_a_fit_of_one_draw(frame):
    fit = mx.pin(*bound("arrows:\n  x -> y:\n", frame), STATED)
    assert fit.shape == (1, 1)
    assert {name: float(value[0]) for name, value in fit.parameters.items()} == STATED


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x -> yy": 1.0}, "no parameter 'x -> yy'. Did you mean 'x -> y'"),
        ({"sigma(y)": 0.0}, r"sigma\(y\) is a residual sd and must be above 0, not 0"),
        ({"sigma(y)": float("nan")}, r"the value of sigma\(y\) is nan, not a number"),
    ],
)
def test_pin_refuses_what_cannot_be(frame, change, words):
    with pytest.raises(FitError, match=words):
        mx.pin(*bound("arrows:\n  x -> y:\n", frame), STATED | change)


def test_pin_wants_every_parameter(frame):
    with pytest.raises(FitError, match=r"no value is given for x -> y and sigma\(y\)"):
        mx.pin(*bound("arrows:\n  x -> y:\n", frame), {"1 -> y": 0.0})


def test_an_exogenous_variable_with_gaps_is_modelled_given_the_others_where_it_has_a_family():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(30, 4)), columns=["x", "w", "m", "y"])
    frame.loc[3, "x"] = np.nan
    theory = mx.parse("variables: {x: {family: normal}, w: , m: , y: }\narrows:\n  x -> m -> y:\n  x, w -> y:\n")
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    found = mx.explain(plan, data)
    assert found.blocks[0].responses == ("x", "m", "y")
    assert str(found.blocks[0].equations[0]) == "x = b0 + b·w,  residual sd sigma(x)"
    complete = mx.bind(theory, frame.fillna(0.0))
    assert [block.responses for block in mx.explain(plan, complete).blocks] == [("m",), ("y",)]
    with pytest.raises(DataError, match=r"w .*family"):
        frame.loc[4, "w"] = np.nan
        mx.bind(theory, frame)
