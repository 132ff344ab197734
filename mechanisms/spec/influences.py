"""Who influences whom in a theory, by name: arrows, their moderators, and what follows without being written (R11)."""

from collections.abc import Iterator
from itertools import combinations

from mechanisms.errors import Place
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import Arrow, Theory

Pair = tuple[Term, Term]


def added_arrows(theory: Theory, *, denied: bool = False) -> tuple[Pair, ...]:
    """The arrows nobody wrote: a moderator's own arrow into the effect. `denied=True` keeps those `without` denies."""
    drawn = {(arrow.cause, arrow.effect) for arrow in theory.arrows}
    left_out = set() if denied else set(theory.without)
    added: dict[Pair, None] = {}
    for arrow in theory.arrows:
        for term in (term for product in arrow.moderated_by for term in product):
            pair = (term, arrow.effect)
            if pair not in drawn and (Term(term.name), arrow.effect) not in drawn and pair not in left_out:
                added[pair] = None
    return tuple(added)


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


def list_influences(theory: Theory) -> dict[str, dict[str, Place]]:
    """For every name the names it reaches in one step, moderators included (whatever `without` denies)."""
    reached: dict[str, dict[str, Place]] = {variable.name: {} for variable in theory.variables}
    for arrow in theory.arrows:
        for term in (arrow.cause, *(term for product in arrow.moderated_by for term in product)):
            reached[term.name].setdefault(arrow.effect.name, arrow.place)
    return reached


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


def find_circle(theory: Theory) -> tuple[tuple[str, ...], Place] | None:
    """A circle of names, the first repeated at the end, and the place of the arrow that closes it."""
    steps = list_influences(theory)
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
                ways.append(iter(steps[name].items()))
    return None
