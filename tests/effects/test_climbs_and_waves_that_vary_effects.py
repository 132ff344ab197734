"""Effects by monotonic and gp curves that differ among units, at stated parameters: sums and quadrature written out."""

import numpy as np
import pytest
from scipy import special
from test_effects_over_time import CLIENTS, OCCASIONS, ask, frame, pinned, values

import mechanisms as mx

STAGES = ("a", "b", "c", "d")
WAVES = range(1, 21)
HEAD = "levels: [session, client]\ntime: session\n"
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
U0, U, V = np.random.default_rng(8).normal(size=(3, CLIENTS)) * 0.6
STEPS = {"stage[1] -> y": 0.2, "stage[2] -> y": 0.1, "stage[3] -> y": 0.6}
CLIMB = np.array([0, 0.2, 0.3, 0.9])
SHARE = CLIMB / 0.3  # the climb in average steps
SD, LENGTHSCALE = 0.7, 1.1
HEIGHTS = np.random.default_rng(9).normal(size=20) * np.exp(-0.2 * np.arange(20))
OWN = np.random.default_rng(10).normal(size=(20, CLIENTS)) * np.exp(-0.2 * np.arange(20))[:, None]
TRAITS = {"amplitude(x(whole) -> y)": 1.0, "lengthscale(x(whole) -> y)": LENGTHSCALE}
GP = {f"x(whole)[{j}] -> y": HEIGHTS[j - 1] for j in WAVES} | TRAITS | {"sd(x(whole) -> y | client)": SD}
GP_OWN = {(f"x(whole)[{j}] -> y", "client"): OWN[j - 1] for j in WAVES}


def rows(*names, **more):
    found = frame(*names, **more)
    return found.assign(stage=[STAGES[k * 7 % 11 % 4] for k in range(len(found))])


def waves(x):
    """The waves of x in these rows, written out, and the half width of their interval."""
    seen = rows("x")["x"]
    middle, half = (seen.min() + seen.max()) / 2, 3.2 * (seen.max() - seen.min()) / 2

    def at(value):
        return np.array([np.sin(np.pi * j * ((value - middle) / half + 1) / 2) for j in WAVES])

    return at(x) - at(0.0), half


def stage_text(family="normal", more="", last=""):
    return (
        f"{HEAD}variables:\n  stage: {{family: ordinal, values: [a, b, c, d]}}\n  w: {{level: client}}\n  y: {{family: {family}}}\n"
        f"{last}arrows:\n  stage -> y: {{shape: monotonic, varies_by: client{more}}}\n"
    )


def gp_text(family="normal", more=""):
    return f"{HEAD}variables:\n  x:\n  w: {{level: client}}\n  y: {{family: {family}}}\narrows:\n  x(whole) -> y: {{shape: gp, varies_by: client{more}}}\n"


W = np.linspace(-1, 1.5, CLIENTS)


# --- a curve of each unit ---


@pytest.mark.parametrize("population", ["these", {"each": "client"}, "typical"])
def test_of_a_climb_every_unit_has_the_same_shares(population):
    fit = pinned(stage_text(), rows("y", w=W), STEPS, {("stage -> y", "client"): U})
    question = mx.Question(of="stage(2)", on="y(2)", contrast=("b", "d"), population=population)
    found = [float(row.draws.item()) for row in mx.estimate(fit, question).rows]
    each = (0.3 + U) * (SHARE[3] - SHARE[1])
    expected = {"these": [each.mean()], "typical": [CLIMB[3] - CLIMB[1]]}.get(str(population), list(each))
    assert found == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("population", ["these", {"each": "client"}, "typical"])
def test_of_a_gp_every_unit_has_waves_of_its_own(population):
    fit = pinned(gp_text(), rows("x", "y", w=W), GP, GP_OWN)
    question = mx.Question(of="x(2)", on="y(2)", contrast=(-0.8, 1.2), population=population)
    found = [float(row.draws.item()) for row in mx.estimate(fit, question).rows]
    apart = waves(1.2)[0] - waves(-0.8)[0]
    each = apart @ (HEIGHTS[:, None] + OWN)
    expected = {"these": [each.mean()], "typical": [apart @ HEIGHTS]}.get(str(population), list(each))
    assert found == pytest.approx(expected, abs=1e-10)


