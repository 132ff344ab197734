"""Effects through coefficients that are variables, and through products of whole values, which move courses too."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx

CLIENTS, SESSIONS = 40, 8
FRAME = pd.DataFrame(
    {"client": np.repeat(np.arange(CLIENTS), SESSIONS), "session": np.tile(np.arange(SESSIONS), CLIENTS)}
).assign(
    xc=lambda frame: frame.client % 2,
    z=np.random.default_rng(0).integers(0, 2, CLIENTS * SESSIONS),
    v=np.random.default_rng(0).normal(3, 1, CLIENTS * SESSIONS),
)
HEAD = "levels: [session, client]\ntime: session\n"
INERT = """
variables:
  m, y:
  inert: {level: client, is: m(t-1) -> m}
  react: {level: client, is: m(t-1) -> y}
  xc: {level: client, family: bernoulli}
arrows:
  m(t-1) -> m, y: {varies_by: client}
  xc -> inert, react:
"""
INERT_VALUES = {
    "1 -> m": 1.0, "sigma(m)": 1.0, "sigma(m | first)": 1.0, "sd(1 -> m | client)": 0.5,
    "1 -> inert": 0.3, "xc -> inert": 0.2, "sigma(inert)": 0.1,
    "1 -> y": 0.0, "sigma(y)": 1.0, "sigma(y | first)": 1.0, "sd(1 -> y | client)": 0.5,
    "1 -> react": 0.4, "xc -> react": -0.3, "sigma(react)": 0.1, "cor(client)": 0,
}  # fmt: skip
HALF = np.arange(CLIENTS) % 2
OWN, ON = 0.3 + 0.2 * HALF, 0.4 - 0.3 * HALF  # what inert and react are, but for their spread


def pin(text, values, frame=FRAME):
    theory = mx.parse(HEAD + text)
    plan = mx.compile(theory)
    return mx.pin(plan, mx.bind(theory, mx.simulate(plan, frame, values, seed=1)), values)


def ask(fit, of, on, **more):
    return mx.estimate(fit, mx.Question(of=of, on=on, **more)).summary()["mean"].to_numpy()


@pytest.fixture(scope="module")
def inert():
    return pin(INERT, INERT_VALUES)


@pytest.mark.parametrize(
    ("of", "on", "expected"),
    [
        ("m(2)", "m(3)", OWN.mean()),
        ("m(2)", "m(4)", (OWN**2).mean()),
        ("m(2)", "y(3)", ON.mean()),
        ("m(2)", "y(4)", (OWN * ON).mean()),
    ],
)
def test_a_change_is_carried_by_a_coefficient_that_is_a_variable(inert, of, on, expected):
    assert ask(inert, of, on) == pytest.approx([expected])


def test_new_clients_differ_in_the_coefficient_beyond_what_is_known_of_them(inert):
    """E[inert²] has the variance of what is not known, and E[inert · react] no covariance."""
    new = {"new": "client"}
    assert ask(inert, "m(2)", "m(4)", population=new) == pytest.approx([(OWN**2).mean() + 0.1**2])
    assert ask(inert, "m(2)", "y(4)", population=new) == pytest.approx([(OWN * ON).mean()])
    assert ask(inert, "m(2)", "m(3)", population="typical") == pytest.approx([OWN.mean()])


def test_each_client_conditions_moderation_and_horizon(inert):
    assert ask(inert, "m(2)", "y(3)", population={"each": "client"}) == pytest.approx(ON)
    assert ask(inert, "m(2)", "y(3)", at={"xc": 1}) == pytest.approx([0.1])
    moderated = mx.moderate(inert, mx.Question(of="m(2)", on="y(3)"), by="xc").summary()["mean"]
    assert moderated.to_numpy()[:2] == pytest.approx([0.4, 0.1])
    steps = mx.horizon(inert, "m", "y", most=3).summary()["mean"].to_numpy()
    assert steps == pytest.approx([0, ON.mean(), (OWN * ON).mean(), (OWN**2 * ON).mean()])


def test_what_moves_the_coefficient_moves_what_it_leads_to(inert):
    """xc on y by way of react and inert: E[y(5)] is 0 whatever they are, since departures have mean 0."""
    assert ask(inert, "xc", "y(5)") == pytest.approx([0.0], abs=1e-9)


PLAIN = {"1 -> y": 0.0, "sigma(y)": 1.0, "sd(1 -> y | client)": 0.5}
NOW = [
    ("z", "z: {family: bernoulli},", "z -> y", {"z -> y": 0.4, "z * xc -> y": 0.3}),
    ("v", "v: ,", "v(whole) -> y", {"v(whole) -> y": 0.4, "v(whole) * xc -> y": 0.3}),
]


@pytest.mark.parametrize(("cause", "declared", "arrow", "values"), NOW)
def test_what_only_moderates_a_whole_value_moves_the_course(cause, declared, arrow, values):
    text = f"variables: {{{declared} y: , xc: {{level: client, family: bernoulli}}}}\n"
    fit = pin(text + f"arrows: {{'{arrow}': {{moderated_by: xc}}}}\nwithout: [xc -> y]", {**PLAIN, **values})
    means = FRAME.groupby("session")[cause].mean()
    for occasion in (0, 3, 7):
        assert ask(fit, "xc", f"y({occasion})") == pytest.approx([0.3 * means[occasion]])
    assert ask(fit, "xc", "y") == pytest.approx([0.3 * FRAME[cause].mean()])


@pytest.mark.parametrize(("cause", "declared", "arrow", "values"), NOW)
def test_a_coefficient_of_a_whole_value_moves_the_course(cause, declared, arrow, values):
    text = f"variables: {{{declared} y: , react: {{level: client, is: '{arrow}'}}, xc: {{level: client, family: bernoulli}}}}\n"
    given = {**PLAIN, "1 -> react": 0.4, "xc -> react": 0.3, "sigma(react)": 0.1, "cor(client)": 0}
    fit = pin(text + f"arrows: {{'{arrow}': {{varies_by: client}}, xc -> react: }}", given)
    means = FRAME.groupby("session")[cause].mean()
    for occasion in (0, 7):
        assert ask(fit, "xc", f"y({occasion})") == pytest.approx([0.3 * means[occasion]])


def test_a_mediator_that_only_moderates():
    """xc -> w, and w multiplies z: what xc does to y is what it does to w, times the mean of z."""
    text = """
