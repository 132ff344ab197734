"""NUTS in coordinates in which a density is about round, by its mode and curvature (Hoffman & Gelman 2014; nutpie).

The density is a C function where nutpie takes one, so that chains run side by side; else a Python function, which they
call in turns.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mechanisms.infer.diagnostics import worst
from mechanisms.infer.engines.contract import Settings, UnreliableError
from mechanisms.infer.marginal.native import Native
from mechanisms.infer.rounds import Round, Sampled, run_rounds

Floats = NDArray[np.float64]
Slope = Callable[[Floats], tuple[float, Floats]]
Begin = Callable[[int], Floats]
R_HAT, ESS = 1.01, 400.0
EASY = 3  # coordinates that mode and curvature have made round take a third of the warm-up
LONGER = 4  # how many times the draws that were asked for, once, where they say too little


def sample_whitened(
    slope: Slope,
    mode: Floats,
    root: Floats,
    settings: Settings,
    seed: np.random.SeedSequence,
    *,
    native: Native | None = None,
    near: float = 1.0,
    lenient: bool = False,
    speaks_of: Callable[[Floats], Floats] = lambda points: points,
) -> tuple[Floats, xr.Dataset, tuple[int, int] | None]:
    """Draws (chains, draws, size) of a density, given with its gradient, the sampler's statistics, and where it was stopped.

    The sampler's coordinates x are those of mode + root @ x, where a root of one dimension is a diagonal; `native` is the
    density in them, compiled. Chains begin at normal points with sd `near`, and are judged by what the draws are wanted
    for, `speaks_of` (points → quantities, a column each). The first round takes a third of the warm-up; where it says too little
    or diverged, there is a second, tuned for longer, in smaller steps. `lenient`: the first round takes all of the warm-up, since
    the coordinates are not round, and the second's draws are given whatever they say.

    Raises
    ------
    UnreliableError
        The chains do not agree, or say too little.
    KeyboardInterrupt
        Interrupted before every chain had a draw.
    """
    import nutpie  # noqa: PLC0415  (slow to import; most fits do without)

    size = len(mode)

    def begin(chain_seed: int) -> Floats:
        return near * np.random.default_rng(chain_seed).standard_normal(size)

    compiled = _take_native(native, size, begin) or _take_python(slope, mode, root, begin)
    fixed: dict[str, Any] = {"chains": settings.chains, "cores": settings.chains, "progress_bar": False}
    fixed |= {"blocking": False, "save_warmup": False, "seed": int(seed.generate_state(1)[0])}
    again = Round(LONGER * settings.draws, (2 if lenient else 1) * settings.tune, careful=True)
    rounds = [Round(settings.draws, settings.tune if lenient else -(-settings.tune // EASY)), again]

    def judge(tree: Any) -> tuple[float, float]:
        points = np.asarray(tree["posterior"]["point"])
        wanted = speaks_of(points.reshape(-1, size)).reshape(*points.shape[:2], -1)
        return worst(xr.Dataset({"wanted": (("chain", "draw", "place"), wanted)}))

    def settle(tree: Any) -> bool:
        return _settled(*judge(tree)) and not tree["sample_stats"]["diverging"].any()

    sampled = run_rounds(partial(nutpie.sample, compiled, **fixed), settings, rounds, settle)
    if not (lenient or sampled.stopped or sampled.settled or _settled(*(found := judge(sampled.tree)))):
        raise UnreliableError(f"NUTS on the collapsed density: R-hat {found[0]:.3f}, effective size {found[1]:.0f}")
    return _unpack(sampled)


def _take_python(slope: Slope, mode: Floats, root: Floats, begin: Begin) -> Any:
    """The density for nutpie as a Python function."""
    from nutpie.compiled_pyfunc import from_pyfunc  # noqa: PLC0415

    size = len(mode)
    matrix = np.diag(root) if root.ndim == 1 else root

    def make_density() -> Callable[[Floats], tuple[float, Floats]]:
        def density(point: Floats) -> tuple[float, Floats]:
            value, gradient = slope(mode + matrix @ point)
            if not (np.isfinite(value) and np.isfinite(gradient).all()):
                return -np.inf, np.zeros(size)
            return value, matrix.T @ gradient

        return density

    def make_expand(_one: int, _two: int, _chain: int) -> Callable[[Floats], dict[str, Floats]]:
        return lambda point: {"point": mode + matrix @ point}

    return from_pyfunc(
        size,
        make_density,
        make_expand,
        [np.dtype("float64")],
        [(size,)],
        ["point"],
        coords={"place": np.arange(size)},
        dims={"point": ("place",)},
        make_initial_point_fn=begin,
    )


def _take_native(native: Native | None, size: int, begin: Begin) -> Any:
    """The density for nutpie as a C function; None where this nutpie takes none, since its door for them is not public."""
    if native is None:
        return None
    held = native
    try:
        from nutpie import _lib  # noqa: PLC0415
        from nutpie.sample import CompiledModel  # noqa: PLC0415

        class Compiled(CompiledModel):  # type: ignore[misc]
            n_dim = size
            shapes = {"point": (size,)}  # noqa: RUF012
            coords = {"place": np.arange(size)}  # noqa: RUF012

            def _make_sampler(self, settings: Any, init_mean: Any, cores: int, *rest: Any) -> Any:
                return _lib.PySampler.from_pymc(settings, cores, self._make_model(init_mean), *rest)

            def _make_model(self, _init_mean: Any) -> Any:
                at = held.memory.ctypes.data
                variables = _lib.PyVariable.new_variables(
                    ["point"], ["float64"], [(size,)], {"place": size}, {"point": ("place",)}
                )
                return _lib.PyMcModel(
                    _lib.LogpFunc(held.density.address, at, held),
                    _lib.ExpandFunc(size, size, held.expand.address, at, held),
                    variables, size, {"place": size}, self.coords, begin, None,
                )  # fmt: skip

        made = Compiled(dims={"point": ("place",)})
        made._make_model(None)
    except (ImportError, AttributeError, TypeError):
        return None
    return made


def _settled(r_hat: float, ess: float) -> bool:
    """Whether the chains agree and say enough; a single chain has no R-hat."""
    return not r_hat >= R_HAT and ess > ESS


def _unpack(sampled: Sampled) -> tuple[Floats, xr.Dataset, tuple[int, int] | None]:
    statistics = sampled.tree["sample_stats"].to_dataset()[["diverging", "depth"]]
    return np.asarray(sampled.tree["posterior"]["point"]), statistics, sampled.stopped
