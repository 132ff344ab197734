"""networkx graphs in and out (language 1.11): terms are nodes, the keys of the file are attributes.

A node has the keys of its variable, an edge those of its arrow, the graph all other keys of the file. A hidden common
cause is a node `a <-> b` with an edge to each side, and an arrow that nobody wrote an edge with `added=True`, so that
the graph is the whole DAG. Where arrows are not in the order of their causes, edges have their place as `order`.
Values are text, numbers, lists and mappings, as YAML would give them.
"""

import math
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from mechanisms.errors import NOWHERE, SpecError, did_you_mean, listed
from mechanisms.spec.dagitty import ROLES, Drawing
from mechanisms.spec.nodes import DEEPEST, Entries, Items, Node, Source, Text, read_nodes
from mechanisms.spec.sketch import list_added
from mechanisms.spec.statements import Attribute, Name, Statement
from mechanisms.spec.theory import Theory

if TYPE_CHECKING:
    import networkx as nx

GRAPH = (
    "name",
    "title",
    "because",
    "source",
    "based_on",
    "levels",
    "time",
    "unmeasured",
    "without",
    "priors",
    "questions",
)
_PLAIN = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?")


def is_network(value: object) -> bool:
    """Whether a value is a networkx graph of any kind; who has one has imported networkx."""
    module = sys.modules.get("networkx")
    return module is not None and isinstance(value, module.Graph)


# --- in ---


def read_network(graph: "nx.DiGraph[Any]") -> Entries:
    """The keys that the graph stands for, as a YAML text would say them."""
    _check_kind(graph)
    drawing = Drawing(constant=True)
    for key, value in graph.graph.items():
        if key not in GRAPH:
            raise SpecError(f"unknown graph attribute {key!r}.{did_you_mean(str(key), GRAPH)}")
        drawing.graph[key] = (Text(key), _node_of(value, f"graph attribute '{key}'"))
    hidden = [name for name in graph if "<->" in _text(name)]
    for name in graph:
        if name not in hidden:
            drawing.add(Statement(((Name(_text(name), NOWHERE),),), (), _attributes(graph.nodes[name], name), NOWHERE))
    drawn = [edge for edge in graph.edges(data=True) if not {*edge[:2]} & {*hidden} and not edge[2].get("added")]
    for cause, effect, said in sorted(drawn, key=_place):
        options = {key: value for key, value in said.items() if key != "order"}
        drawing.add(_edge(cause, "->", effect, _attributes(options, f"{cause} -> {effect}")))
    for name in hidden:
        drawing.add(_hidden(graph, name))
    if "questions" in drawing.graph and drawing.roles:
        roles = listed(drawing.roles)
        raise SpecError(f"the questions are asked twice, by the key 'questions' and by {roles} of nodes; keep one")
    return drawing.tree(NOWHERE)


def check_added(graph: "nx.DiGraph[Any]", theory: Theory) -> None:
    """Refuse an edge marked `added` that nothing in the theory adds: it would be ignored."""
    known = {(str(cause), str(effect)) for cause, effect in list_added(theory)}
    for cause, effect, said in graph.edges(data=True):
        if not said.get("added"):
            continue
        where = f"{cause} -> {effect}"
        if said["added"] is not True or len(said) > 1:
            raise SpecError(
                f"{where}: an edge that is added has added=True and no options; take it away to draw the arrow"
            )
        if (str(cause), str(effect)) not in known:
            raise SpecError(
                f"{where} is marked as added, but no moderator or condition adds it; take the mark away to draw the arrow"
            )


def _check_kind(graph: "nx.DiGraph[Any]") -> None:
    if not graph.is_directed():
        raise SpecError("an undirected graph names no causes; a theory is read from a networkx.DiGraph")
    if graph.is_multigraph():
        raise SpecError(
            "a MultiDiGraph may join two terms twice; a theory is read from a networkx.DiGraph: networkx.DiGraph(graph)"
        )
    if not len(graph):
        raise SpecError("the graph is empty; a theory needs arrows, networkx.DiGraph([('x', 'm'), ('m', 'y')])")


def _text(name: object) -> str:
    if not isinstance(name, str):
        raise SpecError(
            f"node {name!r}: a node is a term, that is text; rename it with networkx.relabel_nodes(graph, str)"
        )
    return unicodedata.normalize("NFC", name)


def _edge(cause: str, sign: str, effect: str, said: tuple[Attribute, ...]) -> Statement:
    sides = ((Name(_text(cause), NOWHERE),), (Name(_text(effect), NOWHERE),))
    return Statement(sides, (sign,), said, NOWHERE)


def _place(edge: tuple[Any, Any, Mapping[Any, Any]]) -> float:
    """An edge's place among the arrows; those without one come last, as the graph has them."""
    place = edge[2].get("order", math.inf)
    if isinstance(place, bool) or not isinstance(place, Real):
        raise SpecError(f"{edge[0]} -> {edge[1]}: order is a number, not {place!r}")
    return float(place)


