"""The plan: which numbers an equation has, what they are called, and what cannot be compiled."""

import numpy as np
import pandas as pd
import pytest
from random_theories import random_text

import mechanisms as mx
from mechanisms.data.door import bind_some
from mechanisms.errors import SpecError
from mechanisms.graph.graph import parents
from mechanisms.model.blocks import find_blocks
from mechanisms.model.predictor import linear_predictor
from mechanisms.spec.addresses import parse_address
from mechanisms.spec.theory import Arrow, Shape, Theory, Variable

NAMES = "variables:\n  x, w, z, q, m, u, y:\n  g: {family: categorical, values: [a, b, c]}\n"


def compiled(text: str):
    return mx.compile(mx.parse(NAMES + text))


def coefficients(text: str, response: str = "y"):
    return [each.address for each in compiled(text).equation(response).coefficients]


@pytest.mark.parametrize(
    ("arrows", "addresses"),
    [
        ("  x -> y:", ["x -> y"]),
        ("  x, w -> y:", ["x -> y", "w -> y"]),
        ("  x -> y: {shape: quadratic}", ["x -> y", "x^2 -> y"]),
        ("  x -> y: {moderated_by: [w]}", ["x -> y", "x * w -> y", "w -> y"]),
        ("  w -> y:\n  x -> y: {moderated_by: [w]}", ["w -> y", "x -> y", "x * w -> y"]),
        ("  g -> y:", ["g=b -> y", "g=c -> y"]),
        ("  x -> y: {moderated_by: [g]}", ["x -> y", "x * g=b -> y", "x * g=c -> y", "g=b -> y", "g=c -> y"]),
        ("  g -> y: {moderated_by: [x]}", ["g=b -> y", "g=c -> y", "g=b * x -> y", "g=c * x -> y", "x -> y"]),
        (
            "  x -> y: {shape: quadratic, moderated_by: [w]}",
            ["x -> y", "x^2 -> y", "x * w -> y", "x^2 * w -> y", "w -> y"],
        ),
        (
            "  x -> y: {shape: quadratic, moderated_by: [g]}",
            ["x -> y", "x^2 -> y", *(f"x{p} * g={v} -> y" for v in "bc" for p in ("", "^2")), "g=b -> y", "g=c -> y"],
        ),
        ("  x -> y: {moderated_by: [w, z]}", ["x -> y", "x * w -> y", "x * z -> y", "w -> y", "z -> y"]),
        (
            "  x -> y: {moderated_by: [w * z]}",
            ["x -> y", "x * w -> y", "x * z -> y", "x * w * z -> y", "w -> y", "w * z -> y", "z -> y"],
        ),
        ("  x -> y: {moderated_by: [w]}\nwithout: [w -> y]", ["x -> y", "x * w -> y"]),
        (
            "  x -> y: {moderated_by: [w * z]}\nwithout: [w -> y]",
            ["x -> y", "x * w -> y", "x * z -> y", "x * w * z -> y", "z -> y", "z * w -> y"],
        ),
        (
            "  x -> y: {moderated_by: [w * z]}\nwithout: [w -> y, z -> y]",
            ["x -> y", "x * w -> y", "x * z -> y", "x * w * z -> y"],
        ),
        ("  w -> y: {shape: quadratic}\n  x -> y: {moderated_by: [w]}", ["w -> y", "w^2 -> y", "x -> y", "x * w -> y"]),
        ("  g=b -> y:", ["g=b -> y"]),
        ("  x -> y: {moderated_by: [g=c]}\n  g -> y:", ["x -> y", "x * g=c -> y", "g=b -> y", "g=c -> y"]),
    ],
)
def test_coefficients_of_an_equation(arrows, addresses):
    assert coefficients(f"arrows:\n{arrows}\n") == addresses


