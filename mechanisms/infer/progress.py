"""What a fit shows of itself while it runs: its blocks, and how much is done of what is wanted.

Shown on a terminal and in a notebook that has ipywidgets, once a second has gone by; nowhere else, so that pipes and
logs stay clean. What is shown is wiped when the fit is there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

from mechanisms.infer.engines.contract import Tell, keep_quiet

Begin = Callable[[str], Tell]
PATIENCE = 1.0  # seconds that nobody needs to be told about


@contextmanager
def show_progress(wanted: bool) -> Iterator[Begin]:
    """A function that begins a line of progress, named by its words, and gives what to tell that line."""
    from rich.console import Console  # noqa: PLC0415  (only fits need it)

    console = Console(stderr=True)
    if not wanted or not (console.is_interactive or (console.is_jupyter and _has_widgets())):
        yield lambda _words: keep_quiet
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    words = [TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[doing]}")]
    bars = Progress(words[0], BarColumn(24), words[1], TimeElapsedColumn(), console=console, transient=True)

    def begin(name: str) -> Tell:
        line = bars.add_task(name, total=None, doing="")

        def tell(doing: str, done: int = 0, of: int = 0) -> None:
            much = f"{doing}: {done} of {of}" if of else doing
            bars.update(line, completed=done, total=of or bars.tasks[line].total, doing=much)

        return tell

    waiting = Timer(PATIENCE, bars.start)
    waiting.daemon = True
    waiting.start()
    try:
        yield begin
    finally:
        waiting.cancel()
        waiting.join()
        if bars.live.is_started:
            bars.stop()


def _has_widgets() -> bool:
    """Whether a notebook can show something that changes."""
    from importlib.util import find_spec  # noqa: PLC0415

    return find_spec("ipywidgets") is not None
