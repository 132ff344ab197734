"""Data that a theory would give if stated parameters were true: every equation in causal order, noise included.

With levels, units get their deviations first; then responses follow occasion by occasion, each read by the same lines
that are sampled (`model.setting`). A variable exists where its condition holds of what was simulated; after the event of a
hazard nothing does, and its client's rows end.

A normal equation knows no bounds. Where a simulated value leaves the range that its theory declares, simulating stops
and says how often: data cut to the range would no longer follow the equations, and data beyond it `bind` would refuse.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Dataset
from mechanisms.data.door import bind, bind_some
from mechanisms.errors import DataError, FitError, expect, listed
from mechanisms.infer.canvas import Canvas, check_showable, show, stretch
from mechanisms.infer.ending import find_remaining
from mechanisms.infer.margins import check_range, check_whole, draw_exogenous, list_hidden
from mechanisms.infer.scheduling import Step, schedule
from mechanisms.infer.stated import Stated, complete, relate_residuals
from mechanisms.model.courses import latent_value, predict
from mechanisms.model.families import FAMILIES, inverse_link
from mechanisms.model.laws import Given, draw, find_mean, give
from mechanisms.model.missing import first_rows, refuse_incomplete
from mechanisms.model.plan import Plan, compile
from mechanisms.model.setting import Setting, find_out_of, holds, spread
from mechanisms.spec.library import load
from mechanisms.spec.parameters import read_parameters
from mechanisms.spec.theory import Theory

Floats = NDArray[np.float64]
_MOST = 1e18  # NumPy draws no counts above 2^63
_REMEDY = (
    "Choose parameters further from the bounds, or take range out of the theory, if the family is only an approximation"
)


def simulate(
    plan: Plan, data: Any, parameters: Mapping[str, Any], *, seed: int | None = None, keep_missing: bool = False
) -> pd.DataFrame:
    """One data set of the same size, in data units, that `bind` and `fit` take.

    Parameters
    ----------
    data
        A `Dataset` of the plan's theory, or a frame or file: its units, occasions and exogenous variables are kept as
        they are, row by row. Modelled variables that it holds are replaced; other columns are left out. Of a time that may
        be censored, those whose event is 0 were followed as long as their time says, and are censored then in the new data
        too; those whose event is 1 are followed until it happens. So that everybody is followed for 24 months: y = 24, event = 0.
    parameters
        A number for every parameter of the plan, by address, and for `cor(level)` one for each pair that correlates,
        `{"1 -> a <-> x -> y": 0.3}`, a matrix, or 0. `sigma(y | first)` may be left out where no occasion is a first. What
        belongs to occasions at which a term does not act, `1 -> y | first`, is 0 where it is not said.
    seed
        Same seed, same data.
    keep_missing
        Whether a value that is missing in the data is missing in the new data too.

    Returns
    -------
    DataFrame
        With levels a column of ids for each and the occasion; then a column per variable of the theory. Categories are
        words; values of a 0/1 variable are words where the theory or the data name them, else 0 and 1. What does not
        exist is empty.

    Raises
    ------
    DataError
        An exogenous variable is missing or breaks what the theory declares of it.
    FitError
        A parameter is missing or unknown; a simulated value leaves its variable's declared range.
    """
    expect(plan, Plan, "the plan", "mx.compile(theory) makes one")
    initials = [each.initial for each in plan.equations if each.initial]
    stated = complete(plan, parameters, optional=initials)
    given = _given(plan, data, whole=keep_missing)
    ends = _find_ends(plan, given)
    check_showable(plan, given)
    check_whole("seed", 0 if seed is None else seed, 0)
    rng = np.random.default_rng(seed)
    canvas = stretch(plan, given)
    deviations = _deviate(plan, given, stated, rng)
    setting = Setting(plan, canvas.data, stated.values, deviations, canvas.values, inverse_link)
    noise = _relate(plan, given, stated, rng)
    for step in schedule(plan, given):
        if not step.equation.latent:  # a coefficient as a variable is worked out from its deviations
            drawn, there = _draw(setting, canvas, step, rng, noise.get(step.equation.response))
            _put(canvas, step, drawn, there, ends.get(step.equation.response))
            _hide(setting, canvas, step)
    if keep_missing:
        for name in _seen(plan):
            column = canvas.data[name]
            gone = given[name].missing
            if isinstance(column, Categories):
                column.codes[gone] = -1
            else:
                column.values[gone] = np.nan
    return show(canvas)


def simulate_theory(name: str, *, n: int | None = None, seed: int | None = None) -> pd.DataFrame:
    """One data set of a theory in the catalogue, from its parameter file; `n` rows or clients, by default the file's.

    Clients are the units in which time begins anew; without time, those of the finest level.
    For a theory of your own: `read_parameters`, `draw_exogenous`, `simulate`.
    """
    plan, parameters = compile(load(name)), read_parameters(name)
    check_whole("seed", 0 if seed is None else seed, 0)
    one, other = np.random.SeedSequence(seed).generate_state(2)
    given = draw_exogenous(parameters, plan, parameters.n if n is None else n, np.random.default_rng(one))
    return simulate(plan, given, parameters.values, seed=int(other))


def _given(plan: Plan, frame: Any, *, whole: bool) -> Dataset:
    """The data, with their exogenous variables at least, complete and independent of what is simulated."""
    if isinstance(frame, Dataset):
        data = frame
    else:
        events = tuple(each.event for each in plan.equations if each.event)
        data = bind(plan.theory, frame) if whole else bind_some(_loosen(plan), frame, plan.exogenous, following=events)
        if not whole and (times := _list_censored(plan, data)):
            data = bind_some(_loosen(plan), frame, (*plan.exogenous, *times), following=(*events, *times))
    modelled = _seen(plan)
    absent = [name for name in (*plan.exogenous, *(modelled if whole else ())) if name not in data]
    if absent or bool(plan.theory.levels) != bool(data.tables):
        lack = f"they have no {listed(absent)}" if absent else "their levels are others"
        raise DataError(f"the data were bound to another theory: {lack}. Bind them to this one")
    for name in list_hidden(plan):
        if not data[name].observed.all():
            raise FitError(
                f"'{name}' exists only when {plan.theory.variable(name).only_when}, which is simulated: give it a value in every "
                "row of a frame, and it is left out where it does not exist"
            )
    refuse_incomplete(plan, data)
    return data


def _list_censored(plan: Plan, data: Dataset) -> tuple[str, ...]:
    """The times of which some are censored."""
    return tuple(
        each.response for each in plan.equations if each.event and (data.numbers(each.event).values == 0).any()
    )


def _find_ends(plan: Plan, data: Dataset) -> dict[str, Floats]:
    """Of each time that may be censored, how long every unit was followed; infinite where its event is 1."""
    found: dict[str, Floats] = {}
    for name in _list_censored(plan, data):
        event = str(plan.equation(name).event)
        censored = data.numbers(event).values == 0
        times = data.numbers(name).values
        if np.isnan(times[censored]).any():
            raise FitError(f"{name} has no value where {event} is 0: it says how long that unit was followed")
        found[name] = np.where(censored, times, np.inf)
    return found


def _loosen(plan: Plan) -> Theory:
    """The theory in which what exists only by what is simulated may have a value everywhere."""
    names = list_hidden(plan)
    return plan.theory.model_copy(
        update={
            "variables": tuple(
                each.model_copy(update={"only_when": None}) if each.name in names else each
                for each in plan.theory.variables
            )
        }
    )


def _hide(setting: Setting, canvas: Canvas, step: Step) -> None:
    """Take out what is given and does not exist by what was just drawn."""
    for name in list_hidden(setting.plan):
        condition, level = setting.plan.theory.variable(name).only_when, setting.design.level(name)
        if condition is None or step.equation.response not in condition.names:
            continue
        found = np.broadcast_to(holds(setting, condition, level, 0), setting.data.units(level).n)
        canvas.hide(name, step.rows[found[step.rows] == 0])


def _seen(plan: Plan) -> tuple[str, ...]:
    """The modelled variables that data have a column of."""
    return tuple(equation.response for equation in plan.equations if not equation.latent)


def _deviate(plan: Plan, data: Dataset, stated: Stated, rng: np.random.Generator) -> dict[tuple[str, str], Floats]:
    """The deviations of every level's units, by quantity and level."""
    found: dict[tuple[str, str], Floats] = {}
    for each in plan.varying:
        drawn = stated.root(each, data.bases) @ rng.standard_normal((len(each.quantities), data.units(each.level).n))
        found |= {(address, each.level): own for address, own in zip(each.quantities, drawn, strict=True)}
    return found


