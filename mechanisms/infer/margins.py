"""The exogenous variables of a simulated study, drawn from what a parameter file says of them."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mechanisms.errors import FitError, SpecError, did_you_mean, listed
from mechanisms.infer.designs import Layout, lay_out
from mechanisms.model.plan import Plan
from mechanisms.spec.parameters import Bernoulli, Clock, Drawn, Normal, Parameters, Shares
from mechanisms.spec.theory import Variable, read_number

Floats = NDArray[np.float64]
IN_BOUNDS = "give it a distribution within the range, such as shares"


def draw_exogenous(parameters: Parameters, plan: Plan, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """What is not modelled of a study: exogenous variables, with levels the ids and occasions, `n` clients or rows.

    Pairs that the theory joins by `<->` have the file's correlation; all others are independent. It is the correlation
    of the normal variables from which each is made (a Gaussian copula; Nelsen 2006, An Introduction to Copulas, 2nd ed.):
    of the two themselves where both are normal, and somewhat larger than theirs elsewhere. A variable is drawn for each
    unit of its level; one with occasions is drawn anew at each, without inertia and without differences between clients, but
    for the number of the occasion itself. Where there is nothing to draw, rows are numbered.

    Raises
    ------
    SpecError
        The file does not speak of the same variables, pairs and levels as the theory, or against what it declares.
    FitError
        `n` is no number of rows; a value leaves its variable's declared range.
    """
    check_whole("n", n, 1)
    variables = {name: plan.theory.variable(name) for name in plan.exogenous}
    _check_same(parameters, plan, variables)
    layout = lay_out(parameters, plan, n, rng)
    columns: dict[str, Any] = dict(layout.ids)
    margins: dict[str, Drawn] = {}
    for name, margin in parameters.exogenous.items():
        if isinstance(margin, Clock):
            columns[name] = _read_clock(variables[name], margin, parameters, plan, layout)
        else:
            margins[name] = margin
    for level, names in _by_level(plan, margins).items():
        root = _root(parameters, names)
        normals = rng.standard_normal((layout.sizes[level], len(names))) @ root.T
        for index, name in enumerate(names):
            _check_margin(variables[name], margins[name], parameters)
            drawn = _column(variables[name], margins[name], normals[:, index])
            columns[name] = drawn[layout.rows[level]]
    return pd.DataFrame(columns or {"row": np.arange(n)})


def list_hidden(plan: Plan) -> tuple[str, ...]:
    """The exogenous variables that exist only where one modelled variable of their level has a value.

    They are given everywhere, and taken out where simulating shows that they do not exist.
    """
    found = []
    for name in plan.exogenous:
        condition = plan.theory.variable(name).only_when
        modelled = [each for each in plan.equations if condition and each.response in condition.names]
        if condition and len(condition.names) == 1 and [each.level for each in modelled] == [plan.design.level(name)]:
            found.append(name)
        elif modelled:
            raise FitError(
                f"'{name}' exists only when {condition}, of which more is simulated than one variable of its level: draw an "
                "arrow into it"
            )
    return tuple(found)


def check_whole(name: str, value: int, least: int) -> None:
    """Refuse what is not a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise FitError(f"{name} must be a whole number of at least {least}, not {value!r}")


def check_range(variable: Variable, drawn: Floats, remedy: str) -> None:
    """Refuse values beyond the range that the theory declares, and count them."""
    if variable.range is None:
        return
    lowest, highest = variable.range
    beyond = int(np.count_nonzero((drawn < lowest) | (drawn > highest)))
    if beyond:
        raise FitError(
            f"'{variable.name}' leaves its declared range [{lowest:g}, {highest:g}] in {beyond} of {len(drawn)} simulated "
            f"rows (from {drawn.min():.4g} to {drawn.max():.4g}): {remedy}"
        )


def _by_level(plan: Plan, drawn: Collection[str]) -> dict[str, list[str]]:
    """The exogenous variables that are drawn, by their level."""
    found: dict[str, list[str]] = {}
    for name in (each for each in plan.exogenous if each in drawn):
        found.setdefault(plan.design.level(name), []).append(name)
    return found


