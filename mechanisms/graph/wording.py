"""Estimands, sets and verdicts in words, for these variables and this question.

Nested counterfactuals are written as in Pearl (2001): `y(1, m(0))` is the outcome under x = 1 with the mediator as it
would have been under x = 0.
"""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Literal

from mechanisms.errors import listed
from mechanisms.graph.districts import Clash, hidden_behind
from mechanisms.graph.graph import Edge, Graph, between, causal_order, occasion_of, parents, variable_of
from mechanisms.graph.question import held_names, hold
from mechanisms.spec.theory import LINEAR, Question, Theory, Variable

Sort = Literal["plain", "natural", "interventional"]
SHOWN = 5  # adjustment sets that are written out
FEWER = 2  # and where each holds many occasions
LONGEST = 160  # letters of a nested counterfactual before its inside is left out


def name_effect(question: Question) -> str:
    """`indirect effect of x on y through m`."""
    of, on = question.of, question.on
    if question.path:
        return f"effect of {of} on {on} along {' -> '.join(question.path)}"
    kind = {"controlled": "controlled direct", "total": "total"}.get(question.kind, question.kind)
    if question.through and question.kind == "total":
        kind = "indirect"
    interventional = "interventional " if question.mediators == "interventional" and kind != "total" else ""
    through = f" through {listed(question.through)}" if question.through else ""
    held = f" with {listed(held_names(question))} held" if question.set else ""
    return f"{interventional}{kind} effect of {of} on {on}{through}{held}"


def write_sets(graph: Graph, sets: Iterable[frozenset[str]], *, few: bool = False) -> str:
    """`{a, b} or {a, c}`, the first ones; nothing where there are none. `few`: the two smallest of the first."""
    first = list(islice(sets, SHOWN + 1))
    most = FEWER if few else SHOWN
    chosen = sorted(first, key=len)[:most] if few else first[:most]
    shown = [f"{{{', '.join(node for node in graph.nodes if node in each)}}}" for each in chosen]
    return " or ".join([*shown, *(["…"] if len(first) > most else [])])


def write_recanting(recanting: tuple[str, ...], of: str) -> str:
    """Why one or several mediators forbid an answer."""
    names = listed([f"'{name}'" for name in recanting])
    verb = ("recants", "It") if len(recanting) == 1 else ("recant", "They")
    return f"{names} {verb[0]}. {verb[1]} must both respond and not respond to '{of}'."


def write_clash(graph: Graph, clash: Clash) -> str:
    """`a hidden common cause (u) joins m and y`."""
    one, *behind, other = name_clash(graph, clash)
    cause = f" ({listed(behind)})" if behind else ""
    return f"a hidden common cause{cause} joins {one} and {other}"


def name_clash(graph: Graph, clash: Clash) -> tuple[str, ...]:
    """The two variables in causal order, and between them what hides behind."""
    one, other = (node for node in causal_order(graph) if node in (clash.one, clash.other))
    return (one, *hidden_behind(graph, one, other), other)


def write_estimand(
    theory: Theory, graph: Graph, question: Question, arrows: frozenset[Edge], drawn: tuple[str, ...] = ()
) -> str:
    """The estimand as a difference of two means; `drawn` names the mediators of an interventional effect."""
    high, low = _levels(theory, question)
    given = [f"{key}={'/'.join(map(_number, values))}" for key, values in question.at]
    held = [
        f"{key}={' | '.join(map(_number, value)) if isinstance(value, tuple) else _number(value)}"
        for key, value in question.set
    ]
    inside = between(hold(graph, held_names(question)), question.of.name, question.on.name)
    if all(arrow in arrows for arrow in graph.arrows if {*arrow} <= {*inside}):
        means = []
        for level in (high, low):
            moved = ", ".join([f"{question.of}={level}", *held])
            means.append(f"E[{question.on} | {', '.join([f'do({moved})', *given])}]")
        return " - ".join(means)
    behind = ", ".join([*([f"do({', '.join(held)})"] if held else []), *given])
    behind = f" | {behind}" if behind else ""
    if drawn:
        return _interventional(question, drawn, high, low, behind)
    before = carried_before(graph, question, arrows)
    one = _nested(graph, question, inside, arrows | before, (high, low))
    other = _nested(graph, question, inside, before, (high, low))
    return f"E[{one}{behind}] - E[{other}{behind}]"


def carried_before(graph: Graph, question: Question, arrows: frozenset[Edge]) -> frozenset[Edge]:
    """The arrows that have carried the change already when an indirect effect is taken: the direct one.

    So that total = direct + indirect (Robins & Greenland 1992: pure direct, total indirect effect).
    """
    direct = (question.of.name, question.on.name)
    return frozenset({direct}) if direct in graph.arrows and direct not in arrows else frozenset()


def _interventional(question: Question, drawn: tuple[str, ...], high: str, low: str, behind: str) -> str:
    names, on = ", ".join(drawn), question.on
    one, other = ((high, low), (low, low)) if question.kind == "direct" else ((high, high), (high, low))
    return (
        f"E[{on}({one[0]}, G[{names} | {one[1]}]){behind}] - E[{on}({other[0]}, G[{names} | {other[1]}]){behind}], "
        f"where G[{names} | a] is a random draw of {listed(drawn)} from those under do({question.of}=a)"
    )


