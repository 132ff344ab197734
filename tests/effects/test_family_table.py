"""Every family as a mediator and as an outcome, straight and bent, against sums and integrals written out here.

A mediator's distribution is SciPy's, with parameters put in by hand, summed over its values or integrated by Gauss and
Legendre; an outcome's mean or probability is its formula. Nothing of the package's laws is used.
"""

from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import betaln, expit, gamma, log_expit, ndtr, softmax
from small_worlds import values

import mechanisms as mx
from mechanisms.errors import IdentificationError

VALUES = ("lo", "mid", "hi")
NAMES = "values: [lo, mid, hi]"
FAMILIES = {
    "normal": "family: normal", "student": "family: student", "bernoulli": "family: bernoulli, link: cloglog",
    "ordinal": f"family: ordinal, {NAMES}", "probit": f"family: ordinal, link: probit, {NAMES}",
    "sequential": f"family: sequential, {NAMES}", "categorical": f"family: categorical, {NAMES}",
    "poisson": "family: poisson", "negbin": "family: negative_binomial",
    "inflated_poisson": "family: poisson, zeros: inflated", "inflated_negbin": "family: negative_binomial, zeros: inflated",
    "hurdle_poisson": "family: poisson, zeros: hurdle", "hurdle_negbin": "family: negative_binomial, zeros: hurdle",
    "gamma": "family: gamma", "hurdle_gamma": "family: gamma, zeros: hurdle",
    "lognormal": "family: lognormal", "hurdle_lognormal": "family: lognormal, zeros: hurdle",
    "weibull": "family: weibull", "beta": "family: beta", "ordered_beta": "family: ordered_beta",
}  # fmt: skip
STEPPED = ("ordinal", "probit", "sequential", "categorical")
SPREAD, PRECISION = 0.8, 2.5
LOW, HIGH = 0.0, 1.5
COVARIATES = (-0.8, 0.1, 1.1)

START = {"own": 0.3, "any": 0.9, "amount": 0.4, "=mid": 0.8, "=hi": -0.5, "=1": -1.1}  # intercepts
SHARE = {"own": 1.0, "any": 0.7, "amount": 0.9, "=mid": 1.2, "=hi": -0.6}  # what multiplies the slopes into a part
SLOPES = {
    "m": {"x": 0.5, "x^2": -0.15, "c": -0.3},
    "y": {"x": 0.35, "x^2": -0.1, "c": 0.2, "m": -0.12, "m^2": -0.03, "m=mid": 0.5, "m=hi": -0.4, "m * x": 0.05,
          "m=mid * x": 0.3, "m=hi * x": -0.2},
}  # fmt: skip


def part_of(target):
    """Which linear predictor an address points at."""
    for spread in ("any", "amount"):
        if target.startswith(spread):
            return spread
    return "=" + target.partition("=")[2] if "=" in target else "own"


def stated(address):
    """A parameter's value, whatever the plan's addresses are."""
    if "->" not in address:
        return PRECISION if address.startswith("precision") else SPREAD
    cause, _, target = address.partition(" -> ")
    part, letter = part_of(target), target.replace("any(", "").replace("amount(", "")[0]
    return START[part] if cause == "1" else SHARE[part] * SLOPES[letter][cause]


def columns(family, rng, n):
    """Some data that the family may have; no number depends on them."""
    if family in STEPPED:
        return rng.permutation(np.resize(VALUES, n))
    if family == "bernoulli":
        return rng.permutation(np.resize([0, 1], n))
    some = rng.permutation(np.resize([0.0, 0.0, 1.0, 2.0, 3.0, 5.0], n))
    if "poisson" in family or "negbin" in family:
        return some
    if family in ("beta", "ordered_beta"):
        return np.clip(rng.uniform(0.1, 0.9, n) + (some == 5) * (family == "ordered_beta"), 0, 1)
    return rng.uniform(0.5, 3, n) * (some > 0) if family.startswith("hurdle") else rng.uniform(0.5, 3, n)


