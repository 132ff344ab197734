"""The JSON Schema of the file says what the reader reads."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from jsonschema import Draft7Validator
from test_grammar import PLACES, TOP, VALUES
from test_writer import long_theories, theories

from mechanisms.errors import SpecError
from mechanisms.spec import drawing, levels, priors, questions, reader, variables
from mechanisms.spec.help import HELP
from mechanisms.spec.library import names, text_of
from mechanisms.spec.networks import value_of
from mechanisms.spec.nodes import open_source, read_nodes
from mechanisms.spec.reader import parse, resolve
from mechanisms.spec.said import read_number
from mechanisms.spec.schema import build_schema, print_schema
from mechanisms.spec.words import CITATION
from mechanisms.spec.writer import write

SHARED = Path(__file__).parents[3] / "shared" / "theories"
SHIPPED = Path(__file__).parents[2] / "models" / "theory.schema.json"
SCHEMA = build_schema()
TABLES = {
    "theory": (*reader.WORDS, *reader.PARTS), "level": levels.READERS, "variable": variables.READERS,
    "arrow": drawing.ARROW_READERS, "hidden": drawing.HIDDEN_READERS, "prior": priors.READERS,
    "question": questions.READERS, "citation": CITATION,
}  # fmt: skip


def as_loaded(value):
    """Numbers as an editor's YAML 1.2 has them: `1e+300` and `1000000000000000` too."""
    if isinstance(value, dict):
        return {key: as_loaded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_loaded(each) for each in value]
    number = read_number(value) if isinstance(value, str) else None
    return value if number is None else number


def faults(text: str) -> list[str]:
    value = as_loaded(value_of(read_nodes(open_source(text))))
    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(value)]


def test_is_a_schema():
    Draft7Validator.check_schema(SCHEMA)


def test_the_shipped_file_is_the_present_one():
    assert SHIPPED.read_text(encoding="utf-8") == print_schema(), "make schema renews it"


def test_an_editor_is_told_of_it_by_a_comment():
    told = "# yaml-language-server: $schema=theory.schema.json\n"
    assert parse(told + "arrows: [x -> y]") == parse("arrows: [x -> y]")


def test_it_is_printed_by_its_module():
    done = subprocess.run([sys.executable, "-m", "mechanisms.spec.schema"], capture_output=True, check=True)
    assert done.stdout.decode() == print_schema()


@pytest.mark.parametrize("kind", TABLES)
def test_every_key_of_the_reader_and_no_other(kind):
    citation = SCHEMA["definitions"]["citation"]["anyOf"][1]
    found = {"theory": SCHEMA, "citation": citation}.get(kind) or SCHEMA["definitions"][kind]
    assert set(found["properties"]) == set(TABLES[kind]) == set(HELP[kind])
    assert found["additionalProperties"] is False
    for key, value in found["properties"].items():
        assert value["description"] == HELP[kind][key]
        assert value["description"].endswith(".") and len(value["description"]) < 120


def test_help_is_for_nothing_else():
    assert set(HELP) == set(TABLES)


@pytest.mark.parametrize("name", names())
def test_the_catalogue_is_valid(name):
    assert faults(text_of(name)) == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared theories are not on this machine")
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.yaml")), ids=lambda path: path.stem)
def test_shared_theories_are_valid(path):
    assert faults(path.read_text()) == []


@pytest.mark.parametrize("text", VALUES.values())
def test_every_word_is_valid(text):
    assert faults(text) == []


@settings(max_examples=80, deadline=None)
@given(theories() | long_theories())
def test_what_is_written_is_valid(theory):
    try:
        theory = resolve(theory)
    except SpecError:
        return
    assert faults(write(theory)) == []


