"""What if those who dropped out differ from those who stayed: one question, asked again under shifted dropout."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Dataset
from mechanisms.effects.effects import Effects
from mechanisms.effects.estimation import estimate
from mechanisms.effects.headway import WORDS, count_off, show_headway
from mechanisms.effects.questions.population import choose as read_value
from mechanisms.effects.questions.population import every_value, shown
from mechanisms.effects.shifts import Dropout, Lost
from mechanisms.errors import DataError, FitError, did_you_mean, expect, listed
from mechanisms.infer.attrition import Attrition, find_attrition
from mechanisms.infer.explanation import choose
from mechanisms.infer.imputation import Draw, Imputed, Shift, impute, say_unit
from mechanisms.infer.margins import check_whole
from mechanisms.infer.posterior import Fit
from mechanisms.infer.sampling import sample
from mechanisms.model.plan import Plan
from mechanisms.spec.theory import Question

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_CHAINS, _LONGER = 4, 4
_MOST_ARMS = 4


def dropout(
    fit: Fit,
    question: Question,
    *,
    variables: str | Iterable[str] | None = None,
    shifts: Iterable[float] = (-1.0, -0.5, 0.0, 0.5, 1.0),
    arm: Mapping[str, Any] | None = None,
    imputations: int = 20,
    draws: int = 1000,
    seed: int | None = None,
    slow: bool = False,
    progress: bool = True,
) -> Dropout:
    """The effect had nobody dropped out, with what those who did would have shown shifted by so many sds.

    For each of some posterior draws, what dropped out is imputed forward from the fitted equations and shifted; the model
    is fitted anew to each completed data set, the question asked of it, and the draws are laid together (Rubin 1987,
    Multiple Imputation for Nonresponse in Surveys; Carpenter & Kenward 2013; Cro et al. 2020 on shifts, Statistics in
    Medicine 39). No shift is dropout at random given what the model conditions on: it repeats the fit itself.

    Parameters
    ----------
    variables
        Whose dropout is shifted; the default is every variable that has any. What else dropped out is imputed unshifted.
    shifts
        In sds of the variable as observed; where its link bends, in standard units of the link's scale. 0 is always added.
    arm
        Where dropout is shifted, `{"treat": 1}`; the default is everywhere.
    imputations, draws
        How often dropout is imputed under each shift, and how many draws each new fit gives.
    seed
        Same seed, same result. All shifts share their random numbers.
    slow
        Whether to go on where the completed data need NUTS: imputations × shifts fits of minutes each. Without it, fits
        take milliseconds (exact) to seconds (collapsed, laplace).
    progress
        Whether a question of more than a second shows on a terminal or in a notebook how far it is. A pipe never sees it.

    Raises
    ------
    DataError
        Nobody dropped out; a variable or an arm that is not there.
    FitError
        The new fits would need NUTS; the numbers make no sense.
    """
    expect(fit, Fit, "the fit", "mx.fit or mx.sample makes one")
    expect(question, Question, "the question", 'mx.Question(of="x", on="y") makes one')
    grid = _read_shifts(shifts)
    _check_counts(fit, imputations=imputations, draws=draws)
    attrition = find_attrition(fit.plan, fit.data)
    if arm is not None and not isinstance(arm, Mapping):
        raise DataError(f"arm is a variable and its value, arm={{'treat': 1}}, not {arm!r}")
    if variables is not None and not isinstance(variables, Iterable):
        raise DataError(f"variables are names, 'y' or ['y', 'm'], not {variables!r}")
    chosen = _read_variables(fit.plan, attrition, variables)
    where = {name: _find_arm(attrition.data, name, arm or {}) for name in chosen}
    moves = [_shift(fit.plan, attrition, where, each) for each in grid]
    check_whole("seed", 0 if seed is None else seed, 0)
    base = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else int(seed)
    found: list[list[Effects]] = []
    checked: list[Imputed] = []
    children = np.random.SeedSequence(base).spawn(imputations)
    with show_headway(WORDS, progress):
        for draw, child in zip(count_off("imputations", _pick(fit, imputations, base)), children, strict=True):
            completed = impute(fit.plan, attrition, draw, moves, np.random.default_rng(child))
            if not checked and not slow:
                _refuse_slow(fit.plan, completed.data[0], imputations * len(grid))
            checked.append(completed)
            once = int(child.generate_state(1)[0])
            shifted = count_off("shifts", completed.data)
            found.append([_ask(fit.plan, data, question, draws, once, slow) for data in shifted])
    return _gather(fit, question, attrition, where, arm or {}, grid, found, checked)


def _read_shifts(shifts: Iterable[float]) -> tuple[float, ...]:
    given = list(shifts) if isinstance(shifts, Iterable) else [shifts]
    for each in given:
        if isinstance(each, bool) or not isinstance(each, int | float | np.number) or not np.isfinite(each):
            raise FitError(f"shifts are numbers of sds, such as (-1, -0.5, 0, 0.5, 1), not {each!r}")
    return tuple(sorted({0.0, *(float(each) for each in given)}))


def _check_counts(fit: Fit, **counts: int) -> None:
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 2:
            raise FitError(f"{name} must be a whole number of at least 2, not {value!r}")
    chains, each = fit.shape
    if counts["imputations"] > chains * each:
        raise FitError(f"{counts['imputations']} imputations need as many posterior draws; the fit has {chains * each}")


def _read_variables(plan: Plan, attrition: Attrition, said: str | Iterable[str] | None) -> tuple[str, ...]:
    """Whose dropout is shifted."""
    dropped = tuple(attrition.dropped)
    if not dropped:
        names = tuple(attrition.gaps)
        gaps = f" ({listed(names)} {'has' if len(names) == 1 else 'have'} gaps, after which something was seen)"
        raise DataError(f"nobody dropped out: nothing modelled is missing for good{gaps if names else ''}")
    if said is None:
        return dropped
    chosen = tuple(dict.fromkeys([said] if isinstance(said, str) else said))
    for name in chosen:
        if name not in plan.theory.names:
            raise DataError(f"variables: the theory has no '{name}'.{did_you_mean(str(name), dropped)}")
        if name not in dropped:
            raise DataError(f"variables: nothing of '{name}' dropped out; of {listed(dropped)} something did")
    if not chosen:
        raise DataError(f"variables: name at least one; {listed(dropped)} dropped out")
    return chosen


def _find_arm(data: Dataset, name: str, arm: Mapping[str, Any]) -> Mask:
    """The units of a variable's level that are in an arm; all where none is said."""
    inside = np.ones(data.units(data.level(name)).n, dtype=np.bool_)
    for key, value in arm.items():
        if key not in data:
            known = [each.name for each in data.columns]
            raise DataError(f"arm: the data have no '{key}'.{did_you_mean(str(key), known)}")
        found = _with_value(data, key, value, name)
        if found is None:
            raise DataError(f"arm: '{key}' is not known of every unit that has '{name}', so nobody sees who is in it")
        if not found.any():
            raise DataError(f"arm: nobody has {key} = {value}")
        inside &= found
    return inside


