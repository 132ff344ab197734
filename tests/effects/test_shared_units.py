"""Clients who share therapists: whose deviations an effect has. The witness is arithmetic with the pinned deviations.

Each client's slope is the weighted mean of its therapists' slopes, and its indirect effect the product of two of them.
"""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx

A, B, DIRECT = 0.3, 0.4, 0.1
SD = (0.4, 0.3)
TOGETHER = 0.6
THEORY = mx.parse(
    "levels:\n  client: {shared_by: therapist}\n  therapist:\n"
    "variables: {'x, m, y': {level: client}}\n"
    "arrows:\n  x -> m: {varies_by: therapist}\n  m -> y: {varies_by: therapist}\n  x -> y:\n"
)
N, THERAPISTS = 60, 6


@pytest.fixture(scope="module")
def shared():
    """A pinned fit, the clients' weights of their therapists (n, therapists), and the therapists' deviations (2, therapists)."""
    rng = np.random.default_rng(3)
    first = np.arange(N) % THERAPISTS
    second = (first + 1 + np.arange(N) % (THERAPISTS - 1)) % THERAPISTS
    share = rng.uniform(0.2, 0.9, N)
    frame = pd.DataFrame({"client": np.arange(N), "one": first, "two": second, "w1": share, "w2": 1 - share})
    frame = frame.assign(x=rng.normal(size=N), m=rng.normal(size=N), y=rng.normal(size=N))
    plan = mx.compile(THEORY)
    data = mx.bind(THEORY, frame, {"therapist": ["one", "two"], "therapist weight": ["w1", "w2"]})
    order = [int(each) for each in data.units("therapist").labels]
    weights = np.zeros((N, THERAPISTS))
    weights[np.arange(N), first], weights[np.arange(N), second] = share, 1 - share
    own = rng.normal(size=(2, THERAPISTS)) * np.array(SD)[:, None]
    values = {"1 -> m": 1, "x -> m": A, "sigma(m)": 0.6, "1 -> y": 2, "m -> y": B, "x -> y": DIRECT, "sigma(y)": 0.7}
    values |= {f"sd({each} | therapist)": 0.5 for each in ("1 -> m", "1 -> y")}
    values |= {"sd(x -> m | therapist)": SD[0], "sd(m -> y | therapist)": SD[1]}
    values["cor(therapist)"] = {"x -> m <-> m -> y": TOGETHER}
    slopes = {("x -> m", "therapist"): own[0, order], ("m -> y", "therapist"): own[1, order]}
    zeros = {(each, "therapist"): np.zeros(THERAPISTS) for each in plan.varying[0].quantities}
    return mx.pin(plan, data, values, zeros | slopes), weights, own


def indirect(fit, population):
    return mx.estimate(fit, mx.Question(of="x", on="y", kind="indirect", population=population))


def test_the_average_over_these_clients_mixes_their_therapists(shared):
    fit, weights, own = shared
    a, b = A + weights @ own[0], B + weights @ own[1]
    assert indirect(fit, "these")["indirect"].draws.item() == pytest.approx(np.mean(a * b), abs=1e-12)


def test_a_therapist_has_deviations_of_its_own_alone(shared):
    fit, _, own = shared
    rows = indirect(fit, {"each": "therapist"}).rows
    assert len(rows) == THERAPISTS
    for row in rows:
        at = int(row.unit.removeprefix("therapist="))
        assert row.draws.item() == pytest.approx((A + own[0, at]) * (B + own[1, at]), abs=1e-12)


def test_whose_effect_it_is_stands_in_words(shared):
    fit, _, _ = shared
    assert "as if they had no other therapist" in str(indirect(fit, {"each": "therapist"}))


def test_new_therapists_share_clients_as_these_do(shared):
    fit, weights, _ = shared
    expected = A * B + TOGETHER * SD[0] * SD[1] * np.mean(np.square(weights).sum(axis=1))
    found = indirect(fit, {"new": "therapist"})["indirect"].draws.item()
    assert found == pytest.approx(
        expected, abs=5 * 0.005 * expected
    )  # a fit of one draw is averaged to half a per cent
    assert found < A * B + 0.95 * TOGETHER * SD[0] * SD[1]  # less than for clients with one therapist each


def test_a_correlation_as_a_table_shows_it(shared):
    fit, _, _ = shared
    with pytest.raises(mx.MechanismsError, match=r"cor\(therapist\): \{'x -> m <-> m -> y': …\}"):
        mx.pin(fit.plan, fit.data, {"cor(x -> m ~ m -> y | therapist)": 0.6})
