"""Instantaneous effects in theories with levels: how fast the outcome rises as one occasion's exposure is moved a little.

The worlds are those of `mx.estimate`, run forward without noise, so that mediators are at their means: what the chosen arrows
hand on of a small step, divided by the step, is the product of the slopes along them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Numbers
from mechanisms.data.shapes import refuse_value
from mechanisms.effects.along.moderators import put
from mechanisms.effects.along.pointing import STEP, check_covariates, check_family, check_steps, take_slope
from mechanisms.effects.effects import Effect, Effects
from mechanisms.effects.estimation import check_identified
from mechanisms.effects.headway import count_off
from mechanisms.effects.over_time.calendar import date_theory
from mechanisms.effects.over_time.latents import add_latents
from mechanisms.effects.over_time.staging import Staged, stage
from mechanisms.effects.questions.population import choose, shown
from mechanisms.effects.questions.routing import find_routes
from mechanisms.errors import SpecError
from mechanisms.graph.identification import identify
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question

Floats = NDArray[np.float64]


def differentiate_over_time(fit: Fit, question: Question, at: Iterable[Any], covariates: Mapping[str, Any]) -> Effects:
    """The slope of an indirect effect at points of the exposure, averaged over the units with their own deviations.

    Raises
    ------
    IdentificationError
        The effect is not identified; exposure or mediator has no values between its values; a corner at the point.
    """
    fit = put(add_latents(fit), _read(fit, question, covariates))
    theory = date_theory(fit, question)
    identified, routes = identify(theory, question), find_routes(theory, question)
    check_steps(fit, question.of.name)
    column = fit.data.numbers(question.of.name)
    points = list(dict.fromkeys(float(choose(column, value)) for value in at))
    rows, notes = [], []
    for point in count_off("points", points):
        refuse_value(fit.data.bases, column.name, point)

        def rise(step: float, point: float = point) -> Floats:
            """What a step from the point brings about by the chosen arrows; shape (draws,)."""
            if not step:
                return np.zeros(fit.shape[0] * fit.shape[1])
            (staged,) = stage(fit, question.model_copy(update={"contrast": (point, point + step)}))
            ways, none = routes.chosen, routes.chosen.none
            return np.asarray(np.subtract(*staged.runner.means((ways, none), None))[staged.row])

        (first,) = stage(fit, question.model_copy(update={"contrast": (point, point + column.sd)}))
        _check_slopes(fit, first)
        notes += [*check_identified(identified, first, routes.chosen), *_outside(column, point)]
        where = f"{column.name}={shown(column, point)}"
        draws = take_slope(rise, STEP * column.sd, question.on.name, column.name)
        meaning = (
            "the slopes along the path, multiplied"
            if question.path
            else "the slopes along each path, multiplied and added"
        )
        label = " -> ".join(question.path) or f"instantaneous indirect{_through(question)}"
        words = f"none: slopes where {question.of} is {shown(column, point)}: {first.placed.reading}"
        rows.append(
            Effect(f"{label} [{where}]", draws.reshape(fit.shape), meaning, words.removesuffix(": "), first.whom)
        )
    if not rows:
        raise SpecError("at: no point of the exposure is given")
    return _gather(fit, question, identified.assumptions, rows, notes, covariates)


def _through(question: Question) -> str:
    return f" through {', '.join(question.through)}" if question.through else ""


def _check_slopes(fit: Fit, staged: Staged) -> None:
    """Refuse slopes in what has no values between its values, and means of what has none."""
    for name in staged.inside[:-1]:
        check_steps(fit, name)
    for name in staged.inside[1:]:
        check_family(fit, name)


def _read(fit: Fit, question: Question, covariates: Mapping[str, Any]) -> dict[str, float | str]:
    """Values of what the exposure does not move, of variables without an equation."""
    check_covariates(fit, question.of.name, question.on.name, covariates)
    for name in covariates:
        if name not in fit.plan.exogenous or name in fit.data.grid:
            raise SpecError(f"covariates: {name} has an equation or counts time; name what the theory conditions on")
    return {name: choose(fit.data[name], value) for name, value in covariates.items()}


def _outside(column: Numbers, point: float) -> list[str]:
    inside = column.lowest <= point <= column.highest
    return [] if inside else [f"{column.name} = {shown(column, point)} lies outside the data: an extrapolation"]


def _gather(
    fit: Fit,
    question: Question,
    assumptions: tuple[str, ...],
    rows: list[Effect],
    notes: list[str],
    covariates: Mapping[str, Any],
) -> Effects:
    of, on = question.of, question.on
    stated = [f"{name} at {shown(fit.data[name], choose(fit.data[name], value))}" for name, value in covariates.items()]
    whom = "; ".join(dict.fromkeys(each.population for each in rows))
    title = f"Instantaneous indirect effects of {of} on {on}"
    if fit.plan.theory.title:
        title += f": {fit.plan.theory.title}"
    unit = fit.plan.theory.variable(on.name).unit
    return Effects(
        title,
        of.name,
        on.name,
        tuple(rows),
        f"none: slopes at points of {of}",
        ", ".join([whom, "mediators at their means", *stated]),
        f"rise of the mean of {on}{f' ({unit})' if unit else ''} for each unit of {of}, at the point",
        assumptions,
        (
            f"a slope at a point is not the indirect effect of moving {of} from one value to another: that is mx.estimate "
            "with a contrast, averaged over the mediators' noise as well",
            *dict.fromkeys(notes),
        ),
    )
