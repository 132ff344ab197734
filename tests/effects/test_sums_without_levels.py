"""Sums on the way of a change: closed forms for normal parts, quadrature and simulation in NumPy for counts.

The one-year outcomes of hartzler_2011 are worked out anew here from the numbers of its parameter file, by Gauss-Hermite
quadrature over the noise of self-efficacy, and by drawing people where counts are moved as well.
"""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import mechanisms as mx
from mechanisms.effects.questions.population import find_population
from mechanisms.errors import IdentificationError, SpecError, ZeroEffectError
from mechanisms.infer.sampling import pin
from mechanisms.infer.simulation import simulate_theory
from mechanisms.spec.parameters import read_parameters

Q = mx.Question
LINEAR = """
variables: {x: , w: , pre: , post: , gain: {is: 2 * post - pre}, y: }
arrows:
  x, w, pre -> post:
  gain -> y: {moderated_by: w}
  x -> y:
"""
NUMBERS = {
    "1 -> post": 0.3, "x -> post": 0.4, "w -> post": -0.2, "pre -> post": 0.6, "sigma(post)": 0.8, "1 -> y": -1.0,
    "gain -> y": 0.5, "gain * w -> y": 0.25, "w -> y": 0.1, "x -> y": 0.15, "sigma(y)": 1.1,
}  # fmt: skip


def people(names="x w pre post y", n=80, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(n, len(names.split()))), columns=names.split())


def pinned(text, numbers, frame):
    theory = mx.parse(text)
    plan = mx.compile(theory)
    return pin(plan, mx.bind(theory, frame), numbers)


def answers(fit, **asked):
    return [row.draws.item() for row in mx.estimate(fit, Q(**asked)).rows]


# --- normal parts ---


@pytest.fixture(scope="module")
def linear():
    return pinned(LINEAR, NUMBERS, people())


def test_effects_through_a_difference_are_products_of_coefficients(linear):
    """Through gain = 2 post − pre: 2 a (b + c w), and of pre (2 d − 1)(b + c w)."""
    slope = 0.5 + 0.25 * people().w.mean()
    np.testing.assert_allclose(answers(linear, of="x", on="y", kind="indirect", through="gain"), [2 * 0.4 * slope])
    np.testing.assert_allclose(answers(linear, of="x", on="y", kind="direct"), [0.15])
    np.testing.assert_allclose(answers(linear, of="x", on="y"), [2 * 0.4 * slope + 0.15])
    np.testing.assert_allclose(answers(linear, of="x", on="gain"), [0.8])
    np.testing.assert_allclose(answers(linear, of="pre", on="y"), [(2 * 0.6 - 1) * slope])
    drawn = answers(linear, of="x", on="y", kind="indirect", through="gain", mediators="interventional")
    np.testing.assert_allclose(drawn, [2 * 0.4 * slope])
    np.testing.assert_allclose(answers(linear, of="x", on="y", kind="controlled", set={"post": 1}), [0.15])


def test_a_total_is_taken_apart_into_the_paths_into_a_sum(linear):
    slope = 0.5 + 0.25 * people().w.mean()
    parts = mx.decompose(linear, "pre", "y")
    found = {row.label: row.draws.item() for row in parts.rows}
    wanted = {"total": 0.2, "indirect": 0.2, "pre -> post -> gain -> y": 1.2, "pre -> gain -> y": -1.0}
    assert found == pytest.approx({name: share * slope for name, share in wanted.items()})


def test_slopes_along_a_sum_multiply(linear):
    found = mx.differentiate(linear, "x", "y", at=[0.0, 1.0], covariates={"w": 2})
    np.testing.assert_allclose([row.draws.item() for row in found.rows], 2 * 0.4 * (0.5 + 0.25 * 2), rtol=1e-8)
    paths = mx.differentiate(linear, "pre", "y", at=[0.0])
    slope = 0.5 + 0.25 * people().w.mean()
    np.testing.assert_allclose([row.draws.item() for row in paths.rows], np.array([0.2, -1.0, 1.2]) * slope, rtol=1e-8)


