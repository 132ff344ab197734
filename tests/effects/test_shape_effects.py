"""Effects through curves: against Gauss–Hermite and Monte Carlo written here, over time against loops, and in reports."""

import numpy as np
import pandas as pd
import pytest
from small_worlds import noise, pinned, values

import mechanisms as mx
from mechanisms.data.bases import make_basis
from mechanisms.errors import DataError
from mechanisms.spec.theory import Shape

SHAPES = {"quadratic": ("x", "x^2"), "{polynomial: 3}": ("x", "x^2", "x^3"), "{spline: 3}": ("x[1]", "x[2]", "x[3]"),
          "{bspline: 3}": ("x[1]", "x[2]", "x[3]"), "{piecewise: [-0.5, 1]}": ("x[1]", "x[2]", "x[3]")}  # fmt: skip
NUMBERS = (0.8, -0.5, 0.3)


def basis_of(shape, values):
    word, _, said = shape.strip("{}").partition(": ")
    argument = tuple(map(float, said.strip("[]").split(","))) if "[" in said else int(said)
    return make_basis("x", Shape(kind=word, argument=argument), values)


def curve_of(shape, values):
    """The curve with the numbers above as a function, made of the basis or of powers."""
    if "spline" in shape or "piecewise" in shape:
        basis = basis_of(shape, values)
        return lambda at: sum(b * basis.column(j, at) for j, b in enumerate(NUMBERS, start=1))
    powers = range(1, len(SHAPES[shape]) + 1)
    return lambda at: sum(b * at**k for b, k in zip(NUMBERS, powers, strict=False))


def mediated(shape):
    """T -> m (normal) -> y by a curve, with a direct effect."""
    frame = noise(300, "a", "m", "y", seed=5)
    names = [name.replace("x", "m") for name in SHAPES[shape]]
    parameters = {"1 -> m": 0.2, "a -> m": 0.9, "sigma(m)": 1.1, "1 -> y": 0.4, "a -> y": 0.25, "sigma(y)": 1.0}
    parameters |= {f"{name} -> y": number for name, number in zip(names, NUMBERS, strict=False)}
    text = f"arrows:\n  a -> m, y:\n  m -> y: {{shape: {shape}}}\n"
    return pinned(text, frame, parameters), curve_of(shape, frame["m"].to_numpy())


def expected(curve, mean):
    """E[curve(m)] for m normal, on a grid of a million: exact to four decimals with corners too."""
    z = np.linspace(-8, 8, 1_000_001)
    density = np.exp(-(z**2) / 2)
    return float((curve(mean + 1.1 * z) * density).sum() / density.sum())


@pytest.mark.parametrize("shape", SHAPES)
def test_effects_through_a_curve_out_of_a_normal_mediator(shape):
    """The mediator's noise is integrated, not its mean pushed through the curve."""
    fit, curve = mediated(shape)
    gap = expected(curve, 0.2 + 0.9 * 1.5) - expected(curve, 0.2 + 0.9 * -0.5)
    asked = {
        kind: mx.Question(of="a", on="y", kind=kind, contrast=(-0.5, 1.5)) for kind in ("total", "indirect", "direct")
    }
    found = {kind: values(mx.estimate(fit, question))[kind] for kind, question in asked.items()}
    assert found["indirect"] == pytest.approx(gap, abs=5e-4)
    assert found["direct"] == pytest.approx(0.5, abs=1e-9)
    assert found["total"] == pytest.approx(gap + 0.5, abs=5e-4)
    at_means = curve(0.2 + 0.9 * 1.5) - curve(0.2 - 0.45)
    if shape not in ("quadratic",):
        assert abs(gap - at_means) > 0.01  # what pushing the mean through would give


