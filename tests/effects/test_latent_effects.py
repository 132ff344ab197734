"""Effects of, on and through latent variables, against sums of products and integrals done by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from mechanisms.data.door import bind
from mechanisms.effects.along.moderation import moderate
from mechanisms.effects.decomposition import decompose
from mechanisms.effects.estimation import estimate
from mechanisms.errors import DataError, IdentificationError, SpecError
from mechanisms.infer.sampling import pin
from mechanisms.infer.simulation import simulate, simulate_theory
from mechanisms.model.plan import compile
from mechanisms.spec.library import load
from mechanisms.spec.parameters import read_parameters
from mechanisms.spec.reader import parse
from mechanisms.spec.theory import Question

Z = 5.0  # standard errors
CHAIN = """
variables:
  x:
  f: {measured_by: [f1, f2, f3]}
  g: {measured_by: [g1, g2, g3]}
arrows:
  x -> f -> g:
  x -> g:
"""
LOGIT = """
variables:
  w:
  f: {measured_by: [f1, f2, f3]}
  y: {family: bernoulli}
arrows:
  w -> y: {moderated_by: f}
"""
BENT = """
variables:
  x:
  f: {measured_by: [f1, f2, f3]}
  y:
arrows:
  x -> f:
  f -> y: {shape: quadratic}
"""
CLIENTS = """
levels: [client, therapist]
variables:
  x, m, y: {level: client}
  training: {level: therapist}
arrows:
  training, x -> m:
  m -> y: {moderated_by: x, varies_by: therapist}
"""
NESTED = """
levels: [client, therapist]
variables:
  w, z, y: {level: client}
  u: {level: client, measured_by: [u1, u2]}
arrows:
  1 -> u, z, y, u1, u2: {varies_by: []}
  u -> z:
  w -> y: {moderated_by: [u * z]}
"""
SESSIONS = """
levels: [session, client]
time: session
variables:
  mood: {measured_by: [calm, glad]}
  pain:
  arm: {level: client, assigned: randomised, family: bernoulli}
arrows:
  arm -> mood:
  mood -> pain:
  mood(t-1) -> mood, pain:
