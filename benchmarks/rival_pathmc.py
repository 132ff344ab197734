"""Time pathmc on the JOBS II mediation, from model text to effects, and print one JSON line per fit.

    python benchmarks/rival_pathmc.py jobs.csv [first]

Run with the Python of pathmc's own environment (`benchmarks/run.sh` makes it). Importing is not timed. The first
fit of a process pays for compilation, or for reading the compiled code back from PyTensor's disk cache; the second
is what an analyst pays who fits again in an open notebook. The argument `first` names the first fit's state
("cold" with an empty cache, "new process" with a filled one).
"""

import json
import sys
import time

import pandas as pd
import pathmc

MODEL = """
job_seek ~ a*treat + econ_hard + sex + age
depress2 ~ b*job_seek + direct*treat + econ_hard + sex + age
indirect := a*b
total := a*b + direct
"""
SETTINGS = {"draws": 1000, "tune": 1000, "chains": 4, "nuts_sampler": "nutpie", "progressbar": False}


def estimate(frame: pd.DataFrame, seed: int) -> dict[str, dict[str, float]]:
    """The direct, indirect and total effect of the training, from the model's text and the data."""
    model = pathmc.model(MODEL, data=frame)
    # The pointwise log-likelihood is optional work that our fit does not do either.
    model.fit(compute_log_likelihood=False, random_seed=seed, **SETTINGS)
    table = model.effects_summary()
    return {
        name: {"mean": round(float(table.loc[name, "mean"]), 4), "sd": round(float(table.loc[name, "sd"]), 4)}
        for name in ("direct", "indirect", "total")
    }


def main(path: str, first: str = "first") -> None:
    """Fit twice in this process and print what each fit took."""
    frame = pd.read_csv(path)[["treat", "job_seek", "depress2", "econ_hard", "sex", "age"]]
    for seed, state in ((1, first), (2, "same process")):
        start = time.perf_counter()
        effects = estimate(frame, seed)
        seconds = round(time.perf_counter() - start, 2)
        what = f"pathmc {pathmc.__version__}, JOBS II, {state}"
        print(json.dumps({"what": what, "seconds": seconds, "effects": effects}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
