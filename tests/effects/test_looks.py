"""What is looked at in an outcome: values, parts, times; on which scale; and spreads that are moved, against formulas and draws."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import expit, gamma, logit
from small_worlds import pinned, values

import mechanisms as mx
from mechanisms.errors import IdentificationError, MechanismsError, SpecError

N = 400_000


def rows(y, **more):
    n = 30
    rng = np.random.default_rng(3)
    found = {"x": np.arange(n) % 2, "m": rng.normal(size=n), "y": np.resize(y, n), "c": rng.normal(size=n)}
    return pd.DataFrame({**found, **more})


DRINKS = "variables:\n  x:\n  m:\n  y: {family: poisson, zeros: hurdle}\narrows:\n  x -> m:\n  x, m -> y:\n"
DRINKING = {
    "1 -> m": 0.2, "x -> m": 0.6, "sigma(m)": 0.7, "1 -> any(y)": -0.4, "x -> any(y)": 0.5, "m -> any(y)": -0.8,
    "1 -> amount(y)": 0.7, "x -> amount(y)": -0.3, "m -> amount(y)": 0.25,
}  # fmt: skip


@pytest.fixture(scope="module")
def drinks():
    return pinned(DRINKS, rows([0, 0, 1, 2, 5]), DRINKING)


@pytest.fixture(scope="module")
def drawn():
    """Whether there is any, how much where there is any, and how much in all, under (x, M(x')): drawn one by one."""
    rng = np.random.default_rng(9)
    u, noise = rng.random(N), rng.normal(size=N)
    found = {}
    for x, star in [(0, 0), (1, 0), (1, 1)]:
        m = 0.2 + 0.6 * star + 0.7 * noise
        some = u < expit(-0.4 + 0.5 * x - 0.8 * m)
        mean = np.exp(0.7 - 0.3 * x + 0.25 * m)
        none = np.exp(-mean)  # a Poisson above 0 by inversion
        amount = stats.poisson.ppf(none + (1 - none) * rng.random(N), mean)
        found[x, star] = {"any(y)": some.astype(float), "amount(y)": amount, "y": some * amount}
    return found


@pytest.mark.parametrize("on", ["any(y)", "amount(y)", "y"])
def test_parts_of_a_hurdle(drinks, drawn, on):
    found = values(mx.decompose(drinks, "x", on))
    for label, one, other in (("direct", (1, 0), (0, 0)), ("indirect", (1, 1), (1, 0)), ("total", (1, 1), (0, 0))):
        gap = drawn[one][on] - drawn[other][on]
        assert abs(found[label] - gap.mean()) < 4 * gap.std() / np.sqrt(N), label


def test_parts_are_said(drinks):
    parts = {on: repr(mx.estimate(drinks, mx.Question(of="x", on=on))) for on in ("any(y)", "amount(y)")}
    assert "difference in the probability that y is above 0" in parts["any(y)"]
    assert (
        "each unit's E[y | y > 0], averaged over all units and not over those alone who have any" in parts["amount(y)"]
    )
    assert "who has any y may differ between the two values of x" in parts["amount(y)"]
    assert mx.identify(drinks.plan.theory, mx.Question(of="x", on="any(y)")).identified


def test_an_arrow_into_one_part_leaves_the_other(drinks):
    """m acts on whether there is any alone: nothing of the amount goes through it."""
    text = "variables:\n  x:\n  m:\n  y: {family: gamma, zeros: hurdle}\narrows:\n  x -> m:\n  m -> any(y):\n  x -> amount(y):\n"
    stated = {"1 -> m": 0.2, "x -> m": 0.6, "sigma(m)": 0.7, "1 -> any(y)": -0.4, "m -> any(y)": -0.8,
              "1 -> amount(y)": 0.7, "x -> amount(y)": -0.3, "precision(y)": 2.0}  # fmt: skip
    fit = pinned(text, rows([0.0, 0.5, 1.2]), stated)
    found = values(mx.decompose(fit, "x", "amount(y)"))
    assert found["total"] == pytest.approx(np.exp(0.4) - np.exp(0.7), abs=1e-12)
    assert set(found) == {"total", "direct"}
    chance = [
        quad(lambda z, s=s: expit(-0.4 - 0.8 * (0.2 + 0.6 * s + 0.7 * z)) * stats.norm.pdf(z), -9, 9)[0] for s in (0, 1)
    ]
    assert values(mx.decompose(fit, "x", "any(y)"))["indirect"] == pytest.approx(chance[1] - chance[0], abs=1e-9)
    link = mx.estimate(fit, mx.Question(of="x", on="any(y)", scale="link"))
    assert values(link)["total"] == pytest.approx(logit(chance[1]) - logit(chance[0]), abs=1e-8)
    assert "log odds ratio of the population's probabilities that y is above 0" in repr(link)


MOOD = (
    "variables:\n  x:\n  m: {family: categorical, values: [p, q, r]}\n  y: {family: ordinal, values: [lo, mid, hi]}\n"
)
MOOD += "arrows:\n  x -> m -> y:\n  x -> y:\n"
MOODS = {"1 -> m=q": 0.4, "1 -> m=r": -0.3, "x -> m=q": 0.7, "x -> m=r": -0.5, "1 -> y=mid": 0.6, "1 -> y=hi": -0.9,
         "x -> y": 0.5, "m=q -> y": 0.8, "m=r -> y": -1.1}  # fmt: skip


@pytest.fixture(scope="module")
def mood():
    return pinned(MOOD, rows(["lo", "mid", "hi"], m=np.resize(["p", "q", "q", "r"], 30)), MOODS)


def chances(x, star):
    """P(y = lo, mid, hi) by a sum over m."""
    weights = np.exp([0.0, 0.4 + 0.7 * star, -0.3 - 0.5 * star])
    found = np.zeros(3)
    for weight, slope in zip(weights / weights.sum(), (0.0, 0.8, -1.1), strict=True):
        mid, hi = expit(0.6 + 0.5 * x + slope), expit(-0.9 + 0.5 * x + slope)
        found += weight * np.array([1 - mid, mid - hi, hi])
    return dict(zip(("lo", "mid", "hi"), found, strict=True))


def test_a_row_for_each_value(mood):
    found = values(mx.decompose(mood, "x", "y"))
    for value in ("lo", "mid", "hi"):
        assert found[f"total [y={value}]"] == pytest.approx(chances(1, 1)[value] - chances(0, 0)[value], abs=1e-12)
        assert found[f"indirect [y={value}]"] == pytest.approx(chances(1, 1)[value] - chances(1, 0)[value], abs=1e-12)
    assert sum(found[f"total [y={value}]"] for value in ("lo", "mid", "hi")) == pytest.approx(0, abs=1e-12)


def test_one_value_by_name_and_its_odds(mood):
    named = mx.estimate(mood, mx.Question(of="x", on="y=hi"))
    assert values(named) == pytest.approx({"total": chances(1, 1)["hi"] - chances(0, 0)["hi"]}, abs=1e-12)
    assert "difference in the probability that y = hi" in repr(named)
    odds = mx.estimate(mood, mx.Question(of="x", on="y=hi", scale="link")).ratios()
    one, other = chances(1, 1)["hi"], chances(0, 0)["hi"]
    assert values(odds)["total"] == pytest.approx(one / (1 - one) / (other / (1 - other)), rel=1e-12)
    assert odds.scale == "odds ratio of the population's probabilities that y = hi (marginal, not conditional)"


def test_groups_are_compared_value_by_value():
    text = "variables:\n  x:\n  c: {family: categorical, values: [a, b]}\n  y: {family: sequential, values: [lo, mid, hi]}\n"
    stated = {"1 -> y=mid": 0.3, "1 -> y=hi": -0.2, "x -> y": 0.5, "c=b -> y": 0.4, "x * c=b -> y": 0.7}
    frame = rows(["lo", "mid", "hi"], c=np.resize(["a", "b"], 30)[np.random.default_rng(1).permutation(30)])
    fit = pinned(text + "arrows:\n  x -> y: {moderated_by: c}\n", frame, stated)
    found = values(mx.estimate(fit, mx.Question(of="x", on="y", at={"c": "each"})))

    def top(x, b):
        move = 0.5 * x + 0.4 * b + 0.7 * x * b
        return expit(0.3 + move) * expit(-0.2 + move)

    gaps = [top(1, b) - top(0, b) for b in (0, 1)]
    assert found["total [y=hi, c=b − c=a]"] == pytest.approx(gaps[1] - gaps[0], abs=1e-12)
    assert sum("−" in label for label in found) == 3


def test_ratios_multiply(drinks):
    logs = mx.decompose(drinks, "x", "y", scale="link")
    ratios = logs.ratios()
    found = values(ratios)
    assert found == pytest.approx({label: np.exp(value) for label, value in values(logs).items()})
    assert found["total"] == pytest.approx(found["direct"] * found["indirect"], rel=1e-12)
    assert ratios.scale == "ratio of the population's means of y (marginal, not conditional)"
    assert list(ratios.summary().columns)[-1] == "p_above_1" and "P(>1)" in repr(ratios)
    assert ratios.summary().loc["direct", "p_above_1"] == float(found["direct"] > 1)
    with pytest.raises(MechanismsError, match="these effects are on another scale, ratio of"):
        ratios.ratios()


def test_differences_have_no_ratios(drinks):
    with pytest.raises(MechanismsError, match="ask with scale='link'"):
        mx.decompose(drinks, "x", "y").ratios()


SIZES = {"sigma": 0.6, "precision": 1.7}
TIMES = {
    "weibull": lambda mean: stats.weibull_min(1.7, scale=mean / gamma(1 + 1 / 1.7)),
    "gamma": lambda mean: stats.gamma(1.7, scale=mean / 1.7),
    "lognormal": lambda median: stats.lognorm(0.6, scale=median),
}


@pytest.mark.parametrize("family", TIMES)
@pytest.mark.parametrize("at", [3.0, 24.0])
def test_times_that_are_cut_off(family, at):
    """E[min(y, 24)] is the area under the survival curve up to 24; the covariate takes three values."""
    text = f"variables:\n  x:\n  c:\n  y: {{family: {family}, unit: weeks}}\narrows:\n  x, c -> y:\n"
    spread = "sigma" if family == "lognormal" else "precision"
    stated = {"1 -> y": 2.0, "x -> y": 0.6, "c -> y": -0.3, f"{spread}(y)": SIZES[spread]}
    fit = pinned(text, rows([3.0, 9.0, 30.0], c=np.resize([-1.0, 0.0, 2.0], 30)), stated)
    laws = [[TIMES[family](np.exp(2 + 0.6 * x - 0.3 * c)) for c in (-1.0, 0.0, 2.0)] for x in (0, 1)]
    area = [np.mean([quad(law.sf, 0, at)[0] for law in some]) for some in laws]
    last = [np.mean([law.sf(at) for law in some]) for some in laws]
    ask = mx.Question(of="x", on="y")
    restricted, beyond = mx.estimate(fit, ask, restricted_to=at), mx.decompose(fit, "x", "y", beyond=at)
    assert values(restricted)["total"] == pytest.approx(area[1] - area[0], abs=1e-8)
    assert values(beyond)["total"] == pytest.approx(last[1] - last[0], abs=1e-12)
    assert f"difference in the mean time up to {at:g} weeks, E[min(y, {at:g})]" in repr(restricted)
    assert f"difference in the probability that y exceeds {at:g} weeks" in repr(beyond)
    linked = mx.estimate(fit, mx.Question(of="x", on="y", scale="link"), beyond=at).ratios()
    assert values(linked)["total"] == pytest.approx(last[1] / (1 - last[1]) / last[0] * (1 - last[0]), rel=1e-9)


def test_a_time_beyond_the_data_is_said():
    text = "variables:\n  x:\n  y: {family: weibull}\narrows:\n  x -> y:\n"
    fit = pinned(text, rows([3.0, 9.0]), {"1 -> y": 2.0, "x -> y": 0.6, "precision(y)": 1.0})
    assert "the longest time in the data is 9, so this is an extrapolation" in repr(
        mx.estimate(fit, mx.Question(of="x", on="y"), restricted_to=10)
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"restricted_to": 3, "beyond": 4}, "two questions"),
        ({"restricted_to": -1}, "a time above 0"),
        ({"beyond": True}, "a time above 0"),
    ],
)
def test_cuts_that_say_nothing(drinks, said, words):
    with pytest.raises(SpecError, match=words):
        mx.estimate(drinks, mx.Question(of="x", on="y"), **said)


