"""First occasions where an equation looks back at whole values: their mean is free, whatever the zero of what they lack."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mechanisms as mx
from mechanisms.errors import SpecError
from mechanisms.infer.engines import collapsed
from mechanisms.infer.marginal import charts
from mechanisms.infer.marginal.units import kernels
from mechanisms.infer.marginal.units.gaussian import write_residuals
from mechanisms.report.parameters import describe_coefficient, tabulate
from mechanisms.spec.addresses import parse_address

LEVELS = "levels: [session, client]\ntime: session\n"
RATED = LEVELS + "variables: {a: , s: }\narrows:\n  a(whole t-1) -> s: %s\n"
SLOPE = 0.4


def ratings(seed, clients=80, occasions=6, curve=0.0):
    """A rating around 5 that moves the next session's outcome; nothing moved the first outcome."""
    rng = np.random.default_rng(seed)
    a = 5 + 0.7 * rng.normal(size=(clients, 1)) + rng.normal(size=(clients, occasions))
    s = rng.normal(size=(clients, 1)) + rng.normal(size=(clients, occasions))
    s[:, 1:] += SLOPE * (a[:, :-1] - 5) + curve * ((a[:, :-1] - 5) ** 2 - 1)
    client, session = np.indices((clients, occasions))
    return pd.DataFrame({"client": client.ravel(), "session": session.ravel() + 1, "a": a.ravel(), "s": s.ravel()})


def effect(frame, text, contrast):
    fit = mx.fit(mx.parse(text), frame, seed=1, progress=False)
    table = mx.estimate(fit, mx.Question(of="a(t)", on="s(t+1)", contrast=contrast)).summary()
    return table["mean"].iloc[0], table["sd"].iloc[0]


@pytest.mark.parametrize(
    ("shape", "curve", "truth"), [("", 0.0, SLOPE), ("{shape: quadratic}", 0.3, 2 * SLOPE + 1.2), ("{shape: {spline: 4}}", 0.3, 2 * SLOPE + 1.2)]
)  # fmt: skip
def test_a_rating_that_nobody_has_at_zero(shape, curve, truth):
    """The first outcomes say nothing of the slope: at a rating of 0 they would have drawn it from .4 to .07."""
    frame, steps = ratings(1, curve=curve), 1 if not curve else 2
    mean, sd = effect(frame, RATED % shape, (5, 5 + steps))
    assert abs(mean - truth) < 3 * sd
    np.testing.assert_allclose(
        effect(frame.assign(a=frame.a + 1000), RATED % shape, (1005, 1005 + steps)), [mean, sd], rtol=1e-3
    )
    late = RATED.replace("s: }", "s: {only_when: {session: 2..}}}") % shape
    without = frame.assign(s=frame.s.where(frame.session > 1))
    there, spread = effect(without, late, (5, 5 + steps))
    assert abs(mean - there) < 0.5 * spread  # first outcomes say a little of the clients' intercepts


def test_what_first_occasions_have_of_their_own():
    theory = mx.parse(
        LEVELS
        + "variables: {a: , b: , g: {level: client, family: bernoulli}, k: {family: bernoulli}, s: , d: {is: s - s(1)}}\n"
        "arrows:\n  a(whole t-1) -> s: {moderated_by: g}\n  b(t-1), k(whole t-1) -> s:\n  g -> s:\n  d(t-1) -> a:\n"
        "  b(whole t-2) -> a:\n  a(whole t-1) -> b: {moderated_by: a(whole t-2)}\n"
    )
    plan = mx.compile(theory)
    found = {each.response: [a for a in each.addresses if "| first" in a] for each in plan.equations}
    assert found["s"] == [
        "1 -> s | first",
        "g -> s | first",
    ]  # departures, 0/1 and changes have a 0 that means something
    assert found["a"] == ["1 -> a | first 2"]
    assert found["b"] == ["1 -> b | first", "a(whole t-1) -> b | first 2", "1 -> b | first 2"]
    for address in plan.parameters:
        assert str(parse_address(address)) == address
    with pytest.raises(SpecError, match="what belongs to some occasions alone takes no prior"):
        mx.parse(RATED % "" + "priors: {1 -> s | first: {normal: [0, 1]}}\n")


