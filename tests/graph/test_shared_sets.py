"""Adjustment sets of direct, indirect and path effects: one set for every part of the question."""

import itertools

import pytest
from separation import directed_paths

from mechanisms.errors import IdentificationError, SpecError
from mechanisms.graph.adjustment import open_path, shared_sets, sufficient
from mechanisms.graph.graph import Graph, between
from mechanisms.graph.identification import identify, require
from mechanisms.spec.theory import Arrow, HiddenCause, Question, Theory, Variable

MIXED = "x -> m -> y; x -> y; a -> x; a -> m; c -> m; c -> y; c -> d -> y"


def jobs(build):
    causes = "; ".join(f"{cause} -> {effect}" for cause in "cde" for effect in "my")
    return build(f"x -> m -> y; x -> y; {causes}", x={"assigned": "randomised"})


def ask(theory, **said):
    return identify(theory, Question(of="x", on="y", **said))


@pytest.mark.parametrize(
    "said",
    [{"kind": "direct"}, {"kind": "indirect"}, {"kind": "indirect", "through": "m"}, {"through": "x -> m -> y"}],
)
def test_a_randomised_exposure_leaves_the_mediators_causes(build, said):
    theory = jobs(build)
    assert list(ask(theory).adjustment_sets) == [frozenset()]
    assert list(ask(theory, **said).adjustment_sets) == [{"c", "d", "e"}]
    assert "  adjust for  {c, d, e}\n" in repr(ask(theory, **said))
    given = ask(theory, adjust=("e", "d", "c"), **said)
    assert given.identified
    assert "  adjusting for {e, d, c} suffices\n" in repr(given)
    assert "adjust for" not in repr(given)
    refused = ask(theory, adjust=(), **said)
    assert refused.reason == "adjust: {} leaves m <- c -> y open."
    assert refused.remedy == "Adjust for {c, d, e}."
    assert list(refused.adjustment_sets) == [{"c", "d", "e"}]


def test_sets_of_several_parts(build):
    found = ask(build(MIXED), kind="indirect")
    assert list(found.adjustment_sets) == [{"a", "c"}]
    assert list(ask(build(MIXED)).adjustment_sets) == [{"a"}]
    also = ask(build(MIXED), kind="indirect", at={"d": 1})
    assert list(also.adjustment_sets) == [{"a", "c", "d"}]


def test_a_set_for_each_part_and_none_for_all():
    """m -> y needs c; for x -> m it is a collider."""
    graph = Graph(("x", "m", "c", "y"), (("x", "m"), ("m", "y"), ("c", "y")), (("x", "c"), ("c", "m")))
    parts = [(("x",), "m"), (("x", "m"), "y")]
    assert all(next(shared_sets(graph, [part]), None) is not None for part in parts)
    assert list(shared_sets(graph, parts)) == []
    assert list(shared_sets(graph, [])) == []


def test_the_g_formula_without_any_single_set(build):
    found = ask(build("x -> h -> y; x -> l -> h; l -> y; x -> y"), kind="controlled", set={"h": 1})
    assert found.identified
    assert list(found.adjustment_sets) == []
    assert "adjust for  no single set: it takes the g-formula" in repr(found)
    refused = ask(build("x -> h -> y; x -> l -> h; l -> y; x -> y"), kind="controlled", set={"h": 1}, adjust=())
    assert refused.remedy == "No single set will do: leave adjust out (g-formula)."


def test_what_is_not_identified_has_no_sets_and_claims_nothing(build):
    found = ask(build("x -> m -> y; x -> y; m <-> y"), kind="indirect")
    assert list(found.adjustment_sets) == []
    assert "assuming" not in repr(found)
    assert "No unmeasured common cause" not in repr(found)
    with pytest.raises(IdentificationError):
        require(found)


def as_theory(graph):
    return Theory(
        variables=tuple(Variable(name=n, measured_by=() if n in graph.unmeasured else None) for n in graph.nodes),
        arrows=tuple(Arrow(cause=a, effect=b) for a, b in graph.arrows),
        hidden=tuple(HiddenCause(one=a, other=b) for a, b in graph.hidden),
    )


