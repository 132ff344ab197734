"""Every word of the grammar is compiled or refused by name: nothing is fitted as less than the theory says."""

import re

import pytest

import mechanisms as mx
from mechanisms.errors import SpecError
from mechanisms.model.families import FAMILIES
from mechanisms.model.uncompiled import refuse_unasked, refuse_uncompiled
from mechanisms.spec import drawing, levels, priors, questions, reader, theory, variables
from mechanisms.spec.theory import Arrow, HiddenCause, Question, Theory, Variable

NOT_COMPILED = r"not compiled yet|none is shipped yet"
TWO = "levels: [session, client]\ntime: session\nvariables: {x: , y: , w: {level: client}}\narrows: [x -> y]\n"


def answer(text: str) -> str:
    """`compiled`, or the message of the refusal; a text that is not read fails the test."""
    read = mx.parse(text)
    try:
        mx.compile(read)
    except SpecError as error:
        return error.message
    return "compiled"


def holds(text: str, verdict: str) -> None:
    """`verdict` is `used`, or a word that the refusal must hold."""
    found = answer(text)
    if verdict == "used":
        assert found == "compiled"
    else:
        assert re.search(NOT_COMPILED, found), found
        assert verdict in found, found


XWY = "variables: {x: , w: , y: , b: {family: bernoulli}}\narrows: [x -> y]\n"
TOP = {
    "name": ("name: n\narrows: [x -> y]", "used"),
    "title": ("title: n\narrows: [x -> y]", "used"),
    "because": ("because: n\narrows: [x -> y]", "used"),
    "source": ("source: n\narrows: [x -> y]", "used"),
    "based_on": ("based_on: mathieu_taylor_2006", "used"),
    "without": ("arrows: {x -> y: {moderated_by: w}}\nwithout: [w -> y]", "used"),
    "levels": ("levels: [client, therapist]\nvariables: {x: , y: }\narrows: [x -> y]", "used"),
    "time": (TWO, "used"),
    "variables": (XWY, "used"),
    "arrows": (XWY, "used"),
    "unmeasured": (XWY + "unmeasured: [[x, y]]", "residual correlation"),
    "priors": (XWY + "priors: {x -> y: {normal: [0, 1]}}", "used"),
    "questions": (XWY + "questions: [{of: x, on: y}]", "used"),
}


def test_every_key_at_the_top():
    assert set(TOP) == {*reader.WORDS, *reader.PARTS}


@pytest.mark.parametrize("key", TOP)
def test_keys_at_the_top(key):
    holds(*TOP[key])


def declared(options: str, more: str = "") -> str:
    return f"variables:\n  x:\n  e: {{family: bernoulli}}\n{more}  y: {{{options}}}\narrows: [x -> y]\n"


VARIABLES = {
    "means": (declared("means: outcome"), "used"),
    "level": (TWO, "used"),
    "family": (declared("family: bernoulli"), "used"),
    "link": (declared("family: bernoulli, link: probit"), "used"),
    "zeros": (declared("family: poisson, zeros: hurdle"), "used"),
    "values": (declared("family: bernoulli, values: [no, yes]"), "used"),
    "out_of": (declared("family: binomial, out_of: 30"), "used"),
    "event": (declared("family: weibull, event: e"), "used"),
    "range": (declared("range: [0, 63]"), "used"),
    "unit": (declared("unit: points"), "used"),
    "assigned": ("variables: {x: {assigned: randomised}, y: }\narrows: [x -> y]", "used"),
    "assessed": (TWO.replace("y: ,", "y: {assessed: end},"), "used"),
    "centre": (TWO.replace("x: ,", "x: {centre: observed},"), "used"),
    "measured_by": (declared("measured_by: [y1, y2, y3]"), "used"),
    "is": ("variables: {x: , y: , z: , d: {is: x - z}}\narrows: [d -> y]", "used"),
    "only_when": (declared("only_when: {e: 1}"), "only_when"),
    "source": (declared("source: Beck"), "used"),
    "pos": (declared("pos: [0, 1]"), "used"),
}


