"""Whether each prior says one thing about one parameter that the theory has (language 1.9)."""

from collections.abc import Mapping

from mechanisms.errors import SpecError, did_you_mean, listed
from mechanisms.spec.addresses import CURVES, Address, parse_address
from mechanisms.spec.influences import declared
from mechanisms.spec.levels import Units
from mechanisms.spec.parameter_list import check_exists, list_parameters, without_parts
from mechanisms.spec.theory import DISTRIBUTIONS, Distribution, Prior, Theory, Variable

_ARGUMENTS = {
    "normal": "[mean, sd]", "student": "[degrees of freedom, mean, sd]", "half_normal": "sd", "exponential": "rate",
    "lognormal": "[mean of the log, sd of the log]", "gamma": "[shape, rate]", "beta": "[a, b]",
    "uniform": "[lower, upper]", "lkj": "eta",
}  # fmt: skip
_POSITIVE = {
    "normal": (1,), "student": (0, 2), "half_normal": (0,), "exponential": (0,), "lognormal": (1,), "gamma": (0, 1),
    "beta": (0, 1), "uniform": (), "lkj": (0,),
}  # fmt: skip
_SUPPORT = {
    "half_normal": (0.0, None), "exponential": (0.0, None), "lognormal": (0.0, None), "gamma": (0.0, None),
    "beta": (0.0, 1.0),
}  # fmt: skip
_SEVERAL = ("spline", "bspline", "piecewise", "gp")  # shapes with several columns of numbers


def check_priors(theory: Theory, units: Units) -> None:
    """Refuse priors that contradict themselves, each other or the theory."""
    if not theory.priors:
        return
    known = declared(theory)
    drawn = list_parameters(theory, units)
    equal: dict[object, Address] = {}
    seen: set[object] = set()
    for prior in theory.priors:
        where = f"prior on '{prior.address}'"
        address = parse_address(prior.address, prior.place)
        check_exists(address, drawn, known, units, prior.place, where)
        if address.key in seen:
            raise SpecError(f"{where} is said twice", prior.place)
        seen.add(address.key)
        if problem := _problem(prior) or _problem_of_place(prior, address, known, theory):
            raise SpecError(f"{where}: {problem}", prior.place)
        if prior.same_as is not None:
            other = parse_address(prior.same_as, prior.place)
            check_exists(other, drawn, known, units, prior.place, f"{where}: same_as '{prior.same_as}'")
            if other.kind != address.kind:
                raise SpecError(f"{where}: same_as wants an address of the same kind, not a {other.kind}", prior.place)
            equal[address.key] = other
            _check_equality(address, equal, where, prior)
        for name, _ in prior.at:
            if name not in known and name not in units.times:
                hint = did_you_mean(name, known) or f" Known: {listed(known)}."
                raise SpecError(f"{where}: at names unknown variable '{name}'.{hint}", prior.place)


def _check_equality(address: Address, equal: Mapping[object, Address], where: str, prior: Prior) -> None:
    here = address
    for _ in range(len(equal)):
        here = equal[here.key]
        if here.key == address.key:
            raise SpecError(f"{where}: same_as leads back to itself; one of them needs a prior", prior.place)
        if here.key not in equal:
            return


def _problem(prior: Prior) -> str:
    """What is wrong with the prior by itself, or nothing."""
    said = [word for word in ("distribution", "fixed", "same_as", "evidence") if getattr(prior, word) is not None]
    if len(said) != 1:
        which = f"{' and '.join(said)} are said" if said else "nothing is said"
        return f"one of a distribution, fixed and same_as is wanted, or evidence; {which}"
    if prior.discount is not None and (prior.evidence is None or prior.discount <= 0):
        return (
            "discount divides the sd of evidence, by a number above 0"
            if prior.evidence
            else "discount belongs to evidence"
        )
    if prior.evidence is not None:
        return ""
    if prior.distribution is None:
        if prior.above is not None or prior.below is not None:
            return f"above and below bound a distribution, not {said[0]}"
        if prior.same_as is not None and (prior.at or prior.scale != "raw"):
            return "same_as says all; at and scale belong to the other prior"
        return ""
    return _problem_of_distribution(prior.distribution) or _problem_of_bounds(prior, prior.distribution)


