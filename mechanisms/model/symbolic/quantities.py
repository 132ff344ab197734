"""The independent quantities behind an equation's parameters, as PyMC random variables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from mechanisms.errors import FitError
from mechanisms.model.beliefs import POSITIVE, Belief, Spread
from mechanisms.model.curve_priors import scale_wave
from mechanisms.model.equations import Equation
from mechanisms.model.priors import Beliefs

ops: Any = pt  # untyped in PyTensor's stubs


def declare_parameters(equations: tuple[Equation, ...], beliefs: Mapping[str, Beliefs]) -> dict[str, Any]:
    """Every coefficient and residual sd of some equations by address, in data units, within the model of the context.

    Raises
    ------
    FitError
        `same_as` names a parameter of an equation that is not among these, or two borrow from each other.
    """
    _check_lent(equations, beliefs)
    parameters: dict[str, Any] = {}
    for each in beliefs.values():
        for address, belief in each.traits.items():
            _extra(address, belief, parameters)
    for equation in _owners_first(equations, beliefs):
        _coefficients(equation, beliefs[equation.response], parameters)
    for equation in _spread_owners_first(equations, beliefs):
        own = beliefs[equation.response]
        _extra(equation.spread, own.spread, parameters)
        _extra(equation.shape, own.shape, parameters)
    return parameters


def _check_lent(equations: tuple[Equation, ...], beliefs: Mapping[str, Beliefs]) -> None:
    """What is borrowed must be lent by one of the equations."""
    owned = {address for equation in equations for address in (*equation.addresses, equation.spread)}
    for each in beliefs.values():
        for address in (*each.borrowed, *([each.spread] if isinstance(each.spread, str) else [])):
            if address not in owned:
                raise FitError(f"same_as names {address}, which is in none of the equations fitted together")


def _owners_first(equations: tuple[Equation, ...], beliefs: Mapping[str, Beliefs]) -> list[Equation]:
    """Equations that lend a coefficient (`same_as`) before those that borrow it."""
    owner = {address: equation.response for equation in equations for address in equation.addresses}
    needs = {
        e.response: {owner[address] for address in beliefs[e.response].borrowed if address in owner} for e in equations
    }
    return _sorted(equations, needs, "coefficients")


def _spread_owners_first(equations: tuple[Equation, ...], beliefs: Mapping[str, Beliefs]) -> list[Equation]:
    owner = {equation.spread: equation.response for equation in equations}
    needs: dict[str, set[str]] = {}
    for equation in equations:
        spread = beliefs[equation.response].spread
        needs[equation.response] = {owner[spread]} if isinstance(spread, str) and spread in owner else set()
    return _sorted(equations, needs, "spreads")


def _sorted(equations: tuple[Equation, ...], needs: dict[str, set[str]], what: str) -> list[Equation]:
    found: list[Equation] = []
    waiting = list(equations)
    while waiting:
        ready = [e for e in waiting if needs[e.response] <= {done.response for done in found}]
        if not ready:
            names = ", ".join(e.response for e in waiting)
            raise FitError(f"the {what} of {names} borrow from each other by same_as: let one equation own them all")
        found += ready
        waiting = [e for e in waiting if e not in ready]
    return found


def _coefficients(equation: Equation, beliefs: Beliefs, parameters: dict[str, Any]) -> None:
    """Independent quantities, then the raw coefficients as their linear map, under their addresses."""
    normal = [index for index, belief in enumerate(beliefs.beliefs) if belief.plain_normal]
    quantities: list[Any] = [None] * len(beliefs.beliefs)
    if normal:
        dim = f"quantities({equation.response})"
        pm.modelcontext(None).add_coord(dim, [beliefs.names[index] for index in normal])
        z = pm.Normal(f"z({equation.response})", dims=dim)
        for position, index in enumerate(normal):
            quantities[index] = z[position]
    shares: dict[str, Any] = {}
    for together in dict.fromkeys(belief.together for belief in beliefs.beliefs if belief.together):
        places = [index for index, belief in enumerate(beliefs.beliefs) if belief.together == together]
        alike = [beliefs.beliefs[index] for index in places]
        made = _wave(together, alike, parameters) if alike[0].traits else _climb(together, alike[0], shares)
        for index, each in zip(places, made, strict=True):
            quantities[index] = each
    for index, belief in enumerate(beliefs.beliefs):
        if quantities[index] is None:
            quantities[index] = declare(beliefs.names[index], belief)
    raw = pt.as_tensor(beliefs.offset)
    if quantities:
        raw = raw + _multiply(beliefs.matrix, quantities)
    if beliefs.borrowed:
        raw = raw + _multiply(beliefs.borrowed_matrix, [parameters[address] for address in beliefs.borrowed])
    named = pm.Deterministic(f"coefficients({equation.response})", raw, dims=f"terms({equation.response})")
    parameters |= {address: named[position] for position, address in enumerate(equation.addresses)}


def _multiply(matrix: Any, quantities: list[Any]) -> Any:
    """Matrix @ quantities. A matrix product of PyTensor's takes 20 s to compile, and another 20 s for its gradient."""
    return (pt.as_tensor(matrix) * pt.stack(quantities)).sum(axis=-1)


