"""What is part of the language and read, but not compiled yet: refused by name, so that nothing is fitted as less.

One table of reasons; when a later version compiles something, its line goes away.
"""

from collections.abc import Iterator
from dataclasses import replace

from mechanisms.errors import Place, SpecError, listed
from mechanisms.graph.expansion import expand
from mechanisms.graph.expansion.coefficients import Coefficient
from mechanisms.graph.levels import Design, computed_from, survey
from mechanisms.model.families import FAMILIES
from mechanisms.model.measurement import list_latent_faults
from mechanisms.model.uncompiled_curves import list_curve_faults
from mechanisms.model.uncompiled_sums import list_sum_faults
from mechanisms.spec.addresses import Address, parse_address
from mechanisms.spec.terms import CONSTANT, Term
from mechanisms.spec.theory import Arrow, HiddenCause, Prior, Question, Theory, Variable

_PARTS = ("departure", "course")
_REMEDY = "fitting without it would give biased effects. `mx.identify` takes it into account"
_WORDS = ("ordinal", "sequential", "categorical", "hazard")
Fault = tuple[str, Place]


def refuse_uncompiled(theory: Theory) -> None:
    """Raise a `SpecError`, one sentence with its line, for the first thing that this version cannot compile."""
    for what, place in _faults(theory):
        raise SpecError(what, place)


def refuse_unasked(question: Question) -> None:
    """Raise a `SpecError` for a question that is read but that this version cannot answer."""
    of, on = question.of, question.on
    if not of.plain:
        raise SpecError(f"question: of: '{of}': only whole variables are estimated yet", question.place)
    if on.spread not in (None, "any", "amount"):
        raise SpecError(
            f"question: on: '{on}': no effect on a spread is given yet; ask on {on.name}, and see in the fit's draws the "
            f"coefficients of the arrows into {on}",
            question.place,
        )
    if on.part is not None or on.when is not None:
        raise SpecError(f"question: on: '{on}': only whole variables are estimated yet", question.place)


def _faults(theory: Theory) -> Iterator[Fault]:
    levelled = bool(theory.levels)
    if theory.time and not levelled:
        yield (
            "time: occasions without levels are read but not compiled yet; declare levels: [session, client]",
            theory.place,
        )
    modelled = {arrow.effect.name for arrow in theory.arrows}
    modelled |= {name for each in theory.variables if each.measured_by for name in (each.name, *each.measured_by)}
    yield from _of_events(theory)
    yield from _of_hazards(theory)
    yield from list_sum_faults(theory)
    for variable in theory.variables:
        for what in _of_variable(variable, modelled, levelled=levelled):
            yield what, variable.place
    volatile = {variable.computed for variable in theory.variables if variable.computed and not computed_from(variable)}
    for arrow in theory.arrows:
        for what in _of_arrow(arrow, volatile, levelled=levelled):
            yield f"{arrow}: {what}", arrow.place
    yield from list_curve_faults(theory, modelled)
    yield from list_latent_faults(theory)
    yield from _of_parts(theory)
    yield from _of_hidden(theory, modelled, levelled=levelled)
    for prior in theory.priors:
        for what in _of_prior(prior, parse_address(prior.address, prior.place), levelled=levelled):
            yield f"prior on '{prior.address}': {what}", prior.place


def _of_variable(variable: Variable, modelled: set[str], *, levelled: bool) -> Iterator[str]:
    name, family = variable.name, variable.family or "normal"
    keys: dict[str, object] = {}
    if not levelled:
        keys = {
            "level": variable.level, "only_when": variable.only_when, "assessed": variable.assessed,
            "centre": variable.centre,
        }  # fmt: skip
    elif variable.computed and not computed_from(variable) and family != "normal":
        yield f"{name}: a coefficient as a variable of another family than normal is not compiled yet"
    for key, said in keys.items():
        if said is not None:
            yield f"{name}: '{key}' is read but not compiled yet"
    if name not in modelled:
        if variable.event is not None:
            yield f"{name}: 'event' of a variable that nothing points at is not compiled yet: a censored cause has no value"
        return
    if family not in FAMILIES:
        yield (
            f"'{name}' has arrows into it and family {family}, which is not compiled yet; compiled are "
            f"{listed(FAMILIES, most=len(FAMILIES))}"
        )
        return
    yield from _of_predictors(variable)


