"""Discrete-time hazards: rows end at the event, and what is asked is whether it has happened to everybody by an occasion."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import mechanisms as mx
from mechanisms.errors import DataError, IdentificationError, SpecError

OCCASIONS = 9
PLAIN = """
levels: [session, client]
time: session
variables:
  therapy: {level: client, family: bernoulli}
  dropout: {family: hazard}
arrows:
  therapy -> dropout:
  session -> dropout:
"""
STATED = {"1 -> dropout": -2.4, "therapy -> dropout": -0.5, "session -> dropout": 0.08}
THROUGH = """
levels: [session, client]
time: session
variables:
  therapy: {level: client, family: bernoulli}
  alliance: {assessed: end}
  dropout: {family: hazard, assessed: start, link: logit}
arrows:
  therapy -> alliance, dropout:
  alliance(t-1) -> alliance:
  alliance(t-1) -> dropout:
"""
GIVEN = {
    "1 -> alliance": 0.3, "therapy -> alliance": 0.8, "alliance(t-1) -> alliance": 0.4, "sigma(alliance)": 0.7,
    "sigma(alliance | first)": 0.9, "1 -> dropout": -2.0, "therapy -> dropout": -0.2, "alliance(t-1) -> dropout": -0.6,
    "sd(1 -> alliance | client)": 0.6,
}  # fmt: skip


def lay_out(clients, first=0):
    rows = pd.DataFrame({"client": np.repeat(np.arange(clients), OCCASIONS)})
    rows["session"] = np.tile(np.arange(first, first + OCCASIONS), clients)
    return rows.assign(therapy=rows.client % 2)


def hazards(x, first=0):
    """The hazard of each occasion by the textbook."""
    session = np.arange(first, first + OCCASIONS)
    return -np.expm1(-np.exp(-2.4 - 0.5 * x + 0.08 * session))


@pytest.fixture(scope="module", params=[0, 1])
def plain(request):
    """A hazard that hangs on nothing random, with occasions counted from 0 or from 1."""
    plan = mx.compile(mx.parse(PLAIN))
    frame = mx.simulate(plan, lay_out(60, request.param), STATED, seed=2)
    return request.param, mx.pin(plan, mx.bind(plan.theory, frame), STATED)


def ask(fit, on="dropout", **options):
    cut = {key: options.pop(key) for key in ("restricted_to", "beyond") if key in options}
    return mx.estimate(fit, mx.Question(of="therapy", on=on, **options), **cut)


def test_the_risk_by_an_occasion_is_one_minus_the_product_of_what_is_left(plain):
    first, fit = plain
    left = [np.cumprod(1 - hazards(x, first)) for x in (0, 1)]
    assert ask(fit).rows[0].draws.item() == pytest.approx(left[0][-1] - left[1][-1], abs=1e-12)
    by = ask(fit, f"dropout({first + 3})")
    assert by.rows[0].draws.item() == pytest.approx(left[0][3] - left[1][3], abs=1e-12)
    assert by.scale == f"difference in the probability that dropout has happened by session {first + 3}"


def test_restricted_mean_survival_and_survival(plain):
    first, fit = plain
    left = [np.cumprod(1 - hazards(x, first)) for x in (0, 1)]
    until = first + 5
    mean = ask(fit, restricted_to=until)
    assert mean.rows[0].draws.item() == pytest.approx(sum(left[1][:6]) - sum(left[0][:6]), abs=1e-12)
    assert "without dropout" in mean.scale
    assert ask(fit, beyond=until).rows[0].draws.item() == pytest.approx(left[1][5] - left[0][5], abs=1e-12)
    odds = [np.log((1 - each[5]) / each[5]) for each in left]
    assert ask(fit, f"dropout({until})", scale="link").rows[0].draws.item() == pytest.approx(
        odds[1] - odds[0], abs=1e-12
    )


def test_by_a_lagged_cause_it_is_what_running_many_clients_gives():
    """New clients; 30 000 simulated under each value: 4 standard errors of a difference of two shares."""
    plan = mx.compile(mx.parse(THROUGH))
    fit = mx.pin(plan, mx.bind(plan.theory, mx.simulate(plan, lay_out(40), GIVEN, seed=1)), GIVEN)
    clients = 60_000
    frame = mx.simulate(plan, lay_out(clients), GIVEN, seed=3)
    ended = frame[frame.session <= 6].groupby("client").dropout.max()
    shares = ended.groupby(ended.index % 2).mean()
    got = (
        frame[(frame.session <= 6) & (frame.dropout == 0)]
        .groupby("client")
        .size()
        .reindex(range(clients), fill_value=0)
    )
    stays = got.groupby(got.index % 2).agg(["mean", "var"])
    anew = {"population": {"new": "client"}}
    risk = ask(fit, "dropout(6)", **anew).rows[0].draws.item()
    assert abs(risk - (shares[1] - shares[0])) < 4 * np.sqrt((shares * (1 - shares)).sum() / (clients / 2))
    mean = ask(fit, restricted_to=6, **anew).rows[0].draws.item()
    assert abs(mean - (stays["mean"][1] - stays["mean"][0])) < 4 * np.sqrt(stays["var"].sum() / (clients / 2))


def test_the_way_through_the_alliance_and_the_direct_one_make_the_whole():
    plan = mx.compile(mx.parse(THROUGH))
    fit = mx.pin(plan, mx.bind(plan.theory, mx.simulate(plan, lay_out(40), GIVEN, seed=1)), GIVEN)
    parts = {row.label: row.draws.item() for row in mx.decompose(fit, "therapy", "dropout(6)").rows}
    assert parts["direct"] + parts["indirect"] == pytest.approx(parts["total"], abs=1e-12)
    assert parts["direct"] < 0 and parts["indirect"] < 0


def test_the_density_is_that_of_every_row_at_risk():
    import pytensor

    plan = mx.compile(mx.parse(THROUGH))
    frame = mx.simulate(plan, lay_out(30), GIVEN, seed=4)
    assert frame.groupby("client").dropout.sum().max() == 1
    assert (
        frame[frame.dropout == 1].index.to_numpy() == frame.groupby("client").tail(1).query("dropout == 1").index
    ).all()
    model = mx.to_pymc(plan, mx.bind(plan.theory, frame))
    begin = {name: value + 0.1 for name, value in model.initial_point().items()}
    outputs = model.replace_rvs_by_values([model["coefficients(dropout)"]])
    wanted = [*outputs, *model.logp(vars=[model["dropout"]], sum=False)]
    run = pytensor.function(model.value_vars, wanted, mode="FAST_COMPILE", on_unused_input="ignore")
    coefficients, found = run(*(begin[each.name] for each in model.value_vars))
    b = dict(zip(plan.equation("dropout").addresses, coefficients, strict=True))
    before = np.where(frame.session == 0, 0.0, frame.alliance.shift(1))  # the whole value, for there is no course (R4)
    eta = b["1 -> dropout"] + b["therapy -> dropout"] * frame.therapy + b["alliance(t-1) -> dropout"] * before
    eta += b["1 -> dropout | first"] * (frame.session == 0)
    np.testing.assert_allclose(found, stats.bernoulli(special.expit(eta)).logpmf(frame.dropout.astype(int)), rtol=1e-9)


def bind_changed(change):
    plan = mx.compile(mx.parse(PLAIN))
    frame = mx.simulate(plan, lay_out(60), STATED, seed=2)
    return mx.bind(plan.theory, change(frame))


def add_row(frame):
    last = frame[frame.dropout == 1].iloc[:1]
    return pd.concat([frame, last.assign(session=last.session + 1, dropout=0)]) if last.session.item() < 8 else frame


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (add_row, "a hazard, whose rows end at the event"),
        (lambda frame: frame.assign(dropout=frame.dropout.mask(frame.index == 0)), "so write 0"),
        (lambda frame: frame.drop(index=1), "so write 0"),
        (lambda frame: frame.assign(dropout=2 * frame.dropout), "holds 2"),
    ],
)
def test_rows_that_no_hazard_has_are_refused(change, words):
    with pytest.raises(DataError, match=re.escape(words)):
        bind_changed(change)


@pytest.mark.parametrize("arrow", ["dropout -> y", "dropout(t-1) -> y", "therapy -> y: {only_when: {dropout: 0}}"])
def test_a_hazard_is_no_cause(arrow):
    text = (
        PLAIN.replace("  dropout:", "  y: {level: session}\n  dropout:") + f"  {arrow}{'' if '{' in arrow else ':'}\n"
    )
    with pytest.raises(SpecError, match="is a hazard"):
        mx.compile(mx.parse(text))


def test_questions_that_are_not_about_everybody(plain):
    first, fit = plain
    for on in ("dropout(t+1)", f"dropout({first + 2}..{first + 4})", "dropout(90)"):
        with pytest.raises((SpecError, IdentificationError)):
            ask(fit, on)
    with pytest.raises(SpecError, match="name the occasion already"):
        ask(fit, f"dropout({first + 2})", beyond=4)
    with pytest.raises(SpecError, match="no occasion of the data"):
        ask(fit, restricted_to=4.5)
