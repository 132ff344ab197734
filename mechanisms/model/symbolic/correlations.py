"""Correlations as the Cholesky root of their matrix, with exact zeros where two quantities are not correlated."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from mechanisms.model.equations import Varying
from mechanisms.model.single_correlations import Entry
from mechanisms.model.symbolic.quantities import distribute


def correlate(varying: Varying, shape: float, entries: Iterable[Entry]) -> list[list[Any]]:
    """The root, row by row; pairs that are joined otherwise have correlation 0 exactly. `shape` is the η of LKJ.

    The densities of `entries`, priors on single correlations, multiply it.

    A row is (v, 1) scaled to length 1. That a correlation is 0 is linear in the row's own entries, so the entry that
    makes it so is worked out before scaling. Without such pairs (1 + |v|²)^−(q + 2η − 1)/2 is the LKJ(η) density
    (Lewandowski, Kurowicka & Joe 2009); with them it is taken as the prior all the same.
    """
    names = varying.quantities
    size = len(names)
    free = [(k, j) for k in range(size) for j in range(k) if not varying.are_joined(names[k], names[j])]
    v = pm.Flat(f"v({varying.level})", shape=len(free), initval=np.zeros(len(free)))
    place = {pair: index for index, pair in enumerate(free)}
    rows: list[list[Any]] = []
    total: Any = np.float64(0.0)
    for k in range(size):
        row: list[Any] = []
        for j in range(k):
            if (k, j) in place:
                row.append(v[place[k, j]])
                continue
            past = [row[i] * rows[j][i] for i in range(j) if not is_zero(row[i]) and not is_zero(rows[j][i])]
            row.append(-sum(past) / rows[j][j] if past else np.float64(0.0))
        length = 1.0 + sum(entry**2 for entry in row if not is_zero(entry))
        if row:
            total = total - 0.5 * (size + 2 * shape - 1) * pt.log(pt.as_tensor(length))
        scale = 1.0 / pt.sqrt(pt.as_tensor(length))
        rows.append([entry if is_zero(entry) else entry * scale for entry in row] + [scale])
    pm.Potential(f"lkj({varying.level})", total)
    for each in entries:
        density = pm.logp(distribute(each.belief), find_correlation(rows, each.row, each.column))
        pm.Potential(f"prior({each.address})", density)
    return rows


def find_correlation(root: list[list[Any]], row: int, column: int) -> Any:
    """One correlation, of the later with the earlier quantity."""
    return sum((root[row][i] * root[column][i] for i in range(column + 1)), np.float64(0.0))


def is_zero(entry: Any) -> bool:
    """Whether an entry of a root is 0 by construction."""
    return isinstance(entry, float) and entry == 0.0
