"""What `set`, `at` and the integration over mediators reach, where a first version went wrong."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm
from small_worlds import noise, pinned, values

import mechanisms as mx

HALF = (np.arange(400) % 2).astype(float)


def chain(seed: int = 0) -> mx.Fit:
    """x → m1 → m2, and m2 moderates x → y: setting m1 has to move m2."""
    frame = noise(400, "m1", "m2", "y", seed=seed).assign(x=HALF)
    return pinned(
        "arrows:\n  x -> m1 -> m2:\n  x -> y: {moderated_by: m2}\n",
        frame,
        {
            "1 -> m1": 0, "x -> m1": 0.5, "sigma(m1)": 1, "1 -> m2": 0, "m1 -> m2": 1, "sigma(m2)": 1,
            "1 -> y": 0, "x -> y": 0.1, "m2 -> y": 0.3, "x * m2 -> y": 0.5, "sigma(y)": 1,
        },
    )  # fmt: skip


@pytest.mark.parametrize(("value", "truth"), [(2, 1.1), (-2, -0.9)])
def test_what_is_set_moves_what_follows_from_it(value: float, truth: float) -> None:
    controlled = mx.Question(of="x", on="y", kind="controlled", set={"m1": value})
    effects = mx.estimate(chain(), controlled)
    assert values(effects)["controlled"] == pytest.approx(truth, abs=1e-12)
    assert f"m1 set to {value}" in effects.contrast and effects.rows[0].meaning == "with m1 held"


def test_setting_a_covariate_upstream() -> None:
    frame = noise(400, "z", "c", "y").assign(x=HALF)
    parameters = {
        "1 -> c": 0.2, "z -> c": 1, "sigma(c)": 1, "1 -> y": 0, "x -> y": 0, "c -> y": 0.4, "x * c -> y": 1, "sigma(y)": 1,
    }  # fmt: skip
    fit = pinned("arrows:\n  z -> c:\n  x -> y: {moderated_by: c}\n", frame, parameters)
    assert values(mx.decompose(fit, "x", "y", set={"z": 3}))["total"] == pytest.approx(3.2, abs=1e-12)
    with pytest.raises(mx.SpecError, match="z changes c"):
        mx.estimate(fit, mx.Question(of="x", on="y", set={"z": 3}, at={"c": 0}))


def test_controlled_holds_a_mediator() -> None:
    frame = noise(40, "c", "m", "y").assign(x=HALF[:40])
    fit = mx.fit(mx.parse("arrows: [x -> m -> y, x -> y, c -> m, c -> y]"), frame, seed=1, draws=10)
    with pytest.raises(mx.IdentificationError, match="c is none: m"):
        mx.estimate(fit, mx.Question(of="x", on="y", kind="controlled", set={"c": 0}))


def income() -> mx.Fit:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"income": 50_000 + 20_000 * rng.normal(size=400), "x": HALF, "y": rng.normal(size=400)})
    parameters = {"1 -> y": 0, "x -> y": 1, "income -> y": 1e-7, "x * income -> y": 0.001, "sigma(y)": 1}
    return pinned("arrows:\n  x -> y: {moderated_by: income}\n", frame, parameters)


def test_values_that_look_alike_stay_apart() -> None:
    effects = mx.estimate(income(), mx.Question(of="x", on="y", at={"income": [50000, 50004, 50000.0001]}))
    assert len(effects.rows) == len(set(effects.labels)) == len(effects.summary()) == len(effects.draws) == 6
    found = [row.draws.item() for row in effects.rows]
    assert found == pytest.approx([51, 51.004, 51.0000001, 0.004, 1e-7, 51.0000001 - 51.004], abs=1e-10)
    with pytest.raises(mx.DataError, match="said twice"):
        mx.estimate(income(), mx.Question(of="x", on="y", at={"income": [50000, 50000]}))


def test_small_effects_are_not_printed_as_zero() -> None:
    shown = repr(mx.estimate(income(), mx.Question(of="income", on="y", contrast=(50_000, 50_001), at={"x": 0})))
    assert "0.0000001" in shown and "income from 50000 to 50001" in shown


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number_is_no_value(value: float) -> None:
    for key in ("at", "set"):
        with pytest.raises(mx.SpecError):
            mx.Question(of="x", on="y", **{key: {"income": value}})
    with pytest.raises(mx.SpecError):
        mx.Question(of="x", on="y", contrast=(0, value))


@pytest.mark.parametrize("slope", [0.5, 1.2, 3, 8, 20])
def test_steep_links_are_integrated_finely_enough(slope: float) -> None:
    """A normal mediator of a 0/1 outcome, and through a 0/1 mediator: against 40 001 points, to 2e-6."""
    z = np.linspace(-9, 9, 40_001)
    weight = norm.pdf(z) / norm.pdf(z).sum()
    truth = float((expit(slope * (z + 0.5)) - expit(slope * z)) @ weight)
    frame = noise(20, "m1", "y").assign(x=HALF[:20], b=HALF[:20], m2=HALF[::-1][:20])
    outcome = {"1 -> m1": 0, "x -> m1": 0.5, "sigma(m1)": 1, "1 -> b": 0, "m1 -> b": slope}
    direct = pinned("variables: {x: , m1: , b: {family: bernoulli}}\narrows: [x -> m1 -> b]\n", frame, outcome)
    assert values(mx.decompose(direct, "x", "b"))["total"] == pytest.approx(truth, abs=2e-6)
    onward = outcome | {"1 -> y": 0, "b -> y": 1, "sigma(y)": 1}
    serial = pinned("variables: {x: , m1: , b: {family: bernoulli}, y: }\narrows: [x -> m1 -> b -> y]\n", frame, onward)
    assert values(mx.decompose(serial, "x", "y"))["total"] == pytest.approx(truth, abs=2e-6)


def test_points_are_told_also_of_interventional_effects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mechanisms.effects.averages.grids.LARGEST_GRID", 2)
    frame = noise(20, "m").assign(x=HALF[:20], l=HALF[::-1][:20], y=np.roll(HALF, 1)[:20])
    frame["l"] = np.random.default_rng(0).permutation(frame["l"])
    text = "variables: {x: , l: {family: bernoulli}, m: , y: {family: bernoulli}}\narrows: [x -> l -> m -> y, l -> y, x -> m, x -> y]\n"
    parameters = {
        "1 -> l": 0.1, "x -> l": 1, "1 -> m": 0, "l -> m": 0.7, "x -> m": 0.3, "sigma(m)": 1,
        "1 -> y": -0.5, "m -> y": 0.9, "l -> y": 0.8, "x -> y": 0.2,
    }  # fmt: skip
    question = mx.Question(of="x", on="y", kind="indirect", through="m", mediators="interventional")
    effects = mx.estimate(pinned(text, frame, parameters), question)
    z = np.linspace(-9, 9, 8001)
    weight = norm.pdf(z) / norm.pdf(z).sum()

    def mean(level: float) -> float:
        """m is drawn under `level` with its own l; the unit's l and y live under x = 1."""
        total = 0.0
        for drawn in (0, 1):
            for own in (0, 1):
                p = expit(0.1 + level) if drawn else 1 - expit(0.1 + level)
                q = expit(1.1) if own else 1 - expit(1.1)
                total += p * q * float(expit(-0.5 + 0.9 * (0.7 * drawn + 0.3 * level + z) + 0.8 * own + 0.2) @ weight)
        return total

    assert effects.rows[0].draws.item() == pytest.approx(mean(1) - mean(0), abs=1e-3)
    assert any("Sobol" in note for note in effects.notes)


