"""Sessions numbered from 0, 1 or 5 give the same effects. The witness is the recursion by hand from the data's first session."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import IdentificationError

THEORY = mx.parse(
    "levels: [session, client]\ntime: session\n"
    "variables:\n  arm: {level: client, family: bernoulli, assigned: randomised}\n  m: {assessed: end}\n  y: {assessed: start}\n"
    "arrows:\n  arm -> m:\n  m(whole t-1) -> y:\n  y(t-1) -> y:\n"
)
VALUES = {"1 -> m": 4, "arm -> m": 1, "sigma(m)": 1, "1 -> y": 0, "m(whole t-1) -> y": 0.5, "y(t-1) -> y": 0.4}
VALUES |= {
    "1 -> y | first": 2,
    "sigma(y)": 1,
    "sigma(y | first)": 1,
    "sd(1 -> m | client)": 0.5,
    "sd(1 -> y | client)": 0.5,
}


@pytest.fixture(scope="module", params=[0, 1, 5])
def pinned(request):
    rng, first = np.random.default_rng(0), request.param
    frame = pd.DataFrame({"client": np.repeat(np.arange(20), 5), "session": np.tile(np.arange(first, first + 5), 20)})
    frame = frame.assign(arm=frame.client % 2, m=rng.normal(4, 1, 100), y=rng.normal(size=100))
    return first, mx.pin(mx.compile(THEORY), mx.bind(THEORY, frame), VALUES | {"cor(client)": 0})


def by_hand(places):
    """What arm does to y place after place: nothing at first, then half of what it does to m, and .4 of what it did to y."""
    found = [0.0]
    for _ in range(1, places):
        found.append(0.5 + 0.4 * found[-1])
    return found


def test_a_numbered_occasion_is_as_far_from_the_first_as_in_the_data(pinned):
    first, fit = pinned
    for place, expected in enumerate(by_hand(7)):
        question = mx.Question(of="arm", on=f"y({first + place})")
        if place == 0:
            with pytest.raises(IdentificationError, match="zero by the theory"):
                mx.estimate(fit, question)
        else:
            assert mx.estimate(fit, question).rows[0].draws.item() == pytest.approx(expected, abs=1e-12)


def test_the_mean_of_the_occasions_is_that_of_the_single_ones(pinned):
    _, fit = pinned
    found = mx.estimate(fit, mx.Question(of="arm", on="y")).rows[0].draws.item()
    assert found == pytest.approx(np.mean(by_hand(5)), abs=1e-12)


def test_one_session_moved_leads_to_a_later_one(pinned):
    first, fit = pinned
    question = mx.Question(of=f"m({first + 1})", on=f"y({first + 3})")
    assert mx.estimate(fit, question).rows[0].draws.item() == pytest.approx(0.5 * 0.4, abs=1e-12)


def test_the_other_end_may_be_left_open(pinned):
    first, fit = pinned
    later = mx.estimate(fit, mx.Question(of=f"m({first + 1})", on="y"))
    assert later.rows[0].draws.item() == pytest.approx(0.5, abs=1e-12)
    assert f"y at occasion {first + 2}" in later.contrast


TREND = mx.parse(
    "levels: [session, client]\ntime: session\nvariables: {m: {assessed: end}, y: {assessed: start}}\n"
    "arrows: {'m(t-1) -> y': {moderated_by: session}}\n"
)


@pytest.mark.parametrize("first", [0, 1, 8])
def test_t_stands_for_an_occasion_of_the_data(first):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"client": np.repeat(np.arange(9), 6), "session": np.tile(np.arange(first, first + 6), 9)})
    data = mx.bind(TREND, frame.assign(m=rng.normal(4, 1, 54), y=rng.normal(size=54)))
    plan = mx.compile(TREND)
    values = dict.fromkeys(plan.parameters, 0.5) | {"m(t-1) -> y": 0.5, "m(t-1) * session -> y": -0.1, "cor(client)": 0}
    found = mx.estimate(mx.pin(plan, data, values), mx.Question(of="m(t)", on="y(t+1)"))
    assert f"occasion {first + 2} stands for t" in found.contrast  # with twice the longest lag before it
    assert found.rows[0].draws.item() == pytest.approx(0.5 - 0.1 * (first + 3), abs=1e-12)
