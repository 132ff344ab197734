"""What those who dropped out would have shown, drawn from a fit's equations, and shifted.

Values come forward in causal order and occasion by occasion, each given the person's own past, observed or drawn, and
the person's own deviations in that posterior draw. A shift is added to each value as it is drawn, so that what comes
after it follows from the shifted value (a pattern-mixture model; Carpenter & Kenward 2013, Multiple Imputation and its
Application, ch. 10). All shifts use the same random numbers: what differs between them is the shift alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mechanisms.data.dataset import Categories, Dataset, readable
from mechanisms.errors import FitError
from mechanisms.infer.attrition import Attrition
from mechanisms.infer.scheduling import Step, schedule
from mechanisms.infer.simulation import find_spread, place_first
from mechanisms.infer.stated import relate_residuals
from mechanisms.model.courses import predict
from mechanisms.model.families import FAMILIES, LINKS, inverse_link
from mechanisms.model.laws import Given, draw, find_law, give
from mechanisms.model.plan import Plan
from mechanisms.model.setting import Setting, find_out_of

Floats = NDArray[np.float64]
Shift = Mapping[str, Floats]  # by variable, how far each unit's value is moved, in the units of `say_unit`
CANDIDATES = 200
_FEW = 10.0


@dataclass(frozen=True, eq=False)
class Draw:
    """One posterior draw: parameters by address, and every unit's deviations by (address, level)."""

    parameters: Mapping[str, float]
    deviations: Mapping[tuple[str, str], Floats]


@dataclass(frozen=True, eq=False)
class Imputed:
    """The data completed under each shift, and the share of people whose gaps had few candidates to be drawn from."""

    data: tuple[Dataset, ...]
    poor: float


@dataclass(frozen=True, eq=False)
class _Pass:
    """One run through the equations; the arrays of `setting.values` are filled in place, versions first."""

    setting: Setting
    steps: tuple[Step, ...]
    versions: int
    roots: Mapping[str, tuple[tuple[str, ...], Floats]]
    innovations: dict[str, Floats] = field(default_factory=dict)

    def given(self, step: Step) -> Given:
        """The distribution of a response for a step's units, at the values so far; without shift."""
        return _give(self, step, 0.0)


def impute(plan: Plan, attrition: Attrition, drawn: Draw, shifts: Sequence[Shift], rng: np.random.Generator) -> Imputed:
    """The data with dropout filled in under each shift; gaps stay missing.

    A gap that something imputed rests on is drawn first, for that alone: forward, in many candidates, one of which is
    chosen by how probable it makes what was observed afterwards (sampling importance resampling; Rubin 1988).

    Raises
    ------
    FitError
        People with gaps share units of crossed levels; an imputed value is beyond all numbers; what dropped out has several linear
        predictors, one for a spread aside.
    """
    _refuse_parted(plan, attrition)
    steps = tuple(each for each in schedule(plan, attrition.data) if not each.equation.latent)
    values = {each.name: readable(each) for each in attrition.data.columns}
    poor = 0.0
    if attrition.gaps:
        poor = _fill_gaps(plan, attrition, drawn, steps, values, rng)
    run = _start(plan, attrition.data, drawn, steps, values, attrition.dropped, len(shifts))
    for step in steps:
        gone = attrition.dropped.get(step.equation.response)
        _follow(run, step, None if gone is None else gone[step.rows], shifts, rng)
    columns = {name: run.setting.values[name] for name in attrition.dropped}
    return Imputed(tuple(_completed(attrition, columns, k) for k in range(len(shifts))), poor)


def _refuse_parted(plan: Plan, attrition: Attrition) -> None:
    """Refuse to fill in what a shift of one predictor does not move as a whole."""
    for name in (*attrition.dropped, *attrition.gaps):
        if any(each.role not in ("", "spread") for each in plan.equation(name).predictors):
            raise FitError(
                f"{name} has several linear predictors, and filling in its missing values is not worked out yet"
            )


def say_unit(plan: Plan, data: Dataset, name: str) -> tuple[float, str]:
    """What a shift of 1 is for a variable: its observed sd, or one standard unit of the scale of its link."""
    equation, column = plan.equation(name), data.numbers(name)
    if FAMILIES[equation.family].shifts:
        return column.sd, name
    return LINKS[equation.link].unit, f"{equation.link} of {name}"


