"""Whose NUTS samples: what is asked for, what is there, and what the model is like. Then fits by numpyro.

Two small models are sampled by it here; the witness is another engine.
"""

import _thread
import signal
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
from test_conformance import assert_alike

import mechanisms as mx
from mechanisms.errors import FitError
from mechanisms.infer import samplers
from mechanisms.infer.diagnostics import assess, count_divergences
from mechanisms.infer.engines import laplace, nuts
from mechanisms.infer.engines.contract import UnreliableError
from mechanisms.infer.explicit.devices import CPU, Device, is_installed

GPU = Device("gpu", "NVIDIA H100")
GROUPED = "levels: [row, group]\nvariables: {x: , y: {family: bernoulli}}\narrows:\n  x -> y: {varies_by: group}\n"
NORMAL = GROUPED.replace("{family: bernoulli}", "")
FLAT = "variables: {x: , y: {family: bernoulli}}\narrows:\n  x -> y:\n"
BOTH = "variables: {x: , m: , y: {family: bernoulli}}\narrows:\n  x -> m -> y:\n"


def frame(groups=12, size=5, seed=1):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    x, own = rng.normal(size=len(group)), rng.normal(0, 0.7, groups)[group]
    m = 0.5 * x + rng.normal(size=len(group))
    y = (rng.random(len(group)) < 1 / (1 + np.exp(-(0.3 + own + 0.8 * x)))).astype(int)
    return pd.DataFrame({"row": np.arange(len(group)), "group": group, "x": x, "m": m, "y": y})


def bound(text, **sizes):
    plan = mx.compile(mx.parse(text))
    named = {*plan.theory.names, *(level.name for level in plan.theory.levels)}
    made = frame(**sizes)
    return plan, mx.bind(plan.theory, made[[each for each in made if each in named]])


@pytest.fixture
def machine(monkeypatch):
    """A machine with these packages and this device."""

    def made(installed, device):
        monkeypatch.setattr(samplers, "is_installed", lambda: installed)
        monkeypatch.setattr(samplers, "find_device", lambda: device)
        monkeypatch.setattr(samplers, "LARGE", 60)

    return made


# --- who is chosen, and why ---


@pytest.mark.parametrize(
    ("text", "groups", "installed", "device", "said"),
    [
        (GROUPED, 12, True, GPU, "numpyro on the GPU (NVIDIA H100): 60 rows that are not all normal, units that vary, and a GPU"),
        (GROUPED, 12, True, CPU, "nutpie on the CPU: the default, since JAX sees no GPU"),
        (GROUPED, 12, False, GPU, "nutpie on the CPU: the default; numpyro, which would use a GPU, is not installed"),
        (GROUPED, 11, True, GPU, "nutpie on the CPU: the default"),
        (NORMAL, 12, True, GPU, "nutpie on the CPU: the default"),
        (FLAT, 12, True, GPU, "nutpie on the CPU: the default"),
    ],
    ids=["all of it", "no GPU", "not installed", "few rows", "normal", "nothing varies"],
)  # fmt: skip
def test_numpyro_is_for_large_models_that_are_not_normal_with_units_on_a_gpu(
    machine, text, groups, installed, device, said
):
    machine(installed, device)
    shown = mx.explain(*bound(text, groups=groups), engine="nuts")
    assert [str(block.sampler) for block in shown.blocks] == [said]
    assert f"by nuts: asked for\n    sampled by {said}\n    expected to take" in repr(shown)


def test_what_nobody_measured_has_no_cost(machine):
    machine(True, GPU)
    shown = mx.explain(*bound(GROUPED), engine="nuts")
    assert shown.costs == (None,)
    assert "expected to take a time that was not measured on a GPU" in repr(shown)


def test_what_nutpie_compiled_is_not_compiled_for_numpyro(machine, monkeypatch):
    machine(True, CPU)
    plan, data = bound(FLAT)
    monkeypatch.setattr(nuts, "_compiled", [nuts._outward(plan, data, plan.equations)])
    ours, other = (mx.explain(plan, data, "nuts", each).costs[0] for each in ("nutpie", "numpyro"))
    assert ours.compiling < other.compiling


@pytest.mark.parametrize(("asked", "device"), [("nutpie", CPU), ("numpyro", GPU)])
def test_a_sampler_that_is_asked_for_is_taken(machine, asked, device):
    machine(True, GPU)
    for text in (GROUPED, FLAT):
        (block,) = mx.explain(*bound(text), engine="nuts", nuts_sampler=asked).blocks
        assert block.sampler == samplers.Sampler(asked, device, "asked for")


