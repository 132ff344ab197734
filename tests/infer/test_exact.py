"""The exact engine against formulas, quadrature and least squares; tolerances are Monte Carlo error."""

import json
from itertools import product as every

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import mechanisms as mx
from mechanisms.errors import DataError, FitError
from mechanisms.infer.diagnostics import assess, count_divergences

DRAWS, CHAINS = 5000, 4
COUNT = DRAWS * CHAINS
Z = 5.0  # how many Monte Carlo standard errors may lie between a draw's summary and the truth


def fitted(text, frame, **options):
    return mx.fit(mx.parse(text), frame, **({"seed": 1, "draws": DRAWS, "chains": CHAINS, "engine": "exact"} | options))


def assert_moments(draws, mean, sd):
    """Mean and sd of independent draws, within Monte Carlo error."""
    assert abs(draws.mean() - mean) < Z * sd / np.sqrt(len(draws)), (draws.mean(), mean, sd)
    kurtosis = max(0.0, float(stats.kurtosis(draws)))
    assert draws.std() == pytest.approx(sd, rel=Z * np.sqrt((2 + kurtosis) / (4 * len(draws))))


def assert_normal(draws, mean, cov):
    """Draws (count, k) against a normal: means, sds, correlations."""
    sds = np.sqrt(np.diag(cov))
    for column, m, s in zip(draws.T, mean, sds, strict=True):
        assert_moments(column, m, s)
    found, expected = np.corrcoef(draws.T), cov / np.outer(sds, sds)
    np.testing.assert_allclose(found, expected, atol=Z / np.sqrt(len(draws)))


def oracle(design, y, prior_mean, prior_cov, log_prior_sigma, grid):
    """Posterior by quadrature over σ: p(y | σ) is a multivariate normal with the coefficients integrated out.

    Returns mean and covariance of the coefficients, mean and sd of σ.
    """
    base = design @ prior_cov @ design.T
    centre = design @ prior_mean
    log_p = np.array(
        [stats.multivariate_normal.logpdf(y, centre, base + s**2 * np.eye(len(y))) + log_prior_sigma(s) for s in grid]
    )
    weights = np.exp(log_p - log_p.max()) * np.gradient(grid)
    weights /= weights.sum()
    means, covs = [], []
    for s in grid:
        cov = np.linalg.inv(design.T @ design / s**2 + np.linalg.inv(prior_cov))
        means.append(cov @ (design.T @ y / s**2 + np.linalg.solve(prior_cov, prior_mean)))
        covs.append(cov)
    mean = np.einsum("s,si->i", weights, means)
    apart = np.array(means) - mean
    cov = np.einsum("s,sij->ij", weights, covs) + np.einsum("s,si,sj->ij", weights, apart, apart)
    sigma = weights @ grid
    return mean, cov, sigma, np.sqrt(weights @ (grid - sigma) ** 2)


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(8)
    x, w = rng.normal(4, 2, 25), rng.normal(-1, 0.5, 25)
    return pd.DataFrame({"x": x, "w": w, "y": 10 + 1.5 * x - 2 * w + rng.normal(0, 3, 25)})


THREE = "  1 -> y: {normal: [8, 4]}\n  x -> y: {normal: [0.5, 0.6]}\n  w -> y: {normal: [1, 2]}\n"
MEAN, COV = np.array([8, 0.5, 1]), np.diag([4, 0.6, 2]) ** 2


def coefficients(fit, *addresses):
    return np.column_stack([fit.parameters[address] for address in addresses])


def design_of(frame, *names):
    return np.column_stack([np.ones(len(frame)), *(frame[name] for name in names)])


# --- closed forms ---


def test_with_sigma_fixed_the_posterior_is_the_conjugate_one(small):
    fit = fitted(f"arrows:\n  x, w -> y: \npriors:\n{THREE}  sigma(y): {{fixed: 2.5}}\n", small)
    design = design_of(small, "x", "w")
    cov = np.linalg.inv(design.T @ design / 2.5**2 + np.linalg.inv(COV))
    mean = cov @ (design.T @ small.y / 2.5**2 + np.linalg.solve(COV, MEAN))
    assert_normal(coefficients(fit, "1 -> y", "x -> y", "w -> y"), mean, cov)
    assert (fit.parameters["sigma(y)"] == 2.5).all()


