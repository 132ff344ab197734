"""Effects along moderators: closed forms at pinned parameters, indices, bands, regions, refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit
from small_worlds import noise, pinned

import mechanisms as mx
from mechanisms.effects.along.bands import find_bands
from mechanisms.effects.along.regions import find_regions
from mechanisms.effects.along.tracing import Curve, follow, spread_points

EXACT = 1e-10
STAGES = {
    "1 -> m": 0.3, "x -> m": 0.5, "x * w -> m": -0.2, "w -> m": 0.1, "c -> m": 0.6, "sigma(m)": 1.1,
    "1 -> y": -1, "m -> y": 0.7, "m * w -> y": 0.4, "x -> y": 0.25, "x * w -> y": 0.15, "w -> y": -0.3, "c -> y": 0.2,
    "sigma(y)": 0.9,
}  # fmt: skip
INDIRECT = mx.Question(of="x", on="y", kind="indirect", through="m")


def world(first: bool, second: bool, own: bool = False) -> tuple[str, dict[str, float]]:
    """Mediation with a covariate, moderated in some stages, and its parameters."""
    text = "arrows:\n"
    moderated = " {moderated_by: w}"
    text += f"  x -> m:{moderated * first}\n  m -> y:{moderated * second}\n  x -> y:{moderated * own}\n  c -> m, y:\n"
    absent = {
        *([] if first else ["x * w -> m", "w -> m"]), *([] if second else ["m * w -> y"]),
        *([] if own else ["x * w -> y"]), *([] if second or own else ["w -> y"]),
    }  # fmt: skip
    return text, {address: value for address, value in STAGES.items() if address not in absent}


def heights(found: mx.Moderated, values: np.ndarray, label: str | None = None) -> np.ndarray:
    return found.curve(label, points=len(values))["mean"].to_numpy()


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (True, True)])
def test_indirect_effect_along_a_moderator(first: bool, second: bool) -> None:
    """statistics.md 2.5: (a₁ + a₃w)b, a(b₁ + b₃w) and their product; the index a₃b, ab₃, and none."""
    text, parameters = world(first, second)
    frame = noise(50, "x", "w", "c", "m", "y")
    found = mx.moderate(pinned(text, frame, parameters), INDIRECT, {"w": [-0.5, 0.0, 0.8]})

    def omega(w: np.ndarray) -> np.ndarray:
        return (0.5 - 0.2 * first * w) * (0.7 + 0.4 * second * w)

    values = np.linspace(frame["w"].min(), frame["w"].max(), 23)
    np.testing.assert_allclose(heights(found, values), omega(values), atol=EXACT)
    for w in (-0.5, 0.0, 0.8):
        label = f"indirect through m [w={'0' if w == 0 else f'{w:.4g}'}]"
        assert found[label].draws.item() == pytest.approx(omega(np.array(w)), abs=EXACT)
    index = "index of moderated mediation [w]"
    if first and second:
        assert index not in found.effects.labels
        assert any("no single index" in note for note in found.effects.notes)
        gap = found["indirect through m [w=0.8 − w=-0.5]"].draws.item()
        assert gap == pytest.approx(omega(np.array(0.8)) - omega(np.array(-0.5)), abs=EXACT)
    else:
        assert found[index].draws.item() == pytest.approx(-0.2 * 0.7 if first else 0.5 * 0.4, abs=EXACT)
    average = found["indirect through m [averaged over the sample]"].draws.item()
    assert average == pytest.approx(omega(frame["w"].to_numpy()).mean(), abs=EXACT)


@pytest.mark.parametrize(("kind", "slope"), [("total", 0.15 - 0.2 * 0.7), ("direct", 0.15)])
def test_total_and_direct_effects_along_a_moderator(kind: str, slope: float) -> None:
    text, parameters = world(True, False, own=True)
    frame = noise(40, "x", "w", "c", "m", "y")
    found = mx.moderate(pinned(text, frame, parameters), mx.Question(of="x", on="y", kind=kind), "w")
    assert found["index of moderation [w]"].draws.item() == pytest.approx(slope, abs=EXACT)
    values = np.linspace(frame["w"].min(), frame["w"].max(), 5)
    level = 0.25 + (0.35 if kind == "total" else 0.0)
    np.testing.assert_allclose(heights(found, values), level + slope * values, atol=EXACT)


def test_a_second_version_is_followed_where_it_differs() -> None:
    """Exposure × mediator × moderator: the pure indirect effect a(b₁ + b₃w)·0 side differs from the total one but at w = 0."""
    text = "arrows:\n  x -> m:\n  m -> y:\n  x -> y: {moderated_by: [m * w]}\n"
    frame = noise(40, "x", "w", "m", "y")
    parameters = dict.fromkeys(mx.compile(mx.parse(text)).parameters, 0.0) | {
        "x -> m": 0.5, "m -> y": 0.7, "x * m * w -> y": 0.3, "sigma(m)": 1, "sigma(y)": 1,
    }  # fmt: skip
    question = INDIRECT.model_copy(update={"contrast": (0.0, 1.0)})
    found = mx.moderate(pinned(text, frame, parameters), question, {"w": [0, 0.5]})
    values = np.linspace(frame["w"].min(), frame["w"].max(), 9)
    np.testing.assert_allclose(heights(found, values), 0.5 * (0.7 + 0.3 * values), atol=EXACT)
    np.testing.assert_allclose(heights(found, values, "pure indirect"), np.full(9, 0.35), atol=EXACT)
    assert found["index of moderated mediation, pure indirect [w]"].draws.item() == pytest.approx(0, abs=EXACT)


def test_partial_and_conditional_indices_of_two_moderators() -> None:
    """Additive: a₃b whatever z. With w × z: (a₃ + a₅z)b, which grows by a₅b with z (Hayes 2018)."""
    frame = noise(60, "x", "w", "z", "m", "y")
    common = {"1 -> m": 0, "x -> m": 0.5, "sigma(m)": 1, "1 -> y": 0, "m -> y": 0.7, "sigma(y)": 1, "w -> m": 0.1, "z -> m": 0.2,
              "x * w -> m": -0.2, "x * z -> m": 0.3}  # fmt: skip
    text = "arrows:\n  x -> m: {moderated_by: [w, z]}\n  m -> y:\n"
    found = mx.moderate(pinned(text, frame, common), INDIRECT, ["w", "z"])
    assert found["index of moderated mediation [w]"].draws.item() == pytest.approx(-0.14, abs=EXACT)
    assert found["index of moderated mediation [z]"].draws.item() == pytest.approx(0.21, abs=EXACT)
    assert not [label for label in found.effects.labels if "×" in label]
    assert len(found.curves) == 3

    text = "arrows:\n  x -> m: {moderated_by: [w * z]}\n  m -> y:\n"
    more = {**common, "w * z -> m": 0.05, "x * w * z -> m": 0.11}
    found = mx.moderate(pinned(text, frame, more), INDIRECT, {"w": [-1, 1], "z": [0, 0.5]})
    assert found["index of moderated mediation [w, z=0.5]"].draws.item() == pytest.approx(
        (-0.2 + 0.055) * 0.7, abs=EXACT
    )
    assert found["index of moderated mediation [z, w=-1]"].draws.item() == pytest.approx((0.3 - 0.11) * 0.7, abs=EXACT)
    assert found["index of moderated moderated mediation [w × z]"].draws.item() == pytest.approx(0.11 * 0.7, abs=EXACT)


ARMS = """
variables:
  arm: {family: categorical, values: [medication, both, cbt], assigned: randomised}
  bond, gain, symptoms:
