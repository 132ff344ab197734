"""Where everything in a path diagram stands: boxes in layers or at given positions, indicators, moderators, bands."""

import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mechanisms.report.layout import BAND_GAP, EMPTY, Box, Layout, arrange
from mechanisms.report.letters import measure
from mechanisms.report.picture import Link, Moderation, Node, Picture
from mechanisms.report.positions import complete_positions, stretch
from mechanisms.report.routing import beside, route
from mechanisms.report.ways import Route

NAME, NAME_PALE, NAME_SMALL, LABEL, SMALL = 10.5, 9.5, 8.5, 8.5, 8.0
PAD, COLUMN_GAP = 0.16, 0.13
SMALL_LINE = SMALL * 1.35 / 72
LOOP_ROOM, INDICATOR_DROP, INDICATOR_GAP = 0.55, 0.45, 0.12
HEAD_ROOM, SIDE_ROOM = 0.3, 0.3  # of a band around its boxes
Sizes = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Band:
    """A level's band: its words, and how far it reaches."""

    words: str
    top: float
    bottom: float


@dataclass(frozen=True)
class Sheet:
    """Boxes, routes and bands with their places, in inches, y pointing up."""

    picture: Picture
    boxes: Mapping[str, Box]
    routes: tuple[Route, ...]
    bands: tuple[Band, ...] = ()


def stand(picture: Picture) -> Sheet:
    """A picture with a place for everything."""
    sizes = {node.name: box_size(node) for node in picture.nodes}
    layout, links = _place(picture, sizes)
    labels = {link: _label_size(link) for link in links if link.label}
    boxes = dict(layout.boxes)
    ellipses = frozenset(node.name for node in picture.nodes if node.kind == "latent")
    borders = [low - BAND_GAP / 2 for _, low in layout.bands.values()]
    routes = route(links, boxes, layout.waypoints, labels, ellipses, borders)
    return Sheet(picture, boxes, routes, _bands(picture, layout, routes))


def _place(picture: Picture, sizes: Sizes) -> tuple[Layout, list[Link]]:
    """The boxes' places, and the links with any places of their own on the same paper."""
    labels = _label_room(picture)
    given = {node.name: node.pos for node in picture.nodes if node.pos is not None}
    banded = bool(picture.levels)
    main = [
        node for node in picture.nodes
        if not node.home and (banded or given or node.role == "variable")
    ]  # fmt: skip
    rooms = {node.name: _room(node, picture, sizes) for node in main}
    joined = [name for link in picture.links if link.kind == "hidden" for name in link.ends]
    order = {name: at for at, (name, _) in enumerate(picture.levels)}
    bands = {node.name: order[node.level] for node in main if banded}
    found = arrange(rooms, _edges(picture), 1.0, () if banded else (*picture.exposures, *joined), bands, labels)
    over = _over(picture, found)
    found = replace(found, boxes={name: _own(box, sizes, picture, name in over) for name, box in found.boxes.items()})
    links = [replace(link, pos=None) for link in picture.links]
    if given:
        cells = {node.name: sizes[node.name] for node in main}
        boxes, spread = stretch(cells, complete_positions(found, given), max([1.0, *labels.values()]) / 2)
        links = [
            replace(link, pos=(link.pos[0] * spread, -link.pos[1] * spread)) if link.pos else link
            for link in picture.links
        ]
        return Layout(_indicators(picture, sizes, boxes, over), {}), links
    boxes = _indicators(picture, sizes, dict(found.boxes), over)
    if not banded:
        for node in picture.nodes:
            if node.role == "moderator":
                boxes[node.name] = _moderator(node.name, sizes[node.name], picture, found, boxes)
        boxes = _covariates(picture, sizes, boxes)
    return Layout(boxes, found.waypoints, found.bands), links


def _label_room(picture: Picture) -> dict[tuple[str, str], float]:
    """The room between two boxes that the labels of their arrows need; more where several arrows fan out."""
    fan = Counter(frozenset(link.ends) for link in picture.links)
    moderated = {link.onto for link in picture.links if isinstance(link, Moderation)}
    found: dict[tuple[str, str], float] = {}
    for link in picture.links:
        if link.label and link.kind == "arrow":
            need = (
                _label_size(link)[0]
                + 0.55
                + 0.4 * (link.name in moderated)
                + 0.35 * max(0, fan[frozenset(link.ends)] - 2)
            )
            found[link.ends] = max(need, found.get(link.ends, 0.0))
    return found