def _start(
    plan: Plan,
    data: Dataset,
    drawn: Draw,
    steps: tuple[Step, ...],
    values: Mapping[str, Floats],
    many: Any,
    versions: int,
) -> _Pass:
    """A run in which the variables in `many` have a value for each version."""
    filled = {name: np.tile(own, (versions, 1)) if name in many else own for name, own in values.items()}
    setting = Setting(plan, data, drawn.parameters, drawn.deviations, filled, inverse_link)
    return _Pass(setting, steps, versions, _find_roots(plan, drawn))


def _find_roots(plan: Plan, drawn: Draw) -> dict[str, tuple[tuple[str, ...], Floats]]:
    """For each response with correlated residuals its partners in causal order, and the Cholesky root of them all."""
    found: dict[str, tuple[tuple[str, ...], Floats]] = {}
    order = [each.response for each in plan.equations]
    for names, root in relate_residuals(plan, drawn.parameters).items():
        ordered = sorted(names, key=order.index)
        places = [names.index(each) for each in ordered]
        matrix = (root @ root.T)[np.ix_(places, places)]
        found |= dict.fromkeys(names, (tuple(ordered), np.linalg.cholesky(matrix)))
    return found


def _give(run: _Pass, step: Step, moved: Any) -> Given:
    setting, equation, rows = run.setting, step.equation, step.rows
    setting.known.clear()
    n = setting.data.units(equation.level).n
    there = np.ones(len(rows), dtype=np.bool_)
    etas = [np.asarray(predict(setting, each) + np.zeros(n))[..., rows] for each in equation.predictors]
    etas = place_first(setting, step, there, [etas[0] + moved, *etas[1:]])
    sigma = find_spread(setting, step, there) if equation.spread or equation.volatility else None
    shape = setting.parameters[equation.shape] if equation.shape else None
    out_of = np.asarray(find_out_of(setting, equation))
    out_of = out_of if out_of.ndim == 0 else np.broadcast_to(out_of, (*out_of.shape[:-1], n))[..., rows]
    return give(equation, etas, sigma, shape, out_of)


def _follow(
    run: _Pass, step: Step, gone: NDArray[np.bool_] | None, shifts: Sequence[Shift], rng: np.random.Generator
) -> None:
    """Draw a response where it dropped out; elsewhere take up its residual, where others' correlate with it."""
    name = step.equation.response
    some = gone is not None and bool(gone.any())
    if not some and name not in run.roots:
        return
    size = (run.versions, len(step.rows))
    moved = np.stack([each[name][step.rows] if name in each else np.zeros(size[1]) for each in shifts])
    along = FAMILIES[step.equation.family].shifts
    given = _give(run, step, 0.0 if along else moved)
    noise = rng.standard_normal(size[1])
    if name in run.roots:
        before, width = _condition(run, name, step, size)
        fresh = np.asarray(given.place + given.spread * (before + width * noise))
    elif step.equation.family == "normal":
        fresh = np.asarray(given.place + given.spread * noise)
    else:
        fresh = np.asarray(find_law(given).ppf(special.ndtr(noise)))
    values = run.setting.values[name]
    if some:
        assert gone is not None
        fresh = np.broadcast_to(fresh, size) + (moved if along else 0.0)
        if not np.isfinite(fresh[:, gone]).all():
            raise FitError(f"imputed values of '{name}' grow beyond all numbers: choose smaller shifts")
        values[:, step.rows[gone]] = fresh[:, gone]
    if name in run.roots:
        residual = (values[..., step.rows] - given.place) / given.spread
        _take_up(run, name, step, (residual - before) / width, size)


def _condition(run: _Pass, name: str, step: Step, size: tuple[int, int]) -> tuple[Any, float]:
    """Mean and sd of a standardised residual given those of its partners that come before it."""
    names, root = run.roots[name]
    at = names.index(name)
    before = sum(
        (root[at, k] * run.innovations[each][:, step.rows] for k, each in enumerate(names[:at])), np.zeros(size)
    )
    return before, float(root[at, at])


def _take_up(run: _Pass, name: str, step: Step, innovation: Floats, size: tuple[int, int]) -> None:
    """Keep what a residual has beyond its partners'; nothing where the variable does not exist."""
    n = run.setting.data.units(step.equation.level).n
    own = run.innovations.setdefault(name, np.zeros((size[0], n)))
    absent = run.setting.data[name].absent
    there = True if absent is None else ~absent[step.rows]
    own[:, step.rows] = np.where(there, innovation, 0.0)


