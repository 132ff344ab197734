"""What an intervention does to mediators whose curve ends with the data: said, with the share that lies outside."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from small_worlds import noise, pinned

import mechanisms as mx

NUMBERS = {"1 -> m": 0.2, "a -> m": 0.9, "sigma(m)": 1.1, "1 -> y": 0.4, "a -> y": 0.25, "sigma(y)": 1.0}
CURVES = {
    "quadratic": ("m", "m^2"),
    "{spline: 2}": ("m[1]", "m[2]"),
    "{bspline: 3}": ("m[1]", "m[2]", "m[3]"),
    "{piecewise: [0]}": ("m[1]", "m[2]"),
}


def fitted(shape):
    frame = noise(300, "a", "m", "y", seed=5)
    text = f"arrows:\n  a -> m, y:\n  m -> y: {{shape: {shape}}}\n"
    names = CURVES.get(shape, ("m",))
    return pinned(text, frame, NUMBERS | dict.fromkeys([f"{name} -> y" for name in names], 0.3)), frame["m"]


def strays(effects):
    return [note for note in effects.notes if "hands on from there is an extrapolation" in note]


@pytest.mark.parametrize("shape", CURVES)
@pytest.mark.parametrize("contrast", [(0.0, 4.0), (-4.0, 0.0)])
def test_the_share_of_values_outside_is_said(shape, contrast):
    """P(m outside its data | a) by the normal distribution; 40 000 draws (sd .0025), shown to the nearest hundredth."""
    fit, m = fitted(shape)
    far = max(contrast, key=abs)
    law = stats.norm(0.2 + 0.9 * far, 1.1)
    share = law.cdf(m.min()) + law.sf(m.max())
    asked = [
        mx.estimate(fit, mx.Question(of="a", on="y", contrast=contrast)),
        mx.estimate(fit, mx.Question(of="a", on="y", kind="indirect", contrast=contrast)),
        mx.decompose(fit, "a", "y", contrast=contrast),
    ]
    for effects in asked:
        (note,) = strays(effects)
        assert note.startswith(f"where a = {far:g}, about ")
        assert float(re.search(r"(\d+)%", note)[1]) / 100 == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize(
    ("shape", "question"),
    [
        ("quadratic", {"contrast": (0.0, 1.0)}),
        ("linear", {"contrast": (0.0, 9.0)}),
        ("quadratic", {"contrast": (0.0, 9.0), "set": {"m": 0.5}}),
    ],
)
def test_nothing_is_said_inside_the_data_of_straight_lines_or_of_what_is_set(shape, question):
    fit, _ = fitted(shape)
    assert not strays(mx.estimate(fit, mx.Question(of="a", on="y", **question)))


def test_noise_of_mediators_before_counts():
    """a → k → m, m bent: m's values have the noise of both; a category on the way is drawn by its chances."""
    rng = np.random.default_rng(1)
    frame = noise(200, "a", "m", "y").assign(k=rng.choice(["lo", "mid", "hi"], 200))
    text = (
        "variables:\n  a, m, y:\n  k: {family: ordinal, values: [lo, mid, hi]}\n"
        "arrows:\n  a -> k:\n  k -> m:\n  m -> y: {shape: quadratic}\n"
    )
    numbers = {"1 -> k=mid": 0.5, "1 -> k=hi": -0.5, "a -> k": 1.0, "1 -> m": 0.0, "k=mid -> m": 1.0, "k=hi -> m": 3.0}
    numbers |= {"sigma(m)": 0.8, "1 -> y": 0.0, "m -> y": 1.0, "m^2 -> y": 0.2, "sigma(y)": 1.0}
    found = mx.estimate(pinned(text, frame, numbers), mx.Question(of="a", on="y", contrast=(0.0, 2.0)))
    reach = stats.logistic.cdf([2.5, 1.5])
    chances, means = [1 - reach[0], reach[0] - reach[1], reach[1]], [0.0, 1.0, 3.0]
    low, high = frame["m"].min(), frame["m"].max()
    share = sum(
        chance * (stats.norm.cdf(low, mean, 0.8) + stats.norm.sf(high, mean, 0.8))
        for chance, mean in zip(chances, means, strict=True)
    )
    (note,) = strays(found)
    assert float(re.search(r"(\d+)%", note)[1]) / 100 == pytest.approx(share, abs=0.015)


# --- over time ---

LEVELS = "levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }\ntime: session\n"


def diary(clients=60):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"client": np.repeat(range(clients), 4), "session": np.tile(range(4), clients)})
    return frame.assign(**{name: rng.normal(size=4 * clients) for name in "xmy"})


@pytest.mark.parametrize(
    ("shape", "contrast"), [("quadratic", (0, 4)), ("quadratic", (-4, 0)), ("quadratic", (0, 1)), ("linear", (0, 9))]
)
def test_mediators_over_time_have_their_deviations_and_their_noise(shape, contrast):
    """P(m(1) outside its data | x(1)) over the clients' own intercepts; 200 draws that are alike make 12 000 values."""
    text = LEVELS + (
        "variables:\n  x: {family: normal}\n  m, y:\narrows:\n  x(whole) -> m:\n  x(whole t-1) -> y:\n"
        f"  m(whole t-1) -> y: {{shape: {shape}}}\n"
    )
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, diary())
    numbers = dict.fromkeys(plan.parameters, 0.3) | {
        "x(whole) -> m": 0.9,
        "1 -> m": 0.2,
        "sigma(m)": 0.8,
        "cor(client)": 0,
    }
    own = np.random.default_rng(1).normal(0, 0.5, 60)
    pinned = mx.pin(plan, data, numbers, {("1 -> m", "client"): own})
    posterior = xr.concat([pinned.idata["posterior"].to_dataset()] * 200, "draw").assign_coords(draw=range(200))
    fit = replace(pinned, idata=xr.DataTree.from_dict({"posterior": posterior}))
    notes = strays(mx.estimate(fit, mx.Question(of="x(1)", on="y(2)", contrast=contrast)))
    m, far = diary()["m"], max(contrast, key=abs)
    mean = 0.2 + own + 0.9 * far
    share = float(np.mean(stats.norm.cdf(m.min(), mean, 0.8) + stats.norm.sf(m.max(), mean, 0.8)))
    if shape == "linear" or abs(far) == 1:
        assert not notes
        return
    assert share > 0.3
    (note,) = notes
    assert note.startswith(f"where x = {far}, about ")
    assert float(re.search(r"(\d+)%", note)[1]) / 100 == pytest.approx(share, abs=0.02)
