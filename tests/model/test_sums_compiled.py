"""Sums and conditions without levels in equations: against the same theory with the columns made by hand."""

import re

import numpy as np
import pandas as pd
import pytest
from pytensor.compile.mode import Mode
from pytensor.graph.traversal import ancestors
from scipy import stats

import mechanisms as mx
from mechanisms.data.dataset import ColumnView
from mechanisms.errors import SpecError
from mechanisms.infer.engines import collapsed
from mechanisms.infer.marginal import charts
from mechanisms.infer.marginal.units import kernels
from mechanisms.infer.marginal.units.gaussian import write_residuals
from mechanisms.infer.simulation import simulate
from mechanisms.model.completing import complete_plan
from mechanisms.model.functionals import weigh_coefficients
from mechanisms.model.predictor import linear_predictor
from mechanisms.model.priors import state_beliefs
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")
SUM = """
variables: {x: , pre: {family: normal}, post: , gain: {is: post - 0.5 * pre}, y: , k: {family: poisson}}
arrows:
  x, pre -> post:
  gain -> y: {moderated_by: x}
  gain -> k:
"""
MADE = SUM.replace("gain: {is: post - 0.5 * pre}", "gain: ")
WHEN = """
variables: {x: , m: , b: {family: bernoulli}, arm: {family: categorical, values: [u, v, w]}, y: , k: {family: poisson}}
arrows:
  x -> m, b:
  m -> y: {only_when: {b: 1}, moderated_by: x}
  m -> k: {only_when: {arm: [u, w]}}
"""
HAND = """
variables: {x: , m: , mb: , ma: , b: {family: bernoulli}, arm: {family: categorical, values: [u, v, w]}, y: , k: {family: poisson}}
arrows:
  x -> m, b:
  mb -> y: {moderated_by: x}
  b -> y:
  ma -> k:
  arm -> k:
"""


def table(n=200, seed=1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 4)), columns=["x", "pre", "noise", "m"])
    frame["post"] = 0.3 * frame.x + 0.5 * frame.pre + frame.noise
    frame["gain"] = frame.post - 0.5 * frame.pre
    frame["y"] = 0.4 * frame.gain + rng.normal(size=n)
    frame["k"] = rng.negative_binomial(2, 0.4, n) * (rng.random(n) < 0.7)
    frame["b"], frame["arm"] = rng.integers(0, 2, n), rng.choice(["u", "v", "w"], n)
    frame["mb"], frame["ma"] = frame.m * frame.b, frame.m * (frame.arm != "v")
    return frame


def drawn(text, frame, **options):
    theory = mx.parse(text)
    return mx.sample(mx.compile(theory), mx.bind(theory, frame), seed=3, **options)


def test_posteriors_are_those_of_a_column_made_by_hand():
    """Same columns, same priors, same seeds: the same draws, of exact and of laplace."""
    ours, theirs = drawn(SUM, table()), drawn(MADE, table())
    assert [block.engine for block in ours.blocks] == ["exact", "exact", "laplace"]
    assert ours.parameters.keys() == theirs.parameters.keys()
    for address, values in ours.parameters.items():
        np.testing.assert_allclose(values, theirs.parameters[address], rtol=1e-6, atol=1e-9, err_msg=address)


def test_a_condition_is_a_product_with_a_column_of_ones_and_zeros():
    """Priors that say nothing of other columns; the addresses are those of the arrows without a condition."""
    beliefs = {
        "m -> y": "mb -> y",
        "m * x -> y": "mb * x -> y",
        "1 -> y": "1 -> y",
        "b -> y": "b -> y",
        "x -> y": "x -> y",
    }
    beliefs |= {"m -> k": "ma -> k", "arm=v -> k": "arm=v -> k", "arm=w -> k": "arm=w -> k", "1 -> k": "1 -> k"}

    def prior(names):
        return "priors:\n" + "".join(
            f"  {name}: {{normal: [0, 1.5], at: {{}}}}\n".replace(", at: {}", "") for name in names
        )

    ours, theirs = drawn(WHEN + prior(beliefs), table()), drawn(HAND + prior(beliefs.values()), table())
    assert not [address for address in ours.parameters if "when" in address]
    for one, other in beliefs.items():
        np.testing.assert_allclose(ours.parameters[one].mean(), theirs.parameters[other].mean(), atol=0.01, err_msg=one)
        np.testing.assert_allclose(ours.parameters[one].std(), theirs.parameters[other].std(), rtol=0.08, err_msg=one)


