"""Priors: what a theory declares of a coefficient is what the standing quantities imply, exactly."""

from itertools import product as every

import numpy as np
import pandas as pd
import pytest
from random_theories import random_frame, random_text

import mechanisms as mx
from mechanisms.data.dataset import Categories, ColumnView
from mechanisms.errors import DataError
from mechanisms.model.plan import shown_prior
from mechanisms.model.predictor import linear_predictor
from mechanisms.model.prior_words import print_priors
from mechanisms.model.priors import state_beliefs
from mechanisms.model.scales import standard_of

SEEDS = range(40)


def taylor(equation, raw, factors, point):
    """The coefficient of Π factors in the linear predictor written around `point`, by central differences.

    Exact, since no column comes with a power above 2.
    """
    steps = {factor.column: (1, -1) if factor.power == 1 else (1, 0, -1) for factor in factors}
    weights = {2: (0.5, -0.5), 3: (0.5, -1.0, 0.5)}
    total = 0.0
    for choice in every(*(range(len(step)) for step in steps.values())):
        moved = dict(point)
        weight = 1.0
        for (column, step), index in zip(steps.items(), choice, strict=True):
            moved[column] = moved[column] + step[index]
            weight *= weights[len(step)][index]
        total = total + weight * linear_predictor(equation, dict(zip(equation.addresses, raw, strict=True)), moved)
    return total


def columns_of(equation):
    return {factor.column for each in equation.coefficients for factor in each.factors}


def size_of(raw, point):
    """How large the numbers are that cancel in a finite difference."""
    return float(np.abs(raw).max()) * max(1.0, *(abs(value) for value in point.values())) ** 3


def world(seed, priors="", **options):
    rng = np.random.default_rng(seed)
    text = random_text(rng, **options)
    theory = mx.parse(text + priors)
    frame = random_frame(rng, theory)
    return mx.compile(theory), mx.bind(theory, frame), text, frame


@pytest.mark.parametrize("seed", SEEDS)
def test_a_default_speaks_about_the_coefficient_at_the_means(seed):
    plan, data, *_ = world(seed)
    for equation in plan.equations:
        beliefs = state_beliefs(plan, equation, data)
        means = {column: standard_of(data, column).centre for column in columns_of(equation)}
        unit = {"identity": data.numbers(equation.response).sd, "logit": 1.0, "probit": 0.6}[equation.link]
        centre = data.numbers(equation.response).mean if equation.link == "identity" else 0.0
        terms = [(), *(each.factors for each in equation.coefficients)]
        for position, factors in enumerate(terms):
            cause = np.prod([standard_of(data, f.column).scale ** f.power for f in factors])
            mean = taylor(equation, beliefs.offset, factors, means)
            effects = np.array([taylor(equation, column, factors, means) for column in beliefs.matrix.T])
            scale = 1e-12 * size_of(beliefs.matrix, means)
            assert mean == pytest.approx(centre if position == 0 else 0.0, abs=scale)
            expected = np.zeros(len(effects))
            expected[position] = 2.5 * unit / cause
            np.testing.assert_allclose(effects, expected, rtol=1e-9, atol=scale)


def speaks_at(own, coefficients):
    """The variables left over when some larger product is divided by `own`."""
    powers = {factor.column: factor.power for factor in own.factors}
    left = set()
    for each in coefficients:
        larger = {factor.column: factor.power for factor in each.factors}
        if all(larger.get(column, 0) >= power for column, power in powers.items()):
            left |= {f.variable for f in each.factors if f.power > powers.get(f.column, 0)}
    return left


