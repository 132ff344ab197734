"""Where the boxes of a path diagram stand: layers from causes to effects, left to right (Sugiyama et al. 1981).

Layers by longest path, order within a layer by barycentres with the fewest crossings seen, heights by weighted least
squares that keep the order and the distances (isotonic regression, layer by layer). Arrows that pass a layer hold a
place in it, so that they run straight and no box stands in their way. Boxes may belong to bands, one above the other,
which no box leaves. Lengths are inches, y points up.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

Edge = tuple[str, str]
Size = tuple[float, float]
Point = tuple[float, float]
_Slot = str | tuple[str, str, int]  # a box, or the place that an arrow holds in a layer

ROW_GAP, SLOT_GAP, BAND_GAP = 0.65, 0.3, 0.7
EMPTY = 0.35  # the height of a band without boxes
SWEEPS, SETTLING = 12, 80
STEEP = 0.16  # the room between layers, in heights of the lowest band: arrows are not too steep
STRAIGHT = 40.0  # how much more a box's only arrow over several layers wants to be level than one between neighbours


@dataclass(frozen=True)
class Box:
    """A rectangle by its centre and size."""

    name: str
    x: float
    y: float
    width: float
    height: float

    def holds(self, x: float, y: float, margin: float = 0.0) -> bool:
        """Whether a point lies inside, or nearer than `margin`."""
        return abs(x - self.x) < self.width / 2 + margin and abs(y - self.y) < self.height / 2 + margin

    def meets(self, other: "Box", margin: float = 0.0) -> bool:
        """Whether two rectangles overlap, or come nearer than `margin`."""
        return (
            abs(self.x - other.x) < (self.width + other.width) / 2 + margin
            and abs(self.y - other.y) < (self.height + other.height) / 2 + margin
        )


@dataclass(frozen=True)
class Layout:
    """Boxes by name, and for arrows over several layers the points that they pass."""

    boxes: Mapping[str, Box]
    waypoints: Mapping[Edge, tuple[Point, ...]]
    bands: Mapping[int, tuple[float, float]] = field(default_factory=dict)  # the top and the bottom of each


def arrange(
    sizes: Mapping[str, Size],
    arrows: Sequence[Edge],
    gap: float = 1.0,
    first: Sequence[str] = (),
    bands: Mapping[str, int] | None = None,
    labels: Mapping[Edge, float] | None = None,
) -> Layout:
    """Boxes of these sizes in layers, at least `gap` apart; `first` stay in the layer of the causes.

    `bands` numbers the bands from the top; `labels` are the widths that arrows between neighbours need. Of arrows that form a circle the last ones run against the layers.
    """
    wanted = [arrow for arrow in dict.fromkeys(arrows) if arrow[0] in sizes and arrow[1] in sizes]
    arrows = _forward(wanted)
    layer = _layers(sizes, arrows, first)
    rows, steps = _slots(sizes, arrows, layer)
    band = {slot: _band(slot, bands or {}) for row in rows for slot in row}
    rows = _order(rows, steps, band)
    heights, extents = _stacked(rows, steps, sizes, band)
    gaps = _gaps(layer, labels or {}, max(gap, STEEP * (extents[max(extents)][0] - extents[max(extents)][1])))
    across, x = [], 0.0
    for at, row in enumerate(rows):
        wide = max(sizes[slot][0] if isinstance(slot, str) else 0.0 for slot in row)
        across.append(x + wide / 2)
        x += wide + gaps.get(at, gap)
    boxes = {name: Box(name, across[layer[name]], heights[name], *sizes[name]) for name in sizes}
    passed = {
        (tail, head): tuple((across[at], heights[tail, head, at]) for at in range(layer[tail] + 1, layer[head]))
        for tail, head in arrows
    }
    found = {arrow: points for arrow, points in passed.items() if points}
    found |= {(head, tail): points[::-1] for (tail, head), points in found.items() if (head, tail) in wanted}
    return Layout(boxes, found, extents)


def _gaps(layer: Mapping[str, int], labels: Mapping[Edge, float], gap: float) -> dict[int, float]:
    """The room after each layer."""
    gaps = dict.fromkeys(layer.values(), gap)
    for (one, other), wide in labels.items():
        if one in layer and other in layer and abs(layer[one] - layer[other]) == 1:
            at = min(layer[one], layer[other])
            gaps[at] = max(gaps[at], wide)
    return gaps


def _forward(arrows: Sequence[Edge]) -> list[Edge]:
    """The arrows without loops, each that would close a circle turned round."""
    after: dict[str, set[str]] = {}
    found: dict[Edge, None] = {}
    for tail, head in arrows:
        if tail == head:
            continue
        waiting, reached = [head], {head}
        while waiting:
            new = after.get(waiting.pop(), set()) - reached
            reached |= new
            waiting += new
        cause, effect = (head, tail) if tail in reached else (tail, head)
        after.setdefault(cause, set()).add(effect)
        found[cause, effect] = None
    return [*found]


def _band(slot: _Slot, bands: Mapping[str, int]) -> int:
    """A box's own band; an arrow passes in the upper one of its ends."""
    return bands.get(slot, 0) if isinstance(slot, str) else min(bands.get(name, 0) for name in slot[:2])


