"""`columns=`: which columns of the data hold which variable, over which occasions, and which units share another.

`{"symptoms": "OQ45"}` renames; `{"bdi": {0: "bdi.pre", 2: "bdi.2m"}}` says which column holds which occasion;
`{"therapist": ["th1", "th2"], "therapist weight": ["w1", "w2"]}` gives memberships (language 1.12).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import Any

import yaml

from mechanisms.errors import DataError, did_you_mean, listed

_WEIGHT = " weight"
_LINE = "It has a line for each variable: alliance: WAI_total"


@dataclass(frozen=True)
class Renaming:
    """`columns=` taken apart: names, occasions (wide data), memberships and their weights."""

    names: dict[str, str] = field(default_factory=dict)
    wide: dict[str, dict[int, str]] = field(default_factory=dict)
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    weights: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Every column that is named, with what it is named for."""
        many = [(name, column) for said in (self.members, self.weights) for name, of in said.items() for column in of]
        wide = [(name, column) for name, occasions in self.wide.items() for column in occasions.values()]
        return (*self.names.items(), *wide, *many)

    def column(self, name: str) -> str:
        """What a variable's or level's column is called in the data."""
        return self.names.get(name, name)


def take_apart(columns: Any, shared: Iterable[str] = ()) -> Renaming:
    """`columns=` as a `Renaming`; `shared` are the levels of which a unit may have several."""
    if columns is None:
        return Renaming()
    if not isinstance(columns, Mapping):
        raise DataError(f"columns= is a mapping, {{variable: column}}, not a {type(columns).__name__}")
    shared, found = tuple(shared), Renaming()
    for name, said in columns.items():
        level = name.removesuffix(_WEIGHT) if isinstance(name, str) else name
        if isinstance(name, str) and isinstance(said, Mapping):
            found.wide[name] = _occasions(name, said)
        elif level != name and level in shared:
            found.weights[level] = _several(name, said)
        elif level in shared and not isinstance(said, str):
            found.members[level] = _several(name, said)
        elif not isinstance(name, str) or not isinstance(said, str):
            hint = " Several are for a level that a unit has several of (shared_by)." if isinstance(said, list) else ""
            raise DataError(f"columns=: one column name for one variable is wanted, not {name!r}: {said!r}.{hint}")
        else:
            found.names[name] = said
    _refuse_halves(found)
    return found


def _refuse_halves(found: Renaming) -> None:
    for level, weights in found.weights.items():
        members = found.members.get(level, (level,))
        if len(members) != len(weights):
            raise DataError(f"columns=: '{level}' has {len(members)} columns, but '{level} weight' has {len(weights)}")


def _occasions(name: str, said: Mapping[Any, Any]) -> dict[int, str]:
    """The occasions of a wide variable: `{0: "bdi.pre", 2: "bdi.2m"}`; a file's keys are text."""
    found: dict[int, str] = {}
    for occasion, column in said.items():
        number = int(occasion) if isinstance(occasion, str) and occasion.isdecimal() else occasion
        if isinstance(number, bool) or not isinstance(number, Integral) or number < 0 or not isinstance(column, str):
            raise DataError(
                f'columns=: \'{name}\': a column for each occasion is wanted, {{0: "pre", 1: "post"}}, not {occasion!r}: {column!r}'
            )
        if number in found:
            raise DataError(f"columns=: '{name}': occasion {number} is said twice")
        found[int(number)] = column
    if twice := [column for column in found.values() if list(found.values()).count(column) > 1]:
        raise DataError(f"columns=: '{name}': '{twice[0]}' is given for two occasions")
    if not found:
        raise DataError(f'columns=: \'{name}\' has no occasions: {{0: "pre", 1: "post"}}')
    return found


def _several(name: str, said: Any) -> tuple[str, ...]:
    said = (said,) if isinstance(said, str) else said
    if not isinstance(said, list | tuple) or not said or not all(isinstance(column, str) for column in said):
        raise DataError(f"columns=: '{name}': a list of columns is wanted, not {said!r}")
    if len(set(said)) < len(said):
        raise DataError(f"columns=: '{name}' names a column twice")
    return tuple(said)


def check_renaming(renaming: Renaming, known: Iterable[str], unmeasured: Mapping[str, str], present: list[str]) -> None:
    """Refuse names that the theory has not, or that need no column, and columns that no frame has."""
    known = list(known)
    for name, column in renaming.columns:
        if name in unmeasured:
            raise DataError(f"columns=: '{name}' {unmeasured[name]}: take it out of columns=")
        if name not in known:
            raise DataError(f"columns=: the theory measures no variable '{name}'.{did_you_mean(name, known)}")
        if column not in present:
            raise DataError(
                f"columns=: '{name}' should be '{column}', but the data have no such column.{did_you_mean(column, present)}"
            )
    _refuse_shared(renaming)


def _refuse_shared(renaming: Renaming) -> None:
    """Refuse one column as two occasions' or two lists' values."""
    several = [(n, c) for n, c in renaming.columns if n in renaming.wide or n in renaming.members]
    columns = [column for _, column in several]
    if twice := [column for column in columns if columns.count(column) > 1]:
        names = [repr(name) for name, column in several if column == twice[0]]
        raise DataError(f"columns=: the column '{twice[0]}' is given for {listed(names)}: each occasion has its own")


def read_renaming(path: str | Path) -> dict[str, Any]:
    """A YAML or JSON file of what `columns=` takes: `variable: column`, or occasions, or a list."""
    path = Path(path)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    except FileNotFoundError:
        near = did_you_mean(path.name, [file.name for file in path.parent.glob("*")]) if path.parent.is_dir() else ""
        raise DataError(f"{path}: there is no such file.{near} {_LINE}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise DataError(f"{path}: a mapping is wanted, a line for each variable: alliance: WAI_total")
    return dict(_pairs(node, path, _column))


def _pairs(node: yaml.MappingNode, path: Path, read: Callable[[yaml.Node, Path], Any]) -> dict[str, Any]:
    """A mapping's keys and values; no key is said twice."""
    keys = [_text(key, path) for key, _ in node.value]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise DataError(f"{path}: '{twice[0]}' is said twice")
    return {key: read(value, path) for key, (_, value) in zip(keys, node.value, strict=True)}


def _column(node: yaml.Node, path: Path) -> Any:
    """A column's name, a list of names, or a name for each occasion."""
    if isinstance(node, yaml.SequenceNode) and node.value:
        return [_text(item, path) for item in node.value]
    if isinstance(node, yaml.MappingNode) and node.value:
        return _pairs(node, path, _text)
    return _text(node, path)


def _text(node: yaml.Node, path: Path) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise DataError(f"{path}: a column's name is missing on line {node.start_mark.line + 1}. {_LINE}")
    return str(node.value)