def _relate(plan: Plan, data: Dataset, stated: Stated, rng: np.random.Generator) -> dict[str, Floats]:
    """The residuals that correlate with others', in units of their sds, for every unit."""
    found: dict[str, Floats] = {}
    for names, root in relate_residuals(plan, stated.values).items():
        drawn = root @ rng.standard_normal((len(names), data.units(plan.equation(names[0]).level).n))
        found |= dict(zip(names, drawn, strict=True))
    return found


def _draw(
    setting: Setting, canvas: Canvas, step: Step, rng: np.random.Generator, noise: Floats | None
) -> tuple[Floats, NDArray[np.bool_]]:
    """One response for some of its units, and for which it exists; `noise` where its residuals correlate with others'."""
    equation, rows = step.equation, step.rows
    variable = setting.plan.theory.variable(equation.response)
    setting.known.clear()
    canvas.freeze(equation)
    n = setting.data.units(equation.level).n
    there = np.broadcast_to(holds(setting, variable.only_when, equation.level, 0), n)[rows] > 0
    there &= find_remaining(setting.plan, setting.data, equation.level)[rows]
    etas = [np.broadcast_to(predict(setting, each), n)[rows] for each in equation.predictors]
    etas = place_first(setting, step, there, etas)
    sigma = find_spread(setting, step, there) if equation.spread or equation.volatility else None
    out_of = find_out_of(setting, equation)
    given = give(
        equation,
        etas,
        sigma,
        setting.parameters[equation.shape] if equation.shape else None,
        np.broadcast_to(out_of, n)[rows],
    )
    drawn = _noisy(given, None if noise is None else noise[rows], len(rows), rng)
    if not np.isfinite(drawn).all():
        raise FitError(f"with these parameters '{equation.response}' grows beyond all numbers; choose smaller ones")
    return drawn, there


