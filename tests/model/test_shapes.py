"""Curves: their columns against other ways to write them, what the data must hold, and the model's density."""

import numpy as np
import pandas as pd
import pytensor
import pytest
from pytensor.compile.mode import Mode
from scipy import stats
from scipy.interpolate import CubicSpline

import mechanisms as mx
from mechanisms.data.bases import make_basis
from mechanisms.data.dataset import ColumnView
from mechanisms.data.splines import place_knots
from mechanisms.errors import DataError, SpecError
from mechanisms.model.completing import complete_plan
from mechanisms.model.priors import state_beliefs
from mechanisms.model.symbolic import to_pymc
from mechanisms.spec.theory import Shape

CHEAP = Mode(linker="py", optimizer="fast_compile")
GRID = np.linspace(-3.0, 16.0, 77)
BENDING = [
    "quadratic",
    "{polynomial: 3}",
    "{polynomial: 5}",
    "log",
    "{spline: 4}",
    "{bspline: 5}",
    "{piecewise: [4, 6]}",
]


def values(seed=1, n=200):
    return np.random.default_rng(seed).gamma(6.0, 1.0, n)


def frame(seed=1, n=60):
    rng = np.random.default_rng(seed)
    x = rng.gamma(6.0, 1.0, n)
    return pd.DataFrame({"x": x, "w": rng.normal(2, 1, n), "y": np.sin(x) + rng.normal(0, 0.3, n)})


def bound(shape, more="", data=None, priors=""):
    theory = mx.parse(f"arrows:\n  x -> y: {{shape: {shape}{more}}}\n{priors}")
    return mx.compile(theory), mx.bind(theory, frame() if data is None else data)


# --- columns ---


@pytest.mark.parametrize("df", [1, 2, 3, 4, 7])
def test_a_spline_is_the_natural_cubic_through_its_knots(df):
    """Any coefficients: the curve is SciPy's natural spline through the heights at the knots, straight beyond the last."""
    x = values()
    basis = make_basis("x", Shape(kind="spline", argument=df), x)
    rng = np.random.default_rng(df)
    heights = np.concatenate([[0.0], rng.normal(size=df)])
    curve = sum(heights[j] * basis.column(j, GRID) for j in range(1, df + 1))
    knots = np.asarray(basis.places)
    np.testing.assert_allclose(knots, np.quantile(x, np.arange(df + 1) / df))
    if df == 1:
        np.testing.assert_allclose(curve, GRID * heights[1] / (knots[1] - knots[0]), atol=1e-12)
        return
    natural = CubicSpline(knots, heights, bc_type="natural")

    def through(at):
        first, last = knots[0], knots[-1]
        below = natural(first) + natural(first, 1) * (at - first)
        above = natural(last) + natural(last, 1) * (at - last)
        return np.where(at < first, below, np.where(at > last, above, natural(at)))

    np.testing.assert_allclose(curve, through(GRID) - through(0.0), atol=1e-9)


def test_a_piecewise_line_has_the_slopes_it_says():
    basis = make_basis("x", Shape(kind="piecewise", argument=(4.0, 6.0)), values())
    slopes = np.array([0.5, -2.0, 1.5])
    curve = sum(slope * basis.column(j, GRID) for j, slope in enumerate(slopes, start=1))
    expected = np.interp(GRID, [-3, 4, 6, 16], np.cumsum([-1.5, 3.5, -4.0, 15.0]))
    np.testing.assert_allclose(curve, expected, atol=1e-12)


@pytest.mark.parametrize("shape", [{"spline": 3}, {"bspline": 5}, {"piecewise": (4.0, 6.0)}, {"log": None}])
def test_what_does_not_exist_is_0_in_every_column(shape):
    ((kind, argument),) = shape.items()
    basis = make_basis("x", Shape(kind=kind, argument=argument), values())
    for piece in range(1, basis.size + 1):
        assert basis.column(piece, np.zeros(2)) == pytest.approx([0.0, 0.0], abs=1e-12)


