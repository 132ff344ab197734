"""Turning points: in closed form, draw by draw, for other shapes of answer, and where a straight line would miss them."""

import numpy as np
import pandas as pd
import pytest
from small_worlds import noise, pinned

import mechanisms as mx
from mechanisms.effects.along.turning import _find_places

EXACT = 1e-10
CURVE = "arrows:\n  x -> y: {shape: quadratic}\n  c -> x, y:\n"


def world(slope: float, square: float) -> mx.Fit:
    frame = noise(80, "c", "y").assign(x=np.linspace(-2, 3, 80))
    parameters = {"1 -> x": 0, "c -> x": 0.4, "sigma(x)": 1, "1 -> y": 1, "x -> y": slope, "x^2 -> y": square, "c -> y": 0.7,
                  "sigma(y)": 1}  # fmt: skip
    return pinned(CURVE, frame, parameters)


@pytest.mark.parametrize(
    ("slope", "square", "shape"),
    [(0.6, -0.3, "inverted U"), (-0.2, 0.25, "U"), (1.0, 0.1, "rises"), (-2.0, -0.1, "falls"), (0.0, 0.0, "flat"),
     (5.0, -0.5, "rises")],
)  # fmt: skip
def test_shape_of_a_curve(slope: float, square: float, shape: str) -> None:
    """−b / 2c inside the data turns; outside (the last: at 5) it does not, and the mean is highest at an end."""
    found = mx.turning_point(world(slope, square), "x", "y")
    turn = found.turns[0]
    assert turn.shapes[shape] == 1.0
    place = -slope / (2 * square) if shape in ("inverted U", "U") else np.nan
    np.testing.assert_allclose(turn.turning, [place], atol=EXACT)
    ends = {"inverted U": place, "U": 3.0, "rises": 3.0, "falls": -2.0, "flat": -2.0}
    assert turn.highest.item() == pytest.approx(ends[shape], abs=EXACT)
    if shape in ("inverted U", "U"):

        def height(x: float) -> float:
            return slope * x + square * x**2

        assert turn.before.item() == pytest.approx(height(place) - height(-2), abs=EXACT)
        assert turn.after.item() == pytest.approx(height(3) - height(place), abs=EXACT)


def test_the_curve_is_the_mean_over_the_sample() -> None:
    """E[y | do(x)] averages the covariates as observed, whatever x they came with."""
    fit = world(0.6, -0.3)
    table = mx.turning_point(fit, "x", "y").curve(points=11)
    x = table.index.to_numpy()
    expected = 1 + 0.6 * x - 0.3 * x**2 + 0.7 * fit.data.numbers("c").mean
    np.testing.assert_allclose(table["mean"], expected, atol=EXACT)


def test_through_a_mediator() -> None:
    """The outcome's curve is the mediator's parabola carried on, its noise included: b₁E[m] + b₂(E[m]² + σ²) + c′x."""
    text = "arrows:\n  x -> m: {shape: quadratic}\n  m -> y: {shape: quadratic}\n  x -> y:\n"
    frame = noise(80, "m", "y").assign(x=np.linspace(0, 8, 80))
    fit = pinned(
        text,
        frame,
        {"1 -> m": 0.5, "x -> m": 0.9, "x^2 -> m": -0.1, "sigma(m)": 0.7, "1 -> y": 0, "m -> y": 1.0, "m^2 -> y": -0.05,
         "x -> y": -0.1, "sigma(y)": 1},
    )  # fmt: skip
    found = mx.turning_point(fit, "x", "y", within=(1, 7))
    x = np.linspace(1, 7, 13)
    mean = 0.5 + 0.9 * x - 0.1 * x**2
    np.testing.assert_allclose(found.curve(points=13)["mean"], mean - 0.05 * (mean**2 + 0.49) - 0.1 * x, atol=EXACT)
    # (0.9 − 0.2x)(1 − 0.1(0.5 + 0.9x − 0.1x²)) = 0.1, the root in (1, 7) by numpy
    mediator = np.polynomial.Polynomial([0.5, 0.9, -0.1])
    roots = (mediator.deriv() * (1 - 0.1 * mediator) - 0.1).roots()
    (root,) = [each.real for each in roots if abs(each.imag) < 1e-12 and 1 < each.real < 7]
    step = 6 / 800  # slopes are joined by straight lines between places this far apart: off by step² at most
    assert found.turns[0].peak.item() == pytest.approx(root, abs=step**2)


def test_two_turns() -> None:
    """A parabola of a parabola may turn three times; it is then neither a U nor an inverted one."""
    text = "arrows:\n  x -> m: {shape: quadratic}\n  m -> y: {shape: quadratic}\n"
    frame = noise(80, "m", "y").assign(x=np.linspace(-2, 2, 80))
    fit = pinned(
        text,
        frame,
        {
            "1 -> m": -1.5,
            "x -> m": 0,
            "x^2 -> m": 1,
            "sigma(m)": 0.3,
            "1 -> y": 0,
            "m -> y": 0,
            "m^2 -> y": -1,
            "sigma(y)": 1,
        },
    )
    turn = mx.turning_point(fit, "x", "y").turns[0]
    assert turn.shapes["turns more than once"] == 1.0
    assert np.isnan(turn.peak).all()
    assert abs(turn.highest.item()) == pytest.approx(np.sqrt(1.5), abs=4 / 800)