def test_every_key_of_variables():
    assert set(VARIABLES) == set(variables.READERS)


@pytest.mark.parametrize("key", VARIABLES)
def test_keys_of_variables(key):
    holds(*VARIABLES[key])


@pytest.mark.parametrize("arrow", ["x -> k", "k -> y", "n -> k"])
def test_out_of_a_variable_is_compiled_whatever_points_there(arrow):
    holds(f"variables: {{x: , n: , k: {{family: binomial, out_of: n}}, y: }}\narrows: [{arrow}]", "used")


def test_shares_of_what_is_out_of_something_are_refused():
    text = TWO.replace("y: ,", "y: , k: {family: poisson, out_of: 7},")
    holds(text.replace("[x -> y]", "[x -> y, k -> y]"), "out_of")
    holds(text.replace("[x -> y]", "[x -> k, k(whole) -> y]"), "used")


PARTS = TWO.replace("y: ,", "y: , k: {family: categorical, values: [a, b, c]}, d: {is: x - x(0)}, z: {level: client},")


@pytest.mark.parametrize(
    ("arrow", "verdict"),
    [
        ("k -> y:", "used"),
        ("k(session) -> y:", "k(whole)"),
        ("k(client) -> y:", "k(whole)"),
        ("k=b -> z:", "k(3)"),
        ("x -> y: {moderated_by: [k(client)]}", "k(whole)"),
        ("x(session) -> y: {moderated_by: [k]}", "used"),
        ("d -> y:", "used"),
        ("d(session) -> y:", "d(whole)"),
        ("d(client) -> z:", "d(3)"),
        ("d -> z:", "d(3)"),
    ],
)
def test_parts_of_categories_and_of_sums_are_refused_with_what_can_be_said(arrow, verdict):
    holds(PARTS.replace("arrows: [x -> y]", f"arrows:\n  {arrow}"), verdict)


@pytest.mark.parametrize("family", theory.FAMILIES)
def test_families(family):
    needs = {"binomial": "out_of: 9", "ordinal": "values: [a, b, c]", "sequential": "values: [a, b, c]",
             "categorical": "values: [a, b, c]", "hazard": ""}  # fmt: skip
    said = ", ".join(word for word in (f"family: {family}", needs.get(family, "")) if word)
    if family == "hazard":
        holds(TWO.replace("y: ,", "y: {family: hazard},"), "used")
        return
    holds(declared(said), "used" if family in FAMILIES else family)
    holds(f"variables: {{g: {{{said}}}, y: }}\narrows: [g -> y]", "used")  # conditioned on


@pytest.mark.parametrize("link", theory.LINKS)
def test_links(link):
    family = {"identity": "normal", "log": "poisson"}.get(link, "bernoulli")
    holds(declared(f"family: {family}, link: {link}"), "used")


def entry(options: str) -> str:
    return f"{XWY.partition('arrows')[0]}arrows:\n  x -> y: {{{options}}}\n"


ARROWS = {
    "shape": (entry("shape: quadratic"), "used"),
    "moderated_by": (entry("moderated_by: w"), "used"),
    "varies_by": (entry("varies_by: []"), "varies_by"),
    "only_when": (entry("only_when: {b: 1}"), "used"),
    "lag": (TWO.replace("[x -> y]", "{x -> y: {lag: 1}}"), "used"),
    "because": (entry("because: so"), "used"),
    "source": (entry("source: so"), "used"),
    "pos": (entry("pos: [0, 1]"), "used"),
}


def test_every_key_of_arrows():
    assert set(ARROWS) == set(drawing.ARROW_READERS)
    assert set(drawing.HIDDEN_READERS) == {"because", "source", "pos"}


@pytest.mark.parametrize("key", ARROWS)
def test_keys_of_arrows(key):
    holds(*ARROWS[key])


