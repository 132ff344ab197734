"""What an answer is made of, whether a plan has levels or not: worlds given by arrows, and differences between them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mechanisms.graph.graph import Edge

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Contrast:
    """From one value of the exposure to another: the values, and in words."""

    low: float | str
    high: float | str
    words: str
    label: str


@dataclass(frozen=True)
class Ways:
    """The arrows that carry the change, for each outcome that is looked at: one, or one for each occasion."""

    arrows: tuple[frozenset[Edge], ...]

    def __or__(self, other: "Ways") -> "Ways":
        return Ways(tuple(one | two for one, two in zip(self.arrows, other.arrows, strict=True)))

    def __sub__(self, other: "Ways") -> "Ways":
        return Ways(tuple(one - two for one, two in zip(self.arrows, other.arrows, strict=True)))

    def __bool__(self) -> bool:
        return any(self.arrows)

    @property
    def none(self) -> "Ways":
        """No arrow at all, so that nothing is moved."""
        return Ways(tuple(frozenset() for _ in self.arrows))

    @property
    def all(self) -> frozenset[Edge]:
        """The arrows of all outcomes together."""
        return frozenset().union(*self.arrows)


class Posed(Protocol):
    """One contrast under one condition, ready to be answered.

    `of` and `on` are the two ends as words, `inside` the variables on the ways between them, ends included, those that
    are `held` among them.
    """

    @property
    def contrast(self) -> Contrast:
        """The exposure's two values."""
        ...

    @property
    def condition(self) -> str:
        """What is conditioned on."""
        ...

    @property
    def aspect(self) -> str:
        """Which of several values of the outcome is looked at, `y=v`."""
        ...

    @property
    def unit(self) -> str:
        """Whose row it is, where every unit has one."""
        ...

    @property
    def whom(self) -> str:
        """Whom the effect is averaged over, in words."""
        ...

    @property
    def alike(self) -> str:
        """In what those are alike from whose law a mediator is drawn, in words."""
        ...

    @property
    def taken(self) -> int:
        """How many draws of noise the averages so far needed: a measure that does not fall."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said of the averages taken so far."""
        ...

    @property
    def of(self) -> str:
        """What is moved."""
        ...

    @property
    def on(self) -> str:
        """What is looked at."""
        ...

    @property
    def inside(self) -> tuple[str, ...]:
        """The variables on the ways from one to the other, in causal order, both ends included."""
        ...

    @property
    def responding(self) -> tuple[str, ...]:
        """Those between the ends that respond to the exposure while others are held."""
        ...

    @property
    def held(self) -> frozenset[str]:
        """The variables that are set besides the exposure."""
        ...

    def between(self, one: Ways, other: Ways) -> Floats:
        """The outcome where some arrows carry the change minus the outcome where others do; shape (draws,)."""
        ...

    def drawn(self, names: tuple[str, ...], kind: str) -> Floats:
        """The interventional effect with these mediators drawn at random."""
        ...

    def additive(self, ways: Ways, nodes: tuple[str, ...]) -> bool:
        """Whether only the means of these nodes matter to the outcome."""
        ...
