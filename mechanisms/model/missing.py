"""Which values nobody observed are quantities of the model, and which rows begin a series."""

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.errors import DataError, listed
from mechanisms.model.equations import Equation
from mechanisms.model.plan import Plan


def refuse_incomplete(plan: Plan, data: Dataset) -> None:
    """Refuse missing values of variables that the plan conditions on."""
    modelled = {equation.response for equation in plan.equations}
    trials = {equation.out_of for equation in plan.equations}
    gaps = [name for name in data.incomplete if name not in modelled or name in trials]
    if gaps:
        raise DataError(
            f"{listed(gaps)} {'is' if len(gaps) == 1 else 'are'} conditioned on and {'has' if len(gaps) == 1 else 'have'} "
            "missing values (or a session inside a series has no row): declare a family (family: normal) so that it is modelled "
            "given the others, or drop these rows and say so"
        )
    _refuse_in_parts(plan, data)


def _refuse_in_parts(plan: Plan, data: Dataset) -> None:
    """Refuse missing values of responses whose density is not summed or integrated over yet, beside gaps anywhere."""
    gaps = [name for name in data.incomplete if name not in plan.unseen]
    if not data.incomplete:
        return
    summed = {
        each.level for each in plan.equations if each.family == "bernoulli" and find_unknown(plan, each, data).size
    }
    for equation in plan.equations:
        if not (equation.parts or equation.role or equation.event):
            continue
        if equation.level in summed or find_unknown(plan, equation, data).size or (gaps and not data.tables):
            raise DataError(
                f"{listed(gaps)} {'has' if len(gaps) == 1 else 'have'} missing values, and beside "
                f"{equation.response} ({equation.family}{', ' + equation.zeros if equation.zeros else ''}) none are filled in "
                "yet: drop these rows and say so"
            )


def find_unknown(plan: Plan, equation: Equation, data: Dataset) -> NDArray[np.intp]:
    """The rows whose value is missing and that some equation or a correlated residual looks at; shape (m,)."""
    name = equation.response
    if equation.latent:
        return np.zeros(0, dtype=np.intp)
    missing = data[name].missing
    if name in looked_at(plan):
        return np.flatnonzero(missing)
    partners = find_partners(plan, name) - {name}
    seen = np.zeros(len(missing), dtype=bool)
    for other in partners:
        column = data[other]
        seen |= column.observed | column.missing if other in looked_at(plan) else column.observed
    return np.flatnonzero(missing & seen)


def find_partners(plan: Plan, name: str) -> frozenset[str]:
    """The responses whose residuals are correlated with one's, directly or by others; itself among them."""
    found, waiting = {name}, [name]
    while waiting:
        one = waiting.pop()
        new = {b if a == one else a for a, b in ((r.one, r.other) for r in plan.residuals) if one in (a, b)} - found
        found |= new
        waiting += new
    return frozenset(found)


def looked_at(plan: Plan) -> frozenset[str]:
    """The variables whose own values some equation looks at; courses alone need none."""
    readings = (each for equation in plan.equations for each in equation.readings)
    return frozenset(plan.take_apart(each.variable for each in readings if each.part not in ("course", "trend")))


def first_rows(equation: Equation, plan: Plan, data: Dataset) -> NDArray[np.bool_]:
    """The rows where the response exists and some lag of its equation reaches back before the grid (language R15)."""
    units = data.units(equation.level)
    client = plan.design.lattice.client(equation.level) or ""
    found = np.zeros(units.n, dtype=bool)
    for steps in {each.steps for each in equation.readings if each.steps and each.part != "trend"}:
        found |= units.before(-steps, client) < 0
    absent = data[equation.response].absent
    return found if absent is None else found & ~absent
