"""At which level each variable and each term of a theory has its values; the lattice of levels is `spec.levels`'s.

A theory without levels has one, `row`. A sum lies where what it is made of lies, an indicator where its latent does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mechanisms.errors import SpecError, listed
from mechanisms.spec.definitions import WeightedSum, parse_definition
from mechanisms.spec.levels import Lattice
from mechanisms.spec.terms import Occasions, Term
from mechanisms.spec.theory import Condition, Level, Theory, Variable

ROW = "row"


@dataclass(frozen=True)
class Design:
    """The lattice together with the level of every variable, indicators and computed variables among them."""

    lattice: Lattice
    variables: Mapping[str, Variable]
    levels: Mapping[str, str]
    indicators: Mapping[str, tuple[str, ...]]  # of which latents a variable is an indicator

    def level(self, name: str) -> str:
        """The level at which a variable has one value per unit; a level's own name is a variable of that level."""
        return self.levels.get(name, name)

    def repeated(self, name: str) -> bool:
        """Whether a variable has one value per occasion, so that it is a course and departures from it."""
        return self.level(name) in self.lattice.time

    def client(self, name: str) -> str | None:
        """The level of a repeated variable's courses."""
        return self.lattice.client(self.level(name)) if self.repeated(name) else None

    def trend(self, name: str) -> bool:
        """Whether a name is that of a time level, a number in the units of its column."""
        return name in self.lattice.time and name not in self.variables

    def units(self, term: Term) -> str:
        """The level whose units a term distinguishes: its part's, its client's for one occasion, else its own."""
        own = self.level(term.name)
        if isinstance(term.when, Occasions):
            return self.client(term.name) or own
        return own if term.part in (None, "whole") else str(term.part)


def restrict(design: Design, condition: Condition | None, level: str) -> Condition | None:
    """What of a condition the units of a level decide, or coarser ones; None where they decide nothing of it."""
    coarse = (level, *design.lattice.above(level))
    known = [each for each in (condition.values if condition else ()) if each[0] not in design.lattice.time]
    kept = tuple(each for each in known if design.level(each[0]) in coarse)
    return Condition(values=kept) if kept else None


def survey(theory: Theory) -> Design:
    """The design of a theory: its lattice, and a level for every variable (default: the finest, where there is one).

    Raises
    ------
    SpecError
        A variable without a level where several levels are finest; a circle of levels; an unknown level.
    """
    lattice = Lattice(theory.levels or (Level(name=ROW),), theory.time)
    _check_lattice(lattice, theory)
    declared = {variable.name: variable for variable in theory.variables}
    indicators: dict[str, tuple[str, ...]] = {}
    for variable in theory.variables:
        for name in variable.measured_by or ():
            indicators[name] = (*indicators.get(name, ()), variable.name)
    levels: dict[str, str] = {}
    for name in dict.fromkeys([*declared, *indicators, *_mentioned(theory, lattice)]):
        levels[name] = _level(name, lattice, declared, indicators, ())
    frozen = MappingProxyType(declared), MappingProxyType(levels), MappingProxyType(indicators)
    return Design(lattice, *frozen)


def _mentioned(theory: Theory, lattice: Lattice) -> tuple[str, ...]:
    terms = [term for arrow in theory.arrows for term in (arrow.cause, arrow.effect)]
    terms += [term for arrow in theory.arrows for product in arrow.moderated_by for term in product]
    terms += [term for pair in theory.hidden for term in (pair.one, pair.other)]
    return tuple(dict.fromkeys(term.name for term in terms if term.name not in (*lattice.names, "1")))


def _check_lattice(lattice: Lattice, theory: Theory) -> None:
    for level in lattice.levels:
        for other in (*level.within, *level.shared_by):
            if other not in lattice.names:
                raise SpecError(f"level {level.name}: unknown level '{other}'", level.place)
        back = any(lattice.lies_below(other, level.name) for other in lattice.above(level.name))
        if back or level.name in (*level.within, *level.shared_by):
            raise SpecError(f"level {level.name} lies in itself", level.place)
    for name in lattice.time:
        if name not in lattice.names:
            raise SpecError(f"time: unknown level '{name}'", theory.place)


def _level(
    name: str,
    lattice: Lattice,
    declared: Mapping[str, Variable],
    indicators: Mapping[str, tuple[str, ...]],
    asking: tuple[str, ...],
) -> str:
    """A variable's level: declared, its latent's, its components', or the finest there is."""
    variable = declared.get(name)
    place = variable.place if variable else None
    if variable and variable.level:
        if variable.level not in lattice.names:
            raise SpecError(f"{name}: unknown level '{variable.level}'", variable.place)
        return variable.level
    inherited = indicators.get(name, ()) if variable is None else ()
    if name not in asking and inherited:
        return _level(inherited[0], lattice, declared, indicators, (*asking, name))
    components = [term for term in computed_from(variable) if term.name in declared] if variable else []
    if components and name not in asking:
        inside = [(_level(term.name, lattice, declared, indicators, (*asking, name)), term) for term in components]
        if (found := lattice.gather(inside)) is not None:
            return found
    finest = lattice.finest(lattice.names)
    if len(finest) > 1:
        message = f"{name}: its level is not said, and none of {listed(finest)} lies below the others; write level: …"
        raise SpecError(message, *([place] if place else []))
    return finest[0]


def find_occasions(theory: Theory) -> tuple[int, ...]:
    """The declared occasions of a theory; nothing where they are whole numbers as far as the data go.

    Raises
    ------
    SpecError
        Two series with occasions of their own: no graph over time, and no question, puts them in one order.
    """
    grids = {level.name: level.occasions or () for level in theory.levels if level.name in theory.time}
    if len(set(grids.values())) > 1:
        raise SpecError(
            f"{listed(grids)} have different occasions, and nothing says which of one comes before which of the other: "
            "a graph over time has one series. Declare the same occasions, or take one of them out of time and declare its "
            "occasions as variables",
            theory.place,
        )
    return next(iter(grids.values()), ())


def computed_from(variable: Variable) -> tuple[Term, ...]:
    """The terms a computed variable is the sum of; nothing for any other variable, coefficient variables included."""
    if not variable.computed:
        return ()
    definition = parse_definition(variable.computed, variable.place)
    return definition.terms if isinstance(definition, WeightedSum) else ()


def course_weights(design: Design, name: str) -> dict[str, float]:
    """What the course of a sum is made of, by variable, without those that cancel over occasions: `bdi - bdi(0)`."""
    variable = design.variables.get(name)
    if variable is None or not variable.computed:
        return {}
    definition = parse_definition(variable.computed, variable.place)
    found: dict[str, float] = {}
    for weight, term in definition.parts if isinstance(definition, WeightedSum) else ():
        found[term.name] = found.get(term.name, 0.0) + weight
    return {other: weight for other, weight in found.items() if weight}
