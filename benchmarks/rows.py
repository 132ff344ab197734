"""Times an exact fit of a parquet file that is never in memory, against polars' own sum of the columns; one JSON line.

    python benchmarks/rows.py FOLDER [rows]

The file has 8 columns of random numbers and is written to FOLDER first, and removed afterwards (64 bytes a row). Both read it
from the system's cache, in turns, three times; the first reading of each is not counted.
"""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import mechanisms as mx

TEXT = "arrows:\n  x -> m -> y:\n  x -> y:\n  c1, c2, c3, c4, c5 -> m, y:\n"
NAMES = ("x", "c1", "c2", "c3", "c4", "c5", "m", "y")


def write(path: Path, rows: int) -> None:
    """A mediation with five covariates; true indirect effect .12, direct .10."""
    rng, writer = np.random.default_rng(0), None
    for start in range(0, rows, 1_000_000):
        size = min(1_000_000, rows - start)
        columns = {name: rng.normal(size=size) for name in NAMES[:6]}
        columns["m"] = 0.3 * columns["x"] + 0.2 * columns["c1"] + rng.normal(size=size)
        columns["y"] = 0.4 * columns["m"] + 0.1 * columns["x"] + rng.normal(size=size)
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table, row_group_size=250_000)
    if writer:
        writer.close()


def answer(source: pl.LazyFrame | pd.DataFrame) -> mx.Effects:
    """From text to printed effects."""
    effects = mx.decompose(mx.fit(mx.parse(TEXT), source, seed=1), "x", "y")
    repr(effects)
    return effects


def clock(work: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """A small fit loads everything; then the two in turns."""
    path = Path(sys.argv[1]) / "rows.parquet"
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000_000
    answer(pd.DataFrame(np.random.default_rng(1).normal(size=(99, 8)), columns=list(NAMES)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    try:
        write(path, rows)
        ours, sums = [], []
        for _ in range(4):
            sums.append(clock(lambda: pl.scan_parquet(path).sum().collect(engine="streaming")))
            ours.append(clock(lambda: answer(pl.scan_parquet(path))))
        effects = answer(pl.scan_parquet(path))
    finally:
        path.unlink(missing_ok=True)
    (indirect,) = (row.draws for row in effects.rows if row.label == "indirect")
    line = {"work": f"{rows:,} rows × 8 from parquet".replace(",", " "), "who": "mechanisms", "rows": rows}
    line |= {"seconds": statistics.median(ours[1:]), "sum": statistics.median(sums[1:])}
    line |= {"mean": float(indirect.mean()), "sd": float(indirect.std())}
    line |= {"grown": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
