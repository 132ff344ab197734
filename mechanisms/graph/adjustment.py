"""Adjustment sets: what to condition on so that an association is an effect.

The generalised adjustment criterion (Shpitser, VanderWeele & Robins 2010; Perković et al. 2018): in the proper
back-door graph, where the first arrow of every causal path is removed, the set separates exposure and outcome, and it
holds no descendant of anything on a causal path. All minimal sets are listed lazily with polynomial delay (van der
Zander, Liśkiewicz & Textor 2014, 2019).

A nested effect has several parts, each with its exposures and its outcome (the exposure's effect on the mediators, the
mediators' on the outcome); `shared_sets` lists the sets that will do for all of them.

Conventions, chosen to agree with dagitty (150 reference graphs): a *total* effect's sets as above; a *direct*
effect's sets separate the two once the arrow between them is removed, and may hold mediators but no descendant of the
outcome. Where the exposure does not cause the outcome, sets show the absence of an effect. Sets hold only nodes with
data: no hidden causes, no unmeasured or computed variables; latent variables with indicators are allowed.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from mechanisms.graph.graph import Graph, canonical, checked, reach
from mechanisms.graph.separators import find_open_path, list_separators

EffectKind = Literal["total", "direct"]
Part = tuple[tuple[str, ...], str]  # exposures, outcome


@dataclass(frozen=True)
class _Problem:
    """What is to be separated: the parents in the back-door graph, the exposures, the nodes that may be used."""

    above: dict[str, tuple[str, ...]]
    exposures: tuple[str, ...]
    on: str
    allowed: frozenset[str]


def adjustment_sets(
    graph: Graph, of: str | Iterable[str], on: str, effect: EffectKind = "total", including: Iterable[str] = ()
) -> Iterator[frozenset[str]]:
    """Every minimal adjustment set, lazily; nothing when no set will do.

    Several exposures ask for their joint effect. `including` names variables that are conditioned on anyway: every
    set holds them and is minimal beyond them. The first sets lie nearest to the exposure.
    """
    problem = _problem(graph, of, on, effect)
    including = checked(graph, *including)
    if problem.allowed.issuperset(including):
        yield from list_separators(problem.above, problem.exposures, [on], problem.allowed, including)


def shared_sets(graph: Graph, parts: Iterable[Part], including: Iterable[str] = ()) -> Iterator[frozenset[str]]:
    """Every minimal set that is an adjustment set for the total effect in each part, lazily; nothing when none will do.

    One part is listed with polynomial delay, as above. For several, whose back-door graphs differ, no such listing is
    known to us: sets are searched for along open paths, and a branch is left as soon as one part alone, decided in
    polynomial time, can no longer be closed. Nothing is missed, but parts that clash only together cost a longer
    search. Minimal: no smaller set within it will do either (taking single variables out would not always show that).
    """
    problems = [_problem(graph, exposures, on, "total") for exposures, on in parts]
    including = frozenset(checked(graph, *including))
    usable = frozenset[str]().union(*(problem.allowed for problem in problems))
    usable = usable.intersection(*(problem.allowed for problem in problems))
    if not problems or not including <= usable:
        return
    if len(problems) == 1:
        only = problems[0]
        yield from list_separators(only.above, only.exposures, [only.on], only.allowed, including)
        return
    seen: set[frozenset[str]] = set()
    for found in _closing(problems, usable, including):
        smallest = _smallest(problems, found, including)
        if smallest not in seen:
            seen.add(smallest)
            yield smallest


def sufficient(
    graph: Graph, of: str | Iterable[str], on: str, given: Iterable[str], effect: EffectKind = "total"
) -> bool:
    """Whether this very set identifies the effect by adjustment."""
    problem, given = _problem(graph, of, on, effect), frozenset(given)
    checked(graph, *sorted(given))
    return given <= problem.allowed and find_open_path(problem.above, problem.exposures, [on], given) is None


def barred(
    graph: Graph, of: str | Iterable[str], on: str, given: Iterable[str], effect: EffectKind = "total"
) -> tuple[str, ...]:
    """Those of `given` that no adjustment set may hold: on a causal path or after it, or without data."""
    problem = _problem(graph, of, on, effect)
    return tuple(name for name in checked(graph, *given) if name not in problem.allowed)


def open_path(
    graph: Graph,
    of: str | Iterable[str],
    on: str,
    given: Iterable[str] | None = None,
    *,
    effect: EffectKind = "total",
    including: Iterable[str] = (),
) -> tuple[str, ...] | None:
    """A back-door path that `given` leaves open, word by word: `('x', '<-', 'c', '->', 'y')`.

    Without `given`, a path that no adjustment set closes: if any set separates, then so do all allowed ancestors of
    exposure, outcome and `including` together (van der Zander et al. 2019).
    """
    problem = _problem(graph, of, on, effect)
    if given is None:
        given = reach(problem.above, [*problem.exposures, on, *including]) & problem.allowed
    path = find_open_path(problem.above, problem.exposures, [on], frozenset(given))
    return _drawn(path) if path else None


def _closing(
    problems: Collection[_Problem], usable: frozenset[str], including: frozenset[str]
) -> Iterator[frozenset[str]]:
    """Sets between `including` and `usable` that close every part; all the minimal ones are among them, each once.

    Any set that closes a path left open by the chosen takes a node of it at which no two arrowheads meet: each is
    tried in turn, those before it left out from then on.
    """
    branches = [(including, usable)]
    while branches:
        chosen, usable = branches.pop()
        if not all(_closable(problem, chosen, usable) for problem in problems):
            continue
        path = next((path for problem in problems if (path := _left_open(problem, chosen))), None)
        if path is None:
            yield chosen
            continue
        further = []
        for node in (path[i] for i in range(2, len(path) - 2, 2) if path[i - 1 : i + 2 : 2] != ("->", "<-")):
            if node in usable:
                further.append((chosen | {node}, usable))
                usable = usable - {node}
        branches += reversed(further)


def _smallest(problems: Collection[_Problem], found: frozenset[str], including: frozenset[str]) -> frozenset[str]:
    """A minimal set within one that closes every part."""
    while True:
        smaller = next((each for each in _closing(problems, found, including) if each != found), None)
        if smaller is None:
            return found
        found = smaller


def _closable(problem: _Problem, chosen: frozenset[str], usable: frozenset[str]) -> bool:
    """Whether some set between the two closes this part: then the ancestors do (van der Zander et al. 2019)."""
    most = reach(problem.above, [*problem.exposures, problem.on, *chosen]) & usable
    return _left_open(problem, most) is None


def _left_open(problem: _Problem, given: frozenset[str]) -> tuple[str, ...] | None:
    return find_open_path(problem.above, problem.exposures, [problem.on], given)


def _drawn(path: tuple[str, ...]) -> tuple[str, ...]:
    """`x <- "x <-> y" -> y` becomes `x <-> y`."""
    nodes, signs = path[::2], (*path[1::2], "")
    words: list[str] = []
    for index, (node, sign) in enumerate(zip(nodes, signs, strict=True)):
        if " <-> " in node:
            words[-1] = "<->"
        else:
            words += [node, sign] if index < len(nodes) - 1 else [node]
    return tuple(words)


def _problem(graph: Graph, of: str | Iterable[str], on: str, effect: EffectKind) -> _Problem:
    exposures = checked(graph, *((of,) if isinstance(of, str) else dict.fromkeys(of)))
    checked(graph, on)
    if on in exposures:
        raise ValueError(f"'{on}' is both exposure and outcome")
    above = canonical(graph)
    below: dict[str, list[str]] = {node: [] for node in above}
    for node, found in above.items():
        for parent in found:
            below[parent].append(node)
    if effect == "direct":
        cut = {on}
        forbidden = reach(below, [on]) if on in reach(below, exposures) else frozenset[str]()
    else:
        cut = _causal(above, below, exposures, on)
        forbidden = reach(below, cut)
    opened = {
        node: tuple(parent for parent in found if not (node in cut and parent in exposures))
        for node, found in above.items()
    }
    usable = set(graph.nodes) - graph.unmeasured - graph.computed
    return _Problem(opened, exposures, on, frozenset(usable - forbidden - {*exposures, on}))


def _causal(
    above: dict[str, tuple[str, ...]], below: dict[str, list[str]], exposures: tuple[str, ...], on: str
) -> set[str]:
    """The nodes other than the exposures on a causal path that passes no second exposure."""
    after = {node: [child for child in found if child not in exposures] for node, found in below.items()}
    before = {node: [parent for parent in found if parent not in exposures] for node, found in above.items()}
    moved, moving = reach(after, exposures), reach(before, [on])
    return set(moved & moving) - set(exposures)
