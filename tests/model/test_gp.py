"""Gaussian processes by sine waves and S-curves: their columns, what is believed of them, and the model's density."""

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from pytensor.compile.mode import Mode
from scipy import stats

import mechanisms as mx
from mechanisms.data.bases import BOUNDARY, make_basis
from mechanisms.data.dataset import ColumnView, readable
from mechanisms.errors import DataError, FitError
from mechanisms.infer.diagnostics import worst
from mechanisms.model.beliefs import Belief
from mechanisms.model.completing import complete_plan
from mechanisms.model.courses import predict
from mechanisms.model.curve_priors import find_reach, scale_wave
from mechanisms.model.families import inverse_link
from mechanisms.model.predictor import bend_s, linear_predictor
from mechanisms.model.priors import state_beliefs
from mechanisms.model.setting import Setting
from mechanisms.model.symbolic import to_pymc
from mechanisms.spec.theory import Shape

CHEAP = Mode(linker="py", optimizer=None)
WAVES = range(1, 21)
TRAITS = ("amplitude(x -> y)", "lengthscale(x -> y)")


def frame(seed=1, n=60):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 5, n)
    return pd.DataFrame({"x": x, "w": rng.normal(2, 1, n), "y": np.sin(x) + rng.normal(0, 0.3, n)})


def bound(shape="gp", more="", priors="", data=None):
    theory = mx.parse(f"arrows:\n  x -> y: {{shape: {shape}{more}}}\n{priors}")
    return mx.compile(theory), mx.bind(theory, frame() if data is None else data)


def waves(x, low, high):
    """The waves written out: half width 3.2 half ranges about the middle, less what they are at 0."""
    middle, half = (low + high) / 2, 3.2 * (high - low) / 2

    def at(values):
        u = np.clip((np.asarray(values, dtype=float) - middle) / half, -1, 1)
        return np.stack([np.sin(np.pi * j * (u + 1) / 2) for j in WAVES], axis=-1)

    return at(x) - at(0.0), half


# --- waves ---


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_waves_are_the_process(share):
    """Their covariance is the squared exponential's, of differences from the curve at 0, at every lengthscale allowed.

    Four kernels make up the covariance of two differences, each right to 0.006.
    """
    x = np.linspace(-3, 5, 41)
    basis = make_basis("x", Shape(kind="gp"), x)
    low, high = find_reach(basis)
    assert (low, high) == pytest.approx((0.28 * 4, 1.0 * 4))
    lengthscale = low + share * (high - low)
    arguments = np.array([(j * np.pi / (2 * basis.width), basis.width) for j in WAVES]).T
    columns = np.stack([basis.column(j, x) for j in WAVES], axis=1) * scale_wave(arguments, 1.5, lengthscale)

    def kernel(one, other):
        return 1.5**2 * np.exp(-((one[:, None] - other) ** 2) / (2 * lengthscale**2))

    zero = np.zeros(1)
    exact = kernel(x, x) - kernel(x, zero) - kernel(zero, x) + kernel(zero, zero)
    assert np.abs(columns @ columns.T - exact).max() < 4 * 0.006 * 1.5**2


def test_waves_end_where_their_interval_ends_and_are_0_at_0():
    x = np.linspace(2, 6, 9)
    basis = make_basis("x", Shape(kind="gp"), x)
    assert basis.width == pytest.approx(BOUNDARY * 2)
    at = np.array([-50.0, -3.0, 0.0, 2.5, 6.0, 11.0, 90.0])
    written, _ = waves(at, 2, 6)
    tensor = pt.dvector()
    for j in WAVES:
        np.testing.assert_allclose(basis.column(j, at), written[:, j - 1], atol=1e-12)
        assert basis.column(j, np.float64(0.0)) == 0
        run = pytensor.function([tensor], basis.column(j, tensor), mode=CHEAP)
        np.testing.assert_allclose(run(at), written[:, j - 1], atol=1e-12)
    far = [float(basis.column(j, np.float64(1e3)) - basis.column(j, np.float64(1e4))) for j in WAVES]
    assert far == pytest.approx([0.0] * 20, abs=1e-12)  # beyond, the curve is at its own mean


