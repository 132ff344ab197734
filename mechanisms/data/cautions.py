"""What an author should know of data and theory together, and nothing can decide for him."""

from collections.abc import Iterable, Mapping

import numpy as np

from mechanisms.data.dataset import Column
from mechanisms.data.renaming import Renaming
from mechanisms.data.structure import Structure
from mechanisms.spec.levels import Units as SaidUnits
from mechanisms.spec.theory import Theory


def warn(theory: Theory, said: SaidUnits, structure: Structure, columns: Mapping[str, Column]) -> tuple[str, ...]:
    """A treatment acts at every occasion, baseline included, unless its arrow says otherwise (language R15)."""
    randomised = {each.name for each in theory.variables if each.assigned}
    found = []
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
            found.append(
                f"{arrow}: acts on {effect} at {time} 0 too. If that was measured before {arrow.cause} began, write "
                f"{arrow}: {{only_when: {{{time}: {grid[1]}..}}}}"
            )
    return tuple(found)


def warn_of_unread(theory: Theory, renaming: Renaming, present: Iterable[str]) -> tuple[str, ...]:
    """Columns that are named like a variable without one, unless `columns=` reads them for another."""
    present = {*present} - {column for _, column in renaming.columns}
    return tuple(
        f"column '{name}' is not read: {name} {why}" for name, why in unmeasured(theory).items() if name in present
    )


def unmeasured(theory: Theory) -> dict[str, str]:
    """Why a variable has no column."""
    found = {each.name: f"is computed (is: {each.computed})" for each in theory.variables if each.computed}
    latent = {each.name: "is measured by its indicators" for each in theory.variables if each.measured_by}
    return found | latent | {each.name: "is measured by nothing" for each in theory.variables if each.measured_by == ()}