def test_a_moderator_may_be_a_part_of_a_sum_and_no_sum(linear):
    text = "variables: {x: , a: , b: , d: {is: a - b}, y: }\narrows: {x -> y: {moderated_by: d}}"
    numbers = {"1 -> y": 0, "x -> y": 0.5, "x * d -> y": 0.2, "d -> y": 0, "sigma(y)": 1}
    frame = people("x a b y")
    fit = pinned(text, numbers, frame)
    found = mx.moderate(fit, Q(of="x", on="y"), by={"a": [-1, 2]})
    wanted = [0.5 + 0.2 * (value - frame.b.mean()) for value in (-1, 2)]
    np.testing.assert_allclose([row.draws.item() for row in found.effects.rows[:2]], wanted)
    with pytest.raises(SpecError, match="by: d is computed"):
        mx.moderate(fit, Q(of="x", on="y"), by="d")
    kept = find_population(fit.data, frozenset({"d", "a", "b"}), {"a": 0.7}, Q(of="x", on="y"))
    np.testing.assert_allclose(kept.columns["d"], 0.7 - kept.columns["b"])
    near = find_population(fit.data, frozenset({"d"}), {"d": 0.4}, Q(of="x", on="y"))
    np.testing.assert_allclose(near.columns["d"], 0.4)


def test_the_noise_of_all_parts_comes_through_one_sum():
    """s = m1 + m2 of which m1 moves m2: P(y) = Φ(mean / √(1 + b² var s)), var s = (1 + d)² σ1² + σ2²."""
    text = """
variables: {x: , m1: , m2: , s: {is: m1 + m2}, y: {family: bernoulli, link: probit}}
arrows: {x -> m1: , m1 -> m2: , s -> y: , x -> y: }
"""
    numbers = {"1 -> m1": 0.2, "x -> m1": 0.5, "sigma(m1)": 0.9, "1 -> m2": -0.1, "m1 -> m2": 0.7, "sigma(m2)": 0.6}
    numbers |= {"1 -> y": -0.2, "s -> y": 0.8, "x -> y": 0.3}
    frame = people("x m1 m2 y")
    frame["y"] = (frame.y > 0) * 1
    fit = pinned(text, numbers, frame)
    variance = 1.7**2 * 0.9**2 + 0.6**2

    def chance(x, through):
        mean = 0.2 + 0.5 * through
        return stats.norm.cdf((-0.2 + 0.8 * (1.7 * mean - 0.1) + 0.3 * x) / np.sqrt(1 + 0.8**2 * variance))

    asked = {"of": "x", "on": "y", "contrast": (0, 1)}
    np.testing.assert_allclose(answers(fit, **asked), [chance(1, 1) - chance(0, 0)], rtol=1e-9)
    both = [chance(1, 1) - chance(1, 0), chance(0, 1) - chance(0, 0)]
    np.testing.assert_allclose(answers(fit, **asked, kind="indirect", through="s"), both, rtol=1e-9)


def test_a_bent_sum_is_averaged_with_its_noise():
    """y ← gain², with the noise of post in it: E[gain²] = mean² + variance."""
    text = """
variables: {x: , pre: , post: , gain: {is: post - pre}, y: }
arrows: {x -> post: , pre -> post: , gain -> y: {shape: quadratic}, x -> y: }
"""
    numbers = {"1 -> post": 0.3, "x -> post": 0.4, "pre -> post": 0.6, "sigma(post)": 0.8, "1 -> y": 0, "gain -> y": 0.2,
               "gain^2 -> y": 0.3, "x -> y": 0, "sigma(y)": 1}  # fmt: skip
    frame = people("x pre post y")
    fit = pinned(text, numbers, frame)

    def mean(x):
        gain = 0.3 + 0.4 * x + (0.6 - 1) * frame.pre
        return (0.2 * gain + 0.3 * (gain**2 + 0.8**2)).mean()

    np.testing.assert_allclose(answers(fit, of="x", on="y", contrast=(-1, 3)), [mean(3) - mean(-1)])
    notes = " ".join(mx.estimate(fit, Q(of="x", on="y", contrast=(0, 60))).notes)
    assert re.search(r"the values of gain lie outside its data", notes)


def test_many_draws_and_rows_are_averaged_as_one_by_one():
    """The shortcut over polynomials, draw by draw: 2 a · mean of (b + c w)."""
    rng = np.random.default_rng(5)
    frame = people(n=300)
    frame["post"] = 0.4 * frame.x + 0.5 * frame.pre + rng.normal(size=300)
    frame["y"] = 0.3 * (2 * frame.post - frame.pre) * (1 + frame.w) + rng.normal(size=300)
    theory = mx.parse(LINEAR)
    fit = mx.sample(mx.compile(theory), mx.bind(theory, frame), seed=1)
    p = fit.parameters
    (row,) = mx.estimate(fit, Q(of="x", on="y", kind="indirect", through="gain")).rows
    wanted = 2 * p["x -> post"] * (p["gain -> y"] + p["gain * w -> y"] * frame.w.mean())
    np.testing.assert_allclose(row.draws.reshape(-1), wanted, rtol=1e-9)


