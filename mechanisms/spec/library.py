"""The theories that come with the package: one YAML file each, citation inside; and the list of them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from os import PathLike

from mechanisms.errors import SpecError, did_you_mean, listed
from mechanisms.spec.reader import read, read_text_of
from mechanisms.spec.shelf import SUFFIX, is_path, names, text_of, yaml_files
from mechanisms.spec.terms import CONSTANT
from mechanisms.spec.theory import Theory

__all__ = ["DESIGNS", "Catalogue", "Entry", "catalogue", "is_path", "load", "names", "text_of", "yaml_files"]


def load(name_or_path: str | PathLike[str]) -> Theory:
    """A theory by its name in the catalogue, or from a file."""
    if not isinstance(name_or_path, str | PathLike):
        kind = type(name_or_path).__name__
        raise SpecError(f"mx.load takes a name or a file, not a {kind}; mx.parse reads text and networkx graphs")
    if is_path(name_or_path):
        return read(name_or_path)
    return read_text_of(text_of(str(name_or_path)), f"{name_or_path}{SUFFIX}", None)


@dataclass(frozen=True)
class Entry:
    """One theory of the catalogue: what it is about and what data it is made for."""

    name: str
    title: str
    citation: str
    constructs: tuple[tuple[str, str], ...]  # every variable that is not an indicator, with what it means
    design: tuple[str, ...]
    levels: tuple[str, ...]
    time: tuple[str, ...]
    families: tuple[str, ...]
    file: str

    @property
    def randomised(self) -> bool:
        """Whether a variable of it is randomised."""
        return "randomised" in self.design


Texts = Callable[[Entry], list[str]]
Fits = Callable[[str, str], bool]


@dataclass(frozen=True)
class Catalogue:
    """Theories that come with the package; `entries` has a row for each."""

    entries: tuple[Entry, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What `mx.load` takes."""
        return tuple(entry.name for entry in self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __repr__(self) -> str:
        width = max((len(entry.name) for entry in self.entries), default=0)
        lines = [f"{len(self.entries)} {'theory' if len(self.entries) == 1 else 'theories'}"]
        for entry in self.entries:
            lines.append(f"{entry.name:<{width}}  {entry.title}")
            lines += [f"{'':<{width}}  {text}" for text in (entry.citation, _design(entry), _constructs(entry)) if text]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{word}</th>" for word in ("name", "title", "citation", "design", "constructs"))
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in cells) + "</tr>"
            for cells in ((e.name, e.title, e.citation, _design(e), _constructs(e)) for e in self.entries)
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def catalogue(
    *, name: str | None = None, construct: str | None = None, design: str | tuple[str, ...] | None = None
) -> Catalogue:
    """The theories that come with the package, each with its citation, constructs and design; all come from the files.

    `name` is a part of a theory's name; `construct` of a variable's name or of what it means; `design` one of `DESIGNS`
    or a family, or several of which all must hold. Capitals do not matter. A word that no theory has is refused with its nearest miss;
    one of `DESIGNS` that none has finds none.

    >>> catalogue(construct="alliance", design="longitudinal").names
    """
    everything = tuple(_describe(each) for each in names())
    kept = everything
    if name is not None:
        kept = _keep(kept, everything, "name", name, _names, _within)
    if construct is not None:
        kept = _keep(kept, everything, "construct", construct, _words_of_constructs, _within)
    if not isinstance(design, str | tuple | list | None):
        raise SpecError(f"design: a word, or several, is wanted, not {design!r}")
    for word in (design,) if isinstance(design, str) else design or ():
        kept = _keep(kept, everything, "design", word, _words_of_design, _same)
    return Catalogue(kept)


def _keep(
    kept: tuple[Entry, ...], everything: tuple[Entry, ...], kind: str, word: str, texts: Texts, fits: Fits
) -> tuple[Entry, ...]:
    """Those of the entries that have the word; one that no theory of the catalogue has is refused."""
    if not isinstance(word, str) or not word.strip():
        raise SpecError(f"{kind}: a word is wanted, not {word!r}")
    known = sorted({text for entry in everything for text in texts(entry)})
    if not any(fits(word, text) for text in known) and not (
        kind == "design" and any(fits(word, each) for each in DESIGNS)
    ):
        listed_too = DESIGNS if kind == "design" else ()
        pieces = {piece: None for text in (*known, *listed_too) for piece in (text, *re.findall(r"\w[\w-]+", text))}
        hint = did_you_mean(word, pieces)
        if kind == "design" and not hint:
            hint = f" There are {listed(DESIGNS, most=20)}, and the families."
        raise SpecError(f"{kind}: no theory of the catalogue has '{word}'.{hint}")
    return tuple(entry for entry in kept if any(fits(word, text) for text in texts(entry)))


def _within(word: str, text: str) -> bool:
    """Whether the text holds the word; `_` and capitals do not matter."""
    return word.strip().casefold().replace("_", " ") in text.casefold().replace("_", " ")


def _same(word: str, text: str) -> bool:
    return word.strip().casefold() == text


def _names(entry: Entry) -> list[str]:
    return [entry.name]


def _words_of_constructs(entry: Entry) -> list[str]:
    return [text for pair in entry.constructs for text in pair]


def _words_of_design(entry: Entry) -> list[str]:
    return [*entry.design, *entry.families]


DESIGNS: dict[str, Callable[[Theory], bool]] = {  # each word, and when a theory's file says so
    "cross-sectional": lambda theory: not theory.time,
    "longitudinal": lambda theory: bool(theory.time),
    "multilevel": lambda theory: len(theory.levels) > 1,
    "crossed": lambda theory: any(len(level.within) > 1 for level in theory.levels),
    "multiple membership": lambda theory: any(level.shared_by for level in theory.levels),
    "partially nested": lambda theory: any(level.only_when for level in theory.levels),
    "randomised": lambda theory: any(variable.assigned for variable in theory.variables),
    "latent": lambda theory: any(variable.measured_by is not None for variable in theory.variables),
    "moderated": lambda theory: any(arrow.moderated_by for arrow in theory.arrows),
    "curved": lambda theory: any(arrow.shape.kind != "linear" for arrow in theory.arrows),
    "hidden causes": lambda theory: bool(theory.hidden),
}


def _describe(name: str) -> Entry:
    theory = load(name)
    indicators = {each for variable in theory.variables for each in variable.measured_by or ()}
    modelled = {arrow.effect.name for arrow in theory.arrows if arrow.cause != CONSTANT} | indicators
    families = {v.family or "normal" for v in theory.variables if v.name in modelled or v.family}
    return Entry(
        name=name,
        title=theory.title or "",
        citation=theory.source.text if theory.source else "",
        constructs=tuple((v.name, v.means or "") for v in theory.variables if v.name not in indicators),
        design=tuple(word for word, holds in DESIGNS.items() if holds(theory)),
        levels=tuple(level.name for level in theory.levels),
        time=theory.time,
        families=tuple(sorted(families)),
        file=f"{name}{SUFFIX}",
    )


def _design(entry: Entry) -> str:
    """`longitudinal (session), multilevel (session, client), randomised; bernoulli, normal`."""
    units = {"longitudinal": entry.time, "multilevel": entry.levels}
    words = (f"{word} ({', '.join(units[word])})" if word in units else word for word in entry.design)
    return f"{', '.join(words)}; {', '.join(entry.families)}"


def _constructs(entry: Entry) -> str:
    return ", ".join(name for name, _ in entry.constructs)
