"""The theories of stages: simulated, bound, and asked; what they answer is what running many clients gives."""

import re

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.infer.simulation import simulate_theory
from mechanisms.spec.parameters import read_parameters

CLIENTS = 8000


@pytest.fixture(scope="module")
def moltu():
    theory = mx.load("moltu_2011")
    frame = simulate_theory("moltu_2011", n=120, seed=1)
    values = read_parameters("moltu_2011").values
    return theory, frame, values, mx.pin(mx.compile(theory), mx.bind(theory, frame), values)


@pytest.fixture(scope="module")
def safran():
    theory = mx.load("safran_muran_2000")
    frame = simulate_theory("safran_muran_2000", n=60, seed=1)
    values = read_parameters("safran_muran_2000").values
    return theory, frame, values, mx.pin(mx.compile(theory), mx.bind(theory, frame), values)


def run(moltu, listening, first):
    """The share of clients in mutuality at the last session when the therapist listens in one way from a session on."""
    theory, frame, values, _ = moltu
    heard = frame.listening.to_numpy().reshape(-1, 12)[np.arange(CLIENTS) % 120].copy()
    heard[:, first - 1 :] = listening
    rows = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), 12), "session": np.tile(np.arange(1, 13), CLIENTS)})
    rows["listening"] = heard.ravel()
    others = frame[["client", "session", "listening"]].assign(
        client=frame.client + CLIENTS
    )  # so that each way is there
    made = mx.simulate(mx.compile(theory), pd.concat([rows, others]), values, seed=5)
    last = made[(made.client < CLIENTS) & (made.session == 12)]
    return (last.activity == "mutuality").mean()


@pytest.mark.slow
def test_a_way_of_listening_changes_how_many_come_to_mutuality(moltu):
    *_, fit = moltu
    question = mx.Question(
        of="listening(t..)", on="outcome", contrast=("neither", "empathic"), population={"new": "client"}
    )
    effects = mx.estimate(fit, question)
    first = int(re.search(r"occasion (\d+) stands", effects.contrast)[1])
    low, high = run(moltu, "neither", first), run(moltu, "empathic", first)
    error = 0.8 * np.sqrt((low * (1 - low) + high * (1 - high)) / CLIENTS)
    assert abs(effects.rows[0].draws.item() - 0.8 * (high - low)) < 4 * error + 0.005 * effects.rows[0].draws.item()


def test_the_next_step_is_a_difference_of_chances_that_sum_to_nothing(moltu):
    *_, fit = moltu
    rows = mx.estimate(
        fit, mx.Question(of="listening(t)", on="activity(t)", contrast=("neither", "to_the_hindrance"))
    ).rows
    found = {row.label: row.draws.item() for row in rows}
    assert sum(found.values()) == pytest.approx(0, abs=1e-12)
    assert found["total [activity=courage]"] > 0


def test_a_rupture_that_is_resolved_does_what_its_steps_say(safran):
    """From unaddressed to asserted: all steps into the alliance; on symptoms the steps, and the alliance's arrow."""
    theory, _, values, fit = safran
    asked = {question.name: question for question in theory.questions}
    alliance = sum(values[f"stage[{k}] -> alliance"] for k in (1, 2, 3))
    symptoms = (
        sum(values[f"stage(t-1)[{k}] -> symptoms"] for k in (1, 2, 3)) + values["alliance(t-1) -> symptoms"] * alliance
    )
    assert mx.estimate(fit, asked["resolution and alliance"]).rows[0].draws.item() == pytest.approx(alliance, abs=1e-10)
    assert mx.estimate(fit, asked["resolution"]).rows[0].draws.item() == pytest.approx(symptoms, abs=1e-10)


def test_what_exists_only_with_a_rupture_is_simulated_only_there(safran):
    _, frame, *_ = safran
    there = frame.rupture == 1
    for name in ("kind", "attending", "stage", "experience_explored"):
        assert (frame[name].notna() == there).all(), name
