"""networkx graphs in and out (language 1.11)."""

import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_theories import random_text
from test_dagitty import SAME
from test_grammar import ARROW, TOP, VALUES, VARIABLE
from test_writer import long_theories, theories

from mechanisms.errors import SpecError
from mechanisms.spec.dagitty import ROLES
from mechanisms.spec.library import load, names
from mechanisms.spec.reader import parse, read, resolve
from mechanisms.spec.writer import write

SHARED = Path(__file__).parents[3] / "shared" / "theories"
FULL = """
name: n
title: "2011"
source: {text: Bordin, doi: 10.1/x}
levels: {session: {in: client, occasions: [0, 2, 5]}, client: }
time: session
variables:
  x: {range: [0, 6.5], pos: [1, 2], measured_by: [x1, x2], assessed: end}
  y: {only_when: {session: 2..}, means: "What: is, left"}
  n: {level: client, family: binomial, out_of: 9}
  g: {level: client, family: categorical, values: [1, q2]}
arrows:
  y(t-1) -> y: {varies_by: client, shape: {piecewise: [1, 2.5]}, only_when: {g: q2}}
  x(t-1) -> y: {moderated_by: [g], because: so}
  1 -> y: {varies_by: []}
  g=q2 -> n:
  x <-> y: {because: why}
without: [x -> n]
priors: {x(t-1) -> y: {normal: [0, 0.5]}}
questions: [{of: x(t), on: y, at: {g: [1]}}]
"""


@pytest.mark.parametrize("name", names())
def test_the_catalogue_comes_back(name):
    theory = load(name)
    returned = parse(write(theory, "networkx", partial=True))
    assert returned == theory.model_copy(update={"based_on": None, "own": None})


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared theories are not on this machine")
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.yaml")), ids=lambda path: path.stem)
def test_shared_theories_come_back(path):
    theory = read(path)
    if theory.based_on is None:
        assert parse(write(theory, "networkx")) == theory
        return
    with pytest.raises(SpecError, match="a graph cannot hold based_on"):
        write(theory, "networkx")
    assert parse(write(theory, "networkx", partial=True)) == theory.model_copy(update={"based_on": None, "own": None})


@pytest.mark.parametrize(
    "text", [FULL.replace("without: [x -> n]\n", ""), *VALUES.values(), *(yaml for _, yaml in SAME)]
)
def test_every_word_comes_back(text):
    theory = parse(text)
    assert parse(write(theory, "networkx")) == theory


@settings(max_examples=60, deadline=None)
@given(theories() | long_theories())
def test_random_theories_come_back(theory):
    try:
        theory = resolve(theory)
    except SpecError:
        return
    assert parse(write(theory, "networkx")) == theory


@pytest.mark.parametrize("seed", range(30))
def test_moderated_theories_come_back(seed):
    theory = parse(random_text(np.random.default_rng(seed)))
    assert parse(write(theory, "networkx")) == theory


def test_terms_are_nodes_and_keys_attributes():
    graph = write(parse(FULL.replace("without: [x -> n]\n", "")), "networkx")
    assert isinstance(graph, nx.DiGraph) and nx.is_directed_acyclic_graph(graph)
    assert list(graph) == ["x", "y", "n", "g", "x1", "x2", "y(t-1)", "x(t-1)", "1", "g=q2", "x <-> y"]
    assert graph.nodes["x"] == {"measured_by": ["x1", "x2"], "assessed": "end", "range": [0, 6.5], "pos": [1, 2]}
    assert graph.nodes["x <-> y"] == {"hidden": True, "because": "why"}
    assert graph.edges["x(t-1)", "y"] == {"moderated_by": ["g"], "because": "so"}
    assert graph.edges["y(t-1)", "y"] == {
        "shape": {"piecewise": [1, 2.5]}, "varies_by": ["client"], "only_when": {"g": "q2"},
    }  # fmt: skip
    assert graph.edges["g", "y"] == {"added": True}
    assert graph.graph["levels"] == {"session": {"in": "client", "occasions": [0, 2, 5]}, "client": None}
    assert graph.graph["questions"] == [{"of": "x(t)", "on": "y", "at": {"g": [1]}}]