MISTAKES = [
    "arows: [x -> y]", "arrows: [x -> y]\ntitel: t", "arrows: {x -> y: {shpe: log}}", "arrows: {x -> y: {shape: spline}}",
    "arrows: {x -> y: {shape: {spline: four}}}", "arrows: {x -> y: {shape: {spline: 1}}}", "arrows: {x -> y: {shape: {bspline: 2}}}",
    "arrows: {x -> y: {shape: {log: 2}}}",
    "arrows: {x -> y: {shape: logarithm}}", "arrows: {x -> y: {lag: -1}}", "arrows: {x -> y: {because: [a, b]}}",
    "arrows: {x -> y: {pos: 3}}", "arrows: {x -> y: {pos: [1, 2, 3]}}", "arrows: {x -> y: {only_when: a}}",
    "arrows: {x -> y: {only_when: {}}}", "arrows: {x -> y: {varies_by: {a: b}}}", "arrows: {x -> y: 3}",
    "arrows: {x <-> y: {shape: log}}", "arrows: [[x -> y]]", "arrows: {x -> y: [log]}",
    "variables: {x: {famly: normal}}", "variables: {x: {family: nromal}}", "variables: {x: {link: logits}}",
    "variables: {x: {range: 5}}", "variables: {x: {range: [a, b]}}", "variables: {x: {assigned: random}}",
    "variables: {x: {assessed: middle}}", "variables: {x: {zeros: many}}", "variables: {x: {centre: mean}}",
    "variables: {x: {means: {a: b}}}", "variables: {x: {means: }}", "variables: [x, y]", "variables: {x: normal}",
    "variables: {x: {source: {txt: t}}}", "variables: {x: {source: {url: u}}}", "variables: {x: {is: [a, b]}}",
    "levels: {a: {within: b}, b: }", "levels: {a: 3}", "levels: {a: {occasions: {a: b}}}",
    "arrows: [x -> y]\npriors: [x -> y]", "arrows: [x -> y]\npriors: {x -> y: 0.5}", "arrows: [x -> y]\npriors: {x -> y: }",
    "arrows: [x -> y]\npriors: {x -> y: {nromal: [0, 1]}}", "arrows: [x -> y]\npriors: {x -> y: {normal: [0, 1, 2]}}",
    "arrows: [x -> y]\npriors: {x -> y: {normal: 1}}", "arrows: [x -> y]\npriors: {x -> y: {fixed: one}}",
    "arrows: [x -> y]\npriors: {x -> y: {fixed: 1, scale: log}}", "arrows: [x -> y]\npriors: {x -> y: {fixed: 1, at: [w]}}",
    "arrows: [x -> y]\nquestions: [x]", "arrows: [x -> y]\nquestions: [{of: x}]", "arrows: [x -> y]\nquestions: [{of: x, on: y, knid: total}]",
    "arrows: [x -> y]\nquestions: [{of: x, on: y, kind: totals}]", "arrows: [x -> y]\nquestions: [{of: x, on: y, contrast: 1}]",
    "arrows: [x -> y]\nquestions: [{of: x, on: y, at: w}]", "arrows: [x -> y]\nquestions: [{of: x, on: y, population: all}]",
    "arrows: [x -> y]\nquestions: [{of: x, on: y, population: {every: client}}]",
    "arrows: [x -> y]\nquestions: [{of: x, on: y, mediators: both}]", "arrows: [x -> y]\nquestions: [{of: x, on: y, scale: logit}]",
    "arrows: [x -> y]\nwithout: {w -> y: {lag: 1}}",
]  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_reader_and_schema_refuse(text):
    with pytest.raises(SpecError):
        parse(text)
    assert faults(text)


@pytest.mark.parametrize("key", TOP.split())
def test_a_misspelt_key_is_refused_by_both(key):
    text = f"arrows: [x -> y]\n{key}_: 1"
    with pytest.raises(SpecError, match="unknown key"):
        parse(text)
    assert faults(text)


@pytest.mark.parametrize(
    ("place", "key"), [(place, key) for place, (keys, _) in PLACES.items() for key in keys.split()]
)
def test_a_misspelt_option_is_refused_by_both(place, key):
    text = PLACES[place][1].format(key=f"{key}_", value="1")
    with pytest.raises(SpecError):
        parse(text)
    assert any(f"{key}_" in fault or "not valid under any" in fault for fault in faults(text))
