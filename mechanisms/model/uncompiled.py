"""What is part of the language and read, but not compiled yet: refused by name, so that nothing is fitted as less.

One table of reasons; when a later version compiles something, its line goes away.
"""

from collections.abc import Iterator

from mechanisms.errors import Place, SpecError, listed
from mechanisms.model.families import FAMILIES
from mechanisms.spec.addresses import Address, parse_address
from mechanisms.spec.terms import CONSTANT, Term
from mechanisms.spec.theory import Arrow, Prior, Question, Theory, Variable

SHAPES = ("linear", "quadratic")
_KINDS = {"sd": "the sd of what varies", "cor": "correlations between units", "reliability": "reliabilities"}
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
    if theory.levels or theory.time:
        key, place = ("levels", theory.levels[0].place) if theory.levels else ("time", theory.place)
        yield f"{key}: theories of several levels are read but not compiled yet; a plan has one level", place
    modelled = {arrow.effect.name for arrow in theory.arrows}
    for variable in theory.variables:
        for what in _of_variable(variable, modelled):
            yield what, variable.place
    for arrow in theory.arrows:
        for what in _of_arrow(arrow):
            yield f"{arrow}: {what}", arrow.place
    yield from _of_hidden(theory, modelled)
    for prior in theory.priors:
        for what in _of_prior(prior, parse_address(prior.address, prior.place)):
            yield f"prior on '{prior.address}': {what}", prior.place


def _of_variable(variable: Variable, modelled: set[str]) -> Iterator[str]:
    name, family = variable.name, variable.family or "normal"
    if variable.measured_by is not None:
        yield f"'{name}' is not measured; latent variables are not compiled yet"
    keys = {
        "level": variable.level, "is": variable.computed, "only_when": variable.only_when, "event": variable.event,
        "assessed": variable.assessed, "centre": variable.centre,
    }  # fmt: skip
    for key, said in keys.items():
        if said is not None:
            instead = "; make the column in the data" if key == "is" else ""
            yield f"{name}: '{key}' is read but not compiled yet{instead}"
    if isinstance(variable.out_of, str):
        yield f"{name}: 'out_of' is read but not compiled yet"
    if name not in modelled:
        return
    for key in ("zeros", "out_of"):
        if getattr(variable, key) is not None:
            yield f"{name}: '{key}' is read but not compiled yet for a variable with arrows into it"
    if family not in FAMILIES:
        yield (
            f"'{name}' has arrows into it and family {family}, which is not compiled yet; compiled are {listed(FAMILIES)}"
        )
    elif variable.link and variable.link not in FAMILIES[family].links:
        links = listed(FAMILIES[family].links)
        yield f"'{name}': {family} has no link {variable.link} here; it has {links}; others are not compiled yet"


def _of_arrow(arrow: Arrow) -> Iterator[str]:
    if arrow.cause == CONSTANT:
        yield "how an intercept varies is read but not compiled yet"
    if arrow.varies_by is not None:
        yield "'varies_by' is read but not compiled yet"
    if arrow.only_when is not None:
        yield "'only_when' is read but not compiled yet"
    if arrow.shape.kind not in SHAPES:
        yield f"shape {arrow.shape} is not compiled yet"
    if arrow.effect.spread or arrow.effect.value is not None:
        yield f"an arrow into '{arrow.effect}', a part of {arrow.effect.name}, is read but not compiled yet"
    for term in (arrow.cause, arrow.effect, *(term for product in arrow.moderated_by for term in product)):
        if what := _of_term(term):
            yield f"'{term}', {what}, is read but not compiled yet"


def _of_term(term: Term) -> str:
    """What a term is beyond a variable or one category of it; nothing if it is no more."""
    if term.when is not None:
        return "an occasion"
    return "a part" if term.part is not None else ""


def _of_hidden(theory: Theory, modelled: set[str]) -> Iterator[Fault]:
    for pair in theory.hidden:
        for term in (pair.one, pair.other):
            if what := _of_term(term):
                yield f"{pair}: '{term}', {what}, is read but not compiled yet", pair.place
        if endogenous := [term.name for term in (pair.one, pair.other) if term.name in modelled]:
            yield (
                f"{pair}: a hidden common cause of a modelled variable ({listed(endogenous)}) is a residual correlation, "
                "which is not compiled yet; fitting without it would give biased effects. `mx.identify` takes it into "
                "account",
                pair.place,
            )


def _of_prior(prior: Prior, address: Address) -> Iterator[str]:
    if prior.evidence is not None:
        yield "'evidence' needs a table of effect sizes, and none is shipped yet; write the distribution"
    if prior.distribution is not None and prior.distribution.name == "lkj":
        yield "'lkj' is read but not compiled yet"
    if address.kind in _KINDS:
        yield f"priors on {_KINDS[address.kind]} are read but not compiled yet"
    if any(power > 2 for _, power in address.factors):
        yield "a power above 2 is read but not compiled yet"
    for term in address.terms:
        if what := _of_term(term):
            yield f"'{term}', {what}, is read but not compiled yet"
        if term.spread not in (None, "sigma") or (term.spread and address.kind != "spread"):
            yield f"'{term}' is read but not compiled yet"
    if address.effect is not None and address.effect.value is not None:
        yield f"'{address.effect}', one step of {address.effect.name}, is read but not compiled yet"
