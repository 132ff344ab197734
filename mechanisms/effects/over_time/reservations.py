"""What an answer over time is to be read with: random draws behind an average, series that end, occasions beyond the data."""

from collections.abc import Iterator

import numpy as np

from mechanisms.effects.over_time.running import Runner
from mechanisms.graph.graph import occasion_of, variable_of


def note_noise(runner: Runner) -> Iterator[str]:
    """How far an average over random draws is from exact."""
    if runner.drawn and runner.error > 1e-6:
        what = "noise and deviations" if runner.people.renewed and runner.traits.noisy else "noise"
        what = "new units' deviations" if runner.people.renewed and not runner.traits.noisy else what
        fixed = runner.fit.shape == (1, 1)
        scale = "of the effect" if fixed else "of the posterior sd"
        share = runner.error / 10 if fixed else runner.error
        yield (
            f"averaged over random draws of {what}, {runner.replicates} for each posterior draw and unit: each draw of the "
            f"effect is off by a Monte Carlo error, about {200 * share:.2g} % {scale} (twice the standard error, as these "
            "draws estimate it)"
        )


def note_vacant(runner: Runner) -> Iterator[str]:
    """For how many units it is unknown whose deviations they would have, where what is moved gives them a unit above."""
    scenario, level = runner.scenario, runner.people.level
    moved = {variable_of(node) for node in scenario.moving}
    own = scenario.timeline.data.units(level)
    for varying in runner.fit.plan.varying:
        condition = scenario.design.lattice.condition(varying.level)
        if condition is None or not moved & {*condition.names} or varying.level not in own.above:
            continue
        index = own.above[varying.level].index.reshape(own.n, -1)
        if vacant := int(np.count_nonzero((index < 0).all(axis=1))):
            yield (
                f"{vacant} of {own.n} {level}s have no {varying.level} in the data: where they would have one, it is a typical one "
                "(deviations 0)"
            )


def note_occasions(runner: Runner) -> Iterator[str]:
    """What the occasions that are asked about have beyond the data: series that end, occasions that nobody has."""
    timeline = runner.scenario.timeline
    if not timeline.level:
        return
    units, known = timeline.data.units(timeline.level), timeline.data.grid[timeline.level]
    last = np.full(timeline.clients, -1)
    assert units.place is not None
    np.maximum.at(last, timeline.owners(timeline.level), units.place)
    ended = int(np.count_nonzero((last < len(known) - 1) & (last >= 0)))
    if (
        ended
        and runner.scenario.look.what != "risk"
        and not runner.scenario.look.timed
        and any(occasion_of(node.replace("whole ", "")) is not None for node in runner.ends)
    ):
        whose = (
            f"the series of {ended} of {timeline.clients} {timeline.client}s end"
            if timeline.client
            else "the series ends"
        )
        yield (
            f"{whose} before occasion {known[-1]}: effects are "
            "those had all stayed, if leaving depends on nothing but what the theory holds and the data show"
        )
    nodes = (*runner.ends, *runner.scenario.of)
    asked = [at for node in nodes if (at := occasion_of(node.replace("whole ", ""))) is not None]
    if any(at < known[0] for at in asked):
        yield f"occasions before {known[0]} lie before the data: an extrapolation"
    beyond = [at for at in timeline.grid if at > known[-1]]
    if beyond:
        yield f"occasions after {known[-1]} lie beyond the data: an extrapolation"