@pytest.mark.parametrize(("ours", "theirs"), [(SUM, MADE), (WHEN, HAND)], ids=["sum", "condition"])
def test_densities_of_pymc_are_those_of_columns_made_by_hand(ours, theirs):
    """The likelihood of y and of k at the same raw coefficients, whatever stands for them inside."""
    rng = np.random.default_rng(4)
    raw: dict[str, float] = {}
    found = []
    for text in (ours, theirs):
        theory = mx.parse(text)
        plan, data = mx.compile(theory), mx.bind(theory, table(40))
        model = to_pymc(plan, data)
        point = model.initial_point()
        for name in "yk":
            addresses = plan.equation(name).addresses
            values = [raw.setdefault(re.sub("m[ab]", "m", each), rng.normal(0, 0.3)) for each in addresses]
            inside = model.rvs_to_values[model[f"z({name})"]]
            coefficients = model.compile_fn(
                model.replace_rvs_by_values([model[f"coefficients({name})"]]),
                inputs=[inside],
                mode=CHEAP,
                point_fn=False,
            )
            (base,) = coefficients(np.zeros(len(values)))
            slopes = np.column_stack([coefficients(one)[0] - base for one in np.eye(len(values))])
            point[f"z({name})"] = np.linalg.solve(slopes, values - base)
        found.append([float(model.compile_logp(vars=[model[name]], mode=CHEAP)(point)) for name in "yk"])
    assert len(raw) == sum(len(plan.equation(name).addresses) for name in "yk")
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def test_a_sum_follows_its_parts_in_pymc():
    """What y depends on holds post itself, so that an intervention on post reaches y."""
    theory = mx.parse(SUM)
    model = to_pymc(mx.compile(theory), mx.bind(theory, table(30)))
    assert model["post"] in set(ancestors([model["y"]]))
    assert model["pre"] in set(ancestors([model["y"]]))
    assert "gain" not in model.named_vars


def test_missing_parts_are_integrated_out_with_the_sum_that_holds_them():
    """y ← gain = post − pre: each row's own normal of what it shows, its covariance written out."""
    text = "variables: {x: , pre: {family: normal}, post: , gain: {is: post - pre}, y: }\narrows: {x -> post: , pre -> post: , gain -> y: }"
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(40, 4)), columns=["x", "pre", "post", "y"])
    frame.loc[:9, "post"], frame.loc[5:14, "pre"], frame.loc[[3, 7, 12, 20], "y"] = np.nan, np.nan, np.nan
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    plan = complete_plan(plan, data)
    density = collapsed.build_density(write_residuals(plan, data, plan.equations))
    where, found = density.coordinates.symbol, []
    for _ in range(3):
        q = density.coordinates.start + rng.normal(0, 0.4, density.coordinates.size)
        s = charts.find_symbols(density.coordinates.chart, q[None])[0]
        value = {name: s[where(name)] for name in density.coordinates.addresses}
        total = 0.0
        for row in frame.itertuples():
            pre = value["1 -> pre"] + value["x -> pre"] * row.x
            a, b, c = value["pre -> post"], value["gain -> y"], value["sigma(pre)"] ** 2
            post = value["1 -> post"] + value["x -> post"] * row.x + a * pre
            mean = np.array([pre, post, value["1 -> y"] + b * (post - pre)])
            lift = np.array([[1, 0, 0], [a, 1, 0], [b * (a - 1), b, 1]])  # what each residual moves
            sigma = np.diag([c, value["sigma(post)"] ** 2, value["sigma(y)"] ** 2])
            shown = np.array([row.pre, row.post, row.y])
            seen = ~np.isnan(shown)
            if seen.any():
                total += stats.multivariate_normal(mean[seen], (lift @ sigma @ lift.T)[np.ix_(seen, seen)]).logpdf(
                    shown[seen]
                )
        found.append(kernels.collapse(density.layout, s, np.zeros(0)) - total)
    assert np.ptp(found) < 1e-8


