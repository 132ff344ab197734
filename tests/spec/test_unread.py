"""Every word of the grammar is read, or refused by name; no word of the grammar is a stranger."""

import pytest

from mechanisms.errors import SpecError
from mechanisms.spec import theory as types
from mechanisms.spec.checks import check
from mechanisms.spec.reader import PARTS, WORDS, parse
from mechanisms.spec.unread import KEYS

NOT_READ = "is part of the language but is not read by this version"
VARIABLE = "means level family link zeros values out_of event range unit assigned assessed centre measured_by is only_when pos source"
ARROW = "shape moderated_by varies_by only_when because source pos lag"
PRIOR = ("normal student half_normal exponential lognormal gamma beta uniform lkj fixed same_as evidence discount scale at "
         "above below because source")  # fmt: skip
QUESTION = "of on kind through contrast at set population mediators adjust scale name because"
TOP = "name title because source based_on without levels time variables arrows priors questions unmeasured"


def answer(text: str) -> str:
    try:
        parse(text)
    except SpecError as error:
        return error.message
    return "read"


@pytest.mark.parametrize("key", VARIABLE.split())
def test_keys_of_variables(key):
    message = answer(f"variables: {{x: {{{key}: }}}}")
    assert (NOT_READ in message and f"'{key}'" in message) if key in KEYS["variable"] else f"x: {key}" in message


@pytest.mark.parametrize("key", ARROW.split())
def test_keys_of_arrows(key):
    message = answer(f"arrows: {{x -> y: {{{key}: }}}}")
    assert (NOT_READ in message and f"'{key}'" in message) if key in KEYS["arrow"] else f"x -> y: {key}" in message


@pytest.mark.parametrize("key", PRIOR.split())
def test_keys_of_priors(key):
    message = answer(f"arrows: [x -> y]\npriors: {{x -> y: {{{key}: }}}}")
    assert (NOT_READ in message and f"'{key}'" in message) if key in KEYS["prior"] else f"'x -> y': {key}" in message


@pytest.mark.parametrize("key", QUESTION.split())
def test_keys_of_questions(key):
    message = answer(
        f"arrows: [x -> y]\nquestions: [{{of: x, on: y, {key}: }}]".replace(f"{key}: x, ", "").replace(
            f"{key}: y, ", ""
        )
    )
    assert f"question: {key}" in message


@pytest.mark.parametrize("key", TOP.split())
def test_keys_at_the_top(key):
    if key in KEYS["theory"]:
        assert NOT_READ in answer(f"{key}: a")
    else:
        assert key in WORDS or key in PARTS


def test_no_key_is_both_read_and_unread():
    assert {*VARIABLE.split()} >= set(KEYS["variable"])
    assert {*ARROW.split()} >= set(KEYS["arrow"])
    assert {*PRIOR.split()} >= set(KEYS["prior"])
    assert {*TOP.split()} >= set(KEYS["theory"])


@pytest.mark.parametrize("family", types.FAMILIES)
def test_families(family):
    message = answer(f"variables: {{x: {{family: {family}, values: [a, b]}}, y: }}")
    assert NOT_READ in message or family in ("normal", "bernoulli", "categorical")


@pytest.mark.parametrize("link", types.LINKS)
def test_links(link):
    assert NOT_READ in answer(f"variables: {{x: {{link: {link}}}}}") or link in ("identity", "logit", "probit")


@pytest.mark.parametrize("shape", types.SHAPES)
def test_shapes(shape):
    for written in (shape, f"{{{shape}: 3}}"):
        message = answer(f"arrows: {{x -> y: {{shape: {written}}}}}")
        assert NOT_READ in message or shape in ("linear", "quadratic")


TEXTS = [
    "arrows: [x(t-1) -> y]",
    "arrows: [x(client) -> y]",
    "arrows: [x(whole) -> y]",
    "arrows: [x(0) -> y]",
    "arrows: [x -> y=v]",
    "arrows: [x -> sigma(y)]",
    "arrows: [x -> any(y)]",
    "arrows: [1 -> y]",
    "arrows: [x(client) <-> y(client)]",
    "arrows: {x -> y: {moderated_by: w(t-1)}}",
    "variables: {x: {measured_by: [a, b]}}",
    "variables: {x: {measured_by: [a1..a3]}}",
    "arrows: {x -> y: {moderated_by: w}}\nwithout: [x * w -> y]",
    "arrows: [x -> y]\nquestions: [{of: x(t), on: y}]",
    "arrows: [x -> y]\nquestions: [{of: x, on: y(5..10)}]",
    "arrows: [x -> y]\nquestions: [{of: x, on: y, population: typical}]",
    "arrows: [x -> y]\nquestions: [{of: x, on: y, population: {new: client}}]",
    "arrows: [x -> y]\nquestions: [{of: x, on: y, set: {x: [1, 2]}}]",
    *(
        f"arrows: [x -> y]\npriors: {{{address}: {{normal: [0, 1]}}}}"
        for address in ("sd(x -> y | client)", "cor(client)", "reliability(y)", "precision(y)", "1 -> any(y)", "1 -> y=v",
                        "x(client) -> y", "x(t-1) -> y", "x^3 -> y", "x(client) <-> y(client)")
    ),
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_words_in_other_places(text):
    assert NOT_READ in answer(text)


XY = [types.Variable(name="x"), types.Variable(name="y")]
BY_HAND = [
    {"variables": [types.Variable(name="x", level="client")]},
    {"variables": [types.Variable(name="x", computed="a - b")]},
    {"variables": [types.Variable(name="x", family="poisson")]},
    {"variables": [types.Variable(name="x", measured_by=("a",))]},
    {"variables": [types.Variable(name="x")], "time": ("session",)},
    {"variables": XY, "arrows": [types.Arrow(cause="x", effect="y", varies_by=("client",))]},
    {"variables": XY, "arrows": [types.Arrow(cause="x(t-1)", effect="y")]},
    {"variables": XY, "arrows": [types.Arrow(cause="x", effect="y", shape=types.Shape(kind="gp"))]},
    {"variables": XY, "hidden": [types.HiddenCause(one="x(client)", other="y(client)")]},
]


@pytest.mark.parametrize("said", BY_HAND)
def test_theories_built_by_hand(said):
    with pytest.raises(SpecError, match=NOT_READ):
        check(types.Theory(**said))
