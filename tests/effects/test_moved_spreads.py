"""A cause of the unit that moves how far a repeated mediator departs: it matters wherever the outcome bends. By closed forms."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx

HEAD = "levels: [session, client]\ntime: session\nvariables: {x: {level: client}, m: , y: %s}\narrows: {x -> sigma(m): , %s}\n"
BASE, MOVED, FIRST = 0.1, 0.4, 0.8  # log sd at x = 0, what x adds to it, sd at first occasions
LAST = 0.5  # of a departure of m, one session later
CLOSE = 4 * 0.005  # a fit of one draw is averaged until its standard error is half a per cent


def pin(family, arrows, values):
    theory = mx.parse(HEAD % (family, arrows))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"client": np.repeat(np.arange(20), 4), "session": np.tile(np.arange(4), 20)})
    frame = frame.assign(x=(frame.client % 2) * 1.0, m=rng.normal(size=80), y=rng.integers(0, 5, 80))
    plan = mx.compile(theory)
    given = dict.fromkeys(plan.parameters, 0.0)
    given |= {name: 0.5 for name in plan.parameters if name.startswith(("sd(", "sigma("))}
    given |= {"1 -> sigma(m)": BASE, "x -> sigma(m)": MOVED} | {
        each.correlation: 0 for each in plan.varying if each.correlated
    }
    if "sigma(m | first)" in given:
        given["sigma(m | first)"] = FIRST
    return mx.pin(plan, mx.bind(theory, frame), given | values)


def variance(x, place):
    """Of a departure of m, place after place."""
    found = FIRST**2
    for _ in range(place):
        found = LAST**2 * found + np.exp(2 * (BASE + MOVED * x))
    return found


def ask(fit, **said):
    return {row.label: row.draws.item() for row in mx.estimate(fit, mx.Question(of="x", **said)).rows}


@pytest.mark.parametrize("kind", ["total", "indirect"])
@pytest.mark.parametrize("place", [2, 3])
def test_on_a_square(place, kind):
    fit = pin(
        "", "m(whole t-1) -> y: {shape: quadratic}, m(t-1) -> m: ", {"m(whole t-1)^2 -> y": 0.7, "m(t-1) -> m": LAST}
    )
    expected = 0.7 * (variance(1, place - 1) - variance(0, place - 1))
    (found,) = ask(fit, on=f"y({place})", kind=kind).values()
    assert found == pytest.approx(expected, rel=CLOSE)


def test_on_a_count():
    fit = pin("{family: poisson}", "m(session) -> y: ", {"m(session) -> y": 0.6, "1 -> y": 0.3})
    log_means = [0.3 + 0.5 * 0.6**2 * np.exp(2 * (BASE + MOVED * x)) for x in (0, 1)]
    own = np.exp(log_means[1]) - np.exp(log_means[0])
    (found,) = ask(fit, on="y").values()
    assert found == pytest.approx(own, rel=CLOSE)


def test_what_is_linear_is_not_moved():
    fit = pin("", "m(t-1) -> y: , m(t-1) -> m: ", {"m(t-1) -> y": 0.7, "m(t-1) -> m": LAST})
    assert ask(fit, on="y(3)")["total"] == pytest.approx(0, abs=1e-12)
