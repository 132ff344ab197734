"""At pinned parameters every effect equals its closed form, or an integral computed another way."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm
from small_worlds import noise, pinned, values

import mechanisms as mx


def binary(n: int, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, n).astype(float)


def test_two_ordered_mediators_with_interactions() -> None:
    """statistics.md 2.1: .08, .12, .175, .08 and .455, to 1e-12."""
    frame = noise(40, "m1", "m2", "y").assign(a=binary(40))
    fit = pinned(
        """
        arrows:
          a -> m1 -> m2:
          a -> m2:
          m1, m2 -> y:
          a -> y: {moderated_by: [m1, m2]}
        """,
        frame,
        {
            "1 -> m1": 0, "a -> m1": 0.5, "sigma(m1)": 1.3,
            "1 -> m2": 0.2, "a -> m2": 0.3, "m1 -> m2": 0.4, "sigma(m2)": 0.7,
            "1 -> y": 0.9, "a -> y": 0.1, "m1 -> y": 0.2, "m2 -> y": 0.5, "a * m1 -> y": 0.15, "a * m2 -> y": -0.1,
            "sigma(y)": 1,
        },
    )  # fmt: skip
    found = values(mx.decompose(fit, "a", "y"))
    expected = {"total": 0.455, "direct": 0.08, "a -> m2 -> y": 0.12, "a -> m1 -> y": 0.175, "a -> m1 -> m2 -> y": 0.08}
    for label, value in expected.items():
        assert found[label] == pytest.approx(value, abs=1e-12), label
    assert found["direct"] + found["indirect"] == pytest.approx(found["total"], abs=1e-12)
    assert "paths together" not in found


LINEAR = {
    "1 -> m": 0.7, "a -> m": 0.4, "c -> m": -0.3, "sigma(m)": 0.8,
    "1 -> y": 0.1, "a -> y": 0.25, "m -> y": 0.6, "a * m -> y": -0.35, "c -> y": 0.5, "sigma(y)": 0.9,
}  # fmt: skip


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 2.5)])
def test_exposure_mediator_interaction(low: float, high: float) -> None:
    """Valeri & VanderWeele (2013): the linear formulas for both versions of both effects and for the controlled one."""
    frame = noise(60, "a", "c", "m", "y")
    fit = pinned("arrows:\n  a -> m:\n  m -> y:\n  a -> y: {moderated_by: m}\n  c -> m, y:\n", frame, LINEAR)
    c, step = frame["c"].mean(), high - low
    base = 0.7 + 0.4 * low - 0.3 * c
    found = values(mx.decompose(fit, "a", "y", contrast=(low, high)))
    assert found["direct"] == pytest.approx((0.25 - 0.35 * base) * step, abs=1e-12)
    assert found["total direct"] == pytest.approx((0.25 - 0.35 * (base + 0.4 * step)) * step, abs=1e-12)
    assert found["pure indirect"] == pytest.approx((0.6 - 0.35 * low) * 0.4 * step, abs=1e-12)
    assert found["indirect"] == pytest.approx((0.6 - 0.35 * high) * 0.4 * step, abs=1e-12)
    assert found["total direct"] + found["pure indirect"] == pytest.approx(found["total"], abs=1e-12)
    controlled = mx.Question(of="a", on="y", kind="controlled", contrast=(low, high), set={"m": 2})
    assert values(mx.estimate(fit, controlled))["controlled"] == pytest.approx((0.25 - 0.35 * 2) * step, abs=1e-12)


def test_interventional_effects_with_exposure_induced_confounder() -> None:
    """VanderWeele, Vansteelandt & Robins (2014), linear with A × M."""
    frame = noise(40, "l", "m", "y").assign(a=binary(40))
    fit = pinned(
        "arrows:\n  a -> l -> m -> y:\n  a -> m:\n  l -> y:\n  a -> y: {moderated_by: m}\n",
        frame,
        {
            "1 -> l": 0.3, "a -> l": 0.5, "sigma(l)": 1, "1 -> m": -0.2, "a -> m": 0.4, "l -> m": 0.7, "sigma(m)": 1,
            "1 -> y": 0, "a -> y": 0.1, "l -> y": 0.6, "m -> y": 0.8, "a * m -> y": 0.25, "sigma(y)": 1,
        },
    )  # fmt: skip
    ask = {"of": "a", "on": "y", "through": "m", "mediators": "interventional"}
    indirect = values(mx.estimate(fit, mx.Question(kind="indirect", **ask)))
    assert list(indirect.values()) == pytest.approx([(0.8 + 0.25) * (0.4 + 0.7 * 0.5)], abs=1e-12)
    with pytest.raises(mx.IdentificationError, match="'l' recants"):
        mx.estimate(fit, mx.Question(of="a", on="y", kind="indirect", through="m"))


def test_quadratic_in_the_mediator_needs_its_variance() -> None:
    """E[M²] = E[M]² + σ², and a heteroscedastic-free contrast cancels σ² only between equal arms."""
    frame = noise(50, "m", "y").assign(x=binary(50))
    fit = pinned(
        "arrows:\n  x -> m:\n  x -> y: {moderated_by: m}\n  m -> y: {shape: quadratic}\n",
        frame,
        {
            "1 -> m": 0.5, "x -> m": 0.6, "sigma(m)": 1.7, "1 -> y": 0, "x -> y": 0.2, "m -> y": 0.3, "m^2 -> y": -0.4,
            "x * m -> y": 0.15, "sigma(y)": 1,
        },
    )  # fmt: skip
    found = values(mx.decompose(fit, "x", "y"))
    expected = (0.3 + 0.15) * 0.6 - 0.4 * (1.1**2 - 0.5**2)
    assert found["indirect"] == pytest.approx(expected, abs=1e-12)
    assert found["direct"] == pytest.approx(0.2 + 0.15 * 0.5, abs=1e-12)


def test_curve_of_a_curve() -> None:
    """A quadratic mediator of a quadratic mediator: a polynomial of degree four in the first noise, exactly."""
    frame = noise(50, "m1", "m2", "y").assign(x=binary(50))
    fit = pinned(
        "arrows:\n  x -> m1:\n  m1 -> m2: {shape: quadratic}\n  m2 -> y: {shape: quadratic}\n",
        frame,
        {
            "1 -> m1": 0.2, "x -> m1": 0.5, "sigma(m1)": 0.9, "1 -> m2": 0.1, "m1 -> m2": 0.4, "m1^2 -> m2": 0.3, "sigma(m2)": 0.6,
            "1 -> y": 0, "m2 -> y": 0.2, "m2^2 -> y": 0.7, "sigma(y)": 1,
        },
    )  # fmt: skip

    def mean(x: float) -> float:
        mu, s = 0.2 + 0.5 * x, 0.9
        e = [1, mu, mu**2 + s**2, mu**3 + 3 * mu * s**2, mu**4 + 6 * mu**2 * s**2 + 3 * s**4]
        first = 0.1 + 0.4 * e[1] + 0.3 * e[2]
        square = 0.01 + 0.16 * e[2] + 0.09 * e[4] + 2 * (0.04 * e[1] + 0.03 * e[2] + 0.12 * e[3]) + 0.36
        return 0.2 * first + 0.7 * square

    assert values(mx.decompose(fit, "x", "y"))["total"] == pytest.approx(mean(1) - mean(0), abs=1e-12)


LOGISTIC = {
    "1 -> m": 0.3, "x -> m": 0.9, "c -> m": 0.5, "sigma(m)": 1.4,
    "1 -> y": -0.8, "x -> y": 0.4, "m -> y": 1.1, "x * m -> y": -0.5, "c -> y": 0.7,
}  # fmt: skip
TEXT = "variables: {{x: , m: , c: , y: {{family: bernoulli{link}}}}}\narrows:\n  x -> m -> y:\n  x -> y: {{moderated_by: m}}\n  c -> m, y:\n"


@pytest.mark.parametrize(("link", "inverse"), [("", expit), (", link: probit", norm.cdf)])
def test_normal_mediator_of_a_binary_outcome(link: str, inverse) -> None:
    """The mediator's distribution is integrated over: against a fine trapezoid rule, per row, to 1e-5."""
    frame = noise(30, "c", "m").assign(x=binary(30), y=binary(30, 5))
    fit = pinned(TEXT.format(link=link), frame, LOGISTIC)
    z = np.linspace(-9, 9, 6001)
    weight = norm.pdf(z) / norm.pdf(z).sum()

    def mean(direct: float, mediator: float) -> float:
        m = 0.3 + 0.9 * mediator + 0.5 * frame["c"].to_numpy()[:, None] + 1.4 * z
        eta = -0.8 + 0.4 * direct + 1.1 * m - 0.5 * direct * m + 0.7 * frame["c"].to_numpy()[:, None]
        return float((inverse(eta) @ weight).mean())

    found = values(mx.decompose(fit, "x", "y"))
    expected = {
        "total": mean(1, 1) - mean(0, 0), "direct": mean(1, 0) - mean(0, 0), "indirect": mean(1, 1) - mean(1, 0),
        "total direct": mean(1, 1) - mean(0, 1), "pure indirect": mean(0, 1) - mean(0, 0),
    }  # fmt: skip
    for label, value in expected.items():
        assert found[label] == pytest.approx(value, abs=1e-5), label
    plug_in = float(inverse(-0.4 + 0.6 * 1.2) - inverse(-0.8 + 1.1 * 0.3))
    assert abs(found["total"] - plug_in) > 0.02