def test_the_three_way_predictor_is_the_formula():
    equation = compiled("arrows:\n  x -> y: {shape: quadratic, moderated_by: [w * g]}\n").equation("y")
    rng = np.random.default_rng(0)
    b = {address: rng.normal() for address in equation.addresses}
    x, w, gb, gc = rng.normal(size=(4, 7))
    columns = {"x": x, "w": w, "g=b": gb, "g=c": gc}
    expected = (
        b["1 -> y"] + b["w -> y"] * w + b["g=b -> y"] * gb + b["g=c -> y"] * gc
        + b["w * g=b -> y"] * w * gb + b["w * g=c -> y"] * w * gc
        + x * (b["x -> y"] + b["x * w -> y"] * w + b["x * g=b -> y"] * gb + b["x * g=c -> y"] * gc
               + b["x * w * g=b -> y"] * w * gb + b["x * w * g=c -> y"] * w * gc)
        + x**2 * (b["x^2 -> y"] + b["x^2 * w -> y"] * w + b["x^2 * g=b -> y"] * gb + b["x^2 * g=c -> y"] * gc
                  + b["x^2 * w * g=b -> y"] * w * gb + b["x^2 * w * g=c -> y"] * w * gc)
    )  # fmt: skip
    assert len(b) == 18
    np.testing.assert_allclose(linear_predictor(equation, b, columns), expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_every_parameter_has_one_address_that_reads_as_itself(seed):
    plan = mx.compile(mx.parse(random_text(np.random.default_rng(seed))))
    assert len(set(plan.parameters)) == len(plan.parameters)
    assert len({parse_address(address).key for address in plan.parameters}) == len(plan.parameters)
    for equation in plan.equations:
        products = [frozenset(each.factors) for each in equation.coefficients]
        assert len(set(products)) == len(products)
        assert set(equation.parents) == set(parents(plan.graph, equation.response))


def test_equations_stand_in_causal_order_and_the_rest_is_conditioned_on():
    plan = compiled("arrows:\n  m -> y: \n  x -> m: \n  q -> x:\n")
    assert [equation.response for equation in plan.equations] == ["x", "m", "y"]
    assert set(plan.exogenous) == {"w", "z", "q", "u", "g"}
    assert plan.parameters[:3] == ("1 -> x", "q -> x", "sigma(x)")
    with pytest.raises(KeyError):
        plan.equation("q")
    assert "m = b0 + b·x,  residual sd sigma(m)" in repr(plan)
    assert "conditioned on: w, z, q, u, g" in repr(plan)


def test_a_link_has_no_spread():
    theory = mx.parse("variables:\n  x:\n  y: {family: bernoulli, link: probit}\narrows:\n  x -> y:\n")
    plan = mx.compile(theory)
    assert plan.parameters == ("1 -> y", "x -> y")
    assert "probit P(y = 1) = b0 + b·x" in repr(plan)


def test_a_variable_called_b_is_told_from_a_coefficient():
    plan = mx.compile(mx.parse("arrows:\n  b -> y: {shape: quadratic}\nvariables: {b: , y: }\n"))
    assert "y = β0 + β·b + β·b^2,  residual sd sigma(y)" in repr(plan)


# --- priors ---


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("x * w -> y", "x * w -> y"),
        ("w * x -> y", "x * w -> y"),
        ("g=b * x -> y", "x * g=b -> y"),
        ("x*g=c->y", "x * g=c -> y"),
        ("g=b -> y", "g=b -> y"),
        ("1 -> y", "1 -> y"),
        ("sigma(y)", "sigma(y)"),
    ],
)
def test_priors_find_their_parameter_whatever_the_order(said, address):
    text = "arrows:\n  x -> y: {moderated_by: [w, g]}\npriors:\n"
    prior = "{half_normal: 1}" if "sigma" in said else "{normal: [0, 1]}"
    plan = compiled(f"{text}  {said}: {prior}\n")
    assert [name for name, _ in plan.priors] == [address]
    assert plan.prior(address) is not None
    assert plan.prior("x -> y") is None
    assert f"prior on {address}" in repr(plan)