def test_knots_of_values_that_many_share_are_those_of_the_different_values():
    heaped = np.array([0.0] * 90 + [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(place_knots(4, heaped), [0, 1, 2, 3, 4])


def test_the_two_interpreters_and_the_design_see_the_same_columns():
    _, data = bound("{spline: 3}")
    view = ColumnView(data)
    assert [key for key in view if "~" in key] == [f"x~spline:3[{j}]" for j in (1, 2, 3)]
    np.testing.assert_array_equal(view["x~spline:3[2]"], data.bases["x~spline:3"].column(2, data.numbers("x").values))


# --- addresses ---


@pytest.mark.parametrize(
    ("shape", "addresses"),
    [
        ("{polynomial: 3}", ("x -> y", "x^2 -> y", "x^3 -> y")),
        ("log", ("x -> y",)),
        ("{spline: 2}", ("x[1] -> y", "x[2] -> y")),
        ("{bspline: 3}", ("x[1] -> y", "x[2] -> y", "x[3] -> y")),
        ("{piecewise: [5]}", ("x[1] -> y", "x[2] -> y")),
    ],
)
def test_addresses(shape, addresses):
    assert bound(shape)[0].equation("y").addresses[1:] == addresses


def test_addresses_of_products():
    plan, _ = bound("{spline: 2}", ", moderated_by: w")
    assert plan.equation("y").addresses[1:] == ("x[1] -> y", "x[2] -> y", "x[1] * w -> y", "x[2] * w -> y", "w -> y")


def test_a_prior_around_0_serves_all_columns_and_one_of_them_its_own():
    priors = "priors:\n  x -> y: {normal: [0, 0.5]}\n  x[2] -> y: {normal: [1, 2]}\n"
    plan, data = bound("{spline: 3}", priors=priors)
    said = {address: str(plan.prior(address).distribution) for address in plan.equation("y").addresses[1:]}
    assert said == {"x[1] -> y": "normal(0, 0.5)", "x[2] -> y": "normal(1, 2)", "x[3] -> y": "normal(0, 0.5)"}
    beliefs = state_beliefs(plan, plan.equation("y"), data)
    sds = np.sqrt(np.square(beliefs.matrix).sum(axis=1))[1:]
    np.testing.assert_allclose(sds, [0.5, 2.0, 0.5])


@pytest.mark.parametrize(
    ("priors", "words"),
    [
        ("x -> y: {normal: [1, 2]}", "only a prior around 0"),
        ("x[4] -> y: {normal: [0, 1]}", "no such parameter"),
        ("x[0] -> y: {normal: [0, 1]}", "not a term"),
        ("x[1]^2 -> y: {normal: [0, 1]}", "no powers"),
    ],
)
def test_priors_that_no_column_has(priors, words):
    with pytest.raises(SpecError, match=words):
        bound("{spline: 3}", priors=f"priors:\n  {priors}\n")


def test_a_prior_at_a_value_speaks_at_that_place_of_the_curve():
    """With `at: {x: 5}` the moderator's slope is that of units whose x is 5: b + Σ γ_j · column j at 5."""
    priors = "priors:\n  w -> y: {normal: [2, 0.001], at: {x: 5}}\n"
    plan, data = bound("{spline: 2}", ", moderated_by: w", priors=priors)
    equation = plan.equation("y")
    beliefs = state_beliefs(plan, equation, data)
    rng = np.random.default_rng(1)
    raw = beliefs.matrix @ rng.normal(size=(len(beliefs.names), 50)) + beliefs.offset[:, None]
    drawn = dict(zip(equation.addresses, raw, strict=True))
    basis = data.bases["x~spline:2"]
    slope = drawn["w -> y"] + sum(drawn[f"x[{j}] * w -> y"] * basis.column(j, 5.0) for j in (1, 2))
    np.testing.assert_allclose(slope, 2.0, atol=0.01)


# --- what the data must hold ---


@pytest.mark.parametrize(
    ("shape", "x", "words"),
    [
        *((shape, [0.0, 1.0] * 30, "two values, between which nothing bends") for shape in BENDING),
        ("{spline: 4}", [1.0, 2.0, 3.0] * 20, "needs 5 different values of x, which has 3: choose at most 2"),
        ("{bspline: 4}", [1.0, 2.0, 3.0, 4.0] * 15, "needs 5 different values of x, which has 4: choose at most 3"),
        ("{polynomial: 3}", [1.0, 2.0, 3.0] * 20, "needs 4 different values of x, which has 3"),
        ("log", [0.0, 1.0, 2.0] * 20, "holds 0, which has no logarithm"),
        ("{piecewise: [4, 60]}", None, "knot 60 lies outside the data"),
        ("{polynomial: 4}", list(np.linspace(99999, 100001, 60)), "subtract its mean"),
    ],
)
def test_data_that_cannot_carry_a_curve(shape, x, words):
    data = frame() if x is None else frame().assign(x=x)
    with pytest.raises(DataError, match=words):
        bound(shape, data=data)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("arrows:\n  x -> m:\n  m -> y: {shape: log}\n", "family: lognormal"),
        ("arrows: {x -> y: {shape: monotonic}}", "shape monotonic of numbers is not compiled yet"),
        ("arrows: {x -> y: {shape: gp}}\npriors: {x -> y: {normal: [0, 1]}}", r"priors are on amplitude\(x -> y\)"),
        ("arrows: {x -> y: {shape: gp}}\npriors: {'x[2] -> y': {normal: [0, 1]}}", "no coefficients to know about"),
        (
            "arrows: {'x, z -> y': {shape: gp}}\npriors: {amplitude(x -> y): {same_as: amplitude(z -> y)}}",
            "'same_as' for the amplitude",
        ),
        (
            "arrows: {x -> y: {shape: logistic, moderated_by: w}}\npriors: {w -> y: {normal: [0, 1], at: {x: 2}}}",
            "whose S-curve is not known",
        ),
        ("arrows: {x -> y: {shape: gp}}\npriors: {amplitude(x -> y): {normal: [0, 1]}}", "is positive"),
        ("arrows: {x -> y: {shape: gp}}\npriors: {midpoint(x -> y): {normal: [0, 1]}}", "no such parameter"),
        (
            "arrows: {x -> y: {shape: gp}}\npriors: {amplitude(x -> y): {half_normal: 1, scale: standardised}}",
            "in units of the data",
        ),
    ],
)
def test_curves_that_are_not_compiled(text, words):
    with pytest.raises(SpecError, match=words):
        mx.compile(mx.parse(text))


