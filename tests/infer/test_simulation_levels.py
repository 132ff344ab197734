"""Simulated series have the moments of closed forms and of a simulator written by hand, and obey the rules of levels.

Where a moment is compared, `near` holds it to five of its Monte Carlo standard errors, from its sampling theory or from
the spread over independent clients.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from mechanisms.data.door import bind
from mechanisms.errors import DataError, FitError
from mechanisms.infer.simulation import simulate
from mechanisms.model.plan import compile
from mechanisms.spec.reader import parse

HEAD = "levels: [session, client]\ntime: session\n"
NEST = "levels: [session, client, therapist]\ntime: session\n"
TINY = 1e-9


def design(n, times, per=None, **columns):
    """`n` clients with an occasion at each of `times`, `per` of them with each therapist; columns are per client."""
    client = np.repeat(np.arange(n), len(times))
    frame = pd.DataFrame({"client": client, "session": np.tile(times, n)})
    if per:
        frame["therapist"] = frame.client // per
    return frame.assign(**{name: np.asarray(column)[client] for name, column in columns.items()})


def truth_of(plan, **said):
    """Zero for every parameter but those that are said; sds that are not are tiny."""
    found = {each: 0.0 if each.partition("(")[0] not in ("sigma", "sd") else TINY for each in plan.parameters}
    found |= {each.correlation: 0 for each in plan.varying if each.correlated}
    return found | {key.replace("__", " "): value for key, value in said.items()}


def simulated(text, frame, truth, seed=1):
    plan = compile(parse(text))
    found = simulate(plan, frame, truth_of(plan) | truth, seed=seed)
    assert list(found.columns[: len(plan.design.lattice.names)]) == list(reversed(plan.design.lattice.names))
    return found


def wide(frame, name, by="client", when="session"):
    """One row per client, one column per occasion."""
    return frame.pivot_table(index=by, columns=when, values=name).to_numpy()


def near(found, wanted, error):
    assert np.all(np.abs(np.asarray(found) - wanted) < 5 * np.asarray(error)), (found, wanted, error)


def near_over_clients(values, wanted):
    near(np.mean(values), wanted, np.std(values, ddof=1) / np.sqrt(len(values)))


def near_covariance(found, wanted, n):
    """Two covariance matrices; Var(s_ij) = (s_ii s_jj + s_ij²) / n for normal variables."""
    near(found, wanted, np.sqrt((np.outer(np.diag(wanted), np.diag(wanted)) + wanted**2) / n))


def slopes(frame, cause, effect):
    """Each client's own least-squares slope."""
    x, y = (wide(frame, name) for name in (cause, effect))
    x = x - x.mean(axis=1, keepdims=True)
    return (x * y).sum(axis=1) / (x * x).sum(axis=1)


# --- closed forms ---


def test_two_intercepts_have_their_intraclass_and_cross_correlations():
    text = "levels: [pupil, school]\nvariables: {x: {level: school}, y: , z: }\narrows: [x -> y, x -> z]"
    n, size, between, within = 5000, 8, 0.6, 1.1
    frame = pd.DataFrame({"school": np.repeat(np.arange(n), size), "pupil": np.arange(n * size)})
    frame["x"] = np.random.default_rng(0).normal(size=n)[frame.school]
    truth = {"x -> y": 0.5, "sigma(y)": within, "sigma(z)": 0.7, "sd(1 -> y | school)": between}
    truth |= {"sd(1 -> z | school)": 0.9, "cor(school)": {"1 -> z <-> 1 -> y": -0.4}}
    found = simulated(text, frame, truth)
    y, z = ((found[name] - slope * frame.x).to_numpy().reshape(n, size) for name, slope in (("y", 0.5), ("z", 0.0)))
    wanted = np.full((2 * size, 2 * size), between * 0.9 * -0.4)
    wanted[:size, :size], wanted[size:, size:] = between**2, 0.9**2
    wanted += np.diag(np.repeat([within**2, 0.7**2], size))
    near_covariance(np.cov(np.hstack([y, z]).T), wanted, n)
    mean_square = size * y.mean(axis=1).var(ddof=1)
    rest = y.var(axis=1, ddof=1).mean()
    found_share = (mean_square - rest) / (mean_square + (size - 1) * rest)
    share = between**2 / (between**2 + within**2)
    error = (1 - share) * (1 + (size - 1) * share) * np.sqrt(2 / (size * (size - 1) * (n - 1)))
    near(found_share, share, error)


