"""Fits of theories with levels: recovery of stated parameters, and published numbers. Few models are sampled."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.infer.diagnostics import assess, count_divergences

DIARY = """
levels: [day, person]
time: day
variables: {x: , m: , y: }
arrows:
  x -> m -> y: {varies_by: person}
  x -> y: {varies_by: person}
questions:
  - {of: x, on: y, kind: indirect, through: m}
"""
TRUTH = {
    "1 -> x": 3.0, "sigma(x)": 1.0, "1 -> m": 1.0, "x(day) -> m": 0.4, "x(person) -> m": 0.5, "sigma(m)": 0.8,
    "1 -> y": 2.0, "m(day) -> y": 0.5, "m(person) -> y": -0.3, "x(day) -> y": 0.1, "x(person) -> y": 0.2, "sigma(y)": 0.7,
    "sd(1 -> x | person)": 0.8, "sd(1 -> m | person)": 0.5, "sd(1 -> y | person)": 0.6,
    "sd(x(day) -> m | person)": 0.3, "sd(m(day) -> y | person)": 0.35, "sd(x(day) -> y | person)": 0.2,
    "cor(person)": {"x(day) -> m <-> m(day) -> y": 0.6},
}  # fmt: skip
PEOPLE, DAYS = 100, 12


def diary(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Days of people by plain NumPy, not by the product: 1-1-1 with slopes of one's own; and each person's own slopes."""
    rng = np.random.default_rng(seed)
    a_b = np.array([[0.3**2, 0.6 * 0.3 * 0.35], [0.6 * 0.3 * 0.35, 0.35**2]])
    slopes = rng.multivariate_normal([0.4, 0.5], a_b, PEOPLE)
    direct = rng.normal(0.1, 0.2, PEOPLE)
    x_mean = rng.normal(3.0, 0.8, PEOPLE)
    m_mean = 1.0 + 0.5 * x_mean + rng.normal(0, 0.5, PEOPLE)
    y_mean = 2.0 - 0.3 * m_mean + 0.2 * x_mean + rng.normal(0, 0.6, PEOPLE)
    rows = []
    for j in range(PEOPLE):
        dx = rng.normal(0, 1.0, DAYS)
        dm = slopes[j, 0] * dx + rng.normal(0, 0.8, DAYS)
        dy = slopes[j, 1] * dm + direct[j] * dx + rng.normal(0, 0.7, DAYS)
        rows += [
            {"person": j, "day": t, "x": x_mean[j] + dx[t], "m": m_mean[j] + dm[t], "y": y_mean[j] + dy[t]}
            for t in range(DAYS)
        ]
    return pd.DataFrame(rows), pd.DataFrame({"a": slopes[:, 0], "b": slopes[:, 1], "c": direct})


@pytest.fixture(scope="module")
def diary_fit():
    """2 chains × 1000 draws after 1000 of tuning; drawn longer by the engine where the coefficients ask for it."""
    frame, own = diary(11)
    return mx.fit(mx.parse(DIARY), frame.sample(frac=1, random_state=0), chains=2, draws=1000, tune=1000, seed=1), own


def test_a_diary_is_recovered(diary_fit):
    fit, _ = diary_fit
    draws = fit.draws[list(fit.plan.parameters)]
    for each in assess(draws):
        assert each.r_hat < 1.02, each
        assert min(each.ess_bulk, each.ess_tail) > 100, each
    slopes = [name for name in fit.plan.parameters if "(day)" in name and not name.startswith("sd")]
    for each in assess(fit.draws[slopes]):
        assert each.r_hat < 1.01 and min(each.ess_bulk, each.ess_tail) > 400, each
    assert count_divergences(fit.idata) == 0
    far = {}
    for name, truth in TRUTH.items():
        if name == "cor(person)":
            continue
        values = fit.parameters[name]
        far[name] = (values.mean() - truth) / values.std()
    assert max(map(abs, far.values())) < 4, far  # 18 parameters; 4 posterior sds are beyond chance
    assert np.mean(np.square(list(far.values()))) < 2.5, far


def test_each_person_has_slopes_of_their_own(diary_fit):
    fit, own = diary_fit
    deviations, draws = fit.deviations, fit.parameters
    own = own.loc[list(fit.data.units("person").labels)].reset_index(drop=True)  # the frame's rows were shuffled
    for address, column in (("x(day) -> m", "a"), ("m(day) -> y", "b")):
        mine = draws[address][:, None] + deviations[address, "person"]
        assert mine.shape[1] == PEOPLE
        inside = (np.quantile(mine, 0.025, axis=0) < own[column]) & (own[column] < np.quantile(mine, 0.975, axis=0))
        assert inside.sum() >= 87, "95 % intervals of 100 people: 86 or fewer has a chance of less than 1 in 1000"
        assert np.corrcoef(mine.mean(axis=0), own[column])[0, 1] > 0.6


def test_the_covariance_of_the_slopes_is_part_of_the_average_indirect_effect(diary_fit):
    """E[a_j b_j] = ab + cov(a, b) = .2 + .063; the product of the averages is .2."""
    fit, _ = diary_fit
    draws, cor = fit.parameters, fit.correlations["person"]
    names = fit.plan.varying[0].quantities
    i, j = names.index("x(day) -> m"), names.index("m(day) -> y")
    sds = [draws[f"sd({name} | person)"] for name in (names[i], names[j])]
    covariance = cor[:, i, j] * sds[0] * sds[1]
    product = draws["x(day) -> m"] * draws["m(day) -> y"]
    low, high = np.quantile(product + covariance, [0.025, 0.975])
    assert low < 0.263 < high
    assert np.quantile(covariance, 0.05) > 0, "the product of averages leaves something out"


BLCH9 = """
levels: [day, person]
time: day
variables: {x: , m: , y: }
arrows:
  x -> m -> y: {varies_by: person}
  x -> y: {varies_by: person}
  1 -> m, y: {varies_by: [], because: The columns are centred in each person}
"""


@pytest.mark.slow
def test_blch9_observed_centring_against_bmlm(shared):
    """bmlm's posterior: a .19 (.04), b .15 (.03), c' .10 (.02), me .06 (.01), of which the covariance is half."""
    frame = pd.read_csv(shared / "blch9.csv").rename(columns={"id": "person", "time": "day"})
    fit = mx.fit(mx.parse(BLCH9), frame, seed=1)
    draws, deviations = fit.parameters, fit.deviations
    for address, mean, sd in (("x -> m", 0.19, 0.04), ("m -> y", 0.15, 0.03), ("x -> y", 0.10, 0.02)):
        assert abs(draws[address].mean() - mean) < 0.25 * sd + 0.005, address  # printed to two digits
        assert abs(draws[address].std() - sd) < 0.006
    own = [draws[address][:, None] + deviations[address, "person"] for address in ("x -> m", "m -> y")]
    average = (own[0] * own[1]).mean(axis=1)
    assert abs(average.mean() - 0.06) < 0.005
    share = 1 - (draws["x -> m"] * draws["m -> y"]).mean() / average.mean()
    assert 0.4 < share < 0.65
    for each in assess(fit.draws[["x -> m", "m -> y", "x -> y"]]):
        assert each.r_hat < 1.01 and min(each.ess_bulk, each.ess_tail) > 400
    assert count_divergences(fit.idata) == 0
