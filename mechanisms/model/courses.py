"""The equations of a plan read in a setting: courses, departures, and what every column shows.

    link(E[y]) = course(y) + Σ coefficients of own-level terms,   departure = y − inverse link(course)

Written by indexing, `+` and `*` only, so that PyTensor samples by the same lines that NumPy simulates and intervenes by.
docs/decisions/0013 says what a course contains.
"""

from typing import Any

import numpy as np

from mechanisms.data.dataset import Categories, readable
from mechanisms.data.shapes import is_gap
from mechanisms.model.equations import Coefficient, Equation, Reading
from mechanisms.model.expecting import find_chances, find_usual, list_mean_predictors
from mechanisms.model.gap_means import find_mean
from mechanisms.model.predictor import find_share, is_trace, product
from mechanisms.model.setting import (
    Setting,
    at_occasion,
    compute_sum,
    deviates,
    earlier,
    exists,
    find_equation,
    holds,
    lives,
    observed_mean,
    spread,
    stands_observed,
    sum_of,
)


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


def course(setting: Setting, equation: Equation, level: str) -> Any:
    """A linear predictor's course for each unit of a level above its response's own."""
    key = ("course", equation.response, level, equation.target)
    if key not in setting.known:
        setting.known[key] = _course(setting, equation, level)
    return setting.known[key]


def usual(setting: Setting, name: str, level: str) -> Any:
    """What is expected of a variable for each unit of a level above its own, on its own scale; 0 where it cannot exist."""
    equation = find_equation(setting, name)
    if equation is None or stands_observed(setting, name):
        return find_mean(setting, name, level, course) * lives(setting, name, level)
    etas = [course(setting, each, level) for each in list_mean_predictors(equation)]
    return find_usual(equation, setting.inverse, etas) * lives(setting, name, level)


def departure(setting: Setting, name: str) -> Any:
    """A variable minus its course, for every unit of its own level; 0 where it does not exist."""
    key = ("departure", name)
    if key not in setting.known:
        equation = find_equation(setting, name)
        if equation is None or stands_observed(setting, name):
            own = setting.design.level(name)
            above = setting.design.lattice.above(own)[0]
            expected = spread(setting, usual(setting, name, above), own, above)
        else:
            predictors = list_mean_predictors(equation)
            etas = [base_course(setting, each) + served_course(setting, each) for each in predictors]
            expected = find_usual(equation, setting.inverse, etas)
        setting.known[key] = (setting.values[name] - expected) * exists(setting, name)
    return setting.known[key]


def _course(setting: Setting, equation: Equation, level: str) -> Any:
    lattice = setting.design.lattice
    eta = setting.parameters[equation.intercept]
    for above in (level, *lattice.above(level)):
        if (equation.deviating, above) in setting.deviations:
            eta = eta + deviates(setting, equation.deviating, above, level)
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
    key = ("base", equation.response, equation.target)
    if key in setting.known:
        return setting.known[key]
    own = equation.level
    eta = setting.parameters[equation.intercept] + np.zeros(setting.data.units(own).n)
    for above in setting.design.lattice.above(own):
        if (equation.deviating, above) in setting.deviations:
            eta = eta + deviates(setting, equation.deviating, above, own)
    for each in equation.terms("course"):
        moved = spread(setting, _term(setting, equation, each, each.unit, _Whole()), own, each.unit)
        eta = eta + moved * holds(setting, each.only_when, own, each.condition_steps) * _since(setting, equation, each)
    for each in equation.terms("trend"):
        moved = _term(setting, equation, each, own, _Whole())
        eta = eta + moved * holds(setting, each.only_when, own, each.condition_steps)
    setting.known[key] = eta
    return eta


def _since(setting: Setting, equation: Equation, each: Coefficient) -> Any:
    """1 where a value of one occasion is known already; for the variable itself, where that occasion is past."""
    mask: Any = 1.0
    own = equation.level
    if own not in setting.design.lattice.time:
        return mask
    for factor in each.factors:
        reading = equation.reading(factor.column)
        if reading.occasion is not None:
            place, at = setting.data.units(own).place, setting.data.grid[own].index(reading.occasion)
            assert place is not None
            mask = mask * (place > at if reading.variable == equation.response else place >= at)
    return mask


def _serving(setting: Setting, equation: Equation) -> tuple[Coefficient, ...]:
    """Coefficients of whole values at this occasion: they move the course of the effect as well, where it has its own."""
    client = setting.design.client(equation.response)
    if client is None or client not in equation.intercepts:
        return ()
    found = []
    for each in equation.terms("mean"):
        readings = [equation.reading(factor.column) for factor in each.factors]
        now = all(r.steps == 0 and r.part != "departure" and not is_gap(r.column) for r in readings)
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
            own = deviates(setting, each.deviating, above, level)
            value = value + (own * find_share(equation, each, setting.parameters) if each.climb else own)
    columns = {f.column: _column(setting, equation, equation.reading(f.column), level, reader) for f in each.factors}
    result = value * product(each.factors, columns, setting.parameters)
    if each.moves == "mean" and isinstance(reader, _Whole):
        result = result * holds(setting, each.only_when, level, each.condition_steps)
    return result


