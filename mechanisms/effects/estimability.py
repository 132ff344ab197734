"""Between coefficients that the data can hardly tell: their cause's courses do not differ, or the prior speaks alone."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mechanisms.graph.graph import Edge, variable_of
from mechanisms.infer.posterior import Fit
from mechanisms.model.equations import Coefficient, Equation
from mechanisms.model.priors import state_beliefs
from mechanisms.model.scales import intraclass

ALIKE = 0.02  # an intraclass correlation below this: units hardly differ
LEARNT = 0.7  # of the prior sd: a posterior sd above this


@dataclass(frozen=True)
class Inestimable:
    """A between coefficient and why it is hardly estimable; `share` is the intraclass correlation of its cause."""

    address: str
    cause: str
    effect: str
    level: str
    share: float
    posterior: float
    prior: float | None

    def __str__(self) -> str:
        why = f"{self.cause} hardly differs between {self.level}s (intraclass correlation {self.share:.3f})"
        if self.share >= ALIKE:
            why = f"the data add little to the prior (intraclass correlation of {self.cause}: {self.share:.2f})"
        known = f"posterior sd {self.posterior:.3g}"
        known += f", prior sd {self.prior:.3g}" if self.prior is not None else ""
        return f"{self.address} is not estimable from these data: {why}; {known}"


def find_inestimable(fit: Fit) -> tuple[Inestimable, ...]:
    """Every coefficient of a course that the data can hardly tell, in the order of the equations.

    Either the cause's intraclass correlation at that level is below 0.02, or the posterior sd is above 0.7 of the prior's.
    """
    found = []
    for equation in fit.plan.equations:
        priors: dict[str, float] | None = None
        for each in equation.coefficients:
            course = _course(equation, each)
            if course is None:
                continue
            name, level = course
            priors = _prior_sds(fit, equation) if priors is None else priors
            share = intraclass(fit.data, name, level)
            posterior, prior = float(fit.parameters[each.address].std()), priors.get(each.address)
            if share < ALIKE or (prior is not None and posterior > LEARNT * prior):
                found.append(Inestimable(each.address, name, equation.response, level, share, posterior, prior))
    return tuple(found)


def note_inestimable(fit: Fit, arrows: Iterable[Edge]) -> tuple[str, ...]:
    """The same in words, of the coefficients whose arrows carry a change."""
    carried = {(tail, variable_of(head)) for tail, head in arrows}
    return tuple(str(each) for each in find_inestimable(fit) if (f"{each.cause}({each.level})", each.effect) in carried)


def _course(equation: Equation, each: Coefficient) -> tuple[str, str] | None:
    """The cause and level of a coefficient that is one of a course alone."""
    readings = [equation.reading(factor.column) for factor in each.factors]
    if len(readings) != 1 or readings[0].part != "course" or readings[0].category is not None:
        return None
    return readings[0].variable, readings[0].level


def _prior_sds(fit: Fit, equation: Equation) -> dict[str, float]:
    """The prior sd of each coefficient whose prior is normal; nothing for a fit of one draw, whose sd says nothing."""
    if fit.shape == (1, 1):
        return {}
    beliefs = state_beliefs(fit.plan, equation, fit.data)
    if not beliefs.exactly_normal:
        return {}
    sds = np.sqrt(np.square(beliefs.matrix).sum(axis=1))
    return {address: float(sd) for address, sd in zip(equation.addresses, sds, strict=True) if sd > 0}
