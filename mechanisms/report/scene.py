"""A path diagram as marks on paper: lines, boxes, ovals, words, in the order in which they are laid down.

What draws it (SVG text, matplotlib) knows nothing of theories. Inches, y pointing up. Nothing is told by colour alone:
dashes, doubled lines and the ends of lines carry what is meant.
"""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mechanisms.report.layout import Box
from mechanisms.report.lettering import Curve
from mechanisms.report.letters import GREY, INK, PALE, measure
from mechanisms.report.picture import Link, Moderation, Node
from mechanisms.report.standing import COLUMN_GAP, LABEL, SMALL, SMALL_LINE, Sheet, columns, name_lines, name_size
from mechanisms.report.ways import Route, badge

EDGE = 0.25  # free paper around everything
SMALLEST = 5.0
MARGIN_WIDTH = 0.15
HIDDEN, DOTTED, LAGGED = (4.0, 2.5), (1.0, 1.6), (8.0, 3.0)
KEY_LINE, KEY_GAP = 0.5, 0.3


@dataclass(frozen=True)
class Line:
    """A polyline; `dash` is in widths of the line."""

    points: tuple[tuple[float, float], ...]
    color: str = INK
    width: float = 1.2
    dash: tuple[float, float] | None = None
    says: str = ""


@dataclass(frozen=True)
class Area:
    """A filled polygon."""

    points: tuple[tuple[float, float], ...]
    color: str = INK


@dataclass(frozen=True)
class Frame:
    """A rectangle with round corners, by its centre."""

    box: Box
    edge: str = INK
    width: float = 1.2
    corner: float = 0.12
    says: str = ""


@dataclass(frozen=True)
class Oval:
    """An ellipse, by its centre."""

    box: Box
    edge: str = INK
    width: float = 1.2
    fill: str = "#ffffff"
    says: str = ""


@dataclass(frozen=True)
class Words:
    """Lines of text; `at` is their middle, or the left end of it."""

    at: tuple[float, float]
    lines: tuple[str, ...]
    size: float
    color: str = INK
    anchor: str = "middle"
    halo: bool = False


Mark = Line | Area | Frame | Oval | Words


@dataclass(frozen=True)
class Scene:
    """Marks on a sheet from `low` to `high`."""

    low: tuple[float, float]
    high: tuple[float, float]
    marks: tuple[Mark, ...]


def set_scene(sheet: Sheet) -> Scene:
    """The marks of a diagram, with the key to its lines and its caption underneath."""
    low, high = _extent(sheet)
    wide = max(high[0] - low[0], SMALLEST)
    spare = (wide - (high[0] - low[0])) / 2
    low, high = (low[0] - spare, low[1]), (high[0] + spare, high[1])
    marks = [*_bands(sheet, low[0], high[0])]
    for each in sorted(sheet.routes, key=lambda each: not each.link.light):
        marks += _route(each)
    for node in sheet.picture.nodes:
        marks += _node(node, sheet.boxes[node.name])
    marks += [_label(each, each.label) for each in sheet.routes if each.label is not None]
    key, bottom = _key(sheet, low[0] + EDGE, low[1], wide - 2 * EDGE)
    caption = _wrapped(sheet.picture.caption, wide - 2 * EDGE)
    if caption:
        tall = measure(caption, SMALL)[1]
        key.append(Words((low[0] + EDGE, bottom - tall / 2), caption, SMALL, GREY, "start"))
        bottom -= tall
    return Scene((low[0], bottom - (EDGE / 2 if key else 0)), high, (*marks, *key))


def _extent(sheet: Sheet) -> tuple[tuple[float, float], tuple[float, float]]:
    boxes = [*sheet.boxes.values(), *(each.label for each in sheet.routes if each.label)]
    corners = [(box.x + side * box.width / 2, box.y + side * box.height / 2) for box in boxes for side in (-1, 1)]
    points = np.vstack([*(each.curve for each in sheet.routes), corners])
    low, high = points.min(0) - EDGE, points.max(0) + EDGE
    if not sheet.bands:
        return (float(low[0]), float(low[1])), (float(high[0]), float(high[1]))
    words = max(measure((band.words,), SMALL)[0] for band in sheet.bands)
    left = float(low[0]) - MARGIN_WIDTH - words
    return (left, sheet.bands[-1].bottom - EDGE / 2), (float(high[0]), sheet.bands[0].top + EDGE / 2)


