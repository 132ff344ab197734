"""Effects with mediators and outcomes of every family: brute force by a million draws, and closed forms where there are any.

The draws are made by NumPy's own generators and the outcome's mean is written out here, so that nothing of the engine
under test is used.
"""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import special
from small_worlds import values

import mechanisms as mx
from mechanisms.errors import IdentificationError

N = 1_000_000
KINDS = {
    "normal": "family: normal", "student": "family: student", "skew_normal": "family: skew_normal",
    "lognormal": "family: lognormal", "gamma": "family: gamma", "weibull": "family: weibull", "beta": "family: beta",
    "bernoulli": "family: bernoulli, link: cloglog", "binomial": "family: binomial, out_of: 9",
    "trials": "family: binomial, out_of: days, link: probit", "poisson": "family: poisson",
    "exposure": "family: negative_binomial, out_of: days",
}  # fmt: skip
SPREAD, SLANT = 0.8, -3.0
PRECISION = 2.5


def rows(n=20):
    rng = np.random.default_rng(1)
    return pd.DataFrame({"a": np.arange(n) % 2, "c": rng.normal(0, 1, n), "days": rng.integers(1, 9, n)})


def place(kind, eta):
    if kind in ("normal", "student", "skew_normal"):
        return eta
    if kind in ("beta", "binomial"):
        return 1 / (1 + np.exp(-eta))
    return {"bernoulli": lambda: 1 - np.exp(-np.exp(eta)), "trials": lambda: special.ndtr(eta)}.get(
        kind, lambda: np.exp(eta)
    )()


def mean_of(kind, eta, days):
    factor = {"lognormal": np.exp(SPREAD**2 / 2), "binomial": 9, "trials": days, "exposure": days}
    return place(kind, eta) * factor.get(kind, 1.0)


def skew_noise(rng, n):
    """Azzalini's representation: |u0| and u1, to mean 0 and sd 1."""
    delta = SLANT / np.sqrt(1 + SLANT**2)
    drawn = delta * np.abs(rng.normal(size=n)) + np.sqrt(1 - delta**2) * rng.normal(size=n)
    return (drawn - delta * np.sqrt(2 / np.pi)) / np.sqrt(1 - 2 * delta**2 / np.pi)


def drawn(kind, eta, days, rng):
    at, n, p = place(kind, eta), len(eta), PRECISION
    return {
        "normal": lambda: at + SPREAD * rng.normal(size=n),
        "student": lambda: at + SPREAD * rng.standard_t(4, n),
        "skew_normal": lambda: at + SPREAD * skew_noise(rng, n),
        "lognormal": lambda: rng.lognormal(eta, SPREAD),
        "gamma": lambda: rng.gamma(p, at / p),
        "weibull": lambda: at / special.gamma(1 + 1 / p) * rng.weibull(p, n),
        "beta": lambda: rng.beta(at * p, (1 - at) * p),
        "bernoulli": lambda: (rng.random(n) < at).astype(float),
        "binomial": lambda: rng.binomial(9, at).astype(float),
        "trials": lambda: rng.binomial(days.astype(int), at).astype(float),
        "poisson": lambda: rng.poisson(at).astype(float),
        "exposure": lambda: rng.negative_binomial(p, p / (p + at * days)).astype(float),
    }[kind]()


def fixed(plan, values):
    rest = {"sigma(m)": SPREAD, "sigma(y)": SPREAD, "precision(m)": PRECISION, "precision(y)": PRECISION,
            "skew(m)": SLANT, "skew(y)": SLANT}  # fmt: skip
    return {address: {**rest, **values}[address] for address in plan.parameters}


def world(m, y, arrow="m -> y: {moderated_by: a}"):
    theory = mx.parse(
        f"variables:\n  a:\n  c:\n  days:\n  m: {{{KINDS[m]}}}\n  y: {{{KINDS[y]}}}\n"
        f"arrows:\n  a, c -> m:\n  {arrow}\n  a, c -> y:\n"
    )
    plan = mx.compile(theory)
    frame = rows()
    start = fixed(plan, {name: 0.1 for name in plan.parameters if "->" in name})
    return plan, mx.bind(theory, mx.simulate(plan, frame, start, seed=11)), frame


TRUTH = {"1 -> m": 0.2, "a -> m": 0.6, "c -> m": -0.3, "1 -> y": -0.3, "a -> y": 0.25, "c -> y": 0.2,
         "m -> y": 0.12, "m * a -> y": -0.07, "a * m -> y": -0.07}  # fmt: skip


