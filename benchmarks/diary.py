"""Times a diary of 100 people × 21 days (1-1-1, correlated slopes, columns centred in each person) to its indirect effect.

    python benchmarks/diary.py ours       # this package
    python benchmarks/diary.py by-hand    # the same model, non-centred, written in PyMC and sampled with nutpie

4 × 1000 draws after 1000 of tuning each. Imports are not timed; compilation is. One JSON line: seconds, and the indirect
effect's mean, sd and effective draws per second.
"""

import json
import sys
import time
from collections.abc import Callable

import arviz_stats
import numpy as np
import nutpie
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

import mechanisms as mx

TEXT = """
levels: [day, person]
time: day
variables: {x: , m: , y: }
arrows:
  x -> m -> y: {varies_by: person}
  x -> y: {varies_by: person}
  1 -> m, y: {varies_by: []}
"""


def simulate() -> pd.DataFrame:
    """Days of people with slopes of their own, .19 and .15 on average, whose covariance is .03."""
    rng = np.random.default_rng(1)
    people, days = 100, 21
    slopes = rng.multivariate_normal(
        [0.19, 0.15, 0.10], np.array([[0.07, 0.03, 0], [0.03, 0.05, 0], [0, 0, 0.01]]), people
    )
    x = rng.normal(size=(people, days))
    m = slopes[:, :1] * x + rng.normal(0, 1.1, (people, days))
    y = slopes[:, 1:2] * m + slopes[:, 2:] * x + rng.normal(0, 0.95, (people, days))
    rows = {name: (each - each.mean(axis=1, keepdims=True)).ravel() for name, each in (("x", x), ("m", m), ("y", y))}
    return pd.DataFrame({"person": np.repeat(range(people), days), "day": np.tile(range(days), people), **rows})


def ours(frame: pd.DataFrame) -> np.ndarray:
    """Draws of the average indirect effect, (chains, draws)."""
    fit = mx.fit(mx.parse(TEXT), frame, seed=1)
    return np.asarray(mx.estimate(fit, mx.Question(of="x", on="y", kind="indirect", through="m")).rows[0].draws)


def by_hand(frame: pd.DataFrame) -> np.ndarray:
    """The same by an ordinary non-centred PyMC model."""
    who = frame.person.to_numpy()
    x, m, y = (frame[name].to_numpy() for name in "xmy")
    with pm.Model() as model:
        average = pm.Normal("average", 0, 2.5, shape=3)
        root, _, _ = pm.LKJCholeskyCov("root", n=3, eta=1, sd_dist=pm.Exponential.dist(1.0, shape=3))
        own = pm.Deterministic("own", average + pt.dot(pm.Normal("z", shape=(100, 3)), root.T))
        noise = pm.Exponential("noise", 1.0, shape=2)
        start = pm.Normal("start", 0, 1, shape=2)
        pm.Normal("m", start[0] + own[who, 0] * x, noise[0], observed=m)
        pm.Normal("y", start[1] + own[who, 1] * m + own[who, 2] * x, noise[1], observed=y)
    compiled = nutpie.compile_pymc_model(model, var_names=["own"])
    found = nutpie.sample(compiled, draws=1000, tune=1000, chains=4, seed=1, progress_bar=False)
    slopes = np.asarray(found["posterior"]["own"])
    return np.asarray((slopes[..., 0] * slopes[..., 1]).mean(axis=-1))


def measure(what: str, run: Callable[[pd.DataFrame], np.ndarray], frame: pd.DataFrame) -> None:
    """Time one run to the draws of its effect, (chains, draws), and print the line."""
    start = time.perf_counter()
    draws = run(frame)
    seconds = time.perf_counter() - start
    effective = float(arviz_stats.ess(xr.Dataset({"effect": (("chain", "draw"), draws)}))["effect"])
    print(
        json.dumps(
            {
                "what": what,
                "seconds": round(seconds, 2),
                "mean": round(float(draws.mean()), 4),
                "sd": round(float(draws.std()), 4),
                "effective draws per second": round(effective / seconds, 1),
            }
        )
    )


if __name__ == "__main__":
    measure(f"diary, {sys.argv[1]}", {"ours": ours, "by-hand": by_hand}[sys.argv[1]], simulate())
