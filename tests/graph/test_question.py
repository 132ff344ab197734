"""A question is a set of arrows."""

import itertools

import pytest
from separation import directed_paths

from mechanisms.errors import IdentificationError, SpecError
from mechanisms.graph.graph import draw
from mechanisms.graph.question import arrow_set, witnesses
from mechanisms.spec.theory import Question

SERIAL = "x -> m1 -> m2 -> y; x -> m2; m1 -> y; x -> y; w -> y"
INDUCED = "x -> l -> m -> y; l -> y; x -> m; x -> y"


def shown(arrows):
    return sorted(f"{tail} -> {head}" for tail, head in arrows)


def ask(build, arrows, **said):
    return arrow_set(draw(build(arrows)), Question(of="x", on="y", **said))


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({}, "m1 -> m2; m1 -> y; m2 -> y; x -> m1; x -> m2; x -> y"),
        ({"kind": "direct"}, "x -> y"),
        ({"kind": "indirect"}, "m1 -> m2; m1 -> y; m2 -> y; x -> m1; x -> m2"),
        ({"kind": "indirect", "through": "m1"}, "m1 -> m2; m1 -> y; m2 -> y; x -> m1"),
        ({"kind": "indirect", "through": "m2"}, "m1 -> m2; m2 -> y; x -> m1; x -> m2"),
        ({"kind": "indirect", "through": ("m2", "m1")}, "m1 -> m2; m2 -> y; x -> m1"),
        ({"through": "x -> m2 -> y"}, "m2 -> y; x -> m2"),
        ({"kind": "controlled", "set": {"m2": 1}}, "m1 -> y; x -> m1; x -> y"),
        ({"kind": "controlled", "set": {"m1": 1, "m2": 1}}, "x -> y"),
    ],
)
def test_sets(build, said, wanted):
    assert shown(ask(build, SERIAL, **said)) == wanted.split("; ")


@pytest.mark.parametrize(
    ("arrows", "said", "kind", "message"),
    [
        ("y -> x", {}, IdentificationError, "no directed path leads from x to y"),
        ("x -> m -> y", {"kind": "direct"}, IdentificationError, "x has no arrow into y: the direct effect is zero"),
        ("x -> y", {"kind": "indirect"}, IdentificationError, "the indirect effect is zero by the theory"),
        ("x -> m -> y", {"kind": "controlled", "set": {"m": 1}}, IdentificationError, "while m is held"),
        (SERIAL, {"kind": "indirect", "through": "w"}, IdentificationError, "w lies on no directed path from x to y"),
        ("x -> a -> y; x -> b -> y", {"through": ("a", "b")}, IdentificationError, "runs through a and b together"),
        (SERIAL, {"through": "x -> m1 -> w -> y"}, IdentificationError, "m1 has no arrow into w"),
        (SERIAL, {"through": "m1 -> y"}, SpecError, "must lead from x to y"),
        (SERIAL, {"through": "m3"}, SpecError, "unknown variable 'm3'"),
        (SERIAL, {"at": {"m1": 1}}, IdentificationError, "conditioning on a consequence of the exposure"),
        (SERIAL, {"at": {"x": 1}}, SpecError, "at holds 'x'"),
        (SERIAL, {"set": {"y": 1}}, SpecError, "set holds 'y'"),
        (SERIAL, {"set": {"x": 1}}, SpecError, "set holds 'x'"),
        (SERIAL, {"kind": "controlled"}, SpecError, "needs set: {mediator: value}"),
        (SERIAL, {"kind": "direct", "through": "m1"}, SpecError, "through has no place in a direct effect"),
        (SERIAL, {"adjust": "ww"}, SpecError, "unknown variable 'ww'"),
    ],
)
def test_refusals(build, arrows, said, kind, message):
    with pytest.raises(kind, match=message):
        ask(build, arrows, **said)


def test_of_and_on_differ(build):
    with pytest.raises(SpecError, match="both 'x'"):
        arrow_set(draw(build("x -> y")), Question(of="x", on="x"))


@pytest.mark.parametrize("seed", range(20))
def test_through_is_the_union_of_the_paths(randomly, seed):
    graph, order = randomly(seed, 8, 0.5)
    of, on = order[0], order[-1]
    for names in itertools.chain(itertools.combinations(order[1:-1], 1), itertools.combinations(order[1:-1], 2)):
        wanted = {step for p in directed_paths(graph, of, on) if set(names) <= set(p) for step in itertools.pairwise(p)}
        question = Question(of=of, on=on, kind="indirect", through=names)
        if wanted:
            assert arrow_set(graph, question) == wanted
        else:
            with pytest.raises(IdentificationError):
                arrow_set(graph, question)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({}, ()),
        ({"kind": "direct"}, ()),
        ({"kind": "indirect"}, ()),
        ({"kind": "indirect", "through": "m"}, ("l",)),
        ({"kind": "indirect", "through": "l"}, ()),
        ({"through": "x -> l -> m -> y"}, ("l",)),
        ({"through": "x -> m -> y"}, ()),
        ({"through": "x -> l -> y"}, ("l",)),
    ],
)
def test_witnesses(build, said, wanted):
    graph = draw(build(INDUCED))
    assert witnesses(graph, "x", "y", arrow_set(graph, Question(of="x", on="y", **said))) == wanted


@pytest.mark.parametrize("seed", range(20))
def test_witnesses_split_a_carrying_path_from_another(randomly, seed):
    """Avin et al.: a path in the set and a path not in it share their beginning up to the witness."""
    graph, order = randomly(seed, 7, 0.5)
    of, on = order[0], order[-1]
    paths = list(directed_paths(graph, of, on))
    for path in paths:
        arrows = frozenset(itertools.pairwise(path))
        found = set(witnesses(graph, of, on, arrows))
        wanted = {
            path[i] for i in range(1, len(path) - 1) for other in paths
            if other[: i + 1] == path[: i + 1] and other[i + 1] != path[i + 1]
        }  # fmt: skip
        assert found == wanted


def test_fifty_dense_nodes_are_instant(randomly, taken):
    graph, order = randomly(2, 50, 0.9)
    of, on = order[0], order[-1]

    def answer():
        for said in ({}, {"kind": "indirect"}, {"through": order[10]}, {"through": tuple(order[10:40:10])}):
            try:
                arrows = arrow_set(graph, Question(of=of, on=on, **said))
            except IdentificationError:
                continue
            witnesses(graph, of, on, arrows)

    assert taken(answer) < 1