@pytest.mark.parametrize("shape", theory.SHAPES)
def test_shapes(shape):
    said = {
        "polynomial": "{polynomial: 3}",
        "spline": "{spline: 4}",
        "bspline": "{bspline: 5}",
        "piecewise": "{piecewise: [1, 2]}",
    }
    holds(entry(f"shape: {said.get(shape, shape)}"), shape if shape == "monotonic" else "used")


G = "variables: {x: , y: , s: {family: categorical, values: [p, q]}, n: {family: poisson, zeros: hurdle}}\n"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (G + "arrows: [x -> sigma(y)]", "used"),
        (G + "arrows: [x -> s=q]", "used"),
        (G + "arrows: [x -> any(n)]", "used"),
        (TWO.replace("[x -> y]", "[x -> sigma(y)]"), "used"),
        (G + "arrows:\n  x -> y:\n  1 -> y: {varies_by: []}", "intercept"),
        (G + "arrows: [x -> y, x <-> y]", "residual correlation"),
    ],
)
def test_terms(text, word):
    holds(text, word)


def prior(said: str, address: str = "x -> y") -> str:
    return f"{XWY}priors: {{{address}: {{{said}}}}}"


NUMBERS = {1: "1", 2: "[1, 2]", 3: "[3, 1, 2]"}
PRIORS = {
    **{name: (prior(f"{name}: {NUMBERS[count]}"), "used") for name, count in theory.DISTRIBUTIONS.items()},
    "lkj": (TWO + "priors: {cor(client): {lkj: 2}}", "used"),
    "fixed": (prior("fixed: 1"), "used"),
    "same_as": (XWY.replace("[x -> y]", "[x -> y, w -> y]") + "priors: {x -> y: {same_as: w -> y}}", "used"),
    "evidence": (prior("evidence: fluckiger2018"), "evidence"),
    "discount": (prior("evidence: fluckiger2018, discount: 0.5"), "evidence"),
    "scale": (prior("normal: [0, 1], scale: standardised"), "used"),
    "at": (entry("moderated_by: w") + "priors: {x -> y: {normal: [0, 1], at: {w: mean}}}", "used"),
    "above": (prior("normal: [0, 1], above: 0"), "used"),
    "below": (prior("normal: [0, 1], below: 0"), "used"),
    "because": (prior("fixed: 1, because: so"), "used"),
    "source": (prior("fixed: 1, source: so"), "used"),
}


def test_every_key_of_priors():
    assert set(PRIORS) == set(priors.READERS)


@pytest.mark.parametrize("key", PRIORS)
def test_keys_of_priors(key):
    holds(*PRIORS[key])


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("1 -> y", "used"),
        ("sigma(y)", "used"),
        ("x <-> w", "correlations"),
        ("reliability(y1)", "reliabilities"),
        ("1 -> s=q", "used"),
        ("x -> s=q", "used"),
    ],
)
def test_addresses_of_priors(address, word):
    text = "variables: {x: , w: , y: , s: {family: categorical, values: [p, q]}}\narrows: [x -> y, x -> s, x <-> w]\n"
    if address.startswith("reliability"):
        text = "variables: {x: , y: {measured_by: [y1, y2]}}\narrows: [x -> y]\n"
    text += f"priors: {{{address}: {{fixed: 0.5}}}}"
    holds(text, word)


def test_every_key_of_levels():
    """What the keys do to data is tested where data are bound (`tests/data`)."""
    assert set(levels.READERS) == {"in", "shared_by", "only_when", "occasions", "means"}
    holds("levels: {session: {in: client, occasions: [0, 2]}, client: }\n" + TWO.partition("\n")[2], "used")


