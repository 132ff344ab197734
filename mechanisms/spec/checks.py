"""Whether a theory makes sense as a whole: names that exist, nothing said twice, no circle (language 1.4, 1.5, 1.7).

YAML, dagitty text and theories built by hand go through the same `check`.
"""

from collections.abc import Iterator, Mapping

from mechanisms.errors import Place, SpecError, did_you_mean, listed
from mechanisms.spec.influences import added_arrows, find_circle, list_products
from mechanisms.spec.prior_checks import check_priors
from mechanisms.spec.question_checks import check_question
from mechanisms.spec.terms import Term, check_name, is_value
from mechanisms.spec.theory import Arrow, Theory, Variable
from mechanisms.spec.unread import refuse_term, refuse_unread

LINKS_OF = {"normal": ("identity",), "bernoulli": ("logit", "probit", "cloglog"), "categorical": ("logit",)}


def check(theory: Theory, lines: Mapping[tuple[Term, Term], Place] | None = None) -> Theory:
    """The same theory, or a `SpecError` that names what is wrong. `lines` says where each `without` stands."""
    if not theory.variables:
        raise SpecError("a theory needs arrows, e.g. arrows: [x -> m -> y]", theory.place)
    known = {variable.name: variable for variable in theory.variables}
    refuse_unread(theory)
    _check_variables(theory)
    for arrow in theory.arrows:
        _check_arrow(arrow, known)
    _check_hidden(theory, known)
    _check_said_once(theory)
    _check_products_once(theory)
    if circle := find_circle(theory):
        names, place = circle
        later = f"One of them comes later: {names[0]}(t-1)"
        raise SpecError(f"a circle: {' -> '.join(names)}. {later}; or reverse or remove one arrow", place)
    _check_without(theory, known, lines or {})
    check_priors(theory)
    for question in theory.questions:
        check_question(question, theory)
    return theory


def _check_variables(theory: Theory) -> None:
    seen: dict[str, Place] = {}
    for variable in theory.variables:
        check_name(variable.name, variable.place)
        if variable.name in seen:
            first = f" (first on line {seen[variable.name].line})" if seen[variable.name].line else ""
            raise SpecError(f"variable '{variable.name}' is said twice{first}", variable.place)
        seen[variable.name] = variable.place
        if problem := _problem(variable):
            raise SpecError(f"{variable.name}: {problem}", variable.place)


def _problem(variable: Variable) -> str:
    """What is wrong with one variable by itself, or nothing."""
    family = variable.family or "normal"
    links = LINKS_OF.get(family)
    problem = ""
    if links and variable.link and variable.link not in links:
        problem = f"family {family} takes link {listed(links, joint='or')}, not {variable.link}"
    elif family == "categorical" and len(variable.values) < 2:
        problem = "a categorical variable needs its values, values: [low, high]; the first is the reference"
    elif family == "bernoulli" and variable.values and len(variable.values) != 2:
        problem = f"bernoulli takes two values, the second is 1; {len(variable.values)} are given"
    elif family == "normal" and variable.values:
        problem = "values belong to a family of categories; add family: categorical or family: bernoulli"
    elif odd := [value for value in variable.values if not is_value(value)]:
        problem = f"the value '{odd[0]}' cannot be named in a term: no brackets, commas, bars, *, =, <, > or ^ in it"
    elif len(set(variable.values)) < len(variable.values):
        problem = "a value is said twice"
    elif family == "categorical" and variable.range:
        problem = "range is for numbers; a categorical variable has values"
    elif variable.range and variable.range[0] > variable.range[1]:
        problem = "range: the lower bound comes first"
    elif variable.measured_by == () and variable.assigned:
        problem = "a randomised variable is measured; measured_by: [] says that nothing measures it"
    return problem


def _check_arrow(arrow: Arrow, known: Mapping[str, Variable]) -> None:
    cause, effect = arrow.cause, arrow.effect
    _check_term(cause, known, f"Arrow into '{effect}'", f"{arrow}: ", arrow.place)
    _check_term(effect, known, f"Arrow from '{cause}'", f"{arrow}: ", arrow.place)
    if cause.name == effect.name:
        raise SpecError(
            f"{arrow}: an arrow from {effect.name} to itself needs an earlier occasion: {effect.name}(t-1)", arrow.place
        )
    target, source = known[effect.name], known[cause.name]
    if target.assigned and source.measured_by is not None and not source.measured_by:
        raise SpecError(f"{arrow}: a randomised variable has no unmeasured causes", arrow.place)
    if arrow.shape.kind != "linear":
        if cause.value is not None or source.family == "bernoulli":
            raise SpecError(f"{arrow}: a curve needs more than two values", arrow.place)
        if source.family == "categorical":
            raise SpecError(f"{arrow}: a curve needs numbers; {cause} is categorical", arrow.place)
    for product in arrow.moderated_by:
        _check_moderator(arrow, product, known)


