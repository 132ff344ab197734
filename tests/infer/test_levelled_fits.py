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


def mediation(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    m = 0.5 * x + rng.normal(size=n)
    return pd.DataFrame({"x": x, "m": m, "y": 0.4 * m + 0.2 * x + rng.normal(size=n)})


SIMPLE = "arrows:\n  x -> m -> y:\n  x -> y:\n"


def test_one_missing_value_in_400_leaves_b_where_it_was():
    """20 000 draws: the Monte Carlo error of the difference of two means is .01 posterior sd, the bound 5 of them."""
    frame = mediation(400, 3)
    gap = frame.copy()
    gap.loc[7, "m"] = np.nan
    whole, fewer = (mx.fit(mx.parse(SIMPLE), each, draws=5000, seed=1).parameters["m -> y"] for each in (frame, gap))
    assert abs(fewer.mean() - whole.mean()) < 0.05 * whole.std()
    assert abs(fewer.std() / whole.std() - 1) < 0.05


@pytest.mark.parametrize("seed", range(3))
def test_a_fifth_missing_widens_the_intervals_and_leaves_the_estimates(seed):
    frame = mediation(500, 10 + seed)
    rng = np.random.default_rng(seed)
    gaps = frame.mask(rng.random(frame.shape) < [[0.0, 0.2, 0.2]])
    whole = mx.fit(mx.parse(SIMPLE), frame, seed=1)
    fewer = mx.fit(mx.parse(SIMPLE), gaps, seed=1)
    one, other = (mx.decompose(each, of="x", on="y", contrast=(0, 1)) for each in (whole, fewer))
    for label in ("direct", "indirect"):
        assert abs(other[label].draws.mean() - one[label].draws.mean()) < 2 * other[label].draws.std()
        assert other[label].draws.std() > one[label].draws.std()


JOBS = """
arrows:
  treat -> job_seek -> depress2:
  treat -> depress2:
  econ_hard, sex, age -> job_seek, depress2:
"""


def test_a_fifth_missing_of_jobs_ii_widens_the_intervals_and_leaves_the_estimates(shared):
    """Missing at random given treatment, in mediator and outcome: every coefficient within two posterior sds."""
    frame = pd.read_csv(shared / "jobs_ii.csv")[["treat", "job_seek", "depress2", "econ_hard", "sex", "age"]].astype(
        float
    )
    rng = np.random.default_rng(3)
    chance = np.where(frame["treat"] == 1, 0.15, 0.3)
    gaps = frame.copy()
    for name in ("job_seek", "depress2"):
        gaps.loc[rng.random(len(frame)) < chance, name] = np.nan
        assert 0.17 < gaps[name].isna().mean() < 0.23
    whole, fewer = (mx.fit(mx.parse(JOBS), each, seed=1) for each in (frame, gaps))
    assert {block.engine for block in fewer.blocks} == {"collapsed"}
    for address in fewer.plan.parameters:
        one, other = whole.parameters[address], fewer.parameters[address]
        assert abs(other.mean() - one.mean()) < 2 * other.std(), address
        assert other.std() > one.std(), address
    one, other = (mx.decompose(each, "treat", "depress2")["indirect"].draws for each in (whole, fewer))
    assert abs(other.mean() - one.mean()) < 2 * other.std()


BTHEB = """
levels: {month: {in: client, occasions: [2, 3, 5, 8]}, client: }
time: month
variables:
  bdi:
  pre: {level: client}
  treatment: {level: client, family: bernoulli, values: [TAU, BtheB]}
  drug: {level: client, family: bernoulli, values: ["No", "Yes"]}
  length: {level: client, family: bernoulli, values: [short, long]}
arrows:
  treatment, drug, length, pre, month -> bdi:
"""


def test_beat_the_blues_with_its_dropouts_against_maximum_likelihood(shared):
    """lme: treatment -2.329 (1.670), month -.705 (.146), pre .640 (.078), drug -2.825 (1.727); sds 6.98 and 5.01.

    The posterior of the sd among clients lies higher than its maximum, by half of its own sd.
    """
    frame = pd.read_csv(shared / "btheb.csv").assign(
        length=lambda each: each["length"].map({"<6m": "short", ">6m": "long"})
    )
    wide = {"bdi": {2: "bdi.2m", 3: "bdi.3m", 5: "bdi.5m", 8: "bdi.8m"}, "pre": "bdi.pre"}
    fit = mx.fit(mx.parse(BTHEB), frame, columns=wide, seed=1)
    published = {
        "treatment": (-2.329, 1.670),
        "month": (-0.7048, 0.1464),
        "pre": (0.6397, 0.0779),
        "drug": (-2.825, 1.727),
    }
    for name, (mean, error) in published.items():
        draws = fit.parameters[f"{name} -> bdi"]
        assert abs(draws.mean() - mean) < 0.15 * error, name
        assert abs(draws.std() / error - 1) < 0.1, name
    assert abs(fit.parameters["sigma(bdi)"].mean() - 5.014) < 0.15
    sd = fit.parameters["sd(1 -> bdi | client)"]
    assert abs(sd.mean() - 6.984) < sd.std()
    completers = frame.dropna(subset=["bdi.8m"])
    biased = np.linalg.lstsq(
        np.column_stack([np.ones(len(completers)), completers["bdi.pre"], completers.treatment == "BtheB",
                         completers.drug == "Yes", completers["length"] == "long"]).astype(float),
        completers["bdi.8m"], rcond=None,
    )[0][2]  # fmt: skip
    assert biased == pytest.approx(-3.08, abs=0.01), "who stayed to the eighth month tells another story"


PANEL = "levels: [wave, client]\ntime: wave\nvariables: {m: , y: }\narrows:\n  m(t-1), y(t-1) -> m, y:\n"


def test_a_reverse_path_that_is_not_there_is_found_only_without_person_means():
    """Truth: m -> y .2, y -> m 0, own .3; the clients' means correlate at .6. Pooled least squares sees y -> m."""
    rng = np.random.default_rng(5)
    clients, waves = 400, 6
    means = rng.multivariate_normal([0, 0], [[2.0, 1.2], [1.2, 2.0]], clients)
    dynamics = np.array([[0.3, 0.0], [0.2, 0.3]])
    away = rng.normal(size=(clients, 2))
    rows = []
    for wave in range(waves):
        away = away @ dynamics.T + rng.normal(size=(clients, 2)) if wave else away
        rows.append(
            pd.DataFrame(
                {"client": range(clients), "wave": wave, "m": means[:, 0] + away[:, 0], "y": means[:, 1] + away[:, 1]}
            )
        )
    frame = pd.concat(rows)
    before = frame.assign(wave=frame.wave + 1).rename(columns={"m": "m0", "y": "y0"})
    pooled = frame.merge(before, on=["client", "wave"])
    design = np.column_stack([np.ones(len(pooled)), pooled.m0, pooled.y0])
    fitted, rest, *_ = np.linalg.lstsq(design, pooled.m, rcond=None)
    error = np.sqrt(rest[0] / (len(pooled) - 3) * np.linalg.inv(design.T @ design)[2, 2])
    assert fitted[2] > 5 * error, "the naive panel finds the reverse path"
    draws = mx.fit(mx.parse(PANEL), frame, seed=1).parameters
    truth = {"y(t-1) -> m": 0.0, "m(t-1) -> y": 0.2, "m(t-1) -> m": 0.3, "y(t-1) -> y": 0.3}
    for address, value in truth.items():
        assert abs(draws[address].mean() - value) < 3.5 * draws[address].std(), address


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


@pytest.mark.slow  # twenty fits by NUTS
def test_intervals_of_the_average_indirect_effect_cover_and_those_of_the_product_do_not():
    """E[a_j b_j] = .263 over 20 simulated diaries: of right 95 % intervals 17 or more hold it with probability .984.

    The seeds were chosen before any of them was looked at. The mean lies low by .3 posterior sds: the correlation's prior
    draws .6 towards 0. Where parameters come from their priors, ranks are even (`test_calibration_slopes`).
    """
    whole = product = 0
    for seed in range(1000, 1020):
        frame, _ = diary(100 + seed)
        fit = mx.fit(mx.parse(DIARY), frame, chains=2, draws=500, tune=500, seed=seed)
        draws, cor = fit.parameters, fit.correlations["person"]
        names = fit.plan.varying[0].quantities
        i, j = names.index("x(day) -> m"), names.index("m(day) -> y")
        covariance = cor[:, i, j] * draws[f"sd({names[i]} | person)"] * draws[f"sd({names[j]} | person)"]
        alone = draws["x(day) -> m"] * draws["m(day) -> y"]
        for count, values in (("whole", alone + covariance), ("product", alone)):
            low, high = np.quantile(values, [0.025, 0.975])
            inside = int(low < 0.263 < high)
            whole, product = whole + inside * (count == "whole"), product + inside * (count == "product")
    assert whole >= 17
    assert product < 15


@pytest.mark.slow  # a minute or two
def test_implement_is_near_null_and_converges(shared):
    """57 clients in 13 therapists, 15 sessions, 16 % missing: alliance -> next anxiety is about 0 within clients."""
    raw = pd.read_csv(shared / "implement_wai_bai.csv").rename(columns={"patient": "client", "t": "session"})
    wai, bai = raw[[f"wai{item}" for item in range(1, 10)]], raw[["bai1", "bai2", "bai3"]]
    frame = raw[["client", "therapist", "session"]].assign(
        alliance=wai.mean(axis=1).where(wai.notna().sum(axis=1) >= 7), anxiety=bai.mean(axis=1, skipna=False)
    )
    fit = mx.fit(mx.load("implement"), frame, seed=1)
    assert mx.diagnose(fit).ok
    effect = mx.estimate(fit, fit.plan.theory.questions[0]).rows[0].draws
    assert abs(effect.mean()) < 0.05
    assert 0.02 < effect.std() < 0.07
