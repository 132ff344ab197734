"""Curves out of courses and departures: bent by knots of their own, in fits, simulated studies and under interventions."""

import numpy as np
import pandas as pd
import pytest
from scipy import special
from scipy.interpolate import CubicSpline

import mechanisms as mx
from mechanisms.errors import DataError, FitError, SpecError

CLIENTS, OCCASIONS = 30, 4
HEAD = "levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }\ntime: session\n"
SHAPES = {"{spline: 3}": 3, "{bspline: 4}": 4, "{piecewise: [0.2]}": 2, "quadratic": 2}


def diaries(shift=0.0, seed=2):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": [*range(OCCASIONS)] * CLIENTS})
    frame["treat"] = (np.arange(CLIENTS) % 2)[frame["client"]]
    frame["x"] = shift + rng.normal(size=CLIENTS)[frame["client"]] + rng.normal(size=len(frame))
    frame["usual"] = frame.groupby("client")["x"].transform("mean")
    frame["departs"] = frame["x"] - frame["usual"]
    frame["y"] = np.sin(2 * frame["departs"]) + rng.normal(size=len(frame))
    frame["outcome"] = np.cos(frame["usual"] - shift) + rng.normal(size=CLIENTS)[frame["client"]]
    return frame


def drawn(text, frame, **options):
    theory = mx.parse(HEAD + text)
    return mx.sample(mx.compile(theory), mx.bind(theory, frame), seed=4, draws=100, **options)


