"""Where the mediators' noise is integrated: nodes and weights for each version that needs them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, inf, prod

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc

from mechanisms.effects.worlds import Scene, Traced, Version, find_degree

Floats = NDArray[np.float64]
LARGEST_GRID = 8192
SOBOL_POINTS = 1024
MOST_SUMMED = 6  # 0/1 mediators that are summed over beside Sobol' points
_REACH = 6.5  # sds of a normal that a grid covers


@dataclass(frozen=True, eq=False)
class Noise:
    """One version's random part on its axis of the grid: nodes and, for a normal, weights (0/1: its own probability)."""

    axis: int
    nodes: Floats
    weights: Floats | None


@dataclass(frozen=True, eq=False)
class Layout:
    """How the noise is integrated: versions with an axis of the grid, versions carried as loadings, Sobol' or not."""

    noises: Mapping[Version, Noise]
    loaded: frozenset[Version]
    shape: tuple[int, ...]
    sobol: bool

    @property
    def cells(self) -> int:
        """How many points the grid has."""
        return prod(self.shape)


def _sort_noise(scene: Scene, traced: Traced) -> tuple[dict[Version, float], frozenset[Version]]:
    """Versions whose noise needs a grid, each with the outcome's degree in it, and versions carried as loadings."""
    last = traced[-1][0]
    identity = scene.plan.equation(last.name).link == "identity"
    degrees = {version: find_degree(scene, traced, frozenset({version})) for version, _ in traced if version != last}
    loaded: list[Version] = []
    if not identity:
        for version in reversed(list(degrees)):
            together = frozenset([*loaded, version])
            if _normal(scene, version) and degrees[version] == 1 and find_degree(scene, traced, together) <= 1:
                loaded.append(version)
    needed = {
        version: degree if identity else inf
        for version, degree in degrees.items()
        if degree > 0 and version not in loaded and not (identity and degree <= 1)
    }
    return needed, frozenset(loaded)


def _normal(scene: Scene, version: Version) -> bool:
    return scene.plan.equation(version.name).family == "normal"


def lay_out(scene: Scene, traced: Traced, step: float) -> Layout | None:
    """The grid with this step in every direction that has no exact rule; None where it would be too large."""
    needed, loaded = _sort_noise(scene, traced)
    noises: dict[Version, Noise] = {}
    for axis, (version, degree) in enumerate(needed.items()):
        if not _normal(scene, version):
            noises[version] = Noise(axis, np.array([0.0, 1.0]), None)
        else:
            nodes, weights = hermite(ceil((degree + 1) / 2)) if degree < inf else trapezoid(step)
            noises[version] = Noise(axis, nodes, weights)
    shape = tuple(len(noise.nodes) for noise in noises.values())
    return Layout(noises, loaded, shape, sobol=False) if prod(shape) <= LARGEST_GRID else None


def scatter(scene: Scene, traced: Traced) -> Layout:
    """Sobol' points on the first axis for all that is normal (and for 0/1 versions beyond the first few)."""
    needed, loaded = _sort_noise(scene, traced)
    summed = [version for version in needed if not _normal(scene, version)][:MOST_SUMMED]
    spread = [version for version in needed if version not in summed]
    points = qmc.Sobol(max(1, len(spread)), scramble=True, rng=np.random.default_rng(20260101)).random(SOBOL_POINTS)
    points = np.clip(points, 1e-9, 1 - 1e-9)
    noises = {version: Noise(axis, np.array([0.0, 1.0]), None) for axis, version in enumerate(summed, start=1)}
    for k, version in enumerate(spread):
        noises[version] = Noise(0, norm.ppf(points[:, k]) if _normal(scene, version) else points[:, k], None)
    return Layout(noises, loaded, (SOBOL_POINTS, *(2,) * len(summed)), sobol=True)


@lru_cache(maxsize=64)
def hermite(size: int) -> tuple[Floats, Floats]:
    """Nodes and weights for the mean of a function of a standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(size)
    return nodes, weights / np.sqrt(2 * np.pi)


@lru_cache(maxsize=64)
def trapezoid(step: float) -> tuple[Floats, Floats]:
    """The same on an equidistant grid."""
    half = ceil(_REACH / step)
    nodes: Floats = np.arange(-half, half + 1, dtype=np.float64) * step
    weights: Floats = np.asarray(norm.pdf(nodes))
    return nodes, weights / weights.sum()