def questions(graph, x, y):
    """Direct, joint indirect, through each mediator, along the first path; with a variable held or conditioned on."""
    yield {"kind": "direct"}
    yield {"kind": "indirect"}
    path = next(directed_paths(graph, x, y), ())
    yield from ({"kind": "indirect", "through": node} for node in path[1:-1])
    yield from ({"kind": "indirect", "through": node, "mediators": "interventional"} for node in path[1:-1])
    if len(path) > 2:
        yield {"through": " -> ".join(path)}
    others = [node for node in graph.nodes if node not in (x, y, *graph.unmeasured)]
    yield {"kind": "indirect", "set": {others[0]: 1}}
    yield {"kind": "controlled", "set": {others[1]: 1}}
    yield {"kind": "direct", "at": {others[-1]: 1}}


def subsets(nodes):
    return (frozenset(s) for size in range(len(nodes) + 1) for s in itertools.combinations(nodes, size))


@pytest.mark.parametrize("seed", range(60))
def test_every_minimal_set_and_no_other(randomly, seed):
    """Against `adjust`, tried with all subsets: what it accepts, less what holds a smaller accepted set."""
    graph, order = randomly(seed, 7, 0.25 + seed % 3 / 10, hidden=seed % 3, unmeasured=seed % 2)
    theory, measured = as_theory(graph), [node for node in order if node not in graph.unmeasured]
    mediated = [pair for pair in itertools.combinations(measured, 2) if len(between(graph, *pair)) > 2]
    for x, y in mediated[-4:]:
        for said in questions(graph, x, y):
            try:
                found = identify(theory, Question(of=x, on=y, **said))
            except (IdentificationError, SpecError):
                continue
            sets, at = list(found.adjustment_sets), frozenset(said.get("at", ()))
            assert len(set(sets)) == len(sets)
            if not found.identified and not found.needs_linear:
                assert sets == []
                continue
            usable = [node for node in measured if node not in {x, y, *at, *said.get("set", ()), *found.mediators}]
            if found.needs_linear:
                good = [s for s in subsets(usable) if all(sufficient(graph, *part, s | at) for part in found.parts)]
            else:
                good = [
                    s for s in subsets(usable) if identify(theory, Question(of=x, on=y, adjust=s, **said)).identified
                ]
            # `direct` accepts its mediators in `adjust` and leaves them to the model: none of them is minimal
            minimal = {s | at for s in good if not any(other < s for other in good)}
            assert set(sets) == minimal, (x, y, said)


def bridges(rungs):
    """`rungs` chains of two between mediator and outcome: 2 ** rungs minimal sets."""
    arrows = [("x", "m"), ("m", "y"), ("x", "y")]
    for index in range(rungs):
        arrows += [(f"a{index}", "m"), (f"a{index}", f"b{index}"), (f"b{index}", "y")]
    return Graph(("x", "m", *(f"{side}{index}" for index in range(rungs) for side in "ab"), "y"), tuple(arrows))


def test_the_first_sets_of_many_come_at_once(taken):
    found = identify(as_theory(bridges(5)), Question(of="x", on="y", kind="indirect"))
    assert len(set(found.adjustment_sets)) == 2**5
    assert taken(lambda: repr(identify(as_theory(bridges(16)), Question(of="x", on="y", kind="indirect")))) < 2


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(("nodes", "density", "hidden"), [(16, 0.5, 0), (30, 0.3, 0), (50, 0.3, 2), (50, 0.8, 1)])
def test_large_graphs_answer_at_once(randomly, taken, nodes, density, hidden, apart):
    graph, order = randomly(1, nodes, density, hidden=hidden)
    x, y = order[nodes // 2], order[-1]
    mediators = between(graph, x, y)[1:-1]
    parts = [((x, *(mediators[:index] if apart else ())), node) for index, node in enumerate(mediators)]
    parts = [((x,), y), *parts, ((x, *mediators), y)]
    assert taken(lambda: list(itertools.islice(shared_sets(graph, parts), 6))) < 3
    found = list(itertools.islice(shared_sets(graph, parts), 6))
    assert found
    assert all(open_path(graph, *part, each) is None for part in parts for each in found)
