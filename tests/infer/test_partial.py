"""Blocks in which unknown quantities are multiplied: what is sampled, the density given it, and draws of the rest.

The witness is the PyMC model's joint density, a quadratic in the deviations that are integrated out given the others, so
that differences with step 1 integrate exactly. No PyMC model is compiled here: densities run through PyTensor's Python linker.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytensor
import pytest
from test_collapsed import CHEAP, FLAT, LEVELS, VAR, Z, assert_alike, call_native, flat, levels, panel, translate
from test_levelled_fits import DIARY, diary

import mechanisms as mx
from mechanisms.infer.diagnostics import assess
from mechanisms.infer.engines import collapsed
from mechanisms.infer.marginal import charts
from mechanisms.infer.marginal.joint import begin, slope
from mechanisms.infer.marginal.tapes.native_program import bind_program
from mechanisms.infer.marginal.tapes.partial import write_partial
from mechanisms.infer.marginal.tapes.replay import run_backwards, run_forwards
from mechanisms.infer.marginal.tapes.tape import Node, Tape
from mechanisms.infer.marginal.units.gaussian import NotGaussianError
from mechanisms.infer.marginal.unpacking import draw_deviations
from mechanisms.model.deviations import find_unit, state_deviations
from mechanisms.model.symbolic import to_pymc

DYNAMICS = """
levels: [session, client, therapist]
time: session
variables: {x: , y: }
arrows:
  x(t-1), y(t-1) -> x, y: {varies_by: client}
  session -> y: {varies_by: client}
"""
TRENDS = """
levels: [session, client, therapist]
time: session
variables: {x: , y: }
arrows:
  x(t-1) -> y: {varies_by: client}
  y(t-1) -> y:
  session -> x, y: {varies_by: client}
"""
CORRELATED = """
levels: [session, client]
time: session
variables: {x: , y: , u: }
arrows: {x(t-1) -> x: {varies_by: client}, x -> y: , x -> u: , y <-> u: }
"""


def small_diary(seed):
    frame, _ = diary(seed)
    return frame[(frame.person < 4) & (frame.day < 5)]


def small_panel(seed):
    frame = panel(seed, 4, 4, 5)
    frame["therapist"] = frame.client // 2
    frame.loc[frame.index[3], "x"] = np.nan
    return frame


def small_pair(seed):
    frame = panel(seed, 4, 4, 5, 0.0)
    frame["u"] = np.random.default_rng(seed).normal(size=len(frame))
    frame.loc[frame.index[[2, 7]], ["x", "u"]] = np.nan
    return frame


CASES = pytest.mark.parametrize(
    ("text", "frame"),
    [
        (DIARY, small_diary(1)),
        (DYNAMICS, small_panel(2)),
        (TRENDS, small_panel(2)),
        (CORRELATED, small_pair(3)),
        (LEVELS, levels(3)),
    ],
    ids=["diary", "dynamics", "trends", "correlated", "levels"],
)


def prepared(text, frame):
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    return plan, data, write_partial(plan, data, plan.equations)


class Explicit:
    """The PyMC model's log density as a function of parameters, deviations in data units and standardised missing values."""

    def __init__(self, plan, data, made):
        self.plan, self.data, self.made = plan, data, made
        model = to_pymc(plan, data)
        self.names = [each.name for each in model.value_vars]
        self.start = model.initial_point()
        self.run = pytensor.function(model.value_vars, model.logp(sum=False), mode=CHEAP, on_unused_input="ignore")
        self.levels = state_deviations(plan, data)

    def spread(self, q, each):
        """Sds and root of a level."""
        chart, coordinates = self.made.coordinates.chart, self.made.coordinates
        symbols = charts.find_symbols(chart, q[None])[0]
        sds = symbols[[coordinates.symbol(name) for name in each.varying.spreads]]
        root = coordinates.roots.get(each.varying.level)
        return sds, np.eye(len(sds)) if root is None else root.matrix(q)

    def __call__(self, point, q, deviations):
        """The density by deviations, {level: (quantities, units)}, and by missing values, which the point holds."""
        filled, turned = dict(point), 0.0
        for each in self.levels:
            level, (sds, root) = each.varying.level, self.spread(q, each)
            u = deviations[level]
            z = np.linalg.solve(root, u / sds[:, None])
            loose = [k for k in range(len(sds)) if not each.centred[k]]
            for k, name in enumerate(each.varying.quantities):
                if each.centred[k]:
                    filled[f"own({name} | {level})"] = u[k]
            if loose:
                filled[f"z({level})"] = z[loose]
            turned += u.shape[1] * np.log((sds * np.diag(root))[loose]).sum()
        return sum(float(np.sum(part)) for part in self.run(*(filled[name] for name in self.names))) - turned

    def quadratic(self, point, q, deviations):
        """Value, slope and curvature by what is integrated out, where that is 0."""
        split = self.made.split
        names = next(each.varying.quantities for each in self.levels if each.varying.level == split.level)
        rows = [names.index(name) for name in split.quantities]
        units = deviations[split.level].shape[1]

        def at(u):
            moved = {level: values.copy() for level, values in deviations.items()}
            moved[split.level][rows] = u.reshape(len(rows), units)
            return self(point, q, moved)

        steps = np.eye(len(rows) * units)
        base = at(0 * steps[0])
        up, down = (np.array([at(sign * step) for step in steps]) for sign in (1, -1))
        curved = np.diag(up + down - 2 * base)
        for i in range(len(steps)):
            for j in range(i):
                curved[i, j] = curved[j, i] = at(steps[i] + steps[j]) - up[i] - up[j] + base
        return base, (up - down) / 2, curved