arrows:
  bond -> gain: {moderated_by: arm}
  gain -> symptoms: {moderated_by: arm}
  bond -> symptoms: {moderated_by: arm}
"""


def test_three_arms_differ_pairwise() -> None:
    """Every arm's direct and indirect effect and all differences; the same as `estimate` gives where covariates cancel."""
    frame = noise(60, "bond", "gain", "symptoms")
    frame["arm"] = np.tile(["medication", "both", "cbt"], 20)
    parameters = dict.fromkeys(mx.compile(mx.parse(ARMS)).parameters, 0.0)
    parameters |= {
        "bond -> gain": 0.1, "bond * arm=both -> gain": 0.2, "bond * arm=cbt -> gain": 0.4, "gain -> symptoms": -0.3,
        "gain * arm=both -> symptoms": -0.1, "gain * arm=cbt -> symptoms": -0.5, "bond * arm=cbt -> symptoms": -0.2,
        "sigma(gain)": 1, "sigma(symptoms)": 1,
    }  # fmt: skip
    fit = pinned(ARMS, frame, parameters)
    for kind, omega in (
        ("indirect", {"medication": -0.03, "both": 0.3 * -0.4, "cbt": 0.5 * -0.8}),
        ("direct", {"medication": 0.0, "both": 0.0, "cbt": -0.2}),
    ):
        question = mx.Question(of="bond", on="symptoms", kind=kind)
        found = mx.moderate(fit, question, "arm")
        asked = mx.estimate(fit, question.model_copy(update={"at": (("arm", ("each",)),)}))
        rows = {label: found[label].draws.item() for label in asked.labels}
        assert rows == pytest.approx({row.label: row.draws.item() for row in asked.rows}, abs=EXACT)
        for one, other in (("medication", "both"), ("medication", "cbt"), ("both", "cbt")):
            gap = found[f"{kind} [arm={other} − arm={one}]"].draws.item()
            assert gap == pytest.approx(omega[other] - omega[one], abs=EXACT)
        assert found.by is None
        assert not found.curves


