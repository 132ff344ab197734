"""Worlds: which value of each variable an equation is handed when some arrows carry the change and others do not.

One rule (design: "a question is a set of arrows"): an arrow in the set hands on the moved value of its tail, an arrow
outside it the baseline value. A *version* of a variable is the variable in one of its states, and a world says which
versions the outcome needs.
"""

from dataclasses import dataclass
from typing import Protocol

from mechanisms.data.shapes import variable_of
from mechanisms.effects.looking import MEAN, Look, is_plain, list_predictors
from mechanisms.graph.graph import Edge, Graph, ancestors, causal_order, descendants, reach
from mechanisms.graph.question import hold
from mechanisms.model.equations import Equation, Factor
from mechanisms.model.plan import Plan
from mechanisms.spec.definitions import WeightedSum, parse_definition

State = tuple[str, bool]


@dataclass(frozen=True)
class Version:
    """A variable in one state; its random part belongs to the state."""

    name: str
    state: State


class World(Protocol):
    """How the change travels: the outcome's state, the parents' states, and which exposure value a node sees."""

    def begin(self, on: str) -> State:
        """The outcome's state."""
        ...

    def step(self, node: str, state: State, parent: str) -> State:
        """The state in which a node in this state is handed a parent."""
        ...

    def exposed(self, node: str, state: State, of: str) -> bool:
        """Whether a node in this state is handed the exposure's moved value."""
        ...


@dataclass(frozen=True)
class Nested:
    """Arrows in the set hand on moved values (natural effects, paths, total and controlled effects)."""

    arrows: frozenset[Edge]
    moved: frozenset[str]

    def begin(self, on: str) -> State:
        """Moved, if the change reaches the outcome."""
        return ("own", on in self.moved)

    def step(self, node: str, state: State, parent: str) -> State:
        """Moved along an arrow in the set, baseline along any other."""
        return ("own", state[1] and (parent, node) in self.arrows and parent in self.moved)

    def exposed(self, node: str, state: State, of: str) -> bool:
        """Moved, if the exposure's arrow into the node is in the set."""
        return state[1] and (of, node) in self.arrows


@dataclass(frozen=True)
class Drawn:
    """Mediators are random draws from their law under do(of = level); all else lives under do(of = rest).

    VanderWeele, Vansteelandt & Robins (2014): the draw is independent of the unit's other variables, so everything
    behind the mediators is a second, independent copy.
    """

    rest: bool
    level: bool
    drawn: frozenset[str]

    def begin(self, on: str) -> State:
        """The outcome lives under `rest`."""
        return ("own", self.rest)

    def step(self, node: str, state: State, parent: str) -> State:
        """A drawn mediator and all behind it live in the copy under `level`."""
        return ("drawn", self.level) if state[0] == "drawn" or parent in self.drawn else state

    def exposed(self, node: str, state: State, of: str) -> bool:
        """By the level of the state."""
        return state[1]


@dataclass(frozen=True)
class Scene:
    """What stays the same between the worlds of one question: who acts on whom, what is held, and what is looked at.

    `drawn` is the graph before anything is held.
    """

    plan: Plan
    of: str
    on: str
    held: frozenset[str]
    graph: Graph
    drawn: Graph
    look: Look = MEAN

    @property
    def moving(self) -> frozenset[str]:
        """The variables that the exposure or a held variable can move and that are not themselves set.

        Latent variables behind the outcome are among them, and what they lead to: nobody observed what they are, so that their
        equations say it, and what follows from them goes with them.
        """
        unseen = self.plan.unseen & ancestors(self.graph, self.on)
        return (descendants(self.graph, self.of, *self.held, *unseen) | unseen) - self.held - {self.of}

    @property
    def plain(self) -> bool:
        """Whether what is looked at is the outcome's linear predictor itself, or a sum."""
        return bool(self.parts(self.on)) or is_plain(self.look, self.plan.equation(self.on))

    def parts(self, name: str) -> tuple[tuple[float, str], ...]:
        """What a computed variable is the sum of, each part with its weight; nothing for any other."""
        variable = self.plan.design.variables.get(name)
        definition = parse_definition(variable.computed, variable.place) if variable and variable.computed else None
        if not isinstance(definition, WeightedSum):
            return ()
        return tuple((weight, term.name) for weight, term in definition.parts)

    def predictors(self, name: str) -> tuple[Equation, ...]:
        """A variable's linear predictors, of a sum none; of the outcome those that what is looked at depends on."""
        if self.parts(name):
            return ()
        equation = self.plan.equation(name)
        return list_predictors(self.look, equation) if name == self.on else equation.predictors

    def columns(self, name: str) -> tuple[str, ...]:
        """The columns that these need; of a sum those of its parts."""
        parts = tuple(part for _, part in self.parts(name))
        return parts or tuple(dict.fromkeys(column for each in self.predictors(name) for column in each.columns))

    def parents(self, name: str) -> tuple[str, ...]:
        """The variables that these look at."""
        return tuple(dict.fromkeys(variable_of(column) for column in self.columns(name)))


def set_scene(plan: Plan, of: str, on: str, held: frozenset[str], graph: Graph, look: Look) -> Scene:
    """The scene of a question on its graph: arrows into held variables are gone."""
    return Scene(plan, of, on, held, hold(graph, held), graph, look)