def _bands(sheet: Sheet, left: float, right: float) -> Iterator[Mark]:
    """Thin lines between the levels, whose names stand at the left."""
    for at, band in enumerate(sheet.bands):
        yield Words((left + 0.12, (band.top + band.bottom) / 2), (band.words,), SMALL, GREY, "start")
        if at:
            yield Line(((left + 0.02, band.top), (right - 0.02, band.top)), PALE, 0.8)
    if sheet.bands:
        y, height = (sheet.bands[0].top + sheet.bands[-1].bottom) / 2, sheet.bands[0].top - sheet.bands[-1].bottom
        yield Line(_outline(left + 0.02, right - 0.02, y, height), PALE, 0.8)


def _outline(left: float, right: float, y: float, height: float) -> tuple[tuple[float, float], ...]:
    low, high = y - height / 2, y + height / 2
    return (left, low), (right, low), (right, high), (left, high), (left, low)


def _node(node: Node, box: Box) -> Iterator[Mark]:
    pale = node.role == "covariate"
    color, width = (PALE, 0.8) if pale else (INK, 1.2)
    says = f"{node.name}: {node.means}" if node.means else node.name
    if node.kind == "latent":
        yield Oval(box, color, width, says=says)
    elif node.kind == "time":
        yield Frame(box, GREY, 0.9, box.height / 2, says)
    else:
        corner = 0.0 if node.kind == "indicator" else 0.12
        yield Frame(box, color, 0.8 if node.kind == "indicator" else width, corner, says)
        if node.kind == "computed":
            yield Frame(Box("", box.x, box.y, box.width - 0.09, box.height - 0.09), color, 0.7, 0.08)
    size = name_size(node)
    yield Words((box.x, box.y + len(node.lines) * SMALL_LINE / 2), name_lines(node), size, GREY if pale else INK)
    yield from _small_print(node, box, measure(name_lines(node), size)[1])


def _small_print(node: Node, box: Box, tall: float) -> Iterator[Mark]:
    """The lines under a name: one cell in the middle, several in columns."""
    wide = columns(node)
    left = box.x - (sum(wide) + COLUMN_GAP * (len(wide) - 1)) / 2
    starts = [left + sum(wide[:at]) + COLUMN_GAP * at for at in range(len(wide))]
    y = box.y + len(node.lines) * SMALL_LINE / 2 - tall / 2
    for line in node.lines:
        y -= SMALL_LINE
        if len(wide) == 1:
            yield Words((box.x, y + SMALL_LINE / 2), line, SMALL, GREY)
        else:
            for x, cell in zip(starts, line, strict=False):
                yield Words((x, y + SMALL_LINE / 2), (cell,), SMALL, GREY, "start")


def _label(each: Route, box: Box) -> Mark:
    return Words((box.x, box.y), each.link.label, LABEL, INK, halo=True)


def _route(each: Route) -> Iterator[Mark]:
    link, curve = each.link, each.curve
    color, width = (PALE, 0.8) if link.light else (INK, 0.8 if link.kind == "loading" else 1.2)
    color = GREY if link.kind == "part" else color
    moderating = isinstance(link, Moderation) or (link.way == "sigma" and link.kind == "part")
    body = curve if moderating else _shortened(curve, 0.06, both=link.kind == "hidden")
    yield from _stroke(link, body, color, width)
    if moderating:
        x, y = curve[-1]
        yield Oval(Box("", float(x), float(y), 0.09, 0.09), color, 0.8, "#ffffff" if link.kind == "part" else color)
    elif link.kind == "part":
        yield _open_head(curve, color)
    else:
        yield _head(curve, color, small=link.light or link.kind == "loading")
    if link.kind == "hidden":
        yield _head(curve[::-1], color, small=link.light)
    if link.curved:
        yield from _badge(curve, color)


def _stroke(link: Link, curve: Curve, color: str, width: float) -> Iterator[Mark]:
    """The line of an arrow: doubled between units of a coarser level, dashed from an earlier occasion."""
    dash = HIDDEN if link.kind == "hidden" else DOTTED if link.kind == "moderation" else LAGGED if link.lagged else None
    if link.between:
        yield Line(_pairs(curve), color, 3.4, says=link.text)
        yield Line(_pairs(curve), "#ffffff", 1.5)
    else:
        yield Line(_pairs(curve), color, width, dash, link.text)


