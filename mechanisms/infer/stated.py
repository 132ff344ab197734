"""Stated parameters, held against a plan: every address once, none that it has not, and the correlations as matrices."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.shapes import Basis, is_gap
from mechanisms.errors import FitError, did_you_mean, listed
from mechanisms.model.deviations import find_sds
from mechanisms.model.equations import Varying
from mechanisms.model.families import FAMILIES
from mechanisms.model.plan import Plan
from mechanisms.spec.addresses import parse_address
from mechanisms.spec.parameters import parse_pair

Floats = NDArray[np.float64]
_WAVES = ("amplitude(", "lengthscale(")


@dataclass(frozen=True, eq=False)
class Stated:
    """A number for each address in the plan's order, and of each level where something varies the correlations.

    A matrix has the order of the level's quantities; it is the identity where nothing correlates.
    """

    values: Mapping[str, float]
    correlations: Mapping[str, Floats]

    def root(self, varying: Varying, bases: Mapping[str, Basis]) -> Floats:
        """D · chol(R): deviations are this times standard normal numbers."""
        sds = np.array(find_sds(varying, bases, self.values))
        return np.asarray(sds[:, None] * np.linalg.cholesky(self.correlations[varying.level]))


def complete(plan: Plan, parameters: Mapping[str, Any], *, optional: Collection[str] = ()) -> Stated:
    """`parameters` in the plan's order: every address once (products in any order), none that the plan has not.

    `cor(level)` takes a number for each pair, `{"1 -> a <-> x -> y": 0.3}`, where pairs that are not named have none; a
    square matrix in the order of `plan.varying`; or 0. The addresses in `optional` may be left out, and how a gp's waves
    come about where the waves themselves are stated (but for the lengthscale of one that varies). What is not said of occasions at which a term does not act, `1 -> y | first`, is 0.

    Raises
    ------
    FitError
        An address is unknown, given twice or absent; an sd is below 0; a correlation is where an arrow already joins.
    """
    if not isinstance(parameters, Mapping):
        raise FitError("parameters are a mapping from addresses to numbers, {'x -> m': 0.5, …}")
    levels = {each.correlation: each for each in plan.varying if each.correlated}
    names = (*plan.parameters, *levels)
    known = {parse_address(address).key: address for address in names}
    given: dict[str, Any] = {}
    for text, value in parameters.items():
        if not isinstance(text, str):
            raise FitError(f"{text!r} is no address of a parameter: addresses are text, 'x -> m'")
        if pair := _say_pair(text, levels):
            raise FitError(f"the plan has no parameter '{text}'.{pair}")
        address = known.get(parse_address(text).key)
        if address is None:
            hint = _say_owner(plan, text) or did_you_mean(text, names)
            raise FitError(f"the plan has no parameter '{text}'.{hint}")
        if address in given:
            raise FitError(f"a value for {address} is given twice")
        given[address] = value if address in levels else _number(address, value)
    leftover = (c for e in plan.equations for p in e.predictors for c in p.coefficients if is_gap(c.factors[-1].column))
    given = {each.address: 0.0 for each in leftover} | given
    gone = {*optional, *(trait for each in plan.equations for trait in each.traits if trait.startswith(_WAVES))}
    gone -= {wave.lengthscale for each in plan.varying for wave in each.waves}
    absent = [name for name in names if name not in given and name not in gone]
    if absent:
        raise FitError(f"no value is given for {listed(absent)}")
    _check_spreads(plan, given)
    _check_climbs(plan, given)
    _check_order(plan, given)
    values = {name: given[name] for name in plan.parameters if name in given}
    relate_residuals(plan, values)
    matrices = {
        each.level: _matrix(each, given[each.correlation]) if each.correlated else np.eye(len(each.quantities))
        for each in plan.varying
    }
    return Stated(MappingProxyType(values), MappingProxyType(matrices))


def _say_pair(text: str, levels: Mapping[str, Varying]) -> str:
    """How one correlation of a level is said, for who wrote it as a table shows it: `cor(1 -> x ~ 1 -> y | client)`."""
    pair, _, level = text.removeprefix("cor(").removesuffix(")").partition(" | ")
    one, _, other = pair.partition(" ~ ")
    correlation = f"cor({level})"
    return (
        f" Say it inside those of its level, {correlation}: {{'{one} <-> {other}': …}}"
        if correlation in levels and other
        else ""
    )


def _say_owner(plan: Plan, text: str) -> str:
    """Where a coefficient is a variable of the theory (`is:`), the address of its mean."""
    key = parse_address(text).key
    for equation in plan.equations:
        for each in equation.owned:
            if parse_address(each.address).key == key:
                mean = plan.equation(each.owner).intercept
                return f" {each.owner} is this coefficient of each unit; its mean is '{mean}'"
    return ""


def relate_residuals(plan: Plan, values: Mapping[str, float]) -> dict[tuple[str, ...], Floats]:
    """The Cholesky root of the residual correlations of each level's variables, by their names."""
    found: dict[tuple[str, ...], Floats] = {}
    for level in dict.fromkeys(plan.equation(each.one).level for each in plan.residuals):
        pairs = [each for each in plan.residuals if plan.equation(each.one).level == level]
        names = tuple(dict.fromkeys(name for each in pairs for name in (each.one, each.other)))
        matrix = np.eye(len(names))
        for each in pairs:
            i, j = names.index(each.one), names.index(each.other)
            matrix[i, j] = matrix[j, i] = value = values[each.address]
            if not -1 < value < 1:
                raise FitError(f"{each.address} is a correlation and lies between -1 and 1, not at {value:g}")
        found[names] = _root(matrix, f"residuals of {listed(names)}")
    return found


