"""Effects through Gaussian processes and S-curves: against integrals, averages and derivatives written out here."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small_worlds import noise, pinned, values

import mechanisms as mx

NUMBERS = [0.9 * (-0.8) ** j for j in range(20)]


def curve_of(shape, seen):
    """The curve with the numbers above as a function, and its derivative, by the formulas of decision 26."""
    if shape == "logistic":
        zero = stats.logistic.cdf(-0.3 / 0.4)
        return (
            lambda at: 1.7 * (stats.logistic.cdf((at - 0.3) / 0.4) - zero),
            lambda at: 1.7 * stats.logistic.pdf((at - 0.3) / 0.4) / 0.4,
        )
    middle, half = (seen.min() + seen.max()) / 2, 1.6 * (seen.max() - seen.min())
    rates = np.pi * np.arange(1, 21) / (2 * half)

    def raw(at):
        inside = np.clip(np.asarray(at, dtype=float) - middle, -half, half)
        return np.sin(rates * (inside[..., None] + half)) @ NUMBERS

    return (
        lambda at: raw(at) - raw(0.0),
        lambda at: np.cos(rates * (np.asarray(at)[..., None] - middle + half)) @ (rates * NUMBERS),
    )


def numbers_of(shape, cause, effect="y"):
    """The parameters of a curve; what a gp's waves come from may be left out."""
    if shape == "logistic":
        arrow = f"{cause} -> {effect}"
        return {arrow: 1.7, f"midpoint({arrow})": 0.3, f"width({arrow})": 0.4}
    return {f"{cause}[{j}] -> {effect}": number for j, number in enumerate(NUMBERS, start=1)}


def mediated(shape):
    frame = noise(300, "a", "m", "y", seed=5)
    parameters = {"1 -> m": 0.2, "a -> m": 0.9, "sigma(m)": 1.1, "1 -> y": 0.4, "a -> y": 0.25, "sigma(y)": 1.0}
    text = f"arrows:\n  a -> m, y:\n  m -> y: {{shape: {shape}}}\n"
    return pinned(text, frame, parameters | numbers_of(shape, "m")), *curve_of(shape, frame["m"].to_numpy())


@pytest.mark.parametrize("shape", ["gp", "logistic"])
def test_effects_through_a_curve_out_of_a_normal_mediator(shape):
    """The mediator's noise is integrated on a grid; a grid of a million here is exact to four decimals."""
    fit, curve, _ = mediated(shape)
    z = np.linspace(-8, 8, 200_001)
    weights = stats.norm.pdf(z) / stats.norm.pdf(z).sum()

    def expected(mean):
        return float(curve(mean + 1.1 * z) @ weights)

    gap = expected(0.2 + 0.9 * 1.5) - expected(0.2 - 0.9 * 0.5)
    asked = {
        kind: mx.Question(of="a", on="y", kind=kind, contrast=(-0.5, 1.5)) for kind in ("total", "indirect", "direct")
    }
    found = {kind: values(mx.estimate(fit, question))[kind] for kind, question in asked.items()}
    assert found["indirect"] == pytest.approx(gap, abs=5e-4)
    assert found["direct"] == pytest.approx(0.5, abs=1e-9)
    assert found["total"] == pytest.approx(gap + 0.5, abs=5e-4)
    assert abs(gap - (curve(0.2 + 1.35) - curve(0.2 - 0.45))) > 0.005  # what pushing the mean through would give


@pytest.mark.parametrize("shape", ["gp", "logistic"])
def test_the_slope_of_an_indirect_effect_is_the_derivative(shape):
    fit, _, slope = mediated(shape)
    found = values(mx.differentiate(fit, "a", "y", at=[-0.4, 0.3, 1.0]))
    expected = [0.9 * slope(0.2 + 0.9 * at) for at in (-0.4, 0.3, 1.0)]
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", ["gp", "logistic"])
def test_a_curve_of_the_exposure_is_its_own_height_and_moderated_by_the_rows(shape):
    frame = noise(200, "x", "w", "y", seed=2)
    parameters = {"1 -> y": 0.4, "sigma(y)": 1.0, "w -> y": 0.2} | numbers_of(shape, "x")
    products = [name for name in parameters if name.startswith("x")]
    parameters |= {name.replace(" -> y", " * w -> y"): 0.5 * parameters[name] for name in products}
    fit = pinned(f"arrows:\n  x -> y: {{shape: {shape}, moderated_by: w}}\n", frame, parameters)
    curve, _ = curve_of(shape, frame["x"].to_numpy())
    for low, high in [(-1.0, 1.2), (0.0, 9.0)]:
        effects = mx.estimate(fit, mx.Question(of="x", on="y", contrast=(low, high)))
        expected = (1 + 0.5 * frame["w"].mean()) * (curve(high) - curve(low))
        assert values(effects)["total"] == pytest.approx(expected, rel=1e-9)
        assert ("extrapolation" in effects.contrast) == (high > frame["x"].max())
    by_w = mx.moderate(fit, mx.Question(of="x", on="y", contrast=(-1.0, 1.2)), by={"w": [0, 1]})
    rows = by_w.summary()["mean"]
    assert [rows["total [w=0]"], rows["total [w=1]"]] == pytest.approx(
        [size * (curve(1.2) - curve(-1.0)) for size in (1.0, 1.5)], rel=1e-9
    )


