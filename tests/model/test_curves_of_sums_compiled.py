"""Curves out of computed variables: against the same theory with the sum as a column of its own, and densities by hand."""

import re

import numpy as np
import pandas as pd
import pytest
from pytensor.compile.mode import Mode
from scipy import stats

import mechanisms as mx
from mechanisms.errors import DataError, FitError, SpecError
from mechanisms.model.functionals import weigh_coefficients
from mechanisms.model.priors import state_beliefs
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")
SHAPES = ["quadratic", "{polynomial: 3}", "{spline: 4}", "{bspline: 4}", "{piecewise: [-1, 1]}", "gp", "logistic"]
FLAT = """
variables: {{x: , pre: , post: , gain: {gain}, y: {y}}}
arrows:
  gain -> y: {{shape: {shape}, moderated_by: x}}
"""
CLIENTS, OCCASIONS = 30, 4
HEAD = "levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }\ntime: session\n"
DEFINITIONS = {"change": "x - x(0)", "gap": "x - c", "both": "0.5 * x + 2 * z"}


def people(n=120, seed=1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 4)), columns=["x", "pre", "post", "y"])
    frame["gain"] = frame["post"] - 0.5 * frame["pre"]
    frame["y"] += np.sin(2 * frame["gain"])
    frame["k"] = rng.poisson(np.exp(0.4 * frame["gain"] - 0.2 * frame["gain"] ** 2))
    return frame


def diaries(seed=2):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": [*range(OCCASIONS)] * CLIENTS})
    frame = frame.assign(**{name: rng.normal(size=len(frame)) for name in "xzy"})
    frame["c"] = rng.normal(size=CLIENTS)[frame["client"]]
    x = frame["x"].to_numpy().reshape(CLIENTS, OCCASIONS)
    frame["change"] = frame["x"] - x[frame["client"], 0]
    frame["gap"], frame["both"] = frame["x"] - frame["c"], 0.5 * frame["x"] + 2 * frame["z"]
    frame["early"] = (x[:, 2] - 2 * x[:, 0])[frame["client"]]
    frame["outcome"] = rng.normal(size=CLIENTS)[frame["client"]] + 0.3 * frame["early"]
    return frame


def bound(text, frame):
    theory = mx.parse(text)
    return mx.compile(theory), mx.bind(theory, frame)


def same_draws(ours, theirs):
    """Same columns, same priors, same seeds: the same draws, whatever the parts of a sum are called."""
    one, other = (
        {name.replace("(whole)", ""): values for name, values in fit.parameters.items()} for fit in (ours, theirs)
    )
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_allclose(values, other[name], rtol=1e-6, atol=1e-8, err_msg=name)


