"""Simulated data follow the equations, keep the exogenous rows, and are data that `bind` takes."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from mechanisms.data.door import bind
from mechanisms.errors import DataError, FitError, MechanismsError, SpecError
from mechanisms.infer.margins import draw_exogenous
from mechanisms.infer.simulation import simulate, simulate_theory
from mechanisms.model.plan import compile
from mechanisms.spec.parameters import parse_parameters
from mechanisms.spec.reader import parse

CHAIN = parse("arrows: [x -> m -> y, x -> y]")
TRUTH = {
    "1 -> m": 1.0, "x -> m": 0.5, "sigma(m)": 0.8,
    "1 -> y": -2.0, "m -> y": 0.3, "x -> y": -0.4, "sigma(y)": 0.5,
}  # fmt: skip
RICH = parse("""
variables:
  arm: {family: categorical, values: [waitlist, cbt, drug]}
  sex: {family: bernoulli, values: [male, female]}
  x:
  better: {family: bernoulli, values: [no, "yes"]}
  y:
arrows:
  arm, x -> better:
  x -> y: {shape: quadratic, moderated_by: arm}
  sex -> y:
  better -> y:
""")


def frame_of(**columns):
    return pd.DataFrame(columns)


def rows(n=40, seed=0):
    rng = np.random.default_rng(seed)
    return frame_of(
        arm=rng.permutation(np.resize(["waitlist", "cbt", "drug"], n)),
        sex=rng.permutation(np.resize(["male", "female"], n)),
        x=rng.normal(2, 1, n),
    )


def values_of(plan, spread):
    rng = np.random.default_rng(5)
    return {each: spread if each.startswith("sigma") else float(rng.normal()) for each in plan.parameters}


# --- the equations ---


def test_equations_hold_row_by_row():
    plan = compile(RICH)
    truth, frame = values_of(plan, 1e-12), rows()
    found = simulate(plan, frame, truth, seed=3)
    x, cbt, drug = frame.x, (frame.arm == "cbt") * 1.0, (frame.arm == "drug") * 1.0
    y = truth["1 -> y"] + truth["x -> y"] * x + truth["x^2 -> y"] * x**2
    y += truth["arm=cbt -> y"] * cbt + truth["arm=drug -> y"] * drug
    y += (truth["x * arm=cbt -> y"] * cbt + truth["x * arm=drug -> y"] * drug) * x
    y += (truth["x^2 * arm=cbt -> y"] * cbt + truth["x^2 * arm=drug -> y"] * drug) * x**2
    y += truth["sex -> y"] * (frame.sex == "female") + truth["better -> y"] * (found.better == "yes")
    np.testing.assert_allclose(found.y, y, atol=1e-9)


def test_moments_are_those_of_the_equations():
    n = 200_000
    x = np.random.default_rng(1).normal(3, 2, n)
    found = simulate(compile(CHAIN), frame_of(x=x), TRUTH, seed=2)
    noise_m, noise_y = found.m - (1 + 0.5 * x), found.y - (-2 + 0.3 * found.m - 0.4 * x)
    for noise, sd in ((noise_m, 0.8), (noise_y, 0.5)):
        assert abs(noise.mean()) < 4.5 * sd / np.sqrt(n)
        assert abs(noise.var() / sd**2 - 1) < 4.5 * np.sqrt(2 / n)
        assert abs(np.corrcoef(noise, x)[0, 1]) < 4.5 / np.sqrt(n)
        assert stats.kstest(noise / sd, "norm").pvalue > 1e-4
    assert abs(np.corrcoef(noise_m, noise_y)[0, 1]) < 4.5 / np.sqrt(n)


def test_chance_is_the_inverse_link():
    theory = parse("variables: {x: , y: {family: bernoulli, link: probit}}\narrows: [x -> y]")
    n, x = 100_000, np.tile([-1.0, 0.0, 2.0, 3.0], 25_000)
    found = simulate(compile(theory), frame_of(x=x), {"1 -> y": -0.5, "x -> y": 0.4}, seed=4)
    assert set(found.y) == {0, 1}
    for value in np.unique(x):
        chance = special.ndtr(-0.5 + 0.4 * value)
        assert abs(found.y[x == value].mean() - chance) < 4.5 * np.sqrt(chance * (1 - chance) / (n / 4))


# --- the frame ---


def test_exogenous_rows_stay_and_the_rest_is_new():
    frame = rows().assign(y=99.0, better="no", comment="left out")
    found = simulate(compile(RICH), frame, values_of(compile(RICH), 0.5), seed=1)
    assert list(found) == list(RICH.names)
    pd.testing.assert_frame_equal(found[["arm", "sex", "x"]], frame[["arm", "sex", "x"]], check_dtype=False)
    assert 99.0 not in set(found.y)
    assert set(found.better) == {"no", "yes"}
    assert bind(RICH, found).n == 40


def test_a_dataset_is_as_good_as_its_frame():
    plan = compile(RICH)
    whole = simulate(plan, rows(), values_of(plan, 0.5), seed=1)
    pd.testing.assert_frame_equal(simulate(plan, bind(RICH, whole), values_of(plan, 0.5), seed=1), whole)


def test_zeros_and_ones_stay_numbers_unless_the_data_had_words():
    theory = parse("variables: {x: {family: bernoulli}, y: {family: bernoulli}}\narrows: [x -> y]")
    truth = {"1 -> y": 0.0, "x -> y": 1.0}
    for given, kind in (
        ([0, 1] * 20, "i"),
        ([0.0, 1.0] * 20, "i"),
        (["no", "yes"] * 20, "O"),
        ([False, True] * 20, "O"),
    ):
        found = simulate(compile(theory), frame_of(x=given), truth, seed=1)
        assert (found.x.dtype.kind, found.y.dtype.kind) == (kind, "i")
        np.testing.assert_array_equal(bind(theory, found)["x"].values, [0, 1] * 20)


def test_same_seed_same_data():
    frame = frame_of(x=np.arange(30.0))
    one, again, other = (simulate(compile(CHAIN), frame, TRUTH, seed=seed) for seed in (7, 7, 8))
    pd.testing.assert_frame_equal(one, again)
    assert not np.allclose(one.y, other.y)
    pd.testing.assert_frame_equal(simulate_theory("jobs", seed=7), simulate_theory("jobs", seed=7))
    assert len(simulate_theory("jobs", n=50, seed=7)) == 50
    for seed in (-1, 1.5, "7", True):
        with pytest.raises(FitError, match="seed must be a whole number of at least 0"):
            simulate(compile(CHAIN), frame, TRUTH, seed=seed)
        with pytest.raises(FitError, match="seed must be a whole number of at least 0"):
            simulate_theory("jobs", seed=seed)


# --- refusals ---


@pytest.mark.parametrize(
    ("frame", "changed", "error", "message"),
    [
        (frame_of(z=[1.0, 2.0]), {}, DataError, "The theory needs 'x', but the data have no such column"),
        (frame_of(x=[1.0, None]), {}, DataError, r"missing values in x \(1\)"),
        (frame_of(x=[1.0, 2.0]), {"x -> z": 1}, FitError, "the plan has no parameter 'x -> z'. Did you mean 'x -> "),
        (frame_of(x=[1.0, 2.0]), {"sigma(y)": -1}, FitError, r"sigma\(y\) is a residual sd and must be above 0"),
        (frame_of(x=[1e9, 2.0]), {"x -> m": 1e300}, FitError, "with these parameters 'm' grows beyond all numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_refused(frame, changed, error, message):
    with pytest.raises(error, match=message):
        simulate(compile(CHAIN), frame, TRUTH | changed, seed=1)


def test_refused_where_a_parameter_or_a_variable_is_absent():
    with pytest.raises(FitError, match="no value is given for x -> y"):
        simulate(compile(CHAIN), frame_of(x=[1.0, 2.0]), {k: v for k, v in TRUTH.items() if k != "x -> y"})
    other = bind(parse("arrows: [a -> b]"), frame_of(a=[1.0, 2.0], b=[1.0, 3.0]))
    with pytest.raises(DataError, match="the data were bound to another theory: they have no x"):
        simulate(compile(CHAIN), other, TRUTH)


def test_a_value_beyond_its_range_is_refused_and_counted():
    theory = parse("variables: {x: , y: {range: [1, 5]}}\narrows: [x -> y]")
    truth = {"1 -> y": 1.5, "x -> y": 0.0, "sigma(y)": 0.5}
    frame = frame_of(x=np.arange(1000.0))
    with pytest.raises(
        FitError, match=r"'y' leaves its declared range \[1, 5\] in 1\d\d of 1000 simulated rows \(from "
    ) as caught:
        simulate(compile(theory), frame, truth, seed=1)
    assert "take range out of the theory" in str(caught.value)
    inside = simulate(compile(theory), frame, truth | {"1 -> y": 3.0, "sigma(y)": 0.2}, seed=1)
    assert inside.y.between(1, 5).all()


# --- exogenous variables ---

EXOGENOUS = """
variables:
  a, b:
  g: {family: categorical, values: [one, two, three]}
  s: {family: bernoulli, values: [no, "yes"]}
  d: {range: [1, 3]}
  y:
arrows:
  a, b, g, s, d -> y:
  a <-> b, s:
"""
MARGINS = """
n: 10
exogenous:
  a: {normal: [3, 2]}
  b: {normal: [-1, 0.5]}
  g: {shares: {two: 0.5, one: 0.2, three: 0.3}}
  s: {bernoulli: 0.25}
  d: {shares: {1: 0.5, 3: 0.5}}
correlations:
  b <-> a: 0.6
  a <-> s: 0.5
parameters: {1 -> y: 0}
"""


def exogenous(text=MARGINS, n=100_000):
    return draw_exogenous(parse_parameters(text, "p.yaml"), compile(parse(EXOGENOUS)), n, np.random.default_rng(3))


def test_exogenous_variables_are_as_said():
    found = exogenous()
    root = np.sqrt(len(found))
    assert abs(found.a.mean() - 3) < 4.5 * 2 / root
    assert abs(found.b.std() / 0.5 - 1) < 4.5 / np.sqrt(2) / root
    for name, shares in {
        "g": {"one": 0.2, "two": 0.5, "three": 0.3},
        "s": {"yes": 0.25, "no": 0.75},
        "d": {1: 0.5, 3: 0.5},
    }.items():
        assert set(found[name]) == set(shares)
        for value, share in shares.items():
            assert abs((found[name] == value).mean() - share) < 4.5 * np.sqrt(share * (1 - share)) / root
    assert abs(np.corrcoef(found.a, found.b)[0, 1] - 0.6) < 4.5 * (1 - 0.36) / root
    biserial = 0.5 * stats.norm.pdf(stats.norm.ppf(0.75)) / np.sqrt(0.25 * 0.75)
    assert abs(np.corrcoef(found.a, found.s == "yes")[0, 1] - biserial) < 4.5 / root
    for one, other in ((found.b, found.s == "yes"), (found.a, found.d), (found.d, found.g == "two")):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4.5 / root


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  b: {normal: [-1, 0.5]}\n",
            "",
            "exogenous: nothing is said of b|correlations: 'b <-> a': 'b' is not under exog",
        ),
        ("  d: {sh", "  q: {bernoulli: 0.5}\n  d: {sh", "exogenous: 'q' is not in the theory"),
        ("  d: {sh", "  y: {bernoulli: 0.5}\n  d: {sh", "exogenous: 'y' is modelled"),
        ("  a <-> s: 0.5\n", "", "correlations: the theory draws a <-> s; say how large it is"),
        (
            "  a <-> s: 0.5\n",
            "  a <-> s: 0.5\n  b <-> s: 0.1\n",
            "the theory draws no b <-> s, so the two are independent",
        ),
        ("b <-> a: 0.6\n  a <-> s: 0.5", "b <-> a: 0.9\n  a <-> s: -0.9", "no variables can be correlated like this"),
        ("{bernoulli: 0.25}", "{normal: [0, 1]}", "exogenous: s is bernoulli in the theory; give it bernoulli"),
        ("{normal: [3, 2]}", "{bernoulli: 0.5}", "exogenous: a is normal in the theory; give it normal or shares"),
        ("three: 0.3", "four: 0.3", "exogenous: g has the values one, two and three; shares name each"),
        ("{1: 0.5, 3: 0.5}", "{1: 0.5, many: 0.5}", "exogenous: d is a number, but 'many' is none"),
    ],
)
def test_file_and_theory_must_agree(old, new, message):
    assert old in MARGINS
    with pytest.raises(SpecError, match=message) as caught:
        exogenous(MARGINS.replace(old, new))
    assert "p.yaml" in str(caught.value)


def test_exogenous_values_beyond_their_range_are_refused():
    with pytest.raises(FitError, match=r"'d' leaves its declared range \[1, 3\] in \d{3} of 1000 .* such as shares"):
        exogenous(MARGINS.replace("{1: 0.5, 3: 0.5}", "{1: 0.5, 4: 0.5}"), n=1000)


@pytest.mark.parametrize("n", [0, -1, 2.5, "10", True])
def test_rows_are_counted(n):
    with pytest.raises(FitError, match="n must be a whole number of at least 1"):
        exogenous(n=n)


def test_a_plan_is_wanted():
    with pytest.raises(MechanismsError, match=r"the plan should be a Plan, not a Theory: mx\.compile"):
        simulate(parse("arrows: [x -> y]"), frame_of(x=[1.0, 2.0]), {})
