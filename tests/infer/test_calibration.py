"""Simulation-based calibration (Talts et al. 2018): among draws of a posterior, a truth drawn from the prior has any rank.

Each study draws parameters from the priors that its theory states, by NumPy and not by the product, simulates data, fits
them, and notes the rank of each truth among 99 draws. Ranks are held against uniform ones by the greatest distance of
their distribution function, each point by its binomial probability, whose own distribution comes from simulation
(Säilynoja, Bürkner & Vehtari 2022). All studies and parameters together fail by chance once in 100 runs.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mechanisms as mx

DRAWS = 99
FALSE_ALARM = 0.01
LEVELS = "levels: {session: {in: client, occasions: [0, 1, 2, 3, 4, 5]}, client: }\ntime: session\n"
ROWS, CLIENTS, SESSIONS = 50, 15, 6


def rows(rng):
    return pd.DataFrame({"x": rng.normal(size=ROWS), "w": rng.normal(size=ROWS)})


def sessions(rng):
    client = np.repeat(np.arange(CLIENTS), SESSIONS)
    frame = {"client": client, "session": np.tile(np.arange(SESSIONS), CLIENTS), "x": rng.normal(size=len(client))}
    return pd.DataFrame(frame)


def drop_some(frame, rng):
    """A fifth of m missing."""
    return frame.assign(m=frame.m.where(rng.random(len(frame)) < 0.8))


def keep(frame, rng):
    return frame


SLOPES = {"x -> y": "normal: [0.3, 0.5]", "1 -> y": "normal: [0, 0.7]"}
CHAIN = {
    "1 -> m": "normal: [0, 0.5]", "x -> m": "normal: [0.3, 0.4]", "sigma(m)": "gamma: [8, 8]",
    "1 -> y": "normal: [0, 0.5]", "m -> y": "normal: [0.3, 0.4]", "x -> y": "normal: [0, 0.4]", "sigma(y)": "gamma: [8, 8]",
}  # fmt: skip
OWN = {"1 -> y": "normal: [0, 0.5]", "x(whole) -> y": "normal: [0.3, 0.4]", "sd(1 -> y | client)": "half_normal: 0.8"}
STUDIES = {
    "exact": ("arrows: [x -> m -> y, x -> y]\n", CHAIN, rows, keep, "exact", 200),
    "missing": ("arrows: [x -> m -> y, x -> y]\n", CHAIN, rows, drop_some, "collapsed", 150),
    "own intercepts": (
        LEVELS + "variables: {x: , y: }\narrows: [x(whole) -> y]\n", OWN | {"sigma(y)": "gamma: [8, 8]"},
        sessions, keep, "collapsed", 150,
    ),
    "logistic": ("variables: {x: , y: {family: bernoulli}}\narrows: [x -> y]\n", SLOPES, rows, keep, "laplace", 200),
    "counts": ("variables: {x: , y: {family: poisson}}\narrows: [x -> y]\n", SLOPES, rows, keep, "laplace", 200),
    "own intercepts of 0/1": (
        LEVELS + "variables: {x: , y: {family: bernoulli}}\narrows: [x(whole) -> y]\n", OWN, sessions, keep, "laplace", 150
    ),
    "own intercepts of counts": (
        LEVELS + "variables: {x: , y: {family: poisson}}\narrows: [x(whole) -> y]\n", OWN, sessions, keep, "laplace", 150
    ),
}  # fmt: skip
PARAMETERS = sum(len(study[1]) for study in STUDIES.values())


def believe(said, rng):
    """A number from a prior as its theory states it."""
    name, _, text = said.partition(": ")
    a = [float(each) for each in text.strip("[]").split(",")]
    return {
        "normal": lambda: rng.normal(a[0], a[-1]), "half_normal": lambda: abs(rng.normal(0, a[0])),
        "gamma": lambda: rng.gamma(a[0], 1 / a[-1]),
    }[name]()  # fmt: skip


def rank_truths(name):
    """Ranks of the truths, by parameter, over the study's replications."""
    text, priors, make, spoil, engine, times = STUDIES[name]
    stated = "priors:\n" + "".join(f"  {address}: {{{said}}}\n" for address, said in priors.items())
    plan = mx.compile(mx.parse(text + stated))
    assert set(plan.parameters) == set(priors)
    ranks = {address: [] for address in priors}
    for number in range(times):
        rng = np.random.default_rng([number, len(name)])
        truth = {address: believe(said, rng) for address, said in priors.items()}
        frame = spoil(mx.simulate(plan, make(rng), truth, seed=int(rng.integers(2**31))), rng)
        if "bernoulli" in text and frame.y.nunique() == 1:
            continue  # such data are refused; given data ranks are uniform, so that leaving some out changes nothing
        fit = mx.sample(plan, mx.bind(plan.theory, frame), draws=500, chains=2, tune=500, seed=number, engine=engine)
        for address, value in truth.items():
            draws = fit.parameters[address]
            apart = draws[np.linspace(0, len(draws) - 1, DRAWS).astype(int)]  # of NUTS nearly independent
            ranks[address].append(int((apart < value).sum()))
    return {address: np.array(found) for address, found in ranks.items()}


def measure_stray(table):
    """The least binomial probability along the distribution function of each row of ranks."""
    counts = np.array([np.bincount(each, minlength=DRAWS + 1) for each in table]).cumsum(axis=1)[:, :-1]
    share, n = np.arange(1, DRAWS + 1) / (DRAWS + 1), table.shape[1]
    below, above = (
        stats.binom.cdf(np.arange(n + 1)[:, None], n, share),
        stats.binom.sf(np.arange(n + 1)[:, None] - 1, n, share),
    )
    tails, places = np.minimum(below, above), np.arange(DRAWS)
    return tails[counts, places].min(axis=1)


@cache
def simulate_even(count, simulations=20_000):
    """What `measure_stray` finds in ranks that are equally likely, sorted."""
    return measure_stray(np.random.default_rng(0).integers(0, DRAWS + 1, (simulations, count)))


def find_chance(ranks):
    """How likely ranks so unevenly spread are, if all are equally likely."""
    even = simulate_even(len(ranks))
    return (1 + (even <= measure_stray(ranks[None])[0]).sum()) / (1 + len(even))


@pytest.mark.slow  # a hundred fits and more for each study
@pytest.mark.parametrize("name", STUDIES)
def test_ranks_of_truths_are_uniform(name):
    chances = {address: find_chance(ranks) for address, ranks in rank_truths(name).items()}
    print(name, chances)
    assert min(chances.values()) > FALSE_ALARM / PARAMETERS, chances


@pytest.mark.parametrize(
    ("scale", "shift", "found"), [(1.0, 0.0, False), (2.0, 0.0, True), (0.5, 0.0, True), (1.0, 0.5, True)]
)
def test_ranks_that_are_not_uniform_are_seen(scale, shift, found):
    """Posteriors that are right, too wide, too narrow, and half an sd beside the truth."""
    places = stats.norm.cdf(np.random.default_rng(3).normal(shift, 1, 150) / scale)
    assert (find_chance((places * (DRAWS + 1)).astype(int)) < FALSE_ALARM / PARAMETERS) == found
