"""The explicit PyMC model of a plan on data."""

import pymc as pm

from mechanisms.data.dataset import Dataset
from mechanisms.errors import expect
from mechanisms.model.completing import complete_plan
from mechanisms.model.equations import Equation
from mechanisms.model.missing import refuse_incomplete
from mechanisms.model.plan import Plan
from mechanisms.model.symbolic.flat import build_flat
from mechanisms.model.symbolic.levels import build_levels
from mechanisms.model.symbolic.links import inverse_link

__all__ = ["inverse_link", "to_pymc"]


def to_pymc(plan: Plan, data: Dataset, equations: tuple[Equation, ...] | None = None) -> pm.Model:
    """The explicit PyMC model of a plan on data.

    Per modelled variable y: y itself (observed, under its own name), `coefficients(y)` in data units (deterministic)
    with the dimension `terms(y)`, whose coordinates are the addresses, `z(y)` the standardised quantities behind them,
    `sigma(y)`. A prior of another family than normal stands under its own address. Theories without levels and without
    missing values: dimension `row` (n), and exogenous columns are `pm.Data`, so `pm.do` and
    `pm.sample_posterior_predictive` work. Others: `sd(… | level)`, `cor(level)`, `deviations(level)` (quantities,
    units), `missing(y)` the standardised unknown values. `equations` restricts the model to some of the plan's
    equations; the other responses are then data.

    Raises
    ------
    DataError
        Missing values of a variable that the plan conditions on, or too many combinations of those of discrete ones.
    """
    expect(plan, Plan, "the plan", "mx.compile(theory) makes one")
    expect(data, Dataset, "the data", "mx.bind(theory, frame) makes them")
    plan = complete_plan(plan, data)
    refuse_incomplete(plan, data)
    chosen = plan.equations if equations is None else equations
    if data.tables or data.incomplete or plan.residuals:
        return build_levels(plan, data, chosen)
    return build_flat(plan, data, chosen)