def brute(m, y, frame, rng):
    """E[Y(a, M(a*))] for the four worlds, by draws of units and mediators; the same draws for all of one mediator."""
    at = rng.integers(0, len(frame), N)
    c, days = frame["c"].to_numpy()[at], frame["days"].to_numpy()[at].astype(float)
    b = TRUTH
    mediator = {star: drawn(m, b["1 -> m"] + b["a -> m"] * star + b["c -> m"] * c, days, rng) for star in (0, 1)}
    return {
        (a, star): mean_of(
            y,
            b["1 -> y"] + b["a -> y"] * a + b["c -> y"] * c + (b["m -> y"] + b["a * m -> y"] * a) * mediator[star],
            days,
        )
        for a, star in product((0, 1), repeat=2)
    }


LOGS = ("lognormal", "gamma", "weibull", "poisson", "exposure")
OUTCOMES = ("normal", "beta", "bernoulli", "trials", "poisson", "exposure", "lognormal")
PAIRS = [
    (m, y)
    for m, y in product(KINDS, OUTCOMES)
    if not (m in ("student", "lognormal", "exposure") and y in LOGS)  # no mean: below
]


@pytest.mark.parametrize(("m", "y"), PAIRS)
def test_brute_force(m, y):
    plan, data, frame = world(m, y)
    found = values(mx.decompose(mx.pin(plan, data, fixed(plan, TRUTH)), "a", "y"))
    worlds = brute(m, y, frame, np.random.default_rng(5))
    parts = {"direct": ((1, 0), (0, 0)), "total direct": ((1, 1), (0, 1)), "indirect": ((1, 1), (1, 0)),
             "pure indirect": ((0, 1), (0, 0))}  # fmt: skip
    for label, (one, other) in parts.items():
        gap = worlds[one] - worlds[other]
        assert abs(found[label] - gap.mean()) < 4 * gap.std() / np.sqrt(N), label


def asked(m, y, arrow, parameters, **question):
    """Total, direct and indirect effects at stated parameters."""
    plan, data, _ = world(m, y, arrow)
    fit = mx.pin(plan, data, fixed(plan, parameters))
    return values(mx.decompose(fit, "a", "y", **question))


@pytest.mark.parametrize(("m", "y"), [("normal", "poisson"), ("normal", "gamma"), ("normal", "lognormal")])
def test_a_log_link_with_a_normal_mediator(m, y):
    """Valeri & VanderWeele (2013), appendix: exact for a log link, without a rare outcome; the mean of a lognormal."""
    _, _, frame = world(m, y)
    found = asked(m, y, "m -> y: {moderated_by: a}", TRUTH)
    b, c = TRUTH, frame["c"].to_numpy()

    def mean(a, star):
        slope = b["m -> y"] + b["a * m -> y"] * a
        middle = b["1 -> m"] + b["a -> m"] * star + b["c -> m"] * c
        eta = b["1 -> y"] + b["a -> y"] * a + b["c -> y"] * c + slope * middle + (slope * SPREAD) ** 2 / 2
        return np.exp(eta + (SPREAD**2 / 2 if y == "lognormal" else 0)).mean()

    assert found["direct"] == pytest.approx(mean(1, 0) - mean(0, 0), rel=1e-10)
    assert found["indirect"] == pytest.approx(mean(1, 1) - mean(1, 0), rel=1e-10)


@pytest.mark.parametrize("m", [name for name in KINDS if name not in ("normal", "student", "skew_normal")])
def test_a_linear_outcome_needs_the_mediators_mean_alone(m):
    """However a mediator is distributed, its mean is all that a linear outcome sees: exact, without a grid."""
    _, _, frame = world(m, "normal")
    found = asked(m, "normal", "m -> y:", {**TRUTH, "m -> y": 0.7})
    c, days = frame["c"].to_numpy(), frame["days"].to_numpy().astype(float)
    levels = [mean_of(m, 0.2 + 0.6 * a - 0.3 * c, days).mean() for a in (0, 1)]
    assert found["indirect"] == pytest.approx(0.7 * (levels[1] - levels[0]), rel=1e-12)
    assert found["direct"] == pytest.approx(0.25, rel=1e-12)


SQUARES = {  # E[m²] of a mean μ
    "student": lambda mean: mean**2 + 2 * SPREAD**2,
    "skew_normal": lambda mean: mean**2 + SPREAD**2,
    "lognormal": lambda mean: mean**2 * np.exp(SPREAD**2),
    "gamma": lambda mean: mean**2 * (1 + 1 / PRECISION),
    "weibull": lambda mean: mean**2 * special.gamma(1 + 2 / PRECISION) / special.gamma(1 + 1 / PRECISION) ** 2,
    "beta": lambda mean: mean * (mean * PRECISION + 1) / (PRECISION + 1),
    "poisson": lambda mean: mean**2 + mean,
    "binomial": lambda mean: mean**2 + mean * (1 - mean / 9),
    "exposure": lambda mean: mean**2 + mean + mean**2 / PRECISION,
}


