"""Total = direct + indirect in every draw, where noise over time is drawn: all rows look at the same draws of it."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx

CLIENTS, OCCASIONS = 8, 4
TEXT = """
levels: [session, client]
time: session
variables: {w: {level: client}, x: {family: bernoulli}, b: {family: bernoulli}, c: {family: poisson}}
arrows: {x -> b: {moderated_by: w}, b -> c: {moderated_by: w}, x -> c: }
"""
W = np.random.default_rng(4).normal(size=CLIENTS)
STATED = {
    "1 -> b": -0.2, "x -> b": 0.8, "x * w -> b": 0.2, "w -> b": 0.1, "1 -> c": 0.3, "b -> c": 0.4, "b * w -> c": 0.1,
    "x -> c": 0.1, "w -> c": 0.05, "sd(1 -> b | client)": 0.6, "sd(1 -> c | client)": 0.4,
}  # fmt: skip


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"client": np.repeat(np.arange(CLIENTS), OCCASIONS), "session": [*range(OCCASIONS)] * CLIENTS})
    rows = rows.assign(w=np.repeat(W, OCCASIONS), **{name: rng.integers(0, 2, len(rows)) for name in "xbc"})
    plan = mx.compile(mx.parse(TEXT))
    stated = STATED | {each.correlation: 0 for each in plan.varying if each.correlated}
    return mx.pin(plan, mx.bind(plan.theory, rows), stated)


def expected(x: float, under: float) -> float:
    """The mean count with the mediator as under another value of x, summed over the mediator's two values."""
    chance = 1 / (1 + np.exp(0.2 - 0.1 * W - (0.8 + 0.2 * W) * under))
    counts = [np.exp(0.3 + 0.05 * W + 0.1 * x + (0.4 + 0.1 * W) * b) for b in (0, 1)]
    return float((counts[1] * chance + counts[0] * (1 - chance)).mean())


def test_rows_add_up_in_every_draw_and_lie_within_their_error_of_the_sums(fit):
    found = mx.decompose(fit, of="x(t)", on="c(t)", population="typical")
    draws = {row.label: row.draws for row in found.rows}
    for direct, indirect in (("direct", "indirect"), ("total direct", "pure indirect")):
        np.testing.assert_allclose(draws[direct] + draws[indirect], draws["total"], rtol=1e-12)
    (note,) = [each for each in found.notes if "Monte Carlo error" in each]
    assert "at most" not in note and "twice the standard error" in note
    share = float(note.partition("error, about ")[2].partition(" %")[0]) / 100
    truth = {
        "total": expected(1, 1) - expected(0, 0), "direct": expected(1, 0) - expected(0, 0),
        "indirect": expected(1, 1) - expected(1, 0), "total direct": expected(1, 1) - expected(0, 1),
        "pure indirect": expected(0, 1) - expected(0, 0),
    }  # fmt: skip
    for label, value in truth.items():
        assert draws[label].item() == pytest.approx(value, rel=2 * share)  # four standard errors of the worst row


def test_log_ratios_add_up_too(fit):
    found = mx.decompose(fit, of="x(t)", on="c(t)", population="typical", scale="link")
    draws = {row.label: row.draws for row in found.rows}
    np.testing.assert_allclose(draws["direct"] + draws["indirect"], draws["total"], rtol=1e-12)
