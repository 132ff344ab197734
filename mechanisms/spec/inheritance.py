"""`based_on`: a theory that adds to another, replaces and removes parts of it (language 1.2).

Whatever has the same text replaces what is inherited: a level, a variable, an arrow, a hidden cause, a prior.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise

from mechanisms.errors import Place, SpecError, did_you_mean
from mechanisms.spec.addresses import parse_address
from mechanisms.spec.influences import added_arrows, declared
from mechanisms.spec.said import Said
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import HiddenCause, Prior, Question, Theory

Pair = tuple[Term, Term]
MOST_BASES = 20


def check_chain(below: tuple[str, ...], file: str, theory: Theory) -> tuple[str, ...]:
    """The files read so far with this theory's own and its base's; a circle is refused."""
    here = theory.place.file
    chain = (*below, *(() if here is None or here in below else (here,)))
    if file in chain:
        raise SpecError(
            f"based_on: a circle: {' is based on '.join([*chain[chain.index(file) :], file])}", theory.place
        )
    if len(chain) > MOST_BASES:
        raise SpecError(f"based_on: more than {MOST_BASES} theories, each based on the next", theory.place)
    return (*chain, file)


def inherit(base: Theory, own: Theory, lines: Mapping[Pair, Place]) -> Theory:
    """What `own` stands for: everything of `base` that it neither replaces nor leaves out, and its own."""
    left_out = set(own.without)
    inherited = {(arrow.cause, arrow.effect) for arrow in base.arrows}
    gone = left_out & inherited
    arrows = tuple(arrow for arrow in base.arrows if (arrow.cause, arrow.effect) not in left_out)
    merged = own.model_copy(
        update={
            "title": own.title or base.title,
            "because": own.because or base.because,
            "source": own.source or base.source,
            "levels": _merge(base.levels, own.levels, lambda level: level.name),
            "time": own.time or base.time,
            "variables": _merge(base.variables, own.variables, lambda variable: variable.name),
            "arrows": _merge(arrows, own.arrows, str),
            "hidden": _merge(_without_hidden(base, own), own.hidden, str),
            "without_hidden": (),
            "priors": _merge(
                tuple(prior for prior in base.priors if not _speaks_of(prior, gone, own.without_hidden)),
                own.priors,
                lambda prior: prior.address,
            ),
            "questions": (*(each for each in base.questions if not _runs_over(each, gone)), *own.questions),
            "own": own,
        }
    )
    drawn = {(arrow.cause, arrow.effect) for arrow in own.arrows}
    automatic = set(added_arrows(merged, denied=True))
    for pair in own.without:
        if pair not in inherited | automatic and pair not in drawn:
            text = f"{pair[0]} -> {pair[1]}"
            known = [f"{cause} -> {effect}" for cause, effect in sorted(inherited | automatic, key=str)]
            raise SpecError(
                f"without: '{text}': there is no such arrow to leave out.{did_you_mean(text, known)}",
                lines.get(pair, own.place),
            )
    denied = [pair for pair in (*base.without, *own.without) if pair in automatic or pair in drawn & left_out]
    kept = [pair for pair in dict.fromkeys(denied) if pair not in drawn or pair in left_out]
    return merged.model_copy(update={"without": tuple(kept)})


def _without_hidden(base: Theory, own: Theory) -> tuple[HiddenCause, ...]:
    """The base's hidden causes but those that `own` leaves out."""
    texts = {str(pair) for pair in base.hidden}
    for pair in own.without_hidden:
        if str(pair) not in texts:
            hint = did_you_mean(str(pair), texts)
            raise SpecError(f"without: '{pair}': there is no such hidden cause to leave out.{hint}", pair.place)
    gone = {str(pair) for pair in own.without_hidden}
    return tuple(pair for pair in base.hidden if str(pair) not in gone)


def complete(theory: Theory) -> Theory:
    """The theory with every indicator declared."""
    known = declared(theory)
    if len(known) <= len(theory.variables):
        return theory
    missing = [known[name] for name in known if name not in set(theory.names)]
    levels = {level.name for level in theory.levels}
    for variable in missing:
        if variable.name in levels:
            raise SpecError(f"'{variable.name}' is a level and cannot be an indicator", variable.place)
    return theory.model_copy(update={"variables": (*theory.variables, *missing)})


def _merge[S: Said](base: tuple[S, ...], own: tuple[S, ...], text: Callable[[S], str]) -> tuple[S, ...]:
    """The base's, each replaced by the own one of the same text, then the rest of the own."""
    mine = {text(each): each for each in own}
    if len(mine) < len(own):
        return (*base, *own)  # said twice: the check says so
    taken = {text(each) for each in base}
    return (*(mine.get(text(each), each) for each in base), *(each for each in own if text(each) not in taken))


def _speaks_of(prior: Prior, gone: set[Pair], hidden: tuple[HiddenCause, ...]) -> bool:
    """Whether an inherited prior is about an arrow that is left out."""
    address = parse_address(prior.address, prior.place)
    address = address.of or address
    if address.kind == "residual":
        return any({term for term, _ in address.factors} == {pair.one, pair.other} for pair in hidden)
    return any((term, address.effect) in gone for term, _ in address.factors)


def _runs_over(question: Question, gone: set[Pair]) -> bool:
    """Whether an inherited question asks of a path over an arrow that is left out."""
    names = {(cause.name, effect.name) for cause, effect in gone}
    return any(step in names for step in pairwise(question.path))