def test_the_moderator_is_put_at_the_value_and_all_else_is_as_observed() -> None:
    """z goes along with w and moderates too: the curve is that of w alone, at the sample's own z; `at` takes z along."""
    rng = np.random.default_rng(4)
    w = rng.normal(size=400)
    frame = noise(400, "x", "y").assign(w=w, z=0.8 * w + 0.6 * rng.normal(size=400))
    text = "arrows:\n  x -> y: {moderated_by: [w, z]}\n  w <-> z:\n"
    parameters = {
        "1 -> y": 0,
        "x -> y": 0.2,
        "x * w -> y": 0.3,
        "x * z -> y": 0.5,
        "w -> y": 0,
        "z -> y": 0,
        "sigma(y)": 1,
    }
    fit, question = pinned(text, frame, parameters), mx.Question(of="x", on="y")
    found = mx.moderate(fit, question, {"w": [1.0]})
    assert found["total [w=1]"].draws.item() == pytest.approx(0.2 + 0.3 + 0.5 * frame["z"].mean(), abs=EXACT)
    assert found["index of moderation [w]"].draws.item() == pytest.approx(0.3, abs=EXACT)
    near = mx.estimate(fit, question.model_copy(update={"at": (("w", (1.0,)),)})).rows[0].draws.item()
    assert near == pytest.approx(0.2 + 0.3 + 0.5 * 0.8, abs=0.1)  # E[z | w = 1] = .8


def test_a_logistic_outcome_has_no_straight_line() -> None:
    """On the probability scale everything moderates; the curve is the average over the sample's covariates."""
    frame = noise(50, "x", "w", "c", "y").assign(y=np.tile([0.0, 1.0], 25))
    text = "variables: {x: , w: , c: , y: {family: bernoulli}}\narrows:\n  x -> y: {moderated_by: w}\n  c -> y:\n"
    parameters = {"1 -> y": -0.4, "x -> y": 0.8, "x * w -> y": 0.5, "w -> y": 0.2, "c -> y": 0.9}
    found = mx.moderate(pinned(text, frame, parameters), mx.Question(of="x", on="y", contrast=(0, 1)), {"w": [0, 1]})
    c = frame["c"].to_numpy()[:, None]
    values = np.linspace(frame["w"].min(), frame["w"].max(), 11)
    base = -0.4 + 0.2 * values + 0.9 * c
    expected = (expit(base + 0.8 + 0.5 * values) - expit(base)).mean(axis=0)
    np.testing.assert_allclose(heights(found, values), expected, atol=1e-8)
    assert "index of moderation [w]" not in found.effects.labels


def test_a_covariate_moderates_nothing() -> None:
    frame = noise(40, "x", "c", "m", "y").assign(w=np.arange(40.0))
    text, parameters = world(False, False)
    found = mx.moderate(pinned(text, frame, parameters), INDIRECT, "c")
    assert any("the same at every value of c" in note for note in found.effects.notes)
    assert found["index of moderated mediation [c]"].draws.item() == 0


