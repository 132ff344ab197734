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
    return tuple(sorted(entry.name.removesuffix(_SUFFIX) for entry in yaml_files()))


def text_of(name: str) -> str:
    """The file of a theory in the catalogue, as text."""
    for entry in yaml_files():
        if entry.name == f"{name}{_SUFFIX}":
            return entry.read_text(encoding="utf-8")
    known = names()
    hint = did_you_mean(name, known) + (
        f" There are {listed(known, most=30)}." if known else " The catalogue is empty."
    )
    raise SpecError(f"there is no theory '{name}'.{hint} A file is named by its path, folder/file.yaml")


def load(name_or_path: str | PathLike[str]) -> Theory:
    """A theory by its name in the catalogue, or from a file."""
    if is_path(name_or_path):
        return read(name_or_path)
    return parse(text_of(str(name_or_path)), f"{name_or_path}{_SUFFIX}")


def is_path(name_or_path: str | PathLike[str]) -> bool:
    """Whether a file is meant, not a name in the catalogue: it has a folder or a file's ending."""
    text = str(name_or_path)
    return not isinstance(name_or_path, str) or text.endswith(_ENDINGS) or "/" in text or "\\" in text


def yaml_files(*below: str) -> list[Traversable]:
    """The YAML files of the catalogue, or of a folder in it: the installed package's, else the checkout's."""
    installed = files("mechanisms") / "models"
    folder = (installed if installed.is_dir() else Path(__file__).parents[2] / "models").joinpath(*below)
    if not folder.is_dir():
        return []
    return [
        entry
        for entry in folder.iterdir()
        if entry.name.endswith(_SUFFIX) and not entry.name.startswith("_") and entry.is_file()
    ]
