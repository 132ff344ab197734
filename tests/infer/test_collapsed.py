"""The collapsed engine: its density against PyMC's with the unknown integrated out, its draws against NUTS and the truth.

PyMC's joint density is a quadratic in deviations and missing values, so that differences with step 1 integrate them out
exactly. No PyMC model is compiled outside the long suite: densities run through PyTensor's Python linker.
"""

import ctypes
import re

import arviz_stats
import numpy as np
import pandas as pd
import pytensor
import pytest
import xarray as xr
from pytensor.compile.mode import Mode
from scipy import optimize, stats

import mechanisms as mx
from mechanisms.errors import FitError
from mechanisms.infer.diagnostics import assess, worst
from mechanisms.infer.engines import collapsed
from mechanisms.infer.engines.contract import Settings
from mechanisms.infer.marginal import charts, coordinates
from mechanisms.infer.marginal.tapes.partial import write_partial
from mechanisms.infer.marginal.units import kernels
from mechanisms.infer.marginal.units.gaussian import BilinearError, write_residuals
from mechanisms.infer.marginal.units.layout import lay_out
from mechanisms.infer.marginal.units.native_units import bind_units
from mechanisms.infer.marginal.units.unit import count_work, find_units
from mechanisms.infer.marginal.whitened import sample_whitened
from mechanisms.model.beliefs import Belief, log_density
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")
Z = 5.0

FLAT = """
variables: {x: , w: , m: , y: , u: }
arrows:
  x -> m -> y: {moderated_by: [w]}
  x, w -> u:
  u <-> y:
priors:
  x -> u: {student: [3, 0, 1]}
  w -> u: {normal: [0, 1], above: -0.5}
  sigma(u): {half_normal: 1}
"""
TIED = """
variables: {x: , z: , m: , y: , u: }
arrows: {x -> m -> y: , z -> y: , x -> y: , z -> u: , m <-> u: , u <-> y: }
priors: {z -> y: {same_as: x -> m}, x -> y: {fixed: 0.2}, sigma(y): {same_as: sigma(m)}}
"""
LEVELS = """
levels: {session: {in: client, occasions: [0, 1, 2, 3, 4]}, client: {in: therapist}, therapist: }
time: session
variables:
  alliance: {only_when: {session: 1..}, assessed: end}
  symptoms: {assessed: start}
  change: {is: symptoms - symptoms(0)}
  training: {level: therapist}
  arm: {level: client, family: categorical, values: [usual, cbt]}
  outcome: {level: client}
arrows:
  symptoms, change -> alliance:
  training -> alliance:
  alliance(t-1) -> symptoms: {moderated_by: arm}
  symptoms(t-1), symptoms(t-2) -> symptoms:
  arm -> symptoms: {only_when: {session: 1..}}
  session -> symptoms: {varies_by: client}
  alliance -> outcome:
"""
VAR = """
levels: {session: {in: client}, client: }
time: session
variables: {x: , y: }
arrows:
  x(t-1), y(t-1) -> x, y:
"""
BELIEVED = """
levels: {session: {in: client}, client: }
time: session
variables: {x: , y: , w: }
arrows:
  x(t-1), y(t-1) -> x, y:
  x(t-1) -> w:
  x <-> y:
  y <-> w:
priors:
  y(client) <-> x(client): {normal: [-0.3, 0.2]}
  x <-> y: {student: [4, 0.3, 0.1]}
  w <-> y: {normal: [0.2, 0.3]}
"""
GROWTH = """
levels: {month: {in: client, occasions: [0, 2, 3, 5, 8]}, client: }
time: month
variables: {drug: {level: client}, treat: {level: client, assigned: randomised}, bdi: }
arrows:
  treat -> bdi: {only_when: {month: 2..}}
  drug, month -> bdi:
"""
JOBS = """
arrows:
  treat -> job_seek -> depress2:
  treat -> depress2:
  econ_hard, age -> job_seek, depress2:
"""


def flat(seed: int, n: int = 18) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 6)), columns=list("xwmyuz"))
    for name in "myu":
        frame.loc[rng.random(n) < 0.25, name] = np.nan
    frame.loc[0, ["m", "u"]] = np.nan  # both unknown in one row, and m looked at
    return frame


