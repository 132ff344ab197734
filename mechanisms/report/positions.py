"""Where boxes stand that their author placed: given positions, spread until nothing overlaps."""

from collections.abc import Mapping
from itertools import combinations
from statistics import median

from mechanisms.report.layout import ROW_GAP, Box, Layout, Point, Size

WIDEST, UNEVEN = 16.0, 2.0  # given positions are spread at most so far, and so much more than half of them need


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
