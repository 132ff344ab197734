"""What a variable is in every cell of a grid: a mean with the normal noise that it carries, or the chances of a category."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.worlds import Version

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Value:
    """mean + Σ loadings · standard normals; arrays broadcast over (draws, rows, grid axes …)."""

    mean: Floats
    loadings: Mapping[Version, Floats]

    def __add__(self, other: "Value") -> "Value":
        loadings = dict(self.loadings)
        for key, loading in other.loadings.items():
            loadings[key] = loadings[key] + loading if key in loadings else loading
        return Value(self.mean + other.mean, loadings)

    def __mul__(self, other: "Value") -> "Value":
        if self.loadings and other.loadings:
            raise AssertionError("a product of two values that both carry noise belongs on the grid")
        loadings = {key: loading * other.mean for key, loading in self.loadings.items()}
        loadings |= {key: loading * self.mean for key, loading in other.loadings.items()}
        return Value(self.mean * other.mean, loadings)

    def bend(self, function: Callable[..., Floats], *others: "Value") -> "Value":
        """A function of this value and of others, which carry no noise here: noise that passes a curve is on the grid."""
        if any(each.loadings for each in (self, *others)):
            raise AssertionError("noise that passes a curve belongs on the grid")
        return Value(np.asarray(function(self.mean, *(each.mean for each in others))), {})


@dataclass(frozen=True, eq=False)
class Kinds:
    """A category: how probable each of its `names` is in every cell, 0 or 1 where the grid has an axis of them."""

    names: tuple[str, ...]
    chances: tuple[Floats, ...]

    def chance(self, column: str) -> Value:
        """The indicator of one value, `m=v`, or its mean."""
        return Value(self.chances[self.names.index(column.partition("=")[2])], {})


def silence(value: Value | Kinds) -> Value | Kinds:
    """The same without the noise that it carries."""
    return Value(value.mean, {}) if isinstance(value, Value) else value
