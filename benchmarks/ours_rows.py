"""Times an exact fit of 10 million rows × 6 columns, and its memory against the frame's; one JSON line.

python benchmarks/ours_rows.py [rows]
"""

import json
import resource
import sys
import time

import numpy as np
import polars as pl

import mechanisms as mx

TEXT = "arrows:\n  x -> m -> y:\n  x -> y:\n  c1, c2, c3 -> m, y:\n"


def make(rows: int) -> pl.DataFrame:
    """A mediation with three covariates; true indirect effect .12, direct .10."""
    rng = np.random.default_rng(0)
    columns = {name: rng.normal(size=rows) for name in ("x", "c1", "c2", "c3")}
    columns["m"] = 0.3 * columns["x"] + 0.2 * columns["c1"] + rng.normal(size=rows)
    columns["y"] = 0.4 * columns["m"] + 0.1 * columns["x"] + rng.normal(size=rows)
    return pl.DataFrame(columns)


def main() -> None:
    """Fit a small frame to load everything, then time the large one."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    mx.decompose(mx.fit(mx.parse(TEXT), make(1000), seed=1), "x", "y")
    frame = make(rows)
    size = frame.estimated_size()
    start = time.perf_counter()
    effects = mx.decompose(mx.fit(mx.parse(TEXT), frame, seed=1), "x", "y")
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    table = {row.label: {"mean": float(row.draws.mean()), "sd": float(row.draws.std())} for row in effects.rows}
    what = f"mechanisms, {rows} rows × 6, exact"
    print(
        json.dumps(
            {"what": what, "seconds": round(seconds, 2), "peak / frame": round(peak / size, 2), "effects": table}
        )
    )


if __name__ == "__main__":
    main()