@pytest.mark.parametrize("more", ["", ", moderated_by: w"])
def test_the_density_of_a_gp_is_the_one_written_out(more):
    """Waves times heights made here, heights with their sds by the spectral density, every prior by SciPy.

    Of a moderated one the density of the parameters and the linear predictor: Python adds no more than 32 terms at once.
    """
    plan, data = bound(more=more)
    model = to_pymc(plan, data)
    inner = model.replace_rvs_by_values([model["coefficients(y)"]])
    outputs = [model.logp(model.free_RVs if more else None), *inner]
    density = pytensor.function(model.value_vars, outputs, mode=CHEAP, on_unused_input="ignore")
    view = ColumnView(data)
    rng = np.random.default_rng(3)
    x, y, w = (data.numbers(name).values if name in data else None for name in "xyw")
    columns, half = waves(x, x.min(), x.max())
    sd, mean = y.std(ddof=1), y.mean()
    low, high = 1.75 * half / 20, half / 3.2
    unit = {"x -> y": sd, "x * w -> y": sd / w.std(ddof=1) if more else 0.0}

    def bounded(t):
        return low + (high - low) / (1 + np.exp(-t)), np.log(high - low) - np.log1p(np.exp(-t)) - np.log1p(np.exp(t))

    for _ in range(3):
        point = {name: rng.normal(size=np.shape(v)) * 0.3 + v for name, v in model.initial_point().items()}
        expected, eta = 0.0, 0.0
        for text in ("x -> y", "x * w -> y") if more else ("x -> y",):
            amplitude = np.exp(point[f"amplitude({text})_log__"])
            lengthscale, jacobian = bounded(point[f"lengthscale({text})_interval__"])
            prior = stats.lognorm(0.5, scale=np.sqrt(low * high))
            expected += prior.logpdf(lengthscale) - np.log(prior.cdf(high) - prior.cdf(low)) + jacobian
            expected += stats.expon.logpdf(amplitude, scale=unit[text]) + np.log(amplitude)
            z = point[f"z({text})"]
            expected += stats.norm.logpdf(z).sum()
            frequency = np.arange(1, 21) * np.pi / (2 * half)
            spectrum = amplitude**2 * np.sqrt(2 * np.pi) * lengthscale * np.exp(-((frequency * lengthscale) ** 2) / 2)
            curve = columns @ (z * np.sqrt(spectrum / half))
            curve -= curve.mean()  # the intercept and the slope of w are those at the means
            eta = eta + curve * ((w - w.mean()) if "w" in text else 1.0)
        z = point["z(y)"]
        expected += stats.norm.logpdf(z).sum()
        eta = eta + mean + 2.5 * sd * z[0]
        if more:
            eta = eta + 2.5 * sd / w.std(ddof=1) * z[1] * (w - w.mean())
        sigma = np.exp(point["sigma(y)_log__"])
        expected += stats.expon.logpdf(sigma, scale=sd) + np.log(sigma)
        if not more:
            expected += stats.norm.logpdf(y, eta, sigma).sum()
        found, coefficients = density(*(point[each.name] for each in model.value_vars))
        assert float(found) == pytest.approx(float(expected), rel=1e-8)
        named = dict(zip(plan.equation("y").addresses, coefficients, strict=True))
        np.testing.assert_allclose(linear_predictor(plan.equation("y"), named, view), eta, rtol=1e-8, atol=1e-8)


# --- S-curves ---


def test_an_s_curve_is_a_logistic_function_less_what_it_is_at_0():
    x = np.linspace(-4, 9, 27)
    expected = stats.logistic.cdf((x - 3) / 0.7) - stats.logistic.cdf(-3 / 0.7)
    np.testing.assert_allclose(bend_s(x, 3.0, 0.7), expected, atol=1e-12)
    tensor = pt.dvector()
    run = pytensor.function([tensor], bend_s(tensor, 3.0, 0.7), mode=CHEAP)
    np.testing.assert_allclose(run(x), expected, atol=1e-12)


@pytest.mark.parametrize("more", ["", ", moderated_by: w"])
def test_the_density_of_an_s_curve_is_the_one_written_out(more):
    """One midpoint and one width, whatever moderates the climb."""
    plan, data = bound("logistic", more)
    assert plan.equation("y").traits == ("midpoint(x -> y)", "width(x -> y)")
    model = to_pymc(plan, data)
    density = model.compile_logp(mode=CHEAP)
    beliefs = state_beliefs(plan, plan.equation("y"), data)
    rng = np.random.default_rng(5)
    x, y, w = (data.numbers(name).values if name in data else None for name in "xyw")
    for _ in range(3):
        point = {name: rng.normal(size=np.shape(v)) * 0.3 + v for name, v in model.initial_point().items()}
        raw = dict(zip(plan.equation("y").addresses, beliefs.matrix @ point["z(y)"] + beliefs.offset, strict=True))
        midpoint, width = point["midpoint(x -> y)"], np.exp(point["width(x -> y)_log__"])
        share = stats.logistic.cdf((x - midpoint) / width) - stats.logistic.cdf(-midpoint / width)
        eta = raw["1 -> y"] + raw["x -> y"] * share
        if more:
            eta = eta + raw["w -> y"] * w + raw["x * w -> y"] * share * w
        sigma, sd = np.exp(point["sigma(y)_log__"]), x.std(ddof=1)
        expected = stats.norm.logpdf(point["z(y)"]).sum() + stats.norm.logpdf(y, eta, sigma).sum()
        expected += stats.expon.logpdf(sigma, scale=y.std(ddof=1)) + np.log(sigma)
        expected += stats.norm.logpdf(midpoint, x.mean(), sd)
        expected += stats.lognorm.logpdf(width, 0.7, scale=sd / 2) + np.log(width)
        assert float(density(point)) == pytest.approx(float(expected), rel=1e-8)


