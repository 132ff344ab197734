"""The files of the catalogue, and where the base of a theory is looked for: beside it, then here (language 1.2)."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from os import PathLike
from pathlib import Path

from mechanisms.errors import NOWHERE, Place, SpecError, did_you_mean, listed
from mechanisms.spec.nodes import MOST_BYTES
from mechanisms.spec.terms import is_name

SUFFIX = ".yaml"
ENDINGS = (".yaml", ".yml", ".txt", ".dag")


def is_path(name_or_path: str | PathLike[str]) -> bool:
    """Whether a file is meant, not a name in the catalogue: it has a folder or a file's ending."""
    text = str(name_or_path)
    named = text.endswith(ENDINGS) or "/" in text or "\\" in text or text in (".", "..")
    return not isinstance(name_or_path, str) or named


def names() -> tuple[str, ...]:
    """The names of the theories in the catalogue, sorted."""
    return tuple(sorted(entry.name.removesuffix(SUFFIX) for entry in yaml_files()))


def text_of(name: str, place: Place = NOWHERE) -> str:
    """The file of a theory in the catalogue, as text."""
    for entry in yaml_files():
        if entry.name == f"{name}{SUFFIX}":
            return entry.read_text(encoding="utf-8")
    known = names()
    hint = did_you_mean(name, known) + (
        f" There are {listed(known, most=30)}." if known else " The catalogue is empty."
    )
    if name == "_skeleton":
        hint = " The skeleton is no theory; `mechanisms new FILE` writes it."
    if Path(name or "none").is_dir():
        hint = f" There is a folder of that name: {name}/file.yaml names a file in it."
    raise SpecError(f"there is no theory '{name}'.{hint} A file is named by its path, folder/file.yaml", place)


def skeleton() -> str:
    """The whole language as one commented file, to begin a theory from."""
    return (_folder() / f"_skeleton{SUFFIX}").read_text(encoding="utf-8")


def _folder() -> Traversable:
    """The catalogue's folder: the installed package's, else the checkout's."""
    installed = files("mechanisms") / "models"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "models"


def yaml_files(*below: str) -> list[Traversable]:
    """The YAML files of the catalogue, or of a folder in it."""
    folder = _folder().joinpath(*below)
    if not folder.is_dir():
        return []
    return [
        entry
        for entry in folder.iterdir()
        if entry.name.endswith(SUFFIX) and not entry.name.startswith("_") and entry.is_file()
    ]


def read_content(path: str | PathLike[str]) -> bytes:
    """What a file holds, up to one byte more than may be read."""
    path = Path(path)
    try:
        if path.is_dir():
            inside = sorted(str(each) for each in path.iterdir() if each.suffix in ENDINGS[:2])
            example = f", such as {inside[0]}" if inside else f"; there is no {SUFFIX} in it"
            raise SpecError(f"'{path}' is a folder: name a theory's file in it{example}")
        with path.open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise SpecError(f"'{path}' cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise SpecError(f"'{path!s}' is not a path: {error}") from None


def find_base(name: str, place: Place, folder: Path | None) -> tuple[str | bytes, str, Path | None]:
    """The text of the theory that another is based on, the name of its file, and the folder that it lies in.

    `folder` is where the other lies; None for one of the catalogue or without a file.
    """
    bare = name.removesuffix(SUFFIX)
    if not is_name(bare.replace("-", "_")):
        raise SpecError(f"based_on: '{name}' is not a theory: write its name in the catalogue, or a file beside", place)
    if folder is not None and (beside := folder / f"{bare}{SUFFIX}").is_file():
        return read_content(beside), str(beside), folder
    if name != bare:
        raise SpecError(f"based_on: there is no file '{name}' beside this one", place)
    if bare not in names():
        where = f"neither beside this file ({bare}{SUFFIX}) nor in the catalogue" if folder else "not in the catalogue"
        raise SpecError(f"based_on: '{name}' is {where}.{did_you_mean(name, names())}", place)
    return text_of(bare), f"{bare}{SUFFIX}", None
