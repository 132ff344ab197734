"""The independences that a theory implies and data could refute (Pearl 2009, ch. 1; Textor et al. 2016).

For every two measured variables without an arrow between them: each minimal set of measured variables that d-separates
them. Pairs of exogenous variables are told apart (`Independence.exogenous`): their independence is claimed only because
nothing is drawn between them, which most authors do not mean as a claim. The pairs are also limited to variables with
data of their own: latent, unmeasured and computed variables take no part.

With levels the claims are those of one occasion, written from t: a departure against departures of the same occasion
and of those that lags reach back to, `x(t-1) _||_ y(t) | y(t-1)`; and a course or a variable without occasions against
another. Departures and courses count as known, since a fitted model tells them apart; of latents with indicators the
latent's parts stand for them. Each pair has one separating set, the nearest to the later variable, from a graph that is
long enough before t; a pair that it does not separate for good is left out. That a departure is independent of courses
is no claim but their definition.
"""

from collections.abc import Iterator
from itertools import combinations, islice
from typing import NamedTuple

from mechanisms.errors import SpecError, expect
from mechanisms.graph.graph import Graph, canonical, draw, occasion_of, variable_of
from mechanisms.graph.levels import find_occasions, survey
from mechanisms.graph.moments import longest_lag
from mechanisms.graph.separators import find_open_path, list_separators
from mechanisms.graph.unrolling import unroll
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


def imply(theory: Theory | Graph, most: int | None = None) -> tuple[Independence, ...]:
    """Every implied independence between two measured variables, at most `most` separating sets a pair (100 if not said).

    Randomised variables are not counted as exogenous: chance, not silence, makes them independent of what came before.
    A theory with levels has one claim a pair, written from occasion t (see the module), so that it takes no `most`.
    """
    if not isinstance(theory, Graph):
        expect(theory, Theory, "the theory", "mx.load or mx.parse makes one")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise SpecError(f"most: a whole number of at least 1 is wanted, not {most!r}")
    if isinstance(theory, Theory) and (theory.levels or theory.time):
        if most is not None:
            raise SpecError("most: a theory with levels has one claim a pair; leave it out", theory.place)
        return tuple(dict.fromkeys(_over_time(theory)))
    graph = theory if isinstance(theory, Graph) else draw(theory)
    randomised = _randomised(theory) if isinstance(theory, Theory) else set()
    above = canonical(graph)
    idle = graph.unmeasured | graph.latent | graph.computed
    measured = [node for node in graph.nodes if node not in idle]
    found: list[Independence] = []
    for x, y in combinations(measured, 2):
        if x in above[y] or y in above[x]:
            continue
        kind = _kind(x, y, above, randomised)
        for given in islice(list_separators(above, [x], [y], measured), most or MOST):
            found.append(kind(x, y, tuple(node for node in graph.nodes if node in given)))
    return tuple(found)


def _over_time(theory: Theory) -> Iterator[Independence]:
    """One claim for each pair of nodes at t, from a graph with enough occasions before."""
    lag, randomised = longest_lag(theory), _randomised(theory)
    declared = find_occasions(theory)
    graph = unroll(theory, len(declared) or 3 * lag + 2)
    grid = declared or tuple(range(3 * lag + 2))
    last, design, above = len(grid) - 1, survey(theory), canonical(graph)
    inside = {name for variable in theory.variables for name in variable.measured_by or ()}
    gone = graph.unmeasured | graph.computed
    known = [node for node in graph.nodes if node not in gone and variable_of(node) not in inside]
    timed = [node for node in known if occasion_of(node) is not None]
    coarse = [node for node in known if occasion_of(node) is None]
    parted = {name for name in design.levels if any(variable_of(node) == name for node in coarse)}
    lately = {grid[place] for place in range(max(0, last - lag), last + 1)}
    ends = [node for node in timed if occasion_of(node) == grid[last]]
    recent = [node for node in timed if occasion_of(node) in lately]
    pairs = [(x, y) for y in ends for x in recent if x != y and (x not in ends or ends.index(x) < ends.index(y))]
    pairs += [(x, y) for y in ends if variable_of(y) not in parted for x in coarse]
    pairs += list(combinations(coarse, 2))
    for x, y in pairs:
        if x in above[y] or y in above[x]:
            continue
        given = next(list_separators(above, [y], [x], known), None)
        if given is None or find_open_path(above, [x], [y], given):
            continue
        shown = [_from_now(node, grid, last) for node in graph.nodes if node in given]
        kind = _kind(x, y, above, randomised)
        yield kind(_from_now(x, grid, last), _from_now(y, grid, last), tuple(shown))


def _from_now(node: str, grid: tuple[int, ...], last: int) -> str:
    """`alliance(10)` as `alliance(t-1)`, where 16 is now."""
    at = occasion_of(node)
    if at is None:
        return node
    back = last - grid.index(at)
    return f"{variable_of(node)}(t{f'-{back}' if back else ''})"


def _kind(x: str, y: str, above: dict[str, tuple[str, ...]], randomised: set[str]) -> type[Independence]:
    return Independence if above[x] or above[y] or randomised & {x, y} else ExogenousIndependence


def _randomised(theory: Theory) -> set[str]:
    return {variable.name for variable in theory.variables if variable.assigned}