def random_priors(rng, plan, data, response):
    """Priors of every kind on some coefficients of one equation: address → (text, what it says)."""
    equation = plan.equation(response)
    said = {}
    targets = set()
    coefficients = list(equation.coefficients)
    rng.shuffle(coefficients)
    for own in coefficients[: int(rng.integers(1, 1 + len(coefficients)))]:
        at = {}
        for name in sorted(speaks_at(own, coefficients)):
            if name in ("x", "m") and rng.random() < 0.3:
                continue  # 0 lies inside their data
            if name == "g":
                at[name] = str(rng.choice(["a", "b", "c"]))
            elif name != "z" or rng.random() < 0.5:
                at[name] = str(rng.choice(["mean", "2.5"])) if name != "z" else "1"
        kind = rng.choice(["raw", "standardised", "fixed", "same_as"])
        shown = f", at: {{{', '.join(f'{name}: {value}' for name, value in at.items())}}}" if at else ""
        mean, sd = (float(f"{v:.3f}") for v in (rng.normal(), rng.uniform(0.1, 2)))
        if kind == "same_as":
            others = [each for each in coefficients if each is not own and each.address not in said]
            if not others or own.address in targets:
                continue
            other = others[int(rng.integers(len(others)))]
            targets.add(other.address)
            said[own.address] = (f"same_as: {other.address}", ("same", own, other))
        elif own.address in targets:
            continue
        elif kind == "fixed":
            said[own.address] = (f"fixed: {mean}{shown}", ("at", own, at, mean, 0.0, False))
        else:
            standard = kind == "standardised"
            scale = ", scale: standardised" if standard else ""
            said[own.address] = (f"normal: [{mean}, {sd}]{scale}{shown}", ("at", own, at, mean, sd, standard))
    return said


def point_at(equation, data, at):
    """Columns at the moderators' values named by `at`, all others at 0."""
    point = dict.fromkeys(columns_of(equation), 0.0)
    for column in point:
        name, _, category = column.partition("=")
        if name in at:
            own = data[name]
            if isinstance(own, Categories):
                point[column] = float(category == at[name])
            else:
                point[column] = own.mean if at[name] == "mean" else float(at[name])
    return point


@pytest.mark.parametrize("seed", SEEDS)
def test_a_theorys_prior_holds_where_it_says(seed):
    plain, data, text, frame = world(seed)
    rng = np.random.default_rng(1000 + seed)
    response = ["m", "y"][seed % 2]
    said = random_priors(rng, plain, data, response)
    theory = mx.parse(
        text + "priors:\n" + "".join(f"  {address}: {{{words}}}\n" for address, (words, _) in said.items())
    )
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    equation = plan.equation(response)
    beliefs = state_beliefs(plan, equation, data)
    assert beliefs.exactly_normal
    for address, (_, fact) in said.items():
        if fact[0] == "same":
            one, other = (equation.addresses.index(each.address) for each in fact[1:])
            tiny = 1e-12 * np.abs(beliefs.matrix).max()
            assert beliefs.offset[one] == pytest.approx(beliefs.offset[other], abs=1e-10 * np.abs(beliefs.offset).max())
            np.testing.assert_allclose(beliefs.matrix[one], beliefs.matrix[other], atol=tiny)
            continue
        _, own, at, mean, sd, standard = fact
        unit = 1.0
        if standard:
            unit = data.numbers(response).sd if equation.link == "identity" else 1.0
            unit /= np.prod([standard_of(data, f.column).scale ** f.power for f in own.factors])
        point = point_at(equation, data, at)
        tiny = 1e-12 * max(size_of(beliefs.matrix, point), size_of(beliefs.offset, point))
        effects = np.array([taylor(equation, column, own.factors, point) for column in beliefs.matrix.T])
        assert taylor(equation, beliefs.offset, own.factors, point) == pytest.approx(mean * unit, abs=tiny), address
        assert np.linalg.norm(effects) == pytest.approx(sd * unit, rel=1e-9, abs=tiny), address


def test_drawn_quantities_have_the_declared_moments():
    theory = mx.parse(
        "arrows:\n  x -> y: {moderated_by: [w]}\npriors:\n  x -> y: {normal: [0.4, 0.1], scale: standardised, at: {w: mean}}\n"
    )
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(2, 3, 50), "w": rng.normal(80, 5, 50), "y": rng.normal(0, 7, 50)})
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    beliefs = state_beliefs(plan, plan.equation("y"), data)
    raw = rng.standard_normal((40_000, beliefs.matrix.shape[1])) @ beliefs.matrix.T + beliefs.offset
    names = plan.equation("y").addresses
    slope = raw[:, names.index("x -> y")] + raw[:, names.index("x * w -> y")] * frame.w.mean()
    unit = frame.y.std() / frame.x.std()
    assert slope.mean() == pytest.approx(0.4 * unit, abs=5 * 0.1 * unit / 200)
    assert slope.std() == pytest.approx(0.1 * unit, rel=5 / np.sqrt(2 * 40_000))


# --- a slope that bends ---

BENT = "arrows:\n  w -> y: {shape: quadratic%s}\n"
SAID = "priors:\n  w -> y: {normal: [0.4, 0.1], %s}\n"


