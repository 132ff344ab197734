"""One question, one answer: the posterior of the effect that it asks for."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.asking import Asked, additive, ask, describe_scale, uses_approximation
from mechanisms.effects.effects import Effect, Effects
from mechanisms.effects.worlds import Drawn
from mechanisms.graph.graph import Edge
from mechanisms.graph.identification import Identified, identify, require
from mechanisms.graph.question import arrow_set
from mechanisms.graph.wording import carried_before
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question

Floats = NDArray[np.float64]
_MOVED = "once the direct arrow carries the change"
Line = tuple[str, Floats, str]  # label, draws (chains · draws,), meaning


def estimate(fit: Fit, question: Question) -> Effects:
    """The posterior of one effect, averaged over the population, in units of the outcome.

    Where the exposure and a mediator interact, or the outcome's link is not the identity, a direct or indirect effect
    has two versions and both are reported: "direct" (mediators as under the first value) and "total direct";
    "indirect" (exposure at the second value) and "pure indirect" (Robins & Greenland 1992). `at` conditions, giving a
    row for each value and their differences; it never intervenes. Definitions: Pearl (2001); VanderWeele (2015).

    Raises
    ------
    IdentificationError
        The theory does not identify the effect; `witness` names what forbids it.
    """
    identified = identify(fit.plan.theory, question)
    asked = ask(fit, question)
    notes = check_identified(identified, asked[0])
    lines = [label_line(line, each) for each in asked for line in answer(each, question, identified)]
    return assemble(fit, question, asked, lines, identified.assumptions, (*notes, *approximation(asked[0])))


def check_identified(identified: Identified, asked: Asked) -> tuple[str, ...]:
    """Notes that the answer needs; raises where the question is not identified, not even by linear equations."""
    if identified.identified:
        return ()
    if identified.needs_linear and additive(asked, identified.arrows, identified.needs_linear):
        nodes = ", ".join(identified.needs_linear)
        return (f"the graph alone does not identify this path (it splits at {nodes}); it is identified because the equations "
                f"behind {nodes} are linear and without products among what it moves",)  # fmt: skip
    require(identified)
    return ()


def answer(asked: Asked, question: Question, identified: Identified) -> list[Line]:
    """The lines of one contrast and condition: the effect, and its other version where that differs."""
    label = question.name or _name(question)
    arrows = identified.arrows
    if question.mediators == "interventional" and identified.mediators and question.kind in ("direct", "indirect"):
        return [_interventional(asked, question, identified, label)]
    if question.kind in ("total", "controlled") and not question.through and not question.path:
        held = (
            "mediators set to the stated values"
            if question.kind == "controlled"
            else "everything that the change brings about"
        )
        return [(label, asked.between(arrows, frozenset()), held)]
    before = carried_before(identified.graph, question, arrows)
    if question.kind == "direct":
        rest = arrow_set(identified.graph, question.model_copy(update={"kind": "total"})) - arrows
        lines = [(label, asked.between(arrows, frozenset()), "mediators as under the first value")]
        other = ("total direct", asked.between(arrows | rest, rest), "mediators as under the second value")
    else:
        lines = [(label, asked.between(arrows | before, before), _MOVED if before else "by these arrows alone")]
        other = ("pure indirect", asked.between(arrows, frozenset()), "the direct arrow carries no change")
        if not before:
            return lines
    return [*lines, other] if differ(lines[0][1], other[1]) else lines


def differ(one: Floats, other: Floats) -> bool:
    """Whether two effects differ by more than rounding."""
    return bool(np.max(np.abs(one - other)) > 1e-9 * (np.max(np.abs(one)) + np.max(np.abs(other))))


def assemble(
    fit: Fit,
    question: Question,
    asked: tuple[Asked, ...],
    lines: list[Line],
    assumptions: tuple[str, ...],
    notes: tuple[str, ...],
) -> Effects:
    """`Effects` out of labelled lines, with the differences between conditions added."""
    shape = fit.shape
    rows = [
        Effect(label, draws.reshape(shape), meaning) for label, draws, meaning in [*lines, *_differences(asked, lines)]
    ]
    first = asked[0]
    contrast = "; ".join(dict.fromkeys(each.contrast.words for each in asked))
    population = "; ".join(dict.fromkeys(each.stage.population.description for each in asked))
    held = [
        f"{name} set to {value:g}" if isinstance(value, float) else f"{name} set to {value}"
        for name, value in question.set
    ]
    contrast += f", with {', '.join(held)}" if held else ""
    title = f"Effects of {question.of} on {question.on}"
    if fit.plan.theory.title:
        title += f": {fit.plan.theory.title}"
    return Effects(
        title,
        first.scene.of,
        first.scene.on,
        tuple(rows),
        contrast,
        population,
        describe_scale(fit, question),
        assumptions,
        notes,
    )


def approximation(asked: Asked) -> tuple[str, ...]:
    """The note that a grid too large for exact integration needs."""
    everything = frozenset(asked.scene.graph.arrows)
    if uses_approximation(asked, everything):
        return ("the mediators' noise is integrated over 1024 Sobol' points instead of an exact grid",)
    return ()


def _interventional(asked: Asked, question: Question, identified: Identified, label: str) -> Line:
    drawn = frozenset(identified.mediators)
    if question.kind == "direct":
        one, other = Drawn(True, False, drawn), Drawn(False, False, drawn)
    else:
        one, other = Drawn(True, True, drawn), Drawn(True, False, drawn)
    names = ", ".join(identified.mediators)
    return (label, asked.difference(one, other), f"{names} drawn at random from the distribution under each value")


def _name(question: Question) -> str:
    if question.path:
        return " -> ".join(question.path)
    kind = "indirect" if question.through and question.kind == "total" else question.kind
    return f"{kind} through {', '.join(question.through)}" if question.through else kind


def label_line(line: Line, asked: Asked) -> Line:
    """A row's label with its contrast and condition, `indirect [arm=cbt]`."""
    inside = ", ".join(word for word in (asked.contrast.label, asked.condition) if word)
    label, draws, meaning = line
    return (f"{label} [{inside}]" if inside else label, draws, meaning)


def _differences(asked: tuple[Asked, ...], lines: list[Line]) -> list[Line]:
    """For every pair of conditions, the later minus the earlier, row by row."""
    conditions = list(dict.fromkeys(each.condition for each in asked))
    if len(conditions) < 2:
        return []
    found = {label: (draws, meaning) for label, draws, meaning in lines}
    rows: list[Line] = []
    for position, one in enumerate(conditions):
        for other in conditions[position + 1 :]:
            for label, (draws, _) in found.items():
                twin = _swap(label, one, other)
                if twin is not None and twin in found:
                    name = f"{label[: label.rindex(' [')]} [{_prefix(label, one)}{other} − {one}]"
                    gap = found[twin][0] - draws
                    gap = gap if differ(found[twin][0], draws) else np.zeros_like(gap)
                    rows.append((name, gap, "difference between the two groups of units"))
    return rows


def _swap(label: str, one: str, other: str) -> str | None:
    return (
        label[: -len(one) - 1] + other + "]"
        if label.endswith(f"{one}]") and label[: -len(one) - 1].endswith(("[", ", "))
        else None
    )


def _prefix(label: str, condition: str) -> str:
    return label[label.rindex(" [") + 2 : -len(condition) - 1]


def edges(*paths: tuple[str, ...]) -> frozenset[Edge]:
    """The arrows of some paths."""
    return frozenset(step for path in paths for step in pairwise(path))
