"""Families with several linear predictors in a theory with levels, drawn by NUTS: what was stated is found again."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.infer.diagnostics import assess

TEXT = """
levels: [session, client]
time: session
variables:
  therapy: {level: client, family: bernoulli}
  s: {family: ordinal, values: [lo, mid, hi]}
  d: {family: poisson, zeros: hurdle}
arrows:
  therapy -> s, d:
  s(t-1) -> d:
  s -> d:
"""
CLIENTS, OCCASIONS = 80, 8


@pytest.mark.slow
def test_an_ordinal_cause_of_a_hurdle_is_recovered():
    """Two chains of 1000 draws: every parameter within 4 posterior sds, on average as far off as it should be."""
    plan = mx.compile(mx.parse(TEXT))
    rows = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), OCCASIONS)})
    rows["session"], rows["therapy"] = np.tile(np.arange(OCCASIONS), CLIENTS), rows.client % 2
    stated = dict.fromkeys(plan.parameters, 0.4) | {"1 -> s=mid": 0.8, "1 -> s=hi": -0.9, "1 -> amount(d)": 0.8}
    stated |= {"1 -> any(d)": 0.3, "cor(client)": 0}
    data = mx.bind(plan.theory, mx.simulate(plan, rows, stated, seed=1))
    fit = mx.sample(plan, data, seed=1, draws=1000, chains=2)
    assert [block.engine for block in fit.blocks] == ["nuts"]
    intercepts = [each for equation in plan.equations for each in equation.addresses]
    for quality in assess(fit.draws[intercepts]):
        assert quality.r_hat < 1.02 and min(quality.ess_bulk, quality.ess_tail) > 400
    assert not fit.idata["sample_stats"]["diverging"].any()
    draws = fit.parameters
    far = [(draws[each].mean() - stated[each]) / draws[each].std() for each in intercepts]
    assert max(map(abs, far)) < 4
    assert np.mean(np.square(far)) < 2.5
