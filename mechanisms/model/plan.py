"""The plan: a theory as equations in causal order, every parameter named before a sampler exists."""

from collections import Counter
from dataclasses import dataclass
from itertools import product as every

from mechanisms.errors import SpecError, did_you_mean, expect, listed
from mechanisms.graph.expansion import Coefficient as Standing
from mechanisms.graph.expansion import Expansion, check_expansion, expand
from mechanisms.graph.graph import Graph, causal_order, draw
from mechanisms.model.families import FAMILIES
from mechanisms.model.uncompiled import refuse_uncompiled
from mechanisms.spec.addresses import parse_address
from mechanisms.spec.reader import resolve
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import Prior, Theory, Variable

_POWERS = {"linear": (1,), "quadratic": (1, 2)}


@dataclass(frozen=True)
class Factor:
    """One column of a product, to a power: `age` or `arm=cbt`."""

    column: str
    power: int = 1

    @property
    def variable(self) -> str:
        """The variable that the column shows."""
        return self.column.partition("=")[0]

    def __str__(self) -> str:
        return self.column if self.power == 1 else f"{self.column}^{self.power}"


@dataclass(frozen=True)
class Coefficient:
    """One number of the linear predictor: `address` names it, `factors` are multiplied with it."""

    address: str
    factors: tuple[Factor, ...]
    written: bool = True

    @property
    def degree(self) -> int:
        """How many columns are multiplied, powers counted."""
        return sum(factor.power for factor in self.factors)

    @property
    def powers(self) -> Counter[str]:
        """Each column's power in the product."""
        return sum((Counter({factor.column: factor.power}) for factor in self.factors), Counter())

    def beyond(self, part: "Coefficient") -> tuple[Factor, ...]:
        """What this product has beyond another that it contains: `w * v` beyond the `w` of `w^2 * v`; else nothing."""
        more = self.powers - part.powers if part.powers <= self.powers else Counter[str]()
        return tuple(Factor(column, power) for column, power in more.items())


@dataclass(frozen=True)
class Equation:
    """One modelled variable: link(E[y]) = intercept + Σ coefficients; `spread` names its residual sd, if it has one."""

    response: str
    family: str
    link: str
    intercept: str
    coefficients: tuple[Coefficient, ...]
    spread: str | None

    @property
    def parents(self) -> tuple[str, ...]:
        """The variables on the right-hand side, in order of appearance."""
        return tuple(dict.fromkeys(factor.variable for each in self.coefficients for factor in each.factors))

    @property
    def addresses(self) -> tuple[str, ...]:
        """Intercept first, then the coefficients."""
        return (self.intercept, *(coefficient.address for coefficient in self.coefficients))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The addresses, and the residual sd's where there is one."""
        return (*self.addresses, *((self.spread,) if self.spread else ()))

    def companions(self, own: Coefficient) -> tuple[str, ...]:
        """The variables at whose values a slope differs: its moderators, and its own cause where that bends."""
        return tuple(dict.fromkeys(factor.variable for each in self.coefficients for factor in each.beyond(own)))

    def __str__(self) -> str:
        left = self.response if self.link == "identity" else f"{self.link} P({self.response} = 1)"
        terms = " + ".join(["b0", *("b·" + " · ".join(map(str, each.factors)) for each in self.coefficients)])
        noise = f",  residual sd {self.spread}" if self.spread else ""
        return f"{left} = {terms}{noise}"


@dataclass(frozen=True)
class Plan:
    """A compiled theory. `priors` holds the theory's own, keyed by the addresses of the equations."""

    theory: Theory
    expansion: Expansion
    graph: Graph
    equations: tuple[Equation, ...]
    priors: tuple[tuple[str, Prior], ...]

    @property
    def exogenous(self) -> tuple[str, ...]:
        """Variables without an equation: conditioned on as observed."""
        modelled = {equation.response for equation in self.equations}
        return tuple(name for name in self.theory.names if name not in modelled)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Every parameter's address, equation by equation."""
        return tuple(address for equation in self.equations for address in equation.parameters)

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
        lines = [f"Plan of {self.theory.name or 'a theory'}: {len(self.equations)} equations"]
        lines += [f"  {equation}" for equation in self.equations]
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
    graph = draw(theory)
    equations = tuple(
        _equation(theory, theory.variable(name), expansion) for name in causal_order(graph) if expansion.parents(name)
    )
    if not equations:
        raise SpecError("the theory draws no arrow, so there is nothing to fit", theory.place)
    return Plan(theory, expansion, graph, equations, _priors(theory, equations))


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