def place(explicit, point, q, deviations):
    """Our point, and the log of how much deviations in data units are stretched in it."""
    made, found, stretched = explicit.made, [q], 0.0
    for each in explicit.levels:
        level, (sds, root) = each.varying.level, explicit.spread(q, each)
        kept = made.split.quantities if made.split and made.split.level == level else ()
        order = sorted(range(len(sds)), key=lambda k, kept=kept, each=each: each.varying.quantities[k] in kept)
        moved = np.linalg.cholesky((root @ root.T)[np.ix_(order, order)])
        z = np.linalg.solve(moved, deviations[level][order] / sds[order, None])
        finer = [o for o in explicit.plan.varying if explicit.plan.design.lattice.lies_below(o.level, level)]
        for k, name in enumerate(each.varying.quantities):
            if name in kept:
                continue
            if each.centred[k] and not any(name in o.quantities for o in finer):
                found.append(deviations[level][k] / find_unit(explicit.plan, explicit.data, name))
            else:
                found.append(z[order.index(k)])
                stretched += deviations[level].shape[1] * np.log(sds[k] * moved[order.index(k), order.index(k)])
    found += [point[f"missing({e.response})"] for e in explicit.plan.equations if f"missing({e.response})" in point]
    return np.concatenate(found), stretched


def draw_setup(explicit, rng):
    """A point of the PyMC model, our parameters there, and deviations."""
    point = {name: value + rng.normal(0, 0.4, np.shape(value)) for name, value in explicit.start.items()}
    q, stretched = translate(explicit.plan, explicit.made, point)
    deviations = {}
    for each in explicit.levels:
        sds, root = explicit.spread(q, each)
        n = explicit.data.units(each.varying.level).n
        deviations[each.varying.level] = sds[:, None] * (root @ rng.normal(size=(len(sds), n)))
    return point, q, deviations, stretched


# --- what is sampled ---

CHOICES = [
    (DIARY, small_diary(1), "person", ("1 -> y", "x(day) -> m", "m(day) -> y", "x(day) -> y")),
    (DYNAMICS, small_panel(2), "client", ("x(t-1) -> x", "y(t-1) -> x", "x(t-1) -> y", "y(t-1) -> y")),
    (TRENDS, small_panel(2), "client", ("1 -> x", "session -> x", "1 -> y", "session -> y")),
]


