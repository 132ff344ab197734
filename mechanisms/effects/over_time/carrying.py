"""Departures that follow their course: what moves the course of a count moves how far its values depart, too.

A course and the departures from it are nodes of their own in the graph over time. Noise that only shifts a response is the
same around every course. That of all other families is not: a count of mean 8 scatters more than one of mean 2. So that
an effect is what running the equations forward gives, the departures of such a variable are handed on in the version of
its course, by the arrows between the same variables by which the course travels (docs/decisions/0025).
"""

from collections.abc import Iterator
from dataclasses import replace

from mechanisms.graph.graph import Edge, Graph, occasion_of, variable_of
from mechanisms.model.families import FAMILIES
from mechanisms.model.plan import Plan


def list_loose(graph: Graph, plan: Plan) -> tuple[Edge, ...]:
    """From the nearest course of each response whose noise is no shift, an arrow to each of its departures."""
    return tuple(
        edge for each in plan.equations if _is_loose(plan, each.response) for edge in _edges(graph, plan, each.response)
    )


def _is_loose(plan: Plan, name: str) -> bool:
    equation = plan.equation(name)
    return not (equation.latent or FAMILIES[equation.family].shifts)


def _edges(graph: Graph, plan: Plan, name: str) -> Iterator[Edge]:
    levels = plan.design.lattice.above(plan.design.level(name))
    course = next((f"{name}({level})" for level in levels if f"{name}({level})" in graph.nodes), None)
    if course is None:
        return
    for node in graph.nodes:
        if variable_of(node) == name and occasion_of(node) is not None and "whole" not in node:
            yield course, node


def loosen(graph: Graph, loose: tuple[Edge, ...]) -> Graph:
    """The graph in which the departures of these variables follow their courses."""
    return replace(graph, arrows=(*graph.arrows, *loose)) if loose else graph


def carry_on(arrows: frozenset[Edge], graph: Graph, loose: tuple[Edge, ...]) -> frozenset[Edge]:
    """The arrows that carry a change, and those by which departures carry it on between the same variables."""
    handing = {tail for tail, _ in arrows}
    begun = [edge for edge in loose if edge[0] in handing]
    if not begun:
        return arrows
    pairs = {(variable_of(tail), variable_of(head)) for tail, head in arrows}
    onward: dict[str, list[str]] = {}
    for tail, head in graph.arrows:
        ends = (variable_of(tail), variable_of(head))
        if occasion_of(tail) is not None and (ends in pairs or ends[0] == ends[1]):
            onward.setdefault(tail, []).append(head)
    found, waiting = {*arrows, *begun}, [head for _, head in begun]
    seen = set(waiting)
    while waiting:
        tail = waiting.pop()
        for head in onward.get(tail, ()):
            found.add((tail, head))
            if head not in seen:
                seen.add(head)
                waiting.append(head)
    return frozenset(found)
