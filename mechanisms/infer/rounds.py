"""Rounds of a sampler: the draws that were asked for, more where they say too little, and what there is when interrupted."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from mechanisms.infer.engines.contract import Settings, Tell

EVERY = 200  # milliseconds between two words about progress
CAREFUL = 0.95


@dataclass(frozen=True, eq=False)
class Sampled:
    """What a sampler gave, as many draws of each chain; `stopped` says (draws there are, draws wanted) if interrupted.

    `settled` says whether they were judged and found enough, which the last round's are not.
    """

    tree: Any
    settled: bool = False
    stopped: tuple[int, int] | None = None


@dataclass(frozen=True)
class Round:
    """Draws and tuning steps of each chain; `careful` takes smaller steps (nutpie's `target_accept` of .95 for its own)."""

    draws: int
    tune: int
    careful: bool = False

    @property
    def words(self) -> dict[str, Any]:
        """The round in the sampler's words."""
        return {"draws": self.draws, "tune": self.tune} | ({"target_accept": CAREFUL} if self.careful else {})


class Sampler(Protocol):
    """A sampler that runs beside us, as `nutpie.sample(blocking=False)` gives it."""

    def wait(self) -> Any:
        """The draws, when all are there."""
        ...

    def abort(self) -> Any:
        """The draws there are; chains may differ in length, and are filled up with NaN."""
        ...


def run_rounds(
    start: Callable[..., Sampler],
    settings: Settings,
    rounds: Sequence[Round],
    settled: Callable[[Any], bool],
) -> Sampled:
    """The first round whose draws are settled; else the last.

    An interrupted round gives the draws that every chain has, or the round before it where that has more.

    Raises
    ------
    KeyboardInterrupt
        Interrupted before every chain had a draw.
    """
    held: Sampled | None = None
    for number, each in enumerate(rounds):
        name = "NUTS" if number == 0 else "NUTS once more, for longer"
        try:
            tree, whole = _run(start, each, _listen(settings.tell, name, each))
            if not whole:
                return _keep(tree, held, each.draws)
            held = Sampled(tree)
            if number + 1 < len(rounds) and settled(tree):
                return replace(held, settled=True)
        except KeyboardInterrupt:
            if held is None:
                raise
            return replace(held, stopped=(_count(held.tree), each.draws))
    if held is None:
        raise AssertionError("there is at least one round")
    return held


def _run(start: Callable[..., Sampler], asked: Round, listen: Callable[[Any], None]) -> tuple[Any, bool]:
    """What a sampler gave, and whether it came to its end."""
    sampler = start(**asked.words, progress_callback=listen, progress_rate=EVERY)
    try:
        return sampler.wait(), True
    except KeyboardInterrupt:
        with warnings.catch_warnings():  # ArviZ wonders at fewer draws than chains
            warnings.filterwarnings("ignore", message="Found chain dimension to be longer than draw dimension")
            return sampler.abort(), False


def _keep(tree: Any, before: Sampled | None, wanted: int) -> Sampled:
    """The draws that every chain of an interrupted round has, or the round before where that has more."""
    count = _count(tree)
    if before is not None and (had := _count(before.tree)) > count:
        return replace(before, stopped=(had, wanted))
    if count == 0:
        raise KeyboardInterrupt
    return Sampled(tree.isel(draw=slice(count)), stopped=(count, wanted))


def _count(tree: Any) -> int:
    """How many draws every chain has."""
    there = ~np.isnan(np.asarray(tree["sample_stats"]["logp"]))
    return int(there.sum(axis=1).min())


def _listen(tell: Tell, name: str, asked: Round) -> Callable[[Any], None]:
    """What a sampler's own words about its chains are in ours."""
    draws, tune = asked.draws, asked.tune

    def listen(chains: Any) -> None:
        steps = [int(each.finished_draws) for each in chains]
        if min(steps) < tune:
            tell(f"{name}, warming up", sum(min(each, tune) for each in steps), tune * len(steps))
        else:
            tell(f"{name}, draws", sum(each - tune for each in steps), draws * len(steps))

    return listen
