"""Too little and too much: where the outcome's mean turns along the exposure."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.along.responding import follow_response
from mechanisms.effects.along.thinning import thin
from mechanisms.effects.along.tracing import Curve
from mechanisms.effects.along.turns import Turn, TurningPoint
from mechanisms.effects.effects import MASS
from mechanisms.effects.estimability import note_inestimable
from mechanisms.effects.headway import WORDS, show_headway
from mechanisms.errors import MechanismsError, expect
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question

Floats = NDArray[np.float64]
_FINE = 801  # places at which each draw's slope is looked at
_STILL = 1e-10  # of the height: a curve that moves less does not move
_FLAT = 1e-9  # of the rise from end to end: a slope that small is level
TWO_LINES = (
    "a parabola always turns somewhere, and a curve that only levels off can push that place into the data: believe an "
    "inverted U where both its sides are steep and a freer shape (spline) turns as well (Simonsohn 2018)"
)


def turning_point(
    fit: Fit,
    of: str,
    on: str,
    *,
    kind: Literal["total", "direct", "indirect"] = "total",
    through: str | Iterable[str] = (),
    at: Mapping[str, Any] | None = None,
    set: Mapping[str, Any] | None = None,
    within: tuple[Any, Any] | None = None,
    population: str | Mapping[str, str] = "these",
    mass: float = MASS,
    draws: int | None = None,
    progress: bool = True,
) -> TurningPoint:
    """Where E[y | do(x)] turns: the curve of the outcome's mean over the exposure, draw by draw, of whatever shape.

    Each draw's curve is followed over the data's range. Where it rises and then falls it is an inverted U, whose peak is
    the draw's turning point; how many draws have one is its posterior probability. `highest` is where the curve is
    greatest, at an end of the range where it does not turn.

    Parameters
    ----------
    of, on
        Exposure and outcome, as in a `Question`: `alliance(t)`, `symptoms(t+1)`.
    kind, through
        "total" follows the outcome's mean; "direct" and "indirect" what that effect adds to it, from the exposure's mean on.
    at, set, population
        As in a `Question`: `at` conditions, with a curve for each value; `set` intervenes.
    within
        The range of the exposure, `("5%", "95%")`; the default is that of the data. A curve is least sure at its ends.
    draws
        How many of the posterior draws to use; the default is all.
    progress
        Whether a question of more than a second shows on a terminal or in a notebook how far it is. A pipe never sees it.

    Raises
    ------
    IdentificationError
        The effect is not identified, or the exposure has no values between its values.
    """
    expect(fit, Fit, "the fit", "mx.fit or mx.sample makes one")
    if isinstance(mass, bool) or not isinstance(mass, int | float) or not 0 < mass < 1:
        raise MechanismsError(f"mass is a probability between 0 and 1, such as 0.95, not {mass!r}")
    fit = thin(fit, draws)
    ways = through if isinstance(through, str) else tuple(through)
    question = Question(of=of, on=on, kind=kind, through=ways, at=at or (), set=set or (), population=population)
    with show_headway(WORDS, progress):
        found = follow_response(fit, question, within)
    first = next(iter(found.curves.values()))
    cases = found.column.telling[np.isfinite(found.column.telling)]
    what = "Mean of" if kind == "total" else f"{kind.capitalize()} effect on"
    title = fit.plan.theory.title
    return TurningPoint(
        title=f"{what} {question.on} along {question.of}" + (f": {title}" if title else ""),
        of=found.column,
        on=question.on.name,
        turns=tuple(_find_turns(condition, curve) for condition, curve in found.curves.items()),
        cases=cases[(cases >= first.low) & (cases <= first.high)],
        mass=mass,
        population=found.population,
        scale=found.scale,
        assumptions=found.assumptions,
        notes=(*fit.marks, *found.notes, TWO_LINES, *note_inestimable(fit, found.routes.chosen.all)),
    )


def _find_turns(condition: str, curve: Curve) -> Turn:
    """Where and how each draw's curve turns."""
    grid = np.linspace(curve.low, curve.high, _FINE)
    height = curve.at(grid)
    spread = np.ptp(height, axis=1)
    still = spread <= _STILL * np.max(np.abs(height), axis=1)
    count, place, up = _find_places(grid, curve.slope(grid), spread, still)
    single = count == 1
    top = np.where(single, curve.pick(place), np.nan)
    return Turn(
        condition=condition,
        curve=curve,
        peak=np.where(single & up, place, np.nan),
        trough=np.where(single & ~up, place, np.nan),
        highest=np.where(single & up, place, grid[height.argmax(axis=1)]),
        before=top - height[:, 0],
        after=height[:, -1] - top,
        rises=(count == 0) & (height[:, -1] > height[:, 0]) & ~still,
        falls=(count == 0) & (height[:, -1] < height[:, 0]) & ~still,
        several=count > 1,
    )


def _find_places(
    grid: Floats, slope: Floats, spread: Floats, still: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], Floats, NDArray[np.bool_]]:
    """How often each draw's slope changes its sign, where it first does, and whether that is from up to down.

    A stretch that is level belongs to what comes before it; where the curve turns on one, its middle is the place.
    """
    level = np.abs(slope) * (grid[-1] - grid[0]) <= _FLAT * spread[:, None]
    side = np.where(level | still[:, None], 0.0, np.sign(slope))
    last = np.maximum.accumulate(np.where(side != 0, np.arange(len(grid)), 0), axis=1)
    side = np.take_along_axis(side, last, axis=1)
    changes = side[:, 1:] * side[:, :-1] < 0
    count, first, rows = changes.sum(axis=1), changes.argmax(axis=1), np.arange(len(slope))
    begun, here, beyond = last[rows, first], slope[rows, first], slope[rows, first + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = grid[first] + here / (here - beyond) * (grid[1] - grid[0])
    middle = (grid[np.minimum(begun + 1, len(grid) - 1)] + grid[first]) / 2
    place = np.where(count == 0, np.nan, np.where(begun == first, between, middle))
    return count, place, side[rows, first] > 0
