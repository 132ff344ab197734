"""The parameters of a block as one unbounded vector, with the prior's log density and its derivatives.

The same quantities as in the PyMC model: standardised coefficients, residual sds on a log scale, and the rows of a
correlation's Cholesky root. Sds among units may be close to 0, where a log scale has a long tail; they are on a `straight`
line (`smooth.lines`). `charts` has the compiled half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.errors import FitError
from mechanisms.infer.marginal.roots import Root
from mechanisms.infer.smooth.lines import draw_line
from mechanisms.model.beliefs import Belief
from mechanisms.model.deviations import state_deviations
from mechanisms.model.equations import Equation, Varying
from mechanisms.model.missing import find_partners
from mechanisms.model.plan import Plan
from mechanisms.model.priors import find_joint, first_spread, state_beliefs
from mechanisms.model.single_correlations import Entry, believe_entries

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
NONE, ABOVE, BELOW, BETWEEN, STRAIGHT = range(5)  # the kinds of bounds
FAMILIES = ("root", "normal", "student", "half_normal", "exponential", "lognormal", "gamma", "beta", "uniform")


class Chart(NamedTuple):
    """Coordinates as flat arrays, for compiled code.

    Of each coordinate the number of its prior's family and of its bounds (none, above, below, between, above on a
    straight line), the family's arguments and the ends, of a straight line the lower one and a width above it. Parameters
    are `base` + `matrix` @ the natural quantities; 1 / those at `inverted` are symbols too. A root's matrix says of each
    element which coordinate it comes from, or −1. Priors on single correlations have a root, a row, a column and a family each.
    """

    families: Whole
    bounds: Whole
    arguments: Floats
    lower: Floats
    upper: Floats
    base: Floats
    matrix: Floats
    inverted: Whole
    root_sizes: Whole
    root_shapes: Floats
    root_inverted: Whole
    root_starts: Whole
    root_free: Whole
    entry_starts: Whole
    entry_rows: Whole
    entry_columns: Whole
    believed: Whole
    believed_arguments: Floats


@dataclass(frozen=True, eq=False)
class Coordinates:
    """What a vector of `size` unbounded numbers stands for.

    The symbols, of which likelihoods are made, are the parameters at `addresses`, 1 / residual sds, and the entries of
    the `roots`, which are named by level, or by "residuals of …".
    """

    size: int
    start: Floats
    chart: Chart
    addresses: tuple[str, ...]
    roots: dict[str, Root]

    def symbol(self, address: str) -> int:
        """The position of a parameter among the symbols."""
        return self.addresses.index(address)

    def inverse(self, address: str) -> int:
        """The position of 1 / a residual sd among the symbols."""
        return len(self.addresses) + int(np.flatnonzero(self.chart.inverted == self.symbol(address))[0])

    def entry(self, name: str) -> dict[tuple[int, int], int]:
        """The positions of a root's entries among the symbols."""
        start = len(self.addresses) + len(self.chart.inverted)
        for other, root in self.roots.items():
            if other == name:
                return {pair: start + index for index, pair in enumerate(root.entries)}
            start += len(root.entries)
        raise KeyError(name)

    @property
    def symbols(self) -> int:
        """How many symbols there are."""
        return len(self.addresses) + len(self.chart.inverted) + len(self.chart.entry_rows)


def state_coordinates(plan: Plan, data: Dataset, block: tuple[Equation, ...]) -> Coordinates:
    """The coordinates of a block's parameters on these data.

    Raises
    ------
    FitError
        Parameters of two equations borrow from each other by `same_as`.
    """
    gathered = _Gathered([], {}, {}, set())
    for equation in block:
        gathered.take_equation(plan, data, equation)
    roots: dict[str, Root] = {}
    for each in state_deviations(plan, data):
        for address, belief in zip(each.varying.spreads, each.spreads, strict=True):
            gathered.take_spread(address, belief, straight=True)
        if each.shape is not None:
            roots[each.varying.level] = gathered.make_root(each.varying, each.shape, each.entries, inverted=False)
    for names, varying in relate(plan, block).items():
        believed = believe_entries(varying, plan.residuals, plan.priors)
        roots[names] = gathered.make_root(varying, 1.0, believed, inverted=True)
    return gathered.finish(block, roots)


