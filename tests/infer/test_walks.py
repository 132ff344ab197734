"""numpyro's chains: what they draw, in whatever pieces, all in one program as on a GPU too, and interrupted.

A mean of eight numbers is sampled here, whose posterior is known, without a fit around it.
"""

import _thread
import signal
from dataclasses import replace
from functools import partial
from threading import Timer

import arviz_stats
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import stats

from mechanisms.errors import FitError
from mechanisms.infer.diagnostics import worst
from mechanisms.infer.engines.contract import Settings
from mechanisms.infer.explicit import walks
from mechanisms.infer.explicit.devices import Device
from mechanisms.infer.explicit.walks import prepare_walk, start_walk
from mechanisms.infer.rounds import Round, run_rounds

jax = pytest.importorskip("jax", reason="the extra numpyro is not installed")
pytest.importorskip("numpyro", reason="the extra numpyro is not installed")
Z = 5.0
Y = np.array([0.2, 1.4, -0.3, 0.9, 2.2, 0.4, 1.1, -0.6])
PRIOR, NOISE = 2.0, 0.7
WEIGHT = 1 / PRIOR**2 + len(Y) / NOISE**2
MEAN, SD = Y.sum() / NOISE**2 / WEIGHT, WEIGHT**-0.5
ENOUGH = 2_000_000  # draws that nobody waits for
SIZES = {"chains": 2, "seed": 3, "joined": False, "draws": 40, "tune": 200, "progress_rate": 50}


@pytest.fixture(scope="module")
def normal():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0.0, PRIOR)
        pm.Deterministic("twice", 2 * mu * np.ones(3))
        pm.Normal("y", mu, NOISE, observed=Y)
    return prepare_walk(model, ["mu", "twice"], {mu})


@pytest.fixture
def gpu(monkeypatch):
    """What moves all chains by one program."""
    monkeypatch.setattr(walks, "find_device", lambda: Device("gpu", "pretended"))


