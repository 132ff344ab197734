"""A theory in a notebook: its picture and what it says. No drawing library is loaded for it."""

from html import escape

from mechanisms.errors import MechanismsError
from mechanisms.report.composition import compose
from mechanisms.report.scene import set_scene
from mechanisms.report.standing import stand
from mechanisms.report.svg import write_svg
from mechanisms.spec.theory import Theory


def draw_svg(theory: Theory) -> str:
    """The path diagram of a theory as SVG text."""
    return write_svg(set_scene(stand(compose(theory))))


def show_theory(theory: Theory) -> str:
    """The path diagram, and under it the theory in words; a theory that cannot be drawn says why."""
    try:
        picture = draw_svg(theory)
    except MechanismsError as error:
        picture = f"<p>{escape(str(error))}</p>"
    words = f"<details><summary>What it says</summary><pre>{escape(repr(theory))}</pre></details>"
    return f"<div>{picture}{words}</div>"
