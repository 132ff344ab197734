"""Who lies in whom: memberships read from columns of ids, checked, and followed upward."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.frames import Series, Source, find_missing
from mechanisms.data.units import NOWHERE, Floats, Membership, Rows
from mechanisms.errors import DataError, listed

_ROUNDING = 1e-6


def lift_members(
    child: str, parent: str, found: list[tuple[Rows, Rows, Source]], n: int, labels: Mapping[str, tuple[Any, ...]]
) -> Rows:
    """For each unit of `child` its `parent`, from rows of both; a unit under two parents is refused."""
    index = np.full(n, NOWHERE, dtype=np.intp)
    for children, parents, source in found:
        known = (parents >= 0) & (children >= 0)
        fresh = index.copy()
        fresh[children[known]] = parents[known]
        index = np.where(index >= 0, index, fresh)
        wrong = index[children[known]] != parents[known]
        if wrong.any():
            at = np.flatnonzero(known)[np.argmax(wrong)]
            unit = children[at]
            raise _two_parents(child, parent, labels, unit, index[unit], parents[at], source)
    return index


def _two_parents(
    child: str, parent: str, labels: Mapping[str, tuple[Any, ...]], unit: int, one: int, other: int, source: Source
) -> DataError:
    both = f"{labels[parent][one]} and {labels[parent][other]}"
    below = source.level if source.level != child else "session"
    return DataError(
        f"{child} '{labels[child][unit]}' lies under two {parent}s ({both}), but the theory says that each {child} lies in "
        f"one {parent}. If the {child}s' numbers begin anew in every {parent}, rename them (A1, A2, … B1, B2, …); if a "
        f"{child} can have several {parent}s, declare them crossed: {below}: {{in: [{child}, {parent}]}}"
    )


def read_weights(child: str, parent: str, members: Rows, columns: tuple[Series, ...], source: Source) -> Floats:
    """The weights of the members of every row: as given, or equal shares; they sum to 1."""
    there = members >= 0
    if not columns:
        counts = there.sum(axis=1, keepdims=True)
        return np.where(there, 1.0 / np.maximum(counts, 1), 0.0)
    weights = np.column_stack([_weights(column, source) for column in columns])
    for wrong, words in (
        (there & ~(weights >= 0), f"has a {parent} without a weight of 0 or more"),
        (~there & (np.nan_to_num(weights) != 0), f"has a weight for a {parent} that is not there"),
    ):
        if wrong.any():
            row = int(source.rows[np.argmax(wrong.any(axis=1))])
            raise DataError(f"'{parent} weight': row {row} of the data {words}: give each {parent} its own")
    weights = np.where(there, weights, 0.0)
    sums = weights.sum(axis=1)
    wrong = there.any(axis=1) & (np.abs(sums - 1) > _ROUNDING)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise DataError(
            f"'{parent} weight': the weights sum to {sums[at]:.6g} in row {source.rows[at]} of the data "
            f"({int(wrong.sum())} rows in all): a {child}'s weights sum to 1. Divide them by their sum"
        )
    return np.where(there, weights / np.where(sums > 0, sums, 1.0)[:, None], 0.0)


def _weights(column: Series, source: Source) -> Floats:
    if not column.dtype.is_numeric():
        raise DataError(f"the column of weights '{column.name}' holds {column.dtype}, not numbers")
    found = np.full(source.n, np.nan)
    missing = find_missing(column)
    found[~missing] = np.asarray(
        column.drop_nulls().to_numpy() if not column.dtype.is_float() else column.to_numpy()[~missing]
    )
    return found


def lift_shared(
    child: str, parent: str, children: Rows, members: Rows, weights: Floats, n: int, labels: tuple[Any, ...]
) -> Membership:
    """For each unit of `child` its several `parent`s; rows of one unit agree."""
    width = members.shape[1]
    index, shares = np.full((n, width), NOWHERE, dtype=np.intp), np.zeros((n, width))
    index[children], shares[children] = members, weights
    wrong = ((index[children] != members) | (shares[children] != weights)).any(axis=1)
    if wrong.any():
        unit = children[np.argmax(wrong)]
        raise DataError(
            f"{child} '{labels[unit]}' has other {parent}s or weights in one row than in another: they belong to the {child}"
        )
    return Membership(index, shares)


def refuse_lost(child: str, parent: str, there: NDArray[np.bool_], labels: tuple[Any, ...]) -> None:
    """Refuse units of `child` for which the data name no `parent`."""
    if not there.all():
        lost = [repr(label) for label, found in zip(labels, there, strict=True) if not found]
        raise DataError(
            f"{child} {listed(lost, most=4)} {'has' if len(lost) == 1 else 'have'} no {parent}: say it, drop the rows, or "
            f"declare where a {parent} exists: {parent}: {{only_when: {{…}}}}"
        )


def follow_up(
    direct: Mapping[str, Mapping[str, Membership]],
    level: str,
    labels: Mapping[str, tuple[Any, ...]],
    order: tuple[str, ...],
) -> dict[str, Membership]:
    """Every coarser level's membership, through those between; two ways to one level agree."""
    found: dict[str, tuple[str, Membership]] = {}
    for name, through, membership in _ways(direct, level):
        if name not in found:
            found[name] = through, membership
        elif not _agree(found[name][1], membership):
            raise _two_ways(level, name, (found[name], (through, membership)), labels)
    return {name: found[name][1] for name in order}


