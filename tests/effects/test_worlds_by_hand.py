"""Two crowded theories over time against worlds that NumPy runs forward, client by client and occasion by occasion."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import poisson

import mechanisms as mx

CLIENTS, OCCASIONS, RUNS = 8, 4, 40_000
HEAD = "levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }\ntime: session\n"


def expit(eta):
    return 1 / (1 + np.exp(-eta))


def rows(**columns):
    made = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": [*range(OCCASIONS)] * CLIENTS})
    return made.assign(**columns)


def pinned(text, frame, numbers, seed):
    """A one-draw fit with deviations of every kind, and these deviations."""
    plan = mx.compile(mx.parse(HEAD + text))
    rng = np.random.default_rng(seed)
    own = {name: rng.normal(0, 0.4, CLIENTS) for each in plan.varying for name in each.quantities}
    given = {name: 1.0 for name in plan.parameters if name.startswith("sd(")} | {"cor(client)": 0}
    deviations = {(name, "client"): values for name, values in own.items()}
    return mx.pin(plan, mx.bind(plan.theory, frame), given | numbers, deviations), own


def agree(fit, one, other, **question):
    """The estimate and the simulated difference, shape (runs, clients) each world: four of their joint errors apart at most."""
    found = float(mx.estimate(fit, mx.Question(**question)).rows[0].draws.item())
    gaps = (other - one).mean(axis=1)
    error = np.hypot(gaps.std() / np.sqrt(len(gaps)), 0.005 * abs(gaps.mean()))
    assert found == pytest.approx(gaps.mean(), abs=4 * error + 1e-9)


GATED = """
variables:
  treat: {level: client, family: bernoulli, assigned: randomised}
  m:
  y:
  change: {is: y - y(0)}
  rupture: {family: bernoulli}
  repair: {only_when: {rupture: 1}}
arrows:
  treat -> m:
  m -> y: {shape: quadratic, moderated_by: treat}
  y(t-1) -> y:
  change(t-1) -> m: {moderated_by: treat}
  treat -> rupture:
  m(t-1) -> rupture:
  m -> repair:
  repair(t-1) -> y: {varies_by: client}