def test_the_peak_of_a_gp_is_where_it_is_highest():
    frame = noise(200, "x", "y", seed=2)
    numbers = {f"x[{j}] -> y": 0.0 for j in range(1, 21)} | {"x[1] -> y": 2.0, "x[3] -> y": -1.0, "x[4] -> y": 0.6}
    fit = pinned("arrows: {x -> y: {shape: gp}}", frame, numbers | {"1 -> y": 0.0, "sigma(y)": 1.0})
    x = frame["x"].to_numpy()
    grid = np.linspace(x.min(), x.max(), 100_001)
    rates = np.pi * np.array([1, 3, 4]) / (3.2 * (x.max() - x.min()))
    height = np.sin(rates * (grid[:, None] - (x.min() + x.max()) / 2 + 1.6 * (x.max() - x.min()))) @ [2.0, -1.0, 0.6]
    turn = mx.turning_point(fit, "x", "y").turns[0]
    assert turn.highest.item() == pytest.approx(grid[height.argmax()], abs=1e-3)


@pytest.mark.parametrize("shape", ["gp", "logistic"])
def test_a_curve_of_a_covariate_keeps_to_the_rows(shape):
    """Through a logit the average runs over each row's own height of the curve, not over the curve at the mean."""
    frame = noise(150, "a", "x", seed=3).assign(y=[0, 1] * 75)
    text = f"variables:\n  a, x:\n  y: {{family: bernoulli}}\narrows:\n  a -> y:\n  x -> y: {{shape: {shape}}}\n"
    fit = pinned(text, frame, {"1 -> y": -0.3, "a -> y": 0.9} | numbers_of(shape, "x"))
    height = -0.3 + curve_of(shape, frame["x"].to_numpy())[0](frame["x"].to_numpy())
    found = values(mx.estimate(fit, mx.Question(of="a", on="y", contrast=(0, 1))))["total"]
    expected = np.mean(stats.logistic.cdf(height + 0.9) - stats.logistic.cdf(height))
    assert found == pytest.approx(float(expected), rel=1e-9)


def test_an_s_curve_into_a_sigma_and_into_both_parts_of_a_hurdle():
    """Each part of an effect has a midpoint and a width of its own."""
    frame = noise(60, "x", seed=1).assign(n=[0, 1, 2] * 20)
    theory = "variables: {x: , n: {family: poisson, zeros: hurdle}}\narrows: {x -> n: {shape: logistic}}"
    plan = mx.compile(mx.parse(theory))
    assert plan.equation("n").traits == tuple(
        f"{word}(x -> {part}(n))" for part in ("amount", "any") for word in ("midpoint", "width")
    )
    numbers = {"1 -> any(n)": 0.2, "1 -> amount(n)": 0.5} | numbers_of("logistic", "x", "any(n)")
    fit = mx.pin(plan, mx.bind(plan.theory, frame), numbers | numbers_of("logistic", "x", "amount(n)"))
    curve, _ = curve_of("logistic", None)

    def mean(x):
        rate = np.exp(0.5 + curve(x))
        return stats.logistic.cdf(0.2 + curve(x)) * rate / -np.expm1(-rate)

    found = values(mx.estimate(fit, mx.Question(of="x", on="n", contrast=(-1, 1))))
    assert found["total"] == pytest.approx(mean(1.0) - mean(-1.0), rel=1e-9)


# --- over time ---

LEVELS = "levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }\ntime: session\n"


@pytest.mark.parametrize("shape", ["gp", "logistic"])
def test_a_curve_out_of_a_course_and_a_departure_over_time(shape):
    rng = np.random.default_rng(8)
    rows = [(c, t, rng.normal(0.5, 1.5), rng.normal()) for c in range(12) for t in range(4)]
    frame = pd.DataFrame(rows, columns=["client", "session", "x", "y"])
    text = LEVELS + f"variables: {{x: {{family: normal}}, y: }}\narrows:\n  x(t-1) -> y: {{shape: {shape}}}\n"
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    numbers = {
        "1 -> y": 0.3,
        "1 -> y | first": 0.1,
        "sigma(y)": 1.0,
        "sigma(y | first)": 1.0,
        "sd(1 -> y | client)": 0.5,
    }
    fit = mx.pin(plan, data, numbers | numbers_of(shape, "x(whole t-1)"))
    found = values(mx.estimate(fit, mx.Question(of="x(1)", on="y(2)", contrast=(-0.5, 1.5))))
    curve, _ = curve_of(shape, frame["x"].to_numpy())
    assert found["total"] == pytest.approx(curve(1.5) - curve(-0.5), rel=1e-6)
