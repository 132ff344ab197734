"""Latent variables: their likelihood against multivariate normals written out by hand, and lavaan's fit of a classic.

The witness is the covariance that a factor model implies, Λ (I − B)⁻¹ Ψ (I − B)⁻ᵀ Λᵀ + Θ (Bollen 1989), with a block of
therapists' intercepts or of occasions where there are such. PyMC's density is the second one.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from test_collapsed import Integrated, prepared, translate

import mechanisms as mx
from mechanisms.infer.diagnostics import assess
from mechanisms.infer.engines import collapsed
from mechanisms.infer.marginal import charts
from mechanisms.infer.marginal.units import kernels
from mechanisms.infer.marginal.units.gaussian import write_residuals
from mechanisms.infer.simulation import simulate_theory

ROWS = """
variables:
  x, w:
  f: {measured_by: [f1, f2, f3]}
  g: {measured_by: [g1, g2]}
  y:
arrows:
  x -> f -> g:
  f -> y: {moderated_by: w}
  g -> y:
  f1 <-> g1:
"""
UNIT = """
variables:
  x:
  f: {measured_by: [f1, f2, f3]}
arrows: {x -> f: }
priors: {sigma(f): {fixed: 1}}
"""
ORDERS = """
variables:
  g: {measured_by: [f, h, y]}
  f: {measured_by: [f1, f2, f3]}
  h: {measured_by: [f3, h1, h2]}
  y:
"""
JOYCE = """
levels: [client, therapist]
variables:
  expectation, outcome: {level: client}
  alliance: {level: client, measured_by: [client_rating, therapist_rating]}
arrows:
  expectation -> alliance:
  alliance -> outcome: {moderated_by: expectation}
priors:
  alliance -> therapist_rating: {fixed: 1}
"""
SESSIONS = """
levels: [session, client]
time: session
variables:
  mood: {measured_by: [calm, glad]}
  pain:
arrows:
  mood(t-1) -> mood, pain:
  mood -> pain:
"""


def rows(seed: int, n: int = 12) -> pd.DataFrame:
    names = ["x", "w", "f1", "f2", "f3", "g1", "g2", "y", "h1", "h2"]
    frame = pd.DataFrame(np.random.default_rng(seed).normal(1, 1, (n, len(names))), columns=names)
    frame.loc[[0, 3], "f2"] = np.nan
    frame.loc[[1, 3], "y"] = np.nan
    return frame


def clients(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    names = ["expectation", "outcome", "client_rating", "therapist_rating"]
    frame = pd.DataFrame(rng.normal(size=(9, 4)), columns=names)
    frame.loc[2, "client_rating"] = np.nan
    return frame.assign(client=range(9), therapist=[0, 0, 0, 0, 1, 1, 1, 2, 2])


def occasions(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(10, 3)), columns=["calm", "glad", "pain"])
    frame.loc[4, "glad"] = np.nan
    return frame.assign(client=[0] * 4 + [1] * 3 + [2] * 3, session=[0, 1, 2, 3, 0, 1, 2, 0, 1, 2])


class Likelihood:
    """The log likelihood of our density at some points, beside the parameters there, by address."""

    def __init__(self, text, frame):
        theory = text if isinstance(text, mx.Theory) else mx.parse(text)
        self.plan, data = mx.compile(theory), mx.bind(theory, frame)
        self.density = collapsed.build_density(write_residuals(self.plan, data, self.plan.equations))

    def at(self, q):
        names = self.density.coordinates
        s = charts.find_symbols(names.chart, q[None])[0]
        value = {each: s[names.symbol(each)] for each in names.addresses}
        for name, root in names.roots.items():
            value[name] = root.matrix(q) @ root.matrix(q).T
        return kernels.collapse(self.density.layout, s, np.zeros(0)), value

    def differences(self, by_hand):
        """Ours less another's at three points; the same number if both are right."""
        found = []
        for seed in range(3):
            start = self.density.coordinates.start
            ours, value = self.at(start + np.random.default_rng(seed).normal(0, 0.4, len(start)))
            found.append(ours - by_hand(value))
        return found


