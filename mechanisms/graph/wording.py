"""Estimands and assumptions in words, for these variables and this question.

Nested counterfactuals are written as in Pearl (2001): `y(1, m(0))` is the outcome under x = 1 with the mediator as it
would have been under x = 0. The lists of assumptions follow VanderWeele (2015, ch. 2, 5) and, for interventional
effects, VanderWeele, Vansteelandt & Robins (2014).
"""

from collections.abc import Iterable
from itertools import islice
from typing import Literal

from mechanisms.errors import listed
from mechanisms.graph.districts import Clash, hidden_behind
from mechanisms.graph.graph import Edge, Graph, between, causal_order, children, descendants, parents
from mechanisms.graph.question import held_names, hold
from mechanisms.spec.theory import Question, Theory

Sort = Literal["plain", "natural", "interventional"]
SHOWN = 5  # adjustment sets that are written out
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


def write_sets(graph: Graph, sets: Iterable[frozenset[str]]) -> str:
    """`{a, b} or {a, c}`, the first few; nothing where there are none."""
    first = list(islice(sets, SHOWN + 1))
    shown = [f"{{{', '.join(node for node in graph.nodes if node in each)}}}" for each in first[:SHOWN]]
    return " or ".join([*shown, *(["…"] if len(first) > SHOWN else [])])


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
    """The contrast's two values (to, from); 1 and 0 where the data decide."""
    if question.contrast is not None:
        return _number(question.contrast[1]), _number(question.contrast[0])
    values = next((variable.values for variable in theory.variables if variable.name == question.of.name), ())
    family = next((variable.family for variable in theory.variables if variable.name == question.of.name), None)
    if family == "categorical" and values:
        return (values[1] if len(values) == 2 else "each"), values[0]
    return "1", "0"


def _number(value: float | str) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def list_assumptions(
    theory: Theory, graph: Graph, question: Question, mediators: tuple[str, ...], sort: Sort
) -> tuple[str, ...]:
    """What must hold beyond the graph, in sentences about these variables.

    `sort` says what stands in for the mediators: their own nested values, random draws, or nothing (total, controlled).
    """
    of, on = question.of.name, question.on.name
    natural, interventional = sort == "natural", sort == "interventional"
    sentences = [_of_exposure(theory, of, on, mediators if natural or interventional else held_names(question))]
    if natural:
        sentences += _natural(of, on, mediators)
    elif interventional:
        sentences += _interventional_sentences(of, on, mediators)
    if question.set:
        sentences += _held(graph, of, on, held_names(question))
    sentences.append(
        f"Consistency: there is one version of each value of {of}, the {on} seen under it is the one that setting it "
        f"would bring about, and no unit's {of} reaches another unit's {on}."
    )
    sentences.append("Functional form: shapes, products, families and links are as the theory draws them.")
    return tuple(sentences)


def _of_exposure(theory: Theory, of: str, on: str, mediators: tuple[str, ...]) -> str:
    responses = listed([*mediators, on], joint="or")
    if any(variable.name == of and variable.assigned for variable in theory.variables):
        return f"{of} was randomised: nothing else moves both {of} and {responses}."
    return f"No unmeasured common cause of {of} and {responses}."


def _natural(of: str, on: str, mediators: tuple[str, ...]) -> list[str]:
    who = listed(mediators)
    verb = "would be" if len(mediators) == 1 else "would each be"
    return [
        f"No unmeasured common cause of {listed(mediators, joint='or')} and {on}.",
        f"No common cause of {who} and {on} that {of} itself moves, other than variables already among the mediators.",
        f"Cross-world independence: {on} under one value of {of} with {who} as it {verb} under another is never seen "
        f"in any unit. Given the measured causes, what {on} would be at each value of {who} is taken to be independent "
        f"of what {who} {verb} under another value of {of}; no experiment can check it.",
    ]


def _interventional_sentences(of: str, on: str, mediators: tuple[str, ...]) -> list[str]:
    who = listed(mediators)
    return [
        f"No unmeasured common cause of {listed(mediators, joint='or')} and {on}; measured ones may respond to {of}.",
        f"Interventional: {who} is a random draw from its distribution, not a unit's own value, so no cross-world "
        "assumption is needed, and direct and indirect parts need not sum to the total effect.",
    ]


def _held(graph: Graph, of: str, on: str, held: tuple[str, ...]) -> list[str]:
    said = [f"No unmeasured common cause of {listed(held, joint='or')} and {on}."]
    moved = descendants(graph, of) - {on, *held}
    shared = [
        node for node in graph.nodes
        if node in moved and set(held) & set(children(graph, node)) and on in descendants(hold(graph, held), node)
    ]  # fmt: skip
    if shared:
        said.append(f"{listed(shared)} may respond to {of} and move both {listed(held)} and {on}, as long as measured.")
    return said
