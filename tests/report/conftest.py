"""A small fit with the exact engine, and what is found with it."""

import numpy as np
import pandas as pd
import pytest

from mechanisms.effects.decomposition import decompose
from mechanisms.effects.diagnosis import diagnose
from mechanisms.infer.sampling import fit as fit_theory
from mechanisms.spec.reader import parse

TEXT = """
name: small
title: A theory with every sort of arrow
source: {text: Author (2000), doi: 10.1000/182}
variables:
  x: {assigned: randomised, family: bernoulli, means: Treatment}
  m, y, c, d, e, w:
arrows:
  x -> m: {because: The first reason}
  m -> y: {shape: quadratic}
  x -> y: {moderated_by: w}
  c, d, e -> m, y:
priors:
  x -> m: {normal: [0.5, 1], because: Earlier trials}
questions:
  - {of: x, on: y}
"""


@pytest.fixture(scope="session")
def small_frame():
    rng = np.random.default_rng(1)
    n = 300
    frame = pd.DataFrame({name: rng.normal(size=n) for name in "cdew"} | {"x": rng.integers(0, 2, n)})
    frame["m"] = 0.5 * frame.x + 0.3 * frame.c + rng.normal(size=n)
    frame["y"] = 0.4 * frame.m + 0.2 * frame.x * frame.w + rng.normal(size=n)
    return frame


@pytest.fixture(scope="session")
def small_fit(small_frame):
    return fit_theory(parse(TEXT), small_frame, seed=1, draws=500, engine="exact")


@pytest.fixture(scope="session")
def small_effects(small_fit):
    return decompose(small_fit, "x", "y")


@pytest.fixture(scope="session")
def small_diagnosis(small_fit):
    return diagnose(small_fit)
