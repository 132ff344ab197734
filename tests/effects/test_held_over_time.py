"""Values that are set at one occasion, or of one course: controlled effects over time against products of coefficients."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx

CLIENTS, OCCASIONS = 4, 4
TEXT = """
levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }
time: session
variables: {x: , m: , y: }
arrows:
  x(t-1) -> x, m, y:
  m(t-1) -> m:
  m(t-1) -> y: {moderated_by: x(client)}
  y(t-1) -> y:
  x(client) -> m:
  m(client) -> y:
"""
AX, AM, AY, MM, B, BX, YY, CM, CY, XY = 0.6, 0.5, 0.3, 0.4, 0.7, 0.25, 0.2, 0.8, 0.9, 0.35


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": np.tile(np.arange(OCCASIONS), CLIENTS)}
    ).assign(**{name: rng.normal(size=CLIENTS * OCCASIONS) for name in "xmy"})
    plan = mx.compile(mx.parse(TEXT))
    given = {name: float(name.startswith(("sd(", "sigma("))) for name in plan.parameters}
    given |= {each.correlation: 0 for each in plan.varying if each.correlated}
    said = {
        "x(t-1) -> x": AX, "x(t-1) -> m": AM, "x(t-1) -> y": AY, "m(t-1) -> m": MM, "m(t-1) -> y": B, "y(t-1) -> y": YY,
        "m(t-1) * x(client) -> y": BX, "x(client) -> m": CM, "m(client) -> y": CY, "x(client) -> y": XY, "1 -> x": 2.0,
    }  # fmt: skip
    return mx.pin(plan, mx.bind(plan.theory, rows), given | said)


SLOPE = B + BX * 2.0  # every client's course of x is 2
M1, M2 = AM, AX * AM + MM * AM  # what x(0) does to m(1) and m(2)
DIRECT = AY * (AX**2 + YY * AX + YY**2)  # to y(3) past m


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({}, DIRECT + SLOPE * (M2 + YY * M1)),
        ({"set": {"m(1)": 0}}, DIRECT + SLOPE * AX * AM),
        ({"set": {"m(2)": "mean"}}, DIRECT + SLOPE * YY * M1),
        ({"set": {"m(1)": 0, "m(2)": 1}}, DIRECT),
        ({"set": {"m": 3}}, DIRECT),
        ({"set": {"m": 3, "m(1)": 0}}, DIRECT),
        ({"of": "x(client)"}, XY + CM * CY),
        ({"of": "x(client)", "set": {"m(client)": 1.5}}, XY),
    ],
)
def test_a_value_held_at_an_occasion_stops_what_went_through_it(fit, question: dict, expected: float) -> None:
    found = mx.estimate(fit, mx.Question(**{"of": "x(0)", "on": "y(3)", **question}))
    assert float(found.rows[0].draws.item()) == pytest.approx(expected, abs=1e-9)
    for name in question.get("set", {}):
        assert f"{name} set to" in found.contrast


def test_two_values_of_one_occasion_are_two(fit) -> None:
    """The course of x, one higher, meets a departure of m(2) that is two higher."""
    low, high = (
        float(mx.estimate(fit, mx.Question(of="x(client)", on="y(3)", set={"m(2)": value})).rows[0].draws.item())
        for value in (0, 2)
    )
    assert high - low == pytest.approx(BX * 2, abs=1e-9)


def test_several_values_have_a_row_each_and_their_differences(fit) -> None:
    found = mx.estimate(fit, mx.Question(of="x(client)", on="y(3)", set={"m(2)": [0, 2]}))
    low, high = (
        float(mx.estimate(fit, mx.Question(of="x(client)", on="y(3)", set={"m(2)": value})).rows[0].draws.item())
        for value in (0, 2)
    )
    rows = {row.label: float(row.draws.item()) for row in found.rows}
    assert rows == pytest.approx(
        {
            "total (m held) [m(2) set to 0]": low,
            "total (m held) [m(2) set to 2]": high,
            "total (m held) [m(2) set to 2 − m(2) set to 0]": BX * 2,
        },
        abs=1e-9,
    )
    assert found.rows[2].meaning == "difference between the two values that are set"
