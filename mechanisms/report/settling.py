"""Labels beside the arrows that they belong to: an arrow in the way of a label takes another way.

A label that is as near to another arrow as to its own would be read as that arrow's.
"""

from collections.abc import Sequence

import numpy as np

from mechanisms.report.crossings import COARSE, cost_of, thin
from mechanisms.report.layout import Box
from mechanisms.report.lettering import CLEAR, LOST, Curve, gaps, place_label, thicken
from mechanisms.report.picture import Link, Moderation
from mechanisms.report.ways import Paper, Route, Way, badge

DOT = 0.1
ENDING = 0.15  # the end of a moderator's arrow, which lies at the arrow that it moderates
ROUNDS, MOST = 4, 24  # how often arrows are moved, and how many other ways are tried for each
TOGETHER = 6  # ways tried for an arrow together with the label of another, where each means placing the label anew


class Settlement:
    """Routes with their labels while they are being moved."""

    def __init__(self, paper: Paper, routes: Sequence[Route]) -> None:
        self.paper, self.sizes = paper, paper.labels
        self.curves = {each.link: each.curve for each in routes}
        self.dense = {each.link: thicken(each.curve) for each in routes}
        self.labels: dict[Link, Box] = {}

    def settle(self) -> tuple[Route, ...]:
        """Place every label, then move what is in the way of one, the arrow of the label first."""
        for link in self.curves:
            if link in self.sizes:
                self.labels[link] = self._place(link, self.dense[link])[0]
        for _ in range(ROUNDS):
            lost = [link for link in self.labels if self._strangers(link)]
            for link in lost:
                self._make_way(link)
                for other in self._strangers(link):
                    self._move(other)
            if not lost:
                break
        return tuple(Route(link, curve, self.labels.get(link)) for link, curve in self.curves.items())

    def _strangers(self, link: Link) -> list[Link]:
        """The arrows that are as near to a label as its own."""
        label, own = self.labels[link], gaps(self.labels[link], self.dense[link])
        return [other for other in self.curves if other != link and gaps(label, self._up_to(other, link)) < own + CLEAR]

    def _up_to(self, other: Link, link: Link, curve: Curve | None = None) -> Curve:
        """An arrow as the label of another sees it: a moderator's without its end, which lies on that other one."""
        curve = self.dense[other] if curve is None else curve
        if isinstance(other, Moderation) and other.onto == link.name:
            kept = curve[np.hypot(*(curve - curve[-1]).T) > ENDING]
            return thicken(kept) if len(kept) > 1 else np.repeat(curve[:1], len(curve), axis=0)
        return curve

    def _make_way(self, link: Link) -> None:
        """Move an arrow whose label is lost; one that is moderated stays, and its moderators' arrows move."""
        ending = [other for other in self.curves if isinstance(other, Moderation) and other.onto == link.name]
        if not ending:
            return self._move(link)
        self.labels[link] = self._place(link, self.dense[link], without=ending)[0]
        for other in ending:
            self._move(other)
        for other in ending:
            if self._strangers(link):
                self._move_together(link, other)
        return None

    def _move_together(self, link: Link, other: Link) -> None:
        """Give a moderator's arrow the way on which the label of the arrow that it moderates costs least."""
        ways = [(self.curves[other], 0.0), *self._ways(other)]
        best, lowest = (self.curves[other], self.labels[link]), float("inf")
        for curve, dear in ways[:TOGETHER]:
            if dear >= lowest:
                break
            self.curves[other], self.dense[other] = curve, thicken(curve)
            self.labels[link], cost = self._place(link, self.dense[link])
            cost += dear + LOST * self._harm(other, self.dense[other])
            if cost < lowest:
                best, lowest = (curve, self.labels[link]), cost
        self.curves[other], self.labels[link] = best
        self.dense[other] = thicken(best[0])

    def _place(self, link: Link, curve: Curve, without: Sequence[Link] = ()) -> tuple[Box, float]:
        """The best place for a label on a way of its arrow."""
        rivals = {other: line for other, line in self.curves.items() if other not in without}
        others = [self._up_to(other, link) for other in rivals if other != link]
        taken = [box for other, box in self.labels.items() if other != link]
        taken += [badge(line) for other, line in rivals.items() if other.curved]
        taken += [_dot(line) for other, line in rivals.items() if isinstance(other, Moderation)]
        boxes = [*self.paper.boxes.values()]
        rest = np.stack(others) if others else np.empty((0, 1, 2))
        return place_label(curve, self.sizes[link], boxes, taken, rest, self.paper.borders)

    def _move(self, link: Link) -> None:
        """Give an arrow the way that costs least with its own label and those of the others."""
        if any(isinstance(other, Moderation) and other.onto == link.name for other in self.curves):
            return  # what ends on it would have to follow
        best, lowest = None, float("inf")
        for curve, dear in [(self.curves[link], 0.0), *self._ways(link)]:
            if dear >= lowest:
                break
            dense = thicken(curve)
            cost = dear + LOST * self._harm(link, dense)
            if isinstance(link, Moderation):
                cost += LOST * sum(_dot(curve).meets(label, 0.03) for label in self.labels.values())
            label = None
            if link in self.sizes and cost < lowest:
                label, more = self._place(link, dense)
                cost += more
            if cost < lowest:
                best, lowest = (curve, dense, label), cost
        if best is not None:
            self.curves[link], self.dense[link] = best[:2]
            if best[2] is not None:
                self.labels[link] = best[2]

    def _ways(self, link: Link) -> list[Way]:
        """Other ways of an arrow, with how much more they cost than the one that it has."""
        rest = [Route(other, curve) for other, curve in self.curves.items() if other != link]
        taken = np.stack([thin(each.curve) for each in rest]) if rest else np.empty((0, COARSE, 2))
        own = cost_of(self.curves[link], link, self.paper.boxes, taken)
        found = [
            (curve, max(0.0, dear + cost_of(curve, link, self.paper.boxes, taken) - own))
            for curve, dear in self.paper.ways(link, rest)
        ]
        return sorted(found, key=lambda way: way[1])[:MOST]

    def _harm(self, link: Link, curve: Curve) -> int:
        """How many labels of other arrows would be as near to this way as to their own."""
        return sum(
            bool(gaps(label, self._up_to(link, other, curve)) < gaps(label, self.dense[other]) + CLEAR)
            for other, label in self.labels.items()
            if other != link
        )


def _dot(curve: Curve) -> Box:
    return Box("", float(curve[-1, 0]), float(curve[-1, 1]), DOT, DOT)
