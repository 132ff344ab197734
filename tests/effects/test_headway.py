"""What a question shows of itself while it runs: whom it tells, how far it says it is, and that an end leaves nothing open."""

import io
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import rich.console

import mechanisms as mx
from mechanisms.effects import headway
from mechanisms.effects.averages import integration, outlines
from mechanisms.errors import MechanismsError
from mechanisms.infer import progress
from mechanisms.infer.cores import cut, share_out

MODERATED = """
variables: {x: , w: , m: , y: {family: bernoulli}}
arrows:
  x -> m:
  m -> y: {moderated_by: w}
  x -> y:
"""
DIARY = """
levels: {day: {in: person}, person: }
time: day
variables: {x: , y: , z: {family: poisson}}
arrows:
  x -> y:
  x -> z:
  y(t-1) -> y:
  y -> z:
"""


@pytest.fixture
def told(monkeypatch):
    """Everything that a line was told, by its name; and whether a line was wanted."""
    found: list[tuple[str, bool, str, int, int]] = []

    @contextmanager
    def listen(wanted):
        yield lambda name: lambda doing, done=0, of=0: found.append((name, wanted, doing, done, of))

    monkeypatch.setattr(headway, "show_progress", listen)
    return found


@pytest.fixture(scope="module")
def people():
    """A fit of eight draws, as far apart as the rows are many."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({name: rng.normal(size=60) for name in "xwmy"}).assign(y=rng.integers(0, 2, 60))
    return mx.fit(mx.parse(MODERATED), frame, draws=50, chains=2, seed=1, engine="laplace", progress=False)


@pytest.fixture(scope="module")
def diary():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"person": np.repeat(range(6), 5), "day": np.tile(range(5), 6)})
    frame = frame.assign(x=rng.normal(size=30), y=rng.normal(size=30), z=rng.poisson(2, 30))
    plan = mx.compile(mx.parse(DIARY))
    numbers = dict.fromkeys(plan.parameters, 0.3)
    return mx.pin(plan, mx.bind(plan.theory, frame), numbers)


def loops(told):
    """What was counted at the outermost place."""
    return list(dict.fromkeys(doing.partition(" (")[0] for _, _, doing, _, _ in told))


def test_each_verb_says_how_far_it_is(told, people):
    question = mx.Question(of="x", on="y", kind="indirect")
    mx.moderate(people, question, by="w", draws=20)
    assert loops(told) == ["values", "points of the curve"]
    assert {name for name, *_ in told} == {headway.WORDS}
    values = [(done, of) for _, _, doing, done, of in told if doing == "values"]
    assert values == [(0, 3), (1, 3), (2, 3)]
    told.clear()
    mx.turning_point(people, "x", "y", draws=20)
    assert loops(told) == ["points of the curve"]
    told.clear()
    mx.estimate(people, mx.Question(of="x", on="y", contrast=("mean", "+1 sd"), at={"w": [-1, 0, 1]}))
    assert [(doing, done, of) for _, _, doing, done, of in told] == [("rows", 0, 3), ("rows", 1, 3), ("rows", 2, 3)]
    told.clear()
    mx.decompose(people, "x", "y", at={"w": [-1, 1]})
    assert loops(told) == ["rows"]
    told.clear()
    mx.differentiate(people, "x", "y", at=[0, 1])
    assert loops(told) == ["points"]
    told.clear()
    mx.diagnose(people)
    assert not told  # a theory without questions


def test_questions_over_time_count_their_horizons_and_draws_of_the_noise(told, diary):
    mx.horizon(diary, "x", "y", most=2)
    assert loops(told) == ["horizons"]
    told.clear()
    mx.estimate(diary, mx.Question(of="x(1)", on="z(3)"))
    assert "draws of the noise" in loops(told)
    assert all(done < of for *_, done, of in told)


def test_pieces_are_told_of_as_they_come_in(told, people, monkeypatch):
    monkeypatch.setattr(outlines, "MANY", np.inf)
    monkeypatch.setattr(integration, "_CELLS", 60 * 10)
    mx.estimate(people, mx.Question(of="x", on="y"))
    assert loops(told) == ["pieces"]
    assert [done for *_, done, of in told if of == 10][:10] == list(range(10))


def test_who_does_not_want_it_is_not_shown_anything(told, people, diary):
    question = mx.Question(of="x", on="y", at={"w": [-1, 1]})
    mx.estimate(people, question, progress=False)
    mx.decompose(people, "x", "y", at={"w": [-1, 1]}, progress=False)
    mx.moderate(people, mx.Question(of="x", on="y"), by="w", draws=20, progress=False)
    mx.turning_point(people, "x", "y", draws=20, progress=False)
    mx.differentiate(people, "x", "y", progress=False)
    mx.horizon(diary, "x", "y", most=1, progress=False)
    assert told
    assert {wanted for _, wanted, *_ in told} == {False}
    with pytest.raises(MechanismsError, match="progress must be True or False, not 'no'"):
        mx.estimate(people, question, progress="no")


def test_a_question_inside_another_joins_its_line(told):
    with headway.show_headway("outer", False):
        for _ in headway.count_off("fits", range(2)):
            with headway.show_headway("inner", True):
                list(headway.count_off("rows", "ab"))
    assert {(name, wanted) for name, wanted, *_ in told} == {("outer", False)}
    assert [(doing, done, of) for _, _, doing, done, of in told][:3] == [
        ("fits", 0, 2), ("fits (rows 0 of 2)", 0, 2), ("fits (rows 1 of 2)", 0, 2),
    ]  # fmt: skip


def test_an_error_inside_a_loop_leaves_nothing_behind(told):
    kept = []
    with headway.show_headway("outer", True):
        for each in headway.count_off("questions", range(3)):
            try:
                for row in headway.count_off("rows", range(5)):
                    raise ValueError(row)
            except ValueError as refusal:
                kept.append(refusal)  # its traceback keeps the loop alive
            assert each == len(kept) - 1
    assert [doing for _, _, doing, _, _ in told if "(" not in doing] == ["questions"] * 3
    assert max(doing.count("rows") for _, _, doing, _, _ in told) == 1


def test_an_interruption_leaves_the_fit_as_it_was_and_no_line_open(people, monkeypatch):
    question, work = mx.Question(of="x", on="y"), integration._average
    wanted = mx.estimate(people, question).rows[0].draws
    calls = []

    def interrupted(*given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return work(*given)

    monkeypatch.setattr(outlines, "MANY", np.inf)
    monkeypatch.setattr(integration, "_CELLS", 60 * 10)
    monkeypatch.setattr(integration, "_average", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mx.estimate(people, question)
    assert headway._OPEN.get() is None
    monkeypatch.setattr(integration, "_average", work)
    np.testing.assert_allclose(mx.estimate(people, question).rows[0].draws, wanted, rtol=0, atol=1e-12)


def test_a_terminal_sees_it_and_a_pipe_does_not(people, monkeypatch):
    class Console(rich.console.Console):
        def __init__(self, **_):
            super().__init__(file=screen, force_terminal=True, width=100)

    screen = io.StringIO()
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    mx.moderate(people, mx.Question(of="x", on="y"), by="w")
    assert not screen.getvalue()
    monkeypatch.setattr(rich.console, "Console", Console)
    mx.moderate(people, mx.Question(of="x", on="y", kind="indirect"), by="w")
    assert headway.WORDS in screen.getvalue()
    assert "points of the curve" in screen.getvalue()


def test_watched_pieces_come_in_their_order():
    seen = []

    def watch(found):
        for each in found:
            seen.append(each)
            yield each

    pieces = cut(10, 3)
    assert share_out(lambda some: some.start, pieces, watch) == [0, 3, 6, 9] == seen
    assert share_out(lambda some: some.start, pieces[:1], watch) == [0]