def nested(scene: Scene, arrows: frozenset[Edge]) -> Nested:
    """The world in which exactly these arrows carry the change."""
    links: dict[str, list[str]] = {}
    for tail, head in arrows:
        links.setdefault(tail, []).append(head)
    return Nested(arrows, reach(links, [scene.of]) - {scene.of})


@dataclass(frozen=True)
class Source:
    """Where a node's parent comes from: the exposure (moved or not), a held or observed column, or a version."""

    kind: str  # "exposure", "held", "row", "version"
    moved: bool = False
    version: Version | None = None


Traced = tuple[tuple[Version, dict[str, Source]], ...]


def trace(scene: Scene, world: World) -> Traced:
    """The versions that the outcome needs, causes first and the outcome last, each with its parents' sources."""
    found: dict[Version, dict[str, Source]] = {}
    waiting = [Version(scene.on, world.begin(scene.on))]
    moving = scene.moving
    while waiting:
        version = waiting.pop()
        if version in found:
            continue
        sources = {}
        for parent in scene.parents(version.name):
            sources[parent] = _source(scene, world, version, parent, moving)
            if (behind := sources[parent].version) is not None:
                waiting.append(behind)
        found[version] = sources
    order = {name: position for position, name in enumerate(causal_order(scene.graph))}
    return tuple(sorted(found.items(), key=lambda item: (order[item[0].name], item[0].state)))


def _source(scene: Scene, world: World, version: Version, parent: str, moving: frozenset[str]) -> Source:
    if parent == scene.of:
        return Source("exposure", moved=world.exposed(version.name, version.state, scene.of))
    if parent in scene.held:
        return Source("held")
    if parent not in moving:
        return Source("row")
    return Source("version", version=Version(parent, world.step(version.name, version.state, parent)))


def find_degree(scene: Scene, traced: Traced, of: frozenset[Version] | None) -> float:
    """The polynomial degree of the outcome's linear predictors in the given versions jointly (None: in the row's columns).

    Infinite where they pass through a link that is not the identity on the way, or into a spread that matters.
    """
    last, sources = traced[-1]
    if parts := scene.parts(last.name):
        return _sum_degree(parts, sources, _version_degrees(scene, traced, of), rows=of is None)
    return max(degree for _, degree in list_degrees(scene, traced, of))


def list_degrees(scene: Scene, traced: Traced, of: frozenset[Version] | None) -> list[tuple[Equation, float]]:
    """The same for each of the linear predictors that are looked at."""
    degree = _version_degrees(scene, traced, of)
    last, sources = traced[-1]
    return [(each, _degree(each, sources, degree, rows=of is None)) for each in scene.predictors(last.name)]


def _version_degrees(scene: Scene, traced: Traced, of: frozenset[Version] | None) -> dict[Version, float]:
    """The degree of every version on the way to the outcome."""
    degree: dict[Version, float] = {}
    for version, sources in traced[:-1]:
        if parts := scene.parts(version.name):
            own = _sum_degree(parts, sources, degree, rows=of is None)
        else:
            own = _value_degree(scene, traced, version, sources, degree, rows=of is None)
        degree[version] = 1.0 if of is not None and version in of and own <= 1 else own
    return degree


def _sum_degree(
    parts: tuple[tuple[float, str], ...], sources: dict[str, Source], degree: dict[Version, float], *, rows: bool
) -> float:
    """A sum is of the degree of its parts."""
    return max(_source_degree(sources[name], degree, rows=rows) for _, name in parts)


def _source_degree(source: Source, degree: dict[Version, float], *, rows: bool) -> float:
    if source.version is not None:
        return degree[source.version]
    return 1.0 if rows and source.kind == "row" else 0.0


def _value_degree(
    scene: Scene,
    traced: Traced,
    version: Version,
    sources: dict[str, Source],
    degree: dict[Version, float],
    *,
    rows: bool,
) -> float:
    """A mediator's degree: that of its mean, infinite where its spread is moved as well and its noise matters."""
    equation = scene.plan.equation(version.name)
    found = {each.role == "spread": 0.0 for each in equation.predictors}
    for each in equation.predictors:
        spread = each.role == "spread"
        found[spread] = max(found[spread], _degree(each, sources, degree, rows=rows))
    if found[False] > 0 and equation.link != "identity":
        return float("inf")
    if found.get(True, 0.0) > 0 and not (scene.plain and find_degree(scene, traced, frozenset({version})) <= 1):
        return float("inf")
    return found[False]


def _degree(equation: Equation, sources: dict[str, Source], degree: dict[Version, float], *, rows: bool) -> float:
    def of_source(source: Source) -> float:
        return _source_degree(source, degree, rows=rows)

    if isinstance(equation.out_of, str) and of_source(sources[equation.out_of]):
        return float("inf")  # it multiplies what comes out of the link
    return max(
        (
            sum(_factor_degree(factor, of_source(sources[factor.variable])) for factor in each.factors)
            for each in equation.coefficients
        ),
        default=0.0,
    )


def _factor_degree(factor: Factor, source: float) -> float:
    """A power multiplies; a curve has no degree, but its columns of the rows' values are columns of the rows themselves."""
    return factor.degree * source if source else 0.0
