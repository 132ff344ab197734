"""The outcome along the exposure: its mean where everybody has a value, or what an effect adds there."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Numbers
from mechanisms.effects.along.cases import find_range, keep_cases, take_departures
from mechanisms.effects.along.tracing import Curve, follow
from mechanisms.effects.averages.integration import average
from mechanisms.effects.estimation import answer, check_identified, pose
from mechanisms.effects.over_time.calendar import date_theory
from mechanisms.effects.over_time.latents import add_latents
from mechanisms.effects.questions.asking import Asked
from mechanisms.effects.questions.population import choose, shown
from mechanisms.effects.questions.posing import Posed
from mechanisms.effects.questions.routing import Routes, find_routes
from mechanisms.effects.questions.scales import describe_scale, refuse_several
from mechanisms.effects.questions.settings import describe_held
from mechanisms.effects.worlds import nested
from mechanisms.errors import DataError, IdentificationError, MechanismsError
from mechanisms.graph.identification import Identified, identify
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Response:
    """A curve over the exposure for each condition, with what it shows in words."""

    column: Numbers
    curves: dict[str, Curve]
    population: str
    scale: str
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]
    routes: Routes


@dataclass(frozen=True, eq=False)
class _Asking:
    """A question about the exposure at any value; effects are gains on its value `start`."""

    fit: Fit
    question: Question
    identified: Identified
    routes: Routes
    start: float

    @property
    def absolute(self) -> bool:
        """Whether the curve is the outcome's mean itself, not what it gains."""
        return self.question.kind == "total" and not self.fit.plan.theory.levels

    def pose(self, value: float) -> tuple[Posed, ...]:
        """From `start` to a value; where they are the same, from beside it."""
        other = self.start if value != self.start else self.start - 1.0
        return pose(self.fit, self.question.model_copy(update={"contrast": (other, value)}))

    def heights(self, value: float) -> dict[str, Floats]:
        """The curves' heights at a value, under each condition."""
        return {each.condition: self._height(each, value) for each in self.pose(value)}

    def _height(self, each: Posed, value: float) -> Floats:
        if self.absolute and isinstance(each, Asked):
            return average(each.stage, nested(each.scene, self.routes.total.all)).values
        if value == self.start:
            return np.zeros(self.fit.shape[0] * self.fit.shape[1])
        return answer(each, self.question, self.identified, self.routes)[0][1]


def follow_response(fit: Fit, question: Question, within: tuple[Any, Any] | None) -> Response:
    """The curve that a question without a contrast asks for, over the range of the exposure."""
    fit = add_latents(fit)
    refuse_several(fit, question)
    theory = date_theory(fit, question)
    identified = identify(theory, question)
    column = keep_cases(fit, question, _check_exposure(fit, question.of.name))
    assert isinstance(column, Numbers)
    column, departing = take_departures(fit, column)
    low, high = _read_range(column, find_range(fit, question, column), within)
    start = column.mean if low < column.mean < high else low
    asking = _Asking(fit, question, identified, find_routes(theory, question), start)
    posed = asking.pose(high)
    if any(each.unit for each in posed):
        raise IdentificationError(
            "population: each: a curve for every unit is not drawn; ask for these, typical or new"
        )
    notes = check_identified(identified, posed[0], asking.routes.chosen)
    notes += (departing,) if departing else ()
    held = describe_held(fit, question)
    whom = "; ".join(dict.fromkeys(each.whom for each in posed)) + (f", with {held}" if held else "")
    curves = follow(asking.heights, low, high)
    return Response(column, curves, whom, _say_scale(asking, column), identified.assumptions, notes, asking.routes)


def _check_exposure(fit: Fit, name: str) -> Numbers:
    column = fit.data[name]
    if isinstance(column, Categories) or column.binary:
        kind = "has categories" if isinstance(column, Categories) else "is 0 or 1"
        raise IdentificationError(f"{name} {kind}, so that no curve runs along it: ask mx.estimate for its differences")
    return column


def _read_range(column: Numbers, usual: tuple[float, float], within: tuple[Any, Any] | None) -> tuple[float, float]:
    if within is None:
        return usual
    if not isinstance(within, tuple | list) or len(within) != 2:
        raise MechanismsError(f"within is a pair of values, ('5%', '95%'), not {within!r}")
    low, high = (float(choose(column, value)) for value in within)
    if not column.lowest <= low < high <= column.highest:
        raise DataError(
            f"within: {shown(column, low)} to {shown(column, high)} is no range inside the data, which go from "
            f"{shown(column, column.lowest)} to {shown(column, column.highest)}"
        )
    return low, high


def _say_scale(asking: _Asking, column: Numbers) -> str:
    words = describe_scale(asking.fit, asking.question)
    if asking.absolute:
        return words.removeprefix("difference in the ")
    through = f" through {', '.join(asking.question.through)}" if asking.question.through else ""
    kind = "" if asking.question.kind == "total" else f", {asking.question.kind} effect{through}"
    return f"{words} from {column.name} = {shown(column, asking.start)}{kind}"
