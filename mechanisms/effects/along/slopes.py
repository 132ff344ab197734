"""Instantaneous effects: slopes multiplied along paths, at a point of the exposure."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import prod
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from mechanisms.data.shapes import refuse_value
from mechanisms.effects.along.gradients import differentiate_over_time
from mechanisms.effects.along.pointing import Here, check_continuous, stand
from mechanisms.effects.effects import Effect, Effects
from mechanisms.effects.headway import WORDS, count_off, show_headway
from mechanisms.effects.questions.passages import MOST_PATHS
from mechanisms.effects.questions.population import choose, shown
from mechanisms.errors import IdentificationError, SpecError, expect, listed
from mechanisms.graph.graph import between
from mechanisms.graph.identification import identify, require
from mechanisms.graph.question import arrow_set
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question

Floats = NDArray[np.float64]
Path = tuple[str, ...]
_STEPS = ("-1 sd", "mean", "+1 sd")


def differentiate(
    fit: Fit,
    of: str,
    on: str,
    *,
    through: str | Iterable[str] = (),
    at: Iterable[Any] | Any = _STEPS,
    covariates: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Effects:
    """The instantaneous indirect effect at points of the exposure: the slopes along a path, multiplied.

    θ(x) = ∂m/∂x · ∂y/∂m at x, where the mediator is at its mean given x (Stolzenberg 1980; Hayes & Preacher 2010): how
    fast the outcome's mean rises with x through m, for one unit at this point. It is a slope, not what moving x to
    another value does: that is the indirect effect of `mx.estimate` with a contrast, averaged over units and over the
    mediators' noise. Where every line is straight the two agree for a contrast of one unit.

    In a theory with levels, ends and paths are those of a question (`of="alliance(3)"`, `on="symptoms(4)"`), and the slope is
    averaged over the units, each with its own deviations and with the covariates that it has.

    Parameters
    ----------
    of, on
        Exposure and outcome; the exposure is a number with values between its values.
    through
        A mediator, several, or a path `"x -> m1 -> m2 -> y"`. The default is every path by a mediator, a row each, and
        their sum.
    at
        Points of the exposure: numbers, `mean`, `+1 sd`, `90%`.
    covariates
        Where the other variables are that the exposure does not move, `{"age": 40, "sex": 1}`. The default is the mean,
        of categories their shares.
    progress
        Whether a question of more than a second shows on a terminal or in a notebook how far it is. A pipe never sees it.

    Raises
    ------
    IdentificationError
        The effect is not identified; exposure or mediator has no values between its values, so no slope; a line has a corner
        at the point.
    """
    expect(fit, Fit, "the fit", "mx.fit or mx.sample makes one")
    question = Question(of=of, on=on, kind="indirect", through=through if isinstance(through, str) else tuple(through))
    with show_headway(WORDS, progress):
        if fit.plan.theory.levels:
            return differentiate_over_time(fit, question, _listing(at), covariates or {})
        return _differentiate(fit, question, _listing(at), covariates or {})


def _differentiate(fit: Fit, question: Question, at: list[Any], covariates: Mapping[str, Any]) -> Effects:
    of, on = question.of.name, question.on.name
    paths = _find_paths(fit, question)
    assumptions = _identify(fit, question, paths)
    check_continuous(fit, of, on, paths)
    column = fit.data.numbers(of)
    points = [choose(column, value) for value in at]
    if not points:
        raise SpecError("at: no point of the exposure is given")
    rows: list[Effect] = []
    notes: list[str] = []
    for point in count_off("points", dict.fromkeys(float(value) for value in points)):
        refuse_value(fit.data.bases, column.name, point)
        here = stand(fit, of, on, point, covariates)
        rows += _rows(fit, here, question, paths, point)
        notes += _outside(here, paths, point)
    return _gather(fit, question, assumptions, rows, notes, covariates)


def _listing(at: Iterable[Any] | Any) -> list[Any]:
    if isinstance(at, str | int | float):
        return [at]
    if not isinstance(at, Iterable):
        raise SpecError(f"at: {at!r} is no point of the exposure: a number, 'mean', '+1 sd', or several")
    return list(at)


def _find_paths(fit: Fit, question: Question) -> tuple[Path, ...]:
    """The paths that the question chooses, by a mediator each."""
    of, on = question.of.name, question.on.name
    if question.path:
        arrow_set(fit.plan.graph, question)
        return (question.path,)
    arrows = nx.DiGraph(list(arrow_set(fit.plan.graph, question)))
    found = []
    for path in nx.all_simple_paths(arrows, of, on):
        if set(question.through) <= set(path):
            found.append(tuple(path))
        if len(found) > MOST_PATHS:
            raise IdentificationError(f"more than {MOST_PATHS} paths: ask for one, through='{of} -> … -> {on}'")
    order = {name: place for place, name in enumerate(between(fit.plan.graph, of, on))}
    return tuple(sorted(found, key=lambda path: (len(path), [order[name] for name in path])))


def _identify(fit: Fit, question: Question, paths: tuple[Path, ...]) -> tuple[str, ...]:
    """What the slopes assume: the joint indirect effect is identified, and so is what each arrow does by itself.

    A path that splits at a mediator is no obstacle: at a point all lines are straight, so that slopes multiply.
    """
    theory = fit.plan.theory
    joint = require(identify(theory, question.model_copy(update={"through": (), "path": ()})))
    for tail, *sums, head in dict.fromkeys(step for path in paths for step in _steps(fit, path)):
        asked = Question(of=tail, on=head, kind="direct")
        if sums:  # what is computed is moved by its parts alone
            asked = Question(of=tail, on=head, kind="indirect", through=" -> ".join([tail, *sums, head]))
        verdict = identify(theory, asked)
        if not (sums and verdict.needs_linear):
            require(verdict)
    return joint.assumptions


def _steps(fit: Fit, path: Path) -> Iterable[Path]:
    """The arrows of a path; those into and out of a computed variable together."""
    start = 0
    for end in range(1, len(path)):
        if path[end] not in fit.data.made or end == len(path) - 1:
            yield path[start : end + 1]
            start = end


def _rows(fit: Fit, here: Here, question: Question, paths: tuple[Path, ...], point: float) -> list[Effect]:
    """A row for every path, and for several their sum."""
    of = question.of.name
    where = f"{of}={shown(fit.data[of], point)}"
    slopes = {step: here.slope(step[1], step[0]) for step in {step for path in paths for step in pairwise(path)}}
    whom = f"one unit where {of} is {shown(fit.data[of], point)}"

    def row(label: str, draws: Floats, meaning: str) -> Effect:
        contrast = f"none: slopes where {of} is {shown(fit.data[of], point)}"
        return Effect(f"{label} [{where}]", draws.reshape(fit.shape), meaning, contrast, whom)

    each = {path: np.asarray(prod(slopes[step] for step in pairwise(path))) for path in paths}
    found = []
    if len(paths) > 1:
        label = f"instantaneous indirect{' through ' + ', '.join(question.through) if question.through else ''}"
        found.append(row(label, np.sum(list(each.values()), axis=0), "the sum of the paths"))
    for path, draws in each.items():
        means = " · ".join(f"∂{head}/∂{tail}" for tail, head in pairwise(path))
        found.append(row(" -> ".join(path), draws, f"{means}, each where the path is at its mean"))
    return found


def _outside(here: Here, paths: tuple[Path, ...], point: float) -> list[str]:
    """Where the point, or a mediator's mean at it, lies outside what was seen."""
    of = paths[0][0]
    found = []
    for name in dict.fromkeys(name for path in paths for name in path[:-1]):
        column = here.fit.data.numbers(name)
        values = np.asarray(here.columns[name], dtype=np.float64)
        share = float(np.mean((values < column.lowest) | (values > column.highest)))
        if share > 0.05:
            what = (
                f"{of} = {shown(column, point)}"
                if name == of
                else f"the mean of {name} at {of} = {shown(here.fit.data[of], point)}"
            )
            found.append(f"{what} lies outside the data: an extrapolation")
    return found


