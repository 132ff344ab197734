"""Outcomes with zeros averaged without cells: against integrals by SciPy, against cells, and where they do not apply."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, special, stats

import mechanisms as mx
from mechanisms.effects.averages import integration, zeros

N = 60
CLOSE = 4e-9  # of the outcome's size: cubics 1/64 apart are off by 1e-9 of the curve and of the amount, in both worlds
FAMILIES = (
    "poisson, zeros: hurdle", "poisson, zeros: inflated", "negative_binomial, zeros: hurdle",
    "negative_binomial, zeros: inflated", "gamma, zeros: hurdle", "lognormal, zeros: hurdle",
)  # fmt: skip
TWO_WAYS = "  x -> m -> w -> y:\n  x, c, m -> y:\n  c -> m:\n"


def study(family):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"x": [0.0, 1.0] * 30, "c": rng.normal(1, 1, N), "g": ["u", "v", "v"] * 20, "b": [0.0, 0, 1] * 20}
    )
    frame["m"] = 0.5 * frame.x + 0.3 * frame.c + rng.normal(size=N)
    frame["w"], frame["z"] = 0.4 * frame.m + rng.normal(size=N), rng.normal(size=N)
    above = rng.gamma(2, 1, N) if family.startswith(("gamma", "lognormal")) else 1.0 + rng.poisson(2, N)
    return frame.assign(y=np.where(rng.random(N) < 0.5, 0.0, above))


def pose(arrows, frame, draws, **families):
    """Fits of made-up values, one for each draw, so that nothing has to be sampled."""
    families = {"g": "categorical, values: [u, v]"} | families
    known = ", ".join(
        f"{name}: {{family: {families[name]}}}" if name in families else f"{name}: " for name in "xcmwyzgb"
    )
    theory = mx.parse(f"variables: {{{known}}}\narrows:\n{arrows}")
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    rng = np.random.default_rng(1)
    centre = {name: 0.7 if name.startswith("sigma") else rng.normal(0, 0.4) for name in plan.parameters}
    centre |= {name: 1.5 for name in plan.parameters if name.startswith("precision")}
    values = [{name: value * (1 + 0.05 * rng.normal()) for name, value in centre.items()} for _ in range(draws)]
    return [mx.pin(plan, data, each) for each in values]


def together(fits):
    """The same draws as one fit."""
    posterior = xr.concat([each.idata["posterior"].to_dataset() for each in fits], dim="draw")
    return replace(fits[0], idata=xr.DataTree.from_dict({"posterior": posterior}))


def both_ways(monkeypatch, fit, question):
    """The draws without cells and with them."""
    found = []
    for many in (1, np.inf):
        monkeypatch.setattr(zeros, "MANY", many)
        found.append(np.concatenate([row.draws.ravel() for row in mx.estimate(fit, question).rows]))
    return found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("on", ["y", "any(y)", "amount(y)"])
def test_the_answers_are_those_of_cells(family, on, monkeypatch):
    """Two mediators whose noise reaches both predictors, and one world against the other."""
    fit = together(pose(TWO_WAYS, study(family), draws=4, y=family))
    for kind in ("total", "indirect"):
        question = mx.Question(of="x", on=on, kind=kind)
        found, wanted = both_ways(monkeypatch, fit, question)
        np.testing.assert_allclose(found, wanted, atol=CLOSE * 3)


def count(mean):
    return mean / -np.expm1(-mean)


@pytest.mark.parametrize("noise", [0.0, 0.4, 1.5, 4.0])
def test_a_hurdle_is_integrated_over_a_mediators_noise(noise, monkeypatch):
    """E[expit(η₁) · E[y | y > 0]] over m by SciPy's quadrature, row by row: from no noise to far more than counts have."""
    frame = study(FAMILIES[0])
    (fit,) = pose("  x -> m -> y:\n  x, c -> y:\n  c -> m:\n", frame, draws=1, y=FAMILIES[0])
    b = dict.fromkeys(fit.plan.parameters, 0.4) | {
        "sigma(m)": max(noise, 1e-9),
        "m -> amount(y)": 0.5,
        "m -> any(y)": 0.9,
    }
    fit = mx.pin(fit.plan, fit.data, b)
    monkeypatch.setattr(zeros, "MANY", 1)
    found = float(mx.estimate(fit, mx.Question(of="x", on="y")).rows[0].draws.item())

    def mean(x, c):
        def inside(z):
            m = b["1 -> m"] + b["x -> m"] * x + b["c -> m"] * c + b["sigma(m)"] * z
            some = b["1 -> any(y)"] + b["x -> any(y)"] * x + b["c -> any(y)"] * c + b["m -> any(y)"] * m
            much = b["1 -> amount(y)"] + b["x -> amount(y)"] * x + b["c -> amount(y)"] * c + b["m -> amount(y)"] * m
            return special.expit(some) * count(np.exp(much)) * stats.norm.pdf(z)

        return integrate.quad(inside, -14, 14, epsabs=0, epsrel=1e-11, limit=400)[0]

    levels = [np.mean([mean(x, c) for c in frame["c"]]) for x in (0.0, 1.0)]
    assert found == pytest.approx(levels[1] - levels[0], abs=CLOSE * levels[1])


@pytest.mark.parametrize(
    ("arrows", "families"),
    [
        ("  x -> m -> y:\n  m -> y: {moderated_by: [w]}\n  x -> w:\n", {}),
        ("  x -> b -> y:\n  c -> y:\n", {"b": "bernoulli"}),
        ("  x, c -> m:\n  m -> y: {shape: quadratic}\n", {}),
    ],
)
def test_products_of_noise_and_other_mediators_are_left_to_cells(arrows, families, monkeypatch):
    """What has no normal noise in straight predictors: the new way says so, and the answer is that of cells."""
    frame = study(FAMILIES[0])
    arrows = arrows.replace("  m -> y: {moderated_by: [w]}", "  w -> y: {moderated_by: [m]}").replace(
        "x -> m -> y", "x -> m"
    )
    fit = together(pose(arrows, frame, draws=2, y=FAMILIES[0], **families))
    said = []
    real = zeros.average_zeros
    monkeypatch.setattr(zeros, "MANY", 1)
    monkeypatch.setattr(integration, "average_zeros", lambda *given: said.append(real(*given)) or said[-1])
    mx.estimate(fit, mx.Question(of="x", on="y"))
    assert said
    assert all(each is None for each in said)
