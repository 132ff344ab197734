"""Where the cause that a question moves does not exist: for whom the change stops, or is made all the same."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.over_time.forward import World
from mechanisms.effects.over_time.running import TILED, Runner
from mechanisms.effects.over_time.scenario import Chunk
from mechanisms.graph.graph import occasion_of, variable_of
from mechanisms.spec.theory import Condition, Span

Floats = NDArray[np.float64]


def note_absent(runner: Runner, condition: str) -> Iterator[str]:
    """For how many of the units averaged over the cause does not exist, and how to ask of the others; `condition` is that of `at`.

    A departure that does not exist contributes 0 (language R12). A whole value is set for everybody.
    """
    name = variable_of(runner.scenario.of[0])
    exists = runner.scenario.condition(name)
    others = [each for each in exists.names if each not in runner.scenario.design.lattice.time] if exists else []
    nodes = [node for node in runner.scenario.of if node == name or occasion_of(node) is not None]
    if exists is None or not others or not nodes:
        return
    drawn = any(each in runner.scenario.equations and not runner.scenario.settled(each) for each in others)
    there = np.concatenate([_find_shares(runner, node, drawn=drawn) for node in nodes])
    if bool((there == 1).all()):
        return
    where = f"{nodes[0] if len(nodes) == 1 else name} exists only where {exists}"
    where += f" (with {condition})" if condition else ""
    level = runner.scenario.design.level(name)
    unit = runner.scenario.timeline.client if level in runner.scenario.timeline.levels else level
    of = f"{unit}s" if len(nodes) == 1 else f"occasions of {unit}s that are moved"
    count = f"about {np.mean(1 - there):.0%} of the {of}" if drawn else f"{np.sum(there == 0)} of the {there.size} {of}"
    remedy = (
        f"set: {_say(exists, others)} lets it exist for all"
        if drawn
        else f"at: {_say(exists, others)} asks of the others"
    )
    parts = _find_parts(runner, name)
    if "departure" in parts:
        yield f"{where}: for {count} it does not, and they contribute 0 to the mean. {remedy}"
    if parts & {"value", "whole"}:
        yield f"{where}: for {count} it does not, and it is moved for them as for everybody. {remedy}"


def _find_shares(runner: Runner, node: str, *, drawn: bool) -> Floats:
    """How often a node exists for each unit that is averaged over."""
    scenario, occasion = runner.scenario, occasion_of(node)
    place = None if occasion is None else scenario.timeline.grid.index(occasion)
    found = np.mean([_look(World(scenario, chunk), node, place) for chunk in _chunks(runner, drawn=drawn)], axis=0)
    used = runner.people.weights.any(axis=0)
    return np.asarray(found[used] if len(used) == len(found) else found)


def _look(world: World, node: str, place: int | None) -> Floats:
    found = np.asarray(world.exists(variable_of(node), place))
    return found if found.ndim == 1 else found.mean(axis=0)


def _chunks(runner: Runner, *, drawn: bool) -> Iterator[Chunk]:
    """The first draws, with their noise where that decides; of few draws several times over."""
    chunk = next(runner.chunks())
    if not drawn:
        yield chunk
        return
    for replicate in range(max(2, TILED // chunk.draws)):
        yield replace(chunk, replicate=replicate, seed=runner.fit.seed)


def _find_parts(runner: Runner, name: str) -> set[str]:
    """By which parts a variable acts on others."""
    predictors = (part for equation in runner.fit.plan.equations for part in equation.predictors)
    readings = (each.reading(factor.column) for each in predictors for one in each.arrows for factor in one.factors)
    return {reading.part for reading in readings if reading.variable == name}


def _say(condition: Condition, names: list[str]) -> str:
    """The condition as a question writes it, `{b: 1}`; the first of several values."""
    said = [(name, values) for name, values in condition.values if name in names]
    shown = [(name, "…" if isinstance(values, Span) else values[0]) for name, values in said]
    return "{" + ", ".join(f"{name}: {f'{one:g}' if isinstance(one, float) else one}" for name, one in shown) + "}"
