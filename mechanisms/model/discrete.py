"""Missing values of discrete variables that equations look at: what each may have been, and which of them are summed over together.

Values of 0/1 variables, categories and trials are few; those of counts are summed up to a bound, and what lies beyond it is
kept an eye on (`beyond(m)` of the model). How the sum is taken stands in `model.frontiers`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, stats

from mechanisms.data.dataset import Categories, Dataset, response_values
from mechanisms.data.ways import hand_down
from mechanisms.errors import DataError, listed
from mechanisms.model.equations import Equation
from mechanisms.model.families import FAMILIES
from mechanisms.model.frontiers import Frontier, find_frontiers
from mechanisms.model.missing import find_partners, find_unknown
from mechanisms.model.narrowing import find_needed, find_reads, find_widest
from mechanisms.model.plan import Plan
from mechanisms.model.traces import Incidence, find_traces, keep_rows, number_rows

MOST = 2_000_000  # combinations of values × rows
LONGEST = 100  # values that are summed out one after another: each makes the model's graph longer
Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Summed:
    """A discrete response with missing values that are summed over: their units, and the values that they may have had.

    `sizes` says how many of the values each unit may have had, the first ones; `open` that there are greater ones: counts.
    """

    equation: Equation
    rows: Rows
    values: Floats
    sizes: Rows
    open: bool

    @property
    def name(self) -> str:
        """The response."""
        return self.equation.response


@dataclass(frozen=True, eq=False)
class Mixture:
    """What is summed over, the rows of each response that rest on it, and how the sums are taken.

    `needed` are the units of the widest level that each frontier's rows look at.
    """

    discrete: tuple[Summed, ...] = ()
    rows: Mapping[str, Rows] | None = None
    frontiers: tuple[Frontier, ...] = ()
    needed: tuple[Rows, ...] = ()

    @property
    def versions(self) -> int:
        """In how many versions the rows are looked at."""
        return sum(_count_versions(self.discrete, each) for each in self.frontiers)

    @property
    def looked(self) -> int:
        """How many versions of rows are looked at."""
        looked = zip(self.frontiers, self.needed, strict=True)
        return sum(_count_versions(self.discrete, each) * len(rows) for each, rows in looked)

    def apart(self, response: str) -> Rows:
        """The rows of a response whose density stands in the sums."""
        return (self.rows or {}).get(response, np.zeros(0, dtype=np.intp))


def find_mixture(plan: Plan, data: Dataset, equations: tuple[Equation, ...]) -> Mixture:
    """The missing values of discrete variables that other values seen or sampled rest on, of these equations.

    Raises
    ------
    DataError
        There are too many combinations.
    """
    discrete = tuple(
        _sum(each, data, rows)
        for each in equations
        if not each.latent and FAMILIES[each.family].whole and (rows := find_unknown(plan, each, data)).size
    )
    if not discrete:
        return Mixture()
    measured = tuple(each for each in equations if not each.latent)
    touched, told = _find_touched(plan, data, measured, discrete)
    discrete, touched = _keep(discrete, touched, told)
    if not discrete:
        return Mixture()
    sizes = [len(each.values) for each in discrete]
    owners = np.repeat(np.arange(len(discrete)), [len(each.rows) for each in discrete])
    frontiers = find_frontiers(touched, owners, sizes)
    level = find_widest(data)
    reads = find_reads(plan, data, measured, level)
    needed = tuple(find_needed(plan, data, level, each.rows, reads) for each in frontiers)
    for frontier, rows in zip(frontiers, needed, strict=True):
        _check_size(data, discrete, frontier, len(rows))
    apart = {name: np.flatnonzero(np.diff(each.indptr)) for name, each in touched.items()}
    return Mixture(discrete, apart, frontiers, needed)


def number_cells(discrete: tuple[Summed, ...]) -> Iterator[tuple[Summed, slice]]:
    """Each variable with the numbers of its cells among those of all."""
    begin = 0
    for each in discrete:
        yield each, slice(begin, begin + len(each.rows))
        begin += len(each.rows)


def describe_mixture(mixture: Mixture) -> str:
    """How many missing values are summed over, and what that takes."""
    counts = listed(f"{len(each.rows)} of {each.name}" for each in mixture.discrete)
    most = max(len(each.widest) for each in mixture.frontiers)
    together = f", at most {most} at a time" if most > 1 else ""
    return f"missing values that others rest on are summed out: {counts}{together}, so that rows are looked at in {mixture.versions} versions"


def _find_touched(
    plan: Plan, data: Dataset, equations: tuple[Equation, ...], discrete: tuple[Summed, ...]
) -> tuple[dict[str, Incidence], NDArray[np.bool_]]:
    """The cells that the density of each row rests on, where it has one; and the cells that anything tells of.

    Of a cell on which nothing rests but its own density nothing is told: that density sums to 1, whatever its causes.
    """
    own = {each.name: each.rows for each in discrete}
    lengths = {name: len(data[name].observed) for name in own}
    traces = find_traces(plan, data, equations, number_rows(own, lengths))
    parts = []
    for place, each in enumerate(equations):
        before = (other.response for other in equations[:place])
        partners = [name for name in before if name in find_partners(plan, each.response)]
        found = sum((traces[name] for name in partners), traces[each.response])  # by their correlated residuals
        counted = data[each.response].observed.copy()
        counted[own.get(each.response, find_unknown(plan, each, data))] = True
        parts.append(keep_rows(found, counted))
    ends = dict(zip(traces, np.cumsum([part.shape[0] for part in parts]), strict=True))
    begins = {name: end - part.shape[0] for (name, end), part in zip(ends.items(), parts, strict=True)}
    mine = np.concatenate([begins[name] + rows for name, rows in own.items()])
    rows = sparse.vstack(parts).tocsr().sign()
    told = np.ones(len(mine), dtype=np.bool_)
    while (idle := told & (rows.sum(axis=0) == 1)).any():
        still = np.ones(rows.shape[0], dtype=np.bool_)
        still[mine[idle]] = False
        rows = keep_rows(rows, still)
        told &= ~idle
    return {name: rows[begins[name] : end] for name, end in ends.items()}, told


def _keep(
    discrete: tuple[Summed, ...], touched: Mapping[str, Incidence], told: NDArray[np.bool_]
) -> tuple[tuple[Summed, ...], dict[str, Incidence]]:
    """Only the cells that anything tells of, and the variables that have any."""
    parts = ((each, told[own]) for each, own in number_cells(discrete))
    found = [replace(each, rows=each.rows[kept], sizes=each.sizes[kept]) for each, kept in parts if kept.any()]
    return tuple(found), {name: each[:, np.flatnonzero(told)] for name, each in touched.items()}


def _sum(equation: Equation, data: Dataset, rows: Rows) -> Summed:
    """The values that a response may have had."""
    column, family = data[equation.response], FAMILIES[equation.family]
    if family.kind != "count":
        size = len(column.values) if isinstance(column, Categories) else 2
        return Summed(equation, rows, np.arange(float(size)), np.full(len(rows), size), False)
    seen = response_values(column)[column.observed]
    exposure = _find_exposure(equation, data)
    if equation.family == "binomial":
        most = np.broadcast_to(exposure, column.observed.shape)[rows].astype(np.intp)
        return Summed(equation, rows, np.arange(most.max() + 1.0), most + 1, False)
    given = np.broadcast_to(exposure, column.observed.shape)
    longer = max(1.0, float(given[rows].max() / given[column.observed].max()))
    values = np.arange(_bound(equation.family, seen * longer) + 1.0)
    return Summed(equation, rows, values, np.full(len(rows), len(values)), True)


def _find_exposure(equation: Equation, data: Dataset) -> Floats:
    """The trials or the exposure of each unit of a response's level, or of all."""
    if not isinstance(equation.out_of, str):
        return np.array(equation.out_of)
    values = data.numbers(equation.out_of).values
    return np.asarray(hand_down(data, values, equation.level, data.level(equation.out_of)))


