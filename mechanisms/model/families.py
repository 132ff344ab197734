"""Families and links: what each response needs, and the links' inverses for numbers (NumPy).

What a response's distribution is, given its linear predictor, stands in `model.laws`; the symbolic twins of both in
`model.symbolic`, and a test holds them together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mechanisms.spec.theory import Variable

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Link:
    """A link g with place = inverse(η); `unit` is the η-distance that counts as one standard unit of the latent scale."""

    name: str
    inverse: Callable[[Any], Any]
    forward: Callable[[Any], Any]
    unit: float


def _exp(eta: Any) -> Any:
    with np.errstate(over="ignore"):  # a draw far out may leave the numbers; what is made of it says so
        return np.exp(eta)


LINKS = {
    "identity": Link("identity", lambda eta: eta, lambda mean: mean, 1.0),
    "logit": Link("logit", special.expit, special.logit, 1.0),
    "probit": Link("probit", special.ndtr, special.ndtri, 0.6),
    "cloglog": Link("cloglog", lambda eta: -np.expm1(-_exp(eta)), lambda mean: np.log(-np.log1p(-mean)), 0.7),
    "log": Link("log", _exp, np.log, 1.0),
}
_CHANCES = ("logit", "probit", "cloglog")


@dataclass(frozen=True)
class Family:
    """A response distribution: its links (the first is the default) and its parameters beside the linear predictor.

    `spread` is the word of its address, `sigma` in units of the response (lognormal: of its logarithm) or `precision`,
    which has none; `shape` that of a further parameter. `kind` says which values there are; `shifts` that η moves the
    whole distribution along, so that a response is η plus noise. A category has a linear predictor for each value but the
    first.
    """

    name: str
    links: tuple[str, ...]
    spread: str | None = None
    shape: str | None = None
    kind: str = (
        "real"  # "real", "positive", "share", "count", "binary", "category", "heaped" (a share that may be 0 or 1)
    )
    shifts: bool = False

    @property
    def positive(self) -> bool:
        """Whether its values are above 0 and continuous, so that their logarithm is what varies."""
        return self.kind == "positive"

    @property
    def whole(self) -> bool:
        """Whether there are finitely many values, or whole numbers, so that each has a probability."""
        return self.kind in ("binary", "count", "category")


FAMILIES = {
    each.name: each
    for each in (
        Family("normal", ("identity",), "sigma", shifts=True),
        Family("student", ("identity",), "sigma", shifts=True),
        Family("skew_normal", ("identity",), "sigma", "skew", shifts=True),
        Family("lognormal", ("log",), "sigma", kind="positive"),
        Family("gamma", ("log",), "precision", kind="positive"),
        Family("weibull", ("log",), "precision", kind="positive"),
        Family("bernoulli", _CHANCES, kind="binary"),
        Family("hazard", ("cloglog", "logit"), kind="binary"),
        Family("binomial", _CHANCES, kind="count"),
        Family("poisson", ("log",), kind="count"),
        Family("negative_binomial", ("log",), "precision", kind="count"),
        Family("beta", ("logit",), "precision", kind="share"),
        Family("ordered_beta", ("logit",), "precision", kind="heaped"),
        Family("ordinal", ("logit", "probit"), kind="category"),
        Family("sequential", _CHANCES, kind="category"),
        Family("categorical", ("logit",), kind="category"),
    )
}


def has_parts(variable: Variable) -> bool:
    """Whether the distribution of a variable takes more than one linear predictor, whatever points at it."""
    return variable.zeros is not None or FAMILIES[variable.family or "normal"].kind in ("category", "heaped")


def inverse_link(link: str, eta: Array) -> Array:
    """The inverse of a link for a linear predictor of any shape: a mean, and for lognormal the median."""
    place: Array = LINKS[link].inverse(eta)
    return place
