"""The path diagram: boxes, arrows with their coefficients, moderators on the arrows that they moderate."""

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse, FancyBboxPatch, Polygon

from mechanisms.errors import expect
from mechanisms.infer.posterior import Fit
from mechanisms.model.plan import Plan
from mechanisms.report.layout import Box, Layout, arrange, complete_positions, stretch
from mechanisms.report.picture import Link, Moderation, Node, Picture, compose
from mechanisms.report.plots.paper import FONT, GREY, INK, PALE, keep, measure
from mechanisms.report.routing import Curve, Route, badge, beside, route
from mechanisms.spec.theory import Theory

NAME, NAME_PALE, LABEL, SMALL = 10.5, 9.5, 8.5, 8.0
PAD, COLUMN_GAP = 0.16, 0.13
SMALL_LINE = SMALL * 1.35 / 72
LINE_SPACING = 1.2
EDGE = 0.25  # free paper around everything
SMALLEST = 5.0
Sizes = dict[str, tuple[float, float]]


def diagram(
    theory: Theory | Plan, fit: Fit | None = None, path: str | PathLike[str] | None = None, *, of: Iterable[str] = ()
) -> Figure:
    """The path diagram of a theory; with a fit, its coefficients stand on the arrows (mean [95 % interval]).

    Parameters
    ----------
    theory
        A theory or a plan. Variables with `pos` stand where their author put them.
    fit
        A fit of this theory, for the numbers.
    path
        A file to write; its ending (.png, .svg, .pdf) chooses the format.
    of
        Exposures besides those of the theory's own questions, so that they are not taken for covariates.

    Covariates are pale and carry their coefficients in their box. An arrow of moderation ends on the arrow it
    moderates. An arc in a ring on an arrow says that it is a curve, with a number for each power. `<->` is dashed, and what
    nothing measures is an ellipse.

    Raises
    ------
    MechanismsError
        The theory or the fit is something else, or the fit is of another theory.
    """
    theory = theory.theory if isinstance(theory, Plan) else theory
    expect(theory, Theory, "what is drawn", "mx.diagram(theory) draws a theory, mx.diagram(fit.plan, fit) a fit")
    if fit is not None:
        expect(fit, Fit, "the fit", "mx.fit or mx.sample makes one; a file's name is path=")
    picture = compose(theory, fit, of)
    sizes = {node.name: _size(node) for node in picture.nodes}
    labels = {link: _label_size(link) for link in picture.links if link.label}
    layout, links = _stand(picture, sizes, labels)
    ellipses = frozenset(node.name for node in picture.nodes if not node.measured)
    routes = route(links, layout.boxes, layout.waypoints, labels, ellipses)
    return keep(_draw(picture, layout.boxes, routes), path)


def _stand(picture: Picture, sizes: Sizes, labels: Mapping[Link, tuple[float, float]]) -> tuple[Layout, list[Link]]:
    """The boxes' places, and the links with any places of their own on the same paper."""
    gap = max([1.0, *(labels[link][0] + 0.55 for link in labels if link.kind == "arrow")])
    given = {node.name: node.pos for node in picture.nodes if node.pos is not None}
    main = {node.name: sizes[node.name] for node in picture.nodes if node.role == "variable" or given}
    arrows = [link.ends for link in picture.links if link.kind == "arrow"]
    joined = [name for link in picture.links if link.kind == "hidden" for name in link.ends]
    found = arrange(main, arrows, gap, (*picture.exposures, *joined))
    links = [replace(link, pos=None) for link in picture.links]
    if given:
        boxes, spread = stretch(main, complete_positions(found, given), gap / 2)
        links = [
            replace(link, pos=(link.pos[0] * spread, -link.pos[1] * spread)) if link.pos else link
            for link in picture.links
        ]
        return Layout(boxes, {}), links
    boxes = dict(found.boxes)
    for node in picture.nodes:
        if node.role == "moderator":
            boxes[node.name] = _moderator(node.name, sizes[node.name], picture, found, boxes)
    return Layout(_covariates(picture, sizes, boxes), found.waypoints), links


def _moderator(name: str, size: tuple[float, float], picture: Picture, found: Layout, boxes: Mapping[str, Box]) -> Box:
    onto = {link.onto for link in picture.links if isinstance(link, Moderation) and link.tail == name}
    arrows = [link for link in picture.links if link.kind == "arrow" and link.ends in onto and link.tail in found.boxes]
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


def _name(node: Node) -> tuple[str, ...]:
    """A name in lines, broken after _ and dots where it is long; a box of several covariates has none."""
    if node.name.count(","):
        return ()
    if len(node.name) <= 18:
        return (node.name,)
    parts = node.name.replace("_", "_ ").replace(".", ". ")
    return tuple(line.replace(" ", "") for line in textwrap.wrap(parts, 18))


def _columns(node: Node) -> list[float]:
    """The widths of the small print's columns; a line of one cell takes no part where others have several."""
    cells = max((len(line) for line in node.lines), default=0)
    rows = [line for line in node.lines if len(line) == cells]
    return [measure(tuple(line[at] for line in rows), SMALL)[0] for at in range(cells)]


def _size(node: Node) -> tuple[float, float]:
    width, height = measure(_name(node), NAME_PALE if node.role == "covariate" else NAME)
    columns = _columns(node)
    single = measure(tuple(line[0] for line in node.lines if len(line) == 1), SMALL)[0]
    small = max(sum(columns) + COLUMN_GAP * max(len(columns) - 1, 0), single)
    below = len(node.lines) * SMALL_LINE
    factor = 1.0 if node.measured else 1.25
    return max(0.75, (max(width, small) + 2 * PAD) * factor), (height + below + 1.5 * PAD) * factor


