"""Which values a family allows: above 0, inside (0, 1), whole and not below 0, at most the trials."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mechanisms.data.dataset import Categories, Dataset, Mask
from mechanisms.data.units import Floats
from mechanisms.errors import DataError, listed
from mechanisms.spec.theory import Theory, Variable


def _above(values: Floats) -> Any:
    return values > 0


def _inside(values: Floats) -> Any:
    return (values > 0) & (values < 1)


def _between(values: Floats) -> Any:
    return (values >= 0) & (values <= 1)


def _whole(values: Floats) -> Any:
    return (values >= 0) & (values == np.floor(values))


_POSITIVE = (_above, "a positive quantity", "its values are above 0; with zeros among them say zeros: hurdle")
_COUNT = (_whole, "a count", "counts are whole and not below 0")
_ALLOWED: Mapping[str, tuple[Callable[[Floats], Any], str, str]] = {
    "lognormal": _POSITIVE,
    "gamma": _POSITIVE,
    "weibull": (_above, "a time", "its values are above 0"),
    "beta": (_inside, "a share", "its values are above 0 and below 1; for 0 and 1 themselves there is ordered_beta"),
    "ordered_beta": (_between, "a share", "its values are 0 to 1; divide by the greatest that there can be"),
    "binomial": _COUNT,
    "poisson": _COUNT,
    "negative_binomial": _COUNT,
}


def check_support(variable: Variable, values: Floats) -> None:
    """Refuse observed values that the family of their variable has no probability for.

    Raises
    ------
    DataError
        With some of them.
    """
    rule = _ALLOWED.get(variable.family or "normal")
    if rule is None:
        return
    allowed, words, remedy = rule
    good = allowed(values)
    if variable.zeros is not None:
        good = good | (values == 0)
    if not np.all(good):
        odd = listed((f"{value:g}" for value in np.unique(values[~good])), most=4)
        raise DataError(f"'{variable.name}' is {words} ({variable.family}) but holds {odd}: {remedy}")
    if variable.zeros is not None:
        _check_zeros(variable, values)
    if variable.family == "ordered_beta":
        _check_heaps(variable, values)
    if variable.family == "binomial" and not isinstance(variable.out_of, str):
        _check_trials(variable, values, np.full(len(values), variable.out_of or np.inf))


def _check_zeros(variable: Variable, values: Floats) -> None:
    """Refuse zeros that are declared and not there, and an amount that is always the same."""
    what = "a hurdle" if variable.zeros == "hurdle" else "inflated"
    if not np.any(values == 0):
        raise DataError(f"'{variable.name}': zeros are declared {what}, but it holds none: leave zeros out")
    over = values[values != 0]
    if np.all(over == over[0]):
        raise DataError(
            f"'{variable.name}' is 0 or {over[0]:g} and nothing else, so that no amount varies: family bernoulli is for that"
        )


def _check_heaps(variable: Variable, values: Floats) -> None:
    """Refuse shares without heaps at 0 or 1, and heaps without shares between."""
    inside = values[(values > 0) & (values < 1)]
    if len(inside) == len(values):
        raise DataError(f"'{variable.name}' is ordered_beta but holds neither 0 nor 1: family beta is for that")
    if len(np.unique(inside)) < 2:
        raise DataError(
            f"'{variable.name}' is ordered_beta but has fewer than two different values between 0 and 1: declare its values, "
            "family ordinal"
        )


def check_out_of(theory: Theory, data: Dataset) -> None:
    """Refuse counts above their trials, and exposures that are not above 0, where `out_of` is a variable."""
    for variable in theory.variables:
        name = variable.out_of
        if not isinstance(name, str) or variable.name not in data or name not in data:
            continue
        counts, trials = data[variable.name], data[name]
        if isinstance(counts, Categories) or isinstance(trials, Categories):
            raise DataError(f"{variable.name}: out_of: '{name}' holds categories; trials and exposures are numbers")
        given = trials.values[_owner(data, variable.name, name)]
        known = counts.observed & ~np.isnan(given)
        low = given[known] <= 0
        if variable.family == "binomial":
            low = (given[known] < 0) | (given[known] != np.floor(given[known]))
        if low.any():
            kinds = [f"{value:g}" for value in np.unique(given[known][low])[:4]]
            what = "a number of trials, whole and not below 0" if variable.family == "binomial" else "above 0"
            raise DataError(f"{variable.name}: out_of: '{name}' holds {listed(kinds)}; it must be {what}")
        if variable.family == "binomial":
            _check_trials(variable, counts.values[known], given[known])


def _owner(data: Dataset, name: str, other: str) -> Any:
    """For each unit of a variable's level, which unit of another's it lies in."""
    if not data.tables or data.level(name) == data.level(other):
        return slice(None)
    return data.units(data.level(name)).above[data.level(other)].index


def _check_trials(variable: Variable, values: Floats, trials: Floats) -> None:
    over: Mask = values > trials
    if over.any():
        first = int(np.argmax(over))
        raise DataError(
            f"'{variable.name}' is binomial, out of {variable.out_of if isinstance(variable.out_of, str) else f'{trials[first]:g}'}, "
            f"but holds {values[first]:g} where there are {trials[first]:g} trials ({np.count_nonzero(over)} values in all)"
        )
