"""The nouns of a plan: factors, coefficients and equations, every parameter named before a sampler exists.

An equation at one level is an intercept and coefficients. With levels above it has a course as well, what is expected
of a unit of a coarser level, and each coefficient says what it moves: the course of a level's units, the course as it
changes over occasions (a trend), or the mean itself.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import Literal

from mechanisms.data.shapes import is_condition, split_column, variable_of
from mechanisms.graph.levels import ROW
from mechanisms.model.portrait import describe
from mechanisms.spec.theory import Condition

Part = Literal["value", "departure", "course", "whole", "trend"]
Moves = Literal["mean", "course", "trend"]
Role = Literal["", "any", "step", "top", "spread"]
INTERCEPT = "1 -> "


@dataclass(frozen=True)
class Reading:
    """What a column shows: which part of which variable, for the units of which level, and when.

    `steps` counts occasions back from now (−1 is `t-1`), `occasion` names one; `category` makes it an indicator, and
    `basis` one column, the `piece`th, of a curve.
    """

    column: str
    variable: str
    part: Part = "value"
    level: str = ROW
    steps: int = 0
    occasion: int | None = None
    category: str | None = None
    basis: str = ""
    piece: int = 0


@dataclass(frozen=True)
class Factor:
    """One column of a product, to a power: `age` or `arm=cbt`; `text` is how an address writes it, where that differs.

    `traits` are the addresses of what a whole curve has beside its coefficients: `midpoint(x -> y)`.
    """

    column: str
    power: int = 1
    text: str = ""
    traits: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """The variable that the column shows."""
        return variable_of(self.column)

    @property
    def conditional(self) -> bool:
        """Whether it only says where the product acts (`only_when`), and is no part of its address."""
        return is_condition(self.column)

    @property
    def degree(self) -> float:
        """Of the column as a polynomial in its variable, or in the indicators of its categories: infinite where it is none."""
        return inf if split_column(self.column) and "~monotonic" not in self.column else self.power

    def __str__(self) -> str:
        text = self.text or self.column
        return text if self.power == 1 else f"{text}^{self.power}"


@dataclass(frozen=True)
class Coefficient:
    """One number of the linear predictor: `address` names it, `factors` are multiplied with it.

    `moves` and `unit` say what it is a term of: the course of a unit of that level, a trend of the course, or the mean.
    Units of the levels in `varies_by` have a deviation from it each; outside `only_when` it is 0. A step of a monotonic curve
    takes its share of the deviation of the whole `climb`, which that address names.
    """

    address: str
    factors: tuple[Factor, ...]
    written: bool = True
    moves: Moves = "mean"
    unit: str = ROW
    varies_by: tuple[str, ...] = ()
    only_when: Condition | None = None
    condition_steps: int = 0  # at which occasion the condition is looked at, counted back from now
    owner: str = ""  # the coefficient variable that it is, for each unit of that variable's level
    climb: str = ""

    @property
    def deviating(self) -> str:
        """The address of the deviations that move it, unit by unit of the levels in `varies_by`."""
        return self.climb or self.address

    @property
    def causes(self) -> tuple[Factor, ...]:
        """Its factors without those that only say where it acts."""
        return tuple(factor for factor in self.factors if not factor.conditional)

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
    """One modelled variable: link(E[y]) = intercept + Σ coefficients; `spread` names its residual sd, if it has one.

    `level` is the level of its units, `intercepts` the levels above whose units have an intercept of their own.
    `readings` say what each column of the coefficients shows. `initial` names the residual sd of first occasions, where
    a lag reaches back before the grid. `owned` are the coefficients that are variables themselves, `volatility` the
    variable that is the log of the residual sd; `latent` tells that the response is such a variable, and of what.
    `shape` names a further parameter of the family; `out_of` the trials or the exposure, a number or a variable; `event`
    the variable that is 0 where a time was censored.

    A response may need several linear predictors: `parts` are those beyond its own, each whole (coefficients that act on
    several of them stand in each, under one address). `target` is what a predictor's arrows point at, `any(y)`, `y=v`,
    `sigma(y)`, and `role` what it makes of the response: whether there is any of it, going on into one value, the
    greatest value, the residual sd or precision. Of an ordinal, sequential or categorical response every predictor is a
    step, its own the one into the second value. `zeros` says whether zeros are a hurdle or inflated. `shift` is the
    address of the units' own deviations where that is not the intercept: `1 -> y`, which moves every step of an ordinal.
    `completing` tells that the response is exogenous, and has an equation because some of its values are missing.
    """

    response: str
    family: str
    link: str
    intercept: str
    coefficients: tuple[Coefficient, ...]
    spread: str | None
    level: str = ROW
    intercepts: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()
    initial: str | None = None
    owned: tuple[Coefficient, ...] = ()
    volatility: str = ""
    latent: str = ""
    shape: str | None = None
    out_of: float | str = 1.0
    target: str = ""
    role: Role = ""
    zeros: str = ""
    event: str | None = None
    parts: tuple["Equation", ...] = ()
    shift: str = ""
    completing: bool = False

    @property
    def deviating(self) -> str:
        """The address of the deviations that move this predictor, unit by unit of the levels in `intercepts`."""
        return self.shift or self.intercept

    @cached_property
    def predictors(self) -> tuple["Equation", ...]:
        """Its linear predictors, its own first; none of them has parts."""
        return (replace(self, parts=()), *self.parts) if self.parts else (self,)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that its predictors need, in order of appearance."""
        causes = columns_of(coefficient for each in self.predictors for coefficient in each.coefficients)
        return (*causes, *([self.out_of] if isinstance(self.out_of, str) else []))

    @property
    def parents(self) -> tuple[str, ...]:
        """The variables on the right-hand side, in order of appearance."""
        causes = [factor.variable for each in self.predictors for one in each.coefficients for factor in one.factors]
        return tuple(dict.fromkeys([*causes, *([self.out_of] if isinstance(self.out_of, str) else [])]))

    @cached_property
    def addresses(self) -> tuple[str, ...]:
        """Intercepts and coefficients of its predictors, each once: intercept first, then what is not said before."""
        intercepts = [each.intercept for each in self.predictors]
        slopes = [coefficient.address for each in self.predictors for coefficient in each.coefficients]
        return tuple(dict.fromkeys([*intercepts, *slopes]))

    def locate(self, address: str) -> tuple["Equation", int]:
        """The first predictor that has a parameter, and its position there, the intercept being the first."""
        for each in self.predictors:
            if address in each.addresses:
                return each, each.addresses.index(address)
        raise KeyError(address)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The addresses, and those of the spread and shape where there are any."""
        return (*self.addresses, *self.extras)

    @property
    def extras(self) -> tuple[str, ...]:
        """The addresses of the spread, that of first occasions, the shape, and curves' traits, where there are any."""
        return (*(each for each in (self.spread, self.initial, self.shape) if each), *self.traits)

    @cached_property
    def traits(self) -> tuple[str, ...]:
        """The addresses of what its curves have beside coefficients, each once."""
        factors = (factor for each in self.predictors for one in each.coefficients for factor in one.factors)
        return tuple(dict.fromkeys(trait for factor in factors for trait in factor.traits))

    @property
    def climbs(self) -> tuple[str, ...]:
        """The addresses of monotonic climbs that differ among units, each once."""
        slopes = (coefficient for each in self.predictors for coefficient in each.coefficients)
        return tuple(dict.fromkeys(slope.climb for slope in slopes if slope.climb))

    def reading(self, column: str) -> Reading:
        """What a column shows."""
        return next(each for each in self.readings if each.column == column)

    @property
    def arrows(self) -> tuple[Coefficient, ...]:
        """All that acts on it: the coefficients that are fitted as one number, and those that are variables."""
        return (*self.coefficients, *self.owned)

    def terms(self, moves: Moves) -> tuple[Coefficient, ...]:
        """The coefficients that move the mean, the course, or the course's trend."""
        return tuple(each for each in self.arrows if each.moves == moves)

    def companions(self, own: Coefficient) -> tuple[str, ...]:
        """The variables at whose values a slope differs: its moderators, and its own cause where that bends."""
        return tuple(dict.fromkeys(factor.variable for each in self.coefficients for factor in each.beyond(own)))

    def __str__(self) -> str:
        return describe(self)


