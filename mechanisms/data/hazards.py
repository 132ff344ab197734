"""A hazard's rows: 0 at each occasion that was got through, 1 at the event, and no row after it."""

import numpy as np

from mechanisms.data.dataset import Categories, Dataset, Numbers
from mechanisms.data.units import Units
from mechanisms.errors import DataError
from mechanisms.spec.theory import Theory


def check_hazards(theory: Theory, data: Dataset) -> None:
    """Refuse hazards that are no 0 or 1, that are missing while a series goes on, or after whose event there are rows.

    A series that ends without an event is censored there.
    """
    for variable in theory.variables:
        if variable.family == "hazard" and variable.name in data:
            column = data[variable.name]
            if isinstance(column, Categories):
                raise DataError(
                    f"'{variable.name}' is a hazard, 1 where the event happens and 0 before it, but holds words"
                )
            odd = np.setdiff1d(column.values[column.observed], (0.0, 1.0))
            if len(odd):
                raise DataError(
                    f"'{variable.name}' is a hazard, 1 where the event happens and 0 before it, but holds {odd[0]:g}"
                )
            _check_series(column, data.units(data.level(variable.name)))


def _check_series(column: Numbers, units: Units) -> None:
    """Occasions are sorted by client, then by place; a label is the client and the occasion."""
    owner = np.asarray(next(iter(units.above.values())).index if units.above else np.zeros(units.n, dtype=np.intp))
    if column.missing.any():
        client, occasion = units.labels[int(np.flatnonzero(column.missing)[0])]
        raise DataError(
            f"'{column.name}' is missing for {client!r} at {units.level} {occasion}, while the series goes on: where later rows "
            "are there no event has happened, so write 0"
        )
    place, event = units.place, column.values == 1
    assert place is not None
    skipped = np.flatnonzero((np.diff(owner) == 0) & (np.diff(place) > 1))
    if skipped.size:
        client, occasion = units.labels[int(skipped[0])]
        raise DataError(
            f"'{column.name}' has no row for {client!r} right after {units.level} {occasion}, while the series goes on: no event "
            "has happened there, so write 0"
        )
    happened = np.full(int(owner.max(initial=0)) + 1, np.iinfo(np.intp).max)
    np.minimum.at(happened, owner[event], place[event])
    after = np.flatnonzero(place > happened[owner])
    if after.size:
        client, occasion = units.labels[int(after[0])]
        _, when = units.labels[int(np.flatnonzero(event & (owner == owner[after[0]]))[0])]
        raise DataError(
            f"'{column.name}' is a hazard, whose rows end at the event: {client!r} has a row at {units.level} {occasion}, after the "
            f"event at {when} ({len(np.unique(owner[after]))} such in all). Take the later rows out"
        )
