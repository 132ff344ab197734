"""Every family on the way and at the end of an effect over time: answers equal integrals written out with SciPy.

x is a treatment of clients; m and y have one value per session, and each client an intercept of their own in every linear
predictor. The way through m is its course and its departures, or, of a category, its values.
"""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import mechanisms as mx
from mechanisms.effects.over_time.tails import Tails

CLIENTS, OCCASIONS, NODES = 4, 3, 4001
U = np.array([-0.5, 0.1, 0.6, -0.2])  # what each client departs by, in every linear predictor
QUANTILES = (np.arange(NODES) + 0.5) / NODES
SPREAD = 1.7
STEP = {"1 -> {}=b": 0.7, "1 -> {}=c": -0.6}
# family: options of the variable, further parameters ({} is its name), the words of its predictors' intercepts
FAMILIES = {
    "normal": ("family: normal", {"sigma({})": SPREAD}),
    "student": ("family: student", {"sigma({})": SPREAD}),
    "skew_normal": ("family: skew_normal", {"sigma({})": SPREAD, "skew({})": 3.0}),
    "lognormal": ("family: lognormal", {"sigma({})": 0.5}),
    "gamma": ("family: gamma", {"precision({})": SPREAD}),
    "weibull": ("family: weibull", {"precision({})": SPREAD}),
    "bernoulli": ("family: bernoulli", {}),
    "cloglog": ("family: bernoulli, link: cloglog", {}),
    "binomial": ("family: binomial, out_of: 3", {}),
    "poisson": ("family: poisson", {}),
    "negative_binomial": ("family: negative_binomial", {"precision({})": SPREAD}),
    "beta": ("family: beta", {"precision({})": 5.0}),
    "ordered_beta": ("family: ordered_beta", {"precision({})": 5.0, "1 -> any({})": 1.0, "1 -> {}=1": -1.2}),
    "hurdle": ("family: negative_binomial, zeros: hurdle", {"precision({})": SPREAD, "1 -> any({})": 0.4}),
    "inflated": ("family: poisson, zeros: inflated", {"1 -> any({})": 0.4}),
    "hurdle_gamma": ("family: gamma, zeros: hurdle", {"precision({})": SPREAD, "1 -> any({})": 0.4}),
    "ordinal": ("family: ordinal, values: [a, b, c]", STEP),
    "sequential": ("family: sequential, values: [a, b, c], link: cloglog", STEP),
    "categorical": ("family: categorical, values: [a, b, c]", STEP),
}
KINDS = ("ordinal", "sequential", "categorical")
ZEROS = ("hurdle", "inflated", "hurdle_gamma")


def choose(family, eta):
    """The chances of the values of a category; shape (3, …)."""
    first, second = eta + 0.7, eta - 0.6
    if family == "ordinal":
        reach = special.expit([first, second])
        return np.array([1 - reach[0], reach[0] - reach[1], reach[1]])
    if family == "sequential":
        on = -np.expm1(-np.exp([first, second]))
        return np.array([1 - on[0], on[0] * (1 - on[1]), on[0] * on[1]])
    weights = np.exp([0.0 * first, first, second])
    return weights / weights.sum(axis=0)


def look(family, eta):
    """The mean of an outcome, or the chance of its last value, by the textbook."""
    if family in KINDS:
        return choose(family, eta)[2]
    mean, share, some = np.exp(eta), special.expit(eta), special.expit(eta + 0.4)
    top, above = special.expit(eta - 1.2), special.expit(eta + 1.0)
    none = (SPREAD / (SPREAD + mean)) ** SPREAD
    return {
        **dict.fromkeys(("normal", "student", "skew_normal"), eta),
        **dict.fromkeys(("gamma", "weibull", "poisson", "negative_binomial"), mean),
        **dict.fromkeys(("bernoulli", "beta"), share),
        **dict.fromkeys(("inflated", "hurdle_gamma"), some * mean),
        "lognormal": mean * np.exp(0.125), "cloglog": -np.expm1(-mean), "binomial": 3 * share,
        "ordered_beta": top + (above - top) * share, "hurdle": some * mean / (1 - none),
    }[family]  # fmt: skip


