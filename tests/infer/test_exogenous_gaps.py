"""A gap in a session's exogenous cause: its course is still each client's mean, and the posterior stays where it was.

Witnesses: the joint normal of a client's values with its covariance written out, the density of a 0/1 cause in loops over
clients and sessions, and the same fit with complete data. No PyMC model is compiled.
"""

import numpy as np
import pandas as pd
import pytensor
import pytest
from pytensor.compile.mode import Mode
from scipy import special, stats

import mechanisms as mx
from mechanisms.infer.engines import collapsed
from mechanisms.infer.marginal import charts
from mechanisms.infer.marginal.units import kernels
from mechanisms.infer.marginal.units.gaussian import write_residuals
from mechanisms.model.completing import complete_plan
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")
HEAD = "levels: [session, client]\ntime: session\n"
WHOLE = HEAD + "variables: {x: {family: normal}, m: , y: }\narrows: {'x(whole) -> m': , 'm(session), m(client) -> y': }"
BINARY = HEAD + "variables: {b: {family: bernoulli}, m: , y: }\narrows: {b -> m: , m -> y: }"
APART = HEAD + "variables: {x: {family: normal}, m: , y: }\narrows: {'x(whole) -> m': , 'm(session) -> y': }"


def sessions(clients, occasions, seed=3):
    """m follows x; what m's course leads to in y is another thing for x's share of it than for the rest."""
    rng = np.random.default_rng(seed)
    own = np.repeat(np.arange(clients), occasions)
    x = rng.normal(0, 0.5, clients)[own] + rng.normal(size=len(own))
    mine = rng.normal(0, 0.2, clients)[own]
    m = 0.8 * x + mine + rng.normal(0, 0.3, len(own))
    y = 0.5 * m + mine + rng.normal(0, 0.3, clients)[own] + rng.normal(0, 0.5, len(own))
    return pd.DataFrame({"client": own, "session": np.tile(np.arange(occasions), clients), "x": x, "m": m, "y": y})


def with_gaps(frame, name, rows):
    frame = frame.copy()
    frame.loc[rows, name] = np.nan
    return frame


def completed(text, frame):
    theory = mx.parse(text)
    data = mx.bind(theory, frame[["client", "session", *theory.names]])
    return complete_plan(mx.compile(theory), data), data


def lay_linear(value, count):
    """x, m and y of a client's sessions as a constant and the weights of deviations (of x, m, y) and residuals."""

    def made(noise):
        (ux, um, uy), (ex, em, ey) = noise[:3], noise[3:].reshape(3, count)
        x = value["1 -> x"] + ux + value["sigma(x)"] * ex
        course = value["1 -> m"] + um + value["x(whole) -> m"] * x.mean()
        m = value["1 -> m"] + um + value["x(whole) -> m"] * x + value["sigma(m)"] * em
        departs, between = value["m(session) -> y"], value["m(client) -> y"]
        y = value["1 -> y"] + uy + departs * (m - course) + between * course + value["sigma(y)"] * ey
        return np.concatenate([x, m, y])

    size = 3 + 3 * count
    constant = made(np.zeros(size))
    sds = np.concatenate([[value[f"sd(1 -> {name} | client)"] for name in "xmy"], np.ones(3 * count)])
    return constant, np.stack([made(one) - constant for one in np.eye(size) * sds], axis=1)


