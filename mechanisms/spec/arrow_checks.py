"""Whether each arrow makes sense by its words: its two ends, its moderators, its options (language 1.5, 1.6)."""

from collections.abc import Mapping

from mechanisms.errors import SpecError, did_you_mean, listed
from mechanisms.spec.definitions import WeightedSum, parse_definition
from mechanisms.spec.families import spreads_of, steps_of
from mechanisms.spec.influences import is_at_once
from mechanisms.spec.level_checks import check_term
from mechanisms.spec.levels import Units
from mechanisms.spec.terms import CONSTANT, Occasions, Term
from mechanisms.spec.theory import Arrow, Variable

Known = Mapping[str, Variable]


def check_arrow(arrow: Arrow, known: Known, units: Units) -> None:
    """Refuse an arrow whose ends are not there or do not fit together."""
    cause, effect = arrow.cause, arrow.effect
    check_term(cause, known, units, f"Arrow into '{effect}'", f"{arrow}: ", arrow.place)
    check_term(effect, known, units, f"Arrow from '{cause}'", f"{arrow}: ", arrow.place)
    problem = _problem_of_effect(arrow, known)
    if not problem and cause == CONSTANT:
        problem = _problem_of_intercept(arrow)
    elif not problem:
        problem = _problem_of_cause(arrow, known, units) or _problem_of_shape(arrow, known)
    if problem:
        raise SpecError(f"{arrow}: {problem}", arrow.place)


def _problem_of_effect(arrow: Arrow, known: Known) -> str:
    effect = arrow.effect
    if effect == CONSTANT or effect.name not in known:
        return "nothing points at 1" if effect == CONSTANT else f"{effect.name} is time, and nothing moves time"
    variable = known[effect.name]
    if effect.part is not None:
        return "the part is named on the cause, not on the effect"
    if effect.when is not None:
        return "an arrow into one occasion. Moderate by a categorical occasion, or declare the occasions as variables"
    if variable.computed is not None and isinstance(parse_definition(variable.computed), WeightedSum):
        return f"{effect.name} is computed; draw the arrow into what it is computed from"
    parts, steps = spreads_of(variable), steps_of(variable)
    family = variable.family or "normal"
    if effect.spread is not None and effect.spread not in parts:
        has = f"it has {listed(parts)}" if parts else "it has none"
        return f"{effect}: {family} has no part '{effect.spread}'; {has}"
    if effect.value is not None and effect.value not in steps:
        if steps:
            return f"'{effect.value}' is the first value of {effect.name}, from where one starts; say {listed(steps, joint='or')}"
        return f"one step is reached in a sequential or categorical variable; {effect.name} is {family}"
    return ""


def _problem_of_intercept(arrow: Arrow) -> str:
    if arrow.moderated_by or arrow.only_when or arrow.shape.kind != "linear":
        return "an intercept takes varies_by, because, source and pos only"
    if arrow.varies_by is None:
        return "an intercept is there without being drawn; say how it varies, {varies_by: []} or {varies_by: [client]}"
    return ""


def _problem_of_cause(arrow: Arrow, known: Known, units: Units) -> str:
    cause, effect = arrow.cause, arrow.effect
    if cause.spread is not None:
        return f"'{cause}' is no cause; a unit's own spread is a variable, {{is: sigma(v)}}"
    if cause.name == effect.name and (cause.when is None or isinstance(cause.when, Occasions)):
        if cause.when is None:
            return f"an arrow from {effect.name} to itself needs an earlier occasion: {effect.name}(t-1)"
        return f"{cause} would cause itself at that occasion; use {effect.name}(t-1)"
    target, source = known[effect.name], known.get(cause.name)
    if source and target.assigned and source.measured_by is not None and not source.measured_by:
        return "a randomised variable has no unmeasured causes"
    if source and target.assigned and source.measured_by:
        return "a randomised variable has measured causes only, the strata"
    if source and target.measured_by and cause.name in target.measured_by and cause.when is None:
        return f"{cause.name} is measured: arrows run from {effect.name} to its indicators"
    return _problem_of_moment(cause, arrow, known, units, "")