def relate(plan: Plan, block: tuple[Equation, ...]) -> dict[str, Varying]:
    """The sets of equations whose residuals are correlated, by name, with the pairs that are not."""
    found: dict[str, Varying] = {}
    for equation in block:
        partners = find_partners(plan, equation.response)
        names = tuple(each.response for each in block if each.response in partners)
        if len(names) > 1:
            tied = {frozenset((each.one, each.other)) for each in plan.residuals}
            apart = frozenset((a, b) for a in names for b in names if frozenset((a, b)) not in tied)
            text = f"residuals of {' and '.join(names)}"
            found[text] = Varying(text, names, apart)
    return found


Row = tuple[dict[int, float], float, dict[str, float]]
"""A parameter as weights of coordinates, a constant, and weights of parameters that it borrows."""


@dataclass(frozen=True, eq=False)
class _Gathered:
    """What is put together while a block's equations are gone through: a belief for each coordinate, a row for each parameter.

    A coordinate's belief is "standard" for a normal(0, 1), and "root" where it belongs to a root; some are `straight`.
    """

    beliefs: list[Belief | Literal["standard", "root"]]
    rows: dict[str, Row]
    spreads: dict[str, None]
    straight: set[int]

    def take_equation(self, plan: Plan, data: Dataset, equation: Equation) -> None:
        beliefs = state_beliefs(plan, equation, data)
        if together := find_joint((equation,), (beliefs,)):
            raise FitError(together)
        start = len(self.beliefs)
        self.beliefs.extend("standard" if each.plain_normal else each for each in beliefs.beliefs)
        for position, address in enumerate(equation.addresses):
            weights = {start + k: float(w) for k, w in enumerate(beliefs.matrix[position]) if w}
            borrowed = dict(zip(beliefs.borrowed, map(float, beliefs.borrowed_matrix[position]), strict=True))
            self.rows[address] = (weights, float(beliefs.offset[position]), borrowed)
        if equation.spread is not None and beliefs.spread is not None:
            self.take_spread(equation.spread, beliefs.spread)
            self.spreads[equation.spread] = None
        if equation.initial is not None:
            self.take_spread(equation.initial, first_spread(equation, data))
            self.spreads[equation.initial] = None

    def take_spread(self, address: str, belief: Belief | float | str, *, straight: bool = False) -> None:
        if isinstance(belief, str):
            self.rows[address] = ({}, 0.0, {belief: 1.0})
        elif isinstance(belief, Belief):
            self.rows[address] = ({len(self.beliefs): 1.0}, 0.0, {})
            if straight:
                self.straight.add(len(self.beliefs))
            self.beliefs.append(belief)
        else:
            self.rows[address] = ({}, float(belief), {})

    def make_root(self, varying: Varying, shape: float, believed: tuple[Entry, ...], *, inverted: bool) -> Root:
        names = varying.quantities
        free = tuple((k, j) for k in range(len(names)) for j in range(k) if not varying.are_joined(names[k], names[j]))
        places = len(self.beliefs) + np.arange(len(free))
        self.beliefs.extend("root" for _ in free)
        every = tuple((k, j) for k in range(len(names)) for j in range(k + 1))
        somewhere = np.zeros(len(self.beliefs))
        somewhere[places] = np.sqrt(2.0 + np.arange(len(free)))
        made = Root(names, free, places, shape, inverted, every, believed).matrix(somewhere)
        made = np.linalg.inv(made) if inverted else made
        entries = tuple(pair for pair in every if made[pair] != 0.0)
        return Root(names, free, places, shape, inverted, entries, believed)

    def finish(self, block: tuple[Equation, ...], roots: dict[str, Root]) -> Coordinates:
        addresses, size = tuple(self.rows), len(self.beliefs)
        matrix, base = np.zeros((len(addresses), size)), np.zeros(len(addresses))
        done: set[str] = set()
        while len(done) < len(addresses):
            ready = [each for each in addresses if each not in done and set(self.rows[each][2]) <= done]
            if not ready:
                names = ", ".join(each.response for each in block)
                raise FitError(
                    f"parameters of {names} borrow from each other by same_as: let one equation own them all"
                )
            for address in ready:
                weights, constant, borrowed = self.rows[address]
                position = addresses.index(address)
                base[position] = constant + sum(w * base[addresses.index(a)] for a, w in borrowed.items())
                for column, weight in weights.items():
                    matrix[position, column] += weight
                for other, weight in borrowed.items():
                    matrix[position] += weight * matrix[addresses.index(other)]
            done |= set(ready)
        return Coordinates(
            size,
            *_chart(self.beliefs, self.straight, base, matrix, [addresses.index(each) for each in self.spreads], roots),
            addresses,
            roots,
        )


