"""Work in pieces, which the processor's cores share where it lets go of Python's lock."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor


def cut(size: int, step: int) -> list[slice]:
    """`size` things in pieces of `step`."""
    return [slice(at, min(at + step, size)) for at in range(0, size, step)]


def share_out[Found](
    run: Callable[[slice], Found],
    pieces: list[slice],
    watch: Callable[[Iterable[Found]], Iterable[Found]] = iter,
) -> list[Found]:
    """What `run` makes of each piece, in their order; `watch` is handed them, and hands them on, one by one."""
    workers = min(os.cpu_count() or 1, len(pieces))
    if workers < 2:
        return list(watch(run(some) for some in pieces))
    pool = ThreadPoolExecutor(workers)
    try:
        return list(watch(pool.map(run, pieces)))
    finally:
        pool.shutdown(cancel_futures=True)  # an interruption waits for the pieces that are worked on, not for all
