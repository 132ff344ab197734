"""Identification: textbook cases, soundness against an oracle, agreement of its two halves."""

import itertools
import json

import pytest

from mechanisms.errors import IdentificationError
from mechanisms.graph.adjustment import adjustment_sets
from mechanisms.graph.districts import find_unfixable, project
from mechanisms.graph.graph import Graph, descendants
from mechanisms.graph.identification import identify, require
from mechanisms.spec.theory import Arrow, HiddenCause, Question, Shape, Theory, Variable

SIMPLE = "x -> m -> y; x -> y"
INDUCED = "x -> l -> m -> y; l -> y; x -> m; x -> y"
SERIAL = "x -> m1 -> m2 -> y; x -> m2; m1 -> y; x -> y"
PARALLEL = "x -> m1 -> y; x -> m2 -> y; x -> y"
BUTTERFLY = "c -> x; c -> m; c -> y; x -> m -> y; x -> y"
UNSEEN = {"measured_by": ()}

# name: arrows, design, question, identified, witness, needs_linear
CASES = {
    "total": (SIMPLE, {}, {}, True, (), ()),
    "direct": (SIMPLE, {}, {"kind": "direct"}, True, (), ()),
    "measured confounder": (BUTTERFLY, {}, {"kind": "indirect"}, True, (), ()),
    "unmeasured confounder": (BUTTERFLY, {"c": UNSEEN}, {}, False, ("x", "c", "y"), ()),
    "front door": ("x -> m -> y; x <-> y", {}, {}, False, ("x", "y"), ()),
    "front door, indirect": ("x -> m -> y; x <-> y", {}, {"kind": "indirect"}, False, ("x", "y"), ()),
    "M-bias": ("u -> x; u -> z; v -> z; v -> y; x -> y", {"u": UNSEEN, "v": UNSEEN}, {}, True, (), ()),
    "M-bias, natural": ("x <-> z; z <-> y; x -> m -> y; x -> y", {}, {"kind": "direct"}, True, (), ()),
    "collider on the way": ("x -> z; y -> z; x -> y", {}, {}, True, (), ()),
    "hidden m-y, total": (f"{SIMPLE}; m <-> y", {}, {}, True, (), ()),
    "hidden m-y, direct": (f"{SIMPLE}; m <-> y", {}, {"kind": "direct"}, False, ("m", "y"), ()),
    "hidden m-y, indirect": (f"{SIMPLE}; m <-> y", {}, {"kind": "indirect"}, False, ("m", "y"), ()),
    "hidden m-y, controlled": (f"{SIMPLE}; m <-> y", {}, {"kind": "controlled", "set": {"m": 1}}, False, ("m", "y"), ()),
    "hidden m-y, interventional": (
        f"{SIMPLE}; m <-> y", {}, {"kind": "indirect", "mediators": "interventional"}, False, ("m", "y"), (),
    ),
    "hidden m-y blocked": (f"{SIMPLE}; m <-> c; c -> y", {}, {"kind": "indirect"}, True, (), ()),
    "named m-y confounder": (f"{SIMPLE}; u -> m; u -> y", {"u": UNSEEN}, {"kind": "direct"}, False, ("m", "u", "y"), ()),
    "hidden x-m": (f"{SIMPLE}; x <-> m", {}, {"kind": "indirect"}, False, ("x", "m", "y"), ()),
    "hidden x-m, controlled": (f"{SIMPLE}; x <-> m", {}, {"kind": "controlled", "set": {"m": 1}}, True, (), ()),
    "induced, natural": (INDUCED, {}, {"kind": "indirect", "through": "m"}, False, ("l",), ()),
    "induced, joint": (INDUCED, {}, {"kind": "indirect"}, True, (), ()),
    "induced, direct": (INDUCED, {}, {"kind": "direct"}, True, (), ()),
    "induced, controlled": (INDUCED, {}, {"kind": "controlled", "set": {"m": 1}}, True, (), ()),
    "induced, interventional": (
        INDUCED, {}, {"kind": "indirect", "through": "m", "mediators": "interventional"}, True, (), (),
    ),
    "induced but unmeasured, interventional": (
        INDUCED, {"l": UNSEEN}, {"kind": "indirect", "through": "m", "mediators": "interventional"},
        False, ("m", "l", "y"), (),
    ),
    "induced, path": (INDUCED, {}, {"through": "x -> l -> m -> y"}, False, ("l",), ("l",)),
    "induced, path with hidden l-y": (
        f"{INDUCED}; l <-> y", {}, {"through": "x -> l -> m -> y"}, False, ("l",), (),
    ),
    "serial, through m1": (SERIAL, {}, {"kind": "indirect", "through": "m1"}, True, (), ()),
    "serial, through m2": (SERIAL, {}, {"kind": "indirect", "through": "m2"}, False, ("m1",), ()),
    "serial, path": (SERIAL, {}, {"through": "x -> m1 -> m2 -> y"}, False, ("m1",), ("m1",)),
    "serial, open path": (SERIAL, {}, {"through": "x -> m2 -> y"}, True, (), ()),
    "parallel": (PARALLEL, {}, {"kind": "indirect", "through": "m1"}, True, (), ()),
    "parallel, hidden m1-m2": (
        f"{PARALLEL}; m1 <-> m2", {}, {"kind": "indirect", "through": "m1"}, False, ("m1", "m2"), (),
    ),
    "parallel, hidden m1-m2, joint": (f"{PARALLEL}; m1 <-> m2", {}, {"kind": "indirect"}, True, (), ()),
    "unmeasured mediator": (SIMPLE, {"m": UNSEEN}, {"kind": "direct"}, False, ("m",), ()),
    "unmeasured mediator, total": (SIMPLE, {"m": UNSEEN}, {}, True, (), ()),
    "unmeasured outcome": ("x -> y", {"y": UNSEEN}, {}, False, ("y",), ()),
    "latent mediator": (SIMPLE, {"m": {"measured_by": ("i1", "i2", "i3")}}, {"kind": "indirect"}, True, (), ()),
    "at a collider": ("x <-> z; z <-> y; x -> y", {}, {"at": {"z": 1}}, False, ("x", "z", "y"), ()),
    "at a moderator": ("x -> y; w -> y", {}, {"at": {"w": 1}}, True, (), ()),
    "adjust suffices": (BUTTERFLY, {}, {"adjust": "c"}, True, (), ()),
    "adjust suffices, indirect": (BUTTERFLY, {}, {"kind": "indirect", "adjust": "c"}, True, (), ()),
    "adjust is open": (BUTTERFLY, {}, {"adjust": ()}, False, ("x", "c", "y"), ()),
    "adjust is open between m and y": (
        "x -> m -> y; x -> y; c -> m; c -> y", {}, {"kind": "indirect", "adjust": ()}, False, ("m", "c", "y"), (),
    ),
    "adjust for a mediator": (SIMPLE, {}, {"adjust": "m"}, False, ("m",), ()),
    "adjust for a mediator, direct": (SIMPLE, {}, {"kind": "direct", "adjust": "m"}, True, (), ()),
    "adjust opens M": ("x <-> z; z <-> y; x -> y", {}, {"adjust": "z"}, False, ("x", "z", "y"), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_textbook(build, name):
    arrows, design, said, wanted, witness, linear = CASES[name]
    found = identify(build(arrows, **design), Question(of="x", on="y", **said))
    assert (found.identified, found.witness, found.needs_linear) == (wanted, witness, linear), found.reason
    assert (found.reason is None) == wanted
    assert repr(found)
    if wanted:
        assert require(found) is found
    else:
        with pytest.raises(IdentificationError) as caught:
            require(found)
        assert caught.value.witness == witness


@pytest.mark.parametrize(
    ("arrows", "said", "wanted"),
    [
        (SIMPLE, {}, "E[y | do(x=1)] - E[y | do(x=0)]"),
        (SIMPLE, {"contrast": (2, 5), "at": {"w": "mean"}}, "E[y | do(x=5), w=mean] - E[y | do(x=2), w=mean]"),
        (SIMPLE, {"kind": "direct"}, "E[y(1, m(0))] - E[y(0, m(0))]"),
        (SIMPLE, {"kind": "direct", "contrast": (0, 10)}, "E[y(10, m(0))] - E[y(0, m(0))]"),
        (
            SERIAL, {"through": "x -> m1 -> m2 -> y", "contrast": (0, 10)},
            "E[y(10, m1(0), m2(0, m1(10)))] - E[y(10, m1(0), m2(0))]",
        ),
        (SIMPLE, {"kind": "indirect"}, "E[y(1, m(1))] - E[y(1, m(0))]"),
        ("x -> m -> y", {"kind": "indirect"}, "E[y | do(x=1)] - E[y | do(x=0)]"),
        (SIMPLE, {"kind": "controlled", "set": {"m": 0.5}}, "E[y | do(x=1, m=0.5)] - E[y | do(x=0, m=0.5)]"),
        (SERIAL, {"through": "x -> m1 -> m2 -> y"}, "E[y(1, m1(0), m2(0, m1(1)))] - E[y(1, m1(0), m2(0))]"),
        (PARALLEL, {"kind": "indirect", "through": "m1"}, "E[y(1, m1(1), m2(0))] - E[y(1, m1(0), m2(0))]"),
        (
            SIMPLE, {"kind": "indirect", "mediators": "interventional"},
            "E[y(1, G[m | 1])] - E[y(1, G[m | 0])], where G[m | a] is a random draw of m from those under do(x=a)",
        ),
    ],
)  # fmt: skip
def test_estimands(build, arrows, said, wanted):
    assert identify(build(f"{arrows}; w -> y"), Question(of="x", on="y", **said)).estimand == wanted


@pytest.mark.parametrize(
    ("design", "said", "wanted"),
    [
        ({}, {}, "E[y | do(x=1)] - E[y | do(x=0)]"),
        ({"family": "bernoulli"}, {}, "E[y | do(x=1)] - E[y | do(x=0)]"),
        ({"family": "normal"}, {}, "E[y | do(x=mean + 1)] - E[y | do(x=mean)]"),
        ({"range": (0, 63)}, {}, "E[y | do(x=mean + 1)] - E[y | do(x=mean)]"),
        ({"range": (0, 63)}, {"scale": "standardised"}, "E[y | do(x=mean + 1 sd)] - E[y | do(x=mean)]"),
        ({"range": (0, 63)}, {"contrast": (2, 5)}, "E[y | do(x=5)] - E[y | do(x=2)]"),
        ({"family": "categorical", "values": ("p", "q")}, {}, "E[y | do(x=q)] - E[y | do(x=p)]"),
        ({"family": "ordinal", "values": ("p", "q", "r")}, {}, "E[y | do(x=each)] - E[y | do(x=p)]"),
    ],
)
def test_the_contrast_is_the_one_that_is_estimated(build, design, said, wanted):
    assert identify(build("x -> y", x=design), Question(of="x", on="y", **said)).estimand == wanted


def test_a_curve_is_from_a_number(build):
    theory = build("x -> y")
    curved = theory.model_copy(
        update={"arrows": tuple(arrow.model_copy(update={"shape": Shape(kind="quadratic")}) for arrow in theory.arrows)}
    )
    assert identify(curved, Question(of="x", on="y")).estimand == "E[y | do(x=mean + 1)] - E[y | do(x=mean)]"


def test_a_path_that_recants_says_when_it_is_answered_all_the_same(build):
    found = identify(
        build("x -> m -> y; m -> n -> y"), Question(of="x", on="y", kind="indirect", through="x -> m -> y")
    )
    assert "unless      the equations are linear" in repr(found)
    assert "mx.estimate answers" in repr(found)
    other = identify(build("x -> m -> y; x -> y"), Question(of="x", on="y", kind="indirect", through="m"))
    assert "unless" not in repr(other)


def test_the_message_names_witness_and_way_out(build):
    question = Question(of="x", on="y", kind="indirect", through="m")
    with pytest.raises(IdentificationError) as caught:
        require(identify(build(INDUCED), question))
    assert str(caught.value) == (
        "The indirect effect of x on y through m is not identified: 'l' recants. It must both respond and not respond "
        "to 'x'. Ask for mediators: interventional, or for the joint effect through l and m (kind: indirect without "
        "through)."
    )


def test_the_front_door_is_said_to_be_for_later(build):
    reason = identify(build("x -> m -> y; x <-> y"), Question(of="x", on="y")).reason
    assert reason == (
        "not by adjustment: x <-> y stays open whatever is adjusted for. "
        "Other routes, such as the front door, are for a later version."
    )


def test_assumptions_fit_the_estimand(build):
    jobs = build("treat -> job_seek -> depress2; treat -> depress2", treat={"assigned": "randomised"})

    def said(**more):
        return "\n".join(identify(jobs, Question(of="treat", on="depress2", **more)).assumptions)

    assert "treat was randomised: nothing else moves both treat and depress2." in said()
    assert "Cross-world" not in said()
    assert "Cross-world" in said(kind="indirect")
    assert "No unmeasured common cause of job_seek and depress2." in said(kind="direct")
    assert "no cross-world" in said(kind="indirect", mediators="interventional")
    assert "Cross-world" not in said(kind="controlled", set={"job_seek": 3})
    assert all("Consistency" in said(kind=kind) for kind in ("total", "direct", "indirect"))


def test_mediators_and_sets_are_those_of_the_question(build):
    theory = build(f"{BUTTERFLY}; d -> c")
    direct = identify(theory, Question(of="x", on="y", kind="direct"))
    assert direct.mediators == ("m",)
    assert list(direct.adjustment_sets) == [{"c"}]
    assert list(direct.adjustment_sets) == [{"c"}], "a fresh iterator each time"
    assert list(identify(theory, Question(of="x", on="y", at={"d": 1})).adjustment_sets) == [{"c", "d"}]
    held = identify(build(INDUCED), Question(of="x", on="y", kind="controlled", set={"m": 1}))
    assert list(held.adjustment_sets) == []
    assert "g-formula" in repr(held)
    assert identify(build(SERIAL), Question(of="x", on="y", kind="indirect", through="m1")).mediators == ("m1",)


def test_a_computed_mediator():
    names = ("bond", "pre", "post", "y")
    theory = Theory(
        variables=(*(Variable(name=name) for name in names), Variable(name="gain", computed="post - pre")),
        arrows=tuple(
            Arrow(cause=a, effect=b) for a, b in [("pre", "post"), ("bond", "post"), ("gain", "y"), ("bond", "y")]
        ),
    )
    found = identify(theory, Question(of="bond", on="y", kind="indirect", through="gain"))
    assert found.identified
    assert found.arrows == {("bond", "post"), ("post", "gain"), ("gain", "y")}
    both = theory.model_copy(update={"arrows": (*theory.arrows, Arrow(cause="post", effect="y"))})
    refused = identify(both, Question(of="post", on="y", kind="direct"))
    assert not refused.identified
    assert refused.witness == ("gain",)


def as_theory(graph):
    return Theory(
        variables=tuple(Variable(name=n, measured_by=() if n in graph.unmeasured else None) for n in graph.nodes),
        arrows=tuple(Arrow(cause=a, effect=b) for a, b in graph.arrows),
        hidden=tuple(HiddenCause(one=a, other=b) for a, b in graph.hidden),
    )


@pytest.mark.parametrize("seed", range(40))
def test_fixing_agrees_with_adjustment_sets(randomly, seed):
    """Two independent routes to one answer, with and without a condition."""
    graph, order = randomly(seed, 7, 0.4, hidden=2, unmeasured=1)
    measured = [node for node in order if node not in graph.unmeasured]
    for x, y in itertools.permutations(measured, 2):
        below = descendants(graph, x)
        if y not in below:
            continue
        for at in [(), *((node,) for node in measured if node not in below | {x, y})]:
            fixed = find_unfixable(project(graph), [x], [y, *at]) is None
            assert fixed == (next(adjustment_sets(graph, x, y, including=at), None) is not None)


def test_what_is_identified_here_is_identifiable(shared):
    """Soundness against the complete algorithm of Shpitser & Pearl (y0, 80 graphs)."""
    yes = 0
    for said in json.loads((shared / "id_oracle.json").read_text()):
        arrows = tuple(map(tuple, said["directed"]))
        graph = Graph(tuple(said["nodes"]), arrows, tuple(map(tuple, said["bidirected"])))
        if said["outcome"] not in descendants(graph, said["treatment"]):
            continue
        found = identify(as_theory(graph), Question(of=said["treatment"], on=said["outcome"]))
        assert said["identifiable"] or not found.identified, said["name"]
        assert found.identified == (next(found.adjustment_sets, None) is not None)
        yes += found.identified
    assert yes > 5


@pytest.mark.parametrize("seed", range(15))
def test_without_hidden_causes_only_witnesses_forbid(randomly, seed):
    graph, order = randomly(seed, 7, 0.5)
    theory, of, on = as_theory(graph), order[0], order[-1]
    for said in ({}, {"kind": "indirect"}, *({"kind": "indirect", "through": node} for node in order[1:-1])):
        try:
            found = identify(theory, Question(of=of, on=on, **said))
        except IdentificationError:
            continue
        assert found.identified == (not found.witness)
        if "through" not in said:
            assert found.identified
        again = identify(theory, Question(of=of, on=on, mediators="interventional", **said))
        assert again.identified


def test_fifty_dense_nodes(randomly, taken):
    graph, order = randomly(4, 50, 0.8, hidden=3)
    theory = as_theory(graph)

    def answer():
        for said in ({}, {"kind": "indirect"}, {"kind": "indirect", "through": order[20]}):
            assert repr(identify(theory, Question(of=order[0], on=order[-1], **said)))

    assert taken(answer) < 5


def test_a_sum_that_is_looked_at_is_judged_like_any_outcome(build):
    """A computed outcome is passed through nowhere: its parts' hidden causes count."""
    theory = build("x -> post; x <-> post", post={}, gain={"computed": "post - pre"}, pre={})
    found = identify(theory, Question(of="x", on="gain"))
    assert not found.identified
    assert found.witness == ("x", "post", "gain")


def test_a_part_of_the_outcome_has_its_own_causes(build):
    """`any(y)` is reached, and confounded, only by what acts on it."""
    theory = Theory(
        variables=tuple(
            Variable(name=name, **({"family": "poisson", "zeros": "hurdle"} if name == "y" else {})) for name in "xcy"
        ),
        arrows=(
            Arrow(cause="x", effect="y"),
            Arrow(cause="c", effect="x"),
            Arrow(cause="c", effect="amount(y)"),
        ),
    )
    assert list(identify(theory, Question(of="x", on="any(y)")).adjustment_sets) == [frozenset()]
    assert list(identify(theory, Question(of="x", on="amount(y)")).adjustment_sets) == [frozenset({"c"})]
    with pytest.raises(IdentificationError, match="zero by the theory"):
        identify(theory, Question(of="c", on="any(y)", kind="direct"))
