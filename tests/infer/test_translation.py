"""Models as JAX computes them: density, gradient and what is kept are PyMC's, in double precision, and data are arguments.

The witness is PyMC's own density of the model, and PyTensor's own gradient of it, by PyTensor's Python linker.
"""

from functools import partial

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from outlined_models import (
    BENT,
    CHAIN,
    COUNTS,
    DIARY,
    STEEP,
    days,
    gaps,
    model_of,
    model_of_parts,
    rows,
    somewhere,
)
from parts_worlds import CASES
from pytensor.compile.mode import Mode
from scipy import stats

from mechanisms.infer.explicit import outline, translation
from mechanisms.infer.explicit.devices import use_doubles
from mechanisms.infer.explicit.outline import remember, take_outline
from mechanisms.infer.explicit.translation import NoTranslationError, translate

jax = pytest.importorskip("jax", reason="the extra numpyro is not installed")
STEPS = "variables:\n  x: {family: ordinal, values: ['0', '1', '2']}\n  y:\narrows:\n  x -> y: {shape: monotonic}\n"
PLAIN = Mode(linker="py", optimizer=None)
FLAT = "variables:\n  x:\n  y: {%s}\narrows:\n  x -> y:\n"


PEOPLE = "levels: [day, person]\ntime: day\nvariables: {s: {family: ordinal, values: [0, 1, 2]}, x: , m: , y: {family: bernoulli}}\n"
CLIMBS = PEOPLE + "arrows:\n  s -> m: {shape: monotonic, varies_by: person}\n"
PROCESSES = (
    PEOPLE.replace("s: {family: ordinal, values: [0, 1, 2]}, ", "")
    + "arrows:\n  x(whole) -> m: {shape: gp, varies_by: person}\n"
)


def of_family(said: str):
    return model_of(FLAT % said, rows(1).assign(y=lambda frame: FITTING[said](frame.y)))


FITTING = {
    "family: student": lambda y: y + 0.1,
    "family: skew_normal": lambda y: y + 0.1,
    "family: lognormal": lambda y: y + 0.5,
    "family: gamma": lambda y: y + 0.5,
    "family: weibull": lambda y: y + 0.5,
    "family: beta": lambda y: (y + 1) / (y.max() + 2),
    "family: poisson": lambda y: y,
    "family: binomial, out_of: 12": lambda y: y.clip(0, 12),
    "family: bernoulli, link: probit": lambda y: (y > 2).astype(int),
    "family: bernoulli, link: cloglog": lambda y: (y > 2).astype(int),
}

FAST = {
    "days in people": lambda seed: model_of(DIARY, days(seed)),
    "an S-curve with priors of other families": lambda seed: model_of(STEEP, rows(seed)),
}
LONG = {
    "missing values": lambda seed: model_of(CHAIN, gaps(seed)),
    "an S-curve": lambda seed: model_of(BENT, rows(seed)),
    "a chain": lambda seed: model_of(CHAIN, rows(seed)),
    "counts along a spline": lambda seed: model_of(COUNTS, rows(seed)),
    "a gp": lambda seed: model_of("arrows:\n  x -> y: {shape: gp}\n", rows(seed)),
    "steps of one sign": lambda seed: model_of(STEPS, rows(seed).assign(x=lambda frame: np.digitize(frame.m, [0.0, 1.0]))),
    "climbs of people": lambda seed: model_of(CLIMBS, days(seed).assign(s=lambda frame: np.digitize(frame.m, [-1.0, 1.0]))),
    "processes of people": lambda seed: model_of(PROCESSES, days(seed)),
} | {name: partial(model_of_parts, name) for name in CASES} | {said: lambda _, said=said: of_family(said) for said in FITTING}  # fmt: skip


