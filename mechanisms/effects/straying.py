"""How far mediators get under an intervention: beyond the data, a curve out of them is an extrapolation."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.causes import find_cause
from mechanisms.data.dataset import Categories, Column, Dataset, Numbers
from mechanisms.data.shapes import split_column, variable_of
from mechanisms.effects.over_time.forward import World
from mechanisms.effects.over_time.staging import Staged
from mechanisms.effects.questions.asking import Asked
from mechanisms.effects.questions.population import shown
from mechanisms.effects.questions.posing import Posed, Ways
from mechanisms.effects.stages import Stage, add_up, predict
from mechanisms.effects.values import Kinds, Value
from mechanisms.effects.worlds import Traced, Version, nested, trace
from mechanisms.graph.graph import between, occasion_of
from mechanisms.infer.posterior import Fit
from mechanisms.model.laws import draw, give

Floats = NDArray[np.float64]
_DRAWS, _VALUES = 200, 40_000  # of the posterior, and of each variable in all, for shares to a hundredth
_MUCH, _BY_CHANCE = 0.1, 4.0  # a share outside that is said: a tenth, and of few units twice what noise alone does


def note_straying(fit: Fit, asked: Iterable[Posed], ways: Ways) -> tuple[str, ...]:
    """A note for each bent mediator that the exposure's values take outside what its curve was fitted to.

    Values are drawn from the fitted equations, noise included; with levels, those of occasions that the exposure reaches.
    """
    found: dict[str, tuple[float, str]] = {}
    for each in asked:
        bent = [name for name in each.responding if _bends(fit, each, name)]
        worlds = (each.contrast.high, ways), (each.contrast.low, ways.none)
        for value, chosen in worlds if bent else ():
            where = f"{each.of} = {shown(fit.data[each.of], value)}"
            for name, share in _find_shares(fit, each, chosen, bent).items():
                if share > found.get(name, (0.0, ""))[0]:
                    found[name] = (share, where)
    return tuple(_say(_column(fit, name), *worst) for name, worst in found.items() if worst[0] > _threshold(fit.data))


def _threshold(data: Dataset) -> float:
    return max(_MUCH, _BY_CHANCE / data.n)


def _column(fit: Fit, name: str) -> Column:
    return find_cause(fit.plan.theory, fit.data, name)


def _say(column: Column, share: float, where: str) -> str:
    assert isinstance(column, Numbers)
    return (
        f"where {where}, about {share:.0%} of the values of {column.name} lie outside its data ({shown(column, column.lowest)} to "
        f"{shown(column, column.highest)}): what its curve hands on from there is an extrapolation"
    )


def _bends(fit: Fit, asked: Posed, name: str) -> bool:
    """Whether a variable on the way acts by a curve on another."""
    try:
        if isinstance(_column(fit, name), Categories):
            return False
    except KeyError:  # nobody observed it
        return False
    equations = (each for each in fit.plan.equations if each.response in asked.inside)
    predictors = (one for each in equations for one in each.predictors)
    factors = (factor for one in predictors for each in one.coefficients for factor in each.factors)
    return any(
        variable_of(factor.column) == name
        and (factor.power > 1 or (split_column(factor.column) is not None and "~monotonic" not in factor.column))
        for factor in factors
    )


def _find_shares(fit: Fit, asked: Posed, ways: Ways, names: list[str]) -> dict[str, float]:
    if isinstance(asked, Staged):
        return _share_over_time(fit, asked, ways, names)
    if not isinstance(asked, Asked) or asked.stage.population.degree < np.inf:
        return {}
    return _share_outside(fit, asked.stage, trace(asked.scene, nested(asked.scene, ways.all)), names)


def _share_over_time(fit: Fit, staged: Staged, ways: Ways, names: list[str]) -> dict[str, float]:
    """The same at the occasions on the way, of one draw of the noise for some posterior draws and every unit."""
    scenario, grid = staged.runner.scenario, staged.runner.scenario.timeline.grid
    chunk = replace(next(staged.runner.chunks()), replicate=0, seed=fit.seed)
    base = World(scenario, chunk)
    world = World(scenario, chunk, ways.all, base) if ways.all else base
    found: dict[str, float] = {}
    for node in dict.fromkeys(node for aim in staged.placed.aims for node in between(scenario.graph, aim.of, aim.on)):
        name, at = variable_of(node), occasion_of(node)
        if name not in names or (at is None and node != name):
            continue
        place = None if at is None else grid.index(at)
        values, column = world.value(name, place, True, True), _column(fit, name)
        assert isinstance(column, Numbers)
        drawn = values[np.broadcast_to(world.exists(name, place) > 0, np.shape(values))]
        if drawn.size:
            share = float(np.mean((drawn < column.lowest) | (drawn > column.highest)))
            found[name] = max(share, found.get(name, 0.0))
    return found


def _share_outside(fit: Fit, stage: Stage, traced: Traced, names: list[str]) -> dict[str, float]:
    """The share of each variable's values in a world that lie outside its data."""
    rng = np.random.default_rng(fit.seed)
    parameters, columns, size = _pick(stage, rng)
    values: dict[Version, Value | Kinds] = {}
    shares: dict[str, float] = {}
    for version, sources in traced[:-1]:
        column = fit.data[version.name]
        if parts := stage.scene.parts(version.name):
            values[version] = made = add_up(stage, parts, sources, values, columns)
            _note(shares, version.name, column, made.mean, names)
            continue
        equation = stage.scene.plan.equation(version.name)
        etas, out_of = predict(stage, equation, sources, values, columns, parameters)
        spread, shape = (parameters[name] if name else None for name in (equation.spread, equation.shape))
        given = give(equation, [eta.mean for eta in etas], spread, shape, out_of)
        drawn = draw(given, size, rng)
        if isinstance(column, Categories):
            values[version] = Kinds(column.values, tuple((drawn == k).astype(float) for k in range(len(column.values))))
            continue
        values[version] = Value(drawn, {})
        _note(shares, version.name, column, drawn, names)
    return shares


def _note(shares: dict[str, float], name: str, column: Column, drawn: Floats, names: Iterable[str]) -> None:
    """Keep the greatest share of a variable's values outside its data."""
    if name in names and not isinstance(column, Categories):
        outside = float(np.mean((drawn < column.lowest) | (drawn > column.highest)))
        shares[name] = max(outside, shares.get(name, 0.0))


def _pick(stage: Stage, rng: np.random.Generator) -> tuple[Mapping[str, Any], Mapping[str, Any], tuple[int, int]]:
    """Some posterior draws, (draws, 1), some units, (1, units), drawn by their weights, and how many of both."""
    count = len(next(iter(stage.parameters.values())))
    some = np.unique(np.linspace(0, count - 1, min(count, _DRAWS)).round().astype(np.intp))
    weights = stage.population.weights
    rows = rng.choice(len(weights), size=_VALUES // len(some), p=np.abs(weights) / np.abs(weights).sum())
    columns = {name: values[rows][None, :] for name, values in stage.population.columns.items()}
    return {name: draws[some][:, None] for name, draws in stage.parameters.items()}, columns, (len(some), len(rows))
