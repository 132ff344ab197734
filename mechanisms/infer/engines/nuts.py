"""NUTS through nutpie or numpyro on the explicit PyMC model: for any block (Hoffman & Gelman 2014; their adaptations)."""

from collections import deque
from collections.abc import Callable, Hashable
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
MOST = 8  # blocks that are known to be compiled, as many as `explicit.machine` remembers
LEFT_OUT = 1e-9  # of a sum over missing values of a count
WAVES = 0.95  # the acceptance aimed at where waves of a curve are alike within the data

Start = Callable[..., Any]

WHY = "for any model"
_compiled: deque[Hashable] = deque(maxlen=MOST)


def applies(plan: Plan, data: Dataset, block: Equations) -> str | None:
    """Always None: it takes every block."""
    return None


def draw(plan: Plan, data: Dataset, block: Equations, settings: Settings) -> Drawn:
    """Draws of a block's parameters and of its units' deviations.

    Where units vary, chains whose coefficients have R-hat of 1.01 or more or fewer than 400 effective draws are drawn
    again, once, four times as long with twice the tuning.

    Raises
    ------
    FitError
        NUTS could not start, or a sum over a count's missing values stops too early; numpyro cannot compute the model.
    KeyboardInterrupt
        Interrupted before every chain had a draw.
    """
    from mechanisms.model.symbolic import to_pymc  # noqa: PLC0415

    settings.tell("compiling for NUTS")
    model = to_pymc(plan, data, block)
    names = {str(variable.name) for variable in model.unobserved_RVs} | {
        str(each.name) for each in model.deterministics
    }
    wanted = [name for name in _wanted(plan, block) if name in names]
    try:
        compile_block = _compile_walk if settings.sampler == "numpyro" else _compile_chains
        start = compile_block(model, block, wanted, settings)
        if settings.sampler == "nutpie":
            _compiled.append(_outward(plan, data, block))
        rounds = [Round(settings.draws, settings.tune), Round(LONGER * settings.draws, 2 * settings.tune, careful=True)]
        sampled = run_rounds(
            start, settings, rounds if plan.varying else rounds[:1], lambda tree: _settled(tree, block)
        )
    except RuntimeError as error:
        raise FitError(
            f"NUTS could not start on {', '.join(e.response for e in block)}: {str(error).splitlines()[0]}. "
            "Check the priors: they must allow what the data show"
        ) from error
    return _unpack(sampled, plan, block, wanted)


def _compile_chains(model: Any, block: Equations, wanted: list[str], settings: Settings) -> Start:
    """What starts nutpie on a model."""
    import nutpie  # noqa: PLC0415  (slow to import; other engines do without)

    from mechanisms.infer.explicit.chains import compile_chains  # noqa: PLC0415

    # All chains side by side, however few the cores: an interruption then finds draws of each.
    fixed: dict[str, Any] = {"chains": settings.chains, "cores": settings.chains, "seed": _seed(settings)}
    fixed |= {"blocking": False, "progress_bar": False, "save_warmup": False}
    if _has_waves(block):
        fixed |= {"adaptation": "low_rank", "target_accept": WAVES}
    return partial(nutpie.sample, compile_chains(model, wanted, _moved(model, block)), **fixed)


def _compile_walk(model: Any, block: Equations, wanted: list[str], settings: Settings) -> Start:
    """What starts numpyro on a model."""
    from mechanisms.infer.explicit.translation import NoTranslationError  # noqa: PLC0415
    from mechanisms.infer.explicit.walks import prepare_walk, start_walk  # noqa: PLC0415

    waves = _has_waves(block)
    fixed: dict[str, Any] = {"chains": settings.chains, "seed": _seed(settings), "joined": waves}
    if waves:
        fixed |= {"target_accept": WAVES}
    try:
        return partial(start_walk, prepare_walk(model, wanted, _moved(model, block)), **fixed)
    except NoTranslationError as error:
        raise FitError(
            f"JAX, and so numpyro, cannot compute the model of {', '.join(e.response for e in block)}: {error}. "
            "nuts_sampler='nutpie' fits it"
        ) from error