@pytest.mark.parametrize("shape", SHAPES)
def test_a_curve_of_the_exposure_is_its_own_height(shape):
    """The basis of the data is replayed at the values that the contrast names, beyond the data too."""
    frame = noise(200, "x", "w", "y", seed=2)
    parameters = {"1 -> y": 0.4, "sigma(y)": 1.0, "w -> y": 0.2}
    parameters |= {f"{name} -> y": number for name, number in zip(SHAPES[shape], NUMBERS, strict=False)}
    parameters |= {f"{name} * w -> y": 0.5 * number for name, number in zip(SHAPES[shape], NUMBERS, strict=False)}
    fit = pinned(f"arrows:\n  x -> y: {{shape: {shape}, moderated_by: w}}\n", frame, parameters)
    curve = curve_of(shape, frame["x"].to_numpy())
    for low, high in [(-1.0, 1.2), (0.0, 9.0)]:
        effects = mx.estimate(fit, mx.Question(of="x", on="y", contrast=(low, high)))
        w = frame["w"].mean()
        assert values(effects)["total"] == pytest.approx((1 + 0.5 * w) * (curve(high) - curve(low)), rel=1e-9)
        assert ("extrapolation" in effects.contrast) == (high > frame["x"].max())


def test_a_curve_of_a_covariate_keeps_to_the_rows():
    """Through a logit the average runs over each row's own height of the curve, not over the curve at the mean."""
    frame = noise(150, "a", "x", seed=3).assign(y=[0, 1] * 75)
    text = "variables:\n  a, x:\n  y: {family: bernoulli}\narrows:\n  a -> y:\n  x -> y: {shape: {spline: 3}}\n"
    parameters = {"1 -> y": -0.3, "a -> y": 0.9, "x[1] -> y": 2.0, "x[2] -> y": -1.0, "x[3] -> y": 3.0}
    fit = pinned(text, frame, parameters)
    basis = basis_of("{spline: 3}", frame["x"].to_numpy())
    height = -0.3 + sum(b * basis.column(j, frame["x"].to_numpy()) for j, b in enumerate((2.0, -1.0, 3.0), start=1))

    def mean(t):
        return float(np.mean(1 / (1 + np.exp(-(height + 0.9 * t)))))

    found = values(mx.estimate(fit, mx.Question(of="a", on="y", contrast=(0, 1))))["total"]
    assert found == pytest.approx(mean(1) - mean(0), rel=1e-9)


def test_a_logarithm_is_of_what_is_set_and_of_nothing_below():
    frame = noise(100, "y").assign(x=np.linspace(0.5, 9, 100))
    fit = pinned("arrows: {x -> y: {shape: log}}", frame, {"1 -> y": 1.0, "x -> y": 2.0, "sigma(y)": 1.0})
    found = values(mx.estimate(fit, mx.Question(of="x", on="y", contrast=(1, 8))))["total"]
    assert found == pytest.approx(2 * np.log(8))
    with pytest.raises(DataError, match="x = 0 has no logarithm"):
        mx.estimate(fit, mx.Question(of="x", on="y", contrast=(0, 1)))
    with pytest.raises(DataError, match="has no logarithm"):
        mx.differentiate(pinned("arrows:\n  x -> m: {shape: log}\n  m -> y:\n", frame.assign(m=frame["y"]), {
            "1 -> m": 0, "x -> m": 1, "sigma(m)": 1, "1 -> y": 0, "m -> y": 1, "sigma(y)": 1}), "x", "y", at=[-1.0])  # fmt: skip


def test_a_logarithm_of_a_lognormal_mediator_is_its_normal():
    """log m = 0.5 + 0.4 t + noise: the indirect effect is the product of the coefficients, exactly."""
    frame = noise(100, "a", "y").assign(m=np.exp(noise(100, "m")["m"]))
    text = "variables:\n  a, y:\n  m: {family: lognormal}\narrows:\n  a -> m:\n  m -> y: {shape: log}\n"
    parameters = {"1 -> m": 0.5, "a -> m": 0.4, "sigma(m)": 0.7, "1 -> y": 0, "m -> y": 1.5, "sigma(y)": 1}
    found = values(mx.estimate(pinned(text, frame, parameters), mx.Question(of="a", on="y", contrast=(0, 2))))
    assert found["total"] == pytest.approx(1.5 * 0.4 * 2, abs=1e-5)