def _nested(
    graph: Graph, question: Question, inside: tuple[str, ...], arrows: frozenset[Edge], levels: tuple[str, str]
) -> str:
    """The outcome when the arrows in the set hand on moved values: `y(1, m(0))`."""
    of, on, (high, low) = question.of.name, question.on.name, levels
    shown: dict[str, str] = {of: high}
    world: dict[str, str | None] = {of: high}  # the one value that all of a node's world hangs on, if it is one
    for node in inside[1:]:
        values, worlds = [], set()
        for parent in inside:
            if parent in parents(graph, node):
                moved = (parent, node) in arrows
                baseline = low if parent == of else f"{parent}({low})"
                values.append(shown[parent] if moved else baseline)
                worlds.add(world[parent] if moved else low)
        world[node] = worlds.pop() if len(worlds) == 1 else None
        text = f"{question.on if node == on else node}({', '.join(values)})"
        if world[node] is not None and node != on:
            shown[node] = f"{node}({world[node]})"
        else:
            shown[node] = text if len(text) <= LONGEST else f"{text.partition('(')[0]}(…)"
    return shown[on]


def _levels(theory: Theory, question: Question) -> tuple[str, str]:
    """The contrast's two values (to, from): categories, a step up from the mean of numbers; 1 and 0 where data decide."""
    if question.contrast is not None:
        return _number(question.contrast[1]), _number(question.contrast[0])
    name = question.of.name
    variable = next((variable for variable in theory.variables if variable.name == name), Variable(name=name))
    values = variable.values
    if variable.family in ("categorical", "ordinal", "sequential") and values:
        return (values[1] if len(values) == 2 else "each"), values[0]
    if _is_number(variable, theory):
        return ("mean + 1 sd" if question.scale == "standardised" else "mean + 1"), "mean"
    return "1", "0"


def _is_number(variable: Variable, theory: Theory) -> bool:
    """Whether the theory itself says that a variable is no 0/1 variable: by its family, its range, a curve from it."""
    if variable.family is not None:
        return variable.family not in ("bernoulli", "hazard", "categorical", "ordinal", "sequential")
    said = variable.range is not None or variable.unit or variable.measured_by is not None or variable.computed
    arrows = (arrow for arrow in theory.arrows if variable.name in (arrow.cause.name, arrow.effect.name))
    drawn = any(arrow.effect.name == variable.name or arrow.shape != LINEAR for arrow in arrows)
    return bool(said) or (drawn and not variable.values)


def _number(value: float | str) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def write_moved(theory: Theory, question: Question, sort: Sort, *, own: bool) -> str:
    """The estimand of a question over time, whose nested values would be too many to write out.

    `own` tells whether the exposure has an arrow into the outcome; it has carried the change before an indirect effect.
    """
    high, low = _levels(theory, question)
    of, on = question.of, question.on
    given = [f"{key}={'/'.join(map(_number, values))}" for key, values in question.at]
    held = [f"{key}={_number(value) if not isinstance(value, tuple) else ' | '.join(map(_number, value))}"
            for key, value in question.set]  # fmt: skip

    def mean(world: str) -> str:
        return f"E[{on} | {', '.join([f'do({", ".join([world, *held])})', *given])}]"

    before = "its own arrow" if own and question.kind == "indirect" else ""
    by = question.path and " -> ".join(question.path)
    by = by or (f"the ways through {listed(question.through)}" if question.through else "")
    by = listed(filter(None, [before, by])) if by else "its own arrow" if question.kind == "direct" else ""
    one = f"{of}={high} by {by}, {of}={low} by the rest" if by else f"{of}={high}"
    other = f"{of}={high} by {before}, {of}={low} by the rest" if before else f"{of}={low}"
    drawn = ", mediators drawn at random" if sort == "interventional" else ""
    return f"{mean(one)} - {mean(other)}{drawn}"


def explain_nodes(graph: Graph, text: str) -> str:
    """What the nodes of a graph over time are that a text names: departures, courses, values."""
    named = [node for node in graph.nodes if "(" in node and re.search(rf"(?<![\w.]){re.escape(node)}", text)]
    departures = [node for node in named if occasion_of(node) is not None]
    courses = [node for node in named if occasion_of(node) is None and "(whole " not in node]
    said = []
    if departures:
        is_one = departures[0]
        with_course = any(variable_of(node) == variable_of(is_one) for node in graph.latent - {*departures})
        what = "the departure of {0} from its course" if with_course else "{0}"
        said.append(f"{is_one} is {what.format(variable_of(is_one))} at occasion {occasion_of(is_one)}")
    if courses:
        level = courses[0].partition("(")[2].removesuffix(")")
        said.append(
            f"{courses[0]} is the course of {variable_of(courses[0])}: what it is for one {level} over all occasions"
        )
    if values := [node for node in named if "(whole " in node]:
        said.append(f"{values[0]} is the value at that occasion, course and departure together")
    if said:
        said.append("such nodes are parts of the model that is fitted, not columns of the data")
    return "; ".join(said)
