"""`based_on`: own keys add, the same text replaces, `without` removes; the theory stays as written."""

import pytest

import mechanisms as mx
from mechanisms.errors import SpecError
from mechanisms.spec.reader import parse, read, resolve
from mechanisms.spec.theory import Arrow, Theory, Variable
from mechanisms.spec.writer import write

BASE = (
    "name: base\ntitle: The base\nsource: Beck\nvariables:\n  x: {means: cause}\n  m, w, y:\n"
    "arrows:\n  x -> m -> y: {because: so}\n  x -> y: {moderated_by: w}\n  w <-> x:\n"
    "priors:\n  x -> m: {normal: [0, 1]}\n  m -> y: {normal: [0, 2]}\n"
    "questions:\n  - {of: x, on: y}\n  - {of: x, on: y, kind: indirect, through: x -> m -> y}\n"
)


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def rival(shelf, text, name="rival"):
    (shelf / f"{name}.yaml").write_text(f"name: {name}\nbased_on: base\n{text}")
    return read(shelf / f"{name}.yaml")


def test_own_keys_add_and_replace(shelf):
    theory = rival(
        shelf,
        "variables:\n  x: {means: another}\n  z:\narrows:\n  x -> m: {shape: quadratic}\n  z -> y:\n"
        "priors:\n  x -> m: {normal: [1, 1]}\nquestions: [{of: z, on: y}]\n",
    )
    assert (theory.name, theory.title, theory.based_on) == ("rival", "The base", "base")
    assert theory.names == ("x", "m", "w", "y", "z")
    assert theory.variable("x").means == "another"
    assert [str(arrow) for arrow in theory.arrows] == ["x -> m", "m -> y", "x -> y", "z -> y"]
    assert theory.arrows[0].shape.kind == "quadratic" and theory.arrows[0].because is None
    assert [str(prior.distribution) for prior in theory.priors] == ["normal(1, 1)", "normal(0, 2)"]
    assert [str(question.of) for question in theory.questions] == ["x", "x", "z"]
    assert list(map(str, theory.hidden)) == ["w <-> x"]


def test_without_removes_what_is_inherited_and_what_speaks_of_it(shelf):
    theory = rival(shelf, "without: [m -> y]\n")
    assert [str(arrow) for arrow in theory.arrows] == ["x -> m", "x -> y"]
    assert [prior.address for prior in theory.priors] == ["x -> m"]
    assert len(theory.questions) == 1
    assert theory.without == ()
    assert mx.compile(theory).equation("y").parents == ("x", "w")


def test_without_denies_what_is_automatic_in_the_base(shelf):
    theory = rival(shelf, "without: [w -> y]\n")
    assert len(theory.without) == 1 and len(theory.arrows) == 3
    assert "w -> y" not in [each.address for each in mx.compile(theory).equation("y").coefficients]
    drawn = rival(shelf, "arrows: [w -> y]\n")
    assert drawn.without == () and len(drawn.arrows) == 4


def test_without_removes_hidden_causes(shelf):
    theory = rival(shelf, "without: [x <-> w, m -> y]\n")
    assert theory.hidden == () and theory.own is not None
    assert write(theory).endswith("without:\n  - m -> y\n  - w <-> x\n")
    assert parse(write(theory), str(shelf / "rival.yaml")) == theory


def test_it_is_written_as_it_was_written(shelf):
    theory = rival(shelf, "without: [m -> y]\n")
    assert write(theory) == "name: rival\nbased_on: base\nwithout:\n  - m -> y\n"
    assert parse(write(theory), str(shelf / "rival.yaml")) == theory
    assert theory.own is not None and theory.own.arrows == ()
    assert resolve(theory) == theory


def test_a_base_may_have_a_base(shelf):
    rival(shelf, "without: [m -> y]\n", "middle")
    (shelf / "top.yaml").write_text("based_on: middle.yaml\narrows: [w -> m]\n")
    theory = read(shelf / "top.yaml")
    assert [str(arrow) for arrow in theory.arrows] == ["x -> m", "x -> y", "w -> m"]


def test_the_catalogue_is_a_base():
    theory = parse("based_on: mathieu_taylor_2006\nwithout: [x -> y]")
    assert [str(arrow) for arrow in theory.arrows] == ["x -> m", "m -> y"]
    assert parse(write(theory)) == theory


def test_a_theory_built_by_hand_is_resolved_where_it_is_compiled():
    theory = Theory(
        based_on="jobs", variables=[Variable(name="extra")], arrows=[Arrow(cause="extra", effect="depress2")]
    )
    plan = mx.compile(theory)
    assert "extra" in plan.equation("depress2").parents and "job_seek" in plan.equation("depress2").parents


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("based_on: nothing", "'nothing' is neither beside this file (nothing.yaml) nor in the catalogue"),
        ("based_on: bse.yaml", "there is no file 'bse.yaml' beside this one"),
        ("based_on: ../base", "'../base' is not a theory"),
        ("based_on: /etc/passwd", "is not a theory"),
        ("based_on: rival", "based_on: a circle"),
        ("based_on: one", "based_on: a circle"),
        ("based_on: base\nwithout: [m -> x]", "without: 'm -> x': there is no such arrow to leave out. Did you mean 'm -> y'?"),
        ("based_on: base\nwithout: [x <-> y]", "there is no such hidden cause to leave out. Did you mean 'w <-> x'?"),
        ("arrows: [x -> y]\nwithout: [x <-> y]", "hidden causes are never automatic; do not draw it"),
        ("based_on: base\narrows: [mm -> y]", "unknown variable 'mm'. Did you mean 'm'?"),
        ("based_on: base\narrows: [m -> y]\nwithout: [m -> y]", "drawn under arrows as well"),
        ("based_on: base\narrows: [y -> x]", "a circle"),
        ("based_on: [base]", "one text is wanted"),
    ],
)  # fmt: skip
def test_refused(shelf, text, message):
    (shelf / "one.yaml").write_text("based_on: rival\n")
    (shelf / "rival.yaml").write_text(text)
    with pytest.raises(SpecError) as refused:
        read(shelf / "rival.yaml")
    assert message in refused.value.message


def test_a_text_without_a_file_has_the_catalogue_only(shelf, monkeypatch):
    monkeypatch.chdir(shelf)
    with pytest.raises(SpecError, match="'base' is not in the catalogue"):
        parse("based_on: base")
