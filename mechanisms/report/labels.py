"""What stands on a fitted path diagram: each arrow's coefficients in words and numbers, and where they hold."""

from dataclasses import replace

import numpy as np

from mechanisms.data.dataset import Categories, Numbers
from mechanisms.data.shapes import bare, split_column
from mechanisms.errors import MechanismsError, listed
from mechanisms.graph.expansion import Coefficient as Standing
from mechanisms.graph.expansion import Expansion
from mechanisms.graph.levels import Design
from mechanisms.infer.posterior import Fit
from mechanisms.model.equations import Coefficient, Equation, Factor
from mechanisms.report.numbers import show_interval
from mechanisms.spec.terms import Term, parse_term

ARROW = "\N{RIGHTWARDS ARROW}"
TIMES = "\N{MULTIPLICATION SIGN}"
DOT = "\N{MIDDLE DOT}"
_POWERS = ("", "", *"²³⁴⁵⁶⁷⁸⁹")
_MOST = 8  # so many conditional arrows are told apart under the diagram


def check_same(fit: Fit, expansion: Expansion, names: tuple[str, ...]) -> None:
    """Refuse a fit of another theory than the one that is drawn."""
    drawn, fitted = ([str(each) for each in one.coefficients] for one in (expansion, fit.plan.expansion))
    missing = [text for text in drawn if text not in fitted]
    missing = missing or [name for name in names if name not in fit.plan.theory.names]
    if fault := missing or [text for text in fitted if text not in drawn]:
        whose = "the theory" if missing else "the fit"
        raise MechanismsError(
            f"the fit is of another theory: only {whose} has {listed(map(repr, fault), most=3)}. "
            "mx.diagram(fit.plan, fit) draws the theory that was fitted"
        )


def label_arrow(standing: Standing, fit: Fit | None, design: Design) -> tuple[str, ...]:
    """Its own coefficients, a line for each category or power, and the sd of each that varies among units.

    Where the cause is split, the line says whether it is the one within units or between them. Without a fit, only the
    category that was named.
    """
    if fit is None:
        return (str(standing.cause),) if standing.cause.value else ()
    lines = []
    own = _own(fit, standing)
    for each in (one for one in own if not _is_wave(one)):
        value = each.factors[0].column.partition("=")[2]
        words = [_say_target(each), name_part(standing.cause, design), value, _say_piece(fit, each.factors[0])]
        before = " ".join(filter(None, words))
        lines.append(_line(fit, each.address, before, _after(standing, each.factors[0])))
        spreads = {level: f"sd({each.address} | {level})" for level in each.varies_by}
        lines += [_line(fit, sd, f"sd by {level}", "") for level, sd in spreads.items() if sd in fit.parameters]
    return (*lines, *_say_traits(fit, own), *_say_curves(fit, own))


def _is_wave(coefficient: Coefficient) -> bool:
    """Whether it is the height of one of a gp's many waves, which says nothing by itself."""
    return any("~gp[" in factor.column for factor in coefficient.factors)


def _say_traits(fit: Fit, coefficients: list[Coefficient]) -> list[str]:
    """What whole curves have beside coefficients: `midpoint: 6.1 [5.9, 6.3]`."""
    traits = dict.fromkeys(trait for each in coefficients for factor in each.factors for trait in factor.traits)
    return [_line(fit, each, each.partition("(")[0], "") for each in traits if each in fit.parameters]


def _say_curves(fit: Fit, coefficients: list[Coefficient]) -> list[str]:
    """The sds of whole curves that differ among units, climbs and gps: `sd by client: 0.4 [0.2, 0.6]`."""
    whole = {each.deviating for each in coefficients if each.climb or _is_wave(each)}
    found: dict[str, str] = {}
    for varying in fit.plan.varying:
        named = zip(varying.quantities, varying.spreads, strict=True)
        found |= {spread: varying.level for quantity, spread in named if quantity in whole}
    return [_line(fit, spread, f"sd by {level}", "") for spread, level in found.items()]


def name_part(cause: Term, design: Design) -> str:
    """`within` units or `between clients`, where a term names the part of a cause; else nothing."""
    if cause.part is None or cause.part == "whole":
        return ""
    return "within" if cause.part == design.level(cause.name) else f"between {cause.part}s"


def label_moderators(standing: Standing, fit: Fit | None, design: Design) -> dict[str, tuple[str, ...]]:
    """Each moderator's lines; a product of several stands with its last."""
    labels: dict[str, list[str]] = {}
    part = name_part(standing.cause, design)
    for product in standing.moderators:
        names = tuple(term.name for term in product)
        lines = labels.setdefault(names[-1], [])
        if fit is not None:
            found = _products(fit, standing, names)
            lines += [_product_line(fit, standing, names, each, part) for each in found if not _is_wave(each)]
            lines += _say_traits(fit, [each for each in found if _is_wave(each)])
        elif len(names) > 1:
            lines.append(f"{TIMES} {f' {TIMES} '.join(names[:-1])}")
    return {name: tuple(lines) for name, lines in labels.items()}


def _own(fit: Fit, standing: Standing) -> list[Coefficient]:
    """The coefficients of the cause alone, by category or by power."""
    found = [each for each in _reaching(fit, standing) if len(each.causes) == 1]
    return [each for each in found if _shows(each.factors[0], standing.cause)]


def _products(fit: Fit, standing: Standing, names: tuple[str, ...]) -> list[Coefficient]:
    """The products of the cause, to any power, with exactly these moderators."""
    tail = standing.cause.name
    return [
        each for each in _reaching(fit, standing)
        if {factor.variable for factor in each.causes} == {tail, *names} and len(each.causes) == len({tail, *names})
        and all(factor.power == 1 or factor.variable == tail for factor in each.causes)
        and any(_shows(factor, standing.cause) for factor in each.causes)
    ]  # fmt: skip