def law(family, eta):
    """A mediator's values and their probabilities, and what its course says is usual."""
    if family in KINDS:
        return np.arange(3), choose(family, eta), None
    mean, share, some = np.exp(eta), special.expit(eta), special.expit(eta + 0.4)
    if family in ("bernoulli", "cloglog"):
        chance = look(family, eta)
        return np.array([0.0, 1.0]), np.array([1 - chance, chance]), chance
    count = stats.nbinom(SPREAD, SPREAD / (SPREAD + mean))
    scale = SPREAD / np.sqrt(1 - 2 / np.pi * 0.9)  # of the skew normal: slant 3, 3² / (1 + 3²) = 0.9
    own, usual = {
        "normal": (stats.norm(eta, SPREAD), eta),
        "student": (stats.t(4, eta, SPREAD), eta),
        "skew_normal": (stats.skewnorm(3.0, eta - scale * np.sqrt(0.9 * 2 / np.pi), scale), eta),
        "lognormal": (stats.lognorm(0.5, scale=mean), mean),
        "gamma": (stats.gamma(SPREAD, scale=mean / SPREAD), mean),
        "weibull": (stats.weibull_min(SPREAD, scale=mean / special.gamma(1 + 1 / SPREAD)), mean),
        "poisson": (stats.poisson(mean), mean),
        "negative_binomial": (count, mean),
        "binomial": (stats.binom(3, share), share),
        "beta": (stats.beta(5 * share, 5 * (1 - share)), share),
        "ordered_beta": (stats.beta(5 * share, 5 * (1 - share)), look(family, eta)),
        "hurdle": (count, some * mean),
        "inflated": (stats.poisson(mean), some * mean),
        "hurdle_gamma": (stats.gamma(SPREAD, scale=mean / SPREAD), some * mean),
    }[family]
    if hasattr(own.dist, "pmf"):
        values = np.arange(400.0)
        chances = own.pmf(values)
        if family == "inflated":
            chances = some * chances + (1 - some) * (values == 0)
        if family == "hurdle":
            chances = np.where(values == 0, 1 - some, some * chances / (1 - chances[0]))
        return values, chances, usual
    values, chances = own.ppf(QUANTILES), np.full(NODES, 1 / NODES)
    if family == "hurdle_gamma":
        values, chances = np.append(values, 0.0), np.append(some * chances, 1 - some)
    if family == "ordered_beta":
        top, above = special.expit(eta - 1.2), special.expit(eta + 1.0)
        values = np.concatenate([[0.0, 1.0], values])
        chances = np.concatenate([[1 - above, top], (above - top) * chances])
    return values, chances, usual


WITHIN, BETWEEN, VALUES = 0.25, 0.4, np.array([0.0, 0.5, -0.8])


def truth(mediator, outcome, x, through):
    """The outcome's mean over clients at a treatment, the mediator as under another."""
    total = 0.0
    for u in U:
        values, chances, usual = law(mediator, 0.2 + 0.6 * through + u)
        own = VALUES[values] if mediator in KINDS else WITHIN * (values - usual) + BETWEEN * usual
        own = BETWEEN * values if mediator in WHOLE else own
        kept = chances > 1e-14
        total += chances[kept] @ look(outcome, 0.1 + 0.3 * x + u + own[kept]) / len(U)
    return total


WHOLE = ("bernoulli", "cloglog", "binomial")  # have no departures, or none that are compiled
COLUMNS = {
    **{each: ["a", "b", "c"] for each in KINDS},
    **{each: [0.0, 1.0] for each in ("bernoulli", "cloglog")},
    **{each: [0.0, 1.0, 2.0] for each in ZEROS},
    "ordered_beta": [0.0, 1.0, 0.5, 0.3], "beta": [0.2, 0.5, 0.7],
}  # fmt: skip


def name_parameters(plan, name, base, slope, extra):
    """What is stated of one response."""
    found, stated = {}, {address.format(name): value for address, value in extra.items()}
    for address in plan.equation(name).parameters:
        cause, _, effect = address.partition(" -> ")
        own = stated.get(address, 0.0)
        ways = {
            "1": base + own,
            "x": slope,
            "m(session)": WITHIN,
            "m(client)": BETWEEN,
            "m=b": VALUES[1],
            "m=c": VALUES[2],
            "m": BETWEEN,
        }
        found[address] = ways[cause] if effect else own
    return found