def test_binary_mediator_of_a_binary_outcome() -> None:
    """A 0/1 mediator is summed over, exactly."""
    frame = noise(25, "c").assign(x=binary(25), m=binary(25, 7), y=binary(25, 5))
    parameters = {key: value for key, value in LOGISTIC.items() if key != "sigma(m)"}
    fit = pinned(TEXT.format(link="").replace("m: ,", "m: {family: bernoulli, link: probit},"), frame, parameters)
    c = frame["c"].to_numpy()

    def mean(direct: float, mediator: float) -> float:
        p = norm.cdf(0.3 + 0.9 * mediator + 0.5 * c)
        y1, y0 = (expit(-0.8 + 0.4 * direct + (1.1 - 0.5 * direct) * m + 0.7 * c) for m in (1, 0))
        return float((p * y1 + (1 - p) * y0).mean())

    found = values(mx.decompose(fit, "x", "y"))
    assert found["direct"] == pytest.approx(mean(1, 0) - mean(0, 0), abs=1e-12)
    assert found["indirect"] == pytest.approx(mean(1, 1) - mean(1, 0), abs=1e-12)


MIXED = {
    "1 -> m1": 0.2, "x -> m1": 0.7, "sigma(m1)": 1.1,
    "1 -> m2": -0.4, "x -> m2": 0.5, "m1 -> m2": 0.8,
    "1 -> m3": 0.1, "m1 -> m3": 0.6, "m2 -> m3": -0.9, "sigma(m3)": 0.7,
    "1 -> y": -0.5, "x -> y": 0.3, "m1 -> y": 0.4, "m2 -> y": 0.9, "m3 -> y": -0.6, "m1 * m3 -> y": 0.35,
}  # fmt: skip
MIXED_TEXT = """
variables: {x: , m1: , m2: {family: bernoulli}, m3: , y: {family: bernoulli}}
arrows:
  x -> m1, m2, y:
  m1 -> m2, m3:
  m2 -> m3:
  m1 -> y: {moderated_by: m3}
  m2, m3 -> y:
"""