def _pairs(curve: Curve) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in curve)


def _shortened(curve: Curve, by: float, *, both: bool) -> Curve:
    """A curve without its last bit, which lies under the head."""
    kept = np.hypot(*(curve - curve[-1]).T) > by
    if both:
        kept &= np.hypot(*(curve - curve[0]).T) > by
    inner = curve[kept] if kept.sum() > 1 else curve
    along, _ = _direction(curve)
    ends = [inner, (curve[-1] - by * along)[None]]
    return np.vstack(ends)


def _head(curve: Curve, color: str, *, small: bool) -> Mark:
    """An arrow head at the end of a curve."""
    length, half = (0.09, 0.035) if small else (0.125, 0.05)
    along, aside = _direction(curve)
    tip, base = curve[-1], curve[-1] - length * along
    return Area(_pairs(np.array([tip, base + half * aside, base - half * aside])), color)


def _open_head(curve: Curve, color: str) -> Mark:
    """The head of what a sum is made of: two strokes."""
    along, aside = _direction(curve)
    tip, base = curve[-1], curve[-1] - 0.1 * along
    return Line(_pairs(np.array([base + 0.05 * aside, tip, base - 0.05 * aside])), color, 0.8)


def _badge(curve: Curve, color: str) -> Iterator[Mark]:
    """The sign of a curve on its arrow: an arc in a small ring."""
    box = badge(curve)
    yield Oval(box, color, 0.7)
    x = np.linspace(-1, 1, 15)
    yield Line(_pairs(np.column_stack([box.x + 0.058 * x, box.y + 0.04 - 0.09 * x**2])), color, 1.1)


def _direction(curve: Curve) -> tuple[Curve, Curve]:
    """Unit vectors along the end of a curve and to its left."""
    back = curve[np.hypot(*(curve - curve[-1]).T) > 0.1]
    along = curve[-1] - (back[-1] if len(back) else curve[0])
    along = along / max(float(np.hypot(*along)), 1e-9)
    return along, np.array([-along[1], along[0]])


KEYS: tuple[tuple[str, Link], ...] = (
    ("from an earlier occasion", Link("", "", lagged=True)),
    ("between units of the level named", Link("", "", between=True)),
    ("hidden common cause", Link("", "", "hidden")),
    ("moderates an arrow", Moderation("", "", "moderation")),
    ("added automatically, or of a covariate", Link("", "", light=True)),
    ("enters the count or sum", Link("", "", "part", light=True)),
    ("is each unit's own", Moderation("", "", "part", light=True)),
)


def _key(sheet: Sheet, left: float, top: float, wide: float) -> tuple[list[Mark], float]:
    """Samples of the lines that a reader may not know, where levels or time make them many; and where they end."""
    used = {_sort(link) for link in sheet.picture.links}
    entries = [(words, link) for words, link in KEYS if _sort(link) in used]
    special = any(sort[1] or sort[2] or sort[0] == "part" for sort in used)
    if not special and not sheet.bands:
        return [], top
    marks: list[Mark] = []
    x, y = left, top
    for words, link in entries:
        length = measure((words,), SMALL)[0] + KEY_LINE + 0.1
        if x > left and x + length > left + wide:
            x, y = left, y - 0.22
        line = np.column_stack([np.linspace(x, x + KEY_LINE, 12), np.full(12, y)])
        marks += _route(Route(link, line))
        marks.append(Words((x + KEY_LINE + 0.1, y), (words,), SMALL, GREY, "start"))
        x += length + KEY_GAP
    return marks, y - 0.15 if entries else top


def _sort(link: Link) -> tuple[str, bool, bool, bool, bool]:
    light = link.light and link.kind == "arrow"
    plain = not light and link.kind == "arrow"
    own = isinstance(link, Moderation) or (link.kind == "part" and link.way == "sigma")
    return link.kind, link.lagged and plain, link.between and plain, light, own


def _wrapped(text: str, width: float) -> tuple[str, ...]:
    return tuple(textwrap.wrap(text, max(30, int(width / measure(("n" * 10,), SMALL)[0] * 10))))