def _gather(
    fit: Fit,
    question: Question,
    assumptions: tuple[str, ...],
    rows: list[Effect],
    notes: list[str],
    covariates: Mapping[str, Any],
) -> Effects:
    of, on = question.of.name, question.on.name
    responses = between(fit.plan.graph, of, on)
    others = [name for name in _looked_at(fit, responses) if name not in responses]
    stated = [f"{name} at {shown(fit.data[name], choose(fit.data[name], value))}" for name, value in covariates.items()]
    rest = [name for name in others if name not in covariates]
    at_mean = [f"{listed(rest)} at the mean{'s' * (len(rest) > 1)} of the data"] if rest else []
    unit = fit.plan.theory.variable(on).unit
    title = f"Instantaneous indirect effects of {of} on {on}"
    if fit.plan.theory.title:
        title += f": {fit.plan.theory.title}"
    return Effects(
        title,
        of,
        on,
        tuple(rows),
        f"none: slopes at points of {of}",
        f"one unit at the point, mediators at their means there{'; ' if stated or at_mean else ''}{listed([*stated, *at_mean])}",
        f"rise of the mean of {on}{f' ({unit})' if unit else ''} for each unit of {of}, at the point",
        assumptions,
        (
            *fit.marks,
            f"a slope at a point is not the indirect effect of moving {of} from one value to another: that is mx.estimate "
            "with a contrast, averaged over units and over the mediators' noise",
            *dict.fromkeys(notes),
        ),
    )


def _looked_at(fit: Fit, responses: tuple[str, ...]) -> tuple[str, ...]:
    """The variables that the equations on the way look at, in order."""
    modelled = (each for each in fit.plan.equations if each.response in responses[1:])
    return fit.plan.take_apart(parent for each in modelled for parent in each.parents)
