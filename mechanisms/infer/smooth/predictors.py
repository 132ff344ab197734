"""The linear predictors of a block with levels: known columns times coefficients, and the units' deviations.

Read by the very lines that PyMC runs (`model.courses`), on linear forms. A predictor in which a coefficient multiplies
what nobody observed, such as the course of a modelled mediator, is no such sum and is refused by name.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset, readable, response_values
from mechanisms.errors import listed
from mechanisms.infer.marginal.forms import Algebra, BentError, Form
from mechanisms.model.courses import predict
from mechanisms.model.equations import Equation
from mechanisms.model.missing import find_unknown
from mechanisms.model.plan import Plan
from mechanisms.model.setting import Setting, find_out_of

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Quantity = tuple[str, str]
"""What varies, and the level whose units it varies among."""


class NotLinearError(Exception):
    """A block whose predictors are not known columns times coefficients, plus deviations; the message says where."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """The rows of one equation that say something, and their linear predictor.

    `design` (rows, addresses) multiplies the raw coefficients. Of each quantity that varies and that these rows look at,
    `loads` has what multiplies its deviations and `units` whose they are, −1 where a row lies in no unit.
    """

    equation: Equation
    y: Floats
    design: Floats
    offset: Floats
    out_of: Floats
    loads: dict[Quantity, Floats]
    units: dict[Quantity, Whole]


@dataclass(frozen=True, eq=False)
class _Written:
    """What the forms of a block's predictors are made of: its parameters in order, and runs of deviations from `starts`."""

    algebra: Algebra
    addresses: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    starts: Whole
    setting: Setting


def write_predictors(plan: Plan, data: Dataset, block: tuple[Equation, ...]) -> tuple[Predicted, ...]:
    """The predictors of a block's equations.

    Raises
    ------
    NotLinearError
        A coefficient variable, a missing value that is looked at, a course that is a cause while nobody observed it.
    """
    for equation in block:
        _check(plan, data, equation)
    written = _write(plan, data, block)
    return tuple(_read(written, equation) for equation in block)


def _check(plan: Plan, data: Dataset, equation: Equation) -> None:
    name = equation.response
    if equation.latent or equation.owned or equation.volatility:
        raise NotLinearError(f"{name} has coefficients that are variables themselves")
    if equation.parts or equation.role or equation.event:
        raise NotLinearError(f"{name} has several linear predictors, or times that are censored")
    if equation.traits:
        raise NotLinearError(f"{name} has curves with parameters of their own ({listed(equation.traits)})")
    if equation.climbs:
        raise NotLinearError(f"{name} has steps of one sign that differ among units ({listed(equation.climbs)})")
    if equation.initial:
        raise NotLinearError(f"{name} looks back, and its first occasions have an sd of their own")
    if find_unknown(plan, equation, data).size:
        raise NotLinearError(f"{name} has missing values that other equations look at")


def _write(plan: Plan, data: Dataset, block: tuple[Equation, ...]) -> _Written:
    algebra = Algebra()
    addresses = tuple(dict.fromkeys(address for each in block for address in each.addresses))
    parameters = {address: algebra.parameter(place) for place, address in enumerate(addresses)}
    deviations: dict[Quantity, Any] = {}
    starts = []
    for varying in plan.varying:
        n = data.units(varying.level).n
        for address in varying.quantities:
            starts.append(algebra.announce(n, f"a deviation of a {varying.level}"))
            deviations[address, varying.level] = algebra.unknown(n, np.arange(n), starts[-1])
    values: dict[str, Any] = {column.name: readable(column) for column in data.columns}
    setting = Setting(plan, data, parameters, deviations, values, _refuse_bend, sought=True)
    return _Written(algebra, addresses, tuple(deviations), np.array(starts, dtype=np.int64), setting)


def _refuse_bend(link: str, eta: Any) -> Any:
    """The inverse of a link that is none; of any other only what is known could be taken."""
    if link != "identity":
        raise BentError(f"bend a course by a {link} link")
    return eta


def _read(written: _Written, equation: Equation) -> Predicted:
    setting, name = written.setting, equation.response
    column = setting.data[name]
    rows = np.flatnonzero(column.observed)
    try:
        form = (written.algebra.constants(0.0) + predict(setting, equation))[rows]
    except BentError as bent:
        raise NotLinearError(f"the equations of {name} {bent}") from None
    design, offset = _read_design(written, equation, form)
    loads, units = _read_loads(written, equation, form)
    out_of = np.broadcast_to(np.asarray(find_out_of(setting, equation), dtype=np.float64), column.observed.shape)[rows]
    return Predicted(equation, response_values(column)[rows], design, offset, out_of, loads, units)


