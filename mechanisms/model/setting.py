"""A setting: values, parameters and deviations under which a plan's equations can be read, on tensors or on numbers.

    link(E[y]) = course(y) + Σ coefficients of own-level terms,   departure = y − inverse link(course)

Everything a column can show is worked out here, by indexing, `+` and `*` only, so that PyTensor samples by the same
lines that NumPy simulates and checks by. The last axis of every array counts the units of one level; axes before it
(draws) broadcast.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Dataset
from mechanisms.graph.levels import Design
from mechanisms.model.equations import Coefficient, Equation, Reading
from mechanisms.model.plan import Plan
from mechanisms.model.predictor import product
from mechanisms.spec.definitions import WeightedSum, parse_definition
from mechanisms.spec.terms import Occasions, Relative, Term
from mechanisms.spec.theory import Condition, Span

Mask = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Setting:
    """What the equations of a plan are read under.

    `parameters` by address; `deviations` by (address, level), one per unit of the level; `values` by variable, one per
    unit of its level, 0 where a variable does not exist and filled where it is missing; `inverse` is the inverse link
    (link, η). What has been worked out is kept in `known`. `present` says where a variable exists, if not as in the data.
    """

    plan: Plan
    data: Dataset
    parameters: Mapping[str, Any]
    deviations: Mapping[tuple[str, str], Any]
    values: Mapping[str, Any]
    inverse: Callable[[str, Any], Any]
    known: dict[Any, Any] = field(default_factory=dict)
    present: Mapping[str, Any] = field(default_factory=dict)

    @property
    def design(self) -> Design:
        """The levels."""
        return self.plan.design


def predict(setting: Setting, equation: Equation) -> Any:
    """η for every unit of the response's level: its course there, and the terms of its own level."""
    return base_course(setting, equation) + own_terms(setting, equation)


def own_terms(setting: Setting, equation: Equation) -> Any:
    """Σ of an equation's own-level terms, for every unit of the response's level."""
    eta: Any = np.zeros(setting.data.units(equation.level).n)
    for each in equation.terms("mean"):
        eta = eta + _term(setting, equation, each, equation.level, _Whole())
    return eta


def served_course(setting: Setting, equation: Equation) -> Any:
    """What whole values at their courses add to the course of an equation's response, for every unit of its level."""
    eta: Any = np.zeros(setting.data.units(equation.level).n)
    for each in _serving(setting, equation):
        level = setting.design.lattice.above(equation.level)[0]
        eta = eta + spread(setting, _term(setting, equation, each, level, _AtCourse()), equation.level, level)
    return eta


def course(setting: Setting, name: str, level: str) -> Any:
    """What is expected of a variable for each unit of a level above its own, on the scale of its linear predictor."""
    key = ("course", name, level)
    if key not in setting.known:
        setting.known[key] = _course(setting, name, level)
    return setting.known[key]


def departure(setting: Setting, name: str) -> Any:
    """A variable minus its course, for every unit of its own level; 0 where it does not exist."""
    key = ("departure", name)
    if key not in setting.known:
        equation = _equation(setting, name)
        if equation is None:
            expected = _observed_course(setting, name)
        else:
            eta = base_course(setting, equation) + served_course(setting, equation)
            expected = setting.inverse(equation.link, eta)
        setting.known[key] = (setting.values[name] - expected) * exists(setting, name)
    return setting.known[key]


def exists(setting: Setting, name: str) -> Any:
    """1 for the units of a variable's level for which it exists at all, else 0 (language R12)."""
    if name in setting.present:
        return setting.present[name]
    column = setting.data[name]
    n = setting.data.units(setting.design.level(name)).n
    return np.ones(n) if column.absent is None else 1.0 - column.absent


def spread(setting: Setting, values: Any, fine: str, coarse: str) -> Any:
    """The values of a coarser level's units handed to the units of a finer one; 0 where a unit lies in none."""
    if fine == coarse or (np.ndim(values) == 0 and not hasattr(values, "type")):
        return values
    member = setting.data.units(fine).above[coarse]
    if member.weights is not None:
        return sum(_pick(values, member.index[:, k]) * member.weights[:, k] for k in range(member.index.shape[1]))
    return _pick(values, member.index)


