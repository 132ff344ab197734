"""The units of each level: who lies in whom, and where in its series each occasion stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

ROW = "row"  # the one level of a theory without levels
NOWHERE = -1


@dataclass(frozen=True, eq=False)
class Membership:
    """Which unit of a coarser level each unit lies in: `index` (n,), or (n, k) where several share it; -1 = none.

    `weights` (n, k) sum to 1 in every row (0 where the index is -1); None where each lies in one.
    """

    index: Rows
    weights: Floats | None = None


@dataclass(frozen=True, eq=False)
class Units:
    """The units of one level.

    `labels` are the ids as the data have them, for a level of time (client, occasion) pairs. `above` holds every
    coarser level, however far. `place` is the position in the grid of occasions, `seen` is False for occasions
    inside a series that no row of the data shows. Occasions are sorted by client, then by place. `sizes` counts the
    units of the coarser levels: a client may have no occasion at all.
    """

    level: str
    labels: tuple[Any, ...]
    above: Mapping[str, Membership]
    place: Rows | None
    seen: NDArray[np.bool_]
    sizes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def n(self) -> int:
        """How many units there are."""
        return len(self.labels)

    def before(self, steps: int, client: str) -> Rows:
        """For each occasion, the same client's `steps` places earlier in the grid, -1 where there is none; (n,)."""
        place = self._places()
        owners = self._owners(client)
        return self._find(owners, owners, place - steps)

    def at(self, place: int, client: str) -> Rows:
        """For each client the row at that place of the grid, -1 where there is none; (number of clients,)."""
        owners = self._owners(client)
        clients = np.arange(self.sizes.get(client, int(owners.max(initial=NOWHERE)) + 1))
        return self._find(owners, clients, np.full(len(clients), place))

    def _places(self) -> Rows:
        if self.place is None:
            raise ValueError(f"{self.level} is no level of time")
        return self.place

    def _owners(self, client: str) -> Rows:
        """Whose each occasion is; a series without clients is one client's."""
        return np.asarray(self.above[client].index if self.above else np.zeros(self.n, dtype=np.intp))

    def _find(self, owners: Rows, clients: Rows, wanted: Rows) -> Rows:
        """The rows of these clients at these places; `owners` says whose each row is."""
        place = self._places()
        if self.n == 0:
            return np.full(len(wanted), NOWHERE, dtype=np.intp)
        width = int(max(place.max(), wanted.max(initial=0))) + 1
        keys = owners * width + place
        order = np.argsort(keys, kind="stable")
        sought = clients * width + wanted
        found = np.minimum(np.searchsorted(keys, sought, sorter=order), self.n - 1)
        rows = order[found]
        return np.where((wanted >= 0) & (clients >= 0) & (keys[rows] == sought), rows, NOWHERE).astype(np.intp)
