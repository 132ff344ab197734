"""Normal equations: deviations and missing values are integrated out, as far as equations are linear in them.

Where all are, what remains is a density of the parameters alone, in few dimensions and smooth. Its mode and curvature there
give a proposal for importance sampling; where that is not reliable, NUTS runs in coordinates that the curvature makes
round. Where unknown quantities are multiplied with each other, slopes that vary with departures from courses that nobody
observed, NUTS samples some of them and the rest is integrated out (`marginal.joint`). What was integrated out is drawn
afterwards from its normal distribution given the rest.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import optimize

from mechanisms.data.dataset import Dataset
from mechanisms.errors import FitError
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.engines.contract import Equations, Settings, UnreliableError
from mechanisms.infer.marginal.coordinates import Coordinates
from mechanisms.infer.marginal.joint import draw_joint
from mechanisms.infer.marginal.tapes.partial import write_partial
from mechanisms.infer.marginal.units.gaussian import BilinearError, NotGaussianError, Residuals, write_residuals
from mechanisms.infer.marginal.units.layout import Layout, lay_out
from mechanisms.infer.marginal.units.unit import count_work, find_units
from mechanisms.infer.marginal.unpacking import read_parameters
from mechanisms.infer.smooth.importance import draw_smoothed, refuse_unreliable
from mechanisms.model.plan import Plan

if TYPE_CHECKING:
    from mechanisms.infer.marginal.native import Native  # loads numba

Floats = NDArray[np.float64]
WORK = 2e6  # multiplications of one log density and its gradient, some 4 ms; NUTS takes tens of thousands, so more is partly sampled

WHY = "normal: deviations and missing values are integrated out where equations are linear in them"


@dataclass(frozen=True, eq=False)
class Density:
    """The log density of a block's unbounded parameters, up to a constant."""

    residuals: Residuals
    layout: Layout

    @property
    def coordinates(self) -> Coordinates:
        """What the numbers stand for."""
        return self.residuals.coordinates

    def bind(self, centre: Floats, root: Floats) -> "Native":
        """The density as a C function of x, at centre + root @ x; without a root (0, size), of x itself and without slopes."""
        from mechanisms.infer.marginal.units.native_units import bind_units  # noqa: PLC0415  (loads numba)

        return bind_units(centre, root, self.coordinates.chart, self.layout)

    @cached_property
    def _values(self) -> "Native":
        zero = np.zeros(len(self.coordinates.start))
        return self.bind(zero, np.empty((0, len(zero))))

    @cached_property
    def _slopes(self) -> "Native":
        zero = np.zeros(len(self.coordinates.start))
        return self.bind(zero, zero + 1)

    def at(self, points: Floats) -> Floats:
        """The log density at each of some points (m, size); −inf where it has none."""
        return self._values.evaluate(points, np.empty((0, 0)))

    def parameters(self, points: Floats) -> Floats:
        """The parameters at each of some points, in data units, and the entries of correlations' roots; fixed ones are left out."""
        from mechanisms.infer.marginal.charts import find_symbols  # noqa: PLC0415

        chart = self.coordinates.chart
        symbols = find_symbols(chart, points)
        kept = np.ptp(symbols, axis=0) > 0
        kept[len(chart.base) + np.arange(len(chart.inverted))] = False
        return np.asarray(symbols[:, kept])

    def slope(self, point: Floats) -> tuple[float, Floats]:
        """The log density at one point and its gradient."""
        gradient = np.full((1, len(point)), np.nan)
        return float(self._slopes.evaluate(point[None], gradient)[0]), gradient[0]


def applies(plan: Plan, data: Dataset, block: Equations) -> str | None:
    """None where the engine applies to the block, else the reason why not."""
    try:
        if _integrate_all(plan, data, block) is None:
            write_partial(plan, data, block)
    except (NotGaussianError, FitError) as error:
        return str(error)
    return None


def draw(plan: Plan, data: Dataset, block: Equations, settings: Settings) -> Drawn:
    """Draws of a block's parameters, and of its units' deviations given each.

    Raises
    ------
    UnreliableError
        Neither importance sampling nor NUTS gives draws to rely on.
    KeyboardInterrupt
        Interrupted before NUTS had a draw of every chain.
    """
    residuals = _integrate_all(plan, data, block)
    return draw_joint(plan, data, block, settings) if residuals is None else _draw_apart(plan, residuals, settings)


def _integrate_all(plan: Plan, data: Dataset, block: Equations) -> Residuals | None:
    """Residuals that are linear in all that is unknown; None where they are not, or integrating all at once is too much."""
    try:
        residuals = write_residuals(plan, data, block)
    except BilinearError:
        return None
    return residuals if count_work(find_units(residuals, compressed=True)) <= WORK else None


