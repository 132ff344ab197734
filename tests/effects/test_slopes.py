"""Instantaneous indirect effects: products of slopes in closed form, away from the finite effect, and what is refused."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm
from small_worlds import noise, pinned, values

import mechanisms as mx
from mechanisms.effects.along.pointing import Here

EXACT = 1e-10
POINTS = (-0.7, 0.0, 1.3)
QUADRATIC = "arrows:\n  x -> m: {shape: quadratic}\n  m -> y: {shape: quadratic}\n  x -> y:\n  c -> m, y:\n"
PARAMETERS = {
    "1 -> m": 0.4, "x -> m": 0.6, "x^2 -> m": -0.25, "c -> m": 0.3, "sigma(m)": 0.8,
    "1 -> y": 1.0, "m -> y": 0.9, "m^2 -> y": -0.2, "x -> y": 0.1, "c -> y": -0.4, "sigma(y)": 1.2,
}  # fmt: skip


def slopes(fit: mx.Fit, points=POINTS, **options) -> list[float]:
    return [row.draws.item() for row in mx.differentiate(fit, "x", "y", at=points, **options).rows]


@pytest.mark.parametrize("covariate", [None, 0.8])
def test_quadratic_in_both_stages(covariate: float | None) -> None:
    """statistics.md 2.6: (a₁ + 2a₂x)(b₁ + 2b₂M̂(x)), M̂(x) at the covariates' stated values or their means."""
    frame = noise(60, "x", "c", "m", "y")
    fit = pinned(QUADRATIC, frame, PARAMETERS)
    c = frame["c"].mean() if covariate is None else covariate
    expected = []
    for x in POINTS:
        mediator = 0.4 + 0.6 * x - 0.25 * x**2 + 0.3 * c
        expected.append((0.6 - 0.5 * x) * (0.9 - 0.4 * mediator))
    found = slopes(fit, through="m", covariates=None if covariate is None else {"c": covariate})
    assert found == pytest.approx(expected, abs=EXACT)


def test_where_all_is_straight_it_is_the_indirect_effect_of_one_unit() -> None:
    text = "arrows:\n  x -> m:\n  m -> y: {moderated_by: w}\n  x -> y:\n  arm -> m:\n"
    text = "variables:\n  x, m, y, w:\n  arm: {family: categorical, values: [a, b, c]}\n" + text
    frame = noise(60, "x", "w", "m", "y").assign(arm=np.tile(["a", "b", "c"], 20))
    parameters = dict.fromkeys(mx.compile(mx.parse(text)).parameters, 0.3)
    fit = pinned(text, frame, parameters)
    finite = values(mx.estimate(fit, mx.Question(of="x", on="y", kind="indirect", contrast=(0, 1))))
    assert slopes(fit) == pytest.approx([*finite.values()] * 3, abs=EXACT)


def test_it_is_not_the_finite_effect_where_a_line_bends() -> None:
    """Over a small step both agree in the limit but for the mediator's variance, which is the same at both ends here."""
    fit = pinned(QUADRATIC, noise(60, "x", "c", "m", "y"), PARAMETERS)
    question = mx.Question(of="x", on="y", kind="indirect")
    (at_zero,) = slopes(fit, [0.0])
    wide = values(mx.estimate(fit, question.model_copy(update={"contrast": (0.0, 1.0)})))["indirect"]
    narrow = values(mx.estimate(fit, question.model_copy(update={"contrast": (-1e-5, 1e-5)})))["indirect"] / 2e-5
    assert abs(wide - at_zero) > 0.1
    assert narrow == pytest.approx(at_zero, abs=1e-6)


