"""One unit at a point: the mean of every variable where the exposure and the covariates have stated values."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories
from mechanisms.data.shapes import Bending
from mechanisms.effects.questions.population import choose, place
from mechanisms.errors import IdentificationError, SpecError, did_you_mean
from mechanisms.graph.graph import between, descendants
from mechanisms.infer.posterior import Fit
from mechanisms.model.laws import find_mean, give
from mechanisms.model.predictor import linear_predictor
from mechanisms.spec.definitions import WeightedSum

Floats = NDArray[np.float64]
STEP = 1e-3  # of an sd: a fourth-order difference is then exact to 1e-11 for smooth curves
_CORNER = 0.5
_WITHOUT_MEAN = ("ordinal", "sequential", "categorical")


@dataclass(frozen=True, eq=False)
class Here:
    """Values of the columns at a point, each a number or one for every draw."""

    fit: Fit
    columns: Mapping[str, Any]

    def mean(self, response: str, **moved: Any) -> Floats:
        """The mean of a variable given what its equation reads here, with some columns moved; shape (draws,)."""
        columns = Bending({**self.columns, **moved}, self.fit.data.bases)
        if response in self.fit.data.made:
            return self._spread_out(add_up(self.fit.data.made[response], columns))
        equation, parameters = self.fit.plan.equation(response), self.fit.parameters
        etas = [linear_predictor(each, parameters, columns) for each in equation.predictors]
        spread, shape = (parameters[name] if name else None for name in (equation.spread, equation.shape))
        out_of = columns[equation.out_of] if isinstance(equation.out_of, str) else equation.out_of
        mean = find_mean(give(equation, etas, spread, shape, out_of))
        return self._spread_out(mean)

    def _spread_out(self, mean: Any) -> Floats:
        return np.broadcast_to(mean, (self.fit.shape[0] * self.fit.shape[1],)).copy()

    def slope(self, response: str, cause: str) -> Floats:
        """How much a variable's mean rises for each unit of one of its causes, all else here as it is.

        Raises
        ------
        IdentificationError
            The line has a corner here.
        """
        value = np.asarray(self.columns[cause], dtype=np.float64)
        step = STEP * self.fit.data.numbers(cause).sd
        return take_slope(lambda by: self.mean(response, **{cause: value + by}), step, response, cause)


def take_slope(height: Callable[[float], Floats], step: float, response: str, cause: str) -> Floats:
    """The slope of a curve where `height` is asked at 0: differences of fourth order, at two steps to either side.

    Raises
    ------
    IdentificationError
        The line has a corner here: what is bent at a small step is as bent at a tenth of it.
    """
    ahead, behind, far, near = (height(share * step) for share in (1.0, -1.0, 2.0, -2.0))
    here, small = height(0.0), 0.1 * step
    gap, closer = ahead - 2 * here + behind, height(small) - 2 * here + height(-small)
    rounding = 1e-12 * (np.abs(here) + np.abs(ahead - here) + 1e-300)
    if np.mean((np.abs(closer) > rounding) & (np.abs(closer) * 10 > (1 - _CORNER) * np.abs(gap))) > 0.5:
        raise IdentificationError(
            f"{response} has a corner in {cause} here, where no slope is: ask on either side of it"
        )
    return np.asarray((8 * (ahead - behind) - (far - near)) / (12 * step))


def stand(fit: Fit, of: str, on: str, point: float, covariates: Mapping[str, Any]) -> Here:
    """The point where the exposure has a value: what it moves at its mean there, what it does not as stated or at the mean."""
    moving = descendants(fit.plan.graph, of)
    check_covariates(fit, of, on, covariates)
    if moved := [name for name in covariates if name in moving]:
        raise SpecError(
            f"covariates: {of} moves {moved[0]}, which is at its mean given {of}; name what {of} does not move"
        )
    columns: dict[str, Any] = {of: point}
    for column in fit.data.columns:
        if column.name in {of, *moving}:
            continue
        if column.name in covariates:
            columns |= place(column, choose(column, covariates[column.name]))
        elif isinstance(column, Categories):
            columns |= {f"{column.name}={value}": column.share(value) for value in column.values}
        else:
            columns[column.name] = column.mean
    for name, definition in fit.data.made.items():
        if name not in moving:
            columns[name] = add_up(definition, columns)
    for name in between(fit.plan.graph, of, on)[1:-1]:
        columns[name] = Here(fit, columns).mean(name)
    return Here(fit, columns)


def add_up(definition: WeightedSum, columns: Mapping[str, Any]) -> Any:
    """A computed variable where its parts have these values."""
    return sum(weight * columns[term.name] for weight, term in definition.parts)


def check_covariates(fit: Fit, of: str, on: str, covariates: Mapping[str, Any]) -> None:
    """Refuse covariates that are none: no variables of the theory, or what the question is about."""
    if not isinstance(covariates, Mapping):
        raise SpecError(f"covariates is a mapping from variables to values, {{'age': 40}}, not {covariates!r}")
    for name in covariates:
        if name not in fit.data:
            raise SpecError(
                f"covariates: the theory has no variable '{name}'.{did_you_mean(name, fit.plan.theory.names)}"
            )
        if name in fit.data.made:
            raise SpecError(f"covariates: {name} is computed: name what it is computed from")
        if name in (of, on):
            raise SpecError(f"covariates: {name} is what the question is about; points of the exposure stand in at")


def check_continuous(fit: Fit, of: str, on: str, paths: Iterable[tuple[str, ...]]) -> None:
    """Refuse slopes in what has no values between its values, and means of what has none."""
    for name in dict.fromkeys(name for path in paths for name in path[:-1]):
        check_steps(fit, name)
    for name in between(fit.plan.graph, of, on)[1:]:
        check_family(fit, name)


def check_steps(fit: Fit, name: str) -> None:
    """Refuse a slope in what has no values between its values."""
    if name not in fit.data:
        return  # what is computed has no column
    column = fit.data[name]
    if isinstance(column, Categories) or column.binary:
        kind = "has categories" if isinstance(column, Categories) else "is 0 or 1"
        raise IdentificationError(
            f"{name} {kind}, so that nothing has a slope in it: ask mx.estimate for the difference between its values"
        )


def check_family(fit: Fit, name: str) -> None:
    """Refuse the mean of what has none."""
    equation = next((each for each in fit.plan.equations if each.response == name), None)
    if equation is not None and equation.family in _WITHOUT_MEAN:
        raise IdentificationError(f"{name} is {equation.family} and has no mean: ask mx.estimate for a probability")
