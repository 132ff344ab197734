"""Curves that are read, but not compiled yet."""

from collections.abc import Iterator

from mechanisms.errors import Place, listed
from mechanisms.graph.expansion import Expansion, expand
from mechanisms.graph.expansion.coefficients import Coefficient
from mechanisms.graph.expansion.courses import find_owned
from mechanisms.graph.levels import survey
from mechanisms.model.families import FAMILIES
from mechanisms.spec.addresses import CURVES, Address, parse_address
from mechanisms.spec.shapes import TRAITS, count_columns, count_pieces
from mechanisms.spec.theory import Arrow, Prior, Theory, Variable

Fault = tuple[str, Place]


def list_curve_faults(theory: Theory, modelled: set[str]) -> Iterator[Fault]:
    """Curves of what has no values in the data, curves that are variables, and logarithms of what may be negative."""
    for arrow in theory.arrows:
        name = arrow.cause.name
        cause = theory.variable(name) if name in theory.names else None
        if arrow.shape.kind == "monotonic" and cause is not None:
            yield from ((f"{arrow}: {what}", arrow.place) for what in _of_steps(arrow, cause, theory))
        if not count_columns(arrow.shape) or cause is None:
            continue
        yield from ((f"{arrow}: {what}", arrow.place) for what in _of_values(arrow, cause, modelled))
        yield from _of_priors(arrow, theory)
    expansion = expand(theory)
    for each in expansion.coefficients:
        if each.shape.kind == "log" and each.carries in ("departure", "course"):
            what = f"'{each.cause}' has no logarithm: a course or a departure from it may be 0 or below"
            yield (
                f"{each.address}: {what}; take the logarithm in the data, or choose {{spline: 3}}",
                _place(each, theory),
            )

    yield from _of_variables(theory, expansion)


def _of_variables(theory: Theory, expansion: Expansion) -> Iterator[Fault]:
    """Coefficients as variables, of curves that have several numbers."""
    owned = find_owned(expansion.coefficients, survey(theory))
    for each in expansion.coefficients:
        if each.address in owned and (count_pieces(each.shape) or each.shape.kind == "monotonic"):
            owner = owned[each.address]
            what = f"{each.address} is a curve of several numbers, {each.shape}, and no single one that could be a variable"
            yield f"{owner.name}: {what}: leave out its shape, or {{is: …}}", owner.place


def _place(coefficient: Coefficient, theory: Theory) -> Place:
    return coefficient.arrow.place if coefficient.arrow else theory.place


def _of_values(arrow: Arrow, cause: Variable, modelled: set[str]) -> Iterator[str]:
    """Values that a curve does not take."""
    name = cause.name
    family = FAMILIES.get(cause.family or "normal")
    if arrow.shape.kind == "log" and name in modelled and not (family and family.positive):
        yield (
            f"the logarithm of {name}, whose family {cause.family or 'normal'} allows values of 0 and below, is "
            f"not compiled; declare {name}: {{family: lognormal}}, or choose {{spline: 3}}"
        )


def _of_priors(arrow: Arrow, theory: Theory) -> Iterator[Fault]:
    """Priors on what a gp has no single number of, on S-curves elsewhere than at 0, and equal traits."""
    kind = arrow.shape.kind
    for prior in theory.priors if kind in TRAITS else ():
        address = parse_address(prior.address, prior.place)
        if what := _of_prior(prior, address, arrow):
            yield f"prior on '{prior.address}': {what}", prior.place


def _of_prior(prior: Prior, address: Address, arrow: Arrow) -> str:
    inner = address.of or address
    causes = [term.name for term, _ in inner.factors]
    if arrow.cause.name not in causes or inner.effect is None or inner.effect.name != arrow.effect.name:
        at = [name for name, _ in prior.at if name == arrow.cause.name and arrow.shape.kind == "logistic"]
        return f"at a value of {at[0]}, whose S-curve is not known beforehand, is not compiled" if at else ""
    if address.kind in CURVES:
        return f"'same_as' for the {address.kind} of a curve is read but not compiled yet" if prior.same_as else ""
    if arrow.shape.kind != "gp" or address.kind != "coefficient" or inner.factors[0][0].name != arrow.cause.name:
        return ""
    words = [f"{word}({arrow})" for word in TRAITS["gp"]]
    return f"a gp has no coefficients to know about; its priors are on {listed(words)}"


def _of_steps(arrow: Arrow, cause: Variable, theory: Theory) -> Iterator[str]:
    """What of a monotonic arrow is not compiled."""
    if cause.family not in ("ordinal", "sequential"):
        yield f"shape monotonic of numbers is not compiled yet; declare {cause.name}: {{family: ordinal, values: [low, high]}}"
    for prior in theory.priors:
        factors = parse_address(prior.address, prior.place).factors
        if cause.name not in [term.name for term, _ in factors] or f"-> {arrow.effect}" not in prior.address:
            continue
        if any(term.piece for term, _ in factors) or prior.same_as is not None or prior.fixed:
            yield (
                f"prior on '{prior.address}': steps of one sign share one prior, on the average step, which is not compiled "
                f"yet as a number or an equality; write {arrow}: {{normal: [0, 1]}}"
            )
        elif prior.fixed is not None and arrow.varies_by and len(factors) == 1:
            yield (
                f"prior on '{prior.address}': the climb is fixed at 0, so that nothing says how units share out climbs of their own "
                f"among the steps; write {arrow}: {{normal: [0, 1]}}, or leave out varies_by"
            )
