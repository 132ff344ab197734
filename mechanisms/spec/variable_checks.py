"""Whether each variable makes sense: its family and what that needs, what it is measured by or made of (1.4, 1.6)."""

from collections.abc import Mapping

from mechanisms.errors import Place, SpecError, did_you_mean, listed
from mechanisms.spec.definitions import OwnCoefficient, OwnSpread, WeightedSum, parse_definition
from mechanisms.spec.families import kind_of
from mechanisms.spec.level_checks import check_term
from mechanisms.spec.levels import Units
from mechanisms.spec.terms import Term, check_name, is_value
from mechanisms.spec.theory import FAMILIES, Theory, Variable

_MODEL = ("family", "link", "zeros", "out_of", "event", "assigned", "measured_by", "centre", "values")
_OWN = ("family", "zeros", "out_of", "event", "assigned", "measured_by", "centre", "values")


def check_variables(theory: Theory, known: Mapping[str, Variable], units: Units) -> None:
    """Refuse variables that contradict themselves or name what is not there."""
    seen: dict[str, Place] = {}
    for variable in theory.variables:
        check_name(variable.name, variable.place)
        if variable.name in seen:
            first = f" (first on line {seen[variable.name].line})" if seen[variable.name].line else ""
            raise SpecError(f"variable '{variable.name}' is said twice{first}", variable.place)
        seen[variable.name] = variable.place
        if problem := _problem(variable) or _problem_of_names(variable, known) or _problem_of_units(variable, units):
            raise SpecError(f"{variable.name}: {problem}", variable.place)
        if variable.computed is not None:
            _check_definition(variable, theory, known, units)
    _check_circles(theory)


def _problem(variable: Variable) -> str:
    """What is wrong with one variable's family and values, or nothing."""
    family = variable.family or "normal"
    if family not in FAMILIES:
        return f"unknown family '{family}'.{did_you_mean(family, FAMILIES)}"
    kind = kind_of(variable)
    problem = ""
    if variable.link and variable.link not in kind.links:
        problem = f"family {family} takes link {listed(kind.links, joint='or')}, not {variable.link}"
    elif family in ("categorical", "ordinal", "sequential") and len(variable.values) < 2:
        article = "an" if family == "ordinal" else "a"
        problem = f"{article} {family} variable needs its values, values: [low, high]; the first is the reference"
    elif family == "bernoulli" and variable.values and len(variable.values) != 2:
        problem = f"bernoulli takes two values, the second is 1; {len(variable.values)} are given"
    elif variable.values and not kind.categories:
        problem = "values belong to a family of categories; add family: categorical or family: bernoulli"
    elif odd := [value for value in variable.values if not is_value(value)]:
        problem = f"the value '{odd[0]}' cannot be named in a term: no brackets, commas, bars, *, =, <, > or ^ in it"
    elif len(set(variable.values)) < len(variable.values):
        problem = "a value is said twice"
    elif family == "categorical" and variable.range:
        problem = "range is for numbers; a categorical variable has values"
    elif variable.range and variable.range[0] > variable.range[1]:
        problem = "range: the lower bound comes first"
    elif variable.measured_by is not None and variable.assigned:
        problem = "a randomised variable is measured; measured_by: [] says that nothing measures it"
        problem = problem if not variable.measured_by else "a randomised variable is no latent variable"
    return problem or _problem_of_parts(variable)


def _problem_of_parts(variable: Variable) -> str:
    family, kind = variable.family or "normal", kind_of(variable)
    if variable.zeros and not kind.zeros:
        return f"zeros go with poisson, negative_binomial, gamma or lognormal, not with {family}"
    if family == "binomial" and variable.out_of is None:
        return "a binomial variable needs its trials, out_of: 30"
    if variable.out_of is not None and not kind.counts:
        return f"out_of goes with binomial and counts (poisson, negative_binomial), not with {family}"
    if isinstance(variable.out_of, float) and variable.out_of <= 0:
        return f"out_of: {variable.out_of:g} is not above 0"
    if family == "binomial" and isinstance(variable.out_of, float) and variable.out_of != int(variable.out_of):
        return f"out_of: {variable.out_of:g} is not a whole number of trials"
    if variable.event and not kind.event:
        return f"event goes with weibull, lognormal and gamma, not with {family}"
    return ""