def _equation(theory: Theory, variable: Variable, expansion: Expansion) -> Equation:
    family = FAMILIES[variable.family or "normal"]
    link = variable.link or family.links[0]
    if link not in family.links:
        raise SpecError(
            f"'{variable.name}': {family.name} has no link {link} here; it has {listed(family.links)}", variable.place
        )
    coefficients: dict[frozenset[Factor], Coefficient] = {}
    for standing in expansion.parents(variable.name):
        for coefficient in _coefficients(theory, standing):
            coefficients.setdefault(frozenset(coefficient.factors), coefficient)
    spread = f"{family.spread}({variable.name})" if family.spread else None
    return Equation(variable.name, family.name, link, f"1 -> {variable.name}", tuple(coefficients.values()), spread)


def _coefficients(theory: Theory, standing: Standing) -> list[Coefficient]:
    """An arrow's own columns, and their products with each moderator's columns."""
    own = [
        (Factor(column, power),)
        for power in _POWERS[standing.shape.kind]
        for column in _columns(theory, standing.cause)
    ]
    found = [_coefficient(factors, standing) for factors in own]
    for moderator in standing.moderators:
        for columns in every(*(_columns(theory, term) for term in moderator)):
            extra = tuple(Factor(column) for column in columns)
            found += [_coefficient(factors + extra, standing) for factors in own]
    return found


def _coefficient(factors: tuple[Factor, ...], standing: Standing) -> Coefficient:
    return Coefficient(f"{' * '.join(map(str, factors))} -> {standing.effect}", factors, standing.written)


def _columns(theory: Theory, term: Term) -> list[str]:
    variable = theory.variable(term.name)
    if term.value is not None and variable.family == "bernoulli":
        one = variable.values[1] if variable.values else "1"
        raise SpecError(f"'{term}': {term.name} is bernoulli and has one arrow, {term.name} -> …, from 0 to 1 = {one}")
    if term.value is not None:
        return [str(term)]
    if variable.family in ("categorical", "ordinal", "sequential"):
        return [f"{variable.name}={value}" for value in variable.values[1:]]
    return [variable.name]


def _priors(theory: Theory, equations: tuple[Equation, ...]) -> tuple[tuple[str, Prior], ...]:
    """The theory's priors under the equations' own addresses; `same_as` is resolved to an address too."""
    known = {parse_address(address).key: address for equation in equations for address in equation.parameters}
    kinds = {address: parse_address(address).kind for address in known.values()}
    found: dict[str, Prior] = {}
    for prior in theory.priors:
        address = _resolved(prior.address, known, prior)
        if address in found:
            raise SpecError(f"prior on '{address}' is said twice", prior.place)
        if prior.same_as is not None:
            other = _resolved(prior.same_as, known, prior)
            if other == address:
                raise SpecError(f"prior on '{address}': same as itself", prior.place)
            if kinds[other] != kinds[address]:
                raise SpecError(f"prior on '{address}': '{other}' is another kind of parameter", prior.place)
            found[address] = prior.model_copy(update={"same_as": other})
        else:
            found[address] = prior
    for address, prior in found.items():
        if prior.same_as is not None and prior.same_as in found and found[prior.same_as].same_as is not None:
            raise SpecError(
                f"prior on '{address}': '{prior.same_as}' is itself the same as another; name that one", prior.place
            )
        for name, _ in prior.at:
            _check_at(name, address, prior, equations)
    return tuple(found.items())


def _resolved(text: str, known: dict[tuple[object, ...], str], prior: Prior) -> str:
    """The equations' own spelling of an address; a whole category has to be said one value at a time."""
    key = parse_address(text, prior.place).key
    if key in known:
        return known[key]
    bare = [address for address in known.values() if "=" in address and _without_values(address) == text]
    if bare:
        raise SpecError(
            f"prior on '{text}': that arrow stands for {len(bare)} coefficients; say which: {' | '.join(bare)}",
            prior.place,
        )
    raise SpecError(
        f"prior on '{text}': the theory has no such parameter.{did_you_mean(text, known.values())}", prior.place
    )


def _without_values(address: str) -> str:
    left, _, right = address.partition(" -> ")
    return f"{' * '.join(factor.partition('=')[0] for factor in left.split(' * '))} -> {right}"


def _check_at(name: str, address: str, prior: Prior, equations: tuple[Equation, ...]) -> None:
    """`at` must name a moderator of the coefficient that the prior is on, or its own cause where that bends."""
    found = [(equation, each) for equation in equations for each in equation.coefficients if each.address == address]
    if not found:
        raise SpecError(f"prior on '{address}': at belongs to priors on coefficients", prior.place)
    ((equation, own),) = found
    companions = equation.companions(own)
    if name not in companions:
        hint = did_you_mean(name, companions)
        raise SpecError(f"prior on '{address}': at: '{name}' does not moderate it.{hint}", prior.place)