def test_at_a_value_does_not_pull_towards_the_mean() -> None:
    """w acts on the moderator c linearly: the effect at ±1 sd is ∓1 apart from sampling error, over 40 samples."""
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        w = rng.normal(size=300)
        frame = pd.DataFrame(
            {"w": w, "c": w + 0.3 * rng.normal(size=300), "x": rng.permutation(HALF[:300]), "y": rng.normal(size=300)}
        )
        parameters = {
            "1 -> c": 0,
            "w -> c": 1,
            "sigma(c)": 1,
            "1 -> y": 0,
            "x -> y": 0,
            "c -> y": 0,
            "x * c -> y": 1,
            "sigma(y)": 1,
        }
        fit = pinned("arrows:\n  w -> c:\n  x -> y: {moderated_by: c}\n", frame, parameters)
        found.append(
            [row.draws.item() for row in mx.estimate(fit, mx.Question(of="x", on="y", at={"w": [-1, 1]})).rows]
        )
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(40)
    assert np.all(np.abs(mean - [-1, 1, 2]) < 4 * error)
    assert error[2] < 0.02


def test_zero_by_the_theory_has_no_sign() -> None:
    frame = noise(40, "w", "y").assign(x=HALF[:40])
    fit = mx.fit(mx.parse("arrows: [x -> y, w -> y]"), frame, seed=1, draws=100)
    effects = mx.estimate(fit, mx.Question(of="x", on="y", at={"w": [-1, 1]}))
    gap = effects.rows[2]
    assert not gap.draws.any() and np.isnan(effects.summary().loc[gap.label, "p_positive"])
    assert "–" in repr(effects).splitlines()[4]


