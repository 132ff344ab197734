"""Courses and how they are joined: rule R8, and the circles that rule R14 refuses."""

import pytest

from mechanisms.errors import SpecError
from mechanisms.graph.expansion import expand
from mechanisms.spec.theory import Level, Shape

CLIENT = {"level": "client"}
TWO = (Level(name="session", within=("client",)), Level(name="client"))
SLOPE = {"varies_by": ("client",)}


def pairs(theory):
    """(level, one, other, the arrow that joins them or None)."""
    return [(each.level, each.one, each.other, each.joined_by) for each in expand(theory).correlations]


PAIRS = {
    "an arrow between courses": ("a -> y", {}, [("1 -> a", "1 -> y", "a(client) -> y")]),
    "a lag leaves them correlated": ("a(t-1) -> y", {}, [("1 -> a", "1 -> y", None)]),
    "both lags": ("a(t-1) -> y; y(t-1) -> a", {}, [("1 -> a", "1 -> y", None)]),
    "a lag and its course": ("a(t-1) -> y; a(client) -> y", {}, [("1 -> a", "1 -> y", "a(client) -> y")]),
    "a lagged curve on the whole": (
        "z -> a; a(t-1) -> y", {"a(t-1) -> y": {"shape": Shape(kind="quadratic")}}, [("1 -> a", "1 -> y", None)],
    ),
    "a curve and its contextual effect": (
        "a -> y", {"a -> y": {"shape": Shape(kind="quadratic")}}, [("1 -> a", "1 -> y", "a(client) -> y")],
    ),
    "a computed cause is no course": ("d -> a", {}, []),
    "a slope": (
        "a(t-1) -> y", {"a(t-1) -> y": SLOPE},
        [("1 -> a", "1 -> y", None), ("1 -> a", "a(t-1) -> y", None), ("1 -> y", "a(t-1) -> y", None)],
    ),
    "no intercepts": ("a -> y; 1 -> y", {"1 -> y": {"varies_by": ()}, "a -> y": SLOPE}, []),
    "a hazard": ("z -> a; a(t-1) -> h", {}, []),
    "a client-level outcome is as drawn": ("a(t-1) -> y; a -> z", {}, [("1 -> a", "1 -> y", None)]),
    "an unmodelled exogenous cause": ("g -> y", {}, []),
    "an observed mean": ("o -> y", {}, []),
    "a coefficient variable": (
        "m(t-1) -> m; z -> inertia; m(client) -> z2; inertia -> y", {"m(t-1) -> m": SLOPE},
        [("1 -> y", "1 -> m", None), ("1 -> y", "inertia", "inertia -> y"), ("1 -> m", "inertia", None)],
    ),
    "a coefficient variable of a split arrow": (
        "a -> y; z -> own", {"a -> y": SLOPE},
        [("1 -> a", "1 -> y", "a(client) -> y"), ("1 -> a", "own", None), ("1 -> y", "own", None)],
    ),
    "a varying spread": ("z -> y; 1 -> sigma(y)", {"1 -> sigma(y)": SLOPE}, [("1 -> y", "1 -> sigma(y)", None)]),
    "a hurdle has two": ("z -> b", {}, [("1 -> any(b)", "1 -> amount(b)", None)]),
}  # fmt: skip
DESIGN = {
    "z": CLIENT, "z2": CLIENT, "d": {"computed": "y - y(0)"}, "h": {"family": "hazard"}, "o": {"centre": "observed"},
    "g": {"family": "categorical", "values": ("p", "q")}, "inertia": CLIENT | {"computed": "m(t-1) -> m"},
    "b": {"family": "poisson", "zeros": "hurdle"}, "own": CLIENT | {"computed": "a -> y"},
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_every_pair_is_joined_once(leveled, name):
    arrows, options, wanted = PAIRS[name]
    design = {key: value for key, value in DESIGN.items() if key in arrows}
    found = pairs(leveled(arrows, options=options, levels=TWO, **design))
    as_pairs = [(*sorted((one, other)), str(arrow)) for _, one, other, arrow in found]
    assert sorted(as_pairs) == sorted((*sorted((one, other)), str(arrow)) for one, other, arrow in wanted)


def test_three_levels_say_who_stands_in(leveled):
    first, second = expand(leveled("a -> y")).correlations
    assert (first.level, second.level) == ("client", "therapist")
    assert (
        second.reason == "joined by the arrow a(client) -> y; the client coefficient stands in for the therapist's (R8)"
    )
    own = expand(leveled("a(session) -> y; a(client) -> y; a(therapist) -> y")).correlations
    assert [each.joined_by for each in own] == ["a(client) -> y", "a(therapist) -> y"]


def test_indicators_are_alone_unless_drawn(leveled):
    latent = {"measured_by": ("i1", "i2")}
    assert pairs(leveled("f(t-1) -> f", levels=TWO, f=latent)) == []
    drawn = expand(leveled("f(t-1) -> f; i1(client) <-> i2(client)", levels=TWO, f=latent))
    assert [str(each) for each in drawn.correlations] == [
        "1 -> i1 ~ 1 -> i2 (client): correlated: i1(client) <-> i2(client) is drawn"
    ]


def test_courses(leveled):
    theory = leveled("a -> y; z -> y; session -> y; a(t-1) -> h", options={"session -> y": SLOPE}, levels=TWO, **DESIGN)
    courses = {str(each.effect): each for each in expand(theory).courses}
    assert courses["y"].own
    assert courses["y"].arrows == ("a(client) -> y", "z -> y", "session -> y")
    assert courses["y"].slopes == ("session -> y",)
    assert not courses["h"].own
    assert courses["a"].level == "client"


@pytest.mark.parametrize(
    ("arrows", "circle"),
    [
        ("a -> y; y(client) -> m; m -> a", r"a \(client\) -> y \(client\) -> m \(client\) -> a \(client\)"),
        ("a(session) -> y; y(session) -> a", r"a \(session\) -> y \(session\) -> a \(session\)"),
        ("a -> z; z -> a", r"a \(client\) -> z \(client\) -> a \(client\)"),
        ("z -> a; a(10) -> z", r"z \(client\) -> a \(client\) -> a \(session\) -> z \(client\)"),
        ("a(therapist) -> y; y(client) -> a", r"a \(therapist\) -> y \(therapist\) -> a \(therapist\)"),
        ("d -> a; a(session) -> y", r"d \(session\) -> a \(session\) -> y \(session\) -> d \(session\)"),
        ("a -> y; y(2) -> a", r"a \(session\) -> y \(session\) -> a \(session\)"),
        ("g -> a; a(session) -> g", r"g \(session\) -> a \(session\) -> g \(session\)"),
    ],
)
def test_circles(leveled, arrows, circle):
    with pytest.raises(SpecError, match=f"a circle: {circle}. (One of them comes later|Reverse or remove one arrow)"):
        expand(leveled(arrows, **{name: said for name, said in DESIGN.items() if name in ("z", "d", "g")}))


@pytest.mark.parametrize(
    "arrows",
    [
        "a(t-1) -> y; y(t-1) -> a",
        "a(session) -> y; y(client) -> a",
        "a(t-1) -> y; y -> a",
        "a(whole t-1) -> y; y(whole t-1) -> a",
        "d -> a; a(t-1) -> y; d(t-1) -> y",
        "z -> inertia; m(t-1) -> m; m(client) -> z2",
        "d -> a; a(t-1) -> y; a(client) -> y",
    ],
)
def test_no_circles(leveled, arrows):
    options = {"m(t-1) -> m": SLOPE}
    expand(leveled(arrows, options=options, **{name: said for name, said in DESIGN.items() if name in arrows}))
