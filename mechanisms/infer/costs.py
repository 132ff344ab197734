"""How long a block is expected to take: seconds from a few sizes of plan and data, to be read before a fit.

Sizes are rows n, coefficients k, equations e, units u, and quantities q that vary between units. The constants were fitted
by eye to processor times of fits by 4 × 1000 draws on one core of a machine of 2026 (Xeon, PyMC 6.4, PyTensor 3.3, numba
0.68), code of our own read from disk:

| engine | measured |
|---|---|
| exact | 0.05 s for n = 10⁵ and k = 4, 0.5 s for 10⁶, 0.15 s for 10⁵ and k = 31 |
| laplace | 0.02 s for n = 400 and k = 4, 0.2 s for 10⁴, 1.9 s for 10⁵; 0.4 s for 10⁴ and k = 21; 0.7 s for 500 and q = 1, 5 s for 3000 |
| collapsed | 0.04 s for n = 500 with gaps, e = 2 and k = 4; 0.4 s for 50 000; 0.4 s for 5000 and k = 12; 0.5 s for n = 500 and q = 2, 1.9 s for 5000, 7.5 s for 20 000; 1.1 s for 2100 and q = 5; 45 s for n = 855 and q = 6 where slopes are multiplied with missing values |
| nuts | compiling: 1 and 13 s with and without PyTensor's code on disk for e = 1 and q = 0, 2 and 28 s for e = 2 and q = 5, 4 and 48 s for e = 3 and q = 6; sampling: 1 s for n = 1000 and q = 0, 23 s for n = 855 and q = 6, drawn twice |

They are orders of magnitude: another machine is some times slower or faster, and geometry is not looked at.
"""

from dataclasses import dataclass, replace

from mechanisms.data.dataset import Dataset
from mechanisms.model.equations import INTERCEPT, Equation
from mechanisms.model.plan import Plan

_APART = 2.0  # a guess is thought to be right within this factor
_KEPT = 12.0  # times as fast as compiling is reading what was compiled


@dataclass(frozen=True)
class Cost:
    """Seconds, from the least to the most; `compiling` are those of the most that go into compiling."""

    least: float
    most: float
    compiling: float = 0.0

    def __str__(self) -> str:
        (least, unit), (most, last) = _say(self.least), _say(self.most)
        words = f"{least} to {most} {last}" if unit == last else f"{least} {unit} to {most} {last}"
        if self.most <= 5 * self.least:
            words = "about " + " ".join(_say((self.least * self.most) ** 0.5))
        return f"{words}, most of it compiling" if self.compiling > self.most / 2 else words


@dataclass(frozen=True)
class _Sizes:
    """What the cost of a block depends on."""

    rows: int
    coefficients: int
    equations: int
    units: int
    varying: int
    multiplied: bool  # quantities that vary, with missing values or courses


def expect_cost(
    plan: Plan,
    data: Dataset,
    block: tuple[Equation, ...],
    engine: str,
    *,
    compiled: bool = False,
    versions: int = 0,
) -> Cost:
    """How long 4 × 1000 draws of a block by an engine may take; `compiled` where NUTS has the block's machine code by now.

    `versions` counts the versions of rows that are looked at beside the data's own, where missing values are summed over.
    """
    sizes = _measure(plan, data, block)
    return _COSTS[engine](replace(sizes, rows=sizes.rows + versions * len(block)), compiled)


def _measure(plan: Plan, data: Dataset, block: tuple[Equation, ...]) -> _Sizes:
    names = {name for equation in block for name in (*equation.addresses, *equation.extras, *equation.climbs)}
    varying = {each.level: [name for name in each.quantities if name in names] for each in plan.varying}
    slopes = any(not name.startswith(INTERCEPT) for found in varying.values() for name in found)
    gaps = any(name in data.incomplete for equation in block for name in (equation.response, *equation.parents))
    return _Sizes(
        sum(data.units(each.level).n if data.tables else data.n for each in block),
        max(len(each.addresses) for each in block),
        len(block),
        sum(data.units(level).n for level, found in varying.items() if found),
        sum(len(found) for found in varying.values()),
        slopes and (gaps or any(_looks_at_course(plan, equation) for equation in block)),
    )


def _looks_at_course(plan: Plan, equation: Equation) -> bool:
    """Whether what varies between units is multiplied with departures from courses that nobody observed."""
    own = {each.column for one in equation.coefficients if one.varies_by for each in one.factors}
    latent = [each for each in equation.readings if each.part == "departure" and each.column in own]
    return any(plan.theory.variable(each.variable).centre != "observed" for each in latent)


def _about(seconds: float) -> Cost:
    return Cost(seconds / _APART, seconds * _APART)


def _cost_exact(sizes: _Sizes, _: bool) -> Cost:
    return _about(0.005 + sizes.rows * (0.4e-6 + 0.04e-6 * sizes.coefficients))


def _cost_laplace(sizes: _Sizes, _: bool) -> Cost:
    """Where units vary, every row is looked at at some nodes for each quantity, many times."""
    nodes = 12 * 7.0**sizes.varying if sizes.varying else 1.0
    return _about(0.012 + sizes.rows * (15e-6 + 1.2e-6 * sizes.coefficients) * nodes)


def _cost_collapsed(sizes: _Sizes, _: bool) -> Cost:
    """Up to NUTS on what remains; on much more where what varies is multiplied with what nobody observed."""
    whole = 0.03 + 0.5e-3 * (sizes.equations * sizes.coefficients) ** 2 + sizes.rows * 4e-6
    if sizes.varying:
        whole += 0.3 + sizes.rows * 0.1e-3 * sizes.varying
    return Cost(whole / _APART, whole * _APART * (30 if sizes.multiplied else 2))


def _cost_nuts(sizes: _Sizes, compiled: bool) -> Cost:
    """From a model that was compiled before on this machine to one that was not; and from one round of draws to a longer one."""
    cold = 10.0 * sizes.equations + 4.0 * sizes.varying
    warm = 0.3 if compiled else cold / _KEPT
    draws = 0.5 + (sizes.rows + sizes.units * sizes.varying) * 0.5e-3 * (1 + sizes.varying) * (
        1 + sizes.coefficients / 20
    )
    longer = 5.0 if sizes.varying else 1.0
    compiling = 0.3 if compiled else cold * _APART
    return Cost(warm + draws / _APART, compiling + draws * _APART * longer, compiling)


_COSTS = {"exact": _cost_exact, "laplace": _cost_laplace, "collapsed": _cost_collapsed, "nuts": _cost_nuts}


def _say(seconds: float) -> tuple[str, str]:
    """One digit that counts, and its unit; minutes from two of them on."""
    if seconds >= 120:
        return f"{round(seconds / 60):g}", "min"
    return f"{float(f'{max(seconds, 0.01):.1g}'):g}", "s"
