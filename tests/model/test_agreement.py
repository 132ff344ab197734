"""One linear predictor, two interpreters; and the PyMC model's density against one written out in SciPy."""

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from random_theories import random_frame, random_text
from scipy import stats

import mechanisms as mx
from mechanisms.data.dataset import ColumnView
from mechanisms.errors import FitError
from mechanisms.infer.engines import nuts
from mechanisms.infer.engines.contract import Settings
from mechanisms.model.beliefs import log_density
from mechanisms.model.families import LINKS, inverse_link
from mechanisms.model.predictor import linear_predictor
from mechanisms.model.priors import state_beliefs
from mechanisms.model.symbolic import inverse_link as symbolic_inverse
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")  # no C, no numba


def world(seed, text=None, priors="", n=40, **options):
    rng = np.random.default_rng(seed)
    theory = mx.parse((text or random_text(rng, **options)) + priors)
    return mx.compile(theory), mx.bind(theory, random_frame(rng, theory, n=n)), rng


@pytest.mark.parametrize("seed", range(60))
def test_both_interpreters_give_the_same_mean(seed):
    plan, data, rng = world(seed)
    view = ColumnView(data)
    for equation in plan.equations:
        values = {address: rng.normal() for address in equation.addresses}
        names = sorted({factor.column for each in equation.coefficients for factor in each.factors})
        parameters = {address: pt.dscalar() for address in values}
        columns = {name: pt.dvector() for name in names}
        eta = linear_predictor(equation, parameters, columns)
        run = pytensor.function(
            [*parameters.values(), *columns.values()], [eta, symbolic_inverse(equation.link, eta)], mode=CHEAP
        )
        symbolic, symbolic_mean = run(*values.values(), *(view[name] for name in names))
        numeric = linear_predictor(equation, values, view)
        np.testing.assert_allclose(symbolic, numeric, rtol=1e-10, atol=1e-10 * np.abs(numeric).max())
        np.testing.assert_allclose(
            symbolic_mean, inverse_link(equation.link, numeric), rtol=1e-10, atol=1e-10 * np.abs(numeric).max()
        )


@pytest.mark.parametrize("name", sorted(LINKS))
def test_links_are_twins_and_inverses(name):
    eta = np.linspace(-30, 30, 241)
    symbolic = symbolic_inverse(name, pt.as_tensor(eta)).eval(mode=CHEAP)
    np.testing.assert_allclose(symbolic, inverse_link(name, eta), rtol=1e-10, atol=1e-300)
    middle = np.linspace(-4, 2 if name == "cloglog" else 4, 81)  # 1 − exp(−exp(4)) is 1 to the last digit
    np.testing.assert_allclose(LINKS[name].forward(LINKS[name].inverse(middle)), middle, rtol=1e-10, atol=1e-12)


# --- the density of the whole model ---


def point_of(model, rng):
    """A random point in the model's unconstrained space."""
    return {
        name: np.asarray(rng.normal(size=np.shape(value)) * 0.3 + value)
        for name, value in model.initial_point().items()
    }


def scipy_density(plan, data, point):
    """Likelihood, priors and the Jacobians of log σ, by hand."""
    total = 0.0
    view = ColumnView(data)
    for equation in plan.equations:
        name = equation.response
        beliefs = state_beliefs(plan, equation, data)
        z = point[f"z({name})"]
        total += stats.norm.logpdf(z).sum()
        parameters = dict(zip(equation.addresses, beliefs.matrix @ z + beliefs.offset, strict=True))
        eta = linear_predictor(equation, parameters, view)
        y = data.numbers(name).values
        if equation.family == "normal":
            log_sigma = point[f"sigma({name})_log__"]
            sigma = np.exp(log_sigma)
            total += stats.expon.logpdf(sigma, scale=data.numbers(name).sd) + log_sigma
            total += stats.norm.logpdf(y, eta, sigma).sum()
        else:
            p = {"logit": stats.logistic.cdf, "probit": stats.norm.cdf}[equation.link](eta)
            total += stats.bernoulli.logpmf(y.astype(int), p).sum()
    return total


@pytest.mark.parametrize(
    ("m", "y"),
    [
        ("{}", "{}"),
        ("{}", "{family: bernoulli}"),
        ("{family: bernoulli, link: probit}", "{}"),
        ("{family: bernoulli}", "{family: bernoulli, link: probit}"),
    ],
)
def test_the_pymc_model_has_the_density_it_says(m, y):
    text = (
        "variables:\n  x, w:\n  z:\n  g: {family: categorical, values: [a, b, c]}\n"
        f"  m: {m}\n  y: {y}\narrows:\n  x -> m: {{shape: quadratic}}\n  m -> y: {{moderated_by: [g]}}\n  x -> y:\n"
    )
    plan, data, rng = world(1, text)
    model = to_pymc(plan, data)
    density = model.compile_logp(mode=CHEAP)
    for _ in range(3):
        point = point_of(model, rng)
        assert float(density(point)) == pytest.approx(scipy_density(plan, data, point), rel=1e-10)