def test_serial_path_and_the_sum_of_paths() -> None:
    """∂m₁/∂x · ∂m₂/∂m₁ · ∂y/∂m₂, each where the mediators before it are at their means."""
    text = "arrows:\n  x -> m1: {shape: quadratic}\n  m1 -> m2: {shape: quadratic}\n  x -> m2:\n  m2 -> y: {moderated_by: m1}\n"
    frame = noise(60, "x", "m1", "m2", "y")
    fit = pinned(
        text,
        frame,
        {
            "1 -> m1": 0.2, "x -> m1": 0.5, "x^2 -> m1": 0.1, "sigma(m1)": 1,
            "1 -> m2": -0.1, "m1 -> m2": 0.4, "m1^2 -> m2": -0.3, "x -> m2": 0.7, "sigma(m2)": 1,
            "1 -> y": 0, "m2 -> y": 0.6, "m1 -> y": 0.25, "m1 * m2 -> y": -0.15, "sigma(y)": 1,
        },
    )  # fmt: skip
    x = 0.9
    m1 = 0.2 + 0.5 * x + 0.1 * x**2
    m2 = -0.1 + 0.4 * m1 - 0.3 * m1**2 + 0.7 * x
    first, second = 0.5 + 0.2 * x, 0.4 - 0.6 * m1
    expected = {
        "x -> m1 -> y": first * (0.25 - 0.15 * m2),
        "x -> m2 -> y": 0.7 * (0.6 - 0.15 * m1),
        "x -> m1 -> m2 -> y": first * second * (0.6 - 0.15 * m1),
    }
    found = values(mx.differentiate(fit, "x", "y", at=x))
    assert found == pytest.approx(
        {"instantaneous indirect [x=0.9]": sum(expected.values())}
        | {f"{path} [x=0.9]": value for path, value in expected.items()},
        abs=EXACT,
    )
    (serial,) = slopes(fit, x, through="x -> m1 -> m2 -> y")
    assert serial == pytest.approx(expected["x -> m1 -> m2 -> y"], abs=EXACT)
    rows = values(mx.differentiate(fit, "x", "y", through="m2", at=x))
    total = expected["x -> m2 -> y"] + expected["x -> m1 -> m2 -> y"]
    assert rows["instantaneous indirect through m2 [x=0.9]"] == pytest.approx(total, abs=EXACT)


@pytest.mark.parametrize(
    ("family", "slope"),
    [
        ("{family: bernoulli}", lambda eta: expit(eta) * (1 - expit(eta))),
        ("{family: bernoulli, link: probit}", norm.pdf),
        ("{family: poisson}", np.exp),
    ],
)
def test_outcome_with_a_link(family: str, slope) -> None:
    """By the chain rule: the slope of the link's inverse, at the mean of the mediator."""
    frame = noise(60, "x", "m").assign(y=np.tile([0.0, 1.0], 30))
    text = f"variables: {{x: , m: , y: {family}}}\narrows:\n  x -> m: {{shape: quadratic}}\n  m -> y:\n"
    fit = pinned(
        text, frame, {"1 -> m": 0.3, "x -> m": 0.5, "x^2 -> m": 0.2, "sigma(m)": 1, "1 -> y": -0.2, "m -> y": 0.8}
    )
    expected = [(0.5 + 0.4 * x) * 0.8 * slope(-0.2 + 0.8 * (0.3 + 0.5 * x + 0.2 * x**2)) for x in POINTS]
    assert slopes(fit) == pytest.approx(expected, abs=EXACT)


def test_every_draw_has_its_own_slope() -> None:
    """A fit's rows are the closed form in each draw, not at the means of the parameters."""
    frame = noise(120, "x", "c", "m", "y")
    fit = mx.fit(mx.parse(QUADRATIC), frame, seed=1, draws=300)
    d, x, c = fit.parameters, 0.5, frame["c"].mean()
    mediator = d["1 -> m"] + d["x -> m"] * x + d["x^2 -> m"] * x**2 + d["c -> m"] * c
    expected = (d["x -> m"] + 2 * d["x^2 -> m"] * x) * (d["m -> y"] + 2 * d["m^2 -> y"] * mediator)
    row = mx.differentiate(fit, "x", "y", through="m", at=x).rows[0]
    np.testing.assert_allclose(row.draws.reshape(-1), expected, atol=1e-9)