def fitted(mediator, outcome, bent):
    """A theory with the two, pinned."""
    curve = " {shape: quadratic}" if bent else ""
    into = " {moderated_by: x}" if not bent else curve if mediator not in STEPPED else ""
    theory = mx.parse(
        f"variables:\n  x:\n  c:\n  m: {{{FAMILIES[mediator]}}}\n  y: {{{FAMILIES[outcome]}}}\n"
        f"arrows:\n  x -> m, y:{curve}\n  c -> m, y:\n  m -> y:{into}\n"
    )
    rng, n = np.random.default_rng(1), 30
    frame = pd.DataFrame({"x": rng.normal(0.7, 1, n), "c": np.resize(COVARIATES, n)})
    frame = frame.assign(m=columns(mediator, rng, n), y=columns(outcome, rng, n))
    plan = mx.compile(theory)
    return mx.pin(plan, mx.bind(theory, frame), {each: stated(each) for each in plan.parameters})


@cache
def gauss_legendre(size):
    return np.polynomial.legendre.leggauss(size)


def nodes(law, transform, slope, low, high, size=1500):
    """Values and weights of a continuous law: Gauss and Legendre on a scale on which it has no corners."""
    u, w = gauss_legendre(size)
    u, w = (low + high) / 2 + (high - low) / 2 * u, (high - low) / 2 * w
    return transform(u), w * slope(u) * (1.0 if law is None else law.pdf(transform(u)))


def positive(law):
    return nodes(law, np.exp, np.exp, -16, 7)


def steps(family, eta):
    """The probabilities of lo, mid, hi."""
    link = ndtr if family == "probit" else expit
    mid, hi = link(eta["=mid"]), link(eta["=hi"])
    if family == "sequential":
        return [1 - mid, mid * (1 - hi), mid * hi]
    if family == "categorical":
        return list(softmax([np.zeros_like(eta["=mid"]), eta["=mid"], eta["=hi"]], axis=0))
    return [1 - mid, mid - hi, hi]


def with_zeros(family, some, at, weight):
    """A law with zeros beside it; counts begin at 0."""
    if family.startswith("inflated"):
        return at, some * weight + (1 - some) * (at == 0)
    if at[0] == 0:
        return at, np.where(at == 0, 1 - some, some * weight / weight[1:].sum())
    return np.append(0.0, at), np.append(1 - some, some * weight)


def spread_out(family, eta):
    """The mediator's values and their probabilities; of a category its position."""
    if family in STEPPED:
        return np.arange(3), np.array(steps(family, eta))
    own, base, counts = eta.get("own", eta.get("amount")), family.rpartition("_")[2], np.arange(400.0)
    mean = np.exp(own)
    if base == "normal":
        return nodes(stats.norm(own, SPREAD), lambda u: u, np.ones_like, own - 9 * SPREAD, own + 9 * SPREAD)
    if base == "student":
        return nodes(stats.t(4, own, SPREAD), np.sinh, np.cosh, -16, 16, 1500)
    if base == "bernoulli":
        return np.arange(2.0), np.array([np.exp(-mean), 1 - np.exp(-mean)])
    if family in ("beta", "ordered_beta"):
        a, b = expit(own) * PRECISION, expit(-own) * PRECISION
        at, weight = nodes(None, expit, lambda u: np.exp(a * log_expit(u) + b * log_expit(-u) - betaln(a, b)), -50, 50)
        if family == "beta":
            return at, weight
        some, top = expit(eta["any"]), expit(eta["=1"])
        return np.append([0.0, 1.0], at), np.append([1 - some, top], (some - top) * weight)
    at, weight = {
        "poisson": lambda: (counts, stats.poisson(mean).pmf(counts)),
        "negbin": lambda: (counts, stats.nbinom(PRECISION, PRECISION / (PRECISION + mean)).pmf(counts)),
        "gamma": lambda: positive(stats.gamma(PRECISION, scale=mean / PRECISION)),
        "lognormal": lambda: positive(stats.lognorm(SPREAD, scale=mean)),
        "weibull": lambda: positive(stats.weibull_min(PRECISION, scale=mean / gamma(1 + 1 / PRECISION))),
    }[base]()  # fmt: skip
    return with_zeros(family, expit(eta["any"]), at, weight) if "any" in eta else (at, weight)


def looked_at(family, eta):
    """What an outcome's rows are about, by the end of their labels."""
    if family in STEPPED:
        return dict(zip(VALUES, steps(family, eta), strict=True))
    own = eta.get("own", eta.get("amount"))
    if family in ("normal", "student"):
        return {"": own}
    with np.errstate(over="ignore"):
        mean = np.exp(own)
    if family == "bernoulli":
        found = -np.expm1(-mean)
    elif family == "beta":
        found = expit(own)
    elif family == "ordered_beta":
        found = expit(eta["=1"]) + (expit(eta["any"]) - expit(eta["=1"])) * expit(own)
    else:
        found = mean * (np.exp(SPREAD**2 / 2) if family.endswith("lognormal") else 1)
        found = np.maximum(found, 1e-300)  # what is above 0 of a count with next to no mean is 1
        if family in ("hurdle_poisson", "hurdle_negbin"):
            found = found / -np.expm1(
                -found if family == "hurdle_poisson" else -PRECISION * np.log1p(found / PRECISION)
            )
        found = found * (expit(eta["any"]) if "any" in eta else 1)
    return {"": found}


