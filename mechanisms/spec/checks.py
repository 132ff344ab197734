"""Whether a theory makes sense as a whole: names that exist, nothing said twice, no circle (language 1.4, 1.5, 1.7).

YAML, dagitty text and theories built by hand go through the same `check`. What needs the coefficients that an arrow
stands for (R1 to R13) is checked by `graph.expansion`.
"""

from collections.abc import Iterator, Mapping

from mechanisms.errors import Place, SpecError, did_you_mean
from mechanisms.spec.arrow_checks import check_arrow, check_options
from mechanisms.spec.influences import added_arrows, declared, find_circle, list_products
from mechanisms.spec.level_checks import check_conditions, check_levels, check_term
from mechanisms.spec.levels import Units
from mechanisms.spec.prior_checks import check_priors
from mechanisms.spec.question_checks import check_questions
from mechanisms.spec.terms import Occasions, Relative, Term
from mechanisms.spec.theory import Theory, Variable
from mechanisms.spec.variable_checks import check_variables


def check(theory: Theory, lines: Mapping[tuple[Term, Term], Place] | None = None) -> Theory:
    """The same theory, or a `SpecError` that names what is wrong. `lines` says where each `without` stands."""
    if not theory.variables:
        raise SpecError("a theory needs arrows, e.g. arrows: [x -> m -> y]", theory.place)
    known = declared(theory)
    units = check_levels(theory)
    check_variables(theory, known, units)
    check_conditions(theory, known, units)
    for arrow in theory.arrows:
        check_arrow(arrow, known, units)
        check_options(arrow, known, units)
    _check_hidden(theory, known, units)
    _check_said_once(theory)
    _check_products_once(theory)
    if circle := find_circle(theory, units):
        names, place = circle
        later = f"One of them comes later: {names[0]}(t-1)"
        raise SpecError(f"a circle: {' -> '.join(names)}. {later}; or reverse or remove one arrow", place)
    _check_without(theory, known, units, lines or {})
    check_priors(theory, units)
    check_questions(theory)
    return theory


def _check_hidden(theory: Theory, known: Mapping[str, Variable], units: Units) -> None:
    seen: set[str] = set()
    for pair in theory.hidden:
        for term, other in ((pair.one, pair.other), (pair.other, pair.one)):
            check_term(term, known, units, f"Hidden cause of '{other}'", f"{pair}: ", pair.place)
            if term.name not in known:
                raise SpecError(f"{pair}: {term.name} is time, and time has no hidden causes", pair.place)
            if known[term.name].assigned:
                raise SpecError(f"{pair}: a randomised variable has no hidden causes", pair.place)
            if known[term.name].computed is not None and "->" not in str(known[term.name].computed):
                raise SpecError(f"{pair}: {term.name} is computed; join what it is computed from", pair.place)
            if isinstance(term.when, Occasions) or term.spread or term.value is not None or term.part == "whole":
                raise SpecError(f"{pair}: a hidden common cause joins two variables", pair.place)
        if pair.one.name == pair.other.name and not _serial(pair.one, pair.other):
            raise SpecError(f"{pair}: a hidden common cause joins two different variables", pair.place)
        if str(pair) in seen:
            raise SpecError(f"{pair} is said twice", pair.place)
        seen.add(str(pair))


def _serial(one: Term, other: Term) -> bool:
    """Whether the two are one variable at two occasions."""
    return one.part == other.part and isinstance(one.when or other.when, Relative) and one.when != other.when


def _check_said_once(theory: Theory) -> None:
    seen: dict[tuple[Term, Term], Place] = {}
    for arrow in theory.arrows:
        text = (arrow.cause, arrow.effect)
        if text in seen:
            first = f" (first on line {seen[text].line})" if seen[text].line else ""
            raise SpecError(f"{arrow}: {arrow} is said twice{first}", arrow.place)
        seen[text] = arrow.place
    for (cause, effect), place in seen.items():
        whole = Term(cause.name, cause.part, cause.when)
        if cause.value is not None and (whole, effect) in seen:
            message = f"{whole} -> {effect} already means every category of {whole}; {cause} -> {effect} says one again"
            raise SpecError(message, place)
        mean = Term(effect.name)
        if effect != mean and effect.spread not in ("sigma", "precision") and (cause, mean) in seen:
            parts = "both parts" if effect.spread else f"every step of {effect.name}"
            raise SpecError(
                f"{cause} -> {mean} already means {parts}; {cause} -> {effect} says one of them again", place
            )


def _check_products_once(theory: Theory) -> None:
    seen: dict[tuple[frozenset[Term], Term], int] = {}
    for number, arrow in enumerate(theory.arrows):
        for terms, written in list_products(arrow):
            key = (frozenset(terms), arrow.effect)
            earlier = seen.get(key)
            if earlier is not None and (earlier != number or written):
                text = f"{' * '.join(map(str, terms))} -> {arrow.effect}"
                one, other = terms[0], " * ".join(map(str, terms[1:]))
                why = f"{other} moderating {one} is {one} moderating {other}"
                why = f"moderated_by names {other} twice" if earlier == number else why
                raise SpecError(f"{text} is said twice: {why}", arrow.place)
            seen[key] = number


def _check_without(
    theory: Theory, known: Mapping[str, Variable], units: Units, lines: Mapping[tuple[Term, Term], Place]
) -> None:
    for pair_out in theory.without_hidden:
        text = f"without: '{pair_out}': hidden causes are never automatic; do not draw it"
        raise SpecError(text, pair_out.place)
    drawn = {(arrow.cause, arrow.effect) for arrow in theory.arrows}
    automatic = set(added_arrows(theory, denied=True))
    seen: set[tuple[Term, Term]] = set()
    for pair in theory.without:
        cause, effect = pair
        text, place = f"{cause} -> {effect}", lines.get(pair, theory.place)
        check_term(cause, known, units, f"without: '{text}'", "without: ", place)
        check_term(effect, known, units, f"without: '{text}'", "without: ", place)
        if pair in drawn:
            raise SpecError(f"without: '{text}' is drawn under arrows as well; remove one of the two", place)
        if pair not in automatic:
            hint = did_you_mean(text, _texts(automatic))
            raise SpecError(f"without: '{text}': there is no such arrow to leave out.{hint}", place)
        if pair in seen:
            raise SpecError(f"without: '{text}' is said twice", place)
        seen.add(pair)


def _texts(pairs: set[tuple[Term, Term]]) -> Iterator[str]:
    return (f"{cause} -> {effect}" for cause, effect in sorted(pairs, key=str))
