"""A question is a set of arrows.

Run the world at x0 and at x1: an arrow in the set hands on the moved value of its tail, an arrow outside it the
baseline value. One rule for total, direct, indirect and path-specific effects (Pearl 2001; Avin, Shpitser & Pearl
2005). An `Aim` is a question by the nodes of a graph: the variables themselves, or occasions and courses in a graph
over time. Its set is found by `routes`, never by listing paths.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from mechanisms.errors import IdentificationError, SpecError, ZeroEffectError, listed
from mechanisms.graph.graph import (
    Edge,
    Graph,
    between,
    causal_order,
    checked,
    children,
    descendants,
    reach,
    variable_of,
)
from mechanisms.graph.routes import Paths, Stops, find_strays, follow
from mechanisms.spec.theory import Question


@dataclass(frozen=True)
class Aim:
    """A question by nodes: `of` are moved together, `on` is looked at.

    `made_of` are the nodes whose sum `on` is (course and departure), so that an arrow into one is an arrow into `on`.
    `through` holds the nodes of each name that was asked for; `path` the names or nodes of one path, and `carrying` whether a
    name of it may hand on to itself at a later occasion before the next is reached.
    """

    of: tuple[str, ...]
    on: str
    kind: str = "total"
    made_of: tuple[str, ...] = ()
    through: tuple[tuple[str, ...], ...] = ()
    path: tuple[str, ...] = ()
    carrying: bool = False
    held: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    adjust: tuple[str, ...] | None = None
    interventional: bool = False

    @property
    def treated(self) -> tuple[str, ...]:
        """What is intervened on besides mediators."""
        return (*self.of, *self.held)

    @property
    def fixed(self) -> tuple[str, ...]:
        """The nodes that listen to nothing: what is set, and several exposures, which are moved whatever precedes."""
        return (*self.held, *(self.of if len(self.of) > 1 else ()))

    @property
    def targets(self) -> tuple[str, ...]:
        """What is looked at, together with what is conditioned on."""
        return (self.on, *self.conditions)


def aim(question: Question) -> Aim:
    """The question of a theory without levels: each variable is its own node."""
    return Aim(
        of=(question.of.name,),
        on=question.on.name,
        kind=question.kind,
        through=tuple((name,) for name in question.through),
        path=question.path,
        held=held_names(question),
        conditions=condition_names(question),
        adjust=question.adjust,
        interventional=question.mediators == "interventional",
    )


def arrow_set(graph: Graph, question: Question) -> frozenset[Edge]:
    """The arrows that carry the change which a question about the graph's own nodes asks for."""
    return list_arrows(graph, aim(question))


def list_arrows(graph: Graph, aimed: Aim) -> frozenset[Edge]:
    """The arrows that carry the change.

    total: every arrow on a directed path from `of` to `on`; direct: `of -> on`; indirect: the total's without
    `of -> on`; with `through`: those of the paths through all the names; with a path: that path's. `set` variables
    are held first: no arrow into them carries anything. A question that no arrow answers raises the reason.
    """
    check_aim(graph, aimed)
    held, of, on = hold(graph, aimed.fixed), listed(aimed.of), aimed.on
    shown = on.replace("(whole ", "(")
    if aimed.path:
        return _path(held, aimed)
    inside = set(between(held, aimed.of, on))
    total = frozenset(arrow for arrow in held.arrows if inside.issuperset(arrow))
    own = own_arrows(aimed, total)
    if aimed.kind == "direct":
        if not own:
            raise ZeroEffectError(
                f"{of} has no arrow into {shown}: the direct effect is zero by the theory", (*aimed.of, on)
            )
        return own | {arrow for arrow in total if {*aimed.made_of, on}.issuperset(arrow)}
    if not total:
        is_held = f" while {listed(aimed.held)} {'is' if len(aimed.held) == 1 else 'are'} held" if aimed.held else ""
        message = f"no directed path leads from {of} to {on}{is_held}: the effect is zero by the theory"
        raise ZeroEffectError(message, (*aimed.of, on))
    if aimed.through:
        return _through(held, aimed)
    if aimed.kind == "indirect":
        if total == own | {arrow for arrow in total if {*aimed.made_of, on}.issuperset(arrow)}:
            message = f"{of} reaches {shown} by its own arrow only: the indirect effect is zero by the theory"
            raise ZeroEffectError(message, (*aimed.of, on))
        return total - own
    return total