def bent_world(text):
    rng = np.random.default_rng(8)
    w, v = rng.normal(50, 10, 60), rng.normal(20, 3, 60)
    frame = pd.DataFrame(
        {"w": w, "v": v, "g": np.arange(60) % 3, "y": 4 + 0.3 * w - 0.004 * w**2 + rng.normal(0, 3, 60)}
    )
    frame["g"] = frame.g.map(dict(enumerate("abc")))
    theory = mx.parse("variables:\n  w, v, y:\n  g: {family: categorical, values: [a, b, c]}\n" + text)
    return mx.compile(theory), mx.bind(theory, frame), frame


def slopes_at(plan, raw, w, v=0.0, **categories):
    """dη/dw of a linear predictor whose raw coefficients are the columns of `raw`, by hand."""
    raw = dict(zip(plan.equation("y").addresses, raw, strict=True))
    slope = raw["w -> y"] + 2 * raw["w^2 -> y"] * w
    slope = slope + (raw.get("w * v -> y", 0) + 2 * raw.get("w^2 * v -> y", 0) * w) * v
    for column, value in categories.items():
        slope = slope + (raw[f"w * g={column} -> y"] + 2 * raw[f"w^2 * g={column} -> y"] * w) * value
    return slope


@pytest.mark.parametrize(
    ("moderated", "at", "where"),
    [
        ("", "w: mean", lambda frame: {"w": frame.w.mean()}),
        ("", "w: 62.5", lambda _: {"w": 62.5}),
        ("", "w: 0", lambda _: {"w": 0.0}),
        (", moderated_by: [v]", "w: mean, v: mean", lambda frame: {"w": frame.w.mean(), "v": frame.v.mean()}),
        (", moderated_by: [v]", "v: 21, w: 40", lambda _: {"w": 40.0, "v": 21.0}),
        (", moderated_by: [g]", "w: mean, g: c", lambda frame: {"w": frame.w.mean(), "c": 1.0}),
        (", moderated_by: [v, g]", "w: 45, v: 19, g: b", lambda _: {"w": 45.0, "v": 19.0, "b": 1.0}),
    ],
)
@pytest.mark.parametrize("scale", ["raw", "standardised"])
def test_a_prior_on_a_bent_slope_holds_at_one_value_of_the_cause(moderated, at, where, scale):
    plan, data, frame = bent_world(BENT % moderated + SAID % f"scale: {scale}, at: {{{at}}}")
    beliefs = state_beliefs(plan, plan.equation("y"), data)
    unit = 1.0 if scale == "raw" else frame.y.std() / frame.w.std()
    place = where(frame)
    assert slopes_at(plan, beliefs.offset, **place) == pytest.approx(0.4 * unit, rel=1e-8)
    assert np.linalg.norm(slopes_at(plan, beliefs.matrix, **place)) == pytest.approx(0.1 * unit, rel=1e-8)
    elsewhere = np.linalg.norm(slopes_at(plan, beliefs.matrix, **(place | {"w": place["w"] + 5})))
    assert elsewhere > 0.11 * unit


def test_a_fixed_bent_slope_is_fixed_there_in_every_draw():
    plan, data, frame = bent_world(BENT % "" + "priors:\n  w -> y: {fixed: -0.25, at: {w: mean}}\n")
    beliefs = state_beliefs(plan, plan.equation("y"), data)
    draws = mx.sample(plan, data, seed=1, draws=50, chains=1, engine="exact").parameters
    slope = draws["w -> y"] + 2 * draws["w^2 -> y"] * frame.w.mean()
    assert beliefs.names == ("1 -> y", "w^2 -> y")
    np.testing.assert_allclose(slope, -0.25, rtol=1e-9)
    assert draws["w -> y"].std() > 0.01


def test_the_product_of_a_bent_cause_holds_where_it_says():
    said = "priors:\n  w * v -> y: {normal: [0.4, 0.1], at: {w: mean}}\n"
    plan, data, frame = bent_world(BENT % ", moderated_by: [v]" + said)
    beliefs = state_beliefs(plan, plan.equation("y"), data)
    w = frame.w.mean()
    for raw, size in ((beliefs.offset, 0.4), (beliefs.matrix, 0.1)):
        moved = slopes_at(plan, raw, w, 1.0) - slopes_at(plan, raw, w, 0.0)
        assert np.linalg.norm(moved) == pytest.approx(size, rel=1e-8)


