"""Curves along a variable: an effect along its moderator, the outcome's mean along the exposure."""

import textwrap
from collections.abc import Iterable
from os import PathLike

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mechanisms.effects.along.moderated import Conditional, Moderated
from mechanisms.effects.along.tracing import Curve
from mechanisms.effects.along.turns import Turn, TurningPoint
from mechanisms.errors import MechanismsError
from mechanisms.report.letters import FONT, GREY, INK, PALE
from mechanisms.report.numbers import MINUS, decimals_for, show
from mechanisms.report.plots.paper import BLUE, LIGHT_BLUE, keep

Floats = NDArray[np.float64]
PANEL, HEIGHT = 3.9, 2.7  # inches of one curve's axes
LEFT, GAP = 0.85, 0.75
TEXT, SMALL = 9.5, 8.5
MOST = 6
WARM, FILL, FAINT = "#a8571b", "#c4d6e8", "#e6eef6"
GROUND = "#f6efe6"


def curve(found: Moderated | TurningPoint, path: str | PathLike[str] | None = None) -> Figure:
    """A curve with its uncertainty: what `mx.moderate` or `mx.turning_point` found.

    An effect along a moderator stands with both bands, the pointwise one dark, and the ground is shaded where that
    excludes 0 (Johnson & Neyman). The outcome's mean along an exposure stands with the posterior of where it turns.
    Ticks at the foot are the data. Several curves stand side by side on one scale. `path` also writes a file; its
    ending chooses the format.

    Raises
    ------
    MechanismsError
        There is no curve: all moderators are categories; or there are more than six.
    """
    if isinstance(found, Moderated):
        return keep(_draw_moderated(found), path)
    if isinstance(found, TurningPoint):
        return keep(_draw_turning(found), path)
    raise MechanismsError(
        f"a curve shows what mx.moderate or mx.turning_point found, not a {type(found).__name__}; effects have mx.forest"
    )


def _draw_moderated(found: Moderated) -> Figure:
    if found.by is None:
        raise MechanismsError(
            "there is no curve: the moderators are categories. mx.forest(found.effects) shows the rows"
        )
    share = f"{100 * found.mass:g}%"
    foot = (
        f"Line: posterior mean. Dark band: {share} at each value; pale band: {share} of whole curves. Shaded: where the dark "
        f"band excludes 0. Ticks: the data.",
        f"{_upper(found.effects.scale)}; {found.effects.contrast}",
    )
    figure, panels = _lay_out(found.effects.title, [each.label for each in found.curves], foot)
    cases = found.by.values[found.by.observed]
    for axes, each in zip(panels, found.curves, strict=True):
        _draw_effect(axes, each)
        _mark_cases(axes, cases)
        axes.set_xlabel(found.by.name, size=SMALL, color=INK, family=FONT)
    _share_height(panels)
    for axes, each in zip(panels, found.curves, strict=True):
        _shade(axes, each)
    panels[0].set_ylabel(f"effect on {found.effects.on}", size=SMALL, color=INK, family=FONT)
    return figure


def _draw_effect(axes: Axes, each: Conditional) -> None:
    """Both bands and the mean."""
    grid = each.curve.grid
    pointwise, simultaneous = each.bands
    for band, color, depth in ((simultaneous, FAINT, 3), (pointwise, FILL, 4)):
        axes.fill_between(grid, *band.at(each.curve, grid), color=color, linewidth=0, alpha=0.85, zorder=depth)
    axes.axhline(0, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=5)
    axes.plot(grid, each.curve.at(grid).mean(axis=0), color=BLUE, linewidth=1.8, zorder=6)


def _shade(axes: Axes, each: Conditional) -> None:
    """The ground where the pointwise band excludes 0, its ends in numbers."""
    for region in each.regions:
        if region.band != "pointwise":
            continue
        axes.axvspan(region.low, region.high, color=GROUND, linewidth=0, zorder=0)
        for value, at_the_end in ((region.low, region.opens), (region.high, region.closes)):
            if not at_the_end:
                _mark(axes, value, each.curve)


def _mark(axes: Axes, value: float, curve: Curve) -> None:
    """A dotted line at a value, with its number above."""
    axes.axvline(value, color=WARM, linewidth=0.9, linestyle=":", zorder=1)
    text = show(value, decimals_for(curve.high - curve.low, 3)).replace("-", MINUS)
    axes.annotate(text, (value, 1), (0, 3), xycoords=("data", "axes fraction"), textcoords="offset points", ha="center",
                  va="bottom", size=SMALL - 0.5, color=WARM, family=FONT, annotation_clip=False)  # fmt: skip