def simulated_mean(direct: float, mediators: float, count: int = 2_000_000) -> tuple[float, float]:
    """E[Y] of the mixed theory by brute force, and its Monte Carlo error."""
    rng = np.random.default_rng(11)
    m1 = 0.2 + 0.7 * mediators + 1.1 * rng.normal(size=count)
    m2 = rng.uniform(size=count) < expit(-0.4 + 0.5 * mediators + 0.8 * m1)
    m3 = 0.1 + 0.6 * m1 - 0.9 * m2 + 0.7 * rng.normal(size=count)
    y = expit(-0.5 + 0.3 * direct + 0.4 * m1 + 0.9 * m2 - 0.6 * m3 + 0.35 * m1 * m3)
    return float(y.mean()), float(y.std() / np.sqrt(count))


@pytest.mark.parametrize("largest", [2048, 4])
def test_mixed_mediators_with_a_product(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Normal and 0/1 mediators, in series and multiplied, on a 0/1 outcome: grid and Sobol' points against brute force."""
    monkeypatch.setattr("mechanisms.effects.averages.grids.LARGEST_GRID", largest)
    frame = noise(20, "m1", "m3").assign(x=binary(20), m2=binary(20, 3), y=binary(20, 5))
    effects = mx.decompose(pinned(MIXED_TEXT, frame, MIXED), "x", "y")
    found = values(effects)
    (one, e1), (half, e2), (zero, e3) = simulated_mean(1, 1), simulated_mean(1, 0), simulated_mean(0, 0)
    error = 4 * np.sqrt(e1**2 + e2**2 + e3**2) + (2e-3 if largest == 4 else 0)
    assert found["total"] == pytest.approx(one - zero, abs=error)
    assert found["indirect"] == pytest.approx(one - half, abs=error)
    assert found["direct"] == pytest.approx(half - zero, abs=error)
    assert any("Sobol" in note for note in effects.notes) == (largest == 4)


def test_paths_that_split_are_grouped_where_nothing_is_linear() -> None:
    """x -> m1 -> m2 -> y beside m1 -> y is not identified on a curved scale: the group is, and it is what is reported."""
    frame = noise(20, "m1", "m3").assign(x=binary(20), m2=binary(20, 3), y=binary(20, 5))
    fit = pinned(MIXED_TEXT, frame, MIXED)
    effects = mx.decompose(fit, "x", "y")
    assert {"x -> m1 -> …", "x -> m2 -> …"} <= set(effects.labels)
    assert not any("m1 -> m2 -> m3" in label for label in effects.labels)
    assert any("x -> m1 -> m2 -> m3 -> y" in note for note in effects.notes)
    with pytest.raises(mx.IdentificationError) as refused:
        mx.estimate(fit, mx.Question(of="x", on="y", kind="indirect", through="x -> m1 -> m3 -> y"))
    assert "m1" in refused.value.witness


@pytest.mark.parametrize("count", [3, 6])
def test_many_parallel_mediators_of_a_binary_outcome(count: int) -> None:
    """Their noise adds up to one normal on the link: one dimension however many there are."""
    names = [f"m{k}" for k in range(count)]
    frame = noise(20, *names).assign(x=binary(20), y=binary(20, 5))
    arrows = f"arrows:\n  x -> {', '.join(names)} -> y:\n  x -> y:\nvariables:\n  x, {', '.join(names)}:\n  y: {{family: bernoulli}}\n"
    b = np.linspace(-0.6, 0.9, count)
    parameters = {"1 -> y": -0.2, "x -> y": 0.3}
    for k, name in enumerate(names):
        parameters |= {
            f"1 -> {name}": 0.1 * k,
            f"x -> {name}": 0.3,
            f"sigma({name})": 0.8 + 0.1 * k,
            f"{name} -> y": b[k],
        }
    found = values(mx.decompose(pinned(arrows, frame, parameters), "x", "y"))
    sd = np.sqrt(np.sum((b * (0.8 + 0.1 * np.arange(count))) ** 2))
    z = np.linspace(-9, 9, 6001)
    weight = norm.pdf(z) / norm.pdf(z).sum()

    def mean(direct: float, mediators: float) -> float:
        return float(expit(-0.2 + 0.3 * direct + b @ (0.1 * np.arange(count) + 0.3 * mediators) + sd * z) @ weight)

    assert found["indirect"] == pytest.approx(mean(1, 1) - mean(1, 0), abs=1e-6)
    assert found["direct"] == pytest.approx(mean(1, 0) - mean(0, 0), abs=1e-6)


def test_at_conditions_and_does_not_intervene() -> None:
    """rivals.md 4: among units with w = 1 the covariate differs too; on a curved scale that shows."""
    rng = np.random.default_rng(4)
    w = binary(400)
    frame = pd.DataFrame({"x": binary(400, 9), "w": w, "c": 2.0 * w + 0.5 * rng.normal(size=400), "y": binary(400, 5)})
    parameters = {"1 -> y": -1.0, "x -> y": 0.5, "w -> y": 0.1, "x * w -> y": 0.4, "c -> y": 0.9}
    fit = pinned(
        "variables: {x: , w: , c: , y: {family: bernoulli}}\narrows:\n  x -> y: {moderated_by: w}\n  c -> y:\n",
        frame,
        parameters,
    )
    found = values(mx.estimate(fit, mx.Question(of="x", on="y", at={"w": ["0", "1"]})))

    def effect(rows: pd.DataFrame, value: float) -> float:
        eta = -1.0 + 0.1 * value + 0.9 * rows["c"]
        return float((expit(eta + 0.5 + 0.4 * value) - expit(eta)).mean())

    given = [effect(frame[frame["w"] == value], value) for value in (0, 1)]
    assert found["total [w=0]"] == pytest.approx(given[0], abs=1e-12)
    assert found["total [w=1]"] == pytest.approx(given[1], abs=1e-12)
    assert found["total [w=1 − w=0]"] == pytest.approx(given[1] - given[0], abs=1e-12)
    assert abs(found["total [w=1]"] - effect(frame, 1)) > 0.005
    set_instead = values(mx.estimate(fit, mx.Question(of="x", on="y", set={"w": 1})))
    assert set_instead["total"] == pytest.approx(effect(frame, 1), abs=1e-12)


def test_at_a_value_of_a_continuous_moderator() -> None:
    """Hayes (2018): (a1 + a3 w)(b1 + b3 w); the covariates do not matter in a linear model."""
    frame = noise(80, "w", "c", "m", "y").assign(x=binary(80))
    fit = pinned(
        "arrows:\n  x -> m: {moderated_by: w}\n  m -> y: {moderated_by: w}\n  x -> y:\n  c -> m, y:\n",
        frame,
        {
            "1 -> m": 0.2, "x -> m": 0.5, "w -> m": 0.3, "x * w -> m": -0.25, "c -> m": 0.4, "sigma(m)": 1,
            "1 -> y": 0.1, "m -> y": 0.7, "w -> y": 0.2, "m * w -> y": 0.15, "x -> y": 0.05, "c -> y": 1.2, "sigma(y)": 1,
        },
    )  # fmt: skip
    effects = mx.estimate(fit, mx.Question(of="x", on="y", kind="indirect", at={"w": ["-1 sd", "mean", 0.5]}))
    w = [frame["w"].mean() - frame["w"].std(), frame["w"].mean(), 0.5]
    found = [float(row.draws.item()) for row in effects.rows[:3]]
    assert found == pytest.approx([(0.5 - 0.25 * v) * (0.7 + 0.15 * v) for v in w], abs=1e-12)
    assert len(effects.rows) == 6


def test_categorical_exposure_each_against_the_reference() -> None:
    frame = noise(60, "m", "y").assign(arm=["waitlist", "cbt", "drug"] * 20)
    fit = pinned(
        "variables: {arm: {family: categorical, values: [waitlist, cbt, drug]}, m: , y: }\narrows: [arm -> m -> y, arm -> y]\n",
        frame,
        {
            "1 -> m": 0, "arm=cbt -> m": 0.4, "arm=drug -> m": -0.2, "sigma(m)": 1,
            "1 -> y": 0, "m -> y": 0.5, "arm=cbt -> y": 0.3, "arm=drug -> y": 0.1, "sigma(y)": 1,
        },
    )  # fmt: skip
    found = values(mx.decompose(fit, "arm", "y"))
    assert found["indirect [waitlist → cbt]"] == pytest.approx(0.2, abs=1e-12)
    assert found["direct [waitlist → drug]"] == pytest.approx(0.1, abs=1e-12)
    between = values(mx.decompose(fit, "arm", "y", contrast=("cbt", "drug")))
    assert between["total"] == pytest.approx(-0.2 - 0.5 * 0.6, abs=1e-12)


def test_scales() -> None:
    frame = noise(30, "c", "m").assign(x=binary(30), y=binary(30, 5))
    fit = pinned(TEXT.format(link=""), frame, LOGISTIC)
    raw = {kind: values(mx.estimate(fit, mx.Question(of="x", on="y", kind=kind)))[kind] for kind in ("total", "direct")}
    link = values(mx.decompose(fit, "x", "y", scale="link"))
    assert link["total"] == pytest.approx(link["direct"] + link["indirect"], abs=1e-12)
    assert np.sign(link["total"]) == np.sign(raw["total"]) and abs(link["total"]) > abs(raw["total"])
    with pytest.raises(mx.IdentificationError, match="standardised"):
        mx.estimate(fit, mx.Question(of="x", on="y", scale="standardised"))
    linear = pinned(
        "arrows:\n  a -> m:\n  m -> y:\n  a -> y: {moderated_by: m}\n  c -> m, y:\n",
        noise(60, "a", "c", "m", "y"),
        LINEAR,
    )
    wide = noise(60, "a", "c", "m", "y")
    by_hand = (
        values(mx.estimate(linear, mx.Question(of="a", on="y", contrast=("mean", "+1 sd"))))["total"] / wide["y"].std()
    )
    standardised = values(mx.estimate(linear, mx.Question(of="a", on="y", scale="standardised")))["total"]
    assert standardised == pytest.approx(by_hand, abs=1e-12)