def _seed(settings: Settings) -> int:
    return int(settings.seed.generate_state(1)[0])


def _has_waves(block: Equations) -> bool:
    """Whether a curve is made of waves, which are alike within the data."""
    return any("~gp[" in column for each in block for column in each.columns)


def was_compiled(plan: Plan, data: Dataset, block: Equations) -> bool:
    """Whether this process has lately compiled a block for nutpie that looks the same from outside: its equations, and how many rows there are.

    Whether what was compiled serves these data is only known once the model is there.
    """
    return _outward(plan, data, block) in _compiled


def _outward(plan: Plan, data: Dataset, block: Equations) -> Hashable:
    gaps = tuple((column.name, int(column.observed.sum())) for column in data.columns)
    return block, plan.varying, data.n, tuple((each.level, each.n) for each in data.tables), gaps


def _moved(model: Any, equations: Equations) -> set[Any]:
    """What starts at random about its middle: all but ordered thresholds, which chance would put out of order."""
    ordered = [each for each in equations if each.family in ("ordinal", "ordered_beta")]
    still = {f"z({each.response})" for each in ordered} | {address for each in ordered for address in each.addresses}
    return {variable for variable in model.free_RVs if str(variable.name) not in still}


def _wanted(plan: Plan, equations: Equations) -> list[str]:
    """What is kept of the draws."""
    found = [f"coefficients({equation.response})" for equation in equations]
    found += [name for equation in equations for name in equation.extras]
    found += [f"beyond({equation.response})" for equation in equations]
    found += [each.address for each in plan.residuals]
    for each in plan.varying:
        found += [*each.sds, each.correlation, f"deviations({each.level})"]
    return found


def _settled(sampled: Any, equations: Equations) -> bool:
    """Whether the chains agree on the coefficients and say enough of them."""
    posterior = sampled["posterior"].to_dataset()
    r_hat, ess = worst(posterior[[f"coefficients({equation.response})" for equation in equations]])
    return not r_hat >= R_HAT and ess > ESS  # a single chain has no R-hat


def _check_sums(posterior: Any, equations: Equations, wanted: list[str]) -> None:
    """Refuse draws at which sums over a count's missing values leave out more than next to nothing."""
    for equation in equations:
        name = f"beyond({equation.response})"
        if name in wanted and (left := float(np.exp(np.max(np.asarray(posterior[name]))))) > LEFT_OUT:
            raise FitError(
                f"{equation.response} has missing values that are summed over, and in some draws a share of {left:.1g} lies beyond "
                f"the greatest value of the sum (allowed is {LEFT_OUT:g}): drop these rows and say so, or impute"
            )


def _unpack(sampled: Sampled, plan: Plan, equations: Equations, wanted: list[str]) -> Drawn:
    posterior = sampled.tree["posterior"]
    _check_sums(posterior, equations, wanted)
    found: dict[str, Floats] = {}
    for equation in equations:
        values = np.asarray(posterior[f"coefficients({equation.response})"])
        found |= {address: values[:, :, position] for position, address in enumerate(equation.addresses)}
        for name in equation.extras:
            if name in wanted:
                found[name] = np.asarray(posterior[name])
    found |= {each.address: np.asarray(posterior[each.address]) for each in plan.residuals if each.address in wanted}
    for each in plan.varying:
        found |= {name: np.asarray(posterior[name]) for name in each.sds}
    return Drawn(
        found,
        {each.level: np.asarray(posterior[each.correlation]) for each in plan.varying if each.correlation in wanted},
        {each.level: np.asarray(posterior[f"deviations({each.level})"]) for each in plan.varying},
        sampled.tree["sample_stats"].to_dataset()[["diverging", "depth"]],
        stopped=sampled.stopped,
    )
