"""Adjustment sets and implications: dagitty's answers on 150 graphs, brute force, and large graphs."""

import itertools
import json

import networkx as nx
import pytest
from separation import d_separated

from mechanisms.errors import MechanismsError, SpecError
from mechanisms.graph.adjustment import adjustment_sets, barred, open_path, sufficient
from mechanisms.graph.expansion import expand
from mechanisms.graph.graph import Graph, descendants, to_networkx
from mechanisms.graph.implications import imply
from mechanisms.spec.reader import parse
from mechanisms.spec.theory import Theory
from mechanisms.spec.writer import write


def in_order(sets):
    return sorted(sorted(each) for each in sets)


@pytest.fixture(scope="session")
def oracle(shared):
    return [(read(each), each) for each in json.loads((shared / "dag_adjustment_sets.json").read_text())]


def read(said):
    return Graph(tuple(said["nodes"]), tuple((a, b) for a, _, b in said["edges"]), unmeasured=frozenset(said["latent"]))


@pytest.mark.parametrize("effect", ["total", "direct"])
def test_sets_agree_with_dagitty(oracle, effect):
    for graph, said in oracle:
        (x,), (y,) = said["exposure"], said["outcome"]
        assert in_order(adjustment_sets(graph, x, y, effect)) == in_order(said[f"min_adjustment_{effect}"]), said[
            "name"
        ]


def test_implications_agree_with_dagitty(oracle):
    for graph, said in oracle:
        mine = sorted((sorted((x, y)), sorted(given)) for x, y, given in imply(graph))
        assert mine == sorted((sorted((x, y)), sorted(given)) for x, y, given in said["min_implications"]), said["name"]


def brute_force(graph, x, y, effect):
    """Every minimal set by trying all subsets with networkx in the mutilated graph."""
    drawn = to_networkx(graph)
    onward = (nx.descendants(drawn, x) & nx.ancestors(drawn, y)) | ({y} if nx.has_path(drawn, x, y) else set())
    if effect == "total":
        drawn.remove_edges_from([(x, node) for node in onward])
        forbidden = onward | {d for node in onward for d in descendants(graph, node)}
    else:
        drawn.remove_edges_from([(x, y)])
        forbidden = set(descendants(graph, y)) if onward else set()
    usable = [node for node in graph.nodes if node not in forbidden | graph.unmeasured | {x, y}]
    found = []
    for size in range(len(usable) + 1):
        for subset in itertools.combinations(usable, size):
            given = set(subset)
            if not any(each <= given for each in found) and nx.is_d_separator(drawn, {x}, {y}, given):
                found.append(given)
    return in_order(found)


@pytest.mark.parametrize("effect", ["total", "direct"])
@pytest.mark.parametrize("seed", range(40))
def test_sets_agree_with_brute_force(randomly, seed, effect):
    graph, order = randomly(seed, 7, 0.45, hidden=seed % 3, unmeasured=seed % 2)
    measured = [node for node in order if node not in graph.unmeasured]
    for x, y in itertools.islice(itertools.permutations(measured, 2), 0, None, 5):
        found = list(adjustment_sets(graph, x, y, effect))
        assert len(set(found)) == len(found)
        assert in_order(found) == brute_force(graph, x, y, effect)
        for given in found:
            assert sufficient(graph, x, y, given, effect)
            assert open_path(graph, x, y, given, effect=effect) is None


@pytest.mark.parametrize("seed", range(20))
def test_joint_exposures_and_included_variables(randomly, seed):
    """Several exposures against d-separation in the proper back-door graph; `including` against filtering."""
    graph, order = randomly(seed, 7, 0.4)
    x1, x2, y = order[0], order[2], order[5]
    for given in adjustment_sets(graph, [x1, x2], y):
        assert sufficient(graph, [x1, x2], y, given)
        assert not any(sufficient(graph, [x1, x2], y, given - {one}) for one in given)
    usable = [node for node in graph.nodes if not barred(graph, x1, y, [node])]
    for extra in usable:
        valid = [
            frozenset(s) for size in range(len(usable) + 1) for s in itertools.combinations(usable, size)
            if extra in s and sufficient(graph, x1, y, s)
        ]  # fmt: skip
        minimal = [s for s in valid if not any(other < s for other in valid)]
        assert in_order(adjustment_sets(graph, x1, y, including=[extra])) == in_order(minimal)