def _check_moderator(arrow: Arrow, product: tuple[Term, ...], known: Mapping[str, Variable]) -> None:
    for term in product:
        _check_term(term, known, f"{arrow}: moderated_by", f"{arrow}: ", arrow.place)
        if term.name == arrow.cause.name:
            raise SpecError(f"{arrow}: a variable does not moderate itself; that is shape: quadratic", arrow.place)
        if term.name == arrow.effect.name:
            raise SpecError(f"{arrow}: {term} is the effect and cannot moderate its own cause", arrow.place)
    if len({term.name for term in product}) < len(product):
        text = " * ".join(map(str, product))
        raise SpecError(f"{arrow}: moderated_by: '{text}': a variable does not moderate itself", arrow.place)


def _check_term(term: Term, known: Mapping[str, Variable], who: str, where: str, place: Place) -> None:
    refuse_term(term, place)
    variable = known.get(term.name)
    if variable is None:
        hint = did_you_mean(term.name, known) or f" Known: {listed(known)}."
        raise SpecError(f"{who} names unknown variable '{term.name}'.{hint}", place)
    if term.value is None:
        return
    if not variable.values:
        raise SpecError(
            f"{where}{term.name} has no declared values; write {term.name}: {{family: categorical, values: […]}}", place
        )
    if term.value not in variable.values:
        hint = did_you_mean(term.value, variable.values) or f" It has {listed(variable.values)}."
        raise SpecError(f"{where}{term.name} has no value '{term.value}'.{hint}", place)


def _check_hidden(theory: Theory, known: Mapping[str, Variable]) -> None:
    seen: set[str] = set()
    for pair in theory.hidden:
        for term, other in ((pair.one, pair.other), (pair.other, pair.one)):
            _check_term(term, known, f"Hidden cause of '{other}'", f"{pair}: ", pair.place)
            if known[term.name].assigned:
                raise SpecError(f"{pair}: a randomised variable has no hidden causes", pair.place)
        if pair.one.name == pair.other.name:
            raise SpecError(f"{pair}: a hidden common cause joins two different variables", pair.place)
        if str(pair) in seen:
            raise SpecError(f"{pair} is said twice", pair.place)
        seen.add(str(pair))


def _check_said_once(theory: Theory) -> None:
    seen: dict[tuple[Term, Term], Place] = {}
    for arrow in theory.arrows:
        text = (arrow.cause, arrow.effect)
        if text in seen:
            first = f" (first on line {seen[text].line})" if seen[text].line else ""
            raise SpecError(f"{arrow}: {arrow} is said twice{first}", arrow.place)
        seen[text] = arrow.place
    for (cause, effect), place in seen.items():
        whole = Term(cause.name)
        if cause.value is not None and (whole, effect) in seen:
            message = f"{whole} -> {effect} already means every category of {whole}; {cause} -> {effect} says one again"
            raise SpecError(message, place)


def _check_products_once(theory: Theory) -> None:
    seen: dict[tuple[frozenset[Term], Term], int] = {}
    for number, arrow in enumerate(theory.arrows):
        for terms, written in list_products(arrow):
            key = (frozenset(terms), arrow.effect)
            earlier = seen.get(key)
            if earlier is not None and (earlier != number or written):
                text = f"{' * '.join(map(str, terms))} -> {arrow.effect}"
                one, other = terms[0], " * ".join(map(str, terms[1:]))
                raise SpecError(
                    f"{text} is said twice: {other} moderating {one} is {one} moderating {other}", arrow.place
                )
            seen[key] = number


def _check_without(theory: Theory, known: Mapping[str, Variable], lines: Mapping[tuple[Term, Term], Place]) -> None:
    drawn = {(arrow.cause, arrow.effect) for arrow in theory.arrows}
    automatic = set(added_arrows(theory, denied=True))
    seen: set[tuple[Term, Term]] = set()
    for pair in theory.without:
        cause, effect = pair
        text, place = f"{cause} -> {effect}", lines.get(pair, theory.place)
        _check_term(cause, known, f"without: '{text}'", "without: ", place)
        _check_term(effect, known, f"without: '{text}'", "without: ", place)
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
