"""What a response is given in a world over time: its linear predictors, its spread, its noise, and what its course says."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import readable
from mechanisms.effects.looking import MEAN
from mechanisms.effects.over_time.drawing import take_residual
from mechanisms.effects.over_time.noise import Known, draw_more, draw_residual
from mechanisms.effects.over_time.scenario import Chunk, Scenario
from mechanisms.effects.over_time.views import View
from mechanisms.model.equations import Equation
from mechanisms.model.expecting import find_chances, find_usual, list_mean_predictors
from mechanisms.model.families import inverse_link
from mechanisms.model.laws import Given, give
from mechanisms.model.missing import find_partners
from mechanisms.model.setting import find_out_of

if TYPE_CHECKING:
    from mechanisms.effects.over_time.forward import World

Floats = NDArray[np.float64]


class Responses:
    """The half of a world that speaks of distributions; the other, `World`, says what every node is."""

    scenario: Scenario
    chunk: Chunk

    def course(self, name: str, level: str, moved: bool, target: str = "") -> Floats:
        """The course of a variable for the units of a level."""
        raise NotImplementedError

    def _predictor(self, equation: Equation, place: int | None, own: bool, course: bool) -> Floats:
        raise NotImplementedError

    def _expected(self, equation: Equation, place: int | None, own: bool, course: bool) -> Floats:
        raise NotImplementedError

    def _settle(self, key: tuple[Any, ...], work: "Callable[[World], Any]") -> Floats:
        raise NotImplementedError

    def _spread(self, values: Any, place: int | None, name: str, coarse: str) -> Any:
        raise NotImplementedError

    def _view(self, node: str, own: bool, place: int | None, needs: dict[str, frozenset[int]]) -> View:
        return View(cast("World", self), ((node, own),), place, needs)

    def _look_at_course(self, name: str, level: str, moved: bool) -> Floats:
        """What is looked at, where every linear predictor stands at its course."""
        equation, look = self.scenario.equations[name], self.scenario.look
        predictors = list_mean_predictors(equation)
        etas = [self.course(name, level, moved, each.target) for each in predictors]
        if look == MEAN:
            return np.asarray(find_usual(equation, inverse_link, etas))
        if look.what == "chance":
            return np.asarray(find_chances(equation, inverse_link, etas)[look.value])
        wanted = "any" if look.what == "any" else ""
        pairs = zip(predictors, etas, strict=True)
        return next(inverse_link(each.link, eta) for each, eta in pairs if each.role == wanted)

    def _predictor_of(self, name: str, target: str = "") -> Equation:
        """One of a variable's linear predictors, by default its own."""
        predictors = self.scenario.equations[name].predictors
        return next((each for each in predictors if each.target == target), predictors[0])

    def _given(self, equation: Equation, place: int | None, own: bool, course: bool) -> Given:
        """What the distribution of a response is made of, given all that precedes it."""
        etas = []
        for each in equation.predictors:
            eta = self._predictor(each, place, own, course)
            if each.role == "spread" and self._is_first(equation, place):
                eta = np.log(self.chunk.parameters[str(equation.initial)])
            etas.append(eta)
        shape = self.chunk.parameters[equation.shape] if equation.shape else None
        size = self._sigma(equation, place, own) if equation.spread or equation.volatility else None
        return give(equation, etas, size, shape, self._trials(equation, place, own))

    def _trials(self, equation: Equation, place: int | None, own: bool) -> Any:
        """The trials or the exposure of each unit."""
        if not isinstance(equation.out_of, str):
            return equation.out_of
        needs = {equation.out_of: frozenset({place})} if place is not None else {}
        view = self._view(self.scenario.node(equation.response, place), own, place, needs)
        return view.rows(find_out_of(view.setting(), equation))

    def _usual(self, equation: Equation, place: int | None, own: bool, course: bool) -> Any:
        """What is expected of a variable by its course."""
        etas = [self._expected(each, place, own, course) for each in list_mean_predictors(equation)]
        return find_usual(equation, inverse_link, etas)

    def _residual(self, equation: Equation, place: int | None, own: bool) -> Any:
        """What noise adds to a response that it only shifts."""
        name = equation.response
        if not self.chunk.noisy and not self._known_residuals(name, place):
            return 0.0
        shape = self.chunk.parameters[equation.shape] if equation.shape else None
        more = self._more_noise(name, place)
        return take_residual(equation.family, self._sigma(equation, place, own), shape, self._noise(name, place), more)

    def _noise(self, name: str, place: int | None) -> Floats:
        """The standardised residual; correlated with others where the theory draws `a <-> b`."""
        return self._settle(
            ("noise", name, place),
            lambda w: draw_residual(w.scenario, w.chunk, name, place, w._known_residuals(name, place)),
        )

    def _known_residuals(self, name: str, place: int | None) -> dict[str, Known]:
        """The standardised residuals that others' values tell, of those that are correlated with a variable's own."""
        found: dict[str, Known] = {}
        for each in find_partners(self.scenario.plan, name) - {name}:
            if known := self._seen(each, place):
                equation = self.scenario.equations[each]
                gap = known[0] - self._predictor(equation, place, False, False)
                found[each] = gap / self._sigma(equation, place, False), known[1]
        return found

    def _seen(self, name: str, place: int | None) -> Known | None:
        """A variable's values where they are as they were observed, and for whom."""
        if (node := self.scenario.node(name, place)) in self.scenario.given:
            value = self.scenario.number(name, self.scenario.given[node])
            units = self.scenario.timeline.clients
            return np.full(units, value), np.ones(units, dtype=np.bool_)
        if name not in self.scenario.kept:
            return None
        column = self.scenario.timeline.data[name]
        return readable(column), column.observed

    def _more_noise(self, name: str, place: int | None) -> Any:
        """Noise beside the residual, where a family needs it."""
        if self.scenario.equations[name].family != "skew_normal":
            return 0.0
        return self._settle(("more", name, place), lambda w: draw_more(w.scenario, w.chunk, name, place))

    def _is_first(self, equation: Equation, place: int | None) -> bool:
        """Whether a lag reaches back before the grid, so that the spread is another."""
        steps = [-each.steps for each in equation.readings if each.part != "trend"]
        return equation.initial is not None and place is not None and place < max(steps, default=0)

    def _sigma(self, equation: Equation, place: int | None, own: bool) -> Floats:
        """The residual sd or precision at a place: another at first occasions, moved by arrows, or the unit's own."""
        if self._is_first(equation, place):
            return self.chunk.parameters[str(equation.initial)]
        for each in equation.parts:
            if each.role == "spread":
                return np.asarray(np.exp(self._predictor(each, place, own, own)))
        if not equation.volatility:
            return self.chunk.parameters[str(equation.spread)]
        name, node = equation.response, self.scenario.node(equation.response, place)
        logs = self._view(node, own, place, {}).own(equation.volatility, None)
        level = self.scenario.design.level(equation.volatility)
        return np.asarray(np.exp(self._spread(logs, place, name, level)))
