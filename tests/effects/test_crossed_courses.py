"""A course at each of two crossed levels: neither lies in the other, and each acts by its own coefficient."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx

TEXT = """
levels: {session: {in: [client, therapist]}, client: , therapist: }
time: session
variables: {m: , y: }
arrows: {'m(session), m(client), m(therapist) -> y': }
"""
TRUTH = {"m(session) -> y": 0.3, "m(client) -> y": -0.7, "m(therapist) -> y": 1.1}


@pytest.fixture(scope="module")
def fit():
    rng, clients, occasions = np.random.default_rng(0), 40, 6
    frame = pd.DataFrame(
        {"client": np.repeat(np.arange(clients), occasions), "session": np.tile(np.arange(occasions), clients)}
    )
    frame["therapist"] = (frame.client + frame.session) % 5
    frame["m"], frame["y"] = rng.normal(size=(2, len(frame)))
    theory = mx.parse(TEXT)
    plan = mx.compile(theory)
    own = {"client": clients, "therapist": 5}
    deviations = {(f"1 -> {name}", level): rng.normal(size=n) for name in "my" for level, n in own.items()}
    return mx.pin(plan, mx.bind(theory, frame), dict.fromkeys(plan.parameters, 0.5) | TRUTH, deviations)


@pytest.mark.parametrize(("question", "wanted"), [
    ({"of": "m(therapist)", "on": "y"}, 1.1),
    ({"of": "m(therapist)", "on": "y", "kind": "direct"}, 1.1),
    ({"of": "m(therapist)", "on": "y(2)", "contrast": [-1, 2]}, 3.3),
    ({"of": "m(therapist)", "on": "y(2)", "set": {"m(client)": 1.0}}, 1.1),
    ({"of": "m(client)", "on": "y(2)", "set": {"m(therapist)": 1.0}}, -0.7),
    ({"of": "m(client)", "on": "y"}, -0.7),
    ({"of": "m(therapist)", "on": "m(2)"}, 1.0),
    ({"of": "m(client)", "on": "m(2)"}, 1.0),
    ({"of": "m(t)", "on": "y(t)"}, 0.3),
])  # fmt: skip
def test_each_course_moves_what_its_own_coefficient_says(fit, question, wanted):
    found = mx.estimate(fit, mx.Question(**question)).summary()["mean"].to_numpy()
    np.testing.assert_allclose(found, [wanted], atol=1e-12)


def test_nothing_of_a_crossed_course_travels_on_by_the_other(fit):
    parts = mx.decompose(fit, of="m(therapist)", on="y").summary()["mean"]
    np.testing.assert_allclose(parts[["total", "direct", "indirect"]], [1.1, 1.1, 0.0], atol=1e-12)
