"""Latent variables in plans: what gives them a unit and a zero, the PyMC model of other families, and what is refused."""

import numpy as np
import pandas as pd
import pytensor
import pytest
from pytensor.compile.mode import Mode
from scipy import special, stats

import mechanisms as mx
from mechanisms.data.door import bind
from mechanisms.errors import DataError, SpecError
from mechanisms.infer.explanation import explain
from mechanisms.model.plan import compile
from mechanisms.model.symbolic import to_pymc
from mechanisms.spec.measuring import Gauge, find_gauges
from mechanisms.spec.reader import parse

CHEAP = Mode(linker="py", optimizer="fast_compile")
THREE = "variables: {x: , f: {measured_by: [f1, f2, f3]}}\narrows: [x -> f]\n"
MIXED = """
variables:
  x:
  f: {measured_by: [f1, f2, f3]}
  f2: {family: ordinal, values: [low, some, much]}
  f3: {family: bernoulli}
  y: {family: ordinal, values: [a, b, c]}
  z: {family: poisson, zeros: hurdle}
arrows:
  x -> f -> y:
  f -> z:
"""


def people(seed: int, n: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(3, 2, (n, 4)), columns=["x", "f1", "f2", "f3"])
    return frame


@pytest.mark.parametrize(
    ("priors", "gauge", "fixed"),
    [
        ("", Gauge("f", "f1", "f1", "1 -> f1", None), {"f -> f1": 1, "1 -> f1": 0}),
        ("f -> f2: {fixed: 1}", Gauge("f", "f1", "f2", "1 -> f2", None), {"f -> f2": 1, "1 -> f2": 0}),
        ("sigma(f): {fixed: 1}", Gauge("f", "f1", None, "1 -> f", 0.0), {"sigma(f)": 1, "1 -> f": 0}),
        ("1 -> f: {fixed: 5}", Gauge("f", "f1", "f1", "1 -> f", 5.0), {"f -> f1": 1, "1 -> f": 5}),
        ("f -> f3: {same_as: f -> f1}", Gauge("f", "f1", "f1", "1 -> f1", None), {"f -> f1": 1, "1 -> f1": 0}),
    ],
)  # fmt: skip
def test_a_latent_has_the_unit_and_the_zero_of_its_marker_unless_it_has_its_own(priors, gauge, fixed):
    theory = parse(THREE + f"priors: {{{priors}}}")
    assert find_gauges(theory) == (gauge,)
    assert {address: prior.fixed for address, prior in compile(theory).priors if prior.fixed is not None} == fixed


def test_one_marker_gives_a_zero_to_one_latent_only():
    theory = parse("variables: {f: {measured_by: [a, b, c]}, g: {measured_by: [a, b, d]}}")
    assert [(each.marker, each.zero) for each in find_gauges(theory)] == [("a", "1 -> a"), ("a", "1 -> g")]


def test_data_have_a_column_of_gaps_in_the_units_of_the_marker():
    frame = people(1)
    data = bind(parse(THREE), frame)
    column = data.numbers("f")
    assert column.latent and column.missing.all() and data.incomplete == ("f",)
    assert (column.mean, column.sd) == (data.numbers("f1").mean, data.numbers("f1").sd)
    np.testing.assert_array_equal(column.telling, frame.f1)
    alone = bind(parse(THREE + "priors: {sigma(f): {fixed: 1}}"), frame).numbers("f")
    assert (alone.mean, alone.sd) == (0, 1)
    np.testing.assert_allclose(alone.telling, stats.zscore(frame.f1, ddof=1))
    assert "f   latent, in units where" in repr(data)


def test_a_column_with_the_name_of_a_latent_is_not_read():
    with pytest.raises(DataError, match="'f' is measured by its indicators"):
        bind(parse(THREE), people(1).assign(u=0.0), columns={"f": "u"})
    data = bind(parse(THREE), people(1).assign(f=0.0))
    assert data.numbers("f").missing.all()
    assert "warning: column 'f' is not read: f is measured by its indicators" in repr(data)
    assert "Note: column 'f' is not read" in repr(explain(compile(parse(THREE)), data))
    assert not bind(parse(THREE), people(1)).warnings