def _layers(names: Mapping[str, Size], arrows: Sequence[Edge], first: Sequence[str]) -> dict[str, int]:
    """Longest path from the causes; a cause of nothing near stands beside its first effect."""
    layer = dict.fromkeys(names, 0)
    for _ in names:
        for tail, head in arrows:
            layer[head] = max(layer[head], layer[tail] + 1)
    reached = {head for _, head in arrows}
    for name in names:
        below = [layer[head] for tail, head in arrows if tail == name]
        if name not in reached and name not in first and below:
            layer[name] = min(below) - 1
    return layer


def _slots(
    names: Mapping[str, Size], arrows: Sequence[Edge], layer: Mapping[str, int]
) -> tuple[list[list[_Slot]], list[tuple[_Slot, _Slot]]]:
    """Each layer's boxes in declared order, passing arrows in the middle; and the steps between neighbours."""
    rows: list[list[_Slot]] = [[name for name in names if layer[name] == at] for at in range(max(layer.values()) + 1)]
    steps: list[tuple[_Slot, _Slot]] = []
    for tail, head in arrows:
        chain: list[_Slot] = [tail, *((tail, head, at) for at in range(layer[tail] + 1, layer[head])), head]
        steps += pairwise(chain)
        for slot in chain[1:-1]:
            row = rows[slot[2]]  # type: ignore[index]
            row.insert((len(row) + 1) // 2, slot)
    return rows, steps


def _order(rows: list[list[_Slot]], steps: list[tuple[_Slot, _Slot]], band: Mapping[_Slot, int]) -> list[list[_Slot]]:
    """Sweep to and fro, each slot to the mean place of its neighbours; the order with the fewest crossings stays."""
    rows = [sorted(row, key=band.__getitem__) for row in rows]
    best, fewest = rows, _crossings(rows, steps)
    current = rows
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        forward = sweep % 2 == 0
        current = [list(row) for row in current]
        for at in range(1, len(current)) if forward else range(len(current) - 2, -1, -1):
            before = current[at - 1 if forward else at + 1]
            place = {slot: (index + 0.5) / len(before) for index, slot in enumerate(before)}
            pull: dict[_Slot, list[float]] = {}
            for tail, head in steps:
                slot, other = (head, tail) if forward else (tail, head)
                if other in place:
                    pull.setdefault(slot, []).append(place[other])
            own = {slot: (index + 0.5) / len(current[at]) for index, slot in enumerate(current[at])}
            mean = {slot: sum(pull[slot]) / len(pull[slot]) if slot in pull else own[slot] for slot in own}
            current[at].sort(key=lambda slot, mean=mean: (band[slot], mean[slot]))  # type: ignore[misc]
        crossings = _crossings(current, steps)
        if crossings < fewest:
            best, fewest = current, crossings
    return best


def _crossings(rows: list[list[_Slot]], steps: list[tuple[_Slot, _Slot]]) -> int:
    place = {slot: (at, index) for at, row in enumerate(rows) for index, slot in enumerate(row)}
    between: dict[int, list[tuple[int, int]]] = {}
    for tail, head in steps:
        between.setdefault(place[tail][0], []).append((place[tail][1], place[head][1]))
    return sum((a - c) * (b - d) < 0 for pairs in between.values() for (a, b), (c, d) in combinations(pairs, 2))


def _stacked(
    rows: list[list[_Slot]], steps: list[tuple[_Slot, _Slot]], sizes: Mapping[str, Size], band: Mapping[_Slot, int]
) -> tuple[dict[_Slot, float], dict[int, tuple[float, float]]]:
    """Heights band by band, and the bands' tops and bottoms."""
    heights: dict[_Slot, float] = {}
    extents: dict[int, tuple[float, float]] = {}
    top = 0.0
    numbers = sorted({*band.values()})
    for index, following in zip(numbers, [*numbers[1:], numbers[-1]], strict=True):
        mine = [[slot for slot in row if band[slot] == index] for row in rows]
        inside = [step for step in steps if band[step[0]] == band[step[1]] == index]
        found = _heights(mine, inside, sizes)
        tall = {slot: sizes[slot][1] / 2 if isinstance(slot, str) else SLOT_GAP / 2 for slot in found}
        shift = top - max(height + tall[slot] for slot, height in found.items())
        heights |= {slot: height + shift for slot, height in found.items()}
        extents[index] = (top, min(heights[slot] - tall[slot] for slot in found))
        top = extents[index][1] - BAND_GAP - EMPTY * (following - index - 1)
    return heights, extents


def _heights(
    rows: list[list[_Slot]], steps: list[tuple[_Slot, _Slot]], sizes: Mapping[str, Size]
) -> dict[_Slot, float]:
    """Heights at which neighbours are as level as the distances within the layers allow; the first slot is on top."""
    offsets = [_offsets(row, sizes) for row in rows]
    heights = {
        slot: offset[-1] / 2 - down
        for row, offset in zip(rows, offsets, strict=True)
        for slot, down in zip(row, offset, strict=True)
    }  # fmt: skip
    ties: dict[_Slot, list[tuple[_Slot, float]]] = {slot: [] for slot in heights}
    passing = [step for step in steps if not (isinstance(step[0], str) and isinstance(step[1], str))]
    out, into = Counter(tail for tail, _ in passing), Counter(head for _, head in passing)
    for tail, head in steps:
        weight = STRAIGHT if (tail, head) in passing and out[tail] == into[head] == 1 else 1.0
        ties[tail].append((head, weight))
        ties[head].append((tail, weight))
    for turn in range(SETTLING):
        order = range(len(rows)) if turn % 2 == 0 else range(len(rows) - 1, -1, -1)
        for at in order:
            wanted, weights = [], []
            for slot, down in zip(rows[at], offsets[at], strict=True):
                pulls = ties[slot] or [(slot, 1.0)]
                total = sum(weight for _, weight in pulls)
                wanted.append(-(sum(heights[other] * weight for other, weight in pulls) / total + down))
                weights.append(total)
            for slot, down, value in zip(rows[at], offsets[at], _rising(wanted, weights), strict=True):
                heights[slot] = -value - down
    return heights


def _offsets(row: list[_Slot], sizes: Mapping[str, Size]) -> list[float]:
    """How far below the first slot of the layer each has to be at least."""
    found = [0.0] if row else []
    for above, below in pairwise(row):
        tall = [sizes[slot][1] / 2 if isinstance(slot, str) else 0.0 for slot in (above, below)]
        boxes = isinstance(above, str) and isinstance(below, str)
        found.append(found[-1] + sum(tall) + (ROW_GAP if boxes else SLOT_GAP + ROW_GAP / 2))
    return found


def _rising(values: list[float], weights: list[float]) -> list[float]:
    """The nearest rising sequence in weighted least squares (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, mass, count = pools.pop()
            joint = mass + pool[1]
            pool = ((mean * mass + pool[0] * pool[1]) / joint, joint, count + pool[2])
        pools.append(pool)
    return [mean for mean, _, count in pools for _ in range(count)]
