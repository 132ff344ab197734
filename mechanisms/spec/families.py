"""What each family is: its links, the part of its spread that has a name, whether it has categories (language 1.6)."""

from dataclasses import dataclass

from mechanisms.spec.theory import Variable


@dataclass(frozen=True)
class Kind:
    """A family in words: `links` with the default first, `spread` the part that arrows reach by name.

    `skew` tells that its slant is a parameter, `skew(y)`.
    """

    links: tuple[str, ...]
    spread: str | None = None
    categories: bool = False
    counts: bool = False
    zeros: bool = False
    event: bool = False
    skew: bool = False


_PROBABILITY = ("logit", "probit", "cloglog")
KINDS = {
    "normal": Kind(("identity",), "sigma"),
    "student": Kind(("identity",), "sigma"),
    "skew_normal": Kind(("identity",), "sigma", skew=True),
    "lognormal": Kind(("log",), "sigma", zeros=True, event=True),
    "gamma": Kind(("log",), "precision", zeros=True, event=True),
    "weibull": Kind(("log",), "precision", event=True),
    "bernoulli": Kind(_PROBABILITY, categories=True),
    "binomial": Kind(_PROBABILITY, counts=True),
    "ordinal": Kind(("logit", "probit"), categories=True),
    "sequential": Kind(_PROBABILITY, categories=True),
    "categorical": Kind(("logit",), categories=True),
    "hazard": Kind(("cloglog", "logit")),
    "poisson": Kind(("log",), counts=True, zeros=True),
    "negative_binomial": Kind(("log",), "precision", counts=True, zeros=True),
    "beta": Kind(("logit",), "precision"),
    "ordered_beta": Kind(("logit",), "precision"),
}


def kind_of(variable: Variable) -> Kind:
    """The kind of a variable's family; normal where none is said."""
    return KINDS[variable.family or "normal"]


def spreads_of(variable: Variable) -> tuple[str, ...]:
    """The parts of a variable's distribution, beside its mean, that arrows reach by name."""
    kind = kind_of(variable)
    return (("any", "amount") if variable.zeros else ()) + ((kind.spread,) if kind.spread else ())


def steps_of(variable: Variable) -> tuple[str, ...]:
    """The values that an arrow can reach one at a time; the first value is where one starts from."""
    return variable.values[1:] if variable.family in ("sequential", "categorical") else ()


def thresholds_of(variable: Variable) -> tuple[str, ...]:
    """The values that have an intercept of their own, `1 -> y=v`."""
    return variable.values[1:] if variable.family in ("ordinal", "sequential", "categorical") else ()
