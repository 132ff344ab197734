"""What a fit is expected to take: it grows with what there is to do, and quick fits take about that long."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.infer.costs import Cost, expect_cost
from mechanisms.infer.engines import nuts
from mechanisms.infer.explanation import ENGINES

APART = 5.0  # times that processors differ by

TEXT = "variables:\n  x, z, m:\n  y: {}\narrows:\n  x -> m -> y:\n  x -> y:\n  z -> m, y:\n"
SINGLE = "arrows:\n  x, z -> y:\n"
DIARY = "levels: [day, person]\ntime: day\nvariables: {x: , y: }\narrows:\n  x -> y: {varies_by: person}\n"


def rows(n: int, gaps: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(n, 2)), columns=["x", "z"])
    frame["m"] = np.where(rng.random(n) < gaps, np.nan, 0.3 * frame.x + rng.normal(size=n))
    return frame.assign(y=(rng.random(n) < 0.4).astype(int))


def days(people: int) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame([(p, t) for p in range(people) for t in range(6)], columns=["person", "day"])
    return frame.assign(x=rng.normal(size=len(frame)), y=rng.normal(size=len(frame)))


def bound(text: str, frame: pd.DataFrame):
    plan = mx.compile(mx.parse(text))
    return plan, mx.bind(plan.theory, frame)


def expected(text: str, frame: pd.DataFrame, engine: str, **options) -> Cost:
    plan, data = bound(text, frame)
    return expect_cost(plan, data, plan.equations, engine, **options)


@pytest.mark.parametrize("engine", [each for each in ENGINES if each != "auto"])
@pytest.mark.parametrize("text", [TEXT, DIARY], ids=["people", "days"])
def test_more_rows_take_longer(engine, text):
    sizes = (50, 500, 5000)
    costs = [expected(text, (days if text == DIARY else rows)(n), engine) for n in sizes]
    assert [each.least for each in costs] == sorted({each.least for each in costs})
    assert [each.most for each in costs] == sorted({each.most for each in costs})
    assert all(0 < each.least < each.most for each in costs)


@pytest.mark.parametrize(
    ("text", "frame", "engine"),
    [
        (SINGLE, rows(200_000), "exact"),
        (SINGLE.replace("arrows", "variables:\n  x, z:\n  y: {family: bernoulli}\narrows"), rows(3000), "laplace"),
        (TEXT, rows(3000, gaps=0.2), "collapsed"),
    ],
    ids=["exact", "laplace", "collapsed"],
)
def test_quick_fits_take_about_as_long_as_expected(taken, text, frame, engine):
    plan, data = bound(text, frame)
    said = mx.explain(plan, data)
    assert {block.engine for block in said.blocks} == {engine}
    seconds = taken(lambda: mx.sample(plan, data, seed=1))
    assert sum(each.least for each in said.costs) / APART < seconds < sum(each.most for each in said.costs) * APART


def test_what_was_compiled_takes_less(monkeypatch):
    frame = rows(300)
    plan, data = bound(SINGLE, frame)
    new, known = (expect_cost(plan, data, plan.equations, "nuts", compiled=compiled) for compiled in (False, True))
    assert new.compiling > new.most / 2
    assert known.compiling < known.most / 2
    assert known.most < new.most / 4
    assert repr(mx.explain(plan, data, engine="nuts")).count(f"expected to take {new}") == 1
    monkeypatch.setattr(nuts, "_compiled", [nuts._outward(plan, data, plan.equations)])
    assert repr(mx.explain(plan, data, engine="nuts")).count(f"expected to take {known}") == 1
    for other, same in ((frame.assign(x=2 * frame.x + 1), True), (rows(301), False)):
        assert nuts.was_compiled(*bound(SINGLE, other), plan.equations) is same


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (Cost(0.004, 0.016), "about 0.01 s"),
        (Cost(0.05, 0.2), "about 0.1 s"),
        (Cost(1.2, 43.0, 30.0), "1 to 40 s, most of it compiling"),
        (Cost(8.0, 190.0, 60.0), "8 s to 3 min"),
        (Cost(130.0, 1900.0), "2 to 32 min"),
    ],
)
def test_costs_are_said_in_round_numbers(cost, words):
    assert str(cost) == words


def test_an_explanation_says_what_each_block_costs():
    said = mx.explain(*bound(TEXT, rows(100)))
    assert len(said.costs) == len(said.blocks) == 2
    assert repr(said).count("expected to take about 0.01 s") == 2
