"""Where the effect of a coarser cause is cut: it moves a course, and only departures travel on (R13).

A between effect is never multiplied by a within one. A course travels by arrows that carry courses: `x(client) -> y`,
values of coarser variables, and whole values, whose one coefficient serves both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, permutations

from mechanisms.errors import SpecError
from mechanisms.graph.expansion.coefficients import Coefficient, Expansion, condition_names
from mechanisms.graph.expansion.courses import find_owned
from mechanisms.graph.levels import Design, computed_from
from mechanisms.spec.terms import Occasions, name_in
from mechanisms.spec.theory import Question, Theory

MOST_NAMES = 5
Steps = dict[str, dict[str, None]]


@dataclass(frozen=True)
class Cut:
    """`of` moves the course of `variable`, but only its departures reach `onward`; `remedy` is the arrow to draw.

    `coarser` is the course that reaches it instead, where one does: that of a therapist's clients together.
    """

    of: str
    variable: str
    onward: str
    remedy: str
    coarser: str = ""

    @property
    def advice(self) -> str:
        """What to do about it, and why nothing passes there."""
        rule = (
            "a coarser course does not move with a finer one"
            if self.coarser
            else "a between effect is never multiplied by a within one"
        )
        return f"draw {self.remedy} ({rule})"

    def __str__(self) -> str:
        what = f"only {self.coarser} reaches" if self.coarser else "only its departures reach"
        return f"{self.of} moves the course of {self.variable}, but {what} {self.onward}"


def find_cuts(theory: Theory, expansion: Expansion, question: Question, design: Design) -> tuple[Cut, ...]:
    """Every place where the effect that is asked for is cut; a total effect prints them among its assumptions.

    One occasion moved, `x(2)`, is a departure, and cut nowhere.
    """
    of, on = question.of.name, question.on.name
    level = design.level(of) if isinstance(question.of.when, Occasions) else design.units(question.of)
    if level in design.lattice.time or level not in design.lattice.names or of not in design.levels:
        return ()
    carried, drawn = _steps(theory, expansion, design, level), _steps(theory, expansion, design, None)
    moved, ends = (
        _reach(_steps(theory, expansion, design, level, spreads=False), of),
        {name for name in drawn if on in _reach(drawn, name)} | {on},
    )
    found: dict[tuple[str, str], Cut] = {}
    for each in expansion.coefficients:
        name, onward = each.cause.name, each.effect.name
        wanted = not question.path or (name, onward) in tuple(pairwise(map(name_in, question.path)))
        coarser = str(each.cause) if design.lattice.lies_below(level, each.units) else ""
        stays = each.carries == "departure" or (each.carries == "course" and coarser)
        cut = stays and name in moved - {of} and onward not in carried.get(name, {})
        if cut and wanted and onward in ends and onward != name and design.repeated(name):
            remedy, own = f"{name}({level}) -> {each.effect}", coarser if each.carries == "course" else ""
            found.setdefault((name, onward), Cut(of, name, onward, remedy, own))
    return tuple(found.values())


def refuse_cut(theory: Theory, expansion: Expansion, question: Question, design: Design) -> None:
    """Refuse an indirect effect of a coarser cause that no course carries all the way."""
    if question.kind != "indirect":
        return
    cuts = find_cuts(theory, expansion, question, design)
    if not cuts:
        return
    level = design.units(question.of)
    if _passes(_steps(theory, expansion, design, level), question):
        return
    if not _passes(_steps(theory, expansion, design, None), question):
        return  # there is no such path at all: another refusal's business
    first = cuts[0]
    raise SpecError(f"question: {first}: {first.advice}", question.place)


def refuse_stranded(theory: Theory, expansion: Expansion, question: Question, design: Design) -> None:
    """Refuse a course of a level that is crossed with the one whose courses are carried on: they do not move together."""
    of, level = question.of, question.of.part
    if level not in design.lattice.names or level in design.lattice.time or question.on.name == of.name:
        return
    if question.on.name not in _reach(_steps(theory, expansion, design, level), of.name):
        found = (each for each in expansion.coefficients if each.cause.name == of.name and each.carries == "course")
        near = next(found, None)
        how = f"only {near.cause} reaches {near.effect}, and" if near else "no arrow carries it:"
        onward = near.effect if near else question.on.name
        raise SpecError(
            f"question: {how} a course of one level does not move with that of another that is crossed with it: draw "
            f"{of} -> {onward}",
            question.place,
        )


def _passes(steps: Steps, question: Question) -> bool:
    """Whether a path leads from `of` to `on`, by the path or through all the names that are asked for."""
    of, on = question.of.name, question.on.name
    if question.path:
        return all(other in steps.get(one, {}) for one, other in pairwise(question.path))
    if not question.through:
        return any(on in _reach(steps, name) for name in steps.get(of, {}) if name != on)
    through = dict.fromkeys(map(name_in, question.through))
    if len(through) > MOST_NAMES:
        return True
    return any(
        all(other in _reach(steps, one) for one, other in pairwise((of, *order, on))) for order in permutations(through)
    )


def _scatters(each: Coefficient) -> bool:
    return each.effect.spread in ("sigma", "precision")


def _steps(theory: Theory, expansion: Expansion, design: Design, level: str | None, *, spreads: bool = True) -> Steps:
    """What each variable reaches in one step: by courses of a level and above, or (None) by anything drawn; without `spreads`
    by what moves more than how far a variable scatters."""
    found: Steps = {}
    for each in expansion.coefficients:
        if _scatters(each) and not spreads:
            continue
        if level is None or _travels(each, level, design):
            found.setdefault(each.cause.name, {})[each.effect.name] = None
        for product in each.moderators:
            for term in product:
                found.setdefault(term.name, {})[each.effect.name] = None
    for one, other in _declared(theory, expansion, design):
        found.setdefault(one, {})[other] = None
    return found


def _travels(each: Coefficient, level: str, design: Design) -> bool:
    """Whether a coefficient carries a change of the courses of this level, or of what differs between its units."""
    if each.carries == "departure":
        return each.units == level
    if each.carries not in ("course", "value", "whole", "loading"):
        return False
    return each.units == level or design.lattice.lies_below(each.units, level)


def _declared(theory: Theory, expansion: Expansion, design: Design) -> Iterator[tuple[str, str]]:
    for variable in theory.variables:
        yield from ((term.name, variable.name) for term in computed_from(variable))
        yield from ((name, variable.name) for name in condition_names(variable.only_when))
        yield from ((variable.name, name) for name in variable.measured_by or ())
    for what, variable in find_owned(expansion.coefficients, design).items():
        yield variable.name, what.rpartition("->")[2].strip().removeprefix("sigma(").removesuffix(")")


def _reach(steps: Steps, start: str) -> set[str]:
    """Everything that a change of `start` reaches."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = steps.get(waiting.pop(), {}).keys() - found
        found |= new
        waiting.extend(new)
    return found
