"""Recovery of monotonic and gp curves that differ among units; what is true of each unit is simulated once more without noise."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import mechanisms as mx
from mechanisms.infer.diagnostics import worst

WAVES = range(1, 21)
CLIMB = """
levels: [session, client]
variables: {stage: {family: ordinal, values: [a, b, c, d]}, y: }
arrows: {stage -> y: {shape: monotonic, varies_by: client}}
"""
GP = "levels: [session, client]\nvariables: {x: , y: }\narrows: {x(whole) -> y: {shape: gp, varies_by: client}}\n"


def simulated(text, frame, numbers, seed):
    """The data of a theory, and the mean of each row: units are drawn before noise, so that a seed gives the same ones."""
    plan = mx.compile(mx.parse(text))
    made = mx.simulate(plan, frame, numbers, seed=seed)
    return made, mx.simulate(plan, frame, numbers | {"sigma(y)": 1e-9}, seed=seed)["y"].to_numpy()


def assert_converged(fit, r_hat, ess):
    found = worst(
        fit.draws[[name for name in fit.plan.parameters if "(whole)[" not in name]]
    )  # no heights of single waves
    assert found[0] < r_hat
    assert found[1] > ess


def assert_found(fit, numbers):
    for address, value in numbers.items():
        draws = fit.parameters[address]
        assert abs(draws.mean() - value) < 4 * draws.std(), address


def assert_means(fit, rows, truth):
    """Each row's mean within 4.5 posterior sds, and on average about as far away as these say; chains agree on all."""
    gaps = (rows.mean(axis=(0, 1)) - truth) / rows.std(axis=(0, 1))
    assert np.abs(gaps).max() < 4.5
    assert np.square(gaps).mean() < 2
    r_hat, ess = worst(xr.Dataset({str(row): (("chain", "draw"), rows[:, :, row]) for row in range(0, len(truth), 10)}))
    assert r_hat < 1.01
    assert ess > 300


@pytest.mark.slow
def test_climbs_of_their_own_are_found():
    """60 clients × 12, 2 chains of 1000."""
    rng = np.random.default_rng(4)
    client = np.repeat(np.arange(60), 12)
    stage = rng.integers(4, size=720)
    frame = pd.DataFrame({"session": np.arange(720), "client": client, "stage": np.array(list("abcd"))[stage]})
    numbers = {"1 -> y": 1.0, "stage[1] -> y": 0.3, "stage[2] -> y": 0.45, "stage[3] -> y": 0.75, "sigma(y)": 0.6}
    numbers |= {
        "sd(1 -> y | client)": 0.7,
        "sd(stage -> y | client)": 0.4,
        "cor(client)": {"1 -> y <-> stage -> y": 0.5},
    }
    made, truth = simulated(CLIMB, frame, numbers, seed=4)
    fit = mx.fit(mx.parse(CLIMB), made, seed=1, draws=1000, chains=2)
    assert int(fit.idata["sample_stats"]["diverging"].sum()) <= 2
    assert_converged(fit, 1.01, 300)
    del numbers["cor(client)"]
    assert_found(fit, numbers)
    cor = fit.correlations["client"][:, 0, 1]
    assert abs(cor.mean() - 0.5) < 4 * cor.std()
    draws, own = fit.parameters, fit.deviations
    steps = np.array([np.zeros_like(draws["1 -> y"]), *(draws[f"stage[{j}] -> y"] for j in (1, 2, 3))]).cumsum(axis=0)
    climbs = steps[stage].T * (1 + 3 * own["stage -> y", "client"][:, client] / steps[3][:, None])
    rows = draws["1 -> y"][:, None] + own["1 -> y", "client"][:, client] + climbs
    assert_means(fit, rows.reshape(*fit.shape, -1), truth)


@pytest.mark.slow
def test_processes_of_their_own_are_found():
    """8 clients × 25 about a sine, 2 chains of 500, which draw once more for longer."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {"session": np.arange(200), "client": np.repeat(np.arange(8), 25), "x": rng.uniform(-4, 4, 200)}
    )
    plan = mx.compile(mx.parse(GP))
    basis = mx.bind(plan.theory, frame.assign(y=rng.normal(size=200))).bases["x~gp"]
    at = np.linspace(-4, 4, 200)
    columns = np.array([basis.column(j, at) for j in WAVES]).T
    heights = np.linalg.lstsq(np.vstack([columns, 1e-3 * np.eye(20)]), np.append(np.sin(at), np.zeros(20)), rcond=None)[
        0
    ]
    numbers = {f"x(whole)[{j}] -> y": float(heights[j - 1]) for j in WAVES} | {"1 -> y": 1.0, "sigma(y)": 0.4}
    numbers |= {"lengthscale(x(whole) -> y)": 1.8, "sd(1 -> y | client)": 0.5, "sd(x(whole) -> y | client)": 0.8}
    made, truth = simulated(GP, frame, numbers, seed=3)
    fit = mx.fit(mx.parse(GP), made, seed=1, draws=500, chains=2)
    assert int(fit.idata["sample_stats"]["diverging"].sum()) <= 4  # of some thousands
    assert_converged(fit, 1.02, 200)  # amplitude and lengthscale go more slowly than the curves
    assert_found(fit, {name: value for name, value in numbers.items() if "(whole)[" not in name})
    draws, own = fit.parameters, fit.deviations
    client = frame["client"].to_numpy()
    columns = np.array([basis.column(j, frame["x"].to_numpy()) for j in WAVES])
    rows = draws["1 -> y"][:, None] + own["1 -> y", "client"][:, client]
    for j in WAVES:
        name = f"x(whole)[{j}] -> y"
        rows = rows + (draws[name][:, None] + own[name, "client"][:, client]) * columns[j - 1]
    assert_means(fit, rows.reshape(*fit.shape, -1), truth)
