"""A setting of fewer units of one level: those that some rows look at, for equations that are read in many versions."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mechanisms.data.dataset import Categories, Column, Dataset
from mechanisms.data.units import ROW, Membership, Units
from mechanisms.model.equations import Equation
from mechanisms.model.missing import find_partners
from mechanisms.model.plan import Plan
from mechanisms.model.setting import Setting
from mechanisms.model.traces import Incidence, find_traces

Rows = NDArray[np.intp]


def find_widest(data: Dataset) -> str:
    """The level with the most units."""
    return max(data.tables, key=lambda table: table.n).level if data.tables else ROW


def find_reads(plan: Plan, data: Dataset, equations: tuple[Equation, ...], level: str) -> dict[str, Incidence]:
    """For each response the units of a level at whose values each of its own units looks; units × units."""
    whole = sparse.eye_array(data.units(level).n, format="csr")
    traces = find_traces(
        plan, data, equations, {each.name: whole for each in data.columns if data.level(each.name) == level}
    )
    return {
        each.response: sum(traces[name] for name in traces if name in find_partners(plan, each.response))
        for each in equations
    }


def find_needed(
    plan: Plan, data: Dataset, level: str, rows: Mapping[str, Rows], reads: Mapping[str, Incidence]
) -> Rows:
    """The units of a level without which some rows of responses cannot be read: those they look at, and those before them."""
    units = data.units(level)
    if any(level in table.above for table in data.tables):
        return np.arange(units.n)
    found = np.zeros(units.n, dtype=np.bool_)
    client = plan.design.lattice.client(level) or ""
    for name, own in rows.items():
        found[reads[name][own].indices] = True
        if plan.equation(name).level != level:
            continue
        found[own] = True
        looks = (each for other in find_partners(plan, name) for each in plan.equation(other).readings)
        for steps in {each.steps for each in looks if each.steps}:  # whether there is an earlier one is looked at too
            before = units.before(-steps, client)[own]
            found[before[before >= 0]] = True
    return np.flatnonzero(found)


def narrow(setting: Setting, level: str, rows: Rows) -> Setting:
    """The setting with these units of a level alone; observed means stay those of all."""
    data = setting.data
    mine = {each.name for each in data.columns if data.level(each.name) == level}
    fewer = replace(
        data,
        columns=tuple(_pick(each, rows) if each.name in mine else each for each in data.columns),
        tables=tuple(_pick_units(each, rows) if each.level == level else each for each in data.tables),
        n=data.n if data.tables else len(rows),
    )
    return replace(
        setting,
        data=fewer,
        values={name: each[..., rows] if name in mine else each for name, each in setting.values.items()},
        deviations={key: each[..., rows] if key[1] == level else each for key, each in setting.deviations.items()},
        known={key: each for key, each in setting.known.items() if key[0] == "mean"},
    )


def _pick(column: Column, rows: Rows) -> Column:
    absent = None if column.absent is None else column.absent[rows]
    if isinstance(column, Categories):
        return replace(column, codes=column.codes[rows], absent=absent)
    return replace(column, values=column.values[rows], absent=absent)


def _pick_units(units: Units, rows: Rows) -> Units:
    above = {
        name: Membership(each.index[rows], None if each.weights is None else each.weights[rows])
        for name, each in units.above.items()
    }
    place = None if units.place is None else units.place[rows]
    return replace(
        units, labels=tuple(units.labels[row] for row in rows), above=above, place=place, seen=units.seen[rows]
    )
