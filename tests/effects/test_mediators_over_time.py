"""Mediators over time that are drawn at random: interventional effects against closed forms and sums over noise."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import IdentificationError

CLIENTS, OCCASIONS = 5, 4
OWN = np.random.default_rng(2).normal(size=CLIENTS)
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
HEAD = "levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }\ntime: session\n"


def pinned(text: str, parameters: dict, own: dict | None = None, **columns):
    """A one-draw fit; sds that are not said are 1, all else 0."""
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": np.tile(np.arange(OCCASIONS), CLIENTS)}
    )
    plan = mx.compile(mx.parse(HEAD + text))
    names = [each for each in plan.theory.names if each not in ("session", "client")]
    rows = rows.assign(**{name: rng.normal(size=len(rows)) for name in names} | columns)
    given = {name: float(name.startswith(("sd(", "sigma("))) for name in plan.parameters}
    given |= {each.correlation: 0 for each in plan.varying if each.correlated}
    return mx.pin(plan, mx.bind(plan.theory, rows), given | parameters, own)


def ask(fit, kind: str, mediators: str = "interventional", **question) -> float:
    through = {"through": ("m",)} if kind == "indirect" else {}
    found = mx.estimate(fit, mx.Question(kind=kind, mediators=mediators, **through, **question))
    return float(found.rows[0].draws.item())


CARRIED_OVER = """variables: {x: , m: , y: }
arrows:
  x(t-1) -> x, m, y:
  m(t-1) -> m, y:
  y(t-1) -> y, x:
"""


def test_a_cause_that_carries_over_recants_and_its_drawn_mediator_does_not() -> None:
    """x(1) moves both m(2) and y(2): m's path is b (m(2) moved) + own(y) · b (m(1) moved)."""
    fit = pinned(CARRIED_OVER, {
        "x(t-1) -> x": 0.6, "x(t-1) -> m": 0.5, "x(t-1) -> y": 0.3, "m(t-1) -> m": 0.4, "m(t-1) -> y": 0.7,
        "y(t-1) -> y": 0.2, "y(t-1) -> x": 0.1,
    })  # fmt: skip
    with pytest.raises(IdentificationError, match="recants"):
        ask(fit, "indirect", "natural", of="x(0)", on="y(3)")
    first, second = 0.5, 0.5 * 0.6 + 0.4 * 0.5
    assert ask(fit, "indirect", of="x(0)", on="y(3)") == pytest.approx(0.7 * second + 0.2 * 0.7 * first, abs=1e-10)
    nearer = [ask(fit, "indirect", each, of="x(0)", on="y(2)") for each in ("natural", "interventional")]
    assert nearer == pytest.approx([0.7 * first, 0.7 * first], abs=1e-10)


def test_given_a_clients_own_slopes_their_covariance_stays_in() -> None:
    text = "variables: {x: , m: , y: }\narrows:\n  x -> m -> y: {varies_by: client}\n  x -> y:\n"
    addresses = ("x(session) -> m", "m(session) -> y")
    fit = pinned(
        text,
        dict(zip(addresses, (0.4, 0.5), strict=True)) | {"x(session) -> y": 0.3},
        {(address, "client"): OWN for address in addresses},
    )
    assert ask(fit, "indirect", of="x(1)", on="y(1)") == pytest.approx(np.mean((0.4 + OWN) * (0.5 + OWN)), abs=1e-10)
    assert ask(fit, "direct", of="x(1)", on="y(1)") == pytest.approx(0.3, abs=1e-10)


MET = """variables: {x: , l: , m: {family: bernoulli}, y: }
arrows:
  x(session) -> l:
  l(session) -> m:
  l(session) -> y: {moderated_by: m}
  x(session) -> y: {moderated_by: m}
"""
ALPHA, BETA, START, GAMMA, M, C, XM = 0.8, 1.5, -0.3, 1.2, 0.5, 0.25, 0.6


@pytest.fixture(scope="module")
def met():
    parameters = {
        "x(session) -> l": ALPHA, "l(session) -> m": BETA, "1 -> m": START, "l(session) * m -> y": GAMMA, "m -> y": M,
        "x(session) -> y": C, "x(session) * m -> y": XM, "l(session) -> y": 0.4,
    }  # fmt: skip
    m = np.arange(CLIENTS * OCCASIONS) % 2
    return pinned(MET, parameters, {("1 -> m", "client"): OWN}, m=m)


def chances(x: float) -> np.ndarray:
    """P(m = 1) of each client where l has its law under x."""
    eta = START + OWN[:, None] + BETA * (ALPHA * x + NODES)
    return (WEIGHTS / (1 + np.exp(-eta))).sum(axis=1)


CLOSE = 0.025  # noise is averaged until its Monte Carlo error is .5 % of the effect; five of them


def test_what_the_mediator_meets_is_its_draw_and_not_the_value_it_grew_from(met) -> None:
    """l moves m and is multiplied by it: a drawn m is independent of the client's own l, so E[l m] = E[l] E[m]."""
    expected = (M + GAMMA * ALPHA + XM) * np.mean(chances(1.0) - chances(0.0))
    found = ask(met, "indirect", of="x(1)", on="y(1)", contrast=(0, 1))
    assert found == pytest.approx(expected, rel=CLOSE)
    eta = START + OWN[:, None] + BETA * (ALPHA + NODES)
    covariance = GAMMA * (WEIGHTS * NODES / (1 + np.exp(-eta))).sum(axis=1).mean()
    assert abs(covariance) > 4 * CLOSE * expected, "what the client's own l would add is seen"


def test_the_direct_effect_draws_all_mediators_together(met) -> None:
    expected = C + XM * np.mean(chances(0.0))
    assert ask(met, "direct", of="x(1)", on="y(1)", contrast=(0, 1)) == pytest.approx(expected, rel=CLOSE)


def test_a_course_that_would_have_to_be_drawn_is_refused_where_noise_matters() -> None:
    text = (
        "variables: {z: {level: client}, l: , m: , y: {family: bernoulli}}\n"
        "arrows:\n  z -> l, m, y:\n  l -> m, y:\n  m -> y:\n"
    )
    fit = pinned(text, {}, z=np.repeat(np.arange(CLIENTS), OCCASIONS), y=np.arange(CLIENTS * OCCASIONS) % 2)
    with pytest.raises(IdentificationError, match=r"m\(client\) belongs to a unit for good"):
        ask(fit, "indirect", of="z", on="y(3)")