def _pick(values: Any, index: NDArray[np.intp]) -> Any:
    """The values at an index; 0 where it is −1."""
    if getattr(values, "ndim", 0) == 0:
        return values * (index >= 0)
    found = values[..., index]
    return found if np.all(index >= 0) else found * (index >= 0)


def _course(setting: Setting, name: str, level: str) -> Any:
    equation = _equation(setting, name)
    if equation is None:
        return _observed_mean(setting, name, level)
    lattice = setting.design.lattice
    eta = setting.parameters[equation.intercept]
    for above in (level, *lattice.above(level)):
        own = setting.deviations.get((equation.intercept, above))
        if own is not None:
            eta = eta + spread(setting, own, level, above)
    for each in equation.terms("course"):
        if each.unit == level or lattice.lies_below(level, each.unit):
            eta = eta + spread(setting, _term(setting, equation, each, each.unit, _Whole()), level, each.unit)
        elif lattice.lies_below(each.unit, level) and _stands_in(equation, each, level):
            eta = eta + _term(setting, equation, each, level, _AtCourse())
    for each in _serving(setting, equation):
        eta = eta + _term(setting, equation, each, level, _AtCourse())
    return eta + np.zeros(setting.data.units(level).n)


def base_course(setting: Setting, equation: Equation) -> Any:
    """The course of every own-level unit without what whole values contribute to it: trends and occasions count."""
    key = ("base", equation.response)
    if key in setting.known:
        return setting.known[key]
    own = equation.level
    eta = setting.parameters[equation.intercept] + np.zeros(setting.data.units(own).n)
    for above in setting.design.lattice.above(own):
        mine = setting.deviations.get((equation.intercept, above))
        if mine is not None:
            eta = eta + spread(setting, mine, own, above)
    for each in equation.terms("course"):
        moved = spread(setting, _term(setting, equation, each, each.unit, _Whole()), own, each.unit)
        eta = eta + moved * holds(setting, each.only_when, own, each.condition_steps)
    for each in equation.terms("trend"):
        moved = _term(setting, equation, each, own, _Whole())
        eta = eta + moved * holds(setting, each.only_when, own, each.condition_steps)
    setting.known[key] = eta
    return eta


def _serving(setting: Setting, equation: Equation) -> tuple[Coefficient, ...]:
    """Coefficients of whole values at this occasion: they move the course of the effect as well, where it has its own."""
    client = setting.design.client(equation.response)
    if client is None or client not in equation.intercepts:
        return ()
    found = []
    for each in equation.terms("mean"):
        readings = [equation.reading(factor.column) for factor in each.factors]
        now = all(r.steps == 0 and r.part != "departure" for r in readings)
        if now and any(r.part == "whole" for r in readings):
            found.append(each)
    return tuple(found)


def _stands_in(equation: Equation, coefficient: Coefficient, level: str) -> bool:
    """Whether a finer course's coefficient serves a coarser level too, since no coefficient of its own is drawn there."""
    readings = [equation.reading(factor.column) for factor in coefficient.factors]
    causes = {each.variable for each in readings if each.part == "course"}
    if not causes:
        return False
    drawn = {r.variable for r in equation.readings if r.part == "course" and r.level == level}
    return not causes & drawn


class _Whole:
    """Columns as they are."""


class _AtCourse:
    """Columns with every departure at 0: courses stand for whole values."""


Reader = _Whole | _AtCourse


def _term(setting: Setting, equation: Equation, each: Coefficient, level: str, reader: Reader) -> Any:
    """One coefficient, with its deviations, times its columns, for the units of a level."""
    lattice = setting.design.lattice
    if each.owner:
        value = spread(setting, latent_value(setting, each.owner), level, setting.design.level(each.owner))
    else:
        value = setting.parameters[each.address]
    for above in each.varies_by:
        if above == level or lattice.lies_below(level, above):
            value = value + spread(setting, setting.deviations[each.address, above], level, above)
    columns = {f.column: _column(setting, equation, equation.reading(f.column), level, reader) for f in each.factors}
    result = value * product(each.factors, columns)
    if each.moves == "mean" and isinstance(reader, _Whole):
        result = result * holds(setting, each.only_when, level, each.condition_steps)
    return result


