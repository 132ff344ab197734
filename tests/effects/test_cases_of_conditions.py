"""Curves under a condition run over those who meet it, and curves of departures over departures. The witness is the data by hand."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import DataError

THEORY = mx.parse(
    "variables:\n  x, w, y:\n  g: {family: categorical, values: [anx, dep]}\n"
    "arrows:\n  x -> y: {moderated_by: [w, g], shape: quadratic}\n"
)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    w = rng.normal(size=200)
    frame = pd.DataFrame({"w": w, "g": np.where(w > 0.5, "dep", "anx"), "y": rng.normal(size=200)})
    return frame.assign(x=np.where(frame.g == "dep", rng.uniform(0.5, 2, 200), rng.uniform(-3, -0.5, 200)))


@pytest.fixture(scope="module")
def fit(rows):
    """The slope is w - 0.8; the outcome falls with the square of x."""
    plan = mx.compile(THEORY)
    values = dict.fromkeys(plan.parameters, 0.0) | {"x -> y": -0.8, "x * w -> y": 1.0, "sigma(y)": 1.0}
    return mx.pin(plan, mx.bind(THEORY, rows), values)


@pytest.mark.parametrize("group", ["dep", "anx"])
def test_regions_count_those_who_meet_the_condition(rows, fit, group):
    own = rows.w[rows.g == group]
    found = mx.moderate(fit, mx.Question(of="x", on="y", at={"g": group}), by="w").regions()
    point = found[found.band == "pointwise"].set_index("sign")
    if group == "anx":
        assert list(point.index) == [-1]
        assert point.low[-1] == pytest.approx(own.min())
        assert point.high[-1] == pytest.approx(own.max())
        assert point.share[-1] == 1
    else:
        for sign, share in ((1, np.mean(own > 0.8)), (-1, np.mean(own < 0.8))):
            assert point.share[sign] == pytest.approx(share)
        assert point.high[-1] == pytest.approx(0.8, abs=1e-6)
        assert point.low[-1] == pytest.approx(own.min())


def test_of_several_conditions_each_has_its_own_cases(rows, fit):
    found = mx.moderate(fit, mx.Question(of="x", on="y", at={"g": ["anx", "dep"]}), by="w").regions()
    for group in ("anx", "dep"):
        own = rows.w[rows.g == group]
        mine = found[found.effect.str.contains(f"g={group}") & (found.band == "pointwise")].set_index("sign")
        assert mine.low.min() == pytest.approx(own.min())
        assert mine.high.max() == pytest.approx(own.max())
        assert mine.share[-1] == pytest.approx(np.mean(own < 0.8))


def test_the_usual_values_are_those_of_the_group(rows, fit):
    own = rows.w[rows.g == "dep"]
    found = mx.moderate(fit, mx.Question(of="x", on="y", at={"g": "dep"}), by="w")
    for value in (own.mean() - own.std(), own.mean(), own.mean() + own.std()):
        assert any(f"w={value:.3f}"[:-1] in label for label in found.summary().index), value


def test_a_turn_outside_a_group_is_none_of_its(rows):
    plan = mx.compile(THEORY)
    values = dict.fromkeys(plan.parameters, 0.0) | {"x^2 -> y": -0.5, "sigma(y)": 1.0}
    fit = mx.pin(plan, mx.bind(THEORY, rows), values)
    for group, shape in (("dep", "P(falls) = 1.000"), ("anx", "P(rises) = 1.000")):
        own = rows.x[rows.g == group]
        found = mx.turning_point(fit, "x", "y", at={"g": group})
        assert shape in str(found)
        assert f"where {len(own)} of its values" in str(found)
    assert "P(inverted U) = 1.000" in str(mx.turning_point(fit, "x", "y"))
    with pytest.raises(DataError, match="ask under one condition at a time"):
        mx.turning_point(fit, "x", "y", at={"g": ["anx", "dep"]})


DIARY = "levels: [day, person]\ntime: day\nvariables: {m: , y: , g: {level: person, family: bernoulli}}\narrows:\n  g -> y:\n"


@pytest.mark.parametrize(
    ("arrow", "shape"), [("m(day) -> y:", "P(rises) = 1.000"), ("m(whole) -> y:", "P(inverted U) = 1.000")]
)
def test_a_curve_of_departures_runs_over_departures(arrow, shape):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"person": np.repeat(np.arange(50), 8), "day": np.tile(np.arange(8), 50)})
    frame = frame.assign(m=(3 * rng.normal(size=50))[frame.person] + 0.5 * rng.normal(size=400), y=rng.normal(size=400))
    theory = mx.parse(DIARY + f"  {arrow} {{shape: quadratic}}\n")
    plan = mx.compile(theory)
    name = arrow.split(" -> ")[0]
    values = dict.fromkeys(plan.parameters, 0.5) | {f"{name} -> y": 0.3, f"{name}^2 -> y": -0.05}
    values |= {each.correlation: 0 for each in plan.varying if each.correlated}
    fit = mx.pin(plan, mx.bind(theory, frame.assign(g=frame.person % 2)), values)
    found = mx.turning_point(fit, "m(t)", "y(t)")
    assert shape in str(found)  # the parabola turns where m departs by 3, or is 3
    departures = frame.m - frame.groupby("person").m.transform("mean")
    assert departures.max() < 3 < frame.m.max()
    curve = found.turns[0].curve
    expected = frame.m.mean() + departures if "day" in arrow else frame.m
    assert (curve.low, curve.high) == pytest.approx((expected.min(), expected.max()))


def test_with_levels_a_condition_of_the_person_counts_persons():
    rng = np.random.default_rng(5)
    theory = mx.parse(
        "levels: [day, person]\ntime: day\nvariables: {x: , y: , w: {level: person}, g: {level: person, family: bernoulli}}\n"
        "arrows: {x(day) -> y: {moderated_by: [w, g]}}\n"
    )
    frame = pd.DataFrame({"person": np.repeat(np.arange(24), 4), "day": np.tile(np.arange(4), 24)})
    own = pd.DataFrame({"w": rng.normal(2, 1, 24), "g": np.arange(24) % 3 == 0})
    frame = frame.assign(
        x=rng.normal(size=96), y=rng.normal(size=96), w=own.w[frame.person].values, g=own.g[frame.person].values * 1
    )
    plan = mx.compile(theory)
    values = dict.fromkeys(plan.parameters, 0.5) | {"x(day) -> y": -2.0, "x(day) * w -> y": 1.0, "x(day) * g -> y": 0.0}
    values |= {each.correlation: 0 for each in plan.varying if each.correlated}
    fit = mx.pin(plan, mx.bind(theory, frame), values)
    found = mx.moderate(fit, mx.Question(of="x(t)", on="y(t)", at={"g": 1}), by="w").regions()
    point = found[found.band == "pointwise"].set_index("sign")
    chosen = own.w[own.g]
    assert point.share[1] == pytest.approx(np.mean(chosen > 2))
    assert point.high[1] == pytest.approx(chosen.max())


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda fit: mx.differentiate(fit, "x", "y", at=None), "at: None is no point of the exposure"),
        (lambda fit: mx.moderate(fit, mx.Question(of="x", on="y"), by={"w": "150%"}), "'150%' is not a value"),
        (lambda fit: mx.moderate(fit, mx.Question(of="x", on="y"), by={"w": ". sd"}), "'. sd' is not a value"),
        (lambda fit: mx.moderate(fit, mx.Question(of="x", on="y"), by={"w": float("nan")}), "'nan' is not a value"),
        (
            lambda fit: mx.moderate(fit, mx.Question(of="x", on="y"), by={"w": {1: 2}.get}),
            "neither a value nor several",
        ),
    ],
)
def test_what_is_no_value(fit, ask, words):
    with pytest.raises(mx.MechanismsError, match=words):
        ask(fit)


def test_values_of_a_moderator_may_be_an_array(fit):
    found = mx.moderate(fit, mx.Question(of="x", on="y"), by={"w": np.array([1.0, 2.0])}).summary()["mean"]
    assert found.iloc[1] - found.iloc[0] == pytest.approx(1.0)
