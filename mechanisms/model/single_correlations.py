"""Priors on one correlation: of two courses, `a(client) <-> b(client)`, or of two residuals, `a <-> b`.

Such a prior multiplies the LKJ density of all correlations of its matrix, those of a level or of residuals that hang
together. It is not the entry's own distribution, which is narrower wherever the LKJ density is curved
(docs/decisions/0032).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from mechanisms.errors import SpecError
from mechanisms.graph.expansion import Expansion
from mechanisms.model.beliefs import Belief, rescale_prior
from mechanisms.model.equations import INTERCEPT, Residual, Varying
from mechanisms.spec.addresses import Address, parse_address
from mechanisms.spec.theory import Prior, Theory

WORDS = {"normal": 0, "student": 1}  # without an edge between -1 and 1; where their argument is that is their middle


@dataclass(frozen=True)
class Entry:
    """What a theory believes of one correlation: the positions of the two quantities in their matrix, `row` the later."""

    address: str
    row: int
    column: int
    belief: Belief


def name_entries(varying: Varying, residuals: Iterable[Residual]) -> Iterator[tuple[str, int, int]]:
    """The correlations of a matrix that have an address: of two courses, or of two residuals; with row and column."""
    tied = {frozenset((each.one, each.other)): each.address for each in residuals}
    for (column, one), (row, other) in combinations(enumerate(varying.quantities), 2):
        address = _name_courses(varying.level, one, other) or tied.get(frozenset((one, other)))
        if address and not varying.are_joined(one, other):
            yield address, row, column


def believe_entries(
    varying: Varying, residuals: Iterable[Residual], priors: Iterable[tuple[str, Prior]]
) -> tuple[Entry, ...]:
    """What is said of single correlations of a matrix."""
    said = dict(priors)
    return tuple(
        Entry(address, row, column, rescale_prior(said[address], 1.0))
        for address, row, column in name_entries(varying, residuals)
        if address in said
    )


def check_correlations(
    theory: Theory, expansion: Expansion, varying: tuple[Varying, ...], residuals: tuple[Residual, ...]
) -> None:
    """Refuse priors on correlations that the theory does not have, and what is said of one that cannot be kept to."""
    known = {parse_address(each.address).key for each in residuals}
    known |= {parse_address(each).key for level in varying for each, _, _ in name_entries(level, ())}
    said = [(prior, parse_address(prior.address, prior.place)) for prior in theory.priors]
    uncorrelated = {address.level for prior, address in said if address.kind == "cor" and prior.fixed is not None}
    for prior, address in said:
        if address.kind != "residual":
            continue
        level = address.terms[0].part
        fault = "" if address.key in known else _say_absent(address, expansion, varying)
        if not fault and level in uncorrelated:
            fault = f"cor({level}) is fixed at 0, and this is one of them: leave one of the two out"
        if fault := fault or _find_fault(prior, address):
            raise SpecError(f"prior on '{prior.address}': {fault}", prior.place)


def _name_courses(level: str, one: str, other: str) -> str | None:
    """`a(client) <-> b(client)`, where both quantities are whole courses and no part of one, no slope."""
    names = [each.removeprefix(INTERCEPT) for each in (one, other)]
    if not (one.startswith(INTERCEPT) and other.startswith(INTERCEPT)) or any("(" in n or "=" in n for n in names):
        return None
    return f"{names[0]}({level}) <-> {names[1]}({level})"


def _say_absent(address: Address, expansion: Expansion, varying: tuple[Varying, ...]) -> str:
    """Why two things have no correlation that is estimated."""
    one, other = address.terms
    level = one.part
    if level is None or level != other.part or one.when or other.when:
        return (
            "priors on correlations that are not estimated are not compiled yet: the two need an equation each and "
            f"{one.name} <-> {other.name} among the arrows; that of two courses is {one.name}(client) <-> {other.name}(client)"
        )
    pair = {f"{INTERCEPT}{one.name}", f"{INTERCEPT}{other.name}"}
    for each in expansion.correlations:
        if each.level == level and each.joined_by and {each.one, each.other} == pair:
            return (
                f"{each.joined_by} joins the two among {level}s, and they do not correlate besides (R8): the prior goes "
                f"on {each.joined_by}"
            )
    there = {name for each in varying if each.level == level for name in each.quantities}
    for term in (one, other):
        if f"{INTERCEPT}{term.name}" not in there:
            parts = [name for name in there if name.startswith(INTERCEPT) and _is_part(name, term.name)]
            why = f"it has several, {' and '.join(sorted(parts))}" if parts else "nothing varies there"
            return f"{term.name} has no course of one number for each {level}: {why}"
    return (
        f"deviations of indicators are independent of everything unless that is drawn: write {address} under arrows too"
    )


def _is_part(quantity: str, name: str) -> bool:
    """Whether a course belongs to one value or one part of a variable: `1 -> y=v`, `1 -> any(y)`."""
    effect = quantity.removeprefix(INTERCEPT)
    return effect.partition("=")[0] == name or effect.endswith(f"({name})")


def _find_fault(prior: Prior, address: Address) -> str:
    """What cannot be said of one correlation; nothing where all can."""
    level = address.terms[0].part
    if prior.fixed is not None:
        near = f"{{normal: [{prior.fixed:g}, 0.05]}} keeps it near {prior.fixed:g}"
        if prior.fixed == 0:
            near += (
                f"; cor({level}): {{fixed: 0}} makes all of them 0" if level else f"; or leave {address} out of arrows"
            )
        return f"one correlation among several is not fixed: {near}"
    distribution = prior.distribution
    if distribution is None:
        return "'same_as' for correlations is read but not compiled yet"
    if distribution.name not in WORDS:
        return f"a correlation takes {{normal: [0.3, 0.1]}} or student, which have no edge between -1 and 1, not {distribution}"
    middle = distribution.arguments[WORDS[distribution.name]]
    if not -1 < middle < 1:
        return f"a correlation lies between -1 and 1, and {distribution} has its middle beyond"
    if prior.above is not None or prior.below is not None:
        return "above and below of a correlation are not compiled yet; a smaller sd keeps it away from there"
    if prior.scale != "raw":
        return "a correlation has no unit: leave out scale: standardised"
    return "at belongs to priors on coefficients" if prior.at else ""
