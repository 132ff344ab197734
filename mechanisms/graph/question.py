"""A question is a set of arrows.

Run the world at x0 and at x1: an arrow in the set hands on the moved value of its tail, an arrow outside it the
baseline value. One rule for total, direct, indirect and path-specific effects (Pearl 2001; Avin, Shpitser & Pearl
2005). Sets are found by reachability, never by listing paths: in a DAG the paths through m1, then m2 are exactly those
made of arrows between `of` and m1, m1 and m2, m2 and `on`, so several names cost no more than one.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from mechanisms.errors import IdentificationError, SpecError, listed
from mechanisms.graph.graph import Edge, Graph, between, causal_order, checked, children, descendants, reach
from mechanisms.spec.terms import parse_term
from mechanisms.spec.theory import Question


def arrow_set(graph: Graph, question: Question) -> frozenset[Edge]:
    """The arrows that carry the change which a question asks about.

    total: every arrow on a directed path from `of` to `on`; direct: `of -> on`; indirect: the total's without
    `of -> on`; with `through`: those of the paths through all the names; with a path: that path's. `set` variables
    are held first: no arrow into them carries anything. A question that no arrow answers raises the reason.
    """
    of, on = question.of.name, question.on.name
    check_question(graph, question)
    held = hold(graph, held_names(question))
    if question.path:
        return _path(held, question)
    if question.kind == "direct":
        if (of, on) not in held.arrows:
            raise IdentificationError(f"{of} has no arrow into {on}: the direct effect is zero by the theory", (of, on))
        return frozenset({(of, on)})
    total = _arrows_between(held, of, on)
    if not total:
        while_held = f" while {listed(held_names(question))} {_is(question)} held" if question.set else ""
        raise IdentificationError(
            f"no directed path leads from {of} to {on}{while_held}: the effect is zero by the theory", (of, on)
        )
    if question.through:
        return _through(held, question)
    if question.kind == "indirect":
        if total == {(of, on)}:
            raise IdentificationError(
                f"{of} reaches {on} by its own arrow only: the indirect effect is zero by the theory", (of, on)
            )
        return total - {(of, on)}
    return total


def check_question(graph: Graph, question: Question) -> None:
    """Refuse what no graph can answer: unknown names, contradictions, conditioning on a consequence."""
    of, on = checked(graph, question.of.name, question.on.name)
    conditioned, held = condition_names(question), held_names(question)
    checked(graph, *question.through, *question.path, *conditioned, *held, *(question.adjust or ()))
    if of == on:
        raise SpecError(f"question: of and on are both '{of}'")
    if of in graph.computed:
        raise SpecError(f"question: '{of}' is computed and cannot be moved by itself; ask of what it is computed from")
    if question.kind == "controlled" and not held:
        raise SpecError("question: a controlled effect needs set: {mediator: value}")
    if question.kind in ("direct", "controlled") and (question.through or question.path):
        raise SpecError(f"question: through has no place in a {question.kind} effect; leave it out, or kind: indirect")
    for name in held:
        if name in (of, on):
            raise SpecError(f"question: set holds '{name}', which is what the question is about; use contrast")
        if name in graph.computed:
            raise SpecError(f"question: '{name}' is computed and cannot be set; set what it is computed from")
        if name in conditioned:
            raise SpecError(f"question: '{name}' stands in both at and set; conditioning or intervening, one of them")
    consequences = descendants(graph, of)
    for name in conditioned:
        if name in (of, on):
            raise SpecError(f"question: at holds '{name}', which is what the question is about; use contrast")
        if name in consequences:
            raise IdentificationError(
                f"at: {name} responds to {of}: conditioning on a consequence of the exposure. "
                f"To intervene on it, write set: {{{name}: …}}",
                (name,),
            )


def hold(graph: Graph, names: Iterable[str]) -> Graph:
    """The graph in which the named variables are set from outside: no arrows and no hidden causes into them."""
    held = set(names)
    if not held:
        return graph
    return replace(
        graph,
        arrows=tuple(arrow for arrow in graph.arrows if arrow[1] not in held),
        hidden=tuple(pair for pair in graph.hidden if not held & set(pair)),
    )


def held_names(question: Question) -> tuple[str, ...]:
    """The variables that the question sets."""
    return tuple(parse_term(key, question=True).name for key, _ in question.set)


def condition_names(question: Question) -> tuple[str, ...]:
    """The variables that the question conditions on."""
    return tuple(parse_term(key, question=True).name for key, _ in question.at)


def witnesses(graph: Graph, of: str, on: str, arrows: Iterable[Edge]) -> tuple[str, ...]:
    """The recanting witnesses of a set of arrows, in causal order (Avin, Shpitser & Pearl 2005).

    A witness is moved through the set and hands on the moved value along one arrow, the baseline value along another:
    it would both respond and not respond to `of`. Pass the held graph when the question sets variables.
    """
    chosen = frozenset(arrows)
    onward = frozenset(between(graph, of, on))
    carried: dict[str, list[str]] = {node: [] for node in graph.nodes}
    for tail, head in chosen:
        carried[tail].append(head)
    moved = reach(carried, checked(graph, of))

    def recants(node: str) -> bool:
        ways = [(node, child) in chosen for child in children(graph, node) if child in onward]
        return any(ways) and not all(ways)

    return tuple(node for node in causal_order(graph) if node in moved - {of, on} and recants(node))


def _is(question: Question) -> str:
    return "is" if len(question.set) == 1 else "are"


def _arrows_between(graph: Graph, start: str, end: str) -> frozenset[Edge]:
    """The arrows of every directed path between two nodes."""
    inside = set(between(graph, start, end))
    return frozenset(arrow for arrow in graph.arrows if inside.issuperset(arrow))


def _through(graph: Graph, question: Question) -> frozenset[Edge]:
    """The arrows of the directed paths that run through all the names."""
    of, on = question.of.name, question.on.name
    if {of, on} & set(question.through):
        raise SpecError(f"question: through names a mediator, not {of} or {on} itself")
    stops = [of, *(node for node in causal_order(graph) if node in question.through), on]
    legs = [_arrows_between(graph, one, other) for one, other in pairwise(stops)]
    if all(legs):
        return frozenset().union(*legs)
    inside = between(graph, of, on)
    stray = [name for name in question.through if name not in inside]
    fault = (
        f"{listed(stray)} lies on no directed path from {of} to {on}"
        if stray
        else f"no directed path from {of} to {on} runs through {listed(question.through)} together"
    )
    raise IdentificationError(f"through: {fault}", tuple(stray) or question.through)


def _path(graph: Graph, question: Question) -> frozenset[Edge]:
    """The arrows of one path, when it is one."""
    of, on, path = question.of.name, question.on.name, question.path
    shown = " -> ".join(path)
    if path[0] != of or path[-1] != on:
        raise SpecError(f"question: the path {shown} must lead from {of} to {on}")
    steps = tuple(pairwise(path))
    for tail, head in steps:
        if (tail, head) not in graph.arrows:
            known = ", ".join(children(graph, tail)) or "nothing"
            raise IdentificationError(f"through: {tail} has no arrow into {head} (it points at {known})", (tail, head))
    return frozenset(steps)
