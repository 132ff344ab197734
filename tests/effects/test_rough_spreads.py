"""A verdict on a fit: sds among units may be rough, coefficients may not. The draws are independent, and then moved chain by chain."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import mechanisms as mx

THEORY = mx.parse(
    "levels: [day, person]\ntime: day\nvariables: {x: , y: }\narrows: {x(day) -> y: {varies_by: person}}\n"
)
SD, SLOPE = "sd(x(day) -> y | person)", "x(day) -> y"


@pytest.fixture(scope="module")
def fit():
    """Independent draws of every parameter, as a perfect sampler would give them."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"person": np.repeat(np.arange(12), 5), "day": np.tile(np.arange(5), 12)})
    frame = frame.assign(x=rng.normal(size=60), y=rng.normal(size=60))
    plan = mx.compile(THEORY)
    pinned = mx.pin(plan, mx.bind(THEORY, frame), dict.fromkeys(plan.parameters, 0.5) | {"cor(person)": 0})
    posterior = pinned.idata["posterior"].to_dataset()
    drawn = {name: (("chain", "draw"), rng.normal(1, 0.1, (4, 1000))) for name in (SD, SLOPE)}
    still = posterior.isel(chain=0, draw=0, drop=True).broadcast_like(
        xr.DataArray(np.zeros((4, 1000)), dims=("chain", "draw"))
    )
    return replace(pinned, idata=xr.DataTree.from_dict({"posterior": still.assign(drawn)}))


def shift(fit, name, by):
    """One of four chains moved by some sds."""
    posterior = fit.idata["posterior"].to_dataset()
    moved = posterior[name] + 0.1 * by * (posterior[name].chain == 0)
    return replace(fit, idata=xr.DataTree.from_dict({"posterior": posterior.assign({name: moved})}))


def test_independent_draws_are_believed(fit):
    found = mx.diagnose(fit)
    assert found.ok
    assert "2 parameters" in str(found)
    assert "roughly" not in str(found)


@pytest.mark.parametrize(("name", "by", "ok"), [(SD, 0.45, True), (SLOPE, 0.45, False), (SD, 1.5, False)])
def test_a_chain_that_is_a_little_off(fit, name, by, ok):
    found = mx.diagnose(shift(fit, name, by))
    r_hat = next(each.r_hat for each in found.qualities if each.name == name)
    assert r_hat > 1.01
    assert (r_hat < 1.05) == (by < 1)
    assert found.ok == ok
    assert (f"known only roughly: {name} (R-hat {r_hat:.3f}" in str(found)) == ok
