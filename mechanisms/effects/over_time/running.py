"""Averages of worlds over time: units weighted, deviations and noise averaged over, some posterior draws at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.headway import count_off
from mechanisms.effects.over_time.cubature import HIGHEST, find_points
from mechanisms.effects.over_time.events import combine
from mechanisms.effects.over_time.forward import Drawn, World
from mechanisms.effects.over_time.linearity import Traits, is_bounded, study
from mechanisms.effects.over_time.people import People, is_scattered
from mechanisms.effects.over_time.scenario import Chunk, Scenario
from mechanisms.effects.over_time.tails import Tails
from mechanisms.effects.questions.posing import Ways
from mechanisms.graph.graph import Edge, ancestors
from mechanisms.infer.posterior import Fit
from mechanisms.model.deviations import find_sds

Floats = NDArray[np.float64]
Deviations = dict[tuple[str, str], Floats]
CELLS = 600_000  # numbers in one array of a chunk
CLOSE = 0.05  # of the posterior sd: the Monte Carlo error of each draw's average
EXACT = 0.005  # of the effect itself, where there is no posterior sd
FEWEST, MOST, EFFORT = 4, 512, 12_000_000  # pairs of draws of the noise, and numbers drawn in all
TILED = 200  # a fit of few draws is repeated to about so many, each with noise of its own
WIDE = 16_000  # and one of few draws and few units until a run is worth its beginning


@dataclass(frozen=True)
class Mixed:
    """The world under the exposure's second value (`rest`) or first, but for some nodes that are drawn from a copy.

    The copy has noise of its own and lives under the second value (`level`) or first; each unit keeps its deviations.
    """

    rest: bool
    level: bool
    nodes: frozenset[str]


@dataclass(eq=False)
class Runner:
    """The worlds of one contrast in one population; `ends` are the outcomes whose mean is looked at.

    `taken` counts the pairs of draws of the noise that some difference needed so far: those that follow take as many.
    """

    fit: Fit
    scenario: Scenario
    people: People
    ends: tuple[str, ...]
    taken: int = 0
    _errors: dict[tuple[Ways | Mixed, Ways | Mixed], float] = field(default_factory=dict)
    _means: dict[tuple[Ways | Mixed, int | None], Floats] = field(default_factory=dict)

    @cached_property
    def traits(self) -> Traits:
        """What kind of system it is."""
        return study(self.scenario, self.ends)

    @cached_property
    def drawn(self) -> bool:
        """Whether noise, or new units' deviations, are drawn at random."""
        several = self.traits.degree > 1 and is_scattered(self.people, self.fit.data)
        return self.traits.noisy or (bool(self.people.renewed) and (several or self.traits.degree > HIGHEST))

    @property
    def error(self) -> float:
        """The standard error of averaging over noise, as a share of the posterior sd: the worst of all differences."""
        return max(self._errors.values(), default=0.0)

    @property
    def replicates(self) -> int:
        """How many draws of the noise were taken so far, at most in any world."""
        return self._tiles * max((each[1] + 1 for each in self._means if each[1] is not None), default=0)

    @property
    def pairs(self) -> int:
        """The most pairs of draws of the noise."""
        size = self._count * self.scenario.timeline.clients * max(1, len(self.people.labels) // 4)
        return int(np.clip(EFFORT / size, 2 * FEWEST, MOST))

    def levels(self, ways: Ways | Mixed) -> Floats:
        """The outcome's mean in a world, for each row of people; shape (rows, draws)."""
        if not self.drawn:
            return self.means((ways,), None)[0]
        known = [key[1] for key in self._means if key[0] == ways and key[1] is not None]
        count = max([each + 1 for each in known], default=2 * FEWEST)
        return np.mean([self.means((ways,), each)[0] for each in range(count)], axis=0)

    def gap(self, one: Ways | Mixed, other: Ways | Mixed) -> Floats:
        """One world minus the other, noise in common; shape (rows, draws)."""
        if not self.drawn:
            return np.asarray(np.subtract(*self.means((one, other), None)))
        gaps: list[Floats] = []
        goal = max(FEWEST, self.taken)
        while True:
            for pair in count_off("draws of the noise", range(len(gaps), goal)):
                both = [np.subtract(*self.means((one, other), each)) for each in (2 * pair, 2 * pair + 1)]
                gaps.append(np.mean(both, axis=0))
            self._tails.judge()
            found, relative = _judge(np.array(gaps))
            if relative <= 1 or goal >= self.pairs:
                self.taken, self._errors[one, other] = goal, relative * CLOSE
                return found
            goal = min(2 * goal, self.pairs)

    def means(self, worlds: tuple[Ways | Mixed, ...], replicate: int | None) -> tuple[Floats, ...]:
        """The outcome's mean in each world, for one draw of the noise; worlds of one call share their baseline."""
        new = tuple(dict.fromkeys(ways for ways in worlds if (ways, replicate) not in self._means))
        if new:
            pieces = [self._piece(new, some, replicate) for some in count_off("pieces", list(self._chunks()))]
            for place, ways in enumerate(new):
                self._means[ways, replicate] = np.concatenate([piece[place] for piece in pieces], axis=1)
        return tuple(self._means[ways, replicate] for ways in worlds)

    def chunks(self) -> Iterator[Chunk]:
        """The draws, some at a time, with the deviations of these people; new ones at their mean."""
        for some in self._chunks():
            parameters = {name: values[some][:, None] for name, values in self._parameters.items()}
            own = {key: self._own(key[1], values[some]) for key, values in self._deviations.items()}
            if self.people.typical or self.people.renewed:
                own = {key: np.zeros_like(values) for key, values in own.items()}
            yield Chunk(parameters, own, some.start)

    @cached_property
    def _tails(self) -> Tails:
        return Tails(self.ends[0].partition("(")[0], is_bounded(self.scenario, self.ends))

    @cached_property
    def _running(self) -> Scenario:
        return replace(self.scenario, lean=self.traits.lean)

    @property
    def _count(self) -> int:
        chains, draws = self.fit.shape
        return chains * draws

    @property
    def _tiles(self) -> int:
        if not self.drawn:
            return 1
        return max(1, TILED // self._count, WIDE // (self._count * self.scenario.timeline.clients))

    @cached_property
    def _parameters(self) -> Mapping[str, Floats]:
        return self.fit.parameters

    @cached_property
    def _deviations(self) -> Deviations:
        return self.fit.deviations

    def _chunks(self) -> Iterator[slice]:
        size = 2 * self.scenario.timeline.clients * self._tiles
        step = max(1, CELLS // size)
        yield from (slice(start, min(start + step, self._count)) for start in range(0, self._count, step))

    def _piece(self, worlds: tuple[Ways | Mixed, ...], some: slice, replicate: int | None) -> list[Floats]:
        """The means of some draws in each world; shape (rows, draws) each."""
        total: list[Floats | float] = [0.0] * len(worlds)
        parameters = {name: np.repeat(draws[some], self._tiles)[:, None] for name, draws in self._parameters.items()}
        noise = replicate if self.traits.noisy else None
        for weight, deviations in self._realise(some, replicate):
            chunk = Chunk(parameters, deviations, some.start, noise, self.fit.seed)
            base = World(self._running, chunk)
            for place, ways in enumerate(worlds):
                total[place] = total[place] + weight * self._average(base, ways)
        count = some.stop - some.start
        return [np.reshape(each, (-1, count, self._tiles)).mean(axis=2) for each in total]

    def _average(self, base: World, ways: Ways | Mixed) -> Floats:
        """The mean over outcomes and units, for each row of people; shape (rows, draws)."""
        if isinstance(ways, Mixed):
            world = self._mix(base, ways)
            mixed = combine(self.scenario.look, [world.outcome(end) for end in self.ends])
            return np.asarray(self.people.weights @ mixed.T)
        worlds: dict[frozenset[Edge], World] = {}
        outcomes: list[Floats] = []
        for end, arrows in zip(self.ends, self._joint(ways), strict=True):
            if arrows not in worlds:
                worlds[arrows] = World(self._running, base.chunk, arrows, base) if arrows else base
            outcomes.append(worlds[arrows].outcome(end))
        found = combine(self.scenario.look, outcomes)
        if self.traits.endangered and base.chunk.start == 0:
            self._tails.keep(found, base.chunk.draws // self._tiles)
        return np.asarray(self.people.weights @ found.T)

    def _mix(self, base: World, mixed: Mixed) -> World:
        """The world in which some nodes are those of a copy."""
        every = self._running.arrows
        behind = World(self._running, replace(base.chunk, copied=True))
        copy = World(self._running, behind.chunk, every, behind)
        drawn = Drawn(copy, mixed.nodes, mixed.level)
        low = World(self._running, base.chunk, drawn=drawn)
        return World(self._running, base.chunk, every, low, drawn) if mixed.rest else low

    def _joint(self, ways: Ways) -> tuple[frozenset[Edge], ...]:
        """One set of arrows for all outcomes, where that is the same."""
        whole = ways.all
        if len(self.ends) == 1 or all(
            frozenset(arrow for arrow in whole if arrow[1] in self._before[end]) == arrows
            for end, arrows in zip(self.ends, ways.arrows, strict=True)
        ):
            return tuple(whole if arrows else arrows for arrows in ways.arrows)
        return ways.arrows

    @cached_property
    def _before(self) -> Mapping[str, frozenset[str]]:
        return {end: ancestors(self.scenario.graph, end) | {end} for end in self.ends}

    def _realise(self, some: slice, replicate: int | None) -> Iterator[tuple[float, Deviations]]:
        """Deviations of all units, (draws, units) by (address, level), with their weights."""
        size = (some.stop - some.start) * self._tiles
        own: Deviations = {}
        for (address, level), values in self._deviations.items():
            none = self.people.typical or level in self.people.renewed
            own[address, level] = (
                np.broadcast_to(0.0, (size, values.shape[1]))
                if none
                else np.repeat(self._own(level, values[some]), self._tiles, axis=0)
            )
        roots = [(level, *self._root(level, some)) for level in self.people.renewed]
        width = sum(len(names) for _, names, _ in roots)
        if not self.drawn or not roots:
            points, weights = find_points(width, self.traits.degree if roots else 0)
            for point, weight in zip(points, weights, strict=True):
                yield float(weight), own | self._place(roots, point)
            return
        assert replicate is not None
        rng = np.random.default_rng([self.fit.seed, replicate // 2, some.start])
        fresh: Deviations = {}
        for level, names, root in roots:
            units = self.fit.data.units(level).n
            z = rng.standard_normal((size, len(names), units)) * (-1 if replicate % 2 else 1)
            made = np.repeat(root, self._tiles, axis=0) @ z
            fresh |= {(name, level): made[:, place] for place, name in enumerate(names)}
        yield 1.0, own | fresh

    def _own(self, level: str, values: Floats) -> Floats:
        """The deviations of a level's units, (draws, units): of one unit for all where these people have no other."""
        one = self.people.alone.get(level)
        return values if one is None else np.repeat(values[:, [one]], values.shape[1], axis=1)

    def _place(self, roots: list[tuple[str, list[str], Floats]], point: Floats) -> Deviations:
        found: Deviations = {}
        begin = 0
        for level, names, root in roots:
            made = root @ point[begin : begin + len(names)]
            units = self.fit.data.units(level).n
            shape = (len(made), units)
            found |= {(name, level): np.broadcast_to(made[:, k, None], shape) for k, name in enumerate(names)}
            begin += len(names)
        return found

    def _root(self, level: str, some: slice) -> tuple[list[str], Floats]:
        """The quantities of a level that matter, and the root of their covariances; shape (draws, q, q)."""
        varying = next(each for each in self.fit.plan.varying if each.level == level)
        kept = [k for k, name in enumerate(varying.quantities) if name in self.traits.addresses]
        parameters = {name: values[some] for name, values in self._parameters.items()}
        sds = np.stack(find_sds(varying, self.fit.data.bases, parameters), axis=1)[:, kept]
        matrices = self._correlations[level][some][:, kept][:, :, kept]
        root = np.linalg.cholesky(matrices) if kept else np.zeros((len(sds), 0, 0))
        return [varying.quantities[k] for k in kept], sds[:, :, None] * root

    @cached_property
    def _correlations(self) -> Mapping[str, Floats]:
        return self.fit.correlations


def _judge(gaps: Floats) -> tuple[Floats, float]:
    """The mean over pairs, and its Monte Carlo error as a multiple of what is close enough; the worst row."""
    mean = gaps.mean(axis=0)
    error = np.sqrt((gaps.var(axis=0, ddof=1) / len(gaps)).mean(axis=1))
    if mean.shape[1] > 1:
        spread = np.sqrt(np.maximum(mean.var(axis=1, ddof=1) - np.square(error), 0.0))
        wanted = np.maximum(CLOSE * spread, 1e-12)
    else:
        wanted = np.maximum(EXACT * np.abs(mean[:, 0]), 1e-12)
    return mean, float(np.max(error / wanted))
