"""Effects of two theories beside each other: the prior-change control of Barber (2000), with and without it."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import MechanismsError

CONTROLLED = mx.parse("name: controlled\narrows: [x -> m -> y, 'c -> m, y', x -> y]")
PLAIN = mx.parse("name: plain\narrows: [x -> m -> y, x -> y]")


@pytest.fixture(scope="module")
def answers():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.integers(0, 2, 300), "c": rng.normal(size=300)})
    frame["m"] = 0.5 * frame.x + 0.6 * frame.c + rng.normal(size=300)
    frame["y"] = 0.4 * frame.m + 0.5 * frame.c + rng.normal(size=300)
    fits = {theory.name: mx.fit(theory, frame, draws=500, seed=1) for theory in (PLAIN, CONTROLLED)}
    return {name: mx.decompose(fit, "x", "y") for name, fit in fits.items()}


def test_rows_of_the_same_name_follow_each_other_with_the_draws_of_their_own_fit(answers):
    both = mx.juxtapose(answers)
    assert both.labels[:4] == ("total [plain]", "total [controlled]", "direct [plain]", "direct [controlled]")
    for name, each in answers.items():
        for row in each.rows:
            np.testing.assert_array_equal(both[f"{row.label} [{name}]"].draws, row.draws)
    shown = both.summary()["mean"]
    assert shown["indirect [controlled]"] < shown["indirect [plain]"] - 0.05  # c moves both m and y


def test_what_only_one_of_them_assumes_has_its_name(answers):
    both = mx.juxtapose(answers)
    assert sum(len(each.assumptions) for each in answers.values()) > len(both.assumptions)
    shared = set(answers["plain"].assumptions) & set(answers["controlled"].assumptions)
    assert shared <= set(both.assumptions)
    for name, other in (("plain", "controlled"), ("controlled", "plain")):
        for sentence in set(answers[name].assumptions) - set(answers[other].assumptions):
            assert f"{name}: {sentence}" in both.assumptions


def test_a_forest_names_every_row_with_its_theory(answers):
    both = mx.juxtapose(answers)
    shown = {text.get_text() for text in mx.forest(both).axes[0].texts}
    assert {label.replace("->", "→") for label in both.labels} <= shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda given: {"plain": given["plain"]}, "two or more"),
        (lambda given: list(given.values()), "a name for each"),
        (lambda given: {**given, "other": 3}, "what 'other' stands for"),
        (lambda given: {**given, 1: given["plain"]}, "a name of effects"),
    ],
)
def test_what_does_not_stand_beside_each_other_is_refused(answers, change, words):
    with pytest.raises(MechanismsError, match=words):
        mx.juxtapose(change(answers))


def test_another_question_is_refused(answers):
    frame = pd.DataFrame({"x": [0, 1] * 20, "m": np.arange(40.0), "y": np.arange(40.0)[::-1] ** 0.5})
    other = mx.decompose(mx.fit(PLAIN, frame, draws=100, seed=1), "x", "m")
    with pytest.raises(MechanismsError, match="the outcome of 'plain' is y, that of 'other' m"):
        mx.juxtapose({**answers, "other": other})