@pytest.mark.parametrize(("text", "frame", "level", "kept"), CHOICES, ids=["diary", "dynamics", "trends"])
def test_as_many_as_can_be_are_integrated_out(text, frame, level, kept):
    """Slopes and what is multiplied with none; or, of more quantities, courses, and one slope of departures is sampled."""
    _, _, made = prepared(text, frame)
    assert (made.split.level, set(made.split.quantities)) == (level, set(kept))


def test_a_curve_of_missing_values_samples_them():
    frame = flat(1)[["x", "m", "y"]]
    _, _, made = prepared("arrows: {x -> m: , m -> y: {shape: quadratic}}", frame)
    assert made.split is None
    assert made.sampled == ("missing values of m",)


def test_what_cannot_be_sampled_either_is_refused():
    frame = flat(1)[["x", "m", "y"]]
    theory = mx.parse("arrows: {x -> m: , m -> y: {shape: {piecewise: [0]}}}")
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    with pytest.raises(NotGaussianError, match="bend a missing value of m"):
        write_partial(plan, data, plan.equations)
    assert "bend a missing value of m" in collapsed.applies(plan, data, plan.equations)


# --- the density ---


@CASES
def test_density_is_pymcs_with_the_rest_integrated_out(text, frame):
    plan, data, made = prepared(text, frame)
    explicit, rng = Explicit(plan, data, made), np.random.default_rng(5)
    found = []
    for _ in range(3):
        point, q, deviations, stretched = draw_setup(explicit, rng)
        ours, moved = place(explicit, point, q, deviations)
        base, first, second = explicit.quadratic(point, q, deviations)
        theirs = base - 0.5 * first @ np.linalg.solve(second, first) - 0.5 * np.linalg.slogdet(-second)[1]
        found.append(slope(made, ours)[0] - stretched - moved - theirs)
    assert np.ptp(found) < 1e-7


@pytest.mark.parametrize(("text", "frame"), [(DIARY, diary(1)[0]), (DYNAMICS, small_panel(2)), (CORRELATED, small_pair(3)), (FLAT, flat(1))],
                         ids=["diary", "dynamics", "correlated", "flat"])  # fmt: skip
def test_gradient_is_that_of_the_density(text, frame):
    _, _, made = prepared(text, frame)
    rng, width = np.random.default_rng(2), 1e-5
    q = begin(made) + rng.normal(0, 0.3, made.size)
    _, gradient = slope(made, q)
    chosen = np.union1d(np.arange(made.coordinates.size), rng.choice(made.size, min(made.size, 40), replace=False))
    steps = width * np.eye(made.size)[chosen]
    up, down = (np.array([slope(made, q + sign * step)[0] for step in steps]) for sign in (1, -1))
    by_hand = (up - down) / (2 * width)
    np.testing.assert_allclose(gradient[chosen], by_hand, atol=1e-5 * np.abs(by_hand).max())


def test_the_c_function_is_the_density_in_the_samplers_coordinates():
    _, _, made = prepared(DYNAMICS, small_panel(2))
    rng = np.random.default_rng(1)
    centre, scale, x = begin(made), rng.uniform(0.5, 1.0, made.size), rng.normal(0, 0.3, made.size)
    native = bind_program(centre, scale, made.coordinates.chart, made.program, 1)
    value, gradient, point = call_native(native, x)
    expected, slopes = slope(made, centre + scale * x)
    np.testing.assert_array_equal(point, centre + scale * x)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, scale * slopes, rtol=1e-9)