def _fill_gaps(
    plan: Plan,
    attrition: Attrition,
    drawn: Draw,
    steps: tuple[Step, ...],
    values: dict[str, Floats],
    rng: np.random.Generator,
) -> float:
    """Put draws of gaps given all that was observed into `values`; the share of people with too few good candidates."""
    data = attrition.data
    owners, count = _find_people(plan, data)
    run = _start(plan, data, drawn, steps, values, attrition.gaps, CANDIDATES)
    weights = np.zeros((CANDIDATES, count))
    begun = False
    for step in steps:
        gap = attrition.gaps.get(step.equation.response)
        begun = begun or (gap is not None and bool(gap[step.rows].any()))
        if begun or step.equation.response in run.roots:
            _try(run, step, gap, weights, owners[step.equation.level], rng)
    chances = special.softmax(weights, axis=0)
    chosen = np.argmax(weights + rng.gumbel(size=weights.shape), axis=0)
    touched = np.zeros(count, dtype=np.bool_)
    for name, gap in attrition.gaps.items():
        whose = owners[plan.equation(name).level]
        values[name] = values[name].copy()
        values[name][gap] = run.setting.values[name][chosen[whose], np.arange(len(whose))][gap]
        touched[whose[gap]] = True
    left = np.zeros(count, dtype=np.bool_)
    for name, gone in attrition.dropped.items():
        left[owners[plan.equation(name).level][gone]] = True
    effective = 1 / np.square(chances[:, touched & left]).sum(axis=0)
    return float(np.mean(effective < _FEW)) if effective.size else 0.0


def _try(
    run: _Pass, step: Step, gap: NDArray[np.bool_] | None, weights: Floats, owners: Any, rng: np.random.Generator
) -> None:
    """One response: candidates where it is a gap, weights of the candidates where it was observed."""
    name, rows = step.equation.response, step.rows
    size = (run.versions, len(rows))
    given = run.given(step)
    values = run.setting.values[name]
    before, width = _condition(run, name, step, size) if name in run.roots else (0.0, 1.0)
    if gap is not None and gap[rows].any():
        tied = name in run.roots
        noise = rng.standard_normal(size)
        fresh = given.place + given.spread * (before + width * noise) if tied else draw(given, size, rng)
        values[:, rows[gap[rows]]] = fresh[:, gap[rows]]
    now = values[..., rows]
    if name in run.roots:
        innovation = ((now - given.place) / given.spread - before) / width
        _take_up(run, name, step, innovation, size)
        log_density = -0.5 * np.square(innovation)
    else:
        law = find_law(given)
        log_density = law.logpmf(now) if FAMILIES[step.equation.family].kind in ("binary", "count") else law.logpdf(now)
    seen = run.setting.data[name].observed[rows]
    if seen.any() and np.ndim(log_density) > 1:
        np.add.at(weights.T, owners[rows[seen]], log_density[:, seen].T)


def _find_people(plan: Plan, data: Dataset) -> tuple[dict[str, Any], int]:
    """For each level of a response whose each unit is, and how many there are: what one sees tells nothing of another."""
    levels = {each.level for each in plan.equations if not each.latent}
    if not data.tables:
        return {level: np.arange(data.n) for level in levels}, data.n
    lattice = plan.design.lattice
    ends = {lattice.client(level) or level if level in lattice.time else level for level in levels}
    for end in sorted(lattice.names, key=lambda name: -len(lattice.above(name))):
        if all(level == end or lattice.lies_below(level, end) for level in ends):
            found = {
                level: np.arange(data.units(level).n) if level == end else data.units(level).above[end].index
                for level in levels
            }
            if all(index.ndim == 1 and (index >= 0).all() for index in found.values()):
                return found, data.units(end).n
    raise FitError(
        "values are missing beside dropout, and their units share others of crossed levels: these are not imputed"
    )


def _completed(attrition: Attrition, values: Mapping[str, Floats], version: int) -> Dataset:
    """The data with dropout replaced; moments stay those of what was observed, so that priors stay as they are."""
    columns = tuple(
        replace(each, values=np.where(attrition.dropped[each.name], values[each.name][version], each.values))
        if each.name in values and not isinstance(each, Categories)
        else each
        for each in attrition.data.columns
    )
    return replace(attrition.data, columns=columns)
