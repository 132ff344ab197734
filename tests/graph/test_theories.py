"""The published theories and the wrong texts beside them: what they stand for, and what they are answered."""

import ast
import re
from pathlib import Path

import pytest

from mechanisms.errors import IdentificationError, SpecError
from mechanisms.graph.expansion import check_expansion
from mechanisms.graph.graph import parents
from mechanisms.graph.identification import identify
from mechanisms.graph.implications import imply
from mechanisms.graph.unrolling import unroll
from mechanisms.spec.reader import parse, read

SHELF = Path(__file__).resolve().parents[3] / "shared" / "theories"
beside = pytest.mark.skipif(not SHELF.exists(), reason="the shelf of theories is not beside this checkout")


def coefficients():
    """Theory → the lines of COEFFICIENTS.txt."""
    if not SHELF.exists():
        return {}
    blocks = (SHELF / "COEFFICIENTS.txt").read_text().split("# ")[1:]
    lines = {block.splitlines()[0].strip(): block.splitlines()[1:] for block in blocks}
    return {name: [in_words(line.strip()) for line in rest if line.startswith("    ")] for name, rest in lines.items()}


def in_words(line):
    """A line with its condition as it is shown: `{'session': '2..'}` is `session from 2`."""
    condition = re.search(r"\{.*\}", line)
    if condition is None:
        return line
    said = ast.literal_eval(condition[0]).items()
    values = (
        f"from {value.removesuffix('..')}" if isinstance(value, str) else f"is {' or '.join(value)}"
        for _, value in said
    )
    return line.replace(
        condition[0], " and ".join(f"{name} {value}" for (name, _), value in zip(said, values, strict=True))
    )


def coefficient_lines(expansion):
    """The lines of an expansion without what varies."""
    return [*map(str, expansion.coefficients), *map(str, expansion.hidden)]


def answers():
    """Name → (text, answer) of ANSWERS.txt."""
    if not SHELF.exists():
        return {}
    found = {}
    for block in (SHELF / "ANSWERS.txt").read_text().split("\n## ")[1:]:
        name, _, rest = block.partition("\n")
        body, _, answer = rest.partition("=> ")
        found[name] = "\n".join(line[4:] for line in body.splitlines()), answer.strip()
    return found


@beside
@pytest.mark.parametrize("name", coefficients())
def test_every_theory_stands_for_its_coefficients(name):
    assert coefficient_lines(check_expansion(read(SHELF / f"{name}.yaml"))) == [
        line.rstrip() for line in coefficients()[name]
    ]


@beside
@pytest.mark.parametrize("name", answers())
def test_every_text_gets_its_answer(name):
    text, answer = answers()[name]
    if answer.startswith("READ"):
        found = [each.address for each in check_expansion(parse(text)).coefficients]
        assert found == [word.strip(" '[]") for word in answer.removeprefix("READ").split(",")]
        return
    with pytest.raises(SpecError):
        check_expansion(parse(text))


OURS = {
    "a_B b_W": "th moves the course of a, but only its departures reach s: draw a(client) -> s",
    "circle of means": "a circle: a (client) -> y (client) -> m (client) -> a (client)",
    "moderator finer than effect 2": "a(client) -> y: moderator m varies within client",
    "varies own": "nothing in this arrow varies below it",
    "varies not below": "nothing in this arrow varies below it",
    "both parts and one": "x -> h already means both parts; x -> any(h) says one of them again",
    "prior two": "that arrow stands for 2 coefficients; say which: a(session) -> y | a(client) -> y",
    "whole twice": "name one part of a cause and you name them all; beside a(session) write a(session) and a(client)",
}


@beside
@pytest.mark.parametrize("name", OURS)
def test_the_answers_of_the_expansion(name):
    with pytest.raises(SpecError) as caught:
        check_expansion(parse(answers()[name][0]))
    assert OURS[name] in caught.value.message
    assert caught.value.place.line is not None


def test_the_example_of_the_language():
    theory = parse(
        """
levels: {session: {in: client, occasions: [0, 2, 5, 10, 16]}, client: }
time: session
variables:
  alliance:  {means: CALPAS, only_when: {session: [2, 5, 10]}, assessed: end}
  bdi:       {range: [0, 63], assessed: start}
  change:    {is: bdi - bdi(0), means: Change so far}
  diagnosis: {level: client, family: categorical, values: [anxiety, depression]}
arrows:
  alliance(t-1) -> bdi: {varies_by: client, moderated_by: diagnosis, because: Alliance is followed by change}
  bdi(t-1), change(t-1) -> bdi:
  change -> alliance:
priors:
  sd(alliance(t-1) -> bdi | client): {half_normal: 0.5}
"""
    )
    expansion = check_expansion(theory)
    assert coefficient_lines(expansion) == [
        "alliance(t-1) -> bdi   [x diagnosis; varies by client]",
        "bdi(t-1) -> bdi",
        "change(t-1) -> bdi",
        "change -> alliance",
        "diagnosis -> bdi   [added: moderator]",
    ]
    assert [each.carries for each in expansion.coefficients] == ["departure", "departure", "whole", "whole", "value"]
    correlated = {(each.one, each.other) for each in expansion.correlations if each.joined_by is None}
    assert correlated == {
        ("1 -> alliance", "1 -> bdi"),
        ("1 -> alliance", "alliance(t-1) -> bdi"),
        ("1 -> bdi", "alliance(t-1) -> bdi"),
    }
    graph = unroll(theory)
    assert parents(graph, "bdi(5)") == ("alliance(2)", "diagnosis", "bdi(2)", "change(2)")
    assert not {"alliance(0)", "alliance(16)"} & set(graph.nodes)


@beside
def test_every_question_of_the_theories_has_an_answer_or_a_reason():
    """Which are refused is said here by name; all others are judged, and every theory says what it implies."""
    refused, asked = set(), 0
    for name in coefficients():
        theory = read(SHELF / f"{name}.yaml")
        assert isinstance(imply(theory), tuple)
        for question in theory.questions:
            asked += 1
            try:
                assert repr(identify(theory, question))
            except IdentificationError:
                refused.add(name)
    assert asked > 40
    assert refused == {"moltu_2011"}