# --- curves, bands, regions ---


@pytest.mark.parametrize(
    ("shape", "smooth", "error"),
    [
        (lambda v: 1 + 2 * v, True, 1e-13),
        (lambda v: 3 - v + 0.5 * v**2 - 0.1 * v**3, True, 1e-12),
        (lambda v: expit(4 * v), True, 1e-6),  # foretold to .001, known to its square
        (lambda v: 1000 + expit(v), True, 1e-6),
        (lambda v: np.maximum(v - 0.31, 0), False, 2 * 3.5 * np.pi / 64 / 2 / 4),  # slope · widest gap / 4
    ],
)
def test_a_curve_is_known_between_its_points(shape, smooth: bool, error: float) -> None:
    low, high = -1.3, 2.2
    found = follow(lambda value: {"it": np.array([shape(np.float64(value)), -2 * shape(np.float64(value))])}, low, high)
    values = np.linspace(low, high, 97)
    assert found["it"].smooth is smooth
    np.testing.assert_allclose(found["it"].at(values), [shape(values), -2 * shape(values)], atol=error)
    own = np.array([0.123, -0.7])
    np.testing.assert_allclose(found["it"].pick(own), np.diag(found["it"].at(own)), atol=1e-12)
    if smooth:
        step = 1e-5
        numeric = (shape(values[1:-1] + step) - shape(values[1:-1] - step)) / (2 * step)
        steepest = 2 * (len(found["it"].points) - 1) ** 2 / (high - low)  # Markov's inequality
        np.testing.assert_allclose(found["it"].slope(values[1:-1])[0], numeric, atol=steepest * error + 1e-7)


def made(draws: np.ndarray) -> Curve:
    """A curve from heights at Chebyshev points of −2 to 2."""
    return Curve(spread_points(-2, 2, 8), draws, smooth=True)


def test_simultaneous_band_holds_whole_curves() -> None:
    """Of a line with normal coefficients the critical value is that of max |t|, simulated here by itself."""
    rng = np.random.default_rng(5)
    count = 10_000
    points = spread_points(-2, 2, 8)
    cov = np.array([[0.04, 0.01], [0.01, 0.09]])
    draws = rng.multivariate_normal([0.3, -0.2], cov, size=count) @ np.stack([np.ones(9), points])
    curve = made(draws)
    pointwise, simultaneous = find_bands(curve, 0.9)
    assert pointwise.tail == pytest.approx(0.05)
    lower, upper = simultaneous.at(curve, curve.grid)
    heights = curve.at(curve.grid)
    inside = np.mean(np.all((heights >= lower - 1e-12) & (heights <= upper + 1e-12), axis=1))
    assert 0.9 <= inside < 0.9 + 3 * np.sqrt(0.09 / count)
    design = np.stack([np.ones(401), np.linspace(-2, 2, 401)])
    other = np.random.default_rng(6).multivariate_normal([0, 0], cov, size=count) @ design
    largest = np.max(np.abs(other) / np.sqrt(np.einsum("ij,ik,kj->j", design, cov, design)), axis=1)
    critical = np.quantile(largest, 0.9)
    assert critical > stats.norm.isf(0.05)
    # the quantile at a tail p of 10 000 draws misses by √(p/n)/φ; at most 4 of these, and as much again for max |t|
    density = stats.norm.pdf(critical)
    error = (
        4 * np.sqrt(simultaneous.tail / count) / density
        + 4 * np.sqrt(0.09 / count) / stats.gaussian_kde(largest[:2000])(critical)[0]
    )
    assert stats.norm.isf(simultaneous.tail) == pytest.approx(critical, abs=error)


E_DRAWS = np.random.default_rng(7).normal(0, 0.3, 2001)


