"""One contract: what any engine draws of a model is what every other draws that takes it, and NUTS on the PyMC model.

A zoo of small models. In the fast suite engine against engine, where two of those that compile nothing apply; in the
long suite each against NUTS. Means, sds, quantiles and correlations within Z Monte Carlo errors (about 1000 comparisons,
of which one is beyond that in 1700 runs of the suite), and the joint distribution by its energy distance, whose
distribution if nothing differs comes from permutations: each comparison fails by chance once in 1000 times.
"""

import re
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from scipy.spatial.distance import cdist

import mechanisms as mx
from mechanisms.infer.diagnostics import assess, count_divergences
from mechanisms.infer.explicit.devices import is_installed

Z = 5.0
LEVELS = "levels: {session: {in: client}, client: }\ntime: session\n"


def flat(seed=0, n=80):
    """Rows of one level."""
    rng = np.random.default_rng(seed)
    x, w = rng.normal(2, 1.5, n), rng.normal(size=n)
    m = 0.5 * x + rng.normal(size=n)
    y = 0.4 * m - 0.3 * x + 0.2 * w * m + rng.normal(size=n)
    eta = -0.4 + 0.5 * w + 0.3 * m
    return pd.DataFrame({
        "x": x, "w": w, "m": m, "y": y, "d": rng.binomial(1, special.expit(eta)), "k": rng.poisson(np.exp(0.5 * eta)),
        "n": rng.negative_binomial(2, 2 / (2 + np.exp(0.5 * eta))), "g": rng.gamma(3, np.exp(0.5 * eta) / 3),
        "o": np.array(["low", "some", "high"])[np.digitize(eta + rng.logistic(size=n), [-0.8, 0.7])],
    })  # fmt: skip


def gaps(seed=1, n=120):
    """A tenth of two columns missing."""
    frame, rng = flat(seed, n)[["x", "m", "y"]], np.random.default_rng(seed)
    return frame.mask(rng.random(frame.shape) < [0.0, 0.1, 0.1])


