"""The standardised residuals of a block of normal equations as linear forms in what nobody observed.

Unknown are the deviations of units, each a combination of independent normal(0, 1) quantities by the root of their
correlations and their sds, and the missing values that some equation looks at. Given the parameters, residuals and
deviations are independent normal(0, 1); so the unknown quantities can be integrated out, one connected set at a time.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset, readable
from mechanisms.infer.marginal.coordinates import Coordinates, relate, state_coordinates
from mechanisms.infer.marginal.forms import Algebra, BentError, Form
from mechanisms.infer.marginal.keeping import keep_with
from mechanisms.model.courses import predict
from mechanisms.model.deviations import state_deviations
from mechanisms.model.equations import Equation
from mechanisms.model.missing import find_unknown, first_rows
from mechanisms.model.plan import Plan
from mechanisms.model.setting import Setting, exists

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


class NotGaussianError(Exception):
    """The block is not normal given the parameters; the message says where."""


class BilinearError(NotGaussianError):
    """Equations multiply or bend what nobody observed; the message says which."""


@dataclass(frozen=True, eq=False)
class Residuals:
    """Every residual of a block in units of its sd: terms in rows, and how often each symbol's log counts.

    `kind` numbers the equation of each row, `flat` marks the unknown quantities without a prior of their own (missing
    values). Deviations of level l stand at `places[l]` (quantities, units), before they are correlated.
    """

    coordinates: Coordinates
    terms: Form
    kind: Whole
    flat: NDArray[np.bool_]
    places: dict[str, Whole]
    log_weights: Floats


@keep_with(1)
def write_residuals(plan: Plan, data: Dataset, block: tuple[Equation, ...]) -> Residuals:
    """The residuals of a block.

    Raises
    ------
    NotGaussianError
        A family other than normal, an sd that differs among units, or a product of two unknown quantities.
    """
    check_normal(block)
    coordinates = state_coordinates(plan, data, block)
    algebra = Algebra()
    parameters = {each: algebra.parameter(coordinates.symbol(each)) for each in coordinates.addresses}
    deviations, places = _deviate(plan, data, coordinates, algebra)
    measured = tuple(each for each in block if not each.latent)
    values: dict[str, Any] = {column.name: readable(column) for column in data.columns}
    within = algebra.size
    for equation in measured:
        values[equation.response] = _filled(plan, data, equation, algebra)
    setting = Setting(plan, data, parameters, deviations, values, keep, sought=True)
    check_related(setting, block)
    raw = {each.response: _scaled(setting, each, coordinates, algebra) for each in measured}
    related = {name: text for text, each in relate(plan, block).items() for name in each.quantities}
    log_weights = np.zeros(coordinates.symbols)
    parts, kinds = [], []
    for number, equation in enumerate(measured):
        rows = find_rows(plan, data, equation)
        residual = raw[equation.response]
        if equation.response in related:
            name = related[equation.response]
            residual, symbol = _combined(name, equation.response, raw, coordinates, algebra)
            log_weights[symbol] += len(rows)
        for symbol, first in find_precisions(setting, equation, coordinates):
            log_weights[symbol] += np.count_nonzero(first[rows])
        parts.append(residual[rows])
        kinds.append(np.full(len(rows), number))
    flat = np.arange(algebra.size) >= within
    return Residuals(coordinates, _stack(parts), np.concatenate(kinds), flat, places, log_weights)


def check_normal(block: tuple[Equation, ...]) -> None:
    """Refuse what is not normal with one residual sd for all units."""
    for equation in block:
        if equation.family != "normal" or equation.link != "identity":
            raise NotGaussianError(f"{equation.response} is {equation.family}, not normal")
        if equation.volatility or equation.parts:
            raise NotGaussianError(f"the residual sd of {equation.response} differs among units")


def check_related(setting: Setting, block: tuple[Equation, ...]) -> None:
    """Residuals can be correlated only where both variables exist."""
    for related in relate(setting.plan, block).values():
        first, *others = (exists(setting, name) for name in related.quantities)
        if not all(np.array_equal(first, other) for other in others):
            raise NotGaussianError(f"the {related.level} exist at different units or occasions")


def keep(link: str, eta: Any) -> Any:
    """The inverse of the identity link."""
    return eta


def _filled(plan: Plan, data: Dataset, equation: Equation, algebra: Algebra) -> Any:
    """A response's values, with unknown quantities where a value is missing and looked at."""
    column = data.numbers(equation.response)
    known = readable(column)
    rows = find_unknown(plan, equation, data).astype(np.int64)
    if not rows.size:
        return known
    known[rows] = column.mean
    first = algebra.announce(len(rows), f"a missing value of {equation.response}")
    return algebra.unknown(len(known), rows, first, column.sd) + known