@pytest.mark.parametrize("gaps", [[1], [0, 2, 3, 4, 5, 6, 7]], ids=["one", "many"])
def test_the_density_is_the_joint_normal_of_each_client(gaps):
    frame = with_gaps(sessions(3, 4), "x", gaps)
    frame.loc[9, "y"] = np.nan
    plan, data = completed(WHOLE, frame)
    density = collapsed.build_density(write_residuals(plan, data, plan.equations))
    where, found = density.coordinates.symbol, []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        q = density.coordinates.start + rng.normal(0, 0.5, density.coordinates.size)
        s = charts.find_symbols(density.coordinates.chart, q[None])[0]
        value = {name: s[where(name)] for name in density.coordinates.addresses}
        total = 0.0
        for _, own in frame.groupby("client"):
            constant, weights = lay_linear(value, len(own))
            shown = own[["x", "m", "y"]].to_numpy().T.ravel()
            seen = ~np.isnan(shown)
            law = stats.multivariate_normal(constant[seen], (weights @ weights.T)[np.ix_(seen, seen)])
            total += law.logpdf(shown[seen])
        found.append(kernels.collapse(density.layout, s, np.zeros(0)) - total)
    assert np.ptp(found) < 1e-8


def test_a_binary_gap_counts_in_the_mean_as_the_chance_that_is_expected_of_the_client():
    frame = sessions(3, 4)
    frame["b"] = (frame.x > 0).astype(float)
    frame = with_gaps(frame, "b", [1, 4, 5])
    plan, data = completed(BINARY, frame)
    model = to_pymc(plan, data)
    names = [each.name for each in (*model.deterministics, *model.free_RVs, *model.potentials)]
    wanted = model.replace_rvs_by_values([*model.deterministics, *model.free_RVs, *model.potentials])
    run = pytensor.function(model.value_vars, [*wanted, *model.logp(model.observed_RVs, sum=False)], mode=CHEAP)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        point = {name: value + rng.normal(0, 0.5, np.shape(value)) for name, value in model.initial_point().items()}
        outputs = run(*(point[each.name] for each in model.value_vars))
        found = dict(zip(names, outputs, strict=False))
        summed = [np.sum(each) for name, each in found.items() if name.startswith("summed(")]
        total = sum(summed) + sum(np.sum(each) for each in outputs[len(names) :])
        assert total == pytest.approx(by_hand(plan, frame, found), abs=1e-9)


def test_the_sampled_model_has_the_same_means():
    """The explicit model at a point, its missing values known: loops over clients and sessions."""
    frame = with_gaps(sessions(3, 4), "x", [1, 4, 5])
    plan, data = completed(WHOLE, frame)
    model = to_pymc(plan, data)
    wanted = [*model.free_RVs, *model.deterministics, *model.potentials]
    names = [each.name for each in wanted]
    density = model.logp(model.observed_RVs, sum=False)
    run = pytensor.function(model.value_vars, [*model.replace_rvs_by_values(wanted), *density], mode=CHEAP)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        point = {name: value + rng.normal(0, 0.5, np.shape(value)) for name, value in model.initial_point().items()}
        outputs = run(*(point[each.name] for each in model.value_vars))
        found = dict(zip(names, outputs, strict=False))
        x = frame.x.to_numpy().copy()
        x[np.isnan(x)] = frame.x.mean() + frame.x.std() * found["missing(x)"]
        means = pd.Series(x).groupby(frame.client).transform("mean").to_numpy()
        own = dict(zip(plan.varying[0].quantities, found["deviations(client)"][:, frame.client], strict=True))
        (a, slope), (c, departs, between) = found["coefficients(m)"], found["coefficients(y)"]
        level = a + own["1 -> m"]
        course = level + slope * means
        wanted_total = stats.norm(found["coefficients(x)"][0] + own["1 -> x"], found["sigma(x)"]).logpdf(x).sum()
        wanted_total += stats.norm(level + slope * x, found["sigma(m)"]).logpdf(frame.m).sum()
        expected = c + own["1 -> y"] + departs * (frame.m - course) + between * course
        wanted_total += stats.norm(expected, found["sigma(y)"]).logpdf(frame.y).sum()
        total = found["unknown(x)"] + sum(np.sum(each) for each in outputs[len(names) :])
        assert total == pytest.approx(wanted_total, abs=1e-9)


