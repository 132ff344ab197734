"""Who dropped out: which missing values come after the last thing that anybody saw of a unit.

A missing value is dropout when nothing that its equation leads to was observed either; with occasions, when it comes
after the last occasion at which anything of its client was. Other missing values are gaps. A series that ends before the
grid does is lengthened to the grid's end, since the occasions that are not there are what dropout took.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Column, Dataset
from mechanisms.data.units import NOWHERE, Membership, Rows, Units
from mechanisms.errors import FitError, listed
from mechanisms.graph.levels import computed_from
from mechanisms.model.equations import Equation
from mechanisms.model.plan import Plan
from mechanisms.model.scales import as_observed
from mechanisms.model.setting import holds

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Attrition:
    """`data` with every series up to the end of its grid, and by variable the units that `dropped` out or are `gaps`.

    `added` counts the occasions that no row of the data had.
    """

    data: Dataset
    dropped: Mapping[str, Mask]
    gaps: Mapping[str, Mask]
    added: int


def find_attrition(plan: Plan, data: Dataset) -> Attrition:
    """The dropout of data, with the data lengthened to the end of the grid.

    Raises
    ------
    FitError
        Occasions that are not there would need what nobody can know of them.
    """
    if plan.unseen:
        raise FitError(
            f"dropout beside latent variables ({listed(sorted(plan.unseen))}) is not worked out yet: what was lost would have to "
            "be drawn together with what nobody saw"
        )
    longer = data
    for level in plan.theory.time:
        longer = _lengthen(plan, longer, level)
    drawn = _arrows(plan)
    dropped, gaps = {}, {}
    for equation in _measured(plan):
        name = equation.response
        missing = longer[name].missing
        gone = missing & ~_followed(plan, longer, drawn, equation)
        if equation.level in plan.theory.time:
            gone &= _after(plan, longer, equation.level)
        elif not plan.expansion.parents(name):
            gone[:] = False  # a cause that nothing leads to is a baseline: missing, but nobody had left yet
        if gone.any():
            dropped[name] = gone
        if (missing & ~gone).any():
            gaps[name] = missing & ~gone
    return Attrition(longer, dropped, gaps, _count(longer) - _count(data))


def _measured(plan: Plan) -> Iterator[Equation]:
    return (each for each in plan.equations if not each.latent)


def _count(data: Dataset) -> int:
    return sum(data.units(level).n for level in data.grid)


def _arrows(plan: Plan) -> "nx.DiGraph[str]":
    """From every modelled variable to those whose equations, or correlated residuals, look at its values."""
    drawn: nx.DiGraph[str] = nx.DiGraph()
    order = [each.response for each in plan.equations]
    drawn.add_nodes_from(order)
    for equation in plan.equations:
        waiting = [each.variable for each in equation.readings if each.part not in ("course", "trend")]
        while waiting:
            name = waiting.pop()
            variable = plan.design.variables.get(name)
            waiting += [term.name for term in computed_from(variable)] if variable else []
            if name != equation.response:
                drawn.add_edge(name, equation.response)
    for pair in plan.residuals:
        drawn.add_edge(*sorted((pair.one, pair.other), key=order.index))
    return drawn


def _followed(plan: Plan, data: Dataset, drawn: "nx.DiGraph[str]", equation: Equation) -> Mask:
    """The units of which something that the variable leads to was observed."""
    own = data.units(equation.level)
    found = np.zeros(own.n, dtype=np.bool_)
    for name in nx.descendants(drawn, equation.response) & {each.response for each in _measured(plan)}:
        level, seen = plan.equation(name).level, data[name].observed
        if level == equation.level:
            found |= seen
        elif level in own.above:
            index = own.above[level].index.reshape(own.n, -1)
            found |= (seen[index] & (index >= 0)).any(axis=1)
        elif equation.level in data.units(level).above:
            index = data.units(level).above[equation.level].index[seen]
            found[index[index >= 0]] = True
    return found


def _after(plan: Plan, data: Dataset, level: str) -> Mask:
    """The occasions after the last at which something modelled of the client was observed."""
    units = data.units(level)
    assert units.place is not None
    seen = np.zeros(units.n, dtype=np.bool_)
    for equation in _measured(plan):
        if equation.level == level:
            seen |= data[equation.response].observed
    owners = _owners(plan, units)
    last = np.full(int(owners.max(initial=0)) + 1, -1)
    np.maximum.at(last, owners[seen], units.place[seen])
    return np.asarray(units.place > last[owners])


def _owners(plan: Plan, units: Units) -> Rows:
    client = plan.design.lattice.client(units.level)
    return units.above[client].index if client else np.zeros(units.n, dtype=np.intp)


def _lengthen(plan: Plan, data: Dataset, level: str) -> Dataset:
    """The data with a row for every occasion of every client, up to the end of the grid."""
    client = plan.design.lattice.client(level)
    if client is None:
        return data
    old, whose = data.units(level), data.units(client)
    assert old.place is not None
    width, owners = len(data.grid[level]), old.above[client].index
    last = np.full(whose.n, -1)
    np.maximum.at(last, owners, old.place)
    if plan.design.lattice.condition(level):
        last[last < 0] = width - 1  # the level may not exist for a client who has no occasion
    lacking = [(at, place) for at in range(whose.n) for place in range(int(last[at]) + 1, width)]
    if not lacking:
        return data
    _check_lengthening(plan, data, level, client)
    both = np.array([*zip(owners, old.place, strict=True), *lacking], dtype=np.intp)
    order = np.lexsort((both[:, 1], both[:, 0]))
    source = np.where(order < old.n, order, NOWHERE)
    table = _table(data, old, whose, both[order], source)
    tables = tuple(table if each.level == level else replace(each, sizes=table.sizes) for each in data.tables)
    longer = replace(data, tables=tables)
    columns = tuple(
        _stretched(column, source, data.grid[level], table) if data.home[column.name] == level else column
        for column in data.columns
    )
    return _place_absence(plan, replace(longer, columns=columns), level, source)


def _check_lengthening(plan: Plan, data: Dataset, level: str, client: str) -> None:
    """Refuse occasions of which something must be known that nobody knows."""
    lattice, modelled = plan.design.lattice, {each.response for each in _measured(plan)}
    below = [each.level for each in data.tables if level in each.above]
    beside = [each for each in lattice.above(level) if each != client and each not in lattice.above(client)]
    if below or beside:
        raise FitError(
            f"clients are lost before the end of the grid, and nobody knows which {listed(below or beside)} their later "
            f"occasions of {level} would have had: dropout is imputed only where a {level} lies in a {client} alone"
        )
    known = [name for name, home in data.home.items() if home == level and name in data and name not in data.grid]
    if lost := [name for name in known if name not in modelled]:
        raise FitError(
            f"{listed(lost)} {'is' if len(lost) == 1 else 'are'} conditioned on and unknown for the occasions that clients "
            f"who dropped out never had: draw an arrow into {'it' if len(lost) == 1 else 'each'}, so that it is modelled"
        )
    for name in known:
        condition = plan.theory.variable(name).only_when
        if condition and set(condition.names) & modelled:
            raise FitError(
                f"'{name}' exists only when {condition}, which is unknown after dropout: this is not imputed"
            )


def _table(data: Dataset, old: Units, whose: Units, both: Rows, source: Rows) -> Units:
    """The units of a level of time, client by client, with those that are added."""
    grid, owners = np.array(data.grid[old.level]), both[:, 0]
    above = {whose.level: Membership(owners)}
    for name, member in whose.above.items():
        above[name] = Membership(member.index[owners], None if member.weights is None else member.weights[owners])
    labels = tuple(
        (whose.labels[at], occasion) for at, occasion in zip(owners.tolist(), grid[both[:, 1]].tolist(), strict=True)
    )
    sizes = MappingProxyType({**old.sizes, old.level: len(labels)})
    seen = (source >= 0) & old.seen[source]
    return Units(old.level, labels, MappingProxyType(above), both[:, 1], seen, sizes)


def _stretched(column: Column, source: Rows, grid: tuple[int, ...], table: Units) -> Column:
    """A column with room for the added occasions, its moments those of what was observed."""
    new = source < 0
    absent = None if column.absent is None else np.where(new, False, column.absent[source])
    if isinstance(column, Categories):
        return replace(column, codes=np.where(new, -1, column.codes[source]), absent=absent)
    values = np.where(new, np.nan, column.values[source])
    if column.name == table.level:
        values = np.array(grid, dtype=np.float64)[table.place]
    return replace(column, values=values, absent=absent)


def _place_absence(plan: Plan, data: Dataset, level: str, source: Rows) -> Dataset:
    """The data with the variables of a level absent from added occasions where they do not exist."""
    setting = as_observed(plan, data)
    found: list[Column] = []
    for column in data.columns:
        here = data.home[column.name] == level and column.name not in data.grid
        condition = plan.theory.variable(column.name).only_when if here else None
        if condition is None:
            found.append(column)
            continue
        outside = np.broadcast_to(holds(setting, condition, level, 0), len(source)) == 0
        before = False if column.absent is None else column.absent
        found.append(replace(column, absent=np.where(source < 0, outside, before)))
    return replace(data, columns=tuple(found))
