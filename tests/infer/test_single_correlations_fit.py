"""Fits with priors on single correlations, against the fit without them, reweighted; densities that are partly sampled; who refuses.

The density where all is integrated out is held against PyMC's in `test_collapsed`.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_collapsed import BELIEVED, VAR, Z, believed, call_native, panel
from test_collapsed import prepared as integrated
from test_partial import CORRELATED, prepared, small_pair

import mechanisms as mx
from mechanisms.infer.engines import laplace
from mechanisms.infer.marginal.joint import slope
from mechanisms.infer.marginal.tapes.native_program import bind_program
from mechanisms.infer.marginal.units.native_units import bind_units
from mechanisms.infer.marginal.unpacking import read_parameters

PRIORS = """
priors:
  y(client) <-> u(client): {normal: [-0.3, 0.2]}
  y <-> u: {student: [4, 0.3, 0.1]}
"""


def test_a_density_that_is_partly_sampled_is_multiplied_by_them():
    """With the priors, less without: SciPy's densities of the correlations at the same point."""
    frame = small_pair(3)
    plan, _, said = prepared(CORRELATED + PRIORS, frame)
    _, _, unsaid = prepared(CORRELATED, frame)
    assert said.size == unsaid.size
    names, rng = said.coordinates.roots["client"].names, np.random.default_rng(2)
    found = []
    for _ in range(4):
        q = rng.normal(0, 0.5, said.size)
        values, matrices, _, _ = read_parameters(plan, said.coordinates, q[None, None, : said.coordinates.size])
        r = matrices["client"][0, 0, names.index("1 -> y"), names.index("1 -> u")]
        expected = stats.norm(-0.3, 0.2).logpdf(r) + stats.t(4, 0.3, 0.1).logpdf(values["y <-> u"][0, 0])
        found.append(slope(said, q)[0] - slope(unsaid, q)[0] - expected)
    assert np.ptp(found) < 1e-9


def test_the_gradient_of_a_density_that_is_partly_sampled_has_theirs():
    _, _, made = prepared(CORRELATED + PRIORS, small_pair(3))
    q, width = np.random.default_rng(2).normal(0, 0.3, made.size), 1e-5
    gradient = slope(made, q)[1]
    chosen = np.unique(np.concatenate([root.places for root in made.coordinates.roots.values()]))
    steps = width * np.eye(made.size)[chosen]
    by_hand = np.array([(slope(made, q + step)[0] - slope(made, q - step)[0]) / (2 * width) for step in steps])
    np.testing.assert_allclose(gradient[chosen], by_hand, atol=1e-5 * np.abs(by_hand).max())


def test_the_c_functions_read_them():
    """The arrays that say what is believed stand among those that the sampler's functions read by their number."""
    _, _, density = integrated(BELIEVED, believed(4, 5))
    centre = np.random.default_rng(1).normal(0, 0.3, density.coordinates.size)
    native = bind_units(centre, np.eye(len(centre)), density.coordinates.chart, density.layout)
    value, gradient, _ = call_native(native, np.zeros(len(centre)))
    assert value == pytest.approx(density.at(centre[None])[0], rel=1e-12)
    np.testing.assert_allclose(gradient, density.slope(centre)[1], rtol=1e-9)
    _, _, made = prepared(CORRELATED + PRIORS, small_pair(3))
    centre = np.random.default_rng(1).normal(0, 0.3, made.size)
    native = bind_program(centre, np.ones(made.size), made.coordinates.chart, made.program, 1)
    value, gradient, _ = call_native(native, np.zeros(made.size))
    assert value == pytest.approx(slope(made, centre)[0], rel=1e-12)
    np.testing.assert_allclose(gradient, slope(made, centre)[1], rtol=1e-9)


def test_a_fit_is_the_fit_without_them_reweighted():
    """Posterior means of the correlations and of a coefficient: draws without the priors, weighted by the priors."""
    frame = panel(7, 40, 4, 6)
    text = VAR + "  x <-> y:\n"
    said = mx.parse(
        text + "priors:\n  x(client) <-> y(client): {normal: [-0.4, 0.25]}\n  x <-> y: {normal: [0.2, 0.1]}\n"
    )
    unsaid = mx.fit(mx.parse(text), frame, seed=1, draws=4000, engine="collapsed")
    fit = mx.fit(said, frame, seed=2, draws=2000, engine="collapsed")

    def read(one):
        course = one.draws["cor(client)"].values[..., 0, 1].ravel()
        return {"course": course} | {name: one.draws[name].values.ravel() for name in ("x <-> y", "x(t-1) -> y")}

    before, after = read(unsaid), read(fit)
    weights = stats.norm(-0.4, 0.25).pdf(before["course"]) * stats.norm(0.2, 0.1).pdf(before["x <-> y"])
    weights /= weights.sum()
    assert 1 / (weights**2).sum() > 1000
    for name, values in after.items():
        mean = weights @ before[name]
        error = np.hypot(np.sqrt(weights**2 @ (before[name] - mean) ** 2), values.std() / np.sqrt(len(values)))
        assert abs(values.mean() - mean) < Z * error, name
        spread = np.sqrt(weights @ (before[name] - mean) ** 2)
        assert values.std() == pytest.approx(spread, rel=Z * np.sqrt((weights**2).sum())), name
    moved = before["course"].mean() - after["course"].mean()
    assert moved > 10 * before["course"].std() / np.sqrt(1000)


def test_quadrature_leaves_them_to_others():
    text = """
    levels: [day, person]
    time: day
    variables: {w: {level: person}, a: {family: bernoulli}, b: {family: bernoulli}}
    arrows: {w -> a: , w -> b: }
    """
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"person": np.repeat(range(12), 5), "day": np.tile(range(5), 12)})
    frame["w"] = rng.normal(size=12)[frame.person]
    frame["a"], frame["b"] = rng.integers(0, 2, (2, len(frame)))
    reasons = []
    for priors in ("", "priors: {a(person) <-> b(person): {normal: [0.3, 0.2]}}"):
        theory = mx.parse("\n".join(line[4:] for line in text.splitlines()) + priors)
        plan, data = mx.compile(theory), mx.bind(theory, frame)
        reasons.append(laplace.applies(plan, data, plan.equations))
    assert reasons == [None, "there is a prior on a single correlation (a(person) <-> b(person))"]
