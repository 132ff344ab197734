"""Paper and ink: colours, sizes of text in inches, files."""

import io
from os import PathLike

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from mechanisms.report.letters import FONT, LINE

BLUE, LIGHT_BLUE = "#1f5a94", "#7fa6cc"


def measure(lines: tuple[str, ...], size: float, weight: str = "normal") -> tuple[float, float]:
    """Width and height of lines of text in inches."""
    font = FontProperties(family=FONT, weight=weight)
    widths = [TextPath((0, 0), line, size=size, prop=font).get_extents().width for line in lines if line.strip()]
    return max(widths, default=0.0) / 72, len(lines) * size * LINE / 72


def keep(figure: Figure, path: str | PathLike[str] | None) -> Figure:
    """The figure, also in a file where a path is given; its ending chooses the format."""
    if path is not None:
        figure.savefig(path, dpi=200, facecolor="white")
    return figure


def to_svg(figure: Figure) -> str:
    """A figure as SVG text; the same figure gives the same text."""
    file = io.StringIO()
    with rc_context({"svg.hashsalt": "mechanisms"}):
        figure.savefig(file, format="svg", facecolor="white", metadata={"Date": None})
    return file.getvalue()
