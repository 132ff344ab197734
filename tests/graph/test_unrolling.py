"""The graph over time: departures, courses, and what travels by which."""

import pytest
from separation import d_separated

from mechanisms.errors import SpecError
from mechanisms.graph.graph import ancestors, causal_order, parents
from mechanisms.graph.unrolling import unroll
from mechanisms.spec.theory import Condition, Level, Question, Span

CLIENT = {"level": "client"}
TWO = (Level(name="session", within=("client",)), Level(name="client"))
GRID = (Level(name="session", within=("client",), occasions=(0, 2, 5)), Level(name="client"))


def test_departures_and_courses_are_nodes(leveled):
    graph = unroll(leveled("a -> y; a(t-1) -> y", levels=TWO), 2)
    assert graph.nodes == ("a(client)", "a(0)", "a(1)", "y(client)", "y(0)", "y(1)")
    assert parents(graph, "y(1)") == ("a(1)", "a(0)")
    assert parents(graph, "y(client)") == ("a(client)",)
    assert graph.hidden == ()


def test_the_grid_gives_the_lags_and_absence_the_gaps(leveled):
    late = Condition(values=(("session", Span(2, None)),))
    theory = leveled("a(t-1) -> y; y(t-1) -> y", levels=GRID, a={"only_when": late})
    graph = unroll(theory)
    assert "a(0)" not in graph.nodes
    assert parents(graph, "y(5)") == ("a(2)", "y(2)")
    assert parents(graph, "y(2)") == ("y(0)",)
    assert graph.hidden == (("a(client)", "y(client)"),)


def test_a_course_does_not_travel_by_departures(leveled):
    theory = leveled("th -> a; a(t-1) -> y", levels=TWO, th=CLIENT)
    assert "th" not in ancestors(unroll(theory), "y(3)", "y(client)")
    drawn = leveled("th -> a; a(t-1) -> y; a(client) -> y", levels=TWO, th=CLIENT)
    assert "th" in ancestors(unroll(drawn), "y(client)")


def test_a_hazard_is_moved_by_both_parts(leveled):
    theory = leveled("th -> a; a(t-1) -> h; th -> h", levels=TWO, th=CLIENT, h={"family": "hazard"})
    graph = unroll(theory, 2)
    assert parents(graph, "h(1)") == ("a(0)", "a(client)", "th")
    assert parents(graph, "h(0)") == ("th",)


def test_a_sum_drops_the_course_that_cancels(leveled):
    change = leveled("d -> a; a(t-1) -> y", levels=TWO, d={"computed": "y - y(0)"})
    graph = unroll(change, 3)
    assert "d(client)" not in graph.nodes
    assert parents(graph, "d(2)") == ("y(2)", "y(0)")
    gap = unroll(leveled("d -> a", levels=TWO, d={"computed": "y - w"}, y={}, w={}), 1)
    assert "d(client)" in gap.nodes
    assert gap.computed == {"d(client)", "d(0)"}


def test_one_category_serves_both(leveled):
    g = {"family": "bernoulli"}
    graph = unroll(leveled("g -> y; a -> g", levels=TWO, g=g), 1)
    assert parents(graph, "y(0)") == ("g(0)",)
    assert parents(graph, "y(client)") == ("g(client)",)


def test_occasions_client_outcomes_and_moderators(leveled):
    theory = leveled("a(3) -> z; a -> z2; w -> y", levels=TWO, z=CLIENT, z2=CLIENT, w=CLIENT, options={
        "w -> y": {"moderated_by": (("a",),)},
    })  # fmt: skip
    graph = unroll(theory)
    assert parents(graph, "z") == ("a(3)", "a(client)")
    assert parents(graph, "z2") == ("a(client)",)
    assert set(parents(graph, "y(0)")) >= {"w", "a(0)"}


def test_an_occasion_acts_from_then_on(leveled):
    graph = unroll(leveled("a(1) -> y", levels=TWO), 3)
    assert parents(graph, "y(0)") == ()
    assert parents(graph, "y(2)") == ("a(1)",)  # nothing here needs a's course


def test_hidden_causes_at_occasions_between_courses_and_serial(leveled):
    theory = leveled("a(t-1) -> y; a <-> y; y(t-1) <-> y; a(client) <-> z", levels=TWO, z=CLIENT)
    assert unroll(theory, 2).hidden == (
        ("a(0)", "y(0)"), ("a(1)", "y(1)"), ("y(1)", "y(0)"), ("a(client)", "z"), ("a(client)", "y(client)"),
    )  # fmt: skip


def test_the_horizon_reaches_the_occasions_that_are_named(leveled):
    theory = leveled("a(t-1) -> y", levels=TWO)
    asked = theory.model_copy(update={"questions": (Question(of="a(t)", on="y(7)"),)})
    assert "y(7)" in unroll(asked).nodes
    assert "y(4)" not in unroll(theory).nodes


def test_an_earlier_occasion_screens_off(leveled):
    graph = unroll(leveled("a(t-1) -> a; a(t-1) -> y", levels=TWO), 3)
    assert d_separated(graph, "a(0)", "y(2)", ["a(1)"])
    assert not d_separated(graph, "a(client)", "y(client)")
    assert causal_order(graph)


def test_courses_within_courses_and_indicators(leveled):
    graph = unroll(leveled("f(t-1) -> y", f={"measured_by": ("i1",)}), 1)
    assert parents(graph, "f(client)") == ("f(therapist)",)
    assert parents(graph, "i1(0)") == ("f(0)",)
    assert "f(client)" in parents(graph, "i1(client)")
    assert {"f(0)", "f(client)"} <= graph.latent


def test_circles_are_refused(leveled):
    with pytest.raises(SpecError, match="a circle"):
        unroll(leveled("a -> y; y(client) -> a", levels=TWO))
