"""The words of the command line: options where Python has arguments, and `k=v` where it has mappings."""

import re
from pathlib import Path
from typing import Any

import typer

from mechanisms.errors import IdentificationError, MechanismsError, SpecError

DATA = (".csv", ".tsv", ".parquet", ".feather", ".xlsx", ".xls", ".sav", ".dta", ".rds", ".rdata")
WORDS = (  # what a message says to those who write Python, and what it says here
    (r'columns=\{"([^"]*)": "…"\}', r"--columns FILE, a YAML file with the line \1: …"),
    (r'columns=\{"([^"]*)": (\[[^]]*\]|\{[^}]*\})\}', r"--columns FILE, a YAML file with the line \1: \2"),
    (r"\bcolumns=", "--columns"),
    (r"drop the rows: frame = frame\.\S*?\(subset=\[(.*?)\]\)", r"take the rows with a gap in \1 out of the file"),
    (r"`mx\.identify`", "`mechanisms show THEORY --of X --on Y`"),
    (r"\bengine='(\w+)'", r"--engine \1"),
    (r"\bnuts_sampler='(\w+)'", r"--nuts-sampler \1"),
    (r"\bchains=(\d+), draws=(\d+)", r"--chains \1 --draws \2"),
    (r"\(draws=, tune=\)", "(--draws)"),
)  # fmt: skip
OPTIONS = (  # and where the question was asked by options, not in a file
    (r"\bset: \{(\w+): (…|\w+)\}", r"--set \1=\2"),
    (r"^question: ", ""),
    (r"^(at|set|contrast|of|on|through)\b(:| names)", r"--\1\2"),
)


def in_shell_words(said: MechanismsError | str) -> str:
    """A message with options where it names arguments; what stands in a file keeps the words of the file."""
    text = str(said)
    for python, here in WORDS:
        text = re.sub(python, here, text)
    if isinstance(said, IdentificationError) or (isinstance(said, SpecError) and said.place.file is None):
        for python, here in OPTIONS:
            text = re.sub(python, here, text)
    return text


def read_pairs(texts: list[str] | None, option: str, single: bool = False) -> dict[str, Any]:
    """`k=v` texts as a mapping; a repeated key collects its values, where several are allowed."""
    found: dict[str, list[Any]] = {}
    for text in texts or []:
        key, equals, value = text.partition("=")
        if not (equals and key.strip() and value.strip()):
            raise typer.BadParameter(f"'{text}': write name=value", param_hint=option)
        found.setdefault(key.strip(), []).append(value.strip())
    if single and any(len(values) > 1 for values in found.values()):
        raise typer.BadParameter("a variable is set to one value", param_hint=option)
    return {key: values[0] if single else values for key, values in found.items()}


def read_contrast(text: str | None) -> tuple[Any, Any] | None:
    """`from,to` as two texts."""
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip() for part in parts):
        raise typer.BadParameter(f"'{text}': two values are wanted, from,to", param_hint="--contrast")
    return parts[0].strip(), parts[1].strip()


def refuse_data(theory: str) -> None:
    """Refuse a file of data where a theory should stand."""
    if Path(theory).suffix.lower() in DATA:
        raise MechanismsError(f"{theory} looks like data; the theory comes first")
