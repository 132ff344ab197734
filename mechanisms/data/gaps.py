"""Missing values of variables that the theory says nothing of."""

from collections.abc import Iterable

import numpy as np

from mechanisms.data.holding import Holding
from mechanisms.errors import DataError, listed
from mechanisms.spec.levels import Units as SaidUnits
from mechanisms.spec.theory import Theory


def refuse_gaps(theory: Theory, said: SaidUnits, names: Iterable[str], holding: Holding) -> None:
    """Refuse missing values where nothing says how the variable comes about, in one message.

    Effects, indicators, repeated variables and variables with a declared family are modelled, so theirs may be missing.
    A variable without any value is left to the check of its column.
    """
    modelled = {arrow.effect.name for arrow in theory.arrows} | set(theory.time)
    modelled |= {each.name for each in theory.variables if each.family is not None}
    modelled |= {name for each in theory.variables for name in each.measured_by or ()}
    found = {name: holding.find_gaps(name) for name in names if name not in modelled and not said.is_repeated(name)}
    gaps = {name: mask for name, mask in found.items() if mask.any() and not mask.all()}
    if not gaps:
        return
    rows = "" if theory.levels else f": {int(np.any(list(gaps.values()), axis=0).sum())} of {holding.sources[0].n} rows"
    counts = listed((f"{name} ({int(mask.sum())})" for name, mask in gaps.items()), most=12)
    families = listed((f"{name}: {{family: {_family(name, holding)}}}" for name in gaps), most=3)
    raise DataError(
        f"missing values in {counts}{rows}. Nothing points at {'it' if len(gaps) == 1 else 'them'}, so the theory does "
        f"not say how the values come about. Declare what they are like ({families}), and they are modelled; or drop "
        f"the rows: frame = {_dropping(holding, list(gaps))}, and say so"
    )


def _family(name: str, holding: Holding) -> str:
    cells = holding.read(name)[0].cells
    return "bernoulli" if np.isin(cells[~np.isnan(cells)], (0, 1)).all() else "normal"


def _dropping(holding: Holding, names: list[str]) -> str:
    """How to drop the rows with gaps in these columns, and in no others."""
    source = holding.source(names[0])
    columns = [source.series[name].name for name in names if name in source.series]
    if source.polars:
        return f"frame.fill_nan(None).drop_nulls(subset={columns})"
    return f"frame.dropna(subset={columns})"