def predictors(family):
    """The parts of a family, and how the slopes into each are named in `SHARE`."""
    if family in STEPPED:
        return {
            "=mid": "=mid" if family == "categorical" else "own",
            "=hi": "=hi" if family == "categorical" else "own",
        }
    if family == "ordered_beta":
        return {"own": "own", "any": "own", "=1": "own"}
    return {"any": "any", "amount": "amount"} if "_" in family else {"own": "own"}


def etas(name, family, terms):
    """Linear predictors from the products that are not intercepts."""
    return {
        part: START[part] + SHARE[share] * sum(SLOPES[name][cause] * value for cause, value in terms.items())
        for part, share in predictors(family).items()
    }


@cache
def law(mediator, bent, star, c):
    """The mediator's distribution where the exposure is `star`."""
    at, weight = spread_out(mediator, etas("m", mediator, {"x": star, "x^2": star**2 if bent else 0.0, "c": c}))
    assert weight.sum() == pytest.approx(1, abs=1e-8)
    return at, weight


def mean(mediator, outcome, bent, x, star):
    """E[Y(x, M(star))] averaged over the covariate, for each row that the outcome has."""
    total = {}
    for c in COVARIATES:
        at, weight = law(mediator, bent, star, c)
        terms = {"x": x, "x^2": x**2 if bent else 0.0, "c": c}
        if mediator in STEPPED:
            terms |= {f"m={value}": at == k for k, value in enumerate(VALUES) if k}
            terms |= {} if bent else {f"m={value} * x": (at == k) * x for k, value in enumerate(VALUES) if k}
        else:
            terms |= {"m": at, "m^2": at**2} if bent else {"m": at, "m * x": at * x}
        for value, quantity in looked_at(outcome, etas("y", outcome, terms)).items():
            total[value] = total.get(value, 0.0) + float(quantity @ weight) / len(COVARIATES)
    return total


LOGS = [name for name in FAMILIES if name.rpartition("_")[2] in ("poisson", "negbin", "gamma", "lognormal", "weibull")]
ENDLESS = [(m, y) for m, y in product(["student"], LOGS)]  # straight: exp(b m) of a student has no mean
TABLE = [
    (m, y, bent)
    for m, y, bent in product(FAMILIES, FAMILIES, (False, True))
    if (m != "bernoulli" if bent else (m, y) not in ENDLESS)
]


@pytest.mark.parametrize(("mediator", "outcome", "bent"), TABLE)
def test_table(mediator, outcome, bent):
    found = values(mx.decompose(fitted(mediator, outcome, bent), "x", "y", contrast=(LOW, HIGH)))
    worlds = {(x, star): mean(mediator, outcome, bent, x, star) for x, star in product((LOW, HIGH), repeat=2)}
    parts = {"total": ((HIGH, HIGH), (LOW, LOW)), "direct": ((HIGH, LOW), (LOW, LOW)), "indirect": ((HIGH, HIGH), (HIGH, LOW)),
             "total direct": ((HIGH, HIGH), (LOW, HIGH)), "pure indirect": ((LOW, HIGH), (LOW, LOW))}  # fmt: skip
    for value in worlds[LOW, LOW]:
        end = f" [y={value}]" if value else ""
        size = max(1.0, *(abs(world[value]) for world in worlds.values()))
        for label, (one, other) in parts.items():
            if f"{label}{end}" in found or label in ("total", "direct", "indirect"):
                expected = worlds[one][value] - worlds[other][value]
                assert found[f"{label}{end}"] == pytest.approx(expected, abs=4e-6 * size), (label, value)


@pytest.mark.parametrize(("mediator", "outcome"), ENDLESS)
def test_no_mean(mediator, outcome):
    with pytest.raises(IdentificationError, match="may not exist"):
        mx.decompose(fitted(mediator, outcome, False), "x", "y", contrast=(LOW, HIGH))
