"""Which part of its cause an arrow carries: rules R1–R7 of the language.

A repeated variable is a course for every client and departures from it. At the same occasion both act, each by its own
coefficient (Raudenbush & Bryk 2002); a lag reaches the departure only, since courses that cause each other across
sessions would go in a circle. A written part overrules all of this.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mechanisms.errors import SpecError, listed
from mechanisms.graph.expansion.coefficients import Carries, Loading
from mechanisms.graph.levels import ROW, Design, computed_from
from mechanisms.spec.measuring import find_gauges
from mechanisms.spec.terms import CONSTANT, Occasions, Relative, Term
from mechanisms.spec.theory import LINEAR, Arrow, Shape, Theory

CATEGORIES = ("bernoulli", "ordinal", "sequential", "categorical", "hazard")
Intercepts = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Part:
    """What one coefficient of an arrow takes of its cause, its shape there, and why."""

    term: Term
    carries: Carries
    shape: Shape
    reason: str = ""


def split(arrow: Arrow, effect: Term, design: Design, intercepts: Intercepts) -> tuple[Part, ...]:
    """The parts of the cause that an arrow stands for, the finer first."""
    cause = arrow.cause
    if is_loading(design, cause, effect):
        _check_part(arrow, effect, design, loading=True)
        return (Part(cause, "loading", arrow.shape),)
    if design.trend(cause.name):
        return (_trend(arrow, effect, design),)
    _check_when(arrow, effect, design)
    if cause.part is not None:
        _check_part(arrow, effect, design)
        return (Part(cause, _carried(cause, design), arrow.shape, "exactly the part that is named (R7)"),)
    source, target = design.level(cause.name), design.level(effect.name)
    if isinstance(cause.when, Occasions):
        return (Part(cause, "value", arrow.shape, "its value at one occasion (R4)"),)
    if source == target:
        return _same_level(arrow, effect, design, intercepts)
    if design.lattice.lies_below(target, source):
        return (Part(cause, "value", arrow.shape, f"its value acts on the course of {effect.name} (R5)"),)
    return (_course(arrow, effect, design),)


def _same_level(arrow: Arrow, effect: Term, design: Design, intercepts: Intercepts) -> tuple[Part, ...]:
    cause, shape = arrow.cause, arrow.shape
    client = design.client(cause.name)
    if client is None:
        return (Part(cause, "value", shape),)
    if whole := _whole_because(cause, effect, client, design, intercepts):
        return (Part(cause, "whole", shape, f"the whole value: {whole} (R4)"),)
    between = Part(replace(cause, part=client, when=None), "course", LINEAR, f"between: the course of each {client} ")
    if shape != LINEAR:
        curve = Part(replace(cause, part="whole"), "whole", shape, "a curve runs on the whole value (R3)")
        contextual = replace(between, reason=f"{between.reason}beyond the curve, the contextual effect (R3)")
        return (curve,) if cause.when else (curve, contextual)
    if cause.when:
        return (Part(cause, "departure", shape, f"the departure from the course of its {client} (R2)"),)
    source = design.level(cause.name)
    within = Part(replace(cause, part=source), "departure", shape, "within: the departure from the course (R1)")
    return within, replace(between, reason=f"{between.reason}(R1)")


def _whole_because(cause: Term, effect: Term, client: str, design: Design, intercepts: Intercepts) -> str:
    """Why a cause of the same level is not split, or nothing."""
    variable = design.variables.get(cause.name)
    if variable and computed_from(variable):
        return f"{cause.name} is computed"
    if cause.value is not None or (variable and variable.family in CATEGORIES):
        return f"{cause.name} is categorical"
    if client not in intercepts.get(str(effect), ()):
        return f"{effect} has no intercept of its own for each {client}"
    return ""


def _trend(arrow: Arrow, effect: Term, design: Design) -> Part:
    level, target = arrow.cause.name, design.level(effect.name)
    if target != level and not design.lattice.lies_below(target, level):
        raise SpecError(f"{arrow}: {effect.name} has one value per {target} and no trend over {level}s", arrow.place)
    return Part(arrow.cause, "trend", arrow.shape, f"a trend over {level}s")


def _course(arrow: Arrow, effect: Term, design: Design) -> Part:
    """R6: the course at the finest level that both share."""
    cause, target = arrow.cause, design.level(effect.name)
    if isinstance(cause.when, Relative):
        message = f"{arrow}: {effect.name} has one value per {target} and no earlier {design.level(cause.name)}"
        raise SpecError(f"{message}; name an occasion, {cause.name}(5), or a part, {cause.name}({target})", arrow.place)
    shared = design.lattice.shared(design.level(cause.name), target)
    if not shared:
        raise SpecError(f"{arrow}: {cause.name} and {effect.name} share no level", arrow.place)
    if len(shared) > 1:
        options = listed([str(replace(cause, part=level)) for level in shared], joint="or")
        raise SpecError(
            f"{arrow}: {cause.name} has a course for each {listed(shared)}; say which: {options}", arrow.place
        )
    term = replace(cause, part=shared[0])
    return Part(term, "course", arrow.shape, f"its course at the finest level that both share, {shared[0]} (R6)")


def _carried(cause: Term, design: Design) -> Carries:
    """What a written part is. Without occasions the whole is the value, and so is a part that no level lies above."""
    own = design.level(cause.name)
    if cause.part == "whole":
        return "whole" if design.repeated(cause.name) else "value"
    if cause.part != own:
        return "course"
    return "departure" if design.lattice.above(own) else "value"


def _check_when(arrow: Arrow, effect: Term, design: Design) -> None:
    cause, level = arrow.cause, design.level(arrow.cause.name)
    if not design.lattice.time and cause.when:
        raise SpecError(f"'{cause}': theories with levels and time have occasions; this one declares none", arrow.place)
    if cause.when and not design.repeated(cause.name):
        what = "lag" if isinstance(cause.when, Relative) else "an occasion"
        raise SpecError(f"{arrow}: {what} does not apply to {cause.name}, which has one value per {level}", arrow.place)
    if cause == Term(effect.name):
        later = f" needs an earlier occasion: {cause.name}(t-1)" if design.repeated(cause.name) else " is a circle"
        raise SpecError(f"{arrow}: an arrow from {cause.name} to itself{later}", arrow.place)


def _check_part(arrow: Arrow, effect: Term, design: Design, *, loading: bool = False) -> None:
    """A part is `whole`, the cause's own level or one above it, and one at which the effect has units."""
    cause, own = arrow.cause, design.level(arrow.cause.name)
    if cause.part is None:
        return
    if design.lattice.names == (ROW,):
        raise SpecError(f"'{cause}': theories with levels have parts; this one declares none", arrow.place)
    parts = (own, *design.lattice.above(own))
    target = design.level(effect.name)
    if cause.part != "whole" and cause.part not in parts:
        raise SpecError(
            f"'{cause}': {cause.name} has the parts {listed((*parts, 'whole'))}, not {cause.part}", arrow.place
        )
    if loading:
        return
    units = own if cause.part == "whole" else cause.part
    if units != target and not design.lattice.lies_below(target, units):
        raise SpecError(f"{arrow}: {cause} varies within {target}, the level of {effect.name}", arrow.place)
    if cause.when and cause.part not in ("whole", own):
        raise SpecError(f"{arrow}: a course has no earlier occasion; write {replace(cause, when=None)}", arrow.place)


