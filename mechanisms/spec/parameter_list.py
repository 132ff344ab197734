"""The parameters that a theory has by its words, and whether an address is one of them (language 1.8).

With levels an arrow stands for coefficients of parts, which only the expansion knows (`graph.expansion`): there an
address is compared without its parts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

from mechanisms.errors import Place, SpecError, did_you_mean, listed
from mechanisms.spec.addresses import CURVES, Address
from mechanisms.spec.families import kind_of, spreads_of, thresholds_of
from mechanisms.spec.foreign import NOT_OURS
from mechanisms.spec.influences import added_arrows, declared, list_products
from mechanisms.spec.level_checks import check_term
from mechanisms.spec.levels import Units
from mechanisms.spec.shapes import TRAITS, count_pieces, list_powers
from mechanisms.spec.terms import CONSTANT, Term
from mechanisms.spec.theory import Arrow, Theory, Variable

Listing = dict[object, Address]


def list_parameters(theory: Theory, units: Units) -> Listing:
    """Every parameter by the key of its bare address; a categorical cause stands for all its categories."""
    known = declared(theory)
    found: list[Address] = []
    for cause, effect in added_arrows(theory):
        found += [Address("coefficient", ((cause, 1),), reached) for reached in _reached(effect, known)]
    for arrow in theory.arrows:
        if arrow.cause != CONSTANT:
            found += _coefficients(arrow, known)
        found += [
            Address("sd", of=Address("intercept", effect=arrow.effect), level=level)
            if arrow.cause == CONSTANT
            else Address("sd", of=each, level=level)
            for level in arrow.varies_by or ()
            for reached in _reached(arrow.effect, known)
            for each in _deviating(arrow, reached)
        ]
    found += [Address("residual", ((pair.one, 1), (pair.other, 1))) for pair in theory.hidden]
    for variable in known.values():
        found += _of_variable(variable, units)
    found += [Address("cor", level=level) for level in units.above]
    return {without_parts(address).key: address for address in found}


def _coefficients(arrow: Arrow, known: Mapping[str, Variable]) -> Iterator[Address]:
    """The coefficients of one arrow: powers of its cause, products with its moderators."""
    powers, pieces = list_powers(arrow.shape), count_pieces(arrow.shape)
    if arrow.shape.kind == "monotonic" and arrow.cause.name in known:
        pieces = max(len(known[arrow.cause.name].values) - 1, 0)
    sets = [(arrow.cause,), *(terms for terms, _ in list_products(arrow))]
    for effect, power, (cause, *rest) in product(_reached(arrow.effect, known), powers, sets):
        others = tuple((term, 1) for term in rest)
        for trait in TRAITS.get(arrow.shape.kind, ()) if arrow.shape.kind == "gp" or not rest else ():
            yield Address(CURVES[trait], of=Address("coefficient", ((cause, power), *others), effect))
        yield Address("coefficient", ((cause, power), *others), effect)
        for piece in range(1, pieces + 1):
            yield Address("coefficient", ((replace(cause, piece=piece), 1), *others), effect)
    for moderators in arrow.moderated_by:
        plain = tuple((term, 1) for term in moderators)
        for effect in _reached(arrow.effect, known):
            yield from (Address("coefficient", plain[:size], effect) for size in range(2, len(plain) + 1))


def _deviating(arrow: Arrow, effect: Term) -> Iterator[Address]:
    """The numbers of an arrow that differ among units: the arrow itself, each power and each piece; of a gp no single wave."""
    for power in list_powers(arrow.shape):
        yield Address("coefficient", ((arrow.cause, power),), effect)
    for piece in range(1, count_pieces(arrow.shape) + 1 if arrow.shape.kind != "gp" else 1):
        yield Address("coefficient", ((replace(arrow.cause, piece=piece), 1),), effect)


def _reached(effect: Term, known: Mapping[str, Variable]) -> tuple[Term, ...]:
    """The parts of the effect that an arrow reaches: both where zeros are said, every step of a categorical one."""
    if effect.plain and known[effect.name].zeros:
        return tuple(Term(effect.name, spread=part) for part in ("any", "amount"))
    if effect.plain and known[effect.name].family == "categorical":
        return (effect, *(Term(effect.name, value=value) for value in known[effect.name].values[1:]))
    return (effect,)


def _of_variable(variable: Variable, units: Units) -> Iterator[Address]:
    """Intercepts, thresholds, spreads, loadings and reliabilities."""
    name = variable.name
    effects = [Term(name), *(Term(name, spread=part) for part in spreads_of(variable))]
    if thresholds_of(variable):
        effects += [Term(name, value=value) for value in thresholds_of(variable)]
    for effect in effects:
        yield Address("intercept", effect=effect)
        for level in units.parts(name)[1:]:
            yield Address("sd", of=Address("intercept", effect=effect), level=level)
    if kind_of(variable).spread:
        yield Address("spread", effect=Term(name, spread=kind_of(variable).spread))
    if kind_of(variable).skew:
        yield Address("skew", effect=Term(name))
    for indicator in variable.measured_by or ():
        yield Address("coefficient", ((Term(name), 1),), Term(indicator))
        yield Address("reliability", effect=Term(indicator))


def without_parts(address: Address, *, values: bool = True) -> Address:
    """The same address without the parts of its causes; `values=False` also leaves their categories open."""
    factors = tuple(
        (Term(term.name, when=term.when, value=term.value if values else None, piece=term.piece), power)
        for term, power in address.factors
    )
    inner = without_parts(address.of, values=values) if address.of else None
    return Address(address.kind, factors, address.effect, inner, address.level, address.gap)


def check_exists(
    address: Address, drawn: Listing, known: Mapping[str, Variable], units: Units, place: Place, where: str
) -> None:
    """Refuse an address of no parameter of the theory, with the near miss."""
    for term in address.terms:
        inner = Term(term.name, term.part, term.when, term.value)
        check_term(inner, known, units, where, f"{where}: ", place)
        parts = spreads_of(known[term.name]) if term.name in known else ()
        if term.spread is not None and term.spread not in parts:
            family = known[term.name].family or "normal"
            raise SpecError(f"{where}: {family} has no part '{term.spread}'; it has {listed(parts) or 'none'}", place)
    level = address.level
    if level is not None and level not in units.above:
        hint = did_you_mean(level, units.above) or f" Known: {listed(units.above) or 'none, there are no levels'}."
        raise SpecError(f"{where}: unknown level '{level}'.{hint}", place)
    if any(without_parts(address, values=values).key in drawn for values in (True, False)):
        _refuse_reference(address, known, place, where)
        return
    if address.kind == "residual" and _are_courses(address, units):
        return
    if address.gap:
        rest = replace(address, gap="")
        raise SpecError(
            f"{where}: what belongs to some occasions alone takes no prior of a theory, only its default (`mx.explain` "
            f"prints it); a prior on {rest} is about the others",
            place,
        )
    hint = did_you_mean(str(address), [str(other) for other in drawn.values()])
    hint = _hint(address, known) or hint
    raise SpecError(f"{where}: no such parameter.{hint}", place)


def _hint(address: Address, known: Mapping[str, Variable]) -> str:
    effect = address.effect
    if address.kind == "coefficient" and effect and effect.plain and known[effect.name].zeros:
        factors = str(address).partition(" -> ")[0]
        return f" An arrow into {effect} is two; say which: {factors} -> any({effect}) | {factors} -> amount({effect})"
    if address.kind == "residual":
        return " Residuals correlate where a <-> b stands among the arrows, courses, a(client) <-> b(client), wherever no arrow joins them"
    if address.kind == "sd" and address.of and len(address.of.factors) > 1:
        cause = address.of.factors[0][0]
        nearest = f"{cause} -> {address.of.effect}: {{varies_by: {address.level}}}"
        return f" A product that varies by {address.level} is {NOT_OURS}; the nearest is {nearest}"
    if address.kind == "sd" and address.of and any(term.piece for term, _ in address.of.factors):
        whole = tuple((replace(term, piece=None), power) for term, power in address.of.factors)
        return f" It is said of a whole curve: {replace(address, of=replace(address.of, factors=whole))}"
    if address.kind == "sd" and address.of and address.level:
        return f" Write {address.of}: {{varies_by: {address.level}}} under arrows"
    return ""


def _are_courses(address: Address, units: Units) -> bool:
    """Whether both sides of a pair are courses at one level, which correlate without being drawn (R8)."""
    parts = {term.part for term, _ in address.factors}
    return (
        len(parts) == 1
        and None not in parts
        and all(term.part in units.parts(term.name)[1:] for term, _ in address.factors)
    )


def _refuse_reference(address: Address, known: Mapping[str, Variable], place: Place, where: str) -> None:
    for term, _ in address.factors:
        values = known[term.name].values if term.name in known else ()
        if term.value is not None and values and term.value == values[0]:
            others = listed(values[1:], joint="or")
            raise SpecError(
                f"{where}: '{term.value}' is the reference of {term.name} and has no coefficient; say {others}", place
            )