CONDITIONS = {
    "b(client) -> s: {only_when: {session: 2..}}": "1 -> s | not 2..",
    "b(client) -> s: {only_when: {session: [1, 3]}}": "1 -> s | not 1,3",
    "b(3) -> s: ": "1 -> s | before 3",
}


@pytest.mark.parametrize(("arrow", "address"), CONDITIONS.items())
def test_other_occasions_at_which_a_term_does_not_act(arrow, address):
    """Whatever the zero of the cause, effects are the same; occasions that the data do not have leave nothing over."""
    frame = ratings(3, clients=40).assign(b=lambda rows: rows.a + np.sin(np.arange(len(rows))))
    plan = mx.compile(mx.parse(LEVELS + f"variables: {{a: , b: , s: }}\narrows:\n  a(t-1) -> s:\n  {arrow}\n"))
    assert address in plan.parameters and str(parse_address(address)) == address

    def slopes(rows):
        found = mx.fit(plan.theory, rows, seed=1, progress=False)
        own = [name for name in found.parameters if name.partition(" -> ")[0] == arrow.partition(" -> ")[0]]
        return {name: (np.mean(found.parameters[name]), np.std(found.parameters[name])) for name in own}

    here, far = slopes(frame), slopes(frame.assign(b=frame.b + 300, s=frame.s - 50))
    assert len(here) == 1 and here.keys() == far.keys()
    for name, (mean, sd) in here.items():
        assert abs(far[name][0] - mean) < 0.1 * sd  # Monte Carlo errors of .02 to .03 sd each
        assert abs(far[name][1] / sd - 1) < 0.08
    late = frame[frame.session >= 3]
    if "before" in address or "2.." in address:
        assert address not in mx.fit(plan.theory, late, seed=1, progress=False).parameters


@pytest.mark.parametrize("arrow", ["a(whole t-1) -> s: {moderated_by: z}", "a(3) -> s: {moderated_by: z}"])
def test_whatever_the_zero_of_a_moderator(arrow):
    """An intercept of some occasions alone is believed in at the moderator's mean, as all others are."""
    frame = ratings(4, clients=40)
    frame["z"] = np.random.default_rng(5).normal(size=40)[frame.client]
    theory = mx.parse(LEVELS + f"variables: {{a: , z: {{level: client}}, s: }}\narrows:\n  {arrow}\n  z -> s:\n")
    term = arrow.partition(" -> ")[0]

    def slope(rows):
        found = mx.fit(theory, rows, seed=1, progress=False).parameters
        values = found[f"{term} -> s"] + found[f"{term} * z -> s"] * rows.z.mean()
        return np.mean(values), np.std(values)

    np.testing.assert_allclose(slope(frame.assign(z=frame.z + 100)), slope(frame), rtol=1e-3)


def test_noise_has_occasions_of_its_own_too():
    """An arrow into the residual sd that begins at session 2; the first sessions of a lag have a sd of their own anyway."""
    theory = mx.parse(
        LEVELS + "variables: {a: , z: {level: client}, s: }\narrows:\n  a(whole t-1) -> s, sigma(s):\n"
        "  z -> sigma(s): {only_when: {session: 2..}}\n"
    )
    own, spread = mx.compile(theory).equation("s").predictors
    assert [each for each in own.addresses if " | " in each] == ["1 -> s | first"]
    assert [each for each in spread.addresses if " | " in each] == ["1 -> sigma(s) | not 2.."]