def test_a_link_turns_where_its_predictor_does() -> None:
    text = "variables: {x: , y: {family: bernoulli}}\narrows:\n  x -> y: {shape: quadratic}\n"
    frame = pd.DataFrame({"x": np.linspace(-2, 3, 80), "y": np.tile([0.0, 1.0], 40)})
    fit = pinned(text, frame, {"1 -> y": 0.2, "x -> y": 1.0, "x^2 -> y": -0.8})
    assert mx.turning_point(fit, "x", "y").turns[0].peak.item() == pytest.approx(1 / 1.6, abs=(5 / 800) ** 2)


def test_a_curve_for_each_condition() -> None:
    """By diagnosis: one turns, one rises."""
    text = """
variables:
  x, y:
  diagnosis: {family: categorical, values: [anxiety, depression]}
arrows:
  x -> y: {shape: quadratic, moderated_by: diagnosis}
"""
    frame = noise(80, "y").assign(x=np.linspace(0, 6, 80), diagnosis=np.tile(["anxiety", "depression"], 40))
    parameters = dict.fromkeys(mx.compile(mx.parse(text)).parameters, 0.0) | {
        "x -> y": 1.0, "x^2 -> y": -0.125, "x^2 * diagnosis=depression -> y": 0.125, "sigma(y)": 1,
    }  # fmt: skip
    found = mx.turning_point(pinned(text, frame, parameters), "x", "y", at={"diagnosis": "each"})
    assert found["diagnosis=anxiety"].peak.item() == pytest.approx(4, abs=EXACT)
    assert found["diagnosis=depression"].shapes["rises"] == 1.0
    assert list(found.summary().index) == ["diagnosis=anxiety", "diagnosis=depression"]
    with pytest.raises(KeyError, match="there are diagnosis=anxiety and diagnosis=depression"):
        found["anxiety"]


def test_over_time() -> None:
    """With levels the curve is a gain on the mean; it turns where the whole value's parabola does."""
    text = """
levels: [session, client]
time: session
variables: {alliance: {family: normal}, symptoms: }
arrows:
  alliance(whole t-1) -> symptoms: {shape: quadratic}
  symptoms(t-1) -> symptoms:
"""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"client": np.repeat(range(10), 4), "session": np.tile(range(4), 10)})
    frame = frame.assign(alliance=rng.normal(4, 1, 40), symptoms=rng.normal(size=40))
    plan = mx.compile(mx.parse(text))
    parameters = {address: 1.0 if address.startswith(("si", "sd")) else 0.0 for address in plan.parameters}
    parameters |= {"alliance(whole t-1) -> symptoms": -2.0, "alliance(whole t-1)^2 -> symptoms": 0.25}
    fit = mx.pin(plan, mx.bind(plan.theory, frame), parameters)
    found = mx.turning_point(fit, "alliance(t)", "symptoms(t+1)")
    assert found.turns[0].trough.item() == pytest.approx(4, abs=EXACT)
    mean = frame["alliance"].mean()
    x = found.curve(points=5).index.to_numpy()
    expected = -2 * (x - mean) + 0.25 * (x**2 - mean**2)
    np.testing.assert_allclose(found.curve(points=5)["mean"], expected, atol=EXACT)
    assert "from alliance = " in found.scale


# --- fits ---


def test_every_draw_turns_by_itself() -> None:
    """P(inverted U) is the share of draws with c < 0 whose −b / 2c lies in the data; the peak's posterior is theirs."""
    rng = np.random.default_rng(8)
    x = rng.normal(4, 1, 90)
    frame = pd.DataFrame({"x": x, "y": 0.3 * x - 0.12 * (x - 4.5) ** 2 + rng.normal(0, 1, 90)})
    fit = mx.fit(mx.parse("arrows:\n  x -> y: {shape: quadratic}\n"), frame, seed=1)
    found = mx.turning_point(fit, "x", "y")
    turn, d = found.turns[0], fit.parameters
    place = -d["x -> y"] / (2 * d["x^2 -> y"])
    inside = (place > x.min()) & (place < x.max())
    peaks = inside & (d["x^2 -> y"] < 0)
    assert 0.05 < peaks.mean() < 0.95
    np.testing.assert_array_equal(~np.isnan(turn.peak), peaks)
    np.testing.assert_allclose(turn.peak[peaks], place[peaks], atol=1e-8)
    assert turn.shapes["inverted U"] == pytest.approx(peaks.mean())
    assert sum(turn.shapes.values()) == pytest.approx(1)
    assert f"in the {peaks.sum()} of 4000 draws that turn so" in repr(found)
    assert "Simonsohn" in repr(found)
    row = found.summary().iloc[0]
    assert (row["peak"], row["peak_lower"]) == pytest.approx(tuple(np.quantile(place[peaks], [0.5, 0.025])), abs=1e-8)


