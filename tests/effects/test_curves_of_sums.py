"""Effects through curves of computed variables without levels, against sums over noise written out at stated parameters."""

import re

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from small_worlds import noise, pinned, values

import mechanisms as mx
from mechanisms.effects.questions.population import find_population

PEOPLE = 60
TEXT = """
variables: {x: , w: , pre: , m: , post: , gain: {is: post - pre + 0.8 * m}, y: OUTCOME}
arrows:
  x -> m:
  x, pre, m -> post:
  gain -> y: {shape: SHAPE, moderated_by: w}
  x -> y:
"""
NUMBERS = {"1 -> m": 0.3, "x -> m": 0.8, "sigma(m)": 0.7, "1 -> post": -0.2, "x -> post": 0.4, "pre -> post": 0.6,
           "m -> post": -0.5, "sigma(post)": 0.9, "1 -> y": 0.1, "w -> y": 0.2, "x -> y": 0.15}  # fmt: skip
SPLINE = {"gain[1] -> y": 0.9, "gain[2] -> y": 0.4, "gain[3] -> y": -0.7, "gain[1] * w -> y": 0.3, "gain[2] * w -> y": -0.4,
          "gain[3] * w -> y": 0.5}  # fmt: skip
PIECES = {"gain[1] -> y": 0.5, "gain[2] -> y": -0.3, "gain[1] * w -> y": 0.1, "gain[2] * w -> y": 0.2}
SQUARE = {"gain -> y": 0.3, "gain^2 -> y": -0.2, "gain * w -> y": 0.1, "gain^2 * w -> y": 0.05}
SHAPES = {"{spline: 3}": SPLINE, "{piecewise: [0.5]}": PIECES, "quadratic": SQUARE}


@pytest.fixture(scope="module")
def frame():
    return noise(PEOPLE, "x", "w", "pre", "m", "post", "y", seed=3)


def spline(gains, heights):
    """A natural cubic through heights at the tertiles of the data, straight beyond them."""
    knots = np.quantile(gains, np.linspace(0, 1, len(heights) + 1))
    curve = CubicSpline(knots, [0, *heights], bc_type="natural")

    def at(gain):
        inside = np.clip(gain, knots[0], knots[-1])
        return curve(inside) + curve(inside, 1) * (gain - inside)

    return lambda gain: at(gain) - at(0.0)


def curves(shape, frame):
    """The curve, and its change for each unit of w."""
    numbers = list(SHAPES[shape].values())
    plain, more = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
    if shape == "quadratic":
        return [lambda gain, b=b: b[0] * gain + b[1] * gain**2 for b in (plain, more)]
    if "piece" in shape:
        return [
            lambda gain, b=b: b[0] * np.minimum(gain, 0.5) + b[1] * np.maximum(gain - 0.5, 0) for b in (plain, more)
        ]
    gains = (frame["post"] - frame["pre"] + 0.8 * frame["m"]).to_numpy()
    return [spline(gains, heights) for heights in (plain, more)]


def average(frame, shape, x, *, x_direct=None, pre=None, m=None, binary=False):
    """The mean outcome where x is set; y itself may see another x. Noise is summed over on a fine grid: gain is normal."""
    n, grid = NUMBERS, np.linspace(-8, 8, 4001)[:, None]
    before = frame["pre"].to_numpy() if pre is None else pre
    mean_m = n["1 -> m"] + n["x -> m"] * x if m is None else m
    mean = n["1 -> post"] + n["x -> post"] * x + (n["pre -> post"] - 1) * before + (n["m -> post"] + 0.8) * mean_m
    sd = np.hypot(n["sigma(post)"], 0 if m is not None else (n["m -> post"] + 0.8) * n["sigma(m)"])
    gain = mean + sd * grid
    plain, more = curves(shape, frame)
    w = frame["w"].to_numpy()
    eta = (
        n["1 -> y"]
        + n["w -> y"] * w
        + plain(gain)
        + more(gain) * w
        + n["x -> y"] * (x if x_direct is None else x_direct)
    )
    density = np.exp(-(grid**2) / 2)
    return float((density * (1 / (1 + np.exp(-eta)) if binary else eta)).mean(axis=1).sum() / density.sum())