def _label_size(link: Link) -> tuple[float, float]:
    width, height = measure(link.label, LABEL)
    return width + 0.06, height + 0.02


def _draw(picture: Picture, boxes: Mapping[str, Box], routes: Iterable[Route]) -> Figure:
    routes = list(routes)
    shown = [*boxes.values(), *(each.label for each in routes if each.label)]
    points = np.vstack([each.curve for each in routes] + [[[box.x, box.y]] for box in shown])
    low = np.min([points.min(0), *((b.x - b.width / 2, b.y - b.height / 2) for b in shown)], axis=0) - EDGE
    high = np.max([points.max(0), *((b.x + b.width / 2, b.y + b.height / 2) for b in shown)], axis=0) + EDGE
    caption = _wrapped(picture.caption, max(float(high[0] - low[0]), SMALLEST) - 2 * EDGE)
    low[1] -= measure(caption, SMALL)[1] if caption else 0.0
    spare = max(0.0, SMALLEST - float(high[0] - low[0])) / 2
    low[0], high[0] = low[0] - spare, high[0] + spare
    figure = Figure(figsize=tuple(high - low))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    for each in sorted(routes, key=lambda each: not each.link.light):
        _draw_route(axes, each)
    for node in picture.nodes:
        _draw_node(axes, node, boxes[node.name])
    axes.text(low[0] + EDGE, low[1] + 0.12, "\n".join(caption), size=SMALL, color=GREY, family=FONT, va="bottom")
    return figure


def _wrapped(text: str, width: float) -> tuple[str, ...]:
    return tuple(textwrap.wrap(text, max(30, int(width / measure(("n" * 10,), SMALL)[0] * 10))))


def _draw_node(axes: Axes, node: Node, box: Box) -> None:
    pale = node.role == "covariate"
    look: dict[str, Any] = {
        "facecolor": "white",
        "edgecolor": PALE if pale else INK,
        "linewidth": 0.8 if pale else 1.2,
        "zorder": 3,
    }
    if node.measured:
        low = (box.x - box.width / 2 + 0.06, box.y - box.height / 2 + 0.06)
        corner = "round,pad=0.06,rounding_size=0.09"
        axes.add_patch(FancyBboxPatch(low, box.width - 0.12, box.height - 0.12, boxstyle=corner, **look))
    else:
        axes.add_patch(Ellipse((box.x, box.y), box.width, box.height, **look))
    size, color = (NAME_PALE, GREY) if pale else (NAME, INK)
    top = box.y + len(node.lines) * SMALL_LINE / 2
    axes.text(box.x, top, "\n".join(_name(node)), size=size, color=color, family=FONT,
              ha="center", va="center", zorder=4)  # fmt: skip
    columns = _columns(node)
    left = box.x - (sum(columns) + COLUMN_GAP * (len(columns) - 1)) / 2
    starts = [left + sum(columns[:at]) + COLUMN_GAP * at for at in range(len(columns))]
    y = top - measure(_name(node), size)[1] / 2
    for line in node.lines:
        y -= SMALL_LINE
        for x, cell in zip(starts, line, strict=False):
            axes.text(x, y + SMALL_LINE / 2, cell, size=SMALL, color=GREY, family=FONT, va="center", zorder=4)


def _draw_route(axes: Axes, each: Route) -> None:
    link, curve = each.link, each.curve
    color = PALE if link.light else INK
    width = 0.8 if link.light else 1.2
    style = {"arrow": "-", "hidden": (0, (4, 2.5)), "moderation": (0, (1, 1.6))}[link.kind]
    depth = 1 if link.light else 2
    axes.plot(curve[:, 0], curve[:, 1], color=color, linewidth=width, linestyle=style, zorder=depth,
              solid_capstyle="butt")  # fmt: skip
    if link.kind == "moderation":
        axes.add_patch(Circle(tuple(curve[-1]), 0.045, facecolor=color, edgecolor="none", zorder=depth + 0.1))
    else:
        _draw_head(axes, curve, color, depth, light=link.light)
    if link.kind == "hidden":
        _draw_head(axes, curve[::-1], color, depth, light=link.light)
    if link.curved:
        _draw_badge(axes, curve, color)
    if each.label is not None:
        axes.text(each.label.x, each.label.y, "\n".join(link.label), size=LABEL, color=INK, family=FONT,
                  ha="center", va="center", zorder=5, linespacing=LINE_SPACING,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2})  # fmt: skip


def _draw_head(axes: Axes, curve: Curve, color: str, depth: float, *, light: bool) -> None:
    """An arrow head at the end of a curve."""
    length, half = (0.09, 0.035) if light else (0.125, 0.05)
    along, aside = _direction(curve)
    tip, base = curve[-1], curve[-1] - length * along
    axes.add_patch(Polygon([tip, base + half * aside, base - half * aside], closed=True,
                           facecolor=color, edgecolor="none", zorder=depth + 0.1))  # fmt: skip


def _draw_badge(axes: Axes, curve: Curve, color: str) -> None:
    """The sign of a curve on its arrow: an arc in a small ring."""
    box = badge(curve)
    axes.add_patch(Circle((box.x, box.y), box.width / 2, facecolor="white", edgecolor=color, linewidth=0.7, zorder=3))
    x = np.linspace(-1, 1, 25)
    axes.plot(box.x + 0.058 * x, box.y + 0.04 - 0.09 * x**2, color=color, linewidth=1.1, zorder=3.1)


def _direction(curve: Curve) -> tuple[Curve, Curve]:
    """Unit vectors along the end of a curve and to its left."""
    back = curve[np.hypot(*(curve - curve[-1]).T) > 0.1]
    along = curve[-1] - (back[-1] if len(back) else curve[0])
    along = along / max(float(np.hypot(*along)), 1e-9)
    return along, np.array([-along[1], along[0]])