def test_counts_are_no_times(drinks):
    with pytest.raises(IdentificationError, match="cuts a time off, and y is poisson"):
        mx.estimate(drinks, mx.Question(of="x", on="y"), restricted_to=3)


@pytest.mark.parametrize("on", ["any(y)", "y=hi"])
def test_no_standardised_chances(drinks, mood, on):
    with pytest.raises(IdentificationError, match="standardised"):
        mx.estimate(mood if "=" in on else drinks, mx.Question(of="x", on=on, scale="standardised"))


SPREADING = (
    "variables:\n  x:\n  p:\n  m:\n  y: {{{y}}}\n"
    "arrows:\n  x -> p -> m:\n  x -> m:\n  x, p -> sigma(m):\n  m -> y:{curve}\n"
)
SPREADS = {"1 -> p": 0.1, "x -> p": 0.5, "sigma(p)": 0.6, "1 -> m": 0.2, "x -> m": 0.3, "p -> m": 0.4, "1 -> sigma(m)": -0.5,
           "x -> sigma(m)": 0.4, "p -> sigma(m)": -0.3, "1 -> y": -0.2, "m -> y": 0.7}  # fmt: skip


def test_a_spread_that_is_moved_matters_where_the_outcome_bends():
    """y = m + m²: E[m²] has the variance of m, which x and p move; a lognormal mean of p's normal noise."""
    fit = pinned(
        SPREADING.format(y="family: normal", curve=" {shape: quadratic}"),
        rows([0.0, 1.0, 3.0], p=np.random.default_rng(2).normal(size=30)),
        {**SPREADS, "m^2 -> y": 0.25, "sigma(y)": 1.0},
    )

    def level(x, star):  # p under star, m by its own arrow under x
        middle = 0.1 + 0.5 * star
        mean, var = 0.2 + 0.3 * x + 0.4 * middle, (0.4 * 0.6) ** 2
        noise = np.exp(2 * (-0.5 + 0.4 * x - 0.3 * middle) + 2 * (0.3 * 0.6) ** 2)
        return 0.7 * mean + 0.25 * (mean**2 + var + noise)

    found = values(mx.decompose(fit, "x", "y"))
    assert found["total"] == pytest.approx(level(1, 1) - level(0, 0), abs=1e-9)
    assert found["x -> m -> y"] == pytest.approx(level(1, 0) - level(0, 0), abs=1e-9)
    assert found["x -> p -> m -> y"] == pytest.approx(level(0, 1) - level(0, 0), abs=1e-9)