def _problem_of_names(variable: Variable, known: Mapping[str, Variable]) -> str:
    """Whether the variables that it names are there and fit."""
    for key in ("out_of", "event"):
        name = getattr(variable, key)
        if isinstance(name, str):
            if name not in known:
                return (
                    f"{key} names unknown variable '{name}'.{did_you_mean(name, known) or f' Known: {listed(known)}.'}"
                )
            if name == variable.name:
                return f"{key}: {name} cannot be its own {key}"
    if variable.event and known[variable.event].family != "bernoulli":
        return f"event: {variable.event} is 0 or 1; declare it, {variable.event}: {{family: bernoulli}}"
    for name in variable.measured_by or ():
        if name == variable.name:
            return "measured_by: a variable does not measure itself"
        indicator = known[name]
        if indicator.assigned or indicator.computed is not None or indicator.measured_by == ():
            return f"measured_by: {name} is {'randomised' if indicator.assigned else 'no measurement'}"
    return ""


def _problem_of_units(variable: Variable, units: Units) -> str:
    if not units.above:
        for key in ("level", "assessed", "centre"):
            if getattr(variable, key) is not None:
                return f"{key} needs levels: [session, client]"
        return (
            "a hazard needs occasions: levels: [session, client] and time: session"
            if variable.family == "hazard"
            else ""
        )
    level = units.levels[variable.name]
    repeated = units.is_repeated(variable.name)
    if variable.family == "hazard" and not repeated:
        return f"a hazard has a row per occasion; {variable.name} has one value per {level}"
    for key in ("assessed", "centre"):
        if getattr(variable, key) is not None and not repeated:
            return f"{key} is for variables with occasions; {variable.name} has one value per {level}"
    for name in (variable.out_of, variable.event):
        if isinstance(name, str) and units.levels[name] not in units.parts(variable.name):
            return f"{name} varies within {level}; it is to be known for every {level}"
    return ""


def _check_definition(variable: Variable, theory: Theory, known: Mapping[str, Variable], units: Units) -> None:
    where, place = f"{variable.name}: is", variable.place
    definition = parse_definition(variable.computed or "", place)
    said = [
        key
        for key in (_MODEL if isinstance(definition, WeightedSum) else _OWN)
        if getattr(variable, key) not in (None, ())
    ]
    if said:
        raise SpecError(f"{variable.name}: {said[0]} does not go with is", place)
    if isinstance(definition, WeightedSum):
        for term in definition.terms:
            if term.part is not None and term.name not in known and not units.above:
                raise SpecError(
                    f"{where}: '{variable.computed}': unknown variable '{term.name}'. Only sums and differences: log of a "
                    "cause is shape: log, of an effect family: lognormal; else make the column",
                    place,
                )
            check_term(term, known, units, where, f"{where}: ", place)
            if known.get(term.name) and known[term.name].family == "categorical" and term.value is None:
                raise SpecError(f"{where}: {term.name} is categorical; name one value, {term.name}=…", place)
        return
    _check_own(variable, definition, theory, known, units)


def _check_circles(theory: Theory) -> None:
    """Refuse a sum that is computed from itself, at whatever occasion."""
    sums = {}
    for variable in theory.variables:
        definition = parse_definition(variable.computed) if variable.computed else None
        if isinstance(definition, WeightedSum):
            sums[variable.name] = [term.name for term in definition.terms]
    done: set[str] = set()
    for start, terms in sums.items():
        path, ways = [start], [iter(terms)]
        while path:
            name = next(ways[-1], None)
            if name is None:
                done.add(path.pop())
                ways.pop()
            elif name in path:
                place = next(each.place for each in theory.variables if each.name == name)
                raise SpecError(f"{name}: is: {name} is computed from itself", place)
            elif name in sums and name not in done:
                path.append(name)
                ways.append(iter(sums[name]))


def _check_own(
    variable: Variable,
    definition: OwnCoefficient | OwnSpread,
    theory: Theory,
    known: Mapping[str, Variable],
    units: Units,
) -> None:
    """A coefficient variable: its arrow is drawn and varies by the variable's level."""
    where, place = f"{variable.name}: is", variable.place
    if variable.level is None:
        raise SpecError(f"{variable.name}: say whose coefficient it is, level: client", place)
    effect = definition.effect
    check_term(Term(effect.name, value=effect.value), known, units, where, f"{where}: ", place)
    if isinstance(definition, OwnCoefficient):
        check_term(definition.cause, known, units, where, f"{where}: ", place)
        drawn = [arrow for arrow in theory.arrows if (arrow.cause, arrow.effect) == (definition.cause, effect)]
        needed = str(definition)
    else:
        drawn = [arrow for arrow in theory.arrows if str(arrow) == f"1 -> {effect}"]
        needed = f"1 -> {effect}"
    if not drawn or variable.level not in (drawn[0].varies_by or ()):
        what = "is not drawn" if not drawn else f"does not vary by {variable.level}"
        raise SpecError(f"{where}: {needed} {what}; draw {needed}: {{varies_by: {variable.level}}}", place)
    if variable.level not in units.above.get(str(units.levels[effect.name]), ()):
        raise SpecError(f"{where}: {effect.name} does not vary within {variable.level}", place)
