"""Data that a theory would give if stated parameters were true: every equation in causal order, noise included.

A normal equation knows no bounds. Where a simulated value leaves the range that its theory declares, simulating stops
and says how often: data cut to the range would no longer follow the equations, and data beyond it `bind` would refuse.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mechanisms.data.dataset import Categories, ColumnView, Dataset
from mechanisms.data.door import bind_some
from mechanisms.errors import DataError, FitError, SpecError, did_you_mean, listed
from mechanisms.graph.graph import draw, parents
from mechanisms.infer.sampling import complete
from mechanisms.model.families import inverse_link
from mechanisms.model.plan import Equation, Plan, compile
from mechanisms.model.predictor import linear_predictor
from mechanisms.spec.catalogue import load
from mechanisms.spec.parameters import Bernoulli, Margin, Normal, Parameters, Shares, read_parameters
from mechanisms.spec.theory import Theory, Variable, read_number

Floats = NDArray[np.float64]
_REMEDY = (
    "Choose parameters further from the bounds, or take range out of the theory, if the family is only an approximation"
)


def simulate(plan: Plan, data: Any, parameters: Mapping[str, float], *, seed: int | None = None) -> pd.DataFrame:
    """One data set of the same size, in data units, that `bind` and `fit` take.

    Parameters
    ----------
    data
        A `Dataset` of the plan's theory, or a frame or file: its exogenous variables are kept as they are, row by row.
        Modelled variables that it holds are replaced; other columns are left out.
    parameters
        A number for every parameter of the plan, by address.
    seed
        Same seed, same data.

    Returns
    -------
    DataFrame
        A column per variable of the theory, n rows. Categories are words; values of a 0/1 variable are words where the
        theory or the data name them, else 0 and 1.

    Raises
    ------
    DataError
        An exogenous variable is missing or breaks what the theory declares of it.
    FitError
        A parameter is missing or unknown; a simulated value leaves its variable's declared range.
    """
    values = complete(plan, parameters)
    given = _given(plan, data)
    _check_whole("seed", 0 if seed is None else seed, 0)
    rng = np.random.default_rng(seed)
    columns: dict[str, Floats] = dict(ColumnView(given))
    shown = {name: _shown(given, name) for name in plan.exogenous}
    for equation in plan.equations:
        variable = plan.theory.variable(equation.response)
        drawn = _draw(equation, values, columns, given.n, rng)
        _check_range(variable, drawn, f"its equation is {equation.family} and knows no bounds. {_REMEDY}")
        columns[variable.name] = drawn
        shown[variable.name] = _in_words(variable, drawn)
    return pd.DataFrame({name: shown[name] for name in plan.theory.names})


def simulate_theory(name: str, *, n: int | None = None, seed: int | None = None) -> pd.DataFrame:
    """One data set of a theory in the catalogue, from its parameter file; `n` rows, by default the file's.

    For a theory of your own: `read_parameters`, `draw_exogenous`, `simulate`.
    """
    theory, parameters = load(name), read_parameters(name)
    _check_whole("seed", 0 if seed is None else seed, 0)
    one, other = np.random.SeedSequence(seed).generate_state(2)
    given = draw_exogenous(parameters, theory, parameters.n if n is None else n, np.random.default_rng(one))
    return simulate(compile(theory), given, parameters.values, seed=int(other))


def draw_exogenous(parameters: Parameters, theory: Theory, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """The theory's exogenous variables, `n` rows drawn from what a parameter file says of them.

    Pairs that the theory joins by `<->` have the file's correlation; all others are independent. It is the correlation
    of the normal variables from which each is made (a Gaussian copula; Nelsen 2006, An Introduction to Copulas, 2nd ed.):
    of the two themselves where both are normal, and somewhat larger than theirs elsewhere.

    Raises
    ------
    SpecError
        The file does not speak of the same variables and pairs as the theory, or against what it declares of them.
    FitError
        `n` is no number of rows; a value leaves its variable's declared range.
    """
    _check_whole("n", n, 1)
    variables = _exogenous(theory)
    _check_same(parameters, theory, variables)
    root = _root(parameters, list(variables))
    normals = rng.standard_normal((n, len(variables))) @ root.T
    columns = {}
    for index, (name, variable) in enumerate(variables.items()):
        margin = parameters.exogenous[name]
        _check_margin(variable, margin, parameters)
        columns[name] = _column(variable, margin, normals[:, index])
    return pd.DataFrame(columns)


def _check_whole(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise FitError(f"{name} must be a whole number of at least {least}, not {value!r}")


def _given(plan: Plan, data: Any) -> Dataset:
    if not isinstance(data, Dataset):
        return bind_some(plan.theory, data, plan.exogenous)
    absent = [name for name in plan.exogenous if name not in data]
    if absent:
        raise DataError(f"the data were bound to another theory: they have no {listed(absent)}. Bind them to this one")
    return data


def _draw(
    equation: Equation, values: Mapping[str, float], columns: Mapping[str, Floats], n: int, rng: np.random.Generator
) -> Floats:
    """One response for every row, shape (n,)."""
    eta = np.broadcast_to(linear_predictor(equation, values, columns), n)
    mean = inverse_link(equation.link, eta)
    drawn = rng.normal(mean, values[equation.spread]) if equation.spread else (rng.random(n) < mean).astype(np.float64)
    if not np.isfinite(drawn).all():
        raise FitError(f"with these parameters '{equation.response}' grows beyond all numbers; choose smaller ones")
    return drawn


def _check_range(variable: Variable, drawn: Floats, remedy: str) -> None:
    if variable.range is None:
        return
    lowest, highest = variable.range
    beyond = int(np.count_nonzero((drawn < lowest) | (drawn > highest)))
    if beyond:
        raise FitError(
            f"'{variable.name}' leaves its declared range [{lowest:g}, {highest:g}] in {beyond} of {len(drawn)} simulated "
            f"rows (from {drawn.min():.4g} to {drawn.max():.4g}): {remedy}"
        )


def _shown(data: Dataset, name: str) -> NDArray[Any]:
    """A column of the data as a frame holds it."""
    column = data[name]
    if isinstance(column, Categories):
        return np.array(column.values, dtype=object)[column.codes]
    if column.labels:
        return np.array(column.labels, dtype=object)[column.values.astype(np.intp)]
    return column.values.astype(np.int64) if column.binary else column.values


def _in_words(variable: Variable, drawn: Floats) -> NDArray[Any]:
    """Zeros and ones as words where the theory has them, else as whole numbers; other numbers as they are."""
    if variable.family != "bernoulli":
        return drawn
    codes = drawn.astype(np.int64)
    return np.array(variable.values, dtype=object)[codes] if variable.values else codes


def _exogenous(theory: Theory) -> dict[str, Variable]:
    graph = draw(theory)
    return {each.name: each for each in theory.variables if not parents(graph, each.name)}


def _check_same(parameters: Parameters, theory: Theory, variables: Mapping[str, Variable]) -> None:
    """The file speaks of exactly the theory's exogenous variables, and of each pair that it joins."""
    place = parameters.place
    for name in parameters.exogenous:
        if name not in variables:
            fault = "has arrows into it" if name in theory.names else "is not in the theory"
            raise SpecError(f"exogenous: '{name}' {fault}.{did_you_mean(name, variables)}", place)
    absent = [name for name in variables if name not in parameters.exogenous]
    if absent:
        raise SpecError(f"exogenous: nothing is said of {listed(absent)}", place)
    drawn = {(str(pair.one), str(pair.other)) for pair in theory.hidden}
    joined = {pair for pair in drawn if variables.keys() >= set(pair)}
    for one, other in parameters.correlations:
        if (one, other) not in joined:
            raise SpecError(f"correlations: the theory draws no {one} <-> {other}, so the two are independent", place)
    for one, other in sorted(joined):
        if (one, other) not in parameters.correlations:
            raise SpecError(f"correlations: the theory draws {one} <-> {other}; say how large it is", place)