"""


def stated(plan, value, **said):
    """A value for every parameter: what is fixed, what is said, and one number for all others."""
    fixed = {address: prior.fixed for address, prior in plan.priors if prior.fixed is not None}
    correlations = {each.correlation: 0 for each in plan.varying if each.correlated}
    return {**dict.fromkeys(plan.parameters, value), **fixed, **correlations, **said}


def pinned(text, value=0.4, seed=1, n=200, **said):
    plan, rng = compile(parse(text)), np.random.default_rng(seed)
    given = pd.DataFrame({name: rng.normal(1, 1, n) for name in plan.exogenous})
    parameters = stated(plan, value, **said)
    data = bind(plan.theory, simulate(plan, given, parameters, seed=seed))
    return pin(plan, data, parameters), given


def ask(fit, **question):
    return [row.draws.item() for row in estimate(fit, Question(**question)).rows]


def test_a_path_through_a_latent_is_the_product_of_its_coefficients():
    fit, _ = pinned(CHAIN, **{"x -> f": 0.3, "f -> g": 0.5, "x -> g": 0.2, "g -> g2": 1.5})
    found = {row.label: row.draws.item() for row in decompose(fit, "x", "g").rows}
    assert found == pytest.approx({"total": 0.35, "direct": 0.2, "indirect": 0.15, "x -> f -> g": 0.15}, abs=1e-12)
    assert ask(fit, of="f", on="g", contrast=(2, 5)) == pytest.approx([1.5], abs=1e-12)
    assert ask(fit, of="x", on="g1") == pytest.approx([0.35], abs=1e-12)  # the marker has the latent's unit
    assert ask(fit, of="x", on="g2") == pytest.approx([1.5 * 0.35], abs=1e-12)


def test_moments_of_a_latent_are_those_of_its_equation():
    """Without measurement error: sd(f)² = 0.3² var(x) + 0.4², as drawn for 200 rows 200 times."""
    fit, given = pinned(CHAIN, **{"x -> f": 0.3, "1 -> f": 2.0, "sigma(f)": 0.4, "sigma(f1)": 3.0})
    text = estimate(fit, Question(of="f", on="g", contrast=("mean", "+1 sd"))).contrast
    low, high = (float(word) for word in text.removeprefix("f from ").split(" (")[0].split(" to "))
    sd = np.sqrt(0.3**2 * given.x.var() + 0.4**2)
    error = Z * sd / np.sqrt(200 * 200)
    assert low == pytest.approx(2 + 0.3 * given.x.mean(), abs=error + 5e-4)
    assert high - low == pytest.approx(sd, abs=error + 1e-3)
    assert ask(fit, of="f", on="g", contrast=("-1 sd", "+1 sd"))[0] == pytest.approx(2 * 0.4 * sd, abs=2 * error)


def test_a_latent_that_nothing_moves_is_integrated_over():
    fit, _ = pinned(LOGIT)

    def mean(w):
        def inside(z):
            f = 0.4 + 0.4 * z
            return stats.norm.pdf(z) * special.expit(0.4 + 0.4 * w + 0.4 * f + 0.4 * w * f)

        return integrate.quad(inside, -10, 10, epsabs=1e-12)[0]

    assert ask(fit, of="w", on="y", contrast=(0, 1)) == pytest.approx([mean(1) - mean(0)], abs=1e-6)
    (held,) = ask(fit, of="w", on="y", contrast=(0, 1), set={"f": 1})
    assert held == pytest.approx(special.expit(1.6) - special.expit(0.8), abs=1e-12)


SHARED = """
variables:
  w:
  u: {measured_by: [u1, u2, u3]}
  z:
  y: {family: bernoulli}
arrows:
  u -> z:
  w, u, z -> y:
"""


def test_what_follows_from_a_latent_goes_with_it():
    """z was observed and u was not, and the two belong together: both are integrated over."""
    fit, _ = pinned(SHARED)

    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = np.outer(weights, weights) / (2 * np.pi)
    u = 0.4 + 0.4 * nodes[:, None]
    z = 0.4 + 0.4 * u + 0.4 * nodes

    def mean(w):
        return (weights * special.expit(0.4 + 0.4 * (w + u + z))).sum()

    assert ask(fit, of="w", on="y", contrast=(0, 1)) == pytest.approx([mean(1) - mean(0)], abs=1e-7)
    with pytest.raises(IdentificationError, match="at: z tells something of u, which nobody observed"):
        ask(fit, of="w", on="y", at={"z": 1})
    assert ask(fit, of="u", on="y", contrast=(0, 1), at={"w": 1})[0] > 0


def test_the_same_among_units_in_units():
    """y = … + g w u z: the slope of w is g E[u z] = g (E u E z + b var(u)), b the slope of z on u; by random draws."""
    plan = compile(parse(NESTED))
    given = pd.DataFrame({"client": range(60), "therapist": np.repeat(range(10), 6)})
    given["w"] = np.random.default_rng(1).normal(size=60)
    parameters = stated(plan, 0.0, **{"1 -> u": 0.5, "u -> z": 0.6, "1 -> z": 0.2, "w * u * z -> y": 0.3}) | {
        each: 0.7 for each in plan.parameters if each.startswith("sigma(")
    }
    fit = pin(plan, bind(plan.theory, simulate(plan, given, parameters, seed=1)), parameters)
    by_hand = 0.3 * (0.5 * (0.2 + 0.6 * 0.5) + 0.6 * 0.7**2)
    found = estimate(fit, Question(of="w", on="y", contrast=(0, 1)))
    (note,) = [note for note in found.notes if "Monte Carlo error" in note]
    share = float(note.partition("error, about ")[2].partition(" %")[0]) / 200  # the note says twice the standard error
    assert found.rows[0].draws.item() == pytest.approx(by_hand, rel=Z * share)


def test_a_bent_latent_mediator_carries_its_noise():
    """E[b f + c f²] changes with x by (b + 2 c E f) a + c a², at x = 0; the noise's variance is the same in both worlds."""
    fit, _ = pinned(BENT, **{"1 -> f": 0.5, "x -> f": 0.3, "f -> y": 0.2, "f^2 -> y": 0.1})
    by_hand = 0.2 * 0.3 + 0.1 * ((0.5 + 0.3) ** 2 - 0.5**2)
    assert ask(fit, of="x", on="y", contrast=(0, 1)) == pytest.approx([by_hand], abs=1e-12)


