"""Loops in machine code, kept on disk for the next process, and thrown away when any of the compiled sources has changed.

Numba keeps machine code by the date of the file that it was written in. A function of another file that was compiled
into it may have changed since, and a class that has moved is looked for where it was; so what is kept is held against
a digest of all these sources.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import cfunc, njit
from numba.core.caching import FunctionCache

STAMP = "mechanisms.digest"
FOLDERS = ("effects/averages", "infer/marginal", "infer/smooth")  # where machine code is made
COMPILED = (b"@compiled", b"NamedTuple")  # in each source that it is made from


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit`, with machine code kept on disk, which lets go of Python's lock: it reads and writes arrays alone."""

    def compile_later(function: Callable[..., Any]) -> Any:
        throw_away_stale(FunctionCache(function).cache_path, digest())  # type: ignore[no-untyped-call]
        return njit(cache=True, nogil=True, **options)(function)

    return compile_later


def compiled_within(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """The same for a function that compiled functions alone call: half as much to compile.

    It has no way in from Python: to call it there ends the process.
    """
    return compiled(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)


def compiled_c(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.cfunc`, with machine code kept on disk."""

    def compile_now(function: Callable[..., Any]) -> Any:
        throw_away_stale(FunctionCache(function).cache_path, digest())  # type: ignore[no-untyped-call]
        return cfunc(signature, cache=True)(function)

    return compile_now


@cache
def digest() -> str:
    """What the sources of machine code say, in short."""
    found, root = sha256(), Path(__file__).parents[1]
    for path in sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py")):
        text = path.read_bytes()
        if any(mark in text for mark in COMPILED):
            found.update(str(path.relative_to(root)).encode() + b"\0" + text)
    return found.hexdigest()


@cache
def throw_away_stale(folder: str, current: str) -> None:
    """Remove machine code from `folder` that was made from other sources than those of the digest `current`."""
    stamp = Path(folder) / STAMP
    with suppress(OSError):  # a folder that cannot be written to is read by nobody else's version
        if stamp.is_file() and stamp.read_text() == current:
            return
        for kept in (*Path(folder).glob("*.nbi"), *Path(folder).glob("*.nbc")):
            kept.unlink(missing_ok=True)
        stamp.write_text(current)
