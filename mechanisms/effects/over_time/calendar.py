"""The occasions that a question without occasions is about: those of the data, where the theory declares none."""

from mechanisms.effects.over_time.events import is_event
from mechanisms.graph.levels import survey
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question, Theory


def date_theory(fit: Fit, question: Question) -> Theory:
    """The theory of a fit, with the data's occasions as its grid where the question asks for the mean of an outcome's
    occasions, or for an event, and the theory declares none.

    Questions that count occasions keep the theory as it is: `t` stands for an occasion with room before and after it.
    """
    theory = fit.plan.theory
    if not theory.levels or not (is_event(fit, question) or _counts_all(theory, question)):
        return theory
    levels = tuple(
        level.model_copy(update={"occasions": fit.data.grid[level.name]})
        if level.name in theory.time and not level.occasions and level.name in fit.data.grid
        else level
        for level in theory.levels
    )
    return theory.model_copy(update={"levels": levels})


def _counts_all(theory: Theory, question: Question) -> bool:
    """Whether a question is about the mean of an outcome's occasions."""
    if question.of.when is not None or question.on.when is not None:
        return False
    design = survey(theory)
    moved = design.repeated(question.of.name) and question.of.part in (None, "whole", design.level(question.of.name))
    return not moved and design.repeated(question.on.name) and question.on.part is None
