"""A scene as SVG text: the same scene gives the same text, the words stay words, and lines say what they are."""

from html import escape

from mechanisms.report.letters import FONT, LINE
from mechanisms.report.scene import Area, Line, Mark, Oval, Scene, Words

UNIT = 96  # pixels in an inch


def write_svg(scene: Scene) -> str:
    """A picture that needs nothing from elsewhere."""
    (left, low), (right, top) = scene.low, scene.high
    width, height = (right - left) * UNIT, (top - low) * UNIT
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.1f} {height:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" font-family="{FONT}, Verdana, sans-serif" style="max-width:100%;height:auto">'
    )
    paper = f'<rect width="{width:.1f}" height="{height:.1f}" fill="#ffffff"/>'
    return "\n".join([head, paper, *(_write(mark, left, top) for mark in scene.marks), "</svg>\n"])


def _write(mark: Mark, left: float, top: float) -> str:
    def at(x: float, y: float) -> tuple[float, float]:
        return (x - left) * UNIT, (top - y) * UNIT

    if isinstance(mark, Words):
        return _words(mark, *at(*mark.at))
    if isinstance(mark, Line | Area):
        points = " ".join("{:.1f},{:.1f}".format(*at(*point)) for point in mark.points)
        if isinstance(mark, Area):
            return f'<polygon points="{points}" fill="{mark.color}"/>'
        width = mark.width * UNIT / 72
        dash = f' stroke-dasharray="{" ".join(f"{part * width:.1f}" for part in mark.dash)}"' if mark.dash else ""
        return _say(
            f'<polyline points="{points}" fill="none" stroke="{mark.color}" stroke-width="{width:.2f}"{dash}', mark.says
        )
    x, y = at(mark.box.x, mark.box.y)
    wide, tall, thick = mark.box.width * UNIT, mark.box.height * UNIT, mark.width * UNIT / 72
    if isinstance(mark, Oval):
        shape = f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{wide / 2:.1f}" ry="{tall / 2:.1f}" fill="{mark.fill}"'
    else:
        shape = (
            f'<rect x="{x - wide / 2:.1f}" y="{y - tall / 2:.1f}" width="{wide:.1f}" height="{tall:.1f}" '
            f'rx="{mark.corner * UNIT:.1f}" fill="#ffffff"'
        )
    return _say(f'{shape} stroke="{mark.edge}" stroke-width="{thick:.2f}"', mark.says)


def _say(shape: str, words: str) -> str:
    """The end of an element, with a title that is shown where the pointer rests."""
    if not words:
        return f"{shape}/>"
    return f"{shape}><title>{escape(words)}</title></{shape[1:].partition(' ')[0]}>"


def _words(mark: Words, x: float, y: float) -> str:
    size = mark.size * UNIT / 72
    step = size * LINE
    first = y - step * (len(mark.lines) - 1) / 2 + size * 0.36
    halo = ' stroke="#ffffff" stroke-width="5" paint-order="stroke" stroke-linejoin="round"' if mark.halo else ""
    lines = "".join(
        f'<tspan x="{x:.1f}" y="{first + step * at:.1f}">{escape(line)}</tspan>' for at, line in enumerate(mark.lines)
    )
    return f'<text font-size="{size:.1f}" fill="{mark.color}" text-anchor="{mark.anchor}"{halo}>{lines}</text>'
