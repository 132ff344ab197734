"""A client variable's own part acts on the course: the plan, the density by hand, and the effect that travels on by it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_levelled_models import make_runner

import mechanisms as mx
from mechanisms.model.symbolic import to_pymc

THEORY = """
levels: [session, client, therapist]
time: session
variables: {"a, y": , z: {level: client}}
arrows:
  PARTS -> a:
  a(client) -> y:
"""
CLIENTS, SESSIONS = 6, 4


def rows() -> pd.DataFrame:
    """Clients of three therapists, two each, seen four times."""
    rng = np.random.default_rng(7)
    client = np.repeat(np.arange(CLIENTS), SESSIONS)
    seen = {name: rng.normal(size=len(client)) for name in "ay"}
    own = {"client": client, "therapist": client % 3, "z": rng.normal(size=CLIENTS)[client]}
    return pd.DataFrame({**own, "session": np.tile(np.arange(SESSIONS), CLIENTS), **seen})


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ("z", {"z": "client"}),
        ("z(whole)", {"z(whole)": "client"}),
        ("z(client)", {"z(client)": "client"}),
        ("z(client), z(therapist)", {"z(client)": "client", "z(therapist)": "therapist"}),
    ],
)
def test_each_part_moves_the_course_of_its_level(parts, wanted):
    equation = mx.compile(mx.parse(THEORY.replace("PARTS", parts))).equation("a")
    found = {each.address: (each.moves, each.unit) for each in equation.coefficients}
    assert found == {f"{part} -> a": ("course", level) for part, level in wanted.items()}


def test_a_product_with_what_sessions_differ_in_stays_in_the_mean():
    text = THEORY.replace("PARTS -> a:", "z(client) -> a: {moderated_by: y(t-1)}").replace("a(client) -> y:", "")
    equation = mx.compile(mx.parse(text)).equation("a")
    found = {each.address: each.moves for each in equation.coefficients}
    assert found["z(client) -> a"] == "course"
    assert found["z(client) * y(t-1) -> a"] == "mean"


def test_density_of_both_parts():
    theory, frame = mx.parse(THEORY.replace("PARTS", "z(client), z(therapist)")), rows()
    plan = mx.compile(theory)
    values = make_runner(to_pymc(plan, mx.bind(theory, frame)))(3)
    b: dict[str, float] = {}
    for equation in plan.equations:
        b |= dict(zip(equation.addresses, values[f"coefficients({equation.response})"], strict=True))
    u = {}
    for varying in plan.varying:
        for address, units in zip(varying.quantities, values[f"deviations({varying.level})"], strict=True):
            u[address, varying.level] = units
    found = dict.fromkeys("zay", 0.0)
    for client in range(CLIENTS):
        therapist = client % 3
        mine = frame[frame.client == client]
        expected = b["1 -> z"] + u["1 -> z", "therapist"][therapist]
        own = mine.z.iloc[0] - expected
        course = {name: b[f"1 -> {name}"] + u[f"1 -> {name}", "client"][client] for name in "ay"}
        course = {name: base + u[f"1 -> {name}", "therapist"][therapist] for name, base in course.items()}
        course["a"] += b["z(client) -> a"] * own + b["z(therapist) -> a"] * expected
        course["y"] += b["a(client) -> y"] * course["a"]
        found["z"] += stats.norm.logpdf(mine.z.iloc[0], expected, values["sigma(z)"])
        for name in "ay":
            found[name] += stats.norm.logpdf(mine[name], course[name], values[f"sigma({name})"]).sum()
    for name, wanted in found.items():
        np.testing.assert_allclose(values[f"logp {name}"].sum(), wanted, rtol=1e-9)


@pytest.mark.parametrize(("of", "wanted"), [("z", 0.36), ("z(therapist)", 0.18)])
def test_the_effect_travels_on_by_the_course(of, wanted):
    """.4 x .9 for a client's own part, .2 x .9 for what a therapist's clients have in common."""
    plan = mx.compile(mx.parse(THEORY.replace("PARTS", "z(client), z(therapist)")))
    given = {name: float(name.startswith(("sd(", "sigma("))) for name in plan.parameters}
    given |= {each.correlation: 0 for each in plan.varying if each.correlated}
    given |= {"z(client) -> a": 0.4, "z(therapist) -> a": 0.2, "a(client) -> y": 0.9}
    fit = mx.pin(plan, mx.bind(plan.theory, rows()), given)
    found = mx.estimate(fit, mx.Question(of=of, on="y")).rows[0]
    assert float(found.draws.item()) == pytest.approx(wanted, abs=1e-10)
