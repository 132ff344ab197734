"""Simulation-based calibration where slopes on latent departures are correlated with each other and with intercepts.

As in `test_calibration`; correlations are drawn uniformly, which is LKJ(1), by partial correlations (Lewandowski,
Kurowicka & Joe 2009, Journal of Multivariate Analysis 100). Among the ranks are those of E[a_j b_j] and of cor(a, b).
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_calibration import DRAWS, FALSE_ALARM, believe, find_chance

import mechanisms as mx

PEOPLE, DAYS, TIMES = 30, 8, 100
A, B = "x(day) -> m", "m(day) -> y"
PRIORS = {
    "1 -> x": "normal: [0, 0.5]", "sigma(x)": "gamma: [16, 16]", "sd(1 -> x | person)": "half_normal: 0.8",
    "1 -> m": "normal: [0, 0.5]", A: "normal: [0.3, 0.3]", "sigma(m)": "gamma: [16, 16]",
    "sd(1 -> m | person)": "half_normal: 0.8", f"sd({A} | person)": "half_normal: 0.4",
    "1 -> y": "normal: [0, 0.5]", B: "normal: [0.3, 0.3]", "sigma(y)": "gamma: [16, 16]",
    "sd(1 -> y | person)": "half_normal: 0.8", f"sd({B} | person)": "half_normal: 0.4",
}  # fmt: skip
TEXT = f"""
levels: {{day: {{in: person, occasions: [0, 1, 2, 3, 4, 5, 6, 7]}}, person: }}
time: day
variables: {{x: , m: , y: }}
arrows:
  {A}: {{varies_by: person}}
  {B}: {{varies_by: person}}
priors:
"""


def draw_correlations(size, rng):
    """A correlation matrix, all being equally likely."""
    partial, found = np.zeros((size, size)), np.eye(size)
    for k in range(size - 1):
        for i in range(k + 1, size):
            shape = 1 + (size - 2 - k) / 2
            value = partial[k, i] = 2 * rng.beta(shape, shape) - 1
            for given in range(k - 1, -1, -1):
                one, other = partial[given, i], partial[given, k]
                value = value * np.sqrt((1 - one**2) * (1 - other**2)) + one * other
            found[k, i] = found[i, k] = value
    return found


def test_correlations_are_equally_likely():
    """Each is then 2 · beta(size/2, size/2) − 1, and no matrix has a negative eigenvalue."""
    rng = np.random.default_rng(1)
    drawn = np.array([draw_correlations(5, rng) for _ in range(4000)])
    assert np.linalg.eigvalsh(drawn).min() > 0
    pairs = [(k, i) for k in range(5) for i in range(k)]
    chances = [stats.kstest((drawn[:, k, i] + 1) / 2, stats.beta(2.5, 2.5).cdf).pvalue for k, i in pairs]
    assert min(chances) > 0.01 / len(pairs)


@pytest.mark.slow  # a hundred fits by NUTS
def test_ranks_are_even_where_slopes_are_correlated():
    plan = mx.compile(mx.parse(TEXT + "".join(f"  {address}: {{{said}}}\n" for address, said in PRIORS.items())))
    assert set(plan.parameters) == set(PRIORS)
    names = plan.varying[0].quantities
    i, j = names.index(A), names.index(B)
    design = pd.DataFrame({"person": np.repeat(np.arange(PEOPLE), DAYS), "day": np.tile(np.arange(DAYS), PEOPLE)})
    ranks = {name: [] for name in (*PRIORS, "E[ab]", "cor(a, b)")}
    for number in range(TIMES):
        rng = np.random.default_rng([number, 11])
        truth = {address: float(believe(said, rng)) for address, said in PRIORS.items()}
        cor = draw_correlations(len(names), rng)
        stated = {f"{names[k]} <-> {names[h]}": float(cor[k, h]) for h in range(len(names)) for k in range(h)}
        frame = mx.simulate(plan, design, truth | {"cor(person)": stated}, seed=int(rng.integers(2**31)))
        fit = mx.sample(plan, mx.bind(plan.theory, frame), draws=400, chains=2, tune=400, seed=number)
        assert fit.blocks[0].engine == "collapsed"
        drawn = {**fit.parameters, "cor(a, b)": fit.correlations["person"][:, i, j]}
        truth["cor(a, b)"] = cor[i, j]
        for known in (drawn, truth):
            spreads = known[f"sd({A} | person)"] * known[f"sd({B} | person)"]
            known["E[ab]"] = known[A] * known[B] + known["cor(a, b)"] * spreads
        for name, value in truth.items():
            apart = drawn[name][np.linspace(0, len(drawn[name]) - 1, DRAWS).astype(int)]
            ranks[name].append(int((apart < value).sum()))
    chances = {name: find_chance(np.array(found)) for name, found in ranks.items()}
    assert min(chances.values()) > FALSE_ALARM / len(ranks), chances
