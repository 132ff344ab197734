"""NUTS in coordinates in which a density is about round, by its mode and curvature (Hoffman & Gelman 2014; nutpie)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mechanisms.infer.diagnostics import worst
from mechanisms.infer.engines.contract import Settings, UnreliableError
from mechanisms.infer.rounds import Sampled, run_rounds

Floats = NDArray[np.float64]
Slope = Callable[[Floats], tuple[float, Floats]]
R_HAT, ESS = 1.01, 400.0
LONGER = 4  # how many times the draws that were asked for, once, where they say too little


def sample_whitened(
    slope: Slope,
    mode: Floats,
    covariance: Floats,
    settings: Settings,
    seed: np.random.SeedSequence,
    *,
    speaks_of: Callable[[Floats], Floats] = lambda points: points,
) -> tuple[Floats, xr.Dataset, tuple[int, int] | None]:
    """Draws (chains, draws, size) of a density, given with its gradient, the sampler's statistics, and where it was stopped.

    Chains are judged by what the draws are wanted for, `speaks_of` (points → quantities, a column each).

    Raises
    ------
    UnreliableError
        The chains do not agree, or say too little.
    KeyboardInterrupt
        Interrupted before every chain had a draw.
    """
    import nutpie  # noqa: PLC0415  (slow to import; most fits do without)
    from nutpie.compiled_pyfunc import from_pyfunc  # noqa: PLC0415

    size, root = len(mode), np.linalg.cholesky(covariance)

    def make_density() -> Callable[[Floats], tuple[float, Floats]]:
        def density(point: Floats) -> tuple[float, Floats]:
            value, gradient = slope(mode + root @ point)
            if not (np.isfinite(value) and np.isfinite(gradient).all()):
                return -np.inf, np.zeros(size)
            return value, root.T @ gradient

        return density

    def make_expand(_one: int, _two: int, _chain: int) -> Callable[[Floats], dict[str, Floats]]:
        return lambda point: {"point": mode + root @ point}

    def begin(chain_seed: int) -> Floats:
        return np.random.default_rng(chain_seed).standard_normal(size)

    compiled = from_pyfunc(
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
    fixed: dict[str, Any] = {"chains": settings.chains, "cores": settings.chains, "progress_bar": False}
    fixed |= {"blocking": False, "save_warmup": False, "seed": int(seed.generate_state(1)[0])}
    rounds = [(settings.draws, settings.tune), (LONGER * settings.draws, settings.tune)]

    def judge(tree: Any) -> tuple[float, float]:
        points = np.asarray(tree["posterior"]["point"])
        wanted = speaks_of(points.reshape(-1, size)).reshape(*points.shape[:2], -1)
        return worst(xr.Dataset({"wanted": (("chain", "draw", "place"), wanted)}))

    sampled = run_rounds(
        partial(nutpie.sample, compiled, **fixed), settings, rounds, lambda tree: _settled(*judge(tree))
    )
    if not (sampled.stopped or sampled.settled or _settled(*(found := judge(sampled.tree)))):
        raise UnreliableError(f"NUTS on the collapsed density: R-hat {found[0]:.3f}, effective size {found[1]:.0f}")
    return _unpack(sampled)


def _settled(r_hat: float, ess: float) -> bool:
    """Whether the chains agree and say enough; a single chain has no R-hat."""
    return not r_hat >= R_HAT and ess > ESS


def _unpack(sampled: Sampled) -> tuple[Floats, xr.Dataset, tuple[int, int] | None]:
    statistics = sampled.tree["sample_stats"].to_dataset()[["diverging", "depth"]]
    return np.asarray(sampled.tree["posterior"]["point"]), statistics, sampled.stopped