def test_a_prior_with_at_is_a_prior_on_the_slope_there(small):
    text = "arrows:\n  x -> y: {moderated_by: [w]}\npriors:\n  x -> y: {normal: [0.5, 0.1], at: {w: -2}}\n  1 -> y: {normal: [8, 4]}\n  w -> y: {normal: [0, 2]}\n  x * w -> y: {normal: [0, 1]}\n  sigma(y): {fixed: 3}\n"
    text = text.replace("w -> y: {normal: [0, 2]}", "w -> y: {normal: [0, 2], at: {x: 0.0}}")
    fit = fitted(text, small)
    # In s = slope at w = −2, the four numbers are independent a priori.
    turn = np.array([[1, 0, 0, 0], [0, 1, 0, 2], [0, 0, 1, 0], [0, 0, 0, 1.0]])  # raw = turn @ (b0, s, bw, bxw)
    design = np.column_stack([np.ones(25), small.x, small.w, small.x * small.w]) @ turn
    prior_mean, prior_cov = np.array([8, 0.5, 0, 0]), np.diag([4, 0.1, 2, 1]) ** 2.0
    cov = np.linalg.inv(design.T @ design / 9 + np.linalg.inv(prior_cov))
    mean = cov @ (design.T @ small.y / 9 + np.linalg.solve(prior_cov, prior_mean))
    assert_normal(coefficients(fit, "1 -> y", "x -> y", "w -> y", "x * w -> y"), turn @ mean, turn @ cov @ turn.T)


# --- quadrature ---

SPREADS = {
    "": None,
    "{half_normal: 1.5}": stats.halfnorm(scale=1.5),
    "{lognormal: [0.2, 0.3]}": stats.lognorm(0.3, scale=np.exp(0.2)),
    "{exponential: 2}": stats.expon(scale=0.5),
    "{gamma: [3, 2]}": stats.gamma(3, scale=0.5),
    "{uniform: [1, 2.5]}": stats.uniform(1, 1.5),
    "{half_normal: 2, below: 2.8}": stats.truncnorm(0, 1.4, 0, 2),
    "{half_normal: 2, above: 3.5}": stats.truncnorm(1.75, np.inf, 0, 2),
    "{student: [3, 1, 0.5], above: 0}": stats.t(3, 1, 0.5),
    "{half_normal: 0.5, scale: standardised}": "half sd",
}


@pytest.mark.parametrize("spread", SPREADS)
def test_any_prior_on_sigma(small, spread):
    prior = SPREADS[spread]
    if prior is None:
        prior = stats.expon(scale=small.y.std())
    elif isinstance(prior, str):
        prior = stats.halfnorm(scale=0.5 * small.y.std())
    said = f"  sigma(y): {spread}\n" if spread else ""
    fit = fitted(f"arrows:\n  x, w -> y: \npriors:\n{THREE}{said}", small)
    low, high = max(0.2, prior.support()[0]), min(12.0, prior.support()[1])
    mean, cov, sigma, sd = oracle(
        design_of(small, "x", "w"), small.y, MEAN, COV, prior.logpdf, np.linspace(low, high, 1501)
    )
    drawn = coefficients(fit, "1 -> y", "x -> y", "w -> y")
    assert_moments(fit.parameters["sigma(y)"], sigma, sd)
    for column, m, s in zip(drawn.T, mean, np.sqrt(np.diag(cov)), strict=True):
        assert_moments(column, m, s)
    assert low <= fit.parameters["sigma(y)"].min() * (1 + 1e-12)
    assert fit.parameters["sigma(y)"].max() <= prior.support()[1] * (1 + 1e-12)


