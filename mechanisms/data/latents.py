"""Columns of latent variables: nobody observed a value, so that every one is missing, and the marker says their units."""

from collections.abc import Mapping

import numpy as np

from mechanisms.data.conditions import find_existing
from mechanisms.data.dataset import Column, Mask, Numbers, response_values
from mechanisms.data.holding import Holding
from mechanisms.data.units import ROW
from mechanisms.spec.measuring import Gauge, find_gauges
from mechanisms.spec.theory import Theory


def list_latents(theory: Theory, columns: Mapping[str, Column], holding: Holding) -> tuple[Numbers, ...]:
    """A column for each latent variable whose indicators are all among `columns`.

    Its mean, sd and ends are those of its marker, as what it is compared with before anything is known of it; with unit
    variance 0, 1, and no ends.
    """
    known = dict(columns)
    waiting = list(find_gauges(theory))
    found: list[Numbers] = []
    while ready := [each for each in waiting if set(theory.variable(each.latent).measured_by or ()) <= known.keys()]:
        for gauge in ready:
            waiting.remove(gauge)
            absent = _find_absent(theory, gauge.latent, holding)
            found.append(_imagine(gauge, known[gauge.marker or gauge.first], absent))
            known[gauge.latent] = found[-1]
    return tuple(found)


def _imagine(gauge: Gauge, marker: Column, absent: Mask | None) -> Numbers:
    """The column of a latent variable that is counted like this one, by its loading, or like its standardised values."""
    values = marker.telling if isinstance(marker, Numbers) else response_values(marker)
    known = values[np.isfinite(values)]
    mean, sd = (
        (marker.mean, marker.sd) if isinstance(marker, Numbers) else (float(known.mean()), float(known.std(ddof=1)))
    )
    unit = gauge.slope if gauge.marker else sd / gauge.width
    middle = (mean - gauge.height) / unit if gauge.middle is None else gauge.middle
    nothing, shown = np.full(len(values), np.nan), (values - mean) / unit + middle
    ends = (-np.inf, np.inf)
    if gauge.middle is None:
        there = shown[np.isfinite(shown)]
        ends = (float(there.min()), float(there.max()))
    for each in (nothing, shown):
        each.flags.writeable = False
    return Numbers(gauge.latent, nothing, middle, sd / abs(unit), *ends, binary=False, absent=absent, shown=shown)


def _find_absent(theory: Theory, name: str, holding: Holding) -> Mask | None:
    """Where a latent variable does not exist; where a missing value leaves that open, it does."""
    variable = theory.variable(name)
    if variable.only_when is None:
        return None
    level = holding.said.levels.get(name) or ROW
    tables = holding.structure.tables
    holds, unknown = find_existing(name, variable.only_when, level, tables, holding.read, holding.known)
    return ~(holds | unknown)
