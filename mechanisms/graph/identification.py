"""Whether a question can be answered from data, under this theory; the rules are those of `verdicts`.

A theory with levels is judged on its graph over time (`placing`). A between effect is never multiplied by a within one
(R13): where that would be needed the arrow to draw is named, and a total effect lists the cut among its assumptions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from mechanisms.errors import IdentificationError, SpecError, ZeroEffectError, expect, listed
from mechanisms.graph.adjustment import Part, shared_sets
from mechanisms.graph.assumptions import list_assumptions
from mechanisms.graph.expansion import expand
from mechanisms.graph.expansion.cuts import Cut, find_cuts, refuse_cut, refuse_stranded
from mechanisms.graph.graph import (
    Edge,
    Graph,
    ancestors,
    between,
    causal_order,
    descendants,
    occasion_of,
    variable_of,
)
from mechanisms.graph.levels import survey
from mechanisms.graph.placing import Placed, place
from mechanisms.graph.question import Aim, hold, own_arrows
from mechanisms.graph.unrolling import find_idle
from mechanisms.graph.verdicts import Laid, find_refusal, lay, list_parts, refuse_adjust
from mechanisms.graph.wording import explain_nodes, name_effect, write_estimand, write_moved, write_sets
from mechanisms.spec.theory import Question, Theory


@dataclass(frozen=True)
class Identified:
    """A question with its estimand, and whether the theory lets data answer it.

    `arrows` carry the change; `mediators` are the variables that the question is about between `of` and `on`.
    `reason`, `witness` and `remedy` are filled when `identified` is false. `needs_linear` names the nodes at which an
    exact path recants: where the equations are linear and without products among these variables, the path's effect
    is the product of its coefficients all the same. `parts` are the effects, each of exposures on an outcome, that an
    adjustment set must identify together; none where adjustment cannot answer. `reading` says at which occasions and
    on which parts a question about a theory with levels was read; the nodes are then those of `unroll`.
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
    conditions: tuple[str, ...] = ()
    reading: str = ""

    @property
    def adjustment_sets(self) -> Iterator[frozenset[str]]:
        """Minimal sets that answer the whole question by adjustment, lazily; mediators are not among them.

        For a direct, indirect or path effect such a set closes the back doors of the exposure and of the mediators
        (`shared_sets`). None for what is not identified, and none where identification takes the g-formula.
        """
        return shared_sets(self.graph, self.parts, including=self.conditions)

    def __repr__(self) -> str:
        verdict = "identified" if self.identified else "not identified"
        title = name_effect(self.question)
        lines = [f"{title[0].upper()}{title[1:]}: {verdict}"]
        if self.reading:
            lines.append(f"  read as     {self.reading}")
        lines.append(f"  estimand    {self.estimand}")
        if self.reason:
            lines.append(f"  because     {self.reason}")
        if self.needs_linear:
            lines.append(
                "  unless      the equations are linear and without products among these variables: the effect along "
                "the path is then the product of its coefficients, and mx.estimate answers"
            )
        if self.remedy:
            lines.append(f"  instead     {self.remedy}")
        if not self.identified:
            return "\n".join([*lines, *self._legend(f"{self.reason} {self.remedy}")])
        sets = ""
        if self.question.adjust is not None:
            lines.append(f"  adjusting for {{{', '.join(self.question.adjust)}}} suffices")
        else:
            sets = write_sets(self.graph, self.adjustment_sets, few=bool(self.reading))
            lines.append(f"  adjust for  {sets or 'no single set: it takes the g-formula'}")
        return "\n".join(
            [*lines, *self._legend(sets), "  assuming", *(f"    - {sentence}" for sentence in self.assumptions)]
        )

    def _legend(self, text: str) -> list[str]:
        """What the nodes named in a text are, where they are those of a graph over time."""
        said = explain_nodes(self.graph, text)
        return [f"  where       {said}"] if said else []


def identify(theory: Theory, question: Question) -> Identified:
    """The estimand, adjustment sets and assumptions of a question; or what forbids an answer.

    Questions without any answer to look for (no directed path, an unknown name, `at` on a consequence, a between effect
    times a within one) raise.
    """
    expect(theory, Theory, "the theory", "mx.load or mx.parse makes one")
    expect(question, Question, "the question", 'mx.Question(of="x", on="y") makes one')
    placed = place(theory, question)
    cuts = _find_cuts(theory, placed)
    laid = _lay(theory, placed, cuts)
    if placed.over_time:
        refuse_stranded(theory, expand(theory), placed.question, survey(theory))
    refusal = next((found for each in laid if (found := find_refusal(each))), None)
    needed = refusal is None or bool(refusal.needs_linear)
    parts = tuple(dict.fromkeys(part for each in laid for part in list_parts(each))) if needed else ()
    for each in laid if refusal is None else ():
        refusal = refusal or refuse_adjust(each, parts)
    mediators = tuple(dict.fromkeys(node for each in laid for node in each.mediators))
    return Identified(
        question=question,
        identified=refusal is None,
        estimand=_write_estimand(theory, placed, laid[-1]),
        arrows=frozenset().union(*(each.arrows for each in laid)),
        mediators=mediators,
        assumptions=list_assumptions(theory, placed, laid[-1], cuts),
        reason=refusal.reason if refusal else None,
        witness=refusal.witness if refusal else (),
        needs_linear=refusal.needs_linear if refusal else (),
        remedy=refusal.remedy if refusal else None,
        graph=placed.graph,
        parts=parts,
        conditions=placed.aims[0].conditions,
        reading=placed.reading,
    )