variables: {z: {family: bernoulli}, w: {level: client}, y: , xc: {level: client, family: bernoulli}}
arrows: {xc -> w: , z -> y: {moderated_by: w}}
without: [w -> y]
"""
    given = {**PLAIN, "1 -> w": 1.0, "xc -> w": 0.5, "sigma(w)": 1.0, "z -> y": 0.4, "z * w -> y": 0.3}
    fit = pin(text, given)
    share = FRAME.z.mean()
    assert ask(fit, "xc", "y") == pytest.approx([0.3 * 0.5 * share])
    assert ask(fit, "w", "y") == pytest.approx([0.3 * share])


def test_direct_and_indirect_effects_through_the_course_add_up():
    """m moves y's course and departures, more so with xc: both versions of both effects, against products of means."""
    text = """
variables: {m: , y: , xc: {level: client, family: bernoulli}}
arrows: {xc -> m: , 'm(whole) -> y': {moderated_by: xc}}
without: [xc -> y]
"""
    given = {"1 -> m": 1.0, "xc -> m": 0.5, "sigma(m)": 1.0, "sd(1 -> m | client)": 0.5}
    given |= {"m(whole) -> y": 0.4, "m(whole) * xc -> y": 0.3}
    fit = pin(text, {**PLAIN, **given})
    found = mx.decompose(fit, "xc", "y").summary()["mean"]
    expected = {
        "total": 0.7 * 1.5 - 0.4,
        "direct": 0.3,
        "indirect": 0.7 * 0.5,
        "total direct": 0.45,
        "pure indirect": 0.2,
    }
    assert found[list(expected)].to_dict() == pytest.approx(expected)
    assert ask(fit, "xc", "y", kind="direct") == pytest.approx([0.3, 0.45])
    assert ask(fit, "xc", "y", kind="indirect", through="m") == pytest.approx([0.35, 0.2])
