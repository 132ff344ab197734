"""Worlds over time: the system of a plan with levels run forward, occasion by occasion, in two versions.

The baseline version has the exposure at its first value. In the moved version each node of the graph over time is
handed the moved value of a parent along the arrows that carry the change, and its baseline value along all others:
the rule of `worlds`, on occasions and courses. A repeated variable's value is its course and its departure, and each of
the two may be in another version. All versions share every unit's deviations and noise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from mechanisms.data.dataset import Categories
from mechanisms.effects.over_time.noise import draw_residual
from mechanisms.effects.over_time.scenario import Chunk, Scenario, Value
from mechanisms.effects.over_time.views import Needs, Sink, View, find_conditions, find_needs, find_summands
from mechanisms.errors import IdentificationError
from mechanisms.graph.graph import Edge, reach, variable_of
from mechanisms.model.courses import base_course, course, own_terms, served_course
from mechanisms.model.equations import Equation
from mechanisms.model.families import LINKS, inverse_link
from mechanisms.model.setting import compute_sum, holds, spread

Floats = NDArray[np.float64]
NONE: frozenset[Edge] = frozenset()


@dataclass(frozen=True, eq=False)
class Drawn:
    """Some nodes as they are in another world, in its moved or its baseline version."""

    world: "World"
    nodes: frozenset[str]
    moved: bool


class World:
    """One version of a scenario for a chunk of draws; without `arrows` the baseline, which all others share.

    With `drawn`, some values and departures are those of another world, in all versions of this one.
    """

    def __init__(
        self,
        scenario: Scenario,
        chunk: Chunk,
        arrows: frozenset[Edge] = NONE,
        base: "World | None" = None,
        drawn: Drawn | None = None,
    ) -> None:
        self.scenario, self.chunk, self.arrows = scenario, chunk, arrows
        self._base, self._drawn = base, drawn
        self._known: dict[tuple[Any, ...], Any] = {}

    @cached_property
    def _reached(self) -> frozenset[str]:
        links: dict[str, list[str]] = {}
        for tail, head in self.arrows:
            links.setdefault(tail, []).append(head)
        return reach(links, self.scenario.of) if self.arrows else frozenset()

    def moved(self, node: str) -> bool:
        """Whether the change reaches a node, so that it has a moved version."""
        return node in self._reached

    def outcome(self, node: str) -> Floats:
        """The mean of what is looked at, for every unit of its level; shape (draws, units)."""
        scenario, name = self.scenario, variable_of(node)
        inside = node.partition("(")[2].removesuffix(")")
        view = View(self, ((node, True),), None, {})
        if inside.startswith("whole "):
            place = scenario.timeline.grid.index(int(inside.removeprefix("whole ")))
            nearest = f"{name}({scenario.courses(name)[0]})"
            found = self.mean(name, place, view.hands(scenario.node(name, place)), view.hands(nearest))
        elif inside.isdigit():
            found = self.mean(name, scenario.timeline.grid.index(int(inside)), self.moved(node), False)
        elif inside:
            found = inverse_link(scenario.equations[name].link, self.course(name, inside, self.moved(node)))
        else:
            found = self.mean(name, None, self.moved(node), self.moved(node))
        return np.broadcast_to(found, (self.chunk.draws, np.shape(found)[-1]))

    def mean(self, name: str, place: int | None, own: bool, course: bool) -> Floats:
        """The mean of a variable given all that precedes it: its value without its own noise."""
        if name in self.scenario.equations and self._set(name, place, own) is None:
            return self._settle(("mean", name, place, own, course), lambda w: w._mean(name, place, own, course))
        return self.value(name, place, own, course)

    def value(self, name: str, place: int | None, own: bool, course: bool) -> Floats:
        """The value of a variable, its departure and its course each in one version; 0 where it does not exist."""
        own, course = own and self.moved(self.scenario.node(name, place)), course and bool(self._reached)
        return self._settle(("value", name, place, own, course), lambda w: w._value(name, place, own, course))

    def departure(self, name: str, place: int | None, own: bool) -> Floats:
        """The departure of a variable from its course; 0 where it does not exist."""
        if drawn := self._find_drawn(name, place):
            return drawn.world.departure(name, place, drawn.moved)
        own = own and self.moved(self.scenario.node(name, place))
        return self._settle(("departure", name, place, own), lambda w: w._departure(name, place, own))

    def course(self, name: str, level: str, moved: bool) -> Floats:
        """The course of a variable for the units of a level, on the scale of its linear predictor."""
        moved = moved and self.moved(f"{name}({level})")
        return self._settle(("course", name, level, moved), lambda w: w._course(name, level, moved))

    def exists(self, name: str, place: int | None) -> Any:
        """1 for the units for which a variable exists, else 0 (language R12)."""
        scenario = self.scenario
        node, condition = scenario.node(name, place), scenario.condition(name)
        units = (
            scenario.timeline.data.units(scenario.design.level(name)).n if place is None else scenario.timeline.clients
        )
        if node not in scenario.nodes:
            return np.zeros(units)
        if condition is None:
            return np.ones(units)
        view = View(self, ((node, True),), place, find_conditions(condition, place))
        found = holds(view.setting(), condition, scenario.design.level(name), 0)
        return view.rows(found) + np.zeros(units)

    def _settle(self, key: tuple[Any, ...], work: Callable[["World"], Any]) -> Floats:
        """What a key stands for, worked out once; in the baseline where nothing is moved."""
        if self._base is not None and not any(each is True for each in key[2:]):
            return self._base._settle(key, work)
        if key not in self._known:
            self._known[key] = None
            self._known[key] = work(self)
        found = self._known[key]
        if found is None:
            raise IdentificationError(
                f"the course of {key[1]} follows a value that follows this course: what happens over time cannot be run "
                "forward. Take the arrow from one occasion into it out, or declare that occasion as a variable of its own"
            )
        return np.asarray(found)

    def _find_drawn(self, name: str, place: int | None) -> Drawn | None:
        """Where a variable's own part comes from, if not from this world."""
        found = self._drawn
        return found if found is not None and self.scenario.node(name, place) in found.nodes else None

    def _mean(self, name: str, place: int | None, own: bool, course: bool) -> Any:
        equation, there = self.scenario.equations[name], self.exists(name, place)
        if equation.latent:
            return self._value(name, place, own, course)
        if equation.link != "identity":
            return np.asarray(inverse_link(equation.link, self._predictor(name, place, own, course)) * there)
        return (self._expected(name, place, own, course) + self._drift(name, place, own)) * there

    def _value(self, name: str, place: int | None, own: bool, course: bool) -> Any:
        scenario = self.scenario
        if (said := self._set(name, place, own)) is not None:
            return said
        equation = scenario.equations.get(name)
        if equation is None and (variable := scenario.variable(name)) and variable.computed:
            return self._sum(name, place, own, course)
        if equation is None:
            return self._observed(name, place)
        if equation.latent:
            return self._predictor(name, place, own, course) + self.chunk.deviations[name, equation.level]
        if equation.link != "identity" and (drawn := self._find_drawn(name, place)):
            return drawn.world.value(name, place, drawn.moved, course)
        there = self.exists(name, place)
        if equation.link == "identity":
            departs = self.departure(name, place, own)
            return (self._expected(name, place, own, course) + departs) * there
        chance = inverse_link(equation.link, self._predictor(name, place, own, course))
        if not self.chunk.noisy:
            return np.asarray(chance * there)
        return (ndtr(self._noise(name, place)) < chance) * there

    def _departure(self, name: str, place: int | None, own: bool) -> Any:
        """A set departure leads from the course as it was to the value that is set."""
        scenario = self.scenario
        equation = scenario.equations.get(name)
        node, there = scenario.node(name, place), self.exists(name, place)
        if equation is None:
            above = scenario.design.lattice.above(scenario.design.level(name))[0]
            mean = self._spread(scenario.mean(name, above, None), place, name, above)
            return (self.value(name, place, own, False) - mean) * there
        if (said := self._set(name, place, own)) is not None:
            return (said - inverse_link(equation.link, self._expected(name, place, False, False))) * there
        if scenario.lean and node not in scenario.moving:
            return np.zeros_like(there)
        if equation.link == "identity":
            noise = self._noise(name, place) * self._sigma(equation, place, own) if self.chunk.noisy else 0.0
            return (self._drift(name, place, own) + noise) * there
        expected = inverse_link(equation.link, self._expected(name, place, own, own))
        return (self._value(name, place, own, own) - expected) * there

    def _drift(self, name: str, place: int | None, own: bool) -> Any:
        """What the terms of its own level add to a variable, beyond what they add to its course."""
        scenario = self.scenario
        if scenario.lean and scenario.node(name, place) not in scenario.moving:
            return np.zeros(1)
        key = ("drift", name, place, own)
        return self._settle(key, lambda w: w._own(name, place, own, own) - w._served(name, place, own))

    def _predictor(self, name: str, place: int | None, own: bool, course: bool) -> Floats:
        return self._base_course(name, place, own, course) + self._own(name, place, own, course)

    def _expected(self, name: str, place: int | None, own: bool, course: bool) -> Floats:
        return self._base_course(name, place, own, course) + self._served(name, place, course)

    def _own(self, name: str, place: int | None, own: bool, course: bool) -> Floats:
        equation = self.scenario.equations[name]
        sinks = ((self.scenario.node(name, place), own), *self._above(name, course))
        view = View(self, sinks, place, find_needs(self.scenario, equation, place, ("mean",)))
        return np.asarray(view.rows(own_terms(view.setting(), equation)))

    def _served(self, name: str, place: int | None, course: bool) -> Floats:
        key = ("served", name, place, course)
        return self._settle(key, lambda w: w._served_course(name, place, course))

    def _served_course(self, name: str, place: int | None, course: bool) -> Floats:
        sinks = (*self._above(name, course), (self.scenario.node(name, place), course))
        view = View(self, sinks, place, {})
        return np.asarray(view.rows(served_course(view.setting(), self.scenario.equations[name])))

    def _base_course(self, name: str, place: int | None, own: bool, course: bool) -> Floats:
        key = ("base", name, place, own, course)
        return self._settle(key, lambda w: w._run_base(name, place, own, course))

    def _run_base(self, name: str, place: int | None, own: bool, course: bool) -> Floats:
        equation = self.scenario.equations[name]
        sinks = (*self._above(name, course), (self.scenario.node(name, place), own))
        needs = find_needs(self.scenario, equation, place, ("course", "trend"))
        view = View(self, sinks, place, needs, ("base", name))
        found = view.rows(base_course(view.setting(), equation))
        return np.asarray(found + self._shift(name, place, self._above(name, course)))

    def _course(self, name: str, level: str, moved: bool) -> Any:
        scenario = self.scenario
        equation, node = scenario.equations[name], f"{name}({level})"
        units = scenario.timeline.data.units(level).n
        said = scenario.fixed(node, moved)
        if said is not None:
            with np.errstate(divide="ignore"):
                return np.full(units, LINKS[equation.link].forward(float(said)))
        above = self._above(name, moved, level)
        return self._computed(name, level, moved, above) + self._lift(name, level, above)

    def _computed(self, name: str, level: str, moved: bool, above: tuple[Sink, ...]) -> Floats:
        """The course by its equation, whatever is set."""
        needs: Needs = find_needs(self.scenario, self.scenario.equations[name], None, ("course", "trend", "mean"))
        view = View(self, ((f"{name}({level})", moved), *above), None, needs, ("course", name, level))
        return np.asarray(course(view.setting(), name, level))

    def _lift(self, name: str, level: str, above: tuple[Sink, ...]) -> Any:
        """What setting a coarser course adds to a finer one."""
        for node, moved in above:
            coarse = node.partition("(")[2].removesuffix(")")
            if self.scenario.fixed(node, moved) is not None:
                was = self._computed(name, coarse, False, ())
                setting = View(self, ((node, moved),), None, {}).setting()
                return spread(setting, self.course(name, coarse, moved) - was, level, coarse)
        return 0.0

    def _shift(self, name: str, place: int | None, above: tuple[Sink, ...]) -> Any:
        """What setting a course adds to the values around it."""
        for node, moved in above:
            coarse = node.partition("(")[2].removesuffix(")")
            if self.scenario.fixed(node, moved) is not None:
                was = self._computed(name, coarse, False, ())
                return self._spread(self.course(name, coarse, moved) - was, place, name, coarse)
        return 0.0

    def _above(self, name: str, moved: bool, level: str = "") -> tuple[Sink, ...]:
        """The courses of a variable above its own level or another, each with whether it hands on what is moved."""
        found: list[Sink] = []
        below = f"{name}({level})" if level else None
        levels = self.scenario.courses(name)
        for each in levels[levels.index(level) + 1 :] if level else levels:
            node = f"{name}({each})"
            if below is not None:
                moved = moved and (node, below) in self.arrows
            found.append((node, moved and self.moved(node)))
            below = node
        return tuple(found)

    def _set(self, name: str, place: int | None, own: bool) -> Floats | None:
        """The value of a node that is set, for every unit."""
        node = self.scenario.node(name, place)
        said: Value | None = self.scenario.fixed(node, own)
        if said is None:
            return None
        number = self.scenario.number(name, said)
        level = self.scenario.design.level(name)
        units = self.scenario.timeline.clients if place is not None else self.scenario.timeline.data.units(level).n
        return np.full(units, number)

    def _sum(self, name: str, place: int | None, own: bool, course: bool) -> Floats:
        sinks = ((self.scenario.node(name, place), own), *self._above(name, course))
        view = View(self, sinks, place, find_summands(self.scenario, name, place), ("sum", name))
        return np.asarray(view.rows(compute_sum(view.setting(), name)))

    def _observed(self, name: str, place: int | None) -> Floats:
        data = self.scenario.window((place or 0,))
        column = data[name]
        values = column.codes.astype(np.float64) if isinstance(column, Categories) else column.values
        return np.where(column.observed, values, 0.0)

    def _spread(self, values: Any, place: int | None, name: str, coarse: str) -> Any:
        """The values of a coarser level's units for the units of a variable's own."""
        view = View(self, (("", False),), place, {})
        return view.rows(spread(view.setting(), values, self.scenario.design.level(name), coarse))

    def _noise(self, name: str, place: int | None) -> Floats:
        """The standardised residual; correlated with others where the theory draws `a <-> b`."""
        return self._settle(("noise", name, place), lambda w: draw_residual(w.scenario, w.chunk, name, place))

    def _sigma(self, equation: Equation, place: int | None, own: bool) -> Floats:
        """The residual sd at a place: another where a lag reaches back before the grid, or the unit's own."""
        steps = [-each.steps for each in equation.readings if each.part != "trend"]
        if equation.initial is not None and place is not None and place < max(steps, default=0):
            return self.chunk.parameters[equation.initial]
        if not equation.volatility:
            return self.chunk.parameters[str(equation.spread)]
        name, node = equation.response, self.scenario.node(equation.response, place)
        logs = View(self, ((node, own),), place, {}).own(equation.volatility, None)
        level = self.scenario.design.level(equation.volatility)
        return np.asarray(np.exp(self._spread(logs, place, name, level)))
