"""Densities as C functions, which a sampler's threads call side by side without Python's lock.

A C function gets a pointer to the numbers it needs: `Native.memory` lists address, rows and columns of each array, the
centre and the root of the sampler's coordinates first. Compiled once for an installation; the data are arguments.

Threads share these arrays. What a density writes to on the way is a room of its own, one of some that are there from the
beginning: new memory of some megabytes at every call can take several times as long as what is worked out in it.
"""

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import carray
from numpy.typing import NDArray

from mechanisms.infer.compiling import compiled_c, compiled_within
from mechanisms.infer.marginal.coordinates import Chart

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_types: Any = types
_REALS = _types.CPointer(types.double)
DENSITY = types.int64(types.uint64, _REALS, _REALS, _REALS, _types.CPointer(types.int64))
_EXPAND = types.int64(types.uint64, types.uint64, _REALS, _REALS, _types.CPointer(types.int64))
FAILED = 1
_CALL = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[ctypes.c_void_p] * 4)


@dataclass(frozen=True, eq=False)
class Native:
    """A density's C function and that of the way back from the sampler's coordinates, with what they read.

    Neither outlives `arrays`, the memory that `memory` points at.
    """

    density: Any
    memory: Whole
    arrays: tuple[NDArray[Any], ...]

    def evaluate(self, points: Floats, slopes: Floats) -> Floats:
        """The density at points (m, size) in the sampler's coordinates, −inf where it has none; its gradients into `slopes`, (m, size).

        Without a root there are none, and `slopes` is left as it is.
        """
        call, memory = _CALL(self.density.address), self.memory.ctypes.data
        points, out = np.ascontiguousarray(points), np.empty(len(points))
        size, step = points.shape[1], 8 * points.shape[1]
        point, value, slope = points.ctypes.data, out.ctypes.data, slopes.ctypes.data
        for m in range(len(points)):
            if call(size, point + m * step, slope + m * step, value + 8 * m, memory):
                out[m] = -np.inf
        return out

    @property
    def expand(self) -> Any:
        """The C function from the sampler's coordinates x to centre + root @ x."""
        return _expand


def bind_native(density: Any, *arrays: NDArray[Any]) -> Native:
    """A C function with the arrays that it reads; the centre and the root (a diagonal, if of one dimension; (0, size) for values alone) come first."""
    centre, root, *rest = arrays
    held = tuple(np.ascontiguousarray(each) for each in (centre, np.atleast_2d(root), *rest))
    memory = [number for each in held for number in (each.ctypes.data, len(each), each.shape[-1])]
    return Native(density, np.array(memory, dtype=np.int64), held)


def _address(typingctx, address):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


_point_at: Any = intrinsic(_address)


def _swap(typingctx, address, one, other):  # type: ignore[no-untyped-def]
    """Whether the whole number at an address was `one`; it is `other` then, before any other thread looks."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        found = builder.cmpxchg(place, arguments[1], arguments[2], "seq_cst", "seq_cst")
        return builder.zext(builder.extract_value(found, 1), ir.IntType(64))

    return types.int64(types.int64, types.int64, types.int64), generate


_swapped: Any = intrinsic(_swap)


@compiled_within()
def enter_room(memory, k):  # type: ignore[no-untyped-def]
    """The first room in which no other thread is, −1 where there is none; array k says 1 of those that are taken."""
    for place in range(memory[3 * k + 1]):
        if _swapped(memory[3 * k] + 8 * place, 0, 1):
            return place
    return -1


@compiled_within()
def leave_room(memory, k, place):  # type: ignore[no-untyped-def]
    """Leave a room to others."""
    _swapped(memory[3 * k] + 8 * place, 1, 0)


@compiled_within()
def read_whole(memory, k):  # type: ignore[no-untyped-def]
    """Array k of the memory: whole numbers in a row."""
    return carray(_point_at(memory[3 * k]), (memory[3 * k + 1],), np.int64)


@compiled_within()
def read_wholes(memory, k):  # type: ignore[no-untyped-def]
    """Array k of the memory: whole numbers in rows."""
    return carray(_point_at(memory[3 * k]), (memory[3 * k + 1], memory[3 * k + 2]), np.int64)


@compiled_within()
def read_real(memory, k):  # type: ignore[no-untyped-def]
    """Array k of the memory: numbers in a row."""
    return carray(_point_at(memory[3 * k]), (memory[3 * k + 1],), np.float64)


@compiled_within()
def read_reals(memory, k):  # type: ignore[no-untyped-def]
    """Array k of the memory: numbers in rows."""
    return carray(_point_at(memory[3 * k]), (memory[3 * k + 1], memory[3 * k + 2]), np.float64)


@compiled_within()
def wants_slopes(memory):  # type: ignore[no-untyped-def]
    """Whether there is a root: without one only the value is asked for."""
    return memory[4] > 0


@compiled_within()
def move(memory, x):  # type: ignore[no-untyped-def]
    """The point centre + root @ x; a root of one row is a diagonal, one of none is 1."""
    centre, root = read_real(memory, 0), read_reals(memory, 1)
    out = centre.copy()
    for i in range(len(x)):
        if len(root) == 0:
            out[i] += x[i]
        elif len(root) == 1:
            out[i] += root[0, i] * x[i]
        else:
            for j in range(len(x)):
                out[i] += root[i, j] * x[j]
    return out


@compiled_within()
def move_back(memory, slope, out):  # type: ignore[no-untyped-def]
    """Write rootᵀ slope; whether all of it is a number."""
    root, good = read_reals(memory, 1), True
    for j in range(len(slope)):
        out[j] = root[0, j] * slope[j] if len(root) == 1 else 0.0
    if len(root) > 1:
        for i in range(len(slope)):
            for j in range(len(slope)):
                out[j] += root[i, j] * slope[i]
    for j in range(len(slope)):
        good = good and np.isfinite(out[j])
    return good


@compiled_within()
def read_chart(m, k):  # type: ignore[no-untyped-def]
    """The chart, whose first array is k."""
    return Chart(
        read_whole(m, k), read_whole(m, k + 1), read_reals(m, k + 2), read_real(m, k + 3), read_real(m, k + 4), read_real(m, k + 5),
        read_reals(m, k + 6), read_whole(m, k + 7), read_whole(m, k + 8), read_real(m, k + 9), read_whole(m, k + 10), read_whole(m, k + 11),
        read_whole(m, k + 12), read_whole(m, k + 13), read_whole(m, k + 14), read_whole(m, k + 15), read_wholes(m, k + 16),
        read_reals(m, k + 17),
    )  # fmt: skip


@compiled_c(_EXPAND)
def _expand(size, expanded, x_, out_, memory):  # type: ignore[no-untyped-def]
    try:
        out, moved = carray(out_, (expanded,)), move(memory, carray(x_, (size,)))
        for i in range(len(out)):
            out[i] = moved[i]
    except Exception:
        return FAILED
    return 0
