"""The path diagram: boxes, arrows with their coefficients, moderators on the arrows that they moderate."""

from collections.abc import Iterable
from numbers import Integral
from os import PathLike

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse, FancyBboxPatch, Polygon, Rectangle

from mechanisms.errors import MechanismsError, did_you_mean, expect
from mechanisms.infer.posterior import Fit
from mechanisms.model.plan import Plan
from mechanisms.report.composition import compose
from mechanisms.report.plots.paper import check_path, choose_fonts, keep, keep_text
from mechanisms.report.scene import Area, Frame, Line, Mark, Oval, Scene, Words, set_scene
from mechanisms.report.standing import stand
from mechanisms.report.svg import write_svg
from mechanisms.report.unrolled import unrolled_sheet
from mechanisms.spec.theory import Theory

LINE_SPACING = 1.2


def diagram(
    theory: Theory | Plan,
    fit: Fit | None = None,
    path: str | PathLike[str] | None = None,
    *,
    of: str | Iterable[str] = (),
    labels: bool = False,
    unrolled: bool | int = False,
) -> Figure:
    """The path diagram of a theory; with a fit, its coefficients stand on the arrows (mean [95 % interval]).

    Parameters
    ----------
    theory
        A theory or a plan. Variables with `pos` stand where their author put them.
    fit
        A fit of this theory, for the numbers.
    path
        A file to write; its ending (.png, .svg, .pdf) chooses the format.
    of
        Exposures, one name or several, besides those of the theory's own questions, so that they are not taken for covariates.
    labels
        Write every arrow out. Without, an arrow says only what its two names do not: `t−1`, `client`, `→ sigma`.
    unrolled
        Draw the graph over time, a column for each occasion: True, or how many occasions.

    Each level is a band. An arrow from an earlier occasion is dashed, one between units of a coarser level double; an
    arrow of moderation ends on the arrow it moderates. Latent variables are ellipses with their indicators under them,
    a computed variable has a double frame. What the language adds, and what covariates do, is pale. An arc in a ring
    says that an arrow is a curve. `<->` is dashed with two heads. In SVG each arrow shows its text under the pointer.

    Raises
    ------
    MechanismsError
        The theory or the fit is something else, or the fit is of another theory; the path's ending is of no format,
        its folder is not there, or no installed font has the letters of the names (SVG needs none).
    """
    theory = theory.theory if isinstance(theory, Plan) else theory
    expect(theory, Theory, "what is drawn", "mx.diagram(theory) draws a theory, mx.diagram(fit.plan, fit) a fit")
    if fit is not None:
        expect(fit, Fit, "the fit", "mx.fit or mx.sample makes one; a file's name is path=")
    exposures = _exposures(of, theory)
    if unrolled is not False:
        if unrolled is not True and (not isinstance(unrolled, Integral) or unrolled < 1):
            raise MechanismsError(f"unrolled is True or how many occasions to draw, not {unrolled!r}: unrolled=3")
        if fit is not None or labels or exposures:
            raise MechanismsError(
                "a diagram over time shows no fit, labels or exposures: leave out the fit, labels= and of=, or unrolled="
            )
    sheet = unrolled_sheet(theory, unrolled) if unrolled else stand(compose(theory, fit, exposures, labels=labels))
    scene = set_scene(sheet)
    if path is not None and check_path(path).suffix.lower() == ".svg":
        keep_text(write_svg(scene), path)
        return paint(scene)
    if path is not None and (missing := choose_fonts(letters_of(scene))[1]):
        raise MechanismsError(
            f"no installed font has the letters {missing[:12]!r}. Write an .svg, which the reader's fonts show, "
            "or install a font that has them (Noto Sans has most)"
        )
    return keep(paint(scene), path)


def _exposures(of: str | Iterable[str], theory: Theory) -> tuple[str, ...]:
    """The names in `of`, each a variable of the theory."""
    found = (of,) if isinstance(of, str) else tuple(of) if isinstance(of, Iterable) else (of,)
    for name in found:
        if name not in theory.names:
            hint = did_you_mean(name, theory.names) if isinstance(name, str) else ""
            raise MechanismsError(f"of: the theory has no variable {name!r}.{hint}")
    return found


def letters_of(scene: Scene) -> frozenset[str]:
    """Every letter that is written."""
    words = (mark.lines for mark in scene.marks if isinstance(mark, Words))
    return frozenset(letter for lines in words for line in lines for letter in line)


def paint(scene: Scene) -> Figure:
    """A scene as a figure of its size in inches."""
    (left, low), (right, top) = scene.low, scene.high
    figure = Figure(figsize=(right - left, top - low))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(left, right), ylim=(low, top))
    families, _ = choose_fonts(letters_of(scene))
    for depth, mark in enumerate(scene.marks):
        _paint(axes, mark, 1 + depth / 1000, families)
    return figure


def _paint(axes: Axes, mark: Mark, depth: float, families: tuple[str, ...]) -> None:
    if isinstance(mark, Words):
        halo = {"facecolor": "white", "edgecolor": "none", "pad": 1.2} if mark.halo else None
        side = {"middle": "center", "start": "left"}[mark.anchor]
        axes.text(*mark.at, "\n".join(mark.lines), size=mark.size, color=mark.color, family=[*families], ha=side, va="center",
                  zorder=depth, linespacing=LINE_SPACING, bbox=halo, parse_math=False)  # fmt: skip
    elif isinstance(mark, Line):
        x, y = zip(*mark.points, strict=True)
        style = (0, mark.dash) if mark.dash else "-"
        axes.plot(x, y, color=mark.color, linewidth=mark.width, linestyle=style, zorder=depth, solid_capstyle="butt")
    elif isinstance(mark, Area):
        axes.add_patch(Polygon(mark.points, closed=True, facecolor=mark.color, edgecolor="none", zorder=depth))
    else:
        axes.add_patch(_shape(mark, depth))


def _shape(mark: Frame | Oval, depth: float) -> Circle | Ellipse | FancyBboxPatch | Rectangle:
    box, edge, width = mark.box, mark.edge, mark.width
    if isinstance(mark, Oval):
        if box.width == box.height:
            return Circle((box.x, box.y), box.width / 2, facecolor=mark.fill, edgecolor=edge, linewidth=width,
                          zorder=depth)  # fmt: skip
        return Ellipse((box.x, box.y), box.width, box.height, facecolor=mark.fill, edgecolor=edge, linewidth=width,
                       zorder=depth)  # fmt: skip
    low = box.x - box.width / 2, box.y - box.height / 2
    if not mark.corner:
        return Rectangle(low, box.width, box.height, facecolor="white", edgecolor=edge, linewidth=width, zorder=depth)
    style = f"round,pad=0,rounding_size={mark.corner:.3f}"
    return FancyBboxPatch(low, box.width, box.height, boxstyle=style, facecolor="white", edgecolor=edge,
                          linewidth=width, zorder=depth)  # fmt: skip
