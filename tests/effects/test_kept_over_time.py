"""What nothing moves stays as it was observed: client variables with an equation, against formulas and quadrature."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.effects.questions.population import weigh
from mechanisms.errors import IdentificationError

CLIENTS, OCCASIONS = 40, 4
HEAD = "levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }\ntime: session\n"
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def expit(eta):
    return 1 / (1 + np.exp(-eta))


def rows(*names, **coarse):
    rng = np.random.default_rng(1)
    made = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": [*range(OCCASIONS)] * CLIENTS})
    made = made.assign(**{name: rng.normal(size=len(made)) for name in names})
    return made.assign(**{name: np.repeat(values, OCCASIONS) for name, values in coarse.items()})


def pinned(text, frame, parameters, deviations=None):
    plan = mx.compile(mx.parse(HEAD + text))
    given = {name: float(name.startswith(("sd(", "sigma("))) for name in plan.parameters}
    given |= {each.correlation: 0 for each in plan.varying if each.correlated}
    return mx.pin(plan, mx.bind(plan.theory, frame), given | parameters, deviations)


def ask(fit, **question):
    return float(mx.estimate(fit, mx.Question(**question)).rows[0].draws.item())


def near(fit, name, value):
    """The weights of clients near a value, as for a condition without levels."""
    weights = weigh({name: fit.data[name]}, {name: value}, CLIENTS)[0]
    return weights / weights.sum()


SEVERITY, SEX = np.random.default_rng(5).normal(size=CLIENTS), np.arange(CLIENTS) % 2
MODERATED = (
    "variables: {{sex: {{level: client, family: bernoulli}}, severity: {{level: client{}}}, x: , y: }}\n"
    "arrows: {{sex -> severity: , x -> y: {{moderated_by: severity}}}}\n"
)


@pytest.fixture(scope="module")
def moderated():
    given = {"x(session) -> y": 0.3, "x(session) * severity -> y": 0.5, "sex -> severity": 1.0}
    return pinned(MODERATED.format(""), rows("x", "y", sex=SEX, severity=SEVERITY), given)


def test_a_moderator_with_an_equation_is_what_it_was_in_each_client(moderated):
    assert ask(moderated, of="x(t)", on="y(t)") == pytest.approx(0.3 + 0.5 * SEVERITY.mean(), abs=1e-12)
    each = mx.estimate(moderated, mx.Question(of="x(t)", on="y(t)", population={"each": "client"}))
    assert [row.draws.item() for row in each.rows] == pytest.approx(list(0.3 + 0.5 * SEVERITY), abs=1e-12)


@pytest.mark.parametrize("value", [0, 1, 2])
def test_a_condition_on_it_puts_it_at_the_value(moderated, value):
    assert ask(moderated, of="x(t)", on="y(t)", at={"severity": value}) == pytest.approx(0.3 + 0.5 * value, abs=1e-12)


def test_along_it_the_effect_changes(moderated):
    found = mx.moderate(moderated, mx.Question(of="x(t)", on="y(t)"), {"severity": [0, 1, 2]}).summary()["mean"]
    for value in (0, 1, 2):
        assert found[f"total [severity={value}]"] == pytest.approx(0.3 + 0.5 * value, abs=1e-12)
    assert found["index of moderation [severity]"] == pytest.approx(0.5, abs=1e-12)


def test_a_category_with_an_equation():
    names = np.array(["none", "mild", "hard"])[np.arange(CLIENTS) % 3]
    fit = pinned(
        MODERATED.format(", family: categorical, values: [none, mild, hard]"),
        rows("x", "y", sex=SEX, severity=names),
        {"x(session) -> y": 0.3, "x(session) * severity=mild -> y": 0.5, "x(session) * severity=hard -> y": -0.4},
    )
    slopes = {"none": 0.3, "mild": 0.8, "hard": -0.1}
    assert ask(fit, of="x(t)", on="y(t)") == pytest.approx(np.mean([slopes[each] for each in names]), abs=1e-12)
    for value, slope in slopes.items():
        assert ask(fit, of="x(t)", on="y(t)", at={"severity": value}) == pytest.approx(slope, abs=1e-12)


def test_where_it_is_missing_it_is_drawn():
    """Half of the clients have no value: their severity is 2 sex + N(0, 1), and y is 0/1, so that its noise matters."""
    gone = np.where(np.arange(CLIENTS) % 4 < 2, np.nan, SEVERITY)
    frame = rows("x", "y", sex=SEX, severity=gone)
    frame["y"] = (frame["y"] > 0).astype(int)
    fit = pinned(
        MODERATED.format("").replace("y: }", "y: {family: bernoulli}}"),
        frame,
        {"x(session) -> y": 0.3, "x(session) * severity -> y": 0.5, "severity -> y": 0.7, "sex -> severity": 2.0},
    )
    drawn = 2.0 * SEX[:, None] + NODES
    values = np.where(np.isnan(gone)[:, None], drawn, np.nan_to_num(gone)[:, None])
    chance = [expit((0.3 + 0.5 * values) * x + 0.7 * values) @ WEIGHTS for x in (0, 1)]
    expected = float(np.mean(chance[1] - chance[0]))
    found = ask(fit, of="x(t)", on="y(t)", contrast=(0, 1))
    assert found == pytest.approx(expected, rel=0.025)  # .5 % of Monte Carlo error, five of them


TOLD = (
    "variables:\n  x: {{level: client, family: bernoulli, assigned: randomised}}\n  s, w, m: {{level: client}}\n  y: {}\n"
    "arrows:\n  s -> w:\n  x -> m:\n  m -> y: {{moderated_by: x}}\n  w -> y:\n  w <-> m:\n"
)
NUMBERS = {
    "x -> m": 0.5, "m -> y": 0.4, "m * x -> y": 0.8, "x -> y": 0.2, "w -> y": 0.3, "s -> w": 0.7, "1 -> w": 0.1,
    "1 -> m": 0.2, "sigma(w)": 0.9, "sigma(m)": 1.2, "m <-> w": 0.6,
}  # fmt: skip


@pytest.mark.parametrize("value", [None, 1.5])
@pytest.mark.parametrize("family", ["", "{family: bernoulli}"])
def test_a_residual_that_is_known_tells_of_those_it_is_correlated_with(family, value):
    """m given w is normal with mean .2 + 1.2 · .6 · (w's residual) and sd 1.2 · .8."""
    rng = np.random.default_rng(5)
    x, (w, m, s) = np.arange(CLIENTS) % 2, rng.normal(size=(3, CLIENTS))
    frame = rows("y", x=x, w=w, m=m, s=s)
    frame["y"] = (frame["y"] > 0).astype(int) if family else frame["y"]
    text = TOLD.format(family)
    plan = mx.compile(mx.parse(HEAD + text))
    given = {"m <-> w" if "m <-> w" in plan.parameters else "w <-> m": 0.6, **NUMBERS}
    fit = pinned(text, frame, {name: number for name, number in given.items() if name in plan.parameters})
    weights = np.full(CLIENTS, 1 / CLIENTS) if value is None else near(fit, "w", value)
    w = w if value is None else np.full(CLIENTS, value)
    known = 0.2 + 1.2 * 0.6 * (w - 0.1 - 0.7 * s) / 0.9
    drawn = known[:, None] + 1.2 * 0.8 * NODES
    link = expit if family else np.asarray
    means = [link((0.4 + 0.8 * x) * drawn + 0.2 * x + 0.3 * w[:, None]) @ WEIGHTS for x in (0, 1)]
    found = ask(fit, of="x", on="y", kind="direct", at={} if value is None else {"w": value})
    close = {"rel": 0.025} if family else {"abs": 1e-9}
    assert found == pytest.approx(float(weights @ (means[1] - means[0])), **close)


FOLLOWS = (
    "variables: {w: {level: client}, m: , x: , y: }\n"
    "arrows: {m(client) -> w: , x -> y: {moderated_by: w}}\nwithout: [w -> y]\n"
)


def test_of_new_clients_what_follows_their_deviations_is_drawn():
    """w = .8 course(m) + noise; the course of new clients is 1.5 on average, of these it is theirs."""
    fit = pinned(
        FOLLOWS,
        rows("m", "x", "y", w=SEVERITY),
        {"1 -> m": 1.5, "m(client) -> w": 0.8, "x(session) -> y": 0.3, "x(session) * w -> y": 0.5},
    )
    assert ask(fit, of="x(t)", on="y(t)") == pytest.approx(0.3 + 0.5 * SEVERITY.mean(), abs=1e-12)
    found = ask(fit, of="x(t)", on="y(t)", population={"new": "client"})
    assert found == pytest.approx(0.3 + 0.5 * 0.8 * 1.5, rel=0.025)
    with pytest.raises(IdentificationError, match="w tells something about a unit's own deviations"):
        ask(fit, of="x(t)", on="y(t)", at={"w": 1}, population={"new": "client"})
