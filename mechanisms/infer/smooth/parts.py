"""The likelihoods that a block's density adds up, one equation each, or several that share deviations, and what those vary by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset
from mechanisms.infer.engines.contract import Equations
from mechanisms.infer.smooth.likelihoods import Likelihood, make_likelihood, make_ungrouped
from mechanisms.infer.smooth.predictors import Group, find_groups, write_predictors
from mechanisms.model.beliefs import Belief, Spread
from mechanisms.model.deviations import state_deviations
from mechanisms.model.plan import Plan
from mechanisms.model.priors import Beliefs

if TYPE_CHECKING:
    from mechanisms.infer.smooth.grouped import Grouped  # loads numba

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Part:
    """One equation: its likelihood is a function of `matrix` @ (quantities, 1)."""

    likelihood: Likelihood
    matrix: Floats


@dataclass(frozen=True, eq=False)
class GroupedPart(Part):
    """The equations of a group, whose deviations are integrated out."""

    likelihood: "Grouped"
    group: Group


def make_parts(
    plan: Plan,
    data: Dataset,
    block: Equations,
    beliefs: Mapping[str, Beliefs],
    working: Mapping[str, Floats],
    rows: Mapping[str, Floats],
) -> tuple[Part, ...]:
    """The likelihoods of a block, each with what it takes as rows on (quantities, 1)."""
    extras = {each.response: [rows[address] for address in each.extras] for each in block}
    matrices = {each.response: np.vstack([working[each.response], *extras[each.response]]) for each in block}
    if not data.tables:
        return tuple(
            Part(make_likelihood(each, beliefs[each.response], data), matrices[each.response]) for each in block
        )
    from mechanisms.infer.smooth.grouped import make_grouped  # noqa: PLC0415  (loads numba)

    groups, alone = find_groups(plan, write_predictors(plan, data, block))
    found: list[Part] = []
    for each in alone:
        name = each.equation.response
        found.append(Part(make_ungrouped(each, beliefs[name].to_raw), matrices[name]))
    to_raw = {name: each.to_raw for name, each in beliefs.items()}
    for group in groups:
        likelihood = make_grouped(group, to_raw, data)
        own = [working[each.equation.response] for each in group.predicted]
        own += [rows[address][None] for address in (*likelihood.spreads, *_name_spreads(plan, group))]
        if len(group.quantities) == 2:
            own.append(_correlate_rows(group, rows)[None])
        found.append(GroupedPart(likelihood, np.vstack(own), group))
    return tuple(found)


def _name_spreads(plan: Plan, group: Group) -> tuple[str, ...]:
    """The addresses of the sds of what varies in a group."""
    varying = next(each for each in plan.varying if each.level == group.level)
    named = dict(zip(varying.quantities, varying.spreads, strict=True))
    return tuple(named[address] for address in group.quantities)


def _correlate_rows(group: Group, rows: Mapping[str, Floats]) -> Floats:
    """The correlation of a group's two quantities on (quantities, 1), 0 where it is not free."""
    share = rows.get(_name_correlation(group.level, *group.quantities))
    if share is None:
        return np.zeros_like(next(iter(rows.values())))
    found = 2 * share
    found[-1] -= 1
    return np.asarray(found)


def _name_correlation(level: str, one: str, other: str) -> str:
    return f"cor({one} ~ {other} | {level})"


def list_varying(plan: Plan, data: Dataset) -> dict[str, Spread]:
    """What is believed of sds among units, and of correlations r as (1 + r) / 2.

    Where only one correlation of a row is free, the density of the Cholesky root's row (`symbolic.correlations`) makes
    (1 + r) / 2 a beta variable: of q quantities with LKJ(η), with both arguments η + q / 2 − 1.
    """
    found: dict[str, Spread] = {}
    for each in state_deviations(plan, data) if data.tables else ():
        quantities, level = each.varying.quantities, each.varying.level
        found |= dict(zip(each.varying.spreads, each.spreads, strict=True))
        if each.shape is None:
            continue
        shape = each.shape + len(quantities) / 2 - 1
        for k, one in enumerate(quantities):
            for other in quantities[:k]:
                if not each.varying.are_joined(one, other):
                    found[_name_correlation(level, other, one)] = Belief("beta", (shape, shape))
    return found
