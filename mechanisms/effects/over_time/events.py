"""Questions about an event: whether it has happened by an occasion, not how likely it is among those whom it has spared.

The hazard of a late occasion speaks of those who are left, and treatment decides who is left. What is compared is therefore
what becomes of everybody: the probability that the event has happened by an occasion, that it has not, and the mean number of
occasions without it (docs/decisions/0025). All three need the hazard of every occasion up to then.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.looking import Look
from mechanisms.errors import SpecError, listed
from mechanisms.infer.posterior import Fit
from mechanisms.spec.terms import Occasions
from mechanisms.spec.theory import Question

Floats = NDArray[np.float64]


def ask_event(fit: Fit, question: Question, cut: Look | None) -> Question:
    """A question on a hazard, `on: dropout(12)`, as one on every occasion from the first to that one; others as they are.

    Raises
    ------
    SpecError
        The question names a part or an occasion that is counted from another, or one that is not in the data.
    """
    if not is_event(fit, question):
        return question
    on, grid = question.on, fit.data.grid[fit.plan.design.level(question.on.name)]
    if on.part is not None or (on.when is not None and not isinstance(on.when, Occasions)):
        raise SpecError(
            f"question: on: '{on}': an event has happened by an occasion; name it, {on.name}({grid[-1]})",
            question.place,
        )
    last = grid[-1]
    if isinstance(on.when, Occasions):
        if cut is not None:
            raise SpecError(f"question: on: '{on}': restricted_to and beyond name the occasion already", question.place)
        last = on.when.first if on.when.last is None else on.when.last
        if on.when.last is not None and on.when.first != grid[0]:
            raise SpecError(
                f"question: on: '{on}': an event is counted from the first occasion; write {on.name}({last})",
                question.place,
            )
    elif cut is not None:
        last = int(cut.until)
    if last not in grid or (cut is not None and cut.until != last):
        said = cut.until if cut is not None else last
        raise SpecError(
            f"question: on: {on.name}: {said:g} is no occasion of the data; they are {listed(map(str, grid), most=30)}",
            question.place,
        )
    when = Occasions(grid[0], last) if last != grid[0] else Occasions(last)
    return question.model_copy(update={"on": replace(on, when=when)})


def is_event(fit: Fit, question: Question) -> bool:
    """Whether the outcome is a hazard."""
    return any(each.response == question.on.name and each.family == "hazard" for each in fit.plan.equations)


def combine(look: Look, outcomes: Sequence[Floats]) -> Floats:
    """What is looked at in an outcome, from its means at the occasions that are named, in their order."""
    if look.what == "mean" or (look.what != "risk" and not look.timed):
        return np.asarray(sum(outcomes) / len(outcomes))
    spared = np.cumprod([1.0 - each for each in np.broadcast_arrays(*outcomes)], axis=0)
    if look.what == "restricted":
        return np.asarray(spared.sum(axis=0))
    return np.asarray(spared[-1] if look.what == "beyond" else 1.0 - spared[-1])