def own_arrows(aimed: Aim, arrows: Iterable[Edge]) -> frozenset[Edge]:
    """Those of the arrows that lead from what is moved into what is looked at."""
    ends = {*aimed.made_of, aimed.on}
    return frozenset(arrow for arrow in arrows if arrow[0] in aimed.of and arrow[1] in ends)


def check_aim(graph: Graph, aimed: Aim) -> None:
    """Refuse what no graph can answer: unknown names, contradictions, conditioning on a consequence."""
    stops = [node for nodes in aimed.through for node in nodes]
    checked(graph, *aimed.of, aimed.on, *stops, *aimed.conditions, *aimed.held, *(aimed.adjust or ()))
    if aimed.on in aimed.of:
        raise SpecError(f"question: of and on are both '{aimed.on}'")
    for node in aimed.of:
        if node in graph.computed:
            raise SpecError(
                f"question: '{node}' is computed and cannot be moved by itself; ask of what it is computed from"
            )
    if aimed.kind == "controlled" and not aimed.held:
        raise SpecError("question: a controlled effect needs set: {mediator: value}")
    if aimed.kind in ("direct", "controlled") and (aimed.through or aimed.path):
        raise SpecError(f"question: through has no place in a {aimed.kind} effect; leave it out, or kind: indirect")
    about = (*aimed.of, aimed.on)
    for name in aimed.held:
        if name in about:
            raise SpecError(f"question: set holds '{name}', which is what the question is about; use contrast")
        if name in graph.computed:
            raise SpecError(f"question: '{name}' is computed and cannot be set; set what it is computed from")
        if name in aimed.conditions:
            raise SpecError(f"question: '{name}' stands in both at and set; conditioning or intervening, one of them")
    consequences = descendants(graph, *aimed.of)
    for name in aimed.conditions:
        if name in about:
            raise SpecError(f"question: at holds '{name}', which is what the question is about; use contrast")
        if name in consequences:
            computed = name in graph.computed
            instead = (
                "To intervene, set what it is computed from"
                if computed
                else f"To intervene on it, write set: {{{name}: …}}"
            )
            raise IdentificationError(
                f"at: {name} responds to {listed(aimed.of)}: conditioning on a consequence of the exposure. {instead}",
                (name,),
            )


def hold(graph: Graph, names: Iterable[str]) -> Graph:
    """The graph in which the named variables are set from outside: no arrows and no hidden causes into them."""
    held = set(names)
    if not held:
        return graph
    return replace(
        graph,
        arrows=tuple(arrow for arrow in graph.arrows if arrow[1] not in held),
        hidden=tuple(pair for pair in graph.hidden if not held & set(pair)),
    )


def held_names(question: Question) -> tuple[str, ...]:
    """What the question sets, variables or values of them: `m`, `m(2)`."""
    return tuple(key for key, _ in question.set)


def condition_names(question: Question) -> tuple[str, ...]:
    """What the question conditions on, variables or values of them."""
    return tuple(key for key, _ in question.at)


