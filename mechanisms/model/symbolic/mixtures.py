"""Missing values of discrete variables that others rest on, summed out, so that no sampler ever meets a discrete unknown.

The density of what rests on them is the sum over what they may have been: Σ P(m) · p(what m points at | m), taken as
`model.frontiers` says, in every version of the values in its slots at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product as every
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray

from mechanisms.model.discrete import Mixture, number_cells
from mechanisms.model.equations import Equation
from mechanisms.model.frontiers import Frontier
from mechanisms.model.log_densities import log_density
from mechanisms.model.narrowing import find_widest, narrow
from mechanisms.model.setting import Setting
from mechanisms.model.symbolic.densities import give_rows
from mechanisms.model.symbolic.noise import Together, predict_together

ops: Any = pt  # untyped in PyTensor's stubs, as the next
_pytensor: Any = pytensor
Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


def add_mixture(setting: Setting, groups: Sequence[Together], mixture: Mixture) -> None:
    """The density of the rows that are apart, as a potential of the model.

    `beyond(m)` bounds, missing value by missing value, the log of what the sum over a count leaves out.
    """
    cells = sum(len(each.rows) for each in mixture.discrete)
    longest = max(len(each.values) for each in mixture.discrete)
    # Added to the log weight of every value: the slope of the log density along it is the value's chance.
    nothing = ops.zeros((cells, longest))
    level = find_widest(setting.data)
    total: Any = 0.0
    for frontier, rows in zip(mixture.frontiers, mixture.needed, strict=True):
        weights = _weigh(narrow(setting, level, rows), groups, mixture, frontier, {level: rows})
        total = total + _sum_out(weights, mixture, frontier, nothing)
    pm.Potential(f"summed({', '.join(each.name for each in mixture.discrete)})", total)
    if not any(each.open for each in mixture.discrete):
        return
    chances: Any = _pytensor.grad(total, nothing)
    for each, own in number_cells(mixture.discrete):
        if each.open:
            top = len(each.values) - 1
            pm.Deterministic(f"beyond({each.name})", _follow(chances[own, top], chances[own, top - 1]))


def _sum_out(weights: Any, mixture: Mixture, frontier: Frontier, nothing: Any) -> Any:
    """The log of the sum over all cells of a frontier: each component is rid of one cell after another."""
    owned = [mixture.discrete[owner] for owner in frontier.owners]
    sizes = np.concatenate([each.sizes for each in mixture.discrete])
    total: Any = 0.0
    state: Any = 0.0
    done = 0
    for cells, following in zip(frontier.steps, [*frontier.steps[1:], np.zeros(0)], strict=True):
        state = state + weights[done : done + len(cells)]
        done += len(cells)
        slots = frontier.slots[cells]
        for slot in np.unique(slots):
            count = len(owned[slot].values)
            allowed = np.where(np.arange(count) < sizes[cells][:, None], 0.0, -np.inf)
            shape = [len(cells), *(count if place == slot else 1 for place in range(len(owned)))]
            prior = (allowed + nothing[cells, :count]).reshape(shape)
            here = (slots == slot).reshape([-1] + [1] * len(owned))
            summed = _log_sum(state + prior, axis=int(slot) + 1)
            state = summed if here.all() else ops.switch(here, summed, state)
        if len(following) < len(cells):
            total = total + state[(slice(len(following), None), *[0] * len(owned))].sum()
            state = state[: len(following)]
    return total


def _log_sum(values: Any, axis: int) -> Any:
    """The log of the sum of exponentials, kept from underflow here: a rewrite would come after the gradient of `beyond`."""
    top = _pytensor.gradient.disconnected_grad(values.max(axis=axis, keepdims=True))
    return top + ops.log(ops.exp(values - top).sum(axis=axis, keepdims=True))


def _weigh(
    setting: Setting, groups: Sequence[Together], mixture: Mixture, frontier: Frontier, kept: Mapping[str, Rows]
) -> Any:
    """The log density of the rows of every group, in each version; groups × the values of each slot.

    `kept` are the units of a level that the setting has.
    """
    grid = np.array(list(every(*(mixture.discrete[owner].values for owner in frontier.owners))))
    values = dict(setting.values)
    for each, own in number_cells(mixture.discrete):
        slots = frontier.slots[own]
        here = slots >= 0
        filled = np.repeat(np.array(values[each.name], dtype=np.float64)[None], len(grid), axis=0)
        filled[:, _place(kept, each.equation, each.rows[here])] = np.minimum(
            grid[:, slots[here]], each.sizes[here] - 1.0
        )
        values[each.name] = filled
    versions = replace(setting, values=values)
    total = ops.zeros((sum(len(each) for each in frontier.steps), len(grid)))
    for together in groups:
        for equation, etas, sigma in predict_together(versions, together):
            rows = frontier.rows.get(equation.response, np.zeros(0, dtype=np.intp))
            if not len(rows):
                continue
            at = _place(kept, equation, rows)
            given = give_rows(versions, equation, etas, sigma, at)
            density = log_density(given, values[equation.response][..., at]) + np.zeros((len(grid), len(at)))
            total = ops.inc_subtensor(total[frontier.groups[equation.response]], density.T)
    return total.reshape((-1, *(len(mixture.discrete[owner].values) for owner in frontier.owners)))


def _place(kept: Mapping[str, Rows], equation: Equation, rows: Rows) -> Rows:
    """Where rows of a response stand among those that are kept of its level."""
    return np.searchsorted(kept[equation.level], rows) if equation.level in kept else rows


def _follow(last: Any, before: Any) -> Any:
    """The log of what follows the last term of a sum whose terms fall ever faster: last · r / (1 − r) with r = last / before."""
    falls = last < before
    ratio = ops.switch(falls, last / ops.switch(falls, before, 1.0), 0.5)
    rest = ops.log(last) + ops.log(ratio) - ops.log1p(-ratio)
    return ops.switch(falls, rest, ops.switch(last > 0, np.inf, -np.inf))
