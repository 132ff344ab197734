"""A scenario: what all versions of one contrast share, and what of it is drawn with the parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Dataset
from mechanisms.effects.looking import MEAN, Look
from mechanisms.effects.over_time.carrying import list_loose
from mechanisms.effects.over_time.timeline import Timeline
from mechanisms.graph.graph import Edge, Graph, causal_order, descendants, occasion_of, variable_of
from mechanisms.graph.levels import Design
from mechanisms.model.equations import Equation
from mechanisms.model.missing import find_partners
from mechanisms.model.plan import Plan
from mechanisms.model.setting import mean_observed
from mechanisms.spec.theory import Condition, Variable

Floats = NDArray[np.float64]
Value = float | str


@dataclass(frozen=True, eq=False)
class Scenario:
    """The system that is run forward: equations, the graph over time, its occasions, and what is set.

    The nodes `of` are set to `low` in the baseline version and to `high` in the moved one, those in `held` to the same
    value in both. With `lean`, departures that nothing moves are 0: where everything is linear they cancel. `look` is
    what is looked at in the outcome; the nodes in `given` have the values that are conditioned on. The deviations of the
    levels in `renewed` are those of new units.
    """

    plan: Plan
    graph: Graph
    timeline: Timeline
    of: tuple[str, ...]
    low: Value
    high: Value
    held: Mapping[str, Value] = field(default_factory=dict)
    lean: bool = False
    look: Look = MEAN
    renewed: tuple[str, ...] = ()
    given: Mapping[str, Value] = field(default_factory=dict)

    @cached_property
    def design(self) -> Design:
        """The levels."""
        return self.plan.design

    @cached_property
    def equations(self) -> Mapping[str, Equation]:
        """The equation of each modelled variable."""
        return {each.response: each for each in self.plan.equations}

    @cached_property
    def loose(self) -> tuple[Edge, ...]:
        """From courses to the departures that follow them."""
        return list_loose(self.graph, self.plan)

    @cached_property
    def arrows(self) -> frozenset[Edge]:
        """Every arrow of the graph over time."""
        return frozenset(self.graph.arrows)

    @cached_property
    def nodes(self) -> Mapping[str, int]:
        """Every node with its place in causal order."""
        return {node: place for place, node in enumerate(causal_order(self.graph))}

    @cached_property
    def _windows(self) -> dict[tuple[int, ...], Dataset]:
        return {}

    @cached_property
    def _means(self) -> dict[tuple[str, str, str | None], Floats]:
        return {}

    def fixed(self, node: str, moved: bool) -> Value | None:
        """What a node is set to in a version; None where it is not set."""
        if node in self.held:
            return self.held[node]
        if node in self.given:
            return self.given[node]
        if node in self.of:
            return self.high if moved else self.low
        return None

    @cached_property
    def moving(self) -> frozenset[str]:
        """The nodes that what is set can reach, in some version."""
        return descendants(self.graph, *self.of, *self.held) | {*self.of, *self.held}

    @cached_property
    def kept(self) -> frozenset[str]:
        """The responses without occasions that stay as they were observed: nothing moves them, nor new units' deviations.

        These units are averaged over as they are, so that what their own treatment does not change is not drawn anew. What
        latent variables lead to is, since nobody observed these.
        """
        fresh = {name for each in self.plan.varying if each.level in self.renewed for name in each.quantities}
        nodes = [node for node in self.graph.nodes if self._deviates(variable_of(node), fresh)]
        nodes += [node for node in self.graph.nodes if variable_of(node) in self.plan.unseen]
        changing = self.moving | {*nodes, *descendants(self.graph, *nodes)}
        return frozenset(
            name
            for name, equation in self.equations.items()
            if not (equation.latent or self.timed(name) or name in changing) and name in self.timeline.data
        )

    def _deviates(self, name: str, fresh: set[str]) -> bool:
        """Whether units have deviations of their own in a variable's equation, or it is one, among some addresses."""
        if name not in self.equations:
            return False
        predictors = self.equations[name].predictors
        own = {each.deviating for each in predictors} | {
            one.deviating for each in predictors for one in each.coefficients
        }
        return bool(fresh & {name, *own})

    def settled(self, name: str) -> bool:
        """Whether a variable is kept as it was observed, in every unit."""
        return name in self.kept and bool(self.timeline.data[name].observed.all())

    def scatters(self, node: str) -> bool:
        """Whether a node has noise of its own that is drawn; courses have none."""
        name = variable_of(node)
        own = node == name or occasion_of(node) is not None
        return own and name in self.equations and not (self.equations[name].latent or self.settled(name))

    def relatives(self, node: str) -> tuple[str, ...]:
        """The nodes whose residuals are correlated with a node's, itself first."""
        names = find_partners(self.plan, variable_of(node))
        others = (node.replace(variable_of(node), name, 1) for name in sorted(names - {variable_of(node)}))
        return (node, *(each for each in others if each in self.nodes))

    def number(self, name: str, value: Value) -> float:
        """A value as a number: its place among the categories where there are such."""
        column = next((each for each in self.timeline.data.columns if each.name == name), None)
        return float(column.values.index(str(value))) if isinstance(column, Categories) else float(value)

    def timed(self, name: str) -> bool:
        """Whether a variable has a value at every occasion."""
        return self.design.level(name) in self.timeline.levels

    def node(self, name: str, place: int | None) -> str:
        """The node of a variable's own values, at a place of the grid where it has occasions."""
        return name if place is None else f"{name}({self.timeline.grid[place]})"

    def courses(self, name: str) -> tuple[str, ...]:
        """The levels above its own at which a variable's course is a node, the nearest first."""
        above = self.design.lattice.above(self.design.level(name))
        return tuple(level for level in above if f"{name}({level})" in self.nodes)

    def variable(self, name: str) -> Variable | None:
        """What is declared of a variable."""
        return self.design.variables.get(name)

    def condition(self, name: str) -> Condition | None:
        """Where a variable exists at all."""
        variable = self.variable(name)
        return variable.only_when if variable else None

    def window(self, places: tuple[int, ...]) -> Dataset:
        """The data at some places of the grid, for every series."""
        if places not in self._windows:
            self._windows[places] = self.timeline.window(places)
        return self._windows[places]

    def mean(self, name: str, level: str, category: str | None) -> Floats:
        """The mean of what was observed of a variable in the data, for each unit of a level."""
        key = (name, level, category)
        if key not in self._means:
            self._means[key] = np.asarray(mean_observed(self.timeline.data, name, level, category))
        return self._means[key]


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some posterior draws: `parameters` (draws, 1) by address, `deviations` (draws, units) by (address, level).

    `replicate` numbers the draw of the noise, None where there is none; two that follow each other are antithetic. A
    `copied` chunk has noise of its own.
    """

    parameters: Mapping[str, Floats]
    deviations: Mapping[tuple[str, str], Floats]
    start: int
    replicate: int | None = None
    seed: int = 0
    copied: bool = False

    @property
    def draws(self) -> int:
        """How many draws there are."""
        return len(next(iter(self.parameters.values())))

    @property
    def noisy(self) -> bool:
        """Whether variables carry their noise."""
        return self.replicate is not None

    def noise(self, node: int, units: int) -> Floats:
        """Standard normal numbers of one node, the same in all versions; shape (draws, units)."""
        assert self.replicate is not None
        rng = np.random.default_rng([self.seed, self.replicate // 2, node, self.start, *([1] if self.copied else [])])
        drawn = rng.standard_normal((self.draws, units))
        return -drawn if self.replicate % 2 else drawn
