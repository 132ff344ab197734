"""Monotonic and gp curves that differ among units: their densities written out, and what both interpreters make of them.

A unit's climb has its own height and the others' shares (Bürkner & Charpentier 2020); a unit's gp departs from the common
one by a process of its own with the same lengthscale (model GS of Pedersen et al. 2019).
"""

import re

import numpy as np
import pandas as pd
import pytensor
import pytest
from pytensor.compile.mode import Mode
from scipy import special, stats

import mechanisms as mx
from mechanisms.errors import DataError, FitError, SpecError
from mechanisms.model.completing import complete_plan
from mechanisms.model.deviations import state_deviations
from mechanisms.model.plan import compile as compile_plan
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")
STAGES = ("a", "b", "c", "d")
WAVES = range(1, 21)
TEXT = """
levels: {session: {in: client, occasions: [0, 1, 2, 3, 4]}, client: }
time: session
variables:
  stage: {family: ordinal, values: [a, b, c, d]}
  x:
  y:
arrows:
  CAUSE -> y: {shape: SHAPE, varies_by: client}
  session -> y: {varies_by: client}
"""
MONOTONIC = TEXT.replace("CAUSE", "stage").replace("SHAPE", "monotonic")
GP = TEXT.replace("CAUSE", "x(whole)").replace("SHAPE", "gp")


def diary(shift=0.0):
    rng = np.random.default_rng(5)
    rows = [
        (c, t, STAGES[rng.integers(4)], rng.normal(shift, 1.5), rng.normal(20, 5))
        for c in range(8)
        for t in range(3 + c % 3)
    ]
    return pd.DataFrame(rows, columns=["client", "session", "stage", "x", "y"])


def bound(text, priors="", data=None):
    theory = mx.parse(text + priors)
    return mx.compile(theory), mx.bind(theory, diary() if data is None else data)


def waves(x):
    """The waves written out: half width 3.2 half ranges about the middle of the data, less what they are at 0."""
    seen = diary()["x"]
    middle, half = (seen.min() + seen.max()) / 2, 3.2 * (seen.max() - seen.min()) / 2

    def at(values):
        u = np.clip((np.asarray(values, dtype=float) - middle) / half, -1, 1)
        return np.stack([np.sin(np.pi * j * (u + 1) / 2) for j in WAVES], axis=-1)

    return at(x) - at(0.0), half


def sds_of(half, sd, lengthscale):
    """The sds of heights: the root of the spectral density of a squared exponential over the half width."""
    frequency = np.arange(1, 21) * np.pi / (2 * half)
    return np.sqrt(sd**2 * np.sqrt(2 * np.pi) * lengthscale * np.exp(-((frequency * lengthscale) ** 2) / 2) / half)


def evaluate(model, seed=1):
    """Everything in a model at a random point: values by name, the density of the observed by row, of all else in all."""
    wanted = [*model.free_RVs, *model.deterministics]
    inside = [model.logp(vars=[*model.free_RVs, *model.potentials], sum=True)]
    outputs = [*model.replace_rvs_by_values(wanted), *model.logp([model["y"]], sum=False), *inside]
    run = pytensor.function(model.value_vars, outputs, mode=CHEAP, on_unused_input="ignore")
    rng = np.random.default_rng(seed)
    point = {name: value + rng.normal(0, 0.3, np.shape(value)) for name, value in model.initial_point().items()}
    names = [*(each.name for each in wanted), "logp", "prior"]
    found = dict(zip(names, run(*(point[each.name] for each in model.value_vars)), strict=True))
    b = dict(zip(model.coords["terms(y)"], found["coefficients(y)"], strict=True))
    u = dict(zip(model.coords["quantities(client)"], found["deviations(client)"], strict=True))
    return found, point, b, u


def of_sds(found, point, data, plan):
    """The log density of the sds on their log scales: exponential, with the default means."""
    (each,) = state_deviations(plan, data)
    beliefs = dict(zip(each.varying.spreads, each.spreads, strict=True))
    scales = {name: 1 / belief.arguments[0] for name, belief in beliefs.items()}
    scales["sigma(y)"] = data.numbers("y").sd
    return sum(stats.expon.logpdf(found[name], scale=scale) + np.log(found[name]) for name, scale in scales.items())


def of_roots(point, quantities):
    """The LKJ(1) density of the entries of the root of so many quantities that are correlated, rows one after another."""
    v, begin, total = point["v(client)"], 0, 0.0
    for row in range(1, quantities):
        total -= 0.5 * (quantities + 1) * np.log1p(np.square(v[begin : begin + row]).sum())
        begin += row
    assert begin == len(v)
    return total


