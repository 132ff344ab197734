"""Occasions at which a term does not act: before a lag reaches back, before an occasion that is looked at, outside a condition.

    first, first 2     nothing lies one, two places before
    before 3           earlier than occasion 3
    not 2.., not 1,3   where a condition on time does not hold

A column of the level of time is 1 there; its basis is frozen with the grid when data are bound.
"""

from collections.abc import Sequence
from itertools import chain

from mechanisms.data.shapes import GAP, Basis, name_basis
from mechanisms.spec.definitions import OwnCoefficient, parse_definition
from mechanisms.spec.terms import Occasions, Relative, Term
from mechanisms.spec.theory import Condition, Span, Theory


def say_lag(places: int) -> str:
    """The occasions that have none so many places before them."""
    return "first" if places == 1 else f"first {places}"


def say_earlier(occasion: int) -> str:
    """The occasions before one."""
    return f"before {occasion}"


def say_outside(condition: Condition | None, times: Sequence[str]) -> str:
    """The occasions at which a condition does not hold that speaks of time alone; nothing for any other."""
    if condition is None or len(condition.values) != 1 or condition.names[0] not in times:
        return ""
    said = condition.values[0][1]
    return f"not {said}" if isinstance(said, Span) else "not " + ",".join(f"{float(each):.10g}" for each in said)


def name_gap(time: str, words: str) -> tuple[str, str]:
    """The basis and the column that is 1 at these occasions of a level of time."""
    basis = name_basis(time, f"{GAP}{words}")
    return basis, f"{basis}[1]"


def list_gaps(theory: Theory) -> tuple[str, ...]:
    """What the arrows of a theory leave out, in these words."""
    looks = [term for arrow in theory.arrows for term in (arrow.cause, *chain(*arrow.moderated_by))]
    made = (parse_definition(each.computed, each.place) for each in theory.variables if each.computed)
    looks += [each.cause for each in made if isinstance(each, OwnCoefficient)]
    words = [*chain(*map(_of_term, looks)), *(say_outside(arrow.only_when, theory.time) for arrow in theory.arrows)]
    return tuple(dict.fromkeys(each for each in words if each))


def make_gap(time: str, words: str, grid: tuple[int, ...]) -> Basis:
    """The basis of `name_gap`: 1 at the occasions of the grid that the words mean."""
    kind, _, rest = words.partition(" ")
    chosen: Sequence[int]
    if kind == "first":
        chosen = grid[: int(rest or 1)]
    elif kind == "before":
        chosen = [each for each in grid if each < int(rest)]
    elif ".." in rest:
        low, high = (float(end) if end else None for end in rest.split(".."))
        chosen = [e for e in grid if (low is not None and e < low) or (high is not None and e > high)]
    else:
        held = [float(each) for each in rest.split(",")]
        chosen = [each for each in grid if each not in held]
    ends = tuple((float(each), float(each)) for each in chosen)
    return Basis(time, f"{GAP}{words}", -1, 0.0, 1.0, (), (0.0,), (0.0,), ((),), 0.0, 1.0, (), ends)


def move_gap(basis: Basis, grid: tuple[int, ...]) -> Basis:
    """The same words on other occasions: a question may begin before the data do. Any other basis stays as it is."""
    return make_gap(basis.variable, basis.shape.removeprefix(GAP), grid) if basis.gap else basis


def _of_term(term: Term) -> list[str]:
    if isinstance(term.when, Relative) and term.when.steps:
        return [say_lag(-term.when.steps)]
    if isinstance(term.when, Occasions):
        return [say_earlier(term.when.first)]
    return []
