"""An outline as functions of JAX, for a sampler that runs on a GPU.

PyTensor writes them, operation by operation. Data stay arguments, as in `machine`: JAX would work large constants out
while it compiles, and one program serves other data of the same shapes. A parameter outside its bounds gives a density of
zero, as elsewhere in PyMC; left alone, PyTensor's checks would be dropped without a word.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pytensor.compile.mode import get_mode
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.utils import rewrite_graph

from mechanisms.infer.explicit.devices import use_doubles
from mechanisms.infer.explicit.outline import Outline, remember

Point = dict[str, Any]
_graphs: Any = FunctionGraph  # untyped in their stubs
_get_mode: Any = get_mode


class NoTranslationError(Exception):
    """JAX has no such operation, or needs to know shapes where they depend on values; the message says which."""


@dataclass(frozen=True, eq=False)
class Translation:
    """The log density at a point given data, and what is kept of it: both functions of (point, data), to be traced by JAX.

    A point holds an array for each name of `point`, which has their shapes; data are the arrays in the order of the outline's.
    `kept` are the shapes of what is kept.
    """

    point: dict[str, tuple[int, ...]]
    kept: tuple[tuple[int, ...], ...]
    density: Callable[[Point, Sequence[Any]], Any]
    keep: Callable[[Point, Sequence[Any]], tuple[Any, ...]]


@remember
def translate(outline: Outline) -> Translation:
    """The functions of an outline; those that were made in this process for the same one, if it is among the last few.

    Raises
    ------
    NoTranslationError
        JAX cannot compute it.
    """
    simple: Any = rewrite_graph([*outline.outputs], include=["canonicalize", "stabilize"], clone=True)
    shapes = {str(each.name): tuple(map(int, each.type.shape)) for each in outline.point}
    _load_dispatch()
    with use_doubles():  # constants are made here
        value, kept = (_write(outline, outputs) for outputs in (simple[:1], simple[1:]))

        def density(point: Point, data: Sequence[Any]) -> Any:
            return value(*(point[name] for name in shapes), *data)[0]

        def keep(point: Point, data: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(kept(*(point[name] for name in shapes), *data))

        return Translation(shapes, _trace(outline, density, keep), density, keep)


def _load_dispatch() -> None:
    """PyTensor's translations. Loading them turns JAX to double precision for good, which is turned back."""
    import jax  # noqa: PLC0415  (an extra)

    before = jax.config.jax_enable_x64
    try:
        import pytensor.link.jax.dispatch  # noqa: F401, PLC0415
    finally:
        jax.config.update("jax_enable_x64", before)


def _write(outline: Outline, outputs: Sequence[Any]) -> Any:
    """Some outputs as a function of all inputs."""
    from pytensor.link.jax.dispatch.basic import jax_funcify  # noqa: PLC0415

    graph, mode = _graphs([*outline.inputs], [*outputs], clone=True), _get_mode("JAX")
    mode.including("local_check_parameter_to_ninf_switch").optimizer.rewrite(graph)
    try:
        return jax_funcify(graph)
    except NotImplementedError as error:
        raise NoTranslationError(_first_line(error)) from error


def _trace(outline: Outline, density: Any, keep: Any) -> tuple[tuple[int, ...], ...]:
    """The shapes of what is kept, by tracing both functions without running them: some operations are refused only then."""
    import jax  # noqa: PLC0415

    inputs = [jax.ShapeDtypeStruct(each.type.shape, each.dtype) for each in outline.inputs]
    point = {str(each.name): shape for each, shape in zip(outline.point, inputs, strict=False)}
    data = inputs[len(point) :]
    try:
        jax.eval_shape(jax.grad(density), point, data)
        return tuple(each.shape for each in jax.eval_shape(keep, point, data))
    except (NotImplementedError, jax.errors.JAXTypeError, jax.errors.JAXIndexError) as error:
        raise NoTranslationError(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