@pytest.mark.parametrize(
    ("mean", "expected"),
    [
        (lambda v: 0 * v, []),
        (lambda v: 0 * v + 5, [(1, -2, 2)]),
        (lambda v: 0 * v - 5, [(-1, -2, 2)]),
        (lambda v: v, [(-1, -2, "-upper"), (1, "-lower", 2)]),
        (lambda v: 1 - v, [(1, -2, "1+lower"), (-1, "1+upper", 2)]),
        (lambda v: v + 3, [(1, "-3-lower", 2)]),
        (lambda v: v**2 - 1, [(1, -2, "-√(1-lower)"), (-1, "-√(1-upper)", "√(1-upper)"), (1, "√(1-lower)", 2)]),
    ],
)
def test_regions(mean, expected) -> None:
    """Draws e around a known curve: 0 is excluded where mean + lower > 0 or mean + upper < 0; ends in closed form."""
    lower, upper = np.quantile(E_DRAWS, [0.025, 0.975])
    places = {
        "-upper": -upper, "-lower": -lower, "1+lower": 1 + lower, "1+upper": 1 + upper, "-3-lower": -2.0,
        "-√(1-lower)": -np.sqrt(1 - lower), "√(1-lower)": np.sqrt(1 - lower), "-√(1-upper)": -np.sqrt(1 - upper),
        "√(1-upper)": np.sqrt(1 - upper),
    }  # fmt: skip
    curve = made(mean(spread_points(-2, 2, 8)) + E_DRAWS[:, None])
    cases = np.linspace(-2, 2, 1001)
    found = find_regions(curve, find_bands(curve, 0.95)[0], cases)
    assert [region.sign for region in found] == [sign for sign, _, _ in expected]
    for region, (_, *ends) in zip(found, expected, strict=True):
        assert (region.low, region.high) == pytest.approx([places.get(end, end) for end in ends], abs=1e-7)
        assert (region.opens, region.closes) == (region.low == -2, region.high == 2)
        assert region.share == np.mean((cases >= region.low) & (cases <= region.high))


# --- whole fits ---


def test_moderation_of_a_fit_in_its_own_draws() -> None:
    """Each draw's curve is its own product of lines; P(> 0) and both bands are quantiles of these."""
    frame = noise(150, "x", "w", "c", "m", "y")
    fit = mx.fit(mx.parse(world(True, True)[0]), frame, seed=1, draws=500)
    found = mx.moderate(fit, INDIRECT, "w", mass=0.9)
    d = fit.parameters
    table = found.curve(points=7)
    w = table.index.to_numpy()
    omega = (d["x -> m"] + d["x * w -> m"] * w[:, None]) * (d["m -> y"] + d["m * w -> y"] * w[:, None])
    np.testing.assert_allclose(table["mean"], omega.mean(axis=1), atol=EXACT)
    np.testing.assert_allclose(table[["lower", "upper"]].T, np.quantile(omega, [0.05, 0.95], axis=1), atol=EXACT)
    np.testing.assert_allclose(table["p_positive"], np.mean(omega > 0, axis=1), atol=1e-12)
    assert np.all(table["lower_everywhere"] <= table["lower"])
    assert np.all(table["upper_everywhere"] >= table["upper"])
    for region in found.curves[0].regions:
        for end, at_the_end in ((region.low, region.opens), (region.high, region.closes)):
            if not at_the_end:
                tail = next(band.tail for band in found.curves[0].bands if band.name == region.band)
                there = (d["x -> m"] + d["x * w -> m"] * end) * (d["m -> y"] + d["m * w -> y"] * end)
                edge = np.quantile(there, tail if region.sign > 0 else 1 - tail)
                assert edge == pytest.approx(0, abs=1e-8)


def test_where_an_sd_leaves_the_data_percentiles_are_shown() -> None:
    frame = noise(100, "x", "m", "y").assign(w=np.random.default_rng(1).exponential(1, 100) ** 3, c=0.0)
    frame["c"] = np.arange(100.0)
    assert frame["w"].mean() - frame["w"].std() < frame["w"].min()
    text, parameters = world(True, False)
    found = mx.moderate(pinned(text, frame, parameters), INDIRECT, "w")
    stated = [float(label.partition("w=")[2][:-1]) for label in found.effects.labels[:3]]
    assert stated == pytest.approx(np.quantile(frame["w"], [0.16, 0.5, 0.84]), abs=1e-2)


