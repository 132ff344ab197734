"""Several values of what a question sets: a row each, and all differences; without levels, against coefficients."""

import pytest
from small_worlds import noise, pinned, values

import mechanisms as mx
from mechanisms.errors import DataError, SpecError

TEXT = (
    "variables: {g: {family: categorical, values: [a, b, c]}, x: , m: , y: }\n"
    "arrows: {x -> m: , m -> y: {moderated_by: x}, g -> y: {moderated_by: x}, x -> y: }\n"
)
NUMBERS = {
    "1 -> m": 0.0, "x -> m": 0.5, "sigma(m)": 1.0, "1 -> y": 0.0, "m -> y": 0.7, "m * x -> y": 0.2, "g=b -> y": 0.1,
    "g=c -> y": 0.3, "g=b * x -> y": 0.4, "g=c * x -> y": 0.9, "x -> y": 0.25, "sigma(y)": 1.0,
}  # fmt: skip
GROUPS = {"a": 0.0, "b": 0.4, "c": 0.9}


@pytest.fixture(scope="module")
def fit():
    return pinned(TEXT, noise(60, "x", "m", "y").assign(g=list("abc") * 20), NUMBERS)


def test_every_combination_has_a_row_and_every_two_a_difference(fit):
    found = values(mx.estimate(fit, mx.Question(of="x", on="y", kind="controlled", set={"m": [0, 2], "g": "each"})))
    expected = {f"m set to {m}, g set to {g}": 0.25 + 0.2 * m + GROUPS[g] for m in (0, 2) for g in GROUPS}
    assert len(found) == 6 + 15
    for words, value in expected.items():
        assert found[f"controlled [{words}]"] == pytest.approx(value)
    words, other = "m set to 2, g set to b", "m set to 0, g set to c"
    assert found[f"controlled [{words} − {other}]"] == pytest.approx(expected[words] - expected[other])


def test_groups_and_settings_together(fit):
    question = mx.Question(of="x", on="y", kind="controlled", set={"m": [0, 2]}, at={"g": ["a", "c"]})
    found = values(mx.estimate(fit, question))
    assert found["controlled [g=c, m set to 2]"] == pytest.approx(0.25 + 0.4 + 0.9)
    assert found["controlled [g=c, m set to 2 − g=a, m set to 0]"] == pytest.approx(0.4 + 0.9)


def test_a_decomposition_has_its_rows_under_each(fit):
    found = values(mx.decompose(fit, "x", "y", set={"g": ["a", "c"]}, contrast=(0, 1)))
    for g in "ac":
        assert found[f"direct [g set to {g}]"] == pytest.approx(0.25 + GROUPS[g])
        assert found[f"indirect [g set to {g}]"] == pytest.approx(0.5 * (0.7 + 0.2))
        parts = found[f"direct [g set to {g}]"] + found[f"indirect [g set to {g}]"]
        assert found[f"total [g set to {g}]"] == pytest.approx(parts)
    assert found["total [g set to c − g set to a]"] == pytest.approx(0.9)


def test_a_moderator_is_looked_at_under_each(fit):
    found = mx.moderate(fit, mx.Question(of="x", on="y", kind="controlled", set={"m": [0, 2]}), "g").summary()["mean"]
    for m in (0, 2):
        assert found[f"controlled [m set to {m}, g=b]"] == pytest.approx(0.25 + 0.2 * m + 0.4)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([0, 0], "set: m: 0 and 0: a value is said twice"),
        ("each", "each: m has 60 different values"),
    ],
)
def test_values_that_are_no_two(fit, said, words):
    with pytest.raises(DataError, match=words):
        mx.estimate(fit, mx.Question(of="x", on="y", kind="controlled", set={"m": said}))


@pytest.mark.parametrize("key", ["at", "set"])
def test_a_list_holds_a_value(key):
    with pytest.raises(SpecError, match=rf"{key}: m: \[\] holds no value: name one, or leave m out"):
        mx.Question(of="x", on="y", kind="controlled", **{key: {"m": []}})


def test_values_that_nobody_has_are_marked(fit):
    found = values(mx.estimate(fit, mx.Question(of="x", on="y", kind="controlled", set={"m": [0, 99]})))
    assert {"controlled [m set to 0]", "controlled [m set to 99 (outside the data: an extrapolation)]"} <= set(found)
