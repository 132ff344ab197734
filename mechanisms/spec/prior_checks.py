"""Whether each prior says one thing about one parameter that the theory has (language 1.9)."""

from collections.abc import Mapping
from itertools import product

from mechanisms.errors import SpecError, did_you_mean, listed
from mechanisms.spec.addresses import Address, parse_address
from mechanisms.spec.influences import added_arrows, list_products
from mechanisms.spec.terms import Term
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


def check_priors(theory: Theory) -> None:
    """Refuse priors that contradict themselves, each other or the theory."""
    known = {variable.name: variable for variable in theory.variables}
    drawn = _drawn(theory)
    equal: dict[object, Address] = {}
    seen: set[object] = set()
    for prior in theory.priors:
        where = f"prior on '{prior.address}'"
        address = parse_address(prior.address, prior.place)
        _check_exists(address, drawn, known, prior, where)
        if address.key in seen:
            raise SpecError(f"{where} is said twice", prior.place)
        seen.add(address.key)
        if problem := _problem(prior) or _problem_of_place(prior, address, known):
            raise SpecError(f"{where}: {problem}", prior.place)
        if prior.same_as is not None:
            other = parse_address(prior.same_as, prior.place)
            _check_exists(other, drawn, known, prior, f"{where}: same_as '{prior.same_as}'")
            if other.kind != address.kind:
                raise SpecError(f"{where}: same_as wants an address of the same kind, not a {other.kind}", prior.place)
            equal[address.key] = other
            _check_equality(address, equal, where, prior)
        for name, _ in prior.at:
            if name not in known:
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
    said = [word for word in ("distribution", "fixed", "same_as") if getattr(prior, word) is not None]
    if len(said) != 1:
        which = f"{' and '.join(said)} are said" if said else "nothing is said"
        return f"one of a distribution, fixed and same_as is wanted; {which}"
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


def _problem_of_place(prior: Prior, address: Address, known: Mapping[str, Variable]) -> str:
    """What this kind of parameter cannot be."""
    distribution, fixed = prior.distribution, prior.fixed
    if address.kind == "spread":
        positive = distribution is None or distribution.name in _SUPPORT or (prior.above or 0) > 0 or prior.above == 0
        if distribution is not None and distribution.name == "uniform":
            positive = distribution.arguments[0] >= 0
        if not positive or (fixed is not None and fixed <= 0):
            return f"{address} is positive; write {{half_normal: 1}}, or add above: 0"
    if address.kind == "residual" and fixed is not None and not -1 < fixed < 1:
        return f"a residual correlation lies between -1 and 1, not at {fixed:g}"
    several = [term.name for term, _ in address.factors if term.value is None and len(known[term.name].values) > 2]
    if address.kind == "coefficient" and several and not _zero_centred(prior):
        name = several[0]
        example = listed([f"{name}={value}" for value in known[name].values[1:]], joint="or", most=3)
        return f"{name} has several coefficients, only a prior around 0 serves them all; say which: {example}"
    return ""


def _zero_centred(prior: Prior) -> bool:
    if prior.distribution is None:
        return prior.fixed == 0
    name, arguments = prior.distribution.name, prior.distribution.arguments
    centre = {"normal": 0, "student": 1}.get(name)
    return centre is not None and arguments[centre] == 0 and prior.above is None and prior.below is None


def _drawn(theory: Theory) -> dict[object, Address]:
    """Every parameter of the theory by key; a categorical cause stands for all its categories."""
    found: list[Address] = []
    for cause, effect in added_arrows(theory):
        found.append(Address("coefficient", ((cause, 1),), effect))
    for arrow in theory.arrows:
        powers = (1, 2) if arrow.shape.kind == "quadratic" else (1,)
        sets = [(arrow.cause,), *(terms for terms, _ in list_products(arrow))]
        for power, (cause, *rest) in product(powers, sets):
            found.append(Address("coefficient", ((cause, power), *((term, 1) for term in rest)), arrow.effect))
        for moderators in arrow.moderated_by:
            plain = tuple((term, 1) for term in moderators)
            for size in range(2, len(plain) + 1):
                found.append(Address("coefficient", plain[:size], arrow.effect))
    for pair in theory.hidden:
        found.append(Address("residual", ((pair.one, 1), (pair.other, 1))))
    for variable in theory.variables:
        found.append(Address("intercept", effect=Term(variable.name)))
        if (variable.family or "normal") == "normal":
            found.append(Address("spread", effect=Term(variable.name, spread="sigma")))
    return {address.key: address for address in found}


def _check_exists(
    address: Address, drawn: Mapping[object, Address], known: Mapping[str, Variable], prior: Prior, where: str
) -> None:
    for term in address.terms:
        if term.name not in known:
            hint = did_you_mean(term.name, known) or f" Known: {listed(known)}."
            raise SpecError(f"{where} names unknown variable '{term.name}'.{hint}", prior.place)
        values = known[term.name].values
        if term.value is not None and term.value not in values:
            hint = did_you_mean(term.value, values) or f" It has {listed(values) or 'no declared values'}."
            raise SpecError(f"{where}: {term.name} has no value '{term.value}'.{hint}", prior.place)
    if address.key in drawn:
        return
    if _whole(address).key in drawn:
        for term, _ in address.factors:
            if term.value is not None and term.value == known[term.name].values[0]:
                others = listed(known[term.name].values[1:], joint="or")
                message = (
                    f"{where}: '{term.value}' is the reference of {term.name} and has no coefficient; say {others}"
                )
                raise SpecError(message, prior.place)
        return
    hint = did_you_mean(str(address), [str(other) for other in drawn.values()])
    raise SpecError(f"{where}: no such parameter.{hint}", prior.place)


def _whole(address: Address) -> Address:
    """The same address with its categories left open."""
    return Address(address.kind, tuple((Term(term.name), power) for term, power in address.factors), address.effect)
