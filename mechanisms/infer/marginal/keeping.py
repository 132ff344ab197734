"""What was made last, for whoever asks for the same again: an engine says whether it applies, and then draws."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary


def keep_with[**Asked, Made](place: int) -> Callable[[Callable[Asked, Made]], Callable[Asked, Made]]:
    """A function whose results are kept while the argument at `place` lives, and until it is asked of another one.

    It is the same question where all arguments are the same objects. What is made must not hold the argument at `place`,
    or it is kept until another one comes.
    """

    def decorate(make: Callable[Asked, Made]) -> Callable[Asked, Made]:
        last: WeakKeyDictionary[Any, list[tuple[tuple[Any, ...], Made]]] = WeakKeyDictionary()

        @wraps(make)
        def made(*asked: Asked.args, **named: Asked.kwargs) -> Made:
            owner, rest = asked[place], (*asked[:place], *asked[place + 1 :], *named, *named.values())
            for before, found in last.get(owner, ()):
                if len(before) == len(rest) and all(one is other for one, other in zip(before, rest, strict=True)):
                    return found
            found = make(*asked, **named)
            if owner not in last:
                last.clear()
            last.setdefault(owner, []).append((rest, found))
            return found

        return made

    return decorate
