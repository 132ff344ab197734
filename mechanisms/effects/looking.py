"""What is looked at in an outcome: its mean, the chance of a value, whether there is any, how much, how long it lasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mechanisms.model.equations import Equation
from mechanisms.model.laws import Given, find_amount, find_any, find_chance, find_mean

Floats = NDArray[np.float64]
TIMES = ("weibull", "lognormal", "gamma")


@dataclass(frozen=True)
class Look:
    """One quantity of an outcome's distribution, given its causes.

    The mean of y; the chance of `value`, counted from 0; `any(y)`, `amount(y)`; E[min(y, until)]; P(y > until); of a hazard
    the risk of the event by the occasion `until`. `label` tells the rows of several values apart, `y=v`.
    """

    what: Literal["mean", "chance", "any", "amount", "restricted", "beyond", "risk"] = "mean"
    value: int = 0
    until: float = inf
    label: str = ""

    @property
    def timed(self) -> bool:
        """Whether a time is cut off."""
        return self.what in ("restricted", "beyond")


MEAN = Look()


def measure(look: Look, given: Given) -> Floats:
    """The quantity, in every cell of what the distribution is made of."""
    if look.timed:
        return _cut(look, given)
    if look.what == "chance":
        return find_chance(given, look.value)
    return {"mean": find_mean, "any": find_any, "amount": find_amount}[look.what](given)


def list_predictors(look: Look, equation: Equation) -> tuple[Equation, ...]:
    """The linear predictors that the quantity depends on."""
    every = equation.predictors
    if look.what == "any":
        return tuple(each for each in every if each.role == "any")
    if look.what == "chance" and equation.family == "ordinal":
        return every[max(0, look.value - 1) : look.value + 1]
    if look.what == "chance" and equation.family == "sequential":
        return every[: look.value + 1]
    if look.timed or look.what == "chance":
        return every
    spreads = equation.family == "lognormal" or (equation.family == "negative_binomial" and _truncated(equation))
    return tuple(
        each
        for each in every
        if (each.role != "spread" or spreads) and not (look.what == "amount" and each.role == "any")
    )


def is_plain(look: Look, equation: Equation) -> bool:
    """Whether the quantity is the linear predictor itself."""
    return look.what == "mean" and equation.link == "identity"


def is_affine(look: Look, equation: Equation, moved: Sequence[Equation]) -> bool:
    """Whether the quantity is linear in the inverse links of the predictors that are moved, without products of them.

    Noise that these carry may then be averaged out predictor by predictor.
    """
    if look.timed or equation.family == "categorical":
        return False
    if look.what == "any" or equation.family == "ordinal":
        return True
    return len(moved) <= 1 and not any(each.role == "spread" or (not each.role and _truncated(each)) for each in moved)


def find_link(look: Look, equation: Equation) -> str:
    """The link on which the quantity is compared: log odds of a chance, logarithm of an amount or a time."""
    chances = {
        "chance": "logit",
        "any": "logit",
        "beyond": "logit",
        "risk": "logit",
        "amount": "log",
        "restricted": "log",
    }
    return chances.get(look.what, equation.link)


def _truncated(equation: Equation) -> bool:
    """Whether it is a count that cannot be 0 once there is any, so that its mean is no multiple of its place."""
    return equation.zeros == "hurdle" and equation.family in ("poisson", "negative_binomial")


def _cut(look: Look, given: Given) -> Floats:
    """E[min(y, until)], or P(y > until)."""
    lasting, mean = _CUTS[given.family](given, look.until)
    found = np.asarray(lasting if look.what == "beyond" else mean + look.until * lasting)
    return found if given.some is None else np.asarray(given.some * found)


def _cut_weibull(given: Given, until: float) -> tuple[Any, Any]:
    """P(y > until) and E[y, y < until]; the latter by the incomplete gamma function, as in every family here."""
    power = 1.0 / given.spread
    reached = (until * special.gamma(1.0 + power) / given.place) ** given.spread
    return np.exp(-reached), given.place * special.gammainc(1.0 + power, reached)


def _cut_gamma(given: Given, until: float) -> tuple[Any, Any]:
    size, reached = given.spread, until * given.spread / given.place
    return special.gammaincc(size, reached), given.place * special.gammainc(size + 1.0, reached)


def _cut_lognormal(given: Given, until: float) -> tuple[Any, Any]:
    reached = (np.log(until) - np.log(given.place)) / given.spread
    mean = given.place * np.exp(np.square(given.spread) / 2.0)
    return special.ndtr(-reached), mean * special.ndtr(reached - given.spread)


_CUTS = {"weibull": _cut_weibull, "gamma": _cut_gamma, "lognormal": _cut_lognormal}
