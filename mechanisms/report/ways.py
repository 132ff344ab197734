"""The ways that the paper leaves to an arrow, each with what its shape costs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mechanisms.report.crossings import COARSE, cost_of, thin
from mechanisms.report.curves import bend, cut, hang, join, loop, pass_through, price
from mechanisms.report.layout import Box, Point
from mechanisms.report.lettering import Curve, point_at, run_of
from mechanisms.report.picture import Link, Moderation

BOWS = (0.0, 0.12, -0.12, 0.22, -0.22, 0.35, -0.35, 0.5, -0.5)
ARCS = (0.2, -0.2, 0.3, -0.3, 0.45, -0.45, 0.65, -0.65)  # hidden common causes are never straight
ENDS = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74)  # where along an arrow a moderator's arrow may end
BADGE, APART = 0.2, 0.36
SEEN = 0.6  # an arc that shows less is taken for a blot
ALONE = 0.8  # what being straight costs one of several arrows between the same two boxes
Way = tuple[Curve, float]


@dataclass(frozen=True, eq=False)
class Route:
    """A link's way over the paper, from border to border, and its label's rectangle where it has one."""

    link: Link
    curve: Curve
    label: Box | None = None


@dataclass(frozen=True, eq=False)
class Paper:
    """What stands on the paper before arrows do; `round_boxes` names the ellipses, `borders` the lines between bands.

    `labels` holds the sizes of what will be written on the arrows.
    """

    boxes: Mapping[str, Box]
    waypoints: Mapping[tuple[str, str], Sequence[Point]]
    round_boxes: frozenset[str]
    borders: Sequence[float]
    labels: Mapping[Link, tuple[float, float]]

    def ways(self, link: Link, found: Sequence[Route]) -> list[Way]:
        """Candidate curves beside the routes found so far, each with what its shape costs."""
        if isinstance(link, Moderation):
            return self._onto(link, found)
        if link.tail == link.head:
            return loop(self.boxes[link.tail], rounded=link.tail in self.round_boxes)
        clip = [(self.boxes[name], name in self.round_boxes) for name in link.ends]
        ways = [(cut(curve, clip), dear) for curve, dear in self._between(link)]
        if link.kind == "hidden" and link.pos is None:
            one, other = (self.boxes[name] for name in link.ends)
            beside = abs(one.x - other.x) > (one.width + other.width) / 2  # else the arc would cross its own boxes
            flat = beside and not {*link.ends} & self.round_boxes
            ways += hang(*(self.boxes[name] for name in link.ends)) if flat else []
            ways = [(curve, dear + 6 * max(0.0, SEEN - float(run_of(curve)[-1]))) for curve, dear in ways]
        fellows = [
            each for each in found if {*each.link.ends} == {*link.ends} and not isinstance(each.link, Moderation)
        ]
        return [(curve, dear + self._crowded(link, curve, fellows)) for curve, dear in ways]

    def cheapest(self, link: Link, found: Sequence[Route], *, alone: bool) -> Curve:
        """The best way; those whose shape alone costs more are not looked at. Not `alone`, a straight one is dearer."""
        taken = np.stack([thin(each.curve) for each in found]) if found else np.empty((0, COARSE, 2))
        ways = self.ways(link, found)
        if not alone:
            ways = [(curve, dear + ALONE * _is_straight(curve)) for curve, dear in ways]
        best, lowest = ways[0][0], float("inf")
        for curve, dear in sorted(ways, key=lambda way: way[1]):
            if dear >= lowest:
                break
            cost = dear + cost_of(curve, link, self.boxes, taken)
            if cost < lowest:
                best, lowest = curve, cost
        return best

    def _crowded(self, link: Link, curve: Curve, fellows: Sequence[Route]) -> float:
        """What it costs that arrows between the same boxes leave each other no room for labels."""
        cost = 0.0
        for each in fellows:
            tall = [self.labels[one][1] for one in (link, each.link) if one in self.labels]
            room = max(APART, sum(tall) / 2 + 0.1 if len(tall) == 2 else 0.0)
            gap = float(np.hypot(*(curve[len(curve) // 2] - each.curve[len(each.curve) // 2])))
            cost += 6 * max(0.0, room - gap)
        return cost

    def _onto(self, link: Moderation, found: Sequence[Route]) -> list[Way]:
        """Ways from a moderator onto the arrow that it moderates, clear of that arrow's sign."""
        box = self.boxes[link.tail]
        start, clip = (box.x, box.y), [(box, link.tail in self.round_boxes)]
        target = next(each for each in found if each.link.name == link.onto and each.link.kind in ("arrow", "loading"))
        sign = badge(target.curve)
        ways: list[Way] = []
        for share in ENDS:
            end = point_at(target.curve, share)
            taken = target.link.curved and sign.holds(float(end[0]), float(end[1]), 0.06)
            dear = 4 * abs(share - 0.5) + 5 * taken
            ways += [(cut(bend(start, end, bow), clip), dear + price(start, end, bow)) for bow in BOWS[:7]]
        return ways

    def _between(self, link: Link) -> Iterable[Way]:
        """Ways from the middle of one box to that of another."""
        start, end = ((self.boxes[name].x, self.boxes[name].y) for name in link.ends)
        if link.pos is not None:
            return [(pass_through(start, link.pos, end), 0.0)]
        bows = {"hidden": ARCS, "loading": (0.0,)}.get(link.kind, BOWS)
        ways = [(bend(start, end, bow), price(start, end, bow)) for bow in bows]
        if link.kind == "hidden":  # between things beside each other an arc hangs rather than stands
            ways = [(curve, dear + 0.6 * (curve[len(curve) // 2, 1] > (start[1] + end[1]) / 2)) for curve, dear in ways]
        if (passed := self.waypoints.get(link.ends)) and not link.light:
            shifts = ((0.0, 0.8), (0.3, 1.0), (-0.3, 1.0))
            ways += [(join([start, *((x, y + up) for x, y in passed), end]), dear) for up, dear in shifts]
        return ways


def badge(curve: Curve) -> Box:
    """Where the sign of a curved arrow stands: on the arrow, before its head."""
    x, y = point_at(curve, max(0.5, 1 - 0.36 / max(run_of(curve)[-1], 1e-9)))
    return Box("", float(x), float(y), BADGE, BADGE)


def _is_straight(curve: Curve) -> bool:
    """Whether a curve hardly leaves the line between its ends."""
    return bool(np.hypot(*(curve[len(curve) // 2] - (curve[0] + curve[-1]) / 2)) < 0.02)