def witnesses(graph: Graph, of: str | Iterable[str], on: str, arrows: Iterable[Edge]) -> tuple[str, ...]:
    """The recanting witnesses of a set of arrows, in causal order (Avin, Shpitser & Pearl 2005).

    A witness is moved through the set and hands on the moved value along one arrow, the baseline value along another:
    it would both respond and not respond to `of`. Pass the held graph when the question sets variables.
    """
    starts = {of} if isinstance(of, str) else set(of)
    chosen = frozenset(arrows)
    onward = frozenset(between(graph, starts, on))
    carried: dict[str, list[str]] = {node: [] for node in graph.nodes}
    for tail, head in chosen:
        carried[tail].append(head)
    moved = reach(carried, starts)

    def recants(node: str) -> bool:
        ways = [(node, child) in chosen for child in children(graph, node) if child in onward]
        return any(ways) and not all(ways)

    return tuple(node for node in causal_order(graph) if node in moved - {*starts, on} and recants(node))


def _through(graph: Graph, aimed: Aim) -> frozenset[Edge]:
    """The arrows of the directed paths that run through a node of every name."""
    for nodes in aimed.through:
        if {*aimed.of, aimed.on} & set(nodes):
            raise SpecError(f"question: through names a mediator, not {listed(aimed.of)} or {aimed.on} itself")
    stops = Stops(aimed.through)
    found = follow(graph, aimed.of, aimed.on, stops)
    if found:
        _refuse_strays(graph, aimed, found, stops)
        return found
    inside = between(graph, aimed.of, aimed.on)
    stray = [nodes for nodes in aimed.through if not set(nodes) & set(inside)]
    names = listed([nodes[0] if len(nodes) == 1 else _names(nodes) for nodes in stray or aimed.through])
    ends = f"{listed(aimed.of)} to {aimed.on.replace('(whole ', '(')}"
    fault = f"{names} lies on no directed path from {ends}" if stray else (
        f"no directed path from {ends} runs through {names} together"
    )  # fmt: skip
    raise ZeroEffectError(f"through: {fault}", tuple(node for nodes in stray or aimed.through for node in nodes))


def _path(graph: Graph, aimed: Aim) -> frozenset[Edge]:
    """The arrows of one path, when it is one; over time, of every path that visits these names in this order."""
    path, shown = aimed.path, " -> ".join(aimed.path)
    ends = {variable_of(node) for node in aimed.of}, variable_of(aimed.on)
    if variable_of(path[0]) not in ends[0] or variable_of(path[-1]) != ends[1]:
        raise SpecError(f"question: the path {shown} must lead from {listed(aimed.of)} to {aimed.on}")
    paths = Paths(path, aimed.carrying)
    found = follow(graph, aimed.of, aimed.on, paths)
    if found:
        _refuse_strays(graph, aimed, found, paths)
        return found
    for tail, head in pairwise(map(variable_of, path)):
        known = {name: None for node in graph.nodes if variable_of(node) == tail for name in children(graph, node)}
        if head not in {variable_of(name) for name in known}:
            points = ", ".join(known) or "nothing"
            raise ZeroEffectError(f"through: {tail} has no arrow into {head} (it points at {points})", (tail, head))
    message = f"through: the path {shown} does not lead from {listed(aimed.of)} to {aimed.on.replace('(whole ', '(')}: it takes another time, or other parts"
    raise ZeroEffectError(message, (*aimed.of, aimed.on))


def _refuse_strays(graph: Graph, aimed: Aim, found: frozenset[Edge], wanted: Stops | Paths) -> None:
    """Paths that recombine into one which was not asked for are no set of arrows."""
    strays = find_strays(graph, aimed.of, aimed.on, wanted, found)
    if strays:
        verb = "hands" if len(strays) == 1 else "hand"
        asked = f"along {' -> '.join(aimed.path)}" if aimed.path else f"through {_names(sum(aimed.through, ()))}"
        raise IdentificationError(
            f"{listed(strays)} {verb} on, by one arrow, what came {asked} and what came otherwise, so that the effect "
            f"{asked} is not that of a set of arrows. Ask for nearer occasions, or for the whole indirect effect.",
            strays,
        )


def _names(nodes: Iterable[str]) -> str:
    return listed(dict.fromkeys(variable_of(node) for node in nodes))
