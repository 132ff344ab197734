"""NUTS through nutpie on the explicit PyMC model: for any block (Hoffman & Gelman 2014; nutpie's adaptation)."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.errors import FitError
from mechanisms.infer.diagnostics import worst
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.engines.contract import Equations, Settings
from mechanisms.infer.rounds import Round, Sampled, run_rounds
from mechanisms.model.plan import Plan

Floats = NDArray[np.float64]
LONGER = 4  # how many times the draws and, at most, the tuning that were asked for
R_HAT, ESS = 1.01, 400.0


WHY = "for any model"
COST = "10 to 80 s to compile, then seconds to minutes"


def applies(plan: Plan, data: Dataset, block: Equations) -> str | None:
    """Always None: it takes every block."""
    return None


def draw(plan: Plan, data: Dataset, block: Equations, settings: Settings) -> Drawn:
    """Draws of a block's parameters and of its units' deviations.

    Where units vary, chains whose coefficients have R-hat of 1.01 or more or fewer than 400 effective draws are drawn
    again, once, four times as long with twice the tuning.

    Raises
    ------
    KeyboardInterrupt
        Interrupted before every chain had a draw.
    """
    import nutpie  # noqa: PLC0415  (slow to import; other engines do without)

    from mechanisms.model.symbolic import to_pymc  # noqa: PLC0415

    settings.tell("compiling for NUTS")
    model = to_pymc(plan, data, block)
    names = {str(variable.name) for variable in model.unobserved_RVs} | {
        str(each.name) for each in model.deterministics
    }
    wanted = [name for name in _wanted(plan, block) if name in names]
    try:
        compiled = nutpie.compile_pymc_model(model, var_names=wanted, jitter_rvs=_moved(model, block))
        fixed: dict[str, Any] = {"blocking": False, "progress_bar": False, "save_warmup": False}
        # All chains side by side, however few the cores: an interruption then finds draws of each.
        fixed |= {"chains": settings.chains, "cores": settings.chains, "seed": int(settings.seed.generate_state(1)[0])}
        if any("~gp[" in column for each in block for column in each.columns):
            fixed |= {"adaptation": "low_rank", "target_accept": 0.95}  # waves are alike within the data
        rounds = [Round(settings.draws, settings.tune), Round(LONGER * settings.draws, 2 * settings.tune, careful=True)]
        start = partial(nutpie.sample, compiled, **fixed)
        sampled = run_rounds(
            start, settings, rounds if plan.varying else rounds[:1], lambda tree: _settled(tree, block)
        )
    except RuntimeError as error:
        raise FitError(
            f"NUTS could not start on {', '.join(e.response for e in block)}: {str(error).splitlines()[0]}. "
            "Check the priors: they must allow what the data show"
        ) from error
    return _unpack(sampled, plan, block, wanted)


def _moved(model: Any, equations: Equations) -> set[Any] | None:
    """What starts at random about its middle: all but ordered thresholds, which chance would put out of order."""
    ordered = [each for each in equations if each.family in ("ordinal", "ordered_beta")]
    if not ordered:
        return None
    still = {f"z({each.response})" for each in ordered} | {address for each in ordered for address in each.addresses}
    return {variable for variable in model.free_RVs if str(variable.name) not in still}


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
    return not r_hat >= R_HAT and ess > ESS  # a single chain has no R-hat


def _unpack(sampled: Sampled, plan: Plan, equations: Equations, wanted: list[str]) -> Drawn:
    posterior = sampled.tree["posterior"]
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
        sampled.tree["sample_stats"].to_dataset()[["diverging", "depth"]],
        stopped=sampled.stopped,
    )
