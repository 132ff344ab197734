"""What holds of every decomposition, and what a question may and may not ask."""

import numpy as np
import pandas as pd
import pytest
from small_worlds import noise, pinned, values

import mechanisms as mx


def random_world(seed: int) -> tuple[str, pd.DataFrame, dict[str, float]]:
    """A random theory on x, c and three mediators with random families, squares and products, and its parameters."""
    rng = np.random.default_rng(seed)
    names = ["x", "m1", "m2", "m3", "y"]
    families = {name: rng.choice(["normal", "bernoulli"]) for name in names[1:]}
    arrows, linked = [], set()
    for j, effect in enumerate(names[1:], start=1):
        for cause in names[:j]:
            if (cause, effect) == ("x", "y") or rng.uniform() < 0.75:
                linked.add((cause, effect))
                curved = cause != "x" and families.get(cause) == "normal" and rng.uniform() < 0.25
                moderator = rng.choice([name for name in names[:j] if name != cause] + ["c"])
                taken = any(f"{moderator} -> {effect}: {{moderated_by: {cause}" in arrow for arrow in arrows)
                option = (
                    "{shape: quadratic}"
                    if curved
                    else f"{{moderated_by: {moderator}}}"
                    if rng.uniform() < 0.3 and not taken
                    else ""
                )
                arrows.append(f"  {cause} -> {effect}: {option}")
    declared = "".join(f"  {name}: {{family: {family}}}\n" for name, family in families.items())
    text = f"variables:\n  x, c:\n{declared}arrows:\n" + "\n".join(arrows) + "\n  c -> m1, y:\n"
    frame = noise(12, *names, "c", seed=seed)
    for name in ["x", *(name for name, family in families.items() if family == "bernoulli")]:
        frame[name] = (
            (np.arange(12) % 2 == 0).astype(float) if name == "x" else rng.permutation(np.repeat([0.0, 1.0], 6))
        )
    try:
        plan = mx.compile(mx.parse(text))
    except mx.SpecError:
        return random_world(seed + 10_000)
    parameters = {a: 1.0 if a.startswith("sigma") else float(rng.normal(0, 0.4)) for a in plan.parameters}
    return text, frame, parameters


@pytest.mark.parametrize("seed", range(25))
def test_total_is_direct_plus_indirect(seed: int) -> None:
    """In both orders, in every draw, on the raw and the link scale, whatever the families and products."""
    text, frame, parameters = random_world(seed)
    for scale in ("raw", "link"):
        found = values(mx.decompose(pinned(text, frame, parameters), "x", "y", scale=scale))
        if "indirect" not in found:
            assert found["direct"] == found["total"]
            continue
        assert found["direct"] + found["indirect"] == pytest.approx(found["total"], abs=1e-12)
        assert found.get("total direct", found["direct"]) + found.get(
            "pure indirect", found["indirect"]
        ) == pytest.approx(found["total"], abs=1e-12)


FRAME = noise(50, "c", "m", "y").assign(x=lambda frame: (np.arange(len(frame)) % 2).astype(float))
SIMPLE = "arrows:\n  x -> m -> y:\n  x -> y:\n  c -> m, y:\n"


@pytest.fixture(scope="module")
def fit() -> mx.Fit:
    """A fit of the simple theory, 4 × 500 exact draws."""
    return mx.fit(mx.parse(SIMPLE), FRAME, seed=3, draws=500)


def test_every_draw_adds_up_and_nothing_is_left_over(fit: mx.Fit) -> None:
    effects = mx.decompose(fit, "x", "y")
    draws = effects.draws
    assert draws.sizes == {"chain": 4, "draw": 500}
    np.testing.assert_allclose(draws["direct"] + draws["indirect"], draws["total"], atol=1e-12)
    np.testing.assert_allclose(draws["indirect"], fit.draws["x -> m"] * fit.draws["m -> y"], atol=1e-12)
    assert effects.labels == ("total", "direct", "indirect", "x -> m -> y")


def test_summary_shows_what_it_says(fit: mx.Fit) -> None:
    effects = mx.decompose(fit, "x", "y")
    table = effects.summary(mass=0.8)
    assert list(table.columns) == ["mean", "sd", "median", "lower", "upper", "p_positive"]
    assert table.columns.name == "80% interval"
    flat = effects["total"].draws.reshape(-1)
    assert tuple(table.loc["total", ["lower", "upper"]]) == pytest.approx(tuple(np.quantile(flat, [0.1, 0.9])))
    assert table.loc["total", "p_positive"] == np.mean(flat > 0)
    with pytest.raises(mx.MechanismsError, match="between 0 and 1"):
        effects.summary(mass=95)
    shown = repr(effects)
    for words in (
        "x from 0 to 1",
        "the 50 units in the data",
        "difference in the mean of y",
        "assuming",
        "95% interval",
    ):
        assert words in shown
    assert f"{flat.mean():.4f}" in shown and "95%" in effects._repr_html_()


