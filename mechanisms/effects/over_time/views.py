"""A view: what one equation is handed of every other variable, for the units it is read on.

Values, departures and courses of parents come from a world, each in the version that the arrows hand on; the equations
themselves are read by `model.setting`, the very lines that are sampled.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Dataset
from mechanisms.effects.over_time.scenario import Scenario
from mechanisms.graph.levels import computed_from
from mechanisms.model.equations import Equation
from mechanisms.model.families import inverse_link
from mechanisms.model.setting import Setting
from mechanisms.spec.terms import Occasions, Relative
from mechanisms.spec.theory import Condition

if TYPE_CHECKING:
    from mechanisms.effects.over_time.forward import World

Floats = NDArray[np.float64]
Sink = tuple[str, bool]
Needs = Mapping[str, frozenset[int]]


@dataclass(eq=False)
class View:
    """What is handed on to `sinks`, nodes of one variable, each with whether it is in its moved version.

    `needs` says at which places of the grid each variable is looked at, `here` where the equation is read.
    """

    world: "World"
    sinks: tuple[Sink, ...]
    here: int | None
    needs: Needs
    busy: Any = None

    @cached_property
    def places(self) -> tuple[int, ...]:
        """The places of the window, in order; `here` is one of them."""
        found = {place for places in self.needs.values() for place in places}
        return tuple(sorted(found | ({self.here} if self.here is not None else set()))) or (0,)

    def hands(self, node: str) -> bool:
        """Whether a parent is handed on in its moved version."""
        if not self.world.moved(node):
            return False
        for sink, moved in self.sinks:
            if (node, sink) in self.world.scenario.arrows:
                return moved and (node, sink) in self.world.arrows
        return self.sinks[0][1]

    def setting(self) -> Setting:
        """The setting under which the equation is read."""
        chunk, plan = self.world.chunk, self.world.scenario.plan
        inverse: Callable[[str, Any], Any] = inverse_link
        values, present = _Values(self), _Present(self)
        return Setting(plan, self._data(), chunk.parameters, chunk.deviations, values, inverse, _Known(self), present)

    def rows(self, found: Any) -> Any:
        """Of an array over the window, the part that stands here."""
        if self.here is None or np.ndim(found) == 0:
            return found
        clients = self.world.scenario.timeline.clients
        start = self.places.index(self.here) * clients
        return found[..., start : start + clients]

    def own(self, name: str, place: int | None) -> Floats:
        """The value of a variable as it is handed on, from one place or of the whole unit."""
        scenario = self.world.scenario
        courses = scenario.courses(name)
        course = bool(courses) and self.hands(f"{name}({courses[0]})")
        return self.world.value(name, place, self.hands(scenario.node(name, place)), course)

    def departure(self, name: str, place: int | None) -> Floats:
        """The departure of a variable as it is handed on."""
        scenario = self.world.scenario
        courses = scenario.courses(name)
        course = bool(courses) and self.hands(f"{name}({courses[0]})")
        return self.world.departure(name, place, self.hands(scenario.node(name, place)), course)

    def over(self, name: str, read: Callable[[str, int | None], Floats]) -> Floats:
        """What is read of a variable at each place of the window, side by side; 0 where nobody looks."""
        scenario = self.world.scenario
        if not scenario.timed(name):
            return read(name, None)
        wanted, none = self.needs.get(name, frozenset()), np.zeros(scenario.timeline.clients)
        return join([read(name, place) if place in wanted else none for place in self.places])

    def _data(self) -> Dataset:
        """The data of the window, with categories that are set."""
        scenario = self.world.scenario
        data = scenario.window(self.places)
        for name in {node.partition("(")[0] for node in (*scenario.of, *scenario.held, *scenario.given)}:
            column = next((each for each in data.columns if each.name == name), None)
            if isinstance(column, Categories):
                codes = self._codes(column, scenario)
                changed = replace(column, codes=codes)
                data = replace(data, columns=tuple(changed if each is column else each for each in data.columns))
        return data

    def _codes(self, column: Categories, scenario: Scenario) -> NDArray[np.intp]:
        codes = column.codes.copy()
        places: tuple[int | None, ...] = self.places if scenario.timed(column.name) else (None,)
        size = len(codes) // len(places)
        for index, place in enumerate(places):
            node = scenario.node(column.name, place)
            value = scenario.fixed(node, self.hands(node))
            if value is not None:
                codes[index * size : (index + 1) * size] = column.values.index(str(value))
        return codes


def find_needs(scenario: Scenario, equation: Equation, place: int | None, parts: tuple[str, ...]) -> Needs:
    """At which places each variable is looked at by the terms that move some parts of an equation."""
    found: dict[str, set[int]] = {}
    grid = scenario.timeline.grid
    for each in equation.arrows:
        if each.moves not in parts:
            continue
        for reading in (equation.reading(factor.column) for factor in each.factors):
            if reading.occasion is not None:
                found.setdefault(reading.variable, set()).add(grid.index(reading.occasion))
            elif reading.part != "trend" and place is not None:
                found.setdefault(reading.variable, set()).add(place + reading.steps)
        _add_condition(found, each.only_when, place, each.condition_steps)
    return {name: frozenset(at for at in places if at >= 0) for name, places in found.items()}


def find_summands(scenario: Scenario, name: str, place: int | None) -> Needs:
    """The same for the terms of a computed variable."""
    found: dict[str, set[int]] = {}
    for term in computed_from(scenario.variable(name)):  # type: ignore[arg-type]
        if isinstance(term.when, Occasions):
            found.setdefault(term.name, set()).add(scenario.timeline.grid.index(term.when.first))
        elif place is not None:
            steps = term.when.steps if isinstance(term.when, Relative) else 0
            found.setdefault(term.name, set()).add(place + steps)
    return {each: frozenset(at for at in places if at >= 0) for each, places in found.items()}


def find_conditions(condition: Condition | None, place: int | None) -> Needs:
    """The same for a condition."""
    found: dict[str, set[int]] = {}
    _add_condition(found, condition, place, 0)
    return {name: frozenset(places) for name, places in found.items()}


def _add_condition(found: dict[str, set[int]], condition: Condition | None, place: int | None, steps: int) -> None:
    for name in condition.names if condition and place is not None else ():
        found.setdefault(name, set()).add((place or 0) + steps)


def join(parts: list[Any]) -> Floats:
    """Arrays side by side on their last axis."""
    shape = np.broadcast_shapes(*(np.shape(part)[:-1] for part in parts))
    return np.concatenate([np.broadcast_to(part, (*shape, np.shape(part)[-1])) for part in parts], axis=-1)


class _Values(Mapping[str, Any]):
    """Every variable's values, worked out when an equation asks for them."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return self._view.over(name, self._view.own)

    def __contains__(self, name: object) -> bool:
        scenario = self._view.world.scenario
        return name in scenario.equations or (
            name in scenario.timeline.data and name not in scenario.design.lattice.time
        )

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._view.world.scenario.design.levels if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Present(Mapping[str, Any]):
    """Where each variable that has a condition exists."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return self._view.over(name, self._view.world.exists)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._view.world.scenario.condition(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._view.world.scenario.design.levels if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Known(dict[Any, Any]):
    """What a setting takes as known: departures, courses and sums of a world, but the one that is being worked out."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view

    def __contains__(self, key: object) -> bool:
        if super().__contains__(key):
            return True
        if key == self._view.busy or not isinstance(key, tuple):
            return False
        if key[0] == "course":
            return (
                f"{key[1]}({key[2]})" in self._view.world.scenario.nodes
                and key[1] in self._view.world.scenario.equations
            )
        return key[0] in ("departure", "sum", "mean", "latent", "lives")

    def __missing__(self, key: tuple[Any, ...]) -> Any:
        view, kind, name = self._view, key[0], key[1]
        if kind == "course":
            self[key] = view.world.course(name, key[2], view.hands(f"{name}({key[2]})"), key[3])
        elif kind == "lives":
            self[key] = view.world.lives(name, key[2], view.hands(f"{name}({key[2]})"))
        elif kind == "mean":
            self[key] = view.world.scenario.mean(name, key[2], key[3])
        else:
            self[key] = view.over(name, view.departure if kind == "departure" else view.own)
        return self[key]
