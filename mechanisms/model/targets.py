"""What the linear predictors of a response are: which arrows reach each, by which link, and what it makes of the response.

    ordinal, sequential, categorical   going on into each value but the first; `x -> y` reaches all of them
    zeros                              the amount (its own), and whether there is any
    ordered_beta                       the mean between 0 and 1 (its own), whether it is above 0, whether it is 1
    an arrow into sigma or precision   the logarithm of that, in the place of one number

An arrow into a categorical response has a coefficient for each value; where arrows reach several predictors otherwise, they
share one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mechanisms.graph.expansion import Expansion
from mechanisms.model.equations import INTERCEPT, Role
from mechanisms.model.families import FAMILIES
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import Variable


@dataclass(frozen=True)
class Target:
    """One linear predictor: `term` is what its own arrows point at, `reached` whose arrows reach it too.

    `apart` tells that the arrows that reach it have a coefficient of their own here. `course` is what an intercept of a
    unit's own is the course of, where that is not `term`; steps of one course have one deviation, unless they are `apart`.
    """

    term: Term
    role: Role
    link: str
    reached: tuple[Term, ...] = ()
    apart: bool = False
    course: Term | None = None

    @property
    def levels_of(self) -> Term:
        """The course whose levels have an intercept of their own here."""
        return self.course or self.term

    @property
    def shift(self) -> str:
        """The address of the deviations of these intercepts, where it is not that of the intercept."""
        return "" if self.apart or self.course is None else f"{INTERCEPT}{self.course}"


def list_targets(variable: Variable, expansion: Expansion) -> tuple[Target, ...]:
    """The linear predictors of a response, its own first."""
    return (*_of_mean(variable), *_of_spread(variable, expansion))


def is_modelled(name: str, expansion: Expansion) -> bool:
    """Whether an arrow reaches any part of a variable."""
    return any(each.effect.name == name for each in expansion.coefficients)


def _of_mean(variable: Variable) -> Iterator[Target]:
    name, family = variable.name, FAMILIES[variable.family or "normal"]
    link, whole = variable.link or family.links[0], Term(name)
    if family.kind == "category":
        for value in variable.values[1:]:
            yield Target(Term(name, value=value), "step", link, (whole,), family.name == "categorical", whole)
    elif variable.zeros:
        yield Target(Term(name, spread="amount"), "", link)
        yield Target(Term(name, spread="any"), "any", "logit")
    elif family.kind == "heaped":
        yield Target(whole, "", link)
        yield Target(Term(name, spread="any"), "any", "logit", (whole,), course=whole)
        yield Target(Term(name, value="1"), "top", "logit", (whole,), course=whole)
    else:
        yield Target(whole, "", link)


def _of_spread(variable: Variable, expansion: Expansion) -> Iterator[Target]:
    term = Term(variable.name, spread=FAMILIES[variable.family or "normal"].spread)
    if not term.spread:
        return
    if expansion.parents(term) or any(each.own and each.effect == term for each in expansion.courses):
        yield Target(term, "spread", "log")