def test_what_it_says() -> None:
    frame = noise(60, "x", "c", "m", "y")
    found = mx.differentiate(pinned(QUADRATIC, frame, PARAMETERS), "x", "y", at=[0.0, 40.0], covariates={"c": 1})
    assert "is not the indirect effect of moving x from one value to another" in repr(found)
    assert "x = 40 lies outside the data: an extrapolation" in found.notes
    assert "the mean of m at x = 40 lies outside the data: an extrapolation" in found.notes
    assert not any("x = 0 " in note for note in found.notes)
    assert "c at 1" in found.population


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"of": "k"}, mx.IdentificationError, "k is 0 or 1.*ask mx.estimate for the difference"),
        ({"through": "b"}, mx.IdentificationError, "b is 0 or 1"),
        ({"of": "arm"}, mx.IdentificationError, "arm has categories"),
        ({"through": "w"}, mx.IdentificationError, "w lies on no directed path"),
        ({"on": "m"}, mx.IdentificationError, "by its own arrow only"),
        ({"covariates": {"v": 1}}, mx.SpecError, "no variable 'v'"),
        ({"covariates": {"m": 1}}, mx.SpecError, "x moves m"),
        ({"covariates": {"x": 1}}, mx.SpecError, "x is what the question is about"),
        ({"covariates": 3}, mx.SpecError, "covariates is a mapping"),
        ({"at": []}, mx.SpecError, "no point of the exposure"),
        ({"at": ["high"]}, mx.DataError, "'high' is not a value"),
    ],
)
def test_refusals(options, error, message: str) -> None:
    frame = noise(30, "x", "w", "m", "y").assign(
        k=np.tile([0.0, 1.0], 15), b=np.tile([1.0, 0.0], 15), arm=np.tile(["a", "b", "c"], 10)
    )
    text = """
variables:
  x, w, m, y, k:
  b: {family: bernoulli}
  arm: {family: categorical, values: [a, b, c]}
arrows:
  x, k, arm -> m:
  x -> b:
  m, b, w -> y:
"""
    fit = pinned(text, frame, dict.fromkeys(mx.compile(mx.parse(text)).parameters, 0.5))
    options = {"of": "x", "on": "y", "through": "m" if "on" not in options else (), **options}
    with pytest.raises(error, match=message):
        mx.differentiate(fit, **options)


def test_what_is_identified() -> None:
    """Mediators whose residuals correlate keep their slopes on the outcome; where no indirect effect is identified, none is."""
    frame = noise(60, "x", "m1", "m2", "z", "y")
    text = "arrows: [x -> m1 -> y, x -> m2 -> y, x -> y, m1 <-> m2]"
    parameters = dict.fromkeys(mx.compile(mx.parse(text)).parameters, 0.5)
    found = values(mx.differentiate(pinned(text, frame, parameters), "x", "y", at=0.0))
    assert found == pytest.approx(
        {"instantaneous indirect [x=0]": 0.5, "x -> m1 -> y [x=0]": 0.25, "x -> m2 -> y [x=0]": 0.25}, abs=EXACT
    )
    text = "arrows: [x -> m1 -> m2 -> y, x -> y, m1 <-> y]"
    parameters = dict.fromkeys(mx.compile(mx.parse(text)).parameters, 0.5)
    with pytest.raises(mx.IdentificationError, match="m1 and y"):
        mx.differentiate(pinned(text, frame, parameters), "x", "y")


class Bent(Here):
    """A point at which y is a given function of x."""

    def mean(self, response, **moved):
        return np.atleast_1d(self.columns["f"]({**self.columns, **moved}["x"]))


@pytest.mark.parametrize(
    ("function", "x", "slope"),
    [
        (lambda x: np.maximum(x - 1, 0), 0.9, 0.0),
        (lambda x: np.maximum(x - 1, 0), 1.1, 1.0),
        (np.sin, 0.4, np.cos(0.4)),
        (lambda x: 50 + 3 * x + 1e-9 * x**2, 2.0, 3 + 4e-9),
        (lambda x: 0 * x + 7, 2.0, 0.0),
        (
            lambda x: np.where(x < 1, x**3, 3 * x**2 - 3 * x + 1),
            1.0,
            3.0,
        ),  # joined with one curvature, as a cubic spline is
        (lambda x: np.maximum(x - 1, 0), 1.0, None),
        (lambda x: 100 + np.abs(x - 1) * 1e-3, 1.0, None),
    ],
)
def test_a_corner_has_no_slope(function, x: float, slope: float | None) -> None:
    text = "arrows: [x -> y]"
    fit = pinned(text, noise(30, "x", "y"), dict.fromkeys(mx.compile(mx.parse(text)).parameters, 1.0))
    here = Bent(fit, {"x": x, "f": function})
    if slope is None:
        with pytest.raises(mx.IdentificationError, match="y has a corner in x here"):
            here.slope("y", "x")
    else:
        step = 1e-3 * fit.data.numbers("x").sd  # the cube's third derivative jumps by 6: off by 6 · step² / 6 at most
        assert here.slope("y", "x").item() == pytest.approx(slope, abs=step**2 if x == 1.0 else EXACT)
