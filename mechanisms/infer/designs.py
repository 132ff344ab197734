"""The units of a simulated study: who lies in whom, and which occasions of each client leave a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.units import ROW
from mechanisms.errors import SpecError, did_you_mean, listed
from mechanisms.model.plan import Plan
from mechanisms.spec.arrangement import Arrangement, Count, Each, Occasions
from mechanisms.spec.levels import Lattice, finest
from mechanisms.spec.parameters import Parameters

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Layout:
    """Rows of the finest level: `ids` the columns that name units, `rows` each row's unit, `sizes` how many there are."""

    ids: Mapping[str, NDArray[Any]]
    rows: Mapping[str, Rows]
    sizes: Mapping[str, int]


def lay_out(parameters: Parameters, plan: Plan, n: int, rng: np.random.Generator) -> Layout:
    """`n` clients, the units that they lie in, and their occasions; without levels `n` rows.

    Clients are the units in which time begins anew; without time, those of the finest level.

    Raises
    ------
    SpecError
        The file's design does not fit the theory's levels.
    """
    if not plan.theory.levels:
        if parameters.design:
            raise SpecError("design: the theory has no levels; n says how many rows there are", parameters.place)
        return Layout({}, {ROW: np.arange(n)}, {ROW: n})
    lattice, lowest = plan.design.lattice, _lowest(parameters, plan)
    _check_levels(parameters, lattice)
    time = lowest if lowest in lattice.time else None
    client = (lattice.client(time) if time else lowest) or ""
    within = _climb(parameters, lattice, client, n, rng)
    if time is None:
        rows = dict(within)
        ids = {level: index + 1 for level, index in rows.items()}
    else:
        owners, occasions = _occasions(parameters, plan, time, n, rng)
        rows = {level: index[owners] for level, index in within.items()} | {time: np.arange(len(owners))}
        ids = {level: index + 1 for level, index in rows.items() if level != time} | {time: occasions}
    sizes = {level: int(index.max()) + 1 for level, index in within.items()}
    sizes |= {time: len(rows[time])} if time else {}
    return Layout({level: ids[level] for level in reversed(lattice.names)}, rows, sizes)


def _lowest(parameters: Parameters, plan: Plan) -> str:
    """The finest level, if clients, what they lie in and one series each are all there is."""
    lattice, lowest = plan.design.lattice, finest(plan.theory)
    fault = None
    if lowest is None:
        fault = "no level lies below all others"
    elif any(lowest != name for name in lattice.time):
        fault = f"levels below {listed(lattice.time)}, or beside it"
    for level in lattice.levels:
        if level.shared_by or level.only_when:
            fault = f"{level.name}: {'shared_by' if level.shared_by else 'only_when'}"
    if fault or lowest is None:
        raise SpecError(
            f"design: {fault}: a file cannot say how these units nest yet; give `simulate` a frame", parameters.place
        )
    return lowest


def _check_levels(parameters: Parameters, lattice: Lattice) -> None:
    """The file says of every level but the clients' how many there are, and of none that is not there."""
    place = parameters.place
    lowest = lattice.finest(lattice.names)[0]
    client = lattice.client(lowest) if lowest in lattice.time else lowest
    for name, said in parameters.design.items():
        if name not in lattice.names:
            raise SpecError(f"design: unknown level '{name}'.{did_you_mean(name, lattice.names)}", place)
        if name == client:
            raise SpecError(f"design: how many {name} there are is n", place)
        timed = name in lattice.time
        if timed != isinstance(said, Occasions):
            wanted = "occasions, dropout or missed" if timed else "a number, or how many lie in each, {client: 4..8}"
            raise SpecError(f"design: {name}: {wanted} is wanted", place)
        if isinstance(said, Each) and name not in lattice.above(said.below)[:1]:
            below = [each.name for each in lattice.levels if name in each.within]
            raise SpecError(f"design: {name}: {said.below} does not lie in it; {listed(below)} does", place)
    absent = [name for name in lattice.names if name not in parameters.design and name not in (client, *lattice.time)]
    if absent:
        raise SpecError(f"design: nothing is said of {listed(absent)}: how many are there?", place)


def _climb(parameters: Parameters, lattice: Lattice, client: str, n: int, rng: np.random.Generator) -> dict[str, Rows]:
    """For each client the unit of every level that it lies in, itself first."""
    found: dict[str, Rows] = {client: np.arange(n)} if client else {}
    waiting = [client] if client else []
    while waiting:
        name = waiting.pop(0)
        for above in next(each.within for each in lattice.levels if each.name == name):
            if above not in found:
                members = _share_out(parameters.design[above], int(found[name].max()) + 1, above, parameters, rng)
                found[above] = members[found[name]]
                waiting.append(above)
    return found


def _share_out(said: Arrangement, n: int, level: str, parameters: Parameters, rng: np.random.Generator) -> Rows:
    """The unit that each of `n` lies in, in a random order; the last unit takes what is left."""
    if isinstance(said, Count):
        if said.units > n:
            raise SpecError(f"design: {level}: {said.units} units for {n} that lie in them", parameters.place)
        index = np.arange(n) % said.units
    else:
        assert isinstance(said, Each)
        sizes = rng.integers(said.least, said.most + 1, size=n)
        index = np.repeat(np.arange(n), sizes)[:n]
    return rng.permutation(index).astype(np.intp)


def _occasions(
    parameters: Parameters, plan: Plan, time: str, n: int, rng: np.random.Generator
) -> tuple[Rows, NDArray[np.int64]]:
    """Whose each row is, and its occasion: none after dropout, none where one was missed."""
    said = parameters.design.get(time, Occasions())
    assert isinstance(said, Occasions)
    declared = next(level.occasions for level in plan.theory.levels if level.name == time)
    if declared and said.grid:
        raise SpecError(f"design: {time}: the theory declares its occasions", parameters.place)
    grid = np.array(declared or said.grid, dtype=np.int64)
    if not grid.size:
        raise SpecError(f"design: {time}: say its occasions, {time}: {{occasions: 0..14}}", parameters.place)
    n = n if plan.design.lattice.client(time) else 1
    stays = rng.random((n, len(grid))) >= said.dropout
    stays[:, 0] = True
    there = np.logical_and.accumulate(stays, axis=1)
    last = there.sum(axis=1) - 1
    missed = rng.random((n, len(grid))) < said.missed
    missed[np.arange(n), last] = False
    owners, place = np.nonzero(there & ~missed)
    return owners.astype(np.intp), grid[place]
