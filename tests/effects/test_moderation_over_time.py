"""Effects along moderators that differ from session to session: put at a value everywhere, against formulas."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import SpecError

LEVELS = "levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }\ntime: session\n"
TEXT = LEVELS + (
    "variables:\n  x: {family: normal}\n  m, y, q:\n  r: {family: categorical, values: [none, mild, hard]}\n"
    "arrows:\n  x(whole) -> m: {moderated_by: [r, q(whole)]}\n  q(whole) -> m:\n"
    "  m(whole t-1) -> y: {moderated_by: r}\n  x(whole t-1) -> y:\n"
)
NUMBERS = {
    "x(whole) -> m": 0.4, "x(whole) * r=mild -> m": 0.3, "x(whole) * r=hard -> m": -0.2, "x(whole) * q(whole) -> m": 0.5,
    "m(whole t-1) -> y": 0.7, "m(whole t-1) * r=mild -> y": -0.1, "m(whole t-1) * r=hard -> y": 0.6,
}  # fmt: skip
FIRST, SECOND = {"none": 0.4, "mild": 0.7, "hard": 0.2}, {"none": 0.7, "mild": 0.6, "hard": 1.3}
QUESTION = mx.Question(of="x(1)", on="y(2)", kind="indirect", through="m", contrast=(0, 1))


def frame():
    rng = np.random.default_rng(1)
    made = pd.DataFrame({"client": np.repeat(np.arange(10), 4), "session": np.tile(range(4), 10)})
    made = made.assign(**{name: rng.normal(size=40) for name in "xmyq"})
    return made.assign(r=rng.choice(list(FIRST), 40))


def pinned(text=TEXT):
    theory = mx.parse(text)
    plan = mx.compile(theory)
    numbers = dict.fromkeys(plan.parameters, 0.3) | {"cor(client)": 0}
    return mx.pin(plan, mx.bind(theory, frame()), numbers | {k: v for k, v in NUMBERS.items() if k in numbers})


@pytest.fixture(scope="module")
def fit():
    return pinned()


def test_a_category_of_every_session(fit):
    """In group r: (a + γ_r + γ_q · q at session 1) · (b + δ_r), averaged over the clients' own q."""
    found = mx.moderate(fit, QUESTION, "r")
    rows, q = found.summary()["mean"], frame().query("session == 1")["q"].mean()
    for value, first in FIRST.items():
        expected = (first + 0.5 * q) * SECOND[value]
        assert rows[f"indirect through m [r={value}]"] == pytest.approx(expected)
    assert "each with r put at the value at every session" in str(found)
    own = frame()
    here, there = (own.query(f"session == {at}").reset_index(drop=True) for at in (1, 2))
    mean = np.mean((here["r"].map(FIRST) + 0.5 * here["q"]) * there["r"].map(SECOND))
    assert rows["indirect through m [averaged over the sample]"] == pytest.approx(mean)


def test_a_number_of_every_session_and_its_index(fit):
    found = mx.moderate(fit, QUESTION, {"q": [0, 2]})
    rows, own = found.summary()["mean"], frame()
    r = own.query("session == 1")["r"].map(FIRST).to_numpy(), own.query("session == 2")["r"].map(SECOND).to_numpy()
    for q in (0, 2):
        assert rows[f"indirect through m [q={q}]"] == pytest.approx(np.mean((r[0] + 0.5 * q) * r[1]))
    assert rows["index of moderated mediation [q]"] == pytest.approx(0.5 * np.mean(r[1]))
    below = found.regions().query("sign < 0")
    assert below["high"].tolist() == pytest.approx([-np.mean(r[0] * r[1]) / (0.5 * np.mean(r[1]))] * 2)
    assert below["share"].tolist() == pytest.approx([np.mean(own["q"] < below["high"].iloc[0])] * 2)


@pytest.mark.parametrize(
    ("text", "by", "words"),
    [
        (TEXT.replace("q(whole) -> m", "q -> m"), "q", "q has an equation and differs from session to session"),
        (TEXT.replace("x(whole) -> m: {moderated_by: [r, q(whole)]}\n  q(whole)", "r, q"), "q", "q has an equation"),
        (TEXT, "session", "session counts occasions"),
    ],
)
def test_what_no_session_has_one_value_of_is_refused(text, by, words):
    with pytest.raises(SpecError, match=words):
        mx.moderate(pinned(text), QUESTION, by)
