"""From points to parameters in data units, correlations, and units' own deviations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.infer.marginal.coordinates import Coordinates
from mechanisms.infer.marginal.tapes.partial import Partial
from mechanisms.model.plan import Plan

Floats = NDArray[np.float64]
CHUNK = 2**24  # numbers at once, where deviations are drawn point by point


def read_parameters(
    plan: Plan, coordinates: Coordinates, points: Floats
) -> tuple[dict[str, Floats], dict[str, Floats], dict[str, Floats], Floats]:
    """From points (chains, draws, size): parameters by address, correlations and their roots by level, and all symbols.

    Roots are (points, quantities, quantities), symbols (points, symbols); the others begin with (chains, draws).
    """
    from mechanisms.infer.marginal.charts import find_symbols  # noqa: PLC0415  (loads numba)

    shape = points.shape[:2]
    symbols = np.asarray(find_symbols(coordinates.chart, points.reshape(-1, coordinates.size)))
    found = {address: symbols[:, place].reshape(shape) for place, address in enumerate(coordinates.addresses)}
    correlations, roots = {}, {}
    for name, root in coordinates.roots.items():
        made = root.matrix(points)
        matrix = made @ np.swapaxes(made, -1, -2)
        if not root.inverted:
            correlations[name], roots[name] = matrix, made.reshape(-1, *made.shape[2:])
            continue
        tied = {each.address: (root.names.index(each.one), root.names.index(each.other)) for each in plan.residuals
                if {each.one, each.other} <= set(root.names)}  # fmt: skip
        found |= {address: matrix[..., one, other] for address, (one, other) in tied.items()}
    return found, correlations, roots, symbols


def draw_deviations(plan: Plan, partial: Partial, points: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """Units' deviations by level, (chains, draws, quantities, units): what was sampled, and draws of what was not."""
    from mechanisms.infer.marginal.tapes.execution import draw_integrated  # noqa: PLC0415  (loads numba)

    shape, flat = points.shape[:2], points.reshape(-1, points.shape[-1])
    kept = partial.split.quantities if partial.split else ()
    groups = int(partial.program.sizes[3])
    spans = {level: [each and (each.at, each.size) for each in nodes] for level, nodes in partial.deviations.items()}
    cells = [np.arange(each[0], sum(each)) for nodes in spans.values() for each in nodes if each]
    places = np.concatenate([np.zeros(0, dtype=np.int64), *cells]).astype(np.int64)
    step = max(1, CHUNK // max(1, len(places) + len(kept) * groups))
    parts: dict[str, list[Floats]] = {level: [] for level in spans}
    for first in range(0, len(flat), step):
        some = flat[first : first + step]
        values, integrated = np.empty((len(some), len(places))), rng.standard_normal((len(some), len(kept), groups))
        draw_integrated(partial.coordinates.chart, partial.program, some, places, values, integrated)
        for level, made in _split(plan, partial, spans, values, integrated).items():
            parts[level].append(made)
    return {level: np.concatenate(each).reshape(*shape, *each[0].shape[1:]) for level, each in parts.items()}


def _split(
    plan: Plan, partial: Partial, spans: dict[str, list[Any]], values: Floats, integrated: Floats
) -> dict[str, Floats]:
    """The values of cells, level by level and quantity by quantity, with what was integrated added."""
    found, begin = {}, 0
    for each in plan.varying:
        units = max([span[1] for span in spans[each.level] if span], default=integrated.shape[2])
        made = np.zeros((len(values), len(each.quantities), units))
        for k, (name, span) in enumerate(zip(each.quantities, spans[each.level], strict=True)):
            if span:
                made[:, k] = values[:, begin : begin + span[1]]
                begin += span[1]
            if partial.split and partial.split.level == each.level and name in partial.split.quantities:
                made[:, k] += integrated[:, partial.split.quantities.index(name)]
        found[each.level] = made
    return found
