"""NUTS through nutpie on the explicit PyMC model: for any block (Hoffman & Gelman 2014; nutpie's adaptation)."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.errors import FitError
from mechanisms.model.plan import Equation, Plan

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]


def draw(
    plan: Plan, equations: tuple[Equation, ...], data: Dataset, *, draws: int, tune: int, chains: int, seed: int
) -> "tuple[dict[str, Floats], xr.Dataset]":
    """Draws of each parameter by address, shape (chains, draws), and nutpie's sampler statistics."""
    import nutpie  # noqa: PLC0415  (slow to import; other engines do without)

    from mechanisms.model.symbolic import to_pymc  # noqa: PLC0415

    model = to_pymc(plan, data, equations)
    wanted = [f"coefficients({equation.response})" for equation in equations]
    wanted += [equation.spread for equation in equations if equation.spread]
    try:
        compiled = nutpie.compile_pymc_model(model, var_names=wanted)
        sampled: Any = nutpie.sample(
            compiled, draws=draws, tune=tune, chains=chains, seed=seed, progress_bar=False, save_warmup=False
        )
    except RuntimeError as error:
        raise FitError(
            f"NUTS could not start on {', '.join(e.response for e in equations)}: {str(error).splitlines()[0]}. "
            "Check the priors: they must allow what the data show"
        ) from error
    posterior = sampled["posterior"]
    found: dict[str, Floats] = {}
    for equation in equations:
        values = np.asarray(posterior[f"coefficients({equation.response})"])
        found |= {address: values[:, :, position] for position, address in enumerate(equation.addresses)}
        if equation.spread:
            found[equation.spread] = np.asarray(posterior[equation.spread])
    statistics: xr.Dataset = sampled["sample_stats"].to_dataset()
    return found, statistics[["diverging", "depth"]]
