"""Latent variables in a plan: their loadings as coefficients, and what of them is not compiled yet.

A latent variable is a response of which every value is missing. Its own arrows make its equation, and an indicator is a
response that looks at it; so whatever works out missing values works out latent ones.
"""

from collections.abc import Iterator

from mechanisms.errors import Place
from mechanisms.graph.expansion import Coefficient, Expansion
from mechanisms.graph.levels import Design, survey
from mechanisms.model.equations import INTERCEPT
from mechanisms.model.families import FAMILIES
from mechanisms.spec.addresses import parse_address
from mechanisms.spec.influences import declared
from mechanisms.spec.measuring import find_gauges, list_gauge_priors
from mechanisms.spec.shapes import count_columns
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import LINEAR, Theory, Variable

Fault = tuple[str, Place]


def list_loadings(effect: Term, expansion: Expansion, design: Design) -> Iterator[Coefficient]:
    """The loadings of an indicator that no arrow gives options to: one coefficient for all parts of the latent."""
    said = {each.cause.name for each in expansion.parents(effect) if each.carries == "loading"}
    for each in expansion.loadings:
        if effect == Term(each.indicator) and each.latent not in said:
            cause, why = Term(each.latent), f"{each.latent} is measured by {each.indicator}"
            yield Coefficient(cause, effect, LINEAR, (), False, why, None, carries="loading", units=design.units(cause))


def set_apart(quantities: list[str], level: str, expansion: Expansion) -> frozenset[tuple[str, str]]:
    """The pairs of deviations of which one is an indicator's: independent, unless `<->` is drawn (language R8)."""
    alone = {f"{INTERCEPT}{each.indicator}" for each in expansion.loadings}
    drawn = {frozenset((each.one, each.other)) for each in expansion.correlations if each.level == level}
    pairs = ((one, other) for one in quantities for other in quantities if one in alone and other != one)
    return frozenset(pair for pair in pairs if frozenset(pair) not in drawn)


def list_latent_faults(theory: Theory) -> Iterator[Fault]:
    """What is said of latent variables and is not compiled yet, each with what to write instead."""
    known, design = declared(theory), survey(theory)
    for variable in theory.variables:
        if variable.measured_by is not None:
            yield from ((what, variable.place) for what in _of_latent(variable, theory, known, design))
    bent = {each.name for each in theory.variables if each.measured_by}
    for arrow in theory.arrows:
        if arrow.cause.name in bent and (count_columns(arrow.shape) or arrow.shape.kind in ("logistic", "gp")):
            yield (
                f"{arrow}: shape: {arrow.shape} of {arrow.cause.name}, which is latent, is not compiled yet: its knots come from "
                "values that nobody observed; quadratic needs none",
                arrow.place,
            )
    yield from _of_gauges(theory, known)


def _of_latent(variable: Variable, theory: Theory, known: dict[str, Variable], design: Design) -> Iterator[str]:
    name, indicators = variable.name, variable.measured_by or ()
    if not indicators:
        yield (
            f"'{name}' is not measured, and what nothing measures is not compiled yet: give it indicators (measured_by), or say "
            "what it does as a hidden cause of two others, a <-> b"
        )
    if (variable.family or "normal") != "normal":
        yield f"'{name}' is latent and {variable.family}; latent variables of other families than normal are not compiled yet"
    if variable.centre == "observed":
        yield f"{name}: centre: observed says nothing of a latent variable, of which nothing is observed: leave it out"
    for each in indicators:
        if design.level(each) != design.level(name):
            yield (
                f"'{name}' has one value per {design.level(name)}, and its indicator {each} one per {design.level(each)}, which "
                f"is not compiled yet: bring {each} to one value per {design.level(name)} in the data"
            )
        said = known[each].family or "normal"
        if said not in FAMILIES or said in ("categorical", "hazard") or known[each].zeros or known[each].event:
            more = " with zeros" if known[each].zeros else " and may be censored" if known[each].event else ""
            yield (
                f"'{name}' is measured by {each}, which is {said}{more}; such indicators are not compiled yet: take it out of "
                "measured_by, or leave the family out, so that it is normal, if its values are numbers"
            )
    fixed = {parse_address(prior.address, prior.place).key for prior in theory.priors if prior.fixed is not None}
    if len(indicators) == 1 and parse_address(f"sigma({indicators[0]})").key not in fixed:
        yield (
            f"'{name}' has one indicator, {indicators[0]}, which cannot tell it from error: give it another, or say how large the "
            f"error is, priors: sigma({indicators[0]}): {{fixed: …}}"
        )


def _of_gauges(theory: Theory, known: dict[str, Variable]) -> Iterator[Fault]:
    """Markers without a unit, and priors on what gives a latent variable its unit or its zero, and is known therefore."""
    said = {parse_address(prior.address, prior.place).key: prior for prior in theory.priors}
    taken = {parse_address(each.address).key for each in list_gauge_priors(theory)}
    for each in find_gauges(theory):
        loading = f"{each.latent} -> {each.marker}"
        remedies = {each.zero: f"is 0, the zero of {each.latent}: fix 1 -> {each.latent} instead"}
        if each.marker is not None:
            other = f"fix another loading of {each.latent} at 1, or sigma({each.latent}), instead"
            remedies[loading] = f"is 1, since {each.marker} is the marker: {other}"
            marker = known[each.marker]
            if (marker.link or FAMILIES[marker.family or "normal"].links[0]) != "identity":
                yield (
                    f"'{each.latent}' is counted like its marker {each.marker}, which is {marker.family} and has no unit: name an "
                    f"indicator first that is normal, or fix the variance, priors: sigma({each.latent}): {{fixed: 1}}",
                    theory.variable(each.latent).place,
                )
            own = said.get(parse_address(loading).key)
            if own is not None and own.fixed is not None and (own.fixed == 0 or own.scale == "standardised"):
                wrong = "a loading of 0 gives it none" if own.fixed == 0 else "so no scale is known yet: say it raw"
                yield f"prior on '{loading}': {each.marker} gives {each.latent} its unit, and {wrong}", own.place
        for address, remedy in remedies.items():
            key = parse_address(address).key
            if key not in taken and key in said and said[key].fixed is None:
                yield f"prior on '{address}': it {remedy}", said[key].place
