"""Stated parameters: every address once, and correlations by pair, as a matrix, or none."""

import numpy as np
import pytest

from mechanisms.errors import FitError, SpecError
from mechanisms.infer.stated import complete
from mechanisms.model.plan import compile
from mechanisms.spec.reader import parse

PLAN = compile(
    parse("""
levels: [session, client]
time: session
variables: {x: , m: , y: }
arrows:
  x(session) -> m: {varies_by: client}
  m(client) -> y:
  y(t-1) -> y:
""")
)
LEVEL = PLAN.varying[0]
VALUES = {name: float(at + 1) for at, name in enumerate(PLAN.parameters)}
PAIR = "1 -> m <-> x(session) -> m"


def at(one, other):
    return LEVEL.quantities.index(one), LEVEL.quantities.index(other)


def test_the_order_is_the_plans():
    said = dict(reversed(VALUES.items())) | {"cor(client)": {PAIR: 0.5}}
    found = complete(PLAN, said)
    assert list(found.values.items()) == list(VALUES.items())
    wanted = np.eye(4)
    i, j = at("1 -> m", "x(session) -> m")
    wanted[i, j] = wanted[j, i] = 0.5
    np.testing.assert_array_equal(found.correlations["client"], wanted)
    sds = np.array([VALUES[each] for each in LEVEL.spreads])
    root = found.root(LEVEL, {})
    np.testing.assert_allclose(root @ root.T, np.outer(sds, sds) * wanted)


@pytest.mark.parametrize("said", [0, {}, np.eye(4), np.eye(4).tolist()])
def test_none_correlate(said):
    np.testing.assert_array_equal(complete(PLAN, VALUES | {"cor(client)": said}).correlations["client"], np.eye(4))


def test_a_matrix_is_as_good_as_its_pairs():
    matrix = complete(PLAN, VALUES | {"cor(client)": {PAIR: -0.2, "1 -> x <-> 1 -> m": 0.3}}).correlations["client"]
    again = complete(PLAN, VALUES | {"cor(client)": matrix}).correlations["client"]
    np.testing.assert_array_equal(again, matrix)


def test_what_is_optional_may_be_left_out():
    said = {name: value for name, value in VALUES.items() if name != "sigma(y | first)"} | {"cor(client)": 0}
    assert "sigma(y | first)" not in complete(PLAN, said, optional=["sigma(y | first)"]).values
    with pytest.raises(FitError, match=r"no value is given for sigma\(y \| first\)"):
        complete(PLAN, said)


def joined_matrix():
    matrix = np.eye(4)
    i, j = at("1 -> m", "1 -> y")
    matrix[i, j] = matrix[j, i] = 0.1
    return matrix


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sd(1 -> m | client)": -1.0}, r"sd\(1 -> m \| client\) is an sd and not below 0, but -1 is"),
        ({"sigma(y | first)": 0.0}, r"sigma\(y \| first\) is a residual sd and must be above 0"),
        ({"sd(1 -> z | client)": 1.0}, r"the plan has no parameter 'sd\(1 -> z \| client\)'. Did you mean 'sd\(1 -> "),
        ({"cor(client)": {"1 -> m <-> 1 -> y": 0.1}}, "an arrow joins 1 -> m and 1 -> y, so they have no correlation"),
        ({"cor(client)": joined_matrix()}, "an arrow joins 1 -> m and 1 -> y"),
        ({"cor(client)": {PAIR: 1.0}}, "1 is no correlation"),
        ({"cor(client)": {PAIR: "high"}}, "is 'high', not a number"),
        ({"cor(client)": {PAIR: 0.1, "x(session) -> m <-> 1 -> m": 0.1}}, "is given twice"),
        ({"cor(client)": {"1 -> m <-> y(t-1) -> y": 0.1}}, r"y\(t-1\) -> y does not vary by client"),
        ({"cor(client)": 0.3}, r"cor\(client\) is one number: say it for each pair, \{'1 -> x <-> 1 -> m': 0.3\}"),
        ({"cor(client)": [[1, 0], [0]]}, "a symmetric matrix of 4 rows"),
        ({"cor(client)": [["a"]]}, "a symmetric matrix of 4 rows"),
        ({"cor(client)": None}, "is None, not a number"),
        ({"sigma(y)": 10**400}, r"the value of sigma\(y\) is inf, not a number"),
        ({1: 2.0}, "1 is no address of a parameter: addresses are text"),
        ({"cor(client)": np.eye(3)}, "a symmetric matrix of 4 rows .* in the order 1 -> x, 1 -> m"),
        (
            {"cor(client)": {"1 -> x <-> 1 -> m": 0.9, "1 -> x <-> x(session) -> m": 0.9, PAIR: -0.9}},
            "nothing can be correlated like this all at once",
        ),
    ],
)
def test_refused(changed, message):
    with pytest.raises(FitError, match=message):
        complete(PLAN, VALUES | {"cor(client)": 0} | changed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 -> m", "two intercepts or slopes are wanted"),
        ("1 -> m <-> m * x -> y <-> 1 -> y", "two intercepts or slopes are wanted"),
        ("1 -> m <-> sigma(y)", r"'sigma\(y\)' is neither an intercept nor a slope"),
        ("1 -> m <-> 1 -> m", "joins 1 -> m to itself"),
    ],
)
def test_a_pair_has_two_sides(text, message):
    with pytest.raises(SpecError, match=message):
        complete(PLAN, VALUES | {"cor(client)": {text: 0.1}})


def test_correlations_have_to_be_said():
    with pytest.raises(FitError, match=r"no value is given for cor\(client\)"):
        complete(PLAN, VALUES)


RELATED = compile(parse("arrows: [x -> a, x -> b, x -> c, a <-> b, b <-> c, a <-> c]"))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"a <-> b": 1.0}, "a <-> b is a correlation and lies between -1 and 1, not at 1"),
        ({"a <-> b": 0.9, "b <-> c": 0.9, "a <-> c": -0.9}, "residuals of a, b and c: nothing can be correlated like"),
    ],
)
def test_residual_correlations_are_some(said, message):
    values = dict.fromkeys(RELATED.parameters, 0.5)
    assert complete(RELATED, values).values["a <-> b"] == 0.5
    with pytest.raises(FitError, match=message):
        complete(RELATED, values | said)
