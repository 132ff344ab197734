"""The plan: a theory as equations in causal order, every parameter named before a sampler exists."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import networkx as nx

from mechanisms.errors import SpecError, expect
from mechanisms.graph.expansion import Expansion, check_expansion, expand
from mechanisms.graph.graph import Graph, causal_order, draw
from mechanisms.graph.levels import Design, computed_from, survey
from mechanisms.graph.unrolling import unroll
from mechanisms.model.assembly import assemble, gather_varying
from mechanisms.model.equations import Equation, Residual, Varying
from mechanisms.model.prior_keys import key_priors
from mechanisms.model.single_correlations import check_correlations
from mechanisms.model.targets import is_modelled
from mechanisms.model.uncompiled import refuse_uncompiled
from mechanisms.spec.reader import resolve
from mechanisms.spec.terms import Relative
from mechanisms.spec.theory import Prior, Theory


@dataclass(frozen=True)
class Plan:
    """A compiled theory. `priors` holds the theory's own, keyed by the addresses of the equations.

    `varying` says, level by level, which intercepts and slopes differ among units; nothing in theories without levels.
    `residuals` are the correlations of residuals.
    """

    theory: Theory
    expansion: Expansion
    equations: tuple[Equation, ...]
    priors: tuple[tuple[str, Prior], ...]
    varying: tuple[Varying, ...] = ()
    residuals: tuple[Residual, ...] = ()

    @cached_property
    def graph(self) -> Graph:
        """The graph of the theory, over time where it has levels; two series with occasions of their own have none."""
        return unroll(self.theory) if self.theory.levels else draw(self.theory)

    @cached_property
    def design(self) -> Design:
        """The levels of the theory, and at which of them each variable has its values."""
        return survey(self.theory)

    @property
    def exogenous(self) -> tuple[str, ...]:
        """Variables without an equation: conditioned on as observed."""
        modelled = {equation.response for equation in self.equations}
        computed = {variable.name for variable in self.theory.variables if variable.computed}
        return tuple(name for name in self.theory.names if name not in modelled | computed)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Every single number's address: equation by equation, residual correlations, then the sds of what varies."""
        own = tuple(address for equation in self.equations for address in equation.parameters)
        return (
            *own,
            *(each.address for each in self.residuals),
            *(address for each in self.varying for address in each.sds),
        )

    @cached_property
    def unseen(self) -> frozenset[str]:
        """The latent variables: they have an equation, indicators and no values."""
        return frozenset(each.name for each in self.theory.variables if each.measured_by)

    def take_apart(self, names: Iterable[str]) -> tuple[str, ...]:
        """These variables, and what those of them that are sums are made of, down to what is no sum."""
        found = dict.fromkeys(names)
        waiting = list(found)
        while waiting:
            variable = self.design.variables.get(waiting.pop())
            new = {term.name: None for term in computed_from(variable)} if variable else {}
            waiting += [name for name in new if name not in found]
            found |= new
        return tuple(found)

    def equation(self, response: str) -> Equation:
        """The equation of one modelled variable; `KeyError` when it has none."""
        for equation in self.equations:
            if equation.response == response:
                return equation
        raise KeyError(response)

    def prior(self, address: str) -> Prior | None:
        """The theory's own prior on a parameter, or None where the default speaks."""
        return dict(self.priors).get(address)

    def __repr__(self) -> str:
        lines = [
            f"Plan of {self.theory.name or 'a theory'}: {len(self.equations)} equation{'s' * (len(self.equations) != 1)}"
        ]
        lines += [f"  {equation}" for equation in self.equations]
        for each in self.varying:
            joint = ", correlated except where an arrow joins them" if each.correlated else ""
            curves = f"; by themselves the curves {', '.join(each.curves)}" if each.curves else ""
            lines.append(f"  vary by {each.level}{joint}: {'; '.join(each.standing)}{curves}")
        lines += [f"  residual correlation {each.address}" for each in self.residuals]
        if self.exogenous:
            lines.append(f"  conditioned on: {', '.join(self.exogenous)}")
        lines += [f"  prior on {address}: {shown_prior(prior)}" for address, prior in self.priors]
        return "\n".join(lines)


