"""What is part of the language and read, but not compiled yet: refused by name, so that nothing is fitted as less.

One table of reasons; when a later version compiles something, its line goes away.
"""

from collections.abc import Iterator

from mechanisms.errors import Place, SpecError, listed
from mechanisms.graph.levels import computed_from, survey
from mechanisms.model.families import FAMILIES
from mechanisms.spec.addresses import Address, parse_address
from mechanisms.spec.terms import CONSTANT, Term
from mechanisms.spec.theory import LINEAR, Arrow, HiddenCause, Prior, Question, Theory, Variable

SHAPES = ("linear", "quadratic")
_KINDS = {"reliability": "reliabilities", "residual": "single correlations"}
Fault = tuple[str, Place]


def refuse_uncompiled(theory: Theory) -> None:
    """Raise a `SpecError`, one sentence with its line, for the first thing that this version cannot compile."""
    for what, place in _faults(theory):
        raise SpecError(what, place)


def refuse_unasked(question: Question) -> None:
    """Raise a `SpecError` for a question that is read but that this version cannot answer."""
    for key, term in (("of", question.of), ("on", question.on)):
        if not term.plain:
            raise SpecError(f"question: {key}: '{term}': only whole variables are estimated yet", question.place)
    for name, value in question.set:
        if _several(value):
            raise SpecError(f"question: set: {name}: one value is estimated yet; ask once for each", question.place)


def _several(value: object) -> bool:
    return isinstance(value, tuple) or value == "each"


def _faults(theory: Theory) -> Iterator[Fault]:
    levelled = bool(theory.levels)
    if theory.time and not levelled:
        yield (
            "time: occasions without levels are read but not compiled yet; declare levels: [session, client]",
            theory.place,
        )
    modelled = {arrow.effect.name for arrow in theory.arrows}
    for variable in theory.variables:
        for what in _of_variable(variable, modelled, levelled=levelled):
            yield what, variable.place
    volatile = {variable.computed for variable in theory.variables if variable.computed and not computed_from(variable)}
    for arrow in theory.arrows:
        for what in _of_arrow(arrow, volatile, levelled=levelled):
            yield f"{arrow}: {what}", arrow.place
    yield from _of_hidden(theory, modelled, levelled=levelled)
    for prior in theory.priors:
        for what in _of_prior(prior, parse_address(prior.address, prior.place), levelled=levelled):
            yield f"prior on '{prior.address}': {what}", prior.place


def _of_variable(variable: Variable, modelled: set[str], *, levelled: bool) -> Iterator[str]:
    name, family = variable.name, variable.family or "normal"
    if variable.measured_by is not None:
        what = f"is latent (measured by {listed(variable.measured_by)})" if variable.measured_by else "is not measured"
        yield f"'{name}' {what}; latent variables are not compiled yet"
    keys: dict[str, object] = {"event": variable.event}
    if not levelled:
        keys |= {
            "level": variable.level, "is": variable.computed, "only_when": variable.only_when,
            "assessed": variable.assessed, "centre": variable.centre,
        }  # fmt: skip
    elif variable.computed and not computed_from(variable) and family != "normal":
        yield f"{name}: a coefficient as a variable of another family than normal is not compiled yet"
    for key, said in keys.items():
        if said is not None:
            instead = "; make the column in the data" if key == "is" else ""
            yield f"{name}: '{key}' is read but not compiled yet{instead}"
    if name not in modelled:
        return
    if levelled and variable.centre == "observed":
        yield (
            f"{name}: 'centre: observed' for a variable with arrows into it is not compiled yet: its course is latent. "
            "Leave centre out"
        )
    if variable.zeros is not None:
        yield f"{name}: 'zeros' is read but not compiled yet for a variable with arrows into it"
    if family not in FAMILIES:
        yield (
            f"'{name}' has arrows into it and family {family}, which is not compiled yet; compiled are "
            f"{listed(FAMILIES, most=len(FAMILIES))}"
        )