def log_normal(values, mean, covariance):
    """Of what was observed, the log density of a normal vector."""
    seen = ~np.isnan(values)
    return stats.multivariate_normal(mean[seen], covariance[np.ix_(seen, seen)]).logpdf(values[seen])


def imply(own, arrows, covariance):
    """Mean and covariance of variables that follow each other: v = own + arrows @ v + e."""
    total = np.linalg.inv(np.eye(len(own)) - arrows)
    return total @ own, total @ covariance @ total.T


def test_row_by_row_a_factor_model_is_the_covariance_that_it_implies():
    frame = rows(1)
    names = ["f", "g", "f1", "f2", "f3", "g1", "g2", "y"]

    def by_hand(v):
        total = 0.0
        for row in frame.itertuples():
            own, arrows = np.zeros(8), np.zeros((8, 8))
            for k, name in enumerate(names):
                own[k] = v[f"1 -> {name}"]
                for j, cause in enumerate(names):
                    arrows[k, j] = v.get(f"{cause} -> {name}", 0.0)
            own[0] += v["x -> f"] * row.x
            own[7] += v["w -> y"] * row.w
            arrows[7, 0] += v["f * w -> y"] * row.w
            sds = np.array([v[f"sigma({name})"] for name in names])
            covariance = np.diag(sds**2)
            shared = v["residuals of f1 and g1"][0, 1] * sds[2] * sds[5]
            covariance[2, 5] = covariance[5, 2] = shared
            mean, implied = imply(own, arrows, covariance)
            values = np.array([getattr(row, name) for name in names[2:]])
            total += log_normal(values, mean[2:], implied[2:, 2:])
        return total

    ours = Likelihood(ROWS, frame)
    _, value = ours.at(ours.density.coordinates.start)
    assert (value["f -> f1"], value["1 -> f1"], value["g -> g1"], value["1 -> g1"]) == (1, 0, 1, 0)
    assert np.ptp(ours.differences(by_hand)) < 1e-9


def test_unit_variance_has_a_first_loading_above_zero_and_the_zero_at_the_mean_of_its_cause():
    frame = rows(2)

    def by_hand(v):
        load = np.array([v[f"f -> {name}"] for name in ("f1", "f2", "f3")])
        base = np.array([v[f"1 -> {name}"] for name in ("f1", "f2", "f3")])
        noise = np.diag([v[f"sigma({name})"] ** 2 for name in ("f1", "f2", "f3")])
        assert load[0] > 0
        seen = frame[["f1", "f2", "f3"]].to_numpy()
        return sum(
            log_normal(values, base + load * v["x -> f"] * (x - frame.x.mean()), np.outer(load, load) + noise)
            for values, x in zip(seen, frame.x, strict=True)
        )

    ours = Likelihood(UNIT, frame)
    _, value = ours.at(ours.density.coordinates.start)
    assert value["sigma(f)"] == 1
    assert value["1 -> f"] == pytest.approx(-value["x -> f"] * frame.x.mean())
    assert np.ptp(ours.differences(by_hand)) < 1e-9


def test_latents_measure_latents_and_share_indicators():
    frame = rows(3)
    names = ["g", "f", "h", "f1", "f2", "f3", "h1", "h2", "y"]

    def by_hand(v):
        own = np.array([v[f"1 -> {name}"] for name in names])
        arrows = np.array([[v.get(f"{cause} -> {name}", 0.0) for cause in names] for name in names])
        mean, implied = imply(own, arrows, np.diag([v[f"sigma({name})"] ** 2 for name in names]))
        seen = frame[names[3:]].to_numpy()
        return sum(log_normal(values, mean[3:], implied[3:, 3:]) for values in seen)

    ours = Likelihood(ORDERS, frame)
    _, value = ours.at(ours.density.coordinates.start)
    assert [value[a] for a in ("g -> f", "1 -> f", "f -> f1", "1 -> f1", "h -> f3")] == [1, 0, 1, 0, 1]
    # h has its zero where f, the other that f3 measures, has its mean: that of f1
    assert value["1 -> f3"] == pytest.approx(-value["f -> f3"] * frame.f1.mean())
    assert np.ptp(ours.differences(by_hand)) < 1e-9


