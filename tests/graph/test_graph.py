"""Arrows: drawing, order, paths and d-separation, against networkx."""

import itertools
import random

import networkx as nx
import pytest
from separation import d_separated

from mechanisms.errors import SpecError
from mechanisms.graph.graph import (
    Graph,
    ancestors,
    between,
    canonical,
    causal_order,
    children,
    descendants,
    draw,
    parents,
    to_networkx,
)
from mechanisms.graph.separators import find_open_path
from mechanisms.spec.theory import Arrow, Condition, Theory, Variable


def test_moderators_are_parents_whatever_without_says(build):
    theory = build(
        "technique -> outcome", moderators={"technique -> outcome": ["alliance"]}, without=["alliance -> outcome"]
    )
    assert draw(theory).arrows == (("technique", "outcome"), ("alliance", "outcome"))


def test_conditions_trials_and_indicators_are_drawn():
    theory = Theory(
        variables=(
            Variable(name="arm"),
            Variable(name="m", only_when=Condition(values=(("arm", ("cbt",)),))),
            Variable(name="y", out_of="days"),
            Variable(name="f", measured_by=("i1", "i2")),
            Variable(name="u", measured_by=()),
        ),
        arrows=(Arrow(cause="m", effect="y"), Arrow(cause="u", effect="y"), Arrow(cause="f", effect="sigma(y)")),
    )
    graph = draw(theory)
    assert set(graph.arrows) == {
        ("m", "y"), ("arm", "y"), ("arm", "m"), ("days", "y"), ("u", "y"), ("f", "y"), ("f", "i1"), ("f", "i2"),
    }  # fmt: skip
    assert (graph.unmeasured, graph.latent) == ({"u"}, {"f"})


def test_computed_variables_are_contracted():
    theory = Theory(
        variables=(
            *tuple(Variable(name=n) for n in ("pre", "post", "y")),
            Variable(name="gain", computed="post - pre"),
        ),
        arrows=(Arrow(cause="gain", effect="y"),),
    )
    graph = draw(theory)
    assert set(graph.arrows) == {("gain", "y"), ("post", "gain"), ("pre", "gain")}
    assert canonical(graph)["y"] == ("post", "pre")
    assert d_separated(graph, "gain", "y", ["post", "pre"])


def test_order_follows_the_declaration_where_arrows_leave_a_choice():
    graph = Graph(("y", "z", "m", "x", "w"), (("x", "m"), ("m", "y")))
    assert causal_order(graph) == ("z", "x", "m", "y", "w")


def test_circles_are_named(build):
    with pytest.raises(SpecError, match=r"a circle: .*One of them comes later: \w+\(t-1\)"):
        draw(build("a -> b -> c -> a"))


def test_unknown_names_come_with_a_near_miss():
    with pytest.raises(SpecError, match=r"unknown variable .aliance.\. Did you mean .alliance."):
        parents(Graph(("alliance",), ()), "aliance")


def test_hidden_causes_are_latent_parents():
    graph = Graph(("x", "m", "y"), (("x", "m"), ("m", "y")), hidden=(("x", "y"),))
    assert not d_separated(graph, "x", "y", ["m"])
    assert d_separated(Graph(graph.nodes, graph.arrows), "x", "y", ["m"])
    drawn = to_networkx(graph)
    assert drawn.nodes["x <-> y"] == {"unmeasured": True, "hidden": True}


@pytest.mark.parametrize("seed", range(25))
def test_walks_and_paths_agree_with_networkx(randomly, seed):
    graph, order = randomly(seed, 8, 0.4)
    drawn = to_networkx(graph)
    for node in graph.nodes:
        assert set(parents(graph, node)) == set(drawn.predecessors(node))
        assert set(children(graph, node)) == set(drawn.successors(node))
        assert ancestors(graph, node) == nx.ancestors(drawn, node)
        assert descendants(graph, node) == nx.descendants(drawn, node)
    place = {node: index for index, node in enumerate(causal_order(graph))}
    assert all(place[tail] < place[head] for tail, head in graph.arrows)
    x, y = order[0], order[-1]
    wanted = {tuple(path) for path in nx.all_simple_paths(drawn, x, y)}
    assert set(between(graph, x, y)) == {node for path in wanted for node in path}


@pytest.mark.parametrize("seed", range(25))
def test_open_paths_exist_exactly_where_networkx_finds_dependence(randomly, seed):
    graph, order = randomly(seed, 8, 0.3, hidden=2)
    chance, above, drawn = random.Random(seed), canonical(graph), to_networkx(graph)
    for x, y in itertools.combinations(order, 2):
        given = {node for node in order if node not in (x, y) and chance.random() < 0.4}
        separated = nx.is_d_separator(drawn, {x}, {y}, given)
        path = find_open_path(above, [x], [y], given)
        assert (path is None) == separated
        if path:
            nodes = path[::2]
            assert len(set(nodes)) == len(nodes)
            assert nodes[0] == x
            assert nodes[-1] == y