def test_what_moderate_says() -> None:
    frame = noise(80, "x", "w", "c", "m", "y")
    found = mx.moderate(mx.fit(mx.parse(world(False, True)[0]), frame, seed=1, draws=200), INDIRECT, "w")
    said = repr(found)
    assert "along w, 95% band excludes 0" in said
    assert "put at the value and everything else as observed" in said
    assert list(found.summary().index) == list(found.effects.labels)
    assert list(found.regions().columns)[:3] == ["effect", "band", "sign"]
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize(
    ("by", "error", "message"),
    [
        ("v", mx.SpecError, "no variable 'v'"),
        ("x", mx.SpecError, "x is what the question is about"),
        ("m", mx.SpecError, "x changes m"),
        ("b", mx.IdentificationError, "b acts on nothing between x and y.*drawn as moderators are w"),
        ([], mx.SpecError, "by names moderators"),
        (3, mx.SpecError, "by names moderators"),
        ({"w": []}, mx.SpecError, "no value is given"),
        ({"w": ["often"]}, mx.DataError, "'often' is not a value"),
        ({"k": [0.5]}, mx.DataError, "k is 0 or 1"),
    ],
)
def test_refused_moderators(by, error, message: str) -> None:
    frame = noise(30, "x", "w", "c", "b", "m", "y").assign(k=np.tile([0.0, 1.0], 15))
    text = "arrows:\n  x -> m:\n  m -> y: {moderated_by: w}\n  c, k -> y:\n  b -> x:\n"
    fit = pinned(text, frame, dict.fromkeys(mx.compile(mx.parse(text)).parameters, 1.0))
    with pytest.raises(error, match=message):
        mx.moderate(fit, INDIRECT, by)


def test_other_refusals() -> None:
    frame = noise(30, "x", "w", "c", "m", "y")
    fit = pinned(world(False, True)[0], frame, world(False, True)[1])
    with pytest.raises(mx.SpecError, match="stands in the question's at as well"):
        mx.moderate(fit, INDIRECT.model_copy(update={"at": (("w", (0.0,)),)}), "w")
    with pytest.raises(mx.MechanismsError, match="mass is a probability"):
        mx.moderate(fit, INDIRECT, "w", mass=95)
    with pytest.raises(mx.MechanismsError, match="the question should be a Question"):
        mx.moderate(fit, "x", "w")


LEVELS = """
levels: [session, client]
time: session
variables:
  alliance: {family: normal}
  symptoms:
  expectation: {level: client}
  diagnosis: {level: client, family: categorical, values: [anxiety, depression]}
arrows:
  alliance(t-1) -> symptoms: {moderated_by: [expectation, diagnosis]}
  symptoms(t-1) -> symptoms:
"""


def test_moderators_of_clients() -> None:
    """Over time: the effect of one session on the next is the departure's slope, by client-level moderators."""
    rng = np.random.default_rng(2)
    clients = pd.DataFrame(
        {"client": range(8), "expectation": rng.normal(size=8), "diagnosis": ["anxiety", "depression"] * 4}
    )
    frame = clients.merge(pd.DataFrame({"session": range(4)}), how="cross")
    frame = frame.assign(alliance=rng.normal(size=32), symptoms=rng.normal(size=32))
    plan = mx.compile(mx.parse(LEVELS))
    parameters = {address: 1.0 if address.startswith(("s", "sd")) else 0.0 for address in plan.parameters}
    parameters |= {
        "alliance(t-1) -> symptoms": -0.3, "alliance(t-1) * expectation -> symptoms": 0.2,
        "alliance(t-1) * diagnosis=depression -> symptoms": -0.4, "cor(client)": 0,
    }  # fmt: skip
    fit = mx.pin(plan, mx.bind(plan.theory, frame), parameters)
    question = mx.Question(of="alliance(t)", on="symptoms(t+1)", contrast=(0, 1))
    found = mx.moderate(fit, question, {"expectation": [0.5], "diagnosis": None})
    assert found["total [expectation=0.5, diagnosis=anxiety]"].draws.item() == pytest.approx(-0.2, abs=EXACT)
    assert found["total [expectation=0.5, diagnosis=depression]"].draws.item() == pytest.approx(-0.6, abs=EXACT)
    assert found["index of moderation [expectation]"].draws.item() == pytest.approx(0.2, abs=EXACT)
    assert found["total [diagnosis=depression − diagnosis=anxiety]"].draws.item() == pytest.approx(-0.4, abs=EXACT)
    with pytest.raises(mx.SpecError, match="session counts occasions: name them in the question"):
        mx.moderate(fit, question, "session")
    with pytest.raises(mx.IdentificationError, match="a curve for every unit is not drawn"):
        mx.moderate(fit, question.model_copy(update={"population": ("each", "client")}), "expectation")