def _problem_of_moment(term: Term, arrow: Arrow, known: Known, units: Units, what: str) -> str:
    """What is assessed at the end of an occasion moves nothing that is assessed at its start."""
    effect = arrow.effect.name
    source = known.get(term.name)
    if source is None or source.assessed != "end" or known[effect].assessed != "start":
        return ""
    if not is_at_once(term, units) or units.levels[term.name] != units.levels[effect]:
        return ""
    level = units.levels[effect]
    return f"{what}{term.name} is assessed at the end of its {level}, {effect} at the start: use {term.name}(t-1)"


def _problem_of_shape(arrow: Arrow, known: Known) -> str:
    source, kind = known.get(arrow.cause.name), arrow.shape.kind
    if kind == "linear" or source is None:
        return ""
    if arrow.cause.value is not None or source.family == "bernoulli":
        return "a curve needs more than two values"
    if source.family == "categorical" or (source.family in ("ordinal", "sequential") and kind != "monotonic"):
        also = "" if source.family == "categorical" else "; its values are ordered: shape: monotonic"
        return f"a curve needs numbers; {arrow.cause} is {source.family}{also}"
    return ""


def check_options(arrow: Arrow, known: Known, units: Units) -> None:
    """Refuse moderators and levels that are not there or say nothing."""
    for product in arrow.moderated_by:
        _check_moderator(arrow, product, known, units)
    for level in arrow.varies_by or ():
        if level not in units.above:
            hint = did_you_mean(level, units.above) or (
                f" Known: {listed(units.above)}." if units.above else " There are no levels."
            )
            raise SpecError(f"{arrow}: varies_by: unknown level '{level}'.{hint}", arrow.place)
        _check_intercept_varies(arrow, level, units)


def _check_intercept_varies(arrow: Arrow, level: str, units: Units) -> None:
    """An intercept varies between units that hold several values each; an arrow's levels are the expansion's business."""
    own, *coarser = units.parts(arrow.effect.name)
    if arrow.cause != CONSTANT or level in coarser:
        return
    name = arrow.effect.name
    fix = f"; it varies by {listed(coarser, joint='or')}, or by nothing, []" if coarser else "; leave the line out"
    why = f"{name} has one value per {own}" if level == own else f"a {own} of {name} lies in no {level}"
    raise SpecError(f"{arrow}: varies_by: {level}: {why}{fix}", arrow.place)


def _check_moderator(arrow: Arrow, product: tuple[Term, ...], known: Known, units: Units) -> None:
    for term in product:
        if term == CONSTANT or term.spread is not None:
            raise SpecError(f"{arrow}: moderated_by: '{term}' is no moderator", arrow.place)
        check_term(term, known, units, f"{arrow}: moderated_by", f"{arrow}: ", arrow.place)
        if _same(term, arrow.cause):
            raise SpecError(f"{arrow}: a variable does not moderate itself; that is shape: quadratic", arrow.place)
        if term.name == arrow.effect.name and term.when is None:
            raise SpecError(f"{arrow}: {term} is the effect and cannot moderate its own cause", arrow.place)
        if problem := _problem_of_moment(term, arrow, known, units, "moderator "):
            raise SpecError(f"{arrow}: {problem}", arrow.place)
    if any(_same(one, other) for place, one in enumerate(product) for other in product[:place]):
        text = " * ".join(map(str, product))
        raise SpecError(f"{arrow}: moderated_by: '{text}': a variable does not moderate itself", arrow.place)


def _same(one: Term, other: Term) -> bool:
    """Whether two terms are the same numbers, categories left open."""
    return (one.name, one.part, one.when) == (other.name, other.part, other.when)
