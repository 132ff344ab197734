"""Whether a question can be answered from data, under this theory, by adjustment or the g-formula.

Total effects: an adjustment set exists (generalised adjustment criterion). Controlled effects: every variable that is
set can be fixed (sequential back-door, Pearl & Robins 1995), so confounders that the exposure moves are allowed.
Natural effects and paths: the same for the exposure, and no recanting witness (Avin, Shpitser & Pearl 2005) nor
recanting district (Shpitser 2013). Interventional effects: the mediators can be fixed together with the exposure
(VanderWeele, Vansteelandt & Robins 2014), so recanting witnesses are allowed. Routes past a hidden cause that use
neither, the front door among them, are for a later version; they are said to be not identified *by adjustment*.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from mechanisms.errors import IdentificationError, SpecError, expect, listed
from mechanisms.graph.adjustment import Part, barred, open_path, shared_sets
from mechanisms.graph.districts import (
    find_recanting_district,
    find_unfixable,
    first_steps,
    project,
    unseen_between,
)
from mechanisms.graph.graph import Edge, Graph, between, draw
from mechanisms.graph.question import arrow_set, condition_names, held_names, hold, witnesses
from mechanisms.graph.wording import (
    Sort,
    list_assumptions,
    name_clash,
    name_effect,
    write_clash,
    write_estimand,
    write_recanting,
    write_sets,
)
from mechanisms.spec.theory import Question, Theory

LATER = "Other routes, such as the front door, are for a later version"


@dataclass(frozen=True)
class Identified:
    """A question with its estimand, and whether the theory lets data answer it.

    `arrows` carry the change; `mediators` are the variables that the question is about between `of` and `on`.
    `reason`, `witness` and `remedy` are filled when `identified` is false. `needs_linear` names the nodes at which an
    exact path recants: where the equations are linear and without products among these variables, the path's effect
    is the product of its coefficients all the same. `parts` are the effects, each of exposures on an outcome, that an
    adjustment set must identify together; none where adjustment cannot answer.
    """

    question: Question
    identified: bool
    estimand: str
    arrows: frozenset[Edge]
    mediators: tuple[str, ...]
    assumptions: tuple[str, ...]
    reason: str | None = None
    witness: tuple[str, ...] = ()
    needs_linear: tuple[str, ...] = ()
    remedy: str | None = None
    graph: Graph = field(default_factory=lambda: Graph((), ()))
    parts: tuple[Part, ...] = ()

    @property
    def adjustment_sets(self) -> Iterator[frozenset[str]]:
        """Minimal sets that answer the whole question by adjustment, lazily; mediators are not among them.

        For a direct, indirect or path effect such a set closes the back doors of the exposure and of the mediators
        (`shared_sets`). None for what is not identified, and none where identification takes the g-formula.
        """
        return shared_sets(self.graph, self.parts, including=condition_names(self.question))

    def __repr__(self) -> str:
        verdict = "identified" if self.identified else "not identified"
        title = name_effect(self.question)
        lines = [f"{title[0].upper()}{title[1:]}: {verdict}", f"  estimand    {self.estimand}"]
        if self.reason:
            lines.append(f"  because     {self.reason}")
        if self.remedy:
            lines.append(f"  instead     {self.remedy}")
        if not self.identified:
            return "\n".join(lines)
        if self.question.adjust is not None:
            lines.append(f"  adjusting for {{{', '.join(self.question.adjust)}}} suffices")
        else:
            sets = write_sets(self.graph, self.adjustment_sets)
            lines.append(f"  adjust for  {sets or 'no single set: it takes the g-formula'}")
        return "\n".join([*lines, "  assuming", *(f"    - {sentence}" for sentence in self.assumptions)])


@dataclass(frozen=True)
class _Refusal:
    """Why a question has no answer."""

    reason: str
    witness: tuple[str, ...]
    remedy: str | None = None
    needs_linear: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Asked:
    """The question laid on the graph: what every rule below needs."""

    graph: Graph
    question: Question
    arrows: frozenset[Edge]
    inside: tuple[str, ...]  # every node between of and on, in causal order
    mediators: tuple[str, ...]

    @property
    def of(self) -> str:
        return self.question.of.name

    @property
    def on(self) -> str:
        return self.question.on.name

    @property
    def treated(self) -> tuple[str, ...]:
        """What is intervened on besides mediators."""
        return (self.of, *held_names(self.question))

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.on, *condition_names(self.question))

    @property
    def nested(self) -> bool:
        """Whether some arrow between of and on stays outside the set."""
        kept = {self.of, *self.inside, self.on}
        graph = hold(self.graph, held_names(self.question))
        return any(arrow not in self.arrows for arrow in graph.arrows if kept.issuperset(arrow))


def identify(theory: Theory, question: Question) -> Identified:
    """The estimand, adjustment sets and assumptions of a question; or what forbids an answer.

    Questions without any answer to look for (no directed path, an unknown name, `at` on a consequence) raise.
    """
    expect(theory, Theory, "the theory", "mx.load or mx.parse makes one")
    expect(question, Question, "the question", 'mx.Question(of="x", on="y") makes one')
    for term in (question.of, question.on):
        if not term.plain:
            raise SpecError(
                f"question: '{term}': parts, occasions and categories in of and on are not identified yet",
                question.place,
            )
    graph = draw(theory)
    asked = _ask(graph, question, arrow_set(graph, question))
    interventional = question.mediators == "interventional" and asked.nested
    sort: Sort = "interventional" if interventional else "natural" if asked.nested else "plain"
    rule = {"interventional": _refuse_interventional, "natural": _refuse_nested, "plain": _refuse_treated}[sort]
    refusal = _no_data(asked) or rule(asked)
    parts = tuple(_parts(asked)) if refusal is None or refusal.needs_linear else ()
    refusal = refusal or _refuse_adjust(asked, parts)
    drawn = asked.mediators if interventional else ()
    return Identified(
        question=question,
        identified=refusal is None,
        estimand=write_estimand(theory, graph, question, asked.arrows, drawn),
        arrows=asked.arrows,
        mediators=asked.mediators,
        assumptions=list_assumptions(theory, graph, question, asked.mediators, sort),
        reason=refusal.reason if refusal else None,
        witness=refusal.witness if refusal else (),
        needs_linear=refusal.needs_linear if refusal else (),
        remedy=refusal.remedy if refusal else None,
        graph=graph,
        parts=parts,
    )


def require(identified: Identified) -> Identified:
    """The same, when it is identified; else an `IdentificationError` that carries the witness and the way out."""
    if identified.identified:
        return identified
    remedy = f" {identified.remedy}" if identified.remedy else ""
    message = f"The {name_effect(identified.question)} is not identified: {identified.reason}{remedy}"
    raise IdentificationError(message, identified.witness)


def _ask(graph: Graph, question: Question, arrows: frozenset[Edge]) -> _Asked:
    held = hold(graph, held_names(question))
    inside = between(held, question.of.name, question.on.name)[1:-1]
    if question.path:
        mediators = question.path[1:-1]
    elif question.through:
        mediators = tuple(node for node in inside if node in question.through)
    else:
        mediators = inside
    return _Asked(graph, question, arrows, inside, mediators)


def _no_data(asked: _Asked) -> _Refusal | None:
    wanted = [*asked.treated, *asked.targets]
    missing = tuple(name for name in wanted if name in asked.graph.unmeasured)
    if not missing:
        return None
    return _Refusal(f"nothing measures {listed(missing)}.", missing, "Give it indicators: measured_by.")


def _refuse_treated(asked: _Asked) -> _Refusal | None:
    """Total and controlled effects; the exposure's part of every other."""
    clash = find_unfixable(project(asked.graph), asked.treated, asked.targets)
    if clash is None:
        return None
    if len(asked.treated) == 1:
        path = open_path(asked.graph, asked.of, asked.on, including=condition_names(asked.question))
        if path:
            nodes = tuple(word for word in path if word not in ("->", "<-", "<->"))
            reason = f"not by adjustment: {' '.join(path)} stays open whatever is adjusted for. {LATER}."
            return _Refusal(reason, nodes)
    return _Refusal(f"not by adjustment: {write_clash(asked.graph, clash)}. {LATER}.", name_clash(asked.graph, clash))