@pytest.mark.parametrize(
    ("question", "error", "words"),
    [
        ({"of": "x", "on": "z"}, mx.SpecError, "unknown variable 'z'"),
        ({"of": "y", "on": "x"}, mx.MechanismsError, "no directed path"),
        ({"of": "x", "on": "y", "through": "c", "kind": "indirect"}, mx.MechanismsError, "c"),
        ({"of": "x", "on": "y", "at": {"m": 1}}, mx.MechanismsError, "m"),
        ({"of": "x", "on": "y", "at": {"c": "low"}}, mx.DataError, "'low' is not a value"),
        ({"of": "x", "on": "y", "contrast": (1, 1)}, mx.MechanismsError, "both values"),
        ({"of": "x", "on": "y", "kind": "controlled"}, mx.SpecError, "needs set"),
        ({"of": "x", "on": "y", "population": "typical"}, mx.MechanismsError, "population"),
    ],
)
def test_refused(fit: mx.Fit, question: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        mx.estimate(fit, mx.Question(**question))


def test_words_for_values(fit: mx.Fit) -> None:
    """`+1 sd`, `90%`, `mean` and numbers name the same values."""
    mean, sd = FRAME["c"].mean(), FRAME["c"].std()
    said = mx.estimate(fit, mx.Question(of="c", on="y", contrast=("mean", "+2 sd")))
    by_number = mx.estimate(fit, mx.Question(of="c", on="y", contrast=(mean, mean + 2 * sd)))
    np.testing.assert_allclose(said["total"].draws, by_number["total"].draws, atol=1e-12)
    quantile = mx.estimate(fit, mx.Question(of="c", on="y", contrast=("10%", "90%")))
    low, high = FRAME["c"].quantile([0.1, 0.9])
    np.testing.assert_allclose(quantile["total"].draws * sd * 2, said["total"].draws * (high - low), atol=1e-12)
    far = mx.estimate(fit, mx.Question(of="c", on="y", contrast=(0, 99)))
    assert "extrapolation" in far.contrast


def test_effect_of_a_variable_in_the_middle(fit: mx.Fit) -> None:
    """The exposure may be modelled itself: its total effect is what it hands on, its causes stay as observed."""
    effects = mx.decompose(fit, "m", "y", contrast=(0, 1))
    np.testing.assert_allclose(effects["total"].draws, fit.draws["m -> y"], atol=1e-12)
    assert effects.labels == ("total", "direct")


def test_no_direct_arrow_is_said() -> None:
    full = mx.fit(mx.parse("arrows: [x -> m -> y, c -> m, c -> y]"), FRAME, seed=1, draws=50)
    effects = mx.decompose(full, "x", "y")
    assert effects.labels == ("total", "indirect", "x -> m -> y")
    assert any("direct effect is 0 by assumption" in note for note in effects.notes)


def test_hidden_cause_refuses_the_parts() -> None:
    theory = mx.parse("arrows: [x -> m -> y, x -> y, m <-> y]")
    found = mx.identify(theory, mx.Question(of="x", on="y", kind="indirect"))
    assert not found.identified and set(found.witness) >= {"m", "y"}
    assert mx.identify(theory, mx.Question(of="x", on="y")).identified
    with pytest.raises(mx.SpecError, match="m <-> y"):
        mx.compile(theory)


def test_diagnosis_covers_parameters_and_effects() -> None:
    theory = mx.parse(SIMPLE + "questions:\n  - {of: x, on: y, kind: indirect}\n")
    fitted = mx.fit(theory, FRAME, seed=1)
    diagnosis = mx.diagnose(fitted)
    assert diagnosis.ok, diagnosis
    table = diagnosis.summary()
    assert "effect of x on y: indirect" in table.index and "sigma(y)" in table.index
    assert (table["r_hat"] < 1.01).all() and (table["ess_bulk"] > 3000).all()


def test_diagnosis_of_a_bad_sample() -> None:
    """A fit whose chains disagree is not to be believed, and the message names what is wrong."""
    fitted = mx.fit(mx.parse(SIMPLE), FRAME, seed=1, draws=100)
    assert not mx.diagnose(fitted).ok
    assert "effective draws" in repr(mx.diagnose(fitted))
    with pytest.raises(mx.FitError, match="cannot be diagnosed"):
        mx.diagnose(mx.fit(mx.parse(SIMPLE), FRAME, seed=1, chains=1))


def test_separate_chains_are_caught() -> None:
    """Shifting one chain by hand must turn the verdict."""
    fitted = mx.fit(mx.parse(SIMPLE), FRAME, seed=1)
    posterior = fitted.idata["posterior"].to_dataset()
    shifted = posterior.copy(deep=True)
    shifted["x -> m"][0] += 3 * float(shifted["x -> m"].std())
    broken = mx.Fit(fitted.plan, fitted.data, type(fitted.idata).from_dict({"posterior": shifted}), fitted.blocks, 1)
    verdict = mx.diagnose(broken)
    assert not verdict.ok and "x -> m" in repr(verdict) and "R-hat" in repr(verdict)