def test_too_little_and_too_much() -> None:
    """An inverted U around 4.5: a straight line finds nothing, the parabola finds the peak (thesis; Simonsohn's warning).

    y = 3 − .5 (x − 4.5)² + noise with x symmetric around 4.5, so that the linear slope is 0.
    """
    rng = np.random.default_rng(11)
    x = rng.normal(4.5, 1, 250)
    frame = pd.DataFrame({"alliance": x, "outcome": 3 - 0.5 * (x - 4.5) ** 2 + rng.normal(0, 1, 250)})
    straight = mx.fit(mx.parse("arrows:\n  alliance -> outcome:\n"), frame, seed=1)
    total = mx.estimate(straight, mx.Question(of="alliance", on="outcome")).summary().loc["total"]
    assert total["lower"] < 0 < total["upper"]
    bent = mx.fit(mx.parse("arrows:\n  alliance -> outcome: {shape: quadratic}\n"), frame, seed=1)
    turn = mx.turning_point(bent, "alliance", "outcome", within=("5%", "95%")).turns[0]
    assert turn.shapes["inverted U"] > 0.999
    lower, upper = np.quantile(turn.peak, [0.005, 0.995])
    assert lower < 4.5 < upper
    assert upper - lower < 0.6
    for side in (turn.before, -turn.after):
        assert np.quantile(side, 0.025) > 0.5


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"of": "k"}, mx.IdentificationError, "k is 0 or 1, so that no curve runs along it"),
        ({"of": "arm"}, mx.IdentificationError, "arm has categories"),
        ({"on": "x", "of": "y"}, mx.IdentificationError, "no directed path"),
        ({"within": (0, 99)}, mx.DataError, "no range inside the data"),
        ({"within": (1, 0)}, mx.DataError, "no range inside the data"),
        ({"within": 3}, mx.MechanismsError, "within is a pair"),
        ({"mass": 2}, mx.MechanismsError, "mass is a probability"),
    ],
)
def test_refusals(options, error, message: str) -> None:
    frame = noise(30, "x", "y").assign(k=np.tile([0.0, 1.0], 15), arm=np.tile(["a", "b", "c"], 10))
    text = "variables:\n  x, y, k:\n  arm: {family: categorical, values: [a, b, c]}\narrows:\n  x, k, arm -> y:\n"
    fit = pinned(text, frame, dict.fromkeys(mx.compile(mx.parse(text)).parameters, 0.5))
    with pytest.raises(error, match=message):
        mx.turning_point(fit, **{"of": "x", "on": "y", **options})


def test_what_an_indirect_effect_adds_turns_by_itself() -> None:
    """Through the mediator the outcome turns at 3, in all it turns where the direct slope is made up for."""
    text = "arrows:\n  x -> m: {shape: quadratic}\n  m -> y:\n  x -> y:\n"
    frame = noise(80, "m", "y").assign(x=np.linspace(0, 8, 80))
    parameters = {"1 -> m": 0.5, "x -> m": 0.6, "x^2 -> m": -0.1, "sigma(m)": 0.7, "1 -> y": 2, "m -> y": 2.0, "x -> y": 0.4,
                  "sigma(y)": 1}  # fmt: skip
    fit = pinned(text, frame, parameters)
    indirect = mx.turning_point(fit, "x", "y", kind="indirect", through="m")
    assert indirect.turns[0].peak.item() == pytest.approx(3, abs=EXACT)
    x = indirect.curve(points=9).index.to_numpy()
    gain = 2 * (0.6 * (x - 4) - 0.1 * (x**2 - 16))  # from the mean of x, 4
    np.testing.assert_allclose(indirect.curve(points=9)["mean"], gain, atol=EXACT)
    assert "from x = 4, indirect effect through m" in indirect.scale
    assert mx.turning_point(fit, "x", "y").turns[0].peak.item() == pytest.approx(4, abs=EXACT)
    assert mx.turning_point(fit, "x", "y", kind="direct").turns[0].shapes["rises"] == 1.0


@pytest.mark.parametrize(
    ("slopes", "count", "place"),
    [
        ([2, 1, 0, -1, -2], 1, 2.0),  # on a place of the grid
        ([2, 1, -1, -2, -3], 1, 1.5),
        ([1, 0, 0, 0, -1], 1, 2.0),  # a plateau: its middle
        ([1, 0, 0, 1, 2], 0, np.nan),  # a step is no turn
        ([0, 0, 1, 1, 1], 0, np.nan),
        ([1, -1, 1, -1, -1], 3, 0.5),
    ],
)
def test_places_where_a_slope_changes_its_sign(slopes, count: int, place: float) -> None:
    found = _find_places(np.arange(5.0), np.array([slopes], dtype=float), np.array([1.0]), np.array([False]))
    assert found[0].item() == count
    np.testing.assert_allclose(found[1], [place])
    assert count == 0 or found[2].item()