def test_what_is_printed_of_them():
    """Where they hold, in `explain` and in the table of a report; also where the data have no such occasion."""
    frame = ratings(6, clients=5)
    theory = mx.parse(LEVELS + "variables: {a: , s: }\narrows: {a(whole t-1) -> s: , a(1) -> s: }\n")
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    said = {line[0]: line[2] for line in mx.explain(plan, data).priors}
    assert said["1 -> s | first"].endswith("at the first session, against the others at the means of what is gone")
    assert "1 -> s | before 1" not in said
    numbers = {"1 -> a": 5, "sigma(a)": 1, "sd(1 -> a | client)": 1, "1 -> s": 0, "a(whole t-1) -> s": 0.4,
               "a(1) -> s": 0.1, "sigma(s)": 1, "sigma(s | first)": 1, "sd(1 -> s | client)": 1}  # fmt: skip
    numbers = {address: value for address, value in numbers.items() if address in plan.parameters}
    fit = mx.pin(plan, data, numbers)
    shown = {each.address: describe_coefficient(plan.equation("s"), each) for each in plan.equation("s").coefficients}
    assert shown["1 -> s | first"] == "at the first session" and shown["1 -> s | before 1"] == "before session 1"
    assert "1 -> s | first" in "".join("".join(map(str, table.rows)) for table in tabulate(fit))


def test_the_density_by_hand():
    """Clients' outcomes are jointly normal: a shared intercept, means that look back from the second session on."""
    frame = ratings(2, clients=6, occasions=4)
    plan = mx.compile(mx.parse(RATED % "{shape: quadratic}"))
    density = collapsed.build_density(write_residuals(plan, mx.bind(plan.theory, frame), plan.equations))

    def by_hand(v):
        total = 0.0
        for _, rows in frame.groupby("client"):
            a, s = rows.a.to_numpy(), rows.s.to_numpy()
            mean = np.full(4, v["1 -> s"])
            mean[0] += v["1 -> s | first"]
            mean[1:] += v["a(whole t-1) -> s"] * a[:-1] + v["a(whole t-1)^2 -> s"] * a[:-1] ** 2
            own = np.diag([v["sigma(s | first)"] ** 2] + 3 * [v["sigma(s)"] ** 2])
            total += stats.multivariate_normal(mean, own + v["sd(1 -> s | client)"] ** 2).logpdf(s)
        return total

    gaps = []
    for seed in range(3):
        q = density.coordinates.start + np.random.default_rng(seed).normal(0, 0.4, len(density.coordinates.start))
        symbols = charts.find_symbols(density.coordinates.chart, q[None])[0]
        value = {each: symbols[density.coordinates.symbol(each)] for each in density.coordinates.addresses}
        gaps.append(kernels.collapse(density.layout, symbols, np.zeros(0)) - by_hand(value))
    assert np.ptp(gaps) < 1e-8


def test_a_study_is_simulated_and_followed():
    """First outcomes have the mean that the parameters say, later ones look back; the long run forgets the first."""
    text = LEVELS + "variables: {a: , s: }\narrows: {a(whole t-1) -> s: , s(t-1) -> a: }\n"
    theory = mx.parse(text)
    numbers = {
        "1 -> a": 5, "s(t-1) -> a": 0.2, "sigma(a)": 1, "sigma(a | first)": 1, "sd(1 -> a | client)": 0,
        "1 -> s": 1, "a(whole t-1) -> s": 0.4, "1 -> s | first": 7, "sigma(s)": 1, "sigma(s | first)": 1,
        "sd(1 -> s | client)": 0,
    }  # fmt: skip
    n = 4000
    rows = pd.DataFrame({"client": np.repeat(np.arange(n), 3), "session": np.tile([1, 2, 3], n)})
    frame = mx.simulate(mx.compile(theory), rows, numbers | {"cor(client)": 0}, seed=3)
    means = frame.groupby("session").s.mean()
    assert means[1] == pytest.approx(8, abs=4 / np.sqrt(n))
    assert means[2] == pytest.approx(3, abs=4 * 1.1 / np.sqrt(n))
