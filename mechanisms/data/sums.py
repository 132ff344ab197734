"""Sums of products of columns over any number of rows, in one pass: all that normal equations need of their data.

Columns are centred near their means before they are multiplied, and the sums move to the running means whenever the
rows have doubled: at least half of them have then gone into the centre, so that it is within one sd of the mean of all
(a part p of some numbers has its mean within √((1 − p)/p) sds of theirs). What is lost to rounding is thus what a pass
about the true means would lose, in any order of the rows, where sums of raw products lose everything once a mean is a
hundred million sds (Chan, Golub & LeVeque 1983, The American Statistician 37). Sums of two sets of rows are
added after moving one to the centres of the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product as every
from math import comb, prod

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Monomial = tuple[tuple[str, int], ...]  # sorted (column, power); () is the constant
_ROWS_AT_ONCE = 8_192  # so that a piece stays in the processor's cache
_PLAIN = 64.0  # binary exponents of an sd within which products need no scaling


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over `n` rows of products of monomials of z = (column − centre) / scale; shape (monomials, monomials).

    The constant is the first monomial, and every divisor of a monomial is one too.
    """

    monomials: tuple[Monomial, ...]
    centres: Mapping[str, float]
    scales: Mapping[str, float]
    products: Floats

    @property
    def n(self) -> int:
        """How many rows went in."""
        return round(float(self.products[0, 0]))

    def means(self, columns: Sequence[str]) -> Floats:
        """The means of columns, shape (columns,), in data units."""
        drift = self.products[0, self._places(columns)] / self.products[0, 0]
        return np.array([self.centres[name] + self.scales[name] * z for name, z in zip(columns, drift, strict=True)])

    def covariances(self, columns: Sequence[str]) -> Floats:
        """The sums of squares and products about the means divided by n − 1, in data units."""
        places, n = self._places(columns), self.products[0, 0]
        drift = self.products[0, places]
        about = self.products[np.ix_(places, places)] - np.outer(drift, drift) / n
        sizes = np.array([self.scales[name] for name in columns])
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(about * np.outer(sizes, sizes) / (n - 1))

    def holds(self, monomials: Iterable[Monomial]) -> bool:
        """Whether all of these went in."""
        return set(monomials) <= set(self.monomials)

    def _places(self, columns: Sequence[str]) -> list[int]:
        return [self.monomials.index(((name, 1),)) for name in columns]


def close(monomials: Iterable[Monomial]) -> tuple[Monomial, ...]:
    """These monomials with all their divisors, the constant first, lower ones before higher ones."""
    found = {smaller for monomial in monomials for smaller in _divisors(monomial)} | {()}
    return tuple(sorted(found, key=lambda monomial: (sum(power for _, power in monomial), monomial)))


def add_up(batches: Iterable[Mapping[str, Floats]], monomials: tuple[Monomial, ...]) -> Sums | None:
    """One pass over batches of rows, each column (rows,); nothing where there are no rows."""
    found: Sums | None = None
    settled = 0
    for batch in batches:
        if not len(next(iter(batch.values()))):
            continue
        found = found or _begin(batch, monomials)
        found = replace(found, products=found.products + _multiply(batch, found))
        if found.n >= 2 * settled:
            settled = found.n
            found = move(found, dict(zip(found.centres, found.means(list(found.centres)).tolist(), strict=True)))
    return found


def move(sums: Sums, centres: Mapping[str, float], scales: Mapping[str, float] | None = None) -> Sums:
    """The same sums about other centres, in other scales."""
    scales = scales or sums.scales
    turn = express(sums, sums.monomials, centres, scales)
    return Sums(sums.monomials, dict(centres), dict(scales), turn.T @ sums.products @ turn)


def join(one: Sums, other: Sums) -> Sums:
    """The sums over the rows of both; they hold the same monomials."""
    turn = express(other, one.monomials, one.centres, one.scales)
    both = replace(one, products=one.products + turn.T @ other.products @ turn)
    return move(both, dict(zip(both.centres, both.means(list(both.centres)).tolist(), strict=True)))


def express(
    sums: Sums, wanted: Sequence[Monomial], centres: Mapping[str, float], scales: Mapping[str, float]
) -> Floats:
    """Monomials of other centres and scales in terms of the sums' own, a column for each; shape (own, wanted)."""
    place = {monomial: position for position, monomial in enumerate(sums.monomials)}
    found = np.zeros((len(place), len(wanted)))
    for position, monomial in enumerate(wanted):
        for smaller in _divisors(monomial):
            chosen = dict(smaller)
            found[place[smaller], position] = prod(
                comb(power, chosen.get(column, 0))
                * (sums.scales[column] / scales[column]) ** chosen.get(column, 0)
                * ((sums.centres[column] - centres[column]) / scales[column]) ** (power - chosen.get(column, 0))
                for column, power in monomial
            )
    return found


def _begin(batch: Mapping[str, Floats], monomials: tuple[Monomial, ...]) -> Sums:
    """Nothing summed yet, about the means of the first rows; scales are powers of 2, so that they cost no digits."""
    columns = dict.fromkeys(column for monomial in monomials for column, _ in monomial)
    with np.errstate(over="ignore", invalid="ignore"):
        centres = {name: float(batch[name].mean()) for name in columns}
        sizes = {name: float(np.abs(batch[name] - centre).max()) for name, centre in centres.items()}
    scales = {name: _round(size) for name, size in sizes.items()}
    return Sums(monomials, centres, scales, np.zeros((len(monomials), len(monomials))))


def _round(size: float) -> float:
    """1, or of very large and very small numbers a power of 2 near their size."""
    exponent = float(np.log2(size)) if 0 < size < np.inf else 0.0
    return 1.0 if abs(exponent) < _PLAIN else 2.0 ** round(exponent)


def _multiply(batch: Mapping[str, Floats], sums: Sums) -> Floats:
    """The products of some rows, summed; in pieces, so that memory does not grow with them."""
    size, rows = len(sums.monomials), len(next(iter(batch.values())))
    place = {monomial: position for position, monomial in enumerate(sums.monomials)}
    recipes = [_recipe(monomial, place) for monomial in sums.monomials]
    held, found = np.empty((size, min(rows, _ROWS_AT_ONCE))), np.zeros((size, size))
    held[0] = 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, rows, _ROWS_AT_ONCE):
            piece = held[:, : min(_ROWS_AT_ONCE, rows - start)]
            for position, (column, factors) in enumerate(recipes):
                if column:
                    np.subtract(batch[column][start : start + _ROWS_AT_ONCE], sums.centres[column], out=piece[position])
                    if sums.scales[column] != 1.0:
                        piece[position] /= sums.scales[column]
                elif factors:
                    np.multiply(piece[factors[0]], piece[factors[1]], out=piece[position])
            found += piece @ piece.T
    return found


def _recipe(monomial: Monomial, place: Mapping[Monomial, int]) -> tuple[str, tuple[int, ...]]:
    """How a monomial is made: of a column, or of two lower monomials."""
    if not monomial:
        return "", ()
    (column, power), *others = monomial
    if power == 1 and not others:
        return column, ()
    rest = (((column, power - 1),) if power > 1 else ()) + tuple(others)
    return "", (place[((column, 1),)], place[rest])


def _divisors(monomial: Monomial) -> list[Monomial]:
    """Every monomial that divides this one, itself and the constant among them."""
    columns = [column for column, _ in monomial]
    powers = every(*(range(power + 1) for _, power in monomial))
    return [tuple((c, p) for c, p in zip(columns, choice, strict=True) if p) for choice in powers]
