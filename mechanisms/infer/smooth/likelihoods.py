"""The likelihood of one equation as a function of its working coefficients and residual sd, with two derivatives."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, ColumnView, Dataset, response_values
from mechanisms.infer.moments import Moments, gather
from mechanisms.infer.smooth.curves import CURVES, PIECE, Curve
from mechanisms.infer.smooth.predictors import Predicted
from mechanisms.infer.smooth.several import Several
from mechanisms.model.equations import Equation
from mechanisms.model.priors import Beliefs
from mechanisms.model.standardising import Basis, working_columns

Floats = NDArray[np.float64]
_PRODUCT = 1280  # points at once × coefficients: PIECE rows of them stay in a processor's cache
_ROWS_AT_ONCE = 16_384
_FEW = 64  # different values with which a column still counts as discrete


class Likelihood(Protocol):
    """A log likelihood up to a constant; `points` (m, size) hold coefficients, then spread and shape where there are any."""

    def evaluate(self, points: Floats) -> Floats:
        """The log likelihood of each point, shape (m,)."""
        ...

    def slope(self, point: Floats) -> tuple[float, Floats]:
        """The log likelihood and its gradient at one point."""
        ...

    def differentiate(self, point: Floats) -> tuple[Floats, Floats]:
        """Gradient and Hessian at one point."""
        ...


@dataclass(frozen=True, eq=False)
class Normal:
    """A normal equation by its sufficient statistics: what a point costs does not depend on the rows."""

    n: int
    gram: Floats
    centre: Floats
    rest: float

    def evaluate(self, points: Floats) -> Floats:
        """−n log σ − Σ residual² / 2σ²."""
        apart, sigma = points[:, :-1] - self.centre, points[:, -1]
        squares = self.rest + ((apart @ self.gram) * apart).sum(axis=1)
        return np.asarray(-self.n * np.log(sigma) - 0.5 * squares / sigma**2)

    def slope(self, point: Floats) -> tuple[float, Floats]:
        """The log likelihood and its gradient."""
        return float(self.evaluate(point[None])[0]), self.differentiate(point)[0]

    def differentiate(self, point: Floats) -> tuple[Floats, Floats]:
        """With respect to the coefficients and σ."""
        apart, sigma = point[:-1] - self.centre, float(point[-1])
        pull = self.gram @ apart
        squares = self.rest + float(apart @ pull)
        gradient = np.append(-pull / sigma**2, -self.n / sigma + squares / sigma**3)
        hessian = np.empty((len(point), len(point)))
        hessian[:-1, :-1] = -self.gram / sigma**2
        hessian[:-1, -1] = hessian[-1, :-1] = 2 * pull / sigma**3
        hessian[-1, -1] = self.n / sigma**2 - 3 * squares / sigma**4
        return gradient, hessian


@dataclass(frozen=True, eq=False)
class Rows:
    """An equation of another family, row by row; `counts` says how often each row occurs, None once each.

    `offset` is added to the linear predictor: the logarithm of an exposure.
    """

    curve: Curve
    design: Floats
    y: Floats
    counts: Floats | None
    offset: Floats | None = None

    def evaluate(self, points: Floats) -> Floats:
        """Σ log p(y | η)."""
        size = int(np.clip(_PRODUCT // points.shape[1], 16, 128))
        return np.concatenate([self._add_up(points[at : at + size]) for at in range(0, len(points), size)])

    def _add_up(self, points: Floats) -> Floats:
        found, across = np.zeros(len(points)), np.ascontiguousarray(points.T)
        for start in range(0, len(self.y), PIECE):
            rows = slice(start, start + PIECE)
            counts = None if self.counts is None else self.counts[rows]
            eta = self.design[rows] @ across
            if self.offset is not None:
                eta += self.offset[rows, None]
            found += self.curve.add_up(self.y[rows], counts, eta)
        return found

    def slope(self, point: Floats) -> tuple[float, Floats]:
        """The log likelihood and its gradient."""
        eta = self.design @ point
        slope, _ = self.curve.bend(self.y, eta if self.offset is None else eta + self.offset)
        pulled = self.design.T @ (slope if self.counts is None else slope * self.counts)
        return float(self.evaluate(point[None])[0]), pulled

    def differentiate(self, point: Floats) -> tuple[Floats, Floats]:
        """With respect to the coefficients."""
        eta = self.design @ point
        slope, bend = self.curve.bend(self.y, eta if self.offset is None else eta + self.offset)
        if self.counts is not None:
            slope, bend = slope * self.counts, bend * self.counts
        return self.design.T @ slope, (self.design * bend[:, None]).T @ self.design


def make_likelihood(equation: Equation, beliefs: Beliefs, data: Dataset) -> Likelihood:
    """The likelihood of an equation on complete causes; rows without a response leave it."""
    if equation.family == "normal" and not equation.parts:
        return _normal(gather(equation, beliefs, data))
    kept, counts = _compress(equation, data)
    y = response_values(data[equation.response])[kept]
    designs = tuple(_design(basis, data, kept, len(y)) for basis in beliefs.bases)
    out_of = equation.out_of
    exposure = ColumnView(data)[out_of][kept] if isinstance(out_of, str) else np.full(len(y), out_of)
    if (equation.family, equation.link) in CURVES and not equation.parts:
        return _rows(equation, designs[0], y, counts, exposure)
    ended = data.numbers(equation.event).values[kept] if equation.event else None
    return Several(equation, designs, y, counts, exposure, ended)


def make_ungrouped(predicted: Predicted, to_raw: Floats) -> Likelihood:
    """The likelihood of an equation of a theory with levels that looks at no deviations."""
    equation, design = predicted.equation, predicted.design @ to_raw
    if equation.family == "normal":
        y = predicted.y - predicted.offset
        centre = np.linalg.lstsq(design, y)[0]
        rest = y - design @ centre
        return Normal(len(y), design.T @ design, centre, float(rest @ rest))
    if predicted.offset.any():
        raise AssertionError("nothing but an exposure is added to a predictor")
    if (equation.family, equation.link) in CURVES:
        return _rows(equation, design, predicted.y, None, predicted.out_of)
    return Several(equation, (design,), predicted.y, None, predicted.out_of, None)


def _rows(equation: Equation, design: Floats, y: Floats, counts: Floats | None, exposure: Floats) -> Rows:
    offset = None if (exposure == 1).all() else np.log(exposure)
    return Rows(CURVES[equation.family, equation.link], design, y, counts, offset)


def _design(basis: Basis, data: Dataset, kept: NDArray[np.intp] | slice, size: int) -> Floats:
    """What one linear predictor multiplies the equation's working coefficients with, for the kept rows."""
    view = ColumnView(data)
    columns = {name: view[name][kept] for name in basis.working.standards}
    design = np.ones((size, basis.share.shape[1]))
    for start in range(0, size, _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        here = {name: values[rows] for name, values in columns.items()}
        own = working_columns(basis.working, here) if here else np.ones((len(design[rows]), 1))
        design[rows] = own @ basis.share
    return design


def _normal(moments: Moments) -> Normal:
    centre = np.linalg.solve(moments.gram, moments.cross)
    rest = float(moments.square - moments.cross @ centre)
    centre[0] += moments.shift  # the response was centred there, and the first working column is 1
    return Normal(moments.n, moments.gram, centre, rest)


def _compress(equation: Equation, data: Dataset) -> tuple[NDArray[np.intp] | slice, Floats | None]:
    """Which rows with a response to keep and how often each occurs, where all columns are discrete; else all of them."""
    observed = data[equation.response].observed
    every: NDArray[np.intp] | slice = slice(None) if observed.all() else np.flatnonzero(observed)
    code, size = np.zeros(int(observed.sum()), dtype=np.int64), 1
    for name in (equation.response, *equation.parents, *([equation.event] if equation.event else [])):
        column = data[name]
        values = (column.codes if isinstance(column, Categories) else column.values)[every]
        if len(np.unique(values[: 4 * _FEW])) > _FEW:
            return every, None
        kinds, place = np.unique(values, return_inverse=True)
        size *= len(kinds)
        if len(kinds) > _FEW or size > np.iinfo(np.int64).max // _FEW:
            return every, None
        code = code * len(kinds) + place
    _, kept, counts = np.unique(code, return_index=True, return_counts=True)
    if 2 * len(kept) > len(code):
        return every, None
    return (kept if isinstance(every, slice) else every[kept]), counts.astype(np.float64)