def _draw_apart(plan: Plan, residuals: Residuals, settings: Settings) -> Drawn:
    """Draws where all that is unknown is integrated out."""
    density = build_density(residuals)
    proposing, walking, rest = settings.seed.spawn(3)
    mode, covariance = find_mode(density)
    count = settings.chains * settings.draws
    rng = np.random.default_rng(proposing)
    smoothed = draw_smoothed(density.at, mode, covariance, count, rng, speaks_of=density.parameters)
    stopped: tuple[int, int] | None = None
    try:
        refuse_unreliable(smoothed)
        points, statistics = smoothed.draws.reshape(settings.chains, settings.draws, -1), None
        note = str(smoothed)
    except UnreliableError as failed:
        from mechanisms.infer.marginal.whitened import sample_whitened  # noqa: PLC0415  (loads nutpie)

        root = np.linalg.cholesky(covariance)
        native = density.bind(mode, root)
        points, statistics, stopped = sample_whitened(
            density.slope, mode, root, settings, walking, native=native, speaks_of=density.parameters
        )
        note = f"NUTS on what remains, since {failed}"
    drawn = _unpack(plan, residuals, points, statistics, np.random.default_rng(rest))
    return replace(drawn, note=note, stopped=stopped)


def build_density(residuals: Residuals) -> Density:
    """The density of a block's residuals, in compressed units."""
    return Density(residuals, lay_out(find_units(residuals, compressed=True), residuals))


def find_mode(density: Density) -> tuple[Floats, Floats]:
    """The mode of the density and the inverse of its curvature there.

    Raises
    ------
    UnreliableError
        There is no mode that can be found, or the density is not curved in every direction there.
    """

    def descend(point: Floats) -> tuple[float, Floats]:
        value, gradient = density.slope(point)
        return (-value, -gradient) if np.isfinite(value) and np.isfinite(gradient).all() else (np.inf, 0 * point)

    found = optimize.minimize(descend, density.coordinates.start, jac=True, method="BFGS", options={"maxiter": 500})
    point = np.asarray(found.x)
    for _ in range(5):
        curvature = _curvature(density, point)
        try:
            root = np.linalg.cholesky(curvature)
        except np.linalg.LinAlgError:
            raise UnreliableError("the density has no mode with curvature in every direction") from None
        step = np.linalg.solve(root.T, np.linalg.solve(root, density.slope(point)[1]))
        if not density.at((point + step)[None])[0] > density.at(point[None])[0]:
            break
        point = point + step
        if np.abs(step @ root).max() < 1e-4:
            break
    return point, np.linalg.inv(curvature)


def _curvature(density: Density, point: Floats) -> Floats:
    """The negative second derivatives, by central differences of the gradient."""
    width = 1e-5
    steps = width * np.eye(len(point))
    rows = [density.slope(point - step)[1] - density.slope(point + step)[1] for step in steps]
    found = np.array(rows) / (2 * width)
    if not np.isfinite(found).all():
        raise UnreliableError("the density is not smooth at its mode")
    return np.asarray((found + found.T) / 2)


def _unpack(plan: Plan, residuals: Residuals, points: Floats, statistics: xr.Dataset | None, rng: Generator) -> Drawn:
    found, correlations, roots, symbols = read_parameters(plan, residuals.coordinates, points)
    if not plan.varying:
        return Drawn(found, correlations, {}, statistics)
    drawn = draw_unknown(residuals, symbols, rng)
    deviations = {}
    for varying in plan.varying:
        z = drawn[:, residuals.places[varying.level]]
        sds = np.stack([found[address].reshape(-1) for address in varying.spreads], axis=1)
        z = roots[varying.level] @ z if varying.level in roots else z
        deviations[varying.level] = (sds[:, :, None] * z).reshape(*points.shape[:2], *z.shape[1:])
    return Drawn(found, correlations, deviations, statistics)


def draw_unknown(residuals: Residuals, symbols: Floats, rng: Generator) -> Floats:
    """What nobody observed, drawn given the data and the parameters of each row of symbols; (rows, quantities)."""
    from mechanisms.infer.marginal.units.kernels import condition  # noqa: PLC0415

    units = tuple(each for each in find_units(residuals, compressed=False) if len(each.flat))
    # of each unit (lanes, members, quantities): the compiled loops go through members, quantities and lanes
    owners = np.concatenate([np.zeros(0, dtype=np.int64), *(each.owners.transpose(1, 2, 0).ravel() for each in units)])
    drawn = rng.standard_normal((len(symbols), residuals.terms.algebra.size))
    if units:
        condition(lay_out(units, residuals), symbols, owners, drawn)
    return drawn
