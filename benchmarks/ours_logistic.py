"""Times a logistic regression of seven causes by `laplace` and by `nuts`; one JSON line per fit.

    python benchmarks/ours_logistic.py [rows …]

From the theory's text and the frame to the draws, 4 × 1000 of them; imports are not timed (a fit to other data loads
them), PyTensor's compilation is. By default 385 rows (as many as the UPB study has) and 100 000.
"""

import json
import sys
import time

import numpy as np
import pandas as pd

import mechanisms as mx

CAUSES = tuple(f"x{number}" for number in range(1, 8))
TEXT = f"variables:\n  {', '.join(CAUSES)}:\n  y: {{family: bernoulli}}\narrows:\n  {', '.join(CAUSES)} -> y:\n"


def make(rows: int, seed: int = 0) -> pd.DataFrame:
    """Seven independent causes with effects of 0.1 to 0.7 on the logit."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.normal(size=rows) for name in CAUSES})
    eta = -0.5 + frame.to_numpy() @ (0.1 * np.arange(1, 8))
    return frame.assign(y=(rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(int))


def main() -> None:
    """Load everything on made-up data, then time both engines on each number of rows."""
    mx.fit(mx.parse(TEXT), make(100, seed=1), seed=1, engine="laplace")
    for rows in [int(each) for each in sys.argv[1:]] or [385, 100_000]:
        frame = make(rows)
        for engine in ("laplace", "nuts"):
            start = time.perf_counter()
            fit = mx.fit(mx.parse(TEXT), frame, draws=1000, chains=4, seed=1, engine=engine)
            seconds = time.perf_counter() - start
            effects = {
                name: {"mean": float(draws.mean()), "sd": float(draws.std())} for name, draws in fit.parameters.items()
            }
            what = f"mechanisms, logistic, n = {rows}, {engine}"
            print(json.dumps({"what": what, "seconds": round(seconds, 3), "effects": effects}), flush=True)


if __name__ == "__main__":
    main()