def test_therapists_have_intercepts_of_their_own_in_latents_and_indicators():
    """Deviations of indicators are independent of all others, those of alliance and outcome are joined by the arrow."""
    frame = clients(1)
    names = ["alliance", "client_rating", "therapist_rating", "outcome"]

    def by_hand(v):
        total = 0.0
        for _, group in frame.groupby("therapist"):
            n = len(group)
            arrows, own = np.zeros((4 * n, 4 * n)), np.zeros(4 * n)
            covariance = np.zeros((4 * n, 4 * n))
            for k, name in enumerate(names):
                block = slice(k * n, k * n + n)
                own[block] = v[f"1 -> {name}"] + v.get(f"expectation -> {name}", 0.0) * group.expectation
                slope = np.full(n, v.get(f"alliance -> {name}", 0.0))
                slope += v.get(f"alliance * expectation -> {name}", 0.0) * group.expectation.to_numpy()
                arrows[block, :n] += np.diag(slope)
                covariance[block, block] = v[f"sd(1 -> {name} | therapist)"] ** 2 + np.diag(
                    np.full(n, v[f"sigma({name})"] ** 2)
                )
            mean, implied = imply(own, arrows, covariance)
            values = group[names[1:]].to_numpy().T.reshape(-1)
            total += log_normal(values, mean[n:], implied[n:, n:])
        return total

    ours = Likelihood(JOYCE, frame)
    _, value = ours.at(ours.density.coordinates.start)
    assert (value["alliance -> therapist_rating"], value["1 -> therapist_rating"]) == (1, 0)
    assert np.ptp(ours.differences(by_hand)) < 1e-9


def test_a_latent_of_sessions_is_a_course_and_departures():
    frame = occasions(1)
    names = ["mood", "calm", "glad", "pain"]

    def by_hand(v):
        total = 0.0
        sds = {name: v[f"sd(1 -> {name} | client)"] for name in names}
        for _, group in frame.groupby("client"):
            n = len(group)
            # mood = course + departure; departures follow each other, the pain's departures and course follow the mood's
            steps = np.eye(n, k=-1)
            auto = np.linalg.inv(np.eye(n) - v["mood(t-1) -> mood"] * steps)
            noise = np.diag([v["sigma(mood | first)"] ** 2] + [v["sigma(mood)"] ** 2] * (n - 1))
            away = auto @ noise @ auto.T
            one = np.ones((n, n))
            lagged = v["mood(session) -> pain"] * np.eye(n) + v["mood(t-1) -> pain"] * steps
            hurt = np.diag([v["sigma(pain | first)"] ** 2] + [v["sigma(pain)"] ** 2] * (n - 1))
            between = v["mood(client) -> pain"]
            load = np.vstack([v["mood -> calm"] * np.eye(n), v["mood -> glad"] * np.eye(n), lagged])
            course = np.repeat([v["mood -> calm"], v["mood -> glad"], between], n)
            implied = load @ away @ load.T + sds["mood"] ** 2 * np.outer(course, course)
            for k, name in enumerate(names[1:]):
                block = slice(k * n, k * n + n)
                own = hurt if name == "pain" else np.eye(n) * v[f"sigma({name})"] ** 2
                implied[block, block] += own + sds[name] ** 2 * one
            mean = np.repeat([v["1 -> calm"], v["1 -> glad"], v["1 -> pain"]], n) + course * v["1 -> mood"]
            values = group[names[1:]].to_numpy().T.reshape(-1)
            total += log_normal(values, mean, implied)
        return total

    ours = Likelihood(SESSIONS, frame)
    assert not any(each.correlated for each in ours.plan.varying)  # an arrow joins the courses, indicators are alone
    assert np.ptp(ours.differences(by_hand)) < 1e-9


