"""Wrong or borderline texts, and what the reader answers: message and line (after shared/theories/ANSWERS.txt)."""

import re
from pathlib import Path

import pytest

from mechanisms.errors import SpecError
from mechanisms.spec.reader import parse

XMWY = 'variables: {"x, m, w, y": , r: {assigned: randomised}}\n'
G = "variables: {x: , y: , g: {family: categorical, values: [p, q]}}\n"

ANSWERS = [  # text, line, what the message says
    # --- text
    ("", None, "the text is empty"),
    ("just words", 1, "a theory is a mapping of keys"),
    (XMWY + "arrows:\n  {x, w} -> y:\n", 3, "braces begin a mapping in YAML; write x, w -> y"),
    (XMWY + "arrows:\n  {x, w} -> y: {shape: quadratic}\n", 3, "braces begin a mapping in YAML; write x, w -> y"),
    (XMWY + "arrows:\n  - {x, w} -> y\n", 3, "braces begin a mapping in YAML; write x, w -> y"),
    (XMWY + "arrows:\n  x -> y:{shape: quadratic}\n", 3, "'x -> y:{shape': a space is missing after a colon"),
    (XMWY + "arrows:\n  x -> y: {lag:1}\n", 3, "x -> y: unknown key 'lag:1'. Did you mean 'lag'?"),
    (XMWY + "arrows:\n  x -> y: {shape: piecewise(20, 30)}\n", 3, "x -> y: unknown key '30)'."),
    (XMWY + "arrows:\n  x -> y: {shape: spline(4)}\n", 3,
     "x -> y: unknown shape 'spline(4)'. Did you mean 'spline'? Arguments are written {shape: {spline: 4}}"),
    (XMWY + "arrows:\n  x -> y:\n  x -> y: {shape: quadratic}\n", 4, "'x -> y' is said twice (first on line 3)"),
    ("variables: &v {x: , y: }\narrows: *v\n", 1, "anchors and aliases are not part of the language"),
    ("arrows: [x -> y]\nname: *v\n", 2, "anchors and aliases are not part of the language"),
    ("arrows: !!set {x -> y}\n", 1, "tags (tag:yaml.org,2002:set) are not part of the language"),
    ("arrows: [x -> y]\n<<: {name: a}\n", 2, "'<<' (merge) is not part of the language"),
    ("arrows: [x -> y]\n? [a, b]\n: c\n", 2, "a key is a word, not a list or a mapping"),
    ("a{b: c\n", 1, "a key holds no braces or brackets"),
    ("arrows: [x -> y]\n---\narrows: [x -> y]\n", 2, "a file holds one theory"),
    ("%YAML 1.1\n---\narrows: [x -> y]\n", 1, "directives"),
    ("arrows: [x -> y]\ntitle: Client's view: goals\n", 2, "needs quotes"),
    ("arrows:\n\tx -> y:\n", 2, "indented with spaces, not with tabs"),
    ("variables:\n  x: {means: Goals, tasks}\narrows: [x -> y]\n", 2, "x: unknown key 'tasks'."),
    ("arrows: [x -> y]\nname:\n", 2, "name: nothing stands here"),
    ("arrows: [x -> y]\ntitle: [a, b]\n", 2, "title: one text is wanted, not a list"),
    ("arrows: [x -> y]\nname: a\x00b\n", 2, "U+0000 is not a character of it"),
    # --- names and keys
    ("arrows: [x -> y]\nvariable: {x: }\n", 2, "unknown key 'variable'. Did you mean 'variables'?"),
    ("arrows: [x -> y]\npurpose: fun\n", 2, "unknown key 'purpose'."),
    (XMWY + "arrows:\n  x -> y: {moderatd_by: w}\n", 3, "x -> y: unknown key 'moderatd_by'. Did you mean 'moderated_by'?"),
    ("variables: {sigma: , y: }\narrows: [sigma -> y]\n", 1, "'sigma' is a word of the language"),
    ("variables: {a b: , y: }\n", 1, "'a b' is not a name"),
    ("variables: {x: , x: }\n", 1, "'x' is said twice"),
    ('variables: {x: , "x, y": }\n', 1, "variable 'x' is said twice"),
    ("variables: [x, y]\n", 1, 'names alone are written variables: {"x, m, y": }'),
    ("variables: {x: normal}\n", 1, "x: options are a mapping, {key: value}"),
    ("variables:\n  x1..x0:\n", 2, "'x1..x0': a range counts upward; write x0..x1"),
    ("variables:\n  x1..y3:\n", 2, "'x1..y3' is not a range"),
    ("variables:\n  x1..x99999999:\n", 2, "more than 2000 names in one place"),
    ("variables:\n  x:\n  alliance:\narrows:\n  aliance -> x:\n", 5,
     "Arrow into 'x' names unknown variable 'aliance'. Did you mean 'alliance'?"),
    (XMWY + "arrows: [x -> yy]\n", 2, "Arrow from 'x' names unknown variable 'yy'. Did you mean 'y'?"),
    (XMWY + "arrows:\n  x -> y: {moderated_by: q}\n", 3, "x -> y: moderated_by names unknown variable 'q'. Known: x, m"),
    # --- variables
    ("variables: {x: {family: normale}}\n", 1, "x: unknown family 'normale'. Did you mean 'normal'?"),
    ("variables: {x: {assigned: randomized}}\n", 1, "x: assigned: unknown word 'randomized'. Did you mean 'randomised'?"),
    ("variables: {x: {range: [9, 0]}}\n", 1, "x: range: 9 lies above 0; the lower bound comes first"),
    ("variables: {x: {range: [0, many]}}\n", 1, "x: range: 'many' is not a number"),
    ("variables: {x: {range: [0, nan]}}\n", 1, "x: range: 'nan' is not a number"),
    ("variables: {x: {pos: 3}}\n", 1, "x: pos: two numbers are wanted"),
    ("variables: {x: {family: categorical}}\n", 1, "x: a categorical variable needs its values"),
    ("variables: {x: {family: bernoulli, values: [a, b, c]}}\n", 1, "x: bernoulli takes two values"),
    ("variables: {x: {values: [a, b]}}\n", 1, "x: values belong to a family of categories"),
    ("variables: {x: {family: bernoulli, values: [a, a]}}\n", 1, "x: values: 'a' is said twice"),
    ("variables: {x: {link: logit}}\n", 1, "x: family normal takes link identity, not logit"),
    ("variables: {x: {assigned: randomised, measured_by: []}}\n", 1, "x: a randomised variable is measured"),
    # --- arrows
    (XMWY + "arrows:\n  x -> m -> y:\n  m -> y: {moderated_by: w}\n", 4, "m -> y: m -> y is said twice (first on line 3)"),
    (XMWY + "arrows: [y -> y]\n", 2, "y -> y: an arrow from y to itself needs an earlier occasion: y(t-1)"),
    (XMWY + "arrows:\n  x -> m -> y:\n  y -> x:\n", 4, "a circle: x -> m -> y -> x"),
    (XMWY + "arrows:\n  x -> y:\n  m -> x: {moderated_by: y}\n", 4, "a circle: x -> y -> x"),
    (XMWY + "arrows:\n  x -> y: {moderated_by: x}\n", 3, "x -> y: a variable does not moderate itself; that is shape: quadratic"),
    (XMWY + "arrows:\n  x -> y: {moderated_by: w * w}\n", 3, "a variable does not moderate itself"),
    (XMWY + "arrows:\n  x -> y: {moderated_by: y}\n", 3, "y is the effect and cannot moderate its own cause"),
    (XMWY + "arrows:\n  x -> y: {moderated_by: w}\n  w -> y: {moderated_by: x}\n", 4,
     "w * x -> y is said twice: x moderating w is w moderating x"),
    (XMWY + "arrows:\n  x -> y: {moderated_by: [w, w]}\n", 3, "x * w -> y is said twice"),
    (XMWY + "arrows:\n  x -> y: {moderated_by: w * m}\n  w -> y: {moderated_by: m * x}\n", 4, "is said twice"),
    (XMWY + "arrows: [r -> y, r <-> y]\n", 2, "r <-> y: a randomised variable has no hidden causes"),
    (XMWY + "arrows: [x <-> x]\n", 2, "a hidden common cause joins two different variables"),
    (XMWY + "arrows: [x <-> y, y <-> x]\n", 2, "x <-> y is said twice"),
    (XMWY + "arrows:\n  x <-> y: {shape: quadratic}\n", 3,
     "x <-> y: a hidden common cause takes because, source and pos only, not 'shape'"),
    (XMWY + "arrows: [x, w -> y]\n", 2, 'needs quotes: "x, w -> y"'),
    (XMWY + "arrows: [x <- y]\n", 2, "arrows point to the right"),
    (XMWY + "arrows: [x -> m <-> y]\n", 2, "mixes -> and <->"),
    (XMWY + "arrows: [x → y]\n", 2, "'→' is not an arrow; write x -> y"),
    (XMWY + "arrows: [x -> ]\n", 2, "an arrow has a term on both sides"),
    (XMWY + 'arrows: ["x, -> y"]\n', 2, "a comma with nothing beside it"),
    (XMWY + "arrows: [x -> 1]\n", 2, "nothing points at 1"),
    (XMWY + "arrows:\n  x -> y: {shape: curvy}\n", 3, "x -> y: unknown shape 'curvy'."),
    (XMWY + "unmeasured: [[x]]\n", 2, "unmeasured: each entry is a list of two or more"),
    ("variables: {u: {measured_by: []}, r: {assigned: randomised}}\narrows: [u -> r]\n", 2,
     "u -> r: a randomised variable has no unmeasured causes"),
    ("variables: {b: {family: bernoulli}, y: }\narrows:\n  b -> y: {shape: quadratic}\n", 3,
     "b -> y: a curve needs more than two values"),
    (G + "arrows:\n  g -> y: {shape: quadratic}\n", 3, "g -> y: a curve needs numbers; g is categorical"),
    (G + "arrows: [g=qq -> y]\n", 2, "g=qq -> y: g has no value 'qq'. Did you mean 'q'?"),
    (G + "arrows: [x=q -> y]\n", 2, "x=q -> y: x has no declared values"),
    (G + "arrows: [g -> y, g=q -> y]\n", 2, "g -> y already means every category of g"),
    (XMWY + "arrows: [x -> y]\nwithout: [m -> y]\n", 3, "without: 'm -> y': there is no such arrow to leave out"),
    (XMWY + "arrows: [x -> y]\nwithout: [x -> y]\n", 3, "without: 'x -> y' is drawn under arrows as well"),
    # --- priors
    (XMWY + "arrows: [x -> m -> y]\npriors: {x -> m -> y: {normal: [0, 1]}}\n", 3,
     "prior on 'x -> m -> y': a prior goes on one arrow, x -> m or m -> y; `mx.simulate` shows what your priors imply"),
    (XMWY + "arrows: [x -> y]\npriors: {x -> y: {normal: 0}}\n", 3, "prior on 'x -> y': normal takes 2, [mean, sd]; 1 given"),
    (XMWY + "arrows: [x -> y]\npriors: {x -> y: {normal: [0, -1]}}\n", 3, "normal takes [mean, sd]; -1 is not above 0"),
    (XMWY + "arrows: [x -> y]\npriors: {m -> y: {normal: [0, 1]}}\n", 3,
     "prior on 'm -> y': no such parameter. Did you mean 'x -> y'?"),
    (XMWY + "arrows: [x -> y]\npriors: {xx -> y: {normal: [0, 1]}}\n", 3,
     "prior on 'xx -> y' names unknown variable 'xx'. Did you mean 'x'?"),
    (XMWY + "arrows: [x -> y]\npriors: {x^2 -> y: {normal: [0, 1]}}\n", 3, "prior on 'x^2 -> y': no such parameter"),
    (XMWY + "arrows: [x -> y]\npriors: {x -> y: 0.5}\n", 3, "prior on 'x -> y': say what is known"),
    (XMWY + "arrows: [x -> y]\npriors: {x -> y: {scale: raw}}\n", 3, "one of a distribution, fixed and same_as is wanted"),
    (XMWY + "arrows: [x -> y]\npriors: {x -> y: {fixed: 1, normal: [0, 1]}}\n", 3, "distribution and fixed are said"),
    (XMWY + "arrows: [x -> y]\npriors: {x -> y: {beta: [1, 1], normal: [0, 1]}}\n", 3, "one distribution is wanted"),
    (XMWY + "arrows: [x -> y]\npriors: {x -> y: {norml: [0, 1]}}\n", 3, "unknown key 'norml'. Did you mean 'normal'?"),
    (XMWY + "arrows: [x -> y]\npriors: {x -> y: {normal: [0, 1], above: 2, below: 1}}\n", 3, "nothing of normal(0, 1) lies"),
    (XMWY + "arrows: [x -> y]\npriors: {x -> y: {half_normal: 1, below: -1}}\n", 3, "nothing of half_normal(1) lies"),
    (XMWY + "arrows: [x -> y]\npriors: {x -> y: {fixed: 1, above: 0}}\n", 3, "above and below bound a distribution"),
    (XMWY + "arrows: [x -> y]\npriors: {x -> y: {same_as: x -> y}}\n", 3, "same_as leads back to itself"),
    (XMWY + "arrows: [x -> y]\npriors: {x -> y: {same_as: sigma(y)}}\n", 3, "same_as wants an address of the same kind"),
    (XMWY + "arrows: [x, m -> y]\n", 2, "quotes"),
    (XMWY + "arrows: [x -> y]\npriors: {sigma(y): {normal: [0, 1]}}\n", 3, "sigma(y) is positive"),
    (XMWY + "arrows: [x <-> y]\npriors: {x <-> y: {fixed: 1}}\n", 3, "lies between -1 and 1"),
    ("arrows:\n  x -> y: {moderated_by: w}\npriors:\n  x * w -> y: {fixed: 1}\n  w * x -> y: {fixed: 1}\n", 5, "is said twice"),
    ("variables: {g: {family: categorical, values: [a, b, c]}, y: }\narrows: [g -> y]\npriors: {g -> y: {normal: [1, 1]}}\n",
     3, "g has several coefficients, only a prior around 0 serves them all; say which: g=b or g=c"),
    (G + "arrows: [g -> y]\npriors: {g=p -> y: {normal: [1, 1]}}\n", 3, "'p' is the reference of g"),
    # --- questions
    (XMWY + "arrows: [x -> m -> y]\nquestions: [{of: x, on: y, kind: controlled}]\n", 3,
     "question: a controlled effect needs set: {mediator: value}"),
    (XMWY + "arrows: [x -> y]\nquestions: [{of: x}]\n", 3, "question: 'on' is missing"),
    (XMWY + "arrows: [x -> y]\nquestions: [{of: x, on: z}]\n", 3, "question: on names unknown variable 'z'"),
    (XMWY + "arrows: [x -> y]\nquestions: [{of: x, on: x}]\n", 3, "question: 'of' and 'on' are both x"),
    (XMWY + "arrows: [x -> y]\nquestions: [{of: x, on: y, kind: total_}]\n", 3, "unknown kind 'total_'. Did you mean 'total'?"),
    (XMWY + "arrows: [x -> y]\nquestions: [{of: x, on: y, kind: indirect, through: mm}]\n", 3,
     "through names unknown variable 'mm'. Did you mean 'm'?"),
    (XMWY + "arrows: [x -> y]\nquestions: [{of: x, on: y, kind: indirect, through: x -> m -> y}]\n", 3,
     "through: x -> m is not drawn. x has arrows to y"),
    (XMWY + "arrows: [x -> m -> y]\nquestions: [{of: x, on: y, through: m}]\n", 3, "add kind: indirect"),
    (XMWY + "arrows: [x -> m -> y]\nquestions: [{of: x, on: y, at: {m: 1}}]\n", 3, "set: {m: …} intervenes on it"),
    (XMWY.replace('"x, m, w, y"', 'w: {family: normal}, "x, m, y"') + "arrows: [x -> y]\nquestions: [{of: x, on: y, at: {w: middling}}]\n", 3, "'middling' is neither a number nor mean"),
    (XMWY.replace('"x, m, w, y"', 'w: {family: normal}, "x, m, y"') + "arrows: [x -> y]\nquestions: [{of: x, on: y, at: {w: each}}]\n", 3, "each goes through categories"),
    (XMWY + "arrows: [x -> y]\nquestions: [{of: x, on: y, adjust: [y]}]\n", 3, "y is what the question is about"),
    (G + "arrows: [g -> y]\nquestions: [{of: g, on: y, contrast: [p, qq]}]\n", 2 + 1, "g has no value 'qq'. Did you mean 'q'?"),
    (G + "arrows: [g -> y]\nquestions: [{of: g, on: y, contrast: p}]\n", 3, "two values are wanted, [from, to]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "message"), ANSWERS, ids=range(len(ANSWERS)))
def test_refused_with_its_line(text, line, message):
    with pytest.raises(SpecError) as refused:
        parse(text, "beck.yaml")
    assert message in refused.value.message
    assert refused.value.place.line == line
    if line is not None:
        assert f"beck.yaml:{line}" in str(refused.value)


def test_documented_shape():
    with pytest.raises(SpecError) as refused:
        parse("variables:\n  x:\n  alliance:\narrows:\n  aliance -> x:\n", "beck.yaml")
    assert str(refused.value) == (
        "Arrow into 'x' names unknown variable 'aliance'. Did you mean 'alliance'?\n\n"
        "  beck.yaml:5\n     5 |   aliance -> x:"
    )


SHARED = Path(__file__).parents[3] / "shared" / "theories" / "ANSWERS.txt"
EXPANDED = {  # what needs the coefficients that an arrow stands for is refused by `graph.expansion`
    "a_B b_W", "circle of means", "moderator finer than effect 2", "varies own", "varies not below", "prior two", "whole twice",
}  # fmt: skip
SAID_OTHERWISE = {
    "circle": "a circle: x -> m -> y -> x",
    "near miss": "unknown variable 'aa'. Did you mean 'a'?",
    "product twice": "w * x -> y is said twice: x moderating w is w moderating x",
    "computed log": "unknown variable 'log'.",
    "lag on client level": "lag does not apply to z, which has one value per client; split the chain",
    "prior indirect": "a prior goes on one arrow, x -> m or m -> y",
    "unknown part": "any(y): normal has no part 'any'; it has sigma",
    "said twice yaml": "'x -> y' is said twice",
    "lag beyond": "'a(t+1)': 't+1' is neither an occasion (t-1, 0, 5) nor a level",
}


def shared_answers():
    text = SHARED.read_text() if SHARED.is_file() else ""
    for block in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        name, _, rest = block.partition("\n")
        body, _, wanted = rest.partition("\n=> ")
        yield name, re.sub(r"^    ", "", body, flags=re.MULTILINE), wanted.strip()


@pytest.mark.parametrize(("name", "text", "wanted"), list(shared_answers()))
def test_shared_answers(name, text, wanted):
    if wanted.startswith("READ") or name in EXPANDED:
        assert parse(text).arrows
        return
    message = SAID_OTHERWISE.get(name, re.sub(r"^SpecError: (line \d+: )?", "", wanted))
    with pytest.raises(SpecError) as refused:
        parse(text)
    assert message in refused.value.message
    assert refused.value.place.line is not None
