"""The laplace engine: its density, its derivatives, its draws against quadrature, and when it lets NUTS do the work.

Against NUTS it is held in `test_engines`. All tolerances are Monte Carlo errors, or rounding.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import mechanisms as mx
from mechanisms.errors import FitError
from mechanisms.infer.diagnostics import assess, count_divergences
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.engines import laplace, nuts
from mechanisms.infer.engines.contract import UnreliableError
from mechanisms.infer.smooth.curves import CURVES
from mechanisms.infer.smooth.likelihoods import Rows, make_likelihood
from mechanisms.infer.smooth.target import make_target
from mechanisms.model.priors import state_beliefs

Z = 5.0

LOGIT = "variables:\n  x, w:\n  d: {family: bernoulli}\narrows:\n  x -> d: {moderated_by: [w]}\n"
PROBIT = LOGIT.replace("bernoulli", "bernoulli, link: probit")
MIXED = "variables:\n  x, w, m:\n  d: {family: bernoulli}\narrows:\n  x -> m:\n  x, m, w -> d:\n"
NORMAL = "variables:\n  x, w, m, y:\narrows:\n  x, w -> m:\n  x, m -> y:\n"


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(5)
    x, w = rng.normal(1, 3, 60), rng.normal(-0.2, 0.5, 60)
    m = 0.5 * x + rng.normal(size=60)
    y = 0.4 * x + 0.3 * m + rng.normal(size=60)
    d = (rng.random(60) < special.expit(0.4 * (x - 1))).astype(int)
    return pd.DataFrame({"x": x, "w": w, "m": m, "y": y, "d": d})


def target_of(text, frame):
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    assert laplace.applies(plan, data, plan.equations) is None
    return make_target(plan, data, plan.equations)


def with_priors(text, *priors):
    return text + "priors:\n" + "".join(f"  {each}\n" for each in priors)


# --- the density ---

THEORIES = {
    "logit": LOGIT,
    "probit": PROBIT,
    "normal": NORMAL,
    "student": with_priors(LOGIT, "x -> d: {student: [4, 0, 1]}"),
    "above": with_priors(LOGIT, "w -> d: {normal: [0, 1], above: 0}"),
    "below": with_priors(PROBIT, "w -> d: {student: [3, 0, 1], below: 0.5}"),
    "between": with_priors(LOGIT, "w -> d: {normal: [0, 1], above: -1, below: 2}"),
    "uniform": with_priors(LOGIT, "w -> d: {uniform: [-1, 3]}"),
    "beta": with_priors(LOGIT, "w -> d: {beta: [2, 3]}"),
    "lognormal": with_priors(NORMAL, "sigma(m): {lognormal: [0, 0.5]}", "x -> y: {gamma: [2, 3]}"),
    "half normal": with_priors(NORMAL, "sigma(m): {half_normal: 1}", "x -> y: {exponential: 2}"),
    "bounded sd": with_priors(NORMAL, "sigma(m): {uniform: [0.1, 3]}", "sigma(y): {exponential: 1, below: 4}"),
    "fixed": with_priors(NORMAL, "sigma(m): {fixed: 1.5}", "x -> y: {fixed: 0.2}", "m -> y: {student: [4, 0, 1]}"),
    "one sd": with_priors(NORMAL, "sigma(m): {same_as: sigma(y)}"),
    "one slope": with_priors(MIXED, "x -> d: {same_as: x -> m}"),
    "a chain": with_priors(MIXED, "x -> d: {same_as: x -> m}", "m -> d: {student: [4, 0, 1], above: 0}"),
}


@pytest.mark.parametrize("text", THEORIES.values(), ids=THEORIES)
def test_derivatives_are_those_of_the_density(text, frame):
    target = target_of(text, frame)
    point = target.start + np.random.default_rng(1).normal(0, 0.3, target.size)
    gradient, hessian = target.differentiate(point)
    h, steps = 1e-4, 1e-4 * np.eye(target.size)
    sides = [(target.evaluate((point + s)[None])[0], target.evaluate((point - s)[None])[0]) for s in steps]
    slopes = [(target.differentiate(point + s)[0], target.differentiate(point - s)[0]) for s in steps]
    scale = np.abs(hessian).max()  # the error of a central difference: h² times a third derivative, and rounding / h
    np.testing.assert_allclose(gradient, [(a - b) / (2 * h) for a, b in sides], rtol=1e-5, atol=1e-6 * scale)
    np.testing.assert_allclose(hessian, [(a - b) / (2 * h) for a, b in slopes], rtol=1e-5, atol=1e-6 * scale)


def differences(target, log_density, seed=0):
    """How far the target's log density and another, of parameters by address, are from differing by a constant."""
    points = target.start + np.random.default_rng(seed).normal(0, 0.5, (20, target.size))
    values = dict(zip(target.addresses, target.report(points).T, strict=True))
    apart = target.evaluate(points) - log_density(values, points)
    return np.ptp(apart)


