"""The theories that come with the package: one YAML file each, citation inside."""

from os import PathLike

from mechanisms.spec.reader import read, read_text_of
from mechanisms.spec.shelf import is_path, names, text_of, yaml_files
from mechanisms.spec.theory import Theory

__all__ = ["is_path", "load", "names", "text_of", "yaml_files"]


def load(name_or_path: str | PathLike[str]) -> Theory:
    """A theory by its name in the catalogue, or from a file."""
    if is_path(name_or_path):
        return read(name_or_path)
    return read_text_of(text_of(str(name_or_path)), f"{name_or_path}.yaml", None)
