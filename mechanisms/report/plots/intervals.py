"""The forest plot: each effect's posterior as a point and two intervals, with its numbers beside it."""

import itertools
import textwrap
from os import PathLike

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mechanisms.effects.effects import Effect, Effects, summarise
from mechanisms.errors import expect
from mechanisms.report.letters import FONT, GREY, INK, PALE
from mechanisms.report.numbers import show_interval
from mechanisms.report.plots.paper import BLUE, LIGHT_BLUE, keep, measure

ROW, GROUP_GAP = 0.3, 0.16
AXIS = 3.6  # inches of the axis itself
TEXT, SMALL = 9.5, 8.5
_GROUPS = ("total", "direct", "indirect", "paths", "")


def forest(effects: Effects, path: str | PathLike[str] | None = None) -> Figure:
    """A forest plot: posterior mean, 50 % interval (thick) and 95 % interval (thin) of every effect, in numbers too.

    Rows stand in groups: total, direct, indirect, paths. `path` also writes a file; its ending chooses the format.
    """
    expect(
        effects, Effects, "what a forest shows", "mx.decompose or mx.estimate makes one, and each has its own forest"
    )
    rows = sorted(effects.rows, key=lambda row: _GROUPS.index(_group(row.label)))
    heights = _heights(rows)
    labels = [row.label.replace("->", "\N{RIGHTWARDS ARROW}") for row in rows]
    numbers = [_numbers(row) for row in rows]
    left = max(measure((label,), TEXT)[0] for label in labels) + 0.35
    right = max(measure((text,), TEXT)[0] for text in (*numbers, "mean [95% interval]")) + 0.35
    width = left + AXIS + right
    title = textwrap.wrap(effects.title, max(30, int(width * 11)))
    foot = [line for text in _meaning(effects) for line in textwrap.wrap(text, int(AXIS * 17))]
    top, bottom = 0.28 + 0.22 * len(title), 0.42 + 0.19 * len(foot)
    height = top + bottom - heights[-1] + ROW
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left / width, bottom / height, AXIS / width, 1 - (top + bottom) / height))
    axes.set_ylim(heights[-1] - ROW / 2, ROW / 2)
    axes.axvline(0, color=PALE, linewidth=1, zorder=1)
    _draw_intervals(axes, rows, heights)
    across = axes.get_yaxis_transform()
    for label, text, y in zip(labels, numbers, heights, strict=True):
        axes.text(-0.2 / AXIS, y, label, transform=across, ha="right", va="center", size=TEXT, color=INK, family=FONT)
        axes.text(1 + 0.15 / AXIS, y, text, transform=across, va="center", size=TEXT, color=INK, family=FONT)
    axes.annotate("mean [95% interval]", (1, 1), (0.15 * 72, 2), xycoords="axes fraction",
                  textcoords="offset points", va="bottom", size=SMALL, color=GREY, family=FONT)  # fmt: skip
    axes.set_xlabel("\n".join(foot), size=SMALL, color=GREY, family=FONT)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_yticks([])
    axes.tick_params(axis="x", labelsize=SMALL, colors=GREY, labelfontfamily=FONT)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines["bottom"].set_color(PALE)
    figure.text(0.15 / width, 1 - 0.12 / height, "\n".join(title), va="top", size=TEXT + 1.5, color=INK, family=FONT)
    return keep(figure, path)


def _draw_intervals(axes: Axes, rows: list[Effect], heights: list[float]) -> None:
    for row, y in zip(rows, heights, strict=True):
        low, first, third, high = np.quantile(row.draws.reshape(-1), [0.025, 0.25, 0.75, 0.975])
        color = LIGHT_BLUE if _group(row.label) == "paths" else BLUE
        axes.plot([low, high], [y, y], color=color, linewidth=1.3, zorder=2, solid_capstyle="butt")
        axes.plot([first, third], [y, y], color=color, linewidth=5, zorder=3, solid_capstyle="butt")
        axes.plot([float(row.draws.mean())], [y], marker="o", markersize=6.5, markerfacecolor="white",
                  markeredgecolor=color, markeredgewidth=1.6, zorder=4)  # fmt: skip


def _group(label: str) -> str:
    """total, direct, indirect, paths; anything else stands by itself at the end."""
    bare = label.partition(" [")[0]
    if "->" in bare or bare == "paths together":
        return "paths"
    return {"total": "total", "direct": "direct", "total direct": "direct", "pure direct": "direct",
            "indirect": "indirect", "total indirect": "indirect", "pure indirect": "indirect"}.get(bare, "")  # fmt: skip


def _heights(rows: list[Effect]) -> list[float]:
    heights = [0.0]
    for above, below in itertools.pairwise(rows):
        apart = GROUP_GAP if _group(above.label) != _group(below.label) else 0.0
        heights.append(heights[-1] - ROW - apart)
    return heights


def _numbers(row: Effect) -> str:
    found = summarise(row.draws)
    return show_interval(found["mean"], found["lower"], found["upper"])


def _meaning(effects: Effects) -> tuple[str, str]:
    """Scale and contrast, each a line or more under the axis."""
    return effects.scale[:1].upper() + effects.scale[1:], effects.contrast