@pytest.mark.parametrize(
    ("moderator", "at", "where"),
    [
        ("w(session)", "mean", 0.0),  # a departure is 0 on average, wherever w itself lies
        ("w(session)", "3", 3.0),
        ("w(client)", "mean", "mean"),
        ("w", "mean", "mean"),
        ("d", "mean", "change"),
        ("d", "2", 2.0),
    ],
)
def test_the_mean_of_a_moderator_is_that_of_the_part_that_moderates(moderator, at, where):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"client": np.repeat(range(8), 5), "session": np.tile(range(5), 8)})
    frame = frame.assign(x=rng.normal(size=40), w=rng.normal(20, 4, 40), y=rng.normal(size=40))
    theory = mx.parse(
        "levels: [session, client]\ntime: session\nvariables: {x: , w: , y: , d: {is: w - w(0)}}\n"
        f"arrows:\n  x(whole) -> y: {{moderated_by: [{moderator}]}}\n"
        + f"priors:\n  x(whole) -> y: {{normal: [0.4, 0.1], at: {{{moderator[0]}: {at}}}}}\n"
    )
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    equation = plan.equation("y")
    beliefs = state_beliefs(plan, equation, data)
    change = frame.w - frame.groupby("client").w.transform("first")
    place = {"mean": frame.w.mean(), "change": change.mean()}.get(where, where)
    names = [f"x(whole){more} -> y" for more in ("", f" * {moderator}")]
    slope, product = (equation.addresses.index(name) for name in names)
    for raw, size in ((beliefs.offset, 0.4), (beliefs.matrix, 0.1)):
        assert np.linalg.norm(raw[slope] + place * raw[product]) == pytest.approx(size, rel=1e-8)


def test_where_the_priors_hold_reaches_the_exact_engine():
    """Against the conjugate posterior in (level, slope at w = 52, bend), the numbers that the priors speak about."""
    text = (
        BENT % "" + "priors:\n  w -> y: {normal: [0.5, 0.05], at: {w: 52}}\n  w^2 -> y: {normal: [0, 0.01]}\n"
        "  1 -> y: {normal: [5, 4]}\n  sigma(y): {fixed: 3}\n"
    )
    plan, data, frame = bent_world(text)
    draws = mx.sample(plan, data, seed=4, draws=10_000, chains=2, engine="exact").parameters
    turn = np.array([[1, 0, 0], [0, 1, -2 * 52], [0, 0, 1.0]])  # raw = turn @ (level, slope at 52, bend)
    design = np.column_stack([np.ones(60), frame.w, frame.w**2]) @ turn
    mean, precision = np.array([5, 0.5, 0]), np.diag([1 / 4, 1 / 0.05, 1 / 0.01]) ** 2.0
    cov = np.linalg.inv(design.T @ design / 9 + precision)
    mean = turn @ cov @ (design.T @ frame.y / 9 + precision @ mean)
    for address, centre, sd in zip(
        plan.equation("y").addresses, mean, np.sqrt(np.diag(turn @ cov @ turn.T)), strict=True
    ):
        assert draws[address].mean() == pytest.approx(centre, abs=4.5 * sd / np.sqrt(20_000))
        assert draws[address].std() == pytest.approx(sd, rel=4.5 / np.sqrt(2 * 20_000))


@pytest.mark.parametrize(
    ("moderated", "prior", "words"),
    [
        ("", "w -> y: {normal: [0, 1]}", ["'w -> y' speaks at w = 0", "w runs from 2", "at: {w: mean}", "text:8"]),
        ("", "w -> y: {normal: [0, 1], scale: standardised}", ["speaks at w = 0", "at: {w: mean}"]),
        (", moderated_by: [v]", "w -> y: {normal: [0, 1], at: {v: mean}}", ["speaks at w = 0", "at: {w: mean}"]),
        (", moderated_by: [v]", "w -> y: {normal: [0, 1], at: {w: mean}}", ["speaks at v = 0", "at: {v: mean}"]),
        (", moderated_by: [v]", "w * v -> y: {normal: [0, 1]}", ["'w * v -> y' speaks at w = 0", "at: {w: mean}"]),
        ("", "w -> y: {normal: [0, 1], at: {w: cbt}}", ["at w", "'cbt' is not a number"]),
    ],
)
def test_a_prior_on_a_bent_slope_outside_the_data_is_refused(moderated, prior, words):
    plan, data, _ = bent_world(BENT % moderated + f"priors:\n\n  {prior}\n")
    with pytest.raises(DataError) as refused:
        state_beliefs(plan, plan.equation("y"), data)
    for word in words:
        assert word in str(refused.value)


