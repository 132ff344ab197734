"""Ids: which unit each row of a column of ids names."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.frames import Series, find_missing
from mechanisms.data.units import NOWHERE, Rows
from mechanisms.errors import DataError


def number_ids(series: Series) -> tuple[Rows, tuple[Any, ...]]:
    """Each row's unit in order of first appearance, -1 where there is no id, and the units' ids."""
    missing = find_missing(series)
    if series.dtype.is_numeric() and not series.dtype.is_decimal():
        return _number_numbers(series, missing)
    codes: dict[Any, int] = {}
    cells = [None if isinstance(cell, str) and not cell.strip() else cell for cell in series.to_list()]
    missing = missing | np.fromiter((cell is None for cell in cells), dtype=np.bool_, count=len(cells))
    _refuse_unequal(series.name, cells)
    found = np.fromiter(
        (NOWHERE if gone else codes.setdefault(cell, len(codes)) for cell, gone in zip(cells, missing, strict=True)),
        dtype=np.intp,
        count=len(cells),
    )
    return found, tuple(codes)


def _refuse_unequal(name: str, cells: list[Any]) -> None:
    """Refuse cells that nothing tells to be the same, lists for instance."""
    for cell in cells:
        try:
            hash(cell)
        except TypeError:
            raise DataError(
                f"'{name}' holds a {type(cell).__name__} ({cell!r}), which is no id: ids are numbers or text"
            ) from None


def _number_numbers(series: Series, missing: NDArray[np.bool_]) -> tuple[Rows, tuple[Any, ...]]:
    """The same for numbers; whole ones are ids without a decimal point, also where a gap has made them floats."""
    values = np.asarray(series.drop_nulls().to_numpy())
    values = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    kinds, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    found = np.full(len(missing), NOWHERE, dtype=np.intp)
    found[~missing] = rank[inverse]
    whole = kinds.dtype.kind == "f" and bool(np.all(kinds == np.floor(kinds))) and bool(np.all(np.abs(kinds) < 2**53))
    labels = (kinds.astype(np.int64) if whole else kinds)[order].tolist()
    return found, tuple(labels)