def describe(model, kept, point):
    """PyMC's density, PyTensor's gradient of it, and PyMC's values of what is kept."""
    named = {each.name: each for each in model.unobserved_value_vars}
    density = model.logp()
    outputs = [density, *pytensor.grad(density, model.value_vars), *(named[name] for name in kept)]
    value, *others = pytensor.function(model.value_vars, outputs, mode=PLAIN)(*point)
    return value, others[: len(point)], others[len(point) :]


def assert_translated(make):
    """The density, its gradient and what is kept, near where chains begin, of two data sets by one program."""
    before = jax.config.jax_enable_x64
    found = translate(take_outline(*make(1))[0])
    run = jax.jit(lambda point, data: (*jax.value_and_grad(found.density)(point, data), found.keep(point, data)))
    for seed in (1, 2):
        model, kept = make(seed)
        outline, data = take_outline(model, kept)
        assert translate(outline) is found
        point = somewhere(model)
        with use_doubles():
            value, gradient, drawn = run(dict(zip(found.point, map(np.asarray, point), strict=True)), data)
        assert value.dtype == np.float64
        wanted, slopes, others = describe(model, kept, point)
        np.testing.assert_allclose(value, wanted, rtol=1e-10)
        for name, slope in zip(found.point, slopes, strict=True):
            np.testing.assert_allclose(gradient[name], slope, rtol=1e-7, atol=1e-8, err_msg=name)
        assert [each.shape for each in drawn] == list(found.kept)
        for one, other in zip(drawn, others, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    assert run._cache_size() == 1
    assert jax.config.jax_enable_x64 is before


@pytest.mark.parametrize("make", FAST.values(), ids=FAST)
def test_jax_computes_what_pymc_says(make):
    assert_translated(make)


@pytest.mark.slow
@pytest.mark.parametrize("make", LONG.values(), ids=LONG)
def test_jax_computes_every_family_and_shape(make):
    assert_translated(make)


# --- what JAX cannot compute ---


class Nameless(pytensor.graph.op.Op):
    """An operation that nobody translated."""

    def make_node(self, x):
        return pytensor.graph.basic.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = inputs[0]


def test_what_jax_cannot_compute_is_refused_before_anything_is_compiled():
    with pm.Model() as model:
        x = pm.Normal("x", shape=3)
        pm.Potential("other", Nameless()(x).sum())
    with pytest.raises(NoTranslationError, match="No JAX conversion for the given `Op`: Nameless"):
        translate(take_outline(model, ["x"])[0])


def test_shapes_that_depend_on_values_are_refused():
    with pm.Model() as model:
        x = pm.Normal("x", shape=3)
        pm.Potential("other", pt.sort(x[pt.gt(x, 0)])[0])
    with pytest.raises(NoTranslationError, match=r"boolean|nonzero"):
        translate(take_outline(model, ["x"])[0])


def test_a_parameter_outside_its_bounds_has_no_density():
    """PyTensor's own translation leaves the check out, and would give a number."""
    with pm.Model() as model:
        sigma = pm.Flat("sigma")
        pm.Normal("y", 0.0, sigma, observed=np.ones(2))
    found = translate(take_outline(model, ["sigma"])[0])
    data = take_outline(model, ["sigma"])[1]
    with use_doubles():
        inside, outside = (found.density({"sigma": np.float64(sd)}, data) for sd in (2.0, -2.0))
    np.testing.assert_allclose(inside, stats.norm.logpdf(np.ones(2), 0, 2).sum(), rtol=1e-12)
    assert float(outside) == -np.inf


def test_the_last_few_translations_are_remembered(monkeypatch):
    monkeypatch.setattr(outline, "MOST", 1)
    translate = remember(translation.translate.__wrapped__)
    first = translate(take_outline(*model_of(BENT, rows(1)))[0])
    assert translate(take_outline(*model_of(BENT, rows(2)))[0]) is first
    assert translate(take_outline(*model_of(BENT, rows(1, 31)))[0]) is not first
    assert translate(take_outline(*model_of(BENT, rows(1)))[0]) is not first