def _hidden(graph: "nx.DiGraph[Any]", name: str) -> Statement:
    """A node `a <-> b`; its edges go to a and b and say nothing."""
    sides = [side.strip() for side in _text(name).split("<->")]
    if len(sides) != 2 or list(graph.predecessors(name)) or {_text(each).strip() for each in graph[name]} != set(sides):
        raise SpecError(
            f"'{name}': the node of a hidden common cause has an edge to each of its two sides, and no other"
        )
    if odd := next((key for said in graph[name].values() for key in said), None):
        raise SpecError(f"'{name}': '{odd}': what is said of a hidden common cause stands at its node, not at an edge")
    said = {key: value for key, value in graph.nodes[name].items() if key != "hidden"}
    return _edge(sides[0], "<->", sides[1], _attributes(said, name))


def _attributes(said: Mapping[Any, Any], where: str) -> tuple[Attribute, ...]:
    return tuple(_listed_attributes(said, where))


def _listed_attributes(said: Mapping[Any, Any], where: str) -> Iterator[Attribute]:
    for key, value in said.items():
        if not isinstance(key, str):
            raise SpecError(f"{where}: attribute {key!r}: a key is text")
        if key in ROLES and not (key == "source" and not isinstance(value, bool)):  # a role, or a citation
            if not isinstance(value, bool):
                raise SpecError(f"{where}: {key} is True or False, not {value!r}")
            if value:
                yield Attribute(key, None, NOWHERE)
        elif key == "added" and value is False:
            continue
        else:
            yield Attribute(key, _node_of(value, f"{where}: {key}"), NOWHERE)


def _node_of(value: object, where: str, depth: int = 1) -> Node:
    """A Python value as the node that YAML would give."""
    if depth > DEEPEST:
        raise SpecError(f"{where}: nested deeper than {DEEPEST}")
    if isinstance(value, str):
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise SpecError(f"{where}: half a character (a surrogate) is not text")
        return Text(unicodedata.normalize("NFC", value))
    if isinstance(value, bool) or value is None:
        raise SpecError(f"{where}: text, a number, a list or a mapping is wanted, not {value}")
    if isinstance(value, Integral):
        return Text(str(int(value)))
    if isinstance(value, Real):
        if not math.isfinite(value):
            raise SpecError(f"{where}: a finite number is wanted, not {value}")
        return Text(repr(float(value)).removesuffix(".0"))
    if isinstance(value, list | tuple):
        return Items(tuple(_node_of(each, where, depth + 1) for each in value))
    if isinstance(value, Mapping):
        entries = [(_key(key, where), _entry(each, f"{where}: {key}", depth + 1)) for key, each in value.items()]
        if len({key.value for key, _ in entries}) < len(entries):
            raise SpecError(f"{where}: a key is said twice")
        return Entries(tuple(entries))
    raise SpecError(f"{where}: text, a number, a list or a mapping is wanted, not a {type(value).__name__}")


def _key(key: object, where: str) -> Text:
    if not isinstance(key, str) or not key.strip():
        raise SpecError(f"{where}: the key {key!r} is not text")
    return Text(unicodedata.normalize("NFC", key))


def _entry(value: object, where: str, depth: int) -> Node:
    """What stands under a key of a mapping; None is nothing, as in `client:`."""
    return Text("", said=False) if value is None else _node_of(value, where, depth)


# --- out ---


def draw_network(theory: Theory, text: str, *, partial: bool = False) -> "nx.DiGraph[str]":
    """The theory as a graph; `text` is its canonical YAML, whose keys become attributes.

    What it is based on is in the graph; the name of the base is not, and is refused unless `partial=True`.
    """
    import networkx as nx  # noqa: PLC0415 (a theory is read without it)

    if theory.based_on is not None and not partial:
        raise SpecError(
            "a graph cannot hold based_on: it draws the whole theory, what it inherits included; "
            "write YAML, or write(theory, 'networkx', partial=True)",
            theory.place,
        )
    said = read_nodes(Source(text, None, tuple(text.splitlines())))
    parts = {key.value: value_of(node) for key, node in said.entries}
    variables, arrows = parts.pop("variables", None) or {}, parts.pop("arrows", None) or {}
    graph: nx.DiGraph[str] = nx.DiGraph(**parts)
    for name, options in variables.items():
        graph.add_node(name, **(options or {}))
    written = [tuple(arrow.split(" -> ")) for arrow in arrows if "<->" not in arrow]
    for arrow, options in arrows.items():
        if "<->" in arrow:
            graph.add_node(arrow, hidden=True, **(options or {}))
            graph.add_edges_from((arrow, side.strip()) for side in arrow.split("<->"))
        else:
            graph.add_edge(*arrow.split(" -> "), **(options or {}))
    if [edge for edge in graph.edges if edge in {*written}] != written:
        nx.set_edge_attributes(graph, {edge: place for place, edge in enumerate(written, start=1)}, "order")
    graph.add_edges_from(((str(cause), str(effect)) for cause, effect in list_added(theory)), added=True)
    return graph


def value_of(node: Node) -> Any:
    """A node as a Python value: text, a number where that reads back the same, a list, a mapping, None for nothing."""
    if isinstance(node, Items):
        return [value_of(item) for item in node.items]
    if isinstance(node, Entries):
        return {key.value: value_of(value) for key, value in node.entries}
    if not node.said:
        return None
    if _PLAIN.fullmatch(node.value):
        number: float = float(node.value) if "." in node.value else int(node.value)
        return number if str(number) == node.value else node.value
    return node.value
