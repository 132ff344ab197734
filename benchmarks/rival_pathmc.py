"""Times pathmc on a mediation, from the model's text to effects, and prints one JSON line per fit.

    python benchmarks/rival_pathmc.py FOLDER WORK STATE [runs]

Run with the Python of pathmc's own environment (`benchmarks/run.sh` makes it). Importing is not timed. The first fit of a
process pays for compilation, or for reading the compiled code back from PyTensor's disk cache; STATE names which.
"""

import json
import sys
import time
from pathlib import Path

import pandas as pd
import pathmc
from works import WORKS, Work

SETTINGS = {"draws": 1000, "tune": 1000, "chains": 4, "nuts_sampler": "nutpie", "progressbar": False}


def write_model(work: Work) -> str:
    """The equations with the coefficients on the way named, and the effects."""
    mediators = [name for name in work.equations if name != work.on]
    lines = []
    for effect, causes in work.equations.items():
        named = {work.of: "direct" if effect == work.on else f"a_{effect}", **{name: f"b_{name}" for name in mediators}}
        terms = [f"{named[cause]}*{cause}" if cause in named else cause for cause in causes]
        lines.append(f"{effect} ~ {' + '.join(terms)}")
    indirect = " + ".join(f"a_{name}*b_{name}" for name in mediators)
    return "\n".join([*lines, f"indirect := {indirect}", f"total := {indirect} + direct"])


def estimate(work: Work, frame: pd.DataFrame, seed: int) -> dict[str, dict[str, float]]:
    """The direct, indirect and total effect, from the model's text and the data."""
    model = pathmc.model(write_model(work), data=frame)
    # The pointwise log-likelihood is optional work that our fit does not do either.
    model.fit(compute_log_likelihood=False, random_seed=seed, **SETTINGS)
    table = model.effects_summary()
    return {
        name: {"mean": float(table.loc[name, "mean"]), "sd": float(table.loc[name, "sd"])}
        for name in ("direct", "indirect", "total")
    }


def main() -> None:
    """Fit, and print what each fit took."""
    folder, name, state, *more = sys.argv[1:]
    work, frame = WORKS[name], pd.read_csv(Path(folder) / f"{name}.csv")
    frame = frame[list(dict.fromkeys(each for effect, causes in work.equations.items() for each in (effect, *causes)))]
    for run in range(int(more[0]) if more else 1):
        start = time.perf_counter()
        posterior = estimate(work, frame, run + 1)
        line = {"work": name, "who": f"pathmc {pathmc.__version__}", "state": state if run == 0 else "same process"}
        print(json.dumps({**line, "seconds": time.perf_counter() - start, "posterior": posterior}), flush=True)


if __name__ == "__main__":
    main()