def test_the_climb_is_believed_in_as_the_height_of_a_spline():
    """The prior of the climb is 2.5 sds of y wide, whatever x is measured in."""
    plan, data = bound("logistic")
    beliefs = state_beliefs(plan, plan.equation("y"), data)
    assert np.linalg.norm(beliefs.matrix[1]) == pytest.approx(2.5 * data.numbers("y").sd)


# --- with levels ---

LEVELS = """
levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }
time: session
variables: {x: {family: normal}, y: , w: {level: client}}
arrows:
  x(t-1) -> y: {SHAPE}
  session -> y: {shape: logistic}
"""


@pytest.mark.parametrize("shape", ["shape: gp", "shape: logistic, moderated_by: w"])
def test_tensors_and_numbers_read_the_same_curves_over_time(shape):
    """Curves of unknown values at the occasion before, too: the density is that of what NumPy predicts from the same point."""
    rng = np.random.default_rng(5)
    rows = [(c, t, 4.0 * c, rng.normal(0, 1), rng.normal(20, 5)) for c in range(5) for t in range(2 + c % 3)]
    data = pd.DataFrame(rows, columns=["client", "session", "w", "x", "y"])
    data.loc[[3, 9], "x"] = np.nan
    theory = mx.parse(LEVELS.replace("SHAPE", shape))
    bound_data = mx.bind(theory, data)
    plan = complete_plan(mx.compile(theory), bound_data)
    model = to_pymc(plan, bound_data)
    wanted = [*model.free_RVs, *model.deterministics]
    density = model.logp([model["y"]], sum=False)
    outputs = [*model.replace_rvs_by_values(wanted), *density]
    run = pytensor.function(model.value_vars, outputs, mode=CHEAP, on_unused_input="ignore")
    point = {name: value + rng.normal(0, 0.3, np.shape(value)) for name, value in model.initial_point().items()}
    values = run(*(point[each.name] for each in model.value_vars))
    found = dict(zip([*(each.name for each in wanted), "logp"], values, strict=True))
    equation = plan.equation("y")
    parameters = {name: value for name, value in found.items() if np.ndim(value) == 0}
    for each in plan.equations:
        parameters |= dict(zip(each.addresses, found[f"coefficients({each.response})"], strict=True))
    deviations = {(name, "client"): found["deviations(client)"][k] for k, name in enumerate(plan.varying[0].quantities)}
    known = {column.name: readable(column) for column in bound_data.columns}
    x = bound_data.numbers("x")
    known["x"] = known["x"].copy()
    known["x"][x.missing] = x.mean + x.sd * found["missing(x)"]
    eta = predict(Setting(plan, bound_data, parameters, deviations, known, inverse_link, sought=True), equation)
    first = data["session"].to_numpy() == 0
    sigma = (
        np.where(first, parameters["sigma(y | first)"], parameters["sigma(y)"])
        if equation.initial
        else parameters["sigma(y)"]
    )
    np.testing.assert_allclose(found["logp"], stats.norm.logpdf(bound_data.numbers("y").values, eta, sigma), rtol=1e-8)
    without = dict(parameters, **{trait: 2.0 for trait in equation.traits if trait.startswith("midpoint")})
    moved = predict(Setting(plan, bound_data, without, deviations, known, inverse_link, sought=True), equation)
    assert np.abs(moved - eta).max() > 1e-3  # the midpoint of the sessions' S-curve is looked at


# --- priors ---


def test_priors_of_a_theory():
    priors = "priors:\n  amplitude(x -> y): {half_normal: 2}\n  lengthscale(x -> y): {lognormal: [1, 0.5], above: 2}\n"
    plan, data = bound(priors=priors)
    traits = state_beliefs(plan, plan.equation("y"), data).traits
    _, high = find_reach(data.bases["x~gp"])
    assert traits["amplitude(x -> y)"] == Belief("half_normal", (2.0,), above=0.0, own=True)
    assert traits["lengthscale(x -> y)"] == Belief("lognormal", (1.0, 0.5), above=2.0, below=high, own=True)
    assert "half_normal(2)" in str(mx.explain(plan, data))


def test_fixed_traits_are_no_unknowns():
    plan, data = bound(priors="priors: {amplitude(x -> y): {fixed: 1}, lengthscale(x -> y): {fixed: 2}}")
    assert [each.name for each in to_pymc(plan, data).free_RVs] == ["z(y)", "z(x -> y)", "sigma(y)"]


