"""Averages over mediators' values in machine code: those over cells again, closed sums by SciPy, and where they do not apply."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, special, stats

import mechanisms as mx
from mechanisms.effects.averages import integration, outlines, weighing, zeros

N = 90
CLOSE = 4e-9  # cubics between nodes 1/64 apart, in both worlds
HURDLE = "negative_binomial, zeros: hurdle"


def study(seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.integers(0, 2, N) * 1.0, "c": rng.normal(0, 1, N), "w": rng.normal(0, 1, N)})
    frame = frame.assign(m=0.5 * frame.x + rng.normal(size=N), q=rng.normal(size=N), b=rng.integers(0, 2, N))
    frame = frame.assign(d=rng.integers(0, 2, N), k=rng.poisson(2, N), y=rng.integers(0, 2, N), z=rng.normal(size=N))
    return frame.assign(h=np.where(rng.random(N) < 0.5, 0, 1 + rng.poisson(2, N)), r=1 + rng.gamma(2, 1, N))


def pose(arrows, draws=5, **families):
    """A fit of made-up draws, so that nothing has to be sampled."""
    known = {"b": "bernoulli", "d": "bernoulli", "k": "poisson", "y": "bernoulli", "h": HURDLE, "r": "gamma"} | families
    said = ", ".join(f"{name}: {{family: {known[name]}}}" if name in known else f"{name}: " for name in "xcwmqbdkyzhr")
    theory = mx.parse(f"variables: {{{said}}}\narrows:\n{arrows}")
    plan, data = mx.compile(theory), mx.bind(theory, study())
    rng = np.random.default_rng(1)
    centre = {name: rng.normal(0, 0.35) for name in plan.parameters}
    centre |= {name: 0.8 if name.startswith("sigma") else 1.7 for name in centre if name.startswith(("sigma", "prec"))}
    fits = [
        mx.pin(plan, data, {name: value * (1 + 0.05 * rng.normal()) for name, value in centre.items()})
        for _ in range(draws)
    ]
    posterior = xr.concat([each.idata["posterior"].to_dataset() for each in fits], dim="draw")
    return replace(fits[0], idata=xr.DataTree.from_dict({"posterior": posterior}))


def both_ways(monkeypatch, fit, on):
    """The rows in machine code and over cells, and how many worlds took the first."""
    found, taken, average = [], [], weighing._average

    def watched(*given):
        taken.append(average(*given))
        return taken[-1]

    monkeypatch.setattr(weighing, "_average", watched)
    for module in (outlines, zeros):
        monkeypatch.setattr(module, "MANY", np.inf)
    for many in (1, np.inf):
        monkeypatch.setattr(weighing, "MANY", many)
        found.append(mx.decompose(fit, "x", on).rows)
    return *found, [each for each in taken if each is not None]


CASES = {
    "a 0/1 mediator": ("  x, c -> b:\n  b, x, c -> y:\n", "y", {}),
    "its probit, and a cloglog": ("  x, c -> b:\n  b, x, c -> y:\n", "y", {
        "b": "bernoulli, link: probit", "y": "bernoulli, link: cloglog"}),
    "its cloglog, and a probit": ("  x, c -> b:\n  b, x, c -> y:\n", "y", {
        "b": "bernoulli, link: cloglog", "y": "bernoulli, link: probit"}),
    "two 0/1 mediators in a row": ("  x, c -> b -> d -> y:\n  b -> y: {moderated_by: [d, c]}\n", "y", {}),
    "a 0/1 mediator and a product, linear": ("  x, c -> b:\n  b -> z: {moderated_by: [c]}\n  x -> z:\n", "z", {}),
    "a count": ("  x, c -> k:\n  k, x, c -> y:\n", "y", {}),
    "a count that scatters": ("  x, c -> k:\n  k, x, c -> y:\n", "y", {"k": "negative_binomial"}),
    "a count behind a 0/1 mediator": ("  x, c -> b -> k -> y:\n  b, c -> y:\n", "y", {}),
    "noise that differs between rows": ("  x, c -> m:\n  m -> y: {moderated_by: [c]}\n  c -> y:\n", "y", {}),
    "such noise, cloglog": ("  x, c -> m:\n  m -> y: {moderated_by: [c]}\n", "y", {"y": "bernoulli, link: cloglog"}),
    "such noise beside a 0/1 mediator": ("  x, c -> m, b:\n  m -> y: {moderated_by: [c]}\n  b, c -> y:\n", "y", {}),
    "a mediator with long tails": ("  x, c -> m:\n  m, c -> y:\n", "y", {"m": "student"}),
    "a hurdle behind a 0/1 mediator": ("  x, c -> b:\n  b, x, c -> h:\n", "h", {}),
    "any": ("  x, c -> b:\n  b, x, c -> h:\n", "any(h)", {}),
    "amount": ("  x, c -> b:\n  b, x, c -> h:\n", "amount(h)", {}),
    "a hurdle behind a count": ("  x, c -> k:\n  k, x, c -> h:\n", "h", {}),
    "a hurdle and noise that differs": ("  x, c -> m:\n  m -> h: {moderated_by: [c]}\n  x -> h:\n", "h", {}),
    "excess zeros": ("  x, c -> b:\n  b, x, c -> h:\n", "h", {"h": "poisson, zeros: inflated"}),
    "an amount behind a normal and a 0/1 mediator": ("  x, c -> m, b:\n  m, b, c -> r:\n", "r", {}),
    "a lognormal amount": ("  x, c -> b:\n  b, c -> r:\n", "r", {"r": "lognormal"}),
    "a weibull amount": ("  x, c -> b:\n  b, c -> r:\n", "r", {"r": "weibull"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_answers_are_those_of_cells(case, monkeypatch):
    arrows, on, families = CASES[case]
    found, wanted, taken = both_ways(monkeypatch, pose(arrows, **families), on)
    assert taken
    assert [row.label for row in found] == [row.label for row in wanted]
    size = max(1.0, *(float(np.abs(each).max()) for each in taken))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.draws, other.draws, rtol=0, atol=CLOSE * size)


LEFT = {
    "a curve of a mediator": ("  x, c -> m:\n  m -> y: {shape: quadratic}\n  c -> y:\n", {}),
    "three mediators": ("  x, c -> b, d, k -> y:\n", {}),
    "noise that another mediator changes": ("  x, c -> m, q:\n  m -> y: {moderated_by: [q]}\n  x -> y:\n", {}),
    "a skewed mediator": ("  x, c -> m:\n  m, c -> y:\n", {"m": "skew_normal"}),
    "a count with excess zeros": ("  x, c -> k:\n  k, c -> y:\n", {"k": "poisson, zeros: inflated"}),
    "probits of noise that differs": ("  x, c -> m:\n  m -> y: {moderated_by: [c]}\n", {"y": "bernoulli, link: probit"}),
}  # fmt: skip


@pytest.mark.parametrize("case", LEFT)
def test_what_is_no_such_sum_is_left_to_cells(case, monkeypatch):
    arrows, families = LEFT[case]
    found, wanted, taken = both_ways(monkeypatch, pose(arrows, 2, **families), "y")
    assert not taken
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one.draws, other.draws)


def test_a_count_is_summed_over(monkeypatch):
    """Σ P(k) expit(η + β k) by SciPy's masses, row by row."""
    monkeypatch.setattr(weighing, "MANY", 1)
    fit, frame = pose("  x, c -> k:\n  k, x, c -> y:\n", draws=1), study()
    b = {name: values.item() for name, values in fit.parameters.items()}

    def mean(x):
        ks = np.arange(200)[:, None]
        shares = stats.poisson.pmf(ks, np.exp(b["1 -> k"] + b["x -> k"] * x + b["c -> k"] * frame.c.to_numpy()))
        eta = b["1 -> y"] + b["k -> y"] * ks + b["x -> y"] * x + b["c -> y"] * frame.c.to_numpy()
        return (shares * special.expit(eta)).sum(axis=0).mean()

    found = mx.estimate(fit, mx.Question(of="x", on="y")).rows[0].draws.item()
    assert found == pytest.approx(mean(1) - mean(0), abs=CLOSE)


