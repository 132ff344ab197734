"""Where the boxes of a path diagram stand: layers from causes to effects, left to right (Sugiyama et al. 1981).

Layers by longest path, order within a layer by barycentres with the fewest crossings seen, heights by weighted least
squares that keep the order and the distances (isotonic regression, layer by layer). Arrows that pass a layer hold a
place in it, so that they run straight and no box stands in their way. Lengths are inches, y points up.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import median

Edge = tuple[str, str]
Size = tuple[float, float]
Point = tuple[float, float]
_Slot = str | tuple[str, str, int]  # a box, or the place that an arrow holds in a layer

ROW_GAP, SLOT_GAP = 0.65, 0.3
SWEEPS, SETTLING = 12, 80
STRAIGHT = 40.0  # how much more a box's only arrow over several layers wants to be level than one between neighbours
WIDEST, UNEVEN = 16.0, 2.0  # given positions are spread at most so far, and so much more than half of them need


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


def arrange(sizes: Mapping[str, Size], arrows: Sequence[Edge], gap: float = 1.0, first: Sequence[str] = ()) -> Layout:
    """Boxes of these sizes in layers, `gap` apart; `first` stay in the layer of the causes. Arrows form no circle."""
    arrows = [arrow for arrow in dict.fromkeys(arrows) if arrow[0] in sizes and arrow[1] in sizes]
    layer = _layers(sizes, arrows, first)
    rows, steps = _slots(sizes, arrows, layer)
    rows = _order(rows, steps)
    heights = _heights(rows, steps, sizes)
    across, x = [], 0.0
    for row in rows:
        wide = max(sizes[slot][0] if isinstance(slot, str) else 0.0 for slot in row)
        across.append(x + wide / 2)
        x += wide + gap
    boxes = {name: Box(name, across[layer[name]], heights[name], *sizes[name]) for name in sizes}
    passed = {
        (tail, head): tuple((across[at], heights[tail, head, at]) for at in range(layer[tail] + 1, layer[head]))
        for tail, head in arrows
    }
    return Layout(boxes, {arrow: points for arrow, points in passed.items() if points})


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


def _order(rows: list[list[_Slot]], steps: list[tuple[_Slot, _Slot]]) -> list[list[_Slot]]:
    """Sweep to and fro, each slot to the mean place of its neighbours; the order with the fewest crossings stays."""
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
            current[at].sort(key=mean.__getitem__)
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


def _heights(
    rows: list[list[_Slot]], steps: list[tuple[_Slot, _Slot]], sizes: Mapping[str, Size]
) -> dict[_Slot, float]:
    """Heights at which neighbours are as level as the distances within the layers allow; the first slot is on top."""
    offsets = [_offsets(row, sizes) for row in rows]
    heights = {
        slot: offset[-1] / 2 - down for row, offset in zip(rows, offsets, strict=True)
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
    found = [0.0]
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


def stretch(sizes: Mapping[str, Size], given: Mapping[str, Point], gap: float) -> tuple[dict[str, Box], float]:
    """Boxes at given positions (y pointing down), spread evenly until none overlap; and the spread itself.

    Where a few near boxes would spread the rest too far, they are pushed apart instead.
    """
    wanted = []
    for one, other in combinations(given, 2):
        needs = [
            ((sizes[one][axis] + sizes[other][axis]) / 2 + room) / abs(given[one][axis] - given[other][axis])
            for axis, room in ((0, gap), (1, ROW_GAP))
            if given[one][axis] != given[other][axis]
        ]
        wanted += [min(needs)] if needs else []
    extent = max(
        (abs(given[a][axis] - given[b][axis]) for a, b in combinations(given, 2) for axis in (0, 1)), default=0
    )
    spread = min(max(wanted), UNEVEN * median(wanted), WIDEST / extent) if wanted else 1.0
    boxes = {name: Box(name, x * spread, -y * spread, *sizes[name]) for name, (x, y) in given.items()}
    return _apart(boxes), spread


def complete_positions(found: Layout, given: Mapping[str, Point]) -> dict[str, Point]:
    """Given positions, and for boxes without one that of the layers, moved to where the given ones are."""
    if not given:
        return {}
    scales = []
    for axis in (0, 1):
        mine = [(found.boxes[name].x, -found.boxes[name].y)[axis] for name in given]
        theirs = [point[axis] for point in given.values()]
        wide = max(mine) - min(mine)
        scale = (max(theirs) - min(theirs)) / wide if wide else 0.0
        scales.append((min(mine), min(theirs), scale or 1.0))
    (x0, left, wider), (y0, top, taller) = scales
    return {
        name: given.get(name, (left + (box.x - x0) * wider, top + (-box.y - y0) * taller))
        for name, box in found.boxes.items()
    }


def _apart(boxes: dict[str, Box], margin: float = 0.2) -> dict[str, Box]:
    """Push overlapping boxes apart, downwards where that is the shorter way."""
    for _ in range(10 * len(boxes)):
        clash = next(((a, b) for a, b in combinations(boxes.values(), 2) if a.meets(b, margin)), None)
        if clash is None:
            break
        low, high = sorted(clash, key=lambda box: (-box.y, box.x), reverse=True)
        down = (low.height + high.height) / 2 + margin - (high.y - low.y) + 1e-6
        boxes = {**boxes, low.name: Box(low.name, low.x, low.y - down, low.width, low.height)}
    return boxes
