"""In which order a simulation draws: all that a response looks at is there before it, occasion by occasion.

A response is drawn once for each occasion of its series, or once for all units where its level knows no occasions. A
coarser unit's variable waits for the occasions that it looks at (`alliance(5) -> outcome_1y`), and what looks at it
waits for it. A variable exists where its condition holds, so what the condition speaks of comes before it too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.errors import FitError
from mechanisms.graph.levels import computed_from
from mechanisms.model.equations import Equation
from mechanisms.model.plan import Plan
from mechanisms.spec.terms import Occasions, Relative

Rows = NDArray[np.intp]
_Node = tuple[str, int]  # a response at a place of its grid; −1 where it has no occasions
_TIMELESS = -1


@dataclass(frozen=True, eq=False)
class Step:
    """One response is drawn for these units of its level."""

    equation: Equation
    rows: Rows


@dataclass(frozen=True)
class _Look:
    """Whose value an equation looks at: how many places back, or at which occasion."""

    variable: str
    back: int = 0
    occasion: int | None = None


def schedule(plan: Plan, data: Dataset) -> tuple[Step, ...]:
    """Every response of every unit, once, in an order in which all that it looks at is there.

    Raises
    ------
    FitError
        Responses look at each other in a circle, which only several series beside each other can make.
    """
    equations = {each.response: each for each in plan.equations}
    places = {name: _places(plan, data, each.level) for name, each in equations.items()}
    drawn: nx.DiGraph[_Node] = nx.DiGraph()
    for name, found in places.items():
        drawn.add_nodes_from((name, int(place)) for place in np.unique(found))
    for each in plan.equations:
        for look in _looks(plan, each):
            if look.variable in equations:
                drawn.add_edges_from(_edges(plan, data, each, look, drawn))
    position = {name: at for at, name in enumerate(equations)}
    try:
        order = list(nx.lexicographical_topological_sort(drawn, key=lambda node: (node[1], position[node[0]])))
    except nx.NetworkXUnfeasible:
        raise FitError("occasions of several series look at each other: these are not simulated yet") from None
    return tuple(Step(equations[name], np.flatnonzero(places[name] == place)) for name, place in order)


def _looks(plan: Plan, equation: Equation) -> Iterator[_Look]:
    """Whose values an equation looks at, conditions too, computed variables taken apart; courses are no values."""
    waiting = [
        _Look(each.variable, -each.steps, each.occasion)
        for each in equation.readings
        if each.part not in ("course", "trend")
    ]
    waiting += [_Look(name) for name in (*(each.owner for each in equation.owned), equation.volatility) if name]
    waiting += [_Look(equation.out_of)] if isinstance(equation.out_of, str) else []
    arrows = [each for each in equation.arrows if each.only_when]
    waiting += [_Look(name, -each.condition_steps) for each in arrows for name in each.only_when.names]  # type: ignore[union-attr]
    own = plan.theory.variable(equation.response).only_when
    waiting += [_Look(name) for name in (own.names if own else ())]
    while waiting:
        look = waiting.pop()
        variable = plan.design.variables.get(look.variable)
        terms = computed_from(variable) if variable else ()
        if not terms:
            yield look
        for term in terms:
            back = -term.when.steps if isinstance(term.when, Relative) else 0
            occasion = term.when.first if isinstance(term.when, Occasions) else look.occasion
            waiting.append(_Look(term.name, look.back + back, occasion))


def _edges(
    plan: Plan, data: Dataset, equation: Equation, look: _Look, drawn: "nx.DiGraph[_Node]"
) -> list[tuple[_Node, _Node]]:
    """What one look asks for: which response is there before which."""
    own, other = _time(plan, equation.level), _time(plan, plan.design.level(look.variable))
    causes = sorted(place for name, place in drawn if name == look.variable)
    found = []
    for place in sorted(place for name, place in drawn if name == equation.response):
        if own is not None and place < look.back:
            continue  # it reaches back before the grid and finds nothing
        wanted = causes
        if other is not None and look.occasion is not None:
            wanted = [data.grid[other].index(look.occasion)]
        elif other is not None and own == other:
            wanted = [place - look.back]
        nodes = [((look.variable, cause), (equation.response, place)) for cause in wanted if cause in causes]
        found += [(one, after) for one, after in nodes if one != after]
    return found


def _time(plan: Plan, level: str) -> str | None:
    """The level of time that a level is, or lies below."""
    lattice = plan.design.lattice
    return (
        level if level in lattice.time else next((name for name in lattice.above(level) if name in lattice.time), None)
    )


def _places(plan: Plan, data: Dataset, level: str) -> Rows:
    """The place in the grid of each unit of a level."""
    units, time = data.units(level), _time(plan, level)
    if time is None:
        return np.full(units.n, _TIMELESS, dtype=np.intp)
    place = data.units(time).place
    assert place is not None
    return place if time == level else np.asarray(place[units.above[time].index])
