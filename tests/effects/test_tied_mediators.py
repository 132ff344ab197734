"""Mediators with correlated residuals, without levels: right where the correlation cancels, refused where it matters.

What is right is compared with closed forms that know the correlation; that the rest would be wrong is shown by brute force.
"""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.effects.averages import integration

TIED = "variables: {x: , w: , m1: , m2: , y: %s}\narrows:\n  x -> m1:\n  x -> m2:\n  m1 <-> m2:\n%s"
PRODUCT = "  m2 -> y:\n  m1 -> y: {moderated_by: m2}\n"
RHO, X = 0.6, 0.3


def total(family, arrows, numbers, text=TIED):
    """The total effect of one more x, at the mean of x."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 5)), columns=["x", "w", "m1", "m2", "y"])
    frame["x"] += X - frame["x"].mean()
    if "bernoulli" in family:
        frame["y"] = (frame["y"] > 0).astype(int)
    plan = mx.compile(mx.parse(text % (family, arrows)))
    stated = {each: float(each.startswith("sigma(")) for each in plan.parameters} | numbers
    assert set(stated) == set(plan.parameters)
    fit = mx.pin(plan, mx.bind(plan.theory, frame), stated)
    return mx.estimate(fit, mx.Question(of="x", on="y")).rows[0].draws.item()


PATHS = {"x -> m1": 0.3, "x -> m2": 0.5, "m1 <-> m2": RHO}


def test_sums_know_nothing_of_the_correlation():
    assert total("", "  m1 -> y:\n  m2 -> y:\n", PATHS | {"m1 -> y": 0.7, "m2 -> y": 0.2}) == pytest.approx(0.31)


def test_a_product_has_a_covariance_that_cancels():
    found = total("", PRODUCT, PATHS | {"m1 * m2 -> y": 0.7})
    assert found == pytest.approx(0.7 * 0.15 * ((X + 1) ** 2 - X**2))


def test_a_curve_of_one_beside_the_other():
    found = total("", "  m1 -> y:\n  m2 -> y: {shape: quadratic}\n", PATHS | {"m1 -> y": 1.0, "m2^2 -> y": 0.4})
    assert found == pytest.approx(0.3 + 0.4 * 0.25 * ((X + 1) ** 2 - X**2))


LINK = ("{family: bernoulli}", "  m1 -> y:\n  m2 -> y:\n", PATHS | {"m1 -> y": 1.0, "m2 -> y": 0.8})
ASIDE = TIED.replace("x -> m1", "w -> m1")
MATTERS = {
    "a link": (*LINK, TIED),
    "a product that x moves": ("", "  m1 -> y: {moderated_by: x * m2}\n", PATHS | {"m1 * x * m2 -> y": 0.7}, TIED),
    "a square of one times the other": (
        "", "  m1 -> y: {shape: quadratic, moderated_by: m2}\n", PATHS | {"m1^2 * m2 -> y": 0.4}, TIED,
    ),
    "a link, and one of the two as it was observed": (
        *LINK[:2], {"w -> m1": 0.3, "x -> m2": 0.5, "m1 <-> m2": RHO, "m1 -> y": 1.0, "m2 -> y": 0.8}, ASIDE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", MATTERS)
def test_where_it_matters_it_is_refused(key):
    with pytest.raises(mx.IdentificationError, match=r"residuals of m1 and m2 are correlated.*set: \{m1"):
        total(*MATTERS[key])


def test_a_product_with_one_of_the_two_as_it_was_observed():
    """m2 is moved by .5 and multiplies what m1 was; that the noises go together cancels."""
    numbers = {"w -> m1": 0.3, "x -> m2": 0.5, "m1 <-> m2": RHO, "m1 * m2 -> y": 0.7}
    m1 = np.random.default_rng(0).normal(size=(40, 5))[:, 2]
    assert total("", PRODUCT, numbers, ASIDE) == pytest.approx(0.7 * 0.5 * m1.mean())


def test_noises_taken_as_independent_would_be_wrong(monkeypatch):
    """By brute force, with a Monte Carlo error of 3e-4: the refusal refuses what is not right."""
    monkeypatch.setattr(integration, "refuse_tied", lambda scene, traced: None)
    found = total(*LINK)
    rng, size = np.random.default_rng(1), 1_000_000
    one, rest = rng.normal(size=(2, size))
    two = RHO * one + np.sqrt(1 - RHO**2) * rest
    chances = [1 / (1 + np.exp(-(0.3 * x + one + 0.8 * (0.5 * x + two)))) for x in (X, X + 1)]
    assert abs(found - (chances[1] - chances[0]).mean()) > 0.01


def test_one_of_the_two_that_is_held_is_no_noise():
    theory = TIED % LINK[:2] + "questions: [{of: x, on: y, set: {m1: 0}}]\n"
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 5)), columns=["x", "w", "m1", "m2", "y"])
    frame = frame.assign(y=(frame["y"] > 0).astype(int), x=frame["x"] + X - frame["x"].mean())
    plan = mx.compile(mx.parse(theory))
    stated = {each: float(each.startswith("sigma(")) for each in plan.parameters} | LINK[2]
    fit = mx.pin(plan, mx.bind(plan.theory, frame), stated)
    found = mx.estimate(fit, plan.theory.questions[0]).rows[0].draws.item()
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    chances = [1 / (1 + np.exp(-0.8 * (0.5 * x + nodes))) @ weights / weights.sum() for x in (X, X + 1)]
    assert found == pytest.approx(chances[1] - chances[0], abs=1e-6)