def _deviate(
    plan: Plan, data: Dataset, coordinates: Coordinates, algebra: Algebra
) -> tuple[dict[tuple[str, str], Form], dict[str, Whole]]:
    """The deviations by address and level, and the positions of the independent quantities behind them."""
    found: dict[tuple[str, str], Form] = {}
    places: dict[str, Whole] = {}
    for each in state_deviations(plan, data):
        varying, n = each.varying, data.units(each.varying.level).n
        rows = np.arange(n)
        starts = [algebra.announce(n, f"a deviation of a {varying.level}") for _ in varying.quantities]
        places[varying.level] = np.array(starts)[:, None] + rows
        entries = coordinates.entry(varying.level) if each.shape is not None else {}
        for k, (address, sd) in enumerate(zip(varying.quantities, varying.spreads, strict=True)):
            own = algebra.parameter(coordinates.symbol(sd))
            if each.shape is None:
                found[address, varying.level] = algebra.unknown(n, rows, starts[k]) * own
                continue
            parts = [
                algebra.unknown(n, rows, starts[j]) * (own * algebra.parameter(entries[k, j]))
                for j in range(k + 1)
                if (k, j) in entries
            ]
            found[address, varying.level] = sum(parts[1:], parts[0])
    return found, places


def find_rows(plan: Plan, data: Dataset, equation: Equation) -> Whole:
    """The rows that say something: with a value, or with a missing one that is looked at."""
    column = data.numbers(equation.response)
    kept = column.observed.copy()
    kept[find_unknown(plan, equation, data)] = True
    return np.flatnonzero(kept)


def find_precisions(
    setting: Setting, equation: Equation, coordinates: Coordinates
) -> tuple[tuple[int, NDArray[np.bool_]], ...]:
    """The symbols of 1 / a residual sd, and the rows that each is for; a flag for each row of the data."""
    first = first_rows(equation, setting.plan, setting.data)
    own = coordinates.inverse(str(equation.spread))
    if equation.initial is None:
        return ((own, np.ones(len(first), dtype=bool)),)
    return ((own, ~first), (coordinates.inverse(equation.initial), first))


def _scaled(setting: Setting, equation: Equation, coordinates: Coordinates, algebra: Algebra) -> Form:
    """Residuals in units of their sds."""
    try:
        residual = algebra.constants(0.0) + setting.values[equation.response] - predict(setting, equation)
    except BentError as bent:
        raise BilinearError(f"the equations of {equation.response} {bent}") from None
    scale = sum(
        (algebra.parameter(symbol) * rows for symbol, rows in find_precisions(setting, equation, coordinates)), 0.0
    )
    made: Form = residual * scale
    return made


def _combined(
    name: str, response: str, raw: dict[str, Form], coordinates: Coordinates, algebra: Algebra
) -> tuple[Form, int]:
    """A residual made independent of those before it that it correlates with, and the symbol that this scales it by."""
    entries, names = coordinates.entry(name), coordinates.roots[name].names
    k = names.index(response)
    parts = [raw[names[j]] * algebra.parameter(entries[k, j]) for j in range(k + 1) if (k, j) in entries]
    return sum(parts[1:], parts[0]), entries[k, k]


def _stack(parts: list[Form]) -> Form:
    """Forms one below the other."""
    lengths = [each.n or 0 for each in parts]
    starts = np.cumsum([0, *lengths])
    row = np.concatenate([each.row + start for each, start in zip(parts, starts, strict=False)])
    rest = (np.concatenate([getattr(each, name) for each in parts]) for name in ("unknown", "product", "weight"))
    return Form(parts[0].algebra, int(starts[-1]), row, *rest)
