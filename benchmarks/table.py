"""Turns the JSON lines of a benchmark run into a table with ratios; refuses to compare where the posteriors differ."""

import json
import math
import statistics
import sys
from pathlib import Path
from typing import Any

from series import SERIES
from works import WORKS

FAR = 0.2  # sds between two means, or the logarithm of a ratio of sds, that no Monte Carlo error makes
STATES = {"new process": "warm", "cold": "cold", "same process": "again"}
HEAD = """# Results of the last `make bench`

From the theory's text and the frame in memory to the printed effects, 4 × 1000 draws, imports excluded; medians. *Warm* is a
new process with every disk cache filled, *cold* one with empty caches, *again* the second fit of a process. Ratios are to
ours in the same state. The last columns are the largest difference of a posterior mean, in our sds, and of the logarithm
of a posterior sd.

| work | who | warm | cold | again | times ours, warm | cold | aimed at | means | sds |
|---|---|---|---|---|---|---|---|---|---|"""


SERIES_HEAD = """
Sessions in clients, from the theory's text to the effect; by hand, to its draws. The effect's effective draws are divided by
the seconds when warm, and ours by theirs. Where R-hat is above 1.01 the chains do not agree, and the row's posterior is not
to be compared.

| work | who | warm | cold | aimed at | effective draws per s | ours times that | R-hat | times ours, warm | cold | means | sds |
|---|---|---|---|---|---|---|---|---|---|---|---|"""


GROUPS_HEAD = """
On a GPU, in double precision, 4 × (200 + 200), compiling included; ours draws again for longer where that says too little.

| work | who | on | seconds | effective draws per s | R-hat | means | sds |
|---|---|---|---|---|---|---|---|"""


def compare(one: dict[str, Any], other: dict[str, Any]) -> tuple[float, float]:
    """The largest difference of the means, and of the logarithms of the sds, of what both have."""
    names = one.keys() & other.keys() - {name for name in one if name.startswith(("1 ->", "sigma"))}
    means = max(abs(one[n]["mean"] - other[n]["mean"]) / one[n]["sd"] for n in names)
    sds = max(abs(math.log(one[n]["sd"] / other[n]["sd"])) for n in names)
    return means, sds


def find(lines: list[dict[str, Any]], work: str, who: str) -> dict[str, float]:
    """Median seconds in each state."""
    times: dict[str, list[float]] = {}
    for line in lines:
        if (line["work"], line["who"]) == (work, who):
            times.setdefault(STATES[line["state"]], []).append(line["seconds"])
    return {state: statistics.median(each) for state, each in times.items()}


def show(seconds: float | None) -> str:
    """Seconds to three digits."""
    return "–" if seconds is None else f"{seconds:.3g}"


def show_ratio(ratio: float) -> str:
    """A ratio, to a digit after the point where it is small."""
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"


def write_series(lines: list[dict[str, Any]], work: str) -> list[str]:
    """Ours first, then by hand: seconds, effective draws of the effect per second, and whether the chains agree."""
    found, own = [], next((line for line in lines if (line["work"], line["who"]) == (work, "mechanisms")), None)
    if own is None:
        return []
    about, ours = SERIES[work], find(lines, work, "mechanisms")
    pace = own["ess"] / ours.get("warm", ours["cold"])
    for who in dict.fromkeys(line["who"] for line in lines if line["work"] == work):
        line = next(line for line in lines if (line["work"], line["who"]) == (work, who))
        times = find(lines, work, who)
        cells = [show(times.get(state)) for state in ("warm", "cold")]
        ratios = [show_ratio(times[s] / ours[s]) if s in times and s in ours else "–" for s in ("warm", "cold")]
        theirs = line["ess"] / times.get("warm", times.get("cold", math.nan))
        means, sds = compare(own["posterior"], line["posterior"])
        far = "1 | 1 | | " if line is own else f"{ratios[0]} | {ratios[1]} | {means:.2f} | {sds:.2f} "
        least = (f"≤ {about.seconds:g} s" if about.seconds else "") if line is own else f"{about.least} ×"
        pair = f"{theirs:.0f} | {pace / theirs:.1f}"
        found.append(
            f"| {about.what if line is own else ''} | {who} | {' | '.join(cells)} | {least} | {pair} | {line['rhat']:.3f} | {far}|"
        )
    return found


def write_work(lines: list[dict[str, Any]], work: str) -> list[str]:
    """Ours first, then each rival's row."""
    own = next((line["posterior"] for line in lines if (line["work"], line["who"]) == (work, "mechanisms")), None)
    if own is None:
        return []
    about, ours = WORKS[work], find(lines, work, "mechanisms")
    limit = f"≤ {about.seconds:g} s" if about.seconds else ""
    cells = " | ".join(show(ours.get(state)) for state in STATES.values())
    found = [f"| {about.what} | mechanisms | {cells} | 1 | 1 | {limit} | | |"]
    for who in dict.fromkeys(line["who"] for line in lines if line["work"] == work and line["who"] != "mechanisms"):
        posterior = next(line["posterior"] for line in lines if (line["work"], line["who"]) == (work, who))
        means, sds = compare(own, posterior)
        if max(means, sds) > FAR:
            raise SystemExit(f"{about.what}: {who} differs by {means:.2f} sds, {sds:.2f} in log sd: no comparison")
        theirs = find(lines, work, who)
        cells = " | ".join(show(theirs.get(state)) for state in STATES.values())
        ratios = [show_ratio(theirs[s] / ours[s]) if s in theirs and s in ours else "–" for s in ("warm", "cold")]
        found.append(f"| | {who} | {cells} | {' | '.join(ratios)} | {about.least} × | {means:.3f} | {sds:.3f} |")
    return found


def write_groups(lines: list[dict[str, Any]]) -> list[str]:
    """What ran on a GPU, ours first; or that there was none."""
    if not lines:
        return ["\nNo GPU was there: a million rows in 20 000 groups (`benchmarks/groups.py`) were not run."]
    found = [GROUPS_HEAD]
    for line in lines:
        far = compare(lines[0]["posterior"], line["posterior"])
        cells = (
            line["work"],
            line["who"],
            line["device"],
            show(line["seconds"]),
            f"{line['ess'] / line['seconds']:.1f}",
        )
        found.append(f"| {' | '.join(cells)} | {line['rhat']:.3f} | {far[0]:.2f} | {far[1]:.2f} |")
    return found


def main() -> None:
    """Read the lines of one run and print Markdown."""
    lines = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines() if line.startswith("{")]
    print(HEAD)
    fits = [line for line in lines if not line.keys() & {"rows", "device"}]
    print("\n".join(row for work in WORKS for row in write_work(fits, work)))
    if any(line["work"] in SERIES for line in fits):
        print(SERIES_HEAD)
        print("\n".join(row for work in SERIES for row in write_series(fits, work)))
    print("\nExact, streamed from a parquet file in the system's cache:\n")
    print(
        "| work | seconds | polars sums the columns in | times that (aimed at: 5) | memory it took | indirect effect (truth .12) |"
    )
    print("|---|---|---|---|---|---|")
    for line in lines:
        if "rows" in line:
            ratio = line["seconds"] / line["sum"]
            print(f"| {line['work']} | {line['seconds']:.2f} | {line['sum']:.2f} | {ratio:.1f} | {line['grown']:.0f} MB | "
                  f"{line['mean']:.5f} ({line['sd']:.5f}) |")  # fmt: skip
    print("\n".join(write_groups([line for line in lines if "device" in line])))


if __name__ == "__main__":
    main()