def _shows(factor: Factor, cause: Term) -> bool:
    """Whether a factor is this term: the same part at the same time, in any category unless one is named."""
    term = parse_term((factor.text or bare(factor.column)).partition("[")[0])
    return replace(term, value=cause.value) == cause and cause.value in (None, term.value)


def _product_line(fit: Fit, standing: Standing, names: tuple[str, ...], product: Coefficient, part: str) -> str:
    """What has to be said of a product: the part of the cause, categories, the other factors of a larger one, the power of the cause."""
    tail = standing.cause.name
    words = [
        factor.column.partition("=")[2] if (factor.variable,) == names else factor.column
        for factor in product.causes
        if "=" in factor.column or (len(names) > 1 and factor.variable != tail)
    ]
    (cause,) = (factor for factor in product.causes if _shows(factor, standing.cause))
    before = " ".join(filter(None, [_say_target(product), part, f" {TIMES} ".join(words), _say_piece(fit, cause)]))
    return _line(fit, product.address, before, _after(standing, cause))


def _after(standing: Standing, factor: Factor) -> str:
    """What a curve's number is multiplied with, ` · x²`; nothing on a straight arrow."""
    if standing.shape.kind == "log":
        return f" {DOT} log {factor.variable}"
    if standing.shape.kind == "logistic":
        return f" {DOT} S-curve({factor.variable})"
    powers = standing.shape.kind in ("quadratic", "polynomial")
    return f" {DOT} {factor.variable}{_POWERS[factor.power]}" if powers else ""


def _say_piece(fit: Fit, factor: Factor) -> str:
    """Where on a curve a number stands: `at 12` for its height at a knot against the first, `from 20 to 30` for a slope."""
    split = split_column(factor.column)
    return fit.data.bases[split[1]].place(split[2]) if split else ""


def _reaching(fit: Fit, standing: Standing) -> list[Coefficient]:
    """The coefficients of what an arrow points at: a variable, one part of it, or every value of a categorical one."""
    effect, predictors = str(standing.effect), fit.plan.equation(standing.effect.name).predictors
    found = {each.address: each for one in predictors for each in one.coefficients}
    targets = {effect, *(one.target for one in predictors if standing.effect.plain and one.family == "categorical")}
    return [each for address, each in found.items() if address.rpartition(" -> ")[2] in targets]


def _say_target(coefficient: Coefficient) -> str:
    """Which part of its effect a coefficient acts on, `any`, `sigma` or a value; nothing where it acts on the whole."""
    effect = parse_term(coefficient.address.rpartition(" -> ")[2])
    return effect.spread or effect.value or ""


def _line(fit: Fit, address: str, before: str, after: str) -> str:
    draws = fit.parameters[address]
    lower, upper = np.quantile(draws, [0.025, 0.975])
    shown = show_interval(float(draws.mean()), float(lower), float(upper)) + after
    return f"{before}: {shown}" if before else shown


def write_caption(fit: Fit | None) -> str:
    """What the numbers are: interval, units, scale, and where an arrow's number holds that is not the same everywhere."""
    if fit is None:
        return ""
    said = ["Posterior mean [95% interval] of the coefficients, in data units"]
    links: dict[str, list[str]] = {}
    for each in (one for equation in fit.plan.equations for one in equation.predictors):
        if each.link != "identity":
            whole = each.role in ("step", "top") or not each.target or (each.role == "any" and not each.zeros)
            links.setdefault(each.link, []).append(each.response if whole else each.target)
    said += [f"{listed(dict.fromkeys(names))} on the {link} scale" for link, names in links.items()]
    text = "; ".join(said) + "."
    if any(each.varies_by for equation in fit.plan.equations for each in equation.coefficients):
        text += " sd by a level: how much its units differ in the coefficient."
    if places := _conditional(fit):
        shown = [f"{arrow} {where}" for arrow, where in places.items()]
        more = (
            f"; and {len(shown) - _MOST} more, where what changes them is 0 or its reference"
            if len(shown) > _MOST
            else ""
        )
        text += f" Slopes that depend on other values are given at one place: {'; '.join(shown[:_MOST])}{more}."
    return text


def _conditional(fit: Fit) -> dict[str, str]:
    """The arrows whose slope differs over some variables, each with the values of these at which its number holds."""
    found: dict[str, str] = {}
    for equation in (one for each in fit.plan.equations for one in each.predictors):
        for own in equation.coefficients:
            (first, *others) = own.factors
            names = equation.companions(own)
            if others or own.degree > 1 or not names:
                continue
            where = listed([_place(fit, equation, name, first.variable) for name in names], most=12)
            found[f"{first} {ARROW} {own.address.rpartition(' -> ')[2]}"] = where
    return found


def _place(fit: Fit, equation: Equation, name: str, cause: str) -> str:
    """At which value of a variable the linear coefficient of a cause is the slope."""
    column = fit.data[name] if name in fit.data else None  # noqa: SIM401  (a Dataset; what is computed has no column)
    if isinstance(column, Categories):
        used = [factor.column for each in equation.coefficients for factor in each.factors if factor.variable == name]
        others = [value for value in column.values if f"{name}={value}" not in used]
        if others == [column.reference] or not others:
            return f"for {name} = {column.reference}"
        return f"for {name} = {listed(others, joint='or')}"
    if name == cause:
        return f"where {name} = 0 (a curve)"
    return f"{'at' if column and column.binary else 'where'} {name} = {_zero(column)}"


def _zero(column: Numbers | None) -> str:
    return f"{column.labels[0]} (0)" if column and column.labels else "0"
