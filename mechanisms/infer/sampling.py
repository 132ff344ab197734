"""From plan and data to a `Fit`: every block by its engine, the draws put together."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Dataset
from mechanisms.data.door import bind
from mechanisms.errors import DataError, FitError, did_you_mean, expect, listed
from mechanisms.infer.draws import Drawn, make_tree
from mechanisms.infer.engines import exact
from mechanisms.infer.explanation import Block, Engine, choose
from mechanisms.infer.moments import gather
from mechanisms.infer.posterior import Fit
from mechanisms.model.equations import Reading
from mechanisms.model.missing import refuse_incomplete
from mechanisms.model.plan import Plan, compile
from mechanisms.model.priors import state_beliefs
from mechanisms.spec.addresses import parse_address
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
        How many posterior draws: `chains` × `draws`. With the exact engine all are independent.
    tune
        Warm-up steps of NUTS per chain; the exact engine needs none.
    seed
        Same seed, same draws. None draws one and keeps it in `Fit.seed`.
    engine
        "auto" (the cheapest that is exact enough for each block; see `explain`), "exact" or "nuts".

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
    check_together(plan, data)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else int(seed)
    blocks = choose(plan, data, engine)
    drawn = {
        "+".join(block.responses): _draw_block(
            plan, data, block, draws, chains, tune, np.random.SeedSequence([seed, number])
        )
        for number, block in enumerate(blocks)
    }
    return Fit(plan, data, make_tree(plan, data, drawn), blocks, seed)


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


def pin(plan: Plan, data: Dataset, parameters: Mapping[str, float]) -> Fit:
    """A `Fit` of one draw with stated parameter values, by address, to ask what the effects would be if they were true."""
    check_together(plan, data)
    values = complete(plan, parameters)
    block = Block(plan.equations, "none", "parameters stated")
    stated = Drawn({address: np.full((1, 1), value) for address, value in values.items()})
    return Fit(plan, data, make_tree(plan, data, {"stated": stated}), (block,), 0)


def complete(plan: Plan, parameters: Mapping[str, float]) -> dict[str, float]:
    """`parameters` in the plan's order: every address once (products in any order), none that the plan has not."""
    if not isinstance(parameters, Mapping):
        raise FitError("parameters are a mapping from addresses to numbers, {'x -> m': 0.5, …}")
    known = {parse_address(address).key: address for address in plan.parameters}
    given: dict[str, float] = {}
    for text, value in parameters.items():
        address = known.get(parse_address(text).key)
        if address is None:
            raise FitError(f"the plan has no parameter '{text}'.{did_you_mean(text, plan.parameters)}")
        if address in given:
            raise FitError(f"a value for {address} is given twice")
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
            raise FitError(f"the value of {address} is {value!r}, not a number")
        given[address] = float(value)
    absent = [name for name in plan.parameters if name not in given]
    if absent:
        raise FitError(f"no value is given for {listed(absent)}")
    for equation in plan.equations:
        if equation.spread and not given[equation.spread] > 0:
            raise FitError(f"{equation.spread} is a residual sd and must be above 0, not {given[equation.spread]:g}")
    return {name: given[name] for name in plan.parameters}


def check_together(plan: Plan, data: Dataset) -> None:
    """Refuse data that were bound to another theory."""
    measured = [name for name in plan.theory.names if not plan.theory.variable(name).computed]
    absent = [name for name in measured if name not in data]
    if absent:
        raise DataError(f"the data were bound to another theory: they have no {listed(absent)}. Bind them to this one")
    if bool(plan.theory.levels) != bool(data.tables):
        raise DataError("the data were bound to a theory with other levels: bind them to this one")
    refuse_incomplete(plan, data)
    for equation in (each for each in plan.equations if not each.latent):
        response = data[equation.response]
        if isinstance(response, Categories):
            raise DataError(f"'{equation.response}' holds categories, but its equation is {equation.family}")
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


def _draw_block(
    plan: Plan, data: Dataset, block: Block, draws: int, chains: int, tune: int, sequence: np.random.SeedSequence
) -> Drawn:
    if block.engine == "exact" or not (data.tables or data.incomplete):
        beliefs = {equation.response: state_beliefs(plan, equation, data) for equation in block.equations}
        moments = {e.response: gather(e, beliefs[e.response], data) for e in block.equations}
    if block.engine == "exact":
        found: dict[str, Floats] = {}
        for equation, child in zip(block.equations, sequence.spawn(len(block.equations)), strict=True):
            rng = np.random.default_rng(child)
            drawn = exact.draw(equation, beliefs[equation.response], moments[equation.response], chains * draws, rng)
            found |= {address: values.reshape(chains, draws) for address, values in drawn.items()}
        return Drawn(found)
    from mechanisms.infer.engines import nuts  # noqa: PLC0415  (brings PyMC)

    seed = int(sequence.generate_state(1)[0])
    return nuts.draw(plan, block.equations, data, draws=draws, tune=tune, chains=chains, seed=seed)