def by_hand(plan, frame, found):
    b0, (a, slope), (c, departs, between) = (
        float(found["coefficients(b)"][0]),
        found["coefficients(m)"],
        found["coefficients(y)"],
    )
    deviations = dict(zip(plan.varying[0].quantities, found["deviations(client)"], strict=True))
    total = 0.0
    for client, own in frame.groupby("client"):
        chance = special.expit(b0 + deviations["1 -> b"][client])
        mean = own.b.fillna(chance).mean()
        level = a + deviations["1 -> m"][client]
        course = level + slope * mean
        for row in own.itertuples():
            weights = {1.0: chance, 0.0: 1 - chance}
            kept = weights if np.isnan(row.b) else {row.b: weights[row.b]}
            total += np.log(
                sum(p * stats.norm(level + slope * b, found["sigma(m)"]).pdf(row.m) for b, p in kept.items())
            )
            expected = c + deviations["1 -> y"][client] + departs * (row.m - course) + between * course
            total += stats.norm(expected, found["sigma(y)"]).logpdf(row.y)
    return total


def test_one_missing_value_among_four_hundred_leaves_the_posterior_where_it_was():
    frame = sessions(100, 4)
    one, other = (
        mx.fit(mx.parse(WHOLE), each, seed=1, draws=5000, engine="collapsed", progress=False)
        for each in (frame, with_gaps(frame, "x", [7]))
    )
    assert {"1 -> x", "sigma(x)", "sd(1 -> x | client)"} == {*other.parameters} - {*one.parameters}
    for address, draws in one.parameters.items():  # 20,000 draws each: their means differ by 1 % of the sd by chance
        assert abs(other.parameters[address].mean() - draws.mean()) < 0.05 * draws.std(), address
        assert other.parameters[address].std() == pytest.approx(draws.std(), rel=0.05), address
    effects = [mx.estimate(each, mx.Question(of="x(2)", on="y(2)")).summary() for each in (one, other)]
    sd = float(effects[0]["sd"].iloc[0])
    assert abs(float(effects[1]["mean"].iloc[0] - effects[0]["mean"].iloc[0])) < 0.05 * sd


def test_what_completes_is_correlated_with_nothing_and_changes_no_belief_about_other_correlations():
    frame = sessions(5, 4)
    chances = []
    for each in (frame, with_gaps(frame, "x", [3])):
        plan, data = completed(APART, each)
        (varying,) = plan.varying
        free = [
            (a, b)
            for i, a in enumerate(varying.quantities)
            for b in varying.quantities[:i]
            if not varying.are_joined(a, b)
        ]
        assert free == [("1 -> y", "1 -> m")]
        model = to_pymc(plan, data)
        (v,) = (value for value in model.value_vars if value.name == "v(client)")
        (lkj,) = model.replace_rvs_by_values([p for p in model.potentials if p.name == "lkj(client)"])
        run = pytensor.function([v], lkj, mode=CHEAP)
        chances.append([float(run(np.array([at]))) for at in (-1.5, 0.0, 0.4, 3.0)])
    np.testing.assert_allclose(chances[1], chances[0], atol=1e-12)
    # two quantities: uniform, so that v = r / √(1 − r²) has the density (1 + v²)^(-3/2)
    np.testing.assert_allclose(chances[0], [-1.5 * np.log(1 + at**2) for at in (-1.5, 0.0, 0.4, 3.0)], atol=1e-12)


def test_what_completes_varies_among_clients_where_it_is_simulated():
    frame = sessions(2000, 5)
    plan, data = completed(WHOLE, with_gaps(frame, "x", [3]))
    values = dict.fromkeys(plan.parameters, 0.5) | {"sd(1 -> x | client)": 1.2, "sigma(x)": 0.7}
    made = mx.simulate(plan, data, values, seed=1)
    means = made.groupby("client").x.mean()
    variance = 1.2**2 + 0.7**2 / 5
    assert means.var() == pytest.approx(variance, abs=4 * variance * np.sqrt(2 / 2000))