def test_through_a_link_the_average_is_over_the_units_own_curves():
    fit = pinned(stage_text("bernoulli"), rows(w=W).assign(y=np.arange(CLIENTS * OCCASIONS) % 2), STEPS | {"1 -> y": -0.4},
        {("stage -> y", "client"): U, ("1 -> y", "client"): U0})  # fmt: skip
    at = {k: special.expit(-0.4 + U0 + (0.3 + U) * SHARE[k]).mean() for k in (1, 3)}
    assert ask(fit, of="stage(2)", on="y(2)", contrast=("b", "d")) == pytest.approx(at[3] - at[1], abs=1e-10)
    fit = pinned(gp_text("bernoulli"), rows("x", w=W).assign(y=np.arange(CLIENTS * OCCASIONS) % 2), GP | {"1 -> y": -0.4},
        GP_OWN | {("1 -> y", "client"): U0})  # fmt: skip
    at = {x: special.expit(-0.4 + U0 + waves(x)[0] @ (HEIGHTS[:, None] + OWN)).mean() for x in (-0.8, 1.2)}
    assert ask(fit, of="x(2)", on="y(2)", contrast=(-0.8, 1.2)) == pytest.approx(at[1.2] - at[-0.8], abs=1e-10)


# --- units that nobody has seen ---


def test_new_units_climb_by_the_covariance_of_climb_and_intercept():
    """Gauss–Hermite over both; noise is averaged to half a percent, two such are allowed."""
    numbers = STEPS | {"1 -> y": -0.4, "sd(1 -> y | client)": 0.8, "sd(stage -> y | client)": 0.5}
    numbers["cor(client)"] = {"1 -> y <-> stage -> y": 0.6}
    fit = pinned(stage_text("bernoulli"), rows(w=W).assign(y=np.arange(CLIENTS * OCCASIONS) % 2), numbers)
    found = ask(fit, of="stage(2)", on="y(2)", contrast=("b", "d"), population={"new": "client"})
    u, v = 0.8 * NODES[:, None], 0.5 * (0.6 * NODES[:, None] + 0.8 * NODES)
    at = {k: WEIGHTS @ special.expit(-0.4 + u + (0.3 + v) * SHARE[k]) @ WEIGHTS for k in (1, 3)}
    assert found == pytest.approx(at[3] - at[1], rel=0.01)


def test_new_units_curves_have_the_sd_of_their_process():
    """At one x the deviation is normal with the variance of all waves there, independent of the intercept."""
    numbers = GP | {"1 -> y": -0.4, "sd(1 -> y | client)": 0.8}
    fit = pinned(gp_text("bernoulli"), rows("x", w=W).assign(y=np.arange(CLIENTS * OCCASIONS) % 2), numbers)
    found = ask(fit, of="x(2)", on="y(2)", contrast=(0, 1.2), population={"new": "client"})
    _, half = waves(0.0)
    frequency = np.arange(1, 21) * np.pi / (2 * half)
    spectrum = SD**2 * np.sqrt(2 * np.pi) * LENGTHSCALE * np.exp(-((frequency * LENGTHSCALE) ** 2) / 2) / half

    def at(x):
        column = waves(x)[0]
        return WEIGHTS @ special.expit(-0.4 + column @ HEIGHTS + np.sqrt(0.64 + column**2 @ spectrum) * NODES)

    assert found == pytest.approx(at(1.2) - at(0.0), rel=0.01)


def test_indirect_effects_have_the_covariance_of_two_slopes():
    """stage → m → y with a climb and a slope that are correlated: E[ab] = E[a]E[b] + cov(a, b), in average steps."""
    text = (
        f"{HEAD}variables:\n  stage: {{family: ordinal, values: [a, b, c, d]}}\n  m:\n  y:\narrows:\n"
        "  stage -> m: {shape: monotonic, varies_by: client}\n  m(whole) -> y: {varies_by: client}\n"
    )
    numbers = {name.replace("y", "m"): step for name, step in STEPS.items()} | {"m(whole) -> y": 0.5}
    numbers |= {"sd(stage -> m | client)": 0.4, "sd(m(whole) -> y | client)": 0.7}
    numbers["cor(client)"] = {"stage -> m <-> m(whole) -> y": 0.5}
    fit = pinned(text, rows("m", "y"), numbers,
        {("stage -> m", "client"): U, ("m(whole) -> y", "client"): V})  # fmt: skip
    said = {"of": "stage(2)", "on": "y(2)", "contrast": ("a", "c"), "kind": "indirect"}
    assert ask(fit, **said) == pytest.approx(SHARE[2] * np.mean((0.3 + U) * (0.5 + V)), abs=1e-10)
    found = ask(fit, **said, population={"new": "client"})
    assert found == pytest.approx(SHARE[2] * (0.3 * 0.5 + 0.5 * 0.4 * 0.7), abs=1e-10)


