"""The ways of values from one level's units to another's and from one occasion to another, on arrays and on tensors.

The last axis of every array counts the units of one level; axes before it (draws) broadcast.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.spec.levels import Lattice
from mechanisms.spec.terms import Occasions, Relative, Term


def hand_down(data: Dataset, values: Any, fine: str, coarse: str) -> Any:
    """The values of a coarser level's units handed to the units of a finer one; 0 where a unit lies in none."""
    if fine == coarse or (np.ndim(values) == 0 and not hasattr(values, "type")):
        return values
    member = data.units(fine).above[coarse]
    if member.weights is not None:
        return sum(pick(values, member.index[:, k]) * member.weights[:, k] for k in range(member.index.shape[1]))
    return pick(values, member.index)


def look_back(data: Dataset, lattice: Lattice, values: Any, level: str, steps: int) -> Any:
    """The values some places earlier in the grid of the same client; 0 before its beginning (language R15)."""
    if steps == 0:
        return values
    return pick(values, data.units(level).before(-steps, lattice.client(level) or ""))


def look_at(data: Dataset, lattice: Lattice, values: Any, level: str, occasion: int) -> Any:
    """The values at one occasion, one for each client; 0 where a client has none."""
    place = data.grid[level].index(occasion)
    return pick(values, data.units(level).at(place, lattice.client(level) or ""))


def see_term(data: Dataset, lattice: Lattice, term: Term, values: Any, own: str, level: str) -> Any:
    """The values of a term's variable, one for each unit of its `own` level, as the term shows them to units of `level`."""
    if isinstance(term.when, Occasions):
        at = look_at(data, lattice, values, own, term.when.first)
        return hand_down(data, at, level, lattice.client(own) or own)
    if isinstance(term.when, Relative) and term.when.steps:
        return look_back(data, lattice, values, own, term.when.steps)
    return hand_down(data, values, level, own)


def pick(values: Any, index: NDArray[np.intp]) -> Any:
    """The values at an index; 0 where it is −1."""
    if getattr(values, "ndim", 0) == 0:
        return values * (index >= 0)
    found = values[..., index]
    return found if np.all(index >= 0) else found * (index >= 0)