def drawn(*edges, nodes=None, **keys):
    """A graph from edges `("x", "y")` or `("x", "y", {…})` and attributes of nodes."""
    graph = nx.DiGraph(**keys)
    graph.add_nodes_from((name, said) for name, said in (nodes or {}).items())
    graph.add_edges_from(edges)
    return graph


READ = [  # a graph as a user would draw it, and the theory that it is
    (drawn(("x", "m"), ("m", "y")), "arrows: [x -> m -> y]"),
    (drawn(("x", "y"), ("w", "y"), nodes={"x": {"exposure": True}, "y": {"o": True, "latent": False}, "w": {"adjusted": True}}),
     "variables: {x: , y: , w: }\narrows: [x -> y, w -> y]\nquestions: [{of: x, on: y, adjust: w}]"),
    (drawn(("u", "y"), nodes={"u": {"latent": True, "label": "unseen"}}), "variables: {u: {measured_by: [], means: unseen}, y: }\narrows: [u -> y]"),
    (drawn(("x", "y", {"shape": "quadratic", "label": "so"})), "arrows: {x -> y: {shape: quadratic, because: so}}"),
    (drawn(("x", "y", {"pos": (np.float64(0.5), np.int64(2))})), "arrows: {x -> y: {pos: [0.5, 2]}}"),
    (drawn(("x", "y"), nodes={"x": {"source": True}, "y": {"source": "Bordin", "outcome": True}}),
     "variables: {x: , y: {source: Bordin}}\narrows: [x -> y]\nquestions: [{of: x, on: y}]"),
    (drawn(("a b", "y")), "variables: {a_b: {means: a b}, y: }\narrows: [a_b -> y]"),
    (drawn(("x", "y"), ("x <-> y", "x"), ("x <-> y", "y")), "arrows: [x -> y, x <-> y]"),
    (drawn(("x", "y"), unmeasured=[["x", "y"]]), "arrows: [x -> y, x <-> y]"),
    (drawn(("x(t-1)", "x"), ("1", "x", {"varies_by": []}), levels=["s", "c"], time="s"),
     "levels: [s, c]\ntime: s\nvariables: {x: }\narrows: {x(t-1) -> x: , 1 -> x: {varies_by: []}}"),
    (drawn(("x", "y", {"moderated_by": "w"}), ("w", "y", {"added": True})), "arrows: {x -> y: {moderated_by: w}}\nvariables: {x: , y: , w: }"),
    (drawn(("x", "y", {"order": 2}), ("x", "m", {"order": 1}), ("m", "y")), "variables: {x: , y: , m: }\narrows: [x -> m, x -> y, m -> y]"),
    (drawn(based_on="baron_kenny_1986", nodes={"age": {}}), "based_on: baron_kenny_1986\nvariables: {age: }"),
]  # fmt: skip


@pytest.mark.parametrize(("graph", "yaml"), READ)
def test_a_graph_is_read(graph, yaml):
    assert parse(graph) == parse(yaml)