def test_a_spread_that_is_moved_matters_through_a_link():
    fit = pinned(
        SPREADING.format(y="family: bernoulli, link: probit", curve=""),
        rows([0, 1], p=np.random.default_rng(2).normal(size=30)),
        SPREADS,
    )

    def level(x):
        def given(z):
            p = 0.1 + 0.5 * x + 0.6 * z
            spread = np.exp(-0.5 + 0.4 * x - 0.3 * p)
            eta = -0.2 + 0.7 * (0.2 + 0.3 * x + 0.4 * p)
            return stats.norm.cdf(eta / np.sqrt(1 + (0.7 * spread) ** 2)) * stats.norm.pdf(z)

        return quad(given, -9, 9, epsabs=1e-12)[0]

    assert values(mx.decompose(fit, "x", "y"))["total"] == pytest.approx(level(1) - level(0), abs=1e-9)


def test_a_spread_of_the_outcome_moves_the_mean_of_a_lognormal():
    text = "variables:\n  x:\n  m:\n  y: {family: lognormal}\narrows:\n  x -> m -> y:\n  x, m -> sigma(y):\n"
    stated = {"1 -> m": 0.1, "x -> m": 0.5, "sigma(m)": 0.6, "1 -> y": 0.2, "m -> y": 0.3, "1 -> sigma(y)": -0.9,
              "x -> sigma(y)": 0.3, "m -> sigma(y)": -0.2}  # fmt: skip
    fit = pinned(text, rows([0.5, 1.0, 3.0]), stated)

    def level(x, star):
        def given(z):
            m = 0.1 + 0.5 * star + 0.6 * z
            return np.exp(0.2 + 0.3 * m + np.exp(2 * (-0.9 + 0.3 * x - 0.2 * m)) / 2 - z * z / 2) / np.sqrt(2 * np.pi)

        return quad(given, -7, 7, epsabs=1e-12)[0]

    found = values(mx.decompose(fit, "x", "y"))
    assert found["direct"] == pytest.approx(level(1, 0) - level(0, 0), abs=1e-5)
    assert found["indirect"] == pytest.approx(level(1, 1) - level(1, 0), abs=1e-5)


