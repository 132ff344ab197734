"""Fewer draws, where every value of a curve takes long."""

from dataclasses import replace

import numpy as np
import xarray as xr

from mechanisms.errors import FitError
from mechanisms.infer.posterior import Fit


def thin(fit: Fit, draws: int | None) -> Fit:
    """The same fit with at most so many draws in all, at equal distances in every chain; None keeps all.

    Raises
    ------
    FitError
        The number makes no sense.
    """
    if draws is None:
        return fit
    chains, each = fit.shape
    if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < chains:
        raise FitError(f"draws must be a whole number of at least {chains}, one for each chain, not {draws!r}")
    kept = np.unique(np.linspace(0, each - 1, min(each, draws // chains)).round().astype(np.intp))
    posterior = fit.idata["posterior"].to_dataset().isel(draw=kept)
    return replace(fit, idata=xr.DataTree.from_dict({"posterior": posterior}))