# --- out of what is modelled ---


def test_out_of_a_modelled_ordinal_mediator():
    """x moves the chances of the stages, and each unit climbs by its own average step: sums over stages."""
    text = (
        f"{HEAD}variables:\n  x:\n  stage: {{family: ordinal, values: [a, b, c, d]}}\n  y:\narrows:\n"
        "  x(whole) -> stage: \n  stage -> y: {shape: monotonic, varies_by: client}\n"
    )
    numbers = STEPS | {"x(whole) -> stage": 0.8, "1 -> stage=b": 1.0, "1 -> stage=c": 0.2, "1 -> stage=d": -1.1}
    fit = pinned(text, rows("x", "y"), numbers, {("stage -> y", "client"): U, ("1 -> stage", "client"): U0})

    def mean(x):
        beyond = special.expit(np.array([1.0, 0.2, -1.1])[:, None] + U0 + 0.8 * x)
        return np.diff(CLIMB / 0.3) @ beyond * (0.3 + U)

    expected = (mean(1.5) - mean(-0.5)).mean()
    assert ask(fit, of="x(2)", on="y(2)", contrast=(-0.5, 1.5)) == pytest.approx(expected, rel=0.01)


def test_out_of_a_modelled_mediator_that_a_gp_bends():
    """m is normal about what x makes of it, and y a curve of it: Gauss–Hermite over the noise of m, unit by unit."""
    text = f"{HEAD}variables:\n  z:\n  x:\n  y:\narrows:\n  z(whole) -> x: \n  x(whole) -> y: {{shape: gp, varies_by: client}}\n"
    numbers = GP | {"z(whole) -> x": 0.6, "sigma(x)": 0.5}
    fit = pinned(text, rows("x", "y", "z"), numbers, GP_OWN | {("1 -> x", "client"): 0.3 * U0})

    def mean(z):
        x = 0.6 * z + 0.3 * U0[:, None] + 0.5 * NODES
        curve = np.array([[waves(one)[0] for one in own] for own in x])
        return np.einsum("unj,ju,n->u", curve, HEIGHTS[:, None] + OWN, WEIGHTS)

    expected = (mean(1.5) - mean(-0.5)).mean()
    assert ask(fit, of="z(2)", on="y(2)", contrast=(-0.5, 1.5)) == pytest.approx(expected, rel=0.01)


# --- moderation, slopes and turns ---


def test_a_moderator_changes_the_climb_of_everybody():
    """With w put at a value everywhere, each unit keeps its own climb."""
    numbers = STEPS | {name.replace(" ->", " * w ->"): -0.5 * step for name, step in STEPS.items()}
    fit = pinned(stage_text(more=", moderated_by: w"), rows("y", w=W), numbers, {("stage -> y", "client"): U})
    each = (0.3 - 0.5 * 0.3 * W + U) * SHARE[2]
    found = values(
        mx.estimate(fit, mx.Question(of="stage(2)", on="y(2)", contrast=("a", "c"), population={"each": "client"}))
    )
    assert list(found.values()) == pytest.approx(list(each), abs=1e-10)
    curve = mx.moderate(fit, mx.Question(of="stage(2)", on="y(2)", contrast=("a", "c")), by={"w": [-1.0, 1.5]})
    found = curve.summary()["mean"]
    for w in (-1.0, 1.5):
        assert found[f"total [w={w:g}]"] == pytest.approx((0.3 - 0.5 * 0.3 * w + U.mean()) * SHARE[2], abs=1e-10)


