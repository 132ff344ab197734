"""Single values out of nodes: text, words, numbers, names and lists of them, each refused with its line if wrong.

`where` begins every message: `x -> y: shape`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mechanisms.errors import Place, SpecError, did_you_mean, listed
from mechanisms.spec.foreign import DEFINED, NOT_OURS, instead_of_key
from mechanisms.spec.nodes import Entries, Items, Node, Text
from mechanisms.spec.theory import Citation, Scalar, read_number

MOST_NAMES = 2_000
CITATION = ("text", "url", "doi")
_RANGE = re.compile(r"(.*?)(0|[1-9][0-9]{0,8}|0[0-9]{1,8})\.\.(.*?)([0-9]{1,9})", re.DOTALL)


def read_text(node: Node, where: str) -> str:
    """A sentence or a word."""
    if isinstance(node, Text):
        if node.said and node.value.strip():
            return node.value
        raise SpecError(f"{where}: nothing stands here", node.place)
    if isinstance(node, Entries):
        raise SpecError(f"{where}: text is wanted, not a mapping; text that holds ': ' needs quotes", node.place)
    raise SpecError(f"{where}: one text is wanted, not a list", node.place)


def read_word(node: Node, where: str, known: Sequence[str], kind: str) -> str:
    """One of the known words; `kind` says what they are: `family`."""
    word = read_text(node, where).strip()
    if word not in known:
        hint = did_you_mean(word, known) or f" It is one of {listed(known, joint='or')}."
        raise SpecError(f"{_before(where)}unknown {kind} '{word}'.{hint}", node.place)
    return word


def _before(where: str) -> str:
    """`x -> y: shape` → `x -> y: `; the kind says the rest."""
    return f"{where.rpartition(': ')[0]}: " if ": " in where else ""


def read_one_number(node: Node, where: str) -> float:
    """One finite number."""
    text = read_text(node, where).strip()
    number = read_number(text)
    if number is None:
        raise SpecError(f"{where}: '{text}' is not a number", node.place)
    return number


def read_scalar(node: Node, where: str) -> Scalar:
    """A number, or a word such as `cbt`, `mean`, `+1 sd`, `90%`."""
    text = read_text(node, where).strip()
    number = read_number(text)
    return text if number is None else number


def read_numbers(node: Node, where: str) -> tuple[float, ...]:
    """A number, or a list of them."""
    if isinstance(node, Items):
        return tuple(read_one_number(item, where) for item in node.items)
    return (read_one_number(node, where),)


def read_pair(node: Node, where: str) -> tuple[float, float]:
    """Two numbers, `[0, 63]`."""
    if not isinstance(node, Items) or len(node.items) != 2:
        raise SpecError(f"{where}: two numbers are wanted, [0, 63]", node.place)
    first, second = read_numbers(node, where)
    return first, second


def read_list(node: Node, where: str) -> list[Text]:
    """A list of words; one word may stand bare, `A, B` joins and `bdi1..bdi21` counts."""
    words: list[Text] = []
    for item in node.items if isinstance(node, Items) else (node,):
        text = read_text(item, where)
        for part in split_names(text, item.place):
            words.append(Text(part, item.place))
        bound_names(len(words), item.place)
    return words


def split_names(text: str, place: Place) -> list[str]:
    """`a, b1..b3` → a, b1, b2, b3."""
    names: list[str] = []
    for part in text.split(","):
        word = part.strip()
        if not word:
            raise SpecError(f"'{text.strip()}': a comma with nothing beside it", place)
        names.extend(_counted(word, place))
        bound_names(len(names), place)
    return names


def _counted(word: str, place: Place) -> Iterable[str]:
    if ".." not in word or "(" in word:
        return (word,)
    match = _RANGE.fullmatch(word)
    if match is None or match[1] != match[3]:
        raise SpecError(f"'{word}' is not a range; write bdi1..bdi21", place)
    first, last = int(match[2]), int(match[4])
    if last < first:
        raise SpecError(f"'{word}': a range counts upward; write {match[1]}{match[4]}..{match[1]}{match[2]}", place)
    bound_names(last - first + 1, place)
    width = len(match[2]) if match[2].startswith("0") else 0
    return [f"{match[1]}{number:0{width}d}" for number in range(first, last + 1)]


def bound_names(count: int, place: Place) -> None:
    """Refuse a list so long that it must be a slip (or an attack)."""
    if count > MOST_NAMES:
        raise SpecError(f"more than {MOST_NAMES} names in one place", place)


def read_citation(node: Node, where: str) -> Citation:
    """`source`: a text, or `{text, url, doi}`."""
    if not isinstance(node, Entries):
        return Citation(text=read_text(node, where), place=node.place)
    for key, _ in node.entries:
        if key.value not in CITATION:
            hint = did_you_mean(key.value, CITATION) or f" Known: {listed(CITATION)}."
            raise SpecError(f"{where}: unknown key '{key.value}'.{hint}", key.place)
    said = {key.value: read_text(value, f"{where}: {key.value}") for key, value in node.entries}
    if "text" not in said:
        raise SpecError(f"{where}: 'text' is missing; write {{text: …, url: …, doi: …}}", node.place)
    return Citation(**said, place=node.place)


Reader = Callable[[Node, str], Any]


def read_options(
    node: Node, where: str, readers: dict[str, Reader], strange: Callable[[Text], SpecError]
) -> dict[str, Any]:
    """A mapping of options; every key is checked before any value is read. `strange` says what is wrong with a key."""
    if isinstance(node, Text) and not node.said:
        return {}
    if not isinstance(node, Entries):
        raise SpecError(f"{where}options are a mapping, {{key: value}}", node.place)
    said = ""  # the last key whose value is text
    for key, value in node.entries:
        if key.value not in readers:
            raise _with_quotes(strange(key), said if _is_empty(value) else "")
        said = key.value if readers[key.value] in (read_text, read_citation) and isinstance(value, Text) else said
    return {key.value: readers[key.value](value, f"{where}{key.value}") for key, value in node.entries}


def _is_empty(node: Node) -> bool:
    return isinstance(node, Text) and not node.said


def _with_quotes(error: SpecError, text: str) -> SpecError:
    """The error with a hint where a comma has ended the text before it."""
    hint = f' A comma ends a text inside {{ }}: write {text}: "…, …" with quotes' if text else ""
    return SpecError(f"{error.message}{hint}", error.place)


def strange_key(key: Text, where: str, known: Iterable[str]) -> SpecError:
    """The error for a key of no grammar."""
    known = list(known)
    word = key.value
    if instead := instead_of_key(word):
        return SpecError(f"{where}'{word}': {NOT_OURS}: {instead}", key.place)
    if ":=" in word:
        return SpecError(f"{where}'{word}': {DEFINED}", key.place)
    hint = did_you_mean(word, known) or ("" if set("()") & set(word) else f" Known: {listed(known, most=12)}.")
    if set("()") & set(word):
        hint += " Arguments are written {shape: {spline: 4}}"
    elif re.search(r":\S", word):
        hint += " A space is missing after the colon"
    return SpecError(f"{where}unknown key '{word}'.{hint}", key.place)