def test_data_bound_to_a_theory_without_the_curve_are_refused():
    straight = mx.parse("arrows: [x -> y]")
    plan, _ = bound("{spline: 3}")
    with pytest.raises(DataError, match="without the curve x~spline:3"):
        mx.sample(plan, mx.bind(straight, frame()), seed=1)


# --- densities ---


@pytest.mark.parametrize("more", ["", ", moderated_by: w"])
@pytest.mark.parametrize("shape", BENDING)
def test_the_density_is_the_one_written_out(shape, more):
    """Coefficients times columns made here in NumPy, the prior as the exact engine takes it."""
    plan, data = bound(shape, more)
    equation = plan.equation("y")
    beliefs = state_beliefs(plan, equation, data)
    model = to_pymc(plan, data)
    density = model.compile_logp(mode=CHEAP)
    rng = np.random.default_rng(3)
    x, y, w = (data.numbers(name).values if name in data else None for name in "xyw")
    columns = {"x": x, "x^2": x**2, "x^3": x**3, "x^4": x**4, "x^5": x**5}
    if "~" in "".join(ColumnView(data)):
        (basis,) = data.bases.values()
        columns = {f"x[{j}]": basis.column(j, x) for j in range(1, basis.size + 1)}
        columns["x"] = np.log(x)
    for _ in range(3):
        point = {name: rng.normal(size=np.shape(v)) * 0.3 + v for name, v in model.initial_point().items()}
        raw = beliefs.matrix @ point["z(y)"] + beliefs.offset
        eta = raw[0]
        for number, address in zip(raw[1:], equation.addresses[1:], strict=True):
            factors = address.removesuffix(" -> y").split(" * ")
            eta = eta + number * np.prod([w if factor == "w" else columns[factor] for factor in factors], axis=0)
        log_sigma = point["sigma(y)_log__"]
        expected = stats.norm.logpdf(point["z(y)"]).sum() + stats.norm.logpdf(y, eta, np.exp(log_sigma)).sum()
        expected += stats.expon.logpdf(np.exp(log_sigma), scale=data.numbers("y").sd) + log_sigma
        assert float(density(point)) == pytest.approx(float(expected), rel=1e-7)


