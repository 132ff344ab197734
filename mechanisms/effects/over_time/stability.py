"""Where a lasting change leads in the long run, in a system whose departures are linear: a solve, not a long wait."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories
from mechanisms.data.shapes import is_gap
from mechanisms.effects.over_time.forward import World
from mechanisms.effects.over_time.running import Runner
from mechanisms.effects.over_time.scenario import Chunk, Scenario
from mechanisms.graph.graph import descendants, variable_of
from mechanisms.graph.levels import computed_from
from mechanisms.spec.terms import Relative

Floats = NDArray[np.float64]


class Unsettled(Exception):
    """There is no long run, and why."""


def find_long_run(runner: Runner) -> Floats:
    """The limit of the outcome once the exposure stays moved, per draw, for the first row of people; shape (draws,).

    In every draw the departures of the variables that respond solve s = B s + c, where B sums the coefficients of all
    lags. Raises `Unsettled` where the system is not linear, changes with the occasion, or grows without end.
    """
    scenario = runner.scenario
    if not runner.traits.lean:
        raise Unsettled("no long run is given: the system is not linear in what departs")
    reached = {variable_of(node) for node in descendants(scenario.graph, *scenario.of)}
    of, on = variable_of(scenario.of[0]), variable_of(runner.ends[0])
    names = [name for name in scenario.equations if name in reached and scenario.timed(name) and name != of]
    if on not in names:
        raise Unsettled(
            f"no long run is given for {on}: it is computed, or does not respond; ask of what it is made of"
        )
    if any(each.name == of and isinstance(each, Categories) for each in scenario.timeline.data.columns):
        raise Unsettled(f"no long run is given: {of} has categories; ask for a later horizon, most=…")
    _refuse_conditions(scenario, [*names, of])
    lags = _longest(scenario, names)
    pieces, worst = [], []
    for chunk in runner.chunks():
        steps = _read_steps(scenario, chunk, names, of, lags)
        limits, radius = _settle(steps, names.index(on), runner.people.weights[0])
        pieces.append(limits)
        worst.append(radius)
    exploding = float(np.mean(np.concatenate(worst) >= 1))
    if exploding:
        raise Unsettled(
            f"no long run is given: in {100 * exploding:.3g} % of the draws a change grows from occasion to occasion "
            "without end (spectral radius 1 or more)"
        )
    step = scenario.number(of, scenario.high) - scenario.number(of, scenario.low)
    return np.concatenate(pieces) * step


def _refuse_conditions(scenario: Scenario, names: list[str]) -> None:
    times = set(scenario.design.lattice.time)
    conditions = [scenario.condition(name) for name in names]
    equations = [scenario.equations[name] for name in names if name in scenario.equations]
    conditions += [each.only_when for equation in equations for each in equation.arrows]
    factors = [
        (equation, factor) for equation in equations for each in equation.terms("mean") for factor in each.factors
    ]
    trends = any(
        equation.reading(factor.column).part == "trend" and not is_gap(factor.column) for equation, factor in factors
    )
    if trends or any(times & set(condition.names) for condition in conditions if condition):
        raise Unsettled("no long run is given: what acts on what changes with the occasion")


def _longest(scenario: Scenario, names: list[str]) -> int:
    """How far back the equations look, sums included."""
    found = 0
    for name in names:
        for reading in scenario.equations[name].readings:
            back = -reading.steps if reading.part != "trend" else 0
            found = max(found, back + _behind(scenario, reading.variable))
    return found


def _behind(scenario: Scenario, name: str) -> int:
    variable = scenario.variable(name)
    terms = computed_from(variable) if variable else ()
    return max(
        (_behind(scenario, t.name) + (-t.when.steps if isinstance(t.when, Relative) else 0) for t in terms), default=0
    )


class _Impulse(World):
    """A world in which one variable departs by 1 at one place and nothing else departs at all."""

    def __init__(self, scenario: Scenario, chunk: Chunk, where: tuple[str, int] | None) -> None:
        super().__init__(scenario, chunk)
        self._where = where

    def value(self, name: str, place: int | None, own: bool, course: bool) -> Floats:
        """1 at the place of the impulse, else 0; sums are those of impulses."""
        if place is None or name not in (*self.scenario.equations, variable_of(self.scenario.of[0])):
            return super().value(name, place, own, course)
        return self.departure(name, place, own, course)

    def departure(self, name: str, place: int | None, own: bool, course: bool = False) -> Floats:
        """The same."""
        if place is None:
            return super().departure(name, place, own, course)
        return np.full(self.scenario.timeline.clients, float((name, place) == self._where))

    def respond(self, name: str, place: int) -> Floats:
        """What the terms of its own level add to a variable; shape (draws, units)."""
        return self._own(self._predictor_of(name), place, own=False, course=False)


def _read_steps(scenario: Scenario, chunk: Chunk, names: list[str], of: str, lags: int) -> Floats:
    """The coefficients of each lag; shape (lags + 1, draws, units, responses, causes), the exposure the last cause."""
    grid = scenario.timeline.grid
    longer = (*grid, *range(grid[-1] + 1, grid[-1] + 2 + lags))
    open_ended = replace(scenario, of=(of,), timeline=replace(scenario.timeline, grid=longer))
    here = len(longer) - 1
    nothing = _Impulse(open_ended, chunk, None)
    base = {name: nothing.respond(name, here) for name in names}
    found = [
        [
            [
                _Impulse(open_ended, chunk, (cause, here - lag)).respond(name, here) - base[name]
                for cause in (*names, of)
            ]
            for name in names
        ]
        for lag in range(lags + 1)
    ]
    size = (chunk.draws, scenario.timeline.clients)
    table = np.array([[[np.broadcast_to(each, size) for each in row] for row in lag] for lag in found])
    moved = np.moveaxis(table, (1, 2), (3, 4))
    same = np.ptp(moved, axis=2).max() == 0
    return moved[:, :, :1] if same else moved


def _settle(steps: Floats, outcome: int, weights: Floats) -> tuple[Floats, Floats]:
    """The limit for the outcome, averaged over units, and the largest spectral radius; shape (draws,) each."""
    size = steps.shape[3]
    causes, exposure = steps[..., :size], steps[..., size]
    whole = np.eye(size) - causes.sum(axis=0)
    with np.errstate(all="ignore"):
        singular = np.abs(np.linalg.det(whole)) < 1e-12
    solvable = np.where(singular[..., None, None], np.eye(size), whole)
    limits = np.linalg.solve(solvable, exposure.sum(axis=0)[..., None])[..., outcome, 0]
    now = np.linalg.inv(np.eye(size) - causes[0])
    later = [now @ each for each in causes[1:]] or [np.zeros_like(now)]
    companion = np.concatenate(later, axis=-1)
    if len(later) > 1:
        shift = np.eye(size * (len(later) - 1), size * len(later))
        shape = (*companion.shape[:-2], *shift.shape)
        companion = np.concatenate([companion, np.broadcast_to(shift, shape)], axis=-2)
    radius = np.abs(np.linalg.eigvals(companion)).max(axis=-1)
    used = weights if radius.shape[1] > 1 else np.ones(1)
    return limits @ used, radius[:, used != 0].max(axis=1)
