"""Interruption and progress: what a fit keeps when it is stopped, and what it shows while it runs.

Nothing is compiled: the sampler is a stand-in, or nutpie on a density written here.
"""

import _thread
import io
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import rich.console
import xarray as xr
from nutpie.compiled_pyfunc import from_pyfunc

import mechanisms as mx
from mechanisms.errors import FitError
from mechanisms.infer import progress
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.engines import laplace, nuts
from mechanisms.infer.engines.contract import Settings, UnreliableError
from mechanisms.infer.explicit import chains
from mechanisms.infer.marginal.whitened import sample_whitened
from mechanisms.infer.rounds import Round, run_rounds
from mechanisms.report.doubts import find_doubts

# --- rounds of a sampler ---

CHAINS = 2
SETTINGS = Settings(10, CHAINS, 5, np.random.SeedSequence(1))
ROUNDS = [Round(10, 5), Round(40, 10, careful=True)]


def tree(*lengths):
    """Draws of chains of some lengths, filled up with NaN."""
    logp = np.full((len(lengths), max(lengths)), np.nan)
    for chain, length in enumerate(lengths):
        logp[chain, :length] = chain
    found = xr.Dataset({"logp": (("chain", "draw"), logp)})
    return xr.DataTree.from_dict({"posterior": found, "sample_stats": found})


class Sampler:
    """A sampler that is interrupted with draws of the given lengths, or has all of its draws."""

    def __init__(self, lengths, draws):
        self.lengths, self.draws = lengths, draws

    def wait(self):
        if self.lengths is not None:
            raise KeyboardInterrupt
        return tree(*[self.draws] * CHAINS)

    def abort(self):
        return tree(*self.lengths)


def run(rounds, settled):
    """`run_rounds` where each round is None (whole), or the chains' lengths at the interruption."""
    waiting = iter(rounds)

    def start(*, draws, tune, progress_callback, progress_rate, target_accept=0.8):
        return Sampler(next(waiting), draws)

    return run_rounds(start, SETTINGS, ROUNDS[: len(rounds)], lambda _tree: settled)


@pytest.mark.parametrize(
    ("rounds", "settled", "draws", "stopped"),
    [
        pytest.param([None], False, 10, None, id="one round is not judged"),
        pytest.param([None, None], True, 10, None, id="settled at once"),
        pytest.param([None, None], False, 40, None, id="a second round"),
        pytest.param([(7, 4), None], True, 4, (4, 10), id="as many draws as the shortest chain has"),
        pytest.param([None, (12, 25)], False, 12, (12, 40), id="a second round that has more"),
        pytest.param([None, (9, 25)], False, 10, (10, 40), id="a second round that has less than the first"),
        pytest.param([None, (0, 0)], False, 10, (10, 40), id="a second round still warming up"),
    ],
)
def test_rounds_keep_what_every_chain_has(rounds, settled, draws, stopped):
    found = run(rounds, settled)
    logp = found.tree["sample_stats"]["logp"]
    assert logp.shape == (CHAINS, draws)
    assert not np.isnan(logp).any()
    assert found.tree["posterior"].sizes["draw"] == draws
    assert found.stopped == stopped
    assert found.settled == (settled and len(rounds) > 1 and stopped is None)


def test_a_chain_without_draws_leaves_nothing_to_keep():
    with pytest.raises(KeyboardInterrupt):
        run([(7, 0)], True)


def test_an_interruption_while_draws_are_judged_keeps_them():
    def judge(_tree):
        raise KeyboardInterrupt

    found = run_rounds(lambda **asked: Sampler(None, asked["draws"]), SETTINGS, ROUNDS, judge)
    assert found.tree["sample_stats"].sizes["draw"] == 10
    assert found.stopped == (10, 10)


def test_rounds_tell_warm_up_then_draws():
    told, taken = [], []

    def start(*, draws, tune, progress_callback, progress_rate, target_accept=0.8):
        taken.append(target_accept)
        for steps in ((2, 5), (6, 12), (15, 15)):
            progress_callback([SimpleNamespace(finished_draws=each) for each in steps])
        return Sampler(None, draws)

    run_rounds(start, replace(SETTINGS, tell=lambda *words: told.append(words)), ROUNDS, lambda _tree: False)
    assert told[:3] == [("NUTS, warming up", 7, 10), ("NUTS, draws", 8, 20), ("NUTS, draws", 20, 20)]
    assert told[3] == ("NUTS once more, for longer, warming up", 7, 20)
    assert taken == [0.8, 0.95]


# --- a whole fit ---

