"""The draws of all blocks as one `DataTree`."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.posterior import safe_name
from mechanisms.model.plan import Plan

Floats = NDArray[np.float64]


def make_tree(plan: Plan, data: Dataset, blocks: Mapping[str, Drawn]) -> xr.DataTree:
    """The draws of all blocks as one ArviZ tree: `posterior`, and `sample_stats` where a sampler ran.

    Blocks that ran longer than others are cut to the shortest.
    """
    least = min(next(iter(each.parameters.values())).shape[1] for each in blocks.values())
    found = {address: values[:, :least] for each in blocks.values() for address, values in each.parameters.items()}
    posterior: dict[str, tuple[tuple[str, ...], Floats]] = {
        safe_name(address): (("chain", "draw"), found[address]) for address in plan.parameters if address in found
    }
    chains = next(iter(found.values())).shape[0]
    coords: dict[str, object] = {"chain": np.arange(chains), "draw": np.arange(least)}
    for each in blocks.values():
        for varying in plan.varying:
            level, here = varying.level, f"quantity({varying.level})"
            if level in each.deviations:
                dims = ("chain", "draw", here, level)
                posterior[f"deviations({level})"] = (dims, each.deviations[level][:, :least])
                coords |= {here: list(varying.quantities), level: _labels(data, level)}
            if level in each.correlations:
                dims = ("chain", "draw", here, f"other {here}")
                posterior[varying.correlation] = (dims, each.correlations[level][:, :least])
                coords |= {here: list(varying.quantities), f"other {here}": list(varying.quantities)}
    groups = {"posterior": xr.Dataset(posterior, coords)}
    statistics = {
        name: each.statistics.isel(draw=slice(least)) for name, each in blocks.items() if each.statistics is not None
    }
    if len(statistics) == 1:
        groups["sample_stats"] = next(iter(statistics.values()))
    elif statistics:
        joint = {f"{name} ({block})": values for block, stats in statistics.items() for name, values in stats.items()}
        diverging = sum(stats["diverging"].astype(int) for stats in statistics.values()) > 0
        groups["sample_stats"] = xr.Dataset({**joint, "diverging": diverging})
    return xr.DataTree.from_dict(groups)


def _labels(data: Dataset, level: str) -> list[str]:
    """The units of a level as coordinates."""
    return [str(label) for label in data.units(level).labels]
