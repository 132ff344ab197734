"""Steps of one sign: the density written out, with one sharing-out for all that changes them."""

import numpy as np
import pandas as pd
import pytensor
import pytest
from pytensor.compile.mode import Mode
from scipy import special, stats

import mechanisms as mx
from mechanisms.errors import SpecError
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")
STAGES = ["a", "b", "c", "d"]
TEXT = "variables:\n  stage: {family: ordinal, values: [a, b, c, d]}\n  w, y:\narrows:\n"


def frame():
    rng = np.random.default_rng(1)
    return pd.DataFrame({"stage": STAGES * 15, "w": rng.normal(3, 2, 60), "y": rng.normal(1, 2, 60)})


def bound(options, priors=""):
    theory = mx.parse(f"{TEXT}  stage -> y: {{{options}}}\n{priors}")
    return mx.compile(theory), mx.bind(theory, frame())


PRIORS = {
    "default": ("", None),
    "at 0": ("priors:\n  stage -> y: {normal: [0.5, 0.3], at: {w: 0}}\n", 0.0),
    "at 2": ("priors:\n  stage -> y: {normal: [0.5, 0.3], at: {w: 2}}\n", 2.0),
}


@pytest.mark.parametrize("key", PRIORS)
def test_a_moderator_changes_the_climb_and_not_how_its_steps_share_it(key):
    """By default the average step is believed in at the mean of w; a theory's prior says where it speaks."""
    priors, at = PRIORS[key]
    plan, data = bound("shape: monotonic, moderated_by: w", priors)
    model = to_pymc(plan, data)
    names = [each.name for each in model.free_RVs]
    assert [name for name in names if name.startswith("shares")] == ["shares(stage -> y)"]
    inner = model.replace_rvs_by_values([model["coefficients(y)"]])
    run = pytensor.function(model.value_vars, [model.logp(), *inner], mode=CHEAP)
    rng = np.random.default_rng(4)
    w, y = frame()["w"].to_numpy(), frame()["y"].to_numpy()
    step, sd, unit = np.repeat(np.arange(4)[None], 15, axis=0).reshape(-1), y.std(ddof=1), w.std(ddof=1)
    where = w.mean() if at is None else at
    for _ in range(3):
        point = {name: rng.normal(size=np.shape(v)) * 0.5 + v for name, v in model.initial_point().items()}
        logits = np.append(point["shares(stage -> y)_simplex__"], -point["shares(stage -> y)_simplex__"].sum())
        shares = special.softmax(logits)
        average, change = point["average step(stage -> y)"], point["average step(stage * w -> y)"]
        z, sigma = point["z(y)"], np.exp(point["sigma(y)_log__"])
        climb = 3 * np.append(0, np.cumsum(shares))
        centred = climb[step] - climb[step].mean()
        eta = y.mean() + 2.5 * sd * z[0] + 2.5 * sd / unit * z[1] * (w - w.mean())
        eta += average * centred + change * centred * (w - w.mean()) + change * centred * (w.mean() - where)
        found, coefficients = run(*(point[each.name] for each in model.value_vars))
        named = dict(zip(plan.equation("y").addresses, coefficients, strict=True))
        for j, share in enumerate(shares, start=1):
            assert named[f"stage[{j}] * w -> y"] == pytest.approx(3 * share * change)
            assert named[f"stage[{j}] -> y"] == pytest.approx(3 * share * (average - change * where))
        expected = stats.norm.logpdf(z).sum() + stats.norm.logpdf(y, eta, sigma).sum()
        expected += stats.expon.logpdf(sigma, scale=sd) + np.log(sigma)
        width = (0.0, 2.5 * sd / 3) if at is None else (0.5, 0.3)
        expected += stats.norm.logpdf(average, *width) + stats.norm.logpdf(change, 0, 2.5 * sd / 3 / unit)
        jacobian = float(model.logp([model["shares(stage -> y)"]], jacobian=True, sum=True).eval(
            {model.rvs_to_values[model["shares(stage -> y)"]]: point["shares(stage -> y)_simplex__"]}))  # fmt: skip
        assert float(found) == pytest.approx(float(expected + jacobian), rel=1e-8)


def test_both_interpreters_read_moderated_steps():
    """Effects at a value of w are the climb times its size there."""
    plan, data = bound("shape: monotonic, moderated_by: w")
    steps = {"stage[1] -> y": 1.0, "stage[2] -> y": 0.5, "stage[3] -> y": 1.5}
    numbers = steps | {name.replace(" ->", " * w ->"): -0.4 * value for name, value in steps.items()}
    fit = mx.pin(plan, data, numbers | {"1 -> y": 0.0, "w -> y": 0.2, "sigma(y)": 1.0})
    found = mx.moderate(fit, mx.Question(of="stage", on="y", contrast=("a", "c")), by={"w": [0, 2]}).summary()["mean"]
    assert [found["total [w=0]"], found["total [w=2]"]] == pytest.approx([1.5, 0.2 * 1.5])


def test_a_prior_on_a_single_step_is_refused():
    with pytest.raises(SpecError, match="share one prior, on the average step"):
        bound("shape: monotonic, moderated_by: w", "priors: {'stage[1] * w -> y': {normal: [0, 1]}}")


def test_a_climb_that_is_fixed_not_to_change():
    plan, data = bound("shape: monotonic, moderated_by: w", "priors: {'stage * w -> y': {fixed: 0}}")
    names = [each.name for each in to_pymc(plan, data).free_RVs]
    assert names == ["z(y)", "average step(stage -> y)", "shares(stage -> y)", "sigma(y)"]
