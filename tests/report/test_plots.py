"""Figures are files, and the numbers on them are the numbers of the posterior."""

import re
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Circle, Ellipse, FancyBboxPatch

from mechanisms.errors import MechanismsError
from mechanisms.infer.sampling import fit as fit_theory
from mechanisms.report.composition import compose
from mechanisms.report.numbers import decimals_for, show, show_interval
from mechanisms.report.plots import diagram, forest, to_svg
from mechanisms.spec.reader import parse

MINUS = "\N{MINUS SIGN}"


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def numbers_in(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text.replace(MINUS, "-"))]


def patches(figure, kind):
    return [patch for patch in figure.axes[0].patches if type(patch) is kind]


@pytest.mark.parametrize(
    ("value", "decimals", "shown"), [(0.1234, 2, "0.12"), (-0.001, 2, "0.00"), (-1.5, 0, "-2"), (12.0, 1, "12.0")]
)
def test_show(value, decimals, shown):
    assert show(value, decimals) == shown


@pytest.mark.parametrize(("width", "decimals"), [(0.2, 2), (0.05, 3), (2, 1), (20, 0), (1e-12, 8), (0, 3), (np.inf, 3)])
def test_decimals_follow_the_width(width, decimals):
    assert decimals_for(width) == decimals


def test_a_number_without_uncertainty_stands_alone():
    assert show_interval(-0.5, -0.5, -0.5) == f"{MINUS}0.5"
    assert show_interval(0.07, -0.04, 0.17) == f"0.07 [{MINUS}0.04, 0.17]"


# --- forest ---


def test_forest_shows_every_row_with_its_numbers(small_effects, tmp_path):
    figure = forest(small_effects, tmp_path / "forest.png")
    shown = texts(figure)
    table = small_effects.summary()
    for label, row in table.iterrows():
        at = shown.index(label.replace("->", "\N{RIGHTWARDS ARROW}"))
        mean, lower, upper = numbers_in(shown[at + 1])
        width = row["upper"] - row["lower"]
        assert [mean, lower, upper] == pytest.approx([row["mean"], row["lower"], row["upper"]], abs=0.05 * width)
    assert (tmp_path / "forest.png").read_bytes()[:4] == b"\x89PNG"


def test_forest_draws_the_intervals(small_effects):
    (axes,) = forest(small_effects).axes
    total = small_effects["total"].draws.reshape(-1)
    ends = [line.get_xdata() for line in axes.lines]
    for mass in (0.95, 0.5):
        wanted = np.quantile(total, [(1 - mass) / 2, (1 + mass) / 2])
        assert any(len(end) == 2 and np.allclose(end, wanted) for end in ends)
    assert any(np.allclose(end, [0, 0]) for end in ends)


def test_forest_groups_its_rows(small_effects):
    labels = [text.replace("\N{RIGHTWARDS ARROW}", "->") for text in texts(forest(small_effects))]
    order = [label for label in labels if label in small_effects.labels]
    assert sorted(order) == sorted(small_effects.labels)
    assert order[0] == "total"
    assert "->" in order[-1]


def test_forest_says_what_the_numbers_are(small_effects):
    figure = forest(small_effects)
    said = figure.axes[0].get_xlabel().replace("\n", " ")
    assert small_effects.contrast in said
    assert "interval" in " ".join(texts(figure))


# --- diagram ---


def test_diagram_shows_the_coefficients(small_fit, tmp_path):
    figure = diagram(small_fit.plan, small_fit, tmp_path / "diagram.png")
    shown = " ".join(texts(figure))
    for address in ("x -> m", "m -> y", "x -> y", "x * w -> y", "c -> m", "e -> y", "w -> y"):
        draws = small_fit.parameters[address]
        lower, upper = np.quantile(draws, [0.025, 0.975])
        assert show_interval(draws.mean(), lower, upper) in shown, address
    assert (tmp_path / "diagram.png").stat().st_size > 5000


def caption(fitted):
    return compose(fitted.plan.theory, fitted).caption


def shown(fitted, address):
    draws = fitted.parameters[address]
    return show_interval(draws.mean(), *np.quantile(draws, [0.025, 0.975]))


