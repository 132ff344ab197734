"""Mediators whose residuals are correlated: where that matters to a mean, it is not averaged over yet, and refused.

Noise is integrated as if it were independent. The covariance of two residuals matters to the mean of what the two reach
through a link or in a product; one that adds the same number to every world cancels in what is compared.
"""

from mechanisms.effects.worlds import Scene, Source, Traced, Version, find_degree
from mechanisms.errors import IdentificationError

Carried = dict[Version, frozenset[str]]


def refuse_tied(scene: Scene, traced: Traced) -> None:
    """Raise an `IdentificationError` where the outcome's mean depends on a correlation of residuals."""
    for each in scene.plan.residuals:
        if _matters(scene, traced, frozenset({each.one, each.other})):
            raise IdentificationError(
                f"the residuals of {each.one} and {each.other} are correlated, and the mean of {scene.on} depends on both other "
                f"than by a sum: averaging over the two together is not worked out yet. set: {{{each.one}: …}} holds one of them"
            )


def _matters(scene: Scene, traced: Traced, pair: frozenset[str]) -> bool:
    """Whether the covariance of two residuals moves what is compared."""
    carried: Carried = {}
    mixed = moved = False
    for version, sources in traced:
        last = version == traced[-1][0]
        own = frozenset[str]().union(*(_carry(name, each, carried, pair) for name, each in sources.items()))
        if not scene.parts(version.name):
            linear = scene.plain if last else scene.plan.equation(version.name).link == "identity"
            if own == pair and not linear:
                return True
            for slope in (one for each in scene.predictors(version.name) for one in each.coefficients):
                found = [(_carry(f.variable, sources[f.variable], carried, pair), f.degree) for f in slope.factors]
                together = frozenset[str]().union(*(names for names, _ in found))
                mixed |= together == pair and sum(degree for names, degree in found if names) > 1
                moved |= bool(together) and any(sources[f.variable].kind in ("exposure", "held") for f in slope.factors)
        carried[version] = own | (pair & {version.name})
    versions = frozenset(version for version in carried if version.name in pair and version != traced[-1][0])
    most = len(
        {version.name for version in versions}
    )  # the degree of one product of the two, where they are not observed
    return mixed and bool(versions) and (moved or find_degree(scene, traced, versions) > most)


def _carry(name: str, source: Source, carried: Carried, pair: frozenset[str]) -> frozenset[str]:
    """Which of the two a parent brings with it: by its version, or as it was observed."""
    if source.version is not None:
        return carried[source.version]
    return pair & {name} if source.kind == "row" else frozenset()