@pytest.mark.parametrize("rooms", [1, 4])
def test_threads_share_rooms_and_no_numbers(rooms):
    """Four threads with a room for each, and with one for all, where those that find it taken make one of their own."""
    _, _, made = prepared(DYNAMICS, small_panel(2))
    rng = np.random.default_rng(5)
    centre, scale, points = begin(made), np.ones(made.size), rng.normal(0, 0.3, (200, made.size))
    native = bind_program(centre, scale, made.coordinates.chart, made.program, rooms)
    with ThreadPoolExecutor(4) as pool:  # ctypes lets go of Python's lock
        found = list(pool.map(lambda x: call_native(native, x), points))
    for x, (value, gradient, _) in zip(points, found, strict=True):
        expected, slopes = slope(made, centre + x)
        assert value == expected
        np.testing.assert_array_equal(gradient, slopes)
    taken = native.arrays[-2]
    assert taken.shape == (rooms,)
    assert not taken.any()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_root_in_another_order_and_its_slopes(order):
    tape, rng = Tape(), np.random.default_rng(1)
    tape.reserve(6)
    entries = np.full((3, 3), -1)
    entries[np.tril_indices(3)] = np.arange(6)
    root = tape.root(entries, np.array(order))
    known, steps, indices = np.zeros(0), np.array(tape.steps), np.concatenate(tape.indices)

    def at(first):
        cells = np.empty(tape.size)
        cells[:6] = first
        run_forwards(steps, indices, known, cells)
        return cells

    first, weights = np.array([1.0, 0.4, 0.9, -0.3, 0.2, 0.8]), rng.normal(size=9)
    lower = np.zeros((3, 3))
    lower[np.tril_indices(3)] = first
    made = at(first)[root.at : root.at + 9].reshape(3, 3)
    np.testing.assert_allclose(made @ made.T, (lower @ lower.T)[np.ix_(order, order)], atol=1e-14)
    assert np.allclose(np.triu(made, 1), 0)
    slopes = np.zeros(tape.size)
    slopes[root.at : root.at + 9] = weights * np.tril(np.ones((3, 3))).reshape(-1)
    weighted = slopes[root.at :].copy()
    run_backwards(steps, indices, known, at(first), slopes)
    step = 1e-6 * np.eye(6)
    by_hand = [(at(first + s)[root.at :] - at(first - s)[root.at :]) @ weighted / 2e-6 for s in step]
    np.testing.assert_allclose(slopes[:6], by_hand, atol=1e-8)


def test_the_same_step_is_written_once():
    tape = Tape()
    one = tape.reserve(3)
    twice = [tape.multiply(one, np.array([1.0, 2.0, 3.0])) for _ in range(2)]
    assert twice[0] is twice[1]
    assert len(tape.steps) == 1
    assert tape.multiply(one, np.ones(3)) is one
    assert not isinstance(tape.multiply(one, np.zeros(3)), Node)


# --- draws ---


@pytest.mark.parametrize(
    ("text", "frame"), [(DIARY, small_diary(1)), (DYNAMICS, small_panel(2))], ids=["diary", "dynamics"]
)
def test_what_was_integrated_out_is_drawn_from_its_conditional(text, frame):
    plan, data, made = prepared(text, frame)
    explicit, rng = Explicit(plan, data, made), np.random.default_rng(3)
    point, q, deviations, _ = draw_setup(explicit, rng)
    ours, _ = place(explicit, point, q, deviations)
    _, first, second = explicit.quadratic(point, q, deviations)
    covariance = np.linalg.inv(-second)
    count = 20_000
    drawn = draw_deviations(plan, made, np.tile(ours, (1, count, 1)), np.random.default_rng(4))
    names = next(each.quantities for each in plan.varying if each.level == made.split.level)
    rows = [names.index(name) for name in made.split.quantities]
    found = drawn[made.split.level][0][:, rows].reshape(count, -1)
    spread = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(found.mean(axis=0) - covariance @ first) < Z * spread / np.sqrt(count))
    assert np.all(np.abs(found.var(axis=0) / spread**2 - 1) < Z * np.sqrt(2 / count))
    related = np.abs(np.corrcoef(found.T) - covariance / np.outer(spread, spread))
    assert related.max() < Z / np.sqrt(count)
    for each in plan.varying:  # what was sampled is as it was
        kept = made.split.quantities if each.level == made.split.level else ()
        others = [k for k, name in enumerate(each.quantities) if name not in kept]
        np.testing.assert_allclose(drawn[each.level][0, 0, others], deviations[each.level][others], atol=1e-9)