def _refuse_nested(asked: _Asked) -> _Refusal | None:
    """Natural direct and indirect effects, and effects along some paths."""
    graph, of, on = asked.graph, asked.of, asked.on
    held = hold(graph, held_names(asked.question))
    district = find_recanting_district(graph, of, asked.targets, asked.treated, asked.arrows)
    steps = first_steps(held, of, asked.arrows)
    mixed = [node for node, ways in steps if len(ways) > 1 and node in (*asked.inside, on)]
    unseen = unseen_between(held, of, mixed[0]) if mixed else ()
    recanting = witnesses(held, of, on, asked.arrows)
    if recanting:
        plain = not (unseen or _refuse_treated(asked) or (district and district.one != district.other))
        linear = recanting if asked.question.path and plain else ()
        return _Refusal(write_recanting(recanting, of), recanting, _way_out(asked, recanting), linear)
    if unseen:
        computed = set(unseen) <= graph.computed
        fault = f"{listed(unseen)} is computed" if computed else f"nothing measures {listed(unseen)}"
        reason = f"{fault}, so its part cannot be told from the other ways from {of} to {mixed[0]}."
        return _Refusal(reason, unseen, None if computed else "Give it indicators: measured_by.")
    if refused := _refuse_treated(asked):
        return refused
    if district:
        reason = f"{write_clash(graph, district)}: one responds to the moved and one to the baseline value of {of}."
        return _Refusal(reason, name_clash(graph, district), "Measure the common cause, or ask for the total effect.")
    return None


