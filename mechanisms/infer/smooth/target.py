"""The posterior density of a block of equations over one real vector: its independent quantities, each on its line.

Coefficients of all equations are linear in the quantities, borrowed ones too (`same_as`), and a residual sd is a
quantity of its own, so that every equation's likelihood is a function of a linear map of the same vector.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.infer.engines.contract import Equations
from mechanisms.infer.smooth.lines import Line, draw_line
from mechanisms.infer.smooth.parts import GroupedPart, Part, list_varying, make_parts
from mechanisms.model.beliefs import Belief, Spread
from mechanisms.model.plan import Plan
from mechanisms.model.priors import Beliefs, state_beliefs

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Target:
    """A log density over points t (m, size). `lines` (by position) are the quantities that are not normal(0, 1).

    `addresses` are the block's parameters; in data units they are `reported` @ (quantities, 1).
    """

    size: int
    lines: Mapping[int, Line]
    parts: tuple[Part, ...]
    addresses: tuple[str, ...]
    reported: Floats
    start: Floats

    @property
    def grouped(self) -> tuple[GroupedPart, ...]:
        """The parts with deviations."""
        return tuple(part for part in self.parts if isinstance(part, GroupedPart))

    @cached_property
    def plain(self) -> NDArray[np.intp]:
        """The positions of quantities that are normal(0, 1)."""
        return np.array([index for index in range(self.size) if index not in self.lines], dtype=np.intp)

    def evaluate(self, points: Floats) -> Floats:
        """Log density up to a constant; −inf or nan where a point is impossible."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            found = -0.5 * (points[:, self.plain] ** 2).sum(axis=1)
            for index, line in self.lines.items():
                found += line.log_prior(points[:, index])
            quantities = self._reach(points)
            for part in self.parts:
                found += part.likelihood.evaluate(quantities @ part.matrix.T)
        return np.asarray(found)

    def differentiate(self, point: Floats) -> tuple[Floats, Floats]:
        """Gradient and Hessian at one point."""
        quantities = self._reach(point[None])[0]
        gradient, hessian = np.zeros(self.size), np.zeros((self.size, self.size))
        for part in self.parts:
            slope, bend = part.likelihood.differentiate(part.matrix @ quantities)
            linear = part.matrix[:, :-1]
            gradient += linear.T @ slope
            hessian += linear.T @ bend @ linear
        first, second = np.ones(self.size), np.zeros(self.size)
        for index, line in self.lines.items():
            first[index], second[index] = line.slopes(point[index])
        hessian = hessian * np.outer(first, first) + np.diag(gradient * second)
        gradient = gradient * first
        gradient[self.plain] -= point[self.plain]
        hessian[self.plain, self.plain] -= 1.0
        for index, line in self.lines.items():
            slope_here, bend_here = line.bend_prior(point[index])
            gradient[index] += slope_here
            hessian[index, index] += bend_here
        return gradient, hessian

    def slope(self, point: Floats) -> tuple[float, Floats]:
        """The log density at one point, and its gradient."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            quantities, gradient = np.append(point, 1.0), np.zeros(self.size)
            height = -0.5 * float(point[self.plain] @ point[self.plain])
            looks = {index: line.look(float(point[index])) for index, line in self.lines.items()}
            for index, (value, _, prior, _) in looks.items():
                quantities[index] = value
                height += prior
            for part in self.parts:
                value, slope = part.likelihood.slope(part.matrix @ quantities)
                height, gradient = height + value, gradient + part.matrix[:, :-1].T @ slope
            for index, (_, steep, _, by_prior) in looks.items():
                gradient[index] = gradient[index] * steep + by_prior
            gradient[self.plain] -= point[self.plain]
        return height, gradient

    def focus(self, mode: Floats, covariance: Floats) -> "Target":
        """The same density, with quantities above or below a bound in units of their own sd instead of their prior's.

        A bound that is some sds away is then some units away, however wide the prior.
        """
        lines, start = dict(self.lines), mode.copy()
        for index, line in self.lines.items():
            sd = line.slopes(mode[index])[0] * float(np.sqrt(covariance[index, index]))
            if line.bounds == 1 and sd:
                lines[index] = replace(line, width=sd)
                start[index] = lines[index].place(float(line.reach(mode[index : index + 1])[0]))
        return replace(self, lines=lines, start=start)

    def report(self, points: Floats) -> Floats:
        """The parameters at `addresses`, in data units, shape (m, addresses)."""
        with np.errstate(over="ignore"):
            return np.asarray(self._reach(points) @ self.reported.T)

    def points_of(self, part: Part, points: Floats) -> Floats:
        """What a part's likelihood takes at some points."""
        return self._reach(points) @ part.matrix.T

    def _reach(self, points: Floats) -> Floats:
        """The quantities, and a last column of ones."""
        found = np.column_stack([points, np.ones(len(points))])
        for index, line in self.lines.items():
            found[:, index] = line.reach(points[:, index])
        return found


