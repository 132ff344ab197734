"""Responses with several linear predictors, further parameters or censoring: theories, truths and data of each kind."""

import numpy as np
import pandas as pd

import mechanisms as mx

STEPS = "values: [low, mid, high]"
CASES = {
    "ordinal": (f"family: ordinal, {STEPS}", "[x -> y, m -> y]"),
    "ordinal by probit": ("family: ordinal, link: probit, values: [low, mid, high, top]", "[x -> y, m -> y]"),
    "sequential": (f"family: sequential, {STEPS}", "[x -> y, m -> y=high]"),
    "sequential by cloglog": (f"family: sequential, link: cloglog, {STEPS}", "[x -> y, m -> y=mid]"),
    "sequential by probit": (f"family: sequential, link: probit, {STEPS}", "[x -> y, m -> y]"),
    "categorical": (f"family: categorical, {STEPS}", "[x -> y, m -> y=high]"),
    "hurdle poisson": ("family: poisson, zeros: hurdle", "[x -> y, m -> y]"),
    "hurdle negative_binomial": ("family: negative_binomial, zeros: hurdle, out_of: days", "[x -> y, m -> amount(y)]"),
    "inflated poisson": ("family: poisson, zeros: inflated", "[m -> any(y), x -> y]"),
    "inflated negative_binomial": ("family: negative_binomial, zeros: inflated", "[x -> amount(y)]"),
    "hurdle gamma": ("family: gamma, zeros: hurdle", "[m -> any(y), x -> y, x -> precision(y)]"),
    "hurdle lognormal": ("family: lognormal, zeros: hurdle", "[m -> any(y), x -> y]"),
    "normal with sigma": ("family: normal", "[m -> y, x -> sigma(y)]"),
    "beta with precision": ("family: beta", "[m -> y, x -> precision(y)]"),
    "ordered_beta": ("family: ordered_beta", "{m -> y: , x -> y: {moderated_by: m}}"),
    "censored weibull": ("family: weibull, event: ended", "[m -> y, x -> y]"),
    "censored gamma": ("family: gamma, event: ended", "[m -> y, x -> y]"),
    "censored lognormal": ("family: lognormal, event: ended", "[m -> y, x -> sigma(y)]"),
}
TRUTH = {
    "1 -> y=mid": 0.8, "1 -> y=high": -0.7, "1 -> y=top": -1.5, "1 -> any(y)": 0.6, "1 -> y=1": -1.5,
    "1 -> amount(y)": 0.7, "precision(y)": 3.0, "1 -> sigma(y)": 0.1, "1 -> precision(y)": 1.0, "sigma(y)": 0.7,
}  # fmt: skip


def study(name, n=600, seed=0, more=""):
    """A plan, data that it simulated, and the parameters behind them."""
    said, arrows = CASES[name]
    names = "  x:\n  m:\n" + ("  days:\n" if "days" in said else "")
    names += "  ended: {family: bernoulli}\n" if "ended" in said else ""
    plan = mx.compile(mx.parse(f"variables:\n{names}  y: {{{said}}}\narrows: {arrows}\n{more}"))
    rng = np.random.default_rng(seed)
    given = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "m": rng.normal(2, 1, n),
            "days": rng.integers(1, 5, n),
            "ended": np.ones(n, dtype=int),
        }
    )
    truth = {address: TRUTH.get(address, 0.3) for address in plan.parameters}
    made = mx.simulate(plan, given, truth, seed=seed + 1)
    if "ended" in said:
        end = rng.exponential(3 * made["y"].median(), n)
        made["ended"] = (made["y"] <= end).astype(int)
        made["y"] = np.minimum(made["y"], end)
    return plan, mx.bind(plan.theory, made), truth