def test_simulated_data_hold_to_the_sum():
    """With next to no noise, y is what the parts of that very row make it."""
    theory = mx.parse("variables: {pre: , post: , gain: {is: post - pre}, y: }\narrows: {pre -> post: , gain -> y: }")
    parameters = {"1 -> post": 1, "pre -> post": 0.5, "sigma(post)": 1, "1 -> y": 2, "gain -> y": 0.7, "sigma(y)": 1e-9}
    frame = simulate(mx.compile(theory), pd.DataFrame({"pre": np.linspace(-1, 1, 50)}), parameters, seed=1)
    assert "gain" not in frame
    np.testing.assert_allclose(frame.y, 2 + 0.7 * (frame.post - frame.pre), atol=1e-7)


def test_simulated_data_hold_to_conditions():
    theory = mx.parse(WHEN)
    plan, frame = mx.compile(theory), table(300)[["x", "arm"]]
    parameters = dict.fromkeys(plan.parameters, 0.0) | {
        "sigma(m)": 1.0,
        "sigma(y)": 1e-9,
        "m -> y": 0.7,
        "m * x -> y": 0.2,
    }
    made = simulate(plan, frame, parameters, seed=1)
    np.testing.assert_allclose(made.y, (0.7 * made.m + 0.2 * made.m * made.x) * made.b, atol=1e-7)


@pytest.mark.parametrize(("arm", "weight"), [("u", 2.0), ("w", 2.0), ("v", 0.0)])
def test_a_prior_speaks_where_a_condition_holds_or_not(arm, weight):
    """The slope of x at m = 2 in an arm: m * x -> y counts twice where the arrow acts, and not elsewhere."""
    text = WHEN.replace("{b: 1}", "{arm: [u, w]}") + f"priors: {{x -> y: {{normal: [0, 1], at: {{m: 2, arm: {arm}}}}}}}"
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, table())
    equation = plan.equation("y")
    basis = state_beliefs(plan, equation, data).bases[0]
    position = equation.addresses.index("x -> y")
    found = weigh_coefficients(plan.prior("x -> y"), equation, data, basis.working, position)
    assert dict(zip(equation.addresses, found, strict=True)) == dict.fromkeys(equation.addresses, 0.0) | {
        "x -> y": 1.0,
        "m * x -> y": weight,
    }


@pytest.mark.parametrize("shape", ["{spline: 4}", "quadratic", "gp", "logistic"])
def test_a_curve_with_a_condition_is_flat_elsewhere(shape):
    text = f"variables: {{x: , arm: {{family: categorical, values: [u, v, w]}}, y: }}\narrows: {{x -> y: {{shape: {shape}, only_when: {{arm: w}}}}}}"
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, table())
    (equation,) = plan.equations
    rng = np.random.default_rng(1)
    numbers = {address: 0.5 + rng.random() for address in equation.parameters}
    shown = linear_predictor(equation, numbers, ColumnView(data))
    others = numbers["1 -> y"] + numbers["arm=v -> y"] * (table().arm == "v")
    elsewhere = (table().arm != "w").to_numpy()
    np.testing.assert_allclose(shown[elsewhere], others[elsewhere])
    assert np.ptp(shown[~elsewhere]) > 0.1


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        (
            "a: {family: categorical, values: [u, v]}, g: {is: x + a=v}",
            "'a=v', a category in a sum, is not compiled yet",
        ),
        ("a: {family: ordinal, values: [u, v]}, g: {is: x + a}", "'a', a category in a sum, is not compiled yet"),
        ("a: {measured_by: [a1, a2, a3]}, g: {is: x + a}", "'a', a latent variable in a sum, is not compiled yet"),
    ],
)
def test_what_is_not_summed_yet_is_refused(variables, fault):
    with pytest.raises(SpecError, match=fault):
        mx.compile(mx.parse(f"variables: {{x: , y: , {variables}}}\narrows: [g -> y]"))