def test_no_other_engine_has_a_sampler():
    assert [block.sampler for block in mx.explain(*bound(BOTH)).blocks] == [None, None]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (FLAT, {"nuts_sampler": "numpyo"}, "no nuts_sampler 'numpyo'; there are auto, nutpie and numpyro. Did you mean 'numpyro'?"),
        (FLAT, {"nuts_sampler": None}, "there is no nuts_sampler 'None'"),
        (FLAT, {"nuts_sampler": "nutpie", "engine": "laplace"}, "nuts_sampler='nutpie' is not used: the engine is laplace. engine='nuts' samples by it"),
        ("arrows:\n  x -> m:\n", {"nuts_sampler": "nutpie"}, "nuts_sampler='nutpie' is not used: the engine is exact"),
    ],
)  # fmt: skip
def test_a_sampler_that_is_not_there_or_not_used_is_refused(text, options, words):
    for ask in (mx.explain, mx.sample):
        with pytest.raises(FitError) as caught:
            ask(*bound(text), **options)
        assert words in str(caught.value)


def test_what_is_not_installed_is_refused_with_the_command(machine):
    machine(False, CPU)
    with pytest.raises(FitError, match=r"are not installed: pip install 'mechanisms\[numpyro\]'.*pip install 'jax\[cuda13\]'"):  # fmt: skip
        mx.sample(*bound(FLAT), engine="nuts", nuts_sampler="numpyro")


def test_an_engine_that_falls_back_on_nuts_asks_the_sampler_that_was_named(machine, monkeypatch):
    machine(True, GPU)
    asked = []

    def refuse(*_):
        raise UnreliableError("no mode")

    def draw(plan, data, block, settings):
        asked.append(settings.sampler)
        raise FitError("enough")

    monkeypatch.setattr(laplace, "draw", refuse)
    monkeypatch.setattr(nuts, "draw", draw)
    for named in ("numpyro", "nutpie", "auto"):
        with pytest.raises(FitError, match="enough"):
            mx.sample(*bound(FLAT), nuts_sampler=named)
    assert asked == ["numpyro", "nutpie", "nutpie"]


# --- fits by numpyro ---

needs_numpyro = pytest.mark.skipif(not is_installed(), reason="the extra numpyro is not installed")
HOW = {"engine": "nuts", "nuts_sampler": "numpyro", "chains": 2, "tune": 500, "seed": 4}


@pytest.fixture(scope="module")
def logistic():
    return bound(FLAT, groups=40)


@needs_numpyro
def test_numpyro_draws_what_laplace_draws(logistic):
    """Two chains × 1500 after 500, against 2000 independent draws."""
    fit = mx.sample(*logistic, draws=1500, **HOW)
    assert_alike(mx.sample(*logistic, draws=500, seed=2, engine="laplace"), fit)
    assert all(each.r_hat < 1.01 and min(each.ess_bulk, each.ess_tail) > 400 for each in assess(fit.draws))
    assert count_divergences(fit.idata) == 0
    assert set(fit.idata["sample_stats"].data_vars) == {"diverging", "depth"}
    assert fit.shape == (2, 1500)
    assert fit.blocks[0].sampler == samplers.Sampler("numpyro", CPU, "asked for")
    assert "2 chains × 1500 draws (y by nuts)" in repr(fit)
    page = mx.page(fit)
    assert "asked for; sampled by numpyro on the CPU: asked for" in page
    assert f"<td>numpyro</td><td>{version('numpyro')}</td>" in page


@pytest.fixture
def listens():
    """Python hears SIGINT, also where it was begun in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@needs_numpyro
@pytest.mark.usefixtures("listens")
def test_an_interrupted_fit_by_numpyro_says_so(logistic, monkeypatch):
    done = []

    def hear(doing, drawn=0, _=0):
        if "draws" in doing and drawn and not done:
            done.append(doing)
            _thread.interrupt_main()

    draw = nuts.draw
    monkeypatch.setattr(nuts, "draw", lambda *given: draw(*given[:3], replace(given[3], tell=hear)))
    fit = mx.sample(*logistic, draws=200_000, **HOW)
    count = fit.shape[1]
    assert 0 < count < 200_000
    assert fit.interrupted == f"y by nuts has {count} of 200000 draws in each chain"
    assert not np.isnan(np.stack(list(fit.parameters.values()))).any()


@needs_numpyro
def test_what_numpyro_cannot_compute_is_refused_with_the_way_out(logistic, monkeypatch):
    from mechanisms.infer.explicit import walks
    from mechanisms.infer.explicit.translation import NoTranslationError

    def refuse(*_):
        raise NoTranslationError("No JAX conversion for the given `Op`: Scan")

    monkeypatch.setattr(walks, "translate", refuse)
    words = (
        r"JAX, and so numpyro, cannot compute the model of y: No JAX conversion .*: Scan. nuts_sampler='nutpie' fits it"
    )
    with pytest.raises(FitError, match=words):
        mx.sample(*logistic, **HOW)
