"""Times the same regressions written by hand in PyMC, as an expert would, and sampled by nutpie.

    python benchmarks/by_hand.py FOLDER WORK STATE [runs]

Vectorised, predictors centred, the priors of this package; a missing mediator with its outcome seen is an unknown of the
model, other gaps are left out. Nothing but the parameters is stored. One JSON line per run.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from works import WORKS, Work


def build(work: Work, frame: pd.DataFrame) -> pm.Model:
    """One likelihood for each equation."""
    gaps = frame.columns[frame.isna().any()]
    with pm.Model() as model:
        filled: dict[str, object] = {}
        for effect, causes in work.equations.items():
            y = frame[effect].to_numpy(float)
            scales = [1.0 if set(frame[c].dropna()) <= {0, 1} else frame[c].std() for c in causes]
            means = np.array([frame[c].mean() for c in causes])
            binary = work.binary and effect == work.on
            unit = 1.0 if binary else np.nanstd(y, ddof=1)
            level = pm.Normal(f"level({effect})", 0 if binary else np.nanmean(y), 2.5 * unit)
            slopes = pm.Normal(
                f"slopes({effect})",
                0,
                2.5 * unit / np.where(np.array(causes) == work.bent, 1, scales),
                shape=len(causes),
            )
            fixed = [place for place, cause in enumerate(causes) if cause not in filled]
            if work.bent:
                eta = bend(work, frame, effect, causes, level, unit)
                pm.Normal(effect, eta, pm.Exponential(f"sigma({effect})", scale=unit), observed=y)
                continue
            eta = level + (frame[[causes[p] for p in fixed]].to_numpy(float) - means[fixed]) @ slopes[np.array(fixed)]
            for place, cause in enumerate(causes):
                if cause in filled:
                    eta = eta + (filled[cause] - means[place]) * slopes[place]
            if binary:
                pm.Bernoulli(effect, logit_p=eta, observed=y)
                continue
            sigma = pm.Exponential(f"sigma({effect})", scale=unit)
            seen = np.isfinite(y)
            pm.Normal(effect, eta[np.flatnonzero(seen)], sigma, observed=y[seen])
            if effect in gaps and effect != work.on:
                unknown = np.flatnonzero(~seen & frame[work.on].notna().to_numpy())
                missing = pm.Normal(f"missing({effect})", eta[unknown], sigma, shape=len(unknown))
                filled[effect] = pt.set_subtensor(pt.as_tensor(np.where(seen, y, 0.0))[unknown], missing)
    return model


def bend(work: Work, frame: pd.DataFrame, effect: str, causes: tuple[str, ...], level: object, unit: float) -> object:
    """An S-curve in one cause, lines in the others; the intercept speaks at their means and at the middle of the curve."""
    x = frame[work.bent]
    midpoint, width = pm.Normal("midpoint", x.mean(), x.std()), pm.LogNormal("width", np.log(x.std() / 2), 0.5)
    eta = level
    for place, cause in enumerate(causes):
        slope = pm.model.modelcontext(None)[f"slopes({effect})"][place]
        values = frame[cause].to_numpy(float)
        column = pm.math.sigmoid((values - midpoint) / width) - 0.5 if cause == work.bent else values - values.mean()
        eta = eta + slope * column
    return eta


def summarise(work: Work, posterior: object) -> dict[str, np.ndarray]:
    """The effects of linear equations by products of coefficients; else the slopes."""
    slope = {
        (cause, effect): np.asarray(posterior[f"slopes({effect})"])[..., place].ravel()  # type: ignore[index]
        for effect, causes in work.equations.items()
        for place, cause in enumerate(causes)
    }
    if work.bent:
        slope |= {(name, ""): np.asarray(posterior[name]).ravel() for name in ("midpoint", "width")}  # type: ignore[index]
        return {
            f"{cause} -> {effect}" if effect else f"{cause}({work.bent} -> {work.on})": draws
            for (cause, effect), draws in slope.items()
        }
    if work.binary:
        return {f"{cause} -> {effect}": draws for (cause, effect), draws in slope.items()}
    mediators = [name for name in work.equations if name != work.on]
    indirect = np.sum([slope[work.of, m] * slope[m, work.on] for m in mediators], axis=0)
    direct = slope[work.of, work.on]
    return {"total": direct + indirect, "direct": direct, "indirect": indirect}


def main() -> None:
    """Build, sample, summarise."""
    folder, name, state, *more = sys.argv[1:]
    work, frame = WORKS[name], pd.read_csv(Path(folder) / f"{name}.csv")
    for run in range(int(more[0]) if more else 1):
        start = time.perf_counter()
        with build(work, frame) as model:
            kept = [v.name for v in model.free_RVs if not v.name.startswith("missing")]
            tree = pm.sample(
                1000, tune=1000, chains=4, nuts_sampler="nutpie", var_names=kept, progressbar=False, random_seed=run + 1
            )  # fmt: skip
        found = summarise(work, tree["posterior"])
        posterior = {key: {"mean": float(draws.mean()), "sd": float(draws.std())} for key, draws in found.items()}
        seconds = time.perf_counter() - start
        line = {"work": name, "who": "PyMC + nutpie by hand", "state": state if run == 0 else "same process"}
        print(json.dumps({**line, "seconds": seconds, "posterior": posterior}), flush=True)


if __name__ == "__main__":
    main()