def test_one_slope_against_a_grid_in_three_dimensions():
    """The default priors of one slope, by nothing but brute force."""
    rng = np.random.default_rng(5)
    x = rng.normal(50, 10, 12)
    y = 0.2 * x + rng.normal(0, 5, 12)
    fit = fitted("arrows:\n  x -> y:\n", pd.DataFrame({"x": x, "y": y}))
    sy, sx = y.std(ddof=1), x.std(ddof=1)
    level = np.linspace(y.mean() - 4 * sy, y.mean() + 4 * sy, 161)  # the intercept at the mean of x
    slope = np.linspace(-4, 4, 321) * sy / sx / 1.5
    log_sigma = np.linspace(np.log(sy / 4), np.log(sy * 5), 161)
    rest = y - y.mean()
    a, b, s = np.meshgrid(level - y.mean(), slope, np.exp(log_sigma), indexing="ij", sparse=True)
    centred = x - x.mean()
    squares = (rest @ rest) + 12 * a**2 + b**2 * (centred @ centred) - 2 * b * (centred @ rest) - 2 * a * rest.sum()
    log_p = (
        -12 * np.log(s) - squares / (2 * s**2)
        - 0.5 * (a / (2.5 * sy)) ** 2 - 0.5 * (b / (2.5 * sy / sx)) ** 2 - s / sy + np.log(s)
    )  # fmt: skip
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    for draws, values, axes in (
        (fit.parameters["x -> y"], slope, (0, 2)),
        (fit.parameters["1 -> y"] + fit.parameters["x -> y"] * x.mean(), level, (1, 2)),
        (fit.parameters["sigma(y)"], np.exp(log_sigma), (0, 1)),
    ):
        margin = p.sum(axis=axes)
        mean = margin @ values
        assert_moments(draws, mean, np.sqrt(margin @ (values - mean) ** 2))
        cumulative = np.cumsum(margin) - margin / 2
        for share in (0.025, 0.25, 0.5, 0.75, 0.975):
            truth = np.interp(share, cumulative, values)
            below = np.mean(draws < truth)
            assert below == pytest.approx(share, abs=Z * np.sqrt(share * (1 - share) / COUNT) + 1e-3)


# --- fixed, equal ---


def test_a_fixed_slope_is_moved_to_the_left_side(small):
    fit = fitted(
        "arrows:\n  x, w -> y: \npriors:\n  x -> y: {fixed: 1.25}\n  1 -> y: {normal: [8, 4]}\n  w -> y: {normal: [1, 2]}\n",
        small,
    )
    assert (fit.parameters["x -> y"] == 1.25).all()
    mean, cov, sigma, sd = oracle(
        design_of(small, "w"), small.y - 1.25 * small.x, MEAN[[0, 2]], COV[np.ix_([0, 2], [0, 2])],
        stats.expon(scale=small.y.std()).logpdf, np.linspace(0.5, 15, 1500),
    )  # fmt: skip
    assert_moments(fit.parameters["sigma(y)"], sigma, sd)
    for address, m, s in zip(("1 -> y", "w -> y"), mean, np.sqrt(np.diag(cov)), strict=True):
        assert_moments(fit.parameters[address], m, s)


def test_a_coefficient_fixed_at_a_moderators_value(small):
    fit = fitted("arrows:\n  x -> y: {moderated_by: [w]}\npriors:\n  x -> y: {fixed: 1.25, at: {w: -2}}\n", small)
    slope = fit.parameters["x -> y"] - 2 * fit.parameters["x * w -> y"]
    np.testing.assert_allclose(slope, 1.25, atol=1e-10)
    assert fit.parameters["x * w -> y"].std() > 0.05


def test_equal_slopes_are_one_slope_of_the_sum(small):
    fit = fitted(
        "arrows:\n  x, w -> y: \npriors:\n  1 -> y: {normal: [8, 4]}\n  x -> y: {normal: [0.5, 0.6]}\n  w -> y: {same_as: x -> y}\n",
        small,
    )
    np.testing.assert_allclose(fit.parameters["x -> y"], fit.parameters["w -> y"], atol=1e-13)
    design = np.column_stack([np.ones(25), small.x + small.w])
    mean, cov, sigma, sd = oracle(
        design, small.y, MEAN[:2], COV[:2, :2], stats.expon(scale=small.y.std()).logpdf, np.linspace(0.5, 15, 1500)
    )
    assert_moments(fit.parameters["sigma(y)"], sigma, sd)
    for address, m, s in zip(("1 -> y", "x -> y"), mean, np.sqrt(np.diag(cov)), strict=True):
        assert_moments(fit.parameters[address], m, s)


