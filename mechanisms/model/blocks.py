"""Blocks: sets of equations that share a parameter; the posterior factorises over them (complete data)."""

from mechanisms.model.plan import Equation, Plan


def find_blocks(plan: Plan) -> tuple[tuple[Equation, ...], ...]:
    """The plan's equations in connected blocks, in causal order of their first equation."""
    owner = {address: equation.response for equation in plan.equations for address in equation.parameters}
    joined = {equation.response: {equation.response} for equation in plan.equations}
    for address, prior in plan.priors:
        if prior.same_as is not None:
            together = joined[owner[address]] | joined[owner[prior.same_as]]
            for name in together:
                joined[name] = together
    blocks: dict[frozenset[str], list[Equation]] = {}
    for equation in plan.equations:
        blocks.setdefault(frozenset(joined[equation.response]), []).append(equation)
    return tuple(tuple(block) for block in blocks.values())
