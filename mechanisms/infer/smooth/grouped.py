"""The likelihood of equations whose units have deviations of their own, these integrated out by quadrature.

One or two deviations of each unit, correlated or not; the equations may be of different families. See `quadrature`.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.infer.cores import cut, share_out
from mechanisms.infer.smooth import quadrature
from mechanisms.infer.smooth.densities import FAMILIES
from mechanisms.infer.smooth.predictors import Group
from mechanisms.infer.smooth.quadrature import Nodes, Units

Floats = NDArray[np.float64]
ORDERS = (7, 11, 15, 21, 31, 45)  # nodes for each deviation
CLOSE = 2e-3  # how far the log likelihoods of two orders may differ more at one point than at another
TRIES = 20
_CELLS = 1_000_000  # points × rows that are worked on at once
_STEP = 1e-5


@dataclass(frozen=True, eq=False)
class Grouped:
    """Points hold the working coefficients of all equations, spreads in the order of `spreads`, the sds of the deviations,
    and their correlation where there are two.

    `design` (rows, coefficients) is that of all equations in the order of the units' rows; `order` counts the nodes.
    """

    units: Units
    design: Floats
    offset: Floats
    spreads: tuple[str, ...]
    order: int = 15

    @property
    def deviations(self) -> int:
        """How many each unit has."""
        return int(self.units.loads.shape[1])

    @property
    def work(self) -> float:
        """Rows × nodes, of plain units a tenth of that."""
        share = 0.1 if self.units.plain.all() else 1.0
        return share * len(self.offset) * len(self.nodes.log_weights)

    @cached_property
    def nodes(self) -> Nodes:
        """Gauss–Hermite nodes, of two deviations their product."""
        places, weights = np.polynomial.hermite.hermgauss(self.order)
        every = np.array(list(product(range(self.order), repeat=self.deviations)))
        logs = (np.log(weights) + places**2)[every].sum(axis=1) - 0.5 * self.deviations * np.log(np.pi)
        return Nodes(np.sqrt(2) * places[every], logs)

    def evaluate(self, points: Floats) -> Floats:
        """The log likelihood of each point, shape (m,)."""
        found = np.empty(len(points))
        for part in cut(len(points), self._at_once):
            quadrature.integrate(self.units, *self._read(points[part]), self.nodes, found[part])
        return found

    def slope(self, point: Floats) -> tuple[float, Floats]:
        """The log likelihood at one point, and its gradient."""
        etas, spreads, roots = self._read(point[None])
        by_eta, by_spread, by_root = np.empty(len(self.offset)), np.empty(spreads.shape[1]), np.empty(roots.shape[1:])
        value = quadrature.differentiate(
            self.units, etas[0], spreads[0], roots[0], self.nodes, by_eta, by_spread, by_root
        )
        first = self.design.shape[1] + len(self.spreads)
        sds, tail = point[first : first + self.deviations], []
        if self.deviations == 1:
            tail = [by_root[0, 0]]
        else:
            r = point[-1]
            rest = np.sqrt(1 - r * r)
            tail = [by_root[0, 0], by_root[1, 0] * r + by_root[1, 1] * rest]
            tail.append(sds[1] * (by_root[1, 0] - by_root[1, 1] * r / rest))
        return float(value), np.concatenate([by_eta @ self.design, by_spread[1:], tail])

    def differentiate(self, point: Floats) -> tuple[Floats, Floats]:
        """Gradient, and Hessian by its central differences: it guides a search and shapes proposals."""
        steps = np.full(len(point), _STEP)
        first = self.design.shape[1]
        steps[first:] *= np.maximum(point[first:], 1e-2)
        if self.deviations == 2:
            steps[-1] = _STEP * (1 - point[-1] ** 2)
        sides = [(self.slope(point + each)[1] - self.slope(point - each)[1]) for each in np.diag(steps)]
        hessian = np.array(sides) / (2 * steps[:, None])
        return self.slope(point)[1], (hessian + hessian.T) / 2

    def refine(self, points: Floats, most: float) -> "Grouped | None":
        """The same with as many nodes as these points need; None where the greatest number does not do, or is too much work.

        `most` is how many nodes × rows there may be.
        """
        found = replace(self, order=ORDERS[0])
        before = found.evaluate(points)
        for order in ORDERS[1:]:
            more = replace(self, order=order)
            if len(self.offset) * float(order) ** self.deviations > most:
                return None
            here = more.evaluate(points)
            both = np.isfinite(here) & np.isfinite(before)
            if both.any() and np.ptp((here - before)[both]) < CLOSE:
                return found
            found, before = more, here
        return None

    def start_from(self, point: Floats) -> "Grouped":
        """The same, with modes of units sought from where they are at a point."""
        etas, spreads, roots = self._read(point[None])
        begin = np.empty_like(self.units.begin)
        quadrature.find_modes(self.units, etas[0], spreads[0], roots[0], begin)
        return replace(self, units=self.units._replace(begin=begin))

    def draw_deviations(self, points: Floats, seed: np.random.SeedSequence) -> Floats:
        """Deviations of the units given parameters and data, shape (points, deviations, units)."""
        found = np.empty((len(points), self.deviations, len(self.units.plain)))
        size = self._at_once
        seeds = iter(seed.spawn(-(-len(points) // size)))
        generators = {start: np.random.default_rng(next(seeds)) for start in range(0, len(points), size)}

        def fill(part: slice) -> None:
            etas, spreads, roots = self._read(points[part])
            z = np.empty((len(etas), len(self.units.plain), self.deviations))
            quadrature.draw(self.units, etas, spreads, roots, TRIES, generators[part.start], z)
            found[part] = np.einsum("mkj,muj->mku", roots, z)

        share_out(fill, cut(len(points), size))
        return found

    @property
    def _at_once(self) -> int:
        return max(1, min(256, _CELLS // max(len(self.offset), 1)))

    def _read(self, points: Floats) -> tuple[Floats, Floats, Floats]:
        """Predictors (m, rows), spreads (m, 1 + spreads) with a 1 before them, and roots (m, q, q) of points."""
        count, first = len(points), self.design.shape[1]
        last = first + len(self.spreads)
        etas = points[:, :first] @ self.design.T + self.offset
        spreads = np.column_stack([np.ones(count), points[:, first:last]])
        roots = np.zeros((count, self.deviations, self.deviations))
        roots[:, 0, 0] = points[:, last]
        if self.deviations == 2:
            r, sd = points[:, -1], points[:, last + 1]
            roots[:, 1, 0], roots[:, 1, 1] = sd * r, sd * np.sqrt(1 - r * r)
        return etas, spreads, roots


def make_grouped(group: Group, to_working: dict[str, Floats], data: Dataset) -> Grouped:
    """The likelihood of a group; `to_working` maps the working coefficients of each response to its raw ones."""
    n = data.units(group.level).n
    widths = [each.design.shape[1] for each in group.predicted]
    starts = np.cumsum([0, *widths])
    spreads = tuple(dict.fromkeys(each.equation.spread for each in group.predicted if each.equation.spread))
    parts: dict[str, list[Any]] = {name: [] for name in ("unit", "design", "offset", "loads", "y", "out_of")}
    kinds: dict[str, list[Any]] = {"families": [], "slots": []}
    for place, each in enumerate(group.predicted):
        equation, rows = each.equation, len(each.y)
        unit = np.full(rows, -1, dtype=np.int64)
        for own in each.units.values():
            unit = np.maximum(unit, own)
        design = np.zeros((rows, starts[-1]))
        design[:, starts[place] : starts[place + 1]] = each.design @ to_working[equation.response]
        y, offset, trials = _prepare(each.y, each.offset, each.out_of, equation.family)
        parts["unit"].append(np.where(unit < 0, n, unit))
        parts["design"].append(design)
        parts["offset"].append(offset)
        keys = [(address, group.level) for address in group.quantities]
        parts["loads"].append(np.column_stack([each.loads.get(key, np.zeros(rows)) for key in keys]))
        parts["y"].append(y)
        parts["out_of"].append(trials)
        kinds["families"].append(np.full(rows, FAMILIES[equation.family, equation.link]))
        kinds["slots"].append(np.full(rows, spreads.index(equation.spread) + 1 if equation.spread else 0))
    whole = {name: np.concatenate(found) for name, found in (parts | kinds).items()}
    order = np.argsort(whole["unit"], kind="stable")
    whole = {name: np.ascontiguousarray(found[order]) for name, found in whole.items()}
    count = n + bool((whole["unit"] == n).any())
    units = Units(
        starts=np.searchsorted(whole["unit"], np.arange(count + 1)).astype(np.int64),
        families=whole["families"].astype(np.int64),
        y=whole["y"],
        trials=whole["out_of"],
        slots=whole["slots"].astype(np.int64),
        loads=whole["loads"],
        plain=_find_plain(whole, count),
        begin=np.zeros((count, len(group.quantities))),
    )
    return Grouped(units, whole["design"], whole["offset"], spreads)


def _prepare(y: Floats, offset: Floats, out_of: Floats, family: str) -> tuple[Floats, Floats, Floats]:
    """Response, offset and trials as `densities` takes them."""
    if family == "lognormal":
        return np.log(y), offset, np.ones(len(y))
    if family in ("poisson", "negative_binomial"):
        return y, offset + np.log(out_of), np.ones(len(y))
    return y, offset, out_of if family == "binomial" else np.ones(len(y))


def _find_plain(whole: dict[str, Any], count: int) -> NDArray[np.int64]:
    """Units whose rows are all 0/1 with a logit link and have their one deviation as it is."""
    odd = np.full(len(whole["y"]), whole["loads"].shape[1] > 1)
    odd |= (whole["families"] != 0) | (whole["out_of"] != 1) | (whole["loads"][:, 0] != 1)
    return np.asarray(np.bincount(whole["unit"], weights=odd, minlength=count) == 0, dtype=np.int64)