def _root(parameters: Parameters, names: list[str]) -> Floats:
    """The Cholesky root of the correlations, shape (k, k)."""
    matrix = np.eye(len(names))
    for (one, other), value in parameters.correlations.items():
        i, j = names.index(one), names.index(other)
        matrix[i, j] = matrix[j, i] = value
    try:
        return np.asarray(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        raise SpecError(
            "correlations: no variables can be correlated like this all at once", parameters.place
        ) from None


def _check_margin(variable: Variable, margin: Margin, parameters: Parameters) -> None:
    """Families and declared values must be those of the theory."""
    name, family = variable.name, variable.family or "normal"
    fitting: dict[str, tuple[type[Margin], ...]] = {"bernoulli": (Bernoulli,), "categorical": (Shares,)}
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


def _column(variable: Variable, margin: Margin, normals: Floats) -> NDArray[Any]:
    """A column with this distribution, made from standard normal numbers by its quantile function."""
    if isinstance(margin, Bernoulli):
        return _in_words(variable, (normals > special.ndtri(1 - margin.share)).astype(np.float64))
    if isinstance(margin, Normal):
        drawn = margin.mean + margin.sd * normals
    else:
        steps = special.ndtri(np.cumsum(margin.shares)[:-1])
        codes = np.searchsorted(steps, normals)
        if variable.family == "categorical":
            return np.array(margin.values, dtype=object)[codes]
        drawn = np.array([float(value) for value in margin.values])[codes]
    _check_range(variable, drawn, "give it a distribution within the range, such as shares")
    return drawn
