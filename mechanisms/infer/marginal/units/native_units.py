"""The density of `layout` units as a C function."""

import numpy as np
from numba.np.numpy_support import carray
from numpy.typing import NDArray

from mechanisms.infer.compiling import compiled_c, compiled_within
from mechanisms.infer.marginal.charts import enter_symbols, pull_slopes
from mechanisms.infer.marginal.coordinates import Chart
from mechanisms.infer.marginal.native import (
    DENSITY,
    FAILED,
    Native,
    bind_native,
    move,
    move_back,
    read_chart,
    read_real,
    read_whole,
    read_wholes,
    wants_slopes,
)
from mechanisms.infer.marginal.units.kernels import collapse
from mechanisms.infer.marginal.units.layout import Layout

Floats = NDArray[np.float64]


def bind_units(centre: Floats, root: Floats, chart: Chart, layout: Layout) -> Native:
    """The density in coordinates x with point = centre + root @ x."""
    return bind_native(_density, centre, root, *chart, *layout)


@compiled_within()
def _layout(m, k):  # type: ignore[no-untyped-def]
    return Layout(
        read_wholes(m, k), read_whole(m, k + 1), read_whole(m, k + 2), read_real(m, k + 3), read_whole(m, k + 4), read_whole(m, k + 5),
        read_whole(m, k + 6), read_whole(m, k + 7), read_whole(m, k + 8), read_real(m, k + 9), read_whole(m, k + 10), read_whole(m, k + 11),
        read_whole(m, k + 12), read_real(m, k + 13), read_whole(m, k + 14), read_whole(m, k + 15), read_whole(m, k + 16), read_whole(m, k + 17),
        read_whole(m, k + 18), read_whole(m, k + 19), read_whole(m, k + 20), read_whole(m, k + 21), read_whole(m, k + 22), read_whole(m, k + 23),
        read_real(m, k + 24),
    )  # fmt: skip


@compiled_c(DENSITY)
def _density(size, x_, gradient_, value_, memory):  # type: ignore[no-untyped-def]
    try:
        chart, layout = read_chart(memory, 2), _layout(memory, 20)
        point, sloped = move(memory, carray(x_, (size,))), wants_slopes(memory)
        symbols = np.empty(len(chart.base) + len(chart.inverted) + chart.entry_starts[-1])
        slopes = np.empty(len(symbols) if sloped else 0)
        value = enter_symbols(chart, point, symbols) + collapse(layout, symbols, slopes)
        carray(value_, (1,))[0] = value
        good = np.isfinite(value)
        if sloped:
            gradient = np.empty(size)
            pull_slopes(chart, point, symbols, slopes, gradient)
            good = move_back(memory, gradient, carray(gradient_, (size,))) and good
    except Exception:  # numba knows no other; what fails is refused by the sampler
        return FAILED
    return 0 if good else FAILED