def test_same_as_is_resolved_to_the_plans_spelling():
    text = "arrows:\n  x -> y: {moderated_by: [w]}\n  x -> m: {moderated_by: [w]}\npriors:\n  w * x -> m: {same_as: w * x -> y}\n"
    plan = compiled(text)
    ((address, prior),) = plan.priors
    assert (address, prior.same_as) == ("x * w -> m", "x * w -> y")


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ("x -> yy: {normal: [0, 1]}", ["unknown variable 'yy'", "Did you mean 'y'?"]),
        ("z -> y: {normal: [0, 1]}", ["'z -> y'", "no such parameter", "Did you mean 'x -> y'?"]),
        ("sigma(x): {half_normal: 1}", ["sigma(x)", "no such parameter", "Did you mean 'sigma(y)'?"]),
        ("x^2 -> y: {normal: [0, 1]}", ["no such parameter", "Did you mean"]),
        ("g -> y: {normal: [0, 1]}", ["'g -> y'", "2 coefficients", "g=b -> y | g=c -> y"]),
        ("x * g -> y: {normal: [0, 1]}", ["2 coefficients", "x * g=b -> y | x * g=c -> y"]),
        ("g=a -> y: {normal: [0, 1]}", ["reference", "b or c"]),
        ("g=d -> y: {normal: [0, 1]}", ["no value 'd'"]),
        ("w -> y: {same_as: sigma(y)}", ["same kind"]),
        ("w -> y: {same_as: w -> y}", ["itself"]),
        ("w -> y: {same_as: q -> y}", ["no such parameter"]),
        ("x -> y: {normal: [0, 1], at: {q: mean}}", ["at: 'q' does not moderate it"]),
        ("x -> y: {normal: [0, 1], at: {ww: mean}}", ["'ww'", "Did you mean 'w'?"]),
        ("1 -> y: {normal: [0, 1], at: {w: mean}}", ["at belongs to priors on coefficients"]),
        ("sigma(y): {half_normal: 1, at: {w: mean}}", ["at belongs to priors on coefficients"]),
    ],
)
def test_a_prior_on_nothing_is_refused_with_the_near_miss(prior, words):
    with pytest.raises(SpecError) as refused:
        compiled(f"arrows:\n  x -> y: {{moderated_by: [w, g]}}\npriors:\n  {prior}\n")
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ("x -> y: {normal: [0, 1], at: {x: mean}}", None),
        ("x * w -> y: {normal: [0, 1], at: {x: 3}}", None),
        ("x -> y: {fixed: 1, at: {x: 3, w: 2}}", None),
        ("x^2 -> y: {normal: [0, 1], at: {w: 3}}", None),
        ("w -> y: {normal: [0, 1], at: {x: 3}}", None),
        ("x^2 -> y: {normal: [0, 1], at: {x: 3}}", ["'x^2 -> y'", "at: 'x' does not moderate it"]),
        ("x^2 * w -> y: {normal: [0, 1], at: {x: 3}}", ["'x^2 * w -> y'", "'x' does not moderate it"]),
        ("w -> y: {normal: [0, 1], at: {w: 3}}", ["'w -> y'", "at: 'w' does not moderate it"]),
    ],
)
def test_at_may_name_a_cause_that_bends(prior, words):
    text = f"arrows:\n  x -> y: {{shape: quadratic, moderated_by: [w]}}\npriors:\n  {prior}\n"
    if words is None:
        assert len(compiled(text).priors) == 1
        return
    with pytest.raises(SpecError) as refused:
        compiled(text)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("priors", "words"),
    [
        (["x -> y: {same_as: w -> y}", "w -> y: {same_as: z -> y}"], "itself the same as another"),
        (["x -> y: {same_as: w -> y}", "w -> y: {same_as: x -> y}"], "leads back to itself"),
        (["x * w -> y: {normal: [0, 1]}", "w * x -> y: {normal: [0, 1]}"], "said twice"),
    ],
)
def test_priors_that_contradict_each_other_are_refused(priors, words):
    with pytest.raises(SpecError, match=words):
        compiled(
            "arrows:\n  x -> y: {moderated_by: [w]}\n  z -> y:\npriors:\n" + "".join(f"  {prior}\n" for prior in priors)
        )


