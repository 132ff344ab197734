"""Blocks: sets of equations that share a parameter or an unknown; the posterior factorises over them given the data."""

from collections.abc import Iterator

from mechanisms.data.dataset import Dataset
from mechanisms.model.equations import Equation
from mechanisms.model.missing import find_unknown
from mechanisms.model.plan import Plan


def find_blocks(plan: Plan, data: Dataset) -> tuple[tuple[Equation, ...], ...]:
    """The plan's equations in connected blocks, in causal order of their first equation.

    Equations of a theory with levels make one block: courses are causes, and their deviations are correlated.
    """
    joined = {equation.response: {equation.response} for equation in plan.equations}
    for one, other in _pairs(plan, data):
        together = joined[one] | joined[other]
        for name in together:
            joined[name] = together
    blocks: dict[frozenset[str], list[Equation]] = {}
    for equation in plan.equations:
        blocks.setdefault(frozenset(joined[equation.response]), []).append(equation)
    return tuple(tuple(block) for block in blocks.values())


def _pairs(plan: Plan, data: Dataset) -> Iterator[tuple[str, str]]:
    """Responses whose equations belong together."""
    owner = {address: equation.response for equation in plan.equations for address in equation.parameters}
    for address, prior in plan.priors:
        if prior.same_as is not None and address in owner:
            yield owner[address], owner[prior.same_as]
    yield from ((each.one, each.other) for each in plan.residuals)
    if data.tables:
        yield from ((plan.equations[0].response, equation.response) for equation in plan.equations)
        return
    for equation in plan.equations if data.incomplete else ():
        if find_unknown(plan, equation, data).size:
            yield from (
                (equation.response, other.response)
                for other in plan.equations
                if equation.response in plan.take_apart(other.parents)
            )
