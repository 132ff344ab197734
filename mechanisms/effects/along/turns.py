"""`TurningPoint`: where the outcome's mean turns along the exposure, how probably, and how far it rises and falls."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Numbers
from mechanisms.effects.along.tracing import Curve
from mechanisms.effects.questions.population import shown
from mechanisms.errors import listed

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Turn:
    """How the draws of one curve turn within the range; each array has a number for every draw.

    `peak` is where an inverted U is highest, `trough` where a U is lowest; NaN in the other draws. `before` and `after`
    are how much the outcome's mean gains from the lower end up to the single turn, and from there to the upper end.
    """

    condition: str
    curve: Curve
    peak: Floats
    trough: Floats
    highest: Floats
    before: Floats
    after: Floats
    rises: Mask
    falls: Mask
    several: Mask

    @property
    def shapes(self) -> dict[str, float]:
        """The posterior probability of each shape within the range; they sum to 1."""
        known = {
            "inverted U": ~np.isnan(self.peak), "U": ~np.isnan(self.trough), "rises": self.rises, "falls": self.falls,
            "turns more than once": self.several,
        }  # fmt: skip
        found = {name: float(np.mean(draws)) for name, draws in known.items()}
        return {**found, "flat": max(0.0, 1.0 - sum(found.values()))}

    @property
    def turning(self) -> Floats:
        """Where each draw turns, up or down; NaN where it does not, or more than once."""
        return np.where(np.isnan(self.peak), self.trough, self.peak)


@dataclass(frozen=True, eq=False)
class TurningPoint:
    """Curves of the outcome's mean over the exposure `of`, one for each condition, and where they turn.

    `cases` are the data's own values of the exposure within the range, of a latent variable such values as the fit says.
    """

    title: str
    of: Numbers
    on: str
    turns: tuple[Turn, ...]
    cases: Floats
    mass: float
    population: str
    scale: str
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]

    def __getitem__(self, condition: str) -> Turn:
        for turn in self.turns:
            if turn.condition == condition:
                return turn
        raise KeyError(f"there is no curve '{condition}'; there are {listed(turn.condition for turn in self.turns)}")

    def summary(self) -> "pd.DataFrame":
        """A row for each curve: the probability of each shape, where it peaks given an inverted U, where it is highest."""
        import pandas as pd  # noqa: PLC0415  (slow to import, and only tables need it)

        rows = {turn.condition: self._row(turn) for turn in self.turns}
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.columns.name = f"{100 * self.mass:g}% interval"
        return frame

    def curve(self, condition: str | None = None, points: int = 41) -> "pd.DataFrame":
        """A curve as a table: the outcome's mean and its pointwise interval at equidistant values."""
        import pandas as pd  # noqa: PLC0415

        turn = self.turns[0] if condition is None else self[condition]
        values = np.linspace(turn.curve.low, turn.curve.high, points)
        draws = turn.curve.at(values)
        lower, upper = np.quantile(draws, self._ends, axis=0)
        table = {"mean": draws.mean(axis=0), "lower": lower, "upper": upper}
        return pd.DataFrame(table, index=pd.Index(values, name=self.of.name))

    def __repr__(self) -> str:
        low, high = (shown(self.of, end) for end in (self.turns[0].curve.low, self.turns[0].curve.high))
        lines = [
            self.title,
            f"  within {self.of.name} {low} to {high}, where {self._cases}",
            "",
        ]
        for turn in self.turns:
            lines += [f"  {line}" for line in self._say(turn)]
        lines += [f"population  {self.population}", f"scale       {self.scale}"]
        lines += ["", "assuming", *(f"  - {sentence}" for sentence in self.assumptions)]
        return "\n".join([*lines, "", "note", *(f"  - {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415

        return f"<pre>{escape(repr(self))}</pre>"

    @property
    def _cases(self) -> str:
        """How much of the exposure lies within the range; of a latent variable the fit says it."""
        if not self.of.latent:
            return f"{len(self.cases)} of its values in the data lie"
        return f"{len(self.cases) / np.count_nonzero(np.isfinite(self.of.telling)):.0%} of its values lie by the fit"

    @property
    def _ends(self) -> list[float]:
        return [(1 - self.mass) / 2, (1 + self.mass) / 2]

    def _row(self, turn: Turn) -> dict[str, float]:
        shapes = turn.shapes
        row = {f"p_{name.replace(' ', '_').lower()}": share for name, share in shapes.items()}
        peaks = turn.peak[~np.isnan(turn.peak)]
        for name, draws in (("peak", peaks), ("highest", turn.highest)):
            lower, median, upper = (
                np.quantile(draws, [self._ends[0], 0.5, self._ends[1]]) if len(draws) else (np.nan,) * 3
            )
            row |= {name: float(median), f"{name}_lower": float(lower), f"{name}_upper": float(upper)}
        return row

    def _say(self, turn: Turn) -> list[str]:
        """A curve's shapes, turning point and sides in words."""
        shapes = ", ".join(f"P({name}) = {share:.3f}" for name, share in turn.shapes.items() if share)
        lines = [*([turn.condition] if turn.condition else []), shapes]
        for name, draws, first, last in (
            ("peak", turn.peak, "rises", "falls"),
            ("trough", turn.trough, "falls", "rises"),
        ):
            there = ~np.isnan(draws)
            if not there.any():
                continue
            sign = 1 if name == "peak" else -1
            before = self._interval(sign * turn.before[there], values=False)
            after = self._interval(-sign * turn.after[there], values=False)
            lines += [
                f"{name:<8} {self._interval(draws[there], values=True)} in the {there.sum()} of {len(draws)} draws that turn so",
                f"         {self.on} {first} by {before} up to there and {last} by {after} behind it",
            ]
        return [*lines, f"highest  {self._interval(turn.highest, values=True)}, be it at a turn or at an end", ""]

    def _interval(self, draws: Floats, *, values: bool) -> str:
        lower, median, upper = np.quantile(draws, [self._ends[0], 0.5, self._ends[1]])

        def say(value: float) -> str:
            return shown(self.of, float(value)) if values else f"{value:.3g}"

        return f"{say(median)} [{say(lower)}, {say(upper)}]"
