"""Whether a question can be asked of a theory at all (language 1.10); whether it can be answered is identification."""

import re
from collections.abc import Mapping
from itertools import pairwise

from mechanisms.errors import SpecError, did_you_mean, listed
from mechanisms.spec.families import spreads_of
from mechanisms.spec.influences import declared, find_descendants, list_influences
from mechanisms.spec.level_checks import check_term
from mechanisms.spec.levels import Units, find_units
from mechanisms.spec.terms import CONSTANT, Occasions, Relative, Term, name_in, parse_term
from mechanisms.spec.theory import Question, Scalar, Theory, Variable

_MEASURE = re.compile(r"mean|[+-]?[0-9]+(\.[0-9]+)? ?sd|[0-9]+(\.[0-9]+)?%")


def check_question(question: Question, theory: Theory) -> Question:
    """The same question, or a `SpecError` that names what is wrong with it."""
    _check(question, theory, declared(theory), find_units(theory))
    return question


def check_questions(theory: Theory) -> None:
    """Refuse questions that cannot be asked of the theory."""
    known, units = declared(theory), find_units(theory)
    for question in theory.questions:
        _check(question, theory, known, units)


def _check(question: Question, theory: Theory, known: Mapping[str, Variable], units: Units) -> None:
    for key, names in _named(question).items():
        for text in names:
            term = parse_term(text, question.place, question=True)
            if term.name not in known and term.name not in units.times:
                hint = did_you_mean(term.name, known) or f" Known: {listed(known)}."
                raise SpecError(f"question: {key} names unknown variable '{term.name}'.{hint}", question.place)
            if key not in ("of", "on"):
                check_term(term, known, units, f"question: {key}", "question: ", question.place)
                if problem := _problem_of_named(key, term, question, units):
                    raise SpecError(f"question: {problem}", question.place)
    for key, term in (("of", question.of), ("on", question.on)):
        inner = Term(term.name, term.part, term.when, term.value)
        check_term(inner, known, units, f"question: {key}", "question: ", question.place)
    problem = _problem_of_terms(question, known) or _problem_of_moments(question) or _problem(question, theory, units)
    if not problem:
        for key, name, value in _values(question):
            problem = problem or _problem_of_value(key, name, known.get(name_in(name)), value)
    if problem:
        raise SpecError(f"question: {problem}", question.place)


def _problem_of_named(key: str, term: Term, question: Question, units: Units) -> str:
    """What is named beside the two sides is a variable, its value at one occasion, or its part at a level."""
    if term.spread is not None or term.value is not None:
        return f"{key}: '{term}' is no variable; name {term.name}"
    ends = key == "through: path" and term in (question.of, question.on)
    one = term.when is None or (isinstance(term.when, Occasions) and term.when.last is None)
    if not ends and (
        not one
        or (term.part is not None and units.is_repeated(term.name) and term.part not in units.parts(term.name)[1:])
    ):
        return f"{key}: '{term}': name one occasion, {term.name}(2), or the part of a coarser level"
    if key == "through: path" or term.name not in (question.of.name, question.on.name):
        return ""
    earlier = units.is_repeated(term.name) and (not term.plain or key in ("through", "adjust"))
    if earlier and (term.plain or term not in (question.of, question.on)):
        return ""
    fix = f"; its value at another occasion is {term.name}(0)" if units.is_repeated(term.name) else ""
    return f"{key}: {term} is what the question is about ('of' or 'on'){fix}"


def _problem_of_terms(question: Question, known: Mapping[str, Variable]) -> str:
    of, on = question.of, question.on
    if CONSTANT in (of, on) or on.name not in known:
        return f"'{on if on.name not in known else of}' is no variable"
    if of.spread:
        return f"of: '{of}' cannot be moved; a unit's own spread is a variable, {{is: sigma(v)}}"
    if of.value is not None:
        return f"of: '{of}': name the category in contrast: of: {of.name}, contrast: [from, {of.value}]"
    variable = known[on.name]
    family = variable.family or "normal"
    if on.spread and on.spread not in spreads_of(variable):
        has = listed(spreads_of(variable)) or "none"
        return f"on: {on}: {family} has no part '{on.spread}'; it has {has}"
    if on.value is not None and family not in ("ordinal", "sequential", "categorical"):
        return f"on: '{on}': {on.name} is {family}; ask of {on.name} itself"
    return ""


