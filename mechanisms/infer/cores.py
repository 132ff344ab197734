"""Work in pieces, which the processor's cores share where it lets go of Python's lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def cut(size: int, step: int) -> list[slice]:
    """`size` things in pieces of `step`."""
    return [slice(at, min(at + step, size)) for at in range(0, size, step)]


def share_out[Found](run: Callable[[slice], Found], pieces: list[slice]) -> list[Found]:
    """What `run` makes of each piece, in their order."""
    workers = min(os.cpu_count() or 1, len(pieces))
    if workers < 2:
        return [run(some) for some in pieces]
    pool = ThreadPoolExecutor(workers)
    try:
        return list(pool.map(run, pieces))
    finally:
        pool.shutdown(cancel_futures=True)  # an interruption waits for the pieces that are worked on, not for all
