"""Conditions, interventions, absence, links and families in theories with levels, against closed forms and quadrature."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_effects_over_time import CLIENTS, OCCASIONS, A, ask, frame, pinned, values

import mechanisms as mx
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.tree import make_tree

# Averages over noise are asked to be within half a percent of the effect (one standard error): tests allow two.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
ARM = np.arange(CLIENTS) % 2


def expit(eta):
    return 1 / (1 + np.exp(-eta))


def averaged(eta: float, sd: float) -> float:
    """E[P(y = 1)] over normal noise on the logit scale."""
    return float(WEIGHTS @ expit(eta + sd * NODES))


HEAD = "levels: [session, client]\ntime: session\n"


def test_at_keeps_the_clients_that_are_there_and_compares_them() -> None:
    fit = pinned(
        HEAD + "variables: {arm: {level: client, family: bernoulli}, x: , y: }\n"
        "arrows: {x -> y: {moderated_by: arm, varies_by: client}}\n",
        frame("x", "y", arm=ARM),
        {"x(session) -> y": 0.4, "x(session) * arm -> y": 0.25},
        {("x(session) -> y", "client"): A},
    )
    effects = mx.estimate(fit, mx.Question(of="x(t)", on="y(t)", at={"arm": "each"}))
    found = list(values(effects).values())
    expected = [0.4 + A[ARM == 0].mean(), 0.65 + A[ARM == 1].mean()]
    assert found == pytest.approx([*expected, expected[1] - expected[0]], abs=1e-10)
    assert "the 3 of 6 clients in the data with arm = 1" in effects.rows[1].population


def test_a_condition_that_changes_from_session_to_session_needs_one() -> None:
    """A moved session has one; a client's treatment has none, so that the question has to name it."""
    fit = pinned(
        HEAD + "variables: {arm: {level: client, family: bernoulli}, z: , y: }\narrows: [arm -> y, z -> y]\n",
        frame("y", "z", arm=ARM),
        {},
    )
    with pytest.raises(mx.SpecError, match=r"differs within one client.*Name an occasion, z\(0\)"):
        mx.estimate(fit, mx.Question(of="arm", on="y", at={"z": 0}))


CARRIED = HEAD + "arrows: [x(t-1) -> m, m(t-1) -> y, x(t-1) -> y, m(t-1) -> m, y(t-1) -> y]\n"
STEPS = {"x(t-1) -> m": 0.4, "m(t-1) -> y": 0.7, "x(t-1) -> y": 0.25, "m(t-1) -> m": 0.3, "y(t-1) -> y": 0.6}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"of": "x(t)", "on": "y(t+2)", "kind": "controlled", "set": {"m": 0.5}}, 0.25 * 0.6),
        ({"of": "x(t..)", "on": "y(t+2)"}, 0.25 + 0.25 * 0.6 + 0.4 * 0.7),
        ({"of": "x(1)", "on": "y(2..3)"}, (0.25 + 0.25 * 0.6 + 0.4 * 0.7) / 2),
        ({"of": "x(2)", "on": "y(0..3)"}, 0.25 / 4),
    ],
)
def test_held_lasting_and_averaged(question: dict, expected: float) -> None:
    assert ask(pinned(CARRIED, frame("x", "m", "y"), STEPS), **question) == pytest.approx(expected, abs=1e-10)


def test_a_session_reaches_an_outcome_a_year_later() -> None:
    """alliance(2) -> outcome takes the value; a client's own mediator hands on its whole change."""
    fit = pinned(
        HEAD + "variables: {outcome: {level: client}, hope: {level: client}, alliance: }\n"
        "arrows: [alliance(2) -> hope -> outcome, alliance(2) -> outcome, alliance(t-1) -> alliance]\n",
        frame("alliance", hope=A, outcome=A[::-1]),
        {
            "alliance(2) -> hope": 0.5,
            "hope -> outcome": 0.8,
            "alliance(2) -> outcome": 0.1,
            "alliance(t-1) -> alliance": 0.4,
        },
    )
    assert ask(fit, of="alliance(2)", on="outcome") == pytest.approx(0.5, abs=1e-10)
    assert ask(fit, of="alliance(1)", on="outcome") == pytest.approx(0.2, abs=1e-10)
    assert ask(fit, of="alliance(2)", on="outcome", kind="indirect") == pytest.approx(0.4, abs=1e-10)


