"""The lattice of levels, and the level of every variable and term."""

import pytest

from mechanisms.errors import SpecError
from mechanisms.graph.levels import ROW, survey
from mechanisms.spec.terms import parse_term
from mechanisms.spec.theory import Level, Theory, Variable

CROSSED = (
    Level(name="answer", within=("session", "item")),
    Level(name="session", within=("client", "therapist")),
    Level(name="item"),
    Level(name="client"),
    Level(name="therapist"),
)


def test_a_theory_without_levels_has_rows(build):
    design = survey(build("x -> y"))
    assert design.lattice.names == (ROW,)
    assert (design.level("x"), design.repeated("x")) == (ROW, False)


def test_a_crossed_lattice():
    lattice = survey(Theory(levels=CROSSED, time=("session",))).lattice
    assert lattice.above("answer") == ("session", "item", "client", "therapist")
    assert lattice.lies_below("answer", "therapist")
    assert not lattice.lies_below("client", "therapist")
    assert lattice.client("session") == "client"
    assert lattice.shared("session", "answer") == ("session",)
    assert lattice.shared("session", "client") == ("client",)
    assert lattice.shared("session", "session") == ("session",)
    assert lattice.shared("item", "session") == ()


def test_two_kinds_of_rows_share_their_client():
    levels = (
        Level(name="session", within=("client",)),
        Level(name="followup", within=("client",)),
        Level(name="client", shared_by=("therapist",)),
        Level(name="therapist"),
    )
    design = survey(
        Theory(levels=levels, time=("session", "followup"), variables=(Variable(name="z", level="client"),))
    )
    assert design.lattice.shared("session", "followup") == ("client",)
    assert design.lattice.lies_below("session", "therapist")
    with pytest.raises(SpecError, match="y: its level is not said"):
        survey(Theory(levels=levels, variables=(Variable(name="y"),)))


def test_levels_of_indicators_computed_variables_and_terms(leveled):
    theory = leveled(
        "a -> y",
        a={"measured_by": ("i1", "i2")},
        z={"level": "client", "measured_by": ("j1",)},
        last={"computed": "y(16) - y(0)"},
        change={"computed": "y - y(0)"},
    )
    design = survey(theory)
    levels = {name: design.level(name) for name in ("i1", "j1", "last", "change", "session")}
    assert levels == {"i1": "session", "j1": "client", "last": "client", "change": "session", "session": "session"}
    units = {text: design.units(parse_term(text)) for text in ("y", "y(whole)", "y(t-1)", "y(client)", "y(5)", "z")}
    assert units == {
        "y": "session", "y(whole)": "session", "y(t-1)": "session", "y(client)": "client", "y(5)": "client",
        "z": "client",
    }  # fmt: skip
    assert design.trend("session")
    assert not design.trend("client")


@pytest.mark.parametrize(
    ("theory", "message"),
    [
        (Theory(levels=(Level(name="a", within=("b",)), Level(name="b", within=("a",)))), "lies in itself"),
        (Theory(levels=(Level(name="a", within=("a",)),)), "lies in itself"),
        (Theory(levels=(Level(name="a", within=("c",)),)), "unknown level 'c'"),
        (Theory(levels=(Level(name="a"),), time=("c",)), "time: unknown level 'c'"),
        (Theory(levels=(Level(name="a"),), variables=(Variable(name="x", level="c"),)), "x: unknown level 'c'"),
    ],
)
def test_refusals(theory, message):
    with pytest.raises(SpecError, match=message):
        survey(theory)
