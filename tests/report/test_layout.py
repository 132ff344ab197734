"""Boxes never overlap, causes stand left of effects, arrows that could cross do not."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from mechanisms.report.layout import Box, arrange
from mechanisms.report.picture import Link
from mechanisms.report.positions import complete_positions, stretch
from mechanisms.report.routing import route

SIZE = (1.0, 0.4)


def overlapping(boxes):
    return [(a.name, b.name) for a, b in combinations(boxes.values(), 2) if a.meets(b)]


def random_dag(seed):
    rng = np.random.default_rng(seed)
    names = [f"v{i}" for i in range(int(rng.integers(2, 14)))]
    arrows = [(a, b) for a, b in combinations(names, 2) if rng.random() < 0.35]
    return {name: (float(rng.uniform(0.5, 3)), float(rng.uniform(0.3, 1))) for name in names}, arrows


@pytest.mark.parametrize("seed", range(25))
def test_boxes_of_random_theories_do_not_overlap(seed):
    sizes, arrows = random_dag(seed)
    boxes = arrange(sizes, arrows).boxes
    assert boxes.keys() == sizes.keys()
    assert not overlapping(boxes)
    assert all(boxes[tail].x < boxes[head].x for tail, head in arrows)


@pytest.mark.parametrize("seed", range(25))
def test_boxes_at_given_positions_do_not_overlap(seed):
    rng = np.random.default_rng(seed)
    sizes = {f"v{i}": SIZE for i in range(8)}
    given = {name: tuple(rng.integers(0, 4, 2).astype(float)) for name in sizes}
    boxes, _ = stretch(sizes, given, 0.5)
    assert not overlapping(boxes)


def test_mediation_is_a_triangle_with_a_level_direct_arrow():
    boxes = arrange(dict.fromkeys("xmy", SIZE), [("x", "m"), ("m", "y"), ("x", "y")]).boxes
    assert boxes["x"].y == pytest.approx(boxes["y"].y, abs=0.05)
    assert boxes["m"].y > boxes["x"].y + 0.3


def test_crossings_are_untangled():
    arrows = [("a", "q"), ("b", "p"), ("c", "r")]
    boxes = arrange(dict.fromkeys("abcpqr", SIZE), arrows).boxes
    order = sorted("abc", key=lambda name: boxes[name].y)
    assert [dict(arrows)[name] for name in order] == sorted("pqr", key=lambda name: boxes[name].y)


def test_a_circle_is_not_asked_for_and_layers_are_longest_paths():
    sizes, arrows = random_dag(3)
    boxes = arrange(sizes, arrows, first=list(sizes)).boxes
    drawn = nx.DiGraph(arrows)
    longest = {node: len(nx.dag_longest_path(drawn.subgraph(nx.ancestors(drawn, node) | {node}))) for node in drawn}
    columns = sorted({round(box.x, 6) for box in boxes.values()})
    for node, length in longest.items():
        assert columns.index(round(boxes[node].x, 6)) == length - 1


def test_given_positions_keep_their_directions():
    sizes = dict.fromkeys("xmy", SIZE)
    boxes, _ = stretch(sizes, {"x": (0, 0), "m": (1, -1), "y": (2, 0)}, 0.5)
    assert boxes["x"].x < boxes["m"].x < boxes["y"].x
    assert boxes["m"].y > boxes["x"].y == boxes["y"].y


def test_boxes_without_a_position_get_one_beside_the_given():
    found = arrange(dict.fromkeys("xmy", SIZE), [("x", "m"), ("m", "y")])
    positions = complete_positions(found, {"x": (10.0, 5.0), "y": (30.0, 5.0)})
    assert positions["x"] == (10.0, 5.0)
    assert 10 < positions["m"][0] < 30


def test_labels_stand_clear_of_boxes_and_of_each_other():
    names = ["x", "m1", "m2", "y"]
    links = [Link(a, b, label=("0.12 [-0.34, 0.56]",)) for a, b in combinations(names, 2)]
    layout = arrange(dict.fromkeys(names, SIZE), [link.ends for link in links], gap=1.7)
    routes = route(links, layout.boxes, layout.waypoints, dict.fromkeys(links, (1.2, 0.16)))
    labels = [each.label for each in routes]
    assert len(labels) == 6
    assert not [(label, box) for label in labels for box in layout.boxes.values() if label.meets(box)]
    assert not [pair for pair in combinations(labels, 2) if pair[0].meets(pair[1])]


def test_arrows_run_round_boxes():
    boxes = {name: Box(name, x, 0.0, *SIZE) for name, x in (("x", 0.0), ("m", 2.0), ("y", 4.0))}
    (found,) = route([Link("x", "y")], boxes, {}, {})
    assert not any(boxes["m"].holds(x, y) for x, y in found.curve)
