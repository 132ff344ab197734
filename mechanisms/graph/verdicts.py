"""The rules of identification: for one aim on a graph, what forbids an answer, and the parts that an answer needs.

Total effects: an adjustment set exists (generalised adjustment criterion). Controlled effects: every variable that is
set can be fixed (sequential back-door, Pearl & Robins 1995), so confounders that the exposure moves are allowed.
Natural effects and paths: the same for the exposure, and no recanting witness (Avin, Shpitser & Pearl 2005) nor
recanting district (Shpitser 2013). Interventional effects: the mediators can be fixed together with the exposure
(VanderWeele, Vansteelandt & Robins 2014), so recanting witnesses are allowed. Routes past a hidden cause that use
neither, the front door among them, are for a later version; they are said to be not identified *by adjustment*.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mechanisms.errors import listed
from mechanisms.graph.adjustment import Part, barred, open_path, shared_sets
from mechanisms.graph.districts import (
    find_recanting_district,
    find_unfixable,
    first_steps,
    project,
    unseen_between,
)
from mechanisms.graph.graph import Edge, Graph, between, occasion_of, variable_of
from mechanisms.graph.question import Aim, hold, list_arrows, witnesses
from mechanisms.graph.wording import Sort, name_clash, write_clash, write_recanting, write_sets

LATER = "Other routes, such as the front door, are for a later version"


@dataclass(frozen=True)
class Refusal:
    """Why a question has no answer."""

    reason: str
    witness: tuple[str, ...]
    remedy: str | None = None
    needs_linear: tuple[str, ...] = ()


@dataclass(frozen=True)
class Laid:
    """One aim laid on its graph: what every rule below needs."""

    graph: Graph
    aim: Aim
    arrows: frozenset[Edge]
    inside: tuple[str, ...]  # every node between of and on but those that on is made of, in causal order
    mediators: tuple[str, ...]

    @property
    def sort(self) -> Sort:
        """What stands in for the mediators."""
        graph = hold(self.graph, self.aim.fixed)
        kept = {*between(graph, self.aim.of, self.aim.on)}
        if all(arrow in self.arrows for arrow in graph.arrows if kept.issuperset(arrow)):
            return "plain"
        return "interventional" if self.aim.interventional else "natural"


def lay(graph: Graph, aimed: Aim) -> Laid:
    """The aim with its arrows and mediators. A sum that is looked at or conditioned on is judged as it stands."""
    arrows = list_arrows(graph, aimed)
    graph = replace(graph, computed=graph.computed - set(aimed.targets))
    held = hold(graph, aimed.fixed)
    ends = {*aimed.of, *aimed.made_of, aimed.on}
    inside = tuple(node for node in between(held, aimed.of, aimed.on) if node not in ends)
    if aimed.path:
        mediators = tuple(node for node in inside if any(node in arrow for arrow in arrows))
    elif aimed.through:
        mediators = tuple(node for node in inside if any(node in group for group in aimed.through))
    else:
        mediators = inside
    return Laid(graph, aimed, arrows, inside, mediators)


def find_refusal(laid: Laid) -> Refusal | None:
    """What forbids an answer to one aim; None where the effect is identified (`refuse_adjust` apart)."""
    rules = {"interventional": _refuse_interventional, "natural": _refuse_nested, "plain": _refuse_treated}
    return _no_data(laid) or rules[laid.sort](laid)


def list_parts(laid: Laid) -> Iterator[Part]:
    """Which effects of which exposures a given set must identify: one for a total or controlled effect; for a nested
    one also the exposure's effect on every mediator and the mediators' effect on the outcome (on each other too when
    the question tells them apart)."""
    treated, on = laid.aim.treated, laid.aim.on
    yield treated, on
    if laid.sort == "plain":
        return
    mediators = tuple(node for node in laid.inside if node not in laid.graph.unmeasured | laid.graph.computed)
    apart = bool(laid.aim.through or laid.aim.path)
    for index, node in enumerate(mediators):
        yield (*treated, *(mediators[:index] if apart else ())), node
    yield (*treated, *mediators), on


def refuse_adjust(laid: Laid, parts: tuple[Part, ...]) -> Refusal | None:
    """The set named in `adjust` must close every back door of every part that the estimand needs."""
    aimed = laid.aim
    if aimed.adjust is None:
        return None
    own = set(laid.inside) if aimed.kind == "direct" else set[str]()
    named = dict.fromkeys((*aimed.adjust, *aimed.conditions))
    given = tuple(name for name in named if name not in own)
    shown = "{" + ", ".join(aimed.adjust) + "}"
    for exposures, outcome in parts:
        if wrong := barred(laid.graph, exposures, outcome, given):
            who = listed(aimed.of)
            reason = f"adjust: {listed(wrong)} must not be adjusted for: it responds to {who} or has no data."
            return Refusal(reason, wrong, "Leave it out of adjust.")
        if path := open_path(laid.graph, exposures, outcome, given):
            sets = write_sets(laid.graph, shared_sets(laid.graph, parts, aimed.conditions))
            remedy = f"Adjust for {sets}." if sets else "No single set will do: leave adjust out (g-formula)."
            return Refusal(f"adjust: {shown} leaves {' '.join(path)} open.", _nodes(path), remedy)
    return None


def _no_data(laid: Laid) -> Refusal | None:
    missing = tuple(name for name in (*laid.aim.treated, *laid.aim.targets) if name in laid.graph.unmeasured)
    if not missing:
        return None
    return Refusal(f"nothing measures {listed(missing)}.", missing, "Give it indicators: measured_by.")


def _refuse_treated(laid: Laid) -> Refusal | None:
    """Total and controlled effects; the exposure's part of every other."""
    graph, aimed = laid.graph, laid.aim
    clash = find_unfixable(project(graph), aimed.treated, aimed.targets)
    if clash is None:
        return None
    if len(aimed.treated) == 1:
        path = open_path(graph, aimed.of, aimed.on, including=aimed.conditions)
        if path:
            reason = f"not by adjustment: {' '.join(path)} stays open whatever is adjusted for. {LATER}."
            return Refusal(reason, _nodes(path))
    return Refusal(f"not by adjustment: {write_clash(graph, clash)}. {LATER}.", name_clash(graph, clash))