def panel(seed=2, clients=25, sessions=5):
    """Sessions of clients, each with an intercept and a slope of its own."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(clients), sessions)
    x, treat = rng.normal(size=len(client)), (np.arange(clients) % 2)[client]
    own, slope = rng.normal(0, 0.8, clients)[client], rng.normal(0.5, 0.4, clients)[client]
    eta = -0.3 + slope * x + 0.4 * treat + own
    return pd.DataFrame({
        "client": client, "session": np.tile(np.arange(sessions), clients), "x": x, "treat": treat,
        "y": eta + rng.normal(0, 0.7, len(client)), "d": rng.binomial(1, special.expit(eta)),
        "k": rng.poisson(np.exp(0.4 * eta)), "g": rng.gamma(3, np.exp(0.4 * eta) / 3),
    })  # fmt: skip


ZOO = {
    "regression": ("arrows:\n  x, w -> y:\n", flat, ("exact", "collapsed", "laplace")),
    "mediation": ("arrows:\n  x -> m -> y: \n  x -> y:\n", flat, ("exact", "collapsed", "laplace")),
    "moderation": ("arrows:\n  m -> y: {moderated_by: w}\n  x -> m:\n", flat, ("exact", "collapsed", "laplace")),
    "stated": (
        "arrows:\n  x, w -> y:\npriors:\n  x -> y: {normal: [0, 0.2], below: 0}\n  sigma(y): {half_normal: 1}\n",
        flat, ("collapsed", "laplace"),
    ),
    "one slope": ("arrows:\n  x -> m -> y:\n  x -> y:\npriors:\n  m -> y: {same_as: x -> m}\n", flat, ("collapsed", "laplace")),
    "missing": ("arrows:\n  x -> m -> y:\n  x -> y:\n", gaps, ("collapsed",)),
    "logistic": ("variables: {x: , w: , d: {family: bernoulli}}\narrows:\n  x, w -> d:\n", flat, ("laplace",)),
    "counts": ("variables: {x: , w: , k: {family: poisson}}\narrows:\n  x, w -> k:\n", flat, ("laplace",)),
    "dispersed": ("variables: {x: , w: , n: {family: negative_binomial}}\narrows:\n  x, w -> n:\n", partial(flat, n=400), ("laplace",)),
    "gamma": ("variables: {x: , w: , g: {family: gamma}}\narrows:\n  x, w -> g:\n", flat, ("laplace",)),
    "ordinal": (
        "variables: {x: , w: , o: {family: ordinal, values: [low, some, high]}}\narrows:\n  x, w -> o:\n", flat, ("laplace",)
    ),
    "own intercepts": (
        LEVELS + "variables: {x: , treat: {level: client}, y: }\narrows:\n  x(whole), treat -> y:\n", panel, ("collapsed", "laplace")
    ),
    "own slopes": (
        LEVELS + "variables: {x: {centre: observed}, y: }\narrows:\n  x -> y: {varies_by: client}\n", panel, ("collapsed", "laplace")
    ),
    "own intercepts of 0/1": (
        LEVELS + "variables: {x: , treat: {level: client}, d: {family: bernoulli}}\narrows:\n  x(whole), treat -> d:\n",
        panel, ("laplace",),
    ),
    "own slopes of counts": (
        LEVELS + "variables: {x: {centre: observed}, k: {family: poisson}}\narrows:\n  x -> k: {varies_by: client}\n",
        panel, ("laplace",),
    ),
    "two outcomes": (
        LEVELS + "variables: {x: , treat: {level: client}, d: {family: bernoulli}, g: {family: gamma}}\n"
        "arrows:\n  x(whole) -> d:\n  treat -> g:\n", panel, ("laplace",),
    ),
}  # fmt: skip


def fitted(name, engine, **more):
    """2000 independent draws, or 2 chains × 1500 of NUTS after 1000 of tuning."""
    text, make, _ = ZOO[name]
    plan = mx.compile(mx.parse(text))
    data = mx.bind(plan.theory, make()[[each for each in make().columns if each in named(plan)]])
    chains = {"chains": 2, "draws": 1500, "tune": 1000} if engine == "nuts" else {"chains": 4, "draws": 500}
    fit = mx.sample(plan, data, seed=ZOO_SEEDS[engine], engine=engine, **chains, **more)
    assert [block.engine for block in fit.blocks] == [engine] * len(fit.blocks)
    return fit


ZOO_SEEDS = {"exact": 1, "collapsed": 2, "laplace": 3, "nuts": 4}


def named(plan):
    return {*plan.theory.names, *(level.name for level in plan.theory.levels)}


def list_draws(fit):
    """Everything that is drawn, by name; what does not vary left out."""
    found = dict(fit.parameters)
    for level, matrix in fit.correlations.items():
        found |= {f"cor({level})[{i}, {j}]": matrix[:, i, j] for i in range(matrix.shape[1]) for j in range(i)}
    for (address, level), own in fit.deviations.items():
        found |= {f"{address} of {level} {unit}": own[:, unit] for unit in (0, 1)}
    return {name: draws for name, draws in found.items() if draws.std() > 1e-12}


def count_effective(fit, draws):
    """How many independent draws these are worth: by their chains, and by what importance sampling says of its weights."""
    import arviz_stats
    import xarray as xr

    table = xr.Dataset({"v": (("chain", "draw"), draws.reshape(fit.shape))})
    sizes = [float(arviz_stats.ess(table, method=method)["v"]) for method in ("bulk", "tail", "sd")]
    weighed = [float(each) for block in fit.blocks for each in re.findall(r"effective size (\d+) of", block.reason)]
    return min([*sizes, *weighed, len(draws)])


def assert_alike(one, other):
    mine, theirs = list_draws(one), list_draws(other)
    assert set(mine) == set(theirs)
    sizes = {name: (count_effective(one, mine[name]), count_effective(other, theirs[name])) for name in mine}
    for name, draws in mine.items():
        error = np.sqrt(sum(1 / size for size in sizes[name]))
        both = np.concatenate([draws, theirs[name]])
        sd, kurtosis = both.std(), stats.kurtosis(both, fisher=False)
        assert abs(draws.mean() - theirs[name].mean()) < Z * sd * error, name
        assert abs(draws.std() - theirs[name].std()) < Z * sd * error * np.sqrt((kurtosis - 1) / 4), name
        for share in (0.05, 0.25, 0.5, 0.75, 0.95):
            point = np.quantile(both, share)
            apart = (draws < point).mean() - (theirs[name] < point).mean()
            assert abs(apart) < Z * error * np.sqrt(share * (1 - share)), (name, share)
    least = [min(size[k] for size in sizes.values()) for k in (0, 1)]
    for first, second in combinations(mine, 2):
        values = [stats.spearmanr(each[first], each[second]).statistic for each in (mine, theirs)]
        z = np.arctanh(np.clip(values, -0.999, 0.999))  # Fisher's z of ranks: variance 1.06 / size
        assert abs(z[0] - z[1]) < Z * np.sqrt(1.06 * sum(1 / each for each in least)) + 0.01, (first, second)
    assert_joint(mine, theirs, least)


def assert_joint(mine, theirs, sizes, most=800, permutations=999):
    """Energy distance (Székely & Rizzo 2013), of draws thinned until they are independent, among its permutations."""
    rng = np.random.default_rng(0)
    kept = [int(min(most, size / 2)) for size in sizes]
    tables = [np.column_stack(list(each.values())) for each in (mine, theirs)]
    samples = [
        table[np.linspace(0, len(table) - 1, count).astype(int)] for table, count in zip(tables, kept, strict=True)
    ]
    joined = np.concatenate(samples)
    values, vectors = np.linalg.eigh(np.cov(joined.T / joined.std(axis=0)[:, None]))
    telling = values > 1e-8  # two names of one number make none
    joined = (joined / joined.std(axis=0)) @ (vectors[:, telling] / np.sqrt(values[telling]))
    apart = cdist(joined, joined)
    n, m = kept
    labels = np.array([rng.permutation(n + m) < n for _ in range(permutations + 1)], dtype=float)
    labels[0] = np.arange(n + m) < n
    weights = labels / n - (1 - labels) / m
    energy = -np.einsum("pi,pi->p", weights @ apart, weights)
    assert (energy[1:] >= energy[0]).any(), f"energy distance {energy[0]:.4f}, at most {energy[1:].max():.4f} by chance"


LONG = ("own slopes",)  # half a minute by quadrature over two normal deviations, where a formula takes half a second
PAIRS = [
    pytest.param(name, *pair, id=" ".join((name, *pair)), marks=[pytest.mark.slow] * (name in LONG))
    for name, (_, _, engines) in ZOO.items()
    for pair in combinations(engines, 2)
]


@pytest.mark.parametrize(("name", "one", "other"), PAIRS)
def test_engines_agree_with_each_other(name, one, other):
    assert_alike(fitted(name, one), fitted(name, other))


def assert_sampled(fit):
    """Draws of NUTS that can be compared."""
    for quality in assess(fit.draws[list(fit.plan.parameters)]):
        assert not quality.r_hat >= 1.02, quality
        assert not min(quality.ess_bulk, quality.ess_tail) < 300, quality
    assert count_divergences(fit.idata) <= 3000 * 0.005


@pytest.fixture(scope="module")
def sampled():
    """Fits by NUTS, each sampled once."""
    found = {}

    def sample(name):
        if name not in found:
            found[name] = fitted(name, "nuts")
            assert_sampled(found[name])
        return found[name]

    return sample


ALL = [(name, engine) for name, (_, _, engines) in ZOO.items() for engine in engines]


@pytest.mark.slow  # a PyMC model for each of the zoo
@pytest.mark.parametrize(("name", "engine"), ALL, ids=[" ".join(each) for each in ALL])
def test_every_engine_agrees_with_nuts(name, engine, sampled):
    assert_alike(fitted(name, engine), sampled(name))


def test_a_difference_would_be_seen():
    """The energy distance refuses draws of which one mean, one sd or one correlation is another."""
    mine, theirs = (list_draws(fitted("regression", engine)) for engine in ("exact", "laplace"))
    first, second = list(mine)[:2]
    assert abs(np.corrcoef(mine[first], mine[second])[0, 1]) > 0.5
    moved = {first: theirs[first] + 0.6 * theirs[first].std()}
    wider = {first: theirs[first].mean() + 2 * (theirs[first] - theirs[first].mean())}
    loosened = {second: np.random.default_rng(1).permutation(theirs[second])}
    assert_joint(mine, theirs, [2000, 2000])
    for changed in (moved, wider, loosened):
        with pytest.raises(AssertionError, match="energy distance"):
            assert_joint(mine, theirs | changed, [2000, 2000])


WALKED = (
    "moderation",
    "missing",
    "dispersed",
    "ordinal",
    "own intercepts of 0/1",
    "own slopes of counts",
    "two outcomes",
)


@pytest.mark.slow  # half a minute each
@pytest.mark.skipif(not is_installed(), reason="the extra numpyro is not installed")
@pytest.mark.parametrize("name", WALKED)
def test_numpyro_agrees_with_another_engine(name):
    fit = fitted(name, "nuts", nuts_sampler="numpyro")
    assert_sampled(fit)
    assert_alike(fitted(name, ZOO[name][2][0]), fit)