def test_priors_of_every_family_have_the_density_they_say():
    text = (
        "arrows:\n  a, b, c, d, e, f, h -> y:\npriors:\n"
        "  a -> y: {student: [4, 1, 2]}\n  b -> y: {half_normal: 2}\n  c -> y: {lognormal: [0, 0.5]}\n"
        "  d -> y: {gamma: [2, 3]}\n  e -> y: {uniform: [-1, 2]}\n  f -> y: {exponential: 2}\n"
        "  h -> y: {normal: [0.5, 1], above: 0, below: 2}\n  sigma(y): {student: [3, 0, 1], above: 0}\n"
    )
    theory = mx.parse(text)
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(30, 8)), columns=list("abcdefhy"))
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    equation = plan.equation("y")
    beliefs = state_beliefs(plan, equation, data)
    model = to_pymc(plan, data)
    densities = model.compile_fn(model.logp(sum=False, jacobian=False), inputs=model.value_vars, mode=CHEAP)
    point = point_of(model, rng)
    found = dict(zip([rv.name for rv in model.basic_RVs], densities(point), strict=True))
    shown = model.compile_fn(
        model.replace_rvs_by_values(model.free_RVs), inputs=model.value_vars, mode=CHEAP, on_unused_input="ignore"
    )(point)
    values = dict(zip([rv.name for rv in model.free_RVs], shown, strict=True))
    span = {"h -> y": stats.norm(0.5, 1).cdf(2) - stats.norm(0.5, 1).cdf(0), "sigma(y)": 0.5}
    for address, belief in [*zip(beliefs.names, beliefs.beliefs, strict=True), ("sigma(y)", beliefs.spread)]:
        if belief.plain_normal:
            continue
        expected = log_density(belief, values[address]) - np.log(span.get(address, 1.0))
        assert float(found[address]) == pytest.approx(float(expected), rel=1e-7), address
    oracle = {
        "a -> y": stats.t(4, 1, 2), "b -> y": stats.halfnorm(scale=2), "c -> y": stats.lognorm(0.5),
        "d -> y": stats.gamma(2, scale=1 / 3), "e -> y": stats.uniform(-1, 3), "f -> y": stats.expon(scale=0.5),
        "h -> y": stats.truncnorm(-0.5, 1.5, 0.5, 1),
    }  # fmt: skip
    for address, frozen in oracle.items():
        assert float(found[address]) == pytest.approx(float(frozen.logpdf(values[address])), rel=1e-7), address


@pytest.mark.parametrize(
    ("prior", "start"),
    [
        ("{student: [4, 0, 0.3], above: 0}", 0.3),
        ("{normal: [0, 1], below: 0}", -1.0),
        ("{normal: [0, 1], above: -2, below: 4}", 1.0),
        ("{half_normal: 2, above: 3}", 5.0),
        ("{exponential: 2, below: 3}", 1.5),
        ("{lognormal: [0, 1], above: 2}", 3.0),
        ("{gamma: [6, 3], above: 1}", 3.0),
        ("{uniform: [-1, 5], above: 1}", 3.0),
        ("{beta: [2, 2], below: 0.5}", 0.25),
    ],
)
def test_sampling_begins_inside_the_bounds(prior, start):
    """A prior whose mean is its bound has no density there: NUTS could not start."""
    plan, data, _ = world(3, f"arrows:\n  x -> m -> y:\npriors:\n  x -> m: {prior}\n")
    model = to_pymc(plan, data, (plan.equation("m"),))
    point = model.initial_point()
    assert np.isfinite(model.compile_logp(mode=CHEAP)(point))
    value = model.compile_fn(
        model.replace_rvs_by_values([model["x -> m"]]), inputs=model.value_vars, mode=CHEAP, on_unused_input="ignore"
    )(point)
    assert float(value[0]) == pytest.approx(start, rel=1e-6)


# --- the model as a thing to take away ---


def test_to_pymc_is_named_and_dimensioned():
    text = (
        "variables:\n  x, m, y:\n  g: {family: categorical, values: [a, b, c]}\narrows:\n  x -> m -> y: \n  g -> y:\n"
    )
    plan, data, _ = world(2, text)
    model = to_pymc(plan, data)
    assert list(model.coords["terms(y)"]) == list(plan.equation("y").addresses)
    assert len(model.coords["row"]) == data.n
    assert model.named_vars_to_dims["coefficients(y)"] == ("terms(y)",)
    assert {rv.name for rv in model.observed_RVs} == {"m", "y"}
    assert {rv.name for rv in model.free_RVs} == {"z(m)", "z(y)", "sigma(m)", "sigma(y)"}
    assert {"coefficients(m)", "coefficients(y)"} <= {each.name for each in model.deterministics}
    assert {each.name for each in model.data_vars} == {"x", "g=b", "g=c"}
    for name in ("x", "g=b", "m", "y"):
        assert model.named_vars_to_dims[name] == ("row",)
    np.testing.assert_array_equal(model["g=b"].get_value(), data["g"].indicator("b"))


