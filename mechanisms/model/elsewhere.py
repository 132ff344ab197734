"""What stands in the place of a term at occasions where it does not act: there the mean is free.

A term that does not exist contributes nothing (language R12). For a departure that is the average. For a whole value or a
course it would be what the equation says at 0, where ratings, weights and ages never are, and the rows without the term
would pull every coefficient towards a line through that point. So the equation has an intercept of its own for the first
occasions, which cannot look back (`1 -> y | first`), for those before an occasion that is looked at (`1 -> y | before 2`),
and where a condition on time does not hold (`1 -> y | not 2..`); and own slopes of what is multiplied with what is gone.
Categories, 0/1 variables and differences have a 0 that means something: nothing before, no change yet.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mechanisms.data.elsewhere import name_gap, say_earlier, say_lag, say_outside
from mechanisms.graph.levels import Design
from mechanisms.model.equations import Coefficient, Equation, Factor, Moves, Reading, Role
from mechanisms.spec.definitions import WeightedSum, parse_definition

_NAMED = ("bernoulli", "categorical", "ordinal", "sequential", "hazard")


def list_leftovers(
    coefficients: Iterable[Coefficient], readings: Mapping[str, Reading], level: str, design: Design, role: Role
) -> Iterator[tuple[Coefficient, Reading]]:
    """The coefficients of one linear predictor for occasions at which others do not act, each with the column that says where.

    First occasions have a residual sd and a precision of their own anyway.
    """
    gaps = (gap for each in coefficients for gap, _ in _list_gaps(each, readings, level, design))
    for gap in dict.fromkeys(gaps):
        if role == "spread" and gap.words.startswith("first"):
            continue
        basis, column = name_gap(level, gap.words)
        text = " * ".join(map(str, gap.rest)) or "1"
        factors = (*gap.rest, Factor(column, text=f"[{level} {gap.words}]"))
        reading = Reading(column, level, "trend", level, basis=basis, piece=1)
        yield Coefficient(f"{text} -> {gap.effect} | {gap.words}", factors, False, gap.moves, level), reading


def list_replaced(equation: Equation, own: Coefficient, design: Design) -> tuple[tuple[int, tuple[Factor, ...]], ...]:
    """The products that such a coefficient stands in the place of: their position, and what of each is gone."""
    readings = {each.column: each for each in equation.readings}
    return tuple(
        (position, gone)
        for position, each in enumerate(equation.coefficients, start=1)
        for gap, gone in _list_gaps(each, readings, equation.level, design)
        if (*gap.rest, name_gap(equation.level, gap.words)[1]) == (*own.factors[:-1], own.factors[-1].column)
    )


@dataclass(frozen=True)
class _Gap:
    """Where a product does not act, in `words`, and what it still has there; predictors that share it share `effect`."""

    effect: str
    words: str
    rest: tuple[Factor, ...]
    moves: Moves


def _list_gaps(
    each: Coefficient, readings: Mapping[str, Reading], level: str, design: Design
) -> Iterator[tuple[_Gap, tuple[Factor, ...]]]:
    """The gaps in which a product leaves whole numbers out, each with the factors that are gone."""
    if level not in design.lattice.time:
        return
    looks = {factor: readings[factor.column] for factor in each.causes}
    if any(look.steps and look.part == "departure" for look in looks.values()):
        return  # a product with what is 0 on average
    effect = each.address.rpartition(" -> ")[2]
    numbers = [factor for factor, look in looks.items() if _is_number(look, design)]
    found: dict[str, tuple[Factor, ...]] = {}
    for back in sorted({-looks[factor].steps for factor in numbers if looks[factor].steps}):
        found[say_lag(back)] = tuple(factor for factor, look in looks.items() if -look.steps >= back)
    for factor in numbers:
        if (occasion := looks[factor].occasion) is not None and looks[factor].level != level:
            words = say_earlier(occasion)
            found[words] = (*found.get(words, ()), factor)
    if numbers and (words := say_outside(each.only_when, (level,))):
        found[words] = tuple(numbers)
    for words, gone in found.items():
        rest = tuple(factor for factor in looks if factor not in gone)
        yield _Gap(effect, words, rest, "mean" if each.moves == "mean" else "trend"), gone


def _is_number(look: Reading, design: Design) -> bool:
    """Whether it is a whole number or a course, whose 0 means nothing."""
    variable = design.variables.get(look.variable)
    if look.part in ("departure", "trend") or look.category is not None or variable is None:
        return False
    if variable.family in _NAMED:
        return False
    definition = parse_definition(variable.computed, variable.place) if variable.computed else None
    return not (isinstance(definition, WeightedSum) and abs(sum(weight for weight, _ in definition.parts)) < 1e-12)
