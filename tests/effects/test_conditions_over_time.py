"""Conditions on a value at one occasion: the clients who had it, and the value stays; against each client's own slopes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.effects.questions.population import weigh
from mechanisms.errors import DataError, IdentificationError, SpecError

CLIENTS, OCCASIONS = 60, 4
HEAD = "levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }\ntime: session\n"
TEXT = (
    "variables: {x: , q: {family: bernoulli}, r: {family: categorical, values: [none, mild, hard]}, z: , y: }\n"
    "arrows:\n  x(t-1) -> y: {moderated_by: [q, q(t-1), r], varies_by: client}\n  z(t-1) -> y: {moderated_by: x(t-1)}\n"
    "  z(t-1) -> z:\n  y(t-1) -> y:\n"
)
SLOPES = {"none": 0.0, "mild": 0.25, "hard": -0.6}
NUMBERS = {
    "x(t-1) -> y": 0.4, "x(t-1) * q -> y": 0.5, "x(t-1) * q(t-1) -> y": -0.3, "x(t-1) * r=mild -> y": 0.25,
    "x(t-1) * r=hard -> y": -0.6, "z(t-1) -> y": 0.2, "z(t-1) * x(t-1) -> y": 0.6, "z(t-1) -> z": 0.5,
    "y(t-1) -> y": 0.3, "1 -> z": 0.3, "1 -> x": 0.1,
}  # fmt: skip
OWN, LEVEL = np.random.default_rng(2).normal(size=(2, CLIENTS))


def frame():
    rng = np.random.default_rng(1)
    made = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": [*range(OCCASIONS)] * CLIENTS})
    made = made.assign(**{name: rng.normal(size=len(made)) for name in "xzy"})
    return made.assign(q=rng.integers(0, 2, len(made)), r=rng.choice(list(SLOPES), len(made)))


def pinned(text, rows, numbers, deviations=None):
    plan = mx.compile(mx.parse(HEAD + text))
    given = {name: float(name.startswith(("sd(", "sigma("))) for name in plan.parameters}
    given |= {each.correlation: 0 for each in plan.varying if each.correlated}
    return mx.pin(plan, mx.bind(plan.theory, rows), given | numbers, deviations)


@pytest.fixture(scope="module")
def fit():
    return pinned(TEXT, frame(), NUMBERS, {("x(t-1) -> y", "client"): OWN, ("1 -> z", "client"): LEVEL})


def at_occasion(name, occasion):
    return frame().query(f"session == {occasion}")[name].to_numpy()


# What x(1) does to y(2) in each client, z(1) at its course.
SLOPE = 0.4 + OWN + 0.5 * at_occasion("q", 2) - 0.3 * at_occasion("q", 1) + pd.Series(at_occasion("r", 2)).map(SLOPES)


def ask(fit, **question):
    question = {"of": "x(1)", "on": "y(2)", **question}
    return mx.estimate(fit, mx.Question(**question))


def value(effects):
    return float(effects.rows[0].draws.item())


@pytest.mark.parametrize(
    ("at", "kept"),
    [
        ({"q(2)": 1}, at_occasion("q", 2) == 1),
        ({"q": 0}, at_occasion("q", 1) == 0),
        ({"q(1)": 0, "q(2)": 1}, (at_occasion("q", 1) == 0) & (at_occasion("q", 2) == 1)),
        ({"r(2)": "hard"}, at_occasion("r", 2) == "hard"),
        ({"q(0)": 1, "r(2)": "mild"}, (at_occasion("q", 0) == 1) & (at_occasion("r", 2) == "mild")),
    ],
)
def test_the_clients_who_had_the_value_then(fit, at, kept):
    found = ask(fit, at=at)
    assert value(found) == pytest.approx(float(SLOPE[kept].mean()), abs=1e-12)
    assert f"the {kept.sum()} of {CLIENTS} clients" in found.population


def test_each_value_has_a_row_and_their_difference_another(fit):
    rows = {row.label: float(row.draws.item()) for row in ask(fit, at={"q(2)": "each"}).rows}
    some, others = (float(SLOPE[at_occasion("q", 2) == value].mean()) for value in (0, 1))
    assert rows == pytest.approx(
        {"total [q(2)=0]": some, "total [q(2)=1]": others, "total [q(2)=1 − q(2)=0]": others - some}, abs=1e-12
    )


@pytest.mark.parametrize(("occasion", "carried"), [(1, 1.0), (0, 0.5)])
def test_of_a_number_all_clients_by_their_nearness_and_the_value_stays(fit, occasion, carried):
    """z(1) departs by 1 − course where it is 1; a z(0) of 1 leaves half of that to z(1)."""
    column = replace(fit.data["z"], values=at_occasion("z", occasion))
    weights = weigh({"z": column}, {"z": 1.0}, CLIENTS)[0]
    expected = weights @ (SLOPE + 0.6 * carried * (1 - 0.3 - LEVEL)) / weights.sum()
    found = ask(fit, at={f"z({occasion})": 1})
    assert value(found) == pytest.approx(float(expected), abs=1e-9)
    assert f"z({occasion}) = 1 (units weighted by their nearness" in found.population


def test_clients_whose_value_is_missing_then_are_not_among_them():
    rows = frame()
    rows.loc[(rows["session"] == 1) & (rows["client"] < 20), "z"] = np.nan
    fit = pinned(TEXT, rows, NUMBERS, {("x(t-1) -> y", "client"): OWN, ("1 -> z", "client"): LEVEL})
    column = replace(fit.data["z"], values=np.where(np.arange(CLIENTS) < 20, np.nan, at_occasion("z", 1)))
    weights = weigh({"z": column}, {"z": 1.0}, CLIENTS)[0]
    assert not weights[:20].any()
    expected = weights @ (SLOPE + 0.6 * (0.7 - LEVEL)) / weights.sum()
    assert value(ask(fit, at={"z(1)": 1})) == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize(
    ("question", "error", "words"),
    [
        ({"at": {"z(client)": 1}}, SpecError, "is a course, which nobody observed"),
        ({"on": "y(3)", "at": {"y(2)": 1}}, IdentificationError, r"y\(2\) responds to x\(1\)"),
        ({"of": "z(client)", "on": "y", "at": {"q": 1}}, SpecError, "q has no value at the occasions"),
        ({"at": {"z(1)": 1}, "population": {"new": "client"}}, IdentificationError, "a unit's own deviations"),
        ({"at": {"y(1)": 1}}, IdentificationError, r"y\(1\) follows z\(0\).*Condition on z\(0\) as well"),
    ],
)
def test_what_has_no_meaning_is_refused(fit, question, error, words):
    with pytest.raises(error, match=words):
        ask(fit, **question)


def test_with_what_came_before_it_has(fit):
    """y(1) adds to y(2), the same in both versions; z(0) leaves half of its departure to z(1)."""
    weights = weigh(
        {name: replace(fit.data[name], values=at_occasion(name, at)) for name, at in (("y", 1), ("z", 0))},
        {"y": 1.0, "z": 1.0},
        CLIENTS,
    )[0]
    expected = weights @ (SLOPE + 0.6 * 0.5 * (0.7 - LEVEL)) / weights.sum()
    assert value(ask(fit, at={"y(1)": 1, "z(0)": 1})) == pytest.approx(float(expected), abs=1e-9)


def test_an_occasion_that_nobody_was_seen_at():
    plan = mx.compile(mx.parse(HEAD.replace("3]", "3, 4]") + TEXT))
    fit = mx.pin(plan, mx.bind(plan.theory, frame()), dict.fromkeys(plan.parameters, 0.3) | {"cor(client)": 0})
    with pytest.raises(DataError, match=r"nobody in the data has a value of q\(4\)"):
        ask(fit, of="x(3)", on="y(4)", at={"q(4)": 0})


def test_the_noise_of_what_is_conditioned_on_tells_of_what_goes_with_it():
    """z <-> m at one occasion: m(0) given z(0) = 1.5 is shifted by ρ σ(m) · residual, and x meets it in a product."""
    text = (
        "variables: {x: , z: , m: , y: }\n"
        "arrows:\n  m(t-1) -> y: {moderated_by: x(t-1)}\n  x(t-1) -> y:\n  z(t-1) -> z:\n  m(t-1) -> m:\n  z <-> m:\n"
    )
    made = frame()
    made["m"] = np.random.default_rng(4).normal(size=len(made))
    plan = mx.compile(mx.parse(HEAD + text))
    pair = next(name for name in plan.parameters if "<->" in name)
    numbers = {
        pair: 0.6,
        "sigma(z | first)": 0.8,
        "sigma(m | first)": 1.2,
        "m(t-1) * x(t-1) -> y": 0.5,
        "x(t-1) -> y": 0.3,
    }
    fit = pinned(text, made, numbers)
    found = ask(fit, of="x(0)", on="y(1)", at={"z(0)": 1.5}, population="typical")
    assert value(found) == pytest.approx(0.3 + 0.5 * 0.6 * 1.2 * 1.5 / 0.8, rel=0.025)
