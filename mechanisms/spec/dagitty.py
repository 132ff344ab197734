"""dagitty text (language 1.11) becomes the same tree of keys as YAML, so that one reader and one check serve both."""

import itertools
import re
from dataclasses import dataclass, field

from mechanisms.errors import Place, SpecError, did_you_mean, listed
from mechanisms.spec.drawing import ARROW_READERS, HIDDEN_READERS
from mechanisms.spec.levels import read_time
from mechanisms.spec.nodes import Entries, Items, Node, Source, Text
from mechanisms.spec.statements import Attribute, Name, Statement, read_statements
from mechanisms.spec.terms import CONSTANT, is_name, parse_term
from mechanisms.spec.variables import READERS

MOST_EDGES = 5_000
GRAPH = ("bb", "levels", "time")
ROLES = {"exposure": "exposure", "source": "exposure", "e": "exposure", "outcome": "outcome", "target": "outcome",
         "o": "outcome", "adjusted": "adjusted", "a": "adjusted", "latent": "latent", "unobserved": "latent",
         "l": "latent", "u": "latent"}  # fmt: skip
_HEADER = re.compile(r"\s*(strict\s+)?(dag|digraph|graph|mag|pdag|pag)\b\s*(\"[^\"\n]*\"|[\w.-]+)?\s*\{", re.IGNORECASE)
_ARROW = re.compile(r"->|<-|@-|--")
_PLURAL = ("values", "range", "pos", "moderated_by", "measured_by", "varies_by")
_UNSAYABLE = {"only_when": "dagitty text holds no conditions; write YAML"}
_STRANGE = {
    "selected": "selection is not part of the language",
    "s": "selection is not part of the language",
    "beta": "a value, not a theory: give it to simulate",
}


def is_dagitty(text: str) -> bool:
    """Whether a text is dagitty's: it begins `dag {`, or it draws arrows and has no key with a colon."""
    if _HEADER.match(text):
        return True
    bare = re.sub(r'"[^"\n]*"|\[[^\]]*\]', "", text)
    return ":" not in bare and _ARROW.search(bare) is not None


def read_dagitty(source: Source) -> Entries:
    """The keys `variables`, `arrows` and `questions` that the text stands for."""
    drawing = Drawing()
    for statement in read_statements(source):
        drawing.add(statement)
    return drawing.tree(source.place(1))