def test_a_curve_shows_both_its_numbers(small_fit):
    (link,) = [link for link in compose(small_fit.plan.theory, small_fit).links if link.ends == ("m", "y")]
    assert link.label == (f"{shown(small_fit, 'm -> y')} · m", f"{shown(small_fit, 'm^2 -> y')} · m²")
    assert "m → y where m = 0 (a curve)" in caption(small_fit)
    assert "x → y where w = 0; w → y at x = 0" in caption(small_fit)
    assert "linear" not in caption(small_fit)


def test_a_moderated_curve_shows_both_its_products(small_frame):
    fitted = fit_theory(parse("arrows: {c -> y: {shape: quadratic, moderated_by: w}}"), small_frame, seed=1, draws=200)
    links = {link.kind: link.label for link in compose(fitted.plan.theory, fitted).links if link.label}
    assert links["moderation"] == (f"{shown(fitted, 'c * w -> y')} · c", f"{shown(fitted, 'c^2 * w -> y')} · c²")
    assert "c → y where c = 0 (a curve) and where w = 0" in caption(fitted)


def test_the_caption_names_each_link_with_its_variables(small_frame):
    frame = small_frame.assign(a=[0, 1] * 150, b=[1, 0, 0] * 100, k=[0, 1, 2, 3, 1] * 60)
    text = "variables: {x: , a: {family: bernoulli}, b: {family: bernoulli}, k: {family: poisson}, y: }\narrows: [x -> a, x -> b, x -> k, x -> y]"
    said = caption(fit_theory(parse(text), frame, seed=1, draws=100))
    assert "in data units; a and b on the logit scale; k on the log scale." in said


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ("z", "of: the theory has no variable 'z'"),
        (["x", "yy"], "of: the theory has no variable 'yy'. Did you mean 'y'?"),
        (None, "of: the theory has no variable None"),
        ([3], "of: the theory has no variable 3"),
    ],
)
def test_exposures_are_variables_of_the_theory(of, words):
    with pytest.raises(MechanismsError, match=re.escape(words)):
        diagram(parse("arrows: [x -> y]"), of=of)


def test_one_exposure_is_named_or_listed():
    theory = parse("arrows: [dose -> m -> y, dose -> y, 'c -> m, y']")
    assert to_svg(diagram(theory, of="dose")) == to_svg(diagram(theory, of=["dose"])) != to_svg(diagram(theory))


def test_occasions_to_draw_may_be_a_number_of_numpy():
    theory = parse("levels: [s, c]\ntime: s\nvariables: {x: , y: }\narrows: [x(t-1) -> y]")
    assert to_svg(diagram(theory, unrolled=np.int64(3))) == to_svg(diagram(theory, unrolled=3))


