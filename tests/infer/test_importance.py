"""Importance sampling around a mode: weights as ArviZ smooths them, draws of known densities, and what is refused."""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import special, stats

from mechanisms.infer.engines.contract import UnreliableError
from mechanisms.infer.smooth.importance import Smoothed, draw_smoothed, find_k_hat, refuse_unreliable, smooth

Z = 5.0


def log_normal(points):
    return -0.5 * (points**2).sum(axis=1)


@pytest.mark.parametrize("shape", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("size", [200, 2000, 8000])
def test_weights_and_k_hat_are_those_of_arviz(shape, size):
    log_ratio = np.log1p(np.random.default_rng(size).pareto(1 / shape, size))
    weights, k_hat = smooth(log_ratio)
    expected, expected_k = array_stats.psislw(-log_ratio)
    assert k_hat == pytest.approx(float(expected_k), abs=1e-10)
    np.testing.assert_allclose(weights, special.softmax(expected), rtol=1e-8)


@pytest.mark.parametrize("size", [30, 2000, 8000])
@pytest.mark.parametrize("shape", [0.1, 0.9, 40.0])
def test_k_hat_alone_is_that_of_the_weights(size, shape):
    log_ratio = np.log1p(np.random.default_rng(size).pareto(1 / shape, size))
    log_ratio[::7] = -np.inf
    log_ratio[::5] = log_ratio[5]
    assert find_k_hat(log_ratio) == pytest.approx(smooth(log_ratio)[1], rel=1e-12)


def test_threads_change_no_draw(monkeypatch):
    """Pieces are the same however many threads share them."""
    density = stats.multivariate_normal(np.zeros(3), np.eye(3)).logpdf
    drawn = []
    for cores in (1, 4):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        drawn.append(draw_smoothed(density, np.full(3, 0.1), np.eye(3), 1200, np.random.default_rng(2)))
    np.testing.assert_array_equal(drawn[0].draws, drawn[1].draws)
    assert drawn[0].k_hat == drawn[1].k_hat


def test_equal_weights_have_no_tail():
    weights, k_hat = smooth(np.full(2000, 3.0))
    assert k_hat == find_k_hat(np.full(2000, 3.0)) == -np.inf
    np.testing.assert_allclose(weights, 1 / 2000)


@pytest.mark.parametrize("size", [1, 3, 10])
def test_draws_of_a_normal_density(size):
    rng = np.random.default_rng(size)
    root = np.tril(rng.normal(size=(size, size))) + 2 * np.eye(size)
    centre, covariance = rng.normal(size=size), root @ root.T
    density = stats.multivariate_normal(centre, covariance)
    found = draw_smoothed(lambda points: np.atleast_1d(density.logpdf(points)), centre, covariance, 4000, rng)
    refuse_unreliable(found)
    assert found.draws.shape == (4000, size)
    sd = np.sqrt(np.diag(covariance))
    error = 1 / np.sqrt(min(found.ess, 4000))
    assert np.abs((found.draws.mean(axis=0) - centre) / sd).max() < Z * error
    assert np.abs(found.draws.std(axis=0) / sd - 1).max() < Z * error
    assert len(np.unique(found.draws[:, 0])) > 3900


def test_draws_are_in_random_order():
    found = draw_smoothed(log_normal, np.zeros(2), np.eye(2), 4000, np.random.default_rng(0))
    x = found.draws[:, 0]
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < Z / np.sqrt(4000)


def test_a_skewed_density_is_proposed_for_where_its_mass_is():
    # t = log(x) of an exponential x: the mode is 0, its curvature 1, the left tail e^t
    def log_density(t):
        return t[:, 0] - np.exp(t[:, 0])

    rng = np.random.default_rng(3)
    found = draw_smoothed(log_density, np.zeros(1), np.eye(1), 4000, rng, speaks_of=np.exp)
    refuse_unreliable(found)
    x = np.exp(found.draws)
    assert abs(x.mean() - 1) < Z / np.sqrt(4000)
    assert abs(x.std() - 1) < Z * np.sqrt((9 - 1) / 4 / 4000)  # the kurtosis is 9


@pytest.mark.parametrize("few", [1, 10, 100])
def test_few_draws_are_as_well_checked_as_many(few):
    found = draw_smoothed(log_normal, np.zeros(2), np.eye(2), few, np.random.default_rng(0))
    refuse_unreliable(found)
    assert found.draws.shape == (few, 2)
    assert found.proposed == 2000


@pytest.mark.parametrize(
    ("log_density", "mode", "words"),
    [
        (lambda p: -np.log1p(p**2).sum(axis=1), np.zeros(3), "k̂ is"),  # Cauchy tails: heavier than the proposal's
        (lambda p: -50 * (p[:, 0] - 9) ** 2, np.zeros(1), "effective size is"),  # the mode is elsewhere
        (lambda p: np.full(len(p), -np.inf), np.zeros(2), "k̂ is inf"),
        (lambda p: np.full(len(p), np.nan), np.zeros(2), "the effective size is 0"),
    ],
)
def test_a_proposal_that_does_not_fit_is_refused(log_density, mode, words):
    size = len(mode)
    found = draw_smoothed(log_density, mode, np.eye(size), 1000, np.random.default_rng(1))
    assert found.draws.shape == (1000, size)
    with pytest.raises(UnreliableError, match=words):
        refuse_unreliable(found)


@pytest.mark.parametrize(
    ("k_hat", "ess", "agree", "words"),
    [
        (0.5, 900.0, True, "k̂ is 0.50, not below 0.5"),
        (np.nan, 900.0, True, "k̂ is nan"),
        (0.1, 399.0, True, "effective size is 399, below 400"),
        (0.1, 900.0, False, "two halves of the draws disagree"),
    ],
)
def test_each_check_speaks_for_itself(k_hat, ess, agree, words):
    with pytest.raises(UnreliableError, match=words):
        refuse_unreliable(Smoothed(np.zeros((1, 1)), k_hat, ess, 2000, agree))


def test_nan_is_an_impossible_point():
    def half(points):
        return np.where(points[:, 0] > 0, log_normal(points), np.nan)

    found = draw_smoothed(half, np.zeros(1), np.eye(1), 2000, np.random.default_rng(0))
    assert found.draws.min() > 0
    expected = np.sqrt(2 / np.pi)
    assert abs(found.draws.mean() - expected) < Z * np.sqrt((1 - 2 / np.pi) / 2000)