def _read_clock(variable: Variable, clock: Clock, parameters: Parameters, plan: Plan, layout: Layout) -> NDArray[Any]:
    """The numbers of the occasions as a column: words of a category, or numbers."""
    name, level, fault = variable.name, plan.design.level(variable.name), ""
    if clock.level not in plan.theory.time or level != clock.level:
        fault = f"has a value for each {level}, which is no occasion of {clock.level}"
    elif tied := [pair for pair in parameters.correlations if name in pair]:
        fault = f"is the number of the occasion, so that {' <-> '.join(tied[0])} is no correlation that can be chosen"
    elif variable.family == "bernoulli":
        fault = "is bernoulli in the theory; the number of an occasion is a category or a number"
    words = [str(each) for each in layout.ids.get(level, ())]
    if odd := [each for each in words if variable.family == "categorical" and each not in variable.values]:
        fault = f"has the values {listed(variable.values)}, but there is an occasion {odd[0]}"
    if fault:
        raise SpecError(f"exogenous: {name} {fault}", parameters.place)
    if variable.family == "categorical":
        return np.array(words, dtype=object)
    check_range(variable, layout.ids[level], "declare a range that holds its occasions")
    return layout.ids[level]


def _check_same(parameters: Parameters, plan: Plan, variables: Mapping[str, Variable]) -> None:
    """The file speaks of exactly the theory's exogenous variables, and of each pair that it joins."""
    place, theory = parameters.place, plan.theory
    for name in parameters.exogenous:
        if name not in variables:
            fault = (
                "is modelled: its equation says how it comes about" if name in theory.names else "is not in the theory"
            )
            raise SpecError(f"exogenous: '{name}' {fault}.{did_you_mean(name, variables)}", place)
    absent = [name for name in variables if name not in parameters.exogenous]
    if absent:
        raise SpecError(f"exogenous: nothing is said of {listed(absent)}", place)
    partial = [name for name in variables if variables[name].only_when and name not in list_hidden(plan)]
    if partial:
        raise SpecError(f"exogenous: {listed(partial)} do not exist everywhere: give `simulate` a frame of them", place)
    pairs = {tuple(sorted((pair.one.name, pair.other.name))) for pair in theory.hidden}
    joined = {(one, other) for one, other in pairs if {one, other} <= variables.keys()}
    for one, other in parameters.correlations:
        if (one, other) not in joined:
            raise SpecError(f"correlations: the theory draws no {one} <-> {other}, so the two are independent", place)
    for one, other in sorted(joined):
        if (one, other) not in parameters.correlations:
            raise SpecError(f"correlations: the theory draws {one} <-> {other}; say how large it is", place)
        if plan.design.level(one) != plan.design.level(other) and parameters.correlations[one, other]:
            raise SpecError(
                f"correlations: {one} and {other} are of two levels: give `simulate` a frame of them", place
            )


def _root(parameters: Parameters, names: list[str]) -> Floats:
    """The Cholesky root of the correlations, shape (k, k)."""
    matrix = np.eye(len(names))
    for (one, other), value in parameters.correlations.items():
        if one in names and other in names:
            i, j = names.index(one), names.index(other)
            matrix[i, j] = matrix[j, i] = value
    try:
        return np.asarray(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        raise SpecError(
            "correlations: no variables can be correlated like this all at once", parameters.place
        ) from None


def _check_margin(variable: Variable, margin: Drawn, parameters: Parameters) -> None:
    """Families and declared values must be those of the theory."""
    name, family = variable.name, variable.family or "normal"
    fitting: dict[str, tuple[type[Drawn], ...]] = {"bernoulli": (Bernoulli,), "categorical": (Shares,)}
    if not isinstance(margin, fitting.get(family, (Normal, Shares))):
        words = {"bernoulli": "bernoulli", "categorical": "shares"}
        wanted = words.get(family, "normal or shares")
        raise SpecError(f"exogenous: {name} is {family} in the theory; give it {wanted}", parameters.place)
    if not isinstance(margin, Shares):
        return
    if family == "categorical" and set(margin.values) != set(variable.values):
        raise SpecError(
            f"exogenous: {name} has the values {listed(variable.values)}; shares name each", parameters.place
        )
    odd = [value for value in margin.values if family != "categorical" and read_number(value) is None]
    if odd:
        raise SpecError(f"exogenous: {name} is a number, but '{odd[0]}' is none", parameters.place)


def _column(variable: Variable, margin: Drawn, normals: Floats) -> NDArray[Any]:
    """A column with this distribution, made from standard normal numbers by its quantile function."""
    if isinstance(margin, Bernoulli):
        codes = (normals > special.ndtri(1 - margin.share)).astype(np.int64)
        return np.asarray(np.array(variable.values, dtype=object)[codes]) if variable.values else codes
    if isinstance(margin, Normal):
        drawn = margin.mean + margin.sd * normals
    else:
        steps = special.ndtri(np.cumsum(margin.shares)[:-1])
        codes = np.searchsorted(steps, normals)
        if variable.family == "categorical":
            return np.asarray(np.array(margin.values, dtype=object)[codes])
        drawn = np.array([float(value) for value in margin.values])[codes]
    check_range(variable, drawn, IN_BOUNDS)
    return drawn
