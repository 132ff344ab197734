"""Where the mediators' noise is integrated: nodes and weights for each version that needs them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, inf, prod

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc, t

from mechanisms.effects.looking import is_affine
from mechanisms.effects.worlds import Scene, Traced, Version, find_degree, list_degrees
from mechanisms.model.equations import Equation
from mechanisms.model.families import FAMILIES
from mechanisms.model.laws import FREEDOM

Floats = NDArray[np.float64]
LARGEST_GRID = 8192
SOBOL_POINTS = 1024
MOST_SUMMED = 6  # 0/1 mediators that are summed over beside Sobol' points
REACH = 6.5  # sds of a normal that a grid covers
FEWEST_TERMS = 32  # of a sum over counts
LOG_ODDS_REACH = 3.5  # a share's log-odds have tails like exponentials, which reach farther than a normal's


@dataclass(frozen=True)
class Fineness:
    """A grid's step and how far it reaches, in sds of a normal; `widths` are the terms of sums over counts."""

    step: float
    reach: float
    widths: Mapping[Version, int]

    def count_terms(self, version: Version) -> int:
        """How many values of a count are summed over: those that are needed, and more where the grid is widened."""
        return ceil(self.widths.get(version, FEWEST_TERMS) * self.reach / REACH)


@dataclass(frozen=True, eq=False)
class Noise:
    """One version's random part on its axis of the grid: nodes and weights; None where the family's own, or points, do.

    `scattered` tells points from a grid, `tail` how much of a count's distribution may be left out. The first `atoms` nodes
    stand for values that have a probability of their own: 0, then 1.
    """

    axis: int
    nodes: Floats
    weights: Floats | None
    scattered: bool = False
    tail: float = 0.0
    atoms: int = 0


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
    plain, noisy = scene.plain, [version for version, _ in traced[:-1] if not scene.parts(version.name)]
    degrees = {version: find_degree(scene, traced, frozenset({version})) for version in noisy}
    loaded: list[Version] = []
    if not plain:
        for version in reversed(list(degrees)):
            if degrees[version] == 1 and _can_load(scene, traced, version, frozenset([*loaded, version])):
                loaded.append(version)
    needed = {
        version: degree if plain else inf
        for version, degree in degrees.items()
        if degree > 0 and version not in loaded and not (plain and degree <= 1)
    }
    return needed, frozenset(loaded)


def _can_load(scene: Scene, traced: Traced, version: Version, together: frozenset[Version]) -> bool:
    """Whether a version's noise is normal and reaches what is looked at as one normal, with that of others."""
    if scene.plan.equation(version.name).family != "normal":
        return False
    moved = [(each, degree) for each, degree in list_degrees(scene, traced, together) if degree > 0]
    affine = is_affine(scene.look, scene.plan.equation(scene.on), [each for each, _ in moved])
    return affine and all(degree <= 1 for _, degree in moved)


def lay_out(scene: Scene, traced: Traced, fineness: Fineness) -> Layout | None:
    """The grid that is so fine in every direction that has no exact rule; None where it would be too large."""
    needed, loaded = _sort_noise(scene, traced)
    noises: dict[Version, Noise] = {}
    for axis, (version, degree) in enumerate(needed.items()):
        noises[version] = _lay_axis(scene.plan.equation(version.name), version, axis, degree, fineness)
    shape = tuple(len(noise.nodes) for noise in noises.values())
    return Layout(noises, loaded, shape, sobol=False) if prod(shape) <= LARGEST_GRID else None


def _lay_axis(equation: Equation, version: Version, axis: int, degree: float, fineness: Fineness) -> Noise:
    """One version's nodes."""
    family, kind = equation.family, FAMILIES[equation.family].kind
    if kind in ("binary", "category"):
        return Noise(axis, np.arange(len(equation.predictors) + 1, dtype=np.float64), None)
    if kind == "count":
        return Noise(axis, np.arange(fineness.count_terms(version), dtype=np.float64), None, tail=float(norm.sf(REACH)))
    if kind in ("share", "heaped"):
        half = ceil(LOG_ODDS_REACH * fineness.reach / fineness.step)
        odds = np.arange(-half, half + 1, dtype=np.float64) * fineness.step
        return Noise(axis, odds, None) if kind == "share" else Noise(axis, np.append([0.0, 0.0], odds), None, atoms=2)
    if family == "student" and degree <= 3:
        return Noise(axis, np.array([-1.0, 1.0]) * np.sqrt(2.0), np.array([0.5, 0.5]))  # its variance is 2
    if family == "normal":
        nodes, weights = hermite(ceil((degree + 1) / 2)) if degree < inf else trapezoid(fineness.step)
        return Noise(axis, nodes, weights)
    nodes, weights = trapezoid(fineness.step, fineness.reach)
    if equation.zeros:
        return Noise(axis, np.append(0.0, nodes), np.append(1.0, weights), atoms=1)
    return Noise(axis, student_quantiles(nodes) if family == "student" else nodes, weights)


def student_quantiles(z: Floats) -> Floats:
    """The quantiles of a student's noise where a standard normal has the quantiles z."""
    return np.asarray(np.sign(z) * t.isf(norm.sf(np.abs(z)), FREEDOM))


def scatter(scene: Scene, traced: Traced) -> Layout:
    """Sobol' points on the first axis for all but 0/1 versions, and for those beyond the first few."""
    needed, loaded = _sort_noise(scene, traced)
    families = {version: scene.plan.equation(version.name).family for version in needed}
    summed = [version for version in needed if families[version] == "bernoulli"][:MOST_SUMMED]
    spread = [version for version in needed if version not in summed]
    points = qmc.Sobol(max(1, len(spread)), scramble=True, rng=np.random.default_rng(20260101)).random(SOBOL_POINTS)
    points = np.clip(points, 1e-9, 1 - 1e-9)
    noises = {version: Noise(axis, np.array([0.0, 1.0]), None) for axis, version in enumerate(summed, start=1)}
    for k, version in enumerate(spread):
        family = families[version]
        nodes = points[:, k] if FAMILIES[family].kind in ("binary", "category") else norm.ppf(points[:, k])
        noises[version] = Noise(0, student_quantiles(nodes) if family == "student" else nodes, None, scattered=True)
    return Layout(noises, loaded, (SOBOL_POINTS, *(2,) * len(summed)), sobol=True)


@lru_cache(maxsize=64)
def hermite(size: int) -> tuple[Floats, Floats]:
    """Nodes and weights for the mean of a function of a standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(size)
    return nodes, weights / np.sqrt(2 * np.pi)


@lru_cache(maxsize=64)
def trapezoid(step: float, reach: float = REACH) -> tuple[Floats, Floats]:
    """The same on an equidistant grid."""
    half = ceil(reach / step)
    nodes: Floats = np.arange(-half, half + 1, dtype=np.float64) * step
    weights: Floats = np.asarray(norm.pdf(nodes))
    return nodes, weights / weights.sum()