THEORY = """variables:
  x, m:
  y: {family: bernoulli}
  z: {family: bernoulli}
arrows:
  x -> m:
  x, m -> y:
  x -> z:
"""


@pytest.fixture(scope="module")
def prepared():
    rng = np.random.default_rng(5)
    x = rng.normal(size=200)
    m = 0.5 * x + rng.normal(size=200)
    y, z = (rng.random(200) < 1 / (1 + np.exp(-each)) for each in (x + m, x))
    theory = mx.parse(THEORY)
    frame = pd.DataFrame({"x": x, "m": m, "y": y.astype(float), "z": z.astype(float)})
    return mx.compile(theory), mx.bind(theory, frame)


def refusing(name):
    """Laplace that is reliable for all but one variable."""
    draw = laplace.draw

    def found(plan, data, block, settings):
        if block[0].response == name:
            raise UnreliableError("no mode")
        return draw(plan, data, block, settings)

    return found


def cut_short(plan, data, block, settings):
    """What NUTS gives when it is interrupted after 60 draws."""
    rng = np.random.default_rng(1)
    addresses = [address for equation in block for address in equation.addresses]
    return Drawn({each: rng.normal(size=(settings.chains, 60)) for each in addresses}, stopped=(60, settings.draws))


def test_a_fit_that_was_interrupted_says_so_first(prepared, monkeypatch):
    monkeypatch.setattr(laplace, "draw", refusing("z"))
    monkeypatch.setattr(nuts, "draw", cut_short)
    fit = mx.sample(*prepared, seed=1)
    assert fit.interrupted == "z by nuts has 60 of 1000 draws in each chain"
    assert fit.shape == (4, 60)
    assert repr(fit).startswith("Interrupted: z by nuts has 60 of 1000")
    diagnosis = mx.diagnose(fit)
    assert diagnosis.messages[0] == f"sampling was interrupted: {fit.interrupted}"
    assert not diagnosis.ok  # 240 draws are fewer than 400
    assert find_doubts(fit)[0] == f"Sampling was interrupted: {fit.interrupted}."
    assert f"Sampling was interrupted: {fit.interrupted}." in mx.page(fit)
    assert fit.idata.attrs["interrupted"] == fit.interrupted


def test_what_is_made_of_an_interrupted_fit_says_so_first(prepared, monkeypatch):
    monkeypatch.setattr(laplace, "draw", refusing("z"))
    monkeypatch.setattr(nuts, "draw", cut_short)
    fit = mx.sample(*prepared, seed=1)
    question = mx.Question(of="x", on="y")
    made = mx.decompose(fit, "x", "y"), mx.estimate(fit, question), mx.differentiate(fit, "x", "y")
    for each in (*made, mx.turning_point(fit, "x", "m")):
        assert each.notes[0] == f"sampling was interrupted: {fit.interrupted}"


def test_a_fit_that_was_not_interrupted_says_nothing_of_it(prepared):
    fit = mx.sample(*prepared, seed=1)
    assert fit.interrupted == ""
    assert "nterrupted" not in repr(fit) + repr(mx.diagnose(fit)) + "".join(find_doubts(fit))


def test_few_draws_of_an_interrupted_fit_are_refused_with_the_reason(prepared):
    fit = replace(mx.sample(*prepared, seed=1, draws=3), interrupted="z by nuts has 3 of 1000 draws in each chain")
    with pytest.raises(
        FitError, match=r"interrupted \(z by nuts has 3 of 1000 draws in each chain\): 4 chain × 3 draws"
    ):
        mx.diagnose(fit)


def interrupt(*_given):
    raise KeyboardInterrupt


def test_without_draws_of_every_block_there_is_no_fit(prepared, monkeypatch):
    monkeypatch.setattr(laplace, "draw", interrupt)
    with pytest.raises(
        KeyboardInterrupt, match="interrupted before every chain had a draw of y and z: there is no fit"
    ):
        mx.sample(*prepared, seed=1)


def test_blocks_after_an_interrupted_one_are_not_begun(prepared, monkeypatch):
    monkeypatch.setattr(laplace, "draw", refusing("y"))
    monkeypatch.setattr(nuts, "draw", cut_short)
    with pytest.raises(KeyboardInterrupt, match="had a draw of z: there is no fit"):
        mx.sample(*prepared, seed=1)


# --- nutpie, really interrupted ---


ENOUGH = 5_000  # a sampler that is not interrupted ends after some 20 seconds


