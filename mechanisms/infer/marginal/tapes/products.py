"""Which unknown quantities are multiplied with each other, and which of them can be integrated out nevertheless.

Equations are run on arrays that know only of what they are made, and write down every product. Of two that are multiplied
one has to be sampled; given those, residuals are linear in the others, whose normal distribution is integrated. Integrated
are deviations of one level, as many quantities as can be: slopes and what goes with them, or means and trends and what
goes with these. Of as many, slopes: units say little about them, and what is badly known is what a sampler has trouble with.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.infer.marginal.forms import BentError
from mechanisms.model.deviations import Deviating, find_slope
from mechanisms.model.plan import Plan

Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Kind:
    """Unknown quantities of a kind: deviations of a coefficient among a level's units, or missing values (no level)."""

    name: str
    level: str = ""

    def __str__(self) -> str:
        return f"a deviation of a {self.level}" if self.level else f"a missing value of {self.name}"


@dataclass(frozen=True, eq=False)
class Sketch:
    """An array of `n` elements, or one (n None), made of some kinds of unknown quantities; products go into `pairs`."""

    n: int | None
    kinds: frozenset[Kind] = frozenset()
    pairs: set[frozenset[Kind]] = field(default_factory=set)

    __array_ufunc__ = None  # so that NumPy's arrays leave `+` and `*` to this class

    @property
    def ndim(self) -> int:
        """0 for a scalar, else 1."""
        return 0 if self.n is None else 1

    def __add__(self, other: Any) -> "Sketch":
        more = other.kinds if isinstance(other, Sketch) else frozenset()
        size = other.n if isinstance(other, Sketch) else None if np.ndim(other) == 0 else len(other)
        return Sketch(size if self.n is None else self.n, self.kinds | more, self.pairs)

    __radd__ = __sub__ = __rsub__ = __add__

    def __neg__(self) -> "Sketch":
        return self

    def __mul__(self, other: Any) -> "Sketch":
        if isinstance(other, Sketch):
            self.pairs.update(frozenset((one, another)) for one in self.kinds for another in other.kinds)
        return self.__add__(other)

    __rmul__ = __mul__

    def __gt__(self, other: Any) -> "Sketch":
        names = sorted(map(str, self.kinds))
        raise BentError(f"bend {names[0] if names else 'parameters'}")

    __le__ = __gt__

    def __getitem__(self, key: Any) -> "Sketch":
        index = key[-1] if isinstance(key, tuple) else key
        return Sketch(len(index), self.kinds, self.pairs)


@dataclass(frozen=True)
class Split:
    """The `level` of whose units some `quantities` are integrated out; every other unknown quantity is sampled."""

    level: str
    quantities: tuple[str, ...]


def split_unknown(
    plan: Plan, data: Dataset, deviating: Iterable[Deviating], pairs: set[frozenset[Kind]]
) -> Split | None:
    """What is integrated out: of the level where that makes the fewest coordinates; None where nothing can be."""
    best: Split | None = None
    most = 0
    for each in deviating:
        level = each.varying.level
        if not _is_nested(data, level):
            continue
        chosen = max((_choose(names, level, pairs) for names in _orders(plan, each)), key=len)
        kept = tuple(name for name in each.varying.quantities if name in chosen)
        if len(kept) * data.units(level).n > most:
            best, most = Split(level, kept), len(kept) * data.units(level).n
    return best


def _orders(plan: Plan, each: Deviating) -> tuple[list[str], list[str]]:
    """Slopes, intercepts of which units say little, and the other intercepts; and intercepts before slopes."""
    names = each.varying.quantities
    slopes = [name for name in names if find_slope(plan, name)[1] is not None]
    rest = sorted((each.centred[k], k) for k, name in enumerate(names) if name not in slopes)
    intercepts = [names[k] for _, k in rest]
    return [*slopes, *intercepts], [*intercepts, *slopes]


def _choose(names: Iterable[str], level: str, pairs: set[frozenset[Kind]]) -> list[str]:
    """Names in their order, without those that are multiplied with themselves or with one before them."""
    chosen: list[str] = []
    for name in names:
        kinds = [Kind(one, level) for one in (*chosen, name)]
        if not any(frozenset((kinds[-1], other)) in pairs for other in kinds):
            chosen.append(name)
    return chosen


def _is_nested(data: Dataset, level: str) -> bool:
    """Whether every finer unit lies in one unit of a level at most."""
    for table in data.tables:
        member = table.above.get(level)
        if member is not None and (member.weights is not None or member.index.ndim > 1):
            return False
    return True