def _problem_of_distribution(distribution: Distribution) -> str:
    name, arguments = distribution.name, distribution.arguments
    if name not in DISTRIBUTIONS:
        return f"unknown distribution '{name}'.{did_you_mean(name, DISTRIBUTIONS)}"
    if len(arguments) != DISTRIBUTIONS[name]:
        return f"{name} takes {DISTRIBUTIONS[name]}, {_ARGUMENTS[name]}; {len(arguments)} given"
    for index in _POSITIVE[name]:
        if arguments[index] <= 0:
            return f"{name} takes {_ARGUMENTS[name]}; {arguments[index]:g} is not above 0"
    if name == "uniform" and arguments[0] >= arguments[1]:
        return f"uniform takes {_ARGUMENTS[name]}; {arguments[0]:g} is not below {arguments[1]:g}"
    return ""


def _problem_of_bounds(prior: Prior, distribution: Distribution) -> str:
    lower, upper = (
        distribution.arguments if distribution.name == "uniform" else _SUPPORT.get(distribution.name, (None, None))
    )
    above = max((bound for bound in (prior.above, lower) if bound is not None), default=None)
    below = min((bound for bound in (prior.below, upper) if bound is not None), default=None)
    if above is not None and below is not None and above >= below:
        return f"nothing of {distribution} lies above {above:g} and below {below:g}"
    return ""


def _problem_of_place(prior: Prior, address: Address, known: Mapping[str, Variable], theory: Theory) -> str:
    """What this kind of parameter cannot be."""
    fixed = prior.fixed
    if prior.distribution is not None and (prior.distribution.name == "lkj") != (address.kind == "cor"):
        if address.kind == "cor":
            return "correlations take {lkj: 2} or {fixed: 0}"
        return "lkj is for cor(level), all correlations at once"
    if address.kind == "cor" and fixed not in (None, 0):
        return "correlations take {lkj: 2} or {fixed: 0}"
    if address.kind in ("spread", "sd", "amplitude", "lengthscale", "width"):
        lowest = 0 if address.kind == "sd" else 1e-300
        if not _positive(prior) or (fixed is not None and fixed < lowest):
            return f"{address} is positive; write {{half_normal: 1}}, or add above: 0"
    if address.kind == "reliability" and fixed is not None and not 0 < fixed <= 1:
        return f"a reliability lies between 0 and 1, not at {fixed:g}"
    if address.kind == "residual" and fixed is not None and not -1 < fixed < 1:
        return f"a residual correlation lies between -1 and 1, not at {fixed:g}"
    if address.kind in CURVES and prior.scale != "raw":
        return f"{address} is said in units of the data: leave out scale: standardised"
    if address.kind != "coefficient" or _zero_centred(prior) or _is_monotonic(address, theory):
        return ""
    several = [term.name for term, _ in address.factors if term.value is None and _categories(term.name, known) > 2]
    if several:
        name = several[0]
        example = listed([f"{name}={value}" for value in known[name].values[1:]], joint="or", most=3)
        return f"{name} has several coefficients, only a prior around 0 serves them all; say which: {example}"
    for arrow in theory.arrows:
        own = Address("coefficient", ((arrow.cause, 1),), arrow.effect)
        if arrow.shape.kind in _SEVERAL and without_parts(address).key == without_parts(own).key:
            return f"a {arrow.shape.kind} has several coefficients; only a prior around 0 serves them all"
    return ""


def _is_monotonic(address: Address, theory: Theory) -> bool:
    """Whether an address is that of steps of one sign, whose average a prior is about."""
    own = (
        Address("coefficient", ((arrow.cause, 1),), arrow.effect)
        for arrow in theory.arrows
        if arrow.shape.kind == "monotonic"
    )
    return any(without_parts(address).key == without_parts(each).key for each in own)


def _categories(name: str, known: Mapping[str, Variable]) -> int:
    return len(known[name].values) if name in known else 0


def _positive(prior: Prior) -> bool:
    """Whether a prior keeps to numbers above 0."""
    distribution = prior.distribution
    if distribution is None:
        return True
    if distribution.name == "uniform" and distribution.arguments[0] >= 0:
        return True
    return distribution.name in _SUPPORT or (prior.above is not None and prior.above >= 0)


def _zero_centred(prior: Prior) -> bool:
    if prior.distribution is None:
        return prior.fixed == 0
    name, arguments = prior.distribution.name, prior.distribution.arguments
    centre = {"normal": 0, "student": 1}.get(name)
    return centre is not None and arguments[centre] == 0 and prior.above is None and prior.below is None