def _column(setting: Setting, equation: Equation, reading: Reading, level: str, reader: Reader) -> Any:
    if isinstance(reader, _AtCourse) and reading.part in ("whole", "course"):
        return _at_course(setting, reading.variable, level, reading.category)
    if reading.part in ("value", "trend"):
        return spread(setting, value_of(setting, reading), level, reading.level)
    if reading.part == "course":
        return spread(setting, _part(setting, equation, reading), level, reading.level)
    if reading.part == "departure":
        return earlier(setting, departure(setting, reading.variable), reading.level, reading.steps)
    whole = value_of(setting, reading)
    return earlier(setting, whole, reading.level, reading.steps)


def _at_course(setting: Setting, name: str, level: str, category: str | None) -> Any:
    weights = sum_of(setting, name)
    if weights is not None:
        net: dict[str, float] = {}
        for weight, term in weights.parts:
            net[term.name] = net.get(term.name, 0.0) + weight
        return sum((w * _at_course(setting, other, level, None) for other, w in net.items() if w), 0.0)
    equation = _equation(setting, name)
    if equation is None or category is not None:
        return _observed_mean(setting, name, level, category)
    return setting.inverse(equation.link, course(setting, name, level))


def _part(setting: Setting, equation: Equation, reading: Reading) -> Any:
    """A course as a cause: for this level's units, without what a coarser level's own arrow carries (language R7)."""
    found = _as_mean(setting, reading.variable, reading.level)
    coarser = [
        each.level
        for each in equation.readings
        if each.variable == reading.variable
        and each.part == "course"
        and setting.design.lattice.lies_below(reading.level, each.level)
    ]
    nearest = [a for a in setting.design.lattice.above(reading.level) if a in coarser][:1]
    for above in nearest:
        found = found - spread(setting, _as_mean(setting, reading.variable, above), reading.level, above)
    return found


def _as_mean(setting: Setting, name: str, level: str) -> Any:
    equation = _equation(setting, name)
    if equation is None:
        return _observed_mean(setting, name, level)
    return setting.inverse(equation.link, course(setting, name, level))


def latent_value(setting: Setting, name: str) -> Any:
    """A coefficient variable for each unit of its level: what its equation expects, and the unit's own deviation."""
    key = ("latent", name)
    if key not in setting.known:
        equation = setting.plan.equation(name)
        setting.known[key] = predict(setting, equation) + setting.deviations[name, equation.level]
    return setting.known[key]


def value_of(setting: Setting, reading: Reading) -> Any:
    """The values of a variable, a category's indicator, or a computed variable, for the units of the reading's level."""
    name, data = reading.variable, setting.data
    if name in setting.design.lattice.time and name not in setting.values:
        return data.numbers(name).values
    if sum_of(setting, name) is not None:
        return _sum(setting, name)
    equation = _equation(setting, name)
    if equation is not None and equation.latent:
        return latent_value(setting, name)
    if reading.category is not None and isinstance(data[name], Categories):
        found = data[name].indicator(reading.category)  # type: ignore[union-attr]
    else:
        found = setting.values[name]
    if reading.occasion is None:
        return found
    return at_occasion(setting, found, setting.design.level(name), reading.occasion)


def sum_of(setting: Setting, name: str) -> WeightedSum | None:
    """The definition of a computed variable; None for any other."""
    variable = setting.design.variables.get(name)
    if variable is None or not variable.computed:
        return None
    found = parse_definition(variable.computed, variable.place)
    return found if isinstance(found, WeightedSum) else None


def _sum(setting: Setting, name: str) -> Any:
    """A computed variable; 0 where one of its terms does not exist."""
    key = ("sum", name)
    if key not in setting.known:
        definition, level = sum_of(setting, name), setting.design.level(name)
        assert definition is not None
        total: Any = 0.0
        there: Any = 1.0
        for weight, term in definition.parts:
            value, known = _summand(setting, term, level)
            total, there = total + weight * value, there * known
        setting.known[key] = total * there
    return setting.known[key]