@pytest.mark.parametrize("m", SQUARES)
def test_a_bent_outcome_needs_the_mediators_second_moment(m):
    _, _, frame = world(m, "normal")
    found = asked(m, "normal", "m -> y: {shape: quadratic}", {**TRUTH, "m -> y": 0.7, "m^2 -> y": -0.2})
    c, days = frame["c"].to_numpy(), frame["days"].to_numpy().astype(float)
    means = [mean_of(m, 0.2 + 0.6 * a - 0.3 * c, days) for a in (0, 1)]
    expected = [(0.7 * mean - 0.2 * SQUARES[m](mean)).mean() for mean in means]
    assert found["indirect"] == pytest.approx(expected[1] - expected[0], rel=3e-6)


@pytest.mark.parametrize("m", ["lognormal", "gamma", "weibull"])
def test_the_logarithm_of_the_mean_is_a_ratio(m):
    """On the link scale of a positive outcome: the log of a ratio of means."""
    plan, data, _ = world("normal", m, "m -> y:")
    fit = mx.pin(plan, data, fixed(plan, TRUTH))
    found = mx.estimate(fit, mx.Question(of="a", on="y", scale="link"))
    # a moves η by 0.25 + 0.12 · 0.6 in every unit, so the ratio is the same for all
    assert values(found)["total"] == pytest.approx(0.25 + 0.12 * 0.6, abs=1e-10)
    assert "log ratio of the population's means of y" in repr(found)


@pytest.mark.parametrize("m", ["student", "lognormal", "exposure"])
@pytest.mark.parametrize("y", ["poisson", "gamma"])
def test_a_mean_that_does_not_exist_is_refused(m, y):
    with pytest.raises(IdentificationError, match="the mean of y hangs on the farthest tail of m and may not exist"):
        asked(m, y, "m -> y:", {**TRUTH, "m -> y": 0.5})


def test_a_gamma_mediator_of_a_log_link_has_a_mean_up_to_its_rate():
    """E exp(bm) = (1 − bμ / precision)^−precision, which is infinite from bμ = precision on (Johnson et al. 1994)."""
    _, _, frame = world("gamma", "poisson")
    found = asked("gamma", "poisson", "m -> y:", {**TRUTH, "m -> y": 0.3})
    c = frame["c"].to_numpy()
    means = [
        (np.exp(-0.3 + 0.2 * c) * (1 - 0.3 * np.exp(0.2 + 0.6 * a - 0.3 * c) / PRECISION) ** -PRECISION).mean()
        for a in (0, 1)
    ]
    assert found["indirect"] == pytest.approx(np.exp(0.25) * (means[1] - means[0]), rel=2e-5)
    with pytest.raises(IdentificationError, match="may not exist"):
        asked("gamma", "poisson", "m -> y:", {**TRUTH, "m -> y": 2.0})


def test_a_negative_binomial_mediator_of_a_log_link():
    """E exp(bm) = (precision / (precision + μ − μ e^b))^precision where that is above 0."""
    theory = mx.parse(
        "variables:\n  a:\n  m: {family: negative_binomial}\n  y: {family: poisson}\narrows: [a -> m -> y, a -> y]\n"
    )
    frame = pd.DataFrame({"a": [0, 1] * 5, "m": np.arange(10), "y": np.arange(10)})
    truth = {"1 -> m": 0.2, "a -> m": 0.6, "precision(m)": PRECISION, "1 -> y": 0.1, "m -> y": 0.12, "a -> y": 0.2}
    fit = mx.pin(mx.compile(theory), mx.bind(theory, frame), truth)
    mu = np.exp([0.2, 0.8])
    means = (PRECISION / (PRECISION + mu - mu * np.exp(0.12))) ** PRECISION
    found = values(mx.decompose(fit, "a", "y"))["indirect"]
    assert found == pytest.approx(np.exp(0.3) * (means[1] - means[0]), rel=1e-6)


def test_large_counts_are_summed_to_their_end():
    """Means of 400 and more: the sum grows until nothing of the distribution is left out."""
    theory = mx.parse(
        "variables:\n  a:\n  m: {family: poisson}\n  y: {family: bernoulli}\narrows: [a -> m -> y, a -> y]\n"
    )
    frame = pd.DataFrame({"a": [0, 1] * 10, "m": np.arange(400, 420), "y": [0, 1, 1, 0] * 5})
    truth = {"1 -> m": 6.0, "a -> m": 0.1, "1 -> y": -4.0, "m -> y": 0.01, "a -> y": 0.2}
    fit = mx.pin(mx.compile(theory), mx.bind(theory, frame), truth)
    k = np.arange(2000)
    chance = [
        np.exp(k * (6 + 0.1 * a) - np.exp(6 + 0.1 * a) - special.gammaln(k + 1)) @ special.expit(-4 + 0.01 * k + 0.2)
        for a in (0, 1)
    ]
    assert values(mx.decompose(fit, "a", "y"))["indirect"] == pytest.approx(chance[1] - chance[0], abs=1e-8)


