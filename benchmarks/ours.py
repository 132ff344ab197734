"""Times this package on one piece of work, from the theory's text and the frame to the printed decomposition.

    python benchmarks/ours.py FOLDER WORK STATE [runs]

One JSON line per run. Modules are imported beforehand, but for those that compile while they are imported: what is compiled,
or read from the disk's caches, is in the first run. STATE names that ("cold" with empty caches, "new process" with filled ones); later runs are "same process".
"""

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import arviz_stats
import pandas as pd
import xarray as xr
from numba.core.registry import cpu_target
from series import SERIES, Series
from works import WORKS, Work

import mechanisms as mx

COMPILING = (".native", ".native_units", ".native_program")


def answer(work: Work | Series, frame: pd.DataFrame) -> tuple[mx.Fit, mx.Effects]:
    """What is timed: to a decomposition, or with sessions in clients to the effect that is asked for."""
    fit = mx.fit(mx.parse(work.text), frame, draws=1000, chains=4, seed=1)
    if isinstance(work, Work):
        effects = mx.decompose(fit, work.of, work.on)
    else:
        part = {"kind": "indirect", "through": work.through} if work.through else {}
        effects = mx.estimate(fit, mx.Question(of=work.of, on=work.on, **part))
    repr(effects)
    return fit, effects


def say_found(work: Work | Series, fit: mx.Fit, effects: mx.Effects) -> dict[str, object]:
    """The posterior that rivals are held against, and how well the chains agree about the effect."""
    if isinstance(work, Series):
        draws = effects.rows[0].draws
        asked = xr.Dataset({"effect": (("chain", "draw"), draws)})
        said = {"ess": float(arviz_stats.ess(asked)["effect"]), "rhat": float(arviz_stats.rhat(asked)["effect"])}
        return {
            **said,
            "ok": mx.diagnose(fit).ok,
            "posterior": {"effect": {"mean": float(draws.mean()), "sd": float(draws.std())}},
        }
    found = fit.parameters if work.binary or work.bent else {row.label: row.draws for row in effects.rows[:3]}
    return {"posterior": {key: {"mean": float(draws.mean()), "sd": float(draws.std())} for key, draws in found.items()}}


def main() -> None:
    """Import everything, then answer."""
    folder, name, state, *more = sys.argv[1:]
    for module in walk_packages(mx.__path__, "mechanisms."):
        if ".symbolic" not in module.name and not module.name.endswith((*COMPILING, ".nuts", ".cli")):
            import_module(module.name)
    for home in mx.__all__:
        getattr(mx, home)
    cpu_target.target_context.refresh()  # numba imports most of itself when its first kernel is loaded
    work, frame = {**WORKS, **SERIES}[name], pd.read_csv(Path(folder) / f"{name}.csv")
    for run in range(int(more[0]) if more else 1):
        start = time.perf_counter()
        fit, effects = answer(work, frame)
        seconds = time.perf_counter() - start
        line = {"work": name, "who": "mechanisms", "state": state if run == 0 else "same process", "seconds": seconds}
        engines = sorted({block.engine for block in fit.blocks})
        print(json.dumps({**line, "engines": engines, **say_found(work, fit, effects)}), flush=True)


if __name__ == "__main__":
    main()
