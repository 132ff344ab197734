"""Chains of numpyro's NUTS on a PyMC model, a few steps at a time (Hoffman & Gelman 2014; Phan, Pradhan & Jankowiak 2019).

A program of JAX runs to its end, says nothing meanwhile and hears no Ctrl-C. So it takes as many steps at a time as fill a
moment; in between, progress is told, and an interruption keeps the draws there are. Cut this way or that, the draws are
the same. On a GPU all chains are one program; on a CPU each is a call of its own, as many side by side as there are cores.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import NDArray

from mechanisms.errors import FitError
from mechanisms.infer.cores import cut, share_out
from mechanisms.infer.explicit.devices import find_device, use_doubles
from mechanisms.infer.explicit.outline import take_outline
from mechanisms.infer.explicit.starts import place_starts
from mechanisms.infer.explicit.translation import Translation, translate

Floats = NDArray[np.float64]
Arrays = list[NDArray[Any]]
Step = Callable[[int], Arrays]
ROOM = 2**26  # bytes of draws that a call gives back
LONGEST = 256  # steps of a call
TRIES = 100  # places that a chain tries to begin at
SMALL = 64  # numbers of a variable whose covariances with others are learnt, where that is asked for
MOST = 8  # programs that are remembered


@dataclass(frozen=True, eq=False)
class Model:
    """A PyMC model as JAX computes it: its functions and data, where chains begin (by a seed), the names of what is kept."""

    translation: Translation
    data: tuple[NDArray[Any], ...]
    begin: Callable[[int], list[Floats]]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Manner:
    """How chains walk: steps of tuning, acceptance aimed at, variables whose covariances are learnt, how many steps a call
    has room for, and whether it moves all chains."""

    tune: int
    accept: float
    joined: tuple[str, ...]
    room: int
    together: bool


@dataclass(frozen=True)
class Watch:
    """Who is told of each chain's steps, and about how many seconds apart."""

    listen: Callable[[list[Any]], None]
    every: float


@dataclass(frozen=True, eq=False)
class Program:
    """`begin(points, keys, data)` gives the states of all chains, `go_on(state, count, data)` a state and the draws on the way.

    A draw is (potential energy, diverged or not, steps of the tree, what is kept); there is room for more than were taken.
    """

    begin: Any
    go_on: Any


def prepare_walk(model: pm.Model, kept: Sequence[str], moved: set[Any]) -> Model:
    """What `start_walk` takes; the arguments are those of `chains.compile_chains`.

    Raises
    ------
    NoTranslationError
        JAX cannot compute the model.
    """
    outline, data = take_outline(model, kept)
    translation = translate(outline)
    return Model(translation, data, place_starts(model, moved, list(translation.point)), tuple(kept))


