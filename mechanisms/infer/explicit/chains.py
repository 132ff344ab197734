"""A PyMC model as nutpie samples it, with machine code that is kept and remembered (`machine`)."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import nutpie
import pymc as pm
from numpy.typing import NDArray

from mechanisms.infer.explicit.machine import Machine, build_machine, lay_out
from mechanisms.infer.explicit.outline import take_outline
from mechanisms.infer.explicit.starts import place_starts

Floats = NDArray[np.float64]


def compile_chains(model: pm.Model, kept: Sequence[str], moved: set[Any]) -> Any:
    """What `nutpie.sample` takes; a draw keeps the variables named in `kept`, chains begin with `moved` at random places.

    Another random variable begins at its middle, as in `nutpie.compile_pymc_model(jitter_rvs=)`.
    """
    outline, data = take_outline(model, kept)
    machine = build_machine(outline)
    start = place_starts(model, moved, [each.name for each in outline.point])

    def begin(seed: int) -> Floats:
        return np.concatenate([each.ravel() for each in start(seed)])

    made = _take(machine, lay_out(outline, data), data, kept, len(begin(0)), begin)
    return made or nutpie.compile_pymc_model(model, var_names=kept, jitter_rvs=moved)


def _take(
    machine: Machine,
    memory: NDArray[np.int64],
    data: Sequence[NDArray[Any]],
    kept: Sequence[str],
    size: int,
    begin: Any,
) -> Any:
    """Nutpie's own model of the functions; None where this nutpie takes none, since its door for them is not public."""
    whole = dict(zip(kept, machine.shapes, strict=True))
    dims = {name: tuple(f"{name}[{axis}]" for axis in range(len(shape))) for name, shape in whole.items()}
    lengths = {dim: length for name in kept for dim, length in zip(dims[name], whole[name], strict=True)}
    places = {dim: np.arange(length) for dim, length in lengths.items()}
    expanded, held = sum(prod(shape) for shape in machine.shapes), (machine, memory, data)
    try:
        from nutpie import _lib  # noqa: PLC0415
        from nutpie.sample import CompiledModel  # noqa: PLC0415

        class Compiled(CompiledModel):  # type: ignore[misc]
            n_dim, shapes, coords = size, whole, places

            def _make_sampler(self, settings: Any, init_mean: Any, cores: int, *rest: Any) -> Any:
                return _lib.PySampler.from_pymc(settings, cores, self._make_model(init_mean), *rest)

            def _make_model(self, _init_mean: Any) -> Any:
                at, types = memory.ctypes.data, ["float64"] * len(kept)
                variables = _lib.PyVariable.new_variables([*kept], types, [*machine.shapes], lengths, dims)
                return _lib.PyMcModel(
                    _lib.LogpFunc(machine.density.address, at, held),
                    _lib.ExpandFunc(size, expanded, machine.expand.address, at, held),
                    variables, size, lengths, places, begin, None,
                )  # fmt: skip

        made = Compiled(dims=dims)
        made._make_model(None)
    except (ImportError, AttributeError, TypeError):
        return None
    return made