def test_the_averages_are_those_of_people_who_are_drawn(frame):
    """The grid above against 20 000 draws of everybody, noise by noise."""
    rng, n, runs = np.random.default_rng(11), NUMBERS, 20_000
    m = n["1 -> m"] + n["x -> m"] * 1.5 + n["sigma(m)"] * rng.normal(size=(runs, PEOPLE))
    pre, w = frame["pre"].to_numpy(), frame["w"].to_numpy()
    post = n["1 -> post"] + n["x -> post"] * 1.5 + n["pre -> post"] * pre + n["m -> post"] * m
    gain = post + n["sigma(post)"] * rng.normal(size=post.shape) - pre + 0.8 * m
    plain, more = curves("{spline: 3}", frame)
    found = (n["1 -> y"] + n["w -> y"] * w + plain(gain) + more(gain) * w + n["x -> y"] * 1.5).mean(axis=1)
    assert average(frame, "{spline: 3}", 1.5) == pytest.approx(found.mean(), abs=4 * found.std() / np.sqrt(runs))


def pin(frame, shape, outcome=""):
    numbers = NUMBERS | SHAPES[shape] | ({} if outcome else {"sigma(y)": 1.0})
    return pinned(TEXT.replace("SHAPE", shape).replace("OUTCOME", outcome), frame, numbers)


@pytest.mark.parametrize("shape", SHAPES)
def test_effects_through_a_curve_of_a_sum(frame, shape):
    """x moves two of the three parts, and one of these the other; pre is a part and moves another."""
    fit = pin(frame, shape)
    asked = {"of": "x", "on": "y", "contrast": (-1, 1.5)}
    one, other = average(frame, shape, -1), average(frame, shape, 1.5)
    between = average(frame, shape, -1, x_direct=1.5)
    assert values(mx.estimate(fit, mx.Question(**asked)))["total"] == pytest.approx(other - one, abs=2e-4)
    indirect = values(mx.estimate(fit, mx.Question(**asked, kind="indirect")))["indirect"]
    assert indirect == pytest.approx(other - between, abs=2e-4)
    assert values(mx.estimate(fit, mx.Question(**asked, kind="direct")))["direct"] == pytest.approx(2.5 * 0.15)
    held = mx.estimate(fit, mx.Question(**asked, kind="controlled", set={"m": 0.4}))
    wanted = average(frame, shape, 1.5, m=0.4) - average(frame, shape, -1, m=0.4)
    assert values(held)["controlled"] == pytest.approx(wanted, abs=2e-4)
    seen = {"x": frame["x"].to_numpy(), "m": frame["m"].to_numpy()}  # pre moves neither
    wanted = average(frame, shape, pre=2.0, **seen) - average(frame, shape, pre=-0.5, **seen)
    moved = mx.estimate(fit, mx.Question(of="pre", on="y", contrast=(-0.5, 2)))
    assert values(moved)["total"] == pytest.approx(wanted, abs=2e-4)


def test_noise_through_a_curve_of_a_sum_and_a_link(frame):
    fit = pin(frame.assign(y=(frame["y"] > 0) * 1), "{spline: 3}", "{family: bernoulli}")
    one, other = (average(frame, "{spline: 3}", x, binary=True) for x in (-1, 1.5))
    found = values(mx.estimate(fit, mx.Question(of="x", on="y", contrast=(-1, 1.5))))["total"]
    assert found == pytest.approx(other - one, abs=2e-5)


def test_slopes_along_a_curve_of_a_sum(frame):
    """At the means of the parts: (d post/d x) times the curve's derivative there, and so on, added up over paths."""
    fit = pin(frame, "{spline: 3}")
    found = values(mx.differentiate(fit, "x", "y", at=[0.7], covariates={"w": 0.0, "pre": 0.2}))
    plain, _ = curves("{spline: 3}", frame)
    m = 0.3 + 0.8 * 0.7
    gain = -0.2 + 0.4 * 0.7 + 0.6 * 0.2 - 0.5 * m - 0.2 + 0.8 * m
    slope = (plain(gain + 1e-5) - plain(gain - 1e-5)) / 2e-5
    wanted = {
        "x -> post -> gain -> y": 0.4,
        "x -> m -> gain -> y": 0.8 * 0.8,
        "x -> m -> post -> gain -> y": 0.8 * -0.5,
    }
    for path, share in wanted.items():
        (one,) = (value for label, value in found.items() if label.startswith(path))
        assert one == pytest.approx(share * slope, rel=1e-6)


