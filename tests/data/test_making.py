"""Computed variables of theories without levels: columns worked out of their parts', and sums that cannot be causes."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.data.dataset import ColumnView
from mechanisms.errors import DataError

TEXT = """
variables:
  twice: {is: 2 * gain - 0.5 * x}
  x:
  pre: {family: normal}
  post:
  gain: {is: post - pre}
  y:
arrows:
  x, pre -> post:
  gain, twice -> y:
"""


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(1)
    return pd.DataFrame(rng.normal(size=(60, 4)), columns=["x", "pre", "post", "y"])


def test_a_sum_is_that_of_its_parts_whatever_comes_first(frame):
    """`twice` stands before `gain`, which it is made of; a column of that name is not read, and that is said."""
    data = mx.bind(mx.parse(TEXT), frame.assign(gain=7.0))
    assert data.warnings == ("column 'gain' is not read: gain is computed (is: post - pre)",)
    gain = frame.post - frame.pre
    np.testing.assert_allclose(data["gain"].values, gain)
    np.testing.assert_allclose(data["twice"].values, 2 * gain - 0.5 * frame.x)
    np.testing.assert_allclose([data["gain"].mean, data["gain"].sd], [gain.mean(), gain.std()])
    assert (data["gain"].lowest, data["gain"].highest) == (gain.min(), gain.max())
    assert set(ColumnView(data)) == {"x", "pre", "post", "y", "gain", "twice"}
    assert [each.name for each in data.columns] == ["x", "pre", "post", "y"]


def test_a_sum_is_missing_where_a_part_is(frame):
    holes = frame.copy()
    holes.loc[:4, "post"], holes.loc[3:7, "pre"] = np.nan, np.nan
    data = mx.bind(mx.parse(TEXT), holes)
    assert list(np.flatnonzero(data["gain"].missing)) == list(np.flatnonzero(data["twice"].missing)) == list(range(8))
    assert data.incomplete == ("pre", "post")


def test_a_sum_has_no_column_of_its_own(frame):
    with pytest.raises(DataError, match="'gain' is computed"):
        mx.bind(mx.parse(TEXT), frame, columns={"gain": "x"})


def test_sums_that_tell_nothing_are_refused(frame):
    with pytest.raises(DataError, match="'gain' = post - pre is constant"):
        mx.bind(mx.parse(TEXT), frame.assign(post=frame.pre + 2))
    holes = frame.copy()
    holes.loc[:29, "post"], holes.loc[30:, "pre"] = np.nan, np.nan
    with pytest.raises(DataError, match="'gain' is computed from post and pre, which no row has together"):
        mx.bind(mx.parse(TEXT), holes)


def test_data_of_another_sum_are_refused(frame):
    theory, other = mx.parse(TEXT), mx.parse(TEXT.replace("post - pre", "post - 2 * pre"))
    with pytest.raises(DataError, match="gain is computed otherwise there"):
        mx.sample(mx.compile(theory), mx.bind(other, frame))


CONDITIONS = """
variables:
  x:
  arm: {family: categorical, values: [wait, cbt, pill]}
  sex: {family: bernoulli, values: [man, woman]}
  y:
arrows:
  x -> y: {only_when: {arm: [cbt, wait], sex: woman, age: 30..50}}
"""


def test_conditions_are_columns_of_ones_and_zeros():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": rng.normal(size=90), "y": rng.normal(size=90), "age": rng.uniform(20, 60, 90)})
    frame["arm"], frame["sex"] = rng.choice(["wait", "cbt", "pill"], 90), rng.choice(["man", "woman"], 90)
    theory = mx.parse(CONDITIONS.replace("  x:\n", "  x:\n  age:\n"))
    view = ColumnView(mx.bind(theory, frame))
    np.testing.assert_array_equal(view["arm~when:cbt,wait[1]"], frame.arm != "pill")
    np.testing.assert_array_equal(view["sex~when:woman[1]"], frame.sex == "woman")
    np.testing.assert_array_equal(view["age~when:30..50[1]"], (frame.age >= 30) & (frame.age <= 50))


def test_a_condition_that_nobody_sees_is_refused():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": rng.normal(size=50), "y": rng.normal(size=50), "b": rng.integers(0, 2, 50) * 1.0})
    frame.loc[:2, "b"] = np.nan
    theory = mx.parse("variables: {x: , y: , b: {family: bernoulli}}\narrows: {x -> y: {only_when: {b: 1}}}")
    with pytest.raises(DataError, match=r"only_when: b has missing values \(3 of 50 rows\)"):
        mx.bind(theory, frame)