def test_the_bend_itself_and_data_around_0_need_no_place():
    plan, data, frame = bent_world(BENT % "" + "priors:\n  w^2 -> y: {normal: [0, 0.01]}\n")
    assert state_beliefs(plan, plan.equation("y"), data).exactly_normal
    theory = mx.parse(BENT % "" + "priors:\n  w -> y: {normal: [0.4, 0.1]}\n")
    plan, data = mx.compile(theory), mx.bind(theory, frame.assign(w=frame.w - 50))
    beliefs = state_beliefs(plan, plan.equation("y"), data)
    assert beliefs.offset[1] == pytest.approx(0.4, rel=1e-9)
    assert np.linalg.norm(beliefs.matrix[1]) == pytest.approx(0.1, rel=1e-9)


# --- equalities and numbers ---


def test_fixed_same_as_and_theory_priors_leave_the_rest_to_the_defaults():
    theory = mx.parse(
        "arrows:\n  x, w, v, u -> y:\npriors:\n  x -> y: {fixed: 0.5}\n  w -> y: {same_as: v -> y}\n  u -> y: {student: [4, 0, 1]}\n"
    )
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(30, 5)), columns=list("xwvuy"))
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    beliefs = state_beliefs(plan, plan.equation("y"), data)
    assert beliefs.names == ("1 -> y", "v -> y", "u -> y")
    assert not beliefs.exactly_normal
    raw = beliefs.matrix @ rng.normal(size=3) + beliefs.offset
    assert raw[1] == pytest.approx(0.5, abs=1e-13)
    assert raw[2] == pytest.approx(raw[3], abs=1e-13)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("shift", [False, True])
def test_units_do_not_matter(seed, shift):
    """Another unit for every number: the standardised posterior is the same, draw by draw.

    A denied lower-order term is denied at 0 of the data, so a shift of zero is another theory there.
    """
    rng = np.random.default_rng(seed)
    text = random_text(rng, normal=True, denials=not shift)
    theory = mx.parse(text)
    frame = random_frame(rng, theory)
    other = frame.copy()
    for name, factor, move in (("x", 1000.0, 17.0), ("w", 0.001, -3.0), ("m", 1000.0, 250.0), ("y", 1000.0, -40.0)):
        other[name] = frame[name] * factor + (move if shift else 0.0)
    fits = [mx.fit(theory, each, seed=5, draws=50, chains=2) for each in (frame, other)]
    for response in ("m", "y"):
        shown = []
        for fit in fits:
            data, equation = fit.data, fit.plan.equation(response)
            view = ColumnView(data)
            columns = {name: view[name][:, None] for name in columns_of(equation)}
            eta = linear_predictor(equation, fit.parameters, columns)
            own = data.numbers(response)
            shown.append(((eta - own.mean) / own.sd, fit.parameters[f"sigma({response})"] / own.sd))
        np.testing.assert_allclose(shown[0][0], shown[1][0], atol=1e-8)
        np.testing.assert_allclose(shown[0][1], shown[1][1], rtol=1e-8)


@pytest.mark.parametrize("seed", range(8))
def test_the_default_prior_moves_a_slope_by_less_than_a_tenth_of_its_error(seed):
    rng = np.random.default_rng(seed)
    alliance = rng.normal(50, 10, 60)
    outcome = 100 + 15 * (0.3 * (alliance - 50) / 10 + np.sqrt(1 - 0.09) * rng.normal(size=60))
    frame = pd.DataFrame({"alliance": alliance, "outcome": outcome})
    fit = mx.fit(mx.parse("arrows:\n  alliance -> outcome:\n"), frame, seed=seed, draws=5000)
    design = np.column_stack([np.ones(60), alliance])
    solution, (rest,), *_ = np.linalg.lstsq(design, outcome)
    error = np.sqrt(rest / 58 * np.linalg.inv(design.T @ design)[1, 1])
    slope = fit.parameters["alliance -> outcome"]
    assert abs(slope.mean() - solution[1]) < 0.1 * error + 4 * error / np.sqrt(20_000)
    assert slope.std() == pytest.approx(error, rel=0.1)