def test_a_treatment_that_acts_through_a_trend() -> None:
    """therapy × session: at occasion 3 three steps of the slope, averaged over 0 to 5, the data's, two and a half."""
    fit = pinned(
        HEAD + "variables: {therapy: {level: client, family: bernoulli}, y: }\n"
        "arrows: {session -> y: , therapy -> y: {moderated_by: session}, y(t-1) -> y: }\n",
        frame("y", therapy=ARM),
        {"session -> y": 0.5, "therapy -> y": 0.1, "therapy * session -> y": -0.3, "y(t-1) -> y": 0.6},
    )
    assert ask(fit, of="therapy", on="y(3)") == pytest.approx(0.1 - 0.9, abs=1e-10)
    assert ask(fit, of="therapy", on="y") == pytest.approx(0.1 - 0.75, abs=1e-10)


def test_what_does_not_exist_contributes_nothing() -> None:
    """Repair follows ruptures only, which are drawn: its effect is its coefficient times the chance of a rupture."""
    rows = frame("repair", "y").assign(rupture=np.arange(CLIENTS * OCCASIONS) % 2)
    rows.loc[rows["rupture"] == 0, "repair"] = np.nan
    fit = pinned(
        HEAD + "variables: {rupture: {family: bernoulli}, repair: {only_when: {rupture: 1}}, y: }\n"
        "arrows: {rupture(t-1) -> rupture: , repair -> y: , rupture -> y: }\n",
        rows,
        {"1 -> rupture": 0.3, "repair(session) -> y": 0.9, "rupture -> y": -0.5},
        {("1 -> rupture", "client"): A},
    )
    expected = 0.9 * expit(0.3 + A).mean()
    assert ask(fit, of="repair(2)", on="y(2)") == pytest.approx(expected, rel=0.01)


def test_a_binary_mediator_of_one_session_is_drawn_or_averaged_exactly() -> None:
    fit = pinned(
        HEAD + "variables: {x: , m: {family: bernoulli}, y: }\narrows: [x(session) -> m, m -> y]\n",
        frame("x", "y").assign(m=np.arange(CLIENTS * OCCASIONS) % 2),
        {"x(session) -> m": 0.9, "m -> y": 2.0, "1 -> m": -0.2, "1 -> x": 0.0},
        {("1 -> m", "client"): A},
    )
    expected = 2.0 * (expit(-0.2 + A + 1.8) - expit(-0.2 + A)).mean()
    found = ask(fit, of="x(1)", on="y(1)", contrast=(0, 2))
    assert found == pytest.approx(expected, rel=0.01)


@pytest.fixture(scope="module")
def better():
    return pinned(
        HEAD
        + "variables: {arm: {level: client, family: bernoulli}, better: {family: bernoulli}}\narrows: [arm -> better]\n",
        frame(arm=ARM).assign(better=np.arange(CLIENTS * OCCASIONS) % 2),
        {"arm -> better": 1.1, "1 -> better": -0.4, "sd(1 -> better | client)": 1.5},
        {("1 -> better", "client"): A},
    )


@pytest.mark.parametrize(
    ("population", "expected", "close"),
    [
        ("these", (expit(0.7 + A) - expit(-0.4 + A)).mean(), 1e-12),
        ("typical", expit(0.7) - expit(-0.4), 1e-12),
        ({"new": "client"}, averaged(0.7, 1.5) - averaged(-0.4, 1.5), 0.01 * 0.2),  # noise: 0.5 % is asked for
    ],
)
def test_a_binary_outcome_in_three_populations(better, population, expected: float, close: float) -> None:
    assert ask(better, of="arm", on="better", population=population) == pytest.approx(expected, abs=close)


def test_the_link_scale_compares_averaged_probabilities(better) -> None:
    def logit(p: float) -> float:
        return float(np.log(p / (1 - p)))

    expected = logit(expit(0.7 + A).mean()) - logit(expit(-0.4 + A).mean())
    assert ask(better, of="arm", on="better", scale="link") == pytest.approx(expected, abs=1e-12)


def test_residuals_that_are_correlated_are_drawn_together() -> None:
    fit = pinned(
        HEAD + "variables: {arm: {level: client, family: bernoulli}, a: , b: , better: {family: bernoulli}}\n"
        "arrows: {'a(session), b(session) -> better': , arm -> better: , a <-> b: }\n",
        frame("a", "b", arm=ARM).assign(better=np.arange(CLIENTS * OCCASIONS) % 2),
        {
            "a(session) -> better": 1.0,
            "b(session) -> better": 1.0,
            "arm -> better": 1.2,
            "1 -> better": 0.3,
            "a <-> b": 0.8,
        },
    )
    sd = np.sqrt(2 + 2 * 0.8)
    expected = averaged(1.5, sd) - averaged(0.3, sd)
    assert ask(fit, of="arm", on="better(1)") == pytest.approx(expected, rel=0.01)
    assert abs(expected - (averaged(1.5, np.sqrt(2)) - averaged(0.3, np.sqrt(2)))) > 0.02 * expected


