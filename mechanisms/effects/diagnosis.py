"""Believe the fit, or do not, because: convergence of the parameters and of the effects derived from them."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mechanisms.effects.estimability import find_inestimable
from mechanisms.effects.estimation import estimate
from mechanisms.effects.headway import count_off, show_headway
from mechanisms.errors import DataError, FitError, IdentificationError, SpecError, expect, listed
from mechanisms.infer.diagnostics import Quality, assess, count_divergences
from mechanisms.infer.posterior import Fit
from mechanisms.infer.separation import find_separated

if TYPE_CHECKING:
    import pandas as pd

AGREEING, ENOUGH = 1.01, 400  # R-hat below, effective draws above


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Whether a fit can be believed: `ok`, `messages` that say why, and the numbers behind them."""

    ok: bool
    messages: tuple[str, ...]
    qualities: tuple[Quality, ...]

    def summary(self) -> "pd.DataFrame":
        """One row per parameter and derived effect: r_hat, ess_bulk, ess_tail, mcse (of the mean, data units)."""
        import pandas as pd  # noqa: PLC0415

        rows = {each.name: (each.r_hat, each.ess_bulk, each.ess_tail, each.mcse) for each in self.qualities}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["r_hat", "ess_bulk", "ess_tail", "mcse"])

    def __repr__(self) -> str:
        return "\n".join(
            [
                "Diagnosis: the computation can be trusted (which says nothing of the theory)"
                if self.ok
                else "Diagnosis: do not trust the computation yet",
                *(f"  {m}" for m in self.messages),
            ]
        )


def diagnose(fit: Fit, *, progress: bool = True) -> Diagnosis:
    """Rank-normalised R-hat, bulk and tail effective sample size and divergences (Vehtari et al. 2021).

    Of every parameter, and of every effect that the theory's questions ask for; what varies among units is judged by its
    sds and by these effects. Between coefficients that the data can hardly tell are named, and what binding the data warned
    of. A fit is believed when R-hat < 1.01, both effective sample sizes > 400, and no transition diverged; sds and
    correlations of what varies among units may have an R-hat up to 1.05 and 100 effective draws, which is said: they are
    rough then, not what is averaged over them, which is judged itself. Of a fit whose sampling was interrupted that is said first. `progress` is that of `estimate`.
    """
    expect(fit, Fit, "the fit", "mx.fit or mx.sample makes one")
    with show_headway("diagnosing", progress):
        found = _judge(fit)
    return replace(found, messages=(*fit.marks, *found.messages))


def _judge(fit: Fit) -> Diagnosis:
    chains, draws = fit.shape
    if chains < 2 or draws < 4:
        cut = f"sampling was interrupted ({fit.interrupted}): " if fit.interrupted else ""
        raise FitError(f"{cut}{chains} chain × {draws} draws cannot be diagnosed: sample with chains=4, draws=1000")
    effects, skipped = _derived(fit)
    skipped += [*map(str, find_inestimable(fit)), *find_separated(fit.plan, fit.data), *fit.data.warnings]
    assessed = fit.draws[[name for name in fit.plan.parameters if name in fit.draws]]
    varying = {name: values for name, values in assessed.items() if float(np.ptp(values.values)) > 0}
    if not varying:
        return Diagnosis(True, ("every parameter is fixed: nothing was sampled", *skipped), ())
    qualities = assess(xr.Dataset({**varying, **effects}))
    diverging = count_divergences(fit.idata)
    rough = [each for each in qualities if each.name in _list_spreads(fit) and not _is_fine(each) and _is_fair(each)]
    problems = _problems(tuple(each for each in qualities if each not in rough), diverging, chains * draws)
    if problems:
        problems.append("more draws (draws=, tune=) cure a small excess; a large one asks for another model or priors")
        return Diagnosis(False, (*problems, *skipped), qualities)
    if rough:
        numbers = (f"{each.name} (R-hat {each.r_hat:.3f}, effective draws {_size(each):.0f})" for each in rough)
        skipped.insert(0, f"known only roughly: {listed(numbers)}; draw more (draws=) to speak of these themselves")
    judged = [each for each in qualities if each not in rough] or qualities
    worst, least = max(each.r_hat for each in judged), min(map(_size, judged))
    also = f" and {len(effects)} effects of the theory's questions" if effects else ""
    fine = f"{len(varying) - len(rough)} parameters{also}: R-hat at most {worst:.3f}, effective draws at least {least:.0f}, {diverging} divergences"
    return Diagnosis(True, (fine, *skipped), qualities)


def _derived(fit: Fit) -> tuple[dict[str, xr.DataArray], list[str]]:
    """The effects of the theory's own questions; those that it does not identify are named."""
    found: dict[str, xr.DataArray] = {}
    skipped = []
    for question in count_off("questions", fit.plan.theory.questions):
        try:
            effects = estimate(fit, question)
        except (IdentificationError, DataError, SpecError) as error:
            skipped.append(f"left out, not answered: {question.of} on {question.on} ({error})")
            continue
        for name, values in effects.draws.items():
            label = f"effect of {question.of} on {question.on}: {name}"
            more = f"{label} ({effects.contrast}; {effects.scale}; {effects.population})"
            found[more if label in found else label] = values
    return {name: values for name, values in found.items() if float(np.ptp(values.values)) > 0}, skipped


def _list_spreads(fit: Fit) -> set[str]:
    """The sds and correlations of what varies among units."""
    found = {name for each in fit.plan.varying for name in each.sds}
    return found | {name for name in fit.plan.parameters if name.startswith("cor(")}


def _size(quality: Quality) -> float:
    return min(quality.ess_bulk, quality.ess_tail)


def _is_fine(quality: Quality) -> bool:
    return quality.r_hat < AGREEING and _size(quality) > ENOUGH


def _is_fair(quality: Quality) -> bool:
    return quality.r_hat < 1.05 and _size(quality) > 100


def _problems(qualities: tuple[Quality, ...], diverging: int, count: int) -> list[str]:
    problems = []
    stuck = [each for each in qualities if not each.r_hat < AGREEING]
    thin = [each for each in qualities if not _size(each) > ENOUGH]
    if stuck:
        worst = max(stuck, key=lambda each: each.r_hat)
        problems.append(
            f"R-hat is 1.01 or more for {listed(each.name for each in stuck)} (worst {worst.r_hat:.3f}): the chains disagree"
        )
    if thin:
        least = min(thin, key=_size)
        problems.append(
            f"fewer than 400 effective draws for {listed(each.name for each in thin)} "
            f"(least {_size(least):.0f} of {count})"
        )
    if diverging:
        problems.append(
            f"{diverging} of {count} transitions diverged: the posterior has places that the sampler could not reach"
        )
    return problems
