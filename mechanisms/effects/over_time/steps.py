"""Effects by horizon: what one session, or a lasting change, does at each later occasion, and in the long run."""

from dataclasses import replace

import numpy as np

from mechanisms.effects.effects import Effect, Effects
from mechanisms.effects.estimation import estimate
from mechanisms.effects.headway import WORDS, count_off, show_headway
from mechanisms.effects.over_time.stability import Unsettled, find_long_run
from mechanisms.effects.over_time.staging import stage
from mechanisms.effects.questions.asking import find_contrasts
from mechanisms.errors import FitError, IdentificationError, SpecError, expect
from mechanisms.graph.identification import identify
from mechanisms.infer.posterior import Fit
from mechanisms.spec.terms import parse_term
from mechanisms.spec.theory import Question, Scalar

MOST = 5


def horizon(
    fit: Fit,
    of: str,
    on: str,
    *,
    most: int | None = None,
    lasting: bool = False,
    contrast: tuple[Scalar, Scalar] | None = None,
    progress: bool = True,
) -> Effects:
    """The total effect of `of` on `on` at the same occasion and at each of the `most` that follow, one row each.

    It is averaged over the units in the data. For a condition, another population or another kind of effect, ask of each
    horizon by itself: `mx.Question(of="x(t)", on="y(t+2)", at={"sex": 1}, population="typical")`.

    Parameters
    ----------
    of, on
        Two repeated variables by name.
    most
        How many occasions later to go, 0 or more; by default 5, or as far as a declared grid of occasions reaches.
    lasting
        False: one session is moved (its departure). True: every session from one on, at each later one what has
        gathered by then; where the system is linear a last row says where this leads in the long run.
    contrast
        The two values of `of`, as in a question: numbers in data units, categories, `mean`, `+1 sd`, `90%`. By default 0 to 1,
        or the mean to the mean + 1.
    progress
        Whether a question of more than a second shows on a terminal or in a notebook how far it is. A pipe never sees it.

    Raises
    ------
    FitError
        `most` is no number of occasions.
    SpecError
        The two are not repeated variables, or the grid of occasions is shorter; `contrast` does not name two of more
        than two categories; a variable that stays moved is looked at itself.
    IdentificationError
        Nothing leads from one to the other within these occasions.
    """
    expect(fit, Fit, "the fit", "mx.fit or mx.sample makes one")
    cause, effect = (_repeated(fit, text) for text in (of, on))
    most = _find_most(fit, effect, most)
    laters = range(1 if cause == effect else 0, most + 1)
    if not laters:
        raise FitError("most must be 1 or more where a variable is looked at against itself")
    if lasting and cause == effect:
        raise SpecError(
            f"horizon: {of} itself stays moved, so that nothing of it is left to respond; leave out lasting="
        )
    asked = [_question(cause, effect, later, contrast, lasting=lasting) for later in laters]
    if len(find_contrasts(fit, asked[-1])) > 1:
        raise SpecError(f"horizon: {of} has more than two categories: name two of them, contrast=('a', 'b')")
    with show_headway(WORDS, progress):
        found = {later: _answer(fit, each) for later, each in zip(laters, count_off("horizons", asked), strict=True)}
    known = [each for each in found.values() if each is not None]
    if not known:
        raise IdentificationError(
            f"nothing leads from {of} to {on} within {most} occasions: the effect is zero by the theory"
        )
    effects, zero = known[-1], np.zeros_like(known[-1].rows[0].draws)
    moved = "moved from t on" if lasting else "moved at t"
    plain = f"{find_contrasts(fit, asked[-1])[0].words}: {cause} {moved}; each row says when {effect} is looked at"
    rows = []
    for later, each in found.items():
        what = f"{cause} {moved}, {effect} {later} occasion{'s' * (later != 1)} later"
        row = each.rows[0] if each is not None else effects.rows[0]
        draws = row.draws if each is not None else zero
        meaning = what if each is not None else f"{what}: no way leads there, 0 by the theory"
        contrasted = row.contrast if each is not None else plain
        rows.append(Effect(f"t+{later}", draws, meaning, contrasted, row.population))
    notes = _gather_notes({later: each for later, each in found.items() if each is not None})
    looked_at = str(next(each for each, said in zip(asked[::-1], list(found.values())[::-1], strict=True) if said).on)
    assumptions = tuple(each.replace(looked_at, f"{effect} at these occasions") for each in effects.assumptions)
    if lasting:
        limit, note = _limit(fit, asked[-1], effects)
        rows += limit
        notes += note
    title = f"Effects of {of} on {on} by horizon"
    return replace(effects, title=title, rows=tuple(rows), contrast=plain, assumptions=assumptions, notes=tuple(notes))


def _find_most(fit: Fit, effect: str, most: int | None) -> int:
    """How far to go, held against the occasions that the theory declares."""
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 0):
        raise FitError(f"most must be a whole number of occasions, 0 or more, not {most!r}")
    level = fit.plan.design.level(effect)
    declared = next((each.occasions for each in fit.plan.theory.levels if each.name == level), ())
    room = len(declared) - 1 if declared else None
    if most is None:
        return MOST if room is None else min(MOST, room)
    if room is not None and most > room:
        raise SpecError(f"horizon: most={most}: {level} has {room + 1} occasions, so that {room} is the most")
    return most


def _gather_notes(found: dict[int, Effects]) -> list[str]:
    """What all horizons share once, and what belongs to one with its name."""
    notes = dict.fromkeys(note for each in found.values() for note in each.notes)
    shared = [note for note in notes if all(note in each.notes for each in found.values())]
    own = [f"t+{later}: {note}" for later, each in found.items() for note in each.notes if note not in shared]
    return [*shared, *own]


def _repeated(fit: Fit, text: str) -> str:
    """The name of a repeated variable."""
    expect(text, str, "a variable of horizon", "write its name, such as 'x'")
    term = parse_term(text, question=True)
    if not term.plain or not fit.plan.design.repeated(term.name):
        raise SpecError(f"horizon: '{text}' must be a repeated variable, by its name; for anything else: mx.estimate")
    return term.name


def _question(of: str, on: str, later: int, contrast: tuple[Scalar, Scalar] | None, *, lasting: bool) -> Question:
    begin = f"{of}(t..)" if lasting else f"{of}(t)"
    end = f"{on}(t+{later})" if later else f"{on}(t)"
    return Question(of=begin, on=end, contrast=contrast)


def _answer(fit: Fit, question: Question) -> Effects | None:
    """The effect at one horizon; None where nothing that is moved leads there."""
    try:
        identify(fit.plan.theory, question)
    except IdentificationError:
        return None
    return estimate(fit, question)


def _limit(fit: Fit, question: Question, effects: Effects) -> tuple[list[Effect], list[str]]:
    """The row of the long run, or the note why there is none."""
    try:
        draws = find_long_run(stage(fit, question)[0].runner)
    except Unsettled as reason:
        return [], [str(reason)]
    row = effects.rows[0]
    meaning = f"where {question.on.name} settles while {question.of.name} stays moved"
    words = f"{find_contrasts(fit, question)[0].words}: moved from t on"
    return [Effect("long run", draws.reshape(fit.shape), meaning, words, row.population)], []
