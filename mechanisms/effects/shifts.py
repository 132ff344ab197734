"""`Dropout`: an effect under shifted dropout, as a table, with the shift at which its interval begins or ceases to cover 0."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.effects import MASS, summarise
from mechanisms.errors import MechanismsError, listed

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tipping:
    """Where the 95 % interval first begins or ceases to cover 0, going down and up from no shift; None if nowhere.

    `covers` tells whether it covers 0 where nothing is shifted. Between the shifts asked for, bounds are taken as lines.
    """

    covers: bool
    below: float | None
    above: float | None


@dataclass(frozen=True)
class Lost:
    """How many values of a variable were imputed, of how many, in words for whom; `unit` is what a shift of 1 is."""

    name: str
    imputed: int
    of: int
    whose: tuple[tuple[str, int, int], ...]
    shifted: bool
    unit: float
    scale: str


@dataclass(frozen=True, eq=False)
class Dropout:
    """An effect had nobody dropped out, under each shift of what those who did would have shown.

    `draws` holds for each row of the effect an array (shift, imputation, draw), on the scale of the outcome.
    """

    title: str
    shifts: tuple[float, ...]
    draws: Mapping[str, Floats]
    lost: tuple[Lost, ...]
    where: str
    contrast: str
    population: str
    scale: str
    notes: tuple[str, ...]
    given: tuple[str, ...]

    @property
    def imputations(self) -> int:
        """How often dropout was imputed under each shift."""
        return int(next(iter(self.draws.values())).shape[1])

    @property
    def tipping_points(self) -> dict[str, Tipping]:
        """The tipping point of each row of the effect."""
        return {label: find_tipping(self.shifts, draws) for label, draws in self.draws.items()}

    @property
    def tipping_point(self) -> Tipping:
        """The tipping point of the effect's first row."""
        return next(iter(self.tipping_points.values()))

    def summary(self, mass: float = MASS) -> "pd.DataFrame":
        """A row for each row of the effect and shift: mean, sd, median, lower, upper, p_positive, mcse (of the mean)."""
        import pandas as pd  # noqa: PLC0415  (slow to import, and only tables need it)

        if isinstance(mass, bool) or not isinstance(mass, int | float) or not 0 < mass < 1:
            raise MechanismsError(f"mass is a probability between 0 and 1, such as 0.95, not {mass!r}")
        rows = {
            (label, shift): summarise(found[at], mass) | {"mcse": find_error(found[at])}
            for label, found in self.draws.items()
            for at, shift in enumerate(self.shifts)
        }
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index = pd.MultiIndex.from_tuples(list(rows), names=["effect", "shift"])
        frame.columns.name = f"{100 * mass:g}% interval"
        return frame

    def __repr__(self) -> str:
        return "\n".join([self.title, *self._table(), "", *self.footer()])

    def footer(self) -> list[str]:
        """What the numbers mean, in lines: estimand, contrast, tipping points, what was imputed, what is assumed."""
        lines = [
            "estimand    the effect had nobody dropped out (ICH E9(R1): the hypothetical strategy)",
            f"contrast    {self.contrast}",
            f"population  {self.population}",
            f"scale       {self.scale}",
            "",
            "tipping point",
        ]
        for label, tipping in self.tipping_points.items():
            lines += [f"  {label}: {words}" for words in self._say_tipping(tipping)]
        lines += ["", f"imputed {self.imputations} times under each shift", *map(self._say_lost, self.lost)]
        lines += ["", "assuming", *(f"  - {sentence}" for sentence in self._assumptions())]
        if self.notes:
            lines += ["", "note", *(f"  - {note}" for note in self.notes)]
        return lines

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415

        table = self.summary().style.format("{:.4g}").format("{:.3f}", subset=["p_positive"], na_rep="–")
        table = table.set_caption(f"{self.title} (interval: {100 * MASS:g}%)")
        return f"{table.to_html()}<pre>{escape(chr(10).join(self.footer()))}</pre>"

    def _table(self) -> list[str]:
        frame = self.summary()
        several = len(self.draws) > 1
        keys = ("mean", "sd", "lower", "upper", "mcse")
        lines = [f"  {'shift':>7}" + "".join(f"{key:>11}" for key in keys) + "   P(>0)   95% interval"]
        for label in self.draws:
            lines += [f"  {label}"] if several else []
            for shift, row in frame.loc[label].iterrows():
                cells = "".join(f"{row[key]:>11.4f}" for key in keys)
                chance = "–" if np.isnan(row["p_positive"]) else f"{row['p_positive']:.3f}"
                lines.append(f"  {f'{shift:+g}' if shift else '0':>7}{cells}   {chance:>5}")
        return lines

    def _say_tipping(self, tipping: Tipping) -> list[str]:
        now, then = ("covers", "excludes") if tipping.covers else ("excludes", "covers")
        first, last = self.shifts[0], self.shifts[-1]
        head = f"unshifted, the 95 % interval {now} 0"
        if first == last:
            return [f"{head}; no other shift was asked for"]
        if tipping.below is None and tipping.above is None:
            return [
                f"{head}, and so it does at every shift from {first:g} to {last:g} {self._word()}: no tipping point there"
            ]
        found = []
        for way, shift, end in (("down", tipping.below, first), ("up", tipping.above, last)):
            if shift is not None:
                found.append(f"shifted {way}, it {then} 0 from {shift:+.2f} {self._word()} ({self._in_units(shift)})")
            elif end:
                found.append(f"shifted {way}, it still {now} 0 at {end:+g} {self._word()}")
        return ["; ".join([head, *found])]

    def _word(self) -> str:
        return "sd" if all(each.scale == each.name for each in self.lost if each.shifted) else "units"

    def _in_units(self, shift: float) -> str:
        return ", ".join(f"{each.scale} {shift * each.unit:+.3g}" for each in self.lost if each.shifted)

    def _say_lost(self, lost: Lost) -> str:
        inside = "; ".join(f"{count} of {total} with {words}" for words, count, total in lost.whose)
        moved = f"a shift of 1 is {lost.unit:.4g} on {lost.scale}" if lost.shifted else "not shifted"
        if lost.shifted and self.where:
            moved += f", where {self.where}"
        return f"  {lost.name}: {lost.imputed} of {lost.of} values{f' ({inside})' if inside else ''}; {moved}"

    def _assumptions(self) -> tuple[str, ...]:
        names = listed([each.name for each in self.lost])
        return (
            f"At shift 0 dropout is at random: given {listed(self.given, most=12)}, {names} of those who left "
            f"{'is' if len(self.lost) == 1 else 'are'} distributed as of those who stayed.",
            "At other shifts each value imputed lies that much above or below it, and what comes after follows from the "
            "shifted value. No data can tell which shift is true.",
            "What the effect itself rests on: mx.estimate prints it.",
        )