def _edges(picture: Picture) -> list[tuple[str, str]]:
    """What the layers follow: arrows of the same occasion first, then lagged ones, moderators where there are bands."""
    houses = {node.name: node.home for node in picture.nodes if node.home}
    kinds = ("arrow", "loading", "part", *(["moderation"] if picture.levels else []))
    links = sorted((link for link in picture.links if link.kind in kinds), key=lambda link: (link.lagged, link.light))
    return [(houses.get(link.tail, link.tail), houses.get(link.head, link.head)) for link in links]


def _room(node: Node, picture: Picture, sizes: Sizes) -> tuple[float, float]:
    """The room of a box with its loops and its indicators; the box stands in the middle."""
    width, height = sizes[node.name]
    members = [other.name for other in picture.nodes if other.home == node.name]
    if members:
        width = max(width, sum(sizes[name][0] + INDICATOR_GAP for name in members))
    above, below = _margins(node.name, picture, sizes)
    return width, height + above + below


def _margins(name: str, picture: Picture, sizes: Sizes) -> tuple[float, float]:
    """The room above a box and under it."""
    loops = any(link.tail == link.head == name for link in picture.links)
    members = {node.name: sizes[node.name][1] for node in picture.nodes if node.home == name}
    arcs = any({*link.ends} & {*members} for link in picture.links if link.kind == "hidden")
    below = INDICATOR_DROP + max(members.values()) + 0.4 * arcs if members else 0.0
    fan = Counter(frozenset(link.ends) for link in picture.links if name in link.ends and link.kind != "loading")
    spread = 0.14 * max(0, max(fan.values(), default=0) - 2)
    return (LOOP_ROOM if loops else 0.0) + spread, below + spread


def _over(picture: Picture, found: Layout) -> set[str]:
    """The latent variables whose indicators stand over them, since most of their arrows lead down."""
    houses = {node.home for node in picture.nodes if node.home}
    housed = {node.name for node in picture.nodes if node.home}
    if any({*link.ends} & housed for link in picture.links if link.kind == "hidden"):
        return set()  # arcs between indicators run under everything
    lean = dict.fromkeys(houses, 0)
    for link in picture.links:
        if link.kind != "loading" and {*link.ends} <= found.boxes.keys():
            for one, other in (link.ends, link.ends[::-1]):
                step = found.boxes[other].y - found.boxes[one].y
                if one in lean and abs(step) > found.boxes[one].height / 2:
                    lean[one] += 1 if step > 0 else -1
    return {name for name, up in lean.items() if up < 0}


def _own(room: Box, sizes: Sizes, picture: Picture, over: bool) -> Box:
    """The box in its room."""
    above, below = _margins(room.name, picture, sizes)
    width, height = sizes[room.name]
    aside = (below - above) / 2
    return Box(room.name, room.x, room.y + (-aside if over else aside), width, height)


def _indicators(picture: Picture, sizes: Sizes, boxes: dict[str, Box], over: set[str]) -> dict[str, Box]:
    """Indicators in a row under or over their latent variable."""
    placed = dict(boxes)
    for home in dict.fromkeys(node.home for node in picture.nodes if node.home):
        names = [node.name for node in picture.nodes if node.home == home]
        latent, side = boxes[home], 1 if home in over else -1
        x = latent.x - sum(sizes[name][0] + INDICATOR_GAP for name in names) / 2
        edge = latent.y + side * (latent.height / 2 + INDICATOR_DROP)
        for name in names:
            width, height = sizes[name]
            placed[name] = Box(name, x + (width + INDICATOR_GAP) / 2, edge + side * height / 2, width, height)
            x += width + INDICATOR_GAP
    return placed


def _moderator(name: str, size: tuple[float, float], picture: Picture, found: Layout, boxes: Mapping[str, Box]) -> Box:
    onto = {link.onto for link in picture.links if isinstance(link, Moderation) and link.tail == name}
    arrows = [link for link in picture.links if link.kind == "arrow" and link.name in onto and link.tail in found.boxes]
    curves = [each.curve for each in route([replace(a, pos=None) for a in arrows], found.boxes, found.waypoints, {})]
    return beside(name, size, curves or [np.array([[box.x, box.y]] * 2) for box in boxes.values()], boxes)