def _read_design(written: _Written, equation: Equation, form: Form) -> tuple[Floats, Floats]:
    n = form.n or 0
    design, offset = np.zeros((n, len(equation.addresses))), np.zeros(n)
    known = form.unknown < 0
    for product in np.unique(form.product[known]):
        factors = written.algebra.products[product]
        here = known & (form.product == product)
        place = [written.addresses[each] for each in factors]
        if not factors:
            np.add.at(offset, form.row[here], form.weight[here])
        elif len(factors) == 1 and place[0] in equation.addresses:
            at = np.full(int(here.sum()), equation.addresses.index(place[0]))
            np.add.at(design, (form.row[here], at), form.weight[here])
        else:
            raise NotLinearError(f"the equation of {equation.response} multiplies {listed(place)}")
    return design, offset


def _read_loads(
    written: _Written, equation: Equation, form: Form
) -> tuple[dict[Quantity, Floats], dict[Quantity, Whole]]:
    n = form.n or 0
    loads: dict[Quantity, Floats] = {}
    units: dict[Quantity, Whole] = {}
    free = (form.unknown >= 0) & (form.weight != 0)
    kind = np.searchsorted(written.starts, form.unknown, side="right") - 1
    for place in np.unique(kind[free]):
        quantity, here = written.quantities[place], free & (kind == place)
        if any(written.algebra.products[each] for each in np.unique(form.product[here])):
            raise NotLinearError(
                f"the equation of {equation.response} multiplies a coefficient with the deviations of {quantity[0]}: a course "
                "that nobody observed is a cause"
            )
        row, unit = form.row[here], form.unknown[here] - written.starts[place]
        whose = np.full(n, -1, dtype=np.int64)
        whose[row] = unit
        if (whose[row] != unit).any():
            raise NotLinearError(f"a row of {equation.response} lies in several units of {quantity[1]}")
        load = np.zeros(n)
        np.add.at(load, row, form.weight[here])
        loads[quantity], units[quantity] = load, whose
    return loads, units


@dataclass(frozen=True, eq=False)
class Group:
    """Quantities that vary among the units of one level and hang together, and the equations that look at them."""

    level: str
    quantities: tuple[str, ...]
    predicted: tuple[Predicted, ...]


def find_groups(plan: Plan, predicted: Iterable[Predicted]) -> tuple[tuple[Group, ...], tuple[Predicted, ...]]:
    """The groups of what varies, joined where it is correlated or looked at by one equation; equations that look at none.

    Raises
    ------
    NotLinearError
        An equation looks at units of two levels, or more than two quantities hang together.
    """
    predicted = tuple(predicted)
    every = [(address, each.level) for each in plan.varying for address in each.quantities]
    joined = {quantity: {quantity} for quantity in every}

    def join(these: Iterable[Quantity]) -> None:
        together = set().union(*(joined[each] for each in these))
        for each in together:
            joined[each] = together

    for each in plan.varying:
        for k, one in enumerate(each.quantities):
            for other in each.quantities[:k]:
                if not each.are_joined(one, other):
                    join([(one, each.level), (other, each.level)])
    for found in predicted:
        if found.loads:
            join(found.loads)
    groups: list[Group] = []
    for together in {id(each): each for each in joined.values()}.values():
        levels = sorted({level for _, level in together})
        looking = tuple(each for each in predicted if set(each.loads) & together)
        if not looking:
            raise NotLinearError(f"no row looks at deviations of {listed(sorted(address for address, _ in together))}")
        if len(levels) > 1:
            names = listed([each.equation.response for each in looking])
            raise NotLinearError(
                f"{names}: deviations of {listed(levels)} hang together, and quadrature takes one level"
            )
        if len(together) > 2:
            raise NotLinearError(
                f"{len(together)} quantities that vary by {levels[0]} hang together, and quadrature takes two"
            )
        groups.append(Group(levels[0], tuple(a for a, level in every if (a, level) in together), looking))
    return tuple(groups), tuple(each for each in predicted if not each.loads)
