"""Computed variables without levels: which there are, and sums that cannot be causes refused."""

from collections.abc import Mapping
from types import MappingProxyType

from mechanisms.data.columns import CATEGORIES
from mechanisms.data.dataset import Dataset
from mechanisms.errors import DataError, listed
from mechanisms.spec.definitions import WeightedSum, parse_definition
from mechanisms.spec.influences import declared
from mechanisms.spec.theory import Theory


def list_made(theory: Theory) -> Mapping[str, WeightedSum]:
    """The sums of a theory without levels, each after those that are its parts.

    With levels parts may stand at other levels and occasions, and `model.setting` makes the sums. Sums with a category in
    them have no column; they are refused when they are compiled.
    """
    found: dict[str, WeightedSum] = {}
    words = {each.name for each in declared(theory).values() if each.family in CATEGORIES}
    for variable in theory.variables if not theory.levels else ():
        definition = parse_definition(variable.computed, variable.place) if variable.computed else None
        if isinstance(definition, WeightedSum) and not words & {term.name for term in definition.terms}:
            found[variable.name] = definition
    ordered: dict[str, WeightedSum] = {}

    def add(name: str) -> None:
        for term in found[name].terms:
            if term.name in found and term.name not in ordered:
                add(term.name)
        ordered[name] = found[name]

    for name in found:
        add(name)
    return MappingProxyType(ordered)


def check_made(data: Dataset) -> None:
    """Refuse sums that are known nowhere, or the same everywhere.

    Raises
    ------
    DataError
        No row has all the parts of a sum, or it has one value.
    """
    for name in (each for each in data.made if each in data):
        column, parts = data.numbers(name), [term.name for term in data.made[name].terms]
        if not column.observed.any():
            raise DataError(
                f"'{name}' is computed from {listed(parts)}, which no row has together: take it out of the theory"
            )
        if not column.sd > 1e-13 * max(abs(column.lowest), abs(column.highest)):
            raise DataError(
                f"'{name}' = {data.made[name]} is constant ({column.mean:.6g} in all rows): it can neither cause nor vary with "
                "anything"
            )
