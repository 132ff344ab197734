"""A total effect taken apart: direct, joint indirect, and every path."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from mechanisms.effects.effects import Effects
from mechanisms.effects.estimability import note_inestimable
from mechanisms.effects.estimation import (
    Line,
    assemble,
    describe_total,
    differ,
    pose,
    rests_on_linearity,
    say_held,
    settle,
)
from mechanisms.effects.headway import WORDS, count_off, show_headway
from mechanisms.effects.looking import Look
from mechanisms.effects.over_time.calendar import date_theory
from mechanisms.effects.over_time.events import ask_event
from mechanisms.effects.over_time.latents import add_latents
from mechanisms.effects.questions.passages import MOST_PATHS, Passages, find_passages, group
from mechanisms.effects.questions.posing import Floats, Posed
from mechanisms.effects.questions.routing import Routes, find_routes, mediates
from mechanisms.effects.questions.scales import read_cut
from mechanisms.effects.straying import note_straying
from mechanisms.errors import IdentificationError, expect, listed
from mechanisms.graph.identification import identify, require
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question


def decompose(
    fit: Fit,
    of: str,
    on: str,
    *,
    at: Mapping[str, Any] | None = None,
    set: Mapping[str, Any] | None = None,
    contrast: tuple[Any, Any] | None = None,
    population: str | Mapping[str, str] = "these",
    scale: str = "raw",
    restricted_to: float | None = None,
    beyond: float | None = None,
    progress: bool = True,
) -> Effects:
    """Total, direct, joint indirect and every path from `of` to `on`, one row each, on the outcome's scale.

    In every draw total = direct + indirect: "direct" leaves the mediators as under the first value (pure direct
    effect), "indirect" is what they add once the direct arrow carries the change (total indirect effect). Where that
    split depends on the order, "total direct" and "pure indirect" give the other one. A path's row is what it adds
    when it joins the direct arrow; where the paths do not sum to the indirect effect, a row says what they do
    together. Definitions: Robins & Greenland (1992), Pearl (2001), VanderWeele (2015); paths: Avin et al. (2005).

    `on` may name a value, `y=v`, or a part, `any(y)`, `amount(y)`; a category without a value has these rows for each.
    Parameters are those of `Question` and of `estimate`: `at` conditions, `set` intervenes, `contrast` = (from, to). Over time a path's row
    takes every way that visits its variables in this order, and each may hand on to itself at a later occasion.

    Raises
    ------
    IdentificationError
        The total, direct or joint indirect effect is not identified; `witness` names what forbids it.
    """
    expect(fit, Fit, "the fit", "mx.fit or mx.sample makes one")
    question = Question(
        of=of,
        on=on,
        at=() if at is None else at,
        set=() if set is None else set,
        contrast=contrast,
        population=population,
        scale=scale,
    )
    with show_headway(WORDS, progress):
        return _decompose(add_latents(fit), question, read_cut(restricted_to, beyond))


def _decompose(fit: Fit, question: Question, cut: Look | None) -> Effects:
    question = ask_event(fit, question, cut)
    theory = date_theory(fit, question)
    total = require(identify(theory, question))
    routes = find_routes(theory, question)
    parts = [require(identify(theory, question.model_copy(update={"kind": kind}))) for kind in _kinds(routes)]
    asked = pose(fit, question, cut)
    passages = find_passages(asked[0], routes)
    answers = [(each, settle(each, partial(_lines, each, routes, passages))) for each in count_off("rows", asked)]
    assumptions = parts[-1].assumptions if mediates(routes) else total.assumptions
    extra, notes = _on_paths(asked[0], passages)
    notes = (*_notes(routes, passages), *notes, *note_inestimable(fit, routes.total.all))
    notes = (*notes, *note_straying(fit, asked, routes.total))
    return assemble(fit, question, answers, (*assumptions, *extra), notes, cut)


def _kinds(routes: Routes) -> list[str]:
    """Which effects must be identified besides the total one."""
    direct = [bool(own) for own, total in zip(routes.own.arrows, routes.total.arrows, strict=True) if total]
    if any(direct) and not all(direct):
        question = routes.placed.question
        raise IdentificationError(
            f"{question.of} has an arrow of its own into {question.on} at some of these occasions only, so that the direct "
            "effect is another thing at each: decompose one occasion at a time"
        )
    return ["direct"] * any(direct) + ["indirect"] * mediates(routes)


def _lines(asked: Posed, routes: Routes, passages: Passages) -> list[Line]:
    total, own, nothing = routes.total, routes.own, routes.total.none
    whole = asked.between(total, nothing)
    lines: list[Line] = [(f"total{say_held(asked)}", whole, describe_total(asked))]
    if not mediates(routes):
        return [*lines, ("direct", whole, "the arrow itself: nothing is drawn between")]
    rest = routes.rest
    indirect = asked.between(total, own)
    if own:
        direct, late = asked.between(own, nothing), asked.between(total, rest)
        arrow = f"{asked.of} -> {asked.on}"
        lines.append(("direct", direct, f"by {arrow}, mediators as under the first value"))
        lines.append(("indirect", indirect, "by all mediators together, once the direct arrow carries the change"))
        if differ(direct, late):
            lines.append(("total direct", late, f"by {arrow}, mediators as under the second value"))
            pure = asked.between(rest, nothing)
            lines.append(("pure indirect", pure, "by all mediators together, the direct arrow carrying nothing"))
    else:
        lines.append(("indirect", indirect, "by all mediators together"))
    return lines + _path_lines(asked, routes, indirect, passages)


def _path_lines(asked: Posed, routes: Routes, indirect: Floats, passages: Passages) -> list[Line]:
    """A row for each identified path; groups by first step where some are not; what the rows leave over."""
    own = routes.own
    lines: list[Line] = []
    joining = " once the direct arrow carries the change" if own else ""
    if passages.refused:
        for first, ways in group(routes):
            label = f"{asked.of} -> {first} -> …"
            line = (label, asked.between(ways | own, own), f"all paths whose first step is {first}{joining}")
            lines.append(line)
    else:
        for passage in count_off("paths", passages.good):
            line = (passage.label, asked.between(passage.ways | own, own), f"{passage.meaning}{joining}")
            lines.append(line)
    if len(lines) > 1:
        left = indirect - np.sum([draws for _, draws, _ in lines], axis=0)
        if np.max(np.abs(left)) > 1e-9 * np.max(np.abs(indirect)):
            lines.append(("paths together", left, "what the paths do only together: indirect minus their sum"))
    return lines


def _on_paths(asked: Posed, passages: Passages) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the rows of single paths assume beyond the joint effect, and the note where they rest on linearity."""
    mediators = [name for name in asked.responding if any(name in each.names for each in passages.good)]
    if len(mediators) < 2:
        return (), ()
    assumed = f"For the rows of single paths: no unmeasured common cause of any two of {listed(mediators)} either."
    nodes = tuple(name for name in mediators if any(name in each.linear for each in passages.good))
    return (assumed,), ((rests_on_linearity(nodes),) if nodes else ())


def _notes(routes: Routes, passages: Passages) -> tuple[str, ...]:
    notes = []
    question = routes.placed.question
    if not routes.own:
        notes.append(
            f"the theory draws no arrow {question.of.name} -> {question.on.name}: its direct effect is 0 by assumption"
        )
    if passages.refused:
        shown = "; ".join(" -> ".join(names) for names in passages.refused)
        notes.append(
            f"not identified by themselves, because a mediator would have to respond and not respond at once: {shown}. "
            "Paths are therefore grouped by their first step"
        )
    if mediates(routes) and not passages.good and not passages.refused:
        notes.append(f"more than {MOST_PATHS} paths: ask for one by a Question with through='a -> b -> c'")
    return tuple(notes)
