"""Whom an effect over time is averaged over: units and their weights, and whose deviations they have (language 1.10)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Column, Dataset
from mechanisms.data.units import Units
from mechanisms.effects.questions.population import weigh
from mechanisms.errors import DataError, IdentificationError, SpecError, listed
from mechanisms.graph.levels import Design, computed_from
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question, Scalar

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class People:
    """Rows of weights over the units of `level`, each with a label and in words.

    `near` are columns that take one value for all; the deviations of the levels in `renewed` are drawn anew; those of
    a `typical` unit are 0; of the levels in `alone` all have the deviations of that one unit.
    """

    level: str
    weights: Floats  # (rows, units)
    labels: tuple[str, ...]
    words: tuple[str, ...]
    near: Mapping[str, float]
    renewed: tuple[str, ...] = ()
    typical: bool = False
    alone: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


def find_people(
    fit: Fit, question: Question, level: str, at: Mapping[str, Scalar], seen: Mapping[str, Column], client: str
) -> tuple[People, ...]:
    """The units that an answer is averaged over: those of the outcome's level that `at` leaves.

    `seen` are the columns of what is conditioned on at an occasion, one value for each `client`. They are several where
    each unit asks for deviations of its own.
    """
    data, design = fit.data, fit.plan.design
    if level in design.lattice.time:
        return (_single(question, level, at),)
    if seen and level != client:
        raise SpecError(
            f"question: at: {listed(seen)} differs within one {level}: condition on a variable of the {level}",
            question.place,
        )
    columns = {name: seen[name] if name in seen else _column(data, design, name, level) for name in at}
    n = data.units(level).n
    for name, column in columns.items():
        if not column.observed.any():
            raise DataError(f"at: nobody in the data has a value of {name}")
    weights, near, exact, said = weigh(columns, at, n)
    near = {name: value for name, value in near.items() if name not in seen}
    kept = int(np.count_nonzero(weights))
    count = f"the {kept} of {n} {level}s in the data" if exact else f"the {n} {level}s in the data"
    whom = count + (" with " + " and ".join(said) if at else "")
    row = (weights / weights.sum())[None, :]
    population = question.population
    if population == "these":
        return (People(level, row, ("",), (f"{whom}, each with its own deviations",), near),)
    if population == "typical":
        words = f"a typical {level}: every deviation at 0, averaged over what is observed of {whom}"
        return (People(level, row, ("",), (words,), near, typical=True),)
    kind, named = population
    if kind == "new":
        return (_renew(fit, design, level, str(named), row, near, whom),)
    return _list_each(fit, level, str(named), weights, near)


def is_scattered(people: People, data: Dataset) -> bool:
    """Whether some unit averaged over sees several units of a level that is renewed, each with deviations of its own."""
    return any(_sees_several(table, people.level, level) for level in people.renewed for table in data.tables)


def _sees_several(table: Units, level: str, renewed: str) -> bool:
    owners, others = (_list_members(table, each) for each in (level, renewed))
    if owners is None or others is None:
        return False
    pairs = {(a, b) for one, other in zip(owners, others, strict=True) for a in one for b in other}
    return len(pairs) > len({a for a, _ in pairs})


def _list_members(table: Units, level: str) -> list[list[int]] | None:
    """For each unit of a table, the units of a level that it lies in; None where it lies in none."""
    if table.level == level:
        return [[place] for place in range(table.n)]
    if level not in table.above:
        return None
    above = table.above[level]
    there = above.index >= 0 if above.weights is None else (above.index >= 0) & (above.weights > 0)
    index = above.index.reshape(table.n, -1)
    return [[int(each) for each in one[held]] for one, held in zip(index, there.reshape(table.n, -1), strict=True)]


def _single(question: Question, level: str, at: Mapping[str, Scalar]) -> People:
    """The one series that there is."""
    if at:
        raise SpecError(f"question: at: there is one series of {level}s, so that there is no group to condition on")
    if question.population not in ("these", "typical"):
        raise IdentificationError(f"population: there is one series of {level}s, and no others to ask about")
    return People(level, np.ones((1, 1)), ("",), (f"the one series of {level}s in the data",), {})


def _renew(
    fit: Fit, design: Design, level: str, named: str, row: Floats, near: Mapping[str, float], whom: str
) -> People:
    below = tuple(each for each in design.lattice.names if each == named or design.lattice.lies_below(each, named))
    varying = tuple(each.level for each in fit.plan.varying if each.level in below)
    if not varying:
        raise IdentificationError(f"population: nothing varies among {named}s, so that new ones are like these")
    words = f"new {named}s: deviations drawn from their distribution, averaged over what is observed of {whom}"
    return People(level, row, ("",), (words,), near, renewed=varying)


def _list_each(fit: Fit, level: str, named: str, weights: Floats, near: Mapping[str, float]) -> tuple[People, ...]:
    """A row for each unit of a level, averaged over the units of the outcome's level in it, or that meet it below."""
    data = fit.data
    units, own = data.units(named), data.units(level)
    met = [each for each in data.tables if level in each.above and named in each.above]
    if named == level:
        varying = {each.level for each in fit.plan.varying} - {level}
        others = [each for each in sorted(varying) if any(_sees_several(table, level, each) for table in data.tables)]
        words = f", and those of the {listed(others)}s that it has at these occasions" if others else ""
        return (_one_by_one(data, level, named, np.eye(units.n), weights, near, words),)
    if named in own.above:
        above = own.above[named]
        index = above.index.reshape(own.n, -1)
        parts = above.weights if above.weights is not None else np.ones(index.shape)
        member = np.stack([(parts * (index == each)).sum(axis=1) for each in range(units.n)])
        people = _one_by_one(data, level, named, member, weights, near)
        return (people,) if above.weights is None else _set_apart(people, data, named)
    if met:
        member = np.zeros((units.n, own.n))
        for table in met:
            pairs = zip(_list_members(table, named) or (), _list_members(table, level) or (), table.seen, strict=True)
            for one, other in ((a, b) for ones, others, seen in pairs if seen for a in ones for b in others):
                member[one, other] += 1
        return _set_apart(_one_by_one(data, level, named, member, weights, near), data, named)
    raise IdentificationError(
        f"population: each {named}: the outcome has one value per {level}, which has no {named} of its own; "
        f"write each: {level}"
    )