def same_densities(ours, theirs):
    """The log density at three points; the free quantities are the same, whatever the parts of a sum are called."""
    rng, found = np.random.default_rng(3), []
    models = [to_pymc(*each) for each in (ours, theirs)]
    functions = [model.compile_logp(mode=CHEAP) for model in models]
    start = models[0].initial_point()
    for _ in range(3):
        moved = [value + rng.normal(0, 0.3, np.shape(value)) for value in start.values()]
        points = (dict(zip(model.initial_point(), moved, strict=True)) for model in models)
        found.append([float(function(point)) for function, point in zip(functions, points, strict=True)])
    assert np.ptp(np.array(found)[:, 0]) > 1
    np.testing.assert_allclose(*np.transpose(found), rtol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_densities_are_those_of_a_column_of_its_own(shape):
    text = FLAT.replace(", moderated_by: x", "") if shape == "gp" else FLAT  # the slow linker adds up to 32 terms
    ours, theirs = (text.format(gain=gain, y="", shape=shape) for gain in ("{is: post - 0.5 * pre}", ""))
    same_densities(bound(ours, people()), bound(theirs, people()))


@pytest.mark.parametrize("shape", SHAPES[:5])
@pytest.mark.parametrize(("family", "engine"), [("", "exact"), ("{family: poisson}", "laplace")])
def test_posteriors_are_those_of_a_column_of_its_own(shape, family, engine):
    frame = people()
    frame["y"] = frame["k"] if family else frame["y"]
    fits = [
        mx.sample(*bound(FLAT.format(gain=gain, y=family, shape=shape), frame), seed=4, draws=200)
        for gain in ("{is: post - 0.5 * pre}", "")
    ]
    assert fits[0].blocks[0].engine == engine
    same_draws(*fits)


def of_sessions(name, shape, family=""):
    """The theory with a sum, and with a column in its place, whose whole value acts."""
    text = f"variables: {{x: , z: , c: {{level: client}}, {name}: SUM, y: {family}}}\narrows: {{CAUSE -> y: {{shape: {shape}}}, z(whole) -> y: }}"
    ours = text.replace("SUM", f"{{is: {DEFINITIONS[name]}}}").replace("CAUSE", name)
    return HEAD + ours, HEAD + text.replace("SUM", "").replace("CAUSE", f"{name}(whole)")


@pytest.mark.parametrize(
    ("name", "shape"), [("change", "{spline: 3}"), ("gap", "quadratic"), ("both", "{piecewise: [0.5]}")]
)
def test_posteriors_with_levels_are_those_of_a_column_of_its_own(name, shape):
    fits = [mx.sample(*bound(text, diaries()), seed=5, draws=100) for text in of_sessions(name, shape)]
    assert fits[0].blocks[0].engine == "collapsed"
    same_draws(*fits)


@pytest.mark.parametrize("shape", ["gp", "logistic", "{bspline: 3}"])
def test_densities_with_levels_are_those_of_a_column_of_its_own(shape):
    frame = diaries()
    frame["y"] = (frame["y"] > 0) * 1
    same_densities(*(bound(text, frame) for text in of_sessions("change", shape, "{family: bernoulli}")))


@pytest.mark.parametrize("level", ["", ", level: client"])
def test_a_change_of_a_client_bends_what_becomes_of_the_client(level):
    text = (
        HEAD
        + "variables: {x: , early: SUM, outcome: {level: client}}\narrows: {early -> outcome: {shape: {spline: 3}}}"
    )
    ours, theirs = text.replace("SUM", f"{{is: x(2) - 2 * x(0){level}}}"), text.replace("SUM", "{level: client}")
    same_draws(*(mx.sample(*bound(each, diaries()), seed=6, draws=100) for each in (ours, theirs)))


def test_knots_lie_where_all_parts_exist():
    """x − x(t−1) has no value at the first occasion, and no zeros there that would draw knots towards them."""
    text = HEAD + "variables: {x: , step: {is: x - x(t-1)}, y: }\narrows: {step -> y: {shape: {spline: 3}}}"
    frame = diaries()
    _, data = bound(text, frame)
    steps = np.diff(frame["x"].to_numpy().reshape(CLIENTS, OCCASIONS), axis=1).ravel()
    np.testing.assert_allclose(data.bases["step~spline:3"].places, np.quantile(steps, [0, 1 / 3, 2 / 3, 1]))


def test_missing_parts_are_filled_in_under_the_curve():
    """The density of y where post is missing is that at the post that is sought, bent with the knots of what was seen."""
    text = "variables: {x: , pre: , post: , gain: {is: post - 0.5 * pre}, y: }\narrows: {x -> post: , gain -> y: {shape: {spline: 3}}}"
    frame = people(40)
    frame.loc[:6, "post"] = np.nan
    plan, data = bound(text, frame)
    model = to_pymc(plan, data)
    rng = np.random.default_rng(7)
    point = {name: value + rng.normal(0, 0.2, np.shape(value)) for name, value in model.initial_point().items()}
    names = ["coefficients(post)", "coefficients(y)", "sigma(post)", "sigma(y)"]
    outputs = model.replace_rvs_by_values([model[name] for name in names])
    made = model.compile_fn(outputs, inputs=model.value_vars, mode=CHEAP, point_fn=False, on_unused_input="ignore")
    a, b, sigma_post, sigma_y = made(*(point[each.name] for each in model.value_vars))
    (missing,) = (point[name] for name in point if name.startswith("missing"))
    post = frame["post"].to_numpy().copy()
    post[:7] = data.numbers("post").mean + data.numbers("post").sd * missing
    basis = data.bases["gain~spline:3"]
    np.testing.assert_allclose(
        basis.places, np.quantile((frame["post"] - 0.5 * frame["pre"]).dropna(), [0, 1 / 3, 2 / 3, 1])
    )
    curve = sum(b[j] * basis.column(j, post - 0.5 * frame["pre"].to_numpy()) for j in (1, 2, 3))
    by_hand = stats.norm(b[0] + curve, sigma_y).logpdf(frame["y"]).sum()
    by_hand += stats.norm(a[0] + a[1] * frame["x"], sigma_post).logpdf(post).sum()
    seen = model.compile_logp(vars=[model["y"], model["post"]], sum=True, mode=CHEAP)(point)
    rest = model.compile_fn(model.replace_rvs_by_values([model["unknown(post)"]]), inputs=model.value_vars, mode=CHEAP,
                            point_fn=False, on_unused_input="ignore")  # fmt: skip
    np.testing.assert_allclose(float(seen) + rest(*(point[each.name] for each in model.value_vars))[0], by_hand)


def test_a_prior_speaks_at_a_value_of_the_sum():
    """What x does at gain = 1.5: its own coefficient and those of its products with the curve there."""
    text = FLAT.format(gain="{is: post - 0.5 * pre}", y="", shape="{spline: 4}")
    plan, data = bound(text + "priors: {x -> y: {normal: [0, 1], at: {gain: 1.5}}}", people())
    equation, basis = plan.equation("y"), data.bases["gain~spline:4"]
    working, position = state_beliefs(plan, equation, data).bases[0].working, equation.addresses.index("x -> y")
    found = weigh_coefficients(plan.prior("x -> y"), equation, data, working, position)
    wanted = {"x -> y": 1.0} | {f"gain[{j}] * x -> y": basis.column(j, np.float64(1.5)) for j in range(1, 5)}
    assert dict(zip(equation.addresses, found, strict=True)) == pytest.approx(
        dict.fromkeys(equation.addresses, 0) | wanted
    )


SIMULATED = (
    "variables: {pre: , post: , gain: {is: post - pre}, y: }\narrows: {pre -> post: , gain -> y: {shape: SHAPE}}"
)
TRUTH = {"1 -> post": 1, "pre -> post": 0.5, "sigma(post)": 1, "1 -> y": 2, "sigma(y)": 1e-9}


def test_simulated_data_follow_a_curve_of_what_was_simulated():
    """Knots at the ends and the median of the gains that were just drawn; without noise y is the curve through them."""
    plan = mx.compile(mx.parse(SIMULATED.replace("SHAPE", "{spline: 2}")))
    given = pd.DataFrame({"pre": np.linspace(-1, 1, 80)})
    frame = mx.simulate(plan, given, TRUTH | {"gain[1] -> y": 0.7, "gain[2] -> y": -0.4}, seed=1)
    assert "gain" not in frame
    basis = mx.bind(plan.theory, frame).bases["gain~spline:2"]
    gain = frame["post"] - frame["pre"]
    np.testing.assert_allclose(basis.places, np.quantile(gain, [0, 0.5, 1]))
    wanted = 0.7 * basis.column(1, gain) - 0.4 * basis.column(2, gain)
    np.testing.assert_allclose(frame["y"], 2 + wanted, atol=1e-6)
    low, high = (frame["y"][place] for place in (gain.argmin(), gain.argmax()))
    assert high - low == pytest.approx(-0.4, abs=1e-6)


def test_simulated_diaries_follow_curves_that_no_values_place():
    text = (
        HEAD
        + "variables: {x: , m: , grown: {is: m - m(0)}, y: }\narrows: {x(whole) -> m: , grown(t-1) -> m: {shape: SHAPE}}"
    )
    plan = mx.compile(mx.parse(text.replace("SHAPE", "{piecewise: [0]}")))
    stated = {"1 -> m": 1, "x(whole) -> m": 0.5, "grown(t-1)[1] -> m": 0.3, "grown(t-1)[2] -> m": -0.6, "sigma(m)": 1e-9,
              "sigma(m | first)": 1e-9, "sd(1 -> m | client)": 1e-9}  # fmt: skip
    made = mx.simulate(plan, diaries(), stated, seed=1)
    m = made["m"].to_numpy().reshape(CLIENTS, OCCASIONS)
    wanted = 1 + 0.5 * made["x"].to_numpy().reshape(CLIENTS, OCCASIONS)
    grown = m - m[:, :1]
    wanted[:, 1:] += (0.3 * np.minimum(grown, 0) - 0.6 * np.maximum(grown, 0))[:, :-1]
    np.testing.assert_allclose(m, wanted, atol=1e-6)
    spline = mx.compile(mx.parse(text.replace("SHAPE", "{spline: 2}")))
    with pytest.raises(
        FitError, match=r"grown~spline:2 is placed by the values of grown, .* bound data that hold them"
    ):
        mx.simulate(spline, diaries(), stated, seed=1)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "variables: {x: , z: , g: {is: x - z}, y: }\narrows: {g -> y: {shape: log}}",
            "the logarithm of g, which is computed",
        ),
        (
            "variables: {x: , z: , g: {is: x - z}, y: }\narrows: {g -> y: {shape: monotonic}}",
            "shape monotonic of numbers is not compiled yet",
        ),
        (
            HEAD
            + "variables: {x: {measured_by: [a, b, c]}, z: , g: {is: x - z}, y: }\narrows: {g -> y: {shape: {spline: 3}}}",
            "computed from x, is not compiled: nobody observed x",
        ),
        (
            HEAD + "variables: {x: , z: , g: {is: x - x(t-1)}, y: }\narrows: {z(whole) -> y: {only_when: {g: 0..}}}",
            "only_when: g, which is computed and does not exist everywhere",
        ),
    ],
)
def test_what_has_no_curve_or_condition_is_refused(text, fault):
    with pytest.raises(SpecError, match=re.escape(fault)):
        mx.compile(mx.parse(text))


