"""In which order missing values are summed out of what rests on them: a frontier of a few values at a time.

Rows that rest on a cell tie it to the other cells that they rest on. Of cells that are tied, directly or by others, every
combination would have to be weighed: 2^k for k sessions in a row. But a cell is done with once the rows that rest on it
are: it is summed out, and the next comes into its place (variable elimination; Zhang & Poole 1996, JAIR 5; along a series
the forward recursion of a hidden Markov model). So only the cells of a frontier are weighed together. Each stands in a slot,
and the combinations of the slots' values are the versions in which every row is looked at, whatever its component.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mechanisms.model.traces import Incidence

FEW = 64  # versions of which there may be more than needed, so that the equations are written once
NEAR = 4  # times as many versions as needed are no reason to write them again
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Frontier:
    """Components of cells whose sums are taken side by side; cells are numbered through all variables.

    `owners` is each slot's variable; `slots` each cell's slot, -1 for cells of another frontier. In step s the components
    that still go on, the first `len(steps[s])`, are each rid of one cell, `steps[s]`; before that the density of its rows is
    added. `rows` are the rows of each response, `groups` the place of each in the steps laid end to end. `widest` are the
    cells of one component at a moment at which the most of them are weighed together.
    """

    owners: tuple[int, ...]
    slots: Rows
    rows: Mapping[str, Rows]
    groups: Mapping[str, Rows]
    steps: tuple[Rows, ...]
    widest: tuple[int, ...]


@dataclass(frozen=True)
class _Component:
    """Cells in the order in which they are summed out, the slot of each, and how many slots each variable has.

    `widest` are the most cells that are weighed together.
    """

    cells: tuple[int, ...]
    slots: tuple[tuple[int, int], ...]  # variable, and which of its slots
    widths: tuple[int, ...]
    widest: tuple[int, ...]


def find_frontiers(touched: Mapping[str, Incidence], owners: Rows, sizes: Sequence[int]) -> tuple[Frontier, ...]:
    """The frontiers of all cells.

    `touched` says which cells the rows of each response rest on (rows × cells), `owners` whose each cell is, `sizes` how
    many values each variable may have.
    """
    whole = sparse.vstack(list(touched.values())).tocsr()
    ties = (whole.T @ whole).tocsr()
    number, labels = sparse.csgraph.connected_components(ties, directed=False)
    members = np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels, minlength=number))[:-1])
    components = [_arrange(each, ties, owners, len(sizes)) for each in members]
    return tuple(_lay_out(widths, each, touched, len(owners)) for widths, each in _share_out(components, sizes))


def _arrange(cells: Rows, ties: Incidence, owners: Rows, variables: int) -> _Component:
    """Next comes the cell that brings the fewest others with it; a cell takes the first slot that is free."""
    near = {
        int(each): {int(other) for other in ties.indices[ties.indptr[each] : ties.indptr[each + 1]]} for each in cells
    }
    waiting, live = set(near), dict[int, tuple[int, int]]()
    order, slots, widths = [], [], [0] * variables
    widest: tuple[int, ...] = ()
    while waiting:
        candidates = {other for each in live for other in near[each] & waiting} | live.keys() if live else waiting
        chosen = min(candidates, key=lambda each: (len((near[each] & waiting) - live.keys()), each not in live, each))
        for each in sorted((near[chosen] & waiting) - live.keys()):
            variable = int(owners[each])
            taken = set(live.values())
            live[each] = next((variable, k) for k in count() if (variable, k) not in taken)
            widths[variable] = max(widths[variable], live[each][1] + 1)
        widest = max(widest, tuple(sorted(live)), key=len)
        order.append(chosen)
        slots.append(live.pop(chosen))
        waiting.remove(chosen)
    return _Component(tuple(order), tuple(slots), tuple(widths), widest)


def _share_out(
    components: Sequence[_Component], sizes: Sequence[int]
) -> list[tuple[tuple[int, ...], list[_Component]]]:
    """The components by what they take: under wider ones where that adds few versions, all together where these are few."""
    widest = tuple(int(each) for each in np.max([each.widths for each in components], axis=0))
    if _count(widest, sizes) <= FEW:
        return [(widest, list(components))]
    found: dict[tuple[int, ...], list[_Component]] = {}
    for each in sorted(components, key=lambda each: (-_count(each.widths, sizes), each.widths)):
        own = _count(each.widths, sizes)
        under = (top for top in found if _fits(each.widths, top) and _count(top, sizes) <= max(FEW, NEAR * own))
        found.setdefault(min(under, key=lambda top: _count(top, sizes), default=each.widths), []).append(each)
    return list(found.items())


def _fits(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True))


def _count(widths: Sequence[int], sizes: Sequence[int]) -> int:
    return prod(size**width for size, width in zip(sizes, widths, strict=True))


def _lay_out(
    widths: tuple[int, ...], components: list[_Component], touched: Mapping[str, Incidence], cells: int
) -> Frontier:
    """The longest components first, so that those which go on are always the first ones."""
    components = sorted(components, key=lambda each: -len(each.cells))
    begin = np.concatenate([[0], np.cumsum(widths)])
    slots, groups = np.full(cells, -1), np.full(cells, -1)
    steps: list[Rows] = []
    done = 0
    for step in range(len(components[0].cells)):
        going = [each for each in components if len(each.cells) > step]
        steps.append(np.array([each.cells[step] for each in going]))
        slots[steps[-1]] = [begin[each.slots[step][0]] + each.slots[step][1] for each in going]
        groups[steps[-1]] = done + np.arange(len(going))
        done += len(going)
    rows, placed = {}, {}
    for name, each in touched.items():
        looking, looked = each.nonzero()
        looking, found = looking[groups[looked] >= 0], groups[looked][groups[looked] >= 0]
        rows[name] = np.unique(looking)
        first = np.full(each.shape[0], done)
        np.minimum.at(first, looking, found)
        placed[name] = first[rows[name]]
    owners = tuple(int(each) for each in np.repeat(np.arange(len(widths)), widths))
    widest = max((each.widest for each in components), key=len)
    return Frontier(owners, slots, rows, placed, tuple(steps), widest)
