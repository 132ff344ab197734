"""Published and recomputed numbers along moderators and curves, each against least squares; and simulated studies."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mechanisms as mx
from mechanisms.infer.simulation import simulate_theory

DRAWS = 10_000
Fitted = tuple[np.ndarray, np.ndarray]  # coefficients, intercept first, and their covariance


def least_squares(response: np.ndarray, *columns: np.ndarray) -> Fitted:
    design = np.column_stack([np.ones(len(response)), *columns])
    b, *_ = np.linalg.lstsq(design, response, rcond=None)
    residual = response - design @ b
    return b, residual @ residual / (len(response) - design.shape[1]) * np.linalg.inv(design.T @ design)


def assert_near(draws: np.ndarray, value: float, shift: float = 0.03) -> None:
    """Posterior mean = value within 4 Monte Carlo errors, plus what the default prior moves (test_reference.py)."""
    flat = np.asarray(draws).reshape(-1)
    assert flat.mean() == pytest.approx(value, abs=flat.std() * (4 / np.sqrt(flat.size) + shift))


@pytest.fixture(params=["as it is", "perturbed"])
def teams(request, shared) -> tuple[pd.DataFrame, bool]:
    """60 teams (Cole, Walter & Bruch 2008; R package processR); perturbed, 50 of them with an outcome that was moved."""
    frame = pd.read_csv(shared / "teams.csv")
    if request.param == "as it is":
        return frame, True
    moved = frame.iloc[10:].reset_index(drop=True)
    return moved.assign(perform=moved["perform"] + 0.3 * moved["negexp"] * moved["negtone"]), False


def test_teams(teams) -> None:
    """Index −.3204; ω at −.49, −.06, .60: −.1131, −.2508, −.4623; the slope's Johnson–Neyman root −.2337."""
    frame, original = teams
    x, m, w, y = (frame[name].to_numpy() for name in ("dysfunc", "negtone", "negexp", "perform"))
    a = least_squares(m, x)[0][1]
    b, cov = least_squares(y, m, w, m * w, x)
    values = np.array([-0.49, -0.06, 0.60])
    omega = a * (b[1] + b[3] * values)
    text = "arrows:\n  dysfunc -> negtone:\n  negtone -> perform: {moderated_by: negexp}\n  dysfunc -> perform:\n"
    fit = mx.fit(mx.parse(text), frame, seed=1, draws=DRAWS // 4)
    question = mx.Question(of="dysfunc", on="perform", kind="indirect", through="negtone")
    found = mx.moderate(fit, question, {"negexp": list(values)})
    assert_near(found["index of moderated mediation [negexp]"].draws, a * b[3])
    for row, value in zip(found.effects.rows, omega, strict=False):
        assert_near(row.draws, value)

    # θ₁ + θ₃w ± t √V = 0 (statistics.md 2.5); the region lies where the slope is below 0
    t = stats.t.isf(0.025, len(y) - 5)
    roots = np.roots([b[3] ** 2 - t**2 * cov[3, 3], 2 * (b[1] * b[3] - t**2 * cov[1, 3]), b[1] ** 2 - t**2 * cov[1, 1]])
    roots = np.sort(roots[np.isreal(roots) & (roots.real > w.min()) & (roots.real < w.max())].real)
    path = mx.moderate(fit, mx.Question(of="negtone", on="perform"), "negexp").curves[0]
    pointwise = [region for region in path.regions if region.band == "pointwise"]
    ends = [(each.low, each.opens) for each in pointwise] + [(each.high, each.closes) for each in pointwise]
    found_roots = np.sort([end for end, of_the_data in ends if not of_the_data])
    # 4 Monte Carlo errors of a 2.5 % quantile, √(pq/n)/density sds, and the prior's shift, over the slope of the band's end
    sd = np.sqrt(cov[1, 1] + 2 * roots * cov[1, 3] + roots**2 * cov[3, 3])
    side = -np.sign(b[1] + b[3] * roots)
    rise = b[3] + side * t * (cov[1, 3] + roots * cov[3, 3]) / sd
    error = (4 * np.sqrt(0.025 * 0.975 / DRAWS) / stats.norm.pdf(1.96) + 0.03) * sd
    assert len(found_roots) == len(roots) == 1
    assert np.all(np.abs(found_roots - roots) < error / np.abs(rise))
    assert [each.share for each in pointwise] == [np.mean((w >= each.low) & (w <= each.high)) for each in pointwise]
    if original:
        assert a * b[3] == pytest.approx(-0.3204, abs=6e-5)
        assert omega == pytest.approx([-0.1131, -0.2508, -0.4623], abs=6e-5)
        assert roots == pytest.approx([-0.2337], abs=6e-5)
        assert (pointwise[0].sign, pointwise[0].closes) == (-1, True)
        wide = next(region for region in path.regions if region.band == "simultaneous")
        assert wide.low > pointwise[0].low


@pytest.fixture(params=["as it is", "perturbed"])
def estress(request, shared) -> tuple[pd.DataFrame, bool]:
    """262 entrepreneurs (Pollack, Vanepps & Hayes 2012; R package processR); perturbed, one mediator's values stretched."""
    frame = pd.read_csv(shared / "estress.csv")
    if request.param == "as it is":
        return frame, True
    return frame.assign(affect=frame["affect"] ** 1.3).iloc[::2].reset_index(drop=True), False


def test_estress_instantaneous(estress) -> None:
    """θ at mean ∓ sd: −.01638, .21794, .38923 with Monte Carlo intervals [−.130, .097], [.129, .323], [.249, .547]."""
    frame, original = estress
    x, m, y = (frame[name].to_numpy(float) for name in ("estress", "affect", "withdraw"))
    a, _ = least_squares(m, x, x**2)
    b, _ = least_squares(y, m, m**2, x)
    points = np.array([x.mean() - x.std(ddof=1), x.mean(), x.mean() + x.std(ddof=1)])
    theta = (a[1] + 2 * a[2] * points) * (b[1] + 2 * b[2] * (a[0] + a[1] * points + a[2] * points**2))
    text = "arrows:\n  estress -> affect: {shape: quadratic}\n  affect -> withdraw: {shape: quadratic}\n  estress -> withdraw:\n"
    fit = mx.fit(mx.parse(text), frame, seed=1, draws=DRAWS // 4)
    found = mx.differentiate(fit, "estress", "withdraw", through="affect")
    for row, value in zip(found.rows, theta, strict=True):
        assert_near(row.draws, value)
    if not original:
        return
    assert theta == pytest.approx([-0.01638, 0.21794, 0.38923], abs=6e-6)
    published = np.array([[-0.130, 0.097], [0.129, 0.323], [0.249, 0.547]])
    table = found.summary()
    # both ends are quantiles of simulations: theirs of as many draws as ours, it is assumed
    error = 4 * np.sqrt(0.025 * 0.975 * (2 / DRAWS)) / stats.norm.pdf(1.96) * table["sd"].to_numpy()
    gap = np.abs(table[["lower", "upper"]].to_numpy() - published)
    assert np.all(gap < error[:, None] + 0.03 * table["sd"].to_numpy()[:, None] + 5e-4)


def test_alliance_heals_in_depression_and_not_in_anxiety() -> None:
    """Ryum et al. (2009) as simulated from their parameter file, ten studies of 200: .04 in anxiety, .40 in depression.

    95 % intervals miss in at most 3 of 10 studies but with probability .012 each; P(difference > 0) is high in all.
    """
    theory = mx.load("ryum_2009")
    truth = {"total [diagnosis=anxiety]": 0.04, "total [diagnosis=depression]": 0.40,
             "total [diagnosis=depression − diagnosis=anxiety]": 0.36}  # fmt: skip
    misses = dict.fromkeys(truth, 0)
    chances = []
    for seed in range(10):
        fit = mx.fit(theory, simulate_theory("ryum_2009", seed=seed), seed=1)
        table = mx.moderate(fit, mx.Question(of="alliance", on="outcome"), "diagnosis").summary()
        for label, value in truth.items():
            misses[label] += not table.loc[label, "lower"] < value < table.loc[label, "upper"]
        chances.append(table.loc["total [diagnosis=depression − diagnosis=anxiety]", "p_positive"])
    assert max(misses.values()) <= 3
    # the difference's SE is about .95 · √(1/100 + 1/100) / .98 = .137: 2.6 of them, so P > .5 but in one study in 200
    assert min(chances) > 0.5
    assert np.median(chances) > 0.95


def test_templates_of_process_have_the_index_that_they_promise() -> None:
    """Models 7 and 14: a₃b and ab₃; 58 and 59: none; at the values of their parameter files."""
    indices = {
        "process_7": ("x * w -> m", "m -> y"),
        "process_14": ("x -> m", "m * w -> y"),
        "process_58": None,
        "process_59": None,
    }
    for name, product in indices.items():
        fit = mx.fit(mx.load(name), simulate_theory(name, seed=1), seed=1, draws=250)
        found = mx.moderate(fit, mx.Question(of="x", on="y", kind="indirect", through="m"), "w")
        label = "index of moderated mediation [w]"
        if product is None:
            assert label not in found.effects.labels
        else:
            expected = fit.draws[product[0]] * fit.draws[product[1]]
            np.testing.assert_allclose(found[label].draws, expected, atol=1e-10)
