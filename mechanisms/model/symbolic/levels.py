"""A plan with levels, or with missing values, as a PyMC model: courses, departures, deviations and unknown values.

Every equation is read by `model.setting`, the very lines that NumPy runs. What nobody observed is a quantity of the
model: a missing value that other equations look at, an occasion inside a series that was missed, and the deviations of
units. A missing value that nothing looks at says nothing, and its row leaves the equation.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset, readable, response_values
from mechanisms.errors import DataError
from mechanisms.model.courses import predict
from mechanisms.model.deviations import Deviating, state_deviations
from mechanisms.model.equations import Equation, Varying
from mechanisms.model.families import FAMILIES
from mechanisms.model.missing import find_partners, find_unknown
from mechanisms.model.plan import Plan
from mechanisms.model.priors import first_spread, state_beliefs
from mechanisms.model.setting import Setting, exists
from mechanisms.model.symbolic.correlations import correlate, is_zero
from mechanisms.model.symbolic.densities import distribute_rows
from mechanisms.model.symbolic.links import inverse_link
from mechanisms.model.symbolic.mixtures import add_mixture, find_discrete, mixed_rows
from mechanisms.model.symbolic.noise import find_sigma, predict_all
from mechanisms.model.symbolic.quantities import declare, declare_parameters

ops: Any = pt  # untyped in PyTensor's stubs


def build_levels(plan: Plan, data: Dataset, equations: tuple[Equation, ...]) -> pm.Model:
    """The explicit model: `coefficients(y)`, `sigma(y)`, `sd(… | level)`, `cor(level)`, `deviations(level)` in data units."""
    beliefs = {equation.response: state_beliefs(plan, equation, data) for equation in equations}
    coords: dict[str, Any] = {f"terms({each.response})": list(each.addresses) for each in equations}
    with pm.Model(coords=coords) as model:
        parameters = declare_parameters(equations, beliefs)
        for equation in equations:
            if equation.initial:
                parameters[equation.initial] = _initial(equation, data)
        deviations: dict[tuple[str, str], Any] = {}
        for each in state_deviations(plan, data):
            deviations |= _deviate(each, data)
        values = {column.name: readable(column) for column in data.columns}
        measured = tuple(equation for equation in equations if not equation.latent)
        for equation in measured:
            values[equation.response] = _filled(plan, equation, data)
        setting = Setting(plan, data, parameters, deviations, values, inverse_link, sought=True)
        discrete = find_discrete(plan, data, measured)
        for group in _groups(plan, measured):
            _likelihoods(setting, group, discrete)
        if discrete:
            add_mixture(setting, measured, discrete)
    return model


def _groups(plan: Plan, equations: tuple[Equation, ...]) -> list[tuple[Equation, ...]]:
    """Equations whose residuals are correlated, together."""
    found: dict[frozenset[str], list[Equation]] = {}
    for equation in equations:
        found.setdefault(find_partners(plan, equation.response), []).append(equation)
    return [tuple(group) for group in found.values()]


def _initial(equation: Equation, data: Dataset) -> Any:
    return declare(str(equation.initial), first_spread(equation, data))


def _filled(plan: Plan, equation: Equation, data: Dataset) -> Any:
    """A response's values with the unknown ones, as quantities of the model, in their places."""
    known = readable(data[equation.response])
    unknown = find_unknown(plan, equation, data)
    family = FAMILIES[equation.family]
    if not unknown.size or family.kind == "binary":
        return known
    column = data.numbers(equation.response)
    if not family.shifts:
        raise DataError(
            f"{equation.response} is {family.name} and has missing values that other equations look at, which is not "
            "fitted yet. Drop these rows and say so, or impute"
        )
    # a latent variable begins at its marker, so that no chain is caught where all loadings have the other sign
    begun = np.nan_to_num((column.telling[unknown] - column.mean) / column.sd)
    z = pm.Flat(f"missing({equation.response})", shape=unknown.size, initval=begun)
    return ops.set_subtensor(pt.as_tensor(known)[unknown], column.mean + column.sd * z)