def test_a_hurdle_behind_a_product_is_integrated(monkeypatch):
    """E[expit(η₁) E[y | y > 0]] over two normal mediators and their product, by Gauss-Hermite in both, row by row."""
    monkeypatch.setattr(weighing, "MANY", 1)
    fit, frame = pose("  x, c -> m, q:\n  m -> h: {moderated_by: [q]}\n", draws=1), study().head(N)
    b = {name: values.item() for name, values in fit.parameters.items()}
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()

    def mean(x):
        m, q = (
            b[f"1 -> {name}"] + b[f"x -> {name}"] * x + b[f"c -> {name}"] * frame.c.to_numpy()[:, None, None]
            + b[f"sigma({name})"] * noise
            for name, noise in (("m", nodes[:, None]), ("q", nodes[None, :]))
        )  # fmt: skip
        some, much = (
            b[f"1 -> {part}(h)"]
            + b[f"m -> {part}(h)"] * m
            + b[f"q -> {part}(h)"] * q
            + b[f"m * q -> {part}(h)"] * m * q
            for part in ("any", "amount")
        )
        size = b["precision(h)"]
        above = np.exp(much) / -np.expm1(-size * np.log1p(np.exp(much) / size))
        return np.einsum("rij,i,j->r", special.expit(some) * above, weights, weights).mean()

    found = mx.estimate(fit, mx.Question(of="x", on="h")).rows[0].draws.item()
    assert found == pytest.approx(mean(1) - mean(0), abs=1e-6 * mean(1))  # what the grid is refined to


