"""Causes that exist only somewhere: an effect says for whom there is none, and what they count as."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx

CLIENTS, OCCASIONS = 12, 4
HEAD = "levels: [session, client]\ntime: session\n"
REPAIRED = np.random.default_rng(3).integers(0, 2, (CLIENTS, OCCASIONS))
ARM = np.arange(CLIENTS) % 3 == 0


def pinned(text: str, parameters: dict):
    """A one-draw fit; sds that are not said are 1, all else 0."""
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": [*range(OCCASIONS)] * CLIENTS})
    rows = rows.assign(y=rng.normal(size=len(rows)), b=REPAIRED.ravel(), arm=np.repeat(ARM.astype(int), OCCASIONS))
    rows["m"] = np.where(rows["b"] == 1, rng.normal(size=len(rows)), np.nan)
    rows["dose"] = np.where(rows["arm"] == 1, np.repeat(rng.normal(size=CLIENTS), OCCASIONS), np.nan)
    plan = mx.compile(mx.parse(HEAD + text))
    given = {name: float(name.startswith(("sd(", "sigma("))) for name in plan.parameters}
    given |= {each.correlation: 0 for each in plan.varying if each.correlated}
    return mx.pin(plan, mx.bind(plan.theory, rows), given | parameters)


def ask(fit, **question):
    found = mx.estimate(fit, mx.Question(**question))
    return float(found.rows[0].draws.item()), [note for note in found.notes if "exists only where" in note]


def test_those_who_lack_a_departure_are_counted() -> None:
    text = "variables: {b: {family: bernoulli}, m: {only_when: {b: 1}}, y: }\narrows: {m(t-1) -> y: }\n"
    fit = pinned(text, {"m(t-1) -> y": 0.6})
    share, none = REPAIRED[:, 2].mean(), int((REPAIRED[:, 2] == 0).sum())
    assert 0 < none < CLIENTS
    for population in ("these", {"each": "client"}):
        found, notes = ask(fit, of="m(2)", on="y(3)", population=population)
        assert population != "these" or found == pytest.approx(0.6 * share, abs=1e-12)
        assert notes == [
            f"m(2) exists only where b is 1: for {none} of the {CLIENTS} clients it does not, and they contribute 0 to the "
            "mean. at: {b: 1} asks of the others"
        ]
    found, notes = ask(fit, of="m(2)", on="y(3)", at={"b": 1})
    assert found == pytest.approx(0.6, abs=1e-12)
    assert not notes


def test_where_existence_is_drawn_its_chance_is_given() -> None:
    text = "variables: {b: {family: bernoulli}, m: {only_when: {b: 1}}, y: }\narrows: {b(t-1) -> b: , m(t-1) -> y: }\n"
    fit = pinned(text, {"m(t-1) -> y": 0.6, "1 -> b": 1.0})
    _, notes = ask(fit, of="m(2)", on="y(3)")
    (note,) = notes
    assert "set: {b: 1} lets it exist for all" in note
    said = float(note.partition("about ")[2].partition("%")[0]) / 100
    none = 1 - 1 / (1 + np.exp(-1))
    assert said == pytest.approx(none, abs=0.005 + 4 * np.sqrt(none * (1 - none) / (200 * CLIENTS)))
    found, notes = ask(fit, of="m(2)", on="y(3)", set={"b": 1})
    assert found == pytest.approx(0.6, abs=1e-12)
    assert not notes


def test_a_whole_value_is_moved_for_everybody_and_that_is_said() -> None:
    text = "variables: {arm: {level: client, family: bernoulli}, dose: {level: client, only_when: {arm: 1}}, y: }\n"
    fit = pinned(text + "arrows: {dose -> y: }\n", {"dose -> y": 0.6})
    found, notes = ask(fit, of="dose", on="y")
    assert found == pytest.approx(0.6, abs=1e-12)
    assert notes == [
        f"dose exists only where arm is 1: for {int((~ARM).sum())} of the {CLIENTS} clients it does not, and it is moved for "
        "them as for everybody. at: {arm: 1} asks of the others"
    ]
    assert ask(fit, of="dose", on="y", at={"arm": 1})[1] == []


def test_what_exists_at_some_occasions_only_needs_no_note() -> None:
    text = "variables: {m: {only_when: {session: 1..}}, y: }\narrows: {m(t-1) -> y: }\n"
    plan_rows = {"m(t-1) -> y": 0.6}
    rows = pd.DataFrame({"client": np.repeat(np.arange(4), 3), "session": [*range(3)] * 4, "y": np.arange(12.0) % 5})
    rows["m"] = np.where(rows["session"] > 0, np.arange(12.0) % 7, np.nan)
    plan = mx.compile(mx.parse(HEAD + text))
    given = {name: float(name.startswith(("sd(", "sigma("))) for name in plan.parameters} | plan_rows
    given |= {each.correlation: 0 for each in plan.varying if each.correlated}
    found, notes = ask(mx.pin(plan, mx.bind(plan.theory, rows), given), of="m(1)", on="y(2)")
    assert found == pytest.approx(0.6, abs=1e-12)
    assert not notes
