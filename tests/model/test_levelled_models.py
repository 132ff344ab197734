"""The PyMC model of theories with levels, against its log density written out row by row in plain loops."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest
from pytensor.compile.mode import Mode
from scipy import stats

import mechanisms as mx
from mechanisms.data.dataset import Dataset, Numbers
from mechanisms.data.units import Membership, Units
from mechanisms.model.setting import mean_observed
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")  # no C, no numba

THEORY = """
levels: {session: {in: client, occasions: [0, 1, 2, 3, 4, 5]}, client: {in: therapist}, therapist: }
time: session
variables:
  alliance: {only_when: {session: 1..}, assessed: end}
  symptoms: {assessed: start}
  change: {is: symptoms - symptoms(0)}
  expectation: {level: client}
  arm: {level: client, family: categorical, values: [usual, cbt, act]}
  training: {level: therapist}
  outcome: {level: client}
arrows:
  symptoms, change -> alliance: {varies_by: client}
  expectation, training -> alliance:
  alliance(t-1) -> symptoms: {moderated_by: arm, varies_by: [client, therapist]}
  symptoms(t-1), symptoms(t-2) -> symptoms:
  arm -> symptoms: {only_when: {session: 1..}}
  session -> symptoms: {varies_by: client}
  alliance, expectation -> outcome:
