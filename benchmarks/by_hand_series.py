"""Times the models with sessions in clients as written by hand in PyMC, non-centred, and sampled by nutpie.

    python benchmarks/by_hand_series.py FOLDER WORK STATE [runs]

The priors of this package as far as they matter; missing values are unknowns of the model. Nothing but what the effect needs
is stored. One JSON line per run, with the effect's effective draws and R-hat.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import arviz_stats
import numpy as np
import nutpie
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from series import SERIES, Series


def build_diary(frame: pd.DataFrame, latent: bool) -> pm.Model:
    """X -> m -> y within people, slopes of their own; `latent`: so are people's usual values, with arrows between them."""
    who = frame.client.to_numpy()
    x, m, y = (frame[name].to_numpy() for name in "xmy")
    people = who.max() + 1
    with pm.Model() as model:
        average = pm.Normal("average", 0, 2.5, shape=3)
        root, _, _ = pm.LKJCholeskyCov("root", n=3, eta=1, sd_dist=pm.Exponential.dist(1.0, shape=3))
        own = average + pt.dot(pm.Normal("z", shape=(people, 3)), root.T)
        noise, start = pm.Exponential("noise", 1.0, shape=3), pm.Normal("start", 0, 2.5, shape=3)
        usual: list[Any] = [start[0], start[1], start[2]]
        if latent:
            differ, between = pm.Exponential("differ", 1.0, shape=3), pm.Normal("between", 0, 2.5, shape=3)
            w = pm.Normal("w", shape=(people, 3)) * differ
            of_x = start[0] + w[:, 0]
            of_m = start[1] + between[0] * of_x + w[:, 1]
            usual = [each[who] for each in (of_x, of_m, start[2] + between[1] * of_m + between[2] * of_x + w[:, 2])]
            pm.Normal("x", usual[0], noise[0], observed=x)
        else:
            usual[0] = 0.0
        away_x, away_m = x - usual[0], m - usual[1] if latent else m
        pm.Normal("m", usual[1] + own[who, 0] * away_x, noise[1], observed=m)
        pm.Normal("y", usual[2] + own[who, 1] * away_m + own[who, 2] * away_x, noise[2], observed=y)
        pm.Deterministic("effect", (own[:, 0] * own[:, 1]).mean())
    return model


def build_panel(work: Series, frame: pd.DataFrame) -> pm.Model:
    """Departures from courses on a grid of clients × sessions; unknown values in it are parameters."""
    first, last = int(frame.session.min()), int(frame.session.max())
    tables = {
        name: frame.pivot(index="client", columns="session", values=name).reindex(columns=range(first, last + 1))
        for name in work.names
    }
    index = tables[work.names[0]].index
    clients, sessions, many = len(index), last - first + 1, len(work.names)
    told = frame.dropna(subset=list(work.names), how="all").groupby("client").session.max()
    inside = np.arange(first, last + 1) <= told.reindex(index).to_numpy()[:, None]
    when = np.arange(first, last + 1.0)
    arrows = [(cause, effect) for effect, causes in work.lags.items() for cause in causes]
    with pm.Model() as model:
        scales = [1.0] * many + [0.1] * many * work.trends + [1.0] * len(arrows) * work.own
        own, _, _ = pm.LKJCholeskyCov(
            "own", n=len(scales), eta=1, sd_dist=pm.Exponential.dist(1 / np.array(scales), shape=len(scales))
        )
        u = pt.dot(pm.Normal("u", shape=(clients, len(scales))), own.T)
        v: Any = np.zeros((clients, many))
        if work.therapists:
            whose = pd.factorize(frame.groupby("client").therapist.first().loc[index])[0]
            theirs, _, _ = pm.LKJCholeskyCov("theirs", n=many, eta=1, sd_dist=pm.Exponential.dist(1.0, shape=many))
            v = pt.dot(pm.Normal("v", shape=(whose.max() + 1, many)), theirs.T)[whose]
        level = pm.Normal("level", [float(np.nanmean(each)) for each in tables.values()], 2.5, shape=many)
        away: dict[str, Any] = {}
        for k, (name, table) in enumerate(tables.items()):
            known = table.to_numpy()
            gone = np.nonzero(np.isnan(known) & inside)
            filled = pt.as_tensor(np.nan_to_num(known))
            if len(gone[0]):
                filled = pt.set_subtensor(filled[gone], pm.Flat(f"missing({name})", shape=len(gone[0])))
            course = level[k] + u[:, [k]] + v[:, [k]]
            if work.trends:
                course = course + (pm.Normal(f"trend({name})", 0, 1) + u[:, [many + k]]) * when
            away[name] = filled - course
        slope = pm.Normal("slope", 0, 2.5, shape=len(arrows))
        noise, start = pm.Exponential("noise", 1.0, shape=many), pm.LogNormal("start", -0.5, 1.0, shape=many)
        before = {name: pt.concatenate([pt.zeros((clients, 1)), each[:, :-1]], axis=1) for name, each in away.items()}
        for k, name in enumerate(work.names):
            expected: Any = 0.0
            for place, (cause, effect) in enumerate(arrows):
                if effect == name:
                    theirs_too = u[:, [(1 + work.trends) * many + place]] if work.own else 0.0
                    expected = expected + (slope[place] + theirs_too) * before[cause]
            for cause in work.now.get(name, ()):
                expected = expected + pm.Normal(f"now({cause} -> {name})", 0, 2.5) * away[cause]
            sd = pt.concatenate([pt.ones(1) * start[k], pt.ones(sessions - 1) * noise[k]])
            density = pm.logp(pm.Normal.dist(0, sd), away[name] - expected)
            pm.Potential(f"series {name}", pt.where(inside, density, 0.0).sum())
        of, on = (part.partition("(")[0] for part in (work.of, work.on))
        place = arrows.index((of, on))
        own_part = u[:, (1 + work.trends) * many + place].mean() if work.own else 0.0
        pm.Deterministic("effect", slope[place] + own_part)
    return model


def main() -> None:
    """Build, sample, summarise."""
    folder, name, state, *more = sys.argv[1:]
    work, frame = SERIES[name], pd.read_csv(Path(folder) / f"{name}.csv")
    for run in range(int(more[0]) if more else 1):
        start = time.perf_counter()
        model = build_diary(frame, "latent" in name) if name.startswith("diary") else build_panel(work, frame)
        compiled = nutpie.compile_pymc_model(model, var_names=["effect"])
        found = nutpie.sample(compiled, draws=1000, tune=1000, chains=4, seed=run + 1, progress_bar=False)
        draws = np.asarray(found["posterior"]["effect"])
        seconds = time.perf_counter() - start
        asked = xr.Dataset({"effect": (("chain", "draw"), draws)})
        line = {
            "work": name,
            "who": "PyMC + nutpie by hand",
            "state": state if run == 0 else "same process",
            "seconds": seconds,
        }
        said = {"ess": float(arviz_stats.ess(asked)["effect"]), "rhat": float(arviz_stats.rhat(asked)["effect"])}
        said["divergences"] = int(found["sample_stats"]["diverging"].sum())
        print(
            json.dumps(
                {**line, **said, "posterior": {"effect": {"mean": float(draws.mean()), "sd": float(draws.std())}}}
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
