"""From plan and data to a `Fit`: every block by its engine, the draws put together."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Dataset
from mechanisms.data.door import bind
from mechanisms.data.support import check_support
from mechanisms.errors import DataError, FitError, expect, listed
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.engines.contract import Settings, UnreliableError
from mechanisms.infer.explanation import Block, Engine, choose, load_engine
from mechanisms.infer.moments import gather
from mechanisms.infer.posterior import Fit
from mechanisms.infer.stated import complete
from mechanisms.infer.tree import make_tree
from mechanisms.model.carrying import refuse_still
from mechanisms.model.completing import complete_plan
from mechanisms.model.equations import Reading
from mechanisms.model.missing import refuse_incomplete
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
) -> Fit:
    """Draw from the posterior of a plan given data.

    Parameters
    ----------
    draws, chains
        How many posterior draws: `chains` × `draws`. With `exact`, `laplace` and mostly `collapsed` all are independent.
    tune
        Warm-up steps per chain where NUTS runs, which `collapsed` falls back on.
    seed
        Same seed, same draws. None draws one and keeps it in `Fit.seed`.
    engine
        "auto" (the cheapest that is exact enough for each block; see `explain`), or one by name.

    Raises
    ------
    DataError
        Too few rows, collinear sources, data and plan that do not belong together.
    FitError
        The engine does not apply or could not start.
    """
    counts = (("draws", draws, 1), ("chains", chains, 1), ("tune", tune, 0), ("seed", 0 if seed is None else seed, 0))
    for name, value, least in counts:
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise FitError(f"{name} must be a whole number of at least {least}, not {value!r}")
    expect(plan, Plan, "the plan", "mx.compile makes one")
    expect(data, Dataset, "the data", "mx.bind makes one")
    plan = complete_plan(plan, data)
    check_together(plan, data)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else int(seed)
    blocks = choose(plan, data, engine)
    drawn: dict[str, Drawn] = {}
    used = []
    for number, block in enumerate(blocks):
        settings = Settings(draws, chains, tune, np.random.SeedSequence([seed, number]))
        found, taken = _draw_block(plan, data, block, settings, engine)
        drawn["+".join(block.responses)] = found
        used.append(taken)
    return Fit(plan, data, make_tree(plan, data, drawn), tuple(used), seed)


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
) -> Fit:
    """Compile, bind and sample in one call; the arguments are those of `bind` and `sample`.

    >>> fit(theory, frame, seed=1)
    """
    plan, data = compile(theory), bind(theory, frame, columns)
    return sample(plan, data, draws=draws, chains=chains, tune=tune, seed=seed, engine=engine)


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


def check_together(plan: Plan, data: Dataset) -> None:
    """Refuse data that were bound to another theory."""
    measured = [name for name in plan.theory.names if not plan.theory.variable(name).computed]
    absent = [name for name in measured if name not in data]
    if absent:
        raise DataError(f"the data were bound to another theory: they have no {listed(absent)}. Bind them to this one")
    if bool(plan.theory.levels) != bool(data.tables):
        raise DataError("the data were bound to a theory with other levels: bind them to this one")
    refuse_incomplete(plan, data)
    refuse_still(plan, data)
    for equation in (each for each in plan.equations if not each.latent):
        response = data[equation.response]
        if isinstance(response, Categories):
            raise DataError(f"'{equation.response}' holds categories, but its equation is {equation.family}")
        check_support(plan.theory.variable(equation.response), response.values[response.observed])
        if equation.family == "bernoulli" and not response.binary:
            raise DataError(
                f"'{equation.response}' is bernoulli here, but was bound to a theory where it is not: bind anew"
            )
        for reading in equation.readings:
            if reading.variable in data:
                _check_column(reading, data)


def _check_column(reading: Reading, data: Dataset) -> None:
    """A category must be one of the data's, a number must be numbers."""
    name, value, column = reading.variable, reading.category, data[reading.variable]
    held = column.values if isinstance(column, Categories) else ()
    if bool(value) != isinstance(column, Categories) or (value and value not in held):
        kind = f"the categories {listed(held)}" if held else "numbers"
        raise DataError(
            f"'{name}' was bound as {kind}, but this theory needs {reading.column}: bind the data to this one"
        )


def _draw_block(plan: Plan, data: Dataset, block: Block, settings: Settings, engine: Engine) -> tuple[Drawn, Block]:
    """The draws of a block and the block with the engine that drew them: NUTS where another's own check fails."""
    if block.engine != "exact" and not (data.tables or data.incomplete):  # exact gathers by itself
        for equation in block.equations:
            gather(equation, state_beliefs(plan, equation, data), data)
    try:
        found = load_engine(block.engine).draw(plan, data, block.equations, settings)
        return found, replace(block, reason=f"{block.reason} ({found.note})") if found.note else block
    except UnreliableError as failed:
        if engine != "auto":
            raise FitError(f"engine {engine} is not reliable here: {failed}. engine='auto' or 'nuts' fits it") from None
        instead = replace(block, engine="nuts", reason=f"{block.engine} was tried and is not reliable here: {failed}")
        return load_engine("nuts").draw(plan, data, block.equations, settings), instead
