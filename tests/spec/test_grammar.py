"""Every word of the grammar is read, kept and written back; a near miss of it is named."""

import pytest

from mechanisms.errors import SpecError
from mechanisms.spec import drawing, levels, priors, questions, reader, theory, variables
from mechanisms.spec.families import KINDS
from mechanisms.spec.reader import parse
from mechanisms.spec.writer import write

TOP = "name title because source based_on without levels time variables arrows priors questions unmeasured"
LEVEL = "in shared_by only_when occasions means"
VARIABLE = ("means level family link zeros values out_of event range unit assigned assessed centre measured_by is "
            "only_when source pos")  # fmt: skip
ARROW = "shape moderated_by varies_by only_when because source pos lag"
PRIOR = ("normal student half_normal exponential lognormal gamma beta uniform lkj fixed same_as evidence discount scale at "
         "above below because source")  # fmt: skip
QUESTION = "of on kind through contrast at set population mediators adjust scale name because"


def test_the_readers_know_the_language_and_no_more():
    assert {*reader.WORDS, *reader.PARTS} == {*TOP.split()}
    assert set(levels.READERS) == {*LEVEL.split()}
    assert set(variables.READERS) == {*VARIABLE.split()}
    assert set(drawing.ARROW_READERS) == {*ARROW.split()}
    assert set(priors.READERS) == {*PRIOR.split()}
    assert set(questions.READERS) == {*QUESTION.split()}
    assert set(KINDS) == set(theory.FAMILIES)


def answer(text: str) -> str:
    try:
        parse(text)
    except SpecError as error:
        return error.message
    return "read"


PLACES = {
    "level": (LEVEL, "levels: {{a: {{{key}: {value}}}, b: }}\nvariables: {{x: {{level: a}}}}"),
    "variable": (VARIABLE, "variables: {{x: {{{key}: {value}}}, y: }}"),
    "arrow": (ARROW, "arrows: {{x -> y: {{{key}: {value}}}}}"),
    "prior": (PRIOR, "arrows: [x -> y]\npriors: {{x -> y: {{{key}: {value}}}}}"),
    "question": (QUESTION, "arrows: [x -> y]\nquestions: [{{of: x, on: y, {key}: {value}}}]"),
}
WORDS = [(place, key) for place, (keys, _) in PLACES.items() for key in keys.split() if key not in ("of", "on")]


@pytest.mark.parametrize(("place", "key"), WORDS)
def test_a_key_without_a_value_is_refused_by_name(place, key):
    message = answer(PLACES[place][1].format(key=key, value=""))
    assert f"{key}" in message


@pytest.mark.parametrize(("place", "key"), [(place, key) for place, key in WORDS if len(key) > 3])
def test_a_near_miss_is_named(place, key):
    message = answer(PLACES[place][1].format(key=key[:-2] + key[-1] + key[-2] + "e", value="1"))
    assert "unknown key" in message and "Did you mean" in message


VALUES = {
    "level": ("levels: [s, c]\nvariables: {x: {level: c}}"), "zeros": "variables: {x: {family: gamma, zeros: inflated}}",
    "out_of": "variables: {n: , x: {family: poisson, out_of: n}}",
    "event": "variables: {e: {family: bernoulli}, x: {family: weibull, event: e}}",
    "assessed": "levels: [s, c]\ntime: s\nvariables: {x: {assessed: end}}",
    "centre": "levels: [s, c]\ntime: s\nvariables: {x: {centre: observed}}",
    "measured_by": "variables: {x: {measured_by: [x1..x3]}}", "unmeasured": "variables: {x: {measured_by: []}}",
    "is": "variables: {a: , b: , x: {is: 0.5 * a - b}}", "only_when": "variables: {b: {family: bernoulli}, x: {only_when: {b: 1}}}",
    "own": "levels: [s, c]\ntime: s\nvariables: {a: , x: {level: c, is: s -> a}}\narrows: {s -> a: {varies_by: c}}",
    "spread": "levels: [s, c]\nvariables: {a: , x: {level: c, is: sigma(a)}}\narrows: {1 -> sigma(a): {varies_by: c}}",
    **{family: f"variables: {{x: {{family: {family}, values: [p, q]}}}}" for family in ("ordinal", "sequential", "categorical")},
    **{family: f"variables: {{x: {{family: {family}}}}}" for family in ("student", "skew_normal", "beta", "ordered_beta", "gamma")},
    "hazard": "levels: [s, c]\ntime: s\nvariables: {x: {family: hazard, link: logit}}",
    **{shape: f"arrows: {{x -> y: {{shape: {shape}}}}}" for shape in ("log", "logistic", "monotonic", "gp", "quadratic")},
    **{shape: f"arrows: {{x -> y: {{shape: {{{shape}: 3}}}}}}" for shape in ("polynomial", "spline", "bspline", "piecewise")},
}  # fmt: skip


@pytest.mark.parametrize("word", VALUES)
def test_read_and_written_back(word):
    read = parse(VALUES[word])
    assert parse(write(read)) == read


@pytest.mark.parametrize("family", theory.FAMILIES)
def test_links_of_families(family):
    for link in theory.LINKS:
        needs = {"binomial": "out_of: 9, "}.get(family, "values: [a, b], " if KINDS[family].categories else "")
        message = answer(f"levels: [s, c]\ntime: s\nvariables: {{x: {{family: {family}, {needs}link: {link}}}}}")
        assert message == "read" if link in KINDS[family].links else f"family {family} takes link" in message
