"""What `at` names in a theory with levels: a variable of the unit, or a repeated one at one occasion, which has a node.

A repeated variable has one value for each client at an occasion. Clients who had the value there are kept, or weighted by
their nearness to it, and the node then stays at the value whatever noise is drawn. Noise that came before is not drawn
anew given that value: where it would matter to the answer by another way, the question is refused with what to add.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mechanisms.data.dataset import Column
from mechanisms.effects.over_time.people import People
from mechanisms.effects.over_time.scenario import Scenario
from mechanisms.effects.over_time.timeline import Timeline
from mechanisms.effects.questions.population import choose
from mechanisms.errors import IdentificationError, SpecError, listed
from mechanisms.graph.graph import Graph, ancestors, descendants, occasion_of, parents, variable_of
from mechanisms.graph.levels import Design, computed_from
from mechanisms.graph.placing import Placed
from mechanisms.graph.question import hold
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Scalar

Value = float | str


@dataclass(frozen=True, eq=False)
class Conditions:
    """The values of one row of `at`, a node for each name that is repeated: `m(2)`."""

    values: Mapping[str, Value]
    columns: Mapping[str, Column]  # of the nodes, one value for each client

    @property
    def given(self) -> dict[str, Value]:
        """The nodes that have one value for all."""
        return {node: value for node, value in self.values.items() if node in self.columns}


def locate(fit: Fit, placed: Placed, timeline: Timeline, at: Mapping[str, Scalar]) -> Conditions:
    """The condition by nodes: a repeated variable without an occasion is meant at the first occasion moved.

    Raises
    ------
    SpecError
        A course is named, or a repeated variable without an occasion where nothing of one occasion is moved.
    """
    design, values, columns = fit.plan.design, dict[str, Value](), dict[str, Column]()
    for name, value in at.items():
        chosen = choose(fit.data[variable_of(name)], value)
        node = _find_node(design, placed, name)
        if node is not None:
            if not timeline.client:
                raise SpecError(
                    f"question: at: there is one series of {timeline.level}s, so that there is no group to condition on",
                    placed.question.place,
                )
            columns[node] = timeline.see(variable_of(name), occasion_of(node))
        values[node or name] = chosen
    return Conditions(values, columns)


def _find_node(design: Design, placed: Placed, name: str) -> str | None:
    """The node of a repeated variable's value at an occasion; None for a variable of the unit."""
    variable, place = variable_of(name), placed.question.place
    if (declared := design.variables.get(variable)) is not None and computed_from(declared):
        raise SpecError(f"question: at: {variable} is computed; condition on what it is computed from", place)
    if "(" in name and occasion_of(name) is None:
        raise SpecError(
            f"question: at: {name} is a course, which nobody observed, so that no group has a value of it; name an "
            f"occasion, {variable}(0), or make a column of each unit's mean",
            place,
        )
    if not design.repeated(variable):
        return None
    if "(" in name:
        return name
    first = min((at for node in placed.aims[0].of if (at := occasion_of(node)) is not None), default=None)
    if first is None:
        unit = design.client(variable)
        raise SpecError(
            f"question: at: {name} differs within one {unit}, so that no {unit} has one value of it. Name an occasion, "
            f"{name}(0), condition on a variable of the {unit} (make a column of it), or set: {{{name}: …}} to intervene",
            place,
        )
    return f"{variable}({first})"


def refuse_renewed(scenario: Scenario, people: People, names: Iterable[str]) -> None:
    """New units have deviations of their own, which a value that follows them would tell something about."""
    for name in names if people.renewed else ():
        if variable_of(name) in scenario.equations and variable_of(name) not in scenario.kept:
            raise IdentificationError(
                f"population: new: {name} tells something about a unit's own deviations, which would have to be drawn given "
                "it; condition on a variable that nothing draws, or ask of these units"
            )


def refuse_followed(scenario: Scenario, ends: Iterable[str]) -> None:
    """Refuse where what came before a value that is conditioned on changes the effect past it.

    It would have to be drawn given the value. What only adds to the outcome, in both versions alike, cancels.
    """
    if not scenario.given:
        return
    ends = tuple(ends)
    fixed = (*scenario.given, *scenario.of, *scenario.held)
    before, after = hold(scenario.graph, scenario.held), hold(scenario.graph, fixed)
    for node in scenario.given:
        drawn = [each for each in sorted(ancestors(before, node)) if each not in fixed and scenario.scatters(each)]
        past = tuple(each for each in drawn if _changes(scenario, after, scenario.relatives(each), ends))
        if not past and drawn and _changes(scenario, after, scenario.relatives(node)[1:], ends):
            past = tuple(drawn)
        if past:
            raise IdentificationError(
                f"at: {node} follows {listed(past)}, which {'changes' if len(past) == 1 else 'change'} the effect by other "
                f"ways too and would have to be drawn given {node}. Condition on {listed(past)} as well",
                past,
            )


def _changes(scenario: Scenario, graph: Graph, nodes: Iterable[str], ends: tuple[str, ...]) -> bool:
    """Whether what scatters in some nodes meets what is moved, in a product, a curve or behind a link, on the way to the ends."""
    nodes = [each for each in nodes if each not in scenario.given and each not in scenario.of]
    scattered = {*nodes, *descendants(graph, *nodes)} if nodes else set()
    moved = {*scenario.of, *descendants(graph, *scenario.of)}
    within = {*ancestors(graph, *ends), *ends}
    return any(_meet(scenario, node, moved, scattered) for node in within & moved & scattered)


def _meet(scenario: Scenario, node: str, moved: set[str], scattered: set[str]) -> bool:
    """Whether a node's own equation does more than add the two."""
    equation = scenario.equations.get(variable_of(node))
    if equation is None or equation.latent:
        return equation is not None
    if equation.link != "identity" or scenario.condition(equation.response):
        return True
    above = parents(scenario.graph, node)
    of = {variable_of(each) for each in above if each in moved}
    with_noise = {variable_of(each) for each in above if each in scattered}
    for each in (one for part in equation.predictors for one in part.arrows):
        degree = {factor.variable: factor.degree for factor in each.factors}
        degree |= {each.owner: 1} if each.owner else {}
        degree |= dict.fromkeys(each.only_when.names if each.only_when else (), 1)
        if any(one != other or degree[one] > 1 for one in of & degree.keys() for other in with_noise & degree.keys()):
            return True
    return False