def _of_events(theory: Theory) -> Iterator[Fault]:
    """Arrows into and out of what only says where a time ended, and whatever looks at a time that may be censored."""
    events = {variable.event: variable.name for variable in theory.variables if variable.event}
    for name, what, place in _list_looks(theory):
        if name in events.values():
            yield (
                f"{what}: {name} may be censored, and then nobody knows its value; as a cause, moderator or condition it is not "
                "compiled. If every time is known, take its event out",
                place,
            )
    for arrow in theory.arrows:
        terms = (arrow.cause, arrow.effect, *(term for product in arrow.moderated_by for term in product))
        for name in (term.name for term in terms if term.name in events):
            yield (
                f"{arrow}: {name} says where {events[name]} ended; as a cause or an effect of its own it is not compiled yet",
                arrow.place,
            )


def _list_looks(theory: Theory) -> Iterator[tuple[str, str, Place]]:
    """Every name whose values are looked at, by what, and where that stands."""
    for arrow in theory.arrows:
        terms = (arrow.cause, *(term for product in arrow.moderated_by for term in product))
        names = [*(term.name for term in terms), *(arrow.only_when.names if arrow.only_when else ())]
        yield from ((name, str(arrow), arrow.place) for name in names)
    for variable in theory.variables:
        names = [*(variable.only_when.names if variable.only_when else ()), str(variable.out_of)]
        names += [term.name for term in computed_from(variable)]
        yield from ((name, variable.name, variable.place) for name in names)


def _of_hazards(theory: Theory) -> Iterator[Fault]:
    """Arrows out of a hazard, which is 0 wherever anything comes after it, and conditions on one."""
    hazards = {variable.name for variable in theory.variables if variable.family == "hazard"}
    for arrow in theory.arrows:
        names = [term.name for term in (arrow.cause, *(term for product in arrow.moderated_by for term in product))]
        names += arrow.only_when.names if arrow.only_when else ()
        for name in (name for name in names if name in hazards):
            yield (
                f"{arrow}: {name} is a hazard, whose rows end at the event, so that nothing follows it; as a cause it is not "
                "compiled. Where rows go on, declare it {family: bernoulli}",
                arrow.place,
            )
    for variable in theory.variables:
        for name in (name for name in (variable.only_when.names if variable.only_when else ()) if name in hazards):
            yield f"{variable.name}: {name} is a hazard; as a condition it is not compiled yet", variable.place


def _of_predictors(variable: Variable) -> Iterator[str]:
    """What a response with several linear predictors, or a censored one, is not compiled with."""
    name, family = variable.name, FAMILIES[variable.family or "normal"]
    if variable.zeros is not None and variable.event is not None:
        yield f"{name}: 'zeros' beside 'event' is not compiled yet"
    if variable.zeros == "inflated" and family.positive:
        yield (
            f"{name}: zeros: inflated is not compiled yet for {family.name}, which has no zeros of its own: zeros: hurdle "
            "says the same"
        )
    if family.kind == "heaped" and variable.range not in (None, (0.0, 1.0)):
        yield (
            f"{name}: a range other than [0, 1] of an ordered_beta is not compiled yet: bring the column to 0 to 1 in the "
            "data"
        )


def _of_arrow(arrow: Arrow, volatile: set[str], *, levelled: bool) -> Iterator[str]:
    if arrow.cause == CONSTANT and not levelled:
        yield "how an intercept varies is read but not compiled yet"
    if arrow.varies_by is not None and not levelled:
        yield "'varies_by' is read but not compiled yet"
    if arrow.cause != CONSTANT and str(arrow.effect) in volatile:
        yield f"{arrow.effect} is a variable of its own here, so an arrow into it besides is not compiled yet"
    if arrow.cause == CONSTANT and arrow.effect.value is not None:
        yield f"how one step varies by itself is not compiled yet; 1 -> {arrow.effect.name} says it of all"
    for term in (arrow.cause, arrow.effect, *(term for product in arrow.moderated_by for term in product)):
        if (what := _of_term(term)) and not levelled:
            yield f"'{term}', {what}, is read but not compiled yet"


def _of_term(term: Term) -> str:
    """What a term is beyond a variable or one category of it; nothing if it is no more."""
    if term.when is not None:
        return "an occasion"
    return "a part" if term.part is not None else ""


