"""File → Theory: YAML or dagitty text, told apart by content. For any text the outcome is a Theory or a `SpecError`."""

from os import PathLike
from pathlib import Path
from typing import Any

from mechanisms.errors import Place, SpecError
from mechanisms.spec.checks import check
from mechanisms.spec.dagitty import is_dagitty, read_dagitty
from mechanisms.spec.drawing import read_arrows, read_unmeasured, read_without
from mechanisms.spec.nodes import MOST_BYTES, Entries, Text, open_source, read_nodes
from mechanisms.spec.priors import read_priors
from mechanisms.spec.questions import read_questions
from mechanisms.spec.theory import Theory, Variable
from mechanisms.spec.unread import KEYS, refuse_key
from mechanisms.spec.variables import declare, read_variables
from mechanisms.spec.words import read_citation, read_text, strange_key

WORDS = {"name": read_text, "title": read_text, "because": read_text, "source": read_citation}
PARTS = ("variables", "arrows", "unmeasured", "without", "priors", "questions")


def parse(text: str | bytes, file: str | None = None) -> Theory:
    """The theory that a text is, YAML or dagitty, checked. `file` is the name that errors show.

    >>> parse("arrows: [treat -> job_seek -> depress2, treat -> depress2]").names
    ('treat', 'job_seek', 'depress2')
    """
    source = open_source(text, file)
    tree = read_dagitty(source) if is_dagitty(source.text) else read_nodes(source)
    left_out = tree.get("without") or Text("", said=False)
    theory = build(tree)
    return check(theory, {pair: key.place for pair, key in read_without(left_out)})


def read(path: str | PathLike[str]) -> Theory:
    """The theory in a file."""
    return parse(read_content(path), str(Path(path)))


def read_content(path: str | PathLike[str]) -> bytes:
    """What a file holds, up to one byte more than may be read."""
    path = Path(path)
    try:
        with path.open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise SpecError(f"'{path}' cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise SpecError(f"'{path!s}' is not a path: {error}") from None


def build(tree: Entries) -> Theory:
    """The theory that a tree of keys says, not yet checked for sense."""
    for key, _ in tree.entries:
        if key.value in KEYS["theory"]:
            raise refuse_key("theory", key.value, "", key.place)
        if key.value not in (*WORDS, *PARTS):
            raise strange_key(key, "", (*WORDS, *PARTS, *KEYS["theory"]))
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
        variables=variables,
        arrows=arrows,
        hidden=hidden + read_unmeasured(parts["unmeasured"]),
        priors=read_priors(parts["priors"]),
        questions=read_questions(parts["questions"]),
        place=tree.place,
    )
    if parts["variables"] == nothing:
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
    return tuple(declare(name, place) for name, place in found.items())
