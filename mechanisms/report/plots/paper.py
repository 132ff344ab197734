"""Paper and ink: colours, sizes of text in inches, files."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from os import PathLike
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.textpath import TextPath

from mechanisms.errors import MechanismsError, did_you_mean
from mechanisms.report.letters import FONT, LINE

BLUE, LIGHT_BLUE = "#1f5a94", "#7fa6cc"


def measure(lines: tuple[str, ...], size: float) -> tuple[float, float]:
    """Width and height of lines of text in inches."""
    font = FontProperties(family=FONT)
    widths = [TextPath((0, 0), line, size=size, prop=font).get_extents().width for line in lines if line.strip()]
    return max(widths, default=0.0) / 72, len(lines) * size * LINE / 72


def keep(figure: Figure, path: str | PathLike[str] | None) -> Figure:
    """The figure, also in a file where a path is given; its ending chooses the format.

    Raises
    ------
    MechanismsError
        The ending is of no format, there is no such folder, or the file cannot be written.
    """
    if path is not None:
        with _writing(check_path(path)) as file:
            figure.savefig(file, dpi=200, facecolor="white")
    return figure


def keep_text(text: str, path: str | PathLike[str]) -> None:
    """Write a picture that is text."""
    with _writing(check_path(path)) as file:
        file.write_text(text, encoding="utf-8")


def check_path(path: str | PathLike[str]) -> Path:
    """The path of a picture, if its ending is that of a format and its folder is there."""
    file = Path(path)
    ending, formats = file.suffix.lower().removeprefix("."), Figure().canvas.get_supported_filetypes()
    if ending not in formats:
        said = f"{file.name!r} ends in no format of a picture" if ending else f"{file.name!r} has no ending"
        near = did_you_mean(ending, formats) if ending else ""
        raise MechanismsError(f"{said}. The ending chooses it: .png, .svg or .pdf{near}")
    if not file.parent.is_dir():
        raise MechanismsError(f"there is no folder '{file.parent}' for {file.name!r}. Make it, or name another path")
    return file


@contextmanager
def _writing(file: Path) -> Iterator[Path]:
    try:
        yield file
    except OSError as error:
        raise MechanismsError(f"'{file}' cannot be written: {error.strerror or error}. Name another path") from error


@cache
def choose_fonts(letters: frozenset[str]) -> tuple[tuple[str, ...], str]:
    """The fonts that hold these letters, the usual one first; and the letters that no installed font has."""
    missing = letters - _held(findfont(FontProperties(family=FONT)), letters)
    families = [FONT]
    plain = [entry for entry in fontManager.ttflist if entry.style == "normal" and entry.weight in (400, "normal")]
    for entry in sorted(plain, key=lambda entry: entry.name) if missing else ():
        if held := _held(entry.fname, missing):
            families.append(entry.name)
            missing -= held
        if not missing:
            break
    return tuple(families), "".join(sorted(missing))


def _held(file: str, letters: frozenset[str]) -> frozenset[str]:
    font = get_font(file)
    return frozenset(letter for letter in letters if font.get_char_index(ord(letter)))


def to_svg(figure: Figure) -> str:
    """A figure as SVG text; the same figure gives the same text."""
    file = io.StringIO()
    with rc_context({"svg.hashsalt": "mechanisms"}):
        figure.savefig(file, format="svg", facecolor="white", metadata={"Date": None})
    return file.getvalue()