def compile(theory: Theory) -> Plan:
    """Turn a theory into equations, without data.

    Raises
    ------
    SpecError
        What the language says but this version cannot fit yet, in one sentence that names it; a prior on a
        parameter that the theory does not have, with the near miss.
    """
    expect(theory, Theory, "what is compiled", "mx.load or mx.parse makes one")
    theory = resolve(theory)
    check_expansion(theory)
    refuse_uncompiled(theory)
    expansion = expand(theory)
    equations = _in_order(tuple(assemble(theory, expansion, name) for name in _modelled(theory, expansion)), theory)
    if not equations:
        raise SpecError("the theory draws no arrow, so there is nothing to fit", theory.place)
    _check_centres(theory, equations)
    varying = gather_varying(theory, expansion, equations)
    residuals = _residuals(theory, equations)
    check_correlations(theory, expansion, varying, residuals)
    priors = key_priors(theory, equations, varying, residuals)
    return Plan(theory, expansion, equations, priors, varying, residuals)


def _check_centres(theory: Theory, equations: tuple[Equation, ...]) -> None:
    """`centre` says what stands for the course of a cause; where nothing looks at departures or courses it says nothing."""
    split = {r.variable for each in equations for r in each.readings if r.part in ("departure", "course")}
    for variable in theory.variables:
        if variable.centre == "observed" and variable.name not in split:
            raise SpecError(
                f"{variable.name}: centre: observed says nothing here: no arrow carries its departures or courses. "
                "Leave it out",
                variable.place,
            )


def shown_prior(prior: Prior) -> str:
    """A prior in one line, as the theory says it."""
    if prior.same_as is not None:
        return f"the same as {prior.same_as}"
    said = str(prior.distribution) if prior.fixed is None else f"fixed at {prior.fixed:g}"
    said += " in standardised units" if prior.scale == "standardised" else ""
    notes = [f"at {name} = {value if isinstance(value, str) else f'{value:g}'}" for name, value in prior.at]
    notes += [f"above {prior.above:g}"] if prior.above is not None else []
    notes += [f"below {prior.below:g}"] if prior.below is not None else []
    return ", ".join([said, *notes])


def _modelled(theory: Theory, expansion: Expansion) -> tuple[str, ...]:
    """The variables that have an equation: what is pointed at, latents and indicators, and repeated causes whose course is
    needed (R8)."""
    measured = {name for each in expansion.loadings for name in (each.latent, each.indicator)}
    courses = {each.effect.name for each in expansion.courses}
    split = {each.cause.name for each in expansion.coefficients if each.carries in ("departure", "course")}
    split |= {each.name for each in theory.variables if each.computed and not computed_from(each)}
    observed = {variable.name for variable in theory.variables if variable.centre == "observed"}
    return tuple(
        name
        for name in theory.names
        if is_modelled(name, expansion) or name in courses or name in measured or name in split - observed
    )


def _residuals(theory: Theory, equations: tuple[Equation, ...]) -> tuple[Residual, ...]:
    """The hidden common causes of two modelled variables at their own level."""
    modelled = [each.response for each in equations]
    found = []
    for pair in theory.hidden:
        names = sorted(
            (pair.one.name, pair.other.name), key=lambda name: modelled.index(name) if name in modelled else -1
        )
        if pair.one.part is None and pair.other.part is None and set(names) <= set(modelled):
            found.append(Residual(f"{names[0]} <-> {names[1]}", names[0], names[1]))
    return tuple(found)


def _in_order(equations: tuple[Equation, ...], theory: Theory) -> tuple[Equation, ...]:
    """Causes before effects at one occasion."""
    if not theory.levels:
        place = {name: index for index, name in enumerate(causal_order(draw(theory)))}
        return tuple(sorted(equations, key=lambda each: place[each.response]))
    drawn: nx.DiGraph[str] = nx.DiGraph()
    drawn.add_nodes_from(each.response for each in equations)
    for each in equations:
        drawn.add_edges_from((cause, each.response) for cause in _now(each, survey(theory)))
    place = {name: index for index, name in enumerate(theory.names)}
    order = list(nx.lexicographical_topological_sort(drawn, key=lambda name: place.get(name, -1)))
    return tuple(sorted(equations, key=lambda each: order.index(each.response)))


def _now(equation: Equation, design: Design) -> set[str]:
    """The variables whose values at the same occasion, or for the whole unit, an equation looks at."""
    found = {each.owner for each in equation.owned} | ({equation.volatility} - {""})
    found |= {equation.out_of} if isinstance(equation.out_of, str) else set()
    found |= {each.variable for each in equation.readings if each.steps == 0 and each.part not in ("course", "trend")}
    waiting = [name for name in found if name in design.variables and computed_from(design.variables[name])]
    while waiting:
        name = waiting.pop()
        terms = computed_from(design.variables[name])
        new = {term.name for term in terms if not (isinstance(term.when, Relative) and term.when.steps)}
        waiting += [
            other for other in new - found if other in design.variables and computed_from(design.variables[other])
        ]
        found |= new
    return found - {equation.response}
