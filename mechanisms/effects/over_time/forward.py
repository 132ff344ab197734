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

from mechanisms.data.dataset import Categories, Numbers
from mechanisms.effects.looking import measure
from mechanisms.effects.over_time.carrying import carry_on
from mechanisms.effects.over_time.drawing import take
from mechanisms.effects.over_time.responses import Responses
from mechanisms.effects.over_time.scenario import Chunk, Scenario, Value
from mechanisms.effects.over_time.views import Needs, Sink, View, find_conditions, find_needs, find_summands
from mechanisms.errors import IdentificationError
from mechanisms.graph.graph import Edge, reach, variable_of
from mechanisms.graph.levels import restrict
from mechanisms.model.courses import base_course, course, own_terms, served_course
from mechanisms.model.equations import Equation
from mechanisms.model.families import LINKS
from mechanisms.model.laws import find_mean
from mechanisms.model.setting import compute_sum, holds, spread

Floats = NDArray[np.float64]
NONE: frozenset[Edge] = frozenset()


@dataclass(frozen=True, eq=False)
class Drawn:
    """Some nodes as they are in another world, in its moved or its baseline version."""

    world: "World"
    nodes: frozenset[str]
    moved: bool


class World(Responses):
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
        self.scenario, self.chunk = scenario, chunk
        self.arrows = carry_on(arrows, scenario.graph, scenario.loose) if arrows else arrows
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
            found = self._look_at_course(name, inside, self.moved(node))
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

    def departure(self, name: str, place: int | None, own: bool, course: bool = False) -> Floats:
        """The departure of a variable from its course; 0 where it does not exist.

        Noise that only shifts a response departs from every course alike; of all others the departures change with it.
        """
        if drawn := self._find_drawn(name, place):
            return drawn.world.departure(name, place, drawn.moved, course)
        own = own and self.moved(self.scenario.node(name, place))
        course = course and bool(self._reached) and not self._only_shifts(name)
        key = ("departure", name, place, own, course)
        return self._settle(key, lambda w: w._departure(name, place, own, course))

    def _only_shifts(self, name: str) -> bool:
        equation = self.scenario.equations.get(name)
        return equation is None or equation.link == "identity"

    def course(self, name: str, level: str, moved: bool, target: str = "") -> Floats:
        """The course of a variable for the units of a level, on the scale of its linear predictor, or of that of a part."""
        moved = moved and self.moved(f"{name}({level})")
        equation = self._predictor_of(name, target)
        key = ("course", name, level, moved, equation.target)
        return self._settle(key, lambda w: w._course(equation, level, moved))

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

    def lives(self, name: str, level: str, moved: bool) -> Any:
        """1 for the units of a level above a variable's own in which it may exist, else 0."""
        moved = moved and self.moved(f"{name}({level})")
        return self._settle(("lives", name, level, moved), lambda w: w._lives(name, level, moved))

    def _lives(self, name: str, level: str, moved: bool) -> Any:
        condition = restrict(self.scenario.design, self.scenario.condition(name), level)
        setting = View(self, ((f"{name}({level})", moved),), None, {}).setting()
        return holds(setting, condition, level, 0) + np.zeros(self.scenario.timeline.data.units(level).n)

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
        if equation.link == "identity":
            return (self._expected(equation, place, own, course) + self._drift(name, place, own)) * there
        given = self._given(equation, place, own, course)
        event = equation.family == "hazard"  # what is looked at is made of all occasions
        return np.asarray((find_mean(given) if event else measure(self.scenario.look, given)) * there)

    def _value(self, name: str, place: int | None, own: bool, course: bool) -> Any:
        scenario = self.scenario
        if (said := self._set(name, place, own)) is not None:
            return said
        equation = scenario.equations.get(name)
        if equation is None and (variable := scenario.variable(name)) and variable.computed:
            return self._sum(name, place, own, course)
        if equation is None:
            there = 1.0 if scenario.condition(name) is None else self.exists(name, place)
            return self._observed(name, place) * there
        if equation.latent:
            return self._predictor(equation, place, own, course) + self.chunk.deviations[name, equation.level]
        if name not in scenario.kept:
            return self._draw(equation, place, own, course)
        seen = self.scenario.timeline.data[name].observed
        found = self._observed(name, place)
        return found if seen.all() else np.where(seen, found, self._draw(equation, place, own, course))

    def _draw(self, equation: Equation, place: int | None, own: bool, course: bool) -> Any:
        """A response by its equation, with its noise."""
        name = equation.response
        if equation.link != "identity" and (drawn := self._find_drawn(name, place)):
            return drawn.world.value(name, place, drawn.moved, course)
        there = self.exists(name, place)
        if equation.link == "identity":
            kept = name in self.scenario.kept
            departs = self._stray(equation, place, own) if kept else self.departure(name, place, own)
            return (self._expected(equation, place, own, course) + departs) * there
        given = self._given(equation, place, own, course)
        if not self.chunk.noisy:
            return np.asarray(find_mean(given) * there)
        return take(given, self._noise(name, place), self._more_noise(name, place)) * there

    def _departure(self, name: str, place: int | None, own: bool, course: bool) -> Any:
        """A set departure leads from the course as it was to the value that is set."""
        scenario = self.scenario
        equation = scenario.equations.get(name)
        node, there = scenario.node(name, place), self.exists(name, place)
        if equation is None:
            above = scenario.design.lattice.above(scenario.design.level(name))[0]
            mean = self._spread(scenario.mean(name, above, None), place, name, above)
            return (self.value(name, place, own, False) - mean) * there
        if (said := self._set(name, place, own)) is not None:
            return (said - self._usual(equation, place, False, False)) * there
        if scenario.lean and node not in scenario.moving:
            return np.zeros_like(there)
        if equation.link == "identity" and name not in scenario.kept:
            return self._stray(equation, place, own) * there
        return (self._value(name, place, own, course) - self._usual(equation, place, own, course)) * there

    def _stray(self, equation: Equation, place: int | None, own: bool) -> Any:
        """How far a response of its own level's terms and noise departs from its course."""
        return self._drift(equation.response, place, own) + self._residual(equation, place, own)

    def _drift(self, name: str, place: int | None, own: bool) -> Any:
        """What the terms of its own level add to a variable, beyond what they add to its course."""
        scenario = self.scenario
        if scenario.lean and scenario.node(name, place) not in scenario.moving:
            return np.zeros(1)
        key = ("drift", name, place, own)
        equation = self._predictor_of(name)
        return self._settle(key, lambda w: w._own(equation, place, own, own) - w._served(equation, place, own))

    def _predictor(self, equation: Equation, place: int | None, own: bool, course: bool) -> Floats:
        return self._base_course(equation, place, own, course) + self._own(equation, place, own, course)

    def _expected(self, equation: Equation, place: int | None, own: bool, course: bool) -> Floats:
        return self._base_course(equation, place, own, course) + self._served(equation, place, course)

    def _own(self, equation: Equation, place: int | None, own: bool, course: bool) -> Floats:
        name = equation.response
        sinks = ((self.scenario.node(name, place), own), *self._above(name, course))
        view = View(self, sinks, place, find_needs(self.scenario, equation, place, ("mean",)))
        return np.asarray(view.rows(own_terms(view.setting(), equation)))

    def _served(self, equation: Equation, place: int | None, course: bool) -> Floats:
        key = ("served", equation.response, place, course, equation.target)
        return self._settle(key, lambda w: w._served_course(equation, place, course))

    def _served_course(self, equation: Equation, place: int | None, course: bool) -> Floats:
        name = equation.response
        sinks = (*self._above(name, course), (self.scenario.node(name, place), course))
        view = View(self, sinks, place, {})
        return np.asarray(view.rows(served_course(view.setting(), equation)))

    def _base_course(self, equation: Equation, place: int | None, own: bool, course: bool) -> Floats:
        key = ("base", equation.response, place, own, course, equation.target)
        return self._settle(key, lambda w: w._run_base(equation, place, own, course))

    def _run_base(self, equation: Equation, place: int | None, own: bool, course: bool) -> Floats:
        name = equation.response
        sinks = (*self._above(name, course), (self.scenario.node(name, place), own))
        needs = find_needs(self.scenario, equation, place, ("course", "trend"))
        view = View(self, sinks, place, needs, ("base", name))
        found = view.rows(base_course(view.setting(), equation))
        return np.asarray(found + self._shift(equation, place, self._above(name, course)))

    def _course(self, equation: Equation, level: str, moved: bool) -> Any:
        scenario, name = self.scenario, equation.response
        node = f"{name}({level})"
        units = scenario.timeline.data.units(level).n
        said = scenario.fixed(node, moved)
        if said is not None:
            with np.errstate(divide="ignore"):
                return np.full(units, LINKS[equation.link].forward(float(said)))
        above = self._above(name, moved, level)
        return self._computed(equation, level, moved, above) + self._lift(equation, level, above)

    def _computed(self, equation: Equation, level: str, moved: bool, above: tuple[Sink, ...]) -> Floats:
        """The course by its equation, whatever is set."""
        name = equation.response
        needs: Needs = find_needs(self.scenario, equation, None, ("course", "trend", "mean"))
        view = View(self, ((f"{name}({level})", moved), *above), None, needs, ("course", name, level, equation.target))
        return np.asarray(course(view.setting(), equation, level))

    def _lift(self, equation: Equation, level: str, above: tuple[Sink, ...]) -> Any:
        """What setting a coarser course adds to a finer one; nothing to one of a level that is crossed with it."""
        for node, moved in above:
            coarse = node.partition("(")[2].removesuffix(")")
            if self.scenario.fixed(node, moved) is not None and self._lies_below(level, coarse):
                was = self._computed(equation, coarse, False, ())
                setting = View(self, ((node, moved),), None, {}).setting()
                there = self.course(equation.response, coarse, moved, equation.target)
                return spread(setting, there - was, level, coarse)
        return 0.0

    def _shift(self, equation: Equation, place: int | None, above: tuple[Sink, ...]) -> Any:
        """What setting a course adds to the values around it; of crossed levels each adds its own."""
        name, total, shifting = equation.response, 0.0, list[str]()
        for node, moved in above:
            coarse = node.partition("(")[2].removesuffix(")")
            within = any(self._lies_below(each, coarse) for each in shifting)  # that one is set, whatever this adds
            if self.scenario.fixed(node, moved) is not None and not within:
                was = self._computed(equation, coarse, False, ())
                there = self.course(name, coarse, moved, equation.target)
                total = total + self._spread(there - was, place, name, coarse)
                shifting.append(coarse)
        return total

    def _lies_below(self, one: str, other: str) -> bool:
        return self.scenario.design.lattice.lies_below(one, other)

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
        """The values in the data; the mean of the others for units that do not have any and may get some (`unmodelled`)."""
        data = self.scenario.window((place or 0,))
        column = data[name]
        values = column.codes.astype(np.float64) if isinstance(column, Categories) else column.values
        usual = column.mean if isinstance(column, Numbers) and column.absent is not None else 0.0
        return np.where(column.observed, values, usual)

    def _spread(self, values: Any, place: int | None, name: str, coarse: str) -> Any:
        """The values of a coarser level's units for the units of a variable's own."""
        view = View(self, (("", False),), place, {})
        return view.rows(spread(view.setting(), values, self.scenario.design.level(name), coarse))