def _with_value(data: Dataset, key: str, value: Any, name: str) -> Mask | None:
    """The units of a variable's level where another has a value; None where that is not known of each."""
    column, own, level = data[key], data.units(data.level(name)), data.level(key)
    chosen = read_value(column, value)
    same: Mask
    if isinstance(column, Categories):
        same = column.codes == column.values.index(str(chosen))
    else:
        same = column.values == chosen
    if column.missing.any() or (level != own.level and level not in own.above):
        return None
    if level == own.level:
        return same
    index = own.above[level].index
    return np.asarray(same[index] & (index >= 0)) if index.ndim == 1 else None


def _shift(plan: Plan, attrition: Attrition, where: Mapping[str, Mask], size: float) -> Shift:
    return {name: np.where(arm, size * say_unit(plan, attrition.data, name)[0], 0.0) for name, arm in where.items()}


def _pick(fit: Fit, count: int, seed: int) -> list[Draw]:
    """Posterior draws at random, no two the same."""
    parameters, deviations = fit.parameters, fit.deviations
    total = fit.shape[0] * fit.shape[1]
    chosen = np.random.default_rng([seed, 1]).choice(total, size=count, replace=False)
    return [
        Draw(
            {name: float(values[at]) for name, values in parameters.items()},
            {name: values[at] for name, values in deviations.items()},
        )
        for at in chosen
    ]


def _refuse_slow(plan: Plan, data: Dataset, fits: int) -> None:
    slow = [block for block in choose(plan, data) if block.engine == "nuts"]
    if slow:
        raise FitError(
            f"each completed data set needs NUTS for {listed(slow[0].responses)} ({slow[0].reason}): {fits} fits, each as "
            "long as one fit of these data by NUTS. slow=True does that; fewer imputations and shifts shorten it"
        )


