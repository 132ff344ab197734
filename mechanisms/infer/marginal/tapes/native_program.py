"""The density of a `program` as a C function."""

import numpy as np
from numba.np.numpy_support import carray
from numpy.typing import NDArray

from mechanisms.infer.compiling import compiled_c, compiled_within
from mechanisms.infer.marginal.coordinates import Chart
from mechanisms.infer.marginal.native import (
    DENSITY,
    FAILED,
    Native,
    bind_native,
    enter_room,
    leave_room,
    move,
    move_back,
    read_chart,
    read_real,
    read_reals,
    read_whole,
    read_wholes,
)
from mechanisms.infer.marginal.tapes.execution import differentiate_program
from mechanisms.infer.marginal.tapes.program import Program, measure_room

_CHART, _PROGRAM, _TAKEN, _ROOMS = 2, 20, 35, 36  # where the arrays of each begin
Floats = NDArray[np.float64]


def bind_program(centre: Floats, root: Floats, chart: Chart, program: Program, threads: int) -> Native:
    """The density in coordinates x with point = centre + root @ x, with rooms for so many threads."""
    taken, rooms = np.zeros(threads, dtype=np.int64), np.empty((threads, measure_room(program)))
    return bind_native(_density, centre, root, *chart, *program, taken, rooms)


@compiled_within()
def _program(m, k):  # type: ignore[no-untyped-def]
    return Program(
        read_whole(m, k), read_wholes(m, k + 1), read_whole(m, k + 2), read_real(m, k + 3), read_whole(m, k + 4), read_whole(m, k + 5),
        read_whole(m, k + 6), read_whole(m, k + 7), read_whole(m, k + 8), read_whole(m, k + 9), read_whole(m, k + 10), read_whole(m, k + 11),
        read_wholes(m, k + 12), read_whole(m, k + 13), read_real(m, k + 14),
    )  # fmt: skip


@compiled_c(DENSITY)
def _density(size, x_, gradient_, value_, memory):  # type: ignore[no-untyped-def]
    place, good = enter_room(memory, _TAKEN), False
    room = read_reals(memory, _ROOMS)[place] if place >= 0 else np.empty(memory[3 * _ROOMS + 2])
    try:
        value, slope = carray(value_, (1,)), np.empty(size)
        point = move(memory, carray(x_, (size,)))
        value[0] = differentiate_program(read_chart(memory, _CHART), _program(memory, _PROGRAM), room, point, slope)
        good = move_back(memory, slope, carray(gradient_, (size,))) and np.isfinite(value[0])
    except Exception:  # numba knows no other; what fails is refused by the sampler
        good = False
    if place >= 0:
        leave_room(memory, _TAKEN, place)
    return 0 if good else FAILED
