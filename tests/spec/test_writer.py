"""What is written reads back as the same theory."""

from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechanisms.errors import SpecError
from mechanisms.spec.reader import parse, read, resolve
from mechanisms.spec.theory import (
    Arrow,
    Citation,
    Condition,
    Distribution,
    HiddenCause,
    Level,
    Prior,
    Question,
    Shape,
    Span,
    Theory,
    Variable,
)
from mechanisms.spec.writer import write

SHARED = Path(__file__).parents[3] / "shared" / "theories"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared theories are not on this machine")
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.yaml")), ids=lambda path: path.stem)
def test_shared_theories(path):
    theory = read(path)
    assert parse(write(theory), str(path)) == theory
    if not theory.without and all(len((*level.within, *level.shared_by)) < 2 for level in theory.levels):
        once = drawn_again(theory, path)
        assert drawn_again(once, path) == once


def drawn_again(theory, path):
    text = write(theory, "dagitty", partial=True)
    try:
        return parse(text)
    except SpecError as refused:  # levels that are no chain are lost, and with them what speaks of them
        assert path.stem in ("crossed_therapists", "irt_crossed", "multiple_membership"), refused
        return theory


def test_canonical_text():
    theory = parse(
        'variables: {"x, w, y": , g: {family: categorical, values: [no, "a b"], means: "Goals: tasks, bond"}}\n'
        "arrows:\n  x, g -> y: {moderated_by: [w], because: 'It''s so'}\n  x <-> g:\n"
        "priors: {x * w -> y: {normal: [0, 0.5]}}\n"
        "questions: [{of: x, on: y, at: {g: each}}]"
    )
    assert write(theory) == (
        'variables:\n  x:\n  w:\n  y:\n  g:\n    means: "Goals: tasks, bond"\n    family: categorical\n    values: [no, a b]\n'
        'arrows:\n  x -> y:\n    moderated_by: [w]\n    because: "It\'s so"\n  g -> y:\n    moderated_by: [w]\n'
        '    because: "It\'s so"\n  g <-> x:\n'
        "priors:\n  x * w -> y:\n    normal: [0, 0.5]\n"
        "questions:\n  - of: x\n    on: y\n    at: {g: [each]}\n"
    )


def test_unknown_form():
    with pytest.raises(SpecError, match="unknown form 'json'"):
        write(parse("arrows: [x -> y]"), "json")


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12).map(lambda text: normalize("NFC", "t" + text))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
POS = st.none() | st.tuples(NUMBERS, NUMBERS)
SOURCES = st.none() | st.builds(Citation, text=TEXTS, url=st.none() | TEXTS, doi=st.none() | TEXTS)
NAMES = ("x", "følelse", "bdi.pre", "no", "_1", "null", "Y")