def test_noise_that_differs_is_integrated(monkeypatch):
    monkeypatch.setattr(weighing, "MANY", 1)
    fit, frame = pose("  x, c -> m:\n  m -> y: {moderated_by: [c]}\n  c -> y:\n", draws=1), study()
    b = {name: values.item() for name, values in fit.parameters.items()}

    def mean(x, c):
        slope = b["m -> y"] + b["m * c -> y"] * c
        middle = b["1 -> y"] + b["c -> y"] * c + slope * (b["1 -> m"] + b["x -> m"] * x + b["c -> m"] * c)
        spread = abs(slope) * b["sigma(m)"]
        return integrate.quad(lambda z: special.expit(middle + spread * z) * stats.norm.pdf(z), -12, 12, epsabs=1e-12)[
            0
        ]

    gaps = [mean(1, c) - mean(0, c) for c in frame.c]
    found = mx.estimate(fit, mx.Question(of="x", on="y")).rows[0].draws.item()
    assert found == pytest.approx(np.mean(gaps), abs=2.6e-7)  # 11 nodes where sds are below 1, as over cells


def test_counts_too_wide_to_sum_go_to_cells_and_wide_ones_are_widened(monkeypatch):
    """A mean of e⁵ needs some 230 terms, which is found out; one of e⁶ has no probability of 0 that is a number."""
    for level in (5.0, 6.0):
        fit = pose("  x, c -> k:\n  k, c -> y:\n", draws=1)
        numbers = {name: values.item() for name, values in fit.parameters.items()}
        numbers |= {"1 -> k": level, "c -> k": 0.01, "x -> k": 0.1, "k -> y": 0.01, "1 -> y": -1.0}
        found, wanted, taken = both_ways(monkeypatch, mx.pin(fit.plan, fit.data, numbers), "y")
        assert bool(taken) == (level < 5.5)
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one.draws, other.draws, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("on", ["y", "h"])
def test_a_moderator_that_is_put_at_a_value_takes_no_cells(on, monkeypatch):
    """A column with one value is a number: curves along a moderator of the step into the outcome are tabulated."""
    fit = pose(f"  x, c -> m:\n  m -> {on}: {{moderated_by: [w]}}\n  x, c -> {on}:\n")
    question = mx.Question(of="x", on=on, kind="indirect")
    wanted = mx.moderate(fit, question, by={"w": [-1, 0, 1]})
    for module in (outlines, zeros, weighing):
        monkeypatch.setattr(module, "MANY", 1)
    pieces = []
    monkeypatch.setattr(integration, "_piece", lambda *given: pieces.append(given))
    found = mx.moderate(fit, question, by={"w": [-1, 0, 1]})
    assert not pieces
    for one, other in zip(found.effects.rows, wanted.effects.rows, strict=True):
        np.testing.assert_allclose(one.draws, other.draws, rtol=0, atol=1e-7)