"""


def ragged(seed: int, clients: int = 14) -> pd.DataFrame:
    """Clients of unequal length in therapists, with gaps, missing values, and rows in no order."""
    rng = np.random.default_rng(seed)
    rows = []
    for client in range(clients):
        own = {
            "client": f"c{client}",
            "therapist": f"t{client % 4}",
            "training": float(client % 4),
            "expectation": rng.normal(50, 10),
            "arm": ["usual", "cbt", "act"][client % 3],
            "outcome": rng.normal(),
        }
        last = int(rng.integers(1, 6))
        for session in range(last + 1):
            if 0 < session < last and rng.random() < 0.2:
                continue
            values = {"symptoms": rng.normal(20, 5), "alliance": rng.normal(5, 1) if session else np.nan}
            gone = {name: np.nan for name in values if rng.random() < 0.15}
            rows.append({**own, "session": session, **values, **gone})
    frame = pd.DataFrame(rows).sample(frac=1, random_state=seed)
    return frame.reset_index(drop=True)


def make_runner(model: pm.Model):
    """From a seed to free values and deterministics at a random point, and the log densities there."""
    start = model.initial_point()
    wanted = [*model.free_RVs, *model.deterministics]
    terms = dict(
        zip([each.name for each in model.observed_RVs], model.logp(model.observed_RVs, sum=False), strict=True)
    )
    potentials = {each.name: each for each in model.potentials if each.name.startswith("unknown")}
    outputs = model.replace_rvs_by_values(wanted) + list(terms.values())
    outputs += model.replace_rvs_by_values(list(potentials.values()))
    run = pytensor.function(model.value_vars, outputs, mode=CHEAP, on_unused_input="ignore")
    names = [each.name for each in wanted] + [f"logp {name}" for name in (*terms, *potentials)]

    def at(seed: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(seed)
        point = {name: value + rng.normal(0, 0.3, np.shape(value)) for name, value in start.items()}
        return dict(zip(names, run(*(point[each.name] for each in model.value_vars)), strict=True))

    return at


@pytest.fixture(scope="module")
def world():
    """A plan, its frame, and its model as a function of a seed; the compilation is shared."""
    frame, theory = ragged(0), mx.parse(THEORY)
    plan = mx.compile(theory)
    return plan, frame, make_runner(to_pymc(plan, mx.bind(theory, frame)))


class ByHand:
    """The same model in loops over dictionaries: one client, one session at a time."""

    def __init__(self, frame, plan, values):
        self.plan, self.values = plan, values
        self.rows = {(r.client, r.session): r for r in frame.itertuples()}
        self.clients = list(dict.fromkeys(frame.client))
        self.therapists = list(dict.fromkeys(frame.therapist))
        self.of = {r.client: r for r in frame.itertuples()}
        self.last = {c: max(s for (k, s) in self.rows if k == c) for c in self.clients}
        self.b = {}
        for equation in plan.equations:
            drawn = values[f"coefficients({equation.response})"]
            self.b |= dict(zip(equation.addresses, drawn, strict=True))
        self.u = {}
        for varying in plan.varying:
            units = self.clients if varying.level == "client" else self.therapists
            for address, row in zip(varying.quantities, values[f"deviations({varying.level})"], strict=True):
                self.u |= {(address, varying.level, unit): each for unit, each in zip(units, row, strict=True)}
        self.filled = {}
        self.missing = {}
        for name in ("symptoms", "alliance"):
            first = 1 if name == "alliance" else 0
            everything = [(c, s) for c in self.clients for s in range(first, self.last[c] + 1)]
            known = {k: getattr(self.rows[k], name) for k in everything if k in self.rows}
            known = {k: v for k, v in known.items() if not np.isnan(v)}
            gaps = [k for k in everything if k not in known]
            z = values[f"missing({name})"]
            seen = np.array(list(known.values()))
            mean, sd = seen.mean(), seen.std(ddof=1)
            assert len(z) == len(gaps)
            known |= {k: mean + sd * each for k, each in zip(gaps, z, strict=True)}
            self.filled[name], self.missing[name] = known, gaps

    def dev(self, address, client, levels=("client", "therapist")):
        total = 0.0
        for level in levels:
            unit = client if level == "client" else self.of[client].therapist
            total += self.u.get((address, level, unit), 0.0)
        return total

    def course_alliance(self, client):
        """At the level of clients."""
        row, b = self.of[client], self.b
        total = b["1 -> alliance"] + self.dev("1 -> alliance", client)
        total += b["expectation -> alliance"] * row.expectation + b["training -> alliance"] * row.training
        total += b["symptoms(client) -> alliance"] * self.course_symptoms(client)
        return total

    def course_symptoms(self, client):
        """In force, without trend."""
        row, b = self.of[client], self.b
        total = b["1 -> symptoms"] + self.dev("1 -> symptoms", client)
        return total + (0.0 if row.arm == "usual" else b[f"arm={row.arm} -> symptoms"])

    def course_symptoms_at(self, client, session):
        row, b = self.of[client], self.b
        total = self.course_symptoms(client)
        if session < 1 and row.arm != "usual":
            total -= b[f"arm={row.arm} -> symptoms"]
        return total + (b["session -> symptoms"] + self.dev("session -> symptoms", client)) * session

    def away(self, name, client, session):
        """A departure; 0 where the variable does not exist."""
        value = self.filled[name].get((client, session))
        if value is None:
            return 0.0
        if name == "alliance":
            return value - self.course_alliance(client)  # the course of change is 0: both symptoms have the same
        return value - self.course_symptoms_at(client, session)

    def mean_alliance(self, client, session):
        b, own = self.b, self.dev
        change = self.filled["symptoms"][client, session] - self.filled["symptoms"][client, 0]
        total = self.course_alliance(client)
        address = "symptoms(session) -> alliance"
        total += (b[address] + own(address, client)) * self.away("symptoms", client, session)
        return total + (b["change -> alliance"] + own("change -> alliance", client)) * change

    def mean_symptoms(self, client, session):
        b, arm = self.b, self.of[client].arm
        slope = b["alliance(t-1) -> symptoms"] + self.dev("alliance(t-1) -> symptoms", client)
        if arm != "usual":
            slope += b[f"alliance(t-1) * arm={arm} -> symptoms"]
        total = self.course_symptoms_at(client, session) + slope * self.away("alliance", client, session - 1)
        for steps in (1, 2):
            total += b[f"symptoms(t-{steps}) -> symptoms"] * self.away("symptoms", client, session - steps)
        return total

    def mean_outcome(self, client):
        b, row = self.b, self.of[client]
        total = b["1 -> outcome"] + self.u["1 -> outcome", "therapist", row.therapist]
        return (
            total
            + b["alliance(client) -> outcome"] * self.course_alliance(client)
            + b["expectation -> outcome"] * row.expectation
        )

    def density(self, name, keys):
        total = 0.0
        for client, session in keys:
            mean = self.mean_alliance(client, session) if name == "alliance" else self.mean_symptoms(client, session)
            first = name == "symptoms" and session < 2
            sd = self.values["sigma(symptoms | first)" if first else f"sigma({name})"]
            total += stats.norm.logpdf(self.filled[name][client, session], mean, sd)
        return total


@pytest.mark.parametrize("seed", range(4))
def test_density_of_three_levels_with_lags_gaps_and_missing_values(world, seed):
    plan, frame, at = world
    values = at(seed)
    hand = ByHand(frame, plan, values)
    for name in ("symptoms", "alliance"):
        seen = [key for key in hand.filled[name] if key not in hand.missing[name]]
        assert hand.missing[name], "the case has gaps"
        np.testing.assert_allclose(values[f"logp {name}"].sum(), hand.density(name, seen), rtol=1e-9)
        np.testing.assert_allclose(values[f"logp unknown({name})"], hand.density(name, hand.missing[name]), rtol=1e-9)
    rows = [hand.of[client] for client in hand.clients]
    outcome = sum(
        stats.norm.logpdf(row.outcome, hand.mean_outcome(row.client), values["sigma(outcome)"]) for row in rows
    )
    np.testing.assert_allclose(values["logp outcome"].sum(), outcome, rtol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_correlations_have_exact_zeros_where_an_arrow_joins(world, seed):
    plan, _, at = world
    values = at(seed)
    for varying in plan.varying:
        found = values[varying.correlation]
        np.testing.assert_allclose(np.diag(found), 1.0, rtol=1e-12)
        assert np.linalg.eigvalsh(found).min() > 0
        for i, one in enumerate(varying.quantities):
            for j, other in enumerate(varying.quantities[:i]):
                assert (abs(found[i, j]) < 1e-14) == varying.are_joined(one, other), (one, other)
    assert any(varying.joined for varying in plan.varying)


def test_the_lkj_density_is_that_of_pymc():
    """Without joined pairs, (v, 1) scaled to rows of length 1 gives LKJ(η): equal to PyMC's up to a constant."""
    text = "levels: [day, person]\ntime: day\nvariables: {x: , m: , y: }\narrows: {x -> m: {varies_by: person}, x -> y: {varies_by: person}, 1 -> m: {varies_by: []}, 1 -> y: {varies_by: []}}\npriors: {cor(person): {lkj: 2.5}}\n"
    text = text.replace(
        "x -> m: {varies_by: person}", "x -> m: {varies_by: person}, z -> m: {varies_by: person}"
    ).replace("x: ,", "x: , z: ,")
    theory = mx.parse(text)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"person": np.repeat(range(8), 6), "day": np.tile(range(6), 8), **{k: rng.normal(size=48) for k in "xzmy"}}
    )
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    assert len(plan.varying[0].quantities) == 3 and not plan.varying[0].joined
    model = to_pymc(plan, data)
    potential = next(each for each in model.potentials if each.name == "lkj(person)")
    outputs = model.replace_rvs_by_values([potential, model["cor(person)"]])
    run = pytensor.function(model.value_vars, outputs, mode=CHEAP, on_unused_input="ignore")
    start = model.initial_point()
    gaps = []
    for _ in range(5):
        v = rng.normal(size=3)
        density, matrix = run(*({**start, "v(person)": v}[each.name] for each in model.value_vars))
        reference = 1.5 * np.linalg.slogdet(matrix)[1] + _jacobian(v, matrix)  # LKJ(2.5): det^(η − 1)
        gaps.append(density - reference)
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-6)