# --- refusals, and what is printed ---

MODERATED = "variables:\n  x, w, y:\n  g: {family: categorical, values: [a, b]}\narrows:\n  x -> y: {moderated_by: [w, g]}\npriors:\n"


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ("x -> y: {normal: [0, 1]}", ["'x -> y'", "at w = 0", "runs from 4", "at: {w: mean}", "text:7"]),
        ("x -> y: {normal: [0, 1], at: {w: +1 sd}}", ["at w", "'+1 sd' is not a number"]),
        ("x -> y: {normal: [0, 1], at: {w: mean, g: c}}", ["g has no value 'c'", "a and b"]),
        ("x -> y: {beta: [1, 1], scale: standardised, at: {w: mean}}", ["beta", "between 0 and 1", "standardised"]),
    ],
)
def test_a_prior_that_cannot_hold_on_these_data_is_refused(prior, words):
    theory = mx.parse(f"{MODERATED}  {prior}\n")
    frame = pd.DataFrame({"x": [1, 2, 3, 4, 5.5], "w": [4, 5, 7, 6, 9.0], "y": [2, 1, 4, 3, 9.0], "g": list("aabba")})
    with pytest.raises(DataError) as refused:
        state_beliefs(mx.compile(theory), mx.compile(theory).equation("y"), mx.bind(theory, frame))
    for word in words:
        assert word in str(refused.value)


def test_printed_priors_are_in_data_units():
    theory = mx.parse(
        "arrows:\n  x -> m -> y: \n  x -> y: {moderated_by: [m2]}\n  m2 -> y:\n"
        "priors:\n  x -> m: {normal: [0.5, 0.2], scale: standardised}\n  sigma(m): {fixed: 0.5, scale: standardised}\n"
        "  m2 -> y: {fixed: 0.25, scale: standardised}\n  m -> y: {student: [3, 0, 1], above: 0, scale: standardised}\n"
        "  sigma(y): {same_as: sigma(m)}\n"
    )
    x = np.array([0, 2, 4, 6, 8.0])
    frame = pd.DataFrame({"x": x, "m": x[[0, 2, 1, 4, 3]] * 10, "y": x[[1, 0, 2, 4, 3]] / 10, "m2": x[::-1] - 4})
    plan = mx.compile(theory)
    rows = {address: (shown, where) for address, shown, where in print_priors(plan, mx.bind(theory, frame))}
    assert rows["x -> m"] == ("normal(5, 2)", "the theory: normal(0.5, 0.2) in standardised units")
    assert rows["sigma(m)"][0] == f"fixed at {0.5 * frame.m.std():.4g}"
    assert rows["m2 -> y"] == ("fixed at 0.025", "the theory: fixed at 0.25 in standardised units")
    assert rows["m -> y"][0] == "student(3, 0, 0.01) > 0"
    assert rows["sigma(y)"][0] == "the same as sigma(m)"
    assert rows["x -> y"] == ("normal(0, 0.25)", "default: 2.5 standardised, with m2 at its mean")
    assert rows["1 -> m"] == (f"normal(40, {2.5 * frame.m.std():.4g})", "default: at the means of all causes")
    assert set(rows) == set(plan.parameters)


def words_of(text, frame):
    numbers = [name for name in frame if name != "g"]
    theory = mx.parse(f"variables:\n  {', '.join(numbers)}:\n{GROUPS if 'g' in frame else ''}{text}")
    rows = print_priors(mx.compile(theory), mx.bind(theory, frame))
    return {address: (shown, where) for address, shown, where in rows}


def frame_of(n=24):
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(rng.normal(30, 4, (n, 3)), columns=["w", "v", "y"])
    return frame.assign(g=np.array(list("abc"))[np.arange(n) % 3])


GROUPS = "  g: {family: categorical, values: [a, b, c]}\n"


