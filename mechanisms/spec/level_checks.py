"""Whether levels, terms and conditions make sense together (language 1.1, 1.3, 1.4)."""

from collections.abc import Mapping

from mechanisms.errors import Place, SpecError, did_you_mean, listed
from mechanisms.spec.foreign import NOT_OURS, SUMS, is_function, suggest_lag
from mechanisms.spec.levels import Lattice, Units, find_units, finest
from mechanisms.spec.said import Scalar, read_number
from mechanisms.spec.terms import CONSTANT, Occasions, Term, check_name, is_value
from mechanisms.spec.theory import Condition, Level, Span, Theory, Variable

_LAST = ("last", "final", "latest", "end")


def check_levels(theory: Theory) -> Units:
    """The units of a theory, or a `SpecError` that names what is wrong with its levels."""
    names = [level.name for level in theory.levels]
    for level in theory.levels:
        check_name(level.name, level.place)
        if problem := _problem_of_level(level, names, theory.time):
            raise SpecError(problem, level.place)
    for name in theory.time:
        if name not in names:
            hint = _near(name, names) if names else " Say the levels: levels: [session, client]"
            if name in ("continuous", "continuous_time"):
                hint = f" Continuous time is {NOT_OURS}; write a grid of occasions, session: {{occasions: [0, 2, 5]}}"
            raise SpecError(f"time: unknown level '{name}'.{hint}", theory.place)
    for variable in theory.variables:
        if variable.name in names:
            also = ", and a level of time is a variable already" if variable.name in theory.time else ""
            raise SpecError(f"'{variable.name}' is a level{also}; a name is a level or a variable", variable.place)
    lattice = Lattice(theory.levels)
    for level in theory.levels:
        for name in lattice.above(level.name):
            if level.name in lattice.above(name):
                message = f"{level.name} lies in {name} and {name} in {level.name}: a circle"
                raise SpecError(message, level.place)
    _check_levels_of_variables(theory, names)
    return find_units(theory)


def _problem_of_level(level: Level, names: list[str], time: tuple[str, ...]) -> str:
    if names.count(level.name) > 1:
        return f"level '{level.name}' is said twice"
    for key, above in (("in", level.within), ("shared_by", level.shared_by)):
        for name in above:
            if name not in names:
                return f"{level.name}: {key}: unknown level '{name}'.{_near(name, names)}"
            if name == level.name:
                return f"{level.name}: a level does not lie in itself"
    if set(level.within) & set(level.shared_by):
        return f"{level.name}: a unit lies in one {level.shared_by[0]}, or is shared_by several, not both"
    if level.occasions and level.name not in time:
        return f"{level.name}: only a level of time has occasions; add time: {level.name}"
    return ""


def _check_levels_of_variables(theory: Theory, names: list[str]) -> None:
    usual = finest(theory)
    for variable in theory.variables:
        if variable.level is not None and variable.level not in names:
            hint = _near(variable.level, names) if names else " Say the levels: levels: [session, client]"
            raise SpecError(f"{variable.name}: unknown level '{variable.level}'.{hint}", variable.place)
        if variable.level is None and names and usual is None:
            raise SpecError(
                f"{variable.name}: say its level, {listed(names, joint='or')}; none of them is finer than all others",
                variable.place,
            )


def check_conditions(theory: Theory, known: Mapping[str, Variable], units: Units) -> None:
    """Refuse an `only_when` that speaks of nothing, or of itself."""
    said: list[tuple[str, Condition | None, Place]] = [
        *((level.name, level.only_when, level.place) for level in theory.levels),
        *((variable.name, variable.only_when, variable.place) for variable in theory.variables),
        *((str(arrow), arrow.only_when, arrow.place) for arrow in theory.arrows),
    ]
    effects = {arrow.effect.name for arrow in theory.arrows}
    for who, condition, place in said:
        for name, values in condition.values if condition else ():
            if name == who:
                raise SpecError(f"{who}: only_when: {name} cannot be its own condition", place)
            if name not in known and name not in units.above:
                raise SpecError(
                    f"{who}: only_when names unknown variable '{name}'.{_near(name, [*known, *units.above])}", place
                )
            problem = _problem_of_values(name, values, known, units)
            if problem or (problem := _problem_of_word(known.get(name), values, modelled=name in effects)):
                raise SpecError(f"{who}: only_when: {problem}", place)


def _problem_of_values(
    name: str, values: tuple[Scalar, ...] | Span, known: Mapping[str, Variable], units: Units
) -> str:
    """What is wrong with a condition that can never hold, or nothing. What is declared nowhere the data decide."""
    if name in units.times:
        return _problem_of_occasions(name, values, units.occasions[name])
    variable = known.get(name)
    if variable is None:
        return ""
    if isinstance(values, Span):
        return _problem_of_span(variable, values)
    for value in values:
        text = f"{value:g}" if isinstance(value, float | int) else value
        if variable.values and text not in variable.values:
            near = did_you_mean(text, variable.values) or f" It has {listed(variable.values)}."
            return f"{name} has no value '{text}'.{near}"
        if variable.family == "bernoulli" and not variable.values and text not in ("0", "1"):
            return f"{name} is 0 or 1, not {text}"
        if isinstance(value, str) and not variable.values and not is_value(value):
            return (
                f"{name}: '{value}' is neither a number nor a category; from 3 on is {name}: 3.., up to 3 {name}: ..3"
            )
        if isinstance(value, float | int) and (bounds := variable.range) and value not in Span(*bounds):
            return f"{name} lies from {bounds[0]:g} to {bounds[1]:g}, never at {text}"
    return ""