def _refuse_interventional(asked: _Asked) -> _Refusal | None:
    """Interventional effects: P(on | do(of, mediators)) and P(mediators | do(of)) must both be identified."""
    graph, mediators = asked.graph, asked.mediators
    if len(asked.question.path) > 3:
        reason = "interventional effects are defined for mediators, not for one path of several."
        return _Refusal(reason, mediators, "Ask with through: the mediators' names.")
    missing = tuple(name for name in mediators if name in graph.unmeasured)
    if missing:
        return _Refusal(f"nothing measures {listed(missing)}.", missing, "Give it indicators: measured_by.")
    projection, conditions = project(graph), condition_names(asked.question)
    clash = find_unfixable(projection, (*asked.treated, *mediators), asked.targets)
    clash = clash or find_unfixable(projection, asked.treated, (*mediators, *conditions))
    if clash is None:
        return None
    return _Refusal(f"not by adjustment: {write_clash(graph, clash)}. {LATER}.", name_clash(graph, clash))


def _refuse_adjust(asked: _Asked, parts: tuple[Part, ...]) -> _Refusal | None:
    """The set named in `adjust` must close every back door of every part that the estimand needs."""
    if asked.question.adjust is None:
        return None
    own = set(asked.inside) if asked.question.kind == "direct" else set[str]()
    named = dict.fromkeys((*asked.question.adjust, *condition_names(asked.question)))
    given = tuple(name for name in named if name not in own)
    shown = "{" + ", ".join(asked.question.adjust) + "}"
    for exposures, outcome in parts:
        if wrong := barred(asked.graph, exposures, outcome, given):
            reason = f"adjust: {listed(wrong)} must not be adjusted for: it responds to {asked.of} or has no data."
            return _Refusal(reason, wrong, "Leave it out of adjust.")
        if path := open_path(asked.graph, exposures, outcome, given):
            nodes = tuple(word for word in path if word not in ("->", "<-", "<->"))
            sets = write_sets(asked.graph, shared_sets(asked.graph, parts, condition_names(asked.question)))
            remedy = f"Adjust for {sets}." if sets else "No single set will do: leave adjust out (g-formula)."
            return _Refusal(f"adjust: {shown} leaves {' '.join(path)} open.", nodes, remedy)
    return None


def _parts(asked: _Asked) -> Iterator[Part]:
    """Which effects of which exposures a given set must identify: one for a total or controlled effect; for a nested
    one also the exposure's effect on every mediator and the mediators' effect on the outcome (on each other too when
    the question tells them apart)."""
    yield asked.treated, asked.on
    if not asked.nested:
        return
    mediators = tuple(node for node in asked.inside if node not in asked.graph.unmeasured | asked.graph.computed)
    apart = bool(asked.question.through or asked.question.path)
    for index, node in enumerate(mediators):
        yield (*asked.treated, *(mediators[:index] if apart else ())), node
    yield (*asked.treated, *mediators), asked.on


def _way_out(asked: _Asked, recanting: tuple[str, ...]) -> str:
    joint = listed([node for node in asked.inside if node in {*recanting, *asked.mediators}])
    joint = f"the joint effect through {joint} (kind: indirect without through)"
    if asked.question.path:
        return f"Ask for {joint}, or for a path that does not split."
    return f"Ask for mediators: interventional, or for {joint}."