def test_a_logit_density_is_the_one_written_by_hand(frame):
    text = with_priors(LOGIT, "x * w -> d: {student: [4, 0, 1]}", "w -> d: {normal: [0, 2], above: -3, below: 3}")
    target = target_of(text, frame)
    x, w, d = (frame[name].to_numpy() for name in "xwd")

    def log_density(p, points):
        eta = (
            p["1 -> d"][:, None]
            + np.outer(p["x -> d"], x)
            + np.outer(p["w -> d"], w)
            + np.outer(p["x * w -> d"], x * w)
        )
        product, own = p["x * w -> d"], p["w -> d"]
        middle = p["1 -> d"] + p["x -> d"] * x.mean() + own * w.mean() + product * x.mean() * w.mean()
        slope = (p["x -> d"] + product * w.mean()) * x.std(ddof=1)
        jacobian = stats.norm.logpdf(special.ndtri((own + 3) / 6))
        return (
            stats.bernoulli.logpmf(d, special.expit(eta)).sum(axis=1) + stats.t.logpdf(product, 4, 0, 1)
            + stats.norm.logpdf(own, 0, 2) + jacobian
            + stats.norm.logpdf(middle, 0, 2.5) + stats.norm.logpdf(slope, 0, 2.5)
        )  # fmt: skip

    assert differences(target, log_density) < 1e-6


def log_slope(q, width):
    """log dq/dt where q / width is −log Φ(−t)."""
    t = -special.ndtri_exp(-q / width)
    return np.log(width) + stats.norm.logpdf(t) - stats.norm.logsf(t)