@pytest.mark.parametrize(
    ("declared", "moderator", "words"),
    [
        ("{family: categorical, values: [depression, anxiety, ptsd]}", "dx", "x → y for dx = depression"),
        ("{family: categorical, values: [ptsd, anxiety, depression]}", "dx", "x → y for dx = ptsd"),
        (
            "{family: categorical, values: [depression, anxiety, ptsd]}",
            "dx=ptsd",
            "x → y for dx = depression or anxiety",
        ),
        ("", "w", "x → y where w = 0"),
        ("", "s", "x → y at s = 0"),
        ("{family: bernoulli, values: [male, female]}", "sex", "x → y at sex = male (0)"),
    ],
)
def test_the_caption_says_where_a_moderated_arrow_holds(small_frame, declared, moderator, words):
    name = moderator.partition("=")[0]
    n = len(small_frame)
    frame = small_frame.assign(s=[0, 1] * (n // 2), sex=["male", "female"] * (n // 2))
    frame = frame.assign(dx=["depression", "anxiety", "ptsd"] * (n // 3))
    text = f"variables: {{x: , y: , {name}: {declared or '{}'}}}\narrows: {{x -> y: {{moderated_by: {moderator}}}}}"
    fitted = fit_theory(parse(text), frame, seed=1, draws=200)
    assert words in caption(fitted)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda fit, effects: diagram(fit), "what is drawn should be a Theory, not a Fit"),
        (lambda fit, effects: diagram(fit.plan, effects), "the fit should be a Fit, not Effects"),
        (lambda fit, effects: diagram(fit.plan, "a.png"), "a file's name is path="),
        (lambda fit, effects: forest(fit), "what a forest shows should be Effects, not a Fit"),
        (lambda fit, effects: forest([effects]), "not a list: mx.decompose or mx.estimate makes one"),
        (
            lambda fit, effects: diagram(parse("arrows: [x -> z]"), fit),
            "of another theory: only the theory has 'x -> z'",
        ),
        (lambda fit, effects: diagram(parse("arrows: [x -> m]"), fit), "of another theory: only the fit has"),
    ],
)
def test_drawing_something_else_is_refused(small_fit, small_effects, draw, words):
    with pytest.raises(MechanismsError, match=re.escape(words)):
        draw(small_fit, small_effects)


def test_products_of_several_moderators_name_their_factors(small_frame):
    fitted = fit_theory(parse("arrows: {c -> y: {moderated_by: w * d}}"), small_frame, seed=1, draws=200)
    labels = [line for link in compose(fitted.plan.theory, fitted).links for line in link.label]
    draws = fitted.parameters["c * w * d -> y"]
    assert f"w × d: {show_interval(draws.mean(), *np.quantile(draws, [0.025, 0.975]))}" in labels
    boxes = patches(diagram(fitted.plan, fitted), FancyBboxPatch)
    assert len(boxes) == 4


def test_diagram_without_a_fit_has_names_only():
    figure = diagram(parse("arrows: [x -> m -> y, x -> y]"))
    assert [text for text in texts(figure) if text] == ["x", "m", "y"]
    assert len(patches(figure, FancyBboxPatch)) == 3


def test_boxes_and_labels_do_not_overlap(small_fit):
    figure = diagram(small_fit.plan, small_fit)
    figure.canvas.draw()
    boxes = [patch.get_window_extent() for patch in patches(figure, FancyBboxPatch)]
    labels = [
        text.get_window_extent() for text in figure.axes[0].texts if "[" in text.get_text() and text.get_bbox_patch()
    ]
    assert len(labels) == 4
    assert not any(a.overlaps(b) for a, b in combinations([*boxes, *labels], 2))


def test_signs():
    figure = diagram(
        parse("""
variables: {x: , m: , y: , u: {measured_by: []}, w: }
arrows: {x -> m -> y: , x -> y: {shape: quadratic, moderated_by: w}, "u -> m, y": , m <-> y: }
""")
    )
    assert len(patches(figure, Ellipse)) == 1
    assert len(patches(figure, Circle)) == 2, "the moderator's dot and the ring of the curve"
    dashes = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    assert len(dashes) == 2, "a dashed hidden cause and a dotted moderator"


def test_covariates_need_a_known_exposure():
    text = "arrows: [x -> m -> y, x -> y, 'c -> m, y']"
    roles = {node.name: node.role for node in compose(parse(text), of=["x"]).nodes}
    assert roles == {"x": "variable", "m": "variable", "y": "variable", "c": "covariate"}
    assert {node.role for node in compose(parse(text)).nodes} == {"variable"}


def test_covariates_with_the_same_effects_share_a_box_and_keep_their_hidden_causes():
    text = "arrows: {x -> y: , x -> m: , 'a, b, c -> m, y': , a <-> b: }"
    (box,) = [node for node in compose(parse(text), of=["x"]).nodes if node.role == "covariate"]
    assert box.name == "a, b, c"
    assert ("a \N{LEFT RIGHT ARROW} b",) in box.lines


def test_a_covariate_joined_to_the_rest_stands_with_the_rest():
    text = "arrows: {x -> m -> y: , 'c -> m, y': , c <-> x: }"
    assert {node.role for node in compose(parse(text), of=["x"]).nodes} == {"variable"}


def test_given_positions_are_used():
    text = "variables: {x: {pos: [0, 0]}, y: {pos: [0, 2]}}\narrows: {x -> y: {pos: [1, 1]}}"
    figure = diagram(parse(text))
    at = {text.get_text(): text.get_position() for text in figure.axes[0].texts if text.get_text()}
    assert at["x"][0] == at["y"][0]
    assert at["x"][1] > at["y"][1]
    assert max(figure.axes[0].lines[0].get_xdata()) > at["x"][0] + 0.1


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_figures_are_files_and_pyplot_is_left_alone(tmp_path, suffix):
    path = tmp_path / f"diagram.{suffix}"
    diagram(parse("arrows: [x -> y]"), path=path)
    assert path.stat().st_size > 500
    assert plt.get_fignums() == []


def test_svg_is_the_same_twice():
    theory = parse("arrows: [x -> y]")
    assert to_svg(diagram(theory)) == to_svg(diagram(theory))
