"""What can be left out when a system is run forward: noise and unmoved departures where everything is linear."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mechanisms.effects.over_time.scenario import Scenario
from mechanisms.graph.graph import ancestors, causal_order, descendants, occasion_of, parents, variable_of
from mechanisms.graph.levels import computed_from
from mechanisms.model.equations import Coefficient, Equation
from mechanisms.model.families import FAMILIES


@dataclass(frozen=True)
class Traits:
    """`noisy`: means alone do not do, noise has to be averaged over. `lean`: what is not moved cancels. `endangered`: noise
    passes a logarithmic link, so that a mean may not exist.

    `degree`: of the outcome's mean as a polynomial in the units' deviations, infinite where it is none. `addresses`:
    the intercepts and slopes whose deviations matter.
    """

    noisy: bool
    lean: bool
    degree: float
    addresses: frozenset[str]
    endangered: bool = False


def study(scenario: Scenario, ends: Iterable[str]) -> Traits:
    """What kind of system stands between what is moved and what is looked at."""
    ends = tuple(ends)
    relevant = {*ancestors(scenario.graph, *ends), *ends}
    moving = {*scenario.of, *descendants(scenario.graph, *scenario.of)} & relevant
    equations = {variable_of(node) for node in relevant} & scenario.equations.keys()
    predictors = [each for name in equations for each in _that_matter(scenario.equations[name])]
    noisy = any(_noisy(scenario, each, relevant) for each in predictors)
    lean = not noisy and all(_lean(scenario, each, moving) for each in predictors)
    lean = lean and not _move_levels(scenario, moving)
    owning = _owning(scenario, predictors)
    degree = _degree(scenario, ends, (moving | owning) & relevant if lean else relevant, moving if lean else set())
    names = {variable_of(node) for node in moving | owning} & equations if lean else equations
    mine = [each for name in names for each in scenario.equations[name].predictors]
    addresses = {slope.deviating for each in mine for slope in each.coefficients if slope.varies_by}
    addresses |= {each.deviating for each in mine if not lean}
    addresses |= {name for name in names if scenario.equations[name].latent}
    endangered = noisy and any(each.link == "log" and _meets_noise(scenario, each) for each in predictors)
    return Traits(noisy, lean, degree, frozenset(addresses), endangered)


def _owning(scenario: Scenario, predictors: list[Equation]) -> set[str]:
    """The coefficients that are variables and act on something, and what acts on them."""
    owners = {each.owner for one in predictors for each in one.arrows if each.owner}
    return {*owners, *ancestors(scenario.graph, *owners)} if owners else set()


def _that_matter(equation: Equation) -> tuple[Equation, ...]:
    """The linear predictors that a mean depends on: a spread does not matter to what it only scatters."""
    return tuple(each for each in equation.predictors if each.role != "spread" or equation.link != "identity")


def _noisy(scenario: Scenario, equation: Equation, relevant: set[str]) -> bool:
    """Whether noise passes a link or meets noise in a product, or decides where something exists.

    A category has no mean that could stand for it.
    """
    if equation.response not in {variable_of(node) for node in relevant}:
        return False
    conditions = [each.only_when for each in equation.arrows] + [scenario.condition(equation.response)]
    if any(_random(scenario, name) for condition in conditions if condition for name in condition.names):
        return True
    if isinstance(equation.out_of, str) and _random(scenario, equation.out_of):
        return True
    for each in equation.arrows:
        random = [factor for factor in each.factors if _carries_noise(scenario, equation, factor.column)]
        count = sum(factor.degree for factor in random)
        if any(
            FAMILIES[scenario.equations[f.variable].family].kind == "category"
            for f in random
            if f.variable in scenario.equations
        ):
            return True
        if count > 1 or (count and equation.link != "identity"):
            return True
    return False


def is_bounded(scenario: Scenario, ends: Iterable[str]) -> bool:
    """Whether what is looked at is a chance or a share, which has a mean whatever precedes it."""
    found = [scenario.equations.get(variable_of(end)) for end in ends]
    return all(each is not None and each.link not in ("identity", "log") and each.out_of == 1.0 for each in found)


def _meets_noise(scenario: Scenario, equation: Equation) -> bool:
    factors = (factor for each in equation.arrows for factor in each.factors)
    return any(_carries_noise(scenario, equation, factor.column) for factor in factors)


def _carries_noise(scenario: Scenario, equation: Equation, column: str) -> bool:
    reading = equation.reading(column)
    if reading.part in ("course", "trend"):
        return False
    if reading.variable in (*scenario.of, *scenario.held) and not scenario.timed(reading.variable):
        return False
    return _random(scenario, reading.variable)


def _random(scenario: Scenario, name: str) -> bool:
    """Whether a variable has noise of its own, or is a sum of such."""
    variable = scenario.variable(name)
    if variable is not None and computed_from(variable):
        return any(_random(scenario, term.name) for term in computed_from(variable))
    return name in scenario.equations and not (scenario.equations[name].latent or scenario.settled(name))


def _lean(scenario: Scenario, equation: Equation, moving: set[str]) -> bool:
    """Whether what is moved is multiplied by nothing that departs, and passes no link."""
    if equation.link != "identity":
        return False
    changed = {variable_of(node) for node in moving}
    for each in equation.arrows:
        own = [f for f in each.factors if equation.reading(f.column).part in ("departure", "whole", "value")]
        departing = [
            f
            for f in own
            if scenario.timed(f.variable) or (f.variable in scenario.equations and not scenario.settled(f.variable))
        ]
        if sum(f.degree for f in departing) > 1:
            return False
        others = {f.variable for f in each.factors if f not in departing} | {each.owner}
        if departing and others & changed:
            return False
    return True


def _move_levels(scenario: Scenario, moving: set[str]) -> bool:
    """Whether it depends on what is moved if a unit has one of a level above, so that deviations come and go."""
    changed = {variable_of(node) for node in moving}
    conditions = [scenario.design.lattice.condition(each.level) for each in scenario.plan.varying]
    return any(name in changed for each in conditions if each for name in each.names)


def _degree(scenario: Scenario, ends: tuple[str, ...], counted: set[str], changes: set[str]) -> float:
    """The degree in the deviations, by those of the nodes that count; of `changes` only what is added by a move does."""
    found: dict[str, float] = {}
    for node in causal_order(scenario.graph):
        if node not in counted:
            continue
        equation = scenario.equations.get(variable_of(node))
        above = [found.get(parent, 0.0) for parent in parents(scenario.graph, node)]
        if scenario.settled(node):
            found[node] = 0.0
        elif node in scenario.of or node in scenario.held:
            found[node] = 0.0 if node in changes or occasion_of(node) is None else 1.0
        elif equation is None:
            found[node] = max(above, default=0.0)
        else:
            slopes = [each for one in _that_matter(equation) for each in one.arrows]
            found[node] = max([_of_node(each, scenario, node, found) for each in slopes], default=0.0)
            found[node] = max(found[node], max(above, default=0.0), 0.0 if node in changes else 1.0)
            if equation.link != "identity" and found[node]:
                found[node] = float("inf")
    return max(found.get(node, 0.0) for node in ends)


def _of_node(each: Coefficient, scenario: Scenario, node: str, found: dict[str, float]) -> float:
    """The degree of one term: its own deviation, and its columns."""
    worst = 0.0
    for factor in each.factors:
        behind = [found.get(parent, 0.0) for parent in _behind(scenario, node, factor.variable)]
        source = max(behind, default=0.0)
        worst += factor.degree * source if source else 0.0
    return worst + bool(each.varies_by) + (found.get(each.owner, 0.0) if each.owner else 0.0)


def _behind(scenario: Scenario, node: str, name: str) -> Iterator[str]:
    return (parent for parent in parents(scenario.graph, node) if variable_of(parent) == name)
