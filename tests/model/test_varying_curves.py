"""Curves that differ among units: a deviation for each number of the curve, correlated with all else that varies."""

import numpy as np
import pandas as pd
import pytensor
import pytest
from pytensor.compile.mode import Mode
from scipy import special, stats

import mechanisms as mx
from mechanisms.errors import DataError
from mechanisms.model.deviations import state_deviations
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")
LEVELS = "levels: {session: {in: client, occasions: [0, 1, 2, 3, 4]}, client: }\ntime: session\n"
SHAPES = {"quadratic": ("x(whole)", "x(whole)^2"), "{spline: 2}": ("x(whole)[1]", "x(whole)[2]"),
          "{bspline: 3}": ("x(whole)[1]", "x(whole)[2]", "x(whole)[3]"), "logistic": ("x(whole)",)}  # fmt: skip


def diary(shift=0.0):
    rng = np.random.default_rng(5)
    rows = [(c, t, rng.normal(shift, 1.5), rng.normal(20, 5)) for c in range(8) for t in range(3 + c % 3)]
    return pd.DataFrame(rows, columns=["client", "session", "x", "y"])


def bound(shape, data=None):
    text = (
        f"arrows:\n  x(whole) -> y: {{shape: {shape}, varies_by: client}}\n"
        "  session -> y: {shape: {piecewise: [2]}, varies_by: client}\n"
    )
    theory = mx.parse(LEVELS + text)
    return mx.compile(theory), mx.bind(theory, diary() if data is None else data)


def columns_of(shape, data, x, midpoint=0.4, width=0.9):
    """Each column of x by its address; an S-curve's is the share of the climb, less that at 0."""
    if shape == "logistic":
        return {"x(whole)": special.expit((x - midpoint) / width) - special.expit(-midpoint / width)}
    if shape == "quadratic":
        return {"x(whole)": x, "x(whole)^2": x**2}
    basis = data.bases[f"x~{shape.strip('{}').replace(' ', '')}"]
    return {f"x(whole)[{j}]": basis.column(j, x) for j in range(1, basis.size + 1)}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_number_of_a_curve_varies_and_all_are_correlated(shape):
    plan, _ = bound(shape)
    (varying,) = plan.varying
    names = (*SHAPES[shape], "session[1]", "session[2]")
    assert varying.quantities == ("1 -> y", *(f"{name} -> y" for name in names))
    assert not varying.joined
    assert f"sd({SHAPES[shape][-1]} -> y | client)" in plan.parameters


@pytest.mark.parametrize("shape", SHAPES)
def test_the_density_is_that_of_a_loop(shape):
    plan, data = bound(shape)
    model = to_pymc(plan, data)
    wanted = [*model.free_RVs, *model.deterministics]
    outputs = [*model.replace_rvs_by_values(wanted), *model.logp(model.observed_RVs, sum=False)]
    names = [*(each.name for each in wanted), "logp"]
    run = pytensor.function(model.value_vars, outputs, mode=CHEAP, on_unused_input="ignore")
    rng = np.random.default_rng(1)
    point = {name: value + rng.normal(0, 0.3, np.shape(value)) for name, value in model.initial_point().items()}
    found = dict(zip(names, run(*(point[each.name] for each in model.value_vars)), strict=True))
    b = dict(zip(model.coords["terms(y)"], found["coefficients(y)"], strict=True))
    u = dict(zip(model.coords["quantities(client)"], found["deviations(client)"], strict=True))
    traits = [found[f"{word}(x(whole) -> y)"] for word in ("midpoint", "width")] if shape == "logistic" else []
    expected = []
    for row, (client, session, x, y) in diary().iterrows():
        assert data.units("session").above["client"].index[row] == client
        columns = columns_of(shape, data, x, *traits) | {
            "session[1]": min(session, 2),
            "session[2]": max(session - 2, 0),
        }
        columns = {f"{name} -> y": value for name, value in columns.items()} | {"1 -> y": 1.0}
        eta = sum((b[name] + u[name][int(client)]) * value for name, value in columns.items())
        expected.append(stats.norm.logpdf(y, eta, found["sigma(y)"]))
    np.testing.assert_allclose(found["logp"], expected, rtol=1e-8)


def test_default_sds_are_a_standardised_unit_of_each_column():
    """Heights of a spline in sds of the effect's part, slopes and squares per sd of x and its square."""
    units = {}
    for shape in SHAPES:
        plan, data = bound(shape)
        (each,) = state_deviations(plan, data)
        units[shape] = {
            name: 1 / belief.arguments[0] for name, belief in zip(each.varying.quantities, each.spreads, strict=True)
        }
    x = diary()["x"].std()
    square, spline = units["quadratic"], units["{spline: 2}"]
    assert spline["x(whole)[1] -> y"] == spline["x(whole)[2] -> y"] == units["logistic"]["x(whole) -> y"]
    assert square["x(whole) -> y"] == pytest.approx(spline["x(whole)[1] -> y"] / x)
    assert square["x(whole)^2 -> y"] == pytest.approx(spline["x(whole)[1] -> y"] / x**2)


@pytest.mark.parametrize("shape", SHAPES)
def test_curves_that_differ_about_a_place_outside_the_data_are_refused(shape):
    """All deviations are about x = 0, where the units' own intercepts are too."""
    plan, data = bound(shape, diary(shift=50.0))
    with pytest.raises(DataError, match="differ among clients about x = 0, but x runs from 4"):
        state_deviations(plan, data)


@pytest.mark.parametrize("shape", SHAPES)
def test_effects_average_over_the_units_own_curves(shape):
    plan, data = bound(shape)
    rng = np.random.default_rng(3)
    quantities = plan.varying[0].quantities
    deviations = {(name, "client"): rng.normal(0, 0.4, 8) for name in quantities}
    numbers = {name: 0.3 * (j + 1) for j, name in enumerate(plan.parameters)} | {"cor(client)": 0}
    numbers |= {"midpoint(x(whole) -> y)": 0.4, "width(x(whole) -> y)": 0.9} if shape == "logistic" else {}
    fit = mx.pin(plan, data, numbers, deviations)
    found = mx.estimate(fit, mx.Question(of="x(1)", on="y(1)", contrast=(-0.5, 1.5)))
    low, high = (columns_of(shape, data, x) for x in (-0.5, 1.5))
    expected = sum(
        (numbers[f"{name} -> y"] + deviations[f"{name} -> y", "client"].mean()) * (high[name] - low[name])
        for name in low
    )
    assert float(found.rows[0].draws.item()) == pytest.approx(expected, rel=1e-9)
