"""A column of text where numbers are needed: what is wrong with it, and what to write in the theory or do to the data."""

import re
from collections.abc import Sequence

from mechanisms.errors import DataError, listed
from mechanisms.spec.terms import is_value
from mechanisms.spec.theory import Variable

MOST_KINDS = 20  # categories that are worth offering to declare
_MANY, _FEW_CELLS = 10, 0.2  # so many kinds, or so small a share of words, make a column one of numbers
_PLAIN = re.compile(r"[^\W_][\w .+/-]*(?<! )")  # a value that needs no quotes in a theory
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")


def refuse_text(variable: Variable, words: list[str], rows: Sequence[int]) -> DataError:
    """What to do about a column of text where numbers are needed; `rows` number the words' rows in the data."""
    name, kinds = variable.name, sorted(set(words))
    if "" in kinds:
        return DataError(f"'{name}' is blank in {words.count('')} rows: make them missing, or give them a word")
    return _refuse_numbers(name, words, kinds, rows) or _refuse_categories(variable, kinds)


def _refuse_numbers(name: str, words: list[str], kinds: list[str], rows: Sequence[int]) -> DataError | None:
    """What is wrong with a column that was meant to hold numbers, if this one was."""
    wrong = [kind for kind in kinds if not is_number(kind)]
    if not wrong:
        return DataError(
            f"'{name}' holds numbers written as text ({listed(kinds, most=3)}): convert the column to numbers first"
        )
    commas = [kind for kind in wrong if _COMMA.fullmatch(kind) or _THOUSANDS.fullmatch(kind)]
    if commas == wrong and len(kinds) > 1:
        thousands = all(_THOUSANDS.fullmatch(kind) for kind in wrong)
        what, key = ("commas between thousands", "thousands") if thousands else ("a decimal comma", "decimal")
        return DataError(
            f"'{name}' holds numbers with {what} ({listed(map(repr, wrong), most=3)}): "
            f"save them with a decimal point only, or read the file with pandas.read_csv(path, {key}=',')"
        )
    numbers, cells = len(kinds) - len(wrong), [at for at, word in zip(rows, words, strict=True) if not is_number(word)]
    if numbers and (len(kinds) > _MANY or (numbers > 2 and len(cells) <= _FEW_CELLS * len(words))):
        where = f"in {len(cells)} rows, first in row {cells[0]}" if len(cells) > 1 else f"in row {cells[0]}"
        return DataError(
            f"'{name}' should hold numbers but also holds {listed(map(repr, wrong), most=4)} {where} of the data: "
            "correct these cells, or make them missing"
        )
    return None


def _refuse_categories(variable: Variable, kinds: list[str]) -> DataError:
    """How to declare a column's categories in the theory, or why they cannot be."""
    name = variable.name
    if len(kinds) == 1:
        return DataError(
            f"'{name}' is constant ('{kinds[0]}' in every row): it can neither cause nor vary with anything"
        )
    held = f"'{name}' holds text ({listed(map(repr, kinds), most=6)}) where a number is needed"
    if variable.family == "bernoulli" and len(kinds) > 2:
        return DataError(f"{held}: it is declared bernoulli, which has two values, but there are {len(kinds)}")
    if odd := [kind for kind in kinds if not is_value(kind) or ".." in kind]:
        return DataError(
            f"{held}: to be categories of a theory, rename {listed(map(repr, odd), most=3)} first "
            "(no brackets, commas, bars, '..', *, =, <, > or ^)"
        )
    if len(kinds) > MOST_KINDS:
        return DataError(f"{held}: {len(kinds)} different texts are too many for categories; group them, or code them")
    first = "the first value is the reference, so put the comparison condition first"
    if len(kinds) == 2:
        ways = [f"{name}: {{family: bernoulli, values: [{paste(order)}]}}" for order in (kinds, kinds[::-1])]
        return DataError(
            f"{held}. Declare it in the theory; {first} (it counts as 0, the other as 1): {ways[0]} or {ways[1]}"
        )
    return DataError(
        f"{held}. Declare it in the theory; {first}: {name}: {{family: categorical, values: [{paste(kinds)}]}}"
    )


def paste(kinds: list[str]) -> str:
    """Values as they are written in a theory, quoted where YAML would read more into them."""
    return ", ".join(kind if _PLAIN.fullmatch(kind) else "'" + kind.replace("'", "''") + "'" for kind in kinds)


def is_number(text: str) -> bool:
    """Whether Python reads a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