def test_many_mediators_by_points():
    """Too many for a grid: a category, an amount with zeros, a heaped share and a count with zeros, against draws."""
    kinds = {"a": "family: ordinal, values: [p, q, r]", "b": "family: gamma, zeros: hurdle", "d": "family: ordered_beta",
             "e": "family: poisson, zeros: hurdle", "f": "family: gamma"}  # fmt: skip
    text = "variables:\n  x:\n" + "".join(f"  {name}: {{{said}}}\n" for name, said in kinds.items())
    text += "  y: {family: bernoulli}\narrows:\n  x -> a, b, d, e, f:\n  a, b, d, e, f -> y:\n"
    theory = mx.parse(text)
    plan = mx.compile(theory)
    stated = {each: 2.0 if each.startswith("precision") else 0.3 for each in plan.parameters}
    stated |= {"1 -> a=r": -0.6, "1 -> d=1": -1.5}
    rng = np.random.default_rng(8)
    frame = rows([0, 1], a=np.resize(["p", "q", "r"], 30), b=np.resize([0, 1.5, 0.3], 30), e=np.resize([0, 1, 4], 30),
                 d=np.resize([0, 0.4, 1, 0.7], 30), f=rng.gamma(2, 1, 30)).drop(columns=["m", "c"])  # fmt: skip
    effects = mx.estimate(mx.pin(plan, mx.bind(theory, frame), stated), mx.Question(of="x", on="y"))
    assert "Sobol' points" in repr(effects)

    def level(x):
        up = 0.3 * x
        reached = rng.random(N)
        a = (reached < expit(0.3 + up)).astype(float)
        mean = np.exp(0.3 + up)
        b = (rng.random(N) < expit(0.3 + up)) * rng.gamma(2.0, mean / 2, N)
        u, place = rng.random(N), expit(0.3 + up)
        d = np.where(u < expit(-1.5 + up), 1.0, rng.beta(place * 2, (1 - place) * 2, N) * (u < expit(0.3 + up)))
        count = stats.poisson.ppf(np.exp(-mean) + (1 - np.exp(-mean)) * rng.random(N), mean)
        e = (rng.random(N) < expit(0.3 + up)) * count
        return expit(0.3 * (1 + a + b + d + e + rng.gamma(2.0, mean / 2, N)))

    gap = [level(x) for x in (0, 1)]
    assert values(effects)["total"] == pytest.approx(gap[1].mean() - gap[0].mean(), abs=2e-3)


