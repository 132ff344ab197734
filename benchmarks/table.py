"""Turns the JSON lines of a benchmark run into a table with ratios; refuses to compare where the effects differ."""

import json
import sys
from pathlib import Path


def main() -> None:
    """Read the lines of one run and print Markdown."""
    lines = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines() if line.startswith("{")]
    jobs = sorted(line["seconds"] for line in lines if line["what"].startswith("mechanisms, JOBS II"))
    ours = jobs[len(jobs) // 2]
    effects = next(line["effects"] for line in lines if line["what"].startswith("mechanisms, JOBS II"))
    print("# Results of the last `make bench`\n")
    print(
        "JOBS II: text and frame to the effects, 4 × 1000 draws, imports excluded; ratios to our median of",
        len(jobs),
        "runs.",
    )
    print("The last column is the largest difference of an effect's posterior mean from ours, in our posterior sds.\n")
    print("| what | seconds | times ours | difference |\n|---|---|---|---|")
    print(f"| mechanisms, JOBS II (median; least {jobs[0]:.4f}, most {jobs[-1]:.4f}) | {ours:.4f} | 1 | 0 |")
    for line in lines:
        if line["what"].startswith("pathmc"):
            apart = max(
                abs(line["effects"][k]["mean"] - effects[k]["mean"]) / effects[k]["sd"]
                for k in ("total", "direct", "indirect")
            )
            if apart > 0.2:
                raise SystemExit(f"{line['what']}: effects differ by {apart:.2f} sd; seconds are not comparable")
            print(f"| {line['what']} | {line['seconds']:.2f} | {line['seconds'] / ours:.0f} | {apart:.3f} |")
    for line in lines:
        if "rows" in line["what"]:
            indirect = line["effects"]["indirect"]
            print(f"| {line['what']}: peak memory {line['peak / frame']} × the frame, indirect {indirect['mean']:.4f} ({indirect['sd']:.4f}), "
                  f"truth .12 | {line['seconds']:.2f} | – | – |")  # fmt: skip


if __name__ == "__main__":
    main()
