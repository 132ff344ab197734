"""What has no equation and exists for more units in one world than in the data: what its values are taken to be there.

Nothing that the theory draws leads to them, so that where all is linear in them their mean among those who have one is
enough. Elsewhere the question is refused: an equation says how they scatter.
"""

from mechanisms.data.dataset import Categories
from mechanisms.effects.over_time.running import Runner
from mechanisms.effects.over_time.scenario import Scenario
from mechanisms.errors import IdentificationError, listed
from mechanisms.graph.graph import ancestors, parents, variable_of
from mechanisms.graph.levels import computed_from
from mechanisms.model.equations import Equation


def refuse_unmodelled(runner: Runner) -> None:
    """Refuse a question in which such values would matter beyond their mean.

    Raises
    ------
    IdentificationError
        The values of a variable without an equation, whose existence is moved, are curved, multiplied with each other, meet
        noise or a link, are categories, or move a course.
    """
    scenario = runner.scenario
    for node in sorted(ancestors(scenario.graph, *runner.ends) - {*scenario.of, *scenario.held}):
        name, design = variable_of(node), scenario.design
        if name in scenario.equations or (condition := scenario.condition(name)) is None:
            continue
        moved = {variable_of(each) for each in parents(scenario.graph, node) if each in scenario.moving}
        moved &= {*condition.names}
        if moved and (runner.traits.noisy or _matters_beyond_mean(scenario, name)):
            levels = ", ".join(design.lattice.above(design.level(name)))
            raise IdentificationError(
                f"{name} exists only where {condition}, and moving {listed(sorted(moved))} would give it to units that have none. "
                f"Nothing says what it would be there: give it an equation, 1 -> {name}: {{varies_by: [{levels}]}}"
            )


def _matters_beyond_mean(scenario: Scenario, name: str) -> bool:
    if isinstance(scenario.timeline.data[name], Categories):
        return True
    sums = {each for each in scenario.design.levels if _contains(scenario, each, name)}
    asked = [each.only_when for equation in scenario.equations.values() for each in equation.arrows]
    asked += [variable.only_when for variable in scenario.plan.theory.variables]
    if any(each in (name, *sums) for condition in asked if condition for each in condition.names):
        return True
    return any(_is_bent(scenario, each, {name, *sums}) for each in scenario.equations.values())


def _contains(scenario: Scenario, one: str, name: str) -> bool:
    """Whether a computed variable is made of another, however far."""
    variable = scenario.variable(one)
    terms = computed_from(variable) if variable else ()
    return any(term.name == name or _contains(scenario, term.name, name) for term in terms)


def _is_bent(scenario: Scenario, equation: Equation, names: set[str]) -> bool:
    """Whether an equation is more than linear in some variables, or looks at them for a course of its own."""
    if equation.link != "identity" and names & set(equation.parents):
        return True
    for part in equation.predictors:
        for each in part.arrows:
            found = [factor for factor in each.factors if factor.variable in names]
            if sum(factor.degree for factor in found) > 1:
                return True
            readings = [part.reading(factor.column) for factor in found]
            if any(scenario.timed(r.variable) and r.part == "whole" and not r.steps for r in readings):
                return True
    return False
