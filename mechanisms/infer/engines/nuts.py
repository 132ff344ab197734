"""NUTS through nutpie on the explicit PyMC model: for any block (Hoffman & Gelman 2014; nutpie's adaptation)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.errors import FitError
from mechanisms.infer.diagnostics import worst
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.engines.contract import Equations, Settings
from mechanisms.model.plan import Plan

Floats = NDArray[np.float64]
LONGER = 4  # how many times the draws and, at most, the tuning that were asked for
R_HAT, ESS = 1.01, 400.0


WHY = "for any model"


def applies(plan: Plan, data: Dataset, block: Equations) -> str | None:
    """Always None: it takes every block."""
    return None


def draw(plan: Plan, data: Dataset, block: Equations, settings: Settings) -> Drawn:
    """Draws of a block's parameters and of its units' deviations.

    Where units vary, chains whose coefficients have R-hat of 1.01 or more or fewer than 400 effective draws are drawn
    again, once, four times as long with twice the tuning.
    """
    import nutpie  # noqa: PLC0415  (slow to import; other engines do without)

    from mechanisms.model.symbolic import to_pymc  # noqa: PLC0415

    model = to_pymc(plan, data, block)
    names = {str(variable.name) for variable in model.unobserved_RVs} | {
        str(each.name) for each in model.deterministics
    }
    wanted = [name for name in _wanted(plan, block) if name in names]
    try:
        compiled = nutpie.compile_pymc_model(model, var_names=wanted)
        seed = int(settings.seed.generate_state(1)[0])
        fixed: dict[str, Any] = {"chains": settings.chains, "seed": seed, "progress_bar": False, "save_warmup": False}
        sampled: Any = nutpie.sample(compiled, draws=settings.draws, tune=settings.tune, **fixed)
        if plan.varying and not _settled(sampled, block):
            sampled = nutpie.sample(compiled, draws=LONGER * settings.draws, tune=2 * settings.tune, **fixed)
    except RuntimeError as error:
        raise FitError(
            f"NUTS could not start on {', '.join(e.response for e in block)}: {str(error).splitlines()[0]}. "
            "Check the priors: they must allow what the data show"
        ) from error
    return _unpack(sampled, plan, block, wanted)


def _wanted(plan: Plan, equations: Equations) -> list[str]:
    """What is kept of the draws."""
    found = [f"coefficients({equation.response})" for equation in equations]
    found += [name for equation in equations for name in equation.extras]
    found += [each.address for each in plan.residuals]
    for each in plan.varying:
        found += [*each.spreads, each.correlation, f"deviations({each.level})"]
    return found


def _settled(sampled: Any, equations: Equations) -> bool:
    """Whether the chains agree on the coefficients and say enough of them."""
    posterior = sampled["posterior"].to_dataset()
    r_hat, ess = worst(posterior[[f"coefficients({equation.response})" for equation in equations]])
    return r_hat < R_HAT and ess > ESS


def _unpack(sampled: Any, plan: Plan, equations: Equations, wanted: list[str]) -> Drawn:
    posterior = sampled["posterior"]
    found: dict[str, Floats] = {}
    for equation in equations:
        values = np.asarray(posterior[f"coefficients({equation.response})"])
        found |= {address: values[:, :, position] for position, address in enumerate(equation.addresses)}
        for name in equation.extras:
            if name in wanted:
                found[name] = np.asarray(posterior[name])
    found |= {each.address: np.asarray(posterior[each.address]) for each in plan.residuals if each.address in wanted}
    for each in plan.varying:
        found |= {name: np.asarray(posterior[name]) for name in each.spreads}
    return Drawn(
        found,
        {each.level: np.asarray(posterior[each.correlation]) for each in plan.varying if each.correlation in wanted},
        {each.level: np.asarray(posterior[f"deviations({each.level})"]) for each in plan.varying},
        sampled["sample_stats"].to_dataset()[["diverging", "depth"]],
    )
