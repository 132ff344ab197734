"""Curves of computed variables over time against worlds that NumPy runs forward, client by client and occasion by occasion."""

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import CubicSpline

import mechanisms as mx

CLIENTS, OCCASIONS, RUNS = 8, 4, 40_000
HEAD = "levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }\ntime: session\n"
TREAT = np.arange(CLIENTS) % 2
BENT = """
variables:
  treat: {level: client, family: bernoulli, assigned: randomised}
  y:
  m:
  change: {is: y - y(0)}
  gap: {is: m - y}
  early: {is: y(2) - 0.5 * m(0), level: client}
  outcome: {level: client}
arrows:
  treat -> y: {only_when: {session: 1..}}
  change -> m: {shape: {spline: 3}, moderated_by: treat}
  gap(t-1) -> y: {shape: {piecewise: [-1, 0.5]}}
  y(t-1) -> y:
  early -> outcome: {shape: quadratic}
  treat -> outcome:
"""
B = {
    "1 -> y": 0.4, "treat -> y": -0.9, "gap(t-1)[1] -> y": 0.3, "gap(t-1)[2] -> y": -0.25, "gap(t-1)[3] -> y": 0.5,
    "y(t-1) -> y": 0.3, "sigma(y)": 0.7, "sigma(y | first)": 1.0, "1 -> m": 0.2, "treat -> m": 0.15,
    "change[1] -> m": 0.9, "change[2] -> m": 0.3, "change[3] -> m": -0.6, "change[1] * treat -> m": -0.4,
    "change[2] * treat -> m": 0.5, "change[3] * treat -> m": 0.2, "sigma(m)": 0.6, "1 -> outcome": 1.0,
    "early -> outcome": 0.4, "early^2 -> outcome": 0.3, "treat -> outcome": -0.2, "sigma(outcome)": 1.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def bent():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": [*range(OCCASIONS)] * CLIENTS})
    frame = frame.assign(**{name: rng.normal(size=len(frame)) for name in "my"}, treat=TREAT[frame["client"]])
    frame["outcome"] = rng.normal(size=CLIENTS)[frame["client"]]
    plan = mx.compile(mx.parse(HEAD + BENT))
    own = {name: rng.normal(0, 0.4, CLIENTS) for each in plan.varying for name in each.quantities}
    stated = {name: 1.0 for name in plan.parameters if name.startswith("sd(")} | {"cor(client)": 0} | B
    fit = mx.pin(plan, mx.bind(plan.theory, frame), stated, {(name, "client"): one for name, one in own.items()})
    change = (frame["y"] - frame.groupby("client")["y"].transform("first")).to_numpy()
    return fit, own, change


def bend(change, heights, values):
    """A natural cubic spline through heights at the quartiles of the data, straight beyond them, 0 at 0."""
    knots = np.quantile(change, np.linspace(0, 1, 4))
    if np.diff(knots).min() < 1e-6:  # every client has a first change of 0
        knots = np.quantile(np.unique(change), np.linspace(0, 1, 4))
    curve = CubicSpline(knots, [0, *heights], bc_type="natural")

    def at(x):
        inside = np.clip(x, knots[0], knots[-1])
        return curve(inside) + curve(inside, 1) * (x - inside)

    return at(values) - at(0.0)


def run(own, change, treat=None, y_set=None, m_set=None):
    """y, m at every occasion, (occasions, runs, clients), and the mean outcome of every client in every run."""
    rng, shape = np.random.default_rng(7), (OCCASIONS, RUNS, CLIENTS)
    noise = rng.normal(size=(2, *shape))
    treat = TREAT if treat is None else np.full(CLIENTS, treat)
    m, y, departure = (np.zeros(shape) for _ in range(3))
    plain = [B[f"change[{j}] -> m"] for j in (1, 2, 3)]
    more = [B[f"change[{j}] * treat -> m"] for j in (1, 2, 3)]
    first, middle, last = (B[f"gap(t-1)[{j}] -> y"] for j in (1, 2, 3))
    for t in range(OCCASIONS):
        course = B["1 -> y"] + own["1 -> y"] + B["treat -> y"] * treat * (t >= 1)
        y[t] = course + B["sigma(y)" if t else "sigma(y | first)"] * noise[0, t]
        if t:
            gap = m[t - 1] - y[t - 1]
            below, beyond = np.minimum(gap, -1.0) + 1.0, np.maximum(gap, 0.5) - 0.5
            y[t] += first * below + middle * np.clip(gap, -1.0, 0.5) + last * beyond
            y[t] += B["y(t-1) -> y"] * departure[t - 1]
        if y_set and t in y_set:
            y[t] = y_set[t]
        departure[t] = y[t] - course
        so_far = y[t] - y[0]
        m[t] = B["1 -> m"] + own["1 -> m"] + B["treat -> m"] * treat + B["sigma(m)"] * noise[1, t]
        m[t] += bend(change, plain, so_far) + treat * bend(change, more, so_far)
        if m_set and t in m_set:
            m[t] = m_set[t]
    early = y[2] - 0.5 * m[0]
    line, square = B["early -> outcome"], B["early^2 -> outcome"]
    outcome = B["1 -> outcome"] + B["treat -> outcome"] * treat + line * early + square * early**2
    return y, m, outcome


def agree(fit, one, other, **question):
    """The estimate and the simulated difference, (runs, clients) each world: four of their joint errors apart at most."""
    found = float(mx.estimate(fit, mx.Question(**question)).rows[0].draws.item())
    gaps = (other - one).mean(axis=1)
    error = np.hypot(gaps.std() / np.sqrt(len(gaps)), 0.005 * abs(gaps.mean()))
    print(question, found, gaps.mean(), error)
    assert found == pytest.approx(gaps.mean(), abs=4 * error + 1e-9)


def test_a_treatment_reaches_through_curves_of_changes(bent):
    fit, own, change = bent
    one, other = (run(own, change, treat=arm) for arm in (0, 1))
    agree(fit, one[1][3], other[1][3], of="treat", on="m(3)")
    agree(fit, one[0][3], other[0][3], of="treat", on="y(3)")
    agree(fit, one[2], other[2], of="treat", on="outcome")


@pytest.mark.parametrize("at", [0, 1])
def test_an_intervention_on_a_part_reaches_through_curves(bent, at):
    fit, own, change = bent
    one, other = (run(own, change, y_set={at: value}) for value in (0.0, 1.5))
    asked = {"of": f"y({at})", "contrast": (0.0, 1.5)}
    agree(fit, one[1][at], other[1][at], on=f"m({at})", **asked)
    agree(fit, one[1][2], other[1][2], on="m(2)", **asked)
    agree(fit, one[0][3], other[0][3], on="y(3)", **asked)
    agree(fit, one[2], other[2], on="outcome", **asked)


def test_the_other_part_is_moved_as_well(bent):
    fit, own, change = bent
    one, other = (run(own, change, m_set={0: value}) for value in (-1.0, 2.0))
    asked = {"of": "m(0)", "contrast": (-1.0, 2.0)}
    agree(fit, one[0][1], other[0][1], on="y(1)", **asked)
    agree(fit, one[2], other[2], on="outcome", **asked)


GATED = """
variables:
  x:
  m:
  progress: {is: m - m(0)}
  y:
arrows:
  x(whole) -> m:
  m(whole t-1) -> y: {only_when: {progress: 0..}}
  x(whole) -> y: {only_when: {progress: -0.5..1}}
"""
N = {
    "1 -> m": 0.2, "x(whole) -> m": 0.7, "sigma(m)": 0.8, "1 -> y": 0.1, "m(whole t-1) -> y": 0.6, "1 -> y | first": 0.0,
    "x(whole) -> y": -0.5, "progress(t-1) -> y": 0.25, "progress -> y": -0.3, "sigma(y)": 1.0, "sigma(y | first)": 1.0,
}  # fmt: skip


def test_a_condition_on_a_change_follows_its_parts():
    """m(t-1) acts where it had grown by then, x where m is near where it began; each change has its own effect as well."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": [*range(OCCASIONS)] * CLIENTS})
    frame = frame.assign(**{name: rng.normal(size=len(frame)) for name in "xmy"})
    plan = mx.compile(mx.parse(HEAD + GATED))
    own = {name: rng.normal(0, 0.4, CLIENTS) for each in plan.varying for name in each.quantities}
    stated = {name: 1.0 for name in plan.parameters if name.startswith("sd(")} | N
    stated |= {"cor(client)": 0}
    fit = mx.pin(plan, mx.bind(plan.theory, frame), stated, {(name, "client"): one for name, one in own.items()})
    x = frame["x"].to_numpy().reshape(CLIENTS, OCCASIONS).T

    def run_gated(set_at, value):
        noise = np.random.default_rng(5).normal(size=(OCCASIONS, RUNS, CLIENTS))
        seen = x.copy()
        seen[set_at] = value
        m = N["1 -> m"] + own["1 -> m"] + N["x(whole) -> m"] * seen[:, None, :] + N["sigma(m)"] * noise
        grown = m - m[0]
        now, before = grown[2], grown[1]
        y = N["1 -> y"] + own["1 -> y"] + N["progress -> y"] * now + N["progress(t-1) -> y"] * before
        y += N["m(whole t-1) -> y"] * m[1] * (before >= 0)
        return y + N["x(whole) -> y"] * seen[2] * ((now >= -0.5) & (now <= 1))

    for at in (0, 1, 2):
        agree(fit, run_gated(at, 0.0), run_gated(at, 1.5), of=f"x({at})", on="y(2)", contrast=(0.0, 1.5))
