"""The theory file as a JSON Schema, for editors: `python -m mechanisms.spec.schema > models/theory.schema.json`.

It is made from the tables that the reader uses, so that every key of the reader is in it and no other; `HELP` adds the
sentence that an editor shows. It holds the form of a file. What needs more than one place of it (names, circles, a
link that a family does not take) and the inside of texts (terms, sums) only the reader knows.
"""

import json
from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from mechanisms.spec import conditions, drawing, levels, priors, questions, reader, variables, words
from mechanisms.spec.help import HELP
from mechanisms.spec.said import Said
from mechanisms.spec.theory import DISTRIBUTIONS, FAMILIES, LINKS, SHAPES, Level, Prior, Question, Theory, Variable
from mechanisms.spec.words import Reader

Schema = dict[str, Any]
TEXT: Schema = {"type": ["string", "number", "boolean"]}  # the reader takes every scalar as text
NUMBER: Schema = {"type": "number"}
WORDS: Schema = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
NUMBERS: Schema = {"anyOf": [NUMBER, {"type": "array", "items": NUMBER, "minItems": 1}]}
PAIR: Schema = {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}
VALUES: Schema = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}]}
NOTHING: Schema = {"type": "null"}
BY_READER: dict[Reader, Schema] = {
    words.read_text: TEXT,
    words.read_citation: {"$ref": "#/definitions/citation"},
    words.read_one_number: NUMBER,
    words.read_numbers: NUMBERS,
    words.read_pair: PAIR,
    variables.read_range: PAIR,
    levels.read_names: WORDS,
    conditions.read_condition: {"$ref": "#/definitions/condition"},
}


def build_schema() -> Schema:
    """The schema (draft 7, which editors know) of a theory file."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A theory of change",
        "description": "Variables, arrows, levels and what is known beforehand; docs/write-a-theory.md says how.",
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _top(key) for key in (*reader.WORDS, *reader.PARTS)},
        "definitions": {
            "citation": _citation(),
            "condition": _mapping(VALUES),
            "level": _options("level", levels.READERS, Level),
            "variable": _options("variable", variables.READERS, Variable),
            "arrow": _options("arrow", drawing.ARROW_READERS),
            "hidden": _options("hidden", drawing.HIDDEN_READERS),
            "prior": _options("prior", priors.READERS, Prior),
            "question": _options("question", questions.READERS, Question) | {"required": ["of", "on"]},
        },
    }


def print_schema() -> str:
    """The schema as text, as it is shipped."""
    return json.dumps(build_schema(), indent=1, ensure_ascii=False) + "\n"


def _top(key: str) -> Schema:
    """A key of the file itself."""
    arrows = {"patternProperties": {"<->": _or_nothing("hidden")}, "additionalProperties": _or_nothing("arrow")}
    entries: Schema = {"type": "object", **arrows}
    parts: dict[str, Schema] = {
        "levels": {"anyOf": [WORDS, _mapping(_or_nothing("level")), NOTHING]},
        "time": {"anyOf": [WORDS, NOTHING]},
        "variables": {"anyOf": [_mapping(_or_nothing("variable"), 0), NOTHING]},
        "arrows": {"anyOf": [entries, {"type": "array", "items": {"anyOf": [TEXT, entries]}}, TEXT, NOTHING]},
        "unmeasured": {"anyOf": [{"type": "array", "items": WORDS}, TEXT, NOTHING]},
        "without": {"anyOf": [WORDS, _mapping(NOTHING), NOTHING]},
        "priors": {"anyOf": [_mapping(_ref("prior"), 0), NOTHING]},
        "questions": {"anyOf": [{"type": "array", "items": _ref("question")}, _ref("question"), NOTHING]},
    }
    found = BY_READER[reader.WORDS[key]] if key in reader.WORDS else parts[key]
    return _explained(found, HELP["theory"][key])


def _options(kind: str, readers: Mapping[str, Reader], said: type[Said] = Theory) -> Schema:
    """The options of one kind of entry."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _explained(_value(kind, key, readers[key], said), HELP[kind][key]) for key in readers},
    }


def _value(kind: str, key: str, read: Reader, said: type[Said]) -> Schema:
    """What may stand under a key: by the reader of its value, by the type it becomes, or by name."""
    if kind == "prior" and key in DISTRIBUTIONS:
        count = DISTRIBUTIONS[key]
        numbers: Schema = {"type": "array", "items": NUMBER, "minItems": count, "maxItems": count}
        return {"anyOf": [NUMBER, numbers]} if count == 1 else numbers
    if read in BY_READER:
        return BY_READER[read]
    if key in said.model_fields and (choices := _choices(said.model_fields[key].annotation)) and key != "population":
        return {"enum": choices}
    return _special(f"{kind}.{key}")


def _choices(annotation: Any) -> list[str]:
    """The words of a `Literal`, also where it may be left out."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return [word for part in get_args(annotation) for word in _choices(part)]
    return []


def _special(key: str) -> Schema:
    """Values that have a form of their own."""
    names: Schema = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": TEXT}
    forms: dict[str, Schema] = {
        "level.occasions": WORDS,
        "variable.level": TEXT,
        "variable.family": {"enum": list(FAMILIES)},
        "variable.link": {"enum": list(LINKS)},
        "variable.values": WORDS,
        "variable.out_of": TEXT,
        "variable.event": TEXT,
        "variable.is": TEXT,
        "arrow.shape": {
            "anyOf": [
                {"enum": [shape for shape in SHAPES if shape not in drawing.TAKES]},
                *(_one(shape, _degree(shape) if shape in drawing.LEAST else NUMBERS) for shape in drawing.TAKES),
            ]
        },
        "arrow.moderated_by": WORDS,
        "arrow.lag": {"type": "integer", "minimum": 0},
        "prior.same_as": TEXT,
        "prior.at": _mapping(TEXT, 0),
        "question.of": TEXT,
        "question.on": TEXT,
        "question.through": WORDS,
        "question.contrast": {"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2},
        "question.at": _mapping(VALUES),
        "question.set": _mapping(VALUES),
        "question.population": {
            "anyOf": [{"enum": ["these", "typical"]}, names | {"propertyNames": {"enum": ["new", "each"]}}]
        },
        "question.adjust": WORDS,
    }
    return forms[key]


def _degree(shape: str) -> Schema:
    return {"type": "integer", "minimum": drawing.LEAST[shape], "maximum": 50}


def _citation() -> Schema:
    fields = {key: _explained(TEXT, HELP["citation"][key]) for key in words.CITATION}
    return {
        "anyOf": [TEXT, {"type": "object", "additionalProperties": False, "properties": fields, "required": ["text"]}]
    }


def _one(key: str, value: Schema) -> Schema:
    return {"type": "object", "properties": {key: value}, "required": [key], "additionalProperties": False}


def _mapping(value: Schema, least: int = 1) -> Schema:
    return {"type": "object", "additionalProperties": value} | ({"minProperties": least} if least else {})


def _ref(kind: str) -> Schema:
    return {"$ref": f"#/definitions/{kind}"}


def _or_nothing(kind: str) -> Schema:
    return {"anyOf": [_ref(kind), NOTHING]}


def _explained(schema: Schema, sentence: str) -> Schema:
    """With the sentence that an editor shows; draft 7 ignores what stands beside a `$ref`."""
    return {"description": sentence, **({"allOf": [schema]} if "$ref" in schema else schema)}


if __name__ == "__main__":
    print(print_schema(), end="")
