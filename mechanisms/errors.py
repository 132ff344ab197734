"""Every error raised on purpose, as one tree; each says what is wrong, where, and what to do.

MechanismsError
├── SpecError            the theory's text is wrong: its author's move
├── DataError            the data do not fit the theory: the analyst's move
├── IdentificationError  the question has no answer in this theory; the witness travels along
└── FitError             the model cannot be fitted, or not with this engine
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, eq=False)
class Place:
    """Where something was written. Any two places are equal: where a thing stands is not what it says."""

    file: str | None = None
    line: int | None = None
    text: str | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place)

    def __hash__(self) -> int:
        return 0

    def __str__(self) -> str:
        if self.line is None:
            return f"  {self.file}" if self.file else ""
        header = f"  {self.file or 'text'}:{self.line}"
        return header if self.text is None else f"{header}\n  {self.line:>4} | {self.text.rstrip()}"


NOWHERE = Place()


class MechanismsError(Exception):
    """Whatever this package refuses on purpose."""


class SpecError(MechanismsError):
    """The theory's text is wrong. `place` is the line, where there is one."""

    def __init__(self, message: str, place: Place = NOWHERE) -> None:
        self.message = message
        self.place = place
        shown = str(place)
        super().__init__(f"{message}\n\n{shown}" if shown else message)


class DataError(MechanismsError):
    """The data do not fit the theory."""


class IdentificationError(MechanismsError):
    """The question cannot be answered in this theory; `witness` names what forbids it."""

    def __init__(self, message: str, witness: tuple[str, ...] = ()) -> None:
        self.witness = witness
        super().__init__(message)


class ZeroEffectError(IdentificationError):
    """The theory draws no way for the effect that was asked for: it is zero, whatever the data."""


class FitError(MechanismsError):
    """The model cannot be fitted, or not with the engine that was asked for."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`" Did you mean 'alliance'?"` (with its leading space) for a near miss, else `""`."""
    known = list(known)
    folded = {candidate.casefold(): candidate for candidate in reversed(known)}
    near = get_close_matches(word.casefold(), list(folded), n=1, cutoff=0.6)
    return f" Did you mean '{folded[near[0]]}'?" if near else ""


def listed(words: Iterable[str], *, joint: str = "and", most: int = 8) -> str:
    """`a, b and c`; beyond `most` words the rest is counted."""
    words = list(words)
    if len(words) > most:
        return f"{', '.join(words[:most])} {joint} {len(words) - most} more"
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def expect(value: object, kind: type, what: str, made_by: str) -> None:
    """Refuse an argument of the wrong kind in one sentence: what was wanted, what came, and what makes it."""
    if not isinstance(value, kind):
        wanted, came = (_with_article(each.__name__) for each in (kind, type(value)))
        raise MechanismsError(f"{what} should be {wanted}, not {came}: {made_by}")


def _with_article(name: str) -> str:
    """`a Fit`, `an Effect`; several take none: `Effects`."""
    if name == "Effects":
        return name
    return f"{'an' if name[0].casefold() in 'aeio' else 'a'} {name}"