def _summand(setting: Setting, term: Term, level: str) -> tuple[Any, Any]:
    """A term of a sum for the units of a level, and where it exists."""
    own = setting.design.level(term.name)
    nested = sum_of(setting, term.name) is not None
    value = _sum(setting, term.name) if nested else setting.values[term.name]
    known: Any = np.ones(setting.data.units(own).n) if nested else exists(setting, term.name)
    if isinstance(term.when, Occasions):
        client = setting.design.lattice.client(own) or own
        value, known = (at_occasion(setting, each, own, term.when.first) for each in (value, known))
        return spread(setting, value, level, client), spread(setting, known, level, client)
    if isinstance(term.when, Relative) and term.when.steps:
        return earlier(setting, value, own, term.when.steps), earlier(setting, known, own, term.when.steps)
    return spread(setting, value, level, own), spread(setting, known, level, own)


def earlier(setting: Setting, values: Any, level: str, steps: int) -> Any:
    """The values some places earlier in the grid of the same client; 0 before its beginning (language R15)."""
    if steps == 0:
        return values
    client = setting.design.lattice.client(level) or ""
    return _pick(values, setting.data.units(level).before(-steps, client))


def at_occasion(setting: Setting, values: Any, level: str, occasion: int) -> Any:
    """The values at one occasion, one for each client; 0 where a client has none."""
    client = setting.design.lattice.client(level) or ""
    place = setting.data.grid[level].index(occasion)
    return _pick(values, setting.data.units(level).at(place, client))


def holds(setting: Setting, condition: Condition | None, level: str, steps: int) -> Any:
    """1 for the units of a level where a condition holds, else 0."""
    mask: Any = 1.0
    for name, said in condition.values if condition else ():
        own = setting.design.level(name)
        found = _fulfils(setting, name, said)
        if own == level and name not in setting.design.lattice.time:
            found = earlier(setting, found, own, steps)
        mask = mask * spread(setting, found, level, own)
    return mask


def _fulfils(setting: Setting, name: str, said: Span | Iterable[Any]) -> Mask:
    column = setting.data[name]
    if isinstance(column, Categories):
        wanted = [str(value) if isinstance(value, str) else f"{value:g}" for value in said]  # type: ignore[union-attr]
        return np.asarray(sum(column.indicator(value) for value in wanted))
    values = setting.values.get(name)
    if not isinstance(values, np.ndarray):
        values = column.values
    if isinstance(said, Span):
        low = -np.inf if said.first is None else said.first
        high = np.inf if said.last is None else said.last
        return np.asarray((values >= low) & (values <= high), dtype=np.float64)
    labels = column.labels or ()
    numbers = [float(labels.index(value)) if value in labels else float(value) for value in said]
    return np.asarray(np.isin(values, numbers), dtype=np.float64)


def _equation(setting: Setting, name: str) -> Equation | None:
    return next((each for each in setting.plan.equations if each.response == name), None)


def _observed_course(setting: Setting, name: str) -> Any:
    """The observed mean of each client, for every occasion of theirs (`centre: observed`)."""
    level = setting.design.level(name)
    above = setting.design.lattice.above(level)[0]
    return spread(setting, _observed_mean(setting, name, above), level, above)


def _observed_mean(setting: Setting, name: str, level: str, category: str | None = None) -> Mask:
    """The mean of what was observed, for each unit of a level above."""
    key = ("mean", name, level, category)
    if key not in setting.known:
        setting.known[key] = mean_observed(setting.data, name, level, category)
    return np.asarray(setting.known[key])


def mean_observed(data: Dataset, name: str, level: str, category: str | None = None) -> Mask:
    """The mean of what was observed of a variable, or the share of a category, for each unit of a level above."""
    own = data.level(name)
    column = data[name]
    values = column.indicator(category or "") if isinstance(column, Categories) else column.values
    seen = column.observed
    index = data.units(own).above[level].index
    n = data.units(level).n
    total = np.bincount(index[seen], weights=values[seen], minlength=n)
    count = np.bincount(index[seen], minlength=n)
    return np.asarray(np.divide(total, count, out=np.full(n, float(np.mean(values[seen]))), where=count > 0))