@dataclass(frozen=True)
class Residual:
    """A residual correlation of two normal variables of one level, `a <-> b`: a hidden common cause."""

    address: str
    one: str
    other: str


@dataclass(frozen=True)
class Wave:
    """The height of a wave of a gp's deviations, at `address`; what is said of all of them is said of `curve`.

    Its sd is made of that of the curve and of the `lengthscale` at an address; `basis` and `piece` say which wave it is.
    """

    address: str
    curve: str
    lengthscale: str
    basis: str
    piece: int


@dataclass(frozen=True)
class Varying:
    """What varies among the units of one level: intercepts and slopes by address, and their joint distribution.

    Deviations are normal with the sds `sd(address | level)`, for a coefficient variable v `sigma(v)`, and the
    correlations `cor(level)`; the pairs in `joined` are joined by a drawn arrow instead and have none (language R8). Heights
    of `waves` are correlated with nothing, and share the sd of their curve (`deviations.find_sds`).
    """

    level: str
    quantities: tuple[str, ...]
    joined: frozenset[tuple[str, str]] = frozenset()
    waves: tuple[Wave, ...] = ()

    @property
    def spreads(self) -> tuple[str, ...]:
        """The address of the sd of each quantity; waves of a curve share one."""
        curves = {each.address: each.curve for each in self.waves}
        named = (curves.get(address, address) for address in self.quantities)
        return tuple(f"sd({name} | {self.level})" if "->" in name else f"sigma({name})" for name in named)

    @property
    def sds(self) -> tuple[str, ...]:
        """The addresses of the sds, each once."""
        return tuple(dict.fromkeys(self.spreads))

    @property
    def curves(self) -> tuple[str, ...]:
        """The curves that its waves make up, each once."""
        return tuple(dict.fromkeys(each.curve for each in self.waves))

    @property
    def standing(self) -> tuple[str, ...]:
        """The quantities that are no waves."""
        waves = {each.address for each in self.waves}
        return tuple(each for each in self.quantities if each not in waves)

    @property
    def drawn(self) -> bool:
        """Whether some pair has no correlation although neither of it is a wave."""
        return any({*pair} <= {*self.standing} for pair in self.joined)

    @property
    def correlation(self) -> str:
        """The address of the correlations."""
        return f"cor({self.level})"

    def are_joined(self, one: str, other: str) -> bool:
        """Whether an arrow joins two quantities, so that they have no correlation."""
        return (one, other) in self.joined or (other, one) in self.joined

    @property
    def correlated(self) -> bool:
        """Whether any two quantities are correlated at all."""
        names = self.quantities
        return any(not self.are_joined(one, other) for i, one in enumerate(names) for other in names[:i])


def columns_of(coefficients: Iterable[Coefficient]) -> tuple[str, ...]:
    """The columns that some coefficients need, in order of appearance."""
    return tuple(dict.fromkeys(factor.column for each in coefficients for factor in each.factors))