@pytest.fixture
def listens():
    """Python hears SIGINT, also where it was begun in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def walk(model, **other):
    return start_walk(model, **SIZES | {"progress_callback": lambda _: None} | other)


def drawn(tree, name="mu"):
    return np.asarray(tree["posterior"][name])


def test_a_known_posterior_is_sampled_in_double_precision(normal):
    """Two chains × 2000 after 200: mean and sd within Z Monte Carlo errors."""
    before = jax.config.jax_enable_x64
    tree = walk(normal, draws=2000).wait()
    assert jax.config.jax_enable_x64 is before
    mu, table = drawn(tree), tree["posterior"].to_dataset()[["mu"]]
    r_hat, ess = worst(table)
    assert mu.shape == (2, 2000)
    assert mu.dtype == np.float64
    assert r_hat < 1.01
    assert ess > 400
    assert not tree["sample_stats"]["diverging"].any()
    for found, wanted, method in ((mu.mean(), MEAN, "mean"), (mu.std(), SD, "sd")):
        assert abs(found - wanted) < Z * float(arviz_stats.mcse(table, method=method)["mu"])
    np.testing.assert_allclose(drawn(tree, "twice"), 2 * np.repeat(mu[:, :, None], 3, axis=2), rtol=1e-15)
    density = stats.norm.logpdf(mu, 0, PRIOR) + stats.norm.logpdf(Y, mu[:, :, None], NOISE).sum(axis=2)
    np.testing.assert_allclose(tree["sample_stats"]["logp"], density, rtol=1e-9)
    assert set(np.unique(tree["sample_stats"]["depth"])) <= {1, 2, 3}


def test_draws_do_not_hang_on_the_pieces_they_come_in(normal):
    one = drawn(walk(normal).wait())
    at_a_time = []
    pieces = walk(normal, progress_rate=0, progress_callback=lambda chains: at_a_time.append(chains[1].finished_draws))
    np.testing.assert_array_equal(one, drawn(pieces.wait()))
    assert at_a_time == list(range(1, 241))
    assert not np.array_equal(one, drawn(walk(normal, seed=4).wait()))
    assert not np.array_equal(one[0], one[1])


@pytest.mark.usefixtures("gpu")
def test_one_program_of_all_chains_draws_the_same(normal, monkeypatch):
    together = walk(normal).wait()
    monkeypatch.undo()
    np.testing.assert_allclose(drawn(together), drawn(walk(normal).wait()), rtol=1e-9)
    assert drawn(together, "twice").shape == (2, 40, 3)


# --- interrupted ---


def interrupted(model, when):
    """What `run_rounds` keeps of a walk that hears Ctrl-C; `when` listens."""
    settings = Settings(ENOUGH, 2, 200, np.random.SeedSequence(1))

    def start(**asked):
        heard = asked.pop("progress_callback")
        return walk(model, **asked, progress_callback=lambda chains: (heard(chains), when(chains[0].finished_draws)))

    return run_rounds(start, settings, [Round(ENOUGH, 200)], lambda _: True)


def at(step):
    return lambda done: _thread.interrupt_main() if done >= step else None


@pytest.mark.usefixtures("listens")
def test_an_interrupted_walk_keeps_the_draws_there_are(normal):
    found = interrupted(normal, at(201))
    count = found.tree["posterior"].sizes["draw"]
    assert found.stopped == (count, ENOUGH)
    assert 0 < count < ENOUGH
    assert drawn(found.tree).shape == (2, count)
    assert found.tree["sample_stats"]["logp"].notnull().all()
    assert np.abs(drawn(found.tree) - MEAN).max() < 10 * SD
    np.testing.assert_array_equal(drawn(walk(normal).wait())[:, :count], drawn(found.tree)[:, :40])


@pytest.mark.usefixtures("listens")
def test_a_walk_hears_an_interruption_between_two_words(normal):
    timers = []

    def begin_timer(done):
        if done > 200 and not timers:
            timers.append(Timer(0.3, _thread.interrupt_main))
            timers[0].start()

    found = interrupted(normal, begin_timer)
    timers[0].join()
    assert 0 < found.stopped[0] < ENOUGH
    assert drawn(found.tree).shape == (2, found.stopped[0])


@pytest.mark.usefixtures("listens", "gpu")
def test_chains_of_one_program_are_interrupted_alike(normal):
    found = interrupted(normal, at(201))
    assert drawn(found.tree).shape == (2, found.stopped[0])


@pytest.mark.usefixtures("listens")
def test_an_interruption_while_warming_up_leaves_nothing(normal):
    with pytest.raises(KeyboardInterrupt):
        interrupted(normal, at(10))


# --- where chains begin, and what fails ---


def test_a_chain_begins_elsewhere_where_it_cannot_begin(normal):
    """The first three places of each chain have no density."""
    asked = []

    def begin(seed):
        asked.append(seed)
        return [np.array(np.nan if len(asked) <= 6 else 0.5)]

    tree = walk(replace(normal, begin=begin)).wait()
    assert len(set(asked)) == len(asked) == 8
    assert np.isfinite(drawn(tree)).all()


def test_a_density_that_is_nowhere_is_no_place_to_begin(normal, monkeypatch):
    monkeypatch.setattr(walks, "TRIES", 3)
    nowhere = replace(normal, begin=lambda _: [np.array(np.inf)])
    with pytest.raises(RuntimeError, match="at none of 3 places the log density and its gradient are finite"):
        walk(nowhere)


def test_what_fails_in_jax_is_said_with_the_way_out():
    error = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory\nand more")
    words = r"JAX failed on the CPU: RESOURCE_EXHAUSTED: Out of memory. nuts_sampler='nutpie' samples on the CPU"
    with pytest.raises(FitError, match=words), walks._saying_failures():
        raise error


@pytest.mark.slow
def test_covariances_are_learnt_where_they_are_asked_for():
    """Two numbers that all but determine each other: with covariances the trees are short."""
    root = np.linalg.cholesky([[1.0, 0.999], [0.999, 1.0]])
    with pm.Model() as model:
        pair = pm.Flat("pair", shape=2)
        pm.Potential("joint", -0.5 * pt.sqr(pt.as_tensor(np.linalg.inv(root)) @ pair).sum())
    prepared = prepare_walk(model, ["pair"], {pair})
    sizes = {"draws": 1000, "tune": 1000}
    apart, joined = (partial(walk, prepared, **sizes)(joined=each).wait() for each in (False, True))
    assert joined["sample_stats"]["depth"].mean() < apart["sample_stats"]["depth"].mean() - 2
    assert worst(joined["posterior"].to_dataset())[0] < 1.01
    assert not joined["sample_stats"]["diverging"].any()
    found = np.corrcoef(drawn(joined, "pair").reshape(-1, 2).T)[0, 1]
    assert abs(np.arctanh(found) - np.arctanh(0.999)) < Z / np.sqrt(worst(joined["posterior"].to_dataset())[1])
