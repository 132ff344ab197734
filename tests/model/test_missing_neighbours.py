"""Missing discrete values that other rows look at: the model's density is the sum over every completion of the data.

The witness writes all completions of a client out and adds up their complete-data densities, by NumPy.
"""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytensor
import pytest
from pytensor.compile.mode import Mode
from scipy import special, stats

import mechanisms as mx
from mechanisms.data.dataset import Categories, readable
from mechanisms.errors import DataError
from mechanisms.model.completing import complete_plan
from mechanisms.model.courses import latent_value, predict
from mechanisms.model.discrete import find_mixture
from mechanisms.model.families import FAMILIES, inverse_link
from mechanisms.model.log_densities import Numeric, Row, log_density
from mechanisms.model.missing import find_partners, first_rows
from mechanisms.model.setting import Setting, find_out_of, spread
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")
HEAD = "levels: [session, client]\ntime: session\n"
CLIENTS, SESSIONS = 4, 4


def panel(seed=0):
    """Four clients by four sessions, complete; what a theory does not name is left out by `bound`."""
    rng = np.random.default_rng(seed)
    n = CLIENTS * SESSIONS
    frame = pd.DataFrame({"client": np.repeat(range(CLIENTS), SESSIONS), "session": [*range(SESSIONS)] * CLIENTS})
    frame["therapist"] = np.maximum(frame.client - 1, 0)  # the first has two clients
    frame["x"], frame["y"], frame["z"], frame["v"] = rng.normal(size=(4, n))
    frame["m"], frame["k"] = rng.permutation([0.0, 1.0] * (n // 2)), rng.permutation([0.0, 1.0] * (n // 2))
    frame["o"] = rng.permutation(list("abca") * (n // 4))
    frame["c"] = rng.permutation([0.0, 1, 2, 3] * (n // 4))
    frame["u"] = rng.poisson(1.5, n) * np.array([0.0, 1, 1, 1] * (n // 4))
    frame["b"], frame["w"] = np.repeat([0.0, 1, 1, 0], SESSIONS), np.repeat(rng.normal(size=CLIENTS), SESSIONS)
    frame["g"] = np.where(frame.therapist == 1, 1.0, 0.0)
    return frame


def bound(text, gaps, frame=None):
    """The plan and the data, without the values at (variable, rows)."""
    theory = mx.parse(text)
    frame = panel() if frame is None else frame
    for name, rows in gaps.items():
        frame[name] = frame[name].astype(object)
        frame.loc[rows, name] = None
        if frame[name].dropna().map(lambda each: isinstance(each, float)).all():
            frame[name] = frame[name].astype(float)
    indicators = [name for each in theory.variables for name in each.measured_by or ()]
    wanted = dict.fromkeys([*theory.names, *indicators, *(level.name for level in theory.levels)])
    named = [each for each in wanted if each in frame]
    data = mx.bind(theory, frame[named])
    return complete_plan(mx.compile(theory), data), data


def read(model, seed, far=0.4):
    """Every quantity, potential and row's log density of a model at a point chosen at random."""
    wanted = [*model.free_RVs, *model.deterministics, *model.potentials]
    outputs = [*model.replace_rvs_by_values(wanted), *model.logp(model.observed_RVs, sum=False)]
    names = [*(each.name for each in wanted), *(f"logp {each.name}" for each in model.observed_RVs)]
    run = pytensor.function(model.value_vars, outputs, mode=CHEAP, on_unused_input="ignore")
    rng = np.random.default_rng(seed)
    point = {name: value + rng.normal(0, far, np.shape(value)) for name, value in model.initial_point().items()}
    return dict(zip(names, run(*(point[each.name] for each in model.value_vars)), strict=True))


def total(found):
    """The log density of what was seen and of missing numbers."""
    return sum(np.sum(each) for name, each in found.items() if name.startswith(("logp ", "unknown(", "summed(")))


def witness(plan, data, found, limit=12):
    """log Σ over completions of the complete-data density: by NumPy, client by client of the coarsest level that ties them.

    Counts without a greatest value are summed up to `limit`.
    """
    b = {
        address: value
        for equation in plan.equations
        for address, value in zip(equation.addresses, found[f"coefficients({equation.response})"], strict=True)
    } | {name: float(value) for name, value in found.items() if np.ndim(value) == 0}
    deviations = {
        (address, each.level): row
        for each in plan.varying
        for address, row in zip(each.quantities, found[f"deviations({each.level})"], strict=True)
    }
    values = {column.name: readable(column) for column in data.columns}
    cells, supports = [], []
    for equation in plan.equations:
        name = equation.response
        if equation.latent or not data[name].missing.any():
            continue
        rows = np.flatnonzero(data[name].missing)
        if not FAMILIES[equation.family].whole:
            if f"missing({name})" in found:
                column = data.numbers(name)
                values[name][rows] = column.mean + column.sd * found[f"missing({name})"]
            continue
        column = data[name]
        size = {"binomial": find_trials(equation) + 1, "bernoulli": 2}.get(equation.family, limit)
        size = len(column.values) if isinstance(column, Categories) else size
        cells += [(name, row) for row in rows]
        supports += [np.arange(float(size))] * len(rows)
    terms = []
    for chosen in itertools.product(*supports):
        filled = {name: each.copy() for name, each in values.items()}
        for (name, row), value in zip(cells, chosen, strict=True):
            filled[name][row] = value
        setting = Setting(plan, data, b, deviations, filled, inverse_link, sought=True)
        terms.append(sum(density(setting, each, found) for each in plan.equations if not each.latent))
    return special.logsumexp(terms)


def find_trials(equation):
    return int(equation.out_of) if isinstance(equation.out_of, float | int) else 0


def density(setting, equation, found):
    """The complete-data log density of a response, given the residuals of an earlier partner."""
    name, column, n = equation.response, setting.data[equation.response], setting.data.units(equation.level).n
    kept = (
        column.observed | column.missing
        if FAMILIES[equation.family].whole or f"missing({name})" in found
        else column.observed
    )
    etas, sigma, y = *location(setting, equation), setting.values[name]
    for other in plan_before(setting.plan, name):
        eta, own = location(setting, setting.plan.equation(other))
        rho = setting.parameters[f"{other} <-> {name}"]
        etas = [etas[0] + sigma * rho * (setting.values[other] - eta[0]) / own]
        sigma = sigma * np.sqrt(1 - rho**2)
    shape = setting.parameters[equation.shape] if equation.shape else None
    row = Row(Numeric, equation, etas, sigma, shape, find_out_of(setting, equation))
    return np.broadcast_to(log_density(row, np.where(kept, y, 1.0)), n)[kept].sum()


def plan_before(plan, name):
    """At most one response whose residual is correlated with this one's and stands before it."""
    names = [each.response for each in plan.equations]
    return [each for each in names[: names.index(name)] if each in find_partners(plan, name)]


def location(setting, equation):
    """Linear predictors and residual sd, that of first occasions their own."""
    etas = [predict(setting, each) for each in equation.predictors]
    sigma = setting.parameters.get(equation.spread)
    if equation.volatility:
        level = setting.design.level(equation.volatility)
        sigma = np.exp(spread(setting, latent_value(setting, equation.volatility), equation.level, level))
    first = first_rows(equation, setting.plan, setting.data)
    if equation.initial and first.any():
        own = setting.parameters[equation.initial]
        sigma = None if sigma is None else np.where(first, own, sigma)
        etas = [
            np.where(first, np.log(own), eta) if each.role == "spread" else eta
            for each, eta in zip(equation.predictors, etas, strict=True)
        ]
    return etas, sigma


M, MK = (
    "variables: {m: {family: bernoulli}, y: }\n",
    "variables: {m: {family: bernoulli}, k: {family: bernoulli}, y: }\n",
)
O = "variables: {o: {family: ordinal, values: [a, b, c]}, x: , y: }\n"  # noqa: E741
ADJACENT = [0, 5, 6, 11]  # a first session, two in a row, a last session
CASES = {
    "departures by lag": (HEAD + M + "arrows: [m(session t-1) -> y, m(session) -> y, m(client) -> y, m(session t-1) -> m]\n", {"m": ADJACENT}),
    "whole client": (HEAD + M + "arrows: [m(t-1) -> y, m(t-1) -> m]\n", {"m": [4, 5, 6, 7]}),
    "times a moderator": (HEAD + "variables: {m: {family: bernoulli}, x: , y: }\narrows: {m(whole t-1) -> y: {moderated_by: x}, y(t-1) -> y: }\n", {"m": ADJACENT, "y": [6]}),
    "two places back": (HEAD + M + "arrows: [m(whole t-2) -> y, m(t-1) -> m]\n", {"m": [1, 2, 4, 6, 7]}),
    "each other's past": (HEAD + MK + "arrows: [m(t-1) -> k, k(t-1) -> m, 'm, k -> y']\n", {"m": [5, 6], "k": [4, 5, 9]}),
    "categories": (HEAD + O + "arrows: {o(t-1) -> y: , o(t-1) -> o: , x -> o: }\n", {"o": [1, 4, 5]}),
    "a difference": (HEAD + "variables: {m: {family: bernoulli}, y: , d: {is: m - m(t-1)}}\narrows: {d -> y: }\n", {"m": ADJACENT}),
    "trials, bent": (HEAD + "variables: {c: {family: binomial, out_of: 3}, y: }\narrows: {c(whole t-1) -> y: {shape: quadratic}, c(whole t-1) -> c: }\n", {"c": [5, 6, 11]}),
    "a residual sd": (HEAD + M + "arrows: {m(whole t-1) -> sigma(y): , m(whole) -> y: }\n", {"m": ADJACENT}),
    "a hurdle": (HEAD + "variables: {m: {family: bernoulli}, u: {family: poisson, zeros: hurdle}}\narrows: {m(t-1) -> u: }\n", {"m": ADJACENT}),
    "correlated residuals": (HEAD + "variables: {m: {family: bernoulli}, y: , z: }\narrows: {m(whole t-1) -> y: , m(whole) -> z: , z <-> y: }\n", {"m": ADJACENT}),
    "beside a missing number": (HEAD + "variables: {m: {family: bernoulli}, v: {family: normal}, y: }\narrows: [m(t-1) -> v, v -> y, v(t-1) -> m]\n", {"m": ADJACENT, "v": [2, 6]}),
    "of a client": (HEAD + "variables: {b: {family: bernoulli, level: client}, w: {level: client}, y: }\narrows: [w -> b, b -> y, y(t-1) -> y]\n", {"b": [4, 5, 6, 7, 12, 13, 14, 15]}),
    "an outcome of a client": (HEAD + "variables: {m: {family: bernoulli}, d: {is: m(3) - m(0), level: client}, w: {level: client}}\narrows: [d -> w, m(t-1) -> m]\n", {"m": [0, 4, 7, 10]}),
    "a condition": (HEAD + "variables: {m: {family: bernoulli}, x: , y: }\narrows: {x(t-1) -> y: {only_when: {m: 1}}, m(t-1) -> m: }\n", {"m": ADJACENT}),
    "a condition alone": (HEAD + "variables: {m: {family: bernoulli}, x: , y: }\narrows: {x -> y: {only_when: {m: 1}}, m(t-1) -> m: }\nwithout: [m -> y]\n", {"m": ADJACENT}),
    "an inertia": (HEAD + "variables: {b: {family: bernoulli, level: client}, inertia: {is: y(t-1) -> y, level: client}, y: }\narrows: {y(t-1) -> y: {varies_by: client}, b -> inertia: }\n", {"b": [4, 5, 6, 7]}),
    "one series": ("levels: [session]\ntime: session\n" + M + "arrows: [m(t-1) -> y, m(t-1) -> m]\n", {"m": [0, 5, 6, 7, 11]}),
    "two in rows of their own": ("variables: {c: {family: binomial, out_of: 8}, u: {family: binomial, out_of: 8}, y: }\narrows: ['c, u -> y']\n", {"c": [3, 7], "u": [5]}),
    "alone and in a row": (HEAD + "variables: {c: {family: binomial, out_of: 8}, y: }\narrows: [c(whole t-1) -> y, c(whole t-1) -> c, y(t-1) -> y]\n", {"c": [1, 5, 6]}),
    "observed means": (HEAD + "variables: {m: {family: bernoulli, centre: observed}, y: {centre: observed}}\narrows: [m(session t-1) -> y, y(t-1) -> y, m(session t-1) -> m]\n", {"m": ADJACENT}),
    "a latent variable": (HEAD + "variables: {m: {family: bernoulli}, f: {measured_by: [x, v, z]}, y: }\narrows: [m(t-1) -> f, f -> y]\n", {"m": [5, 6]}),
    "a named occasion": (HEAD + M + "arrows: [m(0) -> y, y(t-1) -> y]\n", {"m": [0, 5, 8], "y": [2]}),
    "steps and slopes of its own": (HEAD + "variables: {o: {family: ordinal, values: [a, b, c]}, m: {family: bernoulli}, y: }\narrows: {m(whole t-1) -> o: , o(whole t-1) -> y: {shape: monotonic}, m(whole t-1) -> y: {varies_by: client}}\n", {"o": [5, 6], "m": [1, 5]}),
    "crossed": ("levels: {session: {in: [client, therapist]}, client: , therapist: }\ntime: session\n" + M + "arrows: {m(whole t-1) -> y: , y(session t-1) -> y: }\n", {"m": ADJACENT}),
    "a therapist": ("levels: [session, client, therapist]\ntime: session\nvariables: {m: {family: bernoulli}, g: {family: bernoulli, level: therapist}, y: }\narrows: {g -> y: , m(t-1) -> y: , 'm(t-1), g -> m': {varies_by: []}}\n", {"m": [0, 5, 9], "g": [0, 1, 2, 3, 4, 5, 6, 7]}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_density_is_the_sum_over_all_completions(case):
    text, gaps = CASES[case]
    frame = panel()
    if case == "one series":
        frame["session"] = range(len(frame))
    plan, data = bound(text, gaps, frame)
    model = to_pymc(plan, data)
    assert any(each.name.startswith("summed(") for each in model.potentials)
    if case in ("alone and in a row", "two in rows of their own"):
        assert len(find_mixture(plan, data, plan.equations).frontiers) == 2
    for seed in range(2):
        found = read(model, seed)
        assert total(found) == pytest.approx(witness(plan, data, found), rel=1e-9)


def test_it_is_the_sum_of_the_complete_data_models():
    """To every completion its own PyMC model, priors and all, at the same point."""
    plan, data = bound(*CASES["departures by lag"][:1], {"m": [5, 6]})
    model = to_pymc(plan, data)
    rng = np.random.default_rng(5)
    point = {name: value + rng.normal(0, 0.4, np.shape(value)) for name, value in model.initial_point().items()}
    filled = []
    for chosen in itertools.product([0.0, 1.0], repeat=2):
        values = data.numbers("m").values.copy()
        values[[5, 6]] = chosen
        columns = tuple(replace(each, values=values) if each.name == "m" else each for each in data.columns)
        filled.append(run_density(to_pymc(plan, replace(data, columns=columns)), point))
    assert run_density(model, point) == pytest.approx(special.logsumexp(filled), rel=1e-10)


def run_density(model, point):
    run = pytensor.function(model.value_vars, model.logp(), mode=CHEAP, on_unused_input="ignore")
    return float(run(*(point[each.name] for each in model.value_vars)))


def test_a_long_gap_is_summed_out_session_by_session():
    """Two clients without m at 24 sessions in a row: the forward recursion of a hidden Markov model, by SciPy, where 2^24 were."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"client": np.repeat([0, 1, 2], 30), "session": [*range(30)] * 3})
    frame["m"], frame["y"] = rng.integers(0, 2, 90) * 1.0, rng.normal(size=90)
    gone = [*range(3, 27), *range(66, 90)]
    text = (
        HEAD
        + M
        + "arrows: {m(whole t-1) -> y: , m(whole t-1) -> m: , 1 -> m: {varies_by: []}, 1 -> y: {varies_by: []}}\n"
    )
    plan, data = bound(text, {"m": gone}, frame)
    mixture = find_mixture(plan, data, plan.equations)
    assert [len(each.owners) for each in mixture.frontiers] == [2]
    found = read(to_pymc(plan, data), 0)
    b, c = found["coefficients(m)"], found["coefficients(y)"]
    stay = special.expit(
        np.array([b[0], b[0] + b[1]])
    )  # the chance of 1 after 0, after 1; at the first session as after 0
    move = np.log(np.stack([1 - stay, stay], axis=1))
    wanted = 0.0
    for _, rows in frame.groupby("client"):
        state = np.array([0.0, -np.inf])
        for t, (m, y) in enumerate(zip(rows.m, rows.y, strict=True)):
            mean = c[0] + c[1] * np.array([0.0, 1.0]) * (t > 0)
            state = state + stats.norm.logpdf(y, mean, found["sigma(y)" if t else "sigma(y | first)"])
            state = special.logsumexp(state[:, None] + move, axis=0)
            if not np.isnan(m):
                state = np.where(np.arange(2) == m, state, -np.inf)
        wanted += special.logsumexp(state)
    assert total(found) == pytest.approx(wanted, rel=1e-10)


def test_of_counts_it_is_said_how_much_each_sum_leaves_out():
    """Two sessions in a row without a count: the sum over both up to 79, and what of each lies beyond the model's own bound."""
    text = (
        HEAD
        + "variables: {c: {family: poisson}, y: }\narrows: {c(whole t-1) -> y: , c(whole t-1) -> c: , 1 -> c: {varies_by: []}}\n"
    )
    plan, data = bound(text, {"c": [5, 6]})
    found = read(to_pymc(plan, data), 1, far=0.05)
    b, (a, slope, *_), own = found["coefficients(c)"], found["coefficients(y)"], found["deviations(client)"][0]
    seen, k = panel(), np.arange(80)
    mean = np.exp(b[0] + b[1] * k)
    before, y, c = seen.c[4], seen.y.to_numpy(), seen.c.to_numpy()
    step = stats.poisson(mean[:, None]).logpmf(k)  # from, to
    table = stats.poisson(np.exp(b[0] + b[1] * before)).logpmf(k)[:, None] + step + stats.poisson(mean).logpmf(c[7])
    look = a + own[1] + slope * k
    table = (
        table
        + stats.norm.logpdf(y[6], look, found["sigma(y)"])[:, None]
        + stats.norm.logpdf(y[7], look, found["sigma(y)"])
    )
    assert found["summed(c)"] == pytest.approx(special.logsumexp(table), rel=1e-9)
    top = len(find_mixture(plan, data, plan.equations).discrete[0].values)
    table = table - special.logsumexp(table)
    left = np.array([special.logsumexp(table[top:]), special.logsumexp(table[:, top:])])
    assert (left <= found["beyond(c)"]).all()
    assert (found["beyond(c)"] < np.maximum(left + 1.0, np.log(1e-300))).all()


def test_trials_of_several_sizes_have_a_gradient():
    """What a cell cannot have been weighs nothing, and bends nothing: the slope is that of the density itself."""
    frame = panel()
    frame["n"] = [3.0, 5, 4, 6] * 4
    text = (
        HEAD
        + "variables: {n: , c: {family: binomial, out_of: n}, y: }\narrows: {c(whole t-1) -> y: , c(whole t-1) -> c: }\n"
    )
    plan, data = bound(text, {"c": [5, 6, 11]}, frame)
    model = to_pymc(plan, data)
    rng = np.random.default_rng(0)
    point = {name: value + rng.normal(0, 0.4, np.shape(value)) for name, value in model.initial_point().items()}
    slopes = pytensor.grad(model.logp(), model.value_vars)
    run = pytensor.function(model.value_vars, [model.logp(), *slopes], mode=CHEAP)
    way, step = {name: rng.normal(size=np.shape(value)) for name, value in point.items()}, 1e-5
    _, *found = run(*(point[each.name] for each in model.value_vars))
    up, down = (
        run(*(point[each.name] + sign * step * way[each.name] for each in model.value_vars))[0] for sign in (1, -1)
    )
    along = sum(np.sum(slope * way[each.name]) for slope, each in zip(found, model.value_vars, strict=True))
    assert along == pytest.approx((up - down) / (2 * step), rel=1e-6)


def test_what_nothing_tells_of_is_left_out():
    """Clients who left: neither their m nor anything that rests on it was seen afterwards, and nothing is summed."""
    plan, data = bound(HEAD + M + "arrows: [m(t-1) -> y, m(t-1) -> m]\n", {"m": [2, 3, 13, 14, 15], "y": [3, 14, 15]})
    found = find_mixture(plan, data, plan.equations)
    assert [each.rows.tolist() for each in found.discrete] == []
    plan, data = bound(HEAD + M + "arrows: [m(t-1) -> y, m(t-1) -> m]\n", {"m": [2, 3, 13, 14, 15], "y": [14, 15]})
    assert [each.rows.tolist() for each in find_mixture(plan, data, plan.equations).discrete] == [[2]]


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ([5, 6], "missing values of c that others rest on are summed over, here c of client 1 at session 1 and c of client 1 at session 2"),
        ([5], "here c of client 1 at session 1:"),
    ],
)  # fmt: skip
def test_too_many_combinations_name_the_client(gaps, words):
    frame = panel()
    frame["c"] = frame.c * (700.0 if len(gaps) > 1 else 150_000.0)
    text = HEAD + "variables: {c: {family: poisson}, y: }\narrows: {c(whole t-1) -> y: , c(whole t-1) -> c: }\n"
    with pytest.raises(DataError, match=words):
        to_pymc(*bound(text, {"c": gaps}, frame))


def test_explain_says_what_is_summed_out_and_that_it_costs():
    plan, data = bound(*CASES["departures by lag"])
    found = mx.explain(plan, data)
    said = "missing values that others rest on are summed out: 4 of m, at most 2 at a time, so that rows are looked at in 4 versions"
    assert said in found.notes
    assert f"Note: {said}" in repr(found)
    plan, data = bound(CASES["departures by lag"][0], {"y": [5]})
    assert mx.explain(plan, data).notes == ()
    frame = panel()
    frame["c"] = frame.c * 700
    text = HEAD + "variables: {c: {family: poisson}, y: }\narrows: {c(whole t-1) -> y: , c(whole t-1) -> c: }\n"
    with pytest.raises(DataError, match="too many to sum over"):
        mx.explain(*bound(text, {"c": [5, 6]}, frame))


def test_too_many_values_in_a_row_name_the_client():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"client": np.repeat([0, 1], 120), "session": [*range(120)] * 2})
    frame["m"], frame["y"] = rng.integers(0, 2, 240) * 1.0, rng.normal(size=240)
    with pytest.raises(
        DataError, match="101 missing values that rest on each other, m of client 1 at session 9 and others"
    ):
        find_mixture(
            *(found := bound(HEAD + M + "arrows: [m(t-1) -> y, m(t-1) -> m]\n", {"m": [*range(129, 230)]}, frame)),
            found[0].equations,
        )


# --- a fit ---


@pytest.mark.slow
def test_a_fit_without_a_fifth_of_a_lagged_mediator_is_near_that_of_complete_data():
    """Missing by what was seen before: answers move by less than two posterior sds, and no interval gets narrower than chance allows."""
    rng = np.random.default_rng(4)
    clients, sessions = 80, 8
    own, m, y = rng.normal(0, 0.6, clients), np.zeros((clients, sessions)), np.zeros((clients, sessions))
    arm = np.arange(clients) % 2
    for t in range(sessions):
        before = m[:, t - 1] if t else np.zeros(clients)
        m[:, t] = rng.random(clients) < special.expit(-0.6 + 0.5 * arm + 1.2 * before)
        y[:, t] = 1.0 + own + 0.3 * arm + 0.9 * before + rng.normal(0, 0.8, clients)
    frame = pd.DataFrame(
        {
            "client": np.repeat(range(clients), sessions),
            "session": [*range(sessions)] * clients,
            "arm": np.repeat(arm, sessions),
            "m": m.ravel(),
            "y": y.ravel(),
        }
    )
    past = np.column_stack([np.zeros(clients), y[:, :-1]]).ravel()
    gone = rng.random(len(frame)) < np.where(past > 1.5, 0.35, 0.1)
    assert 0.18 < gone.mean() < 0.25
    theory = mx.parse(
        HEAD + "variables: {arm: {level: client}, m: {family: bernoulli}, y: }\n"
        "arrows: {arm -> m: , arm -> y: , 'm(whole t-1) -> m, y': , 1 -> m: {varies_by: []}}\n"
    )
    settings = {"seed": 1, "engine": "nuts", "draws": 1000, "tune": 500, "chains": 2}
    fit = mx.fit(theory, frame.assign(m=frame.m.where(~gone)), **settings)
    whole = mx.fit(theory, frame, **settings)
    assert mx.diagnose(fit).ok  # R-hat, effective draws, divergences
    assert mx.diagnose(whole).ok
    noise = 4 * np.sqrt(2) / np.sqrt(2 * 400)  # of the ratio of two sds, each of 400 effective draws or more
    truth = {"m(whole t-1) -> m": 1.2, "m(whole t-1) -> y": 0.9, "arm -> m": 0.5}
    for address in (*truth, "1 -> m", "1 -> y", "sigma(y)"):
        one, other = fit.parameters[address], whole.parameters[address]
        assert abs(one.mean() - other.mean()) < 2 * one.std(), address
        assert one.std() > (1 - noise) * other.std(), address
    for address, value in truth.items():
        assert abs(fit.parameters[address].mean() - value) < 4 * fit.parameters[address].std(), address
    wider = [fit.parameters[each].std() / whole.parameters[each].std() for each in truth if each != "arm -> m"]
    assert max(wider) > 1.0  # a fifth of m is not there