# --- what is not compiled ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            NAMES + "arrows:\n  x -> m -> y:\n  m <-> y:\n",
            ["m <-> y", "beside an arrow between the two", "residual correlation", "mx.identify"],
        ),
        (
            NAMES + "arrows:\n  x -> m -> y:\n  x <-> y:\n",
            ["x <-> y", "of y and of x, which nothing points at", "biased"],
        ),
        ("variables:\n  y:\n  v: {measured_by: []}\narrows:\n  v -> y:\n", ["'v' is not measured"]),
        (
            "variables:\n  x:\n  y: {family: gamma, zeros: inflated}\narrows: [x -> y]\n",
            ["y: zeros: inflated", "no zeros of its own", "zeros: hurdle says the same"],
        ),
        (
            "variables:\n  x:\n  y: {family: ordered_beta, range: [0, 100]}\narrows: [x -> y]\n",
            ["y: a range other than [0, 1] of an ordered_beta", "bring the column to 0 to 1"],
        ),
        (
            "variables:\n  x:\n  y:\narrows: [x -> sigma(y)]\npriors:\n  sigma(y): {half_normal: 1}\n",
            ["prior on 'sigma(y)'", "no single number", "'1 -> sigma(y)'"],
        ),
        (
            "variables:\n  x:\n  y:\n  z:\narrows: [x -> sigma(y), x -> z]\nunmeasured: [[y, z]]\n",
            ["y <-> z", "beside an arrow into a residual sd"],
        ),
        (
            "variables:\n  x:\n  e: {family: bernoulli}\n  y: {family: weibull, event: e}\narrows: [x -> y, x -> e]\n",
            ["x -> e", "e says where y ended"],
        ),
        (
            "variables:\n  x:\n  e: {family: bernoulli}\n  y: {family: weibull, event: e}\narrows: [y -> x]\n",
            ["y -> x", "y may be censored", "take its event out"],
        ),
        (
            "variables:\n  x:\n  z:\n  e: {family: bernoulli}\n  y: {family: weibull, event: e}\narrows: [x -> z]\n",
            ["y: 'event' of a variable that nothing points at"],
        ),
        (NAMES, ["draws no arrow", "nothing to fit"]),
    ],
)
def test_what_is_not_compiled_is_refused_by_name(text, words):
    with pytest.raises(SpecError) as refused:
        mx.compile(mx.parse(text))
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "arrow", "words"),
    [
        (
            Variable(name="y", family="ordered_beta", range=(0.0, 9.0)),
            Arrow(cause="x", effect="y"),
            "of an ordered_beta is not compiled",
        ),
        (Variable(name="y"), Arrow(cause="x", effect="y", shape=Shape(kind="monotonic")), "shape monotonic"),
    ],
)
def test_a_theory_built_by_hand_is_refused_too(variable, arrow, words):
    with pytest.raises(SpecError, match=words):
        mx.compile(Theory(variables=(Variable(name="x"), variable), arrows=(arrow,)))


def test_hidden_causes_of_exogenous_variables_alone_do_not_matter():
    plan = compiled("arrows:\n  x, z -> y:\n  x <-> z:\n")
    assert [equation.response for equation in plan.equations] == ["y"]


# --- blocks ---


def test_blocks_are_joined_by_equalities_gaps_and_residual_correlations():
    def blocks(text, gap=None):
        theory = mx.parse(NAMES + text)
        frame = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 6)), columns=["x", "m", "y", "q", "u", "z"])
        if gap:
            frame.loc[0, gap] = np.nan
        data = bind_some(theory, frame, ["x", "m", "y", "q", "u"])
        return [sorted(e.response for e in block) for block in find_blocks(mx.compile(theory), data)]

    arrows = "arrows:\n  x -> m -> y:\n  q -> u:\n  x -> y:\n"
    assert blocks(arrows) == [["m"], ["u"], ["y"]]
    assert sorted(blocks(arrows + "priors:\n  x -> y: {same_as: q -> u}\n")) == [["m"], ["u", "y"]]
    shared = arrows + "priors:\n  x -> y: {same_as: q -> u}\n  sigma(m): {same_as: sigma(u)}\n"
    assert blocks(shared) == [["m", "u", "y"]]
    assert sorted(blocks(arrows, gap="m")) == [["m", "y"], ["u"]], "a missing cause"
    assert sorted(blocks(arrows, gap="y")) == [["m"], ["u"], ["y"]], "a missing outcome says nothing"
    assert sorted(blocks(arrows + "  m <-> u:\n")) == [["m", "u"], ["y"]]
