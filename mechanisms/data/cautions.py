"""What an author should know of data and theory together, and nothing can decide for him."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from mechanisms.data.dataset import Column, Numbers
from mechanisms.data.elsewhere import say_outside
from mechanisms.data.frames import Source
from mechanisms.data.renaming import Renaming
from mechanisms.data.structure import Structure
from mechanisms.errors import listed
from mechanisms.spec.levels import Units as SaidUnits
from mechanisms.spec.terms import Relative
from mechanisms.spec.theory import Arrow, Theory

FAR = 3.0  # sds between a cause's mean and 0 from which intercepts there are nobody's


def warn(theory: Theory, said: SaidUnits, structure: Structure, columns: Mapping[str, Column]) -> tuple[str, ...]:
    """What acts where nothing should: on the baseline, and, by a zero that nobody has, where an arrow does not hold."""
    return (*_warn_of_baselines(theory, said, structure, columns), *_warn_of_zeros(theory, said, columns))


def _warn_of_baselines(
    theory: Theory, said: SaidUnits, structure: Structure, columns: Mapping[str, Column]
) -> Iterator[str]:
    """A treatment acts at every occasion, baseline included, unless its arrow says otherwise (language R15)."""
    randomised = {each.name for each in theory.variables if each.assigned}
    for arrow in theory.arrows:
        effect, time = arrow.effect.name, said.levels.get(arrow.effect.name)
        names = arrow.only_when.names if arrow.only_when else ()
        if arrow.cause.name not in randomised or said.is_repeated(arrow.cause.name) or not said.is_repeated(effect):
            continue
        table = structure.tables[str(time)]
        grid, column = structure.grid[str(time)], columns.get(effect)
        if time in names or grid[0] != 0 or len(grid) < 2 or column is None:
            continue
        if np.any(column.observed & (table.place == 0)):
            yield (
                f"{arrow}: acts on {effect} at {time} 0 too. If that was measured before {arrow.cause} began, write "
                f"{arrow}: {{only_when: {{{time}: {grid[1]}..}}}}"
            )


def _warn_of_zeros(theory: Theory, said: SaidUnits, columns: Mapping[str, Column]) -> Iterator[str]:
    """Where an arrow or its cause does not exist, it contributes nothing (R12): the effect is as it would be at a cause of 0.

    Where a whole slope varies among units, so do intercepts: at a cause of 0.
    Where time alone decides, the effect's mean is free (`model.elsewhere`).
    """
    where = {each.name: each.only_when for each in theory.variables}
    for arrow in theory.arrows:
        cause, effect, column = arrow.cause, arrow.effect, columns.get(arrow.cause.name)
        if not isinstance(column, Numbers) or column.lowest <= 0 <= column.highest:
            continue
        departs = said.is_repeated(cause.name) and cause.part != "whole" and arrow.shape.kind == "linear"
        within = departs and bool(_is_lagged(arrow) or cause.part == said.levels.get(cause.name))  # 0 on average
        split = departs and cause.part is None and said.levels.get(cause.name) == said.levels.get(effect.name)  # R1
        if arrow.varies_by and not (within or split) and abs(column.mean) > FAR * column.sd:
            yield (
                f"{arrow}: varies by {listed(arrow.varies_by)}, and so do intercepts, which are those at {cause.name} = 0, far from "
                f"everybody ({column.lowest:g} to {column.highest:g}), as is what their default prior speaks of: centre {cause.name}"
            )
        own = any(
            each.cause.name == each.effect.name and each.cause.part != "whole" and _is_lagged(each)
            for each in theory.arrows
            if each.effect == effect
        )
        if (
            _is_lagged(arrow)
            and not departs
            and said.is_repeated(cause.name)
            and own
            and abs(column.mean) > FAR * column.sd
        ):
            yield (
                f"{arrow}: beside {effect}'s own lag, whose departures are then those from {effect} at {cause.name} = 0, far from "
                f"everybody ({column.lowest:g} to {column.highest:g}), as is what the default prior of 1 -> {effect} speaks of: "
                f"centre {cause.name}"
            )
        for condition, holds in ((arrow.only_when, not within), (where.get(cause.name), not departs)):
            free = say_outside(condition, (str(said.levels.get(effect.name)),)) and condition is arrow.only_when
            names = condition.names if condition and holds and not free else ()
            drawn = {each.cause.name for each in theory.arrows if each.effect == effect and each.only_when is None}
            if not all(name in drawn and _is_grouping(columns.get(name)) for name in names):
                yield (
                    f"{arrow}: elsewhere than {condition}, {effect} is as it would be at {cause.name} = 0, which nobody "
                    f"has ({column.lowest:g} to {column.highest:g}): centre {cause.name} in the data"
                )


def _is_lagged(arrow: Arrow) -> bool:
    return isinstance(arrow.cause.when, Relative) and bool(arrow.cause.when.steps)


def _is_grouping(column: Column | None) -> bool:
    """Whether its own arrow lets the groups of a condition differ."""
    return column is not None and (not isinstance(column, Numbers) or column.binary)


def warn_of_unread(theory: Theory, renaming: Renaming, present: Iterable[str]) -> tuple[str, ...]:
    """Columns that are named like a variable without one, unless `columns=` reads them for another."""
    present = {*present} - {column for _, column in renaming.columns}
    return tuple(
        f"column '{name}' is not read: {name} {why}" for name, why in unmeasured(theory).items() if name in present
    )


def warn_of_coarse(
    home: Mapping[str, str], said: SaidUnits, sources: Iterable[Source], renaming: Renaming
) -> tuple[str, ...]:
    """Columns of variables that have more than one value in a row of the frame they stand in; `home` has their levels."""
    taken = {column: name for name, column in renaming.columns}
    own = {name: renaming.column(name) for name in home if name not in renaming.wide}
    return tuple(
        f"column '{column}' of the frame of {source.level} is not read: {name} has a value per {home[name]}"
        for source in sources
        for name, column in own.items()
        if column in source.present and taken.get(column, name) == name and not said.has_one(home[name], source.level)
    )


def unmeasured(theory: Theory) -> dict[str, str]:
    """Why a variable has no column."""
    found = {each.name: f"is computed (is: {each.computed})" for each in theory.variables if each.computed}
    latent = {each.name: "is measured by its indicators" for each in theory.variables if each.measured_by}
    return found | latent | {each.name: "is measured by nothing" for each in theory.variables if each.measured_by == ()}