@pytest.mark.parametrize(("text", "frame"), [(ROWS, rows(4, 6)), (JOYCE, clients(6)), (SESSIONS, occasions(7))],
                         ids=["rows", "therapists", "sessions"])  # fmt: skip
def test_density_is_pymcs_with_latents_integrated_out(text, frame):
    plan, data, density = prepared(text, frame)
    theirs, rng = Integrated(plan, data), np.random.default_rng(5)
    found = []
    for _ in range(3):
        point = {name: value + rng.normal(0, 0.3, np.shape(value)) for name, value in theirs.start.items()}
        q, stretched = translate(plan, density, point)
        assert len(q) == density.coordinates.size
        found.append(density.at(q[None])[0] - stretched - theirs(point))
    assert np.ptp(found) < 1e-7


def test_the_likelihood_is_highest_where_lavaan_finds_it(shared):
    """Bollen's political democracy, n = 75, 31 parameters beside the means: lavaan's BIC is 3229.424."""
    frame = pd.read_csv(shared / "political_democracy.csv")
    ours = Likelihood(mx.load("political_democracy"), frame)
    chart, layout, start = ours.density.coordinates.chart, ours.density.layout, ours.density.coordinates.start
    steps = 1e-6 * np.eye(len(start))

    def descend(q):
        s = charts.find_symbols(chart, q[None])[0]
        by_symbol = np.empty(len(s))
        value = kernels.collapse(layout, s, by_symbol)
        symbols = (charts.find_symbols(chart, q + steps) - charts.find_symbols(chart, q - steps)) / 2e-6
        return -value, -(symbols @ by_symbol)

    found = optimize.minimize(descend, start, jac=True, method="BFGS", options={"maxiter": 1000, "gtol": 1e-4})
    _, value = ours.at(found.x)
    by_lavaan = {"ind60 -> dem60": 1.483, "dem60 -> dem65": 0.837, "ind60 -> dem65": 0.572}
    assert {name: round(value[name], 3) for name in by_lavaan} == by_lavaan
    constant = -75 * 11 / 2 * np.log(2 * np.pi)
    constant += 75 * sum(np.log(frame[marker].std()) for marker in ("x1", "y1", "y5"))  # latents are counted in these
    assert -2 * (constant - found.fun) + 31 * np.log(75) == pytest.approx(3229.424, abs=5e-4)


@pytest.mark.slow
def test_nuts_finds_the_same_posterior_from_beginnings_at_the_marker():
    """With unit variance: chains that begin at 0 can be caught where all loadings but the first are mirrored."""
    theory = mx.load("bordin_1979")
    plan = mx.compile(theory)
    data = mx.bind(theory, simulate_theory("bordin_1979", seed=3))
    ours, theirs = (mx.sample(plan, data, seed=1, engine=engine) for engine in ("collapsed", "nuts"))
    free = [name for name, values in ours.parameters.items() if np.ptp(values) > 0]
    for fit in (ours, theirs):
        for each in assess(fit.draws[free]):
            assert each.r_hat < 1.01 and min(each.ess_bulk, each.ess_tail) > 400, each
    for name in free:
        one, two = ours.draws[name], theirs.draws[name]
        ess = min(each.ess_bulk for fit in (ours, theirs) for each in assess(fit.draws[[name]]))
        assert abs(float(one.mean() - two.mean())) < 5 * float(two.std()) * np.sqrt(2 / ess), name
        assert abs(float(np.log(one.std() / two.std()))) < 5 / np.sqrt(ess), name
