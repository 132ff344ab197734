"""Curves on paper: their lines, bands and shaded ground are the posterior's."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

import mechanisms as mx


def drawn_line(axes, color):
    (line,) = [line for line in axes.lines if line.get_color() == color and line.get_linewidth() == 1.8]
    return line.get_data()


def bands(axes):
    """Lower and upper ends of what is filled, widest first, at the first and last place."""
    found = []
    for each in axes.collections:
        if isinstance(each, PolyCollection):
            corners = each.get_paths()[0].vertices
            low = corners[:, 0].min()
            found.append((corners[corners[:, 0] == low, 1].min(), corners[corners[:, 0] == low, 1].max()))
    return sorted(found, key=lambda ends: ends[0] - ends[1])


@pytest.fixture(scope="module")
def moderated(small_frame):
    frame = small_frame.assign(y=small_frame.y + 0.5 * small_frame.x * small_frame.w)
    fit = mx.fit(mx.parse("arrows:\n  x -> y: {moderated_by: w}\n"), frame, seed=1, draws=500)
    return mx.moderate(fit, mx.Question(of="x", on="y"), "w")


@pytest.fixture(scope="module")
def turning(small_fit):
    return mx.turning_point(small_fit, "m", "y")


def test_effect_along_a_moderator(moderated, tmp_path):
    figure = mx.curve(moderated, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 10_000
    (axes,) = figure.axes
    x, y = drawn_line(axes, "#1f5a94")
    table = moderated.curve(points=len(x))
    np.testing.assert_allclose(x, table.index)
    np.testing.assert_allclose(y, table["mean"])
    first = table.iloc[0]
    expected = [(first.lower_everywhere, first.upper_everywhere), (first.lower, first.upper)]
    np.testing.assert_allclose(bands(axes), expected, atol=1e-12)
    assert axes.get_xlabel() == "w"


def test_ground_is_shaded_where_the_band_excludes_0(moderated):
    figure = mx.curve(moderated)
    (axes,) = figure.axes
    shaded = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
    found = [region for region in moderated.curves[0].regions if region.band == "pointwise"]
    assert found
    np.testing.assert_allclose(shaded, [(region.low, region.high) for region in found])
    ends = sum(not region.opens for region in found) + sum(not region.closes for region in found)
    marks = [text.get_text() for text in axes.texts if text.get_color() == "#a8571b"]
    assert len(marks) == ends > 0


def test_every_case_has_a_tick(moderated, small_frame):
    (axes,) = mx.curve(moderated).axes
    (ticks,) = [line for line in axes.lines if line.get_marker() == "|"]
    np.testing.assert_array_equal(np.sort(ticks.get_xdata()), np.sort(small_frame["w"]))


def test_outcome_along_the_exposure(turning):
    (axes,) = mx.curve(turning).axes
    x, y = drawn_line(axes, "#1f5a94")
    np.testing.assert_allclose(y, turning.curve(points=len(x))["mean"])
    bars = np.array([bar.get_height() for bar in axes.patches if bar.get_width() < (x[-1] - x[0]) / 50])
    turn = turning.turns[0]
    assert np.count_nonzero(bars) == np.count_nonzero(
        np.histogram(turn.turning[~np.isnan(turn.turning)], bins=60, range=(x[0], x[-1]))[0]
    )


def test_several_curves_share_their_scale(small_frame):
    frame = small_frame.assign(arm=np.tile(["a", "b", "c"], 100))
    text = (
        "variables: {x: , y: , w: , arm: {family: categorical, values: [a, b, c]}}\n"
        "arrows:\n  x -> y: {moderated_by: [w, arm]}\n"
    )
    fit = mx.fit(mx.parse(text), frame, seed=1, draws=100)
    found = mx.moderate(fit, mx.Question(of="x", on="y"), ["w", "arm"])
    figure = mx.curve(found)
    assert len(figure.axes) == 3
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    boxes = [axes.get_position() for axes in figure.axes]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    with pytest.raises(mx.MechanismsError, match="7 curves do not fit"):
        mx.curve(mx.Moderated(found.effects, found.by, (*found.curves * 2, found.curves[0]), found.mass))
    with pytest.raises(mx.MechanismsError, match="there is no curve: the moderators are categories"):
        mx.curve(mx.moderate(fit, mx.Question(of="x", on="y"), "arm"))


def test_what_has_no_curve_is_refused(small_effects):
    with pytest.raises(mx.MechanismsError, match="effects have mx"):
        mx.curve(small_effects)


def test_a_curve_leaves_no_figure_open(moderated, turning):
    before = plt.get_fignums()
    mx.curve(moderated)
    mx.curve(turning)
    assert plt.get_fignums() == before


def test_one_draw_is_drawn(small_frame):
    """Stated parameters have no uncertainty: a line and no bars but where it turns."""
    plan = mx.compile(mx.parse("arrows:\n  x -> y: {shape: quadratic}\n"))
    frame = pd.DataFrame({"x": np.linspace(-1, 2, 20), "y": np.zeros(20) + np.arange(20)})
    fit = mx.pin(plan, mx.bind(plan.theory, frame), {"1 -> y": 0, "x -> y": 0, "x^2 -> y": 1, "sigma(y)": 1})
    figure = mx.curve(mx.turning_point(fit, "x", "y"))
    assert "P(U) = 1.00" in [text.get_text() for text in figure.axes[0].texts]


def test_a_diagram_says_what_a_whole_curve_has():
    """Of a gp amplitude and lengthscale and none of its twenty waves; of an S-curve the climb, its middle and its width."""
    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(40, 3)), columns=["x", "z", "y"])
    theory = mx.parse("arrows:\n  x -> y: {shape: gp}\n  z -> y: {shape: logistic}\n")
    numbers = {f"x[{j}] -> y": 0.1 for j in range(1, 21)} | {"1 -> y": 0.0, "sigma(y)": 1.0, "z -> y": 2.0}
    numbers |= {"amplitude(x -> y)": 0.7, "lengthscale(x -> y)": 1.3, "midpoint(z -> y)": 0.4, "width(z -> y)": 0.6}
    fit = mx.pin(mx.compile(theory), mx.bind(theory, frame), numbers)
    drawn = "\n".join(text.get_text() for text in mx.diagram(theory, fit, labels=True).axes[0].texts)
    for said in ("amplitude: 0.7", "lengthscale: 1.3", "S-curve(z)", "midpoint: 0.4", "width: 0.6"):
        assert said in drawn, said
    assert "wave" not in drawn