REFUSED = [
    (nx.Graph([("x", "y")]), "an undirected graph names no causes"),
    (nx.MultiDiGraph([("x", "y")]), "a MultiDiGraph may join two terms twice"),
    (nx.MultiGraph([("x", "y")]), "an undirected graph"),
    (nx.DiGraph(), "the graph is empty"),
    (drawn((1, 2)), "node 1: a node is a term, that is text"),
    (drawn(("x", ("a", "b"))), "node ('a', 'b'): a node is a term"),
    (drawn(("x", "y"), nodes={"x": {"color": "red"}}), "x: unknown attribute 'color'"),
    (drawn(("x", "y"), nodes={"x": {"famly": "normal"}}), "x: unknown attribute 'famly'. Did you mean 'family'?"),
    (drawn(("x", "y", {"weight": 0.3})), "x -> y: unknown attribute 'weight'"),
    (drawn(("x", "y", {"beta": 0.3})), "'beta': a value, not a theory"),
    (drawn(("x", "y"), nodes={"x": {3: "a"}}), "x: attribute 3: a key is text"),
    (drawn(("x", "y"), nodes={"x": {"exposure": 1}}), "x: exposure is True or False, not 1"),
    (drawn(("x", "y"), nodes={"x": {"values": {"a", "b"}}}), "not a set"),
    (drawn(("x", "y"), nodes={"x": {"means": None}}), "x: means: text, a number, a list or a mapping is wanted, not None"),
    (drawn(("x", "y"), nodes={"x": {"only_when": {1: 2}}}), "x: only_when: the key 1 is not text"),
    (drawn(("x", "y"), nodes={"x": {"only_when": {"é": 1, "e\u0301": 2}}}), "a key is said twice"),
    (drawn(("x", "y"), nodes={"x": {"means": "\ud800"}}), "half a character"),
    (drawn(("x", "y"), Title="t"), "unknown graph attribute 'Title'. Did you mean 'title'?"),
    (drawn(("x", "y"), time={"a": 1}), "time: text is wanted, not a mapping"),
    (drawn(("x", "y"), time=[["a"]]), "time: one text is wanted, not a list"),
    (drawn(("x", "y"), title=float("nan")), "graph attribute 'title': a finite number is wanted, not nan"),
    (drawn(("x", "y"), priors={"x -> y": {"fixed": True}}), "a list or a mapping is wanted, not True"),
    (drawn(("x", "y"), arrows=["x -> z"]), "unknown graph attribute 'arrows'"),
    (drawn(("x", "y"), ("y", "x")), "a circle: x -> y -> x"),
    (drawn(("x", "y"), ("w", "y", {"added": True})), "w -> y is marked as added, but no moderator or condition adds it"),
    (drawn(("x", "y", {"moderated_by": "w"}), ("w", "y", {"added": True, "because": "so"})), "added=True and no options"),
    (drawn(("x", "y", {"order": "first"})), "x -> y: order is a number, not 'first'"),
    (drawn(("x", "y"), nodes={"x <-> y": {}}), "an edge to each of its two sides"),
    (drawn(("x <-> y", "x"), ("x <-> y", "y"), ("x", "x <-> y")), "an edge to each of its two sides"),
    (drawn(("x <-> y", "x"), ("x <-> y", "y", {"because": "so"})), "'because': what is said of a hidden common cause"),
    (drawn(("x <-> y", "x"), ("x <-> y", "y"), nodes={"x <-> y": {"shape": "log"}}), "takes because, source and pos only, not 'shape'"),
    (drawn(("x", "y"), nodes={"x(t-1)": {"latent": True}}), "attributes belong to the variable, x [latent]"),
    (drawn(("x", "y"), nodes={"x": {"exposure": True}, "y": {"outcome": True}}, questions=[{"of": "x", "on": "y"}]),
     "the questions are asked twice"),
]  # fmt: skip


@pytest.mark.parametrize(("graph", "message"), REFUSED)
def test_what_no_theory_holds_is_refused(graph, message):
    with pytest.raises(SpecError) as refused:
        parse(graph)
    assert message in refused.value.message


WORDS = st.sampled_from(
    ["x", "y", "x(t-1)", "1", "x <-> y", "a b", "10", "", "s", "c", "normal", "graph", "x=1", "->", "exposure"]
)
KEYS = st.sampled_from(
    sorted({*TOP.split(), *VARIABLE.split(), *ARROW.split(), *ROLES, "label", "added", "order", "hidden", "beta"})
)
THINGS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | WORDS | st.binary(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(WORDS | KEYS | st.integers(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
SAID = st.dictionaries(KEYS, THINGS, max_size=2)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(WORDS, WORDS, SAID), max_size=4),
    st.dictionaries(WORDS | st.integers(), SAID, max_size=2),
    st.dictionaries(KEYS, THINGS, max_size=2),
)
def test_any_graph_is_a_theory_or_refused(edges, nodes, keys):
    try:
        theory = parse(drawn(*edges, nodes=nodes, **keys))
    except SpecError:
        return
    assert parse(write(theory, "networkx", partial=True)) == theory.model_copy(update={"based_on": None, "own": None})


def test_a_value_within_itself_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(SpecError, match="nested deeper than"):
        parse(drawn(("x", "y"), nodes={"x": {"values": endless}}))


def test_networkx_is_not_needed_to_read_text():
    probe = "import sys; from mechanisms.spec.reader import parse; parse('x -> y'); print('networkx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
