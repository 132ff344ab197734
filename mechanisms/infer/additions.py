"""New rows for a fit that has none of the old ones any more: sums are added, and the posterior is drawn anew."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mechanisms.data.dataset import Categories, Column, Counted, Dataset, Numbers
from mechanisms.data.door import open_rows
from mechanisms.data.shapes import is_condition
from mechanisms.data.summaries import Known, describe, known_of
from mechanisms.data.sums import add_up, join
from mechanisms.data.unread import Unread
from mechanisms.errors import DataError, FitError, expect, listed
from mechanisms.infer.passes import sum_up
from mechanisms.infer.posterior import Fit
from mechanisms.infer.sampling import sample


def update(fit: Fit, rows: Any, *, columns: Mapping[str, str] | None = None, seed: int | None = None) -> Fit:
    """The fit with more rows, without those that it was fitted to: what fitting all of them together would give.

    Priors stay as they were stated, in the units of the data of the first fit: new rows tell about the parameters, not
    about what was believed beforehand. The new fit keeps sums, no rows, so it answers what sums tell (`bind`).

    Parameters
    ----------
    rows
        What `bind` takes: a frame, a lazy one, a file. Complete; a single row is enough.
    columns, seed
        As in `bind` and `sample`; there are as many chains and draws as before.

    Raises
    ------
    FitError
        An equation was fitted by another engine than `exact`, which alone needs no rows.
    DataError
        The rows have gaps or break what the theory declares; a curve was placed by the first rows.
    """
    expect(fit, Fit, "the fit", "mx.fit or mx.sample makes one")
    _refuse_others(fit)
    old = fit.data if fit.data.sums is not None else replace(fit.data, sums=sum_up(fit.plan, fit.data))
    assert old.sums is not None
    variables, batches, known = open_rows(fit.plan.theory, rows, [each.name for each in old.everything], columns)
    new = add_up(batches, old.sums.monomials)
    if new is None:
        raise DataError("there are no new rows")
    data = describe(variables, join(old.sums, new), _merge(old, known), None)
    data = replace(data, first=_strip(fit.data.reference), warnings=fit.data.warnings)
    chains, draws = fit.shape
    return sample(fit.plan, data, chains=chains, draws=draws, seed=seed)


def _refuse_others(fit: Fit) -> None:
    for block in fit.blocks:
        if block.engine != "exact":
            raise FitError(
                f"the equation of {listed(block.responses)} was fitted by {block.engine} ({block.reason}), which needs all rows: "
                "only fits by the exact engine can be updated. Fit old and new rows together"
            )
    if curves := [name for name in fit.data.bases if not is_condition(name)]:
        raise FitError(
            f"the curves of {listed(curves)} are placed and scaled by the rows of the first fit: fit old and new rows together"
        )


def _merge(old: Dataset, known: Known) -> Known:
    """What is known of the columns of numbers in old and new rows together."""
    found: Known = {}
    for name, ends in (item for each in old.everything for item in known_of(each).items()):
        other = known[name]
        found[name] = replace(
            ends,
            lowest=min(ends.lowest, other.lowest),
            highest=max(ends.highest, other.highest),
            binary=ends.binary and other.binary,
        )
    return found


def _strip(data: Dataset) -> Dataset:
    """What priors need of a data set: units and shares, no rows."""
    return replace(data, columns=tuple(map(_without_rows, data.everything)), sums=None, again=None, first=None)


def _without_rows(column: Column) -> Column:
    unread: Any = Unread(column.name)
    if isinstance(column, Categories):
        return Counted(column.name, unread, column.values, shares=tuple(column.share(value) for value in column.values))
    assert isinstance(column, Numbers)
    return replace(column, values=unread, absent=None)
