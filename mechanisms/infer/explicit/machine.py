"""An outline as two C functions, which a sampler's threads call side by side: the density with its gradient, and a draw.

PyTensor makes machine code of an outline, and keeps it on disk. nutpie's own functions around that code are not kept: each
process optimises all of it anew, for most of the time of a second fit, and the data are part of it. Ours get the addresses
and shapes of the data at every call. They are kept beside PyTensor's code under a key made of its key and of our source, so
that another process reads them in a tenth of a second.

What was built for the last few outlines is remembered: a model with the same outline (`outline.remember`) gets the same
functions, whatever its data.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from math import prod
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import carray
from numpy.typing import NDArray
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import explicit_graph_inputs
from pytensor.link.numba.cache import CACHED_SRC_FUNCTIONS, compile_numba_function_src

from mechanisms.infer.explicit.outline import Outline, remember

FAILED, NOT_FINITE = 1, 2

_types: Any = types  # untyped in their stubs, as the next two
_ops: Any = pt
_pytensor: Any = pytensor
_REALS, _WHOLES = _types.CPointer(types.double), _types.CPointer(types.int64)
_DENSITY = types.int64(types.uint64, _REALS, _REALS, _REALS, _WHOLES)
_EXPAND = types.int64(types.uint64, types.uint64, _REALS, _REALS, _WHOLES)


@dataclass(frozen=True, eq=False)
class Machine:
    """The C functions of an outline, and the shape of each variable that a draw keeps.

    `density(size, x, gradient, value, memory)` and `expand(size, expanded, x, out, memory)` return 0 where all is well.
    """

    density: Any
    expand: Any
    shapes: tuple[tuple[int, ...], ...]


@remember
def build_machine(outline: Outline) -> Machine:
    """The functions of an outline; those that were built in this process for the same one, if it is among the last few."""
    simple: Any = rewrite_graph([*outline.outputs], include=["canonicalize", "stabilize"], clone=True)
    value, *kept = simple
    slopes: Any = _ops.grad(value, [*outline.point])
    density = _compile(outline, [value, *slopes], _DENSITY, _write_density)
    return Machine(density, _compile(outline, kept, _EXPAND, _write_expand), tuple(_find_shapes(outline, kept)))


def lay_out(outline: Outline, data: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """What the functions read: where each value of the point begins and its shape, the address of each array and its shape.

    The arrays must outlive it.

    Raises
    ------
    ValueError
        An array has another shape or type than the outline's.
    """
    found: list[int] = []
    begin = 0
    for each in outline.point:
        found += [begin, *each.type.shape]
        begin += prod(each.type.shape)
    for wanted, array in zip(outline.data, data, strict=True):
        if not (array.dtype == wanted.dtype and array.flags.c_contiguous and array.shape == wanted.type.shape):
            raise ValueError(f"{array.dtype} of shape {array.shape} where {wanted.type} is wanted")
        found += [array.ctypes.data, *array.shape]
    return np.array(found, dtype=np.int64)


def _find_shapes(outline: Outline, kept: Sequence[Any]) -> list[tuple[int, ...]]:
    """The shapes of what a draw keeps, which depend on those of the inputs alone."""
    if all(None not in each.type.shape for each in kept):
        return [tuple(each.type.shape) for each in kept]
    blank = {each: _ops.zeros(each.type.shape, dtype=each.dtype) for each in outline.inputs}
    ask = _pytensor.function([], [each.shape for each in kept], givens=blank, mode="FAST_COMPILE")
    return [tuple(int(length) for length in shape) for shape in ask()]


def _compile(outline: Outline, outputs: list[Any], signature: Any, write: Any) -> Any:
    """The C function of some outputs, read from disk where it was compiled before."""
    used = set(explicit_graph_inputs(outputs))
    inputs = [each for each in outline.inputs if each in used]
    inner = pm.compile(inputs, outputs, mode="NUMBA").vm.jit_fn
    source = write(_write_reading(outline, used), len(outputs))
    key = CACHED_SRC_FUNCTIONS.get(inner.py_func)  # none where PyTensor keeps no code of one of its operations
    if key is not None:
        parts = (key, source, Path(__file__).read_text(), *map(version, ("numba", "nutpie", "pytensor")))
        key = sha256("\0".join(parts).encode()).hexdigest()
    names = {"__name__": __name__, "np": np, "carray": carray, "inner": inner}
    names |= {"point_at": _point_at, "move_on": _move_on}
    outer = compile_numba_function_src(source, "outer", names, cache_key=key)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(?s).*Cannot cache compiled function", category=numba.NumbaWarning)
        return numba.cfunc(signature, cache=key is not None)(outer)


def _write_reading(outline: Outline, used: set[Any]) -> list[str]:
    """Lines that read what is used of the point and of the data, and call PyTensor's function with it."""
    lines: list[str] = []
    handed: list[str] = []
    at = 0
    for number, each in enumerate(outline.inputs):
        shape = "".join(f"memory[{at + 1 + axis}], " for axis in range(each.ndim))
        if each in used:
            kind = f"np.{'bool_' if each.dtype == 'bool' else each.dtype}"
            start = f"move_on(x, memory[{at}])" if each in outline.point else f"point_at(memory[{at}])"
            lines.append(f"a{number} = carray({start}, ({shape}), {kind})")
            handed.append(f"a{number}")
        at += 1 + each.ndim
    tuples = [f"({', '.join(handed[k : k + 10])},)" for k in range(0, len(handed), 10)]  # Numba knows no longer ones
    return [*lines, f"found = inner(*({' + '.join(tuples) or '()'}))"]


def _write_density(reading: list[str], outputs: int) -> str:
    lines = [*reading, "value[0] = found[0].item()", "good = np.isfinite(value[0])", "i = 0"]
    for number in range(1, outputs):
        lines += [f"for each in np.asarray(found[{number}]).flat:", "    out[i] = each"]
        lines += ["    good = good and np.isfinite(each)", "    i += 1"]
    lines.append(f"return 0 if good else {NOT_FINITE}")
    return _wrap("outer(size, x, out, value, memory)", lines)


def _write_expand(reading: list[str], outputs: int) -> str:
    lines = [*reading, "i = 0"]
    for number in range(outputs):
        lines += [f"for each in np.asarray(found[{number}]).flat:", "    out[i] = each", "    i += 1"]
    return _wrap("outer(size, expanded, x, out, memory)", [*lines, "return 0"])


def _wrap(head: str, lines: list[str]) -> str:
    body = "\n".join(f"        {line}" for line in lines)
    return f"def {head}:\n    try:\n{body}\n    except Exception:\n        return {FAILED}\n"


def _address(typingctx, address):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


def _later(typingctx, pointer, count):  # type: ignore[no-untyped-def]
    """The pointer to what lies so many numbers further on."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.gep(arguments[0], [arguments[1]])

    return pointer(pointer, types.int64), generate


_point_at: Any = intrinsic(_address)
_move_on: Any = intrinsic(_later)