def make_target(plan: Plan, data: Dataset, block: Equations) -> Target:
    """The posterior density of a block whose equations can be ordered with lenders first; deviations are integrated out.

    Raises
    ------
    NotLinearError
        Units vary, and the block is not one that quadrature takes (`predictors`).
    """
    beliefs = {equation.response: state_beliefs(plan, equation, data) for equation in block}
    varying = list_varying(plan, data)
    extras = _list_extras(block, beliefs) | varying
    own = {address: belief for address, belief in extras.items() if isinstance(belief, Belief)}
    believed = [belief for each in block for belief in beliefs[each.response].beliefs]
    size = len(believed) + len(own)
    rows = {address: _extra_row(belief, len(believed) + k, size) for k, (address, belief) in enumerate(own.items())}
    working: dict[str, Floats] = {}
    first = dict(zip(beliefs, np.cumsum([0, *(len(each.beliefs) for each in beliefs.values())]), strict=False))
    for equation in order_lenders(block, beliefs) or ():
        mine = beliefs[equation.response]
        raw, working[equation.response] = _maps(mine, int(first[equation.response]), rows, size)
        rows |= dict(zip(equation.addresses, raw, strict=True))
    for address in extras:
        owner, value = find_owner(address, extras)
        rows[address] = np.append(np.zeros(size), value) if isinstance(value, float) else rows[owner]
    everything = [("", belief) for belief in believed] + list(own.items())
    lines = {
        index: draw_line(belief, straight=address in varying)
        for index, (address, belief) in enumerate(everything)
        if not belief.plain_normal
    }
    start = np.zeros(size)
    for index, address in enumerate(own, start=len(believed)):
        if index in lines and address.startswith("sigma") and address not in varying:
            response = next(each.response for each in block if address in each.extras)
            start[index] = lines[index].place(data.numbers(response).sd)
    parts = make_parts(plan, data, block, beliefs, working, rows)
    addresses = tuple(address for each in block for address in each.parameters)
    addresses += tuple(address for each in plan.varying for address in each.spreads)
    return Target(size, lines, parts, addresses, np.array([rows[address] for address in addresses]), start)


def _list_extras(block: Equations, beliefs: Mapping[str, Beliefs]) -> dict[str, Spread]:
    """The spreads and shapes of a block, and what is believed of each."""
    found = {each.spread: beliefs[each.response].spread for each in block if each.spread}
    return found | {each.shape: beliefs[each.response].shape for each in block if each.shape}


def _extra_row(belief: Belief, position: int, size: int) -> Floats:
    """A spread or a shape on (quantities, 1): itself, or of a plain normal what its standard normal quantity makes it."""
    row = np.zeros(size + 1)
    row[position] = belief.arguments[-1] if belief.plain_normal else 1.0
    row[-1] = belief.arguments[0] if belief.plain_normal else 0.0
    return row


def order_lenders(block: Equations, beliefs: Mapping[str, Beliefs]) -> Equations | None:
    """The equations with those that lend a coefficient (`same_as`) before those that borrow it; None where none can begin."""
    found: Equations = ()
    waiting = list(block)
    while waiting:
        known = {address for each in found for address in each.addresses}
        ready = [each for each in waiting if set(beliefs[each.response].borrowed) <= known]
        if not ready:
            return None
        found += tuple(ready)
        waiting = [each for each in waiting if each not in ready]
    return found


def _maps(own: Beliefs, first: int, rows: Mapping[str, Floats], size: int) -> tuple[Floats, Floats]:
    """The raw and the working coefficients of an equation as rows on (quantities, 1)."""
    found = []
    lent = np.array([rows[address] for address in own.borrowed]).reshape(-1, size + 1)
    borrowed = own.borrowed_matrix @ lent
    for matrix, offset, more in (
        (own.matrix, own.offset, borrowed),
        (own.working_matrix, own.working_offset, np.linalg.solve(own.to_raw, borrowed)),
    ):
        here = more.copy()
        here[:, first : first + len(own.beliefs)] += matrix
        here[:, -1] += offset
        found.append(here)
    return found[0], found[1]


def find_owner(address: str, spreads: Mapping[str, Spread]) -> tuple[str, Spread]:
    """Where a residual sd that may be the same as another's comes from, and what it is; None where they go in a circle."""
    for _ in spreads:
        known = spreads[address]
        if not isinstance(known, str):
            return address, known
        address = known
    return address, None
