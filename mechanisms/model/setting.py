"""A setting: values, parameters and deviations under which a plan's equations can be read, on tensors or on numbers.

Here stand the ways from one level's units to another's, from one occasion to another, and into sums; `model.courses`
reads the equations by them. The last axis of every array counts the units of one level; axes before it (draws)
broadcast.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.causes import find_cause
from mechanisms.data.dataset import Categories, Dataset
from mechanisms.data.ways import hand_down, look_at, look_back, see_term
from mechanisms.graph.levels import Design, restrict
from mechanisms.model.equations import Equation
from mechanisms.model.plan import Plan
from mechanisms.model.predictor import is_trace
from mechanisms.spec.definitions import WeightedSum, parse_definition
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import Condition, Span

Mask = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Setting:
    """What the equations of a plan are read under.

    `parameters` by address; `deviations` by (address, level), one per unit of the level; `values` by variable, one per
    unit of its level, 0 where a variable does not exist and filled where it is missing; `inverse` is the inverse link
    (link, η). What has been worked out is kept in `known`. `present` says where a variable exists, if not as in the data.
    `sought`: parameters are sought, so that observed means stand for courses where the theory says `centre: observed`;
    equations that are run forward have no means yet, and courses are what these stood for.
    """

    plan: Plan
    data: Dataset
    parameters: Mapping[str, Any]
    deviations: Mapping[tuple[str, str], Any]
    values: Mapping[str, Any]
    inverse: Callable[[str, Any], Any]
    known: dict[Any, Any] = field(default_factory=dict)
    present: Mapping[str, Any] = field(default_factory=dict)
    sought: bool = False

    @property
    def design(self) -> Design:
        """The levels."""
        return self.plan.design


def exists(setting: Setting, name: str) -> Any:
    """1 for the units of a variable's level for which it exists at all, else 0 (language R12)."""
    if name in setting.present:
        return setting.present[name]
    column = setting.data[name]
    n = setting.data.units(setting.design.level(name)).n
    return np.ones(n) if column.absent is None else 1.0 - column.absent


def lives(setting: Setting, name: str, level: str) -> Any:
    """1 for the units of a level above a variable's own in which it may exist, else 0: as far as these decide its condition."""
    key = ("lives", name, level)
    if key not in setting.known:
        variable = setting.design.variables.get(name)
        condition = restrict(setting.design, variable.only_when if variable else None, level)
        setting.known[key] = holds(setting, condition, level, 0)
    return setting.known[key]


def deviates(setting: Setting, address: str, above: str, level: str) -> Any:
    """A deviation for the units of a level; 0 where they have no unit above, or would have none under the setting."""
    found = spread(setting, setting.deviations[address, above], level, above)
    condition = setting.design.lattice.condition(above)
    decided = restrict(setting.design, condition, level)
    if level == above or condition is None or decided != condition:
        return found
    known = all(setting.data[name].observed.all() for name in condition.names)
    return found * holds(setting, condition, level, 0) if known else found


def spread(setting: Setting, values: Any, fine: str, coarse: str) -> Any:
    """The values of a coarser level's units handed to the units of a finer one; 0 where a unit lies in none."""
    return hand_down(setting.data, values, fine, coarse)


def sum_of(setting: Setting, name: str) -> WeightedSum | None:
    """The definition of a computed variable; None for any other."""
    variable = setting.design.variables.get(name)
    if variable is None or not variable.computed:
        return None
    found = parse_definition(variable.computed, variable.place)
    return found if isinstance(found, WeightedSum) else None


def compute_sum(setting: Setting, name: str) -> Any:
    """A computed variable; 0 where one of its terms does not exist."""
    key = ("sum", name)
    if key not in setting.known:
        definition, level = sum_of(setting, name), setting.design.level(name)
        assert definition is not None
        total: Any = 0.0
        there: Any = 1.0
        for weight, term in definition.parts:
            value, known = _summand(setting, term, level)
            total, there = total + weight * value, there * known
        setting.known[key] = total * there
    return setting.known[key]


def _summand(setting: Setting, term: Term, level: str) -> tuple[Any, Any]:
    """A term of a sum for the units of a level, and where it exists."""
    own = setting.design.level(term.name)
    nested = sum_of(setting, term.name) is not None
    value = compute_sum(setting, term.name) if nested else setting.values[term.name]
    known: Any = np.ones(setting.data.units(own).n) if nested else exists(setting, term.name)
    data, lattice = setting.data, setting.design.lattice
    return see_term(data, lattice, term, value, own, level), see_term(data, lattice, term, known, own, level)


def earlier(setting: Setting, values: Any, level: str, steps: int) -> Any:
    """The values some places earlier in the grid of the same client; 0 before its beginning (language R15)."""
    return look_back(setting.data, setting.design.lattice, values, level, steps)


