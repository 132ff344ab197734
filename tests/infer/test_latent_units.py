"""What gives a latent variable its unit and its zero is a way of counting: no effect among observed variables depends on it."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import DataError, SpecError

TEXT = "variables: {{x: , m: {{measured_by: [i1, i2, i3]}}, y: }}\narrows: {{x -> m -> y: , x -> y: {more}}}\npriors: {{{said}}}\n"
N = 300


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(4)
    x = rng.normal(size=N)
    m = 2 * x + 3 * rng.normal(size=N)
    ways = {"i1": (50, 1, 1), "i2": (10, 0.5, 1), "i3": (5, 0.3, 1), "y": (0, 0.4, 1)}
    return pd.DataFrame({"x": x} | {k: a + b * m + s * rng.normal(size=N) for k, (a, b, s) in ways.items()})


def indirect(frame, said, more=""):
    fit = mx.fit(mx.parse(TEXT.format(said=said, more=more)), frame, seed=2, progress=False)
    table = mx.estimate(fit, mx.Question(of="x", on="y", kind="indirect", through="m")).summary()
    return table["mean"].iloc[0], table["sd"].iloc[0]


def priors(frame, said, more=""):
    theory = mx.parse(TEXT.format(said=said, more=more))
    return {line[0]: line for line in mx.explain(mx.compile(theory), mx.bind(theory, frame)).priors}


def numbers(line):
    return np.array([float(each) for each in line[1].partition("(")[2].removesuffix(")").split(", ")])


@pytest.mark.parametrize(("said", "more"), [("sigma(m): {fixed: 1}", ""), ("", ", x -> i1: ")])
def test_a_cause_far_from_zero_moves_nothing(frame, said, more):
    """The zero lies at the means of what else acts; at x = 0 all other priors would be a hundred sds away."""
    here, far = indirect(frame, said, more), indirect(frame.assign(x=frame.x + 100), said, more)
    np.testing.assert_allclose(far, here, rtol=1e-4)
    assert abs(here[0] - 0.8) < 3 * here[1]
    line = priors(frame, said, more)["1 -> m" if said else "1 -> i1"]
    assert line[1] == "fixed at 0" and line[2].endswith("at the means of what else acts on it")


def test_any_residual_sd_is_a_unit(frame):
    one, ten = indirect(frame, "sigma(m): {fixed: 1}"), indirect(frame, "sigma(m): {fixed: 10}")
    np.testing.assert_allclose(ten, one, rtol=1e-4)


@pytest.mark.parametrize("slope", [-1.0, 0.25])
def test_priors_follow_the_loading_of_the_marker(frame, slope):
    """m counted in quarters, or upside down, has its mean and sd there; so have all slopes from and to it."""
    plain, other = priors(frame, ""), priors(frame, f"m -> i1: {{fixed: {slope}}}")
    np.testing.assert_allclose(numbers(other["1 -> m"]), numbers(plain["1 -> m"]) / [slope, abs(slope)], rtol=1e-3)
    np.testing.assert_allclose(numbers(other["x -> m"]), numbers(plain["x -> m"]) / abs(slope), rtol=1e-3)
    np.testing.assert_allclose(numbers(other["m -> y"]), numbers(plain["m -> y"]) * abs(slope), rtol=1e-3)
    one, two = indirect(frame, ""), indirect(frame, f"m -> i1: {{fixed: {slope}}}")
    assert abs(one[0] - two[0]) < 0.1 * one[1]  # 4000 draws each: a Monte Carlo error of .016 to .02 sd


def test_the_zero_follows_the_intercept_of_the_marker(frame):
    mean = numbers(priors(frame, "1 -> i1: {fixed: 20}")["1 -> m"])[0]
    assert mean == pytest.approx(frame.i1.mean() - 20, rel=1e-3)


def test_a_zero_where_nobody_is_is_refused(frame):
    """lavaan's zero of a latent variable, `1 -> m` at 0 of all causes, needs causes that reach 0."""
    text = TEXT.format(said="1 -> m: {fixed: 0}", more="")
    with pytest.raises(DataError, match=r"puts the zero of m where x is 0, but x runs from 9\d\.\d* to 10\d"):
        mx.fit(mx.parse(text), frame.assign(x=frame.x + 100), progress=False)
    mx.explain(mx.compile(mx.parse(text)), mx.bind(mx.parse(text), frame))


@pytest.mark.parametrize(
    ("said", "words"),
    [("{fixed: 0}", "a loading of 0 gives it none"), ("{fixed: 0.7, scale: standardised}", "say it raw")],
)
def test_a_loading_that_gives_no_unit(said, words):
    with pytest.raises(SpecError, match=f"i1 gives m its unit.*{words}"):
        mx.compile(mx.parse(TEXT.format(said=f"m -> i1: {said}", more="")))