# --- with levels ---

LEVELS = """
levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }
time: session
variables: {x: {family: normal}, y: , w: {level: client}}
arrows:
  session -> y: {shape: {spline: 2}}
  x(t-1) -> y: {shape: {piecewise: [5]}, moderated_by: w}
  y(t-1) -> y:
"""


def diary():
    """Clients of unequal length; some values of x and y are missing, and one client misses a session."""
    rng = np.random.default_rng(5)
    rows = []
    for client in range(8):
        w = rng.normal(50, 10)
        for session in range(2 + client % 3):
            rows.append({"client": client, "session": session, "w": w, "x": rng.normal(5, 1), "y": rng.normal(20, 5)})
    made = pd.DataFrame(rows).drop(index=[9])
    made.loc[[3, 12], "x"] = np.nan
    made.loc[[4], "y"] = np.nan
    return made


@pytest.fixture(scope="module")
def levelled():
    theory = mx.parse(LEVELS)
    plan, data = mx.compile(theory), mx.bind(theory, diary())
    model = to_pymc(complete_plan(plan, data), data)
    return data, model


@pytest.mark.parametrize("seed", [1, 2])
def test_the_density_with_levels_is_that_of_a_loop(levelled, seed):
    """Curves of whole values at the occasion before, of unknown ones too, and of the sessions; a line of its own before the grid."""
    data, model = levelled
    wanted = [*model.free_RVs, *model.deterministics]
    density = model.logp(model.observed_RVs, sum=False)
    outputs = [*model.replace_rvs_by_values(wanted), *density]
    names = [*(each.name for each in wanted), *(f"logp {each.name}" for each in model.observed_RVs)]
    run = pytensor.function(model.value_vars, outputs, mode=CHEAP, on_unused_input="ignore")
    rng = np.random.default_rng(seed)
    start = model.initial_point()
    point = {name: value + rng.normal(0, 0.3, np.shape(value)) for name, value in start.items()}
    found = dict(zip(names, run(*(point[each.name] for each in model.value_vars)), strict=True))
    b = dict(zip(model.coords["terms(y)"], found["coefficients(y)"], strict=True))
    filled = {}
    for name in ("x", "y"):
        column = data.numbers(name)
        filled[name] = np.where(column.observed, column.values, np.nan)
        filled[name][column.missing] = column.mean + column.sd * found[f"missing({name})"]
    trend = data.bases["session~spline:2"]
    units = data.units("session")
    owner, place = units.above["client"].index, units.place
    deviation = dict(zip(model.coords["quantities(client)"], found["deviations(client)"], strict=True))["1 -> y"]
    expected = []
    for row in np.flatnonzero(data.numbers("y").observed):
        client, session = owner[row], place[row]
        eta = (
            b["1 -> y"]
            + deviation[client]
            + sum(b[f"session[{j}] -> y"] * trend.column(j, float(session)) for j in (1, 2))
        )
        w = data.numbers("w").values[client]
        eta += b["w -> y"] * w
        before = np.flatnonzero((owner == client) & (place == session - 1))
        sigma = found["sigma(y | first)"]
        if not before.size:
            eta += b["1 -> y | first"] + b["w -> y | first"] * w
        if before.size:
            sigma, x = found["sigma(y)"], filled["x"][before[0]]
            for j, part in enumerate((min(x, 5.0), max(x - 5.0, 0.0)), start=1):
                eta += (b[f"x(whole t-1)[{j}] -> y"] + b[f"x(whole t-1)[{j}] * w -> y"] * w) * part
            course = b["1 -> y"] + deviation[client] + b["w -> y"] * w
            course += sum(b[f"session[{j}] -> y"] * trend.column(j, float(session - 1)) for j in (1, 2))
            eta += b["y(t-1) -> y"] * (filled["y"][before[0]] - course)
        expected.append(stats.norm.logpdf(data.numbers("y").values[row], eta, sigma))
    np.testing.assert_allclose(np.sort(found["logp y"]), np.sort(expected), rtol=1e-8)
