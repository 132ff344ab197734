"""The theories that come with the package: one YAML file each, citation inside."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from os import PathLike
from pathlib import Path

from mechanisms.errors import SpecError, did_you_mean, listed
from mechanisms.spec.reader import parse, read
from mechanisms.spec.theory import Theory

_SUFFIX = ".yaml"
_ENDINGS = (".yaml", ".yml", ".txt", ".dag")


def names() -> tuple[str, ...]:
    """The names of the theories in the catalogue, sorted."""
    return tuple(sorted(entry.name.removesuffix(_SUFFIX) for entry in _shelf()))


def text_of(name: str) -> str:
    """The file of a theory in the catalogue, as text."""
    for entry in _shelf():
        if entry.name == f"{name}{_SUFFIX}":
            return entry.read_text(encoding="utf-8")
    known = names()
    hint = did_you_mean(name, known) + (
        f" There are {listed(known, most=30)}." if known else " The catalogue is empty."
    )
    raise SpecError(f"there is no theory '{name}'.{hint} A file is named by its path, folder/file.yaml")


def load(name_or_path: str | PathLike[str]) -> Theory:
    """A theory by its name in the catalogue, or from a file."""
    text = str(name_or_path)
    if not isinstance(name_or_path, str) or text.endswith(_ENDINGS) or "/" in text or "\\" in text:
        return read(name_or_path)
    return parse(text_of(text), f"{text}{_SUFFIX}")


def _shelf() -> list[Traversable]:
    """The catalogue's files: the installed package's, else the checkout's `models/` beside it."""
    installed = files("mechanisms") / "models"
    folder = installed if installed.is_dir() else Path(__file__).parents[2] / "models"
    if not folder.is_dir():
        return []
    entries = folder.iterdir()
    return [
        entry
        for entry in entries
        if entry.name.endswith(_SUFFIX) and not entry.name.startswith("_") and entry.is_file()
    ]