@st.composite
def theories(draw):
    """Random single-level theories: arrows go from earlier names to later ones."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=2, unique=True))
    variables = [
        Variable(name=name, means=draw(st.none() | TEXTS), unit=draw(st.none() | TEXTS), source=draw(SOURCES), pos=draw(POS),
                 measured_by=draw(st.none() | st.just(())))
        for name in names
    ]  # fmt: skip
    pairs = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True))
    arrows = []
    for one, other in chosen:
        others = [name for name in names[: names.index(other)] if name != one and name > one]
        moderators = draw(st.lists(st.sampled_from(others), unique=True, max_size=2)) if others else []
        shape = Shape(kind=draw(st.sampled_from(["linear", "quadratic"])))
        arrows.append(Arrow(cause=one, effect=other, shape=shape, moderated_by=tuple((name,) for name in moderators),
                            because=draw(st.none() | TEXTS), source=draw(SOURCES), pos=draw(POS)))  # fmt: skip
    hidden = [HiddenCause(one=one, other=other, because=draw(st.none() | TEXTS))
              for one, other in draw(st.lists(st.sampled_from(pairs), unique=True))]  # fmt: skip
    priors = [Prior(address=f"{one} -> {other}", fixed=draw(NUMBERS)) for one, other in chosen]
    questions = [Question(of=one, on=other, contrast=(draw(NUMBERS), "+1 sd"), name=draw(st.none() | TEXTS),
                          scale=draw(st.sampled_from(["raw", "standardised", "link"])))
                 for one, other in draw(st.lists(st.sampled_from(pairs), max_size=2))]  # fmt: skip
    return Theory(title=draw(st.none() | TEXTS), source=draw(SOURCES), variables=variables, arrows=arrows, hidden=hidden,
                  priors=priors, questions=questions)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(theories())
def test_round_trip(theory):
    assert parse(write(theory)) == theory
    once = parse(write(theory, "dagitty", partial=True))
    assert parse(write(once, "dagitty", partial=True)) == once


TERMS = {
    "x": "x",
    "x(t-1)": "x",
    "x(client)": "x",
    "m(0)": "m",
    "z": "z",
    "g=q": "g",
    "session": "session",
    "m(whole t-2)": "m",
}
DESIGNS = st.sampled_from([
    (), (Level(name="session", within=("client",)), Level(name="client")),
    (Level(name="session", within=("client",), occasions=(0, 2, 5), means="A meeting: weekly"), Level(name="client")),
    (Level(name="session", within=("client", "room")), Level(name="client", shared_by=("room",), only_when=Condition(values=(("g", ("q",)),))),
     Level(name="room")),
])  # fmt: skip
SPANS = st.builds(Span, st.integers(-3, 0).map(float), st.none() | st.integers(1, 9).map(float))
CONDITIONS = st.none() | st.builds(
    Condition, values=st.one_of(SPANS.map(lambda span: (("z", span),)), st.just((("g", ("q",)), ("z", (1.0, 2.5)))))
)
SHAPES = st.sampled_from([
    Shape(), Shape(kind="gp"), Shape(kind="spline", argument=4), Shape(kind="polynomial", argument=3),
    Shape(kind="bspline", argument=5), Shape(kind="piecewise", argument=(1.0, 2.5)),
])  # fmt: skip


@st.composite
def long_theories(draw):
    """Random theories of several levels: terms with parts and occasions, and every option of an arrow."""
    design = draw(DESIGNS.filter(bool))
    variables = [
        Variable(name="x", level="session", means=draw(st.none() | TEXTS), measured_by=draw(st.sampled_from([None, (), ("x1", "x2")]))),
        Variable(name="m", level="session", assessed=draw(st.sampled_from([None, "start", "end"])), only_when=draw(CONDITIONS)),
        Variable(name="z", level="client"),
        Variable(name="g", level="client", family="categorical", values=("p", "q")),
        Variable(name="y", level="session", family="gamma", zeros=draw(st.sampled_from([None, "hurdle"])), centre="observed"),
        Variable(name="d", level="session", computed="y - 0.5 * y(0)"),
    ]  # fmt: skip
    chosen = draw(st.lists(st.sampled_from(sorted(TERMS)), unique=True, max_size=4))
    arrows = []
    for cause in chosen:
        curved = TERMS[cause] != "g"
        others = sorted(set(TERMS) - set(chosen) - {"g=q", "session"}) if len(arrows) == 0 else []
        moderators = draw(st.lists(st.sampled_from(others), unique_by=TERMS.get, max_size=2)) if others else []
        arrows.append(Arrow(
            cause=cause, effect="y", shape=draw(SHAPES) if curved else Shape(), only_when=draw(CONDITIONS),
            moderated_by=[(term,) for term in moderators], varies_by=draw(st.sampled_from([None, (), ("client",)])),
            because=draw(st.none() | TEXTS),
        ))  # fmt: skip
    hidden = draw(st.lists(st.sampled_from([("x", "m"), ("x(client)", "m(client)"), ("m", "m(t-1)")]), unique=True))
    questions = [Question(of=of, on=on, population=draw(st.sampled_from(["typical", "these", ("new", "client"), ("each", "client")])))
                 for of, on in draw(st.lists(st.sampled_from([("x(t)", "y(t+1)"), ("z", "y"), ("m(t..)", "y(0..2)"), ("x(client)", "y(5)")])))]  # fmt: skip
    priors = [Prior(address="cor(client)", distribution=Distribution(name="lkj", arguments=(draw(st.floats(0.5, 9)),)))]
    return Theory(levels=design, time=("session",), variables=variables, arrows=arrows, priors=priors, questions=questions,
                  hidden=[HiddenCause(one=one, other=other) for one, other in hidden])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(long_theories())
def test_round_trip_with_levels(theory):
    try:
        theory = resolve(theory)
    except SpecError:
        return
    assert parse(write(theory)) == theory
    if len(theory.levels) == 2:
        once = parse(write(theory, "dagitty", partial=True))
        assert parse(write(once, "dagitty", partial=True)) == once
