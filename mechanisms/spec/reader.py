"""File → Theory: YAML or dagitty text, told apart by content. For any text the outcome is a Theory or a `SpecError`."""

import re
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mechanisms.errors import Place, SpecError
from mechanisms.spec.checks import check
from mechanisms.spec.dagitty import is_dagitty, read_dagitty
from mechanisms.spec.drawing import read_arrows, read_unmeasured, read_without, read_without_hidden
from mechanisms.spec.inheritance import check_chain, complete, inherit
from mechanisms.spec.levels import read_levels, read_time
from mechanisms.spec.networks import check_added, is_network, read_network
from mechanisms.spec.nodes import Entries, Text, open_source, read_nodes
from mechanisms.spec.priors import read_priors
from mechanisms.spec.questions import read_questions
from mechanisms.spec.shelf import find_base, read_content
from mechanisms.spec.terms import CONSTANT
from mechanisms.spec.theory import Theory, Variable
from mechanisms.spec.variables import declare, read_variables
from mechanisms.spec.words import read_citation, read_text, strange_key

if TYPE_CHECKING:
    import networkx as nx

WORDS = {"name": read_text, "title": read_text, "because": read_text, "source": read_citation, "based_on": read_text}
PARTS = ("levels", "time", "variables", "arrows", "unmeasured", "without", "priors", "questions")


def parse(text: "str | bytes | nx.DiGraph[Any]", file: str | None = None) -> Theory:
    """The theory that a text is, YAML or dagitty, or a networkx graph, checked. `file` is the name that errors show.

    A theory `based_on` another is looked for beside that file, then in the catalogue.

    >>> parse("arrows: [treat -> job_seek -> depress2, treat -> depress2]").names
    ('treat', 'job_seek', 'depress2')
    """
    return read_text_of(text, file, None if file is None else Path(file).parent)


def read(path: str | PathLike[str]) -> Theory:
    """The theory in a file."""
    return parse(read_content(path), str(Path(path)))


def resolve(theory: Theory) -> Theory:
    """The theory with everything that it inherits and every indicator declared, checked.

    What `parse` gives is resolved already; a theory built by hand may not be. Resolving twice changes nothing.
    """
    if theory.based_on is None or theory.own is not None:
        return check(complete(theory))
    file = theory.place.file
    return _resolved(theory, None if file is None else Path(file).parent, (), {})


def read_text_of(
    text: "str | bytes | nx.DiGraph[Any]", file: str | None, folder: Path | None, below: tuple[str, ...] = ()
) -> Theory:
    """`parse` with the folder in which a base may lie; `below` are the theories that are based on this one."""
    if is_network(text):
        theory = _resolved(build(read_network(text)), folder, below, {})
        check_added(text, theory)
        return theory
    if not isinstance(text, str | bytes):
        raise SpecError(
            f"a theory is text, YAML or dagitty, or a networkx graph, not a {type(text).__name__}; mx.load reads a file"
        )
    if isinstance(text, str) and re.fullmatch(r"\S+\.(ya?ml|txt)", text.strip()):
        raise SpecError(f"'{text.strip()}' is a file's name: mx.load reads it")
    source = open_source(text, file)
    tree = read_dagitty(source) if is_dagitty(source.text) else read_nodes(source)
    left_out = tree.get("without") or Text("", said=False)
    lines = {pair: key.place for pair, key in read_without(left_out)}
    return _resolved(build(tree), folder, below, lines)


def _resolved(theory: Theory, folder: Path | None, below: tuple[str, ...], lines: dict[Any, Place]) -> Theory:
    if theory.based_on is None:
        return check(complete(theory), lines)
    content, file, where = find_base(theory.based_on, theory.place, folder)
    chain = check_chain(below, file, theory)
    base = read_text_of(content, file, where, chain)
    return check(complete(inherit(base, theory, lines)), lines)


def build(tree: Entries) -> Theory:
    """The theory that a tree of keys says, not yet checked for sense."""
    for key, _ in tree.entries:
        if key.value not in (*WORDS, *PARTS):
            raise strange_key(key, "", (*WORDS, *PARTS))
    said: dict[str, Any] = {
        key.value: WORDS[key.value](node, key.value) for key, node in tree.entries if key.value in WORDS
    }
    nothing = Text("", tree.place, said=False)
    parts = {key: tree.get(key) or nothing for key in PARTS}
    variables = read_variables(parts["variables"])
    arrows, hidden = read_arrows(parts["arrows"])
    theory = Theory(
        **said,
        without=tuple(pair for pair, _ in read_without(parts["without"])),
        without_hidden=read_without_hidden(parts["without"]),
        levels=read_levels(parts["levels"]),
        time=read_time(parts["time"]),
        variables=variables,
        arrows=arrows,
        hidden=hidden + read_unmeasured(parts["unmeasured"]),
        priors=read_priors(parts["priors"]),
        questions=read_questions(parts["questions"]),
        place=tree.place,
    )
    if parts["variables"] == nothing and theory.based_on is None:
        theory = theory.model_copy(update={"variables": _drawn(theory)})
    return theory


def _drawn(theory: Theory) -> tuple[Variable, ...]:
    """The variables of a theory that declares none: the names in its arrows, in order."""
    found: dict[str, Place] = {}
    for arrow in theory.arrows:
        for term in (arrow.cause, *(term for product in arrow.moderated_by for term in product), arrow.effect):
            found.setdefault(term.name, arrow.place)
    for pair in theory.hidden:
        found.setdefault(pair.one.name, pair.place)
        found.setdefault(pair.other.name, pair.place)
    return tuple(
        declare(name, place) for name, place in found.items() if name != CONSTANT.name and name not in theory.time
    )