def _jacobian(v: np.ndarray, matrix: np.ndarray) -> float:
    """log |d correlations / d v| by differences."""

    def correlations(entries):
        rows = [np.array([1.0, 0, 0]), np.array([entries[0], 1, 0]), np.array([entries[1], entries[2], 1])]
        root = np.array([row / np.linalg.norm(row) for row in rows])
        found = root @ root.T
        return np.array([found[1, 0], found[2, 0], found[2, 1]])

    np.testing.assert_allclose(correlations(v), [matrix[1, 0], matrix[2, 0], matrix[2, 1]], rtol=1e-10)
    step = 1e-5
    table = [(correlations(v + step * e) - correlations(v - step * e)) / (2 * step) for e in np.eye(3)]
    return float(np.linalg.slogdet(np.array(table))[1])


PANEL = """
levels: [wave, person]
time: wave
variables: {a: , b: , c: }
arrows:
  a(t-1), b(t-1) -> a, b:
  a(t-1) -> c:
  a <-> b:
  b <-> c:
"""


def test_correlated_residuals_are_those_of_a_joint_normal():
    """a <-> b and b <-> c, but not a <-> c: the sum of the three densities is a trivariate normal's, row by row."""
    rng = np.random.default_rng(3)
    waves, people = 4, 9
    frame = pd.DataFrame(
        {
            "person": np.repeat(range(people), waves),
            "wave": np.tile(range(waves), people),
            **{name: rng.normal(size=waves * people) for name in "abc"},
        }
    )
    frame.loc[[5, 17], "a"] = np.nan
    frame.loc[[9, 17], "c"] = np.nan
    theory = mx.parse(PANEL)
    plan = mx.compile(theory)
    assert [each.address for each in plan.residuals] == ["a <-> b", "b <-> c"]
    values = make_runner(to_pymc(plan, mx.bind(theory, frame)))(1)
    coefficients = {}
    for equation in plan.equations:
        coefficients |= dict(zip(equation.addresses, values[f"coefficients({equation.response})"], strict=True))
    filled = {name: frame[name].to_numpy().copy() for name in "abc"}
    for name in "ac":
        seen = filled[name][~np.isnan(filled[name])]
        gaps = np.flatnonzero(np.isnan(filled[name]))
        filled[name][gaps] = seen.mean() + seen.std(ddof=1) * values[f"missing({name})"]
    own = dict(zip(plan.varying[0].quantities, values["deviations(person)"], strict=True))
    total = 0.0
    for row, (person, wave) in enumerate(zip(frame.person, frame.wave, strict=True)):
        course = {name: coefficients[f"1 -> {name}"] + own[f"1 -> {name}"][person] for name in "abc"}
        before = {name: filled[name][row - 1] - course[name] if wave else 0.0 for name in "abc"}
        gap, sds = [], []
        for name in "abc":
            slopes = {cause: coefficients.get(f"{cause}(t-1) -> {name}", 0.0) for cause in "abc"}
            mean = course[name] + sum(slopes[cause] * before[cause] for cause in "abc")
            gap.append(filled[name][row] - mean)
            sds.append(values[f"sigma({name} | first)" if wave == 0 else f"sigma({name})"])
        cor = np.eye(3)
        cor[0, 1] = cor[1, 0] = values["a <-> b"]
        cor[1, 2] = cor[2, 1] = values["b <-> c"]
        total += stats.multivariate_normal.logpdf(gap, np.zeros(3), np.outer(sds, sds) * cor)
    found = sum(values[f"logp {name}"].sum() for name in "abc")
    found += sum(values[f"logp unknown({name})"] for name in "ac")
    np.testing.assert_allclose(found, total, rtol=1e-9)