def _put(canvas: Canvas, step: Step, drawn: Floats, there: NDArray[np.bool_], ends: Floats | None) -> None:
    """Put a response on the canvas, where it is a time that was followed to an end, with whether the event came before."""
    equation, rows = step.equation, step.rows
    if equation.event:
        end = np.inf if ends is None else ends[rows]
        canvas.change(equation.event, rows[there], np.asarray(drawn <= end, dtype=np.float64)[there])
        drawn = np.minimum(drawn, end)
    variable = canvas.plan.theory.variable(equation.response)
    check_range(variable, drawn[there], f"its equation is {equation.family} and knows no bounds. {_REMEDY}")
    canvas.fill(equation.response, rows, drawn, there)


def _noisy(given: Given, noise: Floats | None, n: int, rng: np.random.Generator) -> Floats:
    """Responses with their noise, drawn or given in units of sigma; infinite where the mean is beyond all numbers."""
    if noise is not None:
        return np.asarray(given.place + given.spread * noise)
    limit = _MOST if FAMILIES[given.family].kind == "count" else np.inf
    if not given.chances and not (np.abs(find_mean(given)) < limit).all():
        return np.full(n, np.inf)
    return draw(given, (n,), rng)


def find_spread(setting: Setting, step: Step, there: NDArray[np.bool_]) -> Floats:
    """The residual sd or precision of each unit: everyone's, the unit's own, and of first occasions theirs."""
    equation, rows = step.equation, step.rows
    if equation.volatility:
        own = latent_value(setting, equation.volatility)
        sigma = np.exp(spread(setting, own, equation.level, setting.design.level(equation.volatility)))[rows]
    else:
        sigma = np.full(len(rows), setting.parameters[str(equation.spread)])
    first = _find_first(setting, step, there)
    return np.asarray(np.where(first, setting.parameters[str(equation.initial)], sigma) if first.any() else sigma)


def _find_first(setting: Setting, step: Step, there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which units stand at a first occasion, whose spread is another."""
    equation = step.equation
    if equation.initial is None:
        return np.zeros(len(step.rows), dtype=np.bool_)
    first = first_rows(equation, setting.plan, setting.data)[step.rows] & there
    if first.any() and equation.initial not in setting.parameters:
        raise FitError(f"no value is given for {equation.initial}, the residual sd of first occasions")
    return np.asarray(first)


def place_first(setting: Setting, step: Step, there: NDArray[np.bool_], etas: list[Floats]) -> list[Floats]:
    """The linear predictors, that of the spread at first occasions another number."""
    first = _find_first(setting, step, there)
    if not first.any():
        return etas
    own = np.log(setting.parameters[str(step.equation.initial)])
    predictors = step.equation.predictors
    return [
        np.where(first, own, eta) if each.role == "spread" else eta for each, eta in zip(predictors, etas, strict=True)
    ]
