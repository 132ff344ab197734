"""An effect at any values of its moderators, each worked out once."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product as every

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.along.moderators import Moderator, put
from mechanisms.effects.along.tracing import Curve, follow
from mechanisms.effects.estimation import answer, check_identified, pose
from mechanisms.effects.headway import count_off
from mechanisms.effects.over_time.calendar import date_theory
from mechanisms.effects.over_time.latents import add_latents
from mechanisms.effects.questions.posing import Posed
from mechanisms.effects.questions.routing import Routes, find_routes
from mechanisms.effects.questions.scales import refuse_several
from mechanisms.errors import IdentificationError, SpecError
from mechanisms.graph.identification import Identified, identify
from mechanisms.infer.posterior import Fit
from mechanisms.spec.question_checks import check_question
from mechanisms.spec.theory import Question

Floats = NDArray[np.float64]
Point = tuple[float | str, ...]  # a value of each moderator, or of each but one


@dataclass(frozen=True)
class Line:
    """One effect of a question: its label, what it means, and which contrast and condition it belongs to."""

    label: str
    meaning: str
    versus: str
    condition: str

    @property
    def group(self) -> tuple[str, str]:
        """The contrast and the condition."""
        return self.versus, self.condition


Heights = Mapping[Line, Floats]  # draws of each line, (draws,)
Key = tuple[Line, Point]  # a line at values of the moderators that a curve does not run along


@dataclass(frozen=True, eq=False)
class Asking:
    """A question and its moderators, ready to be asked at any of their values.

    `known` keeps what was worked out.
    """

    fit: Fit
    question: Question
    moderators: tuple[Moderator, ...]
    identified: Identified
    routes: Routes
    known: dict[Point, Heights] = field(default_factory=dict)

    @cached_property
    def sample(self) -> tuple[Posed, ...]:
        """The question asked of the units as they are, with their own values of the moderators."""
        return pose(self.fit, self.question)

    @cached_property
    def placed(self) -> tuple[Posed, ...]:
        """The question asked where every unit has the first stated values."""
        return self._pose(tuple(each.stated[0] for each in self.moderators))

    def averaged(self) -> Heights:
        """The effect averaged over the units as they are."""
        return _answer(self, self.sample)

    def at(self, point: Point) -> Heights:
        """The effect where the moderators have these values; shape (draws,) each."""
        if point not in self.known:
            self.known[point] = _answer(self, self._pose(point))
        return self.known[point]

    def notes(self) -> tuple[str, ...]:
        """What the answer needs said."""
        return check_identified(self.identified, self.sample[0], self.routes.chosen)

    def _pose(self, point: Point) -> tuple[Posed, ...]:
        names = [each.name for each in self.moderators]
        return pose(put(self.fit, dict(zip(names, point, strict=True))), self.question)


def prepare(fit: Fit, question: Question, moderators: tuple[Moderator, ...]) -> Asking:
    """The question with its conditions checked: a moderator is something to look at, no consequence of the exposure.

    Raises
    ------
    IdentificationError
        The theory does not identify the effect at values of these moderators.
    """
    if isinstance(question.population, tuple) and question.population[0] == "each":
        raise IdentificationError(
            "population: each: a curve for every unit is not drawn; ask mx.estimate for a row each at a value"
        )
    fit = add_latents(fit)
    refuse_several(fit, question)
    conditions = tuple((each.name, (each.stated[0],)) for each in moderators)
    conditioned = question.model_copy(update={"at": (*question.at, *conditions)})
    theory = date_theory(fit, question)
    with _saying_by([each.name for each in moderators]):
        check_question(conditioned, fit.plan.theory)
        identified = identify(theory, conditioned)
    return Asking(fit, question, moderators, identified, find_routes(theory, question))


@contextmanager
def _saying_by(names: list[str]) -> Iterator[None]:
    """What is refused of a moderator as a condition, said of the argument that named it."""
    said = re.compile(rf"^(?:question: )?at: (?=(?:\S+ changes )?(?:{'|'.join(map(re.escape, names))})\b)")
    try:
        yield
    except SpecError as refusal:
        raise SpecError(said.sub("by: ", refusal.message), refusal.place) from None
    except IdentificationError as refusal:
        raise IdentificationError(said.sub("by: ", str(refusal)), refusal.witness) from None


def _answer(asking: Asking, posed: tuple[Posed, ...]) -> dict[Line, Floats]:
    """Every line of every contrast and condition.

    A second version of an effect is there only where it differs from the first; elsewhere it is the first.
    """
    found: dict[Line, Floats] = {}
    for each in posed:
        for label, draws, meaning in answer(each, asking.question, asking.identified, asking.routes):
            found[Line(label, meaning, each.contrast.label, each.condition)] = draws
    return found


def complete(heights: Heights, lines: tuple[Line, ...]) -> dict[Line, Floats]:
    """The heights of some lines; one that is absent is like the first of its contrast and condition."""
    return {line: heights[line] if line in heights else _first(heights, line) for line in lines}


def _first(heights: Heights, line: Line) -> Floats:
    return next(draws for other, draws in heights.items() if other.group == line.group)


def list_lines(asking: Asking) -> tuple[Line, ...]:
    """All lines that appear at any value asked so far, those of one contrast and condition together."""
    found = dict.fromkeys(line for heights in asking.known.values() for line in heights)
    groups = list(dict.fromkeys(line.group for line in found))
    return tuple(sorted(found, key=lambda line: groups.index(line.group)))


def list_rests(asking: Asking, place: int) -> list[Point]:
    """Every combination of the stated values of all moderators but one."""
    return list(every(*(each.stated for other, each in enumerate(asking.moderators) if other != place)))


def insert(rest: Point, place: int, value: float | str) -> Point:
    """A value of one moderator among values of the others."""
    return (*rest[:place], value, *rest[place:])


def say_point(asking: Asking, place: int | None, point: Point) -> str:
    """Values in words, `negexp=0.60, arm=cbt`; of all moderators, or of all but one."""
    named = [each for other, each in enumerate(asking.moderators) if other != place]
    return ", ".join(each.say(value) for each, value in zip(named, point, strict=True))


def follow_along(asking: Asking, lines: tuple[Line, ...], place: int) -> dict[Key, Curve]:
    """The curve of every line along one moderator, at each combination of the others' values."""
    along = asking.moderators[place].numbers
    assert along is not None
    found: dict[Key, Curve] = {}
    for rest in count_off("curves", list_rests(asking, place)):

        def evaluate(value: float, rest: Point = rest) -> Mapping[Line, Floats]:
            return complete(asking.at(insert(rest, place, value)), lines)

        curves = follow(evaluate, along.lowest, along.highest)
        found |= {(line, rest): curves[line] for line in lines}
    return found