def test_a_climb_of_its_own_has_the_shares_of_all():
    plan, data = bound(MONOTONIC)
    (varying,) = plan.varying
    assert varying.quantities == ("1 -> y", "stage -> y", "session -> y")
    assert not varying.joined
    found, point, b, u = evaluate(to_pymc(plan, data))
    shares = special.softmax(
        np.append(point["shares(stage -> y)_simplex__"], -point["shares(stage -> y)_simplex__"].sum())
    )
    average = found["average step(stage -> y)"]
    climbs = np.append(0, np.cumsum(3 * shares))
    expected = []
    for _, (client, session, stage, _, y) in diary().iterrows():
        own = average + u["stage -> y"][client]
        eta = b["1 -> y"] + u["1 -> y"][client] + (b["session -> y"] + u["session -> y"][client]) * session
        expected.append(stats.norm.logpdf(y, eta + own * climbs[STAGES.index(stage)], found["sigma(y)"]))
    np.testing.assert_allclose(found["logp"], expected, rtol=1e-8)
    within = np.sqrt(sum((g - g.mean()).pow(2).sum() for _, g in diary().groupby("client")["y"]) / (len(diary()) - 8))
    prior = stats.norm.logpdf(point["z(y)"]).sum() + stats.norm.logpdf(point["z(client)"]).sum()
    prior += stats.norm.logpdf(average, 0, 2.5 * within / 3) + of_sds(found, point, data, plan) + of_roots(point, 3)
    prior += np.log(2.0) + np.log(3 * shares.prod())  # Dirichlet(1, 1, 1), and the simplex's Jacobian
    assert float(found["prior"]) == pytest.approx(float(prior), rel=1e-8)


def test_a_gp_of_its_own_has_the_lengthscale_of_all():
    plan, data = bound(GP)
    (varying,) = plan.varying
    names = [f"x(whole)[{j}] -> y" for j in WAVES]
    assert varying.quantities == ("1 -> y", *names, "session -> y")
    assert varying.sds == ("sd(1 -> y | client)", "sd(x(whole) -> y | client)", "sd(session -> y | client)")
    assert not varying.are_joined("1 -> y", "session -> y")
    assert all(varying.are_joined(name, other) for name in names for other in varying.quantities if name != other)
    found, point, b, u = evaluate(to_pymc(plan, data))
    columns, half = waves(diary()["x"])
    lengthscale = found["lengthscale(x(whole) -> y)"]
    sds = sds_of(half, found["sd(x(whole) -> y | client)"], lengthscale)
    heights = sds[:, None] * point["z(client)"][1:21]
    np.testing.assert_allclose([u[name] for name in names], heights, rtol=1e-10)
    expected = []
    for row, (client, session, _, _, y) in diary().iterrows():
        own = np.array([b[name] for name in names]) + heights[:, client]
        eta = b["1 -> y"] + u["1 -> y"][client] + (b["session -> y"] + u["session -> y"][client]) * session
        expected.append(stats.norm.logpdf(y, eta + columns[row] @ own, found["sigma(y)"]))
    np.testing.assert_allclose(found["logp"], expected, rtol=1e-8)
    correlations = found["cor(client)"]
    assert correlations[0, 21] != 0
    assert np.abs(correlations[1:21] - np.eye(22)[1:21]).max() == 0
    low, high = 1.75 * half / 20, half / 3.2
    believed = stats.lognorm(0.5, scale=np.sqrt(low * high))
    share = (lengthscale - low) / (high - low)
    prior = believed.logpdf(lengthscale) - np.log(believed.cdf(high) - believed.cdf(low))
    prior += np.log(high - low) + np.log(share) + np.log1p(-share)
    amplitude = found["amplitude(x(whole) -> y)"]
    within = np.sqrt(sum((g - g.mean()).pow(2).sum() for _, g in diary().groupby("client")["y"]) / (len(diary()) - 8))
    prior += stats.expon.logpdf(amplitude, scale=within) + np.log(amplitude)
    prior += sum(stats.norm.logpdf(point[name]).sum() for name in ("z(y)", "z(client)", "z(x(whole) -> y)"))
    prior += of_sds(found, point, data, plan) + of_roots(point, 2)  # waves change nothing for those that are correlated
    assert float(found["prior"]) == pytest.approx(float(prior), rel=1e-8)


