"""Sums of columns that are never in memory: the same draws and effects as with the rows; and rows that come later."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mechanisms as mx
from mechanisms.data import streams
from mechanisms.errors import DataError

THEORY = """
variables: {x: , pre: , post: , gain: {is: post - pre}, twice: {is: 2 * gain + x}, y: , z: }
arrows:
  x -> post:
  pre -> post:
  gain -> y: {moderated_by: x}
  twice -> z:
"""


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(4)
    found = pd.DataFrame(rng.normal(50, 3, size=(900, 2)), columns=["x", "pre"])
    found["post"] = 0.4 * found.x + 0.5 * found.pre + rng.normal(size=900)
    found["y"] = 0.7 * (found.post - found.pre) + rng.normal(size=900)
    found["z"] = 0.2 * found.post + rng.normal(size=900)
    return found


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(streams, "MOST_CELLS", 1)
    monkeypatch.setattr(streams, "_ROWS", 317)


def test_a_streamed_sum_is_that_of_rows_in_memory(frame, large):
    theory = mx.parse(THEORY)
    plan = mx.compile(theory)
    whole = mx.bind(theory, frame)
    data = mx.bind(theory, pl.from_pandas(frame).lazy())
    assert data.sums is not None
    for name in ("gain", "twice"):
        ours, theirs = data.numbers(name), whole.numbers(name)
        np.testing.assert_allclose(
            [ours.mean, ours.sd, ours.lowest, ours.highest], [theirs.mean, theirs.sd, theirs.lowest, theirs.highest]
        )
    ours, theirs = mx.sample(plan, data, seed=1), mx.sample(plan, whole, seed=1)
    for address, draws in theirs.parameters.items():
        np.testing.assert_allclose(ours.parameters[address], draws, rtol=1e-6, atol=1e-8, err_msg=address)
    for asked in ({"on": "y", "kind": "indirect", "through": "gain"}, {"on": "gain"}, {"on": "z"}):
        one, other = (mx.estimate(fit, mx.Question(of="pre", **asked)).rows[0].draws for fit in (ours, theirs))
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)


def test_rows_that_come_later_bring_their_sums(frame):
    """With priors that do not depend on the first rows: the fit of all rows."""
    theory = mx.parse("""
variables: {x: , pre: , post: , gain: {is: post - pre}, twice: {is: 2 * gain + x}, y: , z: }
arrows: [gain -> y, twice -> z]
priors:
  gain -> y: {normal: [0, 1]}
  twice -> z: {normal: [0, 1]}
  1 -> y: {normal: [0, 100]}
  1 -> z: {normal: [0, 100]}
  sigma(y): {half_normal: 2}
  sigma(z): {half_normal: 2}
""")
    plan = mx.compile(theory)
    later = mx.update(mx.sample(plan, mx.bind(theory, frame[:500]), seed=1), frame[500:], seed=1)
    whole = mx.sample(plan, mx.bind(theory, frame), seed=1)
    for address, draws in whole.parameters.items():
        np.testing.assert_allclose(later.parameters[address].mean(), draws.mean(), rtol=1e-3, atol=0.02 * draws.std())
        np.testing.assert_allclose(later.parameters[address].std(), draws.std(), rtol=0.05)


def test_conditions_need_the_rows(frame, large):
    theory = mx.parse("variables: {x: , y: }\narrows: {x -> y: {only_when: {x: 50..}}}")
    with pytest.raises(DataError, match="only_when is looked up row by row"):
        mx.bind(theory, pl.from_pandas(frame).lazy())
