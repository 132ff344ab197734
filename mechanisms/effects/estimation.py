"""One question, one answer: the posterior of the effect that it asks for."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.effects import Effect, Effects
from mechanisms.effects.estimability import note_inestimable
from mechanisms.effects.headway import WORDS, count_off, show_headway
from mechanisms.effects.looking import Look
from mechanisms.effects.over_time.calendar import date_theory
from mechanisms.effects.over_time.events import ask_event
from mechanisms.effects.over_time.latents import add_latents
from mechanisms.effects.over_time.staging import stage
from mechanisms.effects.questions.asking import ask
from mechanisms.effects.questions.posing import Posed, Ways
from mechanisms.effects.questions.reaching import refuse_unreachable
from mechanisms.effects.questions.routing import Routes, find_routes, mediates
from mechanisms.effects.questions.scales import describe_ratio, describe_scale, note_looks, read_cut, refuse_cut
from mechanisms.effects.questions.settings import describe_held, list_settings
from mechanisms.effects.straying import note_straying
from mechanisms.errors import expect, listed
from mechanisms.graph.graph import Edge
from mechanisms.graph.identification import Identified, identify, require
from mechanisms.infer.explanation import linear_probabilities
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question

Floats = NDArray[np.float64]
_MOST_NAMED = 6
_MOVED = "once the direct arrow carries the change"
Line = tuple[str, Floats, str]  # label, draws (chains · draws,), meaning


def estimate(
    fit: Fit,
    question: Question,
    *,
    restricted_to: float | None = None,
    beyond: float | None = None,
    progress: bool = True,
) -> Effects:
    """The posterior of one effect, averaged over the population, in units of the outcome.

    Of a category each value has a row of its own, or `on: y=v` names one. `on: any(y)` and `on: amount(y)` ask for the two
    parts of an outcome with `zeros`. `scale: link` gives log ratios and log odds ratios, whose `.ratios()` are ratios.

    Where the exposure and a mediator interact, or the outcome's link is not the identity, a direct or indirect effect
    has two versions and both are reported: "direct" (mediators as under the first value) and "total direct";
    "indirect" (exposure at the second value) and "pure indirect" (Robins & Greenland 1992). `at` conditions, giving a
    row for each value and their differences; it never intervenes. Definitions: Pearl (2001); VanderWeele (2015).

    Parameters
    ----------
    restricted_to, beyond
        Of a time (weibull, lognormal, gamma): the mean time up to `restricted_to`, E[min(y, 24)], or the probability to last
        longer than `beyond`. Neither hangs on the farthest tail as the mean time does. Of a hazard: the mean number of
        occasions without the event up to that occasion, or the probability that it has not happened by then; without
        either, the probability that it has happened by the occasion that `on` names, or the last.
    progress
        Whether a question of more than a second shows on a terminal or in a notebook how far it is. A pipe never sees it.

    Raises
    ------
    IdentificationError
        The theory does not identify the effect; `witness` names what forbids it.
    """
    expect(fit, Fit, "the fit", "mx.fit or mx.sample makes one")
    expect(question, Question, "the question", 'mx.Question(of="x", on="y") makes one')
    with show_headway(WORDS, progress):
        return _estimate(add_latents(fit), question, read_cut(restricted_to, beyond))


def _estimate(fit: Fit, question: Question, cut: Look | None) -> Effects:
    question = ask_event(fit, question, cut)
    theory = date_theory(fit, question)
    identified = identify(theory, question)
    asked = pose(fit, question, cut)
    routes = find_routes(theory, question)
    notes = (*check_identified(identified, asked[0], routes.chosen), *note_inestimable(fit, routes.chosen.all))
    notes = (*notes, *note_straying(fit, asked, routes.total))
    answers = [
        (each, settle(each, partial(answer, each, question, identified, routes))) for each in count_off("rows", asked)
    ]
    return assemble(fit, question, answers, identified.assumptions, notes, cut)


def pose(fit: Fit, question: Question, cut: Look | None = None) -> tuple[Posed, ...]:
    """What a question asks of a fit: one for each contrast, condition and value, and for each unit where that is asked."""
    refuse_unreachable(fit, question)
    if fit.plan.theory.levels:
        refuse_cut(fit, question, cut)
    found: list[Posed] = []
    for single, words in list_settings(fit, question):
        posed = stage(fit, single, cut) if fit.plan.theory.levels else ask(fit, single, cut)
        found += [replace(each, condition=", ".join(filter(None, (each.condition, words)))) for each in posed]
    return tuple(found)


def check_identified(identified: Identified, asked: Posed, ways: Ways) -> tuple[str, ...]:
    """Notes that the answer needs; raises where the question is not identified, not even by linear equations."""
    if identified.identified:
        return ()
    if identified.needs_linear and asked.additive(ways, identified.needs_linear):
        return (rests_on_linearity(identified.needs_linear),)
    require(identified)
    return ()


def rests_on_linearity(nodes: tuple[str, ...]) -> str:
    """The note on a path that splits at some nodes and is answered all the same."""
    return (
        f"the graph alone does not identify the effect of a path that splits at {listed(nodes)}; it is given because the "
        "outcome's mean is linear in these mediators, without products among them, so that only their means matter"
    )


def settle(asked: Posed, work: Callable[[], list[Line]]) -> list[Line]:
    """The lines of one contrast and condition, all averaged over the same draws of the noise: what adds up does so in each draw."""
    while True:
        taken = asked.taken
        lines = work()
        if asked.taken == taken:
            return lines


def answer(asked: Posed, question: Question, identified: Identified, routes: Routes) -> list[Line]:
    """The lines of one contrast and condition: the effect, and its other version where that differs."""
    label = question.name or _name(question)
    ways, nothing = routes.chosen, routes.chosen.none
    if question.mediators == "interventional" and identified.mediators:
        return [_interventional(asked, question, identified, label)]
    if question.kind in ("total", "controlled"):
        held = "" if question.name or question.kind == "controlled" else say_held(asked)
        return [(label + held, asked.between(ways, nothing), describe_total(asked))]
    if question.kind == "direct":
        rest = routes.rest
        meaning = "mediators as under the first value" if mediates(routes) else "by this arrow alone"
        line = (label, asked.between(ways, nothing), meaning)
        other = ("total direct", asked.between(ways | rest, rest), "mediators as under the second value")
    else:
        before = routes.own
        line = (label, asked.between(ways | before, before), _MOVED if before else "by these arrows alone")
        other = ("pure indirect", asked.between(ways, nothing), "the direct arrow carries no change")
    if not differ(line[1], other[1]):
        return [line]
    return [line, (f"{question.name}, {other[0]}" if question.name else other[0], *other[1:])]


def say_held(asked: Posed) -> str:
    """` (m held)` behind a label where a mediator is set, else nothing."""
    held = [name for name in asked.inside if name in asked.held]
    return f" ({listed(held)} held)" if held else ""


def describe_total(asked: Posed) -> str:
    """What a total or controlled effect contains."""
    if not asked.held:
        return "everything that the change in the exposure brings about"
    left = asked.responding
    return f"with {listed(sorted(asked.held))} held" + (f"; {listed(left)} respond" if left else "")


def differ(one: Floats, other: Floats, rounding: float = 1e-9) -> bool:
    """Whether two effects differ by more than rounding."""
    return bool(np.max(np.abs(one - other)) > rounding * (np.max(np.abs(one)) + np.max(np.abs(other))))


def assemble(
    fit: Fit,
    question: Question,
    answers: list[tuple[Posed, list[Line]]],
    assumptions: tuple[str, ...],
    notes: tuple[str, ...],
    cut: Look | None = None,
) -> Effects:
    """`Effects` out of the lines of each contrast and condition, with the differences between conditions added."""
    asked = [each for each, _ in answers]
    held = describe_held(fit, question)
    behind = f", with {held}" if held else ""
    rows = [
        _row(
            fit,
            line,
            each.contrast.words + behind,
            each.whom,
            each.contrast.label,
            each.condition,
            each.unit,
            each.aspect,
        )
        for each, found in answers
        for line in found
    ]
    rows += _differences(fit, answers, behind)
    contrast = "; ".join(dict.fromkeys(each.contrast.words for each in asked))
    population = _whom(asked)
    title = f"Effects of {question.of} on {question.on}"
    if fit.plan.theory.title:
        title += f": {fit.plan.theory.title}"
    precision = tuple(dict.fromkeys(note for each in asked for note in each.notes))
    return Effects(
        title,
        question.of.name,
        question.on.name,
        tuple(rows),
        contrast + behind,
        population,
        describe_scale(fit, question, cut),
        assumptions,
        (*fit.marks, *notes, *note_looks(fit, question), *_on_families(fit, answers[0][0]), *precision),
        describe_ratio(fit, question, cut),
    )


def _whom(asked: list[Posed]) -> str:
    """Whom the rows are averaged over; units with a row each are counted."""
    words = tuple(dict.fromkeys(each.whom for each in asked))
    return "; ".join(words) if len(words) <= _MOST_NAMED else f"a row each: {words[0]}; … ({len(words)} in all)"


def _interventional(asked: Posed, question: Question, identified: Identified, label: str) -> Line:
    names = ", ".join(identified.mediators)
    under = "the first value" if question.kind == "direct" else "each value, the rest under the second"
    meaning = f"{names} drawn at random from those of units alike in {asked.alike}, under {under}"
    return (label, asked.drawn(identified.mediators, question.kind), meaning)


def _name(question: Question) -> str:
    if question.path:
        return " -> ".join(question.path)
    kind = "indirect" if question.through and question.kind == "total" else question.kind
    return f"{kind} through {', '.join(question.through)}" if question.through else kind


def _row(
    fit: Fit,
    line: Line,
    contrast: str,
    population: str,
    versus: str = "",
    condition: str = "",
    unit: str = "",
    aspect: str = "",
) -> Effect:
    """A row, its label with the value, contrast, condition and unit it needs, `indirect [y=often, arm=cbt]`."""
    words = ", ".join(word for word in (aspect, versus, condition, unit) if word)
    label, draws, meaning = line
    return Effect(
        f"{label} [{words}]" if words else label, draws.reshape(fit.shape), meaning, contrast, population, unit
    )


def _differences(fit: Fit, answers: list[tuple[Posed, list[Line]]], behind: str) -> list[Effect]:
    """For every pair of conditions under one contrast, the later minus the earlier, row by row."""
    rows: list[Effect] = []
    for (first, some), (second, others) in combinations(answers, 2):
        alike = (first.contrast, first.unit, first.aspect) == (second.contrast, second.unit, second.aspect)
        if not alike or first.condition == second.condition:
            continue
        found = {label: draws for label, draws, _ in others}
        same = second.whom == first.whom
        groups = first.whom if same else f"{second.whom} minus {first.whom}"
        between = "the two values that are set" if same else "the two groups of units"
        for label, draws, _ in some:
            if label in found:
                gap = found[label] - draws if differ(found[label], draws, 1e-12) else np.zeros_like(draws)
                line = (label, gap, f"difference between {between}")
                words = f"{second.condition} − {first.condition}"
                label_of = (first.contrast.label, words, first.unit, first.aspect)
                rows.append(_row(fit, line, first.contrast.words + behind, groups, *label_of))
    return rows


def _on_families(fit: Fit, asked: Posed) -> tuple[str, ...]:
    """A note for every 0/1 variable on the way that is modelled as normal."""
    inside = [name for name in asked.inside[1:] if name in (*asked.responding, asked.on)]
    odd = [name for name in inside if name in linear_probabilities(fit.plan, fit.data)]
    return tuple(
        f"{name} holds only 0 and 1 but is modelled as normal: declare family: bernoulli, unless that is meant"
        for name in odd
    )


def edges(*paths: tuple[str, ...]) -> frozenset[Edge]:
    """The arrows of some paths."""
    return frozenset(step for path in paths for step in pairwise(path))