def test_a_moderator_changes_the_gp_of_everybody():
    change = np.random.default_rng(12).normal(size=20) * np.exp(-0.3 * np.arange(20))
    numbers = GP | {f"x(whole)[{j}] * w -> y": change[j - 1] for j in WAVES}
    numbers |= {"amplitude(x(whole) * w -> y)": 1.0, "lengthscale(x(whole) * w -> y)": 1.3}
    fit = pinned(gp_text(more=", moderated_by: w"), rows("x", "y", w=W), numbers, GP_OWN)
    question = mx.Question(of="x(2)", on="y(2)", contrast=(-0.8, 1.2), population={"each": "client"})
    found = [float(row.draws.item()) for row in mx.estimate(fit, question).rows]
    apart = waves(1.2)[0] - waves(-0.8)[0]
    assert found == pytest.approx(list(apart @ (HEIGHTS[:, None] + change[:, None] * W + OWN)), abs=1e-10)


def test_the_curve_turns_where_the_mean_of_the_units_curves_does():
    fit = pinned(gp_text(), rows("x", "y", w=W), GP, GP_OWN)
    found = mx.turning_point(fit, "x(t)", "y(t)").curve(points=9)
    x, mean = found.index.to_numpy(), HEIGHTS + OWN.mean(axis=1)
    heights = np.array([waves(one)[0] @ mean for one in x])
    made = found["mean"].to_numpy()
    np.testing.assert_allclose(made - made[0], heights - heights[0], atol=1e-8)


def test_slopes_are_those_of_the_units_own_curves():
    """x → m by each unit's own gp, m → y by its own slope: the average of the products."""
    text = gp_text().replace("  y:", "  m:\n  y:").replace("-> y: {shape", "-> m: {shape")
    text += "  m(whole) -> y: {varies_by: client}\n"
    numbers = {name.replace("y", "m"): value for name, value in GP.items()} | {"m(whole) -> y": 0.5}
    own = {(name.replace("y", "m"), level): value for (name, level), value in GP_OWN.items()}
    fit = pinned(
        text.replace("family: normal", ""), rows("x", "m", "y", w=W), numbers, own | {("m(whole) -> y", "client"): V}
    )
    found = mx.differentiate(fit, "x(2)", "y(2)", at=[-0.5, 0.7]).summary()["mean"]
    for value, slope in zip((-0.5, 0.7), found, strict=True):
        rise = (waves(value + 1e-5)[0] - waves(value - 1e-5)[0]) / 2e-5 @ (HEIGHTS[:, None] + OWN)
        assert slope == pytest.approx(np.mean(rise * (0.5 + V)), rel=1e-4)


def test_what_follows_new_units_climbs_is_drawn_anew():
    """y = expit(a + b·x + c·m), m = climb(stage) of a new therapist's own and noise: Gauss–Hermite over both, client by client.

    Nothing moves m, but it is not kept as it was seen: new therapists' clients climb otherwise.
    """
    text = (
        "levels: [client, therapist]\nvariables:\n  stage: {family: ordinal, values: [a, b, c, d]}\n  x:\n  m:\n"
        "  y: {family: bernoulli}\narrows:\n  1 -> m, y: {varies_by: []}\n"
        "  stage -> m: {shape: monotonic, varies_by: therapist}\n  m -> y:\n  x -> y:\n"
    )
    seen = frame("x", "m").assign(stage=[STAGES[k * 7 % 11 % 4] for k in range(CLIENTS * OCCASIONS)])
    seen = seen.assign(therapist=seen["client"], client=np.arange(len(seen)), m=seen["m"] + 4)
    seen["y"] = np.arange(len(seen)) % 2
    numbers = {name.replace("y", "m"): step for name, step in STEPS.items()} | {"1 -> m": 0.2, "sigma(m)": 0.7}
    numbers |= {"sd(stage -> m | therapist)": 0.6, "1 -> y": -0.5, "x -> y": 0.8, "m -> y": 1.2}
    found = ask(pinned(text, seen, numbers), of="x", on="y", contrast=(0, 1), population={"new": "therapist"})
    step = SHARE[[STAGES.index(each) for each in seen["stage"]]]
    m = 0.2 + (0.3 + 0.6 * NODES[:, None, None]) * step + 0.7 * NODES[:, None]
    chances = special.expit(-0.5 + 1.2 * m + 0.8) - special.expit(-0.5 + 1.2 * m)
    expected = np.einsum("unc,u,n->c", chances, WEIGHTS, WEIGHTS).mean()
    assert found == pytest.approx(expected, rel=0.01)