def test_default_sds_are_a_standardised_unit_of_the_whole_curve():
    """Of a climb an sd of the effect from the lowest value to the highest; of a gp an sd of the effect."""
    within = np.sqrt(sum((g - g.mean()).pow(2).sum() for _, g in diary().groupby("client")["y"]) / (len(diary()) - 8))
    for text, address, expected in (
        (MONOTONIC, "sd(stage -> y | client)", within / 3),
        (GP, "sd(x(whole) -> y | client)", within),
    ):
        plan, data = bound(text)
        (each,) = state_deviations(plan, data)
        belief = dict(zip(each.varying.spreads, each.spreads, strict=True))[address]
        assert 1 / belief.arguments[0] == pytest.approx(expected)
        own, _ = bound(text, f"priors: {{{address}: {{half_normal: 0.7}}}}")
        (each,) = state_deviations(own, data)
        assert dict(zip(each.varying.spreads, each.spreads, strict=True))[address].arguments == (0.7,)


def test_explain_says_the_prior_of_correlations_as_it_is():
    plan, data = bound(GP)
    printed = str(mx.explain(plan, data))
    assert "lkj(1)" in printed
    assert "where an arrow joins" not in printed
    assert printed.count("sd(x(whole) -> y | client)") == 1
    assert (
        "vary by client, correlated except where an arrow joins them: 1 -> y; session -> y; by themselves the curves"
        in str(plan)
    )


def test_a_sampler_never_begins_where_a_climb_is_0():
    """0 does not say how it is shared: the density would be no number there."""
    for priors in ("", "priors: {stage -> y: {normal: [0, 1], above: -0.01, below: 0.01}}"):
        model = to_pymc(*bound(MONOTONIC, priors))
        assert np.isfinite(model.compile_logp(mode=CHEAP)(model.initial_point()))


@pytest.mark.parametrize("text", [MONOTONIC, GP])
def test_engines_that_need_fixed_curves_say_why_they_do_not_apply(text):
    plan, data = bound(text)
    assert mx.explain(plan, data).blocks[0].engine == "nuts"
    for engine in ("exact", "laplace", "collapsed"):
        with pytest.raises(FitError, match="does not apply"):
            mx.explain(plan, data, engine=engine)


def test_an_exogenous_variable_with_gaps_leaves_processes_what_they_are():
    """What completes it has an intercept among the units as well; the waves share their sd all the same."""
    text = GP.replace("  y:\n", "  w: {family: normal}\n  y:\n") + "  w(whole) -> y:\n"
    frame = diary()
    frame["w"] = np.where(frame.index % 7 == 3, np.nan, np.sin(frame.index))
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    completed = complete_plan(plan, data)
    (varying,) = completed.varying
    assert varying.sds == (*plan.varying[0].sds, "sd(1 -> w | client)")
    found, point, _, u = evaluate(to_pymc(plan, data))
    sds = sds_of(waves(0.0)[1], found["sd(x(whole) -> y | client)"], found["lengthscale(x(whole) -> y)"])
    loose = [k for k, centred in enumerate(state_deviations(completed, data)[0].centred) if not centred]
    heights = [u[f"x(whole)[{j}] -> y"] / point["z(client)"][loose.index(j)] for j in WAVES]
    np.testing.assert_allclose(heights, np.tile(sds[:, None], 8), rtol=1e-8)


# --- what is refused ---


def test_gps_that_differ_about_a_place_outside_the_data_are_refused():
    plan, data = bound(GP, data=diary(shift=50.0))
    with pytest.raises(DataError, match="differ among clients about x = 0, but x runs from 4"):
        state_deviations(plan, data)


@pytest.mark.parametrize("shape", ["gp", "{spline: 2}", "{piecewise: [0]}"])
def test_a_curve_of_several_numbers_is_no_variable(shape):
    text = TEXT.replace("CAUSE", "x(whole)").replace("SHAPE", shape)
    text = text.replace("  y:\n", "  y:\n  z: {level: client}\n  own: {is: x(whole) -> y, level: client}\n")
    with pytest.raises(SpecError, match=r"own: x\(whole\) -> y is a curve of several numbers"):
        compile_plan(mx.parse(f"{text}  own -> z:\n"))


@pytest.mark.parametrize(("text", "cause"), [(GP, "x(whole)"), (MONOTONIC, "stage")])
def test_an_sd_is_said_of_the_whole_curve(text, cause):
    with pytest.raises(SpecError, match=rf"It is said of a whole curve: sd\({re.escape(cause)} -> y \| client\)"):
        bound(text, f"priors:\n  sd({cause}[1] -> y | client): {{half_normal: 1}}\n")