def _column(setting: Setting, equation: Equation, reading: Reading, level: str, reader: Reader) -> Any:
    if isinstance(reader, _AtCourse) and reading.part in ("whole", "course"):
        return _column_at_course(setting, reading, level)
    if reading.part in ("value", "trend"):
        steps = reading.steps if reading.part == "value" else 0  # one series of no client has lags and no departures
        return spread(setting, earlier(setting, value_of(setting, reading), reading.level, steps), level, reading.level)
    if reading.part == "course":
        return spread(setting, _bend(setting, reading, _part(setting, equation, reading)), level, reading.level)
    if reading.part == "departure":
        departs = _bend(setting, reading, departure(setting, reading.variable))
        return earlier(setting, departs, reading.level, reading.steps)
    whole = value_of(setting, reading)
    return earlier(setting, whole, reading.level, reading.steps)


def _column_at_course(setting: Setting, reading: Reading, level: str) -> Any:
    column = next((each for each in setting.data.columns if each.name == reading.variable), None)
    if not isinstance(column, Categories):
        return _bend(setting, reading, _at_course(setting, reading.variable, level))
    chances = _chances_at_course(setting, reading.variable, level, column.values)
    if reading.category is not None:
        return chances[column.values.index(reading.category)]
    curve = setting.data.bases[reading.basis]
    return sum(chance * float(curve.column(reading.piece, float(code))) for code, chance in enumerate(chances))


def _chances_at_course(setting: Setting, name: str, level: str, values: tuple[str, ...]) -> tuple[Any, ...]:
    """How likely each value of a category is for each unit of a level above; of one that is conditioned on, its share."""
    equation = find_equation(setting, name)
    if equation is None:
        return tuple(observed_mean(setting, name, level, value) for value in values)
    etas = [course(setting, each, level) for each in list_mean_predictors(equation)]
    there = lives(setting, name, level)
    return tuple(each * there for each in find_chances(equation, setting.inverse, etas))


def _at_course(setting: Setting, name: str, level: str) -> Any:
    weights = sum_of(setting, name)
    if weights is not None:
        net: dict[str, float] = {}
        for weight, term in weights.parts:
            net[term.name] = net.get(term.name, 0.0) + weight
        none: Any = np.zeros(setting.data.units(level).n)
        return sum((w * _at_course(setting, other, level) for other, w in net.items() if w), none)
    return usual(setting, name, level)


def _part(setting: Setting, equation: Equation, reading: Reading) -> Any:
    """A course as a cause: for this level's units, without what a coarser level's own arrow carries (language R7)."""
    found = usual(setting, reading.variable, reading.level)
    coarser = [
        each.level
        for each in equation.readings
        if each.variable == reading.variable
        and each.part == "course"
        and setting.design.lattice.lies_below(reading.level, each.level)
    ]
    nearest = [a for a in setting.design.lattice.above(reading.level) if a in coarser][:1]
    for above in nearest:
        found = found - spread(setting, usual(setting, reading.variable, above), reading.level, above)
    return found


def latent_value(setting: Setting, name: str) -> Any:
    """A coefficient variable for each unit of its level: what its equation expects, and the unit's own deviation."""
    key = ("latent", name)
    if key not in setting.known:
        equation = setting.plan.equation(name)
        setting.known[key] = predict(setting, equation) + setting.deviations[name, equation.level]
    return setting.known[key]


def value_of(setting: Setting, reading: Reading) -> Any:
    """The values of a variable, a category's indicator, a computed variable or a curve, for the units of the reading's level."""
    return _bend(setting, reading, _value_of(setting, reading))


def _bend(setting: Setting, reading: Reading, values: Any) -> Any:
    return setting.data.bases[reading.basis].column(reading.piece, values) if reading.basis else values


def _value_of(setting: Setting, reading: Reading) -> Any:
    name, data = reading.variable, setting.data
    if name in setting.design.lattice.time and name not in setting.values:
        return data.numbers(name).values
    equation = find_equation(setting, name)
    if equation is not None and equation.latent:
        return latent_value(setting, name)
    if sum_of(setting, name) is not None:
        found = compute_sum(setting, name)
    elif is_trace(setting.values.get(name)):
        found = setting.values[name]  # looks the same however it is bent
    elif reading.category is not None and isinstance(column := data[name], Categories):
        made = setting.values.get(name)  # codes, where a modelled category is simulated
        simulated = equation is not None and isinstance(made, np.ndarray)
        found = (
            np.asarray(made == column.values.index(reading.category), dtype=np.float64)
            if simulated
            else np.where(column.observed, column.indicator(reading.category), 0.0)  # what does not exist adds nothing
        )
    elif reading.basis and equation is None and isinstance(data[name], Categories):
        found = readable(data[name])  # the codes, which an intervention may have set
    else:
        found = setting.values[name]
    if reading.occasion is None:
        return found
    return at_occasion(setting, found, setting.design.level(name), reading.occasion)