def test_units_of_measurement_change_no_standardised_prior():
    """A marker in other units, with another zero: priors follow."""
    frame = people(2)
    other = frame.assign(f1=10 * frame.f1 + 50, x=frame.x / 4 - 1)
    plan = compile(parse(THREE))
    one, two = ({line[0]: line[1] for line in explain(plan, bind(plan.theory, each)).priors} for each in (frame, other))

    def numbers(text):
        return np.array([float(each) for each in text.partition("(")[2].removesuffix(")").split(", ")])

    np.testing.assert_allclose(numbers(two["x -> f"]), 40 * numbers(one["x -> f"]), rtol=1e-3)
    np.testing.assert_allclose(numbers(two["f -> f2"]), numbers(one["f -> f2"]) / 10, rtol=1e-3)
    np.testing.assert_allclose(numbers(two["sigma(f)"]), numbers(one["sigma(f)"]) / 10, rtol=1e-3)


def test_what_gives_the_unit_is_said_of_priors():
    plan = compile(parse(THREE))
    lines = {line[0]: line[1:] for line in explain(plan, bind(plan.theory, people(3))).priors}
    assert lines["f -> f1"] == ("fixed at 1", "f1 is the marker: f has its unit")
    assert lines["1 -> f1"] == ("fixed at 0", "f1 is the marker: f has its zero")
    plan = compile(parse(THREE + "priors: {sigma(f): {fixed: 1}}"))
    lines = {line[0]: line[1:] for line in explain(plan, bind(plan.theory, people(3))).priors}
    sd = 2.5 * people(3).f1.std()
    assert lines["f -> f1"] == (f"half_normal({sd:.4g})", "f grows with its first indicator")
    assert lines["1 -> f"] == ("fixed at 0", "the zero of f, at the means of what else acts on it")


def test_a_latent_with_indicators_and_effects_of_other_families():
    """With parameters as they are, two values of the latent differ in density as by hand: normal, logistic, ordinal, hurdle."""
    rng, n = np.random.default_rng(1), 12
    ordinal = np.tile([0, 1, 2], 4)
    frame = pd.DataFrame({
        "x": rng.normal(size=n), "f1": rng.normal(size=n), "f2": np.array(["low", "some", "much"])[ordinal],
        "f3": np.tile([0, 1, 1, 0], 3), "y": np.array(["a", "b", "c"])[ordinal[::-1]], "z": np.tile([0, 1, 2, 3], 3),
    })  # fmt: skip
    plan = compile(parse(MIXED))
    data = bind(plan.theory, frame)
    (block,) = explain(plan, data).blocks
    assert block.engine == "nuts"
    model = to_pymc(plan, data)
    names = [each.name for each in model.value_vars]
    wanted = [f"coefficients({each})" for each in ("f", "f1", "f2", "f3", "y", "z")]
    found = model.replace_rvs_by_values([model[each] for each in wanted])
    run = pytensor.function(model.value_vars, [model.logp(), *found], mode=CHEAP, on_unused_input="ignore")
    point = {name: value + rng.normal(0, 0.5, np.shape(value)) for name, value in model.initial_point().items()}
    column = data.numbers("f")

    def by_hand(f, c):
        own, first, second, third, y, z = c
        total = stats.norm(own[0] + own[1] * frame.x, np.exp(point["sigma(f)_log__"])).logpdf(f).sum()
        total += stats.norm(first[0] + first[1] * f, np.exp(point["sigma(f1)_log__"])).logpdf(frame.f1).sum()
        for steps, values in ((second, ordinal), (y, ordinal[::-1])):
            slope = steps[list(plan.equation("f2").addresses).index("f -> f2")]
            above = np.stack([special.expit(each + slope * f) for each in np.delete(steps, list(steps).index(slope))])
            chances = -np.diff(np.vstack([np.ones(n), above, np.zeros(n)]), axis=0)
            total += np.log(chances[values, np.arange(n)]).sum()
        total += stats.bernoulli(special.expit(third[0] + third[1] * f)).logpmf(frame.f3).sum()
        where = list(plan.equation("z").addresses)
        amount = np.exp(z[where.index("1 -> amount(z)")] + z[where.index("f -> amount(z)")] * f)
        some = special.expit(z[where.index("1 -> any(z)")] + z[where.index("f -> any(z)")] * f)
        positive = np.log(some) + stats.poisson(amount).logpmf(frame.z) - np.log(-np.expm1(-amount))
        return total + np.where(frame.z > 0, positive, np.log1p(-some)).sum()

    gaps = []
    for _ in range(3):
        point["missing(f)"] = rng.normal(size=n)
        ours, *coefficients = run(*(point[name] for name in names))
        gaps.append(float(ours) - by_hand(column.mean + column.sd * point["missing(f)"], coefficients))
    assert np.ptp(gaps) < 1e-9