"""
G = {
    "1 -> m": 0.3, "treat -> m": 0.6, "change(t-1) -> m": -0.25, "change(t-1) * treat -> m": 0.15, "sigma(m)": 0.7,
    "sigma(m | first)": 0.9, "1 -> y": 0.5, "m(whole) -> y": 0.4, "m(whole)^2 -> y": -0.15, "m(whole) * treat -> y": 0.2,
    "m(whole)^2 * treat -> y": 0.1, "m(client) -> y": 0.3, "m(client) * treat -> y": -0.2, "y(t-1) -> y": 0.35,
    "repair(t-1) -> y": -0.5, "treat -> y": -0.1, "rupture(t-1) -> y": 0.45, "sigma(y)": 0.8, "sigma(y | first)": 1.0,
    "1 -> rupture": -0.3, "treat -> rupture": -0.5, "m(t-1) -> rupture": -0.7, "1 -> repair": 0.2,
    "m(session) -> repair": 0.6, "m(client) -> repair": 0.25, "sigma(repair)": 0.5,
}  # fmt: skip
TREAT = np.arange(CLIENTS) % 2


@pytest.fixture(scope="module")
def gated():
    rng = np.random.default_rng(1)
    frame = rows(**{name: rng.normal(size=CLIENTS * OCCASIONS) for name in "my"}, treat=np.repeat(TREAT, OCCASIONS))
    frame["rupture"] = rng.integers(0, 2, len(frame))
    frame["repair"] = np.where(frame["rupture"] == 1, rng.normal(size=len(frame)), np.nan)
    return pinned(GATED, frame, G, 31)


def run_gated(own, treat=None, m_set=None, rupture_set=None):
    """y at every occasion; shape (occasions, runs, clients)."""
    rng, shape = np.random.default_rng(7), (OCCASIONS, RUNS, CLIENTS)
    noise, chance = rng.normal(size=(3, *shape)), rng.random(shape)
    treat = TREAT if treat is None else np.full(CLIENTS, treat)
    m, y, rupture, repair = (np.zeros(shape) for _ in range(4))
    level = G["1 -> m"] + own["1 -> m"] + G["treat -> m"] * treat
    line = G["m(whole) -> y"] + G["m(whole) * treat -> y"] * treat
    bend = G["m(whole)^2 -> y"] + G["m(whole)^2 * treat -> y"] * treat
    context = G["m(client) -> y"] + G["m(client) * treat -> y"] * treat
    usual = G["1 -> y"] + own["1 -> y"] + G["treat -> y"] * treat + (context + line) * level + bend * level**2
    feedback = G["change(t-1) -> m"] + G["change(t-1) * treat -> m"] * treat
    for t in range(OCCASIONS):
        first = " | first" if t == 0 else ""
        m[t] = level + G[f"sigma(m{first})"] * noise[0, t]
        eta = G["1 -> rupture"] + own["1 -> rupture"] + G["treat -> rupture"] * treat + np.zeros(shape[1:])
        if t:
            m[t] += feedback * (y[t - 1] - y[0])
            eta = eta + G["m(t-1) -> rupture"] * (m[t - 1] - level)
        if m_set and t in m_set:
            m[t] = m_set[t]
        rupture[t] = chance[t] < expit(eta)
        if rupture_set and t in rupture_set:
            rupture[t] = rupture_set[t]
        repair[t] = rupture[t] * (G["m(session) -> repair"] * (m[t] - level) + G["sigma(repair)"] * noise[1, t])
        y[t] = usual + line * (m[t] - level) + bend * (m[t] ** 2 - level**2) + G[f"sigma(y{first})"] * noise[2, t]
        if t:
            slope = G["repair(t-1) -> y"] + own["repair(t-1) -> y"]
            y[t] += G["y(t-1) -> y"] * (y[t - 1] - usual) + slope * repair[t - 1]
            y[t] += G["rupture(t-1) -> y"] * rupture[t - 1]
    return y


def test_a_treatment_through_curves_changes_and_gates(gated):
    fit, own = gated
    one, other = (run_gated(own, treat=treat) for treat in (0, 1))
    agree(fit, one[3], other[3], of="treat", on="y(3)")
    agree(fit, one.mean(axis=0), other.mean(axis=0), of="treat", on="y")


@pytest.mark.parametrize("at", [1, 3])
def test_one_session_through_curves_changes_and_gates(gated, at):
    fit, own = gated
    one, other = (run_gated(own, m_set={1: value}) for value in (0.0, 1.5))
    agree(fit, one[at], other[at], of="m(1)", on=f"y({at})", contrast=(0, 1.5))


def test_with_the_gate_held_open(gated):
    fit, own = gated
    one, other = (run_gated(own, m_set={1: value}, rupture_set={2: 1}) for value in (0.0, 1.5))
    agree(fit, one[3], other[3], of="m(1)", on="y(3)", contrast=(0, 1.5), set={"rupture(2)": 1})


def test_the_gate_itself(gated):
    fit, own = gated
    one, other = (run_gated(own, rupture_set={1: value}) for value in (0, 1))
    agree(fit, one[3], other[3], of="rupture(1)", on="y(3)")


COUNTED = """
variables:
  x: {family: bernoulli}
  c: {family: poisson}
  l: {family: lognormal}
  y: {family: bernoulli}
  w: {level: client, family: bernoulli}
arrows:
  x(t-1) -> c: {varies_by: client, moderated_by: w}
  c(t-1) -> y: {varies_by: client}
  x -> l:
  l(t-1) -> y:
  c(t-1) -> c:
  y(t-1) -> y:
  x(t-1) -> x:
