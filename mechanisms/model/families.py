"""Families and links: what each response needs, and the links' inverses for numbers (NumPy).

The symbolic twin of each link stands in `model.symbolic`; a test holds the two together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Link:
    """A link g with E[y] = inverse(η); `unit` is the η-distance that counts as one standard unit of the latent scale."""

    name: str
    inverse: Callable[[Any], Any]
    forward: Callable[[Any], Any]
    unit: float


LINKS = {
    "identity": Link("identity", lambda eta: eta, lambda mean: mean, 1.0),
    "logit": Link("logit", special.expit, special.logit, 1.0),
    "probit": Link("probit", special.ndtr, special.ndtri, 0.6),
}


@dataclass(frozen=True)
class Family:
    """A response distribution: its links (the first is the default) and its spread parameter, if any."""

    name: str
    links: tuple[str, ...]
    spread: str | None = None


FAMILIES = {
    "normal": Family("normal", ("identity",), "sigma"),
    "bernoulli": Family("bernoulli", ("logit", "probit")),
}


def inverse_link(link: str, eta: Array) -> Array:
    """E[y] for a linear predictor of any shape; probabilities for logit and probit."""
    mean: Array = LINKS[link].inverse(eta)
    return mean