def test_m_bias_and_its_witness():
    graph = Graph(
        ("x", "y", "z", "u", "v"),
        (("u", "x"), ("u", "z"), ("v", "z"), ("v", "y"), ("x", "y")),
        unmeasured=frozenset({"u", "v"}),
    )
    assert list(adjustment_sets(graph, "x", "y")) == [frozenset()]
    assert not sufficient(graph, "x", "y", ["z"])
    assert open_path(graph, "x", "y", ["z"]) == ("x", "<-", "u", "->", "z", "<-", "v", "->", "y")


def test_hidden_causes_and_consequences():
    graph = Graph(("x", "m", "y"), (("x", "m"), ("m", "y")), hidden=(("x", "y"),))
    assert list(adjustment_sets(graph, "x", "y")) == []
    assert open_path(graph, "x", "y") == ("x", "<->", "y")
    assert barred(graph, "x", "y", ["m"]) == ("m",)
    assert list(adjustment_sets(graph, "x", "y", including=["m"])) == []


def ladder(rungs):
    """`rungs` back-door chains of two: 2 ** rungs minimal sets."""
    arrows = [("x", "y")]
    for index in range(rungs):
        arrows += [(f"a{index}", "x"), (f"a{index}", f"b{index}"), (f"b{index}", "y")]
    return Graph(("x", *(f"{side}{index}" for index in range(rungs) for side in "ab"), "y"), tuple(arrows))


def first_of(graph):
    return set(itertools.islice(adjustment_sets(graph, "x", "y"), 100))


def test_every_set_of_a_ladder_and_the_first_of_a_long_one(taken):
    assert len(set(adjustment_sets(ladder(6), "x", "y"))) == 2**6
    assert len(first_of(ladder(24))) == 100
    assert taken(lambda: first_of(ladder(24))) < 1


@pytest.mark.parametrize(("nodes", "density"), [(16, 0.5), (16, 0.9), (50, 0.1), (50, 0.3), (50, 0.9)])
def test_large_graphs_answer_at_once(randomly, taken, nodes, density):
    graph, order = randomly(1, nodes, density)

    def answer():
        for effect in ("total", "direct"):
            x, y = order[nodes // 2], order[-1]
            found = list(itertools.islice(adjustment_sets(graph, x, y, effect), 100))
            assert all(sufficient(graph, x, y, each, effect) for each in found[:5])

    assert taken(answer) < 2


def test_implications_are_separations_and_bounded(randomly):
    graph, _ = randomly(3, 12, 0.3, hidden=2, unmeasured=1)
    found = imply(graph)
    assert found
    for x, y, given in found:
        assert d_separated(graph, x, y, given)
        assert not any(d_separated(graph, x, y, set(given) - {one}) for one in given)
    assert len(imply(ladder(10), most=3)) < 3 * 22 * 22


@pytest.mark.parametrize("most", [0, True, "all", 2.5])
def test_most_is_a_number_of_sets(most, build):
    with pytest.raises(SpecError, match="most: a whole number of at least 1 is wanted"):
        imply(build("a -> b -> c"), most=most)
    with pytest.raises(SpecError, match="one claim a pair; leave it out"):
        imply(parse("levels: [s, c]\ntime: s\nvariables: {x: , y: }\narrows: {x(t-1) -> y: }"), most=3)


@pytest.mark.parametrize("ask", [imply, expand, write])
def test_a_theory_is_wanted(ask):
    with pytest.raises(MechanismsError, match=r"should be a Theory, not a str: mx\.load or mx\.parse makes one"):
        ask("arrows: [x -> y]")


def test_exogenous_pairs_are_told_apart(build):
    found = imply(build("a -> y; b -> y; arm -> y", arm={"assigned": "randomised"}))
    assert [(tuple(each), each.exogenous) for each in found] == [
        (("a", "b", ()), True), (("a", "arm", ()), False), (("b", "arm", ()), False),
    ]  # fmt: skip
    assert repr(found[0]) == "a _||_ b   [exogenous]"


def test_latent_variables_make_no_claims(build):
    theory = build("f -> y; x -> f", f={"measured_by": ("i1",)})
    assert isinstance(theory, Theory)
    assert all("f" not in (each.x, each.y, *each.given) for each in imply(theory))
