"""The independences that a theory implies and data could refute (Pearl 2009, ch. 1; Textor et al. 2016).

For every two measured variables without an arrow between them: each minimal set of measured variables that d-separates
them. Pairs of exogenous variables are told apart (`Independence.exogenous`): their independence is claimed only because
nothing is drawn between them, which most authors do not mean as a claim. The pairs are also limited to variables with
data of their own: latent, unmeasured and computed variables take no part.
"""

from itertools import combinations, islice
from typing import NamedTuple

from mechanisms.graph.graph import Graph, canonical, draw
from mechanisms.graph.separators import list_separators
from mechanisms.spec.theory import Theory

MOST = 100


class Independence(NamedTuple):
    """`x` and `y` are independent given `given`: a triple."""

    x: str
    y: str
    given: tuple[str, ...]

    @property
    def exogenous(self) -> bool:
        """Whether nothing is drawn into either, so that nothing but an absent arrow makes the claim."""
        return False

    def __repr__(self) -> str:
        given = f" | {', '.join(self.given)}" if self.given else ""
        return f"{self.x} _||_ {self.y}{given}{'   [exogenous]' if self.exogenous else ''}"


class ExogenousIndependence(Independence):
    """Two exogenous variables with nothing drawn between them; equal to the same plain triple."""

    @property
    def exogenous(self) -> bool:
        """Always: nothing is drawn into either variable."""
        return True


def imply(theory: Theory | Graph, most: int = MOST) -> tuple[Independence, ...]:
    """Every implied independence between two measured variables, at most `most` separating sets a pair.

    Randomised variables are not counted as exogenous: chance, not silence, makes them independent of what came before.
    """
    graph = theory if isinstance(theory, Graph) else draw(theory)
    randomised = set() if isinstance(theory, Graph) else {v.name for v in theory.variables if v.assigned}
    above = canonical(graph)
    idle = graph.unmeasured | graph.latent | graph.computed
    measured = [node for node in graph.nodes if node not in idle]
    found: list[Independence] = []
    for x, y in combinations(measured, 2):
        if x in above[y] or y in above[x]:
            continue
        plain = above[x] or above[y] or randomised & {x, y}
        kind = Independence if plain else ExogenousIndependence
        for given in islice(list_separators(above, [x], [y], measured), most):
            found.append(kind(x, y, tuple(node for node in graph.nodes if node in given)))
    return tuple(found)
