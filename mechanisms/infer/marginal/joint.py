"""Draws of a block in which unknown quantities are multiplied: NUTS on parameters and what has to be sampled.

What else is unknown is integrated out of the density, and drawn afterwards given the rest.
"""

from functools import partial as bound

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.errors import listed
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.engines.contract import Equations, Settings
from mechanisms.infer.marginal.tapes.partial import Partial, write_partial
from mechanisms.infer.marginal.unpacking import draw_deviations, read_parameters
from mechanisms.model.plan import Plan

Floats = NDArray[np.float64]
NEAR = 0.3  # the sd of chains' beginnings about prior means, in prior sds


def draw_joint(plan: Plan, data: Dataset, block: Equations, settings: Settings) -> Drawn:
    """Draws of a block's parameters and of its units' deviations.

    Chains that diverged, or whose coefficients have R-hat of 1.01 or more or fewer than 400 effective draws, are drawn again,
    once, four times as long with twice the tuning and in smaller steps.

    Raises
    ------
    KeyboardInterrupt
        Interrupted before every chain had a draw.
    """
    from mechanisms.infer.marginal.charts import find_symbols  # noqa: PLC0415  (loads numba)
    from mechanisms.infer.marginal.tapes.native_program import bind_program  # noqa: PLC0415  (loads numba)
    from mechanisms.infer.marginal.whitened import sample_whitened  # noqa: PLC0415  (loads nutpie)

    made = write_partial(plan, data, block)
    coordinates, size = made.coordinates, made.coordinates.size
    walking, rest = settings.seed.spawn(2)
    centre, scale = begin(made), np.ones(made.size)
    wanted = [coordinates.symbol(address) for equation in block for address in equation.addresses]
    points, statistics, stopped = sample_whitened(
        bound(slope, made),
        centre,
        scale,
        settings,
        walking,
        native=bind_program(centre, scale, coordinates.chart, made.program, settings.chains),
        near=NEAR,
        lenient=True,
        speaks_of=lambda points: find_symbols(coordinates.chart, np.ascontiguousarray(points[:, :size]))[:, wanted],
    )
    found, correlations, _, _ = read_parameters(plan, coordinates, np.ascontiguousarray(points[..., :size]))
    deviations = draw_deviations(plan, made, points, np.random.default_rng(rest))
    return Drawn(found, correlations, deviations, statistics, note=describe(made), stopped=stopped)


def describe(made: Partial) -> str:
    """What is sampled and what is integrated out."""
    kept = f"; integrated out: {listed(made.split.quantities)} by {made.split.level}" if made.split else ""
    return f"NUTS on parameters and {listed(made.sampled)}{kept}" if made.sampled else f"NUTS on parameters{kept}"


def begin(made: Partial) -> Floats:
    """A point to begin at: typical parameters, and 0 for what is sampled beside them."""
    return np.concatenate([made.coordinates.start, np.zeros(made.size - made.coordinates.size)])


def slope(made: Partial, point: Floats) -> tuple[float, Floats]:
    """The log density at one point, up to a constant, and its gradient."""
    from mechanisms.infer.marginal.tapes.native_program import bind_program  # noqa: PLC0415  (loads numba)

    native = bind_program(np.zeros(made.size), np.ones(made.size), made.coordinates.chart, made.program, 1)
    gradient = np.full((1, made.size), np.nan)
    return float(native.evaluate(point[None], gradient)[0]), gradient[0]