@dataclass
class Drawing:
    """What has been read so far; networkx graphs are read into one, too.

    `constant`: whether the node `1` is the constant of `1 -> y`. In dagitty text a number is a name like any other.
    """

    constant: bool = False

    variables: dict[str, dict[str, tuple[Text, Node]]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)
    roles: dict[str, list[str]] = field(default_factory=dict)
    edges: list[tuple[Text, Node]] = field(default_factory=list)
    graph: dict[str, tuple[Text, Node]] = field(default_factory=dict)

    def add(self, statement: Statement) -> None:
        """One statement: an attribute of the graph, a node, or edges."""
        if statement.graph is not None:
            self._graph(statement.graph)
        elif not statement.signs:
            self._node(statement)
        else:
            self._edges(statement)

    def _graph(self, said: Attribute) -> None:
        if said.key == "bb":
            return
        if said.key not in ("levels", "time"):
            raise SpecError(f"unknown graph attribute '{said.key}'.{did_you_mean(said.key, GRAPH)}", said.place)
        if said.key in self.graph:
            raise SpecError(f"'{said.key}' is said twice", said.place)
        self.graph[said.key] = (Text(said.key, said.place), _words(said))

    def _node(self, statement: Statement) -> None:
        for node in statement.sides[0]:
            term = self._term(node)
            if not is_name(term) and statement.attributes:
                raise SpecError(
                    f"'{term}': attributes belong to the variable, {parse_term(term).name} [{statement.attributes[0].key}]",
                    node.place,
                )
            for said in statement.attributes:
                self._attribute(term, said)

    def _attribute(self, name: str, said: Attribute) -> None:
        where = f"{name}: "
        if said.key in _STRANGE:
            raise SpecError(f"{where}'{said.key}': {_STRANGE[said.key]}", said.place)
        if (role := ROLES.get(said.key)) and (said.value is None or said.key != "source"):  # source="…" cites
            if said.value is not None:
                raise SpecError(
                    f"{where}'{said.key}' takes no value; a node has the attribute or it has not", said.place
                )
            if role == "latent":
                self._say(name, "measured_by", Items((), said.place), said)
            elif name not in self.roles.setdefault(role, []):
                self.roles[role].append(name)
            return
        key = "means" if said.key == "label" else said.key
        if key in _UNSAYABLE and _is_written(said):
            raise SpecError(f"{where}'{key}': {_UNSAYABLE[key]}", said.place)
        if key not in READERS:
            known = (*READERS, *ROLES, "label")
            raise SpecError(f"{where}unknown attribute '{key}'.{did_you_mean(key, known)}", said.place)
        self._say(name, key, _value(said, key), said)

    def _say(self, name: str, key: str, value: Node, said: Attribute) -> None:
        if key in self.variables[name]:
            raise SpecError(f"{name}: '{key}' is said twice", said.place)
        self.variables[name][key] = (Text(key, said.place), value)

    def _edges(self, statement: Statement) -> None:
        sides = [[self._term(node) for node in side] for side in statement.sides]
        count = sum(len(one) * len(other) for one, other in itertools.pairwise(sides))
        for said in statement.attributes:
            if count > 1 and said.key != "pos":
                raise SpecError(
                    f"'{said.key}' after several edges: DOT gives it to all of them, dagitty to the last; "
                    "write the arrows one by one",
                    said.place,
                )
        if len(self.edges) + count > MOST_EDGES:
            raise SpecError(f"more than {MOST_EDGES} arrows", statement.place)
        pairs = [
            f"{other} -> {one}" if sign == "<-" else f"{one} {sign} {other}"
            for ones, sign, others in zip(sides, statement.signs, sides[1:], strict=False)
            for one in ones
            for other in others
        ]
        for number, text in enumerate(pairs, start=1):
            options = _options(text, statement) if number == len(pairs) else Text("", statement.place, said=False)
            self.edges.append((Text(text, statement.place), options))

    def _term(self, node: Name) -> str:
        """The node's term; a name with spaces or a digit first gets `_`, and the original goes to `means`."""
        text = node.text
        try:
            name = parse_term(text, node.place).name
            if name == CONSTANT.name and not self.constant:
                text = name = f"_{name}"
        except SpecError:
            text = name = re.sub(r"\s+", "_", re.sub(r"^(?=\d)", "_", text.strip()))
            if name.casefold() in ("graph", "node", "edge") or not is_name(name):
                raise
        if name in ("graph", "node", "edge"):
            raise SpecError(f"'{name}' is a word of dagitty text and cannot name a variable", node.place)
        if name == CONSTANT.name:
            return text
        if name not in self.variables:
            self.variables[name], self.places[name] = {}, node.place
        spelled = node.text.strip() if text != node.text else name
        if self.spelled.setdefault(name, spelled) != spelled:
            both = f"'{self.spelled[name]}' and '{spelled}'"
            raise SpecError(f"{both} are both written {name}; rename one", node.place)
        return text

    def tree(self, place: Place) -> Entries:
        """The same keys as a YAML theory."""
        for name, spelled in self.spelled.items():
            if spelled != name:
                means = (Text("means", self.places[name]), Text(spelled, self.places[name]))
                self.variables[name].setdefault("means", means)
        times = read_time(self.graph["time"][1]) if "time" in self.graph else ()
        variables = Entries(
            tuple(
                (Text(name, self.places[name]), Entries(tuple(said.values())))
                for name, said in self.variables.items()
                if name not in times or said
            )
        )
        keys: list[tuple[Text, Node]] = [*self.graph.values(), (Text("variables", place), variables)]
        if self.edges:
            arrows = Items(tuple(Entries((edge,), edge[0].place) for edge in self.edges), place)
            keys.append((Text("arrows", place), arrows))
        if questions := self._questions(place):
            keys.append((Text("questions", place), Items(questions, place)))
        return Entries(tuple(keys), place)

    def _questions(self, place: Place) -> tuple[Node, ...]:
        of, on, adjust = (self.roles.get(role, []) for role in ("exposure", "outcome", "adjusted"))
        if len(of) * len(on) > MOST_EDGES:
            raise SpecError(f"more than {MOST_EDGES} questions", place)
        if adjust and not (of and on):
            raise SpecError(
                f"{listed(adjust)} is adjusted, but no exposure and outcome ask a question", self.places[adjust[0]]
            )
        if bool(of) != bool(on):
            missing = "outcome" if of else "exposure"
            raise SpecError(f"{listed(of or on)}: there is no {missing} to ask about", self.places[(of or on)[0]])
        return tuple(_ask(self.places, one, other, adjust) for one in of for other in on)


