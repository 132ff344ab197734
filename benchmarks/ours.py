"""Times this package on one piece of work, from the theory's text and the frame to the printed decomposition.

    python benchmarks/ours.py FOLDER WORK STATE [runs]

One JSON line per run. Every module is imported beforehand and nothing else: what is compiled, or read from the disk's caches,
is in the first run. STATE names that ("cold" with empty caches, "new process" with filled ones); later runs are "same process".
"""

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pandas as pd
from numba.core.registry import cpu_target
from works import WORKS, Work

import mechanisms as mx


def answer(work: Work, frame: pd.DataFrame) -> tuple[mx.Fit, mx.Effects]:
    """What is timed."""
    fit = mx.fit(mx.parse(work.text), frame, draws=1000, chains=4, seed=1)
    effects = mx.decompose(fit, work.of, work.on)
    repr(effects)
    return fit, effects


def main() -> None:
    """Import everything, then answer."""
    folder, name, state, *more = sys.argv[1:]
    for module in walk_packages(mx.__path__, "mechanisms."):
        if ".symbolic" not in module.name and not module.name.endswith((".nuts", ".cli")):
            import_module(module.name)
    for home in mx.__all__:
        getattr(mx, home)
    cpu_target.target_context.refresh()  # numba imports most of itself when its first kernel is loaded
    work, frame = WORKS[name], pd.read_csv(Path(folder) / f"{name}.csv")
    for run in range(int(more[0]) if more else 1):
        start = time.perf_counter()
        fit, effects = answer(work, frame)
        seconds = time.perf_counter() - start
        found = fit.parameters if work.binary else {row.label: row.draws for row in effects.rows[:3]}
        posterior = {key: {"mean": float(draws.mean()), "sd": float(draws.std())} for key, draws in found.items()}
        line = {"work": name, "who": "mechanisms", "state": state if run == 0 else "same process", "seconds": seconds}
        engines = sorted({block.engine for block in fit.blocks})
        print(json.dumps({**line, "engines": engines, "posterior": posterior}), flush=True)


if __name__ == "__main__":
    main()