def test_a_diary_is_sampled_where_means_and_slopes_are_unknown():
    """2 chains × 300 draws after 300; what is sampled and what is not is said, and every person has slopes."""
    frame, own = diary(11)
    fit = mx.fit(mx.parse(DIARY), frame, chains=2, draws=300, tune=300, seed=1)
    (block,) = fit.blocks
    assert block.engine == "collapsed"
    assert "NUTS on parameters and 1 -> x by person and 1 -> m by person" in block.reason
    assert fit.idata["sample_stats"]["diverging"].shape == fit.shape
    slopes = ["x(day) -> m", "m(day) -> y", "x(day) -> y"]
    for each in assess(fit.draws[slopes]):
        assert each.r_hat < 1.02 and each.ess_bulk > 400, each
    for address, column in (("x(day) -> m", "a"), ("m(day) -> y", "b")):
        mine = fit.parameters[address][:, None] + fit.deviations[address, "person"]
        inside = (np.quantile(mine, 0.025, axis=0) < own[column]) & (own[column] < np.quantile(mine, 0.975, axis=0))
        assert inside.sum() >= 87, "95 % intervals of 100 people: 86 or fewer has a chance of less than 1 in 1000"


@pytest.mark.slow  # PyMC models are compiled
@pytest.mark.parametrize(("text", "frame"), [(DIARY, diary(11)[0]), (VAR.replace("-> x, y:", "-> x, y: {varies_by: client}"), panel(6, 100, 12, 15))],
                         ids=["diary", "dynamics"])  # fmt: skip
def test_agrees_with_nuts_on_the_explicit_model(text, frame):
    theory = mx.parse(text)
    one, other = mx.fit(theory, frame, seed=1), mx.fit(theory, frame, seed=2, tune=2000, draws=4000, engine="nuts")
    assert one.blocks[0].engine == "collapsed"
    assert_alike(one, other)
    for key, drawn in one.deviations.items():
        theirs = other.deviations[key]
        assert np.abs((drawn.mean(0) - theirs.mean(0)) / theirs.std(0)).max() < Z * np.sqrt(2 / 400), key


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_recovers_dynamics_of_persons(seed):
    """Autoregressions of clients' own around .4 (sd .15), cross-lags around .2 and 0: truth within 4 posterior sds."""
    rng = np.random.default_rng(seed)
    rows = []
    for client in range(100):
        mean, away = rng.normal(5, 1, 2), rng.normal(0, 1.1, 2)
        own = np.array([[0.4, 0.0], [0.2, 0.4]]) + rng.normal(0, 0.15, (2, 2))
        for session in range(15):
            away = own @ away + rng.normal(0, 1, 2) if session else away
            rows.append((client, session, *(mean + away)))
    frame = pd.DataFrame(rows, columns=["client", "session", "x", "y"])
    frame.loc[rng.random(len(frame)) < 0.1, "x"] = np.nan
    fit = mx.fit(mx.parse(VAR.replace("-> x, y:", "-> x, y: {varies_by: client}")), frame, seed=1)
    assert fit.blocks[0].engine == "collapsed"
    assert mx.diagnose(fit).ok
    truth = {"x(t-1) -> x": 0.4, "y(t-1) -> x": 0.0, "x(t-1) -> y": 0.2, "y(t-1) -> y": 0.4}
    truth |= {f"sd({name} | client)": 0.15 for name in truth}
    for name, value in truth.items():
        assert abs(fit.parameters[name].mean() - value) < 4 * fit.parameters[name].std(), name