def _check_size(data: Dataset, discrete: tuple[Summed, ...], frontier: Frontier, rows: int) -> None:
    """Refuse more versions of the rows than can be looked at, and longer sums, and say whose values they come from."""
    if len(frontier.steps) > LONGEST:
        first = min(int(cells[0]) for cells in frontier.steps)
        raise DataError(
            f"{len(frontier.steps)} missing values that rest on each other, {_say_cell(data, discrete, first)} and others, are too many "
            f"to sum over one after another (at most {LONGEST}). Drop these rows and say so, or impute"
        )
    versions = _count_versions(discrete, frontier)
    if versions * rows > MOST:
        together = [_say_cell(data, discrete, cell) for cell in frontier.widest]
        raise DataError(
            f"missing values of {listed(dict.fromkeys(discrete[owner].name for owner in frontier.owners))} that others rest on are "
            f"summed over, here {listed(together)}{' together' * (len(together) > 1)}: {versions:,} values or combinations in "
            f"{rows:,} rows are too many to sum over. Drop these rows and say so, or impute"
        )


def _count_versions(discrete: tuple[Summed, ...], frontier: Frontier) -> int:
    return prod(len(discrete[owner].values) for owner in frontier.owners)


def _say_cell(data: Dataset, discrete: tuple[Summed, ...], cell: int) -> str:
    """`m of client 7 at session 3`."""
    each, own = next(found for found in number_cells(discrete) if cell < found[1].stop)
    level, row = each.equation.level, int(each.rows[cell - own.start])
    if not data.tables:
        return f"{each.name} in row {row + 1}"
    units = data.units(level)
    if units.place is None:
        return f"{each.name} of {level} {units.labels[row]}"
    client, occasion = units.labels[row]
    whose = f" of {next(iter(units.above))} {client}" if units.above else ""
    return f"{each.name}{whose} at {level} {occasion}"


def _bound(family: str, seen: Floats) -> float:
    """What a count does not exceed: in a Poisson distribution of twice the greatest one seen, or of twice the spread of all."""
    top = float(stats.poisson.isf(1e-15, 2.0 * seen.max() + 5.0))
    mean, variance = float(seen.mean()), float(seen.var())
    if family == "poisson" or variance <= mean:
        return top
    size = mean**2 / (variance - mean)
    return max(top, float(stats.nbinom.isf(1e-13, size, size / (size + 2.0 * mean))))