def _ways(direct: Mapping[str, Mapping[str, Membership]], level: str) -> Iterator[tuple[str, str, Membership]]:
    """Every coarser level with the way to it, the nearest first."""
    waiting = [(name, "", membership) for name, membership in direct[level].items()]
    while waiting:
        name, through, membership = waiting.pop(0)
        yield name, through, membership
        waiting += [(higher, name, compose(membership, above)) for higher, above in direct[name].items()]


def _agree(one: Membership, other: Membership) -> bool:
    """Whether both say the same, where both speak."""
    if one.index.shape != other.index.shape:
        return False
    both = (one.index >= 0) & (other.index >= 0)
    same = bool(np.all(one.index[both] == other.index[both]))
    if one.weights is None or other.weights is None:
        return same and one.weights is other.weights
    return same and bool(np.array_equal(one.weights, other.weights))


def _two_ways(
    level: str, name: str, ways: tuple[tuple[str, Membership], ...], labels: Mapping[str, tuple[Any, ...]]
) -> DataError:
    said = [f"by its {through}" if through else "by its own column" for through, _ in ways]
    (_, one), (_, other) = ways
    if one.index.ndim == 1 == other.index.ndim:
        at = int(np.argmax((one.index != other.index) & (one.index >= 0) & (other.index >= 0)))
        where = [f"{labels[name][way.index[at]]} {words}" for (_, way), words in zip(ways, said, strict=True)]
        return DataError(
            f"{level} {labels[level][at]!r} lies in two {name}s: {' and '.join(where)}. Correct the ids, or take {name} from one of them"
        )
    return DataError(f"each {level} reaches its {name} in two ways ({' and '.join(said)}), which do not agree")


def compose(first: Membership, second: Membership) -> Membership:
    """From the lowest to the highest of three levels: weights multiply along the way."""
    if first.weights is None and second.weights is None:
        return Membership(np.where(first.index >= 0, second.index[first.index], NOWHERE).astype(np.intp))
    n = len(first.index)
    one = first.index.reshape(n, -1, 1)
    higher = second.index.reshape(len(second.index), -1)
    index = np.where(one >= 0, higher[one[:, :, 0]], NOWHERE).astype(np.intp)
    below = np.ones((n, 1)) if first.weights is None else first.weights
    above = np.ones(higher.shape) if second.weights is None else second.weights
    weights = np.where(index >= 0, below[:, :, None] * above[one[:, :, 0]], 0.0)
    return Membership(index.reshape(n, -1), weights.reshape(n, -1))
