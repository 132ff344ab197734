"""What an effect is conditioned on: moderators, their values, and the same fit where every unit has them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mechanisms.data.dataset import Categories, Column, Numbers
from mechanisms.effects.along.cases import keep_cases
from mechanisms.effects.questions.population import choose, every_value, shown
from mechanisms.errors import DataError, IdentificationError, SpecError, did_you_mean, listed
from mechanisms.graph.graph import ancestors, descendants, variable_of
from mechanisms.infer.posterior import Fit
from mechanisms.model.plan import Plan
from mechanisms.spec.theory import Question, Scalar

Values = Mapping[str, float | str]
_STEPS = ("-1 sd", "mean", "+1 sd")
_SHARES = ("16%", "50%", "84%")


@dataclass(frozen=True, eq=False)
class Moderator:
    """A variable that an effect is looked at along: its column, and the values that the table shows."""

    column: Column
    stated: tuple[float | str, ...]

    @property
    def name(self) -> str:
        """The variable."""
        return self.column.name

    @property
    def numbers(self) -> Numbers | None:
        """Its column where there are values between its values; None for categories and 0/1 variables."""
        return self.column if isinstance(self.column, Numbers) and not self.column.binary else None

    def say(self, value: float | str) -> str:
        """`negexp=0.60`."""
        return f"{self.name}={shown(self.column, value)}"


def find_moderators(fit: Fit, question: Question, by: Any) -> tuple[Moderator, ...]:
    """The moderators that are named, in this order, each with its values or the usual ones.

    A number is shown at its mean and an sd to either side, or, where one of these lies outside the data, at the 16th,
    50th and 84th percentile (Hayes 2018); a category at each of its values. The data are those whom the question's `at` leaves.
    """
    said = _read(by)
    found = []
    for name, values in said.items():
        _check(fit, question, name)
        column = keep_cases(fit, question, fit.data[name])
        stated = tuple(dict.fromkeys(choose(column, value) for value in _spread(column, values)))
        if isinstance(column, Numbers) and column.binary and (odd := [v for v in stated if v not in (0.0, 1.0)]):
            raise DataError(f"by: {name} is 0 or 1, not {listed(f'{value:g}' for value in odd)}")
        found.append(Moderator(column, stated))
    return tuple(found)


def note_outside(moderators: tuple[Moderator, ...]) -> tuple[str, ...]:
    """A note on every stated value that lies outside the data, where nobody is to tell the effect."""
    return tuple(
        f"{each.say(value)} lies outside the data: an extrapolation"
        for each in moderators
        if isinstance(each.column, Numbers)
        for value in each.stated
        if not _inside(each.column, value)
    )


def put(fit: Fit, values: Values) -> Fit:
    """The same fit, asked of data in which every unit has these values and everything else is as it was observed."""
    columns = tuple(_level(each, values[each.name]) if each.name in values else each for each in fit.data.columns)
    return replace(fit, data=replace(fit.data, columns=columns))


def _level(column: Column, value: float | str) -> Column:
    if isinstance(column, Categories):
        return replace(column, codes=np.full(len(column.codes), column.values.index(str(value)), dtype=np.intp))
    return replace(column, values=np.full(len(column.values), float(value)))


def _read(by: Any) -> dict[str, tuple[Scalar, ...] | None]:
    """A name, several names, or a mapping from names to values."""
    if isinstance(by, str):
        return {by: None}
    if isinstance(by, Mapping):
        return {str(name): _listing(name, values) for name, values in by.items()} or _refuse(by)
    if isinstance(by, Iterable):
        names = list(by)
        if names and all(isinstance(name, str) for name in names) and len(set(names)) == len(names):
            return dict.fromkeys(names)
    return _refuse(by)


def _listing(name: str, values: Any) -> tuple[Scalar, ...] | None:
    if values is None or (isinstance(values, str) and values == "each"):
        return None
    if not isinstance(values, str | int | float | Iterable):
        raise SpecError(f"by: {name}: {values!r} is neither a value nor several")
    found = (values,) if isinstance(values, str | int | float) else tuple(values)
    if not found:
        raise SpecError(f"by: {name}: no value is given")
    return found


def _refuse(by: Any) -> dict[str, tuple[Scalar, ...] | None]:
    raise SpecError(f"by names moderators: 'w', ['w', 'z'] or {{'w': ['-1 sd', '+1 sd'], 'z': [0, 1]}}, not {by!r}")


def _spread(column: Column, values: tuple[Scalar, ...] | None) -> tuple[Scalar, ...]:
    if values is not None:
        return values
    if isinstance(column, Categories) or column.binary:
        return every_value(column)
    return _STEPS if all(_inside(column, choose(column, value)) for value in _STEPS) else _SHARES


def _inside(column: Numbers, value: float | str) -> bool:
    return column.lowest <= float(value) <= column.highest


def _check(fit: Fit, question: Question, name: str) -> None:
    """Refuse what is no moderator here."""
    plan = fit.plan
    if name not in fit.data and (whole := variable_of(name)) in plan.theory.names and whole != name:
        unit = plan.design.client(whole) or plan.design.level(whole)
        raise SpecError(
            f"by: {name} is a part of {whole}, and a moderator is given as a variable, by its name. Make a column of each "
            f"{unit}'s mean, declare it at level {unit}, and let it moderate"
        )
    if name in fit.data.made:
        raise SpecError(
            f"by: {name} is computed, and nobody can be given a value of it alone: name what it is computed from, or condition, "
            f"at: {{{name}: …}}"
        )
    if name in fit.plan.unseen:
        raise SpecError(
            f"by: {name} is latent, and of nobody is it known; name an indicator that acts by itself, or set {{{name}: …}} in the "
            "question to intervene"
        )
    if name not in fit.data:
        known = [each for each in plan.theory.names if each in fit.data]
        if name in plan.theory.names:
            raise SpecError(f"by: {name} is computed or not observed; name a variable that has values in the data")
        raise SpecError(f"by: the theory has no variable '{name}'.{did_you_mean(name, known)}")
    if name in (question.of.name, question.on.name):
        raise SpecError(f"by: {name} is what the question is about; for the curve of its own effect, mx.turning_point")
    for key, pairs in (("at", question.at), ("set", question.set)):
        if name in {each for each, _ in pairs}:
            raise SpecError(f"by: {name} stands in the question's {key} as well; say it once")
    _check_repeated(plan, name)
    ways = _responses(plan, question)
    if not any(name in plan.take_apart(plan.equation(each).parents) for each in ways):
        products = sorted(_multiplied(plan, ways) - {question.of.name, *ways})
        raise IdentificationError(
            f"by: by the theory {name} acts on nothing between {question.of} and {question.on}, so that the effect is the "
            f"same for all its values; drawn as moderators are {listed(products) or 'none'}"
        )


def _check_repeated(plan: Plan, name: str) -> None:
    """Refuse what differs from occasion to occasion, unless it is looked at whole and nothing draws it: then it is put everywhere."""
    design = plan.design
    if not plan.theory.levels or design.level(name) not in design.lattice.time:
        return
    level = design.level(name)
    if name in design.lattice.time:
        raise SpecError(f"by: {name} counts occasions: name them in the question, of: x(5), one question for each")
    parts = {each.part for one in plan.equations for each in one.readings if each.variable == name}
    if name in plan.exogenous and not parts & {"departure", "course"}:
        return
    why = f"has an equation and differs from {level} to {level}" if name not in plan.exogenous else "acts by parts"
    raise SpecError(
        f"by: {name} {why}, so that no unit has one value of it: name a variable of the unit, or set {{{name}: …}} in the "
        "question to intervene"
    )


def _responses(plan: Plan, question: Question) -> tuple[str, ...]:
    """The variables with equations on the ways from exposure to outcome, the outcome included."""
    of, on = question.of.name, question.on.name
    if plan.theory.levels:
        return tuple(each.response for each in plan.equations)
    inside = descendants(plan.graph, of) & {*ancestors(plan.graph, on), on}
    return tuple(each.response for each in plan.equations if each.response in inside)


def _multiplied(plan: Plan, responses: tuple[str, ...]) -> set[str]:
    """The variables that stand in a product of these equations."""
    products = (each for name in responses for each in plan.equation(name).coefficients if len(each.factors) > 1)
    return {factor.variable for each in products for factor in each.factors}
