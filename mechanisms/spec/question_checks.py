"""Whether a question can be asked of a theory at all (language 1.10); whether it can be answered is identification."""

import re
from collections.abc import Mapping
from itertools import pairwise

from mechanisms.errors import SpecError, did_you_mean, listed
from mechanisms.spec.influences import find_descendants, list_influences
from mechanisms.spec.theory import Question, Scalar, Theory, Variable

_MEASURE = re.compile(r"mean|[+-]?[0-9]+(\.[0-9]+)? ?sd|[0-9]+(\.[0-9]+)?%")


def check_question(question: Question, theory: Theory) -> Question:
    """The same question, or a `SpecError` that names what is wrong with it."""
    known = {variable.name: variable for variable in theory.variables}
    of, on = question.of.name, question.on.name
    for key, names in _named(question).items():
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known) or f" Known: {listed(known)}."
                raise SpecError(f"question: {key} names unknown variable '{name}'.{hint}", question.place)
            if key not in ("of", "on", "through: path") and name in (of, on):
                raise SpecError(f"question: {key}: {name} is what the question is about ('of' or 'on')", question.place)
    problem = _problem(question, theory)
    if not problem:
        for key, name, value in _values(question):
            problem = problem or _problem_of_value(key, known[name], value)
    if problem:
        raise SpecError(f"question: {problem}", question.place)
    return question


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


def _problem(question: Question, theory: Theory) -> str:
    of, on = question.of.name, question.on.name
    if not (question.of.plain and question.on.plain):
        return "parts, occasions and categories in of and on are part of the language but are not read by this version"
    if of == on:
        return f"'of' and 'on' are both {of}"
    if question.kind == "controlled" and not question.set:
        return "a controlled effect needs set: {mediator: value}"
    if (question.through or question.path) and question.kind != "indirect":
        return "through asks for an indirect effect; add kind: indirect"
    if question.population != "these":
        return f"population {question.population!r} is part of the language but is not read by this version"
    if question.mediators == "interventional" and question.kind not in ("direct", "indirect"):
        return "mediators: interventional belongs to kind: direct or kind: indirect"
    for cause in (of, *(name for name, _ in question.set)) if question.at else ():
        below = find_descendants(theory, cause)
        for name, _ in question.at:
            if name in below:
                return f"at: {cause} changes {name}, so {name} cannot be held by looking; set: {{{name}: …}} intervenes on it"
    for name, values in question.at:
        if not values:
            return f"at: {name}: no value is given"
    return _problem_of_path(question, theory)


def _problem_of_path(question: Question, theory: Theory) -> str:
    path = question.path
    if not path:
        return ""
    if (path[0], path[-1]) != (question.of.name, question.on.name) or len(path) < 3:
        return f"through: a path runs from {question.of} to {question.on}: {question.of} -> … -> {question.on}"
    steps = list_influences(theory)
    for one, other in pairwise(path):
        if other not in steps[one]:
            drawn = f" {one} has arrows to {listed(steps[one])}" if steps[one] else f" {one} has no arrows"
            return f"through: {one} -> {other} is not drawn.{drawn}"
    return ""


def _values(question: Question) -> list[tuple[str, str, Scalar]]:
    values: list[tuple[str, str, Scalar]] = [("contrast", question.of.name, value) for value in question.contrast or ()]
    values += [("at", name, value) for name, listing in question.at for value in listing]
    values += [("set", name, value) for name, value in question.set]
    return values


def _problem_of_value(key: str, variable: Variable, value: Scalar) -> str:
    """Values are numbers, categories, `mean`, `+1 sd`, `90%` and, in `at`, `each`."""
    name, values = variable.name, variable.values
    if str(value) in values or any(_same(value, category) for category in values):
        return ""
    if value == "each" and key == "at":
        fits = values or variable.family in (None, "bernoulli")  # what is not declared, the data decide
        return "" if fits else f"at: {name}: each goes through categories; {name} has none"
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
