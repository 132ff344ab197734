"""Which values nobody observed are quantities of the model, and which rows begin a series."""

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.causes import find_cause
from mechanisms.data.dataset import Categories, Dataset
from mechanisms.data.ways import hand_down, look_back
from mechanisms.errors import DataError, listed
from mechanisms.model.equations import Equation
from mechanisms.model.families import FAMILIES
from mechanisms.model.plan import Plan


def refuse_incomplete(plan: Plan, data: Dataset) -> None:
    """Refuse missing values of variables that the plan conditions on, and those that are neither sampled nor summed over."""
    modelled = {equation.response for equation in plan.equations}
    trials = {equation.out_of for equation in plan.equations}
    events = {equation.event for equation in plan.equations}
    gaps = [name for name in data.incomplete if (name not in modelled or name in trials) and name not in events]
    if gaps:
        raise DataError(
            f"{listed(gaps)} {'is' if len(gaps) == 1 else 'are'} conditioned on and {'has' if len(gaps) == 1 else 'have'} "
            "missing values (or a session inside a series has no row): declare a family (family: normal) so that it is modelled "
            "given the others (of a category, or with zeros, draw an arrow into it), or drop these rows and say so"
        )
    for equation in plan.equations if data.incomplete else ():
        _refuse_event(equation, data)
        _refuse_mixed(plan, equation, data)
        _refuse_unseen(plan, equation, data)


def _refuse_event(equation: Equation, data: Dataset) -> None:
    """Refuse times of which nobody knows whether they ended; where the time is missing as well, the row says nothing."""
    if not equation.event:
        return
    unsure = data[equation.event].missing & data[equation.response].observed
    if unsure.any():
        raise DataError(
            f"{equation.event} is missing in {int(unsure.sum())} rows with a time {equation.response}, of which nobody knows then "
            "whether it ended: fill it in, or make the time missing too, so that the row leaves the equation"
        )


def _refuse_mixed(plan: Plan, equation: Equation, data: Dataset) -> None:
    """Refuse missing values that are looked at of what is partly one value and partly any number."""
    heaped = FAMILIES[equation.family].kind == "heaped" or (equation.zeros and not FAMILIES[equation.family].whole)
    if heaped and (count := find_unknown(plan, equation, data).size):
        what = f"{equation.family}{', ' + equation.zeros if equation.zeros else ''}"
        raise DataError(
            f"{equation.response} ({what}) has {count} missing values that other equations look at: what is partly one value and "
            "partly any number is neither summed nor integrated over yet. Drop these rows and say so, or impute"
        )


def _refuse_unseen(plan: Plan, equation: Equation, data: Dataset) -> None:
    """Refuse conditions on numbers, and on sums of them, that are missing where the effect is looked at: nobody sees whether they hold."""
    if equation.latent or not data.tables:
        return
    lattice, level = plan.design.lattice, equation.level
    looked = data[equation.response].observed.copy()
    looked[find_unknown(plan, equation, data)] = True
    arrows = [one for part in equation.predictors for one in part.arrows]
    for each in arrows:
        for name in (one for one in (each.only_when.names if each.only_when else ()) if one not in lattice.names):
            column, own = find_cause(plan.theory, data, name), plan.design.level(name)
            if isinstance(column, Categories) or FAMILIES[plan.theory.variable(name).family or "normal"].whole:
                continue
            gone: NDArray[np.float64] = column.missing.astype(np.float64)
            if own == level:
                gone = look_back(data, lattice, gone, own, each.condition_steps)
            if count := int(np.count_nonzero((hand_down(data, gone, level, own) > 0) & looked)):
                raise DataError(
                    f"{each.address}: only_when: {name} is missing for {count} values of {equation.response}, so that nobody sees "
                    "where the arrow acts: drop these rows and say so"
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
    """The variables whose own values some equation looks at, as a cause or to see whether an arrow acts; courses alone need none."""
    readings = (each for equation in plan.equations for each in equation.readings)
    seen = plan.take_apart(each.variable for each in readings if each.part not in ("course", "trend"))
    arrows = (one for each in plan.equations for part in each.predictors for one in part.arrows)
    asked = {name for each in arrows if each.only_when for name in each.only_when.names}
    whole = {each.response for each in plan.equations if FAMILIES[each.family].whole}
    return frozenset([*seen, *(asked & whole)])


def first_rows(equation: Equation, plan: Plan, data: Dataset) -> NDArray[np.bool_]:
    """The rows where the response exists and some lag of its equation reaches back before the grid (language R15)."""
    units = data.units(equation.level)
    client = plan.design.lattice.client(equation.level) or ""
    found = np.zeros(units.n, dtype=bool)
    for steps in {each.steps for each in equation.readings if each.steps and each.part != "trend"}:
        found |= units.before(-steps, client) < 0
    absent = data[equation.response].absent
    return found if absent is None else found & ~absent