def _problem_of_moments(question: Question) -> str:
    """Occasions of the two sides: both counted from t, or both of the grid."""
    of, on = question.of.when, question.on.when
    if isinstance(on, Relative) and on.onward:
        return f"on: '{question.on}': name one occasion, or a range, {question.on.name}(5..10)"
    if isinstance(of, Occasions) and of.last is not None:
        return f"of: '{question.of}': one occasion is moved, {question.of.name}({of.first}), or all from one on, t.."
    if isinstance(of, Occasions) and isinstance(on, Relative) and on.steps != 0:
        return f"of and on count their occasions alike: {question.of} on {question.on.name}({of.first + on.steps})"
    if isinstance(of, Relative) and isinstance(on, Relative) and on.steps < of.steps:
        return f"{question.on} comes before {question.of}; the future does not cause the past"
    if isinstance(of, Occasions) and isinstance(on, Occasions) and (on.last or on.first) < of.first:
        return f"{question.on} comes before {question.of}; the future does not cause the past"
    return ""


def _named(question: Question) -> Mapping[str, tuple[str, ...]]:
    return {
        "of": (question.of.name,),
        "on": (question.on.name,),
        "through: path": question.path,
        "through": question.through,
        "at": tuple(name for name, _ in question.at),
        "set": tuple(name for name, _ in question.set),
        "adjust": question.adjust or (),
    }


def _problem(question: Question, theory: Theory, units: Units) -> str:
    of, on = question.of, question.on
    if of.name == on.name and (of.when == on.when or not units.is_repeated(of.name)):
        return f"'of' and 'on' are both {of.name}"
    if question.kind == "controlled" and not question.set:
        return "a controlled effect needs set: {mediator: value}"
    if (question.through or question.path) and question.kind != "indirect":
        return "through asks for an indirect effect; add kind: indirect"
    if isinstance(question.population, tuple) and (level := question.population[1]) not in units.above:
        hint = did_you_mean(level, units.above) or f" Known: {listed(units.above) or 'none, there are no levels'}."
        return f"population: unknown level '{level}'.{hint}"
    if question.mediators == "interventional" and question.kind not in ("direct", "indirect"):
        return "mediators: interventional belongs to kind: direct or kind: indirect"
    for cause in (of.name, *(name_in(name) for name, _ in question.set)) if question.at else ():
        below = find_descendants(theory, cause)
        for name, _ in question.at:
            if name in below:  # whether one occasion responds is read off the graph over time
                return f"at: {cause} changes {name}, so {name} cannot be held by looking; set: {{{name}: …}} intervenes on it"
    for name, values in question.at:
        if not values:
            return f"at: {name}: no value is given"
    return _problem_of_path(question, theory)


def _problem_of_path(question: Question, theory: Theory) -> str:
    path = question.path
    if not path:
        return ""
    of, on = question.of.name, question.on.name
    path = tuple(map(name_in, path))
    if (path[0], path[-1]) != (of, on) or len(path) < 3:
        return f"through: a path runs from {of} to {on}: {of} -> … -> {on}"
    steps = list_influences(theory)
    for one, other in pairwise(path):
        if other not in steps.get(one, {}):
            drawn = f" {one} has arrows to {listed(steps[one])}" if steps.get(one) else f" {one} has no arrows"
            return f"through: {one} -> {other} is not drawn.{drawn}"
    return ""


def _values(question: Question) -> list[tuple[str, str, Scalar]]:
    values: list[tuple[str, str, Scalar]] = [("contrast", question.of.name, value) for value in question.contrast or ()]
    values += [("at", name, value) for name, listing in question.at for value in listing]
    values += [
        ("set", name, value) for name, said in question.set for value in (said if isinstance(said, tuple) else (said,))
    ]
    return values


def _problem_of_value(key: str, name: str, variable: Variable | None, value: Scalar) -> str:
    """Values are numbers, categories, `mean`, `+1 sd`, `90%` and, in `at` and `set`, `each`."""
    variable = variable or Variable(name=name)
    values = variable.values
    if str(value) in values or any(_same(value, category) for category in values):
        return ""
    if value == "each" and key in ("at", "set"):
        fits = values or variable.family in (None, "bernoulli")  # what is not declared, the data decide
        return "" if fits else f"{key}: {name}: each goes through categories; {name} has none"
    if values:
        hint = did_you_mean(str(value), values) or f" It has {listed(values)}."
        return f"{key}: {name} has no value '{_shown(value)}'.{hint}"
    if isinstance(value, str) and variable.family in (None, "bernoulli") and value.isalpha():
        return ""  # yes, no: the data decide
    if isinstance(value, str) and not _MEASURE.fullmatch(value):
        return f"{key}: {name}: '{value}' is neither a number nor mean, +1 sd or 90%"
    if isinstance(value, str) and value.endswith("%") and float(value[:-1]) > 100:
        return f"{key}: {name}: '{value}' lies above 100%"
    if variable.family == "bernoulli" and value not in (0, 1) and not isinstance(value, str):
        return f"{key}: {name} is 0 or 1, not {_shown(value)}"
    return ""


def _same(value: Scalar, category: str) -> bool:
    try:
        return isinstance(value, float | int) and float(category) == value
    except ValueError:
        return False


def _shown(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, float | int) else value