def test_what_nobody_knows_is_no_group_and_no_moderator():
    fit, _ = pinned(LOGIT)
    with pytest.raises(IdentificationError, match=r"at: f is latent: of nobody is it known.*set: \{f: …\}"):
        ask(fit, of="w", on="y", at={"f": 1})
    with pytest.raises(SpecError, match="by: f is latent, and of nobody is it known"):
        moderate(fit, Question(of="w", on="y"), by="f")


@pytest.mark.parametrize("of", ["m", "x", "training"])
def test_units_in_units_without_time(of):
    """m -> y is (b + g x) by client, with a therapist's own slope; x and training act through it."""
    plan, rng = compile(parse(CLIENTS)), np.random.default_rng(3)
    given = pd.DataFrame({"client": range(30), "therapist": np.repeat(range(6), 5), "x": rng.normal(size=30),
                          "training": np.repeat(rng.normal(size=6), 5)})  # fmt: skip
    said = {"training -> m": 0.5, "x -> m": 0.3, "m -> y": 0.4, "m * x -> y": 0.2, "x -> y": 0.1, "1 -> m": 1.0}
    parameters = stated(plan, 0.3, **said)
    frame = simulate(plan, given, parameters, seed=2)
    data = bind(plan.theory, frame)
    slopes, levels = rng.normal(0, 0.3, 6), rng.normal(0, 0.3, 6)
    own = {("m -> y", "therapist"): slopes, ("1 -> m", "therapist"): levels}
    fit = pin(plan, data, parameters, own)
    clients = data.units("client").above["therapist"].index
    x, training = data.numbers("x").values, data.numbers("training").values[clients]
    slope = 0.4 + slopes[clients]
    m = 1.0 + 0.5 * training + levels[clients]  # at x = 0
    by_hand = {
        "m": slope + 0.2 * x,
        "training": 0.5 * (slope + 0.2 * x),
        "x": 0.1 + slope * 0.3 + 0.2 * (m + 0.3),  # from 0 to 1
    }[of].mean()
    assert ask(fit, of=of, on="y", contrast=(0, 1)) == pytest.approx([by_hand], abs=1e-12)
    if of == "m":
        (therapists,) = [estimate(fit, Question(of="m", on="y", population=("each", "therapist"), contrast=(0, 1)))]
        found = [row.draws.item() for row in therapists.rows]
        np.testing.assert_allclose(found, [(slope + 0.2 * x)[clients == k].mean() for k in range(6)], atol=1e-12)


@pytest.fixture(scope="module")
def joyce():
    plan, parameters = compile(load("joyce_2003")), read_parameters("joyce_2003")
    data = bind(plan.theory, simulate_theory("joyce_2003", seed=3))
    own = np.random.default_rng(1).normal(0, 0.2, data.units("therapist").n)
    fit = pin(plan, data, parameters.values, {("1 -> alliance", "therapist"): own})
    return fit, own[data.units("client").above["therapist"].index]


