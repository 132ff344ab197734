"""Models of the same structure on other data, and what PyMC says of them: for the tests of what is compiled once."""

import numpy as np
import pandas as pd
import pytensor
from parts_worlds import study
from pytensor.compile.mode import Mode

import mechanisms as mx
from mechanisms.model.symbolic import to_pymc

PLAIN = Mode(linker="py", optimizer="fast_compile")

BENT = "arrows:\n  x -> y: {shape: logistic}\n  z -> y:\n"
CHAIN = "variables:\n  x, z, m:\n  y: {}\narrows:\n  x -> m -> y:\n  x -> y:\n  z -> m, y:\n"
COUNTS = "variables:\n  x, z:\n  y: {family: negative_binomial}\narrows:\n  x -> y: {shape: {spline: 4}}\n  z -> y:\n"
STEEP = BENT + "priors:\n  z -> y: {student: [3, 0, 0.7]}\n  x -> y: {normal: [0.2, 0.4], above: 0}\n"
DIARY = """
levels: [day, person]
time: day
variables: {x: , m: , y: {family: bernoulli}}
arrows:
  x -> m -> y: {varies_by: person}
  x(t-1) -> m:
"""


def rows(seed: int, n: int = 30) -> pd.DataFrame:
    """People; another seed gives other means, scales and values."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(1 + seed, 1 + seed, n), "z": rng.normal(seed, 0.7, n)})
    frame["m"] = 0.3 * frame.x + rng.normal(0, 1 + seed / 3, n)
    return frame.assign(y=rng.poisson(2 + seed, n))


def gaps(seed: int, n: int = 30) -> pd.DataFrame:
    """As many values missing at other people."""
    frame = rows(seed, n)
    frame.loc[np.random.default_rng(seed).choice(n, 5, replace=False), "m"] = np.nan
    return frame


def days(seed: int) -> pd.DataFrame:
    """Twelve people on seven days; so much alike in all that the same deviations are centred."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame([(p, t) for p in range(12) for t in range(7)], columns=["person", "day"])
    frame["x"] = rng.normal(seed, 1, len(frame)) + np.linspace(-4, 4, 12)[frame.person]
    frame["m"] = 0.5 * frame.x + rng.normal(size=len(frame))
    return frame.assign(y=rng.integers(0, 2, len(frame)))


def model_of(text: str, frame: pd.DataFrame):
    """The model, and the names of all that a draw may keep."""
    plan = mx.compile(mx.parse(text))
    model = to_pymc(plan, mx.bind(plan.theory, frame))
    return model, [each.name for each in (*model.free_RVs, *model.deterministics)]


def model_of_parts(name: str, seed: int):
    """The same of a response with several linear predictors."""
    plan, data, _ = study(name, n=50, seed=seed)
    model = to_pymc(plan, data)
    return model, [each.name for each in (*model.free_RVs, *model.deterministics)]


def somewhere(model):
    """A point near where chains begin."""
    rng, start = np.random.default_rng(7), model.initial_point()
    return [start[each.name] + 0.3 * rng.normal(size=np.shape(start[each.name])) for each in model.value_vars]


def say(model, kept, point):
    """The model's density and what is kept, by PyMC."""
    named = {each.name: each for each in model.unobserved_value_vars}
    return pytensor.function(model.value_vars, [model.logp(), *(named[name] for name in kept)], mode=PLAIN)(*point)