def test_everything_fixed_is_an_answer_too(small):
    text = "arrows:\n  x -> y: \npriors:\n  1 -> y: {fixed: 10}\n  x -> y: {fixed: 1.5}\n"
    fit = fitted(text, small)
    np.testing.assert_allclose(coefficients(fit, "1 -> y", "x -> y"), [[10, 1.5]] * COUNT, rtol=1e-12)
    rest = small.y - 10 - 1.5 * small.x
    grid = np.linspace(0.5, 15, 4000)
    log_p = -25 * np.log(grid) - rest @ rest / (2 * grid**2) - grid / small.y.std()
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    mean = p @ grid
    assert_moments(fit.parameters["sigma(y)"], mean, np.sqrt(p @ (grid - mean) ** 2))
    assert (fitted(text + "  sigma(y): {fixed: 3}\n", small).parameters["sigma(y)"] == 3).all()


# --- published examples, from their moments alone ---

# n, means and covariances are facts (../shared/reference/moments.json holds more of them); the numbers are a (SE), b (SE)
# and c′ (SE) as statistics.md 2.0 gives them, recomputed there in R.
MOMENTS = {
    "pmi": (
        123, ["cond", "pmi", "reaction"], [0.4715447154, 5.6016260163, 3.4837398374],
        [[0.2512328402, 0.1197187792, 0.1245335199], [0.1197187792, 1.7457350393, 0.9145758363],
         [0.1245335199, 0.9145758363, 2.4034219645]],
        [(0.4765, 0.2357), (0.5064, 0.0970), (0.2544, 0.2558)],
    ),
    "estress": (
        262, ["estress", "affect", "withdraw"], [4.6202290076, 1.5980916031, 2.3211450382],
        [[2.026677342, 0.3503644234, 0.1137315375], [0.3503644234, 0.523766459, 0.3759194349],
         [0.1137315375, 0.3759194349, 1.5546852739]],
        [(0.1729, 0.0296), (0.7691, 0.1031), (-0.0768, 0.0524)],
    ),
    "jobs_ii": (
        899, ["treat", "econ_hard", "sex", "age", "job_seek", "depress2"],
        [0.6674082314, 3.0241379303, 0.5361512792, 37.565063205, 4.0433444527, 1.7414017812],
        [[0.2222216717, -0.001317104, -0.0130186721, 0.0824973704, 0.0149888568, -0.0140769144],
         [-0.001317104, 0.9730565839, -0.0289582225, 0.0007751266, 0.0518683329, 0.1290557089],
         [-0.0130186721, -0.0289582225, 0.2489700261, 0.145283095, -0.0036288373, 0.0237788783],
         [0.0824973704, 0.0007751266, 0.145283095, 109.232448033, 0.5053384103, -0.0380710808],
         [0.0149888568, 0.0518683329, -0.0036288373, 0.5053384103, 0.5306123605, -0.1202815696],
         [-0.0140769144, 0.1290557089, 0.0237788783, -0.0380710808, -0.1202815696, 0.4247517284]],
        [(0.0656, 0.0515), (-0.2400, 0.0282), (-0.0403, 0.0435)],
    ),
}  # fmt: skip


def with_moments(n, names, mean, cov, seed=0):
    """A data set of which n, means and covariances are exactly these."""
    z = np.random.default_rng(seed).normal(size=(n, len(names)))
    z -= z.mean(axis=0)
    z = z @ np.linalg.inv(np.linalg.cholesky(np.cov(z.T)).T) @ np.linalg.cholesky(np.array(cov)).T
    return pd.DataFrame(z + mean, columns=names)