@pytest.mark.parametrize("ask", [lambda fit: mx.moderate(fit, mx.Question(of="x", on="y"), "c")])
def test_a_curve_follows_one_value(ask):
    text = (
        "variables:\n  x:\n  c:\n  y: {family: ordinal, values: [lo, mid, hi]}\narrows:\n  x -> y: {moderated_by: c}\n"
    )
    stated = {"1 -> y=mid": 0.3, "1 -> y=hi": -0.2, "x -> y": 0.5, "c -> y": 0.4, "x * c -> y": 0.7}
    fit = pinned(text, rows(["lo", "mid", "hi"]), stated)
    with pytest.raises(IdentificationError, match="y has several values, and a curve follows one: ask on y=hi"):
        ask(fit)


def test_moderation_of_one_value():
    text = (
        "variables:\n  x:\n  c:\n  y: {family: ordinal, values: [lo, mid, hi]}\narrows:\n  x -> y: {moderated_by: c}\n"
    )
    stated = {"1 -> y=mid": 0.3, "1 -> y=hi": -0.2, "x -> y": 0.5, "c -> y": 0.4, "x * c -> y": 0.7}
    fit = pinned(text, rows(["lo", "mid", "hi"]), stated)
    found = values(mx.moderate(fit, mx.Question(of="x", on="y=hi"), {"c": [1]}).effects)
    assert found["total [c=1]"] == pytest.approx(expit(-0.2 + 0.4 + 1.2) - expit(-0.2 + 0.4), abs=1e-9)


def test_a_forest_of_ratios_has_its_line_at_one(drinks):
    ratios = mx.decompose(drinks, "x", "y", scale="link").ratios()
    axes = mx.forest(ratios).axes[0]
    upright = [
        line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2
    ]
    assert 1.0 in upright and 0.0 not in upright