def is_loading(design: Design, cause: Term, effect: Term) -> bool:
    """Whether the arrow is one from a latent variable to its own indicator."""
    return cause.name in design.indicators.get(effect.name, ())


def list_loadings(theory: Theory) -> tuple[Loading, ...]:
    """Every loading. The first indicator is the marker, unless a prior fixes another's loading or the latent's spread."""
    return tuple(
        Loading(each.latent, name, name == each.marker)
        for each in find_gauges(theory)
        for name in theory.variable(each.latent).measured_by or ()
    )


def find_intercepts(theory: Theory, design: Design) -> dict[str, tuple[str, ...]]:
    """At which levels each effect has an intercept of its own (R8): all above, unless `1 -> y` or its family says less."""
    said = {str(arrow.effect): arrow.varies_by for arrow in theory.arrows if arrow.cause == CONSTANT}
    effects = [arrow.effect for arrow in theory.arrows if arrow.effect.name not in design.lattice.names]
    effects += [Term(name, spread=spread) for name in design.levels for spread in (None, "any", "amount")]
    found: dict[str, tuple[str, ...]] = {}
    for effect in effects:
        levels = said.get(str(effect))
        if levels is None and effect.spread not in ("sigma", "precision"):
            levels = said.get(effect.name)
        found[str(effect)] = levels if levels is not None else _default_intercepts(effect, design)
    return found


def _default_intercepts(effect: Term, design: Design) -> tuple[str, ...]:
    variable = design.variables.get(effect.name)
    if effect.spread in ("sigma", "precision") or (variable and variable.family == "hazard"):
        return ()
    return design.lattice.above(design.level(effect.name))