def test_a_part_of_the_plan_is_a_model_of_its_own():
    plan, data, _ = world(2, "arrows:\n  x -> m -> y: \n")
    model = to_pymc(plan, data, (plan.equation("y"),))
    assert {rv.name for rv in model.observed_RVs} == {"y"}
    assert {each.name for each in model.data_vars} == {"m"}


def test_a_variable_may_be_called_row():
    theory = mx.parse("arrows:\n  row -> y:\n")
    frame = pd.DataFrame({"row": [1.0, 2, 4, 3], "y": [2.0, 1, 3, 5]})
    model = to_pymc(mx.compile(theory), mx.bind(theory, frame))
    assert model.named_vars_to_dims["y"] == ("rows",)


def test_do_sets_an_exogenous_column():
    text = "arrows:\n  x -> m -> y: \n  x -> y:\npriors:\n" + "".join(
        f"  {address}: {{fixed: {value}}}\n"
        for address, value in {
            "1 -> m": 1, "x -> m": 2, "sigma(m)": 0.001, "1 -> y": -1, "m -> y": 0.5, "x -> y": 3, "sigma(y)": 0.001
        }.items()
    )  # fmt: skip
    plan, data, _ = world(2, text)
    moved = pm.do(to_pymc(plan, data), {"x": np.full(data.n, 10.0)})
    drawn = pm.draw([moved["m"], moved["y"]], random_seed=1, mode=CHEAP)
    np.testing.assert_allclose(drawn[0], 1 + 2 * 10, atol=0.01)
    np.testing.assert_allclose(drawn[1], -1 + 0.5 * 21 + 3 * 10, atol=0.01)


def test_equalities_hold_in_the_pymc_model():
    text = (
        "arrows:\n  x, w -> m: \n  m, x -> y:\npriors:\n  x -> m: {same_as: m -> y}\n  x -> y: {same_as: m -> y}\n"
        "  sigma(m): {same_as: sigma(y)}\n  w -> m: {fixed: 0.25}\n"
    )
    plan, data, _ = world(3, text)
    model = to_pymc(plan, data)
    assert "sigma(m)" not in {rv.name for rv in model.free_RVs}
    m, y, spread = pm.draw(
        [model["coefficients(m)"], model["coefficients(y)"], model["sigma(m)"] - model["sigma(y)"]],
        draws=5, random_seed=1, mode=CHEAP,
    )  # fmt: skip
    b_m = dict(zip(plan.equation("m").addresses, m.T, strict=True))
    b_y = dict(zip(plan.equation("y").addresses, y.T, strict=True))
    np.testing.assert_allclose(b_m["x -> m"], b_y["m -> y"], rtol=1e-12)
    np.testing.assert_allclose(b_y["x -> y"], b_y["m -> y"], rtol=1e-10)
    np.testing.assert_allclose(b_m["w -> m"], 0.25, rtol=1e-12)
    np.testing.assert_array_equal(spread, 0)


def test_equations_that_borrow_from_each_other_are_refused():
    text = "arrows:\n  x, w -> m: \n  x, w -> y: \npriors:\n  x -> m: {same_as: x -> y}\n  w -> y: {same_as: w -> m}\n"
    plan, data, _ = world(3, text)
    with pytest.raises(FitError, match="borrow from each other by same_as: let one equation own them all"):
        to_pymc(plan, data)
    lent = "arrows:\n  x -> m: \n  x -> y:\npriors:\n  x -> m: {same_as: x -> y}\n"
    plan, data, _ = world(3, lent)
    with pytest.raises(FitError, match="x -> y, which is in none of the equations"):
        to_pymc(plan, data, (plan.equation("m"),))


def test_nuts_that_cannot_start_says_so(monkeypatch):
    from mechanisms.infer.explicit import chains

    def refuse(*_, **__):
        raise RuntimeError("Could not find a starting point\nand a long traceback")

    monkeypatch.setattr(chains, "compile_chains", refuse)
    plan, data, _ = world(3, "arrows:\n  x -> m -> y:\n")
    with pytest.raises(
        FitError, match=r"NUTS could not start on m, y: Could not find a starting point\. Check the priors"
    ):
        nuts.draw(plan, data, plan.equations, Settings(1, 1, 1, np.random.SeedSequence(1)))
