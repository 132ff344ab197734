"""How far a question is: one line for all that it works out, shown as `infer.progress` shows that of a fit.

A verb opens the line. Loops below it, however deep, count their turns off; where nobody has opened a line they count for
nobody. A question that is asked inside another one joins its line.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from mechanisms.errors import MechanismsError
from mechanisms.infer.engines.contract import Tell
from mechanisms.infer.progress import show_progress

WORDS = "answering"


@dataclass(frozen=True, eq=False)
class _Line:
    """Whom to tell, and the loops under way, the outermost first: what is counted, how much is done, of how much."""

    tell: Tell
    loops: list[tuple[str, int, int]] = field(default_factory=list)


_OPEN: ContextVar[_Line | None] = ContextVar("headway", default=None)


@contextmanager
def show_headway(words: str, wanted: bool) -> Iterator[None]:
    """A line of progress for what is counted inside, where `wanted` and where somebody can see it.

    Raises
    ------
    MechanismsError
        `wanted` is neither True nor False.
    """
    if not isinstance(wanted, bool):
        raise MechanismsError(f"progress must be True or False, not {wanted!r}")
    if _OPEN.get() is not None:
        yield
        return
    with show_progress(wanted) as begin:
        token = _OPEN.set(_Line(begin(words)))
        try:
            yield
        finally:
            _OPEN.reset(token)


def count_off[T](what: str, things: Iterable[T], of: int | None = None) -> Iterator[T]:
    """The things one after the other, each told of before it is handed on; `of` is how many, where they do not say it."""
    line, many = _OPEN.get(), len(things) if isinstance(things, Collection) else of or 0
    if line is None or many < 2:
        yield from things
        return
    depth = len(line.loops)
    for done, each in enumerate(things):
        del line.loops[depth:]  # with what an error has left of the loops inside
        line.loops.append((what, done, many))
        _say(line)
        yield each
    del line.loops[depth:]


def _say(line: _Line) -> None:
    """The outermost loop makes the bar; the others stand behind it in words."""
    (what, done, of), *inside = line.loops
    behind = ", ".join(f"{name} {now} of {all_}" for name, now, all_ in inside)
    line.tell(f"{what} ({behind})" if behind else what, done, of)
