"""Who influences whom in a theory, by name: arrows, their moderators, and what follows without being written (R11)."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Literal, NamedTuple

from mechanisms.errors import Place
from mechanisms.spec.definitions import WeightedSum, parse_definition
from mechanisms.spec.levels import Lattice, Units, find_units
from mechanisms.spec.terms import CONSTANT, Term
from mechanisms.spec.theory import Arrow, Theory, Variable

Pair = tuple[Term, Term]


def added_arrows(theory: Theory, *, denied: bool = False) -> tuple[Pair, ...]:
    """The arrows nobody wrote: of moderators and of conditions (R11). `denied=True` keeps those `without` denies."""
    units = find_units(theory)
    drawn = {(arrow.cause, arrow.effect) for arrow in theory.arrows}
    drawn |= {(Term(c.name), e) for c, e in drawn if c.part and c.when is None and units.is_repeated(c.name)}
    left_out = set() if denied else set(theory.without)
    known = {variable.name: variable for variable in theory.variables}
    added: dict[Pair, None] = {}
    for arrow in theory.arrows:
        for implied in list_implied(arrow, known, units.lattice, units.levels):
            term = implied.cause
            whole = Term(term.name, term.part, term.when)
            same = {(cause, effect) for cause in (term, whole) for effect in (arrow.effect, Term(arrow.effect.name))}
            if not same & drawn and (term, arrow.effect) not in left_out:
                added[term, arrow.effect] = None
    return tuple(added)


class Implied(NamedTuple):
    """A cause that an arrow brings along: its moderator, or what decides where the arrow (`own`) or its cause exists."""

    cause: Term
    word: Literal["moderator", "only_when"]
    own: bool = True


def list_implied(
    arrow: Arrow, known: Mapping[str, Variable], lattice: Lattice, levels: Mapping[str, str | None]
) -> Iterator[Implied]:
    """The causes that one arrow brings along (R11), each once: moderators, then conditions, at the cause's lag.

    A condition that the effect has too adds nothing, nor does one on time. `levels` gives each variable's level.
    """
    found: dict[Term, Implied] = {}
    for term in (term for product in arrow.moderated_by for term in product):
        found.setdefault(term, Implied(term, "moderator"))
    yield from found.values()
    cause, effect = known.get(arrow.cause.name), known.get(arrow.effect.name)
    own = arrow.only_when.names if arrow.only_when else ()
    kept = (*_where(effect, lattice, levels), arrow.cause.name, arrow.effect.name)
    for name in dict.fromkeys((*own, *_where(cause, lattice, levels))):
        if name in known and name not in kept:
            repeated = name not in lattice.time and levels.get(name) in lattice.time
            yield Implied(Term(name, when=arrow.cause.when if repeated else None), "only_when", name in own)


def _where(variable: Variable | None, lattice: Lattice, levels: Mapping[str, str | None]) -> tuple[str, ...]:
    """The names on which it depends whether a variable, or its level, exists."""
    if variable is None:
        return ()
    conditions = (variable.only_when, lattice.condition(levels.get(variable.name) or ""))
    return tuple(name for condition in conditions if condition for name in condition.names)


def list_products(arrow: Arrow) -> Iterator[tuple[tuple[Term, ...], bool]]:
    """The products of one arrow, cause first, and whether each is written or follows from a longer one.

    `moderated_by: [w * z]` on x writes x * w * z; x * w and x * z follow.
    """
    followed: set[frozenset[Term]] = set()
    for product in sorted(arrow.moderated_by, key=len, reverse=True):
        yield (arrow.cause, *product), True
        for size in range(1, len(product)):
            for terms in combinations(product, size):
                if frozenset(terms) not in followed:
                    followed.add(frozenset(terms))
                    yield (arrow.cause, *terms), False


def declared(theory: Theory) -> dict[str, Variable]:
    """Every variable by name; an indicator that is not declared has its latent's level and family normal."""
    found = {variable.name: variable for variable in theory.variables}
    for variable in theory.variables:
        for name in variable.measured_by or ():
            found.setdefault(name, Variable(name=name, level=variable.level, place=variable.place))
    return found


def list_influences(theory: Theory, units: Units | None = None) -> dict[str, dict[str, Place]]:
    """For every name the names it reaches in one step, moderators included (whatever `without` denies).

    With `units` only what happens at one occasion: no lags, no courses of coarser levels.
    """
    reached: dict[str, dict[str, Place]] = {name: {} for name in declared(theory)}
    for arrow in theory.arrows:
        for term in (arrow.cause, *(term for product in arrow.moderated_by for term in product)):
            if term != CONSTANT and (units is None or is_at_once(term, units)):
                reached.setdefault(term.name, {}).setdefault(arrow.effect.name, arrow.place)
        if arrow.only_when and (units is None or is_at_once(arrow.cause, units)):
            for name in arrow.only_when.names:
                reached.setdefault(name, {}).setdefault(arrow.effect.name, arrow.place)
    for variable in theory.variables:
        for name in variable.measured_by or ():
            reached[variable.name].setdefault(name, variable.place)
        for name in variable.only_when.names if variable.only_when else ():
            reached.setdefault(name, {}).setdefault(variable.name, variable.place)
        for term, effect in _made_of(variable, at_once=units is not None):
            reached.setdefault(term.name, {}).setdefault(effect, variable.place)
    return reached


def is_at_once(term: Term, units: Units) -> bool:
    """Whether the term is a variable's value at this occasion, not an earlier one nor a course."""
    return term.when is None and term.part in (None, "whole", units.levels.get(term.name))


def _made_of(variable: Variable, *, at_once: bool) -> Iterator[tuple[Term, str]]:
    """What a variable's value follows from without an arrow: sums, trials; what a coefficient variable moves."""
    if isinstance(variable.out_of, str):
        yield Term(variable.out_of), variable.name
    if variable.computed is None:
        return
    definition = parse_definition(variable.computed, variable.place)
    if isinstance(definition, WeightedSum):
        for term in definition.terms:
            if not at_once or (term.when is None and term.part in (None, "whole")):
                yield term, variable.name
    elif not at_once:
        yield Term(variable.name), definition.effect.name


def find_descendants(theory: Theory, name: str) -> set[str]:
    """Every name that `name` reaches."""
    steps = list_influences(theory)
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = steps.get(waiting.pop(), {}).keys() - found
        found |= new
        waiting.extend(new)
    return found


def find_circle(theory: Theory, units: Units) -> tuple[tuple[str, ...], Place] | None:
    """A circle of names at one occasion, the first repeated at the end, and the place of the arrow that closes it.

    Circles among courses (language R14) need the expansion: `graph.expansion`.
    """
    steps = list_influences(theory, units)
    done: set[str] = set()
    for start in steps:
        path, ways, on_path = [start], [iter(steps[start].items())], {start}
        while path:
            name, place = next(ways[-1], ("", None))
            if place is None:
                done.add(path[-1])
                on_path.discard(path.pop())
                ways.pop()
            elif name in on_path:
                return (*path[path.index(name) :], name), place
            elif name not in done:
                path.append(name)
                on_path.add(name)
                ways.append(iter(steps.get(name, {}).items()))
    return None
