"""Arrows of theories with levels → coefficients, rule by rule (language 1.7)."""

import pytest

from mechanisms.errors import SpecError
from mechanisms.graph.expansion import expand
from mechanisms.graph.graph import draw
from mechanisms.spec.terms import Term, parse_term
from mechanisms.spec.theory import Condition, Level, Shape


def show(theory):
    """The coefficients of a theory, a line each."""
    return "\n".join(map(str, expand(theory).coefficients))


CURVE = {"shape": Shape(kind="quadratic")}
ONCE = {"varies_by": ("client",)}
CLIENT = {"level": "client"}
RULES = {
    "R1": ("a -> y", {}, "a(session) -> y; a(client) -> y"),
    "R2": ("a(t-1) -> y", {}, "a(t-1) -> y"),
    "R2 self": ("y(t-1) -> y", {}, "y(t-1) -> y"),
    "R3": ("a -> y", {"a -> y": CURVE}, "a(whole) -> y   [quadratic]; a(client) -> y"),
    "R3 lag": ("a(t-1) -> y", {"a(t-1) -> y": CURVE}, "a(whole t-1) -> y   [quadratic]"),
    "R4 category": ("g -> y; g(t-1) -> a", {}, "g -> y; g(t-1) -> a"),
    "R4 value": ("g=q -> y", {}, "g=q -> y"),
    "R4 computed": ("d -> a", {}, "d -> a"),
    "R4 occasion": ("a(0) -> y; a(10) -> z", {}, "a(0) -> y; a(10) -> z"),
    "R4 hazard": ("a(t-1) -> h", {}, "a(t-1) -> h"),
    "R4 hazard lag 0": ("a -> h", {}, "a -> h"),
    "R4 hazard with intercepts": ("a -> h; 1 -> h", {"1 -> h": ONCE}, "a(session) -> h; a(client) -> h"),
    "R4 centred": ("a -> y; 1 -> y", {"1 -> y": {"varies_by": ()}}, "a -> y"),
    "R4 spread": ("a -> sigma(y)", {}, "a -> sigma(y)"),
    "R4 varying spread": (
        "a -> sigma(y); 1 -> sigma(y)", {"1 -> sigma(y)": ONCE}, "a(session) -> sigma(y); a(client) -> sigma(y)",
    ),
    "R5": ("z -> y", {}, "z -> y"),
    "R6": ("a -> z", {}, "a(client) -> z"),
    "R6 category": ("g=q -> z", {}, "g(client)=q -> z"),
    "R7": ("a(client) -> y; a(t-1) -> y", {}, "a(client) -> y; a(t-1) -> y"),
    "R7 therapist": ("z(therapist) -> y", {}, "z(therapist) -> y"),
    "R7 whole": ("a(whole t-1) -> y", {"a(whole t-1) -> y": CURVE}, "a(whole t-1) -> y   [quadratic]"),
    "trend": ("session -> y", {"session -> y": ONCE}, "session -> y   [varies by client]"),
    "R9 varies": (
        "a -> y", {"a -> y": {"varies_by": ("client", "therapist")}},
        "a(session) -> y   [varies by client, therapist]; a(client) -> y   [varies by therapist]",
    ),
    "R9 moderators": (
        "a -> y; z -> y; m(t-1) -> y", {"a -> y": {"moderated_by": (("z",), ("m(t-1)",))}},
        "a(session) -> y   [x z, m(t-1)]; a(client) -> y   [x z]; z -> y; m(t-1) -> y",
    ),
    "R10 finer moderator": (
        "z -> y", {"z -> y": {"moderated_by": (("a",),)}},
        "z -> y   [x a]; a(session) -> y   [added: moderator]; a(client) -> y   [added: moderator]",
    ),
    "R11 parts are named": (
        "z -> y; a(client) -> y", {"z -> y": {"moderated_by": (("a",),)}}, "z -> y   [x a]; a(client) -> y",
    ),
    "R11 lower products": (
        "z -> y", {"z -> y": {"moderated_by": (("a", "m"),)}},
        "z -> y   [x a, m, a*m]; a(session) -> y   [x m; added: moderator]; a(client) -> y   [added: moderator]; "
        "m(session) -> y   [added: moderator]; m(client) -> y   [added: moderator]",
    ),
}  # fmt: skip
DESIGN = {
    "z": CLIENT, "d": {"computed": "y - y(0)"}, "h": {"family": "hazard"},
    "g": {"family": "categorical", "values": ("p", "q")},
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_rules(leveled, name):
    arrows, options, wanted = RULES[name]
    shown = show(leveled(arrows, options=options, **DESIGN))
    assert shown.splitlines() == wanted.replace("; added", "+").replace("; ", "\n").replace("+", "; added").splitlines()


def test_every_part_says_why(leveled):
    within, between = expand(leveled("a -> y")).coefficients
    assert (within.carries, within.units, within.written) == ("departure", "session", True)
    assert within.reason == "written; within: the departure from the course (R1)"
    assert (between.carries, between.units) == ("course", "client")
    assert between.reason == "written; between: the course of each client (R1)"
    assert between.said == Term("a")


def test_a_condition_is_added_at_the_causes_lag_and_not_for_courses(leveled):
    theory = leveled(
        "repair(t-1) -> y; repair(therapist) -> y",
        repair={"only_when": Condition(values=(("rupture", (1.0,)),))},
        rupture={"family": "bernoulli"},
    )
    assert show(theory).splitlines()[2:] == ["rupture(t-1) -> y   [added: only_when]"]


def test_a_condition_in_time_adds_nothing(leveled):
    theory = leveled("z -> y", z=CLIENT, options={"z -> y": {"only_when": Condition(values=(("session", (1.0,)),))}})
    assert show(theory) == "z -> y   [only when session is 1]"


def test_an_automatic_arrow_can_be_denied_whole_or_by_part(leveled):
    options = {"z -> y": {"moderated_by": (("a",),)}}
    whole = leveled("z -> y", options=options, without=["a -> y"], z=CLIENT)
    assert show(whole) == "z -> y   [x a]"
    part = leveled("z -> y", options=options, without=["a(client) -> y"], z=CLIENT)
    assert show(part).splitlines() == ["z -> y   [x a]", "a(session) -> y   [added: moderator]"]


def test_a_loading_is_one_coefficient_and_may_vary_by_a_crossed_level(leveled):
    levels = (
        Level(name="answer", within=("session", "item")),
        Level(name="session", within=("client",)),
        Level(name="item"),
        Level(name="client"),
    )
    theory = leveled(
        "f -> score",
        levels=levels,
        options={"f -> score": {"varies_by": ("item",)}},
        f={"level": "session", "measured_by": ("score",)},
        score={"level": "answer"},
    )
    assert show(theory) == "f -> score   [varies by item]"


@pytest.mark.parametrize(
    ("arrows", "options", "message"),
    [
        ("a(client) -> y", {"moderated_by": (("m",),)}, r"a\(client\) -> y: moderator m varies within client"),
        ("z -> z2", {"moderated_by": (("a",),)}, "z -> z2: moderator a varies within client"),
        ("z -> z2", {"moderated_by": (("session",),)}, "z -> z2: moderator session varies within client"),
        ("a -> y", {"varies_by": ("session",)}, "a -> y: varies_by session: nothing in this arrow varies below it"),
        ("z -> y", {"varies_by": ("client",)}, "nothing in this arrow varies below it"),
        ("a -> y", {"varies_by": ("group",)}, "unknown level 'group'"),
        ("z(t-1) -> y", {}, "lag does not apply to z, which has one value per client"),
        ("a(t-1) -> z", {}, "z has one value per client and no earlier session"),
        ("a(whole) -> z", {}, r"a\(whole\) varies within client"),
        ("z(session) -> y", {}, "z has the parts client, therapist and whole, not session"),
        ("a(client t-1) -> y", {}, r"a course has no earlier occasion; write a\(client\)"),
        ("session -> z", {}, "no trend over sessions"),
        ("y -> y", {}, r"needs an earlier occasion: y\(t-1\)"),
    ],
)
def test_refusals(leveled, arrows, options, message):
    theory = leveled(arrows, options={arrows: options}, z=CLIENT, z2=CLIENT)
    with pytest.raises(SpecError, match=message):
        expand(theory)


def test_two_shared_levels_want_a_part(leveled):
    levels = (
        Level(name="session", within=("client", "therapist")),
        Level(name="visit", within=("client", "therapist")),
        Level(name="client"),
        Level(name="therapist"),
    )
    theory = leveled("a -> y", levels=levels, a={"level": "session"}, y={"level": "visit"})
    with pytest.raises(SpecError, match=r"say which: a\(client\) or a\(therapist\)"):
        expand(theory)


def test_a_product_said_twice_is_found_across_parts(leveled):
    options = {"a -> y": {"moderated_by": (("m",),)}, "m -> y": {"moderated_by": (("a",),)}}
    with pytest.raises(SpecError, match=r"a \* m -> y is said twice: a moderating m is m moderating a"):
        expand(leveled("a -> y; m -> y", options=options))


def test_levels_are_drawn_over_time(leveled):
    with pytest.raises(SpecError, match="is drawn over time, by unroll"):
        draw(leveled("a -> y"))


def test_terms_are_read_as_written():
    assert str(parse_term("a(whole t-1)")) == "a(whole t-1)"
