"""What a PyMC model computes, apart from the numbers in it: an outline, and the data that fill it.

Data are whatever does not move with the point at which a density is looked at, worked out as far as it goes: columns and
curves of columns, the places of units, means and scales of columns and of priors, log factorials of counts. They are taken
out and become arguments. What remains is structure: what is done with what, how long each array is, whole and half numbers.
A model with the same outline is the same function of its data, so what was compiled for one serves the other; and what
never changes is not worked out again at every point. That rests on no promise about how models are written: data are taken
out before anything is simplified, and what simplifies an outline knows of no values.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from threading import Lock
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Constant, equal_computations
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import toposort
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.subtensor import AdvancedIncSubtensor, AdvancedSubtensor
from pytensor.tensor.type import TensorType

MOST = 8  # outlines for which is remembered what was made
# where whole numbers are data; elsewhere they are lengths
_PLACES = (Elemwise, AdvancedSubtensor, AdvancedIncSubtensor)
_ROUND = 2.0**20
_pytensor: Any = pytensor  # untyped in its stubs
_NOTHING: Any = None
_PLAIN = Mode(linker="py", optimizer=_NOTHING)


@dataclass(frozen=True, eq=False)
class Outline:
    """Log density and what is kept of a draw, as functions of a point and of data; shapes are part of the types.

    `point` are the model's unconstrained values, `data` what was taken out, `outputs` the log density first.
    """

    point: tuple[Any, ...]
    data: tuple[Any, ...]
    outputs: tuple[Any, ...]

    @property
    def inputs(self) -> tuple[Any, ...]:
        """All that the outputs are functions of."""
        return *self.point, *self.data


def take_outline(model: pm.Model, kept: Sequence[str]) -> tuple[Outline, tuple[NDArray[Any], ...]]:
    """A model's outline, where `kept` are the names of variables that a draw keeps; and the data that fill it."""
    shapes: Any = model.eval_rv_shapes()
    free = [model.rvs_to_values[each] for each in model.free_RVs]
    named = {each.name: each for each in model.unobserved_value_vars}
    outputs = [model.logp(), *(named[name] for name in kept)]
    swaps = {each: pt.tensor(each.name, dtype=each.dtype, shape=tuple(map(int, shapes[each.name]))) for each in free}
    point = tuple(swaps.values())
    data: list[Any] = []
    values: list[NDArray[Any]] = []
    numbers: list[tuple[Any, float]] = []
    for each, value, uses in _find_still(free, outputs):
        if value.size == 1 and value.dtype == np.float64 and not _is_round(value):
            numbers.append((each, value.item()))
        elif value.size > 1 and (value.dtype.kind == "f" or _are_places(value.dtype, uses)):
            swaps[each] = pt.tensor(dtype=value.dtype, shape=value.shape)
            data.append(swaps[each])
            values.append(value)
        else:
            swaps[each] = pt.constant(value)
    if numbers:  # in one array, since every further argument takes time to compile
        data.append(pt.vector("numbers", shape=(len(numbers),)))
        values.append(np.array([number for _, number in numbers]))
        swaps |= {each: data[-1][place].dimshuffle(["x"] * each.ndim) for place, (each, _) in enumerate(numbers)}
    made: Any = clone_replace(outputs, swaps, rebuild_strict=False)
    return Outline(point, tuple(data), tuple(made)), tuple(np.ascontiguousarray(each) for each in values)


def are_same(one: Outline, other: Outline) -> bool:
    """Whether two outlines are the same function of a point and of data of these shapes."""
    types = [[each.type for each in outline.inputs] for outline in (one, other)]
    if types[0] != types[1] or len(one.outputs) != len(other.outputs):
        return False
    return bool(equal_computations([*one.outputs], [*other.outputs], [*one.inputs], [*other.inputs]))


def remember[Made](make: Callable[[Outline], Made]) -> Callable[[Outline], Made]:
    """A function of outlines that gives for each of the last few of this process what it made of it the first time."""
    known: deque[tuple[Outline, Made]] = deque(maxlen=MOST)
    making = Lock()

    @wraps(make)
    def recall(outline: Outline) -> Made:
        with making:
            for one, made in known:
                if are_same(outline, one):
                    return made
            known.append((outline, make(outline)))
            return known[-1][1]

    return recall


def _find_still(point: Sequence[Any], outputs: Sequence[Any]) -> list[tuple[Any, NDArray[Any], list[Any]]]:
    """What does not move with the point, as far as it goes: each variable with its value and the operations that use it."""
    moving = set(point)
    uses: dict[Any, list[Any]] = {}
    for node in toposort(outputs):
        if moving.intersection(node.inputs):
            moving.update(node.outputs)
            for each in node.inputs:
                uses.setdefault(each, []).append(node.op)
    edge = dict.fromkeys((*uses, *outputs))
    still = [each for each in edge if each not in moving and isinstance(each.type, TensorType)]
    asked = [each for each in still if not isinstance(each, Constant)]
    known = dict(zip(asked, _pytensor.function([], asked, mode=_PLAIN)() if asked else [], strict=True))
    return [
        (each, np.asarray(each.data if isinstance(each, Constant) else known[each]), uses.get(each, []))
        for each in still
    ]


def _is_round(value: NDArray[Any]) -> bool:
    """Whether a number is a whole or a half one."""
    return float(2 * value.item()).is_integer() and abs(value.item()) < _ROUND


def _are_places(dtype: np.dtype[Any], uses: Sequence[Any]) -> bool:
    """Whether whole numbers, or yes and no, are looked up or reckoned with; a mask that selects rows says how many."""
    kinds = Elemwise if dtype == np.bool_ else _PLACES
    return bool(uses) and all(isinstance(each, kinds) for each in uses)
