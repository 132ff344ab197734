"""Convergence of draws, by ArviZ."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr


@dataclass(frozen=True)
class Quality:
    """How well one quantity was sampled."""

    name: str
    r_hat: float
    ess_bulk: float
    ess_tail: float
    mcse: float


def assess(draws: xr.Dataset) -> tuple[Quality, ...]:
    """Rank-normalised R-hat, bulk and tail ESS, and the Monte Carlo error of the mean of every (chain, draw) variable."""
    import arviz_stats  # noqa: PLC0415  (slow to import, and only diagnoses need it)

    stats: Any = arviz_stats

    # ArviZ computes on arrays; names with arrows and blanks are ours, so they go in by position.
    names = [str(name) for name in draws]
    plain = xr.Dataset({f"v{position}": draws[name] for position, name in enumerate(names)})
    r_hat, bulk = stats.rhat(plain), stats.ess(plain, method="bulk")
    tail, error = stats.ess(plain, method="tail"), stats.mcse(plain, method="mean")
    return tuple(
        Quality(name, *(float(table[f"v{position}"]) for table in (r_hat, bulk, tail, error)))
        for position, name in enumerate(names)
    )


def worst(draws: xr.Dataset) -> tuple[float, float]:
    """The greatest R-hat and the least bulk or tail effective sample size among draws that vary.

    R-hat is NaN where it says nothing: of a single chain, or where nothing varies; the size is infinite there.
    """
    import arviz_stats  # noqa: PLC0415

    stats: Any = arviz_stats
    plain = xr.Dataset({f"v{position}": draws[name] for position, name in enumerate(draws)})
    with np.errstate(invalid="ignore", divide="ignore"):  # what is fixed does not vary
        agreement, *sizes = stats.rhat(plain), *(stats.ess(plain, method=method) for method in ("bulk", "tail"))
    return max(_told(agreement), default=float("nan")), min((n for each in sizes for n in _told(each)), default=np.inf)


def _told(table: xr.Dataset) -> list[float]:
    """The numbers of a table of diagnostics that are any."""
    values = np.concatenate([np.ravel(each) for each in table.values()])
    return [float(value) for value in values[~np.isnan(values)]]


def count_divergences(idata: xr.DataTree) -> int:
    """How many transitions diverged; 0 where no sampler ran that could."""
    if "sample_stats" not in idata.children:
        return 0
    return int(np.asarray(idata["sample_stats"]["diverging"]).sum())
