"""`Effects`: posterior effects with what they mean, showing themselves as a table."""

from dataclasses import dataclass, replace
from math import floor, log10
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mechanisms.errors import MechanismsError, did_you_mean, expect

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
MASS = 0.95


@dataclass(frozen=True, eq=False)
class Effect:
    """One effect: `draws` (chain, draw) on the scale of its `Effects`; `meaning` says in a line what is compared.

    `contrast` and `population` are the row's own, where the `Effects` has several; `unit` is whose row it is,
    `client=7`, where every unit has one."""

    label: str
    draws: Floats
    meaning: str
    contrast: str
    population: str
    unit: str = ""


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects of `of` on `on`, one row each, with the contrast, population, scale and assumptions they hold for.

    `ratio` says what the exponentials of the draws are, where they are anything; `neutral` is where nothing has changed, 0 of
    differences and 1 of ratios.
    """

    title: str
    of: str
    on: str
    rows: tuple[Effect, ...]
    contrast: str
    population: str
    scale: str
    assumptions: tuple[str, ...]
    notes: tuple[str, ...] = ()
    ratio: str = ""
    neutral: float = 0.0

    def __getitem__(self, label: str) -> Effect:
        expect(label, str, "an effect's label", f"there are {', '.join(self.labels)}")
        for row in self.rows:
            if row.label == label:
                return row
        raise KeyError(
            f"there is no row '{label}'.{did_you_mean(label, self.labels)} There are: {', '.join(self.labels)}"
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The rows' labels."""
        return tuple(row.label for row in self.rows)

    @property
    def draws(self) -> xr.Dataset:
        """Posterior draws, one (chain, draw) variable per row."""
        return xr.Dataset({row.label: (("chain", "draw"), row.draws) for row in self.rows})

    def ratios(self) -> "Effects":
        """The same effects as ratios or odds ratios: the exponentials of log ratios and log odds ratios.

        Ratios multiply where differences add up: total = direct · indirect, and a row that compares two groups is a ratio of
        their ratios. They are ratios of the population's means or odds, not those of a single unit.

        Raises
        ------
        MechanismsError
            The effects are on another scale, whose exponential is nothing.
        """
        if not self.ratio:
            raise MechanismsError(
                f"ratios are exponentials of log ratios and log odds ratios, and these effects are on another scale, {self.scale}: "
                "ask with scale='link', of an outcome with a log or logit link"
            )
        rows = tuple(
            replace(row, draws=np.exp(row.draws), meaning=row.meaning.replace("difference between", "ratio between"))
            for row in self.rows
        )
        note = "ratios multiply: total = direct · indirect, and what stands between two groups is the ratio of their ratios"
        notes = (*self.notes, note)
        return replace(self, rows=rows, scale=self.ratio, notes=notes, ratio="", neutral=1.0)

    def summary(self, mass: float = MASS) -> "pd.DataFrame":
        """A table: mean, sd, median, lower, upper, p_positive per row; the equal-tailed interval holds `mass`.

        Of ratios the last is `p_above_1`.
        The columns' name is the interval's mass ("95% interval").
        """
        import pandas as pd  # noqa: PLC0415  (slow to import, and only tables need it)

        if isinstance(mass, bool) or not isinstance(mass, int | float) or not 0 < mass < 1:
            raise MechanismsError(f"mass is a probability between 0 and 1, such as 0.95, not {mass!r}")
        table = {row.label: summarise(row.draws, mass, self.neutral) for row in self.rows}
        frame = pd.DataFrame.from_dict(table, orient="index")
        frame = frame.rename(columns={"p_positive": "p_above_1"}) if self.neutral else frame
        frame.columns.name = f"{100 * mass:g}% interval"
        frame.index.name = "effect"
        return frame

    def __repr__(self) -> str:
        return "\n".join([self.title, *_table(self, MASS), "", *self.footer()])

    def footer(self) -> list[str]:
        """What the numbers mean, in lines: contrast, population, scale, each row's definition, assumptions, notes."""
        lines = [f"contrast    {self.contrast}", f"population  {self.population}", f"scale       {self.scale}"]
        width = max(len(row.label) for row in self.rows)
        lines += ["", "rows", *(f"  {row.label:<{width}}  {row.meaning}" for row in self.rows)]
        lines += ["", "assuming", *(f"  - {sentence}" for sentence in self.assumptions)]
        if self.notes:
            lines += ["", "note", *(f"  - {note}" for note in self.notes)]
        return lines

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415

        chance = "p_above_1" if self.neutral else "p_positive"
        table = self.summary().style.format("{:.4g}").format("{:.3f}", subset=[chance], na_rep="–")
        table = table.set_caption(f"{self.title} (interval: {100 * MASS:g}%)")
        return f"{table.to_html()}<pre>{escape(chr(10).join(self.footer()))}</pre>"


def summarise(draws: Floats, mass: float = MASS, neutral: float = 0.0) -> dict[str, float]:
    """mean, sd, median, equal-tailed lower and upper, and P(effect > neutral) of one effect's draws (nan if it is exactly that)."""
    flat = np.asarray(draws).reshape(-1)
    lower, median, upper = np.quantile(flat, [(1 - mass) / 2, 0.5, (1 + mass) / 2])
    return {
        "mean": float(flat.mean()), "sd": float(flat.std(ddof=1)) if flat.size > 1 else 0.0, "median": float(median),
        "lower": float(lower), "upper": float(upper), "p_positive": float(np.mean(flat > neutral)) if (flat != neutral).any() else float("nan"),
    }  # fmt: skip


def _table(effects: Effects, mass: float) -> list[str]:
    found = [summarise(row.draws, mass, effects.neutral) for row in effects.rows]
    width = max(len(row.label) for row in effects.rows)
    keys = ("mean", "sd", "median", "lower", "upper")
    # Four digits of the smallest sd, so that a small effect does not read as 0.
    smallest = min((each["sd"] or abs(each["mean"]) for each in found if each["sd"] or each["mean"]), default=1.0)
    decimals = min(max(4, 2 - floor(log10(smallest))), 12) if smallest < 1 else 3
    cells = [[f"{each[key]:.{decimals}f}" for key in keys] for each in found]
    room = max(10, *(len(cell) + 1 for row in cells for cell in row))
    lines = [
        f"  {'':<{width}} {''.join(f'{key:>{room}}' for key in keys)} {f'P(>{effects.neutral:g})':>6}   {100 * mass:g}% interval"
    ]
    for row, line, each in zip(effects.rows, cells, found, strict=True):
        chance = "–" if each["p_positive"] != each["p_positive"] else f"{each['p_positive']:.3f}"
        lines.append(f"  {row.label:<{width}} {''.join(f'{cell:>{room}}' for cell in line)} {chance:>6}")
    return lines