def test_a_density_of_two_families_that_share_a_slope_is_the_one_written_by_hand(frame):
    text = with_priors(
        MIXED, "x -> d: {same_as: x -> m}", "m -> d: {student: [4, 0, 0.3], above: 0}", "sigma(m): {half_normal: 2}"
    )
    frame = frame.assign(x=frame.x + 200, w=frame.w - 50)  # the raw intercepts are far from the data
    target = target_of(text, frame)
    x, w, m, d = (frame[name].to_numpy() for name in "xwmd")

    def log_density(p, points):
        mean = p["1 -> m"][:, None] + np.outer(p["x -> m"], x)
        eta = p["1 -> d"][:, None] + np.outer(p["x -> d"], x) + np.outer(p["m -> d"], m) + np.outer(p["w -> d"], w)
        sigma, b = p["sigma(m)"], p["m -> d"]
        middle = p["1 -> d"] + p["x -> d"] * x.mean() + b * m.mean() + p["w -> d"] * w.mean()
        return (
            stats.norm.logpdf(m, mean, sigma[:, None]).sum(axis=1)
            + np.where(d == 1, special.log_expit(eta), special.log_expit(-eta)).sum(axis=1)
            + stats.norm.logpdf(p["1 -> m"] + p["x -> m"] * x.mean(), m.mean(), 2.5 * m.std(ddof=1))
            + stats.norm.logpdf(p["x -> m"], 0, 2.5 * m.std(ddof=1) / x.std(ddof=1))
            + stats.norm.logpdf(p["w -> d"], 0, 2.5 / w.std(ddof=1)) + stats.norm.logpdf(middle, 0, 2.5)
            + stats.t.logpdf(b, 4, 0, 0.3) + log_slope(b, 0.3) + stats.halfnorm.logpdf(sigma, scale=2) + log_slope(sigma, 2)
        )  # fmt: skip

    assert differences(target, log_density) < 1e-6
    points = np.random.default_rng(0).normal(size=(5, target.size))
    shared = dict(zip(target.addresses, target.report(points).T, strict=True))
    np.testing.assert_allclose(shared["x -> d"], shared["x -> m"], rtol=1e-12)
    assert (shared["m -> d"] > 0).all()


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_equal_rows_are_counted(link, frame):
    rng = np.random.default_rng(2)
    discrete = pd.DataFrame({"x": rng.integers(0, 3, 500), "w": rng.integers(0, 2, 500), "d": rng.integers(0, 2, 500)})
    theory = mx.parse(LOGIT if link == "logit" else PROBIT)
    plan, data = mx.compile(theory), mx.bind(theory, discrete)
    found = make_likelihood(plan.equations[0], state_beliefs(plan, plan.equations[0], data), data)
    assert found.counts.sum() == 500
    assert len(found.y) == len(discrete.drop_duplicates()) == 12
    counts = found.counts.astype(int)
    long = Rows(CURVES["bernoulli", link], np.repeat(found.design, counts, axis=0), np.repeat(found.y, counts), None)
    points = rng.normal(0, 2, (300, 4))
    np.testing.assert_allclose(found.evaluate(points), long.evaluate(points), rtol=1e-12)
    for one, other in zip(found.differentiate(points[0]), long.differentiate(points[0]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)
    theory = mx.parse(LOGIT)
    continuous = mx.bind(theory, frame)
    assert (
        make_likelihood(plan.equations[0], state_beliefs(plan, plan.equations[0], continuous), continuous).counts
        is None
    )


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize("far", [0.1, 10.0, 1000.0])
def test_likelihoods_of_extreme_predictors_neither_overflow_nor_vanish(link, far):
    y, eta = np.tile([0.0, 1.0], 600), np.linspace(-far, far, 1200)
    rows = Rows(CURVES["bernoulli", link], eta[:, None], y, None)
    exact = special.log_expit if link == "logit" else special.log_ndtr
    assert rows.evaluate(np.ones((1, 1)))[0] == pytest.approx(exact(np.where(y == 1, eta, -eta)).sum(), rel=1e-12)


# --- the draws ---


def by_quadrature(log_density, reach, size=201):
    """Means and sds of two numbers from a grid over them: `log_density` of arrays (…, 2), within ± `reach` of 0."""
    axes = [np.linspace(-each, each, size) for each in reach]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    weights = special.softmax(log_density(grid))
    edge = np.concatenate([weights[0], weights[-1], weights[:, 0], weights[:, -1]])
    assert edge.sum() < 1e-6
    mean = np.tensordot(weights, grid, 2)
    return mean, np.sqrt(np.tensordot(weights, (grid - mean) ** 2, 2))


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize("events", ["some", "few", "separated"])
def test_draws_against_quadrature(link, events):
    rng = np.random.default_rng(8)
    n = 385 if events == "few" else 40
    x = rng.normal(size=n)
    d = {"some": rng.random(n) < special.expit(x), "few": np.argsort(np.argsort(-x - rng.gumbel(size=n))) < 12}
    d = (x > 0.3) if events == "separated" else d[events]
    text = f"variables:\n  x:\n  d: {{family: bernoulli, link: {link}}}\narrows:\n  x -> d:\n"
    fit = mx.fit(mx.parse(text), pd.DataFrame({"x": x, "d": d * 1}), seed=2)
    assert [block.engine for block in fit.blocks] == ["laplace"]
    z, sd = x - x.mean(), x.std(ddof=1)
    unit = 1.0 if link == "logit" else 0.6
    density = special.log_expit if link == "logit" else special.log_ndtr

    def log_density(points):
        eta = points[..., :1] + points[..., 1:] * z / sd
        return density(np.where(d, eta, -eta)).sum(axis=-1) - 0.5 * (points**2).sum(axis=-1) / (2.5 * unit) ** 2

    mean, spread = by_quadrature(
        log_density, (15 * unit, 20 * unit) if events == "separated" else (9 * unit, 10 * unit)
    )
    draws = fit.parameters
    slope = draws["x -> d"] * sd
    level = draws["1 -> d"] + draws["x -> d"] * x.mean()
    for values, expected, scale in zip((level, slope), mean, spread, strict=True):
        assert abs(values.mean() - expected) < Z * scale / np.sqrt(4000)
        kurtosis = stats.kurtosis(values, fisher=False)
        assert abs(values.std() / scale - 1) < Z * np.sqrt((kurtosis - 1) / 4 / 4000)


def test_a_bounded_slope_against_quadrature():
    # The data pull towards the bound: half the prior's mass and more lies beyond it.
    rng = np.random.default_rng(9)
    x = rng.normal(size=50)
    d = rng.random(50) < special.expit(-0.5 * x)
    text = "variables:\n  x:\n  d: {family: bernoulli}\narrows:\n  x -> d:\npriors:\n  x -> d: {normal: [0, 1], above: 0}\n"
    fit = mx.fit(mx.parse(text), pd.DataFrame({"x": x, "d": d * 1}), seed=2)
    assert [block.engine for block in fit.blocks] == ["laplace"]
    level, slope = np.meshgrid(np.linspace(-3, 3, 301), np.linspace(0, 3, 1201), indexing="ij")
    eta = level[..., None] + slope[..., None] * (x - x.mean())
    log_density = special.log_expit(np.where(d, eta, -eta)).sum(axis=-1) - 0.5 * level**2 / 6.25 - 0.5 * slope**2
    weights = special.softmax(log_density)
    weights[:, 0] /= 2  # half a cell
    weights /= weights.sum()
    mean = (weights * slope).sum()
    sd = np.sqrt((weights * (slope - mean) ** 2).sum())
    draws = fit.parameters["x -> d"]
    assert draws.min() > 0
    assert abs(draws.mean() - mean) < Z * sd / np.sqrt(4000)
    kurtosis = stats.kurtosis(draws, fisher=False)
    assert abs(draws.std() / sd - 1) < Z * np.sqrt((kurtosis - 1) / 4 / 4000)


def test_where_exact_applies_laplace_agrees(frame):
    theory = mx.parse(NORMAL)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    exact = mx.sample(plan, data, seed=1, draws=20_000, engine="exact").parameters
    found = mx.sample(plan, data, seed=1, engine="laplace").parameters
    assert list(found) == list(exact)
    for name, draws in found.items():
        error = draws.std() * np.sqrt(1 / 4000 + 1 / 80_000)
        assert abs(draws.mean() - exact[name].mean()) < Z * error, name
        assert abs(draws.std() / exact[name].std() - 1) < Z * error / draws.std(), name


def test_a_slope_of_two_families_is_sampled_once(frame):
    fit = mx.fit(mx.parse(with_priors(MIXED, "x -> d: {same_as: x -> m}")), frame, seed=1)
    assert [(block.responses, block.engine) for block in fit.blocks] == [(("m", "d"), "laplace")]
    np.testing.assert_allclose(fit.parameters["x -> d"], fit.parameters["x -> m"], rtol=1e-12)
    alone = mx.fit(mx.parse(MIXED), frame, seed=1).parameters["x -> m"]
    assert fit.parameters["x -> m"].std() < alone.std()  # d says something about the slope, too


@pytest.mark.slow  # one PyMC model
def test_few_events_against_nuts():
    rng = np.random.default_rng(12)
    names = [f"x{number}" for number in range(7)]
    frame = pd.DataFrame(rng.normal(size=(385, 7)), columns=names)
    eta = frame.to_numpy() @ rng.normal(0, 0.4, 7) + rng.gumbel(size=385)
    frame["y"] = (np.argsort(np.argsort(-eta)) < 12).astype(int)
    theory = mx.parse(
        f"variables:\n  {', '.join(names)}:\n  y: {{family: bernoulli}}\narrows:\n  {', '.join(names)} -> y:\n"
    )
    found = mx.fit(theory, frame, seed=1)
    assert [block.engine for block in found.blocks] == ["laplace"]
    sampled = mx.fit(theory, frame, draws=2000, chains=4, tune=1000, seed=2, engine="nuts")
    assert count_divergences(sampled.idata) == 0
    for quality in assess(sampled.draws):
        assert quality.r_hat < 1.01, quality
        assert min(quality.ess_bulk, quality.ess_tail) > 1000, quality
        draws, nuts_draws = found.parameters[quality.name], sampled.parameters[quality.name]
        error = np.sqrt(1 / 4000 + 1 / quality.ess_bulk)
        assert abs(draws.mean() - nuts_draws.mean()) < Z * error * draws.std(), quality.name
        kurtosis = stats.kurtosis(draws, fisher=False)
        assert abs(np.log(draws.std() / nuts_draws.std())) < Z * error * np.sqrt((kurtosis - 1) / 4), quality.name


def test_draws_depend_on_the_seed_alone(frame):
    theory = mx.parse(LOGIT)
    one, again, other = (mx.fit(theory, frame, seed=seed, draws=50, chains=2).draws for seed in (1, 1, 2))
    assert one.equals(again)
    assert not one.equals(other)
    assert dict(one.sizes) == {"chain": 2, "draw": 50}


def test_a_column_in_other_units_changes_no_standardised_draw(frame):
    theory = mx.parse(LOGIT)
    one = mx.fit(theory, frame, seed=1).parameters
    other = mx.fit(theory, frame.assign(x=1000 * frame.x - 7), seed=1).parameters
    np.testing.assert_allclose(1000 * other["x * w -> d"], one["x * w -> d"], rtol=1e-6)


# --- who is chosen, and what is said ---


def test_the_block_says_how_good_its_draws_are(frame):
    theory = mx.parse(MIXED)
    fit = mx.fit(theory, frame, seed=1)
    assert [(block.responses, block.engine) for block in fit.blocks] == [(("m",), "exact"), (("d",), "laplace")]
    assert "collapsed does not apply (d is bernoulli, not normal); smooth, fixed effects" in fit.blocks[1].reason
    assert "effective size" in fit.blocks[1].reason
    assert "k̂" in fit.blocks[1].reason


HEAVY = with_priors(
    "variables:\n  x:\n  d: {family: bernoulli}\narrows:\n  x -> d:\n",
    "x -> d: {student: [1, 0, 5]}",
    "1 -> d: {student: [1, 0, 5]}",
)  # separated data leave the tails to priors without moments


@pytest.fixture
def separated():
    x = np.linspace(-1, 1, 20)
    theory = mx.parse(HEAVY)
    return mx.compile(theory), mx.bind(theory, pd.DataFrame({"x": x, "d": (x > 0) * 1}))


def test_what_is_not_reliable_is_refused_when_asked_for(separated):
    with pytest.raises(FitError, match=r"engine laplace is not reliable here: k̂ is .*engine='auto' or 'nuts' fits it"):
        mx.sample(*separated, seed=1, engine="laplace")


def test_what_is_not_reliable_goes_to_nuts(separated, monkeypatch):
    asked = []

    def draw(plan, data, block, settings):
        asked.append(settings)
        return Drawn({address: np.zeros((4, 1000)) for each in block for address in each.parameters})

    monkeypatch.setattr(nuts, "draw", draw)
    fit = mx.sample(*separated, seed=1)
    assert len(asked) == 1
    assert fit.blocks[0].engine == "nuts"
    assert "laplace was tried and is not reliable here: k̂ is" in fit.blocks[0].reason


def test_a_density_without_a_mode_is_refused(separated):
    class Rising:
        start = np.zeros(1)

        def evaluate(self, points):
            return points[:, 0]

        def differentiate(self, point):
            return np.ones(1), np.zeros((1, 1))

    with pytest.raises(UnreliableError, match="no mode"):
        laplace.find_mode(Rising())


@pytest.mark.parametrize(
    ("text", "gap", "words"),
    [
        (
            "variables:\n  x, w, y:\n  d: {family: bernoulli}\narrows:\n  x -> d:\n  d -> y:\n",
            ("d", 3),
            "d has missing values",
        ),
        ("arrows:\n  x -> m:\n  x -> y:\n  m <-> y:\n", None, "residuals are correlated"),
    ],
)
def test_blocks_that_it_leaves_to_others(text, gap, words, frame):
    if gap:
        frame = frame.astype({gap[0]: float})
        frame.loc[gap[1], gap[0]] = np.nan
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    assert words in laplace.applies(plan, data, plan.equations)


def test_rows_without_a_response_that_nothing_looks_at_leave_its_equation(frame):
    theory = mx.parse(LOGIT)
    gaps = frame.astype({"d": float})
    gaps.loc[3, "d"] = np.nan
    data, fewer = mx.bind(theory, gaps), mx.bind(theory, gaps.dropna())
    plan = mx.compile(theory)
    assert laplace.applies(plan, data, plan.equations) is None
    (equation,), beliefs = plan.equations, state_beliefs(plan, plan.equations[0], data)
    points = np.random.default_rng(1).normal(size=(3, len(beliefs.names)))
    found, wanted = (make_likelihood(equation, beliefs, each).evaluate(points) for each in (data, fewer))
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_equations_that_borrow_from_each_other_are_left_to_others(frame):
    text = with_priors(NORMAL, "x -> y: {same_as: x -> m}", "w -> m: {same_as: m -> y}")
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    assert "borrow parameters from each other" in laplace.applies(plan, data, plan.equations)
