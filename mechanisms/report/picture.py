"""What a path diagram shows: boxes, arrows and what stands on them, before anything has a place on paper."""

from dataclasses import dataclass
from typing import Literal

Position = tuple[float, float]
Role = Literal["variable", "covariate", "moderator"]
Kind = Literal["measured", "latent", "indicator", "computed", "time"]
Stroke = Literal["arrow", "hidden", "moderation", "loading", "part"]
Name = tuple[str, str, str]  # an arrow by its tail, its head, and what tells it from others between the two


@dataclass(frozen=True)
class Node:
    """A box: a variable, or several covariates with the same effects (their names joined by commas).

    `lines` are small print under the name, each of one or more cells. Covariates and mere moderators stand outside the
    layers of a theory without levels; an indicator with a `home` stands under that latent variable.
    """

    name: str
    lines: tuple[tuple[str, ...], ...] = ()
    role: Role = "variable"
    kind: Kind = "measured"
    level: str = ""
    home: str = ""
    means: str = ""
    shown: str = ""  # the name on paper, where it is another than the node's own
    pos: Position | None = None


@dataclass(frozen=True)
class Link:
    """An arrow, a hidden common cause, a loading, what a sum is made of, or a moderator's arrow.

    `way` tells parallel arrows apart: `t-1`, `client`, `sigma`. A lagged arrow is dashed, an arrow between units of a
    coarser level double.
    """

    tail: str
    head: str
    kind: Stroke = "arrow"
    label: tuple[str, ...] = ()
    light: bool = False
    curved: bool = False
    pos: Position | None = None
    way: str = ""
    lagged: bool = False
    between: bool = False
    text: str = ""  # the arrow as it is written, and why it is there

    @property
    def ends(self) -> tuple[str, str]:
        """Tail and head."""
        return self.tail, self.head

    @property
    def name(self) -> Name:
        """What it is known by."""
        return self.tail, self.head, self.way


@dataclass(frozen=True)
class Moderation(Link):
    """A moderator's arrow: from `tail` onto the arrow `onto`, whose effect is `head`."""

    onto: Name = ("", "", "")


@dataclass(frozen=True)
class Picture:
    """Nodes in declared order and the links between them; `caption` says what the numbers are.

    `levels` are the bands from the coarsest to the finest, each with what stands at its margin.
    """

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    exposures: tuple[str, ...] = ()
    caption: str = ""
    levels: tuple[tuple[str, str], ...] = ()
