"""What a fit hardly tells although its sampler is to be trusted: sds that may be 0, coefficients left to their priors."""

import numpy as np

from mechanisms.effects.estimability import find_inestimable
from mechanisms.infer.posterior import Fit
from mechanisms.report.numbers import decimals_for, show

NEAR = 0.1  # of an sd's upper bound: a lower bound below this reaches to 0


def find_doubts(fit: Fit) -> tuple[str, ...]:
    """A sentence for sampling that was interrupted, for each coefficient between units that is not estimable, and for each sd that may be 0.

    An sd of deviations may be 0 where its 95 % interval begins below a tenth of its end.
    """
    marks = (f"{each[0].upper()}{each[1:]}." for each in fit.marks)
    return (*marks, *(f"{each}." for each in find_inestimable(fit)), *find_unvarying(fit))


def find_unvarying(fit: Fit) -> tuple[str, ...]:
    """The sds of deviations that reach down to 0."""
    draws, found = fit.parameters, []
    for varying in fit.plan.varying:
        for address in varying.sds:
            lower, upper = np.quantile(draws[address], [0.025, 0.975])
            if lower < NEAR * upper:
                places = decimals_for(float(upper - lower))
                found.append(
                    f"{address} may be 0 (95% interval from {show(float(lower), places)} to {show(float(upper), places)}): "
                    f"these data do not show that {varying.level}s differ in it."
                )
    return tuple(found)