def _chart(
    beliefs: Sequence[Belief | Literal["standard", "root"]],
    straight: set[int],
    base: Floats,
    matrix: Floats,
    inverted: list[int],
    roots: dict[str, Root],
) -> tuple[Floats, Chart]:
    """Where a search may begin, and the coordinates as flat arrays."""
    size, each_root = len(beliefs), tuple(roots.values())
    start, families, bounds = np.zeros(size), np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    arguments, lower, upper = np.zeros((size, 3)), np.full(size, -np.inf), np.full(size, np.inf)
    for d, stated in enumerate(beliefs):
        if stated == "root":
            continue
        belief = Belief("normal", (0.0, 1.0)) if isinstance(stated, str) else stated
        families[d], (lower[d], upper[d]) = FAMILIES.index(belief.name), belief.support
        arguments[d, : len(belief.arguments)] = belief.arguments
        bounds[d] = ABOVE * bool(np.isfinite(lower[d])) + BELOW * bool(np.isfinite(upper[d]))
        start[d] = _begin(belief, int(bounds[d]))
        if d in straight and bounds[d] == ABOVE and not (line := draw_line(belief, straight=True)).log:
            bounds[d], upper[d] = STRAIGHT, lower[d] + line.width
            start[d] = line.place(upper[d])
    free = []
    for root in each_root:
        made = np.full((len(root.names), len(root.names)), -1, dtype=np.int64)
        for (k, j), place in zip(root.free, root.places, strict=True):
            made[k, j] = place
        free.append(made.reshape(-1))
    entries = np.array([pair for root in each_root for pair in root.entries], dtype=np.int64).reshape(-1, 2)
    sizes = [len(each) for each in free]
    believed = [(number, each) for number, root in enumerate(each_root) for each in root.believed]
    return start, Chart(
        families, bounds, arguments, lower, upper, base, matrix,
        inverted=np.array(inverted, dtype=np.int64),
        root_sizes=np.array([len(root.names) for root in each_root], dtype=np.int64),
        root_shapes=np.array([root.shape for root in each_root], dtype=np.float64),
        root_inverted=np.array([root.inverted for root in each_root], dtype=np.int64),
        root_starts=np.cumsum([0, *sizes])[:-1].astype(np.int64),
        root_free=np.concatenate([np.zeros(0, dtype=np.int64), *free]),
        entry_starts=np.cumsum([0, *(len(root.entries) for root in each_root)]).astype(np.int64),
        entry_rows=entries[:, 0].copy(),
        entry_columns=entries[:, 1].copy(),
        believed=np.array(
            [(number, each.row, each.column, FAMILIES.index(each.belief.name)) for number, each in believed], dtype=np.int64
        ).reshape(-1, 4),
        believed_arguments=np.array(
            [(*each.belief.arguments, 0.0)[:3] for _, each in believed], dtype=np.float64
        ).reshape(-1, 3),
    )  # fmt: skip


def _begin(belief: Belief, bounds: int) -> float:
    """A typical value, as the unbounded quantity."""
    a = belief.arguments
    if bounds == NONE:
        return a[1] if belief.name == "student" else a[0]
    if bounds == BETWEEN:
        return 0.0
    if belief.name == "lognormal":
        return float(a[0])
    width = 1 / a[0] if belief.name == "exponential" else a[0] / a[-1] if belief.name == "gamma" else a[-1]
    return float(np.log(width))
