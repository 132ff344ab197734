"""Slopes of indirect effects over time: derivatives written out, averaged over clients with their own deviations."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.data.bases import make_basis
from mechanisms.errors import IdentificationError, SpecError
from mechanisms.spec.theory import Shape

LEVELS = "levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }\ntime: session\n"
TEXT = LEVELS + (
    "variables:\n  x: {family: normal}\n  m, y:\n  w: {level: client}\n"
    "arrows:\n  x(whole) -> m: {shape: quadratic, moderated_by: w}\n  m(whole t-1) -> y: {shape: {spline: 3}}\n"
    "  x(whole t-1) -> y:\n"
)
HEIGHTS = (0.8, -0.5, 1.3)


def diary():
    rng = np.random.default_rng(2)
    client = np.repeat(np.arange(6), 4)
    frame = pd.DataFrame({"client": client, "session": np.tile(np.arange(4), 6)})
    frame = frame.assign(x=rng.normal(size=24), m=rng.normal(0.5, 1.5, 24), y=rng.normal(size=24))
    return frame.assign(w=np.repeat(rng.normal(size=6), 4))


def pinned(text=TEXT, **more):
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, diary())
    numbers = dict.fromkeys(plan.parameters, 0.3)
    numbers |= {"x(whole) -> m": 0.7, "x(whole)^2 -> m": -0.4, "x(whole) * w -> m": 0.5, "x(whole)^2 * w -> m": 0.2}
    numbers |= {f"m(whole t-1)[{j}] -> y": height for j, height in enumerate(HEIGHTS, start=1)}
    numbers |= {"w -> m": 0.1, "1 -> m": 0.2} | more
    own = {
        (name, "client"): np.random.default_rng(j).normal(0, 0.6, 6)
        for j, name in enumerate(plan.varying[0].quantities)
    }
    return mx.pin(
        plan, data, {key: numbers[key] for key in numbers if key in plan.parameters} | {"cor(client)": 0}, own
    )


def expected(fit, point, w=None):
    """∂m/∂x · ∂y/∂m for each client where x(1) is at the point and m at its mean, averaged over the clients."""
    frame = diary()
    basis = make_basis("m", Shape(kind="spline", argument=3), frame["m"].to_numpy())
    w = frame["w"].to_numpy()[::4] if w is None else w
    own = fit.deviations["1 -> m", "client"][0]
    m = 0.2 + own + 0.1 * w + (0.7 + 0.5 * w) * point + (-0.4 + 0.2 * w) * point**2
    first = 0.7 + 0.5 * w + 2 * (-0.4 + 0.2 * w) * point

    def curve(at):
        return sum(height * basis.column(j, at) for j, height in enumerate(HEIGHTS, start=1))

    return float(np.mean(first * (curve(m + 1e-5) - curve(m - 1e-5)) / 2e-5))


def slopes(found):
    return [float(row.draws.item()) for row in found.rows]


def test_slopes_multiply_for_every_client_at_its_own_mean():
    fit = pinned()
    found = mx.differentiate(fit, "x(1)", "y(2)", through="m", at=[-0.5, 0.4, 1.5])
    assert slopes(found) == pytest.approx([expected(fit, point) for point in (-0.5, 0.4, 1.5)], rel=1e-5)
    assert [row.label for row in found.rows] == [
        f"instantaneous indirect through m [x={shown}]" for shown in ("-0.5", "0.4", "1.5")
    ]
    assert "mediators at their means" in found.population


def test_covariates_are_where_they_are_stated():
    fit = pinned()
    found = mx.differentiate(fit, "x(1)", "y(2)", through="m", at=0.4, covariates={"w": 1})
    assert slopes(found) == pytest.approx([expected(fit, 0.4, w=1.0)], rel=1e-5)
    assert found.population.endswith("w at 1")


def test_a_slope_of_straight_lines_is_the_effect_of_one_unit():
    text = (
        LEVELS
        + "variables:\n  x: {family: normal}\n  m, y:\narrows:\n  x(whole) -> m:\n  m(whole t-1) -> y:\n  x(whole t-1) -> y:\n"
    )
    fit = pinned(text)
    question = mx.Question(of="x(1)", on="y(2)", kind="indirect", through="m", contrast=(0, 1))
    assert slopes(mx.differentiate(fit, "x(1)", "y(2)", through="m", at=0)) == pytest.approx(
        slopes(mx.estimate(fit, question))[:1], rel=1e-9
    )


def test_a_corner_has_no_slope():
    text = TEXT.replace("{shape: {spline: 3}}", "{shape: {piecewise: [0]}}").replace(", moderated_by: w", "")
    fit = pinned(text, **{"x(whole) -> m": 1.0, "x(whole)^2 -> m": 0.0, "1 -> m": 0.0, "w -> m": 0.0})
    own = {key: np.zeros(6) for key in fit.deviations}
    numbers = {name: float(draws[0]) for name, draws in fit.parameters.items()} | {"cor(client)": 0}
    with pytest.raises(IdentificationError, match="has a corner in x here"):
        mx.differentiate(mx.pin(fit.plan, fit.data, numbers, own), "x(1)", "y(2)", through="m", at=0.0)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"covariates": {"m": 1}}, SpecError, "m has an equation or counts time"),
        ({"covariates": {"z": 1}}, SpecError, "no variable 'z'"),
        ({"covariates": {"x": 1}}, SpecError, "x is what the question is about"),
        ({"at": []}, SpecError, "no point of the exposure"),
    ],
)
def test_what_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        mx.differentiate(pinned(), "x(1)", "y(2)", through="m", **arguments)


def test_a_0_1_exposure_has_no_slope():
    text = TEXT.replace("x: {family: normal}", "x: {family: bernoulli}").replace("shape: quadratic, ", "")
    theory = mx.parse(text)
    frame = diary().assign(x=[0, 1] * 12)
    plan = mx.compile(theory)
    fit = mx.pin(plan, mx.bind(theory, frame), dict.fromkeys(plan.parameters, 0.3) | {"cor(client)": 0})
    with pytest.raises(IdentificationError, match="is 0 or 1, so that nothing has a slope"):
        mx.differentiate(fit, "x(1)", "y(2)", through="m", at=1.0)