def ridge(frame, causes, effect):
    """Least squares (estimates, errors, σ), and the mean under the default priors at that σ."""
    design = design_of(frame, *causes)
    y = frame[effect].to_numpy()
    gram = design.T @ design
    estimates = np.linalg.solve(gram, design.T @ y)
    sigma = np.sqrt(np.sum((y - design @ estimates) ** 2) / (len(y) - design.shape[1]))
    errors = sigma * np.sqrt(np.diag(np.linalg.inv(gram)))
    means = frame[causes].mean().to_numpy()
    at_means = np.eye(len(causes) + 1)
    at_means[0, 1:] = means  # (level at the means, slopes) from (intercept, slopes)
    sds = 2.5 * y.std(ddof=1) / np.concatenate([[1.0], frame[causes].std().to_numpy()])
    precision = at_means.T @ np.diag(sds**-2.0) @ at_means
    pull = at_means.T @ (np.array([y.mean(), *np.zeros(len(causes))]) / sds**2)
    prior = np.linalg.solve(gram / sigma**2 + precision, design.T @ y / sigma**2 + pull)
    return estimates, errors, prior


@pytest.mark.parametrize("name", MOMENTS)
def test_published_mediation_examples(name):
    n, names, mean, cov, published = MOMENTS[name]
    frame = with_moments(n, names, mean, cov)
    x, *covariates, m, y = names
    listed = ", ".join([x, *covariates])
    fit = fitted(f"arrows:\n  {listed} -> {m}: \n  {listed}, {m} -> {y}:\n", frame)
    first, second = ridge(frame, [x, *covariates], m), ridge(frame, [x, *covariates, m], y)
    cases = [(f"{x} -> {m}", first, 1), (f"{m} -> {y}", second, -1), (f"{x} -> {y}", second, 1)]
    for (address, (estimates, errors, shifted), place), (value, error) in zip(cases, published, strict=True):
        assert estimates[place] == pytest.approx(value, abs=6e-5)
        assert errors[place] == pytest.approx(error, abs=6e-5)
        draws = fit.parameters[address]
        assert draws.mean() == pytest.approx(shifted[place], abs=Z * error / np.sqrt(COUNT) + 1e-3 * error)
        assert abs(shifted[place] - value) < 0.05 * error
        assert draws.std() == pytest.approx(error, rel=0.03)


def test_the_copied_moments_are_those_of_the_reference(shared):
    reference = json.loads((shared / "moments.json").read_text())
    for name, (n, names, mean, cov, _) in MOMENTS.items():
        there = reference[name]
        places = [there["names"].index(each) for each in names]
        assert n == there["n"]
        np.testing.assert_array_equal(mean, np.array(there["mean"])[places])
        np.testing.assert_array_equal(cov, np.array(there["cov"])[np.ix_(places, places)])


def test_jobs_ii_from_its_rows(shared):
    frame = pd.read_csv(shared / "jobs_ii.csv")
    theory = mx.parse(
        "arrows:\n  treat, econ_hard, sex, age -> job_seek: \n  treat, econ_hard, sex, age, job_seek -> depress2:\n"
    )
    fit = mx.fit(theory, frame, seed=2, draws=DRAWS)
    for address, value, error in (
        ("treat -> job_seek", 0.0656, 0.0515), ("job_seek -> depress2", -0.24, 0.0282), ("treat -> depress2", -0.0403, 0.0435)
    ):  # fmt: skip
        assert fit.parameters[address].mean() == pytest.approx(value, abs=0.05 * error)


# --- what kind of draws ---


def test_draws_are_independent(small):
    fit = fitted("arrows:\n  x -> y: {moderated_by: [w]}\n", small)
    assert fit.shape == (CHAINS, DRAWS)
    for quality in assess(fit.draws):
        assert quality.r_hat < 1.01
        assert abs(quality.ess_bulk / COUNT - 1) < 0.1
        assert quality.ess_tail > 0.85 * COUNT
        sd = float(fit.draws[quality.name].std())
        assert quality.mcse == pytest.approx(sd / np.sqrt(COUNT), rel=0.1)
    assert count_divergences(fit.idata) == 0


