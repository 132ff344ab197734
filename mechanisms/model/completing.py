"""Exogenous variables with missing values: modelled given the others, where the theory gives them a family.

The equation says nothing about causes; it is there so that a row with a gap is used by what it does show, as if the
variables had a joint distribution (Ibrahim, Chen & Lipsitz 1999). With levels its intercept varies as any other's does
(language R8), and these deviations are independent of all others, as what is conditioned on is of every deviation.
"""

from dataclasses import replace
from functools import cache

from mechanisms.data.dataset import Dataset
from mechanisms.graph.expansion.parts import find_intercepts
from mechanisms.graph.levels import survey
from mechanisms.model.assembly import find_trials, read_columns
from mechanisms.model.equations import INTERCEPT, Coefficient, Equation, Reading, Varying
from mechanisms.model.families import FAMILIES, has_parts
from mechanisms.model.plan import Plan
from mechanisms.spec.terms import Term


def complete_plan(plan: Plan, data: Dataset) -> Plan:
    """The plan with an equation for every exogenous variable that has missing values and a family, first.

    Each is linear in the exogenous variables of its level or a coarser one that are complete, and in those before it. What
    equations have for occasions at which a term does not act is left out where the data have no such occasion.
    """
    never = [name for name, each in data.bases.items() if each.gap and not each.intervals]
    return _completed(plan, tuple(name for name in data.incomplete if name in _modellable(plan)), tuple(never))


def _modellable(plan: Plan) -> tuple[str, ...]:
    variables = (plan.theory.variable(name) for name in plan.exogenous)
    events = {each.event for each in plan.equations}
    return tuple(
        each.name for each in variables if each.family in FAMILIES and not has_parts(each) and each.name not in events
    )


@cache
def _completed(plan: Plan, gaps: tuple[str, ...], never: tuple[str, ...]) -> Plan:
    if any(each.basis in never for equation in plan.equations for each in equation.readings):
        plan = replace(plan, equations=tuple(_trim(each, never) for each in plan.equations))
    if not gaps:
        return plan
    given = [name for name in plan.exogenous if name not in gaps]
    equations = []
    for name in gaps:
        equations.append(_equation(plan, name, tuple(given)))
        given.append(name)
    return replace(plan, equations=(*equations, *plan.equations), varying=_vary(plan, equations))


def _vary(plan: Plan, equations: list[Equation]) -> tuple[Varying, ...]:
    """What varies among the units of each level, with the intercepts of these equations, last and independent of all."""
    found = []
    for level in plan.design.lattice.names:
        own = next((each for each in plan.varying if each.level == level), Varying(level, ()))
        new = tuple(each.deviating for each in equations if level in each.intercepts)
        names = (*own.quantities, *new)
        if names:
            apart = frozenset((one, other) for one in new for other in names if one != other)
            found.append(Varying(level, names, own.joined | apart, own.waves))
    return tuple(found)


def _trim(equation: Equation, never: tuple[str, ...]) -> Equation:
    """The equation without the columns of these bases."""
    gone = {each.column for each in equation.readings if each.basis in never}
    kept = [each for each in equation.coefficients if not any(factor.column in gone for factor in each.factors)]
    return replace(
        equation,
        coefficients=tuple(kept),
        readings=tuple(each for each in equation.readings if each.column not in gone),
        parts=tuple(_trim(each, never) for each in equation.parts),
    )


def _equation(plan: Plan, name: str, given: tuple[str, ...]) -> Equation:
    design, variable = survey(plan.theory), plan.theory.variable(name)
    family, own = FAMILIES[variable.family or "normal"], design.level(name)
    coefficients: list[Coefficient] = []
    readings: list[Reading] = []
    for other in given:
        level = design.level(other)
        if level != own and not design.lattice.lies_below(own, level):
            continue
        for column in read_columns(Term(other), "whole" if level == own and design.repeated(name) else "value", design):
            moves = ("mean", own) if level == own else ("course", level)
            address = f"{column.text} -> {name}"
            coefficients.append(Coefficient(address, (column.factor(),), False, moves[0], moves[1]))  # type: ignore[arg-type]
            readings.append(column.reading)
    return Equation(
        response=name,
        family=family.name,
        link=variable.link or family.links[0],
        intercept=f"{INTERCEPT}{name}",
        coefficients=tuple(coefficients),
        spread=f"{family.spread}({name})" if family.spread else None,
        shape=f"{family.shape}({name})" if family.shape else None,
        out_of=find_trials(variable),
        level=own,
        intercepts=find_intercepts(plan.theory, design)[name],
        readings=tuple(readings),
        completing=True,
    )