DSEM = """
levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }
time: session
variables:
  mood:
  age: {level: client}
  inertia: {level: client, is: mood(t-1) -> mood}
  volatility: {level: client, is: sigma(mood)}
  growth: {level: client, is: session -> energy}
  energy:
  relapse: {level: client, family: bernoulli}
arrows:
  mood(t-1) -> mood: {varies_by: client}
  1 -> sigma(mood): {varies_by: client}
  session -> energy: {varies_by: client}
  age -> mood, inertia, volatility, growth:
  inertia -> growth:
  mood(client), inertia, volatility, growth -> relapse:
"""


def test_inertia_volatility_and_growth_are_the_clients_own():
    """Coefficient variables as effects and causes, against the same model written client by client."""
    rng = np.random.default_rng(5)
    clients, sessions = 10, 4
    frame = pd.DataFrame(
        {
            "client": np.repeat(range(clients), sessions),
            "session": np.tile(range(sessions), clients),
            "mood": rng.normal(5, 2, clients * sessions),
            "energy": rng.normal(50, 9, clients * sessions),
            "age": np.repeat(rng.normal(40, 10, clients), sessions),
            "relapse": np.repeat(rng.permutation([0, 1] * 5), sessions),
        }
    )
    theory = mx.parse(DSEM)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    assert plan.varying[0].spreads[-3:] == ("sigma(inertia)", "sigma(volatility)", "sigma(growth)")
    at = make_runner(to_pymc(plan, data))
    for seed in range(3):
        values = at(seed)
        b = {}
        for equation in plan.equations:
            b |= dict(zip(equation.addresses, values[f"coefficients({equation.response})"], strict=True))
        own = dict(zip(plan.varying[0].quantities, values["deviations(client)"], strict=True))
        mood = energy = relapse = 0.0
        for client, rows in frame.groupby("client"):
            age = rows.age.iloc[0]
            inertia = b["1 -> inertia"] + b["age -> inertia"] * age + own["inertia"][client]
            spread = np.exp(b["1 -> volatility"] + b["age -> volatility"] * age + own["volatility"][client])
            growth = b["1 -> growth"] + b["age -> growth"] * age + b["inertia -> growth"] * inertia
            growth += own["growth"][client]
            course = b["1 -> mood"] + b["age -> mood"] * age + own["1 -> mood"][client]
            seen = rows.mood.to_numpy()
            for t in range(sessions):
                mean = course + (inertia * (seen[t - 1] - course) if t else 0.0)
                mood += stats.norm.logpdf(seen[t], mean, spread if t else values["sigma(mood | first)"])
                line = b["1 -> energy"] + own["1 -> energy"][client] + growth * t
                energy += stats.norm.logpdf(rows.energy.iloc[t], line, values["sigma(energy)"])
            eta = b["1 -> relapse"] + b["mood(client) -> relapse"] * course + b["inertia -> relapse"] * inertia
            eta += b["volatility -> relapse"] * np.log(spread) + b["growth -> relapse"] * growth
            relapse += stats.bernoulli.logpmf(rows.relapse.iloc[0], 1 / (1 + np.exp(-eta)))
        np.testing.assert_allclose(values["logp mood"].sum(), mood, rtol=1e-9)
        np.testing.assert_allclose(values["logp energy"].sum(), energy, rtol=1e-9)
        np.testing.assert_allclose(values["logp relapse"].sum(), relapse, rtol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_missing_values_of_discrete_causes_are_summed_out(seed):
    """Two 0/1 mediators with gaps, one of them in a row with a missing number; the sum written out row by row."""
    theory = mx.parse(
        "variables: {x: , m: {family: bernoulli}, k: {family: bernoulli}, v: , y: }\n"
        "arrows:\n  x -> m, k:\n  m -> v:\n  m, k, v -> y: \n  x -> y: {moderated_by: m}\n"
    )
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=12), "m": [0, 1] * 6, "k": [0, 0, 1, 1] * 3}).astype(float)
    frame["v"], frame["y"] = rng.normal(size=12), rng.normal(size=12)
    frame.loc[[1, 5, 7], "m"] = np.nan
    frame.loc[[5, 8], "k"] = np.nan
    frame.loc[[7, 10], "v"] = np.nan
    frame.loc[11, "y"] = np.nan
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    model = to_pymc(plan, data)
    names = [each.name for each in model.potentials]
    assert names == ["unknown(v)", "summed(m, k)"]
    start = model.initial_point()
    wanted = [*model.free_RVs, *model.deterministics, *model.potentials]
    outputs = model.replace_rvs_by_values(wanted) + list(model.logp(model.observed_RVs, sum=False))
    run = pytensor.function(model.value_vars, outputs, mode=CHEAP, on_unused_input="ignore")
    random = np.random.default_rng(seed)
    point = {name: value + random.normal(0, 0.5, np.shape(value)) for name, value in start.items()}
    found = run(*(point[each.name] for each in model.value_vars))
    values = dict(zip([each.name for each in wanted], found, strict=False))
    b = {}
    for equation in plan.equations:
        b |= dict(zip(equation.addresses, values[f"coefficients({equation.response})"], strict=True))
    v = frame.v.to_numpy().copy()
    gaps = np.isnan(v)
    v[gaps] = frame.v.mean() + frame.v.std() * values["missing(v)"]

    def row(i, m, k):
        x, y = frame.x[i], frame.y[i]
        total = 0.0
        for name, value in (("m", m), ("k", k)):
            chance = 1 / (1 + np.exp(-(b[f"1 -> {name}"] + b[f"x -> {name}"] * x)))
            total += stats.bernoulli.logpmf(int(value), chance)
        total += stats.norm.logpdf(v[i], b["1 -> v"] + b["m -> v"] * m, values["sigma(v)"])
        if not np.isnan(y):
            mean = b["1 -> y"] + b["m -> y"] * m + b["k -> y"] * k + b["v -> y"] * v[i] + b["x -> y"] * x
            total += stats.norm.logpdf(y, mean + b["x * m -> y"] * x * m, values["sigma(y)"])
        return total

    expected = 0.0
    for i in range(12):
        ms = [0, 1] if np.isnan(frame.m[i]) else [frame.m[i]]
        ks = [0, 1] if np.isnan(frame.k[i]) else [frame.k[i]]
        expected += np.logaddexp.reduce([row(i, m, k) for m in ms for k in ks])
    total = sum(np.sum(each) for each in found[len(wanted) - 2 :])
    np.testing.assert_allclose(total, expected, rtol=1e-9)


def test_observed_means_count_a_shared_unit_by_its_weights_and_one_that_lies_in_none_nowhere():
    own = np.array([[0, 1], [1, -1], [-1, -1], [0, -1]])
    weights = np.array([[0.25, 0.75], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    seen = np.ones(4, dtype=bool)
    therapists = Units("therapist", ("a", "b", "c"), {}, None, np.ones(3, dtype=bool))
    clients = Units("client", tuple(range(4)), {"therapist": Membership(own, weights)}, None, seen)
    y = Numbers("y", np.array([1.0, 5.0, 9.0, 2.0]), 4.25, 1.0, 1.0, 9.0, False)
    data = Dataset((y,), 4, (clients, therapists), home={"y": "client"})
    wanted = [(0.25 * 1 + 2) / 1.25, (0.75 * 1 + 5) / 1.75, 17 / 4]
    np.testing.assert_allclose(mean_observed(data, "y", "therapist"), wanted)
    single = replace(clients, above={"therapist": Membership(np.array([0, 1, -1, 0]))})
    alone = replace(data, tables=(single, therapists))
    np.testing.assert_allclose(mean_observed(alone, "y", "therapist"), [1.5, 5.0, 17 / 4])
