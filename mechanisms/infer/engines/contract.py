"""What every engine does: says whether it applies to a block, and draws from the block's posterior."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mechanisms.data.dataset import Dataset
from mechanisms.infer.drawn import Drawn
from mechanisms.model.equations import Equation
from mechanisms.model.plan import Plan

Equations = tuple[Equation, ...]
Tell = Callable[..., None]


def keep_quiet(doing: str, done: int = 0, of: int = 0) -> None:
    """Tell nobody what is being done, how much of it is done, and of how much (0 where that is not known)."""


@dataclass(frozen=True)
class Settings:
    """How many draws, chains and warm-up steps, the seed that an engine's random numbers come from, whom to tell how it goes,
    and whose NUTS samples a PyMC model (`samplers`)."""

    draws: int
    chains: int
    tune: int
    seed: np.random.SeedSequence
    tell: Tell = keep_quiet
    sampler: str = "nutpie"


class UnreliableError(Exception):
    """An engine tried, and its own check of the draws failed; the message says how. The next engine takes the block."""


class Engine(Protocol):
    """A module of this folder: `WHY` it is taken, in words."""

    WHY: str

    def applies(self, plan: Plan, data: Dataset, block: Equations) -> str | None:
        """None where the engine takes the block, else the reason why not."""
        ...

    def draw(self, plan: Plan, data: Dataset, block: Equations, settings: Settings) -> Drawn:
        """Draws of the block's parameters, in data units."""
        ...
