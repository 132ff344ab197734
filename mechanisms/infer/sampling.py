"""From plan and data to a `Fit`: every block by its engine, the draws put together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.data.door import bind
from mechanisms.errors import FitError, expect, listed
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.engines.contract import Settings, UnreliableError
from mechanisms.infer.explanation import ENGINES, Block, Engine, choose, load_engine, take_sampler
from mechanisms.infer.moments import check_sources
from mechanisms.infer.passes import cover
from mechanisms.infer.posterior import Fit
from mechanisms.infer.progress import Begin, show_progress
from mechanisms.infer.samplers import NutsSampler
from mechanisms.infer.stated import complete
from mechanisms.infer.together import check_together
from mechanisms.infer.tree import make_tree
from mechanisms.model.completing import complete_plan
from mechanisms.model.plan import Plan, compile
from mechanisms.model.priors import state_beliefs
from mechanisms.spec.theory import Theory

Floats = NDArray[np.float64]


def sample(
    plan: Plan,
    data: Dataset,
    *,
    draws: int = 1000,
    chains: int = 4,
    tune: int = 1000,
    seed: int | None = None,
    engine: Engine = "auto",
    nuts_sampler: NutsSampler = "auto",
    progress: bool = True,
) -> Fit:
    """Draw from the posterior of a plan given data.

    Parameters
    ----------
    draws, chains
        How many posterior draws: `chains` × `draws`. With `exact`, `laplace` and mostly `collapsed` all are independent.
        Where units vary and NUTS runs, four times as many draws are taken, after twice the tuning, if the first say too
        little: chains that disagree, or fewer than 400 effective draws. `Fit.draws` then holds them all.
    tune
        Warm-up steps per chain where NUTS runs. Where `collapsed` or `laplace` fall back on it, in coordinates that mode and
        curvature have made round, a third of them comes first, and all of them only if the draws then say too little.
    seed
        Same seed, same draws. None draws one and keeps it in `Fit.seed`.
    engine
        "auto" (the cheapest that is exact enough for each block; see `explain`), or one by name.
    nuts_sampler
        Whose NUTS samples a PyMC model where the engine is `nuts`, or where "auto" falls back on it: "nutpie", "numpyro" (on
        a GPU where JAX sees one; an extra), or "auto": numpyro for large models that are not normal and have units that
        vary, where there is a GPU, else nutpie. On a GPU the same seed gives the same draws only up to rounding, which
        grows along a chain.
    progress
        Whether a fit of more than a second shows on a terminal or in a notebook how far it is. A pipe never sees it.

    An interruption (Ctrl-C) ends sampling. Where every chain has draws of every block by then, the fit holds these and
    says so in `Fit.interrupted`.

    Raises
    ------
    DataError
        Too few rows, collinear sources, data and plan that do not belong together.
    FitError
        The engine does not apply or could not start.
    KeyboardInterrupt
        Interrupted before every chain had a draw of every block.
    """
    counts = (("draws", draws, 1), ("chains", chains, 1), ("tune", tune, 0), ("seed", 0 if seed is None else seed, 0))
    for name, value, least in counts:
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise FitError(f"{name} must be a whole number of at least {least}, not {value!r}")
    if not isinstance(progress, bool):
        raise FitError(f"progress must be True or False, not {progress!r}")
    expect(plan, Plan, "the plan", "mx.compile makes one")
    expect(data, Dataset, "the data", "mx.bind makes one")
    plan = complete_plan(plan, data)
    check_together(plan, data)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else int(seed)
    blocks = choose(plan, data, engine, nuts_sampler)
    data = cover(plan, data)
    settings = [
        Settings(draws, chains, tune, np.random.SeedSequence([seed, number])) for number, _ in enumerate(blocks)
    ]
    with show_progress(progress) as begin:
        found = _draw_blocks(plan, data, blocks, settings, (engine, nuts_sampler), begin)
    used = tuple(block for _, block in found)
    drawn = {"+".join(block.responses): each for each, block in found}
    tree, stopped = make_tree(plan, data, drawn), _say_stopped(found)
    if stopped:
        tree.attrs["interrupted"] = stopped
    return Fit(plan, data, tree, used, seed, stopped)


def fit(
    theory: Theory,
    frame: Any,
    *,
    columns: Mapping[str, str] | None = None,
    draws: int = 1000,
    chains: int = 4,
    tune: int = 1000,
    seed: int | None = None,
    engine: Engine = "auto",
    nuts_sampler: NutsSampler = "auto",
    progress: bool = True,
) -> Fit:
    """Compile, bind and sample in one call; the arguments are those of `bind` and `sample`.

    >>> fit(theory, frame, seed=1)
    """
    plan, data = compile(theory), bind(theory, frame, columns)
    return sample(
        plan,
        data,
        draws=draws,
        chains=chains,
        tune=tune,
        seed=seed,
        engine=engine,
        nuts_sampler=nuts_sampler,
        progress=progress,
    )


def pin(
    plan: Plan, data: Dataset, parameters: Mapping[str, Any], deviations: Mapping[tuple[str, str], Any] | None = None
) -> Fit:
    """A `Fit` of one draw with stated parameter values, to ask what the effects would be if they were true.

    Parameters
    ----------
    parameters
        A number for every address of the plan, `cor(level)` where correlations are free (`stated.complete`).
    deviations
        Of the units in the data, by (address, level); shape (units,) each, in the order of `data.units(level)`. Those
        that are not stated are 0.
    """
    check_together(plan, data)
    stated = complete(plan, parameters)
    given = dict(deviations or {})
    drawn = Drawn(
        {address: np.full((1, 1), value) for address, value in stated.values.items()},
        {each.level: stated.correlations[each.level][None, None] for each in plan.varying if each.correlated},
        {
            each.level: np.stack(
                [_of_units(given.pop((name, each.level), 0.0), each.level, data) for name in each.quantities]
            )[None, None]
            for each in plan.varying
        },
    )
    if given:
        raise FitError(f"nothing in the plan varies as {listed([f'{name} by {level}' for name, level in given])}")
    return Fit(
        plan, data, make_tree(plan, data, {"stated": drawn}), (Block(plan.equations, "none", "parameters stated"),), 0
    )


def _of_units(values: Any, level: str, data: Dataset) -> Floats:
    try:
        return np.broadcast_to(np.asarray(values, dtype=np.float64), (data.units(level).n,))
    except ValueError:
        raise FitError(f"deviations by {level}: {data.units(level).n} numbers are wanted, one for each unit") from None


def _draw_blocks(
    plan: Plan,
    data: Dataset,
    blocks: Sequence[Block],
    settings: Sequence[Settings],
    asked: tuple[Engine, NutsSampler],
    begin: Begin,
) -> list[tuple[Drawn, Block]]:
    """The draws of each block with the block as it was drawn; quick engines first, so that an interruption loses little."""
    order = sorted(range(len(blocks)), key=lambda number: ENGINES.index(blocks[number].engine))
    found: dict[int, tuple[Drawn, Block]] = {}
    try:
        for number in order:
            tell = begin(listed(blocks[number].responses))
            tell(blocks[number].engine)
            found[number] = _draw_block(plan, data, blocks[number], replace(settings[number], tell=tell), asked)
            tell("done", 1, 1)
            if found[number][0].stopped:
                break
    except KeyboardInterrupt:
        pass
    if without := [name for number, block in enumerate(blocks) if number not in found for name in block.responses]:
        raise KeyboardInterrupt(
            f"interrupted before every chain had a draw of {listed(without)}: there is no fit"
        ) from None
    return [found[number] for number in range(len(blocks))]


def _say_stopped(found: Sequence[tuple[Drawn, Block]]) -> str:
    """Which blocks have fewer draws than were wanted; nothing where none was interrupted."""
    return "; ".join(
        f"{listed(block.responses)} by {block.engine} has {drawn.stopped[0]} of {drawn.stopped[1]} draws in each chain"
        for drawn, block in found
        if drawn.stopped
    )


def _draw_block(
    plan: Plan, data: Dataset, block: Block, settings: Settings, asked: tuple[Engine, NutsSampler]
) -> tuple[Drawn, Block]:
    """The draws of a block and the block with the engine that drew them: NUTS where another's own check fails."""
    engine, nuts_sampler = asked
    if block.engine != "exact" and not (data.tables or data.incomplete):  # exact gathers by itself
        for equation in block.equations:
            check_sources(equation, state_beliefs(plan, equation, data), data)
    try:
        found = load_engine(block.engine).draw(plan, data, block.equations, _with_sampler(settings, block))
        return found, replace(block, reason=f"{block.reason} ({found.note})") if found.note else block
    except UnreliableError as failed:
        if engine != "auto":
            raise FitError(f"engine {engine} is not reliable here: {failed}. engine='auto' or 'nuts' fits it") from None
        instead = replace(block, engine="nuts", reason=f"{block.engine} was tried and is not reliable here: {failed}")
        instead = take_sampler(plan, data, instead, nuts_sampler)
        return load_engine("nuts").draw(plan, data, block.equations, _with_sampler(settings, instead)), instead


def _with_sampler(settings: Settings, block: Block) -> Settings:
    return replace(settings, sampler=block.sampler.name) if block.sampler else settings
