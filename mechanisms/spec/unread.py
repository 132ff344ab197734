"""What is part of the language but not read by this version: one table, so that nothing is refused as a stranger.

A word that stands here is refused by name; a word that is in no grammar at all is an unknown word with a near miss.
When a later version reads a word, its line goes away.
"""

from mechanisms.errors import Place, SpecError
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import Said, Theory

_TOP = {
    "levels": "every row is one unit of one kind",
    "time": "every row is one unit at one moment",
    "based_on": "write the theory out in full",
}
_VARIABLE = {
    "level": "every row is one unit of one kind",
    "zeros": "",
    "out_of": "",
    "event": "",
    "assessed": "every row is one moment",
    "centre": "",
    "is": "make the column in the data",
    "only_when": "",
}
_ARROW = {"varies_by": "every row is one unit of one kind", "only_when": "", "lag": "every row is one moment"}
_PRIOR = {"evidence": "write the distribution", "discount": "write the distribution", "lkj": ""}
KEYS: dict[str, dict[str, str]] = {"theory": _TOP, "variable": _VARIABLE, "arrow": _ARROW, "prior": _PRIOR}

READ_FAMILIES = ("normal", "bernoulli", "categorical")
READ_LINKS = ("identity", "logit", "probit")
READ_SHAPES = ("linear", "quadratic")


def refuse(what: str, place: Place, instead: str = "") -> SpecError:
    """The error for something of the grammar that this version does not read."""
    return SpecError(
        f"{what} is part of the language but is not read by this version{instead and f'; {instead}'}", place
    )


def refuse_key(kind: str, key: str, where: str, place: Place) -> SpecError:
    """The error for a key of the grammar that this version does not read."""
    return refuse(f"{where}'{key}'", place, KEYS[kind][key])


def refuse_term(term: Term, place: Place) -> None:
    """Refuse a term that is more than a variable or one category of it."""
    if term.when is not None:
        raise refuse(f"'{term}' (an occasion)", place, "every row is one moment")
    if term.part is not None:
        raise refuse(f"'{term}' (a part)", place, "every row is one unit of one kind")
    if term.spread is not None:
        raise refuse(f"'{term}' as a cause or an effect", place)


def refuse_unread(theory: Theory) -> None:
    """Refuse what a theory built by hand says beyond what this version reads; `check` sees to the terms."""
    fields = {"is": "computed"}
    said: list[tuple[str, str, Said, Place]] = [("theory", "", theory, theory.place)]
    said += [("variable", f"{variable.name}: ", variable, variable.place) for variable in theory.variables]
    said += [("arrow", f"{arrow}: ", arrow, arrow.place) for arrow in theory.arrows]
    said += [("prior", f"prior on '{prior.address}': ", prior, prior.place) for prior in theory.priors]
    for kind, where, one, place in said:
        for key in KEYS[kind]:
            if getattr(one, fields.get(key, key), None) not in (None, ()):
                raise refuse_key(kind, key, where, place)
    for variable in theory.variables:
        if variable.measured_by:
            raise refuse(f"{variable.name}: measured_by with indicators", variable.place)
        for key, word, read in (("family", variable.family, READ_FAMILIES), ("link", variable.link, READ_LINKS)):
            if word is not None and word not in read:
                raise refuse(f"{variable.name}: {key} '{word}'", variable.place)
    for arrow in theory.arrows:
        if arrow.shape.kind not in READ_SHAPES:
            raise refuse(f"{arrow}: shape '{arrow.shape.kind}'", arrow.place)
