"""How much an effect changes with a moderator, in one number where there is one (Hayes 2015, 2018).

An index is a difference of effects, never a product of coefficients: it stays right where the effect is no product.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Numbers
from mechanisms.effects.along.evaluating import Asking, Key, Line, Point, complete, insert, list_rests, say_point
from mechanisms.effects.along.moderators import Moderator
from mechanisms.effects.along.tracing import Curve
from mechanisms.effects.estimation import differ

Floats = NDArray[np.float64]
_ROUNDING = 1e-9  # of the effect itself: a smaller change is none


@dataclass(frozen=True, eq=False)
class Index:
    """A row about how an effect changes: `label` before the brackets, `where` in them."""

    line: Line
    label: str
    where: str
    draws: Floats
    meaning: str


def find_indices(asking: Asking, lines: tuple[Line, ...], place: int, curves: Mapping[Key, Curve]) -> list[Index]:
    """How every line changes with one moderator: its slope where it is a straight line, else differences between values.

    Where other moderators do not change that, one row says it for all their values.
    """
    moderator = asking.moderators[place]
    found: list[Index] = []
    for line in lines:
        rests = list_rests(asking, place)
        straight = not isinstance(moderator.column, Numbers) or all(
            curves[line, rest].straight for rest in rests if (line, rest) in curves
        )
        single = isinstance(moderator.column, Numbers) and straight
        changes = [_slope(asking, line, place, rest) if single else _pairs(asking, line, place, rest) for rest in rests]
        alike = not any(differ(changes[0][key], other[key]) for other in changes[1:] for key in changes[0])
        for rest, change in list(zip(rests, changes, strict=True))[: 1 if alike else None]:
            others = "" if alike else say_point(asking, place, rest)
            found += _say(asking, line, moderator, change, others, single=single)
    return found


def find_joint(asking: Asking, lines: tuple[Line, ...]) -> list[Index]:
    """How the index of one moderator changes with another, where two have one that is a straight line in the other."""
    columns = [each.column for each in asking.moderators]
    if len(columns) != 2 or not all(isinstance(column, Numbers) for column in columns):
        return []
    one, other = (column for column in columns if isinstance(column, Numbers))
    found = []
    for line in lines:
        ends = [one.lowest, one.highest]
        steps = [other.lowest, (other.lowest + other.highest) / 2, other.highest]
        if other.binary:
            steps = steps[::2]
        slopes = [_rise(asking, line, 0, (step,), ends) for step in steps]
        change = _clean((slopes[-1] - slopes[0]) / (steps[-1] - steps[0]), slopes[0], steps[-1] - steps[0])
        middle = (slopes[0] + slopes[-1]) / 2
        if change.any() and not (len(steps) == 3 and differ(slopes[1], middle)):
            label = _head(asking, line).replace("index of moderated", "index of moderated moderated")
            meaning = f"how much the index of {one.name} grows when {other.name} goes up by 1 (Hayes 2018)"
            found.append(Index(line, label, f"{one.name} × {other.name}", change, meaning))
    return found


def note_curved(asking: Asking, place: int, curves: Mapping[Key, Curve]) -> tuple[str, ...]:
    """Why a moderator has no single index, where it has none."""
    if all(curve.straight for curve in curves.values()):
        return ()
    name = asking.moderators[place].name
    return (
        f"the effect is no straight line in {name}, so that no single index sums up how {name} moderates it: the rows give "
        "its differences between the values",
    )


def _slope(asking: Asking, line: Line, place: int, rest: Point) -> dict[str, Floats]:
    column = asking.moderators[place].column
    assert isinstance(column, Numbers)
    return {"": _rise(asking, line, place, rest, [column.lowest, column.highest])}


def _rise(asking: Asking, line: Line, place: int, rest: Point, ends: list[float]) -> Floats:
    """The change of the effect for each unit of the moderator between two values."""
    low, high = (complete(asking.at(insert(rest, place, end)), (line,))[line] for end in ends)
    return _clean((high - low) / (ends[1] - ends[0]), high, ends[1] - ends[0])


def _clean(rise: Floats, height: Floats, distance: float) -> Floats:
    """A slope, or 0 where it is nothing but rounding."""
    return rise if np.max(np.abs(rise)) * distance > _ROUNDING * np.max(np.abs(height)) else np.zeros_like(rise)


def _pairs(asking: Asking, line: Line, place: int, rest: Point) -> dict[str, Floats]:
    """The effect at the later value minus the effect at the earlier one, for every pair of stated values."""
    moderator, found = asking.moderators[place], {}
    for one, other in combinations(moderator.stated, 2):
        low, high = (complete(asking.at(insert(rest, place, value)), (line,))[line] for value in (one, other))
        gap = high - low if differ(high, low, 1e-12) else np.zeros_like(high)
        found[f"{moderator.say(other)} − {moderator.say(one)}"] = gap
    return found


def _say(
    asking: Asking, line: Line, moderator: Moderator, change: Mapping[str, Floats], others: str, *, single: bool
) -> Iterator[Index]:
    for pair, draws in change.items():
        where = ", ".join(word for word in (pair or moderator.name, others) if word)
        if single:
            what = "between its two values" if _binary(moderator) else "when it goes up by 1"
            also = " at every value of the others" if len(asking.moderators) > 1 and not others else ""
            meaning = f"how much the effect changes with {moderator.name} {what}{also} (Hayes 2015)"
            yield Index(line, _head(asking, line), where, draws, meaning)
        else:
            yield Index(line, line.label, where, draws, "difference between the effects at the two values")


def _binary(moderator: Moderator) -> bool:
    return isinstance(moderator.column, Numbers) and moderator.column.binary


def _head(asking: Asking, line: Line) -> str:
    """`index of moderated mediation`, with the version's name where it is the second."""
    head = "index of moderated mediation" if asking.question.kind == "indirect" else "index of moderation"
    first = next(other for heights in asking.known.values() for other in heights if other.group == line.group)
    return head if first.label == line.label else f"{head}, {line.label}"
