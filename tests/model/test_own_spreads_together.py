"""Correlated residuals whose sds are moved: each row's covariance is D R D with the sds of that row.

Witnesses: SciPy's multivariate normal, row by row, with linear predictors and sds written by hand; the covariances of
simulated waves in closed form.
"""

import numpy as np
import pandas as pd
import pytest
from pytensor.compile.mode import Mode
from scipy import stats

import mechanisms as mx
from mechanisms.infer.attrition import find_attrition
from mechanisms.infer.diagnostics import assess, count_divergences
from mechanisms.infer.explanation import explain
from mechanisms.infer.imputation import Draw, impute
from mechanisms.infer.margins import draw_exogenous
from mechanisms.infer.simulation import simulate_theory
from mechanisms.model.symbolic import to_pymc
from mechanisms.spec.parameters import Clock, parse_parameters, read_parameters

CHEAP = Mode(linker="py", optimizer="fast_compile")
TEMPLATES = ("ri_clpm", "ri_clpm_free")
WAVES = 4


def seen(model):
    """A function of a point: the log densities of what was observed or is missing, and the quantities of the model."""
    terms = [each for each in model.observed_RVs if each.name in ("x", "y", "z")]
    terms += [each for each in model.potentials if each.name.startswith("unknown(")]
    named = [*model.deterministics, *model.free_RVs]
    run = model.compile_fn(
        [model.logp(vars=terms, sum=True, jacobian=False), *model.replace_rvs_by_values(named)],
        inputs=model.value_vars, mode=CHEAP, on_unused_input="ignore",
    )  # fmt: skip

    def at(point):
        found, *rest = run(point)
        return float(found), {each.name: np.asarray(value) for each, value in zip(named, rest, strict=True)}

    return at


def points(model, count=3):
    start, rng = model.initial_point(), np.random.default_rng(1)
    for _ in range(count):
        yield {name: value + rng.normal(0, 0.4, np.shape(value)) for name, value in start.items()}


def by_address(model, known):
    """Every coefficient and sd, by its address."""
    found = dict(known)
    for name, addresses in model.coords.items():
        if name.startswith("terms("):
            found |= dict(zip(addresses, known[name.replace("terms", "coefficients", 1)], strict=True))
    return found


def by_wave(address, of, wave):
    """A path into a wave: the coefficient, and what the wave adds to it."""
    return of.get(address, 0.0) + of.get(f"{address.split(' -> ')[0]} * when={wave} -> {address.split(' -> ')[1]}", 0.0)


def place_and_scale(of, values, courses, wave, before):
    """Means and sds of x and y of one person at one wave, by hand."""
    means, sds = [], []
    for name in "xy":
        mean = of[f"1 -> {name}"] + courses[name] + of.get(f"when={wave} -> {name}", 0.0)
        for cause in "xy":
            usual = of[f"1 -> {cause}"] + courses[cause]
            usual += sum(of[f"when={each} -> {cause}"] for each in (2, 3, 4)) / WAVES  # waves count alike in a course
            departure = before[cause] - usual if wave > 1 else 0.0
            mean += by_wave(f"{cause}(t-1) -> {name}", of, wave) * departure
        log_sd = of[f"1 -> sigma({name})"] + of.get(f"when={wave} -> sigma({name})", 0.0)
        means.append(mean)
        sds.append(of[f"sigma({name} | first)"] if wave == 1 else np.exp(log_sd))
    return np.array(means), np.array(sds)


@pytest.mark.parametrize("gap", [False, True])
@pytest.mark.parametrize("name", TEMPLATES)
def test_density_of_each_row(name, gap):
    """First occasions with their own sds; a missing value is a quantity, and its row counts with it."""
    frame = simulate_theory(name, n=6, seed=2)
    if gap:
        frame.loc[[5, 10], "x"] = np.nan
        frame.loc[[8, 23], "y"] = np.nan
    plan, data = mx.compile(mx.load(name)), mx.bind(mx.load(name), frame)
    model = to_pymc(plan, data)
    at = seen(model)
    for point in points(model):
        found, known = at(point)
        of = by_address(model, known)
        rho = float(of["x <-> y"])
        values = {each: frame[each].to_numpy().copy() for each in "xy"}
        for each in "xy":
            holes = np.isnan(values[each])
            if holes.any():
                column = data.numbers(each)
                values[each][holes] = column.mean + column.sd * known[f"missing({each})"]
        expected = 0.0
        for row in range(len(frame)):
            person, wave = divmod(row, WAVES)
            courses = dict(zip("xy", known["deviations(person)"][:, person], strict=True))
            before = {each: values[each][row - 1] for each in "xy"}
            mean, sds = place_and_scale(of, values, courses, wave + 1, before)
            covariance = np.outer(sds, sds) * np.array([[1, rho], [rho, 1]])
            here = [values["x"][row], values["y"][row]]
            expected += stats.multivariate_normal(mean, covariance).logpdf(here)
        assert found == pytest.approx(expected, abs=1e-8)