def require(identified: Identified) -> Identified:
    """The same, when it is identified; else an `IdentificationError` that carries the witness and the way out."""
    if identified.identified:
        return identified
    remedy = f" {identified.remedy}" if identified.remedy else ""
    message = f"The {name_effect(identified.question)} is not identified: {identified.reason}{remedy}"
    raise IdentificationError(message, identified.witness)


def _find_cuts(theory: Theory, placed: Placed) -> tuple[Cut, ...]:
    """Where a between effect would have to be multiplied by a within one; an indirect effect that needs it is refused."""
    if not placed.over_time:
        return ()
    expansion, design = expand(theory), survey(theory)
    refuse_cut(theory, expansion, placed.question, design)
    return find_cuts(theory, expansion, placed.question, design)


def _lay(theory: Theory, placed: Placed, cuts: tuple[Cut, ...]) -> tuple[Laid, ...]:
    """Every aim on the graph; occasions that the change does not reach as it was asked are left out while others remain."""
    graph = placed.graph
    aims = [
        each for each in placed.aims if between(hold(_in_force(theory, placed, each), each.fixed), each.of, each.on)
    ]
    if not aims and placed.over_time:
        _refuse_silence(placed, cuts)
    found: list[Laid] = []
    zeros: list[ZeroEffectError] = []
    for each in aims or placed.aims:
        try:
            found.append(lay(graph, each))
        except ZeroEffectError as zero:
            zeros.append(zero)
    if not found:
        raise _of_all(zeros[-1], placed) if len(placed.aims) > 1 else zeros[-1]
    return tuple(found)


def _of_all(zero: ZeroEffectError, placed: Placed) -> ZeroEffectError:
    """What is said of the last occasion, said of all that the question looks at."""
    last = re.escape(placed.aims[-1].on.replace("(whole ", "("))
    return ZeroEffectError(re.sub(rf"(?<![\w.]){last}", str(placed.question.on), str(zero)), zero.witness)


def _in_force(theory: Theory, placed: Placed, aimed: Aim) -> Graph:
    """The graph in which the value that is looked at follows of its course only what holds at its occasion."""
    graph, courses = placed.graph, aimed.made_of[1:]
    at = occasion_of(aimed.made_of[0]) if courses else None
    idle = find_idle(theory, variable_of(aimed.on), at) if at is not None else frozenset()
    if not idle or set(aimed.of) & set(courses):
        return graph
    kept = [(tail, head) for tail, head in graph.arrows if head != aimed.on or tail not in courses]
    tails = [tail for tail, head in graph.arrows if head in courses and (tail, head) not in idle]
    return replace(graph, arrows=(*kept, *((tail, aimed.on) for tail in tails if tail not in courses)))


def _refuse_silence(placed: Placed, cuts: tuple[Cut, ...]) -> None:
    """Nothing moved reaches the outcome: the arrow to draw, the other part to ask of, or why the effect is zero."""
    graph, question, aimed = placed.graph, placed.question, placed.aims[-1]
    of, on, name = question.of, question.on, question.of.name
    if aimed.held and between(graph, aimed.of, aimed.on):
        held = listed(dict.fromkeys(variable_of(node) for node in aimed.held))
        raise IdentificationError(f"{of} reaches {on} by {held} only, which is held: the effect is zero by the theory")
    if between(graph, aimed.of, aimed.on):
        raise IdentificationError(
            f"{of} acts on {on.name} at other occasions only: the effect on {on} is zero by the theory",
            (*aimed.of, aimed.on),
        )
    if cuts:
        raise SpecError(f"question: {cuts[0]}: {cuts[0].advice}", question.place)
    parts = [node for node in graph.nodes if variable_of(node) == name and node not in aimed.of]
    other = [node for node in parts if between(graph, node, aimed.on)]
    within = occasion_of(aimed.of[0]) is not None
    met = _met_by_course_only(graph, aimed)
    if within and met:
        message = f"{of} moves departures of {met}, and a departure does not move a course, which {on} follows."
        hint = f"draw an occasion, {met}(5) -> {on}" if met != name else f"ask of {_course_of(met, graph, aimed.on)}"
        raise IdentificationError(f"{message} Never a within effect times a between one: {hint}", (*aimed.of, aimed.on))
    remedy = f" Its departures reach it: ask of {name}(t), or draw {aimed.of[0]} -> {on.name}."
    hint = remedy if other and not within else ""
    message = f"no way leads from {of} to {on}: the effect is zero by the theory.{hint}"
    raise IdentificationError(message, (*aimed.of, aimed.on))


def _met_by_course_only(graph: Graph, aimed: Aim) -> str | None:
    """The first variable whose departures are moved while the outcome follows its course."""
    followed = {variable_of(node) for node in ancestors(graph, aimed.on) if occasion_of(node) is None}
    moved = [*aimed.of, *(node for node in causal_order(graph) if node in descendants(graph, *aimed.of))]
    return next((variable_of(node) for node in moved if variable_of(node) in followed - {variable_of(aimed.on)}), None)


def _course_of(name: str, graph: Graph, on: str) -> str:
    """The course of a variable that leads to the outcome: of several the finest."""
    courses = [node for node in graph.nodes if variable_of(node) == name and occasion_of(node) is None]
    return next((node for node in reversed(courses) if between(graph, node, on)), courses[-1])


def _write_estimand(theory: Theory, placed: Placed, laid: Laid) -> str:
    if placed.over_time:
        own = bool(own_arrows(laid.aim, placed.graph.arrows))
        return write_moved(theory, placed.question, laid.sort, own=own)
    drawn = laid.mediators if laid.sort == "interventional" else ()
    return write_estimand(theory, placed.graph, placed.question, laid.arrows, drawn)