def _covariates(picture: Picture, sizes: Sizes, boxes: dict[str, Box]) -> dict[str, Box]:
    """Covariates in rows under everything else, centred."""
    names = [node.name for node in picture.nodes if node.role == "covariate"]
    left = min((box.x - box.width / 2 for box in boxes.values()), default=0.0)
    right = max((box.x + box.width / 2 for box in boxes.values()), default=0.0)
    bottom = min((box.y - box.height / 2 for box in boxes.values()), default=0.0) - 0.8
    rows: list[list[str]] = [[]]
    for name in names:
        width = sum(sizes[other][0] + 0.3 for other in (*rows[-1], name))
        if rows[-1] and width > max(right - left + 1.0, 9.0):
            rows.append([])
        rows[-1].append(name)
    placed = dict(boxes)
    for row in rows:
        x = (left + right) / 2 - sum(sizes[name][0] + 0.3 for name in row) / 2 + 0.15
        tall = max((sizes[name][1] for name in row), default=0.0)
        for name in row:
            width, height = sizes[name]
            placed[name] = Box(name, x + width / 2, bottom - height / 2, width, height)
            x += width + 0.3
        bottom -= tall + 0.35
    return placed


def _bands(picture: Picture, layout: Layout, routes: tuple[Route, ...]) -> tuple[Band, ...]:
    """Bands that lie close, the levels without variables thin; the outer ones hold every arrow."""
    if not layout.bands or not picture.levels:
        return ()
    first, last = min(layout.bands), max(layout.bands)
    reach = [float(value) for each in routes for value in (each.curve[:, 1].max(), each.curve[:, 1].min())]
    reach += [y for each in routes if each.label for y in _ends(each.label)]
    highest = max([layout.bands[first][0] + HEAD_ROOM, *(y + 0.12 for y in reach)])
    lowest = min([layout.bands[last][1] - HEAD_ROOM, *(y - 0.12 for y in reach)])
    found: list[Band] = []
    top = highest + EMPTY * first
    for at, (_, words) in enumerate(picture.levels):
        bottom = top - EMPTY
        if at in layout.bands:
            bottom = lowest if at == last else layout.bands[at][1] - BAND_GAP / 2
        found.append(Band(words, top, bottom))
        top = bottom
    return tuple(found)


def _ends(box: Box) -> tuple[float, float]:
    return box.y + box.height / 2, box.y - box.height / 2


def name_lines(node: Node) -> tuple[str, ...]:
    """A name in lines, broken after _ and dots and before ( where it is long; a box of several covariates has none."""
    name = node.shown or node.name
    if name.count(","):
        return ()
    if len(name) <= 18:
        return (name,)
    parts = name.replace("_", "_ ").replace(".", ". ").replace("…", " … ").replace("(", " (")
    return tuple(line.replace(" ", "") for line in textwrap.wrap(parts, 18))


def name_size(node: Node) -> float:
    """The size of its letters in points."""
    return NAME_SMALL if node.kind == "indicator" else NAME_PALE if node.role == "covariate" else NAME


def columns(node: Node) -> list[float]:
    """The widths of the small print's columns; a line of one cell takes no part where others have several."""
    cells = max((len(line) for line in node.lines), default=0)
    rows = [line for line in node.lines if len(line) == cells]
    return [measure(tuple(line[at] for line in rows), SMALL)[0] for at in range(cells)]


def box_size(node: Node) -> tuple[float, float]:
    """Width and height of a box with everything that is written in it."""
    width, height = measure(name_lines(node), name_size(node))
    wide = columns(node)
    single = measure(tuple(line[0] for line in node.lines if len(line) == 1), SMALL)[0]
    small = max(sum(wide) + COLUMN_GAP * max(len(wide) - 1, 0), single)
    below = len(node.lines) * SMALL_LINE
    if node.kind == "indicator":
        return max(0.42, max(width, small) + PAD), height + below + 0.6 * PAD
    factor = 1.25 if node.kind == "latent" else 1.0
    return max(0.75, (max(width, small) + 2 * PAD) * factor), (height + below + 1.5 * PAD) * factor


def _label_size(link: Link) -> tuple[float, float]:
    width, height = measure(link.label, LABEL)
    return width + 0.06, height + 0.02
