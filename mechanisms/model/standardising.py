"""Between data units and the standardised scale: an equation's coefficients in one as a linear map of the other.

Each column is centred at its mean and divided by its scale (sd; 1 for 0/1 columns), and products and squares are
products of such columns. Raw coefficients (at moderators = 0 of the data, as in lavaan and brms) are then a linear
map of the working ones. Lower-order terms that the theory denies keep a raw coefficient of exactly 0.
"""

from dataclasses import dataclass
from itertools import product as every
from math import comb, prod

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.model.equations import Equation, Factor
from mechanisms.model.plan import Plan
from mechanisms.model.scales import Standard, standardise

Floats = NDArray[np.float64]
Monomial = tuple[tuple[str, int], ...]  # sorted (column, power); () is the constant


@dataclass(frozen=True, eq=False)
class Working:
    """The working basis of one equation.

    `standards` per column; `kept` the monomials that have a coefficient, `denied` the lower-order ones that have none;
    `to_raw` (1 + k, 1 + k) maps working coefficients (intercept first) to raw ones; `denied_from` (d, k) gives the
    working coefficients of the denied monomials from those of the kept.
    """

    standards: dict[str, Standard]
    kept: tuple[Monomial, ...]
    denied: tuple[Monomial, ...]
    to_raw: Floats
    denied_from: Floats


def working_basis(plan: Plan, equation: Equation, data: Dataset) -> Working:
    """The working basis of an equation on these data."""
    kept = tuple(name_monomial(coefficient.factors) for coefficient in equation.coefficients)
    standards = standardise(plan, equation, data)
    lower = {smaller for monomial in kept for smaller in _smaller(monomial)} - set(kept) - {()}
    denied = tuple(sorted(lower))
    everything = ((), *kept, *denied)
    place = {monomial: index for index, monomial in enumerate(everything)}
    full = np.zeros((len(everything), len(everything)))
    for monomial in everything:
        for smaller, weight in _expanded(monomial, standards).items():
            full[place[smaller], place[monomial]] = weight
    size = 1 + len(kept)
    denied_from = -np.linalg.solve(full[size:, size:], full[size:, 1:size]) if denied else np.zeros((0, len(kept)))
    to_raw = full[:size, :size].copy()
    to_raw[:, 1:] += full[:size, size:] @ denied_from
    return Working(standards, kept, denied, to_raw, denied_from)


@dataclass(frozen=True, eq=False)
class Basis:
    """The working basis of one linear predictor: its working coefficients are `share` @ those of the whole equation."""

    working: Working
    share: Floats


def list_bases(plan: Plan, equation: Equation, data: Dataset) -> tuple[tuple[Basis, ...], Floats]:
    """The basis of each predictor, and the map from the equation's working coefficients to its raw ones.

    A working coefficient of the equation is that of the first predictor which has it; predictors may share some.
    """
    workings = [working_basis(plan, each, data) for each in equation.predictors]
    if len(workings) == 1:
        return (Basis(workings[0], np.eye(len(equation.addresses))),), workings[0].to_raw
    size = len(equation.addresses)
    places = [[equation.addresses.index(address) for address in each.addresses] for each in equation.predictors]
    backs = [np.linalg.inv(each.to_raw) for each in workings]
    from_raw, found = np.zeros((size, size)), set[int]()
    for place, back in zip(places, backs, strict=True):
        for position, own in enumerate(place):
            if own not in found:
                found.add(own)
                from_raw[own, place] = back[position]
    to_raw = np.linalg.inv(from_raw)
    shares = [back @ to_raw[place] for place, back in zip(places, backs, strict=True)]
    return tuple(Basis(working, share) for working, share in zip(workings, shares, strict=True)), to_raw


def find_cause_scale(working: Working, position: int, *, part: bool = False) -> float:
    """One standardised unit of the product at this position: of each column the sd, or 1 (0/1); intercept first.

    `part` takes the sd of a course among the units of its level.
    """
    if position == 0:
        return 1.0
    found = 1.0
    for column, power in working.kept[position - 1]:
        standard = working.standards[column]
        found *= (standard.part if part and standard.part is not None else standard.scale) ** power
    return found


def working_columns(working: Working, columns: dict[str, Floats]) -> Floats:
    """The working design of some rows, shape (rows, 1 + k), intercept first; `columns` are in data units."""
    rows = len(next(iter(columns.values())))
    z = {name: (columns[name] - standard.centre) / standard.scale for name, standard in working.standards.items()}
    design = np.empty((rows, 1 + len(working.kept)))
    design[:, 0] = 1.0
    for index, monomial in enumerate(working.kept, start=1):
        design[:, index] = _value(monomial, z)
    if working.denied:
        extra = np.column_stack([_value(monomial, z) for monomial in working.denied])
        design[:, 1:] += extra @ working.denied_from
    return design


def name_monomial(factors: tuple[Factor, ...]) -> Monomial:
    """The product of columns that some factors are."""
    powers: dict[str, int] = {}
    for factor in factors:
        powers[factor.column] = powers.get(factor.column, 0) + factor.power
    return tuple(sorted(powers.items()))


def _smaller(monomial: Monomial) -> list[Monomial]:
    """Every monomial that divides this one, itself and the constant among them."""
    columns = [column for column, _ in monomial]
    powers = every(*(range(power + 1) for _, power in monomial))
    return [tuple((c, p) for c, p in zip(columns, choice, strict=True) if p) for choice in powers]


def _expanded(monomial: Monomial, standards: dict[str, Standard]) -> dict[Monomial, float]:
    """Π ((v − centre) / scale)^power written out in raw monomials."""
    found = {}
    full = dict(monomial)
    for smaller in _smaller(monomial):
        chosen = dict(smaller)
        found[smaller] = prod(
            comb(power, chosen.get(column, 0))
            * (-standards[column].centre) ** (power - chosen.get(column, 0))
            / standards[column].scale ** power
            for column, power in full.items()
        )
    return found


def _value(monomial: Monomial, z: dict[str, Floats]) -> Floats:
    value: Floats = np.asarray(prod(z[column] ** power if power > 1 else z[column] for column, power in monomial))
    return value