@pytest.fixture
def listens():
    """Python hears SIGINT, also where it was begun in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def slow_normal(point):
    time.sleep(1e-3)
    return -0.5 * point @ point, -point


class InterruptAfter:
    """Who hears of draws and then interrupts, as Ctrl-C does."""

    def __init__(self):
        self.done = False

    def __call__(self, doing, done=0, of=0):
        if "draws" in doing and not self.done:
            self.done = True
            _thread.interrupt_main()


@pytest.mark.usefixtures("listens")
def test_whitened_nuts_gives_the_draws_that_there_are():
    """Two chains, interrupted at the first word of draws."""
    settings = Settings(ENOUGH, 2, 50, np.random.SeedSequence(1), tell=InterruptAfter())
    points, statistics, stopped = sample_whitened(
        slow_normal, np.zeros(2), np.eye(2), settings, np.random.SeedSequence(2)
    )
    assert stopped == (points.shape[1], ENOUGH)
    assert points.shape[0] == 2
    assert 0 < points.shape[1] < ENOUGH
    assert not np.isnan(points).any()
    assert statistics.sizes["draw"] == points.shape[1]


def compile_nothing(model, var_names, _moved):
    """In place of a compiled model: standard normals under the model's own names."""
    shapes = {name: tuple(int(size) for size in model[name].shape.eval()) for name in var_names}
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])

    def expand(point: np.ndarray) -> Mapping[str, np.ndarray]:
        pieces = np.split(point, ends[:-1])
        return {name: piece.reshape(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}

    return from_pyfunc(
        int(ends[-1]), lambda: slow_normal, lambda *_seeds: expand, [np.dtype("float64")] * len(shapes),
        list(shapes.values()), list(shapes), coords={f"{name} {k}": np.arange(size) for name, shape in shapes.items()
        for k, size in enumerate(shape)}, dims={name: tuple(f"{name} {k}" for k in range(len(shape)))
        for name, shape in shapes.items()}, make_initial_point_fn=lambda seed: np.random.default_rng(seed).standard_normal(int(ends[-1])),
    )  # fmt: skip


@pytest.mark.usefixtures("listens")
def test_nuts_gives_the_draws_that_there_are(prepared, monkeypatch):
    monkeypatch.setattr(chains, "compile_chains", compile_nothing)
    monkeypatch.setattr(laplace, "draw", refusing("z"))
    hearing = InterruptAfter()
    draw = nuts.draw
    monkeypatch.setattr(
        nuts, "draw", lambda plan, data, block, settings: draw(plan, data, block, replace(settings, tell=hearing))
    )
    fit = mx.sample(*prepared, seed=1, draws=ENOUGH, chains=2, tune=50)
    count = fit.shape[1]
    assert fit.interrupted == f"z by nuts has {count} of {ENOUGH} draws in each chain"
    assert 0 < count < ENOUGH
    assert {len(values) for values in fit.parameters.values()} == {2 * count}
    assert not np.isnan(np.stack(list(fit.parameters.values()))).any()


# --- progress ---


@pytest.fixture
def terminal(monkeypatch):
    """A terminal that keeps what is written, and whether it is one."""
    written = io.StringIO()

    def made(is_one):
        make = partial(rich.console.Console, file=written, force_terminal=is_one, width=100, _environ={"TERM": "xterm"})
        monkeypatch.setattr(rich.console, "Console", lambda stderr: make())
        return written

    return made


def slow_draw(plan, data, block, settings):
    settings.tell("NUTS, draws", 30, 60)
    time.sleep(0.3)
    return replace(cut_short(plan, data, block, settings), stopped=None)


@pytest.mark.parametrize(
    ("is_one", "wanted", "patience", "shown"),
    [(True, True, 0.0, True), (True, True, 60.0, False), (True, False, 0.0, False), (False, True, 0.0, False)],
    ids=["a terminal", "a quick fit", "not wanted", "a pipe"],
)
def test_progress_is_shown_on_a_terminal_after_a_while(
    prepared, monkeypatch, terminal, is_one, wanted, patience, shown
):
    written = terminal(is_one)
    monkeypatch.setattr(progress, "PATIENCE", patience)
    monkeypatch.setattr(laplace, "draw", refusing("z"))
    monkeypatch.setattr(nuts, "draw", slow_draw)
    mx.sample(*prepared, seed=1, progress=wanted)
    if shown:
        assert "NUTS, draws: 30 of 60" in written.getvalue()
    else:
        assert written.getvalue() == ""


def test_progress_that_is_neither_true_nor_false_is_refused(prepared):
    with pytest.raises(FitError, match="progress must be True or False, not 'no'"):
        mx.sample(*prepared, progress="no")
