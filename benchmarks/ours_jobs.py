"""Times this package on JOBS II, from theory text and frame to the printed decomposition; one JSON line per run.

    python benchmarks/ours_jobs.py jobs.csv

Imports are not timed (they are loaded by a fit to other data first); the data are in memory. 4 × 1000 draws.
"""

import json
import sys
import time

import numpy as np
import pandas as pd

import mechanisms as mx

TEXT = """
arrows:
  treat -> job_seek -> depress2:
  treat -> depress2:
  econ_hard, sex, age -> job_seek, depress2:
"""


def answer(text: str, frame: pd.DataFrame) -> mx.Effects:
    """What is timed."""
    fit = mx.fit(mx.parse(text), frame, draws=1000, chains=4, seed=1)
    effects = mx.decompose(fit, "treat", "depress2")
    repr(effects)
    return effects


def main() -> None:
    """Load every module on made-up data, then time five runs on the real ones."""
    rng = np.random.default_rng(0)
    answer(
        "arrows: [treat -> job_seek -> depress2]",
        pd.DataFrame(rng.normal(size=(50, 3)), columns=["treat", "job_seek", "depress2"]),
    )
    frame = pd.read_csv(sys.argv[1])
    for run in range(5):
        start = time.perf_counter()
        effects = answer(TEXT, frame)
        seconds = time.perf_counter() - start
        table = {row.label: {"mean": float(row.draws.mean()), "sd": float(row.draws.std())} for row in effects.rows}
        print(
            json.dumps({"what": f"mechanisms, JOBS II, run {run + 1}", "seconds": round(seconds, 4), "effects": table})
        )


if __name__ == "__main__":
    main()