THREE = """
variables: {x: , y: , z: , w: }
arrows:
  w(whole) -> x, y, z:
  w(whole) -> sigma(y):
  x <-> y:
  y <-> z:
levels: [day, person]
time: day
"""


def test_density_where_one_sd_of_three_is_moved():
    """x and z are not correlated, as nothing joins them; only y's sd differs from row to row."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"person": np.repeat(range(5), 3), "day": np.tile(range(3), 5)})
    frame = frame.assign(**{name: rng.normal(size=15) for name in "xyzw"})
    theory = mx.parse(THREE)
    model = to_pymc(mx.compile(theory), mx.bind(theory, frame))
    at = seen(model)
    for point in points(model):
        found, known = at(point)
        of = by_address(model, known)
        matrix = np.eye(3)
        matrix[0, 1] = matrix[1, 0] = of["x <-> y"]
        matrix[1, 2] = matrix[2, 1] = of["y <-> z"]
        quantities = model.coords["quantities(person)"]
        expected = 0.0
        for row in range(len(frame)):
            own = dict(zip(quantities, known["deviations(person)"][:, row // 3], strict=True))
            w = frame.w[row]
            mean = [of[f"1 -> {name}"] + own[f"1 -> {name}"] + of[f"w(whole) -> {name}"] * w for name in "xyz"]
            sds = [of["sigma(x)"], np.exp(of["1 -> sigma(y)"] + of["w(whole) -> sigma(y)"] * w), of["sigma(z)"]]
            expected += stats.multivariate_normal(mean, np.outer(sds, sds) * matrix).logpdf(frame.loc[row, list("xyz")])
        assert found == pytest.approx(expected, abs=1e-8)
        assert abs(of["x <-> y"]) > 0.01 and abs(of["y <-> z"]) > 0.01


# --- simulated ---


def waves_in_closed_form(of):
    """Means and covariances of x1, y1, x2, ... y4: a person's levels, and residuals that are handed on."""
    size = 2 * WAVES
    levels = np.diag([of["sd(1 -> x | person)"], of["sd(1 -> y | person)"]])
    together = of["cor(person)"]["1 -> x <-> 1 -> y"]
    across = levels @ np.array([[1, together], [together, 1]]) @ levels
    usual = {each: of[f"1 -> {each}"] + sum(of[f"when={k} -> {each}"] for k in (2, 3, 4)) / WAVES for each in "xy"}
    mean, noise = np.zeros(size), np.zeros((size, size))
    handed = np.zeros((size, size))  # what a wave's departures make of those of the wave before
    for wave in range(1, WAVES + 1):
        here = slice(2 * wave - 2, 2 * wave)
        own, sds = place_and_scale(of, None, {"x": 0.0, "y": 0.0}, wave, usual)
        paths = [[by_wave(f"{cause}(t-1) -> {name}", of, wave) for cause in "xy"] for name in "xy"]
        noise[here, here] = np.outer(sds, sds) * np.array([[1, of["x <-> y"]], [of["x <-> y"], 1]])
        mean[here] = own
        if wave > 1:
            past = slice(2 * wave - 4, 2 * wave - 2)
            handed[here, past] = paths
            mean[here] += np.array(paths) @ (mean[past] - np.array([usual["x"], usual["y"]]))
    total = np.linalg.inv(np.eye(size) - handed)
    return mean, np.tile(across, (WAVES, WAVES)) + total @ noise @ total.T


@pytest.mark.parametrize("name", TEMPLATES)
def test_simulated_waves_have_the_moments_of_the_closed_form(name):
    n = 20_000
    frame = simulate_theory(name, n=n, seed=5)
    assert (frame.when.astype(int) == frame.wave).all()
    found = frame.pivot_table(index="person", columns="wave", values=["x", "y"])
    order = [(variable, wave) for wave in range(1, WAVES + 1) for variable in "xy"]
    values = found[order].to_numpy()
    mean, covariance = waves_in_closed_form(dict(read_parameters(name).values))
    variances = np.diag(covariance)
    errors = np.sqrt((np.outer(variances, variances) + covariance**2) / n)  # of the covariances of normal variables
    assert np.max(np.abs(np.cov(values.T) - covariance) / errors) < 4.5
    assert np.max(np.abs(values.mean(axis=0) - mean) / np.sqrt(variances / n)) < 4.5
    assert np.ptp(np.diag(covariance, 1)[::2]) > 5 * np.max(
        errors
    )  # x and y of one wave: this would show one sd for all


