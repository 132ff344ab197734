"""What exists in one arm only: a level, a mediator without an equation, a course. The witness is arithmetic (language R12).

What does not exist contributes nothing, so that giving somebody the arm gives him what exists there.
"""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import IdentificationError

NESTED = """
levels:
  client: {in: therapist}
  therapist: {only_when: {arm: therapy}}
variables:
  arm: {level: client, family: categorical, values: [waitlist, therapy], assigned: randomised}
  alliance: {level: client, only_when: {arm: therapy}}
  outcome: {level: client}
arrows:
  arm -> outcome:
  alliance -> outcome:
"""
ARM, SLOPE, MEAN = -2.0, -1.0, 4.0
SIZES = (3, 7, 10)
PINNED = {"1 -> outcome": 20, "arm=therapy -> outcome": ARM, "sigma(outcome)": 1, "sd(1 -> outcome | therapist)": 2}


@pytest.fixture(scope="module")
def clients():
    rng = np.random.default_rng(4)
    therapist = np.repeat(["a", "b", "c"], SIZES)
    frame = pd.DataFrame({"client": range(40), "therapist": [*therapist, *[None] * 20]})
    frame = frame.assign(arm=np.repeat(["therapy", "waitlist"], 20), outcome=rng.normal(size=40))
    return frame.assign(alliance=np.where(frame.arm == "therapy", rng.normal(MEAN, 1, 40), np.nan))


def pin(text, frame, values, deviations):
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    return mx.pin(plan, data, values, deviations)


def ask(fit, **said):
    return [row.draws.item() for row in mx.estimate(fit, mx.Question(**said)).rows]


def test_therapists_are_part_of_what_the_arm_that_has_them_does(clients):
    text = NESTED.replace("  alliance: {level: client, only_when: {arm: therapy}}\n", "").replace(
        "  alliance -> outcome:\n", ""
    )
    own = np.array([1.5, -0.5, 3.0])
    fit = pin(text, clients.drop(columns="alliance"), PINNED, {("1 -> outcome", "therapist"): own})
    assert list(fit.data.units("therapist").labels) == ["a", "b", "c"]
    each = ask(fit, of="arm", on="outcome", population={"each": "therapist"})
    np.testing.assert_allclose(each, ARM + own, atol=1e-12)
    notes = mx.estimate(fit, mx.Question(of="arm", on="outcome")).notes
    assert any("20 of 40 clients have no therapist in the data" in note for note in notes)
    these = ARM + np.repeat(own, SIZES).sum() / 40  # whoever was on the waitlist would get an average new one
    np.testing.assert_allclose(ask(fit, of="arm", on="outcome"), [these], atol=1e-12)
    np.testing.assert_allclose(ask(fit, of="arm", on="outcome", population={"new": "therapist"}), [ARM], atol=1e-12)


@pytest.mark.parametrize("extra", ["", "  1 -> alliance: {varies_by: [therapist]}\n"])
def test_a_mediator_of_one_arm_is_what_the_arm_brings(clients, extra):
    values = PINNED | {"alliance -> outcome": SLOPE}
    mean = clients.alliance.mean()
    if extra:
        values |= {"1 -> alliance": mean, "sigma(alliance)": 1, "sd(1 -> alliance | therapist)": 0.3}
    fit = pin(NESTED + extra, clients, values, {})
    found = mx.decompose(fit, "arm", "outcome").summary()["mean"]
    assert found["total"] == pytest.approx(ARM + SLOPE * mean, abs=1e-9)
    assert found["direct"] == pytest.approx(ARM, abs=1e-9)
    assert found["arm -> alliance -> outcome"] == pytest.approx(SLOPE * mean, abs=1e-9)


@pytest.mark.parametrize("option", ["{shape: quadratic}", "{moderated_by: alliance2}"])
def test_where_more_than_its_mean_matters_an_equation_is_asked_for(clients, option):
    text = NESTED.replace("  alliance -> outcome:", f"  alliance -> outcome: {option}")
    if "alliance2" in option:
        text = text.replace("  outcome: {level", "  alliance2: {level: client, is: 2*alliance}\n  outcome: {level")
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, clients)
    fit = mx.pin(plan, data, dict.fromkeys(plan.parameters, 1.0))
    with pytest.raises(IdentificationError, match=r"give it an equation, 1 -> alliance: {varies_by: \[therapist\]}"):
        mx.estimate(fit, mx.Question(of="arm", on="outcome"))


def test_no_mean_over_all_of_what_some_do_not_have(clients):
    theory = mx.parse(NESTED)
    plan, data = mx.compile(theory), mx.bind(theory, clients)
    fit = mx.pin(plan, data, dict.fromkeys(plan.parameters, 1.0))
    with pytest.raises(IdentificationError, match="alliance exists only where arm is therapy"):
        mx.estimate(fit, mx.Question(of="arm", on="alliance"))


SESSIONS = """
levels: [session, client]
time: session
variables:
  arm: {level: client, family: bernoulli, assigned: randomised}
  bond: {only_when: {arm: 1}, assessed: end}
  y: {assessed: start}
arrows:
  1 -> bond: {varies_by: client}
  bond(client) -> y:
  arm -> y:
"""
TRUTH = {"1 -> y": 10, "bond(client) -> y": -1, "arm -> y": -2, "sigma(y)": 0.5, "1 -> bond": 4, "sigma(bond)": 0.5}
TRUTH |= {"sd(1 -> y | client)": 0.5, "sd(1 -> bond | client)": 1.0}


def draw_sessions(clients, seed):
    """The study by hand: nobody without the arm has a bond, and no bond moves his y."""
    rng, times = np.random.default_rng(seed), 6
    frame = pd.DataFrame(
        {"client": np.repeat(np.arange(clients), times), "session": np.tile(np.arange(times), clients)}
    )
    arm, bond = np.arange(clients) % 2, 4 + rng.normal(size=clients)
    mean = 10 + 0.5 * rng.normal(size=clients) + np.where(arm == 1, -2 - bond, 0)
    frame = frame.assign(arm=arm[frame.client], y=mean[frame.client] + 0.5 * rng.normal(size=len(frame)))
    return frame.assign(bond=np.where(frame.arm == 1, bond[frame.client] + 0.5 * rng.normal(size=len(frame)), np.nan))


def test_the_course_of_what_one_arm_has_moves_nobody_in_the_other():
    fit = pin(SESSIONS, draw_sessions(40, 1), TRUTH, {})
    found = mx.decompose(fit, "arm", "y").summary()["mean"]
    for label, expected in (("total", -6), ("direct", -2), ("arm -> bond -> y", -4)):
        assert found[label] == pytest.approx(expected, abs=1e-9)


def test_a_simulated_study_has_no_bond_in_the_arm_without():
    theory = mx.parse(SESSIONS)
    still = TRUTH | {name: 1e-9 for name in TRUTH if name.startswith(("sigma", "sd("))}
    drawn = mx.simulate(mx.compile(theory), draw_sessions(10, 1), still, seed=1)
    np.testing.assert_allclose(drawn.y, np.where(drawn.arm == 1, 4, 10), atol=1e-6)


def test_a_fit_finds_what_was_drawn_by_hand():
    fit = mx.fit(mx.parse(SESSIONS), draw_sessions(300, 0), seed=1)
    doubts = mx.diagnose(fit)
    assert "can be trusted" in str(doubts)
    for name in ("1 -> y", "bond(client) -> y", "arm -> y", "sd(1 -> y | client)", "sd(1 -> bond | client)"):
        draws = fit.draws[name].values
        assert abs(draws.mean() - TRUTH[name]) < 3 * draws.std(), name