def _one_by_one(
    data: Dataset,
    level: str,
    named: str,
    member: Floats,
    weights: Floats,
    near: Mapping[str, float],
    besides: str = "",
) -> People:
    """A row for each unit of a level that has members, (units, units of the outcome's level), averaged over these."""
    units = data.units(named)
    rows = member * weights[None, :]
    used = np.flatnonzero(rows.any(axis=1))
    shares = rows[used] / rows[used].sum(axis=1, keepdims=True)
    labels = tuple(f"{named}={units.labels[each]}" for each in used)
    words = tuple(f"{named} {units.labels[each]}, with its own deviations{besides}" for each in used)
    return People(level, shares, labels, words, near)


def _set_apart(people: People, data: Dataset, named: str) -> tuple[People, ...]:
    """Each unit of a shared level by itself, as if those who share it had no other: their effects with its deviations."""
    units = data.units(named)
    found: list[People] = []
    for label, row in zip(people.labels, people.weights, strict=True):
        own = next(place for place, each in enumerate(units.labels) if f"{named}={each}" == label)
        above = {name: int(each.index[own]) for name, each in units.above.items() if each.weights is None}
        words = (
            f"{named} {units.labels[own]}, with its own deviations: its {people.level}s by their shares, as if they had "
            f"no other {named}"
        )
        found.append(
            replace(people, weights=row[None, :], labels=(label,), words=(words,), alone={named: own, **above})
        )
    return tuple(found)


def _column(data: Dataset, design: Design, name: str, level: str) -> Column:
    """A condition's column for the units of a level."""
    variable = design.variables.get(name)
    if variable is not None and computed_from(variable):
        raise IdentificationError(f"at: {name} is computed; condition on what it is computed from")
    if name not in data:
        raise IdentificationError(f"at: the theory has no variable '{name}'")
    own = design.level(name)
    if own == level:
        return data[name]
    if own not in data.units(level).above:
        raise SpecError(
            f"question: at: {name} differs within one {level}, so that no {level} has one value of it. Condition on a "
            f"variable of the {level} (make a column of it), or set: {{{name}: …}} to intervene"
        )
    return _handed_down(data, name, level, own)


def _handed_down(data: Dataset, name: str, level: str, own: str) -> Column:
    """The column of a coarser level, for the units that lie in it."""
    column = data[name]
    index = data.units(level).above[own].index
    if index.ndim > 1 or (index < 0).any():
        raise IdentificationError(
            f"at: {name} belongs to the {own}, and some {level}s have none or several: condition on a variable of the {level}"
        )
    if isinstance(column, Categories):
        return replace(column, codes=column.codes[index], absent=None)
    return replace(column, values=column.values[index], absent=None)