@pytest.mark.parametrize("shape", ["{spline: 3}", "{bspline: 3}"])
def test_a_slope_on_a_spline_is_its_derivative(shape):
    fit, curve = mediated(shape)
    found = values(mx.differentiate(fit, "a", "y", at=[0.3]))
    mean, step = 0.2 + 0.9 * 0.3, 1e-5
    slope = (curve(mean + step) - curve(mean - step)) / (2 * step)
    (value,) = found.values()
    assert value == pytest.approx(0.9 * slope, rel=1e-5)


# --- over time ---

LEVELS = "levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }\ntime: session\n"


def diary(clients=12):
    rng = np.random.default_rng(8)
    rows = [(c, t, rng.normal(5, 1.5), rng.normal()) for c in range(clients) for t in range(4)]
    return pd.DataFrame(rows, columns=["client", "session", "x", "y"])


def test_a_curve_out_of_a_course_and_a_departure_over_time():
    """x(whole t-1) -> y by a spline: everyone's own course and departure stand in the curve; noise averages over it."""
    frame = diary()
    text = LEVELS + "variables: {x: {family: normal}, y: }\narrows:\n  x(t-1) -> y: {shape: {spline: 3}}\n"
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    numbers = {
        "1 -> y": 0.3,
        "1 -> y | first": 0.1,
        "sigma(y)": 1.0,
        "sigma(y | first)": 1.0,
        "sd(1 -> y | client)": 0.5,
    }
    numbers |= {f"x(whole t-1)[{j}] -> y": b for j, b in enumerate(NUMBERS, start=1)}
    fit = mx.pin(plan, data, numbers)
    found = values(mx.estimate(fit, mx.Question(of="x(1)", on="y(2)", contrast=(4, 7))))
    curve = curve_of("{spline: 3}", frame["x"].to_numpy())
    assert found["total"] == pytest.approx(curve(7.0) - curve(4.0), rel=1e-6)


def test_a_spline_over_sessions_is_a_trend():
    frame = diary()
    text = (
        LEVELS
        + "variables: {x: {family: normal}, y: }\narrows:\n  session -> y: {shape: {spline: 3}}\n  x(whole) -> y:\n"
    )
    theory = mx.parse(text)
    plan = mx.compile(theory)
    data = mx.bind(theory, frame)
    numbers = dict.fromkeys(plan.parameters, 0.5) | {f"session[{j}] -> y": b for j, b in enumerate(NUMBERS, start=1)}
    numbers |= {"sd(1 -> y | client)": 1e-9, "sigma(y)": 1e-9, "x(whole) -> y": 0.0, "1 -> y": 0.0}
    made = mx.simulate(plan, data, numbers, seed=1)
    curve = curve_of("{spline: 3}", frame["session"].to_numpy(dtype=float))
    np.testing.assert_allclose(made["y"], curve(made["session"].to_numpy(dtype=float)), atol=1e-6)


# --- steps ---


def test_steps_of_an_ordinal_mediator_are_weighed_by_its_chances():
    """P(m ≥ v) times the step into v, summed: written out for a cumulative logit."""
    frame = noise(90, "a", "y").assign(m=["low", "mid", "high"] * 30)
    text = (
        "variables:\n  a, y:\n  m: {family: ordinal, values: [low, mid, high]}\narrows:\n  a -> m:\n"
        "  m -> y: {shape: monotonic}\n"
    )
    parameters = {
        "1 -> m=mid": 1.0,
        "1 -> m=high": -1.0,
        "a -> m": 1.5,
        "1 -> y": 0.0,
        "m[1] -> y": 1.0,
        "m[2] -> y": 2.0,
    }
    fit = pinned(text, frame, parameters | {"sigma(y)": 0.5})

    def mean(a):
        return 1 / (1 + np.exp(-(1 + 1.5 * a))) + 2 / (1 + np.exp(-(-1 + 1.5 * a)))

    found = values(mx.estimate(fit, mx.Question(of="a", on="y", contrast=(0, 1))))["total"]
    assert found == pytest.approx(mean(1) - mean(0), rel=1e-9)