def test_every_contrast_of_an_exposure_with_three_arms_has_its_curve() -> None:
    """arm → m → y with b₁ + b₃w: for each arm against the first, and for a contrast that is named."""
    text = """
variables:
  arm: {family: categorical, values: [waitlist, group, single]}
  m, y, w:
arrows:
  arm -> m:
  m -> y: {moderated_by: w}
"""
    frame = noise(60, "m", "y", "w").assign(arm=np.tile(["waitlist", "group", "single"], 20))
    parameters = dict.fromkeys(mx.compile(mx.parse(text)).parameters, 0.0) | {
        "arm=group -> m": 0.4, "arm=single -> m": 0.9, "m -> y": 0.5, "m * w -> y": 0.2, "sigma(m)": 1, "sigma(y)": 1,
    }  # fmt: skip
    fit = pinned(text, frame, parameters)
    question = mx.Question(of="arm", on="y", kind="indirect")
    found = mx.moderate(fit, question, {"w": [0.5]})
    assert [each.label for each in found.curves] == ["indirect [waitlist → group]", "indirect [waitlist → single]"]
    assert found["indirect [waitlist → single, w=0.5]"].draws.item() == pytest.approx(0.9 * 0.6, abs=EXACT)
    index = found["index of moderated mediation [waitlist → group, w]"]
    assert index.draws.item() == pytest.approx(0.08, abs=EXACT)
    assert index.contrast == "arm from waitlist to group"
    named = mx.moderate(fit, question.model_copy(update={"contrast": ("group", "single")}), {"w": [0.5]})
    assert named["indirect [w=0.5]"].draws.item() == pytest.approx(0.5 * 0.6, abs=EXACT)


def test_units_whose_moderator_is_missing_count_at_its_values() -> None:
    """A modelled moderator with gaps: at a value nobody's is missing; averaged over the sample those who have one count."""
    text = (
        "variables: {x: , y: , w: {family: normal}, c: {family: normal}}\n"
        "arrows:\n  x -> y: {moderated_by: [w, c]}\n  w <-> c:\n"
    )
    frame = noise(50, "x", "y", "w", "c")
    frame.loc[:9, "w"] = np.nan
    frame.loc[5:19, "c"] = np.nan
    fit = mx.fit(mx.parse(text), frame, seed=1, draws=100)
    found = mx.moderate(fit, mx.Question(of="x", on="y"), {"w": [0.0, 1.0]})
    c = frame["c"].mean()
    d = fit.parameters
    row = found["total [w=1]"]
    np.testing.assert_allclose(row.draws.reshape(-1), d["x -> y"] + d["x * w -> y"] + d["x * c -> y"] * c, atol=EXACT)
    assert row.population == "the 35 of 50 units in the data whose c is known"
    both = frame.dropna()
    expected = d["x -> y"] + d["x * w -> y"] * both["w"].mean() + d["x * c -> y"] * both["c"].mean()
    np.testing.assert_allclose(found["total [averaged over the sample]"].draws.reshape(-1), expected, atol=EXACT)


def test_fewer_draws_are_some_of_them() -> None:
    frame = noise(60, "x", "w", "c", "m", "y")
    fit = mx.fit(mx.parse(world(True, False)[0]), frame, seed=1, draws=100)
    found = mx.moderate(fit, INDIRECT, "w", draws=40)
    row = found["index of moderated mediation [w]"].draws
    assert row.shape == (4, 10)
    every = (fit.draws["x * w -> m"] * fit.draws["m -> y"]).to_numpy()
    assert all(np.isclose(every[chain], value).any() for chain in range(4) for value in row[chain])
    assert mx.moderate(fit, INDIRECT, "w", draws=10_000)["index of moderated mediation [w]"].draws.shape == (4, 100)
    with pytest.raises(mx.FitError, match="draws must be a whole number of at least 4"):
        mx.moderate(fit, INDIRECT, "w", draws=3)