def test_rows_of_paths_say_what_they_rest_on() -> None:
    frame = noise(40, "m1", "m2", "y").assign(x=HALF[:40])
    fit = mx.fit(mx.parse("arrows: [x -> m1 -> m2 -> y, m1 -> y, x -> m2, x -> y]"), frame, seed=1, draws=50)
    effects = mx.decompose(fit, "x", "y")
    assert any("splits at m1" in note and "linear" in note for note in effects.notes)
    assert any(
        "m1" in sentence and "m2" in sentence for sentence in effects.assumptions if sentence.startswith("For the rows")
    )


def test_names_do_not_collide() -> None:
    frame = noise(40, "m", "y").assign(x=HALF[:40])
    fit = mx.fit(mx.parse("arrows:\n  x -> m:\n  x -> y: {moderated_by: m}\n"), frame, seed=1, draws=50)
    effects = mx.estimate(fit, mx.Question(of="x", on="y", kind="direct", name="total direct"))
    assert len(set(effects.labels)) == len(effects.rows) == len(effects.summary())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda fit: mx.compile("arrows: [x -> y]"),
        lambda fit: mx.bind("arrows: [x -> y]", None),
        lambda fit: mx.identify(fit.plan.theory, "x"),
        lambda fit: mx.estimate(fit, {"of": "x", "on": "y"}),
        lambda fit: mx.decompose(fit.plan, "x", "y"),
        lambda fit: mx.decompose(fit, "x", "y", at=["c"]),
        lambda fit: mx.decompose(fit, "x", "y", set=3),
        lambda fit: mx.sample(fit.data, fit.plan),
        lambda fit: mx.pin(fit.plan, fit.data, {"x -> y": "a"}),
        lambda fit: mx.pin(fit.plan, fit.data, None),
        lambda fit: mx.decompose(fit, "x", "y").summary(mass="a"),
        lambda fit: mx.estimate(fit, mx.Question(of="x", on="y", mediators="interventional")),
        lambda fit: mx.estimate(fit, mx.Question(of="x", on="y", at={"c": []})),
        lambda fit: mx.diagnose(fit.plan),
    ],
)
def test_the_wrong_kind_costs_one_message(wrong) -> None:
    frame = noise(40, "c", "y").assign(x=HALF[:40])
    fit = mx.fit(mx.parse("arrows: [x -> y, c -> y]"), frame, seed=1, draws=10)
    with pytest.raises(mx.MechanismsError):
        wrong(fit)


def test_all_fixed_can_be_diagnosed() -> None:
    frame = noise(40, "y").assign(x=HALF[:40])
    theory = mx.parse("arrows: [x -> y]\npriors:\n  x -> y: {fixed: 1}\n  1 -> y: {fixed: 0}\n  sigma(y): {fixed: 1}\n")
    assert "fixed" in repr(mx.diagnose(mx.fit(theory, frame, seed=1)))