def test_a_linear_probability_model_is_scaled_by_the_sd_of_its_effect():
    frame = frame_of()[["w", "y"]].assign(y=[0.0, 1.0, 0.0] * 8, z=[1.0, 0.0, 0.0, 1.0] * 6)
    text = "arrows:\n  w, z -> y:\n"
    sd, sw = frame.y.std(), frame.w.std()
    rows = words_of(text, frame)
    assert rows["w -> y"][0] == f"normal(0, {2.5 * sd / sw:.4g})"
    assert rows["z -> y"][0] == f"normal(0, {2.5 * sd:.4g})"
    assert rows["1 -> y"][0] == f"normal({frame.y.mean():.4g}, {2.5 * sd:.4g})"
    assert rows["sigma(y)"] == (f"exponential({1 / sd:.4g})", "default: its mean is sd(y)")
    said = "{normal: [0.5, 0.1], scale: standardised}"
    rows = words_of(
        text + f"priors:\n  w -> y: {said}\n  z -> y: {said}\n  sigma(y): {{fixed: 0.8, scale: standardised}}\n", frame
    )
    assert rows["w -> y"][0] == f"normal({0.5 * sd / sw:.4g}, {0.1 * sd / sw:.4g})"
    assert rows["z -> y"][0] == f"normal({0.5 * sd:.4g}, {0.1 * sd:.4g})"
    assert rows["sigma(y)"] == (f"fixed at {0.8 * sd:.4g}", "the theory: fixed at 0.8 in standardised units")


def test_a_default_says_where_it_speaks():
    rows = words_of("arrows:\n  w -> y: {shape: quadratic, moderated_by: [v]}\n", frame_of()[["w", "v", "y"]])
    assert {address: where for address, (_, where) in rows.items()} == {
        "1 -> y": "default: at the means of all causes",
        "w -> y": "default: 2.5 standardised, at w's own mean, with v at its mean",
        "w^2 -> y": "default: 2.5 standardised, with v at its mean",
        "w * v -> y": "default: 2.5 standardised, at w's own mean",
        "w^2 * v -> y": "default: 2.5 standardised",
        "v -> y": "default: 2.5 standardised, with w at its mean",
        "sigma(y)": "default: its mean is sd(y)",
    }


def test_categories_are_at_the_samples_shares():
    rows = words_of("arrows:\n  w -> y: {moderated_by: [v, g]}\n", frame_of())
    assert rows["w -> y"][1] == "default: 2.5 standardised, with g at the sample's shares and v at its mean"
    assert rows["g=b -> y"][1] == "default: 2.5 standardised, with w at its mean"
    assert rows["1 -> y"][1] == "default: at the means of all causes, with g at the sample's shares"
    rows = words_of("arrows:\n  g -> y:\n", frame_of())
    assert rows["1 -> y"][1] == "default: with g at the sample's shares"


def test_a_theorys_intercept_is_at_0_of_all_causes():
    text = "arrows:\n  w%s -> y:\npriors:\n  1 -> y: {%s}\n"
    assert words_of(text % ("", "normal: [8, 4]"), frame_of())["1 -> y"] == (
        "normal(8, 4)",
        "the theory: normal(8, 4), at 0 of all causes",
    )
    rows = words_of(text % (", g", "fixed: 2"), frame_of())
    assert rows["1 -> y"] == ("fixed at 2", "the theory: fixed at 2, at 0 of all causes, with g = a")
    rows = words_of("arrows:\n  w -> y:\n  w -> v:\npriors:\n  1 -> y: {same_as: 1 -> v}\n", frame_of())
    assert rows["1 -> y"] == ("the same as 1 -> v", "the theory: the same as 1 -> v, at 0 of all causes")


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ("{normal: [-0.3, 0.1]}", "normal(-0.3, 0.1)"),
        ("{normal: [-0.3, 0.1], scale: standardised, at: {w: mean}}", "normal(-0.3, 0.1) in standardised units, at w = mean"),
        ("{normal: [-0.3, 0.1], at: {w: 2.50, g: b}}", "normal(-0.3, 0.1), at w = 2.5, at g = b"),
        ("{fixed: 0.5, scale: standardised, at: {w: 30}}", "fixed at 0.5 in standardised units, at w = 30"),
        ("{student: [4, 0, 1], at: {w: mean}, above: 0, below: 2}", "student(4, 0, 1), at w = mean, above 0, below 2"),
        ("{same_as: v -> y}", "the same as v -> y"),
    ],
)  # fmt: skip
def test_a_prior_is_shown_in_one_line(prior, words):
    header = f"variables:\n  w, v, y:\n{GROUPS}arrows:\n  v -> y:\n  w -> y: {{shape: quadratic, moderated_by: [g]}}\n"
    plan = mx.compile(mx.parse(f"{header}priors:\n  w -> y: {prior}\n"))
    assert shown_prior(plan.prior("w -> y")) == words
    assert f"prior on w -> y: {words}" in repr(plan)