def _of_arrow(arrow: Arrow, volatile: set[str], *, levelled: bool) -> Iterator[str]:
    if arrow.cause == CONSTANT and not levelled:
        yield "how an intercept varies is read but not compiled yet"
    if arrow.varies_by is not None and not levelled:
        yield "'varies_by' is read but not compiled yet"
    if arrow.varies_by and arrow.shape != LINEAR:
        yield f"an arrow of shape {arrow.shape} that varies among units is read but not compiled yet"
    if arrow.only_when is not None and not levelled:
        yield "'only_when' is read but not compiled yet"
    if arrow.shape.kind not in SHAPES:
        yield f"shape {arrow.shape} is not compiled yet"
    own = arrow.cause == CONSTANT and str(arrow.effect) in volatile
    if (arrow.effect.spread or arrow.effect.value is not None) and not own:
        yield f"an arrow into '{arrow.effect}', a part of {arrow.effect.name}, is read but not compiled yet"
    for term in (arrow.cause, arrow.effect, *(term for product in arrow.moderated_by for term in product)):
        if (what := _of_term(term)) and not levelled:
            yield f"'{term}', {what}, is read but not compiled yet"


def _of_term(term: Term) -> str:
    """What a term is beyond a variable or one category of it; nothing if it is no more."""
    if term.when is not None:
        return "an occasion"
    return "a part" if term.part is not None else ""


def _of_hidden(theory: Theory, modelled: set[str], *, levelled: bool) -> Iterator[Fault]:
    for pair in theory.hidden:
        for term in (pair.one, pair.other):
            if term.when is not None or (term.part is not None and not levelled):
                yield f"{pair}: '{term}', {_of_term(term)}, is read but not compiled yet", pair.place
        if pair.one.part is not None and pair.one.part == pair.other.part:
            continue
        if what := _of_residual(pair, theory, modelled):
            yield f"{pair}: {what}", pair.place


def _of_residual(pair: HiddenCause, theory: Theory, modelled: set[str]) -> str:
    """Why a hidden common cause is no residual correlation that this version fits; nothing where it is, or needs none."""
    names = (pair.one.name, pair.other.name)
    inside = [name for name in names if name in modelled]
    if not inside:
        return ""
    remedy = "fitting without it would give biased effects. `mx.identify` takes it into account"
    if len(inside) == 1:
        other = next(name for name in names if name not in inside)
        return (
            f"a hidden common cause of {inside[0]} and of {other}, which nothing points at, is a residual correlation with "
            f"an exogenous variable, which is not compiled yet; {remedy}"
        )
    if any({arrow.cause.name, arrow.effect.name} == set(names) and not arrow.cause.when for arrow in theory.arrows):
        return (
            f"a residual correlation beside an arrow between the two is not identified and not compiled yet; {remedy}"
        )
    families = [theory.variable(name).family or "normal" for name in names]
    if families != ["normal", "normal"]:
        return f"a residual correlation of families other than normal is not compiled yet; {remedy}"
    if len({survey(theory).level(name) for name in names}) > 1:
        return f"a residual correlation across levels is not compiled yet; {remedy}"
    return ""


def _of_prior(prior: Prior, address: Address, *, levelled: bool) -> Iterator[str]:
    if prior.evidence is not None:
        yield "'evidence' needs a table of effect sizes, and none is shipped yet; write the distribution"
    if address.kind in _KINDS:
        yield f"priors on {_KINDS[address.kind]} are read but not compiled yet"
    if prior.same_as is not None and address.kind in ("sd", "cor", "skew"):
        what = "a slant" if address.kind == "skew" else "what varies"
        yield f"'same_as' for {what} is read but not compiled yet"
    if prior.same_as is not None and address.kind == "spread" and address.effect is not None:
        other = parse_address(prior.same_as, prior.place).effect
        if other is not None and other.spread != address.effect.spread:
            yield "a sigma and a precision are no equals, so this is not compiled yet"
    if any(power > 2 for _, power in address.factors):
        yield "a power above 2 is read but not compiled yet"
    for term in address.terms:
        if (what := _of_term(term)) and not levelled:
            yield f"'{term}', {what}, is read but not compiled yet"
        if term.spread not in (None, "sigma", "precision") or (term.spread and address.kind != "spread"):
            yield f"'{term}' is read but not compiled yet"
    if address.effect is not None and address.effect.value is not None:
        yield f"'{address.effect}', one step of {address.effect.name}, is read but not compiled yet"
