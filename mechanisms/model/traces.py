"""Which missing values each row of an equation rests on: the lines of `model.courses` read with traces in place of values.

A trace says, unit by unit, which cells a number rests on. What is made of several rests on all of them, and a product with
what is 0 on nothing, so that a lag, a sum, an occasion or another level is followed wherever the equations go.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mechanisms.data.dataset import Dataset, readable
from mechanisms.model.courses import latent_value, predict
from mechanisms.model.equations import Equation
from mechanisms.model.plan import Plan
from mechanisms.model.setting import Setting, spread

Rows = NDArray[np.intp]
Incidence = Any  # scipy.sparse, untyped: units × cells, above 0 where a unit rests on a cell


@dataclass(frozen=True, eq=False)
class Trace:
    """What stands in the place of a variable's values: for each unit of a level, the cells that it rests on.

    It is computed with like an array whose last axis counts the units.
    """

    cells: Incidence

    __array_ufunc__ = None  # so that an array on the left leaves it to the trace
    ndim = 2

    def __getitem__(self, place: Any) -> "Trace":
        return Trace(self.cells[place[-1]])

    def __mul__(self, other: Any) -> "Trace":
        if isinstance(other, Trace) or np.ndim(other) == 0:
            return self.__add__(other)
        return Trace(keep_rows(self.cells, np.broadcast_to(np.asarray(other) != 0, self.cells.shape[:1])))

    def __add__(self, other: Any) -> "Trace":
        return Trace(self.cells + other.cells) if isinstance(other, Trace) else self

    def _itself(self, *_: Any) -> "Trace":
        return self

    __rmul__ = __mul__
    __radd__ = __sub__ = __rsub__ = __truediv__ = __rtruediv__ = __add__
    __gt__ = __ge__ = __lt__ = __le__ = __add__
    __neg__ = bend = log = sin = _itself


def find_traces(
    plan: Plan, data: Dataset, equations: tuple[Equation, ...], own: Mapping[str, Incidence]
) -> dict[str, Incidence]:
    """For each response the cells that the density of each of its units rests on, its own among them; units × cells.

    `own` says which cells the values of some variables are. What nobody knows beforehand, parameters and missing numbers, is
    chosen at random, so that it is 0 nowhere.
    """
    random = np.random.default_rng(0)
    values: dict[str, Any] = {}
    for column in data.columns:
        noise = random.normal(size=len(column.observed))
        values[column.name] = np.where(column.missing, noise, readable(column))
    values |= {name: Trace(cells) for name, cells in own.items()}
    count = next(iter(own.values())).shape[1]
    chosen: defaultdict[Any, float] = defaultdict(random.normal)
    setting = Setting(plan, data, chosen, chosen, values, lambda _, eta: eta, sought=True)
    return {each.response: _trace(setting, each, count) for each in equations}


def number_rows(missing: Mapping[str, Rows], lengths: Mapping[str, int]) -> dict[str, Incidence]:
    """Cells at some units of variables, counted through all of them, of variables of so many units."""
    count, begin, found = sum(len(rows) for rows in missing.values()), 0, {}
    for name, rows in missing.items():
        places = rows, begin + np.arange(len(rows))
        found[name] = sparse.csr_array((np.ones(len(rows)), places), shape=(lengths[name], count))
        begin += len(rows)
    return found


def keep_rows(cells: Incidence, kept: NDArray[np.bool_]) -> Incidence:
    """The same with nothing in the other rows."""
    found = (sparse.diags_array(kept.astype(np.float64)) @ cells).tocsr()
    found.eliminate_zeros()
    return found


def _trace(setting: Setting, equation: Equation, count: int) -> Incidence:
    looks = [setting.values[equation.response], *(predict(setting, each) for each in equation.predictors)]
    if equation.volatility:
        level = setting.design.level(equation.volatility)
        looks.append(spread(setting, latent_value(setting, equation.volatility), equation.level, level))
    n = setting.data.units(equation.level).n
    found = sparse.csr_array((n, count))
    for each in looks:
        if isinstance(each, Trace):
            found = found + each.cells
    return found