def test_a_between_coefficient_of_courses_that_hardly_differ_is_named() -> None:
    rng = np.random.default_rng(2)
    rows = frame("x", "y", clients=20)
    fit = pinned(HEAD + "arrows: [x -> y]\n", rows, {"x(client) -> y": 1.0})
    effects = mx.estimate(fit, mx.Question(of="x(client)", on="y"))
    assert any("x(client) -> y is not estimable" in note for note in effects.notes)
    within = mx.estimate(fit, mx.Question(of="x(t)", on="y(t)"))
    assert not any("not estimable" in note for note in within.notes)
    rows["x"] += np.repeat(rng.normal(size=20), OCCASIONS)
    other = pinned(HEAD + "arrows: [x -> y]\n", rows, {"x(client) -> y": 1.0})
    assert not any("not estimable" in note for note in mx.estimate(other, mx.Question(of="x(client)", on="y")).notes)


def test_series_that_end_early_are_said() -> None:
    rows = frame("x", "y")
    rows = rows[~((rows["client"] < 2) & (rows["session"] > 3))]
    fit = pinned(HEAD + "arrows: [x(t-1) -> y]\n", rows, {"x(t-1) -> y": 0.5})
    effects = mx.estimate(fit, mx.Question(of="x(4)", on="y(5)"))
    assert values(effects)["total"] == pytest.approx(0.5, abs=1e-12)
    assert any("series of 2 of 6 clients end before occasion 5" in note for note in effects.notes)


def test_a_fit_with_levels_is_diagnosed_by_its_parameters_and_the_effects_asked_for() -> None:
    """Deviations of single units are not assessed; the question's effect is."""
    text = HEAD + "arrows: {x(t-1) -> y: {varies_by: client}}\nquestions: [{of: x(t), on: y(t+1)}]\n"
    one = pinned(text, frame("x", "y"), {"x(t-1) -> y": 0.5})
    rng = np.random.default_rng(5)
    drawn = Drawn(
        {name: values.reshape(1, 1) + rng.normal(scale=0.1, size=(4, 500)) for name, values in one.parameters.items()},
        {"client": np.broadcast_to(np.eye(3), (4, 500, 3, 3)).copy()},
        {"client": rng.normal(size=(4, 500, 3, CLIENTS))},
    )
    fit = replace(one, idata=make_tree(one.plan, one.data, {"drawn": drawn}))
    found = mx.diagnose(fit)
    assert found.ok, found
    assert "effect of x(t) on y(t+1): total" in found.summary().index
    assert not any("deviations" in name or name.startswith("cor(") for name in found.summary().index)


@pytest.mark.parametrize(
    ("of", "on", "most", "error"),
    [
        ("x(t)", "y", 2, mx.SpecError),
        ("x", "arm", 2, mx.SpecError),
        ("x", "y", -1, mx.FitError),
        ("y", "x", 2, mx.IdentificationError),
    ],
)
def test_horizons_that_make_no_sense_are_refused(of: str, on: str, most: int, error: type) -> None:
    text = HEAD + "variables: {arm: {level: client, family: bernoulli}, x: , y: }\narrows: [x(t-1) -> y, arm -> y]\n"
    fit = pinned(text, frame("x", "y", arm=ARM), {"x(t-1) -> y": 0.5})
    with pytest.raises(error):
        mx.horizon(fit, of, on, most=most)


def test_change_since_the_start_responds_to_a_treatment_that_begins_after_it() -> None:
    """Therapy lowers bdi by 2 from session 1 on, so that bdi - bdi(0) falls by 2, and what follows it by 1; not at 0."""
    theory = mx.parse(
        "levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }\ntime: session\n"
        "variables: {bdi: , alliance: {only_when: {session: 1..}}, change: {is: bdi - bdi(0)},\n"
        "  therapy: {level: client, family: bernoulli, assigned: randomised}}\n"
        "arrows: {therapy -> bdi: {only_when: {session: 1..}}, change -> alliance: }\n"
    )
    rng = np.random.default_rng(0)
    rows = [
        {"client": c, "session": s, "bdi": rng.normal(), "alliance": rng.normal() if s else np.nan, "therapy": c % 2}
        for c in range(8)
        for s in range(4)
    ]
    plan, data = mx.compile(theory), mx.bind(theory, pd.DataFrame(rows))
    stated = {address: 0.3 if address.startswith(("sd", "sigma")) else 0.0 for address in plan.parameters}
    fit = mx.pin(plan, data, stated | {"therapy -> bdi": -2.0, "change -> alliance": 0.5, "cor(client)": 0})
    truth = {"bdi(3)": -2.0, "bdi": -1.5, "alliance(3)": -1.0, "alliance": -1.0}
    for on, value in truth.items():
        found = mx.estimate(fit, mx.Question(of="therapy", on=on))["total"].draws
        np.testing.assert_allclose(found, value, atol=1e-12)
    with pytest.raises(mx.IdentificationError, match="the effect on bdi\\(0\\) is zero"):
        mx.estimate(fit, mx.Question(of="therapy", on="bdi(0)"))


