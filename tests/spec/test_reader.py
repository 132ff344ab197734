"""Texts and the theory that each is."""

import pytest

from mechanisms.errors import SpecError
from mechanisms.spec.reader import parse, read
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import Question, Theory


def drawn(text: str) -> list[str]:
    theory = parse(text)
    return [str(arrow) for arrow in (*theory.arrows, *theory.hidden)]


DRAWN = [
    ("arrows: [x -> m -> y, x -> y]", ["x -> m", "m -> y", "x -> y"]),
    ("arrows:\n  treat -> job -> depress: {}\n  treat -> depress:\n", ["treat -> job", "job -> depress", "treat -> depress"]),
    ("arrows:\n  a, b -> c, d:\n", ["a -> c", "a -> d", "b -> c", "b -> d"]),
    ("arrows:\n  a, b -> c -> d, e:\n", ["a -> c", "b -> c", "c -> d", "c -> e"]),
    ("arrows:\n  x1..x3 -> y:\n", ["x1 -> y", "x2 -> y", "x3 -> y"]),
    ("arrows:\n  x08..x10 -> y:\n", ["x08 -> y", "x09 -> y", "x10 -> y"]),
    ("arrows:\n  a, b, c <-> a, b, c:\n", ["a <-> b", "a <-> c", "b <-> c"]),
    ("arrows: [b <-> a]", ["a <-> b"]),
    ("arrows: [a <-> b <-> c]", ["a <-> b", "b <-> c"]),
    ("variables: {a, y, c}\narrows: [a -> y]\nunmeasured: [[c, a, y]]", ["a -> y", "a <-> c", "c <-> y", "a <-> y"]),
    ("arrows: a -> b", ["a -> b"]),
    ("arrows:\n  - a -> b\n  - b -> c: {shape: quadratic}\n", ["a -> b", "b -> c"]),
    ("arrows: [bdi.pre -> følelse]", ["bdi.pre -> følelse"]),
    ("{arrows: [no -> yes]}", ["no -> yes"]),
    ("variables: {x: }", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), DRAWN)
def test_entries_stand_for_single_arrows(text, expected):
    assert drawn(text) == expected


def test_options_belong_to_every_arrow_of_their_entry():
    theory = parse("arrows:\n  x, z -> m -> y: {moderated_by: [w, v * u], because: So they say}\n")
    assert len(theory.arrows) == 3
    assert all(arrow.because == "So they say" for arrow in theory.arrows)
    assert {arrow.moderated_by for arrow in theory.arrows} == {((Term("w"),), (Term("v"), Term("u")))}
    assert theory.names == ("x", "w", "v", "u", "m", "z", "y")


def test_variables_share_options_and_stay_text():
    theory = parse('variables:\n  a, b1..b2: {family: bernoulli, values: [no, 1], range: [0, 1], unit: "1"}\n  y:\n')
    assert theory.names == ("a", "b1", "b2", "y")
    assert theory.variable("b2").values == ("no", "1")
    assert theory.variable("b2").range == (0.0, 1.0)
    assert theory.variable("a").unit == "1"
    assert theory.variable("y").family is None


def test_every_option_is_read():
    theory = parse(
        "name: n\ntitle: t\nbecause: b\nsource: {text: Bordin (1979), doi: 10.1}\n"
        "variables:\n  x: {means: m, family: normal, link: identity, range: [0, 63], unit: points, source: s, pos: [1, 2]}\n"
        "  g: {family: categorical, values: [p, q], assigned: randomised}\n  u: {measured_by: []}\n  y: {link: identity}\n"
        "arrows:\n  x -> y: {shape: quadratic, moderated_by: g=q, because: b, source: s, pos: [0, 1]}\n"
        "  u -> y:\n  x <-> y: {because: both rated by the client}\n"
        "without: [g=q -> y]\n"
        "priors:\n  x^2 -> y: {normal: [0, 0.1], scale: standardised, at: {g: p}, above: -1, below: 1, because: b}\n"
        "  1 -> y: {fixed: 0}\n  sigma(y): {same_as: sigma(x)}\n  x <-> y: {uniform: [-1, 1]}\n"
        "questions:\n  - {of: x, on: y, kind: indirect, through: x -> y, name: n}\n".replace(
            "kind: indirect, through: x -> y, ", ""
        )
        + "  - {of: x, on: y, contrast: [-1 sd, 2], kind: direct, at: {g: each}, mediators: interventional, adjust: [u], scale: link}\n"
        "  - {of: x, on: y, kind: controlled, set: {g: q}, population: these, because: b}\n"
    )
    assert theory.source is not None and theory.source.doi == "10.1"
    assert theory.variable("u").measured_by == () and theory.variable("x").measured_by is None
    assert [str(prior.distribution) for prior in theory.priors] == ["normal(0, 0.1)", "None", "None", "uniform(-1, 1)"]
    assert theory.priors[0].at == (("g", "p"),)
    assert theory.without == ((Term("g", value="q"), Term("y")),)
    assert theory.questions[1].contrast == ("-1 sd", 2.0)
    assert theory.questions[1].at == (("g", ("each",)),)
    assert theory.questions[1].adjust == ("u",)
    assert theory.questions[2].set == (("g", "q"),)


def test_where_things_stand_is_kept_but_is_no_part_of_what_they_say():
    one, other = parse("arrows:\n  x -> y:\n", "a.yaml"), parse("\n\narrows: [x -> y]\n", "b.yaml")
    assert one == other
    assert (one.arrows[0].place.file, one.arrows[0].place.line) == ("a.yaml", 2)
    assert other.arrows[0].place.line == 3


def test_yaml_and_bytes_and_marks_are_one_text():
    theory = parse("arrows: [x -> y]\r\n")
    assert parse(b"arrows: [x -> y]") == theory == parse("\ufeffarrows: [x -> y]".encode())
    assert parse("arrows: [e\u0301 -> y]") == parse("arrows: [\u00e9 -> y]")


def test_read_a_file(tmp_path):
    path = tmp_path / "beck.yaml"
    path.write_text("arrows: [x -> x]")
    with pytest.raises(SpecError, match=r"beck\.yaml:1"):
        read(path)
    for wrong in (tmp_path / "none.yaml", tmp_path, "a\0b"):
        with pytest.raises(SpecError):
            read(wrong)


def test_types_built_by_hand_refuse_in_our_words():
    with pytest.raises(SpecError, match=r"unknown key 'throgh'\. Did you mean 'through'\?"):
        Question(of="x", on="y", throgh="m")
    with pytest.raises(SpecError, match="'on' is missing"):
        Question(of="x")
    with pytest.raises(SpecError, match="kind: 'sideways' should be"):
        Question(of="x", on="y", kind="sideways")
    assert Question(of="x", on="y", through="x -> m -> y").path == ("x", "m", "y")
    assert Theory().names == ()