def _refuse_nested(laid: Laid) -> Refusal | None:
    """Natural direct and indirect effects, and effects along some paths."""
    graph, aimed, of = laid.graph, laid.aim, listed(laid.aim.of)
    held = hold(graph, aimed.fixed)
    district = find_recanting_district(graph, aimed.of, aimed.targets, aimed.treated, laid.arrows)
    steps = first_steps(held, aimed.of, laid.arrows)
    mixed = [node for node, ways in steps if len(ways) > 1 and node in (*laid.inside, *aimed.made_of, aimed.on)]
    unseen = unseen_between(held, aimed.of, mixed[0]) if mixed else ()
    recanting = witnesses(held, aimed.of, aimed.on, laid.arrows)
    if recanting:
        plain = not (unseen or _refuse_treated(laid) or (district and district.one != district.other))
        linear = recanting if aimed.path and plain else ()
        return Refusal(write_recanting(recanting, of), recanting, _way_out(laid, recanting), linear)
    if unseen:
        computed = set(unseen) <= graph.computed
        fault = f"{listed(unseen)} is computed" if computed else f"nothing measures {listed(unseen)}"
        reason = f"{fault}, so its part cannot be told from the other ways from {of} to {mixed[0]}."
        return Refusal(reason, unseen, None if computed else "Give it indicators: measured_by.")
    if refused := _refuse_treated(laid):
        return refused
    if district and district.one == district.other:  # one node is told both, by different arrows
        alone = (district.one,)
        return Refusal(write_recanting(alone, of), alone, _way_out(laid, alone))
    if district:
        reason = f"{write_clash(graph, district)}: one responds to the moved and one to the baseline value of {of}."
        return Refusal(reason, name_clash(graph, district), "Measure the common cause, or ask for the total effect.")
    return None


def _refuse_interventional(laid: Laid) -> Refusal | None:
    """Interventional effects: P(on | do(of, mediators)) and P(mediators | do(of)) must both be identified."""
    graph, aimed, mediators = laid.graph, laid.aim, laid.mediators
    if len(aimed.path) > 3:
        reason = "interventional effects are defined for mediators, not for one path of several."
        return Refusal(reason, mediators, "Ask with through: the mediators' names.")
    missing = tuple(name for name in mediators if name in graph.unmeasured)
    if missing:
        return Refusal(f"nothing measures {listed(missing)}.", missing, "Give it indicators: measured_by.")
    projection = project(graph)
    clash = find_unfixable(projection, (*aimed.treated, *mediators), aimed.targets)
    clash = clash or find_unfixable(projection, aimed.treated, (*mediators, *aimed.conditions))
    if clash is None:
        return None
    return Refusal(f"not by adjustment: {write_clash(graph, clash)}. {LATER}.", name_clash(graph, clash))


def _way_out(laid: Laid, recanting: tuple[str, ...]) -> str:
    """What can be answered instead; over time nearer occasions, between which nothing splits, can be enough."""
    met = {*recanting, *laid.mediators}
    names = dict.fromkeys(variable_of(node) for node in laid.inside if node in met)
    joint = f"the joint effect through {listed(names)} (kind: indirect without through)"
    nearer = "nearer occasions, " if any(occasion_of(node) is not None for node in recanting) else ""
    if laid.aim.path:
        return f"Ask for {nearer}{joint}, or for a path that does not split."
    return f"Ask for {nearer}mediators: interventional, or for {joint}."


def _nodes(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in path if word not in ("->", "<-", "<->"))
