"""The forest plot: each effect's posterior as a point and two intervals, with its numbers beside it."""

import textwrap
from dataclasses import dataclass
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
MANY, TIGHT = 24, 0.19  # more rows than these stand closer together
AXIS = 3.6  # inches of the axis itself
TEXT, SMALL = 9.5, 8.5
_GROUPS = ("total", "direct", "indirect", "paths", "")


@dataclass(frozen=True)
class _Row:
    """An effect as it stands: its words, its numbers, its group and its place."""

    effect: Effect
    label: str
    numbers: str
    chance: str
    y: float


def forest(effects: Effects, path: str | PathLike[str] | None = None) -> Figure:
    """A forest plot: posterior mean, 50 % interval (thick) and 95 % interval (thin) of every effect, in numbers too.

    Rows stand in groups: total, direct, indirect, paths. Where every unit has a row of its own, `{each: client}`, rows
    are sorted, P(> 0) stands beside them, and a dotted line marks the mean of the units. `path` also writes a file; its
    ending chooses the format.
    """
    expect(
        effects, Effects, "what a forest shows", "mx.decompose or mx.estimate makes one, and each has its own forest"
    )
    step = TIGHT if len(effects.rows) > MANY else ROW
    size = TEXT if step == ROW else SMALL - 1
    rows = _arrange(effects, step)
    heads = ("mean [95% interval]", f"P(> {effects.neutral:g})" if any(row.chance for row in rows) else "")
    left = max(measure((row.label,), size)[0] for row in rows) + 0.35
    middle = max(measure((heads[0],), SMALL)[0], *(measure((row.numbers,), size)[0] for row in rows)) + 0.35
    width = left + AXIS + middle + (0.6 if heads[1] else 0)
    title = textwrap.wrap(effects.title, max(30, int(width * 11)))
    foot = [line for text in _meaning(effects) for line in textwrap.wrap(text, int(AXIS * 17))]
    top, bottom = 0.28 + 0.22 * len(title), 0.42 + 0.19 * len(foot)
    height = top + bottom - rows[-1].y + step
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left / width, bottom / height, AXIS / width, 1 - (top + bottom) / height))
    axes.set_ylim(rows[-1].y - step / 2, step / 2)
    axes.axvline(effects.neutral, color=PALE, linewidth=1, zorder=1)
    _draw_intervals(axes, rows, step)
    for place, head in ((0.15, heads[0]), *([(middle, heads[1])] if heads[1] else [])):
        axes.annotate(head, (1, 1), (place * 72, 2), xycoords="axes fraction", textcoords="offset points", va="bottom",
                      size=SMALL, color=GREY, family=FONT)  # fmt: skip
        _write(axes, rows, size, place, chance=head == heads[1])
    _dress(axes, "\n".join(foot))
    figure.text(0.15 / width, 1 - 0.12 / height, "\n".join(title), va="top", size=TEXT + 1.5, color=INK, family=FONT)
    return keep(figure, path)


def _arrange(effects: Effects, step: float) -> list[_Row]:
    """The rows from the top: by group, and units by their means."""
    found = sorted(effects.rows, key=lambda row: _GROUPS.index(_group(row.label)))
    units = all(row.unit for row in found)
    if units:
        found.sort(key=lambda row: (_GROUPS.index(_group(row.label)), -float(row.draws.mean())))
    alone = units and len({row.label.partition(" [")[0] for row in found}) == 1
    y, rows = 0.0, []
    for above, row in zip([None, *found], found, strict=False):
        if above is not None:
            y -= step + (GROUP_GAP if _group(above.label) != _group(row.label) else 0.0)
        label = row.unit.replace("=", " ") if alone else row.label.replace("->", "\N{RIGHTWARDS ARROW}")
        numbers = summarise(row.draws, neutral=effects.neutral)
        shown = show_interval(numbers["mean"], numbers["lower"], numbers["upper"])
        rows.append(_Row(row, label, shown, f"{numbers['p_positive']:.2f}" if units else "", y))
    return rows


def _write(axes: Axes, rows: list[_Row], size: float, place: float, *, chance: bool) -> None:
    """The words before the axis and the numbers behind it, or the probabilities behind these."""
    across = axes.get_yaxis_transform()
    for row in rows:
        if not chance:
            axes.text(-0.2 / AXIS, row.y, row.label, transform=across, ha="right", va="center", size=size, color=INK,
                      family=FONT)  # fmt: skip
        text = row.chance if chance else row.numbers
        axes.text(1 + place / AXIS, row.y, text, transform=across, va="center", size=size, color=INK, family=FONT)


def _dress(axes: Axes, foot: str) -> None:
    """The axis with what it shows."""
    axes.set_xlabel(foot, size=SMALL, color=GREY, family=FONT)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_yticks([])
    axes.tick_params(axis="x", labelsize=SMALL, colors=GREY, labelfontfamily=FONT)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines["bottom"].set_color(PALE)


def _draw_intervals(axes: Axes, rows: list[_Row], step: float) -> None:
    scale = step / ROW
    for row in rows:
        draws = row.effect.draws
        low, first, third, high = np.quantile(draws.reshape(-1), [0.025, 0.25, 0.75, 0.975])
        color = LIGHT_BLUE if _group(row.effect.label) == "paths" else BLUE
        axes.plot([low, high], [row.y, row.y], color=color, linewidth=1.3, zorder=2, solid_capstyle="butt")
        axes.plot([first, third], [row.y, row.y], color=color, linewidth=5 * scale, zorder=3, solid_capstyle="butt")
        axes.plot([float(draws.mean())], [row.y], marker="o", markersize=6.5 * scale, markerfacecolor="white",
                  markeredgecolor=color, markeredgewidth=1.6 * scale, zorder=4)  # fmt: skip
    if all(row.chance for row in rows):
        mean = float(np.mean([row.effect.draws.mean() for row in rows]))
        axes.axvline(mean, color=GREY, linewidth=1, linestyle=":", zorder=1)


def _group(label: str) -> str:
    """total, direct, indirect, paths; anything else stands by itself at the end."""
    bare = label.partition(" [")[0]
    if "->" in bare or bare == "paths together":
        return "paths"
    return {"total": "total", "direct": "direct", "total direct": "direct", "pure direct": "direct",
            "indirect": "indirect", "total indirect": "indirect", "pure indirect": "indirect"}.get(bare, "")  # fmt: skip


def _meaning(effects: Effects) -> tuple[str, ...]:
    """Scale, contrast and population, each a line or more under the axis."""
    return (
        effects.scale[:1].upper() + effects.scale[1:],
        effects.contrast,
        effects.population[:1].upper() + effects.population[1:],
    )