@pytest.mark.parametrize(
    ("shape", "address"),
    [("{spline: 2}", "x(whole)[2]"), ("quadratic", "x(whole)^2"), ("{piecewise: [0]}", "x(whole)[1]")],
)
def test_a_prior_on_the_sd_of_one_number_of_a_curve(shape, address):
    """Curves that are linear in numbers which differ by themselves have an sd for each."""
    text = TEXT.replace("CAUSE", "x(whole)").replace("SHAPE", shape)
    plan, data = bound(text, f"priors:\n  sd({address} -> y | client): {{half_normal: 0.7}}\n")
    (each,) = state_deviations(plan, data)
    beliefs = dict(zip(each.varying.quantities, each.spreads, strict=True))
    assert beliefs[f"{address} -> y"].arguments == (0.7,)
    assert [belief.name for name, belief in beliefs.items() if name != f"{address} -> y"].count("half_normal") == 0


def test_a_climb_that_is_fixed_at_0_is_shared_out_in_no_way():
    with pytest.raises(SpecError, match="nothing says how units share out climbs of their own"):
        bound(MONOTONIC, "priors: {stage -> y: {fixed: 0}}")


NUMBERS = {
    "1 -> y": 1.0,
    "session -> y": 0.3,
    "sigma(y)": 1e-9,
    "sd(1 -> y | client)": 0.0,
    "sd(session -> y | client)": 0.0,
}


@pytest.mark.parametrize(("steps", "match"), [((0, 0, 0), "are all 0"), ((1, -1, 1), "have both signs")])
def test_steps_that_share_nothing_out_are_refused(steps, match):
    plan, data = bound(MONOTONIC)
    said = {f"stage[{j}] -> y": float(step) for j, step in enumerate(steps, start=1)}
    with pytest.raises(FitError, match=f"the steps of stage -> y {match}"):
        mx.pin(plan, data, NUMBERS | said | {"sd(stage -> y | client)": 1.0, "cor(client)": 0})


def test_a_lengthscale_that_units_need_is_asked_for():
    plan, data = bound(GP)
    said = NUMBERS | {f"x(whole)[{j}] -> y": 0.0 for j in WAVES} | {"sd(x(whole) -> y | client)": 1.0, "cor(client)": 0}
    with pytest.raises(FitError, match=r"no value is given for lengthscale\(x\(whole\) -> y\)$"):
        mx.pin(plan, data, said)


# --- simulated ---


def test_units_are_simulated_with_climbs_of_their_own():
    """2000 clients without noise: climbs go by the shares of all, and their sd is that of the average step."""
    theory = mx.parse(MONOTONIC)
    rows = [(c, t, STAGES[t % 4], float(t)) for c in range(2000) for t in range(5)]
    frame = pd.DataFrame(rows, columns=["client", "session", "stage", "x"])
    steps = {"stage[1] -> y": 1.0, "stage[2] -> y": 0.5, "stage[3] -> y": 1.5}
    said = NUMBERS | steps | {"sd(stage -> y | client)": 0.8, "cor(client)": 0}
    made = mx.simulate(mx.compile(theory), frame, said, seed=1)
    y = made["y"].to_numpy().reshape(2000, 5) - 1.0 - 0.3 * np.arange(5)
    np.testing.assert_allclose(y[:, 1:4] / y[:, 3:4], np.tile([1 / 3, 0.5, 1.0], (2000, 1)), atol=1e-5)
    average = y[:, 3] / 3
    assert abs(average.mean() - 1.0) < 4 * 0.8 / np.sqrt(2000)
    assert abs(average.std() - 0.8) < 4 * 0.8 / np.sqrt(4000)


def test_units_are_simulated_with_curves_of_their_own():
    """2000 clients without noise: differences from the curve at 0 have the sd of the process, and are normal."""
    theory = mx.parse(GP)
    low, high = -3.0, 3.0
    rows = [(c, t, STAGES[t % 4], x) for c in range(2000) for t, x in enumerate((low, -1.5, 0.0, 1.0, high))]
    frame = pd.DataFrame(rows, columns=["client", "session", "stage", "x"])
    said = {f"x(whole)[{j}] -> y": 0.0 for j in WAVES} | {"lengthscale(x(whole) -> y)": 2.0}
    said |= NUMBERS | {"sd(x(whole) -> y | client)": 0.8, "cor(client)": 0}
    made = mx.simulate(mx.compile(theory), frame, said, seed=2)
    y = made["y"].to_numpy().reshape(2000, 5) - 1.0 - 0.3 * np.arange(5)
    x = np.array([low, -1.5, 0.0, 1.0, high])
    kernel = 0.64 * np.exp(-((x[:, None] - x) ** 2) / 8)
    expected = kernel - kernel[:, 2:3] - kernel[2:3] + kernel[2, 2]
    error = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / 2000)
    assert (np.abs(np.cov(y.T) - expected) <= 4 * error + 4 * 0.006 * 0.64).all()
    assert np.abs(y[:, 2]).max() < 1e-6