def test_rows_whose_parts_are_missing_are_left_out_and_that_is_said():
    text = "variables: {x: , a: , b: , d: {is: a - b}, y: }\narrows: {b -> a: , x -> y: {moderated_by: d}}"
    frame = people("x a b y", 200)
    frame.loc[:39, "a"] = np.nan
    numbers = {
        "1 -> y": 0,
        "x -> y": 0.5,
        "x * d -> y": 0.4,
        "d -> y": 0,
        "sigma(y)": 1,
        "1 -> a": 0,
        "b -> a": 0,
        "sigma(a)": 1,
    }
    found = mx.estimate(pinned(text, numbers, frame), Q(of="x", on="y"))
    known = frame.loc[40:]
    np.testing.assert_allclose(found.rows[0].draws.item(), 0.5 + 0.4 * (known.a - known.b).mean(), rtol=1e-9)
    assert "the 160 of 200 units in the data whose d is known" in found.population


def test_a_condition_on_a_mediator_follows_it():
    """y ← m only where b = 1, and x moves both: E[m b] = E[m] P(b = 1), along the paths that carry the change."""
    text = """
variables: {x: , b: {family: bernoulli}, m: , y: }
arrows: {x -> b: , x -> m: , m -> y: {only_when: {b: 1}}}
"""
    numbers = {"1 -> b": -0.5, "x -> b": 1.0, "1 -> m": 1.5, "x -> m": 0.4, "sigma(m)": 1, "1 -> y": 0, "m -> y": 0.7,
               "b -> y": -0.3, "sigma(y)": 1}  # fmt: skip
    frame = people("x b m y")
    frame["b"] = (frame.b > 0) * 1
    fit = pinned(text, numbers, frame)

    def mean(by_b, by_m):
        return special.expit(by_b - 0.5) * (0.7 * (1.5 + 0.4 * by_m) - 0.3)

    asked = {"of": "x", "on": "y", "contrast": (0, 1)}
    np.testing.assert_allclose(answers(fit, **asked), [mean(1, 1) - mean(0, 0)], rtol=1e-9)
    through = answers(fit, **asked, kind="indirect", through="x -> m -> y")
    np.testing.assert_allclose(through, [mean(0, 1) - mean(0, 0)], rtol=1e-9)


# --- what cannot be asked ---


@pytest.mark.parametrize(
    ("asked", "error", "fault"),
    [
        ({"of": "gain", "on": "y"}, SpecError, "'gain' is computed and cannot be moved by itself"),
        ({"of": "x", "on": "y", "kind": "controlled", "set": {"gain": 1}}, SpecError, "set what it is computed from"),
        ({"of": "x", "on": "y", "at": {"gain": 1}}, IdentificationError, "To intervene, set what it is computed from"),
        ({"of": "x", "on": "gain", "kind": "direct"}, ZeroEffectError, "x has no arrow into gain"),
        ({"of": "x", "on": "gain", "scale": "standardised"}, IdentificationError, "gain is computed; ask on the raw"),
    ],
)
def test_what_a_sum_cannot_be_asked_for(linear, asked, error, fault):
    with pytest.raises(error, match=fault):
        mx.estimate(linear, Q(**asked))


def test_a_time_is_cut_off_and_no_sum(linear):
    with pytest.raises(IdentificationError, match="gain is computed"):
        mx.estimate(linear, Q(of="x", on="gain"), beyond=3.0)


# --- counts as parts ---


def test_a_count_in_a_sum_is_summed_over():
    """y ~ Poisson, log mean b (k − x), k ~ Poisson(μ): E exp(b (k − x)) = exp(μ (e^b − 1) − b x)."""
    text = """
variables: {x: , k: {family: poisson}, d: {is: k - x}, y: {family: poisson}}
arrows: {x -> k: , d -> y: }
"""
    numbers = {"1 -> k": 1.0, "x -> k": 0.3, "1 -> y": 0.2, "d -> y": 0.15}
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=50), "k": rng.poisson(3, 50), "y": rng.poisson(2, 50)})
    fit = pinned(text, numbers, frame)

    def mean(own, through):
        return np.exp(0.2 + np.exp(1.0 + 0.3 * through) * (np.exp(0.15) - 1) - 0.15 * own)

    asked = {"of": "x", "on": "y", "contrast": (-0.5, 1.0)}
    np.testing.assert_allclose(answers(fit, **asked), [mean(1, 1) - mean(-0.5, -0.5)], rtol=1e-8)
    by_count = answers(fit, **asked, through="x -> k -> d -> y", kind="indirect")
    np.testing.assert_allclose(by_count, [mean(-0.5, 1) - mean(-0.5, -0.5)], rtol=1e-8)
    np.testing.assert_allclose(
        answers(fit, of="x", on="d", contrast=(0, 1)), [np.exp(1.3) - np.exp(1.0) - 1], rtol=1e-9
    )