@pytest.mark.parametrize("first", [0.4, 0.8 / np.sqrt(1 - 0.36), 3.0])
def test_departures_are_autoregressive_from_their_own_beginning(first):
    n, times, slope, sigma, between = 20_000, range(6), 0.6, 0.8, 0.5
    truth = {"1 -> y": 2.0, "y(t-1) -> y": slope, "x -> y": 1.0, "sigma(y)": sigma, "sigma(y | first)": first}
    truth |= {"sd(1 -> y | client)": between}
    x = np.resize([0, 1], n)
    text = HEAD + "variables: {x: {level: client, family: bernoulli}, y: }\narrows: [x -> y, y(t-1) -> y]"
    found = simulated(text, design(n, times, x=x), truth)
    y = wide(found, "y")
    own = [slope ** (2 * t) * first**2 + sigma**2 * (1 - slope ** (2 * t)) / (1 - slope**2) for t in times]
    wanted = np.array([[own[min(s, t)] * slope ** abs(s - t) for s in times] for t in times]) + between**2
    near_covariance(np.cov((y - x[:, None]).T), wanted, n)
    # A client's cause moves the course: by 1 at every occasion, not by 1 / (1 − slope) in the long run.
    near(y[x == 1].mean(axis=0) - y[x == 0].mean(axis=0), 1.0, 2 * np.sqrt(np.diag(wanted) / n))


def test_slopes_that_vary_together_add_their_covariance_to_an_indirect_effect():
    n, times = 4000, range(12)
    text = HEAD + (
        "variables: {x: , m: , y: }\narrows:\n  x(session) -> m: {varies_by: client}\n"
        "  m(session) -> y: {varies_by: client}\n  x(session) -> y:\n"
    )
    a, b = "x(session) -> m", "m(session) -> y"
    truth = {a: 0.5, b: 0.4, "x(session) -> y": 0.1, "1 -> x": 3.0, "sigma(x)": 1.0, "sigma(m)": 0.5, "sigma(y)": 0.5}
    truth |= {f"sd({a} | client)": 0.3, f"sd({b} | client)": 0.2, "sd(1 -> m | client)": 1.0}
    truth |= {"cor(client)": {f"{a} <-> {b}": 0.6}}
    found = simulated(text, design(n, times), truth)
    near_over_clients(slopes(found, "x", "m"), 0.5)
    near_over_clients(slopes(found, "x", "y"), 0.5 * 0.4 + 0.6 * 0.3 * 0.2 + 0.1)
    flat = simulated(text, design(n, times), truth | {"cor(client)": 0})
    near_over_clients(slopes(flat, "x", "y"), 0.5 * 0.4 + 0.1)


def test_slopes_within_and_between_are_two():
    """On observed means the slope between is b_W + (b_B − b_W) λ, λ the reliability of a mean (Lüdtke et al. 2008)."""
    n, times, within, between = 20_000, range(5), -0.3, 0.8
    text = HEAD + "variables: {x: , y: }\narrows: [x(session) -> y, x(client) -> y]"
    truth = {"x(session) -> y": within, "x(client) -> y": between, "sigma(x)": 1.0, "sigma(y)": 0.5}
    truth |= {"sd(1 -> x | client)": 0.7, "sd(1 -> y | client)": 0.4}
    found = simulated(text, design(n, times), truth)
    near_over_clients(slopes(found, "x", "y"), within)
    means = found.groupby("client")[["x", "y"]].mean()
    share = 0.49 / (0.49 + 1 / len(times))
    slope = np.cov(means.x, means.y)[0, 1] / means.x.var()
    residual = means.y - slope * means.x
    near(slope, within + (between - within) * share, residual.std() / means.x.std() / np.sqrt(n))