@pytest.mark.parametrize("said", ["{fixed: 0.5}", "{fixed: 40}", "{half_normal: 1, above: 30}"])
def test_a_lengthscale_that_the_waves_cannot_follow_is_refused(said):
    plan, data = bound(priors=f"priors: {{lengthscale(x -> y): {said}}}")
    with pytest.raises(DataError, match=r"20 waves follow lengthscales from 1\.\d+ to 3\.\d+"):
        state_beliefs(plan, plan.equation("y"), data)


def test_engines_that_need_fixed_curves_say_why_they_do_not_apply():
    plan, data = bound("logistic")
    assert "midpoint(x -> y) and width(x -> y) are sought with the curve" in mx.explain(plan, data).blocks[0].reason
    for engine in ("exact", "laplace", "collapsed"):
        with pytest.raises(FitError, match="sought with the curve"):
            mx.explain(*bound(), engine=engine)


def test_few_values_carry_no_curve():
    with pytest.raises(DataError, match="needs 4 different values of x, which has 3: leave out shape"):
        bound("logistic", data=frame().assign(x=[1.0, 2.0, 3.0] * 20))


# --- stated parameters ---


def test_curves_are_simulated_by_what_is_stated():
    """Of a gp the heights alone; of an S-curve the climb, its middle and its width."""
    theory = mx.parse("arrows:\n  x -> y: {shape: gp}\n  w -> y: {shape: logistic}\n")
    plan, data = mx.compile(theory), mx.bind(theory, frame())
    numbers = {f"x[{j}] -> y": 0.5 * (-0.7) ** j for j in WAVES} | {"1 -> y": 1.0, "sigma(y)": 1e-9}
    s_curve = {"w -> y": 2.0, "midpoint(w -> y)": 1.5, "width(w -> y)": 0.3}
    made = mx.simulate(plan, data, numbers | s_curve, seed=1)
    x, w = (data.numbers(name).values for name in "xw")
    columns, _ = waves(x, x.min(), x.max())
    share = stats.logistic.cdf((w - 1.5) / 0.3) - stats.logistic.cdf(-5)
    expected = 1 + columns @ [numbers[f"x[{j}] -> y"] for j in WAVES] + 2 * share
    np.testing.assert_allclose(made["y"], expected, atol=1e-6)
    with pytest.raises(FitError, match=r"no value is given for midpoint\(w -> y\)"):
        mx.simulate(plan, data, {k: v for k, v in (numbers | s_curve).items() if "midpoint" not in k}, seed=1)
    with pytest.raises(FitError, match=r"width\(w -> y\) is above 0, not -1"):
        mx.simulate(plan, data, numbers | s_curve | {"width(w -> y)": -1}, seed=1)


# --- recovery ---


@pytest.mark.slow
def test_a_gp_finds_a_wave_and_a_logistic_its_midpoint():
    """300 rows, sin and an S, 2 chains of 500: the curve within 4 posterior sds at ten places, midpoint and width within 4."""
    rng = np.random.default_rng(2)
    x, z = rng.uniform(0, 10, 300), rng.uniform(0, 10, 300)
    y = np.sin(x) + 3 * stats.logistic.cdf((z - 6) / 0.8) + rng.normal(0, 0.4, 300)
    theory = mx.parse("arrows:\n  x -> y: {shape: gp}\n  z -> y: {shape: logistic}\n")
    fit = mx.fit(theory, pd.DataFrame({"x": x, "z": z, "y": y}), seed=1, draws=500, chains=2)
    assert int(fit.idata["sample_stats"]["diverging"].sum()) <= 3
    basis, at = fit.data.bases["x~gp"], np.linspace(0.5, 9.5, 10)
    draws = sum(fit.draws[f"x[{j}] -> y"] * xr.DataArray(basis.column(j, at), dims="at") for j in WAVES)
    draws = draws - draws.mean("at")
    r_hat, ess = worst(xr.Dataset({str(place): draws.isel(at=place) for place in range(len(at))}))
    assert r_hat < 1.01
    assert ess > 300
    assert worst(fit.draws)[0] < 1.05  # amplitude and lengthscale go more slowly than the curve that they stand behind
    height = np.asarray(draws.stack(sample=("chain", "draw"))).T
    truth = np.sin(at) - np.sin(at).mean()
    assert (np.abs(height.mean(axis=0) - truth) < 4 * height.std(axis=0)).all()
    for address, value in {"z -> y": 3.0, "midpoint(z -> y)": 6.0, "width(z -> y)": 0.8, "sigma(y)": 0.4}.items():
        assert abs(fit.parameters[address].mean() - value) < 4 * fit.parameters[address].std(), address