def _draw_turning(found: TurningPoint) -> Figure:
    share = f"{100 * found.mass:g}%"
    foot = (
        f"Line and band: posterior mean and {share} interval of the {found.scale}; thin lines: single draws. At the foot: "
        f"where the draws turn (shaded: {share} of these, dotted: their median). Ticks: the data.",
        _upper(found.population),
    )
    heads = [", ".join(word for word in (turn.condition, _chance(turn)) if word) for turn in found.turns]
    figure, panels = _lay_out(found.title, heads, foot)
    for axes, turn in zip(panels, found.turns, strict=True):
        _draw_response(axes, turn, found.mass)
        axes.set_xlabel(found.of.name, size=SMALL, color=INK, family=FONT)
    _share_height(panels)
    for axes, turn in zip(panels, found.turns, strict=True):
        _draw_places(axes, turn, found)
        if not found.of.latent:
            _mark_cases(axes, found.cases)
    panels[0].set_ylabel(textwrap.fill(found.scale, 34), size=SMALL, color=INK, family=FONT)
    return figure


def _chance(turn: Turn) -> str:
    """The most probable shape."""
    name, share = max(turn.shapes.items(), key=lambda item: item[1])
    return f"P({name}) = {share:.2f}"


def _draw_response(axes: Axes, turn: Turn, mass: float) -> None:
    grid = turn.curve.grid
    draws = turn.curve.at(grid)
    lower, upper = np.quantile(draws, [(1 - mass) / 2, (1 + mass) / 2], axis=0)
    axes.fill_between(grid, lower, upper, color=FILL, linewidth=0, zorder=2)
    some = draws[:: max(1, len(draws) // 25)][:25]
    if len(draws) > 1:
        axes.plot(grid, some.T, color=LIGHT_BLUE, linewidth=0.5, alpha=0.6, zorder=3)
    axes.plot(grid, draws.mean(axis=0), color=BLUE, linewidth=1.8, zorder=4)


def _draw_places(axes: Axes, turn: Turn, found: TurningPoint) -> None:
    """Where the draws turn, as a histogram at the foot, with the median and the interval above it."""
    places = turn.turning[~np.isnan(turn.turning)]
    if not len(places):
        return
    low, high = axes.get_ylim()
    room = 0.3 * (high - low)
    ticks = [tick for tick in axes.get_yticks() if low <= tick <= high]
    axes.set_ylim(low - room, high)
    axes.set_yticks(ticks)
    counts, edges = np.histogram(places, bins=60, range=(turn.curve.low, turn.curve.high))
    tall = counts / counts.max() * (0.75 * room) * len(places) / len(turn.turning)
    axes.bar(
        edges[:-1], tall, width=np.diff(edges), bottom=low - 0.8 * room, align="edge", color=WARM, alpha=0.75, zorder=5
    )
    first, middle, last = np.quantile(places, [(1 - found.mass) / 2, 0.5, (1 + found.mass) / 2])
    axes.axvspan(first, last, color=GROUND, linewidth=0, zorder=0)
    _mark(axes, float(middle), turn.curve)


def _lay_out(title: str, heads: list[str], foot: Iterable[str]) -> tuple[Figure, list[Axes]]:
    """A figure with a panel for each curve side by side."""
    count = len(heads)
    if count > MOST:
        raise MechanismsError(f"{count} curves do not fit on one figure: name fewer values of the other moderators")
    width = LEFT + count * PANEL + (count - 1) * GAP + 0.3
    lines = [line for text in foot for line in textwrap.wrap(text, int(width * 16))]
    titles = textwrap.wrap(title, max(30, int(width * 11)))
    top, bottom = 0.62 + 0.22 * len(titles), 0.62 + 0.17 * len(lines)
    height = top + HEIGHT + bottom
    figure = Figure(figsize=(width, height))
    panels = []
    for place, head in enumerate(heads):
        left = LEFT + place * (PANEL + GAP)
        axes = figure.add_axes((left / width, bottom / height, PANEL / width, HEIGHT / height))
        axes.annotate(head.replace("->", "\N{RIGHTWARDS ARROW}"), (0, 1), (0, 18), xycoords="axes fraction",
                      textcoords="offset points", va="bottom", size=TEXT, color=INK, family=FONT)  # fmt: skip
        _dress(axes)
        panels.append(axes)
    figure.text(0.15 / width, 1 - 0.12 / height, "\n".join(titles), va="top", size=TEXT + 1.5, color=INK, family=FONT)
    figure.text(0.15 / width, 0.1 / height, "\n".join(lines), va="bottom", size=SMALL - 0.5, color=GREY, family=FONT)
    return figure, panels


def _dress(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(labelsize=SMALL, colors=GREY, labelfontfamily=FONT)
    axes.spines[["right", "top"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)


def _share_height(panels: list[Axes]) -> None:
    """One scale for all, so that curves can be compared."""
    low, high = min(axes.get_ylim()[0] for axes in panels), max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(low, high)
        axes.margins(x=0.02)


def _mark_cases(axes: Axes, cases: Floats) -> None:
    """A tick for every unit; denser where many are."""
    alpha = float(np.clip(25 / len(cases), 0.06, 0.6))
    axes.plot(cases, np.full(len(cases), 0.02), marker="|", linestyle="none", markersize=7, markeredgewidth=0.8, color=INK,
              alpha=alpha, transform=axes.get_xaxis_transform(), zorder=7)  # fmt: skip


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
