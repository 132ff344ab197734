"""Censored times as they are simulated: shares against survival at the end of each unit's follow-up."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import gamma

import mechanisms as mx
from mechanisms.errors import DataError, FitError, SpecError

N, SHAPE = 40_000, 1.7
X = np.random.default_rng(0).normal(size=N)
MEAN = np.exp(0.5 + 0.4 * X)


def plan_of(family):
    return mx.compile(
        mx.parse(f"variables: {{e: {{family: bernoulli}}, y: {{family: {family}, event: e}}, x: }}\narrows: [x -> y]\n")
    )


def numbers(plan):
    return {"1 -> y": 0.5, "x -> y": 0.4} | {name: SHAPE for name in plan.parameters if name[-3:] == "(y)"}


SURVIVAL = {
    "weibull": lambda end: np.exp(-((end * gamma(1 + 1 / SHAPE) / MEAN) ** SHAPE)),
    "gamma": lambda end: stats.gamma.sf(end, SHAPE, scale=MEAN / SHAPE),
    "lognormal": lambda end: stats.norm.sf((np.log(end) - 0.5 - 0.4 * X) / SHAPE),
}


@pytest.mark.parametrize("family", SURVIVAL)
def test_everybody_is_followed_for_the_same_time(family):
    plan = plan_of(family)
    made = mx.simulate(plan, pd.DataFrame({"x": X, "e": 0, "y": 2.0}), numbers(plan), seed=3)
    share = SURVIVAL[family](2.0)
    error = np.sqrt((share * (1 - share)).sum()) / N
    assert (made["e"] == 0).mean() == pytest.approx(share.mean(), abs=4 * error)
    assert (made.loc[made["e"] == 0, "y"] == 2.0).all()
    assert (made.loc[made["e"] == 1, "y"] < 2.0).all()


def test_each_is_followed_as_long_as_the_data_say_and_others_to_the_event():
    plan, rng = plan_of("weibull"), np.random.default_rng(1)
    given = pd.DataFrame({"x": X, "e": rng.integers(0, 2, N), "y": rng.exponential(2, N)})
    made = mx.simulate(plan, given, numbers(plan), seed=3)
    censored = (given["e"] == 0).to_numpy()
    assert (made.loc[~censored, "e"] == 1).all()
    share = SURVIVAL["weibull"](given["y"].to_numpy())[censored]
    error = np.sqrt((share * (1 - share)).sum()) / censored.sum()
    assert (made.loc[censored, "e"] == 0).mean() == pytest.approx(share.mean(), abs=4 * error)
    assert (made["y"] <= np.where(censored, given["y"], np.inf)).all()
    free = mx.simulate(plan, given.assign(e=1), numbers(plan), seed=3)
    seen = made["e"] == 1
    np.testing.assert_array_equal(made.loc[seen, "y"], free.loc[seen, "y"])


def test_data_that_were_bound_are_followed_alike():
    plan, rng = plan_of("gamma"), np.random.default_rng(1)
    given = pd.DataFrame({"x": X[:300], "e": rng.integers(0, 2, 300), "y": rng.exponential(2, 300)})
    one = mx.simulate(plan, given, numbers(plan), seed=3)
    other = mx.simulate(plan, mx.bind(plan.theory, given), numbers(plan), seed=3)
    pd.testing.assert_frame_equal(one, other)
    assert mx.bind(plan.theory, one).n == 300


def test_times_of_clients_are_censored_by_client():
    theory = (
        "levels: [session, client]\ntime: session\n"
        "variables: {a: , e: {level: client, family: bernoulli}, w: {level: client, family: weibull, event: e}}\n"
        "arrows: [a(client) -> w]\n"
    )
    plan = mx.compile(mx.parse(theory))
    rows = pd.DataFrame({"client": np.repeat(np.arange(400), 3), "session": [0, 1, 2] * 400, "e": 0, "w": 1.5})
    given = {"1 -> a": 0.0, "sigma(a)": 1.0, "sd(1 -> a | client)": 0.0, "1 -> w": 0.3, "a(client) -> w": 0.5}
    given |= {name: SHAPE for name in plan.parameters if name not in given}
    made = mx.simulate(plan, rows, given, seed=5).groupby("client").first()
    share = float(np.exp(-((1.5 * gamma(1 + 1 / SHAPE) / np.exp(0.3)) ** SHAPE)))
    assert (made["e"] == 0).mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 400))
    assert made["w"].max() == 1.5


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda rows: rows.drop(columns="y"), DataError, "needs 'y'"),
        (lambda rows: rows.assign(y=-1.0), DataError, "is a time"),
        (lambda rows: rows.assign(y=np.where(rows["e"] == 0, np.nan, 1.0)), (DataError, FitError), "missing|no value"),
    ],
)
def test_a_follow_up_that_nobody_knows(change, error, words):
    plan = plan_of("weibull")
    rows = pd.DataFrame({"x": X[:50], "e": np.arange(50) % 2, "y": 2.0})
    with pytest.raises(error, match=words):
        mx.simulate(plan, change(rows), numbers(plan), seed=1)


@pytest.mark.parametrize("arrow", ["y -> z", "x -> z: {moderated_by: y}", "x -> z: {only_when: {y: 1..2}}"])
def test_a_time_that_may_be_censored_is_looked_at_by_nothing(arrow):
    """Where it was censored, nobody knows what its effect would have seen."""
    key, _, options = arrow.partition(": ")
    text = f"variables: {{e: {{family: bernoulli}}, y: {{family: weibull, event: e}}, x: , z: }}\narrows: {{x -> y: , {key}: {options}}}\n"
    with pytest.raises(SpecError, match="y may be censored"):
        mx.compile(mx.parse(text))