# --- a published theory, by other means ---

ARMS = ("medication", "cbt_medication", "cbt")


class ByHand:
    """The equations of hartzler_2011 at stated numbers, written out."""

    def __init__(self, values):
        self.values = values

    def predict(self, to, arm, **x):
        found = self.values[f"1 -> {to}"] + self.values.get(f"arm={arm} -> {to}", 0.0)
        for name, value in x.items():
            slope = self.values.get(f"{name} -> {to}", 0.0) + self.values.get(f"{name} * arm={arm} -> {to}", 0.0)
            if f"gain -> {to}" in self.values and f"gain * arm=cbt -> {to}" not in self.values and name == "gain":
                slope = slope * (arm == "cbt")
            found = found + slope * value
        return found

    def days(self, arm, **x):
        """The mean of a negative binomial beyond a hurdle, and the chance of any."""
        mean = np.exp(self.predict("amount(drinking_days)", arm, **x))
        size, some = (
            self.values["precision(drinking_days)"],
            special.expit(self.predict("any(drinking_days)", arm, **x)),
        )
        return some * mean / (1 - (size / (size + mean)) ** size), some

    def average(self, some, arm, bond, carried):
        """Both, and symptoms, where bond is set and self-efficacy is as under another bond."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        before, early, first = (
            some[name].to_numpy()[:, None] for name in ("confidence_before", "drinking_early", "drinking_before")
        )
        given = {"confidence_before": before, "prior_change": early - first}
        after = (
            self.predict("confidence_after", arm, **given, bond=carried)
            + self.values["sigma(confidence_after)"] * nodes
        )
        x = {**given, "gain": after - before, "bond": bond, "drinking_before": first}
        found = (*self.days(arm, **x), self.predict("symptoms", arm, **x))
        return np.array([(each @ weights).mean() / weights.sum() for each in found])


@pytest.fixture(scope="module", params=["hartzler_2011", "hartzler_2011_cbt_only"])
def study(request):
    theory, numbers = mx.load(request.param), read_parameters(request.param).values
    frame = simulate_theory(request.param, n=240, seed=2)
    return frame, ByHand(numbers), pin(mx.compile(theory), mx.bind(theory, frame), numbers)


def test_the_indirect_effect_through_the_gain_in_each_arm(study):
    """And their differences: does it depend on the treatment? In cbt_only there is none outside it."""
    frame, hand, fit = study
    low = frame.bond.mean()
    for place, on in enumerate(["drinking_days", "any(drinking_days)", "symptoms"]):
        found = mx.estimate(fit, Q(of="bond", on=on, kind="indirect", through="gain", at={"arm": ARMS}, name="i"))
        rows = {row.label: row.draws.item() for row in found.rows}
        wanted = {}
        for arm in ARMS:
            some = frame[frame.arm == arm]
            after = hand.average(some, arm, low + 1, low + 1)
            wanted[f"i [arm={arm}]"] = (after - hand.average(some, arm, low + 1, low))[place]
        for one, other in [(ARMS[0], ARMS[1]), (ARMS[0], ARMS[2]), (ARMS[1], ARMS[2])]:
            wanted[f"i [arm={other} − arm={one}]"] = wanted[f"i [arm={other}]"] - wanted[f"i [arm={one}]"]
        assert {label: rows[label] for label in wanted} == pytest.approx(wanted, rel=1e-5, abs=1e-9)
        if "gain * arm=cbt -> symptoms" not in hand.values:
            assert rows["i [arm=medication]"] == rows["i [arm=cbt_medication]"] == 0.0


def test_the_total_and_the_direct_effect_of_the_bond(study):
    frame, hand, fit = study
    some, low = frame[frame.arm == "cbt"], frame.bond.mean()
    ends = {(own, by): hand.average(some, "cbt", low + own, low + by) for own in (0, 1) for by in (0, 1)}
    parts = mx.decompose(fit, "bond", "drinking_days", at={"arm": "cbt"})
    found = {row.label.partition(" [")[0]: row.draws.item() for row in parts.rows}
    wanted = {
        "total": ends[1, 1] - ends[0, 0], "direct": ends[1, 0] - ends[0, 0], "indirect": ends[1, 1] - ends[1, 0],
        "pure indirect": ends[0, 1] - ends[0, 0], "total direct": ends[1, 1] - ends[0, 1],
        "bond -> confidence_after -> gain -> drinking_days": ends[1, 1] - ends[1, 0],
    }  # fmt: skip
    assert found == pytest.approx({name: gap[0] for name, gap in wanted.items()}, rel=1e-5)


def test_what_moves_a_count_moves_the_change_in_it(study):
    """The arm moves a hurdle count, by that the change, the bond, self-efficacy, the gain: people drawn in NumPy."""
    frame, hand, fit = study
    rng, n, v = np.random.default_rng(9), 1_500, hand.values
    drawn = {}
    first, before = (np.repeat(frame[name].to_numpy(float), n) for name in ("drinking_before", "confidence_before"))
    noise = rng.normal(size=(2, len(first)))
    chances = rng.random((2, len(first)))
    for arm in ("medication", "cbt"):
        mean = np.exp(hand.predict("amount(drinking_early)", arm, drinking_before=first))
        size = v["precision(drinking_early)"]
        share = size / (size + mean)
        counts = stats.nbinom.ppf(share**size + chances[0] * (1 - share**size), size, share)
        change = (
            counts * (chances[1] < special.expit(hand.predict("any(drinking_early)", arm, drinking_before=first)))
            - first
        )
        given = {"confidence_before": before, "prior_change": change}
        bond = hand.predict("bond", arm, **given) + v["sigma(bond)"] * noise[0]
        after = hand.predict("confidence_after", arm, **given, bond=bond) + v["sigma(confidence_after)"] * noise[1]
        x = {**given, "gain": after - before, "bond": bond, "drinking_before": first}
        drawn[arm] = {"prior_change": change, "gain": x["gain"], "symptoms": hand.predict("symptoms", arm, **x)}
        drawn[arm]["drinking_days"] = hand.days(arm, **x)[0]
    for on, values in drawn["cbt"].items():
        gap = (values - drawn["medication"][on]).reshape(-1, n)
        error = gap.std(axis=1).mean() / np.sqrt(gap.size)
        found = mx.estimate(fit, Q(of="arm", on=on, contrast=("medication", "cbt")))
        sobol = 0.003 if any("Sobol" in note for note in found.notes) else 1e-6
        assert abs(found.rows[0].draws.item() - gap.mean()) < 4.5 * error + sobol, on


FIRST = {"confidence_before": "confidence_pre", "confidence_after": "confidence_post", "drinking_before": "drinking_pre",
         "drinking_early": "drinking_mid"}  # fmt: skip


def rename(text, names):
    return re.sub("|".join(names), lambda found: names[found[0]], text)


@pytest.mark.parametrize("name", ["hartzler_2011", "hartzler_2011_cbt_only"])
def test_the_theory_as_it_was_first_written_runs(shared, name):
    """Other names, fewer arrows, and counts out of 90 days: what is simulated is bound, and answers are those by hand."""
    theory = mx.load(shared.parent / "theories" / f"{name}.yaml")
    plan, known = mx.compile(theory), read_parameters(name).values
    kept = {address: value for address, value in known.items() if rename(address, FIRST) in plan.parameters}
    days = "1 -> amount(drinking_days)", "1 -> amount(drinking_early)"
    numbers = {rename(one, FIRST): value - np.log(90) * (one in days) for one, value in kept.items()}
    given = simulate_theory(name, n=240, seed=2)[["arm", "confidence_before", "drinking_before"]]
    given = given.replace({"drinking_before": {15.0: 0.0}}).rename(columns=FIRST)  # a hurdle has zeros
    frame = mx.simulate(plan, given, numbers, seed=1)
    fit = pin(plan, mx.bind(theory, frame), numbers)
    hand, old = ByHand(kept), frame.rename(columns={one: other for other, one in FIRST.items()})
    low = frame.bond.mean()
    for place, question in enumerate(theory.questions):
        rows = {row.label: row.draws.item() for row in mx.estimate(fit, question).rows}
        for arm in ARMS if place == 0 else ("cbt",):
            some = old[old.arm == arm]
            gap = hand.average(some, arm, low + 1, low + 1) - hand.average(some, arm, low + 1, low)
            assert rows[f"indirect through gain [arm={arm}]"] == pytest.approx(gap[place], rel=1e-5, abs=1e-9)
