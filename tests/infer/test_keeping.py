"""A fit can be kept: by pickle whole, its draws as a netCDF file."""

import copy
import pickle

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import mechanisms as mx

LEVELLED = (
    "levels: [session, client]\ntime: session\nvariables: {'x, y': }\narrows: {x(session) -> y: {varies_by: client}}\n"
)


def fit_rows():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=50)})
    return mx.fit(mx.parse("arrows: [x -> y]"), frame.assign(y=frame.x + rng.normal(size=50)), draws=50)


def pin_sessions():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"client": np.repeat(list("abcdef"), 4), "session": np.tile(range(4), 6)})
    theory = mx.parse(LEVELLED)
    plan = mx.compile(theory)
    data = mx.bind(theory, frame.assign(x=rng.normal(size=24), y=rng.normal(size=24)))
    return mx.pin(plan, data, dict.fromkeys(plan.parameters, 0.5) | {"x(session) -> y": 0.3, "cor(client)": 0})


@pytest.mark.parametrize("make", [fit_rows, pin_sessions])
@pytest.mark.parametrize("keep", [lambda fit: pickle.loads(pickle.dumps(fit)), copy.deepcopy])
def test_a_fit_that_was_kept_gives_the_same_answers(make, keep):
    fit = make()
    again = keep(fit)
    xr.testing.assert_identical(again.draws, fit.draws)
    for population in ("these", "typical") if fit.data.tables else ("these",):
        question = mx.Question(of="x", on="y", population=population)
        one, other = mx.estimate(fit, question), mx.estimate(again, question)
        np.testing.assert_array_equal(one.rows[0].draws, other.rows[0].draws)
        assert str(pickle.loads(pickle.dumps(one))) == str(other)
    with pytest.raises(TypeError):
        again.data.bases["x"] = None  # still read-only


@pytest.mark.parametrize("make", [fit_rows, pin_sessions])
def test_draws_are_kept_as_a_file(make, tmp_path):
    fit = make()
    fit.idata.to_netcdf(tmp_path / "draws.nc")
    xr.testing.assert_allclose(
        az.from_netcdf(tmp_path / "draws.nc")["posterior"].to_dataset(), fit.idata["posterior"].to_dataset()
    )
