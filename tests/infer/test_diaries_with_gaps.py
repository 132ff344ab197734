"""Diaries of people (1-1-1) with slopes of their own: a published one with its raw columns, and one with gaps."""

import numpy as np
import pandas as pd
import pytest
from test_levelled_fits import DIARY, diary

import mechanisms as mx
from mechanisms.infer.diagnostics import assess, count_divergences

pytestmark = pytest.mark.slow  # NUTS on a few hundred coordinates


def average(fit):
    """E[a_j b_j] = ab + cov(a, b), by draw."""
    a, b = "x(day) -> m", "m(day) -> y"
    names, draws = fit.plan.varying[0].quantities, fit.parameters
    cor = fit.correlations["person"][:, names.index(a), names.index(b)]
    return draws[a] * draws[b] + cor * draws[f"sd({a} | person)"] * draws[f"sd({b} | person)"]


def test_blch9_with_its_raw_columns(shared):
    """Courses are latent: the within effects are those of the centred columns, of which bmlm has an average of .06 (.01).

    The stressor's intraclass correlation is about 0, so that its between effects are not estimable.
    """
    frame = pd.read_csv(shared / "blch9.csv")[["id", "time", "fwkstrs", "fwkdis", "freldis"]]
    fit = mx.fit(mx.parse(DIARY), frame.set_axis(["person", "day", "x", "m", "y"], axis=1), seed=1)
    assert fit.blocks[0].engine == "collapsed"
    assert abs(average(fit).mean() - 0.06) < 0.01
    assert count_divergences(fit.idata) == 0
    for each in assess(fit.draws[["x(day) -> m", "m(day) -> y", "x(day) -> y"]]):
        assert each.r_hat < 1.01 and min(each.ess_bulk, each.ess_tail) > 400, each
    told = [message for message in mx.diagnose(fit).messages if "not estimable" in message]
    assert any("x(person) -> m" in message for message in told), told


def test_a_fifth_missing_of_a_diary_widens_the_intervals_and_leaves_the_estimates():
    """Missing at random given the day's x, in mediator and outcome."""
    frame, _ = diary(2100)
    rng = np.random.default_rng(4)
    chance = np.where(frame["x"] > frame["x"].median(), 0.3, 0.1)
    gaps = frame.copy()
    for name in ("m", "y"):
        gaps.loc[rng.random(len(frame)) < chance, name] = np.nan
        assert 0.17 < gaps[name].isna().mean() < 0.23
    whole, fewer = (mx.fit(mx.parse(DIARY), each, seed=1) for each in (frame, gaps))
    assert {block.engine for block in fewer.blocks} == {"collapsed"}
    for address in fewer.plan.parameters:
        one, other = whole.parameters[address], fewer.parameters[address]
        assert abs(other.mean() - one.mean()) < 2 * other.std(), address
    own = ("x(day) -> m", "m(day) -> y", "x(day) -> y")
    pairs = [(whole.parameters[each], fewer.parameters[each]) for each in own] + [(average(whole), average(fewer))]
    assert all(abs(other.mean() - one.mean()) < 2 * other.std() for one, other in pairs)
    # single sds also depend on how much people are estimated to differ: what gaps cost shows on average
    assert np.mean([np.log(other.std() / one.std()) for one, other in pairs]) > 0