def find_error(draws: Floats) -> float:
    """The Monte Carlo error of the mean, from how it differs among imputations; (imputation, draw)."""
    means = draws.mean(axis=1)
    return float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else float("nan")


def find_tipping(shifts: tuple[float, ...], draws: Floats, mass: float = MASS) -> Tipping:
    """Where the interval of draws (shift, imputation, draw) first changes sides, from no shift downwards and upwards."""
    flat = draws.reshape(len(shifts), -1)
    bounds = np.quantile(flat, [(1 - mass) / 2, (1 + mass) / 2], axis=1).T
    start = shifts.index(0.0)
    down, up = range(start, -1, -1), range(start, len(shifts))
    return Tipping(_side(bounds[start]) == 0, _cross(shifts, bounds, down), _cross(shifts, bounds, up))


def _side(bounds: Floats) -> int:
    """Which side of 0 an interval lies on; 0 where it covers it."""
    return int(bounds[0] > 0) - int(bounds[1] < 0)


def _cross(shifts: tuple[float, ...], bounds: Floats, order: range) -> float | None:
    """The first shift in this order at which the interval's side changes, by a line between the two shifts around it."""
    for one, other in pairwise(order):
        before, after = _side(bounds[one]), _side(bounds[other])
        if before != after:
            which = 0 if 1 in (before, after) and before != -1 else 1
            first, last = bounds[one, which], bounds[other, which]
            return float(shifts[one] + (shifts[other] - shifts[one]) * first / (first - last))
    return None
