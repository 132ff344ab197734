"""Parameter files: a number for every parameter of a theory, and how its exogenous variables are distributed.

n: 200
exogenous:
  x: {normal: [0, 1]}                      # mean and sd
  sex: {bernoulli: 0.5}                    # the share of ones
  hardship: {shares: {1: 0.3, 2: 0.7}}     # categories, or numbers of which there are few
  when: {occasion: wave}                   # with levels: the number of the wave once more, as a variable
correlations:
  sex <-> x: 0.2                           # one for each `<->` that the theory draws between exogenous variables
parameters:
  1 -> y: 0                                # addresses as in `priors` (language 1.8)
  x -> y: 0.3
  sigma(y): 0.95

With levels `n` counts the clients: the units in which time begins anew, without time the finest level's. A section
`design` says how the others come about (`spec.arrangement`). The residuals of two modelled variables that the theory
joins by `<->` have their correlation among the parameters, `m <-> y: 0.3`. A variable of first occasions has a residual sd of its own,
`sigma(y | first)`. What varies has an sd each and correlations; pairs that are not named have none, and 0 stands for none
at all:

Parameters
----------
  sd(1 -> y | client): 0.7
  cor(client):
    1 -> y <-> x -> y: 0.2
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import fsum
from os import PathLike
from pathlib import Path
from types import MappingProxyType

from mechanisms.errors import NOWHERE, Place, SpecError, did_you_mean, listed
from mechanisms.spec.addresses import Address, parse_address
from mechanisms.spec.arrangement import Arrangement, read_design
from mechanisms.spec.nodes import Entries, Node, Text, open_source, read_nodes
from mechanisms.spec.shelf import is_path, read_content, yaml_files
from mechanisms.spec.terms import check_name, is_name
from mechanisms.spec.words import read_one_number, read_pair, read_text, strange_key

Value = float | Mapping[str, float]  # a number, or a level's correlations by pair, `1 -> a <-> x -> y`
NEEDED = ("n", "exogenous", "parameters")
KEYS = (*NEEDED, "correlations", "design")
EXAMPLES = {"exogenous": "x: {normal: [0, 1]}", "correlations": "a <-> b: 0.3", "parameters": "x -> y: 0.3"}


@dataclass(frozen=True)
class Normal:
    """A normal variable, in data units."""

    mean: float
    sd: float


@dataclass(frozen=True)
class Bernoulli:
    """A variable of two values; `share` is that of the second, 1."""

    share: float


@dataclass(frozen=True)
class Shares:
    """A variable of few values, as written, with the share of each; the shares sum to 1."""

    values: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Clock:
    """A variable that is the number of its occasion at a level of time."""

    level: str


Drawn = Normal | Bernoulli | Shares
Margin = Drawn | Clock


@dataclass(frozen=True)
class Parameters:
    """What a parameter file says.

    `n` is the number of rows (with levels: clients) to simulate unless told otherwise, `exogenous` the distribution of
    each exogenous variable, `correlations` those of pairs (in alphabetical order), `values` a number per address, in
    data units, and for `cor(level)` one per pair. `design` says how units nest, `place` is the file.
    """

    n: int
    exogenous: Mapping[str, Margin]
    correlations: Mapping[tuple[str, str], float]
    values: Mapping[str, Value]
    place: Place
    design: Mapping[str, Arrangement] = field(default_factory=lambda: MappingProxyType({}))


def read_parameters(name_or_path: str | PathLike[str]) -> Parameters:
    """The parameters of a theory in the catalogue, by its name, or those in a file.

    Raises
    ------
    SpecError
        There is no such file, or it says something that is not a parameter, says it twice or leaves it out.

    >>> read_parameters("jobs").values["treat -> job_seek"]
    0.0656
    """
    if is_path(name_or_path):
        return parse_parameters(read_content(name_or_path), str(Path(name_or_path)))
    entries = {entry.name: entry for entry in yaml_files("parameters")}
    file = f"{name_or_path}.yaml"
    if file not in entries:
        known = sorted(name.removesuffix(".yaml") for name in entries)
        hint = did_you_mean(str(name_or_path), known) + f" There are some for {listed(known, most=30) or 'no theory'}."
        raise SpecError(
            f"there are no parameters for '{name_or_path}'.{hint} A file is named by its path, folder/file.yaml"
        )
    return parse_parameters(entries[file].read_bytes(), f"parameters/{file}")


def parse_parameters(text: str | bytes, file: str | None = None) -> Parameters:
    """The parameters that a text says; `file` is the name that errors show."""
    tree = read_nodes(open_source(text, file), "a parameter file", listed(NEEDED))
    said = {}
    for key, node in tree.entries:
        if key.value not in KEYS:
            raise strange_key(key, "", KEYS)
        said[key.value] = node
    absent = [key for key in NEEDED if key not in said]
    if absent:
        raise SpecError(f"'{absent[0]}' is missing; a parameter file needs {listed(NEEDED)}", tree.place)
    exogenous = {
        check_name(key.value.strip(), key.place): _margin(key, node)
        for key, node in _pairs(said["exogenous"], "exogenous")
    }
    correlations = _correlations(said["correlations"], exogenous) if "correlations" in said else {}
    return Parameters(
        _count(said["n"]),
        MappingProxyType(exogenous),
        MappingProxyType(correlations),
        MappingProxyType(_values(said["parameters"], exogenous)),
        Place(file),
        read_design(said["design"]) if "design" in said else MappingProxyType({}),
    )


def _pairs(node: Node, where: str) -> tuple[tuple[Text, Node], ...]:
    if not isinstance(node, Entries):
        raise SpecError(f"{where}: a mapping is wanted, {EXAMPLES.get(where, '{cbt: 0.5, waitlist: 0.5}')}", node.place)
    return node.entries


def _count(node: Node) -> int:
    number = read_one_number(node, "n")
    if number < 1 or number != int(number):
        raise SpecError(f"n: a whole number of rows is wanted, at least 1, not {number:g}", node.place)
    return int(number)


def _margin(key: Text, node: Node) -> Margin:
    where = f"exogenous: {key.value.strip()}"
    if not isinstance(node, Entries) or len(node.entries) != 1:
        examples = "{normal: [mean, sd]}, {bernoulli: share}, {shares: {value: share}} or {occasion: level}"
        raise SpecError(f"{where}: one distribution is wanted, {examples}", node.place)
    word, value = node.entries[0]
    readers = {"normal": _normal, "bernoulli": _bernoulli, "shares": _shares, "occasion": _clock}
    if word.value not in readers:
        hint = did_you_mean(word.value, readers) or f" It is one of {listed(readers, joint='or')}."
        raise SpecError(f"{where}: unknown distribution '{word.value}'.{hint}", word.place)
    return readers[word.value](value, f"{where}: {word.value}")


def _normal(node: Node, where: str) -> Margin:
    mean, sd = read_pair(node, where)
    if sd <= 0:
        raise SpecError(f"{where} takes a mean and an sd above 0, not {sd:g}", node.place)
    return Normal(mean, sd)


def _bernoulli(node: Node, where: str) -> Margin:
    share = read_one_number(node, where)
    if not 0 < share < 1:
        raise SpecError(f"{where} takes a share between 0 and 1, not {share:g}", node.place)
    return Bernoulli(share)


def _shares(node: Node, where: str) -> Margin:
    found = {
        value.value.strip(): read_one_number(share, f"{where}: {value.value}") for value, share in _pairs(node, where)
    }
    total = fsum(found.values())
    if len(found) < 2 or min(found.values()) <= 0 or abs(total - 1) > 1e-9:
        wanted = "two or more values, each with a share above 0, that sum to 1"
        raise SpecError(f"{where} takes {wanted}; these sum to {total:g}", node.place)
    return Shares(tuple(found), tuple(found.values()))


def _clock(node: Node, where: str) -> Margin:
    return Clock(check_name(read_text(node, where).strip(), node.place))


def _correlations(node: Node, exogenous: Mapping[str, Margin]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for address, key, value in _addressed(node, "correlations"):
        if address.kind != "residual":
            raise SpecError(f"correlations: '{key.value}' is not a pair; write a <-> b", key.place)
        one, other = sorted(term.name for term in address.terms)
        for name in (one, other):
            if name not in exogenous:
                raise SpecError(
                    f"correlations: '{key.value}': '{name}' is not under exogenous.{did_you_mean(name, exogenous)} "
                    "That of two modelled variables stands under parameters",
                    key.place,
                )
        found[one, other] = _correlation(value, f"correlations: '{key.value}'")
    return found


def _values(node: Node, exogenous: Mapping[str, Margin]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for address, key, value in _addressed(node, "parameters"):
        if address.kind == "residual" and {term.name for term in address.terms} & set(exogenous):
            raise SpecError(f"parameters: '{key.value}' belongs under correlations", key.place)
        where = f"parameters: {key.value}"
        found[str(address)] = _pairwise(value, where) if address.kind == "cor" else read_one_number(value, where)
    return found


def _pairwise(node: Node, where: str) -> Value:
    """The correlations of what varies, by pair; 0 for none."""
    wanted = "a correlation for each pair, {1 -> a <-> x -> y: 0.3}, or 0 for none"
    if isinstance(node, Text) and node.said:
        if read_one_number(node, where) != 0:
            raise SpecError(f"{where}: {wanted}", node.place)
        return MappingProxyType({})
    if not isinstance(node, Entries):
        raise SpecError(f"{where}: {wanted}", node.place)
    found: dict[str, float] = {}
    for key, value in node.entries:
        one, other = parse_pair(key.value, key.place)
        correlation = _correlation(value, f"{where}: '{key.value}'")
        if {f"{one} <-> {other}", f"{other} <-> {one}"} & set(found):
            raise SpecError(f"{where}: '{key.value}' is said twice", key.place)
        found[f"{one} <-> {other}"] = correlation
    return MappingProxyType(found)


def parse_pair(text: str, place: Place = NOWHERE) -> tuple[str, str]:
    """Two intercepts, slopes or coefficient variables that correlate, `1 -> a <-> x -> y`, as addresses are written."""
    sides = text.split("<->")
    if len(sides) != 2:
        raise SpecError(f"'{text}': two intercepts or slopes are wanted, 1 -> a <-> x -> y", place)
    one, other = (_quantity(side.strip(), text, place) for side in sides)
    if one == other:
        raise SpecError(f"'{text}' joins {one} to itself", place)
    return one, other


def _quantity(side: str, text: str, place: Place) -> str:
    if side and is_name(side):
        return side
    found = parse_address(side, place)
    if found.kind not in ("intercept", "coefficient"):
        raise SpecError(f"'{text}': '{found}' is neither an intercept nor a slope, and does not vary", place)
    return str(found)


def _correlation(node: Node, where: str) -> float:
    correlation = read_one_number(node, where)
    if not -1 < correlation < 1:
        raise SpecError(f"{where}: a correlation lies between -1 and 1, not at {correlation:g}", node.place)
    return correlation


def _addressed(node: Node, where: str) -> Iterator[tuple[Address, Text, Node]]:
    """Every entry with the address that it names; two texts of one address are refused."""
    seen: dict[tuple[object, ...], str] = {}
    for key, value in _pairs(node, where):
        address = parse_address(key.value, key.place)
        if address.key in seen:
            raise SpecError(f"{where}: '{key.value}' is '{seen[address.key]}' said twice", key.place)
        seen[address.key] = key.value
        yield address, key, value