def _ask(places: dict[str, Place], of: str, on: str, adjust: list[str]) -> Entries:
    """One question, as the mapping that YAML would give."""
    place = places[of]
    said: dict[str, Node] = {"of": Text(of, place), "on": Text(on, place)}
    if adjust:
        said["adjust"] = Items(tuple(Text(name, place) for name in adjust), place)
    return Entries(tuple((Text(key, place), value) for key, value in said.items()), place)


def _options(text: str, statement: Statement) -> Node:
    """The attributes of an edge as options of an arrow."""
    known = HIDDEN_READERS if "<->" in text else ARROW_READERS
    said: dict[str, tuple[Text, Node]] = {}
    for one in statement.attributes:
        key = "because" if one.key == "label" else one.key
        if key in _STRANGE:
            raise SpecError(f"{text}: '{key}': {_STRANGE[key]}", one.place)
        if key in _UNSAYABLE and _is_written(one):
            raise SpecError(f"{text}: '{key}': {_UNSAYABLE[key]}", one.place)
        if key not in ARROW_READERS:
            hint = did_you_mean(key, (*known, "label"))
            raise SpecError(f"{text}: unknown attribute '{key}'.{hint}", one.place)
        if key in said:
            raise SpecError(f"{text}: '{key}' is said twice", one.place)
        said[key] = (Text(key, one.place), _value(one, key))
    return Entries(tuple(said.values()), statement.place)


def _is_written(said: Attribute) -> bool:
    """Whether the value is dagitty's text, which holds a word, a number or a list of words."""
    return said.value is None or isinstance(said.value, str)


def _value(said: Attribute, key: str) -> Node:
    """The value as the node that YAML would give: `"low,high"` is a list, `"spline:4"` a mapping."""
    if said.value is None:
        raise SpecError(f"'{said.key}' needs a value, {said.key}=…", said.place)
    if not isinstance(said.value, str):
        return said.value
    if key in _PLURAL:
        return _words(said)
    word, colon, argument = said.value.partition(":")
    if key == "shape" and colon:
        knots = tuple(Text(knot.strip(), said.place) for knot in argument.split(","))
        value: Node = Items(knots, said.place) if len(knots) > 1 else knots[0]
        return Entries(((Text(word.strip(), said.place), value),), said.place)
    return Text(said.value, said.place)


def _words(said: Attribute) -> Items:
    """`"low,high"` as a list; nothing between the quotation marks is an empty one."""
    if not isinstance(said.value, str):
        raise SpecError(f"'{said.key}' needs a value, {said.key}=…", said.place)
    words = said.value.split(",") if said.value.strip() else []
    return Items(tuple(Text(word.strip(), said.place) for word in words), said.place)