def same(ours, theirs, one, other):
    found = {name.replace(other, one): values for name, values in theirs.parameters.items()}
    assert ours.parameters.keys() == found.keys()
    for name, values in ours.parameters.items():
        np.testing.assert_allclose(values, found[name], rtol=1e-6, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("shape", ["{spline: 3}", "{piecewise: [0.2]}"])
@pytest.mark.parametrize("lag", ["", " t-1"])
def test_departures_from_observed_means_are_a_column_of_their_own(shape, lag):
    """The posterior is that of the departures made in the data; a rating around 100 has the same."""
    text = f"variables: {{VARIABLE, y: }}\narrows: {{CAUSE -> y: {{shape: {shape}}}}}"
    ours = text.replace("VARIABLE", "x: {centre: observed}").replace("CAUSE", f"x(session{lag})")
    fits = [drawn(ours, diaries()), drawn(ours, diaries(shift=100.0))]
    assert {block.engine for fit in fits for block in fit.blocks} == {"collapsed"}
    for name, values in fits[0].parameters.items():
        np.testing.assert_allclose(values, fits[1].parameters[name], rtol=1e-4, atol=1e-6, err_msg=name)
    if not lag:  # a whole value that does not act has an intercept of its own (decision 33), a departure has none
        theirs = drawn(text.replace("VARIABLE", "departs: ").replace("CAUSE", "departs(whole)"), diaries())
        same(fits[0], theirs, "x(session)", "departs(whole)")


@pytest.mark.parametrize("shape", ["{spline: 3}", "{piecewise: [0.2]}"])
@pytest.mark.parametrize("cause", ["x", "x(client)"])
def test_courses_that_observed_means_stand_for_are_a_column_of_their_own(shape, cause):
    """`x -> outcome` of a finer cause is the arrow out of its course (R6), and bends as well."""
    text = "variables: {{{}, outcome: {{level: client}}}}\narrows: {{{} -> outcome: {{shape: {}}}}}"
    ours = drawn(text.format("x: {centre: observed}", cause, shape), diaries())
    theirs = drawn(text.format("usual: {level: client}", "usual", shape), diaries())
    same(ours, theirs, "x(client)", "usual")


PATHS = """
variables:
  treat: {level: client, family: bernoulli, assigned: randomised}
  x:
  y:
  outcome: {level: client}
arrows:
  treat -> x:
  x(session t-1) -> y: {shape: SHAPE}
  x(client) -> y: {shape: SHAPE}
  x -> outcome: {shape: SHAPE}
"""
HEIGHTS = (0.9, 0.3, -0.6, 0.4)


def make_curve(shape, seen, weight):
    """The curve with the heights, slopes or powers above times a weight, 0 at 0; `seen` is what places its knots."""
    numbers = [weight * each for each in HEIGHTS[: SHAPES[shape]]]
    if shape == "quadratic":
        return lambda x: numbers[0] * x + numbers[1] * x**2
    if "piece" in shape:
        return lambda x: numbers[0] * np.minimum(x, 0.2) + numbers[1] * np.maximum(x - 0.2, 0)
    knots = np.quantile(seen, [0, 1 / 3, 2 / 3, 1])
    curve = CubicSpline(knots, [0, *numbers], bc_type="natural")

    def at(x):
        inside = np.clip(x, knots[0], knots[-1])
        return curve(inside) + curve(inside, 1) * (x - inside)

    return lambda x: at(x) - at(0.0)


@pytest.mark.parametrize("shape", ["{spline: 3}", "{piecewise: [0.2]}", "quadratic"])
def test_effects_through_curves_of_courses_and_departures(shape):
    """Each client's own course, moved by a treatment, bends on its own; so does the departure that a session is set to."""
    frame, rng = diaries(), np.random.default_rng(5)
    plan = mx.compile(mx.parse(HEAD + PATHS.replace("SHAPE", shape)))
    own = {name: rng.normal(0, 0.5, CLIENTS) for each in plan.varying for name in each.quantities}
    weights = {"x(session t-1)": 1.0, "x(client) -> y": -0.7, "x(client) -> outcome": 0.5}
    numbers = {"1 -> x": 0.3, "treat -> x": 0.8}
    for name in plan.parameters:
        for start, weight in weights.items():
            cause, _, effect = start.partition(" -> ")
            if name.startswith((f"{cause}[", f"{cause}^", f"{cause} ")) and name.endswith(effect) and "->" in name:
                place = int(name.partition("[")[2][0]) - 1 if "[" in name else int("^2" in name)
                numbers[name] = weight * HEIGHTS[place]
    rest = {name: 1.0 for name in plan.parameters if name not in numbers}
    fit = mx.pin(plan, mx.bind(plan.theory, frame), rest | numbers, {(n, "client"): one for n, one in own.items()})
    usual = frame.groupby("client")["x"].mean()
    within, between, year = (
        make_curve(shape, seen, weight)
        for seen, weight in zip((frame["departs"], usual, usual), weights.values(), strict=True)
    )
    courses = [0.3 + own["1 -> x"] + 0.8 * arm for arm in (0, 1)]

    def ask(**question):
        return mx.estimate(fit, mx.Question(**question)).rows[0].draws.item()

    for curve, on in ((between, "y(2)"), (year, "outcome")):
        wanted = (curve(courses[1]) - curve(courses[0])).mean()
        assert ask(of="treat", on=on) == pytest.approx(wanted, abs=1e-9 + (2e-3 if on == "y(2)" else 0))
    course = courses[0] + 0.8 * (np.arange(CLIENTS) % 2)
    wanted = (within(1.4 - course) - within(-0.3 - course)).mean()
    assert ask(of="x(1)", on="y(2)", contrast=(-0.3, 1.4)) == pytest.approx(wanted, abs=1e-9)


def test_knots_of_departures_are_stated_in_departures():
    """A knot at 0.2 is 0.2 above a client's own mean, wherever ratings lie; one at 100 is no departure."""
    text = "variables: {x: {centre: observed}, y: }\narrows: {x(session) -> y: {shape: {piecewise: [KNOT]}}}"
    theory = mx.parse(HEAD + text.replace("KNOT", "100"))
    with pytest.raises(DataError, match=r"knot 100 lies outside the data, in which x\(session\) goes from -"):
        mx.bind(theory, diaries(shift=100.0))
    theory = mx.parse(HEAD + text.replace("KNOT", "0.2"))
    assert "the slope below x(session) = 0.2" in str(mx.explain(mx.compile(theory), mx.bind(theory, diaries(100.0))))


def test_an_s_curve_of_departures_is_looked_for_among_departures():
    text = "variables: {x: {centre: observed}, y: }\narrows: {x(session) -> y: {shape: logistic}}"
    theory = mx.parse(HEAD + text)
    data = mx.bind(theory, diaries(shift=100.0))
    basis = data.bases["x(session)~logistic"]
    assert basis.start == pytest.approx(0, abs=1e-9)
    assert basis.width == pytest.approx(0.5 * diaries()["departs"].std())


def test_simulated_departures_bend():
    text = "variables: {x: , m: , y: }\narrows: {x(whole) -> m: , m(session) -> y: {shape: SHAPE}}"
    stated = {"1 -> m": 100, "x(whole) -> m": 0.5, "sigma(m)": 1.0, "sd(1 -> m | client)": 1e-9, "1 -> y": 0, "sigma(y)": 1e-9,
              "sd(1 -> y | client)": 1e-9, "cor(client)": 0}  # fmt: skip
    plan = mx.compile(mx.parse(HEAD + text.replace("SHAPE", "logistic")))
    own = {"m(session) -> y": 2.0, "midpoint(m(session) -> y)": 0.5, "width(m(session) -> y)": 0.4}
    frame = mx.simulate(plan, diaries(), stated | own, seed=3)
    departs = frame["m"] - 100 - 0.5 * diaries().groupby("client")["x"].transform("mean")
    wanted = 2.0 * (special.expit((departs - 0.5) / 0.4) - special.expit(-0.5 / 0.4))
    np.testing.assert_allclose(frame["y"], wanted, atol=1e-6)
    plan = mx.compile(mx.parse(HEAD + text.replace("SHAPE", "{spline: 2}")))
    with pytest.raises(FitError, match=r"m\(session\)~spline:2 is placed by the values of m"):
        mx.simulate(plan, diaries(), stated | {"m(session)[1] -> y": 1, "m(session)[2] -> y": 1}, seed=3)


@pytest.mark.parametrize("cause", ["x(session) -> y", "x(client) -> y", "x -> outcome"])
def test_parts_have_no_logarithm(cause):
    text = f"variables: {{x: , y: , outcome: {{level: client}}}}\narrows: {{{cause}: {{shape: log}}}}"
    with pytest.raises(SpecError, match="has no logarithm: a course or a departure from it may be 0 or below"):
        mx.compile(mx.parse(HEAD + text))
