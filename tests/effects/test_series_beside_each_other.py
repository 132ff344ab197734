"""Sessions and weeks of the same clients: two series that meet in their courses, against formulas and each client's own numbers."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import IdentificationError

CLIENTS, SESSIONS, WEEKS = 12, 5, 3
TEXT = """
levels: {session: {in: client}, week: {in: client}, client: }
time: [session, week]
variables:
  treat: {level: client, family: bernoulli, assigned: randomised}
  a, b: {level: session}
  q: {level: session, family: bernoulli}
  y: {level: week}
  ill: {level: week, family: bernoulli}
arrows:
  treat -> a:
  a -> b: {varies_by: client, moderated_by: q}
  b(client) -> y:
  treat -> y:
  y(t-1) -> y:
  y -> ill:
  b(client) -> ill:
"""
NUMBERS = {
    "1 -> a": 0.3, "treat -> a": 0.8, "a(session) -> b": 0.5, "a(session) * q -> b": 0.2, "a(client) -> b": 0.6, "b(client) -> y": 0.4,
    "treat -> y": -0.1, "y(t-1) -> y": 0.5, "y(client) -> ill": 0.3, "y(week) -> ill": 0.7, "b(client) -> ill": 0.9,
    "1 -> ill": -0.2, "sigma(y)": 0.8, "sigma(y | first)": 1.1,
}  # fmt: skip
TREAT = np.arange(CLIENTS) % 2
SLOPES, LEVELS = np.random.default_rng(3).normal(0, 0.5, size=(2, CLIENTS))


def frames():
    rng = np.random.default_rng(1)
    session = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), SESSIONS), "session": [*range(SESSIONS)] * CLIENTS})
    week = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), WEEKS), "week": [*range(WEEKS)] * CLIENTS})
    session = session.assign(a=rng.normal(size=len(session)), b=rng.normal(size=len(session)))
    week = week.assign(y=rng.normal(size=len(week)), ill=rng.integers(0, 2, len(week)))
    return {
        "session": session.assign(q=rng.integers(0, 2, len(session))),
        "week": week,
        "client": pd.DataFrame({"client": np.arange(CLIENTS), "treat": TREAT}),
    }


def pinned(text=TEXT, numbers=NUMBERS):
    plan = mx.compile(mx.parse(text))
    given = {name: float(name.startswith(("sd(", "sigma("))) for name in plan.parameters}
    given |= {each.correlation: 0 for each in plan.varying if each.correlated}
    own = {("a(session) -> b", "client"): SLOPES, ("1 -> ill", "client"): LEVELS}
    return mx.pin(plan, mx.bind(plan.theory, frames()), given | numbers, own)


@pytest.fixture(scope="module")
def fit():
    return pinned()


def ask(fit, **question):
    return float(mx.estimate(fit, mx.Question(**question)).rows[0].draws.item())


def q_at(occasion):
    return frames()["session"].query(f"session == {occasion}")["q"].to_numpy()


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"of": "a(2)", "on": "b(2)"}, (0.5 + SLOPES + 0.2 * q_at(2)).mean()),
        ({"of": "a(2)", "on": "b(2)", "at": {"q(2)": 1}}, (0.7 + SLOPES)[q_at(2) == 1].mean()),
        ({"of": "y(0)", "on": "y(2)"}, 0.25),
        ({"of": "b(client)", "on": "y(1)"}, 0.4),
        ({"of": "treat", "on": "y(2)"}, 0.8 * 0.6 * 0.4 - 0.1),
        ({"of": "treat", "on": "b(4)"}, 0.8 * 0.6),
    ],
)
def test_each_series_by_itself_and_both_by_their_courses(fit, question, expected):
    question = {"contrast": (0, 1), **question}
    assert ask(fit, **question) == pytest.approx(float(expected), abs=1e-9)


def test_a_chance_in_one_series_that_follows_the_other(fit):
    """The course of b by way of sessions, departures of y and their noise by way of weeks."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    spread = np.sqrt(0.8**2 + 0.25 * 1.1**2)  # of y's departure in week 1
    chances = []
    for treat in (0, 1):
        b = 0.6 * (0.3 + 0.8 * treat)
        y = 0.4 * b - 0.1 * treat
        eta = -0.2 + LEVELS + 0.3 * y + 0.9 * b
        chances.append(np.mean(1 / (1 + np.exp(-eta[:, None] - 0.7 * spread * nodes)) @ (weights / weights.sum())))
    assert ask(fit, of="treat", on="ill(1)") == pytest.approx(chances[1] - chances[0], rel=0.025)


def test_series_of_different_units_are_refused():
    text = (
        "levels: {session: {in: client}, meeting: {in: team}, client: {in: team}, team: }\ntime: [session, meeting]\n"
    )
    text += "variables: {a: {level: session}, b: {level: session}, c: {level: meeting}, d: {level: meeting}}\n"
    plan = mx.compile(mx.parse(text + "arrows: {a -> b: , c -> d: }\n"))
    rng = np.random.default_rng(1)
    session = pd.DataFrame({"client": np.repeat(np.arange(6), 4), "session": [*range(4)] * 6})
    meeting = pd.DataFrame({"team": np.repeat(np.arange(3), 4), "meeting": [*range(4)] * 3})
    data = mx.bind(
        plan.theory,
        {
            "session": session.assign(a=rng.normal(size=24), b=rng.normal(size=24)),
            "meeting": meeting.assign(c=rng.normal(size=12), d=rng.normal(size=12)),
            "client": pd.DataFrame({"client": np.arange(6), "team": np.arange(6) // 2}),
        },
    )
    given = dict.fromkeys(plan.parameters, 1.0) | {each.correlation: 0 for each in plan.varying if each.correlated}
    with pytest.raises(IdentificationError, match="series of different units"):
        ask(mx.pin(plan, data, given), of="a(1)", on="b(1)")
