"""One series without clients (a single case, n of 1): what moves when, against powers of the system's matrix and closed forms."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import IdentificationError, SpecError

DAYS = 40
PHASE = np.repeat([0, 1, 0, 1], DAYS // 4)


def pinned(text: str, parameters: dict, **columns):
    """A one-draw fit; sds that are not said are 1, all else 0."""
    rng = np.random.default_rng(1)
    plan = mx.compile(mx.parse("levels: [day]\ntime: day\n" + text))
    names = [each for each in plan.theory.names if each != "day"]
    rows = pd.DataFrame({"day": np.arange(DAYS)}).assign(**{name: rng.normal(size=DAYS) for name in names} | columns)
    given = {name: float(name.startswith("sigma(")) for name in plan.parameters}
    return mx.pin(plan, mx.bind(plan.theory, rows), given | parameters)


def ask(fit, **question) -> float:
    return float(mx.estimate(fit, mx.Question(**question)).rows[0].draws.item())


PHI = np.array([[0.4, 0.1], [0.3, 0.5]])  # row: m, y; column: m(t-1), y(t-1)


@pytest.fixture(scope="module")
def feedback():
    parameters = dict(zip(["m(t-1) -> m", "y(t-1) -> m", "m(t-1) -> y", "y(t-1) -> y"], PHI.ravel(), strict=True))
    return pinned("variables: {m: , y: }\narrows:\n  m(t-1), y(t-1) -> m, y:\n", parameters | {"1 -> m": 2.0})


@pytest.mark.parametrize("later", [1, 2, 4])
def test_one_day_moved_follows_the_powers_of_phi(feedback, later: int) -> None:
    expected = np.linalg.matrix_power(PHI, later)[1, 0]
    assert ask(feedback, of="m(t)", on=f"y(t+{later})") == pytest.approx(expected, abs=1e-10)


def test_horizons_and_the_long_run_of_one_series(feedback) -> None:
    found = mx.horizon(feedback, "m", "y", most=3, lasting=True)
    kept = 0.5 ** np.arange(3) * 0.3
    assert [float(row.draws.item()) for row in found.rows][1:4] == pytest.approx(np.cumsum(kept), abs=1e-10)
    assert float(found["long run"].draws.item()) == pytest.approx(0.3 / (1 - 0.5), abs=1e-10)


PHASES = (
    "variables: {phase: {family: bernoulli}, m: , y: }\narrows:\n  phase -> m -> y:\n  phase -> y:\n  y(t-1) -> y:\n"
)


def test_a_phase_of_treatment_acts_through_a_mediator_on_the_day_and_after() -> None:
    fit = pinned(PHASES, {"phase -> m": 0.8, "m -> y": 0.5, "phase -> y": 0.3, "y(t-1) -> y": 0.4}, phase=PHASE)
    found = mx.decompose(fit, "phase(t)", "y(t)")
    rows = {row.label: float(row.draws.item()) for row in found.rows}
    assert rows == pytest.approx({"total": 0.7, "direct": 0.3, "indirect": 0.4, "phase -> m -> y": 0.4}, abs=1e-10)
    assert ask(fit, of="phase(t)", on="y(t+2)") == pytest.approx(0.7 * 0.4**2, abs=1e-10)
    assert ask(fit, of="phase(t)", on="y(t)", kind="controlled", set={"m": 0}) == pytest.approx(0.3, abs=1e-10)
    assert "one series of days" in found.population


def test_a_binary_outcome_of_one_series_averages_over_noise() -> None:
    text = "variables: {x: , m: , y: {family: bernoulli}}\narrows:\n  x -> m -> y:\n"
    fit = pinned(text, {"x -> m": 0.9, "m -> y": 1.5, "1 -> y": -0.2}, y=np.arange(DAYS) % 2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    expected = [float(weights @ (1 / (1 + np.exp(0.2 - 1.5 * (0.9 * x + nodes)))) / weights.sum()) for x in (0, 1)]
    found = ask(fit, of="x(t)", on="y(t)", contrast=(0, 1))
    assert found == pytest.approx(expected[1] - expected[0], rel=0.025)  # .5 % of Monte Carlo error, five of them


@pytest.mark.parametrize("population", [{"new": "day"}, {"each": "day"}])
def test_there_is_nobody_else_to_ask_about(feedback, population: dict) -> None:
    with pytest.raises(IdentificationError, match="no others to ask about"):
        ask(feedback, of="m(t)", on="y(t+1)", population=population)


def test_there_is_no_group_to_condition_on() -> None:
    fit = pinned("variables: {x: , w: , y: }\narrows:\n  x -> y: {moderated_by: w}\n", {})
    with pytest.raises(SpecError, match="one series of days, so that there is no group"):
        ask(fit, of="x(t)", on="y(t)", at={"w": 1})