# --- questions ---


def pinned(name):
    theory, parameters = mx.load(name), read_parameters(name)
    plan = mx.compile(theory)
    frame = simulate_theory(name, n=40, seed=3)
    return mx.pin(plan, mx.bind(theory, frame), parameters.values), parameters.values


def test_what_one_wave_does_to_the_next():
    fit, of = pinned("ri_clpm")
    found = {str(each.name): mx.estimate(fit, each).rows[0].draws.item() for each in fit.plan.theory.questions}
    assert found == pytest.approx({"x moves y": of["x(t-1) -> y"], "y moves x": of["y(t-1) -> x"]}, abs=1e-12)
    paths = np.array([[of[f"{cause}(t-1) -> {name}"] for cause in "xy"] for name in "xy"])
    total = mx.decompose(fit, "x(1)", "y(4)")["total"].draws.item()
    assert total == pytest.approx(np.linalg.matrix_power(paths, 3)[1, 0], abs=1e-12)


def test_what_one_wave_does_to_the_next_where_each_has_paths_of_its_own():
    fit, of = pinned("ri_clpm_free")
    found = {str(each.name): mx.estimate(fit, each).rows[0].draws.item() for each in fit.plan.theory.questions}
    assert found["x moves y at the start"] == pytest.approx(by_wave("x(t-1) -> y", of, 2), abs=1e-12)
    assert found["x moves y at the end"] == pytest.approx(by_wave("x(t-1) -> y", of, 4), abs=1e-12)
    assert found["x moves y at the end"] > 2 * found["x moves y at the start"]
    into = [np.array([[by_wave(f"{c}(t-1) -> {name}", of, wave) for c in "xy"] for name in "xy"]) for wave in (2, 3, 4)]
    total = mx.decompose(fit, "x(1)", "y(4)")["total"].draws.item()
    assert total == pytest.approx((into[2] @ into[1] @ into[0])[1, 0], abs=1e-12)


@pytest.mark.parametrize("name", TEMPLATES)
def test_engines_say_why_they_do_not_apply(name):
    theory = mx.load(name)
    text = str(explain(mx.compile(theory), mx.bind(theory, simulate_theory(name, n=20, seed=1))))
    assert "by nuts" in text
    assert "the residual sd of x differs among units" in text
    assert "residuals are correlated (x <-> y)" in text


# --- dropout ---

LEAVING = """
levels: [day, person]
time: day
variables: {w: , x: , y: }
arrows:
  w(whole) -> sigma(x), sigma(y):
  x <-> y:
  y(t-1) -> y:
"""


def test_those_who_left_are_drawn_with_the_sds_of_their_rows():
    """x and y of the second day: sigma(x) is exp(.1 - .6 w) there, sigma(y) exp(.3 + .8 w), and they correlate at .6."""
    n, rng = 8000, np.random.default_rng(16)
    frame = pd.DataFrame({"person": np.repeat(np.arange(n), 2), "day": np.tile([0, 1], n)})
    frame = frame.assign(w=rng.integers(0, 2, 2 * n), x=rng.normal(size=2 * n), y=rng.normal(size=2 * n))
    gone = (frame.day == 1) & (frame.person >= 20)
    frame.loc[gone, ["x", "y"]] = np.nan
    plan = mx.compile(mx.parse(LEAVING))
    stated = dict.fromkeys(plan.parameters, 0.0) | {"sigma(y | first)": 1.5, "x <-> y": 0.6, "y(t-1) -> y": 0.4}
    stated |= {"1 -> sigma(x)": 0.1, "w(whole) -> sigma(x)": -0.6, "1 -> sigma(y)": 0.3, "w(whole) -> sigma(y)": 0.8}
    nobody = {(f"1 -> {name}", "person"): np.zeros(n) for name in "xy"}
    attrition = find_attrition(plan, mx.bind(plan.theory, frame))
    assert attrition.dropped.keys() == {"x", "y"} and not attrition.gaps
    made = impute(plan, attrition, Draw(stated, nobody), [{}], np.random.default_rng(1)).data[0]
    x, y = made.numbers("x").values, made.numbers("y").values
    for w in (0, 1):
        some = np.flatnonzero(gone & (frame.w == w))
        residuals = np.stack([x[some], y[some] - 0.4 * y[some - 1]])
        sds = np.exp([0.1 - 0.6 * w, 0.3 + 0.8 * w])
        expected = np.outer(sds, sds) * np.array([[1, 0.6], [0.6, 1]])
        errors = np.sqrt((np.outer(sds**2, sds**2) + expected**2) / len(some))
        assert np.all(np.abs(np.cov(residuals) - expected) < 4 * errors)
        assert np.all(np.abs(residuals.mean(axis=1)) < 4 * sds / np.sqrt(len(some)))