def test_whom_a_value_of_the_sum_is_asked_of(frame):
    """at: {gain: 0.4} puts the curve there, not only the sum: all that x does then is in the products."""
    text = "variables: {x: , pre: , post: , gain: {is: post - pre}, y: }\narrows: {gain -> y: {shape: {spline: 3}, moderated_by: x}}"
    numbers = {"1 -> y": 0, "x -> y": 0.5, "sigma(y)": 1} | {f"gain[{j}] -> y": 0.1 for j in (1, 2, 3)}
    heights = {f"gain[{j}] * x -> y": number for j, number in enumerate((0.3, -0.4, 0.9), start=1)}
    fit = pinned(text, frame, numbers | heights)
    curve = spline((frame["post"] - frame["pre"]).to_numpy(), list(heights.values()))
    for at in (-1.1, 0.4):
        found = mx.estimate(fit, mx.Question(of="x", on="y", at={"gain": at}, contrast=(0, 1)))
        assert found.rows[0].draws.item() == pytest.approx(0.5 + float(curve(at)))
    people = find_population(fit.data, frozenset({"gain"}), {"post": 0.7}, mx.Question(of="x", on="y"))
    basis = fit.data.bases["gain~spline:3"]
    for piece in (1, 2, 3):
        np.testing.assert_allclose(
            people.columns[f"gain~spline:3[{piece}]"], basis.column(piece, people.columns["gain"])
        )


def test_a_sum_that_leaves_the_data_is_told(frame):
    """post and pre go together, so that gain hardly differs; post = 1.5 is well inside its data, and the gain then is not."""
    frame = frame.assign(post=frame["pre"] + 0.1 * frame["post"])
    text = "variables: {pre: , post: , gain: {is: post - pre}, y: }\narrows: {gain -> y: {shape: {spline: 3}}}"
    fit = pinned(text, frame, {"1 -> y": 0, "sigma(y)": 1} | {f"gain[{j}] -> y": 0.1 for j in (1, 2, 3)})
    assert frame["post"].max() > 1.5
    notes = " ".join(mx.estimate(fit, mx.Question(of="post", on="y", contrast=(0, 1.5))).notes)
    assert re.search(r"where post = 1.5, about \d+% of the values of gain lie outside its data", notes)


@pytest.mark.parametrize("shape", ["quadratic", "{polynomial: 3}", "{spline: 4}", "{bspline: 4}"])
@pytest.mark.parametrize("change", ["shift", "scale"])
def test_units_of_the_parts_do_not_matter(shape, change):
    """The exact engine's draws of effects, with the same seed, after all parts are shifted or given in other units."""
    rng = np.random.default_rng(5)
    frame = noise(200, "x", "pre", "post", seed=6)
    frame["y"] = np.sin(frame["post"] - 2 * frame["pre"]) + rng.normal(size=200)
    text = f"variables: {{x: , pre: , post: , g: {{is: post - 2 * pre}}, y: }}\narrows: {{x -> post: , g -> y: {{shape: {shape}, moderated_by: x}}}}"
    moved = frame.assign(post=frame["post"] + 3, pre=frame["pre"] - 7)
    moved = moved if change == "shift" else frame.assign(post=10 * frame["post"], pre=10 * frame["pre"])
    found = []
    for data, at in (
        (frame, np.array([-0.5, 1.5])),
        (moved, {"shift": np.array([2.5, 4.5])}.get(change, np.array([-5, 15]))),
    ):
        theory = mx.parse(text)
        fit = mx.sample(mx.compile(theory), mx.bind(theory, data), seed=1, draws=50)
        assert {block.engine for block in fit.blocks} == {"exact"}
        questions = mx.Question(of="post", on="y", contrast=tuple(at)), mx.Question(of="x", on="y", contrast=(-1, 1))
        found.append([np.ravel(mx.estimate(fit, each).rows[0].draws) for each in questions])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-12)


def test_a_curve_of_a_sum_turns_along_a_part_and_not_along_itself(frame):
    fit = pin(frame, "quadratic")
    with pytest.raises(mx.SpecError, match="'gain' is computed and cannot be moved by itself"):
        mx.turning_point(fit, "gain", "y")
    with pytest.raises(mx.SpecError, match="by: gain is computed, and nobody can be given a value of it alone"):
        mx.moderate(fit, mx.Question(of="x", on="y"), by="gain")
    text = TEXT.replace("SHAPE", "quadratic").replace("OUTCOME", "")
    fit = pinned(text, frame, NUMBERS | SQUARE | {"gain -> y": -0.1, "sigma(y)": 1.0})
    found = mx.turning_point(fit, "pre", "y")
    rest = -0.2 + 0.4 * frame["x"] + (0.8 - 0.5) * frame["m"]  # gain = rest − 0.4 pre + noise
    line, bend = -0.1 + 0.1 * frame["w"], -0.2 + 0.05 * frame["w"]
    peak = (0.4 * line + 0.8 * bend * rest).mean() / (2 * 0.16 * bend.mean())
    assert found.turns[0].peak == pytest.approx(peak, abs=1e-3)