def test_a_sum_with_too_few_values_has_no_curve():
    frame = people()
    frame["pre"], frame["post"] = np.arange(120) % 2, np.arange(120) % 2 * 0.5 + np.arange(120) // 60
    with pytest.raises(DataError, match="gain has two values, between which nothing bends"):
        bound(FLAT.format(gain="{is: post - 0.5 * pre}", y="", shape="quadratic"), frame)


# --- conditions ---


@pytest.mark.parametrize("held", ["0..", "-0.5..1"])
def test_conditions_on_a_sum_are_those_on_a_column_of_its_own(held):
    text = "variables: {{x: , pre: , post: , gain: {}, y: }}\narrows: {{x -> y: {{only_when: {{gain: {}}}}}}}"
    ours, theirs = (text.format(gain, held) for gain in ("{is: post - 0.5 * pre}", ""))
    same_draws(*(mx.sample(*bound(each, people()), seed=7, draws=200) for each in (ours, theirs)))


@pytest.mark.parametrize("name", ["change", "gap"])
def test_conditions_with_levels_are_those_on_a_column_of_its_own(name):
    text = (
        HEAD
        + f"variables: {{x: , z: , c: {{level: client}}, {name}: SUM, y: }}\narrows: {{CAUSE -> y: , z(whole) -> y: {{only_when: {{{name}: 0..}}}}}}"
    )
    ours = text.replace("SUM", f"{{is: {DEFINITIONS[name]}}}").replace("CAUSE", name)
    theirs = text.replace("SUM", "").replace("CAUSE", f"{name}(whole)")
    same_draws(*(mx.sample(*bound(each, diaries()), seed=8, draws=100) for each in (ours, theirs)))


@pytest.mark.parametrize("name", ["x", "change"])
def test_conditions_that_nobody_sees_are_refused_with_levels(name):
    text = (
        HEAD
        + f"variables: {{x: {{family: normal}}, z: , change: {{is: x - x(0)}}, y: }}\narrows: {{z(whole) -> y: {{only_when: {{{name}: 0..}}}}}}"
    )
    frame = diaries()
    frame.loc[5:6, "x"] = np.nan
    with pytest.raises(DataError, match=f"only_when: {name} is missing for 2 values of y, so that nobody sees"):
        to_pymc(*bound(text, frame))
    frame.loc[5:6, "y"] = np.nan
    assert to_pymc(*bound(text, frame))