LEVELLED = {
    "is: session -> x": (TWO.replace("w: {level: client}", "w: {level: client}, g: {level: client, is: session -> x}").replace("[x -> y]", "{session -> x: {varies_by: client}, g -> w: }"), "used"),
    "residual correlation": (TWO.replace("[x -> y]", "[x -> y, x <-> y]"), "residual correlation"),
    "courses": (TWO.replace("[x -> y]", "[x(t-1) -> y, x(client) <-> y(client)]"), "used"),
    "same_as": (TWO + "priors: {sd(1 -> x | client): {same_as: sd(1 -> y | client)}}", "same_as"),
    "one correlation": (TWO.replace("[x -> y]", "[x(t-1) -> y]") + "priors: {x(client) <-> y(client): {normal: [0, 1]}}", "used"),
    "centre of a cause": (TWO.replace("x: ,", "x: {centre: observed},"), "used"),
    "centre of a mediator": (TWO.replace("y: ,", "y: {centre: observed}, z: ,").replace("[x -> y]", "[x -> y -> z]"), "used"),
    "sigma": (TWO.replace("[x -> y]", "[x -> y, w -> sigma(y)]"), "used"),
}  # fmt: skip


@pytest.mark.parametrize("key", LEVELLED)
def test_theories_with_levels(key):
    holds(*LEVELLED[key])


def test_observed_means_of_what_is_no_cause_say_nothing():
    with pytest.raises(SpecError, match="y: centre: observed says nothing here: no arrow carries its departures"):
        mx.compile(mx.parse(TWO.replace("y: ,", "y: {centre: observed},")))


ASKED = {
    "of": ({"of": "x(t)"}, False), "on": ({"on": "y(t)"}, False), "kind": ({"kind": "direct"}, True),
    "through": ({"kind": "indirect", "through": "m"}, True), "contrast": ({"contrast": (0, 1)}, True),
    "at": ({"at": {"w": 1}}, True), "set": ({"set": {"m": 1}}, True), "adjust": ({"adjust": "w"}, True),
    "mediators": ({"mediators": "interventional"}, True), "scale": ({"scale": "link"}, True),
    "name": ({"name": "n"}, True), "because": ({"because": "so"}, True), "population": ({"population": "typical"}, True),
}  # fmt: skip


def test_every_key_of_questions():
    """The population is refused by the estimate itself (`effects.population`)."""
    assert set(ASKED) == set(questions.READERS)


@pytest.mark.parametrize("key", ASKED)
def test_keys_of_questions(key):
    said, answered = ASKED[key]
    question = Question(**{"of": "x", "on": "y", **said})
    if answered:
        refuse_unasked(question)
    else:
        with pytest.raises(SpecError, match="only whole variables are estimated yet"):
            refuse_unasked(question)


XY = [Variable(name="x"), Variable(name="y")]
BY_HAND = [
    {"variables": [Variable(name="x", level="client"), Variable(name="y")], "arrows": [Arrow(cause="x", effect="y")]},
    {"variables": XY, "time": ("session",)},
    {"variables": XY, "arrows": [Arrow(cause="x(t-1)", effect="y")]},
    {"variables": XY, "arrows": [Arrow(cause="x(client)", effect="y")]},
    {"variables": XY, "arrows": [Arrow(cause="x", effect="y", moderated_by=(("x(t-1)",),))]},
    {"variables": XY, "hidden": [HiddenCause(one="x(client)", other="y(client)")], "arrows": []},
]


@pytest.mark.parametrize("said", BY_HAND, ids=range(len(BY_HAND)))
def test_theories_built_by_hand(said):
    with pytest.raises(SpecError, match=NOT_COMPILED):
        refuse_uncompiled(Theory(**said))
    with pytest.raises(SpecError):
        mx.compile(Theory(**said))


def test_the_line_is_named():
    with pytest.raises(SpecError) as refused:
        mx.compile(mx.parse("variables:\n  x:\n  y:\narrows:\n  x -> y: {shape: monotonic}\n", "beck.yaml"))
    assert "beck.yaml:5" in str(refused.value)