@pytest.mark.parametrize("scale", ["raw", "link"])
def test_a_moved_exposure_moves_its_count(scale):
    """The exposure is a cause: twice the days, twice the count."""
    theory = mx.parse("variables:\n  a:\n  days:\n  y: {family: poisson, out_of: days}\narrows: [a -> days, a -> y]\n")
    frame = pd.DataFrame({"a": [0, 1] * 5, "days": np.arange(5, 15), "y": np.arange(10)})
    truth = {"1 -> days": 8.0, "a -> days": 4.0, "sigma(days)": 1.0, "1 -> y": -1.0, "a -> y": 0.3}
    fit = mx.pin(mx.compile(theory), mx.bind(theory, frame), truth)
    found = values(mx.estimate(fit, mx.Question(of="a", on="y", scale=scale)))["total"]
    low, high = 8 * np.exp(-1), 12 * np.exp(-0.7)
    assert found == pytest.approx(high - low if scale == "raw" else np.log(high / low), rel=1e-7)


@pytest.mark.parametrize(
    ("y", "scale", "words"),
    [
        ("poisson", "raw", "difference in the mean count of y"),
        ("exposure", "raw", "difference in the mean count of y, out of days"),
        ("beta", "raw", "difference in the mean of y"),
        ("beta", "link", "log odds ratio of the population's means of y"),
        ("binomial", "link", "log odds ratio of the population's mean shares of y"),
        ("bernoulli", "link", "difference of complementary log-logs of the population's probabilities that y = 1"),
        ("student", "standardised", "sd of y"),
    ],
)
def test_scales_are_said(y, scale, words):
    plan, data, _ = world("normal", y, "m -> y:")
    fit = mx.pin(plan, data, fixed(plan, TRUTH))
    assert words in repr(mx.estimate(fit, mx.Question(of="a", on="y", scale=scale)))


@pytest.mark.parametrize(
    ("y", "scale", "words"),
    [
        ("gamma", "standardised", "which is not normal"),
        ("trials", "link", "y is out of days, which differs among units"),
    ],
)
def test_scales_that_say_nothing_are_refused(y, scale, words):
    plan, data, _ = world("normal", y, "m -> y:")
    with pytest.raises(IdentificationError, match=words):
        mx.estimate(mx.pin(plan, data, fixed(plan, TRUTH)), mx.Question(of="a", on="y", scale=scale))


def test_the_link_of_a_binomial_is_that_of_its_share():
    plan, data, frame = world("normal", "binomial")
    found = values(mx.estimate(mx.pin(plan, data, fixed(plan, TRUTH)), mx.Question(of="a", on="y", scale="link")))
    worlds = brute("normal", "binomial", frame, np.random.default_rng(2))
    high, low = worlds[1, 1] / 9, worlds[0, 0] / 9
    error = sum(each.std() / (each.mean() * (1 - each.mean())) for each in (high, low)) / np.sqrt(N)
    assert abs(found["total"] - (special.logit(high.mean()) - special.logit(low.mean()))) < 4 * error


def test_several_mediators_by_points_agree_with_draws():
    """Four skewed mediators are too many for a grid: Sobol' points, to their own error of about 0.001."""
    names = ["gamma", "skew_normal", "beta", "weibull"]
    text = "variables:\n  a:\n" + "".join(f"  m{k}: {{{KINDS[kind]}}}\n" for k, kind in enumerate(names))
    text += "  y: {family: bernoulli}\narrows:\n  a -> m0, m1, m2, m3:\n  m0, m1, m2, m3 -> y:\n"
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"a": [0, 1] * 10, "y": rng.permutation([0, 1] * 10)})
    frame = frame.assign(**{f"m{k}": rng.uniform(0.1, 0.9, 20) for k in range(4)})
    theory = mx.parse(text)
    plan = mx.compile(theory)
    truth = dict.fromkeys(plan.parameters, 0.4)
    truth |= {name: PRECISION if "precision" in name else SPREAD for name in truth if "(" in name and "->" not in name}
    truth["skew(m1)"] = SLANT
    found = values(mx.estimate(mx.pin(plan, mx.bind(theory, frame), truth), mx.Question(of="a", on="y")))["total"]
    days = np.ones(N)
    level = []
    for a in (0, 1):
        etas = np.full(N, 0.4 + 0.4 * a)
        level.append(special.expit(0.4 + 0.4 * sum(drawn(kind, etas, days, rng) for kind in names)).mean())
    assert found == pytest.approx(level[1] - level[0], abs=2e-3)
