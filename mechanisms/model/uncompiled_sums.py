"""Computed variables that are read, but not compiled yet: what they are made of, their curves, and conditions on them."""

from collections.abc import Iterator

from mechanisms.errors import Place
from mechanisms.graph.levels import computed_from
from mechanisms.spec.terms import Relative
from mechanisms.spec.theory import Arrow, Theory, Variable

_WORDS = ("ordinal", "sequential", "categorical")
Fault = tuple[str, Place]


def list_sum_faults(theory: Theory) -> Iterator[Fault]:
    """Sums of categories and, without levels, of latent variables; curves out of sums and conditions on them that no data place."""
    for variable in theory.variables:
        yield from ((what, variable.place) for what in _of_parts(variable, theory))
    for arrow in theory.arrows:
        yield from ((f"{arrow}: {what}", arrow.place) for what in _of_curve(arrow, theory))
        yield from ((f"{arrow}: only_when: {what}", arrow.place) for what in _of_condition(arrow, theory))


def _of_parts(variable: Variable, theory: Theory) -> Iterator[str]:
    """Categories, whose codes are no numbers and whose indicators are not summed yet; latent variables."""
    families = {each.name: each.family for each in theory.variables}
    latent = {each.name for each in theory.variables if each.measured_by is not None}
    for term in computed_from(variable):
        if term.name in latent and not theory.levels:
            yield f"{variable.name}: '{term}', a latent variable in a sum, is not compiled yet"
        if term.value is not None or families.get(term.name) in _WORDS:
            yield f"{variable.name}: '{term}', a category in a sum, is not compiled yet; make the column in the data"


def _of_curve(arrow: Arrow, theory: Theory) -> Iterator[str]:
    """Logarithms, and curves that the values of what nobody sees would have to place."""
    sums = [each for each in theory.variables if each.name == arrow.cause.name and computed_from(each)]
    shape = arrow.shape.kind
    if not sums or shape in ("linear", "quadratic", "polynomial"):
        return
    name = sums[0].name
    if shape == "log":
        yield (
            f"the logarithm of {name}, which is computed and may be 0 or below where its parts are moved, is not compiled; make "
            "a column of it in the data, or choose {spline: 3}"
        )
    if unseen := [each.name for each in _take_apart(sums[0], theory) if _is_unseen(each)]:
        yield (
            f"shape {arrow.shape} of {name}, which is computed from {unseen[0]}, is not compiled: nobody observed {unseen[0]}, so "
            "that no data place the curve; shape: quadratic is compiled"
        )


def _of_condition(arrow: Arrow, theory: Theory) -> Iterator[str]:
    """Conditions on coefficients, on what nobody sees, and on sums that do not exist everywhere."""
    for name in arrow.only_when.names if arrow.only_when else ():
        variable = next((each for each in theory.variables if each.name == name and each.computed), None)
        if variable is None:
            continue
        if not computed_from(variable) or any(_is_unseen(each) for each in _take_apart(variable, theory)):
            yield f"{name}, which nobody observed, is not compiled as a condition: nobody sees where the arrow acts"
        elif _has_holes(variable, theory):
            yield (
                f"{name}, which is computed and does not exist everywhere, is not compiled as a condition; make a column of it in "
                "the data"
            )


def _take_apart(variable: Variable, theory: Theory) -> Iterator[Variable]:
    """What a sum is made of, sums in it taken apart."""
    for part in (each for each in theory.variables if each.name in {term.name for term in computed_from(variable)}):
        yield from _take_apart(part, theory) if computed_from(part) else (part,)


def _is_unseen(variable: Variable) -> bool:
    return variable.measured_by is not None or variable.computed is not None


def _has_holes(variable: Variable, theory: Theory) -> bool:
    """Whether a sum looks back, or at what exists only somewhere."""
    back = any(isinstance(term.when, Relative) and term.when.steps for term in computed_from(variable))
    names = {term.name for term in computed_from(variable)}
    parts = [each for each in theory.variables if each.name in names]
    return back or any(each.only_when is not None or _has_holes(each, theory) for each in parts)