def _likelihoods(setting: Setting, group: tuple[Equation, ...], discrete: tuple[Equation, ...]) -> None:
    """The likelihood of one equation; or of several, each given the residuals of those before it."""
    if len(group) == 1:
        mixed = bool(discrete) and group[0].level == discrete[0].level
        apart = mixed_rows(setting.plan, setting.data, discrete) if mixed else np.zeros(0, dtype=np.intp)
        _likelihood(setting, group[0], predict_all(setting, group[0]), find_sigma(setting, group[0]), apart)
        return
    _check_together(setting, group)
    names = tuple(equation.response for equation in group)
    loose = {(a, b) for a in names for b in names} - {(r.one, r.other) for r in setting.plan.residuals}
    joined = frozenset(pair for pair in loose if pair[::-1] in loose)
    root = correlate(Varying(f"residuals of {' and '.join(names)}", names, joined), 1.0)
    for k, one in enumerate(names):
        for j, other in enumerate(names[:k]):
            if (one, other) not in joined:
                both = sum((root[k][i] * root[j][i] for i in range(j + 1)), np.float64(0.0))
                pm.Deterministic(
                    next(r.address for r in setting.plan.residuals if {r.one, r.other} == {one, other}), both
                )
    standard: list[Any] = []
    for k, equation in enumerate(group):
        eta, sigma = predict(setting, equation), find_sigma(setting, equation)
        shared = sum((root[k][i] * standard[i] for i in range(k) if not is_zero(root[k][i])), np.float64(0.0))
        standard.append(((setting.values[equation.response] - eta) / sigma - shared) / root[k][k])
        _likelihood(setting, equation, [eta + sigma * shared], sigma * root[k][k], np.zeros(0, dtype=np.intp))


def _check_together(setting: Setting, group: tuple[Equation, ...]) -> None:
    """Variables with correlated residuals must exist at the same units."""
    first, *others = group
    for other in others:
        if not np.array_equal(exists(setting, first.response), exists(setting, other.response)):
            raise DataError(
                f"{first.response} <-> {other.response}: the two exist at different units or occasions, which is not fitted yet"
            )


def _likelihood(setting: Setting, equation: Equation, etas: Sequence[Any], sigma: Any, apart: NDArray[np.intp]) -> None:
    """The density of an equation's observed and unknown values, without the rows that are summed over apart."""
    name, data = equation.response, setting.data
    column = data[name]
    rows = np.setdiff1d(np.flatnonzero(column.observed), apart)
    distribute_rows(setting, equation, etas, sigma, rows).observe(name, response_values(column)[rows])
    if FAMILIES[equation.family].kind == "binary":
        return
    unknown = np.setdiff1d(find_unknown(setting.plan, equation, data), apart)
    if unknown.size:
        filled = setting.values[name][unknown]
        density = distribute_rows(setting, equation, etas, sigma, unknown).log_density(filled)
        pm.Potential(f"unknown({name})", density.sum())


def _deviate(each: Deviating, data: Dataset) -> dict[tuple[str, str], Any]:
    """The deviations of a level's units, by quantity: normal, with the sds and correlations of the level."""
    varying, n = each.varying, data.units(each.varying.level).n
    size = len(varying.quantities)
    sds = [_sd(name, belief) for name, belief in zip(varying.spreads, each.spreads, strict=True)]
    root = (
        correlate(varying, each.shape)
        if each.shape is not None
        else [[np.float64(i == j) for j in range(size)] for i in range(size)]
    )
    loose = [k for k in range(size) if not each.centred[k]]
    z = pm.Normal(f"z({varying.level})", shape=(len(loose), n)) if loose else None
    standard: list[Any] = []
    found: dict[tuple[str, str], Any] = {}
    for k, address in enumerate(varying.quantities):
        shared = sum((root[k][i] * standard[i] for i in range(k) if not is_zero(root[k][i])), np.float64(0.0))
        if each.centred[k]:
            made = pm.Normal(f"own({address} | {varying.level})", sds[k] * shared, sds[k] * root[k][k], shape=n)
            standard.append((made / sds[k] - shared) / root[k][k])
        else:
            assert z is not None
            standard.append(z[loose.index(k)])
            made = sds[k] * (shared + root[k][k] * standard[k])
        found[address, varying.level] = made
    model = pm.modelcontext(None)
    model.add_coord(f"quantities({varying.level})", list(varying.quantities))
    pm.Deterministic(f"deviations({varying.level})", pt.stack(list(found.values())))
    if each.shape is not None:
        matrix = pt.stack(
            [
                pt.stack([pt.as_tensor(root[i][j]) if j <= i else pt.as_tensor(0.0) for j in range(size)])
                for i in range(size)
            ]
        )
        pm.Deterministic(varying.correlation, ops.dot(matrix, matrix.T))
    return found


def _sd(name: str, belief: Any) -> Any:
    if isinstance(belief, float):
        return pm.Deterministic(name, pt.as_tensor(np.float64(belief)))
    return declare(name, belief)
