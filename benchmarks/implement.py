"""Times IMPLEMENT as sum scores (57 clients, 15 sessions, gaps, trends of the clients' own) to the effect it asks for.

    python benchmarks/implement.py ours [FILE]       # this package
    python benchmarks/implement.py by-hand [FILE]    # the same model, written in PyMC and sampled with nutpie

FILE is implement_wai_bai.csv of the repository PsychometricsMZ/dsem_tutorial; without it, a twin that is simulated from
the catalogue's parameters. 4 × 1000 draws after 1000 of tuning each. Imports are not timed; compilation is. The effect is
that of the alliance in a session on anxiety before the next, within clients; the line is that of `diary.py`.
"""

import sys
from pathlib import Path

import numpy as np
import nutpie
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from diary import measure

import mechanisms as mx
from mechanisms.infer.simulation import simulate_theory


def read(file: str | None) -> pd.DataFrame:
    """One row per session: mean scores of at least seven of nine items on the alliance and of all parcels of anxiety."""
    if file is None:
        return simulate_theory("implement", seed=1)
    raw = pd.read_csv(Path(file)).rename(columns={"patient": "client", "t": "session"})
    wai, bai = raw[[f"wai{item}" for item in range(1, 10)]], raw[["bai1", "bai2", "bai3"]]
    return raw[["client", "therapist", "session"]].assign(
        alliance=wai.mean(axis=1).where(wai.notna().sum(axis=1) >= 7), anxiety=bai.mean(axis=1, skipna=False)
    )


def ours(frame: pd.DataFrame) -> np.ndarray:
    """Draws of the effect, (chains, draws)."""
    fit = mx.fit(mx.load("implement"), frame, seed=1)
    return np.asarray(mx.estimate(fit, fit.plan.theory.questions[0]).rows[0].draws)


def by_hand(frame: pd.DataFrame) -> np.ndarray:
    """The same by an ordinary PyMC model: a grid of clients × sessions, unknown values in it as parameters."""
    first, last = int(frame.session.min()), int(frame.session.max())
    values = {name: frame.pivot(index="client", columns="session", values=name).reindex(columns=range(first, last + 1))
              for name in ("anxiety", "alliance")}  # fmt: skip
    clients, sessions = values["anxiety"].shape
    told = frame.dropna(subset=["anxiety", "alliance"], how="all").groupby("client").session.max()
    inside = np.arange(first, last + 1) <= told.reindex(values["anxiety"].index).to_numpy()[:, None]
    whose = pd.factorize(frame.groupby("client").therapist.first().loc[values["anxiety"].index])[0]
    when = np.arange(first, last + 1.0)
    with pm.Model() as model:
        courses = [pm.Normal(f"level({name})", 0, 2.5) + pm.Normal(f"trend({name})", 0, 1) * when for name in values]
        own, _, _ = pm.LKJCholeskyCov(
            "own", n=4, eta=1, sd_dist=pm.Exponential.dist(1 / np.array([1, 1, 0.1, 0.1]), shape=4)
        )
        u = pt.dot(pm.Normal("u", shape=(clients, 4)), own.T)
        theirs, _, _ = pm.LKJCholeskyCov("theirs", n=2, eta=1, sd_dist=pm.Exponential.dist(1.0, shape=2))
        v = pt.dot(pm.Normal("v", shape=(whose.max() + 1, 2)), theirs.T)
        away = []
        for k, (name, table) in enumerate(values.items()):
            known = table.to_numpy()
            gone = np.nonzero(np.isnan(known) & inside)
            filled = pt.as_tensor(np.nan_to_num(known))
            if len(gone[0]):
                filled = pt.set_subtensor(filled[gone], pm.Flat(f"missing({name})", shape=len(gone[0])))
            away.append(filled - courses[k] - u[:, [k]] - u[:, [2 + k]] * when - v[whose][:, [k]])
        noise, start = pm.Exponential("noise", 1.0, shape=2), pm.LogNormal("start", -0.5, 0.5, shape=2)
        effect, lag = pm.Normal("effect", 0, 2.5), pm.Normal("lag", 0, 2.5, shape=4)
        before = [pt.concatenate([pt.zeros((clients, 1)), each[:, :-1]], axis=1) for each in away]
        expected = [effect * before[1] + lag[0] * before[0], lag[1] * away[0] + lag[2] * before[0] + lag[3] * before[1]]
        for k in range(2):
            sd = pt.concatenate([pt.ones(1) * start[k], pt.ones(sessions - 1) * noise[k]])
            density = pm.logp(pm.Normal.dist(0, sd), away[k] - expected[k])
            pm.Potential(f"series {k}", pt.where(inside, density, 0.0).sum())
    compiled = nutpie.compile_pymc_model(model, var_names=["effect"])
    found = nutpie.sample(compiled, draws=1000, tune=1000, chains=4, seed=1, progress_bar=False)
    return np.asarray(found["posterior"]["effect"])


if __name__ == "__main__":
    who, *file = sys.argv[1:]
    what = f"IMPLEMENT{'' if file else ' (a twin)'}, {who}"
    measure(what, {"ours": ours, "by-hand": by_hand}[who], read(file[0] if file else None))