def test_a_seed_makes_the_draws(small):
    text = "arrows:\n  x -> w -> y: \n"
    one, same, other, none = (fitted(text, small, seed=seed, draws=50) for seed in (3, 3, 4, None))
    assert one.seed == 3
    for address in one.parameters:
        np.testing.assert_array_equal(one.parameters[address], same.parameters[address])
        assert not np.array_equal(one.parameters[address], other.parameters[address])
    again = fitted(text, small, seed=none.seed, draws=50)
    np.testing.assert_array_equal(none.parameters["x -> w"], again.parameters["x -> w"])
    assert abs(np.corrcoef(one.parameters["x -> w"], one.parameters["w -> y"])[0, 1]) < 0.35


def test_a_fit_shows_itself(small):
    fit = fitted("name: try\narrows:\n  x -> y:\n", small, draws=10)
    assert "Fit of try to 25 rows: 4 chains × 10 draws (y by exact)" in repr(fit)
    assert list(fit.draws) == ["1 -> y", "x -> y", "sigma(y)"]
    assert fit.parameters["x -> y"].shape == (40,)


# --- arithmetic ---


def test_columns_far_from_zero_with_a_product_and_a_square():
    """Raw columns near a million: the same answer as when they are centred beforehand."""
    rng = np.random.default_rng(9)
    u, v = rng.normal(size=(2, 200))
    y = 1 + 0.5 * u - 0.3 * v + 0.2 * u**2 + 0.4 * u * v + rng.normal(size=200)
    text = "arrows:\n  x -> y: {shape: quadratic, moderated_by: [w]}\n"
    near = fitted(text, pd.DataFrame({"x": u, "w": v, "y": y}), draws=500)
    far = fitted(text, pd.DataFrame({"x": 1e6 + u, "w": v - 2e5, "y": y + 1e7}), draws=500)
    a, b = near.parameters, far.parameters
    sd = {address: draws.std() for address, draws in a.items()}
    close = {"rtol": 0}
    np.testing.assert_allclose(b["sigma(y)"], a["sigma(y)"], atol=1e-6 * sd["sigma(y)"], **close)
    np.testing.assert_allclose(b["x^2 * w -> y"], a["x^2 * w -> y"], atol=1e-4 * sd["x^2 * w -> y"], **close)
    # Taylor's formula about the old zero gives the centred square back, as far as float64 holds it.
    square = b["x^2 -> y"] + b["x^2 * w -> y"] * -2e5
    np.testing.assert_allclose(square, a["x^2 -> y"], atol=1e-3 * sd["x^2 -> y"], **close)


