"""A plan with levels, or with missing values, as a PyMC model: courses, departures, deviations and unknown values.

Every equation is read by `model.setting`, the very lines that NumPy runs. What nobody observed is a quantity of the
model: a missing value that other equations look at, an occasion inside a series that was missed, and the deviations of
units. A missing value that nothing looks at says nothing, and its row leaves the equation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from scipy import special

from mechanisms.data.dataset import Dataset, readable, response_values
from mechanisms.errors import DataError
from mechanisms.model.deviations import Deviating, find_sds, state_deviations
from mechanisms.model.discrete import find_mixture
from mechanisms.model.equations import Equation, Varying
from mechanisms.model.families import FAMILIES
from mechanisms.model.missing import find_partners, find_unknown
from mechanisms.model.plan import Plan
from mechanisms.model.priors import first_spread, state_beliefs
from mechanisms.model.setting import Setting, exists
from mechanisms.model.single_correlations import believe_entries, name_entries
from mechanisms.model.symbolic.correlations import correlate, find_correlation, is_zero
from mechanisms.model.symbolic.densities import distribute_rows
from mechanisms.model.symbolic.links import inverse_link
from mechanisms.model.symbolic.mixtures import add_mixture
from mechanisms.model.symbolic.noise import Together, predict_together
from mechanisms.model.symbolic.quantities import declare, declare_parameters

ops: Any = pt  # untyped in PyTensor's stubs


@dataclass(frozen=True)
class _Line:
    """How unknown values of a kind lie on a line: there and back, and the log of the slope of the way back."""

    forward: Callable[[Any], Any]
    inverse: Callable[[Any], Any]
    log_slope: Callable[[Any], Any]
    bent: bool = True


_LINES = {
    "real": _Line(lambda y: y, lambda z: z, lambda y: 0.0, bent=False),
    "positive": _Line(np.log, ops.exp, ops.log),
    "share": _Line(special.logit, ops.sigmoid, lambda y: ops.log(y) + ops.log1p(-y)),
}


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
            deviations |= _deviate(each, data, parameters)
        values = {column.name: readable(column) for column in data.columns}
        measured = tuple(equation for equation in equations if not equation.latent)
        for equation in measured:
            values[equation.response] = _filled(plan, equation, data)
        setting = Setting(plan, data, parameters, deviations, values, inverse_link, sought=True)
        mixture = find_mixture(plan, data, measured)
        groups = [_correlated(setting, group) for group in _groups(plan, measured)]
        for group in groups:
            for equation, etas, sigma in predict_together(setting, group):
                _likelihood(setting, equation, etas, sigma, mixture.apart(equation.response))
        if mixture.discrete:
            add_mixture(setting, groups, mixture)
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
    if not unknown.size or FAMILIES[equation.family].whole:
        return known
    column = data.numbers(equation.response)
    line = _LINES[FAMILIES[equation.family].kind]
    scale = line.forward(column.values[column.observed]) if line.bent else column.telling
    middle, sd = (scale.mean(), scale.std(ddof=1)) if line.bent else (column.mean, column.sd)
    # a latent variable begins at its marker, so that no chain is caught where all loadings have the other sign
    begun = np.zeros(unknown.size) if line.bent else np.nan_to_num((column.telling[unknown] - middle) / sd)
    z = pm.Flat(f"missing({equation.response})", shape=unknown.size, initval=begun)
    made = line.inverse(middle + sd * z)
    if line.bent:
        pm.Potential(f"scale({equation.response})", line.log_slope(made).sum())
    return ops.set_subtensor(pt.as_tensor(known)[unknown], made)


def _correlated(setting: Setting, group: tuple[Equation, ...]) -> Together:
    """The correlations of a group's residuals, as quantities of the model."""
    if len(group) == 1:
        return Together(group)
    _check_together(setting, group)
    names = tuple(equation.response for equation in group)
    loose = {(a, b) for a in names for b in names} - {(r.one, r.other) for r in setting.plan.residuals}
    joined = frozenset(pair for pair in loose if pair[::-1] in loose)
    varying, residuals = Varying(f"residuals of {' and '.join(names)}", names, joined), setting.plan.residuals
    root = correlate(varying, 1.0, believe_entries(varying, residuals, setting.plan.priors))
    for address, k, j in name_entries(varying, residuals):
        pm.Deterministic(address, find_correlation(root, k, j))
    return Together(group, root)


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
    if FAMILIES[equation.family].whole:
        return
    unknown = np.setdiff1d(find_unknown(setting.plan, equation, data), apart)
    if unknown.size:
        filled = setting.values[name][unknown]
        density = distribute_rows(setting, equation, etas, sigma, unknown).log_density(filled)
        pm.Potential(f"unknown({name})", density.sum())


def _deviate(each: Deviating, data: Dataset, parameters: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """The deviations of a level's units, by quantity: normal, with the sds and correlations of the level."""
    varying, n = each.varying, data.units(each.varying.level).n
    size = len(varying.quantities)
    believed = dict(zip(varying.spreads, each.spreads, strict=True))
    own = {name: _sd(name, belief) for name, belief in believed.items()}
    sds = find_sds(varying, data.bases, {**parameters, **own}, ops.exp)
    root = (
        correlate(varying, each.shape, each.entries)
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
        products = matrix[:, None, :] * matrix[None, :, :]  # a matrix product takes 20 s to compile
        pm.Deterministic(varying.correlation, products.sum(axis=-1))
    return found


def _sd(name: str, belief: Any) -> Any:
    if isinstance(belief, float):
        return pm.Deterministic(name, pt.as_tensor(np.float64(belief)))
    return declare(name, belief)