def _ask(plan: Plan, data: Dataset, question: Question, draws: int, seed: int, slow: bool) -> Effects:
    """The answer of one completed data set; where NUTS is not wanted, an engine may not fall back on it."""
    engines = {block.engine for block in choose(plan, data)}
    engine: Any = "auto" if slow or len(engines) > 1 else engines.pop()
    each = -(-draws // _CHAINS)
    try:
        again = sample(plan, data, draws=each, chains=_CHAINS, seed=seed, engine=engine, progress=False)
    except FitError:  # of a hundred fits one may miss an engine's own check by little: once more, with more to go on
        again = sample(plan, data, draws=_LONGER * each, chains=_CHAINS, seed=seed + 1, engine=engine, progress=False)
    if again.interrupted:  # fewer draws of one data set would count as much as all of another
        raise KeyboardInterrupt(f"interrupted in a fit of a completed data set: {again.interrupted}")
    fallen = [block.reason for block in again.blocks if block.engine == "nuts"]
    if fallen and not slow:
        raise FitError(f"a completed data set needed NUTS ({fallen[0]}): slow=True goes on all the same")
    return estimate(again, question)


def _gather(
    fit: Fit,
    question: Question,
    attrition: Attrition,
    where: Mapping[str, Mask],
    arm: Mapping[str, Any],
    grid: tuple[float, ...],
    found: list[list[Effects]],
    completed: list[Imputed],
) -> Dropout:
    first = found[0][0]
    if odd := [each for each in (other for row in found for other in row) if each.labels != first.labels]:
        raise FitError(
            f"the completed data give the rows {listed(first.labels)} and also {listed(odd[0].labels)}: name the values of "
            "contrast and at as numbers, so that they do not depend on what is imputed"
        )
    fewest = min(each.rows[0].draws.size for row in found for each in row)  # NUTS may have gone on for longer
    draws = {
        label: np.array([[_thin(row[k][label].draws, fewest) for row in found] for k in range(len(grid))])
        for label in first.labels
    }
    plan, data = fit.plan, attrition.data
    lost = tuple(_count(plan, data, question, name, gone, name in where) for name, gone in attrition.dropped.items())
    return Dropout(
        title=f"Effects of {question.of} on {question.on} under shifted dropout",
        shifts=grid,
        draws=draws,
        lost=lost,
        where=" and ".join(f"{name} = {value}" for name, value in arm.items()),
        contrast=first.contrast,
        population=first.population,
        scale=first.scale,
        notes=(*_note(plan, attrition, grid, completed), *first.notes),
        given=_given(plan, attrition),
    )


def _thin(draws: Floats, count: int) -> Floats:
    """As many draws as asked for, at equal distances, so that every imputation weighs the same."""
    return np.asarray(draws.reshape(-1)[np.linspace(0, draws.size - 1, count).round().astype(np.intp)])


def _count(plan: Plan, data: Dataset, question: Question, name: str, gone: Mask, shifted: bool) -> Lost:
    """How many values were imputed, in each group of the exposure where that has few."""
    column, cause = data.numbers(name), question.of.name
    there = np.ones(len(gone), dtype=np.bool_) if column.absent is None else ~column.absent
    whose = []
    few = cause in data and (isinstance(data[cause], Categories) or data.numbers(cause).binary)
    values = every_value(data[cause]) if few else ()
    for value in values if len(values) <= _MOST_ARMS else ():
        inside = _with_value(data, cause, value, name)
        if inside is not None:
            words = f"{cause} = {shown(data[cause], read_value(data[cause], value))}"
            whose.append((words, int((gone & inside).sum()), int((there & inside).sum())))
    unit, scale = say_unit(plan, data, name)
    return Lost(name, int(gone.sum()), int(there.sum()), tuple(whose), shifted, unit, scale)


def _given(plan: Plan, attrition: Attrition) -> tuple[str, ...]:
    """What the model conditions on where it says how dropout is distributed."""
    parents = {parent for name in attrition.dropped for parent in plan.equation(name).parents}
    others = [name for name in (*plan.theory.names, *plan.theory.time) if name in parents - attrition.dropped.keys()]
    own = ["each unit's own intercepts and slopes"] if plan.varying else []
    return (*others, "what was seen of each before", *own)


def _note(plan: Plan, attrition: Attrition, grid: tuple[float, ...], completed: list[Imputed]) -> tuple[str, ...]:
    notes = [
        f"{gap.sum()} other missing values of {name}, after which something was seen, stay missing in the new fits"
        for name, gap in attrition.gaps.items()
    ]
    if attrition.added:
        notes.append(f"{attrition.added} occasions that no row shows were added, up to the end of the grid")
    at = grid.index(0.0)
    for name, gone in attrition.dropped.items():
        said = plan.theory.variable(name).range
        if said is not None:
            drawn = np.concatenate([each.data[at].numbers(name).values[gone] for each in completed])
            beyond = float(np.mean((drawn < said[0]) | (drawn > said[1])))
            notes += [f"{beyond:.0%} of the unshifted values of {name} lie beyond its range"] if beyond > 0.005 else []
    if (poor := float(np.mean([each.poor for each in completed]))) > 0:
        notes.append(
            f"before dropout, the gaps of {poor:.0%} of those who have any were drawn from few good candidates: what was "
            "imputed after them is rough"
        )
    return tuple(notes)
