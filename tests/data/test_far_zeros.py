"""What binding says where a 0 that nobody has decides what a number speaks of."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx

HEAD = "levels: [session, client]\ntime: session\nvariables: {m: , y: }\narrows:\n  "
LAGS = ["m(whole t-1) -> y:", "m(t-1) -> y: {shape: quadratic}", "m(t-1) -> y: {shape: {spline: 3}}"]


def bind(arrows, shift):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"client": np.repeat(np.arange(20), 5), "session": np.tile(np.arange(5), 20)})
    frame = frame.assign(m=rng.normal(shift, 1, 100), y=rng.normal(size=100))
    return mx.bind(mx.parse(HEAD + "\n  ".join(arrows)), frame).warnings


@pytest.mark.parametrize("lag", LAGS)
def test_a_lagged_whole_cause_far_from_0_beside_the_outcomes_own_lag(lag):
    (said,) = bind([lag, "y(t-1) -> y:"], 10)
    assert "centre m" in said
    assert "beside y's own lag" in said


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize(("others", "shift"), [(["y(t-1) -> y:"], 0), ([], 10), (["m(t-1) -> m:"], 10)])
def test_nothing_is_said_about_a_zero_that_is_near_or_of_no_consequence(lag, others, shift):
    assert bind([lag, *others], shift) == ()


def test_departures_have_their_own_zero():
    assert bind(["m(t-1) -> y:", "y(t-1) -> y:"], 10) == ()
