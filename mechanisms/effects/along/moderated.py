"""`Moderated`: an effect at the values of its moderators, its curve along one of them, and where that excludes 0."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mechanisms.data.dataset import Numbers
from mechanisms.effects.along.bands import Band
from mechanisms.effects.along.regions import Region
from mechanisms.effects.along.tracing import Curve
from mechanisms.effects.effects import Effect, Effects
from mechanisms.effects.questions.population import shown
from mechanisms.errors import listed

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Conditional:
    """One effect's curve along the moderator, with its bands and the regions in which each excludes 0."""

    label: str
    meaning: str
    curve: Curve
    bands: tuple[Band, ...]
    regions: tuple[Region, ...]

    def table(self, values: Floats) -> dict[str, Floats]:
        """Mean, the ends of both bands, and P(effect > 0) at some values."""
        draws = self.curve.at(values)
        (lower, upper), (lower_all, upper_all) = (band.at(self.curve, values) for band in self.bands)
        moved = np.any(draws != 0, axis=0)
        return {
            "mean": draws.mean(axis=0), "lower": lower, "upper": upper, "lower_everywhere": lower_all,
            "upper_everywhere": upper_all, "p_positive": np.where(moved, np.mean(draws > 0, axis=0), np.nan),
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Moderated:
    """An effect by its moderators.

    `effects` are its rows: at stated values, averaged over the sample, and the indices of moderation. `curves` run along
    `by` from the least to the greatest value in the data, one for each effect and each value of the other moderators;
    there are none where all moderators are categories. `mass` is that of the bands.
    """

    effects: Effects
    by: Numbers | None
    curves: tuple[Conditional, ...]
    mass: float

    def __getitem__(self, label: str) -> Effect:
        return self.effects[label]

    @property
    def draws(self) -> xr.Dataset:
        """Posterior draws of the rows."""
        return self.effects.draws

    def summary(self, mass: float | None = None) -> "pd.DataFrame":
        """The rows as a table, as `Effects.summary` gives it."""
        return self.effects.summary(self.mass if mass is None else mass)

    def curve(self, label: str | None = None, points: int = 41) -> "pd.DataFrame":
        """A curve as a table: mean, pointwise band, simultaneous band and P(effect > 0) at equidistant values."""
        import pandas as pd  # noqa: PLC0415  (slow to import, and only tables need it)

        chosen = self._choose(label)
        values = np.linspace(chosen.curve.low, chosen.curve.high, points)
        assert self.by is not None
        return pd.DataFrame(chosen.table(values), index=pd.Index(values, name=self.by.name))

    def regions(self) -> "pd.DataFrame":
        """Where the bands exclude 0: a row for each region, none where there is none."""
        import pandas as pd  # noqa: PLC0415

        keys = ("effect", "band", "sign", "low", "high", "share", "opens", "closes")
        rows = [
            (each.label, region.band, region.sign, region.low, region.high, region.share, region.opens, region.closes)
            for each in self.curves
            for region in each.regions
        ]
        return pd.DataFrame(rows, columns=list(keys))

    def __repr__(self) -> str:
        table, blank, footer = repr(self.effects).partition("\n\ncontrast")
        return "\n".join([table, *self._say_regions()]) + blank + footer

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415

        said = escape("\n".join(self._say_regions()))
        return f"{self.effects._repr_html_()}<pre>{said}</pre>"

    def _choose(self, label: str | None) -> Conditional:
        labels = [each.label for each in self.curves]
        if not labels:
            raise KeyError("there is no curve: the moderators are categories, whose rows are in summary()")
        if label is None:
            return self.curves[0]
        if label not in labels:
            raise KeyError(f"there is no curve '{label}'; there are {listed(labels)}")
        return self.curves[labels.index(label)]

    def _say_regions(self) -> list[str]:
        """The regions in words, a line for each curve and band."""
        if self.by is None:
            return []
        lines = [
            "",
            f"along {self.by.name}, {100 * self.mass:g}% band excludes 0 (data: {shown(self.by, self.by.lowest)} to "
            f"{shown(self.by, self.by.highest)})",
        ]
        width = max(len(each.label) for each in self.curves)
        for each in self.curves:
            for band in each.bands:
                found = [region for region in each.regions if region.band == band.name]
                said = "; ".join(_say(region, self.by) for region in found) or "nowhere"
                lines.append(f"  {each.label:<{width}}  {band.name:<12}  {said}")
        return lines


def _say(region: Region, by: Numbers) -> str:
    side = "above" if region.sign > 0 else "below"
    where = (
        "everywhere" if region.opens and region.closes
        else f"up to {shown(by, region.high)}" if region.opens
        else f"from {shown(by, region.low)}" if region.closes
        else f"from {shown(by, region.low)} to {shown(by, region.high)}"
    )  # fmt: skip
    return f"{side} 0 {where} ({100 * region.share:.0f}% of the cases)"
