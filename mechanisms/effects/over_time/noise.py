"""The noise of a system that is run forward: residuals, correlated where the theory draws `a <-> b`.

Where a value is known, because it was observed or is conditioned on, its residual is known too, and those that are
correlated with it are drawn given it.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.over_time.scenario import Chunk, Scenario
from mechanisms.model.missing import find_partners

Floats = NDArray[np.float64]
Known = tuple[Floats, NDArray[np.bool_]]  # values, and for which units they are known


def draw_residual(scenario: Scenario, chunk: Chunk, name: str, place: int | None, known: Mapping[str, Known]) -> Floats:
    """The standard normal residual of a variable at a place, the same in all versions; shape (draws, units).

    `known` are the standardised residuals of others that are correlated with it. Without noise it is what is expected.
    """
    level = scenario.design.level(name)
    units = scenario.timeline.clients if place is not None else scenario.timeline.data.units(level).n
    if scenario.node(name, place) not in scenario.nodes:
        return np.zeros((chunk.draws, units))  # it does not exist there
    partners = sorted(find_partners(scenario.plan, name), key=lambda each: (each not in known, each))
    partners = [each for each in partners if scenario.node(each, place) in scenario.nodes]
    root = np.linalg.cholesky(_correlations(scenario, chunk, partners))
    found: list[Floats] = []
    for place_of, each in enumerate(partners):
        node = scenario.nodes[scenario.node(each, place)]
        drawn = chunk.noise(node, units) if chunk.noisy else np.zeros((chunk.draws, units))
        if each in known:
            residual, seen = known[each]
            before = _combine(root[:, place_of], found)
            drawn = np.where(seen, (residual - before) / root[:, place_of, place_of, None], drawn)
        found.append(drawn)
    return np.asarray(_combine(root[:, partners.index(name)], found))


def _combine(row: Floats, independent: list[Floats]) -> Floats | float:
    """Independent normals by one row of the root of their correlations."""
    return sum((row[:, k, None] * each for k, each in enumerate(independent)), 0.0)


def draw_more(scenario: Scenario, chunk: Chunk, name: str, place: int | None) -> Floats:
    """Further standard normal noise of a variable at a place, independent of its residual; shape (draws, units)."""
    level = scenario.design.level(name)
    units = scenario.timeline.clients if place is not None else scenario.timeline.data.units(level).n
    return chunk.noise(len(scenario.nodes) + scenario.nodes[scenario.node(name, place)], units)


def _correlations(scenario: Scenario, chunk: Chunk, names: list[str]) -> Floats:
    """The correlations of some residuals; shape (draws, k, k)."""
    found = np.broadcast_to(np.eye(len(names)), (chunk.draws, len(names), len(names))).copy()
    for each in scenario.plan.residuals:
        if each.one in names and each.other in names:
            i, j = names.index(each.one), names.index(each.other)
            found[:, i, j] = found[:, j, i] = chunk.parameters[each.address][:, 0]
    return found
