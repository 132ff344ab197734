"""Refusals that used to mislead: each names what is wrong and a fix that helps."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import DataError, FitError, MechanismsError, SpecError, expect

CLIENTS, OCCASIONS = 8, 4
HEAD = "levels: [session, client]\ntime: session\n"


def rows() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    made = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": [*range(OCCASIONS)] * CLIENTS})
    made = made.assign(**{name: rng.normal(size=len(made)) for name in ("m", "y")}, c=rng.poisson(2, len(made)))
    coarse = {"w": rng.normal(size=CLIENTS), "arm": np.arange(CLIENTS) % 2}
    return made.assign(**{name: np.repeat(values, OCCASIONS) for name, values in coarse.items()})


def pinned(text: str, frame: pd.DataFrame | None = None, **stated: float):
    """A one-draw fit; sds that are not said are 1, all else 0."""
    plan = mx.compile(mx.parse(text))
    given = {name: float(name.startswith(("sd(", "sigma("))) for name in plan.parameters}
    given |= {each.correlation: 0 for each in plan.varying if each.correlated}
    return mx.pin(plan, mx.bind(plan.theory, rows() if frame is None else frame), given | stated)


MODERATED = HEAD + "variables: {w: {level: client}, m: , y: }\narrows: {m -> y: {moderated_by: w}}\n"


def test_who_moves_course_and_spread_is_still_told_the_arrow_to_draw() -> None:
    text = HEAD + (
        "variables: {arm: {level: client, family: bernoulli}, m: , c: {family: poisson}}\n"
        "arrows: {arm -> sigma(m): , arm -> m: , m(session) -> c: }\n"
    )
    said = mx.identify(mx.parse(text), mx.Question(of="arm", on="c")).assumptions
    assert any(re.search(r"arm moves the course of m, .* draw m\(client\) -> c", each) for each in said)


@pytest.mark.parametrize(("head", "of"), [("variables: {m: , y: }\n", "m"), (HEAD + "variables: {m: , y: }\n", "m(t)")])
def test_no_effect_on_a_spread_says_where_to_look(head: str, of: str) -> None:
    frame = rows() if "levels" in head else rows()[["m", "y"]]
    fit = pinned(head + "arrows: {m -> y: , m -> sigma(y): }\n", frame)
    with pytest.raises(SpecError, match=r"no effect on a spread is given yet; ask on y, .* arrows into sigma\(y\)"):
        mx.estimate(fit, mx.Question(of=of, on="sigma(y)"))


def test_a_moderator_is_refused_by_the_argument_that_named_it() -> None:
    text = "variables: {arm: {family: bernoulli}, m: , w: , y: }\narrows: {arm -> m: , m -> y: {moderated_by: w}, m -> w: }\n"
    fit = pinned(text, rows().drop_duplicates("client")[["arm", "m", "w", "y"]])
    with pytest.raises(MechanismsError, match=r"^by: arm changes w"):
        mx.moderate(fit, mx.Question(of="arm", on="y"), by="w")


def test_a_part_moderates_as_a_column_of_means() -> None:
    with pytest.raises(SpecError, match=r"by: m\(client\) is a part of m, .* column of each client's mean"):
        mx.moderate(pinned(MODERATED), mx.Question(of="m(t)", on="y(t)"), by="m(client)")


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [("x", int, "should be an int, not a str"), (1, mx.Fit, "should be a Fit, not an int"), (1, mx.Effects, "should be Effects,")],
)  # fmt: skip
def test_articles(value: object, kind: type, words: str) -> None:
    with pytest.raises(MechanismsError, match=words):
        expect(value, kind, "this", "that makes one")


@pytest.mark.parametrize("index", [["client"], ["client", "session"]])
def test_an_index_is_no_column(index: list[str]) -> None:
    theory = mx.parse(MODERATED)
    with pytest.raises(DataError, match=r"the frame's index and no column: give data\.reset_index\(\)"):
        mx.bind(theory, rows().set_index(index))
    mx.bind(theory, rows().set_index(index).reset_index())
    mx.bind(theory, rows().set_index(pd.Index(range(CLIENTS * OCCASIONS), name="client_row")))


@pytest.mark.parametrize(
    ("column", "words"),
    [("w", "'w' holds dates or times, neither numbers"), ("session", "holds dates or times, not whole numbers")],
)
def test_dates_are_called_dates(column: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        mx.bind(mx.parse(MODERATED), rows().assign(**{column: pd.Timestamp("2020-01-01")}))


@pytest.mark.parametrize("text", ["m ~ x\ny ~ m + x", "f =~ a + b\ny ~ f", "bf(y ~ m + (1 | client)) + bf(m ~ x)"])
def test_formulas_are_pointed_to_the_page_on_other_tools(text: str) -> None:
    with pytest.raises(SpecError, match=r"this is a formula\. docs/from-other-tools\.md .* y ~ x is x -> y"):
        mx.parse(text)
    with pytest.raises(SpecError, match="a theory is a mapping of keys"):
        mx.parse("hello")


def test_a_coefficient_that_is_a_variable_has_its_mean_elsewhere() -> None:
    text = HEAD + (
        "variables: {m: , arm: {level: client, family: bernoulli}, growth: {level: client, is: session -> m}}\n"
        "arrows: {'session -> m': {varies_by: client}, arm -> growth: }\n"
    )
    with pytest.raises(
        FitError, match=r"'session -> m'\. growth is this coefficient of each unit; its mean is '1 -> growth'"
    ):
        pinned(text, **{"session -> m": 1.0})


def test_occasions_before_the_data_are_an_extrapolation_too() -> None:
    text = HEAD + (
        "variables: {arm: {level: client, family: bernoulli}, y: }\n"
        "arrows: {'session -> y': {moderated_by: arm, varies_by: client}}\n"
    )
    fit = pinned(text, rows().assign(session=lambda made: made["session"] + 3), **{"session * arm -> y": 0.3})
    said = {at: mx.estimate(fit, mx.Question(of="arm", on=f"y({at})")) for at in (0, 3, 6, 9)}
    notes = {at: [note for note in found.notes if "extrapolation" in note] for at, found in said.items()}
    assert notes[3] == notes[6] == []
    assert notes[0] == ["occasions before 3 lie before the data: an extrapolation"]
    assert notes[9] == ["occasions after 6 lie beyond the data: an extrapolation"]
    assert said[9].rows[0].draws.item() == pytest.approx(2.7)


@pytest.mark.parametrize("on", ["y", "y(t)", "y(2)"])
def test_the_standardised_scale_divides_by_the_sd_of_all_values(on: str) -> None:
    of = "m(2)" if on == "y(2)" else "m(t)"
    fit = pinned(MODERATED, **{"m(session) -> y": 0.5})
    raw, found = (
        mx.estimate(fit, mx.Question(of=of, on=on, contrast=(0, 1), scale=s)) for s in ("raw", "standardised")
    )
    assert raw.rows[0].draws.item() == pytest.approx(0.5)
    assert found.rows[0].draws.item() == pytest.approx(0.5 / rows()["y"].std())
    assert found.scale == "sd of y"


def test_the_sd_of_a_course_is_another() -> None:
    fit = pinned(MODERATED, **{"m(client) -> y": 0.5})
    with pytest.raises(MechanismsError, match=r"the sd of all values of y, and y\(client\) is another quantity"):
        mx.estimate(fit, mx.Question(of="m(client)", on="y(client)", scale="standardised"))


@pytest.mark.parametrize("module", ["mechanisms", "mechanisms.cli"])
def test_the_command_line_is_a_module_too(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "show", "nothing_of_this_name"], check=False, capture_output=True, text=True
    )
    assert done.returncode in (1, 2)
    assert "nothing_of_this_name" in done.stderr