def _climb(together: str, belief: Belief, shares: dict[str, Any]) -> list[Any]:
    """Steps of one sign: the average step times their number, shared out; what changes all of them keeps the shares."""
    assert belief.average is not None
    count = int(belief.arguments[0])
    average = declare(f"average step({together})", belief.average, off=together == belief.shared)
    if count == 1:
        return [average]
    if belief.shared not in shares:
        shares[belief.shared] = pm.Dirichlet(f"shares({belief.shared})", np.ones(count))
    return [average * np.float64(count) * shares[belief.shared][place] for place in range(count)]


def _wave(together: str, alike: list[Belief], parameters: Mapping[str, Any]) -> list[Any]:
    """The waves of a gp: standard normal numbers times their sds."""
    z = pm.Normal(f"z({together})", shape=len(alike))
    amplitude, lengthscale = (parameters[trait] for trait in alike[0].traits)
    made = z * scale_wave(np.array([each.arguments for each in alike]).T, amplitude, lengthscale, ops.exp)
    return [made[place] for place in range(len(alike))]


def _extra(address: str | None, belief: Spread, parameters: dict[str, Any]) -> None:
    """A spread or a shape: believed in, fixed, or the same as another."""
    if address is None or belief is None:
        return
    if isinstance(belief, str):
        parameters[address] = pm.Deterministic(address, parameters[belief])
    elif isinstance(belief, float):
        parameters[address] = pm.Deterministic(address, pt.as_tensor(belief))
    else:
        parameters[address] = declare(address, belief)


def distribute(belief: Belief) -> Any:
    """A belief without bounds as a distribution that is no variable of a model."""
    distribution, arguments = _spell(belief)
    return distribution.dist(**arguments)


def declare(name: str, belief: Belief, *, off: bool = False) -> Any:
    """One random variable for a belief, truncated where it has bounds that its support does not imply.

    Sampling begins `off` 0 where that would say nothing of how something is shared.
    """
    distribution, arguments = _spell(belief)
    positive = belief.name in POSITIVE
    above = None if positive and belief.above is not None and belief.above <= 0 else belief.above
    if above is None and belief.below is None:
        begin = {"initval": _inside(belief)} if belief.name == "lognormal" else {}  # its mean may lie far out
        begin = {"initval": _off_zero(belief)} if off else begin
        return distribution(name, **arguments, **begin)
    lower, upper = (None if bound is None else np.float64(bound) for bound in (above, belief.below))
    begun = _off_zero(belief) if off else _inside(belief)
    return pm.Truncated(name, distribution.dist(**arguments), lower=lower, upper=upper, initval=begun)


def _spell(belief: Belief) -> tuple[Any, dict[str, Any]]:
    """PyMC's distribution of a belief's name, and its arguments."""
    a = np.asarray(belief.arguments, dtype=np.float64)  # PyTensor takes a Python 3.0 for a float32
    make: dict[str, tuple[Any, dict[str, Any]]] = {
        "normal": (pm.Normal, {"mu": a[0], "sigma": a[-1]}),
        "student": (pm.StudentT, {"nu": a[0], "mu": a[min(1, len(a) - 1)], "sigma": a[-1]}),
        "half_normal": (pm.HalfNormal, {"sigma": a[0]}),
        "exponential": (pm.Exponential, {"lam": a[0]}),
        "lognormal": (pm.LogNormal, {"mu": a[0], "sigma": a[-1]}),
        "gamma": (pm.Gamma, {"alpha": a[0], "beta": a[-1]}),
        "beta": (pm.Beta, {"alpha": a[0], "beta": a[-1]}),
        "uniform": (pm.Uniform, {"lower": a[0], "upper": a[-1]}),
    }
    return make[belief.name]


def _inside(belief: Belief) -> float:
    """Where sampling begins: well inside the bounds. PyMC would begin at the mean, which may be a bound."""
    a = belief.arguments
    low, high = belief.support
    if np.isfinite(low) and np.isfinite(high):
        return (low + high) / 2
    with np.errstate(all="ignore"):  # the rows of the table that are not asked
        first, last = np.float64(a[0]), np.float64(a[-1])
        width = {"exponential": 1 / first, "lognormal": np.exp(first), "gamma": first / last}.get(belief.name, last)
    return float(low + width if np.isfinite(low) else high - width)


def _off_zero(belief: Belief) -> float:
    """Where sampling begins of what must not be 0."""
    low, high = belief.support
    begun = _inside(belief) if np.isfinite(low) or np.isfinite(high) else belief.arguments[-2]
    return begun or min(0.05 * belief.arguments[-1], 0.5 * high)
