"""Whom a path serves: an effect along its moderators."""

from collections.abc import Mapping
from itertools import product as every
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Numbers
from mechanisms.effects.along.bands import find_bands
from mechanisms.effects.along.cases import list_cases
from mechanisms.effects.along.evaluating import (
    Asking,
    Key,
    Line,
    Point,
    complete,
    follow_along,
    list_lines,
    prepare,
    say_point,
)
from mechanisms.effects.along.indices import Index, find_indices, find_joint, note_curved
from mechanisms.effects.along.moderated import Conditional, Moderated
from mechanisms.effects.along.moderators import find_moderators, note_outside
from mechanisms.effects.along.regions import find_regions
from mechanisms.effects.along.thinning import thin
from mechanisms.effects.along.tracing import Curve
from mechanisms.effects.effects import MASS, Effect, Effects
from mechanisms.effects.estimability import note_inestimable
from mechanisms.effects.headway import WORDS, count_off, show_headway
from mechanisms.effects.questions.scales import describe_scale
from mechanisms.errors import MechanismsError, expect, listed
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question

Floats = NDArray[np.float64]
AVERAGED = "averaged over the sample"


def moderate(
    fit: Fit, question: Question, by: Any, *, mass: float = MASS, draws: int | None = None, progress: bool = True
) -> Moderated:
    """The asked effect along its moderators: at their values, as a curve, and by one number where there is one.

    Whatever the question asks for (total, direct, indirect, a path) is worked out where every unit has the moderator's
    value and everything else as it was observed. That is conditioning: what the moderator itself causes is not moved.

    Parameters
    ----------
    by
        A moderator, several, or a mapping from moderators to the values that the table shows: `"negexp"`,
        `["age", "diagnosis"]`, `{"negexp": ["16%", "50%", "84%"]}`. The default of a number is its mean and an sd to either
        side (the 16th, 50th and 84th percentile, where these leave the data), of a category each of its values. Of
        several, curves run along the first that is a number, at each combination of the others' values.
    mass
        Of the intervals and of both bands: pointwise, each value by itself, and simultaneous, the whole curve inside.
    draws
        How many of the posterior draws to use; the default is all. A curve takes 9 to 65 runs of what `estimate` does once,
        which through a link may be seconds each; a thousand draws are then enough to look.
    progress
        Whether a question of more than a second shows on a terminal or in a notebook how far it is. A pipe never sees it.

    Returns
    -------
    Moderated
        Rows at the values and averaged over the sample; the index of moderated mediation (Hayes 2015) where the effect is a
        straight line in a moderator, otherwise its differences between the values; for categories the differences
        between them. `.curve()` is the curve, `.regions()` where its bands exclude 0 (Johnson & Neyman 1936).

    Raises
    ------
    IdentificationError
        The effect is not identified, a moderator is a consequence of the exposure, or acts on nothing that matters here.
    SpecError, DataError
        A moderator that is not there, is said twice, or has no such value.
    """
    expect(fit, Fit, "the fit", "mx.fit or mx.sample makes one")
    expect(question, Question, "the question", 'mx.Question(of="x", on="y") makes one')
    if isinstance(mass, bool) or not isinstance(mass, int | float) or not 0 < mass < 1:
        raise MechanismsError(f"mass is a probability between 0 and 1, such as 0.95, not {mass!r}")
    with show_headway(WORDS, progress):
        return _moderate(thin(fit, draws), question, by, mass)


def _moderate(fit: Fit, question: Question, by: Any, mass: float) -> Moderated:
    moderators = find_moderators(fit, question, by)
    asking = prepare(fit, question, moderators)
    notes = asking.notes()
    points = list(every(*(each.stated for each in moderators)))
    for point in count_off("values", points):
        asking.at(point)
    lines = list_lines(asking)
    runs = [place for place, each in enumerate(moderators) if each.numbers]
    curves = {place: follow_along(asking, lines, place) for place in runs}
    rows = [*_state(asking, lines, points), *_average(asking, lines)]
    for place in range(len(moderators)):
        rows += _index(asking, find_indices(asking, lines, place, curves.get(place, {})))
    rows += _index(asking, find_joint(asking, lines))
    notes = (
        *asking.notes(),
        *note_outside(moderators),
        *(note for place in runs for note in _note(asking, place, curves[place])),
    )
    first = runs[0] if runs else None
    shown = [] if first is None else [_dress(asking, key, curve, first, mass) for key, curve in curves[first].items()]
    column = None if first is None else moderators[first].numbers
    return Moderated(_gather(asking, rows, notes), column, tuple(shown), mass)