def _of_parts(theory: Theory) -> Iterator[Fault]:
    """Courses and departures of what has none that are fitted: categories, and computed variables."""
    design = survey(theory)
    for each in expand(theory).coefficients:
        for term, part in [
            (each.cause, each.carries in _PARTS),
            *((w, _is_part(w, design)) for w in _moderators(each)),
        ]:
            variable = design.variables.get(term.name)
            if not part or variable is None:
                continue
            kind = "a computed variable" if computed_from(variable) else f"a {variable.family} variable"
            if not computed_from(variable) and variable.family not in _WORDS:
                continue
            coarser = design.lattice.lies_below(design.level(term.name), design.level(each.effect.name))
            whole = f"name an occasion, such as {term.name}(3), or" if coarser and design.repeated(term.name) else ""
            whole = whole if coarser else f"write the whole value, {replace(term, part='whole')}, or"
            remedy = f"{whole} make a column of it in the data".strip()
            place = each.arrow.place if each.arrow else theory.place
            yield f"{each.address}: '{term}', a part of {kind}, is not compiled yet: {remedy}", place


def _moderators(coefficient: Coefficient) -> Iterator[Term]:
    return (term for product in coefficient.moderators for term in product)


def _is_part(term: Term, design: Design) -> bool:
    """Whether a moderator is a course or a departure, as its author wrote it."""
    return term.part not in (None, "whole") and (term.part != design.level(term.name) or design.repeated(term.name))


def _of_hidden(theory: Theory, modelled: set[str], *, levelled: bool) -> Iterator[Fault]:
    for pair in theory.hidden:
        for term in (pair.one, pair.other):
            if term.when is not None or (term.part is not None and not levelled):
                yield f"{pair}: '{term}', {_of_term(term)}, is read but not compiled yet", pair.place
        courses = levelled and pair.one.part is not None and pair.one.part == pair.other.part
        if what := (_of_courses if courses else _of_residual)(pair, theory, modelled):
            yield f"{pair}: {what}", pair.place


def _of_courses(pair: HiddenCause, theory: Theory, modelled: set[str]) -> str:
    """Why a hidden common cause of two courses is no correlation that this version fits; nothing where it is, or needs none."""
    names, level = (pair.one.name, pair.other.name), pair.one.part
    if level in {survey(theory).level(name) for name in names}:
        return f"what two variables share at their own level is written {names[0]} <-> {names[1]}"
    with_course = {each.effect.name for each in expand(theory).courses if each.own and each.level == level}
    absent = [name for name in names if name not in with_course]
    if not absent or not modelled & {*names}:
        return ""
    return f"{absent[0]} has no course for each {level} that is fitted, so that the correlation is not compiled yet; {_REMEDY}"


def _of_residual(pair: HiddenCause, theory: Theory, modelled: set[str]) -> str:
    """Why a hidden common cause is no residual correlation that this version fits; nothing where it is, or needs none."""
    names = (pair.one.name, pair.other.name)
    inside = [name for name in names if name in modelled]
    if not inside:
        return ""
    if len(inside) == 1:
        other = next(name for name in names if name not in inside)
        return (
            f"a hidden common cause of {inside[0]} and of {other}, which nothing points at, is a residual correlation with "
            f"an exogenous variable, which is not compiled yet; {_REMEDY}"
        )
    if any({arrow.cause.name, arrow.effect.name} == set(names) and not arrow.cause.when for arrow in theory.arrows):
        return (
            f"a residual correlation beside an arrow between the two is not identified and not compiled yet; {_REMEDY}"
        )
    families = [theory.variable(name).family or "normal" for name in names]
    if families != ["normal", "normal"]:
        return f"a residual correlation of families other than normal is not compiled yet; {_REMEDY}"
    if not theory.levels and any(arrow.effect.name in names and arrow.effect.spread for arrow in theory.arrows):
        return (
            f"without levels a residual correlation beside an arrow into a residual sd is not compiled yet; {_REMEDY}"
        )
    if len({survey(theory).level(name) for name in names}) > 1:
        return f"a residual correlation across levels is not compiled yet; {_REMEDY}"
    return ""


def _of_prior(prior: Prior, address: Address, *, levelled: bool) -> Iterator[str]:
    if prior.evidence is not None:
        yield "'evidence' needs a table of effect sizes, and none is shipped yet; write the distribution"
    if address.kind == "reliability":
        yield f"priors on reliabilities are read but not compiled yet; say how large the error is, sigma({address.effect})"
    if prior.same_as is not None and address.kind in ("sd", "cor", "skew"):
        what = "a slant" if address.kind == "skew" else "what varies"
        yield f"'same_as' for {what} is read but not compiled yet"
    if prior.same_as is not None and address.kind == "spread" and address.effect is not None:
        other = parse_address(prior.same_as, prior.place).effect
        if other is not None and other.spread != address.effect.spread:
            yield "a sigma and a precision are no equals, so this is not compiled yet"
    for term in address.terms:
        if (what := _of_term(term)) and not levelled:
            yield f"'{term}', {what}, is read but not compiled yet"
