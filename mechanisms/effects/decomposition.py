"""A total effect taken apart: direct, joint indirect, and every path."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np

from mechanisms.effects.asking import Asked, additive, ask
from mechanisms.effects.effects import Effects
from mechanisms.effects.estimation import Line, assemble, describe_total, differ, edges, rests_on_linearity, say_held
from mechanisms.errors import expect, listed
from mechanisms.graph.graph import Edge, between, children, descendants, directed_paths
from mechanisms.graph.identification import Identified, identify, require
from mechanisms.graph.question import witnesses
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question

MOST_PATHS = 64


def decompose(
    fit: Fit,
    of: str,
    on: str,
    *,
    at: Mapping[str, Any] | None = None,
    set: Mapping[str, Any] | None = None,
    contrast: tuple[Any, Any] | None = None,
    population: str = "these",
    scale: str = "raw",
) -> Effects:
    """Total, direct, joint indirect and every path from `of` to `on`, one row each, on the outcome's scale.

    In every draw total = direct + indirect: "direct" leaves the mediators as under the first value (pure direct
    effect), "indirect" is what they add once the direct arrow carries the change (total indirect effect). Where that
    split depends on the order, "total direct" and "pure indirect" give the other one. A path's row is what it adds
    when it joins the direct arrow; where the paths do not sum to the indirect effect, a row says what they do
    together. Definitions: Robins & Greenland (1992), Pearl (2001), VanderWeele (2015); paths: Avin et al. (2005).

    Parameters are those of `Question`: `at` conditions, `set` intervenes, `contrast` = (from, to).

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
    theory = fit.plan.theory
    total = require(identify(theory, question))
    direct = (question.of.name, question.on.name)
    mediated = total.arrows - {direct}
    kinds = ["direct"] * (direct in total.arrows) + ["indirect"] * bool(mediated)
    parts = [require(identify(theory, question.model_copy(update={"kind": kind}))) for kind in kinds]
    asked = ask(fit, question)
    paths, refused = _paths(asked[0], total)
    answers = [(each, _lines(each, total, paths, refused)) for each in asked]
    assumptions = parts[-1].assumptions if mediated else total.assumptions
    extra, notes = _on_paths(asked[0], paths)
    notes = (*_notes(total, direct, refused, paths), *notes)
    return assemble(fit, question, answers, (*assumptions, *extra), notes)


Path = tuple[str, ...]


def _paths(asked: Asked, total: Identified) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The mediated paths, those that are identified and those that are not (a recanting node, not linear)."""
    scene = asked.scene
    found = islice(directed_paths(scene.graph, scene.of, scene.on), MOST_PATHS + 2)
    mediated = [path for path in found if len(path) > 2]
    if len(mediated) > MOST_PATHS:
        return (), ()
    good: list[Path] = []
    bad: list[Path] = []
    for path in mediated:
        nodes = witnesses(scene.graph, scene.of, scene.on, edges(path))
        (good if not nodes or additive(asked, edges(path), nodes) else bad).append(path)
    return tuple(good), tuple(bad)


def _lines(asked: Asked, total: Identified, paths: tuple[Path, ...], refused: tuple[Path, ...]) -> list[Line]:
    scene = asked.scene
    own = edges((scene.of, scene.on)) & total.arrows
    rest = total.arrows - own
    nothing: frozenset[Edge] = frozenset()
    whole = asked.between(total.arrows, nothing)
    lines: list[Line] = [(f"total{say_held(asked)}", whole, describe_total(asked))]
    if not rest:
        return [*lines, ("direct", whole, "the arrow itself: nothing is drawn between")]
    indirect = asked.between(total.arrows, own)
    if own:
        direct, late = asked.between(own, nothing), asked.between(total.arrows, rest)
        lines.append(("direct", direct, f"by {scene.of} -> {scene.on}, mediators as under the first value"))
        lines.append(("indirect", indirect, "by all mediators together, once the direct arrow carries the change"))
        if differ(direct, late):
            lines.append(("total direct", late, f"by {scene.of} -> {scene.on}, mediators as under the second value"))
            pure = asked.between(rest, nothing)
            lines.append(("pure indirect", pure, "by all mediators together, the direct arrow carrying nothing"))
    else:
        lines.append(("indirect", indirect, "by all mediators together"))
    return lines + _path_lines(asked, own, indirect, paths, refused)


def _path_lines(
    asked: Asked,
    own: frozenset[Edge],
    indirect: "np.ndarray[Any, np.dtype[np.float64]]",
    paths: tuple[Path, ...],
    refused: tuple[Path, ...],
) -> list[Line]:
    """A row for each identified path; groups by first step where some are not; what the rows leave over."""
    scene = asked.scene
    lines: list[Line] = []
    joining = " once the direct arrow carries the change" if own else ""
    if refused:
        for first in children(scene.graph, scene.of):
            group = _group(asked, first)
            if group:
                label = f"{scene.of} -> {first} -> …"
                lines.append(
                    (label, asked.between(group | own, own), f"all paths whose first step is {first}{joining}")
                )
    else:
        for path in paths:
            lines.append((" -> ".join(path), asked.between(edges(path) | own, own), f"this path alone{joining}"))
    if len(lines) > 1:
        left = indirect - np.sum([draws for _, draws, _ in lines], axis=0)
        if np.max(np.abs(left)) > 1e-9 * np.max(np.abs(indirect)):
            lines.append(("paths together", left, "what the paths do only together: indirect minus their sum"))
    return lines


def _group(asked: Asked, first: str) -> frozenset[Edge]:
    """The arrows of every path whose first step is `first`."""
    scene = asked.scene
    after = {first, *descendants(scene.graph, first)}
    before = {scene.on} | {node for node in scene.graph.nodes if scene.on in descendants(scene.graph, node)}
    inside = after & before
    if first == scene.on or first not in inside:
        return frozenset()
    onward = {(tail, head) for tail, head in scene.graph.arrows if tail in inside and head in inside}
    return frozenset({(scene.of, first), *onward})


def _on_paths(asked: Asked, paths: tuple[Path, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the rows of single paths assume beyond the joint effect, and the note where they rest on linearity."""
    scene = asked.scene
    mediators = [name for name in between(scene.graph, scene.of, scene.on)[1:-1] if any(name in path for path in paths)]
    if len(mediators) < 2:
        return (), ()
    assumed = f"For the rows of single paths: no unmeasured common cause of any two of {listed(mediators)} either."
    found = [node for path in paths for node in witnesses(scene.graph, scene.of, scene.on, edges(path))]
    nodes = tuple(name for name in mediators if name in found)
    return (assumed,), ((rests_on_linearity(nodes),) if nodes else ())


def _notes(total: Identified, direct: Edge, refused: tuple[Path, ...], paths: tuple[Path, ...]) -> tuple[str, ...]:
    notes = []
    if direct not in total.arrows:
        notes.append(f"the theory draws no arrow {direct[0]} -> {direct[1]}: its direct effect is 0 by assumption")
    if refused:
        shown = "; ".join(" -> ".join(path) for path in refused)
        notes.append(
            f"not identified by themselves, because a mediator would have to respond and not respond at once: {shown}. "
            "Paths are therefore grouped by their first step"
        )
    if total.arrows - {direct} and not paths and not refused:
        notes.append(f"more than {MOST_PATHS} paths: ask for one by a Question with through='a -> b -> c'")
    return tuple(notes)