def _state(asking: Asking, lines: tuple[Line, ...], points: list[Point]) -> list[Effect]:
    """A row for every line at every combination of the stated values."""
    found = []
    for line in lines:
        for point in points:
            draws = complete(asking.at(point), (line,))[line]
            found.append(_row(asking, line, line.label, say_point(asking, None, point), draws, line.meaning))
    return found


def _average(asking: Asking, lines: tuple[Line, ...]) -> list[Effect]:
    heights = complete(asking.averaged(), lines)
    return [_row(asking, line, line.label, AVERAGED, heights[line], line.meaning) for line in lines]


def _index(asking: Asking, indices: list[Index]) -> list[Effect]:
    return [_row(asking, each.line, each.label, each.where, each.draws, each.meaning) for each in indices]


def _row(asking: Asking, line: Line, label: str, where: str, draws: Floats, meaning: str) -> Effect:
    """A row, its label with the contrast, condition and place that tell it from others."""
    words = ", ".join(word for word in (*line.group, where) if word)
    whose = asking.sample if where == AVERAGED else asking.placed
    posed = next(each for each in whose if (each.contrast.label, each.condition) == line.group)
    return Effect(f"{label} [{words}]", draws.reshape(asking.fit.shape), meaning, posed.contrast.words, posed.whom)


def _dress(asking: Asking, key: Key, curve: Curve, place: int, mass: float) -> Conditional:
    """A curve with its bands and regions."""
    line, rest = key
    words = ", ".join(word for word in (*line.group, say_point(asking, place, rest)) if word)
    column = asking.moderators[place].column
    assert isinstance(column, Numbers)
    bands = find_bands(curve, mass)
    whose = list_cases(asking.fit, asking.question, column).get(line.condition, column.observed)
    cases = column.values[column.observed & whose]
    regions = tuple(region for band in bands for region in find_regions(curve, band, cases))
    return Conditional(f"{line.label} [{words}]" if words else line.label, line.meaning, curve, bands, regions)


def _note(asking: Asking, place: int, curves: Mapping[Key, Curve]) -> tuple[str, ...]:
    """What has to be said of a moderator along which the effect is the same, or no straight line."""
    if not all(curve.level for curve in curves.values()):
        return note_curved(asking, place, curves)
    name = asking.moderators[place].name
    return (f"the effect is the same at every value of {name}: nothing that the theory draws lets it differ",)


def _say_when(asking: Asking) -> str:
    """Where a moderator differs from occasion to occasion, that it has the value at all of them."""
    design = asking.fit.plan.design
    levels = [design.level(each.name) for each in asking.moderators]
    repeated = dict.fromkeys(each for each in levels if each in design.lattice.time)
    return f" at every {listed(repeated, joint='and')}" if repeated else ""


def _gather(asking: Asking, rows: list[Effect], notes: tuple[str, ...]) -> Effects:
    question, fit = asking.question, asking.fit
    names = listed(each.name for each in asking.moderators)
    title = f"Effects of {question.of} on {question.on} by {names}"
    if fit.plan.theory.title:
        title += f": {fit.plan.theory.title}"
    contrast = "; ".join(dict.fromkeys(each.contrast.words for each in asking.sample))
    whom = "; ".join(dict.fromkeys(each.whom for each in asking.placed))
    precision = tuple(dict.fromkeys(note for each in asking.sample for note in each.notes))
    averaged = "; ".join(dict.fromkeys(each.whom for each in asking.sample))
    if averaged != whom:
        precision = (*precision, f"rows {AVERAGED} are over {averaged}")
    return Effects(
        title,
        question.of.name,
        question.on.name,
        tuple(rows),
        contrast,
        f"{whom}, each with {names} put at the value{_say_when(asking)} and everything else as observed",
        describe_scale(fit, question),
        asking.identified.assumptions,
        (*fit.marks, *notes, *note_inestimable(fit, asking.routes.chosen.all), *precision),
    )
