"""Times a logistic model with an intercept and a slope of each group: ours by numpyro, and the same written by hand in numpyro.

    python benchmarks/groups.py [GROUPS ROWS]

20 000 groups and a million rows, on a GPU; without one nothing is run but what sizes were named for, on the CPU. Both compute
in double precision, 4 chains of 200 steps of tuning and 200 draws, from the frame to draws on the host. One JSON line each;
JAX_PLATFORMS=cpu does without the GPU, for its ratio to the processor.
"""

import json
import sys
import time
from collections.abc import Callable

import arviz_stats
import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
import pandas as pd
import xarray as xr
from numpyro.infer import MCMC, NUTS

import mechanisms as mx

TEXT = """
levels: [row, group]
variables: {x: , y: {family: bernoulli}}
arrows:
  x -> y: {varies_by: group}
"""
NAMES = ("x -> y", "sd(1 -> y | group)", "sd(x -> y | group)")
CHAINS, TUNE, DRAWS = 4, 200, 200


def make(groups: int, rows: int) -> pd.DataFrame:
    """Intercepts with sd .8 and slopes of .5 with sd .4, correlated at .3."""
    rng = np.random.default_rng(0)
    group, x = np.sort(rng.integers(0, groups, rows)), rng.normal(size=rows)
    own = rng.multivariate_normal([-0.5, 0.5], [[0.64, 0.096], [0.096, 0.16]], groups)
    chance = 1 / (1 + np.exp(-(own[group, 0] + own[group, 1] * x)))
    return pd.DataFrame({"row": np.arange(rows), "group": group, "x": x, "y": (rng.random(rows) < chance).astype(int)})


def fit_ours(frame: pd.DataFrame) -> tuple[dict[str, np.ndarray], int]:
    """From the theory's text to draws; where they say too little, drawn again for longer, as always."""
    theory = mx.parse(TEXT)
    how = {"engine": "nuts", "nuts_sampler": "numpyro", "progress": False}
    fit = mx.fit(theory, frame, draws=DRAWS, chains=CHAINS, tune=TUNE, seed=1, **how)
    return {name: np.asarray(fit.draws[name]) for name in NAMES}, int(fit.idata["sample_stats"]["diverging"].sum())


def by_hand(x: jax.Array, group: jax.Array, y: jax.Array, groups: int) -> None:
    """The same model, with the same priors."""
    average = numpyro.sample("average", dist.Normal(0, 2.5).expand([2]).to_event(1))
    sd = numpyro.sample("sd", dist.Exponential(1.0).expand([2]).to_event(1))
    root = numpyro.sample("root", dist.LKJCholesky(2, 1.0))
    z = numpyro.sample("z", dist.Normal(0, 1).expand([groups, 2]).to_event(2))
    own = average + z @ (sd[:, None] * root).T
    numpyro.sample("y", dist.Bernoulli(logits=own[group, 0] + own[group, 1] * x), obs=y)


def fit_by_hand(frame: pd.DataFrame) -> tuple[dict[str, np.ndarray], int]:
    """All chains in one program on a GPU, one after the other on a CPU."""
    method = "sequential" if jax.default_backend() == "cpu" else "vectorized"
    sizes = {"num_warmup": TUNE, "num_samples": DRAWS, "num_chains": CHAINS}
    with jax.enable_x64(True):
        sampler = MCMC(NUTS(by_hand), **sizes, chain_method=method, progress_bar=False)
        columns = (np.asarray(frame[name]) for name in ("x", "group", "y"))
        sampler.run(jax.random.key(1), *columns, int(frame.group.max()) + 1, extra_fields=("diverging",))
        found = {name: np.asarray(each) for name, each in sampler.get_samples(group_by_chain=True).items()}
        diverging = int(np.asarray(sampler.get_extra_fields()["diverging"]).sum())
    drawn = (found["average"][:, :, 1], found["sd"][:, :, 0], found["sd"][:, :, 1])
    return dict(zip(NAMES, drawn, strict=True)), diverging


def measure(who: str, fit: Callable[[pd.DataFrame], tuple[dict[str, np.ndarray], int]], frame: pd.DataFrame) -> None:
    """One line: seconds, and what was found with how many effective draws."""
    start = time.perf_counter()
    drawn, diverging = fit(frame)
    seconds = time.perf_counter() - start
    line: dict[str, object] = {
        "work": say(frame),
        "who": who,
        "device": jax.devices()[0].device_kind,
        "seconds": seconds,
    }
    table = xr.Dataset({f"v{k}": (("chain", "draw"), each) for k, each in enumerate(drawn.values())})
    line["ess"] = float(min(arviz_stats.ess(table).to_array()))
    line["rhat"] = float(max(arviz_stats.rhat(table).to_array()))
    line |= {"draws": [*next(iter(drawn.values())).shape], "diverging": diverging}
    line["posterior"] = {name: {"mean": float(each.mean()), "sd": float(each.std())} for name, each in drawn.items()}
    print(json.dumps(line), flush=True)


def say(frame: pd.DataFrame) -> str:
    """The piece of work in words."""
    groups, rows = (f"{size:,}".replace(",", " ") for size in (frame.group.max() + 1, len(frame)))
    return f"logistic, {groups} groups, {rows} rows"


def main() -> None:
    """Both, on a GPU, or at the size that was named."""
    sizes = [int(each) for each in sys.argv[1:3]] or [20_000, 1_000_000]
    if len(sys.argv) < 3 and jax.default_backend() == "cpu":
        print("groups: JAX sees no GPU, so a million rows in 20 000 groups were not run", file=sys.stderr)
        return
    frame = make(*sizes)
    measure("mechanisms", fit_ours, frame)
    measure("numpyro by hand", fit_by_hand, frame)


if __name__ == "__main__":
    main()