def test_joyce_2003_is_answered_as_by_hand(joyce):
    fit, own = joyce
    low = fit.data.numbers("expectation").mean
    a, b, c, d = 0.3, 0.35, 0.15, 0.1
    before, after = (
        a * low + own.mean(),
        a * (low + 1) + own.mean(),
    )  # the alliance, its therapists' deviations included
    slopes = {"first": b + c * low, "second": b + c * (low + 1)}
    by_hand = {
        "total": [d + slopes["second"] * after - slopes["first"] * before],
        "by alliance": [a * slopes["second"], a * slopes["first"]],
        "direct": [d + c * before, d + c * after],
    }
    for question in fit.plan.theory.questions[:3]:
        found = [row.draws.item() for row in estimate(fit, question).rows]
        assert found == pytest.approx(by_hand[question.name], abs=1e-12), question.name
    values = [b + c * (low + sds * fit.data.numbers("expectation").sd) for sds in (-1, 0, 1)]
    found = [row.draws.item() for row in estimate(fit, fit.plan.theory.questions[3]).rows[:3]]
    assert found == pytest.approx(values, abs=1e-12)


def test_the_alliance_alone_is_the_cause_not_its_ratings(joyce):
    """Nothing leads from a rating to the outcome: what raters say is no lever."""
    fit, _ = joyce
    with pytest.raises(IdentificationError):
        estimate(fit, Question(of="client_rating", on="outcome"))


def test_latents_of_sessions_move_by_course_and_departure():
    plan = compile(parse(SESSIONS))
    rng = np.random.default_rng(5)
    given = pd.DataFrame({"client": np.repeat(range(20), 6), "session": np.tile(range(6), 20)})
    given["arm"] = given.client.map(dict(enumerate(rng.integers(0, 2, 20))))
    said = {"arm -> mood": 0.5, "mood(session) -> pain": -0.3, "mood(client) -> pain": -0.6, "mood(t-1) -> pain": -0.2,
            "mood(t-1) -> mood": 0.4}  # fmt: skip
    parameters = stated(plan, 0.3, **said)
    data = bind(plan.theory, simulate(plan, given, parameters, seed=2))
    fit = pin(plan, data, parameters)
    assert ask(fit, of="mood(t)", on="pain(t)", contrast=(0, 1)) == pytest.approx([-0.3], abs=1e-12)
    assert ask(fit, of="mood(t)", on="pain(t+1)", contrast=(0, 1)) == pytest.approx([-0.2 - 0.4 * 0.3], abs=1e-12)
    assert ask(fit, of="arm", on="pain") == pytest.approx([-0.6 * 0.5], abs=1e-12)


def test_simulated_data_hold_indicators_and_no_latents():
    """Where f is x's, the indicators correlate as the loadings say: bounds are five standard errors of a slope."""
    plan = compile(parse(CHAIN))
    given = pd.DataFrame({"x": np.random.default_rng(1).normal(size=4000)})
    parameters = stated(plan, 0.5, **{"f -> f2": 2.0})
    frame = simulate(plan, given, parameters, seed=4)
    assert list(frame) == ["x", "f1", "f2", "f3", "g1", "g2", "g3"]
    slope, error = np.polyfit(frame.x, frame.f2, 1)[0], Z * np.hypot(1.0, 0.5) / np.sqrt(4000)
    assert slope == pytest.approx(2.0 * 0.5, abs=error)
    latent = 0.5**2 * given.x.var() + 0.5**2
    error = Z * np.sqrt(((latent + 0.5**2) * (4 * latent + 0.5**2) + (2 * latent) ** 2) / 4000)  # of a covariance
    assert np.cov(frame.f1, frame.f2)[0, 1] == pytest.approx(2 * latent, abs=error)


def test_a_marker_has_to_be_there():
    with pytest.raises(DataError, match="f1"):
        bind(parse(CHAIN), pd.DataFrame({name: [0.0, 1.0, 3.0] for name in ("x", "f2", "f3", "g1", "g2", "g3")}))