def test_three_levels_have_three_variances():
    n, per = 30_000, 5
    text = NEST + "variables: {x: {level: therapist}, y: }\narrows: [x -> y]"
    frame = design(n, range(3), per=per)
    frame["x"] = np.random.default_rng(0).normal(size=n // per)[frame.therapist]
    truth = {"x -> y": 0.7, "sigma(y)": 1.0, "sd(1 -> y | client)": 0.8, "sd(1 -> y | therapist)": 0.5}
    found = simulated(text, frame, truth)
    y = (found.y - 0.7 * found.x).to_numpy().reshape(n // per, 3 * per)
    same_client = np.kron(np.eye(per), np.ones((3, 3)))
    near_covariance(np.cov(y.T), 0.25 + 0.64 * same_client + np.eye(3 * per), n // per)


def test_chances_have_courses_too():
    n = 60_000
    text = HEAD + "variables: {x: {level: client, family: bernoulli}, y: {family: bernoulli}}\narrows: [x -> y]"
    found = simulated(
        text, design(n, range(2), x=np.resize([0, 1], n)), {"1 -> y": -0.5, "x -> y": 1.0, "sd(1 -> y | client)": 1.5}
    )
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    for x in (0, 1):
        chances = special.expit(-0.5 + x + 1.5 * nodes)
        once, twice = (float(weights @ power / weights.sum()) for power in (chances, chances**2))
        y = wide(found[found.x == x], "y")
        near(y.mean(), once, np.sqrt(once * (1 - once) / len(y)))
        near((y[:, 0] * y[:, 1]).mean(), twice, np.sqrt(twice * (1 - twice) / len(y)))


def test_residuals_that_share_a_cause_correlate_at_each_occasion():
    n = 20_000
    text = HEAD + (
        "variables: {c: {level: client}, a: , b: , d: }\narrows:\n  c -> a, b, d:\n  a(t-1) -> a:\n  a <-> b:\n  b <-> d:\n"
    )
    truth = {"a(t-1) -> a": 0.5, "sigma(a)": 1.0, "sigma(a | first)": 2.0, "sigma(b)": 0.5, "sigma(d)": 3.0}
    truth |= {"a <-> b": 0.6, "b <-> d": -0.4, "sd(1 -> b | client)": 0.7}
    found = simulated(text, design(n, range(2), c=np.arange(n)), truth)
    y = np.hstack([wide(found, name) for name in ("a", "b", "d")])
    wanted = np.zeros((6, 6))
    wanted[:2, :2] = [[4.0, 2.0], [2.0, 2.0]]
    wanted[2:4, 2:4] = 0.49 + 0.25 * np.eye(2)
    wanted[4:, 4:] = 9.0 * np.eye(2)
    wanted[2, 4] = wanted[4, 2] = wanted[3, 5] = wanted[5, 3] = -0.4 * 0.5 * 3.0
    # a(1) = a(0) / 2 + e: of b(0) it has half of what a(0) has, and of b(1) what e has
    wanted[0, 2] = wanted[2, 0] = 0.6 * 2.0 * 0.5
    wanted[1, 2] = wanted[2, 1] = 0.5 * wanted[0, 2]
    wanted[1, 3] = wanted[3, 1] = 0.6 * 1.0 * 0.5
    near_covariance(np.cov(y.T), wanted, n)


def test_coefficients_as_variables_are_each_clients_own():
    """Own trends and own residual sds, moved by a cause, correlated with the level, and foretelling an outcome."""
    n, times = 20_000, range(4)
    text = HEAD + (
        "variables:\n  c: {level: client, family: bernoulli}\n  y:\n  late: {level: client}\n"
        "  growth: {level: client, is: session -> y}\n  swing: {level: client, is: sigma(y)}\n"
        "arrows:\n  session -> y: {varies_by: client}\n  1 -> sigma(y): {varies_by: client}\n  c -> growth, swing:\n  growth -> late:\n"
    )
    truth = {"1 -> growth": 0.5, "c -> growth": 1.0, "sigma(growth)": 0.3, "1 -> swing": -1.0, "c -> swing": 0.5}
    truth |= {"1 -> y": 10.0, "sd(1 -> y | client)": 0.8, "growth -> late": 2.0, "sigma(late)": 0.4}
    truth |= {"cor(client)": {"1 -> y <-> growth": 0.5}}
    found = simulated(text, design(n, times, c=np.resize([0, 1], n)), truth)
    t = np.arange(4.0)
    for c in (0, 1):
        here = found[found.c == c]
        y, late = wide(here, "y"), here.drop_duplicates("client").late.to_numpy()
        noise = np.exp(-1 + 0.5 * c) ** 2
        wanted = 0.64 + 0.5 * 0.8 * 0.3 * (t[:, None] + t) + 0.09 * np.outer(t, t) + noise * np.eye(4)
        wanted = np.block([[wanted, np.zeros((4, 1))], [np.zeros((1, 4)), np.array([[4 * 0.09 + 0.16]])]])
        wanted[4, :4] = wanted[:4, 4] = 2 * (0.5 * 0.8 * 0.3 + 0.09 * t)
        both = np.column_stack([y, late])
        near(both.mean(axis=0), [*(10 + (0.5 + c) * t), 2 * (0.5 + c)], np.sqrt(np.diag(wanted) / len(y)))
        near_covariance(np.cov(both.T), wanted, len(y))


# --- a simulator written by hand ---


def cross_lagged(n, times, rng):
    """Departures from own courses that move each other, x first and then y, with an inertia of x for each client."""
    deviations = rng.multivariate_normal([0, 0, 0], [[0.49, 0.14, 0.0], [0.14, 0.36, 0.03], [0.0, 0.03, 0.01]], n)
    x, y = np.empty((n, times)), np.empty((n, times))
    one, other = np.zeros(n), np.zeros(n)
    for t in range(times):
        sd_x, sd_y = (1.2, 0.9) if t == 0 else (0.8, 0.6)
        new = (0.3 + deviations[:, 2]) * one - 0.2 * other + rng.normal(0, sd_x, n)
        other = 0.4 * other + 0.25 * one + 0.15 * new + rng.normal(0, sd_y, n)
        one = new
        x[:, t] = 1.0 + deviations[:, 0] + one
        y[:, t] = -2.0 + deviations[:, 1] + other
    return np.hstack([x, y])


def test_a_cross_lagged_model_has_the_moments_of_one_written_by_hand():
    n, times = 30_000, 5
    text = HEAD + (
        "variables: {x: , y: }\narrows:\n  x(t-1) -> x: {varies_by: client}\n"
        "  y(t-1) -> x:\n  y(t-1), x(t-1) -> y:\n  x(session) -> y:\n"
    )
    truth = {"1 -> x": 1.0, "1 -> y": -2.0, "x(t-1) -> x": 0.3, "y(t-1) -> x": -0.2, "y(t-1) -> y": 0.4}
    truth |= {"x(t-1) -> y": 0.25, "x(session) -> y": 0.15, "sigma(x)": 0.8, "sigma(y)": 0.6}
    truth |= {"sigma(x | first)": 1.2, "sigma(y | first)": 0.9, "sd(1 -> x | client)": 0.7, "sd(1 -> y | client)": 0.6}
    inertia = "x(t-1) -> x"
    pairs = {"1 -> x <-> 1 -> y": 0.14 / 0.42, f"1 -> y <-> {inertia}": 0.03 / 0.06}
    truth |= {f"sd({inertia} | client)": 0.1, "cor(client)": pairs}
    frame = simulated(text, design(n, range(times)), truth)
    found = np.hstack([wide(frame, "x"), wide(frame, "y")])
    hand = cross_lagged(n, times, np.random.default_rng(7))
    expected = np.cov(hand.T)
    # Two samples differ by √2 of one's error; products of inertia and departures have tails a little above the normal's.
    near(found.mean(axis=0), hand.mean(axis=0), np.sqrt(2 * np.diag(expected) / n))
    products = np.einsum("ni,nj->nij", hand - hand.mean(axis=0), hand - hand.mean(axis=0))
    near(np.cov(found.T), expected, np.sqrt(2 / n) * products.std(axis=0))


# --- rules ---


def test_a_cause_of_clients_moves_courses_and_travels_only_by_courses():
    text = (
        HEAD + "variables: {arm: {level: client, family: bernoulli}, m: , y: }\narrows:\n  arm -> m:\n  m(t-1) -> y:\n"
    )
    truth = {"arm -> m": 2.0, "m(t-1) -> y": 5.0}
    frame = design(2, range(4), arm=[0, 1])
    cut = simulated(text, frame, truth)
    np.testing.assert_allclose(wide(cut, "m"), [[0.0] * 4, [2.0] * 4], atol=1e-6)
    np.testing.assert_allclose(wide(cut, "y"), np.zeros((2, 4)), atol=1e-6)
    carried = simulated(text + "  m(client) -> y:\n", frame, truth | {"m(client) -> y": 0.5})
    np.testing.assert_allclose(wide(carried, "y"), [[0.0] * 4, [1.0] * 4], atol=1e-6)
    late = text.replace("arm -> m:", "arm -> m: {only_when: {session: 2..}}")
    found = simulated(late, frame, truth)
    np.testing.assert_allclose(wide(found, "m")[1], [0, 0, 2, 2], atol=1e-6)
    np.testing.assert_allclose(wide(found, "y"), np.zeros((2, 4)), atol=1e-6)


# The effect is declared before what its existence hangs on: the order of a file must not matter.
BROKEN = HEAD + (
    "variables:\n  c: {level: client}\n  y: {assessed: start}\n  repair: {only_when: {rupture: 1}}\n  rupture: {family: bernoulli, values: [no, 'yes']}\n"
    "arrows:\n  c -> rupture, repair:\n  repair(whole t-1) -> y:\n  rupture(whole t-1) -> y:\n"
)


def test_what_does_not_exist_is_empty_and_contributes_nothing():
    truth = {"repair(whole t-1) -> y": 0.5, "rupture(whole t-1) -> y": -1.0, "1 -> repair": 3.0, "sigma(repair)": 1.0}
    text = BROKEN.replace(", values: [no, 'yes']", "")
    found = simulated(text, design(300, range(6), c=range(300)), truth)
    broke = found.rupture == 1
    assert 0.4 < broke.mean() < 0.6
    assert (found.repair.notna() == broke).all()
    before = found.groupby("client")[["repair", "rupture"]].shift().fillna(0.0)
    np.testing.assert_allclose(found.y, 0.5 * before.repair - before.rupture, atol=1e-6)
    assert bind(parse(text), found).numbers("repair").absent.sum() == (~broke).sum()


def test_a_condition_in_words_is_looked_up_among_words():
    text = BROKEN.replace("{rupture: 1}", "{rupture: 'yes'}")
    found = simulated(text, design(50, range(4), c=range(50)), {"sigma(repair)": 1.0})
    assert set(found.rupture) == {"no", "yes"}
    assert (found.repair.notna() == (found.rupture == "yes")).all()


def test_coarser_units_wait_for_the_occasion_that_they_look_at():
    """x is caused by nothing later, but y at every occasion by what x was at occasion 2."""
    text = (
        HEAD
        + "variables: {c: {level: client}, x: , late: {level: client}, y: }\narrows: [c -> x, x(2) -> late, late -> y]"
    )
    found = simulated(
        text,
        design(40, range(4), c=range(40)),
        {"x(2) -> late": 2.0, "1 -> late": 1.0, "late -> y": 3.0, "sigma(x)": 1.0},
    )
    at_two = np.repeat(wide(found, "x")[:, 2], 4)
    np.testing.assert_allclose(found.late, 1 + 2 * at_two, atol=1e-6)
    np.testing.assert_allclose(found.y, 3 + 6 * at_two, atol=1e-6)


def test_a_computed_variable_is_worked_out_from_what_was_simulated():
    text = (
        HEAD
        + "variables: {c: {level: client}, x: , y: , gain: {is: x - x(0)}}\narrows:\n  c -> x:\n  gain -> y:\n  gain(t-1) -> y:\n"
    )
    grid = text.replace("levels: [session, client]", "levels: {session: {in: client, occasions: [0, 2, 5]}, client: }")
    found = simulated(
        grid, design(30, [0, 2, 5], c=range(30)), {"gain -> y": 1.0, "gain(t-1) -> y": 10.0, "sigma(x)": 1.0}, seed=2
    )
    x, y = wide(found, "x"), wide(found, "y")
    gain = x - x[:, :1]
    np.testing.assert_allclose(y, gain + 10 * np.hstack([np.zeros((30, 1)), gain[:, :-1]]), atol=1e-6)


# --- the frame ---

LAGGED = HEAD + "variables: {x: {level: client}, y: }\narrows: [x -> y, y(t-1) -> y]"
PLAIN = {"x -> y": 0.5, "y(t-1) -> y": 0.3, "sigma(y)": 1.0, "sigma(y | first)": 1.0, "sd(1 -> y | client)": 0.5}


def test_rows_ids_and_words_are_those_of_the_data():
    frame = design(6, range(5), x=np.arange(6.0)).assign(client=lambda f: "c" + f.client.astype(str), y=99.0)
    frame = frame.drop(index=[3, 11, 12]).sample(frac=1, random_state=1)
    plan = compile(parse(LAGGED))
    truth = truth_of(plan) | PLAIN
    found = simulate(plan, frame, truth, seed=4)
    pd.testing.assert_frame_equal(
        found[["client", "session", "x"]].sort_values(["client", "session"], ignore_index=True),
        frame[["client", "session", "x"]].sort_values(["client", "session"], ignore_index=True),
    )
    assert 99.0 not in set(found.y)
    bound = bind(parse(LAGGED), found)
    pd.testing.assert_frame_equal(simulate(plan, bound, truth, seed=4), found)
    assert not np.allclose(simulate(plan, bound, truth, seed=5).y, found.y)


def test_missing_values_can_be_kept():
    frame = design(6, range(5), x=np.arange(6.0)).assign(y=np.arange(30.0))
    frame.loc[[2, 17], "y"] = np.nan
    plan = compile(parse(LAGGED))
    kept = simulate(plan, frame, truth_of(plan) | PLAIN, seed=1, keep_missing=True)
    assert list(np.flatnonzero(kept.y.isna())) == [2, 17]
    whole = simulate(plan, frame, truth_of(plan) | PLAIN, seed=1)
    assert whole.y.notna().all()
    pd.testing.assert_series_equal(kept.y.dropna(), whole.y.drop(index=[2, 17]))


def without(truth, name):
    return {key: value for key, value in truth.items() if key != name}


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        (lambda f, t: (f, without(t, "sigma(y | first)")), FitError, r"no value is given for sigma\(y \| first\), the residual"),
        (lambda f, t: (f, without(t, "sd(1 -> y | client)")), FitError, r"no value is given for sd\(1 -> y \| client\)"),
        (lambda f, t: (f.drop(columns="client"), t), DataError, "client"),
        (lambda f, t: (f.assign(x=np.where(f.client == 1, np.nan, f.x)), t), DataError, "missing values in x"),
        (lambda f, t: ({"session": f[f.client != 2], "client": f.drop_duplicates("client")[["client", "x"]]}, t), DataError, "client 2 has no session"),
    ],
)  # fmt: skip
def test_refused(changed, error, message):
    plan = compile(parse(LAGGED))
    frame, truth = changed(design(6, range(5), x=np.arange(6.0)), truth_of(plan) | PLAIN)
    with pytest.raises(error, match=message):
        simulate(plan, frame, truth, seed=1)


def test_first_occasions_need_an_sd_only_where_there_are_some():
    """The alliance does not exist at the first occasion, so none of its values lacks an occasion before it."""
    text = HEAD + "variables: {m: {only_when: {session: 1..}}, y: }\narrows: [y(t-1) -> m]"
    plan = compile(parse(text))
    assert "sigma(m | first)" in plan.parameters
    truth = without(truth_of(plan) | {"sigma(m)": 1.0}, "sigma(m | first)")
    found = simulate(plan, design(4, range(3)), truth, seed=1)
    assert (found.m.isna() == (found.session == 0)).all()


def test_a_thousand_clients_take_no_longer_than_a_moment(taken):
    text = (
        HEAD
        + "variables: {x: , y: , z: }\narrows:\n  x(t-1) -> x:\n  x(session), y(t-1) -> y:\n  y(session), z(t-1) -> z:\n"
    )
    plan = compile(parse(text))
    frame, truth = design(1000, range(20)), truth_of(plan) | {"sigma(x)": 1.0}
    assert taken(lambda: simulate(plan, frame, truth, seed=1)) < 3
