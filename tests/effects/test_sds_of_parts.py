"""`+1 sd` of what is moved: of a departure the sd within clients, of a course the sd among their means."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import MechanismsError

HEAD = "levels: [session, client]\ntime: session\n"
LENGTHS = np.where(np.arange(10) < 3, 12, 4)
WITHIN, AMONG = 0.3, 0.5  # the coefficients


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    clients = np.repeat(np.arange(10), LENGTHS)
    usual = 3 * rng.normal(size=10)
    made = pd.DataFrame({"client": clients, "session": np.concatenate([np.arange(n) for n in LENGTHS])})
    noise = rng.normal(size=(2, len(made)))
    return made.assign(m=usual[clients] + noise[0], y=noise[1], w=np.arange(10.0)[clients])


@pytest.fixture(scope="module")
def fit(rows):
    plan = mx.compile(mx.parse(HEAD + "variables: {w: {level: client}, m: , y: }\narrows: {m -> y: , w -> y: }\n"))
    given = {name: float(name.startswith(("sd(", "sigma("))) for name in plan.parameters}
    given |= {each.correlation: 0 for each in plan.varying if each.correlated}
    given |= {"m(session) -> y": WITHIN, "m(client) -> y": AMONG, "w -> y": 0.1}
    return mx.pin(plan, mx.bind(plan.theory, rows), given)


def sds(rows) -> tuple[float, float]:
    """The sd around clients' means, of as many degrees of freedom as are left, and that of the means."""
    means = rows.groupby("client")["m"].mean()
    around = rows["m"] - rows["client"].map(means)
    return float(np.sqrt((around**2).sum() / (len(rows) - len(means)))), float(means.std())


@pytest.mark.parametrize("contrast", [("-1 sd", "+1 sd"), ("mean", "+2 sd")])
@pytest.mark.parametrize(("of", "on"), [("m(2)", "y(2)"), ("m(t)", "y(t)"), ("m", "y"), ("m(client)", "y")])
def test_an_sd_is_that_of_what_is_moved(fit, rows, of, on, contrast):
    within, among = sds(rows)
    found = mx.estimate(fit, mx.Question(of=of, on=on, contrast=contrast))
    expected = 2 * AMONG * among if of == "m(client)" else 2 * WITHIN * within
    assert found.rows[0].draws.item() == pytest.approx(expected, rel=1e-9)
    words = "among clients' means" if of == "m(client)" else "within clients"
    assert f"(an sd is {(among if of == 'm(client)' else within):.3f}, {words})" in found.contrast


def test_the_standardised_scale_steps_by_it_and_divides_by_the_sd_of_all_values(fit, rows):
    within, among = sds(rows)
    for of, on, slope, step in (("m(t)", "y(t)", WITHIN, within), ("m(client)", "y", AMONG, among)):
        found = mx.estimate(fit, mx.Question(of=of, on=on, scale="standardised"))
        assert found.rows[0].draws.item() == pytest.approx(slope * step / rows["y"].std(), rel=1e-9)


def test_other_contrasts_and_other_variables_keep_their_units(fit, rows):
    found = mx.estimate(fit, mx.Question(of="m(t)", on="y(t)", contrast=(0, 2)))
    assert found.rows[0].draws.item() == pytest.approx(2 * WITHIN)
    assert "an sd is" not in found.contrast
    clients = rows.groupby("client")["w"].first()
    found = mx.estimate(fit, mx.Question(of="w", on="y", contrast=("mean", "+1 sd")))
    assert found.rows[0].draws.item() == pytest.approx(0.1 * clients.std())
    with pytest.raises(MechanismsError, match="both values of m"):
        mx.estimate(fit, mx.Question(of="m(t)", on="y(t)", contrast=("mean", "+0 sd")))


def test_of_a_latent_variable_it_is_the_sd_of_all_its_values(rows):
    text = "variables: {f: {measured_by: [a, b, c]}, y: }\narrows: {f -> y: }\npriors: {f -> a: {fixed: 1}}\n"
    plan = mx.compile(mx.parse(HEAD + text))
    given = {name: float(name.startswith(("sd(", "sigma(", "f -> "))) for name in plan.parameters}
    given |= {each.correlation: 0 for each in plan.varying if each.correlated}
    made = rows.assign(a=rows["m"], b=rows["m"] + 0.1 * rows["y"], c=rows["m"] - rows["y"])
    fit = mx.pin(plan, mx.bind(plan.theory, made), given | {"f(session) -> y": 0.5})
    one, two = (mx.estimate(fit, mx.Question(of="f(t)", on="y(t)", contrast=("mean", sd))) for sd in ("+1 sd", "+2 sd"))
    assert two.rows[0].draws.item() == pytest.approx(2 * one.rows[0].draws.item())
    assert "an sd is" not in one.contrast