def levels(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for client in range(5):
        own = {"client": f"c{client}", "therapist": f"t{client % 2}", "training": float(client % 2)}
        own |= {"arm": ["usual", "cbt"][client % 2], "outcome": rng.normal()}
        for session in range(int(rng.integers(2, 5)) + 1):
            if session == 2 and client < 3:
                continue
            values = {"symptoms": rng.normal(20, 5), "alliance": rng.normal(5, 1) if session else np.nan}
            gone = {name: np.nan for name in values if rng.random() < 0.15}
            rows.append({**own, "session": session, **values, **gone})
    return pd.DataFrame(rows).sample(frac=1, random_state=seed).reset_index(drop=True)


def panel(seed: int, clients: int = 100, shortest: int = 4, longest: int = 15, gaps: float = 0.1) -> pd.DataFrame:
    """A VAR(1) around correlated person means."""
    rng = np.random.default_rng(seed)
    rows = []
    for client in range(clients):
        mean, away = rng.multivariate_normal([5, 10], [[1, 0.4], [0.4, 1]]), rng.normal(0, 1.1, 2)
        length = int(rng.integers(shortest, longest + 1))
        for session in range(length):
            if session:
                away = np.array([[0.4, 0.0], [0.2, 0.0]]) @ away + rng.normal(0, 1, 2)
            if not 0 < session < length - 1 or rng.random() > gaps:
                rows.append((client, session, *(mean + away)))
    return pd.DataFrame(rows, columns=["client", "session", "x", "y"])


def believed(seed: int, clients: int) -> pd.DataFrame:
    frame = panel(seed, clients, 3, 4)
    return frame.assign(w=np.random.default_rng(seed).normal(size=len(frame)))


def growth(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for client in range(100):
        own, treat, drug, gone = rng.normal(22, 8), client % 2, int(rng.integers(2)), False
        for month in (0, 2, 3, 5, 8):
            gone = gone or (month > 0 and rng.random() < 0.17)
            bdi = own - 1.2 * month - 3 * treat * (month > 0) + 3 * drug + rng.normal(0, 6)
            rows.append((client, month, treat, drug, np.nan if gone else bdi))
    return pd.DataFrame(rows, columns=["client", "month", "treat", "drug", "bdi"])


def jobs(seed: int, n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"treat": rng.integers(0, 2, n), "econ_hard": rng.normal(3, 1, n), "age": rng.normal(37, 10, n)}
    )
    frame["job_seek"] = 4 + 0.3 * frame.treat - 0.1 * frame.econ_hard + rng.normal(0, 0.7, n)
    frame["depress2"] = 3 - 0.3 * frame.job_seek + 0.1 * frame.econ_hard + rng.normal(0, 0.6, n)
    for name in ("job_seek", "depress2"):
        frame.loc[rng.random(n) < 0.2, name] = np.nan
    return frame


def prepared(text, frame):
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    residuals = write_residuals(plan, data, plan.equations)
    return plan, data, collapsed.build_density(residuals)


# --- the density ---


class Integrated:
    """The log density of a PyMC model with deviations and missing values integrated out."""

    def __init__(self, plan, data):
        model = to_pymc(plan, data)
        self.names = [each.name for each in model.value_vars]
        self.start = model.initial_point()
        varying = {f"z({each.level})" for each in plan.varying}
        self.unknown = [name for name in self.names if name in varying or name.startswith(("missing(", "own("))]
        self.run = pytensor.function(model.value_vars, model.logp(sum=False), mode=CHEAP, on_unused_input="ignore")

    def joint(self, point, z):
        filled, start = dict(point), 0
        for name in self.unknown:
            shape = np.shape(self.start[name])
            filled[name] = z[start : start + int(np.prod(shape))].reshape(shape)
            start += int(np.prod(shape))
        return sum(float(np.sum(part)) for part in self.run(*(filled[name] for name in self.names)))

    def __call__(self, point):
        size = sum(np.size(self.start[name]) for name in self.unknown)
        steps = np.eye(size)
        base = self.joint(point, np.zeros(size))
        up, down = (np.array([self.joint(point, sign * step) for step in steps]) for sign in (1, -1))
        curved = np.diag(up + down - 2 * base)
        for i in range(size):
            for j in range(i):
                curved[i, j] = curved[j, i] = self.joint(point, steps[i] + steps[j]) - up[i] - up[j] + base
        slope = (up - down) / 2
        return base - 0.5 * slope @ np.linalg.solve(curved, slope) - 0.5 * np.linalg.slogdet(-curved)[1]


def straighten(s):
    """The t with ∫ Φ up to t = s, and the log of how fast log s grows with it."""
    t = optimize.brentq(lambda t: t * stats.norm.cdf(t) + stats.norm.pdf(t) - s, -30, s + 1, xtol=1e-14)
    return t, stats.norm.logcdf(t) - np.log(s)


def translate(plan, density, point):
    """A point of PyMC's coordinates in ours, and the log of how much ours are stretched where they differ."""
    found, stretched = [], 0.0
    for equation in plan.equations:
        named = [f"{name}{suffix}" for name in equation.addresses for suffix in ("", "_lowerbound__", "_interval__")]
        found += [*point.get(f"z({equation.response})", []), *(point[name] for name in named if name in point)]
        found += [point[f"{name}_log__"] for name in (equation.spread, equation.initial) if f"{name}_log__" in point]
    chart, where = density.coordinates.chart, density.coordinates.symbol
    for each in plan.varying:
        for name in each.spreads:
            place = np.flatnonzero(chart.matrix[where(name)])[0]
            width = chart.upper[place] - chart.lower[place]
            t, turned = straighten(np.exp(point[f"{name}_log__"]) / width)
            found.append(t)
            stretched += turned
        found += list(np.arcsinh(point.get(f"v({each.level})", [])))
    for name in point:
        if name.startswith("v(residuals"):
            found += list(np.arcsinh(point[name]))
    q = np.array(found, dtype=float)
    for root in density.coordinates.roots.values():
        stretched += np.log(np.cosh(q[root.places])).sum()
    return q, stretched


@pytest.mark.parametrize(("text", "frame"), [(FLAT, flat(1)), (TIED, flat(2)), (LEVELS, levels(3)), (VAR, panel(4, 3, 3, 4)),
                                            (BELIEVED, believed(4, 3))], ids=["flat", "tied", "levels", "var", "believed"])  # fmt: skip
def test_density_is_pymcs_with_the_unknown_integrated_out(text, frame):
    plan, data, density = prepared(text, frame)
    theirs, rng = Integrated(plan, data), np.random.default_rng(5)
    found = []
    for _ in range(3):
        point = {name: value + rng.normal(0, 0.4, np.shape(value)) for name, value in theirs.start.items()}
        q, stretched = translate(plan, density, point)
        assert len(q) == density.coordinates.size
        found.append(density.at(q[None])[0] - stretched - theirs(point))
    assert np.ptp(found) < 1e-8


def test_density_is_a_normal_with_the_covariance_written_out():
    """y ← m ← x with m or y missing: each row's own normal, built by hand."""
    frame = flat(3)[["x", "m", "y"]]
    _, _, density = prepared("arrows: [x -> m -> y]", frame)
    where = density.coordinates.symbol
    rng = np.random.default_rng(1)
    found = []
    for _ in range(3):
        q = density.coordinates.start + rng.normal(0, 0.5, density.coordinates.size)
        s = charts.find_symbols(density.coordinates.chart, q[None])[0]
        am, a, sm = (s[where(name)] for name in ("1 -> m", "x -> m", "sigma(m)"))
        by, b, sy = (s[where(name)] for name in ("1 -> y", "m -> y", "sigma(y)"))
        covariance = np.array([[sm**2, b * sm**2], [b * sm**2, b**2 * sm**2 + sy**2]])
        total = 0.0
        for row in frame.itertuples():
            mean = np.array([am + a * row.x, by + b * (am + a * row.x)])
            seen = ~np.isnan([row.m, row.y])
            if seen.any():
                values = np.array([row.m, row.y])[seen]
                total += stats.multivariate_normal(mean[seen], covariance[np.ix_(seen, seen)]).logpdf(values)
        found.append(kernels.collapse(density.layout, s, np.zeros(0)) - total)
    assert np.ptp(found) < 1e-9


def test_a_residual_correlation_is_integrated_out_with_both_its_variables():
    """u <-> m with both missing: y, which m moves, has the variance that m gives it, whatever the correlation."""
    frame = flat(4)[["x", "u", "m", "y"]]
    frame["y"] = np.arange(len(frame)) / 5
    frame.loc[2:, ["u", "m"]] = np.nan
    frame.loc[:1, ["u", "m"]] = [[0.0, 1.0], [1.0, 0.5]]
    _, _, density = prepared("variables: {x: , u: , m: , y: }\narrows: {x -> u: , x -> m -> y: , u <-> m: }", frame)
    found, names = [], density.coordinates
    for seed in range(3):
        q = names.start + np.random.default_rng(seed).normal(0, 0.5, names.size)
        s = charts.find_symbols(names.chart, q[None])[0]
        value = {name: s[names.symbol(name)] for name in names.addresses}
        (root,) = names.roots.values()
        correlation = (root.matrix(q) @ root.matrix(q).T)[0, 1]
        sds = np.array([value["sigma(u)"], value["sigma(m)"]])
        covariance = np.outer(sds, sds) * [[1, correlation], [correlation, 1]]
        total = 0.0
        for place, row in enumerate(frame.itertuples()):
            u, m = (value[f"1 -> {name}"] + value[f"x -> {name}"] * row.x for name in "um")
            b0, b, sd = value["1 -> y"], value["m -> y"], value["sigma(y)"]
            if place < 2:
                total += stats.multivariate_normal([u, m], covariance).logpdf([row.u, row.m])
                total += stats.norm(b0 + b * row.m, sd).logpdf(row.y)
            else:
                total += stats.norm(b0 + b * m, np.hypot(sd, b * value["sigma(m)"])).logpdf(row.y)
        found.append(kernels.collapse(density.layout, s, np.zeros(0)) - total)
    assert np.ptp(found) < 1e-9


def test_one_series_of_no_client_has_lags():
    x = np.random.default_rng(1).normal(size=12)
    text = "levels: {session: }\ntime: session\nvariables: {x: }\narrows: {x(t-1) -> x: }"
    _, _, density = prepared(text, pd.DataFrame({"session": np.arange(12), "x": x}))
    found, names = [], density.coordinates
    for seed in range(3):
        q = names.start + np.random.default_rng(seed).normal(0, 0.5, names.size)
        s = charts.find_symbols(names.chart, q[None])[0]
        wanted = ("1 -> x", "x(t-1) -> x", "sigma(x)", "1 -> x | first", "sigma(x | first)")
        b0, b, sd, more, first = (s[names.symbol(n)] for n in wanted)
        total = stats.norm(b0 + b * x[:-1], sd).logpdf(x[1:]).sum() + stats.norm(b0 + more, first).logpdf(x[0])
        found.append(kernels.collapse(density.layout, s, np.zeros(0)) - total)
    assert np.ptp(found) < 1e-9


@pytest.mark.parametrize(("text", "frame"), [(FLAT, flat(1)), (TIED, flat(2)), (LEVELS, levels(3)), (VAR, panel(4, 9)),
                                            (BELIEVED, believed(4, 9))], ids=["flat", "tied", "levels", "var", "believed"])  # fmt: skip
def test_gradient_is_that_of_the_density(text, frame):
    _, _, density = prepared(text, frame)
    size, width = density.coordinates.size, 1e-5
    q = density.coordinates.start + np.random.default_rng(2).normal(0, 0.3, size)
    value, gradient = density.slope(q)
    steps = width * np.eye(size)
    by_hand = (density.at(q + steps) - density.at(q - steps)) / (2 * width)
    assert value == density.at(q[None])[0]
    np.testing.assert_allclose(gradient, by_hand, atol=1e-5 * np.abs(by_hand).max())


@pytest.mark.parametrize(("text", "frame"), [(FLAT, flat(1, 200)), (VAR, panel(4))], ids=["flat", "var"])
def test_sufficient_statistics_lose_nothing(text, frame):
    _, _, density = prepared(text, frame)
    residuals, rng = density.residuals, np.random.default_rng(2)
    units = find_units(residuals, compressed=False)
    whole = collapsed.Density(residuals, lay_out(units, residuals))
    assert len(density.layout.weights) < len(whole.layout.weights)
    points = density.coordinates.start + rng.normal(0, 0.5, (5, density.coordinates.size))
    np.testing.assert_allclose(density.at(points), whole.at(points), rtol=1e-11)


@pytest.mark.parametrize(("family", "arguments", "inside"), [
    ("normal", (1.0, 2.0), (-3.0, 0.5)), ("student", (4.0, 1.0, 2.0), (-3.0, 0.5)), ("half_normal", (2.0,), (0.3, 4.0)),
    ("exponential", (0.7,), (0.3, 4.0)), ("lognormal", (0.2, 0.8), (0.3, 4.0)), ("gamma", (2.0, 3.0), (0.3, 4.0)),
    ("beta", (2.0, 3.0), (0.2, 0.9)), ("uniform", (0.0, 2.0), (0.2, 0.9)),
])  # fmt: skip
def test_shapes_are_those_of_the_beliefs(family, arguments, inside):
    number = coordinates.FAMILIES.index(family)
    padded, belief = (*arguments, 0.0, 0.0)[:3], Belief(family, arguments)
    one, other = (charts.log_shape(number, x, *padded) for x in inside)
    expected = log_density(belief, np.array(inside))
    assert other[0] - one[0] == pytest.approx(expected[1] - expected[0], abs=1e-12)
    rise = np.diff(log_density(belief, inside[0] + np.array([-1e-6, 1e-6])))[0] / 2e-6
    assert one[1] == pytest.approx(rise, abs=1e-7)


# --- what is unknown, drawn afterwards ---


def test_deviations_are_drawn_from_their_conditional():
    """A random intercept: shrunk means, and a variance that counts the client's occasions."""
    text = "levels: {session: {in: client}, client: }\ntime: session\nvariables: {x: {level: client}, y: }\narrows: [x -> y]"
    rng = np.random.default_rng(1)
    client = np.repeat(np.arange(6), [1, 2, 3, 5, 8, 13])
    frame = pd.DataFrame({"client": client, "session": np.concatenate([np.arange(n) for n in (1, 2, 3, 5, 8, 13)])})
    frame["x"], frame["y"] = rng.normal(size=6)[client], rng.normal(size=6)[client] + rng.normal(size=len(client))
    _, _, density = prepared(text, frame)
    names = density.coordinates
    q = names.start + rng.normal(0, 0.5, names.size)
    s = charts.find_symbols(names.chart, q[None])
    b0, b, sigma, tau = (s[0, names.symbol(n)] for n in ("1 -> y", "x -> y", "sigma(y)", "sd(1 -> y | client)"))
    count = 40_000
    z = collapsed.draw_unknown(density.residuals, np.repeat(s, count, axis=0), np.random.default_rng(3))
    drawn = tau * z[:, density.residuals.places["client"][0]]
    rest, sizes = (frame.y - b0 - b * frame.x).groupby(client).sum().to_numpy(), np.bincount(client)
    variance = 1 / (1 / tau**2 + sizes / sigma**2)
    mean = variance * rest / sigma**2
    assert np.all(np.abs(drawn.mean(axis=0) - mean) < Z * np.sqrt(variance / count))
    assert np.all(np.abs(drawn.var(axis=0) / variance - 1) < Z * np.sqrt(2 / count))


# --- who is taken ---

REFUSED = [
    ("arrows: [x -> m -> y]\nvariables: {x: , m: , y: {family: bernoulli}}", "y is bernoulli, not normal"),
    ("arrows: {x -> m: , m -> y: {shape: {piecewise: [0]}}}", "the equations of y bend a missing value of m"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=["family", "curve"])
def test_what_is_not_gaussian_is_named(text, reason):
    frame = flat(1)[["x", "m", "y"]]
    if "bernoulli" in text:
        frame["y"] = (frame.x > 0) * 1
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    assert reason in str(collapsed.applies(plan, data, plan.equations))
    with pytest.raises(FitError, match="engine collapsed does not apply"):
        mx.sample(plan, data, engine="collapsed", seed=1)


MULTIPLIED = [
    ("arrows: {x -> m: , m -> y: {shape: quadratic}}", "the equations of y multiply a missing value of m times a missing value of m"),
    (VAR.replace("-> x, y:", "-> x, y: {varies_by: client}"), "the equations of x multiply a deviation of a client times a deviation of a client"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), MULTIPLIED, ids=["curve", "slope"])
def test_products_of_what_is_unknown_are_not_integrated_out_at_once(text, reason):
    frame = panel(1, 5) if "levels" in text else flat(1)[["x", "m", "y"]]
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    with pytest.raises(BilinearError, match=re.escape(reason)):
        write_residuals(plan, data, plan.equations)
    assert collapsed.applies(plan, data, plan.equations) is None


def chained():
    """300 occasions of one series, of which x is known at the first five."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"session": np.arange(300), "x": rng.normal(size=300), "y": rng.normal(size=300)})
    frame.loc[5:, "x"] = np.nan
    theory = mx.parse("levels: {session: }\ntime: session\nvariables: {x: , y: }\narrows: {x(t-1) -> x: , x -> y: }")
    return mx.compile(theory), mx.bind(theory, frame)


def nested(seed: int):
    """24 clients of 3 therapists with gaps."""
    frame = panel(seed, 24, 8, 12).assign(therapist=lambda each: each.client % 3)
    theory = mx.parse(VAR.replace("client: }", "client: {in: therapist}, therapist: }"))
    return mx.compile(theory), mx.bind(theory, frame)


def integrated_densely(residuals, symbols):
    """The log density with all that is unknown integrated out at once, by dense matrices."""
    terms, algebra = residuals.terms, residuals.terms.algebra
    values = terms.weight * np.array([np.prod(symbols[list(each)]) for each in algebra.products])[terms.product]
    table = np.zeros((terms.n, algebra.size + 1))
    np.add.at(table, (terms.row, terms.unknown), values)  # the last column is what does not depend on anything unknown
    slopes, rest, prior = table[:, :-1], table[:, -1], np.diag(1.0 - residuals.flat)
    curved = prior + slopes.T @ slopes
    centre = -np.linalg.solve(curved, slopes.T @ rest)
    square = np.sum((rest + slopes @ centre) ** 2) + centre @ prior @ centre
    counted = residuals.log_weights != 0
    logs = residuals.log_weights[counted] @ np.log(symbols[counted])
    return logs - 0.5 * square - 0.5 * np.linalg.slogdet(curved)[1]


@pytest.mark.parametrize("make", [chained, lambda: nested(6)], ids=["chain", "nested"])
def test_what_hangs_together_loosely_is_integrated_out_piece_by_piece(make):
    """A long chain of missing values, and clients with gaps of a few therapists: as by dense matrices, with less work."""
    plan, data = make()
    density = collapsed.build_density(write_residuals(plan, data, plan.equations))
    units = find_units(density.residuals, compressed=True)
    names = density.coordinates
    assert count_work(units) < 0.2 * sum(len(each.flat) ** 3 * len(each.members) for each in units)
    for seed in range(3):
        q = names.start + np.random.default_rng(seed).normal(0, 0.3, names.size)
        s = charts.find_symbols(names.chart, q[None])[0]
        found = kernels.collapse(density.layout, s, np.zeros(0))
        assert found == pytest.approx(integrated_densely(density.residuals, s), abs=1e-7)
    _, gradient = density.slope(q)
    steps = 1e-5 * np.eye(names.size)
    by_hand = (density.at(q + steps) - density.at(q - steps)) / 2e-5
    np.testing.assert_allclose(gradient, by_hand, atol=1e-5 * np.abs(by_hand).max())


def test_of_too_many_that_hang_together_some_are_sampled(monkeypatch):
    plan, data = chained()
    assert collapsed._integrate_all(plan, data, plan.equations) is not None
    monkeypatch.setattr(collapsed, "WORK", 1e3)
    assert collapsed._integrate_all(plan, data, plan.equations) is None
    assert collapsed.applies(plan, data, plan.equations) is None
    assert write_partial(plan, data, plan.equations).sampled == ("missing values of x",)


# --- draws ---


def assert_alike(one, other):
    """Means, sds and correlations of two fits within Monte Carlo error."""
    names = list(one.parameters)
    for name in names:
        means, sds = zip(*(_errors(fit, name) for fit in (one, other)), strict=True)
        draws = [fit.parameters[name] for fit in (one, other)]
        assert abs(draws[0].mean() - draws[1].mean()) < Z * np.hypot(*means), name
        assert abs(draws[0].std() - draws[1].std()) < Z * np.hypot(*sds), name
    least = min(quality.ess_bulk for fit in (one, other) for quality in assess(fit.draws[names]))
    related = [np.corrcoef([fit.parameters[name] for name in names]) for fit in (one, other)]
    upper = np.triu_indices(len(names), 1)
    apart = np.abs(np.arctanh(related[0][upper]) - np.arctanh(related[1][upper]))
    assert apart.max() < Z * np.sqrt(2 / least)


def _errors(fit, name):
    table = xr.Dataset({"v": fit.draws[name]})
    return tuple(float(arviz_stats.mcse(table, method=method)["v"]) for method in ("mean", "sd"))


def test_same_seed_same_draws():
    theory = mx.parse(JOBS)
    one, other, third = (mx.fit(theory, jobs(1), seed=seed, draws=200, engine="collapsed") for seed in (1, 1, 2))
    assert all(np.array_equal(one.parameters[name], other.parameters[name]) for name in one.parameters)
    assert not np.array_equal(one.parameters["treat -> job_seek"], third.parameters["treat -> job_seek"])
    assert {block.engine for block in mx.fit(theory, jobs(1), seed=1, draws=200).blocks} == {"collapsed"}


def test_importance_sampling_and_nuts_on_what_remains_agree():
    plan, data, density = prepared(JOBS, jobs(2))
    settings = Settings(1000, 4, 500, np.random.SeedSequence(1))
    by_weights = collapsed.draw(plan, data, plan.equations, settings)
    assert by_weights.note.startswith("k̂")
    mode, covariance = collapsed.find_mode(density)
    root = np.linalg.cholesky(covariance)
    points, statistics, _ = sample_whitened(density.slope, mode, root, settings, np.random.SeedSequence(2))
    assert not statistics["diverging"].to_numpy().any()
    symbols = charts.find_symbols(density.coordinates.chart, points.reshape(-1, points.shape[-1]))
    for place, address in enumerate(density.coordinates.addresses):
        one, other = by_weights.parameters[address].reshape(-1), symbols[:, place]
        # At least 2000 effective draws of each; a mean has error sd/√n, an sd about sd/√(2n).
        assert abs(one.mean() - other.mean()) < Z * other.std() * np.sqrt(2 / 2000), address
        assert abs(one.std() / other.std() - 1) < Z * np.sqrt(1 / 2000), address


def call_native(native, x):
    """The value and the gradient that a sampler's threads see."""
    value, gradient, reals = np.zeros(1), np.zeros(len(x)), ctypes.POINTER(ctypes.c_double)
    given = [each.ctypes.data_as(reals) for each in (x, gradient, value)]
    memory = native.memory.ctypes.data_as(ctypes.POINTER(ctypes.c_int64))
    assert native.density.ctypes(len(x), *given, memory) == 0
    point = np.zeros(len(x))
    native.expand.ctypes(len(x), len(x), given[0], point.ctypes.data_as(reals), memory)
    return value[0], gradient, point


def test_the_c_function_is_the_density_in_the_samplers_coordinates():
    _, _, density = prepared(JOBS, jobs(2))
    rng, size = np.random.default_rng(1), density.coordinates.size
    centre, root, x = rng.normal(0, 0.1, size), np.tril(rng.normal(0, 0.1, (size, size))), rng.normal(size=size)
    value, gradient, point = call_native(bind_units(centre, root, density.coordinates.chart, density.layout), x)
    expected, slopes = density.slope(centre + root @ x)
    np.testing.assert_allclose(point, centre + root @ x, rtol=1e-13)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, root.T @ slopes, rtol=1e-9)


def test_a_single_chain_that_says_enough_is_not_drawn_again():
    """One chain has no R-hat, which is no disagreement; independent-like draws of a round density say enough at once."""
    settings = Settings(1000, 1, 300, np.random.SeedSequence(1))
    points, _, _ = sample_whitened(
        lambda point: (-0.5 * point @ point, -point), np.zeros(2), np.eye(2), settings, np.random.SeedSequence(2)
    )
    assert points.shape == (1, 1000, 2)


def test_what_does_not_vary_is_no_disagreement():
    fixed = xr.Dataset({"a": (("chain", "draw"), np.ones((2, 400)))})
    moving = xr.Dataset({"b": (("chain", "draw"), np.random.default_rng(1).normal(size=(2, 400)))})
    assert np.isnan(worst(fixed)[0])
    r_hat, size = worst(xr.merge([fixed, moving]))
    assert r_hat < 1.05
    assert size == worst(moving)[1]


@pytest.mark.slow  # three PyMC models are compiled
@pytest.mark.parametrize(("text", "frame"), [
    (JOBS, jobs(3)), (GROWTH, growth(4)), (GROWTH.replace("drug, month -> bdi:", "drug -> bdi:\n  month -> bdi: {varies_by: client}"), growth(5)),
    (VAR, panel(6)),
], ids=["jobs", "growth", "slopes", "var"])  # fmt: skip
def test_agrees_with_nuts_on_the_explicit_model(text, frame):
    theory = mx.parse(text)
    one = mx.fit(theory, frame, seed=1, engine="collapsed")
    other = mx.fit(theory, frame, seed=1, draws=2000, engine="nuts")
    assert_alike(one, other)
    for key, drawn in one.deviations.items():
        theirs = other.deviations[key]
        assert np.abs((drawn.mean(0) - theirs.mean(0)) / theirs.std(0)).max() < Z * np.sqrt(2 / 1000), key
    for level, matrix in one.correlations.items():
        assert np.abs(matrix.mean(0) - other.correlations[level].mean(0)).max() < Z * 0.35 * np.sqrt(2 / 1000)


@pytest.mark.slow
@pytest.mark.parametrize("sessions", [6, 15])
def test_recovers_a_panel(sessions):
    """Twenty ragged panels with gaps, autoregression .4 and 0, cross-lags .2 and 0: intervals of 95 % hold the truth as often as they say."""
    truth = {"x(t-1) -> x": 0.4, "y(t-1) -> x": 0.0, "x(t-1) -> y": 0.2, "y(t-1) -> y": 0.0}
    theory, hits = mx.parse(VAR), dict.fromkeys(truth, 0)
    for seed in range(20):
        fit = mx.fit(theory, panel(seed, 100, sessions // 2, sessions), seed=seed, engine="collapsed")
        for name, value in truth.items():
            low, high = np.quantile(fit.parameters[name], [0.025, 0.975])
            hits[name] += low <= value <= high
    # Of 20 at 95 % fewer than 17 come with probability 1.6 % for one parameter.
    assert min(hits.values()) >= 17, hits


def test_observed_means_of_a_cause_and_a_mediator_give_the_regression_of_departures_and_of_means():
    """Least squares of departures, and of person means: what `centre: observed` is elsewhere (Bolger & Laurenceau 2013)."""
    rng = np.random.default_rng(3)
    people, days = 60, 12
    person = np.repeat(np.arange(people), days)
    x_mean = rng.normal(3, 0.8, people)
    m_mean = 1 + 0.5 * x_mean + rng.normal(0, 0.5, people)
    y_mean = 2 - 0.3 * m_mean + 0.2 * x_mean + rng.normal(0, 0.6, people)
    x = rng.normal(size=people * days)
    m = 0.4 * x + rng.normal(0, 0.8, people * days)
    y = 0.5 * m + 0.1 * x + rng.normal(0, 0.7, people * days)
    frame = pd.DataFrame({"person": person, "day": np.tile(np.arange(days), people)})
    frame = frame.assign(x=x + x_mean[person], m=m + m_mean[person], y=y + y_mean[person])
    text = """
    levels: [day, person]
    time: day
    variables: {x: {centre: observed}, m: {centre: observed}, y: }
    arrows: [x -> m -> y, x -> y]
    """
    plan = mx.compile(mx.parse(text))
    fit = mx.sample(plan, mx.bind(plan.theory, frame), seed=1)
    means = frame.groupby("person")[["x", "m", "y"]].mean()
    apart = frame[["x", "m", "y"]] - means.loc[frame.person].to_numpy()
    found = {}
    for level, table in (("day", apart), ("person", means)):
        one = np.ones((len(table), 1))
        for response, causes in (("m", ["x"]), ("y", ["x", "m"])):
            slopes = np.linalg.lstsq(np.hstack([one, table[causes]]), table[response], rcond=None)[0][1:]
            found |= {f"{cause}({level}) -> {response}": slope for cause, slope in zip(causes, slopes, strict=True)}
    for address, slope in found.items():
        draws = fit.parameters[address]
        assert abs(draws.mean() - slope) < 0.1 * draws.std(), address  # priors 2.5 sds wide, and 4000 draws