@pytest.mark.parametrize(("shape", "n"), [("", 40), ("{moderated_by: [w]}", 40), ("{shape: quadratic}", 20_001)])
def test_the_pass_in_pieces_is_the_whole(shape, n):
    """More rows than one piece holds, and fewer, against one least-squares solution."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(1e4, 1, size=(n, 3)), columns=["x", "w", "y"])
    fit = fitted(f"arrows:\n  x -> y: {shape}\n" + ("  w -> y:\n" if not shape else ""), frame)
    x, w = frame.x - 1e4, frame.w - 1e4
    columns = {"": [x, w], "{moderated_by: [w]}": [x, x * w, w], "{shape: quadratic}": [x, x**2]}[shape]
    design = np.column_stack([np.ones(n), *columns])
    _, (rest,), *_ = np.linalg.lstsq(design, frame.y)
    degrees = n - design.shape[1]
    sigma = np.sqrt(rest / degrees)
    assert fit.parameters["sigma(y)"].mean() == pytest.approx(
        sigma, rel=2 / degrees + Z / np.sqrt(2 * degrees * COUNT) + 0.01
    )


def test_a_million_rows_cost_one_pass():
    rng = np.random.default_rng(1)
    x = rng.normal(size=1_000_000)
    frame = pd.DataFrame({"x": x, "y": 0.5 * x + rng.normal(size=1_000_000)})
    fit = fitted("arrows:\n  x -> y:\n", frame)
    design = design_of(frame, "x")
    slope = np.linalg.lstsq(design, frame.y)[0][1]
    assert_moments(fit.parameters["x -> y"], slope, 1e-3 * fit.parameters["sigma(y)"].mean() / x.std())
    assert fit.parameters["sigma(y)"].std() == pytest.approx(1 / np.sqrt(2e6), rel=0.05)


# --- refusals ---


@pytest.mark.parametrize(
    ("text", "change", "words"),
    [
        ("x, w -> y", {"w": lambda f: 3 * f.x + 2}, ["y's equation", "x and w determine each other exactly"]),
        ("x, w, v -> y", {"v": lambda f: f.x + f.w}, ["x, w and v determine each other exactly"]),
        ("x, w, v -> y", {"v": lambda f: 1e6 + 2 * f.w}, ["w and v determine each other exactly"]),
        (
            "x -> y: {shape: quadratic}",
            {"x": lambda f: (f.x > 4) * 1},
            ["x has two values, between which nothing bends"],
        ),
        ("x, w -> y", {"y": lambda f: 2 * f.x - f.w}, ["y is determined exactly by x and w"]),
        ("x, w -> y", {"y": lambda f: 2 * f.x + 1e-9 * f.w**2}, ["y is determined exactly by x and w"]),
    ],
)
def test_sources_that_say_the_same_are_named(small, text, change, words):
    frame = small.assign(**change)
    with pytest.raises(DataError) as refused:
        fitted(f"arrows:\n  {text}{'' if ':' in text else ':'}\n", frame)
    for word in words:
        assert word in str(refused.value)


def test_independent_sources_are_not_named(small):
    frame = small.assign(v=lambda f: f.x + f.w, u=np.arange(25.0) ** 1.5)
    with pytest.raises(DataError) as refused:
        fitted("arrows:\n  x, u, w, v -> y:\n", frame)
    assert "x, w and v determine" in str(refused.value)


def test_more_coefficients_than_rows_are_refused(small):
    with pytest.raises(
        DataError, match=r"4 rows cannot carry the 4 coefficients of y's equation \(intercept included\)"
    ):
        fitted("arrows:\n  x -> y: {moderated_by: [w]}\n", small[:4])


def test_a_prior_that_leaves_sigma_nowhere_is_refused(small):
    with pytest.raises(FitError, match="leaves it nowhere to be"):
        fitted("arrows:\n  x -> y: \npriors:\n  sigma(y): {uniform: [1e9, 1e10]}\n", small)


def test_every_combination_of_spread_and_constraint_runs(small):
    """Nothing but finite numbers, whatever is fixed or equal."""
    slopes = ["", "  x -> y: {fixed: 1}\n", "  x -> y: {same_as: w -> y}\n"]
    for one, spread, level in every(slopes, ["", "  sigma(y): {fixed: 1}\n"], ["", "  1 -> y: {fixed: 0}\n"]):
        fit = fitted(f"arrows:\n  x, w -> y: \npriors:\n{one}{spread}{level}", small, draws=20)
        assert all(np.isfinite(draws).all() for draws in fit.parameters.values())


def test_the_marginal_likelihood_of_sigma_is_students_in_the_flat_limit():
    """Wide priors everywhere: the slope is Student's t around least squares."""
    rng = np.random.default_rng(12)
    x = rng.normal(size=8)
    y = x + rng.normal(size=8)
    text = "arrows:\n  x -> y: \npriors:\n  1 -> y: {normal: [0, 1e4]}\n  x -> y: {normal: [0, 1e4]}\n  sigma(y): {lognormal: [0, 50]}\n"
    fit = fitted(text, pd.DataFrame({"x": x, "y": y}))
    design = np.column_stack([np.ones(8), x])
    estimates, (rest,), *_ = np.linalg.lstsq(design, y)
    error = np.sqrt(rest / 6 * np.linalg.inv(design.T @ design)[1, 1])
    shares = special.stdtr(6, (fit.parameters["x -> y"] - estimates[1]) / error)
    assert stats.kstest(shares, "uniform").pvalue > 1e-6