def test_a_chain_begins_where_the_marker_is():
    """Standardised, in the latent's units; other missing values at their means."""
    frame = people(4)
    frame.loc[2, "f2"] = np.nan
    plan = compile(parse(THREE + "priors: {sigma(f): {fixed: 1}}"))
    start = to_pymc(plan, bind(plan.theory, frame)).initial_point()
    np.testing.assert_allclose(start["missing(f)"], stats.zscore(frame.f1, ddof=1))


REFUSED = {
    "nothing measures": ("variables: {x: , u: {measured_by: []}, y: }\narrows: [x -> u -> y]", "'u' is not measured.*a <-> b"),
    "a class": (THREE.replace("measured_by", "family: bernoulli, measured_by"), "'f' is latent and bernoulli"),
    "one indicator": ("variables: {x: , f: {measured_by: [f1]}}\narrows: [x -> f]", r"one indicator, f1.*sigma\(f1\): \{fixed"),
    "a category": (THREE.replace("}}", "}, f2: {family: categorical, values: [a, b]}}"), "measured by f2, which is categorical"),
    "zeros": (THREE.replace("}}", "}, f2: {family: poisson, zeros: hurdle}}"), "f2, which is poisson with zeros"),
    "no unit": (THREE.replace("}}", "}, f1: {family: bernoulli}}"), r"counted like its marker f1, which is bernoulli.*sigma\(f\)"),
    "marker": (THREE + "priors: {f -> f1: {normal: [1, 1]}}", "'f -> f1': it is 1, since f1 is the marker: fix another"),
    "zero": (THREE + "priors: {1 -> f1: {normal: [1, 1]}}", "'1 -> f1': it is 0, the zero of f: fix 1 -> f instead"),
    "curve": (THREE.replace("{x: ,", "{x: , y: ,").replace("[x -> f]", "{x -> f: , f -> y: {shape: {spline: 3}}}"), "knots come from values that nobody observed"),
    "levels": ("levels: [item, client]\nvariables: {f: {level: client, measured_by: [s, v]}, s: , v: {level: client}}\narrows: [f -> v]", "'f' has one value per client, and its indicator s one per item"),
    "centre": ("levels: [session, client]\ntime: session\nvariables: {f: {measured_by: [a, b], centre: observed}, y: }\narrows: [f -> y]", "centre: observed says nothing of a latent variable"),
    "reliability": (THREE + "priors: {reliability(f1): {fixed: 0.8}}", r"reliabilities.*sigma\(f1\)"),
}  # fmt: skip


@pytest.mark.parametrize("key", REFUSED)
def test_refused_with_what_to_write_instead(key):
    text, words = REFUSED[key]
    with pytest.raises(SpecError, match=words):
        compile(parse(text))


def test_one_indicator_will_do_where_its_error_is_known():
    text = "variables: {x: , f: {measured_by: [f1]}}\narrows: [x -> f]\npriors: {sigma(f1): {fixed: 0.5}}"
    assert [each.response for each in compile(parse(text)).equations] == ["f", "f1"]


def test_a_loading_can_differ_between_groups():
    """f -> f2 moderated by an arm is non-invariance: the arm's own arrow is added, the loading is that of the reference."""
    text = THREE.replace("{x: ,", "{x: , arm: {family: bernoulli},").replace(
        "[x -> f]", "{x -> f: , f -> f2: {moderated_by: arm}}"
    )
    assert mx.compile(parse(text)).equation("f2").addresses == ("1 -> f2", "f -> f2", "f * arm -> f2", "arm -> f2")