def test_dropout_of_what_has_a_part_of_its_own_is_refused():
    theory = mx.parse("variables: {x: , y: {family: poisson, zeros: hurdle}}\narrows: [x -> y]")
    frame = pd.DataFrame({"x": np.arange(30.0), "y": np.arange(30) % 4})
    frame["y"] = frame["y"].where(frame.x < 20)
    plan = mx.compile(theory)
    attrition = find_attrition(plan, mx.bind(theory, frame))
    draw_of = Draw(dict.fromkeys(plan.parameters, 0.0), {})
    with pytest.raises(mx.FitError, match="y has several linear predictors"):
        impute(plan, attrition, draw_of, [{}], np.random.default_rng(1))


# --- the number of the occasion in a parameter file ---

CLOCK = """
n: 3
design: {day: {occasions: 0..2}}
exogenous: {d: {occasion: day}}
parameters: {1 -> y: 0}
"""


def draw(variable, text=CLOCK, more=""):
    head = f"levels: [day, person]\ntime: day\nvariables: {{y: , d: {variable}{', e: ' if more else ''}}}\n"
    theory = mx.parse(f"{head}arrows: [d(whole) -> y{more}]")
    return draw_exogenous(parse_parameters(text), mx.compile(theory), 3, np.random.default_rng(1))


def test_the_number_of_the_occasion_as_a_variable():
    assert parse_parameters(CLOCK).exogenous == {"d": Clock("day")}
    found = draw("")
    assert found.d.tolist() == found.day.tolist() == [0, 1, 2] * 3
    found = draw("{family: categorical, values: [0, 1, 2]}")
    assert found.d.tolist() == ["0", "1", "2"] * 3


@pytest.mark.parametrize(
    ("variable", "old", "new", "message"),
    [
        ("{family: categorical, values: [0, 1]}", "", "", "d has the values 0 and 1, but there is an occasion 2"),
        ("{level: person}", "", "", "d has a value for each person, which is no occasion of day"),
        ("", "occasion: day", "occasion: week", "d has a value for each day, which is no occasion of week"),
        ("", "occasion: day", "occasion: [day]", "exogenous: d: occasion"),
        ("{range: [0, 1]}", "", "", "'d' leaves its declared range"),
        ("{family: bernoulli}", "", "", "d is bernoulli in the theory"),
    ],
)
def test_what_is_no_number_of_an_occasion(variable, old, new, message):
    with pytest.raises(mx.MechanismsError, match=message):
        draw(variable, CLOCK.replace(old, new))


def test_the_number_of_an_occasion_correlates_with_nothing():
    text = CLOCK.replace(
        "{d: {occasion: day}}", "{d: {occasion: day}, e: {normal: [0, 1]}}\ncorrelations: {d <-> e: 0.3}"
    )
    with pytest.raises(mx.SpecError, match="d <-> e is no correlation that can be chosen"):
        draw("", text, ", e(whole) -> y, d <-> e")


# --- recovery ---


@pytest.mark.slow
def test_the_panel_model_is_recovered():
    """One study of the size that the file names: 20 parameters and three of what varies."""
    parameters = read_parameters("ri_clpm")
    fit = mx.fit(mx.load("ri_clpm"), simulate_theory("ri_clpm", seed=7), chains=2, draws=2000, tune=1000, seed=1)
    assert [block.engine for block in fit.blocks] == ["nuts"]
    assert count_divergences(fit.idata) == 0
    for each in assess(fit.draws[list(fit.plan.parameters)]):
        assert each.r_hat < 1.02 and min(each.ess_bulk, each.ess_tail) > 200, each
    draws = fit.parameters
    far = {a: (draws[a].mean() - value) / draws[a].std() for a, value in parameters.values.items() if a in draws}
    assert len(far) == len(fit.plan.parameters)
    assert max(map(abs, far.values())) < 4, far
    assert np.mean(np.square(list(far.values()))) < 2.5, far