CHANGE = """
levels: [session, client]
time: session
variables: {y: , out: {level: client}, th: {level: client}, ch: {is: y - y(0)}EXTRA}
arrows:
  ARROW
  ch(3) -> out:
"""
GROWTH = ", g: {level: client, is: session -> y}"
# name: more variables, the arrows into y, stated numbers, the change of y by session 3 that a unit of th brings
MOVED_LATER = {
    "the slope is moderated": ("", "session -> y: {moderated_by: th}", {"session * th -> y": 0.5, "th -> y": 2.0}, 1.5),
    "the effect grows": ("", "th -> y: {moderated_by: session}", {"th * session -> y": 0.5, "th -> y": 2.0}, 1.5),
    "the slope is a variable": (GROWTH, "session -> y: {varies_by: client}\n  th -> g:", {"th -> g": 0.5}, 1.5),
    "it begins later": ("", "th -> y: {only_when: {session: 1..}}", {"th -> y": 0.5}, 0.5),
}


@pytest.mark.parametrize("name", MOVED_LATER)
def test_what_moves_how_a_course_changes_moves_the_change(name: str) -> None:
    extra, arrow, given, wanted = MOVED_LATER[name]
    rows = frame("y", th=np.arange(CLIENTS) % 3, out=np.arange(CLIENTS))
    fit = pinned(CHANGE.replace("EXTRA", extra).replace("ARROW", arrow), rows, given | {"ch(3) -> out": 0.7})
    assert ask(fit, of="th", on="ch(3)") == pytest.approx(wanted, abs=1e-10)
    assert ask(fit, of="th", on="out") == pytest.approx(0.7 * wanted, abs=1e-10)


def test_a_sum_as_outcome_is_asked_on_the_raw_scale() -> None:
    text = (
        "levels: [session, client]\ntime: session\nvariables: {'x, y': , ch: {is: y - y(0)}}\narrows: {x(t-1) -> y: }\n"
    )
    fit = pinned(text, frame("x", "y"), {"x(t-1) -> y": 0.5})
    assert ask(fit, of="x(2)", on="ch(3)") == pytest.approx(0.5, abs=1e-10)
    with pytest.raises(mx.IdentificationError, match="ch\\(3\\) is computed; ask on the raw scale"):
        ask(fit, of="x(2)", on="ch(3)", scale="standardised")


def test_the_mean_of_an_outcomes_occasions_is_over_those_of_the_data() -> None:
    """Six sessions numbered 1 to 6, none declared; therapy acts from session 3 on, so on four of the six."""
    theory = mx.parse(
        "levels: [session, client]\ntime: session\nvariables: {y: , therapy: {level: client, family: bernoulli}}\n"
        "arrows: {therapy -> y: {only_when: {session: 3..}}}\n"
    )
    rng = np.random.default_rng(0)
    rows = [{"client": c, "session": s, "y": rng.normal(), "therapy": c % 2} for c in range(8) for s in range(1, 7)]
    plan, data = mx.compile(theory), mx.bind(theory, pd.DataFrame(rows))
    stated = {address: 0.3 if address.startswith(("sd", "sigma")) else 0.0 for address in plan.parameters}
    fit = mx.pin(plan, data, stated | {"therapy -> y": -3.0})
    found = mx.estimate(fit, mx.Question(of="therapy", on="y"))
    np.testing.assert_allclose(found["total"].draws, -2.0, atol=1e-12)
    assert "occasions 1 to 6" in found.contrast


def test_horizons_share_a_contrast_that_names_no_single_occasion() -> None:
    fit = pinned(
        HEAD + "variables: {x: , y: }\narrows: {x(t-1) -> y: , y(t-1) -> y: }\n",
        frame("x", "y"),
        {"x(t-1) -> y": 0.3, "y(t-1) -> y": 0.5},
    )
    found = mx.horizon(fit, "x", "y", most=3)
    assert "x moved at t; each row says when y is looked at" in found.contrast
    assert "occasion 2" not in found.contrast and found["t+0"].contrast == found.contrast
    np.testing.assert_allclose([found[f"t+{k}"].draws.item() for k in range(4)], [0, 0.3, 0.15, 0.075], atol=1e-12)