def at_occasion(setting: Setting, values: Any, level: str, occasion: int) -> Any:
    """The values at one occasion, one for each client; 0 where a client has none."""
    return look_at(setting.data, setting.design.lattice, values, level, occasion)


def holds(setting: Setting, condition: Condition | None, level: str, steps: int) -> Any:
    """1 for the units of a level where a condition holds, else 0."""
    mask: Any = 1.0
    for name, said in condition.values if condition else ():
        own = setting.design.level(name)
        found = _fulfils(setting, name, said)
        if own == level and name not in setting.design.lattice.time:
            found = earlier(setting, found, own, steps)
        mask = mask * spread(setting, found, level, own)
    return mask


def _fulfils(setting: Setting, name: str, said: Span | Iterable[Any]) -> Any:
    if sum_of(setting, name) is not None:
        values = _known_sum(setting, name)
        return values if is_trace(values) else _lies_in(values, said)
    column = setting.data[name]
    if is_trace(setting.values.get(name)):
        return setting.values[name]
    if isinstance(column, Categories):
        wanted = [str(value) if isinstance(value, str) else f"{value:g}" for value in said]  # type: ignore[union-attr]
        made = setting.values.get(name)  # codes; 0 where there is none
        if find_equation(setting, name) is not None and isinstance(made, np.ndarray):
            places = [float(column.values.index(value)) for value in wanted]
            return np.asarray(np.isin(made, places) * exists(setting, name), dtype=np.float64)
        return np.asarray(sum(column.indicator(value) for value in wanted))
    values = setting.values.get(name)
    if not isinstance(values, np.ndarray):
        values = column.values
    return _lies_in(values, said, column.labels or ())


def _known_sum(setting: Setting, name: str) -> Any:
    """A sum under the setting; as the data have it where some of its parts are sought."""
    values = compute_sum(setting, name)
    return (
        values
        if isinstance(values, np.ndarray) or is_trace(values)
        else find_cause(setting.plan.theory, setting.data, name).values
    )


def _lies_in(values: Any, said: Span | Iterable[Any], labels: tuple[str, ...] = ()) -> Mask:
    """Where numbers lie in a range, or are among some values; nowhere where they are not known."""
    if isinstance(said, Span):
        low = -np.inf if said.first is None else said.first
        high = np.inf if said.last is None else said.last
        return np.asarray((values >= low) & (values <= high), dtype=np.float64)
    numbers = [float(labels.index(value)) if value in labels else float(value) for value in said]
    return np.asarray(np.isin(values, numbers), dtype=np.float64)


def find_out_of(setting: Setting, equation: Equation) -> Any:
    """The trials or the exposure of each unit of a response's level."""
    name = equation.out_of
    if not isinstance(name, str):
        return name
    return spread(setting, setting.values[name], equation.level, setting.design.level(name))


def find_equation(setting: Setting, name: str) -> Equation | None:
    """The equation of a variable; None where it has none."""
    return next((each for each in setting.plan.equations if each.response == name), None)


def stands_observed(setting: Setting, name: str) -> bool:
    """Whether observed means stand for the course of a variable where it is a cause."""
    equation = find_equation(setting, name)
    if equation is None:
        return True
    return setting.sought and (equation.completing or setting.plan.theory.variable(name).centre == "observed")


def observed_mean(setting: Setting, name: str, level: str, category: str | None = None) -> Mask:
    """The mean of what was observed, for each unit of a level above."""
    key = ("mean", name, level, category)
    if key not in setting.known:
        setting.known[key] = mean_observed(setting.data, name, level, category)
    return np.asarray(setting.known[key])


def mean_observed(data: Dataset, name: str, level: str, category: str | None = None) -> Mask:
    """The mean of what was observed of a variable, or the share of a category, for each unit of a level above.

    A unit that several share counts in each by its weight there; one that lies in none counts in none.
    """
    own = data.level(name)
    column = data[name]
    values = column.indicator(category or "") if isinstance(column, Categories) else column.values
    member, n = data.units(own).above[level], data.units(level).n
    index = member.index.reshape(len(values), -1)
    share = np.ones(index.shape) if member.weights is None else member.weights
    seen = column.observed[:, None] & (index >= 0)
    held = np.broadcast_to(values[:, None], index.shape)[seen]
    total = np.bincount(index[seen], weights=share[seen] * held, minlength=n)
    weight = np.bincount(index[seen], weights=share[seen], minlength=n)
    everyone = float(np.mean(values[column.observed]))
    return np.asarray(np.divide(total, weight, out=np.full(n, everyone), where=weight > 0))