def test_zero_one_outcome_modelled_as_normal_is_said() -> None:
    frame = noise(60, "m").assign(x=HALF[:60], y=np.roll(HALF, 1)[:60])
    frame["y"] = np.random.default_rng(3).permutation(frame["y"])
    theory = mx.parse("arrows: [x -> m -> y, x -> y]")
    effects = mx.decompose(mx.fit(theory, frame, seed=1, draws=20), "x", "y")
    assert any("y holds only 0 and 1 but is modelled as normal" in note for note in effects.notes)
    assert "y holds only 0 and 1" in repr(mx.explain(mx.compile(theory), mx.bind(theory, frame)))
    declared = mx.parse("variables: {x: , m: , y: {family: bernoulli}}\narrows: [x -> m -> y, x -> y]")
    assert "holds only" not in repr(mx.explain(mx.compile(declared), mx.bind(declared, frame)))


def test_rows_carry_their_own_contrast_and_population() -> None:
    frame = noise(60, "m", "y").assign(arm=["waitlist", "cbt", "drug"] * 20, g=HALF[:60])
    theory = mx.parse(
        "variables: {arm: {family: categorical, values: [waitlist, cbt, drug]}, m: , y: , g: }\narrows: [arm -> m -> y, g -> m, g -> y]"
    )
    effects = mx.estimate(mx.fit(theory, frame, seed=1, draws=20), mx.Question(of="arm", on="y", at={"g": [0, 1]}))
    assert effects.labels[0] == "total [waitlist → cbt, g=0]"
    assert effects.rows[0].contrast == "arm from waitlist to cbt" and "g = 0" in effects.rows[0].population
    assert effects.rows[-1].label == "total [waitlist → drug, g=1 − g=0]"
    assert "minus" in effects.rows[-1].population


def test_a_total_with_a_mediator_held_says_so() -> None:
    frame = noise(60, "m", "y").assign(x=HALF[:60])
    fit = mx.fit(mx.parse("arrows: [x -> m -> y, x -> y]"), frame, seed=1, draws=20)
    assert mx.decompose(fit, "x", "y", set={"m": 0}).labels == ("total (m held)", "direct")
    assert mx.estimate(fit, mx.Question(of="x", on="y", set={"m": 0})).labels == ("total (m held)",)


def test_rows_whose_observed_causes_are_missing_are_left_out_and_said():
    """w, which the exposure does not move, has gaps: the average is over the others, not over nan and not 0."""
    theory = mx.parse(
        "variables: {x: , z: , w: , m: , y: {family: bernoulli}}\narrows:\n  z -> w:\n  x, w -> m:\n  m, w, x -> y:\n"
    )
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 4)), columns=["x", "z", "w", "m"]).assign(y=[0.0, 1.0] * 30)
    gaps = frame.copy()
    gaps.loc[:9, "w"] = np.nan
    gaps.loc[20:24, "m"] = np.nan
    plan = mx.compile(theory)
    stated = dict.fromkeys(plan.parameters, 0.4)
    found = mx.decompose(mx.pin(plan, mx.bind(theory, gaps), stated), of="x", on="y", contrast=(0, 1))
    rest = mx.decompose(mx.pin(plan, mx.bind(theory, frame.loc[10:]), stated), of="x", on="y", contrast=(0, 1))
    assert "the 50 of 60 units in the data whose w is known" in found.population
    np.testing.assert_allclose(found["total"].draws, rest["total"].draws, rtol=1e-9)
    np.testing.assert_allclose(found["indirect"].draws, rest["indirect"].draws, rtol=1e-9)
    near = mx.estimate(mx.pin(plan, mx.bind(theory, gaps), stated), mx.Question(of="x", on="y", at={"w": 0.1}))
    assert np.isfinite(near.rows[0].draws).all() and near.rows[0].draws.mean() > 0
