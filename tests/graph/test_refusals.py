"""What an expansion refuses, and the questions whose path is cut between courses and departures (ANSWERS.txt)."""

import pytest

from mechanisms.errors import SpecError
from mechanisms.graph.expansion import check_expansion, expand
from mechanisms.graph.expansion.cuts import find_cuts
from mechanisms.graph.levels import survey
from mechanisms.spec.theory import Prior, Question, Shape

CLIENT = {"level": "client"}
DESIGN = {"th": CLIENT, "z": CLIENT, "h": {"family": "poisson", "zeros": "hurdle"}, "d": {"computed": "y - a"}}
STEPS = {"family": "sequential", "values": ("none", "some", "all")}


def make(leveled, arrows, options=None, **more):
    theory = leveled(
        arrows,
        options=options,
        **{name: said for name, said in DESIGN.items() if name in f"{arrows} {options}"},
        s=STEPS,
    )
    return theory.model_copy(update=more)


@pytest.mark.parametrize(
    ("arrows", "message"),
    [
        (
            "a -> y; a(session) -> y",
            r"a -> y: name one part of a cause and you name them all; beside a\(session\) write ",
        ),
        ("a(client) -> y; a -> y", r"beside a\(client\) write a\(session\) and a\(client\)"),
        ("a(t-1) -> y; a(whole t-1) -> y", r"beside a\(whole t-1\) write a\(t-1\) alone"),
        ("a -> z; a(client) -> z", r"a\(client\) -> z is said twice"),
        ("z -> y; z(client) -> y", r"z -> y: name one part .* beside z\(client\) write z\(client\) and z\(therapist\)"),
        ("z(whole) -> y; z -> y", r"beside z\(whole\) write z\(client\) and z\(therapist\)"),
        ("z -> h; z -> any(h)", r"z -> h already means both parts; z -> any\(h\) says one of them again"),
        ("z -> s=some; z -> s", "z -> s already means every step; z -> s=some says one of them again"),
        ("z -> d", "z -> d: d is computed; draw the arrow into what it is computed from"),
    ],
)
def test_said_twice_or_into_a_sum(leveled, arrows, message):
    with pytest.raises(SpecError, match=message):
        expand(make(leveled, arrows))


@pytest.mark.parametrize(
    "arrows",
    [
        "z -> h; z -> precision(h)",
        "a(client) -> y; a(t-1) -> y",
        "z -> s=some; z -> s=all",
        "z -> y; z(therapist) -> y",  # the value, and beyond it what its therapist's clients have in common
        "z(client) -> y; z(therapist) -> y",
    ],
)
def test_said_once(leveled, arrows):
    expand(make(leveled, arrows))


W = {"a -> y": {"moderated_by": (("z",),), "varies_by": ("client",)}}
CURVE = {"a -> y": {"shape": Shape(kind="quadratic")}}


@pytest.mark.parametrize(
    ("arrows", "options", "address", "which"),
    [
        ("a -> y", {}, "a -> y", r"a\(session\) -> y \| a\(client\) -> y"),
        ("a -> y", W, "z * a -> y", r"a\(session\) \* z -> y \| a\(client\) \* z -> y"),
        ("z -> h", {}, "z -> h", r"z -> any\(h\) \| z -> amount\(h\)"),
        ("a -> y", CURVE, "a -> y", r"a\(whole\) -> y \| a\(client\) -> y"),
    ],
)
def test_a_prior_says_which(leveled, arrows, options, address, which):
    theory = make(leveled, arrows, options, priors=(Prior(address=address, fixed=0),))
    with pytest.raises(SpecError, match=f"stands for 2 coefficients; say which: {which}"):
        check_expansion(theory)


@pytest.mark.parametrize(
    ("arrows", "options", "address"),
    [
        ("a -> y", {}, "a(session) -> y"),
        ("a -> z", {}, "a -> z"),
        ("a -> z", {}, "a(client) -> z"),
        ("a -> y", W, "z * a(client) -> y"),
        ("a -> y", W, "sd(a -> y | client)"),
        ("a -> y", CURVE, "a^2 -> y"),
        ("s -> y", {}, "s=some -> y"),
        ("a -> y", {}, "1 -> y"),
        ("a -> y", {}, "cor(client)"),
    ],
)
def test_a_prior_that_addresses_one(leveled, arrows, options, address):
    check_expansion(make(leveled, arrows, options, priors=(Prior(address=address, fixed=0),)))


@pytest.mark.parametrize(
    "address", ["a(therapist) -> y", "a(whole) -> y", "a(t-1) -> y", "sd(a(client) -> y | client)"]
)
def test_a_prior_on_nothing(leveled, address):
    with pytest.raises(SpecError, match="no such parameter"):
        check_expansion(make(leveled, "a -> y", W, priors=(Prior(address=address, fixed=0),)))


CUT = {
    "indirect": ("th -> a; a(t-1) -> y", {}, r"draw a\(client\) -> y"),
    "through": ("th -> a; a -> m; m(t-1) -> y", {"through": ("a", "m")}, r"th moves the course of m, .* draw m\(client\)"),
    "path": ("th -> a; a(t-1) -> y; a -> m; m -> y", {"path": ("th", "a", "y")}, r"draw a\(client\) -> y"),
}  # fmt: skip


@pytest.mark.parametrize("name", CUT)
def test_a_between_effect_is_never_multiplied_by_a_within_one(leveled, name):
    arrows, asked, message = CUT[name]
    question = Question(of="th", on="y", kind="indirect", **asked)
    with pytest.raises(SpecError, match=message):
        check_expansion(make(leveled, arrows, questions=(question,)))


@pytest.mark.parametrize(
    "arrows",
    [
        "th -> a; a(t-1) -> y; a(client) -> y",
        "th -> a; a -> y",
        "th -> a; a(whole t-1) -> y",
        "th -> a; a(t-1) -> hazard",
        "th -> z; z -> y",
        "th -> m; m(t-1) -> y; th -> a; a -> y",
    ],
)
def test_a_course_that_travels(leveled, arrows):
    on = "hazard" if "hazard" in arrows else "y"
    theory = make(leveled, arrows, questions=(Question(of="th", on=on, kind="indirect"),))
    hazard = [v.model_copy(update={"family": "hazard"}) if v.name == "hazard" else v for v in theory.variables]
    check_expansion(theory.model_copy(update={"variables": tuple(hazard)}))


def test_a_total_effect_is_not_refused_but_knows_its_cuts(leveled):
    question = Question(of="th", on="y")
    theory = make(leveled, "th -> a; a(t-1) -> y; th -> y", questions=(question,))
    cuts = find_cuts(theory, check_expansion(theory), question, survey(theory))
    assert [(str(cut), cut.remedy) for cut in cuts] == [
        ("th moves the course of a, but only its departures reach y", "a(client) -> y")
    ]
    within = Question(of="a(t)", on="y")
    assert find_cuts(theory, expand(theory), within, survey(theory)) == ()


def test_one_level_is_checked_for_circles_too(build):
    with pytest.raises(SpecError, match=r"a circle: x \(row\) -> m \(row\) -> y \(row\) -> x \(row\)"):
        check_expansion(build("x -> m -> y; y -> x"))