"""
C = {
    "1 -> x": -0.2, "x(t-1) -> x": 0.8, "1 -> l": 0.1, "x -> l": 0.4, "sigma(l)": 0.5, "1 -> y": -0.3, "c(t-1) -> y": 0.25,
    "l(t-1) -> y": -0.4, "y(t-1) -> y": 0.6, "1 -> c": 0.4, "x(t-1) -> c": 0.5, "x(t-1) * w -> c": -0.3,
    "c(t-1) -> c": 0.12, "w -> c": 0.3,
}  # fmt: skip


@pytest.fixture(scope="module")
def counted():
    rng, size = np.random.default_rng(1), CLIENTS * OCCASIONS
    frame = rows(x=rng.integers(0, 2, size), y=rng.integers(0, 2, size), w=np.repeat(TREAT, OCCASIONS))
    return pinned(COUNTED, frame.assign(c=rng.poisson(2, size), l=rng.lognormal(size=size)), C, 41)


def run_counted(own, x, start=1, seed=7, c_set=None):
    """Counts, and the chances of y, at every occasion; shape (occasions, runs, clients) each."""
    rng, shape = np.random.default_rng(seed), (OCCASIONS, RUNS, CLIENTS)
    share, noise = rng.random((3, *shape)), rng.normal(size=shape)
    moved, counts, lengths, chances, ill = (np.zeros(shape) for _ in range(5))
    usual_x = expit(C["1 -> x"] + own["1 -> x"])
    usual_l = np.exp(C["1 -> l"] + own["1 -> l"] + C["x -> l"] * usual_x)
    usual_c = np.exp(C["1 -> c"] + own["1 -> c"] + C["w -> c"] * TREAT)
    slope = C["x(t-1) -> c"] + own["x(t-1) -> c"] + C["x(t-1) * w -> c"] * TREAT
    for t in range(OCCASIONS):
        before = moved[t - 1] if t else 0.0
        moved[t] = share[0, t] < expit(C["1 -> x"] + own["1 -> x"] + C["x(t-1) -> x"] * before)
        if t == start:
            moved[t] = x
        eta = slope * before + C["c(t-1) -> c"] * (counts[t - 1] - usual_c) * (t > 0) + np.zeros(shape[1:])
        counts[t] = poisson.ppf(share[1, t], usual_c * np.exp(eta))
        if c_set is not None and t == 2:
            counts[t] = c_set
        lengths[t] = np.exp(C["1 -> l"] + own["1 -> l"] + C["x -> l"] * moved[t] + C["sigma(l)"] * noise[t])
        eta = C["1 -> y"] + own["1 -> y"] + np.zeros(shape[1:])
        if t:
            eta = eta + (C["c(t-1) -> y"] + own["c(t-1) -> y"]) * (counts[t - 1] - usual_c)
            eta = eta + C["l(t-1) -> y"] * (lengths[t - 1] - usual_l) + C["y(t-1) -> y"] * ill[t - 1]
        chances[t] = expit(eta)
        ill[t] = share[2, t] < chances[t]
    return counts, chances


@pytest.mark.slow
@pytest.mark.parametrize(("on", "start"), [("y(2)", 1), ("y(3)", 0)])
def test_one_session_through_counts_and_long_tails(counted, on, start):
    fit, own = counted
    one, other = (run_counted(own, x, start)[1][int(on[2])] for x in (0, 1))
    agree(fit, one, other, of=f"x({start})", on=on)


@pytest.mark.slow
def test_counts_that_are_drawn_from_a_copy_of_each_clients_future(counted):
    """x(1) changes c(2) and, past it, l(1) and x(2): c(2) is drawn under each value, the rest lives under the second."""
    fit, own = counted
    copies = [run_counted(own, x, seed=8)[0][2] for x in (0, 1)]
    one, other = (run_counted(own, 1, c_set=copy)[1][3] for copy in copies)
    agree(fit, one, other, of="x(1)", on="y(3)", kind="indirect", through=["c"], mediators="interventional")
