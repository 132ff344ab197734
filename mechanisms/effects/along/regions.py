"""Where an effect excludes 0 along a moderator: Johnson–Neyman regions, for paths and for indirect effects alike."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from mechanisms.effects.along.bands import Band
from mechanisms.effects.along.tracing import Curve

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """Values from `low` to `high` where a band lies above 0 (`sign` 1) or below it (−1); `share` of the cases lie there.

    It `opens` or `closes` where the data end, not where the effect's interval meets 0.
    """

    band: str
    sign: int
    low: float
    high: float
    share: float
    opens: bool
    closes: bool


def find_regions(curve: Curve, band: Band, cases: Floats) -> tuple[Region, ...]:
    """The regions inside the data and among the cases, from the left; none where the band holds 0 everywhere.

    Johnson & Neyman (1936); Bauer & Curran (2005). Their ends lie where an end of the band is 0, found between the
    grid's values.
    """
    grid = curve.grid
    lower, upper = band.at(curve, grid)
    found = [*_runs(1, lower, band, curve, cases, 0), *_runs(-1, -upper, band, curve, cases, 1)]
    clipped = [_clip(region, float(cases.min()), float(cases.max()), cases) for region in found]
    return tuple(sorted((each for each in clipped if each.low <= each.high), key=lambda region: region.low))


def _clip(region: Region, low: float, high: float, cases: Floats) -> Region:
    """What of a region lies where there are cases."""
    first, last = max(region.low, low), min(region.high, high)
    share = float(np.mean((cases >= first) & (cases <= last)))
    return replace(
        region,
        low=first,
        high=last,
        share=share,
        opens=region.opens or first > region.low,
        closes=region.closes or last < region.high,
    )


def _runs(sign: int, height: Floats, band: Band, curve: Curve, cases: Floats, end: int) -> list[Region]:
    """The stretches of the grid where one end of the band, turned upwards, is above 0."""
    grid = curve.grid

    def edge(value: float) -> float:
        return float(band.at(curve, np.array([value]))[end][0])

    inside = np.concatenate([[False], height > 0, [False]])
    starts = np.flatnonzero(inside[1:] & ~inside[:-1])
    ends = np.flatnonzero(~inside[1:] & inside[:-1]) - 1
    return [
        _measure(sign, int(first), int(last), grid, edge, band, cases) for first, last in zip(starts, ends, strict=True)
    ]


def _measure(
    sign: int, first: int, last: int, grid: Floats, edge: Callable[[float], float], band: Band, cases: Floats
) -> Region:
    opens, closes = first == 0, last == len(grid) - 1
    low = float(grid[0]) if opens else _root(edge, grid[first - 1], grid[first])
    high = float(grid[-1]) if closes else _root(edge, grid[last], grid[last + 1])
    share = float(np.mean((cases >= low) & (cases <= high)))
    return Region(band.name, sign, low, high, share, opens, closes)


def _root(edge: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(edge, low, high, xtol=1e-9 * (high - low), rtol=1e-14))
