"""The theory's priors under the addresses that the equations have: found, or refused with the near miss."""

from collections.abc import Iterable
from dataclasses import replace

from mechanisms.errors import SpecError, did_you_mean
from mechanisms.model.equations import Equation, Residual, Varying
from mechanisms.model.single_correlations import name_entries
from mechanisms.spec.addresses import Address, parse_address
from mechanisms.spec.measuring import list_gauge_priors
from mechanisms.spec.theory import Prior, Theory


def key_priors(
    theory: Theory,
    equations: tuple[Equation, ...],
    varying: Iterable[Varying] = (),
    residuals: Iterable[Residual] = (),
) -> tuple[tuple[str, Prior], ...]:
    """The theory's priors under the equations' own addresses, and what gives latents their units; `same_as` is resolved too."""
    named = [
        address for each in equations for address in (*each.addresses, each.spread, each.shape, *each.traits) if address
    ]
    named += [address for each in varying for address in (*each.sds, each.correlation)]
    named += [address for each in varying for address, _, _ in name_entries(each, ())]
    named += [each.address for each in residuals]
    known = {parse_address(address).key: address for address in named}
    kinds = {address: parse_address(address).kind for address in known.values()}
    found: dict[str, Prior] = {}
    for prior in (*theory.priors, *list_gauge_priors(theory)):
        if pieces := _pieces(prior, known):
            found |= dict.fromkeys((each for each in pieces if each not in found), prior)
            continue
        address = _resolved(prior.address, known, prior)
        if address in found and parse_address(prior.address).key == parse_address(found[address].address).key:
            raise SpecError(f"prior on '{address}' is said twice", prior.place)
        if prior.same_as is not None:
            other = _resolved(prior.same_as, known, prior)
            if other == address:
                raise SpecError(f"prior on '{address}': same as itself", prior.place)
            if kinds[other] != kinds[address]:
                raise SpecError(f"prior on '{address}': '{other}' is another kind of parameter", prior.place)
            found[address] = prior.model_copy(update={"same_as": other})
        else:
            found[address] = prior
    for address, prior in found.items():
        if prior.same_as is not None and prior.same_as in found and found[prior.same_as].same_as is not None:
            raise SpecError(
                f"prior on '{address}': '{prior.same_as}' is itself the same as another; name that one", prior.place
            )
        for name, _ in prior.at:
            _check_at(name, address, prior, equations)
    return tuple(found.items())


def _resolved(text: str, known: dict[tuple[object, ...], str], prior: Prior) -> str:
    """The equations' own spelling of an address; a whole category has to be said one value at a time."""
    key = parse_address(text, prior.place).key
    if key in known:
        return known[key]
    if f"1 -> {text}" in known.values():
        raise SpecError(
            f"prior on '{text}': an arrow is drawn into it, so that it is no single number. The prior goes on '1 -> {text}', "
            "its logarithm at 0 of the causes",
            prior.place,
        )
    bare = [address for address in known.values() if "=" in address and _without_values(address) == text]
    if bare:
        raise SpecError(
            f"prior on '{text}': that arrow stands for {len(bare)} coefficients; say which: {' | '.join(bare)}",
            prior.place,
        )
    raise SpecError(
        f"prior on '{text}': the theory has no such parameter.{did_you_mean(text, known.values())}", prior.place
    )


def _pieces(prior: Prior, known: dict[tuple[object, ...], str]) -> list[str]:
    """The columns of a curve, where a prior on the arrow speaks of all of them (it is centred on 0: language 1.9)."""
    wanted = parse_address(prior.address, prior.place).key
    if wanted in known or prior.same_as is not None:
        return []
    return [address for address in known.values() if "[" in address and _without_pieces(address).key == wanted]


def _without_pieces(address: str) -> Address:
    found = parse_address(address)
    return replace(found, factors=tuple((replace(term, piece=None), power) for term, power in found.factors))


def _without_values(address: str) -> str:
    left, _, right = address.partition(" -> ")
    causes = " * ".join(factor.partition("=")[0] for factor in left.split(" * "))
    return f"{causes} -> {right.partition('=')[0]}"


def _check_at(name: str, address: str, prior: Prior, equations: tuple[Equation, ...]) -> None:
    """`at` must name a moderator of the coefficient that the prior is on, or its own cause where that bends."""
    predictors = [each for equation in equations for each in equation.predictors]
    found = [(equation, each) for equation in predictors for each in equation.coefficients if each.address == address]
    if not found:
        raise SpecError(f"prior on '{address}': at belongs to priors on coefficients", prior.place)
    equation, own = found[0]
    companions = equation.companions(own)
    if name not in companions:
        hint = did_you_mean(name, companions)
        raise SpecError(f"prior on '{address}': at: '{name}' does not moderate it.{hint}", prior.place)