def _problem_of_word(variable: Variable | None, values: tuple[Scalar, ...] | Span, *, modelled: bool) -> str:
    """A variable without values that is modelled, or declared to be a number, is never a word."""
    if variable is None or variable.values or isinstance(values, Span):
        return ""
    latent = variable.measured_by is not None or variable.computed is not None
    number = variable.family or variable.range or variable.unit or latent or modelled
    word = next((value for value in values if isinstance(value, str)), None)
    if not number or word is None:
        return ""
    name = variable.name
    return (
        f"{name} is a number, not '{word}'; write a number or a range, {name}: 3.., or declare its categories: values"
    )


def _problem_of_occasions(name: str, values: tuple[Scalar, ...] | Span, grid: tuple[int, ...]) -> str:
    has = f"; it has {listed(map(str, grid))}" if grid else ""
    if isinstance(values, Span):
        nothing = not any(each in values for each in grid) if grid else values.last is not None and values.last < 0
        return f"{name} has no occasion in {values}{has or ', they begin at 0'}" if nothing else ""
    for value in values:
        if not isinstance(value, float | int) or value != int(value) or value < 0:
            return f"{name} is time, and its occasions are whole numbers, not {value}{has}"
        if grid and value not in grid:
            return f"{name} has no occasion {value:g}{has}"
    return ""


def _problem_of_span(variable: Variable, span: Span) -> str:
    name, numbers = variable.name, [read_number(value) for value in variable.values]
    if variable.family == "categorical":
        return f"{name} has no order; list its values"
    if None in numbers:
        return f"{name} has {listed(variable.values)}, not numbers; list its values"
    if variable.family == "bernoulli" and not numbers:
        numbers = [0.0, 1.0]
    if numbers and not any(each in span for each in numbers):
        return f"{name} has no value in {span}; it has {listed(f'{each:g}' for each in numbers)}"
    first, last = variable.range or (None, None)
    over = first is not None and span.last is not None and span.last < first
    if over or (last is not None and span.first is not None and span.first > last):
        return f"{name} lies from {first:g} to {last:g}, never in {span}"
    return ""


def check_term(term: Term, known: Mapping[str, Variable], units: Units, who: str, where: str, place: Place) -> None:
    """Refuse a term whose variable, part, occasion or category is not there. `who` says `Arrow into 'y'`."""
    if term == CONSTANT:
        return
    variable = known.get(term.name)
    if is_function(term.name) and term.part not in (None, "whole", *units.above):
        fault = "unknown variable" if variable is None else "no variable is a function,"
        raise SpecError(f"{where}'{term}': {fault} '{term.name}'; {SUMS}", place)
    if variable is None and term.name not in units.times:
        if term.name in units.above:
            raise SpecError(
                f"{who} names unknown variable '{term.name}'; it is a level. Only a level of time has a value", place
            )
        names = [*known, *units.times]
        hint = (suggest_lag(term.name, known) if units.times else "") or _near(term.name, names)
        raise SpecError(f"{who} names unknown variable '{term.name}'.{hint}", place)
    if problem := _problem_of_part(term, units) or _problem_of_occasion(term, units):
        raise SpecError(f"{where}{problem}" if problem.startswith("lag") else problem, place)
    if term.value is None:
        return
    values = variable.values if variable else ()
    if not values:
        raise SpecError(
            f"{where}{term.name} has no declared values; write {term.name}: {{family: categorical, values: […]}}", place
        )
    if term.value not in values:
        hint = did_you_mean(term.value, values) or f" It has {listed(values)}."
        raise SpecError(f"{where}{term.name} has no value '{term.value}'.{hint}", place)


def _problem_of_part(term: Term, units: Units) -> str:
    part = term.part
    if part is None:
        return ""
    if part in _LAST and part not in units.above:
        return f"'{term}': the last occasion is chosen by dropout; name an occasion, {term.name}(5)"
    if not units.above:
        return f"'{term}': there are no levels; a part needs levels: [session, client] and time: session"
    if part not in units.above and part != "whole":
        levels = list(units.above)
        near = did_you_mean(part, [*levels, "whole"])
        return (
            f"'{term}': '{part}' is neither an occasion (t-1, 0, 5) nor a level ({', '.join(levels)}) nor whole.{near}"
        )
    if term.name in units.times:
        return f"'{term}': {term.name} is a level of time and has no parts"
    if part != "whole" and part not in units.parts(term.name):
        return f"'{term}': {term.name} has one value per {units.levels[term.name]} and no part by {part}"
    return ""


def _problem_of_occasion(term: Term, units: Units) -> str:
    if term.when is None:
        return ""
    if not units.times:
        return f"'{term}': there is no time; an occasion needs levels: [session, client] and time: session"
    if term.name in units.times:
        return f"'{term}': {term.name} is a level of time; it has no occasions of its own"
    level = units.levels.get(term.name)
    if not units.is_repeated(term.name):
        return f"lag does not apply to {term.name}, which has one value per {level}; split the chain"
    grid = units.occasions.get(str(level), ())
    if isinstance(term.when, Occasions) and grid:
        for occasion in (term.when.first, term.when.last):
            if occasion is not None and occasion not in grid:
                return f"'{term}': {level} has no occasion {occasion}; it has {listed(map(str, grid))}"
    if term.part is not None and term.part not in ("whole", level):
        return f"'{term}': the {term.part}'s part has no occasions; leave one of the two"
    return ""


def _near(name: str, known: list[str]) -> str:
    return did_you_mean(name, known) or f" Known: {listed(known)}."
