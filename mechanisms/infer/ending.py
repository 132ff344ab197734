"""Series that end at an event while they are simulated: after it there are no rows."""

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.model.plan import Plan

Mask = NDArray[np.bool_]


def find_remaining(plan: Plan, data: Dataset, level: str) -> Mask:
    """Which units of a level are there: all but those after an event of their client, as far as events are known."""
    found = np.ones(data.units(level).n, dtype=np.bool_)
    for equation in plan.equations:
        time = equation.level
        if equation.family != "hazard" or not (level == time or plan.design.lattice.lies_below(level, time)):
            continue
        units = data.units(time)
        owner, place = np.asarray(next(iter(units.above.values())).index), units.place
        assert place is not None
        event = data.numbers(equation.response).values == 1
        happened = np.full(int(owner.max(initial=0)) + 1, np.iinfo(np.intp).max)
        np.minimum.at(happened, owner[event], place[event])
        there = place <= happened[owner]
        found &= there if level == time else there[data.units(level).above[time].index]
    return found
