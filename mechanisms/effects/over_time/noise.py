"""The noise of a system that is run forward: residuals, correlated where the theory draws `a <-> b`."""

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.over_time.scenario import Chunk, Scenario
from mechanisms.model.missing import find_partners

Floats = NDArray[np.float64]


def draw_residual(scenario: Scenario, chunk: Chunk, name: str, place: int | None) -> Floats:
    """The standard normal residual of a variable at a place, the same in all versions; shape (draws, units)."""
    level = scenario.design.level(name)
    units = scenario.timeline.clients if place is not None else scenario.timeline.data.units(level).n
    partners = sorted(find_partners(scenario.plan, name))
    partners = [each for each in partners if scenario.node(each, place) in scenario.nodes]
    raw = [chunk.noise(scenario.nodes[scenario.node(each, place)], units) for each in partners]
    if len(partners) == 1:
        return raw[0]
    row = np.linalg.cholesky(_correlations(scenario, chunk, partners))[:, partners.index(name)]
    return np.asarray(sum(row[:, k, None] * each for k, each in enumerate(raw)))


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
