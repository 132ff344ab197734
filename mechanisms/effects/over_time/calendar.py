"""The occasions that a question is about where the theory declares none: those of the data, as far as they are named."""

from mechanisms.effects.over_time.events import is_event
from mechanisms.graph.graph import occasion_of
from mechanisms.graph.levels import survey
from mechanisms.graph.moments import is_timed, list_occasions
from mechanisms.infer.posterior import Fit
from mechanisms.spec.terms import Occasions, Relative
from mechanisms.spec.theory import Level, Question, Theory


def date_theory(fit: Fit, question: Question) -> Theory:
    """The theory of a fit with a grid of occasions, where it declares none.

    A question for the mean of an outcome's occasions, or for an event, is about all occasions of the data. One that names
    occasions begins with the data's first, before which nothing has happened (language R15), and ends with the last that it
    names. One that counts occasions begins there too: `t` stands for an occasion with room before and after it.
    """
    theory = fit.plan.theory
    if not theory.levels:
        return theory
    named, open_ended = _list_named(theory, question)
    everywhere = is_event(fit, question) or _counts_all(theory, question) or open_ended
    counted = len(list_occasions(theory, question))

    def dated(level: Level) -> Level:
        if level.name not in theory.time or level.occasions or level.name not in fit.data.grid:
            return level
        known = fit.data.grid[level.name]
        if not (named or everywhere):
            return level.model_copy(update={"occasions": tuple(range(known[0], known[0] + counted))})
        last = max([*named, *([known[-1]] if everywhere else []), *_list_fixed(theory)])
        return level.model_copy(update={"occasions": tuple(range(min(known[0], *named, last), last + 1))})

    return theory.model_copy(update={"levels": tuple(map(dated, theory.levels))})


def _list_named(theory: Theory, question: Question) -> tuple[list[int], bool]:
    """The occasions that a question names, none where it counts from `t`; and whether it leaves the other end's open."""
    design = survey(theory)
    whens = [term.when for term in (question.of, question.on) if is_timed(term, design)]
    found = [at for when in whens if isinstance(when, Occasions) for at in (when.first, when.last) if at is not None]
    if not found or any(isinstance(when, Relative) for when in whens):
        return [], False
    others = [*question.through, *(question.adjust or ()), *question.path]
    others += [name for said in (question.at, question.set) for name, _ in said]
    return [*found, *(at for name in others if (at := occasion_of(name)) is not None)], None in whens


def _list_fixed(theory: Theory) -> list[int]:
    """The occasions that arrows name, `y(0) -> z`."""
    whens = [term.when for arrow in theory.arrows for term in (arrow.cause, arrow.effect)]
    return [when.first for when in whens if isinstance(when, Occasions)]


def _counts_all(theory: Theory, question: Question) -> bool:
    """Whether a question is about the mean of an outcome's occasions."""
    if question.of.when is not None or question.on.when is not None:
        return False
    design = survey(theory)
    moved = design.repeated(question.of.name) and question.of.part in (None, "whole", design.level(question.of.name))
    return not moved and design.repeated(question.on.name) and question.on.part is None
