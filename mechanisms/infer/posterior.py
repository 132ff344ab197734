"""A fit: plan, data and posterior draws, with how they were drawn."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.infer.explanation import Block
from mechanisms.infer.keeping import allow_pickling
from mechanisms.model.equations import Varying
from mechanisms.model.plan import Plan

Floats = NDArray[np.float64]
allow_pickling()


@dataclass(frozen=True, eq=False)
class Fit:
    """The posterior of a plan given data.

    `idata` is an ArviZ `DataTree`: group `posterior` holds one (chain, draw) variable per parameter, named by its
    address and in data units; for each level among whose units something varies also the correlations `cor(level)`
    and the units' own `deviations(level)` (chain, draw, quantity, unit); `sample_stats` the sampler's statistics where
    NUTS was used. `interrupted` says which blocks have fewer draws than were wanted, since sampling was interrupted;
    every other fit has nothing there. `pickle` keeps a fit whole. A DataTree allows no `/` in a name, so one in a category (`job=craft/trade`) stands there as the division slash `∕`; `draws` has the address.
    """

    plan: Plan
    data: Dataset
    idata: xr.DataTree
    blocks: tuple[Block, ...]
    seed: int
    interrupted: str = ""

    @property
    def draws(self) -> xr.Dataset:
        """The posterior draws, one (chain, draw) variable per parameter, in data units."""
        posterior = self.idata["posterior"].to_dataset()
        renamed = {safe_name(name): name for name in self.plan.parameters if "/" in name}
        return posterior.rename(renamed) if renamed else posterior

    @property
    def parameters(self) -> dict[str, Floats]:
        """Draws by address with chains laid end to end, shape (chains · draws,)."""
        posterior = self.draws
        return {name: np.asarray(posterior[name]).reshape(-1) for name in self.plan.parameters if name in posterior}

    @property
    def deviations(self) -> dict[tuple[str, str], Floats]:
        """Draws of each unit's deviation, by (address, level), chains end to end; shape (chains · draws, units)."""
        found: dict[tuple[str, str], Floats] = {}
        for each in self.plan.varying:
            values = np.asarray(self.draws[f"deviations({each.level})"])
            flat = values.reshape(-1, *values.shape[2:])
            found |= {(address, each.level): flat[:, position] for position, address in enumerate(each.quantities)}
        return found

    @property
    def correlations(self) -> dict[str, Floats]:
        """Draws of each level's correlations, chains end to end; shape (chains · draws, quantities, quantities)."""
        count = self.shape[0] * self.shape[1]
        found: dict[str, Floats] = {}
        for each in self.plan.varying:
            size = len(each.quantities)
            none = np.broadcast_to(np.eye(size), (count, size, size))
            known = self.draws.get(each.correlation)
            found[each.level] = none if known is None else np.asarray(known).reshape(count, size, size)
        return found

    @property
    def marks(self) -> tuple[str, ...]:
        """What everything that is made of this fit has to repeat: that sampling was interrupted."""
        return (f"sampling was interrupted: {self.interrupted}",) if self.interrupted else ()

    @property
    def shape(self) -> tuple[int, int]:
        """(chains, draws)."""
        sizes = self.idata["posterior"].sizes
        return sizes["chain"], sizes["draw"]

    def __repr__(self) -> str:
        chains, draws = self.shape
        engines = ", ".join(f"{' and '.join(block.responses)} by {block.engine}" for block in self.blocks)
        head = f"Fit of {self.plan.theory.name or 'a theory'} to {self.data.n} rows: {chains} chains × {draws} draws ({engines})"
        mark = [f"Interrupted: {self.interrupted}"] if self.interrupted else []
        return "\n".join([*mark, head, *_lines(self)])


def safe_name(address: str) -> str:
    """An address as a name that a DataTree allows."""
    return address.replace("/", "∕")


def _pairs(varying: Varying, matrix: Floats) -> dict[str, Floats]:
    """The correlations of a level's quantities, each under a name of its own."""
    names = varying.quantities
    return {
        f"cor({names[j]} ~ {names[i]} | {varying.level})": matrix[:, i, j]
        for i in range(len(names))
        for j in range(i)
        if not varying.are_joined(names[i], names[j])
    }


def _lines(fit: Fit) -> list[str]:
    draws = fit.parameters
    for each in fit.plan.varying:
        draws |= _pairs(each, fit.correlations[each.level])
    width = max(len(address) for address in draws)
    rows = [f"  {'':<{width}}  {'mean':>10} {'sd':>9} {'2.5%':>10} {'97.5%':>10}   (data units)"]
    for address, values in draws.items():
        low, high = np.quantile(values, [0.025, 0.975])
        rows.append(f"  {address:<{width}}  {values.mean():>10.4g} {values.std():>9.3g} {low:>10.4g} {high:>10.4g}")
    return rows
