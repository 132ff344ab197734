"""What an engine draws for one block."""

from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Draws of a block: `parameters` by address (chains, draws), `correlations` and `deviations` by level
    (chains, draws, quantities, quantities | units), the sampler's statistics where there was a sampler, what an engine
    that checks itself found, in words, and where it was interrupted the draws of each chain there are, and were wanted."""

    parameters: dict[str, Floats]
    correlations: dict[str, Floats] = field(default_factory=dict)
    deviations: dict[str, Floats] = field(default_factory=dict)
    statistics: xr.Dataset | None = None
    note: str = ""
    stopped: tuple[int, int] | None = None