def _root(matrix: Floats, what: str) -> Floats:
    try:
        return np.asarray(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        raise FitError(f"{what}: nothing can be correlated like this all at once") from None


def _number(address: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise FitError(f"the value of {address} is {value!r}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not np.isfinite(number):
        raise FitError(f"the value of {address} is {number}, not a number")
    return number


def _check_spreads(plan: Plan, given: Mapping[str, Any]) -> None:
    for equation in plan.equations:
        what = "a residual sd" if FAMILIES[equation.family].spread == "sigma" else "a precision"
        for name in (equation.spread, equation.initial):
            if name is not None and name in given and not given[name] > 0:
                raise FitError(f"{name} is {what} and must be above 0, not {given[name]:g}")
        for name in (trait for trait in equation.traits if not trait.startswith("midpoint(")):
            if name in given and not given[name] > 0:
                raise FitError(f"{name} is above 0, not {given[name]:g}")
    for name in (name for each in plan.varying for name in each.sds):
        if given[name] < 0:
            raise FitError(f"{name} is an sd and not below 0, but {given[name]:g} is")


def _check_climbs(plan: Plan, given: Mapping[str, Any]) -> None:
    """Refuse steps that do not say how units share out climbs of their own."""
    for predictor in (predictor for each in plan.equations for predictor in each.predictors):
        for climb in predictor.climbs:
            steps = [given[each.address] for each in predictor.coefficients if each.climb == climb]
            if min(steps) < 0 < max(steps) or not any(steps):
                which = "have both signs" if any(steps) else "are all 0"
                raise FitError(
                    f"the steps of {climb} {which}, which does not say how those whose climb differs share it out: state steps "
                    "of one sign"
                )


def _check_order(plan: Plan, given: Mapping[str, Any]) -> None:
    """Refuse thresholds that make a probability negative: reaching a higher value is never likelier."""
    for equation in plan.equations:
        steps = [each.intercept for each in equation.predictors if each.role == "step" and equation.family == "ordinal"]
        steps = steps or [each.intercept for role in ("any", "top") for each in equation.parts if each.role == role]
        steps = steps if equation.family in ("ordinal", "ordered_beta") else []
        for more, less in pairwise(steps):
            if more in given and less in given and not given[more] > given[less]:
                raise FitError(
                    f"{less} must be below {more}, since who reaches the higher value reaches the lower too; they are "
                    f"{given[less]:g} and {given[more]:g}"
                )


def _matrix(varying: Varying, said: Any) -> Floats:
    """The correlations of a level; refused where they are none, or where an arrow joins the two."""
    names, size = varying.quantities, len(varying.quantities)
    if isinstance(said, Mapping):
        matrix = _of_pairs(varying, said)
    elif isinstance(said, str) or not isinstance(said, Sequence | np.ndarray):
        if _number(varying.correlation, said) != 0:
            raise FitError(
                f"{varying.correlation} is one number: say it for each pair, {{'{_example(varying)}': {said}}}"
            )
        matrix = np.eye(size)
    else:
        matrix = _numeric(said)
        if matrix.shape != (size, size) or not np.array_equal(matrix, matrix.T) or not (np.diag(matrix) == 1).all():
            raise FitError(
                f"{varying.correlation} must be a symmetric matrix of {size} rows with 1 on its diagonal, in the order "
                f"{listed(names, most=12)}"
            )
    for (i, one), (j, other) in combinations(enumerate(names), 2):
        if not -1 < matrix[i, j] < 1:
            raise FitError(f"{varying.correlation}: {one} <-> {other}: {matrix[i, j]:g} is no correlation")
        if matrix[i, j] and varying.are_joined(one, other):
            raise FitError(
                f"{varying.correlation}: an arrow joins {one} and {other}, so they have no correlation besides"
            )
    _root(matrix, varying.correlation)
    return matrix


def _numeric(said: Any) -> Floats:
    """A matrix of numbers; nothing where it is none."""
    try:
        return np.asarray(said, dtype=np.float64)
    except (ValueError, TypeError):
        return np.zeros((0, 0))


def _of_pairs(varying: Varying, said: Mapping[Any, Any]) -> Floats:
    known = {name: index for index, name in enumerate(varying.quantities)}
    matrix = np.eye(len(known))
    seen: set[frozenset[int]] = set()
    for text, value in said.items():
        places = []
        for each in parse_pair(str(text)):
            if each not in known:
                hint = did_you_mean(each, varying.quantities)
                raise FitError(f"{varying.correlation}: {each} does not vary by {varying.level}.{hint}")
            places.append(known[each])
        if frozenset(places) in seen:
            raise FitError(f"{varying.correlation}: '{text}' is given twice")
        seen.add(frozenset(places))
        i, j = places
        matrix[i, j] = matrix[j, i] = _number(f"{varying.correlation}: {text}", value)
    return matrix


def _example(varying: Varying) -> str:
    pairs = combinations(varying.quantities, 2)
    return next(f"{one} <-> {other}" for one, other in pairs if not varying.are_joined(one, other))