class Walk:
    """Chains under way, as `rounds.Sampler` has it: `step(count)` moves all of them and gives what each drew on the way."""

    def __init__(self, model: Model, manner: Manner, step: Step, chains: int, draws: int, watch: Watch) -> None:
        self._model, self._manner, self._step, self._watch = model, manner, step, watch
        self._chains, self._draws, self._gone, self._pace = chains, draws, 0, 1
        here = (chains, draws)
        self._drawn: Arrays = [np.empty(here), np.empty(here, dtype=np.bool_), np.empty(here, dtype=np.int64)]
        self._drawn += [np.empty((*here, *shape)) for shape in model.translation.kept]

    def wait(self) -> xr.DataTree:
        """The draws, when all are there."""
        tune = self._manner.tune
        while self._gone < tune + self._draws:
            count = min(self._pace, (tune if self._gone < tune else tune + self._draws) - self._gone)
            began = perf_counter()
            found = self._step(count)
            if self._gone >= tune:
                at = slice(self._gone - tune, self._gone - tune + count)
                for all_draws, some in zip(self._drawn, found, strict=True):
                    all_draws[:, at] = some
            self._gone += count
            self._change_pace(perf_counter() - began)
            self._watch.listen([SimpleNamespace(finished_draws=self._gone)] * self._chains)
        return self.abort()

    def abort(self) -> xr.DataTree:
        """The draws there are, of every chain as many."""
        there = slice(max(self._gone - self._manner.tune, 0))
        energy, diverging, steps, *kept = (each[:, there] for each in self._drawn)
        depth = np.frexp(steps)[1].astype(np.int64)  # 2^depth − 1 steps make a whole tree
        statistics = {"logp": -energy, "diverging": diverging, "depth": depth}
        told = xr.Dataset({name: (("chain", "draw"), each) for name, each in statistics.items()})
        named = zip(self._model.kept, kept, strict=True)
        posterior = xr.Dataset({name: (_name_dims(name, each), each) for name, each in named})
        return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": told})

    def _change_pace(self, seconds: float) -> None:
        """Twice or half as many steps at a time, so that a call takes about as long as is asked for."""
        if seconds < self._watch.every / 2:
            self._pace = min(2 * self._pace, self._manner.room)
        elif seconds > 2 * self._watch.every:
            self._pace = max(self._pace // 2, 1)


def start_walk(
    model: Model,
    *,
    chains: int,
    seed: int,
    joined: bool,
    draws: int,
    tune: int,
    target_accept: float = 0.8,
    progress_callback: Callable[[list[Any]], None],
    progress_rate: int,
) -> Walk:
    """Chains under way; the arguments are those of `nutpie.sample`, and `joined`: learn covariances of small variables.

    Raises
    ------
    RuntimeError
        A chain found no place to begin at.
    FitError
        JAX failed, most likely for want of memory.
    """
    import jax  # noqa: PLC0415  (an extra)

    device, together = jax.devices()[0], not find_device().is_cpu
    translation = model.translation
    small = tuple(sorted(name for name, shape in translation.point.items() if prod(shape) <= SMALL)) if joined else ()
    room = ROOM // (8 * chains * (1 + sum(prod(shape) for shape in translation.kept)))
    manner = Manner(tune, target_accept, small, min(max(room, 1), LONGEST), together)
    program = _write_program(translation, manner)
    with _saying_failures(), use_doubles():
        data = tuple(jax.device_put(each, device) for each in model.data)
        states = _begin(model, program, data, chains, seed)
        held = [states] if together else [_pick(states, chain) for chain in range(chains)]
        program.go_on(held[0], np.int64(0), data)  # compiled here, once, and not by each thread

    def run(piece: slice, count: int) -> tuple[Any, Arrays]:
        with use_doubles():  # a thread begins in single precision
            state, drawn = program.go_on(held[piece.start], np.int64(count), data)
            return state, [np.asarray(each) for each in drawn]

    def step(count: int) -> Arrays:
        with _saying_failures():
            found = share_out(lambda piece: run(piece, count), cut(len(held), 1))
        held[:] = [state for state, _ in found]
        drawn = [each for _, each in found]
        every = drawn[0] if together else [np.stack(each) for each in zip(*drawn, strict=True)]
        return [each[:, :count] for each in every]

    return Walk(model, manner, step, chains, draws, Watch(progress_callback, progress_rate / 1000))


@lru_cache(maxsize=MOST)
def _write_program(translation: Translation, manner: Manner) -> Program:
    """The programs of a translation, which JAX compiles when they are first called."""
    import jax  # noqa: PLC0415
    import jax.numpy as jnp  # noqa: PLC0415
    from numpyro.infer.hmc import hmc  # noqa: PLC0415

    first, move = hmc(potential_fn_gen=lambda *data: lambda point: -translation.density(point, data), algo="NUTS")
    options = {"target_accept_prob": manner.accept, "dense_mass": [manner.joined] if manner.joined else False}

    def begin(point: Any, key: Any, data: Any) -> Any:
        return first(point, manner.tune, model_args=data, rng_key=key, **options)

    def report(state: Any, data: Any) -> tuple[Any, ...]:
        return state.potential_energy, state.diverging, state.num_steps, *translation.keep(state.z, data)

    def go_on(state: Any, count: Any, data: Any) -> tuple[Any, Any]:
        shapes = jax.eval_shape(report, state, data)
        blank = tuple(jnp.zeros((manner.room, *each.shape), each.dtype) for each in shapes)

        def move_once(at: Any, both: tuple[Any, Any]) -> tuple[Any, Any]:
            state, drawn = both
            state = move(state, data)
            found = report(state, data)
            return state, tuple(each.at[at].set(one) for each, one in zip(drawn, found, strict=True))

        moved: tuple[Any, Any] = jax.lax.fori_loop(0, count, move_once, (state, blank))
        return moved

    every = jax.vmap(begin, in_axes=(0, 0, None))
    return Program(jax.jit(every), jax.jit(jax.vmap(go_on, in_axes=(0, None, None)) if manner.together else go_on))


def _begin(model: Model, program: Program, data: tuple[Any, ...], chains: int, seed: int) -> Any:
    """States of all chains, each at a place where density and gradient are finite."""
    import jax  # noqa: PLC0415

    names = list(model.translation.point)
    root = jax.random.key(seed, impl="threefry2x32")
    keys = jax.vmap(lambda chain: jax.random.fold_in(root, chain))(np.arange(chains))
    places = np.random.SeedSequence(seed).spawn(chains)
    seeds = np.array([each.generate_state(TRIES) for each in places])
    tried = np.zeros(chains, dtype=np.intp)
    while True:
        points = [model.begin(int(seeds[chain, place])) for chain, place in enumerate(tried)]
        state = program.begin(
            {name: np.stack(each) for name, each in zip(names, zip(*points, strict=True), strict=True)}, keys, data
        )
        slopes = [np.isfinite(each).reshape(chains, -1).all(axis=1) for each in jax.tree.leaves(state.z_grad)]
        good = np.isfinite(state.potential_energy) & np.all(slopes, axis=0)
        if good.all():
            return state
        tried = tried + ~good
        if tried.max() == TRIES:
            raise RuntimeError(f"at none of {TRIES} places the log density and its gradient are finite")


def _pick(states: Any, chain: int) -> Any:
    """The state of one chain."""
    import jax  # noqa: PLC0415

    return jax.tree.map(lambda each: each[chain], states)


def _name_dims(name: str, values: NDArray[Any]) -> tuple[str, ...]:
    return "chain", "draw", *(f"{name}[{axis}]" for axis in range(values.ndim - 2))


@contextmanager
def _saying_failures() -> Iterator[None]:
    """What JAX's own errors are in our words."""
    import jax  # noqa: PLC0415

    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        raise FitError(
            f"JAX failed on {find_device()}: {str(error).splitlines()[0]}. nuts_sampler='nutpie' samples on the CPU"
        ) from error