def pin(mediator, outcome, within=None):
    """A fit at stated parameters, of four clients."""
    (first, extra), (second, more) = FAMILIES[mediator], FAMILIES[outcome]
    plan = mx.compile(
        mx.parse(
            f"levels: [session, client]\ntime: session\nvariables:\n  x: {{level: client, family: bernoulli}}\n"
            f"  m: {{{first}}}\n  y: {{{second}}}\narrows:\n  x -> m, y:\n  m -> y:\n"
        )
    )
    rows = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": [*range(OCCASIONS)] * CLIENTS})
    rows["x"] = np.repeat([0, 1, 0, 1], OCCASIONS)
    for name, family in (("m", mediator), ("y", outcome)):
        rows[name] = np.resize(COLUMNS.get(family, [1.0, 2.0, 3.0]), len(rows))
    given = name_parameters(plan, "m", 0.2, 0.6, extra) | name_parameters(plan, "y", 0.1, 0.3, more)
    given |= {} if within is None else {"m(session) -> y": within}
    given |= {address: 1.0 for each in plan.varying for address in each.spreads}
    given |= {each.correlation: 0 for each in plan.varying if each.correlated}
    deviations = {(each, "client"): U for each in plan.varying[0].quantities}
    return mx.pin(plan, mx.bind(plan.theory, rows), given, deviations)


MEDIATORS = [each for each in FAMILIES if each != "binomial"]  # no course of different trials is compiled
PAIRS = [
    *((each, "normal") for each in MEDIATORS if each not in KINDS),
    *((each, "bernoulli") for each in MEDIATORS if each not in ("sequential", "categorical")),
    *itertools.product(["normal"], FAMILIES), ("sequential", "normal"), ("categorical", "ordinal"), ("bernoulli", "hurdle"),
]  # fmt: skip


SLOW = [("sequential", "normal"), ("categorical", "ordinal")]  # averaged over many draws to the third digit


@pytest.mark.parametrize(
    ("mediator", "outcome"),
    [pytest.param(*pair, marks=[pytest.mark.slow] if pair in SLOW else []) for pair in dict.fromkeys(PAIRS)],
)
def test_totals_and_ways_through_a_mediator(mediator, outcome):
    fit = pin(mediator, outcome)
    on = "y(1)=c" if outcome in KINDS else "y(1)"
    total = mx.estimate(fit, mx.Question(of="x", on=on)).rows[0].draws.item()
    through = mx.estimate(fit, mx.Question(of="x", on=on, kind="indirect", through="m")).rows[0].draws.item()
    low, cross, high = (truth(mediator, outcome, *each) for each in ((0, 0), (1, 0), (1, 1)))
    assert total == pytest.approx(high - low, rel=0.02, abs=1e-3)
    assert through == pytest.approx(high - cross, rel=0.02, abs=1e-3)


def test_a_mean_that_hangs_on_a_long_tail_is_refused():
    """exp(b · m) of a student m has no mean; with a small b no draw shows it, with a large one a few draws are all there is."""
    fit = pin("student", "poisson", within=2.0)
    with pytest.raises(mx.errors.IdentificationError, match="farthest tail"):
        mx.estimate(fit, mx.Question(of="x", on="y(1)"))


def test_a_chance_has_a_mean_whatever_precedes_it():
    """The chance of a 0/1 outcome of what a long tail does: refused for the count itself, kept for a share."""
    rng = np.random.default_rng(1)
    shares = rng.beta(0.02, 2, size=(12, 4000))
    for bounded in (True, False):
        tails = Tails("y", bounded)
        for some in np.split(shares**3, 8, axis=1):
            tails.keep(some, 12)
        if bounded:
            tails.judge()
        else:
            with pytest.raises(mx.errors.IdentificationError, match="farthest tail"):
                tails.judge()


def test_tails_are_told_by_what_is_averaged():
    rng = np.random.default_rng(1)
    light, heavy = Tails("y"), Tails("y")
    for _ in range(8):
        light.keep(np.exp(0.3 * rng.normal(size=(12, 400))), 12)
        heavy.keep(rng.pareto(1.0, size=(12, 400)), 12)
    light.judge()
    with pytest.raises(mx.errors.IdentificationError):
        heavy.judge()
